//! Variables in a profile: `$SERIAL` stands for the serial number of the device that gets it.
//!
//! A variable is written `$NAME`, or `${NAME}` where letters follow. Nothing else is ever changed: `$5` and `pa$$word` stay as they are. What
//! only looks like a variable is an error, because a typing error must not reach devices: a word with a capital after a dollar (`$Serial`, `$HOME`),
//! a known name in small letters (`$serial`), and any name in braces, closed or not (`${serial}`, `${SERIAL`, `${x:-1}`). Where such a text is meant,
//! as in a script, its dollar is written `${DOLLAR}`. Two dollars do not stand for one: passwords hold them, and would be changed without a word.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::protocol::plist::{Dictionary, Value};

/// What each variable stands for.
pub const VARIABLES: [(&str, &str); 8] = [
    ("SERIAL", msg!("serial number of the device")),
    ("UDID", msg!("UDID of the device")),
    ("DEVICE_NAME", msg!("name of the device")),
    ("MODEL", msg!("model of the device")),
    ("PERSON_NAME", msg!("name of the person the device belongs to")),
    ("PERSON_EMAIL", msg!("mail address of that person")),
    ("CLASS", msg!("class of that person")),
    (ACCESS_TOKEN, msg!("what an app proves its device by when it asks this server; for the configurations of apps alone")),
];

/// The variable that stands for the token of an app on a device; profiles have none.
pub const ACCESS_TOKEN: &str = "ACCESS_TOKEN";

/// The variable that stands for a dollar sign.
pub const DOLLAR: &str = "DOLLAR";

/// The fewest letters of what is taken for a variable: `$A` is text.
const MIN_LETTERS: usize = 2;

/// Keys that name a profile and its payloads to devices: they are the same on each.
const STRUCTURAL: [&str; 5] = ["PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadVersion", "PayloadScope"];

/// What variables stand for, by name.
pub type Values = BTreeMap<&'static str, String>;

/// What keeps a profile's variables from being filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// It looks like a variable, but there is none of this name.
    #[error(
        "{at} holds ${written}, which is no variable. There are {}. Write ${{DOLLAR}}{written} where the text itself is meant, as in a script, and braces where letters follow a variable, as in ${{SERIAL}}_A",
        known()
    )]
    Unknown {
        /// Where it stands.
        at: String,
        /// What is written after the dollar.
        written: String,
    },
    /// It stands where every device must have the same.
    #[error("{0} holds a variable, but it names the profile to devices and must be the same on each; write it out")]
    Structural(String),
}

/// The known names that profiles can have, for people.
pub fn known() -> String {
    in_profiles().map(|(name, _)| format!("${name}")).collect::<Vec<_>>().join(", ")
}

/// The variables that profiles can have, each with what it stands for.
pub fn in_profiles() -> impl Iterator<Item = (&'static str, &'static str)> {
    VARIABLES.into_iter().filter(|(name, _)| *name != ACCESS_TOKEN)
}

/// The variables that a profile uses, by name.
///
/// # Errors
/// The first thing that only looks like a variable, or stands where none can.
pub fn find(keys: &Dictionary) -> Result<BTreeSet<&'static str>, VariableError> {
    let mut found = BTreeSet::new();
    search(keys, "", &mut found)?;
    Ok(found)
}

fn search(keys: &Dictionary, path: &str, found: &mut BTreeSet<&'static str>) -> Result<(), VariableError> {
    for (key, value) in keys {
        let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        note(key, &at, found)?;
        search_value(value, &at, found)?;
        let is_variable = |text: &str| bits(text).any(|bit| matches!(bit, Bit::Variable(_)));
        if STRUCTURAL.contains(&key.as_str()) && value.as_string().is_some_and(is_variable) {
            return Err(VariableError::Structural(at));
        }
    }
    Ok(())
}

fn search_value(value: &Value, at: &str, found: &mut BTreeSet<&'static str>) -> Result<(), VariableError> {
    match value {
        Value::String(text) => note(text, at, found),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| search_value(item, &format!("{at}[{index}]"), found)),
        Value::Dictionary(keys) => search(keys, at, found),
        _ => Ok(()),
    }
}

fn note(text: &str, at: &str, found: &mut BTreeSet<&'static str>) -> Result<(), VariableError> {
    for bit in bits(text) {
        match bit {
            Bit::Text => {}
            Bit::Variable(name) => drop(found.insert(name)),
            Bit::Unknown(written) => return Err(VariableError::Unknown { at: at.to_owned(), written: written.to_owned() }),
        }
    }
    Ok(())
}

/// Puts values in the place of variables, in every text at every depth; one that has no value stays as it is written.
///
/// What comes out is a value again, so nothing in `values` can become anything but text. Moments lose what is less than a second, which
/// devices do not read. Where two keys become the same, the first stays.
pub fn fill(keys: &Dictionary, values: &Values) -> Dictionary {
    let mut filled = Dictionary::new();
    for (key, value) in keys {
        let key = fill_text(key, values);
        if !filled.contains_key(&key) {
            filled.insert(key.into_owned(), fill_value(value, values));
        }
    }
    filled
}

fn fill_value(value: &Value, values: &Values) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(text, values).into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill_value(item, values)).collect()),
        Value::Dictionary(keys) => Value::Dictionary(fill(keys, values)),
        Value::Date(date) => {
            let whole = SystemTime::from(*date).duration_since(UNIX_EPOCH).map(|since| UNIX_EPOCH + Duration::from_secs(since.as_secs()));
            Value::Date(whole.map_or(*date, Into::into))
        }
        other => other.clone(),
    }
}

fn fill_text<'a>(text: &'a str, values: &Values) -> Cow<'a, str> {
    if !text.contains('$') {
        return Cow::Borrowed(text);
    }
    let mut rest = text;
    let mut filled = String::with_capacity(text.len());
    while let Some((bit, after)) = next(rest) {
        let written = &rest[..rest.len() - after.len()];
        match bit {
            Bit::Variable(name) => filled.push_str(values.get(name).map_or(written, String::as_str)),
            Bit::Text | Bit::Unknown(_) => filled.push_str(written),
        }
        rest = after;
    }
    Cow::Owned(filled)
}

/// A text as every device gets it; none where a variable makes it each device's own.
pub fn constant(text: &str) -> Option<Cow<'_, str>> {
    let is_same = bits(text).all(|bit| !matches!(bit, Bit::Variable(name) if name != DOLLAR));
    is_same.then(|| fill_text(text, &Values::from([(DOLLAR, String::from("$"))])))
}

/// A text as it is written where nothing in it is meant to be a variable.
pub fn literally(text: &str) -> Cow<'_, str> {
    if bits(text).all(|bit| matches!(bit, Bit::Text)) {
        return Cow::Borrowed(text);
    }
    let (mut rest, mut written) = (text, String::with_capacity(text.len() + DOLLAR.len()));
    while let Some((bit, after)) = next(rest) {
        let part = &rest[..rest.len() - after.len()];
        match bit {
            Bit::Text => written.push_str(part),
            // Both begin with a dollar.
            Bit::Variable(_) | Bit::Unknown(_) => written.extend(["${", DOLLAR, "}", &part[1..]]),
        }
        rest = after;
    }
    Cow::Owned(written)
}

/// A value as it can stand in a profile: without the control characters that XML cannot carry, and without space around it.
pub fn clean(value: &str) -> String {
    let is_carried = |letter: &char| !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}');
    value.chars().filter(is_carried).collect::<String>().trim().to_owned()
}

/// A part of a text.
enum Bit<'a> {
    Text,
    Variable(&'static str),
    Unknown(&'a str),
}

fn bits(text: &str) -> impl Iterator<Item = Bit<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (bit, after) = next(rest)?;
        rest = after;
        Some(bit)
    })
}

/// The next part of a text and what follows it.
fn next(text: &str) -> Option<(Bit<'_>, &str)> {
    let Some(dollar) = text.find('$') else { return (!text.is_empty()).then_some((Bit::Text, "")) };
    if dollar > 0 {
        return Some((Bit::Text, &text[dollar..]));
    }
    let after = &text[1..];
    Some(if let Some(inside) = after.strip_prefix('{') { in_braces(after, inside) } else { bare(after) })
}

/// What follows `${`: a name, known or not; text where no letter follows.
fn in_braces<'a>(after: &'a str, inside: &'a str) -> (Bit<'a>, &'a str) {
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if !name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_') {
        return (Bit::Text, after);
    }
    match (known_name(name), rest.strip_prefix('}')) {
        (Some(known), Some(rest)) => (Bit::Variable(known), rest),
        (_, closed) => {
            let rest = closed.unwrap_or(rest);
            (Bit::Unknown(&after[..after.len() - rest.len()]), rest)
        }
    }
}

/// What follows a dollar without braces: capitals and lines under them are a name; other letters only where they look like one.
fn bare(after: &str) -> (Bit<'_>, &str) {
    let until = |is_part: fn(char) -> bool| after.split_at(after.find(|letter: char| !is_part(letter)).unwrap_or(after.len()));
    let (capitals, rest) = until(|letter| letter.is_ascii_uppercase() || letter == '_');
    if let Some(known) = known_name(capitals) {
        return (Bit::Variable(known), rest);
    }
    let (word, rest) = until(|letter| letter.is_ascii_alphabetic() || letter == '_');
    let is_capital = word.starts_with(|letter: char| letter.is_ascii_uppercase());
    let is_misspelt = known_name(&word.to_ascii_uppercase()).is_some();
    if word.len() >= MIN_LETTERS && (is_capital || is_misspelt) { (Bit::Unknown(word), rest) } else { (Bit::Text, after) }
}

fn known_name(name: &str) -> Option<&'static str> {
    VARIABLES.iter().map(|(known, _)| *known).chain([DOLLAR]).find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Dictionary {
        let mut inner = Dictionary::new();
        inner.insert("Name".into(), Value::String(text.into()));
        let mut keys = Dictionary::new();
        keys.insert("PayloadContent".into(), Value::Array(vec![Value::Dictionary(inner)]));
        keys
    }

    fn names(text: &str) -> Vec<&'static str> {
        find(&keys(text)).unwrap().into_iter().collect()
    }

    fn filled(text: &str) -> String {
        let values =
            Values::from([("SERIAL", "TESTSN0001".into()), ("PERSON_NAME", "Kim <O'Hara> & $SERIAL".into()), (DOLLAR, "$".into())]);
        fill_text(text, &values).into_owned()
    }

    #[test]
    fn text_that_only_has_dollars_survives() {
        for text in [
            "$5",
            "pa$$word",
            "$",
            "$$",
            "US$",
            "$a",
            "$A",
            "$word",
            "${",
            "${}",
            "${1}",
            "$(date)",
            "100 $ each",
            "$_",
            "$1A",
            "é$é",
            "^a+$",
        ] {
            assert_eq!(names(text), Vec::<&str>::new(), "{text}");
            assert_eq!(filled(text), text);
        }
    }

    #[test]
    fn variables_are_found_and_filled_once() {
        assert_eq!(names("$SERIAL-$PERSON_NAME-${SERIAL}x"), ["PERSON_NAME", "SERIAL"]);
        assert_eq!(filled("ipad-$SERIAL"), "ipad-TESTSN0001");
        assert_eq!(filled("${SERIAL}_A1"), "TESTSN0001_A1");
        assert_eq!(filled("$$SERIAL"), "$TESTSN0001");
        assert_eq!(filled("$SERIAL1"), "TESTSN00011");
        assert_eq!(filled("$PERSON_NAME"), "Kim <O'Hara> & $SERIAL", "what a value says is not looked through again");
        assert_eq!(filled("${DOLLAR}SERIAL and ${DOLLAR}USD"), "$SERIAL and $USD");
        assert_eq!(filled("$CLASS"), "$CLASS", "without a value nothing is changed");
    }

    #[test]
    fn what_only_looks_like_a_variable_is_named_with_those_there_are() {
        for (text, written) in [
            ("$SERIALS", "SERIALS"),
            ("$SERIAL_", "SERIAL_"),
            ("${USERNAME}", "{USERNAME}"),
            ("x$USD", "USD"),
            ("PA$$WORD", "WORD"),
            ("$Foo", "Foo"),
            ("a $serial b", "serial"),
            ("$Serial1", "Serial"),
            ("${serial}", "{serial}"),
            ("${SERIAL", "{SERIAL"),
            ("${SERIAL-x}", "{SERIAL"),
            ("${a}", "{a}"),
            ("#!/bin/zsh\ncd $HOME", "HOME"),
            ("${HOME:-/tmp}", "{HOME"),
        ] {
            let error = find(&keys(text)).unwrap_err();
            assert_eq!(error, VariableError::Unknown { at: "PayloadContent[0].Name".into(), written: written.into() }, "{text}");
            for part in ["PayloadContent[0].Name", &format!("${written},"), "$PERSON_EMAIL", &format!("${{DOLLAR}}{written}")] {
                assert!(error.to_string().contains(part), "{part} in {error}");
            }
            // What the message advises is taken, and gives the text that was meant.
            let meant = text.replace(&format!("${written}"), &format!("${{DOLLAR}}{written}"));
            assert_eq!(names(&meant), [DOLLAR], "{meant}");
            assert_eq!(filled(&meant), text);
        }
    }

    #[test]
    fn a_script_is_sent_as_it_was_written_once_its_dollars_are_named() {
        let script = "#!/bin/zsh\nfor f in ${DOLLAR}HOME/*.log; do mv \"$f\" \"${DOLLAR}{f%.log}-$SERIAL\"; done; echo $1 $? $$";
        assert_eq!(names(script), [DOLLAR, "SERIAL"]);
        assert_eq!(filled(script), "#!/bin/zsh\nfor f in $HOME/*.log; do mv \"$f\" \"${f%.log}-TESTSN0001\"; done; echo $1 $? $$");
    }

    #[test]
    fn names_that_devices_know_a_profile_by_hold_none() {
        for key in STRUCTURAL {
            let mut outer = keys("$SERIAL");
            outer.insert(key.into(), Value::String("x.$SERIAL".into()));
            assert_eq!(find(&outer).unwrap_err(), VariableError::Structural(key.into()));
        }
    }

    #[test]
    fn keys_are_filled_too_and_the_first_of_two_that_become_the_same_stays() {
        let mut inner = Dictionary::new();
        inner.insert("$SERIAL".into(), Value::Boolean(true));
        inner.insert("TESTSN0001".into(), Value::Boolean(false));
        assert_eq!(find(&inner).unwrap().into_iter().collect::<Vec<_>>(), ["SERIAL"]);
        let filled = fill(&inner, &Values::from([("SERIAL", "TESTSN0001".into())]));
        assert_eq!((filled.len(), filled.get("TESTSN0001")), (1, Some(&Value::Boolean(true))));
    }

    #[test]
    fn a_text_is_written_so_that_every_device_gets_it_as_it_is() {
        for text in ["plain", "$5", "$SERIAL", "a $HOME/${x:-1} b", "${SERIAL}_A", "${DOLLAR}", "pa$$WORD", "$", "é$Foo"] {
            let written = literally(text);
            assert_eq!(constant(&written).as_deref(), Some(text), "{text} is written {written}");
            assert!(find(&keys(&written)).is_ok(), "{written}");
        }
        assert_eq!((constant("a-$SERIAL"), constant("${DOLLAR}5").as_deref()), (None, Some("$5")));
    }

    #[test]
    fn a_value_loses_what_no_profile_can_carry() {
        assert_eq!(clean("  iPad\u{0} \u{1b}[1m\u{ffff}7\n"), "iPad [1m7");
    }
}
