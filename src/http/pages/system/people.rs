//! Who may log in and which tokens scripts have: the forms, the token shown once, and the questions before someone loses access.

use maud::{Markup, html};

use super::super::own_account::{SessionRow, sessions};
use super::super::parts::{Button, Confirm, Frame, Section, Shell, confirm, copy_field, field, frame, post, radio, section};
use crate::language::way;
use crate::mdm::Role;
use crate::mdm::admins::PASSWORD_MIN;

/// The form for someone new, or for someone who is there.
#[derive(Debug, Clone)]
pub struct AdminForm {
    /// Their id; absent for someone new.
    pub id: Option<String>,
    /// The name typed or held.
    pub name: String,
    /// The role chosen or held.
    pub role: Role,
    /// Whether they are kept from logging in.
    pub disabled: bool,
    /// Whether it is the viewer, who cannot lock themselves out.
    pub is_viewer: bool,
    /// Whom of the school they are, as typed or held.
    pub person: String,
    /// Whether their second factor is on.
    pub second_factor: bool,
    /// Where they are logged in.
    pub sessions: Vec<SessionRow>,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// The form for a token.
#[derive(Debug, Clone)]
pub struct TokenForm {
    /// What was typed for its name.
    pub name: String,
    /// The role chosen.
    pub role: Role,
    /// What was typed for the days.
    pub days: String,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

const BACK: (&str, &str) = ("/system", msg!("System"));

const PEOPLE: (&str, &str) = ("/system/admins", msg!("People who log in"));

fn error<'a>(errors: &'a [(String, String)], name: &str) -> Option<&'a str> {
    errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str())
}

/// The page for someone new, or for someone who is there.
pub fn admin(shell: &Shell, form: &AdminForm) -> Markup {
    match &form.id {
        None => new_admin(shell, form),
        Some(id) => known_admin(shell, form, id),
    }
}

fn new_admin(shell: &Shell, form: &AdminForm) -> Markup {
    let help = password_help();
    let content = post(
        "/system/admins",
        html! {
            div.form {
                (field("name", t!("Name to log in with")).value(&form.name).error(error(&form.errors, "name")).autocomplete("off").first())
                (roles(&Role::ALL, form.role))
                (field("password", t!("First password")).kind("password").error(error(&form.errors, "password")).autocomplete("new-password").help(&help))
                div.form-foot { (Button::submit(t!("Add them")).main()) (Button::link("/system/admins", t!("Cancel"))) }
            }
        },
    );
    frame(shell, &Frame { back: Some(way(PEOPLE)), ..Frame::new(Section::System, t!("Add someone")) }, content)
}

fn known_admin(shell: &Shell, form: &AdminForm, id: &str) -> Markup {
    let address = format!("/system/admins/{id}");
    let help = password_help();
    let content = html! {
        div.stack.loose {
            @if form.is_viewer { p.quiet { (t!("This is you. Another Owner can change your role or keep you out; you cannot do it yourself.")) } }
            @else {
                (post(&address, html! { div.form { (roles(&Role::ALL, form.role)) div.form-foot { (Button::submit(t!("Change the role")).main()) } } }))
            }
            (post(&format!("{address}/person"), html! {
                div.form {
                    (field("person", t!("Person of the school")).optional().value(&form.person).error(error(&form.errors, "person"))
                        .help(t!("Their e-mail address or whole name, as it stands under People. A teacher sees the classes that this person teaches.")))
                    div.form-foot { (Button::submit(t!("Save"))) }
                }
            }))
            (section(t!("Where they are logged in"), html! {
                div.stack {
                    (sessions(&form.sessions, shell.now, |row| format!("{address}/sessions/{}/end", row.id)))
                    @if !form.sessions.is_empty() && !form.is_viewer { (post(&format!("{address}/sessions/end-all"), html! { (Button::submit(t!("End all"))) })) }
                }
            }))
            @if form.second_factor && !form.is_viewer {
                (section(t!("Second factor"), html! {
                    p.quiet { (t!("It is on. Switch it off where they have lost their telephone and the codes on paper; their log-ins end.")) }
                    (post(&format!("{address}/second-factor/reset"), html! { (Button::submit(t!("Switch it off")).destructive()) }))
                }))
            }
            (post(&format!("{address}/password"), html! {
                div.form {
                    (field("password", t!("New password")).kind("password").error(error(&form.errors, "password")).autocomplete("new-password").help(&help))
                    div.form-foot { (Button::submit(t!("Set the password"))) }
                }
            }))
            @if !form.is_viewer {
                div.row {
                    @if form.disabled { (post(&format!("{address}/enable"), html! { (Button::submit(t!("Let them log in again"))) })) }
                    @else { (Button::link(format!("{address}/disable"), t!("Keep them out…")).destructive().asks()) }
                    (Button::link(format!("{address}/remove"), t!("Remove…")).destructive().asks())
                }
            }
        }
    };
    frame(shell, &Frame { back: Some(way(PEOPLE)), ..Frame::new(Section::System, &form.name) }, content)
}

fn password_help() -> String {
    t!("At least {PASSWORD_MIN} characters. A few words are easier to keep than signs. All their sessions end.", PASSWORD_MIN)
}

/// A role's name, and what it is for in a sentence.
pub(in crate::http::pages) fn role_words(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Owner => (t!("Owner"), t!("Everything, also secrets and who may log in.")),
        Role::Admin => (t!("Admin"), t!("Everything but that.")),
        Role::Helper => (t!("Helper"), t!("Daily work with devices; erases nothing, changes no settings.")),
        Role::Teacher => (t!("Teacher"), t!("Own classes, for a lesson's time.")),
        Role::Viewer => (t!("Viewer"), t!("Looks, changes nothing.")),
    }
}

/// What each role is for.
fn roles(offered: &[Role], chosen: Role) -> Markup {
    html! {
        fieldset.choices {
            legend { (t!("Role")) }
            @for role in offered {
                @let (label, help) = role_words(*role);
                (radio("role", role.as_str(), label, *role == chosen, help))
            }
        }
    }
}

/// The page that asks before someone loses their access, for good or for now.
pub fn lose_access(shell: &Shell, id: &str, name: &str, for_good: bool) -> Markup {
    let (path, title, words) = if for_good {
        (
            "remove",
            t!("Remove {name}", name),
            t!("They cannot log in any more, and their sessions end at once. What they did stays in the audit log."),
        )
    } else {
        ("disable", t!("Keep {name} out", name), t!("Their sessions end at once, and they cannot log in until you let them again."))
    };
    let (action, cancel) = (format!("/system/admins/{id}/{path}"), format!("/system/admins/{id}"));
    sure(shell, &action, &title, words, &cancel, (&cancel, name))
}

/// The page that asks before a token stops.
pub fn revoke(shell: &Shell, id: &str, name: &str) -> Markup {
    let action = format!("/system/tokens/{id}/revoke");
    let title = t!("Revoke the token “{name}”", name);
    sure(shell, &action, &title, t!("Scripts that use it are refused from now on."), "/system", way(BACK))
}

fn sure(shell: &Shell, action: &str, title: &str, words: &str, cancel: &str, back: (&str, &str)) -> Markup {
    let ask = Confirm { action, title, consequence: html! { (words) }, verb: title, destructive: true, cancel, ..Confirm::default() };
    frame(shell, &Frame { back: Some(back), ..Frame::new(Section::System, title) }, confirm(&ask))
}

/// The page for a new token.
pub fn token(shell: &Shell, form: &TokenForm) -> Markup {
    let offered = [Role::Viewer, Role::Helper, Role::Admin, Role::Owner];
    let content = post(
        "/system/tokens",
        html! {
            div.form {
                (field("name", t!("What it is for")).value(&form.name).error(error(&form.errors, "name")).example(t!("nightly export")).first())
                (roles(&offered, form.role))
                (field("days", t!("For how many days")).kind("number").optional().value(&form.days).error(error(&form.errors, "days"))
                    .help(t!("Leave it empty for no end.")))
                div.form-foot { (Button::submit(t!("Make the token")).main()) (Button::link("/system", t!("Cancel"))) }
            }
        },
    );
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::System, t!("Make a token")) }, content)
}

/// The page that shows a new token, once; it must not be cached.
pub fn token_made(shell: &Shell, name: &str, text: &str) -> Markup {
    let content = html! {
        div.form {
            (copy_field("token", t!("Token"), text))
            p { (t!("Copy it now: it is not shown again. Scripts send it as ")) code { "Authorization: Bearer" } "." }
            div.row { (Button::link("/system", t!("Done")).main()) }
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::System, name) }, content)
}

/// The page of a new token once it was shown.
pub fn token_was_shown(shell: &Shell) -> Markup {
    let content = html! {
        div.form {
            p { (t!("The token was shown once and is not shown again. It works if you copied it; if not, revoke it under System and make another.")) }
            div.row { (Button::link("/system", t!("Go to System")).main()) }
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::System, t!("Token")) }, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn shell() -> Shell {
        Shell::for_tests(Section::System, Timestamp::from_seconds(0))
    }

    fn form() -> AdminForm {
        AdminForm {
            id: None,
            name: "grace <x>".into(),
            role: Role::Teacher,
            disabled: false,
            is_viewer: false,
            person: String::new(),
            second_factor: false,
            sessions: vec![],
            errors: vec![],
        }
    }

    #[test]
    fn the_form_keeps_name_and_role_but_not_the_password() {
        let errors = vec![("password".to_owned(), "Take at least 10 characters.".to_owned())];
        let html = admin(&shell(), &AdminForm { errors, ..form() }).into_string();
        assert!(
            html.contains("value=\"grace &lt;x&gt;\"") && html.contains("value=\"teacher\" checked") && html.contains("Take at least"),
            "{html}"
        );
    }

    #[test]
    fn nobody_is_offered_to_lock_themselves_out() {
        let known = AdminForm { id: Some("7".into()), ..form() };
        assert!(admin(&shell(), &known).into_string().contains("Keep them out…"));
        let own = admin(&shell(), &AdminForm { is_viewer: true, ..known }).into_string();
        assert!(!own.contains("Keep them out") && !own.contains("Remove…") && own.contains("Set the password"), "{own}");
    }

    #[test]
    fn a_token_is_never_offered_the_role_of_a_teacher() {
        let html =
            token(&shell(), &TokenForm { name: String::new(), role: Role::Viewer, days: String::new(), errors: vec![] }).into_string();
        assert!(!html.contains("value=\"teacher\"") && html.contains("value=\"viewer\" checked"), "{html}");
        assert!(token_made(&shell(), "export", "rc_abc").into_string().contains("value=\"rc_abc\""));
    }
}
