//! How devices come in: invitations, profiles with one-time challenges, identities, and their renewal.

pub mod account;
pub(in crate::mdm) mod applicant;
pub mod automated;
pub mod configurator;
pub mod identify;
pub mod invitations;
pub mod next_root;
pub mod profile;
pub mod profile_service;
pub mod proof;
pub mod renewal;
pub(in crate::mdm) mod taken_over;

use std::time::Duration;

/// How long an unspent challenge lives after the profile that carries it was handed out.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_secs(3600);

/// AccessRights of our profiles: everything.
pub const ALL_RIGHTS: i64 = 8191;

/// The addresses that a profile tells a device. They are stored with the enrollment, because Apple refuses a renewal that changes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// ServerURL.
    pub server_url: String,
    /// CheckInURL.
    pub check_in_url: String,
    /// The SCEP payload's URL.
    pub scep_url: String,
    /// The ACME payload's DirectoryURL.
    pub acme_url: String,
}

impl Addresses {
    /// The addresses under a public base URL such as `https://mdm.example.school:8443`.
    pub fn under(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        Self {
            server_url: format!("{base}/mdm/connect"),
            check_in_url: format!("{base}/mdm/checkin"),
            scep_url: format!("{base}/scep"),
            acme_url: format!("{base}/acme/directory"),
        }
    }
}
