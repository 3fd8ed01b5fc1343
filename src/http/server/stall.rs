//! Patience with slow ends: a body or an answer that makes no progress for the granted time, or a body that hardly makes any, ends its connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Version;
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::http::limits::BODY_MIN_BYTES_PER_S;
use crate::http::slow::GaveUp;

/// Bytes of an unwanted body that are read and thrown away, within the time of one stall: twice the longest that any address takes. They cost no
/// memory.
pub(super) const LINGER_MAX_BYTES: usize = 128 << 20;

/// A timer that runs only while something is waited for.
#[derive(Debug)]
struct Patience {
    granted: Duration,
    /// What is left of it.
    left: Duration,
    timer: Option<(Pin<Box<Sleep>>, Instant)>,
}

impl Patience {
    fn new(granted: Duration) -> Self {
        Self { granted, left: granted, timer: None }
    }

    /// Progress was made: the next wait begins anew.
    fn rest(&mut self) {
        self.timer = None;
    }

    /// So many bytes came: what was waited for them is used up, and each of them gives some of it back, up to what was granted.
    fn earn(&mut self, bytes: usize) {
        if let Some((_, since)) = self.timer.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.left = self.granted.min(self.left + Duration::from_secs(1) * bytes / BODY_MIN_BYTES_PER_S);
    }

    /// Waits on; ready when patience is at its end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (timer, _) = self.timer.get_or_insert_with(|| {
            let now = Instant::now();
            (Box::pin(tokio::time::sleep_until(now + left)), now)
        });
        timer.as_mut().poll(cx)
    }
}

/// A request's body whose next piece must come in time, and which must not come drop by drop.
///
/// When nobody wants the rest of a body, it is read and thrown away for a while: closing or resetting while the other end still sends
/// makes it miss our answer, and a device would ask again for ever.
#[derive(Debug)]
pub(super) struct PatientBody {
    body: Option<Incoming>,
    patience: Patience,
    lingers: bool,
    gave_up: GaveUp,
}

impl PatientBody {
    /// The body of a request with this head.
    pub(super) fn new(head: &Parts, body: Incoming, granted: Duration, gave_up: GaveUp) -> Self {
        // Who waits for our word before sending (RFC 9110 section 10.1.1) sends nothing when it is not given, and reading would give it. Over HTTP/2
        // it would not, and there letting go resets the stream, which some clients take for the answer.
        let lingers = head.version == Version::HTTP_2 || !head.headers.contains_key(EXPECT);
        Self { body: Some(body), patience: Patience::new(granted), lingers, gave_up }
    }
}

impl Drop for PatientBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && self.lingers
            && !body.is_end_stream()
        {
            // At the very end there is no runtime, and nobody to answer.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(tokio::time::timeout(self.patience.granted, throw_away(body)));
            }
        }
    }
}

async fn throw_away(body: Incoming) {
    let mut rest = Limited::new(body, LINGER_MAX_BYTES);
    while let Some(Ok(_)) = rest.frame().await {}
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // Who has read a piece has given their word already.
        let this = &mut *self;
        this.lingers = true;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            match &frame {
                Some(Ok(frame)) => this.patience.earn(frame.data_ref().map_or(0, Bytes::len)),
                _ => this.body = None,
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.patience.poll_end(cx));
        this.body = None;
        this.gave_up.note();
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, t!("the rest of the request did not come in time")).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// A stream whose other end must take what is written in time.
#[derive(Debug)]
pub(super) struct PatientWrite<S> {
    stream: S,
    patience: Patience,
}

impl<S> PatientWrite<S> {
    pub(super) fn new(stream: S, granted: Duration) -> Self {
        Self { stream, patience: Patience::new(granted) }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.patience.rest();
            return progress;
        }
        ready!(self.patience.poll_end(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, t!("the other end takes nothing"))))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientWrite<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PatientWrite<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, progress)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judge(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_ends_the_connection_and_a_slow_one_does_not() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut near = PatientWrite::new(near, Duration::from_secs(30));
        let writer =
            tokio::spawn(
                async move { (near.write_all(&[0; 24]).await.is_ok(), near.write_all(&[0; 24]).await.map_err(|error| error.kind())) },
            );
        let mut taken = [0; 8];
        for _ in 0..2 {
            tokio::time::advance(Duration::from_secs(29)).await;
            far.read_exact(&mut taken).await.unwrap();
        }
        assert_eq!(writer.await.unwrap(), (true, Err(io::ErrorKind::TimedOut)));
    }
}
