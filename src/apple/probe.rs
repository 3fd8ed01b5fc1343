//! Looks at how an address is reached and what it shows, for whoever examines the appliance; nothing is decided here.

use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, HOST, HeaderMap, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::connect::{Connector, Endpoint, Failure};
use crate::clock::Timestamp;
use crate::pki::certificate::Certificate;

/// How long an answer may take once the connection stands.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How we introduce ourselves.
const AGENT: &str = concat!("Rollcall/", env!("CARGO_PKG_VERSION"));

/// What was seen at an address.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The certificates that were shown, the server's own first; empty where it came to none.
    pub chain: Vec<Certificate>,
    /// Whether the first of them is for the host's name.
    pub names_host: bool,
    /// Why there is no connection that can be trusted.
    pub failure: Option<Failure>,
    /// The version of TLS, for example `TLSv1_3`.
    pub version: String,
    /// The cipher suite, for example `TLS13_AES_128_GCM_SHA256`.
    pub suite: String,
    /// The status of the answer; none where nothing was asked or no answer came.
    pub status: Option<u16>,
    /// What time it is there, by the answer's `Date`.
    pub date: Option<Timestamp>,
}

/// Shakes hands with `endpoint`, and asks for `path` where there is one.
pub async fn look(connector: &Connector, endpoint: &Endpoint, path: Option<&str>) -> Seen {
    let mut seen = Seen {
        chain: Vec::new(),
        names_host: false,
        failure: None,
        version: String::new(),
        suite: String::new(),
        status: None,
        date: None,
    };
    // Who is asked for a page speaks HTTP/1.1; the push service speaks HTTP/2 alone.
    let protocols: &[&[u8]] = if path.is_some() { &[b"http/1.1"] } else { &[b"h2"] };
    let (config, witness) = match connector.witnessed(protocols) {
        Ok(made) => made,
        Err(failure) => return Seen { failure: Some(failure), ..seen },
    };
    let connected = connector.tls(endpoint, config).await;
    seen.chain = witness.chain().iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    seen.names_host = witness.chain().first().is_some_and(|own| {
        let (Ok(own), Ok(name)) = (ParsedCertificate::try_from(own), ServerName::try_from(endpoint.host())) else { return false };
        rustls::client::verify_server_name(&own, &name).is_ok()
    });
    let stream = match connected {
        Ok(stream) => stream,
        Err(failure) => return Seen { failure: Some(failure), ..seen },
    };
    let session = stream.get_ref().1;
    seen.version = session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default();
    seen.suite = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    if let Some(path) = path
        && let Some((status, headers)) =
            tokio::time::timeout(ANSWER_TIMEOUT, ask(TokioIo::new(stream), endpoint, path)).await.ok().flatten()
    {
        seen.status = Some(status);
        seen.date = headers.get(DATE).and_then(|date| moment(date.to_str().ok()?));
    }
    seen
}

/// The status and the headers of an answer; its body is not read.
async fn ask<S>(stream: S, endpoint: &Endpoint, path: &str) -> Option<(u16, HeaderMap)>
where
    S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await.ok()?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, endpoint.to_string()).header(USER_AGENT, HeaderValue::from_static(AGENT));
    let answer = sender.send_request(request.body(Empty::<Bytes>::new()).ok()?).await;
    connection.abort();
    let (head, _) = answer.ok()?.into_parts();
    Some((head.status.as_u16(), head.headers))
}

/// Reads a moment as HTTP says it (RFC 9110, section 5.6.7).
fn moment(text: &str) -> Option<Timestamp> {
    let form = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let at = PrimitiveDateTime::parse(text, form).ok()?.assume_utc();
    Some(Timestamp::from_seconds(at.unix_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        let at = Timestamp::parse("2026-11-25T08:00:05Z").unwrap();
        assert_eq!(moment("Wed, 25 Nov 2026 08:00:05 GMT"), Some(at));
        assert_eq!(moment("2026-11-25T08:00:05Z"), None);
    }
}
