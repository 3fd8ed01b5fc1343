//! One location: how it is, who Apple knows there, and what can be done with it.

use maud::{Markup, html};

use super::super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Live, Row, Section, Shell, State, badge, confirm, count, day, facts, frame, hidden, live, post,
    section, thousands, time_ago,
};
use super::{BACK_TO_ALL, LocationRow, list};
use crate::clock::Timestamp;

/// What the page of a location shows.
#[derive(Debug, Clone)]
pub struct LocationView {
    /// The location.
    pub row: LocationRow,
    /// The organisation that its token names.
    pub organisation: String,
    /// The country of its store.
    pub country: String,
    /// The other server that has it; empty where none has.
    pub other_server: String,
    /// Who Apple knows there.
    pub people: Vec<PersonRow>,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// A person whom Apple knows.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// How they stand.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Where they accept their invitation, for those who may pass it on.
    pub link: Option<String>,
    /// When it was last sent to their devices.
    pub invited_at: Option<Timestamp>,
}

/// The page of a location.
pub fn location(shell: &Shell, view: &LocationView) -> Markup {
    let row = &view.row;
    let at = format!("/system/apps-and-books/{}", row.id);
    let about = [
        Fact::new("How it is", badge(row.state, &row.words)),
        Fact::text("Organisation", &view.organisation),
        Fact::text("Country of its store", &view.country),
        Fact::new("The token ends", day(row.expires_at)),
        Fact::new("Licences in use", html! { (thousands(row.in_use)) " of " (thousands(row.owned)) }),
        Fact::new("Apple's book was read", html! { @match row.synced_at { Some(at) => (time_ago(at, shell.now)), None => "not yet" } }),
    ];
    let content = html! {
        (live(Live { id: "location", topics: "content_token licence job", of: None, src: None }, facts(&about)))
        @if view.may_change {
            @if !view.other_server.is_empty() {
                p { "The server “" (view.other_server) "” says that it manages this location. Two servers on one location take each other's licences away: \
                     take it over only when the other one is to stop." }
            }
            div.row {
                @if !view.other_server.is_empty() { (post(&format!("{at}/claim"), html! { (Button::submit("Take this location over").main()) })) }
                (post(&format!("{at}/sync"), html! { (Button::submit("Read Apple's book now")) }))
                (Button::link(format!("{at}/remove"), "Remove…").destructive().asks())
            }
        }
        (section("People that Apple knows here", people(view, shell.now)))
    };
    frame(shell, &Frame { back: Some(BACK_TO_ALL), state: Some(row.state), ..Frame::new(Section::System, &row.name) }, content)
}

fn people(view: &LocationView, now: Timestamp) -> Markup {
    let row = |person: &PersonRow| Row {
        id: person.id.clone(),
        href: None,
        name: person.name.clone(),
        cells: vec![
            html! { (person.name) },
            badge(person.state, &person.words),
            html! {
                @if let Some(link) = &person.link { a href=(link) rel="noreferrer" { "Invitation" } }
                @if let Some(at) = person.invited_at { " sent " (time_ago(at, now)) }
            },
            html! {
                @if person.link.is_some() {
                    (post(&format!("/system/apps-and-books/{}/invite", view.row.id), html! {
                        (hidden(&[(String::from("person"), person.id.clone())]))
                        (Button::submit("Send to their devices").small())
                    }))
                }
            },
        ],
    };
    list(
        "People that Apple knows in this location",
        vec![Column::main("Name"), Column::text("How they stand").wraps(), Column::text("Invitation").labelled(), Column::deed()],
        view.people.iter().map(row).collect(),
        html! { p.quiet { "Nobody. People are made known when an app is to be theirs rather than a device's." } },
        None,
    )
}

/// The question before a location is removed.
pub fn ask_remove(shell: &Shell, id: &str, name: &str, licences: usize, wanted: usize) -> Markup {
    let consequence = html! {
        @if licences == 0 { "Nothing is assigned from it here. " }
        @else {
            (count(licences as u64, "licence", "licences")) " from it will not be looked after any more; "
            (count(wanted as u64, "is", "are")) " still wanted and must come from another location. "
        }
        "What Apple has assigned stays assigned there until somebody takes it back."
    };
    let (action, cancel) = (format!("/system/apps-and-books/{id}/remove"), format!("/system/apps-and-books/{id}"));
    let title = format!("Remove “{name}”");
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence,
        verb: "Remove the location",
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(BACK_TO_ALL), ..Frame::new(Section::System, "Remove a location") }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{location_row, shell};
    use super::*;

    #[test]
    fn a_location_of_another_server_is_taken_over_by_a_button_of_its_own() {
        let mut view = LocationView {
            row: location_row(),
            organisation: "Example".into(),
            country: "US".into(),
            other_server: "Old <server>".into(),
            people: Vec::new(),
            may_change: true,
        };
        let html = location(&shell(), &view).into_string();
        assert!(html.contains("action=\"/system/apps-and-books/l/claim\"") && html.contains("Old &lt;server&gt;"), "{html}");
        view.other_server.clear();
        assert!(!location(&shell(), &view).into_string().contains("/claim"));
    }
}
