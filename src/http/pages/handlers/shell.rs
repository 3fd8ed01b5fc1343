//! What every page of one request shares.

use crate::app::App;
use crate::error::Result;
use crate::http::auth::SignedIn;
use crate::http::pages::parts::{Flash, Section, Shell, Viewer};
use crate::mdm::{Actor, Right, Role};
use crate::store::alerts;

/// Makes the frame's content for whoever is signed in; `flash` says once what the last request did.
pub async fn shell(app: &App, who: &SignedIn, flash: Option<Flash>) -> Result<Shell> {
    let now = app.now();
    let needs = app.store.read(now, alerts::all).await?.len() as u64;
    let sections = sections(&who.actor);
    Ok(Shell { viewer: viewer(&who.actor), now, sections, needs, setup: None, banners: Vec::new(), flash })
}

fn viewer(actor: &Actor) -> Viewer {
    let name = match actor {
        Actor::Person { name, .. } => name.clone(),
        other => other.to_string(),
    };
    Viewer { name, role: actor.role().map(role_name).unwrap_or_default().to_owned() }
}

/// Sections that exist and that the actor may see.
fn sections(actor: &Actor) -> Vec<Section> {
    if !actor.may(Right::View) {
        return Vec::new();
    }
    vec![Section::Today, Section::Devices, Section::System]
}

/// A role's name for people.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Admin",
        Role::Helper => "Helper",
        Role::Teacher => "Teacher",
        Role::Viewer => "Viewer",
    }
}
