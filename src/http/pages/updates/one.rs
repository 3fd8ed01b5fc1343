//! One update plan: what it means, how far each ring is, who lags and why, what it leaves alone.

use maud::{Markup, html};

use super::super::parts::{
    BurnDown, Button, Calendar, Column, Frame, Live, Pager, Row, Section, Segment, Shell, State, Table, badge, bar, burn_down, calendar,
    count, empty, frame, live, moment, named, post, section, section_with, table, time_ago,
};
use crate::clock::Timestamp;

/// A plan.
#[derive(Debug, Clone)]
pub struct PlanView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// What it means, in sentences.
    pub means: Vec<String>,
    /// Why it is stopped and since when, if it is.
    pub stopped: Option<(String, Timestamp)>,
    /// What no device can get of what it names.
    pub doubt: Option<String>,
    /// The rings on a time line.
    pub calendar: Calendar,
    /// For which release the time line stands, where the plan follows new ones.
    pub calendar_of: Option<String>,
    /// The rings.
    pub rings: Vec<RingView>,
    /// How far all devices are.
    pub segments: Vec<Segment>,
    /// All devices that it means.
    pub total: u64,
    /// Devices that are there.
    pub done: u64,
    /// Devices that cannot have it or are left alone.
    pub aside: u64,
    /// Devices past their deadline.
    pub overdue: u64,
    /// The versions that devices are to have: which, and how many.
    pub versions: Vec<(String, u64)>,
    /// How many are left until the deadline; none before the first has begun.
    pub burn: Option<BurnDown>,
    /// The devices of this page.
    pub devices: Vec<MemberRow>,
    /// What they are narrowed to, in words.
    pub filter: Option<String>,
    /// How many there are under the filter.
    pub matching: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// The devices that it leaves alone because somebody said so.
    pub exceptions: Vec<ExceptionRow>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Whether the viewer may have devices try again.
    pub may_ask: bool,
}

/// A ring.
#[derive(Debug, Clone)]
pub struct RingView {
    /// What people call it.
    pub name: String,
    /// Its groups: address and name.
    pub groups: Vec<(String, String)>,
    /// When it begins and by when it is done, in words.
    pub when: String,
    /// How far its devices are.
    pub segments: Vec<Segment>,
    /// Devices past their deadline, and the list behind that.
    pub overdue: (u64, String),
}

/// A device of a plan.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// The device's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its serial number; empty where it has none.
    pub serial: String,
    /// The name of its ring.
    pub ring: String,
    /// What it runs.
    pub from: String,
    /// What it is to have; empty where nothing is.
    pub version: String,
    /// How far it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Why, and what to do.
    pub because: String,
    /// By when, on its own clock; empty where there is no deadline.
    pub deadline: String,
    /// When it last connected.
    pub seen_at: Option<Timestamp>,
    /// Whether it can be told to try again.
    pub may_retry: bool,
    /// Whether somebody wants it left alone.
    pub is_excepted: bool,
}

/// A device that is left alone.
#[derive(Debug, Clone)]
pub struct ExceptionRow {
    /// The device's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub ends_at: Option<Timestamp>,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The page.
pub fn one(shell: &Shell, view: &PlanView) -> Markup {
    let address = format!("/updates/plans/{}", view.id);
    let page = Frame {
        back: Some(("/updates/plans", t!("Update plans"))),
        under: html! { (view.note) },
        action: html! { @if view.may_change { (Button::link(format!("{address}/edit"), t!("Change the plan")).main()) } },
        ..Frame::new(Section::Updates, &view.name)
    };
    let topics = "update update_plan device enrollment";
    let content = html! {
        @if let Some((because, at)) = &view.stopped { (stopped(view, &address, because, *at)) }
        @if let Some(doubt) = &view.doubt { div.banner.problem role="note" { div.words { (doubt) } } }
        (section(t!("What it means"), html! { @for sentence in &view.means { p { (sentence) } } }))
        (live(Live { id: "progress", topics, of: None, src: None }, progress(view, shell.now)))
        div #devices { (live(Live { id: "members", topics, of: None, src: None }, members(view, &address, shell.now))) }
        (section(t!("Left alone"), exceptions(view, &address, shell.now)))
        @if view.may_change { (ends(view, &address)) }
    };
    frame(shell, &page, content)
}

fn stopped(view: &PlanView, address: &str, because: &str, at: Timestamp) -> Markup {
    html! {
        div.banner.problem role="note" {
            div.words {
                strong { (t!("This plan is stopped")) } (t!(" since ")) (moment(at)) ": " (because) (t!(". Nothing more is begun; devices that install go on. When the plan goes on, deadlines move by the time that it stood still, and none comes sooner than an hour after."))
                @if view.may_change { (post(&format!("{address}/go-on"), html! { div.form-foot { (Button::submit(t!("Let it go on")).small()) } })) }
            }
        }
    }
}

fn progress(view: &PlanView, now: Timestamp) -> Markup {
    let left = view.total.saturating_sub(view.done + view.aside);
    let overdue = format!("/updates/plans/{}?overdue=1#devices", view.id);
    let overall = html! {
        @if view.total == 0 { p.quiet { (t!("No device is in its rings yet, or none has been looked at since it was saved.")) } }
        @else {
            p {
                @if left == 0 && view.done == 0 { strong { (t!("No device can have it now, or all are left alone.")) } }
                @else if left == 0 { (t!("Every device that can have it is there.")) }
                @else { strong { (left) (t!(" of ")) (count(view.total, t!("device"), t!("devices"))) (t!(" still to come.")) } }
                @if view.overdue > 0 { " " a.counted href=(overdue) { (badge(State::Problem, &t!("{are} overdue", are = count(view.overdue, t!("device is"), t!("devices are"))))) } }
            }
            (bar(&view.segments))
        }
        @if !view.versions.is_empty() {
            p.quiet {
                (t!("Meant are "))
                @for (at, (version, devices)) in view.versions.iter().enumerate() { @if at > 0 { ", " } (version) (t!(" on ")) (count(*devices, t!("device"), t!("devices"))) }
                "."
            }
        }
    };
    html! {
        div.stack.loose {
            (section(t!("How far it is"), overall))
            (section(t!("Rings"), html! {
                (calendar(&view.calendar))
                @if let Some(release) = &view.calendar_of { p.meta { (t!("Drawn for ")) (release) (t!(". Each release has a time of its own in each ring: a device gets the newest whose time has come, by the earliest deadline of those that it lacks.")) } }
                div.stack.loose { @for ring in &view.rings { (self::ring(ring)) } }
            }))
            @if let Some(burn) = &view.burn { (section(t!("Until the deadline"), burn_down(burn, now))) }
        }
    }
}

fn ring(ring: &RingView) -> Markup {
    html! {
        div.stack {
            h3 { (named(&ring.name)) }
            p.meta {
                (ring.when) " "
                @if ring.groups.is_empty() { (t!("No group is in it yet.")) }
                @for (at, (href, name)) in ring.groups.iter().enumerate() { @if at > 0 { ", " } a href=(href) { (named(name)) } }
            }
            (bar(&ring.segments))
            @if ring.overdue.0 > 0 { p { a.counted href=(ring.overdue.1) { (badge(State::Problem, &t!("{overdue} overdue", overdue = ring.overdue.0))) } } }
        }
    }
}

fn members(view: &PlanView, address: &str, now: Timestamp) -> Markup {
    let none = match &view.filter {
        Some(_) => empty(
            t!("No device stands so"),
            t!("Others do."),
            html! { (Button::link(format!("{address}#devices"), t!("Show all devices"))) },
        ),
        None => empty(
            t!("No device yet"),
            t!("The devices of its groups stand here once they have been looked at, which takes some minutes after saving."),
            Markup::default(),
        ),
    };
    let rows = view.devices.iter().map(|device| member(view, address, device, now));
    let list = table(&Table {
        caption: t!("Devices"),
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("Version")).whole(),
            Column::text(t!("State")).whole(),
            Column::text(t!("Why")).wraps(),
            Column::text(t!("Installs by")).lesser(),
            Column::text(t!("Last seen")).minor(),
            Column::deed(),
        ],
        rows: rows.collect(),
        pager: Some(Pager {
            shown: view.devices.len() as u64,
            total: view.matching,
            noun: (t!("device"), t!("devices")),
            first: None,
            next: view.next.clone(),
        }),
        empty: none,
        selection: None,
        compact: true,
    });
    let sheet = html! { @if view.total > 0 { (Button::link(format!("{address}/devices.csv"), t!("Export")).small().download()) } };
    section_with(
        t!("Devices"),
        sheet,
        html! {
            @if let Some(filter) = view.filter.as_ref().filter(|_| !view.devices.is_empty()) {
                p { (t!("Only those that are ")) (filter) ". " a href=(format!("{address}#devices")) { (t!("Show all devices")) } }
            }
            (list)
        },
    )
}

fn member(view: &PlanView, address: &str, device: &MemberRow, now: Timestamp) -> Row {
    let version = html! {
        (device.from)
        @if !device.version.is_empty() && device.version != device.from { " → " (device.version) }
    };
    let deeds = html! {
        @if device.may_retry && view.may_ask {
            (post(&format!("/devices/{}/updates/again", device.id), html! {
                input type="hidden" name="plan" value=(view.id);
                input type="hidden" name="from" value="plan";
                (Button::submit(t!("Try again")).small())
            }))
            " "
        }
        @if view.may_change && !device.is_excepted {
            (Button::link(format!("{address}/except/{}", device.id), t!("Leave alone…")).small().asks())
        }
    };
    Row {
        id: String::new(),
        href: Some(format!("/devices/{}/updates", device.id)),
        name: device.name.clone(),
        cells: vec![
            html! {
                (named(&device.name))
                @if !device.serial.is_empty() && device.serial != device.name { br; span.mono.quiet { (device.serial) } }
                @if view.rings.len() > 1 { br; span.quiet { (named(&device.ring)) } }
            },
            version,
            badge(device.state, &device.words),
            html! { (device.because) },
            html! { (device.deadline) },
            html! { @match device.seen_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("never")) } } },
            deeds,
        ],
    }
}

fn exceptions(view: &PlanView, address: &str, now: Timestamp) -> Markup {
    let rows = view.exceptions.iter().map(|row| Row {
        id: String::new(),
        href: Some(format!("/devices/{}/updates", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) },
            html! { (row.reason) },
            html! { @match row.ends_at { Some(end) => { (t!("until ")) (moment(end)) }, None => (t!("without an end")) } },
            html! { (row.by) ", " (time_ago(row.at, now)) },
            html! {
                @if view.may_change { (post(&format!("{address}/except/{}/end", row.id), html! { (Button::submit(t!("Look after it again")).small()) })) }
            },
        ],
    });
    table(&Table {
        caption: t!("Devices that are left alone"),
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("Why")).wraps(),
            Column::text(t!("How long")).labelled(),
            Column::text(t!("Said by")).minor(),
            Column::deed(),
        ],
        rows: rows.collect(),
        pager: None,
        empty: html! { p.quiet { (t!("No device. Choose “Leave alone” beside a device that must keep its version for a while, for an exam or an old app.")) } },
        selection: None,
        compact: true,
    })
}

fn ends(view: &PlanView, address: &str) -> Markup {
    section(
        t!("Stop or delete it"),
        html! {
            div.row {
                @if view.stopped.is_none() { (Button::link(format!("{address}/stop"), t!("Stop the plan…")).asks()) }
                (Button::link(format!("{address}/delete"), t!("Delete the plan…")).destructive().asks())
            }
        },
    )
}
