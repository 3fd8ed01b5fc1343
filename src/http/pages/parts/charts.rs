//! Charts over time: a sparkline of days and the burn-down to a deadline; SVG made here, a table of the same for screen readers.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::text::{count, thousands};
use super::time::{ago_words, moment};
use crate::clock::Timestamp;

/// One number a day, oldest first; fourteen of them as a rule.
#[derive(Debug, Clone, Default)]
pub struct Sparkline {
    /// What is counted, for example "Check-ins".
    pub title: String,
    /// The day in words and its number.
    pub days: Vec<(String, u64)>,
}

const SPARK_WIDTH: f64 = 320.0;
const SPARK_HEIGHT: f64 = 64.0;
/// Room on the right for the last number.
const SPARK_LABEL: f64 = 56.0;
/// Room above the highest and below the lowest point.
const MARGIN: f64 = 6.0;

/// The line, its last value labelled. No days, no line.
pub fn sparkline(spark: &Sparkline) -> Markup {
    let Some((last_day, last)) = spark.days.last() else {
        return html! { p.quiet { (t!("No numbers yet.")) } };
    };
    let highest = spark.days.iter().map(|(_, n)| *n).max().unwrap_or(0);
    // Days of nothing are a line at the foot.
    let scale = highest.max(1) as f64;
    let step = (SPARK_WIDTH - SPARK_LABEL) / (spark.days.len().max(2) - 1) as f64;
    let low = SPARK_HEIGHT - MARGIN;
    let points: Vec<(f64, f64)> =
        spark.days.iter().enumerate().map(|(at, (_, n))| (at as f64 * step, low - (*n as f64 / scale) * (low - MARGIN))).collect();
    let (end_x, end_y) = *points.last().unwrap_or(&(0.0, low));
    let line = path(&points);
    html! {
        figure.spark {
            svg viewBox=(format!("0 0 {SPARK_WIDTH} {SPARK_HEIGHT}")) width=(SPARK_WIDTH) height=(SPARK_HEIGHT) aria-hidden="true" {
                path.area d=(format!("{line}V{low}H0Z")) {}
                line.base x1="0" x2=(format!("{end_x:.1}")) y1=(low) y2=(low) {}
                path.line d=(line) {}
                circle.dot cx=(format!("{end_x:.1}")) cy=(format!("{end_y:.1}")) r="3" {}
                text.last x=(format!("{:.1}", end_x + 10.0)) y=(format!("{:.1}", end_y + 4.5)) { (thousands(*last)) }
            }
            table.hear-only {
                caption { (spark.title) (t!(" a day")) }
                tbody { @for (day, n) in &spark.days { tr { th scope="row" { (day) } td { (n) } } } }
            }
            figcaption.meta {
                (count(spark.days.len() as u64, t!("day"), t!("days"))) (t!(" to ")) (last_day) (t!("; highest ")) (thousands(highest))
            }
        }
    }
}

/// How many are left until a deadline.
#[derive(Debug, Clone)]
pub struct BurnDown {
    /// What goes down, for example "Devices not yet on iPadOS 18.2".
    pub title: String,
    /// Moments and how many were left, oldest first.
    pub points: Vec<(Timestamp, u64)>,
    /// How many there were to begin with.
    pub total: u64,
    /// When it should be none.
    pub deadline: Timestamp,
    /// The moment of the first point in words: a day, or a time where all happens within one.
    pub starts: String,
}

const BURN_WIDTH: f64 = 640.0;
const BURN_HEIGHT: f64 = 168.0;
const BURN_TOP: f64 = 28.0;
const BURN_BOTTOM: f64 = 140.0;
/// Room that the day of the start takes at the foot.
const BURN_START: f64 = 112.0;

/// Room that a label takes beside its middle.
const BURN_LABEL: f64 = 40.0;

/// Within so much time hours count, and days do not.
pub const BURN_SHORT: Duration = Duration::from_secs(36 * 3600);

/// One line, one deadline mark, today's mark, and what is left where they meet.
pub fn burn_down(burn: &BurnDown, now: Timestamp) -> Markup {
    let (Some((start, _)), Some((_, left))) = (burn.points.first().copied(), burn.points.last().copied()) else {
        return html! { p.quiet { (t!("No device has answered yet.")) } };
    };
    let is_short = burn.deadline.max(now).since(start) <= BURN_SHORT;
    let span = burn.deadline.max(now).since(start).as_millis().max(1) as f64;
    let x = |at: Timestamp| (at.since(start).as_millis() as f64 / span).min(1.0) * (BURN_WIDTH - 96.0);
    let y = |n: u64| BURN_BOTTOM - (n as f64 / burn.total.max(1) as f64).min(1.0) * (BURN_BOTTOM - BURN_TOP);
    let mut points: Vec<(f64, f64)> = burn.points.iter().map(|(at, n)| (x(*at), y(*n))).collect();
    points.push((x(now), y(left)));
    let (today_x, left_y) = (x(now), y(left));
    let deadline_x = x(burn.deadline);
    html! {
        figure.burn {
            svg viewBox=(format!("0 0 {BURN_WIDTH} {BURN_HEIGHT}")) width=(BURN_WIDTH) height=(BURN_HEIGHT) aria-hidden="true" {
                line.base x1="0" x2=(BURN_WIDTH - 96.0) y1=(BURN_BOTTOM) y2=(BURN_BOTTOM) {}
                line.today x1=(format!("{today_x:.1}")) x2=(format!("{today_x:.1}")) y1=(BURN_TOP) y2=(BURN_BOTTOM) {}
                line.deadline x1=(format!("{deadline_x:.1}")) x2=(format!("{deadline_x:.1}")) y1=(BURN_TOP) y2=(BURN_BOTTOM) {}
                path.line d=(path(&points)) {}
                circle.dot cx=(format!("{today_x:.1}")) cy=(format!("{left_y:.1}")) r="3.5" {}
                text.says x=(format!("{:.1}", today_x + 8.0)) y=(format!("{:.1}", left_y - 8.0)) { (thousands(left)) (t!(" left")) }
                text x=(format!("{deadline_x:.1}")) y="18" text-anchor=(if deadline_x < BURN_LABEL { "start" } else { "middle" }) { (t!("deadline")) }
                text x=(format!("{today_x:.1}")) y="158" text-anchor="middle" { (if is_short { t!("now") } else { t!("today") }) }
                // Where it would lie under today's mark, the caption's dates have to do.
                @if today_x > BURN_START { text x="0" y="158" { (burn.starts) } }
            }
            table.hear-only {
                caption { (burn.title) }
                tbody { @for (at, n) in &burn.points { tr { th scope="row" { (moment(*at)) } td { (n) } } } }
            }
            figcaption.meta {
                (thousands(left)) (t!(" of ")) (thousands(burn.total)) (t!(" left; the deadline ")) (if burn.deadline < now { t!("was") } else { t!("is") }) " " (ago_words(burn.deadline, now)) ", " (moment(burn.deadline)) "."
            }
        }
    }
}

fn path(points: &[(f64, f64)]) -> String {
    points.iter().enumerate().fold(String::new(), |mut d, (at, (x, y))| {
        // Writing to a String cannot fail.
        let _ = write!(d, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
        d
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_labels_its_last_value_and_has_a_table() {
        let days = (1..=14).map(|day| (format!("{day} Nov"), day * 100)).collect();
        let html = sparkline(&Sparkline { title: "Check-ins".into(), days }).into_string();
        assert!(html.contains(">1,400</text>") && html.contains("14 days to 14 Nov; highest 1,400"), "{html}");
        assert_eq!(html.matches("<th scope=\"row\">").count(), 14);
    }

    #[test]
    fn lines_of_nothing_one_day_and_zeros_have_no_broken_numbers() {
        assert!(sparkline(&Sparkline { title: "x".into(), days: vec![] }).into_string().contains("No numbers yet"));
        for days in
            [vec![("1 Nov".to_owned(), 0)], vec![("1 Nov".to_owned(), 0), ("2 Nov".to_owned(), 0)], vec![("1 Nov".to_owned(), u64::MAX)]]
        {
            let html = sparkline(&Sparkline { title: "x".into(), days }).into_string();
            assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        }
    }

    #[test]
    fn a_burn_down_says_what_is_left_and_when_it_should_be_none() {
        let start = Timestamp::from_seconds(1_795_577_349);
        let day = Duration::from_secs(86_400);
        let burn = BurnDown {
            title: "Left".into(),
            points: vec![(start, 28), (start.plus(day), 9)],
            total: 28,
            deadline: start.plus(day * 4),
            starts: "24 Nov".into(),
        };
        let html = burn_down(&burn, start.plus(day * 2)).into_string();
        assert!(html.contains(">today</text>") && html.contains(">24 Nov</text>"), "{html}");
        let soon =
            burn_down(&BurnDown { deadline: start.plus(day), starts: "09:20".into(), ..burn.clone() }, start.plus(day)).into_string();
        assert!(soon.contains(">now</text>") && soon.contains(">09:20</text>"), "{soon}");
        assert!(html.contains("9 of 28 left; the deadline is in 2 days") && html.contains(">9 left</text>"), "{html}");
        let past = burn_down(&BurnDown { total: 0, ..burn }, start.plus(day * 9)).into_string();
        assert!(!past.contains("NaN") && past.contains("5 days ago"), "{past}");
    }
}
