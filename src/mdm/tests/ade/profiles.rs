//! Which profile each device gets: chosen, of its group, of its family; assigned one by one, throttled, refused, changed.

use std::time::Duration;

use super::{MINUTE, Office};
use crate::error::Result;
use crate::mdm::Actor;
use crate::mdm::ade::devices::{self, Say, Wish};
use crate::mdm::ade::{SYNC_EVERY, profiles, servers};
use crate::mdm::groups::{self, NewGroup};
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::protocol::ade::paths;
use crate::sim::apple::ade::Fault;
use crate::store::ade_devices::AssignResult;
use crate::store::{Tx, ade_profiles as rows};

const HOUR: Duration = Duration::from_secs(3600);

/// The name of the profile that a device has at Apple.
fn at_apple(office: &mut Office, serial: &str) -> String {
    let server = office.apple();
    let uuid = server.devices[serial].get("profile_uuid").and_then(|uuid| uuid.as_str()).unwrap_or_default().to_owned();
    server.profiles.get(&uuid).map(|profile| profile["profile_name"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

#[test]
fn a_device_gets_its_own_profile_else_its_groups_else_its_familys() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "Mac"), ("TESTSN0003", "iPad"), ("TESTSN0004", "AppleTV")]);
    office.profile("classroom_ipad", "iPad");
    office.profile("staff_mac", "Mac");
    let (own, of_group) = (office.profile("classroom_ipad", "Vision"), office.profile("staff_iphone", "iPhone"));
    office.school.write(move |tx| {
        let group = groups::create(tx, &Actor::Console, NewGroup { name: "Cart".into(), ..NewGroup::default() })?;
        profiles::set_of_group(tx, &Actor::Console, &group.id, Some(&of_group)).map(|()| group.id)
    });
    office.turn(None);
    assert_eq!(at_apple(&mut office, "TESTSN0001"), "classroom_ipad for iPad");
    assert_eq!(at_apple(&mut office, "TESTSN0002"), "staff_mac for Mac");
    assert_eq!(at_apple(&mut office, "TESTSN0004"), "", "nobody chose one for Apple TVs");
    let sent = office.apple().profiles.values().next().unwrap().clone();
    assert_eq!((sent["url"].as_str(), sent["anchor_certs"].as_array().map(Vec::len)), (Some("https://mdm.example.school/ade"), Some(1)));

    office.school.write(move |tx| {
        let group = groups::list(tx, &Actor::Console, None, 10)?.0.remove(0).id;
        let grouped = Wish { group_id: Say::Set(group), ..Wish::default() };
        devices::assign(tx, &Actor::Console, &["TESTSN0003".into()], &grouped)?;
        let chosen = Wish { profile_id: Say::Set(own), ..Wish::default() };
        devices::assign(tx, &Actor::Console, &["TESTSN0001".into()], &chosen).map(drop)
    });
    office.turn(None);
    assert_eq!(at_apple(&mut office, "TESTSN0003"), "staff_iphone for iPhone");
    assert_eq!(at_apple(&mut office, "TESTSN0001"), "classroom_ipad for Vision");
    office.pass(SYNC_EVERY);
    let assigned: u32 = office.apple().assignments.values().sum();
    assert_eq!(assigned, 5, "each was asked for once");
}

type Work = Box<dyn FnOnce(&Tx) -> Result<()> + Send>;

#[test]
fn a_profile_is_refused_to_devices_that_it_is_not_for_and_passed_over_for_them() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "Mac")]);
    let macs = office.profile("staff_mac", "Mac");
    office.profile("classroom_ipad", "iPad");
    office.turn(None);
    let refused = |work: Work| {
        let refused = office.school.try_write(work).unwrap_err();
        assert_eq!(refused.fields[0].field, "profile_id");
        refused.fields[0].message.clone()
    };
    let (server, profile) = (office.id.clone(), macs.clone());
    let said = refused(Box::new(move |tx| profiles::set_default(tx, &Actor::Console, &server, "iPad", Some(&profile))));
    assert_eq!(said, "“staff_mac for Mac” is “A staff Mac”, for Macs, and this is the default of iPads; choose a profile for those");
    let both = ["TESTSN0001".to_owned(), "TESTSN0002".to_owned()];
    let (named, chosen) = (both.clone(), Wish { profile_id: Say::Set(macs.clone()), ..Wish::default() });
    let said = refused(Box::new(move |tx| devices::assign(tx, &Actor::Console, &named, &chosen).map(drop)));
    assert!(said.contains("TESTSN0001 is one of the iPads"), "{said}");
    let group = office.school.write(move |tx| {
        let group = groups::create(tx, &Actor::Console, NewGroup { name: "Cart".into(), ..NewGroup::default() })?;
        let grouped = Wish { group_id: Say::Set(group.id.clone()), ..Wish::default() };
        devices::assign(tx, &Actor::Console, &both, &grouped).map(|_| group.id)
    });
    let (of, profile) = (group.clone(), macs.clone());
    let said = refused(Box::new(move |tx| profiles::set_of_group(tx, &Actor::Console, &of, Some(&profile))));
    assert!(said.contains("TESTSN0001 of this group is one of the iPads"), "{said}");
    let other = profiles::Wish { name: "Cart".into(), kind: "classroom_ipad".into(), keys: None };
    let refused = office.school.try_write(move |tx| profiles::change(tx, &Actor::Console, &macs, other)).unwrap_err();
    assert_eq!(refused.fields[0].field, "kind");
    // What an older group has is passed over for those that it is not for.
    office.school.write(move |tx| {
        let iphones =
            profiles::create(tx, &Actor::Console, profiles::Wish { name: "Phones".into(), kind: "staff_iphone".into(), keys: None })?;
        rows::set_of_group(tx, &group, Some(&iphones.profile.id))
    });
    office.pass(SYNC_EVERY);
    assert_eq!(at_apple(&mut office, "TESTSN0002"), "staff_mac for Mac");
    assert_eq!(at_apple(&mut office, "TESTSN0001"), "Phones");
}

#[test]
fn a_changed_profile_is_a_new_one_at_apple_and_every_device_is_assigned_it() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    let id = office.profile("classroom_ipad", "");
    office.turn(None);
    let before = office.apple().profiles.clone();
    office.school.write(move |tx| {
        let mut keys = profiles::find(tx, &Actor::Console, &id)?.keys;
        keys.department = "Art".into();
        let wish = profiles::Wish { name: "Cart".into(), kind: "classroom_ipad".into(), keys: Some(keys) };
        profiles::change(tx, &Actor::Console, &id, wish).map(drop)
    });
    office.turn(None);
    assert_eq!(office.apple().profiles.len(), 2);
    assert!(before.iter().all(|(uuid, profile)| office.book.server(&office.token).profiles[uuid] == *profile), "the old one is as it was");
    assert_eq!([at_apple(&mut office, "TESTSN0001"), at_apple(&mut office, "TESTSN0002")], ["Cart", "Cart"]);
    assert_eq!(office.asked(paths::ASSIGN), 2);
}

#[test]
fn a_throttled_device_rests_and_the_others_do_not_wait_for_it() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.profile("classroom_ipad", "");
    office.apple().throttled.insert("TESTSN0001".into(), 7200);
    office.turn(None);
    let (one, two) = (office.device("TESTSN0001").unwrap(), office.device("TESTSN0002").unwrap());
    assert_eq!((one.result, one.retry_at), (AssignResult::Throttled, Some(office.now().plus(2 * HOUR))));
    assert_eq!(two.result, AssignResult::Success);
    office.apple().throttled.clear();
    office.pass(HOUR);
    assert_eq!(office.asked(paths::ASSIGN), 1, "not before its time");
    office.pass(HOUR);
    assert_eq!(office.device("TESTSN0001").unwrap().result, AssignResult::Success);
    assert_eq!(office.asked(paths::ASSIGN), 2);
}

#[test]
fn what_apple_cannot_assign_is_tried_again_later_each_time_and_alone() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.profile("classroom_ipad", "");
    office.apple().failing.insert("TESTSN0001".into());
    office.turn(None);
    let first = office.device("TESTSN0001").unwrap();
    assert_eq!((first.result, first.attempts), (AssignResult::Failed, 1));
    office.pass(11 * MINUTE);
    let second = office.device("TESTSN0001").unwrap();
    assert_eq!(second.attempts, 2);
    assert!(second.retry_at.unwrap().since(office.now()) > first.retry_at.unwrap().since(first.result_at.unwrap()), "waits grow");
    office.apple().failing.clear();
    office.pass(HOUR);
    assert_eq!((office.device("TESTSN0001").unwrap().result, office.apple().assignments["TESTSN0002"]), (AssignResult::Success, 1));

    // Gone at Apple, and nobody has told yet.
    office.apple().devices.remove("TESTSN0002");
    let (id, profile) = (office.profile("shared_ipad", "iPad"), "TESTSN0002".to_owned());
    office.turn(None);
    assert_eq!(office.device(&profile).unwrap().result, AssignResult::NotAccessible);
    assert_eq!(office.device("TESTSN0001").unwrap().profile_id, Some(id));
}

#[test]
fn a_profile_that_apple_refuses_is_told_and_sent_again_when_it_is_changed() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    let id = office.profile("classroom_ipad", "");
    office.book.faults.push_back(Fault::refuse(paths::PROFILE, 400, "DEPARTMENT_INVALID"));
    office.turn(None);
    let wanted = id.clone();
    let standing = office.school.write(move |tx| profiles::find(tx, &Actor::Console, &wanted));
    assert!(standing.defined[0].problem.contains("department"), "{}", standing.defined[0].problem);
    office.pass(HOUR);
    assert_eq!(office.asked(paths::PROFILE), 1, "the same is not sent all the time");
    office.school.write(move |tx| {
        let mut keys = standing.keys.clone();
        keys.department = "Art".into();
        let wish = profiles::Wish { name: "Cart".into(), kind: "classroom_ipad".into(), keys: Some(keys) };
        profiles::change(tx, &Actor::Console, &id, wish).map(drop)
    });
    office.turn(None);
    assert_eq!(at_apple(&mut office, "TESTSN0001"), "Cart");

    // Somebody removed it at Apple's.
    office.school.clock.advance(HOUR);
    office.add("TESTSN0002", "iPad");
    office.apple().profiles.clear();
    office.pass(SYNC_EVERY);
    assert_eq!(at_apple(&mut office, "TESTSN0002"), "Cart", "it was made anew");
}

#[test]
fn what_apple_refused_is_asked_for_again_by_a_reading_and_by_saving_it_unchanged_and_is_told_of_until_then() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    let id = office.profile("classroom_ipad", "iPad");
    office.turn(None);
    let wish = profiles::Wish { name: "New".into(), kind: "classroom_ipad".into(), keys: None };
    let saves = |office: &Office| {
        let (id, wish) = (id.clone(), wish.clone());
        office.school.write(move |tx| profiles::change(tx, &Actor::Console, &id, wish).map(drop));
    };
    office.book.faults.push_back(Fault::refuse(paths::PROFILE, 400, "CONFIG_NAME_INVALID"));
    saves(&office);
    office.turn(None);
    let problem = |office: &Office| {
        let listed = office.school.write(|tx| devices::listed(tx, &Actor::Console, "TESTSN0001"));
        (listed.profile_problem, listed.device.result)
    };
    let refused = (String::from("Apple does not take the profile's name. Try a shorter one."), AssignResult::Success);
    assert_eq!((problem(&office), at_apple(&mut office, "TESTSN0001").as_str()), (refused.clone(), "classroom_ipad for iPad"));
    let told = |office: &Office| office.alerts().into_iter().filter(|(key, _)| key.starts_with("ade.profile:")).collect::<Vec<_>>();
    assert!(told(&office)[0].1.contains("“New”"), "{:?}", office.alerts());
    let troubled = |office: &Office| {
        let server = office.id.clone();
        office.school.write(move |tx| servers::find(tx, &Actor::Console, &server)).counts.troubled
    };
    assert_eq!((troubled(&office), office.asked(paths::PROFILE)), (1, 2));

    office.book.faults.push_back(Fault::refuse(paths::PROFILE, 400, "CONFIG_NAME_INVALID"));
    let server = office.id.clone();
    office.school.write(move |tx| servers::read_now(tx, &Actor::Console, &server, false).map(drop));
    office.turn(None);
    assert_eq!((problem(&office), office.asked(paths::PROFILE)), (refused, 3), "a reading asks once more");
    saves(&office);
    office.turn(None);
    assert_eq!((problem(&office).0.as_str(), at_apple(&mut office, "TESTSN0001").as_str()), ("", "New"));
    assert!(told(&office).is_empty() && troubled(&office) == 0);
    let sent = office.asked(paths::PROFILE);
    saves(&office);
    office.turn(None);
    assert_eq!(office.asked(paths::PROFILE), sent, "what Apple has is not sent again");
}

#[test]
fn there_are_only_so_many_servers_and_profiles() {
    let office = Office::new();
    let now = office.now();
    let identity = issue::self_signed("School", &PrivateKey::generate_rsa_2048().unwrap(), HOUR, now).unwrap();
    office.school.write(move |tx| {
        for number in 1..servers::SERVERS_MAX {
            servers::begin(tx, &Actor::Console, &format!("Server {number}"), &identity, false)?;
        }
        let refused = servers::begin(tx, &Actor::Console, "One more", &identity, false).unwrap_err();
        assert!(refused.message.contains("which is the most"), "{refused}");
        let spare = servers::list(tx, &Actor::Console)?.pop().unwrap().server.id;
        servers::remove(tx, &Actor::Console, &spare)?;
        let long = servers::may_begin(tx, &Actor::Console, &"x".repeat(servers::NAME_MAX_CHARS + 1)).unwrap_err();
        assert_eq!(long.fields[0].field, "name");
        let wish = |number: usize| profiles::Wish { name: format!("Profile {number}"), kind: "staff_mac".into(), keys: None };
        for number in 0..profiles::PROFILES_MAX {
            profiles::create(tx, &Actor::Console, wish(number))?;
        }
        let refused = profiles::create(tx, &Actor::Console, wish(profiles::PROFILES_MAX)).unwrap_err();
        assert!(refused.message.contains("which is the most"), "{refused}");
        Ok(())
    });
}
