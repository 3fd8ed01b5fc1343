//! Apps and Books, API v2: Apple's JSON both ways, shared by the client and the stand-in. One location is one content token.

mod answer;
mod codes;
mod lookup;
mod requests;
mod service;
mod token;
mod walk;

pub use answer::{Answer, Envelope, MdmInfo, Refusal, RetryAfter, read};
pub use codes::{Verdict, verdict, words};
pub use lookup::{LOOKUP_IDS_MAX, StoreFacts, lookup_query, read_lookup};
pub use requests::{AssetRef, ClientConfig, Deed, Failure, FailureInfo, Status, UserInput, page_query};
pub use service::{Limits, Service, Urls};
pub use token::{ContentToken, TOKEN_MAX_BYTES, moment};
pub use walk::{AssetLine, AssignmentLine, PAGES_AT_ONCE, PAGES_MAX, Page, UserLine, Walk};

/// Apple's word for as many licences as anybody wants: free apps. It is no number to add up.
pub const UNLIMITED: u32 = 2_147_483_647;

/// The service's own address.
pub const SERVICE: &str = "https://vpp.itunes.apple.com";

/// Where the service says its addresses and limits, below its own; the only address that is not learned from there.
pub const SERVICE_CONFIG: &str = "/mdm/v2/service/config";

/// How often the service is asked for its addresses and limits at least, in seconds.
pub const SERVICE_CONFIG_MAX_AGE_S: u64 = 24 * 3600;

#[cfg(test)]
mod tests;
