//! Commands about Setup Assistant, accounts and users.

use uuid::Uuid;

use super::{Command, dictionary};
use crate::error::Result;
use crate::pki::mac_password::MacPassword;
use crate::protocol::plist::{self, Value};
use crate::secret::SecretBytes;

/// Lets a device go on that waits in Setup Assistant; without it, it waits for ever.
pub fn device_configured(uuid: Uuid) -> Command {
    Command::new(uuid, "DeviceConfigured")
}

/// Lets a user of a Shared iPad go on who waits in Setup Assistant.
pub fn user_configured(uuid: Uuid) -> Command {
    Command::new(uuid, "UserConfigured")
}

/// What a Mac is told of a password, never the password itself: a plist within the command.
pub fn password_hash(hash: &MacPassword) -> Result<SecretBytes> {
    let parts = dictionary([
        ("entropy", Some(Value::Data(hash.entropy.clone()))),
        ("salt", Some(Value::Data(hash.salt.clone()))),
        ("iterations", Some(Value::from(u64::from(hash.iterations)))),
    ]);
    Ok(SecretBytes::new(plist::to_xml(&dictionary([("SALTED-SHA512-PBKDF2", Some(parts))]))?))
}

/// An administrator that Setup Assistant makes on a Mac.
#[derive(Debug, Clone)]
pub struct AdminAccount {
    /// The account's name.
    pub short_name: String,
    /// The name that people see.
    pub full_name: Option<String>,
    /// A plist with the salted PBKDF2 hash of the password.
    pub password_hash: SecretBytes,
    /// Whether the account is left out of lists of users.
    pub hidden: bool,
}

/// What Setup Assistant makes of the first user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrimaryAccount {
    /// An administrator, as usual.
    #[default]
    Administrator,
    /// A user without rights; there must be an [`AdminAccount`].
    Regular,
    /// None at all; there must be an [`AdminAccount`].
    Skipped,
}

/// How a Mac that waits in Setup Assistant sets up its accounts.
#[derive(Debug, Clone, Default)]
pub struct AccountConfiguration {
    /// An administrator to make.
    pub admin: Option<AdminAccount>,
    /// What becomes of the first user.
    pub primary: PrimaryAccount,
    /// The first user's full name (macOS 10.15).
    pub primary_full_name: Option<String>,
    /// The first user's account name (macOS 10.15).
    pub primary_user_name: Option<String>,
    /// Whether the user may not change these names (macOS 10.15).
    pub lock_primary_info: Option<bool>,
    /// The user that user commands go to (macOS 11).
    pub managed_user: Option<String>,
}

/// Sets up the accounts of a Mac that waits in Setup Assistant.
pub fn account_configuration(uuid: Uuid, accounts: AccountConfiguration) -> Command {
    let admin = accounts.admin.map(|admin| {
        Value::Array(vec![dictionary([
            ("shortName", Some(Value::String(admin.short_name))),
            ("fullName", admin.full_name.map(Value::String)),
            ("passwordHash", Some(Value::Data(admin.password_hash.expose().clone()))),
            ("hidden", Some(Value::Boolean(admin.hidden))),
        ])])
    });
    Command::new(uuid, "AccountConfiguration")
        .with("SkipPrimarySetupAccountCreation", accounts.primary == PrimaryAccount::Skipped)
        .with("SetPrimarySetupAccountAsRegularUser", accounts.primary == PrimaryAccount::Regular)
        .with_some("PrimaryAccountFullName", accounts.primary_full_name)
        .with_some("PrimaryAccountUserName", accounts.primary_user_name)
        .with_some("LockPrimaryAccountInfo", accounts.lock_primary_info)
        .with_some("AutoSetupAdminAccounts", admin)
        .with_some("ManagedLocalUserShortName", accounts.managed_user)
}

/// Sets the password of the administrator that Setup Assistant made; `guid` is in DeviceInformation's AutoSetupAdminAccounts.
pub fn set_auto_admin_password(uuid: Uuid, guid: &str, password_hash: &SecretBytes) -> Command {
    Command::new(uuid, "SetAutoAdminPassword").with("GUID", guid).with("passwordHash", Value::Data(password_hash.expose().clone()))
}

/// Asks for the users of a Mac or Shared iPad.
pub fn user_list(uuid: Uuid) -> Command {
    Command::new(uuid, "UserList")
}

/// Deletes a user, even one with data that is not synced yet where `force`.
pub fn delete_user(uuid: Uuid, user_name: &str, force: bool) -> Command {
    Command::new(uuid, "DeleteUser").with("UserName", user_name).with("ForceDeletion", force)
}

/// Deletes every user of a Shared iPad (iPadOS 14), even with data that is not synced yet where `force`; else none is deleted where any has such data.
pub fn delete_all_users(uuid: Uuid, force: bool) -> Command {
    Command::new(uuid, "DeleteUser").with("DeleteAllUsers", true).with("ForceDeletion", force)
}

/// Logs the user of a Shared iPad out.
pub fn log_out_user(uuid: Uuid) -> Command {
    Command::new(uuid, "LogOutUser")
}

/// Lets a Mac's user try again who mistyped the password too often.
pub fn unlock_user_account(uuid: Uuid, user_name: &str) -> Command {
    Command::new(uuid, "UnlockUserAccount").with("UserName", user_name)
}
