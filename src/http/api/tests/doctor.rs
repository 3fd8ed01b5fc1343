//! The examination by the API: who may have it made, and what everybody who looks is shown.

use super::*;

#[tokio::test]
async fn who_changes_settings_has_it_examined_and_who_looks_sees_what_was_found() {
    let house = House::new();
    let fresh = house.ask(Role::Viewer, Method::GET, "/api/v1/doctor", None).await;
    assert_eq!((fresh.status, &fresh.body["checked_at"], &fresh.body["findings"]), (StatusCode::OK, &Value::Null, &json!([])));
    for role in [Role::Viewer, Role::Helper] {
        assert_eq!(house.ask(role, Method::POST, "/api/v1/doctor/run", Some(json!({}))).await.status, StatusCode::FORBIDDEN);
    }
    let run = house.ask(Role::Admin, Method::POST, "/api/v1/doctor/run", Some(json!({}))).await;
    assert_eq!(run.status, StatusCode::OK, "{}", run.body);
    let findings = run.body["findings"].as_array().unwrap();
    let count = |level: &str| findings.iter().filter(|finding| finding["level"] == level).count();
    assert_eq!((&run.body["errors"], &run.body["warnings"]), (&json!(count("error")), &json!(count("warning"))));
    let none = findings.iter().find(|finding| finding["id"] == "push.none").unwrap();
    assert_eq!((&none["area"], &none["level"], &none["link"]), (&json!("push"), &json!("warning"), &json!("/system/push")));
    assert!(!none["remedy"].as_str().unwrap().is_empty());
    let shown = house.ask(Role::Viewer, Method::GET, "/api/v1/doctor", None).await;
    assert_eq!(shown.body, run.body);
    let wrong = house.ask(Role::Admin, Method::POST, "/api/v1/doctor/run", Some(json!({ "deep": true }))).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.body);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let house = House::new();
    let token = house.kit.token(Role::Admin).await;
    let headers = [("authorization", format!("Bearer {token}")), ("idempotency-key", String::from("one"))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ask = async || house.send(Listener::Main, request(Method::POST, "/api/v1/doctor/run", &headers, Some(json!({})))).await;
    let first = ask().await;
    house.app.clock.advance(Duration::from_secs(60));
    assert_eq!(ask().await.body, first.body);
}
