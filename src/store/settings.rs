//! Settings that an admin can change while the server runs: typed values under fixed keys.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result};
use crate::secret::SecretBytes;
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

/// The value of a setting that is sealed, if it was ever set.
pub fn secret(tx: &Tx, setting: &Setting<SecretBytes>) -> Result<Option<SecretBytes>> {
    let Some(text) = value(tx, &Setting::<String>::new(setting.key))? else { return Ok(None) };
    let sealed = STANDARD.decode(text).map_err(|error| Error::internal(format!("the setting `{}` is damaged", setting.key), error))?;
    tx.open(&place(setting.key), &sealed).map(Some)
}

/// Sets a setting that is sealed.
pub fn set_secret(tx: &Tx, setting: &Setting<SecretBytes>, value: &SecretBytes) -> Result<()> {
    let sealed = tx.seal(&place(setting.key), value.expose())?;
    set(tx, &Setting::<String>::new(setting.key), &STANDARD.encode(sealed)).map(drop)
}

/// Sealed when the database is made, so that a key that does not belong to it is noticed at the start and not at the first secret.
const SEAL_CHECK: Setting<SecretBytes> = Setting::new("seal_check");

/// Refuses a sealing key that is not this database's.
pub(in crate::store) fn check_seal(tx: &Tx) -> Result<()> {
    match secret(tx, &SEAL_CHECK) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => set_secret(tx, &SEAL_CHECK, &SecretBytes::new(b"rollcall".to_vec())),
        Err(error) if error.kind == Kind::Internal => {
            let message = "seal.key is not the one that belongs to this database: put back the one from the same backup";
            Err(Error::bad_input(message).caused_by(error))
        }
        Err(error) => Err(error),
    }
}

fn place(key: &str) -> String {
    format!("settings.value/{key}")
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
    fn a_sealed_setting_is_not_readable_in_the_file() {
        const KEY: Setting<SecretBytes> = Setting::new("webhook_key");
        memory()
            .write_blocking(Timestamp::default(), |tx| {
                let key = SecretBytes::new(b"open sesame".to_vec());
                assert_eq!(secret(tx, &KEY)?, None);
                set_secret(tx, &KEY, &key)?;
                assert_eq!(secret(tx, &KEY)?, Some(key));
                let stored = value(tx, &Setting::<String>::new("webhook_key"))?.unwrap_or_default();
                assert!(!STANDARD.decode(stored).unwrap().windows(4).any(|window| window == b"open"));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_sealing_key_of_another_database_is_refused_at_the_start() {
        use crate::pki::seal::{KEY_BYTES, Sealer};
        use crate::store::{OpenOptions, Store};

        let folder = tempfile::tempdir().unwrap();
        let open = |byte| Store::open(OpenOptions::file(folder.path().join("rollcall.db"), Sealer::from_key(&[byte; KEY_BYTES]).unwrap()));
        drop(open(1).unwrap());
        let refusal = open(2).unwrap_err();
        assert!(refusal.message.contains("put back the one from the same backup"), "{refusal}");
        open(1).unwrap();
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
