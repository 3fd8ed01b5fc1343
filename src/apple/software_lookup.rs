//! Apple's lookup service for OS releases, which only Apple's own root vouches for, and the places where that root is to be had. It transports; what
//! is said is read elsewhere.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER, USER_AGENT,
};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::apple::connect::{Connector, Endpoint, Failure, Trust};
use crate::error::{Error, Kind, Result};
use crate::pki::apple::AppleRoot;
use crate::pki::certificate::Certificate;
use crate::protocol::lookup::MAX_BYTES;

/// Where Apple's service is.
pub const SERVICE: &str = "https://gdmf.apple.com";

/// The address of the list there.
pub const PATH: &str = "/v2/pmv";

/// Where Apple offers its roots.
pub const ROOTS_SERVICE: &str = "https://www.apple.com";

/// Bytes of a root's file; it has about a thousand.
pub const ROOT_MAX_BYTES: usize = 64 << 10;

/// Bytes of the system's file of trusted certificates that are read; it has about 250,000.
pub const SYSTEM_MAX_BYTES: u64 = 4 << 20;

/// How long one request may take, its answer included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How we introduce ourselves.
const AGENT: &str = concat!("Rollcall/", env!("CARGO_PKG_VERSION"));

/// Where systems keep what they trust, as PEM text.
const SYSTEM_FILES: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What is remembered of an earlier answer, so that the same list is not sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Its ETag.
    pub etag: String,
    /// Its Last-Modified.
    pub last_modified: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Came {
    /// The HTTP status; 304 where nothing has changed.
    pub status: u16,
    /// By what the same answer is known again.
    pub conditions: Conditions,
    /// The value of Retry-After.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Why nothing came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The service could not be asked.
    #[error("{0}")]
    Unasked(#[from] Failure),
    /// There are no roots by which the service could be known.
    #[error("Apple's root certificate is not here, and no other one is trusted for this service")]
    NoRoot,
    /// The answer went on beyond its limit, and was cut off there.
    #[error("the answer is larger than {} KB, and was cut off there", .0 >> 10)]
    TooLarge(usize),
}

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SoftwareLookup {
    address: String,
    roots_address: String,
    connector: Connector,
    anchored: bool,
    timeout: Duration,
}

impl SoftwareLookup {
    /// A client of the service at `base` (`https://host[:port]`) that goes out by `connector` and trusts Apple's own root alone there.
    pub fn new(connector: &Connector, base: &str) -> Self {
        Self {
            address: format!("{}{PATH}", base.trim_end_matches('/')),
            roots_address: ROOTS_SERVICE.to_owned(),
            connector: connector.clone(),
            anchored: false,
            timeout: TIMEOUT,
        }
    }

    /// Trusts what the connector trusts at the service too: its anchors were chosen for Apple's services.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        self.anchored = true;
        self
    }

    /// Fetches roots from `base` instead.
    #[must_use]
    pub fn with_roots_from(mut self, base: &str) -> Self {
        base.trim_end_matches('/').clone_into(&mut self.roots_address);
        self
    }

    /// Gives up after `timeout` instead.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The address of the list.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the service cannot be known without Apple's root.
    pub fn needs_root(&self) -> bool {
        !self.anchored
    }

    /// What is trusted at the service; none where Apple's root would be needed and is not here.
    pub fn trust(&self, root: Option<&Certificate>) -> Option<Trust> {
        match (root, self.anchored) {
            (None, true) => Some(self.connector.trust().clone()),
            (Some(root), true) => self.connector.trust().and(&root.to_pem()).ok(),
            (Some(root), false) => Trust::only(&root.to_pem()).ok(),
            (None, false) => None,
        }
    }

    /// Asks for the list, unless it is still the one of `conditions`; `root` is Apple's, where it is here.
    pub async fn fetch(&self, root: Option<&Certificate>, conditions: &Conditions) -> Result<Came, Trouble> {
        let trust = self.trust(root).ok_or(Trouble::NoRoot)?;
        let mut headers = HeaderMap::new();
        let mut ask = |name: HeaderName, text: &str| {
            if let Some(value) = Some(text).filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        };
        ask(IF_NONE_MATCH, &conditions.etag);
        ask(IF_MODIFIED_SINCE, &conditions.last_modified);
        let came = self.get(&self.connector.clone().trusting(trust), &self.address, headers, MAX_BYTES).await;
        match &came {
            Ok(came) => self.connector.calls().answered("software_lookup", came.status),
            Err(_) => self.connector.calls().unanswered("software_lookup"),
        }
        came
    }

    /// Fetches a root from Apple's page, over TLS that the connector trusts. Whether it is the right one is the caller's to judge.
    pub async fn fetch_root(&self, root: &AppleRoot) -> Result<Bytes> {
        let address = format!("{}{}", self.roots_address, root.path);
        let came = self.get(&self.connector, &address, HeaderMap::new(), ROOT_MAX_BYTES).await;
        let came = came.map_err(|trouble| Error::new(Kind::Upstream, trouble.to_string()))?;
        match came.status {
            200 => Ok(came.body),
            status => Err(Error::new(Kind::Upstream, t!("{address} answered with {status}", address, status))),
        }
    }

    async fn get(&self, connector: &Connector, url: &str, headers: HeaderMap, max_bytes: usize) -> Result<Came, Trouble> {
        let no_address = || Failure::Unreachable { endpoint: url.to_owned(), detail: String::from(t!("this is no address")) };
        let address: Uri = url.parse().map_err(|_| no_address())?;
        let host = address.host().ok_or_else(no_address)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let endpoint = Endpoint::new(host, address.port_u16().unwrap_or(443));
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = address;
        *request.headers_mut() = headers;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.1"));
        // Asked once a day: a connection is not worth keeping.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.http()?);
        let exchange = async {
            let answer = client.request(request).await.map_err(|error| Failure::of_client(&endpoint, &error))?;
            let (head, body) = answer.into_parts();
            if body.size_hint().lower() > max_bytes as u64 {
                return Err(Trouble::TooLarge(max_bytes));
            }
            let body = Limited::new(body, max_bytes).collect().await.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => Trouble::TooLarge(max_bytes),
                None => Failure::Broken { endpoint: endpoint.to_string(), detail: error.to_string() }.into(),
            })?;
            let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            Ok(Came {
                status: head.status.as_u16(),
                conditions: Conditions { etag: text(ETAG).unwrap_or_default(), last_modified: text(LAST_MODIFIED).unwrap_or_default() },
                retry_after: text(RETRY_AFTER),
                body: body.to_bytes(),
            })
        };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(Failure::timed_out(&endpoint, self.timeout).into()))
    }
}

/// Looks for a root among what this machine's system trusts. It reads files; call it where waiting is no harm.
pub fn root_of_system(root: &AppleRoot) -> Option<Certificate> {
    SYSTEM_FILES.iter().find_map(|file| root_in_file(root, Path::new(file))).or_else(|| root_of_keychain(root))
}

fn root_in_file(root: &AppleRoot, path: &Path) -> Option<Certificate> {
    let mut text = Vec::new();
    std::fs::File::open(path).ok()?.take(SYSTEM_MAX_BYTES).read_to_end(&mut text).ok()?;
    root.find(&text)
}

/// What macOS trusts lies in a keychain, which a tool of the system reads.
#[cfg(target_os = "macos")]
fn root_of_keychain(root: &AppleRoot) -> Option<Certificate> {
    let keychain = "/System/Library/Keychains/SystemRootCertificates.keychain";
    let found = std::process::Command::new("/usr/bin/security").args(["find-certificate", "-a", "-p", "-c", root.name, keychain]).output();
    root.find(&found.ok()?.stdout)
}

#[cfg(not(target_os = "macos"))]
fn root_of_keychain(_: &AppleRoot) -> Option<Certificate> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::pki::apple::ROOT_CA;

    #[tokio::test]
    async fn without_a_root_nothing_is_asked_and_public_roots_do_not_count() {
        let connector = Connector::new(Trust::public(), Clock::manual(Timestamp::from_seconds(1_795_000_000)));
        let client = SoftwareLookup::new(&connector, "https://localhost:1/");
        assert!(client.needs_root() && !client.clone().anchored().needs_root());
        assert_eq!(client.address(), "https://localhost:1/v2/pmv");
        assert_eq!(client.fetch(None, &Conditions::default()).await.unwrap_err(), Trouble::NoRoot);
    }

    #[test]
    fn a_root_is_found_in_a_file_of_the_system_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca-certificates.crt");
        assert!(root_in_file(&ROOT_CA, &path).is_none(), "there is no file");
        let Some(shared) = crate::shared_for_tests() else { return };
        let chain = std::fs::read_to_string(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
        std::fs::write(&path, format!("# what this machine trusts\n{chain}")).unwrap();
        assert_eq!(root_in_file(&ROOT_CA, &path).unwrap().common_name().as_deref(), Some("Apple Root CA"));
        std::fs::write(&path, " ".repeat(SYSTEM_MAX_BYTES as usize) + &chain).unwrap();
        assert!(root_in_file(&ROOT_CA, &path).is_none(), "it stands beyond what is read");
    }
}
