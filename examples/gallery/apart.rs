//! Pages without a rail: log-in, first run, problems, and what a person at a device sees.

use rollcall::http::pages::enroll::{EnrollState, EnrollView, Guess, enroll};
use rollcall::http::pages::login::{LoginView, login};
use rollcall::http::pages::parts::Markup;
use rollcall::http::pages::problem::{ProblemView, problem};
use rollcall::http::pages::setup::{WelcomeView, welcome, welcome_over};
use rollcall::http::pages::trust::{TrustView, trust};

use crate::{NOW, ago};

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    let refused = LoginView {
        name: "ada".into(),
        error: Some("Name and password do not fit. After five attempts from one address there is a pause.".into()),
        next: "/devices".into(),
        ..LoginView::default()
    };
    let welcome_refused = WelcomeView {
        token: "t".into(),
        organisation: "Example School".into(),
        name: "ada".into(),
        errors: vec![("password".into(), "This has 9 characters. Use at least 12.".into())],
    };
    vec![
        ("login", login(&LoginView::default())),
        ("login-refused", login(&refused)),
        ("welcome", welcome(&WelcomeView::default())),
        ("welcome-refused", welcome(&welcome_refused)),
        ("welcome-over", welcome_over()),
        ("problem-404", problem(&ProblemView::not_found())),
        ("problem-403", problem(&ProblemView::forbidden("Viewer"))),
        ("problem-500", problem(&ProblemView::internal("0192f3a4-7c1e-7d20-9a55-2f1c6be0a911"))),
        ("problem-device", problem(&ProblemView::device_address())),
        ("enroll-phone", enroll(&enrolling(Guess::Phone, ready(), "Example School"))),
        ("enroll-mac", enroll(&enrolling(Guess::MacOrPad, ready(), "Gesamtschule Beispielstadt-Nordost, Außenstelle am Kanal"))),
        ("enroll-other", enroll(&enrolling(Guess::Other, ready(), "Example School"))),
        ("enroll-not-ready", enroll(&enrolling(Guess::Phone, EnrollState::NotReady("This server has no push certificate yet, so it could not reach the device after enrolling. An admin uploads one under System, Push certificate.".into()), "Example School"))),
        ("enroll-expired", enroll(&enrolling(Guess::Phone, EnrollState::Expired(ago(3 * 86_400)), "Example School"))),
        ("enroll-used", enroll(&enrolling(Guess::Phone, EnrollState::Used, "Example School"))),
        ("trust-phone", trust(&trusting(Guess::Phone))),
        ("trust-mac", trust(&trusting(Guess::MacOrPad))),
        ("trust-other", trust(&trusting(Guess::Other))),
    ]
}

fn ready() -> EnrollState {
    EnrollState::Ready { profile_url: "/enroll/K7PM4QXD/profile".into(), trust_url: Some("http://mdm.example.school:8080/trust".into()) }
}

fn enrolling(guess: Guess, state: EnrollState, organisation: &str) -> EnrollView {
    let address = "https://mdm.example.school:8443/enroll/K7PM4QXD".into();
    EnrollView { organisation: organisation.into(), address, guess, state, now: NOW }
}

fn trusting(guess: Guess) -> TrustView {
    TrustView {
        organisation: "Example School".into(),
        certificate_name: "Rollcall authority of mdm.example.school".into(),
        fingerprint: "3F 2A 91 C0 7B E4 D5 58 0F 6C 1E A2 B3 D4 95 86 71 AA 0B 5C C2 DD 3E E4 F5 06 17 28 39 4A 5B 6C".into(),
        download_url: "/trust/root.cer".into(),
        next: None,
        after_url: "https://mdm.example.school:8443/".into(),
        guess,
    }
}
