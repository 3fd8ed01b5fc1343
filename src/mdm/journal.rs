//! One way to write down what happened, for every room: who, what, about which device.

use serde_json::Value;

use crate::error::Result;
use crate::mdm::Actor;
use crate::store::Tx;
use crate::store::enrollments::Enrollment;
use crate::store::events::{self, NewEvent};

/// What an event is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The device, if it is about one.
    pub device_id: Option<&'a str>,
    /// The enrollment, if it is about one.
    pub enrollment_id: Option<&'a str>,
    /// The command, if it is about one.
    pub command_uuid: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// About a device as such.
    pub fn device(device_id: &'a str) -> Self {
        Self { device_id: Some(device_id), ..Self::default() }
    }

    /// About a command of an enrollment.
    #[must_use]
    pub fn command(self, uuid: &'a str) -> Self {
        Self { command_uuid: Some(uuid), ..self }
    }
}

impl<'a> From<&'a Enrollment> for Subject<'a> {
    fn from(enrollment: &'a Enrollment) -> Self {
        Self { device_id: Some(&enrollment.device_id), enrollment_id: Some(&enrollment.id), command_uuid: None }
    }
}

/// Records that `actor` did `kind` to `subject`; `data` is a JSON object without secrets, or null.
pub fn note<'a>(tx: &Tx, actor: &Actor, kind: &str, subject: impl Into<Subject<'a>>, data: Value) -> Result<()> {
    let subject = subject.into();
    events::append(
        tx,
        &NewEvent {
            kind,
            actor_kind: actor.kind(),
            actor: &actor.to_string(),
            device_id: subject.device_id,
            enrollment_id: subject.enrollment_id,
            command_uuid: subject.command_uuid,
            data,
        },
    )?;
    Ok(())
}
