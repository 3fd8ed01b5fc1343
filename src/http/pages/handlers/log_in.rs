//! Logging in and out, and the first run behind the set-up link.

use axum::Router;
use axum::extract::State;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::form::{Form, errors};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{FromOurPage, Gate, MaybeActor, SignedIn, cookie};
use crate::http::error::{Audience, status};
use crate::http::pages::login::{CodeView, LoginView, code, login};
use crate::http::pages::problem::{ProblemView, problem};
use crate::http::pages::setup::{WelcomeView, welcome, welcome_over};
use crate::mdm::admins::second_factor::Next;
use crate::mdm::admins::sessions::{self, Started};
use crate::mdm::admins::setup;
use crate::mdm::settings;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/login", get(ask).post(log_in))
        .route("/login/code", get(to_log_in).post(by_code))
        .route("/logout", post(log_out))
        .route("/setup", get(first_run).post(begin))
}

#[derive(Debug, Deserialize)]
struct AskQuery {
    #[serde(default)]
    next: String,
    /// `out` after logging out.
    #[serde(default)]
    said: String,
    /// The token of a link that logs in once.
    #[serde(default)]
    once: Option<String>,
}

/// Shows the log-in, or leads on whoever is logged in already.
async fn ask(
    State(app): State<App>,
    gate: Gate,
    from: FromOurPage,
    MaybeActor(actor): MaybeActor,
    Query(query): Query<AskQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    if actor.is_some() {
        return Ok(Redirect::to(own_path(&query.next)).into_response());
    }
    let mut over = None;
    if let Some(token) = query.once.filter(|_| is_visit(&method, &headers)) {
        match gate.log_in_by_link(token.into(), from.client).await {
            Ok(started) => return enter(&gate, &started, from.secure, "/").await,
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::TooOften) => over = Some(error.message.into_owned()),
            Err(error) => return Err(error),
        }
    }
    let is_set_up = app.store.read(app.now(), setup::is_done).await?;
    let notice = if !is_set_up {
        Some(t!("Nobody can log in yet. Open the set-up link that Rollcall printed when it started; another start prints a new one."))
    } else if query.said == "out" {
        Some(t!("You are logged out."))
    } else {
        None
    };
    let view = LoginView { next: query.next, error: over, notice: notice.map(str::to_owned), ..LoginView::default() };
    Ok(login(&view).into_response())
}

/// Whoever loads the page of the code again begins anew.
async fn to_log_in() -> Redirect {
    Redirect::to("/login")
}

/// Tells whether a person opens the page: previews and scanners ask for its head, browsers fetch ahead, and neither may use a link up.
fn is_visit(method: &Method, headers: &HeaderMap) -> bool {
    let ahead = ["sec-purpose", "purpose", "x-moz"];
    let is_ahead = |name: &&str| headers.get(*name).is_some_and(|value| value.as_bytes().starts_with(b"prefetch"));
    method == Method::GET && !ahead.iter().any(is_ahead)
}

#[derive(Deserialize)]
struct LogIn {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Logs someone in, or shows the form again with the reason.
async fn log_in(gate: Gate, from: FromOurPage, Form(form): Form<LogIn>) -> Result<Response> {
    let LogIn { name, password, next } = form;
    match gate.log_in(name.clone(), password.into(), from.client, from.known.as_deref()).await {
        Ok(Next::Started(started)) => enter(&gate, &started, from.secure, own_path(&next)).await,
        Ok(Next::Code(token)) => Ok(code(&CodeView { token: token.expose().clone(), next, error: None }).into_response()),
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::TooOften | Kind::BadInput) => {
            let view = LoginView { name, error: Some(error.message.clone().into_owned()), next, ..LoginView::default() };
            Ok(refused(&error, login(&view)))
        }
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct GivenCode {
    token: String,
    code: String,
    #[serde(default)]
    next: String,
}

/// Logs in whoever knows the code too, or asks for it again; where that is over, for the password.
async fn by_code(gate: Gate, from: FromOurPage, Form(form): Form<GivenCode>) -> Result<Response> {
    let GivenCode { token, code: given, next } = form;
    match gate.log_in_by_code(token.clone().into(), given.into(), from.client).await {
        Ok(started) => enter(&gate, &started, from.secure, own_path(&next)).await,
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::TooOften) => {
            Ok(refused(&error, code(&CodeView { token, next, error: Some(error.message.clone().into_owned()) })))
        }
        Err(error) => Err(error),
    }
}

/// Ends the session of this browser.
async fn log_out(State(app): State<App>, who: SignedIn, from: FromOurPage) -> Result<Response> {
    app.store.write(app.now(), move |tx| sessions::end(tx, &who.actor, &who.session.token_hash)).await?;
    Ok(([(SET_COOKIE, cookie::end(from.secure)?)], Redirect::to("/login?said=out")).into_response())
}

#[derive(Debug, Deserialize)]
struct FirstRunQuery {
    token: Option<String>,
}

/// Shows the first run behind a set-up link that is good; without a token it is the way to the steps of set-up.
async fn first_run(State(app): State<App>, Query(query): Query<FirstRunQuery>) -> Result<Response> {
    let Some(token) = query.token else { return Ok(Redirect::to("/setup/steps").into_response()) };
    match app.store.read(app.now(), |tx| setup::check(tx, &token)).await {
        Ok(()) => Ok(welcome(&WelcomeView { token, ..WelcomeView::default() }).into_response()),
        Err(error) => over(&app, error).await,
    }
}

#[derive(Deserialize)]
struct Begin {
    token: String,
    #[serde(default)]
    organisation: String,
    name: String,
    password: String,
}

/// Makes the first Owner and logs them in.
async fn begin(State(app): State<App>, gate: Gate, from: FromOurPage, Form(form): Form<Begin>) -> Result<Response> {
    let Begin { token, organisation, name, password } = form;
    match gate.set_up(token.clone().into(), name.clone(), password.into(), from.client).await {
        Ok(started) => {
            let said = organisation.trim().to_owned();
            if !said.is_empty() {
                app.store.write(app.now(), move |tx| settings::set_organisation(tx, &said)).await?;
            }
            enter(&gate, &started, from.secure, "/setup/steps").await
        }
        Err(error) if error.kind == Kind::NotFound => over(&app, error).await,
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::TooOften) => {
            let view = WelcomeView { token, organisation, name, errors: errors(&error) };
            Ok(refused(&error, welcome(&view)))
        }
        Err(error) => Err(error),
    }
}

/// What a set-up link that cannot be used any more shows.
pub(super) async fn over(app: &App, error: Error) -> Result<Response> {
    if error.kind != Kind::NotFound {
        return Err(error);
    }
    if app.store.read(app.now(), setup::is_done).await? {
        return Ok((StatusCode::NOT_FOUND, welcome_over()).into_response());
    }
    let view = ProblemView {
        title: t!("This set-up link is over").into(),
        words: error.message.into_owned(),
        way_on: None,
        ..ProblemView::not_found()
    };
    Ok((StatusCode::NOT_FOUND, problem(&view)).into_response())
}

/// Hands the cookies over and leads on.
async fn enter(gate: &Gate, started: &Started, secure: bool, next: &str) -> Result<Response> {
    let mark = gate.mark(&started.admin.id).await?;
    let cookies = [(SET_COOKIE, cookie::begin(&started.token, secure)?), (SET_COOKIE, cookie::know(&mark, secure)?)];
    Ok((AppendHeaders(cookies), Redirect::to(next)).into_response())
}

/// A form that is shown again because of `error`.
fn refused(error: &Error, page: maud::Markup) -> Response {
    let mut response = (status(error.kind, Audience::Person), page).into_response();
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Where to go after a log-in: a path of ours, and never another site's address in disguise.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_never_leads_to_another_site() {
        for own in ["/devices?a=1&b=%2F", "/", "/a//b"] {
            assert_eq!(own_path(own), own);
        }
        for foreign in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "javascript:1",
            "/a\r\nb",
        ] {
            assert_eq!(own_path(foreign), "/", "{foreign:?}");
        }
    }
}
