//! Whether Apple's services can be used: the way there, the push certificate, and tokens.

use super::{Area, Finding, Level, Seen, Service, until};
use crate::clock::Zone;
use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::ends::SOON;
use crate::mdm::{Actor, ade, licences, push_certificates};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::store::ade_servers::{self, AdeServer, ServerState};
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::{Tx, push_certificates as rows};

impl Service {
    /// The word for it in a finding's id.
    fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Releases => "releases",
            Self::DeviceList => "device_list",
            Self::AppsAndBooks => "apps_and_books",
        }
    }

    /// What does not work without it.
    fn loss(self) -> &'static str {
        match self {
            Self::Push => t!("no device can be woken"),
            Self::Releases => t!("new releases of systems are not offered"),
            Self::DeviceList => t!("devices that the organisation buys are not seen"),
            Self::AppsAndBooks => t!("licences of apps cannot be assigned"),
        }
    }
}

/// Part of a sentence as one of its own.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Whether Apple's services are reached.
pub(super) fn services(tx: &Tx, seen: &Seen) -> Result<Vec<Finding>> {
    let wants = |service| -> Result<bool> {
        Ok(match service {
            Service::Push => rows::current(tx)?.is_some(),
            Service::Releases => true,
            Service::DeviceList => ade_servers::all(tx)?.iter().any(|server| !server.practice),
            Service::AppsAndBooks => content_tokens::all(tx)?.iter().any(|token| !token.practice),
        })
    };
    let mut findings = Vec::new();
    let mut reached = Vec::new();
    for service in &seen.apple {
        let Some((problem, helps)) = &service.problem else {
            reached.push(service.host.as_str());
            continue;
        };
        let level = match (service.service, wants(service.service)?) {
            // Every appliance comes to need it: better known before the first device enrolls.
            (Service::Push, false) | (Service::Releases, true) => Level::Warning,
            (_, false) => Level::Note,
            (_, true) => Level::Error,
        };
        let way = match &seen.proxy {
            Some(proxy) => t!("The way leads through the proxy {proxy}: have it let {host} through.", proxy, host = service.host),
            None => String::from(t!("Where a proxy must be used, name it as apple.outbound_proxy.")),
        };
        let way = format!("{}. {way}", capital(helps));
        let problem = if problem.starts_with(&service.host) { problem.clone() } else { capital(problem) };
        let what = t!("{problem}; without it {loss}.", problem, loss = service.service.loss());
        findings.push(Finding::new(format!("apple.{}", service.service.word()), Area::Apple, level, what, way));
    }
    if !reached.is_empty() {
        let by = seen.proxy.as_ref().map(|proxy| t!(", through the proxy {proxy}", proxy)).unwrap_or_default();
        findings.push(Finding::ok("apple.reached", Area::Apple, t!("These answer{by}: {list}.", by, list = reached.join(", "))));
    }
    Ok(findings)
}

/// The push certificates: their ends, their keys, and what Apple says of the one that new devices get.
pub(super) fn push(tx: &Tx, actor: &Actor, seen: &Seen, zone: &Zone) -> Result<Vec<Finding>> {
    const RENEW: &str = msg!("Renew the same certificate in Apple’s portal with the same account; another topic would lose every device.");
    let mut findings = Vec::new();
    for standing in push_certificates::list(tx, actor)? {
        let certificate = standing.certificate;
        let id = format!("push.certificate:{}", certificate.topic);
        let account = match certificate.account_note.as_str() {
            "" => String::from(t!("nobody noted with which account it was made")),
            note => t!("made with the account “{note}”", note),
        };
        let finding = |level, what: String, remedy: &str| Finding::new(id.clone(), Area::Push, level, what, remedy);
        let key = rows::key(tx, &certificate.topic)?.and_then(|key| PrivateKey::from_pkcs8_der(key.expose()).ok());
        let is_pair = Certificate::from_der(&certificate.certificate)
            .is_ok_and(|certificate| key.is_some_and(|key| key.public_key_der() == certificate.public_key_der()));
        let (end, topic) = (certificate.not_after_at, &certificate.topic);
        let ends = until(end, tx.now, zone);
        findings.push(if !is_pair {
            let remedy = t!("Upload the certificate again together with the key that its request was made from.");
            finding(Level::Error, t!("The push certificate of {topic} and its key do not belong together.", topic), remedy)
        } else if end <= tx.now {
            finding(
                Level::Error,
                t!("The push certificate of {topic} has ended, {ends}: no device can be woken ({account}).", topic, ends, account),
                say(RENEW),
            )
        } else if end.since(tx.now) < SOON {
            finding(Level::Warning, t!("The push certificate of {topic} ends {ends} ({account}).", topic, ends, account), say(RENEW))
        } else if certificate.current && certificate.account_note.is_empty() {
            let remedy = t!("Note it at System, Push certificate: in a year somebody has to sign in with that very account.");
            finding(
                Level::Note,
                t!("The push certificate of {topic} is good; it ends {ends}, and {account}.", topic, ends, account),
                remedy,
            )
        } else {
            finding(Level::Ok, t!("The push certificate of {topic} is good; it ends {ends}, {account}.", topic, ends, account), "")
        });
        if certificate.current
            && let Some(why) = &seen.push_refused
        {
            findings.push(Finding::new(
                "push.refused",
                Area::Push,
                Level::Error,
                t!("Apple’s push service was asked: {why}.", why),
                say(RENEW),
            ));
        }
    }
    Ok(findings)
}

/// Tokens: until when they are good, and when they were last of use. What Apple refuses is told by the alerts.
pub(super) fn tokens(tx: &Tx, actor: &Actor, zone: &Zone) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for standing in licences::tokens::list(tx, actor)?.into_iter().filter(|standing| !standing.token.practice) {
        findings.push(content(tx, &standing.token, zone));
    }
    for standing in ade::servers::list(tx, actor)?.into_iter().filter(|standing| !standing.server.practice) {
        findings.push(server(tx, &standing.server, zone));
    }
    Ok(findings)
}

/// The worst that a token's own row tells; without trouble that it is good.
fn token(id: String, name: &str, trouble: Option<(Level, &str)>, good: String) -> Finding {
    const WAIT: &str = msg!("It is tried again by itself. If it stays, open the token’s page.");
    match trouble {
        Some((level, problem)) if !problem.is_empty() => Finding::new(id, Area::Tokens, level, format!("{name}: {problem}"), say(WAIT)),
        _ => Finding::ok(id, Area::Tokens, format!("{name}: {good}.")),
    }
}

fn content(tx: &Tx, row: &ContentToken, zone: &Zone) -> Finding {
    let read =
        row.synced_at.map_or_else(|| String::from(t!("not read yet")), |at| t!("last read {time}", time = language::date(zone.words(at))));
    let level = if row.state == TokenState::Refused { Level::Error } else { Level::Warning };
    let trouble = (row.failures > 0 || !row.problem.is_empty()).then_some((level, row.problem.as_str()));
    let good = t!("good, ends {time}, {read}", time = until(row.expires_at, tx.now, zone), read);
    token(format!("tokens.apps_and_books:{}", row.id), &t!("The content token of “{name}”", name = row.name()), trouble, good)
}

fn server(tx: &Tx, row: &AdeServer, zone: &Zone) -> Finding {
    let read =
        row.synced_at.map_or_else(|| String::from(t!("not read yet")), |at| t!("last read {time}", time = language::date(zone.words(at))));
    let level = if matches!(row.state, ServerState::Ended) { Level::Error } else { Level::Warning };
    let trouble = (row.failures > 0 || !row.problem.is_empty()).then_some((level, row.problem.as_str()));
    let ends = row
        .expires_at
        .map_or_else(|| String::from(t!("waits for its token")), |at| t!("good, ends {time}", time = until(at, tx.now, zone)));
    token(format!("tokens.device_list:{}", row.id), &t!("The server token “{name}”", name = row.name), trouble, format!("{ends}, {read}"))
}
