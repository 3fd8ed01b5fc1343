//! What those who were granted an app would be told at their next ask, if something about its policy or a person were different.

use super::{Proven, decide_on_right};
use crate::error::Result;
use crate::mdm::access::policy::{Policy, Proof, Who};
use crate::protocol::grant::Code;
use crate::store::access::Standing;
use crate::store::people::{self, Person};
use crate::store::{Tx, enrollments};

/// What one would be told; none where its next ask would bring too little to be told anything, or where nobody knows who will be there.
///
/// `as_if` gives the person as they would be then; none where there would be no such person.
pub(in crate::mdm::access) fn foresee(
    tx: &Tx,
    policy: &Policy,
    standing: &Standing,
    as_if: &dyn Fn(Person) -> Option<Person>,
) -> Result<Option<Code>> {
    let enrollment = standing.enrollment_id.as_deref().map(|id| enrollments::by_id(tx, id)).transpose()?.flatten();
    if enrollment.is_none() && policy.proofs.iter().any(|proof| proof.is_of_a_device()) {
        return Ok(None);
    }
    let by_password = policy.wants(Proof::Password);
    let known = match &enrollment {
        Some(enrollment) if !by_password => people::of_device(tx, &enrollment.device_id)?,
        _ => {
            let whose = standing.owner_id.as_deref().or(standing.person_id.as_deref());
            let Some(whose) = whose.or_else(|| standing.holder.split_once('/').map(|(person, _)| person)) else { return Ok(None) };
            match people::by_id(tx, whose)? {
                Some(person) => Some(person),
                None => return Ok(Some(Code::PersonInactive)),
            }
        }
    };
    let was_there = known.is_some();
    let person = known.and_then(as_if);
    if by_password && was_there && person.is_none() {
        return Ok(Some(Code::PersonInactive));
    }
    let is_personal = policy.who != Who::Devices || by_password;
    let is_anothers =
        is_personal && standing.owner_id.as_deref().is_some_and(|owner| person.as_ref().is_none_or(|person| person.id != owner));
    let proven = Proven { app_id: standing.app_id.clone(), policy: policy.clone(), enrollment, flaw: None, person, is_personal };
    Ok(Some(match decide_on_right(tx, &proven, by_password)? {
        Code::Granted if is_anothers => Code::AnotherPerson,
        code => code,
    }))
}
