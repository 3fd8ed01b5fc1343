//! Whether a device is genuine: what Apple vouched for, in words, and the question.

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::said;
use crate::app::App;
use crate::error::Result;
use crate::http::api::attestation::ROOT_MISSING;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::{Genuine, SecurityRow};
use crate::http::pages::parts::State as Mark;
use crate::mdm::attestation::{Ability, can_attest};
use crate::mdm::enroll::proof;
use crate::mdm::inventory::attestation::{Asked, ask_now};
use crate::mdm::{Actor, Right, devices};
use crate::store::Tx;
use crate::store::attestations::{self, AttestationState};
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations::IdentityKind;

/// What is known of it; none where the device cannot show it and never has.
pub(super) fn shown(tx: &Tx, actor: &Actor, device: &Device) -> Result<Option<Genuine>> {
    let attestation = attestations::of_device(tx, &device.id)?;
    let can = can_attest(&device.product_name, &device.os_version) == Ability::Can;
    if !can && attestation.state == AttestationState::Unknown {
        return Ok(None);
    }
    let (state, words) = match attestation.state {
        AttestationState::Unknown if attestation.asked_at.is_some() => (Mark::Waiting, t!("asked, and not answered yet")),
        AttestationState::Unknown | AttestationState::None => (Mark::Silent, t!("not attested yet")),
        AttestationState::Genuine => (Mark::Ok, t!("yes, Apple vouched for it")),
        AttestationState::Stale => (Mark::Waiting, t!("Apple vouched for it, not in answer to us")),
        AttestationState::Refused => (Mark::Problem, t!("its proof does not count")),
    };
    let is_enrolled = enrollments::device_channel(tx, &device.id)?.is_some_and(|channel| channel.state == EnrollmentState::Enrolled);
    Ok(Some(Genuine {
        state,
        words: words.to_owned(),
        at: attestation.vouched.map(|vouched| vouched.made_at),
        because: attestation.because,
        may_ask: can && is_enrolled && actor.may(Right::Command),
    }))
}

/// How the identity of an enrollment came and how the next one will, in words.
pub(super) fn identity_words(tx: &Tx, channel: &Enrollment) -> Result<&'static str> {
    Ok(match (proof::present_identity(tx, channel)?, proof::next_identity(tx, channel)?) {
        (IdentityKind::Acme, _) => t!("by ACME"),
        (IdentityKind::Scep, IdentityKind::Scep) => t!("by SCEP"),
        (IdentityKind::Scep, IdentityKind::Acme) => t!("by SCEP; for the next one it is to prove that it is genuine"),
    })
}

/// What Apple vouched for, for the security tab.
pub(super) fn rows(tx: &Tx, device: &Device) -> Result<Vec<SecurityRow>> {
    let Some(vouched) = attestations::of_device(tx, &device.id)?.vouched else { return Ok(Vec::new()) };
    let yes_no = |yes: bool| String::from(if yes { t!("yes") } else { t!("no") });
    let good = |is_good: bool| Some(if is_good { Mark::Ok } else { Mark::Problem });
    let facts = [
        (t!("serial number"), vouched.serial_number, None),
        ("UDID", vouched.udid, None),
        (t!("system version"), vouched.os_version, None),
        (t!("Secure Enclave system"), vouched.sep_os_version, None),
        (t!("boot loader"), vouched.llb_version, None),
        (t!("system integrity protection"), vouched.sip.map(yes_no), vouched.sip.and_then(good)),
        (t!("start policy"), vouched.secure_boot.clone(), vouched.secure_boot.and_then(|policy| good(policy == "Full Security"))),
        (
            t!("kernel extensions of others"),
            vouched.kernel_extensions.map(yes_no),
            vouched.kernel_extensions.and_then(|allowed| good(!allowed)),
        ),
    ];
    let row = |(name, words, state): (&str, Option<String>, Option<Mark>)| {
        Some(SecurityRow { name: t!("Vouched for by Apple: {name}", name), words: words?, state })
    };
    Ok(facts.into_iter().filter_map(row).collect())
}

/// Has the device asked.
pub(super) async fn ask(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let work = move |tx: &Tx| {
        let channel = devices::channel(tx, &actor, &target)?;
        ask_now(tx, &actor, &channel)
    };
    let words = match app.store.write(app.now(), work).await? {
        Asked::Queued => t!("Asked. It has Apple vouch for it when it next connects; what it shows appears here by itself."),
        Asked::RootMissing => ROOT_MISSING,
    };
    Ok(said(&app, &gate, &who, &format!("/devices/{id}"), words))
}
