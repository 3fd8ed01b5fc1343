//! From an invitation to an identity through the doors: the profile, its challenge, the dialects of PKIOperation, and every refusal.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::*;
use crate::http::auth::tests::peer;
use crate::http::server::Listener;
use crate::mdm::Actor;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms::Signer;
use crate::pki::digest::Digest;
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::PushCertificate;
use crate::protocol::scep::{Answer, ClientOptions, ClientRequest, FailInfo, MessageType};
use crate::store::authorities::{self, AuthorityState};
use crate::store::events::{self, Filter};
use crate::testing::values_at;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// How a client writes a message into an address.
type Write = fn(&[u8]) -> String;

/// An appliance that can enroll.
struct House {
    app: App,
    door: Router,
}

impl House {
    async fn new() -> Self {
        let app = App::for_tests();
        let now = app.now();
        let issuer = &app.authority().issuer;
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let pair = PushCertificate::new(issuer.practice_push(TOPIC, &key, now).unwrap(), key, now).unwrap();
        let certificate = issuer.certificate().clone();
        let prepare = move |tx: &crate::store::Tx| {
            let row = authorities::Authority {
                id: "test".into(),
                state: AuthorityState::Current,
                certificate: certificate.der().to_vec(),
                not_after_at: certificate.not_after(),
                created_at: tx.now,
                bridge: None,
                used_from_at: Some(tx.now),
                taken_until_at: None,
            };
            authorities::insert(tx, &row, &certificate.fingerprint(), None)?;
            crate::mdm::push_certificates::put(tx, &Actor::Console, &pair, "", false).map(drop)
        };
        app.store.write(now, prepare).await.unwrap();
        let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        Self { app, door }
    }

    async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let (parts, body) = self.door.clone().oneshot(request).await.unwrap().into_parts();
        (parts.status, parts.headers, axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec())
    }

    async fn invitation(&self, max_uses: Option<i64>) -> String {
        let new = NewInvitation {
            note: String::new(),
            group_label: String::new(),
            person_label: String::new(),
            max_uses,
            expires_at: None,
            practice: false,
            asks_device: false,
        };
        self.app.store.write(self.app.now(), move |tx| invitations::create(tx, &Actor::Console, new)).await.unwrap().code
    }

    /// The challenge in the profile that an invitation gives.
    async fn challenge(&self, code: &str) -> String {
        let (status, headers, profile) = self.send("GET", &format!("/enroll/{code}/profile"), Vec::new()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_TYPE], "application/x-apple-aspen-config");
        values_at(&profile, "Challenge").remove(0)
    }

    fn asking(&self, device: &Device, challenge: &str) -> ClientRequest {
        let subject = [("CN".to_owned(), "TESTSN0001".to_owned())];
        let options = ClientOptions {
            subject: &subject,
            challenge: Some(challenge),
            message_type: MessageType::PkcsReq,
            cipher: Cipher::Aes128Cbc,
            digest: Digest::Sha256,
            now: self.app.now(),
        };
        ClientRequest::new(&device.key, &device.signer, self.app.authority().issuer.certificate(), &options).unwrap()
    }

    fn read(
        &self,
        device: &Device,
        asked: &ClientRequest,
        (status, headers, body): (StatusCode, axum::http::HeaderMap, Vec<u8>),
    ) -> Answer {
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, "application/x-pki-message"));
        asked.open(&body, &[self.app.authority().issuer.certificate().clone()], &device.signer).unwrap()
    }

    async fn ask(&self, device: &Device, challenge: &str) -> Answer {
        let asked = self.asking(device, challenge);
        let reply = self.send("POST", "/scep?operation=PKIOperation", asked.message.clone()).await;
        self.read(device, &asked, reply)
    }

    async fn refusals(&self) -> Vec<String> {
        let events = self.app.store.read(self.app.now(), |tx| events::list(tx, &Filter::default(), None, 100)).await.unwrap();
        events.into_iter().filter(|event| event.kind == "certificate.refused").map(|event| event.data.to_string()).collect()
    }
}

struct Device {
    key: PrivateKey,
    signer: Signer,
}

impl Device {
    fn new(house: &House) -> Self {
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let signer = issue::self_signed("TESTSN0001", &key, Duration::from_secs(3600), house.app.now()).unwrap();
        Self { key, signer }
    }
}

fn issued(answer: Answer) -> Certificate {
    match answer {
        Answer::Issued { certificate, .. } => certificate,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_challenge_is_good_for_one_certificate_and_its_refusals_are_signed_answers() {
    // C19: wrong, expired and used challenges are CertRep FAILURE badRequest with status 200, and each is recorded.
    let house = House::new().await;
    let code = house.invitation(Some(2)).await;
    let challenge = house.challenge(&code).await;
    let refused = Answer::Refused(Some(FailInfo::BadRequest));
    let device = Device::new(&house);
    assert_eq!(house.ask(&device, "wrong_challenge-ä").await, refused);
    let first = issued(house.ask(&device, &challenge).await);
    assert!(first.is_issued_by(house.app.authority().issuer.certificate()));
    assert_eq!(first.public_key_der(), device.key.public_key_der());
    assert!(first.not_before() < house.app.now(), "devices whose clock is behind take it too");
    assert_eq!(house.ask(&Device::new(&house), &challenge).await, refused, "once");

    let late = house.challenge(&code).await;
    house.app.clock.advance(Duration::from_secs(3600));
    assert_eq!(house.ask(&Device::new(&house), &late).await, refused, "an hour");
    issued(house.ask(&Device::new(&house), &house.challenge(&code).await).await);
    let (status, _, page) = house.send("GET", &format!("/enroll/{code}/profile"), Vec::new()).await;
    assert_eq!(status, StatusCode::GONE, "both uses are spent");
    assert!(String::from_utf8_lossy(&page).contains("used up"), "a page, never a broken download");
    let recorded = house.refusals().await;
    assert_eq!(recorded.len(), 3);
    for words in ["not known here", "used already", "has expired"] {
        assert!(recorded.iter().any(|line| line.contains(words)), "{words}: {recorded:?}");
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_and_the_challenge_is_spent_once() {
    // C06: the challenge is good until a certificate was delivered, which the server cannot know: the same request gets the same certificate.
    let house = House::new().await;
    let challenge = house.challenge(&house.invitation(Some(1)).await).await;
    let device = Device::new(&house);
    let asked = house.asking(&device, &challenge);
    let mut certificates = Vec::new();
    for _ in 0..2 {
        let reply = house.send("POST", "/scep?operation=PKIOperation", asked.message.clone()).await;
        certificates.push(issued(house.read(&device, &asked, reply)));
    }
    assert_eq!(certificates[0], certificates[1]);
}

#[tokio::test]
async fn a_message_in_the_address_is_read_in_every_dialect_and_garbage_is_refused_with_words() {
    // C17, with what mdmb, certmonger and strongSwan do.
    let house = House::new().await;
    let code = house.invitation(None).await;
    let escaped = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let dialects: [(&str, Write); 5] = [
        ("only the padding escaped", |bytes| STANDARD.encode(bytes).replace('=', "%3D")),
        ("as it is", |bytes| STANDARD.encode(bytes)),
        ("URL-safe", |bytes| URL_SAFE.encode(bytes)),
        ("without padding", |bytes| STANDARD_NO_PAD.encode(bytes)),
        ("fully escaped", |bytes| STANDARD.encode(bytes)),
    ];
    for (name, write) in dialects {
        for path in ["/scep", "/scep/pkiclient.exe"] {
            let device = Device::new(&house);
            let asked = house.asking(&device, &house.challenge(&code).await);
            let written = write(&asked.message);
            let written = if name == "fully escaped" { escaped(&written) } else { written };
            let reply = house.send("GET", &format!("{path}?operation=PKIOperation&message={written}"), Vec::new()).await;
            let certificate = issued(house.read(&device, &asked, reply));
            assert_eq!(certificate.public_key_der(), device.key.public_key_der(), "{name} {path}");
        }
    }
    for query in
        ["operation=PKIOperation&message=!!!", "operation=PKIOperation", "operation=PKIOperation&message=MIIB", "operation=Nothing", ""]
    {
        let (status, _, body) = house.send("GET", &format!("/scep?{query}"), Vec::new()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(body.len() > 10, "{query}: said in words, never an empty 200");
    }
    let (status, _, _) = house.send("POST", "/scep?operation=PKIOperation", b"hello".to_vec()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _, _) = house.send("POST", "/scep?operation=PKIOperation", vec![0x30; limits::SCEP_MAX_BYTES + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn capabilities_and_the_authoritys_certificate_are_what_clients_of_every_kind_want() {
    let house = House::new().await;
    let (status, headers, caps) = house.send("GET", "/scep?operation=GetCACaps&message=mdm", Vec::new()).await;
    assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &"text/plain".parse().unwrap()));
    let caps = String::from_utf8(caps).unwrap();
    for word in ["POSTPKIOperation", "SHA-1", "SHA-256", "SHA-512", "AES", "DES3", "SCEPStandard", "Renewal"] {
        assert!(caps.lines().any(|line| line == word), "{word} in {caps}");
    }
    for query in
        ["operation=GetCACert", "operation=GetCACert&message=mdm", "operation=GetCACert&message=0", "message=1&operation=GetCACert"]
    {
        let (status, headers, body) = house.send("GET", &format!("/scep?{query}"), Vec::new()).await;
        assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &"application/x-x509-ca-cert".parse().unwrap()), "{query}");
        assert_eq!(&Certificate::from_der(&body).unwrap(), house.app.authority().issuer.certificate());
    }
}

#[tokio::test]
async fn scep_of_another_servers_authority_goes_on_where_its_key_came_with_it() {
    use crate::mdm::ca::imported;
    use crate::pki::digest;
    use crate::store::certificates::{self, Identity, NewIdentity, Purpose};
    use crate::store::enrollments;

    let house = House::new().await;
    let now = house.app.now();
    let old = issue::root("Elsewhere CA", now).unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let signer = old.device("device", &key, now).unwrap();
    let (ca, ca_key, identity) = (old.certificate().clone(), old.signer().key().clone(), signer.certificate().clone());
    let body = format!(
        "<plist><dict><key>MessageType</key><string>TokenUpdate</string><key>UDID</key><string>A-1</string><key>Topic</key><string>{TOPIC}</string>\
         <key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string></dict></plist>"
    );
    let prepare = move |tx: &crate::store::Tx| {
        let brought = imported::import(tx, &Actor::Console, &ca, Some(&ca_key), 30)?;
        crate::mdm::checkin::move_in(tx, &Actor::Console, &crate::protocol::checkin::parse(body.as_bytes())?)?;
        let enrollment = enrollments::by_nano_id(tx, "A-1")?.unwrap();
        let row = Identity {
            fingerprint: identity.fingerprint(),
            authority_id: brought.authority.id,
            serial: identity.serial_hex(),
            purpose: Purpose::Imported,
            invitation_id: None,
            intended_for: None,
            enrollment_id: None,
            not_before_at: identity.not_before(),
            not_after_at: identity.not_after(),
            issued_at: tx.now,
            bound_at: None,
            revoked_at: None,
        };
        let public_key = digest::sha256(identity.public_key_der());
        certificates::insert(
            tx,
            &NewIdentity { identity: &row, certificate: identity.der(), public_key: &public_key, transaction_id: "" },
        )?;
        certificates::bind(tx, &row.fingerprint, &enrollment.id)
    };
    house.app.store.write(now, prepare).await.unwrap();
    let ask = async || {
        let new_key = PrivateKey::generate_rsa_2048().unwrap();
        let subject = [("CN".to_owned(), "TESTSN0001".to_owned())];
        let options = ClientOptions {
            subject: &subject,
            challenge: None,
            message_type: MessageType::RenewalReq,
            cipher: Cipher::Aes128Cbc,
            digest: Digest::Sha256,
            now,
        };
        let asked = ClientRequest::new(&new_key, &signer, old.certificate(), &options).unwrap();
        (house.send("POST", "/scep?operation=PKIOperation", asked.message.clone()).await, asked)
    };
    let ((_, _, body), asked) = ask().await;
    assert!(asked.open(&body, &[old.certificate().clone()], &signer).is_err(), "nobody here has the key yet");
    trusted::renew(&house.app).await.unwrap();
    let ((status, _, body), asked) = ask().await;
    assert_eq!(status, StatusCode::OK);
    let certificate = issued(asked.open(&body, &[old.certificate().clone()], &signer).unwrap());
    assert!(certificate.is_issued_by(old.certificate()), "under the same authority");
    let found = house.app.store.read(now, move |tx| certificates::by_fingerprint(tx, &certificate.fingerprint())).await.unwrap().unwrap();
    assert_eq!(found.purpose, Purpose::Renew);
    let by_ours = house.app.authority().issuer.certificate().clone();
    assert_ne!(old.certificate().fingerprint(), by_ours.fingerprint());
}

#[tokio::test]
async fn wrong_challenges_and_codes_are_slowed_by_their_address_and_right_ones_beside_them_are_served() {
    use crate::http::error::Why;
    use crate::http::strangers::WRONG_AT_ONCE;

    let house = House::new().await;
    let wrong = house.asking(&Device::new(&house), "wrong").message;
    let put = || {
        let request = Request::builder().method("POST").uri("/scep?operation=PKIOperation").body(Body::from(wrong.clone())).unwrap();
        house.door.clone().oneshot(request)
    };
    let why = put().await.unwrap().extensions().get::<Why>().unwrap().0.to_string();
    assert!(why.starts_with("the challenge is not known here (transaction \"") && why.contains("TESTSN0001"), "{why}");
    for _ in 1..WRONG_AT_ONCE {
        assert_eq!(put().await.unwrap().status(), StatusCode::OK);
    }
    let slowed = put().await.unwrap();
    assert_eq!((slowed.status(), slowed.headers().contains_key(header::RETRY_AFTER)), (StatusCode::SERVICE_UNAVAILABLE, true));
    let recorded = house.refusals().await;
    assert!(recorded.len() == 1 && recorded[0].contains("\"request\":\""), "one message, one line, which names the request: {recorded:?}");
    let code = house.invitation(None).await;
    issued(house.ask(&Device::new(&house), &house.challenge(&code).await).await);

    for path in ["/enroll/AAAA2222BBBB", "/enroll/AAAA2222BBBB/profile"].into_iter().cycle().take(WRONG_AT_ONCE as usize) {
        assert_eq!(house.send("GET", path, Vec::new()).await.0, StatusCode::NOT_FOUND);
    }
    let (status, headers, _) = house.send("GET", "/enroll/AAAA2222BBBB", Vec::new()).await;
    assert_eq!((status, headers.contains_key(header::RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, true));
    house.challenge(&code).await;
}
