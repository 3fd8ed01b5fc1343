//! Reads a BoltDB file, the storage of MicroMDM: pages of 4 KiB or so, a tree of pages for each bucket.

use super::Unreadable;

/// What a page of facts begins with.
const MAGIC: u32 = 0xED0C_DAED;
/// The one version of the format that there is.
const VERSION: u32 = 2;
/// Bytes before a page's content.
const HEAD: usize = 16;
/// Bytes of an entry's description, in pages of both kinds.
const ENTRY: usize = 16;
/// Pages that lie within one another.
const DEPTH_MAX: usize = 32;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const META: u16 = 0x04;
/// Marks a value that is a bucket itself.
const BUCKET: u32 = 0x01;

/// A file's newest state that is whole.
#[derive(Debug)]
pub struct Bolt<'a> {
    bytes: &'a [u8],
    page_size: usize,
    root: u64,
}

/// A key and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// Whether the bytes begin as such a file does.
pub fn is_bolt(bytes: &[u8]) -> bool {
    u32_at(bytes, HEAD) == Some(MAGIC)
}

impl<'a> Bolt<'a> {
    /// Opens the newer one of the two states that a file keeps.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        const ANOTHER: Unreadable = Unreadable::Another(msg!("this is no database of MicroMDM (micromdm.db)"));
        let first = u32_at(bytes, HEAD + 8).filter(|_| is_bolt(bytes)).ok_or(ANOTHER)? as usize;
        // A writer that was cut off leaves the other page of facts whole; where the first is the broken one, its size cannot be believed.
        let sizes = [first, 4096, 16_384, 65_536];
        let metas = |size: usize| [0, 1].into_iter().filter_map(move |index| Meta::read(bytes, size.checked_mul(index)?));
        let newest = sizes
            .into_iter()
            .filter(|size| size.is_power_of_two() && (512..=1 << 20).contains(size))
            .find_map(|size| metas(size).filter(|meta| meta.page_size == size).max_by_key(|meta| meta.transaction));
        let meta = newest.ok_or(Unreadable::Damaged(t!("neither of its two states is whole")))?;
        Ok(Self { bytes, page_size: meta.page_size, root: meta.root })
    }

    /// Everything in a bucket at the top, in the order of the keys; nothing where there is no such bucket. Buckets inside of it are passed over.
    pub fn bucket(&self, name: &str) -> Result<Vec<Pair<'a>>, Unreadable> {
        let mut top = Vec::new();
        self.walk(self.page(self.root)?, &mut top, DEPTH_MAX)?;
        let found = top.into_iter().find(|(flags, key, _)| flags & BUCKET != 0 && *key == name.as_bytes());
        let Some((_, _, value)) = found else { return Ok(Vec::new()) };
        let root = u64_at(value, 0).ok_or(Unreadable::Damaged(t!("a bucket without a root")))?;
        let mut entries = Vec::new();
        match root {
            // A small bucket stands in its entry.
            0 => self.walk(&value[HEAD.min(value.len())..], &mut entries, DEPTH_MAX)?,
            root => self.walk(self.page(root)?, &mut entries, DEPTH_MAX)?,
        }
        Ok(entries.into_iter().filter(|(flags, ..)| flags & BUCKET == 0).map(|(_, key, value)| (key, value)).collect())
    }

    /// A page with those that follow because its content is longer.
    fn page(&self, id: u64) -> Result<&'a [u8], Unreadable> {
        let beyond = Unreadable::Damaged(t!("a page beyond its end"));
        let begin = usize::try_from(id).ok().and_then(|id| id.checked_mul(self.page_size)).ok_or(beyond.clone())?;
        let overflow = u32_at(self.bytes, begin.saturating_add(12)).ok_or(beyond.clone())? as usize;
        let length = overflow.saturating_add(1).saturating_mul(self.page_size);
        self.bytes.get(begin..begin.saturating_add(length)).ok_or(beyond)
    }

    fn walk(&self, page: &'a [u8], entries: &mut Vec<(u32, &'a [u8], &'a [u8])>, depth: usize) -> Result<(), Unreadable> {
        const SHORT: Unreadable = Unreadable::Damaged(msg!("an entry beyond its page"));
        let flags = u16_at(page, 8).ok_or(SHORT)?;
        let count = usize::from(u16_at(page, 10).ok_or(SHORT)?);
        if depth == 0 || entries.len() > super::MESSAGES_MAX * 2 {
            return Err(Unreadable::Damaged(t!("its tree does not end")));
        }
        for at in (0..count).map(|index| HEAD + index * ENTRY) {
            if flags & LEAF != 0 {
                let word = |offset| u32_at(page, at + offset).ok_or(SHORT);
                let (kind, position, key, value) = (word(0)?, word(4)? as usize, word(8)? as usize, word(12)? as usize);
                let begin = at + position;
                let key = page.get(begin..begin.saturating_add(key)).ok_or(SHORT)?;
                let begin = begin + key.len();
                entries.push((kind, key, page.get(begin..begin.saturating_add(value)).ok_or(SHORT)?));
            } else if flags & BRANCH != 0 {
                let child = self.page(u64_at(page, at + 8).ok_or(SHORT)?)?;
                self.walk(child, entries, depth - 1)?;
            } else {
                return Err(Unreadable::Damaged(t!("a page of another kind within a tree")));
            }
        }
        Ok(())
    }
}

/// What a page of facts says.
struct Meta {
    page_size: usize,
    root: u64,
    transaction: u64,
}

impl Meta {
    fn read(bytes: &[u8], begin: usize) -> Option<Self> {
        let page = bytes.get(begin..begin.checked_add(HEAD + 64)?)?;
        let content = &page[HEAD..];
        let is_whole = u16_at(page, 8)? & META != 0
            && u32_at(content, 0)? == MAGIC
            && u32_at(content, 4)? == VERSION
            && u64_at(content, 56)? == checksum(&content[..56]);
        is_whole.then_some(Self { page_size: u32_at(content, 8)? as usize, root: u64_at(content, 16)?, transaction: u64_at(content, 48)? })
    }
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
