//! The stand-in for Automated Device Enrollment: signed requests for sessions that end, a list with places in it that grow old, profiles that never
//! change, throttled devices, terms that nobody has accepted, and faults by script.

mod betas;
mod book;
mod connection;
mod list;
mod profiles;
mod script;
mod session;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::authority::Authority;
use super::listener;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::random::Random;

pub use betas::Beta;
pub use book::{Book, Server, device};
pub use script::{Act, Fault};
pub use wire::{Asked, Said};

/// Bytes of a request's body.
pub const BODY_LIMIT: usize = 1 << 20;

/// What everybody at work here has in common.
#[derive(Clone)]
struct Desk {
    book: Arc<Mutex<Book>>,
    clock: Clock,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service on a loopback port; it ends when this value is dropped.
pub struct AdeStandIn {
    desk: Desk,
    address: SocketAddr,
    task: AbortHandle,
}

impl AdeStandIn {
    /// Starts one under an `authority` that other stand-ins share; `clock` says when sessions and places in the list are over.
    pub async fn start_under(authority: &Authority, clock: Clock, random: Random) -> Result<Self> {
        let certificate = authority.server(&["localhost", "127.0.0.1", "::1", "mdmenrollment.apple.com"], clock.now())?;
        let acceptor = listener::acceptor(certificate, &clock)?;
        let no_port = |error| Error::internal("The stand-in of Apple's list of devices found no free port on 127.0.0.1", error);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = socket.local_addr().map_err(no_port)?;
        let book = Arc::new(Mutex::new(Book::new(&format!("https://localhost:{}", address.port()), random)));
        let desk = Desk { book, clock };
        let answering = desk.clone();
        let answer = move |request| connection::answer(answering.clone(), request);
        let task = tokio::spawn(listener::listen(socket, acceptor, answer)).abort_handle();
        Ok(Self { desk, address, task })
    }

    /// Where it listens. Its certificate is also for `localhost`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Where devices that are switched on ask who manages them.
    pub fn activation_url(&self) -> String {
        format!("{}{}", self.url(), book::ACTIVATION)
    }

    /// Its book, to look at and to change; nothing is answered meanwhile.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.desk.book()
    }
}

impl Drop for AdeStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
