//! New devices: Apple's list of them, how they greet people, whose they will be.

mod devices;
mod one;
mod profiles;
mod servers;

use std::collections::BTreeSet;

use axum::Router;

pub(super) use servers::part;

use crate::app::App;
use crate::error::Result;
use crate::http::auth::SignedIn;
use crate::http::pages::parts::{Banner, Flash, Shell, State as Mark};
use crate::mdm::ade::presets;
use crate::mdm::ade::profiles::Standing;
use crate::mdm::people::classes;
use crate::mdm::{Actor, ade};
use crate::store::{Tx, alerts, groups};

/// Where the server tokens are.
pub(super) use crate::http::pages::ade::servers::ADDRESS;

/// Alerts from this harm on are problems, others will become some.
const PROBLEM_FROM: i64 = 80;

/// What every page here shares, with what about Apple's list needs somebody.
async fn shell(app: &App, who: &SignedIn, flash: Option<Flash>) -> Result<Shell> {
    let mut shell = super::shell(app, who, flash).await?;
    for alert in app.store.read(app.now(), alerts::all).await? {
        let Some((_, id)) = alert.key.split_once(':').filter(|_| alert.key.starts_with("ade.")) else { continue };
        let state = if alert.harm >= PROBLEM_FROM { Mark::Problem } else { Mark::Waiting };
        let way = (format!("{ADDRESS}/{id}"), String::from(t!("Show the server token")));
        shell.banners.push(Banner::Notice(state, format!("{} {}", alert.message, alert.remedy), Some(way)));
    }
    Ok(shell)
}

/// Classes that a form offers.
const CLASSES_MAX: u32 = 500;

pub(super) fn routes() -> Router<App> {
    servers::routes().merge(devices::routes()).merge(one::routes()).merge(profiles::routes())
}

/// What a form offers for some families of devices: profiles, classes and groups by hand, each as id and name.
struct Offered {
    profiles: Vec<(String, String)>,
    classes: Vec<(String, String)>,
    groups: Vec<(String, String)>,
}

impl Offered {
    fn read(tx: &Tx, actor: &Actor, families: &BTreeSet<String>, chosen: &str) -> Result<Self> {
        let groups = groups::all(tx)?.into_iter().filter(|group| !group.is_by_rule);
        Ok(Self {
            profiles: suiting(&ade::profiles::list(tx, actor)?, families.iter().map(String::as_str), chosen),
            classes: classes::list(tx, actor, None, CLASSES_MAX)?.0.into_iter().map(|class| (class.id, class.name)).collect(),
            groups: groups.map(|group| (group.id, group.name)).collect(),
        })
    }
}

/// The profiles that suit devices of all these families, as id and name; the chosen one stands among them in any case, so that saving does not end it.
fn suiting<'a>(all: &[Standing], families: impl Iterator<Item = &'a str> + Clone, chosen: &str) -> Vec<(String, String)> {
    let suits = |kind: &str| families.clone().all(|family| presets::suits(kind, family));
    let offered = all.iter().map(|standing| &standing.profile).filter(|profile| profile.id == chosen || suits(&profile.kind));
    offered.map(|profile| (profile.id.clone(), profile.name.clone())).collect()
}

/// The value of a field of a form.
fn typed(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
