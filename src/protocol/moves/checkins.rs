//! Files of check-ins: one property list or many, one after the other, as an export writes them.

use super::{Handed, Haul, MESSAGES_MAX, Unreadable};
use crate::protocol::plist;

/// What ends a property list that is XML.
const END: &[u8] = b"</plist>";

/// Whether the bytes begin as a check-in may.
pub fn is_check_ins(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    plist::is_binary(bytes) || text.starts_with(b"<?xml") || text.starts_with(b"<!DOCTYPE plist") || text.starts_with(b"<plist")
}

/// Takes a file of check-ins apart, those of devices before those of their users. What each of them says is not judged here.
pub fn read(bytes: &[u8]) -> Result<Haul, Unreadable> {
    if !is_check_ins(bytes) {
        return Err(Unreadable::Another(t!("this is no file of check-ins: it holds no property list")));
    }
    if plist::is_binary(bytes) {
        return Ok(Haul { messages: vec![Handed::of(bytes.to_vec(), None)], ..Haul::default() });
    }
    let (mut messages, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(END.len()).position(|window| window == END) {
        let (one, after) = rest.split_at(at + END.len());
        messages.push(Handed::of(one.trim_ascii_start().to_vec(), None));
        rest = after;
        if messages.len() > MESSAGES_MAX {
            return Err(Unreadable::TooMany);
        }
    }
    if !rest.trim_ascii().is_empty() {
        return Err(Unreadable::Damaged(t!("its last property list is cut off")));
    }
    // A users' message needs its device's: exports of others need not be in order.
    messages.sort_by_key(|handed| is_of_user(handed.message.expose()));
    Ok(Haul { messages, ..Haul::default() })
}

fn is_of_user(message: &[u8]) -> bool {
    crate::protocol::checkin::parse(message).is_ok_and(|checkin| checkin.ids.kind().is_user_channel())
}
