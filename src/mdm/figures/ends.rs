//! What monitors count down to: certificates and tokens, each with its name.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::{Tx, ade_servers, authorities, content_tokens, push_certificates};

/// What it is that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A push certificate; its name is the topic.
    Push,
    /// A certificate authority of our own that issues or will.
    Authority,
    /// A server token of Apple's device list.
    DeviceEnrollment,
    /// A content token of Apps and Books.
    AppsAndBooks,
}

impl Kind {
    /// The word for it in figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Authority => "authority",
            Self::DeviceEnrollment => "device_enrollment",
            Self::AppsAndBooks => "apps_and_books",
        }
    }
}

/// Something that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What it is.
    pub kind: Kind,
    /// Its name among those of its kind.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// Everything that ends; what belongs to the practice classroom is left out.
pub(super) fn all(tx: &Tx) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for certificate in push_certificates::all(tx)?.into_iter().filter(|certificate| !certificate.practice) {
        ends.push(End { kind: Kind::Push, name: certificate.topic, at: certificate.not_after_at });
    }
    for (name, authority) in [("current", authorities::current(tx)?), ("next", authorities::upcoming(tx)?)] {
        ends.extend(authority.map(|authority| End { kind: Kind::Authority, name: name.to_owned(), at: authority.not_after_at }));
    }
    for server in ade_servers::all(tx)?.into_iter().filter(|server| !server.practice) {
        let name = server.name;
        ends.extend(server.expires_at.map(|at| End { kind: Kind::DeviceEnrollment, name, at }));
    }
    for token in content_tokens::all(tx)?.into_iter().filter(|token| !token.practice) {
        ends.push(End { kind: Kind::AppsAndBooks, name: token.name().to_owned(), at: token.expires_at });
    }
    Ok(ends)
}
