//! Today, set-up, push certificate and System.

use rollcall::http::pages::devices::{DeviceRow, OpenInvitation};
use rollcall::http::pages::invitations::Arrival;
use rollcall::http::pages::parts::{Entry, Markup, Roll, RollDevice, RollGroup, Sparkline, State};
use rollcall::http::pages::push::{self, PushCertificate, PushView, Recognised, TopicChange};
use rollcall::http::pages::setup::{self, RestoreView, SetupView, TlsView, WelcomeView};
use rollcall::http::pages::system::audit::{self, AuditFilter, AuditView, Whose};
use rollcall::http::pages::system::backups::{self, BackupsForm, BackupsView};
use rollcall::http::pages::system::language::{self, BroughtView, LanguageView};
use rollcall::http::pages::system::people::{self, AdminForm, TokenForm};
use rollcall::http::pages::system::practice::{self, PracticeView};
use rollcall::http::pages::system::releases::{self, ReleasesView, RootRow};
use rollcall::http::pages::system::{self, AdminRow, JobRow, SystemPart, SystemView, TokenRow};
use rollcall::http::pages::today::{self, BatchRow, Countdown, Need, TodayView};

use rollcall::mdm::Role;
use rollcall::mdm::backups::plan::Plan;
use rollcall::mdm::backups::tested::Tested;
use rollcall::mdm::backups::{Failure, Last, Recovery, Standing, file_name};
use rollcall::protocol::s3::S3Place;
use rollcall::store::backups::{Backup, Place};

use crate::{ago, devices::row, in_days, shell, told_shell, young_shell};

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    let mut pages = vec![
        ("today", today::page(&shell(), &today())),
        ("today-none", today::page(&young_shell(), &nothing_today())),
        ("setup", setup::page(&young_shell(), &first_device())),
        ("setup-first", setup::page(&young_shell(), &fresh())),
        ("setup-welcome", setup::welcome(&WelcomeView { token: "t".into(), ..WelcomeView::default() })),
        (
            "setup-restore",
            setup::restore(&RestoreView {
                token: "t".into(),
                error: Some("The passphrase does not open this backup. Look which one belongs to it.".into()),
            }),
        ),
        ("setup-restored", setup::restored(214, ago(86_400), false)),
        ("backups", backups::page(&shell(), &kept_safe())),
        ("backups-none", backups::page(&young_shell(), &never_kept())),
        ("backups-key", backups::key(&shell(), "AGE-SECRET-KEY-1QZ3DXXVTJ6NT6RSPN3XLX3PQ5NN3E9XZ7KQK6ZZV9L2SXV3H7EMQ0T5S2M")),
        ("system", system::page(&shell(), &appliance())),
        ("releases", releases::page(&shell(), &lookup())),
        ("language", language::page(&shell(), &in_german())),
        ("language-none", language::page(&young_shell(), &LanguageView { may_change: true, ..LanguageView::default() })),
        ("audit", audit::audit(&shell(), &audit_log())),
    ];
    pages.extend(push_pages());
    pages.extend(people_pages());
    pages
}

/// German, with texts that are left in English.
fn in_german() -> LanguageView {
    let brought = BroughtView {
        tag: "de".into(),
        translated: 3_124,
        of: 3_412,
        left_out: vec!["Ended the log-ins of {name}".into(), "{count} devices, the newest of them {name}".into()],
        left_out_total: 2,
        problem: None,
        since: ago(86_400 * 3),
        by: "Ada (owner)".into(),
    };
    LanguageView { brought: Some(brought), may_change: true, ..LanguageView::default() }
}

/// Backups that go into a folder and a store, the last try of which failed.
fn kept_safe() -> BackupsView {
    let s3 = S3Place {
        endpoint: "https://s3.eu-central-1.amazonaws.com".into(),
        region: "eu-central-1".into(),
        bucket: "example-school".into(),
        prefix: "rollcall/".into(),
        key_id: "AKIAEXAMPLE".into(),
        ..S3Place::default()
    };
    let plan = Plan { daily: true, folder: Some("/srv/backups".into()), s3: Some(s3), ..Plan::default() };
    let backup = |days: u64| Backup {
        id: days.to_string(),
        name: file_name(ago(days * 86_400)),
        place: if days.is_multiple_of(2) { Place::Folder } else { Place::S3 },
        location: if days.is_multiple_of(2) {
            "/srv/backups".into()
        } else {
            "https://s3.eu-central-1.amazonaws.com/example-school/rollcall/".into()
        },
        size_bytes: 18_400_000 - days as i64 * 120_000,
        devices: 214,
        with_packages: false,
        made_at: ago(days * 86_400),
        tested_at: (days == 2).then(|| ago(86_400)),
        test_problem: String::new(),
    };
    let standing = Standing {
        plan,
        has_s3_secret: true,
        recovery: Some(Recovery {
            public_key: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".into(),
            made_at: ago(9_000_000),
        }),
        last: Some(Last { made_at: ago(86_400), size_bytes: 18_400_000, devices: 214 }),
        is_by_hand: false,
        failure: Some(Failure { at: ago(600), because: "There is no folder /srv/backups. Is its disk connected?".into() }),
        next_at: Some(in_days(1)),
        is_wished: false,
        test_due_at: Some(in_days(28)),
        last_test: Some(Tested { at: ago(86_400), problem: String::new() }),
        restored: None,
    };
    let list: Vec<_> = (1..8).map(backup).collect();
    BackupsView {
        form: BackupsForm::from(&standing),
        standing,
        total: list.len(),
        list,
        errors: vec![("folder".into(), "Write the whole path of a folder, like /srv/backups.".into())],
        zone: "Europe/Berlin".into(),
        under_way: false,
        may_configure: true,
        may_govern: true,
    }
}

/// Backups that nobody has set up yet.
fn never_kept() -> BackupsView {
    let standing = Standing {
        plan: Plan::default(),
        recovery: None,
        last: None,
        failure: None,
        next_at: None,
        has_s3_secret: false,
        ..kept_safe().standing
    };
    BackupsView { form: BackupsForm::from(&standing), standing, total: 0, list: Vec::new(), errors: Vec::new(), ..kept_safe() }
}

/// The invented school's roll.
pub(crate) fn school() -> Roll {
    let square = |device: DeviceRow| RollDevice {
        name: device.name,
        state: device.state,
        reason: if device.reason.is_empty() { "ok, spoke 2 hours ago".into() } else { device.reason },
        href: format!("/devices/{}", device.id),
    };
    let group = |name: &str, from: usize, n: usize| {
        let devices: Vec<_> = (from..from + n).map(row).map(square).collect();
        let counts = State::ALL.map(|state| devices.iter().filter(|device| device.state == state).count() as u64);
        RollGroup { name: name.into(), href: "/devices?group=1".into(), devices, counts }
    };
    Roll {
        groups: vec![
            group("Cart A", 0, 28),
            group("Cart B", 30, 30),
            group("Lab of Macs", 61, 24),
            group("Teachers", 90, 61),
            group("In no group", 160, 5),
        ],
    }
}

fn today() -> TodayView {
    let need = |state, what: &str, why: &str, href: &str, words: &str| Need {
        state,
        what: what.into(),
        why: why.into(),
        way: Some((href.into(), words.into())),
    };
    let end = |name: &str, at, state| Countdown { name: name.into(), at, state, href: "/system/push".into() };
    TodayView {
        focuses: vec![],
        plans: vec![],
        by_hand: vec![],
        batches: vec![BatchRow {
            id: 7,
            deed: "restart".into(),
            by: "kim (owner)".into(),
            at: ago(180),
            all: 19,
            confirmed: 12,
            waiting: 7,
        }],
        may_teach: true,
        may_configure: true,
        needs: vec![
            need(
                State::Problem,
                "The push certificate ends in 6 days",
                "After that no device can be reached. Renew it with the Apple Account mdm@example.school, not with a new one.",
                "/system/push",
                "Renew it",
            ),
            need(
                State::Problem,
                "19 devices refuse “Wi-Fi Example School”",
                "The certificate in the profile has ended. Upload the profile again with a new one.",
                "/devices?state=problem",
                "Show them",
            ),
            need(
                State::Waiting,
                "6 devices have not answered for two weeks",
                "Switched off, or out of reach. They are pushed again every day.",
                "/devices?state=silent",
                "Show them",
            ),
        ],
        roll: school(),
        counts: [92, 19, 18, 18, 1],
        check_ins: Sparkline {
            title: "Check-ins".into(),
            days: [912, 1_020, 988, 410, 120, 1_100, 1_043, 1_012, 998, 1_020, 388, 97, 1_180, 1_096]
                .iter()
                .enumerate()
                .map(|(at, n)| (format!("{} Nov", at + 12), *n))
                .collect(),
        },
        countdowns: vec![
            end("Push certificate", in_days(6), State::Problem),
            end("TLS certificate", in_days(58), State::Waiting),
            end("First device identity", in_days(402), State::Ok),
            end("Root certificate", in_days(7_290), State::Ok),
        ],
    }
}

fn nothing_today() -> TodayView {
    TodayView {
        focuses: vec![],
        plans: vec![],
        by_hand: vec![],
        batches: vec![],
        may_teach: true,
        may_configure: true,
        needs: vec![],
        roll: Roll::default(),
        counts: [0; 5],
        check_ins: Sparkline { title: "Check-ins".into(), days: vec![] },
        countdowns: vec![],
    }
}

fn fresh() -> SetupView {
    SetupView::begun("ada", "https://mdm.example.school:8443", TlsView::Own("http://mdm.example.school:8080/trust".into()))
}

fn first_device() -> SetupView {
    let arrival = Arrival { name: "An iPad".into(), href: None, state: State::Waiting, words: "has the profile".into(), at: ago(25) };
    SetupView {
        address_confirmed: true,
        practice: 25,
        practice_done: true,
        push_until: Some(in_days(364)),
        invitation: Some(OpenInvitation { code: "K7PM4QXD".into(), url: "https://mdm.example.school:8443/enroll/K7PM4QXD".into() }),
        arrivals: vec![arrival],
        ..fresh()
    }
}

fn certificate(days: u64, state: State) -> PushCertificate {
    PushCertificate {
        topic: "com.apple.mgmt.External.5f0d3c1e-8f3b-4d1e-9c57-1b2a3c4d5e6f".into(),
        not_after: in_days(days),
        not_before: ago(86_400 * 300),
        state,
        devices: 148,
        account: "mdm@example.school".into(),
        last_push_at: Some(ago(75)),
        failure: None,
    }
}

fn push_pages() -> Vec<(&'static str, Markup)> {
    let none = PushView { may_change: true, ..PushView::default() };
    let requested = PushView { requested_at: Some(ago(3_600)), ..none.clone() };
    let wrong = Recognised {
        file: "mdm.cer".into(),
        what: "the certificate of an MDM vendor".into(),
        remedy: "It signs requests and is not the push certificate. The one to upload is what identity.apple.com/pushcert gives you."
            .into(),
        link: None,
        needs_passphrase: false,
    };
    let locked = Recognised {
        file: "push.p12".into(),
        what: "locked with a passphrase".into(),
        remedy: "Choose it again below and type the passphrase.".into(),
        link: None,
        needs_passphrase: true,
    };
    let change = TopicChange {
        old_topic: "com.apple.mgmt.External.5f0d3c1e-8f3b-4d1e-9c57-1b2a3c4d5e6f".into(),
        new_topic: "com.apple.mgmt.External.00000000-8f3b-4d1e-9c57-1b2a3c4d5e6f".into(),
        devices: 148,
        typed: String::new(),
        hidden: vec![],
    };
    vec![
        ("push-none", push::page(&young_shell(), &none)),
        ("push-requested", push::page(&young_shell(), &requested)),
        ("push-signed", push::page(&young_shell(), &PushView { ready_at: Some(ago(60)), has_mdmcert_key: true, ..requested.clone() })),
        (
            "push-refusable",
            push::page(
                &young_shell(),
                &PushView { problems: vec!["the request is signed over SHA-1, but Apple wants SHA-256".into()], ..requested.clone() },
            ),
        ),
        (
            "push-wrong-file",
            push::page(&shell(), &PushView { upload: Some(wrong), account: "mdm@example.school".into(), ..requested.clone() }),
        ),
        ("push-locked-file", push::page(&shell(), &PushView { upload: Some(locked), ..requested.clone() })),
        (
            "push-good",
            push::page(
                &told_shell(State::Ok, "The certificate fits its key and was accepted by Apple. Devices can enroll."),
                &PushView { current: Some(certificate(340, State::Ok)), ..none },
            ),
        ),
        (
            "push-ending",
            push::page(
                &shell(),
                &PushView { current: Some(certificate(6, State::Problem)), others: vec![certificate(90, State::Waiting)], ..requested },
            ),
        ),
        ("push-other-topic", push::topic_change(&shell(), &change)),
    ]
}

fn people_pages() -> Vec<(&'static str, Markup)> {
    let form = AdminForm {
        id: None,
        name: String::new(),
        role: Role::Helper,
        disabled: false,
        is_viewer: false,
        person: String::new(),
        second_factor: false,
        sessions: vec![],
        errors: vec![],
    };
    let known = AdminForm { id: Some("2".into()), name: "grace".into(), ..form.clone() };
    let token = TokenForm { name: String::new(), role: Role::Viewer, days: "90".into(), errors: vec![] };
    let many = PracticeView {
        wanted: 25,
        classroom: 25,
        here: 12,
        boxed: 10,
        limit: 500,
        may_change: true,
        may_switch_on: true,
        ..PracticeView::default()
    };
    vec![
        ("admin-new", people::admin(&shell(), &form)),
        ("admin", people::admin(&shell(), &known)),
        ("token-new", people::token(&shell(), &token)),
        ("token-made", people::token_made(&shell(), "nightly export", "rollcall_Jh3v0mK9b2R7sQ1xW5tY8uE4aZ6cD0fG")),
        ("practice", practice::practice(&young_shell(), &many)),
        ("practice-none", practice::practice(&shell(), &PracticeView { wanted: 0, classroom: 0, here: 0, ..many })),
    ]
}

fn lookup() -> ReleasesView {
    let root = RootRow {
        name: "Apple Root CA".into(),
        fingerprint: "B0 B1 73 0E CB C7 FF 45 05 14 2C 49 F1 29 5E 6E DA 6B CA ED 7E 2C 68 C5 BE 91 B5 A1 10 01 F0 24".into(),
        used_for: "Apple's list of OS releases".into(),
        needed: true,
        came: None,
    };
    ReleasesView {
        state: State::Waiting,
        words: "Apple's list is 3 days old; Apple could not be asked".into(),
        listed: 312,
        source: "a file that somebody brought".into(),
        fetched_at: Some(ago(3 * 86_400)),
        brought: true,
        newest_posted: rollcall::clock::Day::parse("2026-11-20"),
        asks_for_older: true,
        asks_for_fewer: false,
        next_at: None,
        problem: "Apple's service is out of order (503); it is asked again later by itself.".into(),
        said: String::new(),
        passed_over: vec!["AssetSets, fridgeOS: “x” is no version".into()],
        roots: vec![root],
        needs_root: true,
        list_error: Some("This file is older than the list that is here: the newest release in it was posted on 2 Sep 2026.".into()),
        root_error: None,
        max_bytes: 8 << 20,
        may_change: true,
    }
}

fn appliance() -> SystemView {
    let part = |name: &str, state, words: &str, href: &str| SystemPart { name: name.into(), state, words: words.into(), href: href.into() };
    let job = |name: &str, words: &str, state, result: &str, ran, due| JobRow {
        name: name.into(),
        words: words.into(),
        state,
        result: result.into(),
        said: String::new(),
        ran_at: Some(ago(ran)),
        due_at: due,
    };
    SystemView {
        parts: vec![
            part("Set-up", State::Ok, "done", "/setup"),
            part("Push certificate", State::Problem, "ends in 6 days", "/system/push"),
            part("Address and TLS", State::Ok, "mdm.example.school:8443, own authority, until 28 Dec 2027", "/system/address"),
            part("Certificate authority", State::Ok, "148 identities; the first ends in 402 days", "/system/authority"),
            part("Backups", State::Silent, "none yet", "/system/backups"),
            part("Webhooks", State::Waiting, "1 receiver; 3 events wait for it", "/system/webhooks"),
        ],
        about: vec![
            ("Version".into(), "0.1.0".into()),
            ("Running".into(), "since 19 Nov 2026".into()),
            ("Data folder".into(), "/var/lib/rollcall".into()),
            ("Database".into(), "84 MB".into()),
            (
                "Fingerprint of the authority".into(),
                "3F 2A 91 C0 7B E4 D5 58 0F 6C 1E A2 B3 D4 95 86 71 AA 0B 5C C2 DD 3E E4 F5 06 17 28 39 4A 5B 6C".into(),
            ),
        ],
        jobs: vec![
            job("push", "Wake devices", State::Ok, "12 pushes, all accepted", 40, None),
            job("inventory", "Ask devices for news", State::Ok, "148 asked", 3_000, Some(in_days(1))),
            job("housekeeping", "Tidy up and look after certificates", State::Ok, "nothing to do", 5_000, Some(in_days(1))),
            job(
                "webhooks",
                "Tell webhooks",
                State::Waiting,
                "hooks.example.school does not answer; next try in 4 minutes",
                240,
                Some(in_days(0)),
            ),
        ],
        admins: vec![
            AdminRow { id: "1".into(), name: "ada".into(), role: "Owner".into(), second_factor: true, seen_at: Some(ago(5)) },
            AdminRow { id: "2".into(), name: "grace".into(), role: "Teacher".into(), second_factor: false, seen_at: None },
        ],
        tokens: vec![TokenRow {
            id: "1".into(),
            name: "nightly export".into(),
            role: "Viewer".into(),
            used_at: Some(ago(20_000)),
            expires_at: Some(in_days(80)),
        }],
        may_configure: true,
        may_govern: true,
    }
}

fn audit_log() -> AuditView {
    let entry = |id: &str, state, what: &str, by: &str, at| Entry {
        id: id.into(),
        state,
        what: what.into(),
        about: Some((Some("/devices/a3".into()), "Cart A 3".into())).filter(|_| id == "4" || id == "2"),
        by: by.into(),
        at: ago(at),
        why: String::new(),
        raw: vec![],
    };
    AuditView {
        entries: vec![
            entry("4", State::Ok, "Asked: DeviceLock", "ada", 4_000),
            entry("3", State::Problem, "Wrong password for ada from 192.0.2.7", "", 9_000),
            entry("2", State::Ok, "A secret was shown", "ada", 90_000),
            entry("1", State::Ok, "Made the invitation “Cart A”", "ada", 200_000),
        ],
        filter: AuditFilter { whose: Some(Whose::Deeds), kind: String::from("command."), ..AuditFilter::default() },
        more: None,
    }
}
