//! People who log in: who they are, what each role may do, and who has to use a second factor.

use maud::{Markup, html};

use super::super::parts::{Button, Column, Frame, Row, Section, Shell, frame, post, radio, section, section_with};
use super::people::role_words;
use super::{AdminRow, admins, listing};
use crate::mdm::admins::second_factor::Required;
use crate::mdm::{Right, Role};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct RolesView {
    /// Who may log in.
    pub admins: Vec<AdminRow>,
    /// Who has to use a second factor.
    pub required: Required,
}

/// The page.
pub fn page(shell: &Shell, view: &RolesView) -> Markup {
    let content = html! {
        (section_with(t!("Who"), html! { (Button::link("/system/admins/new", t!("Add someone")).small()) }, admins(&view.admins, shell.now)))
        (section(t!("What each role may do"), html! { (table()) p.quiet { (t!("A teacher sees and does this in the classes that they teach, and nothing else.")) } }))
        (section(t!("Who has to use a second factor"), required(view.required)))
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), ..Frame::new(Section::System, t!("People who log in")) }, content)
}

/// Roles and rights, from the table that the rooms ask.
fn table() -> Markup {
    let columns =
        std::iter::once(Column::main(t!("May"))).chain(Role::ALL.map(|role| Column::text(role_words(role).0).labelled())).collect();
    let row = |right: Right| {
        let marks = Role::ALL.map(|role| html! { (if role.may(right) { t!("yes") } else { "–" }) });
        let cells = std::iter::once(html! { (right.deed()) }).chain(marks).collect();
        Row { id: String::new(), href: None, name: right.deed().to_owned(), cells }
    };
    listing(t!("What each role may do"), columns, Right::ALL.into_iter().map(row).collect(), "")
}

fn required(now: Required) -> Markup {
    let choice = |of: Required| {
        let (label, help) = match of {
            Required::Nobody => (t!("Nobody"), t!("Everybody may switch theirs on, under their name.")),
            Required::Changing => {
                (t!("Everybody who may change something"), t!("All but viewers. Whoever has none yet is led to it first."))
            }
            Required::Everybody => (t!("Everybody"), t!("Viewers too.")),
        };
        radio("of", of.as_str(), label, of == now, help)
    };
    post(
        "/system/admins/second-factor",
        html! {
            div.form {
                fieldset.choices { legend { (t!("A code of their telephone, after the password")) } @for of in Required::ALL { (choice(of)) } }
                p.quiet { (t!("Tokens of scripts are not asked. Whoever has lost the telephone: open them above, or ")) code { "rollcall admin reset-totp NAME" } (t!(" on the machine.")) }
                div.form-foot { (Button::submit(t!("Save")).main()) }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_page_says_of_each_role_what_the_rooms_allow() {
        let shell = Shell::for_tests(Section::System, Timestamp::from_seconds(0));
        let html = page(&shell, &RolesView { admins: vec![], required: Required::Changing }).into_string();
        let yes = Right::ALL.iter().map(|right| Role::ALL.iter().filter(|role| role.may(*right)).count()).sum::<usize>();
        assert_eq!(html.matches(">yes<").count(), yes, "{html}");
        assert!(html.contains("value=\"changing\" checked"), "{html}");
    }
}
