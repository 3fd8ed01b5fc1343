//! The session's cookie, and whether the connection is one that keeps it secret.

use axum::http::header::COOKIE;
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

/// Tells whether the browser speaks HTTPS: with us, or with a trusted proxy unless that says otherwise.
pub fn is_secure(peer: &Peer, headers: &HeaderMap) -> bool {
    match peer.listener {
        Listener::Main | Listener::Device => true,
        Listener::Http | Listener::Control => false,
        Listener::Proxy => headers.get(FORWARDED_PROTO).is_none_or(|scheme| !scheme.as_bytes().eq_ignore_ascii_case(b"http")),
    }
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
    }
}
