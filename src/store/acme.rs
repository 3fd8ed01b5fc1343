//! ACME's accounts and orders. An order, its authorization and its challenge are one row: there is one of each.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::certificate::Fingerprint;
use crate::protocol::acme::Problem;
use crate::store::Tx;
use crate::store::attestations::Vouched;
use crate::store::words::words;

/// Who speaks: a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Our id for it, a part of its address.
    pub id: String,
    /// Its key, JSON Web Key in canonical form.
    pub key: String,
    /// When its holder gave it up.
    pub deactivated_at: Option<Timestamp>,
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { id: row.get(0)?, key: row.get(1)?, deactivated_at: row.get(2)? })
}

/// Stores a new account.
pub fn insert_account(tx: &Tx, id: &str, thumbprint: &[u8; 32], key: &str) -> Result<()> {
    tx.execute("INSERT INTO acme_accounts (id, thumbprint, key, created_at) VALUES (?1, ?2, ?3, ?4)", (id, &thumbprint[..], key, tx.now))?;
    Ok(())
}

/// The account of this id.
pub fn account_by_id(tx: &Tx, id: &str) -> Result<Option<Account>> {
    tx.optional("SELECT id, key, deactivated_at FROM acme_accounts WHERE id = ?1", [id], account)
}

/// The account with the key of this thumbprint.
pub fn account_by_thumbprint(tx: &Tx, thumbprint: &[u8; 32]) -> Result<Option<Account>> {
    tx.optional("SELECT id, key, deactivated_at FROM acme_accounts WHERE thumbprint = ?1", [&thumbprint[..]], account)
}

/// Its holder gives an account up.
pub fn deactivate_account(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE acme_accounts SET deactivated_at = coalesce(deactivated_at, ?2) WHERE id = ?1", (id, tx.now))?;
    Ok(())
}

/// Gives an account another key.
pub fn set_account_key(tx: &Tx, id: &str, thumbprint: &[u8; 32], key: &str) -> Result<()> {
    tx.execute("UPDATE acme_accounts SET thumbprint = ?2, key = ?3 WHERE id = ?1", (id, &thumbprint[..], key)).map(drop)
}

/// Whether a certificate was issued for an order of this account, while the order is kept.
pub fn account_ordered(tx: &Tx, id: &str, fingerprint: &Fingerprint) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM acme_orders WHERE account_id = ?1 AND fingerprint = ?2)", (id, fingerprint), |row| row.get(0))
}

/// How many accounts there are.
pub fn count_accounts(tx: &Tx) -> Result<i64> {
    tx.one("SELECT count(*) FROM acme_accounts", [], |row| row.get(0))
}

/// Forgets the oldest account that has ordered nothing; tells whether there was one.
pub fn forget_oldest_account(tx: &Tx) -> Result<bool> {
    let forgotten = tx.execute(
        "DELETE FROM acme_accounts WHERE id = (SELECT id FROM acme_accounts a WHERE NOT EXISTS (SELECT 1 FROM acme_orders WHERE account_id = a.id)
                                               ORDER BY id LIMIT 1)",
        [],
    )?;
    Ok(forgotten > 0)
}

words! {
    /// How far an order is.
    pub enum OrderState {
        /// Its challenge is not met yet.
        Pending = "pending",
        /// Its challenge is met; a certification request may come.
        Ready = "ready",
        /// Its certificate is issued.
        Valid = "valid",
        /// It came to nothing.
        Invalid = "invalid",
    }
}

/// An order with its authorization and its challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Our id for it, a part of its addresses.
    pub id: String,
    /// Whose it is.
    pub account_id: String,
    /// SHA-256 of the identifier: the challenge of the profile.
    pub challenge_hash: [u8; 32],
    /// The token of its challenge.
    pub token: String,
    /// How far it is.
    pub state: OrderState,
    /// Why it is invalid.
    pub problem: Option<Problem>,
    /// What was attested, where something was.
    pub attested: Option<Vouched>,
    /// SHA-256 of the attested key's SubjectPublicKeyInfo.
    pub key_hash: Option<[u8; 32]>,
    /// The certificate that was issued.
    pub fingerprint: Option<Fingerprint>,
    /// When its challenge was met.
    pub validated_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
}

const ORDER: &str = "id, account_id, challenge_hash, token, state, problem, attested, key_hash, fingerprint, validated_at, expires_at";

fn order(row: &Row<'_>) -> rusqlite::Result<(Order, String, String)> {
    let order = Order {
        id: row.get(0)?,
        account_id: row.get(1)?,
        challenge_hash: row.get(2)?,
        token: row.get(3)?,
        state: row.get(4)?,
        problem: None,
        attested: None,
        key_hash: row.get(7)?,
        fingerprint: row.get(8)?,
        validated_at: row.get(9)?,
        expires_at: row.get(10)?,
    };
    Ok((order, row.get(5)?, row.get(6)?))
}

fn whole((mut order, problem, attested): (Order, String, String)) -> Result<Order> {
    let damaged = |error| Error::internal("a stored order cannot be read", error);
    if !problem.is_empty() {
        order.problem = Some(serde_json::from_str(&problem).map_err(damaged)?);
    }
    if !attested.is_empty() {
        order.attested = Some(serde_json::from_str(&attested).map_err(damaged)?);
    }
    Ok(order)
}

fn place(id: &str) -> String {
    format!("acme_orders.identifier/{id}")
}

/// Stores a new order for `identifier`, whose hash it holds.
pub fn insert_order(tx: &Tx, order: &Order, identifier: &str) -> Result<()> {
    let sealed = tx.seal(&place(&order.id), identifier.as_bytes())?;
    tx.execute(
        "INSERT INTO acme_orders (id, account_id, challenge_hash, identifier_sealed, token, state, created_at, expires_at)
         VALUES (:id, :account_id, :challenge_hash, :identifier_sealed, :token, :state, :created_at, :expires_at)",
        named_params! {
            ":id": order.id, ":account_id": order.account_id, ":challenge_hash": &order.challenge_hash[..], ":identifier_sealed": sealed,
            ":token": order.token, ":state": order.state, ":created_at": tx.now, ":expires_at": order.expires_at,
        },
    )?;
    Ok(())
}

/// Writes down how far an order came.
pub fn update_order(tx: &Tx, order: &Order) -> Result<()> {
    let json = |value: Option<serde_json::Result<String>>| value.transpose().map(Option::unwrap_or_default);
    let unwritten = |error| Error::internal("an order cannot be stored", error);
    let problem = json(order.problem.as_ref().map(serde_json::to_string)).map_err(unwritten)?;
    let attested = json(order.attested.as_ref().map(serde_json::to_string)).map_err(unwritten)?;
    tx.execute(
        "UPDATE acme_orders SET state = :state, problem = :problem, attested = :attested, key_hash = :key_hash, fingerprint = :fingerprint,
                                validated_at = :validated_at WHERE id = :id",
        named_params! {
            ":id": order.id, ":state": order.state, ":problem": problem, ":attested": attested,
            ":key_hash": order.key_hash.as_ref().map(|hash| &hash[..]), ":fingerprint": order.fingerprint, ":validated_at": order.validated_at,
        },
    )?;
    Ok(())
}

/// What the last order for a profile's value failed for, in words, if one did.
pub fn last_problem(tx: &Tx, challenge_hash: &[u8; 32]) -> Result<Option<String>> {
    let problem = tx.optional(
        "SELECT problem ->> 'detail' FROM acme_orders WHERE challenge_hash = ?1 AND problem <> '' ORDER BY created_at DESC, id DESC LIMIT 1",
        [&challenge_hash[..]],
        |row| row.get::<_, Option<String>>(0),
    )?;
    Ok(problem.flatten())
}

/// The order of this id.
pub fn order_by_id(tx: &Tx, id: &str) -> Result<Option<Order>> {
    tx.optional(sql!("SELECT {ORDER} FROM acme_orders WHERE id = ?1"), [id], order)?.map(whole).transpose()
}

/// The identifier of an order.
pub fn identifier(tx: &Tx, id: &str) -> Result<Option<String>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT identifier_sealed FROM acme_orders WHERE id = ?1", [id], |row| row.get(0))?;
    let Some(sealed) = sealed else { return Ok(None) };
    let plain = tx.open(&place(id), &sealed)?;
    String::from_utf8(plain.expose().clone()).map(Some).map_err(|error| Error::internal("a stored identifier cannot be read", error))
}

/// The orders of an account, oldest first.
pub fn orders_of(tx: &Tx, account_id: &str, limit: u32) -> Result<Vec<String>> {
    tx.list("SELECT id FROM acme_orders WHERE account_id = ?1 ORDER BY id LIMIT ?2", (account_id, limit), |row| row.get(0))
}

/// How many orders there are for a challenge.
pub fn count_orders(tx: &Tx, challenge_hash: &[u8; 32]) -> Result<i64> {
    tx.one("SELECT count(*) FROM acme_orders WHERE challenge_hash = ?1", [&challenge_hash[..]], |row| row.get(0))
}

/// Removes orders that ended before `before`, and accounts made before it that have none; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    let orders = tx.execute(
        "DELETE FROM acme_orders WHERE id IN (SELECT id FROM acme_orders WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
        (before, limit),
    )?;
    let accounts = tx.execute(
        "DELETE FROM acme_accounts WHERE id IN (SELECT id FROM acme_accounts a WHERE created_at < ?1
                                                AND NOT EXISTS (SELECT 1 FROM acme_orders WHERE account_id = a.id) ORDER BY id LIMIT ?2)",
        (before, limit),
    )?;
    Ok(orders + accounts)
}
