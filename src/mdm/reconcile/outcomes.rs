//! What came of a policy or a declaration on the devices that are to have it, counted and one by one.

use super::standing::{State, standing};
use crate::error::Result;
use crate::mdm::{Actor, Right};
use crate::store::assignments::AssignedKind;
use crate::store::profiles::{self, ProfileState, Standing};
use crate::store::{Tx, enrollments, outcomes as store};

/// Rows of what there is and of what cannot be, each.
const ROWS_MAX: u32 = 500;

/// Rows of which it is said why they are not there yet; of those behind them the device's own page tells.
const REASONS_MAX: usize = 200;

/// Rows of one page.
pub const PAGE: usize = 50;

/// How far devices are with an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// To how many devices it is assigned now.
    pub reach: u64,
    /// How many enrollments are how far.
    pub counts: Vec<(ProfileState, u64)>,
    /// How many have nothing of it or not all, since they cannot.
    pub unable: u64,
    /// The enrollments, what failed first and what cannot be last.
    pub rows: Vec<Standing>,
}

impl Outcomes {
    /// Counts one in another state than it was.
    fn moved(&mut self, from: ProfileState, to: ProfileState) {
        for (state, count) in &mut self.counts {
            *count = if *state == from { count.saturating_sub(1) } else { *count };
        }
        self.counts.retain(|(_, count)| *count > 0);
        match self.counts.iter_mut().find(|(state, _)| *state == to) {
            Some((_, count)) => *count += 1,
            None => self.counts.insert(0, (to, 1)),
        }
    }
}

/// The counts alone, for lists.
pub fn counted(tx: &Tx, actor: &Actor, kind: AssignedKind, id: &str) -> Result<Outcomes> {
    actor.require(Right::View)?;
    Ok(Outcomes { reach: store::reach(tx, kind, id)?, counts: store::counts(tx, kind, id)?, ..Outcomes::default() })
}

/// How far every device is with a policy or a declaration that is known to exist.
pub fn outcomes(tx: &Tx, actor: &Actor, kind: AssignedKind, id: &str) -> Result<Outcomes> {
    let told = part(tx, actor, (kind, id), None, (0, ROWS_MAX as usize))?;
    let unable = by_enrollment(profiles::unable(tx, kind, id, ROWS_MAX)?);
    let count = unable.len() as u64;
    Ok(Outcomes { unable: count, rows: told.rows.into_iter().chain(unable).collect(), ..told })
}

/// One page of that, with how many rows there are in all; only those in a state, where one is named. `from` is how many stand before it.
///
/// Reasons are looked up for the rows of the page alone.
pub fn page(tx: &Tx, actor: &Actor, (kind, id): (AssignedKind, &str), state: Option<ProfileState>, from: usize) -> Result<(Outcomes, u64)> {
    // Of those that wait, some turn out to have failed once their reason is looked up: they stand behind those of which that is known.
    let looked_for = state.filter(|state| *state != ProfileState::Failed);
    let mut told = part(tx, actor, (kind, id), looked_for, (from, PAGE))?;
    let unable = by_enrollment(profiles::unable(tx, kind, id, ROWS_MAX)?);
    told.unable = unable.len() as u64;
    let of = |wanted: ProfileState| told.counts.iter().find(|(known, _)| *known == wanted).map_or(0, |(_, count)| *count);
    let there: u64 = told.counts.iter().map(|(_, count)| count).sum();
    let total = match state {
        None => there + told.unable,
        Some(ProfileState::Unable) => told.unable,
        Some(state) => of(state),
    };
    match state {
        None => {
            let before = from.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
            let room = PAGE - told.rows.len();
            told.rows.extend(unable.into_iter().skip(before).take(room));
        }
        Some(ProfileState::Unable) => told.rows = unable.into_iter().skip(from).take(PAGE).collect(),
        Some(state) => told.rows.retain(|row| row.state == state),
    }
    Ok((told, total))
}

/// Those that have, or are to have, something of it, with why not all of it is there.
fn part(tx: &Tx, actor: &Actor, (kind, id): (AssignedKind, &str), state: Option<ProfileState>, which: (usize, usize)) -> Result<Outcomes> {
    actor.require(Right::View)?;
    let store::Part { counts, mut rows } = store::part(tx, kind, id, state, which)?;
    let mut told = Outcomes { reach: store::reach(tx, kind, id)?, counts, ..Outcomes::default() };
    for row in rows.iter_mut().filter(|row| row.state != ProfileState::Installed).take(REASONS_MAX) {
        let (failed, because) = because(tx, kind, id, row)?;
        row.because = because;
        if failed && row.state != ProfileState::Failed {
            // What a declaration needs may have failed, which the device tells of that alone.
            told.moved(row.state, ProfileState::Failed);
            row.state = ProfileState::Failed;
        }
    }
    told.rows = rows;
    Ok(told)
}

/// One row for each channel of a device, with everything that it cannot have.
fn by_enrollment(rows: Vec<Standing>) -> Vec<Standing> {
    let mut whole: Vec<Standing> = Vec::new();
    for row in rows {
        match whole.last_mut().filter(|last| last.enrollment_id == row.enrollment_id) {
            Some(last) => last.because = format!("{} {}", last.because, row.because),
            None => whole.push(row),
        }
    }
    whole
}

/// Why not all of it is there, in the words of the device's own page, and whether it failed.
fn because(tx: &Tx, kind: AssignedKind, id: &str, row: &Standing) -> Result<(bool, String)> {
    let Some(enrollment) = enrollments::by_id(tx, &row.enrollment_id)? else { return Ok((false, String::new())) };
    let things = standing(tx, &enrollment)?.things;
    let theirs = things.into_iter().filter(|thing| thing.origins.iter().any(|origin| origin.kind == kind && origin.id == id));
    let open = theirs.filter(|thing| thing.state != State::There);
    let worst = open.min_by_key(|thing| thing.state != State::Failed);
    Ok(worst.map(|thing| (thing.state == State::Failed, thing.because)).unwrap_or_default())
}
