//! What is known about a device, beside its tabs.

use maud::{Markup, html};

use super::super::parts::{Button, Fact, badge, day, time_ago};
use super::{DeviceView, Genuine};
use crate::clock::Timestamp;
use crate::store::account_tokens::Ownership;

pub(super) fn about(view: &DeviceView, now: Timestamp) -> Vec<Fact> {
    let known = &view.facts;
    let mut list = vec![
        Fact::new("State", badge(view.state, &view.state_words)),
        Fact::new("Last seen", html! { @match known.last_seen_at { Some(at) => (time_ago(at, now)), None => "never" } }),
        Fact::text("Model", &known.model),
        Fact::code("Product", &known.product_name),
        Fact::new("System", html! { (known.os) @if !known.build.is_empty() { " " span.quiet { "(" (known.build) ")" } } }),
    ];
    // A person's own device never tells either.
    if view.account.as_ref().is_none_or(|account| account.ownership != Ownership::Own) {
        list.extend([Fact::code("Serial number", &known.serial), Fact::code("UDID", &known.udid)]);
    }
    if known.on_apples_list {
        let href = format!("{}/{}", super::super::ade::devices::ADDRESS, known.serial);
        list.push(Fact::new("Apple's device list", html! { a href=(href) { "It is yours" } }));
    }
    if let Some(supervised) = known.supervised {
        list.push(Fact::text("Supervised", if supervised { "yes" } else { "no" }));
    }
    if known.person.is_some() || view.may_give {
        let person = html! {
            @match &known.person { Some((href, name)) => a href=(href) { (name) }, None => span.quiet { "nobody" } }
            @if view.may_give { " " (Button::link(format!("/devices/{}/person", view.id), "Change").small()) }
        };
        list.push(Fact::new("Person", person));
    }
    if view.may_give {
        list.push(Fact::new("Catalogue", html! { a href=(format!("/devices/{}/catalog", view.id)) { "What its person may choose" } }));
    }
    if !known.groups.is_empty() {
        let names = html! { @for (at, (href, name)) in known.groups.iter().enumerate() { @if at > 0 { ", " } a href=(href) { (name) } } };
        list.push(Fact::new("Groups", names));
    }
    let since = html! { (known.enrollment) @if let Some(at) = known.enrolled_at { ", " (time_ago(at, now)) } };
    list.push(Fact::new("Enrolled", since));
    if let Some(at) = known.identity_ends_at {
        let came = known.identity_came;
        list.push(Fact::new("Identity until", html! { (day(at)) @if !came.is_empty() { ", " span.quiet { (came) } } }));
    }
    if let Some(genuine) = &known.genuine {
        list.push(Fact::new("Genuine", proof(genuine, &view.id, now)));
    }
    if let Some((free, whole)) = known.storage {
        list.push(Fact::text("Storage", &format!("{} of {} free", gigabytes(free), gigabytes(whole))));
    }
    if let Some(percent) = known.battery {
        list.push(Fact::text("Battery", &format!("{percent} %")));
    }
    list.extend(known.more.iter().map(|(name, value)| Fact::text(name, value)));
    list
}

fn proof(genuine: &Genuine, device: &str, now: Timestamp) -> Markup {
    html! {
        (badge(genuine.state, &genuine.words)) @if let Some(at) = genuine.at { " " (time_ago(at, now)) }
        @if !genuine.because.is_empty() { div.meta { (genuine.because) } }
        @if genuine.may_ask { form method="post" action=(format!("/devices/{device}/attest")) { (Button::submit("Have Apple vouch for it").small()) } }
    }
}

/// Decimal gigabytes, as Apple's settings show them.
fn gigabytes(bytes: u64) -> String {
    if bytes >= 10_000_000_000 { format!("{} GB", bytes / 1_000_000_000) } else { format!("{:.1} GB", bytes as f64 / 1e9) }
}
