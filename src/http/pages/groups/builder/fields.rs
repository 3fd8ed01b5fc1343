//! The builder as fields of a form.

use crate::language::say;
use maud::{Markup, Render as _, html};

use super::super::super::parts::Button;
use super::{Builder, BuilderRow, EVERYTHING, ROWS_MAX};

/// What a row can ask for: its word in the form, and what people read.
const KINDS: [(&str, &str); 14] = [
    ("", "–"),
    ("platform", msg!("of the kind")),
    ("os_least", msg!("on a system of at least")),
    ("os_below", msg!("on a system older than")),
    ("model", msg!("of a model whose name contains")),
    ("supervised", msg!("supervised")),
    ("name_contains", msg!("called something that contains")),
    ("name_begins", msg!("called something that begins with")),
    ("serial", msg!("one of these serial numbers")),
    ("class", msg!("used by somebody in the class")),
    ("role", msg!("used by somebody who is")),
    ("person", msg!("used by somebody we know")),
    ("app", msg!("equipped with the app of this identifier")),
    ("enrollment", msg!("enrolled as")),
];

impl Builder {
    /// The fields.
    pub fn render(&self, classes: &[(String, String)], errors: &[(String, String)]) -> Markup {
        let error = |name: &str| errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
        let mut rows = self.rows.clone();
        if rows.is_empty() {
            rows.push(BuilderRow::default());
        }
        let has_room = rows.len() < ROWS_MAX;
        let add =
            |words: &'static str, to: &str| html! { @if has_room { (Button::submit(words).small().sends("do", to).unchecked().render()) } };
        let numbered: Vec<_> = rows.iter().enumerate().collect();
        html! {
            fieldset.stack #conditions {
                legend { (t!("A device is in the group if it meets")) }
                select.input name="mode" aria-label=(t!("How many of the conditions")) {
                    option value="all" selected[!self.any] { (t!("every one of these conditions")) }
                    option value="any" selected[self.any] { (t!("at least one of these conditions")) }
                }
                @if let Some(words) = error("rule") { p.error role="alert" { (words) } }
                @for part in numbered.chunk_by(|(_, one), (_, next)| one.list.is_some() && one.list == next.list) {
                    @let fields = html! { @for (at, row) in part { (fields(*at, row, classes, error(&format!("value-{at}")))) } };
                    @if let Some(list) = part.first().and_then(|(_, row)| row.list) {
                        fieldset.stack.condition-list {
                            legend { @if self.any { (t!("every one of these")) } @else { (t!("at least one of these")) } }
                            (fields)
                            div.row { (add(t!("Add to this list"), &format!("add-to-{list}"))) }
                        }
                    } @else { (fields) }
                }
                @if rows.iter().any(|row| row.not && matches!(row.what.as_str(), "class" | "role")) {
                    p.meta { (t!("A device that belongs to nobody is not found by “it is not used by somebody in a class, or who is something”. Ask for “it is not used by somebody we know” to find those.")) }
                }
                @if has_room {
                    div.row {
                        (add(t!("Add a condition"), "add"))
                        (add(if self.any { t!("Add a list that must be met whole") } else { t!("Add a list of alternatives") }, "add-list"))
                    }
                } @else { p.meta { (t!("There is room for ")) (ROWS_MAX) (t!(" conditions here. Longer rules are made through the API.")) } }
            }
        }
    }
}

fn fields(at: usize, row: &BuilderRow, classes: &[(String, String)], error: Option<&str>) -> Markup {
    let (what, not, value, list) = (format!("what-{at}"), format!("not-{at}"), format!("value-{at}"), format!("list-{at}"));
    let number = at + 1;
    let kinds = KINDS.iter().copied().chain([(EVERYTHING, msg!("any device at all"))]);
    html! {
        div.field.condition role="group" aria-label=(t!("Condition {number}", number)) {
            @if let Some(number) = row.list { input type="hidden" name=(list) value=(number); }
            div.row {
                select.input name=(not) aria-label=(t!("Condition {number}: is or is not", number)) {
                    option value="" selected[!row.not] { (t!("It is")) }
                    option value="1" selected[row.not] { (t!("It is not")) }
                }
                select.input name=(what) aria-label=(t!("Condition {number}: what", number)) {
                    @for (word, words) in kinds { option value=(word) selected[word == row.what] { (say(words)) } }
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
        what => fixed(what).iter().map(|(value, words)| ((*value).to_owned(), say(words).to_owned())).collect(),
    };
    if row.what == "class" || !choices.is_empty() {
        return html! {
            select.input name=(name) aria-label=(t!("Which")) aria-invalid=[invalid] {
                @if !choices.iter().any(|(value, _)| *value == row.value) { option value=(row.value) selected { (t!("Choose…")) } }
                @for (value, words) in &choices { option value=(value) selected[*value == row.value] { (words) } }
            }
        };
    }
    let example = match row.what.as_str() {
        "os_least" | "os_below" => "17.5",
        "model" => t!("iPad13, MacBook Air"),
        "serial" => t!("TESTSN0001, TESTSN0002"),
        "app" => "com.example.app",
        "" => t!("Choose a condition first"),
        _ => t!("Cart A"),
    };
    html! { input.input type="text" name=(name) value=(row.value) placeholder=(example) aria-label=(t!("What exactly")) aria-invalid=[invalid] autocomplete="off"; }
}

/// Choices that are always the same.
fn fixed(what: &str) -> &'static [(&'static str, &'static str)] {
    match what {
        "platform" => &[
            ("ios", msg!("an iPhone or iPad")),
            ("macos", msg!("a Mac")),
            ("tvos", msg!("an Apple TV")),
            ("visionos", msg!("an Apple Vision Pro")),
            ("watchos", msg!("an Apple Watch")),
        ],
        "role" => &[("student", msg!("a student")), ("teacher", msg!("a teacher")), ("staff", msg!("on the staff"))],
        "enrollment" => &[("device", msg!("the organisation's device")), ("user_enrollment_device", msg!("a person's own device"))],
        _ => &[],
    }
}
