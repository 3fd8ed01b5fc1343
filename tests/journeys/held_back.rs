//! Updates held back on every generation: each device by its own mechanism, nothing that 27 has removed, and everything shown again at the end.

use rollcall::mdm::Actor;
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::mdm::policies::{self, NewPolicy};
use serde_json::{Value, json};

use crate::kit::{Guest, House};

const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";

/// What was removed in 27, by the beginnings of its keys.
const REMOVED: [&str; 3] = ["forceDelayed", "enforcedSoftwareUpdate", "allowRapidSecurityResponse"];

/// By which mechanism a device is to be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Restriction,
    Declaration,
}

/// Makes a policy and assigns it to a group of these devices; gives the ids of both.
async fn hold(house: &House, guests: &[Guest<'_>], settings: Value) -> (String, String) {
    let udids: Vec<_> = guests.iter().map(Guest::udid).collect();
    house
        .write(move |tx| {
            let group = groups::create(tx, &Actor::Console, NewGroup { name: String::from("Held back"), ..NewGroup::default() })?;
            groups::add(tx, &Actor::Console, &group.id, &udids)?;
            let settings = settings.as_object().cloned().unwrap_or_default();
            let new = NewPolicy { name: String::from("Two weeks"), settings, ..NewPolicy::default() };
            let policy = policies::create(tx, &Actor::Console, &new)?;
            policies::assign(tx, &Actor::Console, &policy.id, &group.id, None)?;
            Ok((policy.id, group.id))
        })
        .await
}

/// The keys about updates that restrict the device, and the payload of the declaration that is in effect.
async fn held(guest: &Guest<'_>) -> (Value, Option<Value>) {
    let mut restrictions = guest.restrictions().await;
    restrictions.retain(|key, _| REMOVED.iter().any(|gone| key.starts_with(gone)));
    let declarations = guest.declarations().await;
    let settings = declarations.into_iter().find(|declaration| declaration.declaration_type == SETTINGS);
    (Value::Object(restrictions), settings.filter(|settings| settings.active).map(|settings| settings.payload))
}

async fn shown(guest: &Guest<'_>, house: &House) -> Vec<String> {
    let now = house.clock.now();
    guest.look(move |device| device.shown_updates(now)).await
}

/// Enrolls devices of these kinds, holds them back, and takes that back again; `expected` says what each has meanwhile.
async fn held_and_let_go(kinds: &[(&str, By)], settings: Value, expected: impl Fn(By, &str) -> Value) {
    let house = House::open().await;
    let mut guests = Vec::new();
    for (kind, _) in kinds {
        guests.push(house.device(kind).await);
    }
    let mut before = Vec::new();
    for guest in &guests {
        before.push(shown(guest, &house).await);
    }
    let (policy, group) = hold(&house, &guests, settings).await;
    for (guest, (kind, by)) in guests.iter().zip(kinds) {
        guest.settle().await;
        let (restricted, declared) = held(guest).await;
        match by {
            By::Restriction => assert_eq!((restricted, declared), (expected(*by, kind), None), "{kind}"),
            By::Declaration => assert_eq!((restricted, declared), (json!({}), Some(expected(*by, kind))), "{kind}"),
        }
        assert!(shown(guest, &house).await.iter().all(|version| version != "27.1"), "{kind}: it came out three days ago");
        let types: Vec<_> = guest.profiles().await.into_iter().flat_map(|profile| profile.payload_types).collect();
        assert!(*by == By::Restriction || !types.iter().any(|kind| kind == "com.apple.SoftwareUpdate"), "{kind}: {types:?}");
        assert_eq!(guest.remarks(), [""; 0], "{kind}");
    }
    house.write(move |tx| policies::unassign(tx, &Actor::Console, &policy, &group)).await;
    for ((guest, (kind, _)), before) in guests.iter().zip(kinds).zip(before) {
        guest.settle().await;
        assert_eq!(held(guest).await, (json!({}), None), "{kind}");
        assert_eq!(shown(guest, &house).await, before, "{kind}");
    }
    drop(guests);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipads_of_every_generation_are_held_back_by_what_they_have() {
    let kinds = [
        ("iPad4,1@12.5.5", By::Restriction),
        ("iPad6,11@16.6.1", By::Restriction),
        ("iPad7,5@17.5.1", By::Restriction),
        ("iPad7,11@18.2.1", By::Declaration),
        ("iPad12,1@26.0.1", By::Declaration),
        ("iPad13,18@27.0", By::Declaration),
    ];
    held_and_let_go(&kinds, json!({ "hold_updates": 14, "auto_install": "AlwaysOff" }), |by, _| match by {
        By::Restriction => json!({ "forceDelayedSoftwareUpdates": true, "enforcedSoftwareUpdateDelay": 14 }),
        By::Declaration => {
            json!({ "Deferrals": { "CombinedPeriodInDays": 14 }, "AutomaticActions": { "InstallOSUpdates": "AlwaysOff" } })
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn macs_of_every_generation_are_held_back_by_what_they_have() {
    let kinds = [
        ("Macmini8,1@10.15.6", By::Restriction),
        ("MacBookAir10,1@13.5", By::Restriction),
        ("MacBookAir10,1@14.5", By::Restriction),
        ("MacBookAir10,1@15.2", By::Declaration),
        ("Mac14,2@26.0.1", By::Declaration),
        ("Mac14,2@27.0", By::Declaration),
    ];
    let settings = json!({ "hold_updates": 14, "hold_major_updates": 60, "auto_install": "AlwaysOff" });
    held_and_let_go(&kinds, settings, |by, kind| match by {
        By::Restriction if kind.contains("@10.") => json!({ "forceDelayedSoftwareUpdates": true, "enforcedSoftwareUpdateDelay": 14 }),
        By::Restriction => json!({
            "forceDelayedSoftwareUpdates": true, "forceDelayedMajorSoftwareUpdates": true,
            "enforcedSoftwareUpdateMajorOSDeferredInstallDelay": 60, "enforcedSoftwareUpdateMinorOSDeferredInstallDelay": 14,
        }),
        By::Declaration => json!({
            "Deferrals": { "MajorPeriodInDays": 60, "MinorPeriodInDays": 14 }, "AutomaticActions": { "InstallOSUpdates": "AlwaysOff" },
        }),
    })
    .await;
}
