//! Model by release as a table that is read across: offered or not, until when, and how many devices run each.

use maud::{Markup, html};

use super::super::parts::{Address, Cell, Column, Row, State, Table, badge, count, table, thousands};
use crate::language;
use crate::mdm::updates::matrix::{Column as Release, Improvement, Model, Section};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// Versions that a model runs that are listed one by one.
const RUNS_SHOWN: usize = 6;

/// The devices behind a number.
fn devices(model: Option<&Model>, version: Option<OsVersion>) -> String {
    let mut address = Address::new("/devices");
    if let Some(model) = model {
        let is_mac = model.platform == Platform::Macos;
        let hardware = if is_mac { format!("{}/{}", model.product_name, model.board) } else { model.product_name.clone() };
        address = address.with("hardware", &hardware);
    }
    address.with("version", &version.map(|version| version.to_string()).unwrap_or_default()).to_string()
}

/// The table.
pub fn matrix(section: &Section) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(t!("Models and releases of {platform}", platform = section.platform)) {
            table.matrix {
                caption.hear-only { (t!("Models, and the releases that Apple offers them")) }
                thead { tr {
                    th scope="col" { (t!("Model")) }
                    th scope="col" { (t!("Runs")) }
                    @for release in &section.releases { (head(release)) }
                } }
                tbody { @for model in &section.models { (row(model, &section.releases)) } }
            }
        }
        @if section.releases.is_empty() { p.quiet { (t!("Apple’s list names no release for these models.")) } }
    }
}

fn head(release: &Release) -> Markup {
    html! {
        th.cell scope="col" {
            strong { (release.version) }
            @if !release.build.is_empty() { span.mono { (release.build) } }
            @if let Some(posted) = release.posted { span { (t!("posted ")) (language::date(posted.words())) } }
            span { @match release.expires { Some(day) => { (t!("signed until ")) (language::date(day.words())) }, None => (t!("no end")) } }
        }
    }
}

fn row(model: &Model, releases: &[Release]) -> Markup {
    let name = if model.name.is_empty() { t!("A model that has not said its name") } else { &model.name };
    html! {
        tr {
            th scope="row" {
                strong { (name) } br;
                @if !model.listed_as.is_empty() { span.mono.quiet { (model.listed_as) } br; }
                a href=(devices(Some(model), None)) { (count(u64::from(model.devices), t!("device"), t!("devices"))) }
                br; (standing(model))
            }
            td { (runs(model)) }
            @for (release, offered) in releases.iter().zip(&model.offered) {
                td.cell { (cell(model, release, *offered)) }
            }
        }
    }
}

/// Whether it can have something newer; what is not known is told apart from nothing.
fn standing(model: &Model) -> Markup {
    html! {
        @match model.unknown {
            Some(unknown) => { (badge(State::Silent, t!("not known"))) div.quiet { (t!("What it can have is not known: ")) (unknown.words()) "." } },
            None if model.up_to_date == model.devices => (badge(State::Ok, t!("nothing newer"))),
            None if model.up_to_date == 0 => (badge(State::Waiting, t!("newer ones are offered"))),
            None => (badge(State::Waiting, t!("some can have a newer one"))),
        }
        @if let Some(generation) = model.ends_at { div { (t!("This model ends at ")) (generation) "." } }
    }
}

fn runs(model: &Model) -> Markup {
    html! {
        ul.runs {
            @for (version, number) in model.runs.iter().take(RUNS_SHOWN) {
                @let words = if version.is_known() { version.to_string() } else { String::from(t!("not said")) };
                li { (words) ": " a href=(devices(Some(model), Some(*version))) aria-label=(t!("{devices} run {words}", devices = count(u64::from(*number), t!("device"), t!("devices")), words)) { (thousands(u64::from(*number))) } }
            }
            @if model.runs.len() > RUNS_SHOWN { li.quiet { (t!("and ")) (model.runs.len() - RUNS_SHOWN) (t!(" older versions")) } }
        }
    }
}

fn cell(model: &Model, release: &Release, offered: bool) -> Markup {
    let running = u64::from(model.running(release.version));
    html! {
        @if running > 0 {
            a href=(devices(Some(model), Some(release.version))) aria-label=(t!("{devices} run {version}", devices = count(running, t!("device"), t!("devices")), version = release.version)) {
                strong { (thousands(running)) }
            }
            " "
        }
        @if offered { span { (t!("offered")) } } @else if model.unknown.is_some() { span.quiet { span aria-hidden="true" { "?" } span.hear-only { (t!("not known")) } } } @else { span.quiet { span aria-hidden="true" { "–" } span.hear-only { (t!("not offered")) } } }
    }
}

/// The improvements, with the build that each is for.
pub fn improvements(list: &[Improvement]) -> Markup {
    let cells = |one: &Improvement| -> Vec<Cell> {
        let number = u64::from(one.devices);
        vec![
            html! { (one.version) },
            html! { (one.build) },
            html! { (one.prerequisite) },
            html! { @if let Some(posted) = one.posted { (language::date(posted.words())) } },
            html! { @if number > 0 { a href=(devices(None, Some(one.version))) { (count(number, t!("device"), t!("devices"))) } } @else { span.quiet { (t!("none")) } } },
        ]
    };
    let row = |one: &Improvement| Row { id: String::new(), href: None, name: one.version.to_string(), cells: cells(one) };
    table(&Table {
        caption: t!("Background security improvements"),
        columns: vec![
            Column::main(t!("Improvement")),
            Column::code(t!("Build")).lesser(),
            Column::code(t!("For build")).labelled(),
            Column::text(t!("Posted")).labelled(),
            Column::text(t!("Run it")).labelled(),
        ],
        rows: list.iter().map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Day;
    use crate::mdm::updates::candidates::Unknown;

    fn version(text: &str) -> OsVersion {
        OsVersion::parse(text)
    }

    fn model(name: &str) -> Model {
        Model {
            name: name.into(),
            product_name: "iPad13,18".into(),
            board: String::new(),
            listed_as: "iPad13,18".into(),
            platform: Platform::Ios,
            devices: 12,
            runs: vec![(version("26.1"), 8), (version("18.2"), 4)],
            offered: vec![true, false],
            up_to_date: 8,
            unknown: None,
            ends_at: Some(26),
        }
    }

    fn section(models: Vec<Model>) -> Section {
        let release = |text: &str, expires: Option<&str>| Release {
            version: version(text),
            build: "23B85".into(),
            posted: Day::parse("2026-11-03"),
            expires: expires.and_then(Day::parse),
        };
        Section {
            platform: "iOS".into(),
            releases: vec![release("26.1", Some("2027-05-02")), release("18.2", None)],
            models,
            improvements: vec![],
        }
    }

    #[test]
    fn each_number_opens_its_list_and_each_release_says_until_when_it_is_signed() {
        let html = matrix(&section(vec![model("iPad <10>")])).into_string();
        for part in [
            "iPad &lt;10&gt;",
            "href=\"/devices?hardware=iPad13%2C18\">12 devices",
            "href=\"/devices?hardware=iPad13%2C18&amp;version=26.1\" aria-label=\"8 devices run 26.1\"",
            "signed until 2 May 2027",
            "no end",
            "posted 3 Nov 2026",
            "This model ends at 26.",
            "not offered",
            "some can have a newer one",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_apart_from_nothing_newer() {
        let unknown = Model { unknown: Some(Unknown::Board), ends_at: None, ..model("Mac") };
        let html = matrix(&section(vec![unknown])).into_string();
        assert!(html.contains("not known: the Mac has not said which board") && !html.contains("nothing newer"), "{html}");
        let current = Model { up_to_date: 12, ends_at: None, ..model("iPad") };
        let html = matrix(&section(vec![current])).into_string();
        assert!(html.contains("nothing newer") && !html.contains("not known"), "{html}");
    }

    #[test]
    fn improvements_say_for_which_build_they_are() {
        let one =
            Improvement { version: version("26.1 (a)"), build: "23B85610a".into(), prerequisite: "23B85".into(), posted: None, devices: 3 };
        let html = improvements(&[one]).into_string();
        assert!(html.contains("23B85610a") && html.contains("href=\"/devices?version=26.1%20%28a%29\">3 devices"), "{html}");
    }
}
