//! The steps of set-up, with a mark at what is done; one leaves and comes back.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::{invitations, shell, tls};
use crate::app::App;
use crate::apple::connect::{Connector, Trust};
use crate::apple::own_address;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::SignedIn;
use crate::http::pages::devices::OpenInvitation;
use crate::http::pages::invitations::Arrival;
use crate::http::pages::setup::{SetupView, TlsView, page};
use crate::http::tls::names;
use crate::mdm::Right;
use crate::mdm::first_steps::{self, AddressTest, FirstSteps};
use crate::pki::certificate::Certificate;

/// How long the own address may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is fetched from the own address: an answer of this program that says nothing of it.
const LOOK_AT: &str = "/health/live";

pub(super) fn routes() -> Router<App> {
    Router::new().route("/setup/steps", get(steps)).route("/setup/address", post(confirm)).route("/setup/address/test", post(test))
}

async fn steps(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    let look = move |tx: &_| {
        let standing = first_steps::standing(tx, &actor)?;
        let arrivals = standing.invitation.as_ref().map(|invitation| invitations::arrivals(tx, &invitation.id)).transpose()?;
        Ok((standing, arrivals.unwrap_or_default()))
    };
    let (standing, arrivals) = app.store.read_slow(app.now(), look).await?;
    let mut shell = shell(&app, &who, None).await?;
    let view = SetupView { may_practise: who.actor.may(Right::Configure), ..view(&app, standing, arrivals, &shell.viewer.name).await };
    let progress = view.progress();
    shell.setup = (progress.done < progress.of).then_some(progress);
    Ok(page(&shell, &view).into_response())
}

async fn view(app: &App, standing: FirstSteps, arrivals: Vec<Arrival>, owner: &str) -> SetupView {
    let tls = match files_end(app).await.filter(|_| !app.shows_own_tls()) {
        _ if standing.tls_refused && !app.shows_own_tls() => TlsView::Refused,
        Some(end) => TlsView::Files(end),
        None if !app.shows_own_tls() && app.config.tls.is_none() => TlsView::Public,
        None => TlsView::Own(String::from("/trust")),
    };
    let invited = |code: String| OpenInvitation { url: format!("{}/enroll/{code}", app.public_url), code };
    SetupView {
        second_factor: standing.second_factor,
        names: detected(app).await,
        listens_here_alone: first_steps::listens_here_alone(&app.listening()),
        extra_hosts: app.config.extra_hosts.clone(),
        ways: tls::ways(app),
        address_test: standing.address_test.filter(|test| test.url == app.public_url),
        address_confirmed: standing.address_confirmed,
        practice: standing.practice.into(),
        practice_done: standing.practice_done,
        push_until: standing.push_until,
        invitation: standing.invitation.map(|invitation| invited(invitation.code)),
        arrivals,
        devices: standing.devices,
        apps: Some(standing.apps),
        app_places: standing.app_places,
        awaits_location: standing.awaits_location,
        locations: standing.locations,
        device_lists: standing.device_lists,
        backup_at: standing.backup_at,
        ..SetupView::begun(owner, &app.public_url, tls)
    }
}

/// The names and addresses that this machine has beside its public one, as addresses of the page.
async fn detected(app: &App) -> Vec<String> {
    let (config, host) = (app.config.clone(), app.public_host().to_owned());
    let port = app.public_url.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port != 443);
    // Files of the system are read, and on some systems a program is asked.
    let found = tokio::task::spawn_blocking(move || {
        let near = ["localhost", "127.0.0.1", "::1"];
        let names = names::wanted(&config, &host).into_iter();
        names.filter(|name| *name != host && !config.extra_hosts.contains(name) && !near.contains(&name.as_str())).collect::<Vec<_>>()
    });
    let address = |name: String| {
        let host = if name.contains(':') { format!("[{name}]") } else { name };
        port.map_or_else(|| format!("https://{host}"), |port| format!("https://{host}:{port}"))
    };
    found.await.unwrap_or_default().into_iter().map(address).collect()
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

/// Fetches something from the own public address, as an enrolled device would: by our own roots and those that every device brings along.
async fn test(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let roots = app.roots();
    let mut trust = Trust::public().and(&roots.current.issuer.certificate().to_pem())?;
    for former in &roots.former {
        trust = trust.and(&former.issuer.certificate().to_pem())?;
    }
    let url = app.public_url.clone();
    let answer = own_address::fetch(&Connector::new(trust, app.clock.clone()), &format!("{url}{LOOK_AT}"), None, TIMEOUT).await;
    let (good, words) = match answer {
        Ok(answer) if answer.status == 200 && first_steps::is_this_machine(app.public_host()) => (
            false,
            t!(
                "This machine reached itself there, and so would every device reach itself: {public_host} is for this machine alone.",
                public_host = app.public_host()
            ),
        ),
        Ok(answer) if answer.status == 200 => (
            true,
            String::from(t!(
                "This machine reached itself there: the name, the port and the certificate are right. Whether devices elsewhere do, only one of them can tell."
            )),
        ),
        Ok(answer) => (
            false,
            t!(
                "Something else answers there (status {status}). Does a proxy or another program stand before this appliance?",
                status = answer.status
            ),
        ),
        Err(error) => (
            false,
            t!(
                "This machine does not reach itself there: {message} Look whether the name leads to it, and whether the port is open. Some routers \
                 do not let their own network in by the outside address; then a device elsewhere tells.",
                message = error.message
            ),
        ),
    };
    let outcome = AddressTest { at: app.now(), url, good, words };
    app.store.write(app.now(), move |tx| first_steps::note_test(tx, &who.actor, &outcome)).await?;
    Ok(Redirect::to("/setup/steps#address").into_response())
}
