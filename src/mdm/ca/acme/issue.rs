//! The end of an order: the certification request of the attested key, and the certificate.

use crate::error::Error;
use crate::mdm::ca::acme::state::Event;
use crate::mdm::ca::acme::{Outcome, advance, as_of, sentence};
use crate::mdm::ca::scep::{self, Answer, Grant, Refusal, Request};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::protocol::acme::{Fault, Problem};
use crate::store::acme::{self, Order, OrderState};
use crate::store::invitations::IdentityKind;
use crate::store::{Tx, attestations, authorities, certificates};

/// What a finalization leads to.
#[derive(Debug, Clone)]
pub enum Finalizing {
    /// Issue a certificate under this grant, then [`record`] it.
    Issue(Box<Grant>),
    /// It is done already.
    Done,
}

/// The request of an order as the authority knows requests. The signer is nobody: no certificate of ours speaks here.
fn request<'a>(transaction: &'a str, key_hash: [u8; 32], identifier: &'a str) -> Request<'a> {
    let signer = Fingerprint::from_bytes([0; 32]);
    Request { transaction_id: transaction, public_key: key_hash, challenge: Some(identifier), signer, identity: IdentityKind::Acme }
}

/// The transaction that an order is in the authority's books.
fn transaction(order: &Order) -> String {
    t!("ACME {id}", id = order.id)
}

/// Decides whether a key (SHA-256 of its SubjectPublicKeyInfo) gets the certificate of an order; reads only.
pub fn decide(tx: &Tx, order: &Order, key_hash: [u8; 32]) -> Outcome<Finalizing> {
    match order.state {
        OrderState::Valid => return Ok(Ok(Finalizing::Done)),
        OrderState::Ready => {}
        OrderState::Pending | OrderState::Invalid => {
            return Ok(Err(Fault::OrderNotReady.because(t!("The challenge of this order is not met, so no certificate is issued."))));
        }
    }
    if order.key_hash.is_some_and(|attested| attested != key_hash) {
        return Ok(Err(Fault::BadCsr.because(t!("The request is for another key than the one that was attested."))));
    }
    let Some(identifier) = acme::identifier(tx, &order.id)? else {
        return Ok(Err(Fault::Malformed.because(t!("There is no such order any more."))));
    };
    Ok(match scep::decide(tx, &request(&transaction(order), key_hash, &identifier))? {
        Answer::Issue(grant) => Ok(Finalizing::Issue(Box::new(grant))),
        Answer::Again(_) => Ok(Finalizing::Done),
        Answer::Refuse(refusal) => Err(refused(refusal)),
    })
}

/// Records an issued certificate, spends the profile's value and ends the order well; what changed since [`decide`] turns into a problem.
pub fn record(tx: &Tx, mut order: Order, key_hash: [u8; 32], grant: &Grant, issued: &Certificate, authority_id: &str) -> Outcome<Order> {
    let present = acme::order_by_id(tx, &order.id)?.map(|order| as_of(order, tx.now).state);
    if present != Some(OrderState::Ready) {
        return Ok(Err(Fault::OrderNotReady.because(t!("Another request came between. Look at the order."))));
    }
    let identifier = acme::identifier(tx, &order.id)?.unwrap_or_default();
    if let Err(refusal) = scep::record(tx, &request(&transaction(&order), key_hash, &identifier), grant, issued, authority_id)? {
        return Ok(Err(refused(refusal)));
    }
    if let Some(vouched) = &order.attested {
        attestations::insert_key(tx, &issued.fingerprint(), vouched)?;
    }
    order.fingerprint = Some(issued.fingerprint());
    order.key_hash = Some(key_hash);
    advance(tx, &mut order, Event::Issued)?;
    Ok(Ok(order))
}

/// The certificate of an order and the authority's own, DER, in this order.
pub fn certificate(tx: &Tx, order: &Order) -> Outcome<Vec<Vec<u8>>> {
    let missing = || Fault::OrderNotReady.because(t!("This order has no certificate."));
    let (Some(fingerprint), Some(key_hash)) = (order.fingerprint, order.key_hash) else { return Ok(Err(missing())) };
    let found =
        certificates::by_transaction(tx, &transaction(order), &key_hash)?.filter(|(identity, _)| identity.fingerprint == fingerprint);
    let Some((identity, der)) = found else { return Ok(Err(missing())) };
    let authority = authorities::all(tx)?.into_iter().find(|authority| authority.id == identity.authority_id);
    let authority = authority.ok_or_else(|| Error::new(crate::error::Kind::Internal, t!("The authority of a certificate is gone.")))?;
    Ok(Ok(vec![der, authority.certificate]))
}

fn refused(refusal: Refusal) -> Problem {
    Fault::RejectedIdentifier.because(sentence(refusal.words()))
}
