//! Where apps are served: passwords compared a few at a time, guesses slowed for each address and each person, and the key that signs at hand.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::attempts::{Attempts, Tally};
use crate::mdm::access::keys;
use crate::mdm::access::passwords::{self, Verified};
use crate::pki::digest::sha256;
use crate::pki::jws::JwsSigner;
use crate::protocol::grant::GRANT_TYPE;
use crate::secret::Secret;

/// Passwords that are compared at a time; each takes a core and 19 MiB. People who log in have places of their own.
pub const HASHES_AT_ONCE: usize = 2;
/// Passwords that may wait for their turn: about two seconds' worth.
pub const HASHES_WAITING_MAX: usize = 128;

/// One for all listeners.
pub(super) struct Desk {
    addresses: Attempts,
    /// By the SHA-256 of the address of the person, whether there is one or not.
    people: Tally<[u8; 32]>,
    waiting: Semaphore,
    hashing: Semaphore,
    signer: RwLock<Option<(String, Arc<JwsSigner>)>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            addresses: Attempts::default(),
            people: Tally::default(),
            waiting: Semaphore::new(HASHES_WAITING_MAX),
            hashing: Semaphore::new(HASHES_AT_ONCE),
            signer: RwLock::default(),
        }
    }
}

impl Desk {
    /// Finds out whether somebody knows the password of the person with this address.
    ///
    /// # Errors
    /// Unauthenticated, in the same words after the same work whether or not there is such a person; too often with the seconds to wait.
    pub(super) async fn prove(&self, app: &App, from: IpAddr, email: &str, password: Secret<String>, now: Timestamp) -> Result<Verified> {
        let who = sha256(email.trim().to_ascii_lowercase().as_bytes());
        self.addresses.take(from, now)?;
        self.people.take(who, now).map_err(|seconds| {
            Error::new(Kind::TooOften, format!("This password was guessed too often. Try again in {seconds} seconds.")).retry_after(seconds)
        })?;
        let candidate = app.store.read(now, |tx| passwords::candidate(tx, email.trim())).await?;
        let verified = self.in_turn(move || candidate.verify(&password)).await?;
        let verified = verified.ok_or_else(|| Error::new(Kind::Unauthenticated, "Address or password is wrong."))?;
        self.addresses.give_back(from);
        self.people.give_back(&who);
        Ok(verified)
    }

    /// Runs `work` on a thread for slow things when its turn comes.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let full = |_| Error::new(Kind::Busy, "Too many people are asking just now. Try again in a moment.").retry_after(2);
        let _waiting = self.waiting.try_acquire().map_err(full)?;
        // The semaphore is never closed.
        let _turn = self.hashing.acquire().await.map_err(|closed| Error::internal("the desk is closed", closed))?;
        tokio::task::spawn_blocking(work).await.map_err(|panic| Error::internal("a fault in the program", panic))
    }

    /// The key of this id, ready to sign.
    pub(super) async fn signer(&self, app: &App, id: &str, now: Timestamp) -> Result<Arc<JwsSigner>> {
        if let Some((known, signer)) = self.signer.read().unwrap_or_else(PoisonError::into_inner).as_ref()
            && known == id
        {
            return Ok(Arc::clone(signer));
        }
        let key = app.store.read(now, |tx| keys::private(tx, id)).await.map_err(|error| match error.kind {
            Kind::NotFound => Error::new(Kind::Busy, "The key that signs was changed just now. Ask again.").retry_after(1),
            _ => error,
        })?;
        let signer = Arc::new(JwsSigner::new(&key, id, GRANT_TYPE)?);
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = Some((id.to_owned(), Arc::clone(&signer)));
        Ok(signer)
    }
}
