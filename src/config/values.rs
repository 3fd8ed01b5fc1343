//! The types of settings, each with the sentence that tells what it looks like.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::secret::Secret;

/// An address to listen on, or the decision not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nobody listens.
    Off,
    /// The address and port to bind.
    On(SocketAddr),
}

impl FromStr for Listen {
    type Err = &'static str;

    /// Reads `0.0.0.0:8443`, `[::1]:8443`, `localhost:8443`, a port alone (all IPv4 addresses) or `off`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let wanted = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        if let Ok(port) = wanted.strip_prefix(':').unwrap_or(&wanted).parse() {
            return Ok(Self::On(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))));
        }
        wanted.parse().map(Self::On).map_err(|_| "is not an address to listen on; write for example 0.0.0.0:8443, [::]:8443, 8443 or off")
    }
}

/// An origin that is reached by HTTPS: a host and a port, no path, for example `https://mdm.example.school`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    /// A name or an address without brackets, in lower case.
    pub host: String,
    /// The port, 443 when none was written.
    pub port: u16,
}

impl HttpsUrl {
    /// The address of `path`, which begins with `/`.
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// Host and port as they stand in a URL, without port 443.
    pub fn authority(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for HttpsUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not an address of this kind; write for example https://mdm.example.school or https://mdm.example.school:8443";
        let authority = text.strip_prefix("https://").ok_or(wrong)?.trim_end_matches('/');
        let (host, port) = host_and_port(authority).ok_or(wrong)?;
        Ok(Self { host, port: port.unwrap_or(443) })
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

/// An HTTP proxy that opens tunnels (CONNECT) to Apple's services, for example `http://proxy.example.school:3128`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundProxy {
    /// A name or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `user:password` for the proxy, where it asks for one.
    pub credentials: Option<Secret<String>>,
}

impl FromStr for OutboundProxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a proxy; write for example http://proxy.example.school:3128 or http://user:password@proxy.example.school:3128";
        let rest = text.strip_prefix("http://").ok_or(wrong)?.trim_end_matches('/');
        let (credentials, authority) = rest.rsplit_once('@').map_or((None, rest), |(user, authority)| (Some(user), authority));
        let (host, port) = host_and_port(authority).ok_or(wrong)?;
        Ok(Self { host, port: port.ok_or(wrong)?, credentials: credentials.map(|user| Secret::new(user.to_owned())) })
    }
}

/// A network in CIDR notation, for example `10.0.0.0/8`; an address alone is the network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Whether `address` belongs to the network. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                (u32::from(network) ^ u32::from(address)).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                (u128::from(network) ^ u128::from(address)).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a network; write for example 10.1.0.0/16, fd00::/8 or one address";
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong)?;
        if prefix_bits > most {
            return Err(wrong);
        }
        Ok(Self { address, prefix_bits })
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line, for machines.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is not a log format; write text or json"),
        }
    }
}

/// A name or an address, in lower case, that can stand in a URL and in a certificate.
pub(super) fn host(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    if text.parse::<IpAddr>().is_ok() {
        return Some(text);
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An all-digit last label would be a mistyped IPv4 address.
    let named = text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    (text.len() <= 253 && named && text.split('.').all(label)).then_some(text)
}

/// `host`, in brackets where it is an IPv6 address.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (name, rest) = rest.split_once(']')?;
            name.parse::<std::net::Ipv6Addr>().ok()?;
            (name, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map(str::parse::<u16>).transpose().ok()?;
    (port != Some(0)).then_some(())?;
    Some((host(name)?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on_are_read_in_every_usual_spelling() {
        let on = |text: &str| match text.parse() {
            Ok(Listen::On(address)) => address.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(on("0.0.0.0:8443"), "0.0.0.0:8443");
        assert_eq!(on("8443"), "0.0.0.0:8443");
        assert_eq!(on(":8443"), "0.0.0.0:8443");
        assert_eq!(on("[::1]:443"), "[::1]:443");
        assert_eq!(on("localhost:80"), "127.0.0.1:80");
        assert_eq!("off".parse(), Ok(Listen::Off));
        for wrong in ["", "banana", "1.2.3.4", "0.0.0.0:99999", "::1", "mdm.example.school:443"] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_https_address_has_a_host_and_a_port_and_no_path() {
        let url: HttpsUrl = "https://MDM.example.school/".parse().unwrap();
        assert_eq!((url.host.as_str(), url.port), ("mdm.example.school", 443));
        assert_eq!(url.join("/mdm"), "https://mdm.example.school/mdm");
        assert_eq!("https://[fd00::1]:8443".parse::<HttpsUrl>().unwrap().to_string(), "https://[fd00::1]:8443");
        let wrong = [
            "http://mdm.example.school",
            "mdm.example.school",
            "https://",
            "https://a/b",
            "https://a:0",
            "https://a b",
            "https://1.2.3",
            "https://x:y",
        ];
        for wrong in wrong {
            assert!(wrong.parse::<HttpsUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_contains_its_addresses_only() {
        let contains = |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(contains("10.1.0.0/16", "10.1.255.1"));
        assert!(!contains("10.1.0.0/16", "10.2.0.1"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("0.0.0.0/0", "203.0.113.7") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0/8", "x", "10.0.0.0/-1", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_proxys_password_never_shows() {
        let proxy: OutboundProxy = "http://kim:pa@ss@proxy.example.school:3128".parse().unwrap();
        assert_eq!(proxy.credentials.as_ref().unwrap().expose(), "kim:pa@ss");
        assert!(!format!("{proxy:?}").contains("pa@ss"));
        assert!("http://proxy.example.school".parse::<OutboundProxy>().is_err(), "a proxy needs its port");
    }
}
