//! MD5 (RFC 1321), for what old formats ask for: the keys of OpenSSL's traditional PEM form, and the chunks of a manifest for old devices. It proves nothing.

use std::sync::LazyLock;

/// Shift amounts of the four rounds.
const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The digest of `message`.
pub fn md5(message: &[u8]) -> [u8; 16] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if message.len() % 64 >= 56 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(message.len() as u64 * 8).to_le_bytes());

    let sines = &*SINES;
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.as_chunks::<64>().0 {
        let mixed = compress(sines, state, block);
        for (word, mixed) in state.iter_mut().zip(mixed) {
            *word = word.wrapping_add(mixed);
        }
    }
    let mut digest = [0; 16];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    digest
}

/// The first 32 bits of the sines' fractions (RFC 1321 §3.4).
static SINES: LazyLock<[u32; 64]> =
    LazyLock::new(|| std::array::from_fn(|step| (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32));

/// The 64 steps over one block, one round of 16 after the other, so that the compiler can unroll each.
fn compress(sines: &[u32; 64], state: [u32; 4], block: &[u8; 64]) -> [u32; 4] {
    let words: [u32; 16] = std::array::from_fn(|word| u32::from_le_bytes(block.as_chunks::<4>().0[word]));
    let state = round::<0>(sines, &words, state, |b, c, d| (b & c) | (!b & d), |step| step);
    let state = round::<1>(sines, &words, state, |b, c, d| (d & b) | (!d & c), |step| 5 * step + 1);
    let state = round::<2>(sines, &words, state, |b, c, d| b ^ c ^ d, |step| 3 * step + 5);
    round::<3>(sines, &words, state, |b, c, d| c ^ (b | !d), |step| 7 * step)
}

#[inline]
fn round<const ROUND: usize>(
    sines: &[u32; 64],
    words: &[u32; 16],
    [mut a, mut b, mut c, mut d]: [u32; 4],
    mix: impl Fn(u32, u32, u32) -> u32,
    word: impl Fn(usize) -> usize,
) -> [u32; 4] {
    for step in 0..16 {
        let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(sines[16 * ROUND + step]).wrapping_add(words[word(step) % 16]);
        a = d;
        d = c;
        c = b;
        b = b.wrapping_add(sum.rotate_left(SHIFTS[ROUND][step % 4]));
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::md5;
    use crate::pki::hex;

    #[test]
    fn the_standards_own_examples_come_out() {
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(&md5(b"message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
        let long = b"12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(hex(&md5(long)), "57edf4a22be3c955ac49da2e2107b67a");
        assert_eq!(hex(&md5(&long[..56])), "49f193adce178490e34d1b3a4ec0064c");
    }
}
