//! The predicates of activations: the part of Apple's predicate language that servers use, read and decided on the device.

use serde_json::Value as Json;

use crate::sim::model::Version;

/// How deep parentheses may lie within one another.
const MAX_DEPTH: usize = 32;

/// Why a predicate says neither yes nor no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Undecided {
    /// It cannot be read: where it goes wrong.
    Unreadable(String),
    /// It asks for a status item that the device does not have.
    Missing(String),
}

/// Decides a predicate; `status` and `property` look values up.
pub(super) fn decide(
    text: &str,
    status: &dyn Fn(&str) -> Option<Json>,
    property: &dyn Fn(&str) -> Option<Json>,
) -> Result<bool, Undecided> {
    let mut reader = Reader { rest: text, status, property, depth: 0 };
    let decision = reader.any_of()?;
    if reader.rest.trim_start().is_empty() { Ok(decision) } else { Err(reader.unreadable()) }
}

/// Reads a predicate from left to right and decides it on the way.
struct Reader<'a> {
    rest: &'a str,
    status: &'a dyn Fn(&str) -> Option<Json>,
    property: &'a dyn Fn(&str) -> Option<Json>,
    depth: usize,
}

impl Reader<'_> {
    fn unreadable(&self) -> Undecided {
        Undecided::Unreadable(self.rest.chars().take(40).collect())
    }

    /// Takes `word` if it comes next; words of letters must end there.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(head) = rest.get(..word.len()) else { return false };
        let ends = !word.ends_with(|last: char| last.is_ascii_alphabetic())
            || !rest[word.len()..].starts_with(|next: char| next.is_ascii_alphanumeric());
        let taken = head.eq_ignore_ascii_case(word) && ends;
        if taken {
            self.rest = &rest[word.len()..];
        }
        taken
    }

    fn any_of(&mut self) -> Result<bool, Undecided> {
        let mut decision = self.all_of()?;
        while self.takes("OR") || self.takes("||") {
            decision |= self.all_of()?;
        }
        Ok(decision)
    }

    fn all_of(&mut self) -> Result<bool, Undecided> {
        let mut decision = self.one()?;
        while self.takes("AND") || self.takes("&&") {
            decision &= self.one()?;
        }
        Ok(decision)
    }

    fn one(&mut self) -> Result<bool, Undecided> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unreadable());
        }
        let decision = if self.takes("NOT") || (!self.rest.trim_start().starts_with("!=") && self.takes("!")) {
            self.one().map(|decision| !decision)
        } else if self.takes("TRUEPREDICATE") {
            Ok(true)
        } else if self.takes("FALSEPREDICATE") {
            Ok(false)
        } else if self.takes("(") {
            let inner = self.any_of()?;
            if self.takes(")") { Ok(inner) } else { Err(self.unreadable()) }
        } else {
            self.comparison()
        };
        self.depth -= 1;
        decision
    }

    fn comparison(&mut self) -> Result<bool, Undecided> {
        const OPERATORS: [&str; 12] = ["==", "!=", "<>", "<=", ">=", "=<", "=>", "<", ">", "=", "BEGINSWITH", "ENDSWITH"];
        let left = self.value()?;
        if let Some(operator) = OPERATORS.into_iter().find(|operator| self.takes(operator)) {
            let right = self.value()?;
            return Ok(compare(operator, &left, &right));
        }
        if self.takes("CONTAINS") {
            let right = self.value()?;
            return Ok(contains(&left, &right));
        }
        if self.takes("IN") {
            let right = self.value()?;
            return Ok(contains(&right, &left));
        }
        Err(self.unreadable())
    }

    fn value(&mut self) -> Result<Json, Undecided> {
        for (word, status) in [("@status", true), ("@property", false)] {
            if self.takes(word) {
                return self.looked_up(status);
            }
        }
        for (word, value) in [("TRUE", true), ("YES", true), ("FALSE", false), ("NO", false)] {
            if self.takes(word) {
                return Ok(Json::Bool(value));
            }
        }
        if self.takes("{") {
            return self.list();
        }
        let rest = self.rest.trim_start();
        if let Some(quote) = rest.chars().next().filter(|first| matches!(first, '\'' | '"')) {
            let (text, after) = rest[1..].split_once(quote).ok_or_else(|| self.unreadable())?;
            self.rest = after;
            return Ok(Json::from(text));
        }
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != '-').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().map_err(|_| self.unreadable())?;
        self.rest = &rest[end..];
        Ok(Json::from(number))
    }

    fn looked_up(&mut self, status: bool) -> Result<Json, Undecided> {
        let rest = self.rest.trim_start().strip_prefix('(').ok_or_else(|| self.unreadable())?;
        let (name, after) = rest.split_once(')').ok_or_else(|| self.unreadable())?;
        let name = name.trim();
        self.rest = after;
        if status {
            (self.status)(name).ok_or_else(|| Undecided::Missing(name.to_owned()))
        } else {
            Ok((self.property)(name).unwrap_or(Json::Null))
        }
    }

    fn list(&mut self) -> Result<Json, Undecided> {
        let mut items = Vec::new();
        while !self.takes("}") {
            items.push(self.value()?);
            if !self.takes(",") && !self.rest.trim_start().starts_with('}') {
                return Err(self.unreadable());
            }
        }
        Ok(Json::Array(items))
    }
}

fn compare(operator: &str, left: &Json, right: &Json) -> bool {
    use std::cmp::Ordering;
    let texts = left.as_str().zip(right.as_str());
    match (operator, texts) {
        ("BEGINSWITH", Some((left, right))) => return left.starts_with(right),
        ("ENDSWITH", Some((left, right))) => return left.ends_with(right),
        ("BEGINSWITH" | "ENDSWITH", None) => return false,
        _ => {}
    }
    let order = order(left, right);
    match operator {
        "==" | "=" => order == Some(Ordering::Equal),
        "!=" | "<>" => order != Some(Ordering::Equal),
        "<" => order == Some(Ordering::Less),
        "<=" | "=<" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// Texts that are versions compare as versions, others by letter; a truth compares with a number as 1 or 0.
fn order(left: &Json, right: &Json) -> Option<std::cmp::Ordering> {
    if let Some((left, right)) = left.as_str().zip(right.as_str()) {
        return match Version::parse(left).zip(Version::parse(right)) {
            Some((left, right)) => Some(left.cmp(&right)),
            None => Some(left.cmp(right)),
        };
    }
    let number = |value: &Json| value.as_f64().or_else(|| value.as_bool().map(|truth| f64::from(u8::from(truth))));
    number(left)?.partial_cmp(&number(right)?)
}

fn contains(whole: &Json, part: &Json) -> bool {
    match whole {
        Json::Array(items) => items.iter().any(|item| order(item, part) == Some(std::cmp::Ordering::Equal)),
        Json::String(text) => part.as_str().is_some_and(|part| text.contains(part)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(text: &str) -> Result<bool, Undecided> {
        let status = |name: &str| match name {
            "device.model.family" => Some(Json::from("iPad")),
            "device.operating-system.version" => Some(Json::from("18.10")),
            "passcode.is-present" => Some(Json::Bool(true)),
            _ => None,
        };
        let property = |name: &str| (name == "shard").then(|| Json::from(40));
        decide(text, &status, &property)
    }

    #[test]
    fn predicates_as_servers_write_them_are_decided() {
        for text in [
            "TRUEPREDICATE",
            "@status(device.model.family) == 'iPad'",
            "@status(device.operating-system.version) >= '18.9'",
            "@status(passcode.is-present) == TRUE",
            "@property(shard) <= 75",
            "(@property(shard) <= 75) AND NOT (@status(device.model.family) IN {'Mac', 'iPhone'})",
            "@status(device.model.family) BEGINSWITH \"iP\" && @status(device.model.family) CONTAINS 'Pa'",
            "FALSEPREDICATE OR @property(shard) != 41",
            "@property(absent) == 1 || !FALSEPREDICATE",
        ] {
            assert_eq!(decided(text), Ok(true), "{text}");
        }
        assert_eq!(decided("@status(device.model.family) == 'Mac'"), Ok(false));
        assert_eq!(decided("@property(shard) > 75"), Ok(false));
    }

    #[test]
    fn what_cannot_be_decided_says_why() {
        assert_eq!(decided("@status(unheard.of) == 1"), Err(Undecided::Missing("unheard.of".into())));
        for text in ["", "@status(", "@status(device.model.family) LIKES 'x'", "'open", "TRUEPREDICATE TRUEPREDICATE", "{1,", "1 == 1)"] {
            assert!(matches!(decided(text), Err(Undecided::Unreadable(_))), "{text}");
        }
        assert!(decided(&"(".repeat(100_000)).is_err());
        assert!(decided(&"NOT ".repeat(100_000)).is_err());
    }
}
