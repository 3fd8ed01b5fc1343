//! The pages that take files, for whoever dropped one on another of them.

use crate::pki::dropped::Place;

/// The page that takes a kind of file: its address, and the words of the way there.
pub fn way(place: Place) -> (&'static str, &'static str) {
    match place {
        Place::Push => ("/system/push", t!("Open the push certificate")),
        Place::AppsAndBooks => ("/system/apps-and-books", t!("Open Apps and Books")),
        Place::DeviceLists => ("/system/device-list", t!("Open Apple’s device list")),
        Place::Profiles => ("/profiles/new", t!("Upload a profile")),
        Place::Provisioning => ("/provisioning/new", t!("Upload a provisioning profile")),
        Place::OwnApps => ("/own-apps/new", t!("Upload an app")),
        Place::People => ("/people/import", t!("Import people and classes")),
    }
}

/// The way to where `words` send a file, if they do.
pub fn way_in(words: &str) -> Option<(&'static str, &'static str)> {
    Place::told_in(words).map(way)
}

/// Every place as the script reads it: a line each with the name that sentences give it, its address and the words of the way there.
pub fn lines() -> String {
    let line = |place: Place| {
        let (href, words) = way(place);
        format!("{}\t{href}\t{words}", place.name())
    };
    Place::ALL.map(line).join("\n")
}
