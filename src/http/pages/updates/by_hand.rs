//! Updates that people started by hand, device by device.

use maud::{Markup, html};

use super::super::parts::{Button, Column, Frame, Live, Pager, Row, Section, Shell, Table, badge, empty, frame, live, named, table};
use super::one::MemberRow;
use super::views;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct ByHandView {
    /// The devices of this page, those first that need somebody.
    pub rows: Vec<MemberRow>,
    /// How many there are under the filter.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// What the list is narrowed to, in words.
    pub filter: Option<String>,
}

/// The page.
pub fn by_hand(shell: &Shell, view: &ByHandView) -> Markup {
    let none = match view.filter {
        Some(_) => empty(
            t!("No device stands so"),
            t!("Others may."),
            html! { (Button::link("/updates/by-hand", t!("Show all that were started by hand"))) },
        ),
        None => empty(
            t!("Nothing was started by hand"),
            t!("On a device’s page, under Updates, a release is started on that device alone. How it goes then stands here too."),
            html! { (Button::link("/devices", t!("Devices"))) },
        ),
    };
    let row = |row: &MemberRow| Row {
        id: String::new(),
        href: Some(format!("/devices/{}/updates", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) },
            html! { (row.from) " → " (row.version) },
            badge(row.state, &row.words),
            html! { (row.because) },
        ],
    };
    let rows = table(&Table {
        caption: t!("Updates that were started by hand"),
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("Version")).whole(),
            Column::text(t!("State")),
            Column::text(t!("Why")).wraps(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("device"), t!("devices")),
            first: None,
            next: view.next.clone(),
        }),
        empty: none,
        selection: None,
        compact: false,
    });
    let content = html! {
        (views(2))
        div #devices { (live(Live { id: "by-hand", topics: "update device enrollment", of: None, src: None }, html! {
            @if let Some(filter) = view.filter.as_ref().filter(|_| !view.rows.is_empty()) {
                p { (t!("Only those that are ")) (filter) ". " a href="/updates/by-hand" { (t!("Show all")) } }
            }
            (rows)
        })) }
    };
    frame(shell, &Frame::new(Section::Updates, t!("Updates started by hand")), content)
}
