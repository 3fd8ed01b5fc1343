//! A lost device: how it stands, and where it is, shown to those who may, who are asked first.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::super::shell;
use crate::app::App;
use crate::error::Result;
use crate::http::auth::SignedIn;
use crate::http::pages::device::lost::{LostView, ask_position, position};
use crate::mdm::{Actor, Right, devices, lost};
use crate::store::Tx;
use crate::store::enrollments::Enrollment;

/// What the page says of a device while it is lost.
pub(super) fn view(tx: &Tx, actor: &Actor, channel: Option<&Enrollment>) -> Result<Option<LostView>> {
    let Some(channel) = channel else { return Ok(None) };
    let show = actor.may(Right::Command).then(|| format!("/devices/{}/position", channel.device_id));
    Ok(lost::of(tx, channel)?.map(|lost| LostView { since: lost.since, told_at: lost.told_at, show }))
}

/// Asks before it is shown where a device is.
pub(super) async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Command)?;
    let (actor, target) = (who.actor.clone(), id.clone());
    let device = app.store.read(app.now(), move |tx| devices::find(tx, &actor, &target)).await?;
    let (back, name) = (format!("/devices/{}", device.id), super::name(&device));
    Ok(ask_position(&shell(&app, &who, None).await?, (&back, &name)).into_response())
}

/// Shows where a lost device is, and records who saw it.
pub(super) async fn show(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let looked = app.store.write(app.now(), move |tx| {
        let (place, told_at) = lost::look(tx, &actor, &id)?;
        Ok((devices::find(tx, &actor, &id)?, place, told_at))
    });
    let (device, place, told_at) = looked.await?;
    let (back, name) = (format!("/devices/{}", device.id), super::name(&device));
    Ok(position(&shell(&app, &who, None).await?, (&back, &name), &place, told_at).into_response())
}
