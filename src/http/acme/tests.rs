//! The whole way of an order through the doors, and every refusal on it.

mod refusals;
mod upkeep;

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::http::api::Streams;
use crate::http::auth::tests::peer;
use crate::http::doors;
use crate::http::server::Listener;
use crate::mdm::Actor;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::push_certificates;
use crate::pki::attestation::object_of_chain;
use crate::pki::csr::{self, RequestOptions};
use crate::pki::issue::attestation::{AttestationService, Properties};
use crate::pki::judge::{file, openssl, path};
use crate::pki::jws::flattened::{jwk_of, sign_flattened};
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::PushCertificate;
use crate::pki::{asn1, digest as hash};
use crate::protocol::platform::Platform;
use crate::store::authorities::{self, AuthorityState};
use crate::store::{attestations, events};
use crate::testing::values_at;

const BASE: &str = "https://mdm.example.school";
const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15";

/// What came back.
struct Came {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Came {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The name of the fault, which every problem has.
    fn fault(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", String::from_utf8_lossy(&self.body));
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["type"].as_str().unwrap().strip_prefix("urn:ietf:params:acme:error:").unwrap().to_owned()
    }
}

/// An appliance that prefers attested iPhones.
struct House {
    app: App,
    door: axum::Router,
    service: AttestationService,
}

impl House {
    async fn new() -> Self {
        let app = App::for_tests();
        let (now, issuer) = (app.now(), &app.authority().issuer);
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let pair = PushCertificate::new(issuer.practice_push(TOPIC, &key, now).unwrap(), key, now).unwrap();
        let certificate = issuer.certificate().clone();
        let service = AttestationService::new(now).unwrap();
        let root = service.root().clone();
        let prepare = move |tx: &Tx| {
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
            push_certificates::put(tx, &Actor::Console, &pair, "", false)?;
            attestation::learn_roots(tx, &[root])?;
            attestation::change(tx, &Actor::Console, &[(Platform::Ios, Mode::Prefer)]).map(drop)
        };
        app.store.write(now, prepare).await.unwrap();
        let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        Self { app, door, service }
    }

    async fn require(&self) {
        let wanted = [(Platform::Ios, Mode::Require)];
        self.app.store.write(self.app.now(), move |tx| attestation::change(tx, &Actor::Console, &wanted)).await.unwrap();
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Came {
        let mut request = axum::http::Request::builder().method(method).uri(path.strip_prefix(BASE).unwrap_or(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = self.door.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
        Came { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The ClientIdentifier of a profile that an iPhone downloads.
    async fn identifier(&self) -> String {
        let make = |tx: &Tx| invitations::create(tx, &Actor::Console, NewInvitation::default());
        let code = self.app.store.write(self.app.now(), make).await.unwrap().code;
        let profile = self.send("GET", &format!("/enroll/{code}/profile"), &[("user-agent", IPHONE)], Vec::new()).await;
        assert_eq!(profile.status, 200);
        assert_eq!(values_at(&profile.body, "DirectoryURL"), [format!("{BASE}/acme/directory")]);
        assert!(values_at(&profile.body, "Challenge").is_empty());
        values_at(&profile.body, "ClientIdentifier").remove(0)
    }

    async fn refusals(&self) -> Vec<String> {
        let filter = events::Filter { kind: Some("certificate.refused"), ..events::Filter::default() };
        let told = self.app.store.read(self.app.now(), move |tx| events::list(tx, &filter, None, 50)).await.unwrap();
        told.into_iter().map(|event| event.data["because"].as_str().unwrap().to_owned()).collect()
    }
}

/// A client with an account of its own and the key of a device.
struct Client<'a> {
    house: &'a House,
    account_key: PrivateKey,
    key: PrivateKey,
    kid: Option<String>,
}

impl<'a> Client<'a> {
    async fn new(house: &'a House) -> Self {
        let key = || PrivateKey::generate_p256().unwrap();
        let mut client = Self { house, account_key: key(), key: key(), kid: None };
        let made = client.post("/acme/new-account", json!({ "termsOfServiceAgreed": true })).await;
        assert_eq!(made.status, 201);
        client.kid = Some(made.header("location"));
        client
    }

    async fn nonce(&self) -> String {
        self.house.send("HEAD", "/acme/new-nonce", &[], Vec::new()).await.header("replay-nonce")
    }

    async fn header(&self, path: &str) -> Map<String, Value> {
        let mut header = Map::new();
        match &self.kid {
            Some(kid) => header.insert("kid".into(), kid.as_str().into()),
            None => header.insert("jwk".into(), jwk_of(self.account_key.public_key_der()).unwrap()),
        };
        let url = if path.starts_with(BASE) { path.to_owned() } else { format!("{BASE}{path}") };
        header.insert("nonce".into(), self.nonce().await.into());
        header.insert("url".into(), url.into());
        header
    }

    async fn send(&self, path: &str, header: Map<String, Value>, payload: &[u8]) -> Came {
        let body = sign_flattened(&self.account_key, header, payload).unwrap().to_string().into_bytes();
        self.house.send("POST", path, &[("content-type", "application/jose+json")], body).await
    }

    async fn post(&self, path: &str, payload: Value) -> Came {
        self.send(path, self.header(path).await, payload.to_string().as_bytes()).await
    }

    async fn ask(&self, path: &str) -> Came {
        self.send(path, self.header(path).await, b"").await
    }

    async fn order(&self, identifier: &str) -> Came {
        self.post("/acme/new-order", json!({ "identifiers": [{ "type": "permanent-identifier", "value": identifier }] })).await
    }

    /// The address and the token of an order's challenge.
    async fn challenge(&self, order: &Value) -> (String, String) {
        let authorization = self.ask(order["authorizations"][0].as_str().unwrap()).await.json();
        assert_eq!((&authorization["status"], &authorization["identifier"]["type"]), (&json!("pending"), &json!("permanent-identifier")));
        let challenge = &authorization["challenges"][0];
        assert_eq!(challenge["type"], "device-attest-01");
        (challenge["url"].as_str().unwrap().to_owned(), challenge["token"].as_str().unwrap().to_owned())
    }

    fn attestation(&self, token: &str, change: impl FnOnce(&mut Properties)) -> Value {
        let mut said = Properties {
            serial_number: Some("TESTSN0001".into()),
            udid: Some("00008101-000123456789001E".into()),
            freshness: Some(hash::sha256(token.as_bytes()).to_vec()),
            ..Properties::default()
        };
        change(&mut said);
        Self::show(&self.house.service.attest(self.key.public_key_der(), &said, self.house.app.now()).unwrap())
    }

    fn show(chain: &[Vec<u8>]) -> Value {
        json!({ "attObj": URL_SAFE_NO_PAD.encode(object_of_chain(chain)) })
    }

    fn csr(key: &PrivateKey) -> Value {
        let request = csr::write(&asn1::name::write(&[]).unwrap(), key, RequestOptions::default()).unwrap();
        json!({ "csr": URL_SAFE_NO_PAD.encode(request) })
    }

    /// An order whose challenge is met.
    async fn ready(&self, identifier: &str) -> Value {
        let order = self.order(identifier).await.json();
        let (url, token) = self.challenge(&order).await;
        assert_eq!(self.post(&url, self.attestation(&token, |_| ())).await.json()["status"], "valid");
        order
    }
}

#[tokio::test]
async fn an_attested_key_gets_its_certificate_which_openssl_verifies() {
    let house = House::new().await;
    let identifier = house.identifier().await;
    let client = Client::new(&house).await;
    let directory = house.send("GET", "/acme/directory", &[], Vec::new()).await;
    assert_eq!(directory.json()["newOrder"], format!("{BASE}/acme/new-order"));
    let made = client.order(&identifier).await;
    assert_eq!((made.status, made.json()["status"].as_str()), (201, Some("pending")));
    assert_eq!(made.json()["identifiers"][0]["value"], identifier);
    let order = made.json();
    let (url, token) = client.challenge(&order).await;
    let met = client.post(&url, client.attestation(&token, |_| ())).await;
    assert_eq!((met.status, met.json()["status"].as_str()), (200, Some("valid")), "{}", met.json());
    let up = met.headers.get_all("link").iter().filter(|link| link.to_str().unwrap().contains("rel=\"up\"")).count();
    assert!(met.json()["validated"].is_string() && up == 1);
    assert_eq!(client.ask(&made.header("location")).await.json()["status"], "ready");
    let done = client.post(order["finalize"].as_str().unwrap(), Client::csr(&client.key)).await.json();
    assert_eq!(done["status"], "valid");
    let chain = client.ask(done["certificate"].as_str().unwrap()).await;
    assert_eq!(chain.header("content-type"), PEM_CHAIN);
    let certificates = Certificate::all_from_pem(&chain.body).unwrap();
    assert_eq!((certificates.len(), certificates[0].public_key_der()), (2, client.key.public_key_der()));
    let (leaf, root) = (file(certificates[0].to_pem().as_bytes()), file(certificates[1].to_pem().as_bytes()));
    let at = house.app.now().seconds().to_string();
    openssl(&["verify", "-attime", &at, "-purpose", "sslclient", "-CAfile", path(&root), path(&leaf)], b"");
    let fingerprint = certificates[0].fingerprint();
    let vouched = house.app.store.read(house.app.now(), move |tx| attestations::of_key(tx, &fingerprint)).await.unwrap();
    assert_eq!(vouched.unwrap().serial_number.as_deref(), Some("TESTSN0001"));
    // A retry gets the same one, and the value is spent for everybody else.
    assert_eq!(client.post(order["finalize"].as_str().unwrap(), Client::csr(&client.key)).await.json()["status"], "valid");
    assert_eq!(Client::new(&house).await.order(&identifier).await.fault(), "rejectedIdentifier");
    assert_eq!(client.ask(&format!("{}/orders", client.kid.clone().unwrap())).await.json()["orders"][0], made.header("location"));
}

/// What a client shows for a token.
type Show<'a> = &'a dyn Fn(&str) -> Value;

#[tokio::test]
async fn what_an_attestation_must_prove_is_told_and_the_next_order_has_another_chance() {
    let house = House::new().await;
    let identifier = house.identifier().await;
    let client = Client::new(&house).await;
    let foreign = AttestationService::new(house.app.now()).unwrap();
    let said = Properties { serial_number: Some("TESTSN0001".into()), ..Properties::default() };
    let foreign = foreign.attest(client.key.public_key_der(), &said, house.app.now()).unwrap();
    let old = |token: &str| client.attestation(token, |said| said.freshness = Some(vec![1; 32]));
    let none = |token: &str| client.attestation(token, |said| said.freshness = None);
    let wrong: [(&str, Show<'_>); 4] = [
        ("not signed under", &|_| Client::show(&foreign)),
        ("not made for this challenge", &old),
        ("not made for this challenge", &none),
        ("no attestation in Apple's form", &|_| json!({ "attObj": "AQID" })),
    ];
    for (words, answer) in wrong {
        let order = client.order(&identifier).await.json();
        let (url, token) = client.challenge(&order).await;
        let told = client.post(&url, answer(&token)).await.json();
        assert_eq!(
            (told["status"].as_str(), told["error"]["type"].as_str()),
            (Some("invalid"), Some("urn:ietf:params:acme:error:badAttestationStatement"))
        );
        assert!(told["error"]["detail"].as_str().unwrap().contains(words), "{told}");
        assert_eq!(client.post(order["finalize"].as_str().unwrap(), Client::csr(&client.key)).await.fault(), "orderNotReady");
        assert!(house.refusals().await[0].contains(words));
    }
    let order = client.ready(&identifier).await;
    let other = PrivateKey::generate_p256().unwrap();
    assert_eq!(client.post(order["finalize"].as_str().unwrap(), Client::csr(&other)).await.fault(), "badCSR");
    assert_eq!(client.post(order["finalize"].as_str().unwrap(), json!({ "csr": "MAA" })).await.fault(), "badCSR");
    assert_eq!(client.post(order["finalize"].as_str().unwrap(), Client::csr(&client.key)).await.json()["status"], "valid");
}

#[tokio::test]
async fn without_an_attestation_one_comes_in_where_it_is_preferred_and_not_where_it_is_required() {
    let house = House::new().await;
    let client = Client::new(&house).await;
    let (first, second) = (house.identifier().await, house.identifier().await);
    let order = client.order(&first).await.json();
    let (url, _) = client.challenge(&order).await;
    assert_eq!(client.post(&url, json!({})).await.json()["status"], "valid");
    assert_eq!(client.post(order["finalize"].as_str().unwrap(), Client::csr(&client.key)).await.json()["status"], "valid");
    house.require().await;
    let order = client.order(&second).await.json();
    let (url, _) = client.challenge(&order).await;
    let told = client.post(&url, json!({ "error": "no luck" })).await.json();
    assert!(told["status"] == "invalid" && told["error"]["detail"].as_str().unwrap().contains("no luck"), "{told}");
    let wanted = [(Platform::Ios, Mode::Prefer), (Platform::Macos, Mode::Require)];
    house.app.store.write(house.app.now(), move |tx| attestation::change(tx, &Actor::Console, &wanted)).await.unwrap();
    let order = client.order(&house.identifier().await).await.json();
    let (url, _) = client.challenge(&order).await;
    assert_eq!(client.post(&url, json!({})).await.json()["status"], "valid", "what Macs have to show, no iPad needs");
}

#[tokio::test]
async fn a_challenge_is_good_in_the_protocol_of_its_profile_alone() {
    let house = House::new().await;
    let client = Client::new(&house).await;
    let code =
        house.app.store.write(house.app.now(), |tx| invitations::create(tx, &Actor::Console, NewInvitation::default())).await.unwrap().code;
    let profile = house.send("GET", &format!("/enroll/{code}/profile"), &[("user-agent", "MDM/1.0")], Vec::new()).await;
    let challenge = values_at(&profile.body, "Challenge").remove(0);
    let refused = client.order(&challenge).await;
    assert!(refused.fault() == "rejectedIdentifier" && refused.json()["detail"].as_str().unwrap().contains("other protocol"));
    let identifier = house.identifier().await;
    let decide = move |tx: &Tx| {
        use crate::mdm::ca::scep;
        let signer = crate::pki::certificate::Fingerprint::from_bytes([0; 32]);
        let identity = crate::store::invitations::IdentityKind::Scep;
        scep::decide(tx, &scep::Request { transaction_id: "t", public_key: [1; 32], challenge: Some(&identifier), signer, identity })
    };
    let answer = house.app.store.read(house.app.now(), decide).await.unwrap();
    assert!(matches!(answer, crate::mdm::ca::scep::Answer::Refuse(crate::mdm::ca::scep::Refusal::AnotherProtocol)), "{answer:?}");
}
