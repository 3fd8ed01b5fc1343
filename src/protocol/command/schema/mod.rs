//! Finds what is wrong with a command by the table of the keys that commands have.

mod table;

use crate::error::FieldError;
use crate::protocol::availability::{self, Request};
use crate::protocol::plist::{Dictionary, Value};
use table::{Allowed, COMMANDS, Node};

/// How many faults of one command are told.
pub const MAX_FAULTS: usize = 50;

/// A key that any command may have: wait for a wired network.
const TETHER: &str = "RequestRequiresNetworkTether";

/// Keys of commands that the server fills in, because nobody else has what belongs there.
const FILLED_IN: [(&str, &str); 1] = [("ClearPasscode", "UnlockToken")];

/// Whether the table knows the command.
pub fn knows(request_type: &str) -> bool {
    find(request_type).is_some()
}

/// The names of all commands that the table knows, in its order.
pub fn request_types() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}

fn find(request_type: &str) -> Option<&'static Node> {
    COMMANDS.iter().find(|command| command.name == request_type)
}

/// Finds what is wrong with a command's keys; nothing is wrong with a command that the table does not know.
///
/// `lenient` lets pass keys and values that the table does not know, for systems newer than it; types are insisted upon.
pub fn check(request_type: &str, keys: &Dictionary, lenient: bool) -> Vec<FieldError> {
    faults(request_type, keys, Checker { newer_keys: lenient, newer_values: lenient, incomplete: false, faults: Vec::new() })
}

/// Finds what is wrong with the keys that a command does have: types and values. Keys that are missing or not known are the device's to judge.
pub fn check_said(request_type: &str, keys: &Dictionary) -> Vec<FieldError> {
    faults(request_type, keys, Checker { newer_keys: true, newer_values: false, incomplete: true, faults: Vec::new() })
}

fn faults(request_type: &str, keys: &Dictionary, mut checker: Checker) -> Vec<FieldError> {
    if let Some(command) = find(request_type) {
        checker.dictionary(command, keys, "Command");
    }
    checker.faults.truncate(MAX_FAULTS);
    checker.faults
}

struct Checker {
    /// Lets pass keys that the table does not know.
    newer_keys: bool,
    /// Lets pass values that the table does not know.
    newer_values: bool,
    /// Lets pass that keys are missing.
    incomplete: bool,
    faults: Vec<FieldError>,
}

impl Checker {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(FieldError { field: path.to_owned(), message: message.into() });
        }
    }

    fn dictionary(&mut self, node: &Node, keys: &Dictionary, path: &str) {
        let is_command = path == "Command";
        for (key, value) in keys {
            let inner = format!("{path}.{key}");
            match node.children.iter().find(|child| child.name == key) {
                Some(child) => self.value(child, value, &inner),
                None if is_command && key == "RequestType" => {}
                None if is_command && key == TETHER => self.type_of("boolean", value, &inner),
                None if self.newer_keys || node.children.iter().any(|child| child.name == "ANY") => {}
                None => self.fault(&inner, unknown_key(node, key, is_command)),
            }
        }
        if self.incomplete {
            return;
        }
        let is_missing = |child: &&Node| child.required && !keys.contains_key(child.name) && !FILLED_IN.contains(&(node.name, child.name));
        for child in node.children.iter().filter(is_missing) {
            self.fault(&format!("{path}.{}", child.name), t!("this key is required; its type is {kind}", kind = child.kind));
        }
        for rule in &node.rules {
            let given = rule.keys.iter().filter(|key| keys.contains_key(key)).count();
            if given == 0 || rule.exactly && given > 1 {
                let how_many = if rule.exactly { t!("exactly one") } else { t!("at least one") };
                self.fault(path, t!("give {how_many} of {list}", how_many, list = rule.keys.join(", ")));
            }
        }
    }

    fn value(&mut self, node: &Node, value: &Value, path: &str) {
        self.type_of(node.kind, value, path);
        match value {
            Value::Dictionary(keys) if node.kind == "dictionary" => self.dictionary(node, keys, path),
            Value::Array(items) if node.kind == "array" => {
                for (index, item) in items.iter().enumerate() {
                    self.item(node, item, &format!("{path}[{index}]"));
                }
            }
            _ => self.allowed(&node.allowed, value, path),
        }
    }

    /// Checks an item of an array; where several kinds are possible its `Item` tells which one it is.
    fn item(&mut self, array: &Node, value: &Value, path: &str) {
        match array.children.as_slice() {
            [] => {}
            [only] => self.value(only, value, path),
            several => {
                let Some(keys) = value.as_dictionary() else { return self.fault(path, t!("this must be a dictionary with an Item")) };
                let Some(item) = keys.get("Item").and_then(Value::as_string) else {
                    return self.fault(&format!("{path}.Item"), t!("this key is required; its type is string"));
                };
                let fits = |kind: &&Node| kind.children.iter().any(|child| child.name == "Item" && child.allows_only(item));
                match several.iter().find(fits) {
                    Some(kind) => self.dictionary(kind, keys, path),
                    None if self.newer_values => {}
                    None => self.fault(&format!("{path}.Item"), t!("{item} is no setting that is known here", item = format!("{item:?}"))),
                }
            }
        }
    }

    fn type_of(&mut self, kind: &str, value: &Value, path: &str) {
        let fits = match kind {
            "string" | "https" => value.as_string().is_some(),
            "integer" => value.as_signed_integer().or_else(|| value.as_unsigned_integer().map(|_| 0)).is_some(),
            "boolean" => value.as_boolean().is_some(),
            "data" => value.as_data().is_some(),
            "real" => value.as_real().is_some(),
            "date" => value.as_date().is_some(),
            "array" => value.as_array().is_some(),
            "dictionary" => value.as_dictionary().is_some(),
            _ => true,
        };
        if !fits {
            return self.fault(path, t!("this must be {kind}, not {kind_of}", kind = type_name(kind), kind_of = type_name(kind_of(value))));
        }
        if kind == "https" && !value.as_string().is_some_and(|text| text.starts_with("https://")) {
            self.fault(path, t!("this address must begin with https://"));
        }
    }

    fn allowed(&mut self, allowed: &Allowed, value: &Value, path: &str) {
        let number = value.as_signed_integer();
        let size = value.as_string().map(|text| text.chars().count()).or_else(|| value.as_data().map(<[u8]>::len)).map(|size| size as i64);
        match allowed {
            Allowed::Any => {}
            Allowed::Query => {
                let name = value.as_string().unwrap_or_default();
                if !self.newer_values && availability::find(Request::Query(name)).is_none() {
                    self.fault(path, t!("{name} is no query of DeviceInformation that is known here", name = format!("{name:?}")));
                }
            }
            Allowed::OneOf(values) => {
                let given = value.as_string().map(str::to_owned).or_else(|| number.map(|number| number.to_string())).unwrap_or_default();
                if !self.newer_values && !values.contains(&given.as_str()) {
                    self.fault(
                        path,
                        t!("{given} is not allowed here; take {list}", given = format!("{given:?}"), list = values.join(", ")),
                    );
                }
            }
            Allowed::Within(least, most) => {
                if number.is_some_and(|number| !(*least..=*most).contains(&number)) {
                    self.fault(path, within(t!("this number must be"), *least, *most, ""));
                }
            }
            Allowed::Size(least, most) => {
                if size.is_some_and(|size| !(*least..=*most).contains(&size)) {
                    let unit = if value.as_data().is_some() { " bytes" } else { " characters" };
                    self.fault(path, within(t!("this must have"), *least, *most, unit));
                }
            }
        }
    }
}

fn within(begin: &str, least: i64, most: i64, unit: &str) -> String {
    match (least, most) {
        _ if least == most => t!("{begin} exactly {least}{unit}", begin, least, unit),
        (i64::MIN, _) => t!("{begin} at most {most}{unit}", begin, most, unit),
        (_, i64::MAX) => t!("{begin} at least {least}{unit}", begin, least, unit),
        _ => t!("{begin} {least} to {most}{unit}", begin, least, most, unit),
    }
}

/// Names the key that was probably meant, since a wrong case is the usual slip.
fn unknown_key(node: &Node, key: &str, is_command: bool) -> String {
    let near = node.children.iter().find(|child| child.name.eq_ignore_ascii_case(key));
    match near {
        Some(near) => t!("there is no such key; {name} is meant, perhaps", name = near.name),
        None if is_command => t!("{name} has no such key", name = node.name),
        None => t!("there is no such key here").to_owned(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => t!("string"),
        Value::Integer(_) => t!("integer"),
        Value::Boolean(_) => t!("boolean"),
        Value::Data(_) => t!("data"),
        Value::Real(_) => t!("real"),
        Value::Date(_) => t!("date"),
        Value::Array(_) => t!("array"),
        Value::Dictionary(_) => t!("dictionary"),
        _ => t!("something else"),
    }
}

fn type_name(kind: &str) -> String {
    match kind {
        "data" => "data (<data>, base64)".to_owned(),
        "boolean" => "a boolean (<true/> or <false/>)".to_owned(),
        "integer" | "array" => t!("an {kind} (<{kind}>)", kind),
        "dictionary" => "a dictionary (<dict>)".to_owned(),
        "https" | "string" => "a string (<string>)".to_owned(),
        "real" | "date" => format!("a {kind} (<{kind}>)"),
        other => other.to_owned(),
    }
}
