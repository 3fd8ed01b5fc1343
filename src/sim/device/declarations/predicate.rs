//! The predicates of activations, decided on the device by what it knows of itself.

use std::cmp::Ordering;

use regex_lite::{RegexBuilder, escape};
use serde_json::Value as Json;

use crate::protocol::declaration::predicate::{Comparison, Expression, Operator, Parts, Predicate, parse};
use crate::sim::model::Version;

/// Why a predicate says neither yes nor no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Undecided {
    /// It cannot be read: why.
    Unreadable(String),
    /// It asks for a status item that the device does not have.
    Missing(String),
    /// It can be read and not decided: a regular expression that is none.
    Unusable(String),
}

/// Decides a predicate; `status` and `property` look values up.
pub(super) fn decide(
    text: &str,
    status: &dyn Fn(&str) -> Option<Json>,
    property: &dyn Fn(&str) -> Option<Json>,
) -> Result<bool, Undecided> {
    let predicate = parse(text).map_err(|error| Undecided::Unreadable(error.to_string()))?;
    Decider { status, property, variables: Vec::new() }.holds(&predicate)
}

struct Decider<'a> {
    status: &'a dyn Fn(&str) -> Option<Json>,
    property: &'a dyn Fn(&str) -> Option<Json>,
    /// The parts that subqueries look at, the innermost last.
    variables: Vec<(String, Json)>,
}

impl Decider<'_> {
    /// All parts are decided, also where the first one settles it: what a device lacks is to show.
    fn holds(&mut self, predicate: &Predicate) -> Result<bool, Undecided> {
        match predicate {
            Predicate::Always(always) => Ok(*always),
            Predicate::Not(inner) => self.holds(inner).map(|holds| !holds),
            Predicate::All(parts) => parts.iter().try_fold(true, |all, part| Ok(self.holds(part)? && all)),
            Predicate::Any(parts) => parts.iter().try_fold(false, |any, part| Ok(self.holds(part)? || any)),
            Predicate::Compare(comparison) => self.compares(comparison),
        }
    }

    fn compares(&mut self, comparison: &Comparison) -> Result<bool, Undecided> {
        let (left, right) = (self.value(&comparison.left)?, self.value(&comparison.right)?);
        let fits = |left: &Json| fits(comparison, left, &right);
        let items = left.as_array().map(Vec::as_slice).unwrap_or_default();
        let fitting = |items: &[Json]| items.iter().try_fold(0, |count, item| Ok(count + usize::from(fits(item)?)));
        match comparison.parts {
            Parts::Whole => fits(&left),
            Parts::Any => Ok(fitting(items)? > 0),
            Parts::All => Ok(fitting(items)? == items.len()),
            Parts::None => Ok(fitting(items)? == 0),
        }
    }

    fn value(&mut self, expression: &Expression) -> Result<Json, Undecided> {
        Ok(match expression {
            Expression::Literal(value) => value.clone(),
            Expression::List(items) => Json::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?),
            Expression::Status(name) => (self.status)(name).ok_or_else(|| Undecided::Missing(name.clone()))?,
            Expression::Property(name) => (self.property)(name).unwrap_or(Json::Null),
            Expression::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            }
            Expression::Key(of, key) => match self.value(of)? {
                Json::Array(items) => items.iter().map(|item| item[key.as_str()].clone()).collect(),
                value => value[key.as_str()].clone(),
            },
            Expression::Count(of) => Json::from(self.value(of)?.as_array().map_or(0, Vec::len)),
            Expression::Subquery { of, variable, predicate } => {
                let Json::Array(items) = self.value(of)? else { return Ok(Json::Array(Vec::new())) };
                let mut found = Vec::new();
                for item in items {
                    self.variables.push((variable.clone(), item.clone()));
                    let holds = self.holds(predicate);
                    self.variables.pop();
                    if holds? {
                        found.push(item);
                    }
                }
                Json::Array(found)
            }
        })
    }
}

fn fits(comparison: &Comparison, left: &Json, right: &Json) -> Result<bool, Undecided> {
    let lower = |value: &Json| match value {
        Json::String(text) if comparison.ignores_case => Json::from(text.to_lowercase()),
        value => value.clone(),
    };
    let texts = |test: fn(&str, &str) -> bool| {
        let (left, right) = (lower(left), lower(right));
        left.as_str().zip(right.as_str()).is_some_and(|(left, right)| test(left, right))
    };
    let order = || order(&lower(left), &lower(right));
    Ok(match comparison.operator {
        Operator::Equal => order() == Some(Ordering::Equal),
        Operator::NotEqual => order() != Some(Ordering::Equal),
        Operator::Less => order() == Some(Ordering::Less),
        Operator::AtMost => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order() == Some(Ordering::Greater),
        Operator::AtLeast => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        Operator::Between => {
            let low = self::order(left, &right[0]);
            let high = self::order(left, &right[1]);
            matches!(low, Some(Ordering::Greater | Ordering::Equal)) && matches!(high, Some(Ordering::Less | Ordering::Equal))
        }
        Operator::Contains => contains(left, right, lower),
        Operator::In => contains(right, left, lower),
        Operator::BeginsWith => texts(|left, right| left.starts_with(right)),
        Operator::EndsWith => texts(|left, right| left.ends_with(right)),
        Operator::Like => {
            let pattern = right.as_str().map(|pattern| escape(pattern).replace("\\*", ".*").replace("\\?", "."));
            return matches(left, pattern, comparison.ignores_case);
        }
        Operator::Matches => return matches(left, right.as_str().map(str::to_owned), comparison.ignores_case),
    })
}

/// Whether a regular expression fits a whole text.
fn matches(text: &Json, pattern: Option<String>, ignores_case: bool) -> Result<bool, Undecided> {
    let (Some(text), Some(pattern)) = (text.as_str(), pattern) else { return Ok(false) };
    let whole = RegexBuilder::new(&format!("^(?:{pattern})$")).case_insensitive(ignores_case).build();
    let whole = whole.map_err(|error| Undecided::Unusable(format!("“{pattern}” is no regular expression: {error}")))?;
    Ok(whole.is_match(text))
}

/// Null equals null only; texts that are versions compare as versions, others by letter; a truth compares with a number as 1 or 0.
fn order(left: &Json, right: &Json) -> Option<Ordering> {
    if left.is_null() && right.is_null() {
        return Some(Ordering::Equal);
    }
    if let Some((left, right)) = left.as_str().zip(right.as_str()) {
        return match Version::parse(left).zip(Version::parse(right)) {
            Some((left, right)) => Some(left.cmp(&right)),
            None => Some(left.cmp(right)),
        };
    }
    let number = |value: &Json| value.as_f64().or_else(|| value.as_bool().map(|truth| f64::from(u8::from(truth))));
    number(left)?.partial_cmp(&number(right)?)
}

fn contains(whole: &Json, part: &Json, lower: impl Fn(&Json) -> Json) -> bool {
    let part = lower(part);
    match lower(whole) {
        Json::Array(items) => items.iter().any(|item| order(&lower(item), &part) == Some(Ordering::Equal)),
        Json::String(text) => part.as_str().is_some_and(|part| text.contains(part)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decided(text: &str) -> Result<bool, Undecided> {
        let status = |name: &str| match name {
            "device.model.family" => Some(json!("iPad")),
            "device.model.identifier" => Some(json!("iPad13,18")),
            "device.operating-system.version" => Some(json!("18.10")),
            "passcode.is-present" => Some(json!(true)),
            "app.managed.list" => Some(json!([
                { "identifier": "org.example.x", "state": "managed" },
                { "identifier": "org.example.y", "state": "queued" },
            ])),
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
            "@property(absent) == NULL",
            "@property(shard) BETWEEN {40, 41}",
            "@status(device.model.family) ENDSWITH[c] 'PAD' AND @status(device.model.family) ==[c] 'ipad'",
            "@status(device.model.identifier) MATCHES 'iPad1[34],\\d+' AND NOT @status(device.model.identifier) MATCHES 'iPad'",
            "@status(device.model.identifier) LIKE 'iPad??,*'",
            "SUBQUERY(@status(app.managed.list), $a, ($a.@key(identifier) == 'org.example.x') AND ($a.@key(state) == 'managed')).@count != 0",
            "SUBQUERY(@status(app.managed.list), $a, $a.@key(state) == 'failed').@count == 0",
            "ANY @status(app.managed.list).@key(state) == 'queued'",
            "ALL @status(app.managed.list).@key(identifier) BEGINSWITH 'org.example.'",
            "NONE @status(app.managed.list).@key(state) == 'failed' AND 'managed' IN @status(app.managed.list).@key(state)",
        ] {
            assert_eq!(decided(text), Ok(true), "{text}");
        }
        for text in [
            "@status(device.model.family) == 'Mac'",
            "@property(shard) > 75",
            "@property(shard) BETWEEN {41, 75}",
            "ALL @status(app.managed.list).@key(state) == 'managed'",
            "@status(device.model.family) == 'ipad'",
            "SUBQUERY(@status(device.model.family), $a, TRUEPREDICATE).@count > 0",
            "@status(device.model.identifier) LIKE 'iPad?,*'",
        ] {
            assert_eq!(decided(text), Ok(false), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_decided_says_why() {
        assert_eq!(decided("@status(unheard.of) == 1"), Err(Undecided::Missing("unheard.of".into())));
        assert_eq!(decided("TRUEPREDICATE OR @status(unheard.of) == 1"), Err(Undecided::Missing("unheard.of".into())));
        for text in ["", "@status(", "@status(device.model.family) LIKES 'x'", "'open", "TRUEPREDICATE TRUEPREDICATE", "{1,", "1 == 1)"] {
            assert!(matches!(decided(text), Err(Undecided::Unreadable(_))), "{text}");
        }
        assert!(matches!(decided("@status(device.model.family) MATCHES '('"), Err(Undecided::Unusable(_))));
    }
}
