//! Whether the keys of a profile hold what Apple says they hold: those of its outside, by which devices take it, and those of its payloads.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Payload, Profile};
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::protocol::restrictions::{self, ValueType};

/// The shortest time after which a profile can remove itself, in seconds.
pub const DURATION_MIN_S: f64 = 1.0;

/// The longest time after which a profile can remove itself, in seconds: ten years.
pub const DURATION_MAX_S: f64 = 10.0 * 366.0 * 86_400.0;

/// The most keys of a wrong type that are named.
pub const WRONG_TYPES_MAX: usize = 50;

/// What the keys of a profile's outside hold, by the letters of `keys.txt`.
const OUTSIDE: [(&str, &str); 10] = [
    ("PayloadContent", "a"),
    ("EncryptedPayloadContent", "x"),
    ("IsEncrypted", "b"),
    ("HasRemovalPasscode", "b"),
    ("PayloadRemovalDisallowed", "b"),
    ("PayloadScope", "s"),
    ("RemovalDate", "t"),
    ("DurationUntilRemoval", "ir"),
    ("PayloadExpirationDate", "t"),
    ("ConsentText", "d"),
];

/// What keys hold that profiles and payloads have alike.
const COMMON: [(&str, &str); 7] = [
    ("PayloadIdentifier", "s"),
    ("PayloadUUID", "s"),
    ("PayloadType", "s"),
    ("PayloadVersion", "i"),
    ("PayloadDisplayName", "s"),
    ("PayloadDescription", "s"),
    ("PayloadOrganization", "s"),
];

/// A key of a payload that holds something else than Apple says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProfileWrongType)]
pub struct WrongType {
    /// PayloadType.
    pub payload_type: String,
    /// The key.
    pub key: String,
    /// What it must be, in words.
    pub must_be: String,
    /// What it is, in words.
    pub is: String,
}

static TABLE: LazyLock<HashMap<&'static str, HashMap<&'static str, &'static str>>> = LazyLock::new(|| {
    let lines = include_str!("keys.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).collect()
});

fn read(line: &'static str) -> Option<(&'static str, HashMap<&'static str, &'static str>)> {
    let mut parts = line.split_whitespace();
    Some((parts.next()?, parts.filter_map(|part| part.rsplit_once(':')).collect()))
}

/// What is wrong with the outside of a profile, of itself and of its payloads: which key, and what it must be. Devices refuse it, or take it otherwise
/// than it was meant, such as an end that never comes.
pub fn of_outside(profile: &Profile) -> Vec<String> {
    let mut faults: Vec<String> =
        OUTSIDE.iter().chain(&COMMON).filter_map(|(key, letters)| fault(&profile.keys, "", key, letters)).collect();
    let content = profile.keys.get("PayloadContent").and_then(Value::as_array);
    for (at, item) in content.into_iter().flatten().enumerate() {
        let place = format!("PayloadContent[{at}]");
        match item.as_dictionary() {
            Some(keys) => faults.extend(COMMON.iter().filter_map(|(key, letters)| fault(keys, &format!("{place}."), key, letters))),
            None => faults.push(t!("{place} must be {value}, not {item}", place, value = words("d"), item = kind(item))),
        }
    }
    if let Some(scope) = fields::text(&profile.keys, "PayloadScope")
        .filter(|scope| !["System", "User"].iter().any(|known| known.eq_ignore_ascii_case(scope)))
    {
        faults.push(t!("PayloadScope must be System or User, not {said}", said = scope.chars().take(40).collect::<String>()));
    }
    let duration = match profile.keys.get("DurationUntilRemoval") {
        Some(Value::Real(seconds)) => Some(*seconds),
        Some(Value::Integer(_)) => fields::real(&profile.keys, "DurationUntilRemoval"),
        _ => None,
    };
    if duration.is_some_and(|seconds| !(DURATION_MIN_S..=DURATION_MAX_S).contains(&seconds)) {
        faults.push(t!(
            "DurationUntilRemoval must be a number of seconds from {DURATION_MIN_S} to {DURATION_MAX_S}, which is ten years",
            DURATION_MIN_S,
            DURATION_MAX_S
        ));
    }
    faults
}

/// The keys of its payloads that hold something else than Apple says; of keys that Apple does not publish nothing is said.
pub fn of_payloads(profile: &Profile) -> Vec<WrongType> {
    profile.payloads.iter().flat_map(wrong).take(WRONG_TYPES_MAX).collect()
}

fn wrong(payload: &Payload) -> impl Iterator<Item = WrongType> {
    payload.keys.iter().filter_map(|(key, value)| {
        let letters = letters(&payload.payload_type, key)?;
        (!fits(letters, value)).then(|| WrongType {
            payload_type: payload.payload_type.clone(),
            key: key.clone(),
            must_be: words(letters),
            is: kind(value).to_owned(),
        })
    })
}

fn letters(payload_type: &str, key: &str) -> Option<&'static str> {
    let newer = || {
        Some(match restrictions::fact(payload_type, key)?.value_type {
            ValueType::Bool => "b",
            ValueType::Int => "i",
            ValueType::Real => "r",
            ValueType::Text => "s",
            ValueType::List => "a",
            ValueType::Dict => "d",
        })
    };
    TABLE.get(payload_type).and_then(|keys| keys.get(key)).copied().or_else(newer)
}

fn fault(keys: &Dictionary, place: &str, key: &str, letters: &str) -> Option<String> {
    let value = keys.get(key).filter(|value| !fits(letters, value))?;
    Some(t!("{place}{key} must be {value}, not {value_2}", place, key, value = words(letters), value_2 = kind(value)))
}

fn fits(letters: &str, value: &Value) -> bool {
    letters.chars().any(|letter| match (letter, value) {
        ('a', Value::Array(_))
        | ('b', Value::Boolean(_))
        | ('d', Value::Dictionary(_))
        | ('i' | 'r', Value::Integer(_))
        | ('s', Value::String(_))
        | ('t', Value::Date(_))
        | ('x', Value::Data(_)) => true,
        ('r', Value::Real(number)) => number.is_finite(),
        ('i', Value::Real(number)) => number.fract() == 0.0,
        _ => false,
    })
}

fn words(letters: &str) -> String {
    let word = |letter| match letter {
        'a' => t!("a list"),
        'b' => t!("true or false"),
        'd' => t!("a dictionary"),
        'i' => t!("a whole number"),
        'r' => t!("a number"),
        's' => t!("text"),
        't' => t!("a date"),
        _ => t!("data"),
    };
    if letters.contains("ir") { String::from(t!("a number")) } else { letters.chars().map(word).collect::<Vec<_>>().join(t!(" or ")) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => t!("a list"),
        Value::Boolean(_) => t!("true or false"),
        Value::Dictionary(_) => t!("a dictionary"),
        Value::Integer(_) => t!("a whole number"),
        Value::Real(_) => t!("a number"),
        Value::String(_) => t!("text"),
        Value::Date(_) => t!("a date"),
        Value::Data(_) => t!("data"),
        _ => t!("something else"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mobileconfig::read as profile;
    use crate::protocol::mobileconfig::tests::{payload, profile_with};

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    fn outside(key: &str, value: Value) -> Vec<String> {
        of_outside(&profile(&profile_with("school.example.a", &[(key, value)], &[payload("com.apple.wifi.managed", "a", &[])])).unwrap())
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines: Vec<_> = include_str!("keys.txt").lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 100 && lines.len() == TABLE.len(), "no type stands twice: {} {}", lines.len(), TABLE.len());
        for line in lines {
            let (name, keys) = read(line).unwrap();
            assert_eq!(keys.len(), line.split_whitespace().count() - 1, "{name}");
            assert!(
                keys.values().all(|letters| !letters.is_empty() && letters.chars().all(|letter| "abdirstx".contains(letter))),
                "{name}"
            );
        }
    }

    #[test]
    fn the_outside_is_judged_key_by_key() {
        let seconds = |seconds| outside("DurationUntilRemoval", Value::Real(seconds));
        assert_eq!((seconds(DURATION_MIN_S), seconds(DURATION_MAX_S)), (vec![], vec![]));
        assert_eq!(outside("DurationUntilRemoval", Value::Integer(60.into())), Vec::<String>::new());
        assert_eq!(outside("PayloadScope", text("user")), Vec::<String>::new());
        for (faults, words) in [
            (outside("RemovalDate", text("tomorrow")), "RemovalDate must be a date, not text"),
            (outside("DurationUntilRemoval", text("5")), "DurationUntilRemoval must be a number, not text"),
            (seconds(1e300), "DurationUntilRemoval must be a number of seconds from 1 to 316224000"),
            (seconds(DURATION_MAX_S + 1.0), "DurationUntilRemoval must be"),
            (seconds(0.4), "DurationUntilRemoval must be"),
            (outside("PayloadScope", text("Moon")), "PayloadScope must be System or User, not Moon"),
            (outside("PayloadVersion", text("1")), "PayloadVersion must be a whole number, not text"),
            (outside("PayloadRemovalDisallowed", text("yes")), "PayloadRemovalDisallowed must be true or false, not text"),
        ] {
            assert!(faults.len() == 1 && faults[0].contains(words), "{words}: {faults:?}");
        }
    }

    #[test]
    fn what_payloads_hold_is_named_where_it_is_of_another_type_and_the_list_ends() {
        let keys = [("allowCamera", text("false")), ("ratingApps", Value::Integer(200.into())), ("blockedAppBundleIDs", text("com.a.b"))];
        let made = [payload("com.apple.applicationaccess", "a", &keys), payload("school.example.own", "b", &[("allowCamera", text("x"))])];
        let found = of_payloads(&profile(&profile_with("school.example.a", &[], &made)).unwrap());
        let told: Vec<_> = found.iter().map(|wrong| (wrong.key.as_str(), wrong.must_be.as_str(), wrong.is.as_str())).collect();
        assert_eq!(told, [("allowCamera", "true or false", "text"), ("blockedAppBundleIDs", "a list", "text")]);
        let many: Vec<_> = (0..=WRONG_TYPES_MAX).map(|at| payload("com.apple.applicationaccess", &format!("p{at}"), &keys[..1])).collect();
        assert_eq!(of_payloads(&profile(&profile_with("school.example.a", &[], &many)).unwrap()).len(), WRONG_TYPES_MAX);
    }
}
