//! One device: all its tabs, and what is asked before a deed.

use rollcall::clock::Timestamp;
use rollcall::http::pages::device::deeds::{self, Deed, DeedForm, DeedView};
use rollcall::http::pages::device::secrets;
use rollcall::http::pages::device::{
    self, AppRow, AppsTab, CertificateRow, DeviceAction, DeviceContent, DeviceFacts, DeviceView, Genuine, ProfileRow, QueueRow, ReportBody,
    ReportRow, SecretRow, SecurityRow,
};
use rollcall::http::pages::parts::{Entry, Markup, State, Wait};

use crate::devices::row;
use crate::{ago, in_days, shell, told_shell};

fn known(content: DeviceContent) -> DeviceView {
    DeviceView {
        account: None,
        lost: None,
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
            on_apples_list: true,
            udid: "00008030-001A2B3C4D5E6F70".into(),
            supervised: Some(true),
            enrollment: "by invitation".into(),
            enrolled_at: Some(ago(86_400 * 40)),
            last_seen_at: Some(ago(7_200)),
            identity_ends_at: Some(in_days(690)),
            identity_came: "by ACME",
            groups: vec![("/groups/a".into(), "Cart A".into()), ("/groups/5".into(), "Year 5".into())],
            person: None,
            storage: Some((21_400_000_000, 64_000_000_000)),
            battery: Some(82),
            genuine: Some(Genuine {
                state: State::Ok,
                words: "yes, Apple vouched for it".into(),
                at: Some(ago(86_400 * 2)),
                because: String::new(),
                may_ask: true,
            }),
            more: vec![("Wi-Fi address".into(), "02:00:5e:10:00:03".into())],
        },
        actions: Deed::ALL
            .into_iter()
            .filter(|deed| !matches!(deed, Deed::EndLostMode | Deed::PlaySound))
            .map(DeviceAction::from)
            .collect(),
        may_ask: true,
        may_give: true,
        counts: [28, 3, 4, 112],
        is_shared: false,
        content,
    }
}

fn entry(id: &str, state: State, what: &str, by: &str, at: Timestamp, why: &str) -> Entry {
    let raw = vec![("Report".into(), "<plist version=\"1.0\">\n<dict>\n\t<key>CommandUUID</key>\n\t<string>6f0f0d6e-3b43-4e4c-9d2e-9a2b6d0f8d11</string>\n\t<key>Status</key>\n\t<string>NotNow</string>\n</dict>\n</plist>".into())];
    Entry {
        id: id.into(),
        state,
        what: what.into(),
        about: None,
        by: by.into(),
        at,
        why: why.into(),
        raw: if id.ends_with('r') { raw } else { vec![] },
    }
}

fn happened() -> DeviceContent {
    DeviceContent::Timeline {
        waits: vec![
            Wait {
                state: State::Waiting,
                cause: "Waiting for the iPad to be unlocked.".into(),
                remedy: "it will answer by itself.".into(),
                asked_at: Some(ago(7_200)),
                said: String::new(),
            },
            Wait {
                state: State::Problem,
                cause: "The profile “Wi-Fi Example School” cannot be installed: the certificate in it has ended.".into(),
                remedy: "upload the profile again with a new certificate.".into(),
                asked_at: Some(ago(90_000)),
                said: String::new(),
            },
        ],
        queue: vec![
            QueueRow {
                uuid: "6f0f0d6e".into(),
                what: "Take a profile".into(),
                request_type: "InstallProfile".into(),
                state: State::Waiting,
                cause: "Waiting for the iPad to be unlocked.".into(),
                remedy: "It will answer by itself.".into(),
                said: String::new(),
                asked_at: ago(7_200),
                cancellable: true,
            },
            QueueRow {
                uuid: "7a1f0d6e".into(),
                what: "List its apps".into(),
                request_type: "InstalledApplicationList".into(),
                state: State::Waiting,
                cause: "The iPad has not connected since.".into(),
                remedy: "It is woken again by itself.".into(),
                said: String::new(),
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
        go_on: None,
    }
}

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    let page = |content| device::page(&shell(), &known(content));
    vec![
        ("device", page(happened())),
        (
            "device-young",
            device::page(
                &told_shell(State::Ok, "The iPad is asked. It answers when it is next awake."),
                &known(DeviceContent::Timeline { waits: vec![], queue: vec![], entries: vec![], more: None, go_on: None }),
            ),
        ),
        ("device-apps", page(apps())),
        ("device-apps-unknown", page(DeviceContent::Apps(AppsTab::default()))),
        ("device-profiles", page(profiles())),
        ("device-certificates", page(certificates())),
        ("device-security", page(security())),
        ("device-reports", page(reports())),
        ("device-erase", ask(Deed::Erase, 28, true)),
        ("device-lock", ask(Deed::Lock, 1, true)),
        ("device-lost-mode", ask(Deed::LostMode, 3, false)),
        ("device-retire", ask(Deed::Retire, 1, false)),
        ("device-secret", secrets::reveal(&shell(), "Activation Lock bypass code", ("/devices/1", "Cart A 3"), "/x")),
        (
            "device-secret-shown",
            secrets::revealed(&shell(), "Activation Lock bypass code", "TESTA-BCDEF-GHJK-LMNP-QRST-UVWX", ("/devices/1", "Cart A 3")),
        ),
    ]
}

fn ask(deed: Deed, n: usize, macs: bool) -> Markup {
    let names: Vec<String> = (0..n).map(|n| row(n * 9).name).collect();
    let typed = DeedForm { typed: "27".into(), ..DeedForm::default() };
    let back = ("/devices", "Devices");
    let view = DeedView {
        deed,
        names: &names,
        total: n as u64,
        macs,
        action: "/devices/actions/x",
        back,
        hidden: &[],
        typed,
        errors: &[],
        networks: None,
        note: "",
    };
    deeds::ask(&shell(), &view)
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
        state: Some((State::Waiting, "the person is asked", "Prompting".into())),
        ..app("Sketchbook for Schools with a Rather Long Name", "school.example.sketch", true, 0)
    });
    DeviceContent::Apps(AppsTab { installed: rows, at: Some(ago(5_400)), ..AppsTab::default() })
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
    let certificate = |name: &str, identity, not_after| CertificateRow { name: name.into(), identity, not_after: Some(not_after) };
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
        fact("Lost Mode", "off", None),
    ];
    let secret = SecretRow { name: "Activation Lock bypass code".into(), kept_at: ago(86_400 * 40), reveal: Some("/x".into()) };
    DeviceContent::Security { rows: facts, secrets: vec![secret], renew: None, at: Some(ago(5_400)) }
}

fn reports() -> DeviceContent {
    let report = |id: &str, kind: &str, status: &str, state, text: Option<&str>| ReportRow {
        id: id.into(),
        what: rollcall::mdm::commands::words::done(kind).into_owned(),
        request_type: kind.into(),
        status: status.into(),
        state,
        at: ago(5_400),
        size_bytes: 2_648,
        body: text.map_or(ReportBody::TooLarge, |text| ReportBody::Text(text.into())),
        sent: text.map(|_| String::from("<plist version=\"1.0\">\n<dict/>\n</plist>")),
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
