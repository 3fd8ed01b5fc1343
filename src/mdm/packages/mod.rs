//! Packages of the house's apps: brought in, staged from a pilot group to everyone, given to the devices that are to have them.

mod keep;
mod pilot;
mod reach;
mod rollout;
mod serve;
mod uploads;

pub use keep::{Kept, NewPackage, admit, keep};
pub use pilot::nobody_tries;
pub use reach::{Trial, forget_trial, next_trial, note_address, note_trial, trials, try_again, unreachable};
pub use rollout::{Overview, app_of, delete, find, list, notes, on_trial, pilot_leaves, set_pilot, stage, versions};
pub use serve::{Given, ICON, MANIFEST, for_device, given, icon, manifest, manifest_url};
pub use uploads::{Begun, LOOK_EVERY_BYTES, MAX_NAME_CHARS, begin, cancel, grows_to, left_over, stale, touch, under_way, upload};

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language;
use crate::store::apps::{self, App, AppKind};
use crate::store::packages::{self as store, Package};
use crate::store::{Tx, alerts};

/// The largest package, in bytes.
pub const MAX_BYTES: u64 = 8 << 30;

/// The most versions of one app that are kept.
pub const VERSIONS_MAX: usize = 50;

/// The most packages in all.
pub const PACKAGES_MAX: u64 = 1_000;

/// The most uploads under way at the same time.
pub const UPLOADS_MAX: usize = 16;

/// How long an upload that rests is kept, to be gone on with.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Days before the end of a provisioning profile on which people are told, each time more urgently.
pub const WARNED_DAYS: [i64; 3] = [30, 14, 7];

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The app of the App Store with this identifier, where it is known here.
fn of_the_store(tx: &Tx, identifier: &str) -> Result<Option<App>> {
    Ok(apps::by_bundle_id(tx, identifier)?.into_iter().find(|app| app.kind == AppKind::Store))
}

fn known(tx: &Tx, id: &str) -> Result<Package> {
    store::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such package.")))
}

/// Days from now until `end`, rounded up; none or fewer where it is over.
pub(crate) fn days_until(end: Timestamp, now: Timestamp) -> i64 {
    let left = end.millis() - now.millis();
    left.div_euclid(DAY_MS) + i64::from(left.rem_euclid(DAY_MS) > 0)
}

/// Raises, repeats or takes down one alert about something that ends: at each of [`WARNED_DAYS`] it becomes more harmful.
pub(crate) fn warn_of_end(tx: &Tx, key: &str, end: Timestamp, what: &str, remedy: &str) -> Result<()> {
    let days = days_until(end, tx.now);
    let step = WARNED_DAYS.iter().filter(|warned| days <= **warned).count() as i64;
    if step == 0 {
        return alerts::clear(tx, key).map(drop);
    }
    let harm = if days <= 0 { 80 } else { 40 + 10 * step };
    let when = match days {
        ..=0 => t!("ended on {day}", day = language::date(end.day())),
        1 => String::from(t!("ends within a day")),
        days => t!("ends in {days} days, on {day}", days, day = language::date(end.day())),
    };
    // Said anew only where that is news, so that the count of an alert is that of the reminders.
    let message = format!("{what} {when}.");
    let is_up = alerts::all(tx)?.into_iter().find(|alert| alert.key == key);
    if is_up.is_none_or(|alert| alert.harm != harm || alert.message != message) {
        alerts::raise(tx, key, harm, &message, remedy)?;
    }
    Ok(())
}

/// Looks at the provisioning profiles inside the versions that devices are to have, and says which end soon.
pub fn watch_ends(tx: &Tx) -> Result<usize> {
    let soon = tx.now.plus(Duration::from_secs(WARNED_DAYS[0].unsigned_abs() * 24 * 3600));
    let ending = store::ending(tx, store::Ending::Profile, soon)?;
    let key = |package: &Package| format!("package.profile_ends:{}", package.id);
    let keys: Vec<_> = ending.iter().map(|(package, ..)| key(package)).collect();
    for alert in alerts::all(tx)?.into_iter().filter(|alert| alert.key.starts_with("package.profile_ends:") && !keys.contains(&alert.key)) {
        alerts::clear(tx, &alert.key)?;
    }
    for (package, name, end) in &ending {
        let what = t!("The provisioning profile inside “{name}” {version}", name, version = package.version);
        let remedy = t!(
            "After that the app starts on no device. Upload a version with a newer profile, or a newer profile by itself under Provisioning profiles."
        );
        warn_of_end(tx, &key(package), *end, &what, remedy)?;
    }
    Ok(ending.len())
}
