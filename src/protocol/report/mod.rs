//! Reports: a device's answers to commands, of which CommandUUID and Status count before anything else is read.

pub mod apps;
pub mod device;
pub mod profiles;
mod scanner;
pub mod security;
pub mod updates;

pub use scanner::Scanner;

use std::fmt;
use std::str::FromStr;

use super::error_chain::{self, Cause, ChainedError};
use super::ids::EnrollmentIds;
use super::malformed::Malformed;
use super::plist::{self, Dictionary, Unreadable, Value, fields};

/// How a device answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub enum Status {
    /// It asks for a command.
    Idle,
    /// The command was carried out or taken.
    Acknowledged,
    /// The command was refused or failed.
    Error,
    /// The command was not understood: our fault.
    CommandFormatError,
    /// Not now; the device asks again by itself, if this was the last thing it said.
    NotNow,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Idle, Self::Acknowledged, Self::Error, Self::CommandFormatError, Self::NotNow];

    /// Apple's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Acknowledged => "Acknowledged",
            Self::Error => "Error",
            Self::CommandFormatError => "CommandFormatError",
            Self::NotNow => "NotNow",
        }
    }

    /// Whether the command leaves the queue.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Error | Self::CommandFormatError)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Malformed;

    fn from_str(word: &str) -> Result<Self, Malformed> {
        let all = [Self::Idle, Self::Acknowledged, Self::Error, Self::CommandFormatError, Self::NotNow];
        all.into_iter().find(|status| status.as_str() == word).ok_or_else(|| Malformed::UnknownStatus(Malformed::quoted(word)))
    }
}

/// What is recorded of every report, whatever else it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Who answers.
    pub ids: EnrollmentIds,
    /// How.
    pub status: Status,
    /// Which command; absent when idle.
    pub command_uuid: Option<String>,
    /// The command's kind, where the device repeats it.
    pub request_type: Option<String>,
    /// Why it failed, outermost error first.
    pub error_chain: Vec<ChainedError>,
    /// `RejectionReason` of an installation.
    pub rejection_reason: Option<String>,
    /// `State` of an installation.
    pub state: Option<String>,
    /// Whether a log-in waits until the queue is empty.
    pub need_sync_response: bool,
    /// Whether Setup Assistant of a user waits until the queue is empty.
    pub user_configuration: bool,
    /// Whether the Mac's user is logged in elsewhere than at the screen.
    pub not_on_console: bool,
}

impl Head {
    fn read(report: &Dictionary) -> Result<Self, Malformed> {
        let status = fields::text(report, "Status").ok_or(Malformed::MissingKey("Status"))?.parse()?;
        let command_uuid = fields::filled(report, "CommandUUID");
        if command_uuid.as_ref().is_some_and(|uuid| uuid.len() > super::ids::MAX_ID_BYTES) {
            return Err(Malformed::IllegalId { key: "CommandUUID", what: t!("is longer than 256 bytes") });
        }
        Ok(Self {
            ids: EnrollmentIds::read(report)?,
            status,
            command_uuid,
            request_type: fields::filled(report, "RequestType"),
            error_chain: error_chain::read(report),
            rejection_reason: fields::filled(report, "RejectionReason"),
            state: fields::filled(report, "State"),
            need_sync_response: fields::flag(report, "NeedSyncResponse").unwrap_or_default(),
            user_configuration: fields::flag(report, "UserConfiguration").unwrap_or_default(),
            not_on_console: fields::flag(report, "NotOnConsole").unwrap_or_default(),
        })
    }

    /// Whether it says what became of a command.
    fn answers_a_command(&self) -> bool {
        self.status != Status::Idle && self.command_uuid.is_some()
    }

    /// Why the command failed, in plain words; none where it did not.
    pub fn cause(&self) -> Option<Cause> {
        let failed = matches!(self.status, Status::Error | Status::CommandFormatError);
        failed.then(|| error_chain::explain(&self.error_chain, self.rejection_reason.as_deref(), self.state.as_deref()))
    }
}

/// A report that was read whole.
#[derive(Debug, Clone)]
pub struct Report {
    /// What is recorded in any case.
    pub head: Head,
    /// All keys, for the readers in this folder; a value that could not be read stands there as text.
    pub values: Dictionary,
    /// The values that could not be read as their type.
    pub unreadable: Vec<Unreadable>,
}

/// Reads a report, XML or binary; only broken structure, a missing Status or wrong ids make it unreadable.
///
/// The size of the body is the caller's to limit (10 MiB); longer ones go through [`Scanner`].
pub fn parse(body: &[u8]) -> Result<Report, Malformed> {
    let list = plist::parse_tolerant(body)?;
    let Value::Dictionary(values) = list.value else { return Err(Malformed::NotADictionary) };
    Ok(Report { head: Head::read(&values)?, values, unreadable: list.unreadable })
}

/// Reads what is recorded of every report from one that [`parse`] refused; none where CommandUUID, Status or ids cannot be read either.
pub fn salvage(body: &[u8]) -> Option<Head> {
    let head = if plist::is_binary(body) { Head::read(&plist::binary_texts(body)) } else { scan_whole(body) };
    head.ok().filter(Head::answers_a_command)
}

fn scan_whole(body: &[u8]) -> Result<Head, Malformed> {
    let mut scanner = Scanner::new();
    scanner.feed(body)?;
    scanner.finish()
}

/// Reads what is recorded of every report and nothing else.
pub fn scan(body: &[u8]) -> Result<Head, Malformed> {
    parse(body).map(|report| report.head)
}

#[cfg(test)]
mod tests;
