//! The enrollment profile comes again: the device gets a new identity and stays enrolled, or keeps the old one.

use super::super::values::texts;
use super::enrolling::change_mdm;
use super::*;

/// A device of each habit: one that checks in first, one that reports first.
fn both_habits(check: impl Fn(Bench, bool)) {
    for number in 1..=2 {
        let facts = invent(1, number, Mix::parse(&["iPad13,18@27"]).unwrap().wish(0));
        let mut bench = Bench::of(facts, DeviceFaults::default());
        bench.run();
        let reports_first = bench.device.reports_before_check_in();
        check(bench, reports_first);
    }
}

#[test]
fn devices_of_both_habits_exist() {
    let habits: Vec<_> = (1..=2).map(|number| invent(1, number, Mix::default().wish(0)).spread(2)).collect();
    assert_ne!(habits[0], habits[1]);
}

#[test]
fn a_renewal_checks_in_again_under_a_new_certificate() {
    both_habits(|mut bench, reports_first| {
        let old = bench.device.identity().unwrap().certificate.clone();
        bench.server.challenge = String::from("renewal-challenge");
        let profile = cms::sign(authority().signer(), &xml(&enrollment_profile("renewal-challenge")), &SignOptions::default()).unwrap();
        let from = bench.server.seen.len();
        let report = bench.ask("InstallProfile", [("Payload", Value::Data(profile))]);
        assert_eq!(status(&report), "Acknowledged");
        let new = bench.device.identity().unwrap().certificate.clone();
        assert_ne!(old.fingerprint(), new.fingerprint());
        let purposes: Vec<_> = bench.server.seen[from..].iter().map(|seen| seen.purpose).collect();
        let (check_in, reported) = (Purpose::Authenticate, Purpose::Report);
        let place = |purpose| purposes.iter().position(|seen| *seen == purpose).unwrap();
        assert_eq!(place(reported) < place(check_in), reports_first, "{purposes:?}");
        let signer = |seen: &Seen| {
            let header = seen.request.headers.iter().find(|(name, _)| name == "mdm-signature").unwrap();
            cms::verify(&STANDARD.decode(&header.1).unwrap(), Some(&seen.request.body)).unwrap().signer.fingerprint()
        };
        let report = bench.server.seen.iter().rev().find(|seen| seen.purpose == Purpose::Report).unwrap();
        assert_eq!(signer(report), new.fingerprint(), "the report is signed by the new identity");
        assert_eq!((bench.device.journal().enrollments, bench.device.journal().renewals), (1, 1));
        assert_eq!(fields::text(&bench.ask("DeviceInformation", [("Queries", texts(["UDID"]))]), "Status"), Some("Acknowledged"));
        assert_eq!(bench.remarks(), [""; 0]);
    });
}

#[test]
fn a_refused_renewal_keeps_the_old_identity() {
    both_habits(|mut bench, reports_first| {
        let old = bench.device.identity().unwrap().certificate.fingerprint();
        bench.server.instead.push((Purpose::Authenticate, Response::new(400, "", "")));
        let profile = Value::Data(xml(&enrollment_profile("practice-challenge")));
        let report = bench.ask("InstallProfile", [("Payload", profile)]);
        assert_eq!(bench.device.identity().unwrap().certificate.fingerprint(), old);
        assert_eq!(*bench.device.phase(), Phase::Enrolled);
        if !reports_first {
            assert_eq!((status(&report), code(&report)), ("Error", 12002));
        }
    });
}

#[test]
fn a_report_that_is_refused_under_the_new_identity_waits_for_the_check_in() {
    both_habits(|mut bench, reports_first| {
        if reports_first {
            bench.server.instead.push((Purpose::Report, Response::new(400, "", "")));
            let uuid = bench.server.enqueue("InstallProfile", [("Payload", Value::Data(xml(&enrollment_profile("practice-challenge"))))]);
            bench.push();
            assert_eq!(status(&bench.server.report(&uuid)), "Acknowledged");
            assert!(bench.server.queue.is_empty());
            assert_eq!(bench.device.journal().renewals, 1);
        }
    });
}

#[test]
fn a_wrong_challenge_leaves_everything_as_it_was() {
    let mut bench = Bench::enrolled("ipad");
    let old = bench.device.identity().unwrap().certificate.fingerprint();
    let report = bench.ask("InstallProfile", [("Payload", Value::Data(xml(&enrollment_profile("stale"))))]);
    assert_eq!((status(&report), code(&report)), ("Error", 22013));
    assert_eq!(bench.device.identity().unwrap().certificate.fingerprint(), old);
}

#[test]
fn what_must_not_change_makes_the_device_refuse() {
    let refused = |change: fn(&mut Dictionary)| {
        let mut bench = Bench::enrolled("ipad");
        let mut profile = enrollment_profile("practice-challenge");
        change_mdm(&mut profile, change);
        let report = bench.ask("InstallProfile", [("Payload", Value::Data(xml(&profile)))]);
        assert_eq!(bench.server.messages(Purpose::Authenticate).len(), 1);
        code(&report)
    };
    assert_eq!(refused(|mdm| drop(mdm.insert("Topic".into(), Value::from("com.apple.mgmt.External.other")))), 12012);
    assert_eq!(refused(|mdm| drop(mdm.insert("ServerURL".into(), Value::from("https://other.example.school/mdm")))), 12012);
    assert_eq!(refused(|mdm| drop(mdm.insert("CheckInURL".into(), Value::from("https://other.example.school/mdm")))), 12012);
    assert_eq!(refused(|mdm| drop(mdm.insert("ServerCapabilities".into(), texts::<&str>([])))), 12012);

    let mut bench = Bench::new("ipad");
    change_mdm(&mut bench.server.profile, |mdm| drop(mdm.insert("AccessRights".into(), Value::from(3))));
    bench.run();
    let report = bench.ask("InstallProfile", [("Payload", Value::Data(xml(&enrollment_profile("practice-challenge"))))]);
    assert_eq!(code(&report), 12009);
}
