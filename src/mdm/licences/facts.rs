//! What the App Store says of what is owned: looked up once a day, kept for lists, and written to the apps that are known here.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::apps_and_books::{LOOKUP_IDS_MAX, Service, StoreFacts, read_lookup};
use crate::secret::SecretBytes;
use crate::store::assignments::{self, AssignedKind};
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::licences::assets;
use crate::store::{Bell, Tx, apps, deployments, store_items};

/// How often the store is looked at.
pub const EVERY: Duration = Duration::from_secs(24 * 3600);

/// How soon it is looked at again after it did not answer.
const AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// Bytes of an icon.
pub const ICON_MAX_BYTES: usize = 256 * 1024;

/// What to look up in one request.
#[derive(Debug)]
pub struct LookUp {
    /// The apps.
    pub adam_ids: Vec<String>,
    /// The location that owns them: the store wants to know who asks.
    pub token_id: String,
    /// Its token.
    pub secret: SecretBytes,
    /// Where to ask.
    pub url: String,
    /// The country of its store.
    pub country: String,
    /// The store's name.
    pub platform: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
}

/// What to look up next; nothing when nothing is due.
pub fn due(tx: &Tx) -> Result<Option<LookUp>> {
    let mut found: Option<LookUp> = None;
    for item in store_items::due(tx, LOOKUP_IDS_MAX as u32)? {
        let Some((token, url)) = owner(tx, &item.adam_id)? else {
            // There is no location yet that may ask.
            store_items::rest(tx, &item.adam_id, tx.now.plus(AGAIN_AFTER))?;
            continue;
        };
        match &mut found {
            Some(look_up) if look_up.token_id == token.id => look_up.adam_ids.push(item.adam_id),
            Some(_) => {}
            None => {
                let Some(secret) = content_tokens::secret(tx, &token.id)? else { continue };
                found = Some(LookUp {
                    adam_ids: vec![item.adam_id],
                    secret,
                    url,
                    country: token.country,
                    platform: token.platform,
                    practice: token.practice,
                    token_id: token.id,
                });
            }
        }
    }
    Ok(found)
}

/// A location that may ask: one that owns the app, else any, since all ask the same store.
fn owner(tx: &Tx, adam_id: &str) -> Result<Option<(ContentToken, String)>> {
    let mut tokens = Vec::new();
    for asset in assets::of_app(tx, adam_id)? {
        tokens.extend(content_tokens::by_id(tx, &asset.key.token_id)?);
    }
    if tokens.is_empty() {
        tokens = content_tokens::all(tx)?;
    }
    let may_ask = tokens.into_iter().filter(|token| token.state != TokenState::Refused);
    let with_url = may_ask.map(|token| (Service::from_json(&token.service).urls.content_metadata_lookup, token));
    Ok(with_url.filter(|(url, _)| !url.is_empty()).map(|(url, token)| (token, url)).next())
}

/// Takes the store's answer. Gives the icons that are not here yet: the app, and where its icon is.
pub fn record(tx: &Tx, look_up: &LookUp, body: &Value) -> Result<Vec<(String, String)>> {
    let mut icons = Vec::new();
    for adam_id in &look_up.adam_ids {
        let facts = read_lookup(body, adam_id);
        let text = facts.as_ref().map(|facts| json!(facts).to_string());
        store_items::put(tx, adam_id, text.as_deref(), tx.now.plus(EVERY))?;
        let Some(facts) = facts else { continue };
        if store_items::by_adam_id(tx, adam_id)?.is_some_and(|item| item.icon_url != facts.icon_url) && !facts.icon_url.is_empty() {
            icons.push((adam_id.clone(), facts.icon_url.clone()));
        }
        tell_app(tx, adam_id, &facts)?;
    }
    Ok(icons)
}

/// The store did not answer: it is asked again in an hour.
pub fn failed(tx: &Tx, look_up: &LookUp) -> Result<()> {
    look_up.adam_ids.iter().try_for_each(|adam_id| store_items::rest(tx, adam_id, tx.now.plus(AGAIN_AFTER)))
}

/// Keeps an icon, if it is one: PNG or JPEG of a sensible size.
pub fn keep_icon(tx: &Tx, adam_id: &str, url: &str, icon: &[u8]) -> Result<bool> {
    let fits = icon.len() <= ICON_MAX_BYTES && icon_type(icon).is_some();
    if fits {
        store_items::put_icon(tx, adam_id, url, icon)?;
    }
    Ok(fits)
}

/// What an icon is, by its first bytes.
pub fn icon_type(icon: &[u8]) -> Option<&'static str> {
    if icon.starts_with(b"\x89PNG\r\n\x1a\n") { Some("image/png") } else { icon.starts_with(&[0xff, 0xd8, 0xff]).then_some("image/jpeg") }
}

/// The icon of an app with its type.
pub fn icon(tx: &Tx, adam_id: &str) -> Result<Option<(Vec<u8>, &'static str)>> {
    Ok(store_items::icon(tx, adam_id)?.and_then(|icon| icon_type(&icon).map(|kind| (icon, kind))))
}

/// What the store says of an app; empty where it said nothing yet.
pub fn of(tx: &Tx, adam_id: &str) -> Result<StoreFacts> {
    let item = store_items::by_adam_id(tx, adam_id)?;
    Ok(item.and_then(|item| serde_json::from_str(&item.facts).ok()).unwrap_or_default())
}

/// Has an app that was just added learn what the store says of it: what is known already, and soon what is new.
pub fn learn(tx: &Tx, adam_id: &str) -> Result<()> {
    store_items::want(tx, adam_id)?;
    tx.ring(Bell::Jobs);
    let known = of(tx, adam_id)?;
    if known == StoreFacts::default() { Ok(()) } else { tell_app(tx, adam_id, &known) }
}

/// Writes what the store says to the app that is known here; a new version has its devices looked at.
fn tell_app(tx: &Tx, adam_id: &str, facts: &StoreFacts) -> Result<()> {
    let Some(mut app) = apps::by_adam_id(tx, adam_id)? else { return Ok(()) };
    let before: StoreFacts = serde_json::from_str(&app.facts).unwrap_or_default();
    let mut kept = serde_json::from_str::<Value>(&app.facts).ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
    if let (Some(kept), Some(said)) = (kept.as_object_mut(), json!(facts).as_object()) {
        kept.extend(said.clone());
    }
    let same = before == *facts;
    app.facts = kept.to_string();
    app.facts_at = Some(tx.now);
    if !facts.bundle_id.is_empty() {
        app.bundle_id.clone_from(&facts.bundle_id);
    }
    if !facts.platforms.is_empty() {
        app.platforms = json!(facts.platforms).to_string();
    }
    if !facts.name.is_empty() && (app.name == apps::placeholder(adam_id) || app.name == before.name) {
        app.name.clone_from(&facts.name);
    }
    if !same {
        app.changed_at = tx.now;
    }
    apps::update(tx, &app)?;
    let runs_elsewhere = before.platforms != facts.platforms || before.minimum_os != facts.minimum_os;
    if before.external_version_id != facts.external_version_id || before.bundle_id != facts.bundle_id || runs_elsewhere {
        for assignment in assignments::of_item(tx, AssignedKind::App, &app.id)? {
            deployments::look_again_in_group(tx, &assignment.group_id)?;
        }
    }
    Ok(())
}

/// When something is next to be looked up.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    store_items::next_due(tx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::Actor;
    use crate::mdm::apps::add;
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn an_app_learns_what_is_known_of_it_at_once_and_else_as_soon_as_somebody_may_ask() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let written = store.write_blocking(NOW, |tx| {
            store_items::want(tx, "1500000005")?;
            let facts = StoreFacts { name: "Laboratory".into(), platforms: vec!["ios".into()], ..StoreFacts::default() };
            store_items::put(tx, "1500000005", Some(&json!(facts).to_string()), NOW.plus(EVERY))?;
            let known = add(tx, &Actor::Console, "1500000005", "")?;
            assert_eq!((known.name.as_str(), known.platforms.as_str()), ("Laboratory", "[\"ios\"]"));

            let unknown = add(tx, &Actor::Console, "1500000006", "")?;
            assert_eq!((unknown.name.as_str(), unknown.platforms.as_str()), ("App 1500000006", "[]"));
            assert!(due(tx)?.is_none(), "no location may ask");
            assert_eq!(next_due(tx)?, Some(NOW.plus(AGAIN_AFTER)));
            // A location's book has it.
            store_items::want(tx, "1500000006")?;
            assert_eq!(next_due(tx)?, Some(NOW));
            store_items::want(tx, "1500000005")?;
            assert!(store_items::due(tx, 9)?.iter().all(|item| item.adam_id != "1500000005"), "what was read is read once a day");
            let facts = StoreFacts { name: "Library Desk".into(), ..StoreFacts::default() };
            tell_app(tx, "1500000006", &facts)?;
            Ok(apps::by_adam_id(tx, "1500000006")?.unwrap().name)
        });
        assert_eq!(written.unwrap(), "Library Desk");
    }
}
