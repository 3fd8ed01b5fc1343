//! Devices on their way through Setup Assistant: a cart of them, each with how far it is and what went wrong.

use maud::{Markup, html};

use super::parts::{
    Button, Column, Frame, Live, Row, Section, Shell, State, Table, badge, count, empty, frame, live, named, practice, table, time_ago,
};
use crate::clock::Timestamp;

/// Where the page is.
pub const ADDRESS: &str = "/devices/setting-up";

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct SettingUpView {
    /// The devices that asked within a day, newest first.
    pub rows: Vec<SettingUpRow>,
    /// Whether there were more than are shown.
    pub is_cut: bool,
}

/// One device.
#[derive(Debug, Clone)]
pub struct SettingUpRow {
    /// Its serial number.
    pub serial: String,
    /// Its name, once it has one here.
    pub name: String,
    /// Where it is, once it has said who it is.
    pub href: Option<String>,
    /// What it is: `iPad13,18, 17.6.1`.
    pub what: String,
    /// How it is.
    pub state: State,
    /// Whether it is set up and lacks something.
    pub lacks: bool,
    /// How far it is, in words.
    pub words: String,
    /// When it goes on at the latest: `10:42`.
    pub until: Option<String>,
    /// What went wrong, each in words.
    pub troubles: Vec<String>,
    /// Since when it is so.
    pub at: Timestamp,
    /// Whether it is simulated.
    pub practice: bool,
}

/// The page.
pub fn page(shell: &Shell, view: &SettingUpView) -> Markup {
    let page = Frame {
        back: Some(("/devices", t!("Devices"))),
        under: html! { (t!("Devices that come in by their Setup Assistant, from the first question to the Home Screen. They stay here for a day.")) },
        ..Frame::new(Section::Devices, t!("Devices being set up"))
    };
    let columns = vec![
        Column::main(t!("Device")),
        Column::text(t!("How far")).roomy(),
        Column::text(t!("What went wrong")).wraps(),
        Column::code(t!("Serial number")),
        Column::text(t!("Hardware and system")).minor(),
        Column::text(t!("Since")).labelled(),
    ];
    let list = table(&Table {
        caption: t!("Devices being set up"),
        columns,
        rows: view.rows.iter().map(|device| row(device, shell.now)).collect(),
        pager: None,
        empty: empty(
            t!("No device is being set up"),
            t!(
                "A device appears here as soon as its Setup Assistant asks for its management: one that Apple assigns to this server, or one that Apple Configurator prepared."
            ),
            html! { (Button::link("/system/setup-assistant", t!("What devices are asked and told"))) },
        ),
        selection: None,
        compact: false,
    });
    let content = html! {
        (live(Live { id: "setting-up", topics: "setup device enrollment command certificate app profile deployment", of: None, src: None }, html! {
            div.stack {
                @if !view.rows.is_empty() { p { (summary(view)) } }
                (list)
                @if view.is_cut { p.quiet { (t!("Only the newest ")) (view.rows.len()) (t!(" are shown.")) } }
            }
        }))
    };
    frame(shell, &page, content)
}

/// How many are how far, in a sentence.
fn summary(view: &SettingUpView) -> String {
    let of = |is: &dyn Fn(&SettingUpRow) -> bool| view.rows.iter().filter(|row| is(row)).count() as u64;
    let mut ready = t!(
        "{the_of} of {ready}",
        the_of = of(&|row| row.state == State::Ok),
        ready = count(view.rows.len() as u64, t!("device is ready"), t!("devices are ready"))
    );
    let lacking = of(&|row| row.lacks);
    if lacking > 0 {
        ready = format!("{ready}, {}", count(lacking, t!("is set up and lacks something"), t!("are set up and lack something")));
    }
    match of(&|row| row.state == State::Problem && !row.lacks) {
        0 => format!("{ready}."),
        troubled => format!("{ready}; {}.", count(troubled, t!("needs somebody"), t!("need somebody"))),
    }
}

fn row(device: &SettingUpRow, now: Timestamp) -> Row {
    let name = if device.name.is_empty() { &device.serial } else { &device.name };
    let how_far = html! {
        (badge(device.state, &device.words))
        @if let Some(until) = &device.until { " " span.meta { (t!("until ")) (until) (t!(" at the latest")) } }
    };
    let troubles = html! { @for trouble in &device.troubles { p { (trouble) } } };
    Row {
        id: String::new(),
        href: device.href.clone(),
        name: name.clone(),
        cells: vec![
            html! { (named(name)) @if device.practice { " " (practice()) } },
            how_far,
            troubles,
            html! { (device.serial) },
            html! { (device.what) },
            time_ago(device.at, now),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn a_cart_says_how_far_each_device_is_and_what_went_wrong_in_words() {
        let device = |state, words: &str| SettingUpRow {
            serial: "TESTSN0001".into(),
            name: "iPad <1>".into(),
            href: Some("/devices/1".into()),
            what: "iPad13,18, 17.6.1".into(),
            state,
            lacks: words.contains("lacks"),
            words: words.into(),
            until: (state == State::Waiting).then(|| "10:42".into()),
            troubles: if state == State::Problem { vec!["Wi-Fi <7b>: it is damaged".into()] } else { Vec::new() },
            at: NOW,
            practice: false,
        };
        let rows = vec![
            device(State::Ok, "is set up"),
            device(State::Waiting, "profiles 2 of 3"),
            device(State::Problem, "was not let in"),
            device(State::Problem, "is set up and lacks something"),
        ];
        let html = page(&Shell::for_tests(Section::Devices, NOW), &SettingUpView { rows, is_cut: true }).into_string();
        for part in [
            "1 of 4 devices are ready, 1 is set up and lacks something; 1 needs somebody.",
            "profiles 2 of 3",
            "until 10:42 at the latest",
            "Wi-Fi &lt;7b&gt;: it is damaged",
            "iPad &lt;1&gt;",
            "data-live=\"setup ",
            "Only the newest 4",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let none = page(&Shell::for_tests(Section::Devices, NOW), &SettingUpView::default()).into_string();
        assert!(none.contains("No device is being set up") && !none.contains("are ready"), "{none}");
    }
}
