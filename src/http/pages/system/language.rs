//! The language that pages speak, and how to bring another one.

use maud::{Markup, html};

use super::super::parts::{
    Button, Fact, Frame, Icon, Section, Shell, State, badge, facts, field, frame, post, section, thousands, time_ago,
};
use crate::clock::Timestamp;

/// Where the page is.
pub const ADDRESS: &str = "/system/language";

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct LanguageView {
    /// What was brought; none where English is spoken because nobody brought anything.
    pub brought: Option<BroughtView>,
    /// The tag as it was typed.
    pub tag: String,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// A language that was brought.
#[derive(Debug, Clone)]
pub struct BroughtView {
    /// Its tag.
    pub tag: String,
    /// How many texts are translated.
    pub translated: u64,
    /// How many texts there are.
    pub of: u64,
    /// The first English texts whose translations are not used.
    pub left_out: Vec<String>,
    /// How many those are in all.
    pub left_out_total: u64,
    /// Why it cannot be used any more, so that English is spoken.
    pub problem: Option<String>,
    /// When it was brought.
    pub since: Timestamp,
    /// Who brought it.
    pub by: String,
}

/// The page.
pub fn page(shell: &Shell, view: &LanguageView) -> Markup {
    let content = html! {
        @match &view.brought {
            Some(brought) => (how_it_is(brought, shell.now)),
            None => (facts(&[Fact::text(t!("Pages speak"), t!("English"))])),
        }
        @if view.may_change {
            @if view.brought.is_some() {
                div.row { (post(&format!("{ADDRESS}/english"), html! { (Button::submit(t!("Speak English again"))) })) }
            }
            (section(t!("Bring another language"), form(view)))
        } @else {
            p.quiet { (t!("Only admins change this.")) }
        }
        (section(t!("Translate it yourself"), html! {
            p { (t!("Save the file of English texts, open it in Poedit or Weblate, and write beside each text how it is said in your language. Then bring what is saved there, with an ending of .po, to this page.")) }
            p { (t!("What stands in braces, like {name}, is filled in later: keep it as it is, at any place of the sentence. What you leave empty is said in English.")) }
            p { (Button::link(format!("{ADDRESS}/template"), t!("English texts to translate")).icon(Icon::Download).download()) }
        }))
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), ..Frame::new(Section::System, t!("Language")) }, content)
}

fn how_it_is(brought: &BroughtView, now: Timestamp) -> Markup {
    let (translated, of) = (thousands(brought.translated), thousands(brought.of));
    let speaks = if brought.problem.is_some() {
        badge(State::Problem, &t!("English, because {tag} cannot be used any more", tag = brought.tag))
    } else {
        html! { (brought.tag) }
    };
    let about = [
        Fact::new(t!("Pages speak"), speaks),
        Fact::text(t!("Translated"), &t!("{translated} of {of} texts; the others are said in English", translated, of)),
        Fact::new(t!("Brought"), html! { (time_ago(brought.since, now)) ", " (brought.by) }),
    ];
    html! {
        (facts(&about))
        @if let Some(problem) = &brought.problem {
            p { (t!("What is wrong with it: {problem}. Bring a newer file, or speak English again.", problem)) }
        }
        @if brought.left_out_total > 0 {
            p { (t!("Texts whose translations do not keep what stands in braces, and which are said in English: {count}", count = thousands(brought.left_out_total))) }
            details {
                summary { (t!("Which they are")) }
                ul {
                    @for text in &brought.left_out { li { (text) } }
                    @if brought.left_out_total > brought.left_out.len() as u64 { li.quiet { "…" } }
                }
            }
        }
    }
}

/// Deliberately without the script's upload, which would put a page of one language into the frame of another.
fn form(view: &LanguageView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    html! {
        form.form method="post" action=(format!("{ADDRESS}/file")) enctype="multipart/form-data" {
            @if let Some(words) = error("") { p.error role="alert" { (words) } }
            (field("tag", t!("Language")).optional().mono().value(&view.tag).example("de").error(error("tag"))
                .help(t!("Its tag, like de or pt-BR. Left empty, the one that the file says.")))
            (field("file", t!("File of translations")).kind("file").accept(".po").error(error("file"))
                .help(t!("Everybody reads pages in this language from then on, and mails too.")))
            div.form-foot { (Button::submit(t!("Speak this language")).icon(Icon::Upload).main()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn brought() -> BroughtView {
        BroughtView {
            tag: "de".into(),
            translated: 3_000,
            of: 3_412,
            left_out: vec!["{name} has <left>".into()],
            left_out_total: 25,
            problem: None,
            since: NOW,
            by: "Ada (owner)".into(),
        }
    }

    #[test]
    fn the_page_says_how_much_is_translated_and_what_is_not_used() {
        let shell = Shell::for_tests(Section::System, NOW);
        let view = LanguageView { brought: Some(brought()), may_change: true, ..LanguageView::default() };
        let html = page(&shell, &view).into_string();
        for part in [
            "3,000 of 3,412 texts",
            "in English: 25",
            "{name} has &lt;left&gt;",
            "…",
            "Speak English again",
            "Ada (owner)",
            "like {name}, is",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("data-upload"), "{html}");
        let gone = BroughtView { problem: Some("none of its <texts> is said here".into()), left_out_total: 0, ..brought() };
        let html = page(&shell, &LanguageView { brought: Some(gone), ..view }).into_string();
        assert!(html.contains("English, because de cannot be used") && html.contains("none of its &lt;texts&gt;"), "{html}");
        assert!(!html.contains("Which they are"), "{html}");
    }

    #[test]
    fn who_may_not_change_it_is_offered_no_form_and_english_needs_no_button() {
        let shell = Shell::for_tests(Section::System, NOW);
        let looked = page(&shell, &LanguageView { brought: Some(brought()), ..LanguageView::default() }).into_string();
        assert!(!looked.contains("action=\"/system/language") && looked.contains("Only admins"), "{looked}");
        let english = page(&shell, &LanguageView { may_change: true, ..LanguageView::default() }).into_string();
        assert!(english.contains("name=\"file\"") && !english.contains("Speak English again"), "{english}");
        let errors = vec![("tag".into(), "write a language as its tag".into())];
        let wrong = page(&shell, &LanguageView { may_change: true, tag: "German".into(), errors, brought: None }).into_string();
        assert!(wrong.contains("id=\"f-tag-error\"") && wrong.contains("value=\"German\""), "{wrong}");
    }
}
