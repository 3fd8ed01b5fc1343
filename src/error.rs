//! The few kinds of failure that every floor shares; `http/error.rs` alone turns them into statuses.

use std::borrow::Cow;
use std::fmt;

/// A result whose failure is one of this crate's few kinds.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it was, as far as a caller must tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input cannot be used as it is; the message says what to change.
    BadInput,
    /// Nobody proved who they are.
    Unauthenticated,
    /// The actor is known and may not do this.
    Forbidden,
    /// The thing does not exist, or not any more.
    NotFound,
    /// The input is well formed but contradicts what is stored.
    Conflict,
    /// The input is over one of the named limits.
    TooLarge,
    /// It came too slowly, or stopped coming: the same call may succeed later.
    TooSlow,
    /// A full queue or disk: the same call may succeed later.
    Busy,
    /// This caller alone has tried too often: the same call may succeed later.
    TooOften,
    /// A user channel that is not managed here (HTTP 410 for devices, never 401).
    NotManaged,
    /// An enrollment that an admin retired: the only reason to tell a device to leave.
    Retired,
    /// A service that we ask (Apple's, a webhook's receiver) did not answer well.
    Upstream,
    /// Our own fault.
    Internal,
}

/// One field of an input and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Path of the field as the caller spelled it, for example `Command.Payload`.
    pub field: String,
    /// What is wrong with it and what to do.
    pub message: String,
}

/// A failure: its kind, a sentence for the person who can mend it, and what caused it.
#[derive(Debug)]
pub struct Error {
    /// What kind of failure it was.
    pub kind: Kind,
    /// What happened and what to do, in one or two sentences without secrets.
    pub message: Cow<'static, str>,
    /// The fields at fault, where the input has fields.
    pub fields: Vec<FieldError>,
    /// Seconds after which another attempt makes sense, where that is known.
    pub retry_after_s: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes a failure of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), fields: Vec::new(), retry_after_s: None, source: None }
    }

    /// The input cannot be used as it is.
    pub fn bad_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BadInput, message)
    }

    /// One field of the input cannot be used; the message is also the failure's.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut error = Self::new(Kind::BadInput, format!("{field}: {message}"));
        error.fields.push(FieldError { field, message });
        error
    }

    /// Everything that is wrong with the fields of an input, at once; fine when nothing is.
    pub fn fields<F: Into<String> + std::fmt::Display>(faults: Vec<(F, String)>) -> Result<()> {
        let message = faults.iter().map(|(field, message)| format!("{field}: {message}")).collect::<Vec<_>>().join("; ");
        if faults.is_empty() {
            return Ok(());
        }
        let mut error = Self::new(Kind::BadInput, message);
        error.fields = faults.into_iter().map(|(field, message)| FieldError { field: field.into(), message }).collect();
        Err(error)
    }

    /// The thing does not exist.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// The input contradicts what is stored.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// The actor may not do this.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// Our own fault, caused by `source`.
    pub fn internal(message: impl Into<Cow<'static, str>>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, message).caused_by(source)
    }

    /// Adds what caused the failure.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds when another attempt makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
