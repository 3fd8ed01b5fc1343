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
        (view.owner) " is the Owner."
        @match view.second_factor {
            Some(true) => " The second factor is on.",
            Some(false) => " The password alone lets you in: a code from a telephone beside it keeps others out, even who knows it.",
            None => "",
        }
    };
    let more = match view.second_factor {
        Some(false) => onward("/account/second-factor", "Add a second factor"),
        Some(true) => onward("/account", "Your account"),
        None => Markup::default(),
    };
    step(true, "You", words, more)
}

pub(super) fn address(view: &SetupView, now: Timestamp) -> Step {
    let vouch = match &view.tls {
        TlsView::Own(trust) => html! {
            ". It vouches for itself; " a href=(trust) { "devices learn to trust it" } " when they enroll. People who open a link before that are warned."
        },
        TlsView::Public => html! { ", with " a href=(tls::ADDRESS) { "a certificate that everybody trusts" } "." },
        TlsView::Files(until) => html! { ", with a certificate of yours until " (day(*until)) "." },
    };
    let words = html! { "Devices reach the appliance at " span.mono { (view.url) } (vouch) };
    let yes = if view.is_for_this_machine() { "Go on with it, to try out" } else { "Yes, this is its address" };
    let more = html! {
        div #address.stack {
            @if let Some(test) = &view.address_test {
                p { (state_square(if test.good { State::Ok } else { State::Problem }, 12)) " " (test.words) " " span.meta { (time_ago(test.at, now)) } }
            }
            @if !view.extra_hosts.is_empty() { p { "Served too: " (view.extra_hosts.join(", ")) ", for devices that moved in." } }
            @if view.is_for_this_machine() {
                p {
                    (state_square(State::Problem, 12)) " This address is for this machine alone: it leads every device to itself. It serves to try out \
                     with practice devices. Before real ones enroll, give the machine a name that they find, and start the appliance with it: "
                    code { "--url https://NAME" (listen(view)) }
                }
            } @else if let Some(port) = view.listens_here_alone {
                p {
                    "The appliance takes connections from this machine alone. Unless a program here passes devices on, start it with "
                    code { "--listen " (port) } " too."
                }
            }
            @if !view.address_confirmed && !view.is_for_this_machine() {
                p {
                    "Devices keep this address for as long as they are enrolled. Is it the name that they will find, at home and away? If not, \
                     start the appliance again with another one."
                }
            }
            @if (!view.address_confirmed || view.is_for_this_machine()) && !view.names.is_empty() { (found(view)) }
            @if view.may_practise {
                div.row {
                    @if !view.address_confirmed { (post("/setup/address", html! { (Button::submit(yes).main()) })) }
                    (post("/setup/address/test", html! { (Button::submit(if view.address_test.is_some() { "Try it again" } else { "Try whether it answers there" })) }))
                }
            }
            (certificate(view))
        }
    };
    let address = step(view.address_confirmed, "Address", words, more);
    // Gone on with, and still no address for a device.
    if view.address_confirmed && view.is_for_this_machine() { Step { state: StepState::Problem, ..address } } else { address }
}

/// What is typed beside another address where devices could not connect at it.
fn listen(view: &SetupView) -> String {
    view.listens_here_alone.map(|port| format!(" --listen {port}")).unwrap_or_default()
}

/// The other names and numbers of this machine, each with what is typed to use it.
fn found(view: &SetupView) -> Markup {
    html! {
        details {
            summary { "This machine was found under " (count(view.names.len() as u64, "other address", "other addresses")) }
            p {
                "A name is better than a number, which changes with the network. "
                @if view.listens_here_alone.is_some() { "The appliance takes connections from this machine alone now, so it has to listen elsewhere too. " }
                "Start the appliance with one of:"
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
                summary { "A certificate that warns nobody" }
                div.stack {
                    p { "One of Let’s Encrypt, free and renewed by itself, or files of yours (" code { "--tls-certificate" } " and " code { "--tls-key" } ")." }
                    @if view.ways.is_empty() { p.quiet { "Let’s Encrypt cannot vouch for this name: it cannot be found from the internet." } }
                    @else { p { "Let’s Encrypt can see that the name is yours:" } (tls::ways(&view.ways)) }
                    (onward(tls::ADDRESS, "TLS certificate"))
                }
            }
        }
    }
}

pub(super) fn practice(view: &SetupView) -> Step {
    let words = html! {
        @if view.practice > 0 { (count(view.practice, "practice device", "practice devices")) " here now. They count nowhere and leave with one button." }
        @else if view.practice_done { "Tried, or not wanted." }
        @else { "Simulated iPads, iPhones and Macs enroll, answer and misbehave like real ones. Nothing of Apple’s is needed." }
    };
    let more = html! {
        @if view.practice > 0 { div.row { (Button::link("/system/practice", "Add or remove")) } }
        @else if !view.practice_done && view.may_practise {
            (post("/system/practice", html! {
                div.row { (Button::submit("Add 25 practice devices").main().sends("devices", "25")) (Button::submit("Skip").sends("devices", "0")) }
            }))
        }
    };
    step(view.practice_done, "Try it with practice devices", words, more)
}

pub(super) fn push(view: &SetupView, now: Timestamp) -> Step {
    let words = html! {
        @match view.push_until {
            Some(at) => { "Good until " (day(at)) ", " (time_ago(at, now)) "." },
            None => "The one file from Apple: its permission to wake your devices. Free, in three steps.",
        }
    };
    let more = html! {
        @if view.push_until.is_none() { div.row { (Button::link("/system/push", "Get the push certificate").main()) } }
        @else { (onward("/system/push", "Push certificate")) }
    };
    step(view.push_until.is_some(), "Push certificate", words, more)
}

pub(super) fn first_device(view: &SetupView, now: Timestamp) -> Step {
    if view.devices > 0 {
        return step(
            true,
            "First device",
            html! { (count(view.devices, "device", "devices")) " enrolled." },
            onward("/devices", "See them"),
        );
    }
    if view.push_until.is_none() {
        return step(
            false,
            "First device",
            html! { "A link or code, opened on an iPhone, iPad or Mac. Needs the push certificate." },
            Markup::default(),
        );
    }
    let more = html! {
        @match &view.invitation {
            Some(invitation) => div.with-qr {
                (qr(&invitation.url, "A code that leads to the invitation"))
                div.stack { (copy_field("invitation", "Address of the invitation", &invitation.url)) (coming(&view.arrivals, now)) }
            },
            None => div.row { (Button::link("/invitations/new", "Invite a device").main()) },
        }
    };
    step(false, "First device", html! { "Point the camera of an iPhone or iPad at the code, or open the address on a Mac." }, more)
}

fn coming(arrivals: &[Arrival], now: Timestamp) -> Markup {
    html! {
        @if arrivals.is_empty() { p.row.quiet { (state_square(State::Waiting, 12)) "Waiting for a device to open it." } }
        @for arrival in arrivals { p.row { strong { (arrival.name) } (badge(arrival.state, &arrival.words)) span.meta { (time_ago(arrival.at, now)) } } }
    }
}

pub(super) fn first_app(apps: u64, (wanted, installed): (u64, u64)) -> Step {
    let words = html! {
        @if wanted > 0 { (installed) " of " (wanted) " installed, as the devices say." }
        @else if apps > 0 { (count(apps, "app is", "apps are")) " here, and given to no device of yours yet." }
        @else { "From the App Store or your own. It goes to the devices of a group." }
    };
    let more = html! {
        @if wanted > 0 && installed == 0 { p.row.quiet { (state_square(State::Waiting, 12)) "Waiting for the first device to say that it is there." } }
        @if wanted > 0 { (onward("/apps", "See how far it is")) }
        @else if apps > 0 { div.row { (Button::link("/apps", "Give one to a group")) } }
        @else { div.row { (Button::link("/apps/new", "Choose an app of the App Store")) (Button::link("/own-apps/new", "Upload one of your own")) } }
    };
    step(installed > 0, "First app", words, more)
}

/// Apple School Manager and Apple Business, for who has them.
pub(super) fn tokens(view: &SetupView) -> Step {
    let words = html! {
        @if view.locations == 0 && view.device_lists == 0 { "Two tokens of Apple School Manager or Apple Business: one for licences of apps, one for devices that come in by themselves." }
        @else { (count(view.locations, "location", "locations")) " of Apps and Books, " (count(view.device_lists, "list", "lists")) " of Apple’s devices." }
    };
    let more = html! {
        div.row {
            (Button::link("/system/apps-and-books", if view.locations == 0 { "Bring a content token" } else { "Apps and Books" }).small())
            (Button::link("/system/device-list", if view.device_lists == 0 { "Bring a server token" } else { "Apple’s device list" }).small())
        }
    };
    step(view.locations > 0 && view.device_lists > 0, "Apple’s tokens (when there is time)", words, more)
}

pub(super) fn backups(view: &SetupView, now: Timestamp) -> Step {
    let words = html! {
        @match view.backup_at {
            Some(at) => { "The last backup was made " (time_ago(at, now)) "." },
            None => { "One locked file a day, put somewhere else than here. Without one, a lost disk means enrolling every device again." }
        }
    };
    let more = html! {
        @if view.backup_at.is_none() { div.row { (Button::link(BACKUPS, "Set up backups")) } } @else { (onward(BACKUPS, "Backups")) }
    };
    step(view.backup_at.is_some(), "Backups (when there is time)", words, more)
}
