//! A lost device: said at the top of its page, and where it is, shown to who may, each look recorded.

use maud::{Markup, html};

use super::super::parts::{Button, Confirm, Fact, Frame, Section, Shell, State, confirm, facts, frame, moment, state_square, time_ago};
use crate::clock::Timestamp;
use crate::protocol::report::device::DeviceLocation;

/// What the page of a lost device says.
#[derive(Debug, Clone)]
pub struct LostView {
    /// Since when it is lost, where that is known.
    pub since: Option<Timestamp>,
    /// When it last said where it is.
    pub told_at: Option<Timestamp>,
    /// Where that is shown, for who may see it.
    pub show: Option<String>,
}

/// The banner of a lost device.
pub(super) fn banner(lost: &LostView, now: Timestamp) -> Markup {
    html! {
        div.banner.problem role="note" {
            (state_square(State::Problem, 12))
            p.words {
                strong { (t!("Lost.")) } (t!(" It is in Lost Mode")) @if let Some(at) = lost.since { (t!(" since ")) (moment(at)) } ". "
                @match lost.told_at {
                    Some(at) => { (t!("It said where it is ")) (time_ago(at, now)) "." },
                    None => (t!("It has not said where it is.")),
                }
            }
            @if let (Some(href), Some(_)) = (&lost.show, lost.told_at) { (Button::link(href.clone(), t!("Show where it is…")).small().asks()) }
        }
    }
}

/// The page that asks before a position is shown.
pub fn ask_position(shell: &Shell, device: (&str, &str)) -> Markup {
    let action = format!("{}/position", device.0);
    let title = t!("Show where {device} is", device = device.1);
    let ask = Confirm {
        action: &action,
        title: &title,
        consequence: html! { (t!("Where a device is says where a person is. It is recorded that you looked, with your name and the time.")) },
        verb: t!("Show it"),
        cancel: device.0,
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(device), ..Frame::new(Section::Devices, &title) }, confirm(&ask))
}

/// The page that shows a position, in answer to [`ask_position`]; it must not be cached.
pub fn position(shell: &Shell, device: (&str, &str), place: &DeviceLocation, told_at: Timestamp) -> Markup {
    let title = t!("Where {device} is", device = device.1);
    let (latitude, longitude) = (format!("{:.6}", place.latitude), format!("{:.6}", place.longitude));
    let accuracy = match place.horizontal_accuracy_m {
        Some(metres) if metres < 0.0 => String::from(t!("the device says that this place is not valid")),
        Some(metres) => t!("within {metres} metres", metres = format!("{metres:.0}")),
        None => String::new(),
    };
    // The pin is not called by the device's name: whose it is, is nobody else's to know.
    let map = format!("https://maps.apple.com/?ll={latitude},{longitude}&q=Lost%20device");
    let about = [
        Fact::code(t!("Latitude"), &latitude),
        Fact::code(t!("Longitude"), &longitude),
        Fact::text(t!("Accuracy"), &accuracy),
        Fact::new(t!("It was there"), moment(place.located_at.unwrap_or(told_at))),
    ];
    let content = html! {
        div.form {
            (facts(&about))
            div.row { a.button href=(map) rel="noreferrer" { (t!("Show it on a map")) } }
            p.meta { (t!("The map is Apple’s, and is told the place alone. That you looked is recorded.")) }
        }
    };
    frame(shell, &Frame { back: Some(device), ..Frame::new(Section::Devices, &title) }, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_is_not_valid_is_called_so() {
        let shell = Shell::for_tests(Section::Devices, Timestamp::from_seconds(0));
        let place = |accuracy| DeviceLocation {
            latitude: -33.5,
            longitude: 151.25,
            horizontal_accuracy_m: accuracy,
            altitude_m: None,
            located_at: None,
        };
        let html = |accuracy| position(&shell, ("/devices/1", "iPad <1> & 2"), &place(accuracy), Timestamp::from_seconds(60)).into_string();
        let valid = html(Some(12.4));
        assert!(
            valid.contains("within 12 metres") && valid.contains("https://maps.apple.com/?ll=-33.500000,151.250000&amp;q=Lost%20device"),
            "{valid}"
        );
        assert!(html(Some(-1.0)).contains("is not valid") && !html(None).contains("metres"));
    }
}
