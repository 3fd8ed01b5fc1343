//! Copies of offline edits: listed, saved one by one or all together.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Frame, Pager, Row, Section, Shell, State, Table, Typed, badge, confirm, count, day, empty, encode, frame,
    section, table, thousands, time_ago,
};
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
    /// Where further archives begin, when one does not hold them all.
    pub archives: Vec<String>,
    /// Devices and people with the most.
    pub keepers: Vec<KeeperRow>,
    /// Whether the viewer may make room.
    pub may_free: bool,
}

/// A device or a person with copies.
#[derive(Debug, Clone, Default)]
pub struct KeeperRow {
    /// `device` or `person`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What it was called when the newest copy came.
    pub whose: String,
    /// How many copies.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// Whether no further copy is taken.
    pub is_full: bool,
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
    let all = html! { @if view.may_read && view.total > 0 { (Button::link(format!("{base}.zip"), "Download all").main().download()) } };
    let under = html! {
        "What people changed in " (view.app) " while it was offline. Apps add copies and nobody changes them. They go when their time is over, or when you make room below."
    };
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
    let content = html! {
        (content)
        @if view.may_read && !view.archives.is_empty() { (section("Older copies", older(&base, &view.archives))) }
        @if !view.keepers.is_empty() { (section("From where", keepers(view, &base))) }
    };
    frame(
        shell,
        &Frame { back: Some((&back, "Who may use it")), under, action: all, ..Frame::new(Section::Apps, "Copies of offline edits") },
        content,
    )
}

/// Archives after the first.
fn older(base: &str, archives: &[String]) -> Markup {
    html! {
        p.quiet { "They are more than one file holds. Download all brings the newest; the others follow here, newer ones first." }
        div.row {
            @for (number, after) in archives.iter().enumerate() {
                (Button::link(format!("{base}.zip?after={after}"), format!("Save part {}", number + 2)).download())
            }
        }
    }
}

fn keepers(view: &CopiesPage, base: &str) -> Markup {
    let row = |keeper: &KeeperRow| Row {
        id: String::new(),
        href: None,
        name: keeper.whose.clone(),
        cells: vec![
            html! { (keeper.whose) @if keeper.is_full { br; (badge(State::Problem, "full: no further copy is taken")) } },
            html! { (thousands(keeper.count)) },
            html! { (size(keeper.bytes as i64)) },
            html! { @if view.may_free { (Button::link(format!("{base}/free?{}={}", keeper.kind, encode(&keeper.id)), "Make room…").small().destructive().asks()) } },
        ],
    };
    table(&Table {
        caption: "Devices and people with copies, those with the most first",
        columns: vec![
            Column::main("From"),
            Column::number("Copies").labelled(),
            Column::number("Size").labelled(),
            Column::text("").labelled(),
        ],
        rows: view.keepers.iter().map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: true,
    })
}

/// The page that asks before the copies of one device or person are removed.
pub fn free(shell: &Shell, app_id: &str, app: &str, keeper: &KeeperRow, typed: Option<(&str, &str)>) -> Markup {
    let cancel = format!("/apps/{app_id}/access/copies");
    let (action, phrase) = (format!("{cancel}/free"), keeper.count.to_string());
    let title = format!("Remove {}", count(keeper.count, "copy", "copies"));
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! {
            "Every copy that " (app) " brought from " strong { (keeper.whose) } " (" (size(keeper.bytes as i64)) ") is lost for good, so that new ones are taken again. \
             Save them before. Who did it stands in the audit log."
        },
        typed: Some(Typed { phrase: &phrase, given: typed.map_or("", |(given, _)| given), error: typed.map(|(_, error)| error) }),
        hidden: &[(String::from(keeper.kind), keeper.id.clone())],
        verb: &title,
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(
        shell,
        &Frame { back: Some((&cancel, "Copies of offline edits")), ..Frame::new(Section::Apps, "Make room for copies") },
        confirm(&ask),
    )
}

fn size(bytes: i64) -> String {
    match bytes {
        1 => String::from("1 byte"),
        ..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}
