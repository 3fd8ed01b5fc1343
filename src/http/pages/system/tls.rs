//! The TLS certificate: which one is shown, and how one is had that everybody trusts.

use maud::{Markup, html};

use super::super::parts::{
    Button, Fact, Frame, Live, Section, Shell, State, badge, checkbox, facts, field, frame, live, moment, post, section, select,
    state_square,
};
use crate::language::say;
use crate::mdm::ca::public_tls::{Chosen, LETS_ENCRYPT, Way};

/// Where the page is.
pub const ADDRESS: &str = "/system/tls";

/// How names are proven, as people choose it.
pub const CHALLENGES: [(&str, &str); 2] =
    [("tls-alpn-01", msg!("By port 443 of this address")), ("dns-01", msg!("By a DNS record that a program of yours sets"))];

/// What the page shows.
#[derive(Debug, Clone)]
pub struct TlsView {
    /// How it is now.
    pub state: State,
    /// In a sentence.
    pub words: String,
    /// The public name.
    pub host: String,
    /// Whether the certificate comes from files, of which nothing can be changed here.
    pub by_files: bool,
    /// Why devices refuse what is shown, and what to do.
    pub refused: Option<(String, String)>,
    /// What was chosen.
    pub chosen: Option<Chosen>,
    /// Why no authority on the internet can vouch for the name.
    pub not_public: bool,
    /// By which ways the name can be proven here.
    pub ways: Vec<Way>,
    /// Further names that are served, from the settings.
    pub extra_hosts: Vec<String>,
    /// Whether the settings name a program for DNS records.
    pub has_hook: bool,
    /// The form as it stands.
    pub form: TlsForm,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The form.
#[derive(Debug, Clone, Default)]
pub struct TlsForm {
    /// The authority's directory.
    pub directory: String,
    /// Where it may write to.
    pub contact: String,
    /// How names are proven.
    pub challenge: String,
    /// Roots of an authority of one's own.
    pub trust_anchors: String,
    /// Whether its terms are agreed to.
    pub agreed: bool,
}

/// The page.
pub fn page(shell: &Shell, view: &TlsView) -> Markup {
    let content = html! {
        p.lead {
            (t!("Devices and browsers come in by TLS. A certificate of our own costs nothing and works for every device that enrolls; people who open a link \
             before that are warned. One of an authority that everybody trusts warns nobody."))
        }
        (live(Live { id: "tls", topics: "setting job certificate", of: None, src: None }, html! {
            div.stack {
                @if let Some((why, remedy)) = &view.refused {
                    div.banner.problem role="alert" { (state_square(State::Problem, 12)) div.words { p { (why) } p { (remedy) } } }
                }
                (facts(&shown(view)))
                @if let Some(chosen) = view.chosen.as_ref().filter(|chosen| !chosen.problem.is_empty()) {
                    div.banner.problem role="status" { p { strong { (t!("No certificate came. ")) } (chosen.problem) (t!(" It is tried again ")) (moment(chosen.due_at)) "." } }
                }
            }
        }))
        @if view.by_files {
            p { (t!("The certificate comes from files of the settings, and is read again when they change. Remove ")) code { "tls.certificate" } (t!(" there to have one got here.")) }
        } @else if view.may_change {
            @if view.chosen.is_some() { (deeds()) }
            (section(if view.chosen.is_some() { t!("Change it") } else { t!("Get one that everybody trusts") }, html! { (form(view)) }))
        } @else { p.quiet { (t!("Only admins change this.")) } }
        p.quiet { (t!("What this appliance signs itself is explained at ")) a href="/trust" { (t!("the page about trust")) } "." }
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), ..Frame::new(Section::System, t!("TLS certificate")) }, content)
}

fn shown(view: &TlsView) -> Vec<Fact> {
    let mut list = vec![Fact::new(t!("Shown now"), badge(view.state, &view.words)), Fact::text(t!("Name"), &view.host)];
    let extra = html! {
        @if view.extra_hosts.is_empty() { (t!("none")) } @else { (view.extra_hosts.join(", ")) }
        " " span.quiet { "(" code { "extra_hosts" } (t!(" of the settings: for devices that moved in)")) }
    };
    list.push(Fact::new(t!("Served too"), extra));
    if let Some(chosen) = &view.chosen {
        list.push(Fact::text(t!("Authority"), authority(&chosen.choice.directory)));
        if !chosen.names.is_empty() {
            list.push(Fact::text(t!("Vouches for"), &chosen.names.join(", ")));
        }
        if let Some(end) = chosen.not_after_at {
            list.push(Fact::new(t!("Good until"), moment(end)));
        }
        list.push(Fact::new(t!("Asked next"), moment(chosen.due_at)));
    }
    list
}

/// An authority for people.
fn authority(directory: &str) -> &str {
    if directory == LETS_ENCRYPT { t!("Let’s Encrypt") } else { directory }
}

fn deeds() -> Markup {
    html! {
        div.row {
            (post("/system/tls/order", html! { (Button::submit(t!("Ask for a certificate now"))) }))
            (post("/system/tls/own", html! { (Button::submit(t!("Go back to our own"))) }))
        }
    }
}

/// The ways to prove a name, each with whether it can be gone here.
pub fn ways(ways: &[Way]) -> Markup {
    html! {
        ul.plain.stack {
            @for way in ways { li.standing { (state_square(if way.possible { State::Ok } else { State::Silent }, 12)) span { (way.words) } } }
        }
    }
}

fn form(view: &TlsView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let challenges = CHALLENGES.map(|(word, words)| (word.to_owned(), say(words).to_owned()));
    let form = &view.form;
    let help = if view.has_hook {
        t!("The program of the settings is called with “add” and “remove”, the record’s name and its value.")
    } else {
        t!("For the second the appliance is started with --tls-dns-hook FILE; it needs no port that is open to the internet.")
    };
    html! {
        @if view.not_public {
            p.error { (view.host) (t!(" is no name that can be found from the internet: nobody there can vouch for it. Start the appliance with ")) code { "--url https://NAME" } (t!(" of a domain of yours, or name an authority of your own below.")) }
        }
        @if !view.ways.is_empty() { (ways(&view.ways)) }
        (post(ADDRESS, html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                (select("challenge", t!("How the name is proven"), &challenges, &form.challenge, help, error("challenge")))
                (field("contact", t!("Mail address")).optional().value(&form.contact).error(error("contact"))
                    .help(t!("The authority may write there when something is wrong.")))
                details open[!form.directory.is_empty() || error("directory").is_some() || error("trust_anchors").is_some()] {
                    summary { (t!("Another authority than Let’s Encrypt")) }
                    div.form {
                        (field("directory", t!("Address of its ACME directory")).optional().value(&form.directory).error(error("directory")).example(LETS_ENCRYPT))
                        (field("trust_anchors", t!("Its root certificate")).optional().lines(4).mono().value(&form.trust_anchors).error(error("trust_anchors"))
                            .help(t!("PEM, for an authority of your own. Every device has to trust it already.")))
                    }
                }
                (checkbox("agree_to_terms", t!("I agree to the terms of the authority"), form.agreed, t!("Let’s Encrypt’s are at letsencrypt.org/repository.")))
                @if let Some(words) = error("agree_to_terms") { p.error { (words) } }
                div.form-foot { (Button::submit(if view.chosen.is_some() { t!("Save") } else { t!("Get the certificate") }).main()) (Button::link("/system", t!("Cancel"))) }
            }
        }))
    }
}
