//! The catalogue: what the person at a device may have, what became of what they asked for, and how the page that says so looks.

mod clip;
mod icon;
mod link;
mod offer;

pub use clip::{IDENTIFIER as CLIP_IDENTIFIER, pieces};
pub use link::{Link, PERIOD, holder, link, of_device, renew, renew_all};
pub use offer::{ASK_AGAIN_AFTER, Offered, offered, request, withdraw};

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, deployments, groups};

/// Characters of the catalogue's title: what fits under an icon.
pub const TITLE_MAX_CHARS: usize = 30;
/// Characters of its note.
pub const NOTE_MAX_CHARS: usize = 500;
/// Groups that it may be limited to.
pub const GROUPS_MAX: usize = 100;

/// Its colour: each has a light and a dark form with enough contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CatalogColour)]
pub enum Colour {
    /// The appliance's own.
    #[default]
    Green,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
    /// Red.
    Red,
    /// Brown.
    Brown,
}

impl Colour {
    /// Every colour.
    pub const ALL: [Self; 5] = [Self::Green, Self::Blue, Self::Purple, Self::Red, Self::Brown];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Red => "red",
            Self::Brown => "brown",
        }
    }

    /// Its light form, as the pages have it.
    pub const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Green => [0x23, 0x61, 0x4f],
            Self::Blue => [0x1f, 0x5a, 0x96],
            Self::Purple => [0x6a, 0x3f, 0x94],
            Self::Red => [0x9c, 0x2f, 0x2f],
            Self::Brown => [0x74, 0x51, 0x1f],
        }
    }
}

/// Which devices get its icon on their Home Screen. Its page opens on all: a link can be given by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CatalogAudience)]
pub enum Audience {
    /// None.
    #[default]
    Nobody,
    /// Every iPhone and iPad.
    Everybody,
    /// Those of some groups.
    Groups,
}

impl Audience {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Everybody, Self::Groups];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Everybody => "everybody",
            Self::Groups => "groups",
        }
    }
}

/// How the catalogue looks and who gets its icon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// What stands over it and under its icon.
    pub title: String,
    /// What stands under the title.
    pub note: String,
    /// Its colour.
    pub colour: Colour,
    /// Which devices get its icon.
    pub audience: Audience,
    /// The ids of the groups, where it is for groups.
    pub groups: Vec<String>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { title: "Apps".to_owned(), note: String::new(), colour: Colour::Green, audience: Audience::Nobody, groups: Vec::new() }
    }
}

const CATALOG: Setting<Catalog> = Setting::new("catalog");

/// How it looks, for whoever is shown it.
pub fn appearance(tx: &Tx) -> Result<Catalog> {
    Ok(settings::value(tx, &CATALOG)?.unwrap_or_default())
}

/// Shows the settings.
pub fn show(tx: &Tx, actor: &Actor) -> Result<Catalog> {
    actor.require(Right::View)?;
    appearance(tx)
}

/// Changes the settings; devices follow.
pub fn set(tx: &Tx, actor: &Actor, mut wanted: Catalog) -> Result<Catalog> {
    actor.require(Right::Configure)?;
    wanted.title = line("title", &wanted.title, TITLE_MAX_CHARS)?;
    wanted.note = line("note", &wanted.note, NOTE_MAX_CHARS)?;
    if wanted.title.is_empty() {
        return Err(Error::field("title", t!("give it a title")));
    }
    wanted.groups.sort();
    wanted.groups.dedup();
    if wanted.groups.len() > GROUPS_MAX {
        return Err(Error::field("groups", t!("take at most {GROUPS_MAX}", GROUPS_MAX)));
    }
    if wanted.audience == Audience::Groups && wanted.groups.is_empty() {
        return Err(Error::field("groups", t!("choose at least one group")));
    }
    for group in &wanted.groups {
        if groups::by_id(tx, group)?.is_none() {
            return Err(Error::field("groups", t!("there is no group {group}", group)));
        }
    }
    if settings::set(tx, &CATALOG, &wanted)? {
        journal::note(tx, actor, "catalog.changed", Subject::default(), json!(wanted))?;
        deployments::look_again_everywhere(tx)?;
    }
    Ok(wanted)
}

fn line(field: &str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > most || text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\r') {
        return Err(Error::field(field, t!("take at most {most} characters", most)));
    }
    Ok(text.to_owned())
}

/// Whether a device gets the icon.
fn is_for(tx: &Tx, catalog: &Catalog, device_id: &str) -> Result<bool> {
    Ok(match catalog.audience {
        Audience::Nobody => false,
        Audience::Everybody => true,
        Audience::Groups => groups::of_device(tx, device_id)?.iter().any(|group| catalog.groups.contains(&group.id)),
    })
}

#[cfg(test)]
mod tests;
