//! When devices were heard of, and how many day by day. What a past day was is counted once and kept: there may be a million lines of it to go through.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::enrollments::{self, Enrollment};
use crate::store::events;
use crate::store::roster;
use crate::store::settings::{self, Setting};

/// Days that are looked at, today among them.
pub const DAYS: i64 = 14;

/// How exactly it is remembered when a device was last heard of, within one conversation.
const EVERY: Duration = Duration::from_secs(10);

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Devices that were heard of on past days, by the number of the day since 1970.
const KEPT: Setting<BTreeMap<i64, u64>> = Setting::new("heard.days");

/// Notes that an enrollment was heard of, with what it said; polls that say nothing are noted softly.
pub fn now(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if enrollment.last_seen_at.is_none_or(|seen| tx.now.since(seen) >= EVERY) {
        enrollments::seen(tx, &enrollment.id)?;
    }
    Ok(())
}

fn today(tx: &Tx) -> i64 {
    tx.now.millis() / DAY_MS
}

fn begin(day: i64) -> Timestamp {
    Timestamp::from_millis(day * DAY_MS)
}

/// Devices heard of on each of the last [`DAYS`] days in UTC, oldest first; of today, those that were until now.
pub fn of_days(tx: &Tx, actor: &Actor) -> Result<Vec<u64>> {
    actor.require(Right::View)?;
    let (kept, today) = (settings::value(tx, &KEPT)?.unwrap_or_default(), today(tx));
    let on = |day: i64| match kept.get(&day) {
        _ if day == today => roster::heard_since(tx, begin(day)),
        Some(count) => Ok(*count),
        None => events::devices_heard(tx, begin(day), begin(day + 1)),
    };
    (today - DAYS + 1..=today).map(on).collect()
}

/// What past days were that nobody has counted yet.
pub fn uncounted(tx: &Tx) -> Result<BTreeMap<i64, u64>> {
    let (kept, today) = (settings::value(tx, &KEPT)?.unwrap_or_default(), today(tx));
    let missing = (today - DAYS + 1..today).filter(|day| !kept.contains_key(day));
    missing.map(|day| Ok((day, events::devices_heard(tx, begin(day), begin(day + 1))?))).collect()
}

/// Keeps what was counted, and forgets days that are not looked at any more.
pub fn keep(tx: &Tx, counted: &BTreeMap<i64, u64>) -> Result<()> {
    let mut kept = settings::value(tx, &KEPT)?.unwrap_or_default();
    kept.extend(counted);
    kept.retain(|day, _| *day > today(tx) - DAYS);
    settings::set(tx, &KEPT, &kept).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::Role;
    use crate::store::events::NewEvent;
    use crate::store::{OpenOptions, Store};

    type Work = Box<dyn FnOnce(&Tx) -> Result<Vec<u64>> + Send>;

    #[test]
    fn past_days_are_counted_once_and_today_by_who_was_heard_of() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let at = |day: i64| Timestamp::from_millis((20_800 + day) * DAY_MS + 3_600_000);
        let write = |day, work: Work| store.write_blocking(at(day), work).unwrap();
        let viewer = || Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
        let heard = |tx: &Tx, device: &str| {
            let event = NewEvent { kind: "push.sent", actor_kind: "device", device_id: Some(device), ..NewEvent::default() };
            events::append(tx, &event).map(drop)
        };
        // Twice the same device, another one, and what was no device's doing.
        write(
            0,
            Box::new(move |tx| {
                heard(tx, "a")?;
                heard(tx, "a")?;
                heard(tx, "b")?;
                events::append(tx, &NewEvent { kind: "push.sent", actor_kind: "job", device_id: Some("c"), ..NewEvent::default() })?;
                Ok(Vec::new())
            }),
        );
        let of_days = move |tx: &Tx| of_days(tx, &viewer());
        let seen = write(
            2,
            Box::new(move |tx| {
                crate::store::profiles::tests::group(tx, "g", "7b", &[])?;
                crate::store::meetings::tests::device(tx, "a", "iPad", "18.1", "g")?;
                of_days(tx)
            }),
        );
        assert_eq!(seen, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1], "it enrolled today");
        let kept = write(
            2,
            Box::new(move |tx| {
                let counted = uncounted(tx)?;
                assert_eq!(counted.len() as i64, DAYS - 1);
                keep(tx, &counted)?;
                assert!(uncounted(tx)?.is_empty());
                Ok(counted.into_values().collect())
            }),
        );
        assert_eq!(kept.iter().sum::<u64>(), 2);
        // What is kept is not counted again: the log is not gone through.
        let later = write(
            4,
            Box::new(move |tx| {
                assert_eq!(uncounted(tx)?.len(), 2);
                keep(tx, &uncounted(tx)?)?;
                of_days(tx)
            }),
        );
        assert_eq!(later, [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    }
}
