//! Whose a device is that somebody enrolled by their account, and what can be done with it from here.

use maud::{Markup, html};

use super::super::account::separation;
use super::super::parts::{Fact, State, badge, facts, time_ago};
use super::{ByAccount, DeviceFacts};
use crate::clock::Timestamp;
use crate::store::account_tokens::{Ownership, Shown};

pub(super) fn by_account(account: &ByAccount, known: &DeviceFacts, now: Timestamp) -> Markup {
    let model = if known.model.is_empty() { t!("device") } else { known.model.as_str() };
    let title = match account.ownership {
        Ownership::Own => t!("This is {person}’s own {model}", person = account.person, model),
        Ownership::School => t!("{person} signed in on this {model}", person = account.person, model),
    };
    let (state, words) = match account.shown {
        Shown::Right => (State::Ok, t!("shown with each request")),
        Shown::Nothing => (State::Waiting, t!("not shown")),
        Shown::Another => (State::Waiting, t!("another one is shown")),
    };
    let sign_in = html! {
        (badge(state, words)) @if let Some(at) = account.shown_at { " " (time_ago(at, now)) }
        @if account.shown != Shown::Right {
            div.meta { (t!("It stays managed: who it is, its certificate says. Have its person sign in anew, by removing the management and beginning again.")) }
        }
    };
    html! {
        section.stack aria-labelledby="account" {
            h2 #account { (title) }
            (facts(&[Fact::text(t!("Managed Apple Account"), &account.managed_account), Fact::new(t!("Sign-in"), sign_in)]))
            details { summary { (t!("What you can and cannot do with it")) } (separation(t!("You"), account.ownership)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_whose_it_is_and_that_a_missing_sign_in_ends_nothing() {
        let account = ByAccount {
            ownership: Ownership::Own,
            person: "Kim <Example>".into(),
            managed_account: "kim@appleaccount.example.school".into(),
            shown: Shown::Nothing,
            shown_at: Some(Timestamp::from_seconds(1_795_577_349)),
        };
        let known = DeviceFacts { model: "iPad".into(), ..DeviceFacts::default() };
        let html = |account: &ByAccount| by_account(account, &known, Timestamp::from_seconds(1_795_577_400)).into_string();
        let own = html(&account);
        assert!(
            own.contains("Kim &lt;Example&gt;’s own iPad") && own.contains("It stays managed") && own.contains("erase the device, take"),
            "{own}"
        );
        let school = html(&ByAccount { ownership: Ownership::School, shown: Shown::Right, shown_at: None, ..account });
        assert!(school.contains("signed in on this iPad") && !school.contains("It stays managed"), "{school}");
    }
}
