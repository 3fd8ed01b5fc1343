//! The practice cart: boxed iPads on the practice server of Apple's list. What they are to get is chosen once; then somebody switches them on.

use std::collections::BTreeSet;

use serde_json::json;

use super::{ACTOR, group, wanted};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::ade::devices::{self, Say, Wish};
use crate::mdm::ade::servers;
use crate::mdm::people::{self, NewPerson, classes};
use crate::mdm::{Actor, Right, journal};
use crate::store::ade_devices::{self, AdeDevice};
use crate::store::classes::ClassRole;
use crate::store::people::PersonRole;
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, ade_profiles, ade_servers, groups};

const SWITCHED_ON: Setting<BTreeSet<String>> = Setting::new("practice.switched_on");
const AT_FIRST: Setting<u32> = Setting::new("practice.switched_on_at_first");
const PREPARED: Setting<String> = Setting::new("practice.cart_prepared");
const CLASS: Setting<String> = Setting::new("practice.class");

/// The group that the boxed iPads come into: not the classroom's, whose devices use up what there are too few licences of.
pub(super) const GROUP: &str = "iPad cart";

/// The class of the demo, whose pupils get the boxed iPads.
const CLASS_NAME: &str = "Practice class 8c";

/// Its pupils; nobody real.
const PUPILS: [&str; 8] =
    ["Alma Example", "Bela Example", "Cem Example", "Dora Example", "Emil Example", "Fay Example", "Gus Example", "Hana Example"];

/// Where the addresses of invented pupils end.
const PUPILS_AT: &str = "@practice.example.school";

/// The boxed devices as Apple's list has them, switched on or not, by serial number.
pub fn boxed(tx: &Tx) -> Result<Vec<AdeDevice>> {
    let mut all = Vec::new();
    for server in ade_servers::all(tx)?.into_iter().filter(|server| server.practice) {
        all.extend(ade_devices::of_server(tx, &server.id)?);
    }
    Ok(all)
}

/// The serial numbers of those that somebody switched on.
pub fn switched_on(tx: &Tx) -> Result<BTreeSet<String>> {
    Ok(settings::value(tx, &SWITCHED_ON)?.unwrap_or_default())
}

/// How many nobody has switched on yet, and that did not come in before.
pub fn still_boxed(tx: &Tx) -> Result<u64> {
    let on = switched_on(tx)?;
    Ok(boxed(tx)?.iter().filter(|device| !on.contains(&device.serial_number)).count() as u64)
}

/// Switches boxed devices on: these, or all; gives how many were not on yet. The runner obeys as soon as Apple's list has a profile for each.
pub fn switch_on(tx: &Tx, actor: &Actor, which: Option<&[String]>) -> Result<usize> {
    actor.require(Right::Invite)?;
    if wanted(tx)?.devices == 0 {
        return Err(Error::conflict("There are no practice devices. Say under System, Practice devices, how many there are to be."));
    }
    let there: BTreeSet<_> = boxed(tx)?.into_iter().map(|device| device.serial_number).collect();
    if there.is_empty() {
        return Err(Error::conflict("The boxed practice iPads are not in the list yet. They are there in a minute; then switch them on."));
    }
    let chosen: BTreeSet<String> = match which {
        Some(serials) => serials.iter().map(|serial| serial.trim().to_owned()).collect(),
        None => there.clone(),
    };
    if let Some(other) = chosen.iter().find(|serial| !there.contains(*serial)) {
        return Err(Error::field("serial_numbers", t!("{other} is no boxed practice iPad; real devices are switched on by hand", other)));
    }
    if chosen.is_empty() {
        return Err(Error::field("serial_numbers", "names at least one boxed practice iPad"));
    }
    let mut on = switched_on(tx)?;
    let fresh: Vec<_> = chosen.difference(&on).cloned().collect();
    if fresh.is_empty() {
        return Ok(0);
    }
    journal::note(tx, actor, "practice.switched_on", journal::Subject::default(), json!({ "serial_numbers": fresh }))?;
    let count = fresh.len();
    on.extend(fresh);
    settings::set(tx, &SWITCHED_ON, &on)?;
    tx.ring(Bell::Jobs);
    Ok(count)
}

/// Has so many be switched on as soon as Apple's list names them.
pub fn switch_on_at_first(tx: &Tx, count: u32) -> Result<()> {
    settings::set(tx, &AT_FIRST, &count).map(drop)
}

/// Whether the boxed devices are there, and nobody has chosen yet what they get or some are to be switched on at once.
pub fn is_to_prepare(tx: &Tx) -> Result<bool> {
    let boxed = boxed(tx)?;
    let Some(first) = boxed.first() else { return Ok(false) };
    Ok(!is_prepared(tx, first)? || settings::value(tx, &AT_FIRST)?.unwrap_or_default() > 0)
}

/// Whether what the boxed devices of this one's server get was chosen.
fn is_prepared(tx: &Tx, first: &AdeDevice) -> Result<bool> {
    Ok(settings::value(tx, &PREPARED)?.as_ref() == Some(&first.server_id))
}

/// Chooses what the boxed devices get, once for each practice server: the group of the cart, and the demo's class where there is one.
/// What somebody chose meanwhile stays.
pub fn prepare(tx: &Tx) -> Result<()> {
    let boxed = boxed(tx)?;
    let Some(first) = boxed.first() else { return Ok(()) };
    if !is_prepared(tx, first)? {
        choose(tx, &boxed)?;
        settings::set(tx, &PREPARED, &first.server_id)?;
    }
    let at_first = settings::value(tx, &AT_FIRST)?.unwrap_or_default() as usize;
    settings::forget(tx, &AT_FIRST)?;
    let serials: Vec<_> = boxed.into_iter().take(at_first).map(|device| device.serial_number).collect();
    if serials.is_empty() { Ok(()) } else { switch_on(tx, &ACTOR, Some(&serials)).map(drop) }
}

/// Chooses the cart's group and the demo's class for those of the boxed devices for which nobody has chosen anything.
fn choose(tx: &Tx, boxed: &[AdeDevice]) -> Result<()> {
    let undecided = |device: &&AdeDevice| device.group_id.is_none() && device.class_id.is_none() && device.person_id.is_none();
    let serials: Vec<_> = boxed.iter().filter(undecided).map(|device| device.serial_number.clone()).collect();
    if serials.is_empty() {
        return Ok(());
    }
    let group_id = match groups::named(tx, GROUP)? {
        // It finds its devices by itself.
        Some((_, true)) => Say::Keep,
        _ => Say::Set(group(tx, GROUP)?),
    };
    let wish = Wish { group_id, class_id: class(tx)?.map_or(Say::Keep, Say::Set), ..Wish::default() };
    devices::assign(tx, &ACTOR, &serials, &wish).map(drop)
}

/// Has a new practice server take the place of those before it, which go: what was chosen for the boxed devices stays.
pub fn succeed(tx: &Tx, server_id: &str) -> Result<()> {
    for before in ade_servers::all(tx)?.into_iter().filter(|server| server.practice && server.id != server_id) {
        for device in ade_devices::of_server(tx, &before.id)? {
            ade_devices::put(tx, &chosen(device, server_id, tx.now))?;
        }
        for (family, profile) in ade_profiles::defaults(tx, &before.id)? {
            ade_profiles::set_default(tx, server_id, &family, Some(&profile))?;
        }
        if settings::value(tx, &PREPARED)?.as_ref() == Some(&before.id) {
            settings::set(tx, &PREPARED, &server_id.to_owned())?;
        }
        servers::remove(tx, &ACTOR, &before.id)?;
    }
    Ok(())
}

/// A boxed device on a server that has said nothing of it yet: what it is, and what was chosen for it.
fn chosen(device: AdeDevice, server_id: &str, now: Timestamp) -> AdeDevice {
    let fresh = AdeDevice::new(server_id, &device.serial_number, now);
    AdeDevice {
        model: device.model,
        description: device.description,
        color: device.color,
        device_family: device.device_family,
        os: device.os,
        chosen_profile_id: device.chosen_profile_id,
        person_id: device.person_id,
        class_id: device.class_id,
        group_id: device.group_id,
        handed_over_at: device.handed_over_at,
        ..fresh
    }
}

/// The class of the demo, while it is there.
fn class(tx: &Tx) -> Result<Option<String>> {
    let Some(id) = settings::value(tx, &CLASS)? else { return Ok(None) };
    match classes::find(tx, &ACTOR, &id) {
        Ok(class) => Ok(Some(class.id)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the demo's class with its invented pupils; nothing where it was made before, or where a class has its name.
pub fn show_class(tx: &Tx) -> Result<()> {
    if settings::value(tx, &CLASS)?.is_some() {
        return Ok(());
    }
    let class = match classes::create(tx, &ACTOR, CLASS_NAME) {
        Ok(class) => class,
        Err(error) if error.kind == Kind::Conflict => return Ok(()),
        Err(error) => return Err(error),
    };
    for name in PUPILS {
        let given = name.split(' ').next().unwrap_or_default().to_lowercase();
        let new = NewPerson { name: name.to_owned(), email: format!("{given}{PUPILS_AT}"), role: PersonRole::Student, active: true };
        let pupil = people::create(tx, &ACTOR, new)?;
        classes::put(tx, &ACTOR, &class.id, &pupil.id, ClassRole::Student)?;
    }
    settings::set(tx, &CLASS, &class.id).map(drop)
}

/// Forgets the cart; the demo's class goes with its invented pupils.
pub(super) fn forget(tx: &Tx, actor: &Actor) -> Result<()> {
    if let Some(id) = class(tx)? {
        for member in classes::members(tx, actor, &id)?.into_iter().filter(|member| member.person.email.ends_with(PUPILS_AT)) {
            people::delete(tx, actor, &member.person.id)?;
        }
        classes::delete(tx, actor, &id)?;
    }
    settings::forget(tx, &CLASS)?;
    settings::forget(tx, &SWITCHED_ON)?;
    settings::forget(tx, &AT_FIRST)?;
    settings::forget(tx, &PREPARED).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::practice::{Wanted, remove, want};
    use crate::store::ade_servers::AdeServer;
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn write<T: Send + 'static>(store: &Store, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> Result<T> {
        store.write_blocking(NOW, work)
    }

    fn list(store: &Store, practice: bool, serials: &'static [&'static str]) {
        let listed = write(store, move |tx| {
            let name = if practice { "practice" } else { "school" };
            let server = AdeServer { practice, ..AdeServer::new(name.into(), name.into(), Vec::new(), tx.now) };
            ade_servers::insert(tx, &server, b"key")?;
            serials.iter().try_for_each(|serial| ade_devices::put(tx, &AdeDevice::new(&server.id, serial, tx.now)))
        });
        listed.unwrap();
    }

    #[test]
    fn boxed_ipads_get_group_and_pupils_once_and_are_switched_on_by_their_serial_numbers() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let early = write(&store, |tx| switch_on(tx, &Actor::Console, None)).unwrap_err();
        assert!(early.message.contains("There are no practice devices"), "{}", early.message);
        write(&store, |tx| {
            want(tx, &ACTOR, Wanted { devices: 1, seed: 1 })?;
            show_class(tx)?;
            show_class(tx)?;
            switch_on_at_first(tx, 1)
        })
        .unwrap();
        assert!(write(&store, |tx| switch_on(tx, &Actor::Console, None)).unwrap_err().message.contains("not in the list yet"));
        list(&store, true, &["BOXEDSN0001", "BOXEDSN0002"]);
        list(&store, false, &["TESTSN0009"]);
        let (devices, on) = write(&store, |tx| {
            prepare(tx)?;
            let devices = boxed(tx)?;
            ade_devices::put(tx, &AdeDevice { group_id: None, ..devices[1].clone() })?;
            prepare(tx)?;
            Ok((boxed(tx)?, switched_on(tx)?))
        })
        .unwrap();
        assert!(devices.len() == 2 && devices[0].group_id.is_some() && devices.iter().all(|device| device.person_id.is_some()));
        assert_eq!((devices[1].group_id.as_ref(), on), (None, BTreeSet::from(["BOXEDSN0001".to_owned()])), "what was chosen since stays");
        let real = write(&store, |tx| switch_on(tx, &Actor::Console, Some(&["TESTSN0009".into()]))).unwrap_err();
        assert_eq!(real.fields[0].field, "serial_numbers");
        assert_eq!(write(&store, |tx| switch_on(tx, &Actor::Console, None)).unwrap(), 1, "one is on already");
        let left = write(&store, |tx| {
            remove(tx, &Actor::Console)?;
            Ok((switched_on(tx)?.len(), boxed(tx)?.len(), classes::list(tx, &Actor::Console, None, 10)?.1))
        });
        assert_eq!(left.unwrap(), (0, 0, 0));
    }

    #[test]
    fn the_server_of_a_later_start_keeps_what_was_chosen_for_the_boxed_ipads() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        write(&store, |tx| {
            want(tx, &ACTOR, Wanted { devices: 1, seed: 1 })?;
            show_class(tx)
        })
        .unwrap();
        list(&store, true, &["BOXEDSN0001", "BOXEDSN0002"]);
        let chosen = |devices: &[AdeDevice]| -> Vec<_> {
            devices.iter().map(|device| (device.serial_number.clone(), device.group_id.clone(), device.person_id.clone())).collect()
        };
        let (before, after) = write(&store, |tx| {
            prepare(tx)?;
            let first = boxed(tx)?.remove(0);
            ade_devices::put(tx, &AdeDevice { group_id: None, profile_status: "pushed".into(), ..first })?;
            let before = boxed(tx)?;
            let server = AdeServer { practice: true, ..AdeServer::new("later".into(), "later".into(), Vec::new(), tx.now) };
            ade_servers::insert(tx, &server, b"key")?;
            succeed(tx, "later")?;
            assert!(!is_to_prepare(tx)?, "it was prepared before");
            Ok((before, boxed(tx)?))
        })
        .unwrap();
        assert_eq!(chosen(&before), chosen(&after));
        assert!(
            after.iter().all(|device| device.server_id == "later" && device.profile_status.is_empty()),
            "the new list says what it has"
        );
        let (servers, on) = write(&store, |tx| {
            switch_on_at_first(tx, 1)?;
            assert!(is_to_prepare(tx)?);
            prepare(tx)?;
            Ok((ade_servers::all(tx)?.len(), switched_on(tx)?))
        })
        .unwrap();
        assert_eq!((servers, on), (1, BTreeSet::from(["BOXEDSN0001".to_owned()])));
    }
}
