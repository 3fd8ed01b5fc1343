//! From nothing to a byte stream: name look-up, TCP with both address families, and the proxy's tunnel.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{Service, ServiceExt as _};

use super::failure::chain;
use super::places::is_off_limits;
use super::{Endpoint, Failure, Proxy};

/// The longest head of a proxy's answer to `CONNECT` that is read, in bytes.
pub const PROXY_ANSWER_LIMIT: usize = 8 * 1024;

/// How often an idle TCP connection proves that it still stands.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Opens byte streams, directly or through a proxy, within its timeout. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    tcp: HttpConnector,
    proxy: Option<Arc<Proxy>>,
    timeout: Duration,
    is_guarded: bool,
}

impl Dialer {
    /// Goes through `proxy` where there is one, and gives up after `timeout`.
    pub(super) fn new(proxy: Option<Arc<Proxy>>, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEP_ALIVE));
        // The time is shared among a name's addresses, so that one that swallows packets leaves time for the next.
        tcp.set_connect_timeout(Some(timeout));
        Self { tcp, proxy, timeout, is_guarded: false }
    }

    /// The same with another proxy and timeout.
    pub(super) fn by(&self, proxy: Option<Arc<Proxy>>, timeout: Duration) -> Self {
        Self { is_guarded: self.is_guarded, ..Self::new(proxy, timeout) }
    }

    /// The same that goes to nobody who is off limits.
    pub(super) fn guarded(&self) -> Self {
        Self { is_guarded: true, ..self.clone() }
    }

    pub(super) fn proxy(&self) -> Option<Arc<Proxy>> {
        self.proxy.clone()
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Opens a byte stream to `endpoint`; the caller bounds the time.
    pub(super) async fn dial(&self, endpoint: &Endpoint) -> Result<TcpStream, Failure> {
        self.allows(endpoint, endpoint.host().parse().ok())?;
        let Some(proxy) = self.proxy.as_ref().filter(|proxy| proxy.serves(endpoint.host())) else {
            let stream = self.tcp(endpoint).await?;
            // By now it is known where the name leads, and nothing was said yet.
            self.allows(endpoint, stream.peer_addr().ok().map(|peer| peer.ip()))?;
            return Ok(stream);
        };
        let mut stream = self.tcp(&proxy.endpoint).await?;
        ask_for_tunnel(&mut stream, proxy, endpoint).await.map_err(|detail| Failure::ProxyRefused {
            proxy: proxy.endpoint.to_string(),
            endpoint: endpoint.to_string(),
            detail,
        })?;
        Ok(stream)
    }

    fn allows(&self, endpoint: &Endpoint, address: Option<IpAddr>) -> Result<(), Failure> {
        if !self.is_guarded || !address.is_some_and(is_off_limits) {
            return Ok(());
        }
        let detail = String::from(t!("an address of this machine’s own surroundings is asked by nobody here; choose another"));
        Err(Failure::Unreachable { endpoint: endpoint.to_string(), detail })
    }

    async fn tcp(&self, endpoint: &Endpoint) -> Result<TcpStream, Failure> {
        let unreachable = |detail| Failure::Unreachable { endpoint: endpoint.to_string(), detail };
        let address = format!("http://{endpoint}").parse::<Uri>().map_err(|error| unreachable(chain(&error)))?;
        let stream = self.tcp.clone().oneshot(address).await.map_err(|error| unreachable(chain(&error)))?;
        Ok(stream.into_inner())
    }
}

/// What pooled HTTP clients call.
impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("https") { 443 } else { 80 });
            let endpoint = Endpoint::new(host, port);
            let attempt = tokio::time::timeout(dialer.timeout, dialer.dial(&endpoint));
            attempt.await.unwrap_or_else(|_| Err(Failure::timed_out(&endpoint, dialer.timeout))).map(TokioIo::new)
        })
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel to `endpoint` (RFC 9110, section 9.3.6). Says why there is none.
async fn ask_for_tunnel(stream: &mut TcpStream, proxy: &Proxy, endpoint: &Endpoint) -> Result<(), String> {
    let login = proxy.authorization();
    let login = login.as_ref().map(|value| format!("Proxy-Authorization: {}\r\n", value.expose())).unwrap_or_default();
    let request = format!("CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let head = read_head(stream).await?;
    let status_line = head.lines().next().unwrap_or_default();
    let mut words = status_line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') => Ok(()),
        _ => Err(t!("it answered “{said}”", said = status_line.chars().take(80).collect::<String>())),
    }
}

/// Reads up to and including the empty line; what follows it belongs to the tunnel and must not be read here.
async fn read_head(stream: &mut TcpStream) -> Result<String, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == PROXY_ANSWER_LIMIT {
            return Err(t!("its answer is longer than {PROXY_ANSWER_LIMIT} bytes", PROXY_ANSWER_LIMIT));
        }
        // One byte at a time: a head is short, it is read once a connection, and nothing beyond it may be taken.
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(String::from(t!("it hung up"))),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
