//! Brings what was collected to the appliance, in the order in which it counts: who is trusted, how devices are woken, what they have, who they are.

use std::collections::BTreeMap;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::collect::Load;
use crate::cli::api::Api;
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::pki::certificate::Fingerprint;
use crate::pki::push_certificate::PushCertificate;
use crate::protocol::checkin::{self, Message};
use crate::protocol::moves::Handed;
use crate::store::moves::MovedFrom;

/// Messages of one request; the room takes more, a request's size is what counts.
const MESSAGES_AT_ONCE: usize = 200;
/// Bytes of messages in one request.
const BYTES_AT_ONCE: usize = 3 << 20;

/// Does everything; gives what became of it. What one part fails by is named and keeps the others from nothing.
pub(super) async fn all(api: &mut Api, load: Load, source: MovedFrom, days: u32, check: bool) -> Result<Value> {
    let mut problems = Vec::new();
    let authorities = noted(&mut problems, "the authority", authorities(api, &load, days, check).await)?;
    let mut push = Vec::new();
    for pair in pairs(&load) {
        let taken = match pair {
            Ok(pair) => push_certificate(api, &pair, check).await,
            Err(error) => Err(error),
        };
        push.extend(noted(&mut problems, "the push certificate", taken)?);
    }
    let profile = match &load.haul.profile {
        Some(profile) => noted(&mut problems, "the profile", self::profile(api, profile, check).await)?,
        None => None,
    };
    let (messages, refused) = messages(api, &load.haul.messages, source, check).await?;
    let brought: Vec<&str> = push.iter().filter_map(|taken| taken["topic"].as_str()).collect();
    let mute = mute(api, &load.haul.messages, &brought).await?;
    Ok(json!({
        "check": check, "source": source, "authorities": authorities.unwrap_or_default(), "push_certificates": push, "profile": profile,
        "messages": messages, "refused": refused, "left": load.haul.left, "topics_without_certificate": mute, "problems": problems,
    }))
}

/// What was refused is named; what failed otherwise fails.
fn noted(problems: &mut Vec<String>, what: &str, outcome: Result<Value>) -> Result<Option<Value>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let words = error.fields.first().map_or_else(|| error.message.to_string(), |fault| fault.message.clone());
            problems.push(format!("{what}: {words}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn authorities(api: &mut Api, load: &Load, days: u32, check: bool) -> Result<Value> {
    let mut files: Vec<String> = load.authorities.iter().map(|file| STANDARD.encode(file)).collect();
    if let Some((certificate, key)) = &load.haul.authority {
        files.push(STANDARD.encode(certificate));
        files.extend(key.iter().map(|key| STANDARD.encode(key.expose())));
    }
    if files.is_empty() {
        return Ok(json!([]));
    }
    let body = json!({ "files": files, "passphrase": load.passphrase, "days": days, "check": check });
    Ok(api.ask(Method::POST, "/api/v1/authorities", Some(body)).await?["items"].take())
}

/// The push certificates among the files and in storages, each with its key.
fn pairs(load: &Load) -> Vec<Result<PushCertificate>> {
    let now = Clock::System.now();
    let read = |files: &[&[u8]]| PushCertificate::from_files(files, load.passphrase.as_deref(), &[], now).map_err(Error::from);
    let mut pairs: Vec<_> = load.haul.push.iter().map(|pair| read(&[&pair.certificate, pair.key.expose()])).collect();
    if !load.push.is_empty() {
        let files: Vec<&[u8]> = load.push.iter().map(Vec::as_slice).collect();
        pairs.push(read(&files));
    }
    pairs
}

/// Puts a push certificate beside those that are here: one of another topic replaces none.
async fn push_certificate(api: &mut Api, pair: &PushCertificate, check: bool) -> Result<Value> {
    let known = api.ask(Method::GET, "/api/v1/push-certificates", None).await?;
    let is_known = known.as_array().into_iter().flatten().any(|known| known["topic"] == json!(pair.topic()));
    let taken = json!({ "topic": pair.topic(), "not_after_at": pair.not_after(), "outcome": if is_known { "renewed" } else { "new" } });
    if !check {
        let pem = format!("{}{}", pair.certificate().to_pem(), pair.key().to_pem().expose());
        api.send_bytes(Method::PUT, "/v1/pushcert", Bytes::from(pem)).await?;
    }
    Ok(taken)
}

async fn profile(api: &mut Api, profile: &[u8], check: bool) -> Result<Value> {
    let body = json!({ "profile": STANDARD.encode(profile), "check": check });
    api.ask(Method::POST, "/api/v1/moves/profile", Some(body)).await
}

/// Sends messages in pieces; gives how many became what, and those that were refused.
///
/// A piece that is only looked at leaves nothing behind: messages of one device, and of its users, go together where they can.
async fn messages(api: &mut Api, all: &[Handed], source: MovedFrom, check: bool) -> Result<(Value, Vec<Value>)> {
    let mut counts: BTreeMap<&str, u64> = ["new", "changed", "unchanged", "passed_over", "refused"].map(|word| (word, 0)).into();
    let (mut refused, mut at) = (Vec::new(), 0);
    let ordered = if check { beside_their_devices(all) } else { all.iter().collect() };
    while at < ordered.len() {
        let end = piece(&ordered, at);
        let input: Vec<_> = ordered[at..end].iter().map(|handed| message(handed)).collect();
        let body = json!({ "source": source, "messages": input, "check": check });
        let answer = api.ask(Method::POST, "/api/v1/moves/messages", Some(body)).await?;
        for item in answer["items"].as_array().into_iter().flatten() {
            if let Some(count) = item["outcome"].as_str().and_then(|word| counts.get_mut(word)) {
                *count += 1;
            }
            if item["outcome"] == json!("refused") {
                refused.push(item.clone());
            }
        }
        at = end;
    }
    Ok((json!(counts), refused))
}

fn message(handed: &Handed) -> Value {
    let identity = handed.identity.map(|digest| Fingerprint::from_bytes(digest).to_string());
    json!({ "message": STANDARD.encode(handed.message.expose()), "identity": identity })
}

/// The device that a message is of.
fn device(handed: &Handed) -> Option<String> {
    checkin::parse(handed.message.expose()).ok().map(|said| said.ids.nano_id().device().match_key())
}

/// The messages with each user's behind those of the device; the order of the devices stays.
fn beside_their_devices(all: &[Handed]) -> Vec<&Handed> {
    let mut places = std::collections::HashMap::new();
    for (place, handed) in all.iter().enumerate() {
        if let Some(device) = device(handed) {
            places.entry(device).or_insert(place);
        }
    }
    let mut ordered: Vec<_> = all.iter().enumerate().collect();
    ordered.sort_by_key(|(place, handed)| (device(handed).and_then(|device| places.get(&device).copied()).unwrap_or(*place), *place));
    ordered.into_iter().map(|(_, handed)| handed).collect()
}

/// Where the piece that begins at `at` ends: between two devices where that can be.
fn piece(all: &[&Handed], at: usize) -> usize {
    let (mut end, mut bytes, mut border) = (at, 0, at);
    while end < all.len() && end - at < MESSAGES_AT_ONCE && (end == at || bytes + all[end].message.expose().len() <= BYTES_AT_ONCE) {
        if device(all[end]) != all.get(end.wrapping_sub(1)).and_then(|before| device(before)) {
            border = end;
        }
        bytes += all[end].message.expose().len();
        end += 1;
    }
    if end == all.len() || border == at { end } else { border }
}

/// Topics that devices listen to and for which no push certificate is here or among what was brought, with how many devices.
async fn mute(api: &mut Api, all: &[Handed], brought: &[&str]) -> Result<Vec<Value>> {
    let mut topics: BTreeMap<String, u64> = BTreeMap::new();
    for handed in all {
        if let Ok(said) = checkin::parse(handed.message.expose())
            && let Message::TokenUpdate(update) = &said.message
            && !said.ids.kind().is_user_channel()
        {
            *topics.entry(update.topic.clone()).or_default() += 1;
        }
    }
    let known = api.ask(Method::GET, "/api/v1/push-certificates", None).await?;
    let is_known =
        |topic: &str| known.as_array().into_iter().flatten().any(|known| known["topic"] == json!(topic)) || brought.contains(&topic);
    Ok(topics
        .into_iter()
        .filter(|(topic, _)| !is_known(topic))
        .map(|(topic, devices)| json!({ "topic": topic, "devices": devices }))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ids::EnrollmentKind;
    use crate::protocol::moves::write::{self, Facts, Sender};
    use crate::secret::SecretBytes;

    fn handed(nano_id: &str) -> Handed {
        let sender = Sender { kind: EnrollmentKind::Device, nano_id, user_short_name: "", user_long_name: "" };
        let message = SecretBytes::new(write::authenticate(&sender, "com.apple.mgmt.x", &Facts::default()).unwrap());
        Handed { message, identity: None }
    }

    #[test]
    fn pieces_are_cut_between_devices_and_lose_nothing() {
        let all: Vec<_> = (0..500).map(|number| handed(&format!("A-{}", number / 3))).collect();
        let ordered = beside_their_devices(&all);
        let (mut at, mut cuts) = (0, Vec::new());
        while at < ordered.len() {
            let end = piece(&ordered, at);
            assert!(end > at && end - at <= MESSAGES_AT_ONCE);
            cuts.push(end);
            at = end;
        }
        assert!(cuts.iter().all(|cut| *cut == 500 || cut % 3 == 0), "{cuts:?}");
        let one = vec![handed("A-1"); MESSAGES_AT_ONCE + 1];
        assert_eq!(piece(&one.iter().collect::<Vec<_>>(), 0), MESSAGES_AT_ONCE, "one device alone is cut where it must be");
    }

    #[test]
    fn users_are_looked_at_behind_their_devices() {
        let all = [handed("A-1"), handed("A-2"), handed("a-1")];
        let ordered: Vec<_> = beside_their_devices(&all).into_iter().map(|handed| device(handed).unwrap()).collect();
        assert_eq!(ordered, ["a-1", "a-1", "a-2"]);
    }
}
