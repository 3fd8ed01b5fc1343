//! What is known about a device, beside its tabs.

use maud::{Markup, html};

use super::super::parts::{Button, Fact, badge, day, named, time_ago};
use super::{DeviceView, Genuine};
use crate::clock::Timestamp;
use crate::store::account_tokens::Ownership;

pub(super) fn about(view: &DeviceView, now: Timestamp) -> Vec<Fact> {
    let known = &view.facts;
    let mut list = vec![
        Fact::new(t!("State"), badge(view.state, &view.state_words)),
        Fact::new(t!("Last seen"), html! { @match known.last_seen_at { Some(at) => (time_ago(at, now)), None => (t!("never")) } }),
        Fact::text(t!("Model"), &known.model),
        Fact::code(t!("Product"), &known.product_name),
        Fact::new(t!("System"), html! { (known.os) @if !known.build.is_empty() { " " span.quiet { "(" (known.build) ")" } } }),
    ];
    // A person's own device never tells either.
    if view.account.as_ref().is_none_or(|account| account.ownership != Ownership::Own) {
        list.extend([Fact::code(t!("Serial number"), &known.serial), Fact::code("UDID", &known.udid)]);
    }
    if known.on_apples_list {
        let href = format!("{}/{}", super::super::ade::devices::ADDRESS, known.serial);
        list.push(Fact::new(t!("Apple's device list"), html! { a href=(href) { (t!("It is yours")) } }));
    }
    if let Some(supervised) = known.supervised {
        list.push(Fact::text(t!("Supervised"), if supervised { t!("yes") } else { t!("no") }));
    }
    if known.person.is_some() || view.may_give {
        let person = html! {
            @match &known.person { Some((href, name)) => a href=(href) { (named(name)) }, None => span.quiet { (t!("nobody")) } }
            @if view.may_give { " " (Button::link(format!("/devices/{}/person", view.id), t!("Change")).small()) }
        };
        list.push(Fact::new(t!("Person"), person));
    }
    if view.may_give {
        list.push(Fact::new(
            t!("Catalogue"),
            html! { a href=(format!("/devices/{}/catalog", view.id)) { (t!("What its person may choose")) } },
        ));
    }
    if !known.groups.is_empty() {
        let names =
            html! { @for (at, (href, name)) in known.groups.iter().enumerate() { @if at > 0 { ", " } a href=(href) { (named(name)) } } };
        list.push(Fact::new(t!("Groups"), names));
    }
    let since = html! { (known.enrollment) @if let Some(at) = known.enrolled_at { ", " (time_ago(at, now)) } };
    list.push(Fact::new(t!("Enrolled"), since));
    if let Some(at) = known.identity_ends_at {
        let came = known.identity_came;
        list.push(Fact::new(t!("Identity until"), html! { (day(at)) @if !came.is_empty() { ", " span.quiet { (came) } } }));
    }
    if let Some(genuine) = &known.genuine {
        list.push(Fact::new(t!("Genuine"), proof(genuine, &view.id, now)));
    }
    if let Some((free, whole)) = known.storage {
        list.push(Fact::text(t!("Storage"), &t!("{free} of {whole} free", free = gigabytes(free), whole = gigabytes(whole))));
    }
    if let Some(percent) = known.battery {
        list.push(Fact::text(t!("Battery"), &format!("{percent} %")));
    }
    list.extend(known.more.iter().map(|(name, value)| Fact::text(name, value)));
    list
}

fn proof(genuine: &Genuine, device: &str, now: Timestamp) -> Markup {
    html! {
        (badge(genuine.state, &genuine.words)) @if let Some(at) = genuine.at { " " (time_ago(at, now)) }
        @if !genuine.because.is_empty() { div.meta { (genuine.because) } }
        @if genuine.may_ask { form method="post" action=(format!("/devices/{device}/attest")) { (Button::submit(t!("Have Apple vouch for it")).small()) } }
    }
}

/// Decimal gigabytes, as Apple's settings show them.
fn gigabytes(bytes: u64) -> String {
    if bytes >= 10_000_000_000 {
        t!("{gigabytes} GB", gigabytes = bytes / 1_000_000_000)
    } else {
        t!("{e9} GB", e9 = format!("{:.1}", bytes as f64 / 1e9))
    }
}
