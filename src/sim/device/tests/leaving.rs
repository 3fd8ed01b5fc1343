//! How an enrollment ends, and what does not end it.

use super::*;

fn unrecognized() -> Response {
    Response::new(403, "application/json", r#"{"code":"com.apple.unrecognized.device","description":"retired"}"#)
}

#[test]
fn the_statuses_that_unenroll_are_401_and_403_with_apples_code() {
    let ends = |word: &str, response: Response| {
        let mut bench = Bench::enrolled(word);
        bench.server.instead.push((Purpose::Idle, response));
        bench.push();
        !matches!(bench.device.phase(), Phase::Enrolled)
    };
    assert!(ends("iPad7,5@12", Response::new(401, "", "")));
    assert!(ends("iPad13,18@27", Response::new(401, "", "")));
    assert!(ends("iPad13,18@27", unrecognized()));
    assert!(!ends("iPad7,5@14", unrecognized()));
    assert!(!ends("iPad13,18@27", Response::new(403, "", "")));
    for status in [400, 404, 410, 500, 503] {
        assert!(!ends("iPad13,18@27", Response::new(status, "", "")), "{status}");
    }
}

#[test]
fn who_left_has_forgotten_everything_and_stays_silent() {
    let mut bench = Bench::enrolled("ipad");
    bench.server.instead.push((Purpose::Idle, Response::new(401, "", "")));
    bench.push();
    assert!(matches!(bench.device.phase(), Phase::Left(why) if why.contains("401")));
    assert!(bench.device.identity().is_none() && bench.device.tokens().count() == 0);
    let before = bench.server.seen.len();
    bench.push();
    bench.wait(86_400);
    assert_eq!(bench.server.seen.len(), before);
}

#[test]
fn a_removed_enrollment_profile_checks_out_where_asked() {
    let mut bench = Bench::enrolled("ipad");
    let report = bench.ask("RemoveProfile", [("Identifier", Value::from("school.example.mdm"))]);
    assert_eq!(status(&report), "Acknowledged");
    assert_eq!(bench.server.messages(Purpose::CheckOut).len(), 1);
    assert!(matches!(bench.device.phase(), Phase::Left(_)));

    let mut bench = Bench::new("ipad");
    super::enrolling::change_mdm(&mut bench.server.profile, |mdm| drop(mdm.remove("CheckOutWhenRemoved")));
    bench.run();
    bench.device.remove_enrollment();
    bench.run();
    assert!(bench.server.messages(Purpose::CheckOut).is_empty());
    assert!(matches!(bench.device.phase(), Phase::Left(_)));
}

#[test]
fn a_check_out_is_tried_once() {
    let mut bench = Bench::enrolled("ipad");
    bench.server.instead.push((Purpose::CheckOut, Response::new(500, "", "")));
    bench.device.remove_enrollment();
    bench.run();
    bench.wait(3600);
    assert_eq!(bench.server.messages(Purpose::CheckOut).len(), 1);
    assert!(matches!(bench.device.phase(), Phase::Left(_)));
}

#[test]
fn an_erased_device_stays_away_or_enrolls_again() {
    let mut bench = Bench::enrolled("ipad");
    let report = bench.ask("EraseDevice", []);
    assert_eq!(status(&report), "Acknowledged");
    bench.wait(3600);
    assert!(matches!(bench.device.phase(), Phase::Left(why) if why.contains("erased")));
    assert!(bench.server.messages(Purpose::CheckOut).is_empty());

    let mut bench = Bench::enrolled("ipad");
    bench.device.settings.enrolls_again = true;
    bench.ask("EraseDevice", []);
    bench.wait(120);
    assert_eq!(*bench.device.phase(), Phase::Enrolled);
    assert_eq!(bench.device.journal().enrollments, 2);
}

#[test]
fn a_device_returns_to_service_with_the_profile_it_was_given() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let profile = Value::Data(bench.server.signed_profile());
    let wifi = Value::Data(network("<key>SSID_STR</key><string>School</string>"));
    let service = dict([("Enabled", Value::Boolean(true)), ("MDMProfileData", profile), ("WiFiProfileData", wifi)]);
    bench.ask("EraseDevice", [("ReturnToService", service)]);
    bench.wait(120);
    assert_eq!(*bench.device.phase(), Phase::Enrolled);
    assert_eq!(bench.server.seen.iter().filter(|seen| seen.purpose == Purpose::Profile).count(), 1);
}

/// A profile with one Wi-Fi network.
fn network(keys: &str) -> Vec<u8> {
    let head = |kind: &str, at: u8| {
        format!(
            "<key>PayloadType</key><string>{kind}</string><key>PayloadVersion</key><integer>1</integer>\
             <key>PayloadIdentifier</key><string>school.example.{at}</string><key>PayloadUUID</key><string>UUID-{at}</string>"
        )
    };
    let (outer, inner) = (head("Configuration", 0), head("com.apple.wifi.managed", 1));
    format!("<plist version=\"1.0\"><dict>{outer}<key>PayloadContent</key><array><dict>{inner}{keys}</dict></array></dict></plist>")
        .into_bytes()
}

#[test]
fn an_erased_device_without_a_network_or_a_profile_stays_at_its_greeting() {
    let ends = |service: &[(&str, Value)]| {
        let mut bench = Bench::enrolled("iPad13,18@18");
        let keys = service.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let service = Value::Dictionary(keys.chain([("Enabled".to_owned(), Value::Boolean(true))]).collect());
        bench.ask("EraseDevice", [("ReturnToService", service)]);
        bench.wait(120);
        match bench.device.phase() {
            Phase::Failed(why) => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(ends(&[]).contains("knows no network"));
    assert!(ends(&[("WiFiProfileData", Value::Data(network("")))]).contains("has no name"));
    let wifi = Value::Data(network("<key>SSID_STR</key><string>School</string>"));
    assert!(ends(&[("WiFiProfileData", wifi)]).contains("No profile came"));
}

#[test]
fn a_device_that_is_handed_back_asks_and_does_as_it_is_told() {
    let answer = |enabled: bool| {
        let mut bench = Bench::enrolled("iPad13,18@26");
        assert!(!bench.device.hand_back(), "its profile does not let people");
        bench.device.situation.may_be_handed_back = true;
        assert!(bench.device.hand_back());
        let profile = Value::Data(bench.server.signed_profile());
        let wifi = Value::Data(network("<key>SSID_STR</key><string>School</string>"));
        let service = dict([("Enabled", Value::Boolean(enabled)), ("MDMProfileData", profile), ("WiFiProfileData", wifi)]);
        let body = crate::protocol::plist::to_xml(&dict([("ReturnToService", service)])).unwrap();
        bench.server.instead.push((Purpose::ReturnToService, Response::new(200, "application/xml", body)));
        bench.run();
        bench.wait(120);
        (bench.device.phase().clone(), bench.device.journal().enrollments, bench.device.journal().remarks.clone())
    };
    assert_eq!(answer(true), (Phase::Enrolled, 2, Vec::new()));
    assert_eq!(answer(false), (Phase::Enrolled, 1, Vec::new()));
}

#[test]
fn a_device_that_is_erased_wipes_itself_even_if_nobody_hears_it() {
    let mut bench = Bench::enrolled("ipad");
    for _ in 0..6 {
        bench.server.instead.push((Purpose::Report, Response::new(500, "", "")));
    }
    bench.ask("EraseDevice", []);
    bench.wait(3600);
    assert!(matches!(bench.device.phase(), Phase::Left(_)));
}
