//! What an admin may change while the server runs.

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::enroll::profile::ORGANISATION;
use crate::mdm::{Actor, Right, journal};
use crate::store::{Tx, settings};

/// Longest name of an organisation, in characters.
pub const ORGANISATION_MAX_CHARS: usize = 100;

/// The settings as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name of the organisation, as profiles and pages show it.
    pub organisation: String,
}

/// Shows the settings.
pub fn show(tx: &Tx, actor: &Actor) -> Result<Settings> {
    actor.require(Right::View)?;
    Ok(Settings { organisation: settings::value(tx, &ORGANISATION)?.unwrap_or_default() })
}

/// Changes what is given; the rest stays.
pub fn change(tx: &Tx, actor: &Actor, organisation: Option<&str>) -> Result<Settings> {
    actor.require(Right::Configure)?;
    if let Some(organisation) = organisation {
        set_organisation(tx, organisation)?;
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "organisation": organisation.trim() }))?;
    }
    show(tx, actor)
}

/// Names the organisation.
pub fn set_organisation(tx: &Tx, name: &str) -> Result<()> {
    let name = name.trim();
    if name.chars().count() > ORGANISATION_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("organisation", format!("at most {ORGANISATION_MAX_CHARS} characters on one line")));
    }
    settings::set(tx, &ORGANISATION, &name.to_owned()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::tests::School;

    #[test]
    fn a_name_that_is_too_long_is_refused_and_one_at_the_limit_is_kept() {
        let school = School::new();
        let longest = "x".repeat(ORGANISATION_MAX_CHARS);
        let name = longest.clone();
        assert_eq!(school.write(move |tx| change(tx, &Actor::Console, Some(&name))).organisation, longest);
        let refused = school.try_write(move |tx| change(tx, &Actor::Console, Some(&format!("{longest}x"))));
        assert_eq!(refused.unwrap_err().fields[0].field, "organisation");
        assert!(school.try_write(|tx| change(tx, &Actor::Console, Some("two\nlines"))).is_err());
    }
}
