//! People and classes: the lists, one of each, their forms, the import, and who uses a device.

pub mod classes;
pub mod farewell;
pub mod import;

use maud::{Markup, Render as _, html};

use super::parts::{
    Address, Button, Column, Confirm, Fact, Frame, Icon, Pager, Row, Section, Shell, State, Tab, Table, all_named, badge, checkbox,
    confirm, count, empty, facts, field, frame, hidden, named, post, radio, search, section, table, tabs, thousands,
};
use crate::language::way;
use crate::mdm::people::Leaving;
use crate::store::people::{PersonRole, Source};

/// The list of people.
#[derive(Debug, Clone, Default)]
pub struct PeopleView {
    /// The people of this page.
    pub rows: Vec<PersonRow>,
    /// How many pass the filters.
    pub total: u64,
    /// How many classes there are.
    pub classes: u64,
    /// `?search=`.
    pub search: String,
    /// `?role=`.
    pub role: String,
    /// The address of the first page, when this is not it.
    pub first: Option<String>,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may change people.
    pub may_change: bool,
}

/// A person in a list.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// What they are.
    pub role: PersonRole,
    /// Whether they are at the school now.
    pub active: bool,
    /// How many devices they use.
    pub devices: u64,
}

/// One person.
#[derive(Debug, Clone)]
pub struct PersonView {
    /// As in the list.
    pub row: PersonRow,
    /// Where they come from.
    pub source: Source,
    /// Their devices: address and name.
    pub devices: Vec<(String, String)>,
    /// Their classes: address, name, and whether they teach there.
    pub classes: Vec<(String, String, bool)>,
    /// Their Managed Apple Account; empty where they have none.
    pub account: String,
    /// How they stand in Apps and Books: the location's address and name, and the state with its words.
    pub locations: Vec<(String, String, State, String)>,
    /// Whether they were let go, which has a page of its own.
    pub has_left: bool,
    /// Whether the viewer may change people.
    pub may_change: bool,
}

/// The form of a person.
#[derive(Debug, Clone)]
pub struct PersonForm {
    /// Who is changed; absent for somebody new.
    pub id: Option<String>,
    /// What was typed for the name.
    pub name: String,
    /// What was typed for the address.
    pub email: String,
    /// What was typed for the Managed Apple Account.
    pub account: String,
    /// What was chosen.
    pub role: PersonRole,
    /// Whether they are at the school now.
    pub active: bool,
    /// Whether the next import sets them back.
    pub imported: bool,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// The page on which a device is given to somebody.
#[derive(Debug, Clone)]
pub struct GiveView {
    /// The device's id.
    pub device: String,
    /// Its name.
    pub name: String,
    /// Who uses it now: id and name.
    pub now: Option<(String, String)>,
    /// What was searched for.
    pub search: String,
    /// Whom the search found.
    pub found: Vec<PersonRow>,
    /// How many it found in all.
    pub total: u64,
}

const BACK: (&str, &str) = ("/people", msg!("People"));

/// A role for people.
pub fn role_words(role: PersonRole) -> &'static str {
    match role {
        PersonRole::Student => t!("Student"),
        PersonRole::Teacher => t!("Teacher"),
        PersonRole::Staff => t!("Staff"),
    }
}

/// Where somebody or something comes from, for people.
pub fn source_words(source: Source) -> &'static str {
    match source {
        Source::Hand => t!("made by hand; no import removes it"),
        Source::Csv => t!("a CSV file"),
        Source::Oneroster => "OneRoster",
    }
}

/// People beside classes.
fn views(people: Option<u64>, classes: Option<u64>, shows_people: bool) -> Markup {
    let tab = |title: &str, href: &str, current, count| Tab { title: title.into(), href: href.into(), current, count };
    tabs(
        t!("People and classes"),
        &[tab(t!("People"), "/people", shows_people, people), tab(t!("Classes"), "/classes", !shows_people, classes)],
    )
}

fn deeds(view: &PeopleView) -> Markup {
    html! {
        @if view.may_change {
            (Button::link("/people/import", t!("Import")).icon(Icon::Upload))
            (Button::link("/people/new", t!("Add a person")).main().icon(Icon::Plus))
        }
    }
}

/// The page of the list.
pub fn list(shell: &Shell, view: &PeopleView) -> Markup {
    let narrows = !view.search.is_empty() || !view.role.is_empty();
    let any = view.total > 0 || narrows;
    let none = if narrows {
        empty(
            t!("Nobody matches"),
            t!("Nobody fits the search and the filter together."),
            html! { (Button::link("/people", t!("Show everybody"))) },
        )
    } else {
        empty(
            t!("No people yet"),
            t!(
                "People use devices, and classes tell which ones belong together. Import them from a table or from your school's system, or add them by hand."
            ),
            deeds(view),
        )
    };
    let page = Frame { action: html! { @if any { (deeds(view)) } }, ..Frame::new(Section::People, t!("People and classes")) };
    let content = html! {
        (views((!narrows).then_some(view.total), Some(view.classes), true))
        @if any { (filters(view)) }
        (table(&Table {
            caption: t!("People"),
            columns: vec![Column::main(t!("Name")), Column::text(t!("E-mail")).wraps(), Column::text(t!("Role")), Column::number(t!("Devices")).labelled()],
            rows: view.rows.iter().map(|person| row(person, &format!("/people/{}", person.id))).collect(),
            pager: Some(Pager { shown: view.rows.len() as u64, total: view.total, noun: (t!("person"), t!("people")), first: view.first.clone(), next: view.next.clone() }),
            empty: none,
            selection: None,
            compact: false,
        }))
    };
    frame(shell, &page, content)
}

fn row(person: &PersonRow, href: &str) -> Row {
    Row {
        id: person.id.clone(),
        href: Some(href.to_owned()),
        name: person.name.clone(),
        cells: vec![
            html! { span.lines { (named(&person.name)) } @if !person.active { span.quiet { (t!(" not active")) } } },
            html! { (person.email) },
            html! { (role_words(person.role)) },
            html! { @if person.devices > 0 { (thousands(person.devices)) } @else { span.quiet { "–" } } },
        ],
    }
}

fn filters(view: &PeopleView) -> Markup {
    html! {
        form.filters method="get" action="/people" role="search" {
            (search("search", t!("Search name or address"), &view.search))
            select.input name="role" aria-label=(t!("All roles")) {
                option value="" { (t!("All roles")) }
                @for role in PersonRole::ALL { option value=(role.as_str()) selected[role.as_str() == view.role] { (role_words(*role)) } }
            }
            (Button::submit(t!("Show")))
        }
    }
}

/// The page of one person.
pub fn one(shell: &Shell, view: &PersonView) -> Markup {
    let row = &view.row;
    let edit = html! { @if view.may_change { (Button::link(format!("/people/{}/edit", row.id), t!("Change")).main()) } };
    let page = Frame { back: Some(way(BACK)), action: edit, ..Frame::new(Section::People, &row.name) };
    let about = [
        Fact::text(t!("E-mail"), &row.email),
        Fact::text(t!("Managed Apple Account"), &view.account),
        Fact::text(t!("Role"), role_words(row.role)),
        Fact::text(t!("Active"), if row.active { t!("yes") } else { t!("no") }),
        Fact::text(t!("Comes from"), source_words(view.source)),
    ];
    let content = html! {
        (facts(&about))
        (section(t!("Devices"), html! {
            @if view.devices.is_empty() { p.quiet { (t!("None. A device is given to somebody on the device's own page.")) } }
            ul.plain { @for (href, name) in &view.devices { li { a href=(href) { (named(name)) } } } }
        }))
        (section(t!("Classes"), html! {
            @if view.classes.is_empty() { p.quiet { (t!("None.")) } }
            ul.plain { @for (href, name, teaches) in &view.classes { li { a href=(href) { (named(name)) } @if *teaches { span.quiet { (t!(", teaches")) } } } } }
        }))
        @if !view.locations.is_empty() {
            (section(t!("Apps and Books"), html! {
                ul.plain { @for (href, name, state, words) in &view.locations { li { a href=(href) { (named(name)) } " " (badge(*state, words)) } } }
            }))
        }
        (section(t!("Apps"), html! { p { a href=(format!("/people/{}/password", row.id)) { (t!("Password for apps")) } span.quiet { (t!(", by which apps that ask for one know them")) } } }))
        @if view.may_change {
            div.row {
                @if view.row.active { (Button::link(format!("/people/{}/farewell", row.id), t!("Let them go…")).asks()) }
                @if view.has_left { (Button::link(format!("/people/{}/farewell", row.id), t!("What they left"))) }
                (Button::link(format!("/people/{}/delete", row.id), t!("Delete…")).destructive().asks())
            }
        }
    };
    frame(shell, &page, content)
}

/// The page of the form.
pub fn form(shell: &Shell, view: &PersonForm) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let (title, action, cancel, save) = match &view.id {
        None => (t!("Add a person"), "/people/new".to_owned(), "/people".to_owned(), t!("Add them")),
        Some(id) => (t!("Change the person"), format!("/people/{id}/edit"), format!("/people/{id}"), t!("Save")),
    };
    let content = post(
        &action,
        html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                @if view.imported { p.quiet { (t!("They came by an import. The next one sets them back to what its file says.")) } }
                (field("name", t!("Name")).value(&view.name).error(error("name")).first())
                (field("email", t!("E-mail")).kind("email").optional().value(&view.email).error(error("email")))
                (field("account", t!("Managed Apple Account")).optional().value(&view.account).error(error("managed_apple_id"))
                    .help(t!("With it, apps can be this person's without an invitation. No import changes it.")))
                fieldset.choices {
                    legend { (t!("Role")) }
                    @for role in PersonRole::ALL { (radio("role", role.as_str(), role_words(*role), *role == view.role, "")) }
                }
                (checkbox("active", t!("Is at the school now"), view.active, t!("People who are not active count as nobody in the rules of groups.")))
                div.form-foot { (Button::submit(save).main()) (Button::link(cancel, t!("Cancel"))) }
            }
        },
    );
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::People, title) }, content)
}

/// What follows when a person leaves.
fn follows(leaving: &Leaving) -> Markup {
    html! {
        @if leaving.licences > 0 { " " (count(leaving.licences, t!("licence of an app goes"), t!("licences of apps go"))) (t!(" back, and Apple is told.")) }
        @if !leaving.devices.is_empty() {
            " " (count(leaving.devices.len() as u64, t!("device of their own is"), t!("devices of their own are"))) (t!(" not managed any more, and what came from here leaves it: "))
            (all_named(&leaving.devices)) "."
        }
        @if !leaving.erased.is_empty() {
            " " (count(leaving.erased.len() as u64, t!("installation of an app is"), t!("installations of apps are"))) (t!(" told to erase what they hold, at the next ask:"))
        }
    }
}

fn erased(leaving: &Leaving) -> Vec<String> {
    leaving.erased.iter().map(|one| t!("{app} on {whose}", app = one.app, whose = one.whose)).collect()
}

/// The page that asks before a person is not active any more; `sent` is the form, to be sent again.
pub fn deactivate(shell: &Shell, (id, name): (&str, &str), leaving: &Leaving, sent: &[(String, String)]) -> Markup {
    let (action, cancel, title) = (format!("/people/{id}/edit"), format!("/people/{id}"), t!("Deactivate {name}", name));
    let names = erased(leaving);
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! { (t!("Nothing was changed yet.")) (follows(leaving)) },
        names: &names,
        total: names.len() as u64,
        hidden: sent,
        verb: &title,
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, name)), ..Frame::new(Section::People, &title) }, confirm(&ask))
}

/// The page that asks before a person is deleted.
pub fn delete(shell: &Shell, view: &PersonView, leaving: &Leaving) -> Markup {
    let names = erased(leaving);
    let row = &view.row;
    let (action, cancel, title) =
        (format!("/people/{}/delete", row.id), format!("/people/{}", row.id), t!("Delete {name}", name = row.name));
    let consequence = html! {
        @match view.devices.len() { 0 => (t!("They are taken out of their classes.")), n => { (t!("Their ")) (count(n as u64, t!("device"), t!("devices"))) (t!(" will be nobody's, and they are taken out of their classes.")) } }
        @if view.source != Source::Hand { (t!(" They came by an import, and come back with the next one if they are still in its file.")) }
        (follows(leaving))
    };
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence,
        names: &names,
        total: names.len() as u64,
        verb: &title,
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, &row.name)), ..Frame::new(Section::People, &title) }, confirm(&ask))
}

/// The page on which a device is given to somebody.
pub fn give(shell: &Shell, view: &GiveView) -> Markup {
    let (action, back) = (format!("/devices/{}/person", view.device), format!("/devices/{}", view.device));
    let under = html! { @match &view.now { Some((_, name)) => { (t!("Used by ")) (name) (t!(" now.")) }, None => (t!("Nobody's now.")) } };
    let content = html! {
        form.filters method="get" action=(action) role="search" {
            (search("search", t!("Search name or address"), &view.search))
            (Button::submit(t!("Find")))
        }
        @if view.found.is_empty() {
            (empty(t!("Nobody found"), t!("There is no active person with this in their name or address."), html! { (Button::link("/people/new", t!("Add a person"))) }))
        } @else {
            ul.plain.stack {
                @for person in &view.found {
                    li.row {
                        (post(&action, html! {
                            (hidden(&[("person".to_owned(), person.id.clone())]))
                            (Button::submit(t!("Give it to {name}", name = person.name)).small().render())
                        }))
                        span.quiet { (role_words(person.role)) @if !person.email.is_empty() { ", " (person.email) } @if person.devices > 0 { (t!(", has ")) (count(person.devices, t!("device"), t!("devices"))) } }
                    }
                }
            }
            @if view.total > view.found.len() as u64 { p.meta { (t!("Showing ")) (view.found.len()) (t!(" of ")) (thousands(view.total)) (t!(". Search to find the others.")) } }
        }
        @if view.now.is_some() { (post(&action, html! { (hidden(&[("person".to_owned(), String::new())])) (Button::submit(t!("Make it nobody's"))) })) }
    };
    frame(shell, &Frame { back: Some((&back, &view.name)), under, ..Frame::new(Section::Devices, t!("Who uses this device")) }, content)
}

/// The address of the list under its filters.
pub fn address(search: &str, role: &str) -> Address {
    Address::new("/people").with("search", search).with("role", role)
}
