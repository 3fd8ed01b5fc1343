//! The steps of set-up, one function each: what is confirmed, what there is to do, and the way onward.

use maud::{Markup, html};

use super::super::invitations::Arrival;
use super::super::parts::{Button, State, Step, StepState, badge, copy_field, count, day, post, qr, state_square, time_ago};
use super::super::system::backups::ADDRESS as BACKUPS;
use super::super::system::tls;
use super::{SetupView, TlsView};
use crate::clock::Timestamp;

fn step(done: bool, title: &str, words: Markup, more: Markup) -> Step {
    Step { state: if done { StepState::Done } else { StepState::Later }, title: title.to_owned(), words, more }
}

/// A way onward from a step that is done.
fn onward(href: &str, words: &str) -> Markup {
    html! { div.row { (Button::link(href, words).small()) } }
}

pub(super) fn you(view: &SetupView) -> Step {
    let words = html! {
        (view.owner) (t!(" is the Owner."))
        @match view.second_factor {
            Some(true) => (t!(" The second factor is on.")),
            Some(false) => (t!(" The password alone lets you in: a code from a telephone beside it keeps others out, even who knows it.")),
            None => "",
        }
    };
    let more = match view.second_factor {
        Some(false) => onward("/account/second-factor", t!("Add a second factor")),
        Some(true) => onward("/account", t!("Your account")),
        None => Markup::default(),
    };
    step(true, t!("You"), words, more)
}

pub(super) fn address(view: &SetupView, now: Timestamp) -> Step {
    let vouch = match &view.tls {
        TlsView::Own(trust) => html! {
            (t!(". It vouches for itself; ")) a href=(trust) { (t!("devices learn to trust it")) } (t!(" when they enroll. People who open a link before that are warned."))
        },
        TlsView::Public => html! { (t!(", with ")) a href=(tls::ADDRESS) { (t!("a certificate that everybody trusts")) } "." },
        TlsView::Refused => {
            html! { (t!(", with ")) a href=(tls::ADDRESS) { (t!("a certificate that devices refuse")) } (t!(". None comes in until that is mended.")) }
        }
        TlsView::Files(until) => html! { (t!(", with a certificate of yours until ")) (day(*until)) "." },
    };
    let words = html! { (t!("Devices reach the appliance at ")) span.mono { (view.url) } (vouch) };
    let yes = if view.is_for_this_machine() { t!("Go on with it, to try out") } else { t!("Yes, this is its address") };
    let more = html! {
        div #address.stack {
            @if let Some(test) = &view.address_test {
                div.standing {
                    (state_square(if test.good { State::Ok } else { State::Problem }, 12))
                    p { (test.words) " " span.meta { (time_ago(test.at, now)) } }
                }
            }
            @if !view.extra_hosts.is_empty() { p { (t!("Served too: ")) (view.extra_hosts.join(", ")) (t!(", for devices that moved in.")) } }
            @if view.is_for_this_machine() {
                div.standing {
                    (state_square(State::Problem, 12))
                    p {
                        (t!("This address is for this machine alone: it leads every device to itself. It serves to try out with practice devices. \
                         Before real ones enroll, give the machine a name that they find, and start the appliance with it: "))
                        code { "--url https://NAME" (listen(view)) }
                    }
                }
            } @else if let Some(port) = view.listens_here_alone {
                p {
                    (t!("The appliance takes connections from this machine alone. Unless a program here passes devices on, start it with "))
                    code { "--listen " (port) } (t!(" too."))
                }
            }
            @if !view.address_confirmed && !view.is_for_this_machine() {
                p {
                    (t!("Devices keep this address for as long as they are enrolled. Is it the name that they will find, at home and away? If not, \
                     start the appliance again with another one."))
                }
            }
            @if (!view.address_confirmed || view.is_for_this_machine()) && !view.names.is_empty() { (found(view)) }
            @if view.may_practise {
                div.row {
                    @if !view.address_confirmed { (post("/setup/address", html! { (Button::submit(yes).main()) })) }
                    (post("/setup/address/test", html! { (Button::submit(if view.address_test.is_some() { t!("Try it again") } else { t!("Try whether it answers there") })) }))
                }
            }
            (certificate(view))
        }
    };
    let address = step(view.address_confirmed, t!("Address"), words, more);
    // Gone on with, and still no address for a device.
    if view.address_confirmed && view.is_for_this_machine() { Step { state: StepState::Problem, ..address } } else { address }
}

/// What is typed beside another address where devices could not connect at it.
fn listen(view: &SetupView) -> String {
    view.listens_here_alone.map(|port| t!(" --listen {port}", port)).unwrap_or_default()
}

/// The other names and numbers of this machine, each with what is typed to use it.
fn found(view: &SetupView) -> Markup {
    html! {
        details {
            summary { (t!("This machine was found under ")) (count(view.names.len() as u64, t!("other address"), t!("other addresses"))) }
            p {
                (t!("A name is better than a number, which changes with the network. "))
                @if view.listens_here_alone.is_some() { (t!("The appliance takes connections from this machine alone now, so it has to listen elsewhere too. ")) }
                (t!("Start the appliance with one of:"))
            }
            ul { @for name in &view.names { li { code { "--url " (name) (listen(view)) } } } }
        }
    }
}

/// How a certificate is had that warns nobody.
fn certificate(view: &SetupView) -> Markup {
    html! {
        @if matches!(view.tls, TlsView::Own(_)) {
            details {
                summary { (t!("A certificate that warns nobody")) }
                div.stack {
                    p { (t!("One of Let’s Encrypt, free and renewed by itself, or files of yours (")) code { "--tls-certificate" } (t!(" and ")) code { "--tls-key" } ")." }
                    @if view.ways.is_empty() { p.quiet { (t!("Let’s Encrypt cannot vouch for this name: it cannot be found from the internet.")) } }
                    @else { p { (t!("Let’s Encrypt can see that the name is yours:")) } (tls::ways(&view.ways)) }
                    (onward(tls::ADDRESS, t!("TLS certificate")))
                }
            }
        }
    }
}

pub(super) fn practice(view: &SetupView) -> Step {
    let words = html! {
        @if view.practice > 0 { (count(view.practice, t!("practice device"), t!("practice devices"))) (t!(" here now. They count nowhere and leave with one button.")) }
        @else if view.practice_done { (t!("Tried, or not wanted.")) }
        @else { (t!("Simulated iPads, iPhones and Macs enroll, answer and misbehave like real ones. Nothing of Apple’s is needed.")) }
    };
    let more = html! {
        @if view.practice > 0 { div.row { (Button::link("/system/practice", t!("Add or remove"))) } }
        @else if !view.practice_done && view.may_practise {
            (post("/system/practice", html! {
                div.row { (Button::submit(t!("Add 25 practice devices")).main().sends("devices", "25")) (Button::submit(t!("Skip")).sends("devices", "0")) }
            }))
        }
    };
    step(view.practice_done, t!("Try it with practice devices"), words, more)
}

pub(super) fn push(view: &SetupView, now: Timestamp) -> Step {
    let words = html! {
        @match view.push_until {
            Some(at) => { (t!("Good until ")) (day(at)) ", " (time_ago(at, now)) "." },
            None => (t!("The one file from Apple: its permission to wake your devices. Free, in three steps.")),
        }
    };
    let more = html! {
        @if view.push_until.is_none() { div.row { (Button::link("/system/push", t!("Get the push certificate")).main()) } }
        @else { (onward("/system/push", t!("Push certificate"))) }
    };
    step(view.push_until.is_some(), t!("Push certificate"), words, more)
}

pub(super) fn first_device(view: &SetupView, now: Timestamp) -> Step {
    if view.devices > 0 {
        return step(
            true,
            t!("First device"),
            html! { (count(view.devices, t!("device"), t!("devices"))) (t!(" enrolled.")) },
            onward("/devices", t!("See them")),
        );
    }
    if view.push_until.is_none() {
        return step(
            false,
            t!("First device"),
            html! { (t!("A link or code, opened on an iPhone, iPad or Mac. Needs the push certificate.")) },
            Markup::default(),
        );
    }
    let more = html! {
        @match &view.invitation {
            Some(invitation) => div.with-qr {
                (qr(&invitation.url, t!("A code that leads to the invitation")))
                div.stack { (copy_field("invitation", t!("Address of the invitation"), &invitation.url)) (coming(&view.arrivals, now)) }
            },
            None => div.row { (Button::link("/invitations/new", t!("Invite a device")).main()) },
        }
    };
    step(
        false,
        t!("First device"),
        html! { (t!("Point the camera of an iPhone or iPad at the code, or open the address on a Mac.")) },
        more,
    )
}

fn coming(arrivals: &[Arrival], now: Timestamp) -> Markup {
    html! {
        @if arrivals.is_empty() { p.row.quiet { (state_square(State::Waiting, 12)) (t!("Waiting for a device to open it.")) } }
        @for arrival in arrivals { p.row { strong { (arrival.name) } (badge(arrival.state, &arrival.words)) span.meta { (time_ago(arrival.at, now)) } } }
    }
}

/// Where the content token of a location is brought.
const APPS_AND_BOOKS: &str = "/system/apps-and-books";

pub(super) fn first_app(view: &SetupView, apps: u64) -> Step {
    let (wanted, installed) = view.app_places;
    let words = html! {
        @if wanted > 0 { (installed) (t!(" of ")) (wanted) (t!(" installed, as the devices say.")) }
        @else if apps > 0 { (count(apps, t!("app is"), t!("apps are"))) (t!(" here, and given to no device of yours yet.")) }
        @else { (t!("From the App Store or your own. It goes to the devices of a group.")) }
        // Whoever begins with an app of the store finds out too late otherwise.
        @if wanted == 0 && view.locations == 0 { (t!(" Apps of the App Store need licences, free ones too: bring a content token first.")) }
    };
    let token = || Button::link(APPS_AND_BOOKS, t!("Apps and Books"));
    let more = html! {
        @if view.awaits_location {
            p.row { (state_square(State::Problem, 12)) (t!("There is no content token here, so no licence can be given, and no app of the App Store comes.")) }
            div.row { (token().main()) }
        }
        @else if wanted > 0 && installed == 0 { p.row.quiet { (state_square(State::Waiting, 12)) (t!("Waiting for the first device to say that it is there.")) } }
        @if wanted > 0 { (onward("/apps", t!("See how far it is"))) }
        @else {
            div.row {
                @if view.locations == 0 { (token()) }
                @if apps > 0 { (Button::link("/apps", t!("Give one to a group"))) }
                @else { (Button::link("/apps/new", t!("Choose an app of the App Store"))) (Button::link("/own-apps/new", t!("Upload one of your own"))) }
            }
        }
    };
    step(installed > 0, t!("First app"), words, more)
}

/// Apple School Manager and Apple Business, for who has them.
pub(super) fn tokens(view: &SetupView) -> Step {
    let words = html! {
        @if view.locations == 0 && view.device_lists == 0 { (t!("Two tokens of Apple School Manager or Apple Business: one for licences of apps, one for devices that come in by themselves.")) }
        @else { (count(view.locations, t!("location"), t!("locations"))) (t!(" of Apps and Books, ")) (count(view.device_lists, t!("list"), t!("lists"))) (t!(" of Apple’s devices.")) }
    };
    let more = html! {
        div.row {
            (Button::link(APPS_AND_BOOKS, if view.locations == 0 { t!("Bring a content token") } else { t!("Apps and Books") }).small())
            (Button::link("/system/device-list", if view.device_lists == 0 { t!("Bring a server token") } else { t!("Apple’s device list") }).small())
        }
    };
    step(view.locations > 0 && view.device_lists > 0, t!("Apple’s tokens (when there is time)"), words, more)
}

pub(super) fn backups(view: &SetupView, now: Timestamp) -> Step {
    let words = html! {
        @match view.backup_at {
            Some(at) => { (t!("The last backup was made ")) (time_ago(at, now)) "." },
            None => { (t!("One locked file a day, put somewhere else than here. Without one, a lost disk means enrolling every device again.")) }
        }
    };
    let more = html! {
        @if view.backup_at.is_none() { div.row { (Button::link(BACKUPS, t!("Set up backups"))) } } @else { (onward(BACKUPS, t!("Backups"))) }
    };
    step(view.backup_at.is_some(), t!("Backups (when there is time)"), words, more)
}
