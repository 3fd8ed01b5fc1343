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
    let all = html! { @if view.may_read && view.total > 0 { (Button::link(format!("{base}.zip"), t!("Download all")).main().download()) } };
    let under = html! {
        (t!("What people changed in ")) (view.app) (t!(" while it was offline. Apps add copies and nobody changes them. They go when their time is over, or when you make room below."))
    };
    let row = |copy: &CopyRow| Row {
        id: copy.id.clone(),
        href: None,
        name: copy.document.clone(),
        cells: vec![
            html! {
                @if view.may_read { a href=(format!("{base}/{}", copy.id)) download { (copy.document) } } @else { (copy.document) }
                @if copy.after_refusal { br; (badge(State::Waiting, t!("came when the right had ended"))) }
            },
            html! { (copy.version) },
            html! { (copy.whose) },
            html! { (size(copy.size_bytes)) },
            html! { (time_ago(copy.created_at, shell.now)) },
            day(copy.keep_until),
        ],
    };
    let content = table(&Table {
        caption: t!("Copies of offline edits"),
        columns: vec![
            Column::main(t!("Document")),
            Column::number(t!("Version")).labelled(),
            Column::text(t!("From")).wraps().labelled(),
            Column::number(t!("Size")).labelled(),
            Column::text(t!("Came")).labelled(),
            Column::text(t!("Kept until")).labelled().minor(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("copy"), t!("copies")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No copies yet"),
            t!("An app brings one when somebody has changed something while it was offline."),
            Markup::default(),
        ),
        selection: None,
        compact: false,
    });
    let content = html! {
        (content)
        @if view.may_read && !view.archives.is_empty() { (section(t!("Older copies"), older(&base, &view.archives))) }
        @if !view.keepers.is_empty() { (section(t!("From where"), keepers(view, &base))) }
    };
    frame(
        shell,
        &Frame {
            back: Some((&back, t!("Who may use it"))),
            under,
            action: all,
            ..Frame::new(Section::Apps, t!("Copies of offline edits"))
        },
        content,
    )
}

/// Archives after the first.
fn older(base: &str, archives: &[String]) -> Markup {
    html! {
        p.quiet { (t!("They are more than one file holds. Download all brings the newest; the others follow here, newer ones first.")) }
        div.row {
            @for (number, after) in archives.iter().enumerate() {
                (Button::link(format!("{base}.zip?after={after}"), t!("Save part {number}", number = number + 2)).download())
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
            html! { (keeper.whose) @if keeper.is_full { br; (badge(State::Problem, t!("full: no further copy is taken"))) } },
            html! { (thousands(keeper.count)) },
            html! { (size(keeper.bytes as i64)) },
            html! { @if view.may_free { (Button::link(format!("{base}/free?{}={}", keeper.kind, encode(&keeper.id)), t!("Make room…")).small().destructive().asks()) } },
        ],
    };
    table(&Table {
        caption: t!("Devices and people with copies, those with the most first"),
        columns: vec![
            Column::main(t!("From")),
            Column::number(t!("Copies")).labelled(),
            Column::number(t!("Size")).labelled(),
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
    let title = t!("Remove {copies}", copies = count(keeper.count, t!("copy"), t!("copies")));
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! {
            (t!("Every copy that ")) (app) (t!(" brought from ")) strong { (keeper.whose) } " (" (size(keeper.bytes as i64)) (t!(") is lost for good, so that new ones are taken again. \
             Save them before. Who did it stands in the audit log."))
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
        &Frame { back: Some((&cancel, t!("Copies of offline edits"))), ..Frame::new(Section::Apps, t!("Make room for copies")) },
        confirm(&ask),
    )
}

fn size(bytes: i64) -> String {
    match bytes {
        1 => String::from(t!("1 byte")),
        ..1024 => t!("{bytes} bytes", bytes),
        1024..1_048_576 => t!("{bytes} KB", bytes = bytes / 1024),
        _ => t!("{mebibytes} MB", mebibytes = format!("{:.1}", bytes as f64 / 1_048_576.0)),
    }
}
