//! What is wanted of one app on one device, where it can be had: the order, whose licence, which version, when it may be updated.

use serde_json::Value as Json;

use crate::clock::{Timestamp, Zone};
use crate::error::{Error, Result};
use crate::language::say;
use crate::mdm::access;
use crate::mdm::apps::configuration;
use crate::mdm::apps::mechanism::{self, Subject, Way};
use crate::mdm::apps::next::{self, LicenceFact, Newest, Want};
use crate::mdm::apps::orders::Order;
use crate::mdm::apps::settings::{self, ATTRIBUTES, LicenceBy, Settings, Updates};
use crate::mdm::licences::{self, Holder, Licence};
use crate::mdm::packages;
use crate::mdm::wanted::Target;
use crate::protocol::mobileconfig::variables::ACCESS_TOKEN;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::app_states::AppState;
use crate::store::apps::{self, App, AppKind};
use crate::store::deployments::Mechanism;
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::packages::Package;
use crate::store::{Tx, devices, inventory, people, profiles};

/// Why an app cannot be had on a device, or not as it is wanted.
pub(super) struct Hindrance {
    /// In words, as the end of a sentence.
    pub(super) because: String,
    /// By what it would come; none where it runs there in no way.
    pub(super) way: Option<Way>,
    /// Whether somebody can give what is missing.
    pub(super) is_lack: bool,
    /// Whether somebody has to sign in at the device, which it does not say by itself.
    pub(super) awaits_account: bool,
}

/// What is wanted of one app on this device, where it can be.
pub(super) struct Wish {
    pub(super) order: Order,
    pub(super) holder: Option<Holder>,
    pub(super) licence: LicenceFact,
    pub(super) newest: Option<Newest>,
    pub(super) updates: Updates,
    pub(super) take_over: bool,
}

/// Whom it is planned for.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub(super) enrollment: &'a Enrollment,
    pub(super) device: &'a Device,
    pub(super) target: &'a Target,
    pub(super) served_from: Option<&'a str>,
}

/// What is wanted of an app; nothing where it belongs to another channel, an error where it cannot be had.
pub(super) fn wish(
    tx: &Tx,
    On { enrollment, device, target, served_from }: On<'_>,
    app: &App,
    before: Option<&AppState>,
) -> Result<Result<Option<Wish>, Hindrance>> {
    let settings = settings::read(&app.settings)?;
    let licence = if app.kind != AppKind::Store {
        LicenceBy::None
    } else if target.capabilities.kind.is_user_enrollment() {
        // A person's own device has no other.
        LicenceBy::User
    } else {
        settings.licence
    };
    let is_mac = target.capabilities.platform == Platform::Macos;
    let is_for_user = is_mac && licence == LicenceBy::User;
    if is_for_user && !target.is_user_channel() && !profiles::has_user_channel(tx, &device.id)? {
        let nobody = || String::from(t!("its licences are for people, and no user of this Mac is managed yet; it comes once one is"));
        let because = mechanism::runs_on(app, &settings, Platform::Macos).err().unwrap_or_else(nobody);
        return Ok(Err(Hindrance { because, way: None, is_lack: false, awaits_account: false }));
    }
    if target.is_user_channel() != is_for_user {
        return Ok(Ok(None));
    }
    let keys = apps::configuration(tx, &app.id)?.map(|bytes| configuration::stored(bytes.expose())).transpose()?;
    let is_declared = before.is_some_and(|row| row.mechanism == Mechanism::Declaration && !row.seen.is_empty());
    let subject =
        Subject { app, settings: &settings, licence, is_configured: keys.is_some(), is_reachable: served_from.is_some(), is_declared };
    let way = match mechanism::way(subject, target) {
        Ok(way) => way,
        Err(because) => return Ok(Err(Hindrance { because, way: None, is_lack: false, awaits_account: false })),
    };
    let lacks = |because: String| Ok(Err(Hindrance { because, way: Some(way), is_lack: true, awaits_account: false }));
    let mut values = target.variables.clone();
    values.extend(access::token(tx, enrollment, &app.id)?.map(|token| (ACCESS_TOKEN, token)));
    let keys = match keys.map(|keys| configuration::filled(&keys, &values)).transpose() {
        Ok(keys) => keys,
        Err(because) => return lacks(because),
    };
    let holder = match holder(tx, device, licence)? {
        Ok(holder) => holder,
        Err(because) => return lacks(because),
    };
    let is_away = before.is_none_or(|row| row.seen.is_empty());
    if let (true, false, false, Some(Holder::Person { person_id })) =
        (is_away, is_mac, target.capabilities.kind.is_user_enrollment(), &holder)
        && let Some(because) = another_account(tx, device, person_id, app)?
    {
        return Ok(Err(Hindrance { because, way: Some(way), is_lack: true, awaits_account: true }));
    }
    let package = if app.kind == AppKind::Store { None } else { packages::for_device(tx, &app.id, device)? };
    let manifest_url = match &package {
        None if app.kind == AppKind::Store => None,
        None => return lacks(String::from(say(NO_PACKAGE))),
        Some(package) => match (does_not_run(package, target), packages::manifest_url(tx, enrollment, &app.id)?) {
            (Some(because), _) => return Ok(Err(Hindrance { because, way: Some(way), is_lack: false, awaits_account: false })),
            (None, None) => {
                return lacks(String::from(t!("the device knows this server by no https address, and fetches packages by no other")));
            }
            (None, url) => url,
        },
    };
    let mut lacks: Vec<String> = ATTRIBUTES
        .iter()
        .filter(|known| settings.attributes.value(known.id).is_some())
        .filter_map(|known| settings::refusal(known, &target.capabilities))
        .collect();
    let is_fetched = way == Way::DeclaredApp && mechanism::takes_configuration(target);
    let served_from = served_from.filter(|_| is_fetched).map(str::to_owned);
    if keys.is_some() && way.mechanism() == Mechanism::Declaration && served_from.is_none() {
        lacks.push(String::from(t!("it came by a declaration, and its configuration reaches it only when it is installed anew")));
    }
    let mut order = Order {
        app: app.clone(),
        settings: settings.clone(),
        way,
        licence,
        configuration: keys,
        manifest_url,
        served_from,
        edition: String::new(),
        capabilities: target.capabilities,
        is_managed: mechanism::is_managed_there(target),
        lacks,
    };
    let fact = match (&holder, &app.adam_id) {
        (Some(holder), Some(adam_id)) => fact(licences::licence(tx, adam_id, holder)?),
        _ => LicenceFact::Free,
    };
    let newest = newest(tx, app, device)?;
    if way.mechanism() == Mechanism::Declaration {
        let looked_for = newest.as_ref().filter(|_| settings.updates != Updates::Off).map(Newest::key).unwrap_or_default();
        order.edition = next::edition(&looked_for, before);
    }
    if let Some(inside) = package.as_ref().filter(|_| app.kind == AppKind::Package).and_then(|package| package.facts.apps.first()) {
        // A Mac lists the app that the package brought, not the package.
        order.app.bundle_id.clone_from(&inside.identifier);
    }
    let Settings { updates, take_over, .. } = settings;
    Ok(Ok(Some(Wish { order, holder, licence: fact, newest, updates, take_over })))
}

/// What is said where no version of an app of the house is meant for a device.
pub(super) const NO_PACKAGE: &str = msg!("there is no package of it for this device yet");

/// Why a package does not run on a device, where it says so.
fn does_not_run(package: &Package, target: &Target) -> Option<String> {
    let (facts, device) = (&package.facts, &target.capabilities);
    if !facts.runs_on(device.platform) {
        return Some(String::from(t!("it does not run on this system")));
    }
    let needs = OsVersion::parse(&facts.minimum_os);
    let is_too_old = !facts.minimum_os.is_empty() && device.os_version.is_older_than(needs);
    is_too_old.then(|| {
        t!(
            "it needs version {minimum_os} of the system; the device has {os_version}",
            minimum_os = facts.minimum_os,
            os_version = device.os_version
        )
    })
}

/// How a licence stands, as far as it decides.
pub fn fact(licence: Licence) -> LicenceFact {
    match licence {
        Licence::None => LicenceFact::Missing,
        Licence::Waiting { because } => LicenceFact::Pending(because),
        Licence::Held => LicenceFact::Held,
        Licence::Short { because, .. } | Licence::Failed { because, .. } => LicenceFact::Short(because),
    }
}

/// Whose licence pays for an app on a device; nothing where none does, an error where nobody can.
pub fn holder(tx: &Tx, device: &Device, licence: LicenceBy) -> Result<Result<Option<Holder>, String>> {
    Ok(match licence {
        LicenceBy::None => Ok(None),
        LicenceBy::Device => match device.serial_number.clone().filter(|serial| !serial.is_empty()) {
            Some(serial_number) => Ok(Some(Holder::Device { serial_number })),
            None => Err(String::from(t!("the device has not told its serial number, which a licence needs"))),
        },
        LicenceBy::User => match people::of_device(tx, &device.id)? {
            Some(person) if !person.active => Err(t!("its licence belongs to a person, and {name} is not active", name = person.name)),
            Some(person) => Ok(Some(Holder::Person { person_id: person.id })),
            None => Err(String::from(t!("its licence belongs to a person, and the device belongs to nobody yet"))),
        },
    })
}

/// Why a person's licence does not help on a device: it said that it is not signed in to the account that Apple knows them by. Nothing where either is
/// not known.
fn another_account(tx: &Tx, device: &Device, person_id: &str, app: &App) -> Result<Option<String>> {
    let hashes: Vec<String> = licences::account_hashes(tx, person_id)?;
    let Some(person) = people::by_id(tx, person_id)?.filter(|_| !hashes.is_empty()) else { return Ok(None) };
    let facts: Json = serde_json::from_str(&devices::facts(tx, &device.id)?)
        .map_err(|error| Error::internal("stored facts of devices are JSON", error))?;
    let hash = facts.get("iTunesStoreAccountHash").and_then(Json::as_str).filter(|hash| !hash.is_empty());
    let whose = match people::managed_apple_id(tx, person_id)? {
        account if account.is_empty() => t!("the account of {name}", name = person.name),
        account => account,
    };
    let holder = Holder::Person { person_id: person_id.to_owned() };
    let has = app.adam_id.as_deref().map(|adam_id| licences::licence(tx, adam_id, &holder)).transpose()? == Some(Licence::Held);
    let whose = if has { t!("{whose}, who holds the licence", whose) } else { t!("{whose}, whose licence it would use", whose) };
    let then =
        t!("Sign in there, in the settings under Media and Purchases; the device is asked again and again whether that has happened");
    Ok(match facts.get("iTunesStoreAccountIsActive").and_then(Json::as_bool) {
        Some(false) => Some(t!("the device is not signed in to {whose}. {then}", whose, then)),
        _ if hash.is_some_and(|hash| hashes.iter().all(|known| known != hash)) => {
            Some(t!("the device is signed in to another account than {whose}. {then}", whose, then))
        }
        _ => None,
    })
}

/// The newest version for a device, as far as the store or the packages say.
pub(super) fn newest(tx: &Tx, app: &App, device: &Device) -> Result<Option<Newest>> {
    if app.kind != AppKind::Store {
        let version = packages::for_device(tx, &app.id, device)?;
        return Ok(version.map(|version| Newest { external: None, version: version.version }));
    }
    let facts: Json = serde_json::from_str(&app.facts).map_err(|error| Error::internal("stored facts of apps are JSON", error))?;
    Ok(facts.get("external_version_id").and_then(Json::as_i64).map(|external| Newest { external: Some(external), version: String::new() }))
}

/// Whether an update may be sent now, and else when.
pub(super) fn updates(
    tx: &Tx,
    enrollment: &Enrollment,
    updates: &Updates,
    row: &AppState,
    want: Option<&Want>,
) -> Result<(bool, Option<Timestamp>)> {
    let is_due = want.and_then(|want| want.newest.as_ref()).is_some_and(|newest| newest.is_newer_than(row));
    if !is_due || row.seen.is_empty() {
        return Ok((true, None));
    }
    if is_single_app(tx, enrollment)? {
        // The person would see the app close; the end of the mode is found out by the daily questions.
        return Ok((false, None));
    }
    Ok(match updates {
        Updates::Off => (false, None),
        Updates::WhenAvailable => (true, None),
        Updates::QuietHours { from, to } => quiet(from, to, &crate::mdm::settings::zone(tx)?, tx.now),
    })
}

/// Whether a moment is within quiet hours, and else when they begin.
fn quiet(from: &str, to: &str, zone: &Zone, now: Timestamp) -> (bool, Option<Timestamp>) {
    let (Some(from), Some(to)) = (settings::minute(from), settings::minute(to)) else { return (true, None) };
    let next = zone.next_between(from, to, now);
    if next == now { (true, None) } else { (false, Some(next)) }
}

/// Whether a profile keeps the device in one app.
fn is_single_app(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(inventory::profiles(tx, &enrollment.id)?.iter().any(|profile| profile.details.contains("com.apple.app.lock")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::Actor;
    use crate::mdm::people::{Change, NewPerson};
    use crate::store::people::PersonRole;
    use crate::store::{OpenOptions, Store, roster};

    #[test]
    fn a_person_who_is_not_active_holds_no_licence() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let held = store.write_blocking(Timestamp::from_seconds(1_795_577_349), |tx| {
            let device = roster::tests::device("d1", "iPad 1");
            devices::insert(tx, &device)?;
            let new = NewPerson { name: "Kim".into(), email: String::new(), role: PersonRole::Student, active: true };
            let person = crate::mdm::people::create(tx, &Actor::Console, new)?;
            people::set_person(tx, "d1", Some(&person.id))?;
            let active = holder(tx, &device, LicenceBy::User)?;
            let change = Change { active: Some(false), ..Change::default() };
            crate::mdm::people::change(tx, &Actor::Console, &person.id, change)?;
            Ok((active, holder(tx, &device, LicenceBy::User)?))
        });
        let (active, retired) = held.unwrap();
        assert!(matches!(active, Ok(Some(Holder::Person { .. }))), "{active:?}");
        assert_eq!(retired, Err(String::from("its licence belongs to a person, and Kim is not active")));
    }

    #[test]
    fn quiet_hours_are_those_of_the_appliances_zone_and_say_when_they_begin() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let (utc, berlin, noon) = (Zone::default(), Zone::named("Europe/Berlin").unwrap(), at("2026-11-25T12:00:30Z"));
        assert_eq!(quiet("22:00", "05:30", &utc, noon), (false, Some(at("2026-11-25T22:00:00Z"))));
        assert_eq!(quiet("22:00", "05:30", &berlin, noon), (false, Some(at("2026-11-25T21:00:00Z"))));
        assert_eq!(quiet("22:00", "05:30", &berlin, at("2026-11-25T21:00:00Z")), (true, None));
        assert_eq!(quiet("22:00", "05:30", &utc, at("2026-11-26T05:29:59Z")), (true, None));
        assert!(!quiet("22:00", "05:30", &utc, at("2026-11-26T05:30:00Z")).0);
        assert_eq!(quiet("08:00", "09:00", &utc, noon), (false, Some(at("2026-11-26T08:00:00Z"))));
    }
}
