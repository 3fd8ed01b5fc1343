//! Passwords of people as Argon2id hashes in PHC strings (RFC 9106), with the same work for names that do not exist.
//!
//! One hash takes about 20 ms and 19 MiB: callers run it beside the async runtime, a few at a time.

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::error;

/// The longest password that is hashed; longer ones are refused, not cut.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Memory in KiB, passes and lanes: the figures that OWASP recommends for servers.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Limits for hashes that come from elsewhere (an import): what is above is not worked off.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;

/// Why a password was not hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The password is too long.
    #[error("a password may have at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// The hash function failed, for want of memory or randomness.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

impl From<PasswordError> for error::Error {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooLong => Self::field("password", error.to_string()),
            PasswordError::Failed(_) => Self::internal("the password could not be hashed", error),
        }
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password; the string begins with `$argon2id$v=19$`.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::TooLong);
    }
    let hash: PasswordHash = argon2()?.hash_password(password.as_bytes()).map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `password` belongs to `hash`. Without a hash, for a name that does not exist, it does the same work and says no.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = hash.and_then(readable);
    let hash = known.as_ref().or_else(|| dummy());
    let fits = password.len() <= MAX_PASSWORD_BYTES;
    let matches = hash.is_some_and(|hash| Argon2::default().verify_password(password.as_bytes(), hash).is_ok());
    matches && known.is_some() && fits
}

/// Parses a hash whose work stays within limits.
fn readable(hash: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(hash).ok()?;
    let params = Params::try_from(&hash).ok()?;
    (params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES).then_some(hash)
}

/// The hash of a password that nobody has, made at the first log-in with an unknown name.
fn dummy() -> Option<&'static PasswordHash> {
    static DUMMY: OnceLock<Option<PasswordHash>> = OnceLock::new();
    DUMMY.get_or_init(|| argon2().ok()?.hash_password(b"nobody has this password").ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_belongs_to_its_hash_only() {
        let hash = hash("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("wrong horse", Some(&hash)));
        assert!(!verify("correct horse", None));
        assert!(!verify("nobody has this password", None));
        assert_ne!(super::hash("correct horse").unwrap(), hash);
    }

    #[test]
    fn broken_and_boundless_hashes_match_nothing() {
        for bad in
            ["", "correct horse", "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "$2b$12$abcdefghijklmnopqrstuv"]
        {
            assert!(!verify("correct horse", Some(bad)), "{bad}");
        }
    }

    #[test]
    fn overlong_passwords_are_refused() {
        let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
        assert_eq!(hash(&long), Err(PasswordError::TooLong));
        assert!(!verify(&long, None));
    }
}
