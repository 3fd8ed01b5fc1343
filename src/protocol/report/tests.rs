//! Reports as captured, as composed, in pieces, and damaged.

mod captured;

use proptest::prelude::*;

use super::*;
use crate::protocol::error_chain::CauseKind;
use crate::protocol::plist::{PlistError, to_binary, to_xml};
use crate::testing::mutations;

const UDID: &str = "00008030-00AA11BB22CC33DD";

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn report(entries: &[(&str, Value)]) -> Dictionary {
    let head = [("CommandUUID", text("c2")), ("Status", text("Acknowledged")), ("UDID", text(UDID))];
    head.iter().chain(entries).map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn xml(entries: &[(&str, Value)]) -> Vec<u8> {
    to_xml(&Value::Dictionary(report(entries))).unwrap()
}

fn in_pieces(body: &[u8], size: usize) -> Result<Head, Malformed> {
    let mut scanner = Scanner::new();
    body.chunks(size).try_for_each(|piece| scanner.feed(piece))?;
    scanner.finish()
}

fn captured() -> Vec<(String, Vec<u8>)> {
    let Some(shared) = crate::shared_for_tests() else { return Vec::new() };
    let entries = std::fs::read_dir(shared.join("captures/report")).unwrap();
    let read = |path: std::path::PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap());
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

#[test]
fn every_recorded_report_of_a_foreign_client_is_read() {
    for (name, body) in crate::protocol::recorded_requests(&["mdmb", "by-hand"]) {
        let is_report = body.starts_with(b"<?xml") && String::from_utf8_lossy(&body).contains("<key>Status</key>");
        if is_report {
            let head = scan(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(head.command_uuid.is_some(), head.status != Status::Idle, "{name}");
            assert_eq!(in_pieces(&body, 100).unwrap().status, head.status, "{name}");
        }
    }
}

#[test]
fn a_report_in_pieces_says_what_the_whole_says() {
    for (name, body) in captured() {
        let whole = Head { error_chain: Vec::new(), rejection_reason: None, state: None, ..scan(&body).unwrap() };
        for size in [1, 2, 3, 7, 64, 4096, body.len()] {
            assert_eq!(in_pieces(&body, size).unwrap_or_else(|error| panic!("{name}, {size}: {error}")), whole, "{name}, pieces of {size}");
        }
    }
}

#[test]
fn a_damaged_report_is_read_or_refused_never_more() {
    for (_, body) in captured() {
        for damaged in mutations(&body) {
            let whole = scan(&damaged);
            let pieces = in_pieces(&damaged, 11);
            if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
                assert_eq!((whole.ids, whole.status, whole.command_uuid), (pieces.ids, pieces.status, pieces.command_uuid));
            }
        }
    }
    for damaged in mutations(&to_binary(&Value::Dictionary(report(&[("QueryResponses", Value::Dictionary(Dictionary::new()))]))).unwrap()) {
        let _ = scan(&damaged);
        let _ = salvage(&damaged);
    }
}

#[test]
fn sizes_are_read_as_integers_and_reals_and_beyond_32_bits() {
    let update: Dictionary = [
        ("ProductKey", text("TestUpdate1")),
        ("Version", text("11.2.2")),
        ("DownloadSize", Value::Integer(13_654_310_518_i64.into())),
        ("InstallSize", Value::Real(1.5e9)),
        ("RestartRequired", Value::Boolean(true)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let report = parse(&xml(&[("AvailableOSUpdates", Value::Array(vec![Value::Dictionary(update)]))])).unwrap();
    let update = updates::available(&report).unwrap().remove(0);
    assert_eq!((update.download_size_bytes, update.install_size_bytes), (Some(13_654_310_518), Some(1_500_000_000)));
    assert!(update.restart_required);
}

#[test]
fn the_status_is_known_although_a_value_cannot_be_read() {
    let body = String::from_utf8(xml(&[("AvailableOSUpdates", Value::Array(vec![Value::Integer(7.into())]))])).unwrap();
    let body = body.replace("<integer>7</integer>", "<dict><key>DownloadSize</key><integer>many</integer></dict>");
    let report = parse(body.as_bytes()).unwrap();
    assert_eq!((report.head.status, report.head.command_uuid.as_deref()), (Status::Acknowledged, Some("c2")));
    assert_eq!(report.unreadable[0].path, "AvailableOSUpdates[0].DownloadSize");
    assert_eq!(updates::available(&report).unwrap()[0].download_size_bytes, None);
}

#[test]
fn an_installation_that_was_refused_is_read_with_its_reason() {
    let error: Dictionary = [("ErrorCode", Value::Integer(506.into())), ("ErrorDomain", text("ASDErrorDomain"))]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let body = xml(&[
        ("Status", text("Error")),
        ("RejectionReason", text("Other")),
        ("State", text("Failed")),
        ("ErrorChain", Value::Array(vec![Value::Dictionary(error)])),
    ]);
    let report = parse(&body).unwrap();
    assert_eq!(report.head.cause().unwrap().kind, CauseKind::AlreadyRequested);
    assert_eq!(apps::installation(&report).state, Some(apps::ManagedState::Failed));
    assert_eq!(parse(&xml(&[("Status", text("Error"))])).unwrap().head.cause().unwrap().kind, CauseKind::Failed);
}

#[test]
fn settings_are_judged_item_by_item() {
    let item = |status: &str| Value::Dictionary([("Status".to_owned(), text(status))].into_iter().collect());
    let list = parse(&xml(&[("Settings", Value::Array(vec![item("Acknowledged"), item("Error")]))])).unwrap();
    assert_eq!(apps::setting_outcomes(&list).iter().map(|outcome| outcome.acknowledged).collect::<Vec<_>>(), [true, false]);
    let single = parse(&xml(&[("Settings", item("Acknowledged"))])).unwrap();
    assert_eq!(apps::setting_outcomes(&single).len(), 1);
}

#[test]
fn an_attestation_may_be_there_empty_or_missing() {
    let answers = |entries: &[(&str, Value)]| {
        let inner: Dictionary = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        device::DeviceInformation::read(&parse(&xml(&[("QueryResponses", Value::Dictionary(inner))])).unwrap()).unwrap()
    };
    let chain = Value::Array(vec![Value::Data(vec![0x30]), Value::Data(vec![0x30])]);
    let attested = answers(&[("DevicePropertiesAttestation", chain), ("SerialNumber", text("TESTSN0001"))]);
    assert_eq!((attested.attestation.len(), attested.facts.len()), (2, 1));
    assert!(answers(&[("DevicePropertiesAttestation", Value::Array(Vec::new()))]).attestation.is_empty());
    let silent = answers(&[("BatteryLevel", Value::Real(-1.0))]);
    assert_eq!((silent.attestation.len(), silent.battery_level, silent.is_supervised), (0, None, None));
}

#[test]
fn secrets_in_answers_do_not_show() {
    let code = parse(&xml(&[("ActivationLockBypassCode", text("AAAA-BBBB"))])).unwrap();
    let code = device::activation_lock_bypass_code(&code).unwrap();
    assert_eq!((format!("{code:?}").as_str(), code.expose().as_str()), ("••••••", "AAAA-BBBB"));
    let info: Dictionary = [("FDE_PersonalRecoveryKeyCMS".to_owned(), Value::Data(vec![1, 2]))].into_iter().collect();
    let info = security::SecurityInfo::read(&parse(&xml(&[("SecurityInfo", Value::Dictionary(info))])).unwrap()).unwrap();
    assert!(info.facts.is_empty() && info.filevault_personal_recovery_key.is_some());
    let rotated: Dictionary = [("EncryptedNewRecoveryKey".to_owned(), Value::Data(vec![3]))].into_iter().collect();
    assert!(device::rotated_recovery_key(&parse(&xml(&[("RotateResult", Value::Dictionary(rotated))])).unwrap()).is_some());
}

#[test]
fn locations_users_and_passwords_are_read() {
    let place = [("Latitude", Value::Real(52.5)), ("Longitude", Value::Integer(13.into())), ("Timestamp", text("2026-11-25T08:00:00Z"))];
    let place = device::DeviceLocation::read(&parse(&xml(&place)).unwrap()).unwrap();
    assert_eq!((place.latitude, place.longitude, place.located_at.is_some()), (52.5, 13.0, true));
    assert_eq!(device::DeviceLocation::read(&parse(&xml(&[])).unwrap()), None);
    let user: Dictionary = [("UserName", text("kim")), ("IsLoggedIn", Value::Integer(1.into()))]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let users = device::users(&parse(&xml(&[("Users", Value::Array(vec![Value::Dictionary(user), text("odd")]))])).unwrap());
    assert_eq!((users.len(), users[0].is_logged_in), (1, Some(true)));
    let nested: Dictionary = [("PasswordVerified".to_owned(), Value::Boolean(true))].into_iter().collect();
    assert_eq!(device::password_result(&parse(&xml(&[("VerifyFirmwarePassword", Value::Dictionary(nested))])).unwrap()), Some(true));
    assert_eq!(device::password_result(&parse(&xml(&[("PasswordVerified", Value::Boolean(false))])).unwrap()), Some(false));
}

#[test]
fn what_is_no_report_is_named() {
    assert_eq!(scan(&xml(&[("Status", text("Maybe"))])), Err(Malformed::UnknownStatus("Maybe".into())));
    assert_eq!(scan(&to_xml(&Value::Array(Vec::new())).unwrap()), Err(Malformed::NotADictionary));
    assert!(matches!(scan(&xml(&[("CommandUUID", text(&"x".repeat(257)))])), Err(Malformed::IllegalId { key: "CommandUUID", .. })));
    assert!(matches!(scan(&xml(&[("UDID", text("../../etc"))])), Err(Malformed::IllegalId { key: "UDID", .. })));
    let idle: Dictionary = [("Status", text("Idle")), ("UDID", text(UDID)), ("NeedSyncResponse", Value::Boolean(true))]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let idle = scan(&to_xml(&Value::Dictionary(idle)).unwrap()).unwrap();
    assert_eq!((idle.status, idle.command_uuid, idle.need_sync_response), (Status::Idle, None, true));
}

#[test]
fn a_report_far_too_long_to_hold_still_tells_its_status() {
    let mut scanner = Scanner::new();
    let head = xml(&[]);
    let (begin, end) = head.split_at(head.windows(7).rposition(|tag| tag == b"</dict>").unwrap());
    scanner.feed(begin).unwrap();
    scanner.feed(b"<key>InstalledApplicationList</key><array>").unwrap();
    let name = "A &amp; B ".repeat(200);
    let item = format!("<dict><key>Status</key><string>Managed</string><key>Name</key><string>{name}</string></dict>");
    let piece = item.repeat(30);
    let pieces = 11 * 1024 * 1024 / piece.len();
    for _ in 0..pieces {
        scanner.feed(piece.as_bytes()).unwrap();
    }
    scanner.feed(b"</array>").unwrap();
    scanner.feed(end).unwrap();
    let head = scanner.finish().unwrap();
    assert_eq!((head.status, head.command_uuid.as_deref()), (Status::Acknowledged, Some("c2")));
}

#[test]
fn the_scanner_keeps_to_the_same_limits() {
    let document = |inside: &str| format!("<?xml version=\"1.0\"?><plist version=\"1.0\">{inside}</plist>");
    let nested = |depth: usize| document(&format!("{}{}", "<array>".repeat(depth), "</array>".repeat(depth)));
    assert_eq!(in_pieces(nested(plist::MAX_DEPTH).as_bytes(), 5), Err(Malformed::MissingKey("Status")));
    assert_eq!(in_pieces(nested(plist::MAX_DEPTH + 1).as_bytes(), 5), Err(PlistError::TooDeep.into()));
    assert_eq!(in_pieces(b"bplist00\x09", 3), Err(PlistError::BinaryTooLong.into()));
    assert_eq!(in_pieces(b"", 1), Err(PlistError::Empty.into()));
    assert_eq!(in_pieces(b"<html></html>", 1), Err(PlistError::NotPlist.into()));
    assert_eq!(in_pieces(b"Status = Idle;", 1), Err(PlistError::NotPlist.into()));
    assert_eq!(in_pieces(b"<!DOCTYPE plist [<!ENTITY a \"b\">]><plist/>", 4), Err(PlistError::Entities.into()));
    assert_eq!(in_pieces(document("<string><![CDATA[x]]></string>").as_bytes(), 4), Err(PlistError::CData.into()));
    for broken in ["<dict><key>a</key>", "<dict></array>", "<dict/><dict/>", "<string><dict/></string>", "<array>text</array>", "<dict <"] {
        assert!(matches!(in_pieces(document(broken).as_bytes(), 6), Err(Malformed::Plist(_))), "{broken}");
    }
    let overlong = format!("<dict><key>Status</key><string>{}</string></dict>", "x".repeat(5_000));
    assert_eq!(in_pieces(document(&overlong).as_bytes(), 900), Err(Malformed::MissingKey("Status")));
    let commented = "<dict><!-- > --><key>Status</key><!----><string>Id<!-- x -->le</string><key>UDID</key><string>A&#45;1</string></dict>";
    let head = in_pieces(document(commented).as_bytes(), 1).unwrap();
    assert_eq!((head.status, head.ids.device_id()), (Status::Idle, "A-1"));
}

#[test]
fn the_scanner_goes_on_behind_what_it_cannot_read() {
    let around = |inside: &str| {
        format!(
            "<plist><dict><key>CommandUUID</key><string>c7</string><key>List</key>{inside}<key>Status</key><string>Error</string>\
             <key>UDID</key><string>A-1</string></dict></plist>"
        )
    };
    let deep = format!("{}{}", "<array>".repeat(1000), "</array>".repeat(1000));
    for inside in [
        "<blob/>",
        "<blob><dict><key>Status</key><string>Idle</string></dict></blob>",
        "<string>a<b>c</string>",
        "<string><![CDATA[</dict></plist>]]></string>",
        "<array><dict></array>",
        "<array></dict></array>",
        "<dict><key>Status</key><string>Managed</string></plist></dict>",
        "text",
        &deep,
    ] {
        for size in [1, 7, 10_000] {
            let head = in_pieces(around(inside).as_bytes(), size).unwrap_or_else(|error| panic!("{inside:.60}: {error}"));
            assert_eq!(
                (head.status, head.command_uuid.as_deref(), head.ids.device_id()),
                (Status::Error, Some("c7"), "A-1"),
                "{inside:.60}"
            );
        }
    }
    let cut = around("<true/>");
    assert_eq!(in_pieces(&cut.as_bytes()[..cut.len() - 15], 9).unwrap().status, Status::Error);
    assert!(in_pieces(&cut.as_bytes()[..cut.len() - 80], 9).is_err(), "Status has not come by");
    assert!(in_pieces(around("<blob/>").replace("CommandUUID", "Other").as_bytes(), 9).is_err());
    let entity = around("<true/>").replace(">c7<", ">c&nbsp;7<");
    assert!(in_pieces(entity.as_bytes(), 9).is_err(), "what is looked for must be readable itself");
}

proptest! {
    #[test]
    fn pieces_and_whole_agree_on_any_report(
        names in proptest::collection::vec("[A-Za-z<&> ]{0,10}", 0..8),
        uuid in "[A-Z0-9-]{1,40}",
        size in 1_usize..50,
    ) {
        let inner: Dictionary = names.iter().map(|name| (name.clone(), text(name))).collect();
        let body = xml(&[("CommandUUID", text(&uuid)), ("QueryResponses", Value::Dictionary(inner)), ("UDID", text("A-1"))]);
        prop_assert_eq!(in_pieces(&body, size), scan(&body));
    }

    #[test]
    fn any_bytes_end_in_a_report_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&bytes);
        let _ = in_pieces(&bytes, 9);
        let _ = in_pieces(&[&b"<plist><dict>"[..], &bytes].concat(), 9);
    }
}
