//! The stand-in for Apps and Books: a book of licences with seats, slow events, people, pages that change while they are read, notifications, faults
//! by script, and the store that simulated devices ask.

mod book;
mod connection;
mod deeds;
mod messenger;
mod notices;
mod pages;
mod people;
mod script;
mod shop;
mod store;
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
use crate::sim::client::Trust;

pub use book::{Assignment, Book, Location, Owned};
pub use notices::Notice;
pub use script::{Act, Churn, Fault, Mishap};
pub use wire::{Asked, Said};

/// Bytes of a request's body.
pub const BODY_LIMIT: usize = 1 << 20;

/// What everybody at work here has in common.
#[derive(Clone)]
struct Desk {
    book: Arc<Mutex<Book>>,
    clock: Clock,
    /// Whose certificates count where something is told; nobody's: nobody can be told.
    trust: Arc<Mutex<Option<Arc<Trust>>>>,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trust(&self) -> Option<Arc<Trust>> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The service on a loopback port; it ends when this value is dropped.
pub struct AppsAndBooksStandIn {
    desk: Desk,
    address: SocketAddr,
    tasks: [AbortHandle; 2],
}

impl AppsAndBooksStandIn {
    /// Starts one under an `authority` that other stand-ins share; `clock` says when slow events are over.
    pub async fn start_under(authority: &Authority, clock: Clock, random: Random) -> Result<Self> {
        let certificate = authority.server(&["localhost", "127.0.0.1", "::1", "vpp.itunes.apple.com"], clock.now())?;
        let acceptor = listener::acceptor(certificate, &clock)?;
        let no_port = |error| Error::internal("The stand-in of Apps and Books found no free port on 127.0.0.1", error);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = socket.local_addr().map_err(no_port)?;
        let book = Arc::new(Mutex::new(Book::new(&format!("https://localhost:{}", address.port()), random)));
        let desk = Desk { book, clock, trust: Arc::default() };
        let answering = desk.clone();
        let answer = move |request| connection::answer(answering.clone(), request);
        let tasks = [
            tokio::spawn(listener::listen(socket, acceptor, answer)).abort_handle(),
            tokio::spawn(messenger::carry_all(desk.clone())).abort_handle(),
        ];
        Ok(Self { desk, address, tasks })
    }

    /// Where it listens. Its certificate is also for `localhost`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where devices ask for licences.
    pub fn store_url(&self) -> String {
        format!("https://localhost:{}{}", self.address.port(), shop::SHOP)
    }

    /// From now on it tells what happens to whoever wants to be told and has a certificate of these authorities; before, nobody can be reached.
    pub fn trust(&self, trust: Arc<Trust>) {
        *self.desk.trust.lock().unwrap_or_else(PoisonError::into_inner) = Some(trust);
    }

    /// Its book, to look at and to change; nothing is answered meanwhile.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.desk.book()
    }
}

impl Drop for AppsAndBooksStandIn {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests;
