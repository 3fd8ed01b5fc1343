//! Who is at the other end of a request, as far as the connection tells.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;

use crate::config::Proxy;
use crate::error::{Error, Kind};
use crate::pki::proxy_header::{self, ProxyHeaderError};

/// The listener that took a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listener {
    /// `--listen`: HTTPS that never asks for a certificate.
    Main,
    /// `--device-listen`: HTTPS that asks for device certificates.
    Device,
    /// `--http-listen`: plain HTTP, trust page and redirects.
    Http,
    /// `--proxy-listen`: plain HTTP from trusted reverse proxies.
    Proxy,
    /// `control.sock` in the data folder.
    Control,
}

impl Listener {
    /// The flag that opens the listener.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Main => "--listen",
            Self::Device => "--device-listen",
            Self::Http => "--http-listen",
            Self::Proxy => "--proxy-listen",
            Self::Control => "control.sock",
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flag().trim_start_matches('-'))
    }
}

/// The other end of a request: an extractor, and an extension of every request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client's address; behind a trusted proxy the one that the proxy forwards, with port 0. On the control socket it is `127.0.0.1:0`.
    pub addr: SocketAddr,
    /// The DER of the certificate whose key the client holds: proven by TLS on [`Listener::Device`], said by a trusted proxy on [`Listener::Proxy`].
    /// **Nothing else about it is judged**: it may be expired, revoked, foreign or no certificate at all.
    pub certificate: Option<Bytes>,
    /// The listener that took the connection.
    pub listener: Listener,
}

impl Peer {
    /// A peer that shows no certificate.
    pub(super) fn new(addr: SocketAddr, listener: Listener) -> Self {
        Self { addr: SocketAddr::new(addr.ip().to_canonical(), addr.port()), certificate: None, listener }
    }

    /// The command line on this machine.
    pub fn control() -> Self {
        Self::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Listener::Control)
    }

    /// The peer of one request: behind a trusted proxy it is whom the proxy speaks for.
    /// Takes the headers that only such a proxy may send out of `headers`, on every listener.
    ///
    /// The second value is why the proxy's word for a certificate was not understood.
    pub(super) fn of_request(&self, headers: &mut HeaderMap, proxy: &Proxy) -> (Self, Option<ProxyHeaderError>) {
        // Two of them are none: one was written by somebody else, and nobody can tell which.
        let alone = headers.get_all(&proxy.cert_header).iter().count() == 1;
        let said = headers.remove(&proxy.cert_header).filter(|_| alone);
        let mut peer = self.clone();
        if self.listener != Listener::Proxy {
            return (peer, None);
        }
        if let Some(address) = forwarded_for(headers, proxy) {
            peer.addr = SocketAddr::new(address, 0);
        }
        // Proxies that know of no certificate write an empty header, and Apache writes (null).
        let said = said.filter(|value| !matches!(value.as_bytes(), b"" | b"(null)"));
        match said.map(|value| proxy_header::parse(value.as_bytes(), proxy.cert_format)).transpose() {
            Ok(certificate) => {
                peer.certificate = certificate.map(Bytes::from);
                (peer, None)
            }
            Err(error) => (peer, Some(error)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        // Every request comes through a listener; without one it is our own fault, and harmless to the device.
        parts.extensions.get().cloned().ok_or_else(|| Error::new(Kind::Internal, t!("The request came through no listener.")))
    }
}

/// The address that the nearest proxy which is not trusted itself connected from: the last entry of `X-Forwarded-For` that no trusted proxy has.
fn forwarded_for(headers: &HeaderMap, proxy: &Proxy) -> Option<IpAddr> {
    const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let entries = lines.iter().rev().flat_map(|line| line.rsplit(','));
    // An entry that is no address ends the search: what stands before it was written by somebody else.
    let mut addresses = entries.map_while(|entry| entry.trim().parse::<IpAddr>().ok()).map(|address| address.to_canonical());
    addresses.find(|address| !proxy.trusted.iter().any(|network| network.contains(*address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::proxy_header::ProxyCertFormat;

    fn proxy() -> Proxy {
        Proxy {
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            cert_header: HeaderName::from_static("client-cert"),
            cert_format: ProxyCertFormat::Rfc9440,
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn forwarded(lines: &[&'static str]) -> Option<String> {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        forwarded_for(&headers(&lines), &proxy()).map(|address| address.to_string())
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_client() {
        assert_eq!(forwarded(&["203.0.113.7"]).unwrap(), "203.0.113.7");
        assert_eq!(forwarded(&["1.1.1.1, 203.0.113.7, 10.0.0.2"]).unwrap(), "203.0.113.7", "what the client wrote itself is not believed");
        assert_eq!(forwarded(&["1.1.1.1", "203.0.113.7, 10.0.0.2"]).unwrap(), "203.0.113.7");
        assert_eq!(forwarded(&["203.0.113.7, unknown"]), None);
        assert_eq!(forwarded(&["2001:db8::7"]).unwrap(), "2001:db8::7");
        assert_eq!(forwarded(&[]), None);
    }

    #[test]
    fn only_the_proxy_listener_hears_the_header_and_no_handler_ever_sees_it() {
        for listener in [Listener::Main, Listener::Device, Listener::Http, Listener::Proxy, Listener::Control] {
            let mut headers = headers(&[("client-cert", ":MAMCAQE=:"), ("x-forwarded-for", "203.0.113.7"), ("mdm-signature", "x")]);
            let peer = Peer::new("10.0.0.1:999".parse().unwrap(), listener).of_request(&mut headers, &proxy()).0;
            assert_eq!(peer.certificate.is_some(), listener == Listener::Proxy);
            assert_eq!(peer.addr.ip().to_string(), if listener == Listener::Proxy { "203.0.113.7" } else { "10.0.0.1" });
            assert!(!headers.contains_key("client-cert") && headers.contains_key("mdm-signature"));
        }
    }

    #[test]
    fn two_certificate_headers_are_none() {
        let mut headers = headers(&[("client-cert", ":MAMCAQE=:")]);
        headers.append("client-cert", ":MAMCAQI=:".parse().unwrap());
        let peer = Peer::new("10.0.0.1:999".parse().unwrap(), Listener::Proxy).of_request(&mut headers, &proxy()).0;
        assert!(peer.certificate.is_none());
        assert!(!headers.contains_key("client-cert"));
    }

    #[test]
    fn a_header_in_another_dialect_is_no_certificate_and_says_which_setting_to_compare() {
        let of = |value: &'static str| {
            let mut headers = headers(&[("client-cert", value)]);
            Peer::new("10.0.0.1:999".parse().unwrap(), Listener::Proxy).of_request(&mut headers, &proxy())
        };
        let (peer, error) = of("MAMCAQE=");
        assert!(peer.certificate.is_none() && error.unwrap().to_string().contains("proxy_cert_format"));
        for none in ["", "(null)"] {
            assert!(of(none).1.is_none(), "a proxy's way to say that there is none");
        }
    }
}
