//! What an admin may change while the server runs.

use serde_json::json;

use crate::clock::Zone;
use crate::error::{Error, Result};
use crate::mdm::enroll::profile::ORGANISATION;
use crate::mdm::{Actor, Right, journal, names};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, deployments};

/// Longest name of an organisation, in characters.
pub const ORGANISATION_MAX_CHARS: usize = 100;

/// The name of the time zone that was chosen.
const TIME_ZONE: Setting<String> = Setting::new("time_zone");

/// The name of the machine's own time zone, as the last start found it.
const MACHINE_TIME_ZONE: Setting<String> = Setting::new("machine_time_zone");

/// The settings as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name of the organisation, as profiles and pages show it.
    pub organisation: String,
    /// The time zone that quiet hours, forms and pages go by.
    pub time_zone: Zone,
    /// Whether none was chosen, so that it is the machine's.
    pub is_machine_zone: bool,
}

/// What is to become different; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Name of the organisation.
    pub organisation: Option<String>,
    /// Name of the time zone; empty for the machine's.
    pub time_zone: Option<String>,
}

/// Shows the settings.
pub fn show(tx: &Tx, actor: &Actor) -> Result<Settings> {
    actor.require(Right::View)?;
    Ok(Settings {
        organisation: settings::value(tx, &ORGANISATION)?.unwrap_or_default(),
        time_zone: zone(tx)?,
        is_machine_zone: settings::value(tx, &TIME_ZONE)?.is_none(),
    })
}

/// Changes what is given; the rest stays.
pub fn change(tx: &Tx, actor: &Actor, change: &Change) -> Result<Settings> {
    actor.require(Right::Configure)?;
    if let Some(organisation) = &change.organisation {
        set_organisation(tx, organisation)?;
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "organisation": organisation.trim() }))?;
    }
    if let Some(name) = &change.time_zone {
        set_zone(tx, name)?;
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "time_zone": zone(tx)?.name() }))?;
    }
    show(tx, actor)
}

/// Names the organisation.
pub fn set_organisation(tx: &Tx, name: &str) -> Result<()> {
    let name = name.trim();
    names::unturned("organisation", name)?;
    if name.chars().count() > ORGANISATION_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("organisation", t!("at most {ORGANISATION_MAX_CHARS} characters on one line", ORGANISATION_MAX_CHARS)));
    }
    settings::set(tx, &ORGANISATION, &name.to_owned()).map(drop)
}

/// The name of the organisation; empty while there is none.
pub fn organisation(tx: &Tx) -> Result<String> {
    Ok(settings::value(tx, &ORGANISATION)?.unwrap_or_default())
}

/// The time zone of the appliance: the one that was chosen, else the machine's, else UTC.
pub fn zone(tx: &Tx) -> Result<Zone> {
    for setting in [&TIME_ZONE, &MACHINE_TIME_ZONE] {
        if let Some(zone) = settings::value(tx, setting)?.and_then(|name| Zone::named(&name)) {
            return Ok(zone);
        }
    }
    Ok(Zone::default())
}

/// Notes the machine's own time zone, which holds while none is chosen.
pub fn learn_machine_zone(tx: &Tx, zone: &Zone) -> Result<()> {
    follow(tx, |tx| settings::set(tx, &MACHINE_TIME_ZONE, &zone.name().to_owned()))
}

fn set_zone(tx: &Tx, name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return follow(tx, |tx| settings::forget(tx, &TIME_ZONE));
    }
    let zone = Zone::named(name).ok_or_else(|| {
        Error::field(
            "time_zone",
            t!("a name of the IANA database, continent and city, for example Europe/Berlin; nothing for the machine's own"),
        )
    })?;
    follow(tx, |tx| settings::set(tx, &TIME_ZONE, &zone.name().to_owned()))
}

/// What waits for quiet hours waits until others, when the zone is another after `deed`.
fn follow(tx: &Tx, deed: impl FnOnce(&Tx) -> Result<bool>) -> Result<()> {
    let before = zone(tx)?;
    deed(tx)?;
    if zone(tx)? != before {
        deployments::look_again_everywhere(tx)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::tests::School;

    #[test]
    fn a_name_that_is_too_long_is_refused_and_one_at_the_limit_is_kept() {
        let school = School::new();
        let named = |name: &str| Change { organisation: Some(name.to_owned()), ..Change::default() };
        let longest = "x".repeat(ORGANISATION_MAX_CHARS);
        let wanted = named(&longest);
        assert_eq!(school.write(move |tx| change(tx, &Actor::Console, &wanted)).organisation, longest);
        let wrong = named(&format!("{longest}x"));
        let refused = school.try_write(move |tx| change(tx, &Actor::Console, &wrong));
        assert_eq!(refused.unwrap_err().fields[0].field, "organisation");
        let wrong = named("two\nlines");
        assert!(school.try_write(move |tx| change(tx, &Actor::Console, &wrong)).is_err());
    }

    #[test]
    fn the_zone_is_the_chosen_one_else_the_machines_else_utc_and_an_unknown_one_changes_nothing() {
        let school = School::new();
        let zone_now = || school.write(zone).name().to_owned();
        let choose = |name: &str| {
            let wanted = Change { time_zone: Some(name.to_owned()), ..Change::default() };
            school.try_write(move |tx| change(tx, &Actor::Console, &wanted))
        };
        assert_eq!(zone_now(), "UTC");
        school.write(|tx| learn_machine_zone(tx, &Zone::named("Asia/Tokyo").unwrap()));
        assert_eq!(zone_now(), "Asia/Tokyo");
        let chosen = choose(" europe/berlin ").unwrap();
        assert_eq!((chosen.time_zone.name(), chosen.is_machine_zone), ("Europe/Berlin", false));
        let refused = choose("Mars/Olympus").unwrap_err();
        assert!(refused.fields[0].field == "time_zone" && refused.fields[0].message.contains("for example Europe/Berlin"), "{refused:?}");
        assert_eq!(zone_now(), "Europe/Berlin");
        let back = choose("").unwrap();
        assert_eq!((back.time_zone.name(), back.is_machine_zone), ("Asia/Tokyo", true));
    }
}
