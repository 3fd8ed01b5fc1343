//! Devices that several people share, from the API to the simulated device and back: Shared iPads of old and new systems, and a Mac.

use serde_json::{Value, json};

use super::kit::{Guest, House};

/// Who is on it, as the appliance tells it, and whether they are logged in.
async fn people(house: &House, id: &str) -> Vec<(String, bool)> {
    let (status, told) = house.api("GET", &format!("/api/v1/devices/{id}/users"), json!(null)).await;
    assert!(status == 200 && !told["read_at"].is_null(), "{told}");
    let one = |user: &Value| (user["user_name"].as_str().unwrap().to_owned(), user["is_logged_in"] == true);
    told["items"].as_array().unwrap().iter().map(one).collect()
}

/// What a device is known by, once it has answered everything.
async fn id_of(guest: &Guest<'_>) -> String {
    guest.settle().await;
    guest.udid()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_ipad_logs_out_deletes_and_divides_itself_as_it_is_told() {
    for (kind, deletes_all, has_grace) in
        [("ipad@13+automated+shared", false, false), ("ipad@17+automated+shared", true, true), ("ipad@26+automated+shared", true, true)]
    {
        let house = House::open().await;
        let guest = house.device(kind).await;
        let id = id_of(&guest).await;
        let path = |rest: &str| format!("/api/v1/devices/{id}/{rest}");
        let before = people(&house, &id).await;
        assert!(before.len() == 2 && before.iter().filter(|(_, is_here)| *is_here).count() == 1, "{kind}: {before:?}");
        let (here, other) = (before.iter().find(|(_, is_here)| *is_here).unwrap(), before.iter().find(|(_, is_here)| !is_here).unwrap());

        let (status, refused) = house.api("DELETE", &path(&format!("users/{}", here.0)), json!(null)).await;
        assert!(status == 409 && refused["detail"].as_str().unwrap().contains("Log them out first"), "{kind}: {refused}");
        assert_eq!(house.api("DELETE", &path(&format!("users/{}", other.0)), json!(null)).await.0, 202, "{kind}");
        guest.settle().await;
        assert_eq!(people(&house, &id).await, std::slice::from_ref(here), "{kind}");
        assert_eq!(house.api("POST", &path("users/log-out"), json!(null)).await.0, 202, "{kind}");
        guest.settle().await;
        assert_eq!(people(&house, &id).await, [(here.0.clone(), false)], "{kind}");
        let (status, told) = house.api("DELETE", &path("users"), json!(null)).await;
        guest.settle().await;
        assert_eq!((status, people(&house, &id).await.is_empty()), (if deletes_all { 202 } else { 409 }, deletes_all), "{kind}: {told}");

        let (status, told) = house.api("PUT", &path("sharing"), json!({ "quota_mb": 2_048 })).await;
        assert_eq!(status, 202, "{kind}: {told}");
        let (status, told) = house.api("PUT", &path("sharing"), json!({ "offline_days": 7 })).await;
        assert_eq!(status, if has_grace { 202 } else { 400 }, "{kind}: {told}");
        guest.settle().await;
        let (status, now) = house.api("GET", &path("sharing"), json!(null)).await;
        assert!(status == 200 && now["quota_mb"] == 2_048, "{kind}: {now}");
        assert_eq!(now["offline_days"] == 7, has_grace, "{kind}: {now}");
        drop(guest);
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mac_tells_who_has_an_account_and_is_no_shared_ipad() {
    let house = House::open().await;
    let (mac, ipad) = (house.device("mac@15").await, house.device("ipad@17").await);
    let (mac_id, ipad_id) = (id_of(&mac).await, id_of(&ipad).await);
    assert!(!people(&house, &mac_id).await.is_empty());
    for id in [&mac_id, &ipad_id] {
        assert_eq!(house.api("GET", &format!("/api/v1/devices/{id}/sharing"), json!(null)).await.0, 404);
        assert_eq!(house.api("POST", &format!("/api/v1/devices/{id}/users/log-out"), json!(null)).await.0, 409);
    }
    let (_, told) = house.api("GET", &format!("/api/v1/devices/{ipad_id}/users"), json!(null)).await;
    assert_eq!(told, json!({ "items": [], "read_at": null }), "nobody asks it");
    drop((mac, ipad));
    house.close().await;
}
