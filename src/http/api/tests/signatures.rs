//! Who signed the apps of the house, by the API.

use super::*;
use crate::protocol::package::code::tests::{DEVELOPMENT, LINKED, SIGNED_APP};

#[tokio::test]
async fn an_app_tells_who_signed_it_and_one_that_no_device_opens_is_kept_and_says_so() {
    let house = House::new();
    let signed = house.put(SIGNED_APP).await;
    assert_eq!(signed.status, StatusCode::CREATED, "{}", signed.body);
    let signature = &signed.body["package"]["facts"]["signature"];
    assert_eq!(signature["kind"], json!("in_house"), "{signature}");
    assert_eq!(signature["certificate"]["ends_at"], json!("2028-12-31T23:59:59Z"), "{signature}");
    assert_eq!(signature["checks"]["program"], json!(true), "{signature}");
    let id = signed.body["package"]["id"].as_str().unwrap();
    assert_eq!(house.look(&format!("/api/v1/packages/{id}")).await["facts"]["signature"], *signature, "it is remembered");
    for (file, kind, words) in
        [(LINKED, json!("no_certificate"), "without a certificate"), (DEVELOPMENT, json!("development"), "build for development")]
    {
        let kept = house.put(file).await;
        assert_eq!((kept.status, &kept.body["package"]["facts"]["signature"]["kind"]), (StatusCode::CREATED, &kind), "{}", kept.body);
        assert!(kept.body["package"]["warnings"].to_string().contains(words), "{}", kept.body);
    }
}
