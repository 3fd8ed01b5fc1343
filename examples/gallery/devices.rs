//! Devices and invitations, with an invented school's carts and lab.

use rollcall::clock::Timestamp;
use rollcall::http::pages::devices::{self, DeviceRow, DevicesFilter, DevicesView, OpenInvitation};
use rollcall::http::pages::invitations::{self, Arrival, InvitationForm, InvitationRow, InvitationView, InvitationsView};

use rollcall::http::pages::parts::{Action, Markup, State};
use rollcall::store::saved_filters::SavedFilter;

use crate::{ago, in_days, shell, young_shell};

const MODELS: [(&str, &str); 6] = [
    ("iPad (9th generation)", "iPadOS 17.6.1"),
    ("iPad mini (A17 Pro)", "iPadOS 18.1"),
    ("MacBook Air (M2, 2022)", "macOS 15.1"),
    ("iPhone SE (3rd generation)", "iOS 26.1"),
    ("Apple TV 4K (3rd generation)", "tvOS 18.1"),
    ("iPad Air (2013)", "iOS 12.5.7"),
];
const REASONS: [(State, &str); 8] = [
    (State::Ok, ""),
    (State::Ok, ""),
    (State::Waiting, "waiting to be unlocked"),
    (State::Ok, ""),
    (State::Silent, "no answer for 12 days; most likely switched off"),
    (State::Ok, ""),
    (State::Problem, "refused the profile “Wi-Fi Example School”: the certificate in it has ended"),
    (State::Ok, ""),
];

/// A device of the invented school.
pub(crate) fn row(n: usize) -> DeviceRow {
    let (model, os) = MODELS[n % MODELS.len()];
    let (state, reason) = REASONS[n % REASONS.len()];
    let name = match n % 9 {
        3 => "A device whose owner gave it a name that is a good deal longer than any column wants to be".to_owned(),
        other => format!("{} {}", ["Cart A", "Lab", "Library"][other % 3], n + 1),
    };
    DeviceRow {
        id: format!("0192f3a4-0000-7000-8000-{n:012}"),
        name,
        state,
        reason: reason.into(),
        model: model.into(),
        os: os.into(),
        serial: format!("TESTSN{n:04}"),
        groups: ["Cart A", "Year 5", "Pilot ring"].iter().take(n % 4).map(|name| (*name).to_owned()).collect(),
        last_seen: (n % 11 != 10).then(|| ago((n as u64 * 7_919) % 400_000)),
        practice: n % 5 == 1,
    }
}

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    let mut pages = tables();
    pages.extend(invited());
    pages
}

fn actions() -> Vec<Action> {
    let action = |words: &str, to: &str, destructive| Action { words: words.into(), to: format!("/devices/actions/{to}"), destructive };
    vec![
        action("Lock…", "lock", false),
        action("Restart…", "restart", false),
        action("Add to a group…", "group", false),
        action("Erase…", "erase", true),
    ]
}

fn saved(name: &str, query: &str) -> SavedFilter {
    SavedFilter { id: name.to_owned(), name: name.to_owned(), query: query.to_owned(), created_at: Timestamp::default() }
}

fn full() -> DevicesView {
    DevicesView {
        rows: (0..50).map(row).collect(),
        total: 1_240,
        counts: [1_102, 84, 41, 12, 1],
        filter: DevicesFilter::default(),
        platforms: ["iPadOS", "iOS", "macOS", "tvOS"].iter().map(|name| (name.to_lowercase(), (*name).to_owned())).collect(),
        groups: vec![("a".into(), "Cart A".into()), ("5".into(), "Year 5".into())],
        saved: vec![saved("Macs of year 5", "search=year+5&platform=macos"), saved("Broken", "state=problem")],
        asked: None,
        next: Some("x".into()),
        actions: actions(),
        may_invite: true,
        may_configure: true,
        invitation: None,
        push_ready: true,
    }
}

fn tables() -> Vec<(&'static str, Markup)> {
    let filtered = DevicesView {
        rows: vec![],
        total: 0,
        filter: DevicesFilter {
            search: "nobody".into(),
            state: Some(State::Waiting),
            sort: "-last_seen".into(),
            ..DevicesFilter::default()
        },
        ..full()
    };
    let none = DevicesView { may_invite: true, may_configure: true, ..DevicesView::default() };
    let open = OpenInvitation { code: "K7PM4QXD".into(), url: "https://mdm.example.school:8443/enroll/K7PM4QXD".into() };
    let few = DevicesView { rows: (0..7).map(row).collect(), total: 7, counts: [4, 1, 1, 1, 0], next: None, ..full() };
    vec![
        ("devices", devices::page(&shell(), &full())),
        ("devices-few", devices::page(&young_shell(), &few)),
        ("devices-filtered-empty", devices::page(&shell(), &filtered)),
        ("devices-none", devices::page(&young_shell(), &none)),
        ("devices-none-invited", devices::page(&young_shell(), &DevicesView { push_ready: true, invitation: Some(open), ..none })),
    ]
}

fn invitation(name: &str, state: State, words: &str) -> InvitationRow {
    InvitationRow {
        id: "019aa000-0000-7000-8000-000000000001".into(),
        code: Some("K7PM4QXD".into()),
        name: name.into(),
        state,
        words: words.into(),
        used: 3,
        uses: Some(28),
        group: "Cart A".into(),
        person: String::new(),
        expires_at: Some(in_days(12)),
    }
}

fn invited() -> Vec<(&'static str, Markup)> {
    let rows = vec![
        invitation("Cart A", State::Ok, "open"),
        InvitationRow {
            uses: None,
            expires_at: None,
            ..invitation("The Macs of the lab on the second floor, and whatever else turns up there", State::Ok, "open")
        },
        InvitationRow {
            used: 1,
            uses: Some(1),
            person: "Ms Curie".into(),
            expires_at: Some(ago(90_000)),
            ..invitation("Ms Curie’s iPad", State::Silent, "used up")
        },
    ];
    let list = InvitationsView { rows, total: 3, next: None, may_invite: true, push_ready: true };
    let groups: Vec<String> = vec!["Cart A".into(), "Year 5".into()];
    let refused = InvitationForm {
        name: "Cart A".into(),
        uses: "many".into(),
        days: "900".into(),
        errors: vec![("uses".into(), "Write a number, or leave it empty.".into()), ("days".into(), "From 1 to 365.".into())],
        groups: groups.clone(),
        group: "Cart A".into(),
        ..InvitationForm::default()
    };
    let arrival =
        |name: &str, state, words: &str, at| Arrival { name: name.into(), href: Some("/devices/1".into()), state, words: words.into(), at };
    let detail = InvitationView {
        row: invitation("Cart A", State::Ok, "open"),
        url: Some("https://mdm.example.school:8443/enroll/K7PM4QXD".into()),
        made_by: "ada".into(),
        made_at: ago(86_400 * 2),
        devices: vec![
            arrival("An iPad", State::Waiting, "has the profile", ago(20)),
            arrival("TESTSN0002", State::Waiting, "has its certificate", ago(75)),
            arrival("Cart A 1", State::Ok, "enrolled", ago(3_700)),
        ],
        may_withdraw: true,
        push_ready: true,
    };
    vec![
        ("invitations", invitations::list(&shell(), &list)),
        ("invitations-none", invitations::list(&young_shell(), &InvitationsView { may_invite: true, ..InvitationsView::default() })),
        ("invitation-new", invitations::form(&shell(), &InvitationForm { groups, ..InvitationForm::default() })),
        ("invitation-refused", invitations::form(&shell(), &refused)),
        ("invitation", invitations::one(&shell(), &detail)),
        ("invitation-first", invitations::one(&young_shell(), &InvitationView { devices: vec![], push_ready: false, ..detail })),
        ("invitation-withdraw", invitations::withdraw(&shell(), &invitation("Cart A", State::Ok, "open"))),
    ]
}
