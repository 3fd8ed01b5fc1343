//! Apple's JSON as captures and cases have it, tokens and their mistakes, and what is never taken for an answer.

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::protocol::platform::Platform;

/// A capture, where the folder of captures is there.
fn capture(name: &str) -> Option<Value> {
    let file = crate::shared_for_tests()?.join("captures/ade").join(name);
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn at(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text)
}

#[test]
fn captured_answers_are_read() {
    let Some(account) = capture("account_response.json") else { return };
    let account = Account::read(&account);
    assert_eq!((account.server_name.as_str(), account.admin(), account.org_name.as_str()), ("dev", "admin@example.school", "Acme, Inc"));
    assert_eq!(account.portal(), "business.apple.com");
    assert!(account.offers(paths::ACTIVATION_LOCK) && !account.offers(paths::BETA_TOKENS));
    assert_eq!(account.limit(paths::SYNC), Limit { default: 1000, maximum: 5000 });
    assert_eq!((account.page(paths::FETCH), account.page("/elsewhere")), (1000, 100));
    assert_eq!(Account::from_json(&account.to_json()), account);

    let page = Page::read(&capture("device_response.json").unwrap()).unwrap();
    let line = &page.lines[0];
    assert_eq!((line.serial_number.as_str(), line.device_family.as_deref(), line.op), ("C02T0HL0GGC0", Some("Mac"), Op::Present));
    assert_eq!(line.profile_assign_time, at("2018-09-08T16:49:09Z"));
    assert_eq!((page.more_to_follow, page.unread, page.cursor.is_some()), (false, 0, true));
    let empty = Page::read(&capture("empty_sync_response.json").unwrap()).unwrap();
    assert!(empty.lines.is_empty() && empty.cursor.is_some());

    let details = capture("device_details_response.json").unwrap();
    assert_eq!(outcomes(&details).0, [(String::from("C02T0HL0GGC0"), AssignOutcome::Success)].into());
}

#[test]
fn a_profile_says_what_a_captured_one_says() {
    let Some(captured) = capture("fetch_profile_response.json") else { return };
    let keys =
        ProfileKeys { skip_setup_items: vec!["AppleID".into(), "Android".into()], department: "Art".into(), ..ProfileKeys::default() };
    let around =
        Surroundings { url: "https://mdm.example.school/ade".into(), anchor_certs: vec![vec![1, 2, 3]], ..Surroundings::default() };
    assert!(keys.definition("default", &around).get("configuration_web_url").is_none(), "a device that shows no page asks by itself");
    let web = Surroundings { web_url: Some(around.url.clone()), supervising_host_certs: vec![vec![4]], ..around.clone() };
    let shown = keys.definition("default", &web);
    assert_eq!((&shown["configuration_web_url"], &shown["supervising_host_certs"]), (&json!(around.url), &json!(["BA=="])));
    let said = keys.definition("default", &around);
    for (name, value) in said.as_object().unwrap() {
        if name == "anchor_certs" {
            assert_eq!(value, &json!(["AQID"]));
            continue;
        }
        assert_eq!(std::mem::discriminant(value), std::mem::discriminant(&captured[name]), "{name} is another kind of value");
    }
    assert_eq!(ProfileKeys::from_json(&keys.to_json()), keys);
}

#[test]
fn pages_are_read_in_the_order_of_what_happened_whatever_is_null() {
    let page = Page::read(&json!({ "cursor": "AAA", "more_to_follow": true, "devices": [
        { "serial_number": "TESTSN0002", "op_type": "" },
        { "serial_number": "TESTSN0001", "op_type": "added", "op_date": "2026-09-01T07:20:00Z", "color": null, "asset_tag": "" },
        { "serial_number": "TESTSN0001", "op_type": "deleted", "op_date": "2026-09-01T07:10:00Z" },
        { "serial_number": null }, { "serial_number": "x".repeat(41) }, 7,
    ] }))
    .unwrap();
    let order: Vec<_> = page.lines.iter().map(|line| (line.serial_number.as_str(), line.op)).collect();
    assert_eq!(order, [("TESTSN0002", Op::Present), ("TESTSN0001", Op::Deleted), ("TESTSN0001", Op::Added)]);
    assert_eq!((page.lines[2].color.as_deref(), page.lines[2].asset_tag.as_deref(), page.unread), (None, Some(""), 3));
    assert_eq!(Page::read(&json!({ "cursor": "x".repeat(CURSOR_MAX_CHARS + 1) })).unwrap(), Page::default(), "a cursor longer than any");
    assert!(Page::read(&json!([])).is_none() && Page::read(&json!({ "devices": 7 })).is_none());
}

#[test]
fn refusals_are_told_by_a_word_anywhere() {
    let cause = |status, body: &str| read(status, None, body.as_bytes()).unwrap_err().cause;
    for (status, body, expected) in [
        (403, "\"T_C_NOT_SIGNED\"\n", Cause::Terms),
        (403, "T_C_NOT_SIGNED", Cause::Terms),
        (403, "\"FORBIDDEN\"", Cause::Session),
        (401, "", Cause::Session),
        (401, "\"UNAUTHORIZED\"", Cause::Session),
        (403, "oauth_problem=token_rejected", Cause::Token),
        (401, "oauth_problem=token_expired", Cause::Expired),
        (401, "oauth_problem=timestamp_refused", Cause::Clock),
        (400, "\"EXPIRED_CURSOR\"", Cause::ExpiredCursor),
        (400, "{\"error\":\"INVALID_CURSOR\"}", Cause::InvalidCursor),
        (400, "EXHAUSTED_CURSOR", Cause::ExhaustedCursor),
        (403, "\"ACCESS_DENIED\"", Cause::Denied),
        (400, "CONFIG_URL_INVALID", Cause::Wrong),
        (404, "\"PROFILE_NOT_FOUND\"", Cause::ProfileGone),
        (404, "nothing known", Cause::Wrong),
        (429, "", Cause::Slow),
        (503, "<html>", Cause::Slow),
        (500, "<html>", Cause::Later),
        (200, "<html>", Cause::Later),
    ] {
        assert_eq!(cause(status, body), expected, "{status} {body}");
    }
    let busy = read(503, Some("120"), b"").unwrap_err();
    assert_eq!(busy.retry_after, Some(crate::protocol::apps_and_books::RetryAfter::Seconds(120)));
    assert_eq!(read(404, None, b"\"NO_IDEA\"").unwrap_err().words, "Apple refused with status 404: NO_IDEA.");
    assert_eq!(read(200, None, b" \n").unwrap(), Value::Null);
}

#[test]
fn what_became_of_each_device_is_read() {
    use AssignOutcome::{Failed, NotAccessible, Success, Throttled};
    let said = json!({ "devices": { "A": "SUCCESS", "B": "NOT_ACCESSIBLE", "C": "FAILED", "D": "THROTTLED", "E": null,
                       "F": { "response_status": "SUCCESS" } }, "retry_after_seconds": "90" });
    let (all, wait) = outcomes(&said);
    assert_eq!(all.into_values().collect::<Vec<_>>(), [Success, NotAccessible, Failed, Throttled, Failed, Success]);
    assert_eq!(wait, Some(90));
    assert_eq!(outcomes(&Value::Null), (std::collections::BTreeMap::new(), None));
    assert_eq!(assigned(&json!({ "response_status": "SUCCESS" })).as_deref(), Some("SUCCESS"));
}

#[test]
fn a_token_is_read_as_the_portal_writes_it_and_mistakes_are_named() {
    let mail = b"Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n-----BEGIN MESSAGE-----\r\n\
        {\"consumer_key\":\"CK_1\",\"consumer_secret\":\"CS_1\",\"access_token\":\"AT_\r\n1\",\"access_secret\":\"AS_1\",\
        \"access_token_expiry\":\"2027-09-08T16:49:09Z\"}\r\n-----END MESSAGE-----\r\n";
    let token = ServerToken::read(mail).unwrap();
    assert_eq!(
        (token.consumer_key.as_str(), token.access_token.as_str(), token.consumer_secret.expose().as_str()),
        ("CK_1", "AT_1", "CS_1")
    );
    assert_eq!(Some(token.expires_at), at("2027-09-08T16:49:09Z"));
    for kept in [token.to_json(), token.to_mail()] {
        assert_eq!(ServerToken::read(kept.expose()).unwrap().access_secret.expose(), "AS_1");
    }
    assert!(!format!("{token:?}").contains("CS_1"), "secrets are not shown");
    assert!(ServerToken::read(b"hello").unwrap_err().message.contains("no server token stands in it"));
    assert!(ServerToken::read(&mail[..200]).is_err());
    let large = vec![b'a'; TOKEN_MAX_BYTES + 1];
    for (file, part) in [
        (&b""[..], "empty"),
        (mail, "already opened"),
        (b"-----BEGIN CERTIFICATE-----", "belongs into Apple's portal"),
        (b"-----BEGIN RSA PRIVATE KEY-----", "private key"),
        (b"eyJ0b2tlbiI6ICJhIiwgImV4cERhdGUiOiAiMjAyNyJ9", "content token of Apps and Books"),
        (b"PK\x03\x04", "ZIP"),
        (b"xar!\x00\x1c", "belongs under Apps, Your own apps"),
        (b"name,class\nKim,7a\nPat,7b\n", "belong under People and classes, Import"),
        (b"<plist><key>PayloadContent</key></plist>", "configuration profile"),
        (b"%PDF-1.7", "PDF"),
        (b"hello there", "the server token of Automated Device Enrollment is needed"),
        (large.as_slice(), "too large"),
    ] {
        let message = ServerToken::mistaken(file).message;
        assert!(message.contains(part) && message.contains(".p7m"), "{message}");
    }
}

#[test]
fn what_apple_would_refuse_is_refused_here_first() {
    let field = |keys: ProfileKeys| keys.checked().unwrap_err().fields.first().map(|field| field.field.clone()).unwrap_or_default();
    let keys = ProfileKeys::default;
    assert_eq!(field(ProfileKeys { department: "x".repeat(TEXT_MAX_CHARS + 1), ..keys() }), "department");
    assert_eq!(field(ProfileKeys { support_phone_number: "1".repeat(51), ..keys() }), "support_phone_number");
    assert_eq!(field(ProfileKeys { is_supervised: false, ..keys() }), "is_mdm_removable");
    assert_eq!(field(ProfileKeys { auto_advance_setup: true, ..keys() }), "language");
    assert_eq!(field(ProfileKeys { auto_advance_setup: true, language: "en".into(), ..keys() }), "region");
    assert_eq!(field(ProfileKeys { skip_setup_items: vec!["Nonsense".into()], ..keys() }), "skip_setup_items");
    let twice =
        ProfileKeys { skip_setup_items: vec!["Siri".into(), "AppleID".into(), "Siri".into()], department: " Art ".into(), ..keys() };
    let checked = twice.checked().unwrap();
    assert_eq!((checked.skip_setup_items, checked.department.as_str()), (vec!["AppleID".into(), "Siri".into()], "Art"));
}

/// Apple's own list is the judge of ours.
#[test]
fn every_pane_of_apples_list_is_here_for_the_systems_that_it_names() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let yaml = std::fs::read_to_string(shared.join("apple-schema-27-declarations/other/skipkeys.yaml")).unwrap();
    let keys: Vec<&str> = yaml.lines().filter_map(|line| line.strip_prefix("- key: ")).collect();
    assert!(keys.len() > 40);
    for key in &keys {
        assert!(skip_key(key).is_some(), "{key} is missing");
    }
    assert_eq!(skip_keys().len(), keys.len());
    let siri = skip_key("Siri").unwrap();
    assert!(siri.is_for(Platform::Macos) && siri.is_for(Platform::Visionos) && !siri.is_deprecated());
    assert!(!skip_key("FileVault").unwrap().is_for(Platform::Ios));
    assert!(skip_key("OnBoarding").unwrap().is_deprecated());
    assert_eq!(skip_key("Wallpaper").unwrap().versions(), "macOS 14.1 until 26");
}
