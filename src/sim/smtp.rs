//! A mail server that is not there: it speaks SMTP over real sockets, keeps what it is given, and refuses what a script says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::random::Random;
use crate::sim::apple::authority::Authority;

/// Bytes of a letter; more is refused.
const LETTER_MAX_BYTES: usize = 1 << 20;

/// How long somebody may say nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a line that is not part of a letter.
const LINE_MAX_BYTES: usize = 4096;

/// How a stand-in wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// In TLS from the first byte.
    Tls,
    /// In TLS after STARTTLS, and no mail before.
    StartTls,
    /// In the open.
    Open,
}

/// A letter that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The letter, as its lines came, without the dots that were doubled on the way.
    pub text: String,
    /// Who had logged in.
    pub user: Option<String>,
    /// Whether it came in TLS.
    pub encrypted: bool,
}

/// What the stand-in remembers, and what it is told to do.
#[derive(Debug, Default)]
struct Memory {
    taken: Vec<Taken>,
    refusal: Option<String>,
    conversations: usize,
}

/// What every conversation needs.
struct Rules {
    speech: Speech,
    login: Option<(String, String)>,
    acceptor: TlsAcceptor,
    memory: Mutex<Memory>,
}

/// The stand-in; it ends when this value is dropped.
pub struct SmtpStandIn {
    port: u16,
    pem: String,
    rules: Arc<Rules>,
    task: JoinHandle<()>,
}

impl Drop for SmtpStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpStandIn {
    /// Starts one on a loopback port of its own, with a certificate for `localhost` of an authority of its own; `login` is who it lets in, anybody if none.
    pub async fn start(speech: Speech, login: Option<(&str, &str)>, clock: &Clock, random: &Random) -> Result<Self> {
        let authority = Authority::new("Practice Mail Authority", clock.now(), random.clone())?;
        let (certificate, key) = authority.server(&["localhost", "127.0.0.1"], clock.now())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_details(provider, Arc::new(clock.clone()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
            .map_err(|error| Error::internal("The TLS of a stand-in cannot be set up", error))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| Error::internal("A stand-in cannot listen", error))?;
        let port = listener.local_addr().map_err(|error| Error::internal("A stand-in cannot listen", error))?.port();
        let rules = Arc::new(Rules {
            speech,
            login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            memory: Mutex::default(),
        });
        let shared = Arc::clone(&rules);
        let task = tokio::spawn(async move {
            let mut conversations = JoinSet::new();
            loop {
                while conversations.try_join_next().is_some() {}
                if let Ok((stream, _)) = listener.accept().await {
                    conversations.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Ok(Self { port, pem: authority.pem(), rules, task })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The root, PEM, that whoever speaks to it must trust.
    pub fn trust_anchor_pem(&self) -> &str {
        &self.pem
    }

    /// What it was given, oldest first.
    pub fn taken(&self) -> Vec<Taken> {
        self.rules.memory().taken.clone()
    }

    /// How many times somebody began to speak to it.
    pub fn conversations(&self) -> usize {
        self.rules.memory().conversations
    }

    /// Refuses every recipient with these words (`550 5.1.1 No such mailbox`) from now on, or none.
    pub fn refuse(&self, words: Option<&str>) {
        self.rules.memory().refusal = words.map(str::to_owned);
    }
}

impl Rules {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One conversation; whoever goes away ends it.
async fn serve(stream: TcpStream, rules: Arc<Rules>) {
    rules.memory().conversations += 1;
    if rules.speech == Speech::Tls {
        if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, rules.acceptor.accept(stream)).await {
            let _ = Conversation::new(stream, &rules, true).run(true).await;
        }
        return;
    }
    let mut open = Conversation::new(stream, &rules, false);
    if open.run(true).await == Some(End::StartTls) {
        // What was sent ahead of the handshake is not read on.
        let stream = open.stream.into_inner();
        if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, rules.acceptor.accept(stream)).await {
            let _ = Conversation::new(stream, &rules, true).run(false).await;
        }
    }
}

/// How a conversation ended in order.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Quit,
    StartTls,
}

struct Conversation<'a, S> {
    stream: BufReader<S>,
    rules: &'a Rules,
    encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    fn new(stream: S, rules: &'a Rules, encrypted: bool) -> Self {
        Self { stream: BufReader::new(stream), rules, encrypted, user: None, from: None, to: Vec::new() }
    }

    async fn say(&mut self, words: &str) -> Option<()> {
        self.stream.write_all(format!("{words}\r\n").as_bytes()).await.ok()?;
        self.stream.flush().await.ok()
    }

    /// The next line without its end; none when nobody is there any more.
    async fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut line)).await.ok()?.ok()?;
        (read > 0 && read <= LINE_MAX_BYTES).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Answers until somebody quits, begins TLS, or goes away.
    async fn run(&mut self, greets: bool) -> Option<End> {
        if greets {
            self.say("220 localhost ESMTP practice").await?;
        }
        loop {
            let line = self.hear().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.extensions().await?,
                "STARTTLS" if self.rules.speech == Speech::StartTls && !self.encrypted => {
                    self.say("220 2.0.0 Ready to start TLS").await?;
                    return Some(End::StartTls);
                }
                "QUIT" => {
                    self.say("221 2.0.0 Bye").await?;
                    return Some(End::Quit);
                }
                "NOOP" => self.say("250 2.0.0 OK").await?,
                "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    self.say("250 2.0.0 OK").await?;
                }
                _ if self.rules.speech == Speech::StartTls && !self.encrypted => {
                    self.say("530 5.7.0 Must issue a STARTTLS command first").await?;
                }
                "AUTH" => self.log_in(&line).await?,
                "MAIL" | "RCPT" | "DATA" if self.rules.login.is_some() && self.user.is_none() => {
                    self.say("530 5.7.0 Authentication required").await?;
                }
                "MAIL" => {
                    self.from = address(&line);
                    let answer = if self.from.is_some() { "250 2.1.0 OK" } else { "501 5.1.7 Bad sender" };
                    self.say(answer).await?;
                }
                "RCPT" => self.recipient(&line).await?,
                "DATA" => self.letter().await?,
                _ => self.say("502 5.5.1 Not known").await?,
            }
        }
    }

    async fn extensions(&mut self) -> Option<()> {
        let mut lines = vec!["localhost", "8BITMIME", "ENHANCEDSTATUSCODES"];
        if self.rules.speech == Speech::StartTls && !self.encrypted {
            lines.push("STARTTLS");
        } else if self.rules.login.is_some() {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            self.say(&format!("250{}{line}", if index == last { ' ' } else { '-' })).await?;
        }
        Some(())
    }

    /// PLAIN and LOGIN (RFC 4954, RFC 4616).
    async fn log_in(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ').skip(1);
        let (mechanism, first) = (words.next().unwrap_or_default().to_ascii_uppercase(), words.next().map(str::to_owned));
        let decoded = |text: &str| STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let given = if mechanism == "PLAIN" {
            let response = if let Some(response) = first {
                response
            } else {
                self.say("334 ").await?;
                self.hear().await?
            };
            let response = decoded(&response);
            let mut parts = response.split('\0').skip(1).map(str::to_owned);
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        } else {
            self.say("334 VXNlcm5hbWU6").await?;
            let user = decoded(&self.hear().await?);
            self.say("334 UGFzc3dvcmQ6").await?;
            (user, decoded(&self.hear().await?))
        };
        if self.rules.login.as_ref() == Some(&given) {
            self.user = Some(given.0);
            self.say("235 2.7.0 Authentication successful").await
        } else {
            self.say("535 5.7.8 Authentication credentials invalid").await
        }
    }

    async fn recipient(&mut self, line: &str) -> Option<()> {
        let refusal = self.rules.memory().refusal.clone();
        match (refusal, address(line), &self.from) {
            (Some(words), ..) => self.say(&words).await,
            (None, Some(address), Some(_)) => {
                self.to.push(address);
                self.say("250 2.1.5 OK").await
            }
            (None, None, Some(_)) => self.say("501 5.1.3 Bad recipient").await,
            (None, _, None) => self.say("503 5.5.1 MAIL first").await,
        }
    }

    async fn letter(&mut self) -> Option<()> {
        let (Some(from), false) = (self.from.clone(), self.to.is_empty()) else {
            return self.say("503 5.5.1 RCPT first").await;
        };
        self.say("354 End with a dot").await?;
        let mut text = String::new();
        loop {
            let line = self.hear().await?;
            if line == "." {
                break;
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push('\n');
            if text.len() > LETTER_MAX_BYTES {
                return None;
            }
        }
        let to = std::mem::take(&mut self.to);
        self.from = None;
        let taken = Taken { from, to, text, user: self.user.clone(), encrypted: self.encrypted };
        let number = {
            let mut memory = self.rules.memory();
            memory.taken.push(taken);
            memory.taken.len()
        };
        self.say(&format!("250 2.0.0 Taken as letter {number}")).await
    }
}

/// The address between the brackets of `MAIL FROM:<…>` and `RCPT TO:<…>`.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    address.contains('@').then(|| address.to_owned())
}
