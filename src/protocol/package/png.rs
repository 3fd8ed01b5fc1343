//! Pictures of apps: plain PNGs as they are, and Apple's crushed ones (`CgBI`) turned back into such.
//!
//! Xcode writes icons without zlib's frame, blue before red, and multiplied by their transparency, which no browser reads. Only the form that icons
//! have is turned back: eight bits, red, green, blue and alpha, not interlaced. Of anything else there is no picture, and pages show a neutral one.

use std::io::Write as _;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::ZlibEncoder;

use super::bounded;

/// Bytes of a picture.
pub const MAX_ICON_BYTES: usize = 2 << 20;

/// Pixels of a side.
pub const MAX_ICON_SIDE: usize = 1024;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG that every browser shows, made of `bytes`; none where that cannot be.
pub(super) fn readable(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > MAX_ICON_BYTES {
        return None;
    }
    let chunks = chunks(bytes)?;
    let header = chunks.iter().find(|(kind, _)| *kind == b"IHDR").map(|(_, data)| *data).filter(|data| data.len() == 13)?;
    let side = |at: usize| header[at..at + 4].iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let (width, height) = (side(0), side(4));
    if width == 0 || height == 0 || width > MAX_ICON_SIDE || height > MAX_ICON_SIDE {
        return None;
    }
    if chunks.first().is_none_or(|(kind, _)| *kind != b"CgBI") {
        return Some(bytes.to_vec());
    }
    // Eight bits, colour type 6, the usual compression and filters, no interlace.
    if header[8..] != [8, 6, 0, 0, 0] {
        return None;
    }
    let packed: Vec<u8> = chunks.iter().filter(|(kind, _)| *kind == b"IDAT").flat_map(|(_, data)| data.iter().copied()).collect();
    let most = (height * (4 * width + 1)) as u64;
    let mut rows = bounded::all(DeflateDecoder::new(&packed[..]), most).filter(|rows| rows.len() as u64 == most)?;
    unfilter(&mut rows, 4 * width)?;
    for row in rows.chunks_mut(4 * width + 1) {
        row[1..].as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| *pixel = turned(*pixel));
    }
    written(header, &rows)
}

/// The chunks of a PNG, each with its kind; their checksums are the browser's matter.
fn chunks(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let mut chunks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let kind = after.get(..4)?;
        let data = after.get(4..4_usize.checked_add(length)?)?;
        chunks.push((kind, data));
        if kind == b"IEND" {
            return Some(chunks);
        }
        rest = after.get(8 + length..)?;
    }
    None
}

/// Takes the filters off every row; each row begins with the number of its filter, which becomes none.
fn unfilter(rows: &mut [u8], stride: usize) -> Option<()> {
    let mut above = vec![0_u8; stride];
    for row in rows.chunks_mut(stride + 1) {
        let (filter, row) = row.split_first_mut()?;
        for at in 0..stride {
            let (up, left, corner) = (above[at], if at < 4 { 0 } else { row[at - 4] }, if at < 4 { 0 } else { above[at - 4] });
            let guess = match *filter {
                0 => 0,
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => return None,
            };
            row[at] = row[at].wrapping_add(guess);
        }
        *filter = 0;
        above.copy_from_slice(row);
    }
    Some(())
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |value: u8| (guess - i16::from(value)).abs();
    if far(left) <= far(up) && far(left) <= far(corner) {
        left
    } else if far(up) <= far(corner) {
        up
    } else {
        corner
    }
}

/// Red before blue, and not multiplied by the transparency.
fn turned([blue, green, red, alpha]: [u8; 4]) -> [u8; 4] {
    let whole = |value: u8| match alpha {
        0 => 0,
        alpha => ((u16::from(value) * 255 + u16::from(alpha) / 2) / u16::from(alpha)).min(255) as u8,
    };
    [whole(red), whole(green), whole(blue), alpha]
}

fn written(header: &[u8], rows: &[u8]) -> Option<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(rows).ok()?;
    let packed = packed.finish().ok()?;
    let mut png = SIGNATURE.to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", &packed), (b"IEND", &[])] {
        png.extend_from_slice(&(data.len() as u32).to_be_bytes());
        png.extend_from_slice(kind);
        png.extend_from_slice(data);
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(data);
        png.extend_from_slice(&sum.sum().to_be_bytes());
    }
    Some(png)
}
