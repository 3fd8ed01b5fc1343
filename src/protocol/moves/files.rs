//! Folders of NanoMDM: its storages `file` and `filekv` (diskv), and any folder of check-ins.

use std::collections::BTreeMap;

use super::write::{self, Sender};
use super::{Handed, Haul, MESSAGES_MAX, PushPair, Unreadable, checkins, digest};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::protocol::checkin::{self, Message};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::plist::{self, Value};
use crate::secret::SecretBytes;

/// A file: its path inside the folder, with slashes, and what it holds.
pub type File = (String, Vec<u8>);

/// Whether a file of such a folder has to be read at all: queues and answers need not.
pub fn is_of_use(path: &str) -> bool {
    !path.split('/').any(|part| matches!(part, "queue" | "Queue" | "SubEnrollments" | "Command" | "Result"))
}

/// Reads the files of a folder, whichever of the storages it is.
pub fn read(files: &[File]) -> Result<Haul, Unreadable> {
    let has = |end: &str| files.iter().any(|(path, _)| path.ends_with(end));
    if has("/Authenticate.plist") || has("/TokenUpdate.plist") {
        return in_folders(files);
    }
    if has(".auth") || has(".tok_upd") {
        return in_keys(files);
    }
    let mut haul = Haul::default();
    for (path, bytes) in files {
        if checkins::is_check_ins(bytes) {
            haul.add(checkins::read(bytes)?);
        } else {
            haul.left.push(t!("{path} is no check-in.", path));
        }
    }
    if haul.messages.is_empty() {
        return Err(Unreadable::Another(t!("this folder is no storage of NanoMDM (file, filekv), and no check-ins are in it")));
    }
    haul.messages.sort_by_key(|handed| checkin::parse(handed.message.expose()).is_ok_and(|said| said.ids.kind().is_user_channel()));
    Ok(haul)
}

/// What is kept of one enrollment.
#[derive(Default)]
struct Kept<'a> {
    authenticate: Option<&'a [u8]>,
    token_update: Option<&'a [u8]>,
    unlock_token: Option<&'a [u8]>,
    bootstrap_token: Option<&'a [u8]>,
    identity: Option<[u8; 32]>,
    is_over: bool,
}

/// The storage `file`: a folder for each enrollment.
fn in_folders(files: &[File]) -> Result<Haul, Unreadable> {
    let mut kept: BTreeMap<&str, Kept<'_>> = BTreeMap::new();
    let (mut associations, mut push) = (BTreeMap::new(), BTreeMap::new());
    for (path, bytes) in files {
        let Some((id, name)) = path.rsplit_once('/') else {
            match path.as_str() {
                "CertAuth.txt" => associations.extend(String::from_utf8_lossy(bytes).lines().filter_map(association)),
                name => pushes(&mut push, name, bytes, (".pem", ".key")),
            }
            continue;
        };
        let one = kept.entry(id.rsplit_once('/').map_or(id, |(_, id)| id)).or_default();
        match name {
            "Authenticate.plist" => one.authenticate = Some(bytes),
            "TokenUpdate.plist" => one.token_update = Some(bytes),
            "UnlockToken.dat" => one.unlock_token = Some(bytes),
            "BootstrapToken.dat" => one.bootstrap_token = Some(bytes),
            "CertAuth.sha256.txt" => one.identity = digest(bytes.trim_ascii()),
            "Identity.pem" => {
                one.identity = one.identity.or_else(|| Certificate::from_pem(bytes).ok().map(|found| *found.fingerprint().as_bytes()));
            }
            "Disabled" => one.is_over = true,
            _ => {}
        }
    }
    for (id, one) in &mut kept {
        one.identity = one.identity.or_else(|| associations.get(*id).copied());
    }
    finish(kept, push)
}

/// A line of the list of certificates: id, comma, SHA-256. The last one of an id counts.
fn association(line: &str) -> Option<(String, [u8; 32])> {
    let (id, hash) = line.split_once(',')?;
    Some((id.to_owned(), *Fingerprint::from_hex(hash.trim())?.as_bytes()))
}

/// The storage `filekv`: a file for each key, in folders that only spread them.
fn in_keys(files: &[File]) -> Result<Haul, Unreadable> {
    let mut kept: BTreeMap<&str, Kept<'_>> = BTreeMap::new();
    let mut push = BTreeMap::new();
    for (path, bytes) in files {
        let name = path.rsplit('/').next().unwrap_or(path);
        pushes(&mut push, name, bytes, (".pem", ".key"));
        let Some((id, key)) = name.rsplit_once('.') else { continue };
        let read: fn(&mut Kept<'_>, &[u8]) = match key {
            "disabled" => |one, _| one.is_over = true,
            "cert_hash" => |one, bytes| one.identity = digest(bytes.trim_ascii()),
            "cert" => |one, bytes| one.identity = one.identity.or_else(|| Some(*Fingerprint::of_der(bytes).as_bytes())),
            "auth" | "tok_upd" | "unl_tok" | "bstoken" => |_, _| {},
            _ => continue,
        };
        let one = kept.entry(id).or_default();
        read(one, bytes);
        match key {
            "auth" => one.authenticate = Some(bytes),
            "tok_upd" => one.token_update = Some(bytes),
            "unl_tok" => one.unlock_token = Some(bytes),
            "bstoken" => one.bootstrap_token = Some(bytes),
            _ => {}
        }
    }
    finish(kept, push)
}

/// Push certificates and their keys, by name.
type Pushes<'a> = BTreeMap<&'a str, (Option<&'a [u8]>, Option<&'a [u8]>)>;

/// A push certificate and its key lie in two files of the same name.
fn pushes<'a>(found: &mut Pushes<'a>, name: &'a str, bytes: &'a [u8], ends: (&str, &str)) {
    if !name.starts_with("com.apple.mgmt.") {
        return;
    }
    if let Some(topic) = name.strip_suffix(ends.0) {
        found.entry(topic).or_default().0 = Some(bytes);
    } else if let Some(topic) = name.strip_suffix(ends.1) {
        found.entry(topic).or_default().1 = Some(bytes);
    }
}

fn finish(kept: BTreeMap<&str, Kept<'_>>, push: Pushes<'_>) -> Result<Haul, Unreadable> {
    let mut haul = Haul::default();
    let (mut users, mut over) = (Vec::new(), 0_usize);
    for (id, one) in kept {
        let Some(token_update) = one.token_update.filter(|_| !one.is_over) else {
            over += usize::from(one.is_over || one.authenticate.is_some());
            continue;
        };
        // The token of a later message without one is kept beside it.
        let token_update = with_unlock_token(token_update, one.unlock_token);
        let Some(authenticate) = one.authenticate else {
            users.push(Handed::of(token_update, None));
            continue;
        };
        haul.messages.push(Handed::of(authenticate.to_vec(), one.identity));
        haul.messages.push(Handed::of(token_update, one.identity));
        if let Some(message) = one.bootstrap_token.and_then(|token| bootstrap(authenticate, id, token)) {
            haul.messages.push(Handed::of(message, one.identity));
        }
        if haul.messages.len() + users.len() > MESSAGES_MAX {
            return Err(Unreadable::TooMany);
        }
    }
    haul.messages.extend(users);
    let pairs = push.into_values().filter_map(|(certificate, key)| Some((certificate?, key?)));
    haul.push =
        pairs.map(|(certificate, key)| PushPair { certificate: certificate.to_vec(), key: SecretBytes::new(key.to_vec()) }).collect();
    if over > 0 {
        haul.left.push(t!(
            "{over} {have} left there, or never finished to enroll.",
            over,
            have = if over == 1 { "enrollment has" } else { "enrollments have" }
        ));
    }
    Ok(haul)
}

/// The message with the unlock token that an earlier one brought, where it has none itself.
pub(super) fn with_unlock_token(message: &[u8], token: Option<&[u8]>) -> Vec<u8> {
    let is_without =
        checkin::parse(message).is_ok_and(|said| matches!(&said.message, Message::TokenUpdate(update) if update.unlock_token.is_none()));
    let Some(token) = token.filter(|token| !token.is_empty() && is_without) else { return message.to_vec() };
    let Ok(mut keys) = plist::parse_dictionary(message) else { return message.to_vec() };
    keys.insert(String::from("UnlockToken"), Value::Data(token.to_vec()));
    plist::to_xml(&Value::Dictionary(keys)).unwrap_or_else(|_| message.to_vec())
}

/// The message by which a Mac gave its bootstrap token.
pub(super) fn bootstrap(authenticate: &[u8], id: &str, token: &[u8]) -> Option<Vec<u8>> {
    let kind = checkin::parse(authenticate).map_or(EnrollmentKind::Device, |said| said.ids.kind());
    let sender = Sender { kind, nano_id: id, user_short_name: "", user_long_name: "" };
    write::set_bootstrap_token(&sender, &SecretBytes::new(token.to_vec())).ok().filter(|_| !token.is_empty())
}
