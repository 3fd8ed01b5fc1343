//! What an app itself is to know, asked as its maker asks: a field for each key, choices, limits, suggestions; and the file that says so.

use maud::{Markup, html};

use super::super::parts::{Button, Fact, State, badge, checkbox, encode, facts, field, moment, named, post, select, upload_up_to};
use crate::clock::Timestamp;
use crate::protocol::app_config::{Field, Kind, MAX_BYTES, Schema};

/// Before the key in the name of a field, and in the name of what is wrong with it.
pub const PREFIX: &str = "configuration.";

/// The form as it stands.
#[derive(Debug, Clone)]
pub struct FormView {
    /// What the maker says.
    pub schema: Schema,
    /// Who brought the maker's file.
    pub brought_by: String,
    /// When.
    pub brought_at: Timestamp,
    /// What stands in the fields: keys, each with one text or with one for each item of a list.
    pub typed: Vec<(String, Vec<String>)>,
    /// Keys that are set and that the maker does not mention, with their values.
    pub also: Vec<(String, String)>,
}

impl FormView {
    fn typed(&self, key: &str) -> &[String] {
        self.typed.iter().find(|(known, _)| known == key).map(|(_, texts)| texts.as_slice()).unwrap_or_default()
    }

    fn is_blank(&self, key: &str) -> bool {
        self.typed(key).iter().all(|text| text.trim().is_empty())
    }

    /// Puts what the maker suggests into the fields where nothing stands.
    pub fn suggest(&mut self) {
        let blank = self.schema.fields().filter(|field| !field.suggested.is_empty() && self.is_blank(&field.key));
        let suggested: Vec<_> = blank.map(|field| (field.key.clone(), field.suggested.clone())).collect();
        self.typed.retain(|(key, _)| suggested.iter().all(|(blank, _)| blank != key));
        self.typed.extend(suggested);
    }
}

/// What is wrong: field and message.
pub type Errors = [(String, String)];

fn error<'a>(errors: &'a Errors, of: &str) -> Option<&'a str> {
    errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str())
}

fn error_of<'a>(errors: &'a Errors, field: &Field) -> Option<&'a str> {
    errors.iter().find(|(name, _)| name.strip_prefix(PREFIX) == Some(&field.key)).map(|(_, words)| words.as_str())
}

/// The name that a key's field has in the form: without spaces, whatever the key is.
pub fn name_of(key: &str) -> String {
    format!("{PREFIX}{}", encode(key))
}

/// The form of the app `id`.
pub fn form(id: &str, view: &FormView, errors: &Errors) -> Markup {
    let hidden: Vec<&Field> = view.schema.fields().filter(|field| field.is_hidden).collect();
    let is_wrong = hidden.iter().any(|field| error_of(errors, field).is_some());
    let offers = view.schema.fields().any(|field| !field.suggested.is_empty() && view.is_blank(&field.key));
    html! {
        (post(&format!("/apps/{id}/form"), html! {
            div.form {
                @if let Some(error) = error(errors, "configuration") { p.error role="alert" { (error) } }
                @for group in &view.schema.groups {
                    @let fields: Vec<&Field> = group.fields.iter().filter(|field| !field.is_hidden).collect();
                    @if group.name.is_empty() {
                        @for field in fields { (one(view, field, error_of(errors, field))) }
                    } @else if !fields.is_empty() {
                        fieldset.stack { legend { (named(&group.name)) } @for field in fields { (one(view, field, error_of(errors, field))) } }
                    }
                }
                @if !hidden.is_empty() {
                    details open[is_wrong] {
                        summary { (t!("What the maker usually does not show")) }
                        div.stack { @for field in hidden { (one(view, field, error_of(errors, field))) } }
                    }
                }
                div.form-foot {
                    (Button::submit(t!("Save the configuration")).main())
                    @if offers { (Button::submit(t!("Fill in what the maker suggests")).sends("suggest", "1").unchecked()) }
                }
                p.quiet { (t!("An empty field is not sent to the app. No passwords: the app's person can read all of it.")) }
            }
        }))
        @if !view.also.is_empty() {
            h3 { (t!("Also set")) }
            p.quiet { (t!("The form does not ask for these. They stay as they are, and can be changed as a property list.")) }
            (facts(&view.also.iter().map(|(key, value)| Fact::code(key.clone(), value)).collect::<Vec<_>>()))
        }
        @if !view.schema.unheld.is_empty() {
            p.quiet { (t!("The maker's pattern for these keys cannot be used here, so what you type for them is not held against it: ")) (view.schema.unheld.join(", ")) "." }
        }
        @if !view.schema.unread.is_empty() {
            p.quiet { (t!("These keys are of a kind that a form cannot ask for, and can be set as a property list: ")) (view.schema.unread.join(", ")) "." }
        }
    }
}

/// The field of a key, of the sort that fits what it may be.
fn one(view: &FormView, asked: &Field, error: Option<&str>) -> Markup {
    let (name, texts, help) = (name_of(&asked.key), view.typed(&asked.key), help(asked));
    let text = texts.join("\n");
    if asked.is_list && !asked.choices.is_empty() {
        return several(&name, asked, texts, &help, error);
    }
    if !asked.is_list && (asked.kind == Kind::Boolean || !asked.choices.is_empty()) {
        return select(&name, &asked.label, &options(asked, &text), &text, &help, error);
    }
    let label = if asked.kind == Kind::Date { t!("{label}, in UTC", label = asked.label) } else { asked.label.clone() };
    let plain = field(&name, &label).value(&text).help(&help).error(error);
    let plain = if asked.is_required { plain } else { plain.optional() };
    match asked.kind {
        _ if asked.is_list => html! { (plain.lines(4)) },
        Kind::String if text.contains('\n') => html! { (plain.lines(4)) },
        Kind::Integer => html! { (plain.kind("number")) },
        // What was typed and is no moment would be thrown away by a field for moments.
        Kind::Date if error.is_none() => html! { (plain.kind("datetime-local")) },
        _ => html! { (plain) },
    }
}

/// The choices of a key, with one that leaves it out, and with what stands there although it is none of them.
fn options(asked: &Field, text: &str) -> Vec<(String, String)> {
    let mut options = vec![(String::new(), String::from(t!("Not set")))];
    if asked.choices.is_empty() {
        options.extend([("true", t!("Yes")), ("false", t!("No"))].map(|(value, words)| (value.to_owned(), words.to_owned())));
    }
    options.extend(asked.choices.iter().map(|choice| (choice.value.clone(), choice.label.clone())));
    if options.iter().all(|(value, _)| value != text) {
        options.push((text.to_owned(), t!("{text} (none of the choices)", text)));
    }
    options
}

/// A list of choices: each may be ticked. What stands there although it is none of them can be unticked.
fn several(name: &str, asked: &Field, texts: &[String], help: &str, error: Option<&str>) -> Markup {
    let others = texts.iter().filter(|text| !text.is_empty() && asked.choices.iter().all(|choice| choice.value != **text));
    let choices = asked.choices.iter().map(|choice| (&choice.value, choice.label.clone()));
    let choices = choices.chain(others.map(|text| (text, t!("{text} (none of the choices)", text))));
    html! {
        fieldset.stack {
            legend { (asked.label) }
            @if let Some(error) = error { p.error role="alert" { (error) } }
            // Without it, nothing at all would be sent where none is ticked.
            input type="hidden" name=(name) value="";
            @for (value, label) in choices { (tick(name, value, &label, texts.contains(value))) }
            @if !help.is_empty() { p.help { (help) } }
        }
    }
}

fn tick(name: &str, value: &str, label: &str, ticked: bool) -> Markup {
    let id = format!("f-{name}-{}", encode(value));
    html! {
        div.choice {
            input type="checkbox" id=(id) name=(name) value=(value) checked[ticked];
            label for=(id) { (label) }
        }
    }
}

/// What the maker says of a key, its limits, and what is suggested.
fn help(asked: &Field) -> String {
    let sentence = |text: &str| {
        let text = text.trim();
        if text.is_empty() || text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
    };
    let mut said = vec![sentence(&asked.description)];
    if let Some(limits) = asked.limits() {
        said.push(format!("{}{}.", limits[..1].to_uppercase(), &limits[1..]));
    }
    if asked.is_list && asked.choices.is_empty() {
        said.push(String::from(t!("One a line.")));
    }
    let label = |value: &String| {
        asked.choices.iter().find(|choice| choice.value == *value).map_or(value.as_str(), |choice| &choice.label).to_owned()
    };
    let suggested: Vec<String> = match asked.kind {
        Kind::Boolean if asked.choices.is_empty() => {
            asked.suggested.iter().map(|text| if text == "true" { "yes" } else { "no" }.to_owned()).collect()
        }
        _ => asked.suggested.iter().map(label).collect(),
    };
    if !suggested.is_empty() {
        said.push(t!("The maker suggests: {list}", list = suggested.join(", ")));
    }
    said.retain(|text| !text.is_empty());
    said.join(" ")
}

/// Where the form comes from, another file in its place, and how it goes.
pub fn about(id: &str, view: &FormView, errors: &Errors) -> Markup {
    let version = if view.schema.version.is_empty() {
        String::from(t!("without a version"))
    } else {
        t!("version {version}", version = view.schema.version)
    };
    html! {
        p {
            (badge(State::Ok, t!("From the app's maker"))) " "
            (t!("The form is made from the maker's file, ")) (version) ". " (if view.brought_by == "console" { t!("The appliance's own command line") } else { view.brought_by.as_str() }) (t!(" brought it, ")) (moment(view.brought_at)) "."
        }
        (bring(id, t!("Use this file instead"), errors))
        (post(&format!("/apps/{id}/schema/delete"), html! {
            div.row { (Button::submit(t!("Take the form away")).destructive()) span.quiet { (t!("What is set stays.")) } }
        }))
    }
}

/// The form for bringing the maker's file.
pub fn bring(id: &str, verb: &str, errors: &Errors) -> Markup {
    upload_up_to(
        &format!("/apps/{id}/schema"),
        MAX_BYTES,
        html! {
            (field("file", t!("Specification file of the app")).kind("file").accept(".xml,application/xml,text/xml").error(error(errors, "file"))
                .help(t!("Many makers give one for device management, often called appconfig.xml. Then a form asks for each key, with its choices.")))
            div.form-foot { (Button::submit(verb)) }
        },
    )
}

/// Whether what is typed as a text is held against what the maker says.
pub fn unchecked(ticked: bool) -> Markup {
    checkbox(
        "unchecked",
        t!("Save it also where it does not fit the maker's file"),
        ticked,
        t!("Files of makers are old or wrong at times."),
    )
}
