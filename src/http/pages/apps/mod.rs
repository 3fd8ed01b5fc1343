//! Apps: all of them with their licences and how far devices are, and adding one.

pub mod ask;
pub mod form;
pub mod manage;
pub mod one;

use maud::{Markup, html};

use super::parts::{
    Button, Column, Frame, Icon, Live, Pager, Row, Section, Segment, Shell, Table, all_named, bar, count, empty, field, frame, live, named,
    post, search, section, table, thousands,
};

/// The ledger's numbers of one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Licences {
    /// How many there are; none where there is no end to them.
    pub owned: Option<u64>,
    /// How many are held.
    pub used: u64,
    /// How many are free; none where there is no end to them.
    pub free: Option<u64>,
    /// How many more are wanted than there are.
    pub short: u64,
}

/// An app in the list.
#[derive(Debug, Clone)]
pub struct AppRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What tells it from others of its name; empty where there are none.
    pub identifier: String,
    /// Where it comes from, in words.
    pub kind: &'static str,
    /// The address of its icon here, where there is one.
    pub icon: Option<String>,
    /// The ledger's numbers, where licences of it are known.
    pub licences: Option<Licences>,
    /// The names of the groups that it is for.
    pub groups: Vec<String>,
    /// How far devices are.
    pub results: Vec<Segment>,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct ListView {
    /// What is searched for.
    pub search: String,
    /// The apps of this page, by name.
    pub rows: Vec<AppRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may add some.
    pub may_change: bool,
}

/// The page of all apps.
pub fn list(shell: &Shell, view: &ListView) -> Markup {
    let add = html! { @if view.may_change { div.row { (Button::link("/apps/new", t!("Add an app")).main().icon(Icon::Plus)) (Button::link("/own-apps", t!("Your own apps"))) } } };
    let page = Frame {
        under: html! { (t!("Apps of the App Store and of your own, and how far each device is with them.")) },
        action: html! { @if !view.rows.is_empty() { (add) } },
        ..Frame::new(Section::Apps, t!("Apps"))
    };
    let none = if view.search.is_empty() {
        empty(
            t!("No apps yet"),
            t!("Add an app of the App Store by its number, then choose the groups of devices that get it, or whose people may ask for it."),
            add,
        )
    } else {
        empty(
            t!("No app is called so"),
            t!("Try a part of its name or of its identifier."),
            html! { (Button::link("/apps", t!("Show all apps"))) },
        )
    };
    let rows = table(&Table {
        caption: t!("Apps"),
        columns: vec![
            Column::main(t!("App")),
            Column::text(t!("Kind")).minor(),
            Column::text(t!("Licences")).labelled(),
            Column::text(t!("For")).lesser().wraps(),
            Column::text(t!("On devices")).roomy(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("app"), t!("apps")),
            first: None,
            next: view.next.clone(),
        }),
        empty: none,
        selection: None,
        compact: false,
    });
    let rows = live(Live { id: "apps", topics: "app assignment command licence", of: None, src: None }, rows);
    frame(
        shell,
        &page,
        html! {
            @if view.total > 0 || !view.search.is_empty() { form method="get" action="/apps" { (search("search", t!("Find an app"), &view.search)) } }
            (rows)
        },
    )
}

fn row(row: &AppRow) -> Row {
    Row {
        id: row.id.clone(),
        href: Some(format!("/apps/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { span.app-named { @if let Some(icon) = &row.icon { img.app-icon src=(icon) alt="" width="28" height="28"; } span.lines { (named(&row.name)) @if !row.identifier.is_empty() { br; span.meta { (row.identifier) } } } } },
            html! { (row.kind) },
            html! { span.tight { (licences(row.licences)) } },
            html! { @if row.groups.is_empty() { span.quiet { (t!("nobody yet")) } } @else { (all_named(&row.groups)) } },
            html! { @if row.results.iter().any(|segment| segment.count > 0) { (bar(&row.results)) } @else { span.quiet { "–" } } },
        ],
    }
}

/// The ledger's numbers in words.
pub fn licences(licences: Option<Licences>) -> Markup {
    html! {
        @match licences {
            None => span.quiet { "–" },
            Some(Licences { owned: None, used, .. }) => { (thousands(used)) (t!(" in use, no limit")) },
            Some(Licences { owned: Some(owned), used, free, short }) => {
                (thousands(used)) (t!(" of ")) (count(owned, t!("licence"), t!("licences"))) (t!(" in use, ")) (thousands(free.unwrap_or_default())) (t!(" free"))
                @if short > 0 { ", " strong { (thousands(short)) (t!(" more needed")) } }
            },
        }
    }
}

/// The page for adding an app.
#[derive(Debug, Clone, Default)]
pub struct NewView {
    /// What was typed as its number.
    pub adam_id: String,
    /// What was typed as its name.
    pub name: String,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
}

/// The form for adding an app.
pub fn new(shell: &Shell, view: &NewView) -> Markup {
    let error = |of: &str| view.errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str());
    let form = post(
        "/apps/new",
        html! {
            div.form {
                @if let Some(error) = error("") { p.error role="alert" { (error) } }
                (field("adam_id", t!("Number in the App Store, or the address of its page there")).value(&view.adam_id).error(error("adam_id"))
                    .example("https://apps.apple.com/app/id409201541").first()
                    .help(t!("On the app's page in the App Store: Share, then Copy Link. The number stands at its end.")))
                (field("name", t!("Name")).optional().value(&view.name).error(error("name")).help(t!("Left empty, it is called as in the store.")))
                div.form-foot { (Button::submit(t!("Add the app")).main()) (Button::link("/apps", t!("Cancel"))) }
            }
        },
    );
    let page = Frame { back: Some(("/apps", t!("Apps"))), ..Frame::new(Section::Apps, t!("Add an app")) };
    let content = html! {
        (section(t!("From the App Store"), form))
        p.quiet { (t!("No device gets it yet: on the next page you choose for whom it is.")) }
    };
    frame(shell, &page, content)
}

#[cfg(test)]
mod tests {
    use super::super::parts::Share;
    use super::*;
    use crate::clock::Timestamp;

    fn shell() -> Shell {
        Shell::for_tests(Section::Apps, Timestamp::from_seconds(1_795_577_349))
    }

    #[test]
    fn the_list_shows_licences_groups_and_how_far_devices_are() {
        let row = AppRow {
            id: "a1".into(),
            name: "Atlas <of the World>".into(),
            identifier: "school.example.atlas".into(),
            kind: "App Store",
            icon: None,
            licences: Some(Licences { owned: Some(30), used: 28, free: Some(2), short: 4 }),
            groups: vec!["7b".into()],
            results: vec![
                Segment { share: Share::Installed, count: 26, href: None },
                Segment { share: Share::Declined, count: 2, href: None },
            ],
        };
        let view = ListView { rows: vec![row], total: 1, may_change: true, ..ListView::default() };
        let html = list(&shell(), &view).into_string();
        for part in [
            "Atlas &lt;of the World&gt;",
            "28 of 30 licences in use, 2 free",
            "4 more needed",
            "7b",
            "26 installed",
            "2 declined",
            "/apps/new",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let none = list(&shell(), &ListView::default()).into_string();
        assert!(none.contains("No apps yet") && !none.contains("/apps/new"), "who may not add is not offered it");
    }

    #[test]
    fn what_was_typed_stands_there_again_with_what_is_wrong() {
        let view = NewView { adam_id: "abc\"".into(), name: String::new(), errors: vec![("adam_id".into(), "A number.".into())] };
        let html = new(&shell(), &view).into_string();
        assert!(html.contains("abc&quot;") && html.contains("id=\"f-adam_id-error\""), "{html}");
    }
}
