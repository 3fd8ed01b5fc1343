//! The connections to Apple: when each worked last, what keeps it from working, and a test of each.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Frame, Live, Row, Section, Shell, State, Table, badge, empty, encode, frame, live, post, practice, table, time_ago,
    what_was_said,
};
use crate::clock::Timestamp;

/// Where the page is.
pub const ADDRESS: &str = "/system/connections";

/// What the page shows.
#[derive(Debug, Clone)]
pub struct ConnectionsView {
    /// The connections, in order.
    pub rows: Vec<ConnectionRow>,
    /// Whether the viewer may test them.
    pub may_test: bool,
}

/// A connection.
#[derive(Debug, Clone)]
pub struct ConnectionRow {
    /// Its name in addresses.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Whether it leads to the practice stand-in.
    pub practice: bool,
    /// How it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// What was said, as it came; may be empty.
    pub said: String,
    /// When it worked last.
    pub worked_at: Option<Timestamp>,
}

/// The page.
pub fn page(shell: &Shell, view: &ConnectionsView) -> Markup {
    let rows = view.rows.iter().map(|row| {
        let test = html! {
            @if view.may_test {
                (post(&format!("{ADDRESS}/{}/test", encode(&row.name)), html! { (Button::submit(t!("Test now")).small()) }))
            }
        };
        let how = html! {
            (badge(row.state, &row.words))
            @if !row.remedy.is_empty() { " " span.quiet { (row.remedy) } }
            (what_was_said(&row.said))
        };
        let worked = html! { @match row.worked_at { Some(at) => (time_ago(at, shell.now)), None => span.quiet { (t!("not yet")) } } };
        let title = html! { strong { (row.title) } @if row.practice { " " (practice()) } };
        Row { id: String::new(), href: None, name: row.title.clone(), cells: vec![title, how, worked, test] }
    });
    let list = table(&Table {
        caption: t!("Connections to Apple"),
        columns: vec![
            Column::main(t!("Connection")),
            Column::text(t!("How it is")).wraps(),
            Column::text(t!("Worked last")).labelled(),
            Column::deed(),
        ],
        rows: rows.collect(),
        pager: None,
        empty: empty(
            t!("No connection yet"),
            t!("Each stands here once there is a push certificate or a token for it."),
            Markup::default(),
        ),
        selection: None,
        compact: false,
    });
    let content = html! {
        p.lead { (t!("What this server asks of Apple, and whether Apple can be asked. A test asks something that changes nothing there.")) }
        (live(Live { id: "connections", topics: "setting push job release", of: None, src: None }, list))
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), ..Frame::new(Section::System, t!("Connections to Apple")) }, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_in_words_and_what_was_said_opens_below() {
        let now = Timestamp::from_seconds(1_795_577_349);
        let row = ConnectionRow {
            name: "apps-and-books:1".into(),
            title: "Apps and Books: <Example School>".into(),
            practice: false,
            state: State::Problem,
            words: "This server has no way to Apps and Books".into(),
            remedy: "Check this server's network.".into(),
            said: "(os error 111)".into(),
            worked_at: None,
        };
        let shell = Shell::for_tests(Section::System, now);
        let view = |may_test| ConnectionsView { rows: vec![row.clone()], may_test };
        let html = page(&shell, &view(true)).into_string();
        for part in [
            "&lt;Example School&gt;",
            "no way to Apps and Books",
            "Check this server's network.",
            "<summary>What was said</summary>",
            "action=\"/system/connections/apps-and-books%3A1/test\"",
            "not yet",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!page(&shell, &view(false)).into_string().contains("Test now"));
    }
}
