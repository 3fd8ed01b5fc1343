//! Webhooks by those who configure.

use super::*;

#[tokio::test]
async fn a_webhook_is_made_listed_and_deleted_by_those_who_configure() {
    let house = House::new();
    let wish = json!({ "url": "https://hooks.example.school/mdm", "topics": ["mdm.CheckOut"] });
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(wish.clone())).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(made.body["hmac_key"].as_str().unwrap().len() >= 16);
    house.app.clock.advance(Duration::from_secs(1));
    let second = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(wish.clone())).await;
    let page = house.ask(Role::Admin, Method::GET, "/api/v1/webhooks?limit=1", None).await.body;
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(page["items"][0]["id"], made.body["id"]);
    assert!(page["items"][0].get("hmac_key").is_none(), "the key is said once");
    let next = format!("/api/v1/webhooks?after={}", page["next"].as_str().unwrap());
    let rest = house.ask(Role::Admin, Method::GET, &next, None).await.body;
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&second.body["id"], &Value::Null));
    let address = format!("/api/v1/webhooks/{}", made.body["id"].as_str().unwrap());
    assert_eq!(house.ask(Role::Helper, Method::DELETE, &address, None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &address, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &address, None).await.status, StatusCode::NOT_FOUND);
    let refused = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(json!({ "url": "hooks.example.school" }))).await;
    assert_eq!(refused.body["errors"][0]["field"], "url");
    assert_eq!(house.ask(Role::Viewer, Method::POST, "/api/v1/webhooks", Some(wish)).await.status, StatusCode::FORBIDDEN);
}
