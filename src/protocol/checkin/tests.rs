//! Check-ins as captured, as composed, in both forms, and damaged.

use super::*;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::plist::{Value, to_binary, to_xml};
use crate::testing::{mutations, values_at};

const UDID: &str = "00008030-00AA11BB22CC33DD";
const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn message(message_type: &str, entries: &[(&str, Value)]) -> Value {
    let mut fields = Dictionary::new();
    fields.insert("MessageType".into(), Value::String(message_type.into()));
    fields.insert("UDID".into(), Value::String(UDID.into()));
    for (key, value) in entries {
        fields.insert((*key).into(), value.clone());
    }
    Value::Dictionary(fields)
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn token_update() -> Value {
    let entries = [
        ("Topic", text(TOPIC)),
        ("Token", Value::Data((0..32).collect())),
        ("PushMagic", text("AAAAAAAA-0000-4000-8000-000000000001")),
        ("UnlockToken", Value::Data(vec![7; 900])),
        ("AwaitingConfiguration", Value::Boolean(true)),
    ];
    message("TokenUpdate", &entries)
}

fn read(value: &Value) -> CheckIn {
    parse(&to_xml(value).unwrap()).unwrap()
}

#[test]
fn every_captured_check_in_is_read_as_its_name_says() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(shared.join("captures/checkin")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let body = std::fs::read(&path).unwrap();
        let check_in = parse(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(name.starts_with(&check_in.message.message_type().to_lowercase()), "{name}: {}", check_in.message.message_type());
        assert_eq!(check_in.ids.kind() == EnrollmentKind::User, name.contains("user"), "{name}");
        assert_eq!(check_in.raw.expose(), &body);
        says_what_the_file_says(&name, &body, &check_in);
        files += 1;
        for damaged in mutations(&body) {
            let _ = parse(&damaged);
        }
    }
    assert!(files >= 9, "{files}");
}

/// Compares what was read with the text of the file, read by hand.
fn says_what_the_file_says(name: &str, body: &[u8], check_in: &CheckIn) {
    let said = |key: &str| values_at(body, key).into_iter().next();
    assert_eq!((check_in.ids.udid(), check_in.ids.user_id()), (said("UDID").as_deref(), said("UserID").as_deref()), "{name}");
    assert_eq!((&check_in.ids.user_short_name, &check_in.ids.user_long_name), (&said("UserShortName"), &said("UserLongName")), "{name}");
    match &check_in.message {
        Message::Authenticate(device) => {
            assert_eq!(Some(&device.topic), said("Topic").as_ref(), "{name}");
            for (read, key) in [
                (&device.device_name, "DeviceName"),
                (&device.model_name, "ModelName"),
                (&device.model, "Model"),
                (&device.product_name, "ProductName"),
                (&device.os_version, "OSVersion"),
                (&device.build_version, "BuildVersion"),
                (&device.serial_number, "SerialNumber"),
                (&device.imei, "IMEI"),
                (&device.meid, "MEID"),
            ] {
                assert_eq!(read, &said(key), "{name}: {key}");
            }
            assert!(device.serial_number.is_some() && device.os_version.is_some(), "{name}");
        }
        Message::TokenUpdate(update) => {
            let data = |key| said(key).map(|text| crate::pki::pem::base64(text.trim_end_matches('=').as_bytes()).unwrap());
            assert_eq!(Some(&update.topic), said("Topic").as_ref(), "{name}");
            assert_eq!(Some(update.token.expose()), data("Token").as_ref(), "{name}");
            assert_eq!(Some(update.push_magic.expose()), said("PushMagic").as_ref(), "{name}");
            assert_eq!(update.unlock_token.as_ref().map(|token| token.expose().clone()), data("UnlockToken"), "{name}");
            assert_eq!(update.awaiting_configuration, said("AwaitingConfiguration").as_deref() == Some("true"), "{name}");
            assert_eq!(update.unlock_token.is_some(), !name.contains("macos"), "{name}");
        }
        other => assert!(matches!(other, Message::CheckOut), "{name}"),
    }
}

#[test]
fn every_recorded_check_in_of_a_foreign_client_is_read() {
    let mut read = 0;
    for (name, body) in crate::protocol::recorded_requests(&["mdmb", "by-hand", "nano2nano"]) {
        let is_check_in = String::from_utf8_lossy(&body).contains("<key>MessageType</key>");
        if !is_check_in {
            continue;
        }
        match parse(&body) {
            Ok(check_in) => assert!(!check_in.ids.device_id().is_empty(), "{name}"),
            Err(error) => {
                let expected = name.contains("unknown-message-type") && matches!(error, Malformed::UnknownMessageType(_));
                assert!(expected, "{name}: {error}");
            }
        }
        read += 1;
    }
    assert!(read > 10 || crate::shared_for_tests().is_none(), "{read}");
}

#[test]
fn binary_and_xml_are_read_alike() {
    let value = token_update();
    let Message::TokenUpdate(xml) = read(&value).message else { panic!("a TokenUpdate") };
    let Message::TokenUpdate(binary) = parse(&to_binary(&value).unwrap()).unwrap().message else { panic!("a TokenUpdate") };
    assert_eq!(xml.token, binary.token);
    assert_eq!(xml.unlock_token, binary.unlock_token);
    assert_eq!(xml.push_magic.expose(), binary.push_magic.expose());
    assert!(xml.awaiting_configuration && binary.awaiting_configuration);
    for damaged in mutations(&to_binary(&value).unwrap()) {
        let _ = parse(&damaged);
    }
}

#[test]
fn an_authenticate_is_the_same_in_both_forms_whatever_else_is_in_it() {
    // C05: data of more than 15 bytes, an unsigned number of 64 bits, and an object that only the binary form has.
    let entries = [
        ("Topic", text(TOPIC)),
        ("DeviceName", text("iPad 1")),
        ("OSVersion", text("26.1")),
        ("Challenge", Value::Data((0..40).collect())),
        ("Large", Value::Integer(u64::MAX.into())),
    ];
    let value = message("Authenticate", &entries);
    let binary = parse(&to_binary(&value).unwrap()).unwrap();
    let (xml, ids) = (read(&value), binary.ids.clone());
    assert_eq!(xml.ids, ids);
    let (Message::Authenticate(xml), Message::Authenticate(binary)) = (xml.message, binary.message) else { panic!("two Authenticates") };
    assert_eq!(format!("{xml:?}"), format!("{binary:?}"));
    assert_eq!((binary.device_name.as_deref(), binary.os_version.as_deref()), (Some("iPad 1"), Some("26.1")));
    let mut odd = entries.to_vec();
    odd.push(("Uid", Value::Uid(::plist::Uid::new(7))));
    assert!(matches!(parse(&to_binary(&message("Authenticate", &odd)).unwrap()).unwrap().message, Message::Authenticate(_)));
}

#[test]
fn every_message_type_is_read() {
    let maid = [("TokenServiceType", text("com.apple.maid"))];
    let watch = [
        ("TokenServiceType", text("com.apple.watch.pairing")),
        ("TokenParameters", Value::Dictionary([("WatchUDID".to_owned(), text("W"))].into_iter().collect())),
    ];
    assert!(matches!(read(&message("GetToken", &maid)).message, Message::GetToken(GetToken { service: TokenService::Maid, .. })));
    let Message::GetToken(token) = read(&message("GetToken", &watch)).message else { panic!("a GetToken") };
    assert_eq!((token.service, token.watch_udid.as_deref()), (TokenService::WatchPairing, Some("W")));

    let set = read(&message("SetBootstrapToken", &[("BootstrapToken", Value::Data(b"b".to_vec()))])).message;
    assert!(matches!(set, Message::SetBootstrapToken { token: Some(token), .. } if token.expose() == b"b"));
    let deleted = read(&message("SetBootstrapToken", &[("BootstrapToken", Value::Data(Vec::new()))])).message;
    assert!(matches!(deleted, Message::SetBootstrapToken { token: None, .. }), "an empty token deletes the stored one");
    assert!(matches!(read(&message("GetBootstrapToken", &[])).message, Message::GetBootstrapToken { awaiting_configuration: false }));

    let status = message("DeclarativeManagement", &[("Endpoint", text("status")), ("Data", Value::Data(b"{}".to_vec()))]);
    let Message::DeclarativeManagement { endpoint, data } = read(&status).message else { panic!("a DeclarativeManagement") };
    assert_eq!((endpoint.as_str(), data.as_deref()), ("status", Some(&b"{}"[..])));

    let digest = read(&message("UserAuthenticate", &[("UserID", text("U")), ("DigestResponse", text("d"))]));
    assert_eq!(digest.ids.kind(), EnrollmentKind::User);
    assert!(matches!(digest.message, Message::UserAuthenticate { digest_response: Some(_) }));
    assert!(matches!(read(&message("CheckOut", &[])).message, Message::CheckOut));
    assert!(matches!(read(&message("ReturnToService", &[])).message, Message::ReturnToService));
}

#[test]
fn an_unknown_message_type_is_named_and_cut() {
    let long = format!("No\nSuch{}", "x".repeat(500));
    let Err(Malformed::UnknownMessageType(quoted)) = parse(&to_xml(&message(&long, &[])).unwrap()) else { panic!("an unknown type") };
    assert_eq!(quoted.chars().count(), 64);
    assert!(!Malformed::UnknownMessageType(quoted).to_string().contains('\n'), "quotes are escaped");
}

#[test]
fn keys_that_matter_are_required_and_the_others_may_be_of_any_type() {
    for (without, expected) in
        [("Topic", "Topic"), ("Token", "Token"), ("PushMagic", "PushMagic"), ("MessageType", "MessageType"), ("UDID", "UDID")]
    {
        let Value::Dictionary(mut fields) = token_update() else { unreachable!() };
        fields.remove(without);
        let error = parse(&to_xml(&Value::Dictionary(fields)).unwrap()).unwrap_err();
        assert_eq!(error, Malformed::MissingKey(expected));
    }
    let odd = message(
        "Authenticate",
        &[
            ("Topic", text(TOPIC)),
            ("IMEI", Value::Integer(356_938_035_643_809_i64.into())),
            ("DeviceName", Value::Boolean(true)),
            ("New", text("x")),
        ],
    );
    let Message::Authenticate(device) = read(&odd).message else { panic!("an Authenticate") };
    assert_eq!(device.imei.as_deref(), Some("356938035643809"));
    assert_eq!(device.device_name, None);
}

#[test]
fn only_an_absent_or_empty_bootstrap_token_deletes_and_one_of_another_type_is_refused() {
    let given = |token: Option<Value>| {
        let entries: Vec<_> = token.into_iter().map(|token| ("BootstrapToken", token)).collect();
        parse(&to_xml(&message("SetBootstrapToken", &entries)).unwrap())
    };
    for nothing in [None, Some(Value::Data(Vec::new()))] {
        assert!(matches!(given(nothing).unwrap().message, Message::SetBootstrapToken { token: None, .. }));
    }
    for other in [text("AQID"), text(""), Value::Integer(1.into()), Value::Array(Vec::new()), Value::Boolean(false)] {
        assert_eq!(given(Some(other.clone())).unwrap_err(), Malformed::WrongType("BootstrapToken"), "{other:?}");
    }
    let no_base64 = to_xml(&message("SetBootstrapToken", &[("BootstrapToken", text("!!!!"))])).unwrap();
    let no_base64 = String::from_utf8(no_base64).unwrap().replace("<string>!!!!</string>", "<data>!!!!</data>");
    assert_eq!(parse(no_base64.as_bytes()).unwrap_err(), Malformed::WrongType("BootstrapToken"));
}

#[test]
fn a_push_token_must_be_bytes_and_an_unlock_token_that_is_not_is_none() {
    let with = |key: &str, value: Value| {
        let Value::Dictionary(mut fields) = token_update() else { unreachable!() };
        fields.insert(key.into(), value);
        parse(&to_xml(&Value::Dictionary(fields)).unwrap())
    };
    assert_eq!(with("Token", text("AQID")).unwrap_err(), Malformed::WrongType("Token"));
    assert_eq!(with("Token", Value::Data(Vec::new())).unwrap_err(), Malformed::MissingKey("Token"));
    // Where to push to matters more than what ClearPasscode needs; what is held of the latter stays.
    let Message::TokenUpdate(update) = with("UnlockToken", text("AQID")).unwrap().message else { panic!("a TokenUpdate") };
    assert!(update.unlock_token.is_none());
}

#[test]
fn an_overlong_name_is_cut() {
    let name = "ä".repeat(MAX_WORD_CHARACTERS + 1);
    let Message::Authenticate(device) = read(&message("Authenticate", &[("Topic", text(TOPIC)), ("DeviceName", text(&name))])).message
    else {
        panic!("an Authenticate")
    };
    assert_eq!(device.device_name.map(|name| name.chars().count()), Some(MAX_WORD_CHARACTERS));
}

#[test]
fn tokens_do_not_show_in_debug() {
    let check_in = read(&token_update());
    let shown = format!("{check_in:?}");
    assert!(!shown.contains("AAAAAAAA-0000") && !shown.contains("[7, 7"), "{shown}");
}

#[test]
fn a_list_or_text_is_no_check_in() {
    assert_eq!(parse(&to_xml(&Value::Array(Vec::new())).unwrap()).unwrap_err(), Malformed::NotADictionary);
    assert!(matches!(parse(b"this is not a property list"), Err(Malformed::Plist(_))));
    assert!(matches!(parse(b""), Err(Malformed::Plist(plist::PlistError::Empty))));
}
