//! Server tokens: the key that goes to Apple's portal, the token that comes back, how the reading of Apple's list goes.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Live, Row, Section, Shell, State, Step, StepState, Table, badge, confirm, day, empty, facts,
    field, frame, live, named, post, practice, section, select, steps, table, thousands, time_ago, upload,
};
use super::betas::{BetasView, betas};
use super::choices;
use crate::clock::Timestamp;
use crate::language::{say, way};

/// Where all of them are.
pub const ADDRESS: &str = "/system/device-list";

const BACK: (&str, &str) = ("/system", msg!("System"));
const TITLE: &str = msg!("Apple's device list");

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
    let under = html! { (t!("Apple tells which devices your organisation bought, and sends them here when they are unpacked. Each server in its portal has a token.")) };
    let content = html! {
        (live(Live { id: "servers", topics: "ade job", of: None, src: None }, section(t!("Server tokens"), rows(view, shell.now))))
        @if view.may_change {
            (section(t!("Add a server"), post(ADDRESS, html! {
                div.form {
                    (field("name", t!("Name")).value(&view.name.0).help(t!("The one that it has, or will have, in Apple's portal.")).error(view.name.1.as_deref()))
                    div.form-foot { (Button::submit(t!("Make its key")).main()) }
                }
            })))
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), under, ..Frame::new(Section::System, say(TITLE)) }, content)
}

fn rows(view: &AllView, now: Timestamp) -> Markup {
    let row = |server: &ServerRow| Row {
        id: server.id.clone(),
        href: Some(format!("{ADDRESS}/{}", server.id)),
        name: server.name.clone(),
        cells: vec![
            html! { (named(&server.name)) @if server.practice { " " (practice()) } },
            badge(server.state, &server.words),
            html! { (thousands(server.devices)) @if server.not_enrolled > 0 { ", " (thousands(server.not_enrolled)) (t!(" not enrolled")) } },
            html! { @match server.expires_at { Some(at) => (day(at)), None => span.quiet { (t!("no token yet")) } } },
            html! { @match server.synced_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("not yet")) } } },
        ],
    };
    table(&Table {
        caption: t!("Server tokens"),
        columns: vec![
            Column::main(t!("Server")),
            Column::text(t!("How it is")).wraps(),
            Column::text(t!("Devices")).labelled(),
            Column::text(t!("Token ends")).labelled(),
            Column::text(t!("Read")).labelled().minor(),
        ],
        rows: view.servers.iter().map(row).collect(),
        pager: None,
        empty: empty(
            t!("No server token yet"),
            t!(
                "It takes three steps: a key is made here, Apple's portal gets its public part, and the token that the portal gives is dropped here."
            ),
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
            (live(Live { id: "betas", topics: "ade job", of: None, src: None }, section(t!("Beta programmes"), betas(&view.betas, &lead, view.may_change, shell.now))))
        }
        @if view.may_change {
            @if view.has_token {
                div.row {
                    (post(&format!("{lead}/sync"), html! { (Button::submit(t!("Read Apple's list now")).main()) }))
                    (post(&format!("{lead}/sync"), html! { (Button::submit(t!("Read all of it")).sends("whole", "1")) }))
                    (Button::link(format!("{lead}/remove"), t!("Remove…")).destructive().asks())
                }
                (section(t!("How new devices greet people"), defaults(view, &lead)))
                (section(t!("Renew the token"), html! {
                    p { (t!("A token is good for a year. In Apple's portal, choose this server, download its token and drop it here; devices and profiles stay.")) }
                    (bring(view, &lead))
                }))
            } @else {
                (section(t!("Three steps"), first_steps(view, &lead)))
                div.row { (Button::link(format!("{lead}/remove"), t!("Remove…")).destructive().asks()) }
            }
        }
    };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), state: Some(row.state), ..Frame::new(Section::System, &row.name) }, content)
}

fn about(view: &ServerView, now: Timestamp) -> Markup {
    let row = &view.row;
    let list = |show: &str, count: u64| {
        let href = format!("/new-devices?server={}&show={show}", row.id);
        html! { @if count == 0 { "0" } @else { a href=(href) { (thousands(count)) } } }
    };
    facts(&[
        Fact::new(t!("How it is"), html! { (badge(row.state, &row.words)) @if row.practice { " " (practice()) } }),
        Fact::text(t!("Organisation"), &view.organisation),
        Fact::text(t!("Made in the portal by"), &view.admin),
        Fact::new(t!("The token ends"), html! { @match row.expires_at { Some(at) => (day(at)), None => (t!("there is none yet")) } }),
        Fact::new(t!("Devices"), list("all", row.devices)),
        Fact::new(t!("Not enrolled"), list("not_enrolled", row.not_enrolled)),
        Fact::new(t!("Without a profile at Apple"), list("no_profile", view.no_profile)),
        Fact::new(t!("Profile not assigned yet"), list("failed", view.troubled)),
        Fact::new(t!("By an account"), discovery(view)),
        Fact::new(t!("Apple's list was read"), html! { @match row.synced_at { Some(at) => (time_ago(at, now)), None => (t!("not yet")) } }),
    ])
}

/// Whether Apple leads devices here that ask by an account.
fn discovery(view: &ServerView) -> Markup {
    let (url, problem) = &view.discovery;
    html! {
        @if !problem.is_empty() { (badge(State::Problem, problem)) }
        @else if url.is_empty() { (t!("Apple leads nobody here")) }
        @else { (t!("Apple leads devices here whose domain does not")) }
    }
}

fn bring(view: &ServerView, lead: &str) -> Markup {
    upload(
        &format!("{lead}/token"),
        html! {
            (field("file", t!("Server token")).kind("file").accept(".p7m").help(t!("The file ends in .p7m.")).error(view.token_error.as_deref()))
            div.form-foot { (Button::submit(t!("Read the token")).main()) }
        },
    )
}

fn first_steps(view: &ServerView, lead: &str) -> Markup {
    let step = |title: &str, words: Markup, more: Markup| Step { state: StepState::Later, title: title.to_owned(), words, more };
    steps(&[
        step(
            t!("Save the public key"),
            html! { (t!("Its secret half was made here and never leaves this appliance.")) },
            html! { (Button::link(format!("{lead}/public-key.pem"), t!("Save the public key")).download()) },
        ),
        step(
            t!("Give it to Apple"),
            html! {
                (t!("At ")) (view.portal) (t!(", open Preferences, then Device Management Services, and add a service named “")) (view.row.name) (t!("”. \
                 Upload the public key there, save, and download the token. Then assign your devices to that service."))
            },
            Markup::default(),
        ),
        Step {
            state: StepState::Current,
            ..step(t!("Drop the token here"), html! { (t!("The devices are here a moment later.")) }, bring(view, lead))
        },
    ])
}

fn defaults(view: &ServerView, lead: &str) -> Markup {
    if !view.has_profiles {
        return html! {
            p { (t!("There is no profile yet. Until a device has one, it does not come here when it is unpacked.")) }
            (Button::link("/new-devices/profiles", t!("Choose how they greet people")).main())
        };
    }
    post(
        &format!("{lead}/defaults"),
        html! {
            div.form {
                @for of in &view.defaults {
                    (select(&format!("family-{}", of.family), &of.words, &choices(&[("", t!("None"))], &of.profiles), &of.chosen, "", None))
                }
                div.form-foot { (Button::submit(t!("Save")).main()) }
            }
        },
    )
}

/// The question before a server token is removed.
pub fn ask_remove(shell: &Shell, id: &str, name: &str, devices: u64) -> Markup {
    let (action, cancel) = (format!("{ADDRESS}/{id}/remove"), format!("{ADDRESS}/{id}"));
    let ask = Confirm {
        action: &action,
        title: &t!("Remove “{name}”", name),
        consequence: html! {
            (t!("What is known here of ")) (super::super::parts::count(devices, t!("device"), t!("devices"))) (t!(" of Apple's list is forgotten: whose they will be, and \
             which profile they get. At Apple nothing changes; devices that are enrolled stay enrolled. Codes that open locked devices are kept."))
        },
        verb: t!("Remove the server token"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), ..Frame::new(Section::System, t!("Remove a server token")) }, confirm(&ask))
}
