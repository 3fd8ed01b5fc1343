//! Reads MicroMDM's database: its devices and their users, its authority, its push certificate, its enrollment profile.

use std::collections::{HashMap, HashSet};

use super::bolt::Bolt;
use super::protobuf::Fields;
use super::write::{self, Facts, Sender, Tokens};
use super::{Handed, Haul, MESSAGES_MAX, PushPair, Unreadable, digest, filled, secret};
use crate::pki::unhex;
use crate::protocol::ids::EnrollmentKind;
use crate::secret::SecretBytes;

/// PayloadIdentifier of MicroMDM's enrollment profile.
pub const PROFILE: &str = "com.github.micromdm.micromdm.enroll";

/// Where an enrollment can be pushed to, by UDID or UserID.
struct PushInfo<'a> {
    token: Vec<u8>,
    magic: &'a str,
    topic: &'a str,
}

/// Reads `micromdm.db`. Devices that are not enrolled there are left out and counted.
pub fn read(bytes: &[u8]) -> Result<Haul, Unreadable> {
    let bolt = Bolt::open(bytes)?;
    let pushes = pushes(&bolt)?;
    let identities: HashMap<&[u8], &[u8]> = bolt.bucket("mdm.UDIDCertAuth")?.into_iter().collect();
    let mut haul = Haul { authority: authority(&bolt)?, profile: profile(&bolt)?, push: push(&bolt)?, ..Haul::default() };
    let (mut gone, mut mute, mut known) = (0_usize, 0_usize, HashSet::new());
    for (_, value) in bolt.bucket("mdm.Devices")? {
        let device = Fields::read(value).ok_or(Unreadable::Damaged(t!("a device that cannot be read")))?;
        let udid = device.text(2);
        if udid.is_empty() || !device.flag(13) {
            gone += 1;
            continue;
        }
        let Some(push) = pushes.get(udid) else {
            mute += 1;
            continue;
        };
        known.insert(udid);
        let identity = identities.get(udid.as_bytes()).and_then(|hash| digest(hash));
        messages_of(&device, udid, push, identity, &mut haul.messages)?;
        if haul.messages.len() > MESSAGES_MAX {
            return Err(Unreadable::TooMany);
        }
    }
    for (_, value) in bolt.bucket("mdm.Users")? {
        let Some(user) = Fields::read(value) else { continue };
        if let (true, Some(push)) = (known.contains(user.text(2)), pushes.get(user.text(3))) {
            haul.messages.push(user_message(&user, push)?);
        }
    }
    for (count, why) in [(gone, t!("never enrolled there or left")), (mute, t!("enrolled there without a push token"))] {
        if count > 0 {
            haul.left.push(format!("{count} {} {why}.", if count == 1 { "device" } else { "devices" }));
        }
    }
    Ok(haul)
}

fn messages_of(
    device: &Fields<'_>,
    udid: &str,
    push: &PushInfo<'_>,
    identity: Option<[u8; 32]>,
    messages: &mut Vec<Handed>,
) -> Result<(), Unreadable> {
    let sender = Sender { kind: EnrollmentKind::Device, nano_id: udid, user_short_name: "", user_long_name: "" };
    let facts = Facts {
        serial_number: filled(device.text(3)),
        os_version: filled(device.text(4)),
        build_version: filled(device.text(5)),
        product_name: filled(device.text(6)),
        device_name: filled(device.text(15)),
        model: filled(device.text(16)),
        model_name: filled(device.text(17)),
    };
    let unlock_token = unhex(device.bytes(12)).filter(|token| !token.is_empty()).map(SecretBytes::new);
    let tokens = Tokens {
        topic: push.topic,
        token: &push.token,
        push_magic: &secret(push.magic),
        unlock_token: unlock_token.as_ref(),
        awaiting_configuration: device.flag(14),
    };
    messages.push(Handed::of(write::authenticate(&sender, push.topic, &facts)?, identity));
    messages.push(Handed::of(write::token_update(&sender, &tokens)?, identity));
    if let Some(token) = crate::pki::pem::base64(device.bytes(30)).filter(|token| !token.is_empty()) {
        messages.push(Handed::of(write::set_bootstrap_token(&sender, &SecretBytes::new(token))?, identity));
    }
    Ok(())
}

fn user_message(user: &Fields<'_>, push: &PushInfo<'_>) -> Result<Handed, Unreadable> {
    let id = format!("{}:{}", user.text(2), user.text(3));
    let sender = Sender { kind: EnrollmentKind::User, nano_id: &id, user_short_name: user.text(4), user_long_name: user.text(5) };
    let magic = secret(push.magic);
    let tokens = Tokens { topic: push.topic, token: &push.token, push_magic: &magic, unlock_token: None, awaiting_configuration: false };
    Ok(Handed::of(write::token_update(&sender, &tokens)?, None))
}

fn pushes<'a>(bolt: &Bolt<'a>) -> Result<HashMap<&'a str, PushInfo<'a>>, Unreadable> {
    let read = |(_, value): (&'a [u8], &'a [u8])| {
        let info = Fields::read(value)?;
        let token = unhex(info.bytes(2)).filter(|token| !token.is_empty())?;
        Some((info.text(1), PushInfo { token, magic: filled(info.text(3))?, topic: filled(info.text(4))? }))
    };
    Ok(bolt.bucket("mdm.PushInfo")?.into_iter().filter_map(read).collect())
}

/// A certificate, DER, and its key where there is one.
type Authority = (Vec<u8>, Option<SecretBytes>);

fn authority(bolt: &Bolt<'_>) -> Result<Option<Authority>, Unreadable> {
    let entries: HashMap<&[u8], &[u8]> = bolt.bucket("scep_certificates")?.into_iter().collect();
    let key = entries.get(&b"ca_key"[..]).map(|key| SecretBytes::new(key.to_vec()));
    Ok(entries.get(&b"ca_certificate"[..]).map(|certificate| (certificate.to_vec(), key)))
}

fn push(bolt: &Bolt<'_>) -> Result<Vec<PushPair>, Unreadable> {
    let entries = bolt.bucket("mdm.ServerConfig")?;
    let read = |(_, value): &(&[u8], &[u8])| {
        let config = Fields::read(value)?;
        let (certificate, key) = (config.bytes(1).to_vec(), config.bytes(2).to_vec());
        (!certificate.is_empty()).then(|| PushPair { certificate, key: SecretBytes::new(key) })
    };
    Ok(entries.iter().filter(|(key, _)| *key == b"config").filter_map(read).collect())
}

/// The enrollment profile, where somebody put one of their own in the place of the usual one.
fn profile(bolt: &Bolt<'_>) -> Result<Option<Vec<u8>>, Unreadable> {
    let entries = bolt.bucket("mdm.Profile")?;
    let found = entries.iter().filter_map(|(_, value)| Fields::read(value)).find(|fields| fields.text(1) == PROFILE);
    Ok(found.map(|fields| fields.bytes(2).to_vec()).filter(|profile| !profile.is_empty()))
}
