//! Whether the appliance itself is well: identities, disk, database, backups, jobs, and what alerts tell already.

use super::{Area, Finding, Level, Seen, until};
use crate::clock::Zone;
use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::ca::roots::Standing;
use crate::mdm::ends::SOON;
use crate::mdm::figures::PROBLEM_FROM;
use crate::mdm::{Actor, ca, connections, integrity, jobs as work, needs};
use crate::pki::certificate::Certificate;
use crate::store::authorities::AuthorityState;
use crate::store::package_files::DISK_RESERVE_BYTES;
use crate::store::{Tx, figures};

/// Below this much free room the database itself is in danger.
const DISK_FULL_BYTES: u64 = 200 << 20;

/// Below this much free room it is time to do something: half of it is left alone by uploads.
const DISK_LOW_BYTES: u64 = 2 * DISK_RESERVE_BYTES;

/// Alerts about the appliance, by what their keys begin with; those about devices, apps and plans are for Today.
const ALERTS: [(&str, Area); 9] = [
    ("push.", Area::Push),
    ("licences.", Area::Tokens),
    ("ade.", Area::Tokens),
    ("tls.", Area::Tls),
    ("authority.", Area::Identities),
    ("setup.no_authority", Area::Identities),
    ("database.", Area::Database),
    ("backup.", Area::Backups),
    ("releases", Area::Apple),
];

/// What others have judged already; but for the damage in a database that was looked through now.
pub(super) fn alerts(tx: &Tx, seen: &Seen) -> Result<Vec<Finding>> {
    let finding = |alert: crate::store::alerts::Alert| {
        if seen.damage.is_some() && alert.key == integrity::ALERT {
            return None;
        }
        let (_, area) = ALERTS.iter().find(|(key, _)| alert.key.starts_with(key))?;
        let level = if alert.harm >= PROBLEM_FROM { Level::Error } else { Level::Warning };
        Some(Finding::new(alert.key, *area, level, alert.message, alert.remedy))
    };
    Ok(needs::all(tx)?.into_iter().filter_map(finding).collect())
}

/// The authority that issues, and whether devices come to renew their identities in time.
pub(super) fn identities(tx: &Tx, actor: &Actor, seen: &Seen, zone: &Zone) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for root in ca::roots::list(tx, actor)?.into_iter().filter(|root| root.authority.state == AuthorityState::Current) {
        findings.push(authority(tx, &root, zone)?);
        findings.extend(unknown_root(seen.own_tls, &root));
    }
    let (ended, ending) = (figures::identities_ending(tx, tx.now)?, figures::identities_ending(tx, tx.now.plus(SOON))?);
    let devices = |count: u64| if count == 1 { String::from(t!("1 device")) } else { t!("{count} devices", count) };
    findings.push(if ending > 0 {
        let what = t!(
            "The identities of {ending} end within 30 days or have ended ({ended} have); they are renewed half a year before that.",
            ending = devices(ending),
            ended
        );
        let remedy =
            t!("These devices were not here for long. Have them switched on and reach this server; what has ended is renewed too.");
        Finding::new("identities.devices", Area::Identities, Level::Warning, what, remedy)
    } else {
        Finding::ok("identities.devices", Area::Identities, t!("No device’s identity ends within 30 days."))
    });
    Ok(findings)
}

/// Whether the authority that issues is valid now, and for long enough.
fn authority(tx: &Tx, root: &Standing, zone: &Zone) -> Result<Finding> {
    const ID: &str = "identities.authority";
    let area = Area::Identities;
    let (begins, end) = (Certificate::from_der(&root.authority.certificate)?.not_before(), root.authority.not_after_at);
    if begins > tx.now {
        let what = t!(
            "The certificate authority “{name}” is not valid before {begins}: no device trusts what it issues.",
            name = root.name,
            begins = language::date(zone.words(begins))
        );
        let remedy = t!(
            "Look whether this machine’s clock is right. If it was ahead when the authority was made and no device is enrolled yet, begin anew with an \
             empty data folder; where devices are enrolled, restore the last backup from before that."
        );
        return Ok(Finding::new(ID, area, Level::Error, what, remedy));
    }
    let what = t!("The certificate authority “{name}” ends {time}.", name = root.name, time = until(end, tx.now, zone));
    Ok(if end.since(tx.now) < SOON {
        let remedy = t!(
            "Rollcall makes the next one by itself and brings it to devices; look at System, Certificate authority, who does not know it yet."
        );
        Finding::new(ID, area, Level::Error, what, remedy)
    } else {
        Finding::ok(ID, area, what)
    })
}

/// Says so where TLS certificates are issued under a root that has taken another's place and that no enrolled device knows.
fn unknown_root(own_tls: bool, root: &Standing) -> Option<Finding> {
    let progress = root.progress.filter(|progress| own_tls && progress.devices > 0 && progress.known == 0)?;
    let what = t!(
        "The TLS certificate is issued by “{name}”, which none of {devices} enrolled devices knows: they may refuse to connect.",
        name = root.name,
        devices = progress.devices
    );
    let remedy = t!(
        "Look whether this machine’s clock was wrong lately, and at System, Certificate authority. Restore the last backup from before that, or have devices enroll anew."
    );
    Some(Finding::new("tls.unknown_root", Area::Tls, Level::Error, what, remedy))
}

fn mebibytes(bytes: u64) -> String {
    if bytes >= 10 << 30 { t!("{bytes} GiB", bytes = bytes >> 30) } else { t!("{bytes} MiB", bytes = bytes >> 20) }
}

/// Room on the disk.
pub(super) fn disk(seen: &Seen) -> Option<Finding> {
    seen.disk_free.map(room)
}

/// What is to be said of so many bytes that are free on the disk of the data folder.
pub fn room(free: u64) -> Finding {
    const ID: &str = "disk.room";
    const REMEDY: &str =
        msg!("Make room, or give the data folder a larger disk: what cannot be written is refused, and nothing that was answered is lost.");
    let what = t!("{free} are free on the disk of the data folder.", free = mebibytes(free));
    let low = |level| Finding::new(ID, Area::Disk, level, what.clone(), say(REMEDY));
    match free {
        free if free < DISK_FULL_BYTES => low(Level::Error),
        free if free < DISK_LOW_BYTES => low(Level::Warning),
        _ => Finding::ok(ID, Area::Disk, what),
    }
}

/// Damage, or when it was last looked for.
pub(super) fn database(tx: &Tx, seen: &Seen, zone: &Zone) -> Result<Vec<Finding>> {
    const ID: &str = "database.integrity";
    let (bytes, free) = figures::database_bytes(tx)?;
    let size = t!("{bytes}, {free} of it free for what comes", bytes = mebibytes(bytes), free = mebibytes(free));
    let ok = |words: String| vec![Finding::ok(ID, Area::Database, words)];
    if let Some(damage) = &seen.damage {
        return Ok(match integrity::words(tx, damage, &seen.data) {
            Some((what, remedy)) => vec![Finding::new(integrity::ALERT, Area::Database, Level::Error, what, remedy)],
            None => ok(t!("The database is sound ({size}); it was looked through now.", size)),
        });
    }
    let last = integrity::last(tx)?;
    Ok(match last {
        Some(last) if tx.now.since(last) <= 2 * integrity::EVERY => {
            ok(t!("The database was looked through on {day} ({size}).", day = language::date(zone.day(last)), size))
        }
        _ => {
            let since = last.map_or_else(|| String::from(t!("never")), |last| t!("last on {day}", day = language::date(zone.day(last))));
            let what = t!("Nobody has looked for damage in the database for two weeks ({since}; {size}).", since, size);
            let remedy = t!("Have the job “looks for damage in the database” run now, at System.");
            vec![Finding::new(ID, Area::Database, Level::Warning, what, remedy)]
        }
    })
}

/// Jobs that fail.
pub(super) fn jobs(tx: &Tx, actor: &Actor) -> Result<Vec<Finding>> {
    // A job that plans its own next try ends well though what it asked for did not come: its connection knows.
    let ways = connections::failing(tx, actor)?;
    let way = |job: &work::Standing| ways.iter().find(|way| way.service.job() == job.name);
    let failing: Vec<_> = work::list(tx, actor)?.into_iter().filter(|job| job.turn.failures > 0 || way(job).is_some()).collect();
    if failing.is_empty() {
        return Ok(vec![Finding::ok("jobs.failing", Area::Jobs, t!("Everything that runs by itself went well the last time."))]);
    }
    let finding = |job: work::Standing| {
        if let Some(failure) = way(&job).and_then(|way| way.failure.as_ref()).filter(|_| job.turn.failures == 0) {
            let what = t!("What {job} did not get through the last time: {failure}.", job = job.words, failure = failure.what);
            let remedy =
                t!("It is tried again by itself; “Test now” is at System, Connections to Apple. {remedy}", remedy = failure.remedy);
            return Finding::new(format!("jobs.failing:{}", job.name), Area::Jobs, Level::Warning, what, remedy.trim_end());
        }
        let times =
            if job.turn.failures == 1 { String::from(t!("once")) } else { t!("{failures} times in a row", failures = job.turn.failures) };
        let what = t!("What {job} failed {times}: {result}", job = job.words, times, result = job.turn.result);
        let remedy = t!("It is tried again by itself. If it stays, look into the log; “Run now” is at System.");
        Finding::new(format!("jobs.failing:{}", job.name), Area::Jobs, Level::Warning, what, remedy)
    };
    Ok(failing.into_iter().map(finding).collect())
}

/// What runs.
pub(super) fn version(tx: &Tx, seen: &Seen) -> Result<Finding> {
    let words = t!(
        "Rollcall {version} on {os} ({arch}), schema {schema_version}, SQLite {sqlite_version}.",
        version = seen.version,
        os = std::env::consts::OS,
        arch = std::env::consts::ARCH,
        schema_version = figures::schema_version(tx)?,
        sqlite_version = figures::sqlite_version()
    );
    Ok(Finding::ok("version.program", Area::Version, words))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::issue;
    use crate::store::known_roots::Progress;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn an_authority_that_is_not_valid_yet_or_that_no_device_knows_is_an_error() {
        let (now, store) = (Timestamp::from_seconds(1_795_593_600), Store::open(OpenOptions::memory()).unwrap());
        let ahead = now.plus(Duration::from_secs(21 * 365 * 24 * 3600));
        let make = |tx: &Tx| ca::roots::adopt(tx, AuthorityState::Current, &issue::root("Ours", tx.now)?, None);
        assert!(store.write_blocking(ahead, make).unwrap());
        let look = |at: Timestamp| {
            store.read_blocking(at, |tx| {
                let root = ca::roots::list(tx, &Actor::Console)?.remove(0);
                Ok((authority(tx, &root, &Zone::default())?, root))
            })
        };
        let (early, mut root) = look(now).unwrap();
        assert!(early.level == Level::Error && early.what.contains("“Ours” is not valid before"), "{early:?}");
        assert_eq!(look(ahead).unwrap().0.level, Level::Ok);

        for (known, devices, own_tls, is_wrong) in [(0, 2, true, true), (1, 2, true, false), (0, 0, true, false), (0, 2, false, false)] {
            root.progress = Some(Progress { known, devices });
            let told = unknown_root(own_tls, &root);
            assert_eq!(told.is_some_and(|told| told.level == Level::Error), is_wrong, "{known} of {devices}");
        }
    }
}
