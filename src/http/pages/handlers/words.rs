//! What happened, in words for people: one line per event, for a device's timeline and for the audit log.

mod asked;
mod nouns;

use serde_json::Value;

use asked::{of_commands, of_servers, of_settings};
use nouns::{
    of_access, of_accounts, of_apps, of_backups, of_groups_and_people, of_licences, of_new_devices, of_notices, of_releases, of_updates,
};

use crate::http::pages::parts::{Entry, State as Mark};
use crate::store::events::Event;

/// One line of the timeline, in words; `waits` says whether what was asked is not answered yet.
pub(super) fn entry(event: Event, waits: bool) -> Entry {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let what = match event.kind.as_str() {
        "enrollment.authenticated" => String::from("Began to enroll"),
        "enrollment.enrolled" => String::from("Enrolled"),
        "enrollment.left" => String::from("Left: its profile was removed"),
        "enrollment.erased" => String::from("Was erased"),
        "enrollment.moved_in" => String::from("Was handed over by another server"),
        "enrollment.move_in_finished" => String::from("Came from another server, and did not notice"),
        "enrollment.move_in_passed_over" => {
            String::from("Another server handed it over once more, and was not listened to: it has come itself")
        }
        "move.profile_learned" => format!("The profile of another server was learned: {}", text("identifier")),
        "move.exported" => String::from("Check-ins for another server were written"),
        "escrow.exported" => String::from("Its tokens were written out for another server"),
        "enrollment.migrated" => String::from("Came from another server, and was not erased"),
        "enrollment.returned" => String::from("Is back after it was erased"),
        "enrollment.return_asked" => String::from("Was handed back: it erases itself and comes in again"),
        "enrollment.return_refused" => format!("Was handed back, and not told to erase itself: {}", text("because")),
        "device.return_asked" if text("network").is_empty() => String::from("Asked to erase itself and come back"),
        "device.return_asked" => format!("Asked to erase itself and come back by the network “{}”", text("network")),
        "enrollment.told_to_leave" => String::from("Was told to leave"),
        "device.held_back" => String::from("Asked without end, and is held back"),
        "enrollment.refused" => String::from("A message in its name was refused"),
        "enrollment.renewing" => String::from("Renews its certificate"),
        "renewal.queued" => String::from("The renewal of its certificate began"),
        "renewal.not_proven" if text("next") == "scep" => {
            format!("Did not prove that it is genuine, so its certificate is renewed without a proof: {}", text("because"))
        }
        "renewal.not_proven" => format!("Its certificate was not renewed, as it did not prove that it is genuine: {}", text("because")),
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
        "setup.held_off" => format!("Another device was not let in that has its serial number: {}", text("serial_number")),
        "setup.released" => String::from("Was let go on in Setup Assistant"),
        "configurator.opened" => String::from("Let Apple Configurator bring devices in"),
        "configurator.closed" => String::from("Ended that Apple Configurator brings devices in"),
        "configurator.identity_made" => String::from("The supervision identity was made"),
        "configurator.identity_handed_out" => String::from("The supervision identity was handed out"),
        "setup.offered" => String::from("A set-up link was printed"),
        "session.codes_blocked" => format!("Too many wrong codes of a second factor: {}", text("name")),
        "session.recovery_code_used" => String::from("A code on paper was used up"),
        "session.all_ended" => format!("Ended the log-ins of {}", text("name")),
        "admin.role_changed" => format!("Made {} {} who was {}", text("name"), text("to"), text("from")),
        "admin.disabled" => format!("Kept {} from logging in", text("name")),
        "admin.enabled" => format!("Let {} log in again", text("name")),
        "admin.password_reset" => format!("Set a new password for {}", text("name")),
        "admin.password_changed" => String::from("Changed their own password"),
        "admin.linked" if text("person").is_empty() => format!("Said that {} stands for nobody at the school", text("name")),
        "admin.linked" => format!("Said that {} is {}", text("name"), text("person")),
        "admin.second_factor_on" => String::from("Switched their second factor on"),
        "admin.second_factor_off" => String::from("Switched their second factor off"),
        "admin.second_factor_reset" => format!("Switched the second factor of {} off", text("name")),
        "admin.recovery_codes_renewed" => String::from("Made new codes on paper"),
        "admin.second_factor_required" => format!("Chose who has to use a second factor: {}", text("of")),
        "focus.started" => format!("Started a focus of {}: {}", text("name"), text("what")),
        "focus.ended" => format!("Ended a focus of {}: {}", text("name"), text("what")),
        "device.focus_started" => format!("A focus of {} was started: {}", text("name"), text("what")),
        "device.focus_ended" => format!("A focus of {} was ended: {}", text("name"), text("what")),
        "audit.exported" => String::from("Took the audit log as a file"),
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
        "device.position_shown" => String::from("Looked where it is"),
        "device.retired" => String::from("Retired"),
        "device.retiring_taken_back" => String::from("Its retiring was taken back: it stays"),
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
        "practice.own_devices" => String::from("Practice people enroll devices of their own"),
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
        "authority.imported" => format!("The authority of another server was trusted: {}", text("name")),
        "authority.window_changed" => String::from("For how long devices move in was changed"),
        "authority.used" => String::from("The next certificate authority is used from now on"),
        "authority.ended" => String::from("A former certificate authority has ended"),
        "tls.made" => String::from("A TLS certificate was made"),
        other => {
            let told = of_commands(&event)
                .or_else(|| of_groups_and_people(&event))
                .or_else(|| of_settings(&event))
                .or_else(|| of_servers(&event))
                .or_else(|| of_licences(&event))
                .or_else(|| of_new_devices(&event))
                .or_else(|| of_accounts(&event))
                .or_else(|| of_apps(&event))
                .or_else(|| of_access(&event))
                .or_else(|| of_updates(&event))
                .or_else(|| of_releases(&event))
                .or_else(|| of_backups(&event))
                .or_else(|| of_notices(&event));
            told.unwrap_or_else(|| other.replace(['.', '_'], " "))
        }
    };
    Entry {
        id: event.seq.to_string(),
        state: state_of(&event.kind, waits),
        what,
        about: None,
        by: by(&event),
        at: event.at,
        why: text("because"),
        raw: raw(&event),
    }
}

/// Who did it, in words: a device did what its own page tells, and what runs by itself has names that are nobody's to know.
fn by(event: &Event) -> String {
    match event.actor_kind.as_str() {
        "device" => String::new(),
        "job" => String::from("Rollcall itself"),
        "console" => String::from("the server’s command line"),
        "token" => event.actor.strip_prefix("token ").map_or_else(|| event.actor.clone(), |name| format!("the script {name}")),
        _ => event.actor.clone(),
    }
}

/// With its first letter a capital.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
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
        "backup.failed",
        "backup.test_failed",
        "letter_given_up",
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
    if !event.actor.is_empty() {
        raw.push((String::from("actor"), format!("{} {}", event.actor_kind, event.actor)));
    }
    raw.extend(event.command_uuid.iter().map(|uuid| (String::from("CommandUUID"), uuid.clone())));
    if event.data.as_object().is_some_and(|data| !data.is_empty()) {
        raw.push((String::from("data"), serde_json::to_string_pretty(&event.data).unwrap_or_default()));
    }
    raw
}

#[cfg(test)]
mod tests;
