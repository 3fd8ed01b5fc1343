//! Events in the words of a person, noun by noun.

use serde_json::Value;

use crate::http::pages::parts::count;
use crate::protocol::grant::Code;
use crate::store::events::Event;

/// What happened to backups, in words.
pub(super) fn of_backups(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "backup.made" => String::from(t!("A backup was made")),
        "backup.failed" => String::from(t!("A backup could not be made")),
        "backup.deleted" => t!("An old backup was deleted: {name}", name = text("name")),
        "backup.gone" => t!("A backup is not in its place any more: {name}", name = text("name")),
        "backup.taken" => String::from(t!("Took a backup away")),
        "backup.wanted" => String::from(t!("Asked for a backup")),
        "backup.tested" => t!("A backup was restored for trial, and is sound: {name}", name = text("name")),
        "backup.test_failed" => t!("A backup could not be restored: {name}", name = text("name")),
        "backup.test_wanted" => String::from(t!("Asked that the newest backup be restored for trial")),
        "backup.plan_changed" => String::from(t!("Changed when backups are made and where they go")),
        "backup.recovery_key_made" => String::from(t!("Made a recovery key")),
        "backup.restored" => String::from(t!("The appliance was restored from a backup")),
        "enrollment.came_back" => String::from(t!("It came back after the appliance was restored")),
        _ => return None,
    })
}

/// What happened to notices, in words.
pub(super) fn of_notices(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "notice.told" => t!("Was told by e-mail or webhook: {what}", what = text("what")),
        "notice.letter_given_up" => t!("A letter to {address} could not be sent", address = text("address")),
        "notice.test_sent" => t!("Sent a letter for trial to {address}", address = text("address")),
        "notice.rules_changed" => String::from(t!("Changed what is told by e-mail, and when")),
        "notice.mail_server_changed" => t!("Changed the mail server: {host}", host = text("host")),
        "notice.mail_server_removed" => String::from(t!("Took the mail server out")),
        "notice.recipient_added" => t!("Has notices sent to {address}", address = text("address")),
        "notice.recipient_changed" => t!("Changed which notices go to {address}", address = text("address")),
        "notice.recipient_removed" => t!("Has no notices sent to {address} any more", address = text("address")),
        "notice.calendar_made" => String::from(t!("Made the calendar's address")),
        "notice.calendar_renewed" => String::from(t!("Made another address for the calendar")),
        "notice.calendar_revoked" => String::from(t!("Took the calendar's address back")),
        _ => return None,
    })
}

/// What happened to licences, in words.
pub(super) fn of_licences(event: &Event) -> Option<String> {
    let location = event.data.get("location").and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "content_token.added" => t!("Brought a content token: {location}", location),
        "content_token.renewed" => t!("Renewed a content token: {location}", location),
        "content_token.removed" => t!("Removed a content token: {location}", location),
        "content_token.taken" => t!("Another server took a location over: {location}", location),
        "content_token.taken_over" => t!("Took a location over: {location}", location),
        "content_token.refused" => t!("Apple does not take a content token any more: {location}", location),
        "licence.held" => String::from(t!("Apple assigned it a licence")),
        "licence.returned" => String::from(t!("A licence of it went back")),
        "licence.failed" => String::from(t!("Apple refused it a licence")),
        "licence.taken_back" => String::from(t!("A licence that was assigned elsewhere is taken back")),
        "redemption_codes.imported" => String::from(t!("Imported redemption codes")),
        "redemption_codes.removed" => String::from(t!("Removed redemption codes")),
        "redemption_code.unused" => String::from(t!("It did not need its redemption code, which is free again")),
        "redemption_code.given" => String::from(t!("It was given a redemption code")),
        _ => return None,
    })
}

/// What happened to devices that Apple says are ours, in words.
pub(super) fn of_new_devices(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| event.data.get(key).and_then(Value::as_u64).unwrap_or_default();
    Some(match event.kind.as_str() {
        "ade.server_added" => t!("Made a key for Apple's device list: {name}", name = text("name")),
        "ade.server_removed" => t!("Removed a server token: {name}", name = text("name")),
        "ade.token_added" => t!("Brought a server token: {name}", name = text("name")),
        "ade.beta_programs_changed" => t!("Apple lists other beta programmes for the server token {name}", name = text("name")),
        "ade.token_renewed" => t!("Renewed a server token: {name}", name = text("name")),
        "ade.terms_noticed" => t!("Apple's new terms are not accepted: {name}", name = text("name")),
        "ade.refused_noticed" => t!("Apple does not take a server token any more: {name}", name = text("name")),
        "ade.ends_noticed" => t!("A server token has ended: {name}", name = text("name")),
        "ade.unreachable_noticed" => t!("Apple's device list could not be read: {name}", name = text("name")),
        "ade.devices_added" => t!("New devices on Apple's list: {count}", count = number("count")),
        "ade.devices_removed" => t!("Devices that are not on Apple's list any more: {count}", count = number("count")),
        "ade.devices_assigned" => t!("Said what new devices get: {devices}", devices = number("devices")),
        "ade.profile_created" => t!("Made a profile for new devices: {name}", name = text("name")),
        "ade.profile_changed" => t!("Changed a profile for new devices: {name}", name = text("name")),
        "ade.profile_deleted" => t!("Deleted a profile for new devices: {name}", name = text("name")),
        "ade.default_changed" => t!("Chose how a family of new devices greets people: {name}", name = text("name")),
        "ade.group_profile_changed" => t!("Chose how a group's new devices greet people: {name}", name = text("name")),
        "ade.lock_asked" => t!("Asked Apple to lock a device: {serial_number}", serial_number = text("serial_number")),
        "ade.locked" => t!("Apple has locked a device: {serial_number}", serial_number = text("serial_number")),
        "ade.lock_failed" => t!("Apple did not lock a device: {serial_number}", serial_number = text("serial_number")),
        "ade.lock_unknown" => t!("Apple gave no answer about the lock of a device: {serial_number}", serial_number = text("serial_number")),
        "ade.lock_revealed" => t!("Looked at what opens a locked device: {serial_number}", serial_number = text("serial_number")),
        _ => return None,
    })
}

/// What happened when people enrolled devices by their account, in words.
pub(super) fn of_accounts(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    let whose = if text("ownership") == "own" { t!("their own device") } else { t!("a device of the organisation") };
    Some(match event.kind.as_str() {
        "account.signed_in" => t!("{person} signed in to enroll {whose}", person = text("person"), whose),
        "account.profile_given" => t!(
            "The profile for {whose} was given to {person}: {product_name}",
            whose,
            person = text("person"),
            product_name = text("product_name")
        ),
        "account.token_shown" => match text("shown") {
            "none" => String::from(t!("Came without the sign-in of its person")),
            "another" => String::from(t!("Came with another sign-in than the one by which it enrolled")),
            _ => String::from(t!("Comes with the sign-in of its person again")),
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
        "release.appeared" if is_again => t!("Apple lists a release again: {release}", release = release()),
        "release.appeared" => t!("Apple lists a new release: {release}", release = release()),
        "release.vanished" => t!("Apple does not list a release any more: {release}", release = release()),
        "release.list_taken" => {
            let whose =
                if text("source") == "file" { t!("A list of releases was brought") } else { t!("Apple's list of releases changed") };
            t!(
                "{whose}: {listed} listed, {appeared} new, {vanished} gone",
                whose,
                listed = number("listed"),
                appeared = number("appeared"),
                vanished = number("vanished")
            )
        }
        "release.list_checked" => t!("Apple's list of releases is the newest one: {listed} listed", listed = number("listed")),
        "release.list_failed" => String::from(t!("Apple's list of releases could not be had")),
        "apple_root.added" => t!("Has a root of Apple's now: {name}", name = text("name")),
        _ => return None,
    })
}

/// What happened to groups, people and classes.
pub(super) fn of_groups_and_people(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "device.groups_changed" => moved(&event.data),
        "device.person_changed" if text("name").is_empty() => String::from(t!("It is nobody's now")),
        "device.person_changed" => t!("Given to {name}", name = text("name")),
        "group.created" => t!("A group was made: {name}", name = text("name")),
        "group.changed" => t!("A group was changed: {name}", name = text("name")),
        "group.deleted" => t!("A group was deleted: {name}", name = text("name")),
        "group.devices_added" => t!("Put into the group {name}", name = text("name")),
        "group.devices_removed" => t!("Taken out of the group {name}", name = text("name")),
        "person.created" => t!("A person was added: {name}", name = text("name")),
        "person.changed" if event.data["deactivated"] == true => t!("A person was deactivated: {name}", name = text("name")),
        "person.changed" => t!("A person was changed: {name}", name = text("name")),
        "person.left" => t!("A person was let go: {name}", name = text("name")),
        "person.deleted" => t!("A person was deleted: {name}", name = text("name")),
        "people.imported" => String::from(t!("People and classes were imported")),
        "class.created" => t!("A class was made: {name}", name = text("name")),
        "class.changed" => t!("A class was renamed: {name}", name = text("name")),
        "class.deleted" => t!("A class was deleted: {name}", name = text("name")),
        "class.person_added" => t!("Somebody was put into the class {name}", name = text("name")),
        "class.person_removed" => t!("Somebody was taken out of the class {name}", name = text("name")),
        _ => return None,
    })
}

/// What happened to apps.
pub(super) fn of_apps(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "app.added" => t!("Added an app: {name}", name = text("name")),
        "app.changed" => t!("Changed an app: {name}", name = text("name")),
        "app.deleted" => t!("Deleted an app: {name}", name = text("name")),
        "app.schema_brought" => t!("Brought the maker's file for the configuration of an app: {name}", name = text("name")),
        "app.schema_removed" => t!("Took the maker's file for the configuration of an app away: {name}", name = text("name")),
        "app.asked" => t!("Asked for an app: {name}", name = text("name")),
        "app.withdrawn" => t!("Took an app away: {name}", name = text("name")),
        "app.installed" => t!("Has an app: {name}", name = text("name")),
        "app.updated" => t!("Has a newer version of an app: {name} {version}", name = text("name"), version = text("version")),
        "app.gone" => t!("Has an app no more: {name}", name = text("name")),
        "app.prompting" => t!("Asks the person about an app: {name}", name = text("name")),
        "app.declined" => t!("The person declined an app: {name}", name = text("name")),
        "app.deleted_by_person" => t!("The person deleted an app: {name}", name = text("name")),
        "app.failed" => t!("Could not install an app: {name}", name = text("name")),
        "app.needs_code" => t!("Asks for a redemption code of an app: {name}", name = text("name")),
        "app.stuck" => t!("Says yes to an app, and nothing changes: {name}", name = text("name")),
        _ => return None,
    })
}

/// What happened to updates of the system and their plans, in words.
pub(super) fn of_updates(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "update_plan.created" => t!("Made an update plan: {name}", name = text("name")),
        "update_plan.changed" => t!("Changed an update plan: {name}", name = text("name")),
        "update_plan.deleted" => t!("Deleted an update plan: {name}", name = text("name")),
        "update_plan.stopped" => t!("An update plan is stopped: {name}", name = text("name")),
        "update_plan.resumed" => t!("An update plan goes on: {name}", name = text("name")),
        "update_plan.excepted" => String::from(t!("An update plan leaves it alone")),
        "update_plan.exception_ended" => String::from(t!("An update plan looks after it again")),
        "update.started" => t!("Started an update to {version}", version = text("version")),
        "update.taken_back" => t!("Took an update to {version} back", version = text("version")),
        "update.tried_again" => t!("Has it try an update to {version} again", version = text("version")),
        "update.begun" => t!("Its turn to update to {version} has come", version = text("version")),
        "update.downloading" => t!("Downloads the update to {version}", version = text("version")),
        "update.prepared" => t!("Has downloaded the update to {version}", version = text("version")),
        "update.installing" => t!("Installs the update to {version}", version = text("version")),
        "update.done" => t!("Has updated to {version}", version = text("version")),
        "update.failed" => t!("Could not update to {version}", version = text("version")),
        _ => return None,
    })
}

/// What happened about the use of apps that ask, in words.
pub(super) fn of_access(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let how_many = event.data.get("count").and_then(Value::as_u64).unwrap_or_default();
    let (times, copies) = (count(how_many, t!("time"), t!("times")), count(how_many, t!("copy"), t!("copies")));
    Some(match event.kind.as_str() {
        "access.granted" => t!("An app may be used: {bundle_id}", bundle_id = text("bundle_id")),
        "access.refused" => {
            let why = Code::parse(&text("code")).map_or("", Code::words);
            t!("An app may not be used: {bundle_id}. {why}", bundle_id = text("bundle_id"), why)
        }
        "access.guessed" if text("person").is_empty() => {
            t!("A proof for an app was wrong, {times}, from {address}", times, address = text("address"))
        }
        "access.guessed" => {
            t!("The password of {person} was wrong, {times}, from {address}", person = text("person"), times, address = text("address"))
        }
        "access.policy_set" => t!("Changed who may use an app: {name}", name = text("name")),
        "access.policy_removed" => t!("Lets nobody ask for an app any more: {name}", name = text("name")),
        "access.key_changed" => String::from(t!("Has a new key sign what apps are told")),
        "access.copy_kept" => t!("A copy of an offline edit came: {document}", document = text("document")),
        "access.copy_read" => {
            t!("Read a copy of an offline edit of {whose}: {document}", whose = text("whose"), document = text("document"))
        }
        "access.copies_exported" => t!("Saved {copies} of offline edits", copies),
        "access.copies_removed" => t!("Removed {copies} of offline edits by their age", copies),
        "access.copies_freed" => t!("Removed {copies} of offline edits, all from {whose}", copies, whose = text("whose")),
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
        (came, left) if left.is_empty() => t!("Came into {came}", came),
        (came, left) if came.is_empty() => t!("Is not in {left} any more", left),
        (came, left) => t!("Came into {came}, is not in {left} any more", came, left),
    }
}
