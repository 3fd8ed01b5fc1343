//! Apps that other tools linked and signed, judged; what was changed in them, found; what is none, named.

use std::io::{Cursor, Read as _};
use std::process::Command;

use super::directory::{BLOBS_MAX, Parts};
use super::macho::{COMMANDS_MAX_BYTES, SIGNATURE_MAX_BYTES, SLICES_MAX};
use super::*;
use crate::pki::{cms, issue};
use crate::protocol::package::tests::zipped;
use crate::protocol::package::{Facts, Package, signature_of_program};

pub(crate) const SIGNED_APP: &[u8] = include_bytes!("../fixtures/signed.ipa");
const UNIVERSAL: &[u8] = include_bytes!("../fixtures/universal.ipa");
pub(crate) const LINKED: &[u8] = include_bytes!("../fixtures/linked.ipa");
pub(crate) const DEVELOPMENT: &[u8] = include_bytes!("../fixtures/development.ipa");

/// What rcodesign says that systems know each program by.
const KNOWN_BY: &str = include_str!("../fixtures/known_by.txt");

const PROGRAM: &str = "Field é.app/Field";

fn read(bytes: &[u8]) -> Facts {
    crate::protocol::package::read(Cursor::new(bytes), bytes.len() as u64).unwrap().facts
}

fn signature(bytes: &[u8]) -> CodeSignature {
    read(bytes).signature.unwrap()
}

/// The files of an archive.
fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let count = archive.len();
    let file = |at: usize| {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(file).filter(|(name, _)| !name.ends_with('/')).collect()
}

fn program(bytes: &[u8]) -> Vec<u8> {
    unpacked(bytes).into_iter().find(|(name, _)| name.ends_with(PROGRAM)).unwrap().1
}

/// The app with one of its files changed.
fn with(bytes: &[u8], name: &str, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut files = unpacked(bytes);
    change(&mut files.iter_mut().find(|(known, _)| known.ends_with(name)).unwrap().1);
    zipped(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

const ALL: CodeChecks = CodeChecks {
    signature: Some(true),
    program: Some(true),
    info_plist: Some(true),
    resource_list: Some(true),
    profile: Some(true),
    certificate_in_profile: Some(true),
};

#[test]
fn an_app_tells_who_signed_it_and_all_of_it_fits() {
    let facts = read(SIGNED_APP);
    let signature = facts.signature.unwrap();
    assert_eq!((signature.kind, signature.checks), (SignatureKind::InHouse, ALL));
    assert_eq!((signature.team_id.as_str(), signature.identifier.as_str()), ("A1B2C3D4E5", "school.example.field"));
    assert_eq!(signature.application_identifier, "A1B2C3D4E5.school.example.field");
    assert_eq!(signature.entitlements, ["application-identifier", "com.apple.developer.team-identifier", "get-task-allow"]);
    assert!(!signature.is_debuggable && !signature.is_encrypted);
    let certificate = signature.certificate.unwrap();
    assert_eq!(certificate.name, "iPhone Distribution: Example School (A1B2C3D4E5)");
    assert_eq!((certificate.organisation.as_str(), certificate.team_id.as_str()), ("Example School", "A1B2C3D4E5"));
    assert_eq!(certificate.issuers, ["Developer Relations of a test"]);
    assert_eq!(certificate.starts_at, Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    assert_eq!(certificate.ends_at, Timestamp::parse("2028-12-31T23:59:59Z").unwrap());
    assert_eq!(facts.provisioning.unwrap().certificates, std::slice::from_ref(&certificate.fingerprint));
    // The one thing that is wrong with it.
    assert!(facts.warnings.len() == 1 && !certificate.is_apples, "{:?}", facts.warnings);
    assert!(facts.warnings[0].contains("which is no certificate of Apple's"), "{:?}", facts.warnings);
}

#[test]
fn every_program_is_known_by_what_another_tool_says() {
    let said: Vec<_> = KNOWN_BY.lines().map(|line| line.split_once(' ').unwrap()).collect();
    for (name, bytes) in [("signed", SIGNED_APP), ("universal", UNIVERSAL), ("linked", LINKED), ("development", DEVELOPMENT)] {
        assert!(said.contains(&(name, signature(bytes).cdhash.as_str())), "{name}");
    }
}

#[test]
fn openssl_finds_the_signed_message_sound_too() {
    let program = program(SIGNED_APP);
    let image = find(&program[..], 0).unwrap();
    let parts = Parts::read(&image.signature).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("message"), parts.message.unwrap()).unwrap();
    let verdict = |directory: &[u8]| {
        std::fs::write(path("directory"), directory).unwrap();
        let (message, directory) = (path("message"), path("directory"));
        let words =
            ["cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", &message, "-content", &directory, "-out", "/dev/null"];
        Command::new("openssl").args(words).output().map(|said| said.status.success())
    };
    let Ok(sound) = verdict(parts.signed) else { return eprintln!("SKIPPED: openssl is absent") };
    assert!(sound && !verdict(&parts.signed[1..]).unwrap());
}

#[test]
fn of_a_program_for_several_processors_the_part_for_devices_is_judged_by_the_stronger_digests() {
    let facts = read(UNIVERSAL);
    let signature = facts.signature.unwrap();
    assert_eq!((signature.kind, signature.checks, facts.warnings.len()), (SignatureKind::InHouse, ALL, 1));
    // The first directory of it is by SHA-1. The second one is tied to the signature by an attribute alone.
    let program = program(UNIVERSAL);
    let image = find(&program[..], 0).unwrap();
    let parts = Parts::read(&image.signature).unwrap();
    assert!(image.from > 0 && parts.best().unwrap().raw != parts.signed);
    let at = program.windows(parts.best().unwrap().raw.len()).position(|window| window == parts.best().unwrap().raw).unwrap();
    let changed = self::with(UNIVERSAL, PROGRAM, |bytes| bytes[at + 100] ^= 1);
    assert_eq!(self::signature(&changed).checks.signature, Some(false));
    // A change to the part for the simulator is no matter to devices.
    let other = self::with(UNIVERSAL, PROGRAM, |bytes| bytes[0x2000] ^= 1);
    assert_eq!(self::signature(&other).checks, ALL);
}

#[test]
fn what_the_linker_signed_has_no_certificate_and_no_device_opens_it() {
    let facts = read(LINKED);
    let signature = facts.signature.unwrap();
    assert_eq!((signature.kind, signature.certificate, signature.checks.program), (SignatureKind::NoCertificate, None, Some(true)));
    assert!(facts.warnings.len() == 1 && facts.warnings[0].contains("signed without a certificate"), "{:?}", facts.warnings);
}

#[test]
fn a_build_for_development_by_somebody_else_is_told_in_all_that_is_wrong_with_it() {
    let facts = read(DEVELOPMENT);
    let signature = facts.signature.unwrap();
    assert_eq!((signature.kind, signature.is_debuggable), (SignatureKind::Development, true));
    assert_eq!(signature.checks, CodeChecks { certificate_in_profile: Some(false), ..ALL });
    let told = facts.warnings.join("\n");
    for words in [
        "signed by “Apple Development: Kim Doe (Z9Y8X7W6V5)”, which is no certificate of Apple's",
        "the provisioning profile inside does not name that certificate",
        "a build for development",
        "signed as school.example.other, and its Info.plist calls it school.example.field",
        "and the provisioning profile inside is of the team A1B2C3D4E5",
        "does not grant (aps-environment)",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(facts.warnings.len(), 6, "{told}");
}

#[test]
fn every_change_after_the_signature_is_found_where_it_was_made() {
    let length = find(&program(SIGNED_APP)[..], 0).unwrap().signed_bytes.unwrap() as usize;
    for at in [length - 1, length / 2, 5000] {
        let changed = with(SIGNED_APP, PROGRAM, |bytes| bytes[at] ^= 1);
        assert_eq!(signature(&changed).checks, CodeChecks { program: Some(false), ..ALL }, "{at}");
        assert!(read(&changed).warnings[0].contains("changed or damaged after it was signed"));
    }
    let told = |changed: &[u8], checks: CodeChecks, words: &str| {
        assert_eq!(signature(changed).checks, checks, "{words}");
        assert!(read(changed).warnings.iter().any(|told| told.contains(words)), "{words}: {:?}", read(changed).warnings);
    };
    let blank = |bytes: &mut Vec<u8>| bytes.push(b'\n');
    told(&with(SIGNED_APP, "Info.plist", blank), CodeChecks { info_plist: Some(false), ..ALL }, "Info.plist was changed");
    let list = CodeChecks { resource_list: Some(false), ..ALL };
    told(&with(SIGNED_APP, "CodeResources", blank), list, "list of its files was changed");
    let files = unpacked(SIGNED_APP);
    let kept = files.iter().filter(|(name, _)| !name.ends_with("CodeResources")).map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let gone = zipped(&kept.collect::<Vec<_>>());
    told(&gone, CodeChecks { profile: None, ..list }, "or taken away");
    let other = unpacked(DEVELOPMENT).into_iter().find(|(name, _)| name.ends_with(".mobileprovision")).unwrap().1;
    let swapped = with(SIGNED_APP, ".mobileprovision", |bytes| other.clone_into(bytes));
    told(&swapped, CodeChecks { profile: Some(false), ..ALL }, "was put in place after the app was signed");
    // Entitlements that were not signed: a debugger would get in.
    let at = program(SIGNED_APP).windows(22).position(|window| window == b"get-task-allow</key>\n\t").unwrap();
    let allowed = with(SIGNED_APP, PROGRAM, |bytes| {
        bytes[at..at + 14].copy_from_slice(b"get-tusk-allow");
    });
    told(&allowed, CodeChecks { signature: Some(false), ..ALL }, "changed or damaged");
}

/// The program with another signed message in the room that its signature has at the end.
fn with_message(program: &[u8], message: &[u8]) -> Vec<u8> {
    let image = find(program, 0).unwrap();
    let parts = Parts::read(&image.signature).unwrap();
    let old = parts.message.unwrap();
    let at = program.windows(old.len()).position(|window| window == old).unwrap();
    let from = (image.from + image.signed_bytes.unwrap()) as usize;
    let mut changed = program.to_vec();
    changed[at..].fill(0);
    changed[at..at + message.len()].copy_from_slice(message);
    changed[at - 4..at].copy_from_slice(&(message.len() as u32 + 8).to_be_bytes());
    changed[from + 4..from + 8].copy_from_slice(&((at + message.len() - from) as u32).to_be_bytes());
    changed
}

#[test]
fn a_message_that_signs_something_else_proves_nothing() {
    let whole = program(SIGNED_APP);
    let image = find(&whole[..], 0).unwrap();
    let directory = Parts::read(&image.signature).unwrap().signed.to_vec();
    let issuer = issue::root("Developer Relations of a test", Timestamp::from_seconds(1_790_000_000)).unwrap();
    let attached = cms::sign(issuer.signer(), b"something else", &cms::SignOptions::default()).unwrap();
    let judged = signature_of_program(&with_message(&whole, &attached)).unwrap();
    assert_eq!((judged.checks.signature, judged.kind), (Some(false), SignatureKind::Other));
    // The same signer's message over this very directory is sound, attached or not.
    let right = cms::sign(issuer.signer(), &directory, &cms::SignOptions::default()).unwrap();
    let judged = signature_of_program(&with_message(&whole, &right)).unwrap();
    assert_eq!((judged.checks.signature, judged.checks.program), (Some(true), Some(true)));
    // What is no message at all cannot be judged, and is said so.
    let judged = signature_of_program(&with_message(&whole, b"nonsense")).unwrap();
    assert_eq!((judged.checks.signature, judged.certificate), (None, None));
}

/// A program that nobody signed, with this load command.
fn bare(command: &[u8]) -> Vec<u8> {
    let word = |number: u32| number.to_le_bytes();
    let head = [[0xcf, 0xfa, 0xed, 0xfe], word(0x0100_000c), word(0), word(2), word(1), word(command.len() as u32), word(0), word(0)];
    [head.concat(), command.to_vec(), vec![0; 100]].concat()
}

fn command(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_program_without_a_signature_is_told_and_one_that_the_store_encrypted_too() {
    let plain = signature_of_program(&bare(&command(&[0x1b, 8]))).unwrap();
    assert_eq!((plain.kind, plain.is_encrypted), (SignatureKind::Unsigned, false));
    assert!(signature_of_program(&bare(&command(&[0x2c, 24, 0x4000, 0x4000, 1, 0]))).unwrap().is_encrypted);
    assert!(!signature_of_program(&bare(&command(&[0x2c, 24, 0x4000, 0x4000, 0, 0]))).unwrap().is_encrypted);
    let unsigned = read(&with(LINKED, PROGRAM, |bytes| *bytes = bare(&command(&[0x1b, 8]))));
    assert_eq!(unsigned.signature.unwrap().kind, SignatureKind::Unsigned);
    assert!(unsigned.warnings.len() == 1 && unsigned.warnings[0].contains("Nobody signed the app"), "{:?}", unsigned.warnings);
}

#[test]
fn what_is_no_program_for_devices_is_named() {
    let fault = |bytes: &[u8]| find(bytes, 0).unwrap_err();
    let wide = |magic: [u8; 4], count: u32, more: &[u8]| [&magic[..], &count.to_be_bytes(), more].concat();
    let slices = |count: u32| wide([0xca, 0xfe, 0xba, 0xbe], count, &vec![0; 20 * count as usize]);
    for (bytes, wanted) in [
        (b"#!/bin/sh\n".to_vec(), Fault::NoProgram),
        (slices(0), Fault::NoProgram),
        (slices(SLICES_MAX), Fault::OtherProcessor),
        (slices(SLICES_MAX + 1), Fault::NoProgram),
        (wide([0xca, 0xfe, 0xba, 0xbf], 1, &[0; 32]), Fault::OtherProcessor),
        ([&[0xce, 0xfa, 0xed, 0xfe][..], &[0; 40]].concat(), Fault::OtherProcessor),
        ([&[0xcf, 0xfa, 0xed, 0xfe][..], &[7; 40]].concat(), Fault::OtherProcessor),
        (b"\xcf\xfa".to_vec(), Fault::Damaged),
        (bare(&command(&[0x1d, 16, 0x4000, 4])), Fault::Damaged),
        (bare(&command(&[0x1d, 16, 8, 4])), Fault::Damaged),
        (bare(&command(&[0x1d, 4])), Fault::Damaged),
        (bare(&command(&[0x1d, 16, 60, SIGNATURE_MAX_BYTES as u32 + 1])), Fault::TooLarge),
        (bare(&vec![0; COMMANDS_MAX_BYTES as usize + 1]), Fault::TooLarge),
    ] {
        assert_eq!(fault(&bytes), wanted, "{bytes:?}");
    }
    let other = read(&with(LINKED, PROGRAM, |bytes| *bytes = slices(2)));
    assert!(other.signature.is_none() && other.warnings[0].contains("64-bit ARM"), "{:?}", other.warnings);
    let gone = read(&with(LINKED, "Info.plist", |bytes| {
        let at = bytes.windows(23).position(|window| window == b"<string>Field</string>\n").unwrap();
        bytes[at + 8] = b'Y';
    }));
    assert!(gone.warnings.iter().all(|told| !told.contains("There is no program")) || gone.signature.is_none());
}

/// A program whose parts are for these sorts of 64-bit ARM.
fn universal(parts: &[(u32, &[u8])]) -> Vec<u8> {
    const PAGE: usize = 0x4000;
    let (mut head, mut bodies) = ([&[0xca, 0xfe, 0xba, 0xbe][..], &(parts.len() as u32).to_be_bytes()].concat(), Vec::new());
    for (subtype, part) in parts {
        let from = (PAGE + bodies.len()) as u32;
        head.extend([0x0100_000c, *subtype, from, part.len() as u32, 14].iter().flat_map(|word: &u32| word.to_be_bytes()));
        bodies.extend_from_slice(part);
        bodies.resize(bodies.len().next_multiple_of(PAGE), 0);
    }
    head.resize(PAGE, 0);
    [head, bodies].concat()
}

#[test]
fn every_part_for_todays_devices_has_to_fit() {
    const EVERY: u32 = 0;
    // arm64e, and the same with what its highest byte says of pointers.
    const NEWER: u32 = 0x8000_0002;
    let (whole, mut changed) = (program(SIGNED_APP), program(SIGNED_APP));
    changed[0x100] ^= 1;
    let checks = |parts: &[(u32, &[u8])]| signature_of_program(&universal(parts)).unwrap().checks;
    let alone = signature_of_program(&whole).unwrap().checks;
    assert_eq!((alone.signature, alone.program), (Some(true), Some(true)));
    assert_eq!(checks(&[(EVERY, &whole), (NEWER, &whole)]), alone);
    assert_eq!(checks(&[(EVERY, &whole), (NEWER, &changed)]).program, Some(false));
    assert_eq!(checks(&[(EVERY, &changed), (NEWER, &whole)]).program, Some(false));
    // Each fits by itself, and they are not of one app.
    assert_eq!(checks(&[(EVERY, &whole), (NEWER, &program(LINKED))]).signature, Some(false));
    let fault = |parts: &[(u32, &[u8])]| find(&universal(parts)[..], 0).unwrap_err();
    assert_eq!(fault(&[(EVERY, &whole), (EVERY, &whole)]), Fault::Damaged, "two for the same devices");
    assert_eq!(fault(&[(EVERY, &whole), (1, &whole), (2, &whole)]), Fault::Damaged, "more than there are sorts");
    let told = read(&with(SIGNED_APP, PROGRAM, |bytes| *bytes = universal(&[(EVERY, &whole), (NEWER, &changed)])));
    assert!(told.warnings.iter().any(|warning| warning.contains("was changed or damaged")), "{:?}", told.warnings);
}

#[test]
fn a_program_that_is_too_large_is_not_looked_at_and_that_is_said() {
    let mut bytes = LINKED.to_vec();
    // The directory's entry of the program: its length unfolded stands 22 bytes before its name.
    let name = "/Field é.app/Field".as_bytes();
    let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap() - "Payload".len();
    bytes[at - 22..at - 18].copy_from_slice(&(PROGRAM_MAX_BYTES as u32 + 1).to_le_bytes());
    let facts = read(&bytes);
    assert!(facts.signature.is_none() && facts.warnings[0].contains("larger than 1 GiB"), "{:?}", facts.warnings);
}

#[test]
fn a_signature_names_no_more_parts_than_any_real_one() {
    let many = |count: u32| {
        let length = 12 + 8 * count;
        let head = [0xfade_0cc0_u32, length, count].map(u32::to_be_bytes).concat();
        // Every part is the whole itself, which is no directory.
        [head, vec![0; 8 * count as usize]].concat()
    };
    assert!(Parts::read(&many(BLOBS_MAX)).is_none() && Parts::read(&many(BLOBS_MAX + 1)).is_none());
    let image = find(&program(SIGNED_APP)[..], 0).unwrap();
    let widened = |count: u32| {
        let mut bytes = image.signature.clone();
        bytes[8..12].copy_from_slice(&count.to_be_bytes());
        Parts::read(&bytes).is_some()
    };
    assert!(widened(5) && !widened(BLOBS_MAX + 1) && !widened(u32::MAX));
}

#[test]
fn no_bit_of_what_was_signed_can_be_turned_unseen() {
    let whole = program(SIGNED_APP);
    let image = find(&whole[..], 0).unwrap();
    let from = image.signed_bytes.unwrap() as usize;
    let parts = Parts::read(&image.signature).unwrap();
    let directory = from + image.signature.windows(parts.signed.len()).position(|window| window == parts.signed).unwrap();
    for at in (0..directory + parts.signed.len()).step_by(61).chain(directory..directory + parts.signed.len()) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        let judged = signature_of_program(&changed);
        let fits = judged.is_some_and(|judged| (judged.checks.signature, judged.checks.program) == (Some(true), Some(true)));
        // The index of the parts is not signed; whatever is done to it leads to the same parts, or to others.
        assert!(!fits || (from..directory).contains(&at), "{at}");
    }
}

#[test]
fn cut_short_or_with_a_bit_flipped_a_program_is_judged_or_not_and_nothing_else() {
    for whole in [program(SIGNED_APP), program(UNIVERSAL), program(LINKED)] {
        for end in (0..whole.len()).step_by(911).chain(0..300) {
            let _ = signature_of_program(&whole[..end]);
        }
        let image = find(&whole[..], 0).unwrap();
        let from = (image.from + image.signed_bytes.unwrap()) as usize;
        for at in (0..1200).chain((from..whole.len()).step_by(3)) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            let _ = signature_of_program(&changed);
        }
    }
    for whole in [SIGNED_APP, UNIVERSAL, LINKED, DEVELOPMENT] {
        for at in (0..whole.len()).step_by(37) {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1 << (at % 8);
            let _: Result<Package, _> = crate::protocol::package::read(Cursor::new(&damaged), damaged.len() as u64);
        }
    }
}
