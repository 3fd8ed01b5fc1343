//! The page after something was done with several devices.

use maud::{Markup, html};

use super::super::super::parts::{Column, Frame, Row, Section, Shell, Table, count, frame, table, thousands};
use super::Deed;
use crate::error::Error;
use crate::mdm::commands::protocol_words;
use crate::secret::Secret;

/// What became of a deed for several devices.
#[derive(Debug, Default)]
pub struct Came {
    /// How many have it.
    pub done: u64,
    /// Where one sees how far they are with it, and what that is called.
    pub way: Option<(&'static str, &'static str)>,
    /// Macs by name, each with the PIN that was made for it.
    pub made: Vec<(String, Secret<String>)>,
    /// The devices that could not have it, by name, with the reason.
    pub refused: Vec<(String, Error)>,
}

/// The page after a deed of which more is to be said than how many have it: the PINs that were made, this once, and who could not have it and why.
pub fn outcome(shell: &Shell, deed: Deed, came: &Came, back: (&str, &str)) -> Markup {
    let all = came.done + came.refused.len() as u64;
    let title = t!(
        "{deed}: {done} of {devices}",
        deed = deed.words(),
        done = thousands(came.done),
        devices = count(all, t!("device"), t!("devices"))
    );
    let content = html! {
        div.stack.loose {
            @if !came.made.is_empty() {
                p { (t!("The PINs are shown this once, and each is kept with its Mac. Write down what you need now; later an Owner finds them under Security.")) }
                (pairs(t!("PINs that were made"), (t!("Mac"), "PIN"), came.made.iter().map(|(name, pin)| (name.as_str(), html! { span.mono { (pin.expose()) } }))))
            }
            @if !came.refused.is_empty() {
                @if !came.made.is_empty() { p { (t!("Nothing changed for these:")) } }
                (pairs(t!("Devices that could not have it"), (t!("Not for"), t!("Because")), came.refused.iter().map(|(name, error)| (name.as_str(), because(error)))))
            }
        }
    };
    let under = html! {
        @if came.refused.is_empty() { (t!("All have it in their queue. ")) } @else if came.done > 0 { (deed.of_the_others()) " " }
        @if let Some((href, words)) = came.way { a href=(href) { (words) } ". " }
        @if !came.refused.is_empty() && came.made.is_empty() { (t!("Nothing changed for these:")) }
    };
    frame(shell, &Frame { back: Some(back), under, ..Frame::new(Section::Devices, &title) }, content)
}

/// Why a device could not have it; the protocol's words one click below.
fn because(error: &Error) -> Markup {
    html! {
        (error.message)
        @if let Some(words) = protocol_words(error) { details { summary { (t!("In Apple’s words")) } p.meta { (words) } } }
    }
}

/// A table of devices with one thing about each.
fn pairs<'a>(caption: &'a str, heads: (&'static str, &'static str), rows: impl Iterator<Item = (&'a str, Markup)>) -> Markup {
    let row =
        |(name, about): (&str, Markup)| Row { id: String::new(), href: None, name: name.to_owned(), cells: vec![html! { (name) }, about] };
    table(&Table {
        caption,
        columns: vec![Column::main(heads.0), Column::text(heads.1).roomy()],
        rows: rows.map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn shown(came: &Came) -> String {
        let shell = Shell::for_tests(Section::Devices, Timestamp::from_seconds(0));
        outcome(&shell, Deed::Lock, came, ("/devices", "Devices")).into_string()
    }

    #[test]
    fn what_could_not_be_done_is_said_device_by_device() {
        let refused = vec![("Cart A <3>".to_owned(), Error::conflict("It is not enrolled any more."))];
        let html = shown(&Came { done: 27, way: Some(("/#focuses", "Show how far they are")), refused, ..Came::default() });
        assert!(
            html.contains("Lock: 27 of 28 devices") && html.contains("Cart A &lt;3&gt;") && html.contains("not enrolled any more"),
            "{html}"
        );
        assert!(
            html.contains("The others have it in their queue. <a href=\"/#focuses\">Show how far they are</a>. Nothing changed for these:"),
            "{html}"
        );
        assert!(!html.contains("PINs that were made") && !html.contains("<details>"), "{html}");
    }

    #[test]
    fn every_pin_that_was_made_stands_beside_its_mac() {
        let made = vec![("Lab <1>".to_owned(), Secret::new("424242".to_owned())), ("Lab 2".to_owned(), Secret::new("171717".to_owned()))];
        let html = shown(&Came { done: 2, made, ..Came::default() });
        for words in ["Lock: 2 of 2 devices", "Lab &lt;1&gt;", "424242", "Lab 2", "171717", "shown this once"] {
            assert!(html.contains(words), "{words} in {html}");
        }
    }
}
