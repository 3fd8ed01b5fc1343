//! How far an appliance is that somebody has begun with: what the set-up page ticks off.

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::enroll::invitations;
use crate::mdm::{Actor, Right, backups, journal, practice};
use crate::store::invitations::Invitation;
use crate::store::roster::{self, Filter};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, push_certificates};

/// Somebody said that devices will find the appliance at its address.
const ADDRESS_CONFIRMED: Setting<bool> = Setting::new("set_up.address_confirmed");

/// Invitations that are looked at for one that is open.
const LOOKED_AT: u32 = 50;

/// What is done.
#[derive(Debug, Clone)]
pub struct FirstSteps {
    /// Somebody confirmed the address, or a device came by it.
    pub address_confirmed: bool,
    /// Practice devices that are wanted now.
    pub practice: u32,
    /// Practice devices were tried, or waived.
    pub practice_done: bool,
    /// The end of the push certificate.
    pub push_until: Option<Timestamp>,
    /// The newest invitation that can be used.
    pub invitation: Option<Invitation>,
    /// Devices, practice ones left out.
    pub devices: u64,
    /// The moment of the last backup.
    pub backup_at: Option<Timestamp>,
}

impl FirstSteps {
    /// Whether nothing is left that an appliance needs.
    pub fn is_done(&self) -> bool {
        self.address_confirmed && self.practice_done && self.push_until.is_some() && self.devices > 0
    }
}

/// How far it is.
pub fn standing(tx: &Tx, actor: &Actor) -> Result<FirstSteps> {
    actor.require(Right::View)?;
    let devices = roster::counts(tx, &Filter { practice: Some(false), ..Filter::default() })?.iter().sum();
    let (listed, _) = if actor.may(Right::Invite) { invitations::list(tx, actor, None, LOOKED_AT)? } else { (Vec::new(), 0) };
    Ok(FirstSteps {
        address_confirmed: devices > 0 || settings::value(tx, &ADDRESS_CONFIRMED)?.unwrap_or_default(),
        practice: practice::wanted(tx)?.devices,
        practice_done: devices > 0 || practice::was_decided(tx)?,
        push_until: push_certificates::current(tx)?.map(|current| current.not_after_at),
        invitation: listed.into_iter().find(|invitation| is_open(invitation, tx.now)),
        devices,
        backup_at: backups::last_at(tx)?,
    })
}

fn is_open(invitation: &Invitation, now: Timestamp) -> bool {
    !invitation.practice && invitations::usable(invitation, now).is_ok()
}

/// Notes that the address is the one that devices will find.
pub fn confirm_address(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    if settings::set(tx, &ADDRESS_CONFIRMED, &true)? {
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "address": "confirmed" }))?;
    }
    Ok(())
}
