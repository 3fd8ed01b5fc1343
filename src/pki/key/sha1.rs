//! RSA signatures over SHA-1, which the crypto library verifies but no longer makes: the simulator signs with them as old devices do.
//!
//! Plain Montgomery exponentiation, neither constant-time nor quick: for throw-away keys of simulated devices, never for our own.

use super::{KeyError, PrivateKeyInfo};
use crate::pki::asn1::{Number, Seq, decode, unsigned};
use crate::pki::digest::Digest;

/// DER of DigestInfo for SHA-1 up to the digest itself (RFC 8017 §9.2).
const DIGEST_INFO: [u8; 15] = [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

/// Bytes per limb.
const LIMB: usize = 8;

/// Signs `message` with RSA PKCS#1 v1.5 and SHA-1.
pub(super) fn sign(pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let info: PrivateKeyInfo<'_> = decode(pkcs8, "key").map_err(|_| KeyError::Malformed)?;
    let [modulus, exponent] = numbers(info.key.as_bytes(), [1, 3]).ok_or(KeyError::Malformed)?;
    let size = modulus.len();
    let digest = Digest::Sha1.of(message);
    let padding = size.checked_sub(3 + DIGEST_INFO.len() + digest.as_ref().len()).ok_or(KeyError::Malformed)?;
    let encoded = [&[0, 1], vec![0xff; padding].as_slice(), &[0], &DIGEST_INFO, digest.as_ref()].concat();
    let signature = Modulus::new(modulus).ok_or(KeyError::Malformed)?.power(&encoded, exponent);
    Ok(signature[signature.len() - size..].to_vec())
}

/// Bits of the modulus of a PKCS#1 key; for saying why a key was refused.
pub(super) fn modulus_bits(pkcs1: &[u8]) -> Option<usize> {
    let [modulus] = numbers(pkcs1, [1])?;
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}

/// The numbers at these positions of a PKCS#1 RSAPrivateKey (1 = modulus, 3 = private exponent).
fn numbers<const N: usize>(pkcs1: &[u8], positions: [usize; N]) -> Option<[&[u8]; N]> {
    let content: Seq<'_> = decode(pkcs1, "key").ok()?;
    let mut found = [&[][..]; N];
    for (slot, position) in found.iter_mut().zip(positions) {
        let number: Number<'_> = decode(content.items().nth(position)?, "key").ok()?;
        *slot = unsigned(number.0);
    }
    Some(found)
}

/// An odd modulus with what Montgomery's multiplication needs; limbs from the least significant.
struct Modulus {
    limbs: Vec<u64>,
    /// The number that makes `limbs[0] * inverse = -1` modulo 2⁶⁴.
    inverse: u64,
}

impl Modulus {
    fn new(bytes: &[u8]) -> Option<Self> {
        let limbs = limbs(bytes, bytes.len().div_ceil(LIMB));
        let lowest = *limbs.first()?;
        if lowest & 1 == 0 {
            return None;
        }
        // Newton's iteration doubles the correct bits each time, from the 5 that (3n)^2 has.
        let mut inverse = lowest.wrapping_mul(3) ^ 2;
        for _ in 0..4 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(inverse)));
        }
        Some(Self { limbs, inverse: inverse.wrapping_neg() })
    }

    /// `base` to the power of `exponent`, as big-endian bytes of whole limbs.
    fn power(&self, base: &[u8], exponent: &[u8]) -> Vec<u8> {
        let count = self.limbs.len();
        let mut one = vec![0; count];
        one[0] = 1;
        // R² by doubling 1 as often as R² has bits: brings numbers into Montgomery's form.
        let mut square = one.clone();
        for _ in 0..count * 2 * 64 {
            self.double(&mut square);
        }
        let base = self.multiply(&limbs(base, count), &square);
        let mut result = self.multiply(&one, &square);
        for byte in exponent {
            for bit in (0..8).rev() {
                result = self.multiply(&result, &result);
                if byte >> bit & 1 == 1 {
                    result = self.multiply(&result, &base);
                }
            }
        }
        let result = self.multiply(&result, &one);
        result.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
    }

    /// Doubles `number` modulo the modulus.
    fn double(&self, number: &mut [u64]) {
        let mut carry = 0;
        for limb in number.iter_mut() {
            let high = *limb >> 63;
            *limb = *limb << 1 | carry;
            carry = high;
        }
        self.reduce(number, carry);
    }

    /// `a * b / R` modulo the modulus, by coarsely integrated operand scanning.
    fn multiply(&self, a: &[u64], b: &[u64]) -> Vec<u64> {
        let count = self.limbs.len();
        let mut sum = vec![0_u64; count + 2];
        for limb in b {
            let carry = add_product(&mut sum, a, *limb);
            let (low, overflow) = sum[count].overflowing_add(carry);
            sum[count] = low;
            sum[count + 1] = overflow.into();

            let factor = sum[0].wrapping_mul(self.inverse);
            let carry = add_product(&mut sum, &self.limbs, factor);
            let (low, overflow) = sum[count].overflowing_add(carry);
            sum[count] = low;
            sum[count + 1] += u64::from(overflow);
            // The lowest limb is zero now: divide by 2⁶⁴.
            sum.copy_within(1.., 0);
        }
        let high = sum[count];
        sum.truncate(count);
        self.reduce(&mut sum, high);
        sum
    }

    /// Takes the modulus off once where `number` with `high` above it has reached it.
    fn reduce(&self, number: &mut [u64], high: u64) {
        let reached = high > 0 || number.iter().rev().cmp(self.limbs.iter().rev()).is_ge();
        let mut borrow = false;
        for (limb, part) in number.iter_mut().zip(&self.limbs).filter(|_| reached) {
            let (less, first) = limb.overflowing_sub(*part);
            let (less, second) = less.overflowing_sub(borrow.into());
            *limb = less;
            borrow = first || second;
        }
    }
}

/// Adds `number * factor` to the front of `sum`; returns what does not fit.
fn add_product(sum: &mut [u64], number: &[u64], factor: u64) -> u64 {
    let mut carry = 0;
    for (slot, limb) in sum.iter_mut().zip(number) {
        let total = u128::from(*limb) * u128::from(factor) + u128::from(*slot) + u128::from(carry);
        *slot = total as u64;
        carry = (total >> 64) as u64;
    }
    carry
}

/// `count` limbs of a big-endian number.
fn limbs(bytes: &[u8], count: usize) -> Vec<u64> {
    let mut limbs: Vec<u64> = bytes.rchunks(LIMB).map(|chunk| chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte))).collect();
    limbs.resize(count, 0);
    limbs
}
