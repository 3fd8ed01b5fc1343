//! Pages for what did not work: what happened, why, what to do.

use maud::{Markup, html};

use super::parts::{Button, centred};

/// A page that says what did not work.
#[derive(Debug, Clone)]
pub struct ProblemView {
    /// The HTTP status, shown small for whoever reports it.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// Why and what to do, in a sentence or two.
    pub words: String,
    /// What is wrong with single fields: name and message.
    pub fields: Vec<(String, String)>,
    /// The way on: address and words.
    pub way_on: Option<(String, String)>,
    /// What to name when asking for help: the request's id.
    pub reference: Option<String>,
}

impl ProblemView {
    fn plain(status: u16, title: &str, words: &str) -> Self {
        let way_on = Some(("/".to_owned(), t!("Go to Today").to_owned()));
        Self { status, title: title.to_owned(), words: words.to_owned(), fields: Vec::new(), way_on, reference: None }
    }

    /// Nothing is at this address.
    pub fn not_found() -> Self {
        Self::plain(404, t!("There is nothing here"), t!("The address may be mistyped, or what stood here was removed."))
    }

    /// The role of whoever is logged in does not allow it.
    pub fn forbidden(role: &str) -> Self {
        let words = t!("You are logged in as {role}, which does not allow this. An Owner can change your role under System.", role);
        Self::plain(403, t!("Your role does not allow this"), &words)
    }

    /// A form whose session ended before it was sent.
    pub fn logged_out() -> Self {
        let way_on = Some(("/login".to_owned(), t!("Log in").to_owned()));
        let words = t!("The session was over when this was sent, so nothing was changed. Log in, and do it once more.");
        Self { way_on, ..Self::plain(401, t!("You were logged out"), words) }
    }

    /// Our own fault; `reference` finds it in the log.
    pub fn internal(reference: impl Into<String>) -> Self {
        let words = t!("Nothing was changed. Try again; if it stays, the log of the appliance says more under the reference below.");
        Self { reference: Some(reference.into()), ..Self::plain(500, t!("That is our fault"), words) }
    }

    /// Too much at once; the same request may succeed later.
    pub fn busy() -> Self {
        Self::plain(503, t!("The appliance is busy"), t!("Nothing was changed. Wait a moment and try again."))
    }

    /// A browser at an address where only devices speak.
    pub fn device_address() -> Self {
        let words = t!("This address is where devices report to the appliance; there is nothing to see in a browser. \
                     To enroll a device, open the link of an invitation on it.");
        Self::plain(200, t!("This door is for devices"), words)
    }
}

/// The page.
pub fn problem(view: &ProblemView) -> Markup {
    let content = html! {
        h1 { (view.title) }
        p { (view.words) }
        @if !view.fields.is_empty() {
            dl.facts { @for (name, message) in &view.fields { dt { (name) } dd { (message) } } }
        }
        @if let Some((href, words)) = &view.way_on { div.row { (Button::link(href, words)) } }
        @if view.status >= 400 || view.reference.is_some() {
            p.meta {
                (t!("Status ")) (view.status)
                @if let Some(reference) = &view.reference { (t!(", reference ")) span.mono { (reference) } }
            }
        }
    };
    centred(&view.title, false, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_says_what_to_do_and_escapes_what_it_is_given() {
        for view in [
            ProblemView::not_found(),
            ProblemView::forbidden("<Viewer>"),
            ProblemView::internal("0192-<x>"),
            ProblemView::busy(),
            ProblemView::device_address(),
        ] {
            let html = problem(&view).into_string();
            assert!(html.contains("Go to Today") && !html.contains("<Viewer>") && !html.contains("<x>"), "{html}");
            assert!(!view.words.contains('!'));
        }
        let fields = vec![("days".to_owned(), "Between 1 and 90.".to_owned())];
        assert!(
            problem(&ProblemView { fields, ..ProblemView::not_found() }).into_string().contains("<dt>days</dt><dd>Between 1 and 90.</dd>")
        );
    }
}
