//! What devices of the tests are given, and how their answers are read.

use super::*;

pub(super) fn individual(word: &str) -> Individual {
    invent(1, 1, Mix::parse(&[word]).unwrap().wish(0))
}

pub(super) fn xml(dictionary: &Dictionary) -> Vec<u8> {
    to_xml(&Value::Dictionary(dictionary.clone())).unwrap()
}

pub(super) fn status(report: &Dictionary) -> &str {
    fields::text(report, "Status").unwrap()
}

/// The code of the innermost complaint.
pub(super) fn code(report: &Dictionary) -> i64 {
    fields::dictionaries(report, "ErrorChain").last().and_then(|link| fields::whole(link, "ErrorCode")).unwrap_or(0)
}

/// The keys of a message, sorted.
pub(super) fn keys(message: &Dictionary) -> Vec<&str> {
    let mut keys: Vec<_> = message.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// An enrollment profile as a server makes it.
pub(super) fn enrollment_profile(challenge: &str) -> Dictionary {
    enrollment_profile_at("https://mdm.example.school", challenge)
}

/// An enrollment profile of the server at `base`.
pub(in crate::sim) fn enrollment_profile_at(base: &str, challenge: &str) -> Dictionary {
    let payload = |kind: &str, last: &str, more: Dictionary| {
        let mut payload = dictionary([
            ("PayloadType", Value::from(kind)),
            ("PayloadVersion", Value::from(1)),
            ("PayloadIdentifier", Value::from(format!("school.example.mdm.{last}"))),
            ("PayloadUUID", Value::from(format!("A0000000-0000-4000-8000-00000000000{last}"))),
        ]);
        payload.extend(more);
        Value::Dictionary(payload)
    };
    let names = [("O", "Example School"), ("CN", "%SerialNumber%")];
    let subject = names.map(|(kind, value)| Value::Array(vec![super::super::values::texts([kind, value])]));
    let scep = dict([
        ("URL", Value::from(format!("{base}/scep"))),
        ("Name", Value::from("practice")),
        ("Challenge", Value::from(challenge)),
        ("Keysize", Value::from(2048)),
        ("Key Type", Value::from("RSA")),
        ("Subject", Value::Array(subject.to_vec())),
    ]);
    let mdm = dictionary([
        ("IdentityCertificateUUID", Value::from("A0000000-0000-4000-8000-000000000002")),
        ("Topic", Value::from(TOPIC)),
        ("ServerURL", Value::from(format!("{base}/mdm/connect"))),
        ("CheckInURL", Value::from(format!("{base}/mdm/checkin"))),
        ("AccessRights", Value::from(8191)),
        ("SignMessage", Value::Boolean(true)),
        ("CheckOutWhenRemoved", Value::Boolean(true)),
        ("ServerCapabilities", super::super::values::texts(["com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"])),
    ]);
    let root = dictionary([("PayloadContent", Value::Data(authority().certificate().der().to_vec()))]);
    dictionary([
        ("PayloadType", Value::from("Configuration")),
        ("PayloadVersion", Value::from(1)),
        ("PayloadIdentifier", Value::from("school.example.mdm")),
        ("PayloadUUID", Value::from("A0000000-0000-4000-8000-000000000000")),
        ("PayloadDisplayName", Value::from("Example School")),
        (
            "PayloadContent",
            Value::Array(vec![
                payload("com.apple.security.root", "1", root),
                payload("com.apple.security.scep", "2", dictionary([("PayloadContent", scep)])),
                payload("com.apple.mdm", "3", mdm),
            ]),
        ),
    ])
}
