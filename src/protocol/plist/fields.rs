//! Keys of a dictionary as devices fill them: a number may come as integer, real or text, and a key of another type counts as absent.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Dictionary, Value};
use crate::clock::Timestamp;

/// The text at `key`.
pub fn text<'a>(fields: &'a Dictionary, key: &str) -> Option<&'a str> {
    fields.get(key).and_then(Value::as_string)
}

/// The text at `key` as the caller's own; an empty one counts as absent.
pub fn filled(fields: &Dictionary, key: &str) -> Option<String> {
    text(fields, key).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The bytes at `key`.
pub fn data<'a>(fields: &'a Dictionary, key: &str) -> Option<&'a [u8]> {
    fields.get(key).and_then(Value::as_data)
}

/// The yes or no at `key`, also where it comes as a number or as text.
pub fn flag(fields: &Dictionary, key: &str) -> Option<bool> {
    match fields.get(key)? {
        Value::Boolean(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text.eq_ignore_ascii_case("no") => Some(false),
        other => whole_of(other).map(|number| number != 0),
    }
}

/// The whole number at `key`; a real is rounded, a number beyond 64 bits is the nearest that fits.
pub fn whole(fields: &Dictionary, key: &str) -> Option<i64> {
    whole_of(fields.get(key)?)
}

/// The number at `key`.
pub fn real(fields: &Dictionary, key: &str) -> Option<f64> {
    match fields.get(key)? {
        Value::Real(number) => Some(*number).filter(|number| number.is_finite()),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Integer(number) => {
            number.as_signed().map(|number| number as f64).or_else(|| number.as_unsigned().map(|number| number as f64))
        }
        _ => None,
    }
}

/// The moment at `key`.
pub fn moment(fields: &Dictionary, key: &str) -> Option<Timestamp> {
    let moment = SystemTime::from(fields.get(key)?.as_date()?);
    Some(match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp::from_millis(i64::try_from(after.as_millis()).ok()?),
        Err(before) => Timestamp::from_millis(-i64::try_from(before.duration().as_millis()).ok()?),
    })
}

/// The dictionary at `key`.
pub fn dictionary<'a>(fields: &'a Dictionary, key: &str) -> Option<&'a Dictionary> {
    fields.get(key).and_then(Value::as_dictionary)
}

/// The items of the array at `key`; none where it is absent.
pub fn items<'a>(fields: &'a Dictionary, key: &str) -> &'a [Value] {
    fields.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The dictionaries in the array at `key`; other items are passed over.
pub fn dictionaries<'a>(fields: &'a Dictionary, key: &str) -> impl Iterator<Item = &'a Dictionary> {
    items(fields, key).iter().filter_map(Value::as_dictionary)
}

/// The texts in the array at `key`; other items are passed over.
pub fn texts(fields: &Dictionary, key: &str) -> Vec<String> {
    items(fields, key).iter().filter_map(Value::as_string).map(str::to_owned).collect()
}

fn whole_of(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => number.as_signed().or_else(|| number.as_unsigned().map(|_| i64::MAX)),
        Value::Real(number) => number.is_finite().then(|| number.round() as i64),
        Value::String(text) => text.trim().parse().ok(),
        Value::Boolean(flag) => Some(i64::from(*flag)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Dictionary {
        let mut fields = Dictionary::new();
        fields.insert("Integer".into(), Value::Integer(13_654_310_518_i64.into()));
        fields.insert("Huge".into(), Value::Integer(u64::MAX.into()));
        fields.insert("Real".into(), Value::Real(1.5e9));
        fields.insert("NotANumber".into(), Value::Real(f64::NAN));
        fields.insert("Text".into(), Value::String(" 42 ".into()));
        fields.insert("Empty".into(), Value::String(String::new()));
        fields.insert("Yes".into(), Value::Boolean(true));
        fields
    }

    #[test]
    fn a_number_is_read_from_whatever_type_it_comes_in() {
        let fields = fields();
        assert_eq!(whole(&fields, "Integer"), Some(13_654_310_518));
        assert_eq!(whole(&fields, "Huge"), Some(i64::MAX));
        assert_eq!(whole(&fields, "Real"), Some(1_500_000_000));
        assert_eq!(whole(&fields, "Text"), Some(42));
        assert_eq!(whole(&fields, "NotANumber"), None);
        assert_eq!(real(&fields, "NotANumber"), None);
        assert_eq!(real(&fields, "Integer"), Some(13_654_310_518.0));
        assert_eq!(flag(&fields, "Integer"), Some(true));
    }

    #[test]
    fn a_key_of_another_type_counts_as_absent() {
        let fields = fields();
        assert_eq!(text(&fields, "Yes"), None);
        assert_eq!(data(&fields, "Text"), None);
        assert_eq!(flag(&fields, "Text"), Some(true), "42 is not zero");
        assert_eq!(filled(&fields, "Empty"), None);
        assert_eq!(dictionary(&fields, "Absent"), None);
        assert!(items(&fields, "Yes").is_empty());
    }
}
