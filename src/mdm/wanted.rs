//! The words in which rooms say what a device is to have: for whom, which piece, from where, and why not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::protocol::availability::Capabilities;
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::plist::Dictionary;
use crate::store::assignments::AssignedKind;

/// Where a piece comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// Whether it is a profile, a policy or a declaration.
    pub kind: AssignedKind,
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
}

/// What is known of the enrollment that is planned for: everything that decides which pieces it gets and what they say.
#[derive(Debug, Clone)]
pub struct Target {
    /// The enrollment.
    pub enrollment_id: String,
    /// Its device.
    pub device_id: String,
    /// What its system is and may be sent.
    pub capabilities: Capabilities,
    /// Types of declarations that the device says it supports (`com.apple.configuration.legacy`); `None` while it has not said.
    pub supported: Option<Vec<String>>,
    /// What variables stand for, by name without the `$`: `SERIAL`, `PERSON_NAME` …
    pub variables: BTreeMap<&'static str, String>,
}

impl Target {
    /// Whether the channel that is planned for is a user's.
    pub fn is_user_channel(&self) -> bool {
        self.capabilities.kind.is_user_channel()
    }
}

/// Why what goes to a user of a Mac goes nowhere yet.
pub const NO_USER: &str = msg!("It is for a user of the Mac, and no user of this Mac is managed yet; it goes there once one is.");

/// One thing that a device is to have.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A profile, installed by command, or by a declaration that refers to it.
    Profile(ProfilePiece),
    /// Restrictions that are merged with those of others into one payload: `com.apple.applicationaccess`, `com.apple.domains` …
    Payload(PayloadPiece),
    /// A declaration.
    Declaration(DeclarationPiece),
}

/// A profile as one device is to have it.
#[derive(Debug, Clone)]
pub struct ProfilePiece {
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID, by which ProfileList tells one version from another.
    pub uuid: String,
    /// Changes when and only when the bytes that the device gets change.
    pub digest: String,
    /// Where its bytes come from.
    pub content: ProfileContent,
    /// What people call it.
    pub name: String,
    /// Where it comes from.
    pub origins: Vec<Origin>,
    /// When the device removes it by what it says itself, whatever is wanted then.
    pub goes_at: Option<Timestamp>,
    /// Whether it comes by a command also where others come by declarations, which a device keeps to by itself beyond their end.
    pub by_command: bool,
}

/// Where the bytes of a profile come from.
#[derive(Debug, Clone)]
pub enum ProfileContent {
    /// An uploaded version, with its variables filled in when it is sent.
    Uploaded {
        /// The profile.
        profile_id: String,
        /// Its version.
        version: i64,
        /// When the device itself is to remove it.
        ends_at: Option<Timestamp>,
    },
    /// One that was put together from policies.
    Rendered(Vec<u8>),
}

/// Keys of a payload of which a device may have only one, as one policy wants them.
#[derive(Debug, Clone)]
pub struct PayloadPiece {
    /// PayloadType.
    pub payload_type: String,
    /// The keys of this policy alone.
    pub keys: Dictionary,
    /// When the device itself is to end it.
    pub ends_at: Option<Timestamp>,
    /// Where it comes from.
    pub origin: Origin,
}

/// A declaration as one device is to have it.
#[derive(Debug, Clone)]
pub struct DeclarationPiece {
    /// Its kind.
    pub kind: DeclarationKind,
    /// Its Identifier.
    pub identifier: String,
    /// Its Type.
    pub declaration_type: String,
    /// Its Payload.
    pub payload: serde_json::Value,
    /// What makes a new version of it beside its Payload, so that the device looks at it anew; mostly empty.
    pub edition: String,
    /// Whether an activation is made for it; not for activations, assets and management declarations, nor where another activation names it.
    pub activate: bool,
    /// Where it comes from.
    pub origins: Vec<Origin>,
}

/// Something that a device cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unable {
    /// What it is about, for people: a profile's name, a switch of a policy.
    pub what: String,
    /// Why, in one sentence.
    pub because: String,
    /// Where it comes from.
    pub origin: Origin,
}
