//! Hands letters to the mail server that an admin chose. The library speaks SMTP; the way out is the same as for everything else: proxy, trust anchors,
//! bounded time.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::apple::connect::{Connector, Endpoint, Failure, Trust, chain};
use crate::error::{Error, Kind, Result};
use crate::protocol::mail::{MailServer, Security};
use crate::secret::Secret;

/// How long handing over one letter may take, from the first packet to the server's last word.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Characters of a server's words that are told.
pub const WORDS_MAX: usize = 500;

/// The way to mail servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailer {
    connector: Connector,
    timeout: Duration,
}

impl Mailer {
    /// Mail servers are reached by `connector`, whoever it trusts.
    pub fn new(connector: &Connector) -> Self {
        Self { connector: connector.clone(), timeout: TIMEOUT }
    }

    /// Gives up after `timeout` instead of [`TIMEOUT`].
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Hands a letter to the server, for one recipient; `name` is how we introduce ourselves. Gives the server's last words.
    ///
    /// Fails with bad input where the settings cannot be used, and with `Upstream` where the server is not there or refuses: then its own words are told.
    pub async fn send(
        &self,
        server: &MailServer,
        password: Option<&Secret<String>>,
        name: &str,
        to: &str,
        message: &[u8],
    ) -> Result<String> {
        let endpoint = Endpoint::new(server.host.clone(), server.port);
        let attempt = self.hand_over(&endpoint, server, password, name, to, message);
        tokio::time::timeout(self.timeout, attempt).await.unwrap_or_else(|_| Err(Failure::timed_out(&endpoint, self.timeout).into()))
    }

    async fn hand_over(
        &self,
        endpoint: &Endpoint,
        server: &MailServer,
        password: Option<&Secret<String>>,
        name: &str,
        to: &str,
        message: &[u8],
    ) -> Result<String> {
        let address = |text: &str| text.parse::<Address>().map_err(|_| Error::bad_input(t!("“{text}” is not an e-mail address", text)));
        let envelope =
            Envelope::new(Some(address(&server.from)?), vec![address(to)?]).map_err(|error| Error::bad_input(error.to_string()))?;
        let hello = hello(name);
        let mut connection = self.open(endpoint, server, &hello).await?;
        if !server.user.is_empty() {
            if server.security == Security::None && !server.is_here() && !server.open_allowed {
                return Err(Error::conflict(t!("A password is not sent unencrypted: choose TLS or STARTTLS.")));
            }
            let password = password.map(|password| password.expose().clone()).unwrap_or_default();
            let credentials = Credentials::new(server.user.clone(), password);
            let logged_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            logged_in.map_err(|error| told(endpoint, &error, t!("The server did not let us in: check the user and the password")))?;
        }
        let taken =
            connection.send(&envelope, message).await.map_err(|error| told(endpoint, &error, t!("The server did not take the letter")))?;
        // It has the letter; how it says good-bye changes nothing.
        let _ = connection.quit().await;
        let words = taken.message().collect::<Vec<_>>().join(" ");
        Ok(short(&format!("{} {words}", taken.code())))
    }

    /// A conversation that is as secret as the settings want it, past its first EHLO.
    async fn open(&self, endpoint: &Endpoint, server: &MailServer, hello: &ClientId) -> Result<AsyncSmtpConnection> {
        let mut connector = self.connector.clone();
        if !server.trust_anchors.is_empty() {
            connector = connector.trusting(
                Trust::public().and(&server.trust_anchors).map_err(|error| Error::field("trust_anchors", error.message.into_owned()))?,
            );
        }
        let config = connector.tls_config(&[], None)?;
        let speak = |line: Line| async move {
            let begun = AsyncSmtpConnection::connect_with_transport(Box::new(line), hello).await;
            begun.map_err(|error| told(endpoint, &error, t!("The server does not talk to us")))
        };
        match server.security {
            Security::Tls => speak(Line::new(Wire::Tls(Box::new(connector.tls(endpoint, config).await?)), b"")?).await,
            Security::None => speak(Line::new(Wire::Plain(connector.tcp(endpoint).await?), b"")?).await,
            Security::StartTls => {
                let line = Line::new(Wire::Plain(connector.tcp(endpoint).await?), b"")?;
                let kept = Arc::clone(&line.wire);
                let mut open = speak(line).await?;
                if !open.can_starttls() {
                    let message = t!("{endpoint} offers no STARTTLS: choose TLS, or ask whoever runs it for the right port.", endpoint);
                    return Err(Error::new(Kind::Upstream, message));
                }
                open.command(Starttls).await.map_err(|error| told(endpoint, &error, t!("The server did not begin to encrypt")))?;
                let Some(Wire::Plain(stream)) = kept.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                    return Err(Error::new(Kind::Internal, t!("the connection to the mail server was lost")));
                };
                // Whatever was said in the open beyond this goes with the conversation: nobody may put words before the handshake (RFC 3207, section 6).
                drop(open);
                let stream = connector.secure(endpoint, stream, config).await?;
                // After the handshake we speak first; the library wants to be greeted.
                speak(Line::new(Wire::Tls(Box::new(stream)), b"220 encrypted\r\n")?).await
            }
        }
    }
}

/// How we introduce ourselves: a name, or an address in brackets (RFC 5321, section 4.1.4).
fn hello(name: &str) -> ClientId {
    match name.parse() {
        Ok(std::net::IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(std::net::IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(name.to_owned()),
    }
}

/// What went wrong, with the server's own words where it said any.
fn told(endpoint: &Endpoint, error: &lettre::transport::smtp::Error, what: &str) -> Error {
    let cause = std::error::Error::source(error).map(|cause| short(&chain(cause))).unwrap_or_default();
    let message = match error.status() {
        Some(code) => t!("{what}. It said: {code} {cause}", what, code, cause),
        None if error.is_client() => format!("{what}: {cause}"),
        None if error.is_response() => {
            t!("{what}: {endpoint} does not answer as a mail server does ({cause}). Check the port.", what, endpoint, cause)
        }
        None => {
            return Failure::Broken { endpoint: endpoint.to_string(), detail: if cause.is_empty() { error.to_string() } else { cause } }
                .into();
        }
    };
    Error::new(Kind::Upstream, message.trim_end().to_owned())
}

fn short(words: &str) -> String {
    words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(WORDS_MAX).collect()
}

/// A connection, in the open or not.
#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that is lent to the library, so that it can be taken back and encrypted.
#[derive(Debug)]
struct Line {
    wire: Arc<Mutex<Option<Wire>>>,
    peer: SocketAddr,
    /// What is heard before anything that comes by the wire.
    first: &'static [u8],
}

impl Line {
    fn new(wire: Wire, first: &'static [u8]) -> Result<Self> {
        let peer = match &wire {
            Wire::Plain(stream) => stream.peer_addr(),
            Wire::Tls(stream) => stream.get_ref().0.peer_addr(),
        };
        let peer = peer.map_err(|error| Error::new(Kind::Upstream, t!("the mail server went away ({error})", error)))?;
        Ok(Self { wire: Arc::new(Mutex::new(Some(wire))), peer, first })
    }

    /// Does something with the connection, unless it was taken back.
    fn with<T>(&self, deed: impl FnOnce(Pin<&mut (dyn Stream + Unpin)>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.wire.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(Wire::Plain(stream)) => deed(Pin::new(stream)),
            Some(Wire::Tls(stream)) => deed(Pin::new(&mut **stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// What both kinds of connections can do.
trait Stream: AsyncRead + AsyncWrite {}

impl<S: AsyncRead + AsyncWrite> Stream for S {}

impl AsyncTokioStream for Line {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(buffer.remaining());
            let (now, later) = self.first.split_at(length);
            buffer.put_slice(now);
            self.first = later;
            return Poll::Ready(Ok(()));
        }
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}
