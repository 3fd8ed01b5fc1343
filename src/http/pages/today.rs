//! Today: what needs you, one square per device, check-ins, and what ends soon.

use maud::{Markup, html};

use super::parts::{
    Button, Frame, Live, Roll, Section, Shell, Sparkline, State, bar, count, day, empty, frame, legend, live, progress, roll, section,
    sparkline, state_square, state_square_named, thousands, time_ago,
};
use super::teaching::{FocusRow, running};
use super::updates::plans::PlanRow;
use crate::clock::Timestamp;

/// Where one sees what goes on: address and words.
pub const GOING_ON: (&str, &str) = ("/#focuses", msg!("Show how far they are"));

/// What the page shows.
#[derive(Debug, Clone)]
pub struct TodayView {
    /// What needs someone, the most harmful first.
    pub needs: Vec<Need>,
    /// Lessons that go on.
    pub focuses: Vec<FocusRow>,
    /// Update plans by which devices get an update now.
    pub plans: Vec<PlanRow>,
    /// What was asked of several devices at once.
    pub batches: Vec<BatchRow>,
    /// Whether the viewer may end lessons.
    pub may_teach: bool,
    /// Whether the viewer may add practice devices.
    pub may_configure: bool,
    /// All devices, by class, cart or group.
    pub roll: Roll,
    /// How many devices are in each state, in the order of [`State::ALL`].
    pub counts: [u64; 5],
    /// Check-ins over 14 days.
    pub check_ins: Sparkline,
    /// Certificates and tokens with an end, the nearest first.
    pub countdowns: Vec<Countdown>,
}

/// Something that needs someone.
#[derive(Debug, Clone)]
pub struct Need {
    /// [`State::Problem`] when something is broken, [`State::Waiting`] when it will be.
    pub state: State,
    /// What, in a few words with its number.
    pub what: String,
    /// Why, in a sentence.
    pub why: String,
    /// Where it is mended: address and words.
    pub way: Option<(String, String)>,
}

/// Something that was asked of several devices at once.
#[derive(Debug, Clone)]
pub struct BatchRow {
    /// What they were asked, to stand after "to": `restart`.
    pub deed: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How many were asked.
    pub all: u64,
    /// How many have confirmed it.
    pub confirmed: u64,
    /// In how many queues it is still.
    pub waiting: u64,
}

/// Something that ends.
#[derive(Debug, Clone)]
pub struct Countdown {
    /// What.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Whether that is far, near or past.
    pub state: State,
    /// Where it is renewed.
    pub href: String,
}

/// The page.
pub fn page(shell: &Shell, view: &TodayView) -> Markup {
    let topics = t!("device enrollment command push");
    let total: u64 = view.counts.iter().sum();
    let content = html! {
        (live(Live { id: "needs", topics: "device enrollment command push app update update_plan release notice", of: None, src: None }, needs(view)))
        (live(Live { id: "focuses", topics: "focus deployment command update update_plan device enrollment", of: None, src: None }, going_on(view, shell.now)))
        @if total == 0 {
            // Live too, so that the first device is seen coming.
            (live(Live { id: "roll", topics, of: None, src: None }, section(t!("Devices"), empty(
                t!("No devices yet"),
                t!("Every device becomes a square here. Set-up leads you to the first one in about ten minutes."),
                html! { (Button::link("/setup", t!("Go on with set-up")).main()) @if view.may_configure { (Button::link("/system/practice", t!("Add practice devices"))) } },
            ))))
        } @else {
            (live(Live { id: "roll", topics, of: None, src: None }, devices(view, total)))
        }
        div.halves {
            (section("Check-ins", live(Live { id: "check-ins", topics: "device", of: None, src: None }, sparkline(&view.check_ins))))
            (section(t!("What ends"), countdowns(view, shell.now)))
        }
    };
    frame(shell, &Frame::new(Section::Today, t!("Today")), content)
}

fn needs(view: &TodayView) -> Markup {
    let title = if view.needs.is_empty() { t!("Nothing needs you") } else { t!("Needs you") };
    section(
        title,
        html! {
            @if view.needs.is_empty() { p.quiet { (t!("Whatever waits will go on by itself.")) } }
            @else {
                ul.needs {
                    @for need in &view.needs {
                        li {
                            (state_square_named(need.state, 16, need.state.word()))
                            div { p.what { (need.what) } p.quiet { (need.why) } }
                            @if let Some((href, words)) = &need.way { div.do { (Button::link(href, words).small()) } }
                        }
                    }
                }
            }
        },
    )
}

/// Lessons, update plans and what was asked of many, each as far as devices have confirmed it.
fn going_on(view: &TodayView, now: Timestamp) -> Markup {
    if view.focuses.is_empty() && view.plans.is_empty() && view.batches.is_empty() {
        return Markup::default();
    }
    let work = |state: State, content: Markup| html! { li { (state_square_named(state, 16, t!("goes on"))) div { (content) } } };
    let content = html! {
        @if !view.focuses.is_empty() { (running(&view.focuses, view.may_teach)) }
        @if !view.plans.is_empty() || !view.batches.is_empty() {
            ul.needs {
                @for plan in &view.plans {
                    (work(State::Waiting, html! {
                        p.what { a href=(format!("/updates/plans/{}", plan.id)) { (plan.name) } (t!(" brings ")) (plan.target) }
                        (bar(&plan.segments))
                    }))
                }
                @for batch in &view.batches { (work(if batch.waiting == 0 { State::Ok } else { State::Waiting }, asked(batch, now))) }
            }
        }
    };
    section(t!("Going on now"), content)
}

fn asked(batch: &BatchRow, now: Timestamp) -> Markup {
    let others = batch.all.saturating_sub(batch.confirmed + batch.waiting);
    let waiting = if batch.waiting > 0 { t!(" {it} in the queue.", it = count(batch.waiting, "has it", "have it")) } else { String::new() };
    let others = if others > 0 { t!(" {it} and will not.", it = count(others, "did not do it", "did not do it")) } else { String::new() };
    html! {
        p.what { (count(batch.all, t!("device was"), t!("devices were"))) (t!(" asked to ")) (batch.deed) }
        (progress(batch.confirmed, batch.all, &t!("have confirmed.{waiting}{others}", waiting, others)))
        p.quiet { (t!("Asked by ")) (batch.by) " " (time_ago(batch.at, now)) "." }
    }
}

fn devices(view: &TodayView, total: u64) -> Markup {
    let beside = legend(view.counts, |state| Some(format!("/devices?state={}", state.word())));
    let title = html! { span.figure { (thousands(total)) } " " (if total == 1 { "device" } else { "devices" }) };
    html! {
        section.section aria-label=(count(total, t!("device"), t!("devices"))) {
            div.section-head { h2 { (title) } (beside) }
            (roll(&view.roll))
        }
    }
}

fn countdowns(view: &TodayView, now: Timestamp) -> Markup {
    html! {
        @if view.countdowns.is_empty() { p.quiet { (t!("Nothing has an end yet.")) } }
        ul.countdowns {
            @for end in &view.countdowns {
                li {
                    (state_square(end.state, 12))
                    a href=(end.href) { (end.name) }
                    span.quiet { (day(end.at)) ", " (time_ago(end.at, now)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::{RollDevice, RollGroup};
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn shell() -> Shell {
        Shell { needs: 1, ..Shell::for_tests(Section::Today, NOW) }
    }

    fn view() -> TodayView {
        TodayView {
            needs: vec![],
            focuses: vec![],
            plans: vec![],
            batches: vec![],
            may_teach: true,
            may_configure: true,
            roll: Roll::default(),
            counts: [0; 5],
            check_ins: Sparkline { title: "Check-ins".into(), days: vec![] },
            countdowns: vec![],
        }
    }

    #[test]
    fn an_empty_appliance_leads_to_set_up() {
        let html = page(&shell(), &view()).into_string();
        assert!(html.contains("Nothing needs you") && html.contains("href=\"/setup\"") && html.contains("No numbers yet"), "{html}");
    }

    #[test]
    fn every_number_opens_the_list_behind_it() {
        let device = RollDevice { name: "iPad".into(), state: State::Problem, reason: "x".into(), href: "/devices/1".into() };
        let group = RollGroup { name: "Cart A".into(), href: "/devices?group=1".into(), devices: vec![device], counts: [0, 0, 0, 1, 0] };
        let need = Need {
            state: State::Problem,
            what: "1 device <x>".into(),
            why: "y".into(),
            way: Some(("/devices?state=problem".into(), "Show it".into())),
        };
        let html =
            page(&shell(), &TodayView { needs: vec![need], roll: Roll { groups: vec![group] }, counts: [1_239, 0, 0, 1, 0], ..view() })
                .into_string();
        for part in
            ["1,240", "href=\"/devices?state=ok\"", "href=\"/devices?group=1\"", "href=\"/devices/1\"", "1 device &lt;x&gt;", "Show it"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_was_asked_of_many_says_how_many_have_confirmed_it() {
        let batch = BatchRow { deed: "restart".into(), by: "kim <owner>".into(), at: NOW, all: 19, confirmed: 12, waiting: 5 };
        let html = page(&shell(), &TodayView { batches: vec![batch], ..view() }).into_string();
        for part in [
            "Going on now",
            "19 devices were asked to restart",
            "12 of 19",
            "5 have it in the queue.",
            "2 did not do it",
            "kim &lt;owner&gt;",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!page(&shell(), &view()).into_string().contains("Going on now"));
    }
}
