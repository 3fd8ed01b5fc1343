//! Authorities of other servers: the identities of the devices that move in were issued by them.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::backups::restored;
use crate::mdm::enroll::identify::MOVE_IN_WINDOW;
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::Certificate;
use crate::pki::issue::Issuer;
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::authorities::{self, Authority, AuthorityState};

/// Days for which devices of an authority may be taken in, at most.
pub const DAYS_MAX: u32 = 365;

/// Authorities of other servers, at most: each is tried for every certificate that is not known.
pub const AUTHORITIES_MAX: usize = 16;

/// An authority whose identities are known here.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// Our id for it.
    pub id: String,
    /// Its certificate.
    pub certificate: Certificate,
    /// Until when an identity that nobody uses yet is bound to the device that comes with it.
    pub until: Timestamp,
    /// Its key, PKCS#8, where it came with one.
    pub key: Option<SecretBytes>,
}

/// The authorities whose devices moved in; after a restore also our own ones, what they issued after the backup being unknown here.
pub fn trusted(tx: &Tx) -> Result<Vec<Trusted>> {
    let mut trusted = Vec::new();
    for authority in authorities::imported(tx)? {
        let (certificate, until) = (Certificate::from_der(&authority.certificate)?, until(&authority));
        let key = authorities::key(tx, &authority.id)?;
        trusted.push(Trusted { id: authority.id, certificate, until, key });
    }
    for (own, from) in restored::issuers(tx)? {
        let certificate = Certificate::from_der(&own.certificate)?;
        trusted.push(Trusted { id: own.id, certificate, until: from.plus(restored::WINDOW), key: None });
    }
    Ok(trusted)
}

/// Until when devices of an imported authority are taken in.
pub fn until(authority: &Authority) -> Timestamp {
    authority.taken_until_at.unwrap_or_else(|| authority.created_at.plus(MOVE_IN_WINDOW))
}

/// What became of an authority that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It was not known.
    New,
    /// It was known without its key, which came now.
    KeyAdded,
    /// It was known; its devices are taken in for longer now.
    Known,
}

/// An authority that was brought.
#[derive(Debug, Clone)]
pub struct Imported {
    /// As it is kept now.
    pub authority: Authority,
    /// What became of it.
    pub became: Became,
    /// What is odd about it, in words.
    pub warning: Option<String>,
}

/// Trusts an authority of another server: the first identity under it that comes for a device that moved in is bound to that device, for so many
/// days. With its key, its SCEP goes on here: who renews an identity of its by that gets the next one from it.
pub fn import(tx: &Tx, actor: &Actor, certificate: &Certificate, key: Option<&PrivateKey>, days: u32) -> Result<Imported> {
    actor.require(Right::Govern)?;
    let until = taken_until(tx, days)?;
    if !certificate.is_authority() {
        return Err(Error::field(
            "files",
            t!(
                "“{certificate}” may not issue other certificates. Bring the certificate by which the other server issued its devices' identities",
                certificate = named(certificate)
            ),
        ));
    }
    let issuer = key.map(|key| Issuer::new(certificate.clone(), key.clone())).transpose();
    let issuer = issuer.map_err(|_| Error::field("files", t!("the key is not that of the authority's certificate")))?;
    let key = issuer.as_ref().map(|issuer| issuer.signer().key().pkcs8_der().expose().as_slice());
    let (authority, became) = match authorities::by_fingerprint(tx, &certificate.fingerprint())? {
        Some(own) if own.state != AuthorityState::Imported => {
            return Err(Error::conflict(t!("This is an authority of this appliance itself; its devices are known by what it issued.")));
        }
        Some(known) => {
            let became = match key {
                Some(key) if authorities::key(tx, &known.id)?.is_none() => {
                    authorities::set_key(tx, &known.id, key)?;
                    Became::KeyAdded
                }
                _ => Became::Known,
            };
            authorities::set_taken_until(tx, &known.id, until)?;
            (Authority { taken_until_at: Some(until), ..known }, became)
        }
        None => (insert(tx, certificate, key, until)?, Became::New),
    };
    let data = json!({
        "fingerprint": certificate.fingerprint().to_string(), "name": named(certificate), "until": until, "with_key": key.is_some(),
    });
    journal::note(tx, actor, "authority.imported", journal::Subject::default(), data)?;
    Ok(Imported { authority, became, warning: warning(tx, certificate) })
}

fn insert(tx: &Tx, certificate: &Certificate, key: Option<&[u8]>, until: Timestamp) -> Result<Authority> {
    if authorities::imported(tx)?.len() >= AUTHORITIES_MAX {
        return Err(Error::conflict(t!(
            "{AUTHORITIES_MAX} authorities of other servers are trusted already, which is all that are.",
            AUTHORITIES_MAX
        )));
    }
    let authority = Authority {
        id: tx.new_id(),
        state: AuthorityState::Imported,
        certificate: certificate.der().to_vec(),
        not_after_at: certificate.not_after(),
        created_at: tx.now,
        bridge: None,
        used_from_at: None,
        taken_until_at: Some(until),
    };
    authorities::insert(tx, &authority, &certificate.fingerprint(), key)?;
    Ok(authority)
}

fn named(certificate: &Certificate) -> String {
    certificate.common_name().unwrap_or_else(|| certificate.subject())
}

fn warning(tx: &Tx, certificate: &Certificate) -> Option<String> {
    (certificate.not_after() <= tx.now).then(|| {
        String::from(t!("The authority itself has ended. Its devices are taken in all the same; have their identities renewed soon."))
    })
}

/// Takes devices of an imported authority in for so many more days from now; with none, from now on no longer.
pub fn set_window(tx: &Tx, actor: &Actor, id: &str, days: u32) -> Result<Authority> {
    actor.require(Right::Govern)?;
    let until = if days == 0 { tx.now } else { taken_until(tx, days)? };
    let Some(authority) = authorities::imported(tx)?.into_iter().find(|authority| authority.id == id) else {
        return Err(Error::not_found(t!("There is no authority of another server with this id.")));
    };
    authorities::set_taken_until(tx, id, until)?;
    journal::note(tx, actor, "authority.window_changed", journal::Subject::default(), json!({ "id": id, "until": until }))?;
    Ok(Authority { taken_until_at: Some(until), ..authority })
}

fn taken_until(tx: &Tx, days: u32) -> Result<Timestamp> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Error::field("days", t!("from 1 to {DAYS_MAX}", DAYS_MAX)));
    }
    Ok(tx.now.plus(Duration::from_secs(u64::from(days) * 24 * 3600)))
}
