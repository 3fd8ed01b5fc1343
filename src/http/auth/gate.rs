//! The gate before log-ins: guesses are slowed, and passwords compared a few at a time beside the async runtime.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::guesses::Guesses;
use super::slips::{Slip, Slips};
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::http::attempts::Attempts;
use crate::mdm::Actor;
use crate::mdm::admins::second_factor::{self, Next, Taken};
use crate::mdm::admins::sessions::{self, Client, Started, Verified};
use crate::mdm::admins::{self, HashedPassword, Password, known_browsers, link, setup};
use crate::secret::Secret;
use crate::store::sessions::Session;
use crate::store::{Store, Tx};

/// Passwords that are hashed at a time; each takes a core and 19 MiB.
pub const HASHES_AT_ONCE: usize = 2;
/// Passwords that may wait for their turn, about a second's worth.
pub const HASHES_WAITING_MAX: usize = 64;

/// What recognising people needs; an extension of every request in the groups of people and scripts.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    /// Wrong passwords.
    guesses: Guesses,
    /// Wrong codes and links, by address.
    attempts: Attempts,
    waiting: Semaphore,
    hashing: Semaphore,
    hashed: AtomicU64,
    slips: Slips,
}

impl Gate {
    /// A gate that has seen nobody yet.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            guesses: Guesses::default(),
            attempts: Attempts::default(),
            waiting: Semaphore::new(HASHES_WAITING_MAX),
            hashing: Semaphore::new(HASHES_AT_ONCE),
            hashed: AtomicU64::new(0),
            slips: Slips::default(),
        }))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Lays a slip down for the next page of `session`, under an id that nobody can guess.
    pub fn lay(&self, id: String, session: &Session, slip: Slip) {
        self.0.slips.lay(id, &session.token_hash, slip, self.clock().now());
    }

    /// Takes a slip away that waits for `session`.
    pub fn take(&self, id: &str, session: &Session) -> Option<Slip> {
        self.0.slips.take(id, &session.token_hash, self.clock().now())
    }

    /// Logs the bearer of a one-time link in.
    pub async fn log_in_by_link(&self, token: Secret<String>, client: Client) -> Result<Started> {
        let (now, address) = (self.clock().now(), client.address);
        let outcome = self.store().write(now, move |tx| link::accept(tx, token.expose(), &client)).await;
        outcome.map_err(|error| self.wrong(address, error, now))
    }

    /// Counts a link or code that is not right by where it came from; gives what is answered. A right one is served whatever others do, since links cannot
    /// be guessed, and codes are counted by whose they are.
    fn wrong(&self, address: IpAddr, error: Error, now: Timestamp) -> Error {
        if !matches!(error.kind, Kind::NotFound | Kind::Unauthenticated | Kind::BadInput) {
            return error;
        }
        self.0.attempts.take(address, now).err().unwrap_or(error)
    }

    /// The mark for a browser in which the person with this id has just logged in.
    pub async fn mark(&self, admin_id: &str) -> Result<Secret<String>> {
        self.store().read(self.clock().now(), |tx| known_browsers::mark(tx, admin_id)).await
    }

    /// How many passwords were hashed or compared so far.
    pub fn hashed(&self) -> u64 {
        self.0.hashed.load(Ordering::Relaxed)
    }

    /// Begins a session for whoever knows the password of `name`, or waits for their code; `known` is what the browser shows of an earlier log-in.
    ///
    /// # Errors
    /// Unauthenticated, in the same words after the same work whether or not there is such a person; too often with the seconds to wait
    /// when this name was guessed too often, but for a browser in which the person was logged in before.
    pub async fn log_in(&self, name: String, password: Secret<String>, client: Client, known: Option<&str>) -> Result<Next> {
        let now = self.clock().now();
        let proof = self.prove(name, password, &client, known.map_or(Before::Nothing, Before::Mark)).await?;
        self.store().write(now, move |tx| second_factor::after_password(tx, &proof, &client)).await
    }

    /// Begins the session of whoever knows their code too; `token` is what [`Gate::log_in`] gave.
    ///
    /// # Errors
    /// Unauthenticated for a wrong code; busy with the seconds to wait when the address has tried too often, or too many codes were wrong.
    pub async fn log_in_by_code(&self, token: Secret<String>, code: Secret<String>, client: Client) -> Result<Started> {
        self.by_code(client.address, move |tx| second_factor::after_code(tx, token.expose(), code.expose(), &client)).await
    }

    /// Does what takes a code of the second factor; wrong ones are counted as wrong passwords are.
    pub async fn by_code<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl FnOnce(&Tx) -> Result<Taken<T>> + Send + 'static,
    ) -> Result<T> {
        let now = self.clock().now();
        self.store().write(now, work).await?.into_result().map_err(|error| self.wrong(address, error, now))
    }

    /// Gives a person a new password of their own for the old one, and ends their other sessions.
    ///
    /// # Errors
    /// As [`Gate::log_in`], and bad input for a new password that breaks the rules.
    pub async fn change_password(
        &self,
        actor: Actor,
        old: Secret<String>,
        new: Secret<String>,
        keep: Vec<u8>,
        client: Client,
    ) -> Result<()> {
        let name = own_name(&actor)?;
        let password = Password::parse(new)?;
        let now = self.clock().now();
        let proof = self.prove(name, old, &client, Before::Session).await?;
        let hashed = self.hash(password).await?;
        self.store().write(now, move |tx| admins::change_own_password(tx, &actor, &proof, hashed, Some(&keep))).await
    }

    /// Finds out whether a person knows their own password, before what a session alone is not enough for.
    ///
    /// # Errors
    /// As [`Gate::log_in`], and forbidden for whoever has no password.
    pub async fn prove_own(&self, actor: &Actor, password: Secret<String>, client: &Client) -> Result<Verified> {
        self.prove(own_name(actor)?, password, client, Before::Session).await
    }

    /// Makes the bearer of a set-up link the first Owner, and logs them in.
    pub async fn set_up(&self, token: Secret<String>, name: String, password: Secret<String>, client: Client) -> Result<Started> {
        let now = self.clock().now();
        // Hashing is work that strangers get from us only with a valid link.
        let checked = self.store().read(now, |tx| setup::check(tx, token.expose())).await;
        checked.map_err(|error| self.wrong(client.address, error, now))?;
        let hashed = self.hash(Password::parse(password)?).await?;
        self.store().write(now, move |tx| setup::accept(tx, token.expose(), &name, hashed, &client)).await
    }

    /// Hashes a new password when its turn comes.
    pub async fn hash(&self, password: Password) -> Result<HashedPassword> {
        self.in_turn(move || password.hash()).await?
    }

    /// Finds out whether someone knows a password, and notes it when not.
    async fn prove(&self, name: String, password: Secret<String>, client: &Client, before: Before<'_>) -> Result<Verified> {
        let now = self.clock().now();
        let look = |tx: &Tx| {
            let candidate = sessions::candidate(tx, &name)?;
            let apart = candidate.admin_id().and_then(|id| before.apart(tx, id));
            Ok((candidate, apart))
        };
        let (candidate, apart) = self.store().read(now, look).await?;
        let turn = self.0.guesses.take(&name, client.address, apart.as_deref(), now)?;
        match self.in_turn(move || candidate.verify(&password)).await? {
            Ok(proof) => {
                self.0.guesses.give_back(turn);
                Ok(proof)
            }
            Err(refused) => {
                let client = client.clone();
                Err(self.store().write(now, move |tx| sessions::refuse(tx, &refused, &client)).await?)
            }
        }
    }

    /// Runs `work` on a thread for slow things when its turn comes.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let full = |_| Error::new(Kind::Busy, t!("Too many people are logging in just now. Try again in a moment.")).retry_after(2);
        let _waiting = self.0.waiting.try_acquire().map_err(full)?;
        // The semaphore is never closed.
        let _turn = self.0.hashing.acquire().await.map_err(|closed| Error::internal("the gate is closed", closed))?;
        self.0.hashed.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(work).await.map_err(|panic| Error::internal("a fault in the program", panic))
    }
}

/// What speaks for whoever tries a password, before it is looked at.
#[derive(Debug, Clone, Copy)]
enum Before<'a> {
    /// Nothing.
    Nothing,
    /// A browser shows that somebody was logged in with it.
    Mark(&'a str),
    /// They are logged in.
    Session,
}

impl Before<'_> {
    /// What the tries of the person with this id are counted by, apart from what others guess; none where they are counted together.
    fn apart(self, tx: &Tx, admin_id: &str) -> Option<String> {
        match self {
            Self::Session => Some(format!("session of {admin_id}")),
            Self::Mark(mark) if known_browsers::is_of(tx, mark, admin_id) => Some(mark.to_owned()),
            Self::Mark(_) | Self::Nothing => None,
        }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("hashed", &self.hashed()).finish_non_exhaustive()
    }
}

fn own_name(actor: &Actor) -> Result<String> {
    match actor {
        Actor::Person { name, .. } => Ok(name.clone()),
        _ => Err(Error::forbidden(t!("Only people have passwords; log in as the person."))),
    }
}
