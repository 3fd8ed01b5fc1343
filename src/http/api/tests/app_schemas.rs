//! What an app's maker says of its configuration, by the API.

use super::*;
use crate::mdm::Actor;
use crate::mdm::apps;
use crate::protocol::app_config::MAX_BYTES;
use crate::protocol::app_config::tests::ATLAS;

impl House {
    async fn bring_schema(&self, role: Role, path: &str, kind: &str, file: &str) -> Reply {
        let token = self.kit.token(role).await;
        let request = Request::builder().method(Method::PUT).uri(path).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", kind).body(Body::from(file.to_owned())).unwrap();
        self.send(Listener::Main, request).await
    }
}

#[tokio::test]
async fn a_makers_file_is_brought_shown_held_against_what_is_set_and_taken_away() {
    let house = House::new();
    let work = |tx: &crate::store::Tx| {
        let app = apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
        apps::learn_identifier(tx, &app.id, "school.example.atlas")?;
        Ok(app.id)
    };
    let id = house.app.store.write(house.app.now(), work).await.unwrap();
    let (path, configuration) = (format!("/api/v1/apps/{id}/configuration-schema"), format!("/api/v1/apps/{id}/configuration"));
    assert_eq!(house.ask(Role::Viewer, Method::GET, &path, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.bring_schema(Role::Viewer, &path, "application/xml", ATLAS).await.status, StatusCode::FORBIDDEN);
    for (kind, file, words) in [
        ("application/json", ATLAS, "application/xml"),
        ("application/xml", "<plist/>", "begins with <plist>"),
        ("text/xml", &ATLAS.replace("example.atlas", "example.bell"), "school.example.bell"),
    ] {
        let wrong = house.bring_schema(Role::Admin, &path, kind, file).await;
        assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.body["detail"].as_str().unwrap().contains(words), "{}", wrong.body);
    }
    let large = house.bring_schema(Role::Admin, &path, "application/xml", &"x".repeat(MAX_BYTES + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let brought = house.bring_schema(Role::Admin, &path, "application/xml; charset=utf-8", ATLAS).await;
    assert_eq!(brought.status, StatusCode::OK, "{}", brought.body);
    let shown = house.ask(Role::Viewer, Method::GET, &path, None).await.body;
    assert_eq!(shown, brought.body);
    let server = &shown["schema"]["groups"][0]["fields"][0];
    assert_eq!((&server["key"], &server["kind"], &server["is_required"]), (&json!("server"), &json!("string"), &json!(true)));

    let sent = json!({ "configuration": { "server": "https://a", "theme": "blue", "ends": { "$date": "2026-12-24T15:30:00Z" } } });
    let wrong = house.ask(Role::Admin, Method::PUT, &configuration, Some(sent.clone())).await;
    assert_eq!((wrong.status, wrong.body["errors"].as_array().unwrap().len()), (StatusCode::BAD_REQUEST, 1), "{}", wrong.body);
    assert_eq!(wrong.body["errors"][0], json!({ "field": "configuration.theme", "message": "one of light, dark" }));
    assert_eq!(house.ask(Role::Admin, Method::GET, &configuration, None).await.body["configuration"], Value::Null);
    let mut anyway = sent;
    anyway["ignore_schema"] = json!(true);
    let set = house.ask(Role::Admin, Method::PUT, &configuration, Some(anyway)).await;
    assert!(set.body["configuration"].as_str().unwrap().contains("blue"), "{}", set.body);

    let token = house.kit.token(Role::Viewer).await;
    let get = request(Method::GET, &format!("{path}/content"), &[("authorization", &format!("Bearer {token}"))], None);
    let content = house.router(Listener::Main).oneshot(get).await.unwrap();
    assert_eq!(content.headers()["content-type"], "application/xml");
    assert_eq!(axum::body::to_bytes(content.into_body(), 1 << 20).await.unwrap(), ATLAS.as_bytes());

    assert_eq!(house.ask(Role::Admin, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &path, None).await.status, StatusCode::NOT_FOUND);
    assert!(house.ask(Role::Admin, Method::GET, &configuration, None).await.body["configuration"].is_string(), "what is set stays");
}
