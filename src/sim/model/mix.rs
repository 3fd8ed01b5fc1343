//! Which devices a fleet consists of: the practice classroom, or what the command line asks for.

use super::catalog::{MODELS, Model, model};
use super::release::{Family, Platform, Release, Version, newest_release, releases};
use crate::error::{Error, Result};

/// Whose a device is that its person enrolls by their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByAccount {
    /// Their own: iOS 15, macOS 14, visionOS 1 and later.
    Own,
    /// The organisation's: iOS 17, macOS 14, visionOS 1 and later.
    School,
}

impl ByAccount {
    /// Whether a system can be enrolled so.
    fn is_known_to(self, release: &Release) -> bool {
        let since = match (release.platform, self) {
            (Platform::Ios, Self::Own) => 15,
            (Platform::Ios, Self::School) => 17,
            (Platform::Macos, _) => 14,
            (Platform::Visionos, _) => 1,
            _ => return false,
        };
        release.version.0 >= since
    }
}

/// What one device shall be.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Its hardware.
    pub model: &'static Model,
    /// What it runs at first.
    pub release: &'static Release,
    /// Whether an organisation supervises it.
    pub supervised: bool,
    /// Whether it comes through Automated Device Enrollment: set-up waits for `DeviceConfigured`.
    pub automated: bool,
    /// Whether its person enrolls it by their account, and whose it is then.
    pub by_account: Option<ByAccount>,
    /// Whether several people share it, each with a Managed Apple Account (iPads only).
    pub shared: bool,
}

/// How the devices of a fleet are chosen.
#[derive(Debug, Clone, Default)]
pub enum Mix {
    /// Twenty-five devices as a school has them, over and over.
    #[default]
    Classroom,
    /// The same wishes in turn.
    Of(Vec<Wish>),
}

/// One seat of the classroom: product name, major OS version, and whether it is supervised.
type Seat = (&'static str, u16, bool);

/// The practice classroom: sixteen iPads, three iPhones, four Macs, an Apple TV and a Vision Pro, from iOS 12 to 27.
const CLASSROOM: [Seat; 25] = [
    ("iPad13,18", 27, true),
    ("iPad12,1", 26, true),
    ("iPad11,6", 18, true),
    ("Mac14,2", 26, true),
    ("iPad7,5", 17, true),
    ("iPhone14,5", 26, false),
    ("iPad6,11", 16, true),
    ("AppleTV14,1", 18, true),
    ("iPad4,1", 12, true),
    ("MacBookAir10,1", 15, true),
    ("iPad15,7", 26, true),
    ("iPad7,11", 18, false),
    ("iPhone8,1", 15, false),
    ("iMac20,1", 14, true),
    ("iPad13,17", 27, false),
    ("iPad12,1", 17, true),
    ("iPad6,11", 13, true),
    ("RealityDevice14,1", 26, true),
    ("iPad7,5", 14, true),
    ("iPhone17,3", 27, true),
    ("Macmini8,1", 10, false),
    ("iPad11,6", 26, true),
    ("iPad7,11", 15, true),
    ("iPad13,18", 18, true),
    ("iPad15,7", 18, true),
];

/// The seats of devices that were unpacked just now: an iPad of each of three generations, and a Mac.
const UNPACKED: [usize; 4] = [0, 8, 9, 15];

/// How many devices the classroom has before it repeats.
pub(super) const CLASSROOM_SIZE: usize = CLASSROOM.len();

impl Mix {
    /// What device number `index` (from 0) shall be.
    pub fn wish(&self, index: usize) -> Wish {
        match self {
            Self::Of(wishes) if !wishes.is_empty() => wishes[index % wishes.len()],
            _ => classroom_seat(index % CLASSROOM_SIZE),
        }
    }

    /// The practice classroom, in which a few devices were unpacked just now and come in by their Setup Assistant.
    pub fn unpacked_classroom() -> Self {
        let wish = |index| Wish { automated: UNPACKED.contains(&index), ..classroom_seat(index) };
        Self::Of((0..CLASSROOM_SIZE).map(wish).collect())
    }

    /// The same devices, which all come in by their Setup Assistant.
    #[must_use]
    pub fn automated(self) -> Self {
        let wishes = match self {
            Self::Of(wishes) if !wishes.is_empty() => wishes,
            _ => (0..CLASSROOM_SIZE).map(classroom_seat).collect(),
        };
        Self::Of(wishes.into_iter().map(|wish| Wish { automated: true, ..wish }).collect())
    }

    /// Reads wishes as the command line spells them: `iPad13,18`, `Mac14,2@15`, `ipad@12`, `mac`; a `-` before one makes it unsupervised,
    /// `+automated` after it brings it by Automated Device Enrollment, `+own` and `+school` have its person enroll it by their account, as their own or
    /// as the organisation's, `+shared` makes it a Shared iPad.
    ///
    /// Without a version a device runs the newest release that its hardware allows.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self> {
        words.iter().map(|word| parse_wish(word.as_ref())).collect::<Result<Vec<_>>>().map(Self::Of)
    }
}

fn classroom_seat(index: usize) -> Wish {
    let (product_name, major, supervised) = CLASSROOM[index];
    // The test below looks every seat up.
    let model = model(product_name).expect("every seat of the classroom is in the catalog");
    let release = newest_release(model.family.platform(), major).expect("every seat's generation has a release");
    // One seat in four has not taken its generation's update yet.
    let release = if index % 4 == 1 { release_before(release) } else { release };
    Wish { model, release, supervised, automated: false, by_account: None, shared: false }
}

fn release_before(newest: &'static Release) -> &'static Release {
    releases(newest.platform).iter().rev().find(|release| release.version < newest.version).unwrap_or(newest)
}

fn parse_wish(word: &str) -> Result<Wish> {
    let (supervised, word) = word.strip_prefix('-').map_or((true, word), |rest| (false, rest));
    let mut words = word.split('+');
    let word = words.next().unwrap_or_default();
    let (mut automated, mut shared, mut by_account) = (false, false, None);
    for more in words {
        match more {
            "automated" => automated = true,
            "shared" => shared = true,
            "own" => by_account = Some(ByAccount::Own),
            "school" => by_account = Some(ByAccount::School),
            other => {
                return Err(Error::bad_input(format!(
                    "+{other} says nothing of a device; there are +automated, +own, +school and +shared"
                )));
            }
        }
    }
    let (name, version) = word.split_once('@').map_or((word, None), |(name, version)| (name, Some(version)));
    let models = models_called(name)?;
    if shared && models[0].family != Family::IPad {
        return Err(Error::bad_input(format!("{name}+shared: only iPads are shared")));
    }
    // Only a Mac is supervised by such an enrollment, and never a person's own.
    let supervised = match by_account {
        Some(ByAccount::Own) => false,
        Some(ByAccount::School) => models[0].family == Family::Mac,
        None => supervised,
    };
    let wish = |model: &'static Model, release: &'static Release| {
        if by_account.is_some_and(|by_account| !by_account.is_known_to(release)) {
            return Err(Error::bad_input(format!("{} {} cannot be enrolled by an account", model.product_name, release.text)));
        }
        Ok(Wish { model, release, supervised, automated, by_account, shared })
    };
    let Some(version) = version else {
        let model = models[models.len() - 1];
        return newest_release(model.family.platform(), model.last_major)
            .ok_or_else(|| Error::bad_input(format!("{name} has no release")))
            .and_then(|release| wish(model, release));
    };
    let asked =
        Version::parse(version).ok_or_else(|| Error::bad_input(format!("{version} is no OS version; write for example ipad@18")))?;
    models
        .iter()
        .rev()
        .find_map(|model| release_for(model, asked, names_generation(version)).map(|release| (*model, release)))
        .ok_or_else(|| Error::bad_input(format!("no simulated {name} runs {version}; known: {}", known_versions(models[0].family))))
        .and_then(|(model, release)| wish(model, release))
}

fn models_called(name: &str) -> Result<Vec<&'static Model>> {
    let family = match name.to_ascii_lowercase().as_str() {
        "ipad" => Some(Family::IPad),
        "iphone" => Some(Family::IPhone),
        "mac" => Some(Family::Mac),
        "appletv" | "tv" => Some(Family::AppleTv),
        "vision" => Some(Family::Vision),
        _ => None,
    };
    if let Some(family) = family {
        return Ok(MODELS.iter().filter(|model| model.family == family).collect());
    }
    let model = model(name).ok_or_else(|| {
        let names: Vec<_> = MODELS.iter().map(|model| model.product_name).collect();
        Error::bad_input(format!("no simulated model is called {name}; write ipad, iphone, mac, tv, vision or one of {}", names.join(" ")))
    })?;
    Ok(vec![model])
}

/// Whether a version names a whole generation, `18` or `10.15`, and not one release of it.
fn names_generation(version: &str) -> bool {
    version.matches('.').count() == usize::from(version.starts_with("10."))
}

/// The release that `asked` names: the exact one, or the newest of its generation where it names that.
fn release_for(model: &Model, asked: Version, is_generation: bool) -> Option<&'static Release> {
    let generation = |release: &&Release| release.version.0 == asked.0 && (asked.0 != 10 || asked.1 == 0 || release.version.1 == asked.1);
    let own = || releases(model.family.platform()).iter().rev().filter(|release| model.runs(release));
    own().find(|release| release.version == asked).or_else(|| own().find(generation).filter(|_| is_generation))
}

fn known_versions(family: Family) -> String {
    let platform: Platform = family.platform();
    releases(platform).iter().map(|release| release.text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classroom_spans_every_family_and_ios_12_to_27() {
        let wishes: Vec<_> = (0..CLASSROOM_SIZE).map(|index| Mix::Classroom.wish(index)).collect();
        for family in [Family::IPad, Family::IPhone, Family::Mac, Family::AppleTv, Family::Vision] {
            assert!(wishes.iter().any(|wish| wish.model.family == family), "{family:?}");
        }
        let majors: Vec<_> =
            wishes.iter().filter(|wish| wish.release.platform == Platform::Ios).map(|wish| wish.release.version.0).collect();
        assert!(majors.contains(&12) && majors.contains(&27), "{majors:?}");
        assert!(wishes.iter().all(|wish| wish.model.runs(wish.release)));
        assert!(
            wishes.iter().any(|wish| wish.release.version < newest_release(wish.release.platform, wish.model.last_major).unwrap().version)
        );
    }

    #[test]
    fn wishes_are_read_as_they_are_typed() {
        let mix = Mix::parse(&["iPad13,18", "mac@15", "-iphone@12", "mac@10.15"]).unwrap();
        assert_eq!((mix.wish(0).release.text, mix.wish(0).supervised), ("27.1", true));
        assert_eq!((mix.wish(1).model.product_name, mix.wish(1).release.text), ("Mac16,10", "15.7.1"));
        assert_eq!((mix.wish(2).release.text, mix.wish(2).supervised), ("12.5.7", false));
        assert_eq!(mix.wish(3).release.text, "10.15.7");
        assert_eq!(mix.wish(4).model.product_name, "iPad13,18");
        let unpacked = Mix::unpacked_classroom();
        let all = (0..CLASSROOM_SIZE).map(|index| unpacked.wish(index)).filter(|wish| wish.automated);
        assert!(all.clone().count() == UNPACKED.len() && all.clone().all(|wish| wish.supervised));
        let all = Mix::Classroom.automated();
        assert!((0..CLASSROOM_SIZE).all(|index| all.wish(index).automated));
        let mix = Mix::parse(&["ipad@18+shared", "-mac@15+automated"]).unwrap();
        assert_eq!((mix.wish(0).shared, mix.wish(0).automated), (true, false));
        assert_eq!((mix.wish(1).supervised, mix.wish(1).automated), (false, true));
    }

    #[test]
    fn a_wrong_wish_says_what_there_is() {
        assert!(Mix::parse(&["toaster"]).unwrap_err().message.contains("iPad13,18"));
        assert!(Mix::parse(&["ipad@99"]).unwrap_err().message.contains("27.1"));
        assert!(Mix::parse(&["ipad@x"]).is_err());
        assert!(Mix::parse(&["ipad@26.4"]).unwrap_err().message.contains("26.1"), "no other release in its stead");
        assert!(Mix::parse(&["ipad+fast"]).unwrap_err().message.contains("+automated"));
        assert!(Mix::parse(&["mac+shared"]).unwrap_err().message.contains("only iPads"));
        for too_old in ["ipad@14+own", "ipad@16+school", "mac@13+own", "tv+own"] {
            assert!(Mix::parse(&[too_old]).unwrap_err().message.contains("by an account"), "{too_old}");
        }
        let wish = Mix::parse(&["ipad@15+own", "mac@14+school"]).unwrap();
        assert_eq!((wish.wish(0).by_account, wish.wish(0).supervised), (Some(ByAccount::Own), false));
        assert_eq!((wish.wish(1).by_account, wish.wish(1).supervised), (Some(ByAccount::School), true));
    }
}
