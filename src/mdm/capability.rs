//! Addresses that nobody can guess: for what devices fetch without showing who they are.
//!
//! A capability names an enrollment and proves, by a keyed digest over enrollment, generation and purpose, that this server gave it out. It is good
//! while that generation is enrolled.

use aws_lc_rs::constant_time;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Result;
use crate::pki::digest::hmac_sha256;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::settings::{self, Setting};

/// Letters of a [`tag`]: 128 bits.
const TAG_LETTERS: usize = 22;

/// Profiles and assets of declarations.
pub const PROFILES: &str = "ddm";

/// Manifests and packages of the house's apps.
pub const PACKAGES: &str = "packages";

/// What stands in the place of the enrollment in a capability of our own, by which we try our own addresses.
const OWN: &str = "own";

/// What all capabilities are made with.
const KEY: Setting<SecretBytes> = Setting::new("capability_key");

/// Makes the key, once, before anything is given out.
pub fn prepare(tx: &Tx) -> Result<()> {
    if settings::secret(tx, &KEY)?.is_none() {
        settings::set_secret(tx, &KEY, &SecretBytes::new(tx.random().token().into_bytes()))?;
    }
    Ok(())
}

/// What capabilities are made with; gives out any number of them.
#[derive(Debug)]
pub struct Key(SecretBytes);

impl Key {
    /// The capability of an enrollment for a purpose.
    pub fn of(&self, enrollment: &Enrollment, purpose: &str) -> String {
        format!("{}.{}", enrollment.id, proof(&self.0, enrollment, purpose))
    }
}

/// The key; none before it was made.
pub fn key(tx: &Tx) -> Result<Option<Key>> {
    Ok(settings::secret(tx, &KEY)?.map(Key))
}

/// The capability of an enrollment for a purpose; none before the key was made.
pub fn of(tx: &Tx, enrollment: &Enrollment, purpose: &str) -> Result<Option<String>> {
    Ok(key(tx)?.map(|key| key.of(enrollment, purpose)))
}

/// The enrollment that a capability was given to, while it lives.
pub fn holder(tx: &Tx, capability: &str, purpose: &str) -> Result<Option<Enrollment>> {
    let Some((enrollment_id, said)) = capability.split_once('.') else { return Ok(None) };
    let Some(key) = settings::secret(tx, &KEY)? else { return Ok(None) };
    let found = enrollments::by_id(tx, enrollment_id)?.filter(|enrollment| enrollment.state == EnrollmentState::Enrolled);
    Ok(found.filter(|enrollment| {
        let proof = proof(&key, enrollment, purpose);
        constant_time::verify_slices_are_equal(proof.as_bytes(), said.as_bytes()).is_ok()
    }))
}

/// A capability that no enrollment has: for trying our own addresses as a device would; none before the key was made.
pub fn own(tx: &Tx, purpose: &str) -> Result<Option<String>> {
    let Some(key) = settings::secret(tx, &KEY)? else { return Ok(None) };
    Ok(Some(format!("{OWN}.{}", own_proof(&key, purpose))))
}

/// Whether a capability is our own.
pub fn is_own(tx: &Tx, capability: &str, purpose: &str) -> Result<bool> {
    let Some(said) = capability.strip_prefix(OWN).and_then(|rest| rest.strip_prefix('.')) else { return Ok(false) };
    let Some(key) = settings::secret(tx, &KEY)? else { return Ok(false) };
    Ok(constant_time::verify_slices_are_equal(own_proof(&key, purpose).as_bytes(), said.as_bytes()).is_ok())
}

fn own_proof(key: &SecretBytes, purpose: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac_sha256(key.expose(), format!("{OWN}\n{purpose}").as_bytes()))
}

/// Whose capability it is and whether it still is good.
#[derive(Debug)]
pub enum Bearer {
    /// The enrollment that it was given to; it may have left since.
    Now(Box<Enrollment>),
    /// The enrollment that it was given to, which has enrolled anew since.
    Before(Box<Enrollment>),
}

/// The enrollment that a capability was given to, whether it still is enrolled or not; none for one that this server never gave out.
pub fn bearer(tx: &Tx, capability: &str, purpose: &str) -> Result<Option<Bearer>> {
    let Some((enrollment_id, said)) = capability.split_once('.') else { return Ok(None) };
    let Some(key) = settings::secret(tx, &KEY)? else { return Ok(None) };
    let Some(mut enrollment) = enrollments::by_id(tx, enrollment_id)? else { return Ok(None) };
    let now = enrollment.generation;
    // A device enrolls anew a few times in its life; tokens of long ago are no better than guesses.
    for generation in (now.saturating_sub(GENERATIONS_KNOWN)..=now).rev() {
        enrollment.generation = generation;
        let proof = proof(&key, &enrollment, purpose);
        if constant_time::verify_slices_are_equal(proof.as_bytes(), said.as_bytes()).is_ok() {
            enrollment.generation = now;
            let enrollment = Box::new(enrollment);
            return Ok(Some(if generation == now { Bearer::Now(enrollment) } else { Bearer::Before(enrollment) }));
        }
    }
    Ok(None)
}

/// Earlier generations whose capabilities are still recognised as such.
const GENERATIONS_KNOWN: i64 = 8;

/// A short proof that this server said `text`; none before the key was made.
pub fn tag(tx: &Tx, text: &str) -> Result<Option<String>> {
    let Some(key) = settings::secret(tx, &KEY)? else { return Ok(None) };
    let mut tag = URL_SAFE_NO_PAD.encode(hmac_sha256(key.expose(), format!("tag\n{text}").as_bytes()));
    tag.truncate(TAG_LETTERS);
    Ok(Some(tag))
}

fn proof(key: &SecretBytes, enrollment: &Enrollment, purpose: &str) -> String {
    let said = format!("{}\n{}\n{purpose}", enrollment.id, enrollment.generation);
    URL_SAFE_NO_PAD.encode(hmac_sha256(key.expose(), said.as_bytes()))
}
