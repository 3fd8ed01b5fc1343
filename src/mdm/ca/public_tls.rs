//! The TLS certificate that an authority gives us which everybody trusts already: whether one is wanted, when it is due, and what is kept of it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, alerts};

/// Let's Encrypt, by the address of its directory.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Bytes of an address, at most.
pub const ADDRESS_MAX_BYTES: usize = 500;
/// Bytes of trust anchors, at most.
pub const ANCHORS_MAX_BYTES: usize = 64 << 10;

/// Waits after failures in a row, the last one for ever. Let's Encrypt refuses everything for an hour after five failed proofs.
const BACK_OFF: [Duration; 5] = [
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(12 * 3600),
];

/// Failures in a row after which somebody is told.
const TELL_AFTER: u32 = 2;

const CHOSEN: Setting<Chosen> = Setting::new("tls.public");
const ACCOUNT: Setting<SecretBytes> = Setting::new("tls.public.account");
const IDENTITY: Setting<SecretBytes> = Setting::new("tls.public.identity");
const ALERT: &str = "tls.public";

/// How the authority is shown that our names are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Challenge {
    /// It connects to port 443 of the name, and finds a certificate there that only we can have made.
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
    /// A program of the settings (`tls.dns_hook`) puts a TXT record beside the name.
    #[serde(rename = "dns-01")]
    Dns,
}

/// The authority, and how it is convinced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Choice {
    /// The address of its directory.
    pub directory: String,
    /// Where it writes to when something is wrong; empty for nowhere.
    pub contact: String,
    /// How names are proven.
    pub challenge: Challenge,
    /// Roots that are trusted besides the public ones, PEM: for an authority of one's own.
    pub trust_anchors: String,
}

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The authority.
    pub choice: Choice,
    /// When its terms were agreed to.
    pub agreed_at: Timestamp,
    /// When it is asked next.
    pub due_at: Timestamp,
    /// Failures in a row.
    pub failures: u32,
    /// Why the last try failed; empty when it did not.
    pub problem: String,
    /// The names of the certificate; none while there is none.
    pub names: Vec<String>,
    /// The end of the certificate.
    pub not_after_at: Option<Timestamp>,
}

/// A certificate with its chain and key.
#[derive(Serialize, Deserialize)]
struct Kept {
    chain: String,
    key: String,
}

/// What the job needs.
#[derive(Debug)]
pub struct Task {
    /// The authority.
    pub choice: Choice,
    /// Our account there, if there is one.
    pub account: Option<SecretBytes>,
}

/// Whether an authority that everybody trusts can vouch for a host: it has a name, and one that can be found from outside.
pub fn is_public(host: &str) -> bool {
    const PRIVATE: [&str; 7] = ["local", "localhost", "internal", "lan", "home", "arpa", "corp"];
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.parse::<IpAddr>().is_err() && !host.contains(':') && !PRIVATE.contains(&last.to_ascii_lowercase().as_str())
}

/// What decides by which way a name can be proven here.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The public name.
    pub host: &'a str,
    /// The port of the public address.
    pub port: u16,
    /// Whether a listener of ours is at port 443.
    pub listens_at_443: bool,
    /// Whether the settings name a program for DNS records.
    pub has_hook: bool,
}

/// A way to prove a name, and whether it can be gone here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Which one.
    pub challenge: Challenge,
    /// Whether nothing of ours stands in its way.
    pub possible: bool,
    /// That in a sentence, with what to do where it is not.
    pub words: String,
}

/// Which ways an authority that everybody trusts has to convince itself here; none where no such authority can vouch for the name.
pub fn ways(situation: Situation<'_>) -> Vec<Way> {
    let Situation { host, port, listens_at_443, has_hook } = situation;
    if !is_public(host) {
        return Vec::new();
    }
    let by_port = port == 443 || listens_at_443;
    let port_words = if by_port {
        t!("By port 443 (tls-alpn-01): this appliance is there; {host} must lead to it from the internet, with the port open.", host)
    } else {
        t!(
            "By port 443 (tls-alpn-01) only once a router or firewall hands port 443 of {host} on to port {port} of this appliance, or it listens there itself.",
            host,
            port
        )
    };
    let dns_words = if has_hook {
        String::from(t!("By a DNS record (dns-01): the program of the settings sets it, and no port has to be open."))
    } else {
        String::from(t!(
            "By a DNS record (dns-01) only once the appliance is started with --tls-dns-hook and a program that sets the record; no port has to be open."
        ))
    };
    vec![
        Way { challenge: Challenge::TlsAlpn, possible: by_port, words: port_words },
        Way { challenge: Challenge::Dns, possible: has_hook, words: dns_words },
    ]
}

/// The names that a certificate is asked for: the public one first, and others that are served; without those that the authority cannot vouch for.
pub fn names(choice: &Choice, host: &str, extra: &[String]) -> Vec<String> {
    let mut names = Vec::<String>::new();
    for name in std::iter::once(host).chain(extra.iter().map(String::as_str)) {
        let name = name.to_ascii_lowercase();
        let may = if choice.trust_anchors.is_empty() { is_public(&name) } else { name.parse::<IpAddr>().is_err() && !name.contains(':') };
        if may && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What was chosen.
pub fn standing(tx: &Tx, actor: &Actor) -> Result<Option<Chosen>> {
    actor.require(Right::View)?;
    settings::value(tx, &CHOSEN)
}

/// Has an authority asked for the certificate from now on. `host` is the public name; `has_hook` tells whether the settings name a program for DNS.
///
/// # Errors
/// Bad input, by field, with what to do.
pub fn choose(tx: &Tx, actor: &Actor, choice: Choice, agreed: bool, host: &str, has_hook: bool) -> Result<()> {
    actor.require(Right::Configure)?;
    let choice = checked(choice, host, has_hook)?;
    if !agreed {
        return Err(Error::field("agree_to_terms", t!("agree to the authority's terms; without that it gives no certificate")));
    }
    let before = settings::value(tx, &CHOSEN)?;
    if before.as_ref().is_some_and(|before| before.choice.directory != choice.directory) {
        settings::forget(tx, &ACCOUNT)?;
    }
    let kept = before.unwrap_or_else(|| Chosen {
        choice: Choice::default(),
        agreed_at: tx.now,
        due_at: tx.now,
        failures: 0,
        problem: String::new(),
        names: Vec::new(),
        not_after_at: None,
    });
    // A certificate that is good stays until its time; another authority is asked at once.
    let due_at = if kept.choice.directory == choice.directory && kept.failures == 0 { kept.due_at } else { tx.now };
    let data = json!({ "directory": choice.directory, "challenge": choice.challenge, "contact": choice.contact });
    settings::set(tx, &CHOSEN, &Chosen { choice, due_at, failures: 0, problem: String::new(), ..kept })?;
    tx.ring(Bell::Jobs);
    journal::note(tx, actor, "tls.authority_chosen", journal::Subject::default(), data)
}

fn checked(choice: Choice, host: &str, has_hook: bool) -> Result<Choice> {
    let text = |text: String| text.trim().to_owned();
    let mut choice = Choice {
        directory: text(choice.directory),
        contact: text(choice.contact),
        trust_anchors: text(choice.trust_anchors),
        challenge: choice.challenge,
    };
    if choice.directory.is_empty() {
        LETS_ENCRYPT.clone_into(&mut choice.directory);
    }
    let plain = |text: &str| text.len() <= ADDRESS_MAX_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_address = choice.directory.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !is_address || !plain(&choice.directory) {
        return Err(Error::field("directory", t!("write the address of the authority's ACME directory, https://…")));
    }
    let is_mail =
        choice.contact.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.') && !domain.contains('@'));
    let is_reachable = choice.contact.is_empty() || is_mail && plain(&choice.contact);
    if !is_reachable {
        return Err(Error::field("contact", t!("write one mail address, or nothing")));
    }
    let anchors = &choice.trust_anchors;
    if !anchors.is_empty()
        && (anchors.len() > ANCHORS_MAX_BYTES || Certificate::all_from_pem(anchors.as_bytes()).map_or(true, |all| all.is_empty()))
    {
        return Err(Error::field("trust_anchors", "paste certificates that begin with -----BEGIN CERTIFICATE-----, or nothing"));
    }
    if names(&choice, host, &[]).is_empty() {
        let words = t!(
            "{host} is no name that can be found from the internet, so nobody there vouches for it. Start with --url https://NAME of a domain of yours",
            host
        );
        return Err(Error::field("directory", words));
    }
    if choice.challenge == Challenge::Dns && !has_hook {
        let words = t!("the settings name no program that sets DNS records: start with --tls-dns-hook FILE, or prove the name by port 443");
        return Err(Error::field("challenge", words));
    }
    Ok(choice)
}

/// Goes back to a certificate of our own authority; gives whether there was anything to go back from.
pub fn leave(tx: &Tx, actor: &Actor) -> Result<bool> {
    actor.require(Right::Configure)?;
    if !settings::forget(tx, &CHOSEN)? {
        return Ok(false);
    }
    settings::forget(tx, &ACCOUNT)?;
    settings::forget(tx, &IDENTITY)?;
    alerts::clear(tx, ALERT)?;
    journal::note(tx, actor, "tls.authority_left", journal::Subject::default(), json!({}))?;
    Ok(true)
}

/// Has the authority asked now.
pub fn order_now(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    let Some(chosen) = settings::value(tx, &CHOSEN)? else {
        return Err(Error::conflict(t!("No authority was chosen that could be asked. Choose one first.")));
    };
    settings::set(tx, &CHOSEN, &Chosen { due_at: tx.now, ..chosen })?;
    tx.ring(Bell::Jobs);
    journal::note(tx, actor, "tls.order_wanted", journal::Subject::default(), json!({}))
}

/// The names changed since the certificate was made: a new one is asked for.
pub fn names_changed(tx: &Tx) -> Result<()> {
    if let Some(chosen) = settings::value(tx, &CHOSEN)?.filter(|chosen| chosen.failures == 0 && chosen.due_at > tx.now) {
        settings::set(tx, &CHOSEN, &Chosen { due_at: tx.now, ..chosen })?;
        tx.ring(Bell::Jobs);
    }
    Ok(())
}

/// When the authority is asked next.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    let Some(chosen) = settings::value(tx, &CHOSEN)? else { return Ok(None) };
    // After a failure it waits for hours; what is further away was set by a clock that was ahead.
    let latest = BACK_OFF.last().map_or(tx.now, |longest| tx.now.plus(*longest));
    Ok(Some(if chosen.failures > 0 && chosen.due_at > latest { tx.now } else { chosen.due_at }))
}

/// What is to be asked.
pub fn task(tx: &Tx) -> Result<Option<Task>> {
    let Some(chosen) = settings::value(tx, &CHOSEN)? else { return Ok(None) };
    Ok(Some(Task { choice: chosen.choice, account: settings::secret(tx, &ACCOUNT)? }))
}

/// Keeps an account, so that the authority knows us again.
pub fn joined(tx: &Tx, directory: &str, account: &SecretBytes) -> Result<()> {
    if settings::value(tx, &CHOSEN)?.is_some_and(|chosen| chosen.choice.directory == directory) {
        settings::set_secret(tx, &ACCOUNT, account)?;
    }
    Ok(())
}

/// Forgets an account that the authority does not know any more.
pub fn account_gone(tx: &Tx) -> Result<()> {
    settings::forget(tx, &ACCOUNT).map(drop)
}

/// The certificate and those that lead to its root, with the key, if there is one.
pub fn identity(tx: &Tx) -> Result<Option<(Vec<Certificate>, PrivateKey)>> {
    let Some(kept) = settings::secret(tx, &IDENTITY)? else { return Ok(None) };
    let damaged = |error: &dyn std::fmt::Display| Error::internal("the kept TLS certificate is damaged", error.to_string());
    let kept: Kept = serde_json::from_slice(kept.expose()).map_err(|error| damaged(&error))?;
    let chain = Certificate::all_from_pem(kept.chain.as_bytes()).map_err(|error| damaged(&error))?;
    let key = PrivateKey::from_pem(kept.key.as_bytes(), None).map_err(|error| damaged(&error))?;
    Ok(Some((chain, key)))
}

/// Keeps a certificate that came; gives until when it is good. It is renewed when a third of its time is left.
pub fn obtained(tx: &Tx, directory: &str, names: &[String], chain: &str, key: &PrivateKey) -> Result<Timestamp> {
    let unreadable = |error: &dyn std::fmt::Display| Error::bad_input(t!("The authority's certificate cannot be read: {error}", error));
    let all = Certificate::all_from_pem(chain.as_bytes()).map_err(|error| unreadable(&error))?;
    let Some(own) = all.iter().find(|certificate| certificate.public_key_der() == key.public_key_der()) else {
        return Err(Error::bad_input(t!("The authority's certificate is for another key.")));
    };
    let (begin, end) = (own.not_before(), own.not_after());
    let Some(chosen) = settings::value(tx, &CHOSEN)?.filter(|chosen| chosen.choice.directory == directory) else {
        return Err(Error::conflict(t!("Another authority was chosen meanwhile.")));
    };
    let kept = serde_json::to_vec(&Kept { chain: chain.to_owned(), key: key.to_pem().expose().clone() });
    let kept = kept.map_err(|error| Error::internal("a certificate cannot be written down", error))?;
    settings::set_secret(tx, &IDENTITY, &SecretBytes::new(kept))?;
    let due_at = end.minus(end.since(begin) / 3).max(tx.now.plus(BACK_OFF[0]));
    let chosen = Chosen { due_at, failures: 0, problem: String::new(), names: names.to_vec(), not_after_at: Some(end), ..chosen };
    settings::set(tx, &CHOSEN, &chosen)?;
    alerts::clear(tx, ALERT)?;
    let data = json!({ "names": names, "not_after_at": end, "fingerprint": own.fingerprint().to_string() });
    journal::note(tx, &Actor::Job("tls"), "tls.obtained", journal::Subject::default(), data)?;
    Ok(end)
}

/// Notes that no certificate came, and when it is tried again. Somebody is told from the second time on: one miss is usual.
pub fn failed(tx: &Tx, directory: &str, because: &str) -> Result<()> {
    let Some(chosen) = settings::value(tx, &CHOSEN)?.filter(|chosen| chosen.choice.directory == directory) else { return Ok(()) };
    let failures = chosen.failures.saturating_add(1);
    let wait = BACK_OFF[(failures as usize - 1).min(BACK_OFF.len() - 1)];
    if failures >= TELL_AFTER {
        let message = match chosen.not_after_at.filter(|end| *end > tx.now) {
            Some(end) => t!(
                "The TLS certificate, good until {end}, cannot be renewed: {because}",
                end = language::date(zone(tx)?.words(end)),
                because
            ),
            None => t!("There is no TLS certificate that others trust: {because} Until there is one, our own is shown.", because),
        };
        alerts::raise(tx, ALERT, 70, &message, t!("See System, TLS certificate. It is tried again by itself."))?;
    }
    settings::set(tx, &CHOSEN, &Chosen { failures, problem: because.to_owned(), due_at: tx.now.plus(wait), ..chosen })?;
    Ok(())
}

#[cfg(test)]
mod tests;
