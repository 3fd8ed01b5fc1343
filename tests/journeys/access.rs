//! An app on a simulated device asks for access with the device's own certificate, and the person at it opens the catalogue by its icon.

use std::sync::Arc;
use std::time::Duration;

use rollcall::mdm::access::{self, Policy, Proof};
use rollcall::mdm::assignments::{assign, assign_as};
use rollcall::mdm::catalog::{self, Audience, Catalog};
use rollcall::mdm::{Actor, groups};
use rollcall::pki::jws;
use rollcall::sim::access::{AccessClient, Verdict};
use rollcall::sim::device::Device;
use rollcall::store::apps::{self, App, AppKind};
use rollcall::store::assignments::{AssignedKind, AssignedMode};
use rollcall::store::enrollments;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kit::{Guest, House};

const BUNDLE: &str = "school.example.outside";

/// Sends one request over TLS as whoever trusts the house's own root; gives the status and the body.
pub(crate) async fn send(house: &House, method: &str, path: &str, content_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from(house.app().authority().issuer.certificate().der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(house.clock.clone()));
    let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(trusted).with_no_client_auth();
    let port: u16 = house.app().public_url.rsplit(':').next().unwrap().parse().unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

/// Has the house know an app that the device may choose and that asks for access by certificate and token.
async fn app_for(house: &House, guest: &Guest<'_>) {
    let udid = guest.udid();
    house
        .write(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            let app = App {
                id: "field".into(),
                kind: AppKind::Store,
                adam_id: Some("1500000001".into()),
                bundle_id: BUNDLE.into(),
                name: "Field notes".into(),
                note: String::new(),
                platforms: r#"["ios"]"#.into(),
                facts: "{}".into(),
                facts_at: None,
                settings: r#"{"licence":"none"}"#.into(),
                revision: 1,
                created_at: tx.now,
                changed_at: tx.now,
            };
            apps::insert(tx, &app)?;
            let group = groups::create(tx, &Actor::Console, groups::NewGroup { name: "Outside".into(), ..groups::NewGroup::default() })?;
            groups::add(tx, &Actor::Console, &group.id, std::slice::from_ref(&enrollment.device_id))?;
            assign_as(tx, &Actor::Console, (AssignedKind::App, "field", "Field notes"), &group.id, None, AssignedMode::Optional)?;
            let policy = Policy { proofs: vec![Proof::Certificate, Proof::Token], ..Policy::default() };
            access::set(tx, &Actor::Console, "field", policy, None)
        })
        .await;
}

/// The app asks once, signed by the device's identity.
async fn ask(house: &House, guest: &Guest<'_>, client: &mut AccessClient, nonce: &str, token: &str) -> Verdict {
    let body = client.ask(house.clock.now(), nonce, &[("token", token)]);
    let sent = guest
        .look(move |device| {
            let identity = device.identity().unwrap();
            jws::sign_with_chain(identity.key(), std::slice::from_ref(&identity.certificate), &body).unwrap()
        })
        .await;
    let (status, answer) = send(house, "POST", "/access/v1/grant", "application/jose", sent.as_bytes()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let (_, keys) = send(house, "GET", "/access/v1/keys", "", b"").await;
    client.take(&answer, &serde_json::from_slice(&keys).unwrap(), house.clock.now()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_asks_with_the_certificate_of_its_device_until_the_device_leaves() {
    let house = House::open().await;
    for kind in ["ipad@26", "ipad@12"] {
        let guest = house.device(kind).await;
        let udid = guest.udid();
        if kind == "ipad@26" {
            app_for(&house, &guest).await;
        } else {
            let udid = guest.udid();
            house
                .write(move |tx| {
                    let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
                    let group =
                        groups::create(tx, &Actor::Console, groups::NewGroup { name: "Old".into(), ..groups::NewGroup::default() })?;
                    groups::add(tx, &Actor::Console, &group.id, std::slice::from_ref(&enrollment.device_id))?;
                    assign(tx, &Actor::Console, (AssignedKind::App, "field", "Field notes"), &group.id, None)
                })
                .await;
        }
        let token = house.read(move |tx| access::token(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap(), "field")).await.unwrap();
        let mut client = AccessClient::new(BUNDLE, &house.app().public_url, "0d5f6c1e-7a51-4a3e-9d2c-4b8a2f6f0001");
        assert_eq!(ask(&house, &guest, &mut client, "nonce-nonce-nonce-nonce-1", &token).await, Verdict::Open);
        assert_eq!(client.launch_offline(house.clock.now()), Verdict::Open);
        assert_eq!(ask(&house, &guest, &mut client, "nonce-nonce-nonce-nonce-2", &token).await, Verdict::Open);
        let identity = guest
            .look(|device| {
                let identity = device.identity().unwrap();
                (identity.certificate.clone(), identity.key().clone())
            })
            .await;
        guest.look(Device::remove_enrollment).await;
        guest.settle().await;
        let body = client.ask(house.clock.now(), "nonce-nonce-nonce-nonce-3", &[("token", &token)]);
        let sent = jws::sign_with_chain(&identity.1, &[identity.0], &body).unwrap();
        let (_, answer) = send(&house, "POST", "/access/v1/grant", "application/jose", sent.as_bytes()).await;
        let (_, keys) = send(&house, "GET", "/access/v1/keys", "", b"").await;
        let verdict = client.take(&answer, &serde_json::from_slice(&keys).unwrap(), house.clock.now()).unwrap();
        assert!(matches!(verdict, Verdict::Erased(words) if words.contains("not managed")), "{kind}");
        drop(guest);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_comes_as_an_icon_and_what_is_chosen_there_is_asked_for() {
    let house = House::open().await;
    let (young, old) = (house.device("ipad@26").await, house.device("ipad@12").await);
    app_for(&house, &young).await;
    let wanted = Catalog { title: "Our apps".into(), audience: Audience::Everybody, ..Catalog::default() };
    house.write(move |tx| catalog::set(tx, &Actor::Console, wanted)).await;
    for guest in [&young, &old] {
        guest.settle().await;
        let icon = guest.profiles().await.into_iter().find(|profile| profile.identifier == catalog::CLIP_IDENTIFIER);
        assert_eq!(icon.map(|icon| icon.name).as_deref(), Some("Our apps"), "{}", guest.udid());
    }
    let udid = young.udid();
    let link = house.read(move |tx| catalog::link(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap())).await.unwrap();
    let path = format!("/catalog/{}", link.capability);
    let (status, page) = send(&house, "GET", &path, "", b"").await;
    let page = String::from_utf8_lossy(&page).into_owned();
    assert!(status == 200 && page.contains("Install Field notes"), "{page}");
    let form = "application/x-www-form-urlencoded";
    let (status, _) = send(&house, "POST", &format!("{path}/apps/field"), form, b"choice=install").await;
    assert_eq!(status, 303);
    let (_, page) = send(&house, "GET", &path, "", b"").await;
    assert!(String::from_utf8_lossy(&page).contains("Asked for just now"));
    house.write(|tx| catalog::set(tx, &Actor::Console, Catalog::default())).await;
    house.pass(Duration::from_secs(60)).await;
    for guest in [&young, &old] {
        guest.settle().await;
        assert!(guest.profiles().await.iter().all(|profile| profile.identifier != catalog::CLIP_IDENTIFIER), "{}", guest.udid());
    }
    drop((young, old));
    house.close().await;
}
