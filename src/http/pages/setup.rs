//! Set-up: the first log-in made, then steps with check marks that one leaves and comes back to.

mod steps;

use maud::{Markup, html};

use steps::{address, backups, first_app, first_device, practice, push, tokens, you};

use super::devices::OpenInvitation;
use super::invitations::Arrival;
use super::parts::{
    Address, Button, Frame, Live, Section, Setup, Shell, StepState, centred, count, field, frame, hidden, live, moment, post,
    steps as drawn, upload_up_to,
};
use crate::clock::Timestamp;
use crate::http::limits::RESTORE_MAX_BYTES;
use crate::mdm::admins::PASSWORD_MIN;
use crate::mdm::ca::public_tls::Way;
use crate::mdm::first_steps::{AddressTest, is_this_machine};

/// The very first page, behind the one-time link that the appliance printed.
#[derive(Debug, Clone, Default)]
pub struct WelcomeView {
    /// The one-time token of the link.
    pub token: String,
    /// What was typed for the organisation.
    pub organisation: String,
    /// What was typed for the name.
    pub name: String,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// The first page: who you are.
pub fn welcome(view: &WelcomeView) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str());
    let help = t!("At least {PASSWORD_MIN} characters. A few words are easier to keep than signs.", PASSWORD_MIN);
    let content = html! {
        h1 { (t!("Set up this appliance")) }
        p.quiet { (t!("It is yours from here on. Choose how you log in; you will be its Owner.")) }
        (post("/setup", html! {
            div.form {
                input type="hidden" name="token" value=(view.token);
                (field("organisation", t!("Organisation")).value(&view.organisation).error(error("organisation")).autocomplete("organization")
                    .help(t!("Shown to people who enroll a device, for example Example School.")).first())
                (field("name", t!("Your name to log in with")).value(&view.name).error(error("name")).autocomplete("username"))
                (field("password", t!("Password")).kind("password").error(error("password")).autocomplete("new-password")
                    .help(&help))
                (Button::submit(t!("Begin")).main())
            }
        }))
        p.quiet {
            (t!("Was there a Rollcall before? "))
            a href=(Address::new("/setup/restore").with("token", &view.token)) { (t!("Restore a backup")) }
            (t!(", and every device of it comes back."))
        }
    };
    centred(t!("Set up"), false, content)
}

/// The first page for those who have a backup.
#[derive(Debug, Clone, Default)]
pub struct RestoreView {
    /// The one-time token of the link.
    pub token: String,
    /// What was wrong.
    pub error: Option<String>,
}

/// The first page for those who have a backup.
pub fn restore(view: &RestoreView) -> Markup {
    let back = Address::new("/setup").with("token", &view.token).to_string();
    let content = html! {
        h1 { (t!("Restore a backup")) }
        p.quiet { (t!("The file is proven to its last byte before anything here is different. Devices come back when this appliance answers at the address that they know.")) }
        (upload_up_to("/setup/restore", RESTORE_MAX_BYTES, html! {
            @if let Some(words) = &view.error { p.error role="alert" { (words) } }
            (hidden(&[(String::from("token"), view.token.clone())]))
            (field("key", t!("Recovery key or passphrase")).kind("password").autocomplete("off").help(t!("The one that belongs to this backup.")))
            (field("file", t!("The backup")).kind("file").help(t!("Up to 64 GiB; larger ones are restored by rollcall restore FILE.")))
            div.form-foot { (Button::submit(t!("Restore")).main()) (Button::link(back, t!("Back"))) }
        }))
    };
    centred(t!("Restore a backup"), false, content)
}

/// A backup was restored, and the appliance starts again.
pub fn restored(devices: u64, made_at: Timestamp, with_packages: bool) -> Markup {
    let content = html! {
        h1 { (t!("Everything is back")) }
        p { (count(devices, t!("device"), t!("devices"))) (t!(", as they were on ")) (moment(made_at)) (t!(". Rollcall starts again with them, which takes a few seconds.")) }
        p { (t!("Log in as one did then. Your browser may warn once: the certificate is the restored appliance’s.")) }
        @if !with_packages { p.quiet { (t!("Files of apps of your own were not in this backup: upload them again.")) } }
        div.row { (Button::link("/login", t!("Log in")).main()) }
    };
    centred(t!("Restored"), false, content)
}

/// The one-time link was used or is over.
pub fn welcome_over() -> Markup {
    let content = html! {
        h1 { (t!("This set-up link was used")) }
        p { (t!("It works once. If it was you, log in. If nobody here did, someone else has the appliance: stop it, and start it again with an empty data folder.")) }
        div.row { (Button::link("/login", t!("Log in")).main()) }
    };
    centred(t!("Set up"), false, content)
}

/// Whom browsers and devices see at the appliance's address.
#[derive(Debug, Clone)]
pub enum TlsView {
    /// The appliance's own authority; its explanation is at the address.
    Own(String),
    /// Certificate files, good until then.
    Files(Timestamp),
    /// An authority that everybody trusts.
    Public,
    /// Something that devices refuse.
    Refused,
}

/// How far the appliance is.
#[derive(Debug, Clone)]
pub struct SetupView {
    /// The Owner who began.
    pub owner: String,
    /// Whether the viewer's second factor is on; none for who has none to switch on.
    pub second_factor: Option<bool>,
    /// The public address.
    pub url: String,
    /// Further addresses by which this machine may be found.
    pub names: Vec<String>,
    /// The port at which this machine alone can connect; absent where others can.
    pub listens_here_alone: Option<u16>,
    /// Further names that are served, from the settings.
    pub extra_hosts: Vec<String>,
    /// By which ways an authority that everybody trusts can vouch for the name.
    pub ways: Vec<Way>,
    /// How the appliance found itself at its address.
    pub address_test: Option<AddressTest>,
    /// Who vouches for it.
    pub tls: TlsView,
    /// Whether someone confirmed the address, or a device came by it.
    pub address_confirmed: bool,
    /// Practice devices now.
    pub practice: u64,
    /// Whether practice devices were ever tried, or waived.
    pub practice_done: bool,
    /// Whether the viewer may say how many there are.
    pub may_practise: bool,
    /// Where the push certificate ends, when there is one.
    pub push_until: Option<Timestamp>,
    /// The open invitation for the first device.
    pub invitation: Option<OpenInvitation>,
    /// Devices on their way in.
    pub arrivals: Vec<Arrival>,
    /// Real devices enrolled.
    pub devices: u64,
    /// Apps that are managed; absent while this appliance does not manage apps.
    pub apps: Option<u64>,
    /// Apps that are wanted on real devices, each counted on each; and how many of them are there.
    pub app_places: (u64, u64),
    /// Whether apps of the store wait for a location whose licences could be given.
    pub awaits_location: bool,
    /// Locations of Apps and Books.
    pub locations: u64,
    /// Servers of Apple's device list.
    pub device_lists: u64,
    /// When the last backup was made; absent for never.
    pub backup_at: Option<Timestamp>,
}

impl SetupView {
    /// How far an appliance is that an Owner has just begun with.
    pub fn begun(owner: &str, url: &str, tls: TlsView) -> Self {
        Self {
            owner: owner.to_owned(),
            second_factor: None,
            url: url.to_owned(),
            names: Vec::new(),
            listens_here_alone: None,
            extra_hosts: Vec::new(),
            ways: Vec::new(),
            address_test: None,
            tls,
            address_confirmed: false,
            practice: 0,
            practice_done: false,
            may_practise: true,
            push_until: None,
            invitation: None,
            arrivals: Vec::new(),
            devices: 0,
            apps: None,
            app_places: (0, 0),
            awaits_location: false,
            locations: 0,
            device_lists: 0,
            backup_at: None,
        }
    }

    /// Whether the public address leads every device to itself.
    pub fn is_for_this_machine(&self) -> bool {
        let host = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let host = if host.starts_with('[') { host.split(']').next() } else { host.split([':', '/']).next() };
        is_this_machine(host.unwrap_or_default())
    }

    /// How far it is, for the rail; the optional steps are not counted.
    pub fn progress(&self) -> Setup {
        let states = [true, self.address_confirmed, self.practice_done, self.push_until.is_some(), self.devices > 0];
        let done = states.iter().filter(|done| **done).count() as u64 + u64::from(self.apps.is_some() && self.app_places.1 > 0);
        Setup { done, of: states.len() as u64 + u64::from(self.apps.is_some()) }
    }
}

/// The page.
pub fn page(shell: &Shell, view: &SetupView) -> Markup {
    let Setup { done, of } = view.progress();
    let under = html! {
        @if done == of { (t!("Everything needed is done. The rest is for when you have time.")) }
        @else { (done) (t!(" of ")) (of) (t!(" done. Leave whenever you like; it goes on where you were.")) }
    };
    frame(shell, &Frame { under, ..Frame::new(Section::System, t!("Set-up")) }, list(shell.now, view))
}

/// The steps: the fragment `setup`.
pub fn list(now: Timestamp, view: &SetupView) -> Markup {
    let mut list = vec![you(view), address(view, now), practice(view), push(view, now), first_device(view, now)];
    if let Some(apps) = view.apps {
        list.push(first_app(view, apps));
    }
    // The first step that is not done is the one to do; those after it wait, but nothing is locked.
    if let Some(next) = list.iter_mut().find(|step| step.state == StepState::Later) {
        next.state = StepState::Current;
    }
    list.push(tokens(view));
    list.push(backups(view, now));
    live(
        Live {
            id: "setup",
            topics: "device enrollment invitation push setting app assignment command content_token ade backup admin",
            of: None,
            src: None,
        },
        drawn(&list),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::ca::public_tls::{self, Situation};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn fresh() -> SetupView {
        SetupView::begun("Ada", "https://mdm.example.school:8443", TlsView::Own("http://mdm.example.school:8080/trust".into()))
    }

    fn current(view: &SetupView) -> String {
        let html = list(NOW, view).into_string();
        html.split("now: </span>").nth(1).map_or_else(String::new, |rest| rest.split('<').next().unwrap().to_owned())
    }

    #[test]
    fn the_step_to_do_is_the_first_that_is_not_done() {
        let mut view = fresh();
        assert_eq!(current(&view), "Address");
        view.address_confirmed = true;
        assert_eq!(current(&view), "Try it with practice devices");
        view.practice_done = true;
        assert_eq!(current(&view), "Push certificate");
        view.push_until = Some(NOW);
        assert_eq!(current(&view), "First device");
        view.devices = 1;
        assert_eq!(current(&view), "", "backups are never urged");
        assert_eq!((view.progress().done, view.progress().of), (5, 5));
        view.apps = Some(0);
        assert_eq!(current(&view), "First app");
        assert_eq!((view.progress().done, view.progress().of), (5, 6));
        (view.apps, view.app_places) = (Some(1), (3, 0));
        assert_eq!(current(&view), "First app", "it is done once a device says that the app is there");
        view.app_places = (3, 1);
        assert_eq!((current(&view).as_str(), view.progress().done), ("", 6));
    }

    #[test]
    fn a_content_token_is_asked_for_before_the_first_app_of_the_store_and_while_one_waits_for_it() {
        let step = |view: &SetupView| {
            let html = list(NOW, view).into_string();
            html.split("First app").nth(1).unwrap().split("Apple’s tokens").next().unwrap().to_owned()
        };
        let none = SetupView { apps: Some(0), ..fresh() };
        let before = step(&none);
        assert!(before.contains("free ones too") && before.contains("href=\"/system/apps-and-books\""), "{before}");
        assert!(!step(&SetupView { locations: 1, ..none.clone() }).contains("/system/apps-and-books"));
        let waiting = SetupView { apps: Some(1), app_places: (7, 0), awaits_location: true, ..none };
        let told = step(&waiting);
        assert!(told.contains("There is no content token here") && told.contains("href=\"/system/apps-and-books\""), "{told}");
        assert!(!told.contains("Waiting for the first device"), "it would wait for ever: {told}");
        let given = step(&SetupView { awaits_location: false, locations: 1, ..waiting });
        assert!(given.contains("Waiting for the first device") && !given.contains("content token"), "{given}");
    }

    #[test]
    fn a_certificate_that_devices_refuse_is_not_praised() {
        let view = SetupView { tls: TlsView::Refused, ..fresh() };
        let html = list(NOW, &view).into_string();
        assert!(html.contains("a certificate that devices refuse") && !html.contains("everybody trusts"), "{html}");
        assert!(html.contains("href=\"/system/tls\""), "{html}");
    }

    #[test]
    fn an_address_that_is_not_confirmed_asks_even_when_later_steps_are_done() {
        let view = SetupView { push_until: Some(NOW), ..fresh() };
        let html = list(NOW, &view).into_string();
        assert!(html.contains("Yes, this is its address") && html.contains("Invite a device"), "{html}");
    }

    #[test]
    fn the_address_offers_what_was_found_and_says_how_it_was_reached() {
        let ways = public_tls::ways(Situation { host: "mdm.example.school", port: 8443, listens_at_443: false, has_hook: true });
        let test = AddressTest { at: NOW, url: "https://mdm.example.school:8443".into(), good: false, words: "It does <not>.".into() };
        let view = SetupView {
            second_factor: Some(false),
            names: vec!["https://192.0.2.7:8443".into()],
            extra_hosts: vec!["old.example.school".into()],
            ways,
            address_test: Some(test),
            ..fresh()
        };
        let html = list(NOW, &view).into_string();
        for part in [
            "--url https://192.0.2.7:8443",
            "old.example.school",
            "dns-01",
            "It does &lt;not&gt;.",
            "action=\"/setup/address/test\"",
            "href=\"/account/second-factor\"",
            "href=\"/system/apps-and-books\"",
            "href=\"/system/device-list\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let read_only = list(NOW, &SetupView { may_practise: false, ..view }).into_string();
        assert!(!read_only.contains("<form"), "{read_only}");
    }

    #[test]
    fn an_address_for_this_machine_alone_is_never_ticked_and_may_be_gone_on_with() {
        for url in ["https://localhost:18640", "https://127.0.0.1:18640", "https://[::1]"] {
            let view = SetupView {
                url: url.into(),
                names: vec!["https://vm.example.school:18640".into()],
                listens_here_alone: Some(18640),
                ..SetupView::begun("Ada", url, TlsView::Public)
            };
            let html = list(NOW, &view).into_string();
            for part in [
                "is for this machine alone",
                "practice devices",
                "Go on with it, to try out",
                "--url https://vm.example.school:18640 --listen 18640",
                "takes connections from this machine alone",
            ] {
                assert!(html.contains(part), "{url}: {part} in {html}");
            }
            assert!(!html.contains("Yes, this is its address"), "{html}");
            let gone_on = SetupView { address_confirmed: true, ..view };
            assert_eq!(current(&gone_on), "Try it with practice devices");
            let html = list(NOW, &gone_on).into_string();
            assert!(html.contains("is for this machine alone") && !html.contains("Go on with it"), "{html}");
            assert!(address(&gone_on, NOW).state == StepState::Problem);
        }
        assert!(!fresh().is_for_this_machine() && !list(NOW, &fresh()).into_string().contains("--listen"));
    }

    #[test]
    fn the_first_page_keeps_what_was_typed_but_the_password() {
        let view = WelcomeView {
            token: "t<".into(),
            organisation: "A & B".into(),
            name: "ada".into(),
            errors: vec![("password".into(), "Too short.".into())],
        };
        let html = welcome(&view).into_string();
        for part in ["value=\"t&lt;\"", "value=\"A &amp; B\"", "value=\"ada\"", "Too short.", "autocomplete=\"new-password\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
