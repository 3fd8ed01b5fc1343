//! The appliance's settings by the API.

use axum::http::Method;
use serde_json::{Value, json};

use super::House;
use crate::mdm::Role;

#[tokio::test]
async fn the_time_zone_is_set_by_its_name_and_an_unknown_one_says_what_to_do() {
    let house = House::new();
    let path = "/api/v1/settings";
    let change = async |role, body: Value| house.ask(role, Method::PATCH, path, Some(body)).await;
    let begins = house.ask(Role::Viewer, Method::GET, path, None).await.body;
    assert_eq!((&begins["time_zone"], &begins["is_machine_time_zone"]), (&json!("UTC"), &json!(true)));
    assert_eq!(change(Role::Helper, json!({ "time_zone": "Europe/Berlin" })).await.status, 403);
    let set = change(Role::Admin, json!({ "time_zone": "europe/berlin" })).await.body;
    assert_eq!((&set["time_zone"], &set["is_machine_time_zone"]), (&json!("Europe/Berlin"), &json!(false)));
    let refused = change(Role::Admin, json!({ "organisation": "Other", "time_zone": "CEST" })).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["errors"][0]["message"].as_str().unwrap().contains("Europe/Berlin"), "{}", refused.body);
    let kept = house.ask(Role::Viewer, Method::GET, path, None).await.body;
    assert_eq!((&kept["time_zone"], &kept["organisation"]), (&json!("Europe/Berlin"), &json!("")), "nothing was changed");
    assert_eq!(change(Role::Admin, json!({ "time_zone": "" })).await.body["time_zone"], "UTC");
}
