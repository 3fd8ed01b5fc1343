//! Profiles that are made here: what stands around a payload, and UUIDs that the same content always gets.

use uuid::Uuid;

use crate::pki::digest::sha256;
use crate::protocol::plist::{Dictionary, Value};

/// The keys that every payload has, and the profile itself as `Configuration`.
pub(in crate::mdm) fn envelope(payload_type: &str, identifier: &str, uuid: &str, name: &str) -> Dictionary {
    let mut keys = Dictionary::new();
    for (key, value) in [
        ("PayloadType", Value::from(payload_type)),
        ("PayloadVersion", Value::Integer(1.into())),
        ("PayloadIdentifier", Value::from(identifier)),
        ("PayloadUUID", Value::from(uuid)),
        ("PayloadDisplayName", Value::from(name)),
    ] {
        keys.insert(key.to_owned(), value);
    }
    keys
}

/// The UUID that the content `seed` always gets, in upper case as Apple writes them; `which` tells apart those of one content.
pub(in crate::mdm) fn uuid_of(seed: &[u8], which: u8) -> String {
    let digest = sha256(&[seed, &[which]].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}
