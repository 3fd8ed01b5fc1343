//! What declarations point to: profiles, data and manifests, downloaded, checked, and remembered by the version that they were fetched for.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value as Json;

use super::super::agenda::Errand;
use super::super::profile::Profile;
use super::super::profiles::Source;
use super::super::wire::{Purpose, Request, Response};
use super::apps::{brings, manifest_of};
use super::effects::LEGACY_PROFILE;
use super::{Declarations, Device, Held};
use crate::clock::Timestamp;

/// The media type of profiles.
const PROFILE: &str = "application/x-apple-aspen-config";

/// A download that a declaration wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    channel: usize,
    /// Its identifier.
    declaration: String,
    /// The version that it is fetched for.
    server_token: String,
    url: String,
    /// The identity of the enrollment is shown where the server asks for one.
    by_identity: bool,
}

/// What became of a download.
#[derive(Debug)]
pub(super) struct Fetched {
    server_token: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It is under way.
    Asked,
    /// It came: the data of an asset, nothing for an installed profile or an ordered app.
    Good(Vec<u8>),
    /// It could not be used: code and sentence.
    Bad(&'static str, String),
}

impl Declarations {
    /// The download for the present version of a declaration.
    fn fetched(&self, identifier: &str) -> Option<&State> {
        let held = self.held.get(identifier)?;
        self.fetched.get(identifier).filter(|fetched| fetched.server_token == held.server_token).map(|fetched| &fetched.state)
    }

    /// Whether the download is still under way that says whether the declaration is any good; of an app its list tells.
    pub(super) fn is_fetching(&self, identifier: &str) -> bool {
        let brings_app = self.held.get(identifier).is_some_and(Held::brings_app);
        !brings_app && matches!(self.fetched(identifier), Some(State::Asked))
    }

    /// Whether the download was no use.
    pub(super) fn could_not_fetch(&self, identifier: &str) -> bool {
        matches!(self.fetched(identifier), Some(State::Bad(..)))
    }

    /// Why the download was no use.
    pub(super) fn fetch_fault(&self, identifier: &str) -> Option<(&'static str, String)> {
        match self.fetched(identifier) {
            Some(State::Bad(code, text)) => Some((code, text.clone())),
            _ => None,
        }
    }

    fn note(&mut self, identifier: &str, server_token: &str, state: State) {
        let fetched = Fetched { server_token: server_token.to_owned(), state };
        self.fetched.insert(identifier.to_owned(), fetched);
    }
}

impl Device {
    /// The data of an asset on a channel, once it was fetched and found good.
    pub(crate) fn asset_of(&self, channel: usize, identifier: &str) -> Option<Vec<u8>> {
        match self.channels.get(channel)?.declarations.fetched(identifier) {
            Some(State::Good(data)) => Some(data.clone()),
            _ => None,
        }
    }

    /// Downloads that failed are tried anew, and the declarations applied.
    pub(super) fn try_downloads_again(&mut self, channel: usize, now: Timestamp) {
        let failed = self.apps.failed_downloads();
        let declarations = &mut self.channels[channel].declarations;
        declarations.fetched.retain(|identifier, fetched| !matches!(fetched.state, State::Bad(..)) && !failed.contains(identifier));
        self.apply_declarations(channel, now);
    }

    /// Asks for what the active declarations point to and has not come yet.
    pub(super) fn fetch_wanted(&mut self, channel: usize, active: &[(String, String, Json)], now: Timestamp) {
        let declarations = &mut self.channels[channel].declarations;
        let held = &declarations.held;
        declarations
            .fetched
            .retain(|identifier, fetched| held.get(identifier).is_some_and(|held| held.server_token == fetched.server_token));
        let assets: Vec<String> = active.iter().flat_map(|(_, _, payload)| asset_references(payload)).collect();
        for asset in assets {
            self.fetch_asset(channel, &asset);
        }
        for (identifier, _, payload) in active.iter().filter(|(_, kind, _)| kind == LEGACY_PROFILE) {
            match (payload["ProfileURL"].as_str(), payload["ProfileAssetReference"].as_str()) {
                (Some(url), _) => self.ask_for(channel, identifier, url, true),
                (None, Some(asset)) => self.profile_of_asset(channel, identifier, asset, now),
                (None, None) => {}
            }
        }
        for (identifier, kind, payload) in active {
            if let Some(url) = manifest_of(kind, payload) {
                self.ask_for(channel, identifier, url, false);
            }
        }
    }

    fn fetch_asset(&mut self, channel: usize, identifier: &str) {
        let held = self.channels[channel].declarations.held.get(identifier);
        let Some(payload) = held.and_then(Held::payload) else { return };
        let Some(url) = payload["Reference"]["DataURL"].as_str().map(str::to_owned) else { return };
        // Without the key it is as with `MDM` (Apple's schema, `asset.data`).
        let by_identity = payload["Authentication"]["Type"].as_str() != Some("None");
        self.ask_for(channel, identifier, &url, by_identity);
    }

    fn ask_for(&mut self, channel: usize, identifier: &str, url: &str, by_identity: bool) {
        let declarations = &mut self.channels[channel].declarations;
        let Some(server_token) = declarations.held.get(identifier).map(|held| held.server_token.clone()) else { return };
        if declarations.fetched(identifier).is_some() {
            return;
        }
        declarations.note(identifier, &server_token, State::Asked);
        let (declaration, url) = (identifier.to_owned(), url.to_owned());
        self.agenda.push_back(Errand::Declared(Wanted { channel, declaration, server_token, url, by_identity }));
    }

    /// The request of a download.
    pub(crate) fn wanted_request(&self, wanted: &Wanted) -> Option<Request> {
        if !self.is_wanted(wanted) {
            return None;
        }
        let mut request = Self::plain_get(Purpose::Content, wanted.url.clone());
        if wanted.by_identity {
            request.identity = Some(self.enrollment.as_ref()?.identity.clone());
        }
        Some(request)
    }

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        let held = self.channels.get(wanted.channel).and_then(|channel| channel.declarations.held.get(&wanted.declaration));
        held.is_some_and(|held| held.server_token == wanted.server_token)
    }

    /// A download came: it is judged by the declaration that wanted it.
    pub(crate) fn wanted_came(&mut self, wanted: &Wanted, response: &Response, now: Timestamp) {
        if !self.is_wanted(wanted) {
            return;
        }
        let (channel, identifier) = (wanted.channel, wanted.declaration.as_str());
        let held = self.channels[channel].declarations.held.get(identifier);
        let judged = if held.is_some_and(Held::brings_app) {
            self.declared_manifest_came(channel, identifier, &response.body, now).map(|()| Vec::new())
        } else if held.is_some_and(|held| held.kind == "asset") {
            held.and_then(Held::document_type)
                .map_or(Ok(()), |(kind, payload)| asset_fault(kind, payload, response))
                .map(|()| response.body.to_vec())
        } else {
            if !response.is_of(&[PROFILE]) {
                let what = format!("the profile of the declaration {identifier} came as “{}” instead of {PROFILE}", response.content_type);
                self.journal.remark(what);
            }
            self.install_declared(channel, identifier, &response.body, now).map(|()| Vec::new())
        };
        self.wanted_done(wanted, judged, now);
    }

    /// A download never came.
    pub(crate) fn wanted_missed(&mut self, wanted: &Wanted, why: &str, now: Timestamp) {
        if !self.is_wanted(wanted) {
            return;
        }
        let held = self.channels[wanted.channel].declarations.held.get(&wanted.declaration);
        let is_asset = held.is_some_and(|held| held.kind == "asset");
        let code = if is_asset { "Error.AssetCannotBeDownloaded" } else { "Error.ConfigurationCannotBeApplied" };
        self.wanted_done(wanted, Err((code, format!("{} cannot be downloaded: {why}", wanted.url))), now);
    }

    fn wanted_done(&mut self, wanted: &Wanted, judged: Result<Vec<u8>, (&'static str, String)>, now: Timestamp) {
        let state = match judged {
            Ok(data) => State::Good(data),
            Err((code, text)) => {
                self.journal.error(format!("{}: {text}", wanted.declaration));
                State::Bad(code, text)
            }
        };
        self.channels[wanted.channel].declarations.note(&wanted.declaration, &wanted.server_token, state);
        self.apply_declarations(wanted.channel, now);
        self.status_changed(now);
    }

    /// From OS 27 on a profile may be the data of an asset.
    fn profile_of_asset(&mut self, channel: usize, identifier: &str, asset: &str, now: Timestamp) {
        let declarations = &self.channels[channel].declarations;
        let (Some(State::Good(data)), None) = (declarations.fetched(asset), declarations.fetched(identifier)) else { return };
        let (data, server_token) = (data.clone(), declarations.held[identifier].server_token.clone());
        let state = match self.install_declared(channel, identifier, &data, now) {
            Ok(()) => State::Good(Vec::new()),
            Err((code, text)) => State::Bad(code, text),
        };
        self.channels[channel].declarations.note(identifier, &server_token, state);
        self.status_changed(now);
    }

    /// Installs the profile of a declaration; one that a command brought is taken over where its structure is the same.
    fn install_declared(&mut self, channel: usize, declaration: &str, bytes: &[u8], now: Timestamp) -> Result<(), (&'static str, String)> {
        let unusable = |text: String| ("Error.ConfigurationCannotBeApplied", text);
        let profile = Profile::read(bytes).map_err(|complaint| ("Error.ConfigurationIsInvalid", complaint.to_string()))?;
        if let Some(kind) = ["com.apple.mdm", "com.apple.declarations"].into_iter().find(|kind| profile.payload(kind).is_some()) {
            return Err(("Error.ConfigurationIsInvalid", format!("The profile has a payload of type “{kind}”.")));
        }
        let source = Source::Declaration(channel, declaration.to_owned());
        if let Some(old) = self.profiles.find(&profile.identifier, channel) {
            match &old.source {
                Source::Command(_) if old.profile.structure() != profile.structure() => {
                    let text = format!("The installed profile “{}” has other payloads and cannot be taken over.", profile.identifier);
                    return Err(unusable(text));
                }
                Source::Declaration(_, other) if other != declaration => {
                    return Err(unusable(format!("The profile “{}” belongs to the declaration “{other}”.", profile.identifier)));
                }
                _ => {}
            }
        }
        self.check_installable(&profile, &source, now).map_err(|complaint| unusable(complaint.to_string()))?;
        // Another profile under the same declaration takes the place of the one before.
        let identifier = profile.identifier.clone();
        self.profiles.remove_where(|old| old.source == source && old.profile.identifier != identifier);
        self.put_profile(profile, source, now);
        Ok(())
    }
}

impl Held {
    /// Whether it brings an app or a package.
    fn brings_app(&self) -> bool {
        self.document_type().is_some_and(|(kind, _)| brings(kind))
    }

    /// Its type with its payload.
    fn document_type(&self) -> Option<(&str, &Json)> {
        let document = self.document.as_ref()?;
        Some((document["Type"].as_str()?, document.get("Payload")?))
    }
}

/// The assets that a payload refers to.
pub(super) fn asset_references(payload: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![payload];
    while let Some(value) = left.pop() {
        match value {
            Json::Object(object) => {
                for (key, value) in object {
                    match value {
                        Json::String(identifier) if key.ends_with("AssetReference") => found.push(identifier.clone()),
                        Json::Array(items) if key.ends_with("AssetReferences") => {
                            found.extend(items.iter().filter_map(Json::as_str).map(str::to_owned));
                        }
                        _ => left.push(value),
                    }
                }
            }
            Json::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

/// What is wrong with the data of an asset.
fn asset_fault(kind: &str, payload: &Json, response: &Response) -> Result<(), (&'static str, String)> {
    let reference = &payload["Reference"];
    let unverified = |text: String| Err(("Error.AssetCannotBeVerified", text));
    if let Some(wanted) = reference["ContentType"].as_str().filter(|wanted| !response.is_of(&[wanted])) {
        return unverified(format!("The data came as “{}” instead of “{wanted}”.", response.content_type));
    }
    if let Some(size) = reference["Size"].as_u64().filter(|size| *size != response.body.len() as u64) {
        return unverified(format!("The data has {} bytes instead of {size}.", response.body.len()));
    }
    let hash = digest(&SHA256, &response.body).as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    if reference["Hash-SHA-256"].as_str().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&hash)) {
        return unverified(String::from("The data does not fit its hash."));
    }
    let is_json = kind.starts_with("com.apple.asset.credential.") && !kind.ends_with(".certificate");
    if is_json && serde_json::from_slice::<Json>(&response.body).is_err() {
        return Err(("Error.AssetCannotBeDeserialized", String::from("The credential is no JSON.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand() {
        let payload =
            json!({ "AuthenticationCredentialsAssetReference": "a", "Deep": [{ "MoreAssetReferences": ["b", "c"] }], "Other": "d" });
        let mut found = asset_references(&payload);
        found.sort();
        assert_eq!(found, ["a", "b", "c"]);
    }

    #[test]
    fn data_is_checked_by_type_size_and_hash() {
        let response = Response::new(200, "application/json; charset=utf-8", "{}");
        let fault = |kind: &str, reference: Json, response: &Response| {
            asset_fault(&format!("com.apple.asset.{kind}"), &json!({ "Reference": reference }), response).map_err(|(code, _)| code)
        };
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let right = json!({ "ContentType": "application/json", "Size": 2, "Hash-SHA-256": hash });
        assert_eq!(fault("credential.userpassword", right, &response), Ok(()));
        for wrong in [json!({ "ContentType": "text/plain" }), json!({ "Size": 3 }), json!({ "Hash-SHA-256": "00" })] {
            assert_eq!(fault("data", wrong, &response), Err("Error.AssetCannotBeVerified"));
        }
        let text = Response::new(200, "application/json", "no");
        assert_eq!(fault("credential.scep", json!({}), &text), Err("Error.AssetCannotBeDeserialized"));
        assert_eq!(fault("data", json!({}), &text), Ok(()));
    }
}
