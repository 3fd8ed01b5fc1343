//! The device protocol over real sockets: a school with devices that sign what they send, and strangers.

mod bad_input;
mod pressure;
mod reports;
mod runaway;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::app::App;
use crate::config::{Config, Layer};
use crate::error::Result;
use crate::http::api::Streams;
use crate::http::doors;
use crate::http::limits::Grants;
use crate::http::server::{Bound, Running};
use crate::http::tls::Tls;
use crate::http::tls::tests::Authority;
use crate::mdm::Actor;
use crate::mdm::commands::{self, Wish};
use crate::pki::cms::{self, SignOptions, Signer};
use crate::pki::digest;
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::protocol::command;
use crate::store::certificates::{Identity, NewIdentity, Purpose};
use crate::store::commands::{Command, CommandState};
use crate::store::enrollments::{self, Enrollment};
use crate::store::events::{self, Event, Filter};
use crate::store::{Tx, authorities, certificates};

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// An appliance that answers on a port of its own; the proxy's listener, so that a certificate can come in either way.
struct House {
    app: App,
    at: SocketAddr,
    _running: Running,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// A device with an identity of its own.
struct Device {
    udid: String,
    signer: Signer,
}

impl House {
    async fn new() -> Self {
        Self::of(App::for_tests()).await
    }

    /// An appliance on a database that was used before.
    async fn reopened(options: crate::store::OpenOptions) -> Self {
        Self::open(App::for_tests_with(options)).await
    }

    async fn open(app: App) -> Self {
        let flags = ["listen", "http_listen"].iter().fold(Layer::flags(), |flags, listener| flags.with(listener, ["127.0.0.1:0"]));
        let flags = flags.with("proxy_listen", ["127.0.0.1:0"]).with("trusted_proxies", ["127.0.0.1"]);
        let config = Config::read(flags, Vec::new()).unwrap();
        let bound = Bound::bind(&config).await.unwrap();
        let at = bound.addresses().last().unwrap().1;
        let tls = Arc::new(Tls::new(Authority::new("School").identity(&["localhost"]), &[], Arc::default()).unwrap());
        let doors = doors(&app, &Streams::default());
        Self { app, at, _running: bound.serve(doors, &tls, config.proxy, Grants::default()) }
    }

    async fn of(app: App) -> Self {
        let house = Self::open(app).await;
        house
            .write(|tx| {
                let authority = authorities::Authority {
                    id: String::from("test"),
                    state: authorities::AuthorityState::Current,
                    certificate: b"root".to_vec(),
                    not_after_at: tx.now.plus(Duration::from_secs(1 << 30)),
                    bridge: None,
                    used_from_at: Some(tx.now),
                    taken_until_at: None,
                    created_at: tx.now,
                };
                authorities::insert(tx, &authority, &crate::pki::certificate::Fingerprint::of_der(b"root"), None)
            })
            .await;
        house
    }

    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.app.store.write(self.app.now(), work).await.unwrap()
    }

    /// A device that has a certificate of ours and has said nothing yet.
    async fn device(&self, udid: &str) -> Device {
        let device = self.stranger(udid);
        let certificate = device.signer.certificate().clone();
        self.write(move |tx| {
            let identity = Identity {
                fingerprint: certificate.fingerprint(),
                authority_id: String::from("test"),
                serial: certificate.serial_hex(),
                purpose: Purpose::Enroll,
                invitation_id: None,
                intended_for: None,
                enrollment_id: None,
                not_before_at: certificate.not_before(),
                not_after_at: certificate.not_after(),
                issued_at: tx.now,
                bound_at: None,
                revoked_at: None,
            };
            let public_key = digest::sha256(certificate.public_key_der());
            let new = NewIdentity { identity: &identity, certificate: certificate.der(), public_key: &public_key, transaction_id: "" };
            certificates::insert(tx, &new)
        })
        .await;
        device
    }

    /// A device with a certificate that nobody here has issued.
    fn stranger(&self, udid: &str) -> Device {
        let key = PrivateKey::generate_p256().unwrap();
        let signer = issue::self_signed("TESTSN0001", &key, Duration::from_secs(1 << 26), self.app.now()).unwrap();
        Device { udid: udid.to_owned(), signer }
    }

    /// A device that is enrolled and for which nothing waits.
    async fn enrolled(&self, udid: &str) -> Device {
        let device = self.device(udid).await;
        for keys in [
            "<key>MessageType</key><string>Authenticate</string><key>OSVersion</key><string>18.1</string><key>ProductName</key><string>iPad13,18</string>",
            "<key>MessageType</key><string>TokenUpdate</string><key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>",
        ] {
            let body = device.says(&format!("<key>Topic</key><string>{TOPIC}</string>{keys}"));
            assert_eq!(self.send(device.put("/mdm/checkin", body)).await.status, 200);
        }
        let mut report = String::from("<key>Status</key><string>Idle</string>");
        loop {
            let reply = self.send(device.put("/mdm/connect", device.says(&report))).await;
            assert_eq!(reply.status, 200);
            if reply.body.is_empty() {
                return device;
            }
            report = answer(&uuid_in(&reply.body), "Acknowledged");
        }
    }

    /// Sends a request over a connection of its own.
    async fn send(&self, request: Request<Body>) -> Reply {
        let stream = TokioIo::new(TcpStream::connect(self.at).await.unwrap());
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Says that it is idle, and gives the command that it is offered.
    async fn idle(&self, device: &Device) -> Option<String> {
        let reply = self.send(device.put("/mdm/connect", device.says("<key>Status</key><string>Idle</string>"))).await;
        assert_eq!(reply.status, 200);
        (!reply.body.is_empty()).then(|| uuid_in(&reply.body))
    }

    async fn enrollment(&self, device: &Device) -> Enrollment {
        let udid = device.udid.clone();
        self.write(move |tx| enrollments::by_nano_id(tx, &udid)).await.unwrap()
    }

    /// Queues a command for a device; gives its UUID.
    async fn enqueue(&self, device: &Device, number: u128) -> String {
        let enrollment = self.enrollment(device).await;
        // Each installs another profile, so that none takes the place of another.
        let profile = plist(&format!(
            "<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key>\
             <string>p{number}</string><key>PayloadUUID</key><string>p{number}</string><key>PayloadContent</key><array/>"
        ));
        let order = command::install_profile(uuid::Uuid::from_u128(number), profile.to_vec());
        self.write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(order))).await.uuid
    }

    async fn command(&self, device: &Device, uuid: &str) -> Command {
        let (enrollment, uuid) = (self.enrollment(device).await, uuid.to_owned());
        self.write(move |tx| crate::store::commands::by_uuid(tx, &enrollment.id, &uuid)).await.unwrap()
    }

    async fn state(&self, device: &Device, uuid: &str) -> CommandState {
        self.command(device, uuid).await.state
    }

    /// Everything that happened, newest first.
    async fn events(&self) -> Vec<Event> {
        self.write(|tx| events::list(tx, &Filter::default(), None, events::PAGE_LIMIT)).await
    }
}

impl Device {
    /// A message of this device.
    fn says(&self, keys: &str) -> Bytes {
        plist(&format!("{keys}<key>UDID</key><string>{}</string>", self.udid))
    }

    /// A signed request.
    fn put(&self, path: &str, body: Bytes) -> Request<Body> {
        let signature = self.signature(&body);
        Request::put(path).header("host", "localhost").header("mdm-signature", signature).body(Body::from(body)).unwrap()
    }

    fn signature(&self, body: &[u8]) -> String {
        STANDARD.encode(cms::sign(&self.signer, body, &SignOptions::detached()).unwrap())
    }

    /// A request whose certificate a trusted proxy vouches for.
    fn put_by_proxy(&self, path: &str, body: Body) -> Request<Body> {
        let certificate = format!(":{}:", STANDARD.encode(self.signer.certificate().der()));
        Request::put(path).header("host", "localhost").header("client-cert", certificate).body(body).unwrap()
    }
}

/// An unsigned request.
fn put(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::put(path).header("host", "localhost").body(body.into()).unwrap()
}

fn answer(uuid: &str, status: &str) -> String {
    format!("<key>CommandUUID</key><string>{uuid}</string><key>Status</key><string>{status}</string>")
}

fn plist(inside: &str) -> Bytes {
    Bytes::from(format!(r#"<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>{inside}</dict></plist>"#))
}

fn uuid_in(command: &[u8]) -> String {
    command::Command::from_plist(command).unwrap().uuid
}
