//! Devices out of the box: they ask for their profile, are held until it is all there, and go on, whatever fails.

use std::sync::Arc;
use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::enroll::automated::rules::{self, Change};
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::mdm::policies::{self, NewPolicy};
use rollcall::mdm::setup_assistant::{self, Arriving, Step};
use rollcall::protocol::platform::Platform;
use rollcall::sim::device::{Maker, SetupAssistant};
use rollcall::store::enrollments::{self, Enrollment};
use rollcall::store::holds::{self, Hold};
use rollcall::store::invitations::Entry;
use serde_json::json;

use crate::kit::{Guest, House};

/// A cart whose devices are to have a policy, by whatever mechanism their system has.
async fn cart(house: &House) -> Arc<SetupAssistant> {
    let maker = Maker::new(house.clock.now()).unwrap();
    let path = house.knows(&maker, "Cart").await;
    house
        .write(|tx| {
            let group = groups::create(tx, &Actor::Console, NewGroup { name: String::from("Cart"), ..NewGroup::default() })?;
            let settings = json!({ "open_in_managed_stays": true }).as_object().unwrap().clone();
            let policy = policies::create(tx, &Actor::Console, &NewPolicy { name: "Cart".into(), settings, ..NewPolicy::default() })?;
            policies::assign(tx, &Actor::Console, &policy.id, &group.id, None)
        })
        .await;
    Arc::new(SetupAssistant { url: house.url(&path), maker })
}

impl House {
    async fn arrivals(&self) -> Vec<Arriving> {
        self.read(|tx| setup_assistant::arriving(tx, &Actor::Console)).await
    }

    async fn held(&self, guest: &Guest<'_>) -> (Enrollment, Hold) {
        let udid = guest.udid();
        self.read(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            let hold = holds::of(tx, &enrollment.id)?;
            Ok((enrollment, hold))
        })
        .await
    }
}

impl Guest<'_> {
    async fn waits(&self) -> bool {
        self.look(|device| device.is_in_setup_assistant()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_of_every_age_come_in_with_what_they_are_to_have_and_go_on() {
    let house = House::open().await;
    let setup = cart(&house).await;
    for kind in ["iPad4,1@12+automated", "iPad13,18@27+automated", "mac@15+automated"] {
        let guest = house.unpacks(&setup, kind, "").await;
        assert_eq!(guest.failure(), None, "{kind}");
        guest.settle().await;
        assert!(!guest.waits().await, "{kind}");
        let (enrollment, hold) = house.held(&guest).await;
        assert_eq!((hold.because.as_str(), enrollment.entry), ("All is there.", Entry::Configurator), "{kind}");
        assert!(!enrollment.awaiting_configuration);
        let arrivals = house.arrivals().await;
        assert_eq!((arrivals[0].step, arrivals[0].troubles.len()), (Step::Ready, 0), "{arrivals:?}");
        assert_eq!(guest.remarks(), [""; 0], "{kind}");
        if kind.starts_with("iPad") {
            assert!(!guest.restrictions().await.is_empty(), "{kind} has the policy");
        }
        house.pass(Duration::from_secs(60)).await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_a_device_goes_on_and_the_cart_says_what_failed() {
    let house = House::open().await;
    let setup = cart(&house).await;
    let refuses = "[[fault]]\nkind = \"refuse\"\non = [\"InstallProfile\"]\ncode = 4001\n";
    let guest = house.unpacks(&setup, "iPad4,1@12+automated", refuses).await;
    guest.settle().await;
    assert!(!guest.waits().await);
    assert_eq!(house.held(&guest).await.1.because, "All is there but one thing that does not come.");
    let arrivals = house.arrivals().await;
    assert!(arrivals[0].step == Step::Lacking && arrivals[0].troubles.len() == 1, "set up, and not ready: {arrivals:?}");

    // One that never says what came of what it was told goes on at its time.
    let silent = "[[fault]]\nkind = \"lose-status\"\n";
    let guest = house.unpacks(&setup, "iPad13,18@26+automated", silent).await;
    guest.settle().await;
    assert!(guest.waits().await);
    let waiting = house.arrivals().await;
    assert!(waiting[0].step == Step::Held && waiting[0].words.starts_with("profiles "), "{waiting:?}");
    house.pass(Duration::from_secs(20 * 60)).await;
    guest.settle().await;
    assert!(!guest.waits().await);

    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_device_is_refused_and_who_is_too_old_updates_first() {
    let house = House::open().await;
    let setup = cart(&house).await;
    let stranger = house.unpacks(&setup, "ipad@26+automated", "[[fault]]\nkind = \"stranger\"\n").await;
    assert!(stranger.failure().unwrap().contains("403"), "{:?}", stranger.failure());
    assert!(house.arrivals().await.is_empty(), "what it says of itself is not believed");
    for kind in ["old-digest", "bare-identity"] {
        let guest = house.unpacks(&setup, "ipad@18+automated", &format!("[[fault]]\nkind = \"{kind}\"\n")).await;
        assert_eq!(guest.failure(), None, "{kind}");
    }
    let minimum = [(Platform::Ios, String::from("26.1"))].into();
    house.write(move |tx| rules::change(tx, &Actor::Console, Change { minimum, ..Change::default() })).await;
    let guest = house.unpacks(&setup, "iPad13,18@17+automated", "").await;
    assert_eq!((guest.failure(), guest.os_version()), (None, "26.1"));
    guest.settle().await;
    assert!(!guest.waits().await);
    let old = house.unpacks(&setup, "iPad4,1@12+automated", "").await;
    assert_eq!(old.failure(), None, "one that does not understand comes in as it is");
    house.close().await;
}
