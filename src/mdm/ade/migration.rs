//! Devices that move between servers without being erased, told apart from those that are lost: what Apple's list says of them, and how they came.

use serde_json::json;

use crate::error::Result;
use crate::language;
use crate::mdm::Actor;
use crate::mdm::ade::FETCH_EVERY;
use crate::mdm::journal;
use crate::mdm::settings::zone;
use crate::store::Tx;
use crate::store::ade_devices::{self, AdeDevice, Known};
use crate::store::devices::Device;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::invitations::Entry;

/// How a device moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// It is here still; Apple's list does not name it among this server's any more.
    Goes {
        /// Until when, as far as Apple said.
        by: Option<String>,
    },
    /// It has left, after Apple's list gave it away.
    Went {
        /// When the list gave it away.
        on: String,
    },
    /// It came from another server, and was not erased.
    Came {
        /// When.
        on: String,
    },
}

impl Move {
    /// The move in a few words, for a list.
    pub fn words(&self) -> String {
        match self {
            Self::Goes { by: Some(by) } => t!("moves to another server by {by}", by),
            Self::Goes { by: None } => String::from(t!("moves to another server")),
            Self::Went { .. } => String::from(t!("moved to another server")),
            Self::Came { on } => t!("came from another server on {on}, was not erased", on),
        }
    }

    /// The move as a sentence with what follows from it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Goes { .. } => {
                t!("Apple’s list does not name it among this server’s devices any more: it {value}.", value = self.words())
            }
            Self::Went { on } => {
                t!("It left after Apple’s list gave it away on {on}: it moved to another server, or was released. It is not lost.", on)
            }
            Self::Came { .. } => t!("It {value}: what people made on it is there still.", value = self.words()),
        }
    }
}

/// How a device moves, if it does.
pub fn of(tx: &Tx, device: &Device, enrollment: Option<&Enrollment>) -> Result<Option<Move>> {
    let (Some(serial), Some(enrollment)) = (&device.serial_number, enrollment) else { return Ok(None) };
    let Some(Known { device: row, .. }) = ade_devices::by_serial(tx, serial)? else { return Ok(None) };
    moves(tx, &row, enrollment)
}

fn moves(tx: &Tx, row: &AdeDevice, enrollment: &Enrollment) -> Result<Option<Move>> {
    let zone = zone(tx)?;
    Ok(match (row.gone_at, enrollment.state) {
        // Only what Apple's list brought does it take away again.
        (Some(_), EnrollmentState::Enrolled) if enrollment.entry == Entry::Automated => {
            Some(Move::Goes { by: row.migrates_by_at.map(|by| language::date(zone.day(by))) })
        }
        (Some(gone), EnrollmentState::Left) if enrollment.left_at.is_none_or(|left| gone <= left.plus(FETCH_EVERY)) => {
            Some(Move::Went { on: language::date(zone.day(gone)) })
        }
        (None, EnrollmentState::Enrolled) => {
            let since = enrollment.enrolled_at;
            // Set up anew since, it is a device like others.
            row.migrated_at.filter(|at| since.is_some_and(|since| since <= *at)).map(|at| Move::Came { on: language::date(zone.day(at)) })
        }
        _ => None,
    })
}

/// A device has enrolled. One that Apple has move here, and that does not wait in Setup Assistant, was in use and was not erased.
pub fn arrived(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if enrollment.entry != Entry::Automated || enrollment.awaiting_configuration {
        return Ok(());
    }
    let Some(serial) = crate::store::devices::by_id(tx, &enrollment.device_id)?.and_then(|device| device.serial_number) else {
        return Ok(());
    };
    let Some(Known { device: row, .. }) = ade_devices::by_serial(tx, &serial)? else { return Ok(()) };
    if row.gone_at.is_some() || row.migrates_by_at.is_none() {
        return Ok(());
    }
    let by = row.migrates_by_at;
    ade_devices::put(tx, &AdeDevice { migrated_at: Some(tx.now), migrates_by_at: None, ..row })?;
    let device = Actor::Device { name: enrollment.nano_id.clone() };
    journal::note(tx, &device, "enrollment.migrated", enrollment, json!({ "deadline": by }))
}
