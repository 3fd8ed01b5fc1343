//! What a plan would do, before it is saved: counts, reasons with numbers, and every device.

use maud::{Markup, html};

use super::super::parts::{Button, Column, Frame, Row, Section, Shell, Table, count, hidden, post, section, table, thousands};
use super::super::parts::{empty, frame};
use super::super::profiles::parts::warnings;
use crate::language::{self, say};
use crate::mdm::updates::preview::{Device, Foreseen, Overlap, Preview};

/// Devices of one kind that are shown; the numbers are of all.
pub const DEVICES_SHOWN: usize = 100;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct PreviewView {
    /// What the plan is called.
    pub name: String,
    /// Where its form goes.
    pub action: String,
    /// The form as it was sent.
    pub sent: Vec<(String, String)>,
    /// What it means, in sentences.
    pub means: Vec<String>,
    /// What nothing can come of, a sentence each.
    pub warnings: Vec<String>,
    /// The names of the rings.
    pub rings: Vec<String>,
    /// What would become of each device.
    pub preview: Preview,
}

/// What would become of devices, in the order of the page: short words for the number, and a title for the list.
const KINDS: [(Foreseen, &str, &str, &str); 7] = [
    (Foreseen::Declaration, "declaration", msg!("know the deadline and install it by themselves"), msg!("Install it by themselves")),
    (
        Foreseen::Command,
        "command",
        msg!("are led through it step by step, as their system is older"),
        msg!("Are led through it step by step"),
    ),
    (Foreseen::Cannot, "cannot", msg!("cannot have it"), msg!("Cannot have it")),
    (Foreseen::Later, "later", msg!("cannot be told yet"), msg!("Cannot be told yet")),
    (Foreseen::Done, "done", msg!("have it already"), msg!("Have it already")),
    (Foreseen::Excepted, "excepted", msg!("are left alone"), msg!("Are left alone")),
    (Foreseen::NotConcerned, "others", msg!("are not concerned"), msg!("Are not concerned")),
];

/// The page.
pub fn preview(shell: &Shell, view: &PreviewView) -> Markup {
    let title = t!("What “{name}” would do", name = view.name);
    let page = Frame { under: html! { (t!("Nothing has been saved or sent yet.")) }, ..Frame::new(Section::Updates, &title) };
    let total: u64 = view.preview.counts.values().map(|number| u64::from(*number)).sum();
    let foot = |id: &str| {
        post(
            &view.action,
            html! {
                (hidden(&view.sent))
                div.form-foot id=(id) {
                    (Button::submit(t!("Save the plan")).main().sends("do", "save"))
                    (Button::submit(t!("Back to the form")).sends("do", "form"))
                }
            },
        )
    };
    let content = html! {
        div.stack.loose {
            div.stack { @for sentence in &view.means { p { (sentence) } } }
            (warnings(&view.warnings))
            (summary(view, total))
            (foot("save"))
            @if total == 0 { (empty(t!("No device"), t!("Tick groups with devices in the rings; the plan can be saved without, and waits for them."), Markup::default())) }
            @for (kind, id, _, title) in KINDS { (devices(view, kind, id, say(title))) }
            @if total > 0 { (foot("save-again")) }
        }
    };
    frame(shell, &page, content)
}

fn summary(view: &PreviewView, total: u64) -> Markup {
    html! {
        @if total > 0 {
            div.stack {
                p { (t!("Of ")) strong { (count(total, t!("device"), t!("devices"))) } ":" }
                ul.plain {
                    @for (kind, id, words, _) in KINDS {
                        @if let Some(number) = view.preview.counts.get(&kind).filter(|number| **number > 0) {
                            li { a href=(format!("#{id}")) { (thousands(u64::from(*number))) } " " (say(words)) }
                        }
                    }
                }
            }
        }
        @if view.preview.is_cut { p.quiet { (t!("There are more devices than are looked at for a preview; the numbers are of the first ones.")) } }
        @if !view.preview.overlaps.is_empty() {
            p { (t!("Other plans are about some of them as well. Where two are, the one with the earlier deadline comes first, and the other after it:")) }
            ul.plain { @for overlap in &view.preview.overlaps { li { a href=(format!("/updates/plans/{}", overlap.plan_id)) { "“" (overlap.plan) "”" } " " (also(overlap)) } } }
        }
        @if !view.preview.reasons.is_empty() {
            div.stack {
                p { (t!("Why some cannot:")) }
                ul.plain { @for reason in &view.preview.reasons { li { a href="#cannot" { (thousands(u64::from(reason.devices))) } ": " (reason.because) } } }
            }
        }
    }
}

/// What goes on about the other plan after its name.
fn also(overlap: &Overlap) -> String {
    let number = thousands(u64::from(overlap.devices));
    let first = match overlap.comes_first_on {
        0 => String::from(t!("this plan comes first there")),
        all if all == overlap.devices => String::from(t!("it comes first there")),
        some => t!("it comes first on {from}", from = thousands(u64::from(some))),
    };
    t!("means to bring something to {number} of these devices too; {first}.", number, first)
}

fn devices(view: &PreviewView, kind: Foreseen, id: &str, title: &str) -> Markup {
    let of_kind: Vec<&Device> = view.preview.devices.iter().filter(|device| device.foreseen == kind).collect();
    if of_kind.is_empty() {
        return Markup::default();
    }
    let row = |device: &&Device| Row {
        id: String::new(),
        href: Some(format!("/devices/{}/updates", device.device_id)),
        name: device.name.clone(),
        cells: vec![
            html! { (if device.name.is_empty() { t!("A device without a name") } else { &device.name }) },
            html! { (view.rings.get(device.ring).map(String::as_str).unwrap_or_default()) },
            html! { (device.os_version) @if !device.version.is_empty() { " → " (device.version) } },
            html! {
                @if let Some(opens) = device.opens { (t!("from ")) (language::date(opens.words())) }
                @if let Some(deadline) = device.deadline { (t!(", installed by ")) (language::date(deadline.words())) }
                (device.because)
                @for besides in device.besides.iter().filter(|besides| besides.comes_first) {
                    (t!(", after “")) (besides.plan) "” (" (besides.version) (t!(" by ")) (language::date(besides.deadline.words())) ")"
                }
            },
        ],
    };
    let list = table(&Table {
        caption: title,
        columns: vec![
            Column::main(t!("Device")),
            Column::text(t!("Ring")),
            Column::text(t!("Version")).whole(),
            Column::text(t!("When, or why not")).wraps(),
        ],
        rows: of_kind.iter().take(DEVICES_SHOWN).map(row).collect(),
        pager: None,
        empty: Markup::default(),
        selection: None,
        compact: true,
    });
    html! {
        div id=(id) {
            (section(title, html! {
                (list)
                @if of_kind.len() > DEVICES_SHOWN { p.meta { (t!("and ")) (thousands((of_kind.len() - DEVICES_SHOWN) as u64)) (t!(" more")) } }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::updates::preview::Reason;

    #[test]
    fn numbers_lead_to_their_devices_and_long_lists_are_cut() {
        let shell = Shell::for_tests(Section::Updates, Timestamp::from_seconds(1_795_577_349));
        let device = |n: usize| Device {
            device_id: format!("d{n}"),
            name: format!("iPad <{n}>"),
            os_version: "18.1".into(),
            ring: 0,
            foreseen: Foreseen::Cannot,
            version: String::new(),
            opens: None,
            deadline: None,
            signed_until: None,
            is_late: false,
            because: "Apple’s list does not name this hardware".into(),
            besides: vec![],
        };
        let devices: Vec<_> = (0..=DEVICES_SHOWN).map(device).collect();
        let preview = Preview {
            counts: [(Foreseen::Cannot, devices.len() as u32)].into(),
            reasons: vec![Reason { because: "Apple’s list does not name this hardware".into(), devices: devices.len() as u32 }],
            overlaps: vec![Overlap { plan_id: "p2".into(), plan: "Aut<umn".into(), devices: 12, comes_first_on: 8 }],
            devices,
            is_cut: false,
        };
        let view = PreviewView {
            name: "Winter".into(),
            action: "/updates/plans/new".into(),
            sent: vec![("name".into(), "Win\"ter".into())],
            means: vec![],
            warnings: vec!["“Pilot” has no group yet.".into()],
            rings: vec!["Pilot".into()],
            preview,
        };
        let html = self::preview(&shell, &view).into_string();
        for part in [
            "<a href=\"#cannot\">101</a> cannot have it",
            "and 1 more",
            "“Aut&lt;umn”</a> means to bring something to 12 of these devices too; it comes first on 8.",
            "iPad &lt;99&gt;",
            "“Pilot” has no group yet.",
            "value=\"Win&quot;ter\"",
            "name=\"do\" value=\"save\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("iPad &lt;100&gt;"));
    }
}
