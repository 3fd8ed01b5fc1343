//! Refused requests for certificates: written down a few at a time, because anybody can cause them, and told of when there are many.

use std::time::Duration;

use serde_json::Value;

use crate::error::Result;
use crate::mdm::{Actor, journal};
use crate::store::{Tx, alerts, events};

/// Refusals that are written down in [`NOTED_IN`] at most, whoever causes them.
pub const NOTED_MAX: usize = 60;
/// The time in which the same refusal of the same request is written down once.
pub const NOTED_IN: Duration = Duration::from_secs(3600);

/// What names the alert.
pub const ALERT: &str = "certificates.refused";
/// How long somebody is told after the last one that was too many.
const TOLD_FOR: Duration = Duration::from_secs(2 * 3600);
/// The time in which the alert counts once more at the most.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Nothing is broken by it.
const HARM: i64 = 55;

/// Writes down that a request was refused, as an admin looks for it; `data` says why under `because`. Of what is too many only an alert remains.
pub(in crate::mdm::ca) fn note(tx: &Tx, actor: &Actor, subject: journal::Subject<'_>, data: Value) -> Result<()> {
    const KIND: &str = "certificate.refused";
    let filter = events::Filter { kind: Some(KIND), ..events::Filter::default() };
    let mut recent = events::list(tx, &filter, None, NOTED_MAX)?;
    recent.retain(|event| event.at.plus(NOTED_IN) > tx.now);
    if recent.len() >= NOTED_MAX {
        return tell(tx);
    }
    let said = actor.to_string();
    if recent.iter().any(|event| event.actor == said && event.data["because"] == data["because"]) {
        return Ok(());
    }
    journal::note(tx, actor, KIND, subject, data)
}

fn tell(tx: &Tx) -> Result<()> {
    let told = alerts::all(tx)?.into_iter().find(|alert| alert.key == ALERT);
    if told.is_some_and(|told| told.last_at <= tx.now && told.last_at.plus(TOLD_EVERY) > tx.now) {
        return Ok(());
    }
    let message = t!("Many requests for certificates are refused: {max} and more within an hour.", max = NOTED_MAX);
    let remedy = t!(
        "Devices may try again with a profile that is over: have them download it anew. Or somebody guesses, which leads to nothing. The log says where \
         each request comes from and why it is refused; the audit log has the first ones of the hour."
    );
    alerts::raise(tx, ALERT, HARM, &message, remedy).map(drop)
}

/// Ends what is said about refusals that stopped.
pub fn sweep(tx: &Tx) -> Result<()> {
    let is_over = |alert: &alerts::Alert| alert.key == ALERT && alert.last_at.plus(TOLD_FOR) <= tx.now;
    alerts::all(tx)?.iter().filter(|alert| is_over(alert)).try_for_each(|alert| alerts::clear(tx, &alert.key).map(drop))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_593_600);

    fn refuse(store: &Store, transaction: &str, at: Timestamp) {
        let actor = Actor::Device { name: format!("SCEP {transaction}") };
        let work =
            move |tx: &Tx| note(tx, &actor, journal::Subject::default(), json!({ "because": "no challenge", "request": tx.new_id() }));
        store.write_blocking(at, work).unwrap();
    }

    fn counts(store: &Store, at: Timestamp) -> (usize, usize) {
        let told = |tx: &Tx| Ok((events::list(tx, &events::Filter::default(), None, 500)?.len(), alerts::all(tx)?.len()));
        store.read_blocking(at, told).unwrap()
    }

    #[test]
    fn one_refusal_is_written_down_once_and_all_of_an_hour_are_bounded_and_told_of() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        for _ in 0..3 {
            refuse(&store, "again", NOW);
        }
        assert_eq!(counts(&store, NOW), (1, 0));
        for number in 0..NOTED_MAX * 2 {
            refuse(&store, &number.to_string(), NOW);
        }
        assert_eq!(counts(&store, NOW), (NOTED_MAX, 1));
        let later = NOW.plus(NOTED_IN);
        refuse(&store, "again", later);
        store.write_blocking(later, sweep).unwrap();
        assert_eq!(counts(&store, later), (NOTED_MAX + 1, 1), "the next hour has a line of its own");
        let over = NOW.plus(TOLD_FOR);
        store.write_blocking(over, sweep).unwrap();
        assert_eq!(counts(&store, over).1, 0);
    }
}
