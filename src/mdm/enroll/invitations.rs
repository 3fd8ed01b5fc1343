//! Invitations: what a person types or scans to bring a device in.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, capability, journal, names};
use crate::store::Tx;
use crate::store::invitations::{self, Invitation};

/// Letters of an invitation's code: 12 of 30 give 58 bits, and a code can still be typed.
pub const CODE_LETTERS: usize = 12;

/// Longest note, group or person of an invitation, in characters.
pub const MAX_LABEL_CHARS: usize = 200;

/// The most devices one invitation can be for.
pub const MAX_USES: i64 = 10_000;

/// The longest an invitation can last.
pub const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// What an admin asks for.
#[derive(Debug, Clone, Default)]
pub struct NewInvitation {
    /// What it is for, for the admin.
    pub note: String,
    /// The group that devices come into.
    pub group_label: String,
    /// The person that the device is for.
    pub person_label: String,
    /// How many devices it is good for; `None` for any number.
    pub max_uses: Option<i64>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// For simulated devices.
    pub practice: bool,
    /// Whether a device has to say who it is, signed by the identity that Apple built into it, before it gets its profile.
    pub asks_device: bool,
}

/// Why an invitation cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// There is none with this code, or it was withdrawn.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was used as often as it may be.
    UsedUp,
}

impl Unusable {
    /// What the person at the device is told.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => t!("This enrollment link is not known here, or it was withdrawn. Ask for a new one."),
            Self::Expired => t!("This enrollment link has expired. Ask for a new one."),
            Self::UsedUp => t!("This enrollment link was already used as often as it may be. Ask for a new one."),
        }
    }
}

/// Makes an invitation.
pub fn create(tx: &Tx, actor: &Actor, new: NewInvitation) -> Result<Invitation> {
    actor.require(Right::Invite)?;
    for (field, text) in [("note", &new.note), ("group", &new.group_label), ("person", &new.person_label)] {
        names::unturned(field, text)?;
        if text.chars().count() > MAX_LABEL_CHARS || text.chars().any(char::is_control) {
            return Err(Error::field(field, t!("at most {MAX_LABEL_CHARS} characters on one line", MAX_LABEL_CHARS)));
        }
    }
    if new.max_uses.is_some_and(|uses| !(1..=MAX_USES).contains(&uses)) {
        return Err(Error::field("max_uses", t!("from 1 to {MAX_USES}, or nothing for any number", MAX_USES)));
    }
    if new.expires_at.is_some_and(|at| at <= tx.now || at > tx.now.plus(MAX_LIFETIME)) {
        return Err(Error::field("expires_at", t!("a moment from now on, at most a year away, or nothing for no end")));
    }
    let invitation = Invitation {
        id: tx.new_id(),
        code: tx.random().code(CODE_LETTERS),
        note: new.note,
        group_label: new.group_label,
        person_label: new.person_label,
        uses: 0,
        max_uses: new.max_uses,
        expires_at: new.expires_at,
        revoked_at: None,
        practice: new.practice,
        created_by: actor.to_string(),
        created_at: tx.now,
        asks_device: new.asks_device,
    };
    if invitation.asks_device {
        // What devices are to repeat is proven by that key.
        capability::prepare(tx)?;
    }
    invitations::insert(tx, &invitation)?;
    journal::note(
        tx,
        actor,
        "invitation.created",
        journal::Subject::default(),
        json!({ "invitation": invitation.id, "group": invitation.group_label }),
    )?;
    Ok(invitation)
}

/// Withdraws an invitation: its link and the profiles it gave out stop working.
pub fn revoke(tx: &Tx, actor: &Actor, id: &str) -> Result<Invitation> {
    actor.require(Right::Invite)?;
    let Some(invitation) = invitations::by_id(tx, id)? else { return Err(unknown()) };
    if invitations::revoke(tx, id)? {
        journal::note(tx, actor, "invitation.revoked", journal::Subject::default(), json!({ "invitation": id }))?;
    }
    Ok(Invitation { revoked_at: invitation.revoked_at.or(Some(tx.now)), ..invitation })
}

/// One page of invitations, newest first, and how many there are in all.
pub fn list(tx: &Tx, actor: &Actor, before: Option<&str>, limit: u32) -> Result<(Vec<Invitation>, i64)> {
    actor.require(Right::View)?;
    Ok((invitations::list(tx, before, limit)?, invitations::count(tx)?))
}

/// One invitation, by id or by code.
pub fn find(tx: &Tx, actor: &Actor, id_or_code: &str) -> Result<Invitation> {
    actor.require(Right::View)?;
    let found = invitations::by_id(tx, id_or_code)?;
    let found = found.map_or_else(|| invitations::by_code(tx, id_or_code), |found| Ok(Some(found)))?;
    found.ok_or_else(unknown)
}

/// That an invitation is not for a device, because one of them is of the practice classroom and the other is not.
pub(super) fn other_kind(invitation: &Invitation) -> String {
    let named = if invitation.note.is_empty() {
        String::from(t!("This invitation"))
    } else {
        t!("The invitation “{note}”", note = invitation.note)
    };
    let (for_these, this, others) = if invitation.practice {
        (t!("practice devices"), t!("a real one"), t!("real devices"))
    } else {
        (t!("real devices"), t!("a practice device"), t!("practice devices"))
    };
    t!("{named} is for {for_these} alone, and this is {this}. Make one for {others}.", named, for_these, this, others)
}

/// Tells whether an invitation can be used at `now`.
pub fn usable(invitation: &Invitation, now: Timestamp) -> Result<(), Unusable> {
    if invitation.revoked_at.is_some() {
        return Err(Unusable::Unknown);
    }
    if invitation.expires_at.is_some_and(|end| end <= now) {
        return Err(Unusable::Expired);
    }
    if invitation.max_uses.is_some_and(|most| invitation.uses >= most) {
        return Err(Unusable::UsedUp);
    }
    Ok(())
}

/// The usable invitation behind a code, for the person who opens the link: no actor is needed, the code is the secret.
pub fn open(tx: &Tx, code: &str) -> Result<Result<Invitation, Unusable>> {
    let Some(invitation) = invitations::by_code(tx, code)? else { return Ok(Err(Unusable::Unknown)) };
    Ok(usable(&invitation, tx.now).map(|()| invitation))
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such invitation."))
}
