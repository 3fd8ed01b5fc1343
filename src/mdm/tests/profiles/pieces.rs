//! What one device is to have of the profiles of its groups, and what not.

use std::time::Duration;

use super::*;
use crate::protocol::mobileconfig::{self, tests::profile_with};
use crate::protocol::plist::fields;
use crate::random::Random;

const ID: &str = "school.example.wifi";

fn after(school: &School, seconds: u64) -> Timestamp {
    school.clock.now().plus(Duration::from_secs(seconds))
}

#[test]
fn variables_are_filled_in_for_each_device_and_tell_its_versions_apart() {
    let school = with(&wifi(ID, "$SERIAL ${PERSON_NAME}x ${DOLLAR}SERIAL"));
    let mut kim = ipad();
    kim.variables.insert("PERSON_NAME", "Kim <O'Hara> & \"Co\"\u{0}".into());
    let (piece, content) = school.only(&kim);
    let read = mobileconfig::read(&content).unwrap();
    assert_eq!(fields::text(&read.payloads[0].keys, "Password"), Some("TESTSN0001 Kim <O'Hara> & \"Co\"x $SERIAL"));
    assert_eq!((read.uuid.as_str(), read.identifier.as_str()), (piece.uuid.as_str(), ID));
    let mut ada = kim.clone();
    ada.variables.insert("PERSON_NAME", "Ada".into());
    let (other, _) = school.only(&ada);
    assert!(other.uuid != piece.uuid && other.digest != piece.digest);
    let mut same = kim.clone();
    same.variables.insert("CLASS", "5b".into());
    assert_eq!(school.only(&same).0.digest, piece.digest, "what it does not use changes nothing");
}

#[test]
fn a_variable_without_a_value_is_said_in_words() {
    for (variable, people, words) in [
        ("PERSON_EMAIL", &[][..], "Nobody is assigned to this device, and the profile needs $PERSON_EMAIL."),
        ("PERSON_EMAIL", &[("PERSON_NAME", "Kim")], "has no mail address"),
        ("CLASS", &[("PERSON_NAME", "Kim"), ("CLASS", "  ")], "is in no class"),
        ("DEVICE_NAME", &[], "has not told it yet"),
    ] {
        let school = with(&wifi(ID, &format!("${variable}")));
        let mut target = ipad();
        target.variables.extend(people.iter().map(|(name, value)| (*name, (*value).to_owned())));
        assert!(school.because(&target).contains(words), "{}", school.because(&target));
    }
    let mut own = target(Platform::Ios, EnrollmentKind::UserEnrollmentDevice);
    own.variables.clear();
    assert!(with(&wifi(ID, "$SERIAL")).because(&own).contains("own device"));
}

#[test]
fn of_two_groups_the_later_end_counts_and_no_end_beats_any() {
    let school = School::new();
    school.group("all", &[]);
    school.group("more", &[]);
    let id = school.upload(&wifi(ID, "a")).profile.id;
    let removal = |school: &School| mobileconfig::read(&school.only(&ipad()).1).unwrap().removal_at;
    school.assign(&id, "all", Some(after(&school, 60))).unwrap();
    assert_eq!(removal(&school), Some(after(&school, 60)));
    school.assign(&id, "more", Some(after(&school, 120))).unwrap();
    let late = after(&school, 120);
    assert_eq!(removal(&school), Some(late));
    school.clock.advance(Duration::from_secs(90));
    assert_eq!(removal(&school), Some(late), "the first has ended, the second has not");
    school.assign(&id, "all", None).unwrap();
    let (piece, content) = school.only(&ipad());
    assert!(content == wifi(ID, "a"));
    assert_eq!(piece.uuid, recognised(&content).facts.uuid);
}

#[test]
fn when_every_assignment_has_ended_nothing_is_wanted() {
    let school = School::new();
    school.group("all", &[]);
    let id = school.upload(&wifi(ID, "a")).profile.id;
    school.assign(&id, "all", Some(after(&school, 60))).unwrap();
    school.clock.advance(Duration::from_secs(60));
    let (pieces, unable) = school.pieces(&ipad());
    assert!(pieces.is_empty() && unable.is_empty());
}

#[test]
fn a_profile_with_a_removal_date_is_not_sent_after_it() {
    let removal = std::time::UNIX_EPOCH + Duration::from_secs(1_795_000_100);
    let content = profile_with(ID, &[("RemovalDate", Value::Date(removal.into()))], &[payload("com.apple.wifi.managed", "wifi", &[])]);
    let school = with(&content);
    assert!(school.only(&ipad()).1 == content, "its own end is enough");
    school.clock.advance(Duration::from_secs(99));
    school.only(&ipad());
    school.clock.advance(Duration::from_secs(1));
    assert!(school.because(&ipad()).contains("passed"));
}

#[test]
fn a_profile_with_a_time_of_its_own_runs_on_each_device_from_when_it_came_and_comes_once() {
    let lasting = [("DurationUntilRemoval", Value::Real(1000.0))];
    let content = profile_with(ID, &lasting, &[payload("com.apple.wifi.managed", "wifi", &[])]);
    let school = with(&content);
    let first = school.enrolled("A-1");
    let of = |device: &Device<'_>| Target { enrollment_id: device.enrollment().id, ..ipad() };
    let came = |device: &Device<'_>| {
        let id = device.enrollment().id;
        school.write(move |tx| profiles::came(tx, &id, ID));
    };
    school.only(&of(&first));
    came(&first);
    school.clock.advance(Duration::from_secs(939));
    school.only(&of(&first));
    // Long after it was assigned somebody joins, and has the whole time.
    let late = school.enrolled("B-2");
    school.clock.advance(Duration::from_secs(1));
    assert!(school.because(&of(&first)).contains("passed on this device"));
    assert!(school.only(&of(&late)).1 == content);
    came(&late);
    school.clock.advance(Duration::from_secs(899));
    school.only(&of(&late));
    school.clock.advance(profiles::TIME_SLACK);
    assert!(school.because(&of(&late)).contains("passed on this device"));
    // Taken back and assigned again it comes once more; and a new enrollment knows nothing of the one before.
    let id = school.write(|tx| crate::store::profiles::by_identifier(tx, ID)).unwrap().id;
    let again = id.clone();
    school.write(move |tx| profiles::unassign(tx, &Actor::Console, &again, "all"));
    school.assign(&id, "all", None).unwrap();
    school.only(&of(&late));
}

#[test]
fn what_a_device_cannot_have_is_said_with_the_reason() {
    let mac = target(Platform::Macos, EnrollmentKind::Device);
    let supervised = || {
        let mut target = ipad();
        target.capabilities.supervised = Some(true);
        target
    };
    let own = target(Platform::Ios, EnrollmentKind::UserEnrollmentDevice);
    for (payload_type, target, words) in [
        ("com.apple.MCX.FileVault2", ipad(), "Nothing in it is for iPhones and iPads: it holds FileVault."),
        ("com.apple.app.lock", mac, "Nothing in it is for Macs"),
        ("com.apple.app.lock", ipad(), "needs a supervised device"),
        ("com.apple.domains", own, "own device does not take"),
    ] {
        assert!(with(&one(payload_type)).because(&target).contains(words), "{payload_type}");
    }
    let filter = |keys: &[(&str, Value)]| with(&profile(ID, &[payload("com.apple.webcontent-filter", "f", keys)]));
    let named = [("ContentFilterUUID", text("C0000000-0000-4000-8000-000000000001"))];
    let old = |mut target: Target| {
        target.capabilities.os_version = OsVersion::new(15, 8, 0);
        target
    };
    assert!(filter(&named).because(&old(ipad())).contains("needs a supervised device before version 16"));
    assert!(filter(&[]).because(&ipad()).contains("without ContentFilterUUID"));
    filter(&named).only(&ipad());
    filter(&[]).only(&old(supervised()));
    with(&one("com.apple.app.lock")).only(&supervised());
    with(&one("com.apple.unheard.of")).only(&ipad());
    with(&one("com.apple.MCX.FileVault2")).only(&target(Platform::Unknown, EnrollmentKind::Device));
    let mixed = profile(ID, &[payload("com.apple.MCX.FileVault2", "a", &[]), payload("com.apple.wifi.managed", "b", &[])]);
    with(&mixed).only(&ipad());
}

#[test]
fn on_a_mac_the_scope_decides_the_channel_and_nowhere_else() {
    let (device, user) = (target(Platform::Macos, EnrollmentKind::Device), target(Platform::Macos, EnrollmentKind::User));
    let is_empty = |school: &School, target: &Target| {
        let (pieces, unable) = school.pieces(target);
        pieces.is_empty() && unable.is_empty()
    };
    let scoped = |scope: Option<&str>, payload_type: &str| {
        let keys: Vec<_> = scope.map(|scope| ("PayloadScope", text(scope))).into_iter().collect();
        with(&profile_with(ID, &keys, &[payload(payload_type, "p", &[])]))
    };
    for school in [scoped(Some("User"), "com.apple.wifi.managed"), scoped(None, "com.apple.mail.managed")] {
        school.only(&user);
        assert!(school.because(&device).contains("no user of this Mac is managed yet"));
        school.only(&ipad());
        let shared = target(Platform::Ios, EnrollmentKind::SharedIpad);
        assert!(is_empty(&school, &shared), "the iPad itself has it");
    }
    for school in [scoped(Some("System"), "com.apple.wifi.managed"), scoped(None, "com.apple.wifi.managed")] {
        school.only(&device);
        assert!(is_empty(&school, &user));
    }
}

#[test]
fn the_uuid_and_the_digest_of_a_plan_are_those_of_the_bytes() {
    let seed = Random::System.below(u64::MAX);
    let random = Random::seeded(seed);
    let school = School::new();
    school.group("all", &[]);
    let id = school.upload(&wifi(ID, "$SERIAL $PERSON_NAME")).profile.id;
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for turn in 0..60 {
        if random.below(4) == 0 {
            let text = ["$SERIAL", "plain", "$PERSON_NAME-$SERIAL"][random.below(3) as usize];
            school.add_version(&id, &wifi(ID, text), true).unwrap();
        }
        let ends = [None, Some(after(&school, 60)), Some(after(&school, 61))];
        school.assign(&id, "all", ends[random.below(3) as usize]).unwrap();
        let mut target = ipad();
        target.variables.insert("PERSON_NAME", ["Kim", "Ada", "Kim\u{7}"][random.below(3) as usize].into());
        let (piece, content) = school.only(&target);
        assert_eq!(mobileconfig::read(&content).unwrap().uuid, piece.uuid, "seed {seed}, turn {turn}");
        for (digest, other) in &seen {
            assert_eq!(*digest == piece.digest, *other == content, "seed {seed}, turn {turn}");
        }
        seen.push((piece.digest, content));
    }
}
