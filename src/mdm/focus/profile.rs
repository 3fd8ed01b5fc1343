//! The profile of a focus: for one device, with the end that the device keeps by its own clock, whatever becomes of the network or of us.
//!
//! It is a profile of its own, not merged with those of policies: what is merged would have to be loosened by us at the end. Where both have a list of
//! apps, iPhones and iPads show what is on both. It comes by a command on every system: declarative management keeps to what is declared, and would
//! bring back after its end what a device has removed by itself.

use super::ability::{APP_LOCK, ability, lasting_words};
use super::wish::host;
use crate::error::Result;
use crate::mdm::own_profile::{envelope, uuid_of};
use crate::mdm::settings;
use crate::mdm::wanted::{Origin, Piece, ProfileContent, ProfilePiece, Target, Unable};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::os_version::OsVersion;
use crate::protocol::plist::{self, Dictionary, Value};
use crate::protocol::restrictions::RESTRICTIONS;
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};
use crate::store::focuses::{self, Focus, FocusKind};

/// PayloadIdentifier of the profile: a device has one focus, and the next takes its place.
pub const IDENTIFIER: &str = "org.rollcall.focus";

/// The payload that filters what browsers show.
const FILTER: &str = "com.apple.webcontent-filter";

/// The version from which on the lists are called so as Apple calls them now.
const NEW_NAMES: OsVersion = OsVersion::new(15, 0, 0);
const NEW_FILTER_NAMES: OsVersion = OsVersion::new(14, 5, 0);

/// What a device is to have of the focus that goes on there, or why it cannot; nothing where none does.
pub fn pieces(tx: &Tx, target: &Target, wanted: &[Assignment]) -> Result<(Vec<Piece>, Vec<Unable>)> {
    let nothing = || (Vec::new(), Vec::new());
    if target.is_user_channel() {
        return Ok(nothing());
    }
    let Some(focus) = focuses::of_device(tx, &target.device_id)?.filter(|focus| focus.is_running(tx.now)) else { return Ok(nothing()) };
    let origin = Origin { kind: AssignedKind::Focus, id: focus.id.clone(), name: focus.class_name.clone() };
    match ability(tx, target, (focus.kind, &focus.items), wanted)? {
        Ok(able) => {
            let until = settings::zone(tx)?.time(focus.ends_at);
            let piece = profile(&focus, &able.items, target.capabilities.os_version, &until, origin)?;
            Ok((vec![Piece::Profile(piece)], Vec::new()))
        }
        Err(because) => {
            let what = t!("Focus of {class_name}", class_name = focus.class_name);
            Ok((Vec::new(), vec![Unable { what, because, origin }]))
        }
    }
}

fn profile(focus: &Focus, items: &[String], version: OsVersion, until: &str, origin: Origin) -> Result<ProfilePiece> {
    let name = t!("{class_name} until {until}: {items}", class_name = focus.class_name, until, items = lasting_words(focus.kind, items));
    let mut keys = keys(focus.kind, items, version);
    let seed = format!("{}\n{:?}\n{}\n{name}", focus.id, items, focus.ends_at.millis());
    let uuid = uuid_of(seed.as_bytes(), 0);
    let payload_type = match focus.kind {
        FocusKind::Apps => RESTRICTIONS,
        FocusKind::App => APP_LOCK,
        FocusKind::Sites => FILTER,
    };
    keys.extend(envelope(payload_type, &format!("{IDENTIFIER}.payload"), &uuid_of(seed.as_bytes(), 1), &name));
    let mut root = envelope("Configuration", IDENTIFIER, &uuid, &name);
    let description = t!("For a lesson, this device shows only what the teacher chose. It ends by itself at {until}.", until);
    root.insert("PayloadDescription".to_owned(), Value::from(description));
    root.insert("PayloadScope".to_owned(), Value::from("System"));
    root.insert("RemovalDate".to_owned(), plist::date(focus.ends_at));
    root.insert("PayloadContent".to_owned(), Value::Array(vec![Value::Dictionary(keys)]));
    let bytes = plist::to_xml(&Value::Dictionary(root))?;
    Ok(ProfilePiece {
        goes_at: None,
        identifier: IDENTIFIER.to_owned(),
        uuid,
        digest: hex(&sha256(&bytes)),
        content: ProfileContent::Rendered(bytes),
        name,
        origins: vec![origin],
        by_command: true,
    })
}

/// What the payload says, in the words of the device's version.
fn keys(kind: FocusKind, items: &[String], version: OsVersion) -> Dictionary {
    let mut keys = Dictionary::new();
    let texts = || Value::Array(items.iter().map(|item| Value::from(item.as_str())).collect());
    match kind {
        FocusKind::Apps => {
            let key = if version.is_at_least(NEW_NAMES) { "allowListedAppBundleIDs" } else { "whitelistedAppBundleIDs" };
            keys.insert(key.to_owned(), texts());
        }
        FocusKind::App => {
            let app = [("Identifier".to_owned(), Value::from(items.first().map(String::as_str).unwrap_or_default()))];
            keys.insert("App".to_owned(), Value::Dictionary(app.into_iter().collect()));
        }
        FocusKind::Sites => {
            let key = if version.is_at_least(NEW_FILTER_NAMES) { "AllowListBookmarks" } else { "WhitelistedBookmarks" };
            let bookmark = |site: &String| {
                let pairs = [("URL", site.as_str()), ("Title", host(site))];
                Value::Dictionary(pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect())
            };
            keys.insert("FilterType".to_owned(), Value::from("BuiltIn"));
            keys.insert(key.to_owned(), Value::Array(items.iter().map(bookmark).collect()));
        }
    }
    keys
}
