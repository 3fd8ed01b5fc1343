//! Fields of a form: label above, help under, what is wrong at the field, nothing typed lost.

use maud::{Markup, Render, html};

use super::named::{direction, named};
use super::places::way_in;
use super::state::{State, state_square};
use crate::language::harmless;

/// A field to type in. Made by [`field`], shown by writing it into a template.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    value: &'a str,
    help: &'a str,
    error: Option<&'a str>,
    optional: bool,
    autocomplete: &'a str,
    placeholder: &'a str,
    pattern: Option<&'a str>,
    lines: u8,
    mono: bool,
    autofocus: bool,
    accept: &'a str,
    several: bool,
    suggestions: &'a [String],
}

/// A required line of text called `name`; the methods make it other than that.
pub fn field<'a>(name: &'a str, label: &'a str) -> Field<'a> {
    Field {
        name,
        label,
        kind: "text",
        value: "",
        help: "",
        error: None,
        optional: false,
        autocomplete: "off",
        placeholder: "",
        pattern: None,
        lines: 1,
        mono: false,
        autofocus: false,
        accept: "",
        several: false,
        suggestions: &[],
    }
}

impl<'a> Field<'a> {
    /// The HTML input type: `password`, `email`, `number`, `date`, `datetime-local`, `url`, `file`.
    #[must_use]
    pub fn kind(mut self, kind: &'a str) -> Self {
        self.kind = kind;
        self
    }

    /// What was typed before, or what stands there first. Passwords and files are never given back.
    #[must_use]
    pub fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    /// One sentence under the field.
    #[must_use]
    pub fn help(mut self, help: &'a str) -> Self {
        self.help = help;
        self
    }

    /// What is wrong with what was typed and what to do.
    #[must_use]
    pub fn error(mut self, error: Option<&'a str>) -> Self {
        self.error = error;
        self
    }

    /// The field may stay empty; its label says so.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The browser's word for what it may fill in, for example `username`, `current-password`, `new-password`.
    #[must_use]
    pub fn autocomplete(mut self, word: &'a str) -> Self {
        self.autocomplete = word;
        self
    }

    /// An example in the empty field; never the only place where something is said.
    #[must_use]
    pub fn example(mut self, text: &'a str) -> Self {
        self.placeholder = text;
        self
    }

    /// A regular expression that the whole value must match.
    #[must_use]
    pub fn pattern(mut self, pattern: &'a str) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Room for `lines` lines of text.
    #[must_use]
    pub fn lines(mut self, lines: u8) -> Self {
        self.lines = lines;
        self
    }

    /// Identifiers, codes, certificates: the fixed-width face, no spelling help.
    #[must_use]
    pub fn mono(mut self) -> Self {
        self.mono = true;
        self
    }

    /// The field to type in first.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.autofocus = true;
        self
    }

    /// For files: endings and types to offer, for example `.pem,.cer`.
    #[must_use]
    pub fn accept(mut self, accept: &'a str) -> Self {
        self.accept = accept;
        self
    }

    /// For files: more than one may be chosen.
    #[must_use]
    pub fn several(mut self) -> Self {
        self.several = true;
        self
    }

    /// Words that were used before, offered while one types; others may be typed all the same.
    #[must_use]
    pub fn suggests(mut self, words: &'a [String]) -> Self {
        self.suggestions = words;
        self
    }

    fn list(&self) -> Option<String> {
        (!self.suggestions.is_empty()).then(|| format!("{}-list", id(self.name)))
    }

    fn input(&self) -> Markup {
        let described = described(self.name, self.help, self.error);
        let class = if self.mono { "input mono" } else { "input" };
        let invalid = self.error.map(|_| "true");
        if self.lines > 1 {
            return html! {
                textarea id=(id(self.name)) name=(self.name) class=(class) rows=(self.lines) required[!self.optional] autofocus[self.autofocus]
                    placeholder=[some(self.placeholder)] spellcheck=[self.mono.then_some("false")]
                    aria-describedby=[described] aria-invalid=[invalid] dir=[direction(self.value)] { "\n" (self.value) }
            };
        }
        let file = self.kind == "file";
        let given_back = (!self.value.is_empty() && self.kind != "password" && !file).then_some(self.value);
        // A browser throws away what is not a number in a field of that type; nothing typed is to be lost.
        let number = self.kind == "number";
        let kind = if number { "text" } else { self.kind };
        html! {
            input id=(id(self.name)) name=(self.name) type=(kind) inputmode=[number.then_some("numeric")] class=[(!file).then_some(class)] value=[given_back]
                required[!self.optional] autofocus[self.autofocus] autocomplete=[(!file).then_some(self.autocomplete)]
                placeholder=[some(self.placeholder)] pattern=[self.pattern] list=[self.list()] accept=[some(self.accept)] multiple[self.several]
                spellcheck=[self.mono.then_some("false")] autocapitalize=[self.mono.then_some("none")]
                aria-describedby=[described] aria-invalid=[invalid] dir=[given_back.and_then(direction)];
        }
    }
}

impl Render for Field<'_> {
    fn render(&self) -> Markup {
        let input = self.input();
        html! {
            div.field {
                label for=(id(self.name)) { (self.label) @if self.optional { span.optional { (t!(" (optional)")) } } }
                @if self.kind == "file" { div.drop data-drop { (input) } } @else { (input) }
                @if let Some(list) = self.list() { datalist id=(list) { @for word in self.suggestions { option value=(word) dir=[direction(word)] {} } } }
                // A file that was dropped on the wrong page leads to the right one.
                (under_with(self.name, self.help, self.error, self.error.filter(|_| self.kind == "file").and_then(way_in)))
            }
        }
    }
}

/// One of several values; `options` are values and words, `chosen` the value that stands there.
pub fn select(name: &str, label: &str, options: &[(String, String)], chosen: &str, help: &str, error: Option<&str>) -> Markup {
    html! {
        div.field {
            label for=(id(name)) { (label) }
            select.input id=(id(name)) name=(name) aria-describedby=[described(name, help, error)] aria-invalid=[error.map(|_| "true")] {
                @for (value, words) in options {
                    option value=(value) selected[value == chosen] dir=[direction(words)] { (harmless(words)) }
                }
            }
            (under(name, help, error))
        }
    }
}

/// Something to say yes to; sends `name=1` when ticked.
pub fn checkbox(name: &str, label: &str, ticked: bool, help: &str) -> Markup {
    choice("checkbox", name, "1", label, ticked, help)
}

/// The same, with what is wrong with its being ticked.
pub fn checkbox_with(name: &str, label: &str, ticked: bool, help: &str, error: Option<&str>) -> Markup {
    html! { (checkbox(name, label, ticked, help)) (under(name, "", error)) }
}

/// What is wrong with a set of boxes that stands within an element of the field's id.
pub fn wrong(name: &str, error: Option<&str>) -> Markup {
    under(name, "", error)
}

/// A box of several under the same `name`, each sent by its value.
pub fn box_of(name: &str, value: &str, label: &str, ticked: bool) -> Markup {
    choice("checkbox", name, value, label, ticked, "")
}

/// One of several answers of the same `name`, each with its own words.
pub fn radio(name: &str, value: &str, label: &str, chosen: bool, help: &str) -> Markup {
    choice("radio", name, value, label, chosen, help)
}

fn choice(kind: &str, name: &str, value: &str, label: &str, on: bool, help: &str) -> Markup {
    let id = format!("f-{name}-{value}");
    let help_id = (!help.is_empty()).then(|| format!("{id}-help"));
    html! {
        div.choice {
            input type=(kind) id=(id) name=(name) value=(value) checked[on] aria-describedby=[help_id.as_deref()];
            div {
                label for=(id) { (named(label)) }
                @if let Some(help_id) = &help_id { p.meta id=(help_id) { (help) } }
            }
        }
    }
}

fn under(name: &str, help: &str, error: Option<&str>) -> Markup {
    under_with(name, help, error, None)
}

fn under_with(name: &str, help: &str, error: Option<&str>, way: Option<(&str, &str)>) -> Markup {
    html! {
        @if let Some(error) = error {
            p.error id=(format!("{}-error", id(name))) {
                (state_square(State::Problem, 10))
                @match way {
                    Some((href, words)) => span.told { span { (error) } " " a href=(href) { (words) } },
                    None => span { (error) },
                }
            }
        }
        @if !help.is_empty() { p.help id=(format!("{}-help", id(name))) { (help) } }
    }
}

fn id(name: &str) -> String {
    format!("f-{name}")
}

fn described(name: &str, help: &str, error: Option<&str>) -> Option<String> {
    let ids: Vec<String> = [(error.is_some(), "error"), (!help.is_empty(), "help")]
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, what)| format!("{}-{what}", id(name)))
        .collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_at_its_field_and_what_was_typed_stays() {
        let html = field("name", "Name")
            .value("Art \"room\" <1>")
            .help("As people call it.")
            .error(Some("This name is taken."))
            .render()
            .into_string();
        assert!(html.contains("value=\"Art &quot;room&quot; &lt;1&gt;\""), "{html}");
        assert!(html.contains("aria-describedby=\"f-name-error f-name-help\" aria-invalid=\"true\""), "{html}");
        assert!(html.contains("id=\"f-name-error\"") && html.contains("This name is taken."), "{html}");
        assert!(html.contains("<label for=\"f-name\">Name</label>"), "{html}");
    }

    #[test]
    fn a_file_of_another_page_leads_there() {
        let told = "This is a configuration profile (.mobileconfig). It belongs under Profiles and policies.";
        let html = field("file", "Content token").kind("file").error(Some(told)).render().into_string();
        assert!(html.contains("<a href=\"/profiles/new\">Upload a profile</a>"), "{html}");
        for other in
            [field("file", "Content token").kind("file").error(Some("This is a picture.")), field("note", "Note").error(Some(told))]
        {
            assert!(!other.render().into_string().contains("<a "));
        }
    }

    #[test]
    fn a_password_is_never_given_back() {
        let html = field("password", "Password").kind("password").value("open sesame").render().into_string();
        assert!(!html.contains("sesame"), "{html}");
    }

    #[test]
    fn what_is_not_a_number_stays_to_be_mended() {
        let html = field("days", "Days").kind("number").value("many").render().into_string();
        assert!(html.contains("type=\"text\" inputmode=\"numeric\"") && html.contains("value=\"many\""), "{html}");
    }

    #[test]
    fn text_of_several_lines_keeps_its_first_empty_line_and_cannot_leave_its_field() {
        let html = field("note", "Note").lines(3).optional().value("\n</textarea><script>").render().into_string();
        assert!(html.contains(">\n\n&lt;/textarea&gt;&lt;script&gt;</textarea>"), "{html}");
        assert!(html.contains("(optional)") && !html.contains("required"), "{html}");
    }

    #[test]
    fn the_chosen_option_is_chosen() {
        let options = [("a".to_owned(), "Cart A".to_owned()), ("b".to_owned(), "Cart B".to_owned())];
        let html = select("group", "Group", &options, "b", "", None).into_string();
        assert!(html.contains("<option value=\"b\" selected>Cart B</option>") && html.matches("selected").count() == 1, "{html}");
    }
}
