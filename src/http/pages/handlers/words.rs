//! What happened, in words for people: one line per event, for a device's timeline and for the audit log.

use serde_json::Value;

use crate::http::pages::parts::{Entry, State as Mark, count};
use crate::protocol::grant::Code;
use crate::store::events::Event;

/// One line of the timeline, in words; `waits` says whether what was asked is not answered yet.
pub(super) fn entry(event: Event, waits: bool) -> Entry {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let what = match event.kind.as_str() {
        "command.queued" => format!("Asked: {}", text("request_type")),
        "command.acknowledged" => format!("Done: {}", text("request_type")),
        "command.error" => format!("Refused: {}", text("request_type")),
        "command.format_error" => format!("Not understood: {}", text("request_type")),
        "command.not_now" => format!("Put off: {}", text("request_type")),
        "command.cancelled" => format!("Taken back: {}", text("request_type")),
        "command.expired" => format!("Too late: {}", text("request_type")),
        "command.rewritten" => format!("Brought up to date before it was sent: {}", text("request_type")),
        "command.superseded" => format!("Replaced by a newer one: {}", text("request_type")),
        "command.dropped" => format!("Dropped: {}", text("request_type")),
        "command.quarantined" => format!("Set aside: {}", text("request_type")),
        "enrollment.authenticated" => String::from("Began to enroll"),
        "enrollment.enrolled" => String::from("Enrolled"),
        "enrollment.left" => String::from("Left: its profile was removed"),
        "enrollment.erased" => String::from("Was erased"),
        "enrollment.migrated" => String::from("Came from another server, and was not erased"),
        "enrollment.returned" => String::from("Is back after it was erased"),
        "enrollment.return_asked" => String::from("Was handed back: it erases itself and comes in again"),
        "enrollment.return_refused" => format!("Was handed back, and not told to erase itself: {}", text("because")),
        "device.return_asked" if text("network").is_empty() => String::from("Asked to erase itself and come back"),
        "device.return_asked" => format!("Asked to erase itself and come back by the network “{}”", text("network")),
        "enrollment.told_to_leave" => String::from("Was told to leave"),
        "enrollment.refused" => String::from("A message in its name was refused"),
        "enrollment.renewing" => String::from("Renews its certificate"),
        "renewal.queued" => String::from("The renewal of its certificate began"),
        "renewal.finished" => String::from("Its certificate was renewed"),
        "certificate.bound" => String::from("Showed its certificate"),
        "certificate.issued" => String::from("A certificate was issued to it"),
        "certificate.revoked" => String::from("Its certificate was revoked"),
        "push.sent" => String::from("Woken"),
        "push.token_dead" => String::from("Apple says it takes no wake-ups any more"),
        "push.refused" => String::from("Apple refused to wake it"),
        "enrollment.token_given" => String::from("Got a token that tells Apple whose it is"),
        "enrollment.bootstrap_token_stored" => String::from("Its bootstrap token was stored"),
        "session.started" => String::from("Logged in"),
        "session.ended" => String::from("Logged out"),
        "session.refused" => String::from("A log-in was refused"),
        "session.offered" => String::from("A link that logs in once was printed"),
        "setup.asked" => match text("answer").as_ref() {
            "profile" => format!("Asked for its profile in Setup Assistant: {}", text("serial_number")),
            "update" => format!("Was told to update to {} before it is set up: {}", text("because"), text("serial_number")),
            _ => format!("Was not let in from Setup Assistant: {}", text("serial_number")),
        },
        "setup.released" => String::from("Was let go on in Setup Assistant"),
        "configurator.opened" => String::from("Let Apple Configurator bring devices in"),
        "configurator.closed" => String::from("Ended that Apple Configurator brings devices in"),
        "configurator.identity_made" => String::from("The supervision identity was made"),
        "configurator.identity_handed_out" => String::from("The supervision identity was handed out"),
        "setup.offered" => String::from("A set-up link was printed"),
        "admin.added" => format!("Added someone who may log in: {}", text("name")),
        "admin.removed" => format!("Removed someone who could log in: {}", text("name")),
        "token.created" => format!("Made a token: {}", text("name")),
        "token.revoked" => format!("Revoked a token: {}", text("name")),
        "device.os_changed" => format!("Its system went from {} to {}", text("from"), text("to")),
        "device.attested" => match text("state").as_ref() {
            "genuine" => String::from("Apple vouched for it: it is genuine"),
            "stale" => String::from("Apple vouched for it earlier, not in answer to us"),
            "refused" => String::from("Its proof that it is genuine does not count"),
            _ => String::from("It showed no proof that it is genuine"),
        },
        "attestation.policy_changed" => String::from("Chose which devices have to prove that they are genuine"),
        "device.retired" => String::from("Retired"),
        "device.deleted" => String::from("Deleted"),
        "declaration.added" => format!("Added a declaration: {}", text("name")),
        "declaration.data_changed" => format!("Uploaded the file of a declaration: {}", text("name")),
        "declaration.changed" => format!("Changed a declaration: {}", text("name")),
        "declaration.renamed" => format!("Renamed a declaration: {}", text("name")),
        "declaration.read" => format!("Looked into a declaration: {}", text("name")),
        "declaration.deleted" => format!("Deleted a declaration: {}", text("name")),
        "escrow.stored" => String::from("A secret was stored for it"),
        "escrow.revealed" => String::from("A secret was shown"),
        "escrow.purged" => String::from("Its secrets were removed"),
        "invitation.created" => String::from("An invitation was made"),
        "policy.created" => format!("Made a policy: {}", text("name")),
        "policy.changed" => format!("Changed a policy: {}", text("name")),
        "policy.deleted" => format!("Deleted a policy: {}", text("name")),
        "invitation.revoked" => String::from("An invitation was withdrawn"),
        "certificate.refused" => String::from("A request for a certificate was refused"),
        "push_request.made" => String::from("A push certificate was asked for"),
        "push_request.signed" => String::from("The request for a push certificate was signed"),
        "push_request.mailed" => format!("mdmcert.download was asked to sign: the answer goes to {}", text("email")),
        "push_certificate.added" => format!("Push certificate added: {}", text("topic")),
        "push_certificate.renewed" => format!("Push certificate renewed: {}", text("topic")),
        "profile.uploaded" => format!("Uploaded a profile: {}", text("name")),
        "profile.version_uploaded" => format!("Uploaded a new version of a profile: {}", text("name")),
        "profile.version_used" => format!("Put another version of a profile to use: {}", text("name")),
        "profile.changed" => format!("Changed a profile: {}", text("name")),
        "profile.deleted" => format!("Deleted a profile: {}", text("name")),
        "profile.downloaded" => format!("Took a profile as a file: {}", text("name")),
        "package.uploaded" => format!("Uploaded an app: {} {}", text("name"), text("version")),
        "package.staged" => match text("stage").as_ref() {
            "everyone" => format!("Put in place for everyone: {} {}", text("name"), text("version")),
            "pilot" => format!("Put on trial: {} {}", text("name"), text("version")),
            _ => format!("Taken out of use: {} {}", text("name"), text("version")),
        },
        "package.pilot_chosen" => format!("Chose who tries new versions first: {}", text("name")),
        "package.deleted" => format!("Deleted a version: {} {}", text("name"), text("version")),
        "package.tried" if text("problem").is_empty() => format!("Devices can fetch it from here: {}", text("name")),
        "package.tried" => format!("Devices cannot fetch it from here: {}", text("name")),
        "app.added" => format!("Added an app: {}", text("name")),
        "provisioning.uploaded" => format!("Uploaded a provisioning profile: {}", text("name")),
        "provisioning.deleted" => format!("Deleted a provisioning profile: {}", text("name")),
        "assignment.made" => format!("Assigned to a group: {}", text("name")),
        "assignment.removed" => format!("Taken back from a group: {}", text("name")),
        "invitation.device_asked" if text("answer") == "profile" => format!("Got a profile of its own: {}", text("serial_number")),
        "invitation.device_asked" => format!("Said which device it is: {}", text("serial_number")),
        "practice.switched_on" => String::from("Boxed practice iPads were switched on"),
        "practice.wanted" => String::from("The number of practice devices was set"),
        "job.wanted" => format!("Asked to run now: {}", text("job")),
        "checkin.unknown" => format!("Said something that this version does not know: {}", text("message_type")),
        "database.damaged" => String::from("The database is damaged"),
        "database.sound" => String::from("The database is sound again"),
        "renewal.impossible" => String::from("Its certificate cannot be renewed from here"),
        "root.queued" => String::from("The next root certificate goes to it"),
        "root.known" => String::from("It knows the next root certificate"),
        "root.refused" => String::from("It refused the next root certificate"),
        "deployment.there" => format!("It is there: {}", text("name")),
        "deployment.gone" => format!("It is gone: {}", text("name")),
        "deployment.refused" => format!("The device refused: {}", text("name")),
        "reconcile.failed" => String::from("What it is to have could not be worked out"),
        "authority.made" => String::from("A certificate authority was made"),
        "authority.used" => String::from("The next certificate authority is used from now on"),
        "authority.ended" => String::from("A former certificate authority has ended"),
        "tls.made" => String::from("A TLS certificate was made"),
        other => {
            let told = of_groups_and_people(&event)
                .or_else(|| of_licences(&event))
                .or_else(|| of_new_devices(&event))
                .or_else(|| of_apps(&event))
                .or_else(|| of_access(&event))
                .or_else(|| of_updates(&event))
                .or_else(|| of_releases(&event));
            told.unwrap_or_else(|| other.replace(['.', '_'], " "))
        }
    };
    Entry {
        id: event.seq.to_string(),
        state: state_of(&event.kind, waits),
        what,
        about: None,
        by: if event.actor_kind == "device" { String::new() } else { event.actor.clone() },
        at: event.at,
        why: text("because"),
        raw: raw(&event),
    }
}

/// What happened to licences, in words.
fn of_licences(event: &Event) -> Option<String> {
    let location = event.data.get("location").and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "content_token.added" => format!("Brought a content token: {location}"),
        "content_token.renewed" => format!("Renewed a content token: {location}"),
        "content_token.removed" => format!("Removed a content token: {location}"),
        "content_token.taken" => format!("Another server took a location over: {location}"),
        "content_token.taken_over" => format!("Took a location over: {location}"),
        "content_token.refused" => format!("Apple does not take a content token any more: {location}"),
        "licence.held" => String::from("Apple assigned it a licence"),
        "licence.returned" => String::from("A licence of it went back"),
        "licence.failed" => String::from("Apple refused it a licence"),
        "licence.taken_back" => String::from("A licence that was assigned elsewhere is taken back"),
        "redemption_codes.imported" => String::from("Imported redemption codes"),
        "redemption_codes.removed" => String::from("Removed redemption codes"),
        "redemption_code.unused" => String::from("It did not need its redemption code, which is free again"),
        "redemption_code.given" => String::from("It was given a redemption code"),
        _ => return None,
    })
}

/// What happened to devices that Apple says are ours, in words.
fn of_new_devices(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| event.data.get(key).and_then(Value::as_u64).unwrap_or_default();
    Some(match event.kind.as_str() {
        "ade.server_added" => format!("Made a key for Apple's device list: {}", text("name")),
        "ade.server_removed" => format!("Removed a server token: {}", text("name")),
        "ade.token_added" => format!("Brought a server token: {}", text("name")),
        "ade.token_renewed" => format!("Renewed a server token: {}", text("name")),
        "ade.terms_noticed" => format!("Apple's new terms are not accepted: {}", text("name")),
        "ade.refused_noticed" => format!("Apple does not take a server token any more: {}", text("name")),
        "ade.ends_noticed" => format!("A server token has ended: {}", text("name")),
        "ade.unreachable_noticed" => format!("Apple's device list could not be read: {}", text("name")),
        "ade.devices_added" => format!("New devices on Apple's list: {}", number("count")),
        "ade.devices_removed" => format!("Devices that are not on Apple's list any more: {}", number("count")),
        "ade.devices_assigned" => format!("Said what new devices get: {}", number("devices")),
        "ade.profile_created" => format!("Made a profile for new devices: {}", text("name")),
        "ade.profile_changed" => format!("Changed a profile for new devices: {}", text("name")),
        "ade.profile_deleted" => format!("Deleted a profile for new devices: {}", text("name")),
        "ade.default_changed" => format!("Chose how a family of new devices greets people: {}", text("name")),
        "ade.group_profile_changed" => format!("Chose how a group's new devices greet people: {}", text("name")),
        "ade.lock_asked" => format!("Asked Apple to lock a device: {}", text("serial_number")),
        "ade.locked" => format!("Apple has locked a device: {}", text("serial_number")),
        "ade.lock_failed" => format!("Apple did not lock a device: {}", text("serial_number")),
        "ade.lock_unknown" => format!("Apple gave no answer about the lock of a device: {}", text("serial_number")),
        "ade.lock_revealed" => format!("Looked at what opens a locked device: {}", text("serial_number")),
        _ => return None,
    })
}

/// What Apple's list of releases showed.
fn of_releases(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| event.data.get(key).and_then(Value::as_u64).unwrap_or_default();
    let release = || {
        let extra = text("extra");
        let version = if extra.is_empty() { text("version") } else { format!("{} ({extra})", text("version")) };
        format!("{} {version} {}", text("platform"), text("build")).trim_end().to_owned()
    };
    let is_again = event.data.get("again") == Some(&Value::Bool(true));
    Some(match event.kind.as_str() {
        "release.appeared" if is_again => format!("Apple lists a release again: {}", release()),
        "release.appeared" => format!("Apple lists a new release: {}", release()),
        "release.vanished" => format!("Apple does not list a release any more: {}", release()),
        "release.list_taken" => {
            let whose = if text("source") == "file" { "A list of releases was brought" } else { "Apple's list of releases changed" };
            format!("{whose}: {} listed, {} new, {} gone", number("listed"), number("appeared"), number("vanished"))
        }
        "release.list_checked" => format!("Apple's list of releases is the newest one: {} listed", number("listed")),
        "release.list_failed" => String::from("Apple's list of releases could not be had"),
        "apple_root.added" => format!("Has a root of Apple's now: {}", text("name")),
        _ => return None,
    })
}

/// What happened to groups, people and classes.
fn of_groups_and_people(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "device.groups_changed" => moved(&event.data),
        "device.person_changed" if text("name").is_empty() => String::from("It is nobody's now"),
        "device.person_changed" => format!("Given to {}", text("name")),
        "group.created" => format!("A group was made: {}", text("name")),
        "group.changed" => format!("A group was changed: {}", text("name")),
        "group.deleted" => format!("A group was deleted: {}", text("name")),
        "group.devices_added" => format!("Put into the group {}", text("name")),
        "group.devices_removed" => format!("Taken out of the group {}", text("name")),
        "person.created" => format!("A person was added: {}", text("name")),
        "person.changed" if event.data["deactivated"] == true => format!("A person was deactivated: {}", text("name")),
        "person.changed" => format!("A person was changed: {}", text("name")),
        "person.deleted" => format!("A person was deleted: {}", text("name")),
        "people.imported" => String::from("People and classes were imported"),
        "class.created" => format!("A class was made: {}", text("name")),
        "class.changed" => format!("A class was renamed: {}", text("name")),
        "class.deleted" => format!("A class was deleted: {}", text("name")),
        "class.person_added" => format!("Somebody was put into the class {}", text("name")),
        "class.person_removed" => format!("Somebody was taken out of the class {}", text("name")),
        _ => return None,
    })
}

/// What happened to apps.
fn of_apps(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "app.added" => format!("Added an app: {}", text("name")),
        "app.changed" => format!("Changed an app: {}", text("name")),
        "app.deleted" => format!("Deleted an app: {}", text("name")),
        "app.schema_brought" => format!("Brought the maker's file for the configuration of an app: {}", text("name")),
        "app.schema_removed" => format!("Took the maker's file for the configuration of an app away: {}", text("name")),
        "app.asked" => format!("Asked for an app: {}", text("name")),
        "app.withdrawn" => format!("Took an app away: {}", text("name")),
        "app.installed" => format!("Has an app: {}", text("name")),
        "app.updated" => format!("Has a newer version of an app: {} {}", text("name"), text("version")),
        "app.gone" => format!("Has an app no more: {}", text("name")),
        "app.prompting" => format!("Asks the person about an app: {}", text("name")),
        "app.declined" => format!("The person declined an app: {}", text("name")),
        "app.deleted_by_person" => format!("The person deleted an app: {}", text("name")),
        "app.failed" => format!("Could not install an app: {}", text("name")),
        "app.needs_code" => format!("Asks for a redemption code of an app: {}", text("name")),
        "app.stuck" => format!("Says yes to an app, and nothing changes: {}", text("name")),
        _ => return None,
    })
}

/// What happened to updates of the system and their plans, in words.
fn of_updates(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "update_plan.created" => format!("Made an update plan: {}", text("name")),
        "update_plan.changed" => format!("Changed an update plan: {}", text("name")),
        "update_plan.deleted" => format!("Deleted an update plan: {}", text("name")),
        "update_plan.stopped" => format!("An update plan is stopped: {}", text("name")),
        "update_plan.resumed" => format!("An update plan goes on: {}", text("name")),
        "update_plan.excepted" => String::from("An update plan leaves it alone"),
        "update_plan.exception_ended" => String::from("An update plan looks after it again"),
        "update.started" => format!("Started an update to {}", text("version")),
        "update.taken_back" => format!("Took an update to {} back", text("version")),
        "update.tried_again" => format!("Has it try an update to {} again", text("version")),
        "update.begun" => format!("Its turn to update to {} has come", text("version")),
        "update.downloading" => format!("Downloads the update to {}", text("version")),
        "update.prepared" => format!("Has downloaded the update to {}", text("version")),
        "update.installing" => format!("Installs the update to {}", text("version")),
        "update.done" => format!("Has updated to {}", text("version")),
        "update.failed" => format!("Could not update to {}", text("version")),
        _ => return None,
    })
}

/// What happened about the use of apps that ask, in words.
fn of_access(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let how_many = event.data.get("count").and_then(Value::as_u64).unwrap_or_default();
    let (times, copies) = (count(how_many, "time", "times"), count(how_many, "copy", "copies"));
    Some(match event.kind.as_str() {
        "access.granted" => format!("An app may be used: {}", text("bundle_id")),
        "access.refused" => {
            let why = Code::parse(&text("code")).map_or("", Code::words);
            format!("An app may not be used: {}. {why}", text("bundle_id"))
        }
        "access.guessed" if text("person").is_empty() => format!("A proof for an app was wrong, {times}, from {}", text("address")),
        "access.guessed" => format!("The password of {} was wrong, {times}, from {}", text("person"), text("address")),
        "access.policy_set" => format!("Changed who may use an app: {}", text("name")),
        "access.policy_removed" => format!("Lets nobody ask for an app any more: {}", text("name")),
        "access.key_changed" => String::from("Has a new key sign what apps are told"),
        "access.copy_kept" => format!("A copy of an offline edit came: {}", text("document")),
        "access.copy_read" => format!("Read a copy of an offline edit of {}: {}", text("whose"), text("document")),
        "access.copies_exported" => format!("Saved {copies} of offline edits"),
        "access.copies_removed" => format!("Removed {copies} of offline edits by their age"),
        "access.copies_freed" => format!("Removed {copies} of offline edits, all from {}", text("whose")),
        _ => return None,
    })
}

/// Which groups a device came into or left by their rules.
fn moved(data: &Value) -> String {
    let names = |key: &str| {
        let names: Vec<_> = data.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        names.join(", ")
    };
    match (names("came_into"), names("left")) {
        (came, left) if left.is_empty() => format!("Came into {came}"),
        (came, left) if came.is_empty() => format!("Is not in {left} any more"),
        (came, left) => format!("Came into {came}, is not in {left} any more"),
    }
}

fn state_of(kind: &str, waits: bool) -> Mark {
    let ends = |words: &[&str]| words.iter().any(|word| kind.ends_with(word));
    if ends(&[
        "error",
        "refused",
        "quarantined",
        "token_dead",
        "unreadable",
        "damaged",
        "erased",
        "left",
        "told_to_leave",
        "revoked",
        "impossible",
        "app.failed",
        "update.failed",
        "update_plan.stopped",
        "list_failed",
        "app.declined",
        "app.stuck",
    ]) {
        Mark::Problem
    } else if waits && ends(&["queued", "not_now"]) {
        Mark::Waiting
    } else {
        Mark::Ok
    }
}

/// The protocol's own words, to be opened below.
fn raw(event: &Event) -> Vec<(String, String)> {
    let mut raw = vec![(String::from("event"), event.kind.clone())];
    raw.extend(event.command_uuid.iter().map(|uuid| (String::from("CommandUUID"), uuid.clone())));
    if event.data.as_object().is_some_and(|data| !data.is_empty()) {
        raw.push((String::from("data"), serde_json::to_string_pretty(&event.data).unwrap_or_default()));
    }
    raw
}
