//! Devices and what is held for them.

use super::*;
use crate::protocol::platform::Platform;
use crate::store::devices::{self, Device};
use crate::store::escrow::{self, EscrowKind};

impl House {
    /// A device with one secret; gives its id and the secret's.
    async fn device_with_secret(&self) -> (String, String) {
        let made = self.app.store.write(self.app.now(), |tx| {
            let id = tx.new_id();
            let device = Device {
                id: id.clone(),
                serial_number: Some(String::from("TESTSN0001")),
                udid: Some(String::from("00008030-00AA11BB22CC33DD")),
                name: String::from("iPad 1"),
                model: String::new(),
                model_name: String::from("iPad"),
                product_name: String::from("iPad13,18"),
                os_version: String::from("18.1"),
                build_version: String::new(),
                platform: Platform::Ios,
                supervised: None,
                practice: false,
                group_label: String::new(),
                person_label: String::new(),
                facts_at: None,
                security_at: None,
                refresh_due_at: None,
                deleted_at: None,
                created_at: tx.now,
            };
            devices::insert(tx, &device)?;
            let secret = escrow::insert(tx, &id, None, EscrowKind::LockPin, b"123456", "locked with this PIN")?;
            Ok((id, secret))
        });
        made.await.unwrap()
    }
}

#[tokio::test]
async fn secrets_are_those_of_a_device_that_there_is() {
    let house = House::new();
    let (id, secret) = house.device_with_secret().await;
    let path = |device: &str| format!("/api/v1/devices/{device}/secrets");
    let reveal = |device: &str| format!("{}/{secret}/reveal", path(device));
    let held = house.ask(Role::Owner, Method::GET, &path(&id), None).await;
    assert_eq!((held.status, &held.body[0]["id"], held.body[0].get("value")), (StatusCode::OK, &json!(secret), None));
    assert_eq!(house.ask(Role::Owner, Method::POST, &reveal(&id), None).await.body["value"], "123456");
    assert_eq!(house.ask(Role::Admin, Method::POST, &reveal(&id), None).await.status, StatusCode::FORBIDDEN);
    for unknown in ["x", "019aa000-0000-7000-8000-000000000000"] {
        for (method, path) in [(Method::GET, path(unknown)), (Method::DELETE, path(unknown)), (Method::POST, reveal(unknown))] {
            assert_eq!(house.ask(Role::Owner, method.clone(), &path, None).await.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
    // Secrets outlive the deletion of their device.
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &format!("/api/v1/devices/{id}"), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Owner, Method::GET, &path(&id), None).await.body.as_array().unwrap().len(), 1);
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &path(&id), None).await.body, json!({ "removed": 1, "in_use": 0 }));
    assert_eq!(house.ask(Role::Owner, Method::GET, &path(&id), None).await.body, json!([]));
}
