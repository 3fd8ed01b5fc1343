//! Updates of a device: what it runs and can have, how its plans stand, what is started by hand, and what it found itself.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Frame, Row, Section, Shell, State, Table, badge, confirm, empty, frame, moment, named, post, section, select,
    table, time_ago,
};
use crate::clock::{Day, Timestamp};
use crate::language;

/// What the tab shows.
#[derive(Debug, Clone, Default)]
pub struct UpdatesTab {
    /// The system that it runs, with its version.
    pub runs: String,
    /// Its build.
    pub build: String,
    /// The beta programme that it takes part in; empty for none.
    pub beta: String,
    /// The releases that it can have, newest first.
    pub candidates: Vec<CandidateRow>,
    /// Whether it is asked what it can have, before anything is begun.
    pub asks: bool,
    /// Why it is not known what it can have.
    pub unknown: Option<String>,
    /// The generation at which its model ends.
    pub ends_at: Option<u32>,
    /// How its plans, and what was started by hand, stand.
    pub rows: Vec<UpdateRow>,
    /// What may keep it from installing now, a sentence each.
    pub conditions: Vec<String>,
    /// What it can be told.
    pub deeds: Vec<DeedRow>,
    /// Why it can be told nothing.
    pub nothing: Option<String>,
    /// What it found when it looked itself, and when that was.
    pub found: Vec<FoundRow>,
    /// When it looked.
    pub found_at: Option<Timestamp>,
    /// Whether the viewer may tell it something.
    pub may_act: bool,
    /// Whether the viewer may have a plan leave it alone.
    pub may_change: bool,
}

/// A release that it can have.
#[derive(Debug, Clone)]
pub struct CandidateRow {
    /// Its version.
    pub version: String,
    /// Its build.
    pub build: String,
    /// What kind of step it is, in words.
    pub kind: &'static str,
    /// When Apple posted it.
    pub posted: Option<Day>,
    /// The last day on which Apple signs it.
    pub expires: Option<Day>,
    /// From when the person at the device sees it, where a policy holds it back.
    pub visible: Option<Day>,
}

/// How a plan stands.
#[derive(Debug, Clone)]
pub struct UpdateRow {
    /// What it is: "Update to 26.1".
    pub name: String,
    /// How far it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Why, and what to do.
    pub because: String,
    /// How much is downloaded.
    pub percent: Option<u64>,
    /// By when, on its own clock; empty where there is no deadline.
    pub deadline: String,
    /// Who started it by hand, in words.
    pub by: String,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Whether it can be tried again.
    pub may_retry: bool,
    /// Whether the plan could leave the device alone.
    pub may_except: bool,
    /// The plan: id and name; none where it was started by hand.
    pub plan: Option<(String, String)>,
}

/// Something that it can be told.
#[derive(Debug, Clone)]
pub struct DeedRow {
    /// What is sent.
    pub action: &'static str,
    /// What the button says.
    pub words: &'static str,
    /// What happens, in a sentence.
    pub help: &'static str,
    /// Whether it is asked about first: unsaved work is lost.
    pub asks: bool,
}

/// An update that it found itself.
#[derive(Debug, Clone)]
pub struct FoundRow {
    /// Its name.
    pub name: String,
    /// Its version and build.
    pub version: String,
    /// What is downloaded, in bytes.
    pub size_bytes: Option<u64>,
    /// Whether the device restarts for it.
    pub restarts: bool,
    /// Until when it is hidden from its user.
    pub until: Option<Timestamp>,
}

pub(super) fn updates(device: &str, tab: &UpdatesTab, now: Timestamp) -> Markup {
    html! {
        div.stack.loose {
            p { (t!("It runs ")) strong { (tab.runs) } @if !tab.build.is_empty() { " " span.mono.quiet { (tab.build) } } "." }
            @if !tab.beta.is_empty() { p { (t!("It takes part in the beta programme ")) strong { (tab.beta) } "." } }
            @if !tab.rows.is_empty() { (section(t!("On its way"), rows(device, tab, now))) }
            (section(t!("What it can have"), candidates(tab)))
            @if tab.may_act && (tab.asks || !tab.candidates.is_empty()) { (section(t!("Start an update now"), start(device, tab))) }
            @if let Some(at) = tab.found_at { (section(t!("What it found itself"), found(&tab.found, at, now))) }
        }
    }
}

fn rows(device: &str, tab: &UpdatesTab, now: Timestamp) -> Markup {
    let row = |row: &UpdateRow| {
        let what = html! {
            strong { (named(&row.name)) }
            @if let Some(percent) = row.percent { progress max="100" value=(percent) aria-label=(t!("{percent} percent are downloaded", percent)) {} }
            br;
            @match &row.plan { Some((id, name)) => a href=(format!("/updates/plans/{id}")) { (named(name)) }, None => span.quiet { (row.by) } }
        };
        let state = html! { (badge(row.state, &row.words)) @if !row.because.is_empty() { p.why { (row.because) } } };
        Row {
            id: String::new(),
            href: None,
            name: row.name.clone(),
            cells: vec![what, state, html! { (row.deadline) }, time_ago(row.since, now), deeds(device, tab, row)],
        }
    };
    table(&Table {
        caption: t!("Updates on their way"),
        columns: vec![
            Column::main(t!("Update")),
            Column::text(t!("How it stands")).wraps(),
            Column::text(t!("Installs by")).labelled(),
            Column::text(t!("Since")).minor(),
            Column::deed(),
        ],
        rows: tab.rows.iter().map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: false,
    })
}

fn deeds(device: &str, tab: &UpdatesTab, row: &UpdateRow) -> Markup {
    let plan = row.plan.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
    html! {
        @if row.may_retry && tab.may_act {
            (post(&format!("/devices/{device}/updates/again"), html! { input type="hidden" name="plan" value=(plan); (Button::submit(t!("Try again")).small()) }))
        }
        @if row.may_except && tab.may_change { (Button::link(format!("/updates/plans/{plan}/except/{device}"), t!("Leave alone…")).small().asks()) }
        @if row.plan.is_none() && row.state != State::Ok && tab.may_act { (post(&format!("/devices/{device}/updates/take-back"), html! { (Button::submit(t!("Take back")).small()) })) }
    }
}

fn candidates(tab: &UpdatesTab) -> Markup {
    let ends =
        html! { @if let Some(generation) = tab.ends_at { p { (t!("Apple’s list ends at ")) (generation) (t!(" for this model.")) } } };
    if let Some(unknown) = &tab.unknown {
        return html! { p { (badge(State::Silent, t!("not known"))) } p.quiet { (t!("What it can have is not known: ")) (unknown) "." } (ends) };
    }
    let hidden = tab.candidates.iter().any(|candidate| candidate.visible.is_some());
    let mut columns = vec![
        Column::main(t!("Release")),
        Column::text(t!("What it is")),
        Column::text(t!("Posted")).labelled(),
        Column::text(t!("Signed until")).labelled(),
    ];
    if hidden {
        columns.push(Column::text(t!("Its user sees it")).labelled());
    }
    let row = |candidate: &CandidateRow| {
        let day = |day: Option<Day>, none: &'static str| html! { @match day { Some(day) => (language::date(day.words())), None => span.quiet { (none) } } };
        let mut cells = vec![
            html! { strong { (candidate.version) } " " span.mono.quiet { (candidate.build) } },
            html! { (candidate.kind) },
            day(candidate.posted, t!("not said")),
            day(candidate.expires, t!("not said")),
        ];
        if hidden {
            cells.push(html! { @match candidate.visible { Some(day) => { (t!("from ")) (language::date(day.words())) }, None => (t!("at once")) } });
        }
        Row { id: String::new(), href: None, name: candidate.version.clone(), cells }
    };
    let newest = if tab.beta.is_empty() {
        t!("It has the newest release that Apple offers it.")
    } else {
        t!("It has all that Apple lists for everybody; what its beta programme brings is in no list.")
    };
    let none = html! { p { (badge(State::Ok, newest)) } };
    let list = table(&Table {
        caption: t!("Releases that it can have"),
        columns,
        rows: tab.candidates.iter().map(row).collect(),
        pager: None,
        empty: none,
        selection: None,
        compact: true,
    });
    html! {
        (list)
        @if hidden { p.quiet { (t!("A policy holds releases back from the person at the device. A plan, or what is started here, brings them all the same.")) } }
        (ends)
    }
}

fn start(device: &str, tab: &UpdatesTab) -> Markup {
    if let Some(because) = &tab.nothing {
        return html! { p.quiet { (t!("It cannot be told to update: ")) (because) "." } };
    }
    let options: Vec<_> =
        tab.candidates.iter().map(|candidate| (candidate.version.clone(), format!("{}, {}", candidate.version, candidate.kind))).collect();
    let newest =
        tab.candidates.iter().find(|candidate| candidate.kind != "security improvement").map(|candidate| candidate.version.as_str());
    let form = html! {
        div.form {
            @if tab.asks { p { (t!("It is asked first which releases it finds; the newest of them is meant.")) } }
            @else { (select("version", t!("Release"), &options, newest.unwrap_or_default(), "", None)) }
            @for deed in &tab.deeds {
                div.row {
                    @let button = Button::submit(if deed.asks { format!("{}…", deed.words) } else { deed.words.to_owned() }).sends("action", deed.action);
                    @if deed.asks { (button.asks()) } @else { (button) }
                    span.quiet { (deed.help) }
                }
            }
        }
    };
    html! {
        @if !tab.conditions.is_empty() { ul.plain { @for condition in &tab.conditions { li { (condition) } } } }
        (post(&format!("/devices/{device}/updates"), form))
    }
}

fn found(list: &[FoundRow], at: Timestamp, now: Timestamp) -> Markup {
    let row = |found: &FoundRow| Row {
        id: String::new(),
        href: None,
        name: found.name.clone(),
        cells: vec![
            html! { strong { (named(&found.name)) } },
            html! { (found.version) },
            html! { @if let Some(bytes) = found.size_bytes.filter(|bytes| *bytes > 0) { (t!("{e9} GB", e9 = format!("{:.1}", bytes as f64 / 1e9))) } },
            html! { @if found.restarts { (t!("restarts")) } },
            html! { @if let Some(until) = found.until { (t!("hidden until ")) (moment(until)) } },
        ],
    };
    html! {
        div.stack {
            p.meta { (t!("As the device said ")) (time_ago(at, now)) "." }
            (table(&Table {
                caption: t!("Updates that the device found"),
                columns: vec![Column::main(t!("Update")), Column::text(t!("Version")).whole(), Column::text(t!("Size")), Column::text(""), Column::text("").wraps()],
                rows: list.iter().map(row).collect(),
                pager: None,
                empty: empty(t!("It found nothing"), t!("It is up to date in its own eyes, or could not reach Apple."), Markup::default()),
                selection: None,
                compact: true,
            }))
        }
    }
}

/// What is lost by an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// What is open and not saved.
    Work,
    /// The generation of the system that it runs.
    WayBack,
}

/// The question before an update that restarts a Mac whatever is open.
pub fn ask_update(shell: &Shell, (id, name): (&str, &str), version: &str, deed: &DeedRow, loss: Loss) -> Markup {
    let back = format!("/devices/{id}/updates");
    let sent = [("version".to_owned(), version.to_owned()), ("action".to_owned(), deed.action.to_owned())];
    let which = if version.is_empty() { String::from(t!("the newest release")) } else { version.to_owned() };
    let ask = Confirm {
        action: &back,
        title: deed.words,
        consequence: html! {
            strong { (named(name)) } (t!(" installs ")) (which)
            @match loss {
                Loss::Work => { (t!(" and restarts whatever is open. ")) strong { (t!("Unsaved work is lost.")) } " " (deed.help) }
                Loss::WayBack => { (t!(", a new generation of its system. ")) strong { (t!("There is no way back")) } (t!(", and some apps may need newer versions first. ")) (deed.help) }
            }
        },
        names: &[],
        total: 1,
        hidden: &sent,
        verb: deed.words,
        destructive: true,
        cancel: &back,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&back, name)), ..Frame::new(Section::Devices, ask.title) }, confirm(&ask))
}
