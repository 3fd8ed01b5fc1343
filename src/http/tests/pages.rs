//! Pages as people of several roles see them.

use super::*;
use crate::clock::Timestamp;
use crate::http::auth::tests::{Kit, peer};
use crate::http::server::Listener;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::{Actor, Role, push_certificates};
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::PushCertificate as Pair;
use crate::store::push_certificates as kept;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// An appliance, and someone who is logged in.
struct House {
    app: App,
    door: Router,
    cookie: String,
}

impl House {
    async fn new(role: Role) -> Self {
        let app = App::for_tests();
        let kit = Kit::on(app.store.clone(), app.clock.clone());
        kit.add("kim", role).await;
        let cookie = kit.cookie("kim").await;
        let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        Self { app, door, cookie }
    }

    async fn send(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> (StatusCode, String) {
        let request = request.header("cookie", &self.cookie).header("sec-fetch-site", "same-origin").body(body.into()).unwrap();
        let (parts, body) = self.door.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(Request::get(path), Body::empty()).await
    }

    /// Uploads a push certificate that ends at `now` plus a year less `sooner_days`.
    async fn upload(&self, sooner_days: u64) -> (StatusCode, String) {
        let pair = pair(self.app.now().minus(std::time::Duration::from_secs(sooner_days * 24 * 3600)), self.app.now());
        let file = format!("{}{}", pair.certificate().to_pem(), pair.key().to_pem().expose());
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"certificate\"; filename=\"push.pem\"\r\n\r\n{file}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"account\"\r\n\r\nit@example.school\r\n--b--\r\n"
        );
        self.send(Request::post("/system/push").header("content-type", "multipart/form-data; boundary=b"), body).await
    }

    async fn ends(&self) -> Timestamp {
        self.app.store.read(self.app.now(), |tx| kept::by_topic(tx, TOPIC)).await.unwrap().unwrap().not_after_at
    }
}

fn pair(begins: Timestamp, now: Timestamp) -> Pair {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let certificate = issue::root("Portal of a test", now).unwrap().practice_push(TOPIC, &key, begins).unwrap();
    Pair::new(certificate, key, now).unwrap()
}

#[tokio::test]
async fn a_code_that_lets_devices_in_is_shown_to_those_who_may_invite() {
    for (role, may) in [(Role::Helper, true), (Role::Viewer, false)] {
        let house = House::new(role).await;
        let made = house.app.store.write(house.app.now(), |tx| invitations::create(tx, &Actor::Console, NewInvitation::default()));
        let invitation = made.await.unwrap();
        for path in [String::from("/invitations"), format!("/invitations/{}", invitation.id)] {
            let (status, html) = house.get(&path).await;
            assert_eq!((status, html.contains(&invitation.code)), (StatusCode::OK, may), "{role:?} {path}: {html}");
        }
    }
}

#[tokio::test]
async fn a_push_certificate_that_ends_sooner_is_asked_about_first() {
    let house = House::new(Role::Admin).await;
    let first = pair(house.app.now(), house.app.now());
    let put = move |tx: &crate::store::Tx| push_certificates::put(tx, &Actor::Console, &first, "", false);
    house.app.store.write(house.app.now(), put).await.unwrap();
    let before = house.ends().await;
    let (status, html) = house.upload(300).await;
    assert_eq!(status, StatusCode::CONFLICT, "{html}");
    assert!(html.contains("This certificate ends sooner") && html.contains("earlier than the one before it"), "{html}");
    assert!(html.contains(&format!("({})", before.words())) && !html.contains(&format!("({before})")), "{html}");
    assert_eq!(house.ends().await, before, "nothing is replaced before the answer");
    let form = || Request::post("/system/push").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(house.send(form(), "").await.0, StatusCode::CONFLICT);
    assert_eq!(house.send(form(), "confirmed=1").await.0, StatusCode::SEE_OTHER);
    assert!(house.ends().await < before);
    let (status, html) = house.upload(0).await;
    assert_eq!(status, StatusCode::OK, "{html}");
    assert!(html.contains("The push certificate is in use."));
}
