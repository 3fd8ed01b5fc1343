//! What an ask costs: by token and by certificate from many apps at once with a durable answer, and by password with its share of the cores.

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::clock::Timestamp;
use rollcall::mdm::access::{self, Ask, Policy, Proof, Shown, Who};
use rollcall::mdm::{Actor, assignments, checkin, groups};
use rollcall::pki::issue;
use rollcall::pki::jws::{self, Jws, JwsSigner};
use rollcall::pki::key::PrivateKey;
use rollcall::pki::known::KnownCertificates;
use rollcall::pki::password;
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::protocol::checkin as message;
use rollcall::protocol::grant::{GRANT_TYPE, GrantRequest};
use rollcall::store::apps::{self, App, AppKind};
use rollcall::store::assignments::AssignedKind;
use rollcall::store::{OpenOptions, Store, Tx, enrollments};
use serde_json::json;
use tokio::runtime::Runtime;

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);
/// Devices that ask at the same time.
const DEVICES: usize = 256;
/// Asks of each in one sample.
const ROUNDS: u64 = 4;

fn main() {
    divan::main();
}

fn app() -> App {
    App {
        id: "a".into(),
        kind: AppKind::InHouse,
        adam_id: None,
        bundle_id: "school.example.field".into(),
        name: "Field".into(),
        note: String::new(),
        platforms: "[]".into(),
        facts: "{}".into(),
        facts_at: None,
        settings: "{}".into(),
        revision: 1,
        created_at: NOW,
        changed_at: NOW,
    }
}

/// A store in a file with enrolled devices that have the app, and the token of each.
fn school() -> (tempfile::TempDir, Store, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
    let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
    let prepare = |tx: &Tx| {
        apps::insert(tx, &app())?;
        let group = groups::create(tx, &Actor::Console, groups::NewGroup { name: "All".into(), ..groups::NewGroup::default() })?;
        let policy = Policy { who: Who::Devices, proofs: vec![Proof::Token], ..Policy::default() };
        access::set(tx, &Actor::Console, "a", policy, None)?;
        let mut tokens = Vec::new();
        for number in 0..DEVICES {
            let udid = format!("00008101-{number:016X}");
            for (kind, keys) in
                [("Authenticate", ""), ("TokenUpdate", "<key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>")]
            {
                let body = format!(
                    "<plist><dict><key>MessageType</key><string>{kind}</string><key>UDID</key><string>{udid}</string>\
                     <key>Topic</key><string>com.apple.mgmt.External.bench</string>{keys}</dict></plist>"
                );
                checkin::move_in(tx, &Actor::Console, &message::parse(body.as_bytes())?)?;
            }
            let enrollment = enrollments::by_nano_id(tx, &udid)?.expect("it enrolled just now");
            groups::add(tx, &Actor::Console, &group.id, std::slice::from_ref(&enrollment.device_id))?;
            tokens.push(access::token(tx, &enrollment, "a")?.expect("the key was made with the policy"));
        }
        assignments::assign(tx, &Actor::Console, (AssignedKind::App, "a", "Field"), &group.id, None)?;
        Ok(tokens)
    };
    let tokens = store.write_blocking(NOW, prepare).expect("devices enroll");
    (folder, store, tokens)
}

fn body(device: usize, counter: u64, token: Option<&str>) -> Vec<u8> {
    let said = json!({ "bundle_id": "school.example.field", "installation": format!("installation-{device}"), "nonce": format!("{counter:024}"),
                       "client_time": NOW, "counter": counter, "token": token });
    said.to_string().into_bytes()
}

/// One ask from its bytes to the signed answer, as the door does it.
async fn ask(store: &Store, signer: &JwsSigner, body: &[u8], certificate: Option<Shown>) -> String {
    let request = GrantRequest::parse(body).expect("the ask is one");
    let ask = Ask { request, certificate, person: None };
    let granted = store.write(NOW, move |tx| access::grant(tx, "https://mdm.example.school", &ask)).await.expect("it is answered");
    assert!(granted.claims.allowed, "{:?}", granted.claims);
    signer.sign(&serde_json::to_vec(&granted.claims).expect("claims are JSON")).expect("it is signed")
}

fn signer() -> JwsSigner {
    JwsSigner::new(&PrivateKey::generate_p256().expect("a key can be made"), "bench", GRANT_TYPE).expect("the key signs")
}

/// By token, from all devices at once.
#[divan::bench(sample_count = 10)]
fn by_token(bencher: Bencher<'_, '_>) {
    let (_folder, store, tokens) = school();
    let runtime = Runtime::new().expect("a runtime starts");
    let signer = std::sync::Arc::new(signer());
    let mut counter = 0;
    bencher.counter(ItemsCount::new(DEVICES * ROUNDS as usize)).bench_local(|| {
        let first = counter + 1;
        counter += ROUNDS;
        let asks = tokens.iter().cloned().enumerate().map(|(device, token)| {
            let (store, signer) = (store.clone(), std::sync::Arc::clone(&signer));
            runtime.spawn(async move {
                for round in first..first + ROUNDS {
                    black_box(ask(&store, &signer, &body(device, round, Some(&token)), None).await);
                }
            })
        });
        let asks: Vec<_> = asks.collect();
        runtime.block_on(async {
            for ask in asks {
                ask.await.expect("it is answered");
            }
        });
    });
}

/// What a certificate costs beside a token: the signature of the ask is read and verified, the certificate being known.
#[divan::bench(args = ["P-256", "RSA-2048"])]
fn proof_by_certificate(bencher: Bencher<'_, '_>, kind: &str) {
    let key = if kind == "P-256" { PrivateKey::generate_p256() } else { PrivateKey::generate_rsa_2048() }.expect("a key can be made");
    let certificate =
        issue::self_signed("TESTSN0001", &key, Duration::from_secs(3600), NOW).expect("a certificate can be made").certificate().clone();
    let sent = jws::sign_with_chain(&key, &[certificate], &body(1, 1, None)).expect("it is signed");
    let known = KnownCertificates::default();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let jws = Jws::parse(black_box(sent.as_bytes())).expect("it is a JWS");
        let chain = jws.certificates(|der| known.read(der)).expect("it has a chain");
        jws.verify_by(&chain[0]).expect("it verifies");
        GrantRequest::parse(jws.payload()).expect("the ask is one")
    });
}

/// What a password costs: two of these run at a time.
#[divan::bench(threads = [1, 2], sample_count = 20)]
fn password(bencher: Bencher<'_, '_>) {
    let hash = password::hash("correct horse battery").expect("it is hashed");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| assert!(password::verify(black_box("correct horse battery"), Some(&hash))));
}
