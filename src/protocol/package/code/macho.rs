//! Programs of Apple's systems (Mach-O): where the signature stands in one, found in a single pass from its beginning to its end.
//!
//! The shapes are those of `mach-o/loader.h` and `mach-o/fat.h`.

use std::io::{self, Read};

/// Processors that one program may be built for; real ones have one or two.
pub(super) const SLICES_MAX: u32 = 16;

/// Parts for 64-bit ARM that one program may have: one for every device, and one for those that know more (arm64e).
pub(in crate::protocol::package) const PARTS_MAX: usize = 2;

/// Bytes of a program's load commands; large apps have 20,000.
pub(super) const COMMANDS_MAX_BYTES: u64 = 1 << 20;

/// Bytes of a signature: of a program of 1 GiB both digests of every 4 KiB take 13 MiB.
pub(super) const SIGNATURE_MAX_BYTES: u64 = 16 << 20;

/// CPU_TYPE_ARM64: what every device of these systems has since 2017.
const ARM64: u32 = 0x0100_000c;

const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_ENCRYPTION_INFO: u32 = 0x21;
const LC_ENCRYPTION_INFO_64: u32 = 0x2c;

/// Bytes of a `mach_header_64`.
const HEADER_BYTES: u64 = 32;

/// Why a program's signature cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol::package) enum Fault {
    /// It is no program of Apple's systems.
    NoProgram,
    /// It is built for other processors only.
    OtherProcessor,
    /// It ends too early, or contradicts itself.
    Damaged,
    /// A part of it is longer than in any real program.
    TooLarge,
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Damaged
    }
}

/// What of a program its signature is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol::package) struct Image {
    /// Where this part for 64-bit ARM begins in the file.
    pub(super) from: u64,
    /// How many such parts the program has.
    pub(in crate::protocol::package) parts: usize,
    /// Bytes of that part that stand before its signature; none where nobody signed it.
    pub(super) signed_bytes: Option<u64>,
    /// Whether it is encrypted, as the App Store gives it out.
    pub(super) is_encrypted: bool,
    /// The signature, from its first byte; empty where nobody signed it.
    pub(super) signature: Vec<u8>,
}

/// Finds the signature of a program in what `source` gives: of its part for 64-bit ARM, or of the one of that number where there are several.
pub(in crate::protocol::package) fn find(source: impl Read, number: usize) -> Result<Image, Fault> {
    let mut source = Forward { source, at: 0 };
    let ((from, size), parts) = match source.array::<4>()? {
        magic @ [0xca, 0xfe, 0xba, 0xbe | 0xbf] => {
            let found = slices(&mut source, magic[3] == 0xbf)?;
            let (from, size) = *found.get(number).ok_or(Fault::Damaged)?;
            source.go_to(from)?;
            if source.array::<4>()? != MAGIC_64 {
                return Err(Fault::Damaged);
            }
            ((from, size), found.len())
        }
        MAGIC_64 => ((0, u64::MAX), 1),
        // The 32-bit form, and either one of machines with the bytes the other way round.
        [0xce, 0xfa, 0xed, 0xfe] | [0xfe, 0xed, 0xfa, 0xce | 0xcf] => return Err(Fault::OtherProcessor),
        _ => return Err(Fault::NoProgram),
    };
    let header = source.array::<{ HEADER_BYTES as usize - 4 }>()?;
    if little(&header, 0) != Some(ARM64) {
        return Err(Fault::OtherProcessor);
    }
    let length = u64::from(little(&header, 16).unwrap_or_default());
    if length > COMMANDS_MAX_BYTES {
        return Err(Fault::TooLarge);
    }
    let commands = source.piece(length)?;
    let mut image = Image { from, parts, signed_bytes: None, is_encrypted: false, signature: Vec::new() };
    let Some((offset, length)) = look_through(&commands, &mut image)? else { return Ok(image) };
    if length > SIGNATURE_MAX_BYTES {
        return Err(Fault::TooLarge);
    }
    if offset < HEADER_BYTES + commands.len() as u64 || offset + length > size {
        return Err(Fault::Damaged);
    }
    source.go_to(from.checked_add(offset).ok_or(Fault::Damaged)?)?;
    image.signature = source.piece(length)?;
    image.signed_bytes = Some(offset);
    Ok(image)
}

const MAGIC_64: [u8; 4] = [0xcf, 0xfa, 0xed, 0xfe];

/// Where the parts for 64-bit ARM stand in a program for several processors, and their lengths. `is_wide` says that offsets have 64 bits.
fn slices<R: Read>(source: &mut Forward<R>, is_wide: bool) -> Result<Vec<(u64, u64)>, Fault> {
    let count = u32::from_be_bytes(source.array()?);
    // The classes of Java begin with the same four bytes; the number behind them is their version, which is larger.
    if count == 0 || count > SLICES_MAX {
        return Err(Fault::NoProgram);
    }
    let (mut found, mut subtypes) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let kind = u32::from_be_bytes(source.array()?);
        // Its highest byte says what pointers are like, not for which processor.
        let subtype = u32::from_be_bytes(source.array()?) & 0x00ff_ffff;
        let (from, size) = if is_wide {
            let at = (u64::from_be_bytes(source.array()?), u64::from_be_bytes(source.array()?));
            let _alignment: [u8; 8] = source.array()?;
            at
        } else {
            let at = (u32::from_be_bytes(source.array()?), u32::from_be_bytes(source.array()?));
            let _alignment: [u8; 4] = source.array()?;
            (u64::from(at.0), u64::from(at.1))
        };
        if kind != ARM64 {
            continue;
        }
        // Of two for the same devices nobody could say which one they take.
        if subtypes.contains(&subtype) || found.len() == PARTS_MAX {
            return Err(Fault::Damaged);
        }
        subtypes.push(subtype);
        found.push((from, size));
    }
    if found.is_empty() { Err(Fault::OtherProcessor) } else { Ok(found) }
}

/// Walks the load commands; gives where the signature stands and its length, and notes encryption in `image`.
fn look_through(commands: &[u8], image: &mut Image) -> Result<Option<(u64, u64)>, Fault> {
    let mut signature = None;
    let mut rest = commands;
    while rest.len() >= 8 {
        let word = |at: usize| little(rest, at).ok_or(Fault::Damaged);
        let (kind, length) = (word(0)?, word(4)? as usize);
        let command = rest.get(..length).filter(|_| length >= 8).ok_or(Fault::Damaged)?;
        let word = |at: usize| little(command, at).ok_or(Fault::Damaged);
        match kind {
            LC_CODE_SIGNATURE => signature = Some((u64::from(word(8)?), u64::from(word(12)?))),
            LC_ENCRYPTION_INFO | LC_ENCRYPTION_INFO_64 => image.is_encrypted |= word(16)? != 0,
            _ => {}
        }
        rest = &rest[length..];
    }
    Ok(signature)
}

/// The 32-bit number at `at`, its lowest byte first.
fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

/// A source that is read from the beginning to the end, and never back.
pub(super) struct Forward<R> {
    source: R,
    at: u64,
}

impl<R: Read> Forward<R> {
    /// `source`, at its beginning.
    pub(super) const fn new(source: R) -> Self {
        Self { source, at: 0 }
    }

    /// Passes over what stands before `to`.
    pub(super) fn go_to(&mut self, to: u64) -> io::Result<()> {
        let length = to.checked_sub(self.at).ok_or(io::ErrorKind::InvalidData)?;
        let passed = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
        self.at += passed;
        if passed == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes` with what comes next.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.source.read_exact(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The next `length` bytes; no more room is taken than bytes come.
    fn piece(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.source).take(length).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
