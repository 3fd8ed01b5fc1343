//! Bars drawn from what devices confirmed: stacked by state in a fixed order, each with its own form, counts in text beside.

use maud::{Markup, html};

use super::text::{count, thousands};

/// Where one device is on the way to a wanted thing, in the order in which bars are stacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// Confirmed there.
    Installed,
    /// The device works on it.
    Installing,
    /// For an unlock, a network, a person's yes.
    Waiting,
    /// It is meant for later.
    Planned,
    /// The person at the device said no.
    Declined,
    /// Somebody wants it left alone.
    LeftAlone,
    /// No licence is free for it.
    NoLicence,
    /// Its hardware or its management cannot have it.
    Cannot,
    /// Something is missing for it that only somebody can give.
    Lacking,
    /// It went wrong.
    Failed,
}

impl Share {
    fn word(self) -> &'static str {
        match self {
            Self::Installed => t!("installed"),
            Self::Installing => t!("installing"),
            Self::Waiting => t!("waiting"),
            Self::Planned => t!("planned"),
            Self::Declined => t!("declined"),
            Self::LeftAlone => t!("left alone"),
            Self::NoLicence => t!("no licence"),
            Self::Cannot => t!("cannot have it"),
            Self::Lacking => t!("lacking something"),
            Self::Failed => t!("failed"),
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Installing => "installing",
            Self::Waiting => "waiting",
            Self::Planned => "planned",
            Self::Declined => "declined",
            Self::LeftAlone => "left-alone",
            Self::NoLicence => "no-licence",
            Self::Cannot => "cannot",
            Self::Lacking => "lacking",
            Self::Failed => "failed",
        }
    }

    /// Top and height of its form on a bar 12 high: full is there, lower is on its way, thin is not coming by itself.
    const fn form(self) -> (u8, u8) {
        match self {
            Self::Installed | Self::Failed => (0, 12),
            Self::Installing => (3, 9),
            Self::Waiting => (6, 6),
            Self::Planned => (8, 4),
            Self::Declined => (9, 3),
            Self::LeftAlone => (10, 2),
            Self::NoLicence => (0, 5),
            Self::Cannot => (0, 3),
            Self::Lacking => (4, 4),
        }
    }
}

/// How many devices are at one share.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Where they are.
    pub share: Share,
    /// How many.
    pub count: u64,
    /// The list behind the number.
    pub href: Option<String>,
}

/// Units of width on a whole bar.
const WIDTH: u64 = 1_000;
/// A segment that has any device is at least this wide, so that one of a thousand is still seen.
const LEAST: u64 = 8;
/// Room between segments.
const GAP: u64 = 3;

/// A stacked bar of `segments`, its counts beside; segments may come in any order, empty ones are left out.
pub fn bar(segments: &[Segment]) -> Markup {
    let mut shown: Vec<&Segment> = segments.iter().filter(|segment| segment.count > 0).collect();
    shown.sort_by_key(|segment| segment.share);
    let widths = widths(&shown.iter().map(|segment| segment.count).collect::<Vec<_>>());
    let starts = widths.iter().scan(0, |end, width| Some(std::mem::replace(end, *end + width)));
    html! {
        div.bar {
            svg viewBox=(format!("0 0 {WIDTH} 12")) preserveAspectRatio="none" aria-hidden="true" {
                @if shown.is_empty() { rect.track x="0" y="9" width=(WIDTH) height="3" {} }
                @for ((segment, x), width) in shown.iter().zip(starts).zip(&widths) {
                    @let (y, height) = segment.share.form();
                    rect class=(segment.share.class()) x=(x) y=(y) width=(width.saturating_sub(GAP)) height=(height) {}
                }
            }
            ul.legend {
                @if shown.is_empty() { li.quiet { (t!("no devices")) } }
                @for segment in &shown { (legend_item(segment)) }
            }
        }
    }
}

fn legend_item(segment: &Segment) -> Markup {
    let (y, height) = segment.share.form();
    let words = html! { (thousands(segment.count)) " " (segment.share.word()) };
    html! {
        li {
            svg.swatch.(segment.share.class()) viewBox="0 0 12 12" aria-hidden="true" { rect x="0" y=(y) width="12" height=(height) {} }
            @match &segment.href {
                Some(href) => a href=(href) { (words) },
                None => span { (words) },
            }
        }
    }
}

/// Shares [`WIDTH`] out in proportion to `counts`, none narrower than [`LEAST`]; the widest gives what the narrow ones need.
fn widths(counts: &[u64]) -> Vec<u64> {
    let total = counts.iter().sum::<u64>().max(1);
    let mut widths: Vec<u64> =
        counts.iter().map(|count| ((u128::from(*count) * u128::from(WIDTH) / u128::from(total)) as u64).max(LEAST)).collect();
    let sum: u64 = widths.iter().sum();
    if let Some(widest) = widths.iter_mut().max() {
        *widest = (*widest + WIDTH).saturating_sub(sum);
    }
    widths
}

/// How far something is, from confirmed states only: "12 of 28", and in `words` what the rest wait for.
pub fn progress(done: u64, of: u64, words: &str) -> Markup {
    html! {
        div.progress {
            span.of { (thousands(done)) (t!(" of ")) (thousands(of)) }
            progress max=(of.max(1)) value=(done.min(of)) aria-label=(t!("{done} of {devices}", done = thousands(done), devices = count(of, t!("device"), t!("devices")))) {}
            @if !words.is_empty() { span.quiet { (words) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(share: Share, count: u64) -> Segment {
        Segment { share, count, href: None }
    }

    #[test]
    fn widths_fill_the_bar_and_show_the_smallest() {
        for counts in [vec![1], vec![1, 999], vec![3, 3, 3], vec![1, 1, 1, 1, 1, 100_000], vec![u64::MAX / 2, 1]] {
            let widths = widths(&counts);
            assert_eq!(widths.iter().sum::<u64>(), WIDTH, "{counts:?}");
            assert!(widths.iter().all(|width| *width >= LEAST), "{counts:?} {widths:?}");
        }
        assert!(widths(&[]).is_empty());
    }

    #[test]
    fn segments_stand_in_their_fixed_order_with_counts_in_words() {
        let html =
            bar(&[segment(Share::Failed, 2), segment(Share::Waiting, 0), segment(Share::NoLicence, 5), segment(Share::Installed, 1_240)])
                .into_string();
        let order: Vec<usize> = ["1,240 installed", "5 no licence", "2 failed"].iter().map(|words| html.find(words).unwrap()).collect();
        assert!(order.is_sorted(), "{html}");
        assert!(!html.contains("waiting"), "{html}");
        assert!(bar(&[]).into_string().contains("no devices"));
    }

    #[test]
    fn progress_never_shows_more_than_all() {
        let html = progress(12, 28, "16 wait to be unlocked.").into_string();
        assert!(html.contains("12 of 28") && html.contains("max=\"28\" value=\"12\""), "{html}");
        assert!(progress(3, 2, "").into_string().contains("max=\"2\" value=\"2\""));
        assert!(progress(0, 0, "").into_string().contains("max=\"1\" value=\"0\""));
    }
}
