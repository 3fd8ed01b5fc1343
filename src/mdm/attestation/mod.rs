//! Whether devices are genuine: what proof is asked for, which devices can give it, and what a proof is worth.

mod can;
mod claim;
pub mod judge;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, apple_roots, journal};
use crate::pki::apple::ATTESTATION_ROOT;
use crate::pki::certificate::Certificate;
use crate::protocol::platform::Platform;
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx};

pub use can::{Ability, can_attest};
pub use claim::Claim;

/// Whether a proof is asked for when a device enrolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AttestationMode)]
pub enum Mode {
    /// None is asked for.
    #[default]
    Off,
    /// Devices that can prove it are asked to; the others come in without.
    Prefer,
    /// Who does not prove it does not come in.
    Require,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Off, Self::Prefer, Self::Require];

    /// The word in the database, the API and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }

    /// Reads the word of a form.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// The platforms that a mode is chosen for.
pub const PLATFORMS: [Platform; 4] = [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos];

/// What proof is asked for, by platform; where nothing was chosen, none is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy(BTreeMap<Platform, Mode>);

impl Policy {
    /// The mode of a platform.
    pub fn of(&self, platform: Platform) -> Mode {
        self.0.get(&platform).copied().unwrap_or_default()
    }

    /// The same policy with another mode for one platform.
    #[must_use]
    pub fn with(mut self, platform: Platform, mode: Mode) -> Self {
        self.0.insert(platform, mode);
        self
    }

    /// Whether any platform has this mode.
    pub fn any(&self, mode: Mode) -> bool {
        PLATFORMS.iter().any(|platform| self.of(*platform) == mode)
    }
}

const POLICY: Setting<Policy> = Setting::new("attestation.policy");

/// Roots that vouch instead of Apple's, DER in base64, as the last start was given them.
const STAND_INS: Setting<Vec<String>> = Setting::new("attestation.stand_in_roots");

/// When somebody first wanted to know whether a device is genuine, though Apple's root is not here.
const WANTED: Setting<Timestamp> = Setting::new("attestation.root_wanted_at");

/// When Apple's root was last tried to be had.
const ASKED: Setting<Timestamp> = Setting::new("attestation.root_asked_at");

/// How long after a failure Apple's root is tried to be had again.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// What proof is asked for.
pub fn policy(tx: &Tx) -> Result<Policy> {
    Ok(settings::value(tx, &POLICY)?.unwrap_or_default())
}

/// What proof is asked for, and whether the root is here by which it is judged, for who may look.
pub fn show(tx: &Tx, actor: &Actor) -> Result<(Policy, bool)> {
    actor.require(Right::View)?;
    Ok((policy(tx)?, !roots(tx)?.is_empty()))
}

/// Chooses modes for platforms; those that are not given stay.
pub fn change(tx: &Tx, actor: &Actor, wanted: &[(Platform, Mode)]) -> Result<Policy> {
    actor.require(Right::Configure)?;
    let before = policy(tx)?;
    let mut after = before.clone();
    for (platform, mode) in wanted {
        if !PLATFORMS.contains(platform) {
            return Err(Error::field("platform", t!("ios, macos, tvos or visionos: no other device enrolls with a proof of its own")));
        }
        after = after.with(*platform, *mode);
    }
    if settings::set(tx, &POLICY, &after)? {
        let told: BTreeMap<_, _> = PLATFORMS.iter().map(|platform| (platform.as_str(), after.of(*platform).as_str())).collect();
        journal::note(tx, actor, "attestation.policy_changed", journal::Subject::default(), json!(told))?;
        tx.ring(Bell::Jobs);
    }
    Ok(after)
}

/// How a device gets its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// By ACME; whether it is asked for an attestation.
    Acme {
        /// `Attest` of the payload.
        attest: bool,
    },
    /// By SCEP.
    Scep,
    /// Not at all: what its person is told.
    Refused(String),
}

/// How a device gets its identity, by what proof is asked for and what hardware (`iPad13,18`) and OS it has; both may be unknown, and then empty.
pub fn identity_for(policy: &Policy, product: &str, os_version: &str) -> Identity {
    let mode = match Platform::of_product(product) {
        Platform::Unknown if policy.any(Mode::Require) => Mode::Require,
        platform => policy.of(platform),
    };
    match (mode, can_attest(product, os_version)) {
        (Mode::Prefer | Mode::Require, Ability::Can) => Identity::Acme { attest: true },
        (Mode::Off | Mode::Prefer, _) => Identity::Scep,
        (Mode::Require, Ability::Cannot(why)) => {
            Identity::Refused(t!("Only devices that can prove that they are genuine come in here. {why}", why))
        }
        (Mode::Require, Ability::Unknown) => Identity::Refused(String::from(t!(
            "Only devices that can prove that they are genuine come in here, and this browser does not say which device it runs on."
        ))),
    }
}

/// The policy as it can be followed: without a root to judge by, nothing is preferred, and what is required stays required.
pub fn effective(tx: &Tx) -> Result<Policy> {
    let mut policy = policy(tx)?;
    if roots(tx)?.is_empty() {
        for platform in PLATFORMS {
            if policy.of(platform) == Mode::Prefer {
                policy = policy.with(platform, Mode::Off);
            }
        }
    }
    Ok(policy)
}

/// The roots that attestations must stand under: Apple's, or those that stand in for it by the settings of this start.
pub fn roots(tx: &Tx) -> Result<Vec<Certificate>> {
    let stand_ins = settings::value(tx, &STAND_INS)?.unwrap_or_default();
    if stand_ins.is_empty() {
        return Ok(apple_roots::certificate(tx, &ATTESTATION_ROOT)?.into_iter().collect());
    }
    Ok(stand_ins.iter().filter_map(|text| STANDARD.decode(text).ok()).filter_map(|der| Certificate::from_der(&der).ok()).collect())
}

/// Whether others vouch in the place of Apple, by the settings of this start: then simulated devices can prove what they are, too.
pub fn has_stand_ins(tx: &Tx) -> Result<bool> {
    Ok(settings::value(tx, &STAND_INS)?.is_some())
}

/// Notes which roots vouch instead of Apple's, as this start was told; none: Apple's own does.
pub fn learn_roots(tx: &Tx, stand_ins: &[Certificate]) -> Result<()> {
    let texts: Vec<_> = stand_ins.iter().map(|root| STANDARD.encode(root.der())).collect();
    if texts.is_empty() { settings::forget(tx, &STAND_INS).map(drop) } else { settings::set(tx, &STAND_INS, &texts).map(drop) }
}

/// Somebody wants to know whether a device is genuine: the root is had soon.
pub(in crate::mdm) fn want_root(tx: &Tx) -> Result<()> {
    if settings::value(tx, &WANTED)?.is_none() {
        settings::set(tx, &WANTED, &tx.now)?;
    }
    settings::forget(tx, &ASKED)?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// When Apple's root is to be had: once it is needed, and again a day after it could not be had.
pub fn root_due(tx: &Tx) -> Result<Option<Timestamp>> {
    let policy = policy(tx)?;
    let wanted = settings::value(tx, &WANTED)?.is_some() || policy.any(Mode::Prefer) || policy.any(Mode::Require);
    if !wanted || !roots(tx)?.is_empty() {
        return Ok(None);
    }
    Ok(Some(settings::value(tx, &ASKED)?.map_or(tx.now, |asked| asked.plus(ASK_AGAIN))))
}

/// Notes that Apple's root is being asked for now.
pub fn root_asked(tx: &Tx) -> Result<()> {
    settings::set(tx, &ASKED, &tx.now).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::mdm::Role;
    use crate::mdm::tests::School;
    use crate::pki::issue::attestation::AttestationService;

    #[test]
    fn what_a_device_gets_follows_from_the_policy_its_hardware_and_its_os() {
        let policy = |mode| Policy::default().with(Platform::Ios, mode);
        let acme = Identity::Acme { attest: true };
        assert_eq!(identity_for(&Policy::default(), "iPad13,18", "26.1"), Identity::Scep);
        assert_eq!(identity_for(&policy(Mode::Prefer), "iPad13,18", "26.1"), acme);
        for (product, os) in [("iPad7,11", "17.6"), ("iPad13,18", "15.8"), ("", ""), ("Mac14,2", "26.1"), ("iPad", "18.6")] {
            assert_eq!(identity_for(&policy(Mode::Prefer), product, os), Identity::Scep, "{product} {os}");
        }
        assert_eq!(identity_for(&policy(Mode::Require), "iPad13,18", "26.1"), acme);
        assert_eq!(identity_for(&policy(Mode::Require), "Mac14,2", "26.1"), Identity::Scep, "Macs are asked for nothing");
        for (product, os, words) in
            [("iPad7,11", "17.6", "chip"), ("iPad13,18", "15.8", "iOS 16"), ("", "", "browser"), ("iPad", "", "browser")]
        {
            let Identity::Refused(said) = identity_for(&policy(Mode::Require), product, os) else { panic!("{product} {os}") };
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn the_policy_is_changed_by_who_may_and_noted_and_without_a_root_nothing_is_preferred() {
        let school = School::new();
        let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
        let wanted = [(Platform::Ios, Mode::Prefer), (Platform::Macos, Mode::Require)];
        assert_eq!(school.try_write(move |tx| change(tx, &viewer, &wanted)).unwrap_err().kind, Kind::Forbidden);
        assert_eq!(
            school.try_write(|tx| change(tx, &Actor::Console, &[(Platform::Watchos, Mode::Off)])).unwrap_err().fields[0].field,
            "platform"
        );
        assert_eq!(school.write(root_due), None, "nobody needs it yet");
        for _ in 0..2 {
            school.write(move |tx| change(tx, &Actor::Console, &wanted));
        }
        assert_eq!(school.events().iter().filter(|kind| *kind == "attestation.policy_changed").count(), 1);
        let (shown, here) = school.write(|tx| show(tx, &Actor::Console));
        assert!(!here && shown.of(Platform::Ios) == Mode::Prefer && shown.of(Platform::Tvos) == Mode::Off);
        let effective_now = school.write(effective);
        assert_eq!((effective_now.of(Platform::Ios), effective_now.of(Platform::Macos)), (Mode::Off, Mode::Require));
        assert_eq!(school.write(root_due), Some(school.clock.now()));
        school.write(root_asked);
        assert_eq!(school.write(root_due), Some(school.clock.now().plus(ASK_AGAIN)));
        let service = AttestationService::new(school.clock.now()).unwrap();
        school.write(move |tx| learn_roots(tx, &[service.root().clone()]));
        assert_eq!((school.write(effective).of(Platform::Ios), school.write(root_due)), (Mode::Prefer, None));
        school.write(|tx| learn_roots(tx, &[]));
        assert!(school.write(roots).is_empty(), "a start without stand-ins trusts none");
    }
}
