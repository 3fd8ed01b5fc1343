//! Declarations that an admin writes, from the upload to the devices of a group and off them again.

use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::declarations::library::Upload;
use rollcall::mdm::declarations::{self, library};
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::mdm::reconcile::{self, State};
use rollcall::sim::device::DeclarationSeen;
use rollcall::store::assignments::AssignedKind;
use rollcall::store::{declared, enrollments};
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

const FILE: &[u8] = b"one\0two";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_reaches_the_devices_whose_declarations_name_it_and_the_next_one_replaces_it() {
    let house = House::open().await;
    let (newer, older) = (house.device("ipad@18").await, house.device("ipad@16").await);
    let group = house.group(&[&newer, &older]).await;
    let all = json!([
        { "Type": "com.apple.asset.data", "Identifier": "school.example.file", "Payload": {} },
        configuration("school.example.echo", "management.test", &json!({ "Echo": "x", "EchoDataAssetReference": "school.example.file" })),
    ]);
    house.declare(&group, &all).await;
    newer.settle().await;
    assert!(newer.declared().await.is_empty(), "without its file it goes nowhere, nor does what names it");
    let put = |bytes: &'static [u8]| {
        let upload = Upload { content_type: String::from("application/zip"), file_name: String::from("file.zip"), bytes: bytes.to_vec() };
        house.write(move |tx| library::put_data(tx, &Actor::Console, "school.example.file", &upload))
    };
    put(FILE).await;
    newer.settle().await;
    older.settle().await;
    assert_eq!(newer.in_effect().await, ["school.example.file", "school.example.echo"]);
    assert!(older.declared().await.is_empty(), "iPadOS 16 knows no such assets");
    let file = || newer.look(|device| device.asset(None, "school.example.file"));
    assert_eq!(file().await.as_deref(), Some(FILE));

    put(b"three").await;
    newer.settle().await;
    assert_eq!(file().await.as_deref(), Some(b"three".as_slice()));
    let udid = newer.udid();
    let standings = house.read(move |tx| reconcile::standing(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap())).await;
    assert!(standings.things.iter().all(|thing| thing.state == State::There), "{standings:?}");
    house.write(move |tx| library::unassign(tx, &Actor::Console, "school.example.echo", &group)).await;
    house.write(|tx| library::delete(tx, &Actor::Console, "school.example.echo")).await;
    house.write(|tx| library::delete(tx, &Actor::Console, "school.example.file")).await;
    newer.settle().await;
    assert!(newer.declared().await.is_empty());
    for guest in [&newer, &older] {
        assert_eq!(guest.remarks(), [""; 0]);
    }
    drop((newer, older));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_was_lost_is_told_at_once_when_the_device_is_asked_for_news() {
    let house = House::open().await;
    // The first report tells of what every device gets; the one of the school's own declaration is lost.
    let guest = house.device_with("ipad@18", "[[fault]]\nkind = \"lose-status\"\nafter = 1\ntimes = 1\n").await;
    let group = house.group(&[&guest]).await;
    house.declare(&group, &configuration("school.example.echo", "management.test", &json!({ "Echo": "x" }))).await;
    guest.settle().await;
    assert_eq!(guest.in_effect().await, ["school.example.echo"]);
    let stands = || {
        let udid = guest.udid();
        house.read(move |tx| {
            let standings = reconcile::standing(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap())?;
            Ok(standings.things.into_iter().map(|thing| (thing.state, thing.because)).next().unwrap())
        })
    };
    let (state, because) = stands().await;
    assert!(state == State::Waiting && because.contains("has not said yet"), "{because}");
    let udid = guest.udid();
    house.write(move |tx| declarations::ask_for_news(tx, &Actor::Console, &enrollments::by_nano_id(tx, &udid)?.unwrap())).await;
    guest.settle().await;
    assert_eq!(stands().await, (State::There, String::new()));
    assert_eq!(guest.remarks(), [""; 0]);
    drop(guest);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_to_the_users_of_a_mac_is_theirs_from_the_preview_to_the_report() {
    let house = House::open().await;
    let guest = house.device("mac@15").await;
    let group = house.group(&[&guest]).await;
    let all = json!([
        configuration("school.example.math", "math.settings", &json!({})),
        configuration("school.example.disk", "diskmanagement.settings", &json!({})),
    ]);
    let ids = {
        let text = all.to_string();
        house
            .write(move |tx| {
                let added = library::add(tx, &Actor::Console, library::read(text.as_bytes())?, "")?;
                Ok(added.into_iter().map(|standing| standing.declaration.id).collect::<Vec<_>>())
            })
            .await
    };
    let user = guest.look(|device| device.facts().accounts[0].short_name.clone()).await;
    let udid = guest.udid();
    let thought = reconcile::Thought {
        add: ids.iter().map(|id| reconcile::Named { kind: AssignedKind::Declaration, id: id.clone(), mode: None, ends_at: None }).collect(),
        groups: vec![group.clone()],
        ..reconcile::Thought::default()
    };
    let foreseen = house.read(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).await;
    let foreseen: Vec<_> =
        foreseen.items[0].things.iter().map(|thing| (thing.identifier.clone(), thing.name.contains(" (user "))).collect();
    for (identifier, of_user) in [("school.example.math", true), ("school.example.disk", false)] {
        assert!(foreseen.contains(&(identifier.to_owned(), of_user)), "{identifier}: {foreseen:?}");
    }

    for id in ids {
        let group = group.clone();
        house.write(move |tx| library::assign(tx, &Actor::Console, &id, &group)).await;
    }
    guest.settle().await;
    // A push to the users' channels, which nobody sends here.
    guest.look(rollcall::sim::device::Device::wake_users).await;
    guest.settle().await;
    let own: Vec<_> = guest.in_effect().await;
    assert_eq!(own, ["school.example.disk"], "the device's own channel");
    let theirs = guest.look(move |device| device.declarations(Some(&user))).await;
    let math = theirs.iter().find(|declaration| declaration.identifier == "school.example.math").expect("the user's channel has it");
    assert!(math.active && theirs.iter().all(|declaration| declaration.identifier != "school.example.disk"), "{theirs:?}");
    let standings = house.read(move |tx| reconcile::of_device(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap())).await;
    let stand = |identifier: &str| standings.things.iter().find(|thing| thing.identifier == identifier).unwrap();
    let (math, disk) = (stand("school.example.math"), stand("school.example.disk"));
    assert_eq!((math.state, disk.state), (State::There, State::There), "{standings:?}");
    assert!(math.name.contains(" (user ") && !disk.name.contains(" (user "), "{standings:?}");
    assert_eq!(standings.unable, []);
    let udid = guest.udid();
    let told = house
        .read(move |tx| {
            let device = enrollments::by_nano_id(tx, &udid)?.unwrap();
            let users = enrollments::user_channels(tx, &device.id)?;
            declared::states(tx, &users[0].id)
        })
        .await;
    assert!(told.iter().any(|state| state.identifier == "school.example.math" && state.active), "its own report: {told:?}");
    assert_eq!(guest.remarks(), [""; 0]);
    drop(guest);
    house.close().await;
}
