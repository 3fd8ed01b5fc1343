//! Reads a specification file: strict where the form would be wrong, lenient where only a help would be missing.

use std::collections::{HashMap, HashSet};

use regex_lite::{Regex, RegexBuilder};

use super::check::{text_of, value_of};
use super::{
    Choice, Field, Group, Kind, MAX_BYTES, MAX_CHOICES, MAX_DEPTH, MAX_ELEMENTS, MAX_FIELDS, MAX_KEY_CHARS, MAX_PATTERN_CHARS,
    MAX_TEXT_CHARS, Schema, SchemaError,
};
use crate::protocol::mobileconfig::variables;
use crate::protocol::xml::{self, Bounds, Element, XmlError};

const ROOT: &str = "managedAppConfiguration";

/// The longest version that is kept, in characters.
const MAX_VERSION_CHARS: usize = 32;

/// Characters of a foreign element's name that are quoted.
const QUOTED_CHARS: usize = 64;

/// Bytes that a compiled pattern may take; what needs more is left out.
const PATTERN_MAX_BYTES: usize = 256 << 10;

/// The file's words for something of each device or its person, and our variables.
const VARIABLES: [(&str, &str); 6] = [
    ("serialNumber", "$SERIAL"),
    ("udid", "$UDID"),
    ("model", "$MODEL"),
    ("emailAddress", "$PERSON_EMAIL"),
    ("displayName", "$PERSON_NAME"),
    ("cn", "$PERSON_NAME"),
];

/// Reads a specification file.
pub fn read(bytes: &[u8]) -> Result<Schema, SchemaError> {
    if bytes.is_empty() {
        return Err(SchemaError::Empty);
    }
    if bytes.len() > MAX_BYTES {
        return Err(SchemaError::TooLarge);
    }
    let root = xml::parse(bytes, Bounds { depth: MAX_DEPTH, elements: MAX_ELEMENTS }).map_err(|error| match error {
        XmlError::NotUtf8 => SchemaError::NotUtf8,
        XmlError::Entities => SchemaError::Entities,
        XmlError::TooMuch => SchemaError::TooMuch,
        XmlError::Broken => SchemaError::NotXml,
    })?;
    if root.name != ROOT {
        return Err(SchemaError::WrongRoot(root.name.chars().take(QUOTED_CHARS).collect()));
    }
    let bundle_id = cut(root.text_of("bundleId"), MAX_KEY_CHARS);
    if bundle_id.is_empty() {
        return Err(SchemaError::Missing("bundleId"));
    }
    let dict = root.child("dict").ok_or(SchemaError::Missing("dict"))?;
    let (fields, unread) = fields(dict)?;
    let groups = match root.child("presentation") {
        Some(presentation) => arranged(fields, presentation)?,
        None => vec![Group { name: String::new(), fields }],
    };
    let groups = groups.into_iter().filter(|group| !group.fields.is_empty()).collect();
    let unheld = dict.children.iter().filter(|element| is_unheld(element)).map(|element| element.attribute("keyName").to_owned()).collect();
    Ok(Schema { version: cut(root.text_of("version"), MAX_VERSION_CHARS), bundle_id, groups, unread, unheld })
}

/// The keys in the order of the file, and the names of those whose kind is not known.
fn fields(dict: &Element) -> Result<(Vec<Field>, Vec<String>), SchemaError> {
    let mut seen = HashSet::new();
    let (mut fields, mut unread) = (Vec::new(), Vec::new());
    for element in &dict.children {
        let key = element.attribute("keyName");
        if key.is_empty() {
            return Err(SchemaError::Unnamed(cut(&element.name, QUOTED_CHARS)));
        }
        if key.chars().count() > MAX_KEY_CHARS {
            return Err(SchemaError::LongKey);
        }
        if !seen.insert(key) {
            return Err(SchemaError::Twice(key.to_owned()));
        }
        if seen.len() > MAX_FIELDS {
            return Err(SchemaError::TooManyFields);
        }
        match kind(&element.name) {
            Some((kind, is_list)) => fields.push(field(key, kind, is_list, element)?),
            None => unread.push(key.to_owned()),
        }
    }
    if fields.is_empty() && unread.is_empty() {
        return Err(SchemaError::Missing("dict"));
    }
    Ok((fields, unread))
}

/// Whether a text has a pattern that cannot be used here.
fn is_unheld(element: &Element) -> bool {
    let pattern = element.child("constraint").map_or("", |constraint| constraint.attribute("pattern"));
    !pattern.is_empty() && matches!(kind(&element.name), Some((Kind::String, _))) && whole(pattern).is_none()
}

fn kind(name: &str) -> Option<(Kind, bool)> {
    let (one, is_list) = name.strip_suffix("Array").map_or((name, false), |one| (one, true));
    let kind = match one {
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "float" => Kind::Float,
        "date" if !is_list => Kind::Date,
        "boolean" if !is_list => Kind::Boolean,
        _ => return None,
    };
    Some((kind, is_list))
}

fn field(key: &str, kind: Kind, is_list: bool, element: &Element) -> Result<Field, SchemaError> {
    let constraint = element.child("constraint");
    let said = |name: &str| constraint.map_or("", |constraint| constraint.attribute(name));
    let bound = |name: &str| match kind {
        Kind::Date => value_of(kind, said(name)).ok().and_then(|value| super::check::seconds(&value)),
        _ => said(name).parse().ok().filter(|number: &f64| number.is_finite()),
    };
    let mut choices = Vec::new();
    for value in constraint.and_then(|constraint| constraint.child("values")).into_iter().flat_map(|values| values.all("value")) {
        choose(&mut choices, key, kind, &value.text, None)?;
    }
    let pattern = Some(said("pattern")).filter(|pattern| kind == Kind::String && whole(pattern).is_some()).unwrap_or_default();
    Ok(Field {
        key: key.to_owned(),
        kind,
        is_list,
        is_required: matches!(said("nullable"), "false" | "0"),
        is_hidden: false,
        label: key.to_owned(),
        description: String::new(),
        choices,
        suggested: element.child("defaultValue").map(|value| suggested(kind, is_list, value)).unwrap_or_default(),
        min: bound("min"),
        max: bound("max"),
        pattern: pattern.to_owned(),
    })
}

/// Adds a choice; one that is there already, or is no value of the kind, is passed over.
fn choose(choices: &mut Vec<Choice>, key: &str, kind: Kind, value: &str, label: Option<String>) -> Result<(), SchemaError> {
    let Some(written) = written(kind, value).filter(|written| !choices.iter().any(|known| known.value == *written)) else { return Ok(()) };
    if choices.len() == MAX_CHOICES {
        return Err(SchemaError::TooManyChoices(key.to_owned()));
    }
    let label = label.filter(|label| !label.is_empty()).unwrap_or_else(|| cut(value, MAX_TEXT_CHARS));
    choices.push(Choice { value: written, label });
    Ok(())
}

/// A value of the file as one types it here; nothing where it is empty or no value of the kind.
fn written(kind: Kind, value: &str) -> Option<String> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    match kind {
        Kind::String => Some(variables::literally(value).into_owned()),
        _ => value_of(kind, value).ok().and_then(|value| text_of(&value)),
    }
}

fn suggested(kind: Kind, is_list: bool, value: &Element) -> Vec<String> {
    let one = |child: &Element| match child.name.as_str() {
        "value" => written(kind, &child.text),
        "userVariable" | "deviceVariable" if kind == Kind::String => {
            let name = child.attribute("value");
            VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, ours)| (*ours).to_owned())
        }
        _ => None,
    };
    value.children.iter().filter_map(one).take(if is_list { MAX_CHOICES } else { 1 }).collect()
}

/// Puts the keys into the order and the groups of the presentation; those that it leaves out come last.
fn arranged(fields: Vec<Field>, presentation: &Element) -> Result<Vec<Group>, SchemaError> {
    let locale = presentation.attribute("defaultLocale");
    let order: Vec<String> = fields.iter().map(|field| field.key.clone()).collect();
    let mut rest: HashMap<String, Field> = fields.into_iter().map(|field| (field.key.clone(), field)).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut open = Group::default();
    for element in &presentation.children {
        match element.name.as_str() {
            "field" => open.fields.extend(shown(&mut rest, element, locale)?),
            "fieldGroup" => {
                groups.push(std::mem::take(&mut open));
                let mut group = Group { name: said(element.child("name"), locale), fields: Vec::new() };
                for element in element.all("field") {
                    group.fields.extend(shown(&mut rest, element, locale)?);
                }
                groups.push(group);
            }
            _ => {}
        }
    }
    groups.push(open);
    groups.push(Group { name: String::new(), fields: order.iter().filter_map(|key| rest.remove(key)).collect() });
    Ok(groups)
}

/// Takes the key of a presentation's field, with what is said of it; none where there is no such key, or it was shown before.
fn shown(rest: &mut HashMap<String, Field>, element: &Element, locale: &str) -> Result<Option<Field>, SchemaError> {
    let Some(mut field) = rest.remove(element.attribute("keyName")) else { return Ok(None) };
    let label = said(element.child("label"), locale);
    if !label.is_empty() {
        field.label = label;
    }
    field.description = said(element.child("description"), locale);
    let shown_as = element.attribute("type");
    field.is_hidden = shown_as == "hidden";
    // Without a constraint, what may be chosen is all that there is.
    let is_open = field.choices.is_empty() && matches!(shown_as, "select" | "multiselect");
    for option in element.child("options").into_iter().flat_map(|options| options.all("option")) {
        let label = language(option, locale);
        let value = written(field.kind, option.attribute("value"));
        match field.choices.iter_mut().find(|choice| Some(&choice.value) == value.as_ref()) {
            Some(choice) if !label.is_empty() => choice.label = label,
            None if is_open => choose(&mut field.choices, &field.key, field.kind, option.attribute("value"), Some(label))?,
            _ => {}
        }
    }
    Ok(Some(field))
}

fn said(element: Option<&Element>, locale: &str) -> String {
    element.map(|element| language(element, locale)).unwrap_or_default()
}

/// A text in English, or else in the language that the file prefers, or in the first that it has: the page is in English.
fn language(element: &Element, locale: &str) -> String {
    let is_english = |language: &&Element| {
        let word = language.attribute("value");
        word.split(['-', '_']).next().is_some_and(|word| word.eq_ignore_ascii_case("en"))
    };
    let has_words = |language: &&Element| !language.text.trim().is_empty();
    let all = || element.all("language").filter(has_words);
    let chosen = all().find(is_english).or_else(|| all().find(|language| language.attribute("value") == locale)).or_else(|| all().next());
    chosen.map(|language| cut(&language.text, MAX_TEXT_CHARS)).unwrap_or_default()
}

/// A text on one line, cut to a bounded length.
fn cut(text: &str, most: usize) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(most).collect()
}

/// A pattern that the whole of a text must match; none where it is empty, over its limits, or cannot be read here.
pub(super) fn whole(pattern: &str) -> Option<Regex> {
    if pattern.is_empty() || pattern.chars().count() > MAX_PATTERN_CHARS {
        return None;
    }
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_MAX_BYTES).build().ok()
}
