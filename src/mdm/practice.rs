//! Practice devices: simulated ones that show how everything works, and go without a trace at one button.

pub mod cart;
pub mod own;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::apps::{self, LicenceBy};
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::groups::rule::Rule;
use crate::mdm::updates::plans::{self, NewPlan};
use crate::mdm::updates::rules::{Deadline, Ring, Rules, Stop, Target};
use crate::mdm::{Actor, Right, ade, devices, groups, journal, licences};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::protocol::platform::Platform;
use crate::store::assignments::AssignedMode;
use crate::store::invitations::Invitation;
use crate::store::push_certificates::{self, PushCertificate};
use crate::store::roster::{Filter, Sort};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, apps as store_apps, groups as store_groups, invitations as rows, roster, update_plans};

/// The most practice devices at a time.
pub const MAX_DEVICES: u32 = 200;

/// How many are read at a time when they are removed; those written for load may be many.
const REMOVED_PER_PAGE: u32 = 500;

/// What begins the topic of practice devices: no portal of Apple's gives such a one.
pub const TOPIC_PREFIX: &str = "com.apple.mgmt.External.practice.";

const WANTED: Setting<Wanted> = Setting::new("practice.wanted");
const TOPIC: Setting<String> = Setting::new("practice.topic");
const INVITATION: Setting<String> = Setting::new("practice.invitation");
const DEVICE_AUTHORITY: Setting<String> = Setting::new("practice.device_authority");

/// How many practice devices there are to be; the runner obeys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// How many.
    pub devices: u32,
    /// What their names, serial numbers and models follow from.
    pub seed: u64,
}

/// How many practice devices are wanted now.
pub fn wanted(tx: &Tx) -> Result<Wanted> {
    Ok(settings::value(tx, &WANTED)?.unwrap_or_default())
}

/// Whether anybody ever said how many there are to be, none included.
pub fn was_decided(tx: &Tx) -> Result<bool> {
    Ok(settings::value(tx, &WANTED)?.is_some())
}

/// Says how many practice devices there are to be: a setting, since fewer means that others go.
pub fn want(tx: &Tx, actor: &Actor, wanted: Wanted) -> Result<()> {
    actor.require(Right::Configure)?;
    if wanted.devices > MAX_DEVICES {
        return Err(Error::field("devices", t!("at most {MAX_DEVICES} practice devices", MAX_DEVICES)));
    }
    settings::set(tx, &WANTED, &wanted)?;
    journal::note(tx, actor, "practice.wanted", journal::Subject::default(), json!({ "devices": wanted.devices }))?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// Ends practice: the devices are deleted, their invitation is withdrawn, the runner stops.
pub fn remove(tx: &Tx, actor: &Actor) -> Result<usize> {
    actor.require(Right::Destroy)?;
    want(tx, actor, Wanted::default())?;
    let filter = Filter { practice: Some(true), ..Filter::default() };
    let mut removed = 0;
    loop {
        let present = roster::list(tx, &filter, Sort::Name, false, None, REMOVED_PER_PAGE)?;
        for listed in &present {
            devices::remove(tx, actor, listed.device.clone())?;
        }
        removed += present.len();
        if present.is_empty() {
            break;
        }
    }
    for location in licences::tokens::list(tx, actor)?.into_iter().filter(|standing| standing.token.practice) {
        licences::tokens::remove(tx, actor, &location.token.id)?;
    }
    settings::forget(tx, &DEVICE_AUTHORITY)?;
    cart::forget(tx, &ACTOR)?;
    own::forget(tx, &ACTOR)?;
    for standing in ade::servers::list(tx, actor)?.into_iter().filter(|standing| standing.server.practice) {
        ade::servers::remove(tx, actor, &standing.server.id)?;
    }
    if let Some(id) = settings::value(tx, &INVITATION)? {
        invitations::revoke(tx, actor, &id)?;
        settings::forget(tx, &INVITATION)?;
    }
    Ok(removed)
}

/// The topic of this appliance's practice devices, the same for its life.
pub fn topic(tx: &Tx) -> Result<String> {
    if let Some(topic) = settings::value(tx, &TOPIC)? {
        return Ok(topic);
    }
    let topic = format!("{TOPIC_PREFIX}{}", tx.random().uuid_v4());
    settings::set(tx, &TOPIC, &topic)?;
    Ok(topic)
}

/// Takes the push certificate that the stand-in of Apple's service issued for the practice topic.
pub fn adopt_certificate(tx: &Tx, certificate: &Certificate, key: &PrivateKey) -> Result<()> {
    let row = PushCertificate {
        topic: topic(tx)?,
        certificate: certificate.der().to_vec(),
        not_after_at: certificate.not_after(),
        current: false,
        practice: true,
        account_note: String::new(),
        uploads: 1,
        paused_until_at: None,
        uploaded_at: tx.now,
    };
    push_certificates::put(tx, &row, key.pkcs8_der().expose())
}

/// The authority that vouches for practice devices in Setup Assistant, while they have one.
pub fn device_authority(tx: &Tx) -> Result<Option<Certificate>> {
    Ok(settings::value(tx, &DEVICE_AUTHORITY)?.and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok()))
}

/// Takes the authority that vouches for practice devices. It never vouches for a real one.
pub fn adopt_device_authority(tx: &Tx, authority: &Certificate) -> Result<()> {
    settings::set(tx, &DEVICE_AUTHORITY, &authority.to_pem()).map(drop)
}

/// Apps that show what can become of one, for the groups that practice devices come into; nothing where there are apps already.
pub fn show_apps(tx: &Tx) -> Result<()> {
    if store_apps::count(tx, "")? > 0 {
        return Ok(());
    }
    let (classroom, cart) = (group(tx, GROUP)?, group(tx, cart::GROUP)?);
    for (adam_id, name, licence, mode) in APPS {
        let app = apps::add(tx, &ACTOR, adam_id, name)?;
        let settings = apps::Settings { licence, ..apps::Settings::default() };
        apps::edit(tx, &ACTOR, &app.id, apps::Edit { settings: Some(settings), ..apps::Edit::default() })?;
        apps::assign(tx, &ACTOR, &app.id, &classroom, mode, None)?;
        // The classroom takes all licences that there are: what it lacks is not to keep the cart's iPads from being ready.
        if licence == LicenceBy::None {
            apps::assign(tx, &ACTOR, &app.id, &cart, mode, None)?;
        }
    }
    Ok(())
}

/// Minutes after which each ring of the plan begins that [`show_updates`] makes.
const RING_EVERY: u32 = 3;

/// Minutes that a ring has until its deadline.
const RING_LASTS: u32 = 6;

/// A plan in three rings that keeps practice devices current within their generation, so that one can watch it; nothing where there are plans already.
pub fn show_updates(tx: &Tx) -> Result<()> {
    if update_plans::count(tx)? > 0 || store_groups::by_name(tx, RINGS[0].1)?.is_some() {
        return Ok(());
    }
    let mut rings = Vec::new();
    for (number, (ring, group, platforms)) in (0_u32..).zip(RINGS) {
        let platforms = platforms.iter().map(|platform| Rule::Platform(*platform)).collect();
        let note = String::from("For the practice plan of updates.");
        let group = groups::create(tx, &ACTOR, groups::NewGroup { name: group.to_owned(), note, rule: Some(Rule::Any(platforms)) })?;
        rings.push(Ring { name: ring.to_owned(), after_minutes: number * RING_EVERY, groups: vec![group.id] });
    }
    let rules = Rules {
        target: Target::NewestOfOwn,
        starts: crate::mdm::settings::zone(tx)?.wall(tx.now),
        rings,
        deadline: Deadline::After { minutes: RING_LASTS, time: None },
        quiet: Vec::new(),
        holidays: Vec::new(),
        at_once: None,
        stop: Some(Stop { percent: 50, at_least: 3 }),
        improvements: false,
        force_restart: true,
        details_url: None,
    };
    let note = String::from("Three rings, minutes apart, so that one can watch it.");
    plans::create(tx, &ACTOR, &NewPlan { name: String::from("Stay current"), note, rules }).map(drop)
}

/// The rings of the practice plan: name, group, and whose devices are in it.
const RINGS: [(&str, &str, &[Platform]); 3] = [
    ("Pilot", "Televisions and headsets", &[Platform::Tvos, Platform::Visionos]),
    ("Lab", "Macs of the lab", &[Platform::Macos]),
    ("Everybody", "iPhones and iPads", &[Platform::Ios]),
];

/// The group that devices of the practice classroom come into.
const GROUP: &str = "Practice";

/// The id of the group of this name, which is made where it is not there.
fn group(tx: &Tx, name: &str) -> Result<String> {
    match store_groups::named(tx, name)? {
        Some((id, _)) => Ok(id),
        None => Ok(groups::create(tx, &ACTOR, groups::NewGroup { name: name.to_owned(), note: String::new(), rule: None })?.id),
    }
}

/// Who acts here.
const ACTOR: Actor = Actor::Job("practice");

/// Apps of the practice store: one for everybody, which some people decline; one to ask for; one that needs licences; and one that some have
/// already, in the version before.
const APPS: [(&str, &str, LicenceBy, AssignedMode); 4] = [
    ("1500000001", "Field Notes", LicenceBy::None, AssignedMode::Required),
    ("1500000002", "Atlas of the World", LicenceBy::None, AssignedMode::Optional),
    ("1500000003", "Sums and More", LicenceBy::Device, AssignedMode::Required),
    ("1500000006", "Library Desk", LicenceBy::None, AssignedMode::Required),
];

/// The invitation by which practice devices come in.
pub fn invitation(tx: &Tx) -> Result<Invitation> {
    if let Some(id) = settings::value(tx, &INVITATION)?
        && let Some(invitation) = rows::by_id(tx, &id)?
        && invitations::usable(&invitation, tx.now).is_ok()
    {
        return Ok(invitation);
    }
    let new =
        NewInvitation { note: String::from("Practice devices"), group_label: GROUP.to_owned(), practice: true, ..NewInvitation::default() };
    let invitation = invitations::create(tx, &ACTOR, new)?;
    settings::set(tx, &INVITATION, &invitation.id)?;
    Ok(invitation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::Role;
    use crate::store::devices::Device;
    use crate::store::{OpenOptions, Store, devices as rows};

    #[test]
    fn a_demo_shows_apps_once_and_the_cart_gets_those_of_which_there_are_enough() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let shown = store.write_blocking(Timestamp::from_seconds(1_795_000_000), |tx| {
            show_apps(tx)?;
            show_apps(tx)?;
            let mut given = Vec::new();
            for name in [GROUP, cart::GROUP] {
                let group = store_groups::by_name(tx, name)?.unwrap();
                let mut of_group = Vec::new();
                for assignment in crate::store::assignments::of_group(tx, &group.id)? {
                    let app = store_apps::by_id(tx, &assignment.item_id)?.unwrap();
                    of_group.push(app.adam_id.unwrap_or_default());
                }
                of_group.sort();
                given.push(of_group);
            }
            Ok((store_apps::count(tx, "")?, given))
        });
        let (count, given) = shown.unwrap();
        assert_eq!((count, given[0].len()), (4, 4));
        assert_eq!(given[1], ["1500000001", "1500000002", "1500000006"], "none that the classroom uses up");
    }

    #[test]
    fn a_demo_shows_a_plan_of_three_rings_once() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let shown = store.write_blocking(Timestamp::from_seconds(1_795_000_000), |tx| {
            show_updates(tx)?;
            show_updates(tx)?;
            let plan = plans::list(tx, &Actor::Console)?.remove(0);
            Ok((update_plans::count(tx)?, plan.rules.rings.len(), plan.rules.rings[2].groups.len()))
        });
        assert_eq!(shown.unwrap(), (1, 3, 1));
    }

    #[test]
    fn how_many_there_are_is_a_setting() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let written = store.write_blocking(Timestamp::from_seconds(1_795_000_000), |tx| {
            let by = |role| Actor::Person { id: "1".into(), name: "kim".into(), role };
            want(tx, &by(Role::Admin), Wanted { devices: 3, seed: 1 })?;
            for role in [Role::Helper, Role::Teacher, Role::Viewer] {
                assert_eq!(want(tx, &by(role), Wanted::default()).unwrap_err().kind, crate::error::Kind::Forbidden, "{role:?}");
            }
            wanted(tx)
        });
        assert_eq!(written.unwrap().devices, 3);
    }

    #[test]
    fn practice_goes_at_one_button_however_many_there_are_and_takes_nothing_else_along() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let written = store.write_blocking(Timestamp::from_seconds(1_795_000_000), |tx| {
            for number in 0..=REMOVED_PER_PAGE {
                rows::insert(tx, &Device { practice: true, ..roster::tests::device(&number.to_string(), "Practice iPad") })?;
            }
            rows::insert(tx, &roster::tests::device("real", "Kim's iPad"))?;
            let code = invitation(tx)?.code;
            assert_eq!(remove(tx, &Actor::Console)?, REMOVED_PER_PAGE as usize + 1);
            let left = roster::list(tx, &Filter::default(), Sort::Name, false, None, 10)?;
            assert_eq!(left.iter().map(|listed| listed.device.name.as_str()).collect::<Vec<_>>(), ["Kim's iPad"]);
            assert_ne!(invitation(tx)?.code, code, "the old invitation lets nobody in");
            wanted(tx)
        });
        assert_eq!(written.unwrap(), Wanted::default());
    }
}
