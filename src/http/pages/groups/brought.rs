//! The page that asks before a change of who is in a group brings about what nobody may want.

use maud::{Markup, html};

use super::super::parts::{Confirm, Frame, Section, Shell, confirm, frame};
use super::super::profiles::parts::warnings;

/// What a change of who is in a group would bring about, in sentences.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// What would get in each other's way.
    pub clashes: Vec<String>,
    /// Which licences would be missing.
    pub short: Vec<String>,
}

impl Brought {
    /// Whether there is nothing to ask about.
    pub fn is_empty(&self) -> bool {
        self.clashes.is_empty() && self.short.is_empty()
    }
}

/// The page that asks before a change of who is in a group brings things together that get in each other's way, or makes licences short. `group` is its id
/// and name.
pub fn brings_together(shell: &Shell, action: &str, group: (&str, &str), brought: &Brought, sent: &[(String, String)]) -> Markup {
    let cancel = format!("/groups/{}", group.0);
    let ask = Confirm {
        action,
        title: if brought.clashes.is_empty() {
            t!("There are not enough licences for this")
        } else {
            t!("This brings things together that get in each other’s way")
        },
        consequence: html! {
            (t!("Nothing was changed yet. "))
            @if brought.clashes.is_empty() { (t!("You can go on: who gets a licence gets the app, and the others wait for one.")) }
            @else { (t!("You can go on, or change one of the two first.")) }
        },
        fields: warnings(&[brought.clashes.as_slice(), &brought.short].concat()),
        hidden: sent,
        verb: t!("Do it all the same"),
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, group.1)), ..Frame::new(Section::Groups, ask.title) }, confirm(&ask))
}
