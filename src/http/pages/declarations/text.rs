//! Declarations as text: the form of an upload, the form that changes one, and what is wrong with either.

use maud::{Markup, html};

use super::error_of;
use crate::http::pages::parts::{Button, Field, Frame, Section, Shell, count, field, frame, post, upload};

/// The form of an upload.
#[derive(Debug, Clone, Default)]
pub struct UploadForm {
    /// What was typed for the name.
    pub name: String,
    /// What was typed, or what the chosen file says.
    pub text: String,
    /// What is wrong: field and message.
    pub errors: Vec<(String, String)>,
}

/// The form that changes what a declaration says.
#[derive(Debug, Clone, Default)]
pub struct EditForm {
    /// Our id for it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// All of it, JSON.
    pub text: String,
    /// What is wrong: field and message.
    pub errors: Vec<(String, String)>,
}

/// The most mistakes that are told at once.
const MISTAKES_MAX: usize = 8;

/// The page of the upload.
pub fn new(shell: &Shell, view: &UploadForm) -> Markup {
    let page = Frame { back: Some(("/declarations", t!("Declarations"))), ..Frame::new(Section::Profiles, t!("Upload declarations")) };
    let name = error_of(&view.errors, "name");
    let content = upload(
        "/declarations",
        html! {
            (field("file", t!("File")).kind("file").optional().accept(".json,application/json")
                .help(t!("One declaration or a list of them, as JSON. Or paste it below.")))
            (text_field(&view.text, &view.errors).optional())
            (field("name", t!("Name")).optional().value(&view.name).error(name.as_deref())
                .help(t!("For one declaration. Without a name it is called by its Identifier.")))
            div.form-foot { (Button::submit(t!("Check and add")).main()) (Button::link("/declarations", t!("Cancel"))) }
        },
    );
    frame(shell, &page, content)
}

/// The page that changes what a declaration says.
pub fn edit(shell: &Shell, view: &EditForm) -> Markup {
    let own = format!("/declarations/{}", view.id);
    let page = Frame { back: Some((&own, &view.name)), ..Frame::new(Section::Profiles, t!("Change what it says")) };
    let content = post(
        &format!("{own}/edit"),
        html! {
            div.form {
                p { (t!("Type and Identifier stay as they are. Devices that have it get the new version at their next connection.")) }
                (text_field(&view.text, &view.errors))
                div.form-foot { (Button::submit(t!("Check and save")).main()) (Button::link(own.clone(), t!("Cancel"))) }
            }
        },
    );
    frame(shell, &page, content)
}

/// The text of a declaration with everything that is wrong with it.
fn text_field<'a>(text: &'a str, errors: &'a [(String, String)]) -> Field<'a> {
    // The first mistake stands where the browser reads it out; the page of the form shows all in one sentence.
    let wrong = errors.iter().find(|(name, _)| name != "name").map(|(_, words)| words.as_str());
    field("text", t!("Declarations"))
        .lines(18)
        .mono()
        .value(text)
        .error(wrong)
        .help(t!("Type, Identifier and Payload. A ServerToken is passed over."))
}

/// Puts mistakes of fields together, each with its place: they all stand at the one text.
pub fn mistakes(errors: Vec<(String, String)>) -> Vec<(String, String)> {
    let (own, rest): (Vec<_>, Vec<_>) = errors.into_iter().partition(|(name, _)| name == "name");
    let told = rest.iter().take(MISTAKES_MAX).map(|(place, words)| match place.as_str() {
        "" | "text" => words.clone(),
        place => format!("{place} {}", lower_first(words)),
    });
    let mut words = told.collect::<Vec<_>>().join(" ");
    if rest.len() > MISTAKES_MAX {
        words = t!("{words} And {more}.", words, more = count((rest.len() - MISTAKES_MAX) as u64, t!("mistake more"), t!("mistakes more")));
    }
    let text = (!words.is_empty()).then(|| (String::from("text"), words));
    own.into_iter().chain(text).collect()
}

fn lower_first(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell::for_tests(Section::Profiles, NOW)
    }

    #[test]
    fn mistakes_stand_together_at_the_text_and_have_an_end() {
        let fault = |place: &str, words: &str| (place.to_owned(), words.to_owned());
        let told = mistakes(vec![fault("[1].Payload.Echo", "Is required."), fault("name", "Too long."), fault("", "No JSON.")]);
        assert_eq!(told, [fault("name", "Too long."), fault("text", "[1].Payload.Echo is required. No JSON.")]);
        let many: Vec<_> = (0..20).map(|number| fault(&format!("[{number}].Type"), "Is missing.")).collect();
        assert!(mistakes(many)[0].1.ends_with("And 12 mistakes more."));
        let html = new(&shell(), &UploadForm { text: "{</textarea>".into(), errors: told, ..UploadForm::default() }).into_string();
        assert!(html.contains("id=\"f-text-error\"") && html.contains("{&lt;/textarea&gt;"), "{html}");
    }
}
