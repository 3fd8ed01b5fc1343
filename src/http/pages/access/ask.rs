//! Questions before who may use an app is changed: who is told to erase what it holds, and for whom it closes.

use maud::{Markup, html};

use super::super::parts::{Confirm, Frame, Section, Shell, Typed, confirm, count, frame};
use crate::mdm::access::Affected;

/// What was typed for the number of those who are affected, if anything was sent.
pub type Given<'a> = Option<&'a str>;

/// Each one with what it is told.
fn names(affected: &[Affected]) -> Vec<String> {
    let line = |one: &Affected| if one.because.is_empty() { one.whose.clone() } else { format!("{}: {}", one.whose, one.because) };
    affected.iter().map(line).collect()
}

/// The question before a policy is saved by which some are told to erase; `sent` is the form, to be sent again.
pub fn erase(shell: &Shell, (app_id, app): (&str, &str), affected: &[Affected], given: Given<'_>, sent: &[(String, String)]) -> Markup {
    let action = format!("/apps/{app_id}/access");
    let (total, phrase, names) = (affected.len(), affected.len().to_string(), names(affected));
    let told = count(total as u64, t!("installation is told to erase"), t!("installations are told to erase"));
    let ask = Confirm {
        action: &action,
        title: &t!("{told} what {app} holds", told, app),
        consequence: html! {
            (t!("Nothing was changed yet. If you save it, these lose what the app holds there when it asks next, because they may not use it any more. "))
            (t!("What they wrote offline can be brought for an hour after that, if copies are kept."))
        },
        names: &names,
        total: total as u64,
        typed: Typed::count(&phrase, total as u64, given),
        hidden: sent,
        verb: t!("Save it, and have them erase"),
        destructive: true,
        cancel: &action,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&action, app)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

/// The page that asks before nobody has to ask any more.
pub fn remove(shell: &Shell, (app_id, app): (&str, &str), affected: &[Affected], given: Given<'_>) -> Markup {
    let (action, cancel) = (format!("/apps/{app_id}/access/remove"), format!("/apps/{app_id}/access"));
    let (total, phrase, names) = (affected.len(), affected.len().to_string(), names(affected));
    let ask = Confirm {
        action: &action,
        title: t!("Let nobody ask any more"),
        consequence: html! {
            @if total > 0 {
                (count(total as u64, t!("installation that may use it now closes"), t!("installations that may use it now close")))
                (t!(" at the next ask, as the description for apps has it, and stay closed until the app is made to do without asking. "))
            }
            (t!("Nothing is erased, and nobody can be told to erase any more. Copies of offline edits stay until their time is over; no more are taken."))
        },
        names: &names,
        total: total as u64,
        typed: Typed::count(&phrase, total as u64, given),
        verb: t!("Let nobody ask any more"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, app)), ..Frame::new(Section::Apps, t!("Let nobody ask any more")) }, confirm(&ask))
}
