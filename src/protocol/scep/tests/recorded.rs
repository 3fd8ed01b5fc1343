//! Conversations recorded from foreign SCEP clients, answered.

use std::path::{Path, PathBuf};

use super::*;
use crate::testing::Recorded;

fn conversations() -> Option<PathBuf> {
    Some(crate::shared_for_tests()?.join("captures/conversations"))
}

/// The recorded authority.
fn recorded_authority(folder: &Path) -> Signer {
    let certificate = Certificate::from_pem(&std::fs::read(folder.join("ca.pem")).unwrap()).unwrap();
    Signer::new(certificate, PrivateKey::from_pem(&std::fs::read(folder.join("ca.key")).unwrap(), None).unwrap()).unwrap()
}

/// What the address of a recorded request asks for.
fn operation(request: &Recorded) -> Result<Operation, ScepError> {
    let address = request.first_line.split(' ').nth(1).unwrap();
    parse_query(address.split_once('?').unwrap().1.as_bytes())
}

/// The message of a recorded PKIOperation; where it came in query and body, both are the same.
fn recorded_request(path: &Path) -> Vec<u8> {
    let recorded = Recorded::read(path);
    let Ok(Operation::PkiOperation(message)) = operation(&recorded) else { panic!("{}", path.display()) };
    let body = recorded.body;
    match message {
        Some(message) if body.is_empty() => message,
        Some(message) => {
            assert_eq!(message, body);
            body
        }
        None => body,
    }
}

/// Opens a recorded request and, where its key is there, the recorded answer; returns both.
fn exchange(folder: &Path, request_file: &str, key: Option<&str>) -> (Request, Option<Answer>) {
    let authority = recorded_authority(folder);
    let message = recorded_request(&folder.join(format!("{request_file}.request.http")));
    let opened = request(Request::open(&message, &authority, LEGACY).unwrap());
    let Some(key) = key else { return (opened, None) };
    let key = PrivateKey::from_pem(&std::fs::read(folder.join(key)).unwrap(), None).unwrap();
    let signer = Signer::new(opened.header.signer.clone(), key).unwrap();
    let reply = Recorded::read(&folder.join(format!("{request_file}.response.http"))).body;
    let asked = ClientRequest {
        message,
        transaction_id: opened.header.transaction_id.clone(),
        sender_nonce: opened.header.sender_nonce.clone().try_into().unwrap(),
    };
    let answer = asked.open(&reply, &[authority.certificate().clone()], &signer).unwrap();
    (opened, Some(answer))
}

#[test]
fn recorded_conversations_are_understood_on_both_sides() {
    use Cipher::{Aes128Cbc, Aes256Cbc, DesCbc, DesEde3Cbc};
    use Digest::{Sha1, Sha256, Sha512};
    use MessageType::{PkcsReq, RenewalReq};
    let Some(folder) = conversations() else { return };
    let challenge = |text: &str| Challenge::Text(text.to_owned());
    let good = || challenge("practice-challenge");
    let key = "certmonger/enrol-explicit-ca.key";
    for (file, key, cipher, digest, kind, expected) in [
        ("mdmb/03-device-1-scep-pkioperation", None, DesCbc, Sha1, PkcsReq, good()),
        ("mdmb/08-device-2-scep-pkioperation", None, DesCbc, Sha1, PkcsReq, good()),
        ("scepclient/03-enrol-pkioperation", Some("scepclient/client.key"), DesCbc, Sha1, PkcsReq, good()),
        ("scepclient/09-renewal-pkioperation", Some("scepclient/client.key"), DesCbc, Sha1, RenewalReq, good()),
        ("strongswan/04-des3-sha256-pkioperation", Some("strongswan/client.key"), DesEde3Cbc, Sha256, PkcsReq, good()),
        ("strongswan/06-des3-sha1-pkioperation", Some("strongswan/client.key"), DesEde3Cbc, Sha1, PkcsReq, good()),
        ("strongswan/10-aes-sha256-pkioperation", Some("strongswan/client.key"), Aes128Cbc, Sha256, PkcsReq, good()),
        ("strongswan/12-aes-sha512-pkioperation", Some("strongswan/client.key"), Aes128Cbc, Sha512, PkcsReq, good()),
        ("strongswan/16-renewal-pkioperation", Some("strongswan/client.key"), Aes128Cbc, Sha256, RenewalReq, good()),
        ("certmonger/09-enrol-pkioperation", Some("certmonger/enrol.key"), Aes256Cbc, Sha256, PkcsReq, good()),
        ("certmonger/17-enrol-explicit-ca-pkioperation", Some(key), Aes256Cbc, Sha256, PkcsReq, good()),
        ("certmonger/19-renewal-same-key-pkioperation", Some(key), Aes256Cbc, Sha256, PkcsReq, good()),
        ("certmonger/21-renewal-new-key-pkioperation", Some(key), Aes256Cbc, Sha256, PkcsReq, good()),
    ] {
        let (request, answer) = exchange(&folder, file, key);
        assert_eq!((request.cipher, request.header.digest, request.header.message_type), (cipher, digest, kind), "{file}");
        assert_eq!(request.csr.check_key(), Ok(()), "{file}");
        if kind == PkcsReq && !file.contains("renewal") {
            assert_eq!(request.csr.challenge(), expected, "{file}");
        }
        if let Some(answer) = answer {
            let Answer::Issued { certificate, .. } = answer else { panic!("{file}: {answer:?}") };
            assert_eq!(certificate.public_key_der(), request.csr.public_key_der(), "{file}");
            assert!(certificate.is_issued_by(recorded_authority(&folder).certificate()), "{file}");
        }
    }
}

#[test]
fn every_recorded_scep_exchange_is_what_its_name_says() {
    let Some(folder) = conversations() else { return };
    let authority = recorded_authority(&folder);
    let mut exchanges = 0;
    for client in ["mdmb", "scepclient", "strongswan", "certmonger"] {
        for entry in std::fs::read_dir(folder.join(client)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".request.http") else { continue };
            let request = Recorded::read(&path);
            if !request.first_line.contains(" /scep") {
                continue;
            }
            exchanges += 1;
            let response = Recorded::read(Path::new(&format!("{stem}.response.http")));
            match operation(&request).unwrap() {
                Operation::GetCaCaps => {
                    assert!(stem.ends_with("getcacaps"), "{stem}");
                    let theirs = Capabilities::parse(std::str::from_utf8(&response.body).unwrap());
                    assert_eq!((theirs.cipher(), theirs.digest() == Digest::Sha1), (Cipher::Aes128Cbc, false), "{stem}");
                }
                Operation::GetCaCert => {
                    assert!(stem.ends_with("getcacert"), "{stem}");
                    assert_eq!(ca_certificates(&response.body).unwrap(), [authority.certificate().clone()], "{stem}");
                }
                Operation::GetNextCaCert => panic!("{stem}"),
                Operation::PkiOperation(_) => {
                    assert!(stem.ends_with("pkioperation"), "{stem}");
                    let opened = request_of(&authority, &path);
                    assert!(matches!(opened.header.message_type, MessageType::PkcsReq | MessageType::RenewalReq), "{stem}");
                    assert_eq!(opened.header.message_type == MessageType::RenewalReq, renews(stem), "{stem}");
                    match opened.csr.challenge() {
                        Challenge::Text(text) => {
                            assert_eq!(text == "practice-challenge", !stem.contains("wrong-challenge"), "{stem}: {text}");
                        }
                        other => assert!(stem.contains("renewal") || stem.contains("rekey"), "{stem}: {other:?}"),
                    }
                }
            }
        }
    }
    assert_eq!(exchanges, 52);
}

/// Opens a recorded request of any client.
fn request_of(authority: &Signer, path: &Path) -> Request {
    request(Request::open(&recorded_request(path), authority, LEGACY).unwrap())
}

/// certmonger renews by a plain request that the old certificate signs.
fn renews(stem: &str) -> bool {
    stem.contains("renewal") && !stem.contains("certmonger")
}

#[test]
fn recorded_refusals_are_understood() {
    let Some(folder) = conversations() else { return };
    for (file, key) in [
        ("scepclient/06-wrong-challenge-pkioperation", "scepclient/client-wrong-challenge.key"),
        ("strongswan/08-wrong-challenge-pkioperation", "strongswan/client.key"),
        ("certmonger/11-wrong-challenge-pkioperation", "certmonger/wrong-challenge.key"),
    ] {
        let (request, answer) = exchange(&folder, file, Some(key));
        assert_eq!(answer, Some(Answer::Refused(Some(FailInfo::BadRequest))), "{file}");
        assert!(matches!(request.csr.challenge(), Challenge::Text(challenge) if challenge != "practice-challenge"), "{file}");
    }
}

#[test]
fn a_recorded_request_signed_with_pss_is_understood() {
    let Some(folder) = conversations() else { return };
    let (request, _) = exchange(&folder, "strongswan/14-aes-sha256-pss-pkioperation", None);
    assert_eq!((request.header.digest, request.cipher), (Digest::Sha256, Cipher::Aes128Cbc));
}

#[test]
fn serial_numbers_longer_than_the_standard_allows_are_read() {
    let Some(folder) = conversations() else { return };
    let (request, _) = exchange(&folder, "certmonger/09-enrol-pkioperation", None);
    assert!(request.header.signer.serial_hex().len() > 40, "{}", request.header.signer.serial_hex());
    assert!(request.header.transaction_id.len() >= 76);
}

#[test]
fn recorded_requests_of_a_real_mac_and_of_micromdm_hold_together() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let authority = authority();
    for entry in std::fs::read_dir(folder.join("captures/scep")).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        let (digest, subject) = match file.as_str() {
            "mdmclient-PKIOperation.der" => (Digest::Sha512, "CN=MDM SCEP SIGNER, C=AU"),
            "PKCSReq.der" => (Digest::Sha1, "CN=MDM SCEP SIGNER, C=US"),
            other => panic!("{other} is judged nowhere"),
        };
        let message = std::fs::read(folder.join("captures/scep").join(&file)).unwrap();
        // Their authorities' keys are not known: what can be read stands outside the envelope.
        let refused = refusal(Request::open(&message, authority.signer(), LEGACY).unwrap());
        assert_eq!((refused.header.message_type, refused.fail_info), (MessageType::PkcsReq, FailInfo::BadMessageCheck));
        assert_eq!((refused.header.digest, refused.header.signer.subject().as_str()), (digest, subject), "{file}");
        assert!(refused.answer(authority.signer(), now()).is_ok());
        for damaged in mutations(&message) {
            let _ = Request::open(&damaged, authority.signer(), LEGACY);
        }
    }
}
