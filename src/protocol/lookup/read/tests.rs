//! Reading documents of the lookup service: whole, odd, broken and endless ones.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What case C33 gives as its third input.
const ODD: &str = r#"{"PublicAssetSets":{"iOS":[{"ProductVersion":"18.7.2","PostingDate":"2026-09-01","SupportedDevices":["iPad7,11"]}],
 "macOS":[{"ProductVersion":"26.1","Build":"25B78","PostingDate":"2026-09-02","ExpirationDate":"2026-12-31","SupportedDevices":[]}]},
 "AssetSets":{"iOS":[{"ProductVersion":"26.1","PostingDate":"2026-09-02","ExpirationDate":"2026-12-01","SupportedDevices":["iPad13,18"]},
   {"ProductVersion":"7.0.1","PostingDate":"2026-09-02","ExpirationDate":null,"SupportedDevices":["AppleTV2,1"]}],"fridgeOS":[{"ProductVersion":"1"}]},
 "PublicBackgroundSecurityImprovements":{"iOS":[{"ProductVersion":"26.1","ProductVersionExtra":"(a)","PrerequisiteBuild":"23B85","Build":"23B5771","PostingDate":"2026-09-03","SupportedDevices":["iPad13,18"]}]}}"#;

fn day(text: &str) -> Option<Day> {
    Day::parse(text)
}

#[test]
fn every_list_and_platform_is_read_with_all_its_optional_keys() {
    let lookup = read(ODD.as_bytes()).unwrap();
    let told: Vec<_> = lookup.entries.iter().map(|entry| (entry.list, entry.platform.as_str(), entry.os_version().to_string())).collect();
    assert_eq!(
        told,
        [
            (List::Managed, "fridgeOS", "1.0".to_owned()),
            (List::Managed, "iOS", "26.1".into()),
            (List::Managed, "iOS", "7.0.1".into()),
            (List::Public, "iOS", "18.7.2".into()),
            (List::Public, "macOS", "26.1".into()),
            (List::Improvements, "iOS", "26.1 (a)".into()),
        ]
    );
    assert_eq!((lookup.entries[1].expires, lookup.entries[2].expires, lookup.entries[3].expires), (day("2026-12-01"), None, None));
    assert_eq!((lookup.entries[5].prerequisite.as_str(), lookup.entries[5].build.as_str()), ("23B85", "23B5771"));
    assert!(lookup.entries[4].devices.is_empty() && lookup.passed_over.is_empty());
}

#[test]
fn the_sample_of_apples_chapter_is_refused_by_line_and_column_and_read_when_its_quotation_mark_is_mended() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let chapter = std::fs::read_to_string(shared.join("managed-apps-and-updates.txt")).unwrap();
    let from = chapter[..chapter.find("\"PublicAssetSets\": {").unwrap()].rfind('{').unwrap();
    let sample = chapter[from..].split("```").next().unwrap();
    let Err(LookupError::NotJson { line, column, .. }) = read(sample.as_bytes()) else { panic!("{:?}", read(sample.as_bytes())) };
    assert_eq!((line, column > 0), (5, true), "{sample}");
    let said = read(sample.as_bytes()).unwrap_err().to_string();
    assert!(said.contains(&format!("line 5, column {column}")), "{said}");
    let mended = read(sample.replace(['\u{201c}', '\u{201d}'], "\"").as_bytes()).unwrap();
    assert!(mended.entries.len() >= 3, "{mended:?}");
    assert!(mended.entries.iter().all(|entry| entry.os_version().is_known() && entry.expires.is_some()), "{mended:?}");
}

#[test]
fn a_captured_document_is_read_whole() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let bytes = std::fs::read(shared.join("captures/lookup/software_lookup_service_response.json")).unwrap();
    let lookup = read(&bytes).unwrap();
    assert_eq!((lookup.entries.len(), lookup.passed_over.len()), (12, 0));
    let improvement = lookup.entries.last().unwrap();
    assert_eq!((improvement.os_version(), improvement.prerequisite.as_str()), (OsVersion::parse("13.3.1 (a)"), "22E261"));
}

#[test]
fn what_is_no_document_is_refused_with_what_is_wrong() {
    let refused = |bytes: &[u8]| read(bytes).unwrap_err();
    assert_eq!(refused(b" \n"), LookupError::Empty);
    assert_eq!(refused(b"<!doctype html><title>Sign in</title>"), LookupError::WebPage);
    assert!(matches!(refused(&ODD.as_bytes()[..ODD.len() / 2]), LookupError::NotJson { .. }));
    for other in ["[]", "{}", "{\"error\":\"x\"}", "7"] {
        assert_eq!(refused(other.as_bytes()), LookupError::NoLists, "{other}");
    }
    assert_eq!(refused(br#"{"AssetSets":{"iOS":[]}}"#), LookupError::Nothing(String::new()));
    for (entry, said) in [
        (json!({ "ProductVersion": 26.1 }), "AssetSets, iOS, entry 1: its ProductVersion is no short text"),
        (json!({ "ProductVersion": "26.1", "PostingDate": "2026-13-45" }), "entry 1: 26.1: its PostingDate “2026-13-45” is no day"),
    ] {
        let error = refused(json!({ "AssetSets": { "iOS": [entry] } }).to_string().as_bytes());
        assert!(error.to_string().contains(said), "{error}");
    }
    let utf16 = |start: &[u8], order: fn(u16) -> [u8; 2]| [start, &ODD.encode_utf16().flat_map(order).collect::<Vec<_>>()].concat();
    for bytes in [
        utf16(b"\xff\xfe", u16::to_le_bytes),
        utf16(b"\xfe\xff", u16::to_be_bytes),
        utf16(b"", u16::to_le_bytes),
        utf16(b"", u16::to_be_bytes),
    ] {
        assert_eq!(refused(&bytes), LookupError::Utf16);
    }
    assert!(LookupError::Utf16.to_string().contains("as UTF-8"));
    assert_eq!(refused(&vec![b' '; MAX_BYTES + 1]), LookupError::TooLarge);
    let entry = json!({ "ProductVersion": "26.1", "SupportedDevices": ["iPad13,18"] });
    let many = |count| json!({ "AssetSets": { "iOS": vec![entry.clone(); count] } }).to_string();
    assert_eq!(read(many(MAX_ENTRIES).as_bytes()).unwrap().entries.len(), MAX_ENTRIES);
    assert_eq!(refused(many(MAX_ENTRIES + 1).as_bytes()), LookupError::TooMany);
}

#[test]
fn an_entry_that_makes_no_sense_is_passed_over_and_told_while_the_rest_is_read() {
    let good = json!({ "ProductVersion": "26.1", "SupportedDevices": ["iPad13,18"] });
    let odd = [
        json!(7),
        json!({}),
        json!({ "ProductVersion": "26.1-beta" }),
        json!({ "ProductVersion": "٢٦.١" }),
        json!({ "ProductVersion": "26.2", "ExpirationDate": "soon" }),
        json!({ "ProductVersion": "26.2", "SupportedDevices": "iPad13,18" }),
        json!({ "ProductVersion": "26.2", "SupportedDevices": vec!["iPad13,18"; MAX_DEVICES + 1] }),
        json!({ "ProductVersion": "26.2", "Build": "x".repeat(MAX_TEXT_CHARS + 1) }),
        json!({ "ProductVersion": "26.2", "ProductVersionExtra": "(1)" }),
    ];
    for odd in odd {
        let lookup = read(json!({ "AssetSets": { "iOS": [odd, good], "tvOS": "none" } }).to_string().as_bytes()).unwrap();
        assert_eq!((lookup.entries.len(), lookup.passed_over.len()), (1, 2), "{odd} {lookup:?}");
    }
    let improvements = json!({ "AssetSets": { "iOS": [good] }, "PublicRapidSecurityResponses": { "iOS": [good] } });
    assert_eq!(read(improvements.to_string().as_bytes()).unwrap().entries.len(), 1, "an improvement without a build before it");
    let many = json!({ "AssetSets": { "iOS": vec![json!(1); MAX_PASSED_OVER + 5], "macOS": [good] } });
    assert_eq!(read(many.to_string().as_bytes()).unwrap().passed_over.len(), MAX_PASSED_OVER);
}

#[test]
fn visionos_has_one_name_and_days_may_have_a_time() {
    let entry = json!({ "ProductVersion": "2.0", "PostingDate": "2024-09-16T00:00:00Z", "SupportedDevices": ["RealityDevice14,1", "RealityDevice14,1"] });
    let lookup = read(json!({ "AssetSets": { "xrOS": [entry] } }).to_string().as_bytes()).unwrap();
    assert_eq!((lookup.entries[0].platform.as_str(), lookup.entries[0].posted), ("visionOS", day("2024-09-16")));
    assert_eq!(lookup.entries[0].devices, ["RealityDevice14,1"]);
}

proptest! {
    #[test]
    fn a_document_that_is_cut_short_or_has_a_bit_flipped_never_panics(at in 0..ODD.len(), bit in 0_u8..8) {
        let mut bytes = ODD.as_bytes().to_vec();
        let _ = read(&bytes[..at]);
        bytes[at] ^= 1 << bit;
        let _ = read(&bytes);
    }
}
