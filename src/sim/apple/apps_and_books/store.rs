//! The look-up of the practice store: names, versions and icons of the apps that simulated devices know.

use std::io::Write as _;

use serde_json::{Map, Value, json};

use super::wire::{Said, refusal, said};
use crate::sim::model::{Platform, external_version_id, known_app_by_adam_id};

/// Where the look-up is.
pub(super) const LOOKUP: &str = "/WebObjects/MZStorePlatform.woa/wa/lookup";

/// Side of an icon, in pixels.
const SIDE: usize = 64;

/// What the store says of the apps in the query.
pub(super) fn look_up(base: &str, query: &[(String, String)]) -> Said {
    let ids = query.iter().find(|(name, _)| name == "id").map(|(_, ids)| ids.as_str()).unwrap_or_default();
    let mut results = Map::new();
    for id in ids.split(',') {
        let Some(app) = id.parse().ok().and_then(known_app_by_adam_id) else { continue };
        let families: Vec<&str> = app.platforms.iter().flat_map(|platform| families(*platform)).copied().collect();
        results.insert(
            id.to_owned(),
            json!({
                "name": app.name, "bundleId": app.identifier, "artistName": "Example Publishing", "deviceFamilies": families,
                "minimumOSVersion": "9.0", "latestVersionReleaseDate": "2026-10-01",
                "artwork": { "url": format!("{base}/icons/{id}-{{w}}x{{h}}.{{f}}"), "width": SIDE, "height": SIDE },
                "offers": [{ "version": { "display": app.version, "externalId": external_version_id(app.version) } }],
            }),
        );
    }
    said(&json!({ "results": Value::Object(results), "isAuthenticated": true }))
}

fn families(platform: Platform) -> &'static [&'static str] {
    match platform {
        Platform::Ios => &["iphone", "ipad"],
        Platform::Macos => &["mac"],
        Platform::Tvos => &["tvos"],
        Platform::Visionos => &["realityDevice"],
        _ => &[],
    }
}

/// An icon: a square of a colour that follows from the app's number.
pub(super) fn icon(path: &str) -> Said {
    let digits: String = path.chars().take_while(char::is_ascii_digit).collect();
    let Some(app) = digits.parse().ok().and_then(known_app_by_adam_id) else { return refusal(404, 0) };
    let mix = app.adam_id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let colour = [(mix >> 16) as u8 | 0x40, (mix >> 32) as u8 | 0x40, (mix >> 48) as u8 | 0x40];
    match png(colour) {
        Ok(body) => Said { status: 200, retry_after: None, content_type: "image/png", body },
        Err(_) => refusal(500, 9603),
    }
}

/// A square of one colour (PNG, section 11: header, data, end).
fn png(colour: [u8; 3]) -> std::io::Result<Vec<u8>> {
    let mut row = vec![0];
    row.extend(colour.iter().copied().cycle().take(3 * SIDE));
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    for _ in 0..SIDE {
        packed.write_all(&row)?;
    }
    let mut header = Vec::new();
    header.extend((SIDE as u32).to_be_bytes());
    header.extend((SIDE as u32).to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", packed.finish()?), (b"IEND", Vec::new())] {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(&data);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(kind);
        file.extend(data);
        file.extend(sum.sum().to_be_bytes());
    }
    Ok(file)
}
