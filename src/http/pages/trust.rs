//! `/trust`: how a person lets a device or computer know the appliance's own root certificate, and how they make sure it is the right one.

use maud::{Markup, html};

use super::enroll::Guess;
use super::parts::{Button, person, screens};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct TrustView {
    /// Whose appliance it is.
    pub organisation: String,
    /// The name of the root certificate, as devices show it.
    pub certificate_name: String,
    /// SHA-256 of the root certificate, as it stands everywhere: in pairs of digits.
    pub fingerprint: String,
    /// Where the certificate is.
    pub download_url: String,
    /// The root certificate that follows, to be trusted as well.
    pub next: Option<NextRoot>,
    /// The HTTPS address to go to afterwards.
    pub after_url: String,
    /// What the browser looks like.
    pub guess: Guess,
}

/// The root certificate that will be used next.
#[derive(Debug, Clone)]
pub struct NextRoot {
    /// Its name, as devices show it.
    pub certificate_name: String,
    /// SHA-256 of it, 64 hexadecimal digits.
    pub fingerprint: String,
    /// Where it is.
    pub download_url: String,
}

/// The page.
pub fn trust(view: &TrustView) -> Markup {
    let content = html! {
        h1 { (t!("Trust this appliance")) }
        p.lead {
            (t!("This appliance proves who it is with a certificate of its own. Devices do not know it yet; after these steps they do. \
             A device that enrolls gets it with its profile, so this is needed once, for the first visit."))
        }
        section.stack {
            h2 { (t!("Is it the right one?")) }
            p { (t!("Compare this fingerprint with the one that the appliance printed at its start, or that an admin sees under System. If they differ, stop here and tell them.")) }
            p.fingerprint { (view.fingerprint) }
        }
        @match view.guess {
            Guess::Phone => {
                h2 { (t!("On an iPhone or iPad")) }
                (phone(view))
                details { summary { (t!("On a Mac")) } (mac(view)) }
                details { summary { (t!("On another computer")) } (other(view)) }
            }
            Guess::MacOrPad => {
                h2 { (t!("On a Mac")) }
                (mac(view))
                details { summary { (t!("On an iPhone or iPad")) } (phone(view)) }
                details { summary { (t!("On another computer")) } (other(view)) }
            }
            Guess::Other => {
                h2 { (t!("On this computer")) }
                (other(view))
                details { summary { (t!("On an iPhone or iPad")) } (phone(view)) }
                details { summary { (t!("On a Mac")) } (mac(view)) }
            }
        }
        @if let Some(next) = &view.next { (following(next)) }
        p { a href=(view.after_url) { (t!("Done: go on to the appliance")) } }
    };
    person(t!("Trust this appliance"), &view.organisation, content)
}

/// The next root is offered as long as both count: the present one now, the next one from the day of the change.
fn following(next: &NextRoot) -> Markup {
    html! {
        section.stack {
            h2 { (t!("The next certificate")) }
            p {
                (t!("This certificate is coming to its end; ")) strong { (next.certificate_name) } (t!(" takes its place. Enrolled devices get it by themselves. \
                 On this one, trust it in the same way, so that nothing changes for you on that day. Its fingerprint:"))
            }
            p.fingerprint { (next.fingerprint) }
            p { (Button::link(&next.download_url, t!("Download the next certificate"))) }
        }
    }
}

fn phone(view: &TrustView) -> Markup {
    html! {
        ol.taps {
            li { div.tap { p { (t!("Download the certificate, and tap ")) strong { (t!("Allow")) } "." } (download(view)) } (screens::allow_download()) }
            li { div.tap { p { (t!("Open ")) strong { (t!("Settings")) } (t!(", tap ")) strong { (t!("Profile Downloaded")) } (t!(", then ")) strong { (t!("Install")) } "." } } (screens::profile_downloaded()) }
            li {
                div.tap {
                    p {
                        (t!("In ")) strong { (t!("Settings")) } ", " strong { (t!("General")) } ", " strong { (t!("About")) } ", " strong { (t!("Certificate Trust Settings")) }
                        (t!(", switch on ")) strong { (view.certificate_name) } "."
                    }
                }
                (screens::trust_switch(&view.certificate_name))
            }
        }
    }
}

fn mac(view: &TrustView) -> Markup {
    html! {
        ol.taps {
            li { div.tap { p { (t!("Download the certificate and open it. Keychain Access asks where to keep it: choose ")) strong { (t!("System")) } "." } (download(view)) } }
            li { div.tap { p { (t!("In Keychain Access, double-click ")) strong { (view.certificate_name) } (t!(", open ")) strong { (t!("Trust")) } (t!(" and choose ")) strong { (t!("Always Trust")) } "." } } }
            li { div.tap { p { (t!("Close the window and enter the password of an administrator of this Mac.")) } } }
        }
    }
}

fn other(view: &TrustView) -> Markup {
    html! {
        ol.taps {
            li { div.tap { p { (t!("Download the certificate.")) } (download(view)) } }
            li { div.tap { p { (t!("In the settings of your browser or system, look for ")) strong { (t!("Certificates")) } ", " strong { (t!("Authorities")) } (t!(", and import it there for websites.")) } } }
        }
    }
}

fn download(view: &TrustView) -> Markup {
    html! { (Button::link(&view.download_url, t!("Download the certificate")).main()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_that_fit_come_first_and_the_others_open() {
        let view = TrustView {
            organisation: "Example School".into(),
            certificate_name: "Rollcall <root>".into(),
            fingerprint: "3F 3F".into(),
            download_url: "/trust/root.cer".into(),
            next: None,
            after_url: "https://mdm.example.school:8443/".into(),
            guess: Guess::Phone,
        };
        let phone_first = trust(&view).into_string();
        assert!(phone_first.find("Certificate Trust Settings").unwrap() < phone_first.find("Keychain Access").unwrap());
        let next =
            NextRoot { certificate_name: "Next <x>".into(), fingerprint: "4A 4A".into(), download_url: "/trust/next-root.cer".into() };
        assert!(!phone_first.contains("next certificate"));
        let both = trust(&TrustView { next: Some(next), ..view.clone() }).into_string();
        for part in ["3F 3F", "4A 4A", "href=\"/trust/root.cer\"", "href=\"/trust/next-root.cer\"", "Next &lt;x&gt;"] {
            assert!(both.contains(part), "{part}: {both}");
        }
        let mac_first = trust(&TrustView { guess: Guess::MacOrPad, ..view }).into_string();
        assert!(mac_first.find("Keychain Access").unwrap() < mac_first.find("Certificate Trust Settings").unwrap());
        assert!(!mac_first.contains("<root>"));
    }
}
