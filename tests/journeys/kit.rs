//! An appliance in this process whose clock is moved by hand, and simulated devices of any generation that it manages over real sockets.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rollcall::app::App;
use rollcall::cli::serve::Serving;
use rollcall::clock::{Clock, Timestamp};
use rollcall::config::{Config, Layer};
use rollcall::error::Result;
use rollcall::http::limits::Grants;
use rollcall::jobs;
use rollcall::mdm::Actor;
use rollcall::mdm::enroll::invitations::{self, NewInvitation};
use rollcall::mdm::{practice, push_certificates};
use rollcall::pki::certificate::{Certificate, Fingerprint};
use rollcall::pki::issue;
use rollcall::pki::issue::attestation::AttestationService;
use rollcall::pki::key::PrivateKey;
use rollcall::pki::push_certificate::PushCertificate;
use rollcall::random::Random;
use rollcall::sim::apple::Services;
use rollcall::sim::client::Trust;
use rollcall::sim::device::{AccountSignIn, DeclarationSeen, Device, Maker, ProfileSeen, ProfileSource, Settings, SetupAssistant};
use rollcall::sim::faults::Faults;
use rollcall::sim::fleet::{Fleet, Plan, Summary};
use rollcall::sim::model::Mix;
use rollcall::store::Tx;
use serde_json::{Map, Value as Json};

/// How often device and appliance are given the word in turn until both have nothing left.
const MAX_TURNS: usize = 20;

/// A clock that stands at 2026-11-25T08:00:00Z.
pub(crate) fn start() -> Clock {
    Clock::manual(Timestamp::parse("2026-11-25T08:00:00Z").unwrap())
}

/// An appliance that answers on a port of this machine.
pub(crate) struct House {
    serving: Option<Serving>,
    layer: Layer,
    pub(crate) clock: Clock,
    port: u16,
    folder: tempfile::TempDir,
}

impl House {
    /// Opens an appliance on an empty folder, with a push certificate; its clock stands at 2026-11-25T08:00:00Z.
    pub(crate) async fn open() -> Self {
        Self::open_with(start(), |_, layer| layer).await
    }

    /// Opens an appliance with a clock of the test's and further settings; they may need files in its folder.
    pub(crate) async fn open_with(clock: Clock, settings: impl FnOnce(&Path, Layer) -> Layer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let layer = Layer::flags()
            .with("data", [folder.path().join("data").display().to_string()])
            .with("url", [format!("https://localhost:{port}")])
            .with("listen", [format!("127.0.0.1:{port}")])
            .with("http_listen", ["off"])
            // Nobody is pushed: devices come when they are told to.
            .with("apple.apns_endpoint", ["https://localhost:1"])
            .with("apple.software_lookup_endpoint", ["https://localhost:1"])
            .with("apple.roots_endpoint", ["https://localhost:1"]);
        let layer = settings(folder.path(), layer);
        let config = Config::read(layer.clone(), Vec::new()).unwrap();
        let (serving, _) = Serving::start(config, clock.clone(), Random::seeded(7), Grants::default()).await.unwrap();
        let house = Self { serving: Some(serving), layer, clock, port, folder };
        let now = house.clock.now();
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let topic = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
        let certificate = issue::root("Portal of a test", now).unwrap().practice_push(topic, &key, now).unwrap();
        let pair = PushCertificate::new(certificate, key, now).unwrap();
        house.write(move |tx| push_certificates::put(tx, &Actor::Console, &pair, "", false)).await;
        house
    }

    /// An address of this appliance's.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// A folder that goes with the appliance; `data` in it is the appliance's own.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn app(&self) -> &App {
        &self.serving.as_ref().unwrap().app
    }

    /// The data folder.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the appliance and takes its data folder away; gives the fingerprint of its root.
    pub(crate) async fn lose_data(&mut self) -> Fingerprint {
        let root = self.app().authority().issuer.certificate().fingerprint();
        self.serving.take().unwrap().stop().await.unwrap();
        std::fs::rename(self.data(), self.folder.path().join("lost")).unwrap();
        root
    }

    /// Starts an appliance at the same address, on what is in the data folder now.
    pub(crate) async fn start_again(&mut self) {
        let config = Config::read(self.layer.clone(), Vec::new()).unwrap();
        let started = Serving::start(config, self.clock.clone(), Random::seeded(8), Grants::default()).await.unwrap();
        self.serving = Some(started.0);
    }

    /// Ends the appliance and starts it again with other settings.
    pub(crate) async fn start_changed(&mut self, change: impl FnOnce(Layer) -> Layer) {
        self.serving.take().unwrap().stop().await.unwrap();
        self.layer = change(self.layer.clone());
        self.start_again().await;
    }

    /// A device that left comes back.
    pub(crate) fn join(&self, fleet: Fleet) -> Guest<'_> {
        Guest { house: self, fleet }
    }

    /// What an address of the API answers, as it comes.
    pub(crate) async fn bytes(&self, method: &str, path: &str, body: Json) -> Vec<u8> {
        self.raw(method, path, body).await.1
    }

    /// Asks the API over the control socket, as an Owner at this machine; gives the status and the answer.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        let (status, body) = self.raw(method, path, body).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends a file to an address of the API as it is, as [`House::api`] asks.
    pub(crate) async fn send_file(&self, method: &str, path: &str, file: &str) -> (u16, Json) {
        let (status, body) = self.sent(method, path, file.to_owned()).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn raw(&self, method: &str, path: &str, body: Json) -> (u16, Vec<u8>) {
        self.sent(method, path, body.to_string()).await
    }

    async fn sent(&self, method: &str, path: &str, body: String) -> (u16, Vec<u8>) {
        let socket = tokio::net::UnixStream::connect(self.folder.path().join("data/control.sock")).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(socket)).await.unwrap();
        let task = tokio::spawn(connection);
        let request =
            http::Request::builder().method(method).uri(path).header("host", "localhost").header("content-type", "application/json");
        let request = request.body(http_body_util::Full::new(bytes::Bytes::from(body))).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        task.abort();
        (head.status.as_u16(), body.to_vec())
    }

    /// Lets a room decide something.
    pub(crate) async fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.app().store.write(self.clock.now(), work).await.unwrap()
    }

    /// Looks something up.
    pub(crate) async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.app().store.read(self.clock.now(), work).await.unwrap()
    }

    /// Enrolls a device of this kind: `ipad@26` an iPad of the school's, `-iphone@17` one that nobody supervises, `mac@15`, `tv`, `vision`,
    /// `ipad@18+shared`, `ipad+automated`.
    pub(crate) async fn device(&self, kind: &str) -> Guest<'_> {
        self.device_with(kind, "").await
    }

    /// Enrolls a device that meets the faults of a fault file.
    pub(crate) async fn device_with(&self, kind: &str, faults: &str) -> Guest<'_> {
        self.device_at(None, kind, faults).await
    }

    /// Enrolls a device that asks the practice store of these stand-ins for its licences.
    pub(crate) async fn device_at(&self, store: Option<&Services>, kind: &str, faults: &str) -> Guest<'_> {
        let (guest, summary) = self.visit(store, None, kind, faults).await;
        assert_eq!(summary.enrolled, 1, "{kind}: {:?}", summary.errors);
        guest.settle().await;
        guest
    }

    /// Lets a device try to enroll that this service vouches for; gives it, and what came of it.
    pub(crate) async fn vouched(&self, service: &AttestationService, kind: &str, faults: &str) -> (Guest<'_>, Summary) {
        self.visit(None, Some(service), kind, faults).await
    }

    async fn visit(
        &self,
        store: Option<&Services>,
        service: Option<&AttestationService>,
        kind: &str,
        faults: &str,
    ) -> (Guest<'_>, Summary) {
        let code = self.write(|tx| invitations::create(tx, &Actor::Console, NewInvitation::default())).await.code;
        let mut settings = Settings::new(ProfileSource::Url(format!("https://localhost:{}/enroll/{code}/profile", self.port)));
        settings.attestation = service.cloned();
        let mut known = vec![self.app().authority().issuer.certificate().clone()];
        if let Some(services) = store {
            settings.store = Some(services.apps_and_books.store_url());
            known.extend(Certificate::all_from_pem(services.trust_anchor_pem().as_bytes()).unwrap());
        }
        let mut plan = Plan::new(1, settings);
        (plan.mix, plan.faults, plan.shared_keys) = (Mix::parse(&[kind]).unwrap(), Faults::parse(faults).unwrap(), Some(1));
        // Each device of a house has a serial number of its own.
        plan.seed = u64::from(code.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))));
        let trust = Trust::new(&known).unwrap().at(self.clock.clone());
        let fleet = Fleet::start(plan, Arc::new(trust), self.clock.clone()).unwrap();
        let summary = fleet.until(|summary| summary.enrolled + summary.failed == 1).await;
        (Guest { house: self, fleet }, summary)
    }

    /// Knows a maker of practice devices, and lets them in by an invitation into this group; gives its path.
    pub(crate) async fn knows(&self, maker: &Maker, group: &str) -> String {
        let (authority, group) = (maker.certificate().clone(), group.to_owned());
        let (now, key) = (self.clock.now(), PrivateKey::generate_rsa_2048().unwrap());
        let topic = self.write(practice::topic).await;
        let push = issue::root("Portal of practice", now).unwrap().practice_push(&topic, &key, now).unwrap();
        self.write(move |tx| {
            practice::adopt_device_authority(tx, &authority)?;
            practice::adopt_certificate(tx, &push, &key)?;
            let new = NewInvitation { practice: true, group_label: group, ..NewInvitation::default() };
            Ok(format!("/ade/{}", invitations::create(tx, &Actor::Console, new)?.code))
        })
        .await
    }

    /// Unpacks a device that asks from its Setup Assistant; gives it once it has enrolled or could not.
    pub(crate) async fn unpacks(&self, setup: &Arc<SetupAssistant>, kind: &str, faults: &str) -> Guest<'_> {
        self.unpacks_vouched(setup, None, kind, faults).await
    }

    /// Does what [`House::unpacks`] does, with a device that this service vouches for.
    pub(crate) async fn unpacks_vouched(
        &self,
        setup: &Arc<SetupAssistant>,
        service: Option<&AttestationService>,
        kind: &str,
        faults: &str,
    ) -> Guest<'_> {
        let mut settings = Settings::new(ProfileSource::Bytes(Vec::new()));
        settings.attestation = service.cloned();
        settings.setup = Some(Arc::clone(setup));
        let mut plan = Plan::new(1, settings);
        (plan.mix, plan.faults, plan.shared_keys) = (Mix::parse(&[kind]).unwrap(), Faults::parse(faults).unwrap(), Some(1));
        plan.seed =
            u64::from(kind.bytes().chain(faults.bytes()).fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))));
        let trust = Trust::new(&[self.app().authority().issuer.certificate().clone()]).unwrap().at(self.clock.clone());
        let fleet = Fleet::start(plan, Arc::new(trust), self.clock.clone()).unwrap();
        fleet.until(|summary| summary.enrolled + summary.failed == 1).await;
        Guest { house: self, fleet }
    }

    /// Lets a person enroll a device by their account, `ipad@26+own` as theirs, `mac@15+school` as the school's; gives it once it has enrolled or could not.
    pub(crate) async fn signs_in(&self, store: Option<&Services>, person: AccountSignIn, kind: &str) -> Guest<'_> {
        let mut settings = Settings::new(ProfileSource::Bytes(Vec::new()));
        let mut known = vec![self.app().authority().issuer.certificate().clone()];
        if let Some(services) = store {
            settings.store = Some(services.apps_and_books.store_url());
            known.extend(Certificate::all_from_pem(services.trust_anchor_pem().as_bytes()).unwrap());
        }
        let mut plan = Plan::new(1, settings);
        plan.seed = u64::from(
            kind.bytes().chain(person.address.bytes()).fold(11_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))),
        );
        plan.settings.account = Some(Arc::new(person));
        (plan.mix, plan.shared_keys) = (Mix::parse(&[kind]).unwrap(), Some(1));
        let trust = Trust::new(&known).unwrap().at(self.clock.clone());
        let fleet = Fleet::start(plan, Arc::new(trust), self.clock.clone()).unwrap();
        fleet.until(|summary| summary.enrolled + summary.failed == 1).await;
        Guest { house: self, fleet }
    }

    /// Has a device of this maker open an invitation; gives it once it has enrolled or could not.
    pub(crate) async fn opens(&self, setup: &Arc<SetupAssistant>, code: &str, kind: &str) -> Guest<'_> {
        let mut settings = Settings::new(ProfileSource::Url(format!("https://localhost:{}/enroll/{code}/profile", self.port)));
        settings.setup = Some(Arc::clone(setup));
        let mut plan = Plan::new(1, settings);
        (plan.mix, plan.shared_keys) = (Mix::parse(&[kind]).unwrap(), Some(2));
        plan.seed = u64::from(kind.bytes().fold(9_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))));
        let trust = Trust::new(&[self.app().authority().issuer.certificate().clone()]).unwrap().at(self.clock.clone());
        let fleet = Fleet::start(plan, Arc::new(trust), self.clock.clone()).unwrap();
        fleet.until(|summary| summary.enrolled + summary.failed == 1).await;
        Guest { house: self, fleet }
    }

    /// Moves the clock; what is due by then is done.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        jobs::run_due(self.app()).await.unwrap();
    }

    /// Ends the appliance as the system does.
    pub(crate) async fn close(self) {
        self.serving.unwrap().stop().await.unwrap();
    }
}

/// A simulated device that the appliance manages.
pub(crate) struct Guest<'a> {
    house: &'a House,
    fleet: Fleet,
}

impl Guest<'_> {
    /// Goes on without its appliance.
    pub(crate) fn leave(self) -> Fleet {
        self.fleet
    }

    /// Lets jobs run and the device connect until neither has anything left to say.
    pub(crate) async fn settle(&self) {
        for _ in 0..MAX_TURNS {
            let before = self.fleet.summary();
            jobs::run_due(self.house.app()).await.unwrap();
            assert!(self.fleet.settle().await, "{:?}", self.fleet.summary());
            // The two seconds for which a device gathers what it has to tell.
            self.house.clock.advance(Duration::from_secs(3));
            self.fleet.tick();
            self.look(|_| ()).await;
            // A round in which nothing happens is one question and one empty answer.
            let after = self.fleet.summary();
            // One that is locked puts everything off, until its person comes.
            let puts_all_off = after.not_now > before.not_now && after.reports - after.not_now == before.reports - before.not_now;
            if after.requests <= before.requests + 2 || puts_all_off {
                return;
            }
        }
        panic!("device and appliance never rest: {:?}", self.fleet.summary());
    }

    /// Lets time pass for the device alone, without any word of the appliance.
    pub(crate) async fn alone(&self, time: Duration) {
        self.house.clock.advance(time);
        self.fleet.tick();
        self.look(|_| ()).await;
    }

    /// Looks at the device, or does something at it, between two conversations.
    pub(crate) async fn look<T: Send + 'static>(&self, look: impl FnOnce(&mut Device) -> T + Send + 'static) -> T {
        self.fleet.ask(1, look).await.unwrap()
    }

    /// Why it could not enroll, if it could not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.fleet.views()[0].reason.clone()
    }

    /// What it runs now.
    pub(crate) fn os_version(&self) -> &'static str {
        self.fleet.views()[0].os_version
    }

    /// The device's UDID, which is its enrollment's Nano id.
    pub(crate) fn udid(&self) -> String {
        self.fleet.views()[0].udid.clone()
    }

    /// The profiles that it has now.
    pub(crate) async fn profiles(&self) -> Vec<ProfileSeen> {
        self.look(|device| device.profiles()).await
    }

    /// The restrictions that it obeys now, by key.
    pub(crate) async fn restrictions(&self) -> Map<String, Json> {
        self.look(|device| device.restrictions()).await
    }

    /// The declarations of the device itself, with what they come to.
    pub(crate) async fn declarations(&self) -> Vec<DeclarationSeen> {
        self.look(|device| device.declarations(None)).await
    }

    /// What the appliance did that a real device would stumble over.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.fleet.views()[0].journal.remarks.clone()
    }
}
