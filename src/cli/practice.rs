//! The runner of practice devices: keeps as many of them, and their stand-in of Apple's push service, as the appliance wants.

mod own;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::print;
use crate::app::App;
use crate::apple::ade::Ade;
use crate::apple::apns::{Apns, ApnsConfig};
use crate::apple::apps_and_books::AppsAndBooks;
use crate::apple::connect::{Connector, Endpoint, Trust};
use crate::error::{Error, Result};
use crate::http::{ade, content_tokens};
use crate::mdm::Actor;
use crate::mdm::ade::{presets, profiles, servers};
use crate::mdm::licences::tokens;
use crate::mdm::practice::{self, Wanted, cart};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::sim::apple::Services;
use crate::sim::apple::ade::device as boxed;
use crate::sim::apple::apns::Delivery;
use crate::sim::client;
use crate::sim::device::{Maker, ProfileSource, Settings, SetupAssistant};
use crate::sim::fleet::{Fleet, Plan};
use crate::sim::model::{self, Individual, KNOWN_APPS, Mix};
use crate::store::Bell;

/// Over which time practice devices begin, so that one sees them come.
const RAMP_PER_DEVICE: Duration = Duration::from_millis(250);

/// How often practice devices connect by themselves, beside being pushed.
const POLL_EVERY: Duration = Duration::from_secs(15 * 60);

/// The longest wait before the wish is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The rest after a bell: a class that enrolls rings it all the time, and practice devices change when somebody wishes it.
const BREATH: Duration = Duration::from_millis(100);

/// How soon it is looked again while an iPad that was switched on has no profile at Apple yet.
const LOOK_FOR_PROFILES_EVERY: Duration = Duration::from_secs(1);

/// A classroom that runs.
struct Classroom {
    wanted: Wanted,
    fleet: Fleet,
    cart: Cart,
    /// The devices of practice people, once they are to enroll them.
    own: Vec<Fleet>,
    ground: own::Ground,
    deliveries: broadcast::Receiver<Delivery>,
    services: Arc<Services>,
}

/// The practice cart: who is switched on, and who is boxed.
struct Cart {
    fleet: Fleet,
    boxed: Vec<Individual>,
}

impl Cart {
    /// Starts those that are to be on, as soon as Apple would tell them who manages them; says whether some wait for that.
    fn obey(&mut self, on: &BTreeSet<String>, services: &Services) -> Result<bool> {
        let (chosen, boxed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.boxed).into_iter().partition(|boxed| on.contains(&boxed.serial_number));
        self.boxed = boxed;
        let mut waits = false;
        for facts in chosen {
            if services.ade.book().is_managed(&facts.serial_number) {
                self.fleet.join(facts)?;
            } else {
                waits = true;
                self.boxed.push(facts);
            }
        }
        Ok(waits)
    }
}

/// Runs the classroom as the appliance wants it, until `stop` says so: beside `services` where they are there already, else beside its own.
pub(super) async fn run(app: App, services: Option<Arc<Services>>, mut stop: watch::Receiver<bool>) {
    let mut bell = app.store.listen(Bell::Jobs);
    let mut classroom: Option<Classroom> = None;
    loop {
        let look_after = match obey(&app, services.as_ref(), &mut classroom).await {
            Ok(true) => LOOK_FOR_PROFILES_EVERY,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::error!("practice devices cannot be run: {error}");
                LOOK_EVERY
            }
        };
        tokio::select! {
            () = async { bell.heard().await; tokio::time::sleep(BREATH).await } => {}
            () = tokio::time::sleep(look_after) => {}
            delivery = next_delivery(&mut classroom) => hand_on(classroom.as_ref(), delivery),
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    if let Some(classroom) = classroom {
        classroom.stop().await;
    }
}

impl Classroom {
    /// Stops all devices where they are.
    async fn stop(self) {
        for fleet in self.own.into_iter().chain([self.cart.fleet, self.fleet]) {
            fleet.stop().await;
        }
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
        for fleet in [&classroom.fleet, &classroom.cart.fleet].into_iter().chain(&classroom.own) {
            fleet.push(&delivery.token, &delivery.magic);
        }
    }
}

/// Does what is wanted; says whether it is to be looked again soon.
async fn obey(app: &App, services: Option<&Arc<Services>>, classroom: &mut Option<Classroom>) -> Result<bool> {
    let wanted = app.store.read(app.now(), practice::wanted).await?;
    match classroom {
        None if wanted.devices > 0 => *classroom = Some(start(app, services, wanted).await?),
        Some(running) if wanted.devices == 0 => {
            drop(running.fleet.summary());
            if let Some(classroom) = classroom.take() {
                classroom.stop().await;
            }
            app.set_practice_push_service(None);
            app.set_practice_licence_service(None);
            app.set_practice_ade_service(None);
        }
        Some(running) if running.wanted != wanted => {
            running.fleet.set_count(wanted.devices as usize)?;
            running.wanted = wanted;
        }
        _ => {}
    }
    let Some(running) = classroom else { return Ok(false) };
    let (lacks, on) = app.store.read(app.now(), |tx| Ok((cart::is_to_prepare(tx)?, cart::switched_on(tx)?))).await?;
    let on = if lacks { app.store.write(app.now(), |tx| cart::prepare(tx).and_then(|()| cart::switched_on(tx))).await? } else { on };
    if running.own.is_empty() && app.store.read(app.now(), practice::own::is_on).await? {
        running.own = own::start(app, &running.ground).await?;
    }
    running.cart.obey(&on, &running.services)
}

async fn start(app: &App, services: Option<&Arc<Services>>, wanted: Wanted) -> Result<Classroom> {
    // The appliance knows who vouches for them only where the stand-ins were there before it.
    let are_vouched_for = services.is_some();
    let services = match services {
        Some(services) => Arc::clone(services),
        None => Arc::new(Services::start(&app.clock, &app.random).await?),
    };
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
    let roots = app.roots();
    let mut known: Vec<_> = std::iter::once(roots.current.issuer.certificate()).chain(&roots.next).cloned().collect();
    services.apps_and_books.trust(Arc::new(client::Trust::new(&known)?.at(app.clock.clone())));
    open_store(app, &services).await?;
    open_list(app, &services, wanted.seed).await?;
    let root = app.config.data.join(SERVICES_ROOT);
    match std::fs::write(&root, services.trust_anchor_pem()) {
        Ok(()) => tracing::info!("the practice store is at {}; its root is in {}", services.apps_and_books.store_url(), root.display()),
        Err(error) => tracing::warn!("{} cannot be written: {error}", root.display()),
    }
    let mut settings = Settings::new(ProfileSource::Url(format!("{}/enroll/{}/profile", app.public_url, invitation.code)));
    settings.poll_every = Some(POLL_EVERY);
    settings.enrolls_again = true;
    let maker = Maker::new(app.now())?;
    let of_own = Arc::new(Maker::from_pem(maker.to_pem().expose().as_bytes(), app.now())?);
    let authority = maker.certificate().clone();
    let file = app.config.data.join(DEVICES_AUTHORITY);
    if let Err(error) = print::private_file(&file, maker.to_pem().expose().as_bytes()) {
        tracing::warn!("{error}");
    }
    app.store.write(app.now(), move |tx| practice::adopt_device_authority(tx, &authority)).await?;
    // As if Apple Configurator had prepared them: the rest comes by the invitation.
    settings.setup = Some(Arc::new(SetupAssistant { url: format!("{}/ade/{}", app.public_url, invitation.code), maker }));
    settings.store = Some(services.apps_and_books.store_url());
    settings.releases = Some(services.software_lookup.postings());
    settings.attestation = are_vouched_for.then(|| services.attestation.clone());
    // They stand in the same room.
    settings.time_zone = Some(app.store.read(app.now(), crate::mdm::settings::zone).await?.name().to_owned());
    let ground_settings = settings.clone();
    let mut of_cart = Plan::new(0, Settings { activation: Some(services.ade.activation_url()), ..settings.clone() });
    of_cart.seed = wanted.seed;
    let mut plan = Plan::new(wanted.devices as usize, settings);
    plan.seed = wanted.seed;
    plan.mix = Mix::unpacked_classroom();
    plan.ramp = RAMP_PER_DEVICE * wanted.devices;
    // The store is one that devices trust without being told, as they trust Apple's.
    known.extend(Certificate::all_from_pem(services.trust_anchor_pem().as_bytes())?);
    let trust = Arc::new(client::Trust::new(&known)?.at(app.clock.clone()));
    let deliveries = services.apns.deliveries();
    let cart = Cart { fleet: Fleet::start(of_cart, Arc::clone(&trust), app.clock.clone())?, boxed: model::cart(wanted.seed) };
    let ground = own::Ground { settings: ground_settings, maker: of_own, trust: Arc::clone(&trust), seed: wanted.seed };
    let fleet = Fleet::start(plan, trust, app.clock.clone())?;
    Ok(Classroom { wanted, fleet, cart, own: Vec::new(), ground, deliveries, services })
}

/// The file in the data folder with the authority that vouches for practice devices, for those that `rollcall simulate` runs.
const DEVICES_AUTHORITY: &str = "practice-devices.pem";

/// The file in the data folder with the authority of the practice classroom's stand-ins, for whoever wants to ask them too.
const SERVICES_ROOT: &str = "practice-services.pem";

/// How many licences of each app the practice location owns, in turn: plenty, a few, none to spare.
const PRACTICE_LICENCES: [u32; 3] = [100, 12, 3];

/// How long the practice token is good.
const PRACTICE_TOKEN_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Opens the practice classroom's own location of Apps and Books, on the stand-in, and brings its token as a person would. The one of an earlier run
/// is gone with its stand-in.
async fn open_store(app: &App, services: &Services) -> Result<()> {
    let stand_in = &services.apps_and_books;
    let connector = Connector::new(Trust::only(&services.trust_anchor_pem())?, app.clock.clone());
    let client = AppsAndBooks::new(&connector, &format!("https://localhost:{}", stand_in.address().port()))?;
    app.set_practice_licence_service(Some(client));
    let text = {
        let mut book = stand_in.book();
        let text = book.open("Practice building", app.now().plus(PRACTICE_TOKEN_LIFETIME));
        for (known, owned) in KNOWN_APPS.iter().zip(PRACTICE_LICENCES.into_iter().cycle()) {
            book.buy(&text, &known.adam_id.to_string(), owned);
        }
        text
    };
    app.store
        .write(app.now(), |tx| {
            for standing in tokens::list(tx, &Actor::Console)?.into_iter().filter(|standing| standing.token.practice) {
                tokens::remove(tx, &Actor::Console, &standing.token.id)?;
            }
            Ok(())
        })
        .await?;
    // The practice store begins anew with each start, and with it the ends of its tokens.
    let meant = content_tokens::Meant { older: true, ..content_tokens::Meant::default() };
    content_tokens::bring(app, &Actor::Console, text.as_bytes(), true, meant).await.map(drop)
}

/// The colour of the cart's iPads, in Apple's word.
const CART_COLOR: &str = "SILVER";

/// Opens the practice classroom's own server of Apple's device list, on the stand-in, with the cart's boxed iPads, and brings its token as a person would. The one
/// of an earlier run is gone with its stand-in; what was chosen for its devices, and how they greet people, stays.
async fn open_list(app: &App, services: &Services, seed: u64) -> Result<()> {
    let stand_in = &services.ade;
    let connector = Connector::new(Trust::only(&services.trust_anchor_pem())?, app.clock.clone());
    app.set_practice_ade_service(Some(Ade::new(&connector, &stand_in.url(), app.clock.clone())?));
    let now = app.now();
    let token = {
        let mut book = stand_in.book();
        let token = book.open("Practice school", "practice@example.school", now.plus(PRACTICE_TOKEN_LIFETIME));
        for facts in model::cart(seed) {
            book.server(&token).add(&boxed(&facts.serial_number, "iPad", facts.model.marketing_name, CART_COLOR), now);
        }
        token
    };
    let server = ade::begin(app, &Actor::Console, "Practice school", true).await?;
    app.store
        .write(now, move |tx| {
            cart::succeed(tx, &server.id)?;
            let server = servers::take(tx, &Actor::Console, &server.id, &token)?;
            if server.defaults.iter().any(|(family, _)| family.is_empty()) {
                return Ok(());
            }
            let kind = presets::PRESETS[0].kind;
            let known = profiles::list(tx, &Actor::Console)?.into_iter().find(|standing| standing.profile.name == PRACTICE_PROFILE);
            let profile = if let Some(standing) = known {
                standing.profile.id
            } else {
                let wish = profiles::Wish { name: PRACTICE_PROFILE.to_owned(), kind: kind.to_owned(), keys: None };
                profiles::create(tx, &Actor::Console, wish)?.profile.id
            };
            profiles::set_default(tx, &Actor::Console, &server.server.id, "", Some(&profile))
        })
        .await
}

/// The name of the profile of boxed practice devices.
const PRACTICE_PROFILE: &str = "Practice iPads";
