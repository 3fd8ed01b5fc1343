//! The devices table: search, filters and sorting in the address, rows to choose, and what to do when there is none.

use maud::{Markup, html};

use super::parts::{
    Action, Address, Button, Column, Frame, Icon, Live, Pager, Row, Section, Selection, Shell, Sort, State, Table, badge, copy_field,
    empty, frame, live, named, practice, qr, search, state_square, table, thousands, time_ago,
};
use super::saved_filters::saved_filters;
use crate::clock::Timestamp;
use crate::store::roster::Counts;
use crate::store::saved_filters::SavedFilter;

mod narrowed;

use narrowed::{narrowed, those_asked};

/// The most devices that something is done to at once.
pub const CHOSEN_MAX: usize = 1000;

/// What the table shows and how it was asked for.
#[derive(Debug, Clone, Default)]
pub struct DevicesView {
    /// The devices of this page.
    pub rows: Vec<DeviceRow>,
    /// How many match the filters.
    pub total: u64,
    /// How many match the other filters in each state, in the order of [`State::ALL`].
    pub counts: Counts,
    /// The filters and the sorting in force.
    pub filter: DevicesFilter,
    /// Platforms that exist among the devices: value and words.
    pub platforms: Vec<(String, String)>,
    /// Groups that exist: id and name.
    pub groups: Vec<(String, String)>,
    /// Filters that the viewer keeps.
    pub saved: Vec<SavedFilter>,
    /// What its devices were asked at once, where the list is narrowed to those: `each of which kim asked to restart`.
    pub asked: Option<String>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// What the viewer may do with chosen devices, destructive ones last.
    pub actions: Vec<Action>,
    /// Whether the viewer may invite.
    pub may_invite: bool,
    /// Whether the viewer may add practice devices.
    pub may_configure: bool,
    /// An open invitation, shown while there is no device.
    pub invitation: Option<OpenInvitation>,
    /// Whether real devices can enroll: a push certificate exists.
    pub push_ready: bool,
}

/// The filters of the table, as in its address.
#[derive(Debug, Clone, Default)]
pub struct DevicesFilter {
    /// `?search=`: name, serial number or UDID.
    pub search: String,
    /// `?state=`.
    pub state: Option<State>,
    /// `?platform=`.
    pub platform: String,
    /// `?group=`.
    pub group: String,
    /// `?hardware=`: enrolled devices of one model, `iPad13,18`, `Mac14,2/J413AP`.
    pub hardware: String,
    /// `?version=`: enrolled devices that run it.
    pub version: String,
    /// `?asked=`: those of a batch, by its id; `?answer=` of them those that have confirmed it, have it waiting, or did it not.
    pub asked: String,
    /// `?answer=`: `confirmed`, `waiting`, `not`.
    pub answer: String,
    /// `?sort=`: `name`, `model`, `os`, `serial`, `last_seen`, with `-` before it for the greatest first.
    pub sort: String,
    /// `?after=`: the cursor of this page.
    pub after: String,
}

/// A device in the table.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its id.
    pub id: String,
    /// Its name as the device says it.
    pub name: String,
    /// How it is.
    pub state: State,
    /// How it is in words: "waiting to be unlocked"; empty when it is ok.
    pub reason: String,
    /// For example "iPad (9th generation)".
    pub model: String,
    /// For example "iPadOS 17.6.1".
    pub os: String,
    /// Its serial number.
    pub serial: String,
    /// Names of its groups.
    pub groups: Vec<String>,
    /// When it last spoke.
    pub last_seen: Option<Timestamp>,
    /// Whether it is simulated here.
    pub practice: bool,
}

/// An invitation that is open now.
#[derive(Debug, Clone)]
pub struct OpenInvitation {
    /// Its code.
    pub code: String,
    /// Its address.
    pub url: String,
}

impl DevicesFilter {
    /// The address of the table under these filters.
    pub fn address(&self) -> Address {
        Address::new("/devices")
            .with("search", &self.search)
            .with("state", self.state.map_or("", State::word))
            .with("platform", &self.platform)
            .with("group", &self.group)
            .with("hardware", &self.hardware)
            .with("version", &self.version)
            .with("asked", &self.asked)
            .with("answer", &self.answer)
            .with("sort", &self.sort)
            .with("after", &self.after)
    }

    /// What stands behind the question mark of the table's first page.
    pub fn query(&self) -> String {
        let address = self.address().without("after").to_string();
        address.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default()
    }

    fn narrows(&self) -> bool {
        let chosen = [&self.search, &self.platform, &self.group, &self.asked].iter().any(|value| !value.is_empty());
        chosen || self.state.is_some() || self.is_of_updates()
    }

    /// Whether it came from the page of updates.
    fn is_of_updates(&self) -> bool {
        !self.hardware.is_empty() || !self.version.is_empty()
    }

    fn sorting(&self) -> Sort {
        let (key, descending) = self.sort.strip_prefix('-').map_or((self.sort.as_str(), false), |key| (key, true));
        Sort { key: if key.is_empty() { "name" } else { key }.to_owned(), descending, address: self.address() }
    }
}

/// The page.
pub fn page(shell: &Shell, view: &DevicesView) -> Markup {
    let action = html! {
        (Button::link(super::setting_up::ADDRESS, t!("Being set up")))
        @if view.may_invite {
            (Button::link("/new-devices", t!("New devices")))
            (Button::link("/invitations/new", t!("Invite a device")).main().icon(Icon::Plus))
        }
    };
    let any = view.total > 0 || view.filter.narrows();
    let content = html! {
        @if any { (filters(view)) (saved_filters(&view.saved, &view.filter, view.filter.narrows())) }
        @if view.filter.is_of_updates() { (narrowed(&view.filter)) }
        @if let Some(asked) = &view.asked { (those_asked(&view.filter, asked)) }
        (list(shell, view))
    };
    frame(shell, &Frame { action, ..Frame::new(Section::Devices, t!("Devices")) }, content)
}

/// The part that changes by itself: the fragment `devices`.
pub fn list(shell: &Shell, view: &DevicesView) -> Markup {
    let src = view.filter.address().to_string();
    let any = view.total > 0 || view.filter.narrows();
    // The chips stand within: they and the rows are counted in the same moment.
    let content = html! { div.stack { @if any { (states(view)) } (devices_table(shell.now, view)) } };
    live(Live { id: "devices", topics: "device enrollment command push", of: None, src: Some(&src) }, content)
}

fn devices_table(now: Timestamp, view: &DevicesView) -> Markup {
    let sort = view.filter.sorting();
    let first = (!view.filter.after.is_empty()).then(|| view.filter.address().without("after").to_string());
    table(&Table {
        caption: t!("Devices"),
        columns: vec![
            Column::main(t!("Name")).sort("name", &sort),
            Column::text(t!("State")).roomy(),
            Column::text(t!("Model")).roomy().lesser().sort("model", &sort),
            Column::text(t!("System")).whole().sort("os", &sort),
            Column::code(t!("Serial number")).sort("serial", &sort),
            Column::text(t!("Groups")).wraps().minor(),
            Column::text(t!("Last seen")).whole().sort("last_seen", &sort),
        ],
        rows: view.rows.iter().map(|device| row(device, now)).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("device"), t!("devices")),
            first,
            next: view.next.as_ref().map(|cursor| view.filter.address().with("after", cursor).to_string()),
        }),
        empty: none(view),
        selection: (!view.actions.is_empty()).then(|| Selection {
            name: "device",
            actions: view.actions.clone(),
            filter: view.filter.address().without("after").without("sort").pairs().to_vec(),
            at_most: Some(CHOSEN_MAX as u64),
        }),
        compact: false,
    })
}

fn row(device: &DeviceRow, now: Timestamp) -> Row {
    let name = html! {
        span.badge { (state_square(device.state, 12)) span.lines { (named(&device.name)) } @if device.practice { (practice()) } }
    };
    let state = if device.reason.is_empty() { device.state.said() } else { &device.reason };
    Row {
        id: device.id.clone(),
        href: Some(format!("/devices/{}", device.id)),
        name: device.name.clone(),
        cells: vec![
            name,
            html! { span.lines title=(state) { (state) } },
            html! { (device.model) },
            html! { (device.os) },
            html! { (device.serial) },
            groups(&device.groups),
            html! { @match device.last_seen { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("never")) } } },
        ],
    }
}

fn groups(names: &[String]) -> Markup {
    html! {
        @if let Some(first) = names.first() {
            (named(first))
            @if names.len() > 1 { span.quiet title=(names[1..].join(", ")) { (t!(" and ")) (names.len() - 1) (t!(" more")) } }
        }
    }
}

fn filters(view: &DevicesView) -> Markup {
    let filter = &view.filter;
    html! {
        form.filters method="get" action="/devices" role="search" {
            (search("search", t!("Search name, serial number, UDID"), &filter.search))
            @if !view.platforms.is_empty() { (choose("platform", t!("All platforms"), &view.platforms, &filter.platform)) }
            @if !view.groups.is_empty() { (choose("group", t!("All groups"), &view.groups, &filter.group)) }
            @if let Some(state) = filter.state { input type="hidden" name="state" value=(state.word()); }
            @for (name, value) in [("hardware", &filter.hardware), ("version", &filter.version), ("asked", &filter.asked), ("answer", &filter.answer)] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
            @if !filter.sort.is_empty() { input type="hidden" name="sort" value=(filter.sort); }
            (Button::submit(t!("Show")))
        }
    }
}

fn choose(name: &str, all: &str, options: &[(String, String)], chosen: &str) -> Markup {
    html! {
        select.input name=(name) aria-label=(all) {
            option value="" { (all) }
            @for (value, words) in options { option value=(value) selected[value == chosen] { (words) } }
        }
    }
}

fn states(view: &DevicesView) -> Markup {
    let base = view.filter.address().without("after");
    html! {
        nav aria-label=(t!("By state")) {
            ul.chips {
                li {
                    a href=(base.clone().without("state")) aria-current=[view.filter.state.is_none().then_some("true")] {
                        (t!("All ")) span.n { (thousands(view.counts.iter().sum())) }
                    }
                }
                @for (state, count) in State::ALL.into_iter().zip(view.counts).filter(|(state, count)| {
                    *state != State::Lost || *count > 0 || view.filter.state == Some(State::Lost)
                }) {
                    li {
                        a href=(base.clone().with("state", state.word())) aria-current=[(view.filter.state == Some(state)).then_some("true")] {
                            (badge(state, state.said())) span.n { (thousands(count)) }
                        }
                    }
                }
            }
        }
    }
}

/// Why the table is empty and what to do.
fn none(view: &DevicesView) -> Markup {
    if let Some(state) = view.filter.state {
        let others = view.filter.address().without("after").without("state").to_string();
        let words = match view.counts.iter().sum() {
            0 => t!("Nothing fits the search and the other filters either."),
            _ => t!("Those that fit the search and the other filters are in other states."),
        };
        let all = html! { (Button::link(others, t!("Show every state"))) };
        return empty(&t!("No device is in the state “{state}”", state = state.said()), words, all);
    }
    if view.filter.narrows() {
        return empty(
            t!("No device matches"),
            t!("Nothing fits the search and the filters together."),
            html! { (Button::link("/devices", t!("Show all devices"))) },
        );
    }
    let practice = html! { @if view.may_configure { (Button::link("/system/practice", t!("Add practice devices"))) } };
    if !view.push_ready {
        let words = t!(
            "Real devices can be invited as soon as there is a push certificate. Until then you can try everything with practice devices."
        );
        let actions = html! { (Button::link("/system/push", t!("Get the push certificate")).main()) (practice) };
        return empty(t!("No devices yet"), words, actions);
    }
    let Some(invitation) = &view.invitation else {
        let words = t!("Invite a device and open the link on it, or try everything with practice devices first.");
        let invite = html! { @if view.may_invite { (Button::link("/invitations/new", t!("Invite a device")).main().icon(Icon::Plus)) } };
        return empty(t!("No devices yet"), words, html! { (invite) (practice) });
    };
    html! {
        div.empty-with-code {
            div.empty {
                h2 { (t!("No devices yet")) }
                p.quiet { (t!("Point the camera of an iPhone or iPad at this code, or open the address on a Mac. The device appears here while it enrolls.")) }
                (copy_field("invitation", t!("Address of the invitation"), &invitation.url))
                div.row { (Button::link(format!("/invitations/{}", invitation.code), t!("Watch this invitation"))) (practice) }
            }
            (qr(&invitation.url, t!("A code that leads to the invitation")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn view() -> DevicesView {
        DevicesView {
            rows: vec![DeviceRow {
                id: "0192".into(),
                name: "iPad <script>".into(),
                state: State::Waiting,
                reason: "waiting to be unlocked".into(),
                model: "iPad (9th generation)".into(),
                os: "iPadOS 17.6.1".into(),
                serial: "TESTSN0001".into(),
                groups: vec!["Cart A".into(), "Year 5".into(), "Pilot".into()],
                last_seen: None,
                practice: true,
            }],
            total: 1,
            counts: [0, 1, 0, 0, 0],
            filter: DevicesFilter { search: "i&p".into(), sort: "-last_seen".into(), ..DevicesFilter::default() },
            next: Some("cur".into()),
            ..DevicesView::default()
        }
    }

    #[test]
    fn filters_and_sorting_live_in_the_address() {
        let html = devices_table(NOW, &view()).into_string();
        assert!(html.contains("href=\"/devices?search=i%26p&amp;sort=-last_seen&amp;after=cur\""), "next keeps both: {html}");
        assert!(html.contains("aria-sort=\"descending\"><a href=\"/devices?search=i%26p&amp;sort=last_seen\">Last seen</a>"), "{html}");
        let chips = states(&view()).into_string();
        assert!(chips.contains("/devices?search=i%26p&amp;sort=-last_seen&amp;state=problem"), "{chips}");
    }

    #[test]
    fn a_row_says_state_reason_practice_and_how_many_more_groups() {
        let html = devices_table(NOW, &view()).into_string();
        for words in ["iPad &lt;script&gt;", "waiting to be unlocked", "practice", " and 2 more", "never"] {
            assert!(html.contains(words), "{words} in {html}");
        }
    }

    #[test]
    fn an_empty_table_says_which_of_the_reasons_it_is() {
        let mut view = DevicesView { rows: vec![], total: 0, ..view() };
        assert!(devices_table(NOW, &view).into_string().contains("No device matches"));
        view.filter = DevicesFilter::default();
        assert!(devices_table(NOW, &view).into_string().contains("as soon as there is a push certificate"));
        view.push_ready = true;
        assert!(devices_table(NOW, &view).into_string().contains("Invite a device and open the link"));
        view.invitation = Some(OpenInvitation { code: "K7PM".into(), url: "https://mdm.example.school/enroll/K7PM".into() });
        assert!(devices_table(NOW, &view).into_string().contains("class=\"qr\""));
    }
}
