//! Events in the words of a person, noun by noun.

use serde_json::Value;

use crate::http::pages::parts::count;
use crate::protocol::grant::Code;
use crate::store::events::Event;

/// What happened to backups, in words.
pub(super) fn of_backups(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "backup.made" => String::from("A backup was made"),
        "backup.failed" => String::from("A backup could not be made"),
        "backup.deleted" => format!("An old backup was deleted: {}", text("name")),
        "backup.taken" => String::from("Took a backup away"),
        "backup.wanted" => String::from("Asked for a backup"),
        "backup.tested" => format!("A backup was restored for trial, and is sound: {}", text("name")),
        "backup.test_failed" => format!("A backup could not be restored: {}", text("name")),
        "backup.test_wanted" => String::from("Asked that the newest backup be restored for trial"),
        "backup.plan_changed" => String::from("Changed when backups are made and where they go"),
        "backup.recovery_key_made" => String::from("Made a recovery key"),
        "backup.restored" => String::from("The appliance was restored from a backup"),
        "enrollment.came_back" => String::from("It came back after the appliance was restored"),
        _ => return None,
    })
}

/// What happened to notices, in words.
pub(super) fn of_notices(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "notice.told" => format!("Was told by e-mail or webhook: {}", text("what")),
        "notice.letter_given_up" => format!("A letter to {} could not be sent", text("address")),
        "notice.test_sent" => format!("Sent a letter for trial to {}", text("address")),
        "notice.rules_changed" => String::from("Changed what is told by e-mail, and when"),
        "notice.mail_server_changed" => format!("Changed the mail server: {}", text("host")),
        "notice.mail_server_removed" => String::from("Took the mail server out"),
        "notice.recipient_added" => format!("Has notices sent to {}", text("address")),
        "notice.recipient_changed" => format!("Changed which notices go to {}", text("address")),
        "notice.recipient_removed" => format!("Has no notices sent to {} any more", text("address")),
        "notice.calendar_made" => String::from("Made the calendar's address"),
        "notice.calendar_renewed" => String::from("Made another address for the calendar"),
        "notice.calendar_revoked" => String::from("Took the calendar's address back"),
        _ => return None,
    })
}

/// What happened to licences, in words.
pub(super) fn of_licences(event: &Event) -> Option<String> {
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
pub(super) fn of_new_devices(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| event.data.get(key).and_then(Value::as_u64).unwrap_or_default();
    Some(match event.kind.as_str() {
        "ade.server_added" => format!("Made a key for Apple's device list: {}", text("name")),
        "ade.server_removed" => format!("Removed a server token: {}", text("name")),
        "ade.token_added" => format!("Brought a server token: {}", text("name")),
        "ade.beta_programs_changed" => format!("Apple lists other beta programmes for the server token {}", text("name")),
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

/// What happened when people enrolled devices by their account, in words.
pub(super) fn of_accounts(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    let whose = if text("ownership") == "own" { "their own device" } else { "a device of the organisation" };
    Some(match event.kind.as_str() {
        "account.signed_in" => format!("{} signed in to enroll {whose}", text("person")),
        "account.profile_given" => format!("The profile for {whose} was given to {}: {}", text("person"), text("product_name")),
        "account.token_shown" => match text("shown") {
            "none" => String::from("Came without the sign-in of its person"),
            "another" => String::from("Came with another sign-in than the one by which it enrolled"),
            _ => String::from("Comes with the sign-in of its person again"),
        },
        _ => return None,
    })
}

/// What Apple's list of releases showed.
pub(super) fn of_releases(event: &Event) -> Option<String> {
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
pub(super) fn of_groups_and_people(event: &Event) -> Option<String> {
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
        "person.left" => format!("A person was let go: {}", text("name")),
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
pub(super) fn of_apps(event: &Event) -> Option<String> {
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
pub(super) fn of_updates(event: &Event) -> Option<String> {
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
pub(super) fn of_access(event: &Event) -> Option<String> {
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
