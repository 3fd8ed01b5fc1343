//! Teaching: one's classes, a class as it is now, and the focus of a lesson: chosen, looked at before it starts, ended.

mod focus;

pub use focus::{FocusForm, LESSONS, PreviewView, form, preview};

use maud::{Markup, html};

use super::parts::{
    Button, Column, Fact, Frame, Live, Roll, RollDevice, RollGroup, Row, Section, Shell, State, Table, badge, count, empty, facts, frame,
    live, named, post, roll, section, state_square_named, table, time_ago,
};
use crate::clock::Timestamp;
use crate::language::way;

/// A focus that goes on.
#[derive(Debug, Clone)]
pub struct FocusRow {
    /// Its id.
    pub id: String,
    /// The class.
    pub class: String,
    /// Where the class is.
    pub href: String,
    /// What it shows, in words.
    pub words: String,
    /// When it ends, as the clock on the wall says it: `10:45`.
    pub until: String,
    /// Who started it.
    pub by: String,
    /// On how many devices it holds.
    pub there: u64,
    /// For how many it is meant.
    pub devices: u64,
}

/// Focuses that go on, each with the button that ends it.
pub fn running(rows: &[FocusRow], may_end: bool) -> Markup {
    html! {
        ul.needs {
            @for row in rows {
                li {
                    (state_square_named(if row.there == row.devices { State::Ok } else { State::Waiting }, 16, "focus"))
                    div {
                        p.what { a href=(row.href) { (named(&row.class)) } ": " (row.words) (t!(" until ")) (row.until) }
                        p.quiet { (t!("On ")) (row.there) (t!(" of ")) (count(row.devices, t!("device"), t!("devices"))) (t!(". Started by ")) (row.by) (t!(". It ends by itself.")) }
                    }
                    @if may_end { div.do { (post(&format!("/teaching/focus/{}/end", row.id), html! { (Button::submit(t!("End now")).small()) })) } }
                }
            }
        }
    }
}

/// A class of the list: id, name, people, what goes on.
#[derive(Debug, Clone)]
pub struct ClassRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many people are in it.
    pub people: u64,
    /// What goes on.
    pub running: Vec<FocusRow>,
}

/// The page of one's classes.
pub fn classes(shell: &Shell, rows: &[ClassRow]) -> Markup {
    let row = |class: &ClassRow| Row {
        id: String::new(),
        href: Some(format!("/teaching/{}", class.id)),
        name: class.name.clone(),
        cells: vec![
            html! { (named(&class.name)) },
            html! { (class.people) },
            html! { @for focus in &class.running { (badge(State::Ok, &t!("{focus} until {until}", focus = focus.words, until = focus.until))) " " } },
        ],
    };
    let content = live(
        Live { id: "classes", topics: "focus class", of: None, src: None },
        table(&Table {
            caption: t!("Classes"),
            columns: vec![Column::main(t!("Class")), Column::number(t!("People")).labelled(), Column::text(t!("Now")).labelled()],
            rows: rows.iter().map(row).collect(),
            pager: None,
            empty: empty(
                t!("No classes here yet"),
                t!(
                    "Nobody has said which classes you teach. Ask an owner to link your account to you, under System, People who log in; and to put you into your classes as their teacher."
                ),
                Markup::default(),
            ),
            selection: None,
            compact: false,
        }),
    );
    frame(shell, &Frame::new(Section::Teaching, t!("My classes")), content)
}

/// Somebody who learns, with their device.
#[derive(Debug, Clone)]
pub struct LearnerRow {
    /// Their name.
    pub name: String,
    /// Where their device is shown; absent where they have none.
    pub href: Option<String>,
    /// The name of the device.
    pub device: String,
    /// How it is.
    pub state: State,
    /// Why, in a sentence.
    pub reason: String,
    /// When it was last heard of.
    pub seen: Option<Timestamp>,
    /// What goes on there, its state and in words.
    pub focus: Option<(State, String)>,
    /// Whether they count as not here.
    pub absent: bool,
}

/// A class as it is now.
#[derive(Debug, Clone)]
pub struct ClassView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What goes on.
    pub running: Vec<FocusRow>,
    /// Who learns there.
    pub learners: Vec<LearnerRow>,
    /// Whether the viewer may start and end a focus.
    pub may_teach: bool,
    /// Where the page came from, for those who have more pages than these.
    pub back: Option<(String, String)>,
}

const BACK: (&str, &str) = ("/teaching", msg!("My classes"));

/// The page of a class.
pub fn class(shell: &Shell, view: &ClassView) -> Markup {
    let action = html! { @if view.may_teach { (Button::link(format!("/teaching/{}/focus", view.id), t!("Start a focus")).main()) } };
    let back = view.back.as_ref().map_or(way(BACK), |(href, title)| (href.as_str(), title.as_str()));
    let absent: Vec<_> = view.learners.iter().filter(|learner| learner.absent).collect();
    let content = live(
        Live { id: "class", topics: "focus deployment device enrollment command class", of: None, src: None },
        html! {
            div.stack.loose {
            @if !view.running.is_empty() { (section(t!("Going on now"), running(&view.running, view.may_teach))) }
            @if view.learners.is_empty() {
                (empty(t!("Nobody learns here yet"), t!("People are put into the class under People and classes."), Markup::default()))
            } @else {
                (section(t!("Devices"), html! { (squares(view)) }))
                @if !absent.is_empty() {
                    (section(&t!("Not here: {absent}", absent = absent.len()), html! {
                        ul.plain { @for learner in &absent { li { (named(&learner.name)) span.quiet { " " (whereabouts(learner, shell.now)) } } } }
                    }))
                }
                (section(t!("Everybody"), everybody(view, shell.now)))
            }
            }
        },
    );
    frame(shell, &Frame { back: Some(back), action, ..Frame::new(Section::Teaching, &view.name) }, content)
}

fn whereabouts(learner: &LearnerRow, now: Timestamp) -> Markup {
    html! {
        @match (&learner.href, learner.seen) {
            (None, _) => (t!("has no device")),
            (_, Some(at)) => { (t!("heard of ")) (time_ago(at, now)) },
            (_, None) => (t!("never heard of")),
        }
    }
}

fn squares(view: &ClassView) -> Markup {
    let square = |learner: &LearnerRow| {
        let href = learner.href.clone()?;
        // What is looked for is said before what it shows.
        let focus = learner.focus.clone().filter(|_| learner.state != State::Lost);
        let (state, reason) = focus.unwrap_or_else(|| (learner.state, learner.reason.clone()));
        Some(RollDevice { name: learner.name.clone(), state, reason, href })
    };
    let devices: Vec<_> = view.learners.iter().filter_map(square).collect();
    let counts = State::ALL.map(|state| devices.iter().filter(|device| device.state == state).count() as u64);
    roll(&Roll { groups: vec![RollGroup { name: view.name.clone(), href: format!("/teaching/{}", view.id), devices, counts }] })
}

fn everybody(view: &ClassView, now: Timestamp) -> Markup {
    let row = |learner: &LearnerRow| Row {
        id: String::new(),
        href: learner.href.clone(),
        name: learner.name.clone(),
        cells: vec![
            html! { (named(&learner.name)) },
            html! { @if learner.href.is_some() { (badge(learner.state, &learner.reason)) } @else { span.quiet { (t!("no device")) } } },
            html! { @match &learner.focus { Some((state, words)) => (badge(*state, words)), None => span.quiet { (t!("free")) } } },
            html! { @match learner.seen { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("never")) } } },
        ],
    };
    table(&Table {
        caption: t!("Who learns in the class"),
        columns: vec![
            Column::main(t!("Name")),
            Column::text(t!("Device")).labelled().wraps(),
            Column::text(t!("Focus")).labelled().wraps(),
            Column::text(t!("Heard of")).labelled().minor(),
        ],
        rows: view.learners.iter().map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: false,
    })
}

/// One device as a teacher sees it.
#[derive(Debug, Clone)]
pub struct DeviceView {
    /// The class: id and name.
    pub class: (String, String),
    /// Whose it is.
    pub learner: LearnerRow,
    /// What it is: model and system.
    pub about: String,
    /// Commands that wait for it.
    pub waiting: u64,
    /// Apps on it: name and version.
    pub apps: Vec<(String, String)>,
}

/// The page of one device.
pub fn device(shell: &Shell, view: &DeviceView) -> Markup {
    let (learner, back) = (&view.learner, format!("/teaching/{}", view.class.0));
    let seen = html! { @match learner.seen { Some(at) => (time_ago(at, shell.now)), None => (t!("never")) } };
    let content = html! {
        (facts(&[
            Fact::text(t!("Used by"), &learner.name),
            Fact::text(t!("What it is"), &view.about),
            Fact::new(t!("How it is"), badge(learner.state, &learner.reason)),
            Fact::new(t!("Heard of"), seen),
            Fact::new(t!("Focus"), html! { @match &learner.focus { Some((state, words)) => (badge(*state, words)), None => (t!("none")) } }),
            Fact::text(t!("Waiting for it"), &count(view.waiting, t!("command"), t!("commands"))),
        ]))
        (section(t!("Apps on it"), html! {
            @if view.apps.is_empty() { p.quiet { (t!("It has not said yet which apps it has, or it has none but Apple’s own.")) } }
            @else { ul.plain { @for (name, version) in &view.apps { li { (named(name)) " " span.quiet { (version) } } } } }
        }))
    };
    let page = Frame { back: Some((&back, &view.class.1)), state: Some(learner.state), ..Frame::new(Section::Teaching, &learner.device) };
    frame(shell, &page, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell::for_tests(Section::Teaching, Timestamp::from_seconds(1_795_577_349))
    }

    #[test]
    fn a_class_shows_who_is_not_here_and_ends_what_goes_on() {
        let learner = |name: &str, href: Option<&str>, absent| LearnerRow {
            name: name.into(),
            href: href.map(str::to_owned),
            device: "iPad".into(),
            state: State::Ok,
            reason: "heard of".into(),
            seen: None,
            focus: href.map(|_| (State::Waiting, "waits for <it>".into())),
            absent,
        };
        let focus = FocusRow {
            id: "f".into(),
            class: "7b".into(),
            href: "/teaching/c".into(),
            words: "one app: Notes".into(),
            until: "10:45".into(),
            by: "kim".into(),
            there: 1,
            devices: 2,
        };
        let view = ClassView {
            id: "c".into(),
            name: "7b <x>".into(),
            running: vec![focus],
            learners: vec![learner("Ada", Some("/teaching/c/devices/1"), false), learner("Bob", None, true)],
            may_teach: true,
            back: None,
        };
        let html = class(&shell(), &view).into_string();
        for part in [
            "7b &lt;x&gt;",
            "one app: Notes until 10:45",
            "action=\"/teaching/focus/f/end\"",
            "Not here: 1",
            "has no device",
            "waits for &lt;it&gt;",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let lost = LearnerRow { state: State::Lost, reason: "lost".into(), ..view.learners[0].clone() };
        let square = squares(&ClassView { learners: vec![lost], ..view.clone() }).into_string();
        assert!(square.contains("state-lost") && square.contains("1 device, 1 lost") && !square.contains("waits for"), "{square}");
        let looking = class(&shell(), &ClassView { may_teach: false, ..view }).into_string();
        assert!(!looking.contains("Start a focus") && !looking.contains("End now"), "{looking}");
    }
}
