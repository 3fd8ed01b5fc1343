//! Lists in pages: what `?limit=` and `&after=` mean, and the shape of every list's answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// Items in a page when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 50;
/// Items in a page at most.
pub const LIMIT_MAX: u32 = 500;
/// Characters of a cursor; what we hand out is far shorter.
const CURSOR_MAX: usize = 1024;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items of this page, in the list's stable order.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; null on the last one.
    pub next: Option<String>,
    /// How many items there are in all pages together, at the moment of the answer.
    pub total: u64,
}

/// Which page a request asks for. `K` is what the list is ordered by, with an id at its end where that is not unique, so that a page
/// goes on at the right place whatever was added or removed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// Items wanted, from 1 to [`LIMIT_MAX`].
    pub limit: u32,
    /// The key of the last item of the page before.
    pub after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads the two query parameters.
    ///
    /// # Errors
    /// Names `limit` when it is not from 1 to [`LIMIT_MAX`], and `after` when it is not a `next` of such a list.
    pub fn parse(limit: Option<u32>, after: Option<&str>) -> Result<Self> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if limit == 0 || limit > LIMIT_MAX {
            return Err(Error::field("limit", t!("take a number from 1 to {LIMIT_MAX}", LIMIT_MAX)));
        }
        Ok(Self { limit, after: after.map(decode).transpose()? })
    }

    /// One row more than the page has, which tells whether there is a next page.
    pub fn fetch(&self) -> u32 {
        self.limit + 1
    }

    /// Makes the answer from all rows of a list that is short enough to be read whole; `key` tells rows apart.
    ///
    /// # Errors
    /// Names `after` when what it stands for is not in the list any more.
    pub fn part<R, T>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K, view: impl FnMut(R) -> T) -> Result<List<T>>
    where
        K: PartialEq,
    {
        let total = rows.len() as u64;
        if let Some(after) = &self.after {
            let Some(at) = rows.iter().position(|row| key(row) == *after) else {
                return Err(Error::field("after", t!("what the page before ended with is gone; leave it out to begin again")));
            };
            rows.drain(..=at);
        }
        Ok(self.answer(rows, total, key, view))
    }

    /// Makes the answer from up to [`Page::fetch`] rows: `key` is what a row is ordered by, `view` what the caller sees of it.
    pub fn answer<R, T>(&self, mut rows: Vec<R>, total: u64, key: impl Fn(&R) -> K, view: impl FnMut(R) -> T) -> List<T> {
        let more = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let next = if more { rows.last().map(|row| encode(&key(row))) } else { None };
        List { items: rows.into_iter().map(view).collect(), next, total }
    }
}

/// Cursors are opaque to callers, so that the order of a list may change without breaking them.
pub(in crate::http) fn encode<K: Serialize>(key: &K) -> String {
    // Keys are tuples of numbers and strings, which JSON always holds; an unreadable cursor would be refused, not misread.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(cursor: &str) -> Result<K> {
    let bytes = if cursor.len() > CURSOR_MAX { None } else { URL_SAFE_NO_PAD.decode(cursor).ok() };
    bytes.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(no_cursor)
}

/// That `after` is nothing that a page before gave.
pub(super) fn no_cursor() -> Error {
    Error::field("after", t!("give the `next` of the page before, as it is, or leave it out to begin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list as a store would give it: ordered by (time, id), from after the key.
    fn rows(all: &[(i64, &'static str)], page: &Page<(i64, String)>) -> Vec<(i64, &'static str)> {
        let mut sorted: Vec<_> = all.to_vec();
        sorted.sort_unstable();
        let after = page.after.as_ref().map(|(time, id)| (*time, id.as_str()));
        sorted.into_iter().filter(|row| after.is_none_or(|after| *row > after)).take(page.fetch() as usize).collect()
    }

    fn fetch(all: &[(i64, &'static str)], after: Option<&str>) -> List<&'static str> {
        let page = Page::<(i64, String)>::parse(Some(2), after).unwrap();
        page.answer(rows(all, &page), all.len() as u64, |row| (row.0, row.1.to_owned()), |row| row.1)
    }

    #[test]
    fn pages_follow_each_other_though_rows_come_and_go() {
        let all = [(1, "a"), (1, "b"), (1, "c"), (2, "d"), (3, "e")];
        let first = fetch(&all, None);
        assert_eq!((first.items.as_slice(), first.total), (["a", "b"].as_slice(), 5));
        // Meanwhile "b", the last one seen, went away, and "0" came in before it.
        let changed = [(1, "0"), (1, "a"), (1, "c"), (2, "d"), (3, "e")];
        let second = fetch(&changed, first.next.as_deref());
        assert_eq!(second.items, ["c", "d"]);
        let third = fetch(&changed, second.next.as_deref());
        assert_eq!((third.items.as_slice(), third.next), (["e"].as_slice(), None));
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        assert_eq!(fetch(&[(1, "a"), (2, "b")], None).next, None);
        assert_eq!(fetch(&[], None).items.len(), 0);
    }

    #[test]
    fn a_list_that_is_read_whole_comes_in_the_same_pages() {
        let all = || vec![(3, "c"), (1, "a"), (2, "b")];
        let page = |after: Option<&str>| Page::<i64>::parse(Some(2), after).unwrap();
        let first = page(None).part(all(), |row| row.0, |row| row.1).unwrap();
        assert_eq!((first.items.as_slice(), first.total), (["c", "a"].as_slice(), 3), "in its own order");
        let second = page(first.next.as_deref()).part(all(), |row| row.0, |row| row.1).unwrap();
        assert_eq!((second.items.as_slice(), second.next, second.total), (["b"].as_slice(), None, 3));
        let gone = page(first.next.as_deref()).part(vec![(3, "c")], |row| row.0, |row| row.1).unwrap_err();
        assert_eq!(gone.fields[0].field, "after");
    }

    #[test]
    fn wrong_limits_and_cursors_are_named() {
        let field = |limit, after| Page::<(i64, String)>::parse(limit, after).unwrap_err().fields[0].field.clone();
        assert_eq!(field(Some(0), None), "limit");
        assert_eq!(field(Some(LIMIT_MAX + 1), None), "limit");
        for cursor in ["", "!", "WzFd", "bnVsbA", &"A".repeat(CURSOR_MAX + 4)] {
            assert_eq!(field(None, Some(cursor)), "after", "{cursor}");
        }
        assert!(Page::<(i64, String)>::parse(Some(LIMIT_MAX), None).is_ok());
        assert_eq!(Page::<i64>::parse(None, None).unwrap().limit, LIMIT_DEFAULT);
    }
}
