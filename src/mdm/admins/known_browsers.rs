//! Browsers in which somebody was logged in before: they keep a sealed mark of it, and what others guess does not slow them down.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::Tx;

/// How long a browser is known after the last log-in.
pub const KNOWN_FOR: Duration = Duration::from_secs(180 * 24 * 3600);

/// Characters of a mark that are looked at; real ones have about 110.
const MARK_MAX: usize = 400;

/// For which place the mark is sealed. It proves no more than that this person was in: nobody gets in by it.
const PLACE: &str = "cookies.known_browser/mark";

/// The mark for a browser in which the person with this id has just logged in.
pub fn mark(tx: &Tx, admin_id: &str) -> Result<Secret<String>> {
    let said = format!("{}/{admin_id}", tx.now.millis());
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(tx.seal(PLACE, said.as_bytes())?)))
}

/// Whether a browser that shows this was logged in as the person with this id, not too long ago.
pub fn is_of(tx: &Tx, mark: &str, admin_id: &str) -> bool {
    let Some(said) = opened(tx, mark) else { return false };
    let Some((at, id)) = said.split_once('/') else { return false };
    let since = at.parse().map(Timestamp::from_millis);
    id == admin_id && since.is_ok_and(|since| since.plus(KNOWN_FOR) > tx.now)
}

fn opened(tx: &Tx, mark: &str) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(Some(mark).filter(|mark| mark.len() <= MARK_MAX)?).ok()?;
    String::from_utf8(tx.open(PLACE, &sealed).ok()?.expose().clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn a_mark_is_of_one_person_for_half_a_year_and_cannot_be_made_elsewhere() {
        let (store, now) = (Store::open(OpenOptions::memory()).unwrap(), Timestamp::from_seconds(1_800_000_000));
        let made = store.read_blocking(now, |tx| mark(tx, "kim")).unwrap().expose().clone();
        let known = |mark: &str, id: &str, at: Timestamp| store.read_blocking(at, |tx| Ok(is_of(tx, mark, id))).unwrap();
        assert!(known(&made, "kim", now) && !known(&made, "jo", now));
        assert!(!known(&made, "kim", now.plus(KNOWN_FOR)));
        let plain = URL_SAFE_NO_PAD.encode(format!("{}/kim", now.millis()));
        for forged in ["", "x", plain.as_str(), &made[1..], "A".repeat(MARK_MAX + 1).as_str()] {
            assert!(!known(forged, "kim", now), "{forged}");
        }
    }
}
