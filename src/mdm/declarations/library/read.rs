//! Reads declarations as admins write them: JSON of one or of several, judged before anything is stored.

use serde_json::{Map, Value};

use super::judge::{payload_faults, references};
use crate::error::{Error, FieldError, Kind, Result};
use crate::protocol::declaration::{DeclarationKind, MAX_IDENTIFIER_BYTES, PREFIX};

/// What the identifiers of this server's own declarations begin with.
pub const RESERVED: &str = "org.rollcall.";

/// Bytes of what is uploaded at once.
pub const UPLOAD_MAX_BYTES: usize = 1 << 20;

/// Declarations in one upload.
pub const UPLOAD_MAX: usize = 100;

/// Bytes of a type; Apple's longest has 60.
const TYPE_MAX_BYTES: usize = 128;

/// A declaration that was read and found good.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Identifier.
    pub identifier: String,
    /// Its kind.
    pub kind: DeclarationKind,
    /// Type.
    pub declaration_type: String,
    /// Payload.
    pub payload: Map<String, Value>,
    /// Identifiers that the payload names.
    pub refers_to: Vec<String>,
}

/// Reads one declaration or a list of them. `ServerToken` is passed over: this server makes its own.
///
/// # Errors
/// Names every field at fault, of all declarations at once, for example `[1].Payload.Echo`.
pub fn read(text: &[u8]) -> Result<Vec<Draft>> {
    if text.len() > UPLOAD_MAX_BYTES {
        return Err(Error::new(
            Kind::TooLarge,
            t!("Declarations are larger than {UPLOAD_MAX_BYTES} bytes; upload fewer at once.", UPLOAD_MAX_BYTES),
        ));
    }
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        Error::bad_input(t!(
            "This is not JSON: line {line}, column {column}. Check commas, quotes and braces there.",
            line = error.line(),
            column = error.column()
        ))
    })?;
    let (items, is_list) = match value {
        Value::Array(items) => (items, true),
        one => (vec![one], false),
    };
    if items.is_empty() || items.len() > UPLOAD_MAX {
        return Err(Error::bad_input(t!("Upload from 1 to {UPLOAD_MAX} declarations at once.", UPLOAD_MAX)));
    }
    let (mut drafts, mut faults): (Vec<Draft>, Vec<FieldError>) = (Vec::new(), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        let at = if is_list { format!("[{index}].") } else { String::new() };
        match read_one(item, &at) {
            Ok(draft) if drafts.iter().any(|other| other.identifier.eq_ignore_ascii_case(&draft.identifier)) => {
                faults.push(fault(
                    &at,
                    "Identifier",
                    t!("“{identifier}” is here twice; capital and small letters count as the same", identifier = draft.identifier),
                ));
            }
            Ok(draft) => drafts.push(draft),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(drafts) } else { Err(refusal(faults)) }
}

/// A refusal that names every field at fault.
pub(super) fn refusal(fields: Vec<FieldError>) -> Error {
    let message = fields.first().map(|first| format!("{}: {}", first.field, first.message)).unwrap_or_default();
    let more = fields.len().saturating_sub(1);
    let message = if more == 0 { message } else { t!("{message} (and {more} more)", message, more) };
    let mut error = Error::bad_input(message);
    error.fields = fields;
    error
}

pub(super) fn fault(at: &str, key: &str, message: impl Into<String>) -> FieldError {
    FieldError { field: format!("{at}{key}"), message: message.into() }
}

fn read_one(item: Value, at: &str) -> Result<Draft, Vec<FieldError>> {
    let Value::Object(mut item) = item else {
        let at = at.trim_end_matches('.');
        return Err(vec![fault(at, "", t!("must be an object with Type, Identifier and Payload"))]);
    };
    let mut faults = Vec::new();
    let mut text = |key: &str| match item.remove(key) {
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            faults.push(fault(at, key, t!("must be a text")));
            None
        }
        None => {
            faults.push(fault(at, key, t!("is missing")));
            None
        }
    };
    let (declaration_type, identifier) = (text("Type"), text("Identifier"));
    item.remove("ServerToken");
    let payload = match item.remove("Payload") {
        Some(Value::Object(payload)) => Some(payload),
        Some(_) => {
            faults.push(fault(at, "Payload", t!("must be an object")));
            None
        }
        None => {
            faults.push(fault(at, "Payload", t!("is missing; an empty one is {}")));
            None
        }
    };
    faults.extend(item.keys().map(|key| fault(at, key, t!("is no key of a declaration; there are Type, Identifier and Payload"))));
    faults.extend(identifier.as_deref().and_then(identifier_fault).map(|words| fault(at, "Identifier", words)));
    let kind = declaration_type.as_deref().map(kind_of);
    if let Some(Err(words)) = &kind {
        faults.push(fault(at, "Type", words));
    }
    if let (Some(declaration_type), Some(payload)) = (&declaration_type, &payload) {
        faults.extend(payload_faults(declaration_type, payload).into_iter().map(|(path, words)| fault(at, &path, words)));
    }
    match (declaration_type, identifier, payload, kind) {
        (Some(declaration_type), Some(identifier), Some(payload), Some(Ok(kind))) if faults.is_empty() => {
            let refers_to = references(kind, &payload);
            Ok(Draft { identifier, kind, declaration_type, payload, refers_to })
        }
        _ => Err(faults),
    }
}

fn identifier_fault(identifier: &str) -> Option<String> {
    if identifier.is_empty() || identifier.len() > MAX_IDENTIFIER_BYTES {
        return Some(t!("from 1 to {MAX_IDENTIFIER_BYTES} characters", MAX_IDENTIFIER_BYTES));
    }
    if !identifier.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(String::from(t!("plain letters, digits and signs only, without spaces: school.example.passcode")));
    }
    identifier
        .to_ascii_lowercase()
        .starts_with(RESERVED)
        .then(|| t!("what begins with {RESERVED} belongs to this server; begin with the name of your own domain", RESERVED))
}

fn kind_of(declaration_type: &str) -> Result<DeclarationKind, String> {
    let rest = declaration_type.strip_prefix(PREFIX).unwrap_or_default();
    let kind = DeclarationKind::ALL
        .into_iter()
        .find(|kind| rest.strip_prefix(kind.as_str()).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| !rest.is_empty()));
    let is_plain = declaration_type.len() <= TYPE_MAX_BYTES && declaration_type.bytes().all(|byte| byte.is_ascii_graphic());
    kind.filter(|_| is_plain).ok_or_else(|| {
        String::from(t!("begins with com.apple.activation., com.apple.asset., com.apple.configuration. or com.apple.management."))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::judge::{DEPTH_MAX, PAYLOAD_MAX_BYTES, REFERENCES_MAX};
    use super::*;
    use crate::testing::mutations;

    fn declaration(payload: &Value) -> Value {
        json!({ "Type": "com.apple.configuration.management.test", "Identifier": "school.example.test", "Payload": payload })
    }

    fn fields(value: &Value) -> Vec<String> {
        read(value.to_string().as_bytes()).unwrap_err().fields.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn one_declaration_or_several_are_read_and_their_tokens_passed_over() {
        let mut one = declaration(&json!({ "Echo": "x" }));
        one["ServerToken"] = json!("17");
        let drafts = read(one.to_string().as_bytes()).unwrap();
        assert_eq!((drafts.len(), drafts[0].kind), (1, DeclarationKind::Configuration));
        let activation = json!({ "Type": "com.apple.activation.simple", "Identifier": "school.example.act",
            "Payload": { "StandardConfigurations": ["b", "a", "b"] } });
        let drafts = read(json!([one, activation]).to_string().as_bytes()).unwrap();
        assert_eq!(drafts[1].refers_to, ["a", "b"]);
    }

    #[test]
    fn every_mistake_is_named_at_its_place() {
        let wrong = json!([
            { "Type": "com.apple.configuration.management.test", "Identifier": "org.rollcall.mine", "Payload": {} },
            { "Type": "com.example.thing", "Identifier": "a b", "Payload": [], "Name": "x" },
            { "Identifier": 3 },
            "text",
        ]);
        let wanted = [
            "[0].Identifier",
            "[0].Payload.Echo",
            "[1].Payload",
            "[1].Name",
            "[1].Identifier",
            "[1].Type",
            "[2].Type",
            "[2].Identifier",
            "[2].Payload",
            "[3]",
        ];
        assert_eq!(fields(&wrong), wanted);
        assert_eq!(fields(&declaration(&json!({ "Echo": 3 }))), ["Payload.Echo"]);
        let twice = json!([declaration(&json!({ "Echo": "x" })), declaration(&json!({ "Echo": "y" }))]);
        assert_eq!(fields(&twice), ["[1].Identifier"]);
        let mut loud = declaration(&json!({ "Echo": "y" }));
        loud["Identifier"] = json!("SCHOOL.example.test");
        assert_eq!(fields(&json!([declaration(&json!({ "Echo": "x" })), loud])), ["[1].Identifier"]);
    }

    #[test]
    fn what_is_no_json_is_told_where() {
        let refusal = read(b"{\n  \"Type\": \n}").unwrap_err();
        assert!(refusal.message.contains("line 3"), "{refusal}");
        mutations(declaration(&json!({ "Echo": "x" })).to_string().as_bytes()).for_each(|damaged| drop(read(&damaged)));
    }

    #[test]
    fn every_limit_is_held() {
        let identifier = |identifier: &str| {
            let mut one = declaration(&json!({ "Echo": "x" }));
            one["Identifier"] = json!(identifier);
            read(one.to_string().as_bytes())
        };
        assert!(identifier(&"x".repeat(MAX_IDENTIFIER_BYTES)).is_ok());
        for wrong in [String::new(), "x".repeat(MAX_IDENTIFIER_BYTES + 1), String::from("schöner"), String::from("ORG.rollcall.x")] {
            assert_eq!(identifier(&wrong).unwrap_err().fields[0].field, "Identifier", "{wrong}");
        }
        let properties = |payload: Value| {
            let one = json!({ "Type": "com.apple.management.properties", "Identifier": "p", "Payload": payload });
            read(one.to_string().as_bytes())
        };
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "x": inner }));
        assert!(properties(nested(DEPTH_MAX)).is_ok());
        assert!(properties(nested(DEPTH_MAX + 1)).unwrap_err().message.contains("deeper"));
        assert!(properties(json!({ "x": "y".repeat(PAYLOAD_MAX_BYTES) })).unwrap_err().message.contains("larger"));
        let names: Vec<_> = (0..=REFERENCES_MAX).map(|number| format!("c{number}")).collect();
        assert!(properties(json!({ "StandardConfigurations": names })).unwrap_err().message.contains("names more than"));
        let many: Vec<_> = (0..=UPLOAD_MAX).map(|_| declaration(&json!({}))).collect();
        assert!(read(json!(many).to_string().as_bytes()).unwrap_err().message.contains("from 1 to"));
        assert!(read(b"[]").is_err());
        assert_eq!(read(&vec![b' '; UPLOAD_MAX_BYTES + 1]).unwrap_err().kind, Kind::TooLarge);
        let mut long = declaration(&json!({ "Echo": "x" }));
        long["Type"] = json!(format!("com.apple.configuration.{}", "x".repeat(TYPE_MAX_BYTES)));
        assert_eq!(fields(&long), ["Type"]);
    }
}
