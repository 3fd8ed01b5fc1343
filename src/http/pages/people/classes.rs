//! Classes: the list, one class with its people, and its forms.

use maud::{Markup, Render as _, html};

use super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Icon, Pager, Row, Section, Shell, Table, confirm, empty, facts, field, frame, named, post,
    section, select, table, thousands,
};
use super::{source_words, views};
use crate::language::way;
use crate::store::people::Source;

/// The list of classes.
#[derive(Debug, Clone, Default)]
pub struct ClassesView {
    /// The classes of this page: id, name, how many people.
    pub rows: Vec<(String, String, u64)>,
    /// How many there are.
    pub total: u64,
    /// How many people there are.
    pub people: u64,
    /// The address of the first page, when this is not it.
    pub first: Option<String>,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may change classes.
    pub may_change: bool,
}

/// Somebody in a class.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Whether they teach there.
    pub teaches: bool,
    /// The devices that they use: id, name, serial number.
    pub devices: Vec<(String, String, String)>,
}

/// One class.
#[derive(Debug, Clone)]
pub struct ClassView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Its people.
    pub members: Vec<MemberRow>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// What was typed to put somebody in, when it was refused.
    pub typed: String,
    /// What was wrong with that.
    pub error: Option<String>,
}

/// The form of a class.
#[derive(Debug, Clone, Default)]
pub struct ClassForm {
    /// The class that is renamed; absent for a new one.
    pub id: Option<String>,
    /// What was typed for its name.
    pub name: String,
    /// What was wrong.
    pub errors: Vec<(String, String)>,
}

const BACK: (&str, &str) = ("/classes", msg!("Classes"));

/// The page of the list.
pub fn list(shell: &Shell, view: &ClassesView) -> Markup {
    let new = html! {
        @if view.may_change {
            (Button::link("/people/import", t!("Import")).icon(Icon::Upload))
            (Button::link("/classes/new", t!("New class")).main().icon(Icon::Plus))
        }
    };
    let page = Frame { action: html! { @if view.total > 0 { (new) } }, ..Frame::new(Section::People, t!("People and classes")) };
    let rows = view.rows.iter().map(|(id, name, people)| Row {
        id: id.clone(),
        href: Some(format!("/classes/{id}")),
        name: name.clone(),
        cells: vec![html! { (named(name)) }, html! { (thousands(*people)) }],
    });
    let content = html! {
        (views(Some(view.people), Some(view.total), false))
        (table(&Table {
            caption: t!("Classes"),
            columns: vec![Column::main(t!("Class")), Column::number(t!("People")).labelled()],
            rows: rows.collect(),
            pager: Some(Pager { shown: view.rows.len() as u64, total: view.total, noun: (t!("class"), t!("classes")), first: view.first.clone(), next: view.next.clone() }),
            empty: empty(t!("No classes yet"), t!("A class tells which people learn together, and a group's rule can find their devices. Import classes from your school's system, or make them by hand."), new),
            selection: None,
            compact: false,
        }))
    };
    frame(shell, &page, content)
}

/// The page of one class.
pub fn one(shell: &Shell, view: &ClassView) -> Markup {
    let print = html! { @if !view.members.is_empty() { button.button.script-only type="button" data-print { (t!("Print")) } } };
    let edit = html! { (print) (Button::link(format!("/teaching/{}", view.id), t!("Its devices now"))) @if view.may_change { (Button::link(format!("/classes/{}/edit", view.id), t!("Rename")).main()) } };
    let page = Frame { back: Some(way(BACK)), action: edit, ..Frame::new(Section::People, &view.name) };
    let content = html! {
        (facts(&[Fact::text(t!("Comes from"), source_words(view.source))]))
        (section(t!("People"), html! {
            div.stack {
                (members(view))
                @if view.may_change { (put_in(view)) }
            }
        }))
        @if view.may_change { div.row { (Button::link(format!("/classes/{}/delete", view.id), t!("Delete the class…")).destructive().asks()) } }
    };
    frame(shell, &page, content)
}

fn members(view: &ClassView) -> Markup {
    let mut columns = vec![
        Column::main(t!("Name")),
        Column::text(t!("E-mail")).wraps(),
        Column::text(t!("Here")),
        Column::text(t!("Devices")).wraps().labelled(),
    ];
    if view.may_change {
        columns.push(Column::deed());
    }
    let rows = view.members.iter().map(|member| {
        let mut cells = vec![
            html! { (named(&member.name)) },
            html! { (member.email) },
            html! { (if member.teaches { t!("teaches") } else { t!("learns") }) },
            devices(&member.devices),
        ];
        if view.may_change {
            let action = format!("/classes/{}/people/{}/remove", view.id, member.id);
            cells.push(post(&action, html! { (Button::submit(t!("Take out")).small().render()) }));
        }
        Row { id: member.id.clone(), href: Some(format!("/people/{}", member.id)), name: member.name.clone(), cells }
    });
    table(&Table {
        caption: t!("People of the class"),
        columns,
        rows: rows.collect(),
        pager: None,
        empty: html! { p.quiet { (t!("Nobody is in it.")) } },
        selection: None,
        compact: false,
    })
}

/// Each device with its serial number: on paper there is nothing to click.
fn devices(list: &[(String, String, String)]) -> Markup {
    html! {
        @if list.is_empty() { span.quiet { (t!("none")) } }
        @for (at, (id, name, serial)) in list.iter().enumerate() {
            @if at > 0 { ", " }
            a href=(format!("/devices/{id}")) { (named(name)) } @if serial != name && !serial.is_empty() { " " span.quiet { (serial) } }
        }
    }
}

fn put_in(view: &ClassView) -> Markup {
    let roles = [("student".to_owned(), t!("Learns").to_owned()), ("teacher".to_owned(), t!("Teaches").to_owned())];
    post(
        &format!("/classes/{}/people", view.id),
        html! {
            div.form {
                (field("person", t!("Put somebody in")).value(&view.typed).error(view.error.as_deref()).help(t!("Their e-mail address or their whole name.")))
                (select("role", t!("What they do here"), &roles, "student", "", None))
                (Button::submit(t!("Put them in")))
            }
        },
    )
}

/// The page of the form.
pub fn form(shell: &Shell, view: &ClassForm) -> Markup {
    let error = view.errors.first().map(|(_, words)| words.as_str());
    let (title, action, cancel, save) = match &view.id {
        None => (t!("New class"), "/classes/new".to_owned(), "/classes".to_owned(), t!("Make the class")),
        Some(id) => (t!("Rename the class"), format!("/classes/{id}/edit"), format!("/classes/{id}"), t!("Save")),
    };
    let content = post(
        &action,
        html! {
            div.form {
                (field("name", t!("Name")).value(&view.name).error(error).example(t!("7b, Chemistry club")).first())
                div.form-foot { (Button::submit(save).main()) (Button::link(cancel, t!("Cancel"))) }
            }
        },
    );
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::People, title) }, content)
}

/// The page that asks before a class is deleted.
pub fn delete(shell: &Shell, view: &ClassView) -> Markup {
    let (action, cancel, title) =
        (format!("/classes/{}/delete", view.id), format!("/classes/{}", view.id), t!("Delete the class {name}", name = view.name));
    let consequence = html! {
        (t!("Its people stay."))
        @if view.source != Source::Hand { (t!(" It came by an import, and comes back with the next one if it is still in its file.")) }
    };
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence,
        verb: t!("Delete the class"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, &view.name)), ..Frame::new(Section::People, &title) }, confirm(&ask))
}
