//! Why a device refused: the chain of errors in a report, and the one table that puts known ones into plain words.

mod causes;

use crate::language::say;
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::plist::{Dictionary, fields};

/// How many errors of a chain are kept; real chains have one to four.
pub const MAX_ERRORS: usize = 16;

/// How much of a device's own description is kept, in characters.
pub const MAX_DESCRIPTION_CHARACTERS: usize = 1_000;

/// One error of a chain; devices leave out any of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChainedError {
    /// Apple's name for whoever failed, for example `MCMDMErrorDomain`.
    pub domain: String,
    /// The number within the domain.
    pub code: i64,
    /// What the device says in its own language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the device says in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub english: Option<String>,
}

/// Reads `ErrorChain`, outermost error first; what is no dictionary in it is passed over.
pub fn read(report: &Dictionary) -> Vec<ChainedError> {
    let cut = |text: String| text.chars().take(MAX_DESCRIPTION_CHARACTERS).collect();
    fields::dictionaries(report, "ErrorChain")
        .take(MAX_ERRORS)
        .map(|error| ChainedError {
            domain: fields::filled(error, "ErrorDomain").map(cut).unwrap_or_default(),
            code: fields::whole(error, "ErrorCode").unwrap_or_default(),
            description: fields::filled(error, "LocalizedDescription").map(cut),
            english: fields::filled(error, "USEnglishDescription").map(cut),
        })
        .collect()
}

/// What kind of failure it was, as far as what to do next differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// What we sent is wrong; sending it again unchanged is useless.
    BadRequest,
    /// This OS, or this channel, does not know the command or setting.
    Unsupported,
    /// The app is there, but not managed: taking over its management may be asked for.
    AlreadyInstalled,
    /// The same is already under way, or done: look at the list before judging.
    AlreadyRequested,
    /// No licence reached the device (yet).
    LicenseMissing,
    /// A question to the user is open, or cannot be shown.
    WaitingForUser,
    /// The user said no.
    Declined,
    /// Not managed by us, so not ours to change.
    NotManaged,
    /// The app or book cannot be had.
    Unavailable,
    /// The package's manifest or address is wrong.
    BadManifest,
    /// A restriction or setting forbids it.
    Forbidden,
    /// The app is in use.
    InUse,
    /// The device is locked, or its passcode is in the way.
    Locked,
    /// Too little storage.
    Space,
    /// Too little power.
    Power,
    /// The network failed.
    Network,
    /// It is under way.
    InProgress,
    /// There is nothing to do.
    NothingToDo,
    /// The device is not in the state that the command needs.
    WrongState,
    /// A certificate, signature or identity does not hold.
    Trust,
    /// A plain failure.
    Failed,
}

/// A failure in plain words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What kind of failure it was.
    pub kind: CauseKind,
    /// A sentence for people, without a full stop.
    pub words: Cow<'static, str>,
}

/// Puts a refusal into words.
///
/// A `RejectionReason` or `State` that says something wins; then the innermost error that the table knows, since outer ones only say that an
/// inner one happened; then the device's own description. Unknown ones are a plain failure.
pub fn explain(chain: &[ChainedError], rejection_reason: Option<&str>, state: Option<&str>) -> Cause {
    let told = rejection_reason.and_then(causes::of_rejection).or_else(|| state.and_then(causes::of_state));
    let known = || {
        let mut known = chain.iter().rev().filter_map(|error| causes::of_error(&error.domain, error.code));
        let first = known.next();
        match first {
            Some(cause) if cause.kind == CauseKind::Failed => known.find(|cause| cause.kind != CauseKind::Failed).or(first),
            _ => first,
        }
    };
    if let Some(known) = told.or_else(known) {
        return Cause { kind: known.kind, words: Cow::Borrowed(say(known.words)) };
    }
    let described = chain.iter().find_map(|error| error.english.as_ref().or(error.description.as_ref()));
    let words = match (described, chain.first()) {
        (Some(text), _) => Cow::Owned(t!("the device says: {text}", text = text.trim_end_matches('.'))),
        (None, Some(error)) => Cow::Owned(t!("the device failed with {domain} {code}", domain = error.domain, code = error.code)),
        (None, None) => Cow::Borrowed(t!("the device failed without saying why")),
    };
    Cause { kind: CauseKind::Failed, words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist::{self, Value};

    fn error(domain: &str, code: i64) -> ChainedError {
        ChainedError { domain: domain.into(), code, ..ChainedError::default() }
    }

    #[test]
    fn the_innermost_known_error_says_why() {
        let chain = [error("MCInstallationErrorDomain", 4001), error("MCProfileErrorDomain", 1009), error("MCMDMErrorDomain", 12064)];
        assert_eq!(explain(&chain, None, None).kind, CauseKind::LicenseMissing);
        let outer_says_more = [error("DeviceManagement.error", 2213), error("com.apple.softwareupdateservices.errors", 3)];
        assert_eq!(explain(&outer_says_more, None, None).kind, CauseKind::NothingToDo);
    }

    #[test]
    fn a_rejection_reason_wins_unless_it_says_nothing() {
        let chain = [error("ASDErrorDomain", 506)];
        assert_eq!(explain(&chain, Some("AppAlreadyInstalled"), None).kind, CauseKind::AlreadyInstalled);
        assert_eq!(explain(&chain, Some("Other"), Some("Failed")).kind, CauseKind::AlreadyRequested);
        assert_eq!(explain(&chain, None, Some("UserRejected")).kind, CauseKind::Declined);
    }

    #[test]
    fn what_the_table_does_not_know_is_a_plain_failure_in_the_devices_words() {
        let mut unknown = error("com.example.errors", 7);
        assert_eq!(explain(std::slice::from_ref(&unknown), None, None).words, "the device failed with com.example.errors 7");
        unknown.english = Some("It rained.".into());
        assert_eq!(explain(&[unknown], None, None).words, "the device says: It rained");
        assert_eq!(explain(&[], None, None).kind, CauseKind::Failed);
    }

    #[test]
    fn reported_codes_are_told_apart() {
        let cases = [
            ("MCMDMErrorDomain", 12025, CauseKind::AlreadyInstalled),
            ("MCMDMErrorDomain", 12021, CauseKind::Unsupported),
            ("MCMDMErrorDomain", 12081, CauseKind::Network),
            ("DeviceManagement.error", 1407, CauseKind::WaitingForUser),
            ("DeviceManagement.error", 2604, CauseKind::BadManifest),
            ("ASDErrorDomain", 850, CauseKind::BadManifest),
            ("ASDErrorDomain", 663, CauseKind::InUse),
            ("ASDServerErrorDomain", 9610, CauseKind::LicenseMissing),
            ("MCInstallationErrorDomain", 4009, CauseKind::Locked),
        ];
        for (domain, code, kind) in cases {
            assert_eq!(explain(&[error(domain, code)], None, None).kind, kind, "{domain} {code}");
        }
    }

    #[test]
    fn a_chain_may_lack_anything_and_is_bounded() {
        let one: Dictionary = [("ErrorCode".to_owned(), Value::Real(12_021.0))].into_iter().collect();
        let mut errors = vec![Value::Dictionary(one), Value::Boolean(true), Value::Dictionary(Dictionary::new())];
        errors.extend(vec![Value::Dictionary(Dictionary::new()); MAX_ERRORS]);
        let report: Dictionary = [("ErrorChain".to_owned(), Value::Array(errors))].into_iter().collect();
        let chain = read(&report);
        assert_eq!(chain.len(), MAX_ERRORS);
        assert_eq!(chain[0], error("", 12_021));
        let text: Dictionary = [("ErrorChain".to_owned(), Value::String("none".into()))].into_iter().collect();
        assert_eq!(read(&text), []);
        assert_eq!(read(&Dictionary::new()), []);
    }

    #[test]
    fn captured_refusals_are_explained() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let explained = |name: &str| {
            let body = std::fs::read(shared.join("captures/report").join(name)).unwrap();
            explain(&read(&plist::parse_dictionary(&body).unwrap()), None, None)
        };
        assert_eq!(explained("installapplication-ios-11.3.1-alreadyprompting.plist").kind, CauseKind::WaitingForUser);
        assert_eq!(explained("errors-ios-11.3.1-availableosupdatesfailure.plist").kind, CauseKind::NothingToDo);
        assert_eq!(explained("errors-10.12.5-invalid-command.plist").kind, CauseKind::BadRequest);
    }
}
