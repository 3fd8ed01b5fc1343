//! The hardware models that simulated devices are of: public facts of Apple's line, as far as a device tells them to a server.

use super::release::{Family, Release};

/// One hardware model.
#[derive(Debug, PartialEq)]
pub struct Model {
    /// The family it belongs to.
    pub family: Family,
    /// `ProductName`, for example `iPad13,18`.
    pub product_name: &'static str,
    /// The name a person knows, for example `iPad (10th generation)`.
    pub marketing_name: &'static str,
    /// `ModelName`, for example `iPad` or `MacBook Air`.
    pub model_name: &'static str,
    /// `Model` on iOS and its kin: the order number, for example `MPQ03`. Macs say their product name there.
    pub order_number: &'static str,
    /// The software update device id of a Mac (its board, for example `J413AP`); other families use the product name.
    pub board: &'static str,
    /// The chip's number in UDIDs of the new form (0x8101 in `00008101-…`); 0 where UDIDs have 40 digits.
    pub chip: u16,
    /// The first major OS version it runs; 10 is macOS 10.15.
    pub first_major: u16,
    /// The last major OS version it runs.
    pub last_major: u16,
    /// Storage sizes it is sold with, in GB.
    pub capacities_gb: &'static [u16],
    /// It has a battery.
    pub battery: bool,
    /// It has a mobile network modem.
    pub cellular: bool,
}

impl Model {
    /// Whether `release` runs on this model.
    pub fn runs(&self, release: &Release) -> bool {
        release.platform == self.family.platform() && (self.first_major..=self.last_major).contains(&release.version.0)
    }

    /// Whether a Mac has Apple's own chip.
    pub fn is_apple_silicon(&self) -> bool {
        self.family == Family::Mac && self.chip != 0
    }

    /// Whether its chip can have itself attested: those whose number is in the UDID, and the A11 before them.
    pub fn attests(&self) -> bool {
        self.chip != 0 || self.product_name == "iPhone10,4"
    }

    /// The id under which the software lookup service lists this model.
    pub fn software_update_device_id(&self) -> &'static str {
        if self.board.is_empty() { self.product_name } else { self.board }
    }
}

/// Writes one model of the table: names first, then what it runs, then what it is made of.
macro_rules! model {
    ($family:ident $product:literal $marketing:literal, $name:literal $order:literal $board:literal, $chip:literal,
     $first:literal ..= $last:literal, $capacities:expr, $($part:ident)*) => {
        Model {
            family: Family::$family,
            product_name: $product,
            marketing_name: $marketing,
            model_name: $name,
            order_number: $order,
            board: $board,
            chip: $chip,
            first_major: $first,
            last_major: $last,
            capacities_gb: &$capacities,
            battery: has!(battery $($part)*),
            cellular: has!(cellular $($part)*),
        }
    };
}

/// Whether a part is among those listed.
macro_rules! has {
    (battery battery $($rest:ident)*) => { true };
    (cellular cellular $($rest:ident)*) => { true };
    ($wanted:ident $other:ident $($rest:ident)*) => { has!($wanted $($rest)*) };
    ($wanted:ident) => { false };
}

/// All models, by family and age.
pub const MODELS: &[Model] = &[
    model!(IPad "iPad4,1" "iPad Air", "iPad" "MD786" "", 0, 12..=12, [16, 32], battery),
    model!(IPad "iPad6,11" "iPad (5th generation)", "iPad" "MP2F2" "", 0, 12..=16, [32, 128], battery),
    model!(IPad "iPad7,5" "iPad (6th generation)", "iPad" "MR7F2" "", 0, 12..=17, [32, 128], battery),
    model!(IPad "iPad7,11" "iPad (7th generation)", "iPad" "MW742" "", 0, 13..=18, [32, 128], battery),
    model!(IPad "iPad11,6" "iPad (8th generation)", "iPad" "MYL92" "", 0x8020, 14..=26, [32, 128], battery),
    model!(IPad "iPad12,1" "iPad (9th generation)", "iPad" "MK2K3" "", 0x8030, 15..=27, [64, 256], battery),
    model!(IPad "iPad13,18" "iPad (10th generation)", "iPad" "MPQ03" "", 0x8101, 16..=27, [64, 256], battery),
    model!(IPad "iPad13,17" "iPad Air (5th generation)", "iPad" "MM6R3" "", 0x8103, 15..=27, [64, 256], battery cellular),
    model!(IPad "iPad15,7" "iPad (A16)", "iPad" "MD3Y4" "", 0x8120, 18..=27, [128, 256], battery),
    model!(IPhone "iPhone7,2" "iPhone 6", "iPhone" "MG472" "", 0, 12..=12, [16, 64], battery cellular),
    model!(IPhone "iPhone8,1" "iPhone 6s", "iPhone" "MKQJ2" "", 0, 12..=15, [32, 64], battery cellular),
    model!(IPhone "iPhone10,4" "iPhone 8", "iPhone" "MQ6G2" "", 0, 12..=16, [64, 256], battery cellular),
    model!(IPhone "iPhone12,8" "iPhone SE (2nd generation)", "iPhone" "MX9R2" "", 0x8030, 13..=26, [64, 128], battery cellular),
    model!(IPhone "iPhone13,2" "iPhone 12", "iPhone" "MGJ53" "", 0x8101, 14..=27, [64, 128, 256], battery cellular),
    model!(IPhone "iPhone14,5" "iPhone 13", "iPhone" "MLPF3" "", 0x8110, 15..=27, [128, 256], battery cellular),
    model!(IPhone "iPhone17,3" "iPhone 16", "iPhone" "MYE73" "", 0x8140, 18..=27, [128, 256], battery cellular),
    model!(Mac "MacBookPro11,4" "MacBook Pro (15-inch, mid 2015)", "MacBook Pro" "" "Mac-06F11FD93F0323C5", 0, 10..=12, [256, 512], battery),
    model!(Mac "Macmini8,1" "Mac mini (2018)", "Mac mini" "" "J174AP", 0, 10..=15, [256, 512], ),
    model!(Mac "iMac20,1" "iMac (27-inch, 2020)", "iMac" "" "J185AP", 0, 10..=26, [256, 512], ),
    model!(Mac "MacBookAir10,1" "MacBook Air (M1)", "MacBook Air" "" "J313AP", 0x8103, 11..=27, [256, 512], battery),
    model!(Mac "Macmini9,1" "Mac mini (M1)", "Mac mini" "" "J274AP", 0x8103, 11..=27, [256, 512], ),
    model!(Mac "iMac21,1" "iMac (24-inch, M1)", "iMac" "" "J456AP", 0x8103, 11..=27, [256, 512], ),
    model!(Mac "Mac14,2" "MacBook Air (M2)", "MacBook Air" "" "J413AP", 0x8112, 12..=27, [256, 512], battery),
    model!(Mac "Mac15,3" "MacBook Pro (14-inch, M3)", "MacBook Pro" "" "J504AP", 0x8122, 14..=27, [512, 1024], battery),
    model!(Mac "Mac16,10" "Mac mini (M4)", "Mac mini" "" "J773gAP", 0x8132, 15..=27, [256, 512], ),
    model!(AppleTv "AppleTV5,3" "Apple TV HD", "Apple TV" "MGY52" "", 0, 12..=26, [32], ),
    model!(AppleTv "AppleTV6,2" "Apple TV 4K", "Apple TV" "MQD22" "", 0, 12..=26, [32, 64], ),
    model!(AppleTv "AppleTV14,1" "Apple TV 4K (3rd generation)", "Apple TV" "MN873" "", 0x8110, 16..=27, [64, 128], ),
    model!(Vision "RealityDevice14,1" "Apple Vision Pro", "Apple Vision Pro" "MQL83" "", 0x8112, 1..=27, [256, 512], battery),
];

/// The model called `product_name`.
pub fn model(product_name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.product_name == product_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::model::releases;

    #[test]
    fn every_model_runs_a_release_and_has_a_storage_size() {
        for model in MODELS {
            assert!(releases(model.family.platform()).iter().any(|release| model.runs(release)), "{}", model.product_name);
            assert!(!model.capacities_gb.is_empty());
            assert_eq!(super::model(model.product_name), Some(model));
            assert_eq!(model.family == Family::Mac, !model.board.is_empty(), "{}", model.product_name);
        }
    }
}
