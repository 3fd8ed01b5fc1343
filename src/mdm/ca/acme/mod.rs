//! ACME: accounts, and orders for the one-time value of a profile; an attestation shows whose key it is, and the certificate is the authority's as by SCEP.

mod challenge;
mod issue;
mod revoke;
mod state;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::ca::scep;
use crate::pki::digest;
use crate::pki::jws::flattened::Jwk;
use crate::protocol::acme::{Fault, IDENTIFIER, IDENTIFIER_MAX_BYTES, Identifier, NewOrder, Problem};
use crate::store::Tx;
use crate::store::acme::{self, Account, Order, OrderState};
use crate::store::invitations::IdentityKind;

pub use challenge::respond;
pub use issue::{Finalizing, certificate, decide, record};
pub use revoke::{Signer, revoke};

/// How long an order lives.
pub const ORDER_LIFETIME: Duration = Duration::from_secs(3600);

/// Accounts that are kept; beyond it the oldest one that has ordered nothing is forgotten for each new one.
pub const ACCOUNTS_MAX: i64 = 5_000;

/// Orders that one profile's value is good for: a device may begin anew a few times.
pub const ORDERS_MAX: i64 = 10;

/// The outcome of a request: what came of it, or the problem that the client is told.
pub type Outcome<T> = Result<Result<T, Problem>>;

/// The account of a key.
pub fn account_of(tx: &Tx, key: &Jwk) -> Result<Option<Account>> {
    acme::account_by_thumbprint(tx, &key.thumbprint())
}

/// The account of an id, while its holder has not given it up.
pub fn account(tx: &Tx, id: &str) -> Outcome<Account> {
    Ok(match acme::account_by_id(tx, id)? {
        Some(account) if account.deactivated_at.is_some() => Err(Fault::Unauthorized.because(t!("This account was given up."))),
        Some(account) => Ok(account),
        None => Err(Fault::AccountDoesNotExist.because(t!("There is no such account, or not any more. Make one with newAccount."))),
    })
}

/// Makes an account for a key, or finds the one that it has; tells whether it was made.
pub fn new_account(tx: &Tx, key: &Jwk) -> Outcome<(Account, bool)> {
    if let Some(known) = account_of(tx, key)? {
        return Ok(match known.deactivated_at {
            Some(_) => Err(Fault::Unauthorized.because(t!("The account of this key was given up. Use another key."))),
            None => Ok((known, false)),
        });
    }
    while acme::count_accounts(tx)? >= ACCOUNTS_MAX {
        if !acme::forget_oldest_account(tx)? {
            return Ok(Err(Fault::RateLimited.because(t!("Too many devices ask for certificates at once. Try again later."))));
        }
    }
    let id = tx.new_id();
    acme::insert_account(tx, &id, &key.thumbprint(), key.canonical())?;
    Ok(Ok((Account { id, key: key.canonical().to_owned(), deactivated_at: None }, true)))
}

/// Its holder gives an account up.
pub fn deactivate(tx: &Tx, account: &Account) -> Result<()> {
    acme::deactivate_account(tx, &account.id)
}

/// What came of giving an account another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChanged {
    /// It has the new key, and only that.
    Done(Account),
    /// Another account has that key; its id.
    Taken(String),
}

/// Gives an account, as its holder knew it, another key; its orders stay its own.
pub fn change_key(tx: &Tx, account: &Account, key: &Jwk) -> Outcome<KeyChanged> {
    if let Some(other) = account_of(tx, key)? {
        return Ok(Ok(KeyChanged::Taken(other.id)));
    }
    // Another change may have come between.
    match self::account(tx, &account.id)? {
        Ok(present) if present == *account => {}
        Ok(_) => return Ok(Err(Fault::Unauthorized.because(t!("The account has another key since. Look at it again.")))),
        Err(problem) => return Ok(Err(problem)),
    }
    acme::set_account_key(tx, &account.id, &key.thumbprint(), key.canonical())?;
    Ok(Ok(KeyChanged::Done(Account { key: key.canonical().to_owned(), ..account.clone() })))
}

/// Makes an order. Nothing is written for a value that no profile of ours carries, or whose time is over.
pub fn new_order(tx: &Tx, account: &Account, wanted: &NewOrder) -> Outcome<Order> {
    let [Identifier { kind, value }] = &wanted.identifiers[..] else {
        return Ok(Err(Fault::Malformed.because(t!("An order names exactly one identifier."))));
    };
    if kind != IDENTIFIER {
        return Ok(Err(
            Fault::UnsupportedIdentifier.because(t!("Only identifiers of the type {IDENTIFIER} get certificates here.", IDENTIFIER))
        ));
    }
    if value.is_empty() || value.len() > IDENTIFIER_MAX_BYTES {
        return Ok(
            Err(Fault::RejectedIdentifier.because(t!("An identifier has 1 to {IDENTIFIER_MAX_BYTES} bytes.", IDENTIFIER_MAX_BYTES))),
        );
    }
    let challenge_hash = digest::sha256(value.as_bytes());
    if let Err(refusal) = scep::good(tx, &challenge_hash, IdentityKind::Acme)? {
        return Ok(Err(Fault::RejectedIdentifier.because(sentence(refusal.words()))));
    }
    if acme::count_orders(tx, &challenge_hash)? >= ORDERS_MAX {
        return Ok(Err(Fault::RateLimited.because(t!("Too many orders came for this profile. Download it again."))));
    }
    let order = Order {
        id: tx.new_id(),
        account_id: account.id.clone(),
        challenge_hash,
        token: crate::random::Random::System.token(),
        state: OrderState::Pending,
        problem: None,
        attested: None,
        key_hash: None,
        fingerprint: None,
        validated_at: None,
        expires_at: tx.now.plus(ORDER_LIFETIME),
    };
    acme::insert_order(tx, &order, value)?;
    Ok(Ok(order))
}

/// An order of an account, as it stands now.
pub fn order(tx: &Tx, account: &Account, id: &str) -> Outcome<Order> {
    let found = acme::order_by_id(tx, id)?.filter(|order| order.account_id == account.id);
    Ok(found
        .map(|order| as_of(order, tx.now))
        .ok_or_else(|| Fault::Malformed.because(t!("This account has no such order, or not any more."))))
}

/// What an order is for.
pub fn identifier(tx: &Tx, order: &Order) -> Result<Identifier> {
    Ok(Identifier { kind: IDENTIFIER.to_owned(), value: acme::identifier(tx, &order.id)?.unwrap_or_default() })
}

/// The orders of an account, at most as many as one profile is good for.
pub fn orders_of(tx: &Tx, account: &Account) -> Result<Vec<String>> {
    acme::orders_of(tx, &account.id, ORDERS_MAX as u32)
}

/// An order whose hour is over is invalid, though nobody has written that down.
fn as_of(mut order: Order, now: Timestamp) -> Order {
    let after = state::next(order.state, state::Event::Looked, now, order.expires_at);
    if after != order.state {
        order.state = after;
        order.problem = Some(Fault::Malformed.because(t!("The order's hour is over. Make another one.")));
    }
    order
}

/// Writes down how an order goes on.
fn advance(tx: &Tx, order: &mut Order, event: state::Event) -> Result<()> {
    order.state = state::next(order.state, event, tx.now, order.expires_at);
    acme::update_order(tx, order)
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
