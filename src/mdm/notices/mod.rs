//! Notices away from the page: what is told by e-mail and webhook, once and in time, and a calendar of everything that ends.

pub mod decide;
mod deliver;
mod digest;
mod facts;
pub mod feed;
pub mod paper;
pub mod recipients;
pub mod settings;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, Right, journal, webhooks};
use crate::store::Tx;
use crate::store::letters::{self, Letter};
use crate::store::notices::{self, Notice, NoticeKind, Recipient};
use crate::store::settings::{self as values, Setting};

pub use decide::{Due, FLAP, Fact, MENDED_AFTER, SETTLE, STEPS};
pub use deliver::{BACK_OFF, GIVE_UP_AFTER, Post, TROUBLE_FROM, note_test, post, record};
pub use facts::{SILENT_MIN, SILENT_PER_CENT, gather};
pub use write::{LISTED_MAX, MAILINGS_MAX, Out, test_letter};

/// The name of the job that looks and sends.
pub const JOB: &str = "notices";

/// How often somebody looks whether there is something to tell.
pub const LOOK_EVERY: Duration = Duration::from_secs(300);

/// Names the alert about mail that does not go out.
pub const MAIL_TROUBLE: &str = "notices.mail";

const ACTOR: Actor = Actor::Job(JOB);

/// When somebody last looked.
const LOOKED: Setting<Timestamp> = Setting::new("notices.looked_at");

/// What each kind is, for people: its name, and what it tells.
pub fn words(kind: NoticeKind) -> (&'static str, &'static str) {
    match kind {
        NoticeKind::Ends => (t!("Certificates and tokens"), t!("60, 30, 14, 7 and 1 days before one ends, and once it has")),
        NoticeKind::Pushes => (t!("Wake-ups"), t!("devices cannot be woken, or many have gone silent")),
        NoticeKind::Backups => (t!("Backups"), t!("one failed, or cannot be restored")),
        NoticeKind::Seats => (t!("Licences"), t!("devices wait for a licence or a code of an app")),
        NoticeKind::Updates => (t!("Updates"), t!("a plan stopped, or devices are late or failed")),
        NoticeKind::Other => (t!("Everything else"), t!("whatever else stands under “Needs you” on Today")),
        NoticeKind::Digest => (t!("Weekly digest"), t!("how everything stands, once a week")),
    }
}

/// How notices stand, for those who set them up.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The mail server; none while nobody named one.
    pub server: Option<crate::protocol::mail::MailServer>,
    /// Whether a password is kept for it.
    pub has_password: bool,
    /// What is told, and when.
    pub rules: settings::Rules,
    /// When the next digest is sent.
    pub next_digest_at: Option<Timestamp>,
    /// Whom mail goes to.
    pub recipients: Vec<Recipient>,
    /// Letters that wait.
    pub waiting: u64,
    /// The newest letters.
    pub letters: Vec<Letter>,
    /// Whether there is a calendar address.
    pub has_feed: bool,
}

/// How notices stand, with so many of the newest letters.
pub fn standing(tx: &Tx, actor: &Actor, newest: u32) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let server = settings::server(tx)?;
    let rules = settings::rules(tx)?;
    Ok(Standing {
        has_password: settings::password(tx)?.is_some(),
        next_digest_at: if server.is_some() { digest::next_at(tx, &rules)? } else { None },
        server,
        rules,
        recipients: notices::recipients(tx)?,
        waiting: letters::count_waiting(tx)?,
        letters: letters::list(tx, None, newest)?,
        has_feed: feed::token(tx)?.is_some(),
    })
}

/// What was told, newest first, from before a moment and id; and how many are kept.
pub fn list(tx: &Tx, actor: &Actor, before: Option<(Timestamp, &str)>, limit: u32) -> Result<(Vec<Notice>, u64)> {
    actor.require(Right::Configure)?;
    Ok((notices::list(tx, before, limit)?, notices::count(tx)?))
}

/// Letters, newest first, from before a moment and id; and how many are kept.
pub fn list_letters(tx: &Tx, actor: &Actor, before: Option<(Timestamp, &str)>, limit: u32) -> Result<(Vec<Letter>, u64)> {
    actor.require(Right::Configure)?;
    Ok((letters::list(tx, before, limit)?, letters::count(tx)?))
}

/// Whether anybody hears of anything.
fn is_listening(tx: &Tx) -> Result<bool> {
    Ok((settings::server(tx)?.is_some() && !recipients::served(tx)?.is_empty()) || webhooks::wants_notices(tx)?)
}

/// When the job is to look, or to send.
pub fn due(tx: &Tx) -> Result<Option<Timestamp>> {
    let look = if is_listening(tx)? { Some(values::value(tx, &LOOKED)?.map_or(tx.now, |last| last.plus(LOOK_EVERY))) } else { None };
    let digest = if settings::server(tx)?.is_some() { digest::next_at(tx, &settings::rules(tx)?)? } else { None };
    Ok([look, digest, letters::next_due(tx)?].into_iter().flatten().min())
}

/// Looks at what stands, tells webhooks what is new and writes letters; gives how many notices there were. `out` says what letters lead to.
pub fn look(tx: &Tx, facts: &[Fact], out: &Out) -> Result<usize> {
    if !is_listening(tx)? {
        return Ok(0);
    }
    values::set(tx, &LOOKED, &tx.now)?;
    let known: BTreeMap<_, _> = notices::causes(tx)?.into_iter().map(|cause| (cause.key.clone(), cause)).collect();
    let decision = decide::decide(tx.now, facts, &known, settings::rules(tx)?.tell_mended);
    for key in &decision.forgotten {
        notices::forget_cause(tx, key)?;
    }
    for cause in &decision.causes {
        notices::put_cause(tx, cause)?;
    }
    let count = decision.due.len();
    for due in decision.due {
        tell(tx, due, out)?;
    }
    write::notices(tx, out)?;
    Ok(count)
}

/// Writes down one notice, and hands it to webhooks.
fn tell(tx: &Tx, due: Due, out: &Out) -> Result<()> {
    let Due { key, kind, harm, what, why, path } = due;
    let notice = Notice { id: tx.new_id(), key, kind, harm, what, why, path, told_at: tx.now, mailed_at: None };
    notices::insert(tx, &notice)?;
    webhooks::announce_notice(tx, &notice, &out.link(&notice.path))?;
    journal::note(tx, &ACTOR, "notice.told", journal::Subject::default(), json!({ "about": notice.kind.as_str(), "what": notice.what }))
}

/// The weekly digest as it would be written now, as plain text.
pub fn foreseen_digest(tx: &Tx, actor: &Actor, own_tls: bool, out: &Out) -> Result<String> {
    actor.require(Right::Configure)?;
    let facts = gather(tx, own_tls)?;
    Ok(digest::paper(tx, &facts, own_tls, out)?.plain())
}

/// Writes the digest where its time has come; gives whether it did.
pub fn write_digest(tx: &Tx, facts: &[Fact], own_tls: bool, out: &Out) -> Result<bool> {
    let rules = settings::rules(tx)?;
    if settings::server(tx)?.is_none() || digest::next_at(tx, &rules)?.is_none_or(|at| at > tx.now) {
        return Ok(false);
    }
    digest::note_written(tx)?;
    let paper = digest::paper(tx, facts, own_tls, out)?;
    write::digest(tx, &paper)?;
    Ok(true)
}
