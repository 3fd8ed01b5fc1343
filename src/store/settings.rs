//! Settings that an admin can change while the server runs: typed values under fixed keys.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::store::tx::Tx;

/// The key of a setting and the type of its value; declared once, as a constant, by the room that owns the setting.
///
/// ```
/// use rollcall::store::settings::Setting;
///
/// const PUBLIC_URL: Setting<String> = Setting::new("public_url");
/// # assert_eq!(PUBLIC_URL.key(), "public_url");
/// ```
#[derive(Debug)]
pub struct Setting<T> {
    key: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Setting<T> {
    /// The setting that is stored under `key`.
    pub const fn new(key: &'static str) -> Self {
        Self { key, value: PhantomData }
    }

    /// The key, for messages and lists.
    pub const fn key(&self) -> &'static str {
        self.key
    }
}

/// The value of a setting, if it was ever set.
///
/// [`Kind::Internal`](crate::error::Kind::Internal) when the stored JSON is not a `T`.
pub fn value<T: DeserializeOwned>(tx: &Tx, setting: &Setting<T>) -> Result<Option<T>> {
    let json: Option<String> = tx.optional("SELECT value FROM settings WHERE key = ?1", [setting.key], |row| row.get(0))?;
    json.map(|json| serde_json::from_str(&json)).transpose().map_err(|error| unreadable(setting.key, error))
}

/// Sets a setting; tells whether that changed anything.
pub fn set<T: Serialize>(tx: &Tx, setting: &Setting<T>, value: &T) -> Result<bool> {
    let json = serde_json::to_string(value).map_err(|error| unreadable(setting.key, error))?;
    let changed = tx.execute(
        "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        (setting.key, json),
    )?;
    Ok(changed > 0)
}

/// Forgets a setting, so that its default holds again; tells whether it was set.
pub fn forget<T>(tx: &Tx, setting: &Setting<T>) -> Result<bool> {
    Ok(tx.execute("DELETE FROM settings WHERE key = ?1", [setting.key])? > 0)
}

fn unreadable(key: &str, error: serde_json::Error) -> Error {
    Error::internal(format!("the setting `{key}` cannot be read or written as JSON"), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::error::Kind;
    use crate::store::tests::memory;

    const HOSTS: Setting<Vec<String>> = Setting::new("extra_hosts");
    const HOSTS_AS_NUMBER: Setting<u32> = Setting::new("extra_hosts");

    #[test]
    fn a_setting_reads_back_until_it_is_forgotten() {
        memory()
            .write_blocking(Timestamp::default(), |tx| {
                let hosts = vec![String::from("old.example.school")];
                assert_eq!(value(tx, &HOSTS)?, None);
                assert!(set(tx, &HOSTS, &hosts)?);
                assert!(!set(tx, &HOSTS, &hosts)?, "the same value again changes nothing");
                assert_eq!(value(tx, &HOSTS)?, Some(hosts));
                assert!(forget(tx, &HOSTS)?);
                assert_eq!(value(tx, &HOSTS)?, None);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_value_of_another_type_is_named_rather_than_guessed() {
        let refusal = memory()
            .write_blocking(Timestamp::default(), |tx| {
                set(tx, &HOSTS, &Vec::new())?;
                value(tx, &HOSTS_AS_NUMBER)
            })
            .unwrap_err();
        assert_eq!(refusal.kind, Kind::Internal);
        assert!(refusal.message.contains("`extra_hosts`"), "{refusal}");
    }
}
