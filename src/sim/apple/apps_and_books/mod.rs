//! The stand-in for Apps and Books: a book of licences with seats, slow events, people, pages that change while they are read, and faults by script.

mod book;
mod connection;
mod deeds;
mod pages;
mod script;
mod store;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::authority::Authority;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::random::Random;

pub use book::{Asked, Assignment, Book, Location, Owned, Said};
pub use script::{Act, Churn, Fault};

/// Bytes of a request's body.
pub const BODY_LIMIT: usize = 1 << 20;

/// The service on a loopback port; it ends when this value is dropped.
pub struct AppsAndBooksStandIn {
    book: Arc<Mutex<Book>>,
    address: SocketAddr,
    listener: AbortHandle,
}

impl AppsAndBooksStandIn {
    /// Starts one under an `authority` that other stand-ins share; `clock` says when slow events are over.
    pub async fn start_under(authority: &Authority, clock: Clock, random: Random) -> Result<Self> {
        let certificate = authority.server(&["localhost", "127.0.0.1", "::1", "vpp.itunes.apple.com"], clock.now())?;
        let acceptor = connection::acceptor(certificate, &clock)?;
        let no_port = |error| Error::internal("The stand-in of Apps and Books found no free port on 127.0.0.1", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let book = Arc::new(Mutex::new(Book::new(&format!("https://localhost:{}", address.port()), random)));
        let listener = tokio::spawn(connection::listen(listener, acceptor, book.clone(), clock)).abort_handle();
        Ok(Self { book, address, listener })
    }

    /// Where it listens. Its certificate is also for `localhost`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its book, to look at and to change; nothing is answered meanwhile.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AppsAndBooksStandIn {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
