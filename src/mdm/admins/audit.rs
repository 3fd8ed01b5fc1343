//! Who sees which events: the audit log is for those who may read it, what happens to devices for all who may see devices.

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::actor::{Actor, Right, Role};
use crate::mdm::scope::{self, Scope};
use crate::store::Tx;
use crate::store::events::{self, Event, Filter};

/// Nouns of events that are about people who log in and not about the appliance's work.
const ABOUT_PEOPLE: [&str; 4] = ["admin", "session", "setup", "token"];

/// Events that pass `filter`, newest first, from before the cursor `before`; and how many pass it. Whoever may see devices but not the
/// audit log gets those about devices.
pub fn list(tx: &Tx, actor: &Actor, filter: Filter<'_>, before: Option<i64>, limit: u32) -> Result<(Vec<Event>, u64)> {
    let filter = visible(actor, filter)?;
    Ok((events::list(tx, &filter, before, limit as usize)?, events::count(tx, &filter)?))
}

/// As [`list`], without counting what is on other pages.
pub fn page(tx: &Tx, actor: &Actor, filter: Filter<'_>, before: Option<i64>, limit: u32) -> Result<Vec<Event>> {
    events::list(tx, &visible(actor, filter)?, before, limit as usize)
}

/// What somebody looks for in the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The name of who did it: a person's or a token's, whatever their role then; or what stands there, such as `console`.
    pub by: String,
    /// What happened; of a noun where it ends in a dot.
    pub kind: String,
    /// The device that it is about.
    pub device_id: String,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Kinds of actors; none means all.
    pub actor_kinds: &'static [&'static str],
}

impl Asked {
    /// How whoever is meant may stand in the log.
    pub fn actors(&self) -> Vec<String> {
        let by = self.by.trim();
        if by.is_empty() {
            return Vec::new();
        }
        let in_role = |role: Role| [format!("{by} ({})", role.as_str()), t!("token {by} ({role})", by, role = role.as_str())];
        std::iter::once(by.to_owned()).chain(Role::ALL.into_iter().flat_map(in_role)).collect()
    }

    /// As the store takes it; `actors` come from [`Asked::actors`].
    pub fn filter<'a>(&'a self, actors: &'a [String]) -> Filter<'a> {
        let some = |text: &'a String| Some(text.as_str()).filter(|text| !text.is_empty());
        Filter {
            device_id: some(&self.device_id),
            kind: some(&self.kind),
            actor_kinds: self.actor_kinds,
            actors,
            from: self.from,
            until: self.until,
            ..Filter::default()
        }
    }
}

/// Writes down that the audit log is taken as a file; takes the right to read it.
pub fn exported(tx: &Tx, actor: &Actor, asked: &Asked, format: &str) -> Result<()> {
    actor.require(Right::Log)?;
    let data = json!({ "format": format, "by": asked.by, "kind": asked.kind, "from": asked.from, "until": asked.until });
    super::record(tx, actor, "audit.exported", data)
}

fn visible<'a>(actor: &Actor, filter: Filter<'a>) -> Result<Filter<'a>> {
    actor.require(Right::View)?;
    Ok(Filter { about_devices: filter.about_devices || !actor.may(Right::Log), ..filter })
}

/// A stretch of the live stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// What the actor may see of it, oldest first.
    pub events: Vec<Event>,
    /// The place up to which the stream was read, to go on from.
    pub upto: i64,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// What happened after the place `seq`, as far as `actor` may see it.
///
/// Whoever may not read the audit log learns of the appliance's own affairs only that something changed, so that a page can follow it,
/// and of people who log in nothing. Teachers learn that something changed in their classes.
pub fn after(tx: &Tx, actor: &Actor, seq: i64) -> Result<Stretch> {
    let scope = scope::of(tx, actor)?;
    let read = events::after(tx, seq, events::PAGE_LIMIT)?;
    let upto = read.last().map_or(seq, |event| event.seq);
    let more = read.len() == events::PAGE_LIMIT;
    let events = match scope {
        Scope::Everything if actor.may(Right::Log) => read,
        Scope::Everything => read.into_iter().filter_map(seen_by_viewers).collect(),
        own @ Scope::Classes(_) => seen_by_teachers(tx, &own, read)?,
    };
    Ok(Stretch { events, upto, more })
}

/// That something changed on a device of their classes, or in the classes themselves; not by whom, nor what.
fn seen_by_teachers(tx: &Tx, own: &Scope, read: Vec<Event>) -> Result<Vec<Event>> {
    let mut seen = Vec::new();
    for event in read {
        let is_in_view = match (&event.device_id, event.data.get("class").and_then(serde_json::Value::as_str)) {
            (Some(device), _) => own.has_device(tx, device)?,
            (None, Some(class)) => own.sees(class),
            (None, None) => false,
        };
        if is_in_view {
            seen.push(bare(event));
        }
    }
    Ok(seen)
}

fn bare(event: Event) -> Event {
    Event { actor: String::new(), data: serde_json::Value::Object(serde_json::Map::new()), ..event }
}

fn seen_by_viewers(event: Event) -> Option<Event> {
    if event.device_id.is_some() {
        return Some(event);
    }
    let hidden = ABOUT_PEOPLE.contains(&event.noun());
    (!hidden).then(|| bare(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::store::events::NewEvent;
    use crate::store::{OpenOptions, Store};

    fn person(role: Role) -> Actor {
        Actor::Person { id: "1".into(), name: "kim".into(), role }
    }

    fn seen(role: Role) -> Result<(Vec<String>, Vec<String>)> {
        let store = Store::open(OpenOptions::memory()).unwrap();
        store.write_blocking(Timestamp::default(), move |tx| {
            for (kind, device_id) in [("device.renamed", Some("d1")), ("invitation.created", None), ("session.started", None)] {
                let data = json!({ "from": "192.0.2.7" });
                events::append(tx, &NewEvent { kind, actor_kind: "person", actor: "pat", device_id, data, ..NewEvent::default() })?;
            }
            let words = |event: Event| format!("{} {} {}", event.kind, event.actor, event.data);
            let (listed, total) = list(tx, &person(role), Filter::default(), None, 10)?;
            assert_eq!(listed.len() as u64, total);
            let stretch = after(tx, &person(role), 0)?;
            assert_eq!((stretch.upto, stretch.more), (3, false));
            Ok((listed.into_iter().map(|event| event.kind).collect(), stretch.events.into_iter().map(words).collect()))
        })
    }

    #[test]
    fn those_who_may_read_the_log_see_everything() {
        let (listed, streamed) = seen(Role::Admin).unwrap();
        assert_eq!(listed, ["session.started", "invitation.created", "device.renamed"]);
        assert_eq!(streamed[2], r#"session.started pat {"from":"192.0.2.7"}"#);
    }

    #[test]
    fn viewers_see_what_happens_to_devices_and_that_other_things_changed() {
        let (listed, streamed) = seen(Role::Viewer).unwrap();
        assert_eq!(listed, ["device.renamed"]);
        assert_eq!(streamed, [r#"device.renamed pat {"from":"192.0.2.7"}"#, "invitation.created  {}"]);
    }

    #[test]
    fn who_may_see_no_devices_sees_no_events() {
        assert_eq!(seen(Role::Teacher).unwrap_err().kind, Kind::Forbidden);
    }
}
