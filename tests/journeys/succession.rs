//! From one root certificate to the next, in an appliance whose clock is moved through twenty years, with devices over real sockets.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rollcall::app::App;
use rollcall::cli::serve::Serving;
use rollcall::clock::{Clock, Timestamp};
use rollcall::config::{Config, Layer};
use rollcall::http::limits::Grants;
use rollcall::jobs;
use rollcall::mdm::Actor;
use rollcall::mdm::ca::roots::{self, SUCCEED_BEFORE, Standing};
use rollcall::mdm::ca::succession::{ALERT, TELL_BEFORE};
use rollcall::mdm::ca::tls::REPLACE_BEFORE;
use rollcall::mdm::enroll::invitations::{self, NewInvitation};
use rollcall::mdm::push_certificates;
use rollcall::pki::certificate::Certificate;
use rollcall::pki::issue::{self, IDENTITY_LIFETIME};
use rollcall::pki::key::PrivateKey;
use rollcall::pki::push_certificate::PushCertificate;
use rollcall::random::Random;
use rollcall::sim::client::Trust;
use rollcall::sim::device::{ProfileSource, Settings};
use rollcall::sim::fleet::{Fleet, Plan};
use rollcall::store::events::{self, Filter};
use rollcall::store::{alerts, certificates, enrollments};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const DAY: Duration = Duration::from_secs(86_400);

/// The most that anything here may take; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

struct School {
    serving: Serving,
    clock: Clock,
    port: u16,
    _folder: tempfile::TempDir,
}

impl School {
    async fn open() -> Self {
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
        let clock = Clock::manual(Timestamp::parse("2026-11-25T08:00:00Z").unwrap());
        let config = Config::read(layer, Vec::new()).unwrap();
        let (serving, _) = Serving::start(config, clock.clone(), Random::seeded(7), Grants::default()).await.unwrap();
        Self { serving, clock, port, _folder: folder }
    }

    fn app(&self) -> &App {
        &self.serving.app
    }

    /// Begins a fleet that trusts `root` for its first download, with a push certificate of this year; done when all are enrolled.
    async fn enroll(&self, devices: usize, seed: u64, root: &Certificate) -> Fleet {
        let topic = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
        let now = self.clock.now();
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let certificate = issue::root("Portal of a test", now).unwrap().practice_push(topic, &key, now).unwrap();
        let pair = PushCertificate::new(certificate, key, now).unwrap();
        let invitation = self.app().store.write(now, move |tx| {
            push_certificates::put(tx, &Actor::Console, &pair, "", false)?;
            invitations::create(tx, &Actor::Console, NewInvitation::default())
        });
        let code = invitation.await.unwrap().code;
        let settings = Settings::new(ProfileSource::Url(format!("https://localhost:{}/enroll/{code}/profile", self.port)));
        let mut plan = Plan::new(devices, settings);
        (plan.seed, plan.shared_keys) = (seed, Some(2));
        let trust = Trust::new(std::slice::from_ref(root)).unwrap().at(self.clock.clone());
        let fleet = Fleet::start(plan, Arc::new(trust), self.clock.clone()).unwrap();
        let summary = fleet.until(|summary| summary.enrolled + summary.failed == devices).await;
        assert_eq!((summary.enrolled, summary.failed), (devices, 0), "{:?}", summary.errors);
        assert!(fleet.settle().await);
        fleet
    }

    /// Moves the clock to `moment`; afterwards the certificate that is shown is good for a while, and what was due has been done.
    async fn until(&self, moment: Timestamp) {
        self.clock.advance(moment.since(self.clock.now()));
        jobs::run_due(self.app()).await.unwrap();
        self.app().look_at_certificates();
        let fresh = moment.plus(REPLACE_BEFORE);
        self.shown(&self.own_roots(), |certificate| certificate.not_after() > fresh).await;
    }

    fn own_roots(&self) -> Vec<Certificate> {
        let roots = self.app().roots();
        std::iter::once(roots.current.issuer.certificate()).chain(&roots.next).cloned().collect()
    }

    /// Connects as a device that trusts `roots` and nothing else.
    async fn connect(&self, roots: &[Certificate]) -> Result<TlsStream<TcpStream>, String> {
        let mut trusted = RootCertStore::empty();
        for root in roots {
            trusted.add(CertificateDer::from(root.der().to_vec())).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(self.clock.clone()));
        let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(trusted).with_no_client_auth();
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(|error| error.to_string())
    }

    /// The certificate that is shown to a device that trusts `roots`, as soon as it is as wanted.
    async fn shown(&self, roots: &[Certificate], wanted: impl Fn(&Certificate) -> bool) -> Certificate {
        let look = async {
            loop {
                let Ok(stream) = self.connect(roots).await else { continue };
                let shown = Certificate::from_der(&stream.get_ref().1.peer_certificates().unwrap()[0]).unwrap();
                if wanted(&shown) {
                    return shown;
                }
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("the listeners show another certificate without a restart")
    }

    /// Asks for `path`; gives the head of the answer and its body.
    async fn get(&self, path: &str) -> (String, Vec<u8>) {
        let mut stream = self.connect(&self.own_roots()).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec())
    }

    async fn standings(&self) -> Vec<Standing> {
        self.app().store.read(self.clock.now(), |tx| roots::list(tx, &Actor::Console)).await.unwrap()
    }

    async fn progress(&self) -> (i64, i64) {
        let progress = self.standings().await.into_iter().find_map(|standing| standing.progress).unwrap();
        (progress.known, progress.devices)
    }

    async fn alert(&self) -> Option<String> {
        let alerts = self.app().store.read(self.clock.now(), alerts::all).await.unwrap();
        alerts.into_iter().find(|alert| alert.key == ALERT).map(|alert| alert.message)
    }

    async fn happened(&self, kind: &str) -> usize {
        let kind = kind.to_owned();
        let all =
            self.app().store.read(self.clock.now(), |tx| events::list(tx, &Filter { kind: Some(&kind), ..Filter::default() }, None, 500));
        all.await.unwrap().len()
    }

    /// Who issued the identity that each device of `fleet` uses, by the authority's id.
    async fn issuers(&self, fleet: &Fleet) -> Vec<String> {
        let udids: Vec<_> = fleet.views().into_iter().map(|view| view.udid).collect();
        let read = self.app().store.read(self.clock.now(), move |tx| {
            let issuer = |udid: &String| {
                let enrollment = enrollments::by_nano_id(tx, udid)?.unwrap();
                Ok(certificates::of_enrollment(tx, &enrollment.id)?[0].authority_id.clone())
            };
            udids.iter().map(issuer).collect()
        });
        read.await.unwrap()
    }
}

/// What openssl makes of `input`; it must succeed.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut process =
        Command::new("openssl").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// openssl verifies the answer to GetNextCACert with the present root; gives the certificate inside.
fn verified_next(answer: &[u8], present: &Certificate, at: Timestamp) -> Certificate {
    let root = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(root.path(), present.to_pem()).unwrap();
    let (root, at) = (root.path().to_str().unwrap(), at.seconds().to_string());
    let inside = openssl(&["cms", "-verify", "-inform", "DER", "-CAfile", root, "-purpose", "any", "-attime", &at], answer);
    let pem = openssl(&["pkcs7", "-inform", "DER", "-print_certs"], &inside);
    Certificate::from_der(&openssl(&["x509", "-outform", "DER"], &pem)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_is_followed_by_the_next_and_no_device_is_lost() {
    let school = School::open().await;
    let begun = school.clock.now();
    let old = school.own_roots().remove(0);
    let (here, away) = (school.enroll(2, 1, &old).await, school.enroll(1, 2, &old).await);
    let old_id = school.standings().await[0].authority.id.clone();

    // Seventeen years: identities and TLS certificates are renewed as they go, and there is no next root.
    for period in 1..=20 {
        school.until(begun.plus(DAY * 300 * period)).await;
        assert!(here.settle().await && away.settle().await);
    }
    assert_eq!((here.summary().renewals, away.summary().renewals), (20, 10), "each every twentieth month: {:?}", here.summary().errors);
    assert_eq!(school.issuers(&here).await, [old_id.as_str(); 2]);
    assert!(school.get("/scep?operation=GetNextCACert").await.0.starts_with("http/1.0 400"));

    // The next root is made and goes to devices; one of them stays away.
    school.until(old.not_after().minus(SUCCEED_BEFORE)).await;
    let (head, body) = school.get("/scep?operation=GetNextCACert").await;
    assert!(head.starts_with("http/1.0 200") && head.contains("content-type: application/x-x509-next-ca-cert"), "{head}");
    let next = verified_next(&body, &old, school.clock.now());
    assert_eq!(school.own_roots()[1].der(), next.der());
    assert_eq!(school.get("/trust/next-root.cer").await.1, next.der());
    assert_eq!(school.get("/scep?operation=GetCACert").await.1, old.der(), "the present one until the change");
    assert!(here.settle().await);
    assert_eq!(school.progress().await, (2, 3));
    let latest = school.standings().await[1].used_at_latest.unwrap();
    school.until(latest.minus(TELL_BEFORE).plus(DAY)).await;
    assert!(school.alert().await.unwrap().starts_with("1 device does not know"));

    the_change(&school, &here, &away, (&old, &next), latest).await;
    let old_end = old.not_after();
    let late = school.enroll(1, 3, &next).await;
    let new_id = school.standings().await[0].authority.id.clone();
    assert_eq!(school.issuers(&late).await, [new_id.as_str()], "who trusts the new root alone comes in");

    // Renewals move everybody to the new root, and the old one ends.
    while school.clock.now() < old_end {
        school.until(school.clock.now().plus(DAY * 200).min(old_end)).await;
        for fleet in [&here, &away, &late] {
            assert!(fleet.settle().await);
        }
    }
    school.until(old_end.plus(DAY)).await;
    for (fleet, devices) in [(here, 2), (away, 1), (late, 1)] {
        assert!(fleet.settle().await);
        assert_eq!(school.issuers(&fleet).await, vec![new_id.as_str(); devices]);
        let summary = fleet.stop().await;
        assert_eq!((summary.enrolled, summary.left), (devices, 0), "{:?}", summary.errors);
    }
    assert!(school.connect(std::slice::from_ref(&old)).await.is_err());
    assert_eq!((school.happened("authority.made").await, school.happened("authority.used").await), (2, 1));
    assert_eq!((school.happened("authority.ended").await, school.alert().await), (1, None));
    school.serving.stop().await.unwrap();
}

/// The latest moment comes: the next root is used, and nobody notices.
async fn the_change(school: &School, here: &Fleet, away: &Fleet, (old, next): (&Certificate, &Certificate), latest: Timestamp) {
    let before = school.shown(std::slice::from_ref(old), |_| true).await;
    assert!(before.is_issued_by(old));
    school.until(latest.plus(DAY)).await;
    let shown = school.shown(std::slice::from_ref(next), |_| true).await;
    assert!(shown.is_issued_by(next) && shown.fingerprint() != before.fingerprint());
    assert!(school.connect(std::slice::from_ref(old)).await.is_ok(), "who was away comes in by the bridge");
    assert_eq!(school.get("/scep?operation=GetCACert").await.1, next.der());
    assert!(school.get("/scep?operation=GetNextCACert").await.0.starts_with("http/1.0 400"));

    let old_id = school.standings().await[1].authority.id.clone();
    let reports = here.summary().reports;
    assert!(here.settle().await && away.settle().await);
    assert!(here.summary().reports > reports, "an identity of the old root still speaks");
    assert_eq!((school.issuers(here).await, school.issuers(away).await), (vec![old_id.clone(); 2], vec![old_id]));
    assert_eq!(school.progress().await, (3, 3));
    assert!(IDENTITY_LIFETIME < old.not_after().since(school.clock.now()), "what was issued last ends before its root");
    school.until(school.clock.now().plus(DAY)).await;
    assert_eq!(school.alert().await, None);
}
