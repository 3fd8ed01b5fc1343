//! XAR archives: a compressed table of contents in XML, and a heap of data behind it. Files are read one by one, by their path.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;

use super::{Element, Refusal, bounded, damaged, document, refuse};
use crate::pki::certificate::Certificate;
use crate::pki::digest::{Digest, Hasher};
use crate::pki::hex;
use crate::pki::public_key::Scheme;

/// Bytes of a table of contents as it lies in the file; one with 1,000 files has about 60,000.
pub(super) const TOC_MAX_BYTES: u64 = 16 << 20;

/// Bytes that it may unfold to.
pub(super) const TOC_UNPACKED_MAX_BYTES: u64 = 64 << 20;

/// Certificates of a signature that are read; chains have three or four.
const MAX_CERTIFICATES: usize = 16;

/// Bytes of a signature or a checksum.
const SIGNATURE_MAX_BYTES: u64 = 4096;

/// Bytes that are hashed at once.
const HASHED_AT_ONCE_BYTES: usize = 256 << 10;

/// An archive, opened.
pub(super) struct Archive<R> {
    file: R,
    size: u64,
    heap: u64,
    toc: Element,
    /// The table of contents as it lies in the file: what is signed.
    packed: Vec<u8>,
}

/// Where a file's data lie, and how.
struct Data {
    offset: u64,
    length: u64,
    is_packed: bool,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the header and the table of contents of a file of `size` bytes.
    pub(super) fn open(mut file: R, size: u64) -> Result<Self, Refusal> {
        let mut header = [0; 28];
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut header)).map_err(|_| damaged("package"))?;
        let long = |at: usize| header[at..at + 8].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let header_size = u64::from(header[4]) << 8 | u64::from(header[5]);
        let (length, unpacked) = (long(8), long(16));
        if !header.starts_with(b"xar!") || header_size < 28 || length == 0 || header_size.saturating_add(length) > size {
            return Err(damaged("package"));
        }
        if length > TOC_MAX_BYTES || unpacked > TOC_UNPACKED_MAX_BYTES {
            return refuse(t!("The table of contents of this package is far longer than any real one."));
        }
        let packed = read_at(&mut file, header_size, length).ok_or_else(|| damaged("package"))?;
        let text = bounded::all(ZlibDecoder::new(&packed[..]), TOC_UNPACKED_MAX_BYTES).ok_or_else(|| damaged("package"))?;
        let root = document(&text, t!("package's table of contents"))?;
        let toc = root.children.into_iter().find(|child| child.name == "toc").ok_or_else(|| damaged("package"))?;
        Ok(Self { file, size, heap: header_size + length, toc, packed })
    }

    /// The names of what lies at the top.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.toc.all("file").map(|file| file.text_of("name"))
    }

    /// Reads the file at `path` (`Inner.pkg/PackageInfo`), up to `most` bytes; none where there is no such file.
    pub(super) fn read(&mut self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let mut at = &self.toc;
        for name in path.split('/') {
            let Some(next) = at.all("file").find(|file| file.text_of("name") == name) else { return Ok(None) };
            at = next;
        }
        let Some(data) = at.child("data") else { return Ok(None) };
        let is_packed = match data.child("encoding").map_or("", |encoding| encoding.attribute("style")) {
            "" | "application/octet-stream" => false,
            "application/x-gzip" => true,
            other => {
                return refuse(t!(
                    "“{short}” in this package is packed as {short_2}, which is not read here; make it with productbuild.",
                    short = super::short(path),
                    short_2 = super::short(other)
                ));
            }
        };
        let number = |name: &str| data.text_of(name).parse::<u64>().map_err(|_| damaged("package"));
        let data = Data { offset: number("offset")?, length: number("length")?, is_packed };
        let bytes = self.stored(data.offset, data.length, most)?;
        if !data.is_packed {
            return Ok(Some(bytes));
        }
        let too_long = || Refusal(t!("“{short}” in this package is damaged, or far longer than any real one.", short = super::short(path)));
        bounded::all(ZlibDecoder::new(&bytes[..]), most).map(Some).ok_or_else(too_long)
    }

    /// Bytes of the heap as they lie there.
    fn stored(&mut self, offset: u64, length: u64, most: u64) -> Result<Vec<u8>, Refusal> {
        let from = self.heap.checked_add(offset).filter(|from| from.checked_add(length).is_some_and(|end| end <= self.size));
        let (Some(from), true) = (from, length <= most) else { return Err(damaged("package")) };
        read_at(&mut self.file, from, length).ok_or_else(|| damaged("package"))
    }

    /// Checks that everything which the table of contents names is there, and is what it says.
    ///
    /// # Errors
    /// Says how much is missing, or that the contents were changed.
    pub(super) fn check_contents(&mut self) -> Result<(), Refusal> {
        let stretches = stretches(&self.toc).ok_or_else(|| damaged("package"))?;
        let (mut end, mut sum) = (self.heap, 0_u64);
        for ((offset, length), _) in &stretches {
            let behind = self.heap.checked_add(*offset).and_then(|from| from.checked_add(*length)).ok_or_else(|| damaged("package"))?;
            end = end.max(behind);
            sum = sum.saturating_add(*length);
        }
        if end > self.size {
            return refuse(t!(
                "This package is incomplete: it has {size} bytes, and by its own table of contents at least {end}. Copy or download it once more.",
                size = self.size,
                end
            ));
        }
        if sum > self.size {
            return refuse(t!("The table of contents of this package names more than is in it. Make it again with productbuild."));
        }
        for ((offset, length), wanted) in stretches {
            if let Some((digest, wanted)) = wanted
                && self.hashed(offset, length, digest).is_none_or(|is| is != wanted)
            {
                return refuse(t!(
                    "The contents of this package do not fit its table of contents: they were damaged, or changed after it was made. Copy or download it once more."
                ));
            }
        }
        Ok(())
    }

    /// The digest of a stretch of the heap, in lower-case hexadecimal.
    fn hashed(&mut self, offset: u64, length: u64, digest: Digest) -> Option<String> {
        self.file.seek(SeekFrom::Start(self.heap + offset)).ok()?;
        let (mut hasher, mut piece, mut left) = (Hasher::new(digest), vec![0; HASHED_AT_ONCE_BYTES], length);
        while left > 0 {
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.file.read_exact(&mut piece[..most]).ok()?;
            hasher.update(&piece[..most]);
            left -= most as u64;
        }
        Some(hex(hasher.finish().as_ref()))
    }

    /// The certificates of whoever signed the archive, the signer's first; empty where nobody did.
    ///
    /// # Errors
    /// When the table of contents is not the one that was signed.
    pub(super) fn signers(&mut self) -> Result<Vec<Certificate>, Refusal> {
        let Some(signature) = self.toc.all("signature").find(|signature| signature.attribute("style") == "RSA") else {
            return Ok(Vec::new());
        };
        let certificates = signature.child("KeyInfo").and_then(|info| info.child("X509Data")).map_or_else(Vec::new, certificates);
        let Some(signer) = certificates.first() else { return Ok(Vec::new()) };
        let checksum = self.toc.child("checksum").ok_or_else(|| damaged("package"))?;
        let style = checksum.attribute("style");
        let Some(digest) = digest(style) else {
            return refuse(t!(
                "This package proves itself by {short}, which is not read here; sign it with productsign.",
                short = super::short(style)
            ));
        };
        let place = |element: &Element| Some((element.text_of("offset").parse().ok()?, element.text_of("size").parse().ok()?));
        let (at, proof) = place(checksum).zip(place(signature)).ok_or_else(|| damaged("package"))?;
        let (signer, hashed) = (signer.clone(), digest.of(&self.packed));
        let written = self.stored(at.0, at.1, SIGNATURE_MAX_BYTES)?;
        let proof = self.stored(proof.0, proof.1, SIGNATURE_MAX_BYTES)?;
        let is_sound = written == hashed.as_ref() && signer.verify_digest(Scheme::RsaPkcs1(digest), &hashed, &proof).is_ok();
        if !is_sound {
            return refuse(t!(
                "The signature of this package does not fit it: it was changed after it was signed. Sign it again with productsign."
            ));
        }
        Ok(certificates)
    }
}

/// A stretch of the heap, and the digest that it is to have where that can be checked here.
type Stretch = ((u64, u64), Option<(Digest, String)>);

/// Every stretch of the heap that the table of contents names, each once.
fn stretches(toc: &Element) -> Option<Vec<Stretch>> {
    let number = |element: &Element, name: &str| element.text_of(name).parse::<u64>().ok();
    let mut found = BTreeMap::new();
    for (name, length) in [("data", "length"), ("ea", "length"), ("checksum", "size"), ("signature", "size"), ("x-signature", "size")] {
        let mut elements = Vec::new();
        toc.everywhere(name, &mut elements);
        for element in elements.into_iter().filter(|element| element.child("offset").is_some()) {
            let place = (number(element, "offset")?, number(element, length)?);
            let archived = element.child("archived-checksum");
            let sum = archived.and_then(|sum| Some((digest(sum.attribute("style"))?, sum.text.trim().to_ascii_lowercase())));
            let known = found.entry(place).or_insert(None);
            *known = known.take().or(sum);
        }
    }
    Some(found.into_iter().collect())
}

/// The digest that a package names so.
fn digest(style: &str) -> Option<Digest> {
    Some(match style.to_ascii_lowercase().as_str() {
        "sha1" => Digest::Sha1,
        "sha256" => Digest::Sha256,
        "sha512" => Digest::Sha512,
        _ => return None,
    })
}

fn certificates(data: &Element) -> Vec<Certificate> {
    let read = |element: &Element| {
        let letters: Vec<u8> = element.text.bytes().filter(|letter| !letter.is_ascii_whitespace()).collect();
        Certificate::from_der(&STANDARD.decode(letters).ok()?).ok()
    };
    data.all("X509Certificate").take(MAX_CERTIFICATES).filter_map(read).collect()
}

fn read_at<R: Read + Seek>(file: &mut R, from: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from)).ok()?;
    file.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then_some(bytes)
}
