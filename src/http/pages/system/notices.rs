//! Notices: by which mail server they go out, who gets what, the calendar of everything that ends, and how the last letters went.

use maud::{Markup, Render as _, html};

use super::super::parts::{
    Button, Column, Fact, Frame, Row, Section, Shell, State, Table, badge, checkbox, code, copy_field, count, facts, field, frame, moment,
    named, post, radio, section, select, table, time_ago,
};
use crate::clock::{Timestamp, weekday_words};
use crate::language;
use crate::mdm::backups::plan::time;
use crate::mdm::notices::recipients::is_served;
use crate::mdm::notices::{Standing, words};
use crate::protocol::mail::Security;
use crate::store::letters::{Letter, LetterState};
use crate::store::notices::{NoticeKind, Recipient};

/// Where the page is.
pub const ADDRESS: &str = "/system/notices";

/// Letters that are listed on the page.
pub const LISTED: u32 = 20;

/// What stands in the form of the mail server.
#[derive(Debug, Clone, Default)]
pub struct MailForm {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: String,
    /// How what is said to it is kept from others.
    pub security: Security,
    /// Whether it may go unencrypted to another machine.
    pub open_allowed: bool,
    /// Who we are to it.
    pub user: String,
    /// The name beside the sender's address.
    pub from_name: String,
    /// The sender's address.
    pub from: String,
    /// Where answers go.
    pub reply_to: String,
    /// Further roots.
    pub trust_anchors: String,
    /// Where a letter for trial goes.
    pub test_address: String,
}

impl From<&Standing> for MailForm {
    fn from(standing: &Standing) -> Self {
        let Some(server) = standing.server.clone() else { return Self::default() };
        Self {
            host: server.host,
            port: server.port.to_string(),
            security: server.security,
            open_allowed: server.open_allowed,
            user: server.user,
            from_name: server.from_name,
            from: server.from,
            reply_to: server.reply_to,
            trust_anchors: server.trust_anchors,
            test_address: String::new(),
        }
    }
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct NoticesView {
    /// How notices stand.
    pub standing: Standing,
    /// What stands in the form of the mail server.
    pub form: MailForm,
    /// What was typed for a further address.
    pub new_address: String,
    /// The calendar's whole address.
    pub calendar: Option<String>,
    /// The appliance's time zone.
    pub zone: String,
    /// The weekly digest as it would be now, where somebody asked to see it.
    pub digest: Option<String>,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
}

impl NoticesView {
    fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str())
    }
}

/// The page.
pub fn page(shell: &Shell, view: &NoticesView) -> Markup {
    let content = html! {
        div.stack.loose {
            @if let Some(words) = view.error("") { p.error role="alert" { (words) } }
            (section(t!("How they stand"), standing(view, shell.now)))
            (section(t!("Who gets what"), recipients(view)))
            (section(t!("Mail server"), mail_server(view)))
            (section(t!("Beside what needs somebody"), rules(view)))
            (section(t!("Calendar"), calendar(view)))
            (section(t!("Webhooks"), html! {
                p.quiet { (t!("A webhook that names the topic ")) code { "rollcall.Notice" } (t!(" is told the same as it happens. ")) a href="/system/webhooks" { (t!("Webhooks")) } }
            }))
            (section(t!("Last letters"), letters(&view.standing.letters, shell.now)))
        }
    };
    let under = html! { (t!("What needs somebody, told away from this page: each thing once, several in one letter.")) };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("Notices")) }, content)
}

fn standing(view: &NoticesView, now: Timestamp) -> Markup {
    let standing = &view.standing;
    let server = html! {
        @match &standing.server {
            Some(server) => { (server.host) (t!(", port ")) (server.port) },
            None => (badge(State::Waiting, t!("none yet. Nothing is sent by e-mail."))),
        }
    };
    let mut list = vec![Fact::new(t!("Mail server"), server)];
    if let Some(last) = standing.letters.iter().find(|letter| !letter.said.is_empty()) {
        list.push(Fact::new(
            t!("Last letter"),
            html! { (outcome(last)) " " (time_ago(last.ended_at.unwrap_or(last.created_at), now)) ": " (last.said) },
        ));
    }
    if standing.waiting > 0 {
        list.push(Fact::text(t!("Waiting"), &count(standing.waiting, t!("letter"), t!("letters"))));
    }
    let digest = html! {
        @match standing.next_digest_at {
            Some(at) => (moment(at)),
            None if standing.rules.digest => (t!("once there is a mail server")),
            None => (t!("not wanted")),
        }
    };
    list.push(Fact::new(t!("Next weekly digest"), digest));
    facts(&list)
}

fn outcome(letter: &Letter) -> Markup {
    match letter.state {
        LetterState::Sent => badge(State::Ok, t!("sent")),
        LetterState::Waiting if letter.attempts == 0 => badge(State::Waiting, t!("waits")),
        LetterState::Waiting => badge(State::Waiting, t!("is tried again")),
        LetterState::GivenUp => badge(State::Problem, t!("not sent")),
    }
}

/// Boxes to tick what one wants to hear of; `prefix` tells those of one form from those of another.
pub fn kind_boxes(prefix: &str, ticked: &[NoticeKind]) -> Markup {
    html! {
        fieldset.stack {
            legend { (t!("What is sent there")) }
            @for kind in NoticeKind::ALL {
                @let (name, tells) = words(*kind);
                (checkbox(&format!("{prefix}.{kind}"), name, ticked.contains(kind), tells))
            }
        }
    }
}

fn recipients(view: &NoticesView) -> Markup {
    let all = &view.standing.recipients;
    html! {
        div.stack {
            p { (t!("People who look after this appliance choose for themselves, at ")) a href="/account#notices" { (t!("Your account")) } (t!(". Further addresses, such as that of a list, stand here too.")) }
            @if all.is_empty() { p.quiet { (t!("Nobody yet.")) } }
            @for recipient in all { (one(recipient)) }
            details open[view.error("address").is_some()] {
                summary { (t!("Add an address")) }
                (post(&format!("{ADDRESS}/recipients"), html! {
                    div.form {
                        (field("new_address", t!("Address")).kind("email").value(&view.new_address).error(view.error("address")).example("it@example.school").autocomplete("off"))
                        (kind_boxes("new", NoticeKind::ALL))
                        div.form-foot { (Button::submit(t!("Add")).main()) }
                    }
                }))
            }
        }
    }
}

fn one(recipient: &Recipient) -> Markup {
    let names: Vec<_> = recipient.kinds.iter().map(|kind| words(*kind).0).collect();
    let gets = if names.is_empty() { String::from(t!("nothing")) } else { names.join(", ") };
    let address = format!("{ADDRESS}/recipients/{}", recipient.id);
    html! {
        details {
            summary {
                bdi { @match &recipient.admin { Some(admin) => { (named(&admin.name)) ", " (recipient.address) }, None => (recipient.address) } }
                @if !is_served(recipient) { " " (badge(State::Problem, t!("gets nothing"))) }
                span.quiet { ": " (gets) }
            }
            div.stack {
                @if !is_served(recipient) { p.quiet { (t!("They may not log in, or not see what is told, any more.")) } }
                (post(&address, html! {
                    div.form {
                        (kind_boxes(&recipient.id, &recipient.kinds))
                        div.form-foot { (Button::submit(t!("Save")).main()) (Button::submit(t!("Take off the list")).to(format!("{address}/remove")).unchecked()) }
                    }
                }))
            }
        }
    }
}

fn mail_server(view: &NoticesView) -> Markup {
    let form = &view.form;
    let error = |name: &str| view.error(name);
    let text = |name: &'static str, label: &'static str, value: &str| {
        field(name, label).value(value).error(error(name)).autocomplete("off").render()
    };
    let password = if view.standing.has_password {
        t!("One is kept, and not shown. Leave this empty to go on with it.")
    } else {
        t!("It is kept sealed, and not shown again.")
    };
    let trust_open = !form.trust_anchors.is_empty() || view.error("trust_anchors").is_some();
    html! {
        (post(&format!("{ADDRESS}/mail-server"), html! {
            div.form {
                (field("host", t!("Mail server")).value(&form.host).error(error("host")).example("mail.example.school").autocomplete("off").mono())
                fieldset.stack {
                    legend { (t!("Encryption")) }
                    (radio("security", "tls", "TLS", form.security == Security::Tls, t!("From the first byte; mostly on port 465.")))
                    (radio("security", "starttls", "STARTTLS", form.security == Security::StartTls, t!("After the greeting; mostly on port 587. Without it nothing is sent.")))
                    (radio("security", "none", t!("None"), form.security == Security::None, t!("Only for a mail server on this machine.")))
                    (checkbox("open_allowed", t!("It is another machine, and I mean it"), form.open_allowed, t!("With no encryption everybody on the way reads along, the password too.")))
                    @if let Some(words) = error("security") { p.error role="alert" { (words) } }
                }
                (field("port", t!("Port")).optional().kind("number").value(&form.port).error(error("port")).help(t!("Empty for the usual one.")))
                (field("user", t!("User")).optional().value(&form.user).error(error("user")).autocomplete("off").mono().help(t!("Empty where it does not ask who we are.")))
                (field("password", t!("Password")).optional().kind("password").error(error("password")).autocomplete("new-password").help(password))
                (field("from", t!("Sender’s address")).kind("email").value(&form.from).error(error("from")).example("rollcall@example.school").autocomplete("off"))
                (text("from_name", t!("Sender’s name"), &form.from_name))
                (field("reply_to", t!("Answers go to")).optional().kind("email").value(&form.reply_to).error(error("reply_to")).autocomplete("off").help(t!("Empty for the sender’s address.")))
                details open[trust_open] {
                    summary { (t!("Certificates to trust")) }
                    (field("trust_anchors", t!("Certificates")).optional().lines(4).value(&form.trust_anchors).error(error("trust_anchors")).mono()
                        .help(t!("Only for a mail server with a certificate authority of its own: its root, as text.")))
                }
                (field("test_address", t!("Send a letter for trial to")).optional().kind("email").value(&form.test_address).error(error("test_address")).autocomplete("email")
                    .help(t!("By what stands above, saved or not. You see at once what the mail server says.")))
                div.form-foot {
                    (Button::submit(t!("Save")).main())
                    (Button::submit(t!("Send a letter for trial")).to(format!("{ADDRESS}/test")))
                    @if view.standing.server.is_some() { (Button::submit(t!("Take it out")).to(format!("{ADDRESS}/mail-server/remove")).unchecked()) }
                }
            }
        }))
    }
}

fn rules(view: &NoticesView) -> Markup {
    let rules = &view.standing.rules;
    let days: Vec<_> = (0..7).map(|day| (day.to_string(), language::weekday(weekday_words(day)).to_owned())).collect();
    let help = t!("By the clock of {address}.", address = view.zone.replace('_', " "));
    let form = post(
        &format!("{ADDRESS}/rules"),
        html! {
            div.form {
                (checkbox("tell_mended", t!("Say also when something is over"), rules.tell_mended, t!("Once it has been well for an hour.")))
                (checkbox("digest", t!("Send a digest each week"), rules.digest, t!("To those who ticked it: what needs somebody, what ends, and how devices, updates and apps stand.")))
                (select("weekday", t!("On"), &days, &rules.weekday.to_string(), "", view.error("weekday")))
                (field("at", t!("At")).kind("time").value(&time(rules.minute)).error(view.error("at")).help(&help))
                div.form-foot { (Button::submit(t!("Save")).main()) }
            }
        },
    );
    html! {
        div.stack {
            (form)
            @match &view.digest {
                Some(text) => div #digest.stack { h3 { (t!("What the digest would say now")) } (code(t!("What the digest would say now"), text)) },
                None => p { a href=(format!("{ADDRESS}?digest=1#digest")) { (t!("See what the digest would say now")) } },
            }
        }
    }
}

fn calendar(view: &NoticesView) -> Markup {
    let address = format!("{ADDRESS}/calendar");
    html! {
        div.stack {
            p { (t!("Everything that ends, for the calendar on your telephone or of your team: certificates, tokens, profiles, and deadlines of update plans, with reminders before.")) }
            @match &view.calendar {
                Some(url) => {
                    (copy_field("calendar-address", t!("Address to subscribe to"), url))
                    p.quiet { (t!("Whoever knows it reads the calendar, without logging in. Make another one when somebody leaves who knew it.")) }
                    div.row {
                        (post(&address, html! { (Button::submit(t!("Make another address"))) }))
                        (post(&format!("{address}/revoke"), html! { (Button::submit(t!("Take it back"))) }))
                    }
                },
                None => (post(&address, html! { (Button::submit(t!("Make an address")).main()) })),
            }
        }
    }
}

fn letters(list: &[Letter], now: Timestamp) -> Markup {
    let row = |letter: &Letter| Row {
        id: letter.id.clone(),
        name: letter.subject.clone(),
        href: None,
        cells: vec![
            html! { (time_ago(letter.created_at, now)) },
            html! { bdi { (letter.address) } },
            html! { (letter.subject) },
            outcome(letter),
            html! { (letter.said) @if let Some(due) = letter.due_at.filter(|_| letter.attempts > 0) { span.quiet { (t!(" Next try ")) (time_ago(due, now)) "." } } },
        ],
    };
    table(&Table {
        caption: t!("Last letters"),
        columns: vec![
            Column::text(t!("Written")),
            Column::text(t!("To")).labelled(),
            Column::main(t!("About")).wraps(),
            Column::text(t!("Outcome")).labelled(),
            Column::text(t!("What the mail server said")).labelled().wraps(),
        ],
        rows: list.iter().map(row).collect(),
        pager: None,
        empty: html! { p.quiet { (t!("None yet.")) } },
        selection: None,
        compact: true,
    })
}
