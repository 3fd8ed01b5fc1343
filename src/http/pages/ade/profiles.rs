//! How new devices greet people: guided choices, and what can be changed about them.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Frame, Row, Section, Shell, State, Table, badge, checkbox, confirm, empty, field, frame, named, post, section,
    select, table, thousands,
};
use super::devices::ADDRESS as DEVICES;
use super::{at, elsewhere};
use crate::language::say;
use crate::protocol::ade::{ANY_OS, FirstUser, LATEST_OS, ProfileKeys};

/// Where all of them are.
pub const ADDRESS: &str = "/new-devices/profiles";

const TITLE: &str = msg!("How new devices greet people");

/// What the page of all shows.
#[derive(Debug, Clone, Default)]
pub struct AllView {
    /// Profiles, by name.
    pub profiles: Vec<ProfileRow>,
    /// The guided choices: word, name and a sentence.
    pub choices: Vec<(&'static str, &'static str, &'static str)>,
    /// Groups with the profile of each.
    pub groups: Vec<GroupRow>,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// A group and its profile.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The id of the profile that is chosen; empty for none.
    pub chosen: String,
    /// Profiles that suit its devices: id and name.
    pub profiles: Vec<(String, String)>,
}

/// A profile in the list.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The choice that it began with, in words.
    pub kind: String,
    /// Devices that are to have it.
    pub devices: u64,
    /// Why Apple refused it; empty where it did not.
    pub problem: String,
}

/// The page of all.
pub fn all(shell: &Shell, view: &AllView) -> Markup {
    let under = html! { (t!("What a device asks whoever unpacks it, and whether the management can be ended. It counts from the next set-up on.")) };
    let content = html! {
        (rows(view))
        @if view.may_change {
            (section(t!("Begin with what it is for"), html! {
                ul.plain.stack {
                    @for (kind, name, words) in &view.choices {
                        li { a href=(format!("{ADDRESS}/new?kind={kind}")) { strong { (name) } } p.quiet { (words) } }
                    }
                }
            }))
            @if !view.profiles.is_empty() && !view.groups.is_empty() { (section(t!("For groups"), groups(view))) }
        }
    };
    frame(shell, &Frame { back: Some((DEVICES, t!("New devices"))), under, ..Frame::new(Section::Devices, say(TITLE)) }, content)
}

fn rows(view: &AllView) -> Markup {
    let row = |profile: &ProfileRow| Row {
        id: profile.id.clone(),
        href: Some(format!("{ADDRESS}/{}", profile.id)),
        name: profile.name.clone(),
        cells: vec![
            html! { (named(&profile.name)) },
            html! { (profile.kind) },
            html! { (thousands(profile.devices)) },
            html! { @if profile.problem.is_empty() { (badge(State::Ok, t!("ready"))) } @else { (badge(State::Problem, &profile.problem)) } },
        ],
    };
    table(&Table {
        caption: say(TITLE),
        columns: vec![
            Column::main(t!("Name")),
            Column::text(t!("Began as")).labelled(),
            Column::text(t!("Devices")).labelled(),
            Column::text(t!("At Apple")).wraps(),
        ],
        rows: view.profiles.iter().map(row).collect(),
        pager: None,
        empty: empty(t!("No profile yet"), t!("Choose below what your devices are for."), Markup::default()),
        selection: None,
        compact: false,
    })
}

fn groups(view: &AllView) -> Markup {
    let choices = |group: &GroupRow| super::choices(&[("", t!("Its family's"))], &group.profiles);
    html! {
        p { (t!("The profile of a group counts before that of the family, for devices that will be in it and those that are.")) }
        (post(&format!("{ADDRESS}/groups"), html! {
            div.form {
                @for group in &view.groups {
                    (super::super::parts::select(&format!("group-{}", group.id), &group.name, &choices(group), &group.chosen, "", None))
                }
                div.form-foot { (Button::submit(t!("Save")).main()) }
            }
        }))
    }
}

/// What the form of one shows.
#[derive(Debug, Clone)]
pub struct FormView {
    /// Its id; none for a new one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// The choice that it began with: word, name and a sentence.
    pub kind: (String, String, String),
    /// What it says.
    pub keys: ProfileKeys,
    /// Panes that the family has: key, words, systems.
    pub panes: Vec<(&'static str, &'static str, String)>,
    /// Whether the family can be shared, and whether it can set itself up.
    pub can: (bool, bool),
    /// Whether it has accounts that can be made for it.
    pub is_mac: bool,
    /// Beta programmes of its system: id and title.
    pub programs: Vec<(String, String)>,
    /// What is wrong: field and words.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The choice of a version of one's own.
pub const VERSION: &str = "version";

const FIELDS: [&str; 14] = [
    "beta_program",
    "mac_accounts.admin_name",
    "mac_accounts.admin_full_name",
    "mac_accounts.named_after_person",
    "mac_accounts.name_locked",
    "await_device_configured",
    "minimum_os",
    "is_return_to_service",
    "name",
    "department",
    "support_phone_number",
    "support_email_address",
    "language",
    "region",
];

/// The form of one profile.
pub fn form(shell: &Shell, view: &FormView) -> Markup {
    let action = view.id.as_ref().map_or_else(|| format!("{ADDRESS}/new?kind={}", view.kind.0), |id| format!("{ADDRESS}/{id}"));
    let title = if view.id.is_some() { view.name.as_str() } else { view.kind.1.as_str() };
    let part = |title: &str, fields: Markup| section(title, html! { div.form { (fields) } });
    let form = html! {
        div.stack.loose {
            (elsewhere(&view.errors, &FIELDS))
            div.form { (field("name", t!("Name")).value(&view.name).error(at(&view.errors, "name"))) }
            (part(t!("Management"), switches(view)))
            (part(t!("The least that it has to run"), least(view)))
            @if view.is_mac { (part(t!("Accounts on the Mac"), accounts(view))) }
            (part(t!("Shown while it is set up"), texts(view)))
            (part(t!("Left out of the set-up"), panes(view)))
            @if view.may_change {
                div.form-foot { (Button::submit(if view.id.is_some() { t!("Save") } else { t!("Make the profile") }).main()) }
            }
        }
    };
    let content = html! {
        @if view.id.is_some() {
            p { (t!("Devices that have it are assigned the changed one; each takes it when it is set up the next time.")) }
        }
        @if view.may_change { (post(&action, form)) } @else { fieldset disabled { (form) } }
        @if let (Some(id), true) = (&view.id, view.may_change) {
            div.row { (Button::link(format!("{ADDRESS}/{id}/delete"), t!("Delete…")).destructive().asks()) }
        }
    };
    let under = html! { (view.kind.2) };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), under, ..Frame::new(Section::Devices, title) }, content)
}

fn switches(view: &FormView) -> Markup {
    let keys = &view.keys;
    html! {
        (checkbox("is_mdm_removable", t!("Whoever holds it may end the management"), keys.is_mdm_removable, t!("Leave it off for what belongs to you.")))
        (checkbox("await_device_configured", t!("Wait in the set-up until its settings have arrived"), keys.await_device_configured,
            t!("Nobody gets past it before the device is as it should be.")))
        @if let Some(words) = at(&view.errors, "await_device_configured") { p.error role="alert" { (words) } }
        (checkbox("is_supervised", t!("Supervised"), keys.is_supervised, t!("Newer systems always are.")))
        (checkbox("is_mandatory", t!("Enrolling cannot be skipped"), keys.is_mandatory, t!("Newer systems never can.")))
        (checkbox("allow_pairing", t!("May be connected to computers"), keys.allow_pairing, t!("Counts on old systems only.")))
        (checkbox("is_return_to_service", t!("People can hand it back at the device"), keys.is_return_to_service,
            t!("It erases itself and comes in again, as System, Setup Assistant says. iPhones, iPads and Vision Pros with system 26.")))
        @if let Some(words) = at(&view.errors, "is_return_to_service") { p.error role="alert" { (words) } }
        @if view.can.0 { (checkbox("is_multi_user", t!("Shared by several people, each with an account"), keys.is_multi_user, "")) }
        @if view.can.1 {
            (checkbox("auto_advance_setup", t!("Sets itself up without anybody, on a network cable"), keys.auto_advance_setup, ""))
            (field("language", t!("Language")).value(&keys.language).optional().example("en").error(at(&view.errors, "language")))
            (field("region", t!("Region")).value(&keys.region).optional().example("GB").error(at(&view.errors, "region")))
        }
    }
}

/// What a device has to run before it is let in: the setting's, or this profile's own.
fn least(view: &FormView) -> Markup {
    let said = view.keys.minimum_os.as_str();
    let choices = [
        ("", t!("As System, Setup Assistant says")),
        (ANY_OS, t!("Anything")),
        (LATEST_OS, t!("The newest that Apple signs for it")),
        (VERSION, t!("At least this version")),
    ];
    let chosen = if matches!(said, "" | ANY_OS | LATEST_OS) { said } else { VERSION };
    let version = if chosen == VERSION { said } else { "" };
    html! {
        (select("minimum_os", t!("Before it is let in"), &choices.map(|(word, words)| (word.to_owned(), words.to_owned())), chosen,
            t!("Devices with iOS 17, macOS 14 and later update themselves first; older ones come in as they are."), None))
        (field("minimum_version", t!("Version")).value(version).optional().example("26.1").error(at(&view.errors, "minimum_os")))
        @if !view.programs.is_empty() {
            (select("beta_program", t!("Beta programme that brings it"), &super::choices(&[("", t!("None: what everybody can have"))], &view.programs),
                &view.keys.beta_program, t!("Only where that version is a beta. The device joins the programme before it updates (iOS 17.5, macOS 14.5)."),
                at(&view.errors, "beta_program")))
        }
    }
}

/// Who may do what on a Mac.
fn accounts(view: &FormView) -> Markup {
    let accounts = &view.keys.mac_accounts;
    let choices = FIRST_USERS.map(|(_, word, words)| (word.to_owned(), say(words).to_owned()));
    let error = |name: &str| at(&view.errors, &format!("mac_accounts.{name}")).map(str::to_owned);
    html! {
        (select("first_user", t!("Whoever sets it up"), &choices, first_user(accounts.first_user), "", None))
        (checkbox("named_after_person", t!("Named after the person it is for"), accounts.named_after_person,
            t!("Where a person was chosen for the Mac before. The account's name is what stands before the @ of their e-mail address.")))
        @if let Some(words) = error("named_after_person") { p.error role="alert" { (words) } }
        (checkbox("name_locked", t!("The name cannot be changed"), accounts.name_locked, ""))
        @if let Some(words) = error("name_locked") { p.error role="alert" { (words) } }
        (field("admin_name", t!("Account name of an administrator of yours")).value(&accounts.admin_name).optional().example("it")
            .help(t!("Each Mac gets a password of its own for it, kept at the device under Security.")).error(error("admin_name").as_deref()))
        (field("admin_full_name", t!("That administrator's full name")).value(&accounts.admin_full_name).optional().example("IT")
            .error(error("admin_full_name").as_deref()))
        (checkbox("admin_hidden", t!("Left out of the list of accounts at log-in"), accounts.admin_hidden, ""))
    }
}

/// What the person may do who sets a Mac up: the choice, its word and words.
pub const FIRST_USERS: [(FirstUser, &str, &str); 3] = [
    (FirstUser::Administrator, "administrator", msg!("becomes its administrator")),
    (FirstUser::Regular, "regular", msg!("gets an account that cannot administer it")),
    (FirstUser::None, "none", msg!("gets no account: your administrator's is the only one")),
];

fn first_user(chosen: FirstUser) -> &'static str {
    FIRST_USERS.iter().find(|(choice, ..)| *choice == chosen).map_or("", |(_, word, _)| word)
}

fn texts(view: &FormView) -> Markup {
    let keys = &view.keys;
    html! {
        (field("department", t!("Department")).value(&keys.department).optional().error(at(&view.errors, "department")))
        (field("support_phone_number", t!("Phone for help")).value(&keys.support_phone_number).optional().error(at(&view.errors, "support_phone_number")))
        (field("support_email_address", t!("E-mail for help")).value(&keys.support_email_address).optional()
            .error(at(&view.errors, "support_email_address")))
    }
}

fn panes(view: &FormView) -> Markup {
    html! {
        @for (key, words, systems) in &view.panes {
            (checkbox(&format!("skip-{key}"), words, view.keys.skip_setup_items.iter().any(|skipped| skipped == key), systems))
        }
    }
}

/// The question before a profile is deleted.
pub fn ask_delete(shell: &Shell, id: &str, name: &str, devices: u64) -> Markup {
    let (action, cancel) = (format!("{ADDRESS}/{id}/delete"), format!("{ADDRESS}/{id}"));
    let ask = Confirm {
        action: &action,
        title: &t!("Delete “{name}”", name),
        consequence: html! {
            (super::super::parts::count(devices, t!("device was"), t!("devices were"))) (t!(" to have it: their group's or their family's profile counts instead. Where there is none, \
             they keep what Apple has assigned."))
        },
        verb: t!("Delete the profile"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), ..Frame::new(Section::Devices, t!("Delete a profile")) }, confirm(&ask))
}
