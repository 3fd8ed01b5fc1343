//! The write-ahead log as a file, read and written anew after the disk failed to keep it (format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>).

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// With its lowest bit set the words of checksums are big-endian.
const MAGIC: u32 = 0x377f_0682;
/// What SQLite makes at most.
const PAGE_MAX_BYTES: usize = 65_536;

/// Writes the first `frames` frames of the log at `path` once more, each after its checksum was compared, and syncs them.
///
/// After a sync that failed, the kernel takes the pages that it could not write for clean: another sync says yes to what it never wrote. Written
/// anew they are dirty again, so that the sync is about them. The caller sees to it that nobody appends to the log meanwhile.
///
/// Fails with [`io::ErrorKind::InvalidData`] when the log is not what was written, and as the disk does.
pub(in crate::store) fn write_again(path: &Path, frames: usize) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0)?;
    let (mut chain, page_bytes) = Chain::begin(&header)?;
    file.write_all_at(&header, 0)?;
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let mut at = HEADER_BYTES as u64;
    for _ in 0..frames {
        file.read_exact_at(&mut frame, at)?;
        chain.follow(&frame)?;
        file.write_all_at(&frame, at)?;
        at += frame.len() as u64;
    }
    file.sync_data()
}

/// The checksum that runs through header and frames.
struct Chain {
    is_big_endian: bool,
    salts: [u8; 8],
    sums: (u32, u32),
}

impl Chain {
    /// Begins with a header; gives the size of pages in bytes as well.
    fn begin(header: &[u8; HEADER_BYTES]) -> io::Result<(Self, usize)> {
        let magic = big_endian(&header[0..4]);
        let page_bytes = big_endian(&header[8..12]) as usize;
        if magic & !1 != MAGIC || !page_bytes.is_power_of_two() || !(512..=PAGE_MAX_BYTES).contains(&page_bytes) {
            return Err(another());
        }
        let mut salts = [0; 8];
        salts.copy_from_slice(&header[16..24]);
        let mut chain = Self { is_big_endian: magic & 1 == 1, salts, sums: (0, 0) };
        chain.add(&header[..24]);
        chain.must_be(&header[24..32])?;
        Ok((chain, page_bytes))
    }

    /// Goes on with a frame: page number, size, salts and checksums, then the page.
    fn follow(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame[8..16] != self.salts {
            return Err(another());
        }
        self.add(&frame[..8]);
        self.add(&frame[FRAME_HEADER_BYTES..]);
        self.must_be(&frame[16..24])
    }

    fn add(&mut self, bytes: &[u8]) {
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(self.word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(self.word(&pair[4..])).wrapping_add(first);
        }
        self.sums = (first, second);
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let word = big_endian(bytes);
        if self.is_big_endian { word } else { word.swap_bytes() }
    }

    fn must_be(&self, sums: &[u8]) -> io::Result<()> {
        let is = self.sums == (big_endian(&sums[..4]), big_endian(&sums[4..]));
        if is { Ok(()) } else { Err(another()) }
    }
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn another() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the log on the disk is not what was written to it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::connection::PAGE_BYTES;
    use crate::store::events::{NewEvent, append};
    use crate::store::tests::file;

    /// How many frames a log of so many bytes has.
    fn frames(bytes: usize, page_bytes: usize) -> usize {
        (bytes - HEADER_BYTES) / (FRAME_HEADER_BYTES + page_bytes)
    }

    #[test]
    fn a_log_is_written_again_as_it_is_and_one_that_is_not_whole_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        for number in 0..5 {
            let data = "x".repeat(10_000 * number).into();
            let event = NewEvent { kind: "noted", actor_kind: "job", actor: "test", data, ..NewEvent::default() };
            store.write_blocking(Timestamp::from_seconds(1), move |tx| append(tx, &event)).unwrap();
        }
        let log = folder.path().join("rollcall.db-wal");
        let bytes = std::fs::read(&log).unwrap();
        let count = frames(bytes.len(), PAGE_BYTES as usize);
        assert!(count > 5, "{count} frames");
        write_again(&log, count).unwrap();
        assert!(std::fs::read(&log).unwrap() == bytes, "not a byte is another one");

        let copy = folder.path().join("copy");
        for at in [1, 9, 17, 25, HEADER_BYTES + 2, HEADER_BYTES + 9, HEADER_BYTES + 17, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            std::fs::write(&copy, &damaged).unwrap();
            assert_eq!(write_again(&copy, count).unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
            assert!(std::fs::read(&copy).unwrap() == damaged, "byte {at}: nothing is mended by guessing");
        }
        std::fs::write(&copy, &bytes[..bytes.len() - 1]).unwrap();
        assert!(write_again(&copy, count).is_err(), "one that was cut off");
        write_again(&copy, count - 1).unwrap();
    }
}
