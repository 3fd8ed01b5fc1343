//! Tokens by which a device proves to Apple whose it is, when somebody logs in there with an account that the organisation manages (`com.apple.maid`).

use serde_json::json;

use crate::error::{Error, Result};
use crate::pki::jws::sign_token;
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;
use crate::store::ade_servers::{self, AdeServer};
use crate::store::{Tx, ade_devices, devices};

/// What such a token is for.
pub const SERVICE: &str = "com.apple.maid";

/// A token for a device: signed by the key whose public part Apple has, in the name of the server on whose list the device stands. Where it stands on
/// none, or came otherwise, the only server that there is speaks for it.
///
/// # Errors
/// Bad input where no server of Apple's list can vouch.
pub fn token(tx: &Tx, device_id: &str) -> Result<SecretBytes> {
    let none = || Error::bad_input(t!("No server token of Apple's device list is here that could vouch for this device."));
    let serial = devices::by_id(tx, device_id)?.and_then(|device| device.serial_number);
    let listed = match serial {
        Some(serial) => ade_devices::by_serial(tx, &serial)?.filter(|known| known.device.gone_at.is_none()).map(|known| known.server),
        None => None,
    };
    let server = match listed {
        Some(server) => server,
        None => only(ade_servers::all(tx)?).ok_or_else(none)?,
    };
    let key = ade_servers::key(tx, &server.id)?.filter(|_| !server.server_uuid.is_empty()).ok_or_else(none)?;
    let key = PrivateKey::from_pem(key.expose(), None)?;
    let claims = json!({
        "iss": server.server_uuid,
        "iat": tx.now.seconds(),
        "jti": tx.random().uuid_v4().to_string(),
        "service_type": SERVICE,
    });
    Ok(SecretBytes::new(sign_token(&key, claims.to_string().as_bytes())?.into_bytes()))
}

fn only(servers: Vec<AdeServer>) -> Option<AdeServer> {
    let mut known = servers.into_iter().filter(|server| !server.server_uuid.is_empty() && !server.practice);
    let first = known.next();
    if known.next().is_some() { None } else { first }
}
