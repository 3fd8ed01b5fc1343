//! Enrollment by account: its rules, and whether devices find the way here.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::account_domain::{self, Checked};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::system::account::{ADDRESS, AccountView, page};
use crate::mdm::enroll::account::rules::{self, Change};
use crate::mdm::{Right, ade};
use crate::protocol::service_discovery::ModelFamily;
use crate::store::account_tokens::Ownership;
use crate::store::{Tx, roster};

pub(super) fn routes() -> Router<App> {
    Router::new().route(ADDRESS, get(show).post(change)).route("/system/account-enrollment/check", post(check))
}

/// How it stands, for the page of the system.
pub(super) fn part(tx: &Tx) -> Result<(Mark, String)> {
    let rules = rules::rules(tx)?;
    let names: Vec<_> = rules.families.keys().map(|family| family.name()).collect();
    let words = if names.is_empty() { String::from(t!("off")) } else { t!("people enroll by it: {list}", list = names.join(", ")) };
    Ok((Mark::Ok, words))
}

async fn view(app: &App, who: &SignedIn) -> Result<AccountView> {
    let actor = who.actor.clone();
    let read = move |tx: &Tx| {
        let servers = ade::servers::list(tx, &actor)?.into_iter().map(|standing| standing.server);
        let told = servers.filter(|server| !server.discovery_url.is_empty() || !server.discovery_problem.is_empty());
        let told: Vec<_> = told.map(|server| (server.name, server.discovery_problem)).collect();
        Ok((rules::show(tx, &actor)?, rules::domains(tx, &actor)?, roster::groups(tx)?, told))
    };
    let (rules, domains, groups, told) = app.store.read(app.now(), read).await?;
    Ok(AccountView {
        families: ModelFamily::ALL.into_iter().map(|family| (family, rules.families.get(&family).copied())).collect(),
        group: rules.group,
        groups,
        server: app.public_url.clone(),
        domains,
        told,
        checked: None,
        errors: Vec::new(),
        may_change: who.actor.may(Right::Configure),
    })
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    // Whatever is neither word means that nobody may.
    let chosen = |family: ModelFamily| Some((family, of(family.as_str())?.parse::<Ownership>().ok()));
    let families: Vec<_> = ModelFamily::ALL.into_iter().filter_map(chosen).collect();
    let group = of("group").unwrap_or_default().to_owned();
    let (actor, wanted) = (who.actor.clone(), Change { families: families.iter().copied().collect(), group: Some(group.clone()) });
    match app.store.write(app.now(), move |tx| rules::change(tx, &actor, wanted)).await {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved. Devices that are enrolled stay as they are."))),
        Err(error) if error.kind == Kind::BadInput => {
            let view = AccountView { families, group, errors: errors(&error), ..view(&app, &who).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct Domain {
    domain: String,
}

async fn check(State(app): State<App>, who: SignedIn, Form(Domain { domain }): Form<Domain>) -> Result<Response> {
    let Checked { good, words } = account_domain::check(&app, &who.actor, &domain).await?;
    let view = AccountView { checked: Some((domain, good, words)), ..view(&app, &who).await? };
    Ok(page(&shell(&app, &who, None).await?, &view).into_response())
}
