//! Whether devices have to prove that they are genuine, by kind of device.

use crate::language::say;
use maud::{Markup, html};

use super::super::parts::{Button, Fact, Frame, Section, Shell, State, badge, facts, frame, post, select};

/// Where the page is.
pub const ADDRESS: &str = "/system/genuine";

/// The policy as it stands in the form.
#[derive(Debug, Clone)]
pub struct GenuineView {
    /// For each kind of device: the name of its field, what people call it, its mode, and what it takes.
    pub kinds: Vec<(String, String, String, String)>,
    /// Whether the root is here by which proofs are judged.
    pub root_present: bool,
    /// Where that root can be brought.
    pub root_page: String,
    /// What was wrong with the form.
    pub error: Option<String>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The modes as people choose them.
pub const MODES: [(&str, &str); 3] = [
    ("off", msg!("Do not ask")),
    ("prefer", msg!("Ask those that can, let the others in too")),
    ("require", msg!("Let in only those that prove it")),
];

/// The page.
pub fn page(shell: &Shell, view: &GenuineView) -> Markup {
    let words = |mode: &str| MODES.iter().find(|(word, _)| *word == mode).map_or("", |(_, words)| say(words));
    let content = html! {
        p.lead {
            (t!("A device can have Apple vouch for it when it enrolls: that it is a real device with this serial number, and that its key cannot leave it. \
             A copied profile is then worth nothing elsewhere."))
        }
        (facts(&[Fact::new(t!("Apple's attestation root"), html! {
            @if view.root_present { (badge(State::Ok, t!("is here"))) }
            @else { (badge(State::Waiting, t!("is not here yet"))) " " a href=(view.root_page) { (t!("It is fetched when it is first needed, or brought by hand")) } }
        })]))
        @if view.may_change {
            (post(ADDRESS, html! {
                div.form {
                    @if let Some(words) = &view.error { p.error role="alert" { (words) } }
                    @for (name, title, mode, takes) in &view.kinds {
                        (select(name, title, &MODES.map(|(word, words)| (word.to_owned(), say(words).to_owned())), mode, takes, None))
                    }
                    div.form-foot { (Button::submit(t!("Save")).main()) (Button::link("/system", t!("Cancel"))) }
                }
            }))
        } @else {
            (facts(&view.kinds.iter().map(|(_, title, mode, _)| Fact::text(title, words(mode))).collect::<Vec<_>>()))
            p.quiet { (t!("Only admins change this.")) }
        }
        p.quiet { (t!("Devices that are enrolled stay, whatever is chosen here; those that can prove it are asked to when their certificate is renewed. Each device's page says what it has shown, and can have it asked again.")) }
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), ..Frame::new(Section::System, t!("Genuine devices")) }, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn view(may_change: bool) -> GenuineView {
        GenuineView {
            kinds: vec![("ios".into(), "iPhone and iPad".into(), "prefer".into(), "From an A11 on.".into())],
            root_present: false,
            root_page: "/system/releases".into(),
            error: None,
            may_change,
        }
    }

    #[test]
    fn who_may_chooses_and_who_may_not_reads_it() {
        let shell = Shell::for_tests(Section::System, Timestamp::from_seconds(1_795_577_349));
        let html = page(&shell, &view(true)).into_string();
        assert!(html.contains("name=\"ios\"") && html.contains("From an A11 on.") && html.contains("is not here yet"), "{html}");
        let html = page(&shell, &view(false)).into_string();
        assert!(!html.contains("<select") && html.contains("let the others in too"), "{html}");
    }
}
