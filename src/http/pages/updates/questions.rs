//! What is asked before a plan is stopped or deleted, and before it leaves a device alone.

use maud::html;

use super::super::parts::{Confirm, Frame, Markup, Section, Shell, Typed, confirm, count, field, frame, named};

/// What was typed into one of the questions and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The reason.
    pub reason: String,
    /// The end.
    pub ends_at: String,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
}

impl Asked {
    fn error(&self, of: &str) -> Option<&str> {
        self.errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str())
    }
}

/// The question before a plan is stopped.
pub fn ask_stop(shell: &Shell, id: &str, name: &str, asked: &Asked) -> Markup {
    let back = format!("/updates/plans/{id}");
    let ask = Confirm {
        action: &format!("{back}/stop"),
        title: t!("Stop this plan"),
        consequence: html! { (t!("Nothing more of ")) strong { (named(name)) } (t!(" is begun, and what has not begun is taken back. What devices have only downloaded stays there and is not installed. Those that install already, and Macs that had their order, go on. You can let it go on later.")) },
        fields: html! { (field("because", t!("Why")).optional().value(&asked.reason).error(asked.error("because")).help(t!("Everyone who looks at the plan reads it."))) },
        verb: t!("Stop the plan"),
        cancel: &back,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&back, name)), ..Frame::new(Section::Updates, ask.title) }, confirm(&ask))
}

/// The question before a device is left alone; `zone` is the one that the end is typed in.
pub fn ask_except(shell: &Shell, (id, name): (&str, &str), (device_id, device): (&str, &str), zone: &str, asked: &Asked) -> Markup {
    let back = format!("/updates/plans/{id}");
    let ask = Confirm {
        action: &format!("{back}/except/{device_id}"),
        title: t!("Leave this device alone"),
        consequence: html! { (t!("The plan ")) strong { (named(name)) } (t!(" brings nothing to ")) strong { (named(device)) } (t!(" meanwhile. What it has installed stays.")) },
        fields: html! {
            @if let Some(error) = asked.error("") { p.error role="alert" { (error) } }
            (field("reason", t!("Why")).value(&asked.reason).error(asked.error("reason")).example(t!("Exam until Friday")).first())
            (field("ends_at", &t!("Until ({zone})", zone)).kind("datetime-local").optional().value(&asked.ends_at).error(asked.error("ends_at"))
                .help(t!("Empty: until somebody ends it.")))
        },
        verb: t!("Leave it alone"),
        cancel: &back,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&back, name)), ..Frame::new(Section::Updates, ask.title) }, confirm(&ask))
}

/// Devices that a plan would bring nothing to any more.
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

/// The question before a plan is deleted.
pub fn ask_delete(shell: &Shell, id: &str, name: &str, lost: &Lost) -> Markup {
    let (back, phrase) = (format!("/updates/plans/{id}"), lost.count.to_string());
    let error = lost.is_mistyped.then_some(t!("That is not the number."));
    let ask = Confirm {
        action: &format!("{back}/delete"),
        title: t!("Delete this plan"),
        consequence: html! {
            strong { (named(name)) } (t!(" is forgotten, with how each device came along. Nothing is taken off any device."))
            @if lost.count > 0 { " " (count(lost.count, t!("device"), t!("devices"))) (t!(" would still have got an update by it:")) }
        },
        names: &lost.devices,
        total: lost.count,
        typed: (lost.count > 1).then_some(Typed { phrase: &phrase, given: &lost.typed, error }),
        verb: t!("Delete the plan"),
        destructive: true,
        cancel: &back,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&back, name)), ..Frame::new(Section::Updates, ask.title) }, confirm(&ask))
}
