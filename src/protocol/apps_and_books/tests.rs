//! Apple's answers in all their forms; dates and base64 are judged by Python.

use std::process::Command;

use serde_json::json;

use super::*;
use crate::clock::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// A token as Python's own base64 and json write it.
fn by_python(json: &str) -> Vec<u8> {
    let script = "import sys, base64, json; sys.stdout.write(base64.encodebytes(json.dumps(json.loads(sys.argv[1])).encode()).decode())";
    let output = Command::new("python3").args(["-c", script, json]).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn a_content_token_is_read_with_line_breaks_and_any_offset() {
    for (written, meant) in [
        ("2027-01-05T08:00:00-0800", "2027-01-05T16:00:00Z"),
        ("2027-01-05T08:00:00+0130", "2027-01-05T06:30:00Z"),
        ("2027-01-05T08:00:00.123+0000", "2027-01-05T08:00:00Z"),
        ("2027-01-05T08:00:00Z", "2027-01-05T08:00:00Z"),
    ] {
        let file = by_python(&json!({ "token": "a".repeat(120), "expDate": written, "orgName": "Example Schöol" }).to_string());
        let token = ContentToken::read(&file, NOW).unwrap();
        assert_eq!((token.expires_at, token.organisation.as_str()), (Timestamp::parse(meant).unwrap(), "Example Schöol"), "{written}");
        assert!(file.contains(&b'\n') && !token.text.expose().contains('\n'));
        let bare = String::from_utf8(file).unwrap().replace('=', "");
        assert!(ContentToken::read(bare.as_bytes(), NOW).is_ok(), "without its padding");
    }
    assert!(moment("2027-01-05").is_none() && moment("").is_none() && moment("+0000").is_none() && moment("äää+0000").is_none());
}

#[test]
fn what_is_no_content_token_is_named_for_what_it_is() {
    let old = by_python(&json!({ "token": "x", "expDate": "2025-01-05T08:00:00-0800", "orgName": "E" }).to_string());
    let cases: [(&[u8], &str); 10] = [
        (b"", "empty"),
        (&old, "ended on 5 Jan 2025"),
        (b"Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\n\nMIAGCSqG", ".p7m"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "PEM text"),
        (br#"{"token":"x","expDate":"2027-01-05T08:00:00-0800"}"#, "decoded"),
        (b"PK\x03\x04", "ZIP"),
        (b"<?xml version=\"1.0\"?><plist/>", "property list"),
        (b"VGhpcyBpcyB0aGUgaW5uZXIgdG9rZW4", "from inside"),
        (b"\xff\xfe\x00 hello", "not a content token"),
        (b"e30=", "names no token"),
    ];
    for (file, words) in cases {
        let refusal = ContentToken::read(file, NOW).unwrap_err();
        assert!(refusal.message.contains(words), "{words}: {refusal}");
    }
    assert!(ContentToken::read(&vec![b'A'; TOKEN_MAX_BYTES + 1], NOW).unwrap_err().message.contains("a few hundred"));
}

#[test]
fn a_number_of_an_error_decides_before_the_status() {
    let refusal = read(200, None, br#"{"errorNumber":9622,"errorMessage":"Invalid token"}"#).unwrap_err();
    assert_eq!((refusal.verdict, refusal.number), (Verdict::NewToken, 9622));
    let busy = read(429, Some(" 17 "), br#"{"errorNumber":"9646"}"#).unwrap_err();
    assert_eq!((busy.verdict, busy.retry_after), (Verdict::Later, Some(RetryAfter::Seconds(17))));
    let gateway = read(503, None, b"<html>").unwrap_err();
    assert_eq!((gateway.verdict, gateway.number), (Verdict::Later, 0));
    assert_eq!(read(400, None, br#"{"errorNumber":9700}"#).unwrap_err().verdict, Verdict::Never);
    assert_eq!(read(401, None, b"{}").unwrap_err().verdict, Verdict::NewToken);
    let answer = read(200, None, br#"{"uId":"1","mdmInfo":{"id":"other"},"errorNumber":0}"#).unwrap();
    assert_eq!(answer.envelope.mdm_info.unwrap().id, "other");
    assert!(read(200, None, b"[]").is_err() && read(200, None, b"").is_err());
}

#[test]
fn a_wait_is_read_in_both_forms_and_is_bounded() {
    let date = "Wed, 18 Nov 2026 12:00:00 GMT";
    let python = Command::new("python3")
        .args(["-c", "import sys, email.utils; print(int(email.utils.parsedate_to_datetime(sys.argv[1]).timestamp()))", date])
        .output()
        .unwrap();
    let seconds: i64 = String::from_utf8(python.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(RetryAfter::parse(date), Some(RetryAfter::At(Timestamp::from_seconds(seconds))));
    assert_eq!(RetryAfter::parse("120"), Some(RetryAfter::Seconds(120)));
    assert_eq!(RetryAfter::parse("soon"), None);
    let day = std::time::Duration::from_secs(24 * 3600);
    assert_eq!(RetryAfter::Seconds(u64::MAX).wait(NOW), day);
    assert_eq!(RetryAfter::At(Timestamp::default()).wait(NOW), std::time::Duration::ZERO);
}

#[test]
fn limits_and_addresses_are_learned_and_nonsense_is_not() {
    let said = json!({ "limits": { "maxAssets": 7, "maxUsers": 0, "maxSerialNumbers": "12" },
        "urls": { "getAssets": "https://elsewhere.example/a", "getUsers": "http://open.example/u", "unknown": "https://x.example",
                  "invitationEmail": "https://i.example/r?cc=us&inviteCode=%25inviteCode%25&mt=8" } });
    let service = Service::read(&said, "https://vpp.example");
    assert_eq!((service.limits.max_assets, service.limits.max_users, service.limits.max_serial_numbers), (7, 100, 12));
    assert_eq!(service.urls.get_assets, "https://elsewhere.example/a");
    assert_eq!(service.urls.get_users, "https://vpp.example/mdm/v2/users", "a token goes nowhere without TLS");
    assert_eq!(service.urls.invitation("AbC").unwrap(), "https://i.example/r?cc=us&inviteCode=AbC&mt=8");
    assert_eq!(Service::from_json(&service.to_json()), service);
    assert_eq!(Service::from_json("nonsense"), Service::default());
}

#[test]
fn a_walk_reads_every_page_though_the_list_grows_meanwhile() {
    let page = |index: u32, pages: u32, version: &str| Page { index, pages, version: version.to_owned(), lines: vec![index] };
    let mut walk = Walk::default();
    assert_eq!(walk.wanted(), [0], "the first page says how many there are");
    walk.take(page(0, 8, "5"));
    assert_eq!(walk.wanted(), [1, 2, 3, 4, 5], "five at a time");
    for index in 1..=5 {
        walk.take(page(index, 8, "5"));
    }
    assert!(!walk.changed);
    walk.take(page(6, 9, "6"));
    assert_eq!(walk.wanted(), [7, 8]);
    walk.take(page(7, 9, "6"));
    walk.take(page(8, 9, "6"));
    assert_eq!((walk.wanted().len(), walk.lines.len(), walk.version.as_str(), walk.changed), (0, 9, "5", true));
    let mut endless = Walk::<u32>::default();
    endless.take(page(0, u32::MAX, "1"));
    for index in 1..PAGES_MAX {
        endless.take(page(index, u32::MAX, "1"));
    }
    assert!(endless.wanted().is_empty(), "a list that never ends is left at its limit");
}

#[test]
fn a_page_keeps_what_can_be_read() {
    let body = json!({ "assignments": [{ "adamId": 5, "serialNumber": "A" }, { "serialNumber": "without an app" }, "?",
        { "adamId": "6", "pricingParam": "PLUS", "clientUserId": "u" }], "nextPageIndex": 3, "versionId": 17 });
    let page = Page::<AssignmentLine>::read(&body, 2, "assignments");
    assert_eq!((page.lines.len(), page.pages, page.version.as_str()), (2, 4, "17"));
    assert_eq!((page.lines[0].adam_id.as_str(), page.lines[0].pricing_param.as_str()), ("5", "STDQ"));
}

#[test]
fn what_is_owned_stays_in_the_book_though_its_counts_cannot_be() {
    for (said, counts) in [
        (json!({ "adamId": "5", "assignedCount": 7, "availableCount": -2, "totalCount": 5 }), [7, 0, 0, 5]),
        (json!({ "adamId": "5", "assignedCount": null, "availableCount": 1.5, "retiredCount": "many", "totalCount": "5" }), [0, 0, 0, 5]),
        (json!({ "adamId": "5", "assignedCount": { "a": 1 }, "retiredCount": -1, "totalCount": u64::MAX }), [0, 0, 0, u32::MAX]),
    ] {
        let page = Page::<AssetLine>::read(&json!({ "assets": [said] }), 0, "assets");
        let [line] = &page.lines[..] else { panic!("{said}: {page:?}") };
        assert_eq!([line.assigned_count, line.available_count, line.retired_count, line.total_count], counts, "{said}");
    }
}

#[test]
fn an_event_is_over_when_apple_says_so_and_says_what_failed() {
    assert_eq!(Status::read(&json!({ "eventStatus": "PENDING" })), Status::Pending);
    assert_eq!(Status::read(&json!({ "eventStatus": "DREAMING" })), Status::Pending);
    let body = json!({ "eventStatus": "FAILED", "failures": [{ "errorNumber": 9709, "errorMessage": "none left",
        "errorInfo": { "assets": [{ "adamId": "5", "pricingParam": "STDQ" }], "serialNumbers": ["A"] } }] });
    let Status::Over { failed: true, failures } = Status::read(&body) else { panic!() };
    assert_eq!(failures[0].verdict, Verdict::Short);
    assert!(
        failures[0].is_about("5", Some("a"), None)
            && !failures[0].is_about("5", Some("B"), None)
            && !failures[0].is_about("6", Some("A"), None)
    );
    let Status::Over { failures, .. } = Status::read(&json!({ "eventStatus": "FAILED" })) else { panic!() };
    assert!(failures[0].is_about("5", Some("anybody"), None), "a failure without a name is everybody's");
}

#[test]
fn the_stores_answer_is_read() {
    let body = json!({ "results": { "5": { "name": "Atlas\u{7}", "bundleId": "school.example.atlas", "deviceFamilies": ["iphone", "ipad", "mac", "new"],
        "artwork": { "url": "https://i.example/a/{w}x{h}{c}.{f}" }, "minimumOSVersion": "16.0",
        "offers": [{ "version": { "externalId": 851_000_001, "display": "2.8.1" } }] } } });
    let facts = read_lookup(&body, "5").unwrap();
    assert_eq!(
        (facts.name.as_str(), facts.bundle_id.as_str(), facts.external_version_id),
        ("Atlas", "school.example.atlas", Some(851_000_001))
    );
    assert_eq!(
        (facts.platforms, facts.icon_url.as_str()),
        (vec!["ios".to_owned(), "macos".to_owned()], "https://i.example/a/128x128bb.png")
    );
    assert!(read_lookup(&body, "6").is_none());
}

#[test]
fn no_answer_cut_short_or_bent_brings_the_reader_down() {
    let body = json!({ "eventId": "e", "mdmInfo": { "id": "i" }, "failures": [{ "errorNumber": 9709 }], "assets": [{ "adamId": "5", "totalCount": 3 }] });
    let bytes = body.to_string().into_bytes();
    for end in 0..bytes.len() {
        let _ = read(200, None, &bytes[..end]);
        for bit in 0..8 {
            let mut bent = bytes.clone();
            bent[end] ^= 1 << bit;
            if let Ok(answer) = read(200, Some("1"), &bent) {
                let _ = (Status::read(&answer.body), ClientConfig::read(&answer.body), Service::read(&answer.body, "https://x.example"));
                let _ = Page::<AssetLine>::read(&answer.body, 0, "assets");
            }
        }
    }
}
