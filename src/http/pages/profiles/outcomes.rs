//! What came of a profile, a policy or a declaration on the devices that are to have it: a bar of all, and each by itself.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Pager, Row, Segment, State, Table, bar, count, empty, named, section, table, thousands, time_ago,
};
use super::mark;
use crate::clock::Timestamp;

/// How far devices are with an item.
#[derive(Debug, Clone, Default)]
pub struct OutcomesView {
    /// The address of the item's page.
    pub address: String,
    /// How many devices it is for.
    pub device_count: u64,
    /// How far devices are.
    pub results: Vec<Segment>,
    /// How many of those cannot have it.
    pub unable: u64,
    /// The devices, those that have trouble first; only those of `filter` where there is one.
    pub devices: Vec<DeviceRow>,
    /// The state that the devices are narrowed to, in its word.
    pub filter: Option<String>,
    /// How many devices there are to show, on all pages.
    pub total: u64,
    /// The address of the next page of them, if there is one.
    pub next: Option<String>,
}

/// A device that has it, is to have it, or cannot.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its id.
    pub id: String,
    /// What it is called, with the user where it is for one.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Why, where it does not have it.
    pub because: String,
    /// Since when.
    pub at: Option<Timestamp>,
}

/// The section with the bar and the devices.
pub(in crate::http::pages) fn outcomes(view: &OutcomesView, now: Timestamp) -> Markup {
    let address = &view.address;
    let none = match &view.filter {
        Some(_) => empty(t!("No device stands so"), t!("Others do."), html! { (Button::link(address, t!("Show all devices"))) }),
        None => nobody_yet(),
    };
    let first = view.filter.as_ref().map_or_else(|| address.clone(), |state| format!("{address}?state={state}"));
    let pager = (view.total > view.devices.len() as u64).then(|| Pager {
        shown: view.devices.len() as u64,
        total: view.total,
        noun: (t!("device"), t!("devices")),
        first: view.next.is_none().then_some(first),
        next: view.next.clone(),
    });
    let list = devices(&view.devices, pager, none, now);
    section(
        t!("On devices"),
        html! {
            @if view.device_count > 0 || !view.results.is_empty() {
                p.quiet {
                    (t!("For ")) (count(view.device_count, t!("device"), t!("devices"))) (t!(". Counted from what they confirmed."))
                    @if view.unable > 0 { " " a href=(format!("{address}?state=unable")) { (thousands(view.unable)) (t!(" cannot have all of it")) } "." }
                }
                (bar(&view.results))
            }
            @if view.filter.is_some() && !view.devices.is_empty() { p { (Button::link(address, t!("Show all devices")).small()) } }
            (list)
        },
    )
}

/// What stands in the place of devices where none has the profile.
pub(in crate::http::pages) fn nobody_yet() -> Markup {
    empty(
        t!("No device has it yet"),
        t!("Tick a group above. What each device did with it, and why where it did not, then stands here."),
        Markup::default(),
    )
}

/// The table of devices with how far each is, and what leads to further ones; `none` stands in its place where there are none.
pub(in crate::http::pages) fn devices(devices: &[DeviceRow], pager: Option<Pager>, none: Markup, now: Timestamp) -> Markup {
    let rows = devices.iter().map(|device| Row {
        id: String::new(),
        href: Some(format!("/devices/{}", device.id)),
        name: device.name.clone(),
        cells: vec![
            html! { (named(&device.name)) },
            mark(device.state, &device.words),
            html! { (device.because) },
            html! { @if let Some(at) = device.at { (time_ago(at, now)) } },
        ],
    });
    table(&Table {
        caption: t!("Devices"),
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("State")),
            Column::text(t!("Why")).wraps(),
            Column::text(t!("Since")).minor(),
        ],
        rows: rows.collect(),
        pager,
        empty: none,
        selection: None,
        compact: true,
    })
}
