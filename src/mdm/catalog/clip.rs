//! The icon of the catalogue on the Home Screen: a profile with a web clip, made for each device.

use super::{Colour, appearance, icon, is_for, link};
use crate::error::Result;
use crate::mdm::own_profile::{envelope, uuid_of};
use crate::mdm::wanted::{Piece, ProfileContent, ProfilePiece, Target};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{self, Value};
use crate::store::{Tx, enrollments};

/// PayloadIdentifier of the profile.
pub const IDENTIFIER: &str = "org.rollcall.catalog";

/// The profile, if the device is to have the icon and can: iPhones and iPads that are not shared. `origin` is scheme, host and port that it knows.
pub fn pieces(tx: &Tx, target: &Target, origin: Option<&str>) -> Result<Vec<Piece>> {
    let catalog = appearance(tx)?;
    let can = target.capabilities.platform == Platform::Ios && !target.is_user_channel() && target.capabilities.shared_ipad != Some(true);
    let Some(origin) = origin.filter(|_| can) else { return Ok(Vec::new()) };
    if !is_for(tx, &catalog, &target.device_id)? {
        return Ok(Vec::new());
    }
    let Some(enrollment) = enrollments::by_id(tx, &target.enrollment_id)? else { return Ok(Vec::new()) };
    let Some(link) = link(tx, &enrollment)? else { return Ok(Vec::new()) };
    Ok(vec![Piece::Profile(profile(&catalog.title, catalog.colour, &format!("{origin}/catalog/{}", link.capability))?)])
}

fn profile(title: &str, colour: Colour, url: &str) -> Result<ProfilePiece> {
    let seed = format!("{IDENTIFIER}\n{title}\n{}\n{url}", colour.as_str());
    let uuid = uuid_of(seed.as_bytes(), 0);
    let mut clip = envelope("com.apple.webClip.managed", &format!("{IDENTIFIER}.clip"), &uuid_of(seed.as_bytes(), 1), title);
    clip.insert("URL".to_owned(), Value::from(url));
    clip.insert("Label".to_owned(), Value::from(title));
    clip.insert("Icon".to_owned(), Value::Data(icon::icon(colour)?.to_vec()));
    clip.insert("Precomposed".to_owned(), Value::Boolean(true));
    clip.insert("IsRemovable".to_owned(), Value::Boolean(false));
    let mut root = envelope("Configuration", IDENTIFIER, &uuid, title);
    // In English always: in other words it would be another profile, which every device installs again.
    root.insert("PayloadDescription".to_owned(), Value::from("Apps that your organisation has for this device."));
    root.insert("PayloadContent".to_owned(), Value::Array(vec![Value::Dictionary(clip)]));
    let bytes = plist::to_xml(&Value::Dictionary(root))?;
    Ok(ProfilePiece {
        goes_at: None,
        identifier: IDENTIFIER.to_owned(),
        uuid,
        digest: hex(&sha256(&bytes)),
        content: ProfileContent::Rendered(bytes),
        name: title.to_owned(),
        origins: Vec::new(),
        by_command: false,
    })
}
