//! From one root to the next, as devices and the calendar make it: pushed, waited for, used, and over.

use std::time::Duration;

use super::{Device, School, days};
use crate::clock::Timestamp;
use crate::mdm::Actor;
use crate::mdm::ca::roots::SUCCEED_BEFORE;
use crate::mdm::ca::succession::{self, ALERT, KNOWN_FOR, Look};
use crate::mdm::commands::{self, MAX_OPEN};
use crate::mdm::enroll::next_root::{self, Event, LOOK_AFTER, RETRIES};
use crate::pki::certificate::Fingerprint;
use crate::protocol::command;
use crate::store::authorities::{self, Authority, AuthorityState};
use crate::store::certificates::Purpose;
use crate::store::invitations::{self, Challenge};
use crate::store::known_roots::{self, KnownRoot, KnownState, Progress};
use crate::store::{alerts, devices};

const UDID: &str = "00008030-00AA11BB22CC33DD";

impl School {
    /// Moves to the time when the root needs a successor, and makes it; gives its end.
    fn with_next_root(&self) -> Timestamp {
        self.clock.advance(days(7300).saturating_sub(SUCCEED_BEFORE));
        self.write(|tx| {
            let next = Authority {
                id: String::from("next"),
                state: AuthorityState::Next,
                certificate: b"next root".to_vec(),
                not_after_at: tx.now.plus(days(7300)),
                created_at: tx.now,
                bridge: None,
                used_from_at: None,
                taken_until_at: None,
            };
            authorities::insert(tx, &next, &Fingerprint::of_der(b"next root"), None)?;
            Ok(authorities::current(tx)?.unwrap().not_after_at)
        })
    }

    fn look(&self) -> Look {
        self.write(|tx| succession::look(tx, true))
    }

    /// What the job does beside looking; gives how many profiles it queued.
    fn send(&self) -> usize {
        self.write(|tx| match next_root::due(tx)? {
            Some(parcel) => next_root::queue(tx, &parcel, b"the profile"),
            None => Ok(0),
        })
    }

    fn alert(&self) -> Option<String> {
        self.write(alerts::all).into_iter().find(|alert| alert.key == ALERT).map(|alert| alert.message)
    }

    fn until(&self, moment: Timestamp) {
        self.clock.advance(moment.since(self.clock.now()));
    }
}

impl Device<'_> {
    fn known(&self) -> KnownRoot {
        let enrollment = self.enrollment();
        self.school.write(move |tx| known_roots::of(tx, "next", &enrollment.id)).unwrap()
    }
}

#[test]
fn a_root_on_its_way_moves_by_what_happens_to_it() {
    let now = Timestamp::from_seconds(1_795_000_000);
    let start = KnownRoot {
        authority_id: "next".into(),
        enrollment_id: "1".into(),
        generation: 1,
        state: KnownState::Wanted,
        attempts: 0,
        command_uuid: String::new(),
        due_at: Some(now),
    };
    let queued = next_root::next(&start, Event::Queued("A"), now);
    assert_eq!((queued.state, queued.attempts, queued.command_uuid.as_str()), (KnownState::Queued, 1, "A"));
    assert_eq!(queued.due_at, Some(now.plus(LOOK_AFTER)));
    let later = now.plus(LOOK_AFTER);
    assert_eq!(next_root::next(&queued, Event::Waits, later), KnownRoot { due_at: Some(later.plus(LOOK_AFTER)), ..queued.clone() });
    assert_eq!(next_root::next(&queued, Event::Left, now), KnownRoot { due_at: None, ..queued.clone() });
    let known = next_root::next(&queued, Event::Acknowledged, now);
    assert_eq!((known.state, known.due_at), (KnownState::Known, None));
    for (attempts, wait) in [(0, RETRIES[0]), (1, RETRIES[0]), (2, RETRIES[1]), (3, RETRIES[2]), (9, RETRIES[2])] {
        let refused = next_root::next(&KnownRoot { attempts, ..queued.clone() }, Event::Refused, now);
        assert_eq!((refused.state, refused.due_at), (KnownState::Refused, Some(now.plus(wait))), "{attempts}");
    }
}

#[test]
fn the_next_root_goes_to_each_device_once_and_is_used_when_all_know_it() {
    let school = School::new();
    let (first, second) = (school.enrolled(UDID), school.enrolled("00008030-00AA11BB22CC33EE"));
    let end = school.with_next_root();
    assert_eq!(school.look(), Look { promoted: false, progress: Some(Progress { known: 0, devices: 2 }) });
    assert_eq!((school.send(), school.send()), (2, 0), "once each");
    let made = school.clock.now();
    for device in [&first, &second] {
        let offer = device.idle().unwrap();
        assert_eq!((offer.request_type.as_str(), offer.supersede_key.as_deref()), ("InstallProfile", Some("next-root")));
        device.report(&offer.uuid, "Acknowledged");
        assert_eq!(device.known().state, KnownState::Known);
    }
    school.until(made.plus(KNOWN_FOR).minus(Duration::from_secs(1)));
    assert!(!school.look().promoted, "profiles that were handed out without it are still about");
    school.clock.advance(Duration::from_secs(1));
    assert_eq!(school.look(), Look { promoted: true, progress: Some(Progress { known: 2, devices: 2 }) });
    assert_eq!(school.send(), 0);
    let (current, retired) = school.write(|tx| Ok((authorities::current(tx)?.unwrap().id, authorities::retired(tx)?.len())));
    assert_eq!((current.as_str(), retired), ("next", 1));

    assert!(first.connect("<key>Status</key><string>Idle</string>").is_ok(), "an identity of the root before is known until it ends");
    assert_eq!(school.alert(), None);
    school.until(end);
    assert_eq!(school.look().progress, None);
    school.clock.advance(days(1));
    school.look();
    let steps = ["authority.used", "authority.ended", "root.queued", "root.known"];
    let events = school.events();
    let counted = steps.map(|step| events.iter().filter(|kind| *kind == step).count());
    assert_eq!(counted, [1, 1, 2, 2], "{events:?}");
}

#[test]
fn a_device_that_is_away_is_waited_for_until_it_is_high_time_and_somebody_is_told() {
    let school = School::new();
    let (here, away) = (school.enrolled(UDID), school.enrolled("00008030-00AA11BB22CC33EE"));
    let end = school.with_next_root();
    let made = school.clock.now();
    school.look();
    school.send();
    here.report(&here.idle().unwrap().uuid, "Acknowledged");
    let latest =
        school.write(|tx| Ok(succession::used_at_latest(&authorities::current(tx)?.unwrap(), &authorities::upcoming(tx)?.unwrap())));
    school.until(latest.minus(succession::TELL_BEFORE).minus(days(1)));
    assert!(school.clock.now() > made.plus(KNOWN_FOR) && !school.look().promoted);
    assert_eq!((school.alert(), school.send()), (None, 0), "its profile still waits");
    school.clock.advance(days(1));
    school.look();
    let told = school.alert().unwrap();
    assert!(told.starts_with("1 device does not know the new root") && told.contains(&latest.words()), "{told}");
    assert!(!school.write(|tx| succession::look(tx, false)).promoted);
    assert_eq!(school.alert(), None, "who is shown a public certificate needs no root of ours");

    school.until(latest);
    assert_eq!(school.look(), Look { promoted: true, progress: Some(Progress { known: 1, devices: 2 }) });
    assert!(school.alert().unwrap().contains(&end.words()));
    assert_eq!(away.command(&away.known().command_uuid).supersede_key.as_deref(), Some("next-root"));
    let offer = away.idle().unwrap();
    away.report(&offer.uuid, "Acknowledged");
    school.clock.advance(days(1));
    assert_eq!(school.look(), Look { promoted: false, progress: Some(Progress { known: 2, devices: 2 }) });
    assert_eq!(school.alert(), None);
}

#[test]
fn what_was_refused_put_off_or_taken_back_is_tried_again() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.with_next_root();
    school.look();
    school.send();
    let offer = device.idle().unwrap();
    assert!(device.report(&offer.uuid, "NotNow").is_none());
    assert_eq!(device.known().state, KnownState::Queued);
    let again = device.idle().unwrap();
    assert_eq!(again.uuid, offer.uuid, "a later session offers it again");
    device.report(&again.uuid, "Error");
    assert_eq!((device.known().state, school.send()), (KnownState::Refused, 0));
    school.clock.advance(RETRIES[0]);
    assert_eq!(school.send(), 1);

    let taken_back = device.known().command_uuid;
    let enrollment = device.enrollment();
    let uuid = taken_back.clone();
    school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &uuid));
    assert_eq!(school.send(), 0, "not before the next look");
    school.clock.advance(LOOK_AFTER);
    assert_eq!(school.send(), 1);
    let third = device.known();
    assert!(third.attempts == 3 && third.command_uuid != taken_back);
    let last = device.idle().unwrap();
    device.report(&last.uuid, "Acknowledged");
    device.report(&last.uuid, "Acknowledged");
    assert_eq!(device.known().state, KnownState::Known);
    assert_eq!(school.events().iter().filter(|kind| *kind == "root.known").count(), 1);
}

#[test]
fn a_queue_without_room_is_looked_at_again() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.with_next_root();
    let enrollment = device.enrollment();
    school.write(move |tx| {
        for _ in 0..MAX_OPEN {
            let order = command::install_profile(tx.random().uuid_v4(), Vec::new());
            commands::enqueue_own(tx, &Actor::Console, &enrollment, order, None, None)?;
        }
        Ok(())
    });
    school.look();
    assert_eq!((school.send(), device.known().attempts), (0, 0));
    device.report(&device.idle().unwrap().uuid, "Acknowledged");
    school.clock.advance(LOOK_AFTER);
    assert_eq!((school.send(), device.known().attempts), (1, 1));
}

#[test]
fn who_enrolls_or_renews_with_both_roots_in_the_profile_knows_the_next_one() {
    let school = School::new();
    school.enrolled(UDID);
    school.with_next_root();
    let brought = |device: &Device<'_>, newest: &str| {
        let (fingerprint, newest, hash) = (device.identity.fingerprint, newest.to_owned(), *device.identity.fingerprint.as_bytes());
        school.write(move |tx| {
            let challenge = Challenge {
                hash,
                purpose: Purpose::Enroll,
                invitation_id: None,
                enrollment_id: None,
                server_url: String::new(),
                check_in_url: String::new(),
                scep_url: String::new(),
                topic: String::new(),
                newest_authority_id: Some(newest),
                identity: invitations::IdentityKind::Scep,
                expires_at: tx.now.plus(days(1)),
                spent_at: None,
                entry: invitations::Entry::Invitation,
                serial_number: None,
                udid: None,
                practice: false,
                person_id: None,
                account: None,
            };
            invitations::insert_challenge(tx, &challenge)?;
            invitations::spend_challenge(tx, &challenge.hash, &fingerprint)
        });
    };
    let (with_both, with_one) = (school.device("00008030-00AA11BB22CC33EE"), school.device("00008030-00AA11BB22CC33FF"));
    brought(&with_both, "next");
    brought(&with_one, "our authority");
    for device in [&with_both, &with_one] {
        device.authenticate();
        device.token_update(false);
    }
    assert_eq!(with_both.known().state, KnownState::Known);
    assert_eq!(school.look().progress, Some(Progress { known: 1, devices: 3 }));
    assert_eq!((school.send(), with_one.known().state), (2, KnownState::Queued));

    with_both.authenticate();
    with_both.token_update(true);
    school.look();
    assert_eq!((with_both.known().generation, with_both.known().state), (2, KnownState::Known), "the profile brought it again");
}

#[test]
fn practice_and_deleted_devices_hold_nothing_up() {
    for (is_practice, sent) in [(true, 1), (false, 0)] {
        let school = School::new();
        let id = school.enrolled(UDID).enrollment().device_id;
        school.write(move |tx| {
            let mut device = devices::by_id(tx, &id)?.unwrap();
            (device.practice, device.deleted_at) = (is_practice, (!is_practice).then_some(tx.now));
            devices::update(tx, &device)
        });
        school.with_next_root();
        assert_eq!(school.look().progress, Some(Progress { known: 0, devices: 0 }));
        assert_eq!(school.send(), sent, "a practice device gets it all the same");
        school.clock.advance(KNOWN_FOR);
        assert!(school.look().promoted);
    }
}

#[test]
fn a_root_that_devices_know_is_only_set_aside_while_the_clock_is_far_behind() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.with_next_root();
    school.look();
    school.send();
    device.report(&device.idle().unwrap().uuid, "Acknowledged");
    school.clock.advance(KNOWN_FOR);
    assert!(school.look().promoted);
    let current = || school.write(|tx| Ok(authorities::current(tx)?.unwrap().id));
    assert_eq!(current(), "next");

    school.clock.set_back(days(1000));
    assert_eq!((school.look(), current().as_str()), (Look { promoted: true, progress: None }, "our authority"));
    school.clock.advance(days(1000));
    assert!(school.look().promoted);
    assert_eq!(current(), "next", "the clock is right again");
    assert!(!school.look().promoted);
    assert_eq!(school.events().iter().filter(|kind| *kind == "authority.restored").count(), 2);
}
