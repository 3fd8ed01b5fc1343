//! People enroll devices by their account over real sockets: their own and the school's, of old and new systems, with all that can go wrong at the sign-in.

use std::sync::Arc;
use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::enroll::renewal;
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::protocol::ids::EnrollmentKind;
use rollcall::sim::device::{AccountSignIn, Maker, Phase};
use rollcall::store::devices::{self, Device};
use rollcall::store::enrollments::{self, Enrollment};
use rollcall::store::invitations::Entry;
use rollcall::store::people;
use serde_json::{Value as Json, json};

use crate::kit::{Guest, House};
use crate::licences::until;
use crate::licensed;

const PASSWORD: &str = "correct horse battery";
const ACCOUNT: &str = "kim@appleaccount.example.school";
const ATLAS: &str = "1500000002";
const BUNDLE: &str = "school.example.atlas";

/// Has people enroll these families as theirs or the school's, and Kim be somebody who can; gives Kim's id and how they sign in.
async fn open(house: &House, families: Json) -> (String, AccountSignIn) {
    let maker = Arc::new(Maker::new(house.clock.now()).unwrap());
    house.knows(&maker, "").await;
    let (status, rules) = house.api("PATCH", "/api/v1/account-enrollment", json!({ "families": families, "group": "By account" })).await;
    assert_eq!(status, 200, "{rules}");
    let kim = person(house, "Kim", ACCOUNT).await;
    let sign_in = AccountSignIn {
        domain: house.url(""),
        user_identifier: ACCOUNT.into(),
        address: "kim@example.school".into(),
        password: PASSWORD.into(),
        maker,
    };
    (kim, sign_in)
}

async fn person(house: &House, name: &str, account: &str) -> String {
    let email = format!("{}@example.school", name.to_lowercase());
    let (status, person) = house.api("POST", "/api/v1/people", json!({ "name": name, "email": email, "role": "teacher" })).await;
    assert_eq!(status, 201, "{person}");
    let id = person["id"].as_str().unwrap().to_owned();
    for (what, body) in [("managed-apple-account", json!({ "managed_apple_id": account })), ("password", json!({ "password": PASSWORD }))] {
        let (status, told) = house.api("PUT", &format!("/api/v1/people/{id}/{what}"), body).await;
        assert_eq!(status, 200, "{told}");
    }
    id
}

impl House {
    async fn of(&self, nano_id: &str) -> (Enrollment, Device) {
        let nano_id = nano_id.to_owned();
        self.read(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &nano_id)?.unwrap();
            let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
            Ok((enrollment, device))
        })
        .await
    }
}

impl Guest<'_> {
    async fn enrollment_id(&self) -> String {
        self.look(|device| device.enrollment_id().map(str::to_owned)).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peoples_own_devices_of_every_age_come_in_and_tell_and_allow_little() {
    let house = House::open().await;
    let (kim, sign_in) = open(&house, json!({ "ipad": "own", "iphone": "own", "mac": "own" })).await;
    for (kind, name) in [("ipad@15+own", "iPad"), ("iphone@27+own", "iPhone"), ("mac@14+own", "Mac")] {
        let guest = house.signs_in(None, sign_in.clone(), kind).await;
        assert_eq!(guest.failure(), None, "{kind}");
        guest.settle().await;
        let id = guest.enrollment_id().await;
        let (enrollment, device) = house.of(&id).await;
        assert_eq!((enrollment.entry, enrollment.kind), (Entry::Account, EnrollmentKind::UserEnrollmentDevice), "{kind}");
        assert_eq!((&device.serial_number, &device.udid, enrollment.access_rights), (&None, &None, None), "{kind}");
        assert!(!device.name.is_empty() && device.practice && device.facts_at.is_some(), "{kind}: {device:?}");
        let (device_id, owner) = (device.id.clone(), kim.clone());
        let who = house.read(move |tx| people::of_device(tx, &device_id)).await.map(|person| person.id);
        assert_eq!(who, Some(owner), "{kind}");
        let (_, told) = house.api("GET", &format!("/api/v1/devices/{id}"), Json::Null).await;
        assert_eq!(told["groups"][0]["name"], "By account", "{kind} ({name}): {told}");

        for request_type in ["EraseDevice", "ActivationLockBypassCode"] {
            let order = json!({ "targets": [id], "request_type": request_type });
            let (status, told) = house.api("POST", "/api/v1/commands", order).await;
            assert_eq!(status, 409, "{kind} {request_type}: {told}");
            assert!(told.to_string().contains("person’s own device"), "{kind} {request_type}: {told}");
        }

        let again = enrollment.clone();
        house.write(move |tx| renewal::hasten(tx, &again)).await;
        guest.settle().await;
        assert_eq!(guest.look(|device| device.journal().renewals).await, 1, "{kind}: {:?}", guest.remarks());
        let serial = guest.look(|device| device.facts().serial_number.clone()).await;
        let seen = house.read(move |tx| devices::by_serial_number(tx, &serial)).await;
        assert_eq!((seen, guest.remarks()), (None, Vec::<String>::new()), "{kind}: nothing by which it could be known again came here");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_of_the_school_come_in_by_an_account_and_are_managed_as_others_are() {
    let house = House::open().await;
    let (kim, sign_in) = open(&house, json!({ "ipad": "school", "mac": "school" })).await;
    for kind in ["ipad@17+school", "ipad@27+school", "mac@26+school"] {
        let guest = house.signs_in(None, sign_in.clone(), kind).await;
        assert_eq!(guest.failure(), None, "{kind}");
        guest.settle().await;
        let (enrollment, device) = house.of(&guest.udid()).await;
        assert_eq!(
            (enrollment.entry, enrollment.kind, enrollment.access_rights),
            (Entry::Account, EnrollmentKind::Device, Some(8191)),
            "{kind}"
        );
        let serial = guest.look(|device| device.facts().serial_number.clone()).await;
        assert_eq!((device.serial_number, guest.remarks()), (Some(serial), Vec::<String>::new()), "{kind}");
        let (_, told) = house.api("GET", &format!("/api/v1/devices/{}/account", guest.udid()), Json::Null).await;
        assert_eq!(
            (&told["account"]["ownership"], &told["account"]["person_id"], &told["account"]["token"]),
            (&json!("school"), &json!(kim), &json!("right")),
            "{told}"
        );
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_is_told_why_and_comes_in_once_that_is_mended() {
    let house = House::open().await;
    let (_, kim) = open(&house, json!({ "ipad": "own" })).await;
    person(&house, "Ben", "").await;
    let as_kim = |change: &dyn Fn(&mut AccountSignIn)| {
        let mut sign_in = kim.clone();
        change(&mut sign_in);
        sign_in
    };
    for (sign_in, kind, words) in [
        (as_kim(&|it| it.password = "a wrong password".into()), "ipad@26+own", "Address or password is wrong."),
        (
            as_kim(&|it| it.user_identifier = "ada@appleaccount.example.school".into()),
            "ipad@26+own",
            "You began with another Managed Apple Account",
        ),
        (as_kim(&|it| it.address = "ben@example.school".into()), "ipad@26+own", "No Managed Apple Account is known of Ben"),
        (kim.clone(), "iphone@26+own", "do not enroll such devices"),
        (kim.clone(), "ipad@26+school", "it is to be ADDE"),
    ] {
        let guest = house.signs_in(None, sign_in, kind).await;
        let failure = guest.failure().unwrap_or_default();
        assert!(failure.contains(words), "{words}: {failure}");
    }
    let guest = house.signs_in(None, as_kim(&|it| it.password = "a wrong password".into()), "ipad@16+own").await;
    let right = kim.clone();
    guest.look(move |device| device.sign_in_again(Some(right))).await;
    guest.settle().await;
    assert_eq!(guest.look(|device| device.phase().clone()).await, Phase::Enrolled);
    // A Managed Apple Account is as good as the address.
    let guest = house.signs_in(None, as_kim(&|it| it.address = ACCOUNT.into()), "ipad@27+own").await;
    assert_eq!(guest.failure(), None);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_sign_in_is_told_and_never_costs_the_enrollment() {
    let house = House::open().await;
    let (_, sign_in) = open(&house, json!({ "iphone": "own" })).await;
    let guest = house.signs_in(None, sign_in, "iphone@26+own").await;
    guest.settle().await;
    let id = guest.enrollment_id().await;
    let shown = async || house.api("GET", &format!("/api/v1/devices/{id}/account"), Json::Null).await.1["account"]["token"].clone();
    let token = guest.look(|device| device.shown_sign_in().map(str::to_owned)).await;
    assert!(token.is_some() && shown().await == "right");
    for (shows, told) in [(None, "none"), (Some("another token".to_owned()), "another"), (token, "right")] {
        guest.look(move |device| device.show_sign_in(shows.as_deref())).await;
        guest.settle().await;
        assert_eq!((shown().await, guest.look(|device| device.phase().clone()).await), (json!(told), Phase::Enrolled));
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_comes_by_its_persons_licence_and_leaves_with_the_person() {
    for kind in ["ipad@15+own", "ipad@26+own"] {
        let (services, house, text) = licensed::open(1).await;
        let (kim, sign_in) = open(&house, json!({ "ipad": "own" })).await;
        // Somebody with practice devices alone would get practice licences.
        let schools = house.device("ipad@18").await;
        house.api("PUT", &format!("/api/v1/devices/{}/person", schools.udid()), json!({ "person": kim })).await;
        let guest = house.signs_in(Some(&services), sign_in, kind).await;
        assert_eq!(guest.failure(), None, "{kind}");
        guest
            .look(|device| {
                device.person_agrees(true);
                // Nobody has it as their own already.
                device.delete_app(BUNDLE);
            })
            .await;
        let id = guest.enrollment_id().await;
        // An app that is licensed to devices elsewhere: this one has no serial number to license.
        let (_, app) = house.api("POST", "/api/v1/apps", json!({ "adam_id": ATLAS, "name": "Atlas" })).await;
        let app = app["id"].as_str().unwrap().to_owned();
        let group = house.write(|tx| groups::create(tx, &Actor::Console, NewGroup { name: "7b".into(), ..NewGroup::default() })).await.id;
        house.api("PUT", &format!("/api/v1/apps/{app}/groups/{group}"), json!({ "mode": "required" })).await;
        house
            .write({
                let id = id.clone();
                move |tx| groups::add(tx, &Actor::Console, &group, &[id])
            })
            .await;
        let there = async || {
            guest.look(|device| device.apps().iter().any(|app| app.identifier == BUNDLE && app.status.is_some() && app.installed)).await
        };
        until(&house, Duration::from_secs(60), async || {
            guest.settle().await;
            there().await
        })
        .await;
        let holders: Vec<_> = services.apps_and_books.book().assigned(&text).into_iter().map(|held| held.holder).collect();
        let serial = guest.look(|device| device.facts().serial_number.clone()).await;
        assert!(holders.len() == 1 && holders[0] != serial, "{kind}: {holders:?}");
        assert_eq!(guest.remarks(), Vec::<String>::new(), "{kind}");

        let (status, told) = house.api("PATCH", &format!("/api/v1/people/{kim}"), json!({ "active": false })).await;
        assert_eq!(status, 200, "{told}");
        until(&house, Duration::from_secs(60), async || {
            guest.look(rollcall::sim::device::Device::connect_now).await;
            let left = guest.look(|device| matches!(device.phase(), Phase::Left(_))).await;
            left && services.apps_and_books.book().assigned(&text).is_empty()
        })
        .await;
        assert!(!there().await, "{kind}: what came from here went with the management");
        let schools_stay = schools.look(|device| device.phase().clone()).await;
        assert_eq!(schools_stay, Phase::Enrolled, "{kind}: a device of the school stays");
        drop((guest, schools));
        house.close().await;
    }
}
