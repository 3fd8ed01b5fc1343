//! The runner of practice devices: keeps as many of them, and their stand-in of Apple's push service, as the appliance wants.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::app::App;
use crate::apple::apns::{Apns, ApnsConfig};
use crate::apple::connect::{Connector, Endpoint, Trust};
use crate::error::{Error, Result};
use crate::mdm::practice::{self, Wanted};
use crate::pki::key::PrivateKey;
use crate::sim::apple::Services;
use crate::sim::apple::apns::Delivery;
use crate::sim::client;
use crate::sim::device::{ProfileSource, Settings};
use crate::sim::fleet::{Fleet, Plan};
use crate::store::Bell;

/// Over which time practice devices begin, so that one sees them come.
const RAMP_PER_DEVICE: Duration = Duration::from_millis(250);

/// How often practice devices connect by themselves, beside being pushed.
const POLL_EVERY: Duration = Duration::from_secs(15 * 60);

/// The longest wait before the wish is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A classroom that runs.
struct Classroom {
    wanted: Wanted,
    fleet: Fleet,
    deliveries: broadcast::Receiver<Delivery>,
    _services: Services,
}

/// Runs the classroom as the appliance wants it, until `stop` says so.
pub(super) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut bell = app.store.listen(Bell::Jobs);
    let mut classroom: Option<Classroom> = None;
    loop {
        if let Err(error) = obey(&app, &mut classroom).await {
            tracing::error!("practice devices cannot be run: {error}");
        }
        tokio::select! {
            _ = bell.heard() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            delivery = next_delivery(&mut classroom) => hand_on(classroom.as_ref(), delivery),
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    if let Some(classroom) = classroom {
        classroom.fleet.stop().await;
    }
}

async fn next_delivery(classroom: &mut Option<Classroom>) -> Option<Delivery> {
    match classroom {
        Some(classroom) => classroom.deliveries.recv().await.ok(),
        None => std::future::pending().await,
    }
}

fn hand_on(classroom: Option<&Classroom>, delivery: Option<Delivery>) {
    if let (Some(classroom), Some(delivery)) = (classroom, delivery) {
        classroom.fleet.push(&delivery.token, &delivery.magic);
    }
}

async fn obey(app: &App, classroom: &mut Option<Classroom>) -> Result<()> {
    let wanted = app.store.read(app.now(), practice::wanted).await?;
    match classroom {
        None if wanted.devices > 0 => *classroom = Some(start(app, wanted).await?),
        Some(running) if wanted.devices == 0 => {
            drop(running.fleet.summary());
            if let Some(classroom) = classroom.take() {
                classroom.fleet.stop().await;
            }
            app.set_practice_push_service(None);
        }
        Some(running) if running.wanted != wanted => {
            running.fleet.set_count(wanted.devices as usize)?;
            running.wanted = wanted;
        }
        _ => {}
    }
    Ok(())
}

async fn start(app: &App, wanted: Wanted) -> Result<Classroom> {
    let services = Services::start(&app.clock, &app.random).await?;
    let key = tokio::task::spawn_blocking(PrivateKey::generate_rsa_2048)
        .await
        .map_err(|error| Error::internal("a key could not be made", error))??;
    let topic = app.store.write(app.now(), practice::topic).await?;
    let certificate = services.apns.issue_push_certificate_for(&topic, key.public_key_der())?;
    let invitation = app
        .store
        .write(app.now(), move |tx| {
            practice::adopt_certificate(tx, &certificate, &key)?;
            practice::invitation(tx)
        })
        .await?;
    let mut apns = ApnsConfig::new(Connector::new(Trust::only(&services.trust_anchor_pem())?, app.clock.clone()));
    let address = services.apns.address();
    apns.endpoint = Endpoint::new("localhost", address.port());
    app.set_practice_push_service(Some(Arc::new(Apns::new(apns))));
    let mut settings = Settings::new(ProfileSource::Url(format!("{}/enroll/{}/profile", app.public_url, invitation.code)));
    settings.poll_every = Some(POLL_EVERY);
    settings.enrolls_again = true;
    let mut plan = Plan::new(wanted.devices as usize, settings);
    plan.seed = wanted.seed;
    plan.ramp = RAMP_PER_DEVICE * wanted.devices;
    let roots = app.roots();
    let known: Vec<_> = std::iter::once(roots.current.issuer.certificate()).chain(&roots.next).cloned().collect();
    let trust = client::Trust::new(&known)?.at(app.clock.clone());
    let deliveries = services.apns.deliveries();
    let fleet = Fleet::start(plan, Arc::new(trust), app.clock.clone())?;
    Ok(Classroom { wanted, fleet, deliveries, _services: services })
}
