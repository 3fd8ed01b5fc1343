//! Pages for a person at a device in Setup Assistant: what they are asked there, and why a device is not let in.

use maud::{Markup, html};

use super::parts::{Button, field, hidden, person, post};

/// Why there is no profile.
#[derive(Debug, Clone)]
pub struct Refused<'a> {
    /// In a few words.
    pub title: &'a str,
    /// Why, and what to do.
    pub words: &'a str,
}

/// The page that says why a device is not let in.
pub fn refused(organisation: &str, view: &Refused<'_>) -> Markup {
    let content = html! {
        h1 { (view.title) }
        p.lead { (view.words) }
        p { (t!("Show this to whoever looks after the devices")) @if !organisation.is_empty() { (t!(" at ")) (organisation) } "." }
    };
    person(view.title, organisation, content)
}

/// The page for a browser that is no Setup Assistant.
pub fn explained(organisation: &str) -> Markup {
    let content = html! {
        h1 { (t!("This address is for devices that are being set up")) }
        p.lead {
            (t!("iPhones, iPads, Macs and Apple TVs come here from their Setup Assistant and are given their management. In a browser there is nothing to see."))
        }
        p { (t!("To enroll a device that is set up already, open the link of an invitation on it.")) }
        (Button::link("/enroll", t!("I have a code")))
    };
    person(t!("For devices that are being set up"), organisation, content)
}

/// What was typed to sign in.
#[derive(Debug, Clone, Default)]
pub struct SignIn<'a> {
    /// What names the visit.
    pub visit: &'a str,
    /// The address that was typed.
    pub email: &'a str,
    /// What is wrong.
    pub error: Option<&'a str>,
}

/// The page that asks a person to sign in.
pub fn sign_in(organisation: &str, view: &SignIn<'_>) -> Markup {
    let content = html! {
        h1 { (t!("Whose device is this?")) }
        p.lead { (t!("Sign in with your school or work address and the password that you have for its apps. The device is then set up as yours.")) }
        (post("/ade/sign-in", html! {
            (hidden(&[("visit".to_owned(), view.visit.to_owned())]))
            div.form {
                (field("email", t!("E-mail address")).kind("email").autocomplete("username").value(view.email).error(view.error).first())
                (field("password", t!("Password")).kind("password").autocomplete("current-password"))
                div.form-foot { (Button::submit(t!("Sign in")).main()) }
            }
        }))
    };
    person(t!("Sign in"), organisation, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_text_and_a_password_is_never_given_back() {
        let html = refused("<School>", &Refused { title: "Not <here>", words: "a & b" }).into_string();
        assert!(html.contains("Not &lt;here&gt;") && html.contains("a &amp; b") && !html.contains("<School>"), "{html}");
        let view = SignIn { visit: "v", email: "kim@<x>", error: Some("Address or password is wrong.") };
        let html = sign_in("School", &view).into_string();
        assert!(
            html.contains("value=\"kim@&lt;x&gt;\"") && html.contains("is wrong") && html.contains("action=\"/ade/sign-in\""),
            "{html}"
        );
        assert!(explained("School").into_string().contains("nothing to see"));
    }
}
