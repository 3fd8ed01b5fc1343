//! From a profile to the first TokenUpdate, as each generation does it.

use super::super::agenda::Errand;
use super::*;
use crate::pki::judge::{file, openssl, path, try_openssl};
use crate::pki::mac_password::MacPassword;
use crate::protocol::command;
use crate::sim::model::{Account, AccountKind};

fn captured(name: &str) -> Option<Dictionary> {
    let folder = crate::shared_for_tests()?;
    parse_dictionary(&std::fs::read(folder.join("captures/checkin").join(name)).unwrap()).ok()
}

#[test]
fn an_ipad_enrolls_in_the_order_of_the_protocol() {
    use Purpose::{Authenticate, GetCaCaps, GetCaCert, PkiOperation, Profile, TokenUpdate};
    let bench = Bench::enrolled("iPad13,18@27");
    let purposes: Vec<_> = bench.server.seen.iter().map(|seen| seen.purpose).collect();
    assert_eq!(purposes, [Profile, GetCaCert, GetCaCaps, PkiOperation, Authenticate, TokenUpdate]);
    assert_eq!(bench.remarks(), [""; 0]);
    assert_eq!((bench.device.journal().enrollments, bench.device.journal().repeats), (1, 0));
    let identity = bench.device.identity().unwrap();
    assert_eq!(identity.certificate.common_name(), Some(bench.device.facts().serial_number.clone()));
}

#[test]
fn authenticate_and_token_update_say_what_real_devices_say() {
    for (word, authenticate, token_update) in [
        ("iPad7,5@12", "authenticate-ios-11.3.1.plist", "tokenupdate-ios-11.3.1.plist"),
        ("Macmini8,1@10.15", "authenticate-macos-10.11.plist", "tokenupdate-macos-10.11.plist"),
    ] {
        let (Some(authenticate), Some(token_update)) = (captured(authenticate), captured(token_update)) else { return };
        let bench = Bench::enrolled(word);
        assert_eq!(keys(bench.server.messages(Purpose::Authenticate)[0]), keys(&authenticate), "{word}");
        assert_eq!(keys(bench.server.messages(Purpose::TokenUpdate)[0]), keys(&token_update), "{word}");
    }
}

#[test]
fn a_users_channel_says_what_a_real_mac_says() {
    let Some(capture) = captured("tokenupdate-macos-10.11-user.plist") else { return };
    let bench = Bench::enrolled("Mac14,2@15");
    let updates = bench.server.messages(Purpose::TokenUpdate);
    assert_eq!(updates.len(), 2);
    assert_eq!(keys(updates[1]), keys(&capture));
    assert_eq!(fields::text(updates[1], "UserID"), Some(bench.device.facts().accounts[0].user_id.as_str()));
    assert_ne!(fields::data(updates[0], "Token"), fields::data(updates[1], "Token"));
    // A user's channel connects by itself once.
    let idles = bench.server.messages(Purpose::Idle);
    assert_eq!(keys(idles[0]), ["NotOnConsole", "Status", "UDID", "UserID", "UserLongName", "UserShortName"]);
}

#[test]
fn an_idle_says_what_another_simulator_says() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let capture = std::fs::read(folder.join("captures/conversations/mdmb/11-device-1-idle-empty-queue.request.http")).unwrap();
    let at = capture.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut bench = Bench::enrolled("iPad13,18@27");
    bench.push();
    assert_eq!(keys(bench.server.messages(Purpose::Idle)[0]), keys(&parse_dictionary(&capture[at..]).unwrap()));
}

#[test]
fn openssl_and_plistlib_read_what_old_and_new_devices_send() {
    let anchor = file(authority().certificate().to_pem().as_bytes());
    for (word, digest, attributes) in [("iPad7,5@12", "sha1", false), ("iPad13,18@27", "sha256", true)] {
        let mut bench = Bench::enrolled(word);
        bench.push();
        for seen in bench.server.seen.iter().filter(|seen| matches!(seen.purpose, Purpose::TokenUpdate | Purpose::Idle)) {
            let header = seen.request.headers.iter().find(|(name, _)| name == "mdm-signature").unwrap();
            let signature = STANDARD.decode(&header.1).unwrap();
            assert_eq!(signature[..2], [0x30, 0x80], "the outer length is indefinite");
            let (signature, body) = (file(&signature), file(&seen.request.body));
            let verify = ["cms", "-verify", "-binary", "-inform", "DER", "-in", path(&signature), "-content", path(&body)];
            let trust = ["-CAfile", path(&anchor), "-purpose", "any", "-attime", "1795600000"];
            let (good, output, errors) = try_openssl(&[&verify[..], &trust[..]].concat(), b"");
            assert!(good, "{word}: {errors}");
            assert_eq!(output, seen.request.body);
            let print = openssl(&["cms", "-cmsout", "-print", "-inform", "DER", "-in", path(&signature)], b"");
            let print = String::from_utf8_lossy(&print);
            assert!(print.contains(digest), "{word}");
            assert_eq!(print.contains("signingTime"), attributes, "{word}");
            plistlib(&seen.request.body);
        }
    }
}

/// Python's own reader must take it.
fn plistlib(bytes: &[u8]) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let code = "import plistlib, sys; assert isinstance(plistlib.loads(sys.stdin.buffer.read()), dict)";
    let mut python = Command::new("python3").args(["-c", code]).stdin(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(python.wait().unwrap().success());
}

#[test]
fn algorithms_go_by_generation_and_by_what_the_server_can() {
    let sent = |word: &str, capabilities: &'static str| {
        let mut bench = Bench::new(word);
        bench.server.capabilities = capabilities;
        bench.run();
        assert_eq!(*bench.device.phase(), Phase::Enrolled, "{:?}", bench.device.journal());
        let seen = bench.server.seen.iter().find(|seen| seen.purpose == Purpose::PkiOperation).unwrap().clone();
        seen.request
    };
    let all = "POSTPKIOperation\nSHA-256\nAES\nDES3\nSHA-1\n";
    let digest = |request: &Request| cms::verify(&request.body, None).unwrap().digest.name();
    assert_eq!(digest(&sent("iPad7,5@12", all)), "SHA-1");
    assert_eq!(digest(&sent("iPad13,18@27", all)), "SHA-256");
    assert_eq!(digest(&sent("iPad13,18@27", "POSTPKIOperation\nDES3\n")), "SHA-1");
    let by_get = sent("iPad13,18@27", "SHA-256\nAES\n");
    assert!(by_get.method == http::Method::GET && by_get.body.is_empty() && by_get.url.contains("operation=PKIOperation&message=MI"));
}

#[test]
fn a_wrong_challenge_ends_the_enrollment_with_the_servers_reason() {
    let mut bench = Bench::new("ipad");
    bench.server.challenge = String::from("another");
    bench.run();
    let Phase::Failed(why) = bench.device.phase().clone() else { panic!("{:?}", bench.device.phase()) };
    assert!(why.contains("badRequest"), "{why}");
    bench.server.challenge = String::from("practice-challenge");
    bench.device.enroll_again();
    bench.run();
    assert_eq!(*bench.device.phase(), Phase::Enrolled);
}

#[test]
fn a_refused_check_in_ends_the_enrollment_and_a_busy_server_does_not() {
    let mut bench = Bench::new("ipad");
    bench.server.instead.push((Purpose::Authenticate, Response::new(400, "", "")));
    bench.run();
    assert!(matches!(bench.device.phase(), Phase::Failed(why) if why.contains("400")));

    let mut bench = Bench::new("ipad");
    let busy = Response { retry_after_s: Some(30), ..Response::new(503, "", "") };
    bench.server.instead.push((Purpose::TokenUpdate, busy));
    bench.run();
    assert_eq!(*bench.device.phase(), Phase::Enrolling);
    bench.wait(29);
    assert_eq!(*bench.device.phase(), Phase::Enrolling);
    bench.wait(20);
    assert_eq!(*bench.device.phase(), Phase::Enrolled);
    assert_eq!(bench.device.journal().repeats, 1);
}

#[test]
fn a_supervised_mac_leaves_its_bootstrap_token_and_asks_it_back_before_an_update() {
    let mut bench = Bench::enrolled("Mac14,2@15.2");
    let set = bench.server.messages(Purpose::SetBootstrapToken)[0].clone();
    let token = fields::data(&set, "BootstrapToken").unwrap().to_vec();
    let answer = dictionary([("BootstrapToken", Value::Data(token))]);
    bench.server.instead.push((Purpose::GetBootstrapToken, Response::new(200, "application/xml", xml(&answer))));
    let order = dict([("InstallAction", Value::from("InstallASAP")), ("ProductVersion", Value::from("15.7.1"))]);
    let report = bench.ask("ScheduleOSUpdate", [("Updates", Value::Array(vec![order]))]);
    assert_eq!(status(&report), "Acknowledged");
    assert_eq!(bench.server.messages(Purpose::GetBootstrapToken).len(), 1);
    assert_eq!(bench.remarks(), [""; 0]);
    let unsupervised = Bench::enrolled("-Mac14,2@15");
    assert!(unsupervised.server.messages(Purpose::SetBootstrapToken).is_empty());
}

#[test]
fn a_directory_user_is_asked_for_and_goes_away_when_told_so() {
    let user = Account {
        kind: AccountKind::Network,
        user_id: String::from("5DF1182E-C70B-4A3A-BADC-DD3E775040FB"),
        short_name: String::from("kim"),
        long_name: String::from("Kim Example"),
    };
    let mut bench = Bench::enrolled("Mac14,2@15");
    bench.device.log_in(user.clone());
    bench.run();
    assert_eq!(bench.server.messages(Purpose::UserAuthenticate).len(), 1);
    assert_eq!(bench.server.messages(Purpose::TokenUpdate).len(), 2, "410: no TokenUpdate of that user");

    let challenge = |text: &str| Response::new(200, "application/xml", xml(&dictionary([("DigestChallenge", Value::from(text))])));
    bench.server.instead.push((Purpose::UserAuthenticate, challenge("")));
    bench.device.log_in(user.clone());
    bench.run();
    assert_eq!(bench.server.messages(Purpose::TokenUpdate).len(), 3);

    bench.server.instead.push((Purpose::UserAuthenticate, challenge("Digest nonce=1,realm=example")));
    let token = dictionary([("AuthToken", Value::from("let me in"))]);
    bench.server.instead.push((Purpose::UserAuthenticate, Response::new(200, "application/xml", xml(&token))));
    bench.device.log_in(user);
    bench.run();
    let updates = bench.server.messages(Purpose::TokenUpdate);
    assert_eq!(fields::text(updates[3], "AuthToken"), Some("let me in"));
    let second = bench.server.messages(Purpose::UserAuthenticate)[3];
    assert!(fields::text(second, "DigestResponse").is_some());
}

#[test]
fn the_users_of_a_shared_ipad_have_channels_and_one_may_be_refused() {
    let mut wish = Mix::parse(&["iPad13,18@26"]).unwrap().wish(0);
    wish.shared = true;
    let mut bench = Bench::of(invent(1, 1, wish), DeviceFaults::default());
    let first_user = |bench: &Bench| bench.server.messages(Purpose::TokenUpdate).len() == 1;
    while !first_user(&bench) {
        bench.step();
    }
    bench.server.instead.push((Purpose::TokenUpdate, Response::new(410, "", "")));
    bench.run();
    let updates = bench.server.messages(Purpose::TokenUpdate);
    assert_eq!(updates.len(), 3);
    assert_eq!(fields::text(updates[1], "UserID"), Some("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"));
    assert!(fields::text(updates[1], "UserShortName").unwrap().ends_with("@example.school"));
    assert_eq!(*bench.device.phase(), Phase::Enrolled);
    assert_eq!(bench.device.tokens().count(), 2);
}

#[test]
fn people_log_in_at_a_shared_ipad_once_it_is_set_up() {
    let mut wish = Mix::parse(&["iPad13,18@26"]).unwrap().wish(0);
    (wish.automated, wish.shared) = (true, true);
    let mut bench = Bench::of(invent(1, 1, wish), DeviceFaults::default());
    bench.server.enqueue("DeviceConfigured", []);
    bench.run();
    let updates = bench.server.messages(Purpose::TokenUpdate);
    let of_users: Vec<_> = updates.iter().map(|update| fields::text(update, "UserShortName").is_some()).collect();
    assert_eq!(of_users, [false, false, true, true], "the device's own say that it waits, and that it does not any more");
}

#[test]
fn set_up_waits_for_device_configured() {
    let mut wish = Mix::parse(&["iPad13,18@26"]).unwrap().wish(0);
    wish.automated = true;
    let mut bench = Bench::of(invent(1, 1, wish), DeviceFaults::default());
    let uuid = bench.server.enqueue("DeviceConfigured", []);
    bench.run();
    let awaiting = |message: &Dictionary| fields::flag(message, "AwaitingConfiguration");
    let updates = bench.server.messages(Purpose::TokenUpdate);
    assert_eq!(updates.iter().map(|update| awaiting(update)).collect::<Vec<_>>(), [Some(true), Some(false)]);
    assert_eq!(status(&bench.server.report(&uuid)), "Acknowledged");
}

#[test]
fn a_mac_makes_accounts_in_setup_assistant_only_and_knows_its_administrator() {
    let mut wish = Mix::parse(&["Mac14,2@15"]).unwrap().wish(0);
    wish.automated = true;
    let mut bench = Bench::of(invent(1, 1, wish), DeviceFaults::default());
    let hash = command::password_hash(&MacPassword::of("secret").unwrap()).unwrap();
    let admin = super::super::values::dict([("shortName", Value::from("it")), ("passwordHash", Value::Data(hash.expose().clone()))]);
    let regular = ("SetPrimarySetupAccountAsRegularUser", Value::Boolean(true));
    let alone = bench.server.enqueue("AccountConfiguration", [regular.clone()]);
    let both = bench.server.enqueue("AccountConfiguration", [regular.clone(), ("AutoSetupAdminAccounts", Value::Array(vec![admin]))]);
    bench.server.enqueue("DeviceConfigured", []);
    bench.run();
    assert_eq!((status(&bench.server.report(&alone)), status(&bench.server.report(&both))), ("Error", "Acknowledged"));
    let report = bench.ask("DeviceInformation", [("Queries", super::super::values::texts(["AutoSetupAdminAccounts"]))]);
    let answers = fields::dictionary(&report, "QueryResponses").unwrap();
    let guid =
        fields::dictionaries(answers, "AutoSetupAdminAccounts").next().and_then(|admin| fields::text(admin, "GUID")).unwrap().to_owned();
    let mut set = |guid: &str| {
        let keys = [("GUID", Value::from(guid)), ("passwordHash", Value::Data(hash.expose().clone()))];
        status(&bench.ask("SetAutoAdminPassword", keys)).to_owned()
    };
    assert_eq!((set(&guid), set("other")), ("Acknowledged".to_owned(), "Error".to_owned()));
    assert_eq!(status(&bench.ask("AccountConfiguration", [])), "Error", "it is set up");
}

#[test]
fn a_users_own_device_never_tells_its_udid_or_serial_number() {
    let mut bench = Bench::new("-iPad13,18@26");
    change_mdm(&mut bench.server.profile, |mdm| {
        mdm.remove("AccessRights");
        mdm.insert("EnrollmentMode".into(), Value::from("BYOD"));
    });
    bench.run();
    assert_eq!(*bench.device.phase(), Phase::Enrolled, "{:?}", bench.device.journal());
    let report = bench.ask("DeviceInformation", [("Queries", super::super::values::texts(["UDID", "SerialNumber", "OSVersion"]))]);
    let answers = fields::dictionary(&report, "QueryResponses").unwrap();
    assert_eq!(keys(answers), ["OSVersion"]);
    let (udid, serial) = (bench.device.facts().udid.clone(), bench.device.facts().serial_number.clone());
    for seen in bench.server.seen.iter().filter(|seen| seen.purpose != Purpose::PkiOperation) {
        let text = String::from_utf8_lossy(&seen.request.body);
        assert!(!text.contains(&udid) && !text.contains(&serial), "{:?}", seen.purpose);
    }
    assert!(bench.server.messages(Purpose::Authenticate)[0].contains_key("EnrollmentID"));
}

#[test]
fn a_profile_that_no_device_would_take_is_refused_with_apples_code() {
    let fails = |change: fn(&mut Dictionary)| {
        let mut bench = Bench::new("ipad");
        change_mdm(&mut bench.server.profile, change);
        bench.run();
        match bench.device.phase() {
            Phase::Failed(why) => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(fails(|mdm| drop(mdm.insert("AccessRights".into(), Value::from(0)))).contains("12000"));
    assert!(fails(|mdm| drop(mdm.insert("Topic".into(), Value::from("com.example.topic")))).contains("12022"));
    assert!(fails(|mdm| drop(mdm.insert("IdentityCertificateUUID".into(), Value::from("X")))).contains("12005"));
    assert!(fails(|mdm| drop(mdm.remove("ServerURL"))).contains("ServerURL"));
}

#[test]
fn what_a_real_device_would_stumble_over_is_remarked() {
    let mut bench = Bench::new("ipad");
    let page = Response::new(200, "text/xml", bench.server.signed_profile());
    bench.server.instead.push((Purpose::Profile, page));
    bench.server.instead.push((Purpose::Authenticate, Response::new(200, "application/xml", xml(&Dictionary::new()))));
    bench.run();
    assert_eq!(*bench.device.phase(), Phase::Enrolled);
    assert_eq!(bench.remarks().len(), 2, "{:?}", bench.remarks());
}

#[test]
fn a_push_needs_the_right_magic() {
    let mut bench = Bench::enrolled("ipad");
    let (token, magic) = (bench.device.channels[0].token, bench.device.channels[0].magic.clone());
    assert!(!bench.device.push(&[0; 32], &magic));
    assert!(bench.device.push(&token, "wrong"));
    bench.run();
    assert!(bench.server.messages(Purpose::Idle).is_empty());
    assert_eq!(bench.remarks().len(), 1);
    assert!(bench.device.push(&token, &magic));
    bench.run();
    assert_eq!(bench.server.messages(Purpose::Idle).len(), 1);
}

#[test]
fn a_new_token_is_told() {
    let mut bench = Bench::enrolled("ipad");
    bench.device.rotate_token();
    bench.run();
    let updates = bench.server.messages(Purpose::TokenUpdate);
    assert_ne!(fields::data(updates[0], "Token"), fields::data(updates[1], "Token"));
    assert!(!matches!(bench.device.agenda.front(), Some(Errand::TokenUpdate(_))));
}

/// Changes the MDM payload of a profile.
pub(super) fn change_mdm(profile: &mut Dictionary, change: impl FnOnce(&mut Dictionary)) {
    let content = profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap();
    change(content.last_mut().and_then(Value::as_dictionary_mut).unwrap());
}
