//! The steps of set-up as an Owner walks through them.

use axum::Extension;
use axum::body::Body;
use axum::http::Request;

use super::*;
use crate::http::auth::tests::{Kit, peer};
use crate::http::server::Listener;
use crate::mdm::Role;

#[tokio::test]
async fn each_step_is_ticked_off_when_it_is_done_and_the_next_one_is_offered() {
    let app = App::for_tests();
    let kit = Kit::on(app.store.clone(), app.clock.clone());
    kit.add("kim", Role::Owner).await;
    let cookie = kit.cookie("kim").await;
    let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
    let send = async |method: &str, path: &str, body: &str, cookie: &str| {
        let request = Request::builder().method(method).uri(path).header("cookie", cookie).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = door.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, headers, _) = send("GET", "/setup", "", &cookie).await;
    assert_eq!((status, &headers[header::LOCATION]), (StatusCode::SEE_OTHER, &"/setup/steps".parse().unwrap()));
    let (status, headers, _) = send("GET", "/setup/steps", "", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(headers[header::LOCATION].to_str().unwrap().starts_with("/login"), "whoever is not logged in is asked first");
    let current = async || {
        let (status, _, page) = send("GET", "/setup/steps", "", &cookie).await;
        assert_eq!(status, StatusCode::OK);
        page.split("now: </span>").nth(1).map_or_else(String::new, |rest| rest.split('<').next().unwrap().to_owned())
    };
    assert_eq!(current().await, "Address");
    assert!(send("GET", "/system", "", &cookie).await.2.contains("href=\"/setup\""), "System leads back here until it is done");
    assert_eq!(send("POST", "/setup/address/test", "", &cookie).await.0, StatusCode::SEE_OTHER);
    let tried = send("GET", "/setup/steps", "", &cookie).await.2;
    assert!(tried.contains("This machine does not reach itself there:") && tried.contains("Try it again"), "{tried}");
    assert!(tried.contains("Add a second factor") && tried.contains("tls-alpn-01"), "{tried}");
    assert_eq!(send("POST", "/setup/address", "", &cookie).await.0, StatusCode::SEE_OTHER);
    assert_eq!(current().await, "Try it with practice devices");
    assert_eq!(send("POST", "/system/practice", "devices=0", &cookie).await.0, StatusCode::SEE_OTHER);
    assert_eq!(current().await, "Push certificate");
    assert!(send("GET", "/setup/steps", "", &cookie).await.2.contains("href=\"/system/push\""));
}
