//! Events in the words of a person: what devices are asked for and answer, settings, and what stands between servers.

use serde_json::Value;

use crate::mdm::commands::words::{deed, done};
use crate::store::events::Event;

/// What became of something that a device was asked for; the protocol's word for it stands below.
pub(super) fn of_commands(event: &Event) -> Option<String> {
    let request_type = event.data.get("request_type").and_then(Value::as_str).unwrap_or_default();
    let deed = deed(request_type);
    Some(match event.kind.as_str() {
        "command.queued" => t!("Was asked to {deed}", deed),
        "command.acknowledged" => done(request_type).into_owned(),
        "command.error" => t!("Could not {deed}", deed),
        "command.format_error" => t!("Did not understand that it is to {deed}", deed),
        "command.not_now" => t!("Put off for now: to {deed}", deed),
        "command.cancelled" => t!("Need not {deed} any more", deed),
        "command.expired" => t!("Was not reached in time to {deed}", deed),
        "command.rewritten" => t!("Brought up to date before it was sent: to {deed}", deed),
        "command.superseded" => t!("Replaced by something newer: to {deed}", deed),
        "command.dropped" => t!("Not asked any more: to {deed}", deed),
        "command.quarantined" => t!("Set aside after it went wrong again and again: to {deed}", deed),
        "report.of_unknown_command" => String::from(t!("Answered something that it was not asked from here")),
        "report.too_large" => String::from(t!("Its answer is too long to be kept")),
        "report.unreadable" => t!("What it answered cannot be read: to {deed}", deed),
        "declarations.status_unreadable" => String::from(t!("What it says of what it has cannot be read")),
        "enrollment.bootstrap_token_deleted" => String::from(t!("Its bootstrap token was deleted")),
        "enrollment.bootstrap_token_given" => String::from(t!("Was given its bootstrap token")),
        "device.admin_password_changed" => String::from(t!("The password of its managed admin was changed")),
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
                () if has("organisation") => {
                    t!("Changed the name of the organisation: {organisation}", organisation = text("organisation"))
                }
                () if has("time_zone") => t!("Changed the time zone: {time_zone}", time_zone = text("time_zone")),
                () if has("address") => String::from(t!("Confirmed the address of this server")),
                () if has("return_to_service") => String::from(t!("Changed how devices come back after they are erased")),
                () if has("account_enrollment") => String::from(t!("Changed who enrolls devices by their account")),
                () if has("setup_assistant") => String::from(t!("Changed how new devices come in from Setup Assistant")),
                () => String::from(t!("Changed settings")),
            }
        }
        "settings.language_changed" => match text("language") {
            "en" => String::from(t!("Has pages speak English again")),
            tag => t!("Chose the language of pages: {tag}", tag),
        },
        "person.password_set" => t!("Set the password of {person} for apps", person = text("person")),
        "person.password_offered" => t!("Gave {person} a link to choose a password for apps", person = text("person")),
        "person.password_chosen" => t!("{person} chose a password for apps", person = text("person")),
        "person.password_removed" => t!("Took the password of {person} for apps away", person = text("person")),
        "catalog.changed" => String::from(t!("Changed who has the app catalogue on the Home Screen")),
        "catalog.links_ended" => String::from(t!("Ended all links to the app catalogue")),
        _ => return None,
    })
}

/// What this server showed to others and was told by them.
pub(super) fn of_servers(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match event.kind.as_str() {
        "tls.authority_chosen" => String::from(t!("Chose a public authority for this server’s certificate")),
        "tls.authority_left" => String::from(t!("Does without a public authority from now on")),
        "tls.order_wanted" => String::from(t!("Asked for a new certificate of this server")),
        "tls.obtained" => String::from(t!("A public authority gave this server its certificate")),
        "ade.discovery_told" => String::from(t!("Told Apple where devices ask that people enroll by their account")),
        "webhook.created" => t!("Made a webhook to {receiver}", receiver = text("receiver")),
        "webhook.changed" => t!("Changed the webhook to {receiver}", receiver = text("receiver")),
        "webhook.key_renewed" => t!("Gave the webhook to {receiver} a new key", receiver = text("receiver")),
        "webhook.redelivered" => t!("Had an event posted to {receiver} once more", receiver = text("receiver")),
        "webhook.tested" => t!("Tried the webhook to {receiver}", receiver = text("receiver")),
        "webhook.deleted" => t!("Deleted the webhook to {receiver}", receiver = text("receiver")),
        "webhook.gave_up" => {
            t!("A webhook did not reach {receiver} for days, and what happened then is lost there", receiver = text("receiver"))
        }
        _ => return None,
    })
}
