//! People as Apps and Books knows them: made known when a licence is to be theirs, retired when they are gone.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::mdm::licences::errands::{LOST_AFTER, Outcome, UserDeed, What};
use crate::mdm::licences::machine::{ATTEMPTS_MAX, wait};
use crate::mdm::licences::{concerned, invitations, outcome};
use crate::protocol::apps_and_books::{Failure, Limits, UserInput, UserLine, Verdict};
use crate::store::content_tokens::{self, ContentToken};
use crate::store::licences::events::EventKind;
use crate::store::licences::users::{self as rows, User, UserState};
use crate::store::licences::{self, HolderKind};
use crate::store::{Tx, deployments, people};

/// People that a sweep looks at in one go.
const SWEPT_MAX: u32 = 5000;

/// Says that Apple has to know a person in a location.
pub(super) fn want(tx: &Tx, token_id: &str, person_id: &str) -> Result<()> {
    let row = match rows::of(tx, token_id, person_id)? {
        Some(row) if row.wanted => return Ok(()),
        Some(row) => {
            let state = match row.state {
                UserState::Registered | UserState::Associated | UserState::Asked | UserState::Retiring => row.state,
                UserState::New | UserState::Retired | UserState::Failed => UserState::New,
            };
            User { wanted: true, state, attempts: 0, due_at: None, ..row }
        }
        None => new(token_id, person_id),
    };
    rows::put(tx, &row)?;
    content_tokens::make_due(tx, token_id)
}

/// A person whom Apple is to be told of.
fn new(token_id: &str, person_id: &str) -> User {
    User {
        token_id: token_id.to_owned(),
        person_id: person_id.to_owned(),
        wanted: true,
        known: false,
        state: UserState::New,
        email: String::new(),
        managed_apple_id: String::new(),
        invited_at: None,
        id_hash: String::new(),
        event_id: None,
        attempts: 0,
        due_at: None,
        problem: String::new(),
    }
}

/// The locations where a person is known, or about to be.
pub(super) fn known_at(tx: &Tx, person_id: &str) -> Result<BTreeSet<String>> {
    let known = rows::of_person(tx, person_id)?.into_iter();
    let fits = known.filter(|user| user.wanted && !matches!(user.state, UserState::Failed | UserState::Retired | UserState::Retiring));
    Ok(fits.map(|user| user.token_id).collect())
}

/// Says that Apple need not know a person any more.
pub(super) fn retire(tx: &Tx, person_id: &str) -> Result<()> {
    for row in rows::of_person(tx, person_id)?.into_iter().filter(|row| row.wanted) {
        let state = match row.state {
            UserState::New => UserState::Retired,
            UserState::Failed if !row.known => UserState::Retired,
            state => state,
        };
        rows::put(tx, &User { wanted: false, state, attempts: 0, due_at: None, ..row.clone() })?;
        content_tokens::make_due(tx, &row.token_id)?;
    }
    Ok(())
}

/// Notices who is gone and what changed of those who are not.
pub(super) fn sweep(tx: &Tx) -> Result<()> {
    for (row, here) in rows::outdated(tx, SWEPT_MAX)? {
        if here {
            rows::put(tx, &User { state: UserState::New, attempts: 0, due_at: None, ..row.clone() })?;
            content_tokens::make_due(tx, &row.token_id)?;
        } else {
            retire(tx, &row.person_id)?;
        }
    }
    Ok(())
}

/// Whom to tell Apple of next.
pub(super) fn errand(tx: &Tx, token_id: &str, limits: &Limits) -> Result<Option<What>> {
    let wanted = rows::to_ask(tx, token_id, true, limits.max_users)?;
    let known = wanted.first().is_some_and(|user| user.known);
    let (deed, chosen): (_, Vec<User>) = if wanted.is_empty() {
        (UserDeed::Retire, rows::to_ask(tx, token_id, false, limits.max_users)?)
    } else {
        let deed = if known { UserDeed::Update } else { UserDeed::Create };
        (deed, wanted.into_iter().filter(|user| user.known == known).collect())
    };
    if chosen.is_empty() {
        return Ok(None);
    }
    let mut users = Vec::new();
    for row in chosen {
        let (mut email, mut account) = (row.email.clone(), row.managed_apple_id.clone());
        if let Some(person) = people::by_id(tx, &row.person_id)? {
            (email, account) = (person.email, people::managed_apple_id(tx, &row.person_id)?);
        }
        let is_retired = deed == UserDeed::Retire;
        users.push(UserInput {
            client_user_id: row.person_id.clone(),
            email: if is_retired { String::new() } else { email.clone() },
            managed_apple_id: if is_retired { String::new() } else { account.clone() },
        });
        let state = if is_retired { UserState::Retiring } else { UserState::Asked };
        let lost_at = Some(tx.now.plus(LOST_AFTER));
        rows::put(tx, &User { state, email, managed_apple_id: account, due_at: lost_at, event_id: None, ..row })?;
    }
    Ok(Some(What::Users { deed, users }))
}

/// When Apple is next to be told of somebody.
pub(super) fn next_ask(tx: &Tx, token_id: &str) -> Result<Option<crate::clock::Timestamp>> {
    rows::next_ask(tx, token_id)
}

/// What came of telling Apple.
pub(super) fn asked(tx: &Tx, token: ContentToken, deed: UserDeed, users: &[UserInput], came: &Outcome) -> Result<bool> {
    let state = if deed == UserDeed::Retire { UserState::Retiring } else { UserState::Asked };
    let mut sent = Vec::new();
    for user in users {
        sent.extend(rows::of(tx, &token.id, &user.client_user_id)?.filter(|row| row.state == state && row.event_id.is_none()));
    }
    match came {
        Outcome::Answered(answer) => {
            let event_id = answer.body["eventId"].as_str().unwrap_or_default().to_owned();
            if event_id.is_empty() {
                for row in sent {
                    done(tx, &token, row)?;
                }
                return Ok(true);
            }
            outcome::expect(tx, &token, &event_id, EventKind::Users)?;
            for row in sent {
                rows::put(tx, &User { event_id: Some(event_id.clone()), ..row })?;
            }
            Ok(true)
        }
        Outcome::Refused(refusal) if matches!(refusal.verdict, Verdict::Never | Verdict::Short) => {
            for row in sent {
                refused(tx, row, Verdict::Never, &refusal.words)?;
            }
            Ok(true)
        }
        _ => {
            for row in sent {
                let state = before(&row);
                rows::put(tx, &User { state, due_at: None, ..row })?;
            }
            outcome::trouble(tx, token, came)
        }
    }
}

/// How somebody stood before Apple was asked.
fn before(row: &User) -> UserState {
    match row.state {
        UserState::Retiring => UserState::Registered,
        _ => UserState::New,
    }
}

/// An event about people is over.
pub(super) fn over(tx: &Tx, token: &ContentToken, event_id: &str, failures: &[Failure]) -> Result<()> {
    for row in rows::of_event(tx, event_id)? {
        match failures.iter().find(|failure| failure.is_about("", None, Some(&row.person_id))) {
            Some(failure) => refused(tx, row, failure.verdict, &failure.words)?,
            None => done(tx, token, row)?,
        }
    }
    Ok(())
}

fn done(tx: &Tx, token: &ContentToken, row: User) -> Result<()> {
    let row = User { event_id: None, due_at: None, attempts: 0, problem: String::new(), ..row };
    if row.state == UserState::Retiring {
        let state = if row.wanted { UserState::New } else { UserState::Retired };
        rows::set_invite_code(tx, &row.token_id, &row.person_id, None)?;
        // Whoever comes back is invited anew.
        return rows::put(tx, &User { state, known: false, id_hash: String::new(), invited_at: None, ..row });
    }
    rows::put(tx, &User { state: UserState::Registered, known: true, ..row })?;
    // Whether they have an account already, and what invites them, stands in Apple's list.
    content_tokens::sync_soon(tx, &token.id)
}

fn refused(tx: &Tx, row: User, verdict: Verdict, words: &str) -> Result<()> {
    let attempts = row.attempts + 1;
    let again = verdict != Verdict::Never && attempts < ATTEMPTS_MAX;
    let due_at = again.then(|| tx.now.plus(wait(row.attempts)));
    let person_id = row.person_id.clone();
    rows::put(tx, &User { state: UserState::Failed, event_id: None, attempts, due_at, problem: words.to_owned(), ..row })?;
    look_again(tx, &person_id)
}

/// An event is given up: those who waited for it are told of again, unless Apple's list knows better.
pub(super) fn forget_event(tx: &Tx, event_id: &str) -> Result<()> {
    for row in rows::of_event(tx, event_id)? {
        let state = before(&row);
        rows::put(tx, &User { state, event_id: None, due_at: None, ..row })?;
    }
    Ok(())
}

/// Takes Apple's list of people.
pub(super) fn read(tx: &Tx, token_id: &str, known: &[UserLine]) -> Result<()> {
    take_in(tx, token_id, known)?;
    let by_id: std::collections::HashMap<_, _> = known.iter().map(|line| (line.client_user_id.as_str(), line)).collect();
    for row in rows::of_token(tx, token_id)? {
        if row.event_id.is_some() {
            continue;
        }
        let lost = matches!(row.state, UserState::Asked | UserState::Retiring) && row.due_at.is_none_or(|due| due <= tx.now);
        let line = by_id.get(row.person_id.as_str());
        let state = match line.map(|line| line.status.as_str()) {
            Some("Associated") => UserState::Associated,
            Some("Registered") => UserState::Registered,
            Some("Retired") | None if matches!(row.state, UserState::Registered | UserState::Associated) || lost => {
                if row.wanted {
                    UserState::New
                } else {
                    UserState::Retired
                }
            }
            _ => row.state,
        };
        // Whoever is to be told of again is, whatever the list says.
        let state = match row.state {
            UserState::New | UserState::Failed => row.state,
            UserState::Asked | UserState::Retiring if !lost => row.state,
            _ => state,
        };
        let code = line.and_then(|line| line.invite_code.as_deref()).filter(|_| state == UserState::Registered);
        let id_hash = line.and_then(|line| line.id_hash.clone()).unwrap_or_default();
        let is_known = matches!(state, UserState::Registered | UserState::Associated) || row.known && line.is_some();
        let is_gone = state != row.state && matches!(state, UserState::New | UserState::Retired);
        let invited_at = row.invited_at.filter(|_| !is_gone);
        let next = User { state, id_hash, known: is_known, invited_at, ..row.clone() };
        if next != row {
            rows::put(tx, &next)?;
            look_again(tx, &row.person_id)?;
        }
        rows::set_invite_code(tx, token_id, &row.person_id, code)?;
        if code.is_some() && next.wanted && needs_invitation(tx, &next)? {
            invitations::send_missing(tx, &next)?;
        }
    }
    Ok(())
}

/// Whether a person is to have something of a location: who is only known there is not asked to accept.
fn needs_invitation(tx: &Tx, user: &User) -> Result<bool> {
    let licences = licences::of_holder(tx, HolderKind::Person, &user.person_id)?;
    Ok(licences.iter().any(|row| row.wanted && row.token_id.as_ref() == Some(&user.token_id)))
}

/// Takes in people of ours whom a location knows already: it was here before, or another server has made them known by the same id. They are listed, and
/// retired with the person.
fn take_in(tx: &Tx, token_id: &str, known: &[UserLine]) -> Result<()> {
    for line in known.iter().filter(|line| matches!(line.status.as_str(), "Registered" | "Associated")) {
        if rows::of(tx, token_id, &line.client_user_id)?.is_some() {
            continue;
        }
        let Some(person) = people::by_id(tx, &line.client_user_id)? else { continue };
        let state = if line.status == "Associated" { UserState::Associated } else { UserState::Registered };
        let account = people::managed_apple_id(tx, &person.id)?;
        // What Apple was told of them is not known any more; a change from now on is told.
        let found =
            User { known: true, state, wanted: person.active, email: person.email, managed_apple_id: account, ..new(token_id, &person.id) };
        rows::put(tx, &found)?;
        content_tokens::make_due(tx, token_id)?;
    }
    Ok(())
}

fn look_again(tx: &Tx, person_id: &str) -> Result<()> {
    for device in concerned(tx, HolderKind::Person, person_id)? {
        deployments::look_again(tx, &device)?;
    }
    Ok(())
}
