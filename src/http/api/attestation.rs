//! `/api/v1/attestation`: what proof is asked of devices that they are genuine, and what each device has shown.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::language::say;
use crate::mdm::attestation::{self, Mode, Policy};
use crate::mdm::devices;
use crate::mdm::enroll::proof;
use crate::mdm::inventory::attestation::{Asked, ask_now};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::attestations::{self, Attestation, AttestationState, Vouched};
use crate::store::devices::Device;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::invitations::IdentityKind;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, change)).routes(routes!(of_device, ask))
}

/// What proof is asked for when a device enrolls, by platform.
#[derive(Debug, Serialize, ToSchema)]
struct AttestationPolicyView {
    /// iPhone and iPad.
    ios: Mode,
    /// Mac.
    macos: Mode,
    /// Apple TV.
    tvos: Mode,
    /// Vision Pro.
    visionos: Mode,
    /// Whether the root is here by which proofs are judged; until then nothing is preferred, and what is required lets nobody in.
    root_present: bool,
}

fn view(policy: &Policy, root_present: bool) -> JsonBody<AttestationPolicyView> {
    JsonBody(AttestationPolicyView {
        ios: policy.of(Platform::Ios),
        macos: policy.of(Platform::Macos),
        tvos: policy.of(Platform::Tvos),
        visionos: policy.of(Platform::Visionos),
        root_present,
    })
}

/// What proof is asked for.
#[utoipa::path(get, path = "/api/v1/attestation", tag = "attestation",
    responses((status = 200, description = "As it is", body = AttestationPolicyView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<AttestationPolicyView>> {
    let (policy, root_present) = app.store.read(app.now(), move |tx| attestation::show(tx, &actor)).await?;
    Ok(view(&policy, root_present))
}

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AttestationPolicyChange {
    /// iPhone and iPad.
    ios: Option<Mode>,
    /// Mac.
    macos: Option<Mode>,
    /// Apple TV.
    tvos: Option<Mode>,
    /// Vision Pro.
    visionos: Option<Mode>,
}

/// Choose what proof is asked for. Devices that are enrolled already stay, and are asked for what they can prove at their next renewal.
#[utoipa::path(patch, path = "/api/v1/attestation", tag = "attestation", request_body = AttestationPolicyChange,
    responses((status = 200, description = "As it is now", body = AttestationPolicyView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(change): Json<AttestationPolicyChange>,
) -> Result<JsonBody<AttestationPolicyView>> {
    let wanted = [
        (Platform::Ios, change.ios),
        (Platform::Macos, change.macos),
        (Platform::Tvos, change.tvos),
        (Platform::Visionos, change.visionos),
    ];
    let wanted: Vec<_> = wanted.into_iter().filter_map(|(platform, mode)| Some((platform, mode?))).collect();
    let work = move |tx: &Tx| {
        let policy = attestation::change(tx, &actor, &wanted)?;
        Ok((policy, attestation::show(tx, &actor)?.1))
    };
    let (policy, root_present) = app.store.write(app.now(), work).await?;
    Ok(view(&policy, root_present))
}

/// What Apple vouches for; what its servers could not verify is absent.
#[derive(Debug, Serialize, ToSchema)]
struct VouchedView {
    /// The serial number.
    serial_number: Option<String>,
    /// The UDID, of a Mac the provisioning UDID.
    udid: Option<String>,
    /// The version of the OS.
    os_version: Option<String>,
    /// The version of the Secure Enclave's own system.
    sep_os_version: Option<String>,
    /// The version of the low-level boot loader.
    llb_version: Option<String>,
    /// The id under which Apple lists updates for it.
    software_update_device_id: Option<String>,
    /// Whether a Mac's system integrity protection is on.
    system_integrity_protection: Option<bool>,
    /// A Mac's start policy.
    #[schema(example = "Full Security")]
    secure_boot: Option<String>,
    /// Whether a Mac admits kernel extensions of third parties.
    kernel_extensions: Option<bool>,
    /// When Apple said it.
    made_at: Timestamp,
}

impl From<Vouched> for VouchedView {
    fn from(vouched: Vouched) -> Self {
        Self {
            serial_number: vouched.serial_number,
            udid: vouched.udid,
            os_version: vouched.os_version,
            sep_os_version: vouched.sep_os_version,
            llb_version: vouched.llb_version,
            software_update_device_id: vouched.software_update_device_id,
            system_integrity_protection: vouched.sip,
            secure_boot: vouched.secure_boot,
            kernel_extensions: vouched.kernel_extensions,
            made_at: vouched.made_at,
        }
    }
}

/// Whether a device is genuine, as far as it has shown it.
#[derive(Debug, Serialize, ToSchema)]
struct AttestationView {
    /// unknown, genuine, stale (Apple's word is older than our question), none (it showed nothing) or refused (what it showed does not count).
    state: AttestationState,
    /// Why, where it did not come out well.
    because: String,
    /// What Apple last vouched for.
    attested: Option<VouchedView>,
    /// When it was last asked.
    asked_at: Option<Timestamp>,
    /// When it last answered, or enrolled with a proof.
    checked_at: Option<Timestamp>,
    /// The protocol by which its present identity came; none while it is not enrolled.
    identity: Option<IdentityKind>,
    /// The protocol by which its next identity comes. One that came by SCEP is followed by one with a proof, by ACME, where that is asked for and
    /// the device can give it by now.
    next_identity: Option<IdentityKind>,
}

impl AttestationView {
    fn of(tx: &Tx, device: &Device) -> Result<Self> {
        let Attestation { state, because, vouched, asked_at, checked_at, .. } = attestations::of_device(tx, &device.id)?;
        let channel = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled);
        let (identity, next_identity) = match &channel {
            Some(channel) => (Some(proof::present_identity(tx, channel)?), Some(proof::next_identity(tx, channel)?)),
            None => (None, None),
        };
        Ok(Self { state, because, attested: vouched.map(VouchedView::from), asked_at, checked_at, identity, next_identity })
    }
}

/// Whether a device is genuine.
#[utoipa::path(get, path = "/api/v1/devices/{id}/attestation", tag = "attestation", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "As it last showed", body = AttestationView)))]
async fn of_device(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<AttestationView>> {
    let look = move |tx: &Tx| AttestationView::of(tx, &devices::find(tx, &actor, &id)?);
    Ok(JsonBody(app.store.read(app.now(), look).await?))
}

/// Ask a device now to have Apple vouch for it. Apple makes a new attestation once in seven days; in between the device shows the last one.
#[utoipa::path(post, path = "/api/v1/devices/{id}/attestation", tag = "attestation", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 202, description = "The question is in its queue"), (status = 409, description = "It cannot show it, or Apple's root is not here yet")))]
async fn ask(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    let work = move |tx: &Tx| {
        let channel = devices::channel(tx, &actor, &id)?;
        ask_now(tx, &actor, &channel)
    };
    match app.store.write(app.now(), work).await? {
        Asked::Queued => Ok(StatusCode::ACCEPTED),
        Asked::RootMissing => Err(Error::conflict(say(ROOT_MISSING))),
    }
}

/// What is said where the root has to be had first.
pub const ROOT_MISSING: &str = msg!(
    "Apple's attestation root, by which the answer is judged, is not here yet. It is being fetched; ask again in a minute. If that fails, bring it by hand under System, OS releases."
);
