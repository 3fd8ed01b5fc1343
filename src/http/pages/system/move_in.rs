//! Moving in from another server: what came, who is still to come, which addresses devices use, and how it is done step by step.

use maud::{Markup, html};

use super::super::parts::forms::upload;
use super::super::parts::{
    Button, Column, Fact, Frame, Row, Section, Shell, State, Table, badge, count, facts, field, frame, hidden, named, post, section,
    state_square, table, time_ago,
};
use crate::clock::Timestamp;

/// Where the page is.
pub const ADDRESS: &str = "/system/move-in";

/// Devices that are listed; the API has all.
pub const LISTED: u32 = 100;

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct MoveInView {
    /// Devices that moved in and are here still, and those of them that have not come.
    pub moved: u64,
    /// Those that have not been seen yet.
    pub waiting: u64,
    /// Those of them whose certificate the other server named.
    pub named: u64,
    /// Authorities of other servers.
    pub authorities: Vec<AuthorityRow>,
    /// Hosts that devices come to.
    pub hosts: Vec<HostRow>,
    /// The host of new enrollments.
    pub public_host: String,
    /// Topics that cannot be pushed to, with how many devices listen to each.
    pub mute: Vec<(String, u64)>,
    /// Old profiles that are known: identifier and ServerURL.
    pub profiles: Vec<(String, String)>,
    /// Devices, those that have not been seen first.
    pub devices: Vec<MovedRow>,
    /// What to type on this machine, with the data folder.
    pub command: String,
    /// What was wrong with what was sent, with the form that it belongs to.
    pub error: Option<(&'static str, String)>,
    /// Whether the viewer may bring a profile.
    pub may_configure: bool,
    /// Whether the viewer may bring authorities.
    pub may_govern: bool,
}

/// An authority of another server.
#[derive(Debug, Clone)]
pub struct AuthorityRow {
    /// Its id.
    pub id: String,
    /// The name in its certificate.
    pub name: String,
    /// Until when its devices are taken in.
    pub until: Timestamp,
    /// Whether its key is here.
    pub has_key: bool,
}

/// A host that devices come to.
#[derive(Debug, Clone)]
pub struct HostRow {
    /// Its name; empty for devices of which that is not known.
    pub host: String,
    /// Devices that come to it.
    pub devices: u64,
    /// Whether it is served here.
    pub served: bool,
    /// Whether it is the public one.
    pub is_public: bool,
}

/// A device that moved in.
#[derive(Debug, Clone)]
pub struct MovedRow {
    /// The device's id.
    pub device_id: String,
    /// What it is called.
    pub name: String,
    /// From where it came.
    pub source: &'static str,
    /// When it was handed over.
    pub moved_at: Timestamp,
    /// When it came.
    pub bound_at: Option<Timestamp>,
    /// The host by which it came.
    pub address: String,
}

/// The page.
pub fn page(shell: &Shell, view: &MoveInView) -> Markup {
    let content = html! {
        div.stack.loose {
            (section(t!("How it stands"), standing(view, shell.now)))
            (section(t!("Addresses"), addresses(view)))
            (section(t!("Whose identities are known"), authorities(view, shell.now)))
            (section(t!("The profile that devices have"), profile(view)))
            (section(t!("Devices"), devices(view, shell.now)))
            (section(t!("Step by step"), steps(view)))
            (section(t!("Moving out"), out(view)))
        }
    };
    let under = html! { (t!("Devices of NanoMDM or MicroMDM come here without being touched: they keep their profile, their address and their identity.")) };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("Move in")) }, content)
}

fn error(view: &MoveInView, form: &str) -> Markup {
    let words = view.error.as_ref().filter(|(of, _)| *of == form).map(|(_, words)| words);
    html! { @if let Some(words) = words { p.error role="alert" { (words) } } }
}

fn standing(view: &MoveInView, now: Timestamp) -> Markup {
    let taking = view.authorities.iter().map(|authority| authority.until).max();
    let come = view.moved - view.waiting;
    html! {
        (facts(&[
            Fact::text(t!("Moved in"), &count(view.moved, t!("device"), t!("devices"))),
            Fact::text(t!("Have come"), &come.to_string()),
            Fact::new(t!("Not seen yet"), html! {
                @if view.waiting == 0 { (badge(State::Ok, t!("none"))) } @else { (badge(State::Waiting, &view.waiting.to_string())) }
                @if view.waiting > 0 { ", " (view.named) (t!(" of them with a certificate that their old server named")) }
            }),
            Fact::new(t!("Taken in"), html! {
                @match taking {
                    None => span.quiet { (t!("not yet: no authority of another server is known")) },
                    Some(until) if until > now => { (t!("until ")) (time_ago(until, now)) },
                    Some(until) => { (badge(State::Problem, t!("no longer"))) " " (time_ago(until, now)) },
                }
            }),
        ]))
        @for (topic, devices) in &view.mute {
            div.banner.problem role="alert" {
                (state_square(State::Problem, 12))
                p.words {
                    strong { (count(*devices, t!("device cannot"), t!("devices cannot"))) (t!(" be woken.")) } (t!(" There is no push certificate for ")) code { (topic) } (t!(". Bring the one of the old \
                    server, with its key, under ")) a href="/system/push" { (t!("Push certificate")) } (t!(" or by ")) code { "rollcall import" } (t!(": a new one has another topic."))
                }
            }
        }
    }
}

fn addresses(view: &MoveInView) -> Markup {
    let rows = view.hosts.iter().map(|host| {
        let words = match (host.host.is_empty(), host.is_public, host.served) {
            (true, ..) => badge(State::Waiting, t!("not known until they come, or their profile is brought")),
            (_, true, _) => badge(State::Ok, t!("the public address")),
            (_, false, true) => badge(State::Ok, t!("served beside it")),
            (_, false, false) => badge(State::Problem, t!("not served here")),
        };
        let name = if host.host.is_empty() { String::from(t!("not known")) } else { host.host.clone() };
        Row { id: String::new(), href: None, name: name.clone(), cells: vec![html! { (name) }, html! { (host.devices) }, words] }
    });
    let old: u64 = view.hosts.iter().filter(|host| !host.is_public && !host.host.is_empty()).map(|host| host.devices).sum();
    html! {
        (table(&Table {
            caption: t!("Hosts that devices come to"),
            columns: vec![Column::main(t!("Host")), Column::number(t!("Devices")), Column::text(t!("How it is"))],
            rows: rows.collect(), pager: None, empty: html! { p.quiet { (t!("No device is enrolled.")) } }, selection: None, compact: true,
        }))
        @if old > 0 {
            p { strong { (count(old, t!("device still comes"), t!("devices still come"))) (t!(" to another host than ")) (view.public_host) "." } (t!(" Keep those names pointing here: a device never learns another one.")) }
        }
        p.quiet { (t!("Further names are served when they stand in ")) code { "extra_hosts" } (t!(" in rollcall.toml (or ROLLCALL_EXTRA_HOSTS); Rollcall's own TLS certificate is then for them too. A certificate of your own has to name them.")) }
    }
}

fn authorities(view: &MoveInView, now: Timestamp) -> Markup {
    let rows = view.authorities.iter().map(|authority| {
        let until = if authority.until > now {
            html! { (badge(State::Ok, t!("takes devices in"))) (t!(" until ")) (time_ago(authority.until, now)) }
        } else {
            html! { (badge(State::Silent, t!("only those that have come"))) }
        };
        let id = vec![(String::from("id"), authority.id.clone())];
        let more = html! {
            @if view.may_govern {
                (post("/system/move-in/window", html! { (hidden(&id)) (Button::submit(t!("30 more days")).small().sends("days", "30")) }))
                @if authority.until > now { (post("/system/move-in/window", html! { (hidden(&id)) (Button::submit(t!("Close")).small().sends("days", "0")) })) }
            }
        };
        let key = if authority.has_key { t!("with its key: its SCEP goes on here") } else { t!("its certificate alone") };
        Row { id: String::new(), href: None, name: authority.name.clone(), cells: vec![html! { strong { (authority.name) } }, html! { (key) }, until, more] }
    });
    html! {
        p { (t!("A device that moves in still has the identity that its old server gave it. The first one under a known authority that comes for a device is bound to that device, once; then no other.")) }
        (table(&Table {
            caption: t!("Authorities of other servers"),
            columns: vec![Column::main(t!("Authority")), Column::text(t!("Here")), Column::text(t!("Devices")), Column::deed()],
            rows: rows.collect(), pager: None, empty: html! { p.quiet { (t!("None yet.")) } }, selection: None, compact: true,
        }))
        @if view.may_govern {
            (upload("/system/move-in/authority", html! {
                (error(view, "authority"))
                (field("files", t!("Authority of the old server")).kind("file").several().accept(".pem,.crt,.cer,.der,.key,.p12,.pfx")
                    .help(t!("Its certificate, as PEM, DER or PKCS#12; with the key its SCEP goes on here. MicroMDM's is in micromdm.db: see below.")))
                (field("passphrase", t!("Passphrase")).kind("password").optional().autocomplete("off").help(t!("Opens what is encrypted.")))
                div.form-foot { (Button::submit(t!("Trust it for 30 days")).main()) }
            }))
        }
    }
}

fn profile(view: &MoveInView) -> Markup {
    html! {
        p { (t!("Identities are renewed from here only where the profile is known that the device has: nothing of it may change. Bring it as devices get it, for example what ")) code { "/mdm/enroll" } (t!(" of MicroMDM gives.")) }
        @if !view.profiles.is_empty() {
            (facts(&view.profiles.iter().map(|(identifier, url)| Fact::code(identifier.clone(), url)).collect::<Vec<_>>()))
        }
        @if view.may_configure {
            (upload("/system/move-in/profile", html! {
                (error(view, "profile"))
                (field("profile", t!("Enrollment profile of the old server")).kind("file").accept(".mobileconfig,.plist,.xml"))
                div.form-foot { (Button::submit(t!("Learn it"))) }
            }))
        }
    }
}

fn devices(view: &MoveInView, now: Timestamp) -> Markup {
    let rows = view.devices.iter().map(|device| {
        let how = match device.bound_at {
            None => html! { (badge(State::Waiting, t!("moved in, not seen yet"))) },
            Some(at) => html! { (badge(State::Ok, t!("has come"))) " " (time_ago(at, now)) },
        };
        let cells = vec![
            html! { (named(&device.name)) },
            html! { (device.source) },
            html! { (time_ago(device.moved_at, now)) },
            how,
            html! { (device.address) },
        ];
        Row { id: String::new(), href: Some(format!("/devices/{}", device.device_id)), name: device.name.clone(), cells }
    });
    html! {
        (table(&Table {
            caption: t!("Devices that moved in"),
            columns: vec![
                Column::main(t!("Device")), Column::text(t!("From")), Column::text(t!("Handed over")).labelled(), Column::text(t!("How it is")), Column::text(t!("Came to")).minor(),
            ],
            rows: rows.collect(), pager: None, empty: html! { p.quiet { (t!("No device moved in from another server.")) } }, selection: None, compact: false,
        }))
        @if view.moved > u64::from(LISTED) { p.quiet { (t!("Showing ")) (LISTED) (t!(" of ")) (view.moved) (t!(", those that have not been seen first. /api/v1/moves has all.")) } }
    }
}

fn steps(view: &MoveInView) -> Markup {
    let command = |words: &str| html! { code { (view.command) " " (words) } };
    html! {
        ol.stack {
            li { (t!("On the old server, note its address and copy what it keeps: MicroMDM's ")) code { "micromdm.db" } (t!("; NanoMDM's storage folder or a dump of its database, and the certificate authority of its SCEP server. Stop it for the copy.")) }
            li { (t!("Look first, on this machine: ")) (command(t!("import micromdm --check micromdm.db"))) (t!(", or ")) (command(t!("import nanomdm --check FOLDER ca.pem push.pem push.key"))) (t!(". Nothing is changed.")) }
            li { (t!("The same without ")) code { "--check" } (t!(" brings authority, push certificate and devices. The tools of their world work too: ")) code { "nano2nano" } (t!(" and ")) code { "llorne" } (t!(" with this server's ")) code { "/migration" } (t!(" and an API token as the key.")) }
            li { (t!("Bring the enrollment profile of the old server, above or with ")) code { "--profile" } "." }
            li { (t!("Write the old host name into ")) code { "extra_hosts" } (t!(" in rollcall.toml and start again; then let the name point to this machine. The TLS certificate must be one that the devices trust already: the old server's, or a public one.")) }
            li { (t!("Devices come by themselves, most within a day. Each one that has come is ticked off above; wake the others by sending them something.")) }
            li { (t!("When none is missing, close the door: “Close” beside the authority.")) }
        }
    }
}

fn out(view: &MoveInView) -> Markup {
    html! {
        p { (t!("Any server of the Nano world takes these devices over the same way: ")) code { (view.command) (t!(" export nano --to https://new.example.school/migration --key-file KEY")) } (t!(", or into a file. It also needs this server's root, its push certificate and its host name.")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn view(may: bool) -> MoveInView {
        let at = |days: i64| Timestamp::from_seconds(1_795_577_349 + days * 86_400);
        MoveInView {
            moved: 3,
            waiting: 2,
            named: 1,
            authorities: vec![
                AuthorityRow { id: "open".into(), name: "MicroMDM <CA>".into(), until: at(20), has_key: true },
                AuthorityRow { id: "shut".into(), name: "Older".into(), until: at(-1), has_key: false },
            ],
            hosts: vec![
                HostRow { host: "old.example.school".into(), devices: 2, served: false, is_public: false },
                HostRow { host: "mdm.example.school".into(), devices: 7, served: true, is_public: true },
                HostRow { host: String::new(), devices: 1, served: false, is_public: false },
            ],
            public_host: "mdm.example.school".into(),
            mute: vec![("com.apple.mgmt.x".into(), 2)],
            profiles: vec![("com.github.micromdm.micromdm.enroll".into(), "https://old.example.school/mdm/connect".into())],
            devices: vec![MovedRow {
                device_id: "1".into(),
                name: "iPad".into(),
                source: "MicroMDM",
                moved_at: NOW,
                bound_at: None,
                address: String::new(),
            }],
            command: "rollcall".into(),
            error: Some(("authority", "It is none.".into())),
            may_configure: may,
            may_govern: may,
        }
    }

    #[test]
    fn who_is_still_to_come_and_which_addresses_are_used_is_said() {
        let html = page(&Shell::for_tests(Section::System, NOW), &view(true)).into_string();
        for words in [
            "moved in, not seen yet",
            "MicroMDM &lt;CA&gt;",
            "2 devices cannot",
            "2 devices still come",
            "not served here",
            "It is none.",
            "Close",
            "1 of them with a certificate",
            "action=\"/system/move-in/authority\"",
            "import micromdm --check",
        ] {
            assert!(html.contains(words), "{words}: {html}");
        }
        assert_eq!(html.matches(">Close<").count(), 1, "what is shut is not shut again: {html}");
    }

    #[test]
    fn who_may_only_look_finds_no_form() {
        let html = page(&Shell::for_tests(Section::System, NOW), &view(false)).into_string();
        assert!(
            !html.contains("/system/move-in/authority") && !html.contains("/system/move-in/profile") && !html.contains("30 more days"),
            "{html}"
        );
    }
}
