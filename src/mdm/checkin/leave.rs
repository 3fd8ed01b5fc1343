//! How an enrollment ends: the device says so, or an admin retired it and the device is told.

use serde_json::json;

use crate::error::Result;
use crate::mdm::checkin::{Reply, actor, note_state};
use crate::mdm::enroll::identify::Standing;
use crate::mdm::enroll::renewal;
use crate::mdm::return_to_service::watch;
use crate::mdm::{absent, apps, commands, escrow, groups, journal, licences, push};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, certificates, deployments, devices};

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

/// Tells whether it is a user's channel that speaks on a device that an admin retired. It is refused as any other: 401 would have the whole device leave
/// for what one user says, and it is the device's own channel that is to be told.
pub fn is_user_of_retired(standing: &Standing) -> bool {
    standing.enrollment.parent_id.is_some() && standing.enrollment.state == EnrollmentState::Retired
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
    end(tx, enrollment, EnrollmentState::Left, t!("the device left"))?;
    absent::left(tx, enrollment)?;
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
        escrow::archive(tx, &channel, &kept_when(because))?;
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

/// What stands beside the secrets of an enrollment that is over.
fn kept_when(because: &str) -> String {
    t!("kept when {because}", because)
}

/// Undoes [`end`], as `because` names it, for an enrollment and its `users` that have heard nothing of it: they are managed as before, are asked anew
/// what they have, and are planned for.
pub(in crate::mdm) fn resume(tx: &Tx, enrollment: &Enrollment, users: Vec<Enrollment>, because: &str) -> Result<()> {
    let identities = certificates::of_enrollment(tx, &enrollment.id)?;
    let in_use = identities.iter().find(|identity| identity.revoked_at.is_none());
    let mut device_channel = enrollment.clone();
    device_channel.renewal_due_at = in_use.map(renewal::first_due);
    device_channel.state = if enrollment.enrolled_at.is_some() { EnrollmentState::Enrolled } else { EnrollmentState::Authenticated };
    let of_users = users.into_iter().filter(|user| user.state == EnrollmentState::Retired).map(|user| {
        // Where nobody can be woken, the user has not been back since the generation before.
        let (state, left_at) = if user.has_push_token { (EnrollmentState::Enrolled, None) } else { (EnrollmentState::Left, Some(tx.now)) };
        Enrollment { state, left_at, ..user }
    });
    for channel in std::iter::once(device_channel.clone()).chain(of_users) {
        escrow::restore(tx, &channel, &kept_when(because))?;
        enrollments::update(tx, &channel)?;
        deployments::look_again_at(tx, &channel.id)?;
    }
    groups::place(tx, &enrollment.device_id)?;
    if device_channel.state == EnrollmentState::Enrolled {
        enrollments::set_questions_due(tx, &enrollment.id, true)?;
        push::due_now(tx, &device_channel)?;
    }
    Ok(())
}
