//! The rule builder: rows of conditions in a form, there and back; rules that have lists within lists do not fit into it.

use maud::{Markup, Render as _, html};

use super::super::parts::Button;
use crate::error::{Error, Result};
use crate::mdm::groups::Rule;
use crate::mdm::groups::rule::{NameTest, OsRange};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::platform::Platform;
use crate::store::people::PersonRole;

/// Rows of the builder at the most; longer rules are made through the API.
pub const ROWS_MAX: usize = 20;

/// What a row can ask for: its word in the form, and what people read.
const KINDS: [(&str, &str); 14] = [
    ("", "–"),
    ("platform", "of the kind"),
    ("os_least", "on a system of at least"),
    ("os_below", "on a system older than"),
    ("model", "of a model whose name contains"),
    ("supervised", "supervised"),
    ("name_contains", "called something that contains"),
    ("name_begins", "called something that begins with"),
    ("serial", "one of these serial numbers"),
    ("class", "used by somebody in the class"),
    ("role", "used by somebody who is"),
    ("person", "used by somebody we know"),
    ("app", "equipped with the app of this identifier"),
    ("enrollment", "enrolled as"),
];

/// The kind of the row that every device meets.
const EVERYTHING: &str = "everything";

/// One row as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuilderRow {
    /// What it asks for.
    pub what: String,
    /// Whether it is turned round.
    pub not: bool,
    /// What is typed or chosen beside.
    pub value: String,
}

/// The builder as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Builder {
    /// Whether one condition is enough; else every one must be met.
    pub any: bool,
    /// Its rows.
    pub rows: Vec<BuilderRow>,
}

impl Builder {
    /// Reads its fields out of a form: `mode`, `what-0`, `not-0`, `value-0` and so on.
    pub fn read(form: &[(String, String)]) -> Self {
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
        let mut builder = Self { any: value("mode") == Some("any"), rows: Vec::new() };
        for at in 0..ROWS_MAX {
            let Some(what) = value(&format!("what-{at}")) else { break };
            let row = BuilderRow {
                what: what.to_owned(),
                not: value(&format!("not-{at}")) == Some("1"),
                value: value(&format!("value-{at}")).unwrap_or_default().to_owned(),
            };
            builder.rows.push(row);
        }
        builder
    }

    /// The builder that shows a rule, if one can.
    pub fn of(rule: &Rule) -> Option<Self> {
        let (any, parts) = match rule {
            Rule::All(parts) => (false, parts.as_slice()),
            Rule::Any(parts) => (true, parts.as_slice()),
            single => (false, std::slice::from_ref(single)),
        };
        let mut rows = Vec::new();
        for part in parts {
            match part {
                Rule::Os(OsRange { at_least: Some(least), below: Some(below) }) if !any => {
                    rows.push(BuilderRow { what: "os_least".into(), not: false, value: least.clone() });
                    rows.push(BuilderRow { what: "os_below".into(), not: false, value: below.clone() });
                }
                Rule::Not(inner) => rows.push(BuilderRow { not: true, ..row(inner)? }),
                part => rows.push(row(part)?),
            }
        }
        (rows.len() <= ROWS_MAX).then_some(Self { any, rows })
    }

    /// The rule that it says; `classes` are ids and names.
    ///
    /// # Errors
    /// Names `value-N` of the row at fault, or `rule` where there is no row.
    pub fn rule(&self, classes: &[(String, String)]) -> Result<Rule> {
        let mut parts = Vec::new();
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.what.is_empty()) {
            let leaf = leaf(row, classes).map_err(|words| Error::field(format!("value-{at}"), words))?;
            parts.push(if row.not { Rule::Not(Box::new(leaf)) } else { leaf });
        }
        match parts.len() {
            0 => Err(Error::field("rule", "choose at least one condition, or “any device at all”")),
            1 => Ok(parts.remove(0)),
            _ if self.any => Ok(Rule::Any(parts)),
            _ => Ok(Rule::All(parts)),
        }
    }

    /// The fields.
    pub fn render(&self, classes: &[(String, String)], errors: &[(String, String)]) -> Markup {
        let error = |name: &str| errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
        let mut rows = self.rows.clone();
        if rows.is_empty() {
            rows.push(BuilderRow::default());
        }
        html! {
            fieldset.stack #conditions {
                legend { "A device is in the group if it meets" }
                select.input name="mode" aria-label="How many of the conditions" {
                    option value="all" selected[!self.any] { "every one of these conditions" }
                    option value="any" selected[self.any] { "at least one of these conditions" }
                }
                @if let Some(words) = error("rule") { p.error role="alert" { (words) } }
                @for (at, row) in rows.iter().enumerate() { (fields(at, row, classes, error(&format!("value-{at}")))) }
                @if rows.iter().any(|row| row.not && matches!(row.what.as_str(), "class" | "role")) {
                    p.meta { "A device that belongs to nobody is not found by “it is not used by somebody in a class, or who is something”. Ask for “it is not used by somebody we know” to find those." }
                }
                @if rows.len() < ROWS_MAX { div.row { (Button::submit("Add a condition").small().sends("do", "add").render()) } }
                @else { p.meta { "There is room for " (ROWS_MAX) " conditions here. Longer rules are made through the API." } }
            }
        }
    }
}

fn fields(at: usize, row: &BuilderRow, classes: &[(String, String)], error: Option<&str>) -> Markup {
    let (what, not, value) = (format!("what-{at}"), format!("not-{at}"), format!("value-{at}"));
    let number = at + 1;
    let kinds = KINDS.iter().copied().chain([(EVERYTHING, "any device at all")]);
    html! {
        div.field.condition role="group" aria-label=(format!("Condition {number}")) {
            div.row {
                select.input name=(not) aria-label=(format!("Condition {number}: is or is not")) {
                    option value="" selected[!row.not] { "It is" }
                    option value="1" selected[row.not] { "It is not" }
                }
                select.input name=(what) aria-label=(format!("Condition {number}: what")) {
                    @for (word, words) in kinds { option value=(word) selected[word == row.what] { (words) } }
                }
            }
            (value_field(&value, row, classes, error.is_some()))
            @if let Some(words) = error { p.error { (words) } }
        }
    }
}

/// What stands beside a condition: choices where there are some, a line where something is typed, nothing where nothing is needed.
fn value_field(name: &str, row: &BuilderRow, classes: &[(String, String)], is_wrong: bool) -> Markup {
    let invalid = is_wrong.then_some("true");
    let choices: Vec<(String, String)> = match row.what.as_str() {
        "supervised" | "person" | EVERYTHING => return Markup::default(),
        "class" => classes.to_vec(),
        what => fixed(what).iter().map(|(value, words)| ((*value).to_owned(), (*words).to_owned())).collect(),
    };
    if row.what == "class" || !choices.is_empty() {
        return html! {
            select.input name=(name) aria-label="Which" aria-invalid=[invalid] {
                @if !choices.iter().any(|(value, _)| *value == row.value) { option value=(row.value) selected { "Choose…" } }
                @for (value, words) in &choices { option value=(value) selected[*value == row.value] { (words) } }
            }
        };
    }
    let example = match row.what.as_str() {
        "os_least" | "os_below" => "17.5",
        "model" => "iPad13, MacBook Air",
        "serial" => "TESTSN0001, TESTSN0002",
        "app" => "com.example.app",
        "" => "Choose a condition first",
        _ => "Cart A",
    };
    html! { input.input type="text" name=(name) value=(row.value) placeholder=(example) aria-label="What exactly" aria-invalid=[invalid] autocomplete="off"; }
}

/// Choices that are always the same.
fn fixed(what: &str) -> &'static [(&'static str, &'static str)] {
    match what {
        "platform" => &[
            ("ios", "an iPhone or iPad"),
            ("macos", "a Mac"),
            ("tvos", "an Apple TV"),
            ("visionos", "an Apple Vision Pro"),
            ("watchos", "an Apple Watch"),
        ],
        "role" => &[("student", "a student"), ("teacher", "a teacher"), ("staff", "on the staff")],
        "enrollment" => &[("device", "the organisation's device"), ("user_enrollment_device", "a person's own device")],
        _ => &[],
    }
}

/// The row of a single condition.
fn row(rule: &Rule) -> Option<BuilderRow> {
    let of = |what: &str, value: &str| Some(BuilderRow { what: what.to_owned(), not: false, value: value.to_owned() });
    match rule {
        Rule::Everything => of(EVERYTHING, ""),
        Rule::Platform(platform) => of("platform", platform.as_str()),
        Rule::Os(OsRange { at_least: Some(version), below: None }) => of("os_least", version),
        Rule::Os(OsRange { at_least: None, below: Some(version) }) => of("os_below", version),
        Rule::Model(text) => of("model", text),
        Rule::Supervised(true) => of("supervised", ""),
        Rule::Supervised(false) => of("supervised", "").map(|row| BuilderRow { not: true, ..row }),
        Rule::Name(NameTest::Contains(text)) => of("name_contains", text),
        Rule::Name(NameTest::Begins(text)) => of("name_begins", text),
        Rule::Serial(serials) => of("serial", &serials.join(", ")),
        Rule::Class(id) => of("class", id),
        Rule::Role(role) => of("role", role.as_str()),
        Rule::Person(true) => of("person", ""),
        Rule::Person(false) => of("person", "").map(|row| BuilderRow { not: true, ..row }),
        Rule::App(identifier) => of("app", identifier),
        Rule::Enrollment(kind) => of("enrollment", kind.as_str()),
        Rule::All(_) | Rule::Any(_) | Rule::Not(_) | Rule::Os(_) => None,
    }
}

/// The condition of a row, or what is wrong with it.
fn leaf(row: &BuilderRow, classes: &[(String, String)]) -> Result<Rule, String> {
    let text = row.value.clone();
    let some = |words: &str| if text.is_empty() { Err(words.to_owned()) } else { Ok(text.clone()) };
    Ok(match row.what.as_str() {
        EVERYTHING => Rule::Everything,
        "platform" => Rule::Platform(text.parse::<Platform>().map_err(|_| String::from("choose a kind of device"))?),
        "os_least" => Rule::Os(OsRange { at_least: Some(version(&text)?), below: None }),
        "os_below" => Rule::Os(OsRange { at_least: None, below: Some(version(&text)?) }),
        "model" => Rule::Model(some("a part of the model's name, for example iPad13 or MacBook")?),
        "supervised" => Rule::Supervised(true),
        "person" => Rule::Person(true),
        "name_contains" => Rule::Name(NameTest::Contains(some("a part of the device's name")?)),
        "name_begins" => Rule::Name(NameTest::Begins(some("how the device's name begins")?)),
        "serial" => {
            let serials: Vec<_> =
                text.split([',', ';', ' ']).map(str::trim).filter(|serial| !serial.is_empty()).map(str::to_owned).collect();
            if serials.is_empty() {
                return Err(String::from("serial numbers, with commas between them"));
            }
            Rule::Serial(serials)
        }
        "class" => {
            let found = classes.iter().find(|(id, name)| *id == text || name.to_lowercase() == text.to_lowercase());
            Rule::Class(found.map(|(id, _)| id.clone()).ok_or("choose a class")?)
        }
        "role" => Rule::Role(text.to_lowercase().parse::<PersonRole>().map_err(|_| String::from("choose what the person is"))?),
        "app" => Rule::App(some("the app's identifier, for example com.example.app")?),
        "enrollment" => Rule::Enrollment(text.parse::<EnrollmentKind>().map_err(|_| String::from("choose how it is enrolled"))?),
        _ => return Err(String::from("choose a condition")),
    })
}

fn version(text: &str) -> Result<String, String> {
    let known = crate::protocol::os_version::OsVersion::parse(text).is_known();
    if known { Ok(text.to_owned()) } else { Err(String::from("a version, for example 17.5")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn classes() -> Vec<(String, String)> {
        vec![("c1".into(), "7b".into())]
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_rule_of_one_list_goes_into_the_builder_and_comes_out_the_same() {
        for json in [
            json!("everything"),
            json!({ "platform": "ios" }),
            json!({ "not": { "model": "Mac" } }),
            json!({ "all": [{ "not": { "person": true } }, { "not": { "role": "teacher" } }] }),
            json!({ "all": [{ "platform": "ios" }, { "os": { "at_least": "17" } }, { "not": { "class": "c1" } }, { "app": "com.example.maths" }] }),
            json!({ "any": [{ "serial": ["A", "B"] }, { "name": { "begins": "Cart" } }, { "role": "teacher" }, { "supervised": true }] }),
            json!({ "any": [{ "enrollment": "device" }, { "name": { "contains": "Art" } }, { "os": { "below": "18" } }] }),
        ] {
            let rule: Rule = serde_json::from_value(json.clone()).unwrap();
            let builder = Builder::of(&rule).unwrap();
            assert_eq!(serde_json::to_value(builder.rule(&classes()).unwrap()).unwrap(), json);
            let html = builder.render(&classes(), &[]).into_string();
            assert!(html.contains("name=\"what-0\""), "{html}");
        }
        let nested: Rule = serde_json::from_value(json!({ "all": [{ "any": ["everything", { "class": "c1" }] }] })).unwrap();
        assert_eq!(Builder::of(&nested), None);
        let many = Rule::Any(vec![Rule::Everything; ROWS_MAX + 1]);
        assert_eq!(Builder::of(&many), None);
    }

    #[test]
    fn what_was_typed_is_read_row_by_row() {
        let builder = Builder::read(&pairs("mode=any&what-0=class&not-0=1&value-0=7B&what-1=&value-1=x&what-2=supervised"));
        assert_eq!((builder.any, builder.rows.len()), (true, 3));
        let rule = builder.rule(&classes()).unwrap();
        assert_eq!(serde_json::to_value(rule).unwrap(), json!({ "any": [{ "not": { "class": "c1" } }, { "supervised": true }] }));
        let long = (0..=ROWS_MAX).map(|at| format!("what-{at}=supervised")).collect::<Vec<_>>().join("&");
        assert_eq!(Builder::read(&pairs(&long)).rows.len(), ROWS_MAX);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_row() {
        for (form, field) in [
            ("mode=all", "rule"),
            ("what-0=", "rule"),
            ("what-0=platform&value-0=toaster", "value-0"),
            ("what-0=supervised&what-1=os_least&value-1=new", "value-1"),
            ("what-0=class&value-0=9z", "value-0"),
            ("what-0=serial&value-0=, ,", "value-0"),
            ("what-0=name_begins&value-0=", "value-0"),
            ("what-0=nonsense&value-0=x", "value-0"),
        ] {
            let error = Builder::read(&pairs(form)).rule(&classes()).unwrap_err();
            assert_eq!(error.fields[0].field, field, "{form}");
        }
    }
}
