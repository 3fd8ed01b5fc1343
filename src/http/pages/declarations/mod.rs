//! Declarations that admins write: the list, the upload, one declaration with the groups it is for, and its text to change.

pub mod file;
pub mod text;

use maud::{Markup, html};

use super::parts::{
    Button, Column, Confirm, Fact, Frame, Icon, Live, Pager, Row, ScopeView, Section, Segment, Shell, State, Table, all_named, badge, bar,
    confirm, count, empty, facts, field, frame, live, named, post, scope, section, section_with, table, time_ago,
};
use super::profiles::outcomes::{OutcomesView, outcomes};
use super::profiles::section_tabs;
use crate::clock::Timestamp;
use crate::language::say;
use crate::store::asset_data::AssetData;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct DeclarationsView {
    /// The declarations of this page, by name.
    pub rows: Vec<DeclarationRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may change them.
    pub may_change: bool,
}

/// A declaration in the list.
#[derive(Debug, Clone)]
pub struct DeclarationRow {
    /// Our id for it, which its address has.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Identifier.
    pub identifier: String,
    /// What it is, in a word: settings, condition, data, facts.
    pub kind: &'static str,
    /// Type.
    pub declaration_type: String,
    /// How many groups it is assigned to.
    pub groups: u64,
    /// How far devices are with it.
    pub results: Vec<Segment>,
    /// How many things are odd about it.
    pub warnings: u64,
    /// When it changed last.
    pub changed_at: Timestamp,
}

/// One declaration.
#[derive(Debug, Clone)]
pub struct DeclarationView {
    /// As in the list.
    pub row: DeclarationRow,
    /// What it names.
    pub refers_to: Vec<String>,
    /// What is odd about it, in sentences.
    pub warnings: Vec<String>,
    /// Where its type and its keys work.
    pub available_from: Vec<String>,
    /// Whether devices fetch a file for it.
    pub takes_data: bool,
    /// That file, once it was uploaded.
    pub data: Option<AssetData>,
    /// How often it was changed, and one.
    pub revision: i64,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// The groups it is for, and those it could be for.
    pub scope: ScopeView,
    /// How far devices are with it.
    pub outcomes: OutcomesView,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

const WHAT: &str = msg!("What Apple’s devices can do and this page has no switch for, written as Apple describes it.");

/// The page of the list.
pub fn list(shell: &Shell, view: &DeclarationsView) -> Markup {
    let add = html! { @if view.may_change {
        (Button::link("/declarations/new/file", t!("Upload a file")))
        (Button::link("/declarations/new", t!("Upload declarations")).main().icon(Icon::Upload))
    } };
    let page = Frame {
        under: html! { (say(WHAT)) },
        action: html! { @if !view.rows.is_empty() { (add) } },
        ..Frame::new(Section::Profiles, t!("Declarations"))
    };
    let content = table(&Table {
        caption: t!("Declarations"),
        columns: vec![
            Column::main(t!("Name")),
            Column::text(t!("State")),
            Column::text(t!("What it is")),
            Column::code(t!("Type")).minor(),
            Column::number(t!("Groups")).labelled(),
            Column::text(t!("On devices")).labelled(),
            Column::text(t!("Changed")).minor(),
        ],
        rows: view.rows.iter().map(|row| list_row(row, shell.now)).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("declaration"), t!("declarations")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No declarations yet"),
            t!(
                "Most schools need none. Whoever writes declarations for Apple’s devices uploads them here as JSON, and says for which groups they are."
            ),
            add,
        ),
        selection: None,
        compact: false,
    });
    frame(shell, &page, html! { (section_tabs("/declarations")) (content) })
}

fn list_row(row: &DeclarationRow, now: Timestamp) -> Row {
    Row {
        id: row.id.clone(),
        href: Some(format!("/declarations/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) },
            state(row),
            html! { (row.kind) },
            html! { (row.declaration_type) },
            html! { (row.groups) },
            html! { @if row.results.iter().any(|segment| segment.count > 0) { (bar(&row.results)) } @else { span.quiet { "–" } } },
            time_ago(row.changed_at, now),
        ],
    }
}

fn state(row: &DeclarationRow) -> Markup {
    match (row.warnings, row.groups) {
        (0, 0) => badge(State::Silent, t!("for no group yet")),
        (0, _) => badge(State::Ok, t!("assigned")),
        (warnings, _) => badge(State::Problem, &count(warnings, t!("thing to look at"), t!("things to look at"))),
    }
}

fn error_of(errors: &[(String, String)], name: &str) -> Option<String> {
    errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.clone())
}

/// The page of one declaration.
pub fn one(shell: &Shell, view: &DeclarationView) -> Markup {
    let own = format!("/declarations/{}", view.row.id);
    let change = html! { @if view.may_change { (Button::link(format!("{own}/edit"), t!("Change what it says")).main()) } };
    let page = Frame { back: Some(("/declarations", t!("Declarations"))), action: change, ..Frame::new(Section::Profiles, &view.row.name) };
    let content = html! {
        (facts(&about(view, shell.now)))
        @if !view.warnings.is_empty() {
            (section(t!("Look at this"), html! { ul.stack { @for words in &view.warnings { li { (words) } } } }))
        }
        @if view.takes_data { (file::part(shell, &view.row.id, view.data.as_ref(), view.may_change)) }
        (section(t!("For which devices"), groups(view, &own)))
        (live(Live { id: "results", topics: "declaration assignment deployment", of: None, src: None }, outcomes(&view.outcomes, shell.now)))
        @if view.may_change {
            (section(t!("Name"), post(&format!("{own}/name"), html! {
                div.form {
                    (field("name", t!("What people call it")).value(&view.row.name))
                    (Button::submit(t!("Rename")))
                }
            })))
            (section_with(t!("Delete"), Markup::default(), html! {
                p { (t!("Devices that have it lose it.")) }
                (Button::link(format!("{own}/delete"), t!("Delete…")).destructive().asks())
            }))
        }
    };
    frame(shell, &page, content)
}

fn about(view: &DeclarationView, now: Timestamp) -> Vec<Fact> {
    let row = &view.row;
    let mut list = vec![
        Fact::new(t!("State"), state(row)),
        Fact::text(t!("What it is"), row.kind),
        Fact::code(t!("Type"), &row.declaration_type),
        Fact::code(t!("Identifier"), &row.identifier),
    ];
    if !view.refers_to.is_empty() {
        list.push(Fact::new(
            t!("Names"),
            html! { @for (index, name) in view.refers_to.iter().enumerate() { @if index > 0 { ", " } span.mono { (name) } } },
        ));
    }
    if !view.available_from.is_empty() {
        list.push(Fact::new(t!("Works from"), html! { @for words in &view.available_from { div { (words) } } }));
    }
    list.push(Fact::new(
        t!("Changed"),
        html! { (time_ago(row.changed_at, now)) @if view.revision > 1 { (t!(", revision ")) (view.revision) } },
    ));
    list.push(Fact::new(t!("Made"), html! { (time_ago(view.made_at, now)) (t!(" by ")) (view.made_by) }));
    list
}

/// The picker with its button; for those who may only look, the names.
fn groups(view: &DeclarationView, own: &str) -> Markup {
    if view.may_change {
        return post(
            &format!("{own}/scope"),
            html! {
                div.form {
                    (scope(&view.scope))
                    @if !view.scope.groups.is_empty() {
                        p.meta { (t!("Devices that cannot have it are left out, and say why on their own page.")) }
                        div.form-foot {
                            (Button::submit(t!("Assign to the groups that are ticked")).main())
                            (Button::submit(t!("Preview")).to(format!("/preview/declaration/{}", view.row.id)))
                        }
                    }
                }
            },
        );
    }
    let names = view.scope.names();
    html! { @if names.is_empty() { p.quiet { (t!("For no group yet.")) } } @else { p { (all_named(&names)) } } }
}

/// The page that asks before a declaration is deleted.
pub fn delete(shell: &Shell, row: &DeclarationRow) -> Markup {
    let (action, cancel) = (format!("/declarations/{}/delete", row.id), format!("/declarations/{}", row.id));
    let ask = Confirm {
        action: &action,
        title: t!("Delete this declaration"),
        consequence: html! {
            strong { (named(&row.name)) } (t!(" goes from every device of "))
            (count(row.groups, t!("group"), t!("groups"))) (t!(". Its Identifier can be used again for the same Type only."))
        },
        verb: t!("Delete the declaration"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, &row.name)), ..Frame::new(Section::Profiles, ask.title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell::for_tests(Section::Profiles, NOW)
    }

    fn row() -> DeclarationRow {
        DeclarationRow {
            id: "019aa000-0000-7000-8000-000000000001".into(),
            name: "Passcodes <7b>".into(),
            identifier: "school.example.passcode".into(),
            kind: "settings",
            declaration_type: "com.apple.configuration.passcode.settings".into(),
            groups: 2,
            results: Vec::new(),
            warnings: 0,
            changed_at: NOW,
        }
    }

    #[test]
    fn an_empty_list_says_what_declarations_are_for_and_offers_no_button_to_those_who_may_only_look() {
        let html = list(&shell(), &DeclarationsView::default()).into_string();
        assert!(html.contains("No declarations yet") && !html.contains("/declarations/new"), "{html}");
        let html = list(&shell(), &DeclarationsView { may_change: true, ..DeclarationsView::default() }).into_string();
        assert!(html.contains("/declarations/new"), "{html}");
    }

    #[test]
    fn the_state_of_a_row_has_a_word() {
        let words = |warnings, groups| state(&DeclarationRow { groups, warnings, ..row() }).into_string();
        assert!(
            words(0, 0).contains("for no group yet") && words(0, 1).contains("assigned") && words(2, 1).contains("2 things to look at")
        );
        let html = list(&shell(), &DeclarationsView { rows: vec![row()], total: 1, ..DeclarationsView::default() }).into_string();
        assert!(html.contains("Passcodes &lt;7b&gt;"), "{html}");
    }

    #[test]
    fn one_declaration_shows_what_is_odd_and_whom_it_is_for() {
        let view = DeclarationView {
            outcomes: OutcomesView::default(),
            row: row(),
            refers_to: vec!["school.example.data".into()],
            warnings: vec!["It names <something>.".into()],
            available_from: vec!["iOS 17.0, macOS 14.0".into()],
            takes_data: false,
            data: None,
            revision: 3,
            made_by: "kim".into(),
            made_at: NOW,
            scope: ScopeView {
                groups: vec![super::super::parts::ScopeGroup { id: "g".into(), name: "Cart <A>".into(), device_count: 3 }],
                assigned: vec![("g".into(), None)],
                without_end: true,
                ..ScopeView::default()
            },
            may_change: true,
        };
        let html = one(&shell(), &view).into_string();
        for part in
            ["revision 3", "It names &lt;something&gt;.", "Cart &lt;A&gt;", "checked", "/delete\"", "/edit\"", "iOS 17.0, macOS 14.0"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("ends_at"), "a declaration has no end: {html}");
        let html = one(&shell(), &DeclarationView { may_change: false, ..view }).into_string();
        assert!(html.contains("Cart &lt;A&gt;") && !html.contains("<form method=\"post\" action=\"/declarations"), "{html}");
    }
}
