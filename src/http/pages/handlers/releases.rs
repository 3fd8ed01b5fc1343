//! OS releases: how Apple's list stands, a look now, and the files that people bring.

use axum::Router;
use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::form::sentence;
use super::{SaidQuery, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::parts::{State as Mark, count};
use crate::http::pages::system::releases::{ReleasesView, RootRow, page};
use crate::http::releases::import;
use crate::language::{self, say};
use crate::mdm::apple_roots::{self, Source as RootSource};
use crate::mdm::attestation;
use crate::mdm::updates::lookup::{self, Meant, Source};
use crate::mdm::{Actor, Right, jobs};
use crate::pki::apple::{ATTESTATION_ROOT, AppleRoot, ROOT_CA};
use crate::pki::certificate::Fingerprint;
use crate::protocol::lookup::MAX_BYTES;
use crate::store::Tx;
use crate::store::releases::count_listed;

pub(super) use crate::http::pages::system::releases::ADDRESS;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/releases", get(show))
        .route("/system/releases/look", post(look))
        .route("/system/releases/root", post(bring_root))
}

/// The page that takes the list, which may be larger than what other forms take.
pub(super) fn uploads() -> Router<App> {
    Router::new().route("/system/releases/import", get(async || Redirect::to(ADDRESS)).post(bring_list))
}

/// How the list is, for the page of the system.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    Ok(words(&lookup::state(tx, actor)?, tx))
}

fn words(state: &lookup::State, tx: &Tx) -> (Mark, String) {
    let age = state.fetched_at.map(|at| match tx.now.since(at).as_secs() / 86_400 {
        0 => String::from(t!("Apple's list is less than a day old")),
        days => t!("Apple's list is {days} old", days = count(days, t!("day"), t!("days"))),
    });
    let fails = if state.failures > 0 { t!("; Apple could not be asked") } else { "" };
    match age {
        Some(age) if state.is_stale(tx.now) => (Mark::Problem, format!("{age}{fails}")),
        Some(age) if state.failures > 0 => (Mark::Waiting, format!("{age}{fails}")),
        Some(age) => (Mark::Ok, age),
        None if state.is_stale(tx.now) => (Mark::Problem, String::from(t!("Apple's list has not come; Apple could not be asked"))),
        None if state.failures > 0 => (Mark::Waiting, String::from(t!("Apple's list has not come yet; Apple could not be asked"))),
        None => (Mark::Waiting, String::from(t!("Apple's list is being fetched"))),
    }
}

async fn view(app: &App, who: &SignedIn) -> Result<ReleasesView> {
    let (actor, needs_root) = (who.actor.clone(), app.software_lookup.needs_root());
    let look = move |tx: &Tx| {
        let state = lookup::state(tx, &actor)?;
        let (mark, words) = words(&state, tx);
        let is_needed = |root: &AppleRoot| match *root {
            ROOT_CA => Ok(needs_root),
            ATTESTATION_ROOT => attestation::root_due(tx).map(|due| due.is_some()),
            _ => Ok(true),
        };
        Ok(ReleasesView {
            state: mark,
            words,
            listed: count_listed(tx)?,
            source: state.source.map(source_words).unwrap_or_default().to_owned(),
            fetched_at: state.fetched_at,
            brought: state.source == Some(Source::File),
            newest_posted: lookup::newest_posted(tx)?,
            next_at: state.next_at,
            problem: lookup::plain(&state.problem),
            said: if lookup::plain(&state.problem) == state.problem { String::new() } else { state.problem },
            passed_over: state.passed_over,
            roots: apple_roots::list(tx, &actor)?
                .into_iter()
                .map(|standing| Ok(root(&standing, is_needed(&standing.root)?)))
                .collect::<Result<_>>()?,
            needs_root,
            list_error: None,
            asks_for_older: false,
            asks_for_fewer: false,
            root_error: None,
            max_bytes: MAX_BYTES,
            may_change: actor.may(Right::Configure),
        })
    };
    app.store.read(app.now(), look).await
}

fn source_words(source: Source) -> &'static str {
    match source {
        Source::Apple => t!("Apple"),
        Source::File => t!("a file that somebody brought"),
    }
}

fn root(standing: &apple_roots::Standing, needed: bool) -> RootRow {
    let how = |source| match source {
        RootSource::System => t!("from this machine"),
        RootSource::Download => t!("from Apple's page"),
        RootSource::File => t!("brought as a file"),
        RootSource::Device => t!("carried by a device"),
    };
    RootRow {
        name: standing.root.name.to_owned(),
        fingerprint: Fingerprint::from_hex(standing.root.sha256).map(|print| print.in_pairs()).unwrap_or_default(),
        used_for: say(standing.root.used_for).to_owned(),
        needed,
        came: standing.came.map(|(source, at)| (how(source).to_owned(), at)),
    }
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

async fn look(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        jobs::run_now(tx, &actor, lookup::JOB)?;
        Ok(lookup::state(tx, &actor)?.rests_until.filter(|until| *until > tx.now))
    };
    let words = match app.store.write(app.now(), work).await? {
        Some(until) => t!("Apple asked to be left alone until {until}, and is.", until = language::date(until.words())),
        None => String::from(t!("Apple is being asked. What comes of it is here in a moment.")),
    };
    Ok(said(&app, &gate, &who, ADDRESS, &words))
}

/// What a form that did not arrive as a whole says.
pub(super) fn broken(error: MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    }
}

/// The file of a form.
async fn file(mut sent: Multipart, name: &str) -> Result<Bytes> {
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        if field.name() == Some(name) {
            return field.bytes().await.map_err(broken);
        }
    }
    Ok(Bytes::new())
}

async fn bring_list(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let sent = list_and_meant(sent).await;
    let was_older = sent.as_ref().is_ok_and(|(_, meant)| meant.older);
    let outcome = match sent {
        Ok((file, meant)) => import(&app, &who.actor, file, meant).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(taken) => {
            let listed = count(taken.listed as u64, t!("release is"), t!("releases are"));
            let words = t!(
                "The list is taken in: {listed} listed, {appeared} new, {vanished} gone.",
                listed,
                appeared = taken.appeared,
                vanished = taken.vanished
            );
            Ok(said(&app, &gate, &who, ADDRESS, &words))
        }
        Err(error) if error.kind == Kind::Conflict && error.message.contains(lookup::FEWER) => {
            let words = error.message.into_owned();
            refused(&app, &who, |view| (view.list_error, view.asks_for_fewer, view.asks_for_older) = (Some(words), true, was_older)).await
        }
        Err(error) if error.kind == Kind::Conflict && error.message.contains(lookup::OLDER) => {
            let words = error.message.into_owned();
            refused(&app, &who, |view| (view.list_error, view.asks_for_older) = (Some(words), true)).await
        }
        Err(error) => {
            let words = mistake(error)?;
            refused(&app, &who, |view| view.list_error = Some(words)).await
        }
    }
}

/// The list of a form, and whether it is meant even where it is older or shorter; the boxes stand before the file.
async fn list_and_meant(mut sent: Multipart) -> Result<(Bytes, Meant)> {
    let mut meant = Meant::default();
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        match field.name() {
            Some("older") => meant.older = field.text().await.map_err(broken)? == "1",
            Some("fewer") => meant.fewer = field.text().await.map_err(broken)? == "1",
            Some("file") => return Ok((field.bytes().await.map_err(broken)?, meant)),
            _ => {}
        }
    }
    Ok((Bytes::new(), meant))
}

async fn bring_root(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let outcome = match file(sent, "root").await {
        Ok(file) => app.store.write(app.now(), move |tx| apple_roots::add(tx, &actor, &file, RootSource::File)).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(root) => Ok(said(
            &app,
            &gate,
            &who,
            ADDRESS,
            &t!("{name} is here, and counts from now on for {used_for}.", name = root.name, used_for = say(root.used_for)),
        )),
        Err(error) => {
            let words = mistake(error)?;
            refused(&app, &who, |view| view.root_error = Some(words)).await
        }
    }
}

/// What is wrong with what was brought; what is nobody's input fails as everywhere.
fn mistake(error: Error) -> Result<String> {
    match error.kind {
        Kind::BadInput | Kind::TooLarge => {
            let words = error.fields.first().map_or(&*error.message, |fault| fault.message.as_str());
            Ok(sentence(&words.strip_prefix("is ").map_or_else(|| words.to_owned(), |rest| t!("this is {rest}", rest))))
        }
        _ => Err(error),
    }
}

async fn refused(app: &App, who: &SignedIn, fault: impl FnOnce(&mut ReleasesView)) -> Result<Response> {
    let mut view = view(app, who).await?;
    fault(&mut view);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
}
