//! The log-in page.

use maud::{Markup, html};

use super::parts::{Button, State, centred, field, hidden, post, state_square};

/// What the log-in page shows.
#[derive(Debug, Clone, Default)]
pub struct LoginView {
    /// The name typed before.
    pub name: String,
    /// Why it did not work, the same for unknown and known names.
    pub error: Option<String>,
    /// What happened before, for example "You are logged out."
    pub notice: Option<String>,
    /// Where to go afterwards, a path of ours.
    pub next: String,
}

/// The log-in page.
pub fn login(view: &LoginView) -> Markup {
    let content = html! {
        h1 { (t!("Log in")) }
        @if let Some(error) = &view.error {
            div.banner.problem role="alert" { (state_square(State::Problem, 12)) p.words { (error) } }
        }
        @if let Some(notice) = &view.notice {
            div.banner role="status" { (state_square(State::Ok, 12)) p.words { (notice) } }
        }
        (post("/login", html! {
            div.form {
                (field("name", t!("Name")).value(&view.name).autocomplete("username").first())
                (field("password", t!("Password")).kind("password").autocomplete("current-password"))
                @if !view.next.is_empty() { input type="hidden" name="next" value=(view.next); }
                (Button::submit(t!("Log in")).main())
            }
        }))
        p.meta { (t!("Lost the password? Whoever has access to the appliance can set a new one: ")) code { "rollcall admin reset-password" } }
    };
    centred(t!("Log in"), false, content)
}

/// Between password and code.
#[derive(Debug, Clone, Default)]
pub struct CodeView {
    /// What tells us who it is.
    pub token: String,
    /// Where to go afterwards, a path of ours.
    pub next: String,
    /// Why it did not work.
    pub error: Option<String>,
}

/// The page that asks for the code.
pub fn code(view: &CodeView) -> Markup {
    let content = html! {
        h1 { (t!("One more step")) }
        p.quiet { (t!("Your password is right. Type the code that the app on your telephone shows now.")) }
        @if let Some(error) = &view.error {
            div.banner.problem role="alert" { (state_square(State::Problem, 12)) p.words { (error) } }
        }
        (post("/login/code", html! {
            div.form {
                (hidden(&[("token".to_owned(), view.token.clone()), ("next".to_owned(), view.next.clone())]))
                (field("code", t!("Code")).mono().autocomplete("one-time-code").help(t!("Six digits, or one of your codes on paper.")).first())
                div.row { (Button::submit(t!("Go on")).main()) (Button::link("/login", t!("Start again"))) }
            }
        }))
        p.meta { (t!("Lost the telephone and the paper? An owner can switch your second factor off under System, or whoever has access to the appliance: ")) code { "rollcall admin reset-totp" } }
    };
    centred(t!("Log in"), false, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_log_in_keeps_the_name_and_says_why() {
        let view = LoginView {
            name: "ada\"".into(),
            error: Some("Name and password do not fit.".into()),
            next: "/devices".into(),
            ..LoginView::default()
        };
        let html = login(&view).into_string();
        assert!(
            html.contains("value=\"ada&quot;\"") && html.contains("role=\"alert\"") && html.contains("name=\"next\" value=\"/devices\""),
            "{html}"
        );
    }
}
