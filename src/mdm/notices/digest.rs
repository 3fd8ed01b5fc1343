//! The weekly digest: what needs somebody, what ends, how devices, updates and apps stand, and what the week brought.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::ends;
use crate::mdm::notices::decide::Fact;
use crate::mdm::notices::paper::{Line, Paper, Part};
use crate::mdm::notices::settings::Rules;
use crate::mdm::notices::{ACTOR, Out};
use crate::mdm::settings::zone;
use crate::mdm::updates::{plans, progress};
use crate::store::Tx;
use crate::store::app_states::Stage;
use crate::store::app_totals;
use crate::store::events;
use crate::store::roster::{self, Filter};
use crate::store::settings::{self, Setting};
use crate::store::update_states::Stage as UpdateStage;

/// How far ahead ends are listed.
const ENDS_WITHIN: Duration = Duration::from_secs(60 * 24 * 3600);

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Lines of one part; of more it says how many.
const LINES_MAX: usize = 20;

/// When the last one was written.
const WRITTEN: Setting<Timestamp> = Setting::new("notices.digest_at");

/// When the next one is due; none while none is wanted. A moment that has passed is one that was missed.
pub(super) fn next_at(tx: &Tx, rules: &Rules) -> Result<Option<Timestamp>> {
    if !rules.digest {
        return Ok(None);
    }
    let since = settings::value(tx, &WRITTEN)?.unwrap_or_default().max(rules.since_at);
    if since == Timestamp::default() {
        return Ok(None);
    }
    Ok(Some(rules.next_after(since, &zone(tx)?)))
}

/// Notes that it is written, however many weeks were missed.
pub(super) fn note_written(tx: &Tx) -> Result<()> {
    settings::set(tx, &WRITTEN, &tx.now).map(drop)
}

/// The digest as it is now.
pub(super) fn paper(tx: &Tx, facts: &[Fact], own_tls: bool, out: &Out) -> Result<Paper> {
    let needs: Vec<_> = facts.iter().filter(|fact| fact.end.is_none()).collect();
    let title = match needs.len() {
        0 => String::from(t!("The week: nothing needs you")),
        1 => String::from(t!("The week: 1 thing needs you")),
        count => t!("The week: {count} things need you", count),
    };
    let line = |fact: &&Fact| Line { what: fact.what.clone(), why: fact.why.clone(), link: out.link(&fact.path) };
    let mut parts = vec![
        part(t!("Needs you"), needs.iter().map(line).collect(), "Nothing."),
        part(t!("Ends within 60 days"), ending(tx, own_tls, out)?, "Nothing."),
        part("Devices", devices(tx, out)?, t!("None yet.")),
        part("Updates", updates(tx, out)?, t!("There is no update plan.")),
        part("Apps", apps(tx, out)?, t!("No app is assigned.")),
    ];
    parts.push(part(t!("The last seven days"), week(tx)?, t!("Nothing came and nothing went.")));
    Ok(Paper { title, lead: String::new(), parts, foot: out.foot(tx)? })
}

fn part(heading: &str, mut lines: Vec<Line>, nothing: &str) -> Part {
    let unlisted = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if unlisted > 0 {
        lines.push(Line::of(t!("And {unlisted} more.", unlisted)));
    }
    if lines.is_empty() {
        lines.push(Line::of(nothing));
    }
    Part { heading: heading.to_owned(), lines }
}

fn ending(tx: &Tx, own_tls: bool, out: &Out) -> Result<Vec<Line>> {
    let (zone, until) = (zone(tx)?, tx.now.plus(ENDS_WITHIN));
    let near = ends::all(tx, own_tls)?.into_iter().filter(|end| end.at <= until && end.at >= tx.now.minus(ENDS_WITHIN));
    let line = |end: ends::End| {
        let (ends, why) = if end.at <= tx.now { (t!("ended on"), end.remedy) } else { (t!("ends on"), "") };
        Line { what: format!("{} {ends} {}.", end.name, language::date(zone.day(end.at))), why: why.to_owned(), link: out.link(&end.path) }
    };
    Ok(near.map(line).collect())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", language::counted(count, one, many))
}

fn devices(tx: &Tx, out: &Out) -> Result<Vec<Line>> {
    let [ok, waiting, silent, problem, lost] = roster::counts(tx, &Filter { practice: Some(false), ..Filter::default() })?;
    let all = ok + waiting + silent + problem + lost;
    if all == 0 {
        return Ok(Vec::new());
    }
    let line = |what: String, state: &str| Line { what, link: out.link(&format!("/devices{state}")), ..Line::default() };
    let mut lines = vec![line(t!("{devices} in all, {ok} of them well.", devices = counted(all, t!("device"), t!("devices")), ok), "")];
    for (count, words, state) in [
        (lost, "lost.", "?state=lost"),
        (problem, t!("with a problem."), "?state=problem"),
        (waiting, t!("on which something waits."), "?state=waiting"),
        (silent, t!("not heard of for a week."), "?state=silent"),
    ] {
        if count > 0 {
            lines.push(line(format!("{count} {words}"), state));
        }
    }
    Ok(lines)
}

fn updates(tx: &Tx, out: &Out) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for read in plans::list(tx, &ACTOR)? {
        let (counts, _) = progress::counts(tx, &read)?;
        let devices = counted(counts.total().into(), t!("device"), t!("devices"));
        let late = if counts.overdue > 0 { t!(" {overdue} past the deadline.", overdue = counts.overdue) } else { String::new() };
        let what = t!(
            "“{name}”: {the_of} of {devices} have it.{late}",
            name = read.plan.name,
            the_of = counts.of(UpdateStage::Done),
            devices,
            late
        );
        let why = if read.plan.stopped_at.is_some() {
            t!("It is stopped: {stopped_because}.", stopped_because = read.plan.stopped_because.trim_end_matches('.'))
        } else {
            String::new()
        };
        lines.push(Line { what, why, link: out.link(&format!("/updates/plans/{}", read.plan.id)) });
    }
    Ok(lines)
}

fn apps(tx: &Tx, out: &Out) -> Result<Vec<Line>> {
    let counts = app_totals::totals(tx)?;
    let of = |stages: &[Stage]| counts.iter().filter(|(stage, _)| stages.contains(stage)).map(|(_, count)| count).sum::<u64>();
    let there = of(&[Stage::Installed, Stage::Outdated, Stage::Updating]);
    let under_way = of(&[Stage::Licence, Stage::Sent, Stage::Prompting, Stage::Installing]);
    let short = of(&[Stage::NoLicence, Stage::NeedsCode]);
    let failed = of(&[Stage::Failed, Stage::Stuck, Stage::Lacking, Stage::Declined]);
    if there + under_way + short + failed == 0 {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    for (count, one, many) in [
        (there, t!("app is there and managed."), t!("apps are there and managed, each counted on each device.")),
        (under_way, t!("is on its way."), t!("are on their way.")),
        (short, t!("waits for a licence or a code."), t!("wait for a licence or a code.")),
        (failed, t!("could not be brought."), t!("could not be brought.")),
    ] {
        if count > 0 {
            lines.push(Line { what: counted(count, one, many), link: out.link("/apps"), ..Line::default() });
        }
    }
    Ok(lines)
}

/// What came and went.
fn week(tx: &Tx) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (kind, one, many) in [
        ("enrollment.enrolled", t!("device came in."), t!("devices came in.")),
        ("enrollment.left", t!("device left."), t!("devices left.")),
        ("enrollment.erased", t!("device was erased."), t!("devices were erased.")),
        ("backup.made", t!("backup was made."), t!("backups were made.")),
        ("backup.failed", t!("backup failed."), t!("backups failed.")),
    ] {
        let filter = events::Filter { kind: Some(kind), from: Some(tx.now.minus(WEEK)), ..events::Filter::default() };
        let count = events::count(tx, &filter)?;
        if count > 0 {
            lines.push(Line::of(counted(count, one, many)));
        }
    }
    Ok(lines)
}
