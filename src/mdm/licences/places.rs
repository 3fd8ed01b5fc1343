//! Places: which location's licence somebody gets, and who is next when one is free.

use crate::error::Result;
use crate::mdm::licences::{concerned, users};
use crate::store::content_tokens::{self, TokenState};
use crate::store::licences::assets::{self, OwnedAsset};
use crate::store::licences::{self as rows, HolderKind, Licence as Row, Stage, book};
use crate::store::{Tx, deployments};

/// How many of those who wait are looked at in one go.
const PAGE: u32 = 500;

/// What can be given to such a holder: owned by a location that is ours to assign from, practice apart from real.
pub(super) fn usable(tx: &Tx, adam_id: &str, kind: HolderKind, practice: bool) -> Result<Vec<OwnedAsset>> {
    let mut usable = Vec::new();
    for asset in assets::of_app(tx, adam_id)? {
        let token = content_tokens::by_id(tx, &asset.key.token_id)?;
        let fits = token.is_some_and(|token| token.practice == practice && token.state == TokenState::Ready);
        if fits && (kind == HolderKind::Person || asset.device_assignable) {
            usable.push(asset);
        }
    }
    Ok(usable)
}

/// Why what is owned cannot be given, where a location owns it that is not ours to assign from.
pub(super) fn hindered(tx: &Tx, adam_id: &str, practice: bool) -> Result<Option<String>> {
    for asset in assets::of_app(tx, adam_id)? {
        let token = content_tokens::by_id(tx, &asset.key.token_id)?.filter(|token| token.practice == practice);
        match token.map(|token| (token.state, token)) {
            Some((TokenState::Taken, token)) => {
                return Ok(Some(format!(
                    "“{}” manages the location that owns the licences now. Take it over at System, Apps and Books, if that is meant.",
                    token.other_server
                )));
            }
            Some((TokenState::Refused, token)) => return Ok(Some(token.problem)),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether all of this belongs to the practice classroom.
pub(super) fn all_practice(tx: &Tx, owned: &[OwnedAsset]) -> Result<bool> {
    for asset in owned {
        if content_tokens::by_id(tx, &asset.key.token_id)?.is_none_or(|token| !token.practice) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives a licence its place, if there is one: where the holder has it already, else where most are left. The row is to be stored then.
pub(super) fn take(tx: &Tx, row: &mut Row) -> Result<bool> {
    for key in book::of_holder(tx, &row.adam_id, row.holder_kind, &row.holder)? {
        if content_tokens::by_id(tx, &key.token_id)?.is_some_and(|token| token.practice == row.practice) {
            (row.token_id, row.pricing_param, row.stage) = (Some(key.token_id), key.pricing_param, Stage::Held);
            seat(tx, row)?;
            return Ok(true);
        }
    }
    let most = usable(tx, &row.adam_id, row.holder_kind, row.practice)?
        .into_iter()
        .filter(|asset| asset.free() != Some(0))
        .max_by_key(|asset| asset.free().unwrap_or(u32::MAX));
    let Some(asset) = most else { return Ok(false) };
    (row.token_id, row.pricing_param) = (Some(asset.key.token_id), asset.key.pricing_param);
    seat(tx, row)?;
    Ok(true)
}

/// Apple has to know a person before anything can be theirs.
fn seat(tx: &Tx, row: &Row) -> Result<()> {
    match (&row.token_id, row.holder_kind) {
        (Some(token), HolderKind::Person) => users::want(tx, token, &row.holder),
        _ => Ok(()),
    }
}

/// Gives places of an app to those who wait for one, who waits longest first.
pub(super) fn serve(tx: &Tx, adam_id: &str, practice: bool) -> Result<()> {
    loop {
        let mut served = 0;
        // Books are for people alone: that nothing is left for devices does not say that nothing is left for people.
        let mut over = [false; 2];
        for row in rows::short(tx, adam_id, practice, PAGE)? {
            let kind = usize::from(row.holder_kind == HolderKind::Person);
            if over[kind] || row.due_at.is_some_and(|due| due > tx.now) {
                continue;
            }
            let mut next = Row { due_at: None, ..row.clone() };
            if !take(tx, &mut next)? {
                over[kind] = true;
                continue;
            }
            rows::put(tx, Some(&row), &next)?;
            if let Some(token) = &next.token_id {
                content_tokens::make_due(tx, token)?;
            }
            for device in concerned(tx, row.holder_kind, &row.holder)? {
                deployments::look_again(tx, &device)?;
            }
            served += 1;
        }
        if served == 0 {
            return Ok(());
        }
    }
}

/// Has the devices of everybody who waits for a place of an app planned for anew.
pub(super) fn tell_short(tx: &Tx, adam_id: &str, practice: bool) -> Result<()> {
    for row in rows::short(tx, adam_id, practice, u32::MAX)? {
        for device in concerned(tx, row.holder_kind, &row.holder)? {
            deployments::look_again(tx, &device)?;
        }
    }
    Ok(())
}

/// Takes places back that are not there any more, from those who came last: somebody assigned licences elsewhere, or they moved to another location.
/// What Apple was asked for already is left to Apple, which gives no licence twice.
pub(super) fn withdraw(tx: &Tx, token_id: &str) -> Result<()> {
    let mut without = rows::not_owned(tx, token_id)?;
    for asset in assets::of_token(tx, token_id)? {
        let Some(owned) = asset.owned else { continue };
        let too_many = asset.in_use().saturating_add(asset.reserved).saturating_sub(owned);
        if too_many > 0 {
            without.extend(rows::not_asked(tx, &asset.key, too_many)?);
        }
    }
    for row in without {
        let waits =
            Row { token_id: None, pricing_param: String::new(), stage: Stage::Open, due_at: None, problem: String::new(), ..row.clone() };
        rows::put(tx, Some(&row), &waits)?;
        for device in concerned(tx, row.holder_kind, &row.holder)? {
            deployments::look_again(tx, &device)?;
        }
    }
    Ok(())
}
