//! Declarations that an admin writes, from the upload to the devices of a group and off them again.

use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::declarations::library;
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::sim::device::DeclarationSeen;
use serde_json::{Value, json};

use crate::kit::{Guest, House};

fn configuration(identifier: &str, kind: &str, payload: &Value) -> Value {
    json!({ "Type": format!("com.apple.configuration.{kind}"), "Identifier": identifier, "Payload": payload })
}

impl House {
    /// A group of these devices, by its id.
    async fn group(&self, guests: &[&Guest<'_>]) -> String {
        let udids: Vec<_> = guests.iter().map(|guest| guest.udid()).collect();
        self.write(move |tx| {
            let group = groups::create(tx, &Actor::Console, NewGroup { name: String::from("Year 7"), ..NewGroup::default() })?;
            groups::add(tx, &Actor::Console, &group.id, &udids)?;
            Ok(group.id)
        })
        .await
    }

    /// Uploads declarations and assigns them all to a group.
    async fn declare(&self, group: &str, declarations: &Value) {
        let (group, text) = (group.to_owned(), declarations.to_string());
        self.write(move |tx| {
            for standing in library::add(tx, &Actor::Console, library::read(text.as_bytes())?, "")? {
                library::assign(tx, &Actor::Console, &standing.declaration.id, &group)?;
            }
            Ok(())
        })
        .await;
    }
}

impl Guest<'_> {
    /// The declarations that admins wrote, as the device has them.
    async fn declared(&self) -> Vec<DeclarationSeen> {
        let all = self.declarations().await;
        all.into_iter().filter(|declaration| !declaration.identifier.starts_with(library::RESERVED)).collect()
    }

    /// Identifiers of those that are in effect.
    async fn in_effect(&self) -> Vec<String> {
        self.declared().await.into_iter().filter(|declaration| declaration.active).map(|declaration| declaration.identifier).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_admin_declares_is_in_effect_where_it_can_be_and_goes_again() {
    let house = House::open().await;
    let (newer, older) = (house.device("ipad@18").await, house.device("-iphone@17").await);
    let group = house.group(&[&newer, &older]).await;
    let all = json!([
        configuration("school.example.echo", "management.test", &json!({ "Echo": "x" })),
        configuration("school.example.math", "math.settings", &json!({})),
        configuration("school.example.later", "management.test", &json!({ "Echo": "later" })),
        { "Type": "com.apple.activation.simple", "Identifier": "school.example.when",
          "Payload": { "StandardConfigurations": ["school.example.later"], "Predicate": "@status(device.model.family) == 'iPad'" } },
    ]);
    house.declare(&group, &all).await;
    newer.settle().await;
    older.settle().await;
    assert_eq!(newer.in_effect().await, ["school.example.when", "school.example.echo", "school.example.later", "school.example.math"]);
    assert_eq!(older.in_effect().await, ["school.example.echo"], "no math there, and it is no iPad");
    for guest in [&newer, &older] {
        assert!(guest.declared().await.iter().all(|declaration| declaration.valid != "invalid"), "{:?}", guest.declared().await);
    }

    let other = configuration("school.example.echo", "management.test", &json!({ "Echo": "y" })).to_string();
    house.write(move |tx| library::replace(tx, &Actor::Console, "school.example.echo", library::read(other.as_bytes())?.remove(0))).await;
    newer.settle().await;
    let echo = newer.declared().await.into_iter().find(|declaration| declaration.identifier == "school.example.echo").unwrap();
    assert_eq!((echo.payload, echo.valid), (json!({ "Echo": "y" }), "valid"));

    house.write(|tx| library::delete(tx, &Actor::Console, "school.example.math")).await;
    house.write(move |tx| library::unassign(tx, &Actor::Console, "school.example.echo", &group)).await;
    newer.settle().await;
    older.settle().await;
    assert_eq!(newer.in_effect().await, ["school.example.when", "school.example.later"]);
    assert!(older.in_effect().await.is_empty());
    for guest in [&newer, &older] {
        assert_eq!(guest.remarks(), [""; 0]);
    }
    drop((newer, older));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_forgets_its_declarations_has_them_again_a_day_later() {
    let house = House::open().await;
    let guest = house.device("ipad@18").await;
    let group = house.group(&[&guest]).await;
    house.declare(&group, &configuration("school.example.echo", "management.test", &json!({ "Echo": "x" }))).await;
    guest.settle().await;
    assert_eq!(guest.in_effect().await, ["school.example.echo"]);
    let now = house.clock.now();
    guest.look(move |device| device.forget_declarations(now)).await;
    assert!(guest.declared().await.is_empty());
    house.pass(Duration::from_secs(25 * 3600)).await;
    guest.settle().await;
    assert_eq!(guest.in_effect().await, ["school.example.echo"], "its daily report tells that it has none");
    drop(guest);
    house.close().await;
}
