//! The examination of an appliance that does not serve, and the pages that mend what it finds. One that serves is examined in a journey.

use super::*;
use crate::mdm::Role;
use crate::mdm::doctor::{Area, Level};

fn ids(report: &Report, level: Level) -> Vec<&str> {
    report.findings.iter().filter(|finding| finding.level == level).map(|finding| finding.id.as_str()).collect()
}

#[tokio::test]
async fn one_that_does_not_serve_is_examined_as_far_as_it_goes() {
    let app = App::for_tests();
    let report = check(&app, &Actor::Console).await.unwrap();
    assert!(ids(&report, Level::Note).contains(&"ports.serving"), "{report:#?}");
    assert!(ids(&report, Level::Warning).contains(&"apple.releases"), "nobody listens at localhost:1: {report:#?}");
    assert!(!report.findings.iter().any(|finding| finding.area == Area::Tls), "nothing is shown: {report:#?}");
    assert!(ids(&report, Level::Ok).contains(&"database.integrity"));
    let kept = app.store.read(app.now(), |tx| doctor::last(tx, &Actor::Console)).await.unwrap();
    assert_eq!(kept, Some(report));
}

#[tokio::test]
async fn it_is_done_once_at_a_time_and_by_who_may() {
    let app = App::for_tests();
    let viewer = Actor::Token { id: String::new(), name: String::new(), role: Role::Viewer };
    assert_eq!(check(&app, &viewer).await.unwrap_err().kind, Kind::Forbidden);
    let held = app.examining.lock().await;
    assert_eq!(check(&app, &Actor::Console).await.unwrap_err().kind, Kind::Busy);
    drop(held);
    assert!(check(&app, &Actor::Console).await.is_ok());
}

#[tokio::test]
async fn a_taken_port_is_told_before_it_is_missed_as_far_as_settings_tell() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let app = App::for_tests().remade(|parts| parts.config.listen = vec![taken.local_addr().unwrap()]);
    let report = check(&app, &Actor::Console).await.unwrap();
    let finding = report.findings.iter().find(|finding| finding.id == "ports.listener:--listen").unwrap();
    assert!(finding.level == Level::Note && finding.what.contains("Another program listens there"), "{finding:?}");
}

#[test]
fn a_finding_leads_to_the_page_that_mends_it() {
    let finding =
        |id: &str| Finding { id: id.to_owned(), area: Area::Push, level: Level::Error, what: String::new(), remedy: String::new() };
    for (id, page) in [
        ("push.none", Some("/system/push")),
        ("push.certificate:com.apple.mgmt.x", Some("/system/push")),
        ("tokens.apps_and_books:1", Some("/system/apps-and-books/1")),
        ("licences.ends:1", Some("/system/apps-and-books/1")),
        ("tokens.device_list:2", Some("/system/device-list/2")),
        ("ade.terms:2", Some("/system/device-list/2")),
        ("tls.trust", Some("/system/tls")),
        ("backups.age", Some("/system/backups")),
        ("backup.failed", Some("/system/backups")),
        ("apple.releases", Some("/system/releases")),
        ("jobs.failing:push", Some("/system")),
        ("clock.time", None),
        ("names.address", None),
    ] {
        assert_eq!(page_of(&finding(id)).as_deref(), page, "{id}");
    }
}
