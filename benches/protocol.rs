//! What the ground costs on one core: reading messages, proving who sent them, and issuing certificates. Nothing is stored.

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use rollcall::clock::Timestamp;
use rollcall::pki::certificate::Certificate;
use rollcall::pki::cms::{self, SignOptions};
use rollcall::pki::csr::CertificationRequest;
use rollcall::pki::issue::{self, Issuer};
use rollcall::pki::key::PrivateKey;
use rollcall::protocol::{checkin, report};
use rollcall::sim::load::{LoadMessages, certification_request};

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

fn main() {
    divan::main();
}

const IPAD: LoadMessages<'static> = LoadMessages {
    topic: "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555",
    udid: "00008101-000000000000001E",
    serial_number: "TESTSN0001",
};

/// An authority, and what a device asks of it.
fn authority() -> (Issuer, PrivateKey, CertificationRequest) {
    let root = issue::root("Bench CA", NOW).expect("a root can be made");
    let key = PrivateKey::generate_rsa_2048().expect("a key can be made");
    let request = certification_request(&key).expect("a request can be written");
    let request = CertificationRequest::from_der(&request).expect("it is one");
    (root, key, request)
}

/// An InstalledApplicationList of so many apps.
fn app_list(apps: usize) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut list = String::new();
    for app in 0..apps {
        write!(
            list,
            "<dict><key>Identifier</key><string>school.example.app{app}</string><key>Name</key><string>App {app}</string>\
             <key>Version</key><string>1.{app}</string><key>BundleSize</key><integer>{}</integer></dict>",
            app * 4096
        )
        .expect("a string grows");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>\
         <key>CommandUUID</key><string>7f0a1c1e-0000-4000-8000-000000000001</string>\
         <key>InstalledApplicationList</key><array>{list}</array>\
         <key>Status</key><string>Acknowledged</string><key>UDID</key><string>{}</string></dict></plist>",
        IPAD.udid
    )
    .into_bytes()
}

#[divan::bench]
fn decode_token_update(bencher: Bencher) {
    let body = IPAD.token_update().expect("it can be written");
    bencher.bench(|| checkin::parse(black_box(&body)).expect("it is a check-in"));
}

#[divan::bench]
fn decode_idle(bencher: Bencher) {
    let body = IPAD.idle().expect("it can be written");
    bencher.bench(|| report::scan(black_box(&body)).expect("it is a report"));
}

#[divan::bench(args = [1, 100, 10_000])]
fn decode_app_list(bencher: Bencher, apps: usize) {
    let body = app_list(apps);
    bencher.bench(|| report::parse(black_box(&body)).expect("it is a report"));
}

/// Signs a profile as enrollment does: attached, RSA-2048.
#[divan::bench]
fn sign_attached(bencher: Bencher) {
    let (root, _, _) = authority();
    let content = vec![b'x'; 6000];
    bencher.bench(|| cms::sign(root.signer(), black_box(&content), &SignOptions::default()).expect("it can be signed"));
}

/// Verifies an Mdm-Signature whose certificate was read before, as of a device that connects again.
#[divan::bench]
fn verify_mdm_signature(bencher: Bencher) {
    let (root, key, request) = authority();
    let identity = root.identity(&request, "TESTSN0001", NOW).expect("it can be issued");
    let signer = cms::Signer::new(identity.clone(), key).expect("they belong together");
    let body = IPAD.idle().expect("it can be written");
    let mut options = SignOptions::detached();
    options.signing_time = Some(NOW);
    let message = cms::sign(&signer, &body, &options).expect("it can be signed");
    let known: Arc<Certificate> = Arc::new(identity);
    bencher.bench(|| cms::verify_detached(black_box(&message), &body, |_| Ok((*known).clone())).expect("it holds"));
}

/// Issues an identity by an RSA-2048 authority for a request that was read before.
#[divan::bench]
fn issue_identity(bencher: Bencher) {
    let (root, _, request) = authority();
    bencher.bench(|| root.identity(black_box(&request), "TESTSN0001", NOW).expect("it can be issued"));
}
