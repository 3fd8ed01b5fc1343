//! In-house apps as files: what an .ipa or a .pkg says of itself, read within bounds; and what everything else is, in words.
//!
//! The readers hold no more than their named limits, whatever a file claims of itself.

mod bounded;
pub(crate) mod code;
mod ipa;
mod members;
mod pkg;
mod png;
mod xar;

use std::io::{Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::platform::Platform;
use super::provision;
use super::xml::{self, Bounds, Element, XmlError};
use crate::clock::Timestamp;
use crate::pki::dropped::{self, Kind, Place};
use crate::pki::push_certificate::MAX_FILE_BYTES;

pub use code::{CodeChecks, CodeSignature, SignatureKind, SigningCertificate};
pub use png::{MAX_ICON_BYTES, MAX_ICON_SIDE};

/// The longest text of a package that is kept, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// The longest identifier, in bytes.
pub const MAX_IDENTIFIER_BYTES: usize = 255;

/// The longest version, in bytes.
pub const MAX_VERSION_BYTES: usize = 100;

/// A version as people say it, with the build that the system compares where it is another: `1.4.2 (142)`.
pub fn version_words(short: &str, build: &str) -> String {
    match (short, build) {
        ("", build) => build.to_owned(),
        (short, "") => short.to_owned(),
        (short, build) if short == build => short.to_owned(),
        (short, build) => format!("{short} ({build})"),
    }
}

/// Bytes at the beginning of an archive that tell what is in it.
const BEGINNING_BYTES: u64 = 64 << 10;

/// What sort of file a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// An app for iPad, iPhone, Apple TV or Vision Pro.
    Ipa,
    /// An installer package for Macs.
    Pkg,
}

impl PackageKind {
    /// How such files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Ipa => "ipa",
            Self::Pkg => "pkg",
        }
    }
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PackageFacts)]
pub struct Facts {
    /// What sort of file it is.
    pub kind: PackageKind,
    /// CFBundleIdentifier of the app, or the identifier of the package.
    pub identifier: String,
    /// What it is called.
    pub name: String,
    /// CFBundleVersion, or the package's version: what devices compare.
    pub version: String,
    /// CFBundleShortVersionString: what people read; empty where there is none.
    pub short_version: String,
    /// The oldest system it runs on; empty where it does not say.
    pub minimum_os: String,
    /// The platforms it runs on.
    pub platforms: Vec<Platform>,
    /// Of an app its device families, in words: `iPhone`, `iPad`.
    pub device_families: Vec<String>,
    /// Of an app the provisioning profile inside; none means that no device starts it, unless it gets one beside the app.
    pub provisioning: Option<provision::Facts>,
    /// Of a package who signed it.
    pub signer: Option<Signer>,
    /// Of an app who signed it; null where that could not be looked at, as the warnings say, or was not when it was uploaded.
    #[serde(default)]
    pub signature: Option<CodeSignature>,
    /// Of a package the apps inside.
    pub apps: Vec<BundledApp>,
    /// What is odd about it, in sentences.
    pub warnings: Vec<String>,
}

impl Facts {
    /// Whether it runs on a platform, as far as either is known.
    pub fn runs_on(&self, platform: Platform) -> bool {
        platform == Platform::Unknown || self.platforms.is_empty() || self.platforms.contains(&platform)
    }

    /// When the certificate ends that signed the app; none where none did, or nobody looked.
    pub fn signer_ends_at(&self) -> Option<Timestamp> {
        Some(self.signature.as_ref()?.certificate.as_ref()?.ends_at)
    }

    /// Whether there may be a device that runs both.
    pub fn shares_platform(&self, other: &Self) -> bool {
        self.platforms.is_empty() || other.platforms.iter().any(|platform| self.runs_on(*platform)) || other.platforms.is_empty()
    }
}

/// Who signed a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PackageSigner)]
pub struct Signer {
    /// The certificate's name, for example `Developer ID Installer: Example School (A1B2C3D4E5)`.
    pub name: String,
    /// The names of those above it, as far as the package carries them.
    pub issuers: Vec<String>,
    /// When the certificate ends; a signature with a time stamp stays good.
    pub ends_at: Timestamp,
}

/// An app inside a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PackagedApp)]
pub struct BundledApp {
    /// Its bundle identifier.
    pub identifier: String,
    /// CFBundleVersion.
    pub version: String,
    /// CFBundleShortVersionString.
    pub short_version: String,
    /// Where it goes, for example `/Applications/Field.app`; empty where that is not said.
    pub path: String,
}

/// A package that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// What it says of itself.
    pub facts: Facts,
    /// Its picture, a PNG that every browser shows.
    pub icon: Option<Vec<u8>>,
}

/// Why a file is no package that devices can install, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl From<Refusal> for crate::error::Error {
    fn from(refusal: Refusal) -> Self {
        Self::field("file", refusal.0)
    }
}

fn refuse<T>(words: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(words.into()))
}

/// Reads a file of `size` bytes; `size` is its true length.
///
/// # Errors
/// Names what the file is instead, and what to do.
pub fn read<R: Read + Seek>(mut file: R, size: u64) -> Result<Package, Refusal> {
    if size == 0 {
        return refuse(t!("The file is empty: nothing of it arrived, or it was never written. Export it once more."));
    }
    let head = piece(&mut file, 0, 512)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let beginning = piece(&mut file, 0, BEGINNING_BYTES)?;
        if Kind::of(&beginning) == Some(Kind::Roster)
            && let Some(words) = elsewhere(&beginning)
        {
            return refuse(words);
        }
        return ipa::read(file, size);
    }
    if head.starts_with(b"xar!") {
        return pkg::read(file, size);
    }
    let tail = piece(&mut file, size.saturating_sub(512), 512)?;
    // One byte more than any small file has: of a large one its beginning says what it is.
    let whole = piece(&mut file, 0, MAX_FILE_BYTES as u64 + 1)?;
    refuse(foreign(&whole, &tail))
}

/// Judges the signature of a program by itself, without the app round it; none where it is no program for devices, or damaged.
pub fn signature_of_program(program: &[u8]) -> Option<CodeSignature> {
    let part = |number| {
        let image = code::find(program, number).ok()?;
        Some((code::judge(&image, code::Beside { info: &[], resources: None, profile: None }, program)?, image.parts))
    };
    let (first, parts) = part(0)?;
    (1..parts).try_fold(first, |known, number| Some(known.with(&part(number)?.0)))
}

fn piece<R: Read + Seek>(file: &mut R, from: u64, length: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from)).and_then(|_| file.take(length).read_to_end(&mut bytes)).map_err(|_| damaged("file"))?;
    Ok(bytes)
}

/// What a file is that another page takes or none, and what is wanted here; nothing where that cannot be told.
fn elsewhere(file: &[u8]) -> Option<String> {
    let named = dropped::foreign(file, Place::OwnApps)?;
    Some(t!("{sentences} Here an app (.ipa) or an installer package for Macs (.pkg) is needed.", sentences = named.sentences()))
}

/// What a file is that is neither an .ipa nor a .pkg, by its beginning and its end.
fn foreign(head: &[u8], tail: &[u8]) -> String {
    let what = if tail.len() == 512 && tail.starts_with(b"koly") {
        t!(
            "This is a disk image (.dmg). Devices install no disk images: take the .pkg that is inside it, or make one of the app with productbuild and sign it."
        )
    } else if head.starts_with(b"MZ") {
        t!("This is a Windows program. Choose the .ipa or .pkg file.")
    } else if head.starts_with(b"\x1f\x8b") || head.starts_with(b"BZh") || head.starts_with(b"\xfd7zXZ") || head.starts_with(b"7z\xbc\xaf")
    {
        t!("This is a compressed archive, not an app. Unpack it and choose the .ipa or .pkg file inside.")
    } else if head.starts_with(b"\xca\xfe\xba\xbe") || head.starts_with(b"\xcf\xfa\xed\xfe") {
        t!("This is a bare program without its app round it. Export the app from Xcode as an .ipa, or pack it into a signed .pkg.")
    } else if let Some(words) = elsewhere(head) {
        return words;
    } else {
        t!("This is neither an app for iPad and iPhone (.ipa) nor an installer package for Macs (.pkg).")
    };
    what.to_owned()
}

/// How much XML a package holds at most; files in folders of a real one lie about 20 deep.
const XML: Bounds = Bounds { depth: 64, elements: 200_000 };

/// Reads an XML document inside a package; `what` names it where it is damaged.
fn document(bytes: &[u8], what: &str) -> Result<Element, Refusal> {
    xml::parse(bytes, XML).map_err(|error| match error {
        XmlError::TooMuch => Refusal(t!("The {what} holds far more than any real one does.", what)),
        XmlError::NotUtf8 | XmlError::Entities | XmlError::Broken => damaged(what),
    })
}

fn damaged(what: &str) -> Refusal {
    Refusal(t!("The {what} is damaged or incomplete. Export it once more and upload it again.", what))
}

/// A text on one line, cut to a bounded length.
fn short(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MAX_TEXT_CHARS).collect();
    line.trim().to_owned()
}

/// An identifier as Apple's systems take it.
fn identifier(text: &str, what: &str) -> Result<String, Refusal> {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-' | b'_');
    if text.is_empty() || text.len() > MAX_IDENTIFIER_BYTES || !text.bytes().all(is_plain) {
        let said: String = short(text).chars().take(60).collect();
        return refuse(t!(
            "Its {what}, “{said}”, is none that devices take: letters, digits, dots and hyphens, like school.example.field.",
            what,
            said
        ));
    }
    Ok(text.to_owned())
}

/// A version as it stands in manifests.
fn version(text: &str, what: &str) -> Result<String, Refusal> {
    if text.is_empty() || text.len() > MAX_VERSION_BYTES || text.chars().any(char::is_control) {
        return refuse(t!(
            "Its {what} is missing or longer than {MAX_VERSION_BYTES} characters. Without it devices cannot tell one version from another.",
            what,
            MAX_VERSION_BYTES
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
