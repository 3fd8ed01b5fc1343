//! A device whose person enrolls it by their account, against scripted answers.

use std::sync::Arc;

use super::*;
use crate::sim::device::AccountSignIn;
use crate::sim::device::Maker;

const ACCOUNT: &str = "kim@appleaccount.example.school";

fn begins(word: &str) -> Device {
    let mut settings = Settings::new(ProfileSource::Bytes(Vec::new()));
    settings.account = Some(Arc::new(AccountSignIn {
        domain: "https://example.school".into(),
        user_identifier: ACCOUNT.into(),
        address: "kim@example.school".into(),
        password: "correct horse".into(),
        maker: Arc::new(Maker::new(start()).unwrap()),
    }));
    Device::new(individual(word), settings, Faults::parse("").unwrap().for_device(1), Random::seeded(1))
}

fn answered(device: &mut Device, response: Response) -> Option<Request> {
    device.handle(Reply::Answered(response), start());
    device.poll(start())
}

fn found(version: &str) -> Response {
    let body = format!(r#"{{"Servers":[{{"Version":"{version}","BaseURL":"https://mdm.example.school/base"}}]}}"#);
    Response::new(200, "application/json", body)
}

fn asks_for_sign_in() -> Response {
    let www_authenticate = Some(String::from(r#"Bearer method="apple-as-web", url="https://mdm.example.school/in""#));
    Response { www_authenticate, ..Response::new(401, "", "") }
}

const PAGE: &str = r#"<form method="post" action="/in"><input type="email" name="email"><input type="password" name="password"></form>"#;

/// Brings a device up to the point at which it comes back with its token.
fn signed_in(device: &mut Device, version: &str) -> Request {
    let look = device.poll(start()).unwrap();
    assert!(look.url.starts_with("https://example.school/.well-known/com.apple.remotemanagement?user-identifier=kim%40"), "{}", look.url);
    let ask = answered(device, found(version)).unwrap();
    assert!(ask.headers.iter().all(|(name, _)| name != "authorization"));
    let open = answered(device, asks_for_sign_in()).unwrap();
    assert_eq!(open.url, "https://mdm.example.school/in?user-identifier=kim%40appleaccount.example.school");
    let send = answered(device, Response::new(200, "text/html", PAGE)).unwrap();
    assert_eq!(send.body, "email=kim%40example.school&password=correct%20horse".as_bytes());
    let location = Some(String::from("apple-remotemanagement-user-login://authentication-results?access-token=abc"));
    answered(device, Response { location, ..Response::new(308, "", "") }).unwrap()
}

fn why(device: &Device) -> String {
    match device.phase() {
        Phase::Failed(why) => why.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_persons_own_device_tells_little_and_comes_back_with_its_token() {
    let mut device = begins("ipad@26+own");
    let ask = signed_in(&mut device, "mdm-byod");
    assert!(ask.headers.contains(&("authorization".into(), "Bearer abc".into())));
    let said = parse_dictionary(&cms::verify(&ask.body, None).unwrap().content).unwrap();
    assert_eq!(said.keys().collect::<Vec<_>>(), ["LANGUAGE", "PRODUCT", "VERSION"]);
    let mut device = begins("mac@26+school");
    let ask = signed_in(&mut device, "mdm-adde");
    let said = parse_dictionary(&cms::verify(&ask.body, None).unwrap().content).unwrap();
    assert!(said.contains_key("SERIAL") && said.contains_key("UDID"));
}

#[test]
fn it_cancels_where_the_server_does_what_apple_forbids() {
    let with = |add: &str| {
        let profile = enrollment_profile_at("https://mdm.example.school", "once");
        let text = String::from_utf8(to_xml(&Value::Dictionary(profile)).unwrap()).unwrap();
        text.replace("<key>Topic</key>", &format!("{add}<key>Topic</key>"))
    };
    let byod = format!("<key>EnrollmentMode</key><string>BYOD</string><key>AssignedManagedAppleID</key><string>{ACCOUNT}</string>");
    for (profile, words) in [
        (with(&byod), "access rights"),
        (with(""), "EnrollmentMode"),
        (with("<key>EnrollmentMode</key><string>BYOD</string>"), "assigns no Managed Apple Account"),
    ] {
        let mut device = begins("iphone@26+own");
        signed_in(&mut device, "mdm-byod");
        answered(&mut device, Response::new(200, "application/x-apple-aspen-config", profile));
        assert!(why(&device).contains(words), "{words}: {}", why(&device));
    }
    for (response, words) in [
        (found("mdm-adde"), "takes this device as ADDE"),
        (found("mdm"), "not known"),
        (Response::new(200, "application/json", r#"{"Servers":[]}"#), "0 servers"),
        (Response::new(403, "application/json", r#"{"message":"not here"}"#), "not here"),
    ] {
        let mut device = begins("iphone@26+own");
        device.poll(start());
        answered(&mut device, response);
        assert!(why(&device).contains(words), "{words}: {}", why(&device));
    }
}
