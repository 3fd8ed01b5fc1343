//! Carries a device's requests over HTTP and HTTPS, with what the device trusts, its identity, and the mishaps that are wanted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Body, Frame};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::device::{Identity, Mischief, Purpose, Reply, Request, Response};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::pki::certificate::{Certificate, Fingerprint};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest answer that a device reads.
pub const MAX_ANSWER_BYTES: usize = 16 << 20;

/// The largest part of a package that a device reads at once.
pub const MAX_CONTENT_BYTES: usize = 64 << 20;

/// How many sets of trusted certificates are kept ready.
const MAX_STORES: usize = 256;

/// How often a request follows a redirection.
pub const MAX_REDIRECTIONS: usize = 5;

type Sent = BoxBody<Bytes, io::Error>;

/// What all devices trust: the public authorities, and what the command line names.
#[derive(Debug)]
pub struct Trust {
    base: RootCertStore,
    /// By which certificates are judged.
    clock: Clock,
    /// Stores with the certificates of profiles added, by those certificates.
    with_anchors: Mutex<HashMap<Vec<Fingerprint>, Arc<RootCertStore>>>,
}

impl Trust {
    /// Trusts the public authorities and `more`.
    pub fn new(more: &[Certificate]) -> Result<Self> {
        let mut base = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in more {
            let name = certificate.common_name().unwrap_or_default();
            add(&mut base, certificate).map_err(|error| Error::bad_input(format!("the authority “{name}” cannot be trusted: {error}")))?;
        }
        Ok(Self { base, clock: Clock::System, with_anchors: Mutex::default() })
    }

    /// Judges the server's certificate by this clock, as a device judges it by its own.
    #[must_use]
    pub fn at(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    fn with(&self, anchors: &[Certificate]) -> Arc<RootCertStore> {
        let key = anchors.iter().map(Certificate::fingerprint).collect();
        let mut stores = self.with_anchors.lock().unwrap_or_else(PoisonError::into_inner);
        if stores.len() >= MAX_STORES {
            stores.clear();
        }
        let store = stores.entry(key).or_insert_with(|| {
            let mut store = self.base.clone();
            for anchor in anchors {
                // A profile may bring certificates that are no authorities; those are not trusted for TLS.
                drop(add(&mut store, anchor));
            }
            Arc::new(store)
        });
        Arc::clone(store)
    }

    /// How a device with these anchors and this identity opens TLS.
    pub(crate) fn tls(&self, anchors: &[Certificate], identity: Option<&Identity>) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(self.clock.clone())).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(self.with(anchors));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = PrivatePkcs8KeyDer::from(identity.key().pkcs8_der().expose().clone());
                let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
                builder.with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn add(store: &mut RootCertStore, certificate: &Certificate) -> Result<(), rustls::Error> {
    store.add(CertificateDer::from(certificate.der().to_vec()))
}

/// Where a connection leads, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Line {
    tls: bool,
    host: String,
    port: u16,
    identity: Option<Fingerprint>,
}

impl Line {
    fn of(uri: &Uri, identity: Option<&Identity>) -> Result<Self, String> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("{uri} is neither http nor https")),
        };
        let host = uri.host().ok_or_else(|| format!("{uri} names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let identity = identity.filter(|_| tls).map(|identity| identity.certificate.fingerprint());
        Ok(Self { tls, host, port, identity })
    }
}

/// Carries the requests of one device and keeps its connections while a conversation lasts.
#[derive(Debug)]
pub struct Carrier {
    trust: Arc<Trust>,
    lines: HashMap<Line, SendRequest<Sent>>,
}

impl Carrier {
    /// A carrier without connections.
    pub fn new(trust: Arc<Trust>) -> Self {
        Self { trust, lines: HashMap::new() }
    }

    /// Closes all connections, as a device does when it has nothing more to say.
    pub fn rest(&mut self) {
        self.lines.clear();
    }

    /// Carries one request; `anchors` is asked for what the device trusts when a connection is opened.
    pub async fn carry(&mut self, request: Request, anchors: impl Fn() -> Vec<Certificate>) -> Reply {
        let carried = match request.mischief {
            Some(Mischief::LoseRequest) => return Reply::Lost(String::from("the request was lost on purpose")),
            Some(Mischief::LoseAnswer) => {
                let answer = self.follow(&request, &anchors).await;
                self.rest();
                answer.and_then(|_| Err(String::from("the answer was lost on purpose")))
            }
            Some(Mischief::Duplicate) => match self.follow(&request, &anchors).await {
                Ok(_) => self.follow(&request, &anchors).await,
                lost => lost,
            },
            Some(Mischief::Slow(pause)) => {
                tokio::time::sleep(pause).await;
                self.follow(&request, &anchors).await
            }
            Some(Mischief::Break(_)) | None => self.follow(&request, &anchors).await,
        };
        match carried {
            Ok(response) => Reply::Answered(response),
            Err(why) => {
                self.rest();
                Reply::Lost(why)
            }
        }
    }

    /// Sends, and follows redirections as devices do: silently, with the same method, never remembering them.
    async fn follow(&mut self, request: &Request, anchors: &impl Fn() -> Vec<Certificate>) -> Result<Response, String> {
        let mut url: Uri = request.url.parse().map_err(|error| format!("{} is no URL: {error}", request.url))?;
        for _ in 0..=MAX_REDIRECTIONS {
            match self.once(request, &url, anchors).await? {
                Answer::Here(response) => return Ok(response),
                Answer::Elsewhere(next) => url = next,
            }
        }
        Err(format!("{} redirects more than {MAX_REDIRECTIONS} times", request.url))
    }

    async fn once(&mut self, request: &Request, url: &Uri, anchors: &impl Fn() -> Vec<Certificate>) -> Result<Answer, String> {
        let line = Line::of(url, request.identity.as_deref())?;
        let kept = self.lines.get(&line).is_some_and(|sender| !sender.is_closed());
        if kept {
            match self.send(&line, request, url).await {
                // The server had closed the kept connection: once more over a new one.
                Err(Failed { before_answer: true, .. }) => drop(self.lines.remove(&line)),
                done => return done.map_err(|failed| failed.why),
            }
        }
        let sender = tokio::time::timeout(CONNECT_TIMEOUT, self.open(&line, request.identity.as_deref(), anchors))
            .await
            .map_err(|_| format!("{}:{} does not answer", line.host, line.port))??;
        match self.lines.entry(line.clone()) {
            Entry::Occupied(mut kept) => drop(kept.insert(sender)),
            Entry::Vacant(place) => drop(place.insert(sender)),
        }
        self.send(&line, request, url).await.map_err(|failed| failed.why)
    }

    async fn open(
        &self,
        line: &Line,
        identity: Option<&Identity>,
        anchors: &impl Fn() -> Vec<Certificate>,
    ) -> Result<SendRequest<Sent>, String> {
        let refused = |error: io::Error| format!("cannot connect to {}:{}: {error}", line.host, line.port);
        let tcp = TcpStream::connect((line.host.as_str(), line.port)).await.map_err(refused)?;
        // Small requests are answered at once; waiting to fill packets would only add to every figure.
        tcp.set_nodelay(true).map_err(refused)?;
        if !line.tls {
            return speak(TokioIo::new(tcp)).await;
        }
        let config = self.trust.tls(&anchors(), identity).map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let name = ServerName::try_from(line.host.clone()).map_err(|_| format!("{} is no host name", line.host))?;
        let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| untrusted(&line.host, &error))?;
        speak(TokioIo::new(tls)).await
    }

    async fn send(&mut self, line: &Line, request: &Request, url: &Uri) -> Result<Answer, Failed> {
        let fail = |before_answer: bool| move |why: String| Failed { why, before_answer };
        let sender = self.lines.get_mut(line).ok_or_else(|| fail(true)(String::from("no connection")))?;
        sender.ready().await.map_err(|error| fail(true)(error.to_string()))?;
        let written = write(request, url).map_err(fail(false))?;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, sender.send_request(written)).await;
        let answer = answer.map_err(|_| fail(false)(format!("{url} does not answer")))?;
        let answer = answer.map_err(|error| Failed { before_answer: error.is_canceled() || error.is_closed(), why: told(&error) })?;
        let limit = if request.purpose == Purpose::Content { MAX_CONTENT_BYTES } else { MAX_ANSWER_BYTES };
        let read = tokio::time::timeout(ANSWER_TIMEOUT, read(answer, url, limit)).await;
        read.map_err(|_| fail(false)(format!("{url} does not finish its answer")))?.map_err(fail(false))
    }
}

/// Why a request failed, and whether the server can have taken it.
struct Failed {
    why: String,
    before_answer: bool,
}

enum Answer {
    Here(Response),
    Elsewhere(Uri),
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: TokioIo<S>) -> Result<SendRequest<Sent>, String> {
    let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
    // The connection ends with its sender; its errors come with the request that meets them.
    tokio::spawn(connection);
    Ok(sender)
}

fn write(request: &Request, url: &Uri) -> Result<http::Request<Sent>, String> {
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let mut written = http::Request::builder().method(request.method.clone()).uri(path).header(header::HOST, authority);
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        written = written.header(name, HeaderValue::try_from(value.as_str()).map_err(|error| error.to_string())?);
    }
    if request.method != http::Method::GET {
        written = written.header(header::CONTENT_LENGTH, request.body.len());
    }
    written.body(body_of(request)).map_err(|error| error.to_string())
}

/// The body, or the beginning of it where the connection shall break.
fn body_of(request: &Request) -> Sent {
    match request.mischief {
        Some(Mischief::Break(bytes)) if bytes < request.body.len() => {
            let beginning = Ok(Frame::data(request.body.slice(..bytes)));
            let end = Err(io::Error::other("the connection broke on purpose"));
            BodyExt::boxed(StreamBody::new(tokio_stream::iter([beginning, end])))
        }
        _ => Full::new(request.body.clone()).map_err(|never| match never {}).boxed(),
    }
}

async fn read<B: Body<Data = Bytes>>(answer: http::Response<B>, url: &Uri, limit: usize) -> Result<Answer, String>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = answer.into_parts();
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let filled = |name: HeaderName| Some(text(name).to_owned()).filter(|value| !value.is_empty());
    let location = text(header::LOCATION);
    // An address of the system's own ends a web view; nothing is fetched from it.
    let is_web = ["https:", "http:", "/"].iter().any(|begin| location.starts_with(begin));
    if head.status.is_redirection() && is_web {
        return joined(url, location).map(Answer::Elsewhere).ok_or_else(|| format!("{url} redirects to {location}, which is no URL"));
    }
    let response = Response {
        status: head.status.as_u16(),
        content_type: text(header::CONTENT_TYPE).to_owned(),
        retry_after_s: text(header::RETRY_AFTER).parse().ok(),
        replay_nonce: filled(HeaderName::from_static("replay-nonce")),
        location: filled(header::LOCATION),
        www_authenticate: filled(header::WWW_AUTHENTICATE),
        total_bytes: text(header::CONTENT_RANGE).rsplit('/').next().and_then(|total| total.parse().ok()),
        body: Bytes::new(),
    };
    let body = Limited::new(body, limit).collect().await.map_err(|error| format!("the answer of {url} cannot be read: {error}"))?;
    Ok(Answer::Here(Response { body: body.to_bytes(), ..response }))
}

/// The URL that a redirection means: a whole one, or a path on the same host.
fn joined(base: &Uri, location: &str) -> Option<Uri> {
    if !location.starts_with('/') {
        return location.parse().ok();
    }
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(location.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The failure of a TLS handshake, with what to do where the server's authority is unknown.
fn untrusted(host: &str, error: &io::Error) -> String {
    let text = error.to_string();
    if text.contains("UnknownIssuer") {
        return format!("the certificate of {host} comes from an authority that is not trusted here: give its root with --ca FILE");
    }
    format!("TLS with {host} failed: {text}")
}

/// A failure with its causes: hyper's own words say little.
fn told(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
