//! One invented device: everything it would say of itself, from a seed; no serial number, UDID or person here is real.

use uuid::Uuid;

use super::apps::{KNOWN_APPS, KnownApp};
use super::catalog::Model;
use super::mix::{ByAccount, CLASSROOM_SIZE, Wish};
use super::release::{Family, Release};

/// How many serial numbers a seed has to itself.
const SERIALS_PER_SEED: u64 = 10_000;

/// Seeds are folded below this, so that serial numbers stay short.
const SEEDS: u64 = 1_000_000;

/// The classes that iPads belong to, one for each twenty-five devices.
const CLASSES: [&str; 8] = ["7b", "7a", "8a", "8b", "9a", "9b", "10a", "10b"];

/// Given names of the invented people who have an account.
const PEOPLE: [(&str, &str); 8] = [
    ("ada", "Ada Example"),
    ("ben", "Ben Example"),
    ("cleo", "Cleo Example"),
    ("dan", "Dan Example"),
    ("eva", "Eva Example"),
    ("finn", "Finn Example"),
    ("gita", "Gita Example"),
    ("hugo", "Hugo Example"),
];

/// One invented device as it leaves its box.
#[derive(Debug, Clone)]
pub struct Individual {
    /// Its number in the fleet, from 1.
    pub number: u32,
    /// Its hardware.
    pub model: &'static Model,
    /// What it runs.
    pub release: &'static Release,
    /// Serial number, `TESTSN` and at least four digits.
    pub serial_number: String,
    /// UDID in the form of its model: 40 hexadecimal digits, `8-16` digits, or a UUID for a Mac.
    pub udid: String,
    /// The UDID that provisioning profiles and status reports name; Macs with Apple's own chip have it beside their UUID.
    pub provisioning_udid: Option<String>,
    /// Its name, for example `iPad of class 7b 04`.
    pub name: String,
    /// MAC addresses of Wi-Fi and Bluetooth, locally administered.
    pub wifi_mac: String,
    /// MAC address of Bluetooth.
    pub bluetooth_mac: String,
    /// MAC address of the wired network, where it has one.
    pub ethernet_mac: Option<String>,
    /// IMEI of the test range, where it has a modem.
    pub imei: Option<String>,
    /// ICCID of an invented SIM, where it has a modem.
    pub iccid: Option<String>,
    /// Storage, in GB.
    pub capacity_gb: f64,
    /// Free storage, in GB.
    pub available_gb: f64,
    /// Battery level from 0 to 1, where it has one.
    pub battery: Option<f64>,
    /// An organisation supervises it.
    pub supervised: bool,
    /// It came through Automated Device Enrollment.
    pub automated: bool,
    /// Its person enrolls it by their account.
    pub by_account: Option<ByAccount>,
    /// It is a Shared iPad.
    pub shared: bool,
    /// It has a passcode.
    pub passcode: bool,
    /// A Mac whose disk is encrypted.
    pub filevault: bool,
    /// The people who have an account on it (Macs and Shared iPads).
    pub accounts: Vec<Account>,
    /// The apps that its user installed by themselves.
    pub apps: Vec<OwnApp>,
    /// Where it is, as degrees north and east.
    pub location: (f64, f64),
    /// How the person who has it behaves.
    pub person: Person,
}

/// An app that its user installed by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnApp {
    /// It.
    pub app: &'static KnownApp,
    /// It is still the version before the one that the store offers.
    pub is_old: bool,
}

/// An account on a Mac or a Shared iPad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What kind of account it is.
    pub kind: AccountKind,
    /// `UserID`: a UUID, or all F for a Shared iPad.
    pub user_id: String,
    /// `UserShortName`; on a Shared iPad the Managed Apple Account.
    pub short_name: String,
    /// `UserLongName`.
    pub long_name: String,
}

/// What kind of account it is; it decides how its channel begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A local account: the channel begins with TokenUpdate.
    Local,
    /// An account of a directory: the channel begins with UserAuthenticate.
    Network,
    /// A person who shares an iPad: TokenUpdate alone.
    SharedIpad,
}

/// The `UserID` that every user of a Shared iPad has.
pub(crate) const SHARED_IPAD_USER_ID: &str = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";

/// How the person who has the device behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Says yes when the device asks whether an app may be installed.
    pub agrees: bool,
    /// Seconds until they answer a question.
    pub answers_after_s: u32,
    /// Seconds until they unlock a restarted device or switch on one that is off.
    pub returns_after_s: u32,
}

/// Invents device number `number` (from 1) of the fleet that `seed` determines.
pub fn invent(seed: u64, number: u32, wish: Wish) -> Individual {
    let mut dice = Dice(fastrand::Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(number)));
    let model = wish.model;
    let serial = (seed % SEEDS) * SERIALS_PER_SEED + u64::from(number);
    let capacity = model.capacities_gb[dice.below(model.capacities_gb.len())];
    let capacity_gb = f64::from(capacity) * 0.93;
    let sim = model.cellular;
    Individual {
        number,
        model,
        release: wish.release,
        serial_number: format!("TESTSN{serial:04}"),
        udid: dice.udid(model),
        provisioning_udid: model.is_apple_silicon().then(|| dice.new_udid(model.chip)),
        name: name_of(model, number),
        wifi_mac: dice.mac(),
        bluetooth_mac: dice.mac(),
        ethernet_mac: matches!(model.family, Family::Mac | Family::AppleTv).then(|| dice.mac()),
        imei: sim.then(|| imei(number)),
        iccid: sim.then(|| format!("8900001000000{:06}", number % 1_000_000)),
        capacity_gb,
        available_gb: capacity_gb * (0.25 + 0.5 * dice.0.f64()),
        battery: model.battery.then(|| ((0.3 + 0.7 * dice.0.f64()) * 100.0).round() / 100.0),
        supervised: wish.supervised,
        automated: wish.automated,
        by_account: wish.by_account,
        shared: wish.shared && model.family == Family::IPad,
        passcode: !matches!(model.family, Family::AppleTv) && dice.below(4) > 0,
        filevault: model.family == Family::Mac && dice.below(3) > 0,
        accounts: dice.accounts(model, wish.shared),
        apps: dice.apps(model),
        location: (50.0 + 4.0 * dice.0.f64(), 7.0 + 5.0 * dice.0.f64()),
        person: dice.person(),
    }
}

/// People who log in at an iPad that becomes a shared one.
const SHARED_BY: usize = 3;

impl Individual {
    /// It is set up to be shared, or by one person; only iPads can be shared. A few people will log in at it then.
    pub fn share(&mut self, shared: bool) {
        if self.model.family != Family::IPad || self.shared == shared {
            return;
        }
        self.shared = shared;
        let person = |offset: usize| PEOPLE[(self.number as usize + offset) % PEOPLE.len()];
        let people = if shared { SHARED_BY } else { 0 };
        self.accounts = (0..people).map(person).map(|(short, long)| shared_account(short, long)).collect();
    }

    /// The host name that a Mac makes of its name.
    pub fn local_host_name(&self) -> String {
        self.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
    }

    /// A number that differs from device to device and stays, for what must not all happen at the same moment.
    pub fn spread(&self, bound: u32) -> u32 {
        self.number.wrapping_mul(2_654_435_769).rotate_left(13) % bound.max(1)
    }
}

fn name_of(model: &Model, number: u32) -> String {
    let (block, seat) = ((number as usize - 1) / CLASSROOM_SIZE, (number as usize - 1) % CLASSROOM_SIZE + 1);
    let class = CLASSES[block % CLASSES.len()];
    match model.family {
        Family::IPad => format!("iPad of class {class} {seat:02}"),
        Family::IPhone => format!("iPhone of the office {number:02}"),
        Family::Mac => format!("{} of the lab {number:02}", model.model_name),
        Family::AppleTv => format!("Apple TV of room {class}"),
        Family::Vision => format!("Vision Pro of physics {number:02}"),
    }
}

/// An IMEI of the range kept for tests, with its check digit, as iOS spells it.
fn imei(number: u32) -> String {
    let digits = format!("00101900{:06}", number % 1_000_000);
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            let doubled = if index % 2 == 1 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    let check = (10 - sum % 10) % 10;
    format!("{} {} {} {check}", &digits[..2], &digits[2..8], &digits[8..])
}

/// The seeded generator with what devices are made of.
struct Dice(fastrand::Rng);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound)
    }

    fn udid(&mut self, model: &Model) -> String {
        match (model.family, model.chip) {
            (Family::Mac, _) => Uuid::from_u128(self.0.u128(..)).hyphenated().to_string().to_uppercase(),
            (_, 0) => (0..40).map(|_| char::from_digit(self.0.u32(..16), 16).unwrap_or('0')).collect(),
            (_, chip) => self.new_udid(chip),
        }
    }

    fn new_udid(&mut self, chip: u16) -> String {
        format!("0000{chip:04X}-000{:013X}", self.0.u64(..1 << 52))
    }

    fn mac(&mut self) -> String {
        let octets: [u8; 5] = std::array::from_fn(|_| self.0.u8(..));
        octets.iter().fold(String::from("02"), |text, octet| format!("{text}:{octet:02x}"))
    }

    fn accounts(&mut self, model: &Model, shared: bool) -> Vec<Account> {
        let first = self.below(PEOPLE.len());
        let person = |offset: usize| PEOPLE[(first + offset) % PEOPLE.len()];
        match model.family {
            Family::Mac => {
                let (short_name, long_name) = person(0);
                let user_id = Uuid::from_u128(self.0.u128(..)).hyphenated().to_string().to_uppercase();
                let (short_name, long_name) = (short_name.to_owned(), long_name.to_owned());
                vec![Account { kind: AccountKind::Local, user_id, short_name, long_name }]
            }
            Family::IPad if shared => (0..2).map(person).map(|(short, long)| shared_account(short, long)).collect(),
            _ => Vec::new(),
        }
    }

    fn apps(&mut self, model: &Model) -> Vec<OwnApp> {
        let here = KNOWN_APPS.iter().filter(|app| app.platforms.contains(&model.family.platform()));
        let thrown = here.map(|app| (app, self.0.u8(..)));
        thrown.filter(|(_, dice)| *dice < 64).map(|(app, dice)| OwnApp { app, is_old: dice < 32 }).collect()
    }

    fn person(&mut self) -> Person {
        Person { agrees: self.below(5) > 0, answers_after_s: self.0.u32(20..300), returns_after_s: self.0.u32(120..1800) }
    }
}

fn shared_account(short: &str, long: &str) -> Account {
    Account {
        kind: AccountKind::SharedIpad,
        user_id: SHARED_IPAD_USER_ID.to_owned(),
        short_name: format!("{short}@example.school"),
        long_name: long.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::mix::Mix;
    use super::*;

    fn individual(words: &str, number: u32) -> Individual {
        invent(1, number, Mix::parse(&[words]).unwrap().wish(0))
    }

    #[test]
    fn a_seed_and_a_number_determine_the_device() {
        let (a, b) = (individual("ipad", 3), individual("ipad", 3));
        assert_eq!((a.udid, a.wifi_mac, a.serial_number), (b.udid, b.wifi_mac, b.serial_number));
        assert_ne!(individual("ipad", 4).wifi_mac, individual("ipad", 5).wifi_mac);
    }

    #[test]
    fn serial_numbers_say_that_they_are_invented_and_differ_between_seeds() {
        let wish = Mix::default().wish(0);
        assert_eq!(invent(0, 1, wish).serial_number, "TESTSN0001");
        assert_eq!(invent(7, 12, wish).serial_number, "TESTSN70012");
    }

    #[test]
    fn udids_have_the_form_of_their_hardware() {
        let old = individual("iPad7,5", 1).udid;
        assert!(old.len() == 40 && old.bytes().all(|digit| digit.is_ascii_hexdigit()), "{old}");
        let new = individual("iPad13,18", 1).udid;
        assert!(new.starts_with("00008101-000") && new.len() == 25, "{new}");
        let mac = individual("Mac14,2", 1);
        assert!(Uuid::parse_str(&mac.udid).is_ok(), "{}", mac.udid);
        assert!(mac.provisioning_udid.unwrap().starts_with("00008112-"));
    }

    #[test]
    fn an_imei_ends_with_its_check_digit() {
        assert_eq!(imei(1), format!("00 101900 000001 {}", luhn("00101900000001")));
    }

    /// The check digit by the textbook, from the right.
    fn luhn(digits: &str) -> u32 {
        let sum: u32 = digits
            .bytes()
            .rev()
            .map(|digit| u32::from(digit - b'0'))
            .enumerate()
            .map(|(index, digit)| if index % 2 == 0 { (digit * 2) % 10 + digit * 2 / 10 } else { digit })
            .sum();
        (10 - sum % 10) % 10
    }

    #[test]
    fn ipads_are_named_after_their_class() {
        assert_eq!(individual("ipad", 4).name, "iPad of class 7b 04");
        assert_eq!(individual("ipad", 29).name, "iPad of class 7a 04");
    }
}
