//! Property lists written as JSON by people and scripts: bytes as `{"$data": "base64"}`, moments as `{"$date": "RFC 3339"}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
