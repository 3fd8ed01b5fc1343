//! What the room knows of plans, as their pages show it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{PAGE, words};
use crate::clock::{Day, Timestamp, Wall, Zone};
use crate::error::Result;
use crate::http::pages::parts::{Address, BURN_SHORT, BurnDown, Calendar, CalendarRing, Segment, Share, State as Mark};
use crate::http::pages::updates::one::{ExceptionRow, MemberRow, PlanView, RingView};
use crate::http::pages::updates::plans::PlanRow;
use crate::language;
use crate::mdm::settings::zone;
use crate::mdm::updates::doubt::{Listed, doubt};
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::plans::EXCEPTIONS_MAX;
use crate::mdm::updates::progress::{self, Counts, Laggard};
use crate::mdm::updates::rules::{Deadline, Rules, Target};
use crate::mdm::updates::{next, pauses};
use crate::mdm::updates::{plans, timing, words as room_words};
use crate::mdm::{Actor, Right};
use crate::store::update_progress::{self, Meant, Narrowed};
use crate::store::update_states::{Stage, UpdateState};
use crate::store::{Tx, devices, groups, releases, update_plans};

/// Days of a time line whose quiet hours are drawn one by one; beyond, only holidays are.
const QUIET_DAYS: i32 = 45;

/// Points of a burn-down that are drawn.
const POINTS_MAX: usize = 200;

/// What a list of devices is narrowed to, as in its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MembersQuery {
    pub(super) stage: String,
    ring: Option<usize>,
    overdue: String,
    after: String,
    pub(super) said: String,
}

impl MembersQuery {
    fn narrowed(&self) -> Narrowed {
        let overdue = !self.overdue.is_empty();
        let stages = self.stage.split(',').filter_map(|stage| stage.parse().ok()).filter(|_| !overdue).collect();
        Narrowed { stages, ring: self.ring, overdue }
    }
}

/// One page of devices.
pub(super) struct Members {
    pub(super) rows: Vec<MemberRow>,
    pub(super) total: u64,
    pub(super) next: Option<String>,
    pub(super) filter: Option<String>,
}

/// The devices of a plan under a filter; the plan without an id is what was started by hand. The counts are of all and of each ring.
pub(super) fn members(
    tx: &Tx,
    actor: &Actor,
    plan_id: &str,
    rings: &[String],
    (all, each): (&Counts, &[Counts]),
    query: &MembersQuery,
) -> Result<Members> {
    let narrowed = query.narrowed();
    let after = Some(query.after.as_str()).filter(|after| !after.is_empty());
    let mut found = progress::members_of(tx, actor, plan_id, &narrowed, after, PAGE + 1)?;
    let is_more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let stages: Vec<_> = narrowed.stages.iter().map(|stage| stage.as_str()).collect();
    let next = found.last().filter(|_| is_more).map(|last| {
        let address = address(plan_id, &stages.join(","), narrowed.ring);
        let address = address.with("overdue", if narrowed.overdue { "1" } else { "" }).with("after", &last.member.cursor);
        format!("{address}#devices")
    });
    let counts = match narrowed.ring {
        Some(ring) => each.get(ring).cloned().unwrap_or_default(),
        None => all.clone(),
    };
    let total = match (narrowed.overdue, narrowed.stages.is_empty()) {
        (true, _) => counts.overdue,
        (false, true) => counts.total(),
        (false, false) => narrowed.stages.iter().map(|stage| counts.of(*stage)).sum(),
    };
    let exceptions = if plan_id.is_empty() { Vec::new() } else { open_exceptions(tx, plan_id)? };
    let row = |laggard: Laggard| {
        let is_excepted = exceptions.iter().any(|exception| exception.device_id == laggard.member.device_id);
        MemberRow { is_excepted, ..member(laggard, rings, tx.now) }
    };
    Ok(Members { rows: found.into_iter().map(row).collect(), total: u64::from(total), next, filter: filter_words(&narrowed, rings) })
}

fn address(plan_id: &str, stages: &str, ring: Option<usize>) -> Address {
    let path = if plan_id.is_empty() { String::from("/updates/by-hand") } else { format!("/updates/plans/{plan_id}") };
    Address::new(path).with("stage", stages).with("ring", &ring.map(|ring| ring.to_string()).unwrap_or_default())
}

/// A filter as the end of a sentence: "planned or waiting, in “Pilot”".
fn filter_words(narrowed: &Narrowed, rings: &[String]) -> Option<String> {
    let stages: Vec<_> = narrowed.stages.iter().map(|stage| stage_words(*stage)).collect();
    let mut said: Vec<_> = (!stages.is_empty()).then(|| stages.join(t!(" or "))).into_iter().collect();
    if narrowed.overdue {
        said.push(String::from(t!("past their deadline")));
    }
    if let Some(ring) = narrowed.ring {
        said.push(t!("in “{rings}”", rings = rings.get(ring).map(String::as_str).unwrap_or_default()));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Planned => t!("planned"),
        Stage::Waiting => t!("waiting"),
        Stage::Downloading => t!("downloading"),
        Stage::Prepared => t!("downloaded"),
        Stage::Installing => t!("installing"),
        Stage::Done => t!("there"),
        Stage::Failed => t!("failed"),
        Stage::Cannot => t!("unable to have it"),
        Stage::Excepted => t!("left alone"),
    }
}

/// The square of an update on a device.
pub(super) fn mark(row: &UpdateState, now: Timestamp) -> Mark {
    match row.stage {
        _ if room_words::is_overdue(row, now) => Mark::Problem,
        Stage::Done => Mark::Ok,
        Stage::Failed => Mark::Problem,
        Stage::Cannot | Stage::Excepted => Mark::Silent,
        _ => Mark::Waiting,
    }
}

fn member(laggard: Laggard, rings: &[String], now: Timestamp) -> MemberRow {
    let Laggard { member, because, remedy } = laggard;
    let name = [&member.name, &member.serial_number].into_iter().find(|name| !name.is_empty()).cloned();
    MemberRow {
        id: member.device_id,
        name: name.unwrap_or_else(|| String::from(t!("A device without a name"))),
        serial: member.serial_number,
        ring: rings.get(member.state.ring).cloned().unwrap_or_default(),
        from: member.os_version,
        // Who has it, or gets nothing, is on no way to anything.
        version: match member.state.stage {
            Stage::Done | Stage::Cannot | Stage::Excepted => String::new(),
            _ => member.state.version.clone(),
        },
        state: mark(&member.state, now),
        words: room_words::stage(&member.state, now),
        because: [because, remedy].join(" ").trim().to_owned(),
        deadline: Wall::parse(&member.state.deadline).map(|deadline| language::date(deadline.words())).unwrap_or_default(),
        seen_at: member.last_seen_at,
        may_retry: next::may_retry(&member.state, now),
        is_excepted: false,
    }
}

/// How far devices are, each part with the list behind it.
pub(super) fn segments(plan_id: &str, counts: &Counts, ring: Option<usize>) -> Vec<Segment> {
    const SHARES: [(Share, &[Stage]); 7] = [
        (Share::Installed, &[Stage::Done]),
        (Share::Installing, &[Stage::Downloading, Stage::Prepared, Stage::Installing]),
        (Share::Waiting, &[Stage::Waiting]),
        (Share::Planned, &[Stage::Planned]),
        (Share::LeftAlone, &[Stage::Excepted]),
        (Share::Cannot, &[Stage::Cannot]),
        (Share::Failed, &[Stage::Failed]),
    ];
    let segment = |(share, stages): (Share, &[Stage])| {
        let words: Vec<_> = stages.iter().map(|stage| stage.as_str()).collect();
        let count = stages.iter().map(|stage| u64::from(counts.of(*stage))).sum();
        Segment { share, count, href: Some(format!("{}#devices", address(plan_id, &words.join(","), ring))) }
    };
    SHARES.into_iter().map(segment).collect()
}

/// A plan as the list shows it.
pub(super) fn row(tx: &Tx, read: &Read) -> Result<PlanRow> {
    let (counts, _) = progress::counts(tx, read)?;
    let plan = &read.plan;
    Ok(PlanRow {
        id: plan.id.clone(),
        name: plan.name.clone(),
        target: read.rules.target.words(),
        rings: read.rules.rings.iter().map(|ring| ring.name.clone()).collect(),
        deadline: words::deadline(&read.rules.deadline),
        segments: segments(&plan.id, &counts, None),
        overdue: u64::from(counts.overdue),
        stopped: plan.stopped_at.map(|_| plan.stopped_because.clone()),
    })
}

/// One plan as its page shows it.
pub(super) fn view(tx: &Tx, actor: &Actor, id: &str, query: &MembersQuery) -> Result<PlanView> {
    let read = plans::find(tx, actor, id)?;
    let (all, each) = progress::counts(tx, &read)?;
    let names: Vec<String> = read.rules.rings.iter().map(|ring| ring.name.clone()).collect();
    let meant = update_progress::meant(tx, id)?;
    let zone = zone(tx)?;
    let since = since(tx, &read.rules, &meant)?;
    let listed = members(tx, actor, id, &names, (&all, &each), query)?;
    let calendar = calendar(&read.rules, &pauses::shown(&read.pauses, &zone), since.as_ref().map(|(day, _)| *day), zone.wall(tx.now));
    let Read { plan, rules, pauses } = &read;
    Ok(PlanView {
        means: words::means(rules).into_iter().chain([words::clocks(&zone)]).chain(words::stood_still(pauses)).collect(),
        stopped: plan.stopped_at.map(|at| (plan.stopped_because.clone(), at)),
        doubt: doubt(tx, &rules.target, &mut Listed::default())?,
        rings: rings(tx, &read, &calendar, &each)?,
        calendar,
        calendar_of: since.map(|(_, words)| words),
        segments: segments(id, &all, None),
        total: u64::from(all.total()),
        done: u64::from(all.of(Stage::Done)),
        aside: u64::from(all.of(Stage::Cannot) + all.of(Stage::Excepted)),
        overdue: u64::from(all.overdue),
        burn: burn(tx, &read, &meant, &zone)?,
        versions: meant.into_iter().map(|meant| (meant.version, u64::from(meant.devices))).collect(),
        devices: listed.rows,
        filter: listed.filter,
        matching: listed.total,
        next: listed.next,
        exceptions: exceptions(tx, id)?,
        may_change: actor.may(Right::Configure),
        may_ask: actor.may(Right::Command),
        id: plan.id.clone(),
        name: plan.name.clone(),
        note: plan.note.clone(),
    })
}

/// Where a plan follows new releases: from which day on the one counts that most devices are to have, and which that is.
fn since(tx: &Tx, rules: &Rules, meant: &[Meant]) -> Result<Option<(Day, String)>> {
    let Some(most) = meant.first().filter(|_| rules.target.moves()) else { return Ok(None) };
    let days = if let Target::NewestMinusDays { days } = &rules.target { i32::try_from(*days).unwrap_or(i32::MAX) } else { 0 };
    let listed = releases::all(tx)?.into_iter().filter(|release| release.key.os_version().to_string() == most.version);
    let posted = listed.filter_map(|release| release.posted()).min();
    Ok(posted.map(|posted| {
        (posted.plus(days), t!("{version}, posted on {posted}", version = most.version, posted = language::date(posted.words())))
    }))
}

fn calendar(rules: &Rules, pauses: &[pauses::Shown], since: Option<Day>, now: Wall) -> Calendar {
    let ring = |(at, ring): (usize, &crate::mdm::updates::rules::Ring)| {
        let window = timing::window(rules, pauses, at, since)?;
        Some(CalendarRing { name: ring.name.clone(), opens: window.opens, deadline: window.deadline })
    };
    let rings: Vec<_> = rules.rings.iter().enumerate().filter_map(ring).collect();
    let days = rings
        .iter()
        .map(|ring| ring.opens.day())
        .chain([now.day()])
        .min()
        .zip(rings.iter().map(|ring| ring.deadline.day()).chain([now.day()]).max());
    let quiet = days.map(|(first, last)| quiet(rules, first, last)).unwrap_or_default();
    Calendar { rings, now, quiet }
}

/// The times between two days in which nothing is done.
fn quiet(rules: &Rules, first: Day, last: Day) -> Vec<(Wall, Wall)> {
    let mut times: Vec<_> = rules.holidays.iter().map(|holiday| (holiday.from.at(0), holiday.to.plus(1).at(0))).collect();
    let days = last.since(first);
    if days <= QUIET_DAYS {
        for day in (0..=days).map(|days| first.plus(days)) {
            let on = rules.quiet.iter().filter(|quiet| quiet.weekdays.iter().any(|weekday| day.weekday() == *weekday as i8));
            for quiet in on {
                let (from, to) = (i64::from(quiet.from), i64::from(quiet.to));
                let ends = if to <= from { day.plus(1).at(to) } else { day.at(to) };
                times.push((day.at(from), ends));
            }
        }
    }
    times
}

fn rings(tx: &Tx, read: &Read, calendar: &Calendar, counts: &[Counts]) -> Result<Vec<RingView>> {
    let known = groups::all(tx)?;
    let lasts = last_deadlines(tx, &read.plan.id)?;
    let group = |id: &String| {
        let name = known.iter().find(|group| group.id == *id).map(|group| group.name.clone()).unwrap_or_default();
        (format!("/groups/{id}"), name)
    };
    let ring = |(at, ring): (usize, &crate::mdm::updates::rules::Ring)| {
        let counts = counts.get(at).cloned().unwrap_or_default();
        let when = calendar.rings.get(at);
        RingView {
            name: ring.name.clone(),
            groups: ring.groups.iter().map(group).collect(),
            when: when.map(|ring| ring_words(ring, lasts.get(&at).copied())).unwrap_or_default(),
            segments: segments(&read.plan.id, &counts, Some(at)),
            overdue: (u64::from(counts.overdue), format!("{}#devices", address(&read.plan.id, "", Some(at)).with("overdue", "1"))),
        }
    };
    Ok(read.rules.rings.iter().enumerate().map(ring).collect())
}

/// When a ring begins and by when it is done; devices that are told late have until later.
fn ring_words(ring: &CalendarRing, last: Option<Wall>) -> String {
    let last = last.filter(|last| *last > ring.deadline);
    let last = last
        .map(|last| t!(" Devices that were told late have until {last} at the latest.", last = language::date(last.words())))
        .unwrap_or_default();
    t!(
        "From {opens}, installed by {deadline}.{last}",
        opens = language::date(ring.opens.words()),
        deadline = language::date(ring.deadline.words()),
        last
    )
}

/// The last deadline that devices of each ring really have, on their own clocks.
fn last_deadlines(tx: &Tx, plan_id: &str) -> Result<BTreeMap<usize, Wall>> {
    let lasts = update_progress::last_deadlines(tx, plan_id)?;
    Ok(lasts.into_iter().filter_map(|(ring, text)| Some((ring, Wall::parse(&text)?))).collect())
}

/// The burn-down of the last wave: from when devices began that had not before, until now.
fn burn(tx: &Tx, read: &Read, meant: &[Meant], zone: &Zone) -> Result<Option<BurnDown>> {
    let points = progress::burn_down(tx, &read.plan.id)?;
    let Some(end) = points.iter().rposition(|point| point.left > 0) else { return Ok(None) };
    let start = points[..end].iter().rposition(|point| point.left == 0).map_or(0, |zero| zero + 1);
    let wave = &points[start..];
    let total = wave[0].left;
    let step = wave.len().div_ceil(POINTS_MAX).max(1);
    let mut drawn: Vec<_> = wave.iter().step_by(step).map(|point| (point.at, u64::from(point.left))).collect();
    drawn.extend(wave.last().map(|point| (point.at, u64::from(point.left))).filter(|last| drawn.last() != Some(last)));
    let fixed = match &read.rules.deadline {
        Deadline::At { at } => Some(zone.moment(*at)),
        Deadline::After { .. } => None,
    };
    // Where all are there, or nobody goes on, the last one that was set.
    let passed = update_progress::last_deadline(tx, &read.plan.id)?.or(wave.last().map(|point| point.at)).unwrap_or(tx.now);
    let deadline = meant.iter().filter_map(|meant| meant.due_at).max().or(fixed).unwrap_or(passed);
    let title = String::from(t!("Devices that are not there yet"));
    let began = zone.wall(wave[0].at);
    let is_short = deadline.max(tx.now).since(wave[0].at) <= BURN_SHORT;
    let starts = if is_short { timing::minute_words(began.minute() as u16) } else { language::date(began.day().words()) };
    Ok(Some(BurnDown { title, points: drawn, total: u64::from(total), deadline, starts }))
}

/// The exceptions of a plan that have not ended.
fn open_exceptions(tx: &Tx, id: &str) -> Result<Vec<update_plans::Exception>> {
    let mut open = update_plans::exceptions(tx, id, EXCEPTIONS_MAX)?;
    open.retain(|exception| exception.ends_at.is_none_or(|end| end > tx.now));
    Ok(open)
}

fn exceptions(tx: &Tx, id: &str) -> Result<Vec<ExceptionRow>> {
    let mut rows = Vec::new();
    for exception in open_exceptions(tx, id)? {
        let Some(device) = devices::by_id(tx, &exception.device_id)? else { continue };
        rows.push(ExceptionRow {
            name: super::super::devices::name(&device),
            id: exception.device_id,
            reason: exception.reason,
            ends_at: exception.ends_at,
            by: exception.created_by,
            at: exception.created_at,
        });
    }
    Ok(rows)
}
