//! Apple Configurator: for how long it may bring devices in without Apple's list, and the identity by which it supervises them.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::Certificate;
use crate::pki::cms::Signer;
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::invitations::{self as rows, Invitation};
use crate::store::settings::{self, Setting};

/// Hours for which Configurator may be let in at once.
pub const HOURS: RangeInclusive<u32> = 1..=168;

/// How long the identity is good that supervises devices: they know no other one for their lives.
pub const IDENTITY_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// Letters that a passphrase has at the least.
pub const PASSPHRASE_MIN_CHARS: usize = 8;

/// Letters that a passphrase has at the most.
pub const PASSPHRASE_MAX_CHARS: usize = 128;

const INVITATION: Setting<String> = Setting::new("configurator.invitation");
const CERTIFICATE: Setting<String> = Setting::new("configurator.certificate");
const KEY: Setting<SecretBytes> = Setting::new("configurator.key");

/// How Configurator stands here.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The invitation by which it brings devices in now, if it may.
    pub invitation: Option<Invitation>,
    /// The identity by which it supervises.
    pub certificate: Option<Certificate>,
}

/// How Configurator stands here.
pub fn standing(tx: &Tx, actor: &Actor) -> Result<Standing> {
    actor.require(Right::View)?;
    Ok(Standing { invitation: open_invitation(tx)?, certificate: certificate(tx)? })
}

fn open_invitation(tx: &Tx) -> Result<Option<Invitation>> {
    let Some(id) = settings::value(tx, &INVITATION)? else { return Ok(None) };
    Ok(rows::by_id(tx, &id)?.filter(|invitation| invitations::usable(invitation, tx.now).is_ok()))
}

/// Whether an invitation is the one by which Configurator brings devices in now.
pub(super) fn is_open_by(tx: &Tx, invitation: &Invitation) -> Result<bool> {
    Ok(settings::value(tx, &INVITATION)?.is_some_and(|id| id == invitation.id))
}

/// Lets Configurator bring devices in for some hours: its own question is answered with an address that needs no list of Apple's.
pub fn open(tx: &Tx, actor: &Actor, hours: u32, group: &str) -> Result<Invitation> {
    actor.require(Right::Configure)?;
    if !HOURS.contains(&hours) {
        return Err(Error::field("hours", t!("from {start} to {end} hours", start = HOURS.start(), end = HOURS.end())));
    }
    close(tx, actor)?;
    let new = NewInvitation {
        note: String::from(t!("Apple Configurator")),
        group_label: group.trim().to_owned(),
        expires_at: Some(tx.now.plus(Duration::from_secs(u64::from(hours) * 3600))),
        ..NewInvitation::default()
    };
    let invitation = invitations::create(tx, actor, new)?;
    settings::set(tx, &INVITATION, &invitation.id)?;
    journal::note(tx, actor, "configurator.opened", journal::Subject::default(), json!({ "hours": hours, "group": group.trim() }))?;
    Ok(invitation)
}

/// Ends that Configurator brings devices in; tells whether it might.
pub fn close(tx: &Tx, actor: &Actor) -> Result<bool> {
    actor.require(Right::Configure)?;
    let Some(invitation) = open_invitation(tx)? else { return Ok(false) };
    invitations::revoke(tx, actor, &invitation.id)?;
    settings::forget(tx, &INVITATION)?;
    journal::note(tx, actor, "configurator.closed", journal::Subject::default(), json!({}))?;
    Ok(true)
}

/// The path at which devices ask for their profile that Configurator prepares: the address of Apple's list, or while it may, one that needs no list.
pub fn path(tx: &Tx) -> Result<String> {
    Ok(open_invitation(tx)?.map_or_else(|| String::from("/ade"), |invitation| format!("/ade/{}", invitation.code)))
}

/// The certificate by which Configurator supervises: what Apple's profiles name as `supervising_host_certs`.
pub fn certificate(tx: &Tx) -> Result<Option<Certificate>> {
    Ok(settings::value(tx, &CERTIFICATE)?.and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok()))
}

/// Keeps the identity that was made for Configurator. One that is here stays: devices know it.
///
/// # Errors
/// Conflict where there is one.
pub fn keep_identity(tx: &Tx, actor: &Actor, identity: &Signer) -> Result<()> {
    actor.require(Right::Configure)?;
    if certificate(tx)?.is_some() {
        return Err(Error::conflict(t!("There is a supervision identity already, and devices know it. Hand that one to Configurator.")));
    }
    settings::set_secret(tx, &KEY, identity.key().pkcs8_der())?;
    settings::set(tx, &CERTIFICATE, &identity.certificate().to_pem())?;
    let data = json!({ "fingerprint": identity.certificate().fingerprint().to_string() });
    journal::note(tx, actor, "configurator.identity_made", journal::Subject::default(), data)
}

/// Hands the identity out, to be put under a passphrase; that it was is noted. Whoever has it may pair with every device that knows it.
pub fn hand_out(tx: &Tx, actor: &Actor) -> Result<(Certificate, PrivateKey)> {
    actor.require(Right::Reveal)?;
    let (Some(certificate), Some(key)) = (certificate(tx)?, settings::secret(tx, &KEY)?) else {
        return Err(Error::not_found(t!("There is no supervision identity yet. Make it first.")));
    };
    let data = json!({ "fingerprint": certificate.fingerprint().to_string() });
    journal::note(tx, actor, "configurator.identity_handed_out", journal::Subject::default(), data)?;
    let key = PrivateKey::from_pkcs8_der(key.expose()).map_err(|error| Error::internal("the supervision identity is damaged", error))?;
    Ok((certificate, key))
}

/// Refuses a passphrase that protects nothing.
pub fn check_passphrase(passphrase: &str) -> Result<()> {
    let letters = passphrase.chars().count();
    if !(PASSPHRASE_MIN_CHARS..=PASSPHRASE_MAX_CHARS).contains(&letters) || passphrase.chars().any(char::is_control) {
        let words = t!("from {PASSPHRASE_MIN_CHARS} to {PASSPHRASE_MAX_CHARS} letters", PASSPHRASE_MIN_CHARS, PASSPHRASE_MAX_CHARS);
        return Err(Error::field("passphrase", words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::mdm::tests::School;
    use crate::pki::issue;

    #[test]
    fn configurator_is_let_in_for_some_hours_and_no_longer() {
        let school = School::new();
        assert_eq!(school.write(path), "/ade");
        for hours in [HOURS.start() - 1, HOURS.end() + 1] {
            let refused = school.try_write(move |tx| open(tx, &Actor::Console, hours, "")).unwrap_err();
            assert_eq!(refused.fields[0].field, "hours");
        }
        let first = school.write(|tx| open(tx, &Actor::Console, 1, "Cart A"));
        assert_eq!((school.write(path), first.group_label.as_str()), (format!("/ade/{}", first.code), "Cart A"));
        let second = school.write(|tx| open(tx, &Actor::Console, 2, ""));
        assert_ne!(second.code, first.code);
        assert!(rows_usable(&school, &first.code).is_err(), "the one before is over");
        school.clock.advance(Duration::from_secs(2 * 3600));
        assert_eq!(school.write(path), "/ade");
        assert!(!school.write(|tx| close(tx, &Actor::Console)));
        school.write(|tx| open(tx, &Actor::Console, 2, ""));
        assert!(school.write(|tx| close(tx, &Actor::Console)));
        assert_eq!(school.write(path), "/ade");
    }

    fn rows_usable(school: &School, code: &str) -> std::result::Result<Invitation, invitations::Unusable> {
        let code = code.to_owned();
        school.write(move |tx| invitations::open(tx, &code))
    }

    #[test]
    fn the_identity_is_made_once_sealed_and_handed_out_with_a_note() {
        let school = School::new();
        let missing = school.try_write(|tx| hand_out(tx, &Actor::Console).map(drop)).unwrap_err();
        assert_eq!(missing.kind, Kind::NotFound);
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let identity = issue::self_signed("Example School", &key, IDENTITY_LIFETIME, school.clock.now()).unwrap();
        let again = identity.clone();
        school.write(move |tx| keep_identity(tx, &Actor::Console, &identity));
        let refused = school.try_write(move |tx| keep_identity(tx, &Actor::Console, &again)).unwrap_err();
        assert_eq!(refused.kind, Kind::Conflict);
        let handed = school.write(|tx| hand_out(tx, &Actor::Console));
        assert_eq!(handed.1.public_key_der(), key.public_key_der());
        let laid: String = school.write(|tx| Ok(settings::value(tx, &Setting::<String>::new("configurator.key"))?.unwrap()));
        assert!(!laid.contains("PRIVATE"));
    }

    #[test]
    fn a_passphrase_has_its_length() {
        for (letters, is_good) in [(7, false), (8, true), (128, true), (129, false)] {
            assert_eq!(check_passphrase(&"x".repeat(letters)).is_ok(), is_good, "{letters}");
        }
        assert!(check_passphrase("1234567\n9").is_err());
    }
}
