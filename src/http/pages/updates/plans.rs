//! Update plans: what each brings to whom, by when, and how far devices are.

use maud::{Markup, html};

use super::super::parts::{
    Column, Frame, Live, Row, Section, Segment, Shell, State, Table, all_named, badge, bar, count, empty, frame, live, named, table,
};
use super::{new_plan, views};

/// A plan in the list.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it brings, in words.
    pub target: String,
    /// The names of its rings.
    pub rings: Vec<String>,
    /// By when, in words.
    pub deadline: String,
    /// How far devices are.
    pub segments: Vec<Segment>,
    /// Devices past their deadline.
    pub overdue: u64,
    /// Why it is stopped, if it is.
    pub stopped: Option<String>,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct PlansView {
    /// The plans, by name.
    pub rows: Vec<PlanRow>,
    /// Whether the viewer may make some.
    pub may_change: bool,
}

/// The page of all plans.
pub fn list(shell: &Shell, view: &PlansView) -> Markup {
    let add = html! { @if view.may_change { (new_plan()) } };
    let page = Frame {
        under: html! { (t!("A plan says which release devices are to have, who first, by when, and when not.")) },
        action: html! { @if !view.rows.is_empty() { (add) } },
        ..Frame::new(Section::Updates, t!("Update plans"))
    };
    let none = empty(
        t!("No update plan yet"),
        t!(
            "Without one, people update their devices themselves, or not. A plan tries a release on a few devices first and has all others follow by a day that you choose."
        ),
        add,
    );
    let rows = table(&Table {
        caption: t!("Update plans"),
        columns: vec![
            Column::main(t!("Plan")),
            Column::text(t!("Brings")).wraps(),
            Column::text(t!("Rings")).minor().wraps(),
            Column::text(t!("Installed by")).labelled(),
            Column::text(t!("On devices")).roomy(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: None,
        empty: none,
        selection: None,
        compact: false,
    });
    let content = html! {
        (views(1))
        (live(Live { id: "plans", topics: "update update_plan device enrollment", of: None, src: None }, rows))
    };
    frame(shell, &page, content)
}

fn row(row: &PlanRow) -> Row {
    let address = format!("/updates/plans/{}", row.id);
    let far = html! {
        @if row.segments.iter().any(|segment| segment.count > 0) { (bar(&row.segments)) } @else { span.quiet { (t!("no device yet")) } }
        @if row.overdue > 0 { a.counted href=(format!("{address}?overdue=1#devices")) { (badge(State::Problem, &t!("{devices} overdue", devices = count(row.overdue, t!("device"), t!("devices"))))) } }
    };
    Row {
        id: String::new(),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) @if row.stopped.is_some() { " " (badge(State::Problem, t!("stopped"))) } },
            html! { (row.target) @if let Some(because) = &row.stopped { p.why { (t!("Stopped: ")) (because) } } },
            html! { (all_named(&row.rings)) },
            html! { (row.deadline) },
            far,
        ],
        href: Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::parts::Share;
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_plan_says_what_it_brings_how_far_it_is_and_why_it_stands_still() {
        let shell = Shell::for_tests(Section::Updates, Timestamp::from_seconds(1_795_577_349));
        let row = PlanRow {
            id: "p1".into(),
            name: "Winter <term>".into(),
            target: "the newest release".into(),
            rings: vec!["Pilot".into(), "Everyone".into()],
            deadline: "Fri 4 Dec 2026, 16:00".into(),
            segments: vec![Segment { share: Share::Installed, count: 22, href: Some("/updates/plans/p1?stage=done#devices".into()) }],
            overdue: 3,
            stopped: Some("3 of 10 devices failed".into()),
        };
        let html = list(&shell, &PlansView { rows: vec![row], may_change: true }).into_string();
        for part in [
            "Winter &lt;term&gt;",
            "Pilot, Everyone",
            "22 installed",
            "class=\"counted\" href=\"/updates/plans/p1?overdue=1#devices\"",
            "3 devices overdue",
            "Stopped: 3 of 10 devices failed",
            "/updates/plans/new",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let none = list(&shell, &PlansView::default()).into_string();
        assert!(none.contains("No update plan yet") && !none.contains("/updates/plans/new"), "{none}");
    }
}
