//! Provisioning profiles: the list, bringing one in, one with whom it is for.

use maud::{Markup, html};

use super::packages::parts::{notes, reach};
use super::packages::section_tabs;
use super::parts::scope::{ScopeView, scope};
use super::parts::{
    Button, Column, Confirm, Fact, Frame, Icon, Live, Pager, Row, Section, Shell, State, Table, all_named, badge, confirm, day, empty,
    facts, field, frame, live, named, post, section, table, upload_up_to,
};
use super::profiles::outcomes::{DeviceRow, devices, nobody_yet};
use crate::clock::Timestamp;
use crate::language::say;
use crate::mdm::packages::WARNED_DAYS;
use crate::protocol::provision::Facts;

/// What Apple's chapter on managing apps warns of, in plain words.
const REMOVAL_WARNINGS: [&str; 2] = [
    msg!("Removing a profile does not stop an app that is open: it goes on until the device is restarted."),
    msg!(
        "A computer that the device was synced with may put the profile back; it is removed again when the device lists it, once a day. To end somebody's use for certain, remove the app itself as well, and close the account that it uses."
    ),
];

/// The list.
#[derive(Debug, Clone, Default)]
pub struct LibraryView {
    /// The profiles of this page, by name.
    pub rows: Vec<ProfileRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may upload.
    pub may_change: bool,
}

/// A profile in the list.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The app that it is for.
    pub app_id: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether devices are likely to refuse it.
    pub is_doubtful: bool,
    /// The names of the groups that it is assigned to.
    pub groups: Vec<String>,
}

/// How near the end is: a mark with the day.
fn ending(expires_at: Timestamp, now: Timestamp) -> Markup {
    let is_soon = expires_at.seconds() - now.seconds() <= WARNED_DAYS[0] * 24 * 3600;
    let state = match is_soon {
        _ if expires_at <= now => State::Problem,
        true => State::Waiting,
        false => State::Ok,
    };
    let words = if expires_at <= now { t!("ended") } else { t!("until") };
    html! { (badge(state, words)) " " (day(expires_at)) }
}

/// The page with the list.
pub fn library(shell: &Shell, view: &LibraryView) -> Markup {
    let bring = html! { @if view.may_change { (Button::link("/provisioning/new", t!("Upload a provisioning profile")).main().icon(Icon::Upload)) } };
    let page = Frame {
        under: html! { (t!("Apple's permission for your own apps to run. Most apps carry one inside; a newer one can be given to devices before that ends.")) },
        action: html! { @if !view.rows.is_empty() { (bring) } },
        ..Frame::new(Section::Apps, t!("Provisioning profiles"))
    };
    let rows = view.rows.iter().map(|row| Row {
        id: row.id.clone(),
        href: Some(format!("/provisioning/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) @if row.is_doubtful { " " (badge(State::Problem, t!("not signed by Apple"))) } },
            html! { (row.app_id) },
            ending(row.expires_at, shell.now),
            html! { @if row.groups.is_empty() { span.quiet { (t!("nobody yet")) } } @else { (all_named(&row.groups)) } },
        ],
    });
    let list = table(&Table {
        caption: t!("Provisioning profiles"),
        columns: vec![
            Column::main(t!("Profile")),
            Column::text(t!("App")).labelled(),
            Column::text(t!("Good")),
            Column::text(t!("For")).labelled().wraps(),
        ],
        rows: rows.collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("profile"), t!("profiles")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No provisioning profiles yet"),
            t!(
                "You need one here only where an app has none inside, or where the one inside ends before there is a new version of the app."
            ),
            bring,
        ),
        selection: None,
        compact: false,
    });
    let list = live(Live { id: "provisioning", topics: "provisioning assignment", of: None, src: None }, list);
    frame(shell, &page, html! { (section_tabs("/provisioning")) (list) })
}

/// The form for bringing a profile; `error` says what is wrong with what was brought.
pub fn upload(shell: &Shell, error: Option<&str>, max_bytes: usize) -> Markup {
    let form = upload_up_to(
        "/provisioning/new",
        max_bytes,
        html! {
            (field("file", t!("Provisioning profile")).kind("file").accept(".mobileprovision,.provisionprofile")
                .help(t!("A .mobileprovision file, as downloaded from Apple's developer site.")).error(error))
            div.form-foot { (Button::submit(t!("Upload")).main().icon(Icon::Upload)) (Button::link("/provisioning", t!("Cancel"))) }
        },
    );
    let page = Frame {
        back: Some(("/provisioning", t!("Provisioning profiles"))),
        ..Frame::new(Section::Apps, t!("Upload a provisioning profile"))
    };
    frame(shell, &page, form)
}

/// One profile.
#[derive(Debug, Clone)]
pub struct ProfileView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it says.
    pub facts: Facts,
    /// For whom it is.
    pub scope: ScopeView,
    /// The devices, those that have trouble first.
    pub devices: Vec<DeviceRow>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The page of a profile.
pub fn one(shell: &Shell, view: &ProfileView) -> Markup {
    let page = Frame { back: Some(("/provisioning", t!("Provisioning profiles"))), ..Frame::new(Section::Apps, &view.name) };
    let said = &view.facts;
    let mut list = vec![
        Fact::text(t!("App"), if said.app_id == "*" { t!("any app of the team") } else { &said.app_id }),
        Fact::text(t!("Team"), &format!("{} ({})", said.team_name, said.team_id)),
        Fact::text(t!("Good on"), &reach(said)),
        Fact::new(t!("Good"), ending(said.expires_at, shell.now)),
        Fact::code("UUID", &said.uuid),
    ];
    if said.is_development {
        list.push(Fact::text(t!("Made for"), t!("development: a debugger may look into the app")));
    }
    match &said.signer {
        Some(signer) if said.is_apples == Some(false) => {
            list.push(Fact::new(t!("Signed by"), html! { (signer) " " (badge(State::Problem, t!("no certificate of Apple's"))) }));
        }
        Some(signer) => list.push(Fact::text(t!("Signed by"), signer)),
        None => list.push(Fact::new(t!("Signed by"), badge(State::Problem, t!("its signature cannot be proven here")))),
    }
    let doubt: Vec<String> = said.doubt().into_iter().collect();
    let content = html! {
        (notes(&doubt))
        @if view.may_change { (section(t!("Who gets it"), who(view))) }
        (live(Live { id: "results", topics: "provisioning assignment deployment", of: None, src: None },
            section(t!("On devices"), devices(&view.devices, None, nobody_yet(), shell.now))))
        (section(t!("What it is"), facts(&list)))
        (section(t!("Before you take it away"), notes(&REMOVAL_WARNINGS.map(say))))
        @if view.may_change { (section(t!("Delete it"), html! { div.row { (Button::link(format!("/provisioning/{}/delete", view.id), t!("Delete the profile…")).destructive().asks()) } })) }
    };
    frame(shell, &page, content)
}

fn who(view: &ProfileView) -> Markup {
    post(
        &format!("/provisioning/{}/scope", view.id),
        html! {
            div.form {
                (scope(&view.scope))
                @if !view.scope.groups.is_empty() { div.form-foot { (Button::submit(t!("Save who gets it")).main()) } }
            }
        },
    )
}

/// The page that asks before a profile is deleted.
pub fn delete(shell: &Shell, id: &str, name: &str) -> Markup {
    let (action, cancel) = (format!("/provisioning/{id}/delete"), format!("/provisioning/{id}"));
    let ask = Confirm {
        action: &action,
        title: t!("Delete this provisioning profile"),
        consequence: html! { strong { (named(name)) } (t!(" is deleted here and removed from the devices that have it.")) },
        fields: notes(&REMOVAL_WARNINGS.map(say)),
        verb: t!("Delete the profile"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, name)), ..Frame::new(Section::Apps, ask.title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::provision::{read, tests::profile};

    #[test]
    fn the_page_warns_that_removal_does_not_stop_an_app_and_may_come_back() {
        let end = Timestamp::from_seconds(1_800_000_000);
        let facts = read(&profile("1", "school.example.field", end, &["A", "B"])).unwrap();
        let shell = Shell::for_tests(Section::Apps, Timestamp::from_seconds(1_795_577_349));
        let view = ProfileView {
            id: "p".into(),
            name: "Field <x>".into(),
            facts,
            scope: ScopeView::default(),
            devices: Vec::new(),
            may_change: true,
        };
        for html in [one(&shell, &view).into_string(), delete(&shell, "p", "Field <x>").into_string()] {
            assert!(html.contains("until the device is restarted") && html.contains("may put the profile back"), "{html}");
            assert!(html.contains("Field &lt;x&gt;"));
        }
        assert!(one(&shell, &view).into_string().contains("only the 2 devices that it lists"));
    }

    #[test]
    fn an_end_that_is_near_or_over_is_marked() {
        let now = Timestamp::from_seconds(1_795_577_349);
        let at = |days: i64| ending(Timestamp::from_seconds(now.seconds() + days * 86_400), now).into_string();
        assert!(
            at(31).contains("state-ok") && at(30).contains("state-waiting") && at(0).contains("state-problem") && at(-1).contains("ended")
        );
    }
}
