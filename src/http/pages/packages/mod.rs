//! Apps of the house: the list of those with packages, and bringing one in.

pub mod one;
pub mod parts;

use maud::{Markup, html};

use super::parts::{
    Button, Column, Frame, Icon, Live, Pager, Row, Section, Shell, Tab, Table, checkbox, count, empty, field, frame, live, named, post,
    section, table, tabs, time_ago,
};
use crate::clock::Timestamp;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct LibraryView {
    /// The apps of this page, by name.
    pub rows: Vec<AppRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may upload.
    pub may_change: bool,
}

/// An app in the list.
#[derive(Debug, Clone)]
pub struct AppRow {
    /// The app's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its bundle identifier.
    pub bundle_id: String,
    /// The version for everyone; empty for none.
    pub everyone: String,
    /// The version on trial; empty for none.
    pub pilot: String,
    /// How many versions are kept.
    pub versions: u64,
    /// Bytes of all of them.
    pub size_bytes: u64,
}

/// The tabs beside the apps themselves; `at` is the address of the one shown.
pub fn section_tabs(at: &str) -> Markup {
    let tab = |title: &str, href: &str| Tab { title: title.to_owned(), href: href.to_owned(), current: at == href, count: None };
    tabs(t!("Your own apps"), &[tab(t!("Your own apps"), "/own-apps"), tab(t!("Provisioning profiles"), "/provisioning")])
}

/// The page with the list.
pub fn library(shell: &Shell, view: &LibraryView) -> Markup {
    let bring = html! { @if view.may_change { (Button::link("/own-apps/new", t!("Upload an app")).main().icon(Icon::Upload)) } };
    let page = Frame {
        under: html! { (t!("Apps that do not come from the App Store: made in the house, or handed to you as a file.")) },
        action: html! { @if !view.rows.is_empty() { (bring) } },
        ..Frame::new(Section::Apps, t!("Your own apps"))
    };
    let rows = table(&Table {
        caption: t!("Your own apps"),
        columns: vec![
            Column::main(t!("App")),
            Column::text(t!("For everyone")).labelled(),
            Column::text(t!("On trial")).labelled(),
            Column::text(t!("Kept")).lesser(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("app"), t!("apps")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No apps of your own yet"),
            t!(
                "Upload an .ipa file for iPads and iPhones, or a signed .pkg file for Macs. It is kept here, and devices fetch it from this server alone."
            ),
            bring,
        ),
        selection: None,
        compact: false,
    });
    let list = live(Live { id: "packages", topics: "package app", of: None, src: None }, rows);
    frame(shell, &page, html! { (section_tabs("/own-apps")) (list) })
}

fn row(row: &AppRow) -> Row {
    let version = |text: &str| html! { @if text.is_empty() { span.quiet { "–" } } @else { (text) } };
    Row {
        id: row.id.clone(),
        href: Some(format!("/own-apps/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) " " span.meta { (row.bundle_id) } },
            version(&row.everyone),
            version(&row.pilot),
            html! { (count(row.versions, t!("version"), t!("versions"))) ", " (parts::size(row.size_bytes)) },
        ],
    }
}

/// The page for bringing an app.
#[derive(Debug, Clone, Default)]
pub struct UploadView {
    /// What is wrong with what was brought.
    pub error: Option<String>,
    /// Whether the box for profiles that have ended is shown, ticked or not.
    pub accept_expired: Option<bool>,
    /// The most that is taken, in bytes.
    pub max_bytes: u64,
    /// Uploads that were begun and are not finished, oldest first.
    pub unfinished: Vec<Unfinished>,
}

/// An upload that was begun and is not finished.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Its id.
    pub id: String,
    /// What the file is called.
    pub name: String,
    /// Bytes that have come.
    pub received_bytes: u64,
    /// Bytes that it is to have.
    pub size_bytes: u64,
    /// Who began it.
    pub by: String,
    /// When its last piece came.
    pub at: Timestamp,
}

/// The form for bringing an app. With script the file goes in pieces, and an upload that broke off goes on; without, as a form does it.
pub fn upload(shell: &Shell, view: &UploadView) -> Markup {
    let help = t!(
        "An .ipa or a signed .pkg file of up to {max_bytes} GB. It is looked into before any device gets it. You may leave this page and come back: an upload that broke off goes on where it was.",
        max_bytes = view.max_bytes >> 30
    );
    let content = html! {
        (unfinished(&view.unfinished, shell.now))
        form.form method="post" action="/own-apps/new" enctype="multipart/form-data" data-upload data-pieces data-max-bytes=(view.max_bytes)
            data-places=(super::parts::places::lines()) {
            (field("file", t!("App")).kind("file").accept(".ipa,.pkg").help(&help).error(view.error.as_deref()))
            (checkbox("accept_expired", t!("Take it though its provisioning profile has ended"), view.accept_expired.unwrap_or_default(),
                t!("The app then starts only on devices that get a newer profile beside it. Without a tick, such a file is refused.")))
            div.form-foot { (Button::submit(t!("Upload")).main().icon(Icon::Upload)) (Button::link("/own-apps", t!("Cancel"))) }
        }
    };
    frame(shell, &Frame { back: Some(("/own-apps", t!("Your own apps"))), ..Frame::new(Section::Apps, t!("Upload an app")) }, content)
}

fn unfinished(uploads: &[Unfinished], now: Timestamp) -> Markup {
    if uploads.is_empty() {
        return Markup::default();
    }
    let one = |upload: &Unfinished| {
        html! {
            li.row {
                p { strong { (named(&upload.name)) } ": " (parts::size(upload.received_bytes)) (t!(" of ")) (parts::size(upload.size_bytes)) (t!(" came, the last of it "))
                    (time_ago(upload.at, now)) (t!(". Begun by ")) (upload.by) "." }
                (post(&format!("/own-apps/uploads/{}/cancel", upload.id), html! { (Button::submit(t!("Cancel this upload")).small()) }))
            }
        }
    };
    let words =
        t!("Choose the same file again in the same browser, and it goes on where it was. What is not finished within a day is removed.");
    section(t!("Not finished"), html! { p.quiet { (words) } ul.plain { @for upload in uploads { (one(upload)) } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell::for_tests(Section::Apps, Timestamp::from_seconds(1_795_577_349))
    }

    #[test]
    fn the_list_shows_which_version_is_for_whom_and_says_what_to_do_when_it_is_empty() {
        let row = AppRow {
            id: "a1".into(),
            name: "Field <notes>".into(),
            bundle_id: "school.example.field".into(),
            everyone: "142".into(),
            pilot: String::new(),
            versions: 2,
            size_bytes: 3_400_000,
        };
        let html = library(&shell(), &LibraryView { rows: vec![row], total: 1, next: None, may_change: true }).into_string();
        for part in ["Field &lt;notes&gt;", "/own-apps/a1", "142", "2 versions, 3.4 MB", "/own-apps/new"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let none = library(&shell(), &LibraryView::default()).into_string();
        assert!(none.contains("No apps of your own yet") && !none.contains("/own-apps/new"));
    }

    #[test]
    fn the_form_works_with_and_without_script_and_says_what_is_wrong_and_what_was_not_finished() {
        let unfinished = Unfinished {
            id: "u1".into(),
            name: "Big <1>.ipa".into(),
            received_bytes: 12_000_000,
            size_bytes: 40_000_000,
            by: "kim".into(),
            at: shell().now,
        };
        let view = UploadView {
            error: Some("This is a disk image.".into()),
            accept_expired: None,
            max_bytes: 8 << 30,
            unfinished: vec![unfinished],
        };
        let html = upload(&shell(), &view).into_string();
        for part in ["data-pieces", "enctype=\"multipart/form-data\"", "up to 8 GB", "This is a disk image."] {
            assert!(html.contains(part), "{part} in {html}");
        }
        for part in ["Big &lt;1&gt;.ipa", "12.0 MB of 40.0 MB", "/own-apps/uploads/u1/cancel"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!upload(&shell(), &UploadView::default()).into_string().contains("Not finished"));
    }
}
