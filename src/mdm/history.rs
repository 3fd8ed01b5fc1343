//! How long it is kept what happened: what people did for ever, what devices and jobs did for more than a year, questions for as long as commands.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::events::{self, Past};
use crate::store::settings::{self, Setting};

/// How long finished commands are kept, and what is told of those that only asked, and of wake-ups.
pub const KEEP_ROUTINE: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long everything else is kept that devices and jobs did.
pub const KEEP_DEEDS: Duration = Duration::from_secs(400 * 24 * 3600);

/// How far ahead of now something may have happened without its clock having been wrong.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// Commands that ask and change nothing; the next answer takes the place of the last.
const QUESTIONS: [&str; 12] = [
    "AvailableOSUpdates",
    "CertificateList",
    "DeviceInformation",
    "InstalledApplicationList",
    "ManagedApplicationFeedback",
    "ManagedApplicationList",
    "OSUpdateStatus",
    "ProfileList",
    "ProvisioningProfileList",
    "ScheduleOSUpdateScan",
    "SecurityInfo",
    "UserList",
];

/// What devices and jobs did that is kept for ever all the same: there is little of it, and it says since when a device is whose, and by which authority.
const LASTING: [&str; 11] = [
    "authority.ended",
    "authority.made",
    "authority.restored",
    "authority.used",
    "enrollment.enrolled",
    "enrollment.erased",
    "enrollment.left",
    "enrollment.migrated",
    "enrollment.moved_in",
    "enrollment.returned",
    "enrollment.came_back",
];

/// A part of what happened with a time of its own, and the place up to which it was gone through: what was kept there stays, and is not looked at again.
struct Tier {
    keep: Duration,
    reached: Setting<i64>,
    goes: fn(&Past) -> bool,
}

const TIERS: [Tier; 2] = [
    Tier { keep: KEEP_ROUTINE, reached: Setting::new("history.routine_to"), goes: is_routine },
    Tier { keep: KEEP_DEEDS, reached: Setting::new("history.deeds_to"), goes: is_deed },
];

/// Whether a device or a job did it, rather than a person or a script.
fn is_by_itself(event: &Past) -> bool {
    matches!(event.actor_kind.as_str(), "device" | "job")
}

/// Also what a script only asked: it may do so every hour, of every device, for years.
fn is_routine(event: &Past) -> bool {
    let asks = || event.request_type.as_deref().is_some_and(|request_type| QUESTIONS.contains(&request_type));
    let is_question = (is_by_itself(event) || event.actor_kind == "token") && event.kind.starts_with("command.") && asks();
    is_question || (is_by_itself(event) && event.kind == "push.sent")
}

fn is_deed(event: &Past) -> bool {
    is_by_itself(event) && !LASTING.contains(&event.kind.as_str())
}

/// What a page of forgetting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Events that are gone.
    pub removed: usize,
    /// Whether there may be more whose time is over.
    pub goes_on: bool,
}

/// Forgets what had its time, oldest first; looks at `limit` events of each part at most.
pub fn forget(tx: &Tx, limit: u32) -> Result<Forgotten> {
    let mut forgotten = Forgotten { removed: 0, goes_on: false };
    for tier in &TIERS {
        let before = settings::value(tx, &tier.reached)?.unwrap_or_default();
        let page = events::past(tx, before, limit)?;
        let over: Vec<_> = page.iter().take_while(|event| is_over(event, tx.now, tier.keep)).collect();
        for event in over.iter().filter(|event| (tier.goes)(event)) {
            events::remove(tx, event.seq)?;
            forgotten.removed += 1;
        }
        if let Some(last) = over.last() {
            settings::set(tx, &tier.reached, &last.seq)?;
        }
        forgotten.goes_on |= over.len() == limit as usize;
    }
    Ok(forgotten)
}

/// Whether an event's time is over. One from a clock that was ahead holds up nobody: what else happened in that hour is older than all that follows.
fn is_over(event: &Past, now: Timestamp, keep: Duration) -> bool {
    event.at < now.minus(keep) || event.at > now.plus(AHEAD)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::events::{Filter, NewEvent};
    use crate::store::{OpenOptions, Store};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(day: u32) -> Timestamp {
        Timestamp::from_seconds(1_795_000_000).plus(DAY * day)
    }

    fn happens(store: &Store, day: u32, kind: &'static str, actor_kind: &'static str, request_type: &'static str) {
        let data = if request_type.is_empty() { json!({}) } else { json!({ "request_type": request_type }) };
        let write = move |tx: &Tx| events::append(tx, &NewEvent { kind, actor_kind, actor: "x", data, ..NewEvent::default() });
        store.write_blocking(at(day), write).unwrap();
    }

    fn left(store: &Store) -> Vec<String> {
        let all = store.read_blocking(at(0), |tx| events::list(tx, &Filter::default(), None, 100)).unwrap();
        all.into_iter().rev().map(|event| format!("{} {}", event.kind, event.actor_kind)).collect()
    }

    /// Everything that is over, in pages of so many; gives how many went.
    fn forget_all(store: &Store, day: u32, limit: u32) -> usize {
        let mut removed = 0;
        loop {
            let page = store.write_blocking(at(day), move |tx| forget(tx, limit)).unwrap();
            removed += page.removed;
            if !page.goes_on {
                return removed;
            }
        }
    }

    fn school() -> Store {
        let store = Store::open(OpenOptions::memory()).unwrap();
        happens(&store, 0, "enrollment.enrolled", "device", "");
        happens(&store, 0, "command.queued", "job", "DeviceInformation");
        happens(&store, 0, "command.acknowledged", "device", "DeviceInformation");
        happens(&store, 0, "push.sent", "job", "");
        happens(&store, 0, "command.queued", "person", "DeviceInformation");
        happens(&store, 0, "command.queued", "person", "EraseDevice");
        happens(&store, 0, "command.queued", "token", "DeviceInformation");
        happens(&store, 0, "command.queued", "token", "DeviceLock");
        happens(&store, 0, "command.acknowledged", "device", "EraseDevice");
        happens(&store, 80, "command.queued", "job", "ProfileList");
        store
    }

    #[test]
    fn questions_go_first_then_deeds_and_what_people_did_stays() {
        for limit in [1, 3, 100] {
            let store = school();
            assert_eq!(forget_all(&store, 90, limit), 0, "not before their time");
            assert_eq!(forget_all(&store, 91, limit), 4);
            assert_eq!(forget_all(&store, 91, limit), 0, "once");
            let orders = ["command.queued person", "command.queued person", "command.queued token"];
            let deeds = ["command.acknowledged device", "command.queued job"];
            assert_eq!(left(&store), [&["enrollment.enrolled device"][..], &orders[..], &deeds[..]].concat());
            assert_eq!(forget_all(&store, 401, limit), 2);
            assert_eq!(left(&store), [&["enrollment.enrolled device"][..], &orders[..]].concat(), "what a script ordered stays");
            assert_eq!(forget_all(&store, 4000, limit), 0, "for ever");
        }
    }

    #[test]
    fn an_event_of_a_clock_that_was_ahead_holds_up_nobody() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        happens(&store, 9_000, "push.sent", "job", "");
        happens(&store, 0, "push.sent", "job", "");
        assert_eq!(forget_all(&store, 91, 100), 2);
    }
}
