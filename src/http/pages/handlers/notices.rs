//! Notices: the mail server with a letter for trial, who gets what, the digest, and the calendar's address.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::notices::{out, send_test};
use crate::http::pages::parts::{Flash, State as Mark, count};
use crate::http::pages::system::notices::{ADDRESS, LISTED, MailForm, NoticesView, page};
use crate::mdm::notices::settings::{self, NewRules, NewServer};
use crate::mdm::notices::{self, feed, recipients};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::mail::Security;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::letters::LetterState;
use crate::store::notices::NoticeKind;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(ADDRESS, get(show))
        .route("/system/notices/mail-server", post(set_server))
        .route("/system/notices/mail-server/remove", post(remove_server))
        .route("/system/notices/test", post(test))
        .route("/system/notices/rules", post(set_rules))
        .route("/system/notices/recipients", post(add))
        .route("/system/notices/recipients/{id}", post(change))
        .route("/system/notices/recipients/{id}/remove", post(remove))
        .route("/system/notices/calendar", post(renew))
        .route("/system/notices/calendar/revoke", post(revoke))
}

/// How notices stand, for the overview.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let standing = notices::standing(tx, actor, 1)?;
    let served = standing.recipients.iter().filter(|recipient| recipients::is_served(recipient)).count() as u64;
    let last = standing.letters.first();
    Ok(match (&standing.server, last) {
        (None, _) => (Mark::Waiting, String::from(t!("on this page only: no mail server was named"))),
        (Some(_), Some(last)) if last.state == LetterState::GivenUp || (last.state == LetterState::Waiting && last.attempts > 0) => {
            (Mark::Problem, String::from(t!("e-mail does not go out")))
        }
        (Some(_), _) if served == 0 => (Mark::Waiting, String::from(t!("nobody has ticked anything"))),
        (Some(_), _) => (Mark::Ok, t!("by e-mail to {addresses}", addresses = count(served, t!("address"), t!("addresses")))),
    })
}

async fn view(app: &App, who: &SignedIn) -> Result<NoticesView> {
    let (actor, out) = (who.actor.clone(), out(app));
    let look = move |tx: &Tx| {
        let standing = notices::standing(tx, &actor, LISTED)?;
        Ok(NoticesView {
            form: MailForm::from(&standing),
            standing,
            new_address: String::new(),
            calendar: feed::address(tx, &actor)?.map(|path| out.link(path.expose())),
            zone: zone(tx)?.name().to_owned(),
            digest: None,
            errors: Vec::new(),
        })
    };
    app.store.read_slow(app.now(), look).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    said: String,
    digest: String,
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ShowQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let mut view = view(&app, &who).await?;
    if !query.digest.is_empty() {
        let (actor, out, own_tls) = (who.actor.clone(), out(&app), app.config.tls.is_none());
        let foresee = move |tx: &Tx| notices::foreseen_digest(tx, &actor, own_tls, &out);
        view.digest = Some(app.store.read_slow(app.now(), foresee).await?);
    }
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

/// The page again with what is wrong; failures that are nobody's input go on.
async fn refused(app: &App, who: &SignedIn, error: Error, change: impl FnOnce(&mut NoticesView)) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict | Kind::Upstream | Kind::Busy) {
        return Err(error);
    }
    let mut view = view(app, who).await?;
    view.errors = errors(&error);
    change(&mut view);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Typed {
    host: String,
    port: String,
    security: String,
    open_allowed: Option<String>,
    user: String,
    password: String,
    from: String,
    from_name: String,
    reply_to: String,
    trust_anchors: String,
    test_address: String,
}

impl Typed {
    fn server(&self) -> Result<NewServer> {
        let port = match self.port.trim() {
            "" => None,
            port => Some(port.parse().map_err(|_| Error::field("port", t!("write a port from 1 to 65535, mostly 465 or 587")))?),
        };
        Ok(NewServer {
            host: self.host.clone(),
            port,
            security: Security::parse(&self.security).unwrap_or_default(),
            open_allowed: self.open_allowed.is_some(),
            user: self.user.clone(),
            password: Some(Secret::new(self.password.clone())),
            from_name: self.from_name.clone(),
            from: self.from.clone(),
            reply_to: self.reply_to.clone(),
            trust_anchors: self.trust_anchors.clone(),
        })
    }

    fn form(self) -> MailForm {
        MailForm {
            host: self.host,
            port: self.port,
            security: Security::parse(&self.security).unwrap_or_default(),
            open_allowed: self.open_allowed.is_some(),
            user: self.user,
            from_name: self.from_name,
            from: self.from,
            reply_to: self.reply_to,
            trust_anchors: self.trust_anchors,
            test_address: self.test_address,
        }
    }
}

async fn set_server(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let outcome = match typed.server() {
        Ok(new) => app.store.write(app.now(), move |tx| settings::set_server(tx, &actor, &new)).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved."))),
        Err(error) => refused(&app, &who, error, |view| view.form = typed.form()).await,
    }
}

async fn remove_server(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| settings::remove_server(tx, &actor)).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("The mail server is out. Nothing is sent by e-mail.")))
}

/// Sends a real letter by what stands in the form, and shows the form again as it was typed.
async fn test(State(app): State<App>, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let tried = match typed.server() {
        Ok(new) => send_test(&app, &who.actor, &typed.test_address, Some(new)).await,
        Err(error) => Err(error),
    };
    match tried {
        Ok(words) => {
            let view = NoticesView { form: typed.form(), ..view(&app, &who).await? };
            let words = t!(
                "The mail server took the letter. It said: {words}. What is not saved yet is not kept; a password has to be typed again.",
                words
            );
            let flash = Flash { state: Mark::Ok, words, way: None };
            Ok(page(&shell(&app, &who, Some(flash)).await?, &view).into_response())
        }
        Err(mut error) => {
            for fault in error.fields.iter_mut().filter(|fault| fault.field == "address") {
                "test_address".clone_into(&mut fault.field);
            }
            refused(&app, &who, error, |view| view.form = typed.form()).await
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TypedRules {
    tell_mended: Option<String>,
    digest: Option<String>,
    weekday: String,
    at: String,
}

async fn set_rules(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<TypedRules>) -> Result<Response> {
    let actor = who.actor.clone();
    let new = NewRules {
        tell_mended: typed.tell_mended.is_some(),
        digest: typed.digest.is_some(),
        weekday: typed.weekday.parse().unwrap_or(-1),
        at: typed.at,
    };
    match app.store.write(app.now(), move |tx| settings::set_rules(tx, &actor, &new)).await {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved."))),
        Err(error) => refused(&app, &who, error, |_| ()).await,
    }
}

/// The kinds that were ticked in a form whose boxes begin with `prefix`.
pub(super) fn ticked(form: &[(String, String)], prefix: &str) -> Vec<NoticeKind> {
    let word = |name: &str| name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
    form.iter().filter_map(|(name, _)| word(name)?.parse().ok()).collect()
}

/// What stands in a field.
pub(super) fn typed(form: &[(String, String)], name: &str) -> String {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

async fn add(State(app): State<App>, gate: Gate, who: SignedIn, Form(form): Form<Vec<(String, String)>>) -> Result<Response> {
    let (actor, address, kinds) = (who.actor.clone(), typed(&form, "new_address"), ticked(&form, "new"));
    let to = address.clone();
    match app.store.write(app.now(), move |tx| recipients::add(tx, &actor, &to, kinds)).await {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Added."))),
        Err(error) => refused(&app, &who, error, |view| view.new_address = address).await,
    }
}

async fn change(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (actor, kinds) = (who.actor.clone(), ticked(&form, &id));
    app.store.write(app.now(), move |tx| recipients::change(tx, &actor, &id, None, Some(kinds))).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("Saved.")))
}

async fn remove(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| recipients::remove(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("Nothing is sent there any more.")))
}

async fn renew(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| feed::renew(tx, &actor).map(drop)).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("The calendar has a new address. If there was one before, it leads nowhere now.")))
}

async fn revoke(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| feed::revoke(tx, &actor)).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("The calendar's address leads nowhere now.")))
}
