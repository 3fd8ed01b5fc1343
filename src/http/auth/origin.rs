//! Whether a request that changes something comes from our own page: what keeps another site from using a browser's session.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::error::{Error, Result};
use crate::http::server::{Listener, Peer};
use crate::language::say;
use crate::secret::Secret;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What the headers tell about the page that a request was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// Our own, or the person's own hand.
    ByUs,
    /// Another site, or a page whose site is hidden.
    ByAnother,
    /// They do not say: a very old browser, or no browser.
    Unknown,
}

/// Refuses a request under a browser's session that changes something unless it comes from our own page, by the browser's word
/// (`Sec-Fetch-Site`, or else `Origin`), or carries the session's own token in `X-CSRF-Token` where the browser says nothing.
pub(super) fn require_own_page(parts: &Parts, peer: &Peer, csrf: &Secret<String>) -> Result<()> {
    if is_safe(&parts.method) {
        return Ok(());
    }
    let token = parts.headers.get(CSRF_TOKEN).map_or(b"".as_slice(), HeaderValue::as_bytes);
    match made_from(parts, peer) {
        Made::ByUs => Ok(()),
        Made::Unknown if verify_slices_are_equal(token, csrf.expose().as_bytes()).is_ok() => Ok(()),
        Made::Unknown => Err(Error::forbidden(t!(
            "Whether this comes from our own page cannot be told. Send the session's csrf_token in the header X-CSRF-Token, or use an API token."
        ))),
        Made::ByAnother => Err(another()),
    }
}

/// Refuses a log-in that another site's page sends.
pub(super) fn refuse_another_site(parts: &Parts, peer: &Peer) -> Result<()> {
    if made_from(parts, peer) == Made::ByAnother { Err(another()) } else { Ok(()) }
}

/// What is said to a request that another site's page makes.
pub(in crate::http) const ANOTHER_SITE: &str =
    msg!("This request was made from the page of another site, so it was refused. Open Rollcall's own page and try again there.");

fn another() -> Error {
    Error::forbidden(say(ANOTHER_SITE))
}

/// Methods that change nothing (RFC 9110, section 9.2.1).
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn made_from(parts: &Parts, peer: &Peer) -> Made {
    if let Some(site) = parts.headers.get(SEC_FETCH_SITE) {
        let us = [b"same-origin".as_slice(), b"none"].contains(&site.as_bytes());
        return if us { Made::ByUs } else { Made::ByAnother };
    }
    let Some(origin) = parts.headers.get(ORIGIN) else { return Made::Unknown };
    let (origin, host) = (origin.to_str().unwrap_or_default(), host(&parts.headers, &parts.uri, peer));
    let same = origin.split_once("://").is_some_and(|(scheme, authority)| {
        let tls = matches!(peer.listener, Listener::Main | Listener::Device);
        host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) && (!tls || scheme == "https")
    });
    if same { Made::ByUs } else { Made::ByAnother }
}

/// The host that the browser asked, with its port.
pub(in crate::http) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri, peer: &Peer) -> Option<&'a str> {
    let forwarded = if peer.listener == Listener::Proxy { headers.get(FORWARDED_HOST) } else { None };
    let said = forwarded.or_else(|| headers.get(HOST)).and_then(|value| value.to_str().ok());
    // HTTP/2 says it in the address.
    said.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::http::auth::tests::peer;

    fn made(listener: Listener, headers: &[(&str, &str)]) -> Made {
        let mut request = Request::post("/devices");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        made_from(&request.body(()).unwrap().into_parts().0, &peer(listener))
    }

    #[test]
    fn the_browser_says_where_a_request_was_made() {
        let host = ("host", "mdm.example.school:8443");
        let own = ("origin", "https://mdm.example.school:8443");
        for (headers, expected) in [
            (vec![host, ("sec-fetch-site", "same-origin"), own], Made::ByUs),
            (vec![host, ("sec-fetch-site", "none")], Made::ByUs),
            (vec![host, ("sec-fetch-site", "same-site"), own], Made::ByAnother),
            (vec![host, ("sec-fetch-site", "cross-site"), own], Made::ByAnother),
            (vec![host, own], Made::ByUs),
            (vec![host, ("origin", "https://MDM.example.school:8443")], Made::ByUs),
            (vec![host, ("origin", "http://mdm.example.school:8443")], Made::ByAnother),
            (vec![host, ("origin", "https://mdm.example.school")], Made::ByAnother),
            (vec![host, ("origin", "https://mdm.example.school:8443.evil.example")], Made::ByAnother),
            (vec![host, ("origin", "null")], Made::ByAnother),
            (vec![own], Made::ByAnother),
            (vec![host, ("x-forwarded-host", "evil.example"), ("origin", "https://evil.example")], Made::ByAnother),
            (vec![host], Made::Unknown),
        ] {
            assert_eq!(made(Listener::Main, &headers), expected, "{headers:?}");
        }
        assert_eq!(made(Listener::Http, &[("host", "localhost:8080"), ("origin", "http://localhost:8080")]), Made::ByUs);
    }

    #[test]
    fn behind_a_proxy_its_word_about_the_host_counts() {
        let headers = [("host", "127.0.0.1:8081"), ("x-forwarded-host", "mdm.example.school"), ("origin", "https://mdm.example.school")];
        assert_eq!(made(Listener::Proxy, &headers), Made::ByUs);
        assert_eq!(made(Listener::Proxy, &headers[..1]), Made::Unknown);
    }

    #[test]
    fn on_http_2_the_host_stands_in_the_address() {
        let request = Request::post("https://mdm.example.school/devices").header("origin", "https://mdm.example.school").body(()).unwrap();
        assert_eq!(made_from(&request.into_parts().0, &peer(Listener::Main)), Made::ByUs);
    }

    #[test]
    fn where_the_browser_says_nothing_the_sessions_token_decides() {
        let csrf = Secret::new(String::from("c5rf"));
        let ask = |method: Method, token: Option<&str>, site: Option<&str>| {
            let mut request = Request::builder().method(method);
            for (name, value) in [("x-csrf-token", token), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            require_own_page(&request.body(()).unwrap().into_parts().0, &peer(Listener::Main), &csrf).is_ok()
        };
        assert!(ask(Method::GET, None, Some("cross-site")), "reading changes nothing");
        assert!(ask(Method::POST, Some("c5rf"), None) && ask(Method::DELETE, None, Some("same-origin")));
        for token in [None, Some(""), Some("c5r"), Some("C5RF")] {
            assert!(!ask(Method::POST, token, None), "{token:?}");
        }
        assert!(!ask(Method::PUT, Some("c5rf"), Some("cross-site")), "another site's page is refused whatever it knows");
    }
}
