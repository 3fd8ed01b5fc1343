//! Automated Device Enrollment: Apple's JSON both ways, shared by the client and the stand-in. One server of ours there is one server token.

mod account;
mod accounts;
mod answer;
mod beta;
mod devices;
mod profile;
mod skip_keys;
mod token;

pub use account::{Account, Limit};
pub use accounts::{ACCOUNT_NAME_MAX_CHARS, FULL_NAME_MAX_CHARS, FirstUser, MacAccounts, account_name};
pub use answer::{Cause, Refusal, read};
pub use beta::{BETA_PROGRAMS_MAX, BetaProgram, platform_of as beta_platform, program_id as beta_program_id};
pub use devices::{AssignOutcome, DeviceLine, Op, Page, assigned, outcomes};
pub use profile::{ANY_OS, FAMILIES, LATEST_OS, ProfileKeys, Surroundings, TEXT_MAX_CHARS};
pub use skip_keys::{SkipKey, skip_key, skip_keys};
pub use token::{ServerToken, TOKEN_MAX_BYTES};

/// The service's own address.
pub const SERVICE: &str = "https://mdmenrollment.apple.com";

/// The version of Apple's protocol that is spoken.
pub const PROTOCOL_VERSION: &str = "8";

/// The realm of the signed requests for a session.
pub const REALM: &str = "ADM";

/// The header that carries a session.
pub const SESSION_HEADER: &str = "x-adm-auth-session";

/// The header that carries the version.
pub const VERSION_HEADER: &str = "x-server-protocol-version";

/// Characters of a cursor at the most.
pub const CURSOR_MAX_CHARS: usize = 1000;

/// Devices of a page that are asked for at the most, whatever the account allows.
pub const PAGE_MAX: u32 = 1000;

/// Devices in one request for a profile.
pub const ASSIGN_MAX: usize = 1000;

/// The addresses below the service's own.
pub mod paths {
    /// Gives a session for a signed request.
    pub const SESSION: &str = "/session";
    /// What Apple knows of the server.
    pub const ACCOUNT: &str = "/account";
    /// The whole list.
    pub const FETCH: &str = "/server/devices";
    /// What changed.
    pub const SYNC: &str = "/devices/sync";
    /// Defines a profile.
    pub const PROFILE: &str = "/profile";
    /// Assigns a profile.
    pub const ASSIGN: &str = "/profile/devices";
    /// Says where devices ask for their server by an account.
    pub const DISCOVERY: &str = "/account-driven-enrollment/profile";
    /// Gives the organisation's beta programmes with their tokens.
    pub const BETA_TOKENS: &str = "/os-beta-enrollment/tokens";
    /// Locks a device to the organisation.
    pub const ACTIVATION_LOCK: &str = "/device/activationlock";
}

#[cfg(test)]
mod tests;
