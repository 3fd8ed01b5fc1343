//! The devices of practice people, which they enroll by their account: each has a fleet of its own, as each signs in as somebody else.

use std::sync::Arc;

use crate::app::App;
use crate::error::{Error, Result};
use crate::mdm::admins::Password;
use crate::mdm::practice::own;
use crate::secret::Secret;
use crate::sim::client::Trust;
use crate::sim::device::{AccountSignIn, Maker, Settings};
use crate::sim::fleet::{Fleet, Plan};
use crate::sim::model;

/// What such devices have in common with those of the classroom.
pub(super) struct Ground {
    pub(super) settings: Settings,
    pub(super) maker: Arc<Maker>,
    pub(super) trust: Arc<Trust>,
    pub(super) seed: u64,
}

/// Lets the people in and their devices begin.
pub(super) async fn start(app: &App, ground: &Ground) -> Result<Vec<Fleet>> {
    // Known here alone, and another one after each start.
    let password = format!("{}-{}-{}", app.random.code(6), app.random.code(6), app.random.code(6));
    let said = Password::parse(Secret::new(password.clone()))?;
    let hashed = tokio::task::spawn_blocking(move || said.hash()).await;
    let hashed = hashed.map_err(|error| Error::internal("a password could not be hashed", error))??;
    let accounts = app.store.write(app.now(), move |tx| own::prepare(tx, &hashed)).await?;
    let mut fleets = Vec::new();
    for (facts, account) in model::own_devices(ground.seed).into_iter().zip(accounts) {
        let person = AccountSignIn {
            domain: app.public_url.clone(),
            user_identifier: account.managed_account,
            address: account.address,
            password: password.clone(),
            maker: Arc::clone(&ground.maker),
        };
        let settings = Settings { account: Some(Arc::new(person)), setup: None, ..ground.settings.clone() };
        let mut plan = Plan::new(0, settings);
        plan.seed = ground.seed;
        let mut fleet = Fleet::start(plan, Arc::clone(&ground.trust), app.clock.clone())?;
        fleet.join(facts)?;
        fleets.push(fleet);
    }
    Ok(fleets)
}
