//! The TLS certificate: which one is shown, and the authority that is asked for one that everybody trusts.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::api::server_certificate;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::system::tls::{ADDRESS, TlsForm, TlsView, page};
use crate::language;
use crate::mdm::ca::public_tls::{self, Challenge, Choice, LETS_ENCRYPT, Situation, Way};
use crate::mdm::ca::tls;
use crate::mdm::{Actor, Right};
use crate::store::{Tx, authorities};

pub(super) fn routes() -> Router<App> {
    Router::new().route(ADDRESS, get(show).post(choose)).route("/system/tls/order", post(order)).route("/system/tls/own", post(own))
}

/// Whose certificate the listeners show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Files,
    /// One of our own, in place of files that cannot be used.
    StandIn,
    Public,
    Own,
}

impl Shows {
    pub(super) fn of(app: &App) -> Self {
        match (app.config.tls.is_some(), app.shows_own_tls()) {
            (true, false) => Self::Files,
            (true, true) => Self::StandIn,
            (false, false) => Self::Public,
            (false, true) => Self::Own,
        }
    }
}

/// How it is, for the list of System's parts.
pub(super) fn part(tx: &Tx, actor: &Actor, shows: Shows, ends: &dyn Fn(Timestamp) -> (Mark, String)) -> Result<(Mark, String)> {
    let chosen = public_tls::standing(tx, actor)?;
    if let Some(refused) = said_of_refused(tx, shows)? {
        return Ok((Mark::Problem, refused));
    }
    let failing = chosen.as_ref().is_some_and(|chosen| !chosen.problem.is_empty());
    Ok(match (shows, chosen) {
        (Shows::Files, _) => (Mark::Ok, String::from(t!("from files of the settings"))),
        (Shows::StandIn, _) => (Mark::Problem, String::from(t!("own; the files of the settings cannot be used"))),
        (Shows::Public, Some(chosen)) => {
            let (state, words) = chosen.not_after_at.map_or((Mark::Ok, String::new()), ends);
            let words = t!("of an authority that everybody trusts, {words}", words);
            if failing { (Mark::Waiting, t!("{words}; it could not be renewed yet", words)) } else { (state, words) }
        }
        (_, Some(_)) if failing => (Mark::Problem, String::from(t!("own; the authority that was chosen gave none"))),
        (_, Some(_)) => (Mark::Waiting, String::from(t!("own; one that everybody trusts is being got"))),
        (_, None) => match authorities::server_certificate(tx)? {
            Some(certificate) => {
                let (state, words) = ends(certificate.not_after_at);
                (state, t!("own, renewed by itself, {words}", words))
            }
            None => (Mark::Ok, String::from(t!("own"))),
        },
    })
}

/// That devices refuse what is shown, where they do.
fn said_of_refused(tx: &Tx, shows: Shows) -> Result<Option<String>> {
    if tls::untrusted(tx)?.is_none() {
        return Ok(None);
    }
    Ok(match shows {
        Shows::Files => Some(String::from(t!("from files of the settings; devices refuse it"))),
        Shows::Public => Some(String::from(t!("of the authority that was chosen; devices refuse it"))),
        Shows::Own | Shows::StandIn => None,
    })
}

async fn view(app: &App, who: &SignedIn) -> Result<TlsView> {
    let (actor, shows) = (who.actor.clone(), Shows::of(app));
    let may_change = actor.may(Right::Configure);
    let look = move |tx: &Tx| {
        let zone = crate::mdm::settings::zone(tx)?;
        let ends = |at: Timestamp| (Mark::Ok, t!("good until {day}", day = language::date(zone.day(at))));
        Ok((part(tx, &actor, shows, &ends)?, public_tls::standing(tx, &actor)?, tls::untrusted(tx)?))
    };
    let ((state, words), chosen, refused) = app.store.read_slow(app.now(), look).await?;
    let form = chosen.as_ref().map(|chosen| TlsForm {
        directory: Some(chosen.choice.directory.clone()).filter(|directory| directory != LETS_ENCRYPT).unwrap_or_default(),
        contact: chosen.choice.contact.clone(),
        challenge: word(chosen.choice.challenge).to_owned(),
        trust_anchors: chosen.choice.trust_anchors.clone(),
        agreed: true,
    });
    Ok(TlsView {
        state,
        words,
        host: app.public_host().to_owned(),
        by_files: matches!(shows, Shows::Files | Shows::StandIn),
        refused: refused.filter(|_| !matches!(shows, Shows::Own | Shows::StandIn)),
        not_public: !public_tls::is_public(app.public_host()),
        ways: ways(app),
        extra_hosts: app.config.extra_hosts.clone(),
        has_hook: app.config.dns_hook.is_some(),
        chosen,
        form: form.unwrap_or_default(),
        errors: Vec::new(),
        may_change,
    })
}

fn word(challenge: Challenge) -> &'static str {
    match challenge {
        Challenge::TlsAlpn => "tls-alpn-01",
        Challenge::Dns => "dns-01",
    }
}

/// By which ways an authority that everybody trusts can convince itself here.
pub(super) fn ways(app: &App) -> Vec<Way> {
    public_tls::ways(Situation {
        host: app.public_host(),
        port: port(&app.public_url),
        listens_at_443: app.listening().iter().any(|(_, address)| address.port() == 443),
        has_hook: app.config.dns_hook.is_some(),
    })
}

/// The port of an address; 443 where none is written.
fn port(url: &str) -> u16 {
    url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(443)
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    directory: String,
    contact: String,
    challenge: String,
    trust_anchors: String,
    agree_to_terms: Option<String>,
}

async fn choose(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let agreed = typed.agree_to_terms.is_some();
    let chosen = match typed.challenge.as_str() {
        "" | "tls-alpn-01" => Ok(Challenge::TlsAlpn),
        "dns-01" => Ok(Challenge::Dns),
        _ => Err(Error::field("challenge", t!("choose how the name is proven"))),
    };
    let choice = |challenge| Choice {
        directory: typed.directory.clone(),
        contact: typed.contact.clone(),
        challenge,
        trust_anchors: typed.trust_anchors.clone(),
    };
    let has_own_root = !typed.trust_anchors.trim().is_empty();
    let done = match chosen {
        Ok(challenge) => server_certificate::set(&app, &who.actor, choice(challenge), agreed).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) if has_own_root => Ok(said(
            &app,
            &gate,
            &who,
            ADDRESS,
            t!("The authority is asked now. A device that does not know its root refuses what it gives, and cannot come in any more: \
                 bring the root to every device first, or go back to our own."),
        )),
        Ok(()) => Ok(said(
            &app,
            &gate,
            &who,
            ADDRESS,
            t!("The authority is asked now. What is shown changes by itself when the certificate comes."),
        )),
        Err(error) if error.kind == Kind::BadInput => {
            let Typed { directory, contact, challenge, trust_anchors, .. } = typed;
            let form = TlsForm { directory, contact, challenge, trust_anchors, agreed };
            let view = TlsView { form, errors: errors(&error), ..view(&app, &who).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn order(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| public_tls::order_now(tx, &actor)).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("The authority is asked now.")))
}

async fn own(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| public_tls::leave(tx, &actor)).await?;
    app.look_at_certificates();
    Ok(said(&app, &gate, &who, ADDRESS, t!("From now on a certificate of our own is shown.")))
}
