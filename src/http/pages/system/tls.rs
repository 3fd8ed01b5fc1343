//! The TLS certificate: which one is shown, and how one is had that everybody trusts.

use maud::{Markup, html};

use super::super::parts::{
    Button, Fact, Frame, Live, Section, Shell, State, badge, checkbox, facts, field, frame, live, moment, post, section, select,
    state_square,
};
use crate::mdm::ca::public_tls::{Chosen, LETS_ENCRYPT, Way};

/// Where the page is.
pub const ADDRESS: &str = "/system/tls";

/// How names are proven, as people choose it.
pub const CHALLENGES: [(&str, &str); 2] =
    [("tls-alpn-01", "By port 443 of this address"), ("dns-01", "By a DNS record that a program of yours sets")];

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
            "Devices and browsers come in by TLS. A certificate of our own costs nothing and works for every device that enrolls; people who open a link \
             before that are warned. One of an authority that everybody trusts warns nobody."
        }
        (live(Live { id: "tls", topics: "setting job certificate", of: None, src: None }, html! {
            div.stack {
                (facts(&shown(view)))
                @if let Some(chosen) = view.chosen.as_ref().filter(|chosen| !chosen.problem.is_empty()) {
                    div.banner.problem role="status" { p { strong { "No certificate came. " } (chosen.problem) " It is tried again " (moment(chosen.due_at)) "." } }
                }
            }
        }))
        @if view.by_files {
            p { "The certificate comes from files of the settings, and is read again when they change. Remove " code { "tls.certificate" } " there to have one got here." }
        } @else if view.may_change {
            @if view.chosen.is_some() { (deeds()) }
            (section(if view.chosen.is_some() { "Change it" } else { "Get one that everybody trusts" }, html! { (form(view)) }))
        } @else { p.quiet { "Only admins change this." } }
        p.quiet { "What this appliance signs itself is explained at " a href="/trust" { "the page about trust" } "." }
    };
    frame(shell, &Frame { back: Some(("/system", "System")), ..Frame::new(Section::System, "TLS certificate") }, content)
}

fn shown(view: &TlsView) -> Vec<Fact> {
    let mut list = vec![Fact::new("Shown now", badge(view.state, &view.words)), Fact::text("Name", &view.host)];
    let extra = html! {
        @if view.extra_hosts.is_empty() { "none" } @else { (view.extra_hosts.join(", ")) }
        " " span.quiet { "(" code { "extra_hosts" } " of the settings: for devices that moved in)" }
    };
    list.push(Fact::new("Served too", extra));
    if let Some(chosen) = &view.chosen {
        list.push(Fact::text("Authority", authority(&chosen.choice.directory)));
        if !chosen.names.is_empty() {
            list.push(Fact::text("Vouches for", &chosen.names.join(", ")));
        }
        if let Some(end) = chosen.not_after_at {
            list.push(Fact::new("Good until", moment(end)));
        }
        list.push(Fact::new("Asked next", moment(chosen.due_at)));
    }
    list
}

/// An authority for people.
fn authority(directory: &str) -> &str {
    if directory == LETS_ENCRYPT { "Let’s Encrypt" } else { directory }
}

fn deeds() -> Markup {
    html! {
        div.row {
            (post("/system/tls/order", html! { (Button::submit("Ask for a certificate now")) }))
            (post("/system/tls/own", html! { (Button::submit("Go back to our own")) }))
        }
    }
}

/// The ways to prove a name, each with whether it can be gone here.
pub fn ways(ways: &[Way]) -> Markup {
    html! {
        ul.plain.stack {
            @for way in ways { li { (state_square(if way.possible { State::Ok } else { State::Silent }, 12)) " " (way.words) } }
        }
    }
}

fn form(view: &TlsView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let challenges = CHALLENGES.map(|(word, words)| (word.to_owned(), words.to_owned()));
    let form = &view.form;
    let help = if view.has_hook {
        "The program of the settings is called with “add” and “remove”, the record’s name and its value."
    } else {
        "For the second the appliance is started with --tls-dns-hook FILE; it needs no port that is open to the internet."
    };
    html! {
        @if view.not_public {
            p.error { (view.host) " is no name that can be found from the internet: nobody there can vouch for it. Start the appliance with " code { "--url https://NAME" } " of a domain of yours, or name an authority of your own below." }
        }
        @if !view.ways.is_empty() { (ways(&view.ways)) }
        (post(ADDRESS, html! {
            div.form {
                @if let Some(words) = error("") { p.error role="alert" { (words) } }
                (select("challenge", "How the name is proven", &challenges, &form.challenge, help, error("challenge")))
                (field("contact", "Mail address").optional().value(&form.contact).error(error("contact"))
                    .help("The authority may write there when something is wrong."))
                details open[!form.directory.is_empty() || error("directory").is_some() || error("trust_anchors").is_some()] {
                    summary { "Another authority than Let’s Encrypt" }
                    div.form {
                        (field("directory", "Address of its ACME directory").optional().value(&form.directory).error(error("directory")).example(LETS_ENCRYPT))
                        (field("trust_anchors", "Its root certificate").optional().lines(4).mono().value(&form.trust_anchors).error(error("trust_anchors"))
                            .help("PEM, for an authority of your own. Every device has to trust it already."))
                    }
                }
                (checkbox("agree_to_terms", "I agree to the terms of the authority", form.agreed, "Let’s Encrypt’s are at letsencrypt.org/repository."))
                @if let Some(words) = error("agree_to_terms") { p.error { (words) } }
                div.form-foot { (Button::submit(if view.chosen.is_some() { "Save" } else { "Get the certificate" }).main()) (Button::link("/system", "Cancel")) }
            }
        }))
    }
}
