//! A teacher's classes and a focus, one's own account, and who may log in.

use rollcall::http::pages::login::{CodeView, code};
use rollcall::http::pages::own_account::{self, AccountView, FactorView, SessionRow};
use rollcall::http::pages::parts::{Markup, Section, Shell, State, Viewer};
use rollcall::http::pages::system::AdminRow;
use rollcall::http::pages::system::roles::{self, RolesView};
use rollcall::http::pages::teaching::{
    self, ClassRow, ClassView, DeviceView, FocusForm, FocusRow, LearnerRow, PreviewView, class, classes, form, preview,
};
use rollcall::mdm::admins::second_factor::{Required, Standing};
use rollcall::store::focuses::FocusKind;

use crate::{ago, shell};

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    let teacher = Shell {
        viewer: Viewer { name: "tess@example.school".into(), role: "Teacher".into() },
        sections: vec![Section::Teaching],
        needs: 0,
        ..shell()
    };
    vec![
        ("teaching", classes(&teacher, &[row("7b", vec![focus()]), row("8c", vec![])])),
        ("teaching-empty", classes(&teacher, &[])),
        ("teaching-class", class(&teacher, &class_view())),
        ("teaching-device", teaching::device(&teacher, &device())),
        ("teaching-form", form(&teacher, &focus_form(vec![]))),
        (
            "teaching-form-refused",
            form(
                &teacher,
                &focus_form(vec![("items".into(), "from 1 to 50 apps".into()), ("minutes".into(), "from 5 to 480 minutes".into())]),
            ),
        ),
        ("teaching-preview", preview(&teacher, &preview_view())),
        ("account", own_account::page(&teacher, &account(Some(90_000)))),
        ("account-off", own_account::page(&teacher, &account(None))),
        ("second-factor", own_account::second_factor(&teacher, &factor(None, true))),
        ("second-factor-on", own_account::second_factor(&teacher, &factor(Some(90_000), false))),
        ("recovery-codes", own_account::recovery_codes(&teacher, &["ABCD-EFGH-JKLM-NPQR"; 10])),
        (
            "login-code",
            code(&CodeView {
                token: "t".into(),
                next: "/".into(),
                error: Some("This code is not right, or was used already. Type the one that the telephone shows now.".into()),
            }),
        ),
        ("roles", roles::page(&shell(), &RolesView { admins: admins(), required: Required::Changing })),
    ]
}

fn row(name: &str, running: Vec<FocusRow>) -> ClassRow {
    ClassRow { id: name.into(), name: name.into(), people: 24, running }
}

fn focus() -> FocusRow {
    FocusRow {
        id: "1".into(),
        class: "7b".into(),
        href: "/teaching/7b".into(),
        words: "one app: Notes".into(),
        until: "10:45".into(),
        by: "tess@example.school (teacher)".into(),
        there: 21,
        devices: 23,
    }
}

fn learner(name: &str, state: State, reason: &str, focus: Option<(State, &str)>, seen: Option<u64>) -> LearnerRow {
    LearnerRow {
        name: name.into(),
        href: seen.map(|_| format!("/teaching/7b/devices/{name}")),
        device: format!("iPad of {name}"),
        state,
        reason: reason.into(),
        seen: seen.map(ago),
        focus: focus.map(|(state, words)| (state, words.to_owned())),
        absent: seen.is_none_or(|seconds| seconds > 86_400),
    }
}

fn class_view() -> ClassView {
    let held = Some((State::Ok, "one app: Notes until 10:45"));
    ClassView {
        id: "7b".into(),
        name: "7b".into(),
        running: vec![focus()],
        learners: vec![
            learner("Ada Lovelace", State::Ok, "in touch", held, Some(20)),
            learner(
                "Bob Babbage",
                State::Waiting,
                "Locked.",
                Some((State::Waiting, "The device put it off, as it does while it is locked or busy.")),
                Some(400),
            ),
            learner(
                "Cem Example",
                State::Ok,
                "in touch",
                Some((
                    State::Problem,
                    "cannot have it: It is not supervised: Apple lets only supervised devices be held to some apps or sites.",
                )),
                Some(60),
            ),
            learner("Dora Example", State::Silent, "Not heard of for nine days.", None, Some(800_000)),
            learner("Emil Example", State::Silent, "", None, None),
        ],
        may_teach: true,
        back: None,
    }
}

fn device() -> DeviceView {
    DeviceView {
        class: ("7b".into(), "7b".into()),
        learner: learner("Ada Lovelace", State::Ok, "in touch", Some((State::Ok, "one app: Notes until 10:45")), Some(20)),
        about: "iPad (10th generation) 26.1".into(),
        waiting: 1,
        apps: vec![("Pages".into(), "14.2".into()), ("Atlas".into(), "2.0.1".into())],
    }
}

fn focus_form(errors: Vec<(String, String)>) -> FocusForm {
    FocusForm {
        class: ("7b".into(), "7b".into()),
        kind: FocusKind::Apps,
        choices: vec![
            ("com.apple.mobilenotes".into(), "Notes".into(), None),
            ("com.apple.Pages".into(), "Pages".into(), Some(23)),
            ("com.apple.mobilesafari".into(), "Safari".into(), None),
        ],
        apps: vec!["com.apple.Pages".into()],
        others: String::new(),
        one: String::new(),
        sites: String::new(),
        minutes: "45".into(),
        devices: vec![("1".into(), "Ada Lovelace".into()), ("2".into(), "Bob Babbage".into())],
        chosen: vec![],
        errors,
    }
}

fn preview_view() -> PreviewView {
    let pair = |who: &str, words: &str| (who.to_owned(), words.to_owned());
    PreviewView {
        class: ("7b".into(), "7b".into()),
        words: "only 2 apps".into(),
        until: "10:45".into(),
        able: vec![pair("Ada Lovelace", ""), pair("Bob Babbage", "The policy “Exam” hides here also during the lesson: com.apple.Maps.")],
        unable: vec![
            pair("Cem Example", "It is not supervised: Apple lets only supervised devices be held to some apps or sites."),
            pair("Dora Example", "Macs cannot be held to some apps or sites for a lesson."),
        ],
        busy: vec![pair("Ada Lovelace", "one app: Notes, until 11:30, by kim (teacher)")],
        sent: vec![],
        error: None,
    }
}

fn account(on: Option<u64>) -> AccountView {
    let session = |browser: &str, is_this| SessionRow {
        id: "s".into(),
        browser: browser.into(),
        address: "192.0.2.7".into(),
        since: ago(90_000),
        seen: ago(60),
        is_this,
    };
    AccountView {
        may: vec!["see classes and start a focus in them"],
        factor: Standing { on_since: on.map(ago), codes_left: 7, required: false },
        sessions: vec![session("Safari on an iPad", true), session("Chrome on Windows", false)],
        errors: vec![],
        notices: None,
    }
}

fn factor(on: Option<u64>, required: bool) -> FactorView {
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    FactorView {
        standing: Standing { on_since: on.map(ago), codes_left: 7, required },
        prepared: Some((format!("otpauth://totp/Example%20School:tess?secret={secret}&issuer=Example%20School"), secret.into())),
        error: None,
    }
}

fn admins() -> Vec<AdminRow> {
    let row = |name: &str, role: &str, second_factor, seen: Option<u64>| AdminRow {
        id: name.into(),
        name: name.into(),
        role: role.into(),
        second_factor,
        seen_at: seen.map(ago),
    };
    vec![
        row("ada", "owner", true, Some(5)),
        row("kim", "helper, kept out", false, Some(900_000)),
        row("tess@example.school", "teacher", false, None),
    ]
}
