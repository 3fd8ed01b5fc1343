//! The ledger as people read it: how many there are, who has them, and what can be taken back.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::mdm::licences::errands::SURPLUS_ASKED;
use crate::mdm::licences::machine::Happening;
use crate::mdm::licences::{Asset, Holder, Licence, Seats, facts, happen, places, sync, view};
use crate::mdm::{Actor, Right};
use crate::store::licences::assets::{self, OwnedAsset};
use crate::store::licences::book::{self, Entry};
use crate::store::licences::{self as rows, Line, LineFilter, LineKey};
use crate::store::{Tx, content_tokens, settings};

/// Counts what is owned of an app by locations of one sort.
pub(super) fn seats_of(tx: &Tx, adam_id: &str, practice: bool, owned: &[OwnedAsset]) -> Result<Seats> {
    let mut seats = Seats { owned: Some(0), free: Some(0), short: rows::count_short(tx, adam_id, practice)?, ..Seats::default() };
    for asset in owned {
        let Some(token) = content_tokens::by_id(tx, &asset.key.token_id)?.filter(|token| token.practice == practice) else { continue };
        let plus = |sum: Option<u32>, more: Option<u32>| Some(sum?.saturating_add(more?));
        seats.owned = plus(seats.owned, asset.owned);
        if places::is_usable(tx, &token) {
            seats.free = plus(seats.free, asset.free());
        }
        seats.in_use = seats.in_use.saturating_add(asset.in_use());
        seats.reserved = seats.reserved.saturating_add(asset.reserved);
        seats.as_of = Some(seats.as_of.map_or(asset.as_of_at, |as_of| as_of.min(asset.as_of_at)));
    }
    Ok(seats)
}

/// Everything that locations own, by name; what has none yet stands at the end.
pub(super) fn offered(tx: &Tx) -> Result<Vec<Asset>> {
    let mut apps: BTreeMap<String, Vec<OwnedAsset>> = BTreeMap::new();
    for asset in assets::all(tx)? {
        apps.entry(asset.key.adam_id.clone()).or_default().push(asset);
    }
    let mut offered = Vec::new();
    for (adam_id, owned) in apps {
        let practice = places::all_practice(tx, &owned)?;
        let facts = facts::of(tx, &adam_id)?;
        let platforms = if facts.platforms.is_empty() { platforms(&owned) } else { facts.platforms };
        offered.push(Asset {
            name: facts.name,
            bundle_id: facts.bundle_id,
            platforms,
            device_assignable: owned.iter().any(|asset| asset.device_assignable),
            is_app: owned.iter().all(|asset| !asset.product_type.eq_ignore_ascii_case("book")),
            practice,
            seats: seats_of(tx, &adam_id, practice, &owned)?,
            adam_id,
        });
    }
    offered.sort_by_key(|asset| (asset.name.is_empty(), asset.name.to_lowercase(), asset.adam_id.clone()));
    Ok(offered)
}

/// Apple's words for platforms in ours.
fn platforms(owned: &[OwnedAsset]) -> Vec<String> {
    let words = owned.iter().flat_map(|asset| serde_json::from_str::<Vec<String>>(&asset.platforms).unwrap_or_default());
    let mut platforms: Vec<String> = words.map(|word| word.to_ascii_lowercase()).collect();
    platforms.sort();
    platforms.dedup();
    platforms
}

/// A line of the ledger.
#[derive(Debug, Clone)]
pub struct Held {
    /// Whose licence of what.
    pub line: Line,
    /// How it stands; for one that was assigned elsewhere, that it is held.
    pub licence: Licence,
    /// Whether this server wants it; otherwise it was assigned elsewhere, or is being given back.
    pub ours: bool,
}

/// One page of the ledger, and how many lines it has.
pub fn lines(tx: &Tx, actor: &Actor, filter: &LineFilter, after: Option<&LineKey>, limit: u32) -> Result<(Vec<Held>, u64)> {
    actor.require(Right::View)?;
    let held = |line: Line| {
        let licence = match &line.licence {
            Some(row) if row.wanted => view(tx, row)?,
            Some(_) => Licence::Waiting { because: String::from(t!("It is being given back.")) },
            None => surplus(tx, &line)?,
        };
        Ok(Held { ours: line.licence.as_ref().is_some_and(|row| row.wanted), licence, line })
    };
    let lines = rows::lines(tx, filter, after, limit)?.into_iter().map(held).collect::<Result<_>>()?;
    Ok((lines, rows::count_lines(tx, filter)?))
}

/// How a line stands that this server did not ask for: it was assigned elsewhere, or is one too many.
fn surplus(tx: &Tx, line: &Line) -> Result<Licence> {
    let too_many = book::surplus_of(tx, &line.adam_id, line.holder_kind, &line.holder)?;
    let Some(id) = line.token_id.as_ref().filter(|id| too_many.contains(id)) else { return Ok(Licence::Held) };
    let name = content_tokens::by_id(tx, id)?.map(|token| token.name().to_owned()).unwrap_or_default();
    Ok(Licence::Waiting { because: t!("This is a second licence, of the location “{name}”; it is being given back.", name) })
}

/// What a list goes on after.
pub fn key(held: &Held) -> LineKey {
    let Line { adam_id, holder_kind, holder, token_id, .. } = &held.line;
    (adam_id.clone(), holder_kind.as_str().to_owned(), holder.clone(), token_id.clone().unwrap_or_default())
}

/// Has Apple asked again for what it refused.
pub fn ask_again(tx: &Tx, actor: &Actor, adam_id: &str, holder: &Holder) -> Result<Licence> {
    actor.require(Right::Configure)?;
    match super::licence(tx, adam_id, holder)? {
        Licence::Failed { .. } => super::ask_again(tx, adam_id, holder),
        _ => Err(Error::conflict(t!("This licence was not refused, so there is nothing to ask again for."))),
    }
}

/// Takes a licence back that was assigned elsewhere. What this server wants itself is not taken back here: take the app away, and the licence follows.
pub fn take_back(tx: &Tx, actor: &Actor, adam_id: &str, holder: &Holder) -> Result<()> {
    actor.require(Right::Configure)?;
    let (kind, name) = super::known(adam_id, holder)?;
    match rows::of(tx, adam_id, kind, &name)? {
        Some(row) if row.wanted => {
            let too_many = book::surplus_of(tx, adam_id, kind, &name)?;
            if !too_many.is_empty() {
                settings::forget(tx, &SURPLUS_ASKED)?;
                return too_many.iter().try_for_each(|token| content_tokens::make_due(tx, token));
            }
            return Err(Error::conflict(t!(
                "This licence is wanted here. Take the app away from the device or the person; the licence follows."
            )));
        }
        Some(row) => return happen(tx, &row, Happening::Released, ""),
        None => {}
    }
    let held = book::of_holder(tx, adam_id, kind, &name)?;
    let Some(key) = held.into_iter().next() else { return Err(Error::not_found(t!("Nobody of this name has a licence of this app."))) };
    sync::take_back(tx, &Entry { key, holder_kind: kind, holder: name })
}
