//! Slows down whoever brings wrong challenges and codes: what is wrong alone, so that somebody behind the same address with a right one is served.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::attempts::{Tally, network};

/// Wrong challenges or codes that an address may bring at once: a whole class whose profile is over stays within it.
pub const WRONG_AT_ONCE: u32 = 30;
/// Time after which an address gets one back.
pub const WRONG_EVERY: Duration = Duration::from_secs(10);
/// Accounts for certificates (ACME) that an address may open at once: each device of a school that enrolls in one morning, behind one address, opens one.
pub const ACCOUNTS_AT_ONCE: u32 = 2000;
/// Time after which it may open another.
pub const ACCOUNT_EVERY: Duration = Duration::from_millis(500);

/// Who brought how much that was refused, by address. Clones count together.
#[derive(Debug, Clone)]
pub struct Strangers(Arc<Tally<IpAddr>>);

impl Default for Strangers {
    fn default() -> Self {
        Self::of(WRONG_AT_ONCE, WRONG_EVERY)
    }
}

impl Strangers {
    /// So many at once, and one more after each `every`.
    pub fn of(at_once: u32, every: Duration) -> Self {
        Self(Arc::new(Tally::of(at_once, every)))
    }

    /// Counts something of this address that is refused anyway.
    ///
    /// # Errors
    /// [`Kind::TooOften`] with the seconds to wait, which is to be the answer then, and nothing is to be written down.
    pub fn count(&self, from: IpAddr, now: Timestamp) -> Result<()> {
        self.0.take(network(from), now).map_err(|seconds| {
            let words = t!("Too much that came from this address was refused. Try again in {seconds} seconds.", seconds);
            Error::new(Kind::TooOften, words).retry_after(seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_slowed_by_its_address() {
        let (strangers, now) = (Strangers::default(), Timestamp::from_seconds(1_800_000_000));
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        for _ in 0..WRONG_AT_ONCE {
            strangers.count(address(1), now).unwrap();
        }
        let refused = strangers.clone().count(address(1), now).unwrap_err();
        assert_eq!((refused.kind, refused.retry_after_s), (Kind::TooOften, Some(WRONG_EVERY.as_secs() as u32)));
        strangers.count(address(2), now).unwrap();
        strangers.count(address(1), now.plus(WRONG_EVERY)).unwrap();
    }
}
