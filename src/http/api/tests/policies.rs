//! Policies by those who configure, and what they come to on a device.

use super::commands::UDID;
use super::*;
use crate::store::policies::tests as rows;

/// Makes a policy; gives its id.
async fn make(house: &House, name: &str, settings: Value) -> String {
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/policies", Some(json!({ "name": name, "settings": settings }))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    made.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_policy_is_made_listed_changed_and_deleted_by_those_who_configure() {
    let house = House::new();
    let wish = json!({ "name": "Exam", "settings": { "no_camera": true, "open_in_pasteboard": true, "no_siri": false } });
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/policies", Some(wish.clone())).await;
    assert_eq!((made.status, &made.body["settings"]), (StatusCode::CREATED, &json!({ "no_camera": true, "open_in_pasteboard": true })));
    assert_eq!(made.body["warnings"][0]["switch"], "open_in_pasteboard");
    assert_eq!(made.body["summary"], json!(["Copy and paste follows the same rules", "No camera"]));
    let address = format!("/api/v1/policies/{}", made.body["id"].as_str().unwrap());
    assert_eq!(house.ask(Role::Viewer, Method::GET, &address, None).await.body, made.body);
    assert_eq!(house.ask(Role::Helper, Method::POST, "/api/v1/policies", Some(wish.clone())).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::POST, "/api/v1/policies", Some(wish)).await.status, StatusCode::CONFLICT);
    make(&house, "another", json!({ "no_siri": true })).await;
    let first = house.ask(Role::Viewer, Method::GET, "/api/v1/policies?limit=1", None).await.body;
    assert_eq!((name_of(&first["items"][0]), &first["total"]), ("another", &json!(2)));
    let next = format!("/api/v1/policies?after={}", first["next"].as_str().unwrap());
    let rest = house.ask(Role::Viewer, Method::GET, &next, None).await.body;
    assert_eq!((name_of(&rest["items"][0]), &rest["next"]), ("Exam", &Value::Null));
    let change = json!({ "settings": { "no_camera": true }, "revision": 1 });
    let changed = house.ask(Role::Admin, Method::PATCH, &address, Some(change.clone())).await;
    assert_eq!((changed.status, &changed.body["revision"], &changed.body["warnings"]), (StatusCode::OK, &json!(2), &json!([])));
    assert_eq!(house.ask(Role::Admin, Method::PATCH, &address, Some(change)).await.status, StatusCode::CONFLICT);
    for method in [Method::PATCH, Method::DELETE] {
        assert_eq!(house.ask(Role::Viewer, method, &address, Some(json!({ "note": "x" }))).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &address, None).await.status, StatusCode::NO_CONTENT);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(house.ask(Role::Admin, method, &address, None).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn what_cannot_be_is_named_by_its_switch_and_changes_nothing() {
    let house = House::new();
    for (body, field) in [
        (json!({ "name": "x", "settings": { "no_cammera": true } }), "settings.no_cammera"),
        (json!({ "name": "x", "settings": { "passcode_min_length": 99 } }), "settings.passcode_min_length"),
        (json!({ "name": "x", "settings": { "managed_web_domains": ["*"] } }), "settings.managed_web_domains"),
        (json!({ "name": "x", "settings": {} }), "settings"),
        (json!({ "name": "x".repeat(101), "settings": { "no_camera": true } }), "name"),
        (json!({ "name": "x", "settings": { "no_camera": true }, "colour": "red" }), "colour"),
    ] {
        let reply = house.ask(Role::Admin, Method::POST, "/api/v1/policies", Some(body)).await;
        assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", reply.body);
    }
    assert_eq!(house.ask(Role::Admin, Method::GET, "/api/v1/policies", None).await.body["total"], 0);
}

#[tokio::test]
async fn a_policy_made_twice_with_one_key_is_one() {
    let house = House::new();
    let key = [("idempotency-key", "8e03978e-40d5-43e8-bc93-6894a57f9324")];
    let body = || Some(json!({ "name": "Exam", "settings": { "no_camera": true } }));
    let first = house.console(Method::POST, "/api/v1/policies", &key, body()).await;
    let again = house.console(Method::POST, "/api/v1/policies", &key, body()).await;
    assert_eq!((first.status, &first.body), (StatusCode::CREATED, &again.body));
}

#[tokio::test]
async fn the_catalogue_tells_tools_what_there_is() {
    let house = House::new();
    let all = house.ask(Role::Viewer, Method::GET, "/api/v1/policies/switches", None).await.body;
    let items = all["items"].as_array().unwrap();
    assert_eq!(all["total"], items.len());
    let find = |id: &str| items.iter().find(|item| item["id"] == id).unwrap();
    assert_eq!(find("passcode_min_length")["minimum"], 4);
    let private = find("no_private_browsing");
    let expected = json!({ "platform": "ios", "from": "26.0", "before": null, "declaration": true, "of_type": "com.apple.configuration.safari.settings",
        "keys": ["AllowPrivateBrowsing"], "supervised_from": "26.0", "own_devices": false });
    assert_eq!(private["mechanisms"][0], expected);
    assert_eq!(find("open_in_airdrop")["mechanisms"][0]["own_devices"], true);
    let install = find("auto_install");
    assert_eq!((&install["kind"], &install["options"][1]), (&json!("word"), &json!({ "value": "AlwaysOff", "words": "never" })));
    assert_eq!(find("app_age")["options"][0]["value"], 100);
}

#[tokio::test]
async fn a_policy_reaches_the_devices_of_its_groups_until_it_ends() {
    let house = House::new();
    house.enrolled().await;
    let device =
        house.ask(Role::Viewer, Method::GET, &format!("/api/v1/devices/{UDID}"), None).await.body["id"].as_str().unwrap().to_owned();
    let put = move |tx: &crate::store::Tx| {
        rows::group(tx, "g1", "Cart A")?;
        rows::put_in(tx, "g1", &device)
    };
    house.app.store.write(house.app.now(), put).await.unwrap();
    let strict = make(&house, "Strict", json!({ "app_age": 100, "no_camera": true })).await;
    let loose = make(&house, "Loose", json!({ "app_age": 600, "no_private_browsing": true })).await;
    let ends = house.app.now().plus(Duration::from_secs(3600));
    let on = |id: &str| format!("/api/v1/policies/{id}/groups/g1");
    let assigned = house.ask(Role::Admin, Method::PUT, &on(&strict), Some(json!({ "ends_at": ends }))).await;
    assert_eq!((assigned.status, &assigned.body["groups"][0]["ends_at"]), (StatusCode::OK, &json!(ends)), "{}", assigned.body);
    let without_body = house.ask(Role::Admin, Method::PUT, &on(&loose), None).await;
    assert_eq!((without_body.status, &without_body.body["groups"][0]["device_count"]), (StatusCode::OK, &json!(1)));
    let address = format!("/api/v1/devices/{UDID}/policies");
    let told = house.ask(Role::Viewer, Method::GET, &address, None).await.body;
    let find = |told: &Value, key: &str| told["keys"].as_array().unwrap().iter().find(|found| found["key"] == key).cloned();
    let rating = find(&told, "ratingApps").unwrap();
    assert_eq!(
        (&rating["value"], &rating["origins"][0]["name"], rating["origins"].as_array().unwrap().len()),
        (&json!(100), &json!("Strict"), 1)
    );
    assert_eq!((&told["unable"][0]["what"], &told["unable"][0]["origin"]["name"]), (&json!("No private browsing"), &json!("Loose")));
    house.app.clock.advance(Duration::from_secs(3601));
    let later = house.ask(Role::Viewer, Method::GET, &address, None).await.body;
    assert_eq!(find(&later, "ratingApps").unwrap()["value"], 600, "what has ended does not count");
    for wrong in ["/api/v1/policies/x/groups/g1".to_owned(), format!("/api/v1/policies/{strict}/groups/x")] {
        assert_eq!(house.ask(Role::Admin, Method::PUT, &wrong, None).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(house.ask(Role::Helper, Method::DELETE, &on(&loose), None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &on(&loose), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &on(&loose), None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.ask(Role::Viewer, Method::GET, &address, None).await.body, json!({ "keys": [], "unable": [] }));
}

#[tokio::test]
async fn what_a_policy_gets_in_the_way_of_is_told_when_it_is_checked_assigned_and_read() {
    let house = House::new();
    house.app.store.write(house.app.now(), |tx| rows::group(tx, "g1", "Cart A")).await.unwrap();
    house.app.store.write(house.app.now(), |tx| crate::store::meetings::tests::device(tx, "d1", "iPad", "18.1", "g1")).await.unwrap();
    let one = make(&house, "One", json!({ "app_allow_list": ["com.example.a"] })).await;
    let two = make(&house, "Two", json!({ "app_allow_list": ["com.example.b"], "managed_web_domains": ["example.org"] })).await;
    let put = house.ask(Role::Admin, Method::PUT, &format!("/api/v1/policies/{one}/groups/g1"), None).await;
    let met = |body: &Value| body["warnings"].as_array().unwrap().iter().find(|warning| !warning["with"].is_null()).cloned();
    assert_eq!((put.status, met(&put.body)), (StatusCode::OK, None));
    let check = |id: &str, groups: Value| (format!("/api/v1/policies/{id}/check"), Some(json!({ "groups": groups })));
    let (address, body) = check(&two, json!(["g1"]));
    let checked = house.ask(Role::Viewer, Method::POST, &address, body).await;
    let warning = met(&checked.body).unwrap();
    assert_eq!(
        (checked.status, &warning["with"]["name"], &warning["key"]),
        (StatusCode::OK, &json!("One"), &json!("allowListedAppBundleIDs")),
        "{}",
        checked.body
    );
    assert!(warning["words"].as_str().unwrap().contains("nothing in common"), "{warning}");
    let put = house.ask(Role::Admin, Method::PUT, &format!("/api/v1/policies/{two}/groups/g1"), None).await;
    let told = |body: &Value| body["warnings"].as_array().unwrap().iter().filter(|warning| warning["with"]["id"] == json!(one)).count();
    assert_eq!(told(&put.body), 1, "{}", put.body);
    let shown = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/policies/{two}"), None).await.body;
    assert_eq!(told(&shown), 1, "{shown}");
    assert_eq!(
        (&shown["ends"]["on_contact"], shown["ends"]["on_device"].as_array().unwrap().len()),
        (&json!(["managed_web_domains", "app_allow_list"]), 1),
        "{shown}"
    );
    let thought = json!({ "add": [{ "kind": "policy", "id": two }], "groups": ["g1"], "limit": 1 });
    let preview = house.ask(Role::Viewer, Method::POST, "/api/v1/preview", Some(thought)).await.body;
    assert_eq!(
        (&preview["warnings"][0]["other_name"], &preview["total"], &preview["next"]),
        (&json!("One"), &json!(1), &Value::Null),
        "{preview}"
    );
    let thought = |ends_at: &str| Some(json!({ "add": [{ "kind": "policy", "id": two, "ends_at": ends_at }], "groups": ["g1"] }));
    let preview = house.ask(Role::Viewer, Method::POST, "/api/v1/preview", thought("2126-12-24T15:30:00Z")).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    let preview = house.ask(Role::Viewer, Method::POST, "/api/v1/preview", thought("2020-12-24T15:30:00Z")).await;
    assert_eq!((preview.status, &preview.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("add")), "{}", preview.body);
    let (address, body) = check(&two, json!(["nowhere"]));
    assert_eq!(house.ask(Role::Viewer, Method::POST, &address, body).await.status, StatusCode::NOT_FOUND);
    let (address, body) = check(&two, json!(vec!["g1"; 1001]));
    assert_eq!(house.ask(Role::Viewer, Method::POST, &address, body).await.status, StatusCode::BAD_REQUEST);
}
