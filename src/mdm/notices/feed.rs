//! The calendar of everything that ends, at an address that nobody can guess.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Day;
use crate::error::{Error, Result};
use crate::mdm::ends::{self, End, Sort};
use crate::mdm::notices::Out;
use crate::mdm::settings::{organisation, zone};
use crate::mdm::{Actor, Right, journal};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::calendar::{self, Entry};
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;
use crate::store::settings::{self, Setting};

/// How long what is past stays in the calendar.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Days before an end at which calendars remind people.
const REMINDERS: [u16; 5] = [60, 30, 14, 7, 1];

/// A deadline needs no renewal, only a look.
const REMINDERS_OF_DEADLINES: [u16; 1] = [1];

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
    let (summary, reminders) = match end.sort {
        Sort::Deadline => (end.name.clone(), REMINDERS_OF_DEADLINES.to_vec()),
        // Nobody has to remember what is done without them.
        _ if end.by_itself => (t!("{name} ends", name = end.name), Vec::new()),
        _ => (t!("{name} ends", name = end.name), REMINDERS.to_vec()),
    };
    // A key may hold a topic or an id of ours, which are nobody else's business.
    let uid = &hex(&sha256(end.key.as_bytes()))[..UID_DIGITS];
    let description = if end.remedy.is_empty() { link.clone() } else { format!("{}\n{link}", end.remedy) };
    Entry { uid: format!("{uid}@{host}"), day, summary, description, url: link, reminders }
}
