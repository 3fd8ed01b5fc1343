//! Why a device is not asked for something that its kind, its system or its enrollment does not have, in the words of a teacher.

use std::borrow::Cow;

use super::words::deed;
use crate::error::Error;
use crate::protocol::availability::{Capabilities, Reason, Refusal, right_in_words};
use crate::protocol::command::Command as Order;
use crate::protocol::platform::Platform;

/// What is about being lost, and has no sense where there is no Lost Mode.
const OF_LOST_MODE: [&str; 3] = ["EnableLostMode", "DisableLostMode", "PlayLostModeSound"];

/// The refusal of an order as a failure that says it in plain words; the protocol's words are its source.
pub(super) fn conflict(order: &Order, device: &Capabilities, refusal: Refusal) -> Error {
    Error::conflict(words(&order.request_type, device, refusal.reason)).caused_by(refusal)
}

/// The protocol's words of such a failure, for whoever looks closer.
pub fn protocol_words(error: &Error) -> Option<&str> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<Refusal>().map(|refusal| refusal.words.as_str())
}

/// A device of this family as it stands after "a", with that word, and several of them.
fn kind(platform: Platform) -> (&'static str, &'static str, &'static str) {
    match platform {
        Platform::Ios => ("An", t!("iPhone or iPad"), t!("iPhones and iPads")),
        Platform::Macos => ("A", "Mac", "Macs"),
        Platform::Tvos => ("An", t!("Apple TV"), t!("Apple TVs")),
        Platform::Visionos => ("An", t!("Apple Vision Pro"), t!("Apple Vision Pros")),
        Platform::Watchos => ("An", t!("Apple Watch"), t!("Apple Watches")),
        Platform::Unknown => ("A", "device", "devices"),
    }
}

fn words(request_type: &str, device: &Capabilities, reason: Reason) -> String {
    let (a, one, many) = kind(device.platform);
    let (system, has) = (device.platform.system(), device.os_version);
    let deed = match request_type {
        // One of many may be refused, and each has a name that only the protocol knows.
        "Settings" => Cow::Borrowed(t!("change this setting")),
        other => deed(other),
    };
    match reason {
        Reason::Platform if OF_LOST_MODE.contains(&request_type) => t!("{many} have no Lost Mode.", many),
        Reason::Platform => t!("{a} {one} cannot be asked to {deed}.", a, one, deed),
        Reason::TooOld(since) => t!("It can be asked to {deed} from {system} {since} on; it has {has}.", deed, system, since, has),
        Reason::Removed(removed) => {
            t!("From {system} {removed} on it cannot be asked to {deed} any more; it has {has}.", system, removed, deed, has)
        }
        Reason::Supervision => t!("Only a supervised {one} can be asked to {deed}.", one, deed),
        Reason::AutomatedEnrollment => {
            t!("Only a new {one} that set itself up from Apple’s device list can be asked to {deed}.", one, deed)
        }
        Reason::Channel if device.kind.is_user_channel() => {
            t!("Only the device itself can be asked to {deed}, not one of its users.", deed)
        }
        Reason::Channel => t!("Only a user of the device can be asked to {deed}, not the device itself.", deed),
        Reason::UserEnrollment => t!("A person’s own device is not asked to {deed}.", deed),
        Reason::SharedIpad => t!("An iPad that several people share cannot be asked to {deed}.", deed),
        Reason::OnlySharedIpad => t!("Only an iPad that several people share can be asked to {deed}.", deed),
        Reason::AccessRight(right) => {
            t!(
                "When it enrolled, it did not allow this server to {right}, so it cannot be asked to {deed}.",
                right = right_in_words(right),
                deed
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::protocol::command::schema;
    use crate::protocol::ids::EnrollmentKind;
    use crate::protocol::os_version::OsVersion;

    const PLATFORMS: [Platform; 5] = [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos, Platform::Watchos];

    fn device(platform: Platform) -> Capabilities {
        Capabilities {
            platform,
            os_version: OsVersion::parse("26.1"),
            kind: EnrollmentKind::Device,
            supervised: Some(true),
            ade: Some(true),
            shared_ipad: Some(false),
            access_rights: Some(8191),
        }
    }

    /// Devices of a family that lack something each.
    fn lacking(platform: Platform) -> Vec<Capabilities> {
        let whole = device(platform);
        vec![
            whole,
            Capabilities { os_version: OsVersion::parse("3.0"), ..whole },
            Capabilities { os_version: OsVersion::parse("99.0"), ..whole },
            Capabilities { supervised: Some(false), ..whole },
            Capabilities { ade: Some(false), ..whole },
            Capabilities { access_rights: Some(0), ..whole },
            Capabilities { shared_ipad: Some(true), ..whole },
            Capabilities { kind: EnrollmentKind::SharedIpad, shared_ipad: Some(true), ..whole },
            Capabilities { kind: EnrollmentKind::User, ..whole },
            Capabilities { kind: EnrollmentKind::UserEnrollmentDevice, access_rights: None, ..whole },
        ]
    }

    fn said(request_type: &str, device: &Capabilities) -> Option<Error> {
        let order = Order::new(Uuid::from_u128(1), request_type);
        order.check(device).err().map(|refusal| conflict(&order, device, refusal))
    }

    /// Whether a word is written as names of the protocol are: `RestartDevice`.
    fn is_of_the_protocol(word: &str) -> bool {
        let letters: Vec<char> = word.chars().collect();
        word != "FileVault"
            && letters.first().is_some_and(char::is_ascii_uppercase)
            && letters.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
    }

    #[test]
    fn no_refusal_on_any_platform_names_a_request_type() {
        assert!(is_of_the_protocol("RestartDevice") && !is_of_the_protocol("macOS") && !is_of_the_protocol("TVs"));
        let mut refused = 0;
        for request_type in schema::request_types() {
            for device in PLATFORMS.into_iter().flat_map(lacking) {
                let Some(error) = said(request_type, &device) else { continue };
                refused += 1;
                let told: &str = &error.message;
                assert!(!told.split(|letter: char| !letter.is_alphanumeric()).any(is_of_the_protocol), "{request_type}: {told}");
                assert!(told.starts_with(char::is_uppercase) && told.ends_with('.'), "{told}");
                assert!(protocol_words(&error).is_some_and(|words| words.contains(request_type)), "{request_type}: one look closer");
            }
        }
        assert!(refused > 500, "{refused}");
    }

    #[test]
    fn deeds_are_refused_in_their_own_words() {
        let told = |request_type, device: &Capabilities| said(request_type, device).unwrap().message.into_owned();
        let (mac, ipad, vision) = (device(Platform::Macos), device(Platform::Ios), device(Platform::Visionos));
        assert_eq!(told("EnableLostMode", &mac), "Macs have no Lost Mode.");
        assert_eq!(told("ClearPasscode", &mac), "A Mac cannot be asked to take its passcode off.");
        assert_eq!(told("RestartDevice", &vision), "An Apple Vision Pro cannot be asked to restart.");
        let plain = Capabilities { supervised: Some(false), ..ipad };
        assert_eq!(told("EnableLostMode", &plain), "Only a supervised iPhone or iPad can be asked to go into Lost Mode.");
        let old = Capabilities { os_version: OsVersion::parse("9.3.5"), ..ipad };
        assert_eq!(told("RestartDevice", &old), "It can be asked to restart from iOS 10.3 on; it has 9.3.5.");
    }

    #[test]
    fn a_setting_is_not_named_as_the_protocol_names_it() {
        assert_eq!(
            words("Settings", &device(Platform::Ios), Reason::Platform),
            "An iPhone or iPad cannot be asked to change this setting."
        );
    }
}
