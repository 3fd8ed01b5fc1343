//! The session's cookie, and whether the connection is one that keeps it secret.

use std::net::IpAddr;

use axum::http::header::{COOKIE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Error, Result};
use crate::http::server::{Listener, Peer};
use crate::mdm::admins::known_browsers::KNOWN_FOR;
use crate::mdm::admins::sessions::SESSION_LIFE;
use crate::secret::Secret;

/// The name on HTTPS. Browsers accept `__Host-` only from the very host, with `Secure`, for all paths.
const OVER_TLS: &str = "__Host-rollcall";
/// The name on plain HTTP, where only the practice page on this machine is served.
const PLAIN: &str = "rollcall";
/// What a browser shows in which somebody was logged in before, on HTTPS and on plain HTTP.
const KNOWN: [&str; 2] = ["__Host-rollcall-known", "rollcall-known"];

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Tells whether the browser speaks HTTPS: with us, or with a trusted proxy unless that says otherwise, or nobody is between us and a browser on this
/// machine. Not every browser keeps a cookie that is for HTTPS only when it speaks HTTP with its own machine.
pub fn is_secure(peer: &Peer, headers: &HeaderMap) -> bool {
    match peer.listener {
        Listener::Main | Listener::Device => true,
        Listener::Http | Listener::Control => false,
        Listener::Proxy => match headers.get(FORWARDED_PROTO) {
            Some(scheme) => !scheme.as_bytes().eq_ignore_ascii_case(b"http"),
            None => !headers.get(HOST).is_some_and(|host| names_this_machine(host.as_bytes())),
        },
    }
}

/// Whether a browser that writes this into `Host` speaks with its own machine.
fn names_this_machine(host: &[u8]) -> bool {
    let host = str::from_utf8(host).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The value of the session's cookie, if there is exactly one.
pub fn session_token(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, name(secure))
}

/// The mark of a browser in which somebody was logged in before, if there is exactly one.
pub fn known_browser(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, known_name(secure))
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name).map(|(_, value)| value);
    // Of two nobody can tell which is the browser's own.
    values.next().filter(|_| values.next().is_none())
}

/// The `Set-Cookie` that begins a session. Other sites' links may lead in (`Lax`); their forms may not (see [`super::origin`]).
pub fn begin(token: &Secret<String>, secure: bool) -> Result<HeaderValue> {
    set(name(secure), token.expose(), secure, SESSION_LIFE.as_secs())
}

/// The `Set-Cookie` by which a browser is known the next time; a log-out leaves it.
pub fn know(mark: &Secret<String>, secure: bool) -> Result<HeaderValue> {
    set(known_name(secure), mark.expose(), secure, KNOWN_FOR.as_secs())
}

/// The `Set-Cookie` that ends it.
pub fn end(secure: bool) -> Result<HeaderValue> {
    set(name(secure), "", secure, 0)
}

fn set(name: &str, value: &str, secure: bool, max_age_s: u64) -> Result<HeaderValue> {
    let attribute = if secure { "; Secure" } else { "" };
    let mut header = HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{attribute}"))
        .map_err(|error| Error::internal("the session's cookie could not be written", error))?;
    header.set_sensitive(true);
    Ok(header)
}

fn name(secure: bool) -> &'static str {
    if secure { OVER_TLS } else { PLAIN }
}

fn known_name(secure: bool) -> &'static str {
    KNOWN[usize::from(!secure)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::auth::tests::peer;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_counts_on_the_kind_of_connection_it_was_set_on() {
        let both = headers(&["a=1; __Host-rollcall=tls", "rollcall=plain; b"]);
        assert_eq!((session_token(&both, true), session_token(&both, false)), (Some("tls"), Some("plain")));
        assert_eq!(session_token(&headers(&["xrollcall=1; Rollcall=2"]), false), None);
        assert_eq!(session_token(&headers(&["rollcall=1; rollcall=2"]), false), None, "one of two may be a stranger's");
    }

    #[test]
    fn scripts_and_other_hosts_never_see_the_cookie() {
        let token = Secret::new(String::from("t0ken"));
        let text = |header: HeaderValue| header.to_str().unwrap().to_owned();
        assert_eq!(text(begin(&token, true).unwrap()), "__Host-rollcall=t0ken; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800; Secure");
        assert_eq!(text(end(false).unwrap()), "rollcall=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert!(begin(&token, true).unwrap().is_sensitive(), "no log shows it");
        let mark = text(know(&token, true).unwrap());
        assert_eq!(mark, "__Host-rollcall-known=t0ken; Path=/; HttpOnly; SameSite=Lax; Max-Age=15552000; Secure");
        let both = headers(&["__Host-rollcall=tls; __Host-rollcall-known=mark"]);
        assert_eq!(
            (session_token(&both, true), known_browser(&both, true), known_browser(&both, false)),
            (Some("tls"), Some("mark"), None)
        );
    }

    #[test]
    fn a_proxy_says_which_scheme_the_browser_speaks_and_nobody_else() {
        let says_http: HeaderMap = [(FORWARDED_PROTO, HeaderValue::from_static("http"))].into_iter().collect();
        assert!(is_secure(&peer(Listener::Main), &says_http) && !is_secure(&peer(Listener::Http), &HeaderMap::new()));
        assert!(is_secure(&peer(Listener::Proxy), &HeaderMap::new()) && !is_secure(&peer(Listener::Proxy), &says_http));
        let host = |name: &'static str| [(HOST, HeaderValue::from_static(name))].into_iter().collect::<HeaderMap>();
        for own in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080"] {
            assert!(!is_secure(&peer(Listener::Proxy), &host(own)), "{own}");
            assert!(is_secure(&peer(Listener::Main), &host(own)), "{own}");
        }
        for other in ["mdm.example.school", "localhost.example.school", "10.0.0.1:8080", "[fd12::1]"] {
            assert!(is_secure(&peer(Listener::Proxy), &host(other)), "{other}");
        }
        let mut both = host("localhost:8080");
        both.insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
        assert!(is_secure(&peer(Listener::Proxy), &both), "a proxy that does not pass the name on");
    }
}
