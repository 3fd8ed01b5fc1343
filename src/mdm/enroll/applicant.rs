//! Who asks to enroll, with everything known of it that the rooms decide by; read once.

use crate::error::Result;
use crate::protocol::checkin::Authenticate;
use crate::protocol::ids::EnrollmentIds;
use crate::store::Tx;
use crate::store::attestations::{self, Vouched};
use crate::store::certificates::Identity;
use crate::store::enrollments::Enrollment;
use crate::store::invitations::{self, Challenge};

/// A device that says Authenticate.
#[derive(Debug)]
pub(in crate::mdm) struct Applicant<'a> {
    /// By what it calls itself.
    pub ids: &'a EnrollmentIds,
    /// What it says.
    pub message: &'a Authenticate,
    /// The certificate that it speaks by.
    pub identity: Identity,
    /// What Apple attested of the key of that certificate.
    pub vouched: Option<Vouched>,
    /// What that certificate was issued for.
    pub challenge: Option<Challenge>,
    /// The enrollment that has its ids.
    pub known: Option<Enrollment>,
}

impl<'a> Applicant<'a> {
    /// Reads what is known of who speaks by `identity`, and has the ids of `known`.
    pub(in crate::mdm) fn read(
        tx: &Tx,
        (ids, message): (&'a EnrollmentIds, &'a Authenticate),
        identity: Identity,
        known: Option<Enrollment>,
    ) -> Result<Self> {
        let vouched = attestations::of_key(tx, &identity.fingerprint)?;
        let challenge = invitations::challenge_by_fingerprint(tx, &identity.fingerprint)?;
        Ok(Self { ids, message, identity, vouched, challenge, known })
    }
}
