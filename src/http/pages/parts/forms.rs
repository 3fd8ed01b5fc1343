//! Buttons, forms, the confirmation before a deed, the search field, and text to copy.

use maud::{Markup, Render, html};

use super::icon::{Icon, icon};
use super::named::named;
use super::text::count;
use crate::http::limits::FORM_MAX_BYTES;

/// Names listed in a confirmation before "and 90 more".
pub const NAMES_LISTED: usize = 40;

/// Names of a confirmation that stand in its box without scrolling, on a telephone too.
const NAMES_SEEN: usize = 8;

/// A button, or a link that looks like one. Shown by writing it into a template.
#[derive(Debug, Clone)]
pub struct Button {
    words: String,
    href: Option<String>,
    class: &'static str,
    small: bool,
    icon: Option<Icon>,
    dialog: bool,
    form_action: Option<String>,
    pair: Option<(String, String)>,
    disabled: bool,
    download: bool,
    unchecked: bool,
}

impl Button {
    /// Sends the form it stands in; the words say what that does.
    pub fn submit(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            href: None,
            class: "",
            small: false,
            icon: None,
            dialog: false,
            form_action: None,
            pair: None,
            disabled: false,
            download: false,
            unchecked: false,
        }
    }

    /// Leads to `href`.
    pub fn link(href: impl Into<String>, words: impl Into<String>) -> Self {
        Self { href: Some(href.into()), ..Self::submit(words) }
    }

    /// The one thing to do here.
    #[must_use]
    pub fn main(mut self) -> Self {
        self.class = "main";
        self
    }

    /// Something is lost by it; stands last.
    #[must_use]
    pub fn destructive(mut self) -> Self {
        self.class = "destructive";
        self
    }

    /// For bars and table rows.
    #[must_use]
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// With a drawing before the words.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Leads to a page with a [`confirm`] form, which the script shows over this page.
    #[must_use]
    pub fn asks(mut self) -> Self {
        self.dialog = true;
        self
    }

    /// Sends the form to `address` instead of the form's own.
    #[must_use]
    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.form_action = Some(address.into());
        self
    }

    /// Sends `name=value` along when this button is the one pressed.
    #[must_use]
    pub fn sends(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.pair = Some((name.into(), value.into()));
        self
    }

    /// Cannot be pressed now; say beside it why.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// Sends the form as it stands, also where a field that is needed is empty.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.unchecked = true;
        self
    }

    /// The link saves a file.
    #[must_use]
    pub fn download(mut self) -> Self {
        self.download = true;
        self
    }
}

impl Render for Button {
    fn render(&self) -> Markup {
        let class = format!("button {}{}", self.class, if self.small { " small" } else { "" });
        let class = class.trim();
        let dialog = self.dialog.then_some("");
        let content = html! { @if let Some(picture) = self.icon { (icon(picture)) } span { (named(&self.words)) } };
        html! {
            @match &self.href {
                Some(_) if self.disabled => span class=(class) role="link" aria-disabled="true" { (content) },
                Some(href) => a class=(class) href=(href) data-dialog=[dialog] download[self.download] { (content) },
                None => button class=(class) type="submit" data-dialog=[dialog] formaction=[self.form_action.as_deref()] formnovalidate[self.unchecked] disabled[self.disabled]
                    name=[self.pair.as_ref().map(|(name, _)| name)] value=[self.pair.as_ref().map(|(_, value)| value)] { (content) },
            }
        }
    }
}

/// A form that changes something. Requests from other sites are refused at the door by their `Origin`, so it carries no token.
pub fn post(action: &str, content: Markup) -> Markup {
    html! { form method="post" action=(action) { (content) } }
}

/// A form that is told to its address while it is filled in, and whose parts with these ids are then taken from what that shows; its buttons do the
/// same where there are no scripts.
pub fn post_retold(action: &str, parts: &str, content: Markup) -> Markup {
    html! { form method="post" action=(action) data-retold=(parts) { (content) } }
}

/// A form with a file, with its progress shown as far as the upload is.
pub fn upload(action: &str, content: Markup) -> Markup {
    upload_up_to(action, FORM_MAX_BYTES, content)
}

/// A form with a file of up to `max_bytes`, for addresses that take more than others.
pub fn upload_up_to(action: &str, max_bytes: usize, content: Markup) -> Markup {
    html! { form.form method="post" action=(action) enctype="multipart/form-data" data-upload data-max-bytes=(max_bytes) { (content) } }
}

/// Pairs that a form carries along.
pub fn hidden(pairs: &[(String, String)]) -> Markup {
    html! { @for (name, value) in pairs { input type="hidden" name=(name) value=(value); } }
}

/// What a person confirms before it is done: an own page without script, a dialog with it.
#[derive(Debug, Clone, Default)]
pub struct Confirm<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The question as a title: "Erase 3 devices".
    pub title: &'a str,
    /// What happens and what is lost, in a sentence or two.
    pub consequence: Markup,
    /// Names of what it happens to; the first [`NAMES_LISTED`] are shown.
    pub names: &'a [String],
    /// How many it happens to, in all.
    pub total: u64,
    /// What must be typed, for deeds that destroy on more than one device.
    pub typed: Option<Typed<'a>>,
    /// Pairs carried along: the chosen devices, the filter.
    pub hidden: &'a [(String, String)],
    /// Fields of the deed itself: a message for the lock screen.
    pub fields: Markup,
    /// What the button says, with the count: "Erase 3 devices".
    pub verb: &'a str,
    /// Whether something is lost by it.
    pub destructive: bool,
    /// Where *Cancel* leads.
    pub cancel: &'a str,
}

/// Words to type before the deed.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    /// The words, for example the count of devices, or the topic of a certificate.
    pub phrase: &'a str,
    /// What was typed before, when it was wrong.
    pub given: &'a str,
    /// What is wrong with it.
    pub error: Option<&'a str>,
}

impl<'a> Typed<'a> {
    /// The number of devices, where it is more than one; `given` is what was typed before.
    pub fn count(phrase: &'a str, total: u64, given: Option<&'a str>) -> Option<Self> {
        let error = given.filter(|given| *given != phrase).map(|_| t!("That is not the number."));
        (total > 1).then_some(Self { phrase, given: given.unwrap_or_default(), error })
    }
}

/// The form that asks before a deed.
pub fn confirm(ask: &Confirm<'_>) -> Markup {
    let verb = Button::submit(ask.verb).sends("confirmed", "1");
    let verb = if ask.destructive { verb.destructive() } else { verb.main() };
    let beyond = ask.total.saturating_sub(ask.names.len().min(NAMES_LISTED) as u64);
    html! {
        form #confirm.confirm method="post" action=(ask.action) {
            h2 #confirm-title { (named(ask.title)) }
            p { (ask.consequence) }
            @if !ask.names.is_empty() {
                ul.names tabindex="0" aria-label=(count(ask.total, t!("device"), t!("devices"))) {
                    @for name in ask.names.iter().take(NAMES_LISTED) { li { (named(name)) } }
                    @if beyond > 0 { li.quiet { (t!("and ")) (super::thousands(beyond)) (t!(" more")) } }
                }
                // At a desk they stand in two columns.
                @if ask.names.len() > NAMES_SEEN { p.meta.on-narrow[ask.names.len() <= 2 * NAMES_SEEN] { (t!("The list of all ")) (count(ask.total, t!("device"), t!("devices"))) (t!(" goes on below: scroll in it.")) } }
            }
            (hidden(ask.hidden))
            (ask.fields)
            @if let Some(typed) = ask.typed {
                (super::field("typed", &t!("Type {phrase} to go on", phrase = typed.phrase)).pattern(&pattern(typed.phrase)).value(typed.given).error(typed.error))
            }
            div.form-foot {
                a.button href=(ask.cancel) data-cancel { (t!("Cancel")) }
                (verb)
            }
        }
    }
}

/// A pattern that only `phrase` itself matches.
fn pattern(phrase: &str) -> String {
    phrase.chars().fold(String::new(), |mut out, letter| {
        // Browsers read patterns in the strict mode, where only these may be escaped.
        if r"^$\.*+?()[]{}|/".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
        out
    })
}

/// The search field of a page; `/` leads there.
pub fn search(name: &str, label: &str, value: &str) -> Markup {
    html! {
        label.search {
            span.hear-only { (label) }
            (icon(Icon::Search))
            input.input type="search" name=(name) value=(value) placeholder=(label) autocomplete="off" data-search aria-keyshortcuts="/";
            kbd.script-only aria-hidden="true" { "/" }
        }
    }
}

/// Text to take elsewhere, with a button that copies it where script runs.
pub fn copy_field(id: &str, label: &str, text: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            div.copy {
                input.input #(id) type="text" readonly value=(text);
                button.button.script-only type="button" data-copy=(id) { (t!("Copy")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_names_what_it_happens_to_up_to_its_limit() {
        let names: Vec<String> = (0..60).map(|n| format!("iPad {n}")).collect();
        let ask = Confirm {
            action: "/devices/actions/erase",
            title: "Erase 128 devices",
            names: &names,
            total: 128,
            verb: "Erase 128 devices",
            destructive: true,
            ..Confirm::default()
        };
        let html = confirm(&ask).into_string();
        assert!(html.contains("iPad 39") && !html.contains("iPad 40"), "{html}");
        assert!(html.contains("The list of all 128 devices goes on below"), "{html}");
        assert!(html.contains("and 88 more") && html.contains("id=\"confirm\"") && html.contains("button destructive"), "{html}");
    }

    #[test]
    fn what_must_be_typed_matches_itself_only() {
        let ask = Confirm {
            typed: Some(Typed { phrase: "com.apple", given: "comXapple", error: Some("That is not it.") }),
            ..Confirm::default()
        };
        let html = confirm(&ask).into_string();
        assert!(
            html.contains("pattern=\"com\\.apple\"") && html.contains("value=\"comXapple\"") && html.contains("That is not it."),
            "{html}"
        );
    }

    #[test]
    fn a_button_is_a_link_only_where_it_leads_somewhere() {
        let html = Button::link("/devices?a=1&b=\"2\"", "Show <all>").main().asks().render().into_string();
        assert_eq!(
            html,
            "<a class=\"button main\" href=\"/devices?a=1&amp;b=&quot;2&quot;\" data-dialog=\"\"><span>Show &lt;all&gt;</span></a>"
        );
        let html = Button::submit("Erase").destructive().to("/x").disabled().render().into_string();
        assert_eq!(html, "<button class=\"button destructive\" type=\"submit\" formaction=\"/x\" disabled><span>Erase</span></button>");
        assert!(
            Button::link("/x", "Not now")
                .disabled()
                .render()
                .into_string()
                .starts_with("<span class=\"button\" role=\"link\" aria-disabled")
        );
    }
}
