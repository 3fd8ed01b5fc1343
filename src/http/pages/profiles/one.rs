//! One profile: for whom it is, how far devices are with it, what it holds, its versions.

use maud::{Markup, html};

use super::super::parts::scope::{ScopeView, scope};
use super::super::parts::{
    Button, Column, Confirm, Frame, Live, Row, Section, Shell, State, Table, Typed, all_named, confirm, count, field, frame, live, named,
    post, section, section_with, table, time_ago,
};
use super::mark;
use super::outcomes::{OutcomesView, outcomes};
use super::parts::{about, payloads, warnings};
use crate::clock::Timestamp;
use crate::protocol::mobileconfig::facts::Facts;

/// One profile.
#[derive(Debug, Clone)]
pub struct ProfileView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// The version in use.
    pub version: i64,
    /// What that is and holds.
    pub facts: Facts,
    /// The names of the variables that it uses.
    pub variables: Vec<String>,
    /// What it gets in the way of now.
    pub warnings: Vec<String>,
    /// For whom it is.
    pub scope: ScopeView,
    /// How far devices are with it.
    pub outcomes: OutcomesView,
    /// Its versions, newest first.
    pub versions: Vec<VersionRow>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Field and message of what was wrong with a new name or note.
    pub errors: Vec<(String, String)>,
}

/// A version.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// Its number.
    pub version: i64,
    /// Whether devices are to have it.
    pub in_use: bool,
    /// Who uploaded it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The page.
pub fn one(shell: &Shell, view: &ProfileView) -> Markup {
    let new = html! { @if view.may_change { (Button::link(format!("/profiles/{}/upload", view.id), t!("Upload a new version"))) } };
    let page = Frame {
        back: Some(("/profiles", t!("Profiles"))),
        under: html! { (view.note) },
        action: new,
        ..Frame::new(Section::Profiles, &view.name)
    };
    let content = html! {
        (warnings(&view.warnings))
        (section(t!("Who gets it"), who(view)))
        (live(Live { id: "results", topics: "profile assignment deployment", of: None, src: None }, outcomes(&view.outcomes, shell.now)))
        (section(t!("What it is"), about(&view.facts, &view.variables)))
        (section(t!("What it holds"), payloads(&view.facts)))
        (section_with(t!("Versions"), download(view), versions(view, shell.now)))
        @if view.may_change { (section(t!("Name"), naming(view))) (section(t!("Delete it"), removal(view))) }
    };
    frame(shell, &page, content)
}

fn who(view: &ProfileView) -> Markup {
    if !view.may_change {
        let names = view.scope.names();
        return html! { p { @if names.is_empty() { (t!("Nobody yet.")) } @else { (t!("The devices of ")) (all_named(&names)) "." } } };
    }
    let action = format!("/profiles/{}/scope", view.id);
    post(
        &action,
        html! {
            div.form {
                (scope(&view.scope))
                @if !view.scope.groups.is_empty() { div.form-foot { (Button::submit(t!("Save who gets it")).main()) (Button::submit(t!("Preview")).to(format!("/preview/profile/{}", view.id))) } }
            }
        },
    )
}

fn download(view: &ProfileView) -> Markup {
    html! { @if view.may_change { a.quiet-link href=(format!("/profiles/{}/content", view.id)) download { (t!("Download the one in use")) } } }
}

fn versions(view: &ProfileView, now: Timestamp) -> Markup {
    let rows = view.versions.iter().map(|version| Row {
        id: String::new(),
        href: Some(format!("/profiles/{}/versions/{}", view.id, version.version)),
        name: t!("Version {version}", version = version.version),
        cells: vec![
            html! { (t!("Version ")) (version.version) },
            html! { @if version.in_use { (mark(State::Ok, t!("in use"))) } @else { span.quiet { (t!("kept")) } } },
            html! { (version.by) },
            time_ago(version.at, now),
        ],
    });
    table(&Table {
        caption: t!("Versions"),
        columns: vec![
            Column::main(t!("Version")),
            Column::text(t!("State")),
            Column::text(t!("Uploaded by")).minor(),
            Column::text(t!("When")),
        ],
        rows: rows.collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: true,
    })
}

fn naming(view: &ProfileView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str());
    let action = format!("/profiles/{}", view.id);
    post(
        &action,
        html! {
            div.form {
                (field("name", t!("Name")).value(&view.name).error(error("name")))
                (field("note", t!("What it is for")).optional().lines(3).value(&view.note).error(error("note")))
                div.form-foot { (Button::submit(t!("Save the name"))) }
            }
        },
    )
}

fn removal(view: &ProfileView) -> Markup {
    html! { div.row { (Button::link(format!("/profiles/{}/delete", view.id), t!("Delete the profile…")).destructive().asks()) } }
}

/// The page that asks before a profile is deleted; `given` is what was typed before.
pub fn delete(shell: &Shell, id: &str, name: &str, device_count: u64, given: Option<&str>) -> Markup {
    let phrase = device_count.to_string();
    let (action, cancel) = (format!("/profiles/{id}/delete"), format!("/profiles/{id}"));
    let devices = count(device_count, t!("device"), t!("devices"));
    let ask = Confirm {
        action: &action,
        title: t!("Delete this profile"),
        consequence: html! {
            strong { (named(name)) } (t!(" and all its versions are deleted here."))
            @if device_count > 0 { (t!(" It is taken back from ")) (devices) (t!(", with everything it set there.")) }
        },
        typed: Typed::count(&phrase, device_count, given),
        verb: t!("Delete the profile"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, name)), ..Frame::new(Section::Profiles, ask.title) }, confirm(&ask))
}

/// The question before a profile is assigned that would get in the way of others; `sent` is the form, to be sent again.
pub fn scope_conflicts(shell: &Shell, back: (&str, &str), messages: &[String], sent: &[(String, String)]) -> Markup {
    let words =
        (t!("This gets in the way of something else"), t!("Nothing was changed yet. You can go on, or change one of the two first."));
    scope_question(shell, back, (messages, words), sent)
}

/// The question before a profile is assigned of which some keys do nothing on some devices.
pub fn scope_unheeded(shell: &Shell, back: (&str, &str), messages: &[String], sent: &[(String, String)]) -> Markup {
    let consequence = t!("Nothing was changed yet. You can go on: the devices take the profile, and pass these keys over.");
    scope_question(shell, back, (messages, (t!("Some of it does nothing on some devices"), consequence)), sent)
}

fn scope_question(
    shell: &Shell,
    back: (&str, &str),
    (messages, (title, consequence)): (&[String], (&str, &str)),
    sent: &[(String, String)],
) -> Markup {
    let action = format!("{}/scope", back.0);
    let ask = Confirm {
        action: &action,
        title,
        consequence: html! { (consequence) },
        fields: warnings(messages),
        hidden: sent,
        verb: t!("Assign it all the same"),
        cancel: back.0,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(back), ..Frame::new(Section::Profiles, ask.title) }, confirm(&ask))
}
