//! The authorities as the API lists them.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::House;
use crate::mdm::Role;
use crate::mdm::ca::roots;
use crate::store::authorities::AuthorityState;

#[tokio::test]
async fn authorities_are_listed_with_the_one_that_issues_first() {
    let house = House::new();
    let old = house.app.authority();
    let next = crate::pki::issue::root("Next", house.app.now()).unwrap();
    let adopted = house.app.store.write(house.app.now(), move |tx| {
        roots::adopt(tx, AuthorityState::Current, &old.issuer, None)?;
        roots::wanted(tx)
    });
    assert_eq!(adopted.await.unwrap(), None, "twenty years are left");
    house.app.clock.advance(Duration::from_secs(17 * 365 * 24 * 3600));
    let adopted = house.app.store.write(house.app.now(), move |tx| roots::adopt(tx, AuthorityState::Next, &next, None));
    assert!(adopted.await.unwrap());
    let listed = house.ask(Role::Viewer, Method::GET, "/api/v1/authorities", None).await.body;
    let items = listed["items"].as_array().unwrap();
    assert_eq!((&listed["total"], &items[0]["state"], &items[1]["state"]), (&json!(2), &json!("current"), &json!("next")));
    assert_eq!((&items[1]["devices_known"], &items[1]["devices"], &items[0]["devices"]), (&json!(0), &json!(0), &Value::Null));
    assert_eq!(items[1]["name"], "Next");
    assert!(items[1]["used_at_latest"].is_string() && items[0]["used_from_at"].is_string() && items[1].get("certificate").is_none());
}
