//! Somebody leaves: one page that says what follows and asks what becomes of each device, and how far it all is afterwards.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Live, Row, Section, Shell, State, Table, Typed, badge, confirm, count, facts, frame, live,
    moment, named, post, progress as bar, section, select, table,
};
use super::super::system::people::role_words;
use super::follows;
use crate::mdm::admins::leaver::LogIn;
use crate::mdm::people::farewell::{ActivationLock, Farewell, Fate, LeftBehind, Progress, Said, Step};

/// The form: what follows, and a choice for each device.
#[derive(Debug, Clone)]
pub struct FarewellView {
    /// What would follow.
    pub farewell: Farewell,
    /// What was chosen before, by device id; empty for nothing yet.
    pub chosen: Vec<(String, Fate)>,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// Where log-ins are ended.
const LOG_INS: &str = "/system/admins";

/// What is chosen for a device, in words.
fn words(fate: Fate) -> &'static str {
    match fate {
        Fate::HandOn => t!("Hand it on, without passcode"),
        Fate::Erase => t!("Erase everything on it"),
        Fate::Keep => t!("Leave it as it is"),
    }
}

/// The page on which somebody is let go.
pub fn ask(shell: &Shell, view: &FarewellView) -> Markup {
    let Farewell { person, leaving, devices, log_ins } = &view.farewell;
    let (back, action) = (format!("/people/{}", person.id), format!("/people/{}/farewell", person.id));
    let title = t!("{name} leaves", name = person.name);
    let content = post(
        &action,
        html! {
            div.form {
                @for (_, message) in view.errors.iter() { p.error role="alert" { (message) } }
                p {
                    (t!("They are not active any more, and count as nobody in the rules of groups: what they had by those goes."))
                    (follows(leaving))
                }
                @if !leaving.erased.is_empty() {
                    ul.plain { @for one in &leaving.erased { li { (one.app) (t!(" on ")) (one.whose) } } }
                }
                @for log_in in log_ins { (ends(&person.name, log_in)) }
                @if devices.is_empty() { p.quiet { (t!("They have no device of yours.")) } }
                @for device in devices { (one(device, view)) }
                div.form-foot { (Button::submit(t!("Let {name} go", name = person.name)).destructive().asks()) (Button::link(back.clone(), t!("Cancel"))) }
            }
        },
    );
    frame(shell, &Frame { back: Some((&back, &person.name)), ..Frame::new(Section::People, &title) }, content)
}

/// What becomes of a log-in.
fn ends(who: &str, log_in: &LogIn) -> Markup {
    let LogIn { name, role, stays, .. } = log_in;
    html! {
        p {
            (named(who)) (t!(" also logs in here as ")) strong { (named(name)) } " (" (role_words(*role).0) "). "
            @if stays.is_empty() { (t!("That ends: the name is disabled, and whoever is logged in with it is out.")) } @else { (still(stays)) }
        }
    }
}

/// Why a log-in works still, and where that is ended.
fn still(stays: &str) -> Markup {
    html! { (stays) " " a href=(LOG_INS) { (t!("People who log in")) } }
}

/// What is asked once more, where everything on a device would be deleted.
#[derive(Debug, Clone, Copy)]
pub struct EraseView<'a> {
    /// Who leaves: id and name.
    pub person: (&'a str, &'a str),
    /// The names of the devices that are erased.
    pub names: &'a [String],
    /// What was chosen, to be sent again.
    pub hidden: &'a [(String, String)],
    /// The count of devices as it was typed, if it was.
    pub typed: Option<&'a str>,
}

/// The page that asks before somebody is let go and devices are erased.
pub fn ask_erase(shell: &Shell, view: &EraseView<'_>) -> Markup {
    let (id, name) = view.person;
    let total = view.names.len() as u64;
    let (address, phrase) = (format!("/people/{id}/farewell"), total.to_string());
    let title = t!("Let {name} go and erase {devices}", name, devices = count(total, t!("device"), t!("devices")));
    let consequence = html! {
        (t!("Everything on ")) @if total == 1 { (t!("this device")) } @else { (t!("these devices")) }
        (t!(" is deleted: apps, work, settings. It cannot be undone: what was not saved elsewhere is gone."))
    };
    let ask = Confirm {
        action: &address,
        title: &title,
        consequence,
        names: view.names,
        total,
        typed: Typed::count(&phrase, total, view.typed),
        hidden: view.hidden,
        verb: &title,
        destructive: true,
        cancel: &address,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&address, name)), ..Frame::new(Section::People, &title) }, confirm(&ask))
}

fn one(device: &LeftBehind, view: &FarewellView) -> Markup {
    let chosen = view.chosen.iter().find(|(id, _)| *id == device.device_id).map_or(Fate::HandOn, |(_, fate)| *fate);
    let offered = Fate::ALL.into_iter().filter(|fate| *fate != Fate::Erase || device.erase_refused.is_empty());
    let options: Vec<_> = offered.map(|fate| (fate.as_str().to_owned(), words(fate).to_owned())).collect();
    html! {
        fieldset.choices {
            legend { (named(&device.name)) }
            (select(&format!("then.{}", device.device_id), t!("What becomes of it"), &options, chosen.as_str(), "", None))
            ul.plain {
                @if !device.passcode_stays.is_empty() { li { (t!("Handed on, its passcode stays: ")) (device.passcode_stays) } }
                @if !device.erase_refused.is_empty() { li { (t!("It cannot be erased here: ")) (device.erase_refused) } }
                @match device.activation_lock {
                    ActivationLock::Off => {},
                    ActivationLock::CodeKept => li { (t!("Its Activation Lock is on. The code that opens it is kept on the ")) a href=(format!("/devices/{}/secrets", device.device_id)) { (t!("device's page")) } (t!("; write it in place of a password, with no name, when the erased device asks.")) },
                    ActivationLock::NeedsAccount => li { (t!("Its Activation Lock is on, and no code is kept that opens it: have them sign out of their account on it before they go.")) },
                    ActivationLock::Unknown => li { (t!("It has not said whether Activation Lock is on: have them sign out of their account on it before they go.")) },
                }
            }
        }
    }
}

/// The page of a farewell that was said.
pub fn progress(shell: &Shell, (id, name): (&str, &str), said: &Said) -> Markup {
    let back = format!("/people/{id}");
    let title = t!("{name} left", name);
    let about = [
        Fact::new(t!("Since"), moment(said.at)),
        Fact::text(t!("Let go by"), &said.by),
        Fact::text(t!("Licences"), &count(said.licences, t!("licence went back"), t!("licences went back"))),
        Fact::text(t!("Own devices told to leave"), &said.own_devices.join(", ")),
    ];
    let done = said.devices.iter().filter(|device| device.state == Step::Done).count();
    let content = html! {
        (facts(&about))
        @if !said.log_ins.is_empty() {
            (section(t!("Log-ins"), html! { ul.plain { @for log_in in &said.log_ins { li {
                strong { (named(&log_in.name)) } " (" (role_words(log_in.role).0) "): "
                @if log_in.stays.is_empty() { (t!("ended")) } @else { (t!("works still. ")) (still(&log_in.stays)) }
            } } } }))
        }
        (section(t!("Devices"), live(Live { id: "left", topics: "command device enrollment", of: None, src: None }, html! {
            @if !said.devices.is_empty() { (bar(done as u64, said.devices.len() as u64, t!("devices done"))) }
            (table(&Table {
                caption: t!("Devices that they had"),
                columns: vec![Column::main(t!("Device")), Column::text(t!("Decided")), Column::text(t!("How far")).roomy()],
                rows: said.devices.iter().map(row).collect(),
                pager: None,
                empty: html! { p.quiet { (t!("They had no device of yours.")) } },
                selection: None,
                compact: false,
            }))
        })))
    };
    frame(shell, &Frame { back: Some((&back, name)), ..Frame::new(Section::People, &title) }, content)
}

fn row(device: &Progress) -> Row {
    let (state, word) = match device.state {
        Step::Done => (State::Ok, t!("Done")),
        Step::Waiting => (State::Waiting, t!("Waiting")),
        Step::Failed => (State::Problem, t!("Look at it")),
    };
    let decided = match device.then {
        Fate::HandOn => t!("handed on"),
        Fate::Erase => t!("erased"),
        Fate::Keep => t!("kept"),
    };
    Row {
        id: device.device_id.clone(),
        href: Some(format!("/devices/{}", device.device_id)),
        name: device.name.clone(),
        cells: vec![
            html! { (named(&device.name)) },
            html! { (decided) },
            html! { (badge(state, word)) @if !device.because.is_empty() { " " span.quiet { (device.because) } } },
        ],
    }
}
