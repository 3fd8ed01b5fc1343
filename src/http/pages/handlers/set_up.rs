//! The steps of set-up, with a mark at what is done; one leaves and comes back.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::shell;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::SignedIn;
use crate::http::pages::devices::OpenInvitation;
use crate::http::pages::setup::{SetupView, TlsView, page};
use crate::mdm::Right;
use crate::mdm::first_steps::{self, FirstSteps};
use crate::pki::certificate::Certificate;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/setup/steps", get(steps)).route("/setup/address", post(confirm))
}

async fn steps(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    let standing = app.store.read_slow(app.now(), move |tx| first_steps::standing(tx, &actor)).await?;
    let mut shell = shell(&app, &who, None).await?;
    let view = SetupView { may_practise: who.actor.may(Right::Configure), ..view(&app, standing, &shell.viewer.name).await };
    let progress = view.progress();
    shell.setup = (progress.done < progress.of).then_some(progress);
    Ok(page(&shell, &view).into_response())
}

async fn view(app: &App, standing: FirstSteps, owner: &str) -> SetupView {
    let tls = match files_end(app).await {
        Some(end) => TlsView::Files(end),
        None if !app.shows_own_tls() && app.config.tls.is_none() => TlsView::Public,
        None => TlsView::Own(String::from("/trust")),
    };
    let invited = |code: String| OpenInvitation { url: format!("{}/enroll/{code}", app.public_url), code };
    SetupView {
        address_confirmed: standing.address_confirmed,
        practice: standing.practice.into(),
        practice_done: standing.practice_done,
        push_until: standing.push_until,
        invitation: standing.invitation.map(|invitation| invited(invitation.code)),
        devices: standing.devices,
        backup_at: standing.backup_at,
        ..SetupView::begun(owner, &app.public_url, tls)
    }
}

/// The end of the certificate in the settings' files; none without files, and where they cannot be read, which is said elsewhere.
async fn files_end(app: &App) -> Option<Timestamp> {
    let files = app.config.tls.as_ref()?;
    let pem = tokio::fs::read(&files.certificate).await.ok()?;
    Some(Certificate::from_pem(&pem).ok()?.not_after())
}

async fn confirm(State(app): State<App>, who: SignedIn) -> Result<Response> {
    app.store.write(app.now(), move |tx| first_steps::confirm_address(tx, &who.actor)).await?;
    Ok(Redirect::to("/setup").into_response())
}
