//! Apple's book read anew: what is owned, who has what, who is known; and what that makes of the licences here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use crate::error::Result;
use crate::mdm::journal::{self, Subject};
use crate::mdm::licences::errands::What;
use crate::mdm::licences::machine::Happening;
use crate::mdm::licences::{ACTOR, happen, look_up, places, tokens, users};
use crate::protocol::apps_and_books::{AssetLine, AssignmentLine, ClientConfig, UNLIMITED, UserLine};
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::licences::assets::{self, OwnedAsset};
use crate::store::licences::book::{self, Entry};
use crate::store::licences::{self as rows, AssetKey, HolderKind, Licence as Row, Stage};
use crate::store::{Tx, alerts};

/// How often Apple's book is read while there is something in it.
pub const EVERY: Duration = Duration::from_secs(15 * 60);

/// How often all of it is read, not only what changed.
pub const WHOLE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How soon it is read again when it changed while it was read.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Characters of what Apple names that are kept.
const NAME_MAX: usize = 200;

/// What was read of Apple's book.
#[derive(Debug, Default)]
pub struct Read {
    /// Who owns the location.
    pub config: ClientConfig,
    /// What it owns.
    pub assets: Vec<AssetLine>,
    /// Who has what: all of it, or what changed.
    pub assignments: Vec<AssignmentLine>,
    /// The version of that.
    pub version: String,
    /// Whether that is all.
    pub whole: bool,
    /// Whether it stood still while it was read.
    pub still: bool,
    /// Who is known, where that was asked.
    pub users: Option<Vec<UserLine>>,
}

/// How a location's book is to be read now.
pub(super) fn errand(tx: &Tx, token: &mut ContentToken) -> Result<What> {
    let recent = token.synced_whole_at.is_some_and(|at| tx.now.since(at) < WHOLE_EVERY);
    let since = Some(token.assignments_version.clone()).filter(|version| recent && !version.is_empty());
    // A location that was here before, or elsewhere, may know people of ours.
    let users = since.is_none() || !crate::store::licences::users::of_token(tx, &token.id)?.is_empty();
    Ok(What::Sync { since, users })
}

/// Whether changes are not enough: Apple counts otherwise than the book here would with them.
pub fn wants_whole(tx: &Tx, token_id: &str, read: &Read) -> Result<bool> {
    let mut book: BTreeSet<Entry> = book::of_token(tx, token_id)?.into_iter().collect();
    book.extend(read.assignments.iter().filter_map(|line| entry(token_id, line)));
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for entry in &book {
        *counts.entry((&entry.key.adam_id, &entry.key.pricing_param)).or_default() += 1;
    }
    let mut agree = true;
    for asset in &read.assets {
        agree &= counts.remove(&(&*asset.adam_id, &*asset.pricing_param)).unwrap_or_default() == asset.assigned_count;
    }
    Ok(!agree || !counts.is_empty())
}

/// Takes what was read. Tells whether the turn goes on.
pub fn record(tx: &Tx, token_id: &str, read: &Read) -> Result<bool> {
    let Some(mut token) = content_tokens::by_id(tx, token_id)? else { return Ok(false) };
    if token.state == TokenState::Taken || !tokens::is_ours(tx, &token, Some(&read.config.mdm_info))? {
        return Ok(false);
    }
    tokens::describe(&mut token, &read.config);
    for asset in &read.assets {
        own(tx, token_id, asset)?;
    }
    assets::forget_older(tx, token_id)?;
    write_book(tx, token_id, read)?;
    assets::recount(tx, token_id)?;
    // What changed is enough only where it was looked at whether the counts agree; then the book here is Apple's.
    let certain = read.still || !read.whole;
    settle(tx, token_id, certain)?;
    assets::recount(tx, token_id)?;
    places::withdraw(tx, token_id)?;
    adopt(tx, &token)?;
    if let Some(known) = &read.users {
        users::read(tx, token_id, known)?;
    }
    serve_all(tx, token.practice)?;
    refresh(&mut token, tx, read, certain);
    alerts::clear(tx, &format!("licences.unreachable:{token_id}"))?;
    content_tokens::update(tx, &token)?;
    Ok(true)
}

fn refresh(token: &mut ContentToken, tx: &Tx, read: &Read, certain: bool) {
    (token.state, token.failures, token.problem) = (TokenState::Ready, 0, String::new());
    token.synced_at = Some(tx.now);
    token.sync_due_at = Some(tx.now.plus(if certain { EVERY } else { AGAIN_AFTER }));
    token.assignments_version.clone_from(&read.version);
    if read.whole {
        token.synced_whole_at = certain.then_some(tx.now);
    }
}

fn own(tx: &Tx, token_id: &str, line: &AssetLine) -> Result<()> {
    let key = AssetKey { token_id: token_id.to_owned(), adam_id: short(&line.adam_id), pricing_param: short(&line.pricing_param) };
    let owned = (line.total_count < UNLIMITED).then(|| {
        let by_total = line.total_count.saturating_sub(line.retired_count);
        by_total.min(line.assigned_count.saturating_add(line.available_count))
    });
    let asset = OwnedAsset {
        product_type: short(&line.product_type),
        device_assignable: line.device_assignable,
        platforms: json!(line.supported_platforms.iter().take(8).map(|platform| short(platform)).collect::<Vec<_>>()).to_string(),
        owned,
        assigned: line.assigned_count,
        listed: 0,
        reserved: 0,
        as_of_at: tx.now,
        key,
    };
    look_up(tx, &asset.key.adam_id)?;
    assets::put(tx, &asset)
}

fn short(text: &str) -> String {
    text.chars().take(NAME_MAX).collect()
}

fn entry(token_id: &str, line: &AssignmentLine) -> Option<Entry> {
    let key = AssetKey { token_id: token_id.to_owned(), adam_id: short(&line.adam_id), pricing_param: short(&line.pricing_param) };
    let (holder_kind, holder) = match (&line.serial_number, &line.client_user_id) {
        (Some(serial), _) if !serial.is_empty() => (HolderKind::Device, serial.trim().to_ascii_uppercase()),
        (_, Some(id)) if !id.is_empty() => (HolderKind::Person, id.clone()),
        _ => return None,
    };
    Some(Entry { key, holder_kind, holder: short(&holder) })
}

/// Brings the book here to what was read; what is missing in it is taken out only where all was read and nothing changed meanwhile.
fn write_book(tx: &Tx, token_id: &str, read: &Read) -> Result<()> {
    let lines: BTreeSet<Entry> = read.assignments.iter().filter_map(|line| entry(token_id, line)).collect();
    let known: BTreeSet<Entry> = book::of_token(tx, token_id)?.into_iter().collect();
    for added in lines.difference(&known) {
        book::add(tx, added)?;
    }
    if read.whole && read.still {
        for gone in known.difference(&lines) {
            book::remove(tx, gone)?;
        }
    }
    // Apple's own counts stand; adding and removing lines moved them.
    for asset in &read.assets {
        own(tx, token_id, asset)?;
    }
    Ok(())
}

/// Compares the licences here with the book.
fn settle(tx: &Tx, token_id: &str, certain: bool) -> Result<()> {
    let book: BTreeSet<Entry> = book::of_token(tx, token_id)?.into_iter().collect();
    for row in rows::of_token(tx, token_id)? {
        let Some(key) = row.asset() else { continue };
        let listed = book.contains(&Entry { key, holder_kind: row.holder_kind, holder: row.holder.clone() });
        let asks = row.event_id.is_some();
        if listed {
            happen(tx, &row, Happening::Listed { asks }, "")?;
        } else if certain {
            let problem = match row.stage {
                Stage::Held => {
                    t!(
                        "Apple calls it done and does not list it. Look at the serial number, and whether another server takes licences back."
                    )
                }
                _ => "",
            };
            happen(tx, &row, Happening::Missing { asks }, problem)?;
        } else if !asks && matches!(row.stage, Stage::Asked | Stage::Leaving) {
            // The next reading tells.
            rows::put(tx, Some(&row), &Row { due_at: Some(tx.now.plus(AGAIN_AFTER)), ..row.clone() })?;
        }
    }
    Ok(())
}

/// Who waits for a place and was given a licence elsewhere has it.
fn adopt(tx: &Tx, token: &ContentToken) -> Result<()> {
    for (adam_id, practice) in rows::short_apps(tx)?.into_iter().filter(|(_, practice)| *practice == token.practice) {
        for row in rows::short(tx, &adam_id, practice, u32::MAX)? {
            let has = book::of_holder(tx, &adam_id, row.holder_kind, &row.holder)?.into_iter().find(|key| key.token_id == token.id);
            if let Some(key) = has {
                let placed = Row { token_id: Some(key.token_id), pricing_param: key.pricing_param, ..row.clone() };
                rows::put(tx, Some(&row), &placed)?;
                happen(tx, &placed, Happening::Listed { asks: false }, "")?;
            }
        }
    }
    Ok(())
}

/// Gives free places to all who wait for one.
pub(super) fn serve_all(tx: &Tx, practice: bool) -> Result<()> {
    for (adam_id, of) in rows::short_apps(tx)? {
        if of == practice {
            places::serve(tx, &adam_id, practice)?;
        }
    }
    Ok(())
}

/// Lets an admin take back what was assigned elsewhere, or whatever somebody holds here.
pub(super) fn take_back(tx: &Tx, entry: &Entry) -> Result<()> {
    let row = Row {
        adam_id: entry.key.adam_id.clone(),
        holder_kind: entry.holder_kind,
        holder: entry.holder.clone(),
        practice: content_tokens::by_id(tx, &entry.key.token_id)?.is_some_and(|token| token.practice),
        token_id: Some(entry.key.token_id.clone()),
        pricing_param: entry.key.pricing_param.clone(),
        wanted: false,
        stage: Stage::Held,
        event_id: None,
        attempts: 0,
        due_at: None,
        problem: String::new(),
        since_at: tx.now,
    };
    rows::put(tx, None, &row)?;
    journal::note(tx, &ACTOR, "licence.taken_back", Subject::default(), json!({ "adam_id": row.adam_id, "holder": row.holder }))?;
    content_tokens::make_due(tx, &entry.key.token_id)
}
