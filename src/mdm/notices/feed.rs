//! The calendar of everything that ends, at an address that nobody can guess.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Day;
use crate::error::{Error, Result};
use crate::language::say;
use crate::mdm::ends::{self, End, Sort};
use crate::mdm::notices::Out;
use crate::mdm::settings::{organisation, zone};
use crate::mdm::{Actor, Right, journal};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::calendar::{self, Entry, When};
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;
use crate::store::settings::{self, Setting};

/// How long what is past stays in the calendar.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Days before an end at which calendars remind people.
const REMINDERS: [u16; 5] = [60, 30, 14, 7, 1];

/// A deadline needs no renewal, only a look.
const REMINDERS_OF_DEADLINES: [u16; 1] = [1];

/// What stands with the end of what is renewed without anybody, in words that are true before that day and after.
const BY_ITSELF: &str = msg!(
    "Rollcall renews it by itself before this day, and moves the day then: there is nothing to do. Only if the day is less than two weeks away, or over, has that failed: look at System, Jobs."
);

/// What stands with the deadline of an update plan, in words that are true before it and after.
const DEADLINE: &str = msg!(
    "By this time the devices of the plan are to have the release. Its page says which have it, and what each other one waits for: have those switched on, charged and online before."
);

/// Hex digits that tell one thing from another.
const UID_DIGITS: usize = 32;

const TOKEN: Setting<SecretBytes> = Setting::new("notices.calendar_token");

/// The secret part of the address; none while there is none.
pub(super) fn token(tx: &Tx) -> Result<Option<Secret<String>>> {
    Ok(settings::secret(tx, &TOKEN)?.map(|token| Secret::new(String::from_utf8_lossy(token.expose()).into_owned())))
}

fn path(token: &Secret<String>) -> Secret<String> {
    Secret::new(format!("/calendar/{}", token.expose()))
}

/// The path of the calendar's address, for those who may give it away; none while there is none.
pub fn address(tx: &Tx, actor: &Actor) -> Result<Option<Secret<String>>> {
    actor.require(Right::Configure)?;
    Ok(token(tx)?.as_ref().map(path))
}

/// Makes the calendar's address, or another one: the one before leads nowhere from then on.
pub fn renew(tx: &Tx, actor: &Actor) -> Result<Secret<String>> {
    actor.require(Right::Configure)?;
    let kind = if token(tx)?.is_some() { "notice.calendar_renewed" } else { "notice.calendar_made" };
    let made = Secret::new(tx.random().token());
    settings::set_secret(tx, &TOKEN, &SecretBytes::new(made.expose().clone().into_bytes()))?;
    journal::note(tx, actor, kind, journal::Subject::default(), Value::Null)?;
    Ok(path(&made))
}

/// Takes the calendar's address back.
pub fn revoke(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    if !settings::forget(tx, &TOKEN)? {
        return Err(Error::not_found(t!("There is no calendar address.")));
    }
    journal::note(tx, actor, "notice.calendar_revoked", journal::Subject::default(), Value::Null)
}

/// The calendar, for whoever knows the secret part of its address; `compare` takes the same time wherever two secrets differ.
pub fn read(tx: &Tx, given: &str, own_tls: bool, out: &Out, compare: impl Fn(&[u8], &[u8]) -> bool) -> Result<Option<String>> {
    let known = token(tx)?.is_some_and(|token| compare(token.expose().as_bytes(), given.as_bytes()));
    if !known {
        return Ok(None);
    }
    let zone = zone(tx)?;
    let ends = ends::all(tx, own_tls)?.into_iter().filter(|end| end.at >= tx.now.minus(KEPT));
    let entries: Vec<_> = ends.map(|end| entry(&end, zone.wall(end.at).day(), out)).collect();
    let organisation = organisation(tx)?;
    let name = if organisation.is_empty() { String::from("Rollcall") } else { t!("Rollcall, {organisation}", organisation) };
    Ok(Some(calendar::write(&name, &entries, tx.now)))
}

fn entry(end: &End, day: Day, out: &Out) -> Entry {
    let host = out.public_url.split("://").last().unwrap_or_default();
    let link = out.link(&end.path);
    let ending = || t!("{name} ends", name = end.name);
    let (summary, to_do, reminders) = match end.sort {
        Sort::Deadline => (end.name.clone(), say(DEADLINE), REMINDERS_OF_DEADLINES.to_vec()),
        // Nobody has to remember what is done without them.
        _ if end.by_itself => (ending(), say(BY_ITSELF), Vec::new()),
        _ => (ending(), end.remedy, REMINDERS.to_vec()),
    };
    // A certificate ends on a day for people; a deadline is a time that somebody chose.
    let when = if end.sort == Sort::Deadline { When::At(end.at) } else { When::Day(day) };
    // A key may hold a topic or an id of ours, which are nobody else's business.
    let uid = &hex(&sha256(end.key.as_bytes()))[..UID_DIGITS];
    let description = if to_do.is_empty() { link.clone() } else { format!("{to_do}\n{link}") };
    Entry { uid: format!("{uid}@{host}"), when, summary, description, url: link, reminders }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn told(sort: Sort, by_itself: bool, remedy: &'static str) -> Entry {
        let end = End {
            key: String::from("x:1"),
            sort,
            name: String::from("TLS certificate"),
            at: Timestamp::parse("2026-12-31T17:30:00Z").unwrap(),
            by_itself,
            remedy,
            path: String::from("/system/tls"),
        };
        let out = Out { public_url: String::from("https://mdm.example.school") };
        entry(&end, Day::parse("2026-12-31").unwrap(), &out)
    }

    #[test]
    fn what_stands_with_an_end_is_true_before_it_and_after() {
        let own = told(Sort::Proof, true, "It should have been renewed.");
        assert!(own.description.starts_with("Rollcall renews it by itself before this day"), "{own:?}");
        assert!(!own.description.contains("should have been") && own.description.ends_with("\nhttps://mdm.example.school/system/tls"));
        assert_eq!((own.when, own.reminders.len()), (When::Day(Day::parse("2026-12-31").unwrap()), 0));
        assert!(told(Sort::Proof, false, "Renew it.").description.starts_with("Renew it.\n"));
    }

    #[test]
    fn a_deadline_has_its_time_and_says_what_is_to_be_done_by_then() {
        let deadline = told(Sort::Deadline, false, "");
        assert_eq!(deadline.when, When::At(Timestamp::parse("2026-12-31T17:30:00Z").unwrap()));
        assert!(deadline.description.starts_with("By this time the devices of the plan are to have the release."), "{deadline:?}");
    }
}
