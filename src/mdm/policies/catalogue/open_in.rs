//! Managed Open In: what is the organisation's stays with the organisation.

use super::{Group, Switch, ValueKind};

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        id: "open_in_managed_stays",
        group: Group::OpenIn,
        label: msg!("Managed documents open only in managed apps"),
        notice: msg!("When sharing a document from a managed app or account, only managed apps and accounts are offered to open it."),
        limits: msg!(
            "Safari's and AirDrop's share sheets still list every app: add your web domains and the AirDrop switch below. It does not stop \
                 printing, screenshots, or what a managed app itself sends over the network."
        ),
        kind: ValueKind::OnOff,
        // The contacts keys are said outright, so that no other policy can loosen them.
        ways: &["i7.. v2.. restrict allowOpenFromManagedToUnmanaged=false ?allowManagedToWriteUnmanagedContacts=false \
                 ?allowUnmanagedToReadManagedContacts=false"],
    },
    Switch {
        id: "open_in_unmanaged_stays",
        group: Group::OpenIn,
        label: msg!("Private documents open only in private apps"),
        notice: msg!("When sharing a private document, managed apps and accounts are not offered to open it."),
        limits: msg!(
            "The sheets of Safari and AirDrop still list every app. With both directions closed, people open managed attachments only in \
                 managed apps, so assign an app that can show them."
        ),
        kind: ValueKind::OnOff,
        ways: &["i7.. v2.. restrict allowOpenFromUnmanagedToManaged=false"],
    },
    Switch {
        id: "open_in_airdrop",
        group: Group::OpenIn,
        label: msg!("AirDrop counts as private"),
        notice: msg!("Managed documents cannot be sent with AirDrop."),
        limits: msg!(
            "It matters only together with “Managed documents open only in managed apps”. AirDrop of private documents goes on working."
        ),
        kind: ValueKind::OnOff,
        ways: &["i9.. v2.. restrict forceAirDropUnmanaged=true"],
    },
    Switch {
        id: "open_in_pasteboard",
        group: Group::OpenIn,
        label: msg!("Copy and paste follows the same rules"),
        notice: msg!(
            "What was copied in a managed app cannot be pasted into a private one, and the other way round, as far as the two directions \
                 above are closed."
        ),
        limits: msg!("Alone it does nothing: it follows the two directions. Before iOS 15, copy and paste stays open."),
        kind: ValueKind::OnOff,
        ways: &["i15.. v2.. restrict requireManagedPasteboard=true"],
    },
    Switch {
        id: "open_in_write_contacts",
        group: Group::OpenIn,
        label: msg!("Managed apps may save private contacts"),
        notice: msg!("A managed app can still put people into the private address book, for example to show who calls."),
        limits: msg!(
            "It loosens “Managed documents open only in managed apps” and does nothing without it. If another policy keeps contacts apart, \
                 they stay apart."
        ),
        kind: ValueKind::OnOff,
        ways: &["i12.. v2.. restrict allowManagedToWriteUnmanagedContacts=true"],
    },
    Switch {
        id: "open_in_read_contacts",
        group: Group::OpenIn,
        label: msg!("Private apps may read managed contacts"),
        notice: msg!("Private apps that may see contacts also see those of managed accounts."),
        limits: msg!(
            "It loosens “Managed documents open only in managed apps” and does nothing without it. If another policy keeps contacts apart, \
                 they stay apart."
        ),
        kind: ValueKind::OnOff,
        ways: &["i12.. v2.. restrict allowUnmanagedToReadManagedContacts=true"],
    },
    Switch {
        id: "open_in_no_cloud",
        group: Group::OpenIn,
        label: msg!("Managed apps do not use iCloud"),
        notice: msg!("Managed apps keep their documents on the device or on your own servers; their iCloud folders are empty."),
        limits: msg!("It does not stop a managed app from using a cloud other than iCloud. Backups are a switch of their own."),
        kind: ValueKind::OnOff,
        ways: &["i8.. v2.. restrict allowManagedAppsCloudSync=false"],
    },
    Switch {
        id: "managed_web_domains",
        group: Group::OpenIn,
        label: msg!("Managed web domains"),
        notice: msg!("What Safari downloads from these addresses counts as managed: it opens in managed apps only."),
        limits: msg!("Other browsers do not know the list. example.org does not include its sub-domains: list *.example.org beside it."),
        kind: ValueKind::WebDomains,
        ways: &["i8.. v2.. domains WebDomains=$"],
    },
    Switch {
        id: "managed_email_domains",
        group: Group::OpenIn,
        label: msg!("Your mail domains"),
        notice: msg!("While writing a mail, addresses outside these domains are marked in red."),
        limits: msg!("It is a hint in Apple's Mail and stops nothing; other mail apps do not know the list."),
        kind: ValueKind::MailDomains,
        ways: &["i8.. m10.10.. domains EmailDomains=$"],
    },
];
