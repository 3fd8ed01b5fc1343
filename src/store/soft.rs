//! Soft facts: small things worth knowing that nobody waits for, merged in memory and written with the next group.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;

/// Facts that may wait in memory; one more of another thing is dropped, a newer one of the same thing is not.
pub const SOFT_LIMIT: usize = 32_768;

/// Whose moment it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SoftFact {
    /// The enrollment with this id spoke to us.
    EnrollmentSeen(String),
    /// The session with this token hash was used.
    SessionUsed(Vec<u8>),
    /// The API token with this id was used.
    TokenUsed(String),
}

impl SoftFact {
    /// Writes the fact; a moment earlier than what is stored changes nothing.
    fn write(&self, tx: &Tx, at: Timestamp) -> Result<()> {
        match self {
            Self::EnrollmentSeen(id) => tx.execute(
                "UPDATE enrollments SET last_seen_at = ?2 WHERE id = ?1 AND (last_seen_at IS NULL OR last_seen_at < ?2)",
                (id, at),
            ),
            Self::SessionUsed(hash) => {
                tx.execute("UPDATE sessions SET last_used_at = ?2 WHERE token_hash = ?1 AND last_used_at < ?2", (hash, at))
            }
            Self::TokenUsed(id) => tx
                .execute("UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)", (id, at)),
        }?;
        Ok(())
    }
}

/// Facts on their way, the latest moment of each.
#[derive(Debug, Default)]
pub(in crate::store) struct SoftFacts(HashMap<SoftFact, Timestamp>);

impl SoftFacts {
    /// Takes in a fact; false when there is no room for it.
    pub(in crate::store) fn add(&mut self, fact: SoftFact, at: Timestamp) -> bool {
        if self.0.len() >= SOFT_LIMIT && !self.0.contains_key(&fact) {
            return false;
        }
        let known = self.0.entry(fact).or_insert(at);
        *known = at.max(*known);
        true
    }

    /// Everything so far, as a list to write from.
    pub(in crate::store) fn take(&mut self) -> Vec<(SoftFact, Timestamp)> {
        std::mem::take(&mut self.0).into_iter().collect()
    }
}

/// Writes a list of facts.
pub(in crate::store) fn write_all(tx: &Tx, facts: &[(SoftFact, Timestamp)]) -> Result<()> {
    facts.iter().try_for_each(|(fact, at)| fact.write(tx, *at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_moment_of_each_fact_is_kept_and_the_list_is_bounded() {
        let (mut facts, early, late) = (SoftFacts::default(), Timestamp::from_seconds(1), Timestamp::from_seconds(2));
        for number in 0..SOFT_LIMIT {
            assert!(facts.add(SoftFact::TokenUsed(number.to_string()), early));
        }
        assert!(!facts.add(SoftFact::TokenUsed("one more".into()), early));
        assert!(facts.add(SoftFact::TokenUsed("7".into()), late));
        assert!(facts.add(SoftFact::TokenUsed("7".into()), early));
        let taken = facts.take();
        assert_eq!(taken.len(), SOFT_LIMIT);
        assert!(taken.contains(&(SoftFact::TokenUsed("7".into()), late)));
        assert!(facts.take().is_empty());
    }
}
