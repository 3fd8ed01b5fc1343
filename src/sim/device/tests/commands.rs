//! What each command is answered, by generation, family and supervision.

use super::super::values::texts;
use super::*;

/// Every key of `capture` that the report has too is of the same type there.
fn assert_same_types(report: &Dictionary, capture: &Dictionary, at: &str) {
    for (key, captured) in capture {
        let Some(value) = report.get(key) else { continue };
        match (value, captured) {
            (Value::Dictionary(value), Value::Dictionary(captured)) => assert_same_types(value, captured, &format!("{at}.{key}")),
            (Value::Array(values), Value::Array(captured)) => {
                if let (Some(Value::Dictionary(value)), Some(Value::Dictionary(captured))) = (values.first(), captured.first()) {
                    assert_same_types(value, captured, &format!("{at}.{key}[]"));
                }
            }
            _ => assert_eq!(std::mem::discriminant(value), std::mem::discriminant(captured), "{at}.{key}"),
        }
    }
}

fn captured(name: &str) -> Option<Dictionary> {
    let folder = crate::shared_for_tests()?;
    parse_dictionary(&std::fs::read(folder.join("captures/report").join(name)).unwrap()).ok()
}

#[test]
fn reports_have_the_shape_of_captured_ones() {
    let all_queries = |capture: &Dictionary| texts(fields::dictionary(capture, "QueryResponses").unwrap().keys());
    for (word, request_type, capture) in [
        ("iPad7,5@12", "DeviceInformation", "deviceinformation-ios-11.3.1.plist"),
        ("Mac14,2@15", "DeviceInformation", "deviceinformation-z.plist"),
        ("iPad7,5@12", "SecurityInfo", "securityinfo-ios-11.3.1.plist"),
        ("Mac14,2@15", "SecurityInfo", "securityinfo-z.plist"),
        ("iPad7,5@12", "InstalledApplicationList", "installedapplicationlist-ios-11.3.1.plist"),
        ("Macmini8,1@10.15", "InstalledApplicationList", "installedapplicationlist-10.11.x.plist"),
        ("Mac14,2@15", "ProfileList", "profilelist-z.plist"),
        ("Macmini8,1@10.15", "CertificateList", "certificatelist-10.11.x.plist"),
        ("Macmini8,1@10.15.6", "AvailableOSUpdates", "availableosupdates-macos-10.13.1.plist"),
    ] {
        let Some(capture) = captured(capture) else { return };
        let mut bench = Bench::enrolled(word);
        let report = match request_type {
            "DeviceInformation" => bench.ask(request_type, [("Queries", all_queries(&capture))]),
            _ => bench.ask(request_type, []),
        };
        assert_eq!(status(&report), "Acknowledged", "{word} {request_type}: {report:?}");
        assert_same_types(&report, &capture, request_type);
        let outer =
            |message: &Dictionary| keys(message).into_iter().filter(|key| *key != "RequestType").map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(outer(&report), outer(&capture), "{word} {request_type}");
    }
}

#[test]
fn device_information_answers_what_the_os_knows_and_leaves_out_the_rest() {
    let queries =
        || [("Queries", texts(["UDID", "OSVersion", "IMEI", "IsAppleSilicon", "TimeZone", "Nonsense", "SoftwareUpdateDeviceID"]))];
    let answers = |word: &str| {
        let report = Bench::enrolled(word).ask("DeviceInformation", queries());
        keys(fields::dictionary(&report, "QueryResponses").unwrap()).join(" ")
    };
    assert_eq!(answers("iPhone8,1@12"), "IMEI OSVersion UDID");
    assert_eq!(answers("iPhone14,5@17"), "IMEI OSVersion SoftwareUpdateDeviceID TimeZone UDID");
    assert_eq!(answers("iPhone14,5@26"), "OSVersion SoftwareUpdateDeviceID TimeZone UDID");
    assert_eq!(answers("iPhone14,5@27"), "OSVersion TimeZone UDID");
    assert_eq!(answers("Mac14,2@15"), "IsAppleSilicon OSVersion SoftwareUpdateDeviceID UDID");
    assert_eq!(answers("tv@18"), "OSVersion TimeZone UDID");
}

#[test]
fn unknown_unsuitable_and_malformed_commands_are_told_apart() {
    let answered = |word: &str, request_type: &str| {
        let report = Bench::enrolled(word).ask(request_type, []);
        (status(&report).to_owned(), code(&report))
    };
    let refused = |code| (String::from("Error"), code);
    assert_eq!(answered("ipad", "PracticeUnknownCommand"), refused(12021));
    assert_eq!(answered("iPad7,5@12", "DeclarativeManagement"), refused(12021));
    assert_eq!(answered("ipad@27", "AvailableOSUpdates"), refused(12021));
    assert_eq!(answered("ipad@26", "AvailableOSUpdates").0, "Acknowledged");
    assert_eq!(answered("-ipad@26", "RestartDevice"), refused(12021));
    assert_eq!(answered("ipad", "SetRecoveryLock"), refused(12021));
    assert_eq!(answered("mac", "ClearPasscode"), refused(12021));
    assert_eq!(answered("ipad", "RemoveProfile"), (String::from("CommandFormatError"), 0));
    assert_eq!(answered("mac@15", "RemoveProfile"), (String::from("CommandFormatError"), 0));
    assert_eq!(answered("mac@10.15", "RemoveProfile"), refused(97));
    assert_eq!(answered("ipad", ""), (String::from("CommandFormatError"), 0));
    let tethered = Bench::enrolled("ipad").ask("SecurityInfo", [("RequestRequiresNetworkTether", Value::Boolean(true))]);
    assert_eq!(code(&tethered), 12081);
}

#[test]
fn a_right_that_the_profile_does_not_give_is_missed() {
    let mut bench = Bench::new("ipad");
    super::enrolling::change_mdm(&mut bench.server.profile, |mdm| drop(mdm.insert("AccessRights".into(), Value::from(8191 & !1024 & !32))));
    bench.run();
    assert_eq!(code(&bench.ask("SecurityInfo", [])), 12007);
    let report = bench.ask("DeviceInformation", [("Queries", texts(["WiFiMAC", "OSVersion"]))]);
    assert_eq!(keys(fields::dictionary(&report, "QueryResponses").unwrap()), ["OSVersion"]);
}

#[test]
fn several_commands_come_in_one_session_and_the_session_ends_with_nothing() {
    let mut bench = Bench::enrolled("ipad");
    let uuids: Vec<_> = ["SecurityInfo", "ProfileList", "CertificateList"].map(|name| bench.server.enqueue(name, [])).into();
    bench.push();
    for uuid in &uuids {
        assert_eq!(status(&bench.server.report(uuid)), "Acknowledged");
    }
    assert_eq!(bench.server.messages(Purpose::Idle).len(), 1);
    assert_eq!(bench.device.journal().reports, 3);
}

#[test]
fn settings_are_judged_one_by_one() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let items = [
        dict([("Item", Value::from("DeviceName")), ("DeviceName", Value::from("iPad of class 9a 01"))]),
        dict([("Item", Value::from("Bluetooth")), ("Enabled", Value::Boolean(false))]),
        dict([("Item", Value::from("Toaster")), ("Enabled", Value::Boolean(false))]),
        dict([("Item", Value::from("HostName")), ("HostName", Value::from("x"))]),
        dict([("Item", Value::from("Wallpaper")), ("Image", Value::Data(vec![1])), ("Where", Value::from(3))]),
        dict([("Item", Value::from("ApplicationConfiguration")), ("Identifier", Value::from("nobody"))]),
    ];
    let report = bench.ask("Settings", [("Settings", Value::Array(items.to_vec()))]);
    let results: Vec<_> = fields::dictionaries(&report, "Settings").map(|item| (status(item).to_owned(), code(item))).collect();
    let error = |code| (String::from("Error"), code);
    let done = || (String::from("Acknowledged"), 0);
    assert_eq!(results, [done(), done(), error(28000), error(28000), error(28001), error(12029)]);
    let report = bench.ask("DeviceInformation", [("Queries", texts(["DeviceName"]))]);
    assert_eq!(fields::text(fields::dictionary(&report, "QueryResponses").unwrap(), "DeviceName"), Some("iPad of class 9a 01"));
    let unsupervised = Bench::enrolled("-iPad13,18@18").ask("Settings", [("Settings", Value::Array(items[..1].to_vec()))]);
    assert_eq!(code(fields::dictionaries(&unsupervised, "Settings").next().unwrap()), 28000);
}

fn clip(identifier: &str) -> Dictionary {
    let payload = dict([
        ("PayloadType", Value::from("com.apple.applicationaccess")),
        ("PayloadVersion", Value::from(1)),
        ("PayloadIdentifier", Value::from(format!("{identifier}.1"))),
        ("PayloadUUID", Value::from("B0000000-0000-4000-8000-000000000001")),
        ("allowCamera", Value::Boolean(false)),
    ]);
    dictionary([
        ("PayloadType", Value::from("Configuration")),
        ("PayloadVersion", Value::from(1)),
        ("PayloadIdentifier", Value::from(identifier)),
        ("PayloadUUID", Value::from("B0000000-0000-4000-8000-000000000000")),
        ("PayloadContent", Value::Array(vec![payload])),
    ])
}

#[test]
fn profiles_are_installed_listed_replaced_and_removed() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let signed = cms::sign(authority().signer(), &xml(&clip("school.example.camera")), &SignOptions::default()).unwrap();
    for payload in [xml(&clip("school.example.camera")), signed] {
        assert_eq!(status(&bench.ask("InstallProfile", [("Payload", Value::Data(payload))])), "Acknowledged");
    }
    let list = bench.ask("ProfileList", []);
    let names: Vec<_> = fields::dictionaries(&list, "ProfileList").filter_map(|item| fields::text(item, "PayloadIdentifier")).collect();
    assert_eq!(names, ["school.example.mdm", "school.example.camera"]);
    let signers =
        fields::dictionaries(&list, "ProfileList").map(|item| fields::items(item, "SignerCertificates").len()).collect::<Vec<_>>();
    assert_eq!(signers, [1, 1]);
    let restrictions = bench.ask("Restrictions", [("ProfileRestrictions", Value::Boolean(true))]);
    assert!(fields::dictionary(&restrictions, "ProfileRestrictions").unwrap().contains_key("school.example.camera"));
    let remove = || [("Identifier", Value::from("school.example.camera"))];
    assert_eq!(status(&bench.ask("RemoveProfile", remove())), "Acknowledged");
    assert_eq!(code(&bench.ask("RemoveProfile", remove())), 12075);
    for (payload, wanted) in [(b"nonsense".to_vec(), 1004), (b"<plist><string/></plist>".to_vec(), 1000)] {
        let report = bench.ask("InstallProfile", [("Payload", Value::Data(payload))]);
        assert_eq!((status(&report), code(&report)), ("Error", wanted));
    }
}

#[test]
fn a_profile_with_another_certificate_request_gets_its_certificate_first() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let mut profile = enrollment_profile("practice-challenge");
    profile.insert("PayloadIdentifier".into(), Value::from("school.example.wifi"));
    let content = profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap();
    content.truncate(2);
    let report = bench.ask("InstallProfile", [("Payload", Value::Data(xml(&profile)))]);
    assert_eq!(status(&report), "Acknowledged");
    assert_eq!(bench.server.seen.iter().filter(|seen| seen.purpose == Purpose::PkiOperation).count(), 2);
    assert_eq!(bench.server.messages(Purpose::Authenticate).len(), 1);
}

#[test]
fn a_second_enrollment_is_refused() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let mut other = enrollment_profile("practice-challenge");
    other.insert("PayloadIdentifier".into(), Value::from("school.example.other"));
    assert_eq!(code(&bench.ask("InstallProfile", [("Payload", Value::Data(xml(&other)))])), 12001);
}

#[test]
fn a_passcode_is_cleared_with_the_right_token_only() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.device.set_passcode(true);
    bench.run();
    let token = fields::data(bench.server.messages(Purpose::TokenUpdate)[1], "UnlockToken").unwrap().to_vec();
    assert_eq!(code(&bench.ask("ClearPasscode", [("UnlockToken", Value::Data(vec![1, 2, 3]))])), 12018);
    assert_eq!(fields::text(&bench.ask("DeviceLock", []), "MessageResult"), Some("Success"));
    assert_eq!(status(&bench.ask("ClearPasscode", [("UnlockToken", Value::Data(token))])), "Acknowledged");
    assert_eq!(fields::text(&bench.ask("DeviceLock", []), "MessageResult"), Some("NoPasscodeSet"));
}

#[test]
fn a_restarted_ipad_is_away_then_locked_and_comes_back_by_itself() {
    let mut facts = individual("iPad13,18@18");
    facts.passcode = true;
    facts.person.returns_after_s = 600;
    let mut bench = Bench::of(facts, DeviceFaults::default());
    bench.run();
    bench.ask("RestartDevice", []);
    bench.device.wake(super::super::DEVICE);
    assert!(bench.device.poll(bench.now).is_none(), "it is restarting");
    let info = bench.server.enqueue("DeviceInformation", [("Queries", texts(["OSVersion"]))]);
    let put_off = bench.server.enqueue("SecurityInfo", []);
    bench.wait(60);
    assert_eq!(status(&bench.server.report(&info)), "Acknowledged");
    assert_eq!(status(&bench.server.report(&put_off)), "NotNow");
    let before = bench.server.messages(Purpose::Idle).len();
    bench.wait(700);
    assert_eq!(bench.server.messages(Purpose::Idle).len(), before + 1, "unlocked, it asks again by itself");
    assert_eq!(status(&bench.server.report(&put_off)), "Acknowledged");
}

#[test]
fn lost_mode_locates_only_while_it_lasts() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    assert_eq!(code(&bench.ask("DeviceLocation", [])), 12067);
    assert_eq!(code(&bench.ask("EnableLostMode", [])), 12066);
    assert_eq!(status(&bench.ask("EnableLostMode", [("Message", Value::from("Please call the school"))])), "Acknowledged");
    let place = bench.ask("DeviceLocation", []);
    assert!(fields::real(&place, "Latitude").is_some() && fields::text(&place, "Timestamp").is_some());
    assert_eq!(fields::text(&bench.ask("DeviceLock", []), "MessageResult"), Some("DeviceInLostMode"));
    assert_eq!(status(&bench.ask("DisableLostMode", [])), "Acknowledged");
    assert_eq!(code(&bench.ask("PlayLostModeSound", [])), 12067);
}

#[test]
fn the_bypass_code_can_be_read_for_fifteen_days() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    assert!(fields::text(&bench.ask("ActivationLockBypassCode", []), "ActivationLockBypassCode").is_some());
    bench.now = bench.now.plus(Duration::from_secs(16 * 86_400));
    assert_eq!(status(&bench.ask("ActivationLockBypassCode", [])), "Error");
}

#[test]
fn macs_lock_with_a_pin_and_know_their_passwords() {
    let mut bench = Bench::enrolled("iMac20,1@14");
    assert_eq!(code(&bench.ask("DeviceLock", [])), 12008);
    let password = |text: &str| Value::from(text);
    let set = bench.ask("SetFirmwarePassword", [("NewPassword", password("open"))]);
    assert_eq!(fields::flag(fields::dictionary(&set, "SetFirmwarePassword").unwrap(), "PasswordChanged"), Some(true));
    let verified = bench.ask("VerifyFirmwarePassword", [("Password", password("shut"))]);
    assert_eq!(fields::flag(fields::dictionary(&verified, "VerifyFirmwarePassword").unwrap(), "PasswordVerified"), Some(false));
    assert_eq!(code(&bench.ask("SetRecoveryLock", [("NewPassword", password("x"))])), 91);
    bench.ask("DeviceLock", [("PIN", Value::from("123456"))]);
    bench.device.wake(super::super::DEVICE);
    assert!(bench.device.poll(bench.now).is_none());

    let mut silicon = Bench::enrolled("Mac14,2@15");
    silicon.ask("SetRecoveryLock", [("NewPassword", password("open"))]);
    assert_eq!(fields::flag(&silicon.ask("VerifyRecoveryLock", [("Password", password("open"))]), "PasswordVerified"), Some(true));
    let info = silicon.ask("SecurityInfo", []);
    assert_eq!(fields::flag(fields::dictionary(&info, "SecurityInfo").unwrap(), "IsRecoveryLockEnabled"), Some(true));
}

#[test]
fn an_old_update_is_downloaded_installed_and_told() {
    let mut bench = Bench::enrolled("iPad13,18@26.0.1");
    let offered = bench.ask("AvailableOSUpdates", []);
    let newest = fields::dictionaries(&offered, "AvailableOSUpdates").find(|item| fields::text(item, "Version") == Some("26.1")).unwrap();
    let product = fields::filled(newest, "ProductKey").unwrap();
    let order = |action: &str| {
        [("Updates", Value::Array(vec![dict([("InstallAction", Value::from(action)), ("ProductKey", Value::from(product.as_str()))])]))]
    };
    let result = |report: &Dictionary| fields::dictionaries(report, "UpdateResults").next().cloned().unwrap();
    assert_eq!(fields::text(&result(&bench.ask("ScheduleOSUpdate", order("InstallASAP"))), "Status"), Some("Downloading"));
    bench.wait(60);
    let report = bench.ask("OSUpdateStatus", []);
    let progress = fields::dictionaries(&report, "OSUpdateStatus").next().unwrap();
    assert_eq!((fields::real(progress, "DownloadPercentComplete"), fields::flag(progress, "IsDownloaded")), (Some(0.5), Some(false)));
    bench.wait(61);
    assert_eq!(fields::text(&result(&bench.ask("ScheduleOSUpdate", order("InstallASAP"))), "Status"), Some("Installing"));
    assert_eq!(bench.device.facts().release.text, "26.0.1");
    bench.wait(3600);
    assert_eq!(bench.device.facts().release.text, "26.1");
    bench.wait(3600);
    let unknown = bench.ask(
        "ScheduleOSUpdate",
        [("Updates", Value::Array(vec![dict([("InstallAction", Value::from("Default")), ("ProductVersion", Value::from("99.0"))])]))],
    );
    assert_eq!(fields::text(&result(&unknown), "InstallAction"), Some("Error"));
}
