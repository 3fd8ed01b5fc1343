//! Backups: when they are made, for whom they are locked, where they go, how long they are kept, and what became of them.

pub mod by_hand;
pub mod gone;
pub mod offer;
pub mod plan;
pub mod restore;
pub mod restored;
pub mod retention;
pub mod tested;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, journal};
use crate::pki::vault::{Key, Lock, PublicKey, RecoveryKey};
use crate::secret::{Secret, SecretBytes};
use crate::store::backup::Manifest;
use crate::store::backups::{self, Backup, Place};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, alerts, jobs};
use plan::Plan;

/// The name of the job that makes them.
pub const JOB: &str = "backups";

/// How often a backup is restored into a temporary folder to see whether it can be.
pub const TEST_EVERY: Duration = Duration::from_secs(30 * 24 * 3600);

/// When that is tried again after it failed.
pub const TEST_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// Backups that are listed and looked at for retention, at the most.
pub const LISTED_MAX: u32 = 2000;

/// Names the alert about backups that fail.
pub const FAILED: &str = "backup.failed";

/// Names the alert about a backup that could not be restored.
pub const TEST_FAILED: &str = "backup.test_failed";

const ACTOR: Actor = Actor::Job(JOB);

const RECOVERY: Setting<Recovery> = Setting::new("backups.recovery_key");
/// The key by which the appliance itself opens its backups, to see whether they can be restored. It lies in the database that they hold, so whoever
/// has it has everything already.
const OWN_KEY: Setting<SecretBytes> = Setting::new("backups.own_key");
const LAST: Setting<Last> = Setting::new("backups.last");
const FAILURE: Setting<Failure> = Setting::new("backups.failure");
/// Somebody asked for a backup then, and it is not made yet.
const WISHED: Setting<Timestamp> = Setting::new("backups.wished_at");
const TEST_DUE: Setting<Timestamp> = Setting::new("backups.test_due_at");

/// What is kept of a recovery key: its public part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// `age1…`.
    pub public_key: String,
    /// When it was made.
    pub made_at: Timestamp,
}

/// The last backup that was put everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The moment that it holds.
    pub made_at: Timestamp,
    /// Its size.
    pub size_bytes: u64,
    /// Devices in it.
    pub devices: u64,
}

/// Why the last try failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// In words.
    pub because: String,
}

/// How backups stand.
#[derive(Debug, Clone)]
pub struct Standing {
    /// When, where to, how long.
    pub plan: Plan,
    /// Whether a secret key for the store is kept.
    pub has_s3_secret: bool,
    /// For whom they are locked.
    pub recovery: Option<Recovery>,
    /// The last one: that was put everywhere, or that somebody took to a place of their own.
    pub last: Option<Last>,
    /// Whether somebody took it.
    pub is_by_hand: bool,
    /// Why the last try failed; none when it did not.
    pub failure: Option<Failure>,
    /// When the next one is made.
    pub next_at: Option<Timestamp>,
    /// Somebody asked for one, and it is not made yet.
    pub is_wished: bool,
    /// When the next is restored into a temporary folder.
    pub test_due_at: Option<Timestamp>,
    /// What the last one came to; none where there was none yet.
    pub last_test: Option<tested::Tested>,
    /// The backup that this appliance was restored from.
    pub restored: Option<restored::Restored>,
}

/// How backups stand.
pub fn standing(tx: &Tx, actor: &Actor) -> Result<Standing> {
    actor.require(Right::View)?;
    let (last, is_by_hand) = by_hand::newest(tx)?;
    Ok(Standing {
        plan: plan::plan(tx)?,
        has_s3_secret: plan::s3_secret(tx)?.is_some(),
        recovery: settings::value(tx, &RECOVERY)?,
        last,
        is_by_hand,
        failure: settings::value(tx, &FAILURE)?,
        next_at: next_at(tx)?,
        is_wished: settings::value(tx, &WISHED)?.is_some(),
        test_due_at: test_due(tx)?,
        last_test: tested::last(tx)?,
        restored: restored::restored(tx)?,
    })
}

/// Backups that were put somewhere, newest first.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Backup>> {
    actor.require(Right::View)?;
    backups::newest(tx, LISTED_MAX)
}

/// The moment of the last backup, whoever made it.
pub fn last_at(tx: &Tx) -> Result<Option<Timestamp>> {
    Ok(by_hand::newest(tx)?.0.map(|last| last.made_at))
}

/// Makes a new recovery key and gives it, this once; backups are locked for it from now on. Those that were made before open with the key before.
pub fn make_recovery_key(tx: &Tx, actor: &Actor) -> Result<(Recovery, Secret<String>)> {
    actor.require(Right::Govern)?;
    let key = RecoveryKey::generate();
    let recovery = Recovery { public_key: key.public().to_string(), made_at: tx.now };
    let replaced = settings::value(tx, &RECOVERY)?.is_some();
    settings::set(tx, &RECOVERY, &recovery)?;
    own_key(tx)?;
    journal::note(
        tx,
        actor,
        "backup.recovery_key_made",
        journal::Subject::default(),
        json!({ "public_key": recovery.public_key, "replaced": replaced }),
    )?;
    look_again(tx);
    Ok((recovery, key.text()))
}

/// The appliance's own key; the first time it is made.
fn own_key(tx: &Tx) -> Result<RecoveryKey> {
    if let Some(text) = settings::secret(tx, &OWN_KEY)? {
        return Ok(RecoveryKey::parse(&String::from_utf8_lossy(text.expose()))?);
    }
    let key = RecoveryKey::generate();
    settings::set_secret(tx, &OWN_KEY, &SecretBytes::new(key.text().expose().clone().into_bytes()))?;
    Ok(key)
}

/// What opens the appliance's own backups, for the self-test.
pub fn test_key(tx: &Tx) -> Result<Key> {
    own_key(tx).map(Key::Recovery)
}

/// The lock of backups that go to their places; none while there is no recovery key.
pub fn lock(tx: &Tx) -> Result<Option<Lock>> {
    let Some(recovery) = settings::value(tx, &RECOVERY)? else { return Ok(None) };
    Ok(Some(Lock::Keys(vec![PublicKey::parse(&recovery.public_key)?, own_key(tx)?.public()])))
}

/// Has a backup made now.
pub fn run_now(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    must_be_ready(tx)?;
    jobs::forgive(tx, JOB)?;
    settings::set(tx, &WISHED, &tx.now)?;
    look_again(tx);
    journal::note(tx, actor, "backup.wanted", journal::Subject::default(), json!({}))
}

/// Has the newest backup restored into a temporary folder now.
pub fn test_now(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    if backups::count(tx)? == 0 {
        return Err(Error::conflict(t!("There is no backup yet that could be tried. Make one first.")));
    }
    settings::set(tx, &TEST_DUE, &tx.now)?;
    look_again(tx);
    journal::note(tx, actor, "backup.test_wanted", journal::Subject::default(), json!({}))
}

/// Refuses where something is missing without which no backup can be made.
fn must_be_ready(tx: &Tx) -> Result<()> {
    if settings::value(tx, &RECOVERY)?.is_none() {
        return Err(Error::conflict(t!("There is no recovery key yet: make one first, and keep it somewhere else than here.")));
    }
    if !plan::plan(tx)?.has_place() {
        return Err(Error::conflict(t!("Nobody has said yet where backups go: name a folder, or a store that speaks S3.")));
    }
    Ok(())
}

/// The job looks anew at what is due.
fn look_again(tx: &Tx) {
    tx.ring(Bell::Jobs);
}

/// When the schedule wants the next backup; a moment that has passed is one that was missed or failed.
fn next_at(tx: &Tx) -> Result<Option<Timestamp>> {
    let plan = plan::plan(tx)?;
    if !plan.daily || must_be_ready(tx).is_err() {
        return Ok(None);
    }
    let since = settings::value(tx, &LAST)?.map_or(plan.since_at, |last| last.made_at.max(plan.since_at));
    // One of a day that has not come yet was made while the clock was ahead.
    Ok(Some(plan.next_after(since.min(tx.now), &zone(tx)?)))
}

/// When the next self-test is due: once there is something to try.
fn test_due(tx: &Tx) -> Result<Option<Timestamp>> {
    if backups::count(tx)? == 0 {
        return Ok(None);
    }
    Ok(Some(settings::value(tx, &TEST_DUE)?.unwrap_or(tx.now)))
}

/// When the job is to look after backups.
pub fn due(tx: &Tx) -> Result<Option<Timestamp>> {
    Ok([next_at(tx)?, settings::value(tx, &WISHED)?, test_due(tx)?, restored::told_until(tx)?].into_iter().flatten().min())
}

/// What a turn of the job has to do.
#[derive(Debug)]
pub struct Errand {
    /// A backup to be made: its lock, and where it goes.
    pub backup: Option<Lock>,
    /// When, where to, how long.
    pub plan: Plan,
    /// The secret key for the store.
    pub s3_secret: Option<Secret<String>>,
}

/// What is to be done now.
pub fn errand(tx: &Tx) -> Result<Errand> {
    restored::end_telling(tx)?;
    let plan = plan::plan(tx)?;
    let s3_secret = plan::s3_secret(tx)?;
    let is_wanted =
        [settings::value(tx, &WISHED)?, next_at(tx)?, jobs::turn(tx, JOB)?.due_at].into_iter().flatten().any(|due| due <= tx.now);
    let backup = if is_wanted && plan.has_place() { lock(tx)? } else { None };
    if is_wanted && backup.is_none() {
        // Its place was taken away meanwhile: a wish that nobody can fulfil would be due for ever.
        settings::forget(tx, &WISHED)?;
    }
    Ok(Errand { backup, plan, s3_secret })
}

/// Lists a backup that was put in one of its places.
pub fn put(tx: &Tx, name: &str, place: Place, location: &str, size_bytes: u64, manifest: &Manifest) -> Result<()> {
    let backup = Backup {
        id: tx.new_id(),
        name: name.to_owned(),
        place,
        location: location.to_owned(),
        size_bytes: size_bytes as i64,
        devices: manifest.devices as i64,
        with_packages: manifest.with_packages,
        made_at: manifest.made_at,
        tested_at: None,
        test_problem: String::new(),
    };
    backups::insert(tx, &backup)
}

/// Notes that a backup is in all its places.
pub fn done(tx: &Tx, manifest: &Manifest, size_bytes: u64) -> Result<()> {
    settings::set(tx, &LAST, &Last { made_at: manifest.made_at, size_bytes, devices: manifest.devices })?;
    settings::forget(tx, &FAILURE)?;
    // Who asked while it was made gets another one.
    if settings::value(tx, &WISHED)?.is_some_and(|wished| wished <= manifest.made_at) {
        settings::forget(tx, &WISHED)?;
    }
    alerts::clear(tx, FAILED)?;
    let data = json!({ "size_bytes": size_bytes, "devices": manifest.devices });
    journal::note(tx, &ACTOR, "backup.made", journal::Subject::default(), data)
}

/// Notes that a backup could not be made, or not be put in all its places. It is tried again.
pub fn failed(tx: &Tx, because: &str) -> Result<()> {
    let before: Option<Failure> = settings::value(tx, &FAILURE)?;
    settings::set(tx, &FAILURE, &Failure { at: tx.now, because: because.to_owned() })?;
    let last = match by_hand::newest(tx)?.0 {
        Some(last) => t!("The last one that is whole is of {made_at}.", made_at = language::date(zone(tx)?.words(last.made_at))),
        None => String::from(t!("There is none yet.")),
    };
    alerts::raise(
        tx,
        FAILED,
        80,
        &t!("The backup could not be made: {because}", because),
        &t!("{last} It is tried again by itself. See System, Backups.", last),
    )?;
    // A try every half hour would fill the log with one sentence.
    if before.is_some_and(|before| before.because == because) {
        return Ok(());
    }
    journal::note(tx, &ACTOR, "backup.failed", journal::Subject::default(), json!({ "because": because }))
}

/// The backups that have been kept long enough, oldest first.
pub fn to_delete(tx: &Tx) -> Result<Vec<Backup>> {
    let (plan, zone) = (plan::plan(tx)?, zone(tx)?);
    let all = backups::newest(tx, LISTED_MAX)?;
    let mut old = Vec::new();
    for place in Place::ALL {
        // What lies where the plan does not lead any more stays: nobody asked to have it deleted.
        let here = all.iter().filter(|backup| backup.place == *place && plan.leads_to(backup));
        // One that is gone stands for no day: what is still there of it stays.
        let (lost, there): (Vec<_>, Vec<_>) = here.partition(|backup| gone::is_gone(backup));
        let days: Vec<_> = there.iter().map(|backup| zone.wall(backup.made_at).day()).collect();
        let kept = retention::kept(&days, plan.keep);
        old.extend(there.into_iter().zip(kept).filter(|(_, kept)| !kept).map(|(backup, _)| backup.clone()));
        old.extend(lost.into_iter().filter(|backup| gone::is_over(backup, tx.now)).cloned());
    }
    old.sort_by_key(|backup| backup.made_at);
    Ok(old)
}

/// Takes a backup off the list whose file is gone.
pub fn deleted(tx: &Tx, backup: &Backup) -> Result<()> {
    backups::delete(tx, &backup.id)?;
    let because = if gone::is_gone(backup) { t!("it was not in its place for a month") } else { t!("it was kept long enough") };
    let data = json!({ "name": backup.name, "location": backup.location, "because": because });
    journal::note(tx, &ACTOR, "backup.deleted", journal::Subject::default(), data)
}

/// The backup that is to be restored into a temporary folder now, with what opens it: the newest one that is in its place. None while that is not due.
pub fn to_test(tx: &Tx) -> Result<Option<(Backup, Key)>> {
    if test_due(tx)?.is_none_or(|due| due > tx.now) {
        return Ok(None);
    }
    let plan = plan::plan(tx)?;
    let (lost, there): (Vec<_>, Vec<_>) =
        backups::newest(tx, LISTED_MAX)?.into_iter().filter(|backup| plan.leads_to(backup)).partition(gone::is_gone);
    let Some(newest) = there.into_iter().chain(lost).next() else {
        settings::set(tx, &TEST_DUE, &tx.now.plus(TEST_EVERY))?;
        return Ok(None);
    };
    Ok(Some((newest, test_key(tx)?)))
}

/// Notes what restoring a backup into a temporary folder came to.
pub fn tested(tx: &Tx, backup: &Backup, outcome: &Result<(), String>) -> Result<()> {
    let problem = outcome.as_ref().err().map_or("", String::as_str);
    backups::note_test(tx, &backup.id, problem)?;
    tested::note(tx, problem)?;
    settings::set(tx, &TEST_DUE, &tx.now.plus(if problem.is_empty() { TEST_EVERY } else { TEST_AGAIN }))?;
    if problem.is_empty() {
        alerts::clear(tx, TEST_FAILED)?;
        let data = json!({ "name": backup.name });
        return journal::note(tx, &ACTOR, "backup.tested", journal::Subject::default(), data);
    }
    alerts::raise(
        tx,
        TEST_FAILED,
        80,
        &t!("The backup {name} could not be restored: {problem}", name = backup.name, problem),
        t!("Make another backup now, and have it tried, at System, Backups. Keep the older ones until one is sound."),
    )?;
    journal::note(tx, &ACTOR, "backup.test_failed", journal::Subject::default(), json!({ "name": backup.name, "because": problem }))
}

/// The name of a backup's file.
pub fn file_name(at: Timestamp) -> String {
    let text = at.to_string();
    let moment: String = text.chars().take(19).filter(|letter| *letter != ':').collect();
    format!("rollcall-{moment}Z.tar.zst.age")
}
