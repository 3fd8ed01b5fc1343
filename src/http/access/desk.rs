//! Where apps are served: passwords compared a few at a time, guesses slowed and written down, and the key that signs at hand.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::guesses::Book;
use super::installations::Installations;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::attempts::{Attempts, Tally, network};
use crate::mdm::access::guesses::{self, Asker, Guesses};
use crate::mdm::access::passwords::Verified;
use crate::mdm::access::{self, Ask, keys};
use crate::pki::digest::sha256;
use crate::pki::jws::JwsSigner;
use crate::protocol::grant::GRANT_TYPE;

/// Passwords that are compared at a time; each takes a core and 19 MiB. People who log in have places of their own.
pub const HASHES_AT_ONCE: usize = 2;
/// Passwords that may wait for their turn: about two seconds' worth.
pub const HASHES_WAITING_MAX: usize = 128;

/// Asks with one token or certificate that may be made at once: an app that is opened again and again stays far below.
pub const ASKS_AT_ONCE: u32 = 120;
/// Time after which one comes back.
pub const ASK_EVERY: Duration = Duration::from_secs(1);
/// Asks without a proof that holds that an address may make at once: a school's devices behind one address may all have an old token.
pub const STRANGERS_AT_ONCE: u32 = 60;
/// Time after which it gets one back. Asks with a proof that holds are never counted by their address.
pub const STRANGER_EVERY: Duration = Duration::from_secs(5);

/// One for all listeners.
pub(super) struct Desk {
    addresses: Attempts,
    /// By the SHA-256 of the address of the person, whether there is one or not.
    people: Tally<[u8; 32]>,
    /// By the SHA-256 of the id of a device that proved itself, or of an installation that was granted before.
    apart: Tally<[u8; 32]>,
    /// By the SHA-256 of a token or certificate, whether it holds or not.
    asks: Tally<[u8; 32]>,
    installations: Installations,
    /// By the address that proofs come from which do not hold.
    strangers: Tally<IpAddr>,
    wrong: Book,
    waiting: Semaphore,
    hashing: Semaphore,
    signer: RwLock<Option<(String, Arc<JwsSigner>)>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            addresses: Attempts::default(),
            people: Tally::default(),
            apart: Tally::default(),
            installations: Installations::default(),
            asks: Tally::of(ASKS_AT_ONCE, ASK_EVERY),
            strangers: Tally::of(STRANGERS_AT_ONCE, STRANGER_EVERY),
            wrong: Book::default(),
            waiting: Semaphore::new(HASHES_WAITING_MAX),
            hashing: Semaphore::new(HASHES_AT_ONCE),
            signer: RwLock::default(),
        }
    }
}

impl Desk {
    /// Finds out whether somebody knows the password of the person with the address of this ask.
    ///
    /// Guesses are counted by the address they come from and by the person they are aimed at. A device that proved itself is counted by itself instead
    /// of by its address, and an installation that this person was granted before by itself alone: what others guess does not lock it.
    ///
    /// # Errors
    /// Unauthenticated, in the same words after the same work whether or not there is such a person; too often with the seconds to wait. Nobody, and no
    /// error, where the ask shows a grant whose app or person was deleted: it is refused by that.
    pub(super) async fn prove(&self, app: &App, from: IpAddr, ask: &Ask, now: Timestamp) -> Result<Option<Verified>> {
        let (Some(email), Some(password)) = (&ask.request.email, ask.request.password.clone()) else { return Ok(None) };
        let (who, asked) = (sha256(email.trim().to_ascii_lowercase().as_bytes()), ask.clone());
        let Asker { candidate, counted_by, is_known } = app.store.read(now, move |tx| guesses::asker(tx, &asked)).await?;
        let apart = counted_by.map(|id| sha256(id.as_bytes()));
        let too_often = |seconds| {
            Error::new(Kind::TooOften, t!("This password was guessed too often. Try again in {seconds} seconds.", seconds))
                .retry_after(seconds)
        };
        match &apart {
            Some(id) => self.apart.take(*id, now).map_err(too_often)?,
            None => self.addresses.take(from, now)?,
        }
        if !is_known {
            self.people.take(who, now).map_err(too_often)?;
        }
        let person_id = candidate.person_id().map(str::to_owned);
        let Some(verified) = self.in_turn(move || candidate.verify(&password)).await? else {
            let request = ask.request.clone();
            if app.store.read(now, move |tx| access::is_over(tx, &request)).await? {
                return Ok(None);
            }
            let wrong = Error::new(Kind::Unauthenticated, t!("Address or password is wrong."));
            self.note(app, from, ask, person_id, &wrong, now).await?;
            return Err(wrong);
        };
        match &apart {
            Some(id) => self.apart.give_back(id),
            None => self.addresses.give_back(from),
        }
        if !is_known {
            self.people.give_back(&who);
        }
        Ok(Some(verified))
    }

    /// Counts an ask, and the installation where it is another one than before, by the token or certificate that it brings.
    ///
    /// # Errors
    /// Too often with the seconds to wait.
    pub(super) fn count(&self, ask: &Ask, now: Timestamp) -> Result<()> {
        let proof = match (&ask.request.token, &ask.certificate) {
            (Some(token), _) => sha256(token.expose().as_bytes()),
            (None, Some(shown)) => sha256(shown.fingerprint.to_string().as_bytes()),
            // Passwords have counters of their own: who knows an address must not keep its person out.
            (None, None) => return Ok(()),
        };
        let too_often = |seconds| {
            Error::new(Kind::TooOften, t!("This app asks too often. Try again in {seconds} seconds.", seconds)).retry_after(seconds)
        };
        self.asks.take(proof, now).map_err(too_often)?;
        self.installations.note(proof, sha256(ask.request.installation.as_bytes()), now).map_err(too_often)
    }

    /// Counts a proof that does not hold by the address that it came from; gives what is answered.
    pub(super) fn stranger(&self, from: IpAddr, wrong: Error, now: Timestamp) -> Error {
        match self.strangers.take(network(from), now) {
            Ok(()) => wrong,
            Err(seconds) => {
                let words = t!("Too many asks from this address had no proof that holds. Try again in {seconds} seconds.", seconds);
                Error::new(Kind::TooOften, words).retry_after(seconds)
            }
        }
    }

    /// Writes a wrong proof down, with those of the same minute that were aimed at the same person or came from the same address.
    pub(super) async fn note(
        &self,
        app: &App,
        from: IpAddr,
        ask: &Ask,
        person_id: Option<String>,
        wrong: &Error,
        now: Timestamp,
    ) -> Result<()> {
        let address = network(from).to_string();
        let Some(due) = self.wrong.count(person_id.as_ref().unwrap_or(&address), now) else { return Ok(()) };
        let guesses = Guesses {
            person_id,
            bundle_id: ask.request.bundle_id.clone(),
            address: from.to_string(),
            because: wrong.message.clone().into_owned(),
            count: due.count,
            in_a_row: due.in_a_row,
            lasting: due.lasting,
        };
        app.store.write(now, move |tx| guesses::note(tx, &guesses)).await
    }

    /// Runs `work` on a thread for slow things when its turn comes.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let full = |_| Error::new(Kind::Busy, t!("Too many people are asking just now. Try again in a moment.")).retry_after(2);
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
            Kind::NotFound => Error::new(Kind::Busy, t!("The key that signs was changed just now. Ask again.")).retry_after(1),
            _ => error,
        })?;
        let signer = Arc::new(JwsSigner::new(&key, id, GRANT_TYPE)?);
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = Some((id.to_owned(), Arc::clone(&signer)));
        Ok(signer)
    }
}
