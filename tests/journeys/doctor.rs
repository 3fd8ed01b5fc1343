//! The doctor beside an appliance that serves real sockets, before stand-ins of Apple's services: well, without Apple, with a wrong clock, with another
//! certificate, and on a database that is damaged.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Output;

use rollcall::clock::Clock;
use rollcall::mdm::{Actor, push_certificates};
use rollcall::pki::key::PrivateKey;
use rollcall::pki::push_certificate::PushCertificate;
use rollcall::random::Random;
use rollcall::sim::apple::Services;
use serde_json::{Value, json};

use crate::kit::{House, start};
use crate::serve::rollcall;

/// The topic of every house's push certificate.
const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// An appliance whose way to Apple leads to these stand-ins.
async fn house(clock: Clock, services: &Services) -> House {
    let anchors = services.trust_anchor_pem();
    let endpoints = [
        ("apple.apns_endpoint", format!("https://localhost:{}", services.apns.address().port())),
        ("apple.apps_and_books_endpoint", format!("https://localhost:{}", services.apps_and_books.address().port())),
        ("apple.ade_endpoint", services.ade.url()),
        ("apple.software_lookup_endpoint", services.software_lookup.url()),
    ];
    House::open_with(clock, move |folder, mut layer| {
        let path = folder.join("anchors.pem");
        std::fs::write(&path, anchors).unwrap();
        for (key, url) in endpoints {
            layer = layer.with(key, [url]);
        }
        layer.with("apple.trust_anchors", [path.display().to_string()])
    })
    .await
}

/// Runs `rollcall doctor` on a data folder; gives its exit code, what it printed, and its errors. Nothing here asks Apple.
async fn told(data: &Path, json: bool) -> (i32, String, String) {
    let mut command = rollcall(&["doctor", "--data", data.to_str().unwrap()]);
    for service in ["APNS", "APPS_AND_BOOKS", "ADE"] {
        command.env(format!("ROLLCALL_APPLE_{service}_ENDPOINT"), "https://localhost:1");
    }
    command.env("ROLLCALL_LISTEN", "127.0.0.1:0").env("ROLLCALL_HTTP_LISTEN", "off");
    if json {
        command.arg("--json");
    }
    // The appliance in this process answers meanwhile.
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

async fn report(data: &Path) -> (i32, Value) {
    let (code, out, err) = told(data, true).await;
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out} {err}")))
}

fn one(report: &Value, id: &str) -> Value {
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
    found.cloned().unwrap_or_else(|| panic!("no {id} in {report:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_before_apples_services_is_well_and_without_them_it_is_told_which_are_missed() {
    let clock = Clock::System;
    let services = Services::start(&clock, &Random::seeded(3)).await.unwrap();
    let house = house(clock, &services).await;
    let (code, refused) = report(&house.data()).await;
    assert_eq!(
        (code, &one(&refused, "push.refused")["level"]),
        (1, &json!("error")),
        "another authority made the push certificate: {refused:#}"
    );

    let key = PrivateKey::generate_rsa_2048().unwrap();
    let certificate = services.apns.issue_push_certificate_for(TOPIC, key.public_key_der()).unwrap();
    let pair = PushCertificate::new(certificate, key, house.clock.now()).unwrap();
    house.write(move |tx| push_certificates::put(tx, &Actor::Console, &pair, "it@example.school", false)).await;
    let (code, report) = report(&house.data()).await;
    assert_eq!((code, &report["errors"]), (0, &json!(0)), "{report:#}");
    assert_eq!(one(&report, &format!("push.certificate:{TOPIC}"))["level"], "ok", "{report:#}");
    for id in
        ["clock.time", "ports.listener", "tls.certificate", "apple.reached", "database.integrity", "identities.authority", "disk.room"]
    {
        assert_eq!(one(&report, id)["level"], "ok", "{report:#}");
    }
    assert_eq!(one(&report, "names.address")["level"], "warning", "localhost leads devices to themselves");
    let apple = one(&report, "apple.reached")["what"].as_str().unwrap().to_owned();
    assert_eq!(apple.matches("localhost:").count(), 4, "{apple}");
    assert_eq!(house.api("GET", "/api/v1/doctor", Value::Null).await, (200, report));

    drop(services);
    let (code, out, err) = told(&house.data(), false).await;
    assert_eq!((code, err.contains("was found.") || err.contains("were found.")), (1, true), "{out}{err}");
    let push = out.lines().position(|line| line.starts_with("error    localhost:")).unwrap_or_else(|| panic!("{out}"));
    assert!(out.lines().nth(push).unwrap().contains("without it no device can be woken"), "{out}");
    assert!(out.lines().nth(push + 1).unwrap().trim().starts_with("Check the network, the name server"), "{out}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_apple_contradicts_is_an_error() {
    let clock = start();
    // It stands at a day in the past; what the stand-ins say of the time is the machine's own.
    let services = Services::start(&clock, &Random::seeded(3)).await.unwrap();
    let house = house(clock, &services).await;
    let (code, report) = report(&house.data()).await;
    let found = one(&report, "clock.time");
    assert_eq!((code, &found["level"]), (1, &json!("error")), "{report:#}");
    assert!(found["what"].as_str().unwrap().contains("25 Nov 2026"), "{found}");
    assert_eq!(one(&report, "tls.certificate")["level"], "ok", "certificates are judged by this machine's clock: {report:#}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_not_there_is_named_and_devices_are_not_sent_through_it() {
    let house = House::open_with(start(), |_, layer| layer.with("apple.outbound_proxy", ["http://localhost:1"])).await;
    let (code, report) = report(&house.data()).await;
    let found = one(&report, "apple.push");
    assert_eq!((code, &found["level"]), (1, &json!("error")), "{report:#}");
    assert!(found["remedy"].as_str().unwrap().contains("through the proxy localhost:1: have it let"), "{found}");
    assert_eq!(one(&report, "tls.certificate")["level"], "ok", "{report:#}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_serve_is_examined_and_damage_is_told_with_what_to_do() {
    let mut house = House::open().await;
    let data = house.data();
    house.lose_data().await;
    std::fs::rename(house.folder().join("lost"), &data).unwrap();
    let (_, sound) = report(&data).await;
    assert_eq!(one(&sound, "ports.serving")["level"], "note");
    assert_eq!(one(&sound, "database.integrity")["level"], "ok", "{sound:#}");

    let mut file = std::fs::OpenOptions::new().write(true).open(data.join("rollcall.db")).unwrap();
    let length = file.seek(SeekFrom::End(0)).unwrap();
    let whole = std::fs::read(data.join("rollcall.db")).unwrap();
    file.seek(SeekFrom::Start(length - 8192)).unwrap();
    file.write_all(&[0xa5; 8192]).unwrap();
    let (code, damaged) = report(&data).await;
    let found = damaged["findings"].as_array().unwrap().iter().find(|finding| finding["area"] == "database" && finding["level"] == "error");
    assert_eq!((code, found.is_some()), (1, true), "{damaged:#}");

    std::fs::write(data.join("rollcall.db"), &whole).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(b"this is no database any more").unwrap();
    let (code, closed) = report(&data).await;
    let found = one(&closed, "database.damaged");
    let restore = format!("rollcall restore --data {} --replace FILE", data.display());
    assert!(code == 1 && found["remedy"].as_str().unwrap().ends_with(&restore), "{closed:#}");
    assert!(found["what"].as_str().unwrap().contains("not a database"), "{found}");

    let nowhere = told(&house.folder().join("nowhere"), false).await;
    assert!(nowhere.0 == 2 && nowhere.2.contains("There is no appliance"), "{nowhere:?}");
}
