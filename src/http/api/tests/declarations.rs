//! Declarations over the API: added, read, changed, assigned, and refused with the field at fault.

use super::*;
use crate::mdm::declarations::library::DATA_MAX_BYTES;
use crate::store::declarations::tests::group;

const PATH: &str = "/api/v1/declarations";

fn passcode(length: i64) -> Value {
    json!({ "Type": "com.apple.configuration.passcode.settings", "Identifier": "school.example.passcode", "ServerToken": "x",
        "Payload": { "MinimumLength": length } })
}

#[tokio::test]
async fn a_declaration_is_added_read_changed_and_deleted() {
    let house = House::new();
    let added = house.ask(Role::Admin, Method::POST, PATH, Some(passcode(6))).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let view = &added.body["items"][0];
    assert_eq!((&view["kind"], &view["name"], &view["revision"]), (&json!("configuration"), &json!("school.example.passcode"), &json!(1)));
    let own = format!("{PATH}/{}", view["id"].as_str().unwrap());
    let content = house.ask(Role::Admin, Method::GET, &format!("{own}/content"), None).await.body;
    assert_eq!((content.get("ServerToken"), &content["Payload"]), (None, &json!({ "MinimumLength": 6 })));
    let changed = house.ask(Role::Admin, Method::PUT, &own, Some(passcode(8))).await;
    assert_eq!((changed.status, &changed.body["revision"]), (StatusCode::OK, &json!(2)), "{}", changed.body);
    let named = house.ask(Role::Admin, Method::PATCH, &own, Some(json!({ "name": "Long passcodes" }))).await;
    assert_eq!(named.body["name"], "Long passcodes");
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &own, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Viewer, Method::GET, &own, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn several_are_added_together_or_not_at_all_and_mistakes_are_named() {
    let house = House::new();
    let wrong = json!([passcode(6), { "Type": "com.apple.configuration.management.test", "Identifier": "org.rollcall.x", "Payload": {} }]);
    let refused = house.ask(Role::Owner, Method::POST, PATH, Some(wrong)).await;
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!((refused.status, fields), (StatusCode::BAD_REQUEST, vec![json!("[1].Identifier"), json!("[1].Payload.Echo")]));
    let test =
        json!({ "Type": "com.apple.configuration.management.test", "Identifier": "school.example.test", "Payload": { "Echo": "x" } });
    let added = house.ask(Role::Owner, Method::POST, PATH, Some(json!([passcode(6), test]))).await;
    assert_eq!(added.body["items"].as_array().unwrap().len(), 2, "{}", added.body);
    let own = format!("{PATH}/school.example.test");
    let two = house.ask(Role::Owner, Method::PUT, &own, Some(json!([passcode(6), passcode(7)]))).await;
    assert_eq!(two.status, StatusCode::BAD_REQUEST);
    let first = house.ask(Role::Viewer, Method::GET, &format!("{PATH}?limit=1"), None).await.body;
    assert_eq!((&first["total"], &first["items"][0]["identifier"]), (&json!(2), &json!("school.example.passcode")));
    let next = format!("{PATH}?limit=1&after={}", first["next"].as_str().unwrap());
    let second = house.ask(Role::Viewer, Method::GET, &next, None).await.body;
    assert_eq!((&second["next"], &second["items"][0]["identifier"]), (&Value::Null, &json!("school.example.test")));
}

#[tokio::test]
async fn it_is_assigned_to_a_group_without_an_end() {
    let house = House::new();
    house.app.store.write(house.app.now(), |tx| group(tx, "g", "Cart A")).await.unwrap();
    house.ask(Role::Owner, Method::POST, PATH, Some(passcode(6))).await;
    let place = format!("{PATH}/school.example.passcode/groups/g");
    let ends = house.ask(Role::Owner, Method::PUT, &place, Some(json!({ "ends_at": "2027-01-01T00:00:00Z" }))).await;
    assert_eq!((ends.status, &ends.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("ends_at")));
    let assigned = house.ask(Role::Owner, Method::PUT, &place, None).await;
    assert_eq!((assigned.status, &assigned.body["groups"][0]["group_id"]), (StatusCode::OK, &json!("g")), "{}", assigned.body);
    let nowhere = house.ask(Role::Owner, Method::PUT, &format!("{PATH}/school.example.passcode/groups/x"), None).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &place, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &place, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_may_look_may_neither_change_nor_read_what_it_says() {
    let house = House::new();
    house.ask(Role::Owner, Method::POST, PATH, Some(passcode(6))).await;
    let own = format!("{PATH}/school.example.passcode");
    assert_eq!(house.ask(Role::Viewer, Method::GET, &own, None).await.status, StatusCode::OK);
    for (method, path, body) in [
        (Method::POST, PATH.to_owned(), Some(passcode(7))),
        (Method::PUT, own.clone(), Some(passcode(7))),
        (Method::PATCH, own.clone(), Some(json!({ "name": "x" }))),
        (Method::DELETE, own.clone(), None),
        (Method::GET, format!("{own}/content"), None),
    ] {
        for role in [Role::Helper, Role::Viewer] {
            let reply = house.ask(role, method.clone(), &path, body.clone()).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{method} {path} as {role:?}: {}", reply.body);
        }
    }
}

impl House {
    async fn put_data(&self, role: Role, id: &str, kind: &str, body: &[u8]) -> Reply {
        let token = self.kit.token(role).await;
        let request = Request::put(format!("{PATH}/{id}/data?file_name=a%20b.txt")).header("authorization", format!("Bearer {token}"));
        self.send(Listener::Main, request.header("content-type", kind).body(Body::from(body.to_vec())).unwrap()).await
    }
}

#[tokio::test]
async fn the_data_of_an_asset_is_uploaded_and_comes_back_byte_for_byte() {
    let house = House::new();
    let asset =
        |identifier: &str, kind: &str| json!({ "Type": format!("com.apple.asset.{kind}"), "Identifier": identifier, "Payload": {} });
    let all = json!([asset("school.example.data", "data"), asset("school.example.login", "credential.userpassword")]);
    let added = house.ask(Role::Owner, Method::POST, PATH, Some(all)).await;
    let view = &added.body["items"][0];
    assert_eq!((&view["takes_data"], &view["data"]), (&json!(true), &Value::Null), "{}", added.body);
    assert_eq!(view["available_from"], json!(["iOS 17.0, macOS 14.0, tvOS 17.0, visionOS 1.1"]));
    let own = format!("{PATH}/school.example.data/data");
    assert_eq!(house.ask(Role::Owner, Method::GET, &own, None).await.status, StatusCode::NOT_FOUND);
    let bytes = [0, 255, b'<', 13, 10];
    let put = house.put_data(Role::Admin, "school.example.data", "application/zip", &bytes).await;
    assert_eq!((put.status, &put.body["revision"]), (StatusCode::OK, &json!(2)), "{}", put.body);
    let data = &put.body["data"];
    assert_eq!((&data["content_type"], &data["size_bytes"], &data["file_name"]), (&json!("application/zip"), &json!(5), &json!("a b.txt")));
    let (status, headers, given) = house.bytes(Role::Admin, &own).await;
    assert!(status == StatusCode::OK && given == bytes && headers["content-type"] == "application/zip", "{headers:?}");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"ab.txt\"");

    let field = |reply: &Reply| (reply.status, reply.body["errors"][0]["field"].clone());
    let wrong = house.put_data(Role::Admin, "school.example.login", "text/plain", b"{}").await;
    assert_eq!(field(&wrong), (StatusCode::BAD_REQUEST, json!("content_type")));
    let wrong = house.put_data(Role::Admin, "school.example.login", "application/json", b"{\"Password\":\"x\"}").await;
    assert_eq!(field(&wrong), (StatusCode::BAD_REQUEST, json!("file")));
    let form = house.put_data(Role::Admin, "school.example.data", "application/x-www-form-urlencoded", b"a=b").await;
    assert_eq!(field(&form), (StatusCode::BAD_REQUEST, json!("content_type")));
    let large = house.put_data(Role::Admin, "school.example.data", "text/plain", &vec![0; DATA_MAX_BYTES + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    for role in [Role::Helper, Role::Viewer] {
        assert_eq!(house.put_data(role, "school.example.data", "text/plain", b"x").await.status, StatusCode::FORBIDDEN);
        assert_eq!(house.ask(role, Method::GET, &own, None).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn addresses_and_predicates_that_no_device_can_use_are_named() {
    let house = House::new();
    let wrong = json!([
        { "Type": "com.apple.configuration.legacy", "Identifier": "a", "Payload": { "ProfileURL": "http://files.example.school/a" } },
        { "Type": "com.apple.activation.simple", "Identifier": "b", "Payload": { "StandardConfigurations": ["a"], "Predicate": "TRUE ==" } },
        { "Type": "com.apple.configuration.softwareupdate.settings", "Identifier": "c", "Payload": { "Deferrals": { "CombinedPeriodInDays": 91 } } },
    ]);
    let refused = house.ask(Role::Owner, Method::POST, PATH, Some(wrong)).await;
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["[0].Payload.ProfileURL", "[1].Payload.Predicate", "[2].Payload.Deferrals.CombinedPeriodInDays"]);
}
