//! The roll: one square per device, grouped; hover and focus give its name and the reason, a click opens it.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::state::{State, state_square};
use super::text::{count, thousands};

/// Squares drawn in one group; the rest is a number that leads to the list.
pub const SQUARES_DRAWN: usize = 300;

/// A device of the roll.
#[derive(Debug, Clone)]
pub struct RollDevice {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// Why, in a sentence or a few words.
    pub reason: String,
    /// Where it is.
    pub href: String,
}

/// A class, cart or group.
#[derive(Debug, Clone)]
pub struct RollGroup {
    /// Its name.
    pub name: String,
    /// Its list.
    pub href: String,
    /// Its devices; those beyond [`SQUARES_DRAWN`] become a number.
    pub devices: Vec<RollDevice>,
    /// How many it has in all.
    pub total: u64,
}

/// All groups.
#[derive(Debug, Clone, Default)]
pub struct Roll {
    /// In the order in which they are shown.
    pub groups: Vec<RollGroup>,
}

/// The roll as drawn.
pub fn roll(roll: &Roll) -> Markup {
    html! {
        div.roll { @for group in &roll.groups { (self::group(group)) } }
    }
}

fn group(group: &RollGroup) -> Markup {
    let drawn = group.devices.len().min(SQUARES_DRAWN);
    let beyond = group.total.saturating_sub(drawn as u64);
    html! {
        div.roll-group {
            div.roll-head { a href=(group.href) { (group.name) } span.quiet { (count(group.total, "device", "devices")) (summary(&group.devices)) } }
            ul.squares aria-label=(group.name) {
                @for device in &group.devices[..drawn] {
                    li {
                        a href=(device.href) {
                            (state_square(device.state, 16))
                            span.tip { b { (device.name) } " " (device.reason) }
                        }
                    }
                }
                @if beyond > 0 { li { a.beyond href=(group.href) { "and " (thousands(beyond)) " more" } } }
            }
        }
    }
}

/// ", 2 waiting, 1 problem": what is not ok, in words.
fn summary(devices: &[RollDevice]) -> String {
    let mut words = String::new();
    for state in [State::Waiting, State::Silent, State::Problem] {
        let n = devices.iter().filter(|device| device.state == state).count() as u64;
        if n > 0 {
            // Writing to a String cannot fail.
            let _ = write!(words, ", {} {}", thousands(n), state.word());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(n: usize, state: State) -> Vec<RollDevice> {
        (0..n)
            .map(|n| RollDevice { name: format!("iPad <{n}>"), state, reason: "Unlocked yesterday".into(), href: format!("/devices/{n}") })
            .collect()
    }

    #[test]
    fn a_group_draws_up_to_its_limit_and_counts_the_rest() {
        let group = RollGroup {
            name: "Class 3".into(),
            href: "/devices?group=3".into(),
            devices: devices(SQUARES_DRAWN + 5, State::Ok),
            total: 900,
        };
        let html = roll(&Roll { groups: vec![group] }).into_string();
        assert_eq!(html.matches("<svg").count(), SQUARES_DRAWN);
        assert!(html.contains("and 600 more") && html.contains("900 devices"), "{html}");
    }

    #[test]
    fn what_is_not_ok_is_said_in_words() {
        let mut list = devices(2, State::Waiting);
        list.extend(devices(1, State::Problem));
        assert_eq!(summary(&list), ", 2 waiting, 1 problem");
        assert_eq!(summary(&devices(3, State::Ok)), "");
    }

    #[test]
    fn every_square_has_its_name_and_reason() {
        let group = RollGroup { name: "Cart".into(), href: "/x".into(), devices: devices(1, State::Silent), total: 1 };
        let html = roll(&Roll { groups: vec![group] }).into_string();
        assert!(html.contains("<b>iPad &lt;0&gt;</b> Unlocked yesterday"), "{html}");
    }
}
