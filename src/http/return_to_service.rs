//! What page and API do alike when a device is erased to come back by itself: plan it, make the profile that goes with it, and queue it.

use crate::app::App;
use crate::error::{Error, Result};
use crate::mdm::Actor;
use crate::mdm::enroll::profile;
use crate::mdm::return_to_service::network::Network;
use crate::mdm::return_to_service::{self, Plan};

/// Plans how a device comes back, with the signed profile that goes along, where one does. Nothing is changed yet.
pub async fn prepare(app: &App, actor: &Actor, device: &str, network: Network) -> Result<(Plan, Option<Vec<u8>>)> {
    let (now, base, actor, device) = (app.now(), app.public_url.clone(), actor.clone(), device.to_owned());
    let plan = app.store.read(now, move |tx| return_to_service::plan(tx, &actor, &device, &network, &base)).await?;
    let Some(grant) = plan.grant.clone() else { return Ok((plan, None)) };
    let (random, authority) = (app.random.clone(), app.authority());
    let signed = tokio::task::spawn_blocking(move || profile::signed(&grant, &random, &authority.issuer, now)).await;
    let signed = signed.map_err(|panic| Error::internal("a fault in the program", panic))??;
    Ok((plan, Some(signed)))
}

/// Erases a device that comes back by itself.
pub async fn bring_back(app: &App, actor: &Actor, device: &str, network: Network) -> Result<()> {
    let (plan, profile) = prepare(app, actor, device, network).await?;
    let actor = actor.clone();
    app.store.write(app.now(), move |tx| return_to_service::erase(tx, &actor, &plan, profile).map(drop)).await
}
