//! The import of a roster: the file, what it would change, and the button that does it.

use maud::{Markup, Render as _, html};

use super::super::parts::{Button, Fact, Frame, Section, Shell, count, facts, field, frame, named, post, section, thousands};
use super::BACK;
use crate::http::limits::ROSTER_MAX_BYTES;
use crate::language::way;
use crate::mdm::people::import::{Part, Preview, Summary};
use crate::store::people::Source;

/// The page with the file's field.
pub fn choose(shell: &Shell, error: Option<&str>) -> Markup {
    let content = html! {
        form.form method="post" action="/people/import" enctype="multipart/form-data" data-upload data-max-bytes=(ROSTER_MAX_BYTES) {
            (field("files", t!("File")).kind("file").several().accept(".csv,.txt,.tsv,.zip").error(error)
                .help(t!("One CSV file, OneRoster's CSV files together, or the ZIP archive of an export. Nothing is changed before you have seen what would be.")))
            div.form-foot { (Button::submit(t!("Show what it would change")).main()) (Button::link("/people", t!("Cancel"))) }
        }
        (section(t!("What a CSV file looks like"), html! {
            p { (t!("The first line names the columns; a person has a line. Names of columns that are understood are, among others:")) }
            (facts(&[
                Fact::text(t!("Name"), t!("or First name and Last name")),
                Fact::text(t!("Email"), t!("knows people again from one file to the next, unless there is an ID")),
                Fact::text(t!("Role"), t!("student, teacher or staff; student where it is empty")),
                Fact::text(t!("Class"), t!("several with a | between them, or a line for each")),
                Fact::text(t!("Managed Apple Account"), t!("by which Apps and Books knows the person; where it is empty it stays as it is")),
                Fact::text(t!("Serial number"), t!("of the device that the person uses")),
                Fact::text(t!("Active"), t!("yes or no")),
            ]))
        }))
        (section(t!("What it does"), html! {
            p { (t!("People and classes that came by an earlier file of the same kind and are not in this one are removed. Whoever was made by hand stays.")) }
            p { (t!("From OneRoster 1.1 or 1.2 users, classes and enrollments are taken; parents and guardians are left out. A Managed Apple Account is taken from userIds, {ManagedAppleID:…}, or from a column metadata.managedAppleId.")) }
        }))
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::People, t!("Import people and classes")) }, content)
}

/// The page that shows what would change.
pub fn preview(shell: &Shell, view: &Preview) -> Markup {
    let summary = &view.summary;
    let from = if summary.source == Source::Oneroster { "OneRoster" } else { t!("The file") };
    let under = html! { (from) (t!(" has ")) (count(summary.people, t!("person"), t!("people"))) (t!(" and ")) (count(summary.classes, t!("class"), t!("classes"))) "." };
    let content = html! {
        @if summary.changes_anything { (changes(summary)) }
        @else { p { strong { (t!("Everything is as the file says already.")) } (t!(" There is nothing to do.")) } }
        (part(t!("Stay as they are, since they are here by hand or by another kind of file"), &summary.people_here))
        (part(t!("Classes that are gone from the file and stay, because rules ask for them"), &summary.classes_kept))
        @if !summary.notes.is_empty() {
            (section(t!("Left out"), html! { ul.plain { @for note in &summary.notes { li { (note) } } } }))
        }
        @if summary.changes_anything {
            (post(&format!("/people/import/{}", view.id), html! {
                div.form-foot {
                    (Button::link("/people/import", t!("Choose another file")))
                    @if summary.people_removed.count + summary.classes_removed.count > 0 { (Button::submit(verb(summary)).destructive().render()) }
                    @else { (Button::submit(verb(summary)).main().render()) }
                }
            }))
        } @else {
            div.form-foot { (Button::link("/people/import", t!("Choose another file"))) (Button::link("/people", t!("Done")).main()) }
        }
    };
    frame(
        shell,
        &Frame { back: Some(("/people/import", t!("Import"))), under, ..Frame::new(Section::People, t!("What the import would change")) },
        content,
    )
}

fn changes(summary: &Summary) -> Markup {
    html! {
        (part(t!("People who are added"), &summary.people_added))
        (part(t!("People who change"), &summary.people_changed))
        (part(t!("People who are removed"), &summary.people_removed))
        (part(t!("Devices that are nobody's then"), &summary.devices_freed))
        (part(t!("Classes that are added"), &summary.classes_added))
        (part(t!("Classes that are renamed"), &summary.classes_changed))
        (part(t!("Classes that are removed"), &summary.classes_removed))
        (part(t!("Memberships that go with people and classes"), &summary.memberships_lost))
        (part(t!("Come into a class"), &summary.memberships_added))
        (part(t!("Leave a class"), &summary.memberships_removed))
        (part(t!("Devices that are given to somebody"), &summary.devices_assigned))
    }
}

fn part(title: &str, part: &Part) -> Markup {
    let more = part.count.saturating_sub(part.names.len() as u64);
    html! {
        @if part.count > 0 {
            details open[part.count <= 10] {
                summary { strong { (thousands(part.count)) } " " (title) }
                ul.plain { @for name in &part.names { li { (named(name)) } } @if more > 0 { li.quiet { (t!("and ")) (thousands(more)) (t!(" more")) } } }
            }
        }
    }
}

/// What the button says.
fn verb(summary: &Summary) -> String {
    let mut parts = Vec::new();
    for (count, word) in [
        (summary.people_added.count, t!("add")),
        (summary.people_changed.count, t!("change")),
        (summary.people_removed.count, t!("remove")),
    ] {
        if count > 0 {
            parts.push(format!("{word} {}", thousands(count)));
        }
    }
    let noun =
        match [summary.people_removed.count, summary.people_changed.count, summary.people_added.count].iter().find(|count| **count > 0) {
            Some(1) => t!("person"),
            _ => t!("people"),
        };
    if parts.is_empty() {
        String::from(t!("Import: change classes and devices"))
    } else {
        t!("Import: {list} {noun}", list = parts.join(", "), noun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn summary() -> Summary {
        let none = Part::default();
        Summary {
            changes_anything: true,
            source: Source::Csv,
            people: 3,
            classes: 0,
            people_added: Part { count: 250, names: vec!["Kim <Example>".into()] },
            people_changed: none.clone(),
            people_removed: none.clone(),
            people_here: none.clone(),
            classes_added: none.clone(),
            classes_changed: none.clone(),
            classes_removed: none.clone(),
            classes_kept: none.clone(),
            memberships_added: none.clone(),
            memberships_removed: none.clone(),
            devices_assigned: none.clone(),
            devices_freed: none.clone(),
            memberships_lost: none,
            notes: vec!["3 have no e-mail address".into()],
        }
    }

    #[test]
    fn the_button_says_what_it_does_and_is_red_where_somebody_goes() {
        let shell = Shell::for_tests(Section::People, Timestamp::from_seconds(0));
        let html = preview(&shell, &Preview { id: "p1".into(), summary: summary() }).into_string();
        for words in [
            "Import: add 250 people",
            "and 249 more",
            "Kim &lt;Example&gt;",
            "3 have no e-mail address",
            "action=\"/people/import/p1\"",
            "button main",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
        let gone = Summary { people_removed: Part { count: 2, names: vec![] }, ..summary() };
        let html = preview(&shell, &Preview { id: "p1".into(), summary: gone }).into_string();
        assert!(html.contains("Import: add 250, remove 2 people") && html.contains("button destructive"), "{html}");
        let along = Summary {
            devices_freed: Part { count: 1, names: vec!["iPad 3 of Kim".into()] },
            memberships_lost: Part { count: 1, names: vec!["Kim in Robotics, put there by hand".into()] },
            ..summary()
        };
        let html = preview(&shell, &Preview { id: "p1".into(), summary: along }).into_string();
        for words in ["nobody's then", "iPad 3 of Kim", "go with people and classes", "put there by hand"] {
            assert!(html.contains(words), "{words} in {html}");
        }
        let nothing = Summary { changes_anything: false, ..summary() };
        let html = preview(&shell, &Preview { id: "p1".into(), summary: nothing }).into_string();
        assert!(!html.contains("/people/import/p1") && html.contains("nothing to do"), "{html}");
    }
}
