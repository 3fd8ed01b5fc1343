//! Whether a device that asks at a domain finds its way to this server: the question is asked as a device asks it.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use serde_json::Value;

use crate::app::App;
use crate::apple::connect::{Connector, Trust};
use crate::apple::own_address::{self, Answer};
use crate::error::{Error, Result};
use crate::mdm::enroll::account::rules;
use crate::mdm::{Actor, Right};
use crate::protocol::service_discovery::PATH;

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What stands after the question mark, to see whether a redirect keeps it.
const QUESTION: &str = "model-family=iPad";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Whether devices find the way.
    pub good: bool,
    /// What was found, and what to do.
    pub words: String,
}

/// Asks at a domain of a Managed Apple Account of somebody here.
///
/// # Errors
/// Names `domain` for one that is no such account's: this server asks nobody else.
pub async fn check(app: &App, actor: &Actor, domain: &str) -> Result<Checked> {
    actor.require(Right::Configure)?;
    let (asker, domain) = (actor.clone(), domain.trim().to_ascii_lowercase());
    let known = app.store.read(app.now(), move |tx| rules::domains(tx, &asker)).await?;
    if !known.contains(&domain) {
        return Err(Error::field("domain", t!("the domain of a Managed Apple Account of somebody under People")));
    }
    let url = format!("https://{domain}{PATH}?{QUESTION}");
    let trust = Trust::public().and(&app.authority().issuer.certificate().to_pem())?;
    let found = own_address::fetch(&Connector::new(trust, app.clock.clone()), &url, None, TIMEOUT).await;
    Ok(found.map_or_else(
        |error| Checked { good: false, words: t!("{message} Devices of this domain find no server.", message = error.message) },
        |answer| judge(&answer, &domain, &app.public_url),
    ))
}

/// What an answer means for devices.
fn judge(answer: &Answer, domain: &str, server: &str) -> Checked {
    let bad = |words: String| Checked { good: false, words };
    let target = format!("{server}{PATH}");
    let good = |words: &str| Checked { good: true, words: words.to_owned() };
    match StatusCode::from_u16(answer.status) {
        Ok(status) if status.is_redirection() => {
            let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
            match location.strip_prefix(&target) {
                Some(rest) if rest.strip_prefix('?') == Some(QUESTION) => good(t!("Devices of this domain find this server.")),
                Some(_) => bad(String::from(t!(
                    "It leads here, but drops what stands after the question mark. Devices come, and are taken as people’s own wherever that is possible. Have the redirect keep it."
                ))),
                None => bad(t!("It leads to {location}, not to {target}. Change the redirect.", location, target)),
            }
        }
        Ok(StatusCode::OK | StatusCode::FORBIDDEN) if is_ours(answer, server) => {
            good(t!("Devices of this domain find this server: it answers there itself."))
        }
        Ok(StatusCode::OK) => bad(t!("Something else answers at {domain}. Have it redirect to {target}.", domain, target)),
        _ => bad(t!("{domain} answers {status} there. Have it redirect to {target}.", domain, status = answer.status, target)),
    }
}

/// Whether the answer is one that this server gives.
fn is_ours(answer: &Answer, server: &str) -> bool {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let base = document.pointer("/Servers/0/BaseURL").and_then(Value::as_str).unwrap_or_default();
    base.strip_prefix(server).is_some_and(|rest| rest.starts_with('/')) || document["code"] == "com.apple.well-known.failed"
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, HeaderValue};

    fn judged(status: u16, location: &str, body: &str) -> Checked {
        let mut headers = HeaderMap::new();
        if !location.is_empty() {
            headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        }
        let answer = Answer { status, headers, body: body.to_owned().into() };
        judge(&answer, "example.school", "https://mdm.example.school")
    }

    #[test]
    fn a_domain_leads_here_or_it_is_said_what_is_wrong() {
        let target = format!("https://mdm.example.school{PATH}");
        assert!(judged(302, &format!("{target}?{QUESTION}"), "").good);
        let ours = String::from_utf8(crate::protocol::service_discovery::document(true, "https://mdm.example.school/x")).unwrap();
        assert!(judged(200, "", &ours).good);
        let others = ours.replace("mdm.example.school/", "mdm.example.school.evil.example/");
        for (status, location, body, words) in [
            (301, target.as_str(), "", "drops what stands after"),
            (302, "https://www.example.school/", "", "It leads to https://www.example.school/"),
            (200, "", "<html>", "Something else answers"),
            (200, "", others.as_str(), "Something else answers"),
            (404, "", "", "answers 404"),
        ] {
            let checked = judged(status, location, body);
            assert!(!checked.good && checked.words.contains(words), "{checked:?}");
        }
    }
}
