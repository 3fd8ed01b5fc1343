//! Who gets a certificate for which right, and how often.

use super::{Device, School};
use crate::mdm::Actor;
use crate::mdm::ca::scep::{self, Answer, Refusal, Request};
use crate::mdm::checkin::Reply;
use crate::mdm::enroll::identify::Presented;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::pki::csr::{self, CertificationRequest, RequestOptions};
use crate::pki::key::PrivateKey;
use crate::pki::{asn1, digest, issue};
use crate::store::certificates::{self, Identity, NewIdentity, Purpose};
use crate::store::invitations::{IdentityKind, Invitation};

/// A certificate of the school's for a key of its own, not recorded.
fn certificate(school: &School, name: &str) -> Certificate {
    let key = PrivateKey::generate_p256().unwrap();
    let request = csr::write(&asn1::name::write(&[]).unwrap(), &key, RequestOptions::default()).unwrap();
    let root = issue::root("School CA", school.clock.now()).unwrap();
    root.identity(&CertificationRequest::from_der(&request).unwrap(), name, school.clock.now()).unwrap()
}

fn invite(school: &School) -> Invitation {
    let new = NewInvitation { max_uses: Some(1), ..NewInvitation::default() };
    school.write(move |tx| invitations::create(tx, &Actor::Console, new))
}

/// The identity that the only use of an invitation gave.
fn issued(school: &School, invitation: &Invitation) -> Fingerprint {
    let (first, invitation_id) = (certificate(school, "first"), Some(invitation.id.clone()));
    let fingerprint = first.fingerprint();
    school.write(move |tx| {
        let identity = Identity {
            fingerprint,
            authority_id: String::from("our authority"),
            serial: first.serial_hex(),
            purpose: Purpose::Enroll,
            invitation_id,
            intended_for: None,
            enrollment_id: None,
            not_before_at: first.not_before(),
            not_after_at: first.not_after(),
            issued_at: tx.now,
            bound_at: None,
            revoked_at: None,
        };
        certificates::insert(
            tx,
            &NewIdentity { identity: &identity, certificate: first.der(), public_key: &[1; 32], transaction_id: "first" },
        )
    });
    fingerprint
}

/// Asks for a renewal by the certificate `signer`, under a transaction of its own.
fn renew(school: &School, signer: Fingerprint, transaction: &str) -> Result<Fingerprint, Refusal> {
    let (renewed, transaction) = (certificate(school, transaction), transaction.to_owned());
    school.write(move |tx| {
        let public_key = digest::sha256(renewed.public_key_der());
        let request = Request { transaction_id: &transaction, public_key, challenge: None, signer, identity: IdentityKind::Scep };
        match scep::decide(tx, &request)? {
            Answer::Issue(grant) => Ok(scep::record(tx, &request, &grant, &renewed, "our authority")?.map(|()| renewed.fingerprint())),
            Answer::Refuse(refusal) => Ok(Err(refusal)),
            Answer::Again(_) => unreachable!("the transaction is new"),
        }
    })
}

fn device(school: &School, udid: &str, fingerprint: Fingerprint) -> Reply {
    let identity = Presented { fingerprint, certificate: None, imported_authority: None, bearer: None, host: None };
    Device { school, udid: udid.to_owned(), identity }.authenticate()
}

#[test]
fn a_certificate_renewed_before_its_use_is_still_one_use_of_its_invitation() {
    let school = School::new();
    let first = issued(&school, &invite(&school));
    let second = renew(&school, first, "second").unwrap();
    assert_eq!(renew(&school, first, "third"), Err(Refusal::NotRenewable), "the older one is over");
    assert!(matches!(device(&school, "A-1", first), Reply::Refused(_)));
    assert!(matches!(device(&school, "B-1", second), Reply::Empty));
    assert_eq!(renew(&school, second, "fourth").map(drop), Err(Refusal::NotRenewable), "its enrollment has only begun");
}

#[test]
fn the_certificate_of_a_withdrawn_invitation_is_not_renewed() {
    let school = School::new();
    let invitation = invite(&school);
    let first = issued(&school, &invitation);
    school.write(move |tx| invitations::revoke(tx, &Actor::Console, &invitation.id));
    assert_eq!(renew(&school, first, "second"), Err(Refusal::InvitationOver));
}

#[test]
fn of_two_renewals_decided_at_once_the_first_one_counts() {
    let school = School::new();
    let first = issued(&school, &invite(&school));
    let (one, other) = (certificate(&school, "one"), certificate(&school, "other"));
    school.write(move |tx| {
        let request = |transaction_id, certificate: &Certificate| Request {
            transaction_id,
            public_key: digest::sha256(certificate.public_key_der()),
            challenge: None,
            signer: first,
            identity: IdentityKind::Scep,
        };
        let (request_one, request_other) = (request("one", &one), request("other", &other));
        let (Answer::Issue(grant_one), Answer::Issue(grant_other)) = (scep::decide(tx, &request_one)?, scep::decide(tx, &request_other)?)
        else {
            panic!("both are granted before either is recorded");
        };
        assert_eq!(scep::record(tx, &request_one, &grant_one, &one, "our authority")?, Ok(()));
        assert_eq!(scep::record(tx, &request_other, &grant_other, &other, "our authority")?, Err(Refusal::NotRenewable));
        Ok(())
    });
}

#[test]
fn the_certificate_of_a_deleted_device_is_not_renewed() {
    let school = School::new();
    let first = issued(&school, &invite(&school));
    let identity = Presented { fingerprint: first, certificate: None, imported_authority: None, bearer: None, host: None };
    let device = Device { school: &school, udid: String::from("A-1"), identity };
    device.authenticate();
    device.token_update(false);
    let renewed = renew(&school, first, "second").unwrap();
    let enrollment = device.enrollment();
    school.write(move |tx| {
        let known = crate::mdm::devices::find(tx, &Actor::Console, &enrollment.device_id)?;
        crate::mdm::devices::remove(tx, &Actor::Console, known)
    });
    assert_eq!(renew(&school, first, "third"), Err(Refusal::NotRenewable));
    // One that was issued before brings it back, seen by everybody.
    let identity = Presented { fingerprint: renewed, certificate: None, imported_authority: None, bearer: None, host: None };
    let again = Device { school: &school, udid: String::from("A-1"), identity };
    again.authenticate();
    again.token_update(false);
    let enrollment = again.enrollment();
    assert_eq!(enrollment.generation, 2);
    assert!(school.write(move |tx| crate::mdm::devices::find(tx, &Actor::Console, &enrollment.device_id)).deleted_at.is_none());
}
