//! Where what needs somebody is mended: the same page for Today's button, a letter's link and a notice's address.

use crate::language::say;
use crate::mdm::notices::MAIL_TROUBLE;
use crate::mdm::updates::lookup;
use crate::mdm::{absent, needs, runaway};

/// What a way to one device is called.
const DEVICE: &str = msg!("Show the device");
/// What a way to several is called.
const DEVICES: &str = msg!("Show the devices");
/// The same beside a sentence that speaks of them.
const THEM: &str = msg!("Show them");

/// Needs about one thing, by what begins their keys and what stands before its id in the address of its page.
const OF_ONE: [(&str, &str, &str); 8] = [
    (needs::APP, "/apps/", msg!("Show the app")),
    (needs::NOT_BACK, "/devices/", DEVICE),
    (needs::SERIAL_TAKEN, "/devices/", DEVICE),
    (runaway::ALERT, "/devices/", DEVICE),
    (absent::LEFT, "/devices/", DEVICE),
    (absent::LOST, "/devices/", DEVICE),
    ("provisioning.ends:", "/provisioning/", msg!("Show the profile")),
    ("package.profile_ends:", "/own-apps/versions/", msg!("Show the app")),
];

/// Needs about a part of the appliance, by what begins their keys, with its page.
const OF_PARTS: [(&str, &str, &str); 7] = [
    (needs::NO_LOCATION, "/system/apps-and-books", msg!("Apps and Books")),
    (lookup::NEED, "/system/releases", msg!("OS releases")),
    ("backup.", "/system/backups", msg!("Backups")),
    (MAIL_TROUBLE, "/system/notices", msg!("Notices")),
    ("push.unreached", "/system/connections", msg!("Connections to Apple")),
    ("push.", "/system/push", msg!("Push certificate")),
    ("tls.", "/system/tls", msg!("TLS certificate")),
];

/// Lists of which a need may be about one entry, whose id stands behind a colon.
const OF_LISTS: [(&str, &str, &str); 2] =
    [("ade.", "/system/device-list", msg!("Apple's device list")), ("licences.", "/system/apps-and-books", msg!("Apps and Books"))];

/// The page where the need of this key is mended, or the list behind it, and what leads there is called; none where that is said in the need itself.
/// `may_invite` says whether whoever reads it may invite devices.
pub fn way(key: &str, may_invite: bool) -> Option<(String, &'static str)> {
    let found = if key == needs::REFUSED || key == absent::LEFT {
        Some((String::from("/devices?state=problem"), DEVICES))
    } else if key.starts_with(absent::LEFT) && may_invite {
        Some((String::from("/invitations/new"), msg!("Invite it again")))
    } else {
        of_plan(key).or_else(|| of_one(key)).or_else(|| of_part(key))
    };
    found.map(|(path, words)| (path, say(words)))
}

/// That of an update plan; what was started by hand belongs to none.
fn of_plan(key: &str) -> Option<(String, &'static str)> {
    let plan = |id: &str| if id.is_empty() { String::from("/updates/by-hand") } else { format!("/updates/plans/{id}") };
    if let Some(id) = key.strip_prefix(needs::UPDATE_OVERDUE) {
        return Some((format!("{}?overdue=1#devices", plan(id)), THEM));
    }
    if let Some(id) = key.strip_prefix(needs::UPDATE_FAILED) {
        return Some((format!("{}?stage=failed#devices", plan(id)), THEM));
    }
    let id = key.strip_prefix(needs::UPDATE_STOPPED).or_else(|| key.strip_prefix(needs::UPDATE_UNSIGNED))?;
    Some((plan(id), msg!("Show the plan")))
}

fn of_one(key: &str) -> Option<(String, &'static str)> {
    OF_ONE.iter().find_map(|(begins, path, words)| Some((format!("{path}{}", key.strip_prefix(begins)?), *words)))
}

fn of_part(key: &str) -> Option<(String, &'static str)> {
    let of_list = OF_LISTS.iter().find(|(begins, ..)| key.starts_with(begins)).map(|(_, path, words)| {
        let id = key.split_once(':').map_or("", |(_, id)| id);
        (if id.is_empty() { (*path).to_owned() } else { format!("{path}/{id}") }, *words)
    });
    of_list.or_else(|| OF_PARTS.iter().find(|(begins, ..)| key.starts_with(begins)).map(|(_, path, words)| ((*path).to_owned(), *words)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::ca::tls;

    #[test]
    fn every_need_leads_to_the_page_where_it_is_mended() {
        for (key, path) in [
            ("app.019a", "/apps/019a"),
            ("update.overdue.", "/updates/by-hand?overdue=1#devices"),
            ("update.failed.7", "/updates/plans/7?stage=failed#devices"),
            ("update.stopped.7", "/updates/plans/7"),
            ("wanted.refused", "/devices?state=problem"),
            ("ade.ends:3", "/system/device-list/3"),
            ("licences.refused:4", "/system/apps-and-books/4"),
            ("backup.failed", "/system/backups"),
            (needs::NO_LOCATION, "/system/apps-and-books"),
            ("push.none", "/system/push"),
            ("push.unreached", "/system/connections"),
            (tls::ENDS, "/system/tls"),
            ("provisioning.ends:5", "/provisioning/5"),
            ("package.profile_ends:6", "/own-apps/versions/6"),
        ] {
            assert_eq!(way(key, false).map(|(path, _)| path).as_deref(), Some(path), "{key}");
        }
        assert_eq!(way("something.else", true), None);
    }

    #[test]
    fn a_device_that_left_is_invited_by_those_who_may() {
        let key = format!("{}9", absent::LEFT);
        assert_eq!(way(&key, true), Some((String::from("/invitations/new"), "Invite it again")));
        assert_eq!(way(&key, false), Some((String::from("/devices/9"), "Show the device")));
        assert_eq!(way(absent::LEFT, true), Some((String::from("/devices?state=problem"), "Show the devices")));
    }
}
