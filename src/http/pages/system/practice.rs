//! Practice devices: how many there are, more or fewer, or none.

use crate::language::way;
use maud::{Markup, html};

use super::super::ade::devices::switch_on;
use super::super::parts::{Button, Confirm, Frame, Live, Section, Shell, confirm, field, frame, live, post, progress, section};

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct PracticeView {
    /// How many are wanted, with those of the cart and people's own.
    pub wanted: u64,
    /// How many of them are of the classroom, which is the number that can be changed.
    pub classroom: u64,
    /// How many are here.
    pub here: u64,
    /// How many iPads of the practice cart are boxed still.
    pub boxed: u64,
    /// Whether practice people enroll devices of their own.
    pub own: bool,
    /// What stands in the way of that, in words.
    pub own_obstacle: Option<&'static str>,
    /// The most there may be.
    pub limit: u64,
    /// What was typed, when it was wrong, and what is wrong with it.
    pub refused: Option<(String, String)>,
    /// Whether the viewer may change how many there are.
    pub may_change: bool,
    /// Whether the viewer may switch boxed ones on.
    pub may_switch_on: bool,
}

/// Where people are told to enroll their own devices.
const OWN_DEVICES: &str = "/system/practice/own-devices";

const BACK: (&str, &str) = ("/system", msg!("System"));

/// The page.
pub fn practice(shell: &Shell, view: &PracticeView) -> Markup {
    let classroom = view.classroom.to_string();
    let typed = view.refused.as_ref().map_or(classroom.as_str(), |(typed, _)| typed);
    let error = view.refused.as_ref().map(|(_, error)| error.as_str());
    let help = t!(
        "Up to {thousands}. iPads, iPhones, Macs and an Apple TV, with systems from iOS 12 to 27.",
        thousands = super::super::parts::thousands(view.limit)
    );
    let under = html! { (t!("Simulated on this machine. They enroll, answer and misbehave like real ones, and count nowhere.")) };
    let content = html! {
        @if view.wanted > 0 || view.here > 0 {
            (live(Live { id: "practice", topics: "enrollment device setting", of: None, src: None }, how_far(view)))
        }
        @if view.may_change {
            (post("/system/practice", html! {
                div.form {
                    (field("devices", t!("How many practice devices")).kind("number").value(typed).error(error).help(&help))
                    div.form-foot { (Button::submit(t!("Set the number")).main()) }
                }
            }))
        }
        @else { p.quiet { (t!("How many there are is a setting: an Owner or Admin says it.")) } }
        @if view.may_switch_on && view.boxed > 0 { (section(t!("Practice cart"), switch_on("/system/practice", view.boxed))) }
        @if view.may_switch_on && view.wanted > 0 && !view.own { (section(t!("People’s own devices"), own_devices(view.own_obstacle))) }
        @if view.may_change {
            @if view.wanted > 0 || view.here > 0 { div.row { (Button::link("/system/practice/remove", t!("Remove all of them…")).destructive().asks()) } }
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), under, ..Frame::new(Section::System, t!("Practice devices")) }, content)
}

/// The button that has practice people enroll devices of their own.
fn own_devices(obstacle: Option<&str>) -> Markup {
    html! {
        p.quiet { (t!("Two people have an iPhone and an iPad of their own, and enroll them by their account: so one sees what is managed of such a device, and what is not.")) }
        @match obstacle {
            Some(words) => p { (words) " " a href=(super::account::ADDRESS) { (t!("Enrollment by account")) } },
            None => (post(OWN_DEVICES, html! { div.row { (Button::submit(t!("Have them enroll"))) } })),
        }
    }
}

fn how_far(view: &PracticeView) -> Markup {
    let words = match view.wanted.cmp(&view.here) {
        std::cmp::Ordering::Greater => t!("The rest is enrolling."),
        std::cmp::Ordering::Equal => t!("All are enrolled."),
        std::cmp::Ordering::Less => t!("More are here than wanted; they are leaving."),
    };
    html! { div.form { (progress(view.here.min(view.wanted), view.wanted, words)) } }
}

/// The page that asks before all practice devices are removed.
pub fn remove(shell: &Shell, here: u64) -> Markup {
    let title = t!("Remove {count}", count = super::super::parts::count(here, t!("practice device"), t!("practice devices")));
    let ask = Confirm {
        action: "/system/practice/remove",
        title: &title,
        consequence: html! { (t!("They and everything about them disappear. Real devices are not touched.")) },
        verb: &title,
        destructive: true,
        cancel: "/system/practice",
        ..Confirm::default()
    };
    frame(shell, &Frame { back: Some(("/system/practice", t!("Practice devices"))), ..Frame::new(Section::System, &title) }, confirm(&ask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_number_that_cannot_be_stays_to_be_mended() {
        let shell = Shell::for_tests(Section::System, Timestamp::from_seconds(0));
        let refused = Some(("many".to_owned(), "Write a number up to 500.".to_owned()));
        let view = PracticeView {
            wanted: 27,
            classroom: 25,
            here: 12,
            boxed: 10,
            limit: 500,
            refused,
            may_change: true,
            may_switch_on: true,
            ..PracticeView::default()
        };
        let html = practice(&shell, &view).into_string();
        assert!(html.contains("value=\"many\"") && html.contains("Write a number up to 500.") && html.contains("12 of 27"), "{html}");
        let right = practice(&shell, &PracticeView { refused: None, ..view.clone() }).into_string();
        assert!(right.contains("value=\"25\""), "without those that come on top: {right}");
        assert!(html.contains("Switch all 10 on"), "{html}");
        let look = practice(&shell, &PracticeView { may_change: false, ..view.clone() }).into_string();
        assert!(!look.contains("Set the number") && !look.contains("Remove all") && look.contains("Switch all 10 on"), "{look}");
        assert!(
            !practice(&shell, &PracticeView { may_change: false, may_switch_on: false, ..view.clone() })
                .into_string()
                .contains("Switch all")
        );
        assert!(html.contains("action=\"/system/practice/own-devices\"") && html.contains("Have them enroll"), "{html}");
        let not_yet = practice(&shell, &PracticeView { own_obstacle: Some("They may not."), ..view.clone() }).into_string();
        assert!(not_yet.contains("They may not.") && !not_yet.contains("Have them enroll"), "{not_yet}");
        assert!(!practice(&shell, &PracticeView { own: true, ..view.clone() }).into_string().contains("Have them enroll"));
        assert!(remove(&shell, 1).into_string().contains("Remove 1 practice device"));
    }
}
