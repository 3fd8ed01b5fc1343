//! Secrets kept for a device, shown to those who may, who are asked first.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::{said, shell};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::secrets::{new_password, reveal, revealed};
use crate::mdm::{Actor, Right, devices, setup_assistant};
use crate::store::Tx;
use crate::store::devices::Device;
use crate::store::escrow::EscrowKind;

/// What a secret is called.
pub(super) fn title(kind: EscrowKind) -> &'static str {
    match kind {
        EscrowKind::ActivationLockBypassCode => t!("Activation Lock bypass code"),
        EscrowKind::UnlockToken => t!("Unlock token"),
        EscrowKind::BootstrapToken => t!("Bootstrap token"),
        EscrowKind::LockPin => "PIN",
        EscrowKind::RecoveryKey => t!("FileVault recovery key"),
        EscrowKind::RecoveryLockPassword => t!("Recovery lock password"),
        EscrowKind::FirmwarePassword => t!("Firmware password"),
        EscrowKind::AdminPassword => t!("Administrator's password"),
    }
}

/// Asks before a secret is shown.
pub(super) async fn ask(State(app): State<App>, who: SignedIn, Path((id, secret)): Path<(String, String)>) -> Result<Response> {
    who.actor.require(Right::Reveal)?;
    let (actor, target, wanted) = (who.actor.clone(), id.clone(), secret.clone());
    let (name, kind) = app
        .store
        .read(app.now(), |tx| {
            let device = devices::find(tx, &actor, &target)?;
            let held = devices::held(tx, &actor, &device.id)?.into_iter().find(|held| held.id == wanted);
            let held = held.ok_or_else(|| Error::not_found(t!("There is no such secret for this device.")))?;
            Ok((super::name(&device), held.kind))
        })
        .await?;
    let (back, action) = (format!("/devices/{id}/security"), format!("/devices/{id}/secrets/{secret}/reveal"));
    Ok(reveal(&shell(&app, &who, None).await?, title(kind), (&back, &name), &action).into_response())
}

/// Shows a secret once, and records who saw it.
pub(super) async fn show(State(app): State<App>, who: SignedIn, Path((id, secret)): Path<(String, String)>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let (name, kind, value) = app
        .store
        .write(app.now(), move |tx| {
            let device = devices::find(tx, &actor, &target)?;
            let (kind, value) = devices::reveal(tx, &actor, &device.id, &secret)?;
            Ok((super::name(&device), kind, value))
        })
        .await?;
    // Tokens are bytes; people carry them as base64.
    let text = std::str::from_utf8(value.expose()).map_or_else(|_| STANDARD.encode(value.expose()), str::to_owned);
    Ok(revealed(&shell(&app, &who, None).await?, title(kind), &text, (&format!("/devices/{id}/security"), &name)).into_response())
}

/// Where the password of a Mac's administrator is changed, where Setup Assistant made one and the viewer may.
pub(super) fn renewable(tx: &Tx, actor: &Actor, device: &Device) -> Result<Option<String>> {
    let is_there = actor.may(Right::Destroy) && setup_assistant::administrator(tx, &device.id)?.is_some();
    Ok(is_there.then(|| format!("/devices/{}/admin-password", device.id)))
}

/// Asks before a Mac's administrator gets a new password.
pub(super) async fn ask_renewal(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Destroy)?;
    let (actor, target) = (who.actor.clone(), id.clone());
    let (name, account) = app
        .store
        .read(app.now(), |tx| {
            let device = devices::find(tx, &actor, &target)?;
            let account = setup_assistant::administrator(tx, &device.id)?;
            Ok((super::name(&device), account.ok_or_else(|| Error::not_found(t!("This device has no administrator of yours.")))?))
        })
        .await?;
    Ok(new_password(&shell(&app, &who, None).await?, &account, (&format!("/devices/{id}"), &name)).into_response())
}

/// Has a Mac's administrator get a new password.
pub(super) async fn renew(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| setup_assistant::new_password(tx, &actor, &target)).await?;
    let words = t!("The new password is kept here. It counts once the Mac has taken it; until then the one before does.");
    Ok(said(&app, &gate, &who, &format!("/devices/{id}/security"), words))
}
