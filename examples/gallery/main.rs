//! Writes every page and part, in all states and with invented data, as HTML files: `cargo run --example gallery`, then serve `target/gallery`.

mod apart;
mod device;
mod devices;
mod groups;
mod parts;
mod system;
mod teaching;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall::clock::{Timestamp, Zone};
use rollcall::http::assets;
use rollcall::http::pages::parts::{Banner, Flash, Markup, Section, Setup, Shell, State, Viewer};

/// The moment of the gallery: 25 November 2026, early.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

/// The moment `seconds` before [`NOW`].
pub(crate) fn ago(seconds: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(seconds))
}

/// The moment `days` after [`NOW`].
pub(crate) fn in_days(days: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(days * 86_400))
}

/// What every page of the gallery shares.
pub(crate) fn shell() -> Shell {
    Shell {
        viewer: Viewer { name: "ada".into(), role: "Owner".into() },
        now: NOW,
        zone: Zone::default(),
        sections: vec![
            Section::Today,
            Section::Devices,
            Section::Apps,
            Section::Updates,
            Section::Profiles,
            Section::Groups,
            Section::People,
            Section::System,
        ],
        needs: 3,
        setup: None,
        banners: vec![],
        flash: None,
    }
}

/// As [`shell`], on an appliance that is just being set up with practice devices.
pub(crate) fn young_shell() -> Shell {
    Shell { setup: Some(Setup { done: 3, of: 5 }), needs: 0, banners: vec![Banner::Practice(25)], ..shell() }
}

/// As [`shell`], after something was done.
pub(crate) fn told_shell(state: State, words: &str) -> Shell {
    Shell { flash: Some(Flash { state, words: words.into(), way: None }), ..shell() }
}

fn main() -> std::io::Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("gallery");
    std::fs::create_dir_all(&folder)?;
    copy_static(&folder)?;
    let mut pages: Vec<(&str, Markup)> = Vec::new();
    pages.extend(apart::pages());
    pages.extend(device::pages());
    pages.extend(devices::pages());
    pages.extend(groups::pages());
    pages.extend(parts::pages());
    pages.extend(system::pages());
    pages.extend(teaching::pages());
    for (name, page) in &pages {
        std::fs::write(folder.join(format!("{name}.html")), &page.0)?;
    }
    println!("{} pages in {}", pages.len(), folder.display());
    Ok(())
}

/// Puts the files of `static/` where the pages ask for them.
fn copy_static(folder: &Path) -> std::io::Result<()> {
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("static"))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        let to = folder.join(assets::url(&name).trim_start_matches('/'));
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::copy(file.path(), to)?;
    }
    Ok(())
}
