//! Codes that open a device which the organisation has locked, and what Apple is told of one so that it can check it later.
//!
//! 16 random bytes, shown as 26 letters without those that are mistaken for others. Apple keeps PBKDF2-HMAC-SHA256 of the bytes, 50,000 rounds over a
//! salt of four zeros, in hexadecimal digits.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::hex;
use super::key::KeyError;
use crate::secret::{Secret, SecretBytes};

/// Random bytes of a code.
const BYTES: usize = 16;

/// Letters and digits that are not mistaken for others.
const LETTERS: &[u8; 32] = b"0123456789ACDEFGHJKLMNPQRTUVWXYZ";

/// After how many letters a dash stands.
const DASHES: [usize; 5] = [5, 10, 14, 18, 22];

const SALT: [u8; 4] = [0; 4];
const ROUNDS: NonZeroU32 = NonZeroU32::new(50_000).unwrap();

/// A code.
#[derive(Debug, Clone)]
pub struct BypassCode(SecretBytes);

impl BypassCode {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = vec![0; BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Malformed)?;
        Ok(Self(SecretBytes::new(bytes)))
    }

    /// What a person types where the device asks for the password of an account.
    pub fn text(&self) -> Secret<String> {
        let mut text = String::new();
        let (mut bits, mut count, mut written) = (0_u32, 0, 0);
        let mut write = |value: u32| {
            if DASHES.contains(&written) {
                text.push('-');
            }
            text.push(char::from(LETTERS[(value & 31) as usize]));
            written += 1;
        };
        for byte in self.0.expose() {
            bits = (bits << 8 | u32::from(*byte)) & 0xffff;
            count += 8;
            while count >= 5 {
                count -= 5;
                write(bits >> count);
            }
        }
        // What is left over stands in the last letter as it is.
        write(bits & ((1 << count) - 1));
        Secret::new(text)
    }

    /// What Apple is told; takes some hundredths of a second.
    pub fn escrow_key(&self) -> String {
        let mut hash = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &SALT, self.0.expose(), &mut hash);
        hex(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures are Python's (hashlib, and whole numbers for the letters).
    #[test]
    fn a_code_is_shown_and_hashed_as_python_does() {
        let code = BypassCode(SecretBytes::new((0..16).collect()));
        assert_eq!(code.text().expose(), "000H4-0R40M-30F2-0918-5HR3-8F17");
        assert_eq!(code.escrow_key(), "c5ced1d0c51459c1a887866a5868dd3e9e6f4fc4a8c244f3f9eb9383c0f8aecb");
        assert_eq!(BypassCode::generate().unwrap().text().expose().len(), 31);
    }
}
