//! Packages and provisioning profiles without doors: limits, whom a version is meant for, what ends soon.

use super::{School, days};
use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::mdm::packages::{self, Kept, NewPackage, PACKAGES_MAX, VERSIONS_MAX};
use crate::mdm::provisioning;
use crate::mdm::{Actor, assignments as assign};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::manifest::Hashing;
use crate::protocol::package::tests::{FIELD, app};
use crate::protocol::package::{self, Package as Read};
use crate::protocol::platform::Platform;
use crate::protocol::provision;
use crate::protocol::provision::tests::profile;
use crate::store::assignments::{AssignedKind, AssignedMode};
use crate::store::devices::{self, Device};
use crate::store::packages::Stage;
use crate::store::{Tx, alerts, enrollments, packages as rows, plans, profiles::tests::group};

pub(super) fn brought(bytes: &[u8]) -> NewPackage {
    let read = package::read(std::io::Cursor::new(bytes), bytes.len() as u64).unwrap();
    let mut hashing = Hashing::default();
    hashing.update(bytes);
    NewPackage { hashes: hashing.finish(), read, accept_expired: false, stage: None }
}

pub(super) fn build(number: usize) -> NewPackage {
    brought(&app("school.example.many", &number.to_string(), ""))
}

/// A package of another app, without a file being made for it.
fn other(like: &NewPackage, number: usize) -> NewPackage {
    let mut new = like.clone();
    new.read.facts.identifier = format!("school.example.n{number}");
    new.hashes.sha256 = hex(&sha256(number.to_string().as_bytes()));
    new
}

pub(super) fn keep(tx: &Tx, new: &NewPackage) -> Result<Kept> {
    packages::keep(tx, &Actor::Console, new)
}

#[test]
fn one_app_has_so_many_versions_and_the_house_so_many_packages() {
    let school = School::new();
    school.write(|tx| {
        for number in 0..VERSIONS_MAX {
            keep(tx, &build(number))?;
        }
        let many = keep(tx, &build(VERSIONS_MAX)).unwrap_err();
        assert!(many.kind == Kind::Conflict && many.message.contains("Delete old ones"), "{many}");
        let like = build(0);
        for number in VERSIONS_MAX..PACKAGES_MAX as usize {
            keep(tx, &other(&like, number))?;
        }
        assert_eq!(rows::count(tx)?, PACKAGES_MAX);
        let full = keep(tx, &other(&like, PACKAGES_MAX as usize)).unwrap_err();
        assert!(full.kind == Kind::Conflict && full.message.contains("Delete old versions"), "{full}");
        assert!(!keep(tx, &build(0))?.is_new, "what is here already is no further one");
        Ok(())
    });
}

#[test]
fn a_version_is_meant_for_the_pilots_devices_or_for_all_others() {
    let school = School::new();
    let id = school.enrolled("A-1").enrollment().device_id;
    school.write(move |tx| {
        let one = devices::by_id(tx, &id)?.unwrap();
        let two = Device { id: String::from("of no group"), ..one.clone() };
        group(tx, "pilot", "Pilot", &[one.id.as_str()])?;
        let first = keep(tx, &build(1))?;
        let meant =
            |device: &Device| Ok::<_, crate::error::Error>(packages::for_device(tx, &first.app.id, device)?.map(|package| package.version));
        assert_eq!((meant(&one)?, meant(&two)?), (Some("1".into()), Some("1".into())));
        packages::set_pilot(tx, &Actor::Console, &first.app.id, Some("pilot"))?;
        let second = keep(tx, &build(2))?;
        assert_eq!((second.package.stage, meant(&one)?, meant(&two)?), (Stage::Pilot, Some("2".into()), Some("1".into())));
        let third = keep(tx, &build(3))?;
        assert_eq!((meant(&one)?, packages::find(tx, &Actor::Console, &second.package.id)?.stage), (Some("3".into()), Stage::Kept));
        packages::stage(tx, &Actor::Console, &third.package.id, Stage::Everyone)?;
        assert_eq!((meant(&one)?, meant(&two)?), (Some("3".into()), Some("3".into())));
        let app = crate::store::apps::by_id(tx, &first.app.id)?.unwrap();
        assert!(app.revision > first.app.revision && app.facts.contains("\"version\":\"3\""), "{}", app.facts);
        packages::stage(tx, &Actor::Console, &second.package.id, Stage::Pilot)?;
        assert_eq!(packages::on_trial(tx, "pilot")?.len(), 1);
        crate::mdm::groups::delete(tx, &Actor::Console, "pilot")?;
        assert_eq!(rows::rollout(tx, &first.app.id)?.pilot_group_id, None);
        assert_eq!(packages::find(tx, &Actor::Console, &second.package.id)?.stage, Stage::Kept, "nobody tries it any more");
        Ok(())
    });
}

#[test]
fn an_app_has_a_version_in_place_for_each_platform() {
    let school = School::new();
    let id = school.enrolled("A-1").enrollment().device_id;
    school.write(move |tx| {
        let tv = Device { platform: Platform::Tvos, ..devices::by_id(tx, &id)?.unwrap() };
        devices::update(tx, &tv)?;
        let ipad = Device { id: String::from("another"), platform: Platform::Ios, ..tv.clone() };
        let of = |number: usize, platform: Platform| {
            let mut new = build(number);
            new.read.facts.platforms = vec![platform];
            new
        };
        let first = keep(tx, &of(10, Platform::Ios))?;
        let app_id = first.app.id;
        let meant = |device: &Device| Ok::<_, crate::error::Error>(packages::for_device(tx, &app_id, device)?.unwrap().version);
        assert_eq!((meant(&ipad)?, meant(&tv)?), ("10".into(), "10".into()), "what there is, by which it is told why it cannot be had");

        packages::stage(tx, &Actor::Console, &keep(tx, &of(11, Platform::Tvos))?.package.id, Stage::Everyone)?;
        assert_eq!((meant(&ipad)?, meant(&tv)?), ("10".into(), "11".into()));
        let app = crate::store::apps::by_id(tx, &app_id)?.unwrap();
        assert!(app.platforms.contains("ios") && app.platforms.contains("tvos"), "{}", app.platforms);
        assert_eq!(packages::list(tx, &Actor::Console, None, 1)?.0[0].everyone, "10, 11");

        let older = keep(tx, &NewPackage { stage: Some(Stage::Everyone), ..of(9, Platform::Ios) })?.package;
        assert_eq!((meant(&ipad)?, meant(&tv)?), ("9".into(), "11".into()));
        let notes = packages::notes(tx, &older)?;
        assert!(notes.iter().any(|note| note == "It is in place although 10, which is newer, is here."), "{notes:?}");

        group(tx, "tvs", "Televisions", &[tv.id.as_str()])?;
        packages::set_pilot(tx, &Actor::Console, &app_id, Some("tvs"))?;
        let on_trial = keep(tx, &of(12, Platform::Ios))?.package;
        let notes = packages::notes(tx, &on_trial)?;
        assert!(on_trial.stage == Stage::Pilot && notes.iter().any(|note| note.contains("No device of the group")), "{notes:?}");
        Ok(())
    });
}

#[test]
fn the_address_of_a_manifest_stays_and_is_https_only() {
    let school = School::new();
    let enrollment = school.enrolled("A-1").enrollment();
    school.write(move |tx| {
        let app_id = keep(tx, &brought(FIELD))?.app.id;
        let mut enrollment = enrollment.clone();
        enrollment.server_url = String::from("https://mdm.example.school:8443/mdm/connect");
        let url = packages::manifest_url(tx, &enrollment, &app_id)?.unwrap();
        assert!(url.starts_with(&format!("https://mdm.example.school:8443/packages/{app_id}/{}.", enrollment.id)), "{url}");
        assert_eq!(packages::manifest_url(tx, &enrollment, &app_id)?, Some(url));
        enrollment.server_url = String::from("http://mdm.example.school/mdm");
        assert_eq!(packages::manifest_url(tx, &enrollment, &app_id)?, None);
        assert!(packages::unreachable(tx, &enrollment, &app_id)?.unwrap().contains("without https"));
        enrollment.server_url = String::from("https://mdm.example.school/mdm");
        assert_eq!(packages::unreachable(tx, &enrollment, &app_id)?, None);
        packages::note_trial(tx, &app_id, "https://mdm.example.school", "It is not found.")?;
        assert_eq!(packages::unreachable(tx, &enrollment, &app_id)?.as_deref(), Some("It is not found."));
        assert!(alerts::all(tx)?.iter().any(|alert| alert.message.contains("“Field Notes”") && alert.message.contains("It is not found.")));
        packages::note_trial(tx, &app_id, "https://mdm.example.school", "")?;
        assert!(!alerts::all(tx)?.iter().any(|alert| alert.key.starts_with("package.")));
        Ok(())
    });
}

#[test]
fn what_nobody_is_to_fetch_any_more_is_not_said_to_be_out_of_reach() {
    let school = School::new();
    school.write(|tx| {
        let url = "https://mdm.example.school";
        let told = || Ok::<_, crate::error::Error>(alerts::all(tx)?.iter().any(|alert| alert.key.starts_with("package.unreachable")));
        let kept = keep(tx, &build(1))?;
        packages::note_trial(tx, &kept.app.id, url, "It is not found.")?;
        assert!(told()?);
        packages::delete(tx, &Actor::Console, &kept.package.id)?;
        packages::trials(tx, url)?;
        assert!(!told()?, "its only version is gone");
        packages::note_trial(tx, &kept.app.id, url, "It is not found.")?;
        crate::mdm::apps::delete(tx, &Actor::Console, &kept.app.id, None)?;
        assert!(!told()?, "the app is gone");
        Ok(())
    });
}

/// The capability in the package's address of a manifest.
fn capability_in(manifest: &[u8]) -> String {
    let text = String::from_utf8_lossy(manifest).into_owned();
    let url = text.split("<string>").find(|part| part.contains(".ipa</string>")).unwrap().split('<').next().unwrap().to_owned();
    url.rsplit('/').nth(2).unwrap().to_owned()
}

#[test]
fn a_version_on_trial_is_given_to_the_pilots_alone_and_a_download_that_began_goes_on() {
    let school = School::new();
    let enrollment = school.enrolled("A-1").enrollment();
    school.write(move |tx| {
        let mut enrollment = enrollment.clone();
        enrollment.server_url = String::from("https://mdm.example.school/mdm/connect");
        enrollments::update(tx, &enrollment)?;
        group(tx, "all", "All", &[enrollment.device_id.as_str()])?;
        group(tx, "pilot", "Pilot", &[])?;
        let first = keep(tx, &build(1))?;
        assign::assign(tx, &Actor::Console, (AssignedKind::App, &first.app.id, "Many"), "all", None)?;
        packages::set_pilot(tx, &Actor::Console, &first.app.id, Some("pilot"))?;
        let second = keep(tx, &build(2))?;
        let address = packages::manifest_url(tx, &enrollment, &first.app.id)?.unwrap();
        let of_manifests = address.rsplit('/').nth(1).unwrap().to_owned();
        let named = || Ok::<_, crate::error::Error>(capability_in(&packages::manifest(tx, &first.app.id, &of_manifests, "")?.unwrap()));
        let gives =
            |capability: &str, kept: &Kept| Ok::<_, crate::error::Error>(packages::given(tx, capability, &kept.package.sha256)?.is_some());
        let before = named()?;
        assert!(gives(&before, &first)?);
        assert!(!gives(&before, &second)? && !gives(&of_manifests, &second)?, "whoever knows its digest has no right to it by that");
        crate::store::groups::add_device(tx, "pilot", &enrollment.device_id)?;
        assert!(gives(&named()?, &second)?);
        assert!(gives(&before, &first)?, "what a manifest has promised is kept");
        Ok(())
    });
}

#[test]
fn what_devices_fetch_looks_nothing_through() {
    let school = School::new();
    let enrollment = school.enrolled("A-1").enrollment();
    school.write(move |tx| {
        let kept = keep(tx, &brought(FIELD))?;
        let mut enrollment = enrollment.clone();
        enrollment.server_url = String::from("https://mdm.example.school/mdm/connect");
        enrollments::update(tx, &enrollment)?;
        group(tx, "all", "All", &[enrollment.device_id.as_str()])?;
        assign::assign(tx, &Actor::Console, (AssignedKind::App, &kept.app.id, "Field"), "all", None)?;
        packages::set_pilot(tx, &Actor::Console, &kept.app.id, Some("all"))?;
        let url = packages::manifest_url(tx, &enrollment, &kept.app.id)?.unwrap();
        let capability = url.rsplit('/').nth(1).unwrap();
        let own = capability_in(&packages::manifest(tx, &kept.app.id, capability, "")?.unwrap());
        let plans = plans::of(tx, || {
            assert!(packages::manifest(tx, &kept.app.id, capability, "")?.is_some());
            assert!(packages::given(tx, &own, &kept.package.sha256)?.is_some());
            packages::next_trial(tx)?;
            packages::trials(tx, "https://mdm.example.school").map(drop)
        })?;
        assert!(plans.scans.is_empty() && plans.statements.len() >= 10, "{:#?}", plans.scans);
        Ok(())
    });
}

#[test]
fn an_app_is_tried_before_its_first_use_after_a_failure_and_at_another_address() {
    let school = School::new();
    school.write(|tx| {
        let url = "https://mdm.example.school";
        let first = keep(tx, &build(1))?;
        let due = || Ok::<_, crate::error::Error>(packages::trials(tx, url)?.len());
        assert_eq!((due()?, packages::next_trial(tx)?), (1, Some(tx.now)));
        packages::note_trial(tx, &first.app.id, url, "")?;
        let second = keep(tx, &build(2))?;
        packages::stage(tx, &Actor::Console, &second.package.id, Stage::Everyone)?;
        assert_eq!((due()?, packages::next_trial(tx)?), (0, None), "it can be fetched, as is known");
        packages::note_address(tx, url)?;
        assert_eq!(due()?, 0);
        packages::note_address(tx, "https://other.example.school")?;
        assert_eq!(due()?, 1);
        packages::note_trial(tx, &first.app.id, url, "No.")?;
        packages::stage(tx, &Actor::Console, &first.package.id, Stage::Everyone)?;
        assert_eq!(due()?, 1, "after a failure it is tried with each version");
        packages::note_trial(tx, &first.app.id, url, "No.")?;
        packages::try_again(tx, &Actor::Console, &first.app.id)?;
        assert_eq!(due()?, 1);
        Ok(())
    });
}

#[test]
fn ends_are_told_thirty_fourteen_and_seven_days_before() {
    let school = School::new();
    let end = school.clock.now().plus(days(40));
    school.write(move |tx| {
        let brought = provisioning::recognise(profile("P-1", "school.example.field", end, &[]))?;
        provisioning::create(tx, &Actor::Console, &brought)?;
        let mut new = build(1);
        new.read.facts.provisioning = Some(brought.facts);
        keep(tx, &new).map(drop)
    });
    let told = || {
        school.write(|tx| {
            packages::watch_ends(tx)?;
            provisioning::watch_ends(tx)?;
            let ends = alerts::all(tx)?.into_iter().filter(|alert| alert.key.contains("ends:"));
            Ok(ends.map(|alert| (alert.harm, alert.message)).collect::<Vec<_>>())
        })
    };
    assert_eq!(told(), []);
    // Said at once, not when the job runs next, of one that ends soon already.
    let soon = school.clock.now().plus(days(5));
    let id = school.write(move |tx| {
        let (kept, _) = provisioning::create(tx, &Actor::Console, &provisioning::recognise(profile("P-2", "a.b", soon, &[]))?)?;
        let told = alerts::all(tx)?.into_iter().filter(|alert| alert.message.contains("ends in 5 days")).count();
        assert_eq!(told, 1);
        Ok(kept.profile.id)
    });
    school.write(move |tx| provisioning::delete(tx, &Actor::Console, &id));
    for (passed, harm, words) in [(10, 50, "ends in 30 days"), (16, 60, "ends in 14 days"), (7, 70, "ends in 7 days"), (7, 80, "ended on")]
    {
        school.clock.advance(days(passed));
        let now = told();
        assert!(now.len() == 2 && now.iter().all(|(rank, message)| *rank == harm && message.contains(words)), "{passed}: {now:?}");
    }
}

#[test]
fn what_is_odd_about_a_version_is_told() {
    let school = School::new();
    let now = school.clock.now();
    school.write(move |tx| {
        let with = |facts: Option<provision::Facts>| {
            let mut new = brought(&app("school.example.odd", &format!("{facts:?}").len().to_string(), ""));
            new.read.facts.provisioning = facts;
            packages::notes(tx, &keep(tx, &new)?.package).map(|notes| notes.join("\n"))
        };
        assert!(with(None)?.contains("no provisioning profile inside"));
        let made = |app_id: &str, end: Timestamp, devices: &[&str]| provision::read(&profile("1", app_id, end, devices)).unwrap();
        assert!(with(Some(made("school.example.odd", now.plus(days(20)), &[])))?.contains("ends on"));
        assert!(with(Some(made("school.other", now.plus(days(90)), &[])))?.contains("is for school.other"));
        assert!(with(Some(made("*", now.plus(days(90)), &["A"])))?.contains("only on the one device"));
        let store = provision::Facts { devices: provision::Reach::AppStore, ..made("*", now.plus(days(91)), &[]) };
        assert!(with(Some(store))?.contains("exported for the App Store"));
        Ok(())
    });
    let Read { facts, .. } = brought(FIELD).read;
    assert!(facts.warnings.len() == 1 && facts.warnings[0].contains("There is no program in the app"), "{:?}", facts.warnings);
}

#[test]
fn a_stage_that_is_said_holds_for_a_file_that_is_here_already() {
    let school = School::new();
    school.write(|tx| {
        keep(tx, &build(1))?;
        let second = keep(tx, &build(2))?;
        assert_eq!(second.package.stage, Stage::Kept);
        let again = keep(tx, &NewPackage { stage: Some(Stage::Everyone), ..build(2) })?;
        assert_eq!((again.is_new, again.package.stage), (false, Stage::Everyone));
        assert_eq!(keep(tx, &build(2))?.package.stage, Stage::Everyone, "nothing said, nothing changed");
        Ok(())
    });
}

#[test]
fn an_app_of_the_house_with_the_identifier_of_one_of_the_store_is_refused_by_name() {
    let school = School::new();
    school.write(|tx| {
        let atlas = crate::mdm::apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
        crate::mdm::apps::learn_identifier(tx, &atlas.id, "school.example.many")?;
        let clash = keep(tx, &build(1)).unwrap_err();
        assert!(clash.kind == Kind::Conflict && clash.message.contains("“Atlas” of the App Store"), "{clash}");
        assert_eq!(rows::count(tx)?, 0);
        // Or the store told the identifier only afterwards.
        let own = keep(tx, &brought(FIELD))?.app;
        let twin = crate::mdm::apps::add(tx, &Actor::Console, "1500000003", "Twin")?;
        crate::mdm::apps::learn_identifier(tx, &twin.id, &own.bundle_id)?;
        group(tx, "all", "All", &[])?;
        let clash = crate::mdm::apps::assign(tx, &Actor::Console, &twin.id, "all", AssignedMode::Required, None).unwrap_err();
        assert!(clash.kind == Kind::Conflict && clash.message.contains(&format!("“{}” has the identifier", own.name)), "{clash}");
        Ok(())
    });
}
