//! `/enroll/<code>`: for a person at an iPhone, iPad or Mac who was given a link; what to tap, in pictures.

use std::borrow::Cow;

use maud::{Markup, html};

use super::parts::{Button, field, person, qr, screens, time_ago};
use crate::clock::Timestamp;
use crate::protocol::platform::Platform;

/// What the browser looks like. An iPad's Safari calls itself a Mac, so the two cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// An iPhone, or an iPad that says so.
    Phone,
    /// A Mac, or an iPad.
    MacOrPad,
    /// Something that cannot be enrolled: the link is to be opened elsewhere.
    Other,
}

impl Guess {
    /// Reads the `User-Agent` header.
    pub fn from_user_agent(agent: &str) -> Self {
        match agent {
            agent if agent.contains("iPhone") || agent.contains("iPad") || agent.contains("iPod") => Self::Phone,
            agent if agent.contains("Macintosh") => Self::MacOrPad,
            _ => Self::Other,
        }
    }
}

/// Whether the invitation can be used.
#[derive(Debug, Clone)]
pub enum EnrollState {
    /// It can.
    Ready {
        /// Where the profile is.
        profile_url: String,
        /// Where the appliance's own root certificate is explained, when browsers do not know it.
        trust_url: Option<String>,
    },
    /// No device could be reached or managed yet: what is missing, and who mends it.
    NotReady(Cow<'static, str>),
    /// Its time is over.
    Expired(Timestamp),
    /// All its uses are spent.
    Used,
    /// There is no such invitation, or it was withdrawn.
    Unknown,
    /// None was named yet.
    NoCode,
    /// Devices have to prove that they are genuine, and this one cannot, or has not said what it is.
    Unproven {
        /// Why, in words.
        words: String,
        /// The kinds of devices, whether each has to prove it, and where its profile is.
        ways: Vec<(Platform, bool, String)>,
    },
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct EnrollView {
    /// Who invites, for example "Example School".
    pub organisation: String,
    /// The address of this page, for the code that another device scans.
    pub address: String,
    /// What the browser looks like.
    pub guess: Guess,
    /// Whether it can be used.
    pub state: EnrollState,
    /// The request's moment.
    pub now: Timestamp,
}

/// The page.
pub fn enroll(view: &EnrollView) -> Markup {
    match &view.state {
        EnrollState::Ready { profile_url, trust_url } => ready(view, profile_url, trust_url.as_deref()),
        EnrollState::NotReady(words) => sorry(view, t!("Not quite ready"), html! { (words) (t!(" This link stays good.")) }),
        EnrollState::Expired(at) => sorry(
            view,
            t!("This invitation is over"),
            html! { (t!("It ended ")) (time_ago(*at, view.now)) (t!(". Ask whoever sent it for a new one.")) },
        ),
        EnrollState::Used => sorry(
            view,
            t!("This invitation is used up"),
            html! { (t!("As many devices have enrolled with it as were meant to. Ask whoever sent it for a new one.")) },
        ),
        EnrollState::Unknown => sorry(
            view,
            t!("This invitation does not exist"),
            html! { (t!("The link may be cut short, or it was withdrawn. Ask whoever sent it to send it again.")) },
        ),
        EnrollState::NoCode => no_code(view),
        EnrollState::Unproven { words, ways } => unproven(view, words, ways),
    }
}

fn no_code(view: &EnrollView) -> Markup {
    let content = html! {
        h1 { (t!("Enroll this device")) }
        p.lead { (t!("Devices come in by an invitation: a link, a code to scan, or a code to type.")) }
        form.form method="get" action="/enroll" {
            (field("code", t!("Code of your invitation")).mono().help(t!("From whoever looks after the devices; capital and small letters are the same.")))
            (Button::submit(t!("Go on")).main())
        }
    };
    person(t!("Enroll this device"), &view.organisation, content)
}

/// Each kind of device that enrolls in a browser, with what it takes.
fn unproven(view: &EnrollView, words: &str, ways: &[(Platform, bool, String)]) -> Markup {
    let way = |(platform, proves, href): &(Platform, bool, String)| {
        let (name, takes) = match platform {
            Platform::Ios => (
                t!("This is an iPhone or iPad"),
                t!("It takes iOS 16 or iPadOS 16.1, and a chip of 2017 or later (an A11, on iPads an A12)."),
            ),
            Platform::Macos => (t!("This is a Mac"), t!("It takes macOS 14 and Apple silicon.")),
            Platform::Visionos => (t!("This is a Vision Pro"), t!("It takes visionOS 1.1.")),
            _ => return html! {},
        };
        html! {
            li { div.tap { p { @if *proves { (takes) } @else { (t!("It comes in without a proof.")) } } (Button::link(href, name).main()) } }
        }
    };
    let content = html! {
        h1 { (t!("Which device is this?")) }
        p.lead { (words) }
        ol.taps { @for known in ways { (way(known)) } }
        p { (t!("A device that cannot prove it is refused when the profile is installed. Then ask whoever sent you here: a requirement can be relaxed under System, Genuine devices.")) }
    };
    person(t!("Which device is this?"), &view.organisation, content)
}

fn sorry(view: &EnrollView, title: &str, words: Markup) -> Markup {
    person(title, &view.organisation, html! { h1 { (title) } p.lead { (words) } })
}

fn ready(view: &EnrollView, profile_url: &str, trust_url: Option<&str>) -> Markup {
    let organisation = &view.organisation;
    let whose = if organisation.is_empty() { t!("Your school or company") } else { organisation.as_str() };
    // As the profile says it, which devices show.
    let named = if organisation.is_empty() { t!("Rollcall") } else { organisation.as_str() };
    let content = html! {
        h1 { (t!("Enroll this device")) }
        p.lead {
            (whose) (t!(" will manage it: install apps and settings, keep its system up to date, lock or erase it when it is lost. \
             It does not see your photos, messages or mail."))
        }
        @match view.guess {
            Guess::Phone => {
                (phone_steps(named, profile_url, trust_url))
                details { summary { (t!("This is a Mac")) } (mac_steps(named, profile_url)) }
            }
            Guess::MacOrPad => {
                h2 { (t!("On a Mac")) }
                (mac_steps(named, profile_url))
                details #ipad { summary { (t!("This is an iPad")) } (phone_steps(named, profile_url, trust_url)) }
            }
            Guess::Other => (elsewhere(view)),
        }
    };
    person(t!("Enroll this device"), organisation, content)
}

fn phone_steps(organisation: &str, profile_url: &str, trust_url: Option<&str>) -> Markup {
    html! {
        ol.taps {
            @if let Some(trust_url) = trust_url {
                li { div.tap { p { (t!("If Safari warned you about this page, ")) a href=(trust_url) { (t!("trust this appliance")) } (t!(" first. Otherwise go on.")) } } }
            }
            li { div.tap { p { (t!("Download the profile, and tap ")) strong { (t!("Allow")) } "." } (Button::link(profile_url, t!("Download the profile")).main()) } (screens::allow_download()) }
            li { div.tap { p { (t!("Open ")) strong { (t!("Settings")) } (t!(" and tap ")) strong { (t!("Profile Downloaded")) } "." } } (screens::profile_downloaded()) }
            li { div.tap { p { (t!("Tap ")) strong { (t!("Install")) } (t!(" and enter the passcode of the device.")) } } (screens::install_profile(organisation)) }
            li { div.tap { p { (t!("Tap ")) strong { (t!("Trust")) } (t!(", then ")) strong { (t!("Done")) } "." } } (screens::trust_management()) }
        }
        p.lead { (t!("That is all. Apps and settings arrive by themselves in the next minutes.")) }
    }
}

fn mac_steps(organisation: &str, profile_url: &str) -> Markup {
    html! {
        ol.taps {
            li { div.tap { p { (t!("Download the profile and open it from Downloads.")) } (Button::link(profile_url, t!("Download the profile")).main()) } }
            li {
                div.tap {
                    p {
                        (t!("Open ")) strong { (t!("System Settings")) } ", " strong { (t!("General")) } ", " strong { (t!("Device Management")) } (t!(", and double-click the profile. \
                         On older Macs it is under Privacy & Security, Profiles, or System Preferences, Profiles."))
                    }
                }
                (screens::mac_profile(organisation))
            }
            li { div.tap { p { (t!("Click ")) strong { (t!("Install")) } (t!(" or ")) strong { (t!("Enroll")) } (t!(" and enter the password of an administrator of this Mac.")) } } }
        }
        p.lead { (t!("That is all. Apps and settings arrive by themselves in the next minutes.")) }
    }
}

fn elsewhere(view: &EnrollView) -> Markup {
    html! {
        h2 { (t!("Open this page on the device")) }
        p { (t!("Only an iPhone, iPad, Mac, Apple TV or Vision Pro can enroll. Point the camera of the device at this code, or open the address in its Safari.")) }
        (qr(&view.address, t!("A code that leads to this page")))
        p.mono { (view.address) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn view(guess: Guess, state: EnrollState) -> EnrollView {
        let address = "https://mdm.example.school:8443/enroll/K7PM4QXD".into();
        EnrollView { organisation: "Example <School>".into(), address, guess, state, now: NOW }
    }

    fn ready_for(guess: Guess) -> String {
        let state = EnrollState::Ready {
            profile_url: "/enroll/K7PM4QXD/profile".into(),
            trust_url: Some("http://mdm.example.school:8080/trust".into()),
        };
        enroll(&view(guess, state)).into_string()
    }

    #[test]
    fn an_ipad_that_calls_itself_a_mac_finds_its_steps_too() {
        let agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15";
        assert_eq!(Guess::from_user_agent(agent), Guess::MacOrPad);
        let html = ready_for(Guess::MacOrPad);
        assert!(html.contains("System Settings") && html.contains("This is an iPad"), "{html}");
        assert_eq!(Guess::from_user_agent("Mozilla/5.0 (iPhone; CPU iPhone OS 12_5 like Mac OS X)"), Guess::Phone);
        assert_eq!(Guess::from_user_agent("Mozilla/5.0 (X11; Linux x86_64)"), Guess::Other);
    }

    #[test]
    fn what_cannot_enroll_shows_the_code_and_no_download() {
        let html = ready_for(Guess::Other);
        assert!(html.contains("class=\"qr\"") && !html.contains("/profile"), "{html}");
    }

    #[test]
    fn an_invitation_that_cannot_be_used_says_why_and_offers_no_profile() {
        for (state, words) in [
            (
                EnrollState::NotReady("There is <no> push certificate.".into()),
                "There is &lt;no&gt; push certificate. This link stays good.",
            ),
            (EnrollState::Expired(NOW.minus(std::time::Duration::from_secs(7_200))), "2 hours ago"),
            (EnrollState::Used, "used up"),
            (EnrollState::Unknown, "cut short"),
        ] {
            let html = enroll(&view(Guess::Phone, state)).into_string();
            assert!(html.contains(words) && !html.contains("/profile"), "{html}");
        }
    }

    #[test]
    fn who_has_to_prove_it_is_asked_which_device_it_is() {
        let ways = [(Platform::Ios, true), (Platform::Macos, false), (Platform::Tvos, true)];
        let ways = ways.map(|(platform, proves)| (platform, proves, format!("/enroll/K7PM4QXD/profile?device={platform}"))).to_vec();
        let html = enroll(&view(Guess::MacOrPad, EnrollState::Unproven { words: "No <proof>.".into(), ways })).into_string();
        assert!(html.contains("No &lt;proof&gt;.") && html.contains("?device=ios") && html.contains("?device=macos"), "{html}");
        assert!(html.contains("an A12") && html.contains("without a proof") && !html.contains("?device=tvos"), "no browser there: {html}");
    }

    #[test]
    fn who_comes_without_a_link_is_asked_for_the_code() {
        let html = enroll(&view(Guess::Phone, EnrollState::NoCode)).into_string();
        assert!(html.contains("action=\"/enroll\"") && html.contains("name=\"code\"") && !html.contains("/profile"), "{html}");
    }

    #[test]
    fn without_a_name_it_is_still_said_who_manages_the_device() {
        let state = EnrollState::Ready { profile_url: "/enroll/K7PM4QXD/profile".into(), trust_url: None };
        let html = enroll(&EnrollView { organisation: String::new(), ..view(Guess::Phone, state) }).into_string();
        assert!(html.contains("Your school or company will manage it") && html.contains(">Rollcall</text>"), "{html}");
    }

    #[test]
    fn the_organisation_is_text() {
        assert!(!ready_for(Guess::Phone).contains("<School>"));
    }
}
