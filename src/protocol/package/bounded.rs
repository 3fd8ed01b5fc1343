//! A source that gives out so many bytes and no more, however often it is asked: what stands between a reader and a file that lies about itself.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// How many more bytes may be read; whoever holds it can add some while a reader has the source.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Rc<Cell<u64>>);

impl Budget {
    /// Allows so many bytes more.
    pub(super) fn add(&self, bytes: u64) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// A source with a budget of bytes.
pub(super) struct Bounded<R> {
    source: R,
    left: Budget,
}

impl<R> Bounded<R> {
    /// `source`, of which `budget` bytes may be read in all.
    pub(super) fn new(source: R, budget: u64) -> Self {
        let left = Budget::default();
        left.add(budget);
        Self { source, left }
    }

    /// What is left to be read.
    pub(super) fn budget(&self) -> Budget {
        self.left.clone()
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.0.get();
        if left == 0 {
            return Err(io::Error::other(t!("more is read than a real file needs")));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.source.read(&mut buffer[..most])?;
        self.left.0.set(left - read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

/// Everything that `source` gives, up to `most` bytes; none where it gives more or fails.
pub(super) fn all(source: impl Read, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_all_that_is_given() {
        let mut bounded = Bounded::new(io::Cursor::new([7; 10]), 6);
        let mut bytes = [0; 4];
        assert_eq!((bounded.read(&mut bytes).unwrap(), bounded.read(&mut bytes).unwrap()), (4, 2));
        bounded.rewind().unwrap();
        assert!(bounded.read(&mut bytes).is_err());
        bounded.budget().add(3);
        assert_eq!(bounded.read(&mut bytes).unwrap(), 3);
        assert!(bounded.read(&mut bytes).is_err());
        assert_eq!((all(&[1; 5][..], 5).map(|all| all.len()), all(&[1; 6][..], 5)), (Some(5), None));
    }
}
