//! The time line of a plan: for each ring from its beginning to its deadline, with the times in which nothing is done, and now.

use maud::{Markup, html};

use crate::clock::Wall;
use crate::language;

/// Bands of quiet time that are drawn; beyond, they would be a grey field.
pub const QUIET_DRAWN: usize = 120;

/// One ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarRing {
    /// What people call it.
    pub name: String,
    /// When it may begin.
    pub opens: Wall,
    /// By when it is done.
    pub deadline: Wall,
}

/// The time line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The rings, in order.
    pub rings: Vec<CalendarRing>,
    /// What the clock shows now.
    pub now: Wall,
    /// Times in which nothing is done: from, to.
    pub quiet: Vec<(Wall, Wall)>,
}

const WIDTH: f64 = 640.0;
const TOP: f64 = 24.0;
const RING: f64 = 40.0;
const FOOT: f64 = 22.0;
/// Room on both sides, so that words at the ends fit.
const SIDE: f64 = 8.0;
/// Letters of a ring's name that fit over its bar.
const NAME_CHARS: usize = 28;

/// Minutes from one time to another.
fn minutes(from: Wall, to: Wall) -> f64 {
    f64::from(to.day().since(from.day())) * 1_440.0 + (to.minute() - from.minute()) as f64
}

/// The time line; what it shows stands in words beside it.
pub fn calendar(view: &Calendar) -> Markup {
    let (Some(first), Some(last)) = (view.rings.iter().map(|ring| ring.opens).min(), view.rings.iter().map(|ring| ring.deadline).max())
    else {
        return Markup::default();
    };
    let (from, to) = (first.min(view.now), last.max(view.now));
    let span = minutes(from, to).max(1.0);
    let x = |at: Wall| SIDE + (minutes(from, at) / span).clamp(0.0, 1.0) * (WIDTH - 2.0 * SIDE);
    let foot = TOP + RING * view.rings.len() as f64;
    let now = x(view.now);
    html! {
        figure.calendar {
            div.scroll tabindex="0" role="group" aria-label=(t!("Time line")) {
                svg viewBox=(format!("0 0 {WIDTH} {}", foot + FOOT)) width=(WIDTH) height=(foot + FOOT) aria-hidden="true" {
                    @for (begins, ends) in view.quiet.iter().filter(|(begins, ends)| *ends > from && *begins < to).take(QUIET_DRAWN) {
                        rect.quiet-time x=(number(x(*begins))) y=(TOP) width=(number((x(*ends) - x(*begins)).max(0.5))) height=(number(foot - TOP)) {}
                    }
                    line.base x1="0" x2=(WIDTH) y1=(number(foot)) y2=(number(foot)) {}
                    @for (at, ring) in view.rings.iter().enumerate() { (one(ring, TOP + RING * at as f64, &x)) }
                    line.today x1=(number(now)) x2=(number(now)) y1=(TOP - 6.0) y2=(number(foot)) {}
                    text x=(number(now.clamp(16.0, WIDTH - 16.0))) y=(TOP - 10.0) text-anchor="middle" { (t!("now")) }
                    text x="0" y=(number(foot + 16.0)) { (language::date(from.day().words())) }
                    text x=(WIDTH) y=(number(foot + 16.0)) text-anchor="end" { (language::date(to.day().words())) }
                }
            }
        }
    }
}

fn one(ring: &CalendarRing, top: f64, x: &impl Fn(Wall) -> f64) -> Markup {
    let (begins, ends) = (x(ring.opens), x(ring.deadline));
    // A name that begins far to the right ends where its bar ends.
    let is_late = begins > WIDTH * 0.66;
    let name: String = ring.name.chars().take(NAME_CHARS).collect();
    html! {
        text.says x=(number(if is_late { ends } else { begins })) y=(number(top + 14.0)) text-anchor=[is_late.then_some("end")] { (name) }
        rect.ring x=(number(begins)) y=(number(top + 20.0)) width=(number((ends - begins).max(2.0))) height="8" {}
        line.deadline x1=(number(ends)) x2=(number(ends)) y1=(number(top + 16.0)) y2=(number(top + 32.0)) {}
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        Wall::parse(text).unwrap()
    }

    #[test]
    fn rings_lie_between_their_times_and_now_is_marked() {
        let ring = |name: &str, opens: &str, deadline: &str| CalendarRing { name: name.into(), opens: at(opens), deadline: at(deadline) };
        let view = Calendar {
            rings: vec![
                ring("Pilot <1>", "2026-11-30T08:00", "2026-12-02T16:00"),
                ring("A name that is much longer than any bar", "2026-12-07T08:00", "2026-12-11T16:00"),
            ],
            now: at("2026-12-01T10:00"),
            quiet: vec![(at("2026-11-30T08:00"), at("2026-11-30T13:00")), (at("2027-01-01T00:00"), at("2027-01-02T00:00"))],
        };
        let html = calendar(&view).into_string();
        assert!(html.contains("Pilot &lt;1&gt;") && html.contains("30 Nov 2026") && html.contains("11 Dec 2026"), "{html}");
        assert_eq!((html.matches("rect class=\"quiet-time\"").count(), html.matches("rect class=\"ring\"").count()), (1, 2));
        assert!(!html.contains("longer than any bar") && !html.contains("NaN"), "{html}");
    }

    #[test]
    fn a_plan_without_rings_has_no_line_and_one_of_a_moment_has_no_broken_numbers() {
        let now = at("2026-12-01T10:00");
        assert_eq!(calendar(&Calendar { rings: vec![], now, quiet: vec![] }).into_string(), "");
        let ring = CalendarRing { name: "x".into(), opens: now, deadline: now };
        let html = calendar(&Calendar { rings: vec![ring], now, quiet: vec![(now, now); 500] }).into_string();
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    }

    #[test]
    fn only_so_much_quiet_time_is_drawn() {
        let (now, end) = (at("2026-12-01T00:00"), at("2027-12-01T00:00"));
        let quiet = (0..400).map(|day| (now.day().plus(day).at(480), now.day().plus(day).at(960))).collect();
        let ring = CalendarRing { name: "x".into(), opens: now, deadline: end };
        let html = calendar(&Calendar { rings: vec![ring], now, quiet }).into_string();
        assert_eq!(html.matches("quiet-time").count(), QUIET_DRAWN);
    }
}
