//! Profiles, which never change once they are there; which device has which; and locks.

use serde_json::{Map, Value, json};

use super::book::Server;
use super::wire::{Said, refusal, said};
use crate::clock::Timestamp;

/// Letters of a profile's name.
const NAME_MAX: usize = 125;

/// Devices in one request.
const DEVICES_MAX: usize = 1000;

/// Makes a profile, and assigns it to the devices that it names.
pub(super) fn define(server: &mut Server, body: Value, uuid: String, now: Timestamp) -> Said {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    if text("profile_name").is_empty() {
        return refusal(400, "CONFIG_NAME_REQUIRED");
    }
    if text("profile_name").chars().count() > NAME_MAX {
        return refusal(400, "CONFIG_NAME_INVALID");
    }
    if text("url").is_empty() {
        return refusal(400, "CONFIG_URL_REQUIRED");
    }
    if !text("url").starts_with("https://") {
        return refusal(400, "CONFIG_URL_INVALID");
    }
    if body["is_supervised"] == json!(false) && body["is_mdm_removable"] == json!(false) {
        return refusal(400, "FLAGS_INVALID");
    }
    let devices = body["devices"].clone();
    server.profiles.insert(uuid.clone(), body);
    let assigned = give(server, &uuid, &devices, now).0;
    said(&json!({ "profile_uuid": uuid, "devices": assigned }))
}

/// Takes the address where devices ask for their server by an account.
pub(super) fn discover(server: &mut Server, body: &Value) -> Said {
    match body["mdm_service_discovery_url"].as_str() {
        None | Some("") => refusal(400, "MDM_SERVICE_DISCOVERY_URL_REQUIRED"),
        Some(url) if !url.starts_with("https://") => refusal(400, "MDM_SERVICE_DISCOVERY_URL_INVALID"),
        Some(url) => {
            server.discovery = Some(url.to_owned());
            said(&json!({}))
        }
    }
}

/// Shows that address, or forgets it.
pub(super) fn discovery(server: &mut Server, method: &str) -> Said {
    match (method, server.discovery.clone()) {
        ("DELETE", _) => {
            server.discovery = None;
            said(&json!({}))
        }
        ("GET", Some(url)) => said(&json!({ "mdm_service_discovery_url": url })),
        ("GET", None) => refusal(404, "NOT_FOUND"),
        _ => refusal(405, "METHOD_NOT_ALLOWED"),
    }
}

/// Shows a profile.
pub(super) fn show(server: &Server, query: &str) -> Said {
    let uuid = query.split('&').find_map(|pair| pair.strip_prefix("profile_uuid=")).unwrap_or_default();
    match server.profiles.get(uuid) {
        Some(profile) => {
            let mut profile = profile.clone();
            profile["profile_uuid"] = json!(uuid);
            said(&profile)
        }
        None => refusal(404, "PROFILE_NOT_FOUND"),
    }
}

/// Assigns a profile.
pub(super) fn assign(server: &mut Server, body: &Value, now: Timestamp) -> Said {
    let Some(uuid) = body["profile_uuid"].as_str().filter(|uuid| !uuid.is_empty()) else { return refusal(400, "PROFILE_UUID_REQUIRED") };
    let count = body["devices"].as_array().map_or(0, Vec::len);
    if count == 0 || count > DEVICES_MAX {
        return refusal(400, "DEVICE_ID_REQUIRED");
    }
    if !server.profiles.contains_key(uuid) {
        return refusal(404, "PROFILE_NOT_FOUND");
    }
    let (devices, wait) = give(server, uuid, &body["devices"], now);
    let mut answer = json!({ "profile_uuid": uuid, "devices": devices });
    if let Some(seconds) = wait {
        answer["retry_after_seconds"] = json!(seconds);
    }
    said(&answer)
}

fn give(server: &mut Server, uuid: &str, devices: &Value, now: Timestamp) -> (Map<String, Value>, Option<u64>) {
    let (mut results, mut wait) = (Map::new(), None);
    for serial in devices.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let word = if !server.devices.contains_key(serial) {
            "NOT_ACCESSIBLE"
        } else if let Some(seconds) = server.throttled.get(serial) {
            wait = wait.max(Some(*seconds));
            "THROTTLED"
        } else if server.failing.contains(serial) {
            "FAILED"
        } else {
            *server.assignments.entry(serial.to_owned()).or_default() += 1;
            let change = json!({ "profile_uuid": uuid, "profile_status": "assigned", "profile_assign_time": now.to_string() });
            server.modify(serial, &change, now);
            "SUCCESS"
        };
        results.insert(serial.to_owned(), json!(word));
    }
    (results, wait)
}

/// Takes profiles away.
pub(super) fn unassign(server: &mut Server, body: &Value, now: Timestamp) -> Said {
    let mut results = Map::new();
    for serial in body["devices"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let known = server.devices.contains_key(serial);
        server.modify(serial, &json!({ "profile_status": "removed", "profile_uuid": "" }), now);
        results.insert(serial.to_owned(), json!(if known { "SUCCESS" } else { "NOT_ACCESSIBLE" }));
    }
    said(&json!({ "devices": results }))
}

/// Locks a device to the organisation.
pub(super) fn lock(server: &mut Server, body: &Value) -> Said {
    let Some(serial) = body["device"].as_str().filter(|serial| !serial.is_empty()) else { return refusal(400, "DEVICE_ID_REQUIRED") };
    let key = body["escrow_key"].as_str().unwrap_or_default();
    if !key.is_empty() && (key.len() != 64 || !key.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return refusal(400, "MALFORMED_REQUEST_BODY");
    }
    if !server.devices.contains_key(serial) {
        return said(&json!({ "serial_number": serial, "response_status": "NOT_ACCESSIBLE" }));
    }
    let message = body["lost_message"].as_str().unwrap_or_default();
    server.locked.insert(serial.to_owned(), (key.to_owned(), message.to_owned()));
    said(&json!({ "serial_number": serial, "response_status": "SUCCESS" }))
}
