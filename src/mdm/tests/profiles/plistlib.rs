//! Python's plistlib as an independent judge of what is filled in.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

/// Reads a property list with Python and prints what a profile and its first payload say, one value a line as JSON.
const JUDGE: &str = "
import sys, json, plistlib
p = plistlib.loads(sys.stdin.buffer.read())
q = p['PayloadContent'][0]
for value in (p['PayloadUUID'], p['PayloadIdentifier'], q['Password'], q['SSID_STR'], str(p.get('RemovalDate')), sorted(q)):
    print(json.dumps(value))
";

fn judged(content: &[u8]) -> Option<Vec<serde_json::Value>> {
    let judge = Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut judge) = judge else {
        eprintln!("SKIPPED: python3 is absent");
        return None;
    };
    judge.stdin.take().unwrap().write_all(content).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "plistlib does not read {}", String::from_utf8_lossy(content));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn another_reader_finds_what_was_filled_in_and_nothing_else() {
    let school = School::new();
    school.group("all", &[]);
    let id = school.upload(&wifi("school.example.wifi", "$PERSON_NAME|$CLASS|$5|pa$$word")).profile.id;
    school.assign(&id, "all", Some(Timestamp::from_millis(1_795_000_060_999))).unwrap();
    for name in ["Kim", "<string>&amp;</string>", "</dict><key>x</key>", "]]> 'é\u{1f600}\u{2028}\u{85}x", "a\u{b}b $SERIAL"] {
        let mut target = ipad();
        target.variables.insert("PERSON_NAME", name.into());
        target.variables.insert("CLASS", "5 & 6".into());
        let (piece, content) = school.only(&target);
        let Some(said) = judged(&content) else { return };
        let clean: String = name.chars().filter(|letter| !letter.is_control()).collect();
        assert_eq!(said[0], piece.uuid);
        assert_eq!((&said[1], &said[3]), (&"school.example.wifi".into(), &"School".into()));
        assert_eq!(said[2], format!("{clean}|5 & 6|$5|pa$$word"));
        assert_eq!(said[4], "2026-11-18 11:07:40", "whole seconds, in UTC");
        assert_eq!(said[5].as_array().unwrap().len(), 6, "{}", said[5]);
    }
}
