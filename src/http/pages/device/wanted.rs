//! What a device is to have, how each of it stands, and what it cannot have.

use maud::{Markup, html};

use super::super::parts::{Column, Row, State, Table, badge, empty, moment, named, section, table, time_ago};
use super::super::profiles::parts::warnings;
use crate::clock::Timestamp;

/// One thing that the device is to have, or still has.
#[derive(Debug, Clone)]
pub struct WantedRow {
    /// What people call it.
    pub name: String,
    /// Its identifier.
    pub identifier: String,
    /// How it stands.
    pub state: State,
    /// How it stands in words: "there", "waiting" …
    pub words: String,
    /// Why it is not there, and what ends that; empty when it is.
    pub because: String,
    /// When it is tried again by itself.
    pub retry_at: Option<Timestamp>,
    /// How it comes, in words.
    pub mechanism: String,
    /// Where it comes from: name and address.
    pub origins: Vec<(String, String)>,
}

/// Something that the device cannot have.
#[derive(Debug, Clone)]
pub struct UnableRow {
    /// What.
    pub what: String,
    /// Why.
    pub because: String,
    /// Where it comes from: name and address.
    pub origin: (String, String),
}

/// The page's content: what it is to have, what it cannot have, and what of it gets in each other's way, a sentence each.
pub(super) fn wanted(
    device: &str,
    (list, unable, clashes): (&[WantedRow], &[UnableRow], &[String]),
    planned_at: Option<Timestamp>,
    now: Timestamp,
) -> Markup {
    html! {
        div.stack.loose {
            @if let Some(planned_at) = planned_at { p.meta { (t!("Last looked at ")) (time_ago(planned_at, now)) "." } }
            (warnings(clashes))
            (things(list))
            @if has_policies(list, unable) {
                p { a href=(format!("/policies/devices/{device}")) { (t!("What all its policies come to on it")) } (t!(", key by key, with the policy that wants it so.")) }
            }
            @if !unable.is_empty() { (section(t!("What it does not get"), cannot(unable))) }
        }
    }
}

fn has_policies(list: &[WantedRow], unable: &[UnableRow]) -> bool {
    let mut origins = list.iter().flat_map(|row| &row.origins).chain(unable.iter().map(|row| &row.origin));
    origins.any(|(_, href)| href.starts_with("/policies/"))
}

fn things(list: &[WantedRow]) -> Markup {
    let columns = vec![
        Column::main(t!("What")),
        Column::text(t!("How it stands")).wraps(),
        Column::text(t!("From")).wraps().labelled(),
        Column::text(t!("Comes")).minor(),
    ];
    let rows = list.iter().map(|thing| {
        let state = html! {
            (badge(thing.state, &thing.words))
            @if !thing.because.is_empty() { p.why { (thing.because) @if let Some(at) = thing.retry_at { (t!(" Next try: ")) (moment(at)) "." } } }
        };
        let name = html! { strong { (named(&thing.name)) } br; span.minor.mono { (thing.identifier) } };
        Row {
            id: String::new(),
            href: None,
            name: thing.name.clone(),
            cells: vec![name, state, from(&thing.origins), html! { (thing.mechanism) }],
        }
    });
    let empty = empty(
        t!("Nothing is asked of it"),
        t!("Put the device into a group and assign profiles or policies to the group; what it gets and what it waits for is shown here."),
        html! { a.button href="/groups" { (t!("Groups")) } },
    );
    table(&Table { caption: t!("What it is to have"), columns, rows: rows.collect(), pager: None, empty, selection: None, compact: false })
}

fn cannot(list: &[UnableRow]) -> Markup {
    let columns = vec![Column::main(t!("What")), Column::text(t!("Why not")).wraps(), Column::text(t!("From")).wraps().labelled()];
    let rows = list.iter().map(|row| {
        let cells = vec![html! { strong { (row.what) } }, html! { (row.because) }, from(std::slice::from_ref(&row.origin))];
        Row { id: String::new(), href: None, name: row.what.clone(), cells }
    });
    table(&Table {
        caption: t!("What it does not get"),
        columns,
        rows: rows.collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: false,
    })
}

fn from(origins: &[(String, String)]) -> Markup {
    html! {
        @for (at, (name, href)) in origins.iter().enumerate() {
            @if at > 0 { ", " }
            a href=(href) { (named(name)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn nothing_wanted_says_where_to_begin_and_a_wait_says_why() {
        assert!(wanted("d1", (&[], &[], &[]), None, NOW).into_string().contains("Nothing is asked of it"));
        let row = WantedRow {
            name: "Wi-Fi <1>".into(),
            identifier: "org.example.wifi".into(),
            state: State::Waiting,
            words: "waiting".into(),
            because: "It waits for the device to connect.".into(),
            retry_at: Some(Timestamp::from_seconds(1_795_580_949)),
            mechanism: "by a command".into(),
            origins: vec![("Wi-Fi".into(), "/profiles/1".into())],
        };
        let unable = UnableRow {
            what: "Camera off".into(),
            because: "needs a supervised device".into(),
            origin: ("Exams".into(), "/policies/2".into()),
        };
        let html = wanted("d1", (&[row], &[unable], &["Both set allowCamera.".into()]), Some(NOW), NOW).into_string();
        for said in [
            "Wi-Fi &lt;1&gt;",
            "It waits for the device to connect. Next try: <time",
            "25 Nov 2026, 04:29 UTC</time>.",
            "/policies/devices/d1",
            "/profiles/1",
            "What it does not get",
            "needs a supervised device",
            "/policies/2",
            "Both set allowCamera.",
        ] {
            assert!(html.contains(said), "{said}: {html}");
        }
    }
}
