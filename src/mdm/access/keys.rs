//! The keys that sign grants: made when the first one is needed, changed when somebody says so.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::pki::jws;
use crate::pki::key::PrivateKey;
use crate::store::{Tx, access};

/// How long a key is published after another took over: longer than the longest grant that it signed.
pub const PUBLISHED_FOR: Duration = Duration::from_secs((super::policy::OFFLINE_HOURS_MAX as u64 + 24) * 3600);

/// Letters of a key's id.
const ID_LETTERS: usize = 16;

/// The id of the key that signs, which is made if there is none yet.
pub(super) fn signing(tx: &Tx) -> Result<String> {
    access::signing_key_id(tx)?.map_or_else(|| make(tx), Ok)
}

fn make(tx: &Tx) -> Result<String> {
    let key = PrivateKey::generate_p256()?;
    let mut id = hex(&sha256(key.public_key_der()));
    id.truncate(ID_LETTERS);
    access::set_signing_key(tx, &id, key.public_key_der(), key.pkcs8_der())?;
    Ok(id)
}

/// The private key of this id, while it signs.
pub fn private(tx: &Tx, id: &str) -> Result<PrivateKey> {
    let stored = access::private_key(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such key any more; ask again.")))?;
    PrivateKey::from_pkcs8_der(stored.expose()).map_err(|error| Error::internal("the key that signs grants cannot be read", error))
}

/// The public key of this id as SubjectPublicKeyInfo, while it is published.
pub fn public(tx: &Tx, id: &str) -> Result<Option<Vec<u8>>> {
    Ok(access::keys(tx, tx.now.minus(PUBLISHED_FOR))?.into_iter().find(|key| key.id == id).map(|key| key.public_key))
}

/// The published keys as a JSON Web Key Set (RFC 7517 §5), the one that signs first.
pub fn published(tx: &Tx) -> Result<Value> {
    let keys = access::keys(tx, tx.now.minus(PUBLISHED_FOR))?;
    let keys: Vec<_> = keys.iter().filter_map(|key| jws::public_jwk(&key.public_key, &key.id)).collect();
    Ok(json!({ "keys": keys }))
}

/// Makes a key when there is none: before it is published for the first time.
pub fn prepare(tx: &Tx) -> Result<()> {
    signing(tx).map(drop)
}

/// The keys, for those who look after them.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<access::AccessKey>> {
    actor.require(Right::View)?;
    access::keys(tx, tx.now.minus(PUBLISHED_FOR))
}

/// Forgets keys that are published no more; gives how many.
pub fn sweep(tx: &Tx) -> Result<usize> {
    access::prune_keys(tx, tx.now.minus(PUBLISHED_FOR))
}

/// Has a new key sign from now on. What the one before signed stays good until its own end.
pub fn rotate(tx: &Tx, actor: &Actor) -> Result<String> {
    actor.require(Right::Configure)?;
    let id = make(tx)?;
    journal::note(tx, actor, "access.key_changed", Subject::default(), json!({ "key": id }))?;
    Ok(id)
}
