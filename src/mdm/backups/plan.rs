//! The plan: at which time of the day backups are made, where they go, and how long they stay.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::{Timestamp, Zone};
use crate::error::{Error, FieldError, Kind, Result};
use crate::mdm::backups::retention::{KEEP_MAX, Keep};
use crate::mdm::{Actor, Right, journal};
use crate::protocol::s3::S3Place;
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;
use crate::store::backups::{Backup, Place};
use crate::store::settings::{self, Setting};

/// Longest path, address, name or key, in characters.
pub const TEXT_MAX: usize = 1000;

/// Longest text of trust anchors, in bytes.
pub const ANCHORS_MAX_BYTES: usize = 64 << 10;

const PLAN: Setting<Plan> = Setting::new("backups.plan");
const S3_SECRET: Setting<SecretBytes> = Setting::new("backups.s3_secret");

/// When, where to, how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whether one is made each day.
    pub daily: bool,
    /// The minute of the day, in the appliance's time zone.
    pub minute: i64,
    /// Whether files of packages are in it.
    pub with_packages: bool,
    /// How many are kept.
    pub keep: Keep,
    /// The folder that they go to.
    pub folder: Option<String>,
    /// The store that they go to.
    pub s3: Option<S3Place>,
    /// The schedule counts from here: what lies before was not missed.
    pub since_at: Timestamp,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            daily: false,
            minute: 3 * 60 + 15,
            with_packages: false,
            keep: Keep::default(),
            folder: None,
            s3: None,
            since_at: Timestamp::default(),
        }
    }
}

impl Plan {
    /// Whether it leads anywhere.
    pub fn has_place(&self) -> bool {
        self.folder.is_some() || self.s3.is_some()
    }

    /// Whether a backup lies where the plan leads today.
    pub fn leads_to(&self, backup: &Backup) -> bool {
        match backup.place {
            Place::Folder => self.folder.as_deref() == Some(&backup.location),
            Place::S3 => self.s3.as_ref().is_some_and(|place| place.location() == backup.location),
        }
    }

    /// The first moment after `since` at which the clock on the wall shows the plan's minute.
    pub fn next_after(&self, since: Timestamp, zone: &Zone) -> Timestamp {
        let today = zone.wall(since).day();
        let mut moments = (0..3).map(|days| zone.moment(today.plus(days).at(self.minute)));
        moments.find(|moment| *moment > since).unwrap_or(since.plus(std::time::Duration::from_secs(24 * 3600)))
    }
}

/// The plan as it is.
pub fn plan(tx: &Tx) -> Result<Plan> {
    Ok(settings::value(tx, &PLAN)?.unwrap_or_default())
}

/// The secret key for the store.
pub fn s3_secret(tx: &Tx) -> Result<Option<Secret<String>>> {
    Ok(settings::secret(tx, &S3_SECRET)?.map(|secret| Secret::new(String::from_utf8_lossy(secret.expose()).into_owned())))
}

/// What a plan is to be.
#[derive(Debug, Clone)]
pub struct NewPlan {
    /// Whether one is made each day.
    pub daily: bool,
    /// The time of the day, `03:15`.
    pub at: String,
    /// Whether files of packages are in it.
    pub with_packages: bool,
    /// How many are kept.
    pub keep: Keep,
    /// The folder that they go to; none or empty for none.
    pub folder: Option<String>,
    /// The store that they go to.
    pub s3: Option<S3Place>,
    /// The secret key for the store; none keeps the one that is here.
    pub s3_secret: Option<Secret<String>>,
}

/// Checks a plan that is to be without keeping it; gives it with the secret that belongs to it.
///
/// Fails with every field that is wrong.
pub fn check(tx: &Tx, actor: &Actor, new: &NewPlan) -> Result<(Plan, Option<Secret<String>>)> {
    actor.require(Right::Configure)?;
    let (before, kept) = (plan(tx)?, s3_secret(tx)?);
    let mut wrong = Wrong::default();
    let minute = minute(&new.at);
    wrong.unless(minute.is_some(), "at", t!("write a time of the day like 03:15"));
    let keep = new.keep;
    wrong.unless((1..=KEEP_MAX).contains(&keep.daily), "keep.daily", t!("keep from 1 to 366 days"));
    wrong.unless(keep.weekly <= KEEP_MAX, "keep.weekly", t!("keep at most 366 weeks"));
    wrong.unless(keep.monthly <= KEEP_MAX, "keep.monthly", t!("keep at most 366 months"));
    let folder = new.folder.as_deref().map(str::trim).filter(|folder| !folder.is_empty()).map(str::to_owned);
    if let Some(folder) = &folder {
        let is_path = folder.starts_with('/') && folder.len() <= TEXT_MAX && !folder.chars().any(char::is_control);
        wrong.unless(is_path, "folder", t!("write the whole path of a folder, like /srv/backups"));
    }
    let s3 = new.s3.as_ref().map(|place| checked(place, &mut wrong));
    let secret = new.s3_secret.clone().filter(|secret| !secret.expose().trim().is_empty());
    // The secret goes only to the store that it was given for.
    let same_store = before.s3.as_ref().zip(s3.as_ref()).is_some_and(|(old, new)| old.endpoint == new.endpoint && old.key_id == new.key_id);
    let secret = secret.map(|secret| Secret::new(secret.expose().trim().to_owned())).or(kept.filter(|_| same_store));
    wrong.unless(s3.is_none() || secret.is_some(), "s3.secret_key", t!("give the secret key that belongs to the access key"));
    wrong.unless(
        secret.as_ref().is_none_or(|secret| secret.expose().len() <= TEXT_MAX),
        "s3.secret_key",
        t!("this is too long for a secret key"),
    );
    let daily = new.daily;
    wrong.unless(
        !daily || folder.is_some() || s3.is_some(),
        "folder",
        t!("say where backups go: name a folder, or a store that speaks S3"),
    );
    wrong.end()?;
    let minute = minute.unwrap_or_default();
    // A plan that is switched on, or moved to another time, begins now.
    let since_at = if before.daily == daily && before.minute == minute { before.since_at } else { tx.now };
    let plan = Plan { daily, minute, with_packages: new.with_packages, keep, folder, s3, since_at };
    let secret = secret.filter(|_| plan.s3.is_some());
    Ok((plan, secret))
}

/// Checks a plan that is to be kept; gives its folder where that is another one than before, which is tried first.
///
/// Fails as [`set`] does.
pub fn folder_to_try(tx: &Tx, actor: &Actor, new: &NewPlan) -> Result<Option<String>> {
    let before = plan(tx)?.folder;
    let (next, _) = check(tx, actor, new)?;
    must_have_key(tx, &next)?;
    Ok(next.folder.filter(|folder| before.as_ref() != Some(folder)))
}

fn must_have_key(tx: &Tx, plan: &Plan) -> Result<()> {
    if plan.daily && settings::value(tx, &super::RECOVERY)?.is_none() {
        return Err(Error::conflict(t!("Make a recovery key first: without one nobody could open what is backed up by itself.")));
    }
    Ok(())
}

/// Keeps a plan.
pub fn set(tx: &Tx, actor: &Actor, new: &NewPlan) -> Result<()> {
    let (plan, secret) = check(tx, actor, new)?;
    must_have_key(tx, &plan)?;
    match &secret {
        Some(secret) => settings::set_secret(tx, &S3_SECRET, &SecretBytes::new(secret.expose().clone().into_bytes()))?,
        None => settings::forget(tx, &S3_SECRET).map(drop)?,
    }
    settings::set(tx, &PLAN, &plan)?;
    let data = json!({
        "daily": plan.daily, "at": time(plan.minute), "folder": plan.folder, "store": plan.s3.as_ref().map(S3Place::location),
        "keep": plan.keep, "with_packages": plan.with_packages,
    });
    journal::note(tx, actor, "backup.plan_changed", journal::Subject::default(), data)?;
    super::look_again(tx);
    Ok(())
}

/// A minute of the day as people write it: `03:15`.
pub fn time(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Reads what [`time`] writes.
pub fn minute(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str, below: i64| text.parse::<i64>().ok().filter(|number| text.len() <= 2 && (0..below).contains(number));
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

fn checked(place: &S3Place, wrong: &mut Wrong) -> S3Place {
    let text = |text: &str| text.trim().to_owned();
    let prefix = text(&place.prefix).trim_start_matches('/').to_owned();
    let prefix = if prefix.is_empty() || prefix.ends_with('/') { prefix } else { format!("{prefix}/") };
    let place = S3Place {
        endpoint: text(&place.endpoint).trim_end_matches('/').to_owned(),
        region: Some(text(&place.region)).filter(|region| !region.is_empty()).unwrap_or_else(|| String::from("us-east-1")),
        bucket: text(&place.bucket),
        prefix,
        key_id: text(&place.key_id),
        path_style: place.path_style,
        trust_anchors: text(&place.trust_anchors),
    };
    let plain = |text: &str| text.len() <= TEXT_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    let host = place.endpoint.strip_prefix("https://").or_else(|| place.endpoint.strip_prefix("http://"));
    let is_address = plain(&place.endpoint) && host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', '@']));
    wrong.unless(is_address, "s3.endpoint", t!("write the address of the store, like https://s3.eu-central-1.amazonaws.com"));
    // What is sent is encrypted already; the key is proven and never sent. But whoever listens could hold back what is asked for.
    let bucket_is_name = !place.bucket.is_empty()
        && place.bucket.len() <= 255
        && place.bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    wrong.unless(bucket_is_name, "s3.bucket", t!("write the name of the bucket: letters, digits, dots and hyphens"));
    wrong.unless(plain(&place.region), "s3.region", t!("write the region in one word, like eu-central-1"));
    wrong.unless(plain(&place.prefix), "s3.prefix", t!("write a prefix of letters, digits, slashes and hyphens, or none"));
    wrong.unless(!place.key_id.is_empty() && plain(&place.key_id), "s3.key_id", t!("write the id of the access key"));
    let anchors = &place.trust_anchors;
    let are_anchors = anchors.is_empty() || (anchors.len() <= ANCHORS_MAX_BYTES && anchors.contains("-----BEGIN CERTIFICATE-----"));
    wrong.unless(are_anchors, "s3.trust_anchors", "paste certificates that begin with -----BEGIN CERTIFICATE-----, or nothing");
    place
}

/// What is wrong in a form, all at once.
#[derive(Debug, Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn unless(&mut self, is_right: bool, field: &str, message: &str) {
        if !is_right {
            self.0.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        }
    }

    fn end(self) -> Result<()> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let mut error = Error::new(Kind::BadInput, format!("{}: {}", first.field, first.message));
        error.fields = self.0;
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_backup_is_at_the_next_time_the_clock_shows_it() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        let plan = Plan { minute: 3 * 60 + 15, ..Plan::default() };
        let next = |since| plan.next_after(at(since), &zone).to_string();
        assert_eq!(next("2026-11-26T02:14:00Z"), "2026-11-26T02:15:00Z");
        assert_eq!(next("2026-11-26T02:15:00Z"), "2026-11-27T02:15:00Z");
        assert_eq!(next("2026-11-26T23:30:00Z"), "2026-11-27T02:15:00Z");
        // 02:15 does not come on the night on which clocks go forward; then it is an hour later.
        let plan = Plan { minute: 2 * 60 + 15, ..plan };
        assert_eq!(plan.next_after(at("2026-03-28T12:00:00Z"), &zone).to_string(), "2026-03-29T01:15:00Z");
    }

    #[test]
    fn times_of_the_day_are_read_as_they_are_written() {
        for minute_of_day in [0, 195, 1439] {
            assert_eq!(minute(&time(minute_of_day)), Some(minute_of_day));
        }
        for wrong in ["", "3", "24:00", "12:60", "-1:00", "003:15", "3:15:00", "aa:bb"] {
            assert_eq!(minute(wrong), None, "{wrong}");
        }
    }
}
