//! The TLS certificate of our own listeners: when a new one is due, and what is remembered of it.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, journal};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::store::authorities::{self, ServerCertificate};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, alerts};

/// How long before its end the certificate is replaced.
pub const REPLACE_BEFORE: Duration = Duration::from_secs(60 * 24 * 3600);

/// The certificate to show, if one was made.
pub fn present(tx: &Tx) -> Result<Option<ServerCertificate>> {
    authorities::server_certificate(tx)
}

/// Tells whether a certificate has to be made for `names` by the authority `authority_id`.
///
/// Names that are no longer wanted are no reason: addresses come and go with every network cable.
pub fn is_due(present: Option<&ServerCertificate>, names: &[String], authority_id: &str, now: Timestamp) -> bool {
    let Some(present) = present else { return true };
    present.not_after_at <= now.plus(REPLACE_BEFORE)
        || present.authority_id != authority_id
        || names.iter().any(|name| !present.names.contains(name))
}

/// Stores a certificate that was made outside of the transaction, because making its key takes long.
pub fn adopt(tx: &Tx, names: Vec<String>, authority_id: &str, certificate: &Certificate, key: &PrivateKey) -> Result<()> {
    let made = ServerCertificate {
        id: tx.new_id(),
        names,
        certificate: certificate.der().to_vec(),
        key: key.pkcs8_der().clone(),
        authority_id: authority_id.to_owned(),
        not_after_at: certificate.not_after(),
    };
    authorities::insert_server_certificate(tx, &made)?;
    let data = json!({ "names": made.names, "not_after_at": made.not_after_at, "fingerprint": certificate.fingerprint().to_string() });
    journal::note(tx, &Actor::Job("tls"), "tls.made", journal::Subject::default(), data)
}

/// How long before the end of a certificate that others renew somebody is told.
pub const TELL_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);

/// Names the alert about the end of the certificate that is shown.
pub const ENDS: &str = "tls.ends";
const REFUSED: &str = "tls.refused";

/// Names the alert that devices refuse the certificate that is shown.
pub const UNTRUSTED: &str = "tls.untrusted";

/// Until when the certificate is good that the listeners show.
const SHOWN_UNTIL: Setting<Timestamp> = Setting::new("tls.shown_until");

/// Until when the certificate is good that the listeners show, as far as that was noted.
pub fn shown_until(tx: &Tx) -> Result<Option<Timestamp>> {
    settings::value(tx, &SHOWN_UNTIL)
}

/// Notes the end of the certificate that is shown; raises or clears the alert that one in files comes to its end and nobody renewed it.
pub fn watch_end(tx: &Tx, not_after: Timestamp) -> Result<()> {
    settings::set(tx, &SHOWN_UNTIL, &not_after)?;
    if not_after > tx.now.plus(TELL_BEFORE) {
        return alerts::clear(tx, ENDS).map(drop);
    }
    let message = if not_after <= tx.now {
        t!("The TLS certificate of this appliance ended at {not_after}: no device and no browser comes in.", not_after)
    } else {
        t!("The TLS certificate of this appliance ends at {not_after}; after that no device and no browser comes in.", not_after)
    };
    alerts::raise(tx, ENDS, 100, &message, t!("See System, TLS certificate. Files that somebody renews are read again by themselves."))
        .map(drop)
}

/// What is shown while certificate files are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The certificate that was read from them before.
    Former,
    /// One of our own authority: none could be read from them since the start.
    Own,
}

/// Raises the alert that certificate files are refused, or clears it when they are taken.
pub fn files_read(tx: &Tx, refused: Option<&str>, shown: Shown) -> Result<()> {
    let Some(why) = refused else { return alerts::clear(tx, REFUSED).map(drop) };
    let (harm, message, remedy) = match shown {
        Shown::Former => (
            80,
            t!("The changed TLS certificate is not used: {why}", why),
            t!("Put files there that fit; until then the certificate that was read before is shown."),
        ),
        Shown::Own => (
            100,
            t!("The TLS certificate of the settings cannot be used, and one of our own authority is shown instead: {why}", why),
            t!(
                "Put files there that fit, or name others (tls.certificate and tls.key): they are read again by themselves. Until then only devices that \
                 know our own authority come in."
            ),
        ),
    };
    alerts::raise(tx, REFUSED, harm, &message, remedy).map(drop)
}

/// Notes why devices do not take the certificate that is shown, and what to do: raises the alert, or clears it where they take it.
pub fn watch_trust(tx: &Tx, refused: Option<&(String, String)>) -> Result<()> {
    let Some((why, remedy)) = refused else { return alerts::clear(tx, UNTRUSTED).map(drop) };
    let message = t!("Devices refuse the TLS certificate of this appliance, and none comes in. {why}", why);
    alerts::raise(tx, UNTRUSTED, 100, &message, remedy).map(drop)
}

/// Why devices refuse the certificate that is shown, and what to do; none where they take it.
pub fn untrusted(tx: &Tx) -> Result<Option<(String, String)>> {
    let found = alerts::all(tx)?.into_iter().find(|alert| alert.key == UNTRUSTED);
    Ok(found.map(|alert| (alert.message, alert.remedy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_certificate_is_due_when_it_ends_soon_or_lacks_a_name_or_its_authority_changed() {
        let now = Timestamp::parse("2026-11-25T08:00:00Z").unwrap();
        let present = ServerCertificate {
            id: "1".to_owned(),
            names: names(&["mdm.example.school", "192.0.2.2"]),
            certificate: Vec::new(),
            key: SecretBytes::new(Vec::new()),
            authority_id: "root".to_owned(),
            not_after_at: now.plus(REPLACE_BEFORE).plus(Duration::from_millis(1)),
        };
        let is_due = |wanted: &[&str], authority: &str, now| is_due(Some(&present), &names(wanted), authority, now);
        assert!(!is_due(&["mdm.example.school", "192.0.2.2"], "root", now));
        assert!(!is_due(&["mdm.example.school"], "root", now), "an address that went");
        assert!(is_due(&["mdm.example.school", "192.0.2.3"], "root", now), "an address that came");
        assert!(is_due(&["mdm.example.school"], "next root", now));
        assert!(is_due(&["mdm.example.school"], "root", now.plus(Duration::from_millis(1))));
        assert!(super::is_due(None, &[], "root", now));
    }
}
