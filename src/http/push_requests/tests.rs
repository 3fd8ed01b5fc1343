//! Every way from nothing to a push certificate, by page and by API, with stand-ins for the signing service and for Apple's portal.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::*;
use crate::app::{Authority, Parts};
use crate::apple::apns::{Apns, ApnsConfig};
use crate::apple::connect::{Connector, Trust};
use crate::apple::webhook::Webhook;
use crate::config::{Config, Layer};
use crate::http::api::Streams;
use crate::http::auth::tests::{Kit, peer};
use crate::http::doors;
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::mdm::push_certificates;
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms;
use crate::pki::csr::CertificationRequest;
use crate::pki::issue::tests::chain_of;
use crate::pki::push_request::sign_as_vendor;
use crate::random::Random;
use crate::sim::apple::apns::ApnsStandIn;
use crate::sim::apple::authority;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
const GOOD: &str = r#"{"result": "success"}"#;

/// What the signing service was asked, and what it answers.
#[derive(Default)]
struct Service {
    asked: Vec<Vec<u8>>,
    answer: String,
}

/// An appliance, the signing service it asks, and the people who set it up.
struct House {
    app: App,
    door: Router,
    kit: Kit,
    service: Arc<Mutex<Service>>,
    vendor: (Signer, Vec<Certificate>),
}

impl House {
    async fn new() -> Self {
        let base = App::for_tests();
        let root = authority::Authority::new("Practice", base.now(), Random::seeded(4)).unwrap();
        let service = Arc::new(Mutex::new(Service { answer: GOOD.to_owned(), ..Service::default() }));
        let port = serve(&root, base.now(), Arc::clone(&service)).await;
        let connector = Connector::new(Trust::only(&root.pem()).unwrap(), base.clock.clone());
        let endpoint = format!("https://localhost:{port}");
        let config = Config::read(
            Layer::flags()
                .with("data", ["/nonexistent"])
                .with("apple.mdmcert_endpoint", [endpoint.as_str()])
                .with("apple.apns_endpoint", ["https://localhost:1"]),
            Vec::new(),
        );
        let app = App::new(Parts {
            config: config.unwrap(),
            public_url: base.public_url.clone(),
            store: base.store.clone(),
            clock: base.clock.clone(),
            random: base.random.clone(),
            apps_and_books: base.apps_and_books.clone(),
            ade: base.ade.clone(),
            software_lookup: base.software_lookup.clone(),
            webhook: Webhook::new(&connector).unwrap(),
            object_stores: crate::apple::object_store::ObjectStores::new(&connector),
            certificate_authorities: crate::apple::certificate_authority::CertificateAuthorities::new(&connector),
            mailer: crate::apple::smtp::Mailer::new(&connector),
            apns: Arc::new(Apns::new(ApnsConfig::new(connector.clone()))),
            connector,
            roots: Authority { id: "test".into(), issuer: issue::root("Test", base.now()).unwrap(), bridge: None }.into(),
            imported: Vec::new(),
        });
        let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        let kit = Kit::on(app.store.clone(), app.clock.clone());
        let end = app.now().plus(Duration::from_secs(86_400));
        let vendor = chain_of(["MDM Vendor: Example", "Practice Relations CA", "Practice Root"], end, app.now());
        Self { app, door, kit, service, vendor }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let (parts, body) = self.door.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Posts JSON with an API token of `role`.
    async fn post(&self, role: Role, path: &str, body: Value) -> (StatusCode, Value) {
        let token = self.kit.token(role).await;
        let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
        let (status, body) = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// What a browser sends from our own page.
    async fn browse(&self, cookie: &str, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header("cookie", cookie).header("sec-fetch-site", "same-origin");
        self.send(request.header("content-type", kind).body(Body::from(body)).unwrap()).await
    }

    /// Uploads files as a browser does.
    async fn upload(&self, cookie: &str, path: &str, field: &str, files: &[&[u8]]) -> (StatusCode, String) {
        let mut body = Vec::new();
        for file in files {
            body.extend_from_slice(
                format!(
                    "--cut\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a file\"\r\nContent-Type: text/plain\r\n\r\n"
                )
                .as_bytes(),
            );
            body.extend_from_slice(file);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--cut--\r\n");
        self.browse(cookie, "POST", path, "multipart/form-data; boundary=cut", body).await
    }

    fn signed(&self, request: &CertificationRequest) -> String {
        sign_as_vendor(request.der(), &self.vendor.0, &self.vendor.1).unwrap()
    }

    /// The attachment of the mail that answers the latest asking.
    fn mailed(&self) -> Vec<u8> {
        let asked = mdmcert::read(self.service.lock().unwrap().asked.last().unwrap()).unwrap();
        let request = CertificationRequest::from_pem(&asked.csr).unwrap();
        let recipient = Certificate::from_pem(&asked.encrypt).unwrap();
        let message = cms::encrypt(&recipient, self.signed(&request).as_bytes(), Cipher::DesEde3Cbc).unwrap();
        crate::pki::hex(&message).into_bytes()
    }

    /// What Apple's portal gives for a signed request.
    async fn portal(&self, file: &str) -> String {
        let signed = SignedRequest::parse(file.as_bytes()).unwrap();
        assert_eq!(signed.problems(None, self.app.now()), []);
        let portal = ApnsStandIn::start(self.app.clock.clone(), Random::seeded(5)).await.unwrap();
        portal.issue_push_certificate(TOPIC, signed.csr.der()).unwrap().to_pem()
    }

    async fn topic_in_use(&self) -> Option<String> {
        let standings = self.app.store.read(self.app.now(), |tx| push_certificates::list(tx, &Actor::Console)).await.unwrap();
        standings.into_iter().find(|standing| standing.certificate.current).map(|standing| standing.certificate.topic)
    }
}

/// A signing service on a loopback port: one request a connection.
async fn serve(root: &authority::Authority, now: crate::clock::Timestamp, service: Arc<Mutex<Service>>) -> u16 {
    let (certificate, key) = root.server(&["localhost"], now).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut stream = BufReader::new(stream);
            let (mut head, mut line) = (String::new(), String::new());
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
                head.push_str(&line);
            }
            assert!(head.starts_with("POST /api/v1/signrequest HTTP/1.1"), "{head}");
            let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let answer = {
                let mut service = service.lock().unwrap();
                service.asked.push(body);
                service.answer.clone()
            };
            let reply = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
            stream.write_all(reply.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn mdmcert_download_signs_by_mail_and_the_appliance_opens_it() {
    let house = House::new().await;
    let base = "/api/v1/push-certificates";
    let (status, made) = house.post(Role::Admin, &format!("{base}/request"), json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let mail = format!("{base}/request/mail");
    let (status, refused) = house.post(Role::Admin, &mail, json!({ "email": "it@example.school" })).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("key")));
    let (status, refused) = house.post(Role::Admin, &mail, json!({ "email": "nobody", "key": "client-key" })).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("email")));
    house.service.lock().unwrap().answer = r#"{"result": "failure", "reason": "not registered"}"#.to_owned();
    let (status, refused) = house.post(Role::Admin, &mail, json!({ "email": "it@example.school", "key": "client-key" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["detail"].as_str().unwrap().contains("not registered"), "{refused}");

    house.service.lock().unwrap().answer = GOOD.to_owned();
    assert_eq!(house.post(Role::Admin, &mail, json!({ "email": "it@example.school", "key": "client-key" })).await.0, StatusCode::OK);
    assert_eq!(house.post(Role::Admin, &mail, json!({ "email": "it@example.school" })).await.0, StatusCode::OK, "the key is kept");
    for asked in &house.service.lock().unwrap().asked {
        let asked = mdmcert::read(asked).unwrap();
        assert_eq!(
            (asked.key.expose().as_str(), String::from_utf8(asked.csr).unwrap()),
            ("client-key", made["request"].as_str().unwrap().into())
        );
    }
    let check = format!("{base}/request/check");
    let (status, checked) = house.post(Role::Admin, &check, json!({ "file": STANDARD.encode(house.mailed()) })).await;
    assert_eq!((status, &checked["problems"]), (StatusCode::OK, &json!([])));
    let certificate = house.portal(checked["request"].as_str().unwrap()).await;
    assert_eq!(house.post(Role::Admin, base, json!({ "files": [STANDARD.encode(certificate)] })).await.0, StatusCode::CREATED);
    assert_eq!(house.topic_in_use().await.as_deref(), Some(TOPIC));
    for path in ["request", "request/mail", "request/check", "request/sign"] {
        let body = json!({ "email": "it@example.school", "file": "", "files": [] });
        let body = if path == "request/check" {
            json!({ "file": "" })
        } else if path == "request/mail" {
            json!({ "email": "a@b" })
        } else {
            body
        };
        let body = if path == "request/sign" { json!({ "files": [""] }) } else { body };
        assert_eq!(house.post(Role::Viewer, &format!("{base}/{path}"), body).await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_vendor_certificate_of_ones_own_signs_here_and_faults_are_told_before_apple_is_visited() {
    let house = House::new().await;
    let (signer, chain) = &house.vendor;
    let key = STANDARD.encode(signer.key().to_pem().expose());
    let [vendor, middle, root] = [signer.certificate(), &chain[0], &chain[1]].map(|certificate| STANDARD.encode(certificate.to_pem()));
    let sign = "/api/v1/push-certificates/request/sign";
    let (status, refused) = house.post(Role::Admin, sign, json!({ "files": [vendor] })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["detail"].as_str().unwrap().contains("private key of the vendor certificate is missing"), "{refused}");
    let (status, faulty) = house.post(Role::Admin, sign, json!({ "files": [vendor, key] })).await;
    assert_eq!(status, StatusCode::OK);
    assert!(faulty["problems"][0].as_str().unwrap().contains("the certificate chain is incomplete"), "{faulty}");
    let many = vec![vendor.clone(); VENDOR_FILES_MAX + 1];
    assert_eq!(house.post(Role::Admin, sign, json!({ "files": many })).await.0, StatusCode::BAD_REQUEST);
    let (status, signed) = house.post(Role::Admin, sign, json!({ "files": [root, key, vendor, middle] })).await;
    assert_eq!((status, &signed["problems"]), (StatusCode::OK, &json!([])));
    let certificate = house.portal(signed["request"].as_str().unwrap()).await;
    assert_eq!(
        house.post(Role::Admin, "/api/v1/push-certificates", json!({ "files": [STANDARD.encode(certificate)] })).await.0,
        StatusCode::CREATED
    );

    // A request for a key that is not here would come back as a certificate that cannot be used.
    let stranger = certification_request(
        &PrivateKey::generate_rsa_2048().unwrap(),
        &Applicant { common_name: "Another", country: "DE", email: "it@example.school" },
    );
    let foreign = house.signed(&CertificationRequest::from_der(&stranger.unwrap()).unwrap());
    let (_, checked) =
        house.post(Role::Admin, "/api/v1/push-certificates/request/check", json!({ "file": STANDARD.encode(foreign) })).await;
    assert!(checked["problems"][0].as_str().unwrap().contains("another key than this server's"), "{checked}");
}

#[tokio::test]
async fn the_page_leads_from_nothing_to_a_certificate_in_use() {
    let house = House::new().await;
    house.kit.add("kim", Role::Owner).await;
    let cookie = house.kit.cookie("kim").await;
    let form = "application/x-www-form-urlencoded";
    let (status, page) = house.browse(&cookie, "POST", "/system/push/mdmcert", form, b"email=it%40example.school&key=".to_vec()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("mdmcert.download gives one to each program"), "{page}");
    let (status, page) =
        house.browse(&cookie, "POST", "/system/push/mdmcert", form, b"email=it%40example.school&key=client-key".to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("A mail to it@example.school is on its way"), "{page}");
    assert_eq!(
        house.browse(&cookie, "GET", "/system/push/signed", form, Vec::new()).await.0,
        StatusCode::SEE_OTHER,
        "nothing is signed yet"
    );
    let (status, page) = house.upload(&cookie, "/system/push/signed", "signed", &[b"hello"]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("not a push certificate request"), "{page}");
    // At the wrong form: it is taken for what it is.
    let (status, page) = house.upload(&cookie, "/system/push", "certificate", &[&house.mailed()]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("The signed request is good"), "{page}");
    let (_, file) = house.browse(&cookie, "GET", "/system/push/signed", form, Vec::new()).await;
    let certificate = house.portal(&file).await;
    let (status, page) = house.upload(&cookie, "/system/push", "certificate", &[certificate.as_bytes()]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("The push certificate is in use"), "{page}");

    // A renewal made elsewhere comes as two files, in either order.
    let portal = ApnsStandIn::start(house.app.clock.clone(), Random::seeded(6)).await.unwrap();
    let renewed = portal.issue_push_identity(TOPIC).unwrap();
    let (pem, key) = (renewed.certificate.to_pem(), renewed.key.to_pem().expose().clone());
    for files in [[pem.as_bytes(), key.as_bytes()], [key.as_bytes(), pem.as_bytes()]] {
        let (status, page) = house.upload(&cookie, "/system/push", "certificate", &files).await;
        assert_eq!(status, StatusCode::OK, "{page}");
    }
    // Someone else's vendor certificate, all files at once.
    let (signer, chain) = &house.vendor;
    let files = [signer.key().to_pem().expose().clone(), signer.certificate().to_pem(), chain[0].to_pem(), chain[1].to_pem()];
    let files: Vec<&[u8]> = files.iter().map(String::as_bytes).collect();
    let (status, page) = house.upload(&cookie, "/system/push/sign", "files", &files).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("The signed request is good"), "{page}");
}
