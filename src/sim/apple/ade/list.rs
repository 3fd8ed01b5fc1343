//! The list: all of it page by page, and what changed since; each place in it is good for a while.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::book::Server;
use super::wire::{Asked, Said, refusal, said};
use crate::clock::Timestamp;

/// Lines of a page where nobody asks for a number.
const LINES: usize = 100;

/// Lines that may be asked for.
const LINES_MAX: u64 = 1000;

/// A place in the list.
struct Place {
    /// How many events of the log come before what is to be told next.
    log: usize,
    /// The last serial number that the whole list named; nothing once it was read to its end.
    last: Option<String>,
    made_at: Timestamp,
}

impl Place {
    fn write(&self) -> String {
        let last = self.last.as_ref().map_or_else(|| String::from("."), |last| format!("/{last}"));
        URL_SAFE_NO_PAD.encode(format!("{}:{}:{last}", self.log, self.made_at.millis()))
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.splitn(3, ':');
        let (log, made_at, last) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        Some(Self { log, last: last.strip_prefix('/').map(str::to_owned), made_at: Timestamp::from_millis(made_at) })
    }
}

/// The place that a request names: none, one, or why not.
fn place(server: &Server, body: &Value, lives: Duration, now: Timestamp) -> Result<Option<Place>, Said> {
    let Some(cursor) = body["cursor"].as_str() else { return Ok(None) };
    let place = Place::read(cursor).filter(|place| place.log <= server.log.len()).ok_or_else(|| refusal(400, "INVALID_CURSOR"))?;
    if now.since(place.made_at) > lives {
        return Err(refusal(400, "EXPIRED_CURSOR"));
    }
    Ok(Some(place))
}

fn lines(body: &Value, most: usize) -> usize {
    let asked = body["limit"].as_u64().map_or(LINES, |limit| limit.min(LINES_MAX) as usize);
    asked.min(most).max(1)
}

fn page(devices: Vec<Value>, place: &Place, more: bool, now: Timestamp) -> Said {
    said(&json!({ "devices": devices, "cursor": place.write(), "fetched_until": now.to_string(), "more_to_follow": more }))
}

/// A page of the whole list.
pub(super) fn fetch(server: &Server, body: &Value, most: usize, lives: Duration, now: Timestamp) -> Said {
    let place = match place(server, body, lives, now) {
        Ok(place) => place.unwrap_or(Place { log: server.log.len(), last: Some(String::new()), made_at: now }),
        Err(refused) => return refused,
    };
    let Some(last) = place.last else { return refusal(400, "EXHAUSTED_CURSOR") };
    let mut rest = server.devices.iter().filter(|(serial, _)| **serial > last);
    let devices: Vec<_> = rest.by_ref().take(lines(body, most)).map(|(_, device)| Value::from(device.clone())).collect();
    let more = rest.next().is_some();
    let reached = devices.last().and_then(|device| device["serial_number"].as_str()).unwrap_or(&last).to_owned();
    let next = Place { last: more.then_some(reached), made_at: now, ..place };
    page(devices, &next, more, now)
}

/// What changed since.
pub(super) fn sync(server: &Server, body: &Value, most: usize, lives: Duration, now: Timestamp) -> Said {
    let place = match place(server, body, lives, now) {
        Ok(Some(place)) => place,
        Ok(None) => return refusal(400, "CURSOR_REQUIRED"),
        Err(refused) => return refused,
    };
    let end = place.log.saturating_add(lines(body, most)).min(server.log.len());
    let events = server.log.get(place.log..end).unwrap_or_default().to_vec();
    page(events, &Place { log: end, last: None, made_at: now }, end < server.log.len(), now)
}

/// Says that there is more, at the place that was asked for.
pub(super) fn same_place(asked: &Asked, said: &mut Said) {
    let (Ok(mut answer), Ok(body)) = (serde_json::from_slice::<Value>(&said.body), serde_json::from_slice::<Value>(&asked.body)) else {
        return;
    };
    if !answer.is_object() {
        return;
    }
    (answer["cursor"], answer["more_to_follow"]) = (body["cursor"].clone(), json!(true));
    said.body = answer.to_string().into_bytes();
}

/// What is known of some devices.
pub(super) fn details(server: &Server, body: &Value) -> Said {
    let mut devices = serde_json::Map::new();
    for serial in body["devices"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let known = server.devices.get(serial).map(|device| {
            let mut device = device.clone();
            device.insert("response_status".into(), json!("SUCCESS"));
            Value::from(device)
        });
        devices.insert(serial.to_owned(), known.unwrap_or_else(|| json!({ "response_status": "NOT_ACCESSIBLE" })));
    }
    said(&json!({ "devices": devices }))
}
