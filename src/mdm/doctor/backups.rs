//! Whether everything could be had back: how old backups are, whether they are still where they were put, and whether one was ever restored.

use std::time::Duration;

use super::{Area, Finding, Level, Seen};
use crate::clock::Zone;
use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::Actor;
use crate::mdm::backups::{self, Standing, TEST_EVERY};
use crate::store::Tx;
use crate::store::backups::Backup;

const AREA: Area = Area::Backups;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A backup that is made each day is late after this.
const DAILY_LATE: Duration = Duration::from_secs(2 * 24 * 3600);

/// A backup that is made by hand is old after this.
const BY_HAND_OLD: Duration = Duration::from_secs(30 * 24 * 3600);

/// The first one is restored for trial right after it was made; this long after, something keeps it from that.
const FIRST_TEST_LATE: Duration = Duration::from_secs(24 * 3600);

/// How late the next one may be.
const TEST_LATE: Duration = Duration::from_secs(3 * 24 * 3600);

const SET_UP: &str = msg!("Set up daily backups at System, Backups, to another machine or disk than this one.");

/// What is to be said of backups; that one could not be made is told by its alert.
pub(super) fn findings(tx: &Tx, actor: &Actor, seen: &Seen, zone: &Zone) -> Result<Vec<Finding>> {
    let standing = backups::standing(tx, actor)?;
    let listed = backups::list(tx, actor)?;
    let mut findings: Vec<_> = same_disk(&standing, seen).into_iter().chain(lost(&listed, seen, zone)).collect();
    findings.extend(age(tx, &standing, zone));
    // Those that somebody took are tried by nobody here.
    if standing.last.is_some() && !(standing.is_by_hand && listed.is_empty()) {
        findings.push(test(tx, &standing, &listed));
    }
    Ok(findings)
}

/// A copy on the same disk is lost with it.
fn same_disk(standing: &Standing, seen: &Seen) -> Option<Finding> {
    const ID: &str = "backups.same_disk";
    let folder = standing.plan.folder.as_deref()?;
    let is_same = seen.backups.same_disk?;
    if !is_same {
        return Some(Finding::ok(ID, AREA, t!("Backups in {folder} are on another disk than the data.", folder)));
    }
    let what = t!("{folder} is on the same disk as the data: when that breaks, the backups in it are gone too.", folder);
    let (level, remedy) = if standing.plan.s3.is_some() {
        (Level::Note, t!("They are put into a store as well, which outlives this disk. See to it that it is not on this machine."))
    } else {
        (Level::Warning, t!("Name a folder on another disk or of another machine, or add a store that speaks S3, at System, Backups."))
    };
    Some(Finding::new(ID, AREA, level, what, remedy))
}

/// Backups that the list names and that are not there.
fn lost(listed: &[Backup], seen: &Seen, zone: &Zone) -> Option<Finding> {
    const ID: &str = "backups.lost";
    let gone: Vec<_> = listed.iter().filter(|backup| seen.backups.gone.contains(&backup.id)).collect();
    let newest = gone.first()?;
    let is_newest = listed.first().is_some_and(|first| first.id == newest.id);
    let level = if is_newest { Level::Error } else { Level::Warning };
    let away = seen.backups.unreachable.contains(&newest.location);
    let which = match gone.len() {
        1 => t!("The backup {name} of {time}", name = newest.name, time = language::date(zone.words(newest.made_at))),
        count => t!(
            "{count} backups, the newest of them {name} of {time},",
            count,
            name = newest.name,
            time = language::date(zone.words(newest.made_at))
        ),
    };
    let (is, has) = if gone.len() == 1 { (t!("is"), t!("has")) } else { (t!("are"), t!("have")) };
    let what = if away {
        t!("{which} cannot be reached: the folder {location} is not there.", which, location = newest.location)
    } else {
        t!(
            "{which} {is} listed, and {is} not in {location} any more, or {has} another size than when written.",
            which,
            is,
            location = newest.location,
            has
        )
    };
    let remedy = if away {
        t!("Connect its disk again, or mount it. If it is lost, have a backup made into another place now, at System, Backups.")
    } else {
        t!(
            "If somebody moved it, put it back. If not, find out what removes files there, and have another backup made now, at System, Backups."
        )
    };
    Some(Finding::new(ID, AREA, level, what, remedy))
}

/// How old the last one is.
fn age(tx: &Tx, standing: &Standing, zone: &Zone) -> Vec<Finding> {
    const ID: &str = "backups.age";
    let Some(last) = &standing.last else {
        let what = t!("There is no backup: with this disk every device would be lost, and each would have to be enrolled again by hand.");
        return vec![Finding::new(ID, AREA, Level::Warning, what, say(SET_UP))];
    };
    let (age, daily) = (tx.now.since(last.made_at), standing.plan.daily);
    let what = t!("The last backup is of {time}.", time = language::date(zone.words(last.made_at)));
    vec![match (daily, age) {
        (true, age) if age > DAILY_LATE => {
            Finding::new(ID, AREA, Level::Warning, what, t!("One is made each day by itself; look at System, Backups, why it is not."))
        }
        (false, age) if age > BY_HAND_OLD => Finding::new(ID, AREA, Level::Warning, what, say(SET_UP)),
        (false, _) => Finding::new(ID, AREA, Level::Note, t!("{what} Backups are not made by themselves.", what), say(SET_UP)),
        _ => Finding::ok(ID, AREA, what),
    }]
}

/// Whether one was restored for trial, and what came of it.
fn test(tx: &Tx, standing: &Standing, listed: &[Backup]) -> Finding {
    const ID: &str = "backups.test";
    const NOW: &str = msg!("It is done by itself once a month; have it done now at System, Backups, and see at System what its job says.");
    let Some(tested) = &standing.last_test else {
        let waits = listed.iter().map(|backup| tx.now.since(backup.made_at)).max().unwrap_or_default();
        let level = if waits > FIRST_TEST_LATE { Level::Warning } else { Level::Note };
        return Finding::new(ID, AREA, level, t!("No backup was restored for trial yet: nobody knows whether one can be."), say(NOW));
    };
    let (problem, age) = (&tested.problem, tx.now.since(tested.at));
    let days = match age.as_secs() / DAY.as_secs() {
        0 => String::from(t!("today")),
        1 => String::from(t!("a day ago")),
        days => t!("{days} days ago", days),
    };
    if !problem.is_empty() {
        let what = t!("The backup that was restored for trial {days} is not sound: {problem}", days, problem);
        return Finding::new(ID, AREA, Level::Error, what, t!("Make another one and have it tried, at System, Backups."));
    }
    let what = t!("One was restored for trial {days}, and is sound.", days);
    if age > TEST_EVERY + TEST_LATE {
        return Finding::new(ID, AREA, Level::Warning, t!("{what} None was since.", what), say(NOW));
    }
    Finding::ok(ID, AREA, what)
}
