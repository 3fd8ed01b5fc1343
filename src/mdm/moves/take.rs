//! Takes what a storage or an export of another server holds, message by message: what cannot be taken is named and keeps nothing else back.

use std::cell::RefCell;

use crate::error::{Error, Kind, Result};
use crate::mdm::checkin::{Handed, MovedIn, hand_over};
use crate::mdm::{Actor, Right};
use crate::pki::certificate::Fingerprint;
use crate::protocol::checkin::{self, CheckIn};
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::moves::MovedFrom;

/// Messages in one go.
pub const MESSAGES_MAX: usize = 500;

/// A message with the certificate that the other server knew its device by.
#[derive(Debug, Clone)]
pub struct Message {
    /// The property list.
    pub body: SecretBytes,
    /// The certificate's SHA-256.
    pub identity: Option<Fingerprint>,
}

/// What became of one message.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The enrollment that it is of, where that can be read.
    pub id: String,
    /// Its kind, where that can be read.
    pub message_type: String,
    /// What became of it, or why it was not taken.
    pub outcome: Result<MovedIn, String>,
}

/// Takes messages in their order; with `check` it only says what would become of them.
pub fn take(tx: &Tx, actor: &Actor, source: MovedFrom, messages: &[Message], check: bool) -> Result<Vec<Taken>> {
    actor.require(Right::Configure)?;
    if messages.len() > MESSAGES_MAX {
        return Err(Error::field("messages", t!("at most {MESSAGES_MAX} in one request", MESSAGES_MAX)));
    }
    if !check {
        return each(tx, actor, source, messages);
    }
    let seen = RefCell::new(Vec::new());
    let undone = tx.attempt(|tx| {
        seen.replace(each(tx, actor, source, messages)?);
        Err::<(), _>(Error::conflict(t!("only looked")))
    })?;
    match undone {
        Err(error) if error.kind != Kind::Conflict => Err(error),
        _ => Ok(seen.into_inner()),
    }
}

fn each(tx: &Tx, actor: &Actor, source: MovedFrom, messages: &[Message]) -> Result<Vec<Taken>> {
    messages.iter().map(|message| one(tx, actor, source, message)).collect()
}

fn one(tx: &Tx, actor: &Actor, source: MovedFrom, message: &Message) -> Result<Taken> {
    let said: CheckIn = match checkin::parse(message.body.expose()) {
        Ok(said) => said,
        Err(malformed) => {
            let id = CheckIn::sender(message.body.expose()).map(|ids| ids.nano_id().to_string()).unwrap_or_default();
            return Ok(Taken { id, message_type: String::new(), outcome: Err(malformed.to_string()) });
        }
    };
    let handed = Handed { checkin: &said, source, identity: message.identity };
    let outcome = match tx.attempt(|tx| hand_over(tx, actor, &handed))? {
        Ok(outcome) => Ok(outcome),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => Err(error.message.into_owned()),
        Err(error) => return Err(error),
    };
    Ok(Taken { id: said.ids.nano_id().to_string(), message_type: said.message.message_type().to_owned(), outcome })
}
