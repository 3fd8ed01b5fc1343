//! One ask of an app: who proves to be there, and what is decided.

use std::time::Duration;

use serde_json::json;

use super::policy::{Policy, Proof, Who};
use super::{former, keys, passwords, purpose};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::Actor;
use crate::mdm::capability::{self, Bearer};
use crate::mdm::journal::{self, Subject};
use crate::pki::certificate::Fingerprint;
use crate::protocol::grant::{Claims, Code, GrantRequest};
use crate::store::access::{self, Standing};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::people::{self, Person};
use crate::store::{Tx, certificates, classes};
use numbers::Step;

/// How long after a refusal that ends a right copies of offline edits are still taken.
pub const COPIES_AFTER_REFUSAL: Duration = Duration::from_secs(3600);

/// Installations of one person without a device's proof that are remembered for one app; beyond it the one that asked longest ago is forgotten.
pub const INSTALLATIONS_MAX: u64 = 20;

mod foresee;
mod numbers;

pub(super) use foresee::foresee;
pub use numbers::FIRST_COUNTER_MAX;
pub(super) use numbers::shown_grant;

/// A certificate whose key signed the ask.
#[derive(Debug, Clone)]
pub struct Shown {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Whether one of our own authorities issued it.
    pub is_ours: bool,
    /// Whether this moment lies in its validity.
    pub is_in_its_time: bool,
}

/// An ask whose signature and password were looked at.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What was said.
    pub request: GrantRequest,
    /// The certificate that signed it.
    pub certificate: Option<Shown>,
    /// The person whose password came with it.
    pub person: Option<passwords::Verified>,
}

/// An answer that is to be signed.
#[derive(Debug, Clone)]
pub struct Granted {
    /// What it says.
    pub claims: Claims,
    /// The key that is to sign it.
    pub key_id: String,
}

/// The app that is asked about, and the device that proves to ask.
pub(super) struct Origin {
    pub(super) app_id: String,
    policy: Policy,
    pub(super) enrollment: Option<Enrollment>,
    /// What is wrong with the proof itself, though it is one.
    pub(super) flaw: Option<Code>,
}

/// A right that ended because the app or the person was deleted.
pub(super) struct Ended {
    pub(super) policy: Policy,
    pub(super) standing: Standing,
    pub(super) code: Code,
}

/// Who asks, as far as it is proven.
struct Proven {
    app_id: String,
    policy: Policy,
    enrollment: Option<Enrollment>,
    flaw: Option<Code>,
    person: Option<Person>,
    /// Whether it matters which person it is: the installation is theirs then, and nobody else's.
    is_personal: bool,
}

/// Decides what an app that asks is told, and remembers it; `iss` is the public address.
///
/// # Errors
/// Not found for an app that is not asked about here; unauthenticated where a proof that the policy wants is missing or none. Neither where the ask
/// shows a grant of ours that ended because the app or the person was deleted: that is a refusal.
pub fn grant(tx: &Tx, iss: &str, ask: &Ask) -> Result<Granted> {
    let is_unproven = ask.request.email.is_some() && ask.person.is_none();
    let proof = if is_unproven { Err(unproven(t!("Address or password is wrong."))) } else { prove(tx, ask) };
    let proven = match proof {
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::Unauthenticated) => {
            let Some(ended) = former::ended(tx, &ask.request)? else { return Err(error) };
            let claims = claims(tx, iss, &ask.request, &ended.policy, &ended.standing, ended.code)?;
            return Ok(Granted { claims, key_id: keys::signing(tx)? });
        }
        proven => proven?,
    };
    let code = decide(tx, &proven, ask)?;
    let key_id = keys::signing(tx)?;
    let claims = answer(tx, iss, ask, &proven, code)?;
    Ok(Granted { claims, key_id })
}

fn unproven(message: &'static str) -> Error {
    Error::new(Kind::Unauthenticated, message)
}

fn policy_of(json: &str) -> Result<Policy> {
    serde_json::from_str(json).map_err(|error| Error::internal("a stored access policy is one", error))
}

/// Finds the app and the device that the proofs are of.
pub(super) fn origin(tx: &Tx, ask: &Ask) -> Result<Origin> {
    let (app_id, policy, by_token) = of_app(tx, ask)?;
    let mut flaw = None;
    let mut enrollment = by_token.map(|bearer| match bearer {
        Bearer::Now(enrollment) => *enrollment,
        Bearer::Before(enrollment) => {
            flaw = Some(Code::TokenOutdated);
            *enrollment
        }
    });
    if let Some(shown) = &ask.certificate {
        let (found, wrong) = by_certificate(tx, shown)?;
        if enrollment.as_ref().is_some_and(|known| known.device_id != found.device_id) {
            return Err(unproven(t!("Token and certificate belong to different devices.")));
        }
        flaw = flaw.or(wrong);
        enrollment = enrollment.or(Some(found));
    }
    Ok(Origin { app_id, policy, enrollment, flaw })
}

/// Finds whoever the proofs are of, and refuses who brings less than the policy wants.
fn prove(tx: &Tx, ask: &Ask) -> Result<Proven> {
    let Origin { app_id, policy, enrollment, flaw } = origin(tx, ask)?;
    for (proof, is_there, message) in [
        (Proof::Token, ask.request.token.is_some(), t!("This app needs the `token` from its managed configuration.")),
        (Proof::Certificate, ask.certificate.is_some(), t!("This app must sign its asks with the device's certificate: a JWS with `x5c`.")),
        (Proof::Password, ask.person.is_some(), t!("This app needs `email` and `password` of the person.")),
    ] {
        if policy.wants(proof) && !is_there {
            return Err(unproven(message));
        }
    }
    let person = match (&ask.person, &enrollment) {
        (Some(verified), _) => people::by_id(tx, &verified.person_id)?,
        (None, Some(enrollment)) => people::of_device(tx, &enrollment.device_id)?,
        (None, None) => None,
    };
    // A device that anybody may use does not ask whose it is, unless somebody said who they are.
    let is_personal = policy.who != Who::Devices || ask.person.is_some();
    Ok(Proven { app_id, policy, enrollment, flaw, person, is_personal })
}

/// The app that is meant, its policy, and whose token came along. Of several apps with one identifier the token tells which.
fn of_app(tx: &Tx, ask: &Ask) -> Result<(String, Policy, Option<Bearer>)> {
    let apps = access::apps_by_bundle_id(tx, &ask.request.bundle_id)?;
    let Some((first, policy)) = apps.first() else {
        return Err(Error::not_found(t!(
            "Nobody has to ask here for an app with this bundle identifier. An admin sets that up on the app's page."
        )));
    };
    let Some(token) = &ask.request.token else { return Ok((first.clone(), policy_of(policy)?, None)) };
    for (app_id, policy) in &apps {
        if let Some(bearer) = capability::bearer(tx, token.expose(), &purpose(app_id))? {
            return Ok((app_id.clone(), policy_of(policy)?, Some(bearer)));
        }
    }
    Err(unproven(t!("The token is not one that this server gave to a device for this app.")))
}

/// The device channel whose identity a certificate is, and what is wrong with it now.
fn by_certificate(tx: &Tx, shown: &Shown) -> Result<(Enrollment, Option<Code>)> {
    let foreign = || unproven(t!("The certificate is none that this server issued to a device."));
    let identity = certificates::by_fingerprint(tx, &shown.fingerprint)?.filter(|_| shown.is_ours).ok_or_else(foreign)?;
    let bound =
        identity.enrollment_id.as_deref().ok_or_else(|| unproven(t!("The certificate does not belong to an enrolled device yet.")))?;
    let enrollment = enrollments::by_id(tx, bound)?.ok_or_else(foreign)?;
    let flaw = match () {
        () if identity.revoked_at.is_some() => Some(Code::CertificateRevoked),
        () if !shown.is_in_its_time => Some(Code::CertificateExpired),
        () => None,
    };
    Ok((enrollment, flaw))
}

/// Whether whoever is there may use the app now. What the app itself has kept is judged later.
fn decide(tx: &Tx, proven: &Proven, ask: &Ask) -> Result<Code> {
    let code = decide_on_right(tx, proven, ask.person.is_some())?;
    let said = ask.request.client_time;
    let off = said.since(tx.now).max(tx.now.since(said));
    let is_off = off > minutes(proven.policy.clock_tolerance_minutes);
    Ok(if code == Code::Granted && is_off { Code::ClockWrong } else { code })
}

/// Whether whoever is there has a right to the app.
fn decide_on_right(tx: &Tx, proven: &Proven, by_password: bool) -> Result<Code> {
    let Proven { app_id, enrollment, flaw, .. } = proven;
    if enrollment.as_ref().is_some_and(|enrollment| enrollment.state != EnrollmentState::Enrolled) {
        return Ok(Code::NotEnrolled);
    }
    if let Some(flaw) = flaw {
        return Ok(*flaw);
    }
    let is_assigned = match enrollment {
        Some(enrollment) => access::is_assigned(tx, app_id, &enrollment.device_id)?,
        None => access::is_assigned_anywhere(tx, app_id)?,
    };
    if !is_assigned {
        return Ok(Code::NotAssigned);
    }
    Ok(decide_on_person(tx, proven, by_password)?.unwrap_or(Code::Granted))
}

fn decide_on_person(tx: &Tx, proven: &Proven, by_password: bool) -> Result<Option<Code>> {
    let Proven { policy, enrollment, .. } = proven;
    let Some(person) = &proven.person else {
        return Ok((policy.who != Who::Devices).then_some(Code::NobodysDevice));
    };
    if !proven.is_personal {
        return Ok(None);
    }
    if !person.active {
        return Ok(Some(Code::PersonInactive));
    }
    if policy.who == Who::DevicePerson && by_password {
        let of_device = enrollment.as_ref().map(|enrollment| people::of_device(tx, &enrollment.device_id)).transpose()?.flatten();
        match of_device {
            None => return Ok(Some(Code::NobodysDevice)),
            Some(owner) if owner.id != person.id => return Ok(Some(Code::NotYourDevice)),
            Some(_) => {}
        }
    }
    let is_of_role = policy.roles.is_empty() || policy.roles.contains(&person.role);
    let is_of_class =
        policy.classes.is_empty() || classes::of_person(tx, &person.id)?.iter().any(|(class, _)| policy.classes.contains(&class.id));
    Ok((!is_of_role || !is_of_class).then_some(Code::NotAllowed))
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}

/// Judges what the app has kept against what it has shown before, remembers the ask, and says what it is told.
fn answer(tx: &Tx, iss: &str, ask: &Ask, proven: &Proven, decided: Code) -> Result<Claims> {
    let request = &ask.request;
    let installation = numbers::installation(tx, proven, request)?;
    let (code, step) = match decided {
        Code::Granted if installation.is_anothers => (Code::AnotherPerson, Step::RolledBack),
        Code::Granted => match installation.step(request) {
            Step::RolledBack => (Code::RolledBack, Step::RolledBack),
            step => (Code::Granted, step),
        },
        // Who is refused gains no number, whatever they show.
        code => (code, Step::RolledBack),
    };
    let before = installation.known.as_ref().map(|known| (known.code.clone(), known.installation.clone()));
    let standing = numbers::next_standing(tx, request, proven, installation, code, step);
    remember(tx, proven, &standing, before.is_none())?;
    if before.is_none_or(|before| before != (standing.code.clone(), standing.installation.clone())) {
        note(tx, proven, request, code)?;
    }
    claims(tx, iss, request, &proven.policy, &standing, code)
}

fn remember(tx: &Tx, proven: &Proven, standing: &Standing, is_new: bool) -> Result<()> {
    if let (true, None, Some(person)) = (is_new, &proven.enrollment, &proven.person)
        && access::count_installations(tx, &proven.app_id, &person.id)? >= INSTALLATIONS_MAX
    {
        access::forget_oldest_installation(tx, &proven.app_id, &person.id)?;
    }
    access::put_standing(tx, standing)
}

/// Writes down what changed: not each ask of each launch.
fn note(tx: &Tx, proven: &Proven, request: &GrantRequest, code: Code) -> Result<()> {
    let name = match (&proven.enrollment, &proven.person) {
        (Some(enrollment), _) => enrollment.nano_id.clone(),
        (None, person) => person.as_ref().map(|person| person.name.clone()).unwrap_or_default(),
    };
    let kind = if code == Code::Granted { "access.granted" } else { "access.refused" };
    let person = proven.person.as_ref().map(|person| &person.name);
    let data = json!({ "app_id": proven.app_id, "bundle_id": request.bundle_id, "code": code, "person": person, "installation": request.installation });
    let subject = proven.enrollment.as_ref().map_or_else(Subject::default, Subject::from);
    journal::note(tx, &Actor::Device { name }, kind, subject, data)
}

fn claims(tx: &Tx, iss: &str, request: &GrantRequest, policy: &Policy, standing: &Standing, code: Code) -> Result<Claims> {
    let allowed = code == Code::Granted;
    let issued_at = if allowed { standing.asked_at } else { tx.now };
    let offline_until = standing.offline_until.filter(|_| allowed).unwrap_or(issued_at);
    let expires_at: Timestamp = if allowed { issued_at.plus(minutes(policy.ask_every_minutes)) } else { issued_at };
    // What exists on the device alone is saved before it is erased, and kept apart: of whoever had the right, in the hour after it ended.
    let ended_at = standing.ended_at.filter(|_| code.ends_the_right() && standing.installation == request.installation);
    let copies_until = if allowed { Some(expires_at.max(offline_until)) } else { ended_at.map(|at| at.plus(COPIES_AFTER_REFUSAL)) };
    let grant = if allowed {
        numbers::grant_id(tx, &standing.app_id, &standing.holder, &standing.installation, standing.sequence)?
    } else {
        String::new()
    };
    Ok(Claims {
        iss: iss.to_owned(),
        bundle_id: request.bundle_id.clone(),
        installation: request.installation.clone(),
        nonce: request.nonce.clone(),
        grant,
        sequence: standing.sequence,
        allowed,
        erase: policy.erase_when_refused && code.ends_the_right(),
        code,
        reason: code.words().to_owned(),
        issued_at,
        expires_at,
        offline_until,
        launches_left: policy.launches.map(|launches| if allowed { launches } else { 0 }),
        clock_tolerance_s: policy.clock_tolerance_minutes * 60,
        copies_until: copies_until.filter(|_| policy.takes_copies),
        holder: standing.holder.clone(),
        app_id: standing.app_id.clone(),
    })
}
