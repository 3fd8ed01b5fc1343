//! The profile service at the door: OpenSSL reads what goes out and signs what comes in.

use std::time::Duration;

use super::*;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::enroll::profile_service::ASKED_FOR;
use crate::pki::digest::sha256;
use crate::pki::judge::{file, openssl, path};
use crate::protocol::plist::fields;
use crate::store::certificates::{self, Identity, NewIdentity, Purpose};
use crate::store::invitations as rows;

const SERIAL: &str = "TESTSN0001";
const UDID: &str = "00008101-000A1B2C3D4E5F60";

/// What a device says of itself, signed by OpenSSL.
fn says(signer: &Signer, serial: &str, challenge: &str) -> Vec<u8> {
    let pairs = [("UDID", UDID), ("SERIAL", serial), ("PRODUCT", "iPad13,18"), ("VERSION", "23B85"), ("CHALLENGE", challenge)];
    let keys: Dictionary = pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    let content = to_xml(&Value::Dictionary(keys)).unwrap();
    let (certificate, key) = (file(signer.certificate().to_pem().as_bytes()), file(signer.key().to_pem().expose().as_bytes()));
    let words = ["cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", path(&certificate), "-inkey", path(&key)];
    openssl(&words, &content)
}

impl House {
    async fn asks(&self, practice: bool) -> String {
        let new = NewInvitation { practice, asks_device: true, max_uses: Some(1), ..NewInvitation::default() };
        self.app.store.write(self.app.now(), move |tx| invitations::create(tx, &Actor::Console, new)).await.unwrap().code
    }

    /// The first phase: where to say who one is, and what to repeat there.
    async fn first(&self, code: &str) -> (String, String) {
        let reply = self.get(&format!("/enroll/{code}/profile"), &[]).await;
        let profile = reply.profile();
        let read = openssl(&["cms", "-verify", "-noverify", "-inform", "DER"], &reply.body);
        assert_eq!(parse_dictionary(&read).unwrap(), profile, "OpenSSL reads the same");
        assert_eq!(fields::text(&profile, "PayloadType"), Some("Profile Service"));
        let content = fields::dictionary(&profile, "PayloadContent").unwrap();
        assert!(fields::texts(content, "DeviceAttributes").contains(&"SERIAL".to_owned()));
        let url = fields::filled(content, "URL").unwrap();
        (url[url.find("/enroll/").unwrap()..].to_owned(), fields::filled(content, "Challenge").unwrap())
    }

    /// A certificate for the challenge of a profile, as SCEP would issue it.
    async fn certified(&self, profile: &Dictionary) -> Signer {
        let payload = fields::dictionaries(profile, "PayloadContent")
            .find(|payload| fields::text(payload, "PayloadType") == Some("com.apple.security.scep"));
        let hash = sha256(fields::text(fields::dictionary(payload.unwrap(), "PayloadContent").unwrap(), "Challenge").unwrap().as_bytes());
        let signer = self.authority.device("Device identity", &PrivateKey::generate_rsa_2048().unwrap(), self.app.now()).unwrap();
        let certificate = signer.certificate().clone();
        self.app
            .store
            .write(self.app.now(), move |tx| {
                let fingerprint = certificate.fingerprint();
                assert!(rows::spend_challenge(tx, &hash, &fingerprint)?);
                let identity = Identity {
                    fingerprint,
                    authority_id: "test".into(),
                    serial: certificate.serial_hex(),
                    purpose: Purpose::Enroll,
                    invitation_id: None,
                    intended_for: None,
                    enrollment_id: None,
                    not_before_at: certificate.not_before(),
                    not_after_at: certificate.not_after(),
                    issued_at: tx.now,
                    bound_at: None,
                    revoked_at: None,
                };
                let public_key = sha256(certificate.der());
                certificates::insert(
                    tx,
                    &NewIdentity { identity: &identity, certificate: certificate.der(), public_key: &public_key, transaction_id: "" },
                )
            })
            .await
            .unwrap();
        signer
    }
}

fn kinds(profile: &Dictionary) -> Vec<String> {
    fields::dictionaries(profile, "PayloadContent").filter_map(|payload| fields::filled(payload, "PayloadType")).collect()
}

#[tokio::test]
async fn the_device_that_said_who_it_is_gets_a_profile_and_no_other_one() {
    let house = House::new().await;
    let code = house.asks(true).await;
    let (door, challenge) = house.first(&code).await;
    let second = house.post(&door, says(&house.device, SERIAL, &challenge)).await.profile();
    assert_eq!(kinds(&second), ["com.apple.security.scep"], "a certificate and nothing else");
    let identity = house.certified(&second).await;
    let other = house.post(&door, says(&identity, "TESTSN0002", &challenge)).await;
    assert!(other.status == StatusCode::FORBIDDEN && other.text().contains("another device"), "{}", other.text());
    let third = house.post(&door, says(&identity, SERIAL, &challenge)).await.profile();
    assert!(kinds(&third).contains(&"com.apple.mdm".to_owned()), "{:?}", kinds(&third));
    let hash = fields::dictionaries(&third, "PayloadContent")
        .find_map(|payload| fields::text(fields::dictionary(payload, "PayloadContent")?, "Challenge").map(|said| sha256(said.as_bytes())))
        .unwrap();
    let bound = house.app.store.read(house.app.now(), move |tx| rows::challenge_by_hash(tx, &hash)).await.unwrap().unwrap();
    assert_eq!(
        (bound.serial_number.as_deref(), bound.udid.as_deref(), bound.entry.as_str()),
        (Some(SERIAL), Some(UDID), "profile_service")
    );
    let again = house.post(&door, says(&identity, SERIAL, &challenge)).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "the certificate has served");
}

#[tokio::test]
async fn who_is_no_device_repeats_nothing_or_comes_late_gets_none_and_is_never_told_401() {
    let house = House::new().await;
    let code = house.asks(true).await;
    let (door, challenge) = house.first(&code).await;
    let stranger = issue::root("Somebody else", house.app.now()).unwrap();
    let stranger = stranger.device("No device", &PrivateKey::generate_rsa_2048().unwrap(), house.app.now()).unwrap();
    let real = house.asks(false).await;
    for (door, message, status) in [
        (door.clone(), b"no message".to_vec(), StatusCode::BAD_REQUEST),
        (door.clone(), says(&stranger, SERIAL, &challenge), StatusCode::FORBIDDEN),
        (door.clone(), says(&house.device, SERIAL, ""), StatusCode::GONE),
        (door.clone(), says(&house.device, SERIAL, &format!("{challenge}x")), StatusCode::GONE),
        (format!("/enroll/{real}/service"), says(&house.device, SERIAL, &challenge), StatusCode::FORBIDDEN),
        (String::from("/enroll/NOTTHERE/service"), says(&house.device, SERIAL, &challenge), StatusCode::GONE),
    ] {
        let reply = house.post(&door, message).await;
        assert_eq!(reply.status, status, "{door}: {}", reply.text());
    }
    house.app.clock.advance(ASKED_FOR + Duration::from_secs(1));
    let late = house.post(&door, says(&house.device, SERIAL, &challenge)).await;
    assert!(late.status == StatusCode::GONE && late.text().contains("took too long"), "{}", late.text());
}
