//! How a device is meant to behave, apart from what its hardware and OS decide.

use std::sync::Arc;
use std::time::Duration;

use super::{AccountSignIn, Proof, SetupAssistant};
use crate::pki::issue::attestation::AttestationService;
use crate::sim::model::Postings;

/// Where the enrollment profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// It is downloaded, anew for each enrollment.
    Url(String),
    /// It is given, signed or not.
    Bytes(Vec<u8>),
}

/// How a device is meant to behave, apart from what its hardware and OS decide.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the enrollment profile comes from.
    pub profile: ProfileSource,
    /// How it proves who it is.
    pub proof: Proof,
    /// How often it connects without a push; none: only when pushed.
    pub poll_every: Option<Duration>,
    /// Whether it enrolls again after it was erased.
    pub enrolls_again: bool,
    /// How long it waits before it repeats a request that failed, the first time; each further time twice as long.
    pub patience: Duration,
    /// Whether it writes its messages as binary property lists.
    pub binary: bool,
    /// Where the practice store is that knows who has a licence, for example `https://localhost:50443/store`; none: everybody has one.
    pub store: Option<String>,
    /// What Apple has posted; none: the compiled releases, as of the moment at which the device begins.
    pub releases: Option<Postings>,
    /// Who vouches for devices; none: nobody does, and they show no attestation.
    pub attestation: Option<AttestationService>,
    /// Where devices ask for their profile that come by Automated Device Enrollment; none: by `profile`, as others.
    pub setup: Option<Arc<SetupAssistant>>,
    /// Who enrolls devices by their account that are to come so; none: nobody does, and they come by `profile`.
    pub account: Option<Arc<AccountSignIn>>,
    /// Apple's service that tells such a device who manages it, for example `https://localhost:50443/activation`; none: what `setup` says.
    pub activation: Option<String>,
    /// The time zone that the device is in, `Europe/Berlin`, which is also what it is without any.
    pub time_zone: Option<String>,
}

impl Settings {
    /// A device that enrolls with `profile` and waits for pushes.
    pub fn new(profile: ProfileSource) -> Self {
        Self {
            profile,
            proof: Proof::AsProfileSays,
            poll_every: None,
            enrolls_again: false,
            patience: Duration::from_secs(2),
            binary: false,
            store: None,
            releases: None,
            attestation: None,
            setup: None,
            account: None,
            activation: None,
            time_zone: None,
        }
    }
}
