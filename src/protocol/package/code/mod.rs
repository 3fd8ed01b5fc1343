//! Who signed an app's program, and whether what stands in the file is what was signed.
//!
//! Looked at is the main program alone, each part of it for 64-bit ARM, from its first byte to its last; of the files beside it Info.plist, the list of the others
//! (CodeResources) and the provisioning profile. The other files of the app, its frameworks and its extensions are not.

mod directory;
mod judge;
mod macho;
#[cfg(test)]
pub(crate) mod tests;
mod words;

use std::io::Read;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::protocol::provision;

pub(super) use macho::{Fault, Image, PARTS_MAX, find};
pub(super) use words::{fault, problems};

/// Bytes of a program that is looked at; Apple's own limit for what the App Store takes is about half of it.
pub(super) const PROGRAM_MAX_BYTES: u64 = 1 << 30;

/// Bytes of CodeResources, the list of an app's files; one with 10,000 files has 3 MB.
pub(super) const RESOURCES_MAX_BYTES: u64 = 8 << 20;

/// What sort of signature an app has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppSignatureKind)]
pub enum SignatureKind {
    /// None.
    Unsigned,
    /// One without a certificate, as linkers make it by themselves (Apple calls it ad hoc signing, which is not ad hoc distribution).
    NoCertificate,
    /// By a developer's certificate: for trying it out.
    Development,
    /// By a team's certificate, with a profile for every device: in-house (Enterprise) distribution.
    InHouse,
    /// By a team's certificate, with a profile that lists devices: ad hoc distribution.
    AdHoc,
    /// By Apple's own certificate, or by a team's with a profile for the App Store.
    AppStore,
    /// By a team's certificate, without a profile inside that says for which devices.
    Distribution,
    /// By a certificate of another sort.
    Other,
}

/// A certificate that an app is signed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningCertificate {
    /// Its name, for example `iPhone Distribution: Example School (A1B2C3D4E5)`.
    pub name: String,
    /// The organisation that it names; empty where it names none.
    pub organisation: String,
    /// The team's id that it names; empty where it names none.
    pub team_id: String,
    /// The names of those above it, as far as the app carries them.
    pub issuers: Vec<String>,
    /// SHA-256 of it, in hexadecimal.
    pub fingerprint: String,
    /// Since when it is valid.
    pub starts_at: Timestamp,
    /// Until when it is valid; devices start no app by one that has ended.
    pub ends_at: Timestamp,
    /// Whether Apple stands above it, as far as the app carries those above it.
    pub is_apples: bool,
}

/// What of an app was compared with its signature: true where it fits, false where it does not, null where that could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct CodeChecks {
    /// The signed message over the digests of the program, and the entitlements.
    pub signature: Option<bool>,
    /// Every page of the program.
    pub program: Option<bool>,
    /// Info.plist.
    pub info_plist: Option<bool>,
    /// The list of the other files (CodeResources); the files themselves are not compared with it, but for the provisioning profile.
    pub resource_list: Option<bool>,
    /// The provisioning profile inside, with that list.
    pub profile: Option<bool>,
    /// Whether the provisioning profile inside names the certificate.
    pub certificate_in_profile: Option<bool>,
}

/// Who signed an app, and what of it fits its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AppSignature)]
pub struct CodeSignature {
    /// What sort of signature it is.
    pub kind: SignatureKind,
    /// The certificate that signed; null where there is none.
    pub certificate: Option<SigningCertificate>,
    /// The team's id in the signature; empty where there is none.
    pub team_id: String,
    /// What the signature calls the app; usually its bundle identifier.
    pub identifier: String,
    /// The digest by which systems know the program (CDHash), in hexadecimal; empty where there is none.
    pub cdhash: String,
    /// The app's full identifier among its entitlements, team first; empty where there is none.
    pub application_identifier: String,
    /// What the app claims that it may do: the names of its entitlements.
    pub entitlements: Vec<String>,
    /// Whether a debugger may look into it (`get-task-allow`), which makes it an app for development.
    pub is_debuggable: bool,
    /// Whether the program is encrypted, as the App Store gives out what was bought there.
    pub is_encrypted: bool,
    /// What was compared.
    pub checks: CodeChecks,
}

impl CodeSignature {
    /// No signature.
    fn none(image: &Image) -> Self {
        Self {
            kind: SignatureKind::Unsigned,
            certificate: None,
            team_id: String::new(),
            identifier: String::new(),
            cdhash: String::new(),
            application_identifier: String::new(),
            entitlements: Vec::new(),
            is_debuggable: false,
            is_encrypted: image.is_encrypted,
            checks: CodeChecks::default(),
        }
    }

    /// What is to be said of a program with one more part for other devices: every check as the worse one has it. A program whose parts two signed, or
    /// one did not, is none that anybody made so.
    pub(super) fn with(mut self, other: &Self) -> Self {
        self.checks = self.checks.worse(other.checks);
        let by = |signature: &Self| signature.certificate.as_ref().map(|certificate| certificate.fingerprint.clone());
        if self.kind != other.kind || by(&self) != by(other) || self.team_id != other.team_id {
            self.checks.signature = Some(false);
        }
        self.is_debuggable |= other.is_debuggable;
        self.is_encrypted |= other.is_encrypted;
        let more: Vec<_> = other.entitlements.iter().filter(|name| !self.entitlements.contains(name)).cloned().collect();
        self.entitlements.extend(more);
        self
    }
}

impl CodeChecks {
    fn worse(self, other: Self) -> Self {
        // What does not fit is worse than what could not be told.
        let worse = |one: Option<bool>, two: Option<bool>| match (one, two) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            fits => fits.0,
        };
        Self {
            signature: worse(self.signature, other.signature),
            program: worse(self.program, other.program),
            info_plist: worse(self.info_plist, other.info_plist),
            resource_list: worse(self.resource_list, other.resource_list),
            profile: worse(self.profile, other.profile),
            certificate_in_profile: worse(self.certificate_in_profile, other.certificate_in_profile),
        }
    }
}

/// The files of an app that its signature speaks of, besides the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside<'a> {
    /// Info.plist.
    pub(super) info: &'a [u8],
    /// `_CodeSignature/CodeResources`.
    pub(super) resources: Option<&'a [u8]>,
    /// `embedded.mobileprovision`, and what it says.
    pub(super) profile: Option<(&'a [u8], &'a provision::Facts)>,
}

/// Judges the signature of a program; `source` gives the program once more, from its beginning. None where the signature is damaged.
pub(super) fn judge(image: &Image, beside: Beside<'_>, source: impl Read) -> Option<CodeSignature> {
    if image.signed_bytes.is_none() {
        return Some(CodeSignature::none(image));
    }
    let parts = directory::Parts::read(&image.signature)?;
    judge::judge(image, &parts, beside, source)
}
