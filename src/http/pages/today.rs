//! Today: what needs you, one square per device, check-ins, and what ends soon.

use maud::{Markup, html};

use super::parts::{
    Address, Button, Frame, Live, Roll, Section, Segment, Shell, Sparkline, State, bar, count, day, empty, frame, legend, live, named,
    progress, roll, section, sparkline, state_square, state_square_named, thousands, time_ago,
};
use super::teaching::{FocusRow, running};
use super::updates::plans::PlanRow;
use crate::clock::Timestamp;
use crate::language::counted;

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
    /// How far devices are with updates that were started by hand; empty while none gets one.
    pub by_hand: Vec<Segment>,
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
    /// By which the list of devices finds them.
    pub id: i64,
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
    let content = html! {
        @for part in [Part::Needs, Part::Focuses, Part::Roll] { (part.drawn(view, shell.now)) }
        div.halves {
            (section(t!("Check-ins"), Part::CheckIns.drawn(view, shell.now)))
            (section(t!("What ends"), countdowns(view, shell.now)))
        }
    };
    frame(shell, &Frame::new(Section::Today, t!("Today")), content)
}

/// What changes by itself while the page is open, each apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What needs someone.
    Needs,
    /// What goes on.
    Focuses,
    /// The devices.
    Roll,
    /// How many were heard of.
    CheckIns,
}

impl Part {
    /// The part of an element's id.
    pub fn of_id(id: &str) -> Option<Self> {
        [Self::Needs, Self::Focuses, Self::Roll, Self::CheckIns].into_iter().find(|part| part.live().id == id)
    }

    fn live(self) -> Live<'static> {
        let (id, topics) = match self {
            Self::Needs => ("needs", "device enrollment command push app update update_plan release notice"),
            Self::Focuses => ("focuses", "focus deployment command update update_plan device enrollment"),
            Self::Roll => ("roll", "device enrollment command push"),
            Self::CheckIns => ("check-ins", "device"),
        };
        Live { id, topics, of: None, src: None }
    }

    /// The part as it stands in the page; of `view` it takes nothing else.
    pub fn drawn(self, view: &TodayView, now: Timestamp) -> Markup {
        let content = match self {
            Self::Needs => needs(view),
            Self::Focuses => going_on(view, now),
            Self::Roll => match view.counts.iter().sum::<u64>() {
                // Live too, so that the first device is seen coming.
                0 => no_devices(view),
                total => devices(view, total),
            },
            Self::CheckIns => sparkline(&view.check_ins),
        };
        live(self.live(), content)
    }
}

fn no_devices(view: &TodayView) -> Markup {
    let ways = html! {
        (Button::link("/setup", t!("Go on with set-up")).main())
        @if view.may_configure { (Button::link("/system/practice", t!("Add practice devices"))) }
    };
    let words = t!("Every device becomes a square here. Set-up leads you to the first one in about ten minutes.");
    section(t!("Devices"), empty(t!("No devices yet"), words, ways))
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
                            (state_square_named(need.state, 16, need.state.said()))
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
    let (is_updating, is_asking) = (!view.plans.is_empty() || !view.by_hand.is_empty(), !view.batches.is_empty());
    if view.focuses.is_empty() && !is_updating && !is_asking {
        return Markup::default();
    }
    let work = |state: State, content: Markup| html! { li { (state_square_named(state, 16, t!("goes on"))) div { (content) } } };
    let content = html! {
        @if !view.focuses.is_empty() { (running(&view.focuses, view.may_teach)) }
        @if is_updating || is_asking {
            ul.needs {
                @for plan in &view.plans {
                    (work(State::Waiting, html! {
                        p.what { a href=(format!("/updates/plans/{}", plan.id)) { (named(&plan.name)) } (t!(" brings ")) (plan.target) }
                        (bar(&plan.segments))
                    }))
                }
                @if !view.by_hand.is_empty() {
                    (work(State::Waiting, html! {
                        p.what { a href="/updates/by-hand" { (t!("Updates that were started by hand")) } }
                        (bar(&view.by_hand))
                    }))
                }
                @for batch in &view.batches { (work(if batch.waiting == 0 { State::Ok } else { State::Waiting }, asked(batch, now))) }
            }
        }
    };
    section(t!("Going on now"), content)
}

/// "Each of 19 devices was asked to lock itself": words that are right for one device are right for many that way.
fn asked_to(batch: &BatchRow) -> String {
    let deed = &batch.deed;
    match batch.all {
        1 => t!("1 device was asked to {deed}", deed),
        all => t!("Each of {devices} devices was asked to {deed}", devices = thousands(all), deed),
    }
}

fn asked(batch: &BatchRow, now: Timestamp) -> Markup {
    let others = batch.all.saturating_sub(batch.confirmed + batch.waiting);
    let of = |answer: &str| Address::new("/devices").with("asked", &batch.id.to_string()).with("answer", answer);
    html! {
        p.what { a href=(of("")) { (asked_to(batch)) } }
        (progress(batch.confirmed, batch.all, t!("have confirmed.")))
        p.quiet {
            @if batch.confirmed > 0 { a href=(of("confirmed")) { (count(batch.confirmed, t!("has"), t!("have"))) (t!(" confirmed it")) } ". " }
            @if batch.waiting > 0 { a href=(of("waiting")) { (count(batch.waiting, t!("has it"), t!("have it"))) (t!(" in the queue")) } ". " }
            @if others > 0 { a href=(of("not")) { (count(others, t!("did not do it"), t!("did not do it"))) } (t!(" and will not. ")) }
            (t!("Asked by ")) (batch.by) " " (time_ago(batch.at, now)) "."
        }
    }
}

fn devices(view: &TodayView, total: u64) -> Markup {
    let beside = legend(view.counts, |state| Some(format!("/devices?state={}", state.word())));
    let title = html! { span.figure { (thousands(total)) } " " (counted(total, t!("device"), t!("devices"))) };
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
                    a href=(end.href) { (named(&end.name)) }
                    span.quiet { (day(end.at)) ", " (time_ago(end.at, now)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::{RollDevice, RollGroup, Share};
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
            by_hand: vec![],
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
    fn updates_that_were_started_by_hand_go_on_too() {
        let by_hand = vec![Segment { share: Share::Installing, count: 3, href: Some("/updates/by-hand?stage=installing".into()) }];
        let html = page(&shell(), &TodayView { by_hand, ..view() }).into_string();
        for part in ["Going on now", "href=\"/updates/by-hand\"", "started by hand", "/updates/by-hand?stage=installing"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_was_asked_of_many_says_how_many_have_confirmed_it() {
        let batch = BatchRow { id: 7, deed: "lock itself".into(), by: "kim <owner>".into(), at: NOW, all: 19, confirmed: 12, waiting: 5 };
        let one = page(&shell(), &TodayView { batches: vec![BatchRow { all: 1, ..batch.clone() }], ..view() }).into_string();
        assert!(one.contains(">1 device was asked to lock itself</a>"), "{one}");
        let html = page(&shell(), &TodayView { batches: vec![batch], ..view() }).into_string();
        for part in [
            "Going on now",
            "Each of 19 devices was asked to lock itself",
            "12 of 19",
            "href=\"/devices?asked=7\"",
            "href=\"/devices?asked=7&amp;answer=confirmed\">12 have confirmed it",
            "href=\"/devices?asked=7&amp;answer=waiting\">5 have it in the queue",
            "href=\"/devices?asked=7&amp;answer=not\">2 did not do it",
            "kim &lt;owner&gt;",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!page(&shell(), &view()).into_string().contains("Going on now"));
    }
}
