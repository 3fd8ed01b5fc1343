//! Questions before something about an app is changed: what goes from which devices, and what devices would lack.

use maud::{Markup, html};

use super::super::parts::{Confirm, Frame, Section, Shell, Typed, confirm, count, frame};
use super::super::profiles::parts::warnings;

/// The question before something about an app is saved that devices lack something for; `lacks` are the sentences, `sent` is the form.
pub fn ask_lacks(shell: &Shell, (action, back): (&str, (&str, &str)), lacks: &[String], sent: &[(String, String)]) -> Markup {
    let ask = Confirm {
        action,
        title: "Not every device can have it like this",
        consequence: html! { "Nothing was changed yet. If you save it, these devices keep what they have as it is, and who does not have it waits until that is mended. Nothing is removed." },
        fields: warnings(lacks),
        hidden: sent,
        verb: "Save it all the same",
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
        let error = self.is_mistyped.then_some("That is not the number.");
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
    let devices = count(lost.count, "device", "devices");
    let (title, verb) = match lost.count {
        0 if missing.else_.is_empty() => (String::from("There are not enough licences"), String::from("Assign it all the same")),
        0 => (String::from("Not every device can have it"), String::from("Assign it all the same")),
        _ => (format!("Take it back from {devices}"), format!("Take it back from {devices}")),
    };
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! {
            "Nothing was changed yet. "
            @if lost.count > 0 { "The app goes from these devices, with its data there, and its licences come back." }
            @else {
                @if !missing.licences.is_empty() { "Who gets a licence gets the app; the others wait until there are more. " }
                @if !missing.else_.is_empty() { "Devices that lack something get it by themselves as soon as that is there." }
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
    let (title, verb) = (format!("Remove {app} from {device}"), format!("Remove it from {device}"));
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! { "The app goes from this device, and with it all that it holds there. Its licence comes back. The person may ask for it again, without what it held." },
        total: 1,
        verb: &verb,
        destructive: true,
        cancel: &asked.back.0,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&asked.back.0, &asked.back.1)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

/// The page that asks before an app is deleted.
pub fn delete(shell: &Shell, id: &str, name: &str, lost: &Lost) -> Markup {
    let (action, cancel, phrase) = (format!("/apps/{id}/delete"), format!("/apps/{id}"), lost.phrase());
    let ask = Confirm {
        action: &action,
        title: "Delete this app",
        consequence: html! {
            strong { (name) } " is not known here any more."
            @if lost.count > 0 { " It goes from " (count(lost.count, "device", "devices")) ", with its data there, and its licences come back." }
        },
        names: &lost.devices,
        total: lost.count,
        typed: lost.to_type(&phrase),
        verb: "Delete the app",
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, name)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}
