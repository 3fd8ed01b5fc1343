//! An answer that is a part of a file: read piece by piece as the other end takes it, so that thousands of downloads hold a piece each and no more.
//!
//! What the system has in memory already is read at once, without leaving the thread; only what must come from the disk is waited for elsewhere.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

/// Bytes of one piece: what TLS and the socket are given at a time.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// The bytes of a file from one place to another.
#[derive(Debug)]
pub(super) struct FileBody {
    file: Arc<File>,
    at: u64,
    end: u64,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl FileBody {
    /// `file` from byte `at` up to, and without, byte `end`.
    pub(super) fn new(file: File, at: u64, end: u64) -> Self {
        Self { file: Arc::new(file), at, end, reading: None }
    }

    fn next_length(&self) -> usize {
        usize::try_from(self.end - self.at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES))
    }

    /// Notes what was read; nothing read is a file that became shorter.
    fn took(&mut self, piece: Vec<u8>) -> io::Result<Frame<Bytes>> {
        if piece.is_empty() {
            self.at = self.end;
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, t!("the file is shorter than it was")));
        }
        self.at += piece.len() as u64;
        Ok(Frame::data(Bytes::from(piece)))
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.at == this.end {
            return Poll::Ready(None);
        }
        if this.reading.is_none() {
            if let Some(piece) = at_hand(&this.file, this.at, this.next_length()) {
                return Poll::Ready(Some(this.took(piece)));
            }
            let (file, at, length) = (Arc::clone(&this.file), this.at, this.next_length());
            this.reading = Some(tokio::task::spawn_blocking(move || read(&file, at, length)));
        }
        let Some(reading) = &mut this.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(cx));
        this.reading = None;
        Poll::Ready(Some(read.map_err(io::Error::other).flatten().and_then(|piece| this.took(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

fn read(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut piece[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(piece)
}

/// What of the next piece is in the system's memory; none where the disk has to be asked, or the system cannot tell.
#[cfg(target_os = "linux")]
fn at_hand(file: &File, at: u64, length: usize) -> Option<Vec<u8>> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut piece = vec![0; length];
    let read = preadv2(file, &mut [io::IoSliceMut::new(&mut piece)], at, ReadWriteFlags::NOWAIT).ok().filter(|read| *read > 0)?;
    piece.truncate(read);
    Some(piece)
}

#[cfg(not(target_os = "linux"))]
fn at_hand(_: &File, _: u64, _: usize) -> Option<Vec<u8>> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http_body_util::BodyExt as _;

    use super::*;

    fn file(length: usize) -> (File, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        (file, bytes)
    }

    #[tokio::test]
    async fn every_part_comes_out_whole_in_pieces_of_bounded_size() {
        let (file, bytes) = file(3 * PIECE_BYTES + 17);
        for (at, end) in
            [(0, bytes.len()), (0, 1), (1, PIECE_BYTES), (PIECE_BYTES - 1, 2 * PIECE_BYTES + 2), (bytes.len() - 1, bytes.len()), (5, 5)]
        {
            let mut body = FileBody::new(file.try_clone().unwrap(), at as u64, end as u64);
            assert_eq!(body.size_hint().exact(), Some((end - at) as u64));
            let mut came = Vec::new();
            while let Some(frame) = body.frame().await {
                let piece = frame.unwrap().into_data().unwrap();
                assert!(piece.len() <= PIECE_BYTES);
                came.extend_from_slice(&piece);
            }
            assert!(came == bytes[at..end] && body.is_end_stream(), "{at} {end}");
        }
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_breaks_the_answer_off() {
        let (file, _) = file(100);
        let mut body = FileBody::new(file, 0, 200);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 100);
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
    }

    #[test]
    fn what_the_disk_has_to_be_asked_for_is_read_elsewhere() {
        let (file, bytes) = file(1000);
        assert_eq!(read(&file, 990, 100).unwrap(), bytes[990..]);
        assert_eq!(read(&file, 1000, 100).unwrap(), b"");
    }
}
