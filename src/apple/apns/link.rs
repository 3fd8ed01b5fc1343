//! One HTTP/2 connection to a push service, opened when needed and shared by all pushes of a certificate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use super::{ApnsConfig, IN_FLIGHT_LIMIT};
use crate::apple::connect::{Cause, ClientIdentity, Connector, Endpoint, Failure, Watched};

/// How often a connection proves that it still stands, also while nothing is pushed: a dead one is found before it is needed.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// How long the answer to such a proof may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer that is read, in bytes; Apple's are below 200.
const ANSWER_LIMIT: usize = 4 * 1024;

/// How often a push is sent again after the connection broke under it, so that nobody knows whether it arrived.
const RESENDS: usize = 1;

/// How often a push that the service surely did not process, because its connection was about to end, gets a place on another one.
const RESEATS: usize = 10;

/// What a push service answered, not yet understood.
pub(super) type Answer = http::Response<Bytes>;

/// The connection of one push certificate.
#[derive(Debug)]
pub(super) struct Link {
    endpoint: Endpoint,
    connector: Connector,
    request_timeout: Duration,
    identity: Arc<ClientIdentity>,
    tls: Arc<ClientConfig>,
    permits: Semaphore,
    open: Mutex<Option<Connection>>,
    /// Held by the one who connects; says why the last attempt failed.
    connecting: tokio::sync::Mutex<Option<Failure>>,
    /// Attempts to connect that ended.
    attempts: AtomicU64,
}

#[derive(Debug, Clone)]
struct Connection {
    number: u64,
    sender: SendRequest<Full<Bytes>>,
    cause: Cause,
}

/// A push without an answer.
struct Lost {
    failure: Failure,
    /// Whether the service surely did nothing about it.
    is_unprocessed: bool,
}

impl Link {
    /// A link that has not connected yet. Fails when `identity` cannot be used.
    pub(super) fn new(config: &ApnsConfig, identity: Arc<ClientIdentity>) -> Result<Self, Failure> {
        let tls = config.connector.tls_config(&[b"h2"], Some(&identity))?;
        Ok(Self {
            endpoint: config.endpoint.clone(),
            connector: config.connector.clone(),
            request_timeout: config.request_timeout,
            identity,
            tls,
            permits: Semaphore::new(IN_FLIGHT_LIMIT),
            open: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(None),
            attempts: AtomicU64::new(0),
        })
    }

    /// Whether this link proves `identity`, and not the one before its renewal.
    pub(super) fn proves(&self, identity: &Arc<ClientIdentity>) -> bool {
        Arc::ptr_eq(&self.identity, identity) || self.identity.is_same_as(identity)
    }

    /// Asks `request`, once more when the connection broke under it; waits while [`IN_FLIGHT_LIMIT`] others are asked.
    ///
    /// Not again after a time-out, which the next attempt would only double, nor when our certificate was refused.
    pub(super) async fn ask(&self, request: &Request<Full<Bytes>>) -> Result<Answer, Failure> {
        // The semaphore is never closed, so that there always is a permit in the end.
        let _permit = self.permits.acquire().await;
        let (mut resends, mut reseats) = (RESENDS, RESEATS);
        loop {
            let connection = self.connection().await?;
            let lost = match self.ask_over(&connection, request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(lost) => lost,
            };
            let chances = if lost.is_unprocessed { &mut reseats } else { &mut resends };
            if *chances == 0 || !matches!(lost.failure, Failure::Broken { .. }) {
                return Err(lost.failure);
            }
            *chances -= 1;
        }
    }

    async fn ask_over(&self, connection: &Connection, request: Request<Full<Bytes>>) -> Result<Answer, Lost> {
        let mut sender = connection.sender.clone();
        let exchange = async {
            let (head, body) = sender.try_send_request(request).await?.into_parts();
            // An answer that is too long or breaks off is as good as an empty one: its status has come.
            let body = Limited::new(body, ANSWER_LIMIT).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Ok::<_, TrySendError<Request<Full<Bytes>>>>(Answer::from_parts(head, body))
        };
        let lost = match tokio::time::timeout(self.request_timeout, exchange).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                let failure = connection.cause.failure().unwrap_or_else(|| self.broken(error.error()));
                // A request that comes back was not yet written to the connection.
                Lost { failure, is_unprocessed: error.message().is_some() || is_refused_by_goaway(error.error()) }
            }
            Err(_) => Lost { failure: Failure::timed_out(&self.endpoint, self.request_timeout), is_unprocessed: false },
        };
        self.leave(connection.number);
        Err(lost)
    }

    fn broken(&self, error: &hyper::Error) -> Failure {
        Failure::Broken { endpoint: self.endpoint.to_string(), detail: crate::apple::connect::chain(error) }
    }

    /// Uses the connection no more for new pushes; those under way on it still get their answers.
    fn leave(&self, number: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_some_and(|connection| connection.number == number) {
            *open = None;
        }
    }

    fn open_connection(&self) -> Option<Connection> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().filter(|connection| !connection.sender.is_closed())
    }

    /// The open connection, or a new one. Of many who need one, one connects and all others share what came of it.
    async fn connection(&self) -> Result<Connection, Failure> {
        if let Some(connection) = self.open_connection() {
            return Ok(connection);
        }
        let attempts_before = self.attempts.load(Ordering::Acquire);
        let mut last_failure = self.connecting.lock().await;
        if let Some(connection) = self.open_connection() {
            return Ok(connection);
        }
        if self.attempts.load(Ordering::Acquire) != attempts_before
            && let Some(failure) = &*last_failure
        {
            return Err(failure.clone());
        }
        let result = self.connect().await;
        self.attempts.fetch_add(1, Ordering::Release);
        *last_failure = result.as_ref().err().cloned();
        result.inspect(|connection| *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone()))
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = self.connector.tls(&self.endpoint, self.tls.clone()).await?;
        let cause = Cause::default();
        let stream = Watched::new(stream, self.endpoint.clone(), cause.clone());
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| cause.failure().unwrap_or_else(|| self.broken(&error)))?;
        // It ends with its stream or with the last sender; whoever waits for an answer is told by `cause`.
        tokio::spawn(connection);
        tracing::info!(apns.endpoint = %self.endpoint, "connected to the push service {}", self.endpoint);
        Ok(Connection { number: self.attempts.load(Ordering::Acquire), sender, cause })
    }
}

/// Whether GOAWAY said that the server did not and will not process this request (RFC 9113, section 6.8).
fn is_refused_by_goaway(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_remote() && cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR))
}
