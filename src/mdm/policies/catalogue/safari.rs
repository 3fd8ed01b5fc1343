//! The browser and what it fills in.

use super::{Group, Switch, ValueKind};

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        id: "no_private_browsing",
        group: Group::Safari,
        label: msg!("No private browsing"),
        notice: msg!("Safari offers no private window, so what was visited stays in the history."),
        limits: msg!("Other browsers are not covered. Before version 26 there is no such setting except by a web filter."),
        kind: ValueKind::OnOff,
        ways: &["i26.. m26.. v26.. declare safari.settings AllowPrivateBrowsing=false"],
    },
    Switch {
        id: "no_history_clearing",
        group: Group::Safari,
        label: msg!("No clearing of the history"),
        notice: msg!("Safari's history cannot be cleared."),
        limits: msg!("Other browsers are not covered. Private windows leave no history: close them too."),
        kind: ValueKind::OnOff,
        ways: &["i26.. m26.. v26.. declare safari.settings AllowHistoryClearing=false"],
    },
    Switch {
        id: "no_safari",
        group: Group::Safari,
        label: msg!("No Safari"),
        notice: msg!("Safari is gone from the Home Screen, and links open nowhere."),
        limits: msg!("Other browsers stay, and apps can show web pages within themselves."),
        kind: ValueKind::OnOff,
        ways: &["i4.. restrict allowSafari=false"],
    },
    Switch {
        id: "fraud_warning",
        group: Group::Safari,
        label: msg!("Warn of fraudulent web pages"),
        notice: msg!("Safari warns of pages that are known for fraud; the warning cannot be switched off."),
        limits: msg!("New fraud is not known at once. Other browsers are not covered."),
        kind: ValueKind::OnOff,
        ways: &["i4.. restrict safariForceFraudWarning=true"],
    },
    Switch {
        id: "no_autofill",
        group: Group::Safari,
        label: msg!("No filling in of forms"),
        notice: msg!("Safari fills in neither names, addresses nor cards."),
        limits: msg!("Passwords are a switch of their own."),
        kind: ValueKind::OnOff,
        ways: &["i4.. m10.13.. v2.. restrict safariAllowAutoFill=false"],
    },
    Switch {
        id: "no_password_autofill",
        group: Group::Safari,
        label: msg!("No filling in of passwords"),
        notice: msg!("Saved passwords are offered neither in Safari nor in apps."),
        limits: msg!("People can still look passwords up and type them."),
        kind: ValueKind::OnOff,
        ways: &["i12.. m10.14.. v2.. restrict allowPasswordAutoFill=false"],
    },
    Switch {
        id: "no_password_sharing",
        group: Group::Safari,
        label: msg!("No sharing of passwords"),
        notice: msg!("Passwords cannot be sent to other people with AirDrop."),
        limits: msg!("A password that can be seen can be passed on."),
        kind: ValueKind::OnOff,
        ways: &["i12.. m10.14.. v2.. restrict allowPasswordSharing=false"],
    },
    Switch {
        id: "password_domains",
        group: Group::Safari,
        label: msg!("Passwords may be saved for"),
        notice: msg!("Safari offers to save a password only at these addresses."),
        limits: msg!(
            "What was saved before stays. If several policies have a list, only what is on all of them is left. A Shared iPad saves no \
                 password without a list."
        ),
        kind: ValueKind::WebDomains,
        ways: &["i9.3.. v2.. domains SafariPasswordAutoFillDomains=$"],
    },
];
