//! What a profile is and holds, and what differs between two versions, in words.

use maud::{Markup, html};

use super::super::parts::{Column, Fact, Row, State, Table, count, facts, moment, state_square, table};
use super::mark;
use crate::language::say;
use crate::protocol::mobileconfig::diff::{CHANGES_MAX, Change, Diff, KeyChange, PayloadChange};
use crate::protocol::mobileconfig::facts::Facts;
use crate::protocol::mobileconfig::payload_types::words;
use crate::protocol::mobileconfig::variables::{DOLLAR, VARIABLES};

/// What a profile is: signer, place, end, variables.
pub(super) fn about(profile: &Facts, variables: &[String]) -> Markup {
    let mut list = vec![Fact::code(t!("Identifier"), &profile.identifier)];
    if let Some(organization) = &profile.organization {
        list.push(Fact::text(t!("From"), organization));
    }
    if let Some(description) = &profile.description {
        list.push(Fact::text(t!("What it says of itself"), description));
    }
    list.push(Fact::new(t!("Signed"), signer(profile)));
    if profile.is_encrypted {
        list.push(Fact::new(t!("Encrypted"), mark(State::Waiting, t!("only the device it was made for can open it"))));
    }
    let place = if profile.is_for_users_of_macs() { t!("to the users of the Mac that are managed") } else { t!("to the Mac itself") };
    list.push(Fact::text(t!("On a Mac it goes"), place));
    if let Some(at) = profile.removal_at {
        list.push(Fact::new(t!("Removes itself"), moment(at)));
    }
    if let Some(seconds) = profile.removal_after_s {
        list.push(Fact::text(t!("Removes itself"), &t!("{seconds} after it was installed", seconds = span(seconds))));
    }
    if !variables.is_empty() {
        list.push(Fact::new(t!("Different on each device"), self::variables(variables)));
    }
    facts(&list)
}

fn signer(profile: &Facts) -> Markup {
    match (&profile.signer, &profile.signature_problem) {
        (_, Some(_)) => mark(State::Problem, t!("yes, but the signature does not hold")),
        (Some(signer), None) => html! { (t!("by ")) (signer) (t!("; it is sent exactly as it was uploaded")) },
        (None, None) => html! { span.quiet { (t!("no")) } },
    }
}

fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match seconds {
        0..7_200 => count(seconds.div_ceil(60), t!("minute"), t!("minutes")),
        7_200..172_800 => count(seconds.div_ceil(3_600), t!("hour"), t!("hours")),
        _ => count(seconds.div_ceil(86_400), t!("day"), t!("days")),
    }
}

fn variables(names: &[String]) -> Markup {
    let means = |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map_or("", |(_, means)| say(means));
    html! {
        ul.plain {
            @for name in names.iter().filter(|name| *name != DOLLAR) { li { span.mono { "$" (name) } " " span.quiet { (means(name)) } } }
        }
    }
}

/// What a profile holds, payload by payload.
pub(super) fn payloads(profile: &Facts) -> Markup {
    let rows = profile.payloads.iter().map(|payload| Row {
        id: String::new(),
        href: None,
        name: String::new(),
        cells: vec![
            html! { (words(&payload.payload_type)) },
            html! { (payload.display_name.as_deref().unwrap_or_default()) },
            html! { (payload.payload_type) },
        ],
    });
    let none = if profile.is_encrypted { t!("What it holds is encrypted.") } else { t!("It holds nothing.") };
    table(&Table {
        caption: t!("What it holds"),
        columns: vec![Column::main(t!("Setting")), Column::text(t!("Name")).wraps(), Column::code(t!("Type")).minor()],
        rows: rows.collect(),
        pager: None,
        empty: html! { p.quiet { (none) } },
        selection: None,
        compact: true,
    })
}

/// What an admin should know, one sentence each.
pub fn warnings(messages: &[String]) -> Markup {
    html! {
        @if !messages.is_empty() {
            div.banner.waiting role="note" {
                (state_square(State::Waiting, 12))
                div.words {
                    @if messages.len() == 1 { p { (messages[0]) } }
                    @else { ul { @for message in messages { li { (message) } } } }
                }
            }
        }
    }
}

/// Keys by which tools tell payloads apart: they change with every export and say nothing to people.
const NAMES: [&str; 4] = ["PayloadUUID", "PayloadIdentifier", "PayloadType", "PayloadVersion"];

/// What differs between two versions, secrets hidden.
pub(super) fn difference(diff: &Diff) -> Markup {
    if diff.is_empty() {
        return html! { p.quiet { (t!("They say the same.")) } };
    }
    html! {
        div.stack.loose {
            @if !diff.profile.is_empty() { div.stack { h3 { (t!("The profile itself")) } (keys(&diff.profile)) } }
            @for payload in &diff.payloads { div.stack { (heading(payload)) (keys(&payload.keys)) } }
            @if diff.has_more { p.quiet { (t!("Only the first ")) (CHANGES_MAX) (t!(" differences are shown.")) } }
        }
    }
}

fn heading(payload: &PayloadChange) -> Markup {
    let (state, word) = match payload.change {
        Change::Added => (State::Ok, t!("added")),
        Change::Removed => (State::Problem, t!("removed")),
        Change::Changed => (State::Waiting, t!("changed")),
    };
    html! {
        h3 { (words(&payload.payload_type)) " " (mark(state, word)) }
        @if let Some(name) = &payload.display_name { p.quiet { (name) } }
    }
}

fn keys(changes: &[KeyChange]) -> Markup {
    let said = |value: &Option<String>| html! { @match value { Some(value) => (value), None => span.quiet { "–" } } };
    let rows = changes.iter().filter(|change| !NAMES.contains(&change.key.as_str())).map(|change| Row {
        id: String::new(),
        href: None,
        name: String::new(),
        cells: vec![html! { (change.key) }, said(&change.before), said(&change.after)],
    });
    table(&Table {
        caption: t!("Keys that differ"),
        columns: vec![
            Column::main(t!("Key")).wraps(),
            Column::text(t!("Before")).labelled().wraps(),
            Column::text(t!("After")).labelled().wraps(),
        ],
        rows: rows.collect(),
        pager: None,
        empty: html! { p.quiet { (t!("Nothing but the names that tools know it by.")) } },
        selection: None,
        compact: true,
    })
}
