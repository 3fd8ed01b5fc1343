//! The people who share a device: who has an account on it, and how a Shared iPad divides itself among them.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Frame, Row, Section, Shell, State, Table, badge, checkbox, confirm, empty, field, frame, named, post, section,
    section_with, table, time_ago,
};
use crate::clock::Timestamp;

/// Somebody who has an account on the device.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// The account's name.
    pub account: String,
    /// The person's name; empty where the device does not say it.
    pub name: String,
    /// Whether they use it now.
    pub is_here: bool,
    /// Whether work of theirs is only on the device.
    pub is_unsynced: bool,
    /// Used and granted megabytes.
    pub storage_mb: Option<(u64, Option<u64>)>,
}

/// What the tab shows.
#[derive(Debug, Clone, Default)]
pub struct PeopleTab {
    /// Who has an account.
    pub accounts: Vec<AccountRow>,
    /// When the device said so.
    pub at: Option<Timestamp>,
    /// Whether it is a Shared iPad, and can log people out and divide itself.
    pub sharing: Option<SharingForm>,
    /// Whether the viewer may log people out and change how it divides itself.
    pub may_command: bool,
    /// Whether the viewer may change how it is shared.
    pub may_share: bool,
    /// Whether the viewer may delete accounts.
    pub may_delete: bool,
}

/// How a Shared iPad divides itself, as the form says it.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct SharingForm {
    /// For how many people.
    pub residents: String,
    /// How many megabytes each has.
    pub quota_mb: String,
    /// Minutes without a touch until a person is logged out.
    pub session_minutes: String,
    /// The same for guests.
    pub guest_minutes: String,
    /// Days without asking Apple.
    pub offline_days: String,
    /// Minutes after locking without a passcode.
    pub grace_minutes: String,
    /// Domains, one on each line.
    pub domains: String,
    /// Whether there are only guests.
    pub guests_only: Option<String>,
    /// Field and message of what was wrong.
    #[serde(skip)]
    pub errors: Vec<(String, String)>,
}

/// The tab.
pub(super) fn people(id: &str, tab: &PeopleTab, now: Timestamp) -> Markup {
    let address = |rest: &str| format!("/devices/{id}/people/{rest}");
    let is_somebody_here = tab.accounts.iter().any(|account| account.is_here);
    let beside = html! {
        @if tab.sharing.is_some() && tab.may_command && is_somebody_here { (post(&address("log-out"), html! { (Button::submit(t!("Log out"))) })) }
        @if tab.sharing.is_some() && tab.may_delete && !tab.accounts.is_empty() { (Button::link(address("delete"), t!("Delete everybody…")).destructive().asks()) }
    };
    html! {
        div.stack.loose {
            (section_with(t!("Accounts on it"), beside, accounts(id, tab, now)))
            @if let Some(form) = &tab.sharing { (section(t!("How it is shared"), sharing(&address("sharing"), form, tab.may_share))) }
        }
    }
}

fn accounts(id: &str, tab: &PeopleTab, now: Timestamp) -> Markup {
    let Some(at) = tab.at else {
        return empty(
            t!("Not reported yet"),
            t!("The device is asked who has an account on it. It answers when it is next awake."),
            Markup::default(),
        );
    };
    let row = |account: &AccountRow| Row {
        id: String::new(),
        href: None,
        name: account.account.clone(),
        cells: vec![
            html! { @if account.name.is_empty() { (named(&account.account)) } @else { (named(&account.name)) " " span.quiet { (named(&account.account)) } } },
            html! {
                @if account.is_here { (badge(State::Ok, t!("logged in"))) " " }
                @if account.is_unsynced { (badge(State::Waiting, t!("not all in iCloud yet"))) }
            },
            html! { @if let Some((used, granted)) = account.storage_mb { (megabytes(used)) @if let Some(granted) = granted { (t!(" of ")) (megabytes(granted)) } } },
            html! {
                @if tab.may_delete && !account.is_here {
                    (Button::link(format!("/devices/{id}/people/delete?account={}", super::super::parts::encode(&account.account)), t!("Delete…")).small().destructive().asks())
                }
            },
        ],
    };
    html! {
        div.stack {
            p.meta { (t!("As the device said ")) (time_ago(at, now)) "." }
            (table(&Table {
                caption: t!("Accounts on it"),
                columns: vec![Column::main(t!("Who")), Column::text(t!("State")), Column::number(t!("Storage")), Column::text("")],
                rows: tab.accounts.iter().map(row).collect(),
                pager: None,
                empty: empty(t!("Nobody"), t!("Nobody has an account on it."), Markup::default()),
                selection: None,
                compact: true,
            }))
        }
    }
}

fn megabytes(number: u64) -> String {
    if number >= 1_000 { t!("{kilobytes} GB", kilobytes = format!("{:.1}", number as f64 / 1_000.0)) } else { t!("{number} MB", number) }
}

fn sharing(action: &str, form: &SharingForm, may_change: bool) -> Markup {
    let error = |name: &str| form.errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str());
    let number = |name, label, value, help| field(name, label).kind("number").optional().value(value).help(help).error(error(name));
    html! {
        form.form method="post" action=(action) {
            @if let Some((_, message)) = form.errors.iter().find(|(field, _)| field.is_empty()) { p.error role="alert" { (message) } }
            p.quiet { (t!("A field that stays empty stays as it is on the device. Storage is divided anew only while nobody has an account on it.")) }
            (number("residents", t!("People that the storage is for"), &form.residents, t!("Either this, or how much each has.")))
            (number("quota_mb", t!("Megabytes for each"), &form.quota_mb, t!("From iPadOS 13.4 on.")))
            (number("session_minutes", t!("Minutes until somebody who does nothing is logged out"), &form.session_minutes, t!("0 for never. From iPadOS 14.5 on.")))
            (number("guest_minutes", t!("The same for guests"), &form.guest_minutes, t!("0 for never. From iPadOS 14.5 on.")))
            (checkbox("guests_only", t!("Guests only: nobody logs in with an account"), form.guests_only.is_some(), t!("What a guest made is deleted when they log out. From iPadOS 14.5 on.")))
            (number("offline_days", t!("Days that people may log in without Apple being asked"), &form.offline_days, t!("0: it is asked each time. From iPadOS 16 on.")))
            (number("grace_minutes", t!("Minutes after locking in which no passcode is asked"), &form.grace_minutes, t!("0, 1, 5, 15, 60 or 240. A longer time than before holds once nobody is logged in.")))
            (field("domains", t!("Domains that the log-in screen offers")).lines(3).optional().mono().value(&form.domains).error(error("domains")).example("appleaccount.example.school").help(t!("One on each line, at most three. From iPadOS 16 on.")))
            @if may_change { div.form-foot { (Button::submit(t!("Send it to the device")).main()) } }
        }
    }
}

/// What is asked before an account is deleted, or all of them.
#[derive(Debug, Clone)]
pub struct DeleteView {
    /// The device: its page and its name.
    pub device: (String, String),
    /// Where the form goes.
    pub action: String,
    /// Whose account; empty for everybody's.
    pub account: String,
    /// How many accounts there are.
    pub total: u64,
    /// Whether it can be said that unsynced work may be lost: a Shared iPad's can.
    pub may_force: bool,
    /// What was wrong.
    pub error: Option<String>,
}

/// The page that asks before an account is deleted, or all of them.
pub fn delete(shell: &Shell, view: &DeleteView) -> Markup {
    let title = if view.account.is_empty() {
        t!("Delete everybody’s account from {device}", device = view.device.1)
    } else {
        t!("Delete {account} from {device}", account = view.account, device = view.device.1)
    };
    let hidden = [(String::from("account"), view.account.clone())];
    let ask = Confirm {
        action: &view.action,
        title: &title,
        consequence: html! {
            @if view.account.is_empty() { (t!("All ")) (view.total) (t!(" accounts")) } @else { (t!("The account")) }
            (t!(" and what was made with it on this device are deleted there. What is in iCloud stays, and whoever logs in again gets it back."))
        },
        hidden: &hidden,
        fields: html! {
            @if let Some(error) = &view.error { p.error role="alert" { (error) } }
            @if view.may_force { (checkbox("force", t!("Also work that is only on this device may be lost"), false, t!("Otherwise the device refuses where something has not reached iCloud yet."))) }
        },
        verb: &title,
        destructive: true,
        cancel: &view.device.0,
        ..Confirm::default()
    };
    let back = (view.device.0.as_str(), view.device.1.as_str());
    frame(shell, &Frame { back: Some(back), ..Frame::new(Section::Devices, &title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn account(account: &str, is_here: bool) -> AccountRow {
        AccountRow { account: account.into(), name: String::new(), is_here, is_unsynced: true, storage_mb: Some((120, Some(4_096))) }
    }

    #[test]
    fn who_is_logged_in_is_logged_out_before_the_account_can_go() {
        let tab = PeopleTab {
            accounts: vec![account("ada&co@example.school", true), account("ben@example.school", false)],
            at: Some(NOW),
            sharing: Some(SharingForm::default()),
            may_command: true,
            may_share: true,
            may_delete: true,
        };
        let html = people("0192", &tab, NOW).into_string();
        assert!(html.contains("ada&amp;co@example.school") && html.contains("120 MB of 4.1 GB"), "{html}");
        assert!(
            html.contains("action=\"/devices/0192/people/log-out\"") && html.contains("people/delete?account=ben%40example.school"),
            "{html}"
        );
        assert!(!html.contains("account=ada"), "not while they are at it: {html}");
        let looking = people("0192", &PeopleTab { may_command: false, may_share: false, may_delete: false, ..tab }, NOW).into_string();
        assert!(!looking.contains("Log out") && !looking.contains("Delete") && !looking.contains("Send it to the device"), "{looking}");
    }

    #[test]
    fn before_the_device_said_anything_it_is_said_so() {
        assert!(people("0192", &PeopleTab::default(), NOW).into_string().contains("Not reported yet"));
    }
}
