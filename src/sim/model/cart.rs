//! The practice cart: boxed iPads as an organisation has just bought them, before anybody switches them on.

use super::catalog::model;
use super::individual::{Individual, invent};
use super::mix::Wish;
use super::release::{Platform, newest_release};

/// How many iPads the cart holds.
pub const CART_SIZE: u32 = 10;

/// The number before the first of the cart: no classroom has as many devices.
const NUMBERED_FROM: u32 = 9_000;

/// What they are.
const PRODUCT: &str = "iPad13,18";

/// What they run, in turn: what lay longest in the shop is the oldest.
const SYSTEMS: [u16; 3] = [26, 18, 27];

/// The seed of what identifies them.
const BORN_WITH: u64 = 1;

/// The iPads of the cart, all that they will ever say of themselves; what they were born with, serial number and UDID, is the same whatever the seed.
pub fn cart(seed: u64) -> Vec<Individual> {
    let number_of = |seat: u32| NUMBERED_FROM + seat;
    let boxed = |(seat, major): (u32, u16)| {
        // The test below looks both up.
        let model = model(PRODUCT).expect("the cart's model is in the catalog");
        let release = newest_release(Platform::Ios, major).expect("every generation of the cart has a release");
        let wish = Wish { model, release, supervised: false, automated: true, shared: false, by_account: None };
        Individual {
            serial_number: format!("BOXEDSN{seat:04}"),
            udid: invent(BORN_WITH, number_of(seat), wish).udid,
            name: format!("iPad of the cart {seat:02}"),
            passcode: false,
            apps: Vec::new(),
            ..invent(seed, number_of(seat), wish)
        }
    };
    (1..=CART_SIZE).zip(SYSTEMS.into_iter().cycle()).map(boxed).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_cart_holds_ten_ipads_that_are_as_they_left_the_shop() {
        let cart = cart(1);
        let serials: BTreeSet<_> = cart.iter().map(|boxed| boxed.serial_number.as_str()).collect();
        let udids: BTreeSet<_> = cart.iter().map(|boxed| boxed.udid.as_str()).collect();
        assert_eq!((serials.len(), udids.len(), cart[9].serial_number.as_str()), (10, 10, "BOXEDSN0010"));
        assert!(cart.iter().all(|boxed| boxed.automated && !boxed.supervised && boxed.apps.is_empty() && boxed.model.runs(boxed.release)));
        assert_eq!(cart[0].release.version.0, 26);
        let other: BTreeSet<_> = super::cart(2).into_iter().map(|boxed| boxed.udid).collect();
        assert!(other.iter().all(|udid| udids.contains(udid.as_str())), "the same hardware");
    }
}
