//! The accounts of a Mac that sets itself up: what the first person may do, and an administrator beside them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// Characters of an account's name, as macOS takes them.
pub const ACCOUNT_NAME_MAX_CHARS: usize = 31;

/// Characters of a name that people see.
pub const FULL_NAME_MAX_CHARS: usize = 100;

/// Names that macOS has for itself.
const TAKEN: [&str; 6] = ["root", "daemon", "nobody", "guest", "shared", "wheel"];

/// What the person may do who sets a Mac up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstUser {
    /// Everything, as without management.
    #[default]
    Administrator,
    /// What everybody may; there must be an administrator of ours.
    Regular,
    /// No account is made; there must be an administrator of ours.
    None,
}

/// How the accounts of a Mac are made while it is set up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MacAccounts {
    /// What the person may do who sets it up.
    pub first_user: FirstUser,
    /// Whether that account begins with the name of the person who has the Mac.
    pub named_after_person: bool,
    /// Whether that name cannot be changed.
    pub name_locked: bool,
    /// The account name of an administrator of ours, whose password each Mac has for itself; empty for none.
    pub admin_name: String,
    /// The name of that administrator that people see.
    pub admin_full_name: String,
    /// Whether lists of accounts leave that administrator out.
    pub admin_hidden: bool,
}

impl MacAccounts {
    /// Whether nothing differs from what a Mac does by itself.
    pub fn is_usual(&self) -> bool {
        self.first_user == FirstUser::Administrator && !self.named_after_person && self.admin_name.is_empty()
    }

    /// Refuses what a Mac would refuse, in words; tidies the rest. Fields are named as `mac_accounts.…`.
    pub fn checked(mut self) -> Result<Self> {
        let wrong = |field: &str, words: String| Err(Error::field(format!("mac_accounts.{field}"), words));
        self.admin_name = self.admin_name.trim().to_owned();
        self.admin_full_name = self.admin_full_name.trim().to_owned();
        if !self.admin_name.is_empty() && !is_account_name(&self.admin_name) {
            return wrong(
                "admin_name",
                t!(
                    "is at most {ACCOUNT_NAME_MAX_CHARS} small letters, digits, - and _, with a letter first, and none of macOS' own such as root",
                    ACCOUNT_NAME_MAX_CHARS
                ),
            );
        }
        if self.admin_full_name.chars().count() > FULL_NAME_MAX_CHARS || self.admin_full_name.chars().any(char::is_control) {
            return wrong("admin_full_name", t!("has at most {FULL_NAME_MAX_CHARS} letters, and no line breaks", FULL_NAME_MAX_CHARS));
        }
        if self.admin_name.is_empty() && self.first_user != FirstUser::Administrator {
            return wrong("admin_name", String::from(t!("is needed: without an administrator of yours, nobody could administer the Mac")));
        }
        if self.admin_name.is_empty() && (self.admin_hidden || !self.admin_full_name.is_empty()) {
            return wrong("admin_name", String::from(t!("is needed for an administrator")));
        }
        if self.name_locked && !self.named_after_person {
            return wrong("name_locked", String::from(t!("is for names that are given: have the account named after the person")));
        }
        if self.first_user == FirstUser::None && self.named_after_person {
            return wrong("named_after_person", String::from(t!("is for an account that is made; none is")));
        }
        Ok(self)
    }
}

/// Whether macOS takes this as the name of an account.
fn is_account_name(name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_');
    name.len() <= ACCOUNT_NAME_MAX_CHARS
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(is_part)
        && !TAKEN.contains(&name)
}

/// The account name that a person gets by their e-mail address: what stands before the `@`, as macOS takes it; none where nothing of it remains.
pub fn account_name(email: &str) -> Option<String> {
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    let kept = |letter: &char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_');
    let name: String = local.chars().filter(kept).skip_while(|first| !first.is_ascii_lowercase()).take(ACCOUNT_NAME_MAX_CHARS).collect();
    is_account_name(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(accounts: MacAccounts) -> String {
        accounts.checked().unwrap_err().fields.remove(0).field
    }

    #[test]
    fn accounts_that_a_mac_would_refuse_are_refused_with_the_field_named() {
        let of = |name: &str| MacAccounts { admin_name: name.into(), ..MacAccounts::default() };
        for name in ["root", "1st", "IT", "a b", "müller", "x".repeat(ACCOUNT_NAME_MAX_CHARS + 1).as_str(), "-a"] {
            assert_eq!(refused(of(name)), "mac_accounts.admin_name", "{name}");
        }
        for name in ["it", "it-desk_2", "x".repeat(ACCOUNT_NAME_MAX_CHARS).as_str(), "  it "] {
            assert_eq!(of(name).checked().unwrap().admin_name, name.trim());
        }
        assert_eq!(refused(MacAccounts { first_user: FirstUser::Regular, ..MacAccounts::default() }), "mac_accounts.admin_name");
        assert_eq!(refused(MacAccounts { admin_hidden: true, ..MacAccounts::default() }), "mac_accounts.admin_name");
        assert_eq!(refused(MacAccounts { name_locked: true, ..of("it") }), "mac_accounts.name_locked");
        assert_eq!(
            refused(MacAccounts { admin_full_name: "x".repeat(FULL_NAME_MAX_CHARS + 1), ..of("it") }),
            "mac_accounts.admin_full_name"
        );
        let nobody = MacAccounts { first_user: FirstUser::None, named_after_person: true, ..of("it") };
        assert_eq!(refused(nobody), "mac_accounts.named_after_person");
        assert!(MacAccounts::default().is_usual() && !of("it").is_usual());
    }

    #[test]
    fn a_persons_account_is_named_as_their_address_begins() {
        for (email, name) in [
            ("ada.lovelace@example.school", Some("adalovelace")),
            ("Grace_H@example.school", Some("grace_h")),
            ("1ada@example.school", Some("ada")),
            ("root@example.school", None),
            ("12@example.school", None),
            ("", None),
        ] {
            assert_eq!(account_name(email).as_deref(), name, "{email}");
        }
    }
}
