//! System: how the appliance itself is, on one page with a way to each part; jobs, log-ins, tokens and the audit log.

pub mod account;
pub mod audit;
pub mod backups;
pub mod connections;
pub mod doctor;
pub mod genuine;
pub mod language;
pub mod licences;
pub mod move_in;
pub mod notices;
pub mod people;
pub mod practice;
pub mod releases;
pub mod roles;
pub mod settings;
pub mod setup_assistant;
pub mod tls;
pub mod webhooks;

use maud::{Markup, html};

use super::parts::{
    Button, Column, Fact, Frame, Live, Row, Section, Shell, State, Table, badge, facts, frame, live, named, post, section, section_with,
    table, time_ago, what_was_said,
};
use crate::clock::Timestamp;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct SystemView {
    /// The parts of the appliance, in order, each with its state and where it is looked after.
    pub parts: Vec<SystemPart>,
    /// Facts about this installation: version, address, data folder, size.
    pub about: Vec<(String, String)>,
    /// What runs by itself.
    pub jobs: Vec<JobRow>,
    /// Who may log in.
    pub admins: Vec<AdminRow>,
    /// Tokens for scripts.
    pub tokens: Vec<TokenRow>,
    /// Whether the viewer may run jobs.
    pub may_configure: bool,
    /// Whether the viewer may change who may log in and make tokens; without it, neither list is shown.
    pub may_govern: bool,
}

/// A part of the appliance: set-up, push certificate, TLS, authority, backups, webhooks …
#[derive(Debug, Clone)]
pub struct SystemPart {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// How it is in a sentence.
    pub words: String,
    /// Where it is looked after.
    pub href: String,
}

/// Something that runs by itself.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its name, also in its address.
    pub name: String,
    /// What it does, in words.
    pub words: String,
    /// How its last run went.
    pub state: State,
    /// The result in words.
    pub result: String,
    /// What was said that it failed by, as it came; may be empty.
    pub said: String,
    /// When it last ran.
    pub ran_at: Option<Timestamp>,
    /// When it is due.
    pub due_at: Option<Timestamp>,
}

/// Someone who may log in.
#[derive(Debug, Clone)]
pub struct AdminRow {
    /// Their id.
    pub id: String,
    /// The name they log in with.
    pub name: String,
    /// Their role.
    pub role: String,
    /// Whether their second factor is on.
    pub second_factor: bool,
    /// When they were last here.
    pub seen_at: Option<Timestamp>,
}

/// A token for scripts.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Its role.
    pub role: String,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// Its end.
    pub expires_at: Option<Timestamp>,
}

/// The page.
pub fn page(shell: &Shell, view: &SystemView) -> Markup {
    let about: Vec<Fact> = view.about.iter().map(|(name, value)| Fact::text(name, value)).collect();
    let content = html! {
        div.split {
            div.stack.loose {
                (live(Live { id: "system", topics: "setting push job certificate authority root release notice webhook", of: None, src: None }, html! {
                    div.stack.loose { (parts(view)) (section(t!("Jobs"), jobs(view, shell.now))) }
                }))
                @if view.may_govern {
                    (section_with(t!("People who log in"), html! { (add("/system/admins", t!("Roles and second factor"))) (add("/system/admins/new", t!("Add someone"))) }, admins(&view.admins, shell.now)))
                    (section_with(t!("Tokens for scripts"), add("/system/tokens/new", t!("Make a token")), tokens(view, shell.now)))
                }
            }
            aside {
                section.stack aria-labelledby="about" {
                    h2 #about { (t!("About")) }
                    (facts(&about))
                    p { a href="/system/audit" { (t!("Audit log")) } }
                }
            }
        }
    };
    frame(shell, &Frame::new(Section::System, t!("System")), content)
}

fn add(href: &str, words: &str) -> Markup {
    html! { (Button::link(href, words).small()) }
}

fn listing(caption: &str, columns: Vec<Column>, rows: Vec<Row>, empty: &str) -> Markup {
    table(&Table { caption, columns, rows, pager: None, empty: html! { p.quiet { (empty) } }, selection: None, compact: false })
}

fn plain(name: &str, href: Option<String>, cells: Vec<Markup>) -> Row {
    Row { id: String::new(), href, name: name.to_owned(), cells }
}

fn parts(view: &SystemView) -> Markup {
    let rows = view
        .parts
        .iter()
        .map(|part| plain(&part.name, Some(part.href.clone()), vec![html! { (part.name) }, badge(part.state, &part.words)]));
    listing(
        t!("Parts of the appliance"),
        vec![Column::main(t!("Part")), Column::text(t!("How it is"))],
        rows.collect(),
        t!("Nothing to show."),
    )
}

fn jobs(view: &SystemView, now: Timestamp) -> Markup {
    let columns = vec![
        Column::main(t!("Job")),
        Column::text(t!("Last result")),
        Column::text(t!("Ran")).labelled(),
        Column::text(t!("Due")).labelled().minor(),
        Column::deed(),
    ];
    let rows = view.jobs.iter().map(|job| {
        let run = html! { @if view.may_configure { (post(&format!("/system/jobs/{}/run", job.name), html! { (Button::submit(t!("Run now")).small()) })) } };
        let cells = vec![
            html! { strong { (job.words) } },
            html! { (badge(job.state, &job.result)) (what_was_said(&job.said)) },
            html! { @match job.ran_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("not yet")) } } },
            html! { @match job.due_at { Some(at) if at > now => (time_ago(at, now)), Some(_) => (t!("now")), None => span.quiet { (t!("when needed")) } } },
            run,
        ];
        plain(&job.words, None, cells)
    });
    listing(t!("Jobs"), columns, rows.collect(), t!("No jobs."))
}

/// People who log in, as a table.
fn admins(rows: &[AdminRow], now: Timestamp) -> Markup {
    let rows = rows.iter().map(|admin| {
        let seen = html! { @match admin.seen_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("never")) } } };
        let factor = if admin.second_factor {
            badge(State::Ok, t!("on"))
        } else {
            html! { span.quiet { (t!("off")) } }
        };
        let href = Some(format!("/system/admins/{}", admin.id));
        plain(&admin.name, href, vec![html! { (named(&admin.name)) }, html! { (admin.role) }, factor, seen])
    });
    listing(
        t!("Who may log in"),
        vec![
            Column::main(t!("Name")),
            Column::text(t!("Role")),
            Column::text(t!("Second factor")).labelled(),
            Column::text(t!("Last here")).labelled(),
        ],
        rows.collect(),
        t!("Nobody."),
    )
}

fn tokens(view: &SystemView, now: Timestamp) -> Markup {
    let columns = vec![
        Column::main(t!("For")),
        Column::text(t!("Role")),
        Column::text(t!("Last used")).labelled(),
        Column::text(t!("Ends")).labelled(),
        Column::deed(),
    ];
    let rows = view.tokens.iter().map(|token| {
        let ends = html! { @match token.expires_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("no end")) } } };
        let used = html! { @match token.used_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("never")) } } };
        let revoke = html! { (Button::link(format!("/system/tokens/{}/revoke", token.id), t!("Revoke…")).small().destructive().asks()) };
        plain(&token.name, None, vec![html! { strong { (named(&token.name)) } }, html! { (token.role) }, used, ends, revoke])
    });
    listing(t!("Tokens for scripts"), columns, rows.collect(), t!("None. A token lets a script use the API with a role of its own."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell::for_tests(Section::System, NOW)
    }

    fn view(may: bool) -> SystemView {
        SystemView {
            parts: vec![SystemPart {
                name: "Push certificate".into(),
                state: State::Waiting,
                words: "ends in 12 days".into(),
                href: "/system/push".into(),
            }],
            about: vec![("Version".into(), "0.1.0".into())],
            jobs: vec![JobRow {
                name: "push".into(),
                words: "Wake devices".into(),
                state: State::Ok,
                result: "12 pushes".into(),
                said: "(os error <111>)".into(),
                ran_at: Some(NOW),
                due_at: Some(NOW),
            }],
            admins: vec![AdminRow { id: "1".into(), name: "ada <x>".into(), role: "Owner".into(), second_factor: true, seen_at: None }],
            tokens: vec![],
            may_configure: may,
            may_govern: may,
        }
    }

    #[test]
    fn who_may_only_look_finds_no_button_that_changes_anything() {
        let html = page(&shell(), &view(false)).into_string();
        assert!(html.contains("<summary>What was said</summary>") && html.contains("(os error &lt;111&gt;)"), "{html}");
        assert!(html.contains("ends in 12 days") && !html.contains("Run now") && !html.contains("Add someone"), "{html}");
        let html = page(&shell(), &view(true)).into_string();
        assert!(html.contains("action=\"/system/jobs/push/run\"") && html.contains("ada &lt;x&gt;"), "{html}");
    }
}
