//! What happened: one table that is the audit log, a device's timeline and the live stream. It is only appended to, until what was routine has had its time.

use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::bells::Bell;
use crate::store::tx::Tx;

/// Events in one read, at most: the longest page of the API and the row after it.
pub const PAGE_LIMIT: usize = 501;

/// How far a clock may have been set back without events being left out of a stretch of time.
const CLOCK_SET_BACK: Duration = Duration::from_secs(24 * 3600);

const COLUMNS: &str = "seq, at, kind, actor_kind, actor, device_id, enrollment_id, command_uuid, data";

/// Somebody of three times the same list. The first half is that of the index by actors, word for word; what a device did is found by way of the device.
const BY_ACTORS: &str = "(((actor_kind <> 'device' OR device_id IS NULL) AND actor IN (SELECT value FROM json_each(?))) OR
    (device_id IN (SELECT device_id FROM enrollments WHERE nano_id IN (SELECT value FROM json_each(?)))
     AND actor_kind = 'device' AND actor IN (SELECT value FROM json_each(?))))";

/// Something that is about to be recorded; its moment is the transaction's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewEvent<'a> {
    /// What happened: noun, dot, participle, for example `command.queued`.
    pub kind: &'a str,
    /// What sort of actor did it: `person`, `token`, `device`, `job` or `console`.
    pub actor_kind: &'a str,
    /// Who did it, in words for people.
    pub actor: &'a str,
    /// The device that it is about.
    pub device_id: Option<&'a str>,
    /// The enrollment that it is about.
    pub enrollment_id: Option<&'a str>,
    /// The command that it is about.
    pub command_uuid: Option<&'a str>,
    /// More about it, as a JSON object without secrets; `null` is stored as `{}`.
    pub data: serde_json::Value,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the order of everything that happened; also the cursor of lists.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, for example `command.queued`.
    pub kind: String,
    /// What sort of actor did it.
    pub actor_kind: String,
    /// Who did it.
    pub actor: String,
    /// The device that it is about.
    pub device_id: Option<String>,
    /// The enrollment that it is about.
    pub enrollment_id: Option<String>,
    /// The command that it is about.
    pub command_uuid: Option<String>,
    /// More about it, a JSON object.
    pub data: serde_json::Value,
}

/// Which events a list is to have; an empty filter means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Only those of this device.
    pub device_id: Option<&'a str>,
    /// Only those of this enrollment.
    pub enrollment_id: Option<&'a str>,
    /// Only those of this kind, or of all kinds that begin so when it ends in a dot (`command.`).
    pub kind: Option<&'a str>,
    /// Only those that are about a device.
    pub about_devices: bool,
    /// Only those of these kinds of actors; none means all.
    pub actor_kinds: &'a [&'a str],
    /// Only those of these actors, each as it stands there in words; none means all.
    pub actors: &'a [String],
    /// Only those from this moment on.
    pub from: Option<Timestamp>,
    /// Only those before this moment.
    pub until: Option<Timestamp>,
}

/// Records an event and wakes those who read the stream; gives its place in the order.
pub fn append(tx: &Tx, event: &NewEvent<'_>) -> Result<i64> {
    let data = if event.data.is_null() { String::from("{}") } else { event.data.to_string() };
    tx.execute(
        "INSERT INTO events (at, kind, actor_kind, actor, device_id, enrollment_id, command_uuid, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (tx.now, event.kind, event.actor_kind, event.actor, event.device_id, event.enrollment_id, event.command_uuid, data),
    )?;
    tx.ring(Bell::Events);
    Ok(tx.conn().last_insert_rowid())
}

/// The newest events that pass `filter`, newest first, older than the cursor `before`; at most `limit` and [`PAGE_LIMIT`].
pub fn list(tx: &Tx, filter: &Filter<'_>, before: Option<i64>, limit: usize) -> Result<Vec<Event>> {
    let (mut conditions, mut values) = filter.conditions();
    if let Some(seq) = before {
        conditions.push("seq < ?");
        values.push(seq.into());
    }
    values.push(bounded(limit).into());
    let sql = format!("SELECT {COLUMNS} FROM events{} ORDER BY seq DESC LIMIT ?", where_all(&conditions));
    tx.list(&sql, params_from_iter(values), event)
}

/// How many devices said something from one moment on and before another.
pub fn devices_heard(tx: &Tx, from: Timestamp, until: Timestamp) -> Result<u64> {
    let sql = "SELECT count(DISTINCT device_id) FROM events WHERE at >= ?1 AND at < ?2 AND actor_kind = 'device' AND device_id IS NOT NULL";
    tx.one(sql, (from, until), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// How many events pass `filter`.
pub fn count(tx: &Tx, filter: &Filter<'_>) -> Result<u64> {
    let (conditions, values) = filter.conditions();
    let sql = format!("SELECT count(*) FROM events{}", where_all(&conditions));
    Ok(tx.one(&sql, params_from_iter(values), |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// The events after the place `seq` in the order, oldest first: how the live stream goes on; at most `limit` and [`PAGE_LIMIT`].
pub fn after(tx: &Tx, seq: i64, limit: usize) -> Result<Vec<Event>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    tx.list(&sql, (seq, bounded(limit)), event)
}

/// The place of the newest event, 0 when there is none: where a new listener begins.
pub fn newest(tx: &Tx) -> Result<i64> {
    tx.one("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))
}

/// As much of an event as tells whether it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its place in the order.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// What sort of actor did it.
    pub actor_kind: String,
    /// RequestType of the command that it is about, where it says one.
    pub request_type: Option<String>,
}

/// What happened after the place `seq` in the order, oldest first; at most `limit`.
pub fn past(tx: &Tx, seq: i64, limit: u32) -> Result<Vec<Past>> {
    let sql = "SELECT seq, at, kind, actor_kind, data ->> 'request_type' FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    tx.list(sql, (seq, limit), |row| {
        Ok(Past { seq: row.get(0)?, at: row.get(1)?, kind: row.get(2)?, actor_kind: row.get(3)?, request_type: row.get(4)? })
    })
}

/// Removes an event whose time is over.
pub fn remove(tx: &Tx, seq: i64) -> Result<()> {
    tx.execute("DELETE FROM events WHERE seq = ?1", [seq]).map(drop)
}

impl Filter<'_> {
    fn conditions(&self) -> (Vec<&'static str>, Vec<Value>) {
        let (mut conditions, mut values) = (Vec::new(), Vec::<Value>::new());
        if let Some(id) = self.device_id {
            conditions.push("device_id = ?");
            values.push(Value::from(id.to_owned()));
        }
        if let Some(id) = self.enrollment_id {
            // By way of the device, whose events have an index.
            conditions.push("device_id = (SELECT device_id FROM enrollments WHERE id = ?) AND enrollment_id = ?");
            values.extend([Value::from(id.to_owned()), Value::from(id.to_owned())]);
        }
        match self.kind {
            Some(beginning) if beginning.ends_with('.') => {
                // The character after the dot ends the range of everything that begins so.
                let end = format!("{}/", beginning.trim_end_matches('.'));
                conditions.push("kind >= ? AND kind < ?");
                values.extend([Value::from(beginning.to_owned()), Value::from(end)]);
            }
            Some(kind) => {
                conditions.push("kind = ?");
                values.push(Value::from(kind.to_owned()));
            }
            None => {}
        }
        if !self.actor_kinds.is_empty() {
            // A list of words as one value, so that the query's text stays the same.
            conditions.push("actor_kind IN (SELECT value FROM json_each(?))");
            values.push(Value::from(serde_json::Value::from(self.actor_kinds.to_vec()).to_string()));
        }
        if !self.actors.is_empty() {
            conditions.push(BY_ACTORS);
            let actors = Value::from(serde_json::Value::from(self.actors.to_vec()).to_string());
            values.extend([actors.clone(), actors.clone(), actors]);
        }
        // Their place in the order bounds what is walked through; the moment itself decides, for a clock that was set back.
        if let Some(from) = self.from {
            conditions.push("at >= ? AND seq > coalesce((SELECT seq FROM events WHERE at < ? ORDER BY at DESC, seq DESC LIMIT 1), 0)");
            values.extend([from.millis().into(), from.minus(CLOCK_SET_BACK).millis().into()]);
        }
        if let Some(until) = self.until {
            conditions
                .push("at < ? AND seq < coalesce((SELECT seq FROM events WHERE at >= ? ORDER BY at, seq LIMIT 1), 9223372036854775807)");
            values.extend([until.millis().into(), until.plus(CLOCK_SET_BACK).millis().into()]);
        }
        if self.about_devices {
            conditions.push("device_id IS NOT NULL");
        }
        (conditions, values)
    }
}

fn where_all(conditions: &[&str]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

fn bounded(limit: usize) -> i64 {
    limit.min(PAGE_LIMIT) as i64
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let data: String = row.get(8)?;
    Ok(Event {
        seq: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        actor_kind: row.get(3)?,
        actor: row.get(4)?,
        device_id: row.get(5)?,
        enrollment_id: row.get(6)?,
        command_uuid: row.get(7)?,
        // The table's CHECK lets nothing in that is not JSON.
        data: serde_json::from_str(&data).unwrap_or_default(),
    })
}

impl Event {
    /// The word before the dot of its kind: what it is about.
    pub fn noun(&self) -> &str {
        self.kind.split('.').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;
    use serde_json::json;

    fn record(tx: &Tx, kind: &str, device: Option<&str>) -> i64 {
        append(tx, &NewEvent { kind, actor_kind: "job", actor: "push", device_id: device, ..NewEvent::default() }).unwrap()
    }

    #[test]
    fn events_page_from_the_newest_on() {
        let store = memory();
        let now = Timestamp::from_seconds(5);
        store
            .write_blocking(now, |tx| {
                for number in 0..7 {
                    record(tx, "push.sent", Some(if number % 2 == 0 { "even" } else { "odd" }));
                }
                Ok(())
            })
            .unwrap();
        store
            .read_blocking(now, |tx| {
                let even = Filter { device_id: Some("even"), ..Filter::default() };
                let first = list(tx, &even, None, 3)?;
                assert_eq!(first.iter().map(|event| event.seq).collect::<Vec<_>>(), [7, 5, 3]);
                let second = list(tx, &even, first.last().map(|event| event.seq), 3)?;
                assert_eq!(second.iter().map(|event| event.seq).collect::<Vec<_>>(), [1]);
                assert_eq!((count(tx, &even)?, count(tx, &Filter::default())?), (4, 7));
                assert_eq!((first[0].at, first[0].data.clone()), (now, json!({})));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_kind_with_a_dot_at_its_end_means_all_of_the_noun() {
        memory()
            .write_blocking(Timestamp::default(), |tx| {
                for kind in ["command.queued", "commander.seen", "command.sent", "comma"] {
                    record(tx, kind, None);
                }
                let kinds = |kind| -> Result<Vec<String>> {
                    let filter = Filter { kind: Some(kind), ..Filter::default() };
                    Ok(list(tx, &filter, None, 10)?.into_iter().map(|event| event.kind).collect())
                };
                assert_eq!(kinds("command.")?, ["command.sent", "command.queued"]);
                assert_eq!(kinds("comma")?, ["comma"]);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_stretch_of_time_and_somebody_narrow_the_list_together() {
        let store = memory();
        for (second, actor) in [(10, "kim (owner)"), (20, "pat (helper)"), (30, "kim (admin)"), (25, "kim (admin)")] {
            let work = move |tx: &Tx| append(tx, &NewEvent { kind: "x.y", actor_kind: "person", actor, ..NewEvent::default() });
            store.write_blocking(Timestamp::from_seconds(second), work).unwrap();
        }
        let found = |actors: &[&str], from: Option<i64>, until: Option<i64>| {
            let actors: Vec<String> = actors.iter().map(|actor| (*actor).to_owned()).collect();
            let work = move |tx: &Tx| {
                let (from, until) = (from.map(Timestamp::from_seconds), until.map(Timestamp::from_seconds));
                let filter = Filter { actors: &actors, from, until, ..Filter::default() };
                let seqs: Vec<_> = list(tx, &filter, None, 10)?.into_iter().map(|event| event.seq).collect();
                assert_eq!(count(tx, &filter)?, seqs.len() as u64);
                Ok(seqs)
            };
            store.read_blocking(Timestamp::from_seconds(60), work).unwrap()
        };
        assert_eq!(found(&["kim (owner)", "kim (admin)"], None, None), [4, 3, 1]);
        assert_eq!(found(&[], Some(20), Some(30)), [4, 2], "also where the clock was set back");
        assert_eq!(found(&["pat (helper)"], Some(20), None), [2]);
        assert!(found(&[], Some(31), None).is_empty() && found(&[], None, Some(10)).is_empty());
    }

    #[test]
    fn whoever_did_something_is_found_by_name_and_nobody_looks_through_what_all_did() {
        let work = |tx: &Tx| {
            tx.execute("INSERT INTO devices (id, created_at) VALUES ('d1', 1)", [])?;
            tx.execute(
                "INSERT INTO enrollments (id, device_id, kind, nano_id, state, created_at) VALUES ('e1', 'd1', 'device', 'UDID-1', 'enrolled', 1)",
                [],
            )?;
            let find = |actor_kind, actor: &'static str, device_id| {
                append(tx, &NewEvent { kind: "x.y", actor_kind, actor, device_id, ..NewEvent::default() })?;
                let actors = [actor.to_owned()];
                let filter = Filter { actors: &actors, ..Filter::default() };
                let found = (list(tx, &filter, None, 10)?.len(), count(tx, &filter)?);
                let plans = crate::store::plans::of(tx, || list(tx, &filter, Some(100), 10).and_then(|_| count(tx, &filter)))?;
                assert!(!plans.scans.iter().any(|scan| scan.starts_with("SCAN events")), "{:?}", plans.scans);
                Ok::<_, crate::error::Error>(found)
            };
            assert_eq!(find("device", "UDID-1", Some("d1"))?, (1, 1), "a device");
            assert_eq!(find("device", "somebody", None)?, (1, 1), "whoever is no device of ours");
            assert_eq!(find("job", "reconcile", Some("d1"))?, (1, 1), "a job");
            assert_eq!(find("person", "kim (owner)", Some("d1"))?, (1, 1), "a person");
            assert_eq!(find("console", "console", None)?, (1, 1));
            Ok(())
        };
        memory().write_blocking(Timestamp::from_seconds(1), work).unwrap();
    }

    #[test]
    fn the_stream_goes_on_after_the_last_event_read() {
        memory()
            .write_blocking(Timestamp::default(), |tx| {
                assert_eq!(newest(tx)?, 0);
                let first = record(tx, "device.renamed", None);
                record(tx, "device.deleted", None);
                let rest = after(tx, first, 10)?;
                assert_eq!(rest.iter().map(|event| (event.seq, event.noun())).collect::<Vec<_>>(), [(2, "device")]);
                assert_eq!(newest(tx)?, 2);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_page_is_bounded() {
        memory()
            .write_blocking(Timestamp::default(), |tx| {
                for _ in 0..=PAGE_LIMIT {
                    record(tx, "push.sent", None);
                }
                assert_eq!(list(tx, &Filter::default(), None, usize::MAX)?.len(), PAGE_LIMIT);
                assert_eq!(after(tx, 0, usize::MAX)?.len(), PAGE_LIMIT);
                Ok(())
            })
            .unwrap();
    }
}
