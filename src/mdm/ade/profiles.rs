//! Profiles as people make them: by a guided choice, changed, given to families, groups and devices.

use std::collections::BTreeMap;

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::ade::{plan, presets};
use crate::mdm::enroll::automated::rules::{check_listed, rules};
use crate::mdm::enroll::{account, configurator};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, betas, groups, names};
use crate::protocol::ade::{ANY_OS, FAMILIES, LATEST_OS, ProfileKeys, Surroundings, TEXT_MAX_CHARS};
use crate::protocol::platform::Platform;
use crate::protocol::service_discovery;
use crate::store::ade_profiles::{self as rows, AdeProfile, Defined};
use crate::store::{Tx, ade_devices, ade_servers, authorities};

/// Profiles at the most.
pub const PROFILES_MAX: usize = 200;

/// A profile and where it is used.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The profile.
    pub profile: AdeProfile,
    /// Its keys.
    pub keys: ProfileKeys,
    /// Devices that are to have it.
    pub devices: u64,
    /// What Apple has of it, server by server; only where a device is to have it.
    pub defined: Vec<Defined>,
    /// The groups whose devices get it, as (id, name).
    pub groups: Vec<(String, String)>,
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such profile for new devices."))
}

fn standing(tx: &Tx, profile: AdeProfile) -> Result<Standing> {
    let mut defined = Vec::new();
    for server in ade_servers::all(tx)? {
        defined.extend(rows::defined(tx, &server.id)?.into_iter().filter(|defined| defined.profile_id == profile.id));
    }
    let groups = rows::of_groups(tx)?.into_iter().filter(|(_, _, of)| *of == profile.id).map(|(id, name, _)| (id, name)).collect();
    Ok(Standing {
        keys: ProfileKeys::from_json(&profile.content),
        devices: ade_devices::count_with_profile(tx, &profile.id)?,
        defined,
        groups,
        profile,
    })
}

/// Every profile, by name.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    rows::all(tx)?.into_iter().map(|profile| standing(tx, profile)).collect()
}

/// One profile.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Standing> {
    actor.require(Right::View)?;
    standing(tx, rows::by_id(tx, id)?.ok_or_else(unknown)?)
}

/// What a profile is made or changed with.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its name.
    pub name: String,
    /// The choice that it began with.
    pub kind: String,
    /// Its keys; those of the choice when they are left out.
    pub keys: Option<ProfileKeys>,
}

fn checked(wish: Wish) -> Result<(String, String, ProfileKeys)> {
    let name = wish.name.trim().to_owned();
    names::unturned("name", &name)?;
    if name.is_empty() || name.chars().count() > TEXT_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("is 1 to {TEXT_MAX_CHARS} letters", TEXT_MAX_CHARS)));
    }
    let preset = presets::preset(&wish.kind).ok_or_else(|| {
        let kinds: Vec<_> = presets::PRESETS.iter().map(|preset| preset.kind).collect();
        Error::field("kind", t!("is none of {list}", list = kinds.join(", ")))
    })?;
    let keys = wish.keys.unwrap_or_else(|| preset.keys()).checked()?;
    if keys.is_multi_user && preset.family != "iPad" {
        return Err(Error::field("is_multi_user", t!("is for iPads only")));
    }
    if keys.auto_advance_setup && !matches!(preset.family, "AppleTV" | "Mac") {
        return Err(Error::field("auto_advance_setup", t!("is for Apple TVs and Macs only")));
    }
    if !keys.mac_accounts.is_usual() && preset.family != "Mac" {
        return Err(Error::field("mac_accounts", t!("are for Macs only")));
    }
    Ok((name, wish.kind, keys))
}

/// Makes a profile.
pub fn create(tx: &Tx, actor: &Actor, wish: Wish) -> Result<Standing> {
    actor.require(Right::Configure)?;
    if rows::all(tx)?.len() >= PROFILES_MAX {
        return Err(Error::conflict(t!("There are {PROFILES_MAX} profiles for new devices, which is the most. Delete one.", PROFILES_MAX)));
    }
    let (name, kind, keys) = checked(wish)?;
    check_program(tx, &kind, &keys, "")?;
    check_minimum(tx, &kind, &keys)?;
    let profile = AdeProfile { id: tx.new_id(), name, kind, content: keys.to_json(), created_at: tx.now, changed_at: tx.now };
    put(tx, &profile)?;
    note(tx, actor, "ade.profile_created", &profile)?;
    standing(tx, profile)
}

/// Changes a profile; one that Apple refused is sent again, changed or not. At Apple profiles never change: a new one is made there, and every device that
/// has the old one is assigned the new one. Each device takes it when it is set up the next time.
pub fn change(tx: &Tx, actor: &Actor, id: &str, wish: Wish) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let before = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    let (name, kind, keys) = checked(wish)?;
    check_program(tx, &kind, &keys, &ProfileKeys::from_json(&before.content).beta_program)?;
    check_minimum(tx, &kind, &keys)?;
    let family_before = presets::preset(&before.kind).map_or("", |preset| preset.family);
    if !presets::suits(&kind, family_before) && ade_devices::count_with_profile(tx, id)? > 0 {
        let words = t!(
            "is {presets}, and devices have this profile that was {presets_2}",
            presets = presets::words(&kind),
            presets_2 = presets::words(&before.kind)
        );
        return Err(Error::field("kind", t!("{words}; make a profile of its own for them", words)));
    }
    let profile = AdeProfile { name, kind, content: keys.to_json(), changed_at: tx.now, ..before.clone() };
    if (&profile.name, &profile.kind, &profile.content) != (&before.name, &before.kind, &before.content) {
        put(tx, &profile)?;
        note(tx, actor, "ade.profile_changed", &profile)?;
        ade_servers::make_ready_due(tx)?;
    } else if rows::send_again(tx, id)? {
        ade_servers::make_ready_due(tx)?;
    }
    standing(tx, profile)
}

/// Refuses a beta programme that is not listed, or not for the family; the one of `before` stays whatever became of it.
fn check_program(tx: &Tx, kind: &str, keys: &ProfileKeys, before: &str) -> Result<()> {
    if keys.beta_program.is_empty() || keys.beta_program == before {
        return Ok(());
    }
    let family = presets::preset(kind).map_or("", |preset| preset.family);
    betas::check_one(tx, &keys.beta_program, Platform::of_product(family), "beta_program")
}

/// Refuses a version that Apple lists nowhere, unless a beta programme brings it.
fn check_minimum(tx: &Tx, kind: &str, keys: &ProfileKeys) -> Result<()> {
    if matches!(keys.minimum_os.as_str(), "" | ANY_OS | LATEST_OS) || !keys.beta_program.is_empty() {
        return Ok(());
    }
    let family = presets::preset(kind).map_or("", |preset| preset.family);
    check_listed(tx, Platform::of_product(family), &keys.minimum_os, "minimum_os")
}

fn put(tx: &Tx, profile: &AdeProfile) -> Result<()> {
    rows::put(tx, profile).map_err(|error| match error.kind {
        crate::error::Kind::Conflict => Error::field("name", t!("is another profile's already; take another name")),
        _ => error,
    })
}

/// Deletes a profile. Devices that were to have it get their group's or their family's, or keep what Apple has assigned.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let profile = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    rows::delete(tx, id)?;
    note(tx, actor, "ade.profile_deleted", &profile)?;
    ade_servers::make_ready_due(tx)
}

fn note(tx: &Tx, actor: &Actor, kind: &str, profile: &AdeProfile) -> Result<()> {
    let data = json!({ "profile": profile.id, "name": profile.name, "kind": profile.kind });
    journal::note(tx, actor, kind, Subject::default(), data)
}

/// The profile that a wish names, or nothing where it names none.
pub(super) fn named(tx: &Tx, id: Option<&str>) -> Result<Option<AdeProfile>> {
    let missing = || Error::field("profile_id", t!("there is no profile for new devices with this id"));
    id.map(|id| rows::by_id(tx, id)?.ok_or_else(missing)).transpose()
}

/// Refuses a profile that is not for devices of a family; `against` says of which device or devices that is.
pub(super) fn check_suits(profile: &AdeProfile, family: &str, against: &str) -> Result<()> {
    if presets::suits(&profile.kind, family) {
        return Ok(());
    }
    let words = t!(
        "“{name}” is {presets}, and {against}; choose a profile for those",
        name = profile.name,
        presets = presets::words(&profile.kind),
        against
    );
    Err(Error::field("profile_id", words))
}

/// The families of the devices that Apple's list names in each group, those included that will be in it: by the group's id each family with one serial
/// number.
pub fn families_of_groups(tx: &Tx) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for server in ade_servers::all(tx)? {
        for device in ade_devices::of_server(tx, &server.id)? {
            for group in plan::groups_of(tx, &device)? {
                all.entry(group).or_default().entry(device.device_family.clone()).or_insert_with(|| device.serial_number.clone());
            }
        }
    }
    Ok(all)
}

/// Sets the profile of a server's devices of a family for which nobody chose one; `""` is every other family.
pub fn set_default(tx: &Tx, actor: &Actor, server_id: &str, family: &str, profile_id: Option<&str>) -> Result<()> {
    actor.require(Right::Configure)?;
    let server = ade_servers::by_id(tx, server_id)?.ok_or_else(|| Error::not_found(t!("There is no such server token.")))?;
    if !family.is_empty() && !FAMILIES.iter().any(|(known, _)| *known == family) {
        let families: Vec<_> = FAMILIES.iter().map(|(known, _)| *known).collect();
        return Err(Error::field("device_family", t!("is none of {list}; leave it empty for all others", list = families.join(", "))));
    }
    let profile = named(tx, profile_id)?;
    if let Some(profile) = &profile {
        check_suits(profile, family, &t!("this is the default of {family_words}", family_words = presets::family_words(family)))?;
    }
    rows::set_default(tx, server_id, family, profile_id)?;
    let data = json!({ "server": server.id, "name": server.name, "device_family": family, "profile": profile.map(|profile| profile.name) });
    journal::note(tx, actor, "ade.default_changed", Subject::default(), data)?;
    ade_servers::make_ready_due(tx)
}

/// Sets the profile of a group's devices: those that will be in it, and those that are.
pub fn set_of_group(tx: &Tx, actor: &Actor, group_id: &str, profile_id: Option<&str>) -> Result<()> {
    actor.require(Right::Configure)?;
    let group = groups::find(tx, actor, group_id)?;
    let profile = named(tx, profile_id)?;
    if let Some(profile) = &profile {
        for (family, serial) in families_of_groups(tx)?.remove(group_id).unwrap_or_default() {
            check_suits(
                profile,
                &family,
                &t!("{serial} of this group is one of the {family_words}", serial, family_words = presets::family_words(&family)),
            )?;
        }
    }
    rows::set_of_group(tx, group_id, profile_id)?;
    let data = json!({ "group": group.id, "name": group.name, "profile": profile.map(|profile| profile.name) });
    journal::note(tx, actor, "ade.group_profile_changed", Subject::default(), data)?;
    ade_servers::make_ready_due(tx)
}

/// Where profiles are sent from, and where devices ask by an account: our address for new devices, whether a person signs in there, the roots to trust where our own authority signs for
/// it, and whose computers may connect.
pub fn surroundings(tx: &Tx, public_url: &str, own_authority: bool) -> Result<Surroundings> {
    let mut anchor_certs = Vec::new();
    if own_authority {
        anchor_certs.extend(authorities::current(tx)?.map(|authority| authority.certificate));
        anchor_certs.extend(authorities::upcoming(tx)?.map(|authority| authority.certificate));
    }
    let url = format!("{public_url}/ade");
    let web_url = rules(tx)?.sign_in.then(|| url.clone());
    // Who has Configurator's identity may connect to the device, as to those that it prepared.
    let supervising_host_certs = configurator::certificate(tx)?.map(|certificate| certificate.der().to_vec()).into_iter().collect();
    let by_account = !account::rules(tx)?.families.is_empty();
    let discovery_url = if by_account { format!("{public_url}{}", service_discovery::PATH) } else { String::new() };
    Ok(Surroundings { url, web_url, anchor_certs, supervising_host_certs, discovery_url })
}
