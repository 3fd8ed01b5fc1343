//! Apple is told where devices ask for their server by an account, so that those find it (iOS 18.2, macOS 15.2) whose domain does not say.

use serde_json::json;

use super::ACTOR;
use super::plan::REFUSED_WAIT;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::journal::{self, Subject};
use crate::protocol::ade::{Account, Surroundings, paths};
use crate::store::Tx;
use crate::store::ade_servers::{self, AdeServer};

/// What Apple is to be told now: an address, or nothing any more as `""`; none where it knows what it should, or offers no such thing.
pub(super) fn missing(server: &AdeServer, around: &Surroundings, now: Timestamp) -> Option<String> {
    let is_open = server.discovery_due_at.is_none_or(|due| due <= now);
    (differs(server, around) && is_open).then(|| around.discovery_url.clone())
}

/// When it is to be told next; none where there is nothing to tell.
pub(super) fn due(server: &AdeServer, around: &Surroundings, now: Timestamp) -> Option<Timestamp> {
    differs(server, around).then(|| server.discovery_due_at.unwrap_or(now))
}

fn differs(server: &AdeServer, around: &Surroundings) -> bool {
    server.discovery_url != around.discovery_url && Account::from_json(&server.account).offers(paths::DISCOVERY)
}

/// Takes what Apple said to it: nothing, or why it does not take the address.
pub(super) fn told(tx: &Tx, server: &mut AdeServer, url: &str, came: std::result::Result<(), &str>) -> Result<()> {
    match came {
        Ok(()) => {
            (server.discovery_url, server.discovery_problem, server.discovery_due_at) = (url.to_owned(), String::new(), None);
            let data = json!({ "server": server.id, "name": server.name, "address": url });
            journal::note(tx, &ACTOR, "ade.discovery_told", Subject::default(), data)?;
        }
        Err(words) => {
            words.clone_into(&mut server.discovery_problem);
            server.discovery_due_at = Some(tx.now.plus(REFUSED_WAIT));
        }
    }
    ade_servers::update(tx, server)
}
