//! Webhooks: who is told what happens, by which secret, what was posted and what came of it.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Confirm, Fact, Frame, Live, Row, Section, Shell, State, Table, badge, box_of, checkbox, confirm, copy_field, count,
    empty, facts, field, frame, live, post, section, table, time_ago,
};
use crate::clock::Timestamp;
use crate::language::say;
use crate::mdm::webhooks::{Standing, TOPICS, WEBHOOKS_MAX};
use crate::protocol::event::{NOTICE, TEST};
use crate::store::webhooks::{LOG_MAX, Logged, LoggedState};

/// Where the page is.
pub const ADDRESS: &str = "/system/webhooks";

const TITLE: &str = msg!("Webhooks");

/// Further lines of the log on one page.
pub const LINES: u32 = 50;

/// What stands in the form of a webhook.
#[derive(Debug, Clone, Default)]
pub struct WebhookForm {
    /// Where events are posted.
    pub url: String,
    /// Ticked topics; none for all that devices say.
    pub topics: Vec<String>,
    /// Whether tokens and secrets are left in.
    pub include_secrets: bool,
    /// Whether the viewer may say so.
    pub may_include_secrets: bool,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
}

impl WebhookForm {
    fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str())
    }
}

/// A webhook in the list, with its last event.
#[derive(Debug, Clone)]
pub struct WebhookRow {
    /// The webhook.
    pub standing: Standing,
    /// What was posted to it last.
    pub last: Option<Logged>,
}

/// One webhook's page.
#[derive(Debug, Clone)]
pub struct WebhookView {
    /// The webhook.
    pub standing: Standing,
    /// What stands in its form.
    pub form: WebhookForm,
    /// What was posted, newest first.
    pub log: Vec<Logged>,
    /// The address of older lines.
    pub more: Option<String>,
}

/// What a topic tells, in words.
fn words(topic: &str) -> &'static str {
    match topic {
        "mdm.Connect" => t!("A device answered or asked for commands"),
        "mdm.Authenticate" => t!("A device begins to enroll"),
        "mdm.TokenUpdate" => t!("A device is enrolled, or has a new push token"),
        "mdm.CheckOut" => t!("A device left"),
        "mdm.UserAuthenticate" => t!("A user of a Mac or Shared iPad logs in"),
        "mdm.SetBootstrapToken" => t!("A Mac gave its bootstrap token"),
        "mdm.GetBootstrapToken" => t!("A Mac asks for its bootstrap token"),
        "mdm.DeclarativeManagement" => t!("A device reports on its declarations"),
        NOTICE => t!("Something here needs somebody"),
        TEST => t!("For trial"),
        _ => "",
    }
}

/// How a webhook is: what the overview and the list say.
pub fn state(row: &WebhookRow) -> (State, String) {
    if row.standing.webhook.disabled_at.is_some() {
        return (State::Silent, String::from(t!("switched off")));
    }
    let waiting = row.standing.waiting.unsigned_abs();
    match &row.last {
        Some(last) if last.state != LoggedState::Delivered && waiting == 0 => {
            (State::Problem, String::from(t!("the last event did not arrive")))
        }
        Some(last) if last.state != LoggedState::Delivered => {
            (State::Problem, t!("the last event did not arrive; {events} waiting", events = count(waiting, t!("event"), t!("events"))))
        }
        _ if waiting > 0 => (State::Waiting, t!("{events} waiting", events = count(waiting, t!("event"), t!("events")))),
        Some(_) => (State::Ok, String::from(t!("events arrive"))),
        None => (State::Ok, String::from(t!("nothing was posted yet"))),
    }
}

/// The list.
pub fn list(shell: &Shell, rows: &[WebhookRow]) -> Markup {
    let full = rows.len() >= WEBHOOKS_MAX;
    let lines = rows.iter().map(|row| {
        let (mark, how) = state(row);
        let webhook = &row.standing.webhook;
        Row {
            id: String::new(),
            href: Some(format!("{ADDRESS}/{}", webhook.id)),
            name: webhook.url.clone(),
            cells: vec![
                html! { bdi { (webhook.url) } },
                html! { @if webhook.topics.is_empty() { (t!("All that devices say")) } @else { (webhook.topics.join(", ")) } },
                badge(mark, &how),
                html! { @match &row.last { Some(last) => (time_ago(last.tried_at, shell.now)), None => span.quiet { (t!("never")) } } },
            ],
        }
    });
    let content = live(
        Live { id: "webhooks", topics: "webhook", of: None, src: None },
        html! {
            (table(&Table {
                caption: say(TITLE),
                columns: vec![Column::main(t!("Address")).wraps(), Column::text(t!("Events")).labelled().wraps(), Column::text(t!("How it is")).labelled(), Column::text(t!("Last event")).labelled()],
                rows: lines.collect(),
                pager: None,
                empty: empty(
                    t!("Nobody is told yet"),
                    t!("A webhook is the address of a program of yours: what devices say is posted there as it happens, in the JSON of MicroMDM and NanoMDM."),
                    html! { (Button::link(format!("{ADDRESS}/new"), t!("Add a webhook")).main()) },
                ),
                selection: None,
                compact: false,
            }))
            @if full { p.quiet { (t!("There are ")) (WEBHOOKS_MAX) (t!(" webhooks, which is the most. Delete one to add another.")) } }
        },
    );
    let under = html! { (t!("Programs that are told what happens, as it happens.")) };
    let action = html! { @if !rows.is_empty() && !full { (Button::link(format!("{ADDRESS}/new"), t!("Add a webhook")).main()) } };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, action, ..Frame::new(Section::System, say(TITLE)) }, content)
}

fn fields(form: &WebhookForm) -> Markup {
    html! {
        @if let Some(error) = form.error("") { p.error role="alert" { (error) } }
        (field("url", t!("Address")).kind("url").value(&form.url).error(form.error("url")).example("https://hooks.example.school/mdm").mono())
        fieldset.stack {
            legend { (t!("Events")) }
            p.quiet { (t!("With none ticked it gets all that devices say.")) }
            @for topic in TOPICS { (box_of("topic", topic, &format!("{}: {topic}", words(topic)), form.topics.iter().any(|ticked| ticked == topic))) }
            @if let Some(error) = form.error("topics") { p.error role="alert" { (error) } }
        }
        @if form.may_include_secrets || form.include_secrets {
            (checkbox("include_secrets", t!("Leave tokens and secrets in"), form.include_secrets,
                t!("Push tokens, unlock tokens and passwords in what devices say, and where a lost one is, are masked otherwise. Only for a receiver that must have them.")))
        }
    }
}

/// The page of a new webhook.
pub fn new(shell: &Shell, form: &WebhookForm) -> Markup {
    let content = post(
        ADDRESS,
        html! {
            div.form {
                (fields(form))
                p.quiet { (t!("The secret that signs each event (")) code { "X-Hmac-Signature" } (t!(") is made here and shown once.")) }
                div.form-foot { (Button::submit(t!("Add the webhook")).main()) }
            }
        },
    );
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), ..Frame::new(Section::System, t!("Add a webhook")) }, content)
}

/// The page of a webhook's secret, shown once.
pub fn made(shell: &Shell, id: &str, key: &str) -> Markup {
    let content = html! {
        div.form {
            (copy_field("key", t!("Secret"), key))
            p {
                (t!("Copy it now: it is not shown again. The receiver proves by it that an event is ours: ")) code { "X-Hmac-Signature" }
                (t!(" is the base64 of the HMAC-SHA256 of the body with this secret."))
            }
            div.row { (Button::link(format!("{ADDRESS}/{id}"), t!("Go on to the webhook")).main()) }
        }
    };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), ..Frame::new(Section::System, t!("The webhook’s secret")) }, content)
}

/// The page of a secret once it was shown.
pub fn was_shown(shell: &Shell) -> Markup {
    let content = html! {
        div.form {
            p { (t!("The secret was shown once and is not shown again. If nobody copied it, open the webhook and make another.")) }
            div.row { (Button::link(ADDRESS, t!("Go to webhooks")).main()) }
        }
    };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), ..Frame::new(Section::System, t!("The webhook’s secret")) }, content)
}

/// One webhook.
pub fn one(shell: &Shell, view: &WebhookView) -> Markup {
    let webhook = &view.standing.webhook;
    let address = format!("{ADDRESS}/{}", webhook.id);
    let is_on = webhook.disabled_at.is_none();
    let (mark, how) = state(&WebhookRow { standing: view.standing.clone(), last: view.log.first().cloned() });
    let about = [
        Fact::new(t!("How it is"), badge(mark, &how)),
        Fact::text(t!("Waiting"), &count(view.standing.waiting.unsigned_abs(), t!("event"), t!("events"))),
        Fact::new(t!("Since"), time_ago(webhook.created_at, shell.now)),
    ];
    let content = html! {
        div.stack.loose {
            (live(Live { id: "webhook-state", topics: "webhook", of: None, src: None }, facts(&about)))
            (section(t!("Try it"), html! {
                p { (t!("Posts a real event (")) code { (TEST) } (t!(") and shows what the receiver answers. It says nothing of any device.")) }
                (post(&format!("{address}/test"), html! { div.row { (Button::submit(t!("Send a test event")).main()) } }))
            }))
            (live(Live { id: "webhook-log", topics: "webhook", of: None, src: None },
                section(t!("What was posted"), html! { (log(view, &address, is_on, shell.now)) })))
            (section(t!("Change it"), post(&address, html! { div.form { (fields(&view.form)) div.form-foot { (Button::submit(t!("Save")).main()) } } })))
            (section(t!("Secret"), html! {
                p { (t!("Another secret takes the place of the one before at once. Give it to the receiver right after.")) }
                (post(&format!("{address}/key"), html! { div.row { (Button::submit(t!("Make another secret"))) } }))
            }))
            (section(if is_on { t!("Switch it off or delete it") } else { t!("Switch it on or delete it") }, html! {
                p.quiet {
                    @if is_on { (t!("A webhook that is switched off gets nothing, and what waits for it is dropped. Its secret and its log stay.")) }
                    @else { (t!("It is switched off and gets nothing.")) }
                }
                div.row {
                    (post(&format!("{address}/{}", if is_on { "off" } else { "on" }), html! { (Button::submit(if is_on { t!("Switch it off") } else { t!("Switch it on") })) }))
                    (Button::link(format!("{address}/delete"), t!("Delete the webhook…")).destructive().asks())
                }
            }))
        }
    };
    let title = if webhook.url.len() > 60 { t!("Webhook") } else { &webhook.url };
    frame(shell, &Frame { back: Some((ADDRESS, say(TITLE))), state: Some(mark), ..Frame::new(Section::System, title) }, content)
}

fn log(view: &WebhookView, address: &str, is_on: bool, now: Timestamp) -> Markup {
    let row = |logged: &Logged| {
        let outcome = match (logged.state, logged.status) {
            (LoggedState::Delivered, Some(status)) => badge(State::Ok, &t!("delivered, {status}", status)),
            (LoggedState::Delivered, None) => badge(State::Ok, t!("delivered")),
            (LoggedState::Waiting, _) => badge(State::Waiting, t!("is tried again")),
            (LoggedState::GivenUp, _) => badge(State::Problem, t!("did not arrive")),
        };
        let again = html! {
            @if is_on && logged.can_repeat && logged.topic != TEST {
                (post(&format!("{address}/deliveries/{}/redeliver", logged.seq), html! {
                    (Button::submit(if logged.state == LoggedState::Waiting { t!("Try now") } else { t!("Deliver again") }).small())
                }))
            }
        };
        let what = html! {
            @if logged.device_id.is_empty() { (logged.topic) } @else { a href=(format!("/devices/{}", logged.device_id)) { (logged.topic) } }
        };
        Row {
            id: logged.seq.to_string(),
            href: None,
            name: logged.topic.clone(),
            cells: vec![
                html! { (time_ago(logged.created_at, now)) },
                what,
                html! { (outcome) @if !logged.error.is_empty() { " " span.quiet { (logged.error) } } },
                html! { (logged.attempts) },
                html! { @match logged.next_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("none")) } } },
                again,
            ],
        }
    };
    html! {
        (table(&Table {
            caption: t!("What was posted"),
            columns: vec![
                Column::text(t!("Happened")),
                Column::main(t!("Event")),
                Column::text(t!("What came of it")).labelled().wraps(),
                Column::number(t!("Tries")).labelled(),
                Column::text(t!("Next try")).labelled(),
                Column::deed(),
            ],
            rows: view.log.iter().map(row).collect(),
            pager: None,
            empty: html! { p.quiet { (t!("Nothing yet. A test event is the first that can stand here.")) } },
            selection: None,
            compact: true,
        }))
        @if let Some(more) = &view.more { div.row { (Button::link(more.clone(), t!("Older events"))) } }
        p.quiet { (t!("The last ")) (LOG_MAX) (t!(" events are kept.")) }
    }
}

/// The page that asks before a webhook is deleted.
pub fn delete(shell: &Shell, standing: &Standing) -> Markup {
    let webhook = &standing.webhook;
    let (action, cancel) = (format!("{ADDRESS}/{}/delete", webhook.id), format!("{ADDRESS}/{}", webhook.id));
    let ask = Confirm {
        action: &action,
        title: t!("Delete this webhook"),
        consequence: html! {
            strong { bdi { (webhook.url) } } (t!(" is told nothing any more. Its secret, its log and "))
            (count(standing.waiting.unsigned_abs(), t!("event that waits"), t!("events that wait"))) (t!(" are lost."))
        },
        verb: t!("Delete the webhook"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, t!("Webhook"))), ..Frame::new(Section::System, ask.title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::webhooks::Webhook;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn standing() -> Standing {
        let webhook = Webhook {
            id: "w1".into(),
            url: "https://hooks.example.school/<mdm>".into(),
            has_hmac_key: true,
            topics: vec!["mdm.CheckOut".into()],
            include_secrets: false,
            disabled_at: None,
            created_at: NOW,
        };
        Standing { webhook, waiting: 1 }
    }

    fn logged(state: LoggedState) -> Logged {
        Logged {
            seq: 7,
            webhook_id: "w1".into(),
            device_id: "d1".into(),
            topic: "mdm.Connect".into(),
            state,
            status: Some(500),
            error: "it answered with status 500".into(),
            attempts: 3,
            next_at: Some(NOW),
            can_repeat: true,
            created_at: NOW,
            tried_at: NOW,
        }
    }

    #[test]
    fn the_log_says_what_came_of_each_event_and_offers_it_again() {
        let shell = Shell::for_tests(Section::System, NOW);
        let form = WebhookForm { topics: vec!["mdm.CheckOut".into()], ..WebhookForm::default() };
        let view = WebhookView { standing: standing(), form, log: vec![logged(LoggedState::Waiting)], more: None };
        let html = one(&shell, &view).into_string();
        for part in [
            "it answered with status 500",
            "action=\"/system/webhooks/w1/deliveries/7/redeliver\"",
            "Try now",
            "href=\"/devices/d1\"",
            "&lt;mdm&gt;",
            "Switch it off",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("include_secrets"), "who may not reveal is not offered it");
        let mut off = view;
        off.standing.webhook.disabled_at = Some(NOW);
        let html = one(&shell, &off).into_string();
        assert!(html.contains("Switch it on") && !html.contains("redeliver\""), "{html}");
        assert!(delete(&shell, &standing()).into_string().contains("1 event that waits"));
    }

    #[test]
    fn how_a_webhook_is_follows_from_its_last_event() {
        let row = |last, waiting| WebhookRow { standing: Standing { waiting, ..standing() }, last };
        assert_eq!(state(&row(Some(logged(LoggedState::Waiting)), 3)).0, State::Problem);
        assert_eq!(state(&row(Some(logged(LoggedState::Delivered)), 0)).0, State::Ok);
        assert_eq!(state(&row(None, 2)).0, State::Waiting);
        assert_eq!(TOPICS.iter().filter(|topic| words(topic).is_empty()).count(), 0);
    }
}
