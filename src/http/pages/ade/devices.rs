//! The table of devices that Apple says are ours, and the form for many of them at once.

use maud::{Markup, html};

use super::super::parts::{
    Action, Address, Button, Column, Confirm, Frame, Live, Pager, Row, Section, Selection, Shell, State, Table, badge, confirm, empty,
    frame, live, post, practice, search, select, table,
};
use super::{at, choices, elsewhere};
use crate::mdm::ade::devices::WISH_MAX;
use crate::store::ade_devices::Show;

/// Where the table is.
pub const ADDRESS: &str = "/new-devices";

/// What the table shows.
#[derive(Debug, Clone)]
pub struct DevicesView {
    /// The devices of this page.
    pub rows: Vec<DeviceRow>,
    /// How many match.
    pub total: u64,
    /// Which of them are shown.
    pub filter: DevicesFilter,
    /// Server tokens: id and name.
    pub servers: Vec<(String, String)>,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
    /// How many practice iPads are boxed still, as far as the viewer may switch them on.
    pub boxed: u64,
}

/// The filters of the table, as in its address.
#[derive(Debug, Clone)]
pub struct DevicesFilter {
    /// `?server=`.
    pub server: String,
    /// `?show=`.
    pub show: Show,
    /// `?search=`.
    pub search: String,
    /// `?after=`.
    pub after: String,
}

/// A device in the table.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its serial number.
    pub serial: String,
    /// What it is: "iPad (10th generation), silver".
    pub model: String,
    /// How it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// The profile that it is to have.
    pub profile: String,
    /// Whose it will be, and where it belongs.
    pub whose: String,
    /// The server that it is assigned to.
    pub server: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
}

/// What a choice of devices is called.
pub fn show_words(show: Show) -> &'static str {
    match show {
        Show::All => t!("All"),
        Show::NotEnrolled => t!("Not enrolled"),
        Show::NoProfile => t!("Without a profile"),
        Show::Throttled => t!("Apple wants to wait"),
        Show::Failed => t!("Refused"),
        Show::Gone => t!("Not yours any more"),
    }
}

impl DevicesFilter {
    /// The address of the table under these filters.
    pub fn address(&self) -> Address {
        let show = if self.show == Show::All { "" } else { self.show.as_str() };
        Address::new(ADDRESS).with("server", &self.server).with("show", show).with("search", &self.search).with("after", &self.after)
    }
}

/// The page.
pub fn page(shell: &Shell, view: &DevicesView) -> Markup {
    let under = html! { (t!("Devices that your organisation bought and put on this server in Apple's portal. They enroll by themselves when they are unpacked.")) };
    let action = html! { (Button::link("/new-devices/profiles", t!("How they greet people"))) };
    let content = html! {
        @if !view.servers.is_empty() { (filters(view)) }
        @if view.boxed > 0 { (switch_on(ADDRESS, view.boxed)) }
        (live(Live { id: "new-devices", topics: "ade job enrollment", of: None, src: None }, listing(view)))
        @if !view.rows.is_empty() {
            p.meta { a href=(Address::new("/new-devices.csv").with("server", &view.filter.server).with("show", view.filter.show.as_str()).with("search", &view.filter.search)) {
                (t!("Save this list as a sheet (CSV)"))
            } }
        }
    };
    frame(
        shell,
        &Frame { back: Some(("/devices", t!("Devices"))), under, action, ..Frame::new(Section::Devices, t!("New devices")) },
        content,
    )
}

/// The button that switches all boxed practice iPads on; `back` is where it leads to.
pub fn switch_on(back: &str, boxed: u64) -> Markup {
    let words = if boxed == 1 { String::from(t!("Switch the boxed one on")) } else { t!("Switch all {boxed} on", boxed) };
    let form = html! {
        input type="hidden" name="back" value=(back);
        input type="hidden" name="which" value="all";
        div.stack {
            p.quiet { (t!("The practice cart has ")) (super::super::parts::count(boxed, t!("boxed iPad"), t!("boxed iPads"))) (t!(". They come in by their Setup Assistant, as real ones do.")) }
            div.row { (Button::submit(words)) }
        }
    };
    post("/new-devices/switch-on", form)
}

fn filters(view: &DevicesView) -> Markup {
    let filter = &view.filter;
    html! {
        form.filters method="get" action=(ADDRESS) role="search" {
            (search("search", t!("Search serial number, model, tag"), &filter.search))
            @if view.servers.len() > 1 {
                select.input name="server" aria-label=(t!("All server tokens")) {
                    option value="" { (t!("All server tokens")) }
                    @for (id, name) in &view.servers { option value=(id) selected[*id == filter.server] { (name) } }
                }
            }
            @if filter.show != Show::All { input type="hidden" name="show" value=(filter.show.as_str()); }
            (Button::submit(t!("Show")))
        }
        nav aria-label=(t!("Which")) {
            ul.chips {
                @for show in Show::ALL {
                    li {
                        a href=(DevicesFilter { show: *show, after: String::new(), ..filter.clone() }.address())
                            aria-current=[(*show == filter.show).then_some("true")] { (show_words(*show)) }
                    }
                }
            }
        }
    }
}

fn listing(view: &DevicesView) -> Markup {
    let row = |device: &DeviceRow| Row {
        id: device.serial.clone(),
        href: Some(format!("{ADDRESS}/{}", device.serial)),
        name: device.serial.clone(),
        cells: vec![
            html! { (device.serial) @if device.practice { " " (practice()) } },
            html! { (device.model) },
            badge(device.state, &device.words),
            html! { @if device.profile.is_empty() { span.quiet { (t!("none")) } } @else { (device.profile) } },
            html! { @if device.whose.is_empty() { span.quiet { (t!("nobody yet")) } } @else { (device.whose) } },
            html! { (device.server) },
        ],
    };
    let address = view.filter.address();
    table(&Table {
        caption: t!("Devices that Apple says are yours"),
        columns: vec![
            Column::main(t!("Serial number")),
            Column::text(t!("Model")).labelled(),
            Column::text(t!("How it is")).wraps(),
            Column::text(t!("Profile")).labelled().wraps(),
            Column::text(t!("For")).labelled().wraps(),
            Column::text(t!("Server token")).labelled().wraps().minor(),
        ],
        rows: view.rows.iter().map(row).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("device"), t!("devices")),
            first: (!view.filter.after.is_empty()).then(|| address.clone().without("after").to_string()),
            next: view.next.clone(),
        }),
        empty: none(view),
        selection: view.may_change.then(|| Selection {
            name: "device",
            actions: actions(view.boxed > 0),
            filter: address.without("after").pairs().to_vec(),
            at_most: Some(WISH_MAX as u64),
        }),
        compact: false,
    })
}

/// What can be done with the chosen devices.
fn actions(has_boxed: bool) -> Vec<Action> {
    let action = |words: &str, to: &str| Action { words: words.to_owned(), to: to.to_owned(), destructive: false };
    let mut all = vec![action(t!("Say what they get…"), "/new-devices/assign")];
    if has_boxed {
        all.push(action(t!("Switch on"), "/new-devices/switch-on"));
    }
    all
}

fn none(view: &DevicesView) -> Markup {
    if view.servers.is_empty() {
        let words = t!(
            "Apple School Manager and Apple Business know which devices your organisation bought. Bring a server token once, and they enroll by \
                     themselves when they are unpacked."
        );
        let bring = html! { @if view.may_change { (Button::link("/system/device-list", t!("Set it up")).main()) } };
        return empty(t!("No new devices yet"), words, bring);
    }
    match (view.filter.show, view.filter.search.is_empty()) {
        (_, false) => empty(
            t!("No device matches"),
            t!("Nothing fits the search and the filters together."),
            html! { (Button::link(ADDRESS, t!("Show all"))) },
        ),
        (Show::All, true) => empty(
            t!("No new devices yet"),
            t!(
                "In Apple's portal, assign devices to this server. They are here within a quarter of an hour; Read now at the server token is quicker."
            ),
            html! { (Button::link("/system/device-list", t!("Server tokens"))) },
        ),
        _ => empty(t!("None of these"), t!("No device is like that now."), html! { (Button::link(ADDRESS, t!("Show all"))) }),
    }
}

/// What many devices can get.
#[derive(Debug, Clone, Default)]
pub struct AssignView {
    /// Their serial numbers.
    pub names: Vec<String>,
    /// Profiles: id and name.
    pub profiles: Vec<(String, String)>,
    /// Classes: id and name.
    pub classes: Vec<(String, String)>,
    /// Groups by hand: id and name.
    pub groups: Vec<(String, String)>,
    /// What was chosen before: field and value.
    pub given: Vec<(String, String)>,
    /// The chosen devices, to be sent again.
    pub hidden: Vec<(String, String)>,
    /// What is wrong: field and words.
    pub errors: Vec<(String, String)>,
}

/// Leaves a thing as it is, and takes it away.
const KEEP: [(&str, &str); 2] = [("", msg!("As it is")), ("-", msg!("None"))];

/// The form for many devices.
pub fn assign(shell: &Shell, view: &AssignView) -> Markup {
    let given = |name: &str| at(&view.given, name).unwrap_or_default();
    let title = super::super::parts::count(view.names.len() as u64, t!("device"), t!("devices"));
    let fields = html! {
        (elsewhere(&view.errors, &["profile_id", "class_id", "group_id"]))
        (select("profile_id", t!("Profile"), &choices(&KEEP, &view.profiles), given("profile_id"),
            t!("Counts before the one of its group or family. None: those count again."), at(&view.errors, "profile_id")))
        (select("class_id", t!("Class"), &choices(&KEEP, &view.classes), given("class_id"),
            t!("Its pupils who have no device get one of these each, by name."), at(&view.errors, "class_id")))
        (select("group_id", t!("Group"), &choices(&KEEP, &view.groups), given("group_id"),
            t!("They come into it when they enroll."), at(&view.errors, "group_id")))
    };
    let ask = Confirm {
        action: "/new-devices/assign",
        title: &t!("What {title} get", title),
        consequence: html! { (t!("A profile takes effect when a device is set up the next time; one that is in use goes on as it is.")) },
        names: &view.names,
        total: view.names.len() as u64,
        hidden: &view.hidden,
        fields,
        verb: t!("Save"),
        cancel: ADDRESS,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((ADDRESS, t!("New devices"))), ..Frame::new(Section::Devices, t!("What they get")) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn what_is_shown_is_escaped_and_every_chip_keeps_the_search() {
        let filter = DevicesFilter { server: String::new(), show: Show::Gone, search: "a b".into(), after: String::new() };
        let row = DeviceRow {
            serial: "TESTSN0001".into(),
            model: "iPad <10>".into(),
            state: State::Waiting,
            words: "waits to be unpacked".into(),
            profile: String::new(),
            whose: String::new(),
            server: "School".into(),
            practice: true,
        };
        let mut view = DevicesView {
            rows: vec![row],
            total: 1,
            filter,
            servers: vec![("s".into(), "School".into())],
            next: None,
            may_change: true,
            boxed: 2,
        };
        let shell = Shell::for_tests(Section::Devices, Timestamp::from_seconds(1_795_000_000));
        let html = page(&shell, &view).into_string();
        assert!(html.contains("iPad &lt;10&gt;") && html.contains("show=not_enrolled&amp;search=a"), "{html}");
        assert!(html.contains("/new-devices/assign") && html.contains("nobody yet") && html.contains("Switch all 2 on"));
        view.rows.clear();
        view.servers.clear();
        assert!(page(&shell, &view).into_string().contains("Set it up"));
    }
}
