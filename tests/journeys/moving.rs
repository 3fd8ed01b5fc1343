//! From one server to another: simulated devices that enrolled at one appliance, and go on at the next one without noticing; and real messages of others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::clock::Clock;
use rollcall::mdm::enroll::renewal;
use rollcall::mdm::needs;
use rollcall::pki::certificate::Certificate;
use rollcall::random::Random;
use rollcall::sim::apple::apns::ApnsStandIn;
use rollcall::store::certificates::Purpose;
use rollcall::store::{authorities, certificates, enrollments};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::kit::House;
use crate::licences::until;
use crate::serve::rollcall;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// Runs the program beside an appliance of this process; gives its exit code and what it printed.
async fn tell(arguments: &[&str], data: &Path) -> (i32, String, String) {
    let mut command = rollcall(arguments);
    command.arg("--data").arg(data);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn report(told: &(i32, String, String)) -> Value {
    assert_eq!(told.0, 0, "{}{}", told.1, told.2);
    serde_json::from_str(&told.1).unwrap()
}

async fn token(house: &House) -> String {
    let made = house.api("POST", "/api/v1/tokens", json!({ "name": "another server", "role": "admin" })).await;
    made.1["token"].as_str().unwrap().to_owned()
}

/// Sends bytes as they are to an appliance; gives the status and the body.
async fn send(house: &House, request: &[u8]) -> (u16, Vec<u8>) {
    let mut roots = rustls::RootCertStore::empty();
    let root = house.app().authority().issuer.certificate().der().to_vec();
    roots.add(root.into()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_details(provider, std::sync::Arc::new(house.clock.clone()));
    let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    let port = house.url("").rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    // Who closes without a word has said everything.
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), answer[end + 4..].to_vec())
}

/// A recorded request, with another login and without keeping the connection.
fn recorded(path: &Path, login: &str) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let lines = head.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("connection:") && !line.starts_with("expect:") && !line.starts_with("accept-encoding:")
    });
    let lines = lines.map(|line| {
        if line.to_ascii_lowercase().starts_with("authorization:") { format!("Authorization: {login}") } else { line.to_owned() }
    });
    let mut request = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
    request.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
    request.extend_from_slice(&bytes[end + 4..]);
    request
}

fn captures() -> Option<PathBuf> {
    let folder = std::env::var_os("ROLLCALL_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is absent; set ROLLCALL_SHARED to the folder of captures", folder.display());
        return None;
    }
    Some(folder.join("captures/conversations"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_messages_of_another_server_move_in_and_its_devices_are_bound_at_their_first_contact() {
    let Some(conversations) = captures() else { return };
    let house = House::open().await;
    let login = format!("Basic {}", STANDARD.encode(format!("nanomdm:{}", token(&house).await)));
    let play = async |name: &str| send(&house, &recorded(&conversations.join(format!("{name}.request.http")), &login)).await;
    let mut sent = Vec::new();
    for entry in std::fs::read_dir(conversations.join("nano2nano")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        sent.extend(name.strip_suffix(".request.http").map(|stem| format!("nano2nano/{stem}")));
    }
    sent.sort();
    for turn in 0..2 {
        for name in &sent {
            assert_eq!(play(name).await.0, 200, "{name}, time {turn}");
        }
    }
    let standing = house.api("GET", "/api/v1/moves/standing", Value::Null).await.1;
    assert_eq!((&standing["moved"], &standing["waiting"]), (&json!(3), &json!(3)), "{standing}");

    // Before the authority is known, and from anybody else, everything is refused with 400 and nothing, never 401.
    let idle = "mdmb/11-device-1-idle-empty-queue";
    assert_eq!(play(idle).await, (400, Vec::new()));
    let ca = conversations.join("ca.pem");
    let looked = tell(&["import", "ca", "--check", "--json", ca.to_str().unwrap()], &house.data()).await;
    assert_eq!(report(&looked)["authorities"][0]["outcome"], "new");
    assert_eq!(play(idle).await, (400, Vec::new()), "only looked at");
    report(&tell(&["import", "ca", "--json", ca.to_str().unwrap()], &house.data()).await);
    for foreign in
        ["by-hand/04-idle-signed-by-certificate-of-unknown-ca", "by-hand/01-idle-no-signature", "by-hand/03-idle-signature-of-another-body"]
    {
        assert_eq!(play(foreign).await, (400, Vec::new()), "{foreign}");
    }
    let (status, _) = play(idle).await;
    assert_eq!(status, 200, "and without a new Authenticate");
    assert_eq!(
        play("by-hand/05-idle-device-1-signed-by-device-2").await,
        (400, Vec::new()),
        "its neighbour's identity speaks for nobody else"
    );
    let bound = house.api("GET", "/api/v1/moves?waiting=false", Value::Null).await.1;
    assert_eq!((&bound["total"], &bound["items"][0]["address"]), (&json!(1), &json!("127.0.0.1:9000")), "{bound}");
    // It goes on with a new push token, which only it can give.
    assert_eq!(play("mdmb/29-device-1-tokenupdate-changed-token").await, (200, Vec::new()));
    house.close().await;
}

/// The TLS certificate of an appliance with its key, as files.
async fn tls_files(house: &House, folder: &Path) -> (String, String) {
    let shown = house.read(authorities::server_certificate).await.unwrap();
    let key = rollcall::pki::key::PrivateKey::from_pkcs8_der(shown.key.expose()).unwrap();
    let certificate = Certificate::from_der(&shown.certificate).unwrap();
    let root = house.app().authority().issuer.certificate().to_pem();
    let (cert_path, key_path) = (folder.join("tls.pem"), folder.join("tls.key"));
    std::fs::write(&cert_path, certificate.to_pem() + &root).unwrap();
    std::fs::write(&key_path, key.to_pem().expose()).unwrap();
    (cert_path.display().to_string(), key_path.display().to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_go_from_one_appliance_to_another_and_notice_nothing() {
    // The program that is run beside them goes by this machine's clock.
    let clock = Clock::manual(Clock::System.now());
    let apple = ApnsStandIn::start(clock.clone(), Random::seeded(5)).await.unwrap();
    let old = House::open_with(clock.clone(), |_, layer| layer).await;
    let (ipad, mac) = (old.device("ipad@18").await, old.device("mac@15").await);
    let profile = {
        let code = old.api("POST", "/api/v1/invitations", json!({})).await.1["code"].as_str().unwrap().to_owned();
        old.bytes("GET", &format!("/api/v1/invitations/{code}/profile?unsigned=1"), Value::Null).await
    };
    let mut new = House::open_with(clock.clone(), |folder, layer| {
        let anchors = folder.join("apple.pem");
        std::fs::write(&anchors, apple.trust_anchor_pem()).unwrap();
        layer
            .with("apple.apns_endpoint", [format!("https://localhost:{}", apple.address().port())])
            .with("apple.trust_anchors", [anchors.display().to_string()])
    })
    .await;
    let folder = new.folder().to_path_buf();
    let file = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let path = |path: &Path| path.display().to_string();

    // Out of the old one, straight into the new one, with everything that is kept for the devices.
    let key = file("key", token(&new).await.as_bytes());
    let trust = file("new-root.pem", new.app().authority().issuer.certificate().to_pem().as_bytes());
    let to = new.url("/migration");
    let sent = tell(&["export", "nano", "--secrets", "--json", "--to", &to, "--key-file", &key, "--trust", &trust], &old.data()).await;
    assert_eq!(report(&sent)["devices"], 2, "{}", sent.1);
    // The same into a file, which says nothing new.
    let written = path(&folder.join("check-ins.plist"));
    report(&tell(&["export", "nano", "--secrets", "--json", &written], &old.data()).await);
    let root = file("old-root.pem", old.app().authority().issuer.certificate().to_pem().as_bytes());
    let old_profile = file("enroll.mobileconfig", &profile);
    let push = apple.issue_push_identity(TOPIC).unwrap();
    let push = file("push.pem", format!("{}{}", push.certificate.to_pem(), push.key.to_pem().expose()).as_bytes());
    let words = ["import", "nanomdm", "--json", &written, &root, &push, "--profile", &old_profile];
    let looked = report(&tell(&[&words[..], &["--check"]].concat(), &new.data()).await);
    assert_eq!((&looked["messages"]["new"], &looked["messages"]["refused"]), (&json!(0), &json!(0)), "{looked}");
    let done = report(&tell(&words, &new.data()).await);
    assert_eq!((&done["profile"]["devices"], &done["authorities"][0]["outcome"]), (&json!(2), &json!("new")), "{done}");
    assert_eq!(
        (&done["messages"]["changed"], &done["messages"]["unchanged"].as_u64().is_some_and(|count| count >= 4)),
        (&json!(0), &true),
        "{done}"
    );

    // The name leads to the new one from now on, under the certificate that devices know.
    let (certificate, tls_key) = tls_files(&old, &folder).await;
    let old_port = old.url("").rsplit(':').next().unwrap().to_owned();
    let udids = [ipad.udid(), mac.udid()];
    let fleets = [ipad.leave(), mac.leave()];
    old.close().await;
    let new_port = new.url("").rsplit(':').next().unwrap().to_owned();
    new.start_changed(|layer| {
        layer
            .with("listen", [format!("127.0.0.1:{new_port}"), format!("127.0.0.1:{old_port}")])
            .with("tls.certificate", [certificate.clone()])
            .with("tls.key", [tls_key.clone()])
    })
    .await;
    for udid in &udids {
        let queued = new.api("POST", "/api/v1/commands", json!({ "targets": [udid], "request_type": "ProfileList" })).await;
        assert!(queued.0 < 300, "{} {}", queued.0, queued.1);
    }
    // The appliance's own turn may be at it already, and not done.
    until(&new, Duration::from_secs(1), async || apple.counts().delivered >= 2).await;
    let [ipad, mac] = fleets.map(|fleet| new.join(fleet));
    for (guest, udid) in [(&ipad, &udids[0]), (&mac, &udids[1])] {
        guest.settle().await;
        let nano_id = udid.clone();
        let (enrollment, identities) = new
            .read(move |tx| {
                let enrollment = enrollments::by_nano_id(tx, &nano_id)?.unwrap();
                let identities = certificates::of_enrollment(tx, &enrollment.id)?;
                Ok((enrollment, identities))
            })
            .await;
        assert_eq!((enrollment.generation, identities.len(), identities[0].purpose), (1, 1, Purpose::Imported), "{udid}");
        assert!(enrollment.server_url.contains(&format!(":{old_port}/")), "{}", enrollment.server_url);
        assert!(guest.remarks().is_empty(), "{:?}", guest.remarks());
    }
    let standing = new.api("GET", "/api/v1/moves/standing", Value::Null).await.1;
    assert_eq!((&standing["moved"], &standing["waiting"], &standing["topics_without_certificate"]), (&json!(2), &json!(0), &json!([])));
    let host = standing["hosts"].as_array().unwrap().iter().find(|host| host["host"] == json!(format!("localhost:{old_port}"))).unwrap();
    assert_eq!((&host["devices"], &host["served"]), (&json!(2), &json!(true)));

    // When their identities are renewed they come from here, and nothing else changes for them.
    for udid in udids.clone() {
        new.write(move |tx| renewal::hasten(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap())).await;
    }
    for (guest, udid) in [(&ipad, &udids[0]), (&mac, &udids[1])] {
        guest.settle().await;
        let nano_id = udid.clone();
        let (enrollment, newest) = new
            .read(move |tx| {
                let enrollment = enrollments::by_nano_id(tx, &nano_id)?.unwrap();
                let newest = certificates::of_enrollment(tx, &enrollment.id)?.remove(0);
                Ok((enrollment, newest))
            })
            .await;
        assert_eq!((newest.purpose, enrollment.generation), (Purpose::Renew, 1), "{udid}: {:?}", guest.remarks());
        assert!(enrollment.server_url.contains(&format!(":{old_port}/")));
        assert!(guest.remarks().is_empty(), "{:?}", guest.remarks());
    }
    drop((ipad, mac));
    new.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_micromdm_moves_in_whole() {
    let house = House::open().await;
    let packed = include_bytes!("../../src/protocol/moves/fixtures/micromdm.db.gz");
    let database = house.folder().join("any-name");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut bytes).unwrap();
    std::fs::write(&database, bytes).unwrap();
    let database = database.display().to_string();
    // The push certificate in it has a year of its own, by the clock of this machine: it may be named as not taken.
    let looked = tell(&["import", "micromdm", "--check", "--json", &database], &house.data()).await;
    let looked: Value = serde_json::from_str(&looked.1).unwrap();
    assert_eq!((&looked["messages"]["new"], &looked["authorities"][0]["has_key"]), (&json!(60), &json!(true)), "{looked}");
    assert_eq!(house.api("GET", "/api/v1/moves/standing", Value::Null).await.1["moved"], 0);
    let (code, told, _) = tell(&["import", "micromdm", &database], &house.data()).await;
    assert!(code == 0 || told.contains("Not taken: the push certificate"), "{told}");
    assert!(told.contains("60 new") && told.contains("Authority “MicroMDM” is trusted with its key"), "{told}");
    let standing = house.api("GET", "/api/v1/moves/standing", Value::Null).await.1;
    assert_eq!((&standing["moved"], &standing["waiting"], &standing["waiting_named"]), (&json!(59), &json!(59), &json!(58)), "{standing}");
    let again = tell(&["import", "micromdm", "--json", &database], &house.data()).await;
    let again: Value = serde_json::from_str(&again.1).unwrap();
    assert_eq!(
        (&again["messages"]["new"], &again["messages"]["unchanged"], &again["authorities"][0]["outcome"]),
        (&json!(0), &json!(119), &json!("known"))
    );
    let (code, _, err) = tell(&["import", "ca", house.folder().join("nothing").to_str().unwrap()], &house.data()).await;
    assert!(code == 1 && err.contains("cannot be read"), "{code} {err}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_know_an_address_which_the_server_has_no_more_are_told_of_until_it_leads_here_again() {
    let mut house = House::open().await;
    let ipad = house.device("ipad@26").await;
    drop(ipad.leave());
    let told = async |house: &House| {
        let needs = house.read(needs::all).await;
        needs.into_iter().find(|need| need.key == "address.left_behind").map(|need| format!("{} {}", need.message, need.remedy))
    };
    assert_eq!(told(&house).await, None);
    house.start_changed(|layer| layer.with("url", ["https://mdm.example.school"])).await;
    let old = house.url("").trim_start_matches("https://").to_owned();
    // It is looked beside the start, which waits for nothing.
    until(&house, Duration::from_secs(1), async || told(&house).await.is_some()).await;
    let words = told(&house).await.unwrap();
    assert!(words.contains(&format!("1 of them, to {old}")) && words.contains("extra_hosts in rollcall.toml"), "{words}");
    house.start_changed(|layer| layer.with("extra_hosts", ["localhost"])).await;
    until(&house, Duration::from_secs(1), async || told(&house).await.is_none()).await;
    house.close().await;
}
