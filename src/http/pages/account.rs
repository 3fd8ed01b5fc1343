//! Enrollment by account, for the person at the device: signing in, and what the organisation can see and do from then on.

use maud::{Markup, html};

use super::parts::{Button, field, hidden, named, person, post};
use crate::language::say;
use crate::store::account_tokens::Ownership;

/// What is typed to sign in.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// Whose device it is.
    pub ownership: Ownership,
    /// The account with which the device began; empty where it did not say.
    pub user_identifier: &'a str,
    /// The address that is typed.
    pub typed: &'a str,
    /// What is wrong.
    pub error: Option<&'a str>,
}

/// The page that asks a person to sign in.
pub fn sign_in(organisation: &str, view: &SignIn<'_>) -> Markup {
    let content = html! {
        h1 { (t!("Sign in")) }
        p.lead {
            (t!("With your school or work address and the password that you have for its apps. Then you read what it means, before anything happens on this device."))
        }
        (post(&format!("/account-enrollment/{}/sign-in", view.ownership), html! {
            (hidden(&[("user_identifier".to_owned(), view.user_identifier.to_owned())]))
            div.form {
                (field("email", t!("E-mail address or Managed Apple Account")).autocomplete("username").value(view.typed).error(view.error).first())
                (field("password", t!("Password")).kind("password").autocomplete("current-password"))
                div.form-foot { (Button::submit(t!("Sign in")).main()) }
            }
        }))
    };
    person(t!("Sign in"), organisation, content)
}

/// Whoever signed in, and as what their device comes in.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Whose device it is.
    pub ownership: Ownership,
    /// Their name.
    pub name: &'a str,
    /// Their Managed Apple Account.
    pub managed_account: &'a str,
    /// What names the visit.
    pub visit: &'a str,
}

/// The page that says what the organisation can see and do, before the device is enrolled.
pub fn told(organisation: &str, view: &Told<'_>) -> Markup {
    let whose = if organisation.is_empty() { t!("Your school or company") } else { organisation };
    let content = html! {
        h1 { @match view.ownership { Ownership::Own => (t!("What changes on your device")), Ownership::School => (t!("What changes on this device")) } }
        p.lead { (t!("You are ")) (named(view.name)) (t!(", and work here with the Managed Apple Account ")) strong { (view.managed_account) } "." }
        (separation(whose, view.ownership))
        (post("/account-enrollment/go-on", html! {
            (hidden(&[("visit".to_owned(), view.visit.to_owned())]))
            div.form-foot { (Button::submit(t!("Go on")).main()) }
        }))
        p.quiet { (t!("The device then asks for the password of that account at Apple. To stop here, close this page; nothing has happened.")) }
    };
    person(t!("What changes"), organisation, content)
}

/// What `whose` can and cannot do with such a device, for its person and for the admin alike.
pub fn separation(whose: &str, ownership: Ownership) -> Markup {
    let (can, cannot): (&[&'static str], &[&'static str]) = match ownership {
        Ownership::Own => (&OWN_CAN, &OWN_CANNOT),
        Ownership::School => (&SCHOOL_CAN, &SCHOOL_CANNOT),
    };
    let list = |items: &[&'static str]| html! { ul { @for item in items { li { (say(item)) } } } };
    html! {
        h2 { (whose) (t!(" can")) }
        (list(can))
        h2 { (whose) (t!(" cannot")) }
        (list(cannot))
        p {
            @match ownership {
                Ownership::Own => {
                    (t!("What belongs to the Managed Apple Account lives apart from what is private, on a part of the storage with a key of its own. "))
                    (t!("When management ends, by either side, that part is destroyed with its key, and everything private stays. "))
                    (t!("To end it: Settings, General, VPN & Device Management; on a Mac System Settings, General, Device Management."))
                },
                Ownership::School => {
                    (t!("The device belongs to the organisation. What is done with the Managed Apple Account lives on a part of the storage of its own all the same, "))
                    (t!("and is destroyed when management ends."))
                },
            }
        }
    }
}

const OWN_CAN: [&str; 4] = [
    msg!("install, configure and take away the apps that come from it, and see those alone"),
    msg!("set up its networks, accounts and certificates, and ask for a passcode"),
    msg!("see the model, the name and the version of the system"),
    msg!("lock the screen of an iPhone or iPad, and end the management"),
];

const OWN_CANNOT: [&str; 4] = [
    msg!("see private apps, photos, messages, mail, browsing or the place where the device is"),
    msg!("read the serial number, the telephone number or the hardware’s addresses"),
    msg!("erase the device, take its passcode away, or use Lost Mode"),
    msg!("restrict how private apps and accounts are used, or read private backups"),
];

const SCHOOL_CAN: [&str; 4] = [
    msg!("see the serial number, all apps that are installed, and the version of the system"),
    msg!("install and take away apps, profiles and accounts, and restrict what the device does"),
    msg!("lock or erase the device, and take its passcode away"),
    msg!("bring its system up to date"),
];

const SCHOOL_CANNOT: [&str; 2] =
    [msg!("read what is in apps: messages, mail, photos and browsing"), msg!("see the password of any account")];

/// The page for a browser that came to the address of devices.
pub fn explained(organisation: &str) -> Markup {
    let content = html! {
        h1 { (t!("This address is for devices")) }
        p.lead {
            (t!("On an iPhone or iPad, open Settings, General, VPN & Device Management, Sign In to Work or School Account; on a Mac System Settings, \
             General, Device Management, Sign In. Type your Managed Apple Account there."))
        }
    };
    person(t!("For devices"), organisation, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_text_and_a_password_is_never_given_back() {
        let view = SignIn {
            ownership: Ownership::Own,
            user_identifier: "kim@<x>",
            typed: "kim@<y>",
            error: Some("Address or password is wrong."),
        };
        let html = sign_in("School", &view).into_string();
        assert!(html.contains("kim@&lt;x&gt;") && html.contains("value=\"kim@&lt;y&gt;\"") && html.contains("is wrong"), "{html}");
        assert!(html.contains("action=\"/account-enrollment/own/sign-in\""), "{html}");
    }

    #[test]
    fn who_brings_their_own_device_reads_other_things_than_who_brings_the_schools() {
        let told = |ownership| {
            told("<School>", &Told { ownership, name: "Kim", managed_account: "kim@x.example.school", visit: "v" }).into_string()
        };
        let (own, school) = (told(Ownership::Own), told(Ownership::School));
        assert!(
            own.contains("&lt;School&gt; cannot") && own.contains("erase the device, take") && own.contains("everything private stays"),
            "{own}"
        );
        assert!(school.contains("lock or erase the device") && !school.contains("Lost Mode"), "{school}");
        assert!(explained("School").into_string().contains("Managed Apple Account"));
    }
}
