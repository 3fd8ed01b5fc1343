//! Accounts that a Mac makes in Setup Assistant: the first person's, and an administrator of the server's.

use super::super::Device;
use super::super::values::dict;
use super::{Answer, Command};
use crate::protocol::plist::{self, Dictionary, Value, fields};

/// Where a Mac tells which administrators it made.
const MADE: &str = "AutoSetupAdminAccounts";

/// Bytes of a password's hash.
const ENTROPY_BYTES: usize = 128;

impl Device {
    /// AccountConfiguration: only while the Mac waits in Setup Assistant.
    pub(super) fn account_configuration(&mut self, command: &Command) -> Answer {
        if !self.situation.awaiting_configuration {
            return Answer::refused(12008, "Accounts are set up in Setup Assistant only.");
        }
        let admin = fields::dictionaries(&command.body, MADE).next();
        let flag = |key: &str| fields::flag(&command.body, key).unwrap_or_default();
        if admin.is_none() && (flag("SkipPrimarySetupAccountCreation") || flag("SetPrimarySetupAccountAsRegularUser")) {
            return Answer::refused(12008, "Without an administrator of the server's, the first person has to be one.");
        }
        let Some(admin) = admin else { return Answer::done() };
        let (Some(name), Some(hash)) = (fields::filled(admin, "shortName"), hash_of(admin)) else {
            return Answer::refused(12008, "The administrator has no name, or no password that can be read.");
        };
        let guid = uuid::Builder::from_random_bytes(self.random.bytes()).into_uuid().to_string().to_uppercase();
        let made = dict([("GUID", Value::from(guid)), ("shortName", Value::from(name))]);
        self.situation.other.insert(MADE.into(), Value::Array(vec![made]));
        self.situation.admin_hash = Some(hash);
        Answer::done()
    }

    /// SetAutoAdminPassword: of the administrator that was made.
    pub(super) fn set_auto_admin_password(&mut self, command: &Command) -> Answer {
        let made = self.situation.stored(MADE);
        let admin = made.as_ref().and_then(Value::as_array).and_then(|admins| admins.first()).and_then(Value::as_dictionary);
        let guid = admin.and_then(|admin| fields::text(admin, "GUID"));
        if guid.is_none() || guid != fields::text(&command.body, "GUID") {
            return Answer::refused(12071, "There is no such administrator.");
        }
        let Some(hash) = hash_of(&command.body) else { return Answer::refused(12008, "The password cannot be read.") };
        self.situation.admin_hash = Some(hash);
        Answer::done()
    }
}

/// The hash of a password, where it is one that a Mac takes.
fn hash_of(keys: &Dictionary) -> Option<Vec<u8>> {
    let read = plist::parse_dictionary(fields::data(keys, "passwordHash")?).ok()?;
    let hash = fields::dictionary(&read, "SALTED-SHA512-PBKDF2")?;
    let (entropy, salt) = (fields::data(hash, "entropy")?, fields::data(hash, "salt")?);
    let rounds = hash.get("iterations").and_then(Value::as_unsigned_integer)?;
    (entropy.len() == ENTROPY_BYTES && !salt.is_empty() && rounds > 0).then(|| entropy.to_vec())
}
