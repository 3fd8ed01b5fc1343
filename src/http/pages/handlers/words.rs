//! What happened, in words for people: one line per event, for a device's timeline and for the audit log.

mod asked;
mod nouns;

use serde_json::Value;

use asked::{of_commands, of_servers, of_settings};
use nouns::{
    of_access, of_accounts, of_apps, of_backups, of_groups_and_people, of_licences, of_new_devices, of_notices, of_releases, of_updates,
};

use crate::http::pages::parts::{Entry, State as Mark};
use crate::language::kept;
use crate::mdm::Role;
use crate::store::events::Event;

/// One line of the timeline, in words; `waits` says whether what was asked is not answered yet.
pub(super) fn entry(event: Event, waits: bool) -> Entry {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let because = || kept(&text("because"));
    let what = match event.kind.as_str() {
        "enrollment.authenticated" => String::from(t!("Began to enroll")),
        "enrollment.enrolled" => String::from(t!("Enrolled")),
        "enrollment.left" => String::from(t!("Left: its profile was removed")),
        "enrollment.erased" => String::from(t!("Was erased")),
        "enrollment.moved_in" => String::from(t!("Was handed over by another server")),
        "enrollment.move_in_finished" => String::from(t!("Came from another server, and did not notice")),
        "enrollment.move_in_passed_over" => {
            String::from(t!("Another server handed it over once more, and was not listened to: it has come itself"))
        }
        "move.profile_learned" => t!("The profile of another server was learned: {identifier}", identifier = text("identifier")),
        "move.exported" => String::from(t!("Check-ins for another server were written")),
        "escrow.exported" => String::from(t!("Its tokens were written out for another server")),
        "enrollment.migrated" => String::from(t!("Came from another server, and was not erased")),
        "enrollment.returned" => String::from(t!("Is back after it was erased")),
        "enrollment.return_asked" => String::from(t!("Was handed back: it erases itself and comes in again")),
        "enrollment.return_refused" => t!("Was handed back, and not told to erase itself: {because}", because = because()),
        "device.return_asked" if text("network").is_empty() => String::from(t!("Asked to erase itself and come back")),
        "device.return_asked" => t!("Asked to erase itself and come back by the network “{network}”", network = text("network")),
        "enrollment.told_to_leave" => String::from(t!("Was told to leave")),
        "device.held_back" => String::from(t!("Asked without end, and is held back")),
        "enrollment.refused" => String::from(t!("A message in its name was refused")),
        "enrollment.renewing" => String::from(t!("Renews its certificate")),
        "renewal.queued" => String::from(t!("The renewal of its certificate began")),
        "renewal.not_proven" if text("next") == "scep" => {
            t!("Did not prove that it is genuine, so its certificate is renewed without a proof: {because}", because = because())
        }
        "renewal.not_proven" => {
            t!("Its certificate was not renewed, as it did not prove that it is genuine: {because}", because = because())
        }
        "renewal.finished" => String::from(t!("Its certificate was renewed")),
        "certificate.bound" => String::from(t!("Showed its certificate")),
        "certificate.issued" => String::from(t!("A certificate was issued to it")),
        "certificate.revoked" => String::from(t!("Its certificate was revoked")),
        "push.sent" => String::from(t!("Woken")),
        "push.token_dead" => String::from(t!("Apple says it takes no wake-ups any more")),
        "push.refused" => String::from(t!("Apple refused to wake it")),
        "enrollment.token_given" => String::from(t!("Got a token that tells Apple whose it is")),
        "enrollment.bootstrap_token_stored" => String::from(t!("Its bootstrap token was stored")),
        "session.started" => String::from(t!("Logged in")),
        "session.ended" => String::from(t!("Logged out")),
        "session.refused" => String::from(t!("A log-in was refused")),
        "session.offered" => String::from(t!("A link that logs in once was printed")),
        "setup.asked" => match text("answer").as_ref() {
            "profile" => t!("Asked for its profile in Setup Assistant: {serial_number}", serial_number = text("serial_number")),
            "update" => t!(
                "Was told to update to {because} before it is set up: {serial_number}",
                because = because(),
                serial_number = text("serial_number")
            ),
            _ => t!("Was not let in from Setup Assistant: {serial_number}", serial_number = text("serial_number")),
        },
        "setup.held_off" => {
            t!("Another device was not let in that has its serial number: {serial_number}", serial_number = text("serial_number"))
        }
        "setup.released" => String::from(t!("Was let go on in Setup Assistant")),
        "configurator.opened" => String::from(t!("Let Apple Configurator bring devices in")),
        "configurator.closed" => String::from(t!("Ended that Apple Configurator brings devices in")),
        "configurator.identity_made" => String::from(t!("The supervision identity was made")),
        "configurator.identity_handed_out" => String::from(t!("The supervision identity was handed out")),
        "setup.offered" => String::from(t!("A set-up link was printed")),
        "session.codes_blocked" => t!("Too many wrong codes of a second factor: {name}", name = text("name")),
        "session.recovery_code_used" => String::from(t!("A code on paper was used up")),
        "session.all_ended" => t!("Ended the log-ins of {name}", name = text("name")),
        "admin.role_changed" => t!("Made {name} {to} who was {from}", name = text("name"), to = text("to"), from = text("from")),
        "admin.disabled" => t!("Kept {name} from logging in", name = text("name")),
        "admin.enabled" => t!("Let {name} log in again", name = text("name")),
        "admin.password_reset" => t!("Set a new password for {name}", name = text("name")),
        "admin.password_changed" => String::from(t!("Changed their own password")),
        "admin.linked" if text("person").is_empty() => t!("Said that {name} stands for nobody at the school", name = text("name")),
        "admin.linked" => t!("Said that {name} is {person}", name = text("name"), person = text("person")),
        "admin.second_factor_on" => String::from(t!("Switched their second factor on")),
        "admin.second_factor_off" => String::from(t!("Switched their second factor off")),
        "admin.second_factor_reset" => t!("Switched the second factor of {name} off", name = text("name")),
        "admin.recovery_codes_renewed" => String::from(t!("Made new codes on paper")),
        "admin.second_factor_required" => t!("Chose who has to use a second factor: {of}", of = text("of")),
        "focus.started" => t!("Started a focus of {name}: {what}", name = text("name"), what = text("what")),
        "focus.ended" => t!("Ended a focus of {name}: {what}", name = text("name"), what = text("what")),
        "device.focus_started" => t!("A focus of {name} was started: {what}", name = text("name"), what = text("what")),
        "device.focus_ended" => t!("A focus of {name} was ended: {what}", name = text("name"), what = text("what")),
        "audit.exported" => String::from(t!("Took the audit log as a file")),
        "admin.added" => t!("Added someone who may log in: {name}", name = text("name")),
        "admin.removed" => t!("Removed someone who could log in: {name}", name = text("name")),
        "token.created" => t!("Made a token: {name}", name = text("name")),
        "token.revoked" => t!("Revoked a token: {name}", name = text("name")),
        "device.os_changed" => t!("Its system went from {from} to {to}", from = text("from"), to = text("to")),
        "device.attested" => match text("state").as_ref() {
            "genuine" => String::from(t!("Apple vouched for it: it is genuine")),
            "stale" => String::from(t!("Apple vouched for it earlier, not in answer to us")),
            "refused" => String::from(t!("Its proof that it is genuine does not count")),
            _ => String::from(t!("It showed no proof that it is genuine")),
        },
        "attestation.policy_changed" => String::from(t!("Chose which devices have to prove that they are genuine")),
        "device.position_shown" => String::from(t!("Looked where it is")),
        "device.retired" => String::from(t!("Retired")),
        "device.retiring_taken_back" => String::from(t!("Its retiring was taken back: it stays")),
        "device.deleted" => String::from(t!("Deleted")),
        "declaration.added" => t!("Added a declaration: {name}", name = text("name")),
        "declaration.data_changed" => t!("Uploaded the file of a declaration: {name}", name = text("name")),
        "declaration.changed" => t!("Changed a declaration: {name}", name = text("name")),
        "declaration.renamed" => t!("Renamed a declaration: {name}", name = text("name")),
        "declaration.read" => t!("Looked into a declaration: {name}", name = text("name")),
        "declaration.deleted" => t!("Deleted a declaration: {name}", name = text("name")),
        "escrow.stored" => String::from(t!("A secret was stored for it")),
        "escrow.revealed" => String::from(t!("A secret was shown")),
        "escrow.purged" => String::from(t!("Its secrets were removed")),
        "invitation.created" => String::from(t!("An invitation was made")),
        "policy.created" => t!("Made a policy: {name}", name = text("name")),
        "policy.changed" => t!("Changed a policy: {name}", name = text("name")),
        "policy.deleted" => t!("Deleted a policy: {name}", name = text("name")),
        "invitation.revoked" => String::from(t!("An invitation was withdrawn")),
        "certificate.refused" => String::from(t!("A request for a certificate was refused")),
        "push_request.made" => String::from(t!("A push certificate was asked for")),
        "push_request.signed" => String::from(t!("The request for a push certificate was signed")),
        "push_request.mailed" => t!("mdmcert.download was asked to sign: the answer goes to {email}", email = text("email")),
        "push_certificate.added" => t!("Push certificate added: {topic}", topic = text("topic")),
        "push_certificate.renewed" => t!("Push certificate renewed: {topic}", topic = text("topic")),
        "profile.uploaded" => t!("Uploaded a profile: {name}", name = text("name")),
        "profile.version_uploaded" => t!("Uploaded a new version of a profile: {name}", name = text("name")),
        "profile.version_used" => t!("Put another version of a profile to use: {name}", name = text("name")),
        "profile.changed" => t!("Changed a profile: {name}", name = text("name")),
        "profile.deleted" => t!("Deleted a profile: {name}", name = text("name")),
        "profile.downloaded" => t!("Took a profile as a file: {name}", name = text("name")),
        "package.uploaded" => t!("Uploaded an app: {name} {version}", name = text("name"), version = text("version")),
        "package.staged" => match text("stage").as_ref() {
            "everyone" => t!("Put in place for everyone: {name} {version}", name = text("name"), version = text("version")),
            "pilot" => t!("Put on trial: {name} {version}", name = text("name"), version = text("version")),
            _ => t!("Taken out of use: {name} {version}", name = text("name"), version = text("version")),
        },
        "package.pilot_chosen" => t!("Chose who tries new versions first: {name}", name = text("name")),
        "package.deleted" => t!("Deleted a version: {name} {version}", name = text("name"), version = text("version")),
        "package.tried" if text("problem").is_empty() => t!("Devices can fetch it from here: {name}", name = text("name")),
        "package.tried" => t!("Devices cannot fetch it from here: {name}", name = text("name")),
        "app.added" => t!("Added an app: {name}", name = text("name")),
        "provisioning.uploaded" => t!("Uploaded a provisioning profile: {name}", name = text("name")),
        "provisioning.deleted" => t!("Deleted a provisioning profile: {name}", name = text("name")),
        "assignment.made" => t!("Assigned to a group: {name}", name = text("name")),
        "assignment.removed" => t!("Taken back from a group: {name}", name = text("name")),
        "invitation.device_asked" if text("answer") == "profile" => {
            t!("Got a profile of its own: {serial_number}", serial_number = text("serial_number"))
        }
        "invitation.device_asked" => t!("Said which device it is: {serial_number}", serial_number = text("serial_number")),
        "practice.switched_on" => String::from(t!("Boxed practice iPads were switched on")),
        "practice.own_devices" => String::from(t!("Practice people enroll devices of their own")),
        "practice.wanted" => String::from(t!("The number of practice devices was set")),
        "job.wanted" => t!("Asked to run now: {job}", job = text("job")),
        "checkin.unknown" => t!("Said something that this version does not know: {message_type}", message_type = text("message_type")),
        "database.damaged" => String::from(t!("The database is damaged")),
        "database.sound" => String::from(t!("The database is sound again")),
        "renewal.impossible" => String::from(t!("Its certificate cannot be renewed from here")),
        "root.queued" => String::from(t!("The next root certificate goes to it")),
        "root.known" => String::from(t!("It knows the next root certificate")),
        "root.refused" => String::from(t!("It refused the next root certificate")),
        "deployment.there" => t!("It is there: {name}", name = text("name")),
        "deployment.gone" => t!("It is gone: {name}", name = text("name")),
        "deployment.refused" => t!("The device refused: {name}", name = text("name")),
        "reconcile.failed" => String::from(t!("What it is to have could not be worked out")),
        "authority.made" => String::from(t!("A certificate authority was made")),
        "authority.imported" => t!("The authority of another server was trusted: {name}", name = text("name")),
        "authority.window_changed" => String::from(t!("For how long devices move in was changed")),
        "authority.used" => String::from(t!("The next certificate authority is used from now on")),
        "authority.restored" => String::from(t!("A former certificate authority is used again")),
        "authority.ended" => String::from(t!("A former certificate authority has ended")),
        "tls.made" => String::from(t!("A TLS certificate was made")),
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
        why: because(),
        raw: raw(&event),
    }
}

/// Who did it, in words: a device did what its own page tells, and what runs by itself has names that are nobody's to know.
fn by(event: &Event) -> String {
    match event.actor_kind.as_str() {
        "device" => String::new(),
        "job" => String::from(t!("Rollcall itself")),
        "console" => String::from(t!("the server’s command line")),
        "token" => {
            event.actor.strip_prefix("token ").map_or_else(|| event.actor.clone(), |name| t!("the script {name}", name = with_role(name)))
        }
        _ => with_role(&event.actor),
    }
}

/// Who did something, as it is kept: a name, and in brackets the role.
pub(super) fn with_role(actor: &str) -> String {
    let said = |(name, kept): (&str, &str)| {
        Role::ALL.into_iter().find(|role| role.as_str() == kept).map(|role| format!("{name} ({})", role.said()))
    };
    actor.strip_suffix(')').and_then(|actor| actor.rsplit_once(" (")).and_then(said).unwrap_or_else(|| actor.to_owned())
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
        "backup.gone",
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
    let mut raw = vec![(String::from(t!("event")), event.kind.clone())];
    if !event.actor.is_empty() {
        raw.push((String::from(t!("actor")), format!("{} {}", event.actor_kind, event.actor)));
    }
    raw.extend(event.command_uuid.iter().map(|uuid| (String::from("CommandUUID"), uuid.clone())));
    if event.data.as_object().is_some_and(|data| !data.is_empty()) {
        raw.push((String::from(t!("data")), serde_json::to_string_pretty(&event.data).unwrap_or_default()));
    }
    raw
}

#[cfg(test)]
mod tests;
