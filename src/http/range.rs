//! Parts of a file, and whether what a client has is still good (RFC 9110 sections 13 and 14).

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::clock::Timestamp;

/// The form of moments in headers.
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// What a file is known by.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Its strong tag, with its quotes.
    pub(super) tag: String,
    /// When it was last changed, in whole seconds.
    pub(super) modified_at: Timestamp,
    /// Its length.
    pub(super) length: u64,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From the first of these up to, and without, the second.
    Bytes(u64, u64),
    /// Nothing: what was asked for lies behind the end (416).
    BehindTheEnd,
    /// Nothing: the client has it (304).
    NotModified,
    /// Nothing: it is not what the client takes it for (412).
    Changed,
}

/// A moment as headers write it.
pub(super) fn moment(at: Timestamp) -> String {
    // The description has no part that could fail for a moment of our era.
    at.utc().format(MOMENT).unwrap_or_default()
}

fn read(text: &str) -> Option<Timestamp> {
    PrimitiveDateTime::parse(text.trim(), MOMENT).ok().map(|moment| Timestamp::from(moment.assume_utc()))
}

/// Decides what of a file a request gets.
pub(super) fn part(headers: &HeaderMap, known: &Known) -> Part {
    let said = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let modified_at = Timestamp::from_seconds(known.modified_at.seconds());
    let names = |list: &str| list.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == known.tag);
    let unchanged_since = |text: &str| read(text).is_none_or(|since| modified_at <= since);
    match (said(IF_MATCH), said(IF_UNMODIFIED_SINCE)) {
        (Some(list), _) if !names(list) => return Part::Changed,
        (None, Some(since)) if !unchanged_since(since) => return Part::Changed,
        _ => {}
    }
    match (said(IF_NONE_MATCH), said(IF_MODIFIED_SINCE)) {
        (Some(list), _) if names(list) => return Part::NotModified,
        (None, Some(since)) if read(since).is_some_and(|since| modified_at <= since) => return Part::NotModified,
        _ => {}
    }
    // A range of what has changed meanwhile is of no use: then all of it is sent.
    let is_same = said(IF_RANGE).is_none_or(|said| if said.contains('"') { said == known.tag } else { read(said) == Some(modified_at) });
    match said(RANGE) {
        Some(range) if is_same => bytes(range, known.length),
        _ => Part::Whole,
    }
}

/// Reads a range. One that is not understood, and several at once, count as none (RFC 9110 section 14.2).
fn bytes(text: &str, length: u64) -> Part {
    let Some((first, last)) = text.trim().strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else { return Part::Whole };
    let number =
        |text: &str| (!text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX));
    match (first, last) {
        ("", last) => match number(last) {
            None => Part::Whole,
            Some(0) => Part::BehindTheEnd,
            Some(_) if length == 0 => Part::BehindTheEnd,
            Some(count) => Part::Bytes(length.saturating_sub(count), length),
        },
        (first, "") => match number(first) {
            None => Part::Whole,
            Some(first) if first >= length => Part::BehindTheEnd,
            Some(first) => Part::Bytes(first, length),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => Part::Whole,
            (Some(first), Some(_)) if first >= length => Part::BehindTheEnd,
            (Some(first), Some(last)) => Part::Bytes(first, last.saturating_add(1).min(length)),
            _ => Part::Whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_577_349_120);

    fn asked(headers: &[(HeaderName, &str)]) -> Part {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        part(&headers, &Known { tag: String::from("\"abc\""), modified_at: AT, length: 1000 })
    }

    #[test]
    fn a_range_is_single_open_or_of_the_end() {
        for (range, wanted) in [
            ("bytes=0-0", Part::Bytes(0, 1)),
            ("bytes=0-999", Part::Bytes(0, 1000)),
            ("bytes=500-", Part::Bytes(500, 1000)),
            ("bytes=999-5000", Part::Bytes(999, 1000)),
            ("bytes=-1", Part::Bytes(999, 1000)),
            ("bytes=-5000", Part::Bytes(0, 1000)),
            ("bytes=1000-", Part::BehindTheEnd),
            ("bytes=1000-1001", Part::BehindTheEnd),
            ("bytes=99999999999999999999999-", Part::BehindTheEnd),
            ("bytes=-0", Part::BehindTheEnd),
            ("bytes=0-18446744073709551615", Part::Bytes(0, 1000)),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(asked(&[(RANGE, range)]), wanted, "{range}");
        }
    }

    #[test]
    fn what_a_client_has_is_compared_by_tag_and_by_time() {
        let (same, before, after) = (moment(AT), "Tue, 24 Nov 2026 03:29:09 GMT", "Thu, 26 Nov 2026 03:29:09 GMT");
        assert_eq!(same, "Wed, 25 Nov 2026 03:29:09 GMT");
        for (headers, wanted) in [
            (vec![(IF_NONE_MATCH, "\"abc\"")], Part::NotModified),
            (vec![(IF_NONE_MATCH, "W/\"abc\", \"x\"")], Part::NotModified),
            (vec![(IF_NONE_MATCH, "*")], Part::NotModified),
            (vec![(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, after)], Part::Whole),
            (vec![(IF_MODIFIED_SINCE, same.as_str())], Part::NotModified),
            (vec![(IF_MODIFIED_SINCE, before)], Part::Whole),
            (vec![(IF_MODIFIED_SINCE, "yesterday")], Part::Whole),
            (vec![(IF_MATCH, "\"x\"")], Part::Changed),
            (vec![(IF_MATCH, "\"abc\""), (IF_UNMODIFIED_SINCE, before)], Part::Whole),
            (vec![(IF_UNMODIFIED_SINCE, before)], Part::Changed),
            (vec![(RANGE, "bytes=0-9"), (IF_RANGE, "\"abc\"")], Part::Bytes(0, 10)),
            (vec![(RANGE, "bytes=0-9"), (IF_RANGE, "W/\"abc\"")], Part::Whole),
            (vec![(RANGE, "bytes=0-9"), (IF_RANGE, "\"x\"")], Part::Whole),
            (vec![(RANGE, "bytes=0-9"), (IF_RANGE, same.as_str())], Part::Bytes(0, 10)),
            (vec![(RANGE, "bytes=0-9"), (IF_RANGE, after)], Part::Whole),
        ] {
            assert_eq!(asked(&headers), wanted, "{headers:?}");
        }
    }
}
