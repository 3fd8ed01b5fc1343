//! SCEP over HTTP: reads the client's dialect, asks the authority's room, answers in kind.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::app::{App, Authority, ImportedAuthority, Roots};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::error::{Audience, Why};
use crate::http::limits::{self, SCEP_MAX_BYTES};
use crate::http::log::RequestId;
use crate::http::server::Peer;
use crate::http::strangers::Strangers;
use crate::mdm::ca::scep::{self, Answer, Refusal};
use crate::pki::certificate::Certificate;
use crate::pki::csr::Challenge;
use crate::pki::digest;
use crate::protocol::scep::{self as message, FailInfo, OpenOptions, Opened, Operation, Request};
use crate::store::invitations::IdentityKind;

/// The addresses of SCEP; some clients add the name that a CGI program once had.
pub fn routes() -> Router<App> {
    let door = || get(scep).post(scep);
    let routes = Router::new().route("/scep", door()).route("/scep/pkiclient.exe", door());
    limits::group(Audience::Scep, SCEP_MAX_BYTES, routes).layer(Extension(Strangers::default()))
}

/// Whoever asks for a certificate, as far as the door sees it.
struct Asker {
    app: App,
    strangers: Strangers,
    from: IpAddr,
    /// The id of the request.
    request: Option<Arc<str>>,
}

/// What a message is answered with.
struct Answered {
    message: Vec<u8>,
    /// Why it is a refusal, for the request's line in the log.
    why: Option<String>,
}

impl From<Vec<u8>> for Answered {
    fn from(message: Vec<u8>) -> Self {
        Self { message, why: None }
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let mut response = ([(CONTENT_TYPE, message::PKI_MESSAGE)], self.message).into_response();
        if let Some(why) = self.why {
            response.extensions_mut().insert(Why(why.into()));
        }
        response
    }
}

async fn scep(
    State(app): State<App>,
    Extension(strangers): Extension<Strangers>,
    peer: Result<Peer>,
    id: Option<Extension<RequestId>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<Response> {
    let operation = message::parse_query(query.as_deref().unwrap_or_default().as_bytes())?;
    let authority = app.authority();
    Ok(match operation {
        Operation::GetCaCaps => ([(CONTENT_TYPE, "text/plain")], message::CAPABILITIES).into_response(),
        Operation::GetCaCert => {
            let (body, kind) = message::ca_certificates_body(&[authority.issuer.certificate().clone()])?;
            ([(CONTENT_TYPE, kind)], body).into_response()
        }
        Operation::GetNextCaCert => ([(CONTENT_TYPE, message::NEXT_CA_CERTIFICATE)], next_certificate(&app).await?).into_response(),
        Operation::PkiOperation(in_query) => {
            let bytes = match in_query {
                Some(bytes) if body.is_empty() => bytes,
                _ if method == Method::POST && !body.is_empty() => body.to_vec(),
                _ => return Err(Error::bad_input(t!("The PKIOperation came without a message."))),
            };
            let asker = Asker { app, strangers, from: peer?.addr.ip(), request: id.map(|Extension(id)| id.0) };
            operate(&asker, bytes).await?.into_response()
        }
    })
}

/// The certificate of the next root, signed by the present one (RFC 8894 §4.7); refused while there is none.
async fn next_certificate(app: &App) -> Result<Vec<u8>> {
    let (roots, now) = (app.roots(), app.now());
    let Some(next) = roots.next.clone() else { return Err(Error::not_found(t!("There is no next certificate yet."))) };
    blocking(move || Ok(message::next_ca_certificate(roots.current.issuer.signer(), &next, now)?)).await
}

/// Opens a message, decides, issues and answers. Signing and decrypting take milliseconds, so they run beside the requests.
async fn operate(asker: &Asker, bytes: Vec<u8>) -> Result<Answered> {
    let app = &asker.app;
    let options = OpenOptions { allow_single_des: app.config.scep_legacy_clients };
    let (roots, imported, now) = (app.roots(), app.imported(), app.now());
    let (authority, opened) = blocking(move || open(&roots, &imported, &bytes, options)).await?;
    match opened {
        Opened::Request(request) => decide(asker, authority, Arc::from(request), now).await,
        Opened::Refused(refusal) => {
            asker.strangers.count(asker.from, now)?;
            let why = format!("{} (transaction {:?})", refusal.reason, refusal.header.transaction_id);
            Ok(Answered { message: refusal.answer(authority.issuer.signer(), now)?, why: Some(why) })
        }
    }
}

/// Opens a message with the authority that it is encrypted to. A client that asked for our certificate before another root came into use goes on
/// with the one it got, and is answered by that one; what it is issued comes from the present one all the same. The authority of another server, where its
/// key came with it, goes on as it did there: it issues too.
fn open(roots: &Roots, imported: &[ImportedAuthority], bytes: &[u8], options: OpenOptions) -> Result<(Arc<Authority>, Opened)> {
    let with =
        |authority: &Arc<Authority>| Ok::<_, Error>((Arc::clone(authority), Request::open(bytes, authority.issuer.signer(), options)?));
    let is_for_another = |opened: &Opened| matches!(opened, Opened::Refused(refusal) if refusal.fail_info == FailInfo::BadMessageCheck);
    let present = with(&roots.current)?;
    if is_for_another(&present.1) {
        let moved_in = imported.iter().filter_map(|authority| authority.issuer.as_ref());
        for former in roots.former.iter().chain(moved_in) {
            let opened = with(former)?;
            if !is_for_another(&opened.1) {
                return Ok(opened);
            }
        }
    }
    Ok(present)
}

async fn decide(asker: &Asker, authority: Arc<Authority>, request: Arc<Request>, now: Timestamp) -> Result<Answered> {
    let app = &asker.app;
    let facts = match Facts::of(&request) {
        Ok(facts) => facts,
        Err(why) => {
            asker.strangers.count(asker.from, now)?;
            return refusal(&authority, &request, &why, now);
        }
    };
    match app.store.read(now, |tx| scep::decide(tx, &facts.request())).await? {
        Answer::Again(der) => {
            let certificate = Certificate::from_der(&der).map_err(|error| Error::internal("a stored certificate cannot be read", error))?;
            Ok(request.success(authority.issuer.signer(), &certificate, now)?.into())
        }
        Answer::Refuse(refusal) => refuse(asker, &authority, &request, facts, refusal, now).await,
        Answer::Issue(grant) => {
            let name = grant.common_name(&app.random, now);
            let is_imported = app.imported().iter().any(|imported| imported.id == authority.id && imported.issuer.is_some());
            let issuing = if is_imported { Arc::clone(&authority) } else { app.authority() };
            let certificate = {
                let (issuing, request) = (Arc::clone(&issuing), Arc::clone(&request));
                blocking(move || Ok(issuing.issuer.identity(&request.csr, &name, now)?)).await?
            };
            let (id, issued, recorded) = (issuing.id.clone(), certificate.clone(), facts.clone());
            let outcome = app.store.write(now, move |tx| scep::record(tx, &recorded.request(), &grant, &issued, &id)).await?;
            match outcome {
                Ok(()) => blocking(move || Ok(request.success(authority.issuer.signer(), &certificate, now)?.into())).await,
                Err(refusal) => refuse(asker, &authority, &request, facts, refusal, now).await,
            }
        }
    }
}

async fn refuse(
    asker: &Asker,
    authority: &Authority,
    request: &Request,
    facts: Facts,
    because: Refusal,
    now: Timestamp,
) -> Result<Answered> {
    asker.strangers.count(asker.from, now)?;
    let id = asker.request.clone();
    asker.app.store.write(now, move |tx| scep::record_refusal(tx, &facts.request(), because, id.as_deref())).await?;
    refusal(authority, request, because.words(), now)
}

/// CertRep FAILURE with badRequest. What the client wrote stands in the log as a literal, so that it cannot begin a line of its own.
fn refusal(authority: &Authority, request: &Request, because: &str, now: Timestamp) -> Result<Answered> {
    let why = format!("{because} (transaction {:?}, subject {:?})", request.header.transaction_id, request.csr.subject());
    Ok(Answered { message: request.failure(authority.issuer.signer(), FailInfo::BadRequest, now)?, why: Some(why) })
}

/// What the authority's room wants to know of a request.
#[derive(Clone)]
struct Facts {
    transaction_id: String,
    public_key: [u8; 32],
    challenge: Option<String>,
    signer: crate::pki::certificate::Fingerprint,
}

impl Facts {
    /// What it says; why it cannot be decided on, where it says what nobody may.
    fn of(request: &Request) -> Result<Self, String> {
        request.csr.check_key().map_err(|error| error.to_string())?;
        let challenge = match request.csr.challenge() {
            Challenge::Absent => None,
            Challenge::Text(text) => Some(text),
            Challenge::NotText => return Err(String::from(t!("the challenge is no text"))),
        };
        Ok(Self {
            transaction_id: request.header.transaction_id.clone(),
            public_key: digest::sha256(request.csr.public_key_der()),
            challenge,
            signer: request.header.signer.fingerprint(),
        })
    }

    fn request(&self) -> scep::Request<'_> {
        scep::Request {
            transaction_id: &self.transaction_id,
            public_key: self.public_key,
            challenge: self.challenge.as_deref(),
            signer: self.signer,
            identity: IdentityKind::Scep,
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::internal("cryptographic work was cut off", error)))
}
