//! Devices that Apple says are ours, as people look at them: which there are, which profile each gets, whose it will be; and what becomes of that
//! when one enrolls.

use std::collections::BTreeSet;

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::ade::plan::Choice;
use crate::mdm::ade::{ACTOR, presets, profiles};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, groups, people};
use crate::protocol::ade::ProfileKeys;
use crate::store::ade_devices::{self as rows, AdeDevice, Filter, Known, Listed};
use crate::store::classes::ClassRole;
use crate::store::devices::Device;
use crate::store::{Tx, ade_profiles, ade_servers, devices, people as people_rows};

/// Devices that one wish may name.
pub const WISH_MAX: usize = 1000;

/// Serial numbers that one entry of the journal names.
const NAMED_MAX: usize = 50;

fn unknown() -> Error {
    Error::not_found(t!("Apple has not told of a device with this serial number."))
}

/// One page of devices, and how many pass the filter.
pub fn list(tx: &Tx, actor: &Actor, filter: &Filter, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Listed>, u64)> {
    actor.require(Right::View)?;
    Ok((rows::list(tx, filter, after, limit)?, rows::count(tx, filter)?))
}

/// One device by its serial number, with its server and its profile.
pub fn find(tx: &Tx, actor: &Actor, serial: &str) -> Result<Known> {
    actor.require(Right::View)?;
    rows::by_serial(tx, serial)?.ok_or_else(unknown)
}

/// One device by its serial number, with the names of what belongs to it.
pub fn listed(tx: &Tx, actor: &Actor, serial: &str) -> Result<Listed> {
    let device = find(tx, actor, serial)?.device;
    rows::listed(tx, &device.server_id, &device.serial_number)?.ok_or_else(unknown)
}

/// What a wish says of one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Say {
    /// It stays as it is.
    #[default]
    Keep,
    /// There is to be none.
    Clear,
    /// The one of this id.
    Set(String),
}

impl Say {
    /// The one of this id, or none.
    pub fn of(id: Option<String>) -> Self {
        id.map_or(Self::Clear, Self::Set)
    }

    fn id(&self) -> Option<&str> {
        if let Self::Set(id) = self { Some(id) } else { None }
    }

    /// Changes what is kept, if that is said; tells whether it did.
    fn change(&self, kept: &mut Option<String>) -> bool {
        let changes = *self != Self::Keep && kept.as_deref() != self.id();
        if changes {
            *kept = self.id().map(str::to_owned);
        }
        changes
    }
}

/// What is to become of devices.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The profile for these devices alone.
    pub profile_id: Say,
    /// Whose they will be; for one device only.
    pub person_id: Say,
    /// The class that they are for: its pupils who have none get one each, by name.
    pub class_id: Say,
    /// The group that they will be in.
    pub group_id: Say,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Granted {
    /// Devices that it was about.
    pub devices: usize,
    /// Pupils who get one of them.
    pub handed_out: usize,
    /// Pupils for whom there was none left.
    pub without: usize,
    /// Devices that one person is to have although their profile has several people share them.
    pub shared: usize,
}

impl Granted {
    /// What to look at again, for people; nothing where all fits together.
    pub fn doubt(&self) -> Option<String> {
        let (are, them) = match self.shared {
            0 => return None,
            1 => (String::from(t!("1 of them is one person’s")), t!("its profile has several people share it")),
            many => (t!("{many} of them are one person’s each", many), t!("their profile has several people share them")),
        };
        Some(t!("{are}, and {them}. Choose another profile, or nobody.", are, them))
    }
}

/// Grants a wish about devices, all or none.
pub fn assign(tx: &Tx, actor: &Actor, serials: &[String], wish: &Wish) -> Result<Granted> {
    actor.require(Right::Configure)?;
    let serials: BTreeSet<&str> = serials.iter().map(|serial| serial.trim()).filter(|serial| !serial.is_empty()).collect();
    if serials.is_empty() || serials.len() > WISH_MAX {
        return Err(Error::field("serial_numbers", t!("names from 1 to {WISH_MAX} devices", WISH_MAX)));
    }
    let mut chosen = Vec::new();
    for serial in &serials {
        let known = rows::by_serial(tx, serial)?.filter(|known| known.device.gone_at.is_none());
        let missing = || Error::field("serial_numbers", t!("Apple has not told of a device {serial} that is yours", serial));
        chosen.push(known.ok_or_else(missing)?.device);
    }
    let names = check(tx, actor, wish, &chosen)?;
    for device in &mut chosen {
        wish.profile_id.change(&mut device.chosen_profile_id);
        let person = wish.person_id.change(&mut device.person_id);
        let class = wish.class_id.change(&mut device.class_id);
        if wish.group_id.change(&mut device.group_id) || person || class {
            device.handed_over_at = None;
        }
    }
    let mut granted = Granted { devices: chosen.len(), ..Granted::default() };
    if let Some(class_id) = wish.class_id.id() {
        hand_out(tx, class_id, &mut chosen, &mut granted)?;
    }
    for device in &chosen {
        rows::put(tx, device)?;
        hand_over(tx, device.clone())?;
    }
    let servers: BTreeSet<&str> = chosen.iter().map(|device| device.server_id.as_str()).collect();
    for server in servers {
        ade_servers::make_due(tx, server)?;
        granted.shared += shared(tx, server, &chosen)?;
    }
    let named: Vec<&str> = serials.iter().copied().take(NAMED_MAX).collect();
    let data = json!({ "devices": chosen.len(), "serial_numbers": named, "wish": names, "handed_out": granted.handed_out });
    journal::note(tx, actor, "ade.devices_assigned", Subject::default(), data)?;
    Ok(granted)
}

/// How many of a server's devices among these one person is to have although their profile has several people share them.
fn shared(tx: &Tx, server_id: &str, chosen: &[AdeDevice]) -> Result<usize> {
    let choice = Choice::of(tx, server_id)?;
    let mut count = 0;
    for device in chosen.iter().filter(|device| device.server_id == server_id && device.person_id.is_some()) {
        let profile = choice.profile(tx, device)?.map_or(Ok(None), |id| ade_profiles::by_id(tx, &id))?;
        count += usize::from(profile.is_some_and(|profile| ProfileKeys::from_json(&profile.content).is_multi_user));
    }
    Ok(count)
}

/// Refuses a wish that names what is not there; gives the names of what is.
fn check(tx: &Tx, actor: &Actor, wish: &Wish, devices: &[AdeDevice]) -> Result<serde_json::Value> {
    let there = |field: &'static str, error: Error| match error.kind {
        Kind::NotFound => Error::field(field, t!("is not there any more")),
        _ => error,
    };
    let mut names = serde_json::Map::new();
    let mut note = |thing: &str, said: &Say, name: Option<String>| {
        if *said != Say::Keep {
            names.insert(thing.to_owned(), json!(name));
        }
    };
    let profile = profiles::named(tx, wish.profile_id.id())?;
    for (profile, device) in profile.iter().flat_map(|profile| devices.iter().map(move |device| (profile, device))) {
        let family = device.device_family.as_str();
        profiles::check_suits(
            profile,
            family,
            &t!(
                "{serial_number} is one of the {family_words}",
                serial_number = device.serial_number,
                family_words = presets::family_words(family)
            ),
        )?;
    }
    note("profile", &wish.profile_id, profile.map(|profile| profile.name));
    if devices.len() > 1 && wish.person_id.id().is_some() {
        return Err(Error::field("person_id", t!("can get one device at a time; for many, take the class")));
    }
    let person = wish.person_id.id().map(|id| people::find(tx, actor, id).map_err(|error| there("person_id", error))).transpose()?;
    note("person", &wish.person_id, person.map(|person| person.name));
    let class = wish.class_id.id().map(|id| people::classes::find(tx, actor, id).map_err(|error| there("class_id", error))).transpose()?;
    note("class", &wish.class_id, class.map(|class| class.name));
    let group = wish.group_id.id().map(|id| groups::find(tx, actor, id).map_err(|error| there("group_id", error))).transpose()?;
    if group.as_ref().is_some_and(|group| group.is_by_rule) {
        return Err(Error::field("group_id", t!("finds its devices by its rule; take a group by hand")));
    }
    note("group", &wish.group_id, group.map(|group| group.name));
    if names.is_empty() {
        return Err(Error::bad_input(t!("Say what these devices are to get: a profile, a person, a class or a group.")));
    }
    Ok(names.into())
}

/// Gives the pupils of a class who have no device one each, by name; devices that are somebody's already are passed over.
fn hand_out(tx: &Tx, class_id: &str, chosen: &mut [AdeDevice], granted: &mut Granted) -> Result<()> {
    let mut free = chosen.iter_mut().filter(|device| device.person_id.is_none());
    for member in people::classes::members(tx, &ACTOR, class_id)? {
        let has = !people_rows::devices(tx, &member.person.id)?.is_empty() || rows::is_expected(tx, &member.person.id)?;
        if member.role != ClassRole::Student || !member.person.active || has {
            continue;
        }
        match free.next() {
            Some(device) => {
                device.person_id = Some(member.person.id);
                device.handed_over_at = None;
                granted.handed_out += 1;
            }
            None => granted.without += 1,
        }
    }
    Ok(())
}

/// A device has enrolled: if Apple told of it, it gets the person and the group that were chosen for it before.
pub fn arrived(tx: &Tx, device: &Device) -> Result<()> {
    let Some(serial_number) = &device.serial_number else { return Ok(()) };
    match rows::by_serial(tx, serial_number)?.filter(|known| known.device.gone_at.is_none()) {
        Some(known) => match tx.attempt(|tx| hand_over(tx, known.device))? {
            // What was chosen is gone, or full: that keeps no device from enrolling.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::BadInput | Kind::Conflict) => Ok(()),
            other => other,
        },
        None => Ok(()),
    }
}

/// Passes person and group on to the enrolled device, once.
fn hand_over(tx: &Tx, device: AdeDevice) -> Result<()> {
    if device.handed_over_at.is_some() || (device.person_id.is_none() && device.group_id.is_none()) {
        return Ok(());
    }
    let enrolled = devices::by_serial_number(tx, &device.serial_number)?.filter(|enrolled| enrolled.deleted_at.is_none());
    let Some(enrolled) = enrolled else { return Ok(()) };
    if let Some(person) = &device.person_id {
        people::assign(tx, &ACTOR, &enrolled.id, Some(person))?;
    }
    if let Some(group) = &device.group_id
        && !groups::find(tx, &ACTOR, group)?.is_by_rule
    {
        groups::add(tx, &ACTOR, group, std::slice::from_ref(&enrolled.id))?;
    }
    rows::put(tx, &AdeDevice { handed_over_at: Some(tx.now), ..device })
}
