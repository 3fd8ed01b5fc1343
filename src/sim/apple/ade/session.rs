//! Who asks: signed requests for a session (RFC 5849), and sessions that end.

use std::time::Duration;

use serde_json::json;

use super::book::Book;
use super::wire::{Asked, Said, refusal, said};
use crate::clock::Timestamp;
use crate::pki::oauth1;

/// How far a client's clock may be off.
const CLOCK_MAY_DIFFER: Duration = Duration::from_secs(300);

/// Whether a client says what it is: a product and its version, and not what a library says by itself.
pub(super) fn introduces_itself(asked: &Asked) -> bool {
    let agent = asked.user_agent.as_deref().unwrap_or_default();
    let known = ["Go-http-client/", "hyper/", "curl/", "python-requests/"];
    agent.split_once('/').is_some_and(|(product, version)| !product.is_empty() && !version.is_empty())
        && !known.iter().any(|library| agent.starts_with(library))
}

/// Gives a session for a request that is signed by a token.
pub(super) fn open(book: &mut Book, asked: &Asked, now: Timestamp) -> Said {
    let problem = |word: &str| refusal(401, &format!("oauth_problem={word}"));
    let Some(header) = asked.authorization.as_deref().and_then(oauth1::read) else { return problem("parameter_absent") };
    let value = |name: &str| header.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default();
    let consumer = value("oauth_consumer_key");
    let Some(server) = book.server_of(consumer) else { return problem("consumer_key_unknown") };
    if value("oauth_token") != server.token.access_token || server.rejected {
        return refusal(403, "oauth_problem=token_rejected");
    }
    if server.token.expires_at <= now {
        return problem("token_expired");
    }
    if value("realm") != "ADM" || value("oauth_signature_method") != "HMAC-SHA1" {
        return problem("signature_method_rejected");
    }
    let at = value("oauth_timestamp").parse::<i64>().map(Timestamp::from_seconds).unwrap_or_default();
    if at.since(now).max(now.since(at)) > CLOCK_MAY_DIFFER {
        return problem("timestamp_refused");
    }
    let signed: Vec<(&str, &str)> = header
        .iter()
        .filter(|(name, _)| name != "realm" && name != "oauth_signature")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let url = format!("{}{}", book.base, asked.path);
    let base = oauth1::base_string(&asked.method, &url, &signed);
    if oauth1::signature(&base, &server.token.consumer_secret, &server.token.access_secret) != value("oauth_signature") {
        return problem("signature_invalid");
    }
    let (terms_signed, consumer, nonce) = (server.terms_signed, consumer.to_owned(), value("oauth_nonce").to_owned());
    if nonce.is_empty() || !book.nonces.insert(nonce) {
        return problem("nonce_used");
    }
    if !terms_signed {
        return refusal(403, "T_C_NOT_SIGNED");
    }
    let session = book.open_session(&consumer, now);
    said(&json!({ "auth_session_token": session }))
}
