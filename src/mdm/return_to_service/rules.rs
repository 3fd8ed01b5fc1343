//! What devices are told that ask by themselves how to return to service: whether they do, and by which network.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::network;
use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::store::Tx;
use crate::store::settings::{self, Setting};

const RULES: Setting<Rules> = Setting::new("return_to_service.rules");

/// The rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReturnToServiceRules)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Whether a device that its person hands back is erased and comes in again by itself.
    pub on: bool,
    /// The profile of the library by which it finds the network; none for those with a cable or a mobile plan.
    pub wifi_profile_id: Option<String>,
}

/// The rules as they are.
pub fn rules(tx: &Tx) -> Result<Rules> {
    Ok(settings::value(tx, &RULES)?.unwrap_or_default())
}

/// Shows the rules.
pub fn show(tx: &Tx, actor: &Actor) -> Result<Rules> {
    actor.require(Right::View)?;
    rules(tx)
}

/// Sets the rules.
pub fn set(tx: &Tx, actor: &Actor, rules: &Rules) -> Result<()> {
    actor.require(Right::Configure)?;
    if let Some(id) = &rules.wifi_profile_id
        && !network::choices(tx)?.iter().any(|choice| choice.id == *id)
    {
        return Err(Error::field("wifi_profile_id", t!("is no Wi-Fi profile of the library; bring one under Profiles")));
    }
    if settings::set(tx, &RULES, rules)? {
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "return_to_service": rules }))?;
    }
    Ok(())
}
