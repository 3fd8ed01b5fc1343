//! Values held against what the maker says of them, and values as people type them.

use super::read::whole;
use super::{Field, Kind, Schema};
use crate::clock::Timestamp;
use crate::language::say;
use crate::protocol::mobileconfig::variables;
use crate::protocol::plist::{self, Dictionary, Value};

impl Schema {
    /// What does not fit of a configuration: keys, each with why. Keys that the maker does not mention may be anything.
    pub fn faults(&self, keys: &Dictionary) -> Vec<(String, String)> {
        let fault = |field: &Field| match keys.get(&field.key) {
            None if field.is_required => Some((field.key.clone(), say(NEEDED).to_owned())),
            None => None,
            Some(value) => field.check(value).err().map(|why| (field.key.clone(), why)),
        };
        self.fields().filter_map(fault).collect()
    }
}

const NEEDED: &str = msg!("the app's maker says that this must not be empty");

impl Field {
    /// The value that was typed: one text, or one for each item of a list. None where nothing was.
    ///
    /// # Errors
    /// What is to be typed instead.
    pub fn value(&self, typed: &[String]) -> Result<Option<Value>, String> {
        if self.is_list {
            let lines = typed.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty());
            let items = lines.map(|line| value_of(self.kind, line)).collect::<Result<Vec<_>, _>>()?;
            return Ok((!items.is_empty()).then_some(Value::Array(items)));
        }
        match typed.iter().map(|text| text.trim()).find(|text| !text.is_empty()) {
            Some(text) => value_of(self.kind, text).map(Some),
            None => Ok(None),
        }
    }

    /// Holds a value against what the maker says.
    ///
    /// # Errors
    /// What it is to be instead.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let pattern = whole(&self.pattern);
        let one = |value: &Value| {
            let text = self.checked_kind(value)?;
            if let Some(text) = &text
                && pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text))
            {
                return Err(t!("a text of the form that the app's maker asks for: {pattern}", pattern = self.pattern));
            }
            self.check_choice(value, text.as_deref())?;
            if self.is_list { Ok(()) } else { self.check_range(value, text.as_deref()) }
        };
        match value {
            Value::Array(items) if self.is_list => {
                if items.is_empty() {
                    return if self.is_required { Err(say(NEEDED).to_owned()) } else { Ok(()) };
                }
                items.iter().try_for_each(one)?;
                self.within(items.len() as f64)
            }
            _ if self.is_list => Err(t!("a list, with one item a line").to_owned()),
            Value::String(text) if text.is_empty() && self.kind == Kind::String => {
                if self.is_required {
                    Err(say(NEEDED).to_owned())
                } else {
                    Ok(())
                }
            }
            value => one(value),
        }
    }

    /// Whether the value is of the kind; gives the text that each device gets, where that is the same for all.
    fn checked_kind(&self, value: &Value) -> Result<Option<String>, String> {
        match (self.kind, value) {
            (Kind::String, Value::String(text)) => {
                let keys: Dictionary = std::iter::once((self.key.clone(), value.clone())).collect();
                variables::find(&keys).map_err(|error| error.to_string())?;
                Ok(variables::constant(text).map(std::borrow::Cow::into_owned))
            }
            (Kind::Integer | Kind::Float, Value::Integer(_))
            | (Kind::Float, Value::Real(_))
            | (Kind::Date, Value::Date(_))
            | (Kind::Boolean, Value::Boolean(_)) => Ok(None),
            _ => Err(wanted(self.kind).to_owned()),
        }
    }

    fn check_choice(&self, value: &Value, text: Option<&str>) -> Result<(), String> {
        let is_chosen = match (value, text) {
            // What a variable stands for on each device is not known here.
            (Value::String(_), None) => true,
            (_, Some(text)) => self.choices.iter().any(|choice| variables::constant(&choice.value).is_some_and(|value| value == text)),
            (value, None) => text_of(value).is_some_and(|text| self.choices.iter().any(|choice| choice.value == text)),
        };
        if is_chosen || self.choices.is_empty() {
            return Ok(());
        }
        let values: Vec<_> = self.choices.iter().map(|choice| choice.value.as_str()).collect();
        Err(t!("one of {list}", list = values.join(", ")))
    }

    fn check_range(&self, value: &Value, text: Option<&str>) -> Result<(), String> {
        let measure = match value {
            Value::String(_) => text.map(|text| text.chars().count() as f64),
            Value::Integer(number) => {
                number.as_signed().map(|number| number as f64).or_else(|| number.as_unsigned().map(|number| number as f64))
            }
            Value::Real(number) => Some(*number),
            value => seconds(value),
        };
        measure.map_or(Ok(()), |measure| self.within(measure))
    }

    fn within(&self, measure: f64) -> Result<(), String> {
        let is_outside = self.min.is_some_and(|min| measure < min) || self.max.is_some_and(|max| measure > max);
        match self.limits() {
            Some(words) if is_outside => Err(words),
            _ => Ok(()),
        }
    }

    /// The least and the most in words: `between 1 and 100`; none where there are none, or a pattern stands in their place.
    pub fn limits(&self) -> Option<String> {
        if !self.pattern.is_empty() {
            return None;
        }
        let word = |bound: f64| match self.kind {
            Kind::Date => Timestamp::from_seconds(bound as i64).words(),
            _ => bound.to_string(),
        };
        let of = match (self.is_list, self.kind) {
            (true, _) => " items",
            (false, Kind::String) => " characters",
            _ => "",
        };
        match (self.min.map(word), self.max.map(word)) {
            (Some(min), Some(max)) => Some(t!("between {min} and {max}{of}", min, max, of)),
            (Some(min), None) => Some(t!("at least {min}{of}", min, of)),
            (None, Some(max)) => Some(t!("at most {max}{of}", max, of)),
            (None, None) => None,
        }
    }
}

/// What is to be typed for a kind.
fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::String => t!("a text"),
        Kind::Integer => t!("a whole number, for example 42; variables can stand in texts only"),
        Kind::Float => t!("a number, for example 1.5; variables can stand in texts only"),
        Kind::Date => t!("a day and a time in UTC, for example 2026-12-24T15:30"),
        Kind::Boolean => t!("yes or no"),
    }
}

/// A value as one types it, as [`Field::value`] reads it; none where it holds what nobody can type.
pub fn texts_of(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect(),
        one => text_of(one).map(|text| vec![text]),
    }
}

/// The value of a text that was typed, or that stands in the file.
pub(super) fn value_of(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.trim();
    let value = match kind {
        Kind::String => Some(Value::String(text.replace("\r\n", "\n"))),
        Kind::Integer => {
            let signed = text.parse::<i64>().map(|number| Value::Integer(number.into())).ok();
            signed.or_else(|| text.parse::<u64>().ok().map(|number| Value::Integer(number.into())))
        }
        Kind::Float => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Real),
        Kind::Date => moment(text).map(plist::date),
        Kind::Boolean => match text {
            "true" | "yes" | "1" => Some(Value::Boolean(true)),
            "false" | "no" | "0" => Some(Value::Boolean(false)),
            _ => None,
        },
    };
    value.ok_or_else(|| wanted(kind).to_owned())
}

/// A moment as browsers and people write it, in UTC where no zone is said; a property list has none before 1970.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.replace(' ', "T");
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        _ => text.clone(),
    };
    let moment = Timestamp::parse(&whole).or_else(|| Timestamp::parse(&format!("{whole}Z")));
    moment.filter(|moment| moment.seconds() >= 0)
}

/// A value as one types it; none where nobody can.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Date(date) => {
            let text = date.to_xml_format();
            let minutes = text.strip_suffix('Z').unwrap_or(&text);
            Some(minutes.strip_suffix(":00").unwrap_or(minutes).to_owned())
        }
        _ => None,
    }
}

/// The seconds of a moment since 1970.
pub(super) fn seconds(value: &Value) -> Option<f64> {
    let Value::Date(date) = value else { return None };
    Timestamp::parse(&date.to_xml_format()).map(|moment| moment.seconds() as f64)
}
