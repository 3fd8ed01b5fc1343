//! One's own log-in: password, second factor, and where one is logged in.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::notices::{ticked, typed};
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{FromOurPage, Gate, SignedIn, Slip};
use crate::http::error::{Audience, status};
use crate::http::pages::own_account::{
    AccountView, FactorView, OWN, OwnNotices, SessionRow, browser_words, codes_were_shown, page, recovery_codes, second_factor as shown,
};
use crate::mdm::admins::{second_factor, sessions};
use crate::mdm::notices::{self, recipients};
use crate::mdm::{Actor, Right, settings};
use crate::pki::totp;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::notices::NoticeKind;

/// Where it is.
pub(super) const ADDRESS: &str = "/account";

const FACTOR: &str = "/account/second-factor";

/// Log-ins that are listed.
const SESSIONS: u32 = sessions::SESSIONS_MAX;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(ADDRESS, get(show))
        .route("/account/password", post(change_password))
        .route("/account/notices", post(set_notices))
        .route("/account/sessions/{id}/end", post(end))
        .route("/account/sessions/end-others", post(end_others))
        .route(FACTOR, get(factor))
        .route("/account/second-factor/begin", post(begin))
        .route("/account/second-factor/confirm", post(confirm))
        .route("/account/second-factor/off", post(switch_off))
        .route("/account/second-factor/codes", post(renew))
        .route("/account/second-factor/codes/{slip}", get(codes))
}

fn own_id(actor: &Actor) -> Result<&str> {
    match actor {
        Actor::Person { id, .. } => Ok(id),
        _ => Err(Error::forbidden(t!("Only people have an account."))),
    }
}

/// Somebody's log-ins, for a page of theirs or of an Owner; `own` is the session that looks.
pub(super) fn session_rows(tx: &Tx, actor: &Actor, admin_id: &str, own: &[u8]) -> Result<Vec<SessionRow>> {
    let (rows, _) = sessions::list(tx, actor, Some(admin_id), None, SESSIONS)?;
    let row = |(session, _): (crate::store::sessions::Session, String)| SessionRow {
        id: URL_SAFE_NO_PAD.encode(&session.token_hash),
        browser: browser_words(&session.user_agent),
        address: session.address,
        since: session.created_at,
        seen: session.last_used_at,
        is_this: session.token_hash == own,
    };
    Ok(rows.into_iter().map(row).collect())
}

fn view(tx: &Tx, who: &SignedIn) -> Result<AccountView> {
    let id = own_id(&who.actor)?;
    Ok(AccountView {
        may: Right::ALL.into_iter().filter(|right| who.actor.may(*right)).map(Right::deed).collect(),
        factor: second_factor::standing(tx, &who.actor, id)?,
        sessions: session_rows(tx, &who.actor, id, &who.session.token_hash)?,
        notices: if who.actor.may(Right::Configure) { Some(own_notices(tx, &who.actor)?) } else { None },
        errors: Vec::new(),
    })
}

/// What one hears of by e-mail; everything is ticked for whoever begins.
fn own_notices(tx: &Tx, actor: &Actor) -> Result<OwnNotices> {
    let own = recipients::own(tx, actor)?;
    let has_server = notices::settings::server(tx)?.is_some();
    let (address, kinds) = own.map_or_else(|| (String::new(), NoticeKind::ALL.to_vec()), |own| (own.address, own.kinds));
    Ok(OwnNotices { address, kinds, has_server })
}

async fn set_notices(State(app): State<App>, gate: Gate, who: SignedIn, Form(form): Form<Vec<(String, String)>>) -> Result<Response> {
    let (actor, address, kinds) = (who.actor.clone(), typed(&form, "address"), ticked(&form, OWN));
    let (to, wanted) = (address.clone(), kinds.clone());
    match app.store.write(app.now(), move |tx| recipients::set_own(tx, &actor, &to, wanted)).await {
        Ok(Some(_)) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved."))),
        Ok(None) => Ok(said(&app, &gate, &who, ADDRESS, t!("You hear of nothing by e-mail."))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let mut view = AccountView { errors: errors(&error), ..look(&app, &who).await? };
            view.notices = view.notices.map(|own| OwnNotices { address, kinds, ..own });
            Ok((status(error.kind, Audience::Person), page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn look(app: &App, who: &SignedIn) -> Result<AccountView> {
    let looking = who.clone();
    app.store.read_slow(app.now(), move |tx| view(tx, &looking)).await
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &look(&app, &who).await?).into_response())
}

#[derive(Deserialize)]
struct NewPassword {
    old: String,
    new: String,
}

async fn change_password(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    from: FromOurPage,
    Form(typed): Form<NewPassword>,
) -> Result<Response> {
    let keep = who.session.token_hash.clone();
    match gate.change_password(who.actor.clone(), typed.old.into(), typed.new.into(), keep, from.client).await {
        Ok(()) => Ok(said(&app, &gate, &who, ADDRESS, t!("The new password holds. Your other log-ins have ended."))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Unauthenticated | Kind::TooOften) => {
            let wrong = match error.kind {
                Kind::BadInput => errors(&error),
                Kind::Unauthenticated => vec![("old".to_owned(), t!("This is not your password so far.").to_owned())],
                _ => vec![("old".to_owned(), error.message.clone().into_owned())],
            };
            let view = AccountView { errors: wrong, ..look(&app, &who).await? };
            Ok((status(error.kind, Audience::Person), page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The hash that a session's id in an address stands for.
pub(super) fn session_hash(id: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(id).map_err(|_| Error::not_found(t!("There is no such log-in.")))
}

async fn end(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (hash, actor) = (session_hash(&id)?, who.actor.clone());
    app.store.write(app.now(), move |tx| sessions::end(tx, &actor, &hash)).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("That log-in has ended.")))
}

async fn end_others(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let looking = who.clone();
    let ended = app
        .store
        .write(app.now(), move |tx| sessions::end_all(tx, &looking.actor, own_id(&looking.actor)?, Some(&looking.session.token_hash)))
        .await?;
    Ok(said(&app, &gate, &who, ADDRESS, if ended == 0 { t!("There was no other.") } else { t!("All your other log-ins have ended.") }))
}

async fn factor_view(app: &App, who: &SignedIn, error: Option<String>) -> Result<FactorView> {
    let actor = who.actor.clone();
    app.store
        .read(app.now(), move |tx| {
            let Actor::Person { id, name, .. } = &actor else { return Err(Error::forbidden(t!("Only people have an account."))) };
            let issuer = Some(settings::organisation(tx)?).filter(|name| !name.is_empty()).unwrap_or_else(|| String::from(t!("Rollcall")));
            let prepared =
                second_factor::prepared(tx, &actor)?.map(|secret| (totp::address(&secret, &issuer, name), totp::base32(&secret)));
            Ok(FactorView { standing: second_factor::standing(tx, &actor, id)?, prepared, error })
        })
        .await
}

async fn factor(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(shown(&shell(&app, &who, flash).await?, &factor_view(&app, &who, None).await?).into_response())
}

#[derive(Deserialize)]
struct OwnPassword {
    password: String,
}

async fn begin(State(app): State<App>, gate: Gate, who: SignedIn, from: FromOurPage, Form(typed): Form<OwnPassword>) -> Result<Response> {
    let proof = match gate.prove_own(&who.actor, typed.password.into(), &from.client).await {
        Ok(proof) => proof,
        Err(error) if error.kind == Kind::Unauthenticated => {
            return refused(&app, &who, Error::new(Kind::Unauthenticated, t!("This is not your password."))).await;
        }
        Err(error) => return refused(&app, &who, error).await,
    };
    let actor = who.actor.clone();
    match app.store.write(app.now(), move |tx| second_factor::prepare(tx, &actor, &proof).map(drop)).await {
        Ok(()) => Ok(Redirect::to(FACTOR).into_response()),
        Err(error) => refused(&app, &who, error).await,
    }
}

#[derive(Deserialize)]
struct Given {
    code: String,
}

#[derive(Deserialize)]
struct GivenToSwitchOff {
    off_code: String,
}

/// The page again, with what was wrong with a password or a code.
async fn refused(app: &App, who: &SignedIn, error: Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Unauthenticated | Kind::TooOften | Kind::Conflict) {
        return Err(error);
    }
    let words = error.fields.first().map_or_else(|| error.message.clone().into_owned(), |field| field.message.clone());
    let code = if error.kind == Kind::Unauthenticated { StatusCode::UNPROCESSABLE_ENTITY } else { status(error.kind, Audience::Person) };
    Ok((code, shown(&shell(app, who, None).await?, &factor_view(app, who, Some(words)).await?)).into_response())
}

/// Shows codes by a page of its own, once.
fn shown_once(app: &App, gate: &Gate, who: &SignedIn, codes: &[Secret<String>]) -> Response {
    let id = app.random.token();
    let text = codes.iter().map(|code| code.expose().as_str()).collect::<Vec<_>>().join("\n");
    gate.lay(id.clone(), &who.session, Slip { title: String::from("codes"), text: Secret::new(text) });
    Redirect::to(&format!("/account/second-factor/codes/{id}")).into_response()
}

async fn confirm(State(app): State<App>, gate: Gate, who: SignedIn, from: FromOurPage, Form(given): Form<Given>) -> Result<Response> {
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        Ok(match second_factor::confirm(tx, &actor, &given.code) {
            Ok(codes) => second_factor::Taken::Right(codes),
            Err(error) => second_factor::Taken::Wrong(error),
        })
    };
    match gate.by_code(from.client.address, work).await {
        Ok(codes) => Ok(shown_once(&app, &gate, &who, &codes)),
        Err(error) => refused(&app, &who, error).await,
    }
}

async fn renew(State(app): State<App>, gate: Gate, who: SignedIn, from: FromOurPage, Form(given): Form<Given>) -> Result<Response> {
    let actor = who.actor.clone();
    match gate.by_code(from.client.address, move |tx| second_factor::renew_codes(tx, &actor, &given.code)).await {
        Ok(codes) => Ok(shown_once(&app, &gate, &who, &codes)),
        Err(error) => refused(&app, &who, error).await,
    }
}

async fn switch_off(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    from: FromOurPage,
    Form(given): Form<GivenToSwitchOff>,
) -> Result<Response> {
    let actor = who.actor.clone();
    match gate.by_code(from.client.address, move |tx| second_factor::switch_off(tx, &actor, &given.off_code)).await {
        Ok(()) => Ok(said(&app, &gate, &who, ADDRESS, t!("The second factor is off."))),
        Err(error) => refused(&app, &who, error).await,
    }
}

async fn codes(State(app): State<App>, gate: Gate, who: SignedIn, Path(slip): Path<String>) -> Result<Response> {
    let shell = shell(&app, &who, None).await?;
    Ok(match gate.take(&slip, &who.session) {
        Some(Slip { text, .. }) => recovery_codes(&shell, &text.expose().lines().collect::<Vec<_>>()).into_response(),
        None => codes_were_shown(&shell).into_response(),
    })
}
