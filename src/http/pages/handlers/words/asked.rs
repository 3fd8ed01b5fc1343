//! Events in the words of a person: what devices are asked for and answer, settings, and what stands between servers.

use serde_json::Value;

use crate::mdm::commands::words::{deed, done};
use crate::store::events::Event;

/// What became of something that a device was asked for; the protocol's word for it stands below.
pub(super) fn of_commands(event: &Event) -> Option<String> {
    let request_type = event.data.get("request_type").and_then(Value::as_str).unwrap_or_default();
    let deed = deed(request_type);
    Some(match event.kind.as_str() {
        "command.queued" => format!("Was asked to {deed}"),
        "command.acknowledged" => done(request_type).into_owned(),
        "command.error" => format!("Could not {deed}"),
        "command.format_error" => format!("Did not understand that it is to {deed}"),
        "command.not_now" => format!("Put off for now: to {deed}"),
        "command.cancelled" => format!("Need not {deed} any more"),
        "command.expired" => format!("Was not reached in time to {deed}"),
        "command.rewritten" => format!("Brought up to date before it was sent: to {deed}"),
        "command.superseded" => format!("Replaced by something newer: to {deed}"),
        "command.dropped" => format!("Not asked any more: to {deed}"),
        "command.quarantined" => format!("Set aside after it went wrong again and again: to {deed}"),
        "report.of_unknown_command" => String::from("Answered something that it was not asked from here"),
        "report.too_large" => String::from("Its answer is too long to be kept"),
        "report.unreadable" => format!("What it answered cannot be read: to {deed}"),
        "declarations.status_unreadable" => String::from("What it says of what it has cannot be read"),
        "enrollment.bootstrap_token_deleted" => String::from("Its bootstrap token was deleted"),
        "enrollment.bootstrap_token_given" => String::from("Was given its bootstrap token"),
        "device.admin_password_changed" => String::from("The password of its managed admin was changed"),
        _ => return None,
    })
}

/// What was set, and what people were given to prove who they are.
pub(super) fn of_settings(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "settings.changed" => {
            let has = |key: &str| event.data.get(key).is_some();
            match () {
                () if has("organisation") => format!("Changed the name of the organisation: {}", text("organisation")),
                () if has("time_zone") => format!("Changed the time zone: {}", text("time_zone")),
                () if has("address") => String::from("Confirmed the address of this server"),
                () if has("return_to_service") => String::from("Changed how devices come back after they are erased"),
                () if has("account_enrollment") => String::from("Changed who enrolls devices by their account"),
                () if has("setup_assistant") => String::from("Changed how new devices come in from Setup Assistant"),
                () => String::from("Changed settings"),
            }
        }
        "person.password_set" => format!("Set the password of {} for apps", text("person")),
        "person.password_offered" => format!("Gave {} a link to choose a password for apps", text("person")),
        "person.password_chosen" => format!("{} chose a password for apps", text("person")),
        "person.password_removed" => format!("Took the password of {} for apps away", text("person")),
        "catalog.changed" => String::from("Changed who has the app catalogue on the Home Screen"),
        "catalog.links_ended" => String::from("Ended all links to the app catalogue"),
        _ => return None,
    })
}

/// What this server showed to others and was told by them.
pub(super) fn of_servers(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "tls.authority_chosen" => String::from("Chose a public authority for this server’s certificate"),
        "tls.authority_left" => String::from("Does without a public authority from now on"),
        "tls.order_wanted" => String::from("Asked for a new certificate of this server"),
        "tls.obtained" => String::from("A public authority gave this server its certificate"),
        "ade.discovery_told" => String::from("Told Apple where devices ask that people enroll by their account"),
        "webhook.created" => format!("Made a webhook to {}", text("receiver")),
        "webhook.changed" => format!("Changed the webhook to {}", text("receiver")),
        "webhook.key_renewed" => format!("Gave the webhook to {} a new key", text("receiver")),
        "webhook.redelivered" => format!("Had an event posted to {} once more", text("receiver")),
        "webhook.tested" => format!("Tried the webhook to {}", text("receiver")),
        "webhook.deleted" => format!("Deleted the webhook to {}", text("receiver")),
        "webhook.gave_up" => format!("A webhook did not reach {} for days, and what happened then is lost there", text("receiver")),
        _ => return None,
    })
}
