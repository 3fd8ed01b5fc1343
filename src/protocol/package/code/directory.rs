//! What a signature consists of: a directory of digests of every page of the program, what the program may do, and the signed message over the directory.
//!
//! The shapes are those of `kern/cs_blobs.h`; every number is written with its highest byte first.

use std::io::Read;

use super::macho::{Forward, Image};
use crate::pki::digest::{Digest, Hasher};

/// Parts of a signature that are looked at; real ones have about seven.
pub(super) const BLOBS_MAX: u32 = 64;

/// The longest identifier or team that is read, in bytes.
const TEXT_MAX_BYTES: usize = 255;

/// Bytes of a page, as a power of two: from 4 KiB to 64 KiB.
const PAGE_BITS: std::ops::RangeInclusive<u8> = 12..=16;

/// Bytes that are hashed at once where a program is not divided into pages.
const HASHED_AT_ONCE_BYTES: usize = 64 << 10;

/// Bytes of the digest by which systems know a program (CDHash), whatever the algorithm.
const CDHASH_BYTES: usize = 20;

const SUPER_BLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const ENTITLEMENTS: u32 = 0xfade_7171;
const MESSAGE: u32 = 0xfade_0b01;

/// Where the parts stand in the index of a signature.
const DIRECTORY_SLOT: u32 = 0;
const ENTITLEMENTS_SLOT: u32 = 5;
const OTHER_DIRECTORIES: std::ops::Range<u32> = 0x1000..0x1005;
const MESSAGE_SLOT: u32 = 0x10000;

/// The place of Info.plist among the special digests of a directory.
pub(super) const INFO: u32 = 1;

/// The place of CodeResources, the list of all other files with their digests.
pub(super) const RESOURCES: u32 = 3;

/// Parts of the signature itself that a directory holds digests of: the requirements, and what the program may do, as a list and as DER.
const SEALED: [u32; 3] = [2, ENTITLEMENTS_SLOT, 7];

/// CS_ADHOC: signed without a certificate.
const ADHOC: u32 = 0x2;

/// A signature, taken apart.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The directories whose digests are known here; the first one of the signature first, if it is among them.
    directories: Vec<Directory<'a>>,
    /// The first directory as it stands there: what the message signs.
    pub(super) signed: &'a [u8],
    /// What the program may do: a property list.
    pub(super) entitlements: Option<&'a [u8]>,
    /// The signed message; none where nobody's certificate signed.
    pub(super) message: Option<&'a [u8]>,
    sealed: Vec<(u32, &'a [u8])>,
}

impl<'a> Parts<'a> {
    /// Takes a signature apart; none where it is damaged, or has no directory.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let whole = blob(bytes, 0).filter(|_| big(bytes, 0) == Some(SUPER_BLOB))?;
        let count = big(whole, 8).filter(|count| *count <= BLOBS_MAX)?;
        let mut directories = Vec::new();
        let (mut signed, mut entitlements, mut message, mut sealed) = (None, None, None, Vec::new());
        for index in 0..count as usize {
            let slot = big(whole, 12 + 8 * index)?;
            let part = blob(whole, big(whole, 16 + 8 * index)? as usize)?;
            let kind = big(part, 0)?;
            if slot == DIRECTORY_SLOT && kind == CODE_DIRECTORY && signed.is_none() {
                signed = Some(part);
                directories.splice(0..0, Directory::read(part));
            } else if OTHER_DIRECTORIES.contains(&slot) && kind == CODE_DIRECTORY {
                directories.extend(Directory::read(part));
            } else if slot == MESSAGE_SLOT && kind == MESSAGE {
                message = Some(&part[8..]).filter(|message| !message.is_empty());
            } else if SEALED.contains(&slot) {
                sealed.push((slot, part));
                if slot == ENTITLEMENTS_SLOT && kind == ENTITLEMENTS {
                    entitlements = Some(&part[8..]);
                }
            }
        }
        Some(Self { directories, signed: signed?, entitlements, message, sealed })
    }

    /// The directory with the strongest digests: the one that devices go by. None where no digest of any is known here.
    pub(super) fn best(&self) -> Option<&Directory<'a>> {
        self.directories.iter().rev().max_by_key(|directory| directory.rank())
    }

    /// Whether the parts beside a directory are those that it holds digests of.
    pub(super) fn are_sealed_by(&self, directory: &Directory<'_>) -> bool {
        self.sealed.iter().all(|(slot, part)| directory.seals(*slot, part) == Some(true))
    }
}

/// The blob at `from`, by its own length.
fn blob(bytes: &[u8], from: usize) -> Option<&[u8]> {
    let bytes = bytes.get(from..)?;
    bytes.get(..big(bytes, 4)? as usize).filter(|blob| blob.len() >= 8)
}

/// The 32-bit number at `at`, its highest byte first.
fn big(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

/// A directory of digests.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    /// As it stands there.
    pub(super) raw: &'a [u8],
    pub(super) digest: Digest,
    /// Bytes that each digest is cut to.
    digest_bytes: usize,
    flags: u32,
    /// What the program calls itself.
    pub(super) identifier: String,
    /// The team's id; empty where it names none.
    pub(super) team_id: String,
    /// The digests of the pages, and before them, the last first, those of other things.
    hashes_from: usize,
    special_count: u32,
    page_count: u32,
    /// Bytes of a page; none where the program is one.
    page_bytes: Option<usize>,
    /// Bytes of the program that have digests here.
    pub(super) covered_bytes: u64,
}

impl<'a> Directory<'a> {
    /// Reads a directory; none where it is damaged, or by digests that are not known here.
    fn read(raw: &'a [u8]) -> Option<Self> {
        let word = |at: usize| big(raw, at);
        let (version, byte) = (word(8)?, |at: usize| raw.get(at).copied());
        let (digest, digest_bytes) = match byte(37)? {
            1 => (Digest::Sha1, 20),
            2 => (Digest::Sha256, 32),
            3 => (Digest::Sha256, 20),
            4 => (Digest::Sha384, 48),
            5 => (Digest::Sha512, 64),
            _ => return None,
        };
        if usize::from(byte(36)?) != digest_bytes {
            return None;
        }
        let page_bytes = match byte(39)? {
            0 => None,
            bits if PAGE_BITS.contains(&bits) => Some(1 << bits),
            _ => return None,
        };
        let text = |from: usize| {
            let bytes = raw.get(from..).filter(|_| from != 0).unwrap_or_default();
            let end = bytes.iter().take(TEXT_MAX_BYTES).position(|byte| *byte == 0).unwrap_or_default();
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        let wide = if version >= 0x2_0300 { Some((u64::from(word(56)?) << 32) | u64::from(word(60)?)) } else { None };
        Some(Self {
            raw,
            digest,
            digest_bytes,
            flags: word(12)?,
            identifier: text(word(20)? as usize),
            team_id: if version >= 0x2_0200 { text(word(48)? as usize) } else { String::new() },
            hashes_from: word(16)? as usize,
            special_count: word(24)?,
            page_count: word(28)?,
            page_bytes,
            covered_bytes: wide.filter(|wide| *wide != 0).unwrap_or(u64::from(word(32)?)),
        })
    }

    /// How strong its digests are; a longer one counts for more, as it does for devices.
    const fn rank(&self) -> usize {
        match self.digest {
            Digest::Sha1 => 0,
            _ => self.digest_bytes,
        }
    }

    /// Whether it was signed without a certificate.
    pub(super) const fn is_without_certificate(&self) -> bool {
        self.flags & ADHOC != 0
    }

    /// The digest by which systems know the program.
    pub(super) fn cdhash(&self) -> Vec<u8> {
        self.digest.of(self.raw).as_ref()[..CDHASH_BYTES].to_vec()
    }

    /// The digest of the page `index`, which exists in the program.
    fn page(&self, index: usize) -> Option<&'a [u8]> {
        let from = self.hashes_from.checked_add(index.checked_mul(self.digest_bytes)?)?;
        self.raw.get(from..from.checked_add(self.digest_bytes)?)
    }

    /// The digest at a special place; none where it is not there, or empty.
    fn special(&self, slot: u32) -> Option<&'a [u8]> {
        if slot > self.special_count {
            return None;
        }
        let from = self.hashes_from.checked_sub(slot as usize * self.digest_bytes)?;
        self.raw.get(from..from + self.digest_bytes).filter(|digest| digest.iter().any(|byte| *byte != 0))
    }

    /// Whether it holds a digest at a special place.
    pub(super) fn has(&self, slot: u32) -> bool {
        self.special(slot).is_some()
    }

    /// Whether `content` is what it holds the digest of at a special place; none where it holds none there.
    pub(super) fn seals(&self, slot: u32, content: &[u8]) -> Option<bool> {
        Some(self.special(slot)? == &self.digest.of(content).as_ref()[..self.digest_bytes])
    }

    /// Whether every page of a program is the one that was signed; none where that cannot be told.
    pub(super) fn has_pages_of(&self, image: &Image, source: impl Read) -> Option<bool> {
        // What stands behind the pages and before the signature would be covered by nothing.
        let length = image.signed_bytes.filter(|length| *length == self.covered_bytes)?;
        let page_bytes = self.page_bytes.map_or(u64::MAX, |bytes| bytes as u64);
        if length.div_ceil(page_bytes) != u64::from(self.page_count) {
            return Some(false);
        }
        let mut source = Forward::new(source);
        source.go_to(image.from).ok()?;
        let mut buffer = vec![0; self.page_bytes.unwrap_or(HASHED_AT_ONCE_BYTES)];
        let mut left = length;
        for index in 0..self.page_count as usize {
            let mut of_page = left.min(page_bytes);
            left -= of_page;
            let mut hasher = Hasher::new(self.digest);
            while of_page > 0 {
                let piece = &mut buffer[..of_page.min(HASHED_AT_ONCE_BYTES as u64) as usize];
                source.fill(piece).ok()?;
                hasher.update(piece);
                of_page -= piece.len() as u64;
            }
            if self.page(index) != Some(&hasher.finish().as_ref()[..self.digest_bytes]) {
                return Some(false);
            }
        }
        Some(true)
    }
}
