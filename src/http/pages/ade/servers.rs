//! Server tokens: the key that goes to Apple's portal, the token that comes back, how the reading of Apple's list goes.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Live, Row, Section, Shell, State, Step, StepState, Table, badge, confirm, day, empty, facts,
    field, frame, live, post, practice, section, select, steps, table, thousands, time_ago, upload,
};
use super::betas::{BetasView, betas};
use super::choices;
use crate::clock::Timestamp;

/// Where all of them are.
pub const ADDRESS: &str = "/system/device-list";

const BACK: (&str, &str) = ("/system", "System");
const TITLE: &str = "Apple's device list";

/// What the page of all shows.
#[derive(Debug, Clone, Default)]
pub struct AllView {
    /// Server tokens, oldest first.
    pub servers: Vec<ServerRow>,
    /// What was typed as a name, and what is wrong with it.
    pub name: (String, Option<String>),
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// A server token in the list.
#[derive(Debug, Clone)]
pub struct ServerRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// The token's end.
    pub expires_at: Option<Timestamp>,
    /// Devices that are ours.
    pub devices: u64,
    /// Of these, not enrolled.
    pub not_enrolled: u64,
    /// When Apple's list was last read.
    pub synced_at: Option<Timestamp>,
    /// Whether it is the practice classroom's.
    pub practice: bool,
}

/// The page of all server tokens.
pub fn all(shell: &Shell, view: &AllView) -> Markup {
    let under = html! { "Apple tells which devices your organisation bought, and sends them here when they are unpacked. Each server in its portal has a token." };
    let content = html! {
        (live(Live { id: "servers", topics: "ade job", of: None, src: None }, section("Server tokens", rows(view, shell.now))))
        @if view.may_change {
            (section("Add a server", post(ADDRESS, html! {
                (field("name", "Name").value(&view.name.0).help("The one that it has, or will have, in Apple's portal.").error(view.name.1.as_deref()))
                div.form-foot { (Button::submit("Make its key").main()) }
            })))
        }
    };
    frame(shell, &Frame { back: Some(BACK), under, ..Frame::new(Section::System, TITLE) }, content)
}

fn rows(view: &AllView, now: Timestamp) -> Markup {
    let row = |server: &ServerRow| Row {
        id: server.id.clone(),
        href: Some(format!("{ADDRESS}/{}", server.id)),
        name: server.name.clone(),
        cells: vec![
            html! { (server.name) @if server.practice { " " (practice()) } },
            badge(server.state, &server.words),
            html! { (thousands(server.devices)) @if server.not_enrolled > 0 { ", " (thousands(server.not_enrolled)) " not enrolled" } },
            html! { @match server.expires_at { Some(at) => (day(at)), None => span.quiet { "no token yet" } } },
            html! { @match server.synced_at { Some(at) => (time_ago(at, now)), None => span.quiet { "not yet" } } },
        ],
    };
    table(&Table {
        caption: "Server tokens",
        columns: vec![
            Column::main("Server"),
            Column::text("How it is").wraps(),
            Column::text("Devices").labelled(),
            Column::text("Token ends").labelled(),
            Column::text("Read").labelled().minor(),
        ],
        rows: view.servers.iter().map(row).collect(),
        pager: None,
        empty: empty(
            "No server token yet",
            "It takes three steps: a key is made here, Apple's portal gets its public part, and the token that the portal gives is dropped here.",
            Markup::default(),
        ),
        selection: None,
        compact: false,
    })
}

/// What the page of one shows.
#[derive(Debug, Clone)]
pub struct ServerView {
    /// The server.
    pub row: ServerRow,
    /// Whether its token is here.
    pub has_token: bool,
    /// The organisation, and who made the server in the portal.
    pub organisation: String,
    /// Who made it there.
    pub admin: String,
    /// The portal's address.
    pub portal: String,
    /// Devices without a profile at Apple, and those whose profile could not be assigned.
    pub no_profile: u64,
    /// Devices whose profile could not be assigned, or waits.
    pub troubled: u64,
    /// The profile of each family.
    pub defaults: Vec<FamilyDefault>,
    /// Whether there is a profile at all.
    pub has_profiles: bool,
    /// Where Apple was told that devices ask by an account, and why it does not take it.
    pub discovery: (String, String),
    /// The beta programmes of its organisation.
    pub betas: BetasView,
    /// What is wrong with the file that was brought.
    pub token_error: Option<String>,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// The profile of a family.
#[derive(Debug, Clone)]
pub struct FamilyDefault {
    /// The family, in Apple's word; empty for every other.
    pub family: String,
    /// What people call its devices.
    pub words: String,
    /// The profile that is chosen; empty for none.
    pub chosen: String,
    /// Profiles that suit it: id and name.
    pub profiles: Vec<(String, String)>,
}

/// The page of one server token.
pub fn one(shell: &Shell, view: &ServerView) -> Markup {
    let row = &view.row;
    let lead = format!("{ADDRESS}/{}", row.id);
    let content = html! {
        (live(Live { id: "server", topics: "ade job", of: None, src: None }, about(view, shell.now)))
        @if view.has_token {
            (live(Live { id: "betas", topics: "ade job", of: None, src: None }, section("Beta programmes", betas(&view.betas, &lead, view.may_change, shell.now))))
        }
        @if view.may_change {
            @if view.has_token {
                div.row {
                    (post(&format!("{lead}/sync"), html! { (Button::submit("Read Apple's list now").main()) }))
                    (post(&format!("{lead}/sync"), html! { (Button::submit("Read all of it").sends("whole", "1")) }))
                    (Button::link(format!("{lead}/remove"), "Remove…").destructive().asks())
                }
                (section("How new devices greet people", defaults(view, &lead)))
                (section("Renew the token", html! {
                    p { "A token is good for a year. In Apple's portal, choose this server, download its token and drop it here; devices and profiles stay." }
                    (bring(view, &lead))
                }))
            } @else {
                (section("Three steps", first_steps(view, &lead)))
                div.row { (Button::link(format!("{lead}/remove"), "Remove…").destructive().asks()) }
            }
        }
    };
    frame(shell, &Frame { back: Some((ADDRESS, TITLE)), state: Some(row.state), ..Frame::new(Section::System, &row.name) }, content)
}

fn about(view: &ServerView, now: Timestamp) -> Markup {
    let row = &view.row;
    let list = |show: &str, count: u64| {
        let href = format!("/new-devices?server={}&show={show}", row.id);
        html! { @if count == 0 { "0" } @else { a href=(href) { (thousands(count)) } } }
    };
    facts(&[
        Fact::new("How it is", html! { (badge(row.state, &row.words)) @if row.practice { " " (practice()) } }),
        Fact::text("Organisation", &view.organisation),
        Fact::text("Made in the portal by", &view.admin),
        Fact::new("The token ends", html! { @match row.expires_at { Some(at) => (day(at)), None => "there is none yet" } }),
        Fact::new("Devices", list("all", row.devices)),
        Fact::new("Not enrolled", list("not_enrolled", row.not_enrolled)),
        Fact::new("Without a profile at Apple", list("no_profile", view.no_profile)),
        Fact::new("Profile not assigned yet", list("failed", view.troubled)),
        Fact::new("By an account", discovery(view)),
        Fact::new("Apple's list was read", html! { @match row.synced_at { Some(at) => (time_ago(at, now)), None => "not yet" } }),
    ])
}

/// Whether Apple leads devices here that ask by an account.
fn discovery(view: &ServerView) -> Markup {
    let (url, problem) = &view.discovery;
    html! {
        @if !problem.is_empty() { (badge(State::Problem, problem)) }
        @else if url.is_empty() { "Apple leads nobody here" }
        @else { "Apple leads devices here whose domain does not" }
    }
}

fn bring(view: &ServerView, lead: &str) -> Markup {
    upload(
        &format!("{lead}/token"),
        html! {
            (field("file", "Server token").kind("file").accept(".p7m").help("The file ends in .p7m.").error(view.token_error.as_deref()))
            div.form-foot { (Button::submit("Read the token").main()) }
        },
    )
}

fn first_steps(view: &ServerView, lead: &str) -> Markup {
    let step = |title: &str, words: Markup, more: Markup| Step { state: StepState::Later, title: title.to_owned(), words, more };
    steps(&[
        step(
            "Save the public key",
            html! { "Its secret half was made here and never leaves this appliance." },
            html! { (Button::link(format!("{lead}/public-key.pem"), "Save the public key").download()) },
        ),
        step(
            "Give it to Apple",
            html! {
                "At " (view.portal) ", open Preferences, then Device Management Services, and add a service named “" (view.row.name) "”. \
                 Upload the public key there, save, and download the token. Then assign your devices to that service."
            },
            Markup::default(),
        ),
        Step {
            state: StepState::Current,
            ..step("Drop the token here", html! { "The devices are here a moment later." }, bring(view, lead))
        },
    ])
}

fn defaults(view: &ServerView, lead: &str) -> Markup {
    if !view.has_profiles {
        return html! {
            p { "There is no profile yet. Until a device has one, it does not come here when it is unpacked." }
            (Button::link("/new-devices/profiles", "Choose how they greet people").main())
        };
    }
    post(
        &format!("{lead}/defaults"),
        html! {
            @for of in &view.defaults {
                (select(&format!("family-{}", of.family), &of.words, &choices(&[("", "None")], &of.profiles), &of.chosen, "", None))
            }
            div.form-foot { (Button::submit("Save").main()) }
        },
    )
}

/// The question before a server token is removed.
pub fn ask_remove(shell: &Shell, id: &str, name: &str, devices: u64) -> Markup {
    let (action, cancel) = (format!("{ADDRESS}/{id}/remove"), format!("{ADDRESS}/{id}"));
    let ask = Confirm {
        action: &action,
        title: &format!("Remove “{name}”"),
        consequence: html! {
            "What is known here of " (super::super::parts::count(devices, "device", "devices")) " of Apple's list is forgotten: whose they will be, and \
             which profile they get. At Apple nothing changes; devices that are enrolled stay enrolled. Codes that open locked devices are kept."
        },
        verb: "Remove the server token",
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((ADDRESS, TITLE)), ..Frame::new(Section::System, "Remove a server token") }, confirm(&ask))
}
