//! The smallest HTTP/1.1 client that measures well: prepared bytes out, status and body back, in one buffer that is used again.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The largest answer that load reads.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Where a connection leads.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) host: String,
    pub(super) port: u16,
    /// How to open TLS; none for plain HTTP.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A kept connection.
pub(super) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer: its status, and where in the buffer its body is.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    /// The server will close the connection.
    pub(super) closes: bool,
}

/// What the head of an answer says.
struct Head {
    status: u16,
    body_at: usize,
    length: Length,
    closes: bool,
}

enum Length {
    Known(usize),
    Chunked,
}

impl Wire {
    /// Opens a connection.
    pub(super) async fn open(origin: &Origin) -> Result<Self, String> {
        let unreachable = |error: std::io::Error| format!("cannot connect: {error}");
        let tcp = TcpStream::connect((origin.host.as_str(), origin.port)).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let stream = match &origin.tls {
            None => Stream::Plain(tcp),
            Some(config) => {
                let name = ServerName::try_from(origin.host.clone()).map_err(|_| format!("{} is no host name", origin.host))?;
                let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
                Stream::Tls(Box::new(tls.map_err(|error| format!("TLS failed: {error}"))?))
            }
        };
        Ok(Self { stream, buffer: vec![0; 8 * 1024], filled: 0 })
    }

    /// Sends a whole request and reads the answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, String> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(request).await,
            Stream::Tls(stream) => match stream.write_all(request).await {
                Ok(()) => stream.flush().await,
                failed => failed,
            },
        }
        .map_err(|error| format!("cannot send: {}", error.kind()))?;
        self.filled = 0;
        let head = loop {
            self.fill().await?;
            if let Some(head) = read_head(&self.buffer[..self.filled])? {
                break head;
            }
        };
        let end = match head.length {
            Length::Known(length) => {
                let end = head.body_at + length;
                while self.filled < end {
                    self.fill().await?;
                }
                end
            }
            Length::Chunked => self.unchunk(head.body_at).await?,
        };
        Ok(Answer { status: head.status, body: &self.buffer[head.body_at..end], closes: head.closes })
    }

    /// Reads what has come, at least a byte.
    async fn fill(&mut self) -> Result<(), String> {
        if self.filled == self.buffer.len() {
            if self.buffer.len() >= MAX_ANSWER_BYTES {
                return Err(String::from("the answer is too large"));
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let room = &mut self.buffer[self.filled..];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(room).await,
            Stream::Tls(stream) => stream.read(room).await,
        };
        match read {
            Ok(0) => Err(String::from("the connection was closed")),
            Ok(read) => {
                self.filled += read;
                Ok(())
            }
            Err(error) => Err(format!("cannot read: {}", error.kind())),
        }
    }

    /// Brings the chunks of a body together in place; where the body ends.
    async fn unchunk(&mut self, body_at: usize) -> Result<usize, String> {
        let (mut from, mut to) = (body_at, body_at);
        loop {
            let line = loop {
                let rest = &self.buffer[from..self.filled];
                if let Some(end) = find(rest, b"\r\n") {
                    break end;
                }
                self.fill().await?;
            };
            let digits = std::str::from_utf8(&self.buffer[from..from + line]).unwrap_or_default();
            let digits = digits.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).map_err(|_| String::from("a chunk without a size"))?;
            let data = from + line + 2;
            if size > MAX_ANSWER_BYTES {
                return Err(String::from("the answer is too large"));
            }
            while self.filled < data + size + 2 {
                self.fill().await?;
            }
            if size == 0 {
                return Ok(to);
            }
            self.buffer.copy_within(data..data + size, to);
            to += size;
            from = data + size + 2;
        }
    }
}

/// Reads the head once it is complete; interim answers (100 Continue) are passed over.
fn read_head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = &bytes[..end + 2];
    let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
    let status: u16 = status.filter(|_| head.starts_with(b"HTTP/1.")).ok_or("this is no HTTP/1.1")?;
    if (100..200).contains(&status) {
        let rest = read_head(&bytes[end + 4..])?;
        return Ok(rest.map(|head| Head { body_at: head.body_at + end + 4, ..head }));
    }
    let (mut length, mut closes) = (Length::Known(0), false);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            length = Length::Known(digits.filter(|length| *length <= MAX_ANSWER_BYTES).ok_or("the answer has no sane length")?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") && value.eq_ignore_ascii_case(b"chunked") {
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close") {
            closes = true;
        }
    }
    Ok(Some(Head { status, body_at: end + 4, length, closes }))
}

/// Where `needle` begins in `bytes`.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answered_in(pieces: &'static [&'static [u8]]) -> Result<(u16, Vec<u8>, bool), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4];
            socket.read_exact(&mut request).await.unwrap();
            for piece in pieces {
                socket.write_all(piece).await.unwrap();
                socket.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut wire = Wire::open(&Origin { host: "127.0.0.1".into(), port, tls: None }).await.unwrap();
        wire.exchange(b"PUT ").await.map(|answer| (answer.status, answer.body.to_vec(), answer.closes))
    }

    #[tokio::test]
    async fn answers_are_read_in_whatever_pieces_they_come() {
        let simple = answered_in(&[b"HTTP/1.1 200 OK\r\nContent-Len", b"gth: 5\r\n\r\nhe", b"llo"]).await;
        assert_eq!(simple, Ok((200, b"hello".to_vec(), false)));
        let empty = answered_in(&[b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"]).await;
        assert_eq!(empty, Ok((400, Vec::new(), true)));
        let chunked =
            answered_in(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", b"lo\r\n6;x=1\r\n world\r", b"\n0\r\n\r\n"])
                .await;
        assert_eq!(chunked, Ok((200, b"hello world".to_vec(), false)));
        let interim = answered_in(&[b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 None\r\n\r\n"]).await;
        assert_eq!(interim, Ok((204, Vec::new(), false)));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        assert!(answered_in(&[b"SMTP ready\r\n\r\n"]).await.is_err());
        assert!(answered_in(&[b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"]).await.is_err());
        assert!(answered_in(&[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]).await.is_err());
        assert!(answered_in(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]).await.is_err());
    }

    #[test]
    fn a_needle_is_found_where_it_begins() {
        assert_eq!(find(b"aab\r\n\r\nc", b"\r\n\r\n"), Some(3));
        assert_eq!(find(b"aaab", b"aab"), Some(1));
        assert_eq!(find(b"abc", b"d"), None);
        assert_eq!(find(b"", b"d"), None);
    }
}
