//! Devices, one device in all its tabs, invitations, with an invented school's carts and lab.

use rollcall::clock::Timestamp;
use rollcall::http::pages::device::{
    self, AppRow, CertificateRow, DeviceAction, DeviceContent, DeviceFacts, DeviceView, ProfileRow, QueueRow, ReportRow, SecretRow,
    SecurityRow,
};
use rollcall::http::pages::devices::{self, DeviceRow, DevicesFilter, DevicesView, OpenInvitation};
use rollcall::http::pages::invitations::{self, Arrival, InvitationForm, InvitationRow, InvitationView, InvitationsView};
use rollcall::http::pages::parts::{Action, Confirm, Entry, Frame, Markup, Section, State, Typed, Wait, confirm, frame, html};

use crate::{ago, in_days, shell, told_shell, young_shell};

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
    pages.extend(one());
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

fn full() -> DevicesView {
    DevicesView {
        rows: (0..50).map(row).collect(),
        total: 1_240,
        counts: [1_102, 84, 41, 13],
        filter: DevicesFilter::default(),
        platforms: ["iPadOS", "iOS", "macOS", "tvOS"].iter().map(|name| (name.to_lowercase(), (*name).to_owned())).collect(),
        groups: vec![("a".into(), "Cart A".into()), ("5".into(), "Year 5".into())],
        next: Some("x".into()),
        actions: actions(),
        may_invite: true,
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
    let none = DevicesView { may_invite: true, ..DevicesView::default() };
    let open = OpenInvitation { code: "K7PM4QXD".into(), url: "https://mdm.example.school:8443/enroll/K7PM4QXD".into() };
    let few = DevicesView { rows: (0..7).map(row).collect(), total: 7, counts: [4, 1, 1, 1], next: None, ..full() };
    vec![
        ("devices", devices::page(&shell(), &full())),
        ("devices-few", devices::page(&young_shell(), &few)),
        ("devices-filtered-empty", devices::page(&shell(), &filtered)),
        ("devices-none", devices::page(&young_shell(), &none)),
        ("devices-none-invited", devices::page(&young_shell(), &DevicesView { push_ready: true, invitation: Some(open), ..none })),
    ]
}

fn known(content: DeviceContent) -> DeviceView {
    let action = |words: &str, path: &str, asks, destructive| DeviceAction { words: words.into(), path: path.into(), asks, destructive };
    DeviceView {
        id: "0192f3a4-0000-7000-8000-000000000002".into(),
        name: "Cart A 3".into(),
        state: State::Waiting,
        state_words: "waiting to be unlocked".into(),
        practice: true,
        facts: DeviceFacts {
            model: "iPad (9th generation)".into(),
            product_name: "iPad12,1".into(),
            os: "iPadOS 17.6.1".into(),
            build: "21G93".into(),
            serial: "TESTSN0003".into(),
            udid: "00008030-001A2B3C4D5E6F70".into(),
            supervised: Some(true),
            enrollment: "by invitation".into(),
            enrolled_at: Some(ago(86_400 * 40)),
            last_seen_at: Some(ago(7_200)),
            identity_ends_at: Some(in_days(690)),
            groups: vec![("/groups/a".into(), "Cart A".into()), ("/groups/5".into(), "Year 5".into())],
            person: None,
            storage: Some((21_400_000_000, 64_000_000_000)),
            battery: Some(82),
            more: vec![("Wi-Fi address".into(), "02:00:5e:10:00:03".into())],
        },
        actions: vec![
            action("Lock", "lock", true, false),
            action("Restart", "restart", false, false),
            action("Shut down", "shutdown", true, false),
            action("Lost mode", "lost-mode", true, false),
            action("Clear passcode", "clear-passcode", true, true),
            action("Retire", "retire", true, true),
            action("Erase", "erase", true, true),
        ],
        counts: [28, 3, 4, 112],
        content,
    }
}

fn entry(id: &str, state: State, what: &str, by: &str, at: Timestamp, why: &str) -> Entry {
    let raw = vec![("Report".into(), "<plist version=\"1.0\">\n<dict>\n\t<key>CommandUUID</key>\n\t<string>6f0f0d6e-3b43-4e4c-9d2e-9a2b6d0f8d11</string>\n\t<key>Status</key>\n\t<string>NotNow</string>\n</dict>\n</plist>".into())];
    Entry { id: id.into(), state, what: what.into(), by: by.into(), at, why: why.into(), raw: if id.ends_with('r') { raw } else { vec![] } }
}

fn happened() -> DeviceContent {
    DeviceContent::Timeline {
        waits: vec![
            Wait {
                state: State::Waiting,
                cause: "Waiting for the iPad to be unlocked.".into(),
                remedy: "it will answer by itself.".into(),
                asked_at: Some(ago(7_200)),
            },
            Wait {
                state: State::Problem,
                cause: "The profile “Wi-Fi Example School” cannot be installed: the certificate in it has ended.".into(),
                remedy: "upload the profile again with a new certificate.".into(),
                asked_at: Some(ago(90_000)),
            },
        ],
        queue: vec![
            QueueRow {
                uuid: "6f0f0d6e".into(),
                what: "Install a profile (InstallProfile)".into(),
                state: State::Waiting,
                words: "the iPad is locked".into(),
                asked_at: ago(7_200),
                cancellable: true,
            },
            QueueRow {
                uuid: "7a1f0d6e".into(),
                what: "Ask for installed apps (InstalledApplicationList)".into(),
                state: State::Waiting,
                words: "after the one before".into(),
                asked_at: ago(7_100),
                cancellable: true,
            },
        ],
        entries: vec![
            entry(
                "9r",
                State::Waiting,
                "Said “not now” to installing a profile",
                "",
                ago(7_190),
                "The iPad is locked. It asks again when it is unlocked.",
            ),
            entry("8", State::Ok, "Was woken by a push", "", ago(7_200), ""),
            entry("7", State::Waiting, "Install the profile “Passcode rules for Year 5”", "ada", ago(7_200), ""),
            entry(
                "6r",
                State::Problem,
                "Refused the profile “Wi-Fi Example School”",
                "",
                ago(90_000),
                "The certificate in it has ended (MCInstallationErrorDomain 4001).",
            ),
            entry("5r", State::Ok, "Reported its security", "", ago(172_000), ""),
            entry("4r", State::Ok, "Installed Numbers 14.1", "", ago(300_000), ""),
            entry("3", State::Ok, "Enrolled with the invitation “Cart A”", "", ago(86_400 * 40), ""),
        ],
        more: Some("?before=3".into()),
    }
}

fn one() -> Vec<(&'static str, Markup)> {
    let page = |content| device::page(&shell(), &known(content));
    vec![
        ("device", page(happened())),
        (
            "device-young",
            device::page(
                &told_shell(State::Ok, "The iPad is asked. It answers when it is next awake."),
                &known(DeviceContent::Timeline { waits: vec![], queue: vec![], entries: vec![], more: None }),
            ),
        ),
        ("device-apps", page(apps())),
        ("device-apps-unknown", page(DeviceContent::Apps(vec![], None))),
        ("device-profiles", page(profiles())),
        ("device-certificates", page(certificates())),
        ("device-security", page(security())),
        ("device-reports", page(reports())),
        ("device-erase", ask_erase()),
    ]
}

fn ask_erase() -> Markup {
    let names: Vec<String> = (0..28).map(|n| row(n * 9).name).collect();
    let ask = Confirm {
        action: "/devices/actions/erase",
        title: "Erase 28 devices",
        consequence: html! { "Everything on them is deleted: apps, work, settings. What was not saved elsewhere is gone. They start as new and enroll again only if they are led to." },
        names: &names,
        total: 28,
        typed: Some(Typed { phrase: "28", given: "27", error: Some("That is not the number.") }),
        verb: "Erase 28 devices",
        destructive: true,
        cancel: "/devices",
        ..Confirm::default()
    };
    frame(&shell(), &Frame { back: Some(("/devices", "Devices")), ..Frame::new(Section::Devices, ask.title) }, confirm(&ask))
}

fn apps() -> DeviceContent {
    let app = |name: &str, identifier: &str, managed, size| AppRow {
        name: name.into(),
        identifier: identifier.into(),
        version: "14.1".into(),
        managed,
        size_bytes: Some(size),
        state: None,
    };
    let mut rows = vec![
        app("Numbers", "com.apple.Numbers", true, 612_000_000),
        app("Classroom Reader", "school.example.reader", true, 84_000),
        app("Chess", "school.example.chess", false, 2_400_000_000),
    ];
    rows.push(AppRow {
        state: Some((State::Waiting, "asks the person".into())),
        ..app("Sketchbook for Schools with a Rather Long Name", "school.example.sketch", true, 0)
    });
    DeviceContent::Apps(rows, Some(ago(5_400)))
}

fn profiles() -> DeviceContent {
    let profile = |name: &str, managed| ProfileRow {
        name: name.into(),
        identifier: "school.example.profile".into(),
        organisation: "Example School".into(),
        payloads: 3,
        managed,
    };
    DeviceContent::Profiles(
        vec![profile("Management", true), profile("Passcode rules for Year 5", true), profile("Calendar of a parent", false)],
        Some(ago(5_400)),
    )
}

fn certificates() -> DeviceContent {
    let certificate = |name: &str, identity, not_after| CertificateRow {
        name: name.into(),
        issuer: "Rollcall authority".into(),
        identity,
        not_after: Some(not_after),
    };
    DeviceContent::Certificates(
        vec![certificate("TESTSN0003", true, in_days(690)), certificate("wifi.example.school", false, ago(86_400 * 3))],
        Some(ago(5_400)),
    )
}

fn security() -> DeviceContent {
    let fact = |name: &str, words: &str, state| SecurityRow { name: name.into(), words: words.into(), state };
    let facts = vec![
        fact("Passcode", "set, follows the rules", Some(State::Ok)),
        fact("Encryption", "file by file, on", Some(State::Ok)),
        fact("Activation Lock", "on, bypass code kept here", Some(State::Waiting)),
        fact("Lost mode", "off", None),
    ];
    let secret = SecretRow { name: "Activation Lock bypass code".into(), kept_at: ago(86_400 * 40), reveal: Some("/x".into()) };
    DeviceContent::Security(facts, vec![secret], Some(ago(5_400)))
}

fn reports() -> DeviceContent {
    let report = |id: &str, kind: &str, status: &str, state, text: Option<&str>| ReportRow {
        id: id.into(),
        request_type: kind.into(),
        status: status.into(),
        state,
        at: ago(5_400),
        size_bytes: 2_648,
        text: text.map(Into::into),
    };
    let rows = vec![
        report(
            "1",
            "DeviceInformation",
            "Acknowledged",
            State::Ok,
            Some("<plist version=\"1.0\">\n<dict>\n\t<key>Status</key>\n\t<string>Acknowledged</string>\n</dict>\n</plist>"),
        ),
        report("2", "InstallProfile", "NotNow", State::Waiting, Some("<plist/>")),
        report("3", "", "Error", State::Problem, None),
    ];
    DeviceContent::Reports(rows, Some("?before=1".into()))
}

fn invitation(name: &str, state: State, words: &str) -> InvitationRow {
    InvitationRow {
        code: "K7PM4QXD".into(),
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
    let groups = vec![("a".into(), "Cart A".into()), ("5".into(), "Year 5".into())];
    let refused = InvitationForm {
        name: "Cart A".into(),
        uses: "many".into(),
        days: "900".into(),
        errors: vec![("uses".into(), "Write a number, or leave it empty.".into()), ("days".into(), "From 1 to 365.".into())],
        groups: groups.clone(),
        group: "a".into(),
        ..InvitationForm::default()
    };
    let arrival =
        |name: &str, state, words: &str, at| Arrival { name: name.into(), href: Some("/devices/1".into()), state, words: words.into(), at };
    let detail = InvitationView {
        row: invitation("Cart A", State::Ok, "open"),
        url: "https://mdm.example.school:8443/enroll/K7PM4QXD".into(),
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
