//! The way out that every client shares: TCP, an optional proxy, TLS with chosen trust anchors, in bounded time.

mod dial;
mod endpoint;
mod failure;
mod places;
mod tls;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock::Clock;
use crate::metrics::Calls;

pub use dial::{Dialer, PROXY_ANSWER_LIMIT};
pub use endpoint::{Endpoint, Proxy, ProxyLogin};
pub use failure::Failure;
pub(crate) use failure::chain;
pub use places::{is_off_limits, is_public};
pub(in crate::apple) use tls::Witness;
pub use tls::{ClientIdentity, Trust};
pub(crate) use watched::{Cause, Watched};

/// How long name look-up, TCP, proxy and TLS may take together before an attempt is given up.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How this appliance reaches others: whom it trusts, through which proxy, how long it tries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    trust: Trust,
    dialer: Dialer,
    clock: Clock,
    calls: Calls,
}

impl Connector {
    /// Reaches others directly and gives up after [`CONNECT_TIMEOUT`]; `clock` says whether their certificates are valid.
    pub fn new(trust: Trust, clock: Clock) -> Self {
        Self { trust, dialer: Dialer::new(None, CONNECT_TIMEOUT), clock, calls: Calls::default() }
    }

    /// Trusts `trust` instead.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Where what is asked of Apple is counted; clones and those made of it count together.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Whom it trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Goes through `proxy` to every host that the proxy is meant for.
    #[must_use]
    pub fn through(mut self, proxy: Proxy) -> Self {
        self.dialer = self.dialer.by(Some(Arc::new(proxy)), self.dialer.timeout());
        self
    }

    /// Gives up after `timeout` instead.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.dialer = self.dialer.by(self.dialer.proxy(), timeout);
        self
    }

    /// Asks nobody at an address that is off limits ([`is_off_limits`]), whatever name leads there: for whom people choose.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.dialer = self.dialer.guarded();
        self
    }

    /// Settings for TLS 1.2 and later that offer `alpn` (for example `b"h2"`) and prove `identity` to a server that asks for it.
    ///
    /// Fails with [`Failure::IdentityUnusable`] when the identity's key cannot be read or is not its certificate's.
    pub fn tls_config(&self, alpn: &[&[u8]], identity: Option<&ClientIdentity>) -> Result<Arc<ClientConfig>, Failure> {
        tls::config(&self.trust, &self.clock, alpn, identity).map(Arc::new)
    }

    /// Opens a connection to `endpoint` on which everybody on the way can read.
    pub async fn tcp(&self, endpoint: &Endpoint) -> Result<TcpStream, Failure> {
        self.in_time(endpoint, self.dialer.dial(endpoint)).await
    }

    /// Opens a TLS connection to `endpoint`, naming its host (SNI) and checking that the certificate is that host's.
    pub async fn tls(&self, endpoint: &Endpoint, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, Failure> {
        let name = server_name(endpoint)?;
        let attempt = async {
            let stream = self.dialer.dial(endpoint).await?;
            TlsConnector::from(config).connect(name, stream).await.map_err(|error| Failure::of_tls(endpoint, &error))
        };
        self.in_time(endpoint, attempt).await
    }

    /// Does what [`Connector::tls`] does on a connection that stands already.
    pub async fn secure(&self, endpoint: &Endpoint, stream: TcpStream, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, Failure> {
        let name = server_name(endpoint)?;
        let attempt = async { TlsConnector::from(config).connect(name, stream).await.map_err(|error| Failure::of_tls(endpoint, &error)) };
        self.in_time(endpoint, attempt).await
    }

    async fn in_time<T>(&self, endpoint: &Endpoint, attempt: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let timeout = self.dialer.timeout();
        tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| Err(Failure::timed_out(endpoint, timeout)))
    }

    /// Settings for one handshake, and the witness of the chain that is shown in it, trusted or not.
    pub(in crate::apple) fn witnessed(&self, alpn: &[&[u8]]) -> Result<(Arc<ClientConfig>, Arc<Witness>), Failure> {
        let (config, witness) = tls::witnessed(tls::config(&self.trust, &self.clock, alpn, None)?, &self.trust)?;
        Ok((Arc::new(config), witness))
    }

    /// A connector for HTTP clients that pool their connections: `https` with our trust anchors, and `http` as it is.
    pub fn http(&self) -> Result<HttpsConnector<Dialer>, Failure> {
        let config = tls::config(&self.trust, &self.clock, &[], None)?;
        Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_all_versions().wrap_connector(self.dialer.clone()))
    }
}

/// The name that a server has to prove.
fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(endpoint.host().to_owned()).map_err(|_| Failure::Unreachable {
        endpoint: endpoint.to_string(),
        detail: String::from(t!("this is neither a host name nor an address")),
    })
}
