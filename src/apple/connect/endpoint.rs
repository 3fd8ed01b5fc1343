//! Where a service is, and the proxy on the way to it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::secret::Secret;

/// A host and a port, written `host:port`; an IPv6 address stands in brackets, for example `[::1]:443`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// The service at `host` (a name or an address, without brackets) on `port`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::bad_input(t!("“{text}” is not a host and a port: write it like proxy.example.school:3128", text));
        let authority = http::uri::Authority::from_str(text).map_err(|_| wrong())?;
        let port = authority.port_u16().filter(|port| *port != 0).ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || text.contains('@') {
            return Err(wrong());
        }
        Ok(Self::new(host, port))
    }
}

/// Who we are to a proxy that asks.
#[derive(Debug, Clone)]
pub struct ProxyLogin {
    /// The user's name; it cannot hold a colon (RFC 7617).
    pub user: String,
    /// The password.
    pub password: Secret<String>,
}

/// An HTTP proxy that opens tunnels to others when asked with `CONNECT`.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where the proxy listens.
    pub endpoint: Endpoint,
    /// Who we are to it, where it asks (HTTP Basic).
    pub login: Option<ProxyLogin>,
    /// Hosts that are reached without it: a name or address, or a domain with all below it, written `.example.school`.
    pub except: Vec<String>,
}

impl Proxy {
    /// Whether `host` is to be reached through this proxy.
    pub fn serves(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        !self.except.iter().map(|exception| exception.to_ascii_lowercase()).any(|exception| match exception.strip_prefix('.') {
            Some(domain) => host == domain || host.ends_with(&exception),
            None => host == exception,
        })
    }

    /// The value of `Proxy-Authorization`, where the proxy asks for a login.
    pub(super) fn authorization(&self) -> Option<Secret<String>> {
        let login = self.login.as_ref()?;
        let pair = Secret::new(format!("{}:{}", login.user, login.password.expose()));
        Some(Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_back_from_its_text() {
        for text in ["api.push.apple.com:2197", "127.0.0.1:80", "[::1]:443"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("[::1]:443".parse::<Endpoint>().unwrap().host(), "::1");
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_an_example() {
        for text in ["", "proxy", "proxy:", "proxy:0", "proxy:99999", ":80", "http://proxy:80", "user:word@proxy:80", "a b:80", "a:80/x"] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.message.contains("proxy.example.school:3128"), "{text}: {error}");
        }
    }

    #[test]
    fn exceptions_are_reached_without_the_proxy() {
        let except = vec![String::from("localhost"), String::from(".Example.School")];
        let proxy = Proxy { endpoint: Endpoint::new("proxy", 3128), login: None, except };
        for direct in ["localhost", "LOCALHOST", "example.school", "hooks.example.school"] {
            assert!(!proxy.serves(direct), "{direct}");
        }
        for through in ["api.push.apple.com", "badexample.school", "example.school.org"] {
            assert!(proxy.serves(through), "{through}");
        }
    }

    #[test]
    fn a_login_is_told_in_the_basic_scheme_and_never_shown() {
        let login = ProxyLogin { user: String::from("rollcall"), password: Secret::new(String::from("open sesame")) };
        let proxy = Proxy { endpoint: Endpoint::new("proxy", 3128), login: Some(login), except: Vec::new() };
        assert_eq!(proxy.authorization().unwrap().expose(), "Basic cm9sbGNhbGw6b3BlbiBzZXNhbWU=");
        assert!(!format!("{proxy:?}").contains("sesame"));
    }
}
