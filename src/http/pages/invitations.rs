//! Invitations: the list, the form, and one invitation with its code, watched while devices enroll.

use maud::{Markup, html};

use super::parts::{
    Banner, Button, Column, Confirm, Fact, Frame, Icon, Live, Pager, Row, Section, Shell, State, Table, badge, checkbox, confirm,
    copy_field, empty, facts, field, frame, live, moment, named, post, qr, section, table, time_ago,
};
use crate::clock::Timestamp;
use crate::language::say;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct InvitationsView {
    /// The invitations of this page, newest first.
    pub rows: Vec<InvitationRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may invite.
    pub may_invite: bool,
    /// Whether real devices can enroll: a push certificate exists.
    pub push_ready: bool,
}

/// An invitation in the list.
#[derive(Debug, Clone)]
pub struct InvitationRow {
    /// Our id for it, which its address has.
    pub id: String,
    /// Its code; absent for those who may not invite, since it lets devices in.
    pub code: Option<String>,
    /// What it is for, as whoever made it called it.
    pub name: String,
    /// Whether it can still be used: ok open, silent over or spent.
    pub state: State,
    /// That in words: "open", "used up", "over", "withdrawn".
    pub words: String,
    /// Devices that used it, and how many may; absent for no limit.
    pub used: u64,
    /// How many may use it; absent for no limit.
    pub uses: Option<u64>,
    /// The group that its devices join.
    pub group: String,
    /// The person that its devices belong to.
    pub person: String,
    /// When it ends; absent for never.
    pub expires_at: Option<Timestamp>,
}

/// The form.
#[derive(Debug, Clone, Default)]
pub struct InvitationForm {
    /// What was typed for the name.
    pub name: String,
    /// Groups that exist, to be offered while one types.
    pub groups: Vec<String>,
    /// What was typed for the group.
    pub group: String,
    /// People that exist, to be offered while one types.
    pub people: Vec<String>,
    /// What was typed for the person.
    pub person: String,
    /// What was typed for the number of uses.
    pub uses: String,
    /// What was typed for the number of days.
    pub days: String,
    /// Whether a device is to say who it is first.
    pub asks_device: bool,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// One invitation.
#[derive(Debug, Clone)]
pub struct InvitationView {
    /// As in the list.
    pub row: InvitationRow,
    /// The address to open on a device; absent for those who may not invite.
    pub url: Option<String>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// Devices that came by it, newest first.
    pub devices: Vec<Arrival>,
    /// Whether the viewer may withdraw it.
    pub may_withdraw: bool,
    /// Whether real devices can enroll.
    pub push_ready: bool,
}

/// A device on its way in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its name or serial number, as far as known.
    pub name: String,
    /// Where it is, once it is enrolled.
    pub href: Option<String>,
    /// How far it is.
    pub state: State,
    /// That in words: "has the profile", "has its certificate", "enrolled".
    pub words: String,
    /// When it came that far.
    pub at: Timestamp,
}

const NOT_READY: &str = msg!("No device can use an invitation before there is a push certificate from Apple. The links stay good.");

/// The page of the list.
pub fn list(shell: &Shell, view: &InvitationsView) -> Markup {
    let invite = html! { @if view.may_invite { (Button::link("/invitations/new", t!("New invitation")).main().icon(Icon::Plus)) } };
    let page = Frame {
        back: Some(("/devices", t!("Devices"))),
        under: html! { (t!("A link or code that enrolls devices.")) },
        action: html! { @if !view.rows.is_empty() { (invite) } },
        ..Frame::new(Section::Devices, t!("Invitations"))
    };
    let rows = table(&Table {
        caption: t!("Invitations"),
        columns: vec![
            Column::main(t!("For")),
            Column::text(t!("State")),
            Column::number(t!("Used")).labelled(),
            Column::text(t!("Group")).wraps(),
            Column::text(t!("Person")).minor().wraps(),
            Column::text(t!("Until")).labelled(),
            Column::code(t!("Code")).minor(),
        ],
        rows: view.rows.iter().map(|row| list_row(row, shell.now)).collect(),
        pager: Some(Pager {
            shown: view.rows.len() as u64,
            total: view.total,
            noun: (t!("invitation"), t!("invitations")),
            first: None,
            next: view.next.clone(),
        }),
        empty: empty(
            t!("No invitations yet"),
            t!("An invitation is a link and a code. Whoever opens it on an iPhone, iPad or Mac is led through enrolling it."),
            invite,
        ),
        selection: None,
        compact: false,
    });
    let list = live(Live { id: "invitations", topics: "invitation enrollment", of: None, src: None }, rows);
    frame(&with_notice(shell, view.push_ready), &page, list)
}

fn list_row(row: &InvitationRow, now: Timestamp) -> Row {
    Row {
        id: row.id.clone(),
        href: Some(format!("/invitations/{}", row.id)),
        name: row.name.clone(),
        cells: vec![
            html! { (named(&row.name)) },
            badge(row.state, &row.words),
            html! { (used(row)) },
            html! { (named(&row.group)) },
            html! { (named(&row.person)) },
            html! { @match row.expires_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("no end")) } } },
            code(row),
        ],
    }
}

fn code(row: &InvitationRow) -> Markup {
    html! { @match &row.code { Some(code) => (code), None => span.quiet { (t!("hidden")) } } }
}

fn used(row: &InvitationRow) -> String {
    row.uses.map_or_else(|| row.used.to_string(), |uses| t!("{used} of {uses}", used = row.used, uses))
}

/// The shell with what keeps every invitation from working.
fn with_notice(shell: &Shell, push_ready: bool) -> Shell {
    let mut shell = shell.clone();
    if !push_ready {
        let way = Some(("/system/push".to_owned(), t!("Get the push certificate").to_owned()));
        shell.banners.push(Banner::Notice(State::Waiting, say(NOT_READY).to_owned(), way));
    }
    shell
}

/// The page of the form.
pub fn form(shell: &Shell, view: &InvitationForm) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str());
    let page = Frame { back: Some(("/invitations", t!("Invitations"))), ..Frame::new(Section::Devices, t!("Invite devices")) };
    let content = post(
        "/invitations",
        html! {
            div.form {
                (field("name", t!("What it is for")).value(&view.name).error(error("name")).example(t!("Cart A, or Ms Curie’s iPad")).first())
                (field("uses", t!("How many devices may use it")).kind("number").optional().value(&view.uses).error(error("uses"))
                    .help(t!("Leave it empty for no limit, for example for a whole cart.")))
                (field("days", t!("For how many days")).kind("number").value(if view.days.is_empty() { "14" } else { &view.days }).error(error("days"))
                    .help(t!("From 1 to 365. After that the link is over; devices that enrolled stay.")))
                (field("group", t!("Group that the devices join")).optional().value(&view.group).suggests(&view.groups).error(error("group"))
                    .example(t!("Cart A, Year 5")))
                (field("person", t!("Person who uses the device")).optional().value(&view.person).suggests(&view.people).error(error("person")))
                (checkbox("asks_device", t!("Ask the device who it is first"), view.asks_device,
                    t!("It proves by the identity that Apple built into it which device it is, and gets a profile for itself alone. iPhones and iPads do that; it takes one more step.")))
                div.form-foot { (Button::submit(t!("Make the invitation")).main()) (Button::link("/invitations", t!("Cancel"))) }
            }
        },
    );
    frame(shell, &page, content)
}

/// The page of one invitation.
pub fn one(shell: &Shell, view: &InvitationView) -> Markup {
    let row = &view.row;
    let withdraw = html! {
        @if view.may_withdraw { (Button::link(format!("/invitations/{}/withdraw", row.id), t!("Withdraw…")).destructive().asks()) }
    };
    let page = Frame { back: Some(("/invitations", t!("Invitations"))), action: withdraw, ..Frame::new(Section::Devices, &row.name) };
    let content = html! {
        @match &view.url {
            Some(url) => div.with-qr {
                (qr(url, t!("A code that leads to the invitation")))
                div.stack.loose {
                    p { (t!("Open the camera of an iPhone or iPad and point it at the code, or open the address on a Mac.")) }
                    (copy_field("address", t!("Address"), url))
                    (state(view, shell.now))
                }
            },
            None => div.stack.loose {
                p { (t!("Its code lets devices in, so it is shown only to those who may invite.")) }
                (state(view, shell.now))
            },
        }
        (section(t!("Devices that came by it"), arrivals(view, shell.now)))
    };
    frame(&with_notice(shell, view.push_ready), &page, content)
}

fn state(view: &InvitationView, now: Timestamp) -> Markup {
    live(Live { id: "invitation", topics: "invitation enrollment", of: None, src: None }, html! { (facts(&about(view, now))) })
}

fn about(view: &InvitationView, now: Timestamp) -> Vec<Fact> {
    let row = &view.row;
    let mut list = vec![Fact::new(t!("State"), badge(row.state, &row.words)), Fact::text(t!("Used"), &used(row))];
    if let Some(code) = &row.code {
        list.push(Fact::code(t!("Code"), code));
    }
    if !row.group.is_empty() {
        list.push(Fact::text(t!("Devices join"), &row.group));
    }
    if !row.person.is_empty() {
        list.push(Fact::text(t!("For"), &row.person));
    }
    if let Some(at) = row.expires_at {
        list.push(Fact::new(t!("Ends"), html! { (time_ago(at, now)) ", " (moment(at)) }));
    }
    list.push(Fact::new(t!("Made"), html! { (time_ago(view.made_at, now)) (t!(" by ")) (view.made_by) }));
    list
}

/// The part that changes while devices enroll: the fragment `arrivals`.
pub fn arrivals(view: &InvitationView, now: Timestamp) -> Markup {
    let rows = view.devices.iter().map(|device| Row {
        id: String::new(),
        href: device.href.clone(),
        name: device.name.clone(),
        cells: vec![html! { (named(&device.name)) }, badge(device.state, &device.words), time_ago(device.at, now)],
    });
    let none = html! { p.quiet { (t!("None yet. A device appears here as soon as it downloads the profile, and this page shows how far it is.")) } };
    let list = table(&Table {
        caption: t!("Devices that came by this invitation"),
        columns: vec![Column::main(t!("Device")), Column::text(t!("How far")), Column::text(t!("Since"))],
        rows: rows.collect(),
        pager: None,
        empty: none,
        selection: None,
        compact: false,
    });
    live(Live { id: "arrivals", topics: "invitation enrollment device", of: None, src: None }, list)
}

/// The page that asks before an invitation is withdrawn.
pub fn withdraw(shell: &Shell, row: &InvitationRow) -> Markup {
    let (action, cancel) = (format!("/invitations/{}/withdraw", row.id), format!("/invitations/{}", row.id));
    let ask = Confirm {
        action: &action,
        title: t!("Withdraw this invitation"),
        consequence: html! { (t!("The link and the code of ")) strong { (named(&row.name)) } (t!(" stop working at once. Devices that enrolled with it stay enrolled.")) },
        verb: t!("Withdraw the invitation"),
        destructive: true,
        cancel: &cancel,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some((&cancel, &row.name)), ..Frame::new(Section::Devices, ask.title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell::for_tests(Section::Devices, NOW)
    }

    fn row() -> InvitationRow {
        InvitationRow {
            id: "019aa000-0000-7000-8000-000000000001".into(),
            code: Some("K7PM4QXD".into()),
            name: "Cart <A>".into(),
            state: State::Ok,
            words: "open".into(),
            used: 3,
            uses: Some(28),
            group: "Cart A".into(),
            person: String::new(),
            expires_at: Some(NOW.plus(std::time::Duration::from_secs(86_400 * 12))),
        }
    }

    #[test]
    fn without_a_push_certificate_every_invitation_page_says_so() {
        let view = InvitationsView { rows: vec![row()], total: 1, ..InvitationsView::default() };
        assert!(list(&shell(), &view).into_string().contains("before there is a push certificate"));
        assert!(
            !list(&shell(), &InvitationsView { push_ready: true, ..view }).into_string().contains("before there is a push certificate")
        );
    }

    #[test]
    fn the_form_keeps_what_was_typed_and_says_what_is_wrong_at_its_field() {
        let view = InvitationForm {
            name: "Cart <A>".into(),
            uses: "zero".into(),
            days: "900".into(),
            errors: vec![("days".into(), "From 1 to 365.".into())],
            groups: vec!["Year <5>".into()],
            group: "Cart A".into(),
            ..InvitationForm::default()
        };
        let html = form(&shell(), &view).into_string();
        for part in [
            "value=\"Cart &lt;A&gt;\"",
            "value=\"zero\"",
            "value=\"900\"",
            "id=\"f-days-error\"",
            "<option value=\"Year &lt;5&gt;\">",
            "list=\"f-group-list\"",
            "value=\"Cart A\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn an_invitation_shows_code_address_use_and_who_came() {
        let arrival = Arrival { name: "TESTSN0001".into(), href: None, state: State::Waiting, words: "has the profile".into(), at: NOW };
        let view = InvitationView {
            row: row(),
            url: Some("https://mdm.example.school:8443/enroll/K7PM4QXD".into()),
            made_by: "Ada".into(),
            made_at: NOW,
            devices: vec![arrival],
            may_withdraw: true,
            push_ready: true,
        };
        let html = one(&shell(), &view).into_string();
        for part in [
            "class=\"qr\"",
            "value=\"https://mdm.example.school:8443/enroll/K7PM4QXD\"",
            "3 of 28",
            "in 12 days",
            "has the profile",
            "id=\"arrivals\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
