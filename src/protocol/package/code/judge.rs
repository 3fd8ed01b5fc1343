//! What a signature proves: by whose certificate, over which program, and for whom.

use std::io::Read;

use super::directory::{Directory, INFO, Parts, RESOURCES};
use super::{Beside, CodeChecks, CodeSignature, Image, SignatureKind, SigningCertificate};
use crate::pki::asn1::oid;
use crate::pki::certificate::Certificate;
use crate::pki::cms::{self, CmsError, Verified};
use crate::pki::digest::Digest;
use crate::pki::{apple, hex};
use crate::protocol::package::short;
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary};
use crate::protocol::provision::Reach;

/// Entitlements whose names are kept; an app has about ten.
const ENTITLEMENTS_MAX: usize = 64;

/// Bytes that the signed list of directories cuts each digest to.
const LISTED_BYTES: usize = 20;

/// The name of a provisioning profile in the list of an app's files.
const PROFILE: &str = "embedded.mobileprovision";

/// What the signed message of a signature proves.
enum Message {
    /// Nobody's certificate signed.
    None,
    /// It is what its signer signed.
    Proven(Box<Verified>),
    /// It is not, or it was made over something else.
    Forged(Option<Certificate>),
    /// It is written in a way that cannot be judged here; a device judges for itself.
    Unknown(Option<Certificate>),
}

pub(super) fn judge(image: &Image, parts: &Parts<'_>, beside: Beside<'_>, source: impl Read) -> Option<CodeSignature> {
    let best = parts.best()?;
    let message = message(parts, best);
    let (certificate, chain, is_sound) = match message {
        Message::None => (None, Vec::new(), None),
        Message::Forged(certificate) => (certificate, Vec::new(), Some(false)),
        Message::Unknown(certificate) => (certificate, Vec::new(), None),
        Message::Proven(verified) => (Some(verified.signer), verified.certificates, Some(true)),
    };
    // The entitlements count for nothing where they are not those that were signed.
    let are_sealed = parts.are_sealed_by(best);
    let entitlements = parts.entitlements.and_then(|bytes| parse_dictionary(bytes).ok()).unwrap_or_default();
    let profile = beside.profile.map(|(_, facts)| facts);
    let kind = certificate.as_ref().map_or(
        if best.is_without_certificate() || parts.message.is_none() { SignatureKind::NoCertificate } else { SignatureKind::Other },
        |certificate| kind(certificate, profile.map(|profile| profile.devices)),
    );
    let certificate = certificate.map(|certificate| facts(&certificate, &chain));
    let checks = CodeChecks {
        signature: if are_sealed { is_sound } else { Some(false) },
        // What the App Store encrypts has other bytes than those that were signed.
        program: if image.is_encrypted { None } else { best.has_pages_of(image, source) },
        info_plist: best.seals(INFO, beside.info),
        // A list that was signed and is not there was taken away.
        resource_list: beside.resources.map_or_else(|| best.has(RESOURCES).then_some(false), |list| best.seals(RESOURCES, list)),
        profile: beside.resources.zip(beside.profile).and_then(|(list, (bytes, _))| is_listed(list, bytes)),
        certificate_in_profile: certificate
            .as_ref()
            .zip(profile.filter(|profile| !profile.certificates.is_empty()))
            .map(|(certificate, profile)| profile.certificates.contains(&certificate.fingerprint)),
    };
    Some(CodeSignature {
        kind,
        certificate,
        team_id: short(&best.team_id),
        identifier: short(&best.identifier),
        cdhash: hex(&best.cdhash()),
        application_identifier: short(&fields::filled(&entitlements, "application-identifier").unwrap_or_default()),
        entitlements: entitlements.keys().take(ENTITLEMENTS_MAX).map(|name| short(name)).collect(),
        is_debuggable: fields::flag(&entitlements, "get-task-allow").unwrap_or_default(),
        is_encrypted: image.is_encrypted,
        checks,
    })
}

/// Judges the signed message, and whether it speaks of the directory that devices go by.
fn message(parts: &Parts<'_>, best: &Directory<'_>) -> Message {
    let Some(message) = parts.message else { return Message::None };
    let claimed = || cms::claimed(message, Certificate::from_der).ok().map(|(certificate, _)| certificate);
    match cms::verify(message, Some(parts.signed)) {
        // A message that carries something of its own proves that, and not the directory.
        Ok(verified) if verified.content != parts.signed || !is_meant(&verified, parts, best) => Message::Forged(Some(verified.signer)),
        Ok(verified) => Message::Proven(Box::new(verified)),
        Err(CmsError::ContentChanged | CmsError::Signature) => Message::Forged(claimed()),
        Err(_) => Message::Unknown(claimed()),
    }
}

/// Whether the directory is the one that was signed, or is listed in a signed attribute by its digest.
fn is_meant(verified: &Verified, parts: &Parts<'_>, best: &Directory<'_>) -> bool {
    if best.raw == parts.signed {
        return true;
    }
    let Some(listed) = verified.attribute(oid::APPLE_CODE_DIRECTORIES).and_then(|value| parse_dictionary(value.value()).ok()) else {
        return false;
    };
    let own = best.digest.of(best.raw);
    fields::items(&listed, "cdhashes").iter().any(|digest| digest.as_data() == Some(&own.as_ref()[..LISTED_BYTES]))
}

/// What sort of signature a certificate makes, by the marks that Apple puts into each, and by its name where it has none.
fn kind(certificate: &Certificate, reach: Option<Reach>) -> SignatureKind {
    let has = |mark| certificate.extension(mark).is_some();
    let name = certificate.common_name().unwrap_or_default();
    let begins = |beginnings: [&str; 2]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    if has(oid::APPLE_APP_STORE) || name == "Apple iPhone OS Application Signing" {
        return SignatureKind::AppStore;
    }
    if has(oid::APPLE_DEVELOPMENT) || begins(["Apple Development:", "iPhone Developer:"]) {
        return SignatureKind::Development;
    }
    if has(oid::APPLE_DISTRIBUTION) || begins(["Apple Distribution:", "iPhone Distribution:"]) {
        return match reach {
            Some(Reach::AllDevices) => SignatureKind::InHouse,
            Some(Reach::ListedDevices) => SignatureKind::AdHoc,
            Some(Reach::AppStore) => SignatureKind::AppStore,
            None => SignatureKind::Distribution,
        };
    }
    SignatureKind::Other
}

fn facts(certificate: &Certificate, chain: &[Certificate]) -> SigningCertificate {
    let name = |certificate: &Certificate| short(&certificate.common_name().unwrap_or_else(|| certificate.subject()));
    let part = |kind| short(&certificate.subject_name().first(kind).unwrap_or_default());
    let whole = [std::slice::from_ref(certificate), chain].concat();
    SigningCertificate {
        name: name(certificate),
        organisation: part(oid::ORGANIZATION),
        team_id: part(oid::ORGANIZATIONAL_UNIT),
        issuers: chain.iter().filter(|above| *above != certificate).map(name).collect(),
        fingerprint: certificate.fingerprint().to_string(),
        starts_at: certificate.not_before(),
        ends_at: certificate.not_after(),
        is_apples: apple::vouches(&whole),
    }
}

/// Whether the list of an app's files has this provisioning profile in it; none where it says nothing of one.
fn is_listed(list: &[u8], profile: &[u8]) -> Option<bool> {
    let list = parse_dictionary(list).ok()?;
    // The newer list is by SHA-256, the older one by SHA-1, bare or in a dictionary.
    let entry = |files: &str| -> Option<Value> { fields::dictionary(&list, files)?.get(PROFILE).cloned() };
    let inside = |entry: &Dictionary, key: &str, digest: Digest| Some(fields::data(entry, key)? == digest.of(profile).as_ref());
    match entry("files2").or_else(|| entry("files"))? {
        Value::Data(hash) => Some(hash == Digest::Sha1.of(profile).as_ref()),
        Value::Dictionary(entry) => inside(&entry, "hash2", Digest::Sha256).or_else(|| inside(&entry, "hash", Digest::Sha1)),
        _ => None,
    }
}
