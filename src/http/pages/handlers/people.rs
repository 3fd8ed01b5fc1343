//! Who may log in, and tokens for scripts: added, changed, kept out, revoked.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::own_account::{session_hash, session_rows};
use super::{Form, SaidQuery, errors, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn, Slip};
use crate::http::pages::system::people::{AdminForm, TokenForm, admin, lose_access, revoke, token, token_made, token_was_shown};
use crate::http::pages::system::roles::{self, RolesView};
use crate::http::pages::system::{AdminRow, TokenRow};
use crate::mdm::admins::second_factor::{self, Required};
use crate::mdm::admins::tokens::{self, NewToken};
use crate::mdm::admins::{self, Change, HashedPassword, NewAdmin, Password};
use crate::mdm::{Actor, Right, Role};
use crate::secret::Secret;
use crate::store::{Tx, people, sessions};

/// Where everybody is listed.
const ADDRESS: &str = "/system/admins";

/// Rows of each list.
const ROWS: u32 = 200;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/admins", get(everybody).post(add))
        .route("/system/admins/second-factor", post(require_second_factor))
        .route("/system/admins/{id}/person", post(stands_for))
        .route("/system/admins/{id}/sessions/{session}/end", post(end_session))
        .route("/system/admins/{id}/sessions/end-all", post(end_sessions))
        .route("/system/admins/{id}/second-factor/reset", post(reset_second_factor))
        .route("/system/admins/new", get(new_admin))
        .route("/system/admins/{id}", get(show).post(change_role))
        .route("/system/admins/{id}/password", post(set_password))
        .route("/system/admins/{id}/enable", post(enable))
        .route("/system/admins/{id}/disable", get(ask_disable).post(disable))
        .route("/system/admins/{id}/remove", get(ask_remove).post(remove))
        .route("/system/tokens", post(make_token))
        .route("/system/tokens/new", get(new_token))
        .route("/system/tokens/made/{slip}", get(show_token))
        .route("/system/tokens/{id}/revoke", get(ask_revoke).post(revoke_token))
}

/// The word for people of a role that is kept.
fn role_word(kept: &str) -> String {
    Role::parse(kept).map_or_else(|_| kept.to_owned(), |role| role.said().to_owned())
}

/// Who may log in, for the page of the whole system.
pub(super) fn admin_rows(tx: &Tx, actor: &Actor) -> Result<Vec<AdminRow>> {
    let (admins, _) = admins::list(tx, actor, None, ROWS)?;
    let row = |admin: crate::store::admins::Admin| {
        let seen_at = sessions::list(tx, Some(&admin.id), None, ROWS)?.into_iter().map(|(session, _)| session.last_used_at).max();
        let role = if admin.disabled_at.is_some() { t!("{role}, kept out", role = role_word(&admin.role)) } else { role_word(&admin.role) };
        let second_factor = second_factor::standing(tx, actor, &admin.id)?.on_since.is_some();
        Ok(AdminRow { id: admin.id, name: admin.name, role, second_factor, seen_at })
    };
    admins.into_iter().map(row).collect()
}

/// Tokens that work, for the page of the whole system.
pub(super) fn token_rows(tx: &Tx, actor: &Actor) -> Result<Vec<TokenRow>> {
    let (tokens, _) = tokens::list(tx, actor, None, ROWS)?;
    let works = |token: &crate::store::api_tokens::ApiToken| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > tx.now);
    let row = |token: crate::store::api_tokens::ApiToken| TokenRow {
        id: token.id,
        name: token.name,
        role: role_word(&token.role),
        used_at: token.last_used_at,
        expires_at: token.expires_at,
    };
    Ok(tokens.into_iter().filter(works).map(row).collect())
}

fn is_about_the_form(error: &Error) -> bool {
    matches!(error.kind, Kind::BadInput | Kind::Conflict)
}

fn to_system() -> Response {
    Redirect::to("/system").into_response()
}

fn to_everybody() -> Response {
    Redirect::to(ADDRESS).into_response()
}

async fn new_admin(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Govern)?;
    Ok(admin(&shell(&app, &who, None).await?, &blank(None, String::new(), Role::Helper)).into_response())
}

fn blank(id: Option<String>, name: String, role: Role) -> AdminForm {
    AdminForm {
        id,
        name,
        role,
        disabled: false,
        is_viewer: false,
        person: String::new(),
        second_factor: false,
        sessions: Vec::new(),
        errors: Vec::new(),
    }
}

#[derive(Deserialize)]
struct NewPerson {
    name: String,
    role: Role,
    password: String,
}

async fn add(State(app): State<App>, gate: Gate, who: SignedIn, Form(said): Form<NewPerson>) -> Result<Response> {
    let NewPerson { name, role, password } = said;
    let added = async {
        let password = hashed(&gate, &who.actor, password).await?;
        let (actor, name) = (who.actor.clone(), name.clone());
        app.store.write(app.now(), move |tx| admins::add(tx, &actor, NewAdmin { name, role, password })).await
    };
    match added.await {
        Ok(_) => Ok(to_everybody()),
        Err(error) if is_about_the_form(&error) => {
            let form = AdminForm { errors: errors(&error), ..blank(None, name, role) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, admin(&shell(&app, &who, None).await?, &form)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn hashed(gate: &Gate, actor: &Actor, password: String) -> Result<HashedPassword> {
    actor.require(Right::Govern)?;
    gate.hash(Password::parse(Secret::new(password))?).await
}

async fn known(app: &App, who: &SignedIn, id: &str) -> Result<AdminForm> {
    let (actor, id, own) = (who.actor.clone(), id.to_owned(), who.session.token_hash.clone());
    let look = move |tx: &Tx| {
        let found = admins::find(tx, &actor, &id)?;
        let person = found.person_id.as_deref().map(|id| people::by_id(tx, id)).transpose()?.flatten();
        let factor = second_factor::standing(tx, &actor, &found.id)?;
        let sessions = session_rows(tx, &actor, &found.id, &own)?;
        Ok((found, person, factor, sessions))
    };
    let (found, person, factor, sessions) = app.store.read(app.now(), look).await?;
    let person = person.map(|person| if person.email.is_empty() { person.name } else { person.email }).unwrap_or_default();
    let is_viewer = matches!(&who.actor, Actor::Person { id, .. } if *id == found.id);
    let form = blank(Some(found.id.clone()), found.name.clone(), admins::role_of(&found)?);
    Ok(AdminForm { disabled: found.disabled_at.is_some(), is_viewer, person, second_factor: factor.on_since.is_some(), sessions, ..form })
}

/// Everybody who logs in, what each role may do, and who has to use a second factor.
async fn everybody(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let look = move |tx: &Tx| Ok(RolesView { admins: admin_rows(tx, &actor)?, required: second_factor::required(tx)? });
    let view = app.store.read_slow(app.now(), look).await?;
    Ok(roles::page(&shell(&app, &who, flash).await?, &view).into_response())
}

#[derive(Deserialize)]
struct RequiredOf {
    of: Required,
}

async fn require_second_factor(State(app): State<App>, gate: Gate, who: SignedIn, Form(said): Form<RequiredOf>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| second_factor::require(tx, &actor, said.of)).await?;
    Ok(super::said(&app, &gate, &who, ADDRESS, t!("Saved. It holds from everybody's next request on.")))
}

#[derive(Deserialize)]
struct StandsFor {
    #[serde(default)]
    person: String,
}

async fn stands_for(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Form(said): Form<StandsFor>) -> Result<Response> {
    let (actor, target, label) = (who.actor.clone(), id.clone(), said.person.clone());
    let outcome = app.store.write(app.now(), move |tx| admins::link_person(tx, &actor, &target, Some(&label)).map(drop)).await;
    match outcome {
        Err(error) if is_about_the_form(&error) => {
            let form = AdminForm { errors: errors(&error), person: said.person, ..known(&app, &who, &id).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, admin(&shell(&app, &who, None).await?, &form)).into_response())
        }
        outcome => done_or_shown(&app, &who, &id, outcome).await,
    }
}

async fn end_session(State(app): State<App>, who: SignedIn, Path((id, session)): Path<(String, String)>) -> Result<Response> {
    let (actor, hash) = (who.actor.clone(), session_hash(&session)?);
    let outcome = app.store.write(app.now(), move |tx| admins::sessions::end(tx, &actor, &hash)).await;
    done_or_shown(&app, &who, &id, outcome).await
}

async fn end_sessions(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let outcome = app.store.write(app.now(), move |tx| admins::sessions::end_all(tx, &actor, &target, None).map(drop)).await;
    done_or_shown(&app, &who, &id, outcome).await
}

async fn reset_second_factor(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let outcome = app.store.write(app.now(), move |tx| second_factor::reset(tx, &actor, &target).map(drop)).await;
    done_or_shown(&app, &who, &id, outcome).await
}

async fn show(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let form = known(&app, &who, &id).await?;
    Ok(admin(&shell(&app, &who, None).await?, &form).into_response())
}

/// Shows the person's page again with why a change was refused.
async fn done_or_shown(app: &App, who: &SignedIn, id: &str, outcome: Result<()>) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(Redirect::to(&format!("/system/admins/{id}")).into_response()),
        Err(error) if is_about_the_form(&error) => {
            let form = AdminForm { errors: errors(&error), ..known(app, who, id).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, admin(&shell(app, who, None).await?, &form)).into_response())
        }
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct NewRole {
    role: Role,
}

async fn change_role(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Form(said): Form<NewRole>) -> Result<Response> {
    changed(&app, &who, &id, Change { role: Some(said.role), disabled: None }).await
}

async fn enable(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    changed(&app, &who, &id, Change { role: None, disabled: Some(false) }).await
}

async fn disable(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    changed(&app, &who, &id, Change { role: None, disabled: Some(true) }).await
}

async fn changed(app: &App, who: &SignedIn, id: &str, change: Change) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.to_owned());
    let outcome = app.store.write(app.now(), move |tx| admins::change(tx, &actor, &target, change).map(drop)).await;
    done_or_shown(app, who, id, outcome).await
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
}

async fn set_password(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(said): Form<NewPassword>,
) -> Result<Response> {
    let set = async {
        let password = hashed(&gate, &who.actor, said.password).await?;
        let (actor, target) = (who.actor.clone(), id.clone());
        app.store.write(app.now(), move |tx| admins::reset_password(tx, &actor, &target, password).map(drop)).await
    };
    let outcome = set.await;
    done_or_shown(&app, &who, &id, outcome).await
}

async fn ask_disable(state: State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    ask(state, who, id, false).await
}

async fn ask_remove(state: State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    ask(state, who, id, true).await
}

async fn ask(State(app): State<App>, who: SignedIn, id: String, for_good: bool) -> Result<Response> {
    let form = known(&app, &who, &id).await?;
    Ok(lose_access(&shell(&app, &who, None).await?, &id, &form.name, for_good).into_response())
}

async fn remove(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let outcome = app.store.write(app.now(), move |tx| admins::remove(tx, &actor, &target)).await;
    match outcome {
        Ok(()) => Ok(to_everybody()),
        refused => done_or_shown(&app, &who, &id, refused).await,
    }
}

async fn new_token(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Govern)?;
    let form = TokenForm { name: String::new(), role: Role::Viewer, days: String::new(), errors: Vec::new() };
    Ok(token(&shell(&app, &who, None).await?, &form).into_response())
}

#[derive(Deserialize)]
struct NewTokenForm {
    name: String,
    role: Role,
    #[serde(default)]
    days: String,
}

async fn make_token(State(app): State<App>, gate: Gate, who: SignedIn, Form(said): Form<NewTokenForm>) -> Result<Response> {
    let NewTokenForm { name, role, days } = said;
    let made = match whole(&days) {
        Ok(days) => {
            let (actor, new) = (who.actor.clone(), NewToken { name: name.clone(), role, days });
            app.store.write(app.now(), move |tx| tokens::create(tx, &actor, &new)).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok((made, text)) => {
            // Shown by a page of its own: loading that again makes no second token.
            let id = app.random.token();
            gate.lay(id.clone(), &who.session, Slip { title: made.name, text });
            Ok(Redirect::to(&format!("/system/tokens/made/{id}")).into_response())
        }
        Err(error) if is_about_the_form(&error) => {
            let form = TokenForm { name, role, days, errors: errors(&error) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, token(&shell(&app, &who, None).await?, &form)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Shows a new token, once.
async fn show_token(State(app): State<App>, gate: Gate, who: SignedIn, Path(slip): Path<String>) -> Result<Response> {
    let shell = shell(&app, &who, None).await?;
    Ok(match gate.take(&slip, &who.session) {
        Some(Slip { title, text }) => token_made(&shell, &title, text.expose()).into_response(),
        None => token_was_shown(&shell).into_response(),
    })
}

fn whole(days: &str) -> Result<Option<u32>> {
    match days.trim() {
        "" => Ok(None),
        days => days.parse().map(Some).map_err(|_| Error::field("days", t!("a whole number of days, or nothing for no end"))),
    }
}

async fn ask_revoke(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let (tokens, _) = app.store.read_slow(app.now(), move |tx| tokens::list(tx, &actor, None, ROWS)).await?;
    let found = tokens.into_iter().find(|token| token.id == target).ok_or_else(|| Error::not_found(t!("There is no such token.")))?;
    Ok(revoke(&shell(&app, &who, None).await?, &id, &found.name).into_response())
}

async fn revoke_token(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    app.store.write(app.now(), move |tx| tokens::revoke(tx, &who.actor, &id)).await?;
    Ok(to_system())
}
