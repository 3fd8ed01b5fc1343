//! Profiles: the library, and bringing one in.

pub mod one;
pub mod outcomes;
pub mod parts;
pub mod versions;

use maud::{Markup, html};

use super::parts::{
    Button, Column, Fact, Frame, Icon, Live, Pager, Row, Section, Segment, Shell, State, Tab, Table, all_named, badge, bar, count, empty,
    facts, field, frame, live, named, table, tabs, upload_up_to,
};
use crate::language::say;
use crate::protocol::mobileconfig::variables;

/// The library.
#[derive(Debug, Clone, Default)]
pub struct LibraryView {
    /// The profiles of this page, by name.
    pub rows: Vec<ProfileRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may upload.
    pub may_change: bool,
}

/// A profile in the library.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it holds, in words.
    pub holds: Vec<String>,
    /// The names of the groups that it is assigned to.
    pub groups: Vec<String>,
    /// How many devices those are.
    pub device_count: u64,
    /// How far devices are with it.
    pub results: Vec<Segment>,
}

/// The tabs of this section; `at` is the address of the one shown.
pub fn section_tabs(at: &str) -> Markup {
    let tab = |title: &str, href: &str| Tab { title: title.to_owned(), href: href.to_owned(), current: at == href, count: None };
    tabs(
        t!("Profiles and policies"),
        &[tab(t!("Profiles"), "/profiles"), tab(t!("Policies"), "/policies"), tab(t!("Declarations"), "/declarations")],
    )
}

/// The page of the library.
pub fn library(shell: &Shell, view: &LibraryView) -> Markup {
    let bring = html! { @if view.may_change { (Button::link("/profiles/new", t!("Upload a profile")).main().icon(Icon::Upload)) } };
    let page = Frame {
        under: html! { (t!("Configuration profiles, as Apple Configurator and other tools make them.")) },
        action: html! { @if !view.rows.is_empty() { (bring) } },
        ..Frame::new(Section::Profiles, t!("Profiles and policies"))
    };
    let rows = table(&Table {
        caption: t!("Profiles"),
        columns: vec![
            Column::main(t!("Profile")),
            Column::text(t!("Holds")).lesser().wraps(),
            Column::text(t!("For")).labelled().wraps(),
            Column::text(t!("On devices")).roomy(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("profile"), t!("profiles")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No profiles yet"),
            t!(
                "A profile brings settings to devices: Wi-Fi networks, certificates, mail accounts, restrictions. Make one with Apple Configurator \
             or another tool and upload it here; then choose the groups of devices that get it."
            ),
            bring,
        ),
        selection: None,
        compact: false,
    });
    let list = live(Live { id: "profiles", topics: "profile assignment command", of: None, src: None }, rows);
    frame(shell, &page, html! { (section_tabs("/profiles")) (list) })
}

fn row(row: &ProfileRow) -> Row {
    Row {
        id: row.id.clone(),
        href: Some(format!("/profiles/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) },
            html! { (row.holds.join(", ")) },
            html! {
                @if row.groups.is_empty() { span.quiet { (t!("nobody yet")) } }
                @else { (all_named(&row.groups)) ", " (count(row.device_count, t!("device"), t!("devices"))) }
            },
            html! { @if row.results.iter().any(|segment| segment.count > 0) { (bar(&row.results)) } @else { span.quiet { "–" } } },
        ],
    }
}

/// The page for bringing a profile, or a further version of one.
#[derive(Debug, Clone, Default)]
pub struct UploadView {
    /// The profile that a version is brought for: its id and name; nothing for a new one.
    pub of: Option<(String, String)>,
    /// What is wrong with what was brought.
    pub error: Option<String>,
    /// The most that is taken, in bytes.
    pub max_bytes: usize,
}

/// The form for bringing a profile.
pub fn upload(shell: &Shell, view: &UploadView) -> Markup {
    let (action, back, title) = match &view.of {
        Some((id, name)) => (format!("/profiles/{id}/upload"), (format!("/profiles/{id}"), name.clone()), t!("Upload a new version")),
        None => (String::from("/profiles/new"), (String::from("/profiles"), String::from(t!("Profiles"))), t!("Upload a profile")),
    };
    let help = t!(
        "A .mobileconfig file of up to {max_bytes} MB, signed or not. It is checked and shown before any device gets it.",
        max_bytes = view.max_bytes >> 20
    );
    let form = upload_up_to(
        &action,
        view.max_bytes,
        html! {
            (field("file", t!("Profile")).kind("file").accept(".mobileconfig,.plist,.xml").help(&help).error(view.error.as_deref()))
            div.form-foot { (Button::submit(t!("Upload and check")).main().icon(Icon::Upload)) (Button::link(&back.0, t!("Cancel"))) }
        },
    );
    let known: Vec<Fact> = variables::in_profiles().map(|(name, means)| Fact::text(format!("${name}"), say(means))).collect();
    let content = html! {
        (form)
        details #variables {
            summary { (t!("Words that stand for something of each device")) }
            div.stack {
                p { (t!("Write these in the profile where a name, an address or a number of the device or its person belongs. Each device gets its own.")) }
                (facts(&known))
                p.meta { (t!("Where letters follow, use braces: ${SERIAL}_A. Where the text itself is meant, as $HOME in a script, write the dollar as ${DOLLAR}: ${DOLLAR}HOME. A signed profile cannot use them.")) }
            }
        }
    };
    frame(shell, &Frame { back: Some((&back.0, &back.1)), ..Frame::new(Section::Profiles, title) }, content)
}

/// The mark of a state that is told in a word.
fn mark(state: State, words: &str) -> Markup {
    badge(state, words)
}

#[cfg(test)]
mod tests {
    use super::super::parts::Share;
    use super::*;
    use crate::clock::Timestamp;

    fn shell() -> Shell {
        Shell::for_tests(Section::Profiles, Timestamp::from_seconds(1_795_577_349))
    }

    #[test]
    fn the_library_shows_what_each_holds_for_whom_and_how_far_devices_are() {
        let row = ProfileRow {
            id: "p1".into(),
            name: "Wi-Fi <school>".into(),
            holds: vec!["Wi-Fi network".into(), "Certificate".into()],
            groups: vec!["Cart A".into()],
            device_count: 30,
            results: vec![Segment { share: Share::Installed, count: 28, href: None }],
        };
        let view = LibraryView { rows: vec![row], total: 1, next: None, may_change: true };
        let html = library(&shell(), &view).into_string();
        for part in [
            "Wi-Fi &lt;school&gt;",
            "Wi-Fi network, Certificate",
            "Cart A, 30 devices",
            "28 installed",
            "/profiles/new",
            "href=\"/policies\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let none = library(&shell(), &LibraryView::default()).into_string();
        assert!(none.contains("No profiles yet") && !none.contains("/profiles/new"), "who may not upload is not offered it");
    }

    #[test]
    fn the_form_says_what_is_wrong_at_its_field_and_how_variables_are_written() {
        let view = UploadView { of: None, error: Some("This is no profile.".into()), max_bytes: 4 << 20 };
        let html = upload(&shell(), &view).into_string();
        for part in [
            "id=\"f-file-error\"",
            "This is no profile.",
            "up to 4 MB",
            "$PERSON_EMAIL",
            "data-max-bytes=\"4194304\"",
            "action=\"/profiles/new\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
