//! What an examination of the appliance found, with what to do about each.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Frame, Row, Section, Shell, State, Table, badge, count, empty, frame, note, post, section, table, time_ago,
};
use crate::mdm::doctor::{Finding, Level, Report};

/// Where the page is.
pub const ADDRESS: &str = "/system/doctor";

/// What the page shows.
#[derive(Debug, Clone)]
pub struct DoctorView {
    /// What was found, and the page that mends each.
    pub report: Option<(Report, Vec<Option<String>>)>,
    /// Whether the viewer may have the appliance examined.
    pub may_check: bool,
}

/// The square of how it stands as a whole; what is only good to know needs nobody.
pub fn mark(level: Level) -> State {
    match level {
        Level::Ok | Level::Note => State::Ok,
        Level::Warning => State::Waiting,
        Level::Error => State::Problem,
    }
}

/// How it stands, in a sentence.
pub fn summary(report: &Report) -> String {
    let (errors, warnings) = (report.count(Level::Error) as u64, report.count(Level::Warning) as u64);
    match (errors, warnings) {
        (0, 0) => {
            t!(
                "All is well: {were} looked at, and nothing needs you.",
                were = count(report.findings.len() as u64, t!("thing was"), t!("things were"))
            )
        }
        (0, _) => t!("{are} for you to look at.", are = count(warnings, t!("thing is"), t!("things are"))),
        (_, 0) => t!("{count} not work.", count = count(errors, t!("thing does"), t!("things do"))),
        _ => t!(
            "{count} not work, and {are} for you to look at.",
            count = count(errors, t!("thing does"), t!("things do")),
            are = count(warnings, t!("other is"), t!("others are"))
        ),
    }
}

/// The page.
pub fn page(shell: &Shell, view: &DoctorView) -> Markup {
    let check = html! { @if view.may_check { (post(ADDRESS, html! { (Button::submit(t!("Check now")).main()) })) } };
    let action = if view.report.is_some() { check.clone() } else { Markup::default() };
    let content = html! {
        @match &view.report {
            None => (empty(
                t!("Nobody has looked yet"),
                t!("Check now looks at the clock, the address and its certificate as a device sees it, the way to Apple, certificates and tokens, \
                 the disk, the database and backups. It takes some seconds and changes nothing."),
                check,
            )),
            Some((report, pages)) => {
                div.stack.loose {
                    div.row {
                        (badge(mark(report.worst()), &summary(report)))
                        span.quiet { (t!("Looked ")) (time_ago(report.checked_at, shell.now)) "." }
                    }
                    (part(t!("Needs you"), report, pages, &[Level::Error, Level::Warning]))
                    (part(t!("Good to know"), report, pages, &[Level::Note]))
                    (part(t!("As it should be"), report, pages, &[Level::Ok]))
                }
            }
        }
    };
    let under = html! { (t!("Whether the appliance can do its work, and what to do where it cannot. ")) code { "rollcall doctor" } (t!(" says the same on the machine.")) };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, action, ..Frame::new(Section::System, t!("Doctor")) }, content)
}

/// The findings of some levels; nothing where there are none.
fn part(title: &str, report: &Report, pages: &[Option<String>], levels: &[Level]) -> Markup {
    let found = report.findings.iter().zip(pages).filter(|(finding, _)| levels.contains(&finding.level));
    let rows: Vec<_> = found.map(|(finding, page)| row(finding, page.as_deref())).collect();
    if rows.is_empty() {
        return Markup::default();
    }
    let columns = vec![Column::main(t!("About")), Column::text(t!("What was found"))];
    section(title, table(&Table { caption: title, columns, rows, pager: None, empty: html! {}, selection: None, compact: false }))
}

fn row(finding: &Finding, page: Option<&str>) -> Row {
    let words = html! {
        p { (finding.what) }
        @if !finding.remedy.is_empty() { p.quiet { (finding.remedy) } }
        @if let Some(page) = page.filter(|_| finding.level != Level::Ok) { p { a href=(page) { (t!("Open the page")) } } }
    };
    let area = finding.area.words();
    let about = if finding.level == Level::Note { note(area) } else { badge(mark(finding.level), area) };
    Row { id: String::new(), href: None, name: finding.area.words().to_owned(), cells: vec![about, words] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::doctor::Area;

    fn report(levels: &[Level]) -> Report {
        let findings = levels.iter().map(|level| Finding {
            id: String::from("push.none"),
            area: Area::Push,
            level: *level,
            what: String::from("There is <no> certificate."),
            remedy: String::from("Get one."),
        });
        Report { checked_at: Timestamp::from_seconds(1_795_577_000), findings: findings.collect() }
    }

    #[test]
    fn what_was_found_is_summed_up() {
        for (levels, words) in [
            (&[Level::Ok][..], "All is well: 1 thing was looked at, and nothing needs you."),
            (&[Level::Ok, Level::Note], "All is well: 2 things were looked at, and nothing needs you."),
            (&[Level::Warning, Level::Ok], "1 thing is for you to look at."),
            (&[Level::Error, Level::Error], "2 things do not work."),
            (&[Level::Error, Level::Warning], "1 thing does not work, and 1 other is for you to look at."),
        ] {
            assert_eq!(summary(&report(levels)), words);
        }
    }

    #[test]
    fn each_finding_has_its_remedy_and_the_way_there_and_who_may_not_check_has_no_button() {
        let shell = Shell::for_tests(Section::System, Timestamp::from_seconds(1_795_577_349));
        let found = (report(&[Level::Error, Level::Ok]), vec![Some(String::from("/system/push")), None]);
        let html = page(&shell, &DoctorView { report: Some(found), may_check: false }).into_string();
        for part in ["Needs you", "As it should be", "There is &lt;no&gt; certificate.", "Get one.", "href=\"/system/push\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("Check now") && !html.contains("Good to know"), "{html}");
        let html = |level| page(&shell, &DoctorView { report: Some((report(&[level]), vec![None])), may_check: false }).into_string();
        assert!(html(Level::Note).contains("state-note") && !html(Level::Ok).contains("state-note"), "a note has a sign of its own");
        let html = page(&shell, &DoctorView { report: None, may_check: true }).into_string();
        assert!(html.contains("Nobody has looked yet") && html.contains("Check now"), "{html}");
    }
}
