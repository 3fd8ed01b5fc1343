//! How a licence stands, in the words of people: what it waits for, what Apple said, what has to be done.

use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::licences::{Licence, places};
use crate::mdm::settings;
use crate::store::content_tokens::{self, TokenState};
use crate::store::licences::users::{self as user_rows, UserState};
use crate::store::licences::{self as rows, HolderKind, Licence as Row, Stage};
use crate::store::{Tx, roster};

/// A licence as others see it.
pub(super) fn view(tx: &Tx, row: &Row) -> Result<Licence> {
    if !row.wanted {
        return Ok(Licence::None);
    }
    let waiting = |because: &str| Ok(Licence::Waiting { because: because.to_owned() });
    let Some(token_id) = &row.token_id else { return short(tx, row) };
    match row.stage {
        Stage::Held if row.holder_kind == HolderKind::Person => of_person(tx, token_id, &row.holder),
        Stage::Held => Ok(Licence::Held),
        Stage::Failed => Ok(Licence::Failed { because: row.problem.clone(), until: row.due_at }),
        Stage::Leaving => waiting(t!("The licence is just being given back; then it is asked for again.")),
        Stage::Open | Stage::Asked => {
            let token = content_tokens::by_id(tx, token_id)?;
            match token.map(|token| (token.state, token.problem)) {
                Some((TokenState::Refused, problem)) => Ok(Licence::Waiting { because: problem }),
                Some((TokenState::Taken, _)) => waiting(t!("Another server has taken over the location that owns the licence.")),
                _ if row.stage == Stage::Asked => waiting(t!("Apple is assigning the licence.")),
                _ if !row.problem.is_empty() => Ok(Licence::Waiting { because: again(tx, row)? }),
                _ => waiting(t!("Apple is about to be asked for the licence.")),
            }
        }
    }
}

/// What is said while a person has not accepted the invitation.
pub const NOT_ACCEPTED: &str = msg!("The person has not accepted the invitation to Apps and Books yet.");

/// What is said while no location was brought whose licences could be given.
const NO_LOCATION: &str = msg!(
    "There is no content token here, so licences can be neither seen nor given. Bring one at System, Apps and Books; what is installed stays."
);

/// Whether what keeps a licence from its holder is that no location was brought, by the cause that is kept of it.
pub fn is_no_location(because: &str) -> bool {
    let said = |words: &str| words.trim_end_matches('.') == because.trim_end_matches('.');
    said(NO_LOCATION) || said(say(NO_LOCATION))
}

/// Whether real devices can be given no licence at all, since no location was brought; practice ones have their own.
pub fn lacks_location(tx: &Tx) -> Result<bool> {
    let tokens = content_tokens::all(tx)?;
    Ok(!tokens.iter().any(|token| !token.practice) && (tokens.is_empty() || roster::total(tx, false)? > 0))
}

/// Whether real devices or people wait for a licence of an app while none can be given, since no location was brought.
pub fn awaits_location(tx: &Tx, adam_id: &str) -> Result<bool> {
    Ok(lacks_location(tx)? && rows::count_short(tx, adam_id, false)? > 0)
}

/// A person's licence counts when their account is known to Apple.
fn of_person(tx: &Tx, token_id: &str, person_id: &str) -> Result<Licence> {
    let user = user_rows::of(tx, token_id, person_id)?;
    let because = match user.map(|user| (user.state, user.problem)) {
        Some((UserState::Associated, _)) => return Ok(Licence::Held),
        Some((UserState::Registered, _)) => String::from(NOT_ACCEPTED),
        Some((UserState::Failed, problem)) => return Ok(Licence::Failed { because: problem, until: None }),
        _ => String::from(t!("Apple is being told of the person.")),
    };
    Ok(Licence::Waiting { because })
}

/// What Apple said when it refused, and when it is asked again.
fn again(tx: &Tx, row: &Row) -> Result<String> {
    let problem = row.problem.trim_end_matches('.');
    Ok(match row.due_at.filter(|due| *due > tx.now) {
        Some(due) => {
            t!("{problem}. Apple is asked again at {time}.", problem, time = language::date(settings::zone(tx)?.words(due)))
        }
        None => t!("{problem}. Apple is asked again.", problem),
    })
}

fn short(tx: &Tx, row: &Row) -> Result<Licence> {
    let by = rows::count_short(tx, &row.adam_id, row.practice)?;
    let owned: Vec<_> = places::usable(tx, &row.adam_id, row.holder_kind, row.practice)?;
    let hindered = places::hindered(tx, &row.adam_id, row.practice)?;
    if owned.is_empty() && !hindered.is_empty() {
        return Ok(Licence::Short { by, because: hindered });
    }
    // Apple refused it although there are some left by its own count.
    if !row.problem.is_empty() && owned.iter().any(|asset| asset.free() != Some(0)) {
        return Ok(Licence::Short { by, because: again(tx, row)? });
    }
    if !content_tokens::all(tx)?.iter().any(|token| token.practice == row.practice) {
        return Ok(Licence::Short { by, because: say(NO_LOCATION).to_owned() });
    }
    let because = match owned.iter().try_fold(0_u32, |sum, asset| Some(sum.saturating_add(asset.owned?))) {
        _ if owned.is_empty() => String::from(t!(
            "No location owns a licence of this app that could be given here. Get some in Apple's portal; free apps need them too."
        )),
        // How many more are needed changes with each that is waited for: it is said beside, not in a sentence that is kept.
        Some(seats) if hindered.is_empty() => t!("All {seats} licences are taken; get more in Apple's portal.", seats),
        Some(0) => hindered,
        Some(seats) => t!("All {seats} licences that can be given are taken. {hindered}", seats, hindered),
        None => String::from(t!("Apple said that there was no licence left. Its counts are read again.")),
    };
    Ok(Licence::Short { by, because })
}

/// What Apple calls the accounts that a person is known by, where they have accepted (`idHash`).
pub fn account_hashes(tx: &Tx, person_id: &str) -> Result<Vec<String>> {
    let known = user_rows::of_person(tx, person_id)?.into_iter();
    Ok(known.filter(|user| user.state == UserState::Associated && !user.id_hash.is_empty()).map(|user| user.id_hash).collect())
}
