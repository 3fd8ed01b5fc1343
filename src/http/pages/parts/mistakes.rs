//! What is wrong with a form, said at the top of its page: each mistake leads to its field.

use maud::{Markup, PreEscaped, html};

/// What the fields of all our forms begin their mistakes with.
const MISTAKE: &str = "<p class=\"error\" id=\"";

/// A mistake that stands at its field: the field's id, its label and what is wrong, as they stand on the page.
struct Mistake<'a> {
    id: &'a str,
    /// The id of what it leads to.
    at: String,
    label: &'a str,
    words: &'a str,
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn found(page: &str) -> Vec<Mistake<'_>> {
    let mistakes = page.split(MISTAKE).skip(1).filter_map(|rest| {
        let (id, _) = rest.split_once("-error\"")?;
        let words = between(rest, "<span>", "</span>")?;
        let own = |before: &str| between(page, &before.replace("ID", id), "<");
        // A box to tick has its own id, a set of boxes a legend.
        if let Some(label) = own("<label for=\"ID\">").or_else(|| own("id=\"ID\" tabindex=\"-1\"><legend>")) {
            return Some(Mistake { at: id.to_owned(), id, label, words });
        }
        let label = own("<label for=\"ID-1\">");
        let at = if label.is_some() { format!("{id}-1") } else { id.to_owned() };
        Some(Mistake { at, id, label: label.unwrap_or_default(), words })
    });
    // What must be typed before a deed stands beside its button.
    mistakes.filter(|mistake| mistake.id != "f-typed").collect()
}

/// The summary of the mistakes in `content`, where there are any; it is what is read first.
pub(super) fn mistakes(content: &Markup) -> Markup {
    let mistakes = found(&content.0);
    if mistakes.is_empty() {
        return Markup::default();
    }
    html! {
        div.mistakes role="alert" tabindex="-1" autofocus {
            p { strong { @if mistakes.len() == 1 { (t!("One thing is to be put right.")) } @else { (mistakes.len()) (t!(" things are to be put right.")) } } }
            ul { @for mistake in &mistakes { li { a href=(format!("#{}", mistake.at)) { @if !mistake.label.is_empty() { (PreEscaped(mistake.label)) ": " } (PreEscaped(mistake.words)) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{box_of, checkbox_with, field, select, wrong};
    use super::*;

    #[test]
    fn every_mistake_is_named_at_the_top_and_leads_to_its_field() {
        let content = html! {
            (field("name", "Name of \"it\"").error(Some("Too <long>.")))
            (field("note", "Note").optional())
            (select("kind", "Kind", &[], "", "", Some("Choose one.")))
            (checkbox_with("never", "Never", true, "", Some("Not with that.")))
            fieldset id="f-some" tabindex="-1" { legend { "Some" } (box_of("some", "7", "Seven", true)) (wrong("some", Some("Not both."))) }
            (field("typed", "Type 3 to go on").error(Some("That is not it.")))
        };
        let summary = mistakes(&content).into_string();
        assert!(summary.contains("4 things are to be put right") && summary.contains("role=\"alert\""), "{summary}");
        assert!(summary.contains("<a href=\"#f-name\">Name of &quot;it&quot;: Too &lt;long&gt;.</a>"), "{summary}");
        assert!(summary.contains("<a href=\"#f-kind\">Kind: Choose one.</a>") && !summary.contains("f-typed"), "{summary}");
        assert!(summary.contains("<a href=\"#f-never-1\">Never: Not with that.</a>"), "{summary}");
        assert!(summary.contains("<a href=\"#f-some\">Some: Not both.</a>"), "{summary}");
        assert!(mistakes(&html! { (field("note", "Note")) }).0.is_empty());
    }
}
