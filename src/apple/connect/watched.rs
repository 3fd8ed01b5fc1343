//! A stream that remembers how it ended, because HTTP/2 above it forgets what TLS below it said.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Endpoint, Failure};

/// Where the first failure of a stream is kept for those who wait above it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause(Arc<OnceLock<Failure>>);

impl Cause {
    /// What ended the stream, once something has.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.get().cloned()
    }
}

/// A stream to `endpoint` that tells its first failure to a [`Cause`].
///
/// Under TLS 1.3 a refused client certificate shows only at the first read, and the layers above keep no more than its text.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    endpoint: Endpoint,
    cause: Cause,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    pub(crate) fn new(stream: S, endpoint: Endpoint, cause: Cause) -> Self {
        Self { stream, endpoint, cause }
    }

    fn note<T>(&self, polled: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = polled {
            // Only the first one says why; later ones say that it is over.
            let _ = self.cause.0.set(Failure::of_tls(&self.endpoint, error));
        }
    }

    /// A server that refuses us says why and hangs up; a write may fail before its reason was read.
    fn note_write<T>(&mut self, context: &mut Context<'_>, polled: &Poll<io::Result<T>>) {
        if matches!(polled, Poll::Ready(Err(_))) && self.cause.0.get().is_none() {
            let mut byte = [0];
            let last_words = Pin::new(&mut self.stream).poll_read(context, &mut ReadBuf::new(&mut byte));
            if let Poll::Ready(Err(error)) = &last_words {
                let failure = Failure::of_tls(&self.endpoint, error);
                if failure.is_about_our_certificate() {
                    let _ = self.cause.0.set(failure);
                }
            }
        }
        self.note(polled);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.note(&polled);
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(context, &polled);
        polled
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note_write(context, &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.note_write(context, &polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
