//! Passwords of people: what one must be, and the proofs that one was hashed or was right.

use crate::error::{Error, Result};
use crate::pki;
use crate::random::Random;
use crate::secret::Secret;

/// Characters that a password needs at least.
pub const PASSWORD_MIN: usize = 10;
/// Bytes that a password may have; hashing more would be work for strangers to give us.
pub const PASSWORD_MAX_BYTES: usize = pki::password::MAX_PASSWORD_BYTES;

/// Stands in for the hash of a name that nobody has, so that a guess costs the same time. Nobody knows a password for it: it is
/// the hash of 32 random bytes that were thrown away.
pub(super) const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$5q+rMr9ME67RG7hwe5y70g$8b4J1dUHiqz+2EHpuEQ//2nxYsbh8tkdxVRAq3f92dU";

/// A password that keeps the rules.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Takes a password that someone chose.
    ///
    /// # Errors
    /// Names the field `password` when it is shorter than [`PASSWORD_MIN`] characters or longer than [`PASSWORD_MAX_BYTES`].
    pub fn parse(text: Secret<String>) -> Result<Self> {
        check_length(&text)?;
        if text.expose().chars().count() < PASSWORD_MIN {
            return Err(Error::field(
                "password",
                t!("take at least {PASSWORD_MIN} characters; four words in a row are easy to keep", PASSWORD_MIN),
            ));
        }
        Ok(Self(text))
    }

    /// A password to hand to someone: four groups of four letters that nobody misreads, 78 bits.
    pub fn make(random: &Random) -> Secret<String> {
        Secret::new([(); 4].map(|()| random.code(4)).join("-"))
    }

    /// Hashes it, which takes tens of milliseconds of a whole core: never in a transaction, never on an async thread.
    pub fn hash(&self) -> Result<HashedPassword> {
        Ok(HashedPassword(pki::password::hash(self.0.expose())?.into()))
    }
}

/// A password that kept the rules, as it is stored.
#[derive(Debug, Clone)]
pub struct HashedPassword(Secret<String>);

impl HashedPassword {
    pub(in crate::mdm) fn into_stored(self) -> Secret<String> {
        self.0
    }
}

/// Refuses what no password can be, before any work is done for it.
pub(super) fn check_length(text: &Secret<String>) -> Result<()> {
    if text.expose().len() > PASSWORD_MAX_BYTES {
        return Err(Error::field("password", t!("take at most {PASSWORD_MAX_BYTES} bytes", PASSWORD_MAX_BYTES)));
    }
    Ok(())
}

/// Compares a password with a stored hash, or with [`NOBODYS_HASH`] where there is none: the same work either way.
pub(super) fn matches(password: &Secret<String>, hash: Option<&Secret<String>>) -> bool {
    let right = pki::password::verify(password.expose(), Some(hash.map_or(NOBODYS_HASH, |hash| hash.expose())));
    right && hash.is_some()
}
