//! What is on a device, tab by tab, always with the moment the device said so.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Row, State, Table, badge, code, count, day, empty, named, post, section, table, time_ago, what_was_said,
};
use crate::clock::Timestamp;

/// An app on the device.
#[derive(Debug, Clone)]
pub struct AppRow {
    /// Its name.
    pub name: String,
    /// Its bundle identifier.
    pub identifier: String,
    /// Its version.
    pub version: String,
    /// Whether it came from here.
    pub managed: bool,
    /// App and data, in bytes.
    pub size_bytes: Option<u64>,
    /// How far it is, where that is not simply "installed", in words, and the protocol's word for it.
    pub state: Option<(State, &'static str, String)>,
}

/// A profile on the device.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub identifier: String,
    /// Whose it is.
    pub organisation: String,
    /// How many payloads it has.
    pub payloads: u64,
    /// Whether it came from here.
    pub managed: bool,
}

/// A certificate on the device.
#[derive(Debug, Clone)]
pub struct CertificateRow {
    /// Its common name.
    pub name: String,
    /// Whether the device holds its key.
    pub identity: bool,
    /// Its end.
    pub not_after: Option<Timestamp>,
}

/// Something the device says about its security.
#[derive(Debug, Clone)]
pub struct SecurityRow {
    /// What, for example "Passcode".
    pub name: String,
    /// How it is in words.
    pub words: String,
    /// Whether that is good.
    pub state: Option<State>,
}

/// A secret that is kept for the device, shown only when asked for; each look is recorded.
#[derive(Debug, Clone)]
pub struct SecretRow {
    /// What it is, for example "Activation Lock bypass code".
    pub name: String,
    /// Since when it is kept.
    pub kept_at: Timestamp,
    /// Where it is shown, for who may see it.
    pub reveal: Option<String>,
}

/// A command without an answer.
#[derive(Debug, Clone)]
pub struct QueueRow {
    /// Its CommandUUID.
    pub uuid: String,
    /// What it is to do, in words.
    pub what: String,
    /// The protocol's word for that.
    pub request_type: String,
    /// Whether it will be answered by itself, or somebody must act.
    pub state: State,
    /// Why it is not answered, a sentence.
    pub cause: String,
    /// What ends that, a sentence.
    pub remedy: String,
    /// What was said that this is about, as it came; may be empty.
    pub said: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Whether it can still be taken back by this viewer.
    pub cancellable: bool,
}

/// A report as the device sent it.
#[derive(Debug, Clone)]
pub struct ReportRow {
    /// Its id.
    pub id: String,
    /// What it answers, in words.
    pub what: String,
    /// The RequestType of that; empty where it is not known.
    pub request_type: String,
    /// `Acknowledged`, `Error`, `CommandFormatError`, `NotNow`.
    pub status: String,
    /// What that means.
    pub state: State,
    /// When it came.
    pub at: Timestamp,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// What there is of it.
    pub body: ReportBody,
    /// The command that it answers as it was sent, secrets masked; none where that is not kept any more.
    pub sent: Option<String>,
}

/// What there is of a report.
#[derive(Debug, Clone)]
pub enum ReportBody {
    /// Its text.
    Text(String),
    /// A file at this address: more than this page shows.
    Elsewhere(String),
    /// It holds a secret.
    Secret,
    /// It says where the device is.
    Position,
    /// Not kept: it only put the command off.
    PutOff,
    /// Not kept: too large.
    TooLarge,
}

fn rows<T>(list: &[T], cells: impl Fn(&T) -> (String, Vec<Markup>)) -> Vec<Row> {
    list.iter()
        .map(|item| {
            let (name, cells) = cells(item);
            Row { id: String::new(), href: None, name, cells }
        })
        .collect()
}

/// A list as it was reported, under the moment of the report; `what` is the word for its empty state.
fn reported(what: &str, columns: Vec<Column>, rows: Vec<Row>, at: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(at) = at else {
        return empty(
            t!("Not reported yet"),
            t!("The device is asked for this after it enrolls. It answers when it is next awake and unlocked."),
            Markup::default(),
        );
    };
    let empty = empty(&t!("No {what}", what), &t!("The device reported no {what}.", what), Markup::default());
    html! {
        div.stack {
            p.meta { (t!("As the device said ")) (time_ago(at, now)) "." }
            (table(&Table { caption: what, columns, rows, pager: None, empty, selection: None, compact: true }))
        }
    }
}

pub(super) fn installed(list: &[AppRow], at: Option<Timestamp>, now: Timestamp) -> Markup {
    let columns = vec![
        Column::main(t!("App")),
        Column::text(t!("Version")),
        Column::text(t!("Managed")),
        Column::number(t!("Size")),
        Column::code(t!("Identifier")).minor(),
    ];
    let rows = rows(list, |app| {
        let size = app.size_bytes.map_or_else(String::new, megabytes);
        let managed = html! { @match &app.state { Some((state, words, said)) => span title=(said) { (badge(*state, words)) }, None => (if app.managed { t!("managed") } else { "" }) } };
        let cells =
            vec![html! { strong { (named(&app.name)) } }, html! { (app.version) }, managed, html! { (size) }, html! { (app.identifier) }];
        (app.name.clone(), cells)
    });
    reported(t!("apps"), columns, rows, at, now)
}

pub(super) fn profiles(list: &[ProfileRow], at: Option<Timestamp>, now: Timestamp) -> Markup {
    let columns = vec![
        Column::main(t!("Profile")),
        Column::text(t!("Organisation")),
        Column::text(t!("Managed")),
        Column::number(t!("Payloads")),
        Column::code(t!("Identifier")).minor(),
    ];
    let rows = rows(list, |profile| {
        let managed = if profile.managed { t!("managed") } else { "" };
        let cells = vec![
            html! { strong { (named(&profile.name)) } },
            html! { (profile.organisation) },
            html! { (managed) },
            html! { (profile.payloads) },
            html! { (profile.identifier) },
        ];
        (profile.name.clone(), cells)
    });
    reported(t!("profiles"), columns, rows, at, now)
}

pub(super) fn certificates(list: &[CertificateRow], at: Option<Timestamp>, now: Timestamp) -> Markup {
    let columns = vec![Column::main(t!("Certificate")), Column::text(t!("Kind")), Column::text(t!("Until")).labelled()];
    let rows = rows(list, |certificate| {
        let kind = if certificate.identity { t!("identity") } else { "" };
        let end =
            html! { @if let Some(end) = certificate.not_after { @if end < now { (badge(State::Problem, t!("ended"))) " " } (day(end)) } };
        (certificate.name.clone(), vec![html! { strong { (named(&certificate.name)) } }, html! { (kind) }, end])
    });
    reported(t!("certificates"), columns, rows, at, now)
}

pub(super) fn security(list: &[SecurityRow], kept_here: (&[SecretRow], Option<&str>), at: Option<Timestamp>, now: Timestamp) -> Markup {
    let columns = vec![Column::main(t!("What")), Column::text(t!("How it is")).wraps()];
    let rows = rows(list, |row| {
        let words = html! { @match row.state { Some(state) => (badge(state, &row.words)), None => (row.words) } };
        (row.name.clone(), vec![html! { strong { (named(&row.name)) } }, words])
    });
    html! {
        div.stack.loose {
            (reported(t!("security facts"), columns, rows, at, now))
            (section(t!("Kept secrets"), kept(kept_here, now)))
        }
    }
}

fn kept((secrets, renew): (&[SecretRow], Option<&str>), now: Timestamp) -> Markup {
    let columns = vec![Column::main(t!("Secret")), Column::text(t!("Kept since")).labelled(), Column::deed()];
    let rows = rows(secrets, |secret| {
        let reveal = html! { @if let Some(href) = &secret.reveal { (Button::link(href, t!("Show…")).small().asks()) } };
        (secret.name.clone(), vec![html! { strong { (secret.name) } }, time_ago(secret.kept_at, now), reveal])
    });
    let empty = html! { p.quiet { (t!("None. Bypass codes, recovery keys and PINs are kept here as devices hand them over.")) } };
    html! {
        div.stack {
            (table(&Table { caption: t!("Kept secrets"), columns, rows, pager: None, empty, selection: None, compact: false }))
            @if !secrets.is_empty() { p.meta { (t!("Every look is recorded with your name. They stay when the device leaves, until an Owner purges them.")) } }
            @if let Some(renew) = renew { div.row { (Button::link(renew, t!("New administrator's password…")).asks()) } }
        }
    }
}

pub(super) fn queue(list: &[QueueRow], device: &str, now: Timestamp) -> Markup {
    let columns = vec![Column::main(t!("What")), Column::text(t!("Why")), Column::text(t!("Asked")).labelled(), Column::deed()];
    let rows = rows(list, |command| {
        let cancel = html! {
            @if command.cancellable {
                (post(&format!("/devices/{device}/commands/{}/cancel", command.uuid), html! { (Button::submit(t!("Take back")).small()) }))
            }
        };
        (
            command.what.clone(),
            vec![
                html! { strong title=(command.request_type) { (command.what) } },
                html! { (badge(command.state, &command.cause)) " " span.quiet { (command.remedy) } (what_was_said(&command.said)) },
                time_ago(command.asked_at, now),
                cancel,
            ],
        )
    });
    table(&Table {
        caption: t!("Commands without an answer"),
        columns,
        rows,
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: false,
    })
}

pub(super) fn reports(list: &[ReportRow], more: Option<&str>, now: Timestamp) -> Markup {
    if list.is_empty() {
        return empty(
            t!("No reports yet"),
            t!("What the device answers is kept here as it was sent, with the command beside it."),
            Markup::default(),
        );
    }
    html! {
        ol.timeline {
            @for report in list {
                li {
                    (super::super::parts::state_square(report.state, 12))
                    span { strong title=(report.request_type) { (report.what) } " " span.by { (report.status) ", " (kilobytes(report.size_bytes)) } }
                    (time_ago(report.at, now))
                    @match &report.body {
                        ReportBody::Text(text) => details id=(format!("report-{}", report.id)) { summary { (t!("The answer")) } (code(t!("Report"), text)) },
                        ReportBody::Elsewhere(href) => p.why { (t!("Longer than what is shown here: ")) a href=(href) { (t!("download it")) } "." },
                        ReportBody::Secret => p.why { (t!("It holds a secret, which is shown only under Security, Kept secrets.")) },
                        ReportBody::Position => p.why { (t!("It says where the device was, which is shown only at the top of its page while it is lost.")) },
                        ReportBody::PutOff => p.why { (t!("A report that puts something off is not kept.")) },
                        ReportBody::TooLarge => p.why { (t!("Too large to keep; its command, status and identity are recorded.")) },
                    }
                    @if let Some(sent) = &report.sent { details id=(format!("sent-{}", report.id)) { summary { (t!("What was sent")) } (code(t!("Command"), sent)) } }
                }
            }
        }
        @if let Some(href) = more { p { a href=(href) { (t!("Older")) } } }
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        1..1_000_000 => t!("under 1 MB").to_owned(),
        1_000_000..1_000_000_000 => t!("{megabytes} MB", megabytes = bytes / 1_000_000),
        _ => t!("{e9} GB", e9 = format!("{:.1}", bytes as f64 / 1e9)),
    }
}

fn kilobytes(bytes: u64) -> String {
    if bytes < 1_000 { count(bytes, t!("byte"), t!("bytes")) } else { t!("{kilobytes} kB", kilobytes = bytes / 1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn what_was_never_reported_is_told_apart_from_none() {
        assert!(installed(&[], None, NOW).into_string().contains("Not reported yet"));
        assert!(installed(&[], Some(NOW), NOW).into_string().contains("The device reported no apps."));
    }

    #[test]
    fn a_certificate_that_ended_says_so() {
        let row = |not_after| CertificateRow { name: "x".into(), identity: true, not_after: Some(not_after) };
        assert!(certificates(&[row(Timestamp::from_seconds(5))], Some(NOW), NOW).into_string().contains("ended"));
        let later = NOW.plus(std::time::Duration::from_secs(9));
        assert!(!certificates(&[row(later)], Some(NOW), NOW).into_string().contains("ended"));
    }

    #[test]
    fn a_report_is_shown_as_text_and_one_too_large_says_so() {
        let report = ReportRow {
            id: "1".into(),
            what: "Tell about itself".into(),
            request_type: "DeviceInformation".into(),
            status: "Error".into(),
            state: State::Problem,
            at: NOW,
            size_bytes: 12_000_000,
            body: ReportBody::TooLarge,
            sent: Some("<dict><key>Queries</key></dict>".into()),
        };
        let html = reports(&[report.clone(), ReportRow { body: ReportBody::Text("<plist/>".into()), ..report }], None, NOW).into_string();
        assert!(
            html.contains("Too large to keep")
                && html.contains("&lt;plist/&gt;")
                && html.contains("&lt;key&gt;Queries&lt;/key&gt;")
                && html.contains("<strong title=\"DeviceInformation\">Tell about itself</strong>"),
            "{html}"
        );
        assert_eq!((megabytes(999), megabytes(2_500_000), megabytes(2_500_000_000)), ("under 1 MB".into(), "2 MB".into(), "2.5 GB".into()));
    }
}
