//! Profiles as captured, as made here, signed, damaged, and wrong.

use super::*;
use crate::protocol::plist::{Value, to_binary, to_xml};
use crate::secret::Secret;
use crate::testing::mutations;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// A payload of a profile that a test makes; its PayloadUUID comes from its identifier.
pub(crate) fn payload(payload_type: &str, identifier: &str, keys: &[(&str, Value)]) -> Dictionary {
    let mut payload = enrollment::payload(payload_type, identifier, uuid_of(identifier), "");
    payload.remove("PayloadDisplayName");
    payload.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    payload
}

/// A profile that a test makes, as XML.
pub(crate) fn profile(identifier: &str, payloads: &[Dictionary]) -> Vec<u8> {
    profile_with(identifier, &[], payloads)
}

/// A profile that a test makes, with further keys of its own.
pub(crate) fn profile_with(identifier: &str, keys: &[(&str, Value)], payloads: &[Dictionary]) -> Vec<u8> {
    let mut profile = enrollment::payload("Configuration", identifier, uuid_of(identifier), identifier);
    profile.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    profile.insert("PayloadContent".into(), Value::Array(payloads.iter().cloned().map(Value::Dictionary).collect()));
    to_xml(&Value::Dictionary(profile)).unwrap()
}

/// The same content, signed by somebody.
pub(crate) fn signed(content: &[u8]) -> Vec<u8> {
    let key = crate::pki::key::PrivateKey::generate_p256().unwrap();
    let (lifetime, now) = (std::time::Duration::from_secs(86_400), crate::clock::Timestamp::from_seconds(1_795_577_349));
    let signer = crate::pki::issue::self_signed("Example School", &key, lifetime, now).unwrap();
    crate::pki::cms::sign(&signer, content, &crate::pki::cms::SignOptions::default()).unwrap()
}

fn uuid_of(text: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&crate::pki::digest::sha256(text.as_bytes())[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn scep(challenge: &str) -> Identity {
    Identity::Scep(Scep {
        url: "https://mdm.example.school/scep".into(),
        name: "rollcall".into(),
        subject: vec![("O".into(), "Example School".into()), ("CN".into(), "device".into())],
        challenge: Secret::new(challenge.into()),
        ca_fingerprint: None,
    })
}

fn enrollment() -> EnrollmentProfile {
    EnrollmentProfile {
        identifier: "school.example.rollcall.enroll".into(),
        display_name: "Example School".into(),
        organization: "Example & Sons <School>".into(),
        description: Some("Lets the school manage this device.".into()),
        uuids: PayloadUuids {
            profile: Uuid::from_u128(1),
            identity: Uuid::from_u128(2),
            mdm: Uuid::from_u128(3),
            roots: vec![Uuid::from_u128(4), Uuid::from_u128(5)],
        },
        roots: vec![vec![0x30, 1], vec![0x30, 2]],
        identity: scep("one-time"),
        topic: TOPIC.into(),
        server_url: "https://mdm.example.school/mdm/connect".into(),
        check_in_url: "https://mdm.example.school/mdm/checkin".into(),
        access_rights: ALL_RIGHTS,
        per_user: true,
        removal_disallowed: false,
        target: None,
        account: None,
    }
}

fn payload_of<'a>(profile: &'a Profile, payload_type: &str) -> &'a Dictionary {
    &profile.payloads.iter().find(|payload| payload.payload_type == payload_type).unwrap().keys
}

#[test]
fn the_enrollment_profile_has_every_key_that_devices_want() {
    let bytes = build(&enrollment()).unwrap();
    let profile = read(&bytes).unwrap();
    assert_eq!(profile.identifier, "school.example.rollcall.enroll");
    assert_eq!(profile.organization.as_deref(), Some("Example & Sons <School>"));
    assert_eq!(profile.scope.as_deref(), Some("System"));
    assert!(matches!(profile.signature, Signature::None));
    let types: Vec<_> = profile.payloads.iter().map(|payload| payload.payload_type.as_str()).collect();
    // Certificates, then the identity, then what uses it.
    assert_eq!(types, ["com.apple.security.root", "com.apple.security.root", "com.apple.security.scep", "com.apple.mdm"]);

    let mdm = payload_of(&profile, "com.apple.mdm");
    assert_eq!(fields::text(mdm, "IdentityCertificateUUID"), Some("00000000-0000-0000-0000-000000000002"));
    assert_eq!(fields::text(mdm, "Topic"), Some(TOPIC));
    assert_eq!(fields::text(mdm, "ServerURL"), Some("https://mdm.example.school/mdm/connect"));
    assert_eq!(fields::text(mdm, "CheckInURL"), Some("https://mdm.example.school/mdm/checkin"));
    assert_eq!(mdm.get("AccessRights"), Some(&Value::Integer(8191.into())));
    assert_eq!(mdm.get("SignMessage"), Some(&Value::Boolean(true)));
    assert_eq!(mdm.get("CheckOutWhenRemoved"), Some(&Value::Boolean(true)));
    assert_eq!(
        fields::texts(mdm, "ServerCapabilities"),
        ["com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken", "com.apple.mdm.token"]
    );

    let scep = fields::dictionary(payload_of(&profile, "com.apple.security.scep"), "PayloadContent").unwrap();
    assert_eq!(fields::text(scep, "Challenge"), Some("one-time"));
    assert_eq!(scep.get("Keysize"), Some(&Value::Integer(2048.into())));
    assert_eq!(scep.get("Key Usage"), Some(&Value::Integer(5.into())));
    assert_eq!(fields::text(scep, "Key Type"), Some("RSA"));
    let subject = scep.get("Subject").unwrap().as_array().unwrap();
    assert_eq!(subject[1], Value::Array(vec![Value::Array(vec![Value::String("CN".into()), Value::String("device".into())])]));
}

#[test]
fn an_identity_by_acme_stands_where_the_one_by_scep_does_and_asks_for_an_attested_key() {
    let mut profile = enrollment();
    let acme = |directory_url: &str| {
        let (client_identifier, subject) = (Secret::new("one-time".into()), vec![("CN".into(), "device".into())]);
        Identity::Acme(Acme { directory_url: directory_url.into(), client_identifier, subject, attest: true })
    };
    profile.identity = acme("https://mdm.example.school/acme/directory");
    let read = read(&build(&profile).unwrap()).unwrap();
    let types: Vec<_> = read.payloads.iter().map(|payload| payload.payload_type.as_str()).collect();
    assert_eq!(types, ["com.apple.security.root", "com.apple.security.root", "com.apple.security.acme", "com.apple.mdm"]);
    let keys = payload_of(&read, "com.apple.security.acme");
    assert_eq!(fields::text(keys, "PayloadUUID"), fields::text(payload_of(&read, "com.apple.mdm"), "IdentityCertificateUUID"));
    // Apple's schema, com.apple.security.acme: the keys that are required, and what a key of the Secure Enclave needs.
    assert_eq!(fields::text(keys, "DirectoryURL"), Some("https://mdm.example.school/acme/directory"));
    assert_eq!((fields::text(keys, "ClientIdentifier"), fields::text(keys, "KeyType")), (Some("one-time"), Some("ECSECPrimeRandom")));
    assert_eq!(
        (fields::whole(keys, "KeySize"), fields::flag(keys, "HardwareBound"), fields::flag(keys, "Attest")),
        (Some(256), Some(true), Some(true))
    );
    let subject = keys.get("Subject").unwrap().as_array().unwrap();
    assert_eq!(subject[0], Value::Array(vec![Value::Array(vec![Value::String("CN".into()), Value::String("device".into())])]));
    profile.identity = acme("http://mdm.example.school/acme/directory");
    assert!(build(&profile).is_err());
}

#[test]
fn a_renewal_differs_in_its_challenge_and_uuids_alone() {
    let mut renewal = enrollment();
    renewal.identity = scep("another");
    let (first, second) = (read(&build(&enrollment()).unwrap()).unwrap(), read(&build(&renewal).unwrap()).unwrap());
    assert_eq!(first.identifier, second.identifier);
    assert_eq!(payload_of(&first, "com.apple.mdm"), payload_of(&second, "com.apple.mdm"));
    assert_ne!(payload_of(&first, "com.apple.security.scep"), payload_of(&second, "com.apple.security.scep"));
}

#[test]
fn a_persons_own_device_gets_no_rights_and_an_account() {
    let mut profile = enrollment();
    profile.account = Some(AccountDriven { managed_account: "kim@example.school".into(), is_own_device: true });
    profile.access_rights = 0;
    let read = read(&build(&profile).unwrap()).unwrap();
    let mdm = payload_of(&read, "com.apple.mdm");
    assert!(!mdm.contains_key("AccessRights"));
    assert_eq!(
        (fields::text(mdm, "EnrollmentMode"), fields::text(mdm, "AssignedManagedAppleID")),
        (Some("BYOD"), Some("kim@example.school"))
    );
}

#[test]
fn options_for_kinds_of_devices_stand_on_the_outside() {
    let mut profile = enrollment();
    (profile.target, profile.removal_disallowed) = (Some(TargetDevice::Mac), true);
    let keys = plist::parse_dictionary(&build(&profile).unwrap()).unwrap();
    assert_eq!(keys.get("TargetDeviceType"), Some(&Value::Integer(5.into())));
    assert_eq!(keys.get("PayloadRemovalDisallowed"), Some(&Value::Boolean(true)));
}

#[test]
fn what_devices_would_refuse_is_not_made() {
    type Change = fn(&mut EnrollmentProfile);
    let changes: [Change; 6] = [
        |profile| profile.server_url = "http://mdm.example.school/mdm".into(),
        |profile| profile.access_rights = 0,
        |profile| profile.access_rights = 8192,
        |profile| profile.access_rights = 2,
        |profile| profile.access_rights = 128 + 1,
        |profile| profile.uuids.roots.clear(),
    ];
    for change in changes {
        let mut profile = enrollment();
        change(&mut profile);
        assert!(matches!(build(&profile), Err(ProfileError::Refused(_))), "{profile:?}");
    }
}

#[test]
fn the_challenge_does_not_show_in_debug() {
    assert!(!format!("{:?}", enrollment()).contains("one-time"));
}

#[test]
fn captured_profiles_are_read() {
    let Some(shared) = crate::shared_for_tests() else { return };
    for (name, identifier, payloads) in [
        ("profile/scep.mobileconfig", "com.example.scep", 1),
        ("profile/test.mobileconfig", "", 2),
        ("conversations/enrol.mobileconfig", "", 2),
    ] {
        let bytes = std::fs::read(shared.join("captures").join(name)).unwrap();
        let profile = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(profile.identifier.starts_with(identifier) && profile.payloads.len() == payloads, "{name}: {profile:?}");
        for damaged in mutations(&bytes) {
            let Ok(other) = read(&damaged) else { continue };
            let _ = (facts::Facts::of(&other), variables::find(&other.keys), diff::diff(&profile, &other));
            let end = finish::Finish { ends_at: Some(crate::clock::Timestamp::from_seconds(1)), ..finish::Finish::default() };
            let _ = end.apply(&damaged, &[0; 32]);
        }
    }
}

#[test]
fn a_signed_profile_is_read_with_its_signer() {
    use crate::pki::cms::{SignOptions, sign};
    let key = crate::pki::key::PrivateKey::generate_p256().unwrap();
    let lifetime = std::time::Duration::from_secs(86_400);
    let signer =
        crate::pki::issue::self_signed("Example School", &key, lifetime, crate::clock::Timestamp::from_seconds(1_795_577_349)).unwrap();
    let content = build(&enrollment()).unwrap();
    let signed = sign(&signer, &content, &SignOptions::default()).unwrap();
    let profile = read(&signed).unwrap();
    assert!(matches!(&profile.signature, Signature::Valid(certificate) if certificate.der() == signer.certificate().der()));
    // A changed byte of the content leaves the profile readable, its signature not.
    let at = signed.windows(8).position(|window| window == b"one-time").unwrap();
    let mut changed = signed.clone();
    changed[at] ^= 1;
    assert!(matches!(read(&changed).unwrap().signature, Signature::Doubtful(_)));
    assert!(matches!(read(&signed[..signed.len() / 2]), Err(ProfileError::NoContent(_))));
}

#[test]
fn what_is_no_profile_is_named() {
    let encoded = |bytes: &[u8]| STANDARD.encode(bytes).into_bytes();
    let profile = build(&enrollment()).unwrap();
    assert_eq!(read(&encoded(&profile)).unwrap_err(), ProfileError::EncodedTwice);
    let value = plist::parse_value(&profile).unwrap();
    assert_eq!(read(&encoded(&to_binary(&value).unwrap())).unwrap_err(), ProfileError::EncodedTwice);
    assert!(read(&to_binary(&value).unwrap()).is_ok());
    assert!(matches!(read(b"hello").unwrap_err(), ProfileError::Plist(PlistError::NotPlist)));
    assert!(matches!(read(&[0x30, 0x03, 0x02, 0x01, 0x01]).unwrap_err(), ProfileError::NoContent(_)));

    let change = |key: &str, change: &dyn Fn(&mut Dictionary)| {
        let mut keys = value.clone().into_dictionary().unwrap();
        change(&mut keys);
        (key.to_owned(), read(&to_xml(&Value::Dictionary(keys)).unwrap()).unwrap_err())
    };
    assert_eq!(change("type", &|keys| drop(keys.insert("PayloadType".into(), Value::String("x".into())))).1, ProfileError::NotAProfile);
    for key in ["PayloadIdentifier", "PayloadUUID", "PayloadContent"] {
        let (key, error) = change(key, &|keys| drop(keys.remove(key)));
        assert_eq!(error, ProfileError::Missing(key));
    }
    let twice = change("twice", &|keys| {
        let content = keys.get_mut("PayloadContent").unwrap().as_array_mut().unwrap();
        let first = content[0].clone();
        content.push(first);
    });
    assert!(matches!(twice.1, ProfileError::Duplicate { key: "PayloadUUID", .. }));
}
