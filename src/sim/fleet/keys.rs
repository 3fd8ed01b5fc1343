//! Where the keys of a fleet come from: each device its own, or a few for all, made when they are first wanted.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::pki::key::{KeyError, PrivateKey};

/// How many keys are made at the same time.
const MAKERS: usize = 2;

/// The keys of a fleet.
#[derive(Debug)]
pub(super) struct Keys {
    makers: Semaphore,
    shared: Option<Mutex<Pool>>,
}

#[derive(Debug)]
struct Pool {
    size: usize,
    keys: Vec<PrivateKey>,
    next: usize,
}

impl Keys {
    /// `shared` keys for all devices in turn; none: each key is new.
    pub(super) fn new(shared: Option<usize>) -> Self {
        let pool = |size: usize| Mutex::new(Pool { size: size.max(1), keys: Vec::new(), next: 0 });
        Self { makers: Semaphore::new(MAKERS), shared: shared.map(pool) }
    }

    /// A key of 2048 bits; making one takes tens of milliseconds, off the runtime's threads.
    pub(super) async fn key(&self) -> Result<PrivateKey, KeyError> {
        if let Some(key) = self.shared.as_ref().and_then(take) {
            return Ok(key);
        }
        let Ok(_permit) = self.makers.acquire().await else { return PrivateKey::generate_rsa_2048() };
        if let Some(key) = self.shared.as_ref().and_then(take) {
            return Ok(key);
        }
        let made = tokio::task::spawn_blocking(PrivateKey::generate_rsa_2048).await;
        let key = made.unwrap_or_else(|_| PrivateKey::generate_rsa_2048())?;
        if let Some(pool) = &self.shared {
            pool.lock().unwrap_or_else(PoisonError::into_inner).keys.push(key.clone());
        }
        Ok(key)
    }
}

/// The next of the shared keys, once all are made.
fn take(pool: &Mutex<Pool>) -> Option<PrivateKey> {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.keys.len() < pool.size {
        return None;
    }
    pool.next = (pool.next + 1) % pool.keys.len();
    Some(pool.keys[pool.next].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shared_keys_go_round() {
        let keys = Keys::new(Some(2));
        let mut all = Vec::new();
        for _ in 0..6 {
            all.push(keys.key().await.unwrap().public_key_der().to_vec());
        }
        assert_ne!(all[0], all[1]);
        assert_eq!(all[2], all[4]);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 2);
    }
}
