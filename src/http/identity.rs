//! Who a device proves to be: by `Mdm-Signature` over the very bytes it sent, by TLS, or by a listed proxy's word.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::server::Peer;
use crate::mdm::enroll::identify::{ImportedAuthority, Presented};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::pki::cms::{self, CmsError};
use crate::pki::digest::{Digest, Hashed, sha256};
use crate::protocol::service_discovery;

/// How far a device's clock may be behind the start of its certificate, which lies ten minutes before it was issued.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The header in which a device signs what it sends.
pub const MDM_SIGNATURE: &str = "mdm-signature";

/// How often the log says that a proxy may be rewriting bodies.
const HINT_EVERY: Duration = Duration::from_secs(3600);

static LAST_HINT: AtomicI64 = AtomicI64::new(i64::MIN);

/// The certificate whose key the sender of `body` has proven to hold; none when the message came with neither signature nor certificate.
///
/// Fails with bad input when there is a signature that does not hold; whose identity the certificate is, `mdm::enroll::identify` decides.
pub fn presented(app: &App, peer: &Peer, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Option<Presented>> {
    presented_by_digest(app, peer, headers, |digest| Some(digest.of(body)), now)
}

/// Who a message proves to be from, and why it is refused all the same.
#[derive(Debug)]
pub(super) struct Proven {
    /// The certificate.
    pub(super) presented: Presented,
    /// That the device's clock is wrong.
    pub(super) untimely: Option<Error>,
}

impl Proven {
    /// Who it is, where the message is not refused.
    pub(super) fn in_time(self) -> Result<Presented> {
        self.untimely.map_or(Ok(self.presented), Err)
    }
}

/// As [`presented`], where it matters who sent what is refused for its time.
pub(super) fn proven(app: &App, peer: &Peer, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Option<Proven>> {
    proven_by_digest(app, peer, headers, |digest| Some(digest.of(body)), now)
}

/// As [`presented`], for a body that was hashed as it came: `digest_of` gives its digest, if it is by that algorithm.
pub(super) fn presented_by_digest(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
    digest_of: impl FnOnce(Digest) -> Option<Hashed>,
    now: Timestamp,
) -> Result<Option<Presented>> {
    proven_by_digest(app, peer, headers, digest_of, now)?.map(Proven::in_time).transpose()
}

fn proven_by_digest(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
    digest_of: impl FnOnce(Digest) -> Option<Hashed>,
    now: Timestamp,
) -> Result<Option<Proven>> {
    let proven = match headers.get(MDM_SIGNATURE) {
        Some(signature) => Some(signed(app, signature.as_bytes(), digest_of, now)?),
        None => {
            peer.certificate.as_deref().map(|der| Ok::<_, Error>(Proven { presented: shown(app, der)?, untimely: None })).transpose()?
        }
    };
    let with_bearer = |Proven { presented, untimely }| Proven { presented: Presented { bearer: bearer(headers), ..presented }, untimely };
    Ok(proven.map(with_bearer))
}

/// SHA-256 of the bearer token that came with a message.
pub fn bearer(headers: &HeaderMap) -> Option<[u8; 32]> {
    let token = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).and_then(service_discovery::bearer)?;
    Some(sha256(token.as_bytes()))
}

/// Who a message says that it is from, before its body has come.
pub(super) struct Claim {
    /// The certificate. Proven where TLS has shown it; with a signature nothing is, until the whole body has been hashed.
    pub presented: Presented,
    /// The digest by which the signature covers the body; none where there is no signature.
    pub digest: Option<Digest>,
}

/// Who a message says that it is from; none when it comes with neither signature nor certificate.
pub(super) fn claimed(app: &App, peer: &Peer, headers: &HeaderMap) -> Result<Option<Claim>> {
    let Some(signature) = headers.get(MDM_SIGNATURE) else {
        let shown = peer.certificate.as_deref().map(|der| shown(app, der)).transpose()?;
        return Ok(shown.map(|presented| Claim { presented, digest: None }));
    };
    let (signer, digest) = cms::claimed(&decoded(signature.as_bytes())?, |der| app.known.read(der))
        .map_err(|error| Error::bad_input(t!("Mdm-Signature does not hold: {error}.", error)).caused_by(error))?;
    Ok(Some(Claim { presented: with_authority(app, signer), digest: Some(digest) }))
}

fn decoded(signature: &[u8]) -> Result<Vec<u8>> {
    STANDARD.decode(signature.trim_ascii()).map_err(|error| Error::bad_input(t!("Mdm-Signature is not base64.")).caused_by(error))
}

fn signed(app: &App, signature: &[u8], digest_of: impl FnOnce(Digest) -> Option<Hashed>, now: Timestamp) -> Result<Proven> {
    let message = decoded(signature)?;
    let verified = cms::verify_detached_digest(&message, digest_of, |der| app.known.read(der)).map_err(|error| {
        if matches!(error, CmsError::ContentChanged | CmsError::Signature) {
            hint(now);
        }
        Error::bad_input(t!("Mdm-Signature does not hold: {error}.", error)).caused_by(error)
    })?;
    let untimely = verified.signing_time.and_then(|signed_at| in_its_time(&verified.signer, signed_at, now).err());
    Ok(Proven { presented: with_authority(app, verified.signer), untimely })
}

/// Refuses a signature from before its certificate: the device's clock is wrong, or somebody plays back what they recorded elsewhere.
fn in_its_time(signer: &Certificate, signed_at: Timestamp, now: Timestamp) -> Result<()> {
    if signed_at.plus(CLOCK_SKEW) >= signer.not_before() {
        return Ok(());
    }
    let behind = now.since(signed_at).as_secs();
    Err(Error::bad_input(t!("The device's clock is {value} behind; its signature is from before its certificate.", value = words(behind))))
}

fn words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => t!("{seconds} min", seconds = seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// Says once an hour what a body that does not fit its signature usually means.
fn hint(now: Timestamp) {
    let last = LAST_HINT.load(Ordering::Relaxed);
    if last > now.minus(HINT_EVERY).millis() {
        return;
    }
    if LAST_HINT.compare_exchange(last, now.millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        tracing::warn!(
            "a device's signature does not fit what arrived: a proxy is rewriting the body on its way, or the request is forged"
        );
    }
}

fn shown(app: &App, der: &[u8]) -> Result<Presented> {
    if app.imported().is_empty() {
        // Only certificates that we issued count, and those are known by their fingerprint.
        return Ok(Presented {
            fingerprint: Fingerprint::of_der(der),
            certificate: None,
            imported_authority: None,
            bearer: None,
            host: None,
        });
    }
    let certificate =
        app.known.read(der).map_err(|error| Error::bad_input(t!("The client certificate cannot be read.")).caused_by(error))?;
    Ok(with_authority(app, certificate))
}

fn with_authority(app: &App, certificate: Certificate) -> Presented {
    let imported = app.imported();
    let authority = imported.iter().find(|authority| certificate.is_issued_by(&authority.certificate));
    Presented {
        fingerprint: certificate.fingerprint(),
        imported_authority: authority.map(|authority| ImportedAuthority { id: authority.id.clone(), until: authority.until }),
        certificate: Some(certificate),
        bearer: None,
        host: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::auth::tests::peer;
    use crate::http::server::Listener;
    use crate::pki::cms::{SignOptions, sign};
    use crate::pki::issue::{self, BACK_DATE};
    use crate::pki::key::PrivateKey;

    #[test]
    fn a_clock_some_minutes_behind_its_certificate_is_borne_and_one_hours_behind_is_named() {
        // C06.
        let app = App::for_tests();
        let at = |text| Timestamp::parse(text).unwrap();
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let begins = at("2026-11-25T12:00:03Z");
        let signer = issue::self_signed("TESTSN0001", &key, Duration::from_secs(86_400), begins.plus(BACK_DATE)).unwrap();
        assert_eq!(signer.certificate().not_before(), begins);
        let now = at("2026-11-25T12:00:01Z");
        let ask = |signed_at: Timestamp| {
            let options = SignOptions { signing_time: Some(signed_at), ..SignOptions::detached() };
            let signature = STANDARD.encode(sign(&signer, b"a poll", &options).unwrap());
            let headers = HeaderMap::from_iter([(MDM_SIGNATURE.parse().unwrap(), signature.parse().unwrap())]);
            presented(&app, &peer(Listener::Main), &headers, b"a poll", now)
        };
        let fingerprint = ask(at("2026-11-25T12:00:00Z")).unwrap().unwrap().fingerprint;
        assert_eq!(fingerprint, signer.certificate().fingerprint());
        assert!(ask(begins.minus(CLOCK_SKEW)).is_ok());
        assert!(ask(begins.minus(CLOCK_SKEW + Duration::from_secs(1))).is_err());
        let refusal = ask(at("2026-11-25T10:00:00Z")).unwrap_err();
        assert!(refusal.message.contains("clock is 2 h behind"), "{refusal}");
    }

    #[test]
    fn a_signature_that_is_none_or_of_other_bytes_is_bad_input_and_none_at_all_is_nobody() {
        let app = App::for_tests();
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let signer = issue::self_signed("TESTSN0001", &key, Duration::from_secs(86_400), app.now()).unwrap();
        let signature = STANDARD.encode(sign(&signer, b"a poll", &SignOptions::detached()).unwrap());
        let ask = |signature: &str, body: &[u8]| {
            let headers = HeaderMap::from_iter([(MDM_SIGNATURE.parse().unwrap(), signature.parse().unwrap())]);
            presented(&app, &peer(Listener::Main), &headers, body, app.now())
        };
        assert!(ask(&signature, b"a poll").unwrap().is_some());
        for (signature, body) in [("!!", &b"a poll"[..]), (&signature, b"a poll\r\n"), (&signature[..100], b"a poll"), ("", b"a poll")] {
            assert_eq!(ask(signature, body).unwrap_err().kind, crate::error::Kind::BadInput);
        }
        assert!(presented(&app, &peer(Listener::Main), &HeaderMap::new(), b"a poll", app.now()).unwrap().is_none());
    }
}
