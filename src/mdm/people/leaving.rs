//! What follows when a person is not active any more, or is deleted.

use super::{find, own_devices};
use crate::error::Result;
use crate::mdm::access::{self, Affected};
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::licences::{self, HolderKind};

/// What follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaving {
    /// How many licences of apps go back.
    pub licences: u64,
    /// Which installations are told to erase what an app holds.
    pub erased: Vec<Affected>,
    /// The names of their own devices, which are told to leave.
    pub devices: Vec<String>,
}

impl Leaving {
    /// Whether nothing follows.
    pub fn is_nothing(&self) -> bool {
        self.licences == 0 && self.erased.is_empty() && self.devices.is_empty()
    }
}

/// Tells what follows when a person is not active any more, or is deleted.
pub fn leaving(tx: &Tx, actor: &Actor, id: &str, is_deleted: bool) -> Result<Leaving> {
    actor.require(Right::Configure)?;
    find(tx, actor, id)?;
    let licences = licences::of_holder(tx, HolderKind::Person, id)?.into_iter().filter(|row| row.wanted).count() as u64;
    let devices = own_devices(tx, id)?.into_iter().map(|(_, name)| name).collect();
    Ok(Leaving { licences, devices, erased: access::erased_without(tx, id, is_deleted)? })
}
