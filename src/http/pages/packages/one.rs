//! One app of the house: its versions, for whom each is meant, the pilot group; and one version by itself.

use maud::{Markup, html};

use super::super::apps::one::access_link;
use super::super::parts::{
    Button, Column, Confirm, Frame, Icon, Live, Row, Section, Shell, State, Table, badge, confirm, empty, frame, live, post, section,
    select, state_square, table, time_ago,
};
use super::parts::{about, notes, runs_on, size, stage};
use crate::clock::Timestamp;
use crate::protocol::package::Facts;
use crate::store::packages::Stage;

/// An app with its versions.
#[derive(Debug, Clone)]
pub struct AppView {
    /// The app's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its bundle identifier.
    pub bundle_id: String,
    /// Its versions, newest first.
    pub versions: Vec<VersionRow>,
    /// Groups that can be chosen for trials: id and name.
    pub groups: Vec<(String, String)>,
    /// The id of the pilot group; empty for none.
    pub pilot: String,
    /// Why no device of that group tries a new version; empty where one can.
    pub pilot_problem: String,
    /// The names of the groups that the app is assigned to.
    pub assigned: Vec<String>,
    /// Why devices cannot fetch it; empty where nothing is known against it.
    pub problem: String,
    /// When that was tried.
    pub checked_at: Option<Timestamp>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// A version in the list.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// Its id.
    pub id: String,
    /// Build, and what people call the version.
    pub words: String,
    /// What the file says of itself.
    pub facts: Facts,
    /// For whom it is meant.
    pub stage: Stage,
    /// Bytes of it.
    pub size_bytes: u64,
    /// How many things are to be known of it.
    pub notes: usize,
    /// Who uploaded it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The page of an app.
pub fn app(shell: &Shell, view: &AppView) -> Markup {
    let page = Frame {
        back: Some(("/own-apps", t!("Your own apps"))),
        under: html! { (view.bundle_id) },
        action: html! { @if view.may_change { (Button::link("/own-apps/new", t!("Upload a new version")).icon(Icon::Upload)) } },
        ..Frame::new(Section::Apps, &view.name)
    };
    let content = html! {
        (live(Live { id: "versions", topics: "package app assignment", of: None, src: None }, versions(view, shell.now)))
        (section(t!("Trial"), html! {
            @if !view.pilot_problem.is_empty() { (notes(&[&view.pilot_problem])) }
            (trial(view))
        }))
        (access_link(&view.id, false))
    };
    frame(shell, &page, content)
}

fn reachable(view: &AppView, now: Timestamp) -> Markup {
    let again = html! { @if view.may_change { (post(&format!("/own-apps/{}/try", view.id), html! { (Button::submit(t!("Try again")).small()) })) } };
    html! {
        @if view.problem.is_empty() {
            @if let Some(at) = view.checked_at {
                div.standing { (state_square(State::Ok, 12)) p.quiet { (t!("Devices can fetch it from this server; tried ")) (time_ago(at, now)) "." } }
            }
        } @else {
            div.standing { (state_square(State::Problem, 12)) p { strong { (t!("Devices cannot fetch it. ")) } (view.problem) } }
            (again)
        }
    }
}

fn versions(view: &AppView, now: Timestamp) -> Markup {
    let rows = view.versions.iter().map(|version| Row {
        id: String::new(),
        href: Some(format!("/own-apps/versions/{}", version.id)),
        name: version.words.clone(),
        cells: vec![
            html! { (version.words) @if version.notes > 0 { " " (badge(State::Waiting, t!("look at this"))) } },
            stage(version.stage),
            html! { (runs_on(&version.facts)) },
            html! { (size(version.size_bytes)) },
            html! { (version.by) },
            time_ago(version.at, now),
        ],
    });
    let list = table(&Table {
        caption: t!("Versions"),
        columns: vec![
            Column::main(t!("Version")),
            Column::text(t!("For")),
            Column::text(t!("Runs on")).lesser(),
            Column::text(t!("Size")).lesser(),
            Column::text(t!("Uploaded by")).minor(),
            Column::text(t!("When")).minor(),
        ],
        rows: rows.collect(),
        pager: None,
        empty: empty(
            t!("No version is kept"),
            t!("Upload the app's file; devices get it as soon as the app is assigned to their group."),
            Markup::default(),
        ),
        selection: None,
        compact: true,
    });
    let assigned = if view.assigned.is_empty() {
        String::from(t!("It is assigned to nobody yet."))
    } else {
        t!("Assigned to {list}.", list = view.assigned.join(", "))
    };
    section(t!("Versions"), html! { p.quiet { (assigned) } (reachable(view, now)) (list) })
}

fn trial(view: &AppView) -> Markup {
    let words =
        t!("Choose a group that gets each new version first. When it works there, put it in place for everyone on the version's own page.");
    if !view.may_change {
        let name = view
            .groups
            .iter()
            .find(|(id, _)| *id == view.pilot)
            .map_or(t!("No group tries new versions first."), |(_, name)| name.as_str());
        return html! { p { (name) } };
    }
    let mut options = vec![(String::new(), String::from(t!("No group: I decide for each version")))];
    options.extend(view.groups.iter().cloned());
    post(
        &format!("/own-apps/{}/pilot", view.id),
        html! {
            div.form {
                (select("pilot_group_id", t!("New versions go first to"), &options, &view.pilot, words, None))
                div.form-foot { (Button::submit(t!("Save"))) }
            }
        },
    )
}

/// One version.
#[derive(Debug, Clone)]
pub struct VersionView {
    /// Its id.
    pub id: String,
    /// The app's id and name.
    pub app: (String, String),
    /// Build, and what people call the version.
    pub words: String,
    /// For whom it is meant.
    pub stage: Stage,
    /// What the file says of itself.
    pub facts: Facts,
    /// What is to be known of it.
    pub notes: Vec<String>,
    /// Bytes of it.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: String,
    /// The name of the pilot group, where there is one.
    pub pilot_group: Option<String>,
    /// Whether it has a picture.
    pub has_icon: bool,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The page of a version.
pub fn version(shell: &Shell, view: &VersionView) -> Markup {
    let back = format!("/own-apps/{}", view.app.0);
    let page = Frame { back: Some((&back, &view.app.1)), under: stage(view.stage), ..Frame::new(Section::Apps, &view.words) };
    let content = html! {
        (notes(&view.notes))
        @if view.may_change { (section(t!("Who gets it"), choices(view))) }
        (section(t!("What it is"), html! {
            @if view.has_icon { img src=(format!("/own-apps/versions/{}/icon", view.id)) alt="" width="64" height="64"; }
            (about(&view.facts, view.size_bytes, &view.sha256))
        }))
        @if view.may_change { (section(t!("Delete it"), html! { div.row { (Button::link(format!("/own-apps/versions/{}/delete", view.id), t!("Delete this version…")).destructive().asks()) } })) }
    };
    frame(shell, &page, content)
}

fn choices(view: &VersionView) -> Markup {
    let button = |stage: Stage, words: &str| Button::submit(words).sends("stage", stage.as_str());
    let trial = view.pilot_group.as_ref().map(|name| t!("Try it on {name} first", name));
    let action = format!("/own-apps/versions/{}", view.id);
    let content = html! {
        div.form.wide {
            @match view.stage {
                Stage::Everyone => p { (t!("Every device that the app is assigned to is to have this version, but for those that it does not run on, and those that try another one.")) },
                Stage::Pilot => p { (t!("The devices of ")) (view.pilot_group.as_deref().unwrap_or(t!("the pilot group"))) (t!(" are to have this version; all others have the one before.")) },
                Stage::Kept => p { (t!("No device is to have this version. You can put it in place, also to go back to it.")) },
            }
            div.row {
                @if view.stage != Stage::Everyone { (button(Stage::Everyone, t!("Put it in place for everyone")).main()) }
                @if view.stage == Stage::Kept && let Some(trial) = &trial { (button(Stage::Pilot, trial)) }
                @if view.stage == Stage::Pilot { (button(Stage::Kept, t!("End the trial"))) }
            }
        }
    };
    post(&action, content)
}

/// The page that asks before a version is deleted.
pub fn delete(shell: &Shell, id: &str, name: &str, words: &str) -> Markup {
    let (action, cancel) = (format!("/own-apps/versions/{id}/delete"), format!("/own-apps/versions/{id}"));
    let ask = Confirm {
        action: &action,
        title: t!("Delete this version"),
        consequence: html! { strong { (name) " " (words) } (t!(" and its file are deleted here. Devices that have it keep it; going back to it needs the file.")) },
        verb: t!("Delete the version"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, words)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}
