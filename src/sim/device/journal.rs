//! What a device remembers of its conversation: figures for the fleet, and remarks where a server did what a real device would stumble over.

use serde::Serialize;

use crate::clock::Timestamp;

/// How many remarks are kept; the first ones tell the most.
const MAX_REMARKS: usize = 32;

/// What happened so far.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Journal {
    /// Requests sent, repeats included.
    pub requests: u64,
    /// Requests that had to be repeated.
    pub repeats: u64,
    /// Commands received.
    pub commands: u64,
    /// Reports of commands that the server took.
    pub reports: u64,
    /// Of those, how many said NotNow.
    pub not_now: u64,
    /// Of those, how many said Error or CommandFormatError.
    pub refused: u64,
    /// Times the device enrolled, renewals not counted.
    pub enrollments: u64,
    /// Times the device got a new identity while it stayed enrolled.
    pub renewals: u64,
    /// When the server last answered.
    pub last_contact_at: Option<Timestamp>,
    /// What last went wrong; cleared by nothing.
    pub last_error: Option<String>,
    /// What the server did that a real device would not accept or a careful server would not do.
    pub remarks: Vec<String>,
}

impl Journal {
    /// Notes what went wrong.
    pub(crate) fn error(&mut self, what: impl Into<String>) {
        self.last_error = Some(what.into());
    }

    /// Notes something odd that the server did, once.
    pub(crate) fn remark(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.remarks.len() < MAX_REMARKS && !self.remarks.contains(&what) {
            self.remarks.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_kept_once_and_not_without_end() {
        let mut journal = Journal::default();
        for number in 0..100 {
            journal.remark(format!("odd {}", number / 2));
        }
        assert_eq!(journal.remarks.len(), MAX_REMARKS);
        assert_eq!(journal.remarks[1], "odd 1");
    }
}
