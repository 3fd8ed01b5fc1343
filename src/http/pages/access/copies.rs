//! Copies of offline edits: listed, saved one by one or all together.

use maud::{Markup, html};

use super::super::parts::{Button, Column, Frame, Pager, Row, Section, Shell, State, Table, badge, day, empty, frame, table, time_ago};
use crate::clock::Timestamp;

/// The list of one app's copies.
#[derive(Debug, Clone, Default)]
pub struct CopiesPage {
    /// The app's id.
    pub app_id: String,
    /// The app's name.
    pub app: String,
    /// The copies of this page.
    pub rows: Vec<CopyRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may read them.
    pub may_read: bool,
}

/// One copy.
#[derive(Debug, Clone)]
pub struct CopyRow {
    /// Its id.
    pub id: String,
    /// The app's own name for the document.
    pub document: String,
    /// Its version.
    pub version: i64,
    /// Device and person.
    pub whose: String,
    /// Size.
    pub size_bytes: i64,
    /// Whether the right had ended when it came.
    pub after_refusal: bool,
    /// When it came.
    pub created_at: Timestamp,
    /// Until when it is kept.
    pub keep_until: Timestamp,
}

/// The page.
pub fn copies(shell: &Shell, view: &CopiesPage) -> Markup {
    let back = format!("/apps/{}/access", view.app_id);
    let base = format!("/apps/{}/access/copies", view.app_id);
    let all = html! { @if view.may_read && view.total > 0 { (Button::link(format!("{base}.zip"), "Save all").main().download()) } };
    let under = html! { "What people changed in " (view.app) " while it was offline. Apps add copies; nobody changes them, and time alone removes them." };
    let row = |copy: &CopyRow| Row {
        id: copy.id.clone(),
        href: None,
        name: copy.document.clone(),
        cells: vec![
            html! {
                @if view.may_read { a href=(format!("{base}/{}", copy.id)) download { (copy.document) } } @else { (copy.document) }
                @if copy.after_refusal { br; (badge(State::Waiting, "came when the right had ended")) }
            },
            html! { (copy.version) },
            html! { (copy.whose) },
            html! { (size(copy.size_bytes)) },
            html! { (time_ago(copy.created_at, shell.now)) },
            day(copy.keep_until),
        ],
    };
    let content = table(&Table {
        caption: "Copies of offline edits",
        columns: vec![
            Column::main("Document"),
            Column::number("Version").labelled(),
            Column::text("From").wraps().labelled(),
            Column::number("Size").labelled(),
            Column::text("Came").labelled(),
            Column::text("Kept until").labelled().minor(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: ("copy", "copies"),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty("No copies yet", "An app brings one when somebody has changed something while it was offline.", Markup::default()),
        selection: None,
        compact: false,
    });
    frame(
        shell,
        &Frame { back: Some((&back, "Who may use it")), under, action: all, ..Frame::new(Section::Apps, "Copies of offline edits") },
        content,
    )
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}
