//! The password by which a person proves to apps who they are: for those who look after people, and for the person behind a link.

use maud::{Markup, Render as _, html};

use super::super::parts::{Button, Fact, Frame, Section, Shell, copy_field, facts, field, frame, moment, person, post, section};
use crate::clock::Timestamp;

/// The page for those who look after people.
#[derive(Debug, Clone, Default)]
pub struct PersonPassword {
    /// The person's id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Whether there is a password.
    pub is_set: bool,
    /// When the open link ends.
    pub link_ends_at: Option<Timestamp>,
    /// The link, said once.
    pub link: Option<String>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// The page.
pub fn of_person(shell: &Shell, view: &PersonPassword) -> Markup {
    let back = format!("/people/{}", view.id);
    let base = format!("/people/{}/password", view.id);
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let under = html! { (t!("By it they prove to apps who they are. It does not log in here.")) };
    let content = html! {
        @if let Some(words) = error("") { p.error role="alert" { (words) } }
        (facts(&[Fact::text(t!("Password"), if view.is_set { t!("is set") } else { t!("none yet") })]))
        @if let Some(link) = &view.link {
            (section(t!("Link to choose one"), html! {
                (copy_field("password-link", t!("Send this to the person"), link))
                p.quiet { (t!("It is shown this once and works once.")) }
            }))
        } @else if let Some(end) = view.link_ends_at {
            p.quiet { (t!("A link to choose one is open until ")) (moment(end)) "." }
        }
        @if view.may_change {
            (post(&format!("{base}/link"), html! { (Button::submit(t!("Make a link to choose one")).main()) }))
            (section(t!("Or set one"), post(&base, html! {
                div.form {
                    (field("password", t!("New password")).kind("password").autocomplete("new-password").error(error("password")).help(t!("At least ten characters.")))
                    div.form-foot { (Button::submit(t!("Set the password"))) }
                }
            })))
            @if view.is_set || view.link_ends_at.is_some() {
                (post(&format!("{base}/remove"), html! { (Button::submit(t!("Take the password away")).destructive().render()) }))
            }
        }
    };
    frame(shell, &Frame { back: Some((&back, &view.name)), under, ..Frame::new(Section::People, t!("Password for apps")) }, content)
}

/// The page behind the link.
pub fn choose(organisation: &str, action: &str, name: &str, error: Option<&str>) -> Markup {
    let content = html! {
        h1 { (t!("Choose a password")) }
        p.lead { (t!("For ")) (name) (t!(". Apps of your organisation ask for it, together with your e-mail address.")) }
        form.form method="post" action=(action) {
            (field("password", t!("New password")).kind("password").autocomplete("new-password").error(error).help(t!("At least ten characters; four words in a row are easy to keep.")))
            (Button::submit(t!("Set the password")).main())
        }
    };
    person(t!("Choose a password"), organisation, content)
}

/// What is said when it is chosen.
pub fn chosen(organisation: &str) -> Markup {
    person(
        t!("Password set"),
        organisation,
        html! { h1 { (t!("Your password is set")) } p.lead { (t!("Open the app and use it with your e-mail address. You can close this page.")) } },
    )
}
