//! Programs that are told what happens: one that takes every event, and one that is always away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rollcall::error::Result;
use rollcall::mdm::Actor;
use rollcall::mdm::webhooks::{self, NewWebhook, OUTBOX_MAX, OUTBOX_MAX_BYTES};
use rollcall::store::Tx;
use rollcall::store::webhooks::LOG_MAX;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::one;

/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1/away";
/// Bytes of the largest event of this year.
const EVENT_MAX_BYTES: i64 = 1 << 20;

/// A receiver on a loopback port that takes everything.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) url: String,
    taken: Arc<AtomicU64>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/here", listener.local_addr().expect("it has an address"));
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&count)));
            }
        });
        Self { url, taken }
    }

    /// That the one took everything and nothing gathered for the other beyond its bounds.
    pub(crate) fn check(&self, file: &rusqlite::Connection, days: u32) {
        let of = |what: &str, url: &str| {
            let sql = format!("SELECT {what} FROM webhook_deliveries WHERE webhook_id = (SELECT id FROM webhooks WHERE url = '{url}')");
            one(file, &sql)
        };
        let (waiting, bytes) = (of("count(*)", NOBODY), of("coalesce(sum(length(body_sealed)), 0)", NOBODY));
        let (log, told) =
            (one(file, "SELECT count(*) FROM webhook_log"), one(file, "SELECT count(*) FROM events WHERE kind = 'webhook.gave_up'"));
        let taken = self.taken.load(Ordering::Relaxed);
        println!("webhooks: {taken} events taken; {waiting} events of {bytes} bytes wait for who is away, {told} times told of lost ones");
        assert!(taken > 0 && of("count(*)", &self.url) == 0, "who is there has everything");
        assert!(waiting > 0 && waiting <= OUTBOX_MAX && bytes <= OUTBOX_MAX_BYTES + EVENT_MAX_BYTES, "the outbox is bounded");
        assert!(log <= 2 * i64::from(LOG_MAX) && told <= i64::from(days), "so is what is told of it");
    }
}

/// Both programs listen: the one at `here` to what a program most likely wants, the one that is away to everything.
pub(crate) fn listen(tx: &Tx, here: &str) -> Result<()> {
    let topics = ["mdm.Authenticate", "mdm.TokenUpdate", "mdm.CheckOut", "rollcall.Notice"].map(String::from).to_vec();
    for (url, topics) in [(here, topics), (NOBODY, Vec::new())] {
        let new = NewWebhook { url: url.to_owned(), hmac_key: None, topics, include_secrets: false };
        webhooks::create(tx, &Actor::Console, new)?;
    }
    Ok(())
}

/// Takes posts until the client hangs up.
async fn serve(stream: TcpStream, taken: Arc<AtomicU64>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await.ok()?;
        taken.fetch_add(1, Ordering::Relaxed);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok()?;
    }
}
