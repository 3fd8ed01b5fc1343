//! Mishaps on purpose, and the repeats that follow them.

use serde_json::json;

use super::declarations::{activation, declare, entry, statuses, test_configuration};
use super::*;

fn with_faults(word: &str, faults: &str) -> Bench {
    let faults = Faults::parse(faults).unwrap().for_device(1);
    let mut bench = Bench::of(individual(word), faults);
    bench.run();
    bench.wait(60);
    assert_eq!(*bench.device.phase(), Phase::Enrolled, "{:?}", bench.device.journal());
    bench
}

#[test]
fn a_lost_answer_makes_the_device_repeat_the_same_bytes() {
    let mut bench = with_faults("ipad", "[[fault]]\nkind = \"lose-answer\"\non = [\"Report\"]\ntimes = 1\n");
    let uuid = bench.server.enqueue("SecurityInfo", []);
    bench.push();
    bench.wait(10);
    let reports: Vec<_> = bench.server.seen.iter().filter(|seen| seen.purpose == Purpose::Report).collect();
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].request.body, reports[1].request.body);
    assert_eq!(reports[0].request.headers, reports[1].request.headers);
    assert_eq!(status(&bench.server.report(&uuid)), "Acknowledged");
    assert_eq!(bench.device.journal().repeats, 1);
}

#[test]
fn lost_and_broken_requests_are_sent_again() {
    for kind in ["lose-request", "break"] {
        let bench = with_faults("ipad", &format!("[[fault]]\nkind = \"{kind}\"\non = [\"Authenticate\"]\ntimes = 1\nbytes = 10\n"));
        assert_eq!(bench.server.messages(Purpose::Authenticate).len(), 1);
        assert_eq!(bench.device.journal().repeats, 1);
    }
}

#[test]
fn a_duplicate_report_arrives_twice() {
    let mut bench = with_faults("ipad", "[[fault]]\nkind = \"duplicate\"\non = [\"SecurityInfo\"]\n");
    bench.ask("SecurityInfo", []);
    assert_eq!(bench.server.messages(Purpose::Report).len(), 2);
}

#[test]
fn a_burst_of_not_now_passes() {
    let mut bench = with_faults("ipad", "[[fault]]\nkind = \"not-now\"\ntimes = 2\n");
    let (first, second) = (bench.server.enqueue("SecurityInfo", []), bench.server.enqueue("CertificateList", []));
    let never = bench.server.enqueue("ProfileList", []);
    bench.push();
    assert_eq!(status(&bench.server.report(&never)), "Acknowledged", "a query that is never put off");
    bench.push();
    assert_eq!(status(&bench.server.report(&first)), "Acknowledged");
    assert_eq!(status(&bench.server.report(&second)), "Acknowledged");
    assert_eq!(bench.device.journal().not_now, 2);
}

#[test]
fn a_malformed_report_is_given_up_and_a_huge_one_is_read() {
    let mut bench = with_faults("ipad", "[[fault]]\nkind = \"malformed\"\non = [\"SecurityInfo\"]\ntimes = 1\n");
    bench.server.enqueue("SecurityInfo", []);
    bench.server.instead.push((Purpose::Report, Response::new(400, "", "")));
    bench.push();
    let sent = bench.server.seen.last().unwrap();
    assert!(sent.purpose == Purpose::Report && sent.message.is_empty());
    bench.push();
    assert!(bench.server.queue.is_empty(), "the command came again and was answered");

    let mut bench = with_faults("ipad", "[[fault]]\nkind = \"huge\"\non = [\"SecurityInfo\"]\nbytes = 300000\n");
    let report = bench.ask("SecurityInfo", []);
    assert_eq!(status(&report), "Acknowledged");
    assert_eq!(bench.server.seen.last().unwrap().request.body.len(), 300_000);
}

#[test]
fn a_clock_that_is_behind_shows_in_the_signature() {
    let mut bench = with_faults("iPad13,18@27", "[[fault]]\nkind = \"clock-skew\"\nseconds = -7200\n");
    bench.push();
    let seen = bench.server.seen.last().unwrap();
    let header = seen.request.headers.iter().find(|(name, _)| name == "mdm-signature").unwrap();
    let verified = cms::verify(&STANDARD.decode(&header.1).unwrap(), Some(&seen.request.body)).unwrap();
    assert_eq!(bench.now.since(verified.signing_time.unwrap()), Duration::from_secs(7200));
}

#[test]
fn a_server_that_says_wait_is_waited_for_and_a_push_shortens_the_wait() {
    let mut bench = Bench::enrolled("ipad");
    for _ in 0..2 {
        let busy = Response { retry_after_s: Some(120), ..Response::new(503, "", "") };
        bench.server.instead.push((Purpose::Idle, busy));
    }
    bench.push();
    bench.wait(119);
    assert_eq!(bench.server.messages(Purpose::Idle).len(), 1);
    bench.wait(62);
    assert_eq!(bench.server.messages(Purpose::Idle).len(), 2);
    bench.push();
    assert_eq!(bench.server.messages(Purpose::Idle).len(), 4, "the repeat at once, and one for the push");
}

#[test]
fn pauses_grow_up_to_five_minutes() {
    let mut bench = Bench::enrolled("ipad");
    for _ in 0..40 {
        bench.server.instead.push((Purpose::Idle, Response::new(500, "", "")));
    }
    bench.push();
    bench.wait(3600);
    let attempts = bench.server.messages(Purpose::Idle).len();
    assert!((12..=22).contains(&attempts), "{attempts}");
}

#[test]
fn answers_that_are_no_commands_end_the_session() {
    for body in [b"<html></html>".to_vec(), xml(&Dictionary::new()), xml(&dictionary([("Command", Value::Dictionary(Dictionary::new()))]))]
    {
        let mut bench = Bench::enrolled("ipad");
        bench.server.instead.push((Purpose::Idle, Response::new(200, "application/xml", body)));
        bench.push();
        assert_eq!(bench.server.messages(Purpose::Report).len(), 0);
        assert_eq!(bench.remarks().len(), 1);
        bench.push();
        assert_eq!(bench.server.messages(Purpose::Idle).len(), 2);
    }
}

#[test]
fn a_device_polls_by_itself_when_told_so() {
    let mut bench = Bench::new("ipad");
    bench.device.settings.poll_every = Some(Duration::from_secs(30));
    bench.run();
    bench.wait(300);
    let polls = bench.server.messages(Purpose::Idle).len();
    assert!((9..=11).contains(&polls), "{polls}");
}

fn set() -> Vec<(&'static str, Json)> {
    vec![activation("act", &["test"]), test_configuration("test")]
}

#[test]
fn a_status_that_was_lost_is_never_told_until_something_changes() {
    let mut bench = with_faults("ipad@26", "[[fault]]\nkind = \"lose-status\"\ntimes = 1\n");
    declare(&mut bench, set());
    bench.wait(3600);
    assert!(statuses(&bench).is_empty());
    declare(&mut bench, vec![activation("act", &["test"]), test_configuration("test"), test_configuration("more")]);
    assert_eq!(statuses(&bench).len(), 1);
}

#[test]
fn an_old_token_is_told_though_the_new_version_is_there() {
    let mut bench = with_faults("ipad@26", "[[fault]]\nkind = \"old-token\"\nafter = 1\ntimes = 1\n");
    declare(&mut bench, set());
    let first = entry(&bench, "configurations", "test")["server-token"].clone();
    let mut newer = test_configuration("test");
    newer.1["ServerToken"] = json!("much-newer");
    declare(&mut bench, vec![activation("act", &["test"]), newer]);
    assert_eq!(entry(&bench, "configurations", "test")["server-token"], first);
    assert_eq!(bench.device.declarations(None)[1].server_token, "much-newer");
}

#[test]
fn a_type_can_be_denied_though_the_os_has_it() {
    let kind = "com.apple.configuration.management.test";
    let mut bench = with_faults("ipad@27", &format!("[[fault]]\nkind = \"unknown-type\"\non = [\"{kind}\"]\ntimes = 1\n"));
    declare(&mut bench, set());
    assert_eq!(entry(&bench, "configurations", "test")["reasons"][0]["code"], "Error.UnknownDeclarationType");
    assert_eq!(entry(&bench, "activations", "act")["active"], false);
}

#[test]
fn a_command_is_acknowledged_and_not_carried_out() {
    let mut bench = with_faults("ipad@26", "[[fault]]\nkind = \"pretend\"\non = [\"InstallProfile\"]\ntimes = 1\n");
    let mut profile = enrollment_profile("none");
    profile.insert("PayloadIdentifier".into(), Value::from("school.example.root"));
    profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap().truncate(1);
    for there in [1, 2] {
        assert_eq!(status(&bench.ask("InstallProfile", [("Payload", Value::Data(xml(&profile)))])), "Acknowledged");
        assert_eq!(bench.device.profiles().len(), there);
    }
}

#[test]
fn a_command_is_refused_as_often_as_is_written() {
    let rule = "[[fault]]\nkind = \"refuse\"\non = [\"InstallProfile\"]\ncode = 4005\ndomain = \"MCInstallationErrorDomain\"\ntimes = 2\n";
    let mut bench = with_faults("ipad@26", rule);
    let codes: Vec<_> = (0..3).map(|_| code(&bench.ask("InstallProfile", [("Payload", Value::Data(b"x".to_vec()))]))).collect();
    assert_eq!(codes, [4005, 4005, 1004]);
}

#[test]
fn profiles_and_declarations_vanish_without_a_word() {
    let text =
        "[[fault]]\nkind = \"forget-declarations\"\nafter = 2\ntimes = 1\n[[fault]]\nkind = \"forget-profiles\"\nafter = 2\ntimes = 1\n";
    let mut bench = with_faults("ipad@26", text);
    let mut profile = enrollment_profile("none");
    profile.insert("PayloadIdentifier".into(), Value::from("school.example.root"));
    profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap().truncate(1);
    bench.ask("InstallProfile", [("Payload", Value::Data(xml(&profile)))]);
    declare(&mut bench, set());
    let told = statuses(&bench).len();
    assert_eq!((bench.device.profiles().len(), bench.device.declarations(None).len()), (2, 2));
    bench.push();
    assert_eq!((bench.device.profiles().len(), bench.device.declarations(None).len()), (1, 0));
    bench.wait(3600);
    assert_eq!(statuses(&bench).len(), told, "nobody is told");
    declare(&mut bench, set());
    assert_eq!(bench.device.declarations(None).len(), 2, "the next command brings them back");
}

#[test]
fn a_device_is_renamed_updated_and_loses_a_profile_by_script() {
    let text =
        "[[fault]]\nkind = \"rename\"\nname = \"iPad of nobody\"\ntimes = 1\n[[fault]]\nkind = \"update-os\"\nname = \"26.1\"\ntimes = 1\n";
    let mut bench = with_faults("iPad13,18@26.0.1", text);
    bench.push();
    assert_eq!((bench.device.facts().name.as_str(), bench.device.facts().release.text), ("iPad of nobody", "26.1"));
    let now = bench.now;
    assert!(!bench.device.update_os("10.15.7", now), "no release of its platform");
}
