//! The server token as Apple's portal gives it: encrypted mail to our certificate, in which a message stands, in which JSON stands.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language::say;
use crate::pki::dropped::{self, Place};
use crate::protocol::apps_and_books::moment;
use crate::secret::{Secret, SecretBytes};

/// Bytes of a file that is looked at; real ones stay below 4 kB.
pub const TOKEN_MAX_BYTES: usize = 128 * 1024;

/// The lines around the JSON.
const BEGIN: &str = "-----BEGIN MESSAGE-----";
const END: &str = "-----END MESSAGE-----";

/// What signs requests for a session.
#[derive(Debug, Clone)]
pub struct ServerToken {
    /// The client's name.
    pub consumer_key: String,
    /// The client's secret.
    pub consumer_secret: Secret<String>,
    /// The token's name.
    pub access_token: String,
    /// The token's secret.
    pub access_secret: Secret<String>,
    /// Its end, a year after it was made.
    pub expires_at: Timestamp,
}

/// As JSON spells it.
#[derive(Serialize, Deserialize)]
struct Inside {
    consumer_key: String,
    consumer_secret: String,
    access_token: String,
    access_secret: String,
    access_token_expiry: String,
}

impl ServerToken {
    /// Reads what the file held once it was opened: a mail with the message in it, the message, or the JSON alone.
    pub fn read(opened: &[u8]) -> Result<Self> {
        let wrong = || {
            Error::bad_input(t!(
                "This file could be opened, but no server token stands in it. {where_to_find_it}",
                where_to_find_it = say(WHERE)
            ))
        };
        let text = Secret::new(String::from_utf8_lossy(opened).into_owned());
        let inside = text.expose().split_once(BEGIN).map_or(text.expose().as_str(), |(_, rest)| rest);
        let inside = inside.split_once(END).map_or(inside, |(json, _)| json);
        let json = inside.find('{').and_then(|begin| inside.rfind('}').and_then(|end| inside.get(begin..=end))).ok_or_else(wrong)?;
        // Apple's line breaks fall into the middle of values.
        let json = Secret::new(json.replace(['\r', '\n'], ""));
        let inside: Inside = serde_json::from_str(json.expose()).map_err(|_| wrong())?;
        let parts = [&inside.consumer_key, &inside.consumer_secret, &inside.access_token, &inside.access_secret];
        if parts.iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        let expires_at = moment(&inside.access_token_expiry)
            .ok_or_else(|| Error::bad_input(t!("The end of this server token cannot be read. Download it once more.")))?;
        Ok(Self {
            consumer_key: inside.consumer_key,
            consumer_secret: Secret::new(inside.consumer_secret),
            access_token: inside.access_token,
            access_secret: Secret::new(inside.access_secret),
            expires_at,
        })
    }

    /// The JSON, to be kept and for stand-ins.
    pub fn to_json(&self) -> SecretBytes {
        let inside = Inside {
            consumer_key: self.consumer_key.clone(),
            consumer_secret: self.consumer_secret.expose().clone(),
            access_token: self.access_token.clone(),
            access_secret: self.access_secret.expose().clone(),
            access_token_expiry: self.expires_at.to_string(),
        };
        // A structure of strings is always JSON.
        SecretBytes::new(serde_json::to_vec(&inside).unwrap_or_default())
    }

    /// The mail that the portal encrypts: for stand-ins and tests.
    pub fn to_mail(&self) -> SecretBytes {
        let json = self.to_json();
        let mut mail = String::from("Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
        // Writing to a string does not fail.
        let _ = write!(mail, "{BEGIN}\r\n{}\r\n{END}\r\n", String::from_utf8_lossy(json.expose()));
        SecretBytes::new(mail.into_bytes())
    }
}

/// Where the right file comes from.
pub(super) const WHERE: &str = msg!(
    "In Apple School Manager or Apple Business, open Preferences, Device Management Services, choose the server, and download \
                                its token: a file that ends in .p7m."
);

impl ServerToken {
    /// Names what was brought in place of a server token.
    pub fn mistaken(file: &[u8]) -> Error {
        let holds = |needle: &str| file.windows(needle.len()).any(|window| window == needle.as_bytes());
        let wanted = t!("Here the server token of Automated Device Enrollment is needed.");
        let what = if file.is_empty() {
            String::from(t!("This is empty."))
        } else if let Some(named) = dropped::foreign(file, Place::DeviceLists).filter(|named| named.place.is_some()) {
            format!("{} {wanted}", named.sentences())
        } else if file.len() > TOKEN_MAX_BYTES {
            String::from(t!("This is too large to be a server token."))
        } else if holds(BEGIN) || holds("consumer_key") {
            String::from(t!("This is what stands inside a server token, already opened. The file itself is needed, as it was downloaded."))
        } else if holds("PRIVATE KEY") {
            String::from(t!("This is a private key. It is not needed here: this appliance has its own, which never leaves it."))
        } else if holds("-----BEGIN CERTIFICATE-----") {
            String::from(t!(
                "This is a certificate, perhaps the public key that was downloaded here. It belongs into Apple's portal, which gives the token for it."
            ))
        } else {
            format!("{}{wanted}", dropped::sentences(file, Place::DeviceLists))
        };
        Error::bad_input(format!("{what} {WHERE}"))
    }

    /// Says that a token was encrypted to another key than ours.
    pub fn for_another_key() -> Error {
        Error::bad_input(t!(
            "Apple encrypted this token to another key than this server's. In Apple's portal, upload the public key that is downloaded here \
             for this server, save, and download the token once more."
        ))
    }

    /// Says that a token is damaged.
    pub fn damaged(why: &str) -> Error {
        Error::bad_input(t!("This token is damaged ({why}). Download it once more, and bring the file as it is.", why))
    }
}
