//! Groups: the list, one group with its devices and what is assigned to it, and the form with the rule builder.

mod brought;
pub mod builder;

use maud::{Markup, Render as _, html};

use super::parts::{
    Action, Button, Column, Confirm, Fact, Frame, Icon, Pager, Row, Section, Selection, Shell, Tab, Table, Typed, all_named, confirm,
    count, empty, facts, field, frame, moment, named, post, post_retold, section, select, table, tabs,
};
use super::profiles::parts::warnings;
use crate::clock::Timestamp;
use crate::language::way;
use crate::mdm::groups::DEVICES_MAX;
pub use brought::{Brought, brings_together};
use builder::Builder;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct GroupsView {
    /// The groups of this page.
    pub rows: Vec<GroupRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the first page, when this is not it.
    pub first: Option<String>,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may change groups.
    pub may_change: bool,
}

/// A group in the list.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its rule as a sentence; empty where its devices are put in by hand.
    pub rule: String,
    /// How many devices are in it.
    pub devices: u64,
}

/// One group.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// As in the list.
    pub row: GroupRow,
    /// What it is for.
    pub note: String,
    /// Its devices on this page: id, name, serial number.
    pub devices: Vec<(String, String, String)>,
    /// The address of the first page of devices, when this is not it.
    pub first: Option<String>,
    /// The address of the next page of devices.
    pub next: Option<String>,
    /// What is assigned to it: address, kind and name, and when that ends.
    pub assigned: Vec<(String, String, Option<Timestamp>)>,
    /// What was assigned to it and has ended: address, kind and name, and when.
    pub ended: Vec<(String, String, Timestamp)>,
    /// What of that gets in the way of something else on its devices, a sentence each.
    pub clashes: Vec<String>,
    /// Versions of own apps that it tries before everyone else.
    pub trials: Vec<String>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// What was typed to put devices in, when it was refused.
    pub typed: String,
    /// What was wrong with that.
    pub error: Option<String>,
}

/// The form.
#[derive(Debug, Clone, Default)]
pub struct GroupForm {
    /// The group that is changed; absent for a new one.
    pub id: Option<String>,
    /// What was typed for its name.
    pub name: String,
    /// What was typed for its note.
    pub note: String,
    /// The rule builder; absent for a group by hand, and for a rule that does not fit into it.
    pub builder: Option<Builder>,
    /// A rule that does not fit into the builder, as a sentence.
    pub words: Option<String>,
    /// Classes that a condition can name: id and name.
    pub classes: Vec<(String, String)>,
    /// What the rule finds now, in words and names.
    pub found: Option<Found>,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// What a rule finds now.
#[derive(Debug, Clone)]
pub struct Found {
    /// The rule as a sentence.
    pub words: String,
    /// How many devices it finds.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Names of the first ones.
    pub names: Vec<String>,
}

const BACK: (&str, &str) = ("/groups", msg!("Groups"));

/// The page of the list.
pub fn list(shell: &Shell, view: &GroupsView) -> Markup {
    let new = html! { @if view.may_change { (Button::link("/groups/new", t!("New group")).main().icon(Icon::Plus)) } };
    let page = Frame {
        under: html! { (t!("Apps, updates, profiles and policies are assigned to groups of devices.")) },
        action: html! { @if !view.rows.is_empty() { (new) } },
        ..Frame::new(Section::Groups, t!("Groups"))
    };
    let rows = table(&Table {
        caption: t!("Groups"),
        columns: vec![Column::main(t!("Group")), Column::number(t!("Devices")).labelled(), Column::text(t!("Who is in it")).wraps()],
        rows: view
            .rows
            .iter()
            .map(|row| Row {
                id: row.id.clone(),
                href: Some(format!("/groups/{}", row.id)),
                name: row.name.clone(),
                cells: vec![html! { (named(&row.name)) }, html! { (super::parts::thousands(row.devices)) }, who(row)],
            })
            .collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("group"), t!("groups")),
            first: view.first.clone(),
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No groups yet"),
            t!(
                "A group is a set of devices that are to have the same: the iPads of a cart, the Macs of the staff. You put them in by hand, or a rule finds them and keeps the group up to date."
            ),
            new,
        ),
        selection: None,
        compact: false,
    });
    frame(shell, &page, rows)
}

fn who(row: &GroupRow) -> Markup {
    html! { @if row.rule.is_empty() { span.quiet { (t!("put in by hand")) } } @else { span.lines title=(row.rule) { (row.rule) } } }
}

/// The page of one group.
pub fn one(shell: &Shell, view: &GroupView) -> Markup {
    let row = &view.row;
    let edit = html! { @if view.may_change { (Button::link(format!("/groups/{}/edit", row.id), t!("Change it")).main()) } };
    let page = Frame { back: Some(way(BACK)), under: html! { (view.note) }, action: edit, ..Frame::new(Section::Groups, &row.name) };
    let kind = if row.rule.is_empty() {
        t!("put in by hand").to_owned()
    } else {
        t!("every device of which this is true: {rule}", rule = row.rule)
    };
    let content = html! {
        (facts(&[Fact::text(t!("Devices"), &count(row.devices, t!("device"), t!("devices"))), Fact::text(t!("Who is in it"), &kind)]))
        (warnings(&view.clashes))
        (section(t!("What is assigned to it"), assigned(view)))
        (section(t!("Devices"), html! {
            div.stack {
                (devices(view))
                @if view.may_change && row.rule.is_empty() { (put_in(view)) }
            }
        }))
        @if view.may_change { div.row { (Button::link(format!("/groups/{}/delete", row.id), t!("Delete the group…")).destructive().asks()) } }
    };
    frame(shell, &page, content)
}

fn assigned(view: &GroupView) -> Markup {
    html! {
        @if view.assigned.is_empty() {
            p.quiet { @if view.ended.is_empty() { (t!("Nothing yet.")) } @else { (t!("Nothing now.")) } (t!(" Profiles and policies are assigned to groups on their own pages.")) }
        } @else {
            ul.plain {
                @for (href, words, end) in &view.assigned {
                    li { a href=(href) { (words) } @if let Some(end) = end { span.quiet { (t!(", until ")) (moment(*end)) } } }
                }
            }
        }
        @if !view.ended.is_empty() {
            ul.plain { @for (href, words, end) in &view.ended { li { a href=(href) { (words) } span.quiet { (t!(", ended ")) (moment(*end)) } } } }
        }
    }
}

fn devices(view: &GroupView) -> Markup {
    let row = &view.row;
    let by_hand = row.rule.is_empty();
    let words =
        if by_hand { t!("Put some in below.") } else { t!("No device meets the rule now. One that does later comes in by itself.") };
    let remove = Action { words: t!("Take out").into(), to: format!("/groups/{}/remove", row.id), destructive: false };
    table(&Table {
        caption: t!("Devices of the group"),
        columns: vec![Column::main(t!("Name")), Column::code(t!("Serial number"))],
        rows: view
            .devices
            .iter()
            .map(|(id, name, serial)| Row {
                id: id.clone(),
                href: Some(format!("/devices/{id}")),
                name: name.clone(),
                cells: vec![html! { (named(name)) }, html! { (serial) }],
            })
            .collect(),
        pager: Some(Pager {
            shown: view.devices.len() as u64,
            total: row.devices,
            noun: (t!("device"), t!("devices")),
            first: view.first.clone(),
            next: view.next.clone(),
        }),
        empty: html! { p.quiet { (t!("No device is in it. ")) (words) } },
        selection: (by_hand && view.may_change).then(|| Selection {
            name: "device",
            actions: vec![remove],
            filter: Vec::new(),
            at_most: Some(DEVICES_MAX as u64),
        }),
        compact: false,
    })
}

fn put_in(view: &GroupView) -> Markup {
    post(
        &format!("/groups/{}/devices", view.row.id),
        html! {
            div.form {
                (field("devices", t!("Put devices in")).lines(4).mono().value(&view.typed).error(view.error.as_deref())
                    .help(t!("Serial numbers or names, one a line.")))
                (Button::submit(t!("Put them in")))
            }
        },
    )
}

/// The page that asks before devices are taken out.
pub fn take_out(shell: &Shell, id: &str, group: &str, names: &[String], ids: &[String]) -> Markup {
    let (action, cancel) = (format!("/groups/{id}/remove"), format!("/groups/{id}"));
    let title = t!("Take {devices} out of {group}", devices = count(names.len() as u64, t!("device"), t!("devices")), group);
    let hidden: Vec<_> = ids.iter().map(|id| ("device".to_owned(), id.clone())).collect();
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! { (t!("What they have only by this group is taken back from them; apps go with all that they hold there.")) },
        names,
        total: names.len() as u64,
        hidden: &hidden,
        verb: &title,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, group)), ..Frame::new(Section::Groups, &title) }, confirm(&ask))
}

/// Devices that were chosen in the table, on their way into a group.
#[derive(Debug, Clone, Default)]
pub struct PutInto {
    /// Their names.
    pub names: Vec<String>,
    /// The groups by hand: id and name.
    pub choices: Vec<(String, String)>,
    /// The group that was chosen.
    pub into: String,
    /// What was typed for a new group.
    pub new: String,
    /// What the form carries along: the devices, or the filters that find them.
    pub hidden: Vec<(String, String)>,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// The page that asks into which group devices are put.
pub fn put_into(shell: &Shell, view: &PutInto) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let title = t!("Put {devices} into a group", devices = count(view.names.len() as u64, t!("device"), t!("devices")));
    let choices: Vec<_> = std::iter::once((String::new(), String::from("–"))).chain(view.choices.iter().cloned()).collect();
    let fields = html! {
        @if let Some(words) = error("") { p.error role="alert" { (words) } }
        @if !view.choices.is_empty() { (select("into", t!("Group"), &choices, &view.into, "", error("into"))) }
        (field("new", if view.choices.is_empty() { t!("Name of the new group") } else { t!("Or a new group") }).optional().value(&view.new)
            .error(error("new").or(error("into").filter(|_| view.choices.is_empty()))))
    };
    let ask = Confirm {
        action: "/devices/actions/group",
        title: &title,
        consequence: html! { (t!("They get what is assigned to the group. Groups by rule are not among these: their rules decide.")) },
        names: &view.names,
        total: view.names.len() as u64,
        hidden: &view.hidden,
        fields,
        verb: &title,
        cancel: "/devices",
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(("/devices", t!("Devices"))), ..Frame::new(Section::Devices, &title) }, confirm(&ask))
}

impl GroupView {
    /// How many devices lose something when the group is deleted.
    pub fn losing(&self) -> u64 {
        if self.assigned.is_empty() { 0 } else { self.row.devices }
    }
}

/// The page that asks before a group is deleted; `given` is what was typed before.
pub fn delete(shell: &Shell, view: &GroupView, given: Option<&str>) -> Markup {
    let row = &view.row;
    let (total, phrase) = (view.losing(), view.losing().to_string());
    let (action, cancel, title) =
        (format!("/groups/{}/delete", row.id), format!("/groups/{}", row.id), t!("Delete the group {name}", name = row.name));
    let names: Vec<String> = view.assigned.iter().map(|(_, words, _)| words.clone()).collect();
    let consequence = html! {
        (t!("Its ")) (count(row.devices, t!("device"), t!("devices"))) (t!(" stay, and are in their other groups as before."))
        @if !names.is_empty() { (t!(" What they have only by this group is taken back from them: ")) (all_named(&names)) (t!(". Apps go with all that they hold there.")) }
        @if !view.trials.is_empty() { (t!(" It tries ")) (all_named(&view.trials)) (t!(": nobody has that then, and it is kept.")) }
    };
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence,
        typed: Typed::count(&phrase, total, given),
        verb: t!("Delete the group"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, &row.name)), ..Frame::new(Section::Groups, &title) }, confirm(&ask))
}

/// The page of the form.
pub fn form(shell: &Shell, view: &GroupForm) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let by_rule = view.builder.is_some() || view.words.is_some();
    let (title, action, cancel) = match &view.id {
        None => (t!("New group"), if by_rule { "/groups/new?by=rule".to_owned() } else { "/groups/new".to_owned() }, "/groups".to_owned()),
        Some(id) => (t!("Change the group"), format!("/groups/{id}/edit"), format!("/groups/{id}")),
    };
    let kinds = [
        Tab { title: t!("By hand").into(), href: "/groups/new".into(), current: !by_rule, count: None },
        Tab { title: t!("By a rule").into(), href: "/groups/new?by=rule".into(), current: by_rule, count: None },
    ];
    let save = if view.id.is_some() { t!("Save") } else { t!("Make the group") };
    let content = html! {
        @if view.id.is_none() { (tabs(t!("How its devices are chosen"), &kinds)) }
        (post_retold(&action, t!("conditions found"), html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                (field("name", t!("Name")).value(&view.name).error(error("name")).example(t!("Cart A, Year 5, Staff Macs")).first())
                (field("note", t!("What it is for")).optional().value(&view.note).error(error("note")))
                @if let Some(builder) = &view.builder {
                    (builder.render(&view.classes, &view.errors))
                    (found(view.found.as_ref()))
                    div.row { (Button::submit(t!("Count the devices")).sends("do", "count").unchecked()) }
                }
                @if let Some(words) = &view.words {
                    p { (t!("Its rule: ")) (words) "." }
                    p.quiet { (t!("This rule has lists within lists within a list, or more conditions than fit here: this page cannot change it. Change it through the API.")) }
                }
                div.form-foot { (Button::submit(save).main().sends("do", "save").render()) (Button::link(cancel, t!("Cancel"))) }
            }
        }))
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::Groups, title) }, content)
}

fn found(found: Option<&Found>) -> Markup {
    html! {
        div.stack #found role="status" {
            @if let Some(found) = found {
                p { strong { (count(found.count, t!("device"), t!("devices"))) (t!(" of ")) (super::parts::thousands(found.of)) } (t!(" now: ")) (found.words) "." }
                @if !found.names.is_empty() {
                    p.meta {
                        (all_named(&found.names))
                        @let more = found.count.saturating_sub(found.names.len() as u64);
                        @if more > 0 { (t!(" and ")) (super::parts::thousands(more)) (t!(" more")) }
                    }
                }
            }
        }
    }
}
