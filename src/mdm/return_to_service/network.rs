//! Wi-Fi profiles by which an erased device finds the network with nobody there: which there are, and whether one can do that.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::mdm::wanted::Target;
use crate::mdm::{commands, profiles, reconcile};
use crate::protocol::mobileconfig::{self, Payload, Profile};
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::secret::SecretBytes;
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, profiles as library};

/// Bytes of a Wi-Fi profile; with more, a command would become too large.
pub const MAX_BYTES: usize = 256 << 10;

/// Profiles of the library that are looked at.
const LOOKED_AT: u32 = 500;

/// The payload of a Wi-Fi network.
const WIFI: &str = "com.apple.wifi.managed";

/// A certificate with its key, which a network may ask for.
const PKCS12: &str = "com.apple.security.pkcs12";

/// What may stand beside a network: certificates that are there at once.
const BESIDE: [&str; 4] = [PKCS12, "com.apple.security.root", "com.apple.security.pkcs1", "com.apple.security.pem"];

/// EAP-TLS: the device shows a certificate.
const EAP_TLS: i64 = 13;

/// The field that says by which network a device comes back.
pub const FIELD: &str = "wifi_profile";

/// How a device gets onto the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Network {
    /// By its cable, or by its mobile plan.
    #[default]
    None,
    /// By a profile of the library, by its id.
    Library(String),
    /// By this profile.
    Given(Vec<u8>),
}

/// A network that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Its name.
    pub name: String,
    /// The profile.
    pub profile: SecretBytes,
}

/// A profile of the library with a Wi-Fi network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The profiles of the library that hold a Wi-Fi network and nothing that could not go with it, by name.
pub fn choices(tx: &Tx) -> Result<Vec<Choice>> {
    let mut choices = Vec::new();
    for profile in library::list(tx, None, LOOKED_AT)? {
        let Some(version) = library::version_of(tx, &profile.id, profile.version)? else { continue };
        let kinds = || version.facts.payloads.iter().map(|payload| payload.payload_type.as_str());
        if kinds().any(|kind| kind == WIFI) && kinds().all(|kind| kind == WIFI || BESIDE.contains(&kind)) && !version.facts.is_encrypted {
            choices.push(Choice { id: profile.id, name: profile.name });
        }
    }
    Ok(choices)
}

/// The network for a device, with its variables filled in and checked; none where it needs none.
pub(super) fn ready(tx: &Tx, enrollment: &Enrollment, device: &Device, network: &Network) -> Result<Option<Ready>> {
    let profile = match network {
        Network::None => return Ok(None),
        Network::Given(bytes) => bytes.clone(),
        Network::Library(id) => of_library(tx, enrollment, device, id)?,
    };
    check(&profile).map(|name| Some(Ready { name, profile: SecretBytes::new(profile) }))
}

fn of_library(tx: &Tx, enrollment: &Enrollment, device: &Device, id: &str) -> Result<Vec<u8>> {
    let gone = || Error::field(FIELD, t!("this profile is not in the library any more; choose another"));
    let profile = library::by_id(tx, id)?.ok_or_else(gone)?;
    let target = Target {
        enrollment_id: enrollment.id.clone(),
        device_id: device.id.clone(),
        capabilities: commands::capabilities_on(tx, enrollment, device)?,
        supported: None,
        variables: reconcile::variables(tx, device)?,
    };
    profiles::content(tx, id, profile.version, &target, None).map_err(|error| Error::field(FIELD, error.message.into_owned()))
}

/// Checks that a profile brings a device onto a Wi-Fi network with nobody there; gives the network's name.
///
/// # Errors
/// In words, at the field of the profile.
pub fn check(bytes: &[u8]) -> Result<String> {
    let refuse = |words: String| Error::field(FIELD, words);
    if bytes.is_empty() || bytes.len() > MAX_BYTES {
        return Err(refuse(t!("a Wi-Fi profile has from 1 byte to {max_bytes} KB", max_bytes = MAX_BYTES >> 10)));
    }
    let profile = mobileconfig::read(bytes).map_err(|error| refuse(error.to_string()))?;
    judge(&profile).map_err(refuse)
}

fn judge(profile: &Profile) -> Result<String, String> {
    if profile.is_encrypted {
        return Err(String::from(t!("it is encrypted for one device, and is not readable once that is erased")));
    }
    let other = profile.payloads.iter().find(|payload| payload.payload_type != WIFI && !BESIDE.contains(&payload.payload_type.as_str()));
    if let Some(payload) = other {
        let words = mobileconfig::payload_types::words(&payload.payload_type);
        return Err(t!("it holds more than Wi-Fi ({words}); take a profile with the network alone", words));
    }
    let certificates: BTreeMap<&str, &Payload> = profile.payloads.iter().map(|payload| (payload.uuid.as_str(), payload)).collect();
    let networks = profile.payloads.iter().filter(|payload| payload.payload_type == WIFI);
    let names = networks.map(|network| joined_alone(&network.keys, &certificates)).collect::<Result<Vec<_>, _>>()?;
    names.into_iter().next().ok_or_else(|| String::from(t!("it holds no Wi-Fi network")))
}

/// The name of a network that a device joins with nobody there, or why it does not.
fn joined_alone(keys: &Dictionary, certificates: &BTreeMap<&str, &Payload>) -> Result<String, String> {
    let Some(name) = fields::filled(keys, "SSID_STR") else { return Err(String::from(t!("its Wi-Fi network has no name (SSID)"))) };
    if fields::flag(keys, "AutoJoin") == Some(false) {
        return Err(t!("devices do not join “{name}” by themselves: its AutoJoin is off", name));
    }
    if let Some(eap) = fields::dictionary(keys, "EAPClientConfiguration") {
        signs_in_alone(&name, keys, eap, certificates)?;
    } else {
        let encryption = fields::text(keys, "EncryptionType").unwrap_or("Any");
        if !matches!(encryption, "None" | "Any") && fields::filled(keys, "Password").is_none() {
            return Err(t!("the password of “{name}” is not in it, and nobody is there to type it", name));
        }
    }
    Ok(name)
}

fn signs_in_alone(name: &str, keys: &Dictionary, eap: &Dictionary, certificates: &BTreeMap<&str, &Payload>) -> Result<(), String> {
    let identity = fields::filled(keys, "PayloadCertificateUUID");
    let kinds: Vec<i64> = fields::items(eap, "AcceptEAPTypes").iter().filter_map(Value::as_signed_integer).collect();
    if let Some(uuid) = &identity {
        return match certificates.get(uuid.as_str()) {
            Some(payload) if payload.payload_type == PKCS12 && fields::filled(&payload.keys, "Password").is_some() => Ok(()),
            Some(payload) if payload.payload_type == PKCS12 => {
                Err(t!("the certificate for “{name}” asks for its password, and nobody is there to type it", name))
            }
            _ => Err(t!("“{name}” wants a certificate that a device gets only when it is on the network; take another network", name)),
        };
    }
    if kinds.contains(&EAP_TLS) && kinds.len() == 1 {
        return Err(t!("“{name}” wants a certificate, and none is in the profile", name));
    }
    let says = |key: &str| fields::filled(eap, key).is_some();
    if says("UserName") && says("UserPassword") && fields::flag(eap, "OneTimeUserPassword") != Some(true) {
        return Ok(());
    }
    Err(t!("“{name}” asks for a name and a password, and nobody is there to type them; write both into the profile, or take another", name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist;

    /// A profile of these payloads, each a type with keys as plist XML.
    pub(in crate::mdm) fn profile(payloads: &[(&str, &str)]) -> Vec<u8> {
        let payload = |(at, (kind, keys)): (usize, &(&str, &str))| {
            format!(
                "<dict><key>PayloadType</key><string>{kind}</string><key>PayloadVersion</key><integer>1</integer>\
                 <key>PayloadIdentifier</key><string>school.example.{at}</string><key>PayloadUUID</key><string>UUID-{at}</string>{keys}</dict>"
            )
        };
        let payloads: String = payloads.iter().enumerate().map(payload).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string>\
             <key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>school.example.wifi</string>\
             <key>PayloadUUID</key><string>A-B</string><key>PayloadContent</key><array>{payloads}</array></dict></plist>"
        )
        .into_bytes()
    }

    const SSID: &str = "<key>SSID_STR</key><string>School</string><key>EncryptionType</key><string>WPA2</string>";

    #[test]
    fn a_network_is_taken_that_is_joined_with_nobody_there() {
        let with_password = format!("{SSID}<key>Password</key><string>chalk and slate</string>");
        assert_eq!(check(&profile(&[(WIFI, &with_password)])).unwrap(), "School");
        let by_name = format!(
            "{SSID}<key>EAPClientConfiguration</key><dict><key>AcceptEAPTypes</key><array><integer>25</integer></array>\
             <key>UserName</key><string>carts</string><key>UserPassword</key><string>x</string></dict>"
        );
        assert!(check(&profile(&[(WIFI, &by_name)])).is_ok());
        let certificate = "<key>PayloadCertificateUUID</key><string>UUID-1</string><key>EAPClientConfiguration</key><dict>\
                           <key>AcceptEAPTypes</key><array><integer>13</integer></array></dict>";
        let by_certificate = format!("{SSID}{certificate}");
        let identity = "<key>Password</key><string>x</string><key>PayloadContent</key><data>AAAA</data>";
        assert!(check(&profile(&[(WIFI, &by_certificate), (PKCS12, identity)])).is_ok());
        for (kind, keys, words) in [(PKCS12, "", "asks for its password"), ("com.apple.security.pem", "", "only when it is on the network")]
        {
            let refused = check(&profile(&[(WIFI, &by_certificate), (kind, keys)])).unwrap_err();
            assert!(refused.fields[0].message.contains(words), "{refused:?}");
        }
    }

    #[test]
    fn a_network_is_refused_that_needs_somebody_or_is_none() {
        let open_only_by_hand = format!("{SSID}<key>Password</key><string>x</string><key>AutoJoin</key><false/>");
        let asks =
            format!("{SSID}<key>EAPClientConfiguration</key><dict><key>AcceptEAPTypes</key><array><integer>25</integer></array></dict>");
        let full = format!("{SSID}<key>Password</key><string>x</string>");
        for (bytes, words) in [
            (profile(&[(WIFI, SSID)]), "password of “School” is not in it"),
            (profile(&[(WIFI, &open_only_by_hand)]), "AutoJoin is off"),
            (profile(&[(WIFI, &asks)]), "asks for a name and a password"),
            (profile(&[(WIFI, "")]), "has no name"),
            (profile(&[("com.apple.security.root", "")]), "no Wi-Fi network"),
            (profile(&[(WIFI, &full), ("com.apple.security.scep", "")]), "holds more than Wi-Fi"),
            (b"no profile".to_vec(), "no profile"),
            (vec![b' '; MAX_BYTES + 1], "256 KB"),
        ] {
            let refused = check(&bytes).unwrap_err();
            assert!(refused.fields[0].field == FIELD && refused.fields[0].message.contains(words), "{words}: {refused:?}");
        }
        assert!(plist::parse_dictionary(&profile(&[])).is_ok());
    }
}
