//! What stands now of which people may want to hear: what needs somebody, and what comes to its end.

use crate::error::Result;
use crate::language;
use crate::mdm::absent;
use crate::mdm::ca::tls;
use crate::mdm::ends::{self, End, Sort};
use crate::mdm::needs;
use crate::mdm::notices::MAIL_TROUBLE;
use crate::mdm::notices::decide::{Ending, Fact};
use crate::mdm::settings::zone;
use crate::mdm::updates::lookup;
use crate::mdm::ways;
use crate::store::Tx;
use crate::store::alerts::Alert;
use crate::store::notices::NoticeKind;
use crate::store::roster::{self, Filter, Standing};

/// So many devices have to be silent, and of a hundred so many, before it looks as if nothing reached them any more.
pub const SILENT_MIN: u64 = 3;
/// As [`SILENT_MIN`], of a hundred devices.
pub const SILENT_PER_CENT: u64 = 25;

/// Wake-ups that nobody answers break nothing at once, but everything in time.
const SILENT_HARM: i64 = 75;

/// What begins the keys of needs that are told by their ends, at each of its steps.
const TOLD_BY_ENDS: [&str; 5] = ["ade.ends:", "licences.ends:", "provisioning.ends:", "package.profile_ends:", tls::ENDS];

/// What no mail is needed for: the first run shows it, or mail cannot tell it.
const NOT_TOLD: [&str; 2] = ["push.none", MAIL_TROUBLE];

/// Harm of an end by the sort of what ends: far, near, past.
fn harm(end: &End, days: u64) -> i64 {
    let near = match days {
        0 => 90,
        1..=7 => 80,
        8..=30 => 60,
        _ => 40,
    };
    if end.sort == Sort::Provisioning { near - 5 } else { near }
}

/// Everything that stands; `own_tls` says that the listeners' certificate is our own authority's.
pub fn gather(tx: &Tx, own_tls: bool) -> Result<Vec<Fact>> {
    let zone = zone(tx)?;
    let mut facts = Vec::new();
    for end in ends::all(tx, own_tls)?.into_iter().filter(|end| end.sort != Sort::Deadline) {
        let days = end.at.since(tx.now).as_secs().div_ceil(86_400);
        facts.push(Fact {
            kind: NoticeKind::Ends,
            harm: harm(&end, days),
            end: Some(Ending { at: end.at, day: language::date(zone.day(end.at)), by_itself: end.by_itself }),
            key: end.key,
            what: end.name,
            why: end.remedy.to_owned(),
            path: end.path,
        });
    }
    facts.extend(needs::all(tx)?.into_iter().filter(is_told).map(of_need));
    facts.extend(silent(tx)?);
    Ok(facts)
}

fn is_told(need: &Alert) -> bool {
    // Whoever set Lost Mode knows of it.
    !NOT_TOLD.contains(&need.key.as_str())
        && !need.key.starts_with(absent::LOST)
        && !TOLD_BY_ENDS.iter().any(|beginning| need.key.starts_with(beginning))
}

fn of_need(need: Alert) -> Fact {
    let kind = kind(&need);
    let path = ways::way(&need.key, false).map_or_else(|| String::from("/"), |(path, _)| path);
    // An app may need somebody for several reasons, all under its name.
    let key = if need.key.starts_with(needs::APP) { format!("{}:{}", need.key, need.harm) } else { need.key };
    Fact { key, kind, harm: need.harm, what: need.message, why: need.remedy, path, end: None }
}

/// What a need is about.
fn kind(need: &Alert) -> NoticeKind {
    match need.key.as_str() {
        key if key.starts_with("push.") => NoticeKind::Pushes,
        key if key.starts_with("backup.") => NoticeKind::Backups,
        key if key.starts_with("update.") || key == lookup::NEED => NoticeKind::Updates,
        _ if needs::is_of_seats(need) => NoticeKind::Seats,
        _ => NoticeKind::Other,
    }
}

/// Devices that take no wake-ups: a few lie in a drawer, many at once say that something is between.
fn silent(tx: &Tx) -> Result<Option<Fact>> {
    let counts = roster::counts(tx, &Filter { practice: Some(false), ..Filter::default() })?;
    // Who was retired is to be silent.
    let retired = roster::retired(tx)?;
    let (all, silent) = (counts.iter().sum::<u64>() - retired, counts[Standing::Silent as usize] - retired);
    if silent < SILENT_MIN || silent * 100 < all * SILENT_PER_CENT {
        return Ok(None);
    }
    Ok(Some(Fact {
        key: String::from("devices.silent"),
        kind: NoticeKind::Pushes,
        harm: SILENT_HARM,
        what: t!("{silent} of {all} devices are silent: they have not come for a week.", silent, all),
        why: String::from(t!(
            "If they are in use, look whether their network lets Apple's push service through, and whether the push certificate was renewed rather than made anew."
        )),
        path: String::from("/devices?state=silent"),
        end: None,
    }))
}
