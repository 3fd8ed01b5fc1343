//! Questions before something about an app is changed: what goes from which devices, and what devices would lack.

use maud::{Markup, html};
use serde::Deserialize;

use super::super::parts::{Confirm, Frame, Section, Shell, Typed, confirm, count, frame};
use super::super::profiles::parts::warnings;
use crate::mdm::apps::Deletion;

/// The question before something about an app is saved that devices lack something for; `lacks` are the sentences, `sent` is the form.
pub fn ask_lacks(shell: &Shell, (action, back): (&str, (&str, &str)), lacks: &[String], sent: &[(String, String)]) -> Markup {
    let ask = Confirm {
        action,
        title: t!("Not every device can have it like this"),
        consequence: html! { (t!("Nothing was changed yet. If you save it, these devices keep what they have as it is, and who does not have it waits until that is mended. Nothing is removed.")) },
        fields: warnings(lacks),
        hidden: sent,
        verb: t!("Save it all the same"),
        cancel: back.0,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(back), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

/// Devices that would lose an app.
#[derive(Debug, Clone, Default)]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// Their names, the first ones.
    pub devices: Vec<String>,
    /// What was typed for their number.
    pub typed: String,
    /// Whether that was wrong.
    pub is_mistyped: bool,
}

impl Lost {
    fn phrase(&self) -> String {
        self.count.to_string()
    }

    /// What must be typed: their number, if they are several.
    fn to_type<'a>(&'a self, phrase: &'a str) -> Option<Typed<'a>> {
        let error = self.is_mistyped.then_some(t!("That is not the number."));
        (self.count > 1).then_some(Typed { phrase, given: &self.typed, error })
    }
}

/// What devices would lack.
#[derive(Debug, Clone, Default)]
pub struct Missing {
    /// Who lacks how many licences, in sentences.
    pub licences: Vec<String>,
    /// What else how many devices lack, in sentences.
    pub else_: Vec<String>,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.licences.is_empty() && self.else_.is_empty()
    }

    fn all(&self) -> Vec<String> {
        self.licences.iter().chain(&self.else_).cloned().collect()
    }
}

/// The question before an app is taken back from devices, or is for devices that lack something; `sent` is the form, to be sent again.
pub fn ask_scope(shell: &Shell, back: (&str, &str), lost: &Lost, missing: &Missing, sent: &[(String, String)]) -> Markup {
    let (action, phrase) = (format!("{}/scope", back.0), lost.phrase());
    let devices = count(lost.count, t!("device"), t!("devices"));
    let (title, verb) = match lost.count {
        0 if missing.else_.is_empty() => (String::from(t!("There are not enough licences")), String::from(t!("Assign it all the same"))),
        0 => (String::from(t!("Not every device can have it")), String::from(t!("Assign it all the same"))),
        _ => (t!("Take it back from {devices}", devices), t!("Take it back from {devices}", devices)),
    };
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! {
            (t!("Nothing was changed yet. "))
            @if lost.count > 0 { (t!("The app goes from these devices, with its data there, and its licences come back.")) }
            @else {
                @if !missing.licences.is_empty() { (t!("Who gets a licence gets the app; the others wait until there are more. ")) }
                @if !missing.else_.is_empty() { (t!("Devices that lack something get it by themselves as soon as that is there.")) }
            }
        },
        names: &lost.devices,
        total: lost.count,
        typed: lost.to_type(&phrase),
        fields: warnings(&missing.all()),
        hidden: sent,
        verb: &verb,
        destructive: lost.count > 0,
        cancel: back.0,
    };
    frame(shell, &Frame { back: Some(back), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

/// An app that is to be taken away from one device.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// The app's id and name.
    pub app: (String, String),
    /// The device's id and name.
    pub device: (String, String),
    /// Where it leads back to, and what stands there.
    pub back: (String, String),
    /// `device` where it was asked on the device's page.
    pub from: String,
}

/// The page that asks before an app is taken away from one device.
pub fn withdraw(shell: &Shell, asked: &Withdrawal) -> Markup {
    let (app, device) = (&asked.app.1, &asked.device.1);
    let query = if asked.from.is_empty() { String::new() } else { format!("?from={}", asked.from) };
    let action = format!("/apps/{}/devices/{}/withdraw{query}", asked.app.0, asked.device.0);
    let (title, verb) = (t!("Remove {app} from {device}", app, device), t!("Remove it from {device}", device));
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! { (t!("The app goes from this device, and with it all that it holds there. Its licence comes back. The person may ask for it again, without what it held.")) },
        total: 1,
        verb: &verb,
        destructive: true,
        cancel: &asked.back.0,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&asked.back.0, &asked.back.1)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

/// The page that asks before an app is deleted; `given` is what was sent of its form, where something is missing in it.
pub fn delete(shell: &Shell, (id, name): (&str, &str), lost: &Deletion, given: Option<&DeleteForm>) -> Markup {
    let (action, cancel) = (format!("/apps/{id}/delete"), format!("/apps/{id}"));
    let devices = Lost {
        count: lost.devices,
        devices: lost.names.clone(),
        typed: given.map(|form| form.typed.clone()).unwrap_or_default(),
        is_mistyped: given.is_some_and(|form| lost.devices > 1 && form.typed.trim() != lost.devices.to_string()),
    };
    let phrase = devices.phrase();
    let ask = Confirm {
        action: &action,
        title: t!("Delete this app"),
        consequence: html! {
            strong { (name) } (t!(" is not known here any more."))
            @if lost.devices > 0 { (t!(" It goes from ")) (count(lost.devices, t!("device"), t!("devices"))) (t!(", with its data there, and its licences come back.")) }
            @if lost.erases > 0 {
                (t!(" It asks here whether it may go on: ")) (count(lost.erases, t!("installation is"), t!("installations are"))) (t!(" told to erase what they hold, at the next ask."))
                (t!(" Edits that they have not brought yet are lost."))
            }
        },
        names: &devices.devices,
        total: lost.devices,
        typed: devices.to_type(&phrase),
        fields: html! { @if lost.copies > 0 { (copies(id, lost, given)) } },
        verb: t!("Delete the app"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, name)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

/// What is sent to delete an app.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DeleteForm {
    /// The number of devices.
    pub typed: String,
    /// How many copies of offline edits are given up; nothing where the box was not ticked.
    pub give_up_copies: String,
}

/// The copies that go with an app: to be taken first, or given up.
fn copies(id: &str, lost: &Deletion, given: Option<&DeleteForm>) -> Markup {
    let all = count(lost.copies, t!("copy of offline edits goes"), t!("copies of offline edits go"));
    let left = count(lost.copies_not_exported, t!("copy"), t!("copies"));
    let of = count(lost.keepers, t!("device or person"), t!("devices or people"));
    let is_open = given.is_some_and(|form| form.give_up_copies != lost.copies_not_exported.to_string());
    html! {
        p { strong { (all) (t!(" with it.")) } " "
            @if lost.copies_not_exported == 0 { (t!("All of them were taken in an archive.")) }
            @else { (left) (t!(" of ")) (of) (t!(" were never taken in an archive: ")) a href=(format!("/apps/{id}/access/copies")) { (t!("take them first")) } (t!(", or tick that they are given up.")) } }
        @if lost.copies_not_exported > 0 {
            label.choice {
                input type="checkbox" name="give_up_copies" value=(lost.copies_not_exported) aria-describedby="f-give-up-error";
                span { (t!("Give up ")) (left) (t!(" of ")) (of) (t!(" for good")) }
            }
            @if is_open { p.error id="f-give-up-error" role="alert" { (t!("Take the copies first, or tick that they are given up.")) } }
        }
    }
}
