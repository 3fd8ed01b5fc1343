//! Lessons: one app, some apps or some sites for a class, on old iPads and new ones, ended by each device itself whatever becomes of the appliance.

use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::focus::{self, CLOCK_SLACK, IDENTIFIER, Wish};
use rollcall::mdm::people::{self, NewPerson, classes};
use rollcall::store::classes::ClassRole;
use rollcall::store::enrollments;
use rollcall::store::events::{self, Filter};
use rollcall::store::focuses::{Focus, FocusKind};
use rollcall::store::people::PersonRole;

use crate::kit::{Guest, House};

const LESSON: Duration = Duration::from_secs(45 * 60);
const NOTES: &str = "com.apple.mobilenotes";
const MAPS: &str = "com.apple.Maps";

/// A class whose pupils have these devices.
async fn class_of(house: &House, guests: &[Guest<'_>]) -> String {
    let udids: Vec<_> = guests.iter().map(Guest::udid).collect();
    house
        .write(move |tx| {
            let class = classes::create(tx, &Actor::Console, "7b")?;
            for (number, udid) in udids.iter().enumerate() {
                let new = NewPerson { name: format!("Pupil {number}"), email: String::new(), role: PersonRole::Student, active: true };
                let pupil = people::create(tx, &Actor::Console, new)?;
                classes::put(tx, &Actor::Console, &class.id, &pupil.id, ClassRole::Student)?;
                let device = enrollments::by_nano_id(tx, udid)?.expect("it is enrolled").device_id;
                people::assign(tx, &Actor::Console, &device, Some(&pupil.id))?;
            }
            Ok(class.id)
        })
        .await
}

async fn start(house: &House, class: &str, kind: FocusKind, items: &[&str]) -> Focus {
    let (class, items) = (class.to_owned(), items.iter().map(|item| (*item).to_owned()).collect());
    let wish = Wish { kind, items, minutes: 45, devices: None, replace: true };
    house.write(move |tx| focus::start(tx, &Actor::Console, &class, &wish)).await
}

/// What can be used on a device: Notes, Maps, Wikipedia, another site.
async fn usable(guest: &Guest<'_>) -> [bool; 4] {
    guest
        .look(|device| {
            [
                device.shows_app(NOTES),
                device.shows_app(MAPS),
                device.opens_site("https://en.wikipedia.org/wiki/Ada"),
                device.opens_site("https://example.com/"),
            ]
        })
        .await
}

async fn has_focus(guest: &Guest<'_>) -> bool {
    guest.profiles().await.iter().any(|profile| profile.identifier == IDENTIFIER)
}

/// Whether any device was told to remove a profile.
async fn was_told_to_remove(house: &House) -> bool {
    let log = house.read(|tx| events::list(tx, &Filter { kind: Some("command.queued"), ..Filter::default() }, None, 500)).await;
    log.iter().any(|event| event.data["request_type"] == "RemoveProfile")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lesson_holds_on_old_and_new_ipads_and_ends_on_each_while_the_appliance_is_silent() {
    let house = House::open().await;
    let mut guests = Vec::new();
    for kind in ["iPad4,1@12.5.5", "iPad7,5@17.5.1", "iPad13,18@27.0"] {
        guests.push(house.device(kind).await);
    }
    let class = class_of(&house, &guests).await;
    for (kind, items, expected) in [
        (FocusKind::Apps, vec![NOTES], [true, false, true, true]),
        (FocusKind::App, vec![MAPS], [false, true, true, true]),
        (FocusKind::Sites, vec!["en.wikipedia.org"], [true, true, true, false]),
    ] {
        let focus = start(&house, &class, kind, &items).await;
        for guest in &guests {
            guest.settle().await;
            assert_eq!(usable(guest).await, expected, "{kind} on {}", guest.os_version());
            assert_eq!(guest.remarks(), [""; 0]);
        }
        let now = house.read(|tx| focus::now_running(tx, &Actor::Console)).await;
        let held = now.iter().find(|now| now.focus.id == focus.id).unwrap();
        assert_eq!((held.there, held.devices), (3, 3), "each has said that it holds");
    }
    // From here on nobody hears of the appliance until after the end.
    let ends_at = house.read(|tx| focus::now_running(tx, &Actor::Console)).await.iter().map(|now| now.focus.ends_at).max().unwrap();
    let left = ends_at.since(house.clock.now());
    guests[0].alone(left.saturating_sub(Duration::from_secs(1))).await;
    assert!(has_focus(&guests[0]).await, "a second before the end");
    guests[0].alone(Duration::from_secs(1)).await;
    for guest in &guests {
        guest.alone(Duration::ZERO).await;
        assert!(!has_focus(guest).await, "{}", guest.os_version());
        assert_eq!(usable(guest).await, [true; 4]);
    }
    house.pass(CLOCK_SLACK).await;
    for guest in &guests {
        guest.settle().await;
    }
    assert!(!was_told_to_remove(&house).await, "what ended by itself needs no command");
    let enrollment = guests[0].udid();
    let things = house
        .read(move |tx| {
            let channel = enrollments::by_nano_id(tx, &enrollment)?.unwrap();
            rollcall::mdm::reconcile::standing(tx, &channel)
        })
        .await
        .things;
    assert!(!things.iter().any(|thing| thing.identifier == IDENTIFIER), "{things:?}");
    drop(guests);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_late_has_what_is_left_and_one_that_comes_after_the_end_nothing() {
    let house = House::open().await;
    let guests = [house.device("ipad@26").await];
    let class = class_of(&house, &guests).await;
    let guest = &guests[0];
    let focus = start(&house, &class, FocusKind::App, &[NOTES]).await;
    house.clock.advance(LESSON.saturating_sub(Duration::from_secs(300)));
    guest.settle().await;
    assert_eq!(guest.look(|device| device.locked_into()).await.as_deref(), Some(NOTES));
    guest.alone(focus.ends_at.since(house.clock.now())).await;
    assert!(!has_focus(guest).await, "five minutes, and not another lesson");

    start(&house, &class, FocusKind::App, &[NOTES]).await;
    house.clock.advance(LESSON);
    guest.settle().await;
    assert!(!has_focus(guest).await, "it is over, and nobody sends it any more");
    assert_eq!(guest.remarks(), [""; 0]);
    drop(guests);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ended_early_goes_as_soon_as_the_device_is_reached_and_macs_are_left_alone() {
    let house = House::open().await;
    let guests = [house.device("ipad@26").await, house.device("mac@15").await];
    let class = class_of(&house, &guests).await;
    let focus = start(&house, &class, FocusKind::Apps, &[NOTES]).await;
    for guest in &guests {
        guest.settle().await;
    }
    assert!(has_focus(&guests[0]).await && !has_focus(&guests[1]).await);
    let id = focus.id.clone();
    house.write(move |tx| focus::end(tx, &Actor::Console, &id)).await;
    guests[0].settle().await;
    assert!(!has_focus(&guests[0]).await && was_told_to_remove(&house).await);
    drop(guests);
    house.close().await;
}
