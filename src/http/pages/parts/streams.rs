//! How devices moved from version to version: one band for each, one above the other, day by day; a table of the same for screen readers.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::text::{count, thousands};

/// Bands that have a form of their own; what is beyond is one band called otherwise.
pub const BANDS_MAX: usize = 6;

/// Days in the table for screen readers.
const TOLD_DAYS: usize = 14;

/// One band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// What runs: "26.1".
    pub name: String,
    /// The list behind its last number.
    pub href: Option<String>,
    /// How many on each day.
    pub counts: Vec<u64>,
}

/// Bands over days; the first band lies at the foot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streams {
    /// What is counted.
    pub title: String,
    /// The days in words, oldest first.
    pub days: Vec<String>,
    /// The bands.
    pub bands: Vec<Band>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 176.0;
/// Room on the right for names.
const NAMES: f64 = 88.0;
/// What two names are apart at least.
const LINE: f64 = 15.0;

/// The bands, the names at their right ends, and what each is today.
pub fn streams(view: &Streams) -> Markup {
    let (Some(first), Some(last)) = (view.days.first(), view.days.last()) else {
        return html! { p.quiet { (t!("Counted once a day; the first count comes within a day.")) } };
    };
    let totals: Vec<u64> = (0..view.days.len()).map(|day| view.bands.iter().map(|band| at(band, day)).sum()).collect();
    let highest = totals.iter().copied().max().unwrap_or(0).max(1) as f64;
    let today = view.days.len() - 1;
    let names = spread(&view.bands.iter().map(|band| at(band, today)).collect::<Vec<_>>(), highest);
    html! {
        figure.streams {
            div.scroll tabindex="0" role="group" aria-label=(t!("Shares by day")) {
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) width=(WIDTH) height=(HEIGHT) aria-hidden="true" {
                    @for index in 0..view.bands.len() { path class=(format!("band-{}", index.min(BANDS_MAX - 1))) d=(outline(view, index, highest)) {} }
                    @for (band, y) in view.bands.iter().zip(&names) {
                        @if let Some(y) = y { text x=(WIDTH - NAMES + 8.0) y=(format!("{y:.1}")) { (band.name) } }
                    }
                }
            }
            ul.legend {
                @for (index, band) in view.bands.iter().enumerate() {
                    @let now = at(band, today);
                    @let words = html! { (band.name) ": " (count(now, t!("device"), t!("devices"))) };
                    @if now > 0 {
                        li {
                            svg class=(format!("swatch band-{}", index.min(BANDS_MAX - 1))) viewBox="0 0 12 12" aria-hidden="true" { rect width="12" height="12" {} }
                            @match &band.href { Some(href) => a href=(href) { (words) }, None => span { (words) } }
                        }
                    }
                }
            }
            table.hear-only {
                caption { (view.title) }
                thead { tr { th scope="col" { (t!("Day")) } @for band in &view.bands { th scope="col" { (band.name) } } } }
                tbody {
                    @for day in told(view.days.len()) {
                        tr { th scope="row" { (view.days[day]) } @for band in &view.bands { td { (thousands(at(band, day))) } } }
                    }
                }
            }
            figcaption.meta { @if first == last { (t!("Counted on ")) (last) "." } @else { (first) (t!(" to ")) (last) "." } }
        }
    }
}

fn at(band: &Band, day: usize) -> u64 {
    band.counts.get(day).copied().unwrap_or_default()
}

/// Days that are told: all, or the last and as many before it as fit, evenly apart.
fn told(days: usize) -> Vec<usize> {
    let step = days.div_ceil(TOLD_DAYS).max(1);
    let mut told: Vec<_> = (0..days).rev().step_by(step).collect();
    told.reverse();
    told
}

/// A band's upper edge from left to right, and its lower edge back.
fn outline(view: &Streams, band: usize, highest: f64) -> String {
    let below = |day: usize, bands: usize| view.bands[..bands].iter().map(|band| at(band, day)).sum::<u64>() as f64;
    let y = |number: f64| HEIGHT - number / highest * HEIGHT;
    // One day is as wide as many.
    let days: Vec<usize> = if view.days.len() == 1 { vec![0, 0] } else { (0..view.days.len()).collect() };
    let step = (WIDTH - NAMES) / (days.len() - 1) as f64;
    let upper = days.iter().enumerate().map(|(place, day)| (place as f64 * step, y(below(*day, band + 1))));
    let lower = days.iter().enumerate().rev().map(|(place, day)| (place as f64 * step, y(below(*day, band))));
    let mut path = upper.chain(lower).enumerate().fold(String::new(), |mut path, (index, (x, y))| {
        // Writing to a String cannot fail.
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        path
    });
    path.push('Z');
    path
}

/// Where the names stand: in the middle of each band, a line apart; a band of nothing has none.
fn spread(counts: &[u64], highest: f64) -> Vec<Option<f64>> {
    let mut below = 0.0;
    let mut last = HEIGHT + LINE;
    let mut places = Vec::new();
    for number in counts {
        let part = *number as f64 / highest * HEIGHT;
        let middle = HEIGHT - below - part / 2.0 + 4.0;
        below += part;
        if *number == 0 || last - LINE < 8.0 {
            places.push(None);
            continue;
        }
        last = middle.min(last - LINE).min(HEIGHT - 2.0);
        places.push(Some(last));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(days: usize) -> Streams {
        let band = |name: &str, number: u64| Band {
            name: name.into(),
            href: Some(format!("/devices?version={name}")),
            counts: (0..days as u64).map(|day| number + day).collect(),
        };
        Streams {
            title: "Versions of <iOS>".into(),
            days: (1..=days).map(|day| format!("{day} Nov")).collect(),
            bands: vec![band("26.1", 10), band("18.2", 0)],
        }
    }

    #[test]
    fn bands_are_named_linked_and_told_as_a_table() {
        let html = streams(&view(40)).into_string();
        for part in ["26.1: 49 devices", "href=\"/devices?version=18.2\"", "Versions of &lt;iOS&gt;", "1 Nov to 40 Nov"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert_eq!(html.matches("<tr><th scope=\"row\">").count(), 14, "{html}");
        assert!(!html.contains("NaN") && !html.contains("inf"));
    }

    #[test]
    fn one_day_and_none_have_no_broken_numbers() {
        let html = streams(&view(1)).into_string();
        assert!(html.contains("Counted on 1 Nov.") && !html.contains("NaN"), "{html}");
        assert!(!html.contains(">18.2: 0"), "who is gone is not in the legend: {html}");
        assert!(streams(&Streams::default()).into_string().contains("the first count comes"));
        let zero = Streams { bands: vec![Band { name: "x".into(), href: None, counts: vec![0, 0] }], ..view(2) };
        assert!(!streams(&zero).into_string().contains("NaN"));
    }

    #[test]
    fn names_stay_a_line_apart_and_on_the_chart() {
        let places: Vec<f64> = spread(&[1, 1, 1, 1, 97, 0], 101.0).into_iter().flatten().collect();
        assert_eq!(places.len(), 5);
        assert!(places.windows(2).all(|pair| pair[0] - pair[1] >= LINE - 0.01), "{places:?}");
        assert!(spread(&[1; 40], 40.0).into_iter().flatten().all(|y| (8.0..HEIGHT).contains(&y)));
    }
}
