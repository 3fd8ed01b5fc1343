//! Takes a document in: releases appear, change and vanish, each with its history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::{Document, Source, changed};
use crate::error::Result;
use crate::mdm::journal::Subject;
use crate::mdm::{Actor, Right, journal};
use crate::store::Tx;
use crate::store::releases::{self, Release, ReleaseKey, ReleaseState};

/// Releases that are told of one by one at a time; how many there are in all is told in any case.
pub const EVENTS_MAX: usize = 40;

/// How long a release is remembered after it vanished.
pub const VANISHED_KEPT: Duration = Duration::from_secs(2 * 365 * 24 * 3600);

/// What a document changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Releases that it lists.
    pub listed: usize,
    /// Those that are new, or are back.
    pub appeared: usize,
    /// Those whose dates, lists or devices are others.
    pub changed: usize,
    /// Those that are not listed any more.
    pub vanished: usize,
}

impl Taken {
    /// Whether anything is different from before.
    pub fn is_change(self) -> bool {
        self.appeared + self.changed + self.vanished > 0
    }
}

/// The platforms of the list that is here, where a document names none of them: then it is no newer list, whatever it is.
pub(super) fn strange(tx: &Tx, document: &Document) -> Result<Option<String>> {
    let known: BTreeSet<String> =
        releases::all(tx)?.into_iter().filter(|release| release.vanished_at.is_none()).map(|release| release.key.platform).collect();
    let is_strange = !known.is_empty() && !document.releases.keys().any(|key| known.contains(&key.platform));
    Ok(is_strange.then(|| known.into_iter().collect::<Vec<_>>().join(", ")))
}

/// Good releases of which a document may lack any part: of so few, one may well be gone.
const FEW: usize = 5;

/// What a document lacks of the list that is here, where that is so much that it is hardly Apple's whole list: all good releases of a platform, or more
/// than half of all.
pub(super) fn shrunken(tx: &Tx, document: &Document) -> Result<Option<String>> {
    let good: Vec<Release> = releases::listed(tx)?.into_iter().filter(|release| release.state(tx.now) == ReleaseState::Current).collect();
    let mut platforms: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for release in &good {
        let (all, gone) = platforms.entry(&release.key.platform).or_default();
        *all += 1;
        *gone += usize::from(!document.releases.contains_key(&release.key));
    }
    let gone: usize = platforms.values().map(|(_, gone)| gone).sum();
    let whole = platforms.iter().find(|(_, (all, gone))| *all >= FEW && all == gone).map(|(platform, _)| *platform);
    Ok(match whole {
        Some(platform) => Some(t!("every release of {platform} that Apple still signs", platform)),
        None if good.len() >= FEW && gone * 2 > good.len() => {
            Some(t!("{gone} of the {good} releases that Apple still signs", gone, good = good.len()))
        }
        None => None,
    })
}

/// Takes a document in, in the place of the one before: Apple decides what is listed, and what is not listed any more is remembered for
/// [`VANISHED_KEPT`].
pub fn take_in(tx: &Tx, actor: &Actor, document: &Document, source: Source) -> Result<Taken> {
    actor.require(Right::Configure)?;
    let mut known: BTreeMap<ReleaseKey, Release> = releases::all(tx)?.into_iter().map(|release| (release.key.clone(), release)).collect();
    let mut teller = Teller { tx, actor, left: if known.is_empty() { 0 } else { EVENTS_MAX } };
    let mut taken = Taken { listed: document.releases.len(), ..Taken::default() };
    for (key, offers) in &document.releases {
        let before = known.remove(key);
        let is_back = before.as_ref().is_some_and(|release| release.vanished_at.is_some());
        match &before {
            Some(release) if !is_back && release.offers == *offers => continue,
            Some(_) if !is_back => taken.changed += 1,
            _ => {
                taken.appeared += 1;
                teller.tell("release.appeared", key, is_back)?;
            }
        }
        let appeared_at = before.map_or(tx.now, |release| release.appeared_at);
        releases::put(tx, &Release { key: key.clone(), offers: offers.clone(), appeared_at, vanished_at: None })?;
    }
    for release in known.into_values().filter(|release| release.vanished_at.is_none()) {
        taken.vanished += 1;
        teller.tell("release.vanished", &release.key, false)?;
        releases::put(tx, &Release { vanished_at: Some(tx.now), ..release })?;
    }
    if taken.is_change() || source == Source::File {
        let data = json!({ "source": source, "listed": taken.listed, "appeared": taken.appeared, "vanished": taken.vanished });
        journal::note(tx, actor, "release.list_taken", Subject::default(), data)?;
    }
    if taken.is_change() {
        changed(tx)?;
    }
    Ok(taken)
}

/// Forgets what vanished longer ago than [`VANISHED_KEPT`].
pub(super) fn prune(tx: &Tx) -> Result<usize> {
    releases::prune(tx, tx.now.minus(VANISHED_KEPT))
}

/// Tells what happened to releases, as long as there is room for it. The first list of all is news as a whole only.
struct Teller<'a> {
    tx: &'a Tx,
    actor: &'a Actor,
    left: usize,
}

impl Teller<'_> {
    fn tell(&mut self, kind: &str, key: &ReleaseKey, again: bool) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let ReleaseKey { platform, version, extra, build, prerequisite } = key;
        let data = json!({
            "platform": platform, "version": version, "extra": extra, "build": build, "prerequisite": prerequisite, "again": again,
        });
        journal::note(self.tx, self.actor, kind, Subject::default(), data)
    }
}
