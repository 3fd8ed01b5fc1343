//! What monitors and those who ask for help get: metrics, and the id by which a request is found in the log.

use std::collections::BTreeSet;
use std::path::Path;

use axum::Extension;
use regex_lite::Regex;

use super::*;
use crate::http::auth::tests::{Kit, peer};
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::store::backup::Manifest;
use crate::store::backups::Place;

/// An appliance with something of everything that is told.
async fn house() -> (tempfile::TempDir, Router, String) {
    let data = tempfile::tempdir().unwrap();
    let app = App::for_tests_in(crate::store::OpenOptions::memory(), data.path());
    let made = |tx: &crate::store::Tx| {
        let manifest = Manifest {
            format: 1,
            made_at: tx.now,
            program: String::from("0.1.0"),
            schema: 1,
            devices: 1,
            enrolled: 1,
            database_bytes: 1,
            with_packages: false,
        };
        crate::mdm::backups::put(tx, "a.age", Place::Folder, "/srv/backups", 10, &manifest)?;
        crate::mdm::backups::done(tx, &manifest, 10)?;
        let backup = crate::store::backups::newest(tx, 1)?.remove(0);
        crate::mdm::backups::tested(tx, &backup, &Ok(()))?;
        let device = crate::store::roster::tests::device("a", "iPad 1");
        crate::store::devices::insert(tx, &device)?;
        crate::store::enrollments::insert(tx, &crate::http::pages::tests::enrollment(tx, "a"))?;
        crate::mdm::ca::tls::watch_end(tx, tx.now.plus(std::time::Duration::from_secs(90 * 24 * 3600)))?;
        crate::store::jobs::finish(tx, "push", tx.now, Ok("done"), None)
    };
    app.store.write(app.now(), made).await.unwrap();
    app.metrics.job("push", true, std::time::Duration::from_millis(3));
    let token = Kit::on(app.store.clone(), app.clock.clone()).token(Role::Viewer).await;
    let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
    (data, door, token)
}

async fn scraped(door: &Router, token: &str) -> String {
    let request = Request::get("/metrics").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let response = door.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], crate::metrics::CONTENT_TYPE);
    String::from_utf8(axum::body::to_bytes(response.into_body(), 4 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn metrics_want_a_token_and_tell_what_was_asked() {
    let (_data, door, token) = house().await;
    let (status, _, body) = ask(&door, "GET", "/metrics").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    ask(&door, "GET", "/api/v1/nothing").await;
    ask(&door, "PUT", "/mdm/checkin").await;
    let text = scraped(&door, &token).await;
    for line in [
        "rollcall_http_requests_total{audience=\"api\",status=\"401\"} 1",
        "rollcall_http_requests_total{audience=\"api\",status=\"404\"} 1",
        "rollcall_http_requests_total{audience=\"device\",status=\"400\"} 1",
        "rollcall_check_ins_total{message_type=\"malformed\"} 1",
        "rollcall_check_ins_total{message_type=\"TokenUpdate\"} 0",
        "rollcall_reports_total{status=\"Idle\"} 0",
        "rollcall_commands_open{state=\"queued\"} 0",
        "rollcall_backup_last_success_timestamp_seconds 1795593600",
        "rollcall_backup_last_test_success 1",
        "rollcall_job_failures_in_a_row{name=\"push\"} 0",
        "rollcall_job_last_success_timestamp_seconds{name=\"push\"} 1795593600",
        "rollcall_apple_requests_total{outcome=\"ok\",service=\"apns\"} 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} in {text}");
    }
    assert!(
        text.contains(
            "rollcall_expiry_timestamp_seconds{kind=\"tls.certificate\",name=\"TLS certificate (renewed by itself)\",renewed=\"itself\"} "
        ),
        "{text}"
    );
    assert!(text.contains("rollcall_enrolled_devices{platform="), "{text}");
}

/// The names of the metrics in a text of ours.
fn names(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"rollcall_[a-z0-9_]+").unwrap();
    name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

#[tokio::test]
async fn every_metric_of_the_sample_dashboard_and_the_sample_rules_is_told() {
    let (_data, door, token) = house().await;
    ask(&door, "GET", "/nothing").await;
    let text = scraped(&door, &token).await;
    // What a rule tells apart by: one that asks for a word that is never said is silent for ever.
    let value = Regex::new(r#"(outcome|severity)!?="[a-z_]+""#).unwrap();
    let told: BTreeSet<String> = text.lines().filter(|line| !line.starts_with('#')).flat_map(names).collect();
    for file in ["grafana/rollcall.json", "prometheus/rollcall-alerts.yml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file);
        let sample = std::fs::read_to_string(&path).unwrap();
        let missing: Vec<_> = names(&sample).difference(&told).cloned().collect();
        assert!(missing.is_empty(), "{file} asks for what nobody tells: {missing:?}");
        assert!(names(&sample).len() > 8, "{file}");
        if file.ends_with("json") {
            let dashboard: serde_json::Value = serde_json::from_str(&sample).unwrap();
            assert!(dashboard["panels"].as_array().unwrap().len() > 8);
        } else {
            let rules: serde_yaml_ng::Value = serde_yaml_ng::from_str(&sample).unwrap();
            for rule in rules["groups"][0]["rules"].as_sequence().unwrap() {
                let words = |part: &str, key: &str| rule[part][key].as_str().is_some_and(|words| !words.is_empty());
                assert!(rule["alert"].is_string() && rule["expr"].is_string(), "{rule:?}");
                assert!(words("labels", "severity") && words("annotations", "summary") && words("annotations", "description"), "{rule:?}");
                for found in value.find_iter(rule["expr"].as_str().unwrap()) {
                    let asked = found.as_str().replace('!', "");
                    assert!(text.contains(&asked), "{asked} is never told: {rule:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_failure_names_the_request_so_that_a_person_can_quote_it() {
    let doors = doors(&App::for_tests(), &Streams::default());
    let door = doors.whole.layer(Extension(peer(Listener::Main)));
    for (method, path, in_body) in [
        ("GET", "/api/v1/nothing", true),
        ("GET", "/api/v1/devices", true),
        ("DELETE", "/api/v1/devices", true),
        ("GET", "/nothing", true),
        ("GET", "/static/none/none", true),
        ("PUT", "/mdm/checkin", false),
        ("GET", "/scep?operation=Nothing", false),
    ] {
        let (status, headers, body) = ask(&door, method, path).await;
        assert!(status.is_client_error(), "{path}: {status}");
        let id = headers["x-request-id"].to_str().unwrap();
        assert_eq!(body.contains(id), in_body, "{path}: {body}");
        if path.starts_with("/api/") {
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem["request_id"], id, "{body}");
        }
    }
}
