//! Backups as the rooms see them: what is due, who may, what a restored appliance does about what it cannot know.

use std::time::Duration;

use super::{Device, School, TOPIC, days};
use crate::clock::Timestamp;
use crate::mdm::backups::plan::{self, NewPlan};
use crate::mdm::backups::restored::{self, WINDOW};
use crate::mdm::backups::retention::Keep;
use crate::mdm::backups::{self, FAILED, TEST_AGAIN, TEST_EVERY, TEST_FAILED};
use crate::mdm::checkin::Reply;
use crate::mdm::commands::{self, Wish};
use crate::mdm::connect;
use crate::mdm::enroll::identify::{self, ImportedAuthority, Presented, Refusal};
use crate::mdm::{Actor, Role};
use crate::pki::asn1;
use crate::pki::csr::{self, CertificationRequest, RequestOptions};
use crate::pki::issue::{self, Issuer};
use crate::pki::key::PrivateKey;
use crate::protocol::command;
use crate::protocol::s3::S3Place;
use crate::secret::Secret;
use crate::store::backup::Manifest;
use crate::store::backups::Place;
use crate::store::commands::CommandState;
use crate::store::{alerts, authorities, certificates, commands as queue, enrollments};

const UDID: &str = "00008030-00AA11BB22CC33DD";

pub(super) fn new_plan() -> NewPlan {
    NewPlan {
        daily: true,
        at: String::from("03:15"),
        with_packages: false,
        keep: Keep { daily: 2, weekly: 0, monthly: 0 },
        folder: Some(String::from("/srv/backups")),
        s3: None,
        s3_secret: None,
    }
}

pub(super) fn manifest(made_at: Timestamp) -> Manifest {
    Manifest {
        format: 1,
        made_at,
        program: String::from("0.1.0"),
        schema: 12,
        devices: 3,
        enrolled: 2,
        database_bytes: 1,
        with_packages: false,
    }
}

impl Device<'_> {
    /// What becomes of an Idle poll.
    fn idles(&self) -> Result<(), Refusal> {
        match self.connect("<key>Status</key><string>Idle</string>").unwrap() {
            connect::Reply::Refused(refusal) => Err(refusal),
            connect::Reply::Leave(_) => panic!("a device is told to leave"),
            connect::Reply::Empty | connect::Reply::Command(_) => Ok(()),
        }
    }
}

/// How often something happened.
fn times(school: &School, kind: &str) -> usize {
    school.events().iter().filter(|happened| *happened == kind).count()
}

fn person(role: Role) -> Actor {
    Actor::Person { id: String::from("1"), name: String::from("kim"), role }
}

#[test]
fn a_schedule_wants_a_key_and_a_place_and_counts_from_when_it_was_made() {
    let school = School::new();
    let refused = school.try_write(|tx| plan::set(tx, &Actor::Console, &new_plan())).unwrap_err();
    assert!(refused.message.contains("recovery key first"), "{refused}");
    school.write(|tx| backups::make_recovery_key(tx, &Actor::Console).map(drop));
    let nowhere = NewPlan { folder: None, ..new_plan() };
    let refused = school.try_write(move |tx| plan::set(tx, &Actor::Console, &nowhere)).unwrap_err();
    assert_eq!(refused.fields[0].field, "folder");
    school.write(|tx| plan::set(tx, &Actor::Console, &new_plan()));
    let now = school.clock.now();
    let due = school.write(backups::due).unwrap();
    assert!(due > now && due <= now.plus(days(1)), "the night before was not missed: {due}");
    let moment = due;
    school.clock.advance(due.since(now));
    school.write(move |tx| backups::done(tx, &manifest(moment), 10));
    assert_eq!(school.write(backups::due), Some(due.plus(days(1))));
}

#[test]
fn a_wish_stays_until_a_backup_was_made_after_it_and_goes_where_none_can_be() {
    let school = School::new();
    assert!(school.try_write(|tx| backups::run_now(tx, &Actor::Console)).is_err());
    let by_hand = || NewPlan { daily: false, ..new_plan() };
    school.write(move |tx| {
        backups::make_recovery_key(tx, &Actor::Console)?;
        plan::set(tx, &Actor::Console, &by_hand())
    });
    let began = school.clock.now();
    school.clock.advance(Duration::from_secs(60));
    school.write(|tx| backups::run_now(tx, &Actor::Console));
    school.write(move |tx| backups::done(tx, &manifest(began), 10));
    assert_eq!(school.write(backups::due), Some(school.clock.now()), "it was asked for while another was made");
    assert!(school.write(backups::errand).backup.is_some());
    school.write(move |tx| plan::set(tx, &Actor::Console, &NewPlan { folder: None, ..by_hand() }));
    assert!(school.write(backups::errand).backup.is_none());
    assert_eq!(school.write(backups::due), None, "nothing is due for ever");
}

#[test]
fn every_wrong_field_is_named_at_once_and_nothing_is_kept() {
    let school = School::new();
    let wrong = NewPlan {
        at: String::from("25:00"),
        keep: Keep { daily: 0, weekly: 400, monthly: 400 },
        folder: Some(String::from("backups")),
        s3: Some(S3Place { endpoint: String::from("s3.example.school"), trust_anchors: String::from("x"), ..S3Place::default() }),
        ..new_plan()
    };
    let refused = school.try_write(move |tx| plan::set(tx, &Actor::Console, &wrong)).unwrap_err();
    let fields: Vec<_> = refused.fields.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "at",
            "keep.daily",
            "keep.weekly",
            "keep.monthly",
            "folder",
            "s3.endpoint",
            "s3.bucket",
            "s3.key_id",
            "s3.trust_anchors",
            "s3.secret_key"
        ]
    );
    assert!(!school.write(plan::plan).daily);
}

#[test]
fn a_secret_stays_for_its_store_and_goes_to_no_other() {
    let school = School::new();
    let place = |endpoint: &str| S3Place {
        endpoint: endpoint.to_owned(),
        bucket: String::from("school"),
        prefix: String::from("/rollcall"),
        key_id: String::from("key"),
        ..S3Place::default()
    };
    let with = |endpoint: &str, secret: Option<&str>| NewPlan {
        daily: false,
        folder: None,
        s3: Some(place(endpoint)),
        s3_secret: secret.map(|secret| Secret::new(secret.to_owned())),
        ..new_plan()
    };
    let set = |new: NewPlan| school.try_write(move |tx| plan::set(tx, &Actor::Console, &new));
    set(with("https://s3.example.school/", Some("open sesame"))).unwrap();
    let kept = school.write(plan::plan).s3.unwrap();
    assert_eq!((kept.location().as_str(), kept.region.as_str()), ("https://s3.example.school/school/rollcall/", "us-east-1"));
    set(with("https://s3.example.school", None)).unwrap();
    assert_eq!(school.write(plan::s3_secret).unwrap().expose(), "open sesame");
    assert_eq!(set(with("https://evil.example", None)).unwrap_err().fields[0].field, "s3.secret_key");
    set(NewPlan { s3: None, ..with("", None) }).unwrap();
    assert_eq!(school.write(plan::s3_secret), None, "without its store it is of no use");
}

#[test]
fn who_looks_sees_how_backups_stand_and_only_owners_make_keys() {
    let school = School::new();
    for (role, may) in [(Role::Viewer, false), (Role::Helper, false), (Role::Admin, true), (Role::Owner, true)] {
        school.write(move |tx| backups::standing(tx, &person(role)).map(drop));
        let set = school.try_write(move |tx| plan::set(tx, &person(role), &NewPlan { daily: false, ..new_plan() }));
        assert_eq!(set.is_ok(), may, "{role:?}");
        let key = school.try_write(move |tx| backups::make_recovery_key(tx, &person(role)).map(drop));
        assert_eq!(key.is_ok(), role == Role::Owner, "{role:?}");
    }
}

#[test]
fn a_failure_is_told_until_a_backup_succeeds_and_noted_once() {
    let school = School::new();
    let alert = || school.write(alerts::all).into_iter().find(|alert| alert.key == FAILED);
    for _ in 0..3 {
        school.write(|tx| backups::failed(tx, "There is no folder /srv/backups."));
    }
    let told = alert().unwrap();
    assert!(told.message.contains("no folder") && told.remedy.contains("none yet") && told.count == 3, "{told:?}");
    assert_eq!(times(&school, "backup.failed"), 1);
    let now = school.clock.now();
    school.write(move |tx| backups::done(tx, &manifest(now), 10));
    assert!(alert().is_none());
    assert!(school.write(|tx| backups::standing(tx, &Actor::Console)).failure.is_none());
}

#[test]
fn retention_deletes_what_it_made_where_the_plan_leads_and_nothing_else() {
    let school = School::new();
    school.write(|tx| plan::set(tx, &Actor::Console, &NewPlan { daily: false, ..new_plan() }));
    for day in 0..4 {
        let made_at = school.clock.now().plus(days(day));
        for location in ["/srv/backups", "/srv/before"] {
            school.write(move |tx| backups::put(tx, &backups::file_name(made_at), Place::Folder, location, 10, &manifest(made_at)));
        }
    }
    let old = school.write(backups::to_delete);
    assert_eq!(old.len(), 2);
    assert!(old.iter().all(|backup| backup.location == "/srv/backups") && old[0].made_at == school.clock.now());
    school.write(move |tx| old.iter().try_for_each(|backup| backups::deleted(tx, backup)));
    assert_eq!(school.write(|tx| backups::list(tx, &Actor::Console)).len(), 6);
}

#[test]
fn the_newest_is_tried_each_month_and_the_next_day_after_a_failure() {
    let school = School::new();
    school.write(|tx| plan::set(tx, &Actor::Console, &NewPlan { daily: false, ..new_plan() }));
    assert!(school.try_write(|tx| backups::test_now(tx, &Actor::Console)).is_err(), "there is none");
    let made_at = school.clock.now();
    school.write(move |tx| backups::put(tx, "a", Place::Folder, "/srv/backups", 10, &manifest(made_at)));
    let (newest, _) = school.write(backups::to_test).unwrap();
    school.write(move |tx| backups::tested(tx, &newest, &Err(String::from("It is damaged."))));
    let due = || school.write(backups::due).unwrap();
    assert_eq!(due(), made_at.plus(TEST_AGAIN));
    assert!(school.write(backups::to_test).is_none());
    school.clock.advance(TEST_AGAIN);
    let (newest, _) = school.write(backups::to_test).unwrap();
    assert_eq!(newest.test_problem, "It is damaged.");
    assert!(school.write(alerts::all).iter().any(|alert| alert.key == TEST_FAILED));
    school.write(move |tx| backups::tested(tx, &newest, &Ok(())));
    assert_eq!(due(), school.clock.now().plus(TEST_EVERY));
    assert!(school.write(alerts::all).is_empty());
}

#[test]
fn what_must_not_be_done_twice_is_withdrawn_and_the_rest_of_the_queue_goes_on() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let enrollment = device.enrollment();
    let asked = enrollment.clone();
    school.write(move |tx| {
        for request in ["RestartDevice", "DeviceInformation"] {
            let order = command::Command::new(tx.random().uuid_v4(), request);
            commands::enqueue(tx, &Actor::Console, &asked, Wish { check: false, ..Wish::new(order) })?;
        }
        Ok(())
    });
    let made_at = school.clock.now();
    school.clock.advance(days(1));
    let settled = school.write(move |tx| restored::settle(tx, &manifest(made_at)));
    assert_eq!((settled.withdrawn, settled.pushed), (1, 1));
    let id = enrollment.id.clone();
    let left: Vec<_> = school.write(move |tx| queue::open(tx, &id, 10)).into_iter().map(|command| command.request_type).collect();
    assert!(!left.contains(&String::from("RestartDevice")) && left.contains(&String::from("DeviceInformation")), "{left:?}");
    let told = school.write(alerts::all).remove(0);
    assert!(told.message.contains("One command that must not be done twice"), "{told:?}");
    let cancelled = school
        .write(move |tx| queue::list(tx, &queue::Filter { enrollment_id: Some(&enrollment.id), ..queue::Filter::default() }, None, 10));
    assert!(cancelled.iter().any(|command| command.state == CommandState::Cancelled && command.cause.contains("restored")));
    school.clock.advance(restored::TOLD);
    school.write(|tx| backups::errand(tx).map(drop));
    assert!(school.write(alerts::all).is_empty(), "it is told for a while");
}

/// A root of the school's own, whose certificates are missing after the restore.
fn own_root(school: &School) -> Issuer {
    let root = issue::root("Rollcall CA", school.clock.now()).unwrap();
    let certificate = root.certificate().clone();
    school.write(move |tx| {
        let authority = authorities::Authority {
            id: String::from("own root"),
            state: authorities::AuthorityState::Retired,
            certificate: certificate.der().to_vec(),
            not_after_at: certificate.not_after(),
            created_at: tx.now,
            bridge: None,
            used_from_at: Some(tx.now),
            taken_until_at: None,
        };
        authorities::insert(tx, &authority, &certificate.fingerprint(), None)
    });
    root
}

/// A certificate that was issued now, as the appliance meets it after `restored_at`.
fn issued(school: &School, root: &Issuer, name: &str, restored_at: Timestamp) -> Presented {
    let key = PrivateKey::generate_p256().unwrap();
    let request = csr::write(&asn1::name::write(&[]).unwrap(), &key, RequestOptions::default()).unwrap();
    let certificate = root.identity(&CertificationRequest::from_der(&request).unwrap(), name, school.clock.now()).unwrap();
    let imported_authority = Some(ImportedAuthority { id: String::from("own root"), until: restored_at.plus(identify::MOVE_IN_WINDOW) });
    Presented { fingerprint: certificate.fingerprint(), certificate: Some(certificate), imported_authority, bearer: None, host: None }
}

#[test]
fn an_identity_that_was_renewed_after_the_backup_is_its_enrollments_and_nobody_elses() {
    let school = School::new();
    let root = own_root(&school);
    let device = school.enrolled(UDID);
    let other = school.device("00008030-00AA11BB22CC33EE");
    let authenticate = format!(
        "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>SerialNumber</key><string>TESTSN0002</string>"
    );
    other.check_in(&authenticate).unwrap();
    other.token_update(false);
    let made_at = school.clock.now();
    school.clock.advance(days(1));
    let restored_at = school.clock.now().plus(days(1));
    let renewed = issued(&school, &root, &device.enrollment().id, restored_at);
    let before = Device { school: &school, udid: UDID.to_owned(), identity: renewed.clone() };
    assert_eq!(before.idles(), Err(Refusal::ForeignCertificate), "this appliance was not restored");
    school.clock.advance(days(1));
    school.write(move |tx| restored::settle(tx, &manifest(made_at)));
    let thief = Device { school: &school, udid: other.udid.clone(), identity: renewed.clone() };
    assert!(matches!(thief.idles(), Err(Refusal::AnothersIdentity)));
    let back = Device { school: &school, udid: UDID.to_owned(), identity: renewed };
    back.idles().unwrap();
    let (id, fingerprint) = (device.enrollment().id, back.identity.fingerprint);
    let bound = school.write(move |tx| certificates::by_fingerprint(tx, &fingerprint)).unwrap();
    assert_eq!(bound.enrollment_id, Some(id));
    // One with a name of its own proves nothing about an enrollment that was there before.
    let unnamed = Device { school: &school, udid: UDID.to_owned(), identity: issued(&school, &root, "somebody", restored_at) };
    assert!(unnamed.idles().is_err());
}

#[test]
fn a_device_that_enrolled_after_the_backup_comes_back_with_its_next_token() {
    let school = School::new();
    let root = own_root(&school);
    let made_at = school.clock.now();
    school.clock.advance(days(1));
    let restored_at = school.clock.now().plus(Duration::from_secs(3600));
    let identity = issued(&school, &root, "0199-new", restored_at);
    school.clock.advance(Duration::from_secs(3600));
    school.write(move |tx| restored::settle(tx, &manifest(made_at)));
    let device = Device { school: &school, udid: UDID.to_owned(), identity };
    assert!(device.idles().is_err(), "there is nothing to bind it to yet, and it is not told to leave");
    let said = device.token_update(false);
    assert!(matches!(said, Reply::Empty), "{said:?}");
    device.idles().unwrap();
    assert_eq!(device.enrollment().topic, TOPIC);
    assert_eq!(times(&school, "enrollment.came_back"), 1);
}

#[test]
fn what_our_root_signed_outside_of_that_time_or_too_late_is_foreign() {
    let school = School::new();
    let root = own_root(&school);
    let device = school.enrolled(UDID);
    let id = device.enrollment().id;
    let early = issued(&school, &root, &id, school.clock.now());
    school.clock.advance(days(1));
    let made_at = school.clock.now();
    school.clock.advance(days(1));
    let between = issued(&school, &root, &id, school.clock.now());
    school.clock.advance(days(1));
    let restored_at = school.clock.now();
    school.write(move |tx| restored::settle(tx, &manifest(made_at)));
    school.clock.advance(days(1));
    let late = issued(&school, &root, &id, restored_at);
    let says = |identity: &Presented| {
        let imported_authority =
            Some(ImportedAuthority { id: String::from("own root"), until: restored_at.plus(identify::MOVE_IN_WINDOW) });
        Device { school: &school, udid: UDID.to_owned(), identity: Presented { imported_authority, ..identity.clone() } }.idles()
    };
    assert!(matches!(says(&early), Err(Refusal::ForeignCertificate)));
    assert!(matches!(says(&late), Err(Refusal::ForeignCertificate)));
    school.clock.advance(WINDOW);
    assert!(matches!(says(&between), Err(Refusal::MoveInWindowOver)));
    assert!(school.write(restored::issuers).is_empty());
    assert_eq!(school.try_write(|tx| enrollments::by_nano_id(tx, UDID)).unwrap().unwrap().state, enrollments::EnrollmentState::Enrolled);
}
