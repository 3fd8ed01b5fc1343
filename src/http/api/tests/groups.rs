//! Groups through the API: made, tried, filled, changed, deleted.

use super::*;

fn id(reply: &Reply) -> String {
    reply.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_group_by_rule_is_made_with_its_devices_and_read_back_as_it_was_said() {
    let house = House::new();
    house.enrolled().await;
    let rule = json!({ "all": [{ "platform": "ios" }, { "not": { "supervised": true } }] });
    let tried = house.ask(Role::Viewer, Method::POST, "/api/v1/groups/preview", Some(json!({ "rule": { "any": ["everything"] } }))).await;
    assert_eq!(
        (tried.status, &tried.body["count"], &tried.body["rule_words"]),
        (StatusCode::OK, &json!(1), &json!("every device")),
        "{}",
        tried.body
    );
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(json!({ "name": "iPads", "note": "ours", "rule": rule }))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let shown = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/groups/{}", id(&made)), None).await.body;
    assert_eq!((&shown["rule"], &shown["rule_words"]), (&rule, &json!("it is an iPhone or iPad and it is not supervised")));
    let changed =
        house.ask(Role::Admin, Method::PATCH, &format!("/api/v1/groups/{}", id(&made)), Some(json!({ "rule": "everything" }))).await;
    assert_eq!((changed.status, &changed.body["device_count"], &changed.body["note"]), (StatusCode::OK, &json!(1), &json!("ours")));
    let devices = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/groups/{}/devices", id(&made)), None).await.body;
    assert_eq!(devices["total"], 1);
    let device = devices["items"][0]["id"].as_str().unwrap();
    let whole = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/devices/{device}"), None).await.body;
    assert_eq!(whole["groups"][0]["name"], "iPads");
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &format!("/api/v1/groups/{}", id(&made)), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::GET, &format!("/api/v1/groups/{}", id(&made)), None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_group_by_hand_is_filled_and_emptied() {
    let house = House::new();
    house.enrolled().await;
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(json!({ "name": "Cart A" }))).await;
    let path = format!("/api/v1/groups/{}/devices", id(&made));
    let put = json!({ "devices": [super::commands::UDID] });
    assert_eq!(house.ask(Role::Helper, Method::POST, &path, Some(put.clone())).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::POST, &path, Some(put.clone())).await.body, json!({ "added": 1, "warnings": [] }));
    assert_eq!(house.ask(Role::Admin, Method::POST, &path, Some(put)).await.body, json!({ "added": 0, "warnings": [] }));
    let found = house.ask(Role::Viewer, Method::GET, "/api/v1/devices?group=cart%20a", None).await.body;
    assert_eq!(found["total"], 1, "devices are found by their group");
    let path = format!("{path}/{}", super::commands::UDID);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::GET, "/api/v1/groups", None).await.body["items"][0]["device_count"], 0);
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_named_and_makes_nothing() {
    let house = House::new();
    for (rule, field) in [
        (json!({ "platform": "windows" }), "rule"),
        (json!({ "all": [] }), "rule"),
        (json!({ "class": "nobody's" }), "rule"),
        (json!({ "colour": "red" }), "rule"),
        (json!({ "os": { "at_least": "new" } }), "rule"),
    ] {
        let reply = house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(json!({ "name": "x", "rule": rule }))).await;
        let at = reply.body["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
        assert!(reply.status == StatusCode::BAD_REQUEST && at.starts_with(field), "{rule}: {}", reply.body);
    }
    for rule in [json!({ "class": "nope" }), json!({ "not": { "class": "nope" } })] {
        let reply = house.ask(Role::Admin, Method::POST, "/api/v1/groups/preview", Some(json!({ "rule": rule }))).await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["message"]),
            (StatusCode::BAD_REQUEST, &json!("there is no class nope")),
            "{}",
            reply.body
        );
    }
    let deep = (0..200).fold(json!("everything"), |rule, _| json!({ "not": rule }));
    let reply = house.ask(Role::Admin, Method::POST, "/api/v1/groups/preview", Some(json!({ "rule": deep }))).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    assert_eq!(house.ask(Role::Admin, Method::GET, "/api/v1/groups", None).await.body["total"], 0);
}

#[tokio::test]
async fn groups_come_in_pages_by_name() {
    let house = House::new();
    for name in ["b", "A", "c"] {
        house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(json!({ "name": name }))).await;
    }
    let first = house.ask(Role::Viewer, Method::GET, "/api/v1/groups?limit=2", None).await.body;
    assert_eq!(first["items"].as_array().unwrap().iter().map(name_of).collect::<Vec<_>>(), ["A", "b"]);
    let path = format!("/api/v1/groups?limit=2&after={}", first["next"].as_str().unwrap());
    let second = house.ask(Role::Viewer, Method::GET, &path, None).await.body;
    assert_eq!((second["items"].as_array().unwrap().iter().map(name_of).collect::<Vec<_>>(), &second["next"]), (vec!["c"], &Value::Null));
}

#[tokio::test]
async fn a_rule_is_kept_straight_and_cannot_be_taken_away() {
    let house = House::new();
    let path = "/api/v1/groups";
    let rule = json!({ "serial": [" testsn0001 ", "TESTSN0001", "TestSN0002"] });
    let made = house.ask(Role::Admin, Method::POST, path, Some(json!({ "name": "Two", "rule": rule }))).await;
    assert_eq!(made.body["rule"], json!({ "serial": ["TESTSN0001", "TESTSN0002"] }), "{}", made.body);
    let one = format!("{path}/{}", id(&made));
    let refused = house.ask(Role::Admin, Method::PATCH, &one, Some(json!({ "rule": null }))).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("rule")), "{}", refused.body);
    assert!(refused.body["errors"][0]["message"].as_str().unwrap().contains("make another group"), "{}", refused.body);
    assert_eq!(house.ask(Role::Admin, Method::PATCH, &one, Some(json!({ "note": "x" }))).await.body["rule"], made.body["rule"]);
    let hand = house.ask(Role::Admin, Method::POST, path, Some(json!({ "name": "Hand" }))).await;
    let same = house.ask(Role::Admin, Method::PATCH, &format!("{path}/{}", id(&hand)), Some(json!({ "rule": null }))).await;
    assert_eq!((same.status, &same.body["rule"]), (StatusCode::OK, &Value::Null));
    for nothing in [
        json!({ "os": { "at_least": "18", "below": "17" } }),
        json!({ "os": { "at_least": "18.0", "below": "18" } }),
        json!({ "all": [{ "platform": "ios" }, { "os": { "at_least": "18" } }, { "os": { "below": "17" } }] }),
    ] {
        let reply = house.ask(Role::Admin, Method::POST, path, Some(json!({ "name": "x", "rule": nothing }))).await;
        let words = reply.body["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(reply.status == StatusCode::BAD_REQUEST && words.contains("no device would ever be found"), "{}", reply.body);
    }
    let either = json!({ "any": [{ "os": { "at_least": "18" } }, { "os": { "below": "17" } }] });
    assert_eq!(house.ask(Role::Admin, Method::POST, path, Some(json!({ "name": "x", "rule": either }))).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_preview_of_what_is_not_there_or_not_whole_is_refused_at_its_field() {
    let house = House::new();
    house.enrolled().await;
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(json!({ "name": "Cart A" }))).await;
    let item = json!([{ "kind": "policy", "id": "x" }]);
    for (thought, field) in [
        (json!({ "devices": ["nobody"] }), "devices"),
        (json!({ "after": "zzz" }), "after"),
        (json!({ "add": [{ "kind": "policy", "id": id(&made), "mode": "required" }], "groups": [id(&made)] }), "add"),
        (json!({ "groups": ["nothing"] }), "groups"),
        (json!({ "removed_from": ["nothing"] }), "removed_from"),
        (json!({ "remove": item, "groups": [id(&made)] }), "removed_from"),
        (json!({ "add": item, "removed_from": [id(&made)] }), "groups"),
        (json!({ "groups": vec![id(&made); crate::mdm::reconcile::NAMED_MAX + 1] }), "groups"),
    ] {
        let reply = house.ask(Role::Viewer, Method::POST, "/api/v1/preview", Some(thought)).await;
        assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", reply.body);
    }
    let reply = house.ask(Role::Viewer, Method::POST, "/api/v1/preview", Some(json!({ "groups": [id(&made)] }))).await;
    assert_eq!((reply.status, &reply.body["total"]), (StatusCode::OK, &json!(0)), "{}", reply.body);
}
