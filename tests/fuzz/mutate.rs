//! Damage as files and networks do it, and as somebody does it on purpose; the same for the same seed.

use fastrand::Rng;

/// Bytes that a damaged input may grow to.
const GROWTH_MAX_BYTES: usize = 256 << 10;

/// Numbers that are at the edge of something.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX, 0x8000_0000_0000_0000];

/// Pieces that mean something to a format.
const PIECES: [&[u8]; 24] = [
    b"<dict>",
    b"</dict>",
    b"<array>",
    b"<key>",
    b"<data>",
    b"<![CDATA[",
    b"<!ENTITY a \"b\">",
    b"&a;",
    b"&#0;",
    b"\"",
    b"{",
    b"[",
    b"}",
    b"]",
    b"null",
    b"1e999",
    b"\\u0000",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"../",
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b"PK\x03\x04",
    b"-----BEGIN ",
];

/// A damaged copy of one of `seeds`, perhaps with a part of another one.
pub(crate) fn damaged(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(1..=6) {
        wound(&mut bytes, seeds, random);
    }
    bytes.truncate(GROWTH_MAX_BYTES);
    bytes
}

fn wound(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(..=bytes.len());
    let length = random.usize(..=(bytes.len() - at).min(64));
    match random.u8(..11) {
        _ if bytes.is_empty() => bytes.extend((0..random.usize(..32)).map(|_| random.u8(..))),
        0 | 1 => bytes[at.saturating_sub(1)] ^= 1 << random.u8(..8),
        2 => bytes[at.saturating_sub(1)] = random.u8(..),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..at + length)),
        5 => insert(bytes, at, PIECES[random.usize(..PIECES.len())]),
        6 => {
            let edge = EDGES[random.usize(..EDGES.len())].to_be_bytes();
            let size = [1, 2, 4, 8][random.usize(..4)].min(bytes.len() - at);
            bytes[at..at + size].copy_from_slice(&edge[8 - size..]);
        }
        7 => {
            // Deep nesting, and things that must be there once.
            let piece = bytes[at..at + length].to_vec();
            let times = [2, 3, 40, 2000][random.usize(..4)];
            insert(bytes, at, &piece.repeat(times));
        }
        8 => {
            let other = &seeds[random.usize(..seeds.len())];
            let from = random.usize(..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        9 => {
            let digits = random.u64(..).to_string();
            insert(bytes, at, &digits.as_bytes()[..random.usize(1..=digits.len())]);
        }
        _ => {
            let to = random.usize(..=bytes.len() - length);
            let piece = bytes[at..at + length].to_vec();
            bytes[to..to + length].copy_from_slice(&piece);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}
