//! What the stand-in is told to do wrong, and what others do to its book while it is read.

use super::book::Assignment;

/// What the stand-in does with a request instead of answering it well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Refuses it with a status, a number of Apple's (0: none), and when to come again.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Apple's number of the error.
        number: u32,
        /// The value of Retry-After.
        retry_after: Option<String>,
    },
    /// Does what was asked and hangs up before the answer.
    LoseAnswer,
    /// Hangs up before anything is done.
    LoseRequest,
}

/// An act for the next request to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The end of the path, for example `/assets/associate`; empty for any.
    pub path: String,
    /// What to do.
    pub act: Act,
}

/// What somebody else does to the book after a page was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Churn {
    /// Assigns something.
    Assign(Assignment),
    /// Takes something back.
    Withdraw(Assignment),
}

/// What goes wrong with something that the stand-in tells by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Twice,
}
