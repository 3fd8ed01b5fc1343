//! The events that webhooks post: MicroMDM's JSON with NanoMDM's additions, byte for byte in their order of keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::checkin::CheckIn;
use super::command::mask;
use super::ids::EnrollmentIds;
use super::plist;
use super::report::Head;
use crate::clock::Timestamp;

/// The topic of reports, idle ones among them.
pub const CONNECT: &str = "mdm.Connect";

/// The topic of notices: what needs somebody, and what comes to its end. It is ours; those of devices are NanoMDM's.
pub const NOTICE: &str = "rollcall.Notice";

/// The topic of an event for trial, which nobody asks for by name.
pub const TEST: &str = "rollcall.Test";

/// The Content-Type of an event.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// The topic of a check-in, for example `mdm.TokenUpdate`.
pub fn topic(check_in: &CheckIn) -> String {
    format!("mdm.{}", check_in.message.message_type())
}

/// What every event has beside what the device said.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The event's own id, by which a receiver knows one that comes twice.
    pub event_id: &'a str,
    /// When it happened.
    pub created_at: Timestamp,
    /// The query of the request's address, by name.
    pub url_params: &'a BTreeMap<String, String>,
    /// The body that the device sent, or [`redacted`] one.
    pub raw: &'a [u8],
}

/// The event of a check-in; `token_update_tally` counts the TokenUpdates of this enrollment, and goes with those only.
pub fn of_check_in(check_in: &CheckIn, token_update_tally: Option<i64>, envelope: &Envelope<'_>) -> Vec<u8> {
    let topic = topic(check_in);
    write(&Posted {
        acknowledge_event: None,
        checkin_event: Some(Inner { token_update_tally, ..inner(&check_in.ids, envelope) }),
        created_at: envelope.created_at,
        event_id: envelope.event_id,
        topic: &topic,
    })
}

/// The event of a report.
pub fn of_report(head: &Head, envelope: &Envelope<'_>) -> Vec<u8> {
    let said = Inner { command_uuid: head.command_uuid.as_deref(), status: Some(head.status.as_str()), ..inner(&head.ids, envelope) };
    write(&Posted {
        acknowledge_event: Some(said),
        checkin_event: None,
        created_at: envelope.created_at,
        event_id: envelope.event_id,
        topic: CONNECT,
    })
}

/// What a notice says.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Notice<'a> {
    /// Its id.
    pub id: &'a str,
    /// Names its cause; the same for as long as it is the same.
    pub key: &'a str,
    /// What it is about, one of the words that people tick.
    pub kind: &'a str,
    /// Larger is worse; 0 for what is over.
    pub harm: i64,
    /// What, in a sentence.
    pub what: &'a str,
    /// What to do.
    pub why: &'a str,
    /// The page where it is looked after.
    pub url: &'a str,
}

/// The event of a notice.
pub fn of_notice(notice: Notice<'_>, event_id: &str, created_at: Timestamp) -> Vec<u8> {
    #[derive(Serialize)]
    struct Told<'a> {
        created_at: Timestamp,
        event_id: &'a str,
        notice: Notice<'a>,
        topic: &'a str,
    }
    // Text and numbers: there is nothing that JSON cannot hold.
    serde_json::to_vec(&Told { created_at, event_id, notice, topic: NOTICE }).unwrap_or_default()
}

/// An event for trial: it says so, and nothing of a device.
pub fn of_test(event_id: &str, created_at: Timestamp) -> Vec<u8> {
    #[derive(Serialize)]
    struct Tried<'a> {
        created_at: Timestamp,
        event_id: &'a str,
        message: &'a str,
        topic: &'a str,
    }
    let message = t!("An event for trial from Rollcall: nothing happened to any device.");
    // Text alone: there is nothing that JSON cannot hold.
    serde_json::to_vec(&Tried { created_at, event_id, message, topic: TEST }).unwrap_or_default()
}

/// The body with its tokens and passwords masked, and with where a lost device is, for receivers that are not to have them; empty where it cannot be read.
pub fn redacted(raw: &[u8]) -> Vec<u8> {
    plist::parse_tolerant(raw).ok().and_then(|list| plist::to_xml(&mask(&list.value)).ok()).unwrap_or_default()
}

/// The keys stand in the order in which NanoMDM writes them, which is that of the alphabet.
#[derive(Serialize)]
struct Posted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_event: Option<Inner<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkin_event: Option<Inner<'a>>,
    created_at: Timestamp,
    event_id: &'a str,
    topic: &'a str,
}

#[derive(Serialize)]
struct Inner<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    command_uuid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_id: Option<&'a str>,
    ids: Ids,
    raw_payload: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_update_tally: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udid: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    url_params: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Ids {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
}

fn inner<'a>(ids: &'a EnrollmentIds, envelope: &Envelope<'a>) -> Inner<'a> {
    Inner {
        command_uuid: None,
        enrollment_id: ids.enrollment_id(),
        ids: Ids {
            id: ids.nano_id().to_string(),
            parent_id: ids.parent_id().map(|parent| parent.to_string()),
            kind: ids.kind().nano_name(),
        },
        raw_payload: STANDARD.encode(envelope.raw),
        status: None,
        token_update_tally: None,
        udid: ids.udid(),
        url_params: envelope.url_params,
    }
}

fn write(event: &Posted<'_>) -> Vec<u8> {
    // Text, numbers and maps of text: there is nothing in an event that JSON cannot hold.
    serde_json::to_vec(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::protocol::{checkin, report};

    /// Makes an event anew from what it says was received.
    fn rebuilt(event: &Json) -> Vec<u8> {
        let inner = event.get("checkin_event").or_else(|| event.get("acknowledge_event")).unwrap();
        let raw = STANDARD.decode(inner["raw_payload"].as_str().unwrap()).unwrap();
        let url_params = inner.get("url_params").map(|params| serde_json::from_value(params.clone()).unwrap()).unwrap_or_default();
        let envelope = Envelope {
            event_id: event["event_id"].as_str().unwrap(),
            created_at: Timestamp::parse(event["created_at"].as_str().unwrap()).unwrap(),
            url_params: &url_params,
            raw: &raw,
        };
        if event["topic"] == CONNECT {
            return of_report(&report::scan(&raw).unwrap(), &envelope);
        }
        let check_in = checkin::parse(&raw).unwrap();
        assert_eq!(event["topic"], topic(&check_in));
        of_check_in(&check_in, inner.get("token_update_tally").and_then(Json::as_i64), &envelope)
    }

    #[test]
    fn every_recorded_event_is_made_again_byte_for_byte() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let mut made = 0;
        for folder in ["nanomdm-webhook", "nanomdm-webhook-hmac"] {
            for entry in std::fs::read_dir(shared.join("captures/conversations").join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let recorded = std::fs::read_to_string(&path).unwrap();
                let event: Json = serde_json::from_str(&recorded).unwrap();
                // The recorder counted nanoseconds, we count milliseconds.
                let theirs = event["created_at"].as_str().unwrap();
                let ours = Timestamp::parse(theirs).unwrap().to_string();
                assert_eq!(String::from_utf8(rebuilt(&event)).unwrap(), recorded.replace(theirs, &ours), "{}", path.display());
                made += 1;
            }
        }
        assert_eq!(made, 48);
    }

    #[test]
    fn a_users_own_device_is_told_by_its_enrollment_id() {
        let raw = b"<plist><dict><key>MessageType</key><string>CheckOut</string><key>EnrollmentID</key><string>E-1</string>\
            <key>EnrollmentUserID</key><string>U-1</string></dict></plist>";
        let url_params = BTreeMap::new();
        let envelope = Envelope { event_id: "e", created_at: Timestamp::from_seconds(0), url_params: &url_params, raw: b"x" };
        let event: Json = serde_json::from_slice(&of_check_in(&checkin::parse(raw).unwrap(), None, &envelope)).unwrap();
        let inner = &event["checkin_event"];
        assert_eq!(inner["enrollment_id"], "E-1");
        assert_eq!(inner["ids"], serde_json::json!({ "id": "E-1:U-1", "parent_id": "E-1", "type": "User Enrollment" }));
        assert!(inner.get("udid").is_none() && inner.get("url_params").is_none());
    }

    #[test]
    fn a_redacted_body_has_its_keys_but_not_its_tokens() {
        let raw = b"<plist><dict><key>MessageType</key><string>TokenUpdate</string><key>UnlockToken</key><data>c2VjcmV0</data>\
            <key>PushMagic</key><string>magic</string><key>UDID</key><string>A-1</string></dict></plist>";
        let redacted = String::from_utf8(redacted(raw)).unwrap();
        assert!(redacted.contains("UnlockToken") && redacted.contains("A-1"), "{redacted}");
        assert!(!redacted.contains("c2VjcmV0") && !redacted.contains("magic"), "{redacted}");
        assert!(super::redacted(b"not a plist").is_empty());
    }

    #[test]
    fn a_redacted_answer_does_not_say_where_a_device_is() {
        let raw = b"<plist><dict><key>Status</key><string>Acknowledged</string><key>Latitude</key><real>52.52</real>\
            <key>Longitude</key><real>13.405</real><key>Timestamp</key><string>2026-11-25T08:00:00Z</string></dict></plist>";
        let redacted = String::from_utf8(redacted(raw)).unwrap();
        assert!(redacted.contains("Latitude") && redacted.contains("2026-11-25T08:00:00Z"), "{redacted}");
        assert!(!redacted.contains("52.52") && !redacted.contains("13.405"), "{redacted}");
    }
}
