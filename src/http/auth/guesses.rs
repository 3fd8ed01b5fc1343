//! How often a password may be tried: counted by whom it is for and where it comes from, and apart for a browser that was in before.

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::attempts::{Tally, network};
use crate::pki::digest::sha256;

/// Wrong passwords for one name that may come at once, from wherever: guesses from many addresses are slowed too.
pub(super) const NAME_AT_ONCE: u32 = 30;
/// Time after which a name gets one try back. It is slowed, never locked.
pub(super) const NAME_EVERY: Duration = Duration::from_secs(10);
/// Wrong passwords that one address may send at once, for whatever names: a school is behind one.
pub(super) const ADDRESS_AT_ONCE: u32 = 60;
/// Time after which an address gets one try back.
pub(super) const ADDRESS_EVERY: Duration = Duration::from_secs(5);

/// Who tried how often.
#[derive(Debug)]
pub(super) struct Guesses {
    /// By the SHA-256 of address and name.
    pairs: Tally<[u8; 32]>,
    /// By the SHA-256 of the name, whether somebody has it or not.
    names: Tally<[u8; 32]>,
    addresses: Tally<IpAddr>,
    /// By the SHA-256 of what a browser that was in before shows of it.
    apart: Tally<[u8; 32]>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            pairs: Tally::default(),
            names: Tally::of(NAME_AT_ONCE, NAME_EVERY),
            addresses: Tally::of(ADDRESS_AT_ONCE, ADDRESS_EVERY),
            apart: Tally::default(),
        }
    }
}

/// A try that was taken, to be given back when it was a right one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// Counted apart.
    Apart([u8; 32]),
    /// Counted with those of others.
    Open { pair: [u8; 32], name: [u8; 32], address: IpAddr },
}

impl Guesses {
    /// Takes a try for `name` from `address`; `apart` is what a browser shows that was in under this name before: what others guess does not slow it.
    ///
    /// # Errors
    /// [`Kind::TooOften`] with the seconds to wait.
    pub(super) fn take(&self, name: &str, address: IpAddr, apart: Option<&str>, now: Timestamp) -> Result<Turn> {
        if let Some(shown) = apart {
            let shown = sha256(shown.as_bytes());
            self.apart.take(shown, now).map_err(from_here)?;
            return Ok(Turn::Apart(shown));
        }
        let (name, address) = (name.trim().to_lowercase(), network(address));
        let pair = sha256(format!("{address}/{name}").as_bytes());
        let name = sha256(name.as_bytes());
        self.pairs.take(pair, now).map_err(from_here)?;
        if let Err(seconds) = self.names.take(name, now) {
            self.pairs.give_back(&pair);
            let words = t!(
                "Somebody keeps guessing this password. Try again in {seconds} seconds, or with a browser in which you were logged in before.",
                seconds
            );
            return Err(Error::new(Kind::TooOften, words).retry_after(seconds));
        }
        if let Err(seconds) = self.addresses.take(address, now) {
            self.pairs.give_back(&pair);
            self.names.give_back(&name);
            return Err(from_here(seconds));
        }
        Ok(Turn::Open { pair, name, address })
    }

    /// Gives a try back: it was a right one.
    pub(super) fn give_back(&self, turn: Turn) {
        match turn {
            Turn::Apart(shown) => self.apart.give_back(&shown),
            Turn::Open { pair, name, address } => {
                self.pairs.give_back(&pair);
                self.names.give_back(&name);
                self.addresses.give_back(&address);
            }
        }
    }
}

fn from_here(seconds: u32) -> Error {
    let words = t!("Too many attempts from this address. Try again in {seconds} seconds.", seconds);
    Error::new(Kind::TooOften, words).retry_after(seconds)
}
