//! Apple's list of OS releases, from the service to the API and the command line.

use std::path::Path;
use std::time::Duration;

use rollcall::cli::serve::Serving;
use rollcall::clock::Clock;
use rollcall::config::{Config, Layer};
use rollcall::http::limits::Grants;
use rollcall::mdm::Actor;
use rollcall::mdm::updates::lookup;
use rollcall::random::Random;
use rollcall::sim::apple::Services;
use rollcall::sim::apple::software_lookup::Fault;
use rollcall::store::Bell;
use serde_json::{Value, json};

use crate::kit::{House, start};
use crate::licences::until;
use crate::serve::{Appliance, rollcall};

/// The most that anything here may take; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// When what is listed was posted.
const POSTED: &str = "2026-11-01";

fn list(versions: &[&str]) -> Value {
    let entry = |version: &&str| json!({ "ProductVersion": version, "PostingDate": POSTED, "SupportedDevices": ["iPad13,18"] });
    json!({ "AssetSets": { "iOS": versions.iter().map(entry).collect::<Vec<_>>() } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apple_is_asked_once_a_day_and_a_day_on_which_it_fails_costs_nothing() {
    let clock = start();
    let services = Services::start(&clock, &Random::seeded(9)).await.unwrap();
    let stand_in = &services.software_lookup;
    stand_in.book().put_document(&list(&["26.1"]), clock.now());
    let (pem, url) = (services.trust_anchor_pem(), stand_in.url());
    let house = House::open_with(clock, move |folder, layer| {
        let anchors = folder.join("anchors.pem");
        std::fs::write(&anchors, pem).unwrap();
        layer.with("apple.software_lookup_endpoint", [url]).with("apple.trust_anchors", [anchors.display().to_string()])
    })
    .await;
    let get = async |path: &str| house.api("GET", path, json!(null)).await.1;
    let total = async |query: &str| get(&format!("/api/v1/releases{query}")).await["total"].clone();
    until(&house, Duration::from_millis(10), async || total("").await == 1).await;

    stand_in.book().put_document(&list(&["26.1", "26.2"]), house.clock.now());
    stand_in.book().faults.push_back(Fault::WebPage);
    until(&house, Duration::from_secs(3600), async || get("/api/v1/releases/state").await["failures"] == 1).await;
    let failed = get("/api/v1/releases/state").await;
    assert!(failed["problem"].as_str().unwrap().contains("web page") && failed["age_s"].as_u64().unwrap() >= 86_400, "{failed}");
    assert_eq!(total("?state=current").await, 1);
    until(&house, Duration::from_secs(60), async || total("?state=current").await == 2).await;
    let mended = get("/api/v1/releases/state").await;
    assert_eq!((&mended["problem"], &mended["failures"], &mended["source"]), (&Value::Null, &json!(0), &json!("apple")), "{mended}");
    let events = get("/api/v1/events?limit=100").await.to_string();
    assert!(events.contains("release.appeared"), "{events}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_has_the_list_of_what_its_devices_know() {
    let folder = tempfile::tempdir().unwrap();
    let layer = Layer::flags()
        .with("data", [folder.path().display().to_string()])
        .with("url", ["https://localhost"])
        .with("listen", ["127.0.0.1:0"])
        .with("http_listen", ["off"]);
    let services = Services::start(&Clock::System, &Random::System).await.unwrap();
    let config = Config::read(layer, Vec::new()).unwrap();
    let (serving, _) = Serving::start_beside(config, Clock::System, Random::System, Grants::default(), Some(services)).await.unwrap();
    let app = serving.app.clone();
    let mut bell = app.store.listen(Bell::Events);
    let listed = tokio::time::timeout(PATIENCE, async {
        loop {
            let found = app.store.read(app.now(), |tx| lookup::list(tx, &Actor::Console, &lookup::Filter::default())).await.unwrap();
            if !found.is_empty() {
                return found;
            }
            bell.heard().await;
        }
    });
    assert!(listed.await.unwrap().iter().any(|release| release.key.platform == "macOS"));
    serving.stop().await.unwrap();
}

/// Runs a command on the data folder under `folder`; gives its exit code and what it printed.
fn tell(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let data = folder.join("data");
    let output = rollcall(&[arguments, &["--data", data.to_str().unwrap()]].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_box_without_internet_is_told_by_its_command_line_whether_it_runs_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("pmv.json"), folder.path().join("bad.json"));
    std::fs::write(&good, list(&["26.1", "26.2"]).to_string()).unwrap();
    std::fs::write(&bad, "{\n\"AssetSets\": oh }").unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    let appliance = Appliance::start(folder.path(), &[]);
    let tell = |arguments: &[&str]| tell(folder.path(), arguments);
    let (code, out, err) = tell(&["releases", "--import", good]);
    assert!(code == 0 && out.starts_with("Taken in: 2 listed, 2 new, 0 changed, 0 gone.\n"), "{out}{err}");
    let (code, out, err) = tell(&["releases", "--import", bad]);
    assert!(code == 1 && out.is_empty() && err.contains("bad.json: ") && err.contains("line 2, column 14"), "{out}{err}");
    let (code, out, err) = tell(&["roots", "add", good]);
    assert!(code == 1 && err.contains("is no certificate. Get Apple Root CA or "), "{out}{err}");
    appliance.end();

    let (code, out, err) = tell(&["releases", "--platform", "ios"]);
    let rows: Vec<_> = out.lines().filter(|line| line.starts_with("iOS ")).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!((code, rows), (0, vec!["26.2", "26.1"]), "{out}{err}");
    assert!(out.contains("The list is less than an hour old, brought as a file"), "{out}");
    let older = folder.path().join("older.json");
    std::fs::write(&older, list(&["26.1"]).to_string().replace(POSTED, "2025-01-02")).unwrap();
    let older = older.to_str().unwrap();
    let (code, out, err) = tell(&["releases", "--import", older]);
    assert!(code == 1 && out.is_empty() && err.contains("This file is older") && err.contains("With --older it is taken in"), "{out}{err}");
    let (code, _, err) = tell(&["releases", "--older"]);
    assert!(code == 2 && err.contains("--import"), "{err}");
    let (code, out, err) = tell(&["releases", "--import", older, "--older"]);
    assert!(code == 0 && out.starts_with("Taken in: 1 listed, 0 new, 1 changed, 1 gone.\n") && !out.contains("26.2"), "{out}{err}");
    let (_, out, _) = tell(&["releases", "--vanished"]);
    assert!(out.lines().any(|line| line.contains("26.2") && line.contains("none since ")), "{out}");
    let (code, _, err) = tell(&["releases", "--import", good]);
    assert_eq!(code, 0, "{err}");
    let (_, out, _) = tell(&["releases", "--platform", "macOS", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["releases"], json!([]));
    let (code, _, err) = tell(&["releases", "--platform", "bogus"]);
    assert!(code == 1 && err.contains("no releases of “bogus”; it lists iOS"), "{err}");
    let (code, out, err) = tell(&["roots", "list"]);
    assert!(code == 0 && out.contains("Apple Root CA") && out.contains("not here"), "{out}{err}");
    let (code, _, err) = tell(&["releases", "--import", "/nonexistent/pmv.json"]);
    assert!(code == 1 && err.contains("/nonexistent/pmv.json cannot be read"), "{err}");
}
