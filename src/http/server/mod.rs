//! The listeners: who may connect where, and how connections end.

mod connection;
mod peer;
mod stall;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, Proxy};
use crate::error::{Error, Kind, Result};
use crate::http::limits::Grants;
use crate::http::tls::Tls;

pub use peer::{Listener, Peer};

/// How long an accept loop waits after the system refused it a connection, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The routers that listeners serve.
#[derive(Debug, Clone)]
pub struct Doors {
    /// For people, scripts and devices: `--listen`, `--device-listen` and `--proxy-listen`.
    pub whole: Router,
    /// For plain HTTP: the trust page and redirects.
    pub plain: Router,
    /// For the command line on this machine: the API, as Owner.
    pub control: Router,
}

/// Sockets that are bound, so that a taken port is known before anything else is begun.
#[derive(Debug, Default)]
pub struct Bound {
    tcp: Vec<(Listener, TcpListener)>,
    control: Option<UnixListener>,
}

impl Bound {
    /// Binds every address of `config`.
    pub async fn bind(config: &Config) -> Result<Self> {
        let one = |listener, address: Option<SocketAddr>| address.map(|address| (listener, address));
        let wanted = config.listen.iter().map(|address| (Listener::Main, *address)).chain(
            [
                one(Listener::Device, config.device_listen),
                one(Listener::Http, config.http_listen),
                one(Listener::Proxy, config.proxy_listen),
            ]
            .into_iter()
            .flatten(),
        );
        let mut bound = Self::default();
        for (listener, address) in wanted {
            let socket = TcpListener::bind(address).await.map_err(|error| cannot_listen(listener, address, &error))?;
            bound.tcp.push((listener, socket));
        }
        Ok(bound)
    }

    /// Binds the control socket at `path`, for this user alone. Call it only when the data folder is locked: a socket that is left over is removed.
    pub fn control(&mut self, path: &Path) -> Result<()> {
        let wrong = |error: std::io::Error| {
            // The system allows about 100 bytes for the name of a socket.
            let what_to_do = if error.kind() == std::io::ErrorKind::InvalidInput {
                t!("Choose a data folder with a shorter path.")
            } else {
                t!("Choose a data folder on a local disk.")
            };
            Error::new(Kind::Conflict, t!("cannot make {path}: {error}. {what_to_do}", path = path.display(), error, what_to_do))
                .caused_by(error)
        };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
        let socket = UnixListener::bind(path).map_err(wrong)?;
        // The folder is 0700 already; this is the second lock.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        self.control = Some(socket);
        Ok(())
    }

    /// The addresses that are listened on, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<(Listener, SocketAddr)> {
        self.tcp.iter().filter_map(|(listener, socket)| Some((*listener, socket.local_addr().ok()?))).collect()
    }

    /// Begins to answer. Must be called inside the runtime.
    pub fn serve(self, doors: Doors, tls: &Arc<Tls>, proxy: Proxy, grants: Grants) -> Running {
        let mut running = Running { phase: watch::Sender::new(Phase::Open), places: Vec::new(), grants };
        let proxy = Arc::new(proxy);
        let mut open = |listener, socket, router| {
            let (tls, proxy, phase) = (Arc::clone(tls), Arc::clone(&proxy), running.phase.subscribe());
            let places = Arc::new(Semaphore::new(grants.connections));
            running.places.push(Arc::clone(&places));
            tokio::spawn(accept(socket, places, Way { listener, router, tls, proxy, grants, phase }));
        };
        for (listener, socket) in self.tcp {
            let router = if listener == Listener::Http { doors.plain.clone() } else { doors.whole.clone() };
            open(listener, Socket::Tcp(socket), router);
        }
        if let Some(socket) = self.control {
            open(Listener::Control, Socket::Control(socket), doors.control);
        }
        running
    }
}

/// How far the server is on its way from opening to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Connections are taken.
    Open,
    /// No further connections and requests; those under way may finish.
    Draining,
    /// Everything ends now.
    Cut,
}

/// What every connection of one listener needs.
#[derive(Clone)]
struct Way {
    listener: Listener,
    router: Router,
    tls: Arc<Tls>,
    proxy: Arc<Proxy>,
    grants: Grants,
    phase: watch::Receiver<Phase>,
}

impl Way {
    /// Completes when `phase` is reached.
    async fn reached(&self, phase: Phase) {
        // An error means that the sender is gone, which is the end as well.
        let _ = self.phase.clone().wait_for(|now| *now >= phase).await;
    }
}

enum Socket {
    Tcp(TcpListener),
    Control(UnixListener),
}

enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Control(UnixStream),
}

impl Socket {
    async fn accept(&self) -> std::io::Result<Accepted> {
        match self {
            Self::Tcp(socket) => socket.accept().await.map(|(stream, address)| Accepted::Tcp(stream, address)),
            Self::Control(socket) => socket.accept().await.map(|(stream, _)| Accepted::Control(stream)),
        }
    }
}

/// Takes connections until the server stops.
async fn accept(socket: Socket, places: Arc<Semaphore>, way: Way) {
    let next = async || {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        Some((socket.accept().await, place))
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = way.reached(Phase::Draining) => return,
            accepted = next() => accepted,
        };
        match accepted {
            None => return,
            Some((Ok(accepted), place)) => {
                let way = way.clone();
                tokio::spawn(async move {
                    match accepted {
                        Accepted::Tcp(stream, address) => connection::tcp(stream, address, &way).await,
                        Accepted::Control(stream) => connection::control(stream, &way).await,
                    }
                    drop(place);
                });
            }
            Some((Err(error), _)) => {
                tracing::warn!(listener = %way.listener, "cannot take a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A server that answers.
pub struct Running {
    phase: watch::Sender<Phase>,
    /// One for each listener; what is taken of them are connections.
    places: Vec<Arc<Semaphore>>,
    grants: Grants,
}

impl Running {
    /// Takes no further connection, lets requests that are under way finish for as long as granted, and says how many connections were cut off.
    pub async fn stop(self) -> usize {
        self.phase.send_replace(Phase::Draining);
        // Accept loops and connections each hold a receiver: when all are gone, nothing is under way.
        if tokio::time::timeout(self.grants.drain, self.phase.closed()).await.is_ok() {
            return 0;
        }
        let cut = self.places.iter().map(|places| self.grants.connections - places.available_permits()).sum();
        self.phase.send_replace(Phase::Cut);
        self.phase.closed().await;
        cut
    }
}

fn cannot_listen(listener: Listener, address: SocketAddr, error: &std::io::Error) -> Error {
    let what_to_do = match error.kind() {
        std::io::ErrorKind::AddrInUse => t!("Another program listens there; end it or choose another port. [::] includes 0.0.0.0."),
        std::io::ErrorKind::PermissionDenied => {
            t!("Ports below 1024 need the right to bind them; choose a port from 1024 or grant CAP_NET_BIND_SERVICE.")
        }
        std::io::ErrorKind::AddrNotAvailable => t!("This machine does not have that address."),
        _ => t!("Choose another address."),
    };
    Error::new(
        Kind::Conflict,
        t!("cannot listen on {address} ({flag}): {error}. {what_to_do}", address, flag = listener.flag(), error, what_to_do),
    )
}

#[cfg(test)]
mod tests;
