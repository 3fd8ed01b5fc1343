//! Apple's services that are not there: real servers over real sockets, speaking as Apple's do.

pub mod ade;
pub mod apns;
pub mod apps_and_books;
pub mod authority;
mod listener;
pub mod software_lookup;

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::pki::issue::attestation::AttestationService;
use crate::random::Random;
use ade::AdeStandIn;
use apns::ApnsStandIn;
use apps_and_books::AppsAndBooksStandIn;
use authority::Authority;
use software_lookup::SoftwareLookupStandIn;

/// All stand-ins, each on a loopback port of its own, under one authority; they end when this value is dropped.
pub struct Services {
    /// The push service.
    pub apns: ApnsStandIn,
    /// Apps and Books.
    pub apps_and_books: AppsAndBooksStandIn,
    /// Automated Device Enrollment.
    pub ade: AdeStandIn,
    /// The lookup service.
    pub software_lookup: SoftwareLookupStandIn,
    /// Who vouches for devices: it has no address, a device asks it within.
    pub attestation: AttestationService,
    authority: Arc<Authority>,
}

impl Services {
    /// Starts them all; `clock` says what time it is for them, and `random` makes what need not be secret.
    pub async fn start(clock: &Clock, random: &Random) -> Result<Self> {
        let authority = Arc::new(Authority::new("Practice Authority", clock.now(), random.clone())?);
        let apns = ApnsStandIn::start_under(authority.clone(), clock.clone(), random.clone()).await?;
        let apps_and_books = AppsAndBooksStandIn::start_under(&authority, clock.clone(), random.clone()).await?;
        let ade = AdeStandIn::start_under(&authority, clock.clone(), random.clone()).await?;
        let software_lookup = SoftwareLookupStandIn::start_under(&authority, clock, random).await?;
        let attestation = AttestationService::new(clock.now())?;
        Ok(Self { apns, apps_and_books, ade, software_lookup, attestation, authority })
    }

    /// The root, PEM, that a client of any of them must trust.
    pub fn trust_anchor_pem(&self) -> String {
        self.authority.pem()
    }
}
