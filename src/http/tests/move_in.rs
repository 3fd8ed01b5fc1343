//! Moving in at the page: an authority and a profile are brought, and who may not is kept out.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::*;
use crate::http::auth::tests::{Kit, peer};
use crate::http::server::Listener;
use crate::mdm::{Actor, Role, checkin};
use crate::pki::issue;

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
        (parts.status, String::from_utf8_lossy(&axum::body::to_bytes(body, 1 << 20).await.unwrap()).into_owned())
    }

    async fn upload(&self, path: &str, field: &str, file: &str) -> (StatusCode, String) {
        let body = format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"any\"\r\n\r\n{file}\r\n--b--\r\n");
        self.send(Request::post(path).header("content-type", "multipart/form-data; boundary=b"), body).await
    }

    async fn page(&self) -> String {
        let (status, page) = self.send(Request::get("/system/move-in"), Body::empty()).await;
        assert_eq!(status, StatusCode::OK);
        page
    }
}

#[tokio::test]
async fn an_owner_brings_an_authority_and_a_wrong_file_is_named() {
    let house = House::new(Role::Owner).await;
    let body = "<plist><dict><key>MessageType</key><string>TokenUpdate</string><key>UDID</key><string>A-1</string><key>Topic</key>\
                <string>com.apple.mgmt.x</string><key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string></dict></plist>";
    let message = crate::protocol::checkin::parse(body.as_bytes()).unwrap();
    house.app.store.write(house.app.now(), move |tx| checkin::move_in(tx, &Actor::Console, &message)).await.unwrap();
    let page = house.page().await;
    assert!(page.contains("moved in, not seen yet") && page.contains("1 device cannot"), "{page}");
    let (_, system) = house.send(Request::get("/system"), Body::empty()).await;
    assert!(system.contains("devices moved in that cannot be woken") && system.contains("href=\"/system/move-in\""), "{system}");
    let (_, devices) = house.send(Request::get("/devices"), Body::empty()).await;
    assert!(devices.contains("moved in, not seen yet"), "{devices}");

    let (status, page) = house.upload("/system/move-in/authority", "files", "<html>").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("role=\"alert\""), "{page}");
    let root = issue::root("Elsewhere CA", house.app.now()).unwrap();
    let (status, _) = house.upload("/system/move-in/authority", "files", &root.certificate().to_pem()).await;
    assert_eq!((status, house.app.imported().len()), (StatusCode::SEE_OTHER, 1));
    let page = house.page().await;
    assert!(page.contains("Elsewhere CA") && page.contains("takes devices in"), "{page}");
    let id = house.app.imported()[0].id.clone();
    let form = Request::post("/system/move-in/window").header("content-type", "application/x-www-form-urlencoded");
    let (status, _) = house.send(form, format!("id={id}&days=0")).await;
    assert_eq!((status, house.app.imported()[0].until), (StatusCode::SEE_OTHER, house.app.now()));
    let (status, page) = house.upload("/system/move-in/profile", "profile", "no profile").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("role=\"alert\""), "{page}");
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_there() {
    let house = House::new(Role::Viewer).await;
    assert!(!house.page().await.contains("multipart"));
    let root = issue::root("Elsewhere CA", house.app.now()).unwrap();
    let (status, _) = house.upload("/system/move-in/authority", "files", &root.certificate().to_pem()).await;
    assert_eq!((status, house.app.imported().len()), (StatusCode::FORBIDDEN, 0));
    let (status, _) = house.upload("/system/move-in/profile", "profile", "x").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
