//! Makes one payload of what several want: of each key the most restrictive value, and who wants it.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Combine, ValueType};
use crate::protocol::plist::{self, Dictionary, Value};

/// One payload that does all that its parts want.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged<O> {
    /// Each key with the value that holds, in the order of their names.
    pub keys: Dictionary,
    /// Who wants the value that holds, by key: those whose wish was weaker are left out.
    pub origins: BTreeMap<String, Vec<O>>,
}

/// Merges the keys of one payload type or declaration type.
///
/// The result does not depend on the order of the parts, and is never less restrictive than any of them.
pub fn merge<O: Clone + Ord>(of_type: &str, parts: &[(&Dictionary, O)]) -> Merged<O> {
    let mut values: BTreeMap<&str, Value> = BTreeMap::new();
    for (keys, _) in parts {
        for (key, value) in *keys {
            let held = match values.remove(key.as_str()) {
                Some(held) => combine(of_type, key, &held, value),
                None => combine(of_type, key, value, value),
            };
            values.insert(key, held);
        }
    }
    let origins = values.iter().map(|(key, held)| ((*key).to_owned(), wanted_by(of_type, key, held, parts))).collect();
    Merged { keys: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(), origins }
}

/// Those whose own wish is part of the value that holds.
fn wanted_by<O: Clone + Ord>(of_type: &str, key: &str, held: &Value, parts: &[(&Dictionary, O)]) -> Vec<O> {
    let is_list = matches!(rule(of_type, key), (Combine::Intersection | Combine::Union, _));
    let wants = parts.iter().filter(|(keys, _)| {
        // Everyone who has a list had a say in what is on the one that holds.
        keys.get(key).is_some_and(|value| is_list || combine(of_type, key, value, value) == *held)
    });
    wants.map(|(_, origin)| origin.clone()).collect::<BTreeSet<O>>().into_iter().collect()
}

fn rule(of_type: &str, key: &str) -> (Combine, Option<ValueType>) {
    super::fact(of_type, key).map_or((Combine::Any, None), |fact| (fact.combine, Some(fact.value_type)))
}

/// The value that holds where one part wants `one` and another `other`; lists come out sorted and without repetition.
///
/// A value that is not of the key's type gives way to one that is.
pub fn combine(of_type: &str, key: &str, one: &Value, other: &Value) -> Value {
    let (rule, value_type) = rule(of_type, key);
    let fits = |value: &Value| match value_type {
        None | Some(ValueType::Dict | ValueType::Real | ValueType::Text) => true,
        Some(ValueType::Bool) => value.as_boolean().is_some(),
        Some(ValueType::Int) => value.as_signed_integer().is_some(),
        Some(ValueType::List) => value.as_array().is_some_and(|items| items.iter().all(|item| item.as_string().is_some())),
    };
    match (fits(one), fits(other)) {
        (true, false) => return combine(of_type, key, one, one),
        (false, true) => return combine(of_type, key, other, other),
        (false, false) => return first(one, other),
        (true, true) => {}
    }
    match rule {
        Combine::And => Value::Boolean(one.as_boolean() == Some(true) && other.as_boolean() == Some(true)),
        Combine::Or => Value::Boolean(one.as_boolean() == Some(true) || other.as_boolean() == Some(true)),
        Combine::Max => number(one.as_signed_integer().max(other.as_signed_integer())),
        Combine::Min => number(one.as_signed_integer().min(other.as_signed_integer())),
        Combine::Intersection => {
            let (one, other) = (texts(one), texts(other));
            list(one.iter().filter(|(small, _)| other.contains_key(*small)).map(|(small, text)| (*text).min(other[small])))
        }
        Combine::Union => {
            let mut all = texts(one);
            for (small, text) in texts(other) {
                all.entry(small).and_modify(|known| *known = (*known).min(text)).or_insert(text);
            }
            list(all.into_values())
        }
        Combine::Any => first(one, other),
    }
}

fn number(number: Option<i64>) -> Value {
    Value::Integer(number.unwrap_or_default().into())
}

/// The texts of a list by their small letters: identifiers of apps and names of domains are the same in whatever letters they are written.
fn texts(value: &Value) -> BTreeMap<String, &str> {
    let mut texts = BTreeMap::<String, &str>::new();
    for text in value.as_array().into_iter().flatten().filter_map(Value::as_string) {
        texts.entry(text.to_lowercase()).and_modify(|known| *known = (*known).min(text)).or_insert(text);
    }
    texts
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    Value::Array(texts.map(|text| Value::String(text.to_owned())).collect())
}

/// The one that comes first as JSON text.
fn first(one: &Value, other: &Value) -> Value {
    let text = |value: &Value| plist::to_json(value).to_string();
    let (before, after) = (text(one), text(other));
    if before <= after { one.clone() } else { other.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RESTRICTIONS;
    use super::*;

    /// Keys of every kind that combines.
    const KEYS: [&str; 8] = [
        "allowCamera",
        "allowAirDrop",
        "forceAirDropUnmanaged",
        "requireManagedPasteboard",
        "ratingApps",
        "enforcedSoftwareUpdateDelay",
        "allowListedAppBundleIDs",
        "blockedAppBundleIDs",
    ];

    fn value(key: &'static str) -> BoxedStrategy<Value> {
        match super::super::fact(RESTRICTIONS, key).unwrap().value_type {
            ValueType::Bool => any::<bool>().prop_map(Value::Boolean).boxed(),
            ValueType::Int => (0_i64..1000).prop_map(|number| Value::Integer(number.into())).boxed(),
            _ => prop::collection::vec(prop::sample::select(vec!["a.b", "c.d", "e.f"]), 0..4)
                .prop_map(|items| Value::Array(items.into_iter().map(Value::from).collect()))
                .boxed(),
        }
    }

    fn part() -> impl Strategy<Value = Dictionary> {
        let keys: Vec<_> = KEYS.into_iter().map(|key| prop::option::of(value(key)).prop_map(move |value| (key, value))).collect();
        keys.prop_map(|pairs| pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
    }

    fn merged(parts: &[&Dictionary]) -> Dictionary {
        merge(RESTRICTIONS, &parts.iter().enumerate().map(|(at, keys)| (*keys, at)).collect::<Vec<_>>()).keys
    }

    /// Whether a device with `held` may do no more than with `part` alone.
    fn at_least_as_strict(key: &str, held: &Value, part: &Value) -> bool {
        match super::super::fact(RESTRICTIONS, key).unwrap().combine {
            Combine::And => held.as_boolean() <= part.as_boolean(),
            Combine::Or => held.as_boolean() >= part.as_boolean(),
            Combine::Max => held.as_signed_integer() >= part.as_signed_integer(),
            Combine::Min => held.as_signed_integer() <= part.as_signed_integer(),
            Combine::Intersection => texts(held).keys().all(|text| texts(part).contains_key(text)),
            Combine::Union => texts(part).keys().all(|text| texts(held).contains_key(text)),
            Combine::Any => true,
        }
    }

    proptest! {
        #[test]
        fn the_order_of_the_parts_does_not_matter(a in part(), b in part(), c in part()) {
            prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
            prop_assert_eq!(merged(&[&merged(&[&a, &b]), &c]), merged(&[&a, &merged(&[&b, &c])]));
            prop_assert_eq!(merged(&[&a, &b, &c]), merged(&[&c, &merged(&[&a, &b])]));
            let origins = |parts: &[(&Dictionary, char)]| merge(RESTRICTIONS, parts).origins;
            prop_assert_eq!(origins(&[(&a, 'a'), (&b, 'b'), (&c, 'c')]), origins(&[(&c, 'c'), (&a, 'a'), (&b, 'b')]));
        }

        #[test]
        fn the_same_wish_twice_is_one(a in part(), b in part()) {
            let once = merged(&[&a]);
            prop_assert_eq!(&merged(&[&a, &a]), &once);
            prop_assert_eq!(&merged(&[&once]), &once);
            prop_assert_eq!(merged(&[&a, &b, &a]), merged(&[&a, &b]));
        }

        #[test]
        fn nobody_gets_less_than_they_want_and_every_key_has_an_origin(a in part(), b in part(), c in part()) {
            let whole = merge(RESTRICTIONS, &[(&a, 'a'), (&b, 'b'), (&c, 'c')]);
            for part in [&a, &b, &c] {
                for (key, value) in part {
                    let held = whole.keys.get(key).unwrap();
                    prop_assert!(at_least_as_strict(key, held, value), "{} {:?} {:?}", key, held, value);
                }
            }
            for key in whole.keys.keys() {
                prop_assert!(!whole.origins[key].is_empty(), "{}", key);
            }
        }
    }

    #[test]
    fn the_origin_is_whoever_wants_what_holds() {
        let no: Dictionary = [("allowCamera".to_owned(), Value::Boolean(false))].into_iter().collect();
        let yes: Dictionary = [("allowCamera".to_owned(), Value::Boolean(true))].into_iter().collect();
        let merged = merge(RESTRICTIONS, &[(&yes, "lenient"), (&no, "strict"), (&no, "stricter")]);
        assert_eq!(
            (merged.keys.get("allowCamera"), &merged.origins["allowCamera"][..]),
            (Some(&Value::Boolean(false)), &["strict", "stricter"][..])
        );
    }

    #[test]
    fn a_value_of_another_type_gives_way_and_an_unknown_key_has_one_answer() {
        let (text, flag) = (Value::from("yes"), Value::Boolean(true));
        assert_eq!(combine(RESTRICTIONS, "allowCamera", &text, &flag), flag);
        assert_eq!(combine(RESTRICTIONS, "allowCamera", &flag, &text), flag);
        let (one, two) = (Value::from("one"), Value::from("two"));
        assert_eq!(combine(RESTRICTIONS, "someNewKey", &one, &two), combine(RESTRICTIONS, "someNewKey", &two, &one));
    }
}
