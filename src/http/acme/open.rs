//! Opening a signed request: its form, the address that it was made for, its nonce, and whose signature it is (RFC 8555 §6.2 to §6.5).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::nonces::Nonces;
use super::views::{Addresses, KEY_CHANGE};
use crate::app::App;
use crate::error::Error;
use crate::http::error::as_it_is;
use crate::mdm::ca::acme::{self, Signer};
use crate::pki::jws::flattened::Jwk;
use crate::pki::jws::{Jws, JwsError};
use crate::protocol::acme::{Fault, JOSE, KeyChange, Problem, problem};
use crate::store::acme::Account;

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER_S: u32 = 30;

/// Why a request gets no better answer: a problem of ACME's kinds, or a failure of the house.
pub(super) enum Stop {
    Problem(Problem),
    Failure(Error),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

impl From<JwsError> for Stop {
    fn from(error: JwsError) -> Self {
        let fault = match error {
            JwsError::Algorithm => Fault::BadSignatureAlgorithm,
            JwsError::Signature => Fault::Unauthorized,
            _ => Fault::Malformed,
        };
        Self::Problem(fault.because(format!("{error}.")))
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Problem(problem) => problem,
            Self::Failure(error) => return error.into_response(),
        };
        tracing::info!("an ACME request was refused: {}", problem.detail);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, problem::CONTENT_TYPE)], body).into_response();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        as_it_is(response)
    }
}

/// A request as it came; nothing about it is proven.
pub(super) struct Opener {
    path: String,
    is_jose: bool,
    body: Bytes,
    nonces: Arc<Nonces>,
}

/// A request of an account, proven to be its holder's.
pub(super) struct Opened {
    pub(super) account: Account,
    pub(super) payload: Vec<u8>,
}

impl FromRequest<App> for Opener {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let lost = || Error::new(crate::error::Kind::Internal, t!("the nonces are gone")).into_response();
        let nonces = request.extensions().get::<Arc<Nonces>>().cloned().ok_or_else(lost)?;
        let path = request.uri().path().to_owned();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_jose = kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JOSE);
        let body = Bytes::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        Ok(Self { path, is_jose, body, nonces })
    }
}

impl Opener {
    /// The request, well formed, made for this address, and fresh.
    fn fresh(&self, app: &App) -> Result<Jws, Stop> {
        if !self.is_jose {
            let problem = Fault::Malformed.because(t!("Requests are of the Content-Type {JOSE}.", JOSE));
            return Err(Problem { status: 415, ..problem }.into());
        }
        let jws = Jws::parse_flattened(&self.body)?;
        let address = Addresses::of(app).of_path(&self.path);
        if jws.url() != Some(address.as_str()) {
            return Err(Fault::Unauthorized
                .because(t!("The request was not made for this address, {address}: its header `url` says another.", address))
                .into());
        }
        if !jws.nonce().is_some_and(|nonce| self.nonces.take(nonce, app.now())) {
            return Err(Fault::BadNonce
                .because(t!("The nonce is missing, too old, or was used before. Take the one of this answer."))
                .into());
        }
        Ok(jws)
    }

    /// Opens a request that brings its own key; gives the key and what it says.
    pub(super) fn with_its_key(self, app: &App) -> Result<(Jwk, Vec<u8>), Stop> {
        by_its_key(&self.fresh(app)?)
    }

    /// Opens a request of an account.
    pub(super) async fn of_account(self, app: &App) -> Result<Opened, Stop> {
        by_account(app, &self.fresh(app)?).await
    }

    /// Opens a request of an account, or one that brings its own key; gives who signed it and what it says.
    pub(super) async fn of_either(self, app: &App) -> Result<(Signer, Vec<u8>), Stop> {
        let jws = self.fresh(app)?;
        if jws.key().is_some() {
            let (key, payload) = by_its_key(&jws)?;
            return Ok((Signer::Key(key), payload));
        }
        let Opened { account, payload } = by_account(app, &jws).await?;
        Ok((Signer::Account(account), payload))
    }
}

/// The key that a request brings along and is signed by, and what it says.
fn by_its_key(jws: &Jws) -> Result<(Jwk, Vec<u8>), Stop> {
    let key = match (jws.key(), jws.key_id()) {
        (Some(key), None) => {
            key.map_err(|_| Fault::BadPublicKey.because(t!("The key must be a P-256 key, or an RSA key of 2048 to 4096 bits.")))?
        }
        _ => return Err(Fault::Malformed.because(t!("This request comes with its key in `jwk`, and without `kid`.")).into()),
    };
    jws.verify_by_key(&key)?;
    Ok((key, jws.payload().to_vec()))
}

async fn by_account(app: &App, jws: &Jws) -> Result<Opened, Stop> {
    let id = match (jws.key(), jws.key_id()) {
        (None, Some(address)) => Addresses::of(app).id_of_account(address).map(str::to_owned),
        _ => {
            return Err(Fault::Malformed
                .because(t!("A request of an account names its address in `kid`, and comes without `jwk`."))
                .into());
        }
    };
    let no_account = || Fault::AccountDoesNotExist.because(t!("`kid` is not the address of an account here."));
    let id = id.ok_or_else(no_account)?;
    let account = app.store.read(app.now(), move |tx| acme::account(tx, &id)).await??;
    jws.verify_by_key(&key_of(&account)?)?;
    Ok(Opened { account, payload: jws.payload().to_vec() })
}

fn key_of(account: &Account) -> Result<Jwk, Stop> {
    let damaged = || Error::new(crate::error::Kind::Internal, t!("the key of a stored account cannot be read"));
    Ok(Jwk::from_canonical(&account.key).ok_or_else(damaged)?)
}

/// Opens what the new key of an account signed, which is the payload of a request by the old one (RFC 8555 §7.3.5); gives the new key.
pub(super) fn new_key(app: &App, account: &Account, payload: &[u8]) -> Result<Jwk, Stop> {
    let malformed = |words: &str| Stop::from(Fault::Malformed.because(words));
    let inner = Jws::parse_flattened(payload)?;
    let (key, said) = by_its_key(&inner)?;
    let addresses = Addresses::of(app);
    if inner.url() != Some(addresses.of_path(KEY_CHANGE).as_str()) || inner.nonce().is_some() {
        return Err(malformed(t!("What the new key signed must name the same `url` as the request, and no nonce.")));
    }
    let change = KeyChange::read(&said)?;
    if change.account != addresses.account(&account.id) {
        return Err(malformed(t!("What the new key signed names another account than the request.")));
    }
    if Jwk::read(&change.old_key) != Some(key_of(account)?) {
        return Err(malformed(t!("`oldKey` is not the key that the account has.")));
    }
    Ok(key)
}
