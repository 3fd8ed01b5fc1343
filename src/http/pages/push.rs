//! The push certificate: why it is needed, three steps to get it, what an upload was recognised as, and how it stands.

mod ways;

use maud::{Markup, html};

use super::parts::{
    Button, Confirm, Fact, Frame, Icon, Section, Shell, State, Step, StepState, Typed, badge, confirm, count, day, facts, frame, section,
    state_square, steps, time_ago, what_was_said,
};
use super::system::connections;
use crate::clock::Timestamp;
use ways::{request_ways, upload_form};

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct PushView {
    /// The certificate that new enrollments use.
    pub current: Option<PushCertificate>,
    /// Certificates of other topics.
    pub others: Vec<PushCertificate>,
    /// When the request that waits for its certificate was made.
    pub requested_at: Option<Timestamp>,
    /// What the last upload was recognised as.
    pub upload: Option<Recognised>,
    /// The account note typed before.
    pub account: String,
    /// What Apple would hold against the signed request that was just brought, in sentences.
    pub problems: Vec<String>,
    /// When a signed request was brought that is ready for Apple.
    pub ready_at: Option<Timestamp>,
    /// Whether the key of mdmcert.download was given before.
    pub has_mdmcert_key: bool,
    /// The viewer may change it.
    pub may_change: bool,
}

/// A push certificate.
#[derive(Debug, Clone)]
pub struct PushCertificate {
    /// Its topic, `com.apple.mgmt.External.…`.
    pub topic: String,
    /// Its end.
    pub not_after: Timestamp,
    /// Its beginning.
    pub not_before: Timestamp,
    /// How it stands: ok, waiting when the end is near, problem when it ended.
    pub state: State,
    /// Devices that are reached by it.
    pub devices: u64,
    /// The Apple Account it was made with, as noted at upload.
    pub account: String,
    /// When Apple last accepted a push made with it.
    pub last_push_at: Option<Timestamp>,
    /// What keeps pushes from going out with it, and what was said; nothing where nothing does.
    pub failure: Option<(String, String)>,
}

/// What an uploaded file was.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// Its name.
    pub file: String,
    /// What it is: "the vendor's certificate, not the push certificate".
    pub what: String,
    /// What to do with it or instead.
    pub remedy: String,
    /// Our page that takes it, and the words of the way there.
    pub link: Option<(&'static str, &'static str)>,
    /// A passphrase is needed to open it.
    pub needs_passphrase: bool,
}

/// Another topic would cut devices off: what is asked before.
#[derive(Debug, Clone)]
pub struct TopicChange {
    /// The topic that devices know.
    pub old_topic: String,
    /// The topic of the upload.
    pub new_topic: String,
    /// Devices that would be lost.
    pub devices: u64,
    /// What was typed, when it was wrong.
    pub typed: String,
    /// Pairs that bring the upload back: a reference to it.
    pub hidden: Vec<(String, String)>,
}

/// Where Apple takes requests and gives certificates.
const PORTAL: &str = "https://identity.apple.com/pushcert";

/// The page.
pub fn page(shell: &Shell, view: &PushView) -> Markup {
    let head = Frame {
        back: Some(("/system", t!("System"))),
        under: html! { (t!("Apple’s permission to wake devices. It is free, belongs to an Apple Account of yours, and is renewed every year.")) },
        ..Frame::new(Section::System, t!("Push certificate"))
    };
    let content = html! {
        @if let Some(recognised) = &view.upload { (refused(recognised)) }
        @if !view.problems.is_empty() { (would_refuse(&view.problems)) }
        @if let Some(current) = &view.current { (standing(current, shell.now)) }
        @if view.may_change {
            @if view.current.is_some() {
                (section(t!("Renew it"), html! {
                    p {
                        (t!("Renew with the ")) strong { (t!("same Apple Account")) } (t!(" and choose ")) strong { (t!("Renew")) } (t!(" beside the same certificate in the portal. \
                         A new certificate has another topic: every device would have to enroll again."))
                    }
                    (three_steps(view, shell.now))
                }))
            } @else {
                (three_steps(view, shell.now))
            }
        }
        (others(t!("Other topics still in use"), view.others.iter().filter(|other| other.devices > 0), shell.now))
        (others(t!("Kept, and used by no device"), view.others.iter().filter(|other| other.devices == 0), shell.now))
    };
    frame(shell, &head, content)
}

fn refused(recognised: &Recognised) -> Markup {
    html! {
        div.banner.problem role="alert" {
            (state_square(State::Problem, 12))
            p.words {
                strong { (recognised.file) (t!(" is ")) (recognised.what) "." } " " (recognised.remedy)
                @if let Some((href, words)) = recognised.link { " " a href=(href) { (words) } }
            }
        }
    }
}

fn would_refuse(problems: &[String]) -> Markup {
    html! {
        div.banner.problem role="alert" {
            (state_square(State::Problem, 12))
            div.words {
                strong { (t!("Apple would refuse this signed request.")) }
                ul { @for problem in problems { li { (problem) "." } } }
            }
        }
    }
}

fn standing(current: &PushCertificate, now: Timestamp) -> Markup {
    section(t!("In use"), facts(&about(current, now)))
}

/// Certificates of other topics than the one that new devices get.
fn others<'a>(title: &str, certificates: impl Iterator<Item = &'a PushCertificate>, now: Timestamp) -> Markup {
    let certificates: Vec<_> = certificates.collect();
    html! { @if !certificates.is_empty() { (section(title, html! { @for other in certificates { (facts(&about(other, now))) } })) } }
}

fn about(certificate: &PushCertificate, now: Timestamp) -> Vec<Fact> {
    let words = match certificate.state {
        _ if certificate.not_after <= now => t!("ended: devices can no longer be reached"),
        State::Ok => t!("good"),
        State::Waiting | State::Problem | State::Lost => t!("ends soon"),
        State::Silent => t!("not used"),
    };
    let account = html! { @if certificate.account.is_empty() { span.quiet { (t!("not noted")) } } @else { (certificate.account) } };
    let way = certificate.failure.as_ref().map(|(words, said)| {
        let test = html! { " " a href=(connections::ADDRESS) { (t!("Test it")) } };
        Fact::new(t!("Way to Apple"), html! { (badge(State::Problem, words)) (test) (what_was_said(said)) })
    });
    let facts = [
        Fact::new(t!("State"), badge(certificate.state, words)),
        Fact::new(t!("Until"), html! { (day(certificate.not_after)) ", " (time_ago(certificate.not_after, now)) }),
        Fact::new(t!("Apple Account"), account),
        Fact::code(t!("Topic"), &certificate.topic),
        Fact::text(t!("Reaches"), &count(certificate.devices, t!("device"), t!("devices"))),
        Fact::new(t!("Last push"), html! { @match certificate.last_push_at { Some(at) => (time_ago(at, now)), None => (t!("none yet")) } }),
    ];
    facts.into_iter().chain(way).collect()
}

fn three_steps(view: &PushView, now: Timestamp) -> Markup {
    let (requested, ready) = (view.requested_at.is_some(), view.ready_at.is_some());
    let state = |here: bool| if here { StepState::Current } else { StepState::Later };
    steps(&[
        Step {
            state: if ready { StepState::Done } else { StepState::Current },
            title: t!("Get a signed request").into(),
            words: html! {
                @match (view.ready_at, view.requested_at) {
                    (Some(at), _) => { (t!("Signed and checked ")) (time_ago(at, now)) (t!(": Apple will take it.")) },
                    (None, Some(at)) => {
                        (t!("The request was made ")) (time_ago(at, now)) (t!(". Its key stays here; the certificate will fit it. A vendor has to sign it, in one of these ways:"))
                    },
                    (None, None) => {
                        (t!("The appliance makes a key that never leaves it, and a request for it. Apple accepts the request once an MDM vendor has signed it, in one of these ways:"))
                    },
                }
            },
            more: request_ways(view),
        },
        Step {
            state: state(requested),
            title: t!("Take it to Apple").into(),
            words: html! { (t!("Log in to Apple’s portal with an Apple Account of the organisation, not a private one. Upload the signed request there and download the certificate.")) },
            more: html! {
                @if requested {
                    div.row {
                        @if ready { (Button::link("/system/push/signed", t!("Download the signed request")).icon(Icon::Download).download().main()) }
                        a.button href=(PORTAL) rel="noreferrer" target="_blank" { (t!("Open identity.apple.com/pushcert")) }
                    }
                }
            },
        },
        Step {
            state: state(requested),
            title: t!("Bring the certificate back").into(),
            words: html! { (t!("Any form will do: .pem, .cer, .p12, with or without its key. Whatever file it is, you are told what it is.")) },
            more: upload_form(view),
        },
    ])
}

/// The page that asks before another topic replaces the one that devices know.
pub fn topic_change(shell: &Shell, change: &TopicChange) -> Markup {
    let devices = count(change.devices, t!("device"), t!("devices"));
    let verb = t!("Use it and lose {devices}", devices);
    let phrase = change.devices.to_string();
    let typed = (!change.typed.is_empty() && change.typed != phrase).then_some(t!("That is not the number."));
    let ask = Confirm {
        action: "/system/push",
        title: t!("This certificate has another topic"),
        consequence: html! {
            (t!("It was not made by renewing the old one, but as a new one. ")) strong { (devices) } (t!(" cannot be reached with it and would have to enroll again. \
             Most likely you want to go back to the portal, log in with the account of the old certificate, and choose Renew there."))
        },
        total: change.devices,
        typed: Some(Typed { phrase: &phrase, given: &change.typed, error: typed }),
        hidden: &change.hidden,
        fields: facts(&[Fact::code(t!("Devices know"), &change.old_topic), Fact::code(t!("The file has"), &change.new_topic)]),
        verb: &verb,
        destructive: true,
        cancel: "/system/push",
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(("/system/push", t!("Push certificate"))), ..Frame::new(Section::System, ask.title) }, confirm(&ask))
}

/// The page that asks before a certificate replaces one that ends later; `words` say so.
pub fn ends_sooner(shell: &Shell, words: &str) -> Markup {
    let ask = Confirm {
        action: "/system/push",
        title: t!("This certificate ends sooner"),
        consequence: html! { (words) (t!(" Devices can be reached with it all the same, until it ends.")) },
        verb: t!("Use it all the same"),
        cancel: "/system/push",
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(("/system/push", t!("Push certificate"))), ..Frame::new(Section::System, ask.title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell::for_tests(Section::System, NOW)
    }

    #[test]
    fn a_wrong_file_is_named_and_a_locked_one_asks_for_its_passphrase() {
        let upload = Recognised {
            file: "mdm<1>.cer".into(),
            what: "a vendor’s certificate".into(),
            remedy: "It signs requests; it is not the push certificate.".into(),
            link: Some(("/system/apps-and-books", "Open Apps and Books")),
            needs_passphrase: true,
        };
        let html = page(&shell(), &PushView { upload: Some(upload), may_change: true, ..PushView::default() }).into_string();
        assert!(
            html.contains("mdm&lt;1&gt;.cer is a vendor’s certificate.")
                && html.contains("href=\"/system/apps-and-books\"")
                && html.contains("type its passphrase"),
            "{html}"
        );
    }

    #[test]
    fn the_step_to_do_now_follows_from_what_is_there() {
        let at = |view: &PushView| page(&shell(), view).into_string();
        let fresh = PushView { may_change: true, ..PushView::default() };
        assert!(at(&fresh).contains("now: </span>Get a signed request") && !at(&fresh).contains(PORTAL));
        let asked = PushView { requested_at: Some(NOW), ..fresh };
        assert!(at(&asked).contains("now: </span>Get a signed request") && at(&asked).contains(PORTAL));
        let ready = PushView { ready_at: Some(NOW), ..asked.clone() };
        assert!(at(&ready).contains("done: </span>Get a signed request") && at(&ready).contains("href=\"/system/push/signed\""));
        assert!(!at(&asked).contains("href=\"/system/push/signed\""), "nothing is offered that is not there");
        assert!(!at(&PushView { may_change: false, ..asked }).contains("<form method=\"post\" action=\"/system/push"));
    }

    #[test]
    fn every_way_to_a_signed_request_is_on_the_page_and_a_faulty_one_is_told() {
        let fresh = PushView { may_change: true, problems: vec!["the chain of <Vendor> is incomplete".into()], ..PushView::default() };
        let fresh = PushView { requested_at: Some(NOW), ..fresh };
        let html = page(&shell(), &fresh).into_string();
        for action in ["/system/push/mdmcert", "/system/push/sign", "/system/push/request", "/system/push/signed", "/system/push"] {
            assert!(html.contains(&format!("action=\"{action}\"")), "{action}");
        }
        assert!(html.contains("Apple would refuse") && html.contains("the chain of &lt;Vendor&gt; is incomplete."), "{html}");
        let again = page(&shell(), &PushView { has_mdmcert_key: true, ..fresh }).into_string();
        assert!(again.contains("The one given before is used"));
    }

    #[test]
    fn another_topic_says_how_many_devices_are_lost() {
        let change = TopicChange {
            old_topic: "com.apple.mgmt.External.a".into(),
            new_topic: "com.apple.mgmt.External.b".into(),
            devices: 1_240,
            typed: "12".into(),
            hidden: vec![],
        };
        let html = topic_change(&shell(), &change).into_string();
        assert!(
            html.contains("Use it and lose 1,240 devices") && html.contains("pattern=\"1240\"") && html.contains("That is not the number."),
            "{html}"
        );
    }
}
