//! App access for those who look after apps: who may use an app that asks, who has asked, and the copies it brought.

pub mod ask;
pub mod copies;
pub mod docs;
pub mod password;

use maud::{Markup, Render as _, html};

use super::parts::{
    Button, Column, Frame, Pager, Row, Section, Shell, State, Table, badge, checkbox, count, empty, field, frame, post, radio, section,
    table, time_ago,
};
use crate::clock::Timestamp;
use crate::mdm::access::{Proof, Who};
use crate::store::people::PersonRole;

/// The policy page of one app.
#[derive(Debug, Clone)]
pub struct AccessPage {
    /// The app's id.
    pub app_id: String,
    /// The app's name.
    pub app: String,
    /// What it says it is.
    pub bundle_id: String,
    /// Whether there is a policy.
    pub is_on: bool,
    /// What the form shows.
    pub form: AccessForm,
    /// Who has asked.
    pub holders: Vec<HolderRow>,
    /// How many there are.
    pub holders_total: u64,
    /// How many devices are among them.
    pub devices: u64,
    /// How many people are among them by their password alone.
    pub people: u64,
    /// The address of the next page of them.
    pub next: Option<String>,
    /// How many copies there are.
    pub copies: u64,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The form, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct AccessForm {
    /// `who`.
    pub who: String,
    /// Roles that are ticked.
    pub roles: Vec<String>,
    /// Classes: id, name, ticked.
    pub classes: Vec<(String, String, bool)>,
    /// Proofs that are ticked.
    pub proofs: Vec<String>,
    /// Fields of numbers by name, as typed.
    pub numbers: Vec<(&'static str, String)>,
    /// Whether it erases.
    pub erase: bool,
    /// Whether it takes copies.
    pub copies: bool,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// One that has asked.
#[derive(Debug, Clone)]
pub struct HolderRow {
    /// Its id.
    pub id: String,
    /// The device: id and name.
    pub device: Option<(String, String)>,
    /// The person's name.
    pub person: Option<String>,
    /// What it was told: allowed or not, and in words.
    pub allowed: bool,
    /// In words.
    pub words: String,
    /// When it was last granted.
    pub granted_at: Option<Timestamp>,
}

fn who_words(who: Who) -> (&'static str, &'static str) {
    match who {
        Who::Devices => (t!("Whoever holds a device that has the app"), t!("Every enrolled device that the app is assigned to.")),
        Who::DevicePerson => (t!("The person whom the device is given to"), t!("Only while they are active.")),
        Who::People => (t!("People of certain roles or classes"), t!("By their password, or as the person of the device.")),
    }
}

fn proof_words(proof: Proof) -> (&'static str, &'static str) {
    match proof {
        Proof::Token => {
            (t!("Token of the device"), t!("The app gets it by its managed configuration: $ACCESS_TOKEN. The person does nothing."))
        }
        Proof::Certificate => {
            (t!("Certificate of the device"), t!("The app signs what it asks with a key whose certificate this server issued."))
        }
        Proof::Password => {
            (t!("Password of the person"), t!("The app asks for e-mail address and password. Set them on the person's page."))
        }
    }
}

fn role_words(role: PersonRole) -> &'static str {
    match role {
        PersonRole::Student => t!("Students"),
        PersonRole::Teacher => t!("Teachers"),
        PersonRole::Staff => t!("Staff"),
    }
}

/// The page.
pub fn access(shell: &Shell, view: &AccessPage) -> Markup {
    let back = format!("/apps/{}", view.app_id);
    let title = t!("Who may use {app}", app = view.app);
    let under = html! {
        @if view.is_on { (t!("This app asks at each launch whether it may go on.")) } @else { (t!("This app does not ask yet. Save this form to begin.")) }
        " " a href="/docs/access" { (t!("How an app asks")) }
    };
    let copies = html! {
        @if view.is_on { (Button::link(format!("/apps/{}/access/copies", view.app_id), t!("Copies of offline edits ({copies})", copies = view.copies))) }
    };
    let page = Frame { back: Some((&back, &view.app)), under, action: copies, ..Frame::new(Section::Apps, &title) };
    let content = html! {
        @if view.may_change { (form(view)) } @else if view.is_on { p.quiet { (t!("Only admins change this.")) } }
        @if view.is_on { (section(t!("Who has asked"), holders(shell, view))) }
        @if view.is_on && view.may_change {
            div.row { (Button::link(format!("/apps/{}/access/remove", view.app_id), t!("Let nobody ask any more…")).destructive().asks()) }
        }
    };
    frame(shell, &page, content)
}

fn form(view: &AccessPage) -> Markup {
    let form = &view.form;
    let error = |name: &str| form.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let number = |name: &str| form.numbers.iter().find(|(field, _)| *field == name).map_or("", |(_, typed)| typed.as_str());
    let line = |name: &'static str, label: &'static str, help: &'static str| {
        field(name, label).kind("number").value(number(name)).error(error(name)).help(help).render()
    };
    let content = html! {
        div.form {
            @if let Some(words) = error("") { p.error role="alert" { (words) } }
            fieldset #f-who.choices tabindex="-1" {
                legend { (t!("Who may use it")) }
                @for who in Who::ALL { @let (label, help) = who_words(who); (radio("who", who.as_str(), label, form.who == who.as_str(), help)) }
                (fault("who", error("who")))
            }
            fieldset.choices {
                legend { (t!("Roles")) }
                p.help { (t!("For people: with none ticked, every role.")) }
                @for role in PersonRole::ALL { (tick("roles", role.as_str(), role_words(*role), form.roles.iter().any(|ticked| ticked == role.as_str()))) }
            }
            @if !form.classes.is_empty() {
                fieldset #f-classes.choices tabindex="-1" {
                    legend { (t!("Classes")) }
                    p.help { (t!("For people: with none ticked, every class.")) }
                    @for (id, name, ticked) in &form.classes { (tick("classes", id, name, *ticked)) }
                    (fault("classes", error("classes")))
                }
            }
            fieldset #f-proofs.choices tabindex="-1" {
                legend { (t!("What proves it")) }
                p.help { (t!("Each one that is ticked is needed.")) }
                @for proof in Proof::ALL {
                    @let (label, help) = proof_words(proof);
                    (tick_that("proofs", proof.as_str(), (label, help), form.proofs.iter().any(|ticked| ticked == proof.as_str())))
                }
                (fault("proofs", error("proofs")))
            }
            (line("offline_hours", t!("Hours offline"), t!("How long it may go on without reaching this server; 0: not at all.")))
            (field("launches", t!("Launches offline")).kind("number").optional().value(number("launches")).error(error("launches"))
                .help(t!("How often it may be opened without a new answer; empty: not counted. Counting stops who sets the clock back.")))
            (line("ask_every_minutes", t!("Minutes between asks"), t!("How often it asks again while it is open and online.")))
            (line("clock_tolerance_minutes", t!("Minutes the clock may be off"), t!("A device whose clock is further off is told to set it.")))
            (checkbox("erase_when_refused", t!("Erase what the app holds when the right to it has ended"), form.erase, t!("When the person is not active, the device is not enrolled, or the app is taken back.")))
            (checkbox("takes_copies", t!("Keep copies of offline edits"), form.copies, t!("Apps may add copies and never change or remove them.")))
            (line("keep_copies_days", t!("Days to keep copies"), t!("Then they are removed by themselves.")))
            div.form-foot { (Button::submit(if view.is_on { t!("Save") } else { t!("Have it ask") }).main()) }
        }
    };
    post(&format!("/apps/{}/access", view.app_id), content)
}

/// A box of several of one name.
fn tick(name: &str, value: &str, label: &str, ticked: bool) -> Markup {
    html! { label.choice { input type="checkbox" name=(name) value=(value) checked[ticked]; span { (label) } } }
}

/// A box of several of one name, with a sentence under its words.
fn tick_that(name: &str, value: &str, (label, help): (&str, &str), ticked: bool) -> Markup {
    let id = format!("f-{name}-{value}");
    html! {
        div.choice {
            input type="checkbox" id=(id) name=(name) value=(value) checked[ticked] aria-describedby=(format!("{id}-help"));
            div { label for=(id) { (label) } p.meta id=(format!("{id}-help")) { (help) } }
        }
    }
}

/// What is wrong with a set of boxes.
fn fault(name: &str, words: Option<&str>) -> Markup {
    html! { @if let Some(words) = words { p.error id=(format!("f-{name}-error")) { span { (words) } } } }
}

fn holders(shell: &Shell, view: &AccessPage) -> Markup {
    let row = |holder: &HolderRow| {
        let device = holder.device.as_ref().map(|(_, name)| name.as_str());
        let name = device.or(holder.person.as_deref()).unwrap_or(t!("somebody who is gone")).to_owned();
        let state = if holder.allowed { State::Ok } else { State::Problem };
        Row {
            id: holder.id.clone(),
            href: holder.device.as_ref().map(|(id, _)| format!("/devices/{id}")),
            name,
            cells: vec![
                html! { @match device { Some(device) => (device), None => span.quiet { (t!("any device, by password")) } } },
                html! { (holder.person.as_deref().unwrap_or(if device.is_some() { "–" } else { t!("somebody who is gone") })) },
                badge(state, &holder.words),
                html! { @match holder.granted_at { Some(at) => (time_ago(at, shell.now)), None => (t!("never")) } },
            ],
        }
    };
    let list = table(&Table {
        caption: t!("Who has asked"),
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("Person")).wraps().labelled(),
            Column::text(t!("Told last")).wraps(),
            Column::text(t!("Last allowed")).labelled(),
        ],
        rows: view.holders.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.holders.len() as u64,
            total: view.holders_total,
            noun: (t!("installation"), t!("installations")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(t!("Nobody has asked yet"), t!("The app asks when it is opened."), Markup::default()),
        selection: None,
        compact: false,
    });
    let devices = (view.devices > 0).then(|| count(view.devices, t!("device"), t!("devices")));
    let people = (view.people > 0).then(|| count(view.people, t!("person by password"), t!("people by password")));
    let asked: Vec<String> = [devices, people].into_iter().flatten().collect();
    html! { @if !asked.is_empty() { p.quiet { (asked.join(t!(" and "))) "." } } (list) }
}
