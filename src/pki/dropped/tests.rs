//! Every file that people drop on the wrong page, made as its portal or program makes it, and what it is called.

use std::io::Write as _;

use super::*;
use crate::clock::Timestamp;
use crate::pki::cms::{self, SignOptions};
use crate::pki::issue::{self, Issuer};
use crate::pki::judge::{file, openssl, path};
use crate::pki::key::PrivateKey;
use crate::pki::pem;
use crate::pki::push_request::{Applicant, certification_request};

const PROFILE: &[u8] = b"<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadContent</key><array/>\
    <key>PayloadType</key><string>Configuration</string></dict></plist>";

fn authority() -> Issuer {
    issue::root("Practice CA", Timestamp::parse("2026-11-25T08:00:00Z").unwrap()).unwrap()
}

/// What OpenSSL makes of `content` as a message signed with a key of its own.
fn signed(content: &[u8], form: &str) -> Vec<u8> {
    let key = file(&openssl(&["genpkey", "-algorithm", "RSA"], b""));
    let certificate = file(&openssl(&["req", "-x509", "-key", path(&key), "-subj", "/CN=Signer"], b""));
    openssl(&["cms", "-sign", "-nodetach", "-binary", "-outform", form, "-signer", path(&certificate), "-inkey", path(&key)], content)
}

/// A token as Apple's portal encrypts it to a certificate, as mail.
fn server_token() -> Vec<u8> {
    let certificate =
        file(&openssl(&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=Rollcall"], b""));
    openssl(
        &["cms", "-encrypt", "-aes256", "-outform", "SMIME", path(&certificate)],
        b"-----BEGIN MESSAGE-----\n{}\n-----END MESSAGE-----\n",
    )
}

fn zip(name: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).unwrap();
    archive.write_all(b"x").unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn every_file_is_named_with_the_place_where_it_belongs() {
    let authority = authority();
    let now = Timestamp::parse("2026-11-25T08:00:00Z").unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let push = authority.practice_push("com.apple.mgmt.External.a", &key, now).unwrap();
    let request =
        certification_request(&key, &Applicant { common_name: "Example School", country: "DE", email: "it@example.school" }).unwrap();
    let vendor = openssl(
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=MDM Vendor: Example School",
            "-addext",
            "basicConstraints=CA:FALSE",
        ],
        b"",
    );
    let (certificate, private) = (file(push.to_pem().as_bytes()), file(key.to_pem().expose().as_bytes()));
    let store = openssl(&["pkcs12", "-export", "-in", path(&certificate), "-inkey", path(&private), "-passout", "pass:x"], b"");
    let token = pem::encode(br#"{"token":"AAAA","expDate":"2027-11-25T08:00:00+0000","orgName":"Example School"}"#);
    let folded = token.as_bytes().chunks(64).collect::<Vec<_>>().join(&b'\n');
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("name;class\nAda;7a\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let table: Vec<(Vec<u8>, &str, Option<Place>)> = vec![
        (token.clone().into_bytes(), "a content token of Apps and Books (.vpptoken)", Some(Place::AppsAndBooks)),
        (folded, "a content token of Apps and Books (.vpptoken)", Some(Place::AppsAndBooks)),
        (br#"{"token":"AAAA","expDate":"x"}"#.to_vec(), "the inside of a content token", None),
        (server_token(), "a server token of Automated Device Enrollment (.p7m)", Some(Place::DeviceLists)),
        (br#"{"consumer_key":"CK","access_token":"AT"}"#.to_vec(), "the inside of a server token", None),
        (PROFILE.to_vec(), "a configuration profile (.mobileconfig)", Some(Place::Profiles)),
        (signed(PROFILE, "DER"), "a signed configuration profile (.mobileconfig)", Some(Place::Profiles)),
        (signed(PROFILE, "PEM"), "a signed configuration profile (.mobileconfig)", Some(Place::Profiles)),
        (
            signed(b"<plist><dict><key>ProvisionedDevices</key><array/><key>TeamIdentifier</key><array/></dict></plist>", "DER"),
            "a provisioning profile (.mobileprovision)",
            Some(Place::Provisioning),
        ),
        (b"xar!\x00\x1c".to_vec(), "an installer package for Macs (.pkg)", Some(Place::OwnApps)),
        (zip("Payload/Field.app/Info.plist"), "an app (.ipa)", Some(Place::OwnApps)),
        (zip("users.csv"), "a ZIP archive with tables of people and classes (OneRoster)", Some(Place::People)),
        (zip("token.vpptoken"), "a ZIP archive", None),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj <html>".to_vec(), "a PDF document", None),
        (b"\x89PNG\r\n\x1a\n\x00".to_vec(), "a picture", None),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF".to_vec(), "a picture", None),
        ("name,class\nÄnne,7a\nBo,7b\n".as_bytes().to_vec(), "a table (CSV)", Some(Place::People)),
        (utf16, "a table (CSV)", Some(Place::People)),
        (b"<!DOCTYPE html><html></html>".to_vec(), "a web page", None),
        (b"<plist version=\"1.0\"><dict/></plist>".to_vec(), "a property list", None),
        (br#"{"a":1}"#.to_vec(), "JSON", None),
        (b"not a certificate, you see".to_vec(), "a text", None),
        (push.to_pem().into_bytes(), "a push certificate", Some(Place::Push)),
        (format!("{}{}", push.to_pem(), key.to_pem().expose()).into_bytes(), "a push certificate with a key", Some(Place::Push)),
        (key.to_pem().expose().clone().into_bytes(), "a private key", None),
        (store, "a locked PKCS#12 file", None),
        (vendor, "an MDM vendor certificate (CN=MDM Vendor: Example School)", Some(Place::Push)),
        (authority.certificate().der().to_vec(), "the certificate of an authority (CN=Practice CA)", None),
        (openssl(&["req", "-inform", "DER"], &request), "a certification request (.csr)", Some(Place::Push)),
        (request, "a certification request (.csr)", Some(Place::Push)),
        (openssl(&["pkey", "-pubout"], key.to_pem().expose().as_bytes()), "a public key", None),
        (cms::certs_only(&[push]).unwrap(), "a bundle of certificates (PKCS#7)", None),
        (b"-----BEGIN CERTIFICATE-----\nAAAA".to_vec(), "damaged or incomplete", None),
        (b" \r\n".to_vec(), "empty", None),
    ];
    for (file, what, place) in table {
        let named = name(&file).unwrap_or_else(|| panic!("{what}"));
        assert!(named.what.starts_with(what) && named.place == place, "{what}: {named:?}");
        assert!(named.place.is_none() || !named.remedy.is_empty(), "{named:?}");
        let told = Place::told_in(&named.sentences());
        assert!(place.is_none_or(|place| told == Some(place)), "its words lead there: {named:?}");
    }
}

#[test]
fn what_nobody_knows_has_no_name_and_what_is_wanted_is_not_named() {
    assert_eq!(name(b"\x00\x01\x02"), None);
    assert_eq!(name(&vec![0; 3 << 20]), None);
    let mut large = b"PK\x03\x04".to_vec();
    large.resize(3 << 20, 0);
    assert_eq!(name(&large).unwrap().what, "a ZIP archive");
    assert_eq!(sentences(PROFILE, Place::Profiles), "");
    assert_eq!(
        sentences(PROFILE, Place::People),
        "This is a configuration profile (.mobileconfig). It belongs under Profiles and policies. "
    );
    assert_eq!(foreign(PROFILE, Place::Profiles), None);
    assert_eq!(foreign(PROFILE, Place::People).unwrap().place, Some(Place::Profiles));
    let vague: [&[u8]; 4] = [b"Dear all", &zip("letter.docx"), b" \r\n", b"\x00\x01"];
    for vague in vague {
        assert_eq!(foreign(vague, Place::People), None, "{vague:?}");
    }
    let message = cms::sign(authority().signer(), b"no property list", &SignOptions::default()).unwrap();
    assert_eq!(name(&message), None);
}
