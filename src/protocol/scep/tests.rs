//! SCEP messages both ways, judged by openssl.

mod recorded;

use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::pki::asn1::oid;
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms::{self, SignOptions, Signer};
use crate::pki::csr::Challenge;
use crate::pki::digest::Digest;
use crate::pki::issue::{self, Issuer};
use crate::pki::key::PrivateKey;
use crate::testing::mutations;

const DAY: Duration = Duration::from_secs(86_400);
const LEGACY: OpenOptions = OpenOptions { allow_single_des: true };

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
}

fn subject() -> Vec<(String, String)> {
    vec![("O".to_owned(), "Example School".to_owned()), ("CN".to_owned(), "TESTSN0001".to_owned())]
}

/// A device that asks for its first identity.
struct Device {
    key: PrivateKey,
    signer: Signer,
}

impl Device {
    fn new() -> Self {
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let signer = issue::self_signed("SCEP SIGNER", &key, DAY, now()).unwrap();
        Self { key, signer }
    }

    fn ask(&self, authority: &Issuer, cipher: Cipher, digest: Digest) -> ClientRequest {
        let subject = subject();
        let options = ClientOptions {
            subject: &subject,
            challenge: Some("practice-challenge"),
            message_type: MessageType::PkcsReq,
            cipher,
            digest,
            now: now(),
        };
        ClientRequest::new(&self.key, &self.signer, authority.certificate(), &options).unwrap()
    }
}

fn authority() -> Issuer {
    issue::root("Rollcall CA of example.school", now()).unwrap()
}

fn request(opened: Opened) -> Request {
    match opened {
        Opened::Request(request) => *request,
        Opened::Refused(refusal) => panic!("refused: {}", refusal.reason),
    }
}

fn refusal(opened: Opened) -> Refusal {
    match opened {
        Opened::Request(_) => panic!("not refused"),
        Opened::Refused(refusal) => *refusal,
    }
}

#[test]
fn a_device_gets_its_identity_in_every_dialect() {
    let (authority, device) = (authority(), Device::new());
    for (cipher, digest) in [
        (Cipher::Aes128Cbc, Digest::Sha256),
        (Cipher::Aes256Cbc, Digest::Sha512),
        (Cipher::DesEde3Cbc, Digest::Sha1),
        (Cipher::DesCbc, Digest::Sha1),
    ] {
        let asked = device.ask(&authority, cipher, digest);
        let request = request(Request::open(&asked.message, authority.signer(), LEGACY).unwrap());
        assert_eq!(request.header.message_type, MessageType::PkcsReq);
        assert_eq!(request.header.transaction_id, asked.transaction_id);
        assert_eq!((request.cipher, request.header.digest), (cipher, digest));
        assert_eq!(request.csr.challenge(), Challenge::Text("practice-challenge".to_owned()));
        assert_eq!(request.csr.subject(), "O=Example School, CN=TESTSN0001");

        let issued = authority.identity(&request.csr, "0193-enrollment", now()).unwrap();
        let reply = request.success(authority.signer(), &issued, now()).unwrap();
        let answer = asked.open(&reply, &[authority.certificate().clone()], &device.signer).unwrap();
        assert_eq!(answer, Answer::Issued { certificate: issued, others: vec![] });
        let verified = cms::verify(&reply, None).unwrap();
        assert_ne!(verified.digest, Digest::Sha1);
        assert_eq!(verified.digest, if digest == Digest::Sha512 { digest } else { Digest::Sha256 });
        assert_eq!(verified.signing_time, Some(now()));
    }
}

#[test]
fn an_identity_is_renewed_with_itself() {
    let (authority, device) = (authority(), Device::new());
    let asked = device.ask(&authority, Cipher::Aes128Cbc, Digest::Sha256);
    let first = request(Request::open(&asked.message, authority.signer(), LEGACY).unwrap());
    let identity = authority.identity(&first.csr, "0193-enrollment", now()).unwrap();

    let old = Signer::new(identity.clone(), device.key).unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let subject = subject();
    let options = ClientOptions {
        subject: &subject,
        challenge: None,
        message_type: MessageType::RenewalReq,
        cipher: Cipher::Aes128Cbc,
        digest: Digest::Sha256,
        now: now(),
    };
    let asked = ClientRequest::new(&key, &old, authority.certificate(), &options).unwrap();
    let renewal = request(Request::open(&asked.message, authority.signer(), LEGACY).unwrap());
    assert_eq!(renewal.header.message_type, MessageType::RenewalReq);
    assert_eq!(renewal.header.signer.fingerprint(), identity.fingerprint());
    assert_eq!(renewal.csr.challenge(), Challenge::Absent);
    assert_eq!(renewal.csr.public_key_der(), key.public_key_der());
    let issued = authority.identity(&renewal.csr, "0193-enrollment", now()).unwrap();
    let reply = renewal.success(authority.signer(), &issued, now()).unwrap();
    let answer = asked.open(&reply, &[authority.certificate().clone()], &old).unwrap();
    assert!(matches!(answer, Answer::Issued { certificate, .. } if certificate == issued));
}

#[test]
fn a_refusal_is_signed_and_says_why() {
    let (authority, device) = (authority(), Device::new());
    let asked = device.ask(&authority, Cipher::Aes128Cbc, Digest::Sha256);
    let request = request(Request::open(&asked.message, authority.signer(), OpenOptions::default()).unwrap());
    for reason in [FailInfo::BadAlg, FailInfo::BadMessageCheck, FailInfo::BadRequest, FailInfo::BadTime, FailInfo::BadCertId] {
        let reply = request.failure(authority.signer(), reason, now()).unwrap();
        let answer = asked.open(&reply, &[authority.certificate().clone()], &device.signer).unwrap();
        assert_eq!(answer, Answer::Refused(Some(reason)));
    }
}

#[test]
fn answers_to_somebody_else_are_not_taken() {
    let (authority, device) = (authority(), Device::new());
    let [first, second] = [(), ()].map(|()| device.ask(&authority, Cipher::Aes128Cbc, Digest::Sha256));
    let request = request(Request::open(&first.message, authority.signer(), OpenOptions::default()).unwrap());
    let reply = request.failure(authority.signer(), FailInfo::BadRequest, now()).unwrap();
    let own = [authority.certificate().clone()];
    // The same transaction, for it is the same key, but another nonce.
    let wrong = second.open(&reply, &own, &device.signer);
    assert_eq!(wrong.unwrap_err(), ScepError::Answer("its recipientNonce is not ours"));
    let stranger = issue::root("Stranger", now()).unwrap();
    let wrong = first.open(&reply, &[stranger.certificate().clone()], &device.signer);
    assert_eq!(wrong.unwrap_err(), ScepError::Answer("it is not signed by the authority"));
    let other = Device::new().ask(&authority, Cipher::Aes128Cbc, Digest::Sha256);
    assert_eq!(other.open(&reply, &own, &device.signer).unwrap_err(), ScepError::Answer("its transactionID is another"));
    assert_eq!(
        first.open(&first.message, &[device.signer.certificate().clone()], &device.signer).unwrap_err(),
        ScepError::Answer("it is no CertRep")
    );
}

#[test]
fn single_des_is_refused_unless_it_is_allowed() {
    let (authority, device) = (authority(), Device::new());
    let asked = device.ask(&authority, Cipher::DesCbc, Digest::Sha256);
    let refused = refusal(Request::open(&asked.message, authority.signer(), OpenOptions::default()).unwrap());
    assert_eq!(refused.fail_info, FailInfo::BadAlg);
    assert!(refused.reason.contains("single DES"), "{}", refused.reason);
    let reply = refused.answer(authority.signer(), now()).unwrap();
    let answer = asked.open(&reply, &[authority.certificate().clone()], &device.signer).unwrap();
    assert_eq!(answer, Answer::Refused(Some(FailInfo::BadAlg)));
}

#[test]
fn a_message_for_another_authority_is_refused() {
    let (authority, device) = (authority(), Device::new());
    let asked = device.ask(&authority, Cipher::Aes128Cbc, Digest::Sha256);
    let other = issue::root("Another CA", now()).unwrap();
    let refused = refusal(Request::open(&asked.message, other.signer(), LEGACY).unwrap());
    assert_eq!(refused.fail_info, FailInfo::BadMessageCheck);
}

/// A message with these attributes around `content`, signed by the device.
fn message(device: &Device, content: &[u8], attributes: Vec<Vec<u8>>) -> Vec<u8> {
    cms::sign(&device.signer, content, &SignOptions { attributes, ..SignOptions::default() }).unwrap()
}

#[test]
fn messages_without_what_an_answer_needs_are_not_answered() {
    let (authority, device) = (authority(), Device::new());
    let printable = |oid, text: &str| super::reply::printable(oid, text).unwrap();
    let octets = |oid, bytes: &[u8]| super::reply::octets(oid, bytes).unwrap();
    let kind = printable(oid::SCEP_MESSAGE_TYPE, "19");
    let transaction = printable(oid::SCEP_TRANSACTION_ID, "1");
    let nonce = octets(oid::SCEP_SENDER_NONCE, &[7; 16]);
    let open = |attributes| Request::open(&message(&device, b"", attributes), authority.signer(), LEGACY);
    let missing = |attributes| open(attributes).unwrap_err();
    assert_eq!(missing(vec![]), ScepError::Attribute("messageType"));
    assert_eq!(missing(vec![printable(oid::SCEP_MESSAGE_TYPE, "99"), transaction.clone()]), ScepError::Attribute("messageType"));
    assert_eq!(missing(vec![kind.clone()]), ScepError::Attribute("transactionID"));
    let long = printable(oid::SCEP_TRANSACTION_ID, &"1".repeat(MAX_TRANSACTION_ID_BYTES + 1));
    assert_eq!(missing(vec![kind.clone(), long]), ScepError::Attribute("transactionID"));
    assert_eq!(missing(vec![kind.clone(), transaction.clone()]), ScepError::Attribute("senderNonce"));
    let long = octets(oid::SCEP_SENDER_NONCE, &[7; MAX_NONCE_BYTES + 1]);
    assert_eq!(missing(vec![kind.clone(), transaction.clone(), long]), ScepError::Attribute("senderNonce"));
    // With all three there is an answer, even though the envelope is none.
    assert_eq!(refusal(open(vec![kind, transaction.clone(), nonce.clone()]).unwrap()).fail_info, FailInfo::BadRequest);
    let poll = printable(oid::SCEP_MESSAGE_TYPE, "20");
    let refused = refusal(open(vec![poll, transaction, nonce]).unwrap());
    assert_eq!((refused.header.message_type, refused.fail_info), (MessageType::CertPoll, FailInfo::BadRequest));
    assert!(matches!(Request::open(b"", authority.signer(), LEGACY), Err(ScepError::Message(_))));
}

#[test]
fn the_authoritys_certificates_are_read_as_they_are_sent() {
    let (authority, next) = (authority(), issue::root("Next CA", now()).unwrap());
    let one = [authority.certificate().clone()];
    let (body, kind) = ca_certificates_body(&one).unwrap();
    assert_eq!((ca_certificates(&body).unwrap(), kind), (one.to_vec(), CA_CERTIFICATE));
    let two = [authority.certificate().clone(), next.certificate().clone()];
    let (body, kind) = ca_certificates_body(&two).unwrap();
    assert_eq!((ca_certificates(&body).unwrap(), kind), (two.to_vec(), CA_CERTIFICATES));
    assert_eq!(encryption_certificate(&two), Some(authority.certificate()));
    let registration = Device::new().signer.certificate().clone();
    let three = [authority.certificate().clone(), registration.clone()];
    assert_eq!(encryption_certificate(&three), Some(&registration));
    let rollover = cms::verify(&next_ca_certificate(authority.signer(), next.certificate(), now()).unwrap(), None).unwrap();
    assert_eq!(cms::certificates(&rollover.content).unwrap(), [next.certificate().clone()]);
    assert!(ca_certificates(b"").is_err());
}

#[test]
fn capabilities_are_read_as_they_are_sent() {
    let ours = Capabilities::parse(CAPABILITIES);
    assert_eq!(ours, Capabilities { post: true, renewal: true, aes: true, des3: true, sha256: true });
    assert_eq!((ours.cipher(), ours.digest()), (Cipher::Aes128Cbc, Digest::Sha256));
    let none = Capabilities::parse("");
    assert_eq!((none.cipher(), none.digest(), none.post), (Cipher::DesEde3Cbc, Digest::Sha1, false));
    assert_eq!(Capabilities::parse("Renewal\r\nSHA-256\r\nAES\r\nPOSTPKIOperation\r\n").cipher(), Cipher::Aes128Cbc);
}

#[test]
fn damaged_messages_do_no_harm() {
    let (authority, device) = (authority(), Device::new());
    let asked = device.ask(&authority, Cipher::Aes128Cbc, Digest::Sha256);
    for damaged in mutations(&asked.message) {
        if let Ok(Opened::Request(request)) = Request::open(&damaged, authority.signer(), LEGACY) {
            assert_eq!(request.csr.public_key_der(), device.key.public_key_der());
        }
    }
    let request = request(Request::open(&asked.message, authority.signer(), LEGACY).unwrap());
    let issued = authority.identity(&request.csr, "a", now()).unwrap();
    let reply = request.success(authority.signer(), &issued, now()).unwrap();
    for damaged in mutations(&reply).step_by(3) {
        let _ = asked.open(&damaged, &[authority.certificate().clone()], &device.signer);
    }
}

/// Damage inside the envelope: every failure is the same refusal, whatever step it failed at.
#[test]
fn nothing_is_learnt_from_changed_envelopes() {
    let (authority, device) = (authority(), Device::new());
    let asked = device.ask(&authority, Cipher::Aes128Cbc, Digest::Sha256);
    let envelope = cms::verify(&asked.message, None).unwrap().content;
    let attributes = || {
        vec![
            super::reply::printable(oid::SCEP_MESSAGE_TYPE, "19").unwrap(),
            super::reply::printable(oid::SCEP_TRANSACTION_ID, "1").unwrap(),
            super::reply::octets(oid::SCEP_SENDER_NONCE, &[7; 16]).unwrap(),
        ]
    };
    // From the encrypted content key to the end, with the algorithm between them left alone.
    let content_at = envelope.len() - 600;
    for at in (content_at..envelope.len()).step_by(37) {
        let mut changed = envelope.clone();
        changed[at] ^= 0x10;
        let opened = Request::open(&message(&device, &changed, attributes()), authority.signer(), LEGACY).unwrap();
        assert_eq!(refusal(opened).fail_info, FailInfo::BadRequest);
    }
}
