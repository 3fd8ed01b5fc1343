//! The way to a push certificate: the request that waits, who signs it, and the signed one that is ready for Apple's portal.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::Certificate;
use crate::pki::cms::Signer;
use crate::pki::digest;
use crate::pki::key::PrivateKey;
use crate::pki::push_request::{Problem, PushRequest as SignedRequest};
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;
use crate::store::push_certificates::{self, PushRequest};
use crate::store::settings::{self, Setting};

/// Most characters of an e-mail address or of the service's key.
pub const WORD_MAX_CHARS: usize = 200;

/// The signed request that is ready for Apple.
const READY: Setting<Ready> = Setting::new("push.signed_request");

/// The certificate and key that mdmcert.download encrypts its mails to.
const MAIL_IDENTITY: Setting<SecretBytes> = Setting::new("push.mail_identity");

/// By which mdmcert.download knows the program that asks.
const CLIENT_KEY: Setting<SecretBytes> = Setting::new("push.mdmcert_key");

/// A request that a vendor has signed and in which nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The file for Apple's portal: base64 of a property list.
    pub file: String,
    /// When it was brought or signed.
    pub at: Timestamp,
}

/// The newest request that was made here, if no push certificate has come since.
pub fn waiting(tx: &Tx, actor: &Actor) -> Result<Option<PushRequest>> {
    actor.require(Right::Configure)?;
    let current = push_certificates::current(tx)?;
    let waits = |request: &PushRequest| current.as_ref().is_none_or(|current| current.uploaded_at < request.created_at);
    Ok(push_certificates::latest_request(tx)?.filter(waits))
}

/// Keeps a request and its key, which were made outside of the transaction because that takes long.
pub fn keep(tx: &Tx, actor: &Actor, request: &[u8], key: &PrivateKey) -> Result<PushRequest> {
    actor.require(Right::Configure)?;
    let public_key = digest::sha256(key.public_key_der());
    push_certificates::insert_request(tx, request, &public_key, key.pkcs8_der().expose())?;
    settings::forget(tx, &READY)?;
    journal::note(tx, actor, "push_request.made", journal::Subject::default(), json!({}))?;
    push_certificates::latest_request(tx)?.ok_or_else(|| Error::not_found(t!("The request that was just made is gone.")))
}

/// The keys of requests made here, newest first: what comes back from Apple for one of them needs no other.
pub fn own_keys(tx: &Tx, actor: &Actor) -> Result<Vec<PrivateKey>> {
    actor.require(Right::Configure)?;
    push_certificates::request_keys(tx)?.iter().map(|key| Ok(PrivateKey::from_pkcs8_der(key.expose())?)).collect()
}

/// All in a signed request that Apple would refuse, or that would not fit what is here.
pub fn problems(request: &SignedRequest, own_keys: &[PrivateKey], now: Timestamp) -> Vec<Problem> {
    let asked = request.csr.public_key_der();
    let own = own_keys.iter().map(PrivateKey::public_key_der).find(|key| *key == asked).unwrap_or_default();
    request.problems(Some(own), now)
}

/// Keeps a signed request in which nothing is wrong, to be taken to Apple.
pub fn keep_ready(tx: &Tx, actor: &Actor, file: String, how: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    settings::set(tx, &READY, &Ready { file, at: tx.now })?;
    journal::note(tx, actor, "push_request.signed", journal::Subject::default(), json!({ "how": how }))
}

/// The signed request that is ready, while the request behind it waits for its certificate.
pub fn ready(tx: &Tx, actor: &Actor) -> Result<Option<Ready>> {
    let waits = waiting(tx, actor)?.is_some();
    Ok(settings::value(tx, &READY)?.filter(|_| waits))
}

/// What asking mdmcert.download takes.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The address that was registered there.
    pub email: String,
    /// By which the service knows the program that asks; the one of the last time when it is left out.
    pub key: Option<Secret<String>>,
}

/// Checks who asks mdmcert.download and with which words; gives the key to ask with.
pub fn may_ask(tx: &Tx, actor: &Actor, asking: &Asking) -> Result<Secret<String>> {
    actor.require(Right::Configure)?;
    let fits = |text: &str| text.chars().count() <= WORD_MAX_CHARS && !text.chars().any(|letter| letter.is_control() || letter == ' ');
    if !fits(&asking.email) || asking.email.split_once('@').is_none_or(|(name, host)| name.is_empty() || host.is_empty()) {
        return Err(Error::field("email", t!("is not an e-mail address; give the one that is registered at mdmcert.download")));
    }
    if let Some(key) = asking.key.as_ref().filter(|key| !key.expose().is_empty()) {
        return if fits(key.expose()) { Ok(key.clone()) } else { Err(Error::field("key", t!("is one word, as mdmcert.download gave it"))) };
    }
    let kept = settings::secret(tx, &CLIENT_KEY)?;
    let kept = kept.and_then(|key| String::from_utf8(key.expose().clone()).ok()).map(Secret::new);
    kept.ok_or_else(|| {
        Error::field("key", t!("is missing: mdmcert.download gives one to each program that asks; it is kept here from then on"))
    })
}

/// Whether the key of an earlier asking is kept.
pub fn has_key(tx: &Tx) -> Result<bool> {
    Ok(settings::secret(tx, &CLIENT_KEY)?.is_some())
}

/// The certificate and key that mails are encrypted to, once there are some.
pub fn mail_identity(tx: &Tx, actor: &Actor) -> Result<Option<Signer>> {
    actor.require(Right::Configure)?;
    let Some(kept) = settings::secret(tx, &MAIL_IDENTITY)? else { return Ok(None) };
    let (certificate, key) = (Certificate::from_pem(kept.expose())?, PrivateKey::from_pem(kept.expose(), None)?);
    Ok(Some(Signer::new(certificate, key)?))
}

/// Keeps what mails will be encrypted to, before anyone is told of it.
pub fn keep_mail_identity(tx: &Tx, actor: &Actor, identity: &Signer) -> Result<()> {
    actor.require(Right::Configure)?;
    let pem = SecretBytes::new(format!("{}{}", identity.certificate().to_pem(), identity.key().to_pem().expose()).into_bytes());
    settings::set_secret(tx, &MAIL_IDENTITY, &pem)
}

/// Notes that mdmcert.download will send a mail, and keeps the key that it accepted.
pub fn asked(tx: &Tx, actor: &Actor, email: &str, key: &Secret<String>) -> Result<()> {
    actor.require(Right::Configure)?;
    settings::set_secret(tx, &CLIENT_KEY, &SecretBytes::new(key.expose().clone().into_bytes()))?;
    journal::note(tx, actor, "push_request.mailed", journal::Subject::default(), json!({ "email": email }))
}
