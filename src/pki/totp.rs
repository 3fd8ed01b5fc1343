//! Codes that a telephone shows and that change every 30 seconds (TOTP, RFC 6238): SHA-1 and six digits, as every such app takes them.

use super::digest::hmac_sha1;
use crate::secret::SecretBytes;

/// Seconds for which a code is shown.
pub const STEP_S: i64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Bytes of a secret: as many as the digest has (RFC 4226 §4, R6).
pub const SECRET_BYTES: usize = 20;

/// Which step a moment is in, as seconds since 1970.
pub const fn step_at(seconds: i64) -> i64 {
    seconds.div_euclid(STEP_S)
}

/// The code of one step.
pub fn code(secret: &SecretBytes, step: i64) -> String {
    let mac = hmac_sha1(secret.expose(), &step.to_be_bytes());
    // Dynamic truncation (RFC 4226 §5.3).
    let at = usize::from(mac[mac.len() - 1] & 0xf);
    let bits = u32::from_be_bytes([mac[at] & 0x7f, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:0width$}", bits % 10_u32.pow(DIGITS as u32), width = DIGITS)
}

/// The step near `now_s` whose code this is: that of now, the one before or the one after, for clocks that are not quite right.
pub fn step_of(secret: &SecretBytes, given: &str, now_s: i64) -> Option<i64> {
    let now = step_at(now_s);
    let given: String = given.chars().filter(|letter| !letter.is_whitespace()).collect();
    let is_it = |step: &i64| aws_lc_rs::constant_time::verify_slices_are_equal(code(secret, *step).as_bytes(), given.as_bytes()).is_ok();
    // Every step is compared, so that the time tells nothing.
    let found: Vec<i64> = [now, now - 1, now + 1].into_iter().filter(is_it).collect();
    found.first().copied()
}

/// A secret as people type it into an app: base32 (RFC 4648 §6) without padding.
pub fn base32(secret: &SecretBytes) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in secret.expose().chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            text.push(char::from(LETTERS[(bits >> (35 - 5 * place) & 31) as usize]));
        }
    }
    text
}

/// What the square of dots says that an app reads (the `otpauth` form of Google Authenticator, which all take).
pub fn address(secret: &SecretBytes, issuer: &str, account: &str) -> String {
    let (issuer, account) = (encode(issuer), encode(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_S}", base32(secret))
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> SecretBytes {
        SecretBytes::new(bytes.to_vec())
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B; of its eight digits the last six.
        let secret = secret(b"12345678901234567890");
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&secret, step_at(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn codes_are_those_of_another_program() {
        // Made by pyotp 2.9: pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").at(…)
        let secret = secret(b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef");
        assert_eq!(base32(&secret), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        for (seconds, expected) in PYOTP {
            assert_eq!(code(&secret, step_at(seconds)), expected, "{seconds}");
        }
    }

    const PYOTP: [(i64, &str); 4] = [(0, "702218"), (1_795_000_000, "483712"), (1_795_000_030, "857638"), (4_102_444_800, "834481")];

    #[test]
    fn a_clock_may_be_wrong_by_one_step_and_no_more() {
        let secret = secret(b"12345678901234567890");
        let now = 1_795_000_015;
        for (off, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let given = code(&secret, step_at(now) + off);
            assert_eq!(step_of(&secret, &given, now), taken.then_some(step_at(now) + off), "{off}");
        }
        let spaced = code(&secret, step_at(now));
        assert!(step_of(&secret, &format!(" {} {}", &spaced[..3], &spaced[3..]), now).is_some(), "as apps show it");
        for wrong in ["", "1", "12345", "1234567", "abcdef"] {
            assert_eq!(step_of(&secret, wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648 §10.
        for (bytes, expected) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(&secret(bytes.as_bytes())), expected, "{bytes}");
        }
    }

    #[test]
    fn the_address_carries_names_as_they_are() {
        let address = address(&secret(b"12345678901234567890"), "Schule Köln & Co", "kim@example.school");
        assert_eq!(
            address,
            "otpauth://totp/Schule%20K%C3%B6ln%20%26%20Co:kim%40example.school?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Schule%20K%C3%B6ln%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
    }
}
