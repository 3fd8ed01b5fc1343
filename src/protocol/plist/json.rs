//! Property lists written as JSON by people and scripts: bytes as `{"$data": "base64"}`, moments as `{"$date": "RFC 3339"}`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::{Dictionary, Value};

/// Why a JSON value cannot stand in a property list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FromJsonError {
    /// A property list has no null.
    #[error("null cannot stand in a property list; leave the key out")]
    Null,
    /// The text after `$data` is not base64.
    #[error("$data takes base64")]
    Data,
    /// The text after `$date` is not a moment.
    #[error("$date takes a moment such as 2026-11-25T08:00:00Z")]
    Date,
}

/// JSON as it was written: where a key comes twice in one object, or a number would be rounded, it is not read.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact(pub Json);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

/// From here on a number that is read as a real may have been a whole one of more than 64 bits.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(t!("a JSON value"))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Json, E> {
        if number.abs() >= TOO_LARGE {
            return Err(E::custom(t!("a number of more than 64 bits would be rounded; write it as a text, in quotation marks")));
        }
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut read = Vec::new();
        while let Some(Exact(item)) = items.next_element()? {
            read.push(item);
        }
        Ok(Json::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut read = serde_json::Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if read.contains_key(&key) {
                return Err(de::Error::custom(t!("the key {key} comes twice in one object; keep one of the two", key)));
            }
            let Exact(value) = entries.next_value()?;
            read.insert(key, value);
        }
        Ok(Json::Object(read))
    }
}

/// Reads a value that was written as JSON.
pub fn from_json(json: &Json) -> Result<Value, FromJsonError> {
    Ok(match json {
        Json::Null => return Err(FromJsonError::Null),
        Json::Bool(flag) => Value::Boolean(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => Value::Integer(signed.into()),
            (None, Some(unsigned)) => Value::Integer(unsigned.into()),
            (None, None) => Value::Real(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect::<Result<_, _>>()?),
        Json::Object(entries) => match (entries.len(), entries.get("$data"), entries.get("$date")) {
            (1, Some(Json::String(text)), _) => Value::Data(STANDARD.decode(text).map_err(|_| FromJsonError::Data)?),
            (1, _, Some(Json::String(text))) => Value::Date(::plist::Date::from_xml_format(text).map_err(|_| FromJsonError::Date)?),
            _ => Value::Dictionary(
                entries.iter().map(|(key, value)| Ok((key.clone(), from_json(value)?))).collect::<Result<Dictionary, FromJsonError>>()?,
            ),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_value_can_be_written() {
        let written = from_json(
            &json!({ "Payload": { "$data": "AQID" }, "At": { "$date": "2026-11-25T08:00:00Z" }, "N": 7, "R": 0.5, "L": [true, "x"] }),
        );
        let written = written.unwrap();
        let entries = written.as_dictionary().unwrap();
        assert_eq!(entries.get("Payload").unwrap().as_data(), Some(&[1, 2, 3][..]));
        assert_eq!(entries.get("N").unwrap().as_signed_integer(), Some(7));
        assert!(entries.get("At").unwrap().as_date().is_some());
        assert_eq!(from_json(&json!(null)), Err(FromJsonError::Null));
        assert_eq!(from_json(&json!({ "$data": "no base64!" })), Err(FromJsonError::Data));
        assert_eq!(from_json(&json!({ "$date": "tomorrow" })), Err(FromJsonError::Date));
    }
}
