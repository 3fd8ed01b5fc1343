//! Who acts, and what each role may do: one table, asked by every room.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// What a person or a token was made for, from the most to the least powerful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, secrets and other people's roles included.
    Owner,
    /// Everything but owners and their secrets.
    Admin,
    /// Daily work with devices: questions, restarts, locks of what is no Mac, Lost Mode, updates; no erase, no profiles or apps, no settings.
    Helper,
    /// Own classes only, for a limited time.
    Teacher,
    /// Looks, changes nothing.
    Viewer,
}

impl Role {
    /// Every role, from the most to the least powerful.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Helper, Self::Teacher, Self::Viewer];

    /// The word that the database, the API and the command line use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Helper => "helper",
            Self::Teacher => "teacher",
            Self::Viewer => "viewer",
        }
    }

    /// The word for people.
    pub fn said(self) -> &'static str {
        match self {
            Self::Owner => t!("owner"),
            Self::Admin => t!("admin"),
            Self::Helper => t!("helper"),
            Self::Teacher => t!("teacher"),
            Self::Viewer => t!("viewer"),
        }
    }

    /// Reads the word that [`Role::as_str`] writes.
    pub fn parse(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| Error::field("role", t!("there is no role `{word}`; take owner, admin, helper, teacher or viewer", word)))
    }

    /// Whether the role has a right: the one table.
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::View => self != Self::Teacher,
            Right::Teach => self != Self::Viewer,
            Right::Invite | Right::Command => matches!(self, Self::Owner | Self::Admin | Self::Helper),
            Right::Destroy | Right::Configure | Right::Log => matches!(self, Self::Owner | Self::Admin),
            Right::Govern | Right::Reveal => self == Self::Owner,
        }
    }
}

/// What a room's verb asks for before it does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// See devices, commands and states.
    View,
    /// See classes and start a focus in them; a teacher in their own.
    Teach,
    /// Make and withdraw invitations.
    Invite,
    /// Send commands that lose nothing, and cancel them.
    Command,
    /// Erase, lock with a PIN, retire and delete devices.
    Destroy,
    /// Push certificates, webhooks, settings, and what devices are given: profiles, apps, declarations.
    Configure,
    /// Read the audit log.
    Log,
    /// People who log in, tokens, authorities.
    Govern,
    /// See or purge a secret held for a device.
    Reveal,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 9] =
        [Self::View, Self::Teach, Self::Invite, Self::Command, Self::Destroy, Self::Configure, Self::Log, Self::Govern, Self::Reveal];

    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Teach => "teach",
            Self::Invite => "invite",
            Self::Command => "command",
            Self::Destroy => "destroy",
            Self::Configure => "configure",
            Self::Log => "log",
            Self::Govern => "govern",
            Self::Reveal => "reveal",
        }
    }

    /// What it lets one do, in words.
    pub fn deed(self) -> &'static str {
        match self {
            Self::View => t!("see devices"),
            Self::Teach => t!("see classes and start a focus in them"),
            Self::Invite => t!("invite devices"),
            Self::Command => t!("send commands"),
            Self::Destroy => t!("erase, retire or delete devices, or lock a Mac"),
            Self::Configure => t!("change settings and what devices are given"),
            Self::Log => t!("read the audit log"),
            Self::Govern => t!("manage people and tokens"),
            Self::Reveal => t!("see secrets held for devices"),
        }
    }

    /// The roles that have it, in words: "owner or admin".
    pub fn roles(self) -> String {
        let roles: Vec<_> = Role::ALL.into_iter().filter(|role| role.may(self)).map(Role::said).collect();
        roles.join(t!(" or "))
    }
}

/// Who acts in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person with a session.
    Person {
        /// The admin's id.
        id: String,
        /// The name they log in with.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// A script with an API token.
    Token {
        /// The token's id.
        id: String,
        /// The token's name.
        name: String,
        /// What it may do.
        role: Role,
    },
    /// A device or a user on it, speaking the device protocol.
    Device {
        /// The enrollment's Nano id, or the certificate's fingerprint before there is one.
        name: String,
    },
    /// Work whose due time has come.
    Job(&'static str),
    /// The command line on this machine, through the data folder: an Owner.
    Console,
}

impl Actor {
    /// The role that decides; devices have none.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Person { role, .. } | Self::Token { role, .. } => Some(*role),
            Self::Job(_) | Self::Console => Some(Role::Owner),
            Self::Device { .. } => None,
        }
    }

    /// Refuses what the actor's role may not do, in words.
    pub fn require(&self, right: Right) -> Result<()> {
        if self.may(right) {
            return Ok(());
        }
        Err(Error::forbidden(t!("{self} may not {deed}; that takes the role {roles}.", self, deed = right.deed(), roles = right.roles())))
    }

    /// Tells whether the actor may do it, for pages that hide what would be refused.
    pub fn may(&self, right: Right) -> bool {
        self.role().is_some_and(|role| role.may(right))
    }

    /// The kind as the events table spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::Token { .. } => "token",
            Self::Device { .. } => "device",
            Self::Job(_) => "job",
            Self::Console => "console",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { name, role, .. } => write!(f, "{name} ({})", role.as_str()),
            Self::Token { name, role, .. } => write!(f, "token {name} ({})", role.as_str()),
            Self::Device { name } => f.write_str(name),
            Self::Job(name) => f.write_str(name),
            Self::Console => f.write_str("console"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role) -> Actor {
        Actor::Person { id: "1".into(), name: "kim".into(), role }
    }

    #[test]
    fn each_role_may_what_its_row_says() {
        let table = [
            (Right::View, "owner admin helper viewer"),
            (Right::Teach, "owner admin helper teacher"),
            (Right::Invite, "owner admin helper"),
            (Right::Command, "owner admin helper"),
            (Right::Destroy, "owner admin"),
            (Right::Configure, "owner admin"),
            (Right::Log, "owner admin"),
            (Right::Govern, "owner"),
            (Right::Reveal, "owner"),
        ];
        for (right, roles) in table {
            for role in Role::ALL {
                assert_eq!(person(role).may(right), roles.split(' ').any(|name| name == role.as_str()), "{role:?} {right:?}");
            }
        }
    }

    #[test]
    fn a_device_may_nothing_that_people_may() {
        let device = Actor::Device { name: "TESTSN0001".into() };
        assert!(!device.may(Right::View));
    }

    #[test]
    fn a_refusal_says_which_role_it_takes() {
        let refusal = person(Role::Viewer).require(Right::Destroy).unwrap_err();
        assert_eq!(
            refusal.message,
            "kim (viewer) may not erase, retire or delete devices, or lock a Mac; that takes the role owner or admin."
        );
    }
}
