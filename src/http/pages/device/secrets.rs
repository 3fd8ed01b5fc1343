//! Secrets that are kept for a device: asked before they are shown or made anew.

use maud::{Markup, html};

use super::super::parts::{Confirm, Frame, Section, Shell, confirm, copy_field, frame};

/// The page that asks before a kept secret is shown; `action` is where the form goes.
pub fn reveal(shell: &Shell, secret: &str, device: (&str, &str), action: &str) -> Markup {
    let title = t!("Show the {secret}", secret);
    let ask = Confirm {
        action,
        title: &title,
        consequence: html! { (t!("It is recorded that you looked, with your name and the time.")) },
        verb: &title,
        cancel: device.0,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(device), ..Frame::new(Section::Devices, &title) }, confirm(&ask))
}

/// The page that shows a kept secret, in answer to [`reveal`]; it must not be cached.
pub fn revealed(shell: &Shell, secret: &str, value: &str, device: (&str, &str)) -> Markup {
    let content = html! { div.form { (copy_field("secret", secret, value)) p.meta { (t!("That you looked is recorded. Leave this page when you have noted it.")) } } };
    frame(shell, &Frame { back: Some(device), ..Frame::new(Section::Devices, secret) }, content)
}

/// The page that asks before a Mac's administrator gets a new password.
pub fn new_password(shell: &Shell, account: &str, device: (&str, &str)) -> Markup {
    let (action, back) = (format!("{}/admin-password", device.0), format!("{}/security", device.0));
    let title = t!("A new password for “{account}”", account);
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! { (t!("The Mac is told at its next connection. Whoever knows the password of now is locked out then.")) },
        verb: t!("Make a new password"),
        cancel: &back,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&back, device.1)), ..Frame::new(Section::Devices, &title) }, confirm(&ask))
}
