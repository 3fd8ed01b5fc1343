//! Policies: the list, one policy in words with its scope and what each generation of devices gets, and what policies come to on one device.

mod device;
mod editor;

pub use device::{DeviceKey, DevicePolicies, on_device};
pub use editor::{PolicyForm, editor};

use maud::{Markup, html};

use super::parts::scope::{ScopeView, scope};
use super::parts::{
    Button, Column, Confirm, Fact, Frame, Icon, Live, Pager, Row, Section, Segment, Shell, State, Table, Typed, all_named, bar, confirm,
    count, empty, facts, frame, live, named, post, section, state_square, table, time_ago,
};
use super::profiles::outcomes::{OutcomesView, outcomes};
use super::profiles::parts::warnings as clashes;
use super::profiles::section_tabs;
use crate::clock::Timestamp;
use crate::language::say;
use crate::mdm::policies::catalogue::{Group, Switch};
use crate::mdm::policies::{Generation, Warning, ways};

/// The list.
#[derive(Debug, Clone, Default)]
pub struct PoliciesView {
    /// The policies of this page, by name.
    pub rows: Vec<PolicyRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may make and change them.
    pub may_change: bool,
}

/// A policy in the list.
#[derive(Debug, Clone)]
pub struct PolicyRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does, one line for each switch.
    pub does: Vec<String>,
    /// Names of the groups that it is assigned to.
    pub groups: Vec<String>,
    /// How far devices are with it.
    pub results: Vec<Segment>,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// One policy.
#[derive(Debug, Clone)]
pub struct PolicyView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// How often it was changed.
    pub revision: i64,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// The switches that are on, with their values in words.
    pub switches: Vec<(&'static Switch, String)>,
    /// Where it does less than it may seem to.
    pub warnings: Vec<Warning>,
    /// What it gets in the way of on the devices of its groups, a sentence each.
    pub clashes: Vec<String>,
    /// How it ends where it is assigned for a limited time, in words.
    pub ends: String,
    /// On the devices of which groups it is wanted.
    pub scope: ScopeView,
    /// How far devices are with it.
    pub outcomes: OutcomesView,
    /// What each generation of devices gets.
    pub generations: Vec<Generation>,
    /// Some of the devices that it is assigned to: id and name.
    pub devices: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The line under the title of the list.
const ABOUT: &str = msg!("Guided switches: what people can do with the devices of a group.");

/// Switches of a policy that the list names.
const NAMED: usize = 3;

/// The page of the list.
pub fn list(shell: &Shell, view: &PoliciesView) -> Markup {
    let new = html! { @if view.may_change { (Button::link("/policies/new", t!("New policy")).main().icon(Icon::Plus)) } };
    let page = Frame {
        under: html! { (say(ABOUT)) },
        action: html! { @if !view.rows.is_empty() { (new) } },
        ..Frame::new(Section::Profiles, t!("Profiles and policies"))
    };
    let start = html! {
        @if view.may_change {
            (Button::link("/policies/new?start=open-in", t!("Start with Managed Open In")).main())
            (Button::link("/policies/new", t!("Start with nothing switched on")))
        }
    };
    let rows = table(&Table {
        caption: t!("Policies"),
        columns: vec![
            Column::main(t!("Policy")),
            Column::text(t!("What it does")).wraps(),
            Column::text(t!("Groups")).wraps(),
            Column::text(t!("On devices")).labelled(),
            Column::text(t!("Changed")).minor(),
        ],
        rows: view.rows.iter().map(|row| list_row(row, shell.now)).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("policy"), t!("policies")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No policies yet"),
            t!(
                "A policy is a handful of switches for the devices of a group. Managed Open In is a good first one: it keeps what belongs to the \
             organisation in the apps that you installed, and leaves the rest to the person."
            ),
            start,
        ),
        selection: None,
        compact: false,
    });
    frame(shell, &page, html! { (section_tabs("/policies")) (rows) })
}

fn list_row(row: &PolicyRow, now: Timestamp) -> Row {
    let more = row.does.len().saturating_sub(NAMED) as u64;
    Row {
        id: row.id.clone(),
        href: Some(format!("/policies/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) },
            html! { (row.does.iter().take(NAMED).cloned().collect::<Vec<_>>().join(" · ")) @if more > 0 { span.quiet { (t!(" and ")) (more) (t!(" more")) } } },
            html! { @if row.groups.is_empty() { span.quiet { (t!("none yet")) } } @else { (all_named(&row.groups)) } },
            html! { @if row.results.iter().any(|segment| segment.count > 0) { (bar(&row.results)) } @else { span.quiet { "–" } } },
            time_ago(row.changed_at, now),
        ],
    }
}

/// The page of one policy.
pub fn one(shell: &Shell, view: &PolicyView) -> Markup {
    let edit = html! { @if view.may_change { (Button::link(format!("/policies/{}/edit", view.id), t!("Change switches")).main()) } };
    let page = Frame {
        back: Some(("/policies", t!("Policies"))),
        under: html! { (view.note) },
        action: edit,
        ..Frame::new(Section::Profiles, &view.name)
    };
    let assigned = view.scope.names().len() as u64;
    let about = [
        Fact::text(t!("Switched on"), &count(view.switches.len() as u64, t!("switch"), t!("switches"))),
        Fact::text(
            t!("Assigned to"),
            &if assigned == 0 { String::from(t!("no group yet, so it does nothing")) } else { count(assigned, t!("group"), t!("groups")) },
        ),
        Fact::new(
            t!("Changed"),
            html! { (time_ago(view.changed_at, shell.now)) @if view.revision > 1 { (t!(", revision ")) (view.revision) } },
        ),
    ];
    let content = html! {
        (facts(&about))
        (clashes(&view.clashes))
        (warned(&view.warnings))
        (section(t!("What it does"), switches(&view.switches)))
        (section(t!("Where"), html! {
            @if view.may_change {
                (post(&format!("/policies/{}/scope", view.id), html! {
                    div.form {
                        (scope(&view.scope))
                        @if !view.scope.groups.is_empty() { p.meta { (view.ends) } }
                        @if !view.scope.groups.is_empty() { div.form-foot { (Button::submit(t!("Save where it is wanted")).main()) (Button::submit(t!("Preview")).to(format!("/preview/policy/{}", view.id))) } }
                    }
                }))
            } @else {
                (assigned_to(view))
            }
        }))
        (live(Live { id: "results", topics: "policy assignment deployment", of: None, src: None }, outcomes(&view.outcomes, shell.now)))
        @if !view.devices.is_empty() {
            (section(t!("What one device gets"), html! { details { summary { (t!("Choose a device")) }
                p.quiet { (t!("All policies of a device together; the most restrictive wins, and it is told which policy wants it.")) }
                ul.plain.stack { @for (id, name) in &view.devices { li { a href=(format!("/policies/devices/{id}")) { (named(name)) } } } }
            } }))
        }
        (section(t!("What each generation of devices gets"), html! { details { summary { (t!("Show the generations")) } (generations(&view.generations)) } }))
        @if view.may_change { div { (Button::link(format!("/policies/{}/delete", view.id), t!("Delete this policy…")).destructive().asks()) } }
    };
    frame(shell, &page, content)
}

fn assigned_to(view: &PolicyView) -> Markup {
    let names = view.scope.names();
    html! { @if names.is_empty() { p.quiet { (t!("No group yet.")) } } @else { ul.plain { @for name in names { li { (named(name)) } } } } }
}

/// What does less than it may seem to.
pub(super) fn warned(warnings: &[Warning]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            ul.waits aria-label=(t!("Good to know")) {
                @for warning in warnings { li { (state_square(State::Waiting, 12)) div { p { (warning.words) } } } }
            }
        }
    }
}

fn switches(list: &[(&'static Switch, String)]) -> Markup {
    html! {
        @for group in Group::ALL {
            @let of_group: Vec<_> = list.iter().filter(|(switch, _)| switch.group == group).collect();
            @if !of_group.is_empty() {
                div.stack {
                    h3 { (group.title()) }
                    @for (switch, words) in of_group {
                        div.switch {
                            p { strong { (words) } }
                            p { (say(switch.notice)) }
                            p.meta { (t!("Limits: ")) (say(switch.limits)) }
                            (requires(switch))
                        }
                    }
                }
            }
        }
    }
}

/// What a switch needs, as a line of badges.
pub(super) fn requires(switch: &Switch) -> Markup {
    html! { ul.requires aria-label=(t!("Needs")) { @for line in ways::requirements(switch) { li { (line) } } } }
}

fn generations(list: &[Generation]) -> Markup {
    let rows = list.iter().map(|generation| {
        let system = generation.platform.system();
        let from = ways::short(generation.from);
        let name = match generation.before {
            Some(before) => t!("{system} {from}, before {short}", system, from, short = ways::short(before)),
            None => t!("{system} {from} and later", system, from),
        };
        let labels = |switches: &[&'static Switch]| switches.iter().map(|switch| say(switch.label)).collect::<Vec<_>>().join(" · ");
        let gets = html! {
            @for (how, switches) in &generation.gets { p { span.quiet { (t!("By ")) (how) ": " } (labels(switches)) } }
        };
        let lacks = html! { @if generation.lacks.is_empty() { span.quiet { (t!("nothing")) } } @else { (labels(&generation.lacks)) } };
        Row { id: String::new(), href: None, name: name.clone(), cells: vec![html! { (name) }, gets, lacks] }
    });
    table(&Table {
        caption: t!("What each generation of devices gets"),
        columns: vec![
            Column::main(t!("System")),
            Column::text(t!("Gets")).wraps().labelled().roomy(),
            Column::text(t!("Does not get")).wraps().labelled(),
        ],
        rows: rows.collect(),
        pager: None,
        empty: html! { p.quiet { (t!("No system has any of it.")) } },
        selection: None,
        compact: false,
    })
}

/// The page that asks before a policy is deleted that this many devices have; `given` is what was typed before.
pub fn ask_delete(shell: &Shell, (id, name): (&str, &str), groups: &[String], devices: u64, given: Option<&str>) -> Markup {
    let phrase = devices.to_string();
    let (action, cancel) = (format!("/policies/{id}/delete"), format!("/policies/{id}"));
    let consequence = html! {
        (t!("The policy ")) strong { (named(name)) } (t!(" is gone for good."))
        @if groups.is_empty() { (t!(" It is assigned to no group, so no device changes.")) }
        @else {
            (t!(" What it does on the devices of ")) (all_named(groups)) " (" (count(devices, t!("device"), t!("devices"))) (t!(") is undone, unless another policy \
             wants it too."))
        }
    };
    let ask = Confirm {
        action: &action,
        title: t!("Delete this policy"),
        consequence,
        typed: Typed::count(&phrase, devices, given),
        verb: t!("Delete the policy"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, name)), ..Frame::new(Section::Profiles, ask.title) }, confirm(&ask))
}
