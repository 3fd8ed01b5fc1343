//! What becomes of a licence when something happens to it: pure, and the only place that says so.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::apps_and_books::Verdict;
use crate::store::licences::Stage;

/// Refusals in a row after which it is called failed.
pub const ATTEMPTS_MAX: i64 = 5;

/// The first wait after a refusal; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// How often what failed is tried again by itself.
const FAILED_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How a licence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is wanted.
    pub wanted: bool,
    /// How far it is.
    pub stage: Stage,
    /// Refusals in a row.
    pub attempts: i64,
    /// Not asked for again before.
    pub due_at: Option<Timestamp>,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Somebody is to have it.
    Wanted,
    /// Somebody is not to have it any more.
    Released,
    /// Apple is about to be asked; unless it says how far it is, it counts as lost at this moment.
    Sent(Timestamp),
    /// Apple says that it is done.
    Done,
    /// Apple says that it is not.
    Refused(Verdict),
    /// Apple's book has it. `asks` says that an event is still under way.
    Listed {
        /// Whether Apple still has to say how it went.
        asks: bool,
    },
    /// Apple's book does not have it.
    Missing {
        /// Whether Apple still has to say how it went.
        asks: bool,
    },
}

/// How it stands then; nothing when there is nothing left of it.
#[must_use]
pub fn next(standing: Standing, happening: Happening, now: Timestamp) -> Option<Standing> {
    let Standing { wanted, stage, attempts, due_at } = standing;
    let fresh = |stage| Standing { stage, attempts: 0, due_at: None, ..standing };
    let gone_or_again = |attempts, due_at| wanted.then_some(Standing { wanted, stage: Stage::Open, attempts, due_at });
    Some(match happening {
        Happening::Wanted if wanted => standing,
        Happening::Wanted => Standing {
            wanted: true,
            stage: if stage == Stage::Failed { Stage::Open } else { stage },
            attempts: 0,
            // What is under way keeps its end.
            due_at: if matches!(stage, Stage::Asked | Stage::Leaving) { due_at } else { None },
        },
        Happening::Released => match stage {
            Stage::Open | Stage::Failed => return None,
            Stage::Held => Standing { wanted: false, attempts: 0, due_at: None, ..standing },
            Stage::Asked | Stage::Leaving => Standing { wanted: false, ..standing },
        },
        Happening::Sent(lost_at) => {
            let stage = if wanted { Stage::Asked } else { Stage::Leaving };
            Standing { stage, due_at: Some(lost_at), ..standing }
        }
        Happening::Done => match stage {
            // How often it was asked for stays until the book shows it: Apple also calls done what it never does.
            Stage::Asked => Standing { stage: Stage::Held, due_at: None, ..standing },
            Stage::Leaving => return gone_or_again(0, None),
            Stage::Open | Stage::Held | Stage::Failed => standing,
        },
        Happening::Refused(verdict) => match stage {
            Stage::Asked => return refused(standing, verdict, now),
            // It is still held. It is given back one day, or the book shows that it is gone.
            Stage::Leaving => Standing { stage: Stage::Held, attempts: attempts + 1, due_at: Some(now.plus(wait(attempts))), ..standing },
            Stage::Open | Stage::Held | Stage::Failed => standing,
        },
        Happening::Listed { asks } => match stage {
            Stage::Open | Stage::Failed => fresh(Stage::Held),
            Stage::Asked if !asks => fresh(Stage::Held),
            Stage::Leaving if !asks && is_over(due_at, now) => fresh(Stage::Held),
            Stage::Held if wanted => fresh(Stage::Held),
            Stage::Held | Stage::Asked | Stage::Leaving => standing,
        },
        Happening::Missing { asks } => match stage {
            Stage::Held if !wanted => return None,
            Stage::Held if attempts + 1 >= ATTEMPTS_MAX => {
                Standing { stage: Stage::Failed, attempts: 0, due_at: Some(now.plus(FAILED_WAIT)), ..standing }
            }
            Stage::Held => return gone_or_again(attempts + 1, Some(now.plus(wait(attempts)))),
            Stage::Asked if !asks && is_over(due_at, now) => return gone_or_again(attempts, None),
            Stage::Leaving if !asks => return gone_or_again(0, None),
            Stage::Open | Stage::Failed | Stage::Asked | Stage::Leaving => standing,
        },
    })
}

/// What a refusal makes of what was asked for.
fn refused(standing: Standing, verdict: Verdict, now: Timestamp) -> Option<Standing> {
    if !standing.wanted {
        return None;
    }
    let attempts = standing.attempts + 1;
    let open = Standing { stage: Stage::Open, attempts, due_at: Some(now.plus(wait(standing.attempts))), ..standing };
    let failed = Standing { stage: Stage::Failed, attempts: 0, due_at: None, ..standing };
    Some(match verdict {
        // The token is at fault, not the licence.
        Verdict::NewToken => Standing { stage: Stage::Open, due_at: None, ..standing },
        Verdict::Short => open,
        Verdict::Later if attempts < ATTEMPTS_MAX => open,
        Verdict::Later => Standing { due_at: Some(now.plus(FAILED_WAIT)), ..failed },
        Verdict::Never => failed,
    })
}

fn is_over(due_at: Option<Timestamp>, now: Timestamp) -> bool {
    due_at.is_none_or(|due| due <= now)
}

/// How long to wait after this many refusals.
pub fn wait(attempts: i64) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempts.clamp(0, 12)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn at(wanted: bool, stage: Stage) -> Standing {
        Standing { wanted, stage, attempts: 0, due_at: None }
    }

    fn stage_after(standing: Standing, happening: Happening) -> Option<Stage> {
        next(standing, happening, NOW).map(|standing| standing.stage)
    }

    #[test]
    fn a_licence_goes_its_way_and_comes_back() {
        let asked = next(at(true, Stage::Open), Happening::Sent(NOW), NOW).unwrap();
        let held = next(asked, Happening::Done, NOW).unwrap();
        assert_eq!(held, at(true, Stage::Held));
        let released = next(held, Happening::Released, NOW).unwrap();
        let leaving = next(released, Happening::Sent(NOW), NOW).unwrap();
        assert_eq!(leaving.stage, Stage::Leaving);
        assert_eq!(next(leaving, Happening::Done, NOW), None);
        let again = next(leaving, Happening::Wanted, NOW).unwrap();
        assert_eq!(stage_after(again, Happening::Done), Some(Stage::Open), "who wants it again is asked for again");
    }

    #[test]
    fn a_refusal_is_tried_again_later_but_not_for_ever() {
        let mut standing = at(true, Stage::Open);
        for attempt in 1..=ATTEMPTS_MAX {
            standing = next(standing, Happening::Sent(NOW), NOW).unwrap();
            standing = next(standing, Happening::Refused(Verdict::Later), NOW).unwrap();
            assert_eq!(standing.stage == Stage::Failed, attempt == ATTEMPTS_MAX, "{attempt}");
            assert!(standing.due_at.is_some_and(|due| due > NOW));
        }
        let never = next(at(true, Stage::Asked), Happening::Refused(Verdict::Never), NOW).unwrap();
        assert_eq!((never.stage, never.due_at), (Stage::Failed, None), "what Apple will never do is not asked for again");
        assert_eq!(stage_after(at(true, Stage::Asked), Happening::Refused(Verdict::Short)), Some(Stage::Open));
    }

    #[test]
    fn the_book_heals_what_was_lost_but_does_not_overtake_an_event() {
        let lost = Standing { due_at: Some(NOW), ..at(true, Stage::Asked) };
        assert_eq!(stage_after(lost, Happening::Listed { asks: false }), Some(Stage::Held));
        assert_eq!(stage_after(lost, Happening::Missing { asks: false }), Some(Stage::Open));
        assert_eq!(stage_after(lost, Happening::Listed { asks: true }), Some(Stage::Asked), "Apple has not said that it is done");
        let early = Standing { due_at: Some(NOW.plus(FIRST_WAIT)), ..at(true, Stage::Asked) };
        assert_eq!(stage_after(early, Happening::Missing { asks: false }), Some(Stage::Asked), "its answer may still come");
        assert_eq!(stage_after(at(false, Stage::Leaving), Happening::Missing { asks: false }), None);
        assert_eq!(stage_after(at(false, Stage::Leaving), Happening::Listed { asks: false }), Some(Stage::Held));
    }

    #[test]
    fn what_apple_calls_done_and_never_lists_fails_in_the_end() {
        let mut standing = at(true, Stage::Open);
        for _ in 1..ATTEMPTS_MAX {
            standing = next(standing, Happening::Sent(NOW), NOW).unwrap();
            standing = next(standing, Happening::Done, NOW).unwrap();
            standing = next(standing, Happening::Missing { asks: false }, NOW).unwrap();
            assert_eq!(standing.stage, Stage::Open);
        }
        standing = next(standing, Happening::Sent(NOW), NOW).unwrap();
        standing = next(standing, Happening::Done, NOW).unwrap();
        assert_eq!(stage_after(standing, Happening::Missing { asks: false }), Some(Stage::Failed));
    }

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(wait(0), FIRST_WAIT);
        assert_eq!(wait(1), 2 * FIRST_WAIT);
        assert_eq!(wait(i64::MAX), LONGEST_WAIT);
    }
}
