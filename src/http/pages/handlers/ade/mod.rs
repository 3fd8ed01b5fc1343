//! New devices: Apple's list of them, how they greet people, whose they will be.

mod devices;
mod one;
mod profiles;
mod servers;

use axum::Router;

pub(super) use servers::part;

use crate::app::App;
use crate::error::Result;
use crate::mdm::people::classes;
use crate::mdm::{Actor, ade};
use crate::store::{Tx, groups};

/// Where the server tokens are.
pub(super) use crate::http::pages::ade::servers::ADDRESS;

/// Classes that a form offers.
const CLASSES_MAX: u32 = 500;

pub(super) fn routes() -> Router<App> {
    servers::routes().merge(devices::routes()).merge(one::routes()).merge(profiles::routes())
}

/// What a form offers: profiles, classes and groups by hand, each as id and name.
struct Offered {
    profiles: Vec<(String, String)>,
    classes: Vec<(String, String)>,
    groups: Vec<(String, String)>,
}

impl Offered {
    fn read(tx: &Tx, actor: &Actor) -> Result<Self> {
        let groups = groups::all(tx)?.into_iter().filter(|group| !group.is_by_rule);
        Ok(Self {
            profiles: ade::profiles::list(tx, actor)?.into_iter().map(|standing| (standing.profile.id, standing.profile.name)).collect(),
            classes: classes::list(tx, actor, None, CLASSES_MAX)?.0.into_iter().map(|class| (class.id, class.name)).collect(),
            groups: groups.map(|group| (group.id, group.name)).collect(),
        })
    }
}

/// The value of a field of a form.
fn typed(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
