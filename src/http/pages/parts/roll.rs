//! The roll: one square per device, grouped; hover and focus give its name and the reason, a click opens it.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::named::named;
use super::state::{State, state_square};
use super::text::{count, thousands};

/// Squares drawn of all groups together, as far as there are no more groups; the rest of each is a number that leads to its list.
pub const SQUARES_DRAWN: usize = 500;

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
    /// Those of its devices that get a square.
    pub devices: Vec<RollDevice>,
    /// All its devices by how they are, in the order of [`State::ALL`].
    pub counts: [u64; 5],
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
    let total: u64 = group.counts.iter().sum();
    let beyond = total.saturating_sub(group.devices.len() as u64);
    html! {
        div.roll-group {
            div.roll-head { a href=(group.href) { (named(&group.name)) } span.quiet { (count(total, t!("device"), t!("devices"))) (summary(group.counts)) } }
            ul.squares aria-label=(group.name) {
                @for device in &group.devices {
                    li {
                        a href=(device.href) {
                            (state_square(device.state, 16))
                            span.tip { b { (named(&device.name)) } " " (device.reason) }
                        }
                    }
                }
                @if beyond > 0 { li { a.beyond href=(group.href) { (t!("and ")) (thousands(beyond)) (t!(" more")) } } }
            }
        }
    }
}

/// ", 2 waiting, 1 problem": what is not ok, in words.
fn summary(counts: [u64; 5]) -> String {
    let mut words = String::new();
    for (state, n) in State::ALL.into_iter().zip(counts) {
        if n > 0 && state != State::Ok {
            // Writing to a String cannot fail.
            let _ = write!(words, ", {} {}", thousands(n), state.said());
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
    fn a_group_says_its_true_size_and_that_there_are_more_than_are_drawn() {
        let (devices, counts) = (devices(20, State::Ok), [880, 15, 0, 4, 1]);
        let group = RollGroup { name: "Class 3".into(), href: "/devices?group=3".into(), devices, counts };
        let html = roll(&Roll { groups: vec![group] }).into_string();
        assert_eq!(html.matches("<svg").count(), 20);
        assert!(html.contains("and 880 more") && html.contains("900 devices, 15 waiting, 4 problem, 1 lost"), "{html}");
    }

    #[test]
    fn what_is_not_ok_is_said_in_words() {
        assert_eq!(summary([7, 2, 0, 1, 0]), ", 2 waiting, 1 problem");
        assert_eq!(summary([3, 0, 0, 0, 0]), "");
    }

    #[test]
    fn every_square_has_its_name_and_reason() {
        let group = RollGroup { name: "Cart".into(), href: "/x".into(), devices: devices(1, State::Silent), counts: [0, 0, 1, 0, 0] };
        let html = roll(&Roll { groups: vec![group] }).into_string();
        assert!(html.contains("<b>iPad &lt;0&gt;</b> Unlocked yesterday"), "{html}");
    }
}
