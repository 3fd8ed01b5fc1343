//! One location: how it is, who Apple knows there, and what can be done with it.

use maud::{Markup, html};

use super::super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Live, Row, Section, Shell, State, badge, confirm, count, day, facts, frame, hidden, live, named,
    post, section, thousands, time_ago,
};
use super::{BACK_TO_ALL, LocationRow, list};
use crate::clock::Timestamp;
use crate::language::way;

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
        Fact::new(t!("How it is"), badge(row.state, &row.words)),
        Fact::text(t!("Organisation"), &view.organisation),
        Fact::text(t!("Country of its store"), &view.country),
        Fact::new(t!("The token ends"), day(row.expires_at)),
        Fact::new(t!("Licences in use"), html! { (thousands(row.in_use)) (t!(" of ")) (thousands(row.owned)) }),
        Fact::new(
            t!("Apple's book was read"),
            html! { @match row.synced_at { Some(at) => (time_ago(at, shell.now)), None => (t!("not yet")) } },
        ),
    ];
    let content = html! {
        (live(Live { id: "location", topics: "content_token licence job", of: None, src: None }, facts(&about)))
        @if view.may_change {
            @if !view.other_server.is_empty() {
                p { (t!("The server “")) (view.other_server) (t!("” says that it manages this location. Two servers on one location take each other's licences away: \
                     take it over only when the other one is to stop.")) }
            }
            div.row {
                @if !view.other_server.is_empty() { (post(&format!("{at}/claim"), html! { (Button::submit(t!("Take this location over")).main()) })) }
                (post(&format!("{at}/sync"), html! { (Button::submit(t!("Read Apple's book now"))) }))
                (Button::link(format!("{at}/remove"), t!("Remove…")).destructive().asks())
            }
        }
        (section(t!("People that Apple knows here"), people(view, shell.now)))
    };
    frame(shell, &Frame { back: Some(way(BACK_TO_ALL)), state: Some(row.state), ..Frame::new(Section::System, &row.name) }, content)
}

fn people(view: &LocationView, now: Timestamp) -> Markup {
    let row = |person: &PersonRow| Row {
        id: person.id.clone(),
        href: None,
        name: person.name.clone(),
        cells: vec![
            html! { (named(&person.name)) },
            badge(person.state, &person.words),
            html! {
                @if let Some(link) = &person.link { a href=(link) rel="noreferrer" { (t!("Invitation")) } }
                @if let Some(at) = person.invited_at { (t!(" sent ")) (time_ago(at, now)) }
            },
            html! {
                @if person.link.is_some() {
                    (post(&format!("/system/apps-and-books/{}/invite", view.row.id), html! {
                        (hidden(&[(String::from("person"), person.id.clone())]))
                        (Button::submit(t!("Send to their devices")).small())
                    }))
                }
            },
        ],
    };
    list(
        t!("People that Apple knows in this location"),
        vec![
            Column::main(t!("Name")),
            Column::text(t!("How they stand")).wraps(),
            Column::text(t!("Invitation")).labelled(),
            Column::deed(),
        ],
        view.people.iter().map(row).collect(),
        html! { p.quiet { (t!("Nobody. People are made known when an app is to be theirs rather than a device's.")) } },
        None,
    )
}

/// The question before a location is removed.
pub fn ask_remove(shell: &Shell, id: &str, name: &str, licences: usize, wanted: usize) -> Markup {
    let consequence = html! {
        @if licences == 0 { (t!("Nothing is assigned from it here. ")) }
        @else {
            (count(licences as u64, t!("licence"), t!("licences"))) (t!(" from it will not be looked after any more; "))
            (count(wanted as u64, t!("is"), t!("are"))) (t!(" still wanted and must come from another location. "))
        }
        (t!("What Apple has assigned stays assigned there until somebody takes it back."))
    };
    let (action, cancel) = (format!("/system/apps-and-books/{id}/remove"), format!("/system/apps-and-books/{id}"));
    let title = t!("Remove “{name}”", name);
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence,
        verb: t!("Remove the location"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(way(BACK_TO_ALL)), ..Frame::new(Section::System, t!("Remove a location")) }, confirm(&ask))
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
