//! One app: for whom it is, how far each device is with it and why, how it is managed.

use maud::{Markup, html};

use super::super::parts::scope::{ScopeView, scope};
use super::super::parts::{
    Button, Column, Fact, Frame, Live, Pager, Row, Section, Segment, Shell, State, Table, all_named, badge, bar, checkbox, empty, facts,
    field, frame, live, named, post, section, section_with, state_square, table, time_ago,
};
use super::super::profiles::parts::warnings;
use super::{Licences, licences};
use crate::clock::Timestamp;

/// One app.
#[derive(Debug, Clone)]
pub struct AppView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// Where it comes from, in words.
    pub kind: &'static str,
    /// Whether it was uploaded here, and so has versions here.
    pub is_of_the_house: bool,
    /// Its number in the App Store.
    pub adam_id: Option<String>,
    /// Its identifier; empty until that is known.
    pub bundle_id: String,
    /// The newest version, as far as is known.
    pub version: String,
    /// The ledger's numbers, where licences of it are known.
    pub licences: Option<Licences>,
    /// How it is managed, in sentences.
    pub settings: Vec<String>,
    /// Whether it has a configuration.
    pub is_configured: bool,
    /// Whether it can ask this server who may use it: what it says it is must be known.
    pub may_ask_here: bool,
    /// For whom it is.
    pub scope: ScopeView,
    /// Groups in which the person asks for it.
    pub optional: Vec<String>,
    /// Who lacks how many licences.
    pub shortages: Vec<String>,
    /// Whether that is so since no location was brought whose licences could be given.
    pub lacks_location: bool,
    /// What is to be known of the versions that devices get: address and words of each, and the sentences.
    pub version_notes: Vec<(String, String, Vec<String>)>,
    /// How far devices are.
    pub results: Vec<Segment>,
    /// The devices of this page.
    pub devices: Vec<DeviceRow>,
    /// Devices that cannot have it, each with the reason: id, name, why.
    pub unable: Vec<(String, String, String)>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// The stage that they are narrowed to, in words.
    pub filter: Option<String>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Whether the viewer may ask again.
    pub may_ask: bool,
    /// Field and message of what was wrong with a new name or note.
    pub errors: Vec<(String, String)>,
}

/// A device, and how the app stands on it.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// The device's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Why, and what to do.
    pub because: String,
    /// Since when.
    pub at: Timestamp,
    /// The words of the button that asks again, where that helps.
    pub ask: Option<&'static str>,
    /// Whether it can be taken away here: it is there, and not required.
    pub withdraws: bool,
}

/// The page.
pub fn one(shell: &Shell, view: &AppView) -> Markup {
    let page = Frame {
        back: Some(("/apps", t!("Apps"))),
        under: html! { (view.note) },
        action: html! { @if view.may_change { (Button::link(format!("/apps/{}/manage", view.id), t!("How it is managed"))) } },
        ..Frame::new(Section::Apps, &view.name)
    };
    let content = html! {
        (warnings(&view.shortages))
        @if view.lacks_location && view.may_change { div.row { (Button::link("/system/apps-and-books", t!("Apps and Books"))) } }
        (version_notes(&view.version_notes))
        (section(t!("Who gets it"), who(view)))
        (live(Live { id: "results", topics: "app assignment command licence", of: None, src: None }, results(view, shell.now)))
        (section(t!("What it is"), about(view)))
        @if view.is_of_the_house { (versions(&view.id)) }
        @if view.may_ask_here { (access_link(&view.id, view.adam_id.is_some())) }
        (section_with(t!("How it is managed"), manage(view), html! { ul { @for words in &view.settings { li { (words) } } } }))
        @if view.may_change {
            (section(t!("Name"), naming(view)))
            (section(t!("Delete it"), html! { div.row { (Button::link(format!("/apps/{}/delete", view.id), t!("Delete the app…")).destructive().asks()) } }))
        }
    };
    frame(shell, &page, content)
}

fn manage(view: &AppView) -> Markup {
    html! { @if view.may_change { a.quiet-link href=(format!("/apps/{}/manage", view.id)) { (t!("Change")) } } }
}

/// What is odd about the versions that devices get, such as a provisioning profile that ends.
fn version_notes(versions: &[(String, String, Vec<String>)]) -> Markup {
    html! {
        @for (address, words, sentences) in versions {
            @if !sentences.is_empty() {
                div.banner.waiting role="note" {
                    (state_square(State::Waiting, 12))
                    div.words {
                        p { (t!("Version ")) a href=(address) { (words) } ":" }
                        ul { @for sentence in sentences { li { (sentence) } } }
                    }
                }
            }
        }
    }
}

/// Leads to the versions of an app of the house.
fn versions(id: &str) -> Markup {
    section(
        t!("Versions"),
        html! {
            p { (t!("Which version which devices get, a group that tries new ones first, and a place to upload the next one.")) }
            div.row { (Button::link(format!("/own-apps/{id}"), t!("Versions, and upload a new one"))) }
        },
    )
}

/// Leads to who may use an app that asks, and to the copies that it brought. Of those of the App Store only the ones that were made for the house ask.
pub fn access_link(id: &str, is_of_the_store: bool) -> Markup {
    let address = format!("/apps/{id}/access");
    if is_of_the_store {
        return html! { p.quiet { (t!("Was it made for your organisation? Then it can ask this server ")) a href=(address) { (t!("who may use it")) } "." } };
    }
    section(
        t!("Who may use it"),
        html! {
            p { (t!("An app of your own can ask this server at each launch whether it may go on, and keep copies of offline edits here.")) }
            div.row { (Button::link(address, t!("Who may use it, and copies"))) }
        },
    )
}

fn who(view: &AppView) -> Markup {
    let named = |group: &&super::super::parts::ScopeGroup| view.scope.assigned.iter().any(|(id, _)| *id == group.id);
    if !view.may_change {
        let names: Vec<&str> = view.scope.groups.iter().filter(named).map(|group| group.name.as_str()).collect();
        return html! { p { @if names.is_empty() { (t!("Nobody yet.")) } @else { (t!("The devices of ")) (all_named(&names)) "." } } };
    }
    let some = view.scope.groups.iter().filter(|group| view.optional.contains(&group.id)).map(|group| group.name.as_str());
    let some: Vec<&str> = some.collect();
    post(
        &format!("/apps/{}/scope", view.id),
        html! {
            div.form {
                (scope(&view.scope))
                @if !view.scope.groups.is_empty() {
                    @let is_optional = !some.is_empty() && some.len() == view.scope.assigned.len();
                    @if is_optional { input type="hidden" name="was_optional" value="1"; }
                    (checkbox("optional", t!("Only where the person asks for it"), is_optional,
                        t!("Then it stands in the catalogue of these devices, and is installed when somebody taps it. Else it is installed by itself.")))
                    @if !some.is_empty() && some.len() != view.scope.assigned.len() {
                        p.quiet { (t!("Now the person asks for it in ")) (all_named(&some)) (t!(", and it is installed by itself in the others. That stays so; the box is for groups that you tick now.")) }
                    }
                    div.form-foot {
                        (Button::submit(t!("Save who gets it")).main())
                        (Button::submit(t!("Preview")).to(format!("/preview/app/{}", view.id)))
                    }
                }
            }
        },
    )
}

fn results(view: &AppView, now: Timestamp) -> Markup {
    let address = format!("/apps/{}", view.id);
    let rows = view.devices.iter().map(|device| Row {
        id: String::new(),
        href: Some(format!("/devices/{}/apps", device.id)),
        name: device.name.clone(),
        cells: vec![
            html! { (named(&device.name)) },
            badge(device.state, &device.words),
            html! { (device.because) },
            time_ago(device.at, now),
            html! { @if view.may_ask { (buttons(view, device)) } },
        ],
    });
    let none = match &view.filter {
        Some(_) => empty(t!("No device stands so"), t!("Others do."), html! { (Button::link(&address, t!("Show all devices"))) }),
        None => empty(
            t!("No device has it yet"),
            t!("Tick a group above. How far each device is with the app, and why, then stands here."),
            Markup::default(),
        ),
    };
    let list = table(&Table {
        caption: t!("Devices"),
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("State")),
            Column::text(t!("Why")).wraps(),
            Column::text(t!("Since")).minor(),
            Column::text("").labelled(),
        ],
        rows: rows.collect(),
        pager: Some(Pager {
            shown: view.devices.len() as u64,
            total: view.total,
            noun: (t!("device"), t!("devices")),
            first: None,
            next: view.next.clone(),
        }),
        empty: none,
        selection: None,
        compact: true,
    });
    section(
        t!("On devices"),
        html! {
            @if view.results.iter().any(|segment| segment.count > 0) { p.quiet { (t!("Counted from what devices confirmed.")) } (bar(&view.results)) }
            @if view.filter.is_some() && !view.devices.is_empty() { p { (Button::link(&address, t!("Show all devices")).small()) } }
            (list)
            @if !view.unable.is_empty() && view.filter.is_none() { (unable(&view.unable)) }
        },
    )
}

fn unable(devices: &[(String, String, String)]) -> Markup {
    let row = |(id, name, because): &(String, String, String)| Row {
        id: String::new(),
        href: Some(format!("/devices/{id}/wanted")),
        name: name.clone(),
        cells: vec![html! { (named(name)) }, html! { (because) }],
    };
    table(&Table {
        caption: t!("Devices that cannot have it, or not all of it"),
        columns: vec![Column::main(t!("Cannot have it, or not all of it")), Column::text(t!("Why")).wraps()],
        rows: devices.iter().map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: true,
    })
}

fn buttons(view: &AppView, device: &DeviceRow) -> Markup {
    let action = |verb: &str| format!("/apps/{}/devices/{}/{verb}", view.id, device.id);
    html! {
        div.row {
            @if let Some(words) = device.ask { (post(&action("ask"), html! { (Button::submit(words).small()) })) }
            @if device.withdraws { (Button::link(action("withdraw"), t!("Remove…")).small().destructive().asks()) }
        }
    }
}

fn about(view: &AppView) -> Markup {
    let mut list = vec![Fact::text(t!("Comes from"), view.kind)];
    if let Some(number) = &view.adam_id {
        list.push(Fact::code(t!("Number in the App Store"), number));
    }
    list.push(Fact::code(t!("Identifier"), &view.bundle_id));
    list.push(Fact::text(t!("Newest version"), &view.version));
    if view.adam_id.is_some() {
        list.push(Fact::new(t!("Licences"), licences(view.licences)));
    }
    list.push(Fact::text(t!("Configuration"), if view.is_configured { t!("set") } else { t!("none") }));
    facts(&list)
}

fn naming(view: &AppView) -> Markup {
    let error = |of: &str| view.errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str());
    post(
        &format!("/apps/{}", view.id),
        html! {
            div.form {
                (field("name", t!("Name")).value(&view.name).error(error("name")))
                (field("note", t!("What it is for")).optional().lines(3).help(t!("People at the devices read it in their catalogue.")).value(&view.note).error(error("note")))
                div.form-foot { (Button::submit(t!("Save name"))) }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_its_reason_and_a_way_on() {
        let shell = Shell::for_tests(Section::Apps, Timestamp::from_seconds(1_795_577_349));
        let device = |name: &str, words: &str, ask, withdraws| DeviceRow {
            id: format!("d-{name}"),
            name: name.into(),
            state: State::Waiting,
            words: words.into(),
            because: "The person declined it.".into(),
            at: shell.now,
            ask,
            withdraws,
        };
        let view = AppView {
            id: "a1".into(),
            name: "Atlas".into(),
            note: String::new(),
            kind: "App Store",
            is_of_the_house: false,
            adam_id: Some("1500000002".into()),
            bundle_id: String::new(),
            version: String::new(),
            licences: None,
            settings: vec!["It goes, with its data, when the management ends.".into()],
            is_configured: false,
            may_ask_here: false,
            scope: ScopeView::default(),
            optional: Vec::new(),
            shortages: vec!["4 more licences of Atlas are needed for “7b”.".into()],
            lacks_location: true,
            version_notes: vec![("/own-apps/versions/v1".into(), "1.4 (14)".into(), vec!["It ends <soon>.".into()])],
            results: Vec::new(),
            devices: vec![device("iPad 1", "declined", Some("Ask again"), false), device("iPad 2", "installed", None, true)],
            unable: vec![("d-tv".into(), "Apple TV".into(), "there is no version of it for Apple TV".into())],
            total: 2,
            next: None,
            filter: None,
            may_change: true,
            may_ask: true,
            errors: Vec::new(),
        };
        let html = one(&shell, &view).into_string();
        for part in [
            "4 more licences of Atlas are needed for “7b”.",
            "href=\"/system/apps-and-books\"",
            "<a href=\"/own-apps/versions/v1\">1.4 (14)</a>:",
            "It ends &lt;soon&gt;.",
            "The person declined it.",
            "/apps/a1/devices/d-iPad 1/ask",
            "/apps/a1/devices/d-iPad 2/withdraw",
            "It goes, with its data",
            "/apps/a1/manage",
            "there is no version of it for Apple TV",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let seen = one(&shell, &AppView { may_change: false, may_ask: false, ..view }).into_string();
        assert!(!seen.contains("action=\"/apps") && seen.contains("Nobody yet."), "who only looks changes nothing");
    }
}
