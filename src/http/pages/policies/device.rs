//! What the policies of one device come to: each key with the value that holds and who wants it, and what the device cannot have.

use maud::{Markup, html};

use super::super::parts::{Column, Frame, Row, Section, Shell, State, Table, badge, frame, named, section, table};

/// What policies come to on a device.
#[derive(Debug, Clone, Default)]
pub struct DevicePolicies {
    /// The device's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is to have.
    pub keys: Vec<DeviceKey>,
    /// What it cannot have: what, why, and the policy that wants it (id and name).
    pub unable: Vec<(String, String, (String, String))>,
}

/// One key.
#[derive(Debug, Clone)]
pub struct DeviceKey {
    /// In words.
    pub words: String,
    /// By Apple's name.
    pub key: String,
    /// The value that holds.
    pub value: String,
    /// Where it stands: the payload type or the type of the declaration.
    pub of_type: String,
    /// The policies that want it so: id and name.
    pub policies: Vec<(String, String)>,
}

/// The page.
pub fn on_device(shell: &Shell, view: &DevicePolicies) -> Markup {
    let title = t!("Policies on {name}", name = view.name);
    let back = format!("/devices/{}", view.id);
    let page = Frame {
        back: Some((&back, &view.name)),
        under: html! { (t!("All policies of its groups together. Where they differ, the most restrictive wins.")) },
        ..Frame::new(Section::Profiles, &title)
    };
    let content = html! {
        (section(t!("What it is to have"), keys(view)))
        @if !view.unable.is_empty() { (section(t!("What it cannot have"), unable(view))) }
    };
    frame(shell, &page, content)
}

fn keys(view: &DevicePolicies) -> Markup {
    let row = |key: &DeviceKey| Row {
        id: String::new(),
        href: None,
        name: key.words.clone(),
        cells: vec![
            html! { (key.words) },
            html! { (key.value) },
            html! { (links(&key.policies)) },
            html! { span.mono { (key.key) } br; span.quiet { (key.of_type) } },
        ],
    };
    table(&Table {
        caption: t!("What the device is to have"),
        columns: vec![
            Column::main(t!("Setting")),
            Column::text(t!("Value")).wraps().labelled(),
            Column::text(t!("Because of")).wraps().labelled(),
            Column::text(t!("Apple's name")).wraps().minor(),
        ],
        rows: view.keys.iter().map(row).collect(),
        pager: None,
        empty: html! { p.quiet { (t!("No policy reaches this device. Assign one to a group that it is in.")) } },
        selection: None,
        compact: false,
    })
}

fn unable(view: &DevicePolicies) -> Markup {
    let row = |(what, because, policy): &(String, String, (String, String))| Row {
        id: String::new(),
        href: None,
        name: what.clone(),
        cells: vec![badge(State::Silent, what), html! { (because) }, html! { (links(std::slice::from_ref(policy))) }],
    };
    table(&Table {
        caption: t!("What the device cannot have"),
        columns: vec![Column::main(t!("Switch")), Column::text(t!("Why not")).wraps(), Column::text(t!("Wanted by")).wraps().labelled()],
        rows: view.unable.iter().map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: false,
    })
}

fn links(policies: &[(String, String)]) -> Markup {
    html! {
        @for (at, (id, name)) in policies.iter().enumerate() {
            @if at > 0 { ", " }
            a href=(format!("/policies/{id}")) { (named(name)) }
        }
    }
}
