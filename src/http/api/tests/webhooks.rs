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

/// A receiver that answers each post with this status and a word.
async fn receiver(status: &'static str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            // The body is one JSON object, and nothing in the head ends like one.
            while !bytes.ends_with(b"}") {
                if stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                    continue;
                }
                break;
            }
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nHello").as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_webhook_is_tried_changed_and_tells_what_was_posted() {
    let house = House::new();
    let url = receiver("200 OK").await;
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(json!({ "url": url }))).await.body;
    let address = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    let tried = house.ask(Role::Admin, Method::POST, &format!("{address}/test"), None).await;
    assert_eq!(
        (tried.status, &tried.body["delivered"], &tried.body["status"]),
        (StatusCode::OK, &json!(true), &json!(200)),
        "{}",
        tried.body
    );
    let hidden = tried.body["answer"].as_str().unwrap();
    assert!(hidden.contains("shown to owners only"), "what a service within the network says is not for every admin: {hidden}");
    let owners = house.ask(Role::Owner, Method::POST, &format!("{address}/test"), None).await;
    assert_eq!(owners.body["answer"], "Hello");

    let refusing = receiver("418 I'm a teapot").await;
    let changed = house.ask(Role::Admin, Method::PATCH, &address, Some(json!({ "url": refusing, "topics": ["mdm.CheckOut"] }))).await;
    assert_eq!((changed.status, &changed.body["topics"]), (StatusCode::OK, &json!(["mdm.CheckOut"])));
    let tried = house.ask(Role::Admin, Method::POST, &format!("{address}/test"), None).await.body;
    assert_eq!(
        (&tried["delivered"], &tried["status"], &tried["error"]),
        (&json!(false), &json!(418), &json!("it answered with status 418"))
    );
    let nobody = json!({ "url": "http://127.0.0.1:1/" });
    assert_eq!(house.ask(Role::Admin, Method::PATCH, &address, Some(nobody)).await.status, StatusCode::OK);
    let tried = house.ask(Role::Admin, Method::POST, &format!("{address}/test"), None).await.body;
    assert!(tried["status"].is_null() && tried["error"].is_string(), "{tried}");

    let log = house.ask(Role::Admin, Method::GET, &format!("{address}/deliveries?limit=2"), None).await.body;
    assert_eq!((&log["total"], log["items"].as_array().unwrap().len()), (&json!(4), 2));
    assert_eq!(
        (&log["items"][1]["state"], &log["items"][1]["status"], &log["items"][1]["topic"]),
        (&json!("given_up"), &json!(418), &json!("rollcall.Test"))
    );
    let next = format!("{address}/deliveries?after={}", log["next"].as_str().unwrap());
    let rest = house.ask(Role::Admin, Method::GET, &next, None).await.body;
    assert_eq!(rest["items"][0]["state"], "delivered");
    assert_eq!(rest["items"][1]["state"], "delivered");
    let again = format!("{address}/deliveries/{}/redeliver", rest["items"][0]["seq"]);
    assert_eq!(house.ask(Role::Admin, Method::POST, &again, None).await.status, StatusCode::ACCEPTED);

    let off = house.ask(Role::Admin, Method::PATCH, &address, Some(json!({ "enabled": false }))).await.body;
    assert!(off["disabled_at"].is_string() && off["waiting"] == 0, "{off}");
    assert_eq!(house.ask(Role::Admin, Method::POST, &again, None).await.status, StatusCode::CONFLICT);
    let key = house.ask(Role::Admin, Method::POST, &format!("{address}/key"), None).await.body;
    assert!(key["hmac_key"].as_str().unwrap() != made["hmac_key"].as_str().unwrap());
    for (method, path) in [(Method::POST, format!("{address}/test")), (Method::GET, format!("{address}/deliveries")), (Method::POST, again)]
    {
        assert_eq!(house.ask(Role::Helper, method, &path, None).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn where_clouds_tell_a_machine_its_secrets_nobody_is_asked() {
    let house = House::new();
    for cloud in ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/"] {
        let off = house.ask(Role::Owner, Method::POST, "/api/v1/webhooks", Some(json!({ "url": cloud }))).await.body;
        let path = format!("/api/v1/webhooks/{}/test", off["id"].as_str().unwrap());
        let tried = house.ask(Role::Owner, Method::POST, &path, None).await.body;
        assert!(tried["error"].as_str().unwrap().contains("surroundings"), "{tried}");
    }
}
