//! Which families of devices people may enroll by their account, and whose such devices are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::mdm::enroll::invitations::MAX_LABEL_CHARS;
use crate::mdm::{Actor, Right, journal, names};
use crate::protocol::service_discovery::ModelFamily;
use crate::store::account_tokens::Ownership;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, ade_servers, people};

/// Domains of accounts that are shown.
pub const DOMAINS_MAX: usize = 20;

const RULES: Setting<Rules> = Setting::new("account_enrollment.rules");

/// The rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AccountEnrollmentRules)]
pub struct Rules {
    /// For each family whose people may enroll devices by their account, whose those are; of a family that is not named nobody may.
    #[schema(value_type = std::collections::BTreeMap<String, Ownership>)]
    pub families: BTreeMap<ModelFamily, Ownership>,
    /// The group that such devices join; empty for none.
    pub group: String,
}

impl Rules {
    /// What a device is taken as that does not say its family: a person's own, wherever that is possible, since that gives the organisation least.
    pub fn of_unknown(&self) -> Option<Ownership> {
        self.families.values().min().copied()
    }
}

/// What is to become different; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Whose devices of these families are; none for nobody may enroll one.
    pub families: BTreeMap<ModelFamily, Option<Ownership>>,
    /// The group that they join; empty for none.
    pub group: Option<String>,
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

/// Changes what is given. Devices that are enrolled stay as they are.
pub fn change(tx: &Tx, actor: &Actor, change: Change) -> Result<Rules> {
    actor.require(Right::Configure)?;
    let mut rules = rules(tx)?;
    for (family, ownership) in change.families {
        match ownership {
            Some(ownership) => rules.families.insert(family, ownership),
            None => rules.families.remove(&family),
        };
    }
    if let Some(group) = change.group {
        let group = group.trim();
        names::unturned("group", group)?;
        if group.chars().count() > MAX_LABEL_CHARS || group.chars().any(char::is_control) {
            return Err(Error::field("group", t!("at most {MAX_LABEL_CHARS} characters on one line", MAX_LABEL_CHARS)));
        }
        group.clone_into(&mut rules.group);
    }
    if settings::set(tx, &RULES, &rules)? {
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "account_enrollment": rules }))?;
        // Apple is told where such devices ask.
        ade_servers::make_ready_due(tx)?;
    }
    Ok(rules)
}

/// The domains of the people's Managed Apple Accounts, where their devices ask for this server; at most [`DOMAINS_MAX`].
pub fn domains(tx: &Tx, actor: &Actor) -> Result<Vec<String>> {
    actor.require(Right::View)?;
    let accounts = people::managed_apple_ids(tx)?;
    let domains: BTreeSet<_> =
        accounts.iter().filter_map(|(_, account)| account.rsplit_once('@')).map(|(_, domain)| domain.to_ascii_lowercase()).collect();
    Ok(domains.into_iter().take(DOMAINS_MAX).collect())
}
