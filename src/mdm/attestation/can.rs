//! Which devices can show an attestation: by their chip, which the ProductName tells, and by their OS.
//!
//! Apple, notes on hardware support of ACME and DeviceInformation attestation: A11 Bionic and later (Apple TV: A12), every M chip, Macs with Apple
//! silicon, every Vision Pro; from iOS, iPadOS and tvOS 16, macOS 14, visionOS 1.1 on.

use crate::language::say;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// Whether a device can show an attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// It can.
    Can,
    /// It cannot: why, in a sentence that says what would help.
    Cannot(&'static str),
    /// Too little is known of it.
    Unknown,
}

/// The first generation of each family whose chip can: from `iPhone10,1` on, for example.
const FIRST: [(&str, u32); 8] = [
    ("iPhone", 10),  // A11
    ("iPad", 8),     // A12X; iPad7,… has A10 and A10X
    ("AppleTV", 11), // A12; AppleTV6,2 has A10X
    ("RealityDevice", 1),
    ("MacBookAir", 10), // M1
    ("MacBookPro", 17),
    ("Macmini", 9),
    ("iMac", 21),
];

/// The first generation of Macs that are called by nothing else, `Mac13,1` with M1 Max; all have Apple silicon.
const FIRST_MAC: u32 = 13;

const CHIP: &str = msg!("This one's chip is too old for that: an A11 is the first that can, on Apple TV an A12.");
const INTEL: &str = msg!("This Mac has no Apple silicon, and cannot.");
const VIRTUAL: &str = msg!("This Mac is a virtual machine, and cannot.");

/// Whether a device with this ProductName and OS can show an attestation; either may be empty.
pub fn can_attest(product: &str, os_version: &str) -> Ability {
    match (of_hardware(product), of_os(product, os_version)) {
        (Ability::Cannot(why), _) | (_, Ability::Cannot(why)) => Ability::Cannot(why),
        (Ability::Can, Ability::Can) => Ability::Can,
        _ if runs_on_new_chips_only(product, os_version) => Ability::Can,
        _ => Ability::Unknown,
    }
}

fn of_hardware(product: &str) -> Ability {
    let family: String = product.chars().take_while(char::is_ascii_alphabetic).collect();
    let generation: Option<u32> = product[family.len()..].split(',').next().and_then(|number| number.parse().ok());
    let Some(generation) = generation else { return Ability::Unknown };
    let old = if Platform::of_product(product) == Platform::Macos { say(INTEL) } else { say(CHIP) };
    let from = |first: u32| if generation >= first { Ability::Can } else { Ability::Cannot(old) };
    match (family.as_str(), FIRST.iter().find(|(known, _)| *known == family)) {
        ("VirtualMac", _) => Ability::Cannot(say(VIRTUAL)),
        ("Mac", _) => from(FIRST_MAC),
        (_, Some((_, first))) => from(*first),
        // iPod touch ended with an A10; iMac Pro, Mac Pro and MacBook with Intel.
        ("iPod" | "iMacPro" | "MacPro" | "MacBook" | "Xserve", None) => Ability::Cannot(old),
        _ => Ability::Unknown,
    }
}

fn of_os(product: &str, os_version: &str) -> Ability {
    let (first, why) = match Platform::of_product(product) {
        Platform::Ios => (OsVersion::new(16, 0, 0), t!("It takes iOS 16 or iPadOS 16.1: update this one first.")),
        Platform::Macos => (OsVersion::new(14, 0, 0), t!("It takes macOS 14: update this Mac first.")),
        Platform::Tvos => (OsVersion::new(16, 0, 0), t!("It takes tvOS 16: update this Apple TV first.")),
        Platform::Visionos => (OsVersion::new(1, 1, 0), t!("It takes visionOS 1.1: update this Vision Pro first.")),
        Platform::Watchos | Platform::Unknown => return Ability::Unknown,
    };
    let version = OsVersion::parse(os_version);
    match () {
        () if version.is_at_least(first) => Ability::Can,
        () if version.is_older_than(first) => Ability::Cannot(why),
        () => Ability::Unknown,
    }
}

/// Some releases run on nothing older: iOS 16 on no iPhone before the A11, iPadOS 26 on no iPad before the A12.
fn runs_on_new_chips_only(product: &str, os_version: &str) -> bool {
    let version = OsVersion::parse(os_version);
    match product {
        "iPhone" => version.is_at_least(OsVersion::new(16, 0, 0)),
        "iPad" => version.is_at_least(OsVersion::new(26, 0, 0)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::model::MODELS;

    #[test]
    fn hardware_and_os_decide() {
        let can = [
            "iPhone10,4 16.0",
            "iPhone17,3 26.1",
            "iPad8,1 16.1",
            "iPad13,18 18.1",
            "iPad16,3 26.0",
            "Mac14,2 14.0",
            "MacBookAir10,1 14.5",
            "MacBookPro18,3 15.1",
            "Macmini9,1 26.0",
            "iMac21,1 14.0",
            "AppleTV11,1 16.0",
            "AppleTV14,1 18.1",
            "RealityDevice14,1 2.0",
            "iPhone 17.6",
            "iPad 26.0",
        ];
        for device in can {
            let (product, os) = device.split_once(' ').unwrap();
            assert_eq!(can_attest(product, os), Ability::Can, "{device}");
        }
        let cannot = [
            "iPhone8,1 15.8",
            "iPad7,5 17.7",
            "iPad7,11 18.1",
            "iPod9,1 15.8",
            "AppleTV5,3 26.0",
            "AppleTV6,2 26.0",
            "Macmini8,1 15.1",
            "iMac20,1 26.0",
            "MacBookPro16,1 15.1",
            "iMacPro1,1 15.0",
            "MacPro7,1 15.0",
            "VirtualMac2,1 26.0",
            "iPad13,18 15.7",
            "Mac14,2 13.6",
            "iPhone 15.8",
            "RealityDevice14,1 1.0",
        ];
        for device in cannot {
            let (product, os) = device.split_once(' ').unwrap();
            assert!(matches!(can_attest(product, os), Ability::Cannot(_)), "{device}");
        }
        for device in [" ", "iPad 18.6", "iPad13,18 ", "iPad13,18 nonsense", "Toaster1,1 1.0", "Watch6,1 11.0"] {
            let (product, os) = device.split_once(' ').unwrap();
            assert_eq!(can_attest(product, os), Ability::Unknown, "{device}");
        }
    }

    #[test]
    fn the_models_with_a_chip_of_the_new_kind_can_and_the_others_cannot() {
        // A UDID of the new form begins with the chip's number; it came with the A12 and M1. Of the older ones the A11 alone can.
        for model in MODELS {
            let newest = if model.family.platform() == crate::sim::model::Platform::Visionos { "26.0" } else { "27.0" };
            let expected = model.chip != 0 || model.product_name == "iPhone10,4";
            assert_eq!(can_attest(model.product_name, newest) == Ability::Can, expected, "{}", model.product_name);
        }
    }
}
