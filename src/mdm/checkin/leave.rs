//! How an enrollment ends: the device says so, or an admin retired it and the device is told.

use serde_json::json;

use crate::error::Result;
use crate::mdm::checkin::{Reply, actor, note_state};
use crate::mdm::enroll::identify::Standing;
use crate::mdm::return_to_service::watch;
use crate::mdm::{apps, commands, escrow, groups, journal, licences};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, devices};

/// The answer by which a retired device leaves; which one depends on what its OS understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowToLeave {
    /// 403 with `com.apple.unrecognized.device` (iOS 17, macOS 14, tvOS 17, visionOS, watchOS 10 and later).
    UnrecognizedDevice,
    /// 401, which older ones understand.
    Unauthorized,
}

/// How the enrollment is to be told to leave, if an admin retired it. Whoever comes with the certificate of a new invitation is welcome again.
pub fn how_to_leave(tx: &Tx, standing: &Standing) -> Result<Option<HowToLeave>> {
    let enrollment = &standing.enrollment;
    if enrollment.state != EnrollmentState::Retired || standing.is_newcomer() {
        return Ok(None);
    }
    let Some(device) = devices::by_id(tx, &enrollment.device_id)? else { return Ok(None) };
    let since = match device.platform {
        Platform::Ios | Platform::Tvos => "17",
        Platform::Macos => "14",
        Platform::Watchos => "10",
        Platform::Visionos => "1",
        Platform::Unknown => return Ok(Some(HowToLeave::Unauthorized)),
    };
    let understands = OsVersion::parse(&device.os_version) >= OsVersion::parse(since);
    Ok(Some(if understands { HowToLeave::UnrecognizedDevice } else { HowToLeave::Unauthorized }))
}

/// Records, once, that a retired device was told to leave. It stays retired, since the answer may be lost on the way.
pub(in crate::mdm) fn told(tx: &Tx, enrollment: &Enrollment, how: HowToLeave) -> Result<Reply> {
    if enrollment.left_at.is_none() {
        let mut enrollment = enrollment.clone();
        enrollment.left_at = Some(tx.now);
        enrollments::update(tx, &enrollment)?;
        enrollments::set_push(tx, &enrollment.id, None, 0)?;
        let answer = match how {
            HowToLeave::UnrecognizedDevice => 403,
            HowToLeave::Unauthorized => 401,
        };
        journal::note(tx, &actor(&enrollment), "enrollment.told_to_leave", &enrollment, json!({ "status": answer }))?;
    }
    Ok(Reply::Leave(how))
}

/// The device says that its profile was removed. What is held for it stays held.
pub(super) fn check_out(tx: &Tx, enrollment: &Enrollment) -> Result<Reply> {
    end(tx, enrollment, EnrollmentState::Left, "the device left")?;
    note_state(tx, enrollment, "enrollment.left")?;
    Ok(Reply::Empty)
}

/// Ends an enrollment and those of its users: nothing is sent to them any more. What was erased to come back by itself keeps its licences meanwhile.
pub(in crate::mdm) fn end(tx: &Tx, enrollment: &Enrollment, state: EnrollmentState, because: &str) -> Result<()> {
    let returns = state == EnrollmentState::Erased && watch::expected(tx, enrollment)?.is_some();
    let mut channels = enrollments::user_channels(tx, &enrollment.id)?;
    channels.push(enrollment.clone());
    for mut channel in channels {
        commands::drop_all(tx, &channel, because)?;
        if returns {
            apps::left_to_return(tx, &channel)?;
        } else {
            apps::left(tx, &channel)?;
        }
        escrow::archive(tx, &channel, &format!("kept when {because}"))?;
        channel.state = state;
        channel.left_at = Some(tx.now);
        channel.renewal_due_at = None;
        enrollments::update(tx, &channel)?;
        enrollments::set_push(tx, &channel.id, None, 0)?;
    }
    if enrollment.parent_id.is_none() {
        groups::place(tx, &enrollment.device_id)?;
        if returns {
            licences::device_returns(tx, &enrollment.device_id)?;
        } else {
            licences::device_left(tx, &enrollment.device_id)?;
        }
    }
    Ok(())
}
