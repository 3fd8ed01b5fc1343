//! One device that Apple says is ours: what it is, what it gets, and its lock.

use maud::{Markup, html};

use super::super::parts::{
    Button, Confirm, Fact, Frame, Section, Shell, State, badge, confirm, facts, field, frame, post, practice, section, select, time_ago,
};
use super::devices::ADDRESS;
use super::{at, choices, elsewhere};
use crate::clock::Timestamp;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct OneView {
    /// Its serial number.
    pub serial: String,
    /// How it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
    /// Whether it is a boxed practice iPad that the viewer may switch on.
    pub may_switch_on: bool,
    /// What Apple says of it: name and value.
    pub facts: Vec<(String, String)>,
    /// The enrolled device with its serial number.
    pub device_id: Option<String>,
    /// The server token that it is assigned to: id and name.
    pub server: (String, String),
    /// What it gets.
    pub gets: Gets,
    /// Its locks, newest first.
    pub locks: Vec<LockRow>,
    /// Whether Apple offers to lock it, and the viewer may.
    pub may_lock: bool,
    /// Whether the viewer may see what opens a lock.
    pub may_reveal: bool,
    /// What opens the lock that was asked for.
    pub revealed: Option<String>,
}

/// What a device gets, as a form.
#[derive(Debug, Clone, Default)]
pub struct Gets {
    /// The profile that it is to have, and why: "Cart, by its family".
    pub profile: String,
    /// The one that was chosen for it alone.
    pub chosen: String,
    /// Whose it will be.
    pub person: String,
    /// The class that it is for.
    pub class: String,
    /// The group that it will be in.
    pub group: String,
    /// Profiles: id and name.
    pub profiles: Vec<(String, String)>,
    /// Classes: id and name.
    pub classes: Vec<(String, String)>,
    /// Groups by hand: id and name.
    pub groups: Vec<(String, String)>,
    /// What is wrong: field and words.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// A lock.
#[derive(Debug, Clone)]
pub struct LockRow {
    /// Its id.
    pub id: String,
    /// How it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// When it was asked for.
    pub at: Timestamp,
}

/// The page.
pub fn one(shell: &Shell, view: &OneView) -> Markup {
    let mut about = vec![Fact::new(t!("How it is"), html! { (badge(view.state, &view.words)) @if view.practice { " " (practice()) } })];
    about.extend(view.facts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| Fact::text(name, value)));
    about.push(Fact::new(t!("Server token"), html! { a href=(format!("/system/device-list/{}", view.server.0)) { (view.server.1) } }));
    if let Some(id) = &view.device_id {
        about.push(Fact::new(t!("Enrolled as"), html! { a href=(format!("/devices/{id}")) { (t!("Show the device")) } }));
    }
    let content = html! {
        (facts(&about))
        @if view.may_switch_on {
            (post("/new-devices/switch-on", html! {
                input type="hidden" name="back" value=(format!("{ADDRESS}/{}", view.serial));
                input type="hidden" name="device" value=(view.serial);
                div.row { (Button::submit(t!("Switch it on"))) }
            }))
        }
        (section(t!("What it gets"), gets(&view.serial, &view.gets)))
        @if view.may_lock || !view.locks.is_empty() { (section(t!("Activation Lock"), locks(view, shell.now))) }
    };
    frame(
        shell,
        &Frame { back: Some((ADDRESS, t!("New devices"))), state: Some(view.state), ..Frame::new(Section::Devices, &view.serial) },
        content,
    )
}

fn gets(serial: &str, gets: &Gets) -> Markup {
    if !gets.may_change {
        let name = |of: &[(String, String)], id: &str| at(of, id).unwrap_or(t!("none")).to_owned();
        return facts(&[
            Fact::text(t!("Profile"), &gets.profile),
            Fact::text(t!("Person"), if gets.person.is_empty() { t!("nobody yet") } else { &gets.person }),
            Fact::text(t!("Class"), &name(&gets.classes, &gets.class)),
            Fact::text(t!("Group"), &name(&gets.groups, &gets.group)),
        ]);
    }
    let help = t!("Now: {profile}.", profile = gets.profile);
    post(
        &format!("{ADDRESS}/{serial}"),
        html! {
            div.form {
                (elsewhere(&gets.errors, &["profile_id", "person", "class_id", "group_id"]))
                (select("profile_id", t!("Profile for it alone"), &choices(&[("", t!("Its group's or its family's"))], &gets.profiles), &gets.chosen, &help,
                    at(&gets.errors, "profile_id")))
                (field("person", t!("Person")).value(&gets.person).optional().help(t!("Name or e-mail address. It is theirs when it enrolls."))
                    .error(at(&gets.errors, "person")))
                (select("class_id", t!("Class"), &choices(&[("", t!("None"))], &gets.classes), &gets.class, t!("For the list; a person is chosen above."),
                    at(&gets.errors, "class_id")))
                (select("group_id", t!("Group"), &choices(&[("", t!("None"))], &gets.groups), &gets.group, t!("It comes into it when it enrolls."),
                    at(&gets.errors, "group_id")))
                div.form-foot { (Button::submit(t!("Save")).main()) }
            }
        },
    )
}

fn locks(view: &OneView, now: Timestamp) -> Markup {
    let lead = format!("{ADDRESS}/{}", view.serial);
    html! {
        @if let Some(code) = &view.revealed {
            p { (t!("This opens it: type it where the device asks for the password, and leave the account empty.")) }
            (super::super::parts::code(t!("Bypass code"), code))
        }
        @for lock in &view.locks {
            div.row {
                (badge(lock.state, &lock.words)) span.quiet { (time_ago(lock.at, now)) }
                @if view.may_reveal {
                    (post(&format!("{lead}/locks/{}/reveal", lock.id), html! { (Button::submit(t!("Show what opens it")).small()) }))
                }
            }
        }
        @if view.locks.is_empty() { p.quiet { (t!("Not locked from here.")) } }
        @if view.may_lock { div.row { (Button::link(format!("{lead}/lock"), t!("Lock it to the organisation…")).destructive().asks()) } }
    }
}

/// The question before a device is locked.
pub fn ask_lock(shell: &Shell, serial: &str, message: &str, error: Option<&str>) -> Markup {
    let (action, cancel) = (format!("{ADDRESS}/{serial}/lock"), format!("{ADDRESS}/{serial}"));
    let ask = Confirm {
        action: &action,
        title: &t!("Lock {serial} to the organisation", serial),
        consequence: html! {
            (t!("Nobody can set it up after it is erased, until somebody types the code that is kept here, or an account of your organisation that may. \
             A person's own Activation Lock is something else and stays as it is."))
        },
        fields: html! { (field("message", t!("Message on the device")).value(message).optional().help(t!("For whoever finds it.")).error(error)) },
        verb: t!("Lock the device"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((ADDRESS, t!("New devices"))), ..Frame::new(Section::Devices, t!("Lock a device")) }, confirm(&ask))
}
