//! ACME over HTTP (RFC 8555): signed requests are opened, the authority's room is asked, and every answer brings the next nonce.

mod nonces;
mod open;
mod views;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK, LOCATION};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use self::nonces::Nonces;
use self::open::{Opened, Opener, Stop};
use self::views::Addresses;
use crate::app::App;
use crate::error::Error;
use crate::http::error::Audience;
use crate::http::limits::{self, ACME_MAX_BYTES};
use crate::http::server::Peer;
use crate::http::strangers::{ACCOUNT_EVERY, ACCOUNTS_AT_ONCE, Strangers};
use crate::mdm::ca::acme::{self, Finalizing, KeyChanged};
use crate::pki::certificate::Certificate;
use crate::pki::csr::CertificationRequest;
use crate::pki::digest;
use crate::protocol::acme::{self as message, Fault, NewAccount, NewOrder, PEM_CHAIN, Problem, Revocation};
use crate::store::Tx;
use crate::store::acme::Order;

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

type Answer = Result<Response, Stop>;

/// The addresses of ACME. Only the first one stands in profiles; a client learns the others from it.
pub(super) fn routes(app: &App) -> Router<App> {
    let nonces = Arc::new(Nonces::new());
    let routes = Router::new()
        .route("/acme/directory", get(directory))
        .route("/acme/new-nonce", get(new_nonce))
        .route("/acme/new-account", post(new_account))
        .route("/acme/account/{id}", post(account))
        .route("/acme/account/{id}/orders", post(orders))
        .route("/acme/new-order", post(new_order))
        .route("/acme/order/{id}", post(order))
        .route("/acme/order/{id}/finalize", post(finalize))
        .route("/acme/authz/{id}", post(authorization))
        .route("/acme/challenge/{id}", post(challenge))
        .route("/acme/certificate/{id}", post(certificate))
        .route("/acme/revoke-cert", post(revoke))
        .route("/acme/key-change", post(change_key));
    let every_answer = axum::middleware::from_fn_with_state((app.clone(), Arc::clone(&nonces)), every_answer);
    let accounts = Strangers::of(ACCOUNTS_AT_ONCE, ACCOUNT_EVERY);
    limits::group(Audience::Acme, ACME_MAX_BYTES, routes).layer(every_answer).layer(Extension(nonces)).layer(Extension(accounts))
}

/// What every answer brings, whatever it says: the next nonce, and where the directory is.
async fn every_answer(State((app, nonces)): State<(App, Arc<Nonces>)>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(nonce) = HeaderValue::from_str(&nonces.give(app.now())) {
        headers.insert(REPLAY_NONCE, nonce);
    }
    link(&mut response, &Addresses::of(&app).directory(), "index");
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn link(response: &mut Response, to: &str, relation: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("<{to}>;rel=\"{relation}\"")) {
        response.headers_mut().append(LINK, value);
    }
}

async fn directory(State(app): State<App>) -> Response {
    Json(Addresses::of(&app).all()).into_response()
}

/// The nonce is in the headers; GET has no body to show (§7.2).
async fn new_nonce(method: Method) -> StatusCode {
    if method == Method::HEAD { StatusCode::OK } else { StatusCode::NO_CONTENT }
}

async fn new_account(State(app): State<App>, peer: Peer, Extension(accounts): Extension<Strangers>, opener: Opener) -> Answer {
    let (key, payload) = opener.with_its_key(&app)?;
    let wanted: NewAccount = message::read(&payload, t!("The account is no JSON object."))?;
    let addresses = Addresses::of(&app);
    let found = if wanted.only_return_existing {
        let known = app.store.read(app.now(), move |tx| acme::account_of(tx, &key)).await?;
        let known = known.filter(|account| account.deactivated_at.is_none());
        (known.ok_or_else(|| Fault::AccountDoesNotExist.because(t!("There is no account with this key.")))?, false)
    } else {
        let asked = key.clone();
        let known = app.store.read(app.now(), move |tx| acme::account_of(tx, &asked)).await?;
        if known.is_none() && accounts.count(peer.addr.ip(), app.now()).is_err() {
            return Err(Fault::RateLimited.because(t!("This address opens too many accounts. Try again later.")).into());
        }
        app.store.write(app.now(), move |tx| acme::new_account(tx, &key)).await??
    };
    let (account, is_new) = found;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let address = addresses.account(&account.id);
    Ok((status, [(LOCATION, address)], Json(addresses.view_account(&account))).into_response())
}

/// What becomes of an account.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Change {
    status: String,
}

/// Shows an account, or takes its holder's leave.
async fn account(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let Opened { account, payload } = opener.of_account(&app).await?;
    if account.id != id {
        return Err(Fault::Unauthorized.because(t!("An account is shown to its own holder only.")).into());
    }
    let change: Change = message::read(&payload, t!("The change of the account is no JSON object."))?;
    let mut view = Addresses::of(&app).view_account(&account);
    if change.status == "deactivated" {
        app.store.write(app.now(), move |tx| acme::deactivate(tx, &account)).await?;
        view.status = "deactivated";
    }
    Ok(Json(view).into_response())
}

async fn orders(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let Opened { account, .. } = opener.of_account(&app).await?;
    if account.id != id {
        return Err(Fault::Unauthorized.because(t!("An account's orders are shown to its own holder only.")).into());
    }
    let ids = app.store.read(app.now(), move |tx| acme::orders_of(tx, &account)).await?;
    let addresses = Addresses::of(&app);
    let orders: Vec<_> = ids.iter().map(|id| addresses.order(id)).collect();
    Ok(Json(serde_json::json!({ "orders": orders })).into_response())
}

async fn new_order(State(app): State<App>, opener: Opener) -> Answer {
    let Opened { account, payload } = opener.of_account(&app).await?;
    let wanted: NewOrder = message::read(&payload, t!("The order is no JSON object with `identifiers`."))?;
    let (order, identifier) = {
        let make = move |tx: &Tx| match acme::new_order(tx, &account, &wanted)? {
            Ok(order) => Ok(Ok((acme::identifier(tx, &order)?, order))),
            Err(problem) => Ok(Err(problem)),
        };
        let (identifier, order) = app.store.write(app.now(), make).await??;
        (order, identifier)
    };
    let addresses = Addresses::of(&app);
    let address = addresses.order(&order.id);
    Ok((StatusCode::CREATED, [(LOCATION, address)], Json(addresses.view_order(&order, identifier))).into_response())
}

/// Finds the order that a request is about, and what it is for.
async fn found(app: &App, opener: Opener, id: String) -> Result<(Order, message::Identifier, Vec<u8>), Stop> {
    let Opened { account, payload } = opener.of_account(app).await?;
    let look = move |tx: &Tx| match acme::order(tx, &account, &id)? {
        Ok(order) => Ok(Ok((acme::identifier(tx, &order)?, order))),
        Err(problem) => Ok(Err(problem)),
    };
    let (identifier, order) = app.store.read(app.now(), look).await??;
    Ok((order, identifier, payload))
}

async fn order(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let (order, identifier, _) = found(&app, opener, id).await?;
    Ok(Json(Addresses::of(&app).view_order(&order, identifier)).into_response())
}

async fn authorization(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let (order, identifier, _) = found(&app, opener, id).await?;
    Ok(Json(Addresses::of(&app).view_authorization(&order, identifier)).into_response())
}

/// Takes the answer to a challenge; an empty request only looks at it.
async fn challenge(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let (mut order, _, payload) = found(&app, opener, id).await?;
    if !payload.is_empty() {
        let answer = message::Answer::read(&payload)?;
        order = app.store.write(app.now(), move |tx| acme::respond(tx, order, &answer)).await??;
    }
    let addresses = Addresses::of(&app);
    let mut response = Json(addresses.view_challenge(&order)).into_response();
    link(&mut response, &addresses.authorization(&order.id), "up");
    Ok(response)
}

async fn finalize(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let (mut order, identifier, payload) = found(&app, opener, id).await?;
    let request = CertificationRequest::from_der(&message::csr(&payload)?).and_then(|request| request.check_key().map(|()| request));
    let request = request.map_err(|error| Fault::BadCsr.because(format!("{error}.")))?;
    let key_hash = digest::sha256(request.public_key_der());
    let asked = order.clone();
    let finalizing = app.store.read(app.now(), move |tx| acme::decide(tx, &asked, key_hash)).await??;
    if let Finalizing::Issue(grant) = finalizing {
        let (now, authority) = (app.now(), app.authority());
        let name = grant.common_name(&app.random, now);
        let issuing = Arc::clone(&authority);
        let issued = tokio::task::spawn_blocking(move || issuing.issuer.identity(&request, &name, now)).await;
        let issued = issued.map_err(|error| Error::internal("a certificate's making was cut off", error))?.map_err(Error::from)?;
        let record = move |tx: &Tx| acme::record(tx, order, key_hash, &grant, &issued, &authority.id);
        order = app.store.write(now, record).await??;
    }
    let addresses = Addresses::of(&app);
    let address = addresses.order(&order.id);
    Ok(([(LOCATION, address)], Json(addresses.view_order(&order, identifier))).into_response())
}

async fn certificate(State(app): State<App>, Path(id): Path<String>, opener: Opener) -> Answer {
    let (order, _, _) = found(&app, opener, id).await?;
    let chain = app.store.read(app.now(), move |tx| acme::certificate(tx, &order)).await??;
    let pem: String = chain.iter().filter_map(|der| Certificate::from_der(der).ok()).map(|certificate| certificate.to_pem()).collect();
    Ok(([(CONTENT_TYPE, PEM_CHAIN)], pem).into_response())
}

/// Revokes a certificate for its holder (§7.6): nothing is said where that is done.
async fn revoke(State(app): State<App>, opener: Opener) -> Answer {
    let (signer, payload) = opener.of_either(&app).await?;
    let wanted = Revocation::read(&payload)?;
    app.store.write(app.now(), move |tx| acme::revoke(tx, &signer, &wanted)).await??;
    Ok(StatusCode::OK.into_response())
}

/// Gives an account another key, which signs its consent (§7.3.5); a key that another account has is a conflict, with the address of that account.
async fn change_key(State(app): State<App>, opener: Opener) -> Answer {
    let Opened { account, payload } = opener.of_account(&app).await?;
    let key = open::new_key(&app, &account, &payload)?;
    let changed = app.store.write(app.now(), move |tx| acme::change_key(tx, &account, &key)).await??;
    let addresses = Addresses::of(&app);
    Ok(match changed {
        KeyChanged::Done(account) => Json(addresses.view_account(&account)).into_response(),
        KeyChanged::Taken(other) => {
            let problem = Fault::Malformed.because(t!("Another account has this key. Take a key that no account has."));
            let mut response = Stop::from(Problem { status: 409, ..problem }).into_response();
            if let Ok(address) = HeaderValue::from_str(&addresses.account(&other)) {
                response.headers_mut().insert(LOCATION, address);
            }
            response
        }
    })
}

#[cfg(test)]
mod tests;
