//! Devices of people who bring their own and enroll them by their account.

use super::catalog::model;
use super::individual::{Individual, invent};
use super::mix::{ByAccount, Wish};
use super::release::{Platform, newest_release};

/// The number before the first of them: neither a classroom nor the cart has as many devices.
const NUMBERED_FROM: u32 = 9_500;

/// What they are, and the generation of the system that each runs: one whose settings come by declarations, and one older.
const KINDS: [(&str, u16); 2] = [("iPhone17,3", 26), ("iPad12,1", 18)];

/// Two of them, an iPhone and an iPad; nobody supervises them, and nobody but they themselves knows their serial numbers.
pub fn own_devices(seed: u64) -> Vec<Individual> {
    let own = |(number, (product, major)): (u32, (&str, u16))| {
        // The test below looks both up.
        let model = model(product).expect("the model of each is in the catalog");
        let release = newest_release(Platform::Ios, major).expect("the generation of each has a release");
        let wish = Wish { model, release, supervised: false, automated: false, shared: false, by_account: Some(ByAccount::Own) };
        // Nobody gave them a place in a room.
        Individual { name: model.model_name.to_owned(), ..invent(seed, NUMBERED_FROM + number, wish) }
    };
    (1..).zip(KINDS).map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_an_iphone_and_an_ipad_that_their_people_enroll() {
        let own = own_devices(1);
        assert_eq!(own.iter().map(|own| own.model.model_name).collect::<Vec<_>>(), ["iPhone", "iPad"]);
        assert!(own.iter().all(|own| own.name == own.model.model_name));
        assert!(own.iter().all(|own| own.by_account == Some(ByAccount::Own) && !own.supervised && own.model.runs(own.release)));
        assert_ne!(own[0].udid, own[1].udid);
    }
}
