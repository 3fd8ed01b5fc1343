//! Devices in Setup Assistant and Apple Configurator at the door.

mod service;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use crate::app::App;
use crate::http::api::Streams;
use crate::http::auth::tests::peer;
use crate::http::doors;
use crate::http::server::Listener;
use crate::mdm::Actor;
use crate::mdm::admins::Password;
use crate::mdm::enroll::automated::rules::{self, Change};
use crate::mdm::{access, apple_roots, people, practice};
use crate::pki::cms::{self, SignOptions, Signer, sign};
use crate::pki::digest::Digest;
use crate::pki::issue::{self, Issuer};
use crate::pki::key::PrivateKey;
use crate::protocol::plist::{Dictionary, Value, parse_dictionary, to_xml};
use crate::secret::Secret;
use crate::store::arrivals::{self, Answer};
use crate::store::invitations::Entry;
use crate::store::{alerts, push_certificates};

pub(super) struct House {
    pub(super) app: App,
    router: Router,
    authority: Issuer,
    pub(super) device: Signer,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The profile that it is.
    pub(super) fn profile(&self) -> Dictionary {
        assert_eq!((self.status, self.headers[CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"application/x-apple-aspen-config"[..]));
        parse_dictionary(&cms::verify(&self.body, None).unwrap().content).unwrap()
    }
}

impl House {
    pub(super) async fn new() -> Self {
        let app = App::for_tests();
        let authority = issue::root("Practice devices", app.now()).unwrap();
        let device = authority.device("TESTSN0001", &PrivateKey::generate_rsa_2048().unwrap(), app.now()).unwrap();
        let certificate = authority.certificate().clone();
        let setup = move |tx: &crate::store::Tx| {
            practice::adopt_device_authority(tx, &certificate)?;
            crate::store::authorities::insert(
                tx,
                &crate::store::authorities::Authority {
                    id: "test".into(),
                    state: crate::store::authorities::AuthorityState::Current,
                    certificate: b"root".to_vec(),
                    not_after_at: tx.now.plus(std::time::Duration::from_secs(86_400)),
                    created_at: tx.now,
                    bridge: None,
                    used_from_at: Some(tx.now),
                    taken_until_at: None,
                },
                &crate::pki::certificate::Fingerprint::of_der(b"root"),
                None,
            )?;
            let row = push_certificates::PushCertificate {
                topic: practice::topic(tx)?,
                certificate: Vec::new(),
                not_after_at: tx.now.plus(std::time::Duration::from_secs(86_400)),
                current: false,
                practice: true,
                account_note: String::new(),
                uploads: 1,
                paused_until_at: None,
                uploaded_at: tx.now,
            };
            push_certificates::put(tx, &row, b"key")
        };
        app.store.write(app.now(), setup).await.unwrap();
        let router = doors(&app, &Streams::default()).whole.layer(axum::Extension(peer(Listener::Main)));
        Self { app, router, authority, device }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, message: Vec<u8>) -> Reply {
        let request = Request::post(path).header(CONTENT_TYPE, "application/pkcs7-signature").body(Body::from(message));
        self.send(request.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn change(&self, change: Change) {
        self.app.store.write(self.app.now(), move |tx| rules::change(tx, &Actor::Console, change)).await.unwrap();
    }

    async fn arrival(&self) -> Option<arrivals::Arrival> {
        self.app.store.read(self.app.now(), |tx| arrivals::by_serial_number(tx, "TESTSN0001")).await.unwrap()
    }
}

fn said(os_version: &str) -> Vec<u8> {
    let mut keys = Dictionary::new();
    for (key, value) in [
        ("UDID", "00008101-000A1B2C3D4E5F60"),
        ("SERIAL", "TESTSN0001"),
        ("PRODUCT", "iPad13,18"),
        ("OS_VERSION", os_version),
        ("VERSION", "21G93"),
    ] {
        keys.insert(key.into(), Value::from(value));
    }
    keys.insert("MDM_CAN_REQUEST_SOFTWARE_UPDATE".into(), Value::Boolean(true));
    to_xml(&Value::Dictionary(keys)).unwrap()
}

fn signed(signer: &Signer, os_version: &str, digest: Digest) -> Vec<u8> {
    sign(signer, &said(os_version), &SignOptions { digest: Some(digest), ..SignOptions::default() }).unwrap()
}

#[tokio::test]
async fn a_device_gets_its_profile_by_either_digest_and_a_stranger_a_plain_page() {
    let house = House::new().await;
    for digest in [Digest::Sha1, Digest::Sha256] {
        let reply = house.post("/ade", signed(&house.device, "17.6", digest)).await;
        let profile = reply.profile();
        assert_eq!(profile["PayloadType"].as_string(), Some("Configuration"));
    }
    assert_eq!(house.arrival().await.unwrap().answer, Answer::Profile);
    let other = issue::root("Somebody else", house.app.now()).unwrap();
    let stranger = other.device("TESTSN0002", &PrivateKey::generate_rsa_2048().unwrap(), house.app.now()).unwrap();
    let reply = house.post("/ade", signed(&stranger, "17.6", Digest::Sha256)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(reply.text().contains("Somebody else") && reply.text().contains("<h1>"), "{}", reply.text());
    for junk in [&b""[..], b"junk", &said("17.6")] {
        let reply = house.post("/ade", junk.to_vec()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
    }
    let nobody = sign(&house.device, b"<plist><dict/></plist>", &SignOptions::default()).unwrap();
    assert_eq!(house.post("/ade", nobody).await.status, StatusCode::BAD_REQUEST);
    let large = vec![0; crate::protocol::machine_info::MESSAGE_MAX_BYTES + 1];
    assert_eq!(house.post("/ade", large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn nothing_here_answers_401_and_errors_have_apples_form() {
    let house = House::new().await;
    house.change(Change { minimum: [(crate::protocol::platform::Platform::Ios, "26.1".to_owned())].into(), ..Change::default() }).await;
    let reply = house.post("/ade", signed(&house.device, "17.6", Digest::Sha256)).await;
    assert_eq!((reply.status, reply.headers[CONTENT_TYPE].as_bytes()), (StatusCode::FORBIDDEN, &b"application/json"[..]));
    let error = reply.json();
    assert_eq!((&error["code"], &error["details"]), (&json!("com.apple.softwareupdate.required"), &json!({ "OSVersion": "26.1" })));
    assert_eq!(house.arrival().await.unwrap().answer, Answer::Update);
    assert_eq!(house.post("/ade", signed(&house.device, "26.1", Digest::Sha256)).await.status, StatusCode::OK);
    let gone = house.post("/ade/NOSUCHCODE", signed(&house.device, "26.1", Digest::Sha256)).await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert!(gone.text().contains("not known here"), "{}", gone.text());
}

#[tokio::test]
async fn for_want_of_apples_authority_somebody_is_told_and_a_device_that_brings_it_mends_that() {
    let house = House::new().await;
    let false_one = issue::root(crate::pki::apple::IPHONE_DEVICE_CA.name, house.app.now()).unwrap();
    let device = false_one.device("TESTSN0002", &PrivateKey::generate_rsa_2048().unwrap(), house.app.now()).unwrap();
    let reply = house.post("/ade", signed(&device, "17.6", Digest::Sha256)).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let raised = house.app.store.read(house.app.now(), alerts::all).await.unwrap();
    assert!(raised[0].message.contains("Apple iPhone Device CA") && raised[0].remedy.contains("OS releases"), "{raised:?}");
    let Some(shared) = crate::shared_for_tests() else { return };
    let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
    let apple = crate::pki::apple::IPHONE_DEVICE_CA.find(&chain).unwrap();
    house.app.store.write(house.app.now(), move |tx| crate::mdm::enroll::automated::carried(tx, &apple)).await.unwrap();
    assert!(house.app.store.read(house.app.now(), alerts::all).await.unwrap().is_empty());
    let roots = house.app.store.read(house.app.now(), |tx| apple_roots::list(tx, &Actor::Console)).await.unwrap();
    assert!(roots.iter().any(|root| root.came.is_some_and(|(source, _)| source == apple_roots::Source::Device)));
    let reply = house.post("/ade", signed(&device, "17.6", Digest::Sha256)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "now it is known to be false");
}

#[tokio::test]
async fn a_web_view_gets_the_profile_at_once_and_a_browser_an_explanation() {
    let house = House::new().await;
    let reply = house.get("/ade", &[]).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.text().contains("being set up"), "{}", reply.text());
    let header = STANDARD.encode(signed(&house.device, "17.6", Digest::Sha256));
    house.get("/ade", &[("x-apple-aspen-deviceinfo", &header)]).await.profile();
    let broken = house.get("/ade", &[("x-apple-aspen-deviceinfo", "!!")]).await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_person_signs_in_at_the_device_where_the_rules_ask_for_it() {
    let house = House::new().await;
    house.change(Change { sign_in: Some(true), ..Change::default() }).await;
    let hashed = Password::parse(Secret::new("correct horse battery".into())).unwrap().hash().unwrap();
    let ada = move |tx: &crate::store::Tx| {
        let new = people::NewPerson {
            name: "Ada".into(),
            email: "ada@example.school".into(),
            role: crate::store::people::PersonRole::Student,
            active: true,
        };
        let ada = people::create(tx, &Actor::Console, new)?;
        access::passwords::set(tx, &Actor::Console, &ada.id, hashed)?;
        Ok(ada.id)
    };
    let ada = house.app.store.write(house.app.now(), ada).await.unwrap();
    let header = STANDARD.encode(signed(&house.device, "17.6", Digest::Sha256));
    let reply = house.get("/ade", &[("x-apple-aspen-deviceinfo", &header)]).await;
    assert!(reply.text().contains("Whose device is this?"), "{}", reply.text());
    let cookie = reply.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let visit = cookie.split_once('=').unwrap().1.to_owned();
    assert!(house.get("/ade", &[("cookie", &cookie)]).await.text().contains("Whose device"), "the view was loaded again");
    let sign_in = async |visit: &str, password: &str| {
        let form = format!("visit={visit}&email=ada%40example.school&password={password}");
        let request = Request::post("/ade/sign-in").header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(form));
        house.send(request.unwrap()).await
    };
    let wrong = sign_in(&visit, "guess").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("Address or password is wrong.") && wrong.text().contains("ada@example.school"), "{}", wrong.text());
    assert!(house.arrival().await.is_none(), "nothing was given out");
    let active = async |active: bool| {
        let id = ada.clone();
        let change = people::Change { active: Some(active), ..people::Change::default() };
        house.app.store.write(house.app.now(), move |tx| people::change(tx, &Actor::Console, &id, change)).await.unwrap();
    };
    active(false).await;
    let left = sign_in(&visit, "correct+horse+battery").await;
    assert!(left.status == StatusCode::FORBIDDEN && left.text().contains("does not belong to this organisation now"), "{}", left.text());
    active(true).await;
    let again = house.get("/ade", &[("x-apple-aspen-deviceinfo", &header)]).await;
    let visit = again.headers[SET_COOKIE].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    sign_in(&visit, "correct+horse+battery").await.profile();
    let arrival = house.arrival().await.unwrap();
    let challenge = house.app.store.read(house.app.now(), move |tx| {
        let hash = arrival.challenge.unwrap().try_into().unwrap();
        crate::store::invitations::challenge_by_hash(tx, &hash)
    });
    assert_eq!(challenge.await.unwrap().unwrap().person_id, Some(ada));
    assert_eq!(sign_in(&visit, "correct+horse+battery").await.status, StatusCode::GONE, "a visit is for one profile");
    let mut last = StatusCode::OK;
    let again = house.get("/ade", &[("x-apple-aspen-deviceinfo", &header)]).await;
    let visit = again.headers[SET_COOKIE].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    for _ in 0..=crate::http::attempts::ATTEMPTS_AT_ONCE {
        last = sign_in(&visit, "guess").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn configurator_is_told_where_devices_ask_and_what_to_trust() {
    let house = House::new().await;
    let reply = house.get("/MDMServiceConfig", &[]).await;
    assert_eq!(reply.headers[CONTENT_TYPE], "application/json; charset=UTF8");
    let told = reply.json();
    assert_eq!(told["dep_enrollment_url"], "https://mdm.example.school/ade");
    let path = |key: &str| told[key].as_str().unwrap().strip_prefix("https://mdm.example.school").unwrap().to_owned();
    let anchors = house.get(&path("dep_anchor_certs_url"), &[]).await.json();
    let root = house.app.authority();
    assert_eq!(anchors, json!([STANDARD.encode(root.issuer.certificate().der())]));
    let trust = house.get(&path("trust_profile_url"), &[]).await.profile();
    let payloads = trust["PayloadContent"].as_array().unwrap();
    let payload = payloads[0].as_dictionary().unwrap();
    assert_eq!(payload["PayloadContent"].as_data(), Some(root.issuer.certificate().der()));
    let invitation = house.app.store.write(house.app.now(), |tx| crate::mdm::enroll::configurator::open(tx, &Actor::Console, 1, ""));
    let code = invitation.await.unwrap().code;
    let told = house.get("/MDMServiceConfig", &[]).await.json();
    assert_eq!(told["dep_enrollment_url"], format!("https://mdm.example.school/ade/{code}"));
    let practiced = house.post(&format!("/ade/{code}"), signed(&house.device, "17.6", Digest::Sha256)).await;
    assert_eq!(practiced.status, StatusCode::OK, "practice devices come along");
    let arrival = house.arrival().await.unwrap();
    assert!(arrival.practice && arrival.entry == Entry::Configurator, "{arrival:?}");
    let new = crate::mdm::enroll::invitations::NewInvitation::default();
    let real = house.app.store.write(house.app.now(), |tx| crate::mdm::enroll::invitations::create(tx, &Actor::Console, new));
    let code = real.await.unwrap().code;
    let practiced = house.post(&format!("/ade/{code}"), signed(&house.device, "17.6", Digest::Sha256)).await;
    assert_eq!(practiced.status, StatusCode::FORBIDDEN, "an invitation is for real devices");
    assert!(house.authority.certificate().is_authority());
}
