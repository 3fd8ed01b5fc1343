//! Authorities that speak ACME (RFC 8555), such as Let's Encrypt: an account there, and certificates for our own names.
//!
//! The protocol is a library's; the way out is the same as for everything else: proxy, trust anchors, bounded time. How a name is proven is up to whoever
//! asks.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use instant_acme::{
    AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};

use crate::apple::connect::{Connector, Dialer, Endpoint, Failure, Trust};
use crate::error::{Error, Kind, Result};
use crate::secret::SecretBytes;

/// Let's Encrypt, by the address of its directory.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read; a chain has below 20,000.
const ANSWER_MAX_BYTES: usize = 256 << 10;

/// How long an authority may take to look at proofs, and to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(120));

/// How a name is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a certificate that is shown at port 443 of the name (RFC 8737).
    TlsAlpn,
    /// By a TXT record beside the name.
    Dns,
}

/// What an authority wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A certificate with this digest at port 443 of the name.
    TlsAlpn(String, Vec<u8>),
    /// A TXT record with this value at `_acme-challenge.` before the name.
    Dns(String, String),
}

/// Whoever can show proofs.
pub trait Prover: Sync {
    /// Shows a proof; it is there when this completes.
    fn show(&self, proof: &Proof) -> impl Future<Output = Result<()>> + Send;

    /// Takes it away again.
    fn hide(&self, proof: &Proof) -> impl Future<Output = ()> + Send;
}

/// Why there is no certificate.
#[derive(Debug)]
pub struct Refusal {
    /// In words.
    pub error: Error,
    /// Whether the authority does not know the account any more.
    pub account_gone: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, account_gone: false }
    }
}

impl From<instant_acme::Error> for Refusal {
    fn from(error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => {
                let account_gone = problem.r#type.as_deref().is_some_and(|kind| kind.ends_with(":accountDoesNotExist"));
                Self { error: Error::new(Kind::Upstream, said(&problem)), account_gone }
            }
            instant_acme::Error::Timeout(_) => {
                Error::new(Kind::Upstream, t!("The certificate authority has not come to an end in two minutes.")).into()
            }
            instant_acme::Error::Other(cause) => {
                let words = cause.downcast_ref::<Failure>().map_or_else(|| cause.to_string(), ToString::to_string);
                Error::new(Kind::Upstream, t!("The certificate authority cannot be asked: {words}", words)).into()
            }
            other => Error::new(Kind::Upstream, t!("What the certificate authority says cannot be understood: {other}", other)).into(),
        }
    }
}

/// What an authority says, with what it says of each name.
fn said(problem: &instant_acme::Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or(t!("it refused without saying why"));
    let more = problem.subproblems.iter().filter_map(|part| part.detail.as_deref()).collect::<Vec<_>>().join("; ");
    t!("The certificate authority says: {detail}{else}{more}", detail, else = if more.is_empty() { "" } else { "; " }, more)
}

/// The way to authorities. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CertificateAuthorities(Connector);

impl CertificateAuthorities {
    /// Authorities are reached by `connector`, whoever it trusts.
    pub fn new(connector: &Connector) -> Self {
        Self(connector.clone())
    }

    /// An account at the authority at `directory`: the one that `known` says, else a new one that agrees to its terms. A new one is given as bytes too,
    /// which are kept sealed. `anchors` are roots that are trusted besides the public ones, PEM.
    pub async fn account(
        &self,
        directory: &str,
        anchors: &str,
        contact: Option<&str>,
        known: Option<&SecretBytes>,
    ) -> Result<(Account, Option<SecretBytes>), Refusal> {
        let builder = instant_acme::Account::builder_with_http(Box::new(self.http(anchors)?));
        if let Some(known) = known.and_then(|known| serde_json::from_slice(known.expose()).ok()) {
            return Ok((Account(builder.from_credentials(known).await?), None));
        }
        let contact = contact.map(|address| format!("mailto:{address}"));
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&wanted, directory.to_owned(), None).await?;
        let kept = serde_json::to_vec(&credentials).map_err(|error| Error::internal("An account cannot be written down.", error))?;
        Ok((Account(account), Some(SecretBytes::new(kept))))
    }

    fn http(&self, anchors: &str) -> Result<Http> {
        let mut trust = Trust::public();
        if !anchors.is_empty() {
            trust = trust.and(anchors).map_err(|error| Error::field("trust_anchors", error.message.into_owned()))?;
        }
        let connector = self.0.clone().trusting(trust).http()?;
        let client = Client::builder(TokioExecutor::new()).timer(TokioTimer::new()).pool_max_idle_per_host(1).build(connector);
        Ok(Http(client))
    }
}

/// An account at an authority.
pub struct Account(instant_acme::Account);

impl Account {
    /// Gets a certificate of `names` for the key of `request` (PKCS #10, DER): PEM, the server's own first. Proofs are taken away again, whatever came.
    pub async fn certificate(&self, names: &[String], request: &[u8], way: Way, prover: &impl Prover) -> Result<String, Refusal> {
        let names: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = self.0.new_order(&NewOrder::new(&names)).await?;
        let mut shown = Vec::new();
        let proven = prove(&mut order, way, prover, &mut shown).await;
        for proof in &shown {
            prover.hide(proof).await;
        }
        proven?;
        order.finalize_csr(request).await?;
        Ok(order.poll_certificate(&PATIENCE).await?)
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Account").field(&self.0.id()).finish()
    }
}

async fn prove(order: &mut Order, way: Way, prover: &impl Prover, shown: &mut Vec<Proof>) -> Result<(), Refusal> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            _ => {
                return Err(Error::new(
                    Kind::Upstream,
                    t!("The certificate authority has given up on this order; a new one is made later."),
                )
                .into());
            }
        }
        let kind = match way {
            Way::TlsAlpn => ChallengeType::TlsAlpn01,
            Way::Dns => ChallengeType::Dns01,
        };
        let no_way = || Error::new(Kind::Upstream, t!("The certificate authority does not take this kind of proof. Choose the other one."));
        let mut challenge = authorization.challenge(kind).ok_or_else(no_way)?;
        let (name, key) = (challenge.identifier().to_string(), challenge.key_authorization());
        let proof = match way {
            Way::TlsAlpn => Proof::TlsAlpn(name, key.digest().as_ref().to_vec()),
            Way::Dns => Proof::Dns(name, key.dns_value()),
        };
        // Hidden too when only a part of it came to be shown.
        shown.push(proof.clone());
        prover.show(&proof).await?;
        challenge.set_ready().await?;
    }
    match order.poll_ready(&PATIENCE).await? {
        OrderStatus::Ready | OrderStatus::Valid => Ok(()),
        _ => Err(why_not(order).await),
    }
}

/// What the authority says of the proof that it did not find.
async fn why_not(order: &mut Order) -> Refusal {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Error::new(Kind::Upstream, said(problem)).into();
        }
    }
    Error::new(Kind::Upstream, t!("The certificate authority refused the proof without saying why.")).into()
}

/// The library's way out.
struct Http(Client<HttpsConnector<Dialer>, BodyWrapper<Bytes>>);

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.0.clone();
        let receiver = Endpoint::new(request.uri().host().unwrap_or_default().to_owned(), request.uri().port_u16().unwrap_or(443));
        let exchange = async move {
            let answer = client.request(request).await.map_err(|error| other(Failure::of_client(&receiver, &error)))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await.map_err(instant_acme::Error::Other)?.to_bytes();
            Ok(BytesResponse { parts, body: Box::new(body) })
        };
        Box::pin(async move {
            let no_answer = |_| instant_acme::Error::Other(t!("it did not answer within a minute").into());
            tokio::time::timeout(TIMEOUT, exchange).await.map_err(no_answer)?
        })
    }
}

fn other(failure: Failure) -> instant_acme::Error {
    instant_acme::Error::Other(Box::new(failure))
}
