//! Those who log in: sessions, passwords, admins and what their roles allow.

use super::*;

#[tokio::test]
async fn a_person_logs_in_looks_and_logs_out() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let log_in =
        |name: &str, password: &str| request(Method::POST, "/api/v1/session", &[], Some(json!({ "name": name, "password": password })));
    let wrong = house.send(Listener::Main, log_in("kim", "wrong horse battery")).await;
    assert_eq!((wrong.status, &wrong.body["detail"]), (StatusCode::UNAUTHORIZED, &json!("The name or the password is wrong.")));
    let reply = house.send(Listener::Main, log_in("Kim", PASSWORD)).await;
    assert_eq!((reply.status, &reply.body["role"]), (StatusCode::CREATED, &json!("helper")));
    assert_eq!(reply.body["rights"], json!(["view", "teach", "invite", "command"]));
    let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = reply.body["csrf_token"].as_str().unwrap();
    let me = house.send(Listener::Main, request(Method::GET, "/api/v1/session", &[("cookie", &cookie)], None)).await;
    assert_eq!((me.status, &me.body["name"], &me.body["csrf_token"]), (StatusCode::OK, &json!("kim"), &json!(csrf)));
    let out = house.send(Listener::Main, request(Method::DELETE, "/api/v1/session", &[("cookie", &cookie)], None)).await;
    assert_eq!(out.status, StatusCode::FORBIDDEN, "without a word of the browser or the token");
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf)];
    let out = house.send(Listener::Main, request(Method::DELETE, "/api/v1/session", &headers, None)).await;
    assert_eq!((out.status, out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0")), (StatusCode::NO_CONTENT, true));
    let me = house.send(Listener::Main, request(Method::GET, "/api/v1/session", &[("cookie", &cookie)], None)).await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_answered_with_when_to_come_back() {
    let house = House::new();
    let guess = || request(Method::POST, "/api/v1/session", &[], Some(json!({ "name": "kim", "password": "x" })));
    for _ in 0..crate::http::attempts::ATTEMPTS_AT_ONCE {
        assert_eq!(house.send(Listener::Main, guess()).await.status, StatusCode::UNAUTHORIZED);
    }
    let slowed = house.send(Listener::Main, guess()).await;
    assert_eq!((slowed.status, slowed.headers["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "30"));
}

#[tokio::test]
async fn a_wrong_log_in_says_nothing_of_names_and_slows_its_own_name_and_address_only() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let guess = |name: &str, password: &str| {
        let body = Some(json!({ "name": name, "password": password }));
        request(Method::POST, "/api/v1/session", &[], body)
    };
    let mut told = Vec::new();
    for name in ["kim", "nobody"] {
        let reply = house.send(Listener::Main, guess(name, "wrong horse battery")).await;
        told.push((reply.status, reply.headers, reply.body));
    }
    assert_eq!(told[0], told[1]);
    while house.send(Listener::Main, guess("nobody", "x")).await.status == StatusCode::UNAUTHORIZED {}
    assert_eq!(house.send(Listener::Main, guess("nobody", "x")).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(house.send(Listener::Main, guess("kim", PASSWORD)).await.status, StatusCode::CREATED);
    assert_eq!(house.send_from([192, 0, 2, 8], guess("nobody", "x")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_sites_page_cannot_log_anybody_in() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let body = Some(json!({ "name": "kim", "password": PASSWORD }));
    let reply = house.send(Listener::Main, request(Method::POST, "/api/v1/session", &[("sec-fetch-site", "cross-site")], body)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let cookies = [house.kit.cookie("kim").await, house.kit.cookie("kim").await];
    let own = [("cookie", cookies[0].as_str()), ("sec-fetch-site", "same-origin")];
    let listed = house.send(Listener::Main, request(Method::GET, "/api/v1/sessions", &own, None)).await;
    assert_eq!((listed.body["total"].as_u64(), &listed.body["items"][0]["admin_name"]), (Some(2), &json!("kim")));
    let all = house.send(Listener::Main, request(Method::GET, "/api/v1/sessions?admin_id=all", &own, None)).await;
    assert_eq!(all.status, StatusCode::FORBIDDEN);
    let page = house.console(Method::GET, "/api/v1/sessions?limit=1", &[], None).await.body;
    let second =
        house.console(Method::GET, &format!("/api/v1/sessions?limit=1&after={}", page["next"].as_str().unwrap()), &[], None).await.body;
    assert_ne!(page["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(house.send(Listener::Main, request(Method::DELETE, "/api/v1/sessions", &own, None)).await.status, StatusCode::NO_CONTENT);
    let left = house.console(Method::GET, "/api/v1/sessions", &[], None).await.body;
    assert_eq!(left["total"], 1);
    let path = format!("/api/v1/sessions/{}", left["items"][0]["id"].as_str().unwrap());
    assert_eq!(house.console(Method::DELETE, &path, &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.console(Method::DELETE, &path, &[], None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_person_changes_their_password() {
    let house = House::new();
    house.kit.add("kim", Role::Viewer).await;
    let cookie = house.kit.cookie("kim").await;
    let own = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let body = Some(json!({ "old": PASSWORD, "new": "another good one" }));
    assert_eq!(
        house.send(Listener::Main, request(Method::PUT, "/api/v1/session/password", &own, body)).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(house.kit.log_in("kim", "another good one").await.is_ok());
}

#[tokio::test]
async fn people_are_added_changed_and_removed() {
    let house = House::new();
    let path = "/api/v1/admins";
    let added = house.console(Method::POST, path, &[], Some(json!({ "name": "kim", "role": "owner" }))).await;
    assert_eq!(added.status, StatusCode::CREATED);
    assert!(house.kit.log_in("kim", added.body["password"].as_str().unwrap()).await.is_ok(), "the password that was made fits");
    let chosen = json!({ "name": "lee", "role": "viewer", "password": PASSWORD });
    let added = house.console(Method::POST, path, &[], Some(chosen)).await;
    assert_eq!((added.status, added.body.get("password")), (StatusCode::CREATED, None));
    let lee = format!("{path}/{}", added.body["id"].as_str().unwrap());
    let changed = house.console(Method::PATCH, &lee, &[], Some(json!({ "role": "admin", "disabled": true }))).await;
    assert_eq!((&changed.body["role"], changed.body["disabled_at"].is_string()), (&json!("admin"), true));
    let reset = house.console(Method::POST, "/api/v1/admins/lee/password", &[], Some(json!({}))).await;
    assert_eq!((reset.status, reset.body["password"].as_str().unwrap().len()), (StatusCode::OK, 19));
    assert_eq!(house.console(Method::DELETE, &lee, &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.console(Method::GET, &lee, &[], None).await.status, StatusCode::NOT_FOUND);
    let last = house.console(Method::DELETE, "/api/v1/admins/kim", &[], None).await;
    assert_eq!(last.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_session_alone_switches_no_second_factor_on() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let cookie = house.kit.cookie("kim").await;
    let own = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let begin = async |body: Value| house.send(Listener::Main, request(Method::POST, "/api/v1/second-factor", &own, Some(body))).await;
    assert_eq!(begin(json!({})).await.status, StatusCode::BAD_REQUEST);
    let wrong = begin(json!({ "password": "somebody else's" })).await;
    assert_eq!((wrong.status, wrong.body.get("secret")), (StatusCode::UNAUTHORIZED, None));
    let code = Some(json!({ "code": "000000" }));
    let nothing = house.send(Listener::Main, request(Method::PUT, "/api/v1/second-factor", &own, code)).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "there is nothing to confirm");
    assert_eq!(house.ask(Role::Helper, Method::POST, "/api/v1/second-factor", Some(json!({ "password": PASSWORD }))).await.status, 403);
    let made = begin(json!({ "password": PASSWORD })).await;
    assert!(made.status == StatusCode::CREATED && made.body["secret"].is_string(), "{}", made.body);

    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(begin(json!({ "password": "somebody else's" })).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429), "guesses are slowed as those at the log-in are: {statuses:?}");
}
