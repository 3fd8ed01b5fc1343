//! What every page of one request shares.

use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use crate::app::App;
use crate::error::Result;
use crate::http::auth::{Gate, SignedIn, Slip};
use crate::http::pages::parts::{Banner, Flash, Section, Shell, State, Viewer};
use crate::mdm::{Actor, Right, Role, needs, settings};
use crate::secret::Secret;
use crate::store::Tx;

/// Makes the frame's content for whoever is signed in; `flash` says once what the last request did.
pub async fn shell(app: &App, who: &SignedIn, flash: Option<Flash>) -> Result<Shell> {
    let sees_needs = who.actor.may(Right::View);
    let look = |tx: &Tx| if sees_needs { Ok(needs::all(tx)?.len() as u64) } else { Ok(0) };
    let needs = app.store.read(app.now(), look).await?;
    shell_with(app, who, flash, needs).await
}

/// The same for a page that knows already how much needs somebody.
pub(super) async fn shell_with(app: &App, who: &SignedIn, flash: Option<Flash>, needs: u64) -> Result<Shell> {
    let now = app.now();
    let zone = app.store.read(now, settings::zone).await?;
    let sections = sections(&who.actor);
    Ok(Shell { viewer: viewer(&who.actor), now, zone, sections, needs, setup: None, banners: unstored(app), flash })
}

/// While nothing can be stored everyone is told so, whatever they look at: an alert could not be kept.
fn unstored(app: &App) -> Vec<Banner> {
    let words = |why: String| {
        let after = t!("What was confirmed is kept, devices come again by themselves, and Rollcall goes on as soon as the disk does.");
        Banner::Notice(State::Problem, t!("Nothing can be stored at present: {why}. {after}", why, after), None)
    };
    app.store.trouble().map(words).into_iter().collect()
}

/// Leads to `path`, whose page says `words` once.
pub(super) fn said(app: &App, gate: &Gate, who: &SignedIn, path: &str, words: &str) -> Response {
    said_at(app, gate, who, path, State::Ok, words)
}

/// The same with a link to where one sees how it goes on: address and words, a line each.
pub(super) fn said_with_way(app: &App, gate: &Gate, who: &SignedIn, path: &str, words: &str, way: (&str, &str)) -> Response {
    lay(app, gate, who, path, format!("{}\n{}\n{}", State::Ok.word(), way.0, way.1), words)
}

/// The same for an address that may have a query, and for words that are none of success.
pub(super) fn said_at(app: &App, gate: &Gate, who: &SignedIn, address: &str, state: State, words: &str) -> Response {
    lay(app, gate, who, address, state.word().to_owned(), words)
}

/// Leads to an address with a slip: how it went and, in two more lines, a way on.
fn lay(app: &App, gate: &Gate, who: &SignedIn, address: &str, title: String, words: &str) -> Response {
    let id = app.random.token();
    gate.lay(id.clone(), &who.session, Slip { title, text: Secret::new(words.to_owned()) });
    let joint = if address.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{address}{joint}said={id}")).into_response()
}

/// What a page of this address has to say once.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SaidQuery {
    said: String,
}

impl SaidQuery {
    /// As it stands in a query with other things.
    pub(super) fn of(said: &str) -> Self {
        Self { said: said.to_owned() }
    }

    /// The words, if they wait for this person and were not said before.
    pub(super) fn flash(&self, gate: &Gate, who: &SignedIn) -> Option<Flash> {
        let slip = Some(&self.said).filter(|said| !said.is_empty()).and_then(|said| gate.take(said, &who.session))?;
        let mut title = slip.title.lines();
        let state = State::from_word(title.next()?)?;
        let way = title.next().zip(title.next()).map(|(href, words)| (href.to_owned(), words.to_owned()));
        Some(Flash { state, words: slip.text.expose().clone(), way })
    }
}

fn viewer(actor: &Actor) -> Viewer {
    let name = match actor {
        Actor::Person { name, .. } => name.clone(),
        other => other.to_string(),
    };
    Viewer { name, role: actor.role().map(role_name).unwrap_or_default().to_owned() }
}

/// Sections that exist and that the actor may see.
fn sections(actor: &Actor) -> Vec<Section> {
    if !actor.may(Right::View) {
        return if actor.may(Right::Teach) { vec![Section::Teaching] } else { Vec::new() };
    }
    vec![
        Section::Today,
        Section::Devices,
        Section::Apps,
        Section::Updates,
        Section::Profiles,
        Section::Groups,
        Section::People,
        Section::System,
    ]
}

/// A role's name for people.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => t!("Owner"),
        Role::Admin => t!("Admin"),
        Role::Helper => t!("Helper"),
        Role::Teacher => t!("Teacher"),
        Role::Viewer => t!("Viewer"),
    }
}
