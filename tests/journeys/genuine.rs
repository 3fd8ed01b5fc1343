//! Devices that prove that they are genuine, over real sockets: by ACME when they enroll and renew, and when they are asked.

use std::sync::Arc;

use rollcall::clock::Clock;
use rollcall::mdm::enroll::renewal;
use rollcall::mdm::inventory::attestation::ASK_EVERY;
use rollcall::pki::issue::attestation::AttestationService;
use rollcall::pki::public_key::KeyKind;
use rollcall::sim::device::{Maker, Purpose, SetupAssistant};
use rollcall::store::events::{self, Filter};
use serde_json::{Value as Json, json};

use super::kit::{Guest, House, start};

/// A house that takes the word of a service of ours for Apple's.
async fn house(mode: &str) -> (House, AttestationService) {
    let clock: Clock = start();
    let service = AttestationService::new(clock.now()).unwrap();
    let root = service.root().to_pem();
    let house = House::open_with(clock, |folder, layer| {
        let path = folder.join("vouchers.pem");
        std::fs::write(&path, root).unwrap();
        layer.with("apple.attestation_roots", [path.display().to_string()])
    });
    let house = house.await;
    let (status, policy) = house.api("PATCH", "/api/v1/attestation", json!({ "ios": mode })).await;
    assert_eq!((status, &policy["ios"], &policy["root_present"]), (200, &json!(mode), &json!(true)));
    (house, service)
}

async fn proof(house: &House, guest: &Guest<'_>) -> Json {
    let (status, proof) = house.api("GET", &format!("/api/v1/devices/{}/attestation", guest.udid()), Json::Null).await;
    assert_eq!(status, 200, "{proof}");
    proof
}

async fn key_kind(guest: &Guest<'_>) -> KeyKind {
    guest.look(|device| device.identity().unwrap().certificate.key_kind()).await
}

async fn refusals(house: &House) -> Vec<String> {
    let filter = Filter { kind: Some("certificate.refused"), ..Filter::default() };
    let told = house.read(move |tx| events::list(tx, &filter, None, 20)).await;
    told.into_iter().map(|event| event.data["because"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iphone_proves_itself_when_it_enrolls_renews_and_is_asked() {
    let (house, service) = house("prefer").await;
    let (iphone, summary) = house.vouched(&service, "iphone@26", "").await;
    assert_eq!(summary.enrolled, 1, "{:?}", summary.errors);
    iphone.settle().await;
    assert_eq!(key_kind(&iphone).await, KeyKind::P256);
    let first = proof(&house, &iphone).await;
    let serial = iphone.look(|device| device.facts().serial_number.clone()).await;
    assert_eq!((&first["state"], &first["attested"]["serial_number"]), (&json!("genuine"), &json!(serial)));
    let fingerprint = iphone.look(|device| device.identity().unwrap().certificate.fingerprint()).await;
    let (status, _) = house.api("POST", &format!("/api/v1/devices/{}/renew", iphone.udid()), Json::Null).await;
    assert_eq!(status, 202);
    iphone.settle().await;
    assert_eq!((iphone.look(|device| device.journal().renewals).await, key_kind(&iphone).await), (1, KeyKind::P256));
    assert_ne!(iphone.look(|device| device.identity().unwrap().certificate.fingerprint()).await, fingerprint);
    house.pass(ASK_EVERY).await;
    let (status, _) = house.api("POST", &format!("/api/v1/devices/{}/attestation", iphone.udid()), Json::Null).await;
    assert_eq!(status, 202);
    iphone.settle().await;
    let asked = proof(&house, &iphone).await;
    assert!(asked["state"] == "genuine" && asked["attested"]["made_at"] != first["attested"]["made_at"], "{asked}");
    assert_eq!(iphone.remarks(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proves_nothing_lets_nobody_in_and_says_why() {
    let (house, service) = house("prefer").await;
    let faults = [("attests-old-code", "not made for this challenge"), ("attests-other-key", ""), ("attests-other-serial", "")];
    for (fault, words) in faults {
        let rule = format!("[[fault]]\nkind = \"{fault}\"\non = [\"ACME\"]");
        let (guest, summary) = house.vouched(&service, "iphone@26", &rule).await;
        assert_eq!((summary.enrolled, summary.failed), (0, 1), "{fault}");
        assert!(words.is_empty() || refusals(&house).await[0].contains(words), "{:?}", refusals(&house).await);
        drop(guest);
    }
    let (_, summary) = house.vouched(&service, "iphone@26", "[[fault]]\nkind = \"no-attestation\"\non = [\"ACME\"]").await;
    assert_eq!(summary.enrolled, 1, "preferred, not required: {:?}", summary.errors);
    house.api("PATCH", "/api/v1/attestation", json!({ "ios": "require" })).await;
    let (_, summary) = house.vouched(&service, "iphone@26", "[[fault]]\nkind = \"no-attestation\"\non = [\"ACME\"]").await;
    assert_eq!(summary.failed, 1);
    assert!(refusals(&house).await[0].contains("showed no attestation"));
    let (guest, summary) = house.vouched(&service, "iphone@26", "").await;
    assert_eq!(summary.enrolled, 1, "{:?}", summary.errors);
    guest.settle().await;
    assert_eq!(proof(&house, &guest).await["state"], "genuine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_twice_is_signed_anew_with_the_next_nonce() {
    let (house, service) = house("require").await;
    let rule = "[[fault]]\nkind = \"duplicate\"\non = [\"ACME\"]\nafter = 2\ntimes = 4";
    let (guest, summary) = house.vouched(&service, "iphone@26", rule).await;
    assert_eq!(summary.enrolled, 1, "{:?}", summary.errors);
    guest.settle().await;
    assert_eq!(key_kind(&guest).await, KeyKind::P256);
    assert_eq!(Purpose::Acme.name(), "ACME");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mac_that_came_by_scep_is_asked_and_an_intel_mac_says_why_it_cannot() {
    let (house, service) = house("off").await;
    let (mac, summary) = house.vouched(&service, "mac@15", "").await;
    assert_eq!(summary.enrolled, 1, "{:?}", summary.errors);
    mac.settle().await;
    let product = mac.look(|device| device.facts().model.product_name).await;
    let can = mac.look(|device| device.facts().model.attests()).await;
    let proof = proof(&house, &mac).await;
    let (status, told) = house.api("POST", &format!("/api/v1/devices/{}/attestation", mac.udid()), Json::Null).await;
    if can {
        assert_eq!((status, &proof["state"]), (202, &json!("genuine")), "{product}: {proof}");
        assert_eq!(
            (&proof["attested"]["system_integrity_protection"], &proof["attested"]["secure_boot"]),
            (&json!(true), &json!("Full Security"))
        );
    } else {
        assert!(status == 409 && told["detail"].as_str().unwrap().contains("Apple silicon"), "{product}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipad_out_of_the_box_proves_itself_and_an_old_one_comes_in_by_scep_until_a_proof_is_required() {
    let (house, service) = house("prefer").await;
    let maker = Maker::new(house.clock.now()).unwrap();
    let path = house.knows(&maker, "Cart").await;
    let setup = Arc::new(SetupAssistant { url: house.url(&path), maker });
    let ipad = house.unpacks_vouched(&setup, Some(&service), "iPad13,18@27+automated", "").await;
    assert_eq!(ipad.failure(), None);
    ipad.settle().await;
    assert_eq!((key_kind(&ipad).await, &proof(&house, &ipad).await["state"]), (KeyKind::P256, &json!("genuine")));
    // What its maker vouches for and what the attestation says must be the same device.
    let rule = "[[fault]]\nkind = \"attests-other-serial\"\non = [\"ACME\"]";
    let liar = house.unpacks_vouched(&setup, Some(&service), "iPad13,18@26+automated", rule).await;
    assert!(liar.failure().unwrap().contains("another serial number"), "{:?}", liar.failure());
    let old = house.unpacks_vouched(&setup, Some(&service), "iPad7,11@17+automated", "").await;
    assert_eq!((old.failure(), key_kind(&old).await), (None, KeyKind::Rsa { bits: 2048 }));
    house.api("PATCH", "/api/v1/attestation", json!({ "ios": "require" })).await;
    let old = house.unpacks_vouched(&setup, Some(&service), "iPad7,11@18+automated", "").await;
    assert!(old.failure().is_some(), "its chip cannot");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iphone_that_came_by_scep_proves_itself_at_its_renewal_and_stays_the_same_enrollment() {
    let (house, service) = house("off").await;
    let (iphone, summary) = house.vouched(&service, "iphone@26", "").await;
    assert_eq!(summary.enrolled, 1, "{:?}", summary.errors);
    iphone.settle().await;
    assert_eq!(key_kind(&iphone).await, KeyKind::Rsa { bits: 2048 });
    let told = proof(&house, &iphone).await;
    assert_eq!((&told["identity"], &told["next_identity"]), (&json!("scep"), &json!("scep")));
    house.api("PATCH", "/api/v1/attestation", json!({ "ios": "prefer" })).await;
    assert_eq!(proof(&house, &iphone).await["next_identity"], "acme");
    let before = iphone.profiles().await;
    let (status, _) = house.api("POST", &format!("/api/v1/devices/{}/renew", iphone.udid()), Json::Null).await;
    assert_eq!(status, 202);
    iphone.settle().await;
    assert_eq!((iphone.look(|device| device.journal().renewals).await, key_kind(&iphone).await), (1, KeyKind::P256));
    let after = iphone.profiles().await;
    let own = |profiles: &[rollcall::sim::device::ProfileSeen]| {
        let own: Vec<_> = profiles.iter().filter(|profile| profile.source == "enrollment").collect();
        assert_eq!(own.len(), 1, "updated in place");
        (own[0].identifier.clone(), own[0].payload_types.clone())
    };
    let ((was, held), (is, holds)) = (own(&before), own(&after));
    assert_eq!((was, before.len()), (is, after.len()));
    assert!(held.iter().any(|kind| kind == "com.apple.security.scep") && !holds.iter().any(|kind| kind == "com.apple.security.scep"));
    assert!(holds.iter().any(|kind| kind == "com.apple.security.acme"), "{holds:?}");
    let told = proof(&house, &iphone).await;
    assert_eq!((&told["state"], &told["identity"], &told["next_identity"]), (&json!("genuine"), &json!("acme"), &json!("acme")));
    assert_eq!(iphone.look(|device| device.journal().enrollments).await, 1);
    assert_eq!(iphone.remarks(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_to_prove_itself_at_a_renewal_gets_it_without_a_proof_next_or_says_that_one_is_required() {
    let (house, service) = house("off").await;
    let rule = "[[fault]]\nkind = \"attests-other-serial\"\non = [\"ACME\"]";
    let (iphone, summary) = house.vouched(&service, "iphone@26", rule).await;
    assert_eq!(summary.enrolled, 1, "{:?}", summary.errors);
    iphone.settle().await;
    house.api("PATCH", "/api/v1/attestation", json!({ "ios": "require" })).await;
    let renew = format!("/api/v1/devices/{}/renew", iphone.udid());
    assert_eq!(house.api("POST", &renew, Json::Null).await.0, 202);
    iphone.settle().await;
    let told = proof(&house, &iphone).await;
    assert_eq!((iphone.look(|device| device.journal().renewals).await, &told["state"]), (0, &json!("refused")), "{told}");
    assert!(told["because"].as_str().unwrap().contains("another serial number"), "{told}");
    assert_eq!((&told["identity"], &told["next_identity"]), (&json!("scep"), &json!("acme")), "it is required");
    house.api("PATCH", "/api/v1/attestation", json!({ "ios": "prefer" })).await;
    assert_eq!(proof(&house, &iphone).await["next_identity"], "scep", "it had its chance in this renewal");
    house.pass(renewal::RETRIES[0]).await;
    iphone.settle().await;
    assert_eq!((iphone.look(|device| device.journal().renewals).await, key_kind(&iphone).await), (1, KeyKind::Rsa { bits: 2048 }));
    let filter = Filter { kind: Some("renewal.not_proven"), ..Filter::default() };
    let noted = house.read(move |tx| events::list(tx, &filter, None, 9)).await;
    assert_eq!((noted.len(), &noted[0].data["next"]), (1, &json!("acme")));
}
