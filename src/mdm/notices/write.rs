//! Letters about what is to be told: several things in one, and never so many that nobody reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::notices::paper::{Line, Paper, Part};
use crate::mdm::notices::{recipients, settings};
use crate::mdm::settings::{organisation, zone};
use crate::store::Tx;
use crate::store::letters::{self, Letter, LetterState, Occasion};
use crate::store::notices::{self, Notice, NoticeKind};

/// How often in 24 hours letters about what needs somebody are written; what comes beyond is gathered for the next ones.
pub const MAILINGS_MAX: usize = 8;

/// Notices that one letter lists; of more it says how many.
pub const LISTED_MAX: u32 = 50;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where letters lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    /// The public address, `https://name[:port]`, without a slash at the end.
    pub public_url: String,
}

impl Out {
    /// The whole address of a page.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// What every letter ends with.
    pub(super) fn foot(&self, tx: &Tx) -> Result<String> {
        let organisation = organisation(tx)?;
        let of = if organisation.is_empty() { String::new() } else { t!(" of {organisation}", organisation) };
        Ok(t!(
            "Rollcall{of}, {link}. Who gets what is chosen at {link_2}, for oneself at {link_3}.",
            of,
            link = self.link("/"),
            link_2 = self.link("/system/notices"),
            link_3 = self.link("/account")
        ))
    }
}

/// When letters may be written next: at once, unless there were [`MAILINGS_MAX`] within 24 hours.
fn open_at(mailings: &[Timestamp], now: Timestamp) -> Timestamp {
    match mailings.len().checked_sub(MAILINGS_MAX) {
        None => now,
        Some(first) => mailings[first].plus(DAY),
    }
}

/// Writes letters about everything that waits to be told. What nobody wants to hear by mail does not wait.
pub(super) fn notices(tx: &Tx, out: &Out) -> Result<()> {
    let (waiting, all) = notices::unmailed(tx, LISTED_MAX)?;
    let served = if settings::server(tx)?.is_some() { recipients::served(tx)? } else { BTreeMap::default() };
    if waiting.is_empty() || served.is_empty() {
        return notices::set_mailed(tx);
    }
    let mailings = notices::mailings(tx, tx.now.minus(DAY))?;
    if open_at(&mailings, tx.now) > tx.now {
        return Ok(());
    }
    // Whoever reads this one knows why the next is late.
    let until = if mailings.len() + 1 >= MAILINGS_MAX {
        let first = mailings.iter().copied().chain([tx.now]).nth(mailings.len() + 1 - MAILINGS_MAX).unwrap_or(tx.now);
        Some(language::date(zone(tx)?.words(first.plus(DAY))))
    } else {
        None
    };
    for (address, kinds) in served {
        let wanted: Vec<_> = waiting.iter().filter(|notice| kinds.contains(&notice.kind)).collect();
        if !wanted.is_empty() {
            let unlisted = all - waiting.len() as u64;
            let paper = paper(&wanted, unlisted, until.as_deref(), out, out.foot(tx)?);
            letters::insert(tx, &letter(tx, Occasion::Notices, &address, &paper))?;
        }
    }
    notices::set_mailed(tx)
}

/// A letter about some notices; `unlisted` are left out, and `until` says when the next may come at the earliest.
fn paper(wanted: &[&Notice], unlisted: u64, until: Option<&str>, out: &Out, foot: String) -> Paper {
    let line = |notice: &&Notice| Line { what: notice.what.clone(), why: notice.why.clone(), link: out.link(&notice.path) };
    let part = |heading: &str, is_in: fn(&Notice) -> bool| Part {
        heading: heading.to_owned(),
        lines: wanted.iter().filter(|notice| is_in(notice)).map(line).collect(),
    };
    let mut parts = vec![part(t!("Needs you"), |notice| notice.harm > 0), part(t!("Needs you no more"), |notice| notice.harm == 0)];
    parts.retain(|part| !part.lines.is_empty());
    let title = match wanted {
        [one] => one.what.trim_end_matches('.').to_owned(),
        [first, rest @ ..] => {
            t!("{what}, and {rest} more", what = first.what.trim_end_matches('.'), rest = rest.len())
        }
        [] => String::new(),
    };
    let mut lead = Vec::new();
    if unlisted > 0 {
        lead.push(t!("{unlisted} more are not listed here: see {link}.", unlisted, link = out.link("/")));
    }
    if let Some(until) = until {
        lead.push(t!("There were many letters today. What comes next is gathered, and told after {until}.", until));
    }
    Paper { title, lead: lead.join(" "), parts, foot }
}

/// Writes the digest to those who want it.
pub(super) fn digest(tx: &Tx, paper: &Paper) -> Result<()> {
    for (address, kinds) in recipients::served(tx)? {
        if kinds.contains(&NoticeKind::Digest) {
            letters::insert(tx, &letter(tx, Occasion::Digest, &address, paper))?;
        }
    }
    Ok(())
}

/// The letter of whoever tries whether mail goes out; it is kept once it was tried.
pub fn test_letter(tx: &Tx, address: &str, out: &Out) -> Result<Letter> {
    let paper = Paper {
        title: String::from(t!("Mail from Rollcall arrives")),
        lead: String::from(t!("Somebody wanted to see whether it does. There is nothing to do.")),
        parts: Vec::new(),
        foot: out.foot(tx)?,
    };
    Ok(letter(tx, Occasion::Test, address, &paper))
}

fn letter(tx: &Tx, occasion: Occasion, address: &str, paper: &Paper) -> Letter {
    Letter {
        id: tx.new_id(),
        occasion,
        address: address.to_owned(),
        subject: t!("Rollcall: {title}", title = paper.title),
        plain: paper.plain(),
        html: paper.html(),
        state: LetterState::Waiting,
        attempts: 0,
        due_at: Some(tx.now),
        said: String::new(),
        created_at: tx.now,
        ended_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_letters_within_a_day_and_no_more() {
        let now = Timestamp::from_seconds(1_795_577_349);
        let ago = |hours: u32| now.minus(Duration::from_secs(3600) * hours);
        let some: Vec<_> = (1..MAILINGS_MAX as u32).rev().map(ago).collect();
        assert_eq!(open_at(&some, now), now);
        let full: Vec<_> = (1..=MAILINGS_MAX as u32).rev().map(ago).collect();
        assert_eq!(open_at(&full, now), ago(MAILINGS_MAX as u32).plus(DAY));
    }
}
