//! Places: which location's licence somebody gets, and who is next when one is free.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::language;
use crate::mdm::licences::{concerned, users};
use crate::mdm::settings;
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::licences::assets::{self, OwnedAsset};
use crate::store::licences::{self as rows, HolderKind, Licence as Row, Stage, book};
use crate::store::{Tx, deployments};

/// How many of those who wait are looked at in one go.
const PAGE: u32 = 500;

/// Whether licences of a location can be given away now: it is ours, Apple takes its token, and the token has not ended.
pub(super) fn is_usable(tx: &Tx, token: &ContentToken) -> bool {
    token.state == TokenState::Ready && token.expires_at > tx.now
}

/// What can be given to such a holder: owned by a location that is ours to assign from, practice apart from real.
pub(super) fn usable(tx: &Tx, adam_id: &str, kind: HolderKind, practice: bool) -> Result<Vec<OwnedAsset>> {
    let mut usable = Vec::new();
    for asset in assets::of_app(tx, adam_id)? {
        let token = content_tokens::by_id(tx, &asset.key.token_id)?;
        let fits = token.is_some_and(|token| token.practice == practice && is_usable(tx, &token));
        if fits && (kind == HolderKind::Person || asset.device_assignable) {
            usable.push(asset);
        }
    }
    Ok(usable)
}

/// What has to be done about locations that own free licences of an app and cannot give them now: in sentences; empty where there is nothing to do.
/// Where no other location owns any, it is told of those that have none left too.
pub(super) fn hindered(tx: &Tx, adam_id: &str, practice: bool) -> Result<String> {
    let (mut told, mut is_owned_elsewhere) = (BTreeMap::new(), false);
    for asset in assets::of_app(tx, adam_id)? {
        let token = content_tokens::by_id(tx, &asset.key.token_id)?.filter(|token| token.practice == practice);
        let Some(token) = token else { continue };
        let Some(remedy) = remedy(tx, &token)? else {
            is_owned_elsewhere = true;
            continue;
        };
        let (_, free) = told.entry(token.id).or_insert((remedy, Some(0_u32)));
        *free = free.and_then(|free| Some(free.saturating_add(asset.free()?)));
    }
    told.retain(|_, (_, free)| !is_owned_elsewhere || *free != Some(0));
    let sentences = told.into_values().map(|(remedy, free)| match free {
        Some(0) => format!("{remedy}."),
        Some(1) => t!("{remedy}: one licence is free there.", remedy),
        Some(free) => t!("{remedy}: {free} licences are free there.", remedy, free),
        None => t!("{remedy}: as many licences as anybody wants are there.", remedy),
    });
    Ok(sentences.collect::<Vec<_>>().join(" "))
}

/// What has to be done so that a location can give licences, as the first part of a sentence; nothing where it can.
pub(super) fn remedy(tx: &Tx, token: &ContentToken) -> Result<Option<String>> {
    let name = token.name();
    Ok(match token.state {
        TokenState::Taken => Some(t!(
            "Take “{name}” over from “{other_server}” at System, Apps and Books, if that is meant",
            name,
            other_server = token.other_server
        )),
        TokenState::Refused => {
            Some(t!("Renew the content token of “{name}” at System, Apps and Books; Apple does not take it any more", name))
        }
        TokenState::Ready if token.expires_at <= tx.now => {
            let day = language::date(settings::zone(tx)?.day(token.expires_at));
            Some(t!("Renew the content token of “{name}” at System, Apps and Books; it ended on {day}", name, day))
        }
        TokenState::Ready => None,
    })
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

/// Gives a licence its place, if there is one: where the holder has it already, else where they are known, else where most are left. The row is to be stored then.
pub(super) fn take(tx: &Tx, row: &mut Row) -> Result<bool> {
    for key in book::of_holder(tx, &row.adam_id, row.holder_kind, &row.holder)? {
        if content_tokens::by_id(tx, &key.token_id)?.is_some_and(|token| token.practice == row.practice) {
            (row.token_id, row.pricing_param, row.stage) = (Some(key.token_id), key.pricing_param, Stage::Held);
            seat(tx, row)?;
            return Ok(true);
        }
    }
    // Somebody who is known at a location has an account there, or an invitation: another one would make them accept once more.
    let known = if row.holder_kind == HolderKind::Person { users::known_at(tx, &row.holder)? } else { BTreeSet::new() };
    let most = usable(tx, &row.adam_id, row.holder_kind, row.practice)?
        .into_iter()
        .filter(|asset| asset.free() != Some(0))
        .max_by_key(|asset| (known.contains(&asset.key.token_id), asset.free().unwrap_or(u32::MAX)));
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

/// Has everybody planned for anew who waits for a licence of a location, or for a place of what it owns: what they wait for is another thing now.
pub(super) fn tell_all(tx: &Tx, token: &ContentToken) -> Result<()> {
    for row in rows::of_token(tx, &token.id)?.into_iter().filter(|row| row.stage != Stage::Held) {
        for device in concerned(tx, row.holder_kind, &row.holder)? {
            deployments::look_again(tx, &device)?;
        }
    }
    let owned: BTreeSet<String> = assets::of_token(tx, &token.id)?.into_iter().map(|asset| asset.key.adam_id).collect();
    owned.iter().try_for_each(|adam_id| tell_short(tx, adam_id, token.practice))
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
