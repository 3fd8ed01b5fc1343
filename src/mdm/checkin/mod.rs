//! Check-in: what each message of a device decides.

mod authenticate;
mod bootstrap;
mod leave;
mod moved_in;
mod token_update;

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::enroll::account;
use crate::mdm::enroll::identify::{self, Outcome, Presented, Refusal, Standing};
use crate::mdm::{Actor, ade, declarations, journal, reconcile, return_to_service, setup_assistant, webhooks};
use crate::protocol::checkin::{CheckIn, GetToken, Message, TokenService};
use crate::protocol::ids::EnrollmentIds;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};

pub use leave::{HowToLeave, how_to_leave, is_user_of_retired};
pub(in crate::mdm) use leave::{end, resume, told};
pub use moved_in::{Handed, MovedIn, hand_over, move_in};

/// What the device is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// 200 without a body.
    Empty,
    /// 200 with the bootstrap token.
    BootstrapToken(SecretBytes),
    /// 200 with a token for a service of Apple's.
    TokenData(SecretBytes),
    /// 200 with how it returns to service.
    ReturnToService(Box<return_to_service::Answer>),
    /// 200 with JSON of declarative management.
    Json(Vec<u8>),
    /// 404: there is no such declaration.
    NoSuchDeclaration,
    /// 410: this user is not managed here.
    NotManaged,
    /// An admin retired this enrollment: the one case in which a device is told to leave.
    Leave(HowToLeave),
    /// 400 without a body. What there was to record is recorded.
    Refused(Refusal),
}

/// Decides a check-in. An `Err` undoes everything; a refusal is a reply, so that its record stays.
pub fn checkin(tx: &Tx, presented: Option<&Presented>, checkin: &CheckIn, query: Option<&str>) -> Result<Reply> {
    let ids = &checkin.ids;
    let Some(presented) = presented else { return refuse(tx, None, ids, Refusal::NoCertificate) };
    let outcome = identify::identify(tx, presented, ids)?;
    if let Outcome::Known(standing) = &outcome
        && is_user_of_retired(standing)
    {
        return refuse(tx, Some(presented), ids, Refusal::DeviceRetired);
    }
    if let Outcome::Known(standing) = &outcome
        && let Some(how) = how_to_leave(tx, standing)?
    {
        return leave::told(tx, &standing.enrollment, how);
    }
    match (&checkin.message, outcome) {
        (_, Outcome::Refused(refusal)) => refuse(tx, Some(presented), ids, refusal),
        (Message::Authenticate(message), outcome) => authenticate::authenticate(tx, presented, (checkin, query), message, outcome),
        (Message::TokenUpdate(message), outcome) => token_update::token_update(tx, presented, (checkin, query), message, outcome),
        (Message::UserAuthenticate { .. }, outcome) => {
            if let Some(device_channel) = device_of_user(tx, ids, &outcome)? {
                webhooks::announce_check_in(tx, &device_channel, checkin, query)?;
            }
            // Network users are not managed unless someone asks for it; 410 is the word for that, and never 401.
            Ok(Reply::NotManaged)
        }
        (message, outcome) => {
            let Some(enrollment) = bound(tx, presented, outcome)? else {
                return refuse(tx, Some(presented), ids, Refusal::AnothersIdentity);
            };
            let reply = of_enrolled(tx, &enrollment, message)?;
            webhooks::announce_check_in(tx, &enrollment, checkin, query)?;
            Ok(reply)
        }
    }
}

/// Notes on the timeline of its sender a check-in of a kind that nobody knows; it is answered with 400 and changes nothing.
pub fn unknown(tx: &Tx, presented: &Presented, ids: &EnrollmentIds, message_type: &str) -> Result<()> {
    match identify::identify(tx, presented, ids)? {
        Outcome::Known(standing) => {
            let data = json!({ "message_type": message_type });
            journal::note(tx, &actor(&standing.enrollment), "checkin.unknown", &standing.enrollment, data)
        }
        Outcome::NoEnrollment(_) => Ok(()),
        Outcome::Refused(refusal) => identify::record_refusal(tx, Some(presented), ids, refusal),
    }
}

fn of_enrolled(tx: &Tx, enrollment: &Enrollment, message: &Message) -> Result<Reply> {
    match message {
        Message::CheckOut => leave::check_out(tx, enrollment),
        Message::SetBootstrapToken { token, .. } => bootstrap::set(tx, enrollment, token.as_ref()),
        Message::GetBootstrapToken { .. } => bootstrap::of(tx, enrollment),
        Message::DeclarativeManagement { endpoint, data } => {
            let answered = declarations::answer(tx, enrollment, endpoint, data.as_deref())?;
            if answered.is_news {
                reconcile::status_changed(tx, enrollment)?;
            }
            if endpoint == "status" {
                reconcile::apps_reported(tx, enrollment)?;
                reconcile::update_reported(tx, enrollment)?;
                if enrollment.awaiting_configuration {
                    reconcile::plan_if_due(tx, enrollment)?;
                    setup_assistant::look(tx, &enrollment.id, false)?;
                }
            }
            Ok(answered.reply)
        }
        Message::GetToken(GetToken { service: TokenService::Maid, .. }) => {
            let token = ade::maid::token(tx, &enrollment.device_id)?;
            journal::note(tx, &actor(enrollment), "enrollment.token_given", enrollment, json!({ "service": ade::maid::SERVICE }))?;
            Ok(Reply::TokenData(token))
        }
        Message::GetToken(_) => Err(Error::bad_input(t!("This server gives no tokens for that service."))),
        Message::ReturnToService => Ok(Reply::ReturnToService(Box::new(return_to_service::asked(tx, enrollment)?))),
        Message::Authenticate(_) | Message::TokenUpdate(_) | Message::UserAuthenticate { .. } => {
            Err(Error::new(Kind::Internal, t!("a check-in message reached the wrong room")))
        }
    }
}

/// The enrollment of a standing whose certificate is, or now becomes, its identity.
pub(in crate::mdm) fn bound(tx: &Tx, presented: &Presented, outcome: Outcome) -> Result<Option<Enrollment>> {
    let Outcome::Known(standing) = outcome else { return Ok(None) };
    let Standing { enrollment, identity } = *standing;
    let device_channel = device_channel(tx, &enrollment)?;
    if !identify::may_bind(tx, &identity, &device_channel)? {
        return Ok(None);
    }
    account::note_bearer(tx, presented, &enrollment)?;
    if identity.enrollment_id.is_some() {
        return Ok(Some(enrollment));
    }
    identify::bind(tx, presented, &identity, &device_channel)?;
    // Binding may have planned the renewal of what moved in.
    enrollments::by_id(tx, &enrollment.id)
}

/// The enrollment of the device at which a user logs in, whether the user has a channel or not.
fn device_of_user(tx: &Tx, ids: &EnrollmentIds, outcome: &Outcome) -> Result<Option<Enrollment>> {
    match outcome {
        Outcome::Known(standing) => device_channel(tx, &standing.enrollment).map(Some),
        Outcome::NoEnrollment(_) => enrollments::by_nano_id(tx, ids.nano_id().device().as_str()),
        Outcome::Refused(_) => Ok(None),
    }
}

/// The device's own channel of an enrollment.
pub(in crate::mdm) fn device_channel(tx: &Tx, enrollment: &Enrollment) -> Result<Enrollment> {
    let Some(parent_id) = &enrollment.parent_id else { return Ok(enrollment.clone()) };
    enrollments::by_id(tx, parent_id)?.ok_or_else(|| Error::new(Kind::Internal, t!("a user's channel has lost its device's")))
}

fn refuse(tx: &Tx, presented: Option<&Presented>, ids: &EnrollmentIds, refusal: Refusal) -> Result<Reply> {
    identify::record_refusal(tx, presented, ids, refusal)?;
    Ok(Reply::Refused(refusal))
}

/// The device as an actor.
pub(in crate::mdm) fn actor(enrollment: &Enrollment) -> Actor {
    Actor::Device { name: enrollment.nano_id.clone() }
}

/// Notes on the timeline that an enrollment came to stand elsewhere.
pub(in crate::mdm) fn note_state(tx: &Tx, enrollment: &Enrollment, kind: &str) -> Result<()> {
    journal::note(tx, &actor(enrollment), kind, enrollment, json!({ "generation": enrollment.generation }))
}

/// A user's channel can be spoken for only while its device is enrolled.
fn is_over(state: EnrollmentState) -> bool {
    matches!(state, EnrollmentState::Left | EnrollmentState::Erased)
}
