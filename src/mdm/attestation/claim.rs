//! What a browser or its person says of the device: enough to choose a profile, never to believe.

use crate::mdm::attestation::{Ability, Identity, Mode, Policy, can_attest, identity_for};
use crate::protocol::platform::Platform;

/// What is said of the device that opens an invitation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The kind of device that its person chose.
    chosen: Option<Platform>,
    /// `iPhone` or `iPad`, where the browser says it; an iPad's mostly says that it is a Mac, which tells nothing.
    product: String,
    /// The OS that the browser says.
    os_version: String,
}

impl Claim {
    /// Reads a `User-Agent`, and what the person chose, if anything.
    pub fn read(user_agent: &str, chosen: Option<Platform>) -> Self {
        let product = ["iPhone", "iPad"].into_iter().find(|product| user_agent.contains(&format!("({product};"))).unwrap_or_default();
        let version = user_agent.split_once(" OS ").filter(|_| !product.is_empty()).map(|(_, rest)| rest);
        let version = version.and_then(|rest| rest.split_once(" like Mac")).map(|(version, _)| version.replace('_', "."));
        Self { chosen, product: product.to_owned(), os_version: version.unwrap_or_default() }
    }

    /// What is said of a device by its ProductName and OS version; either may be empty.
    pub fn of_device(product: String, os_version: String) -> Self {
        Self { chosen: None, product, os_version }
    }

    /// How the device gets its identity. What a person chose is tried as it was chosen: who cannot prove it does not come in.
    pub fn identity(&self, policy: &Policy) -> Identity {
        match self.chosen {
            Some(platform) if policy.of(platform) == Mode::Require && !self.is_known_to_fail() => Identity::Acme { attest: true },
            Some(platform) if policy.of(platform) != Mode::Require => Identity::Scep,
            _ => identity_for(policy, &self.product, &self.os_version),
        }
    }

    fn is_known_to_fail(&self) -> bool {
        matches!(can_attest(&self.product, &self.os_version), Ability::Cannot(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1";
    const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15";
    const MAC_OR_IPAD: &str =
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15";

    #[test]
    fn a_browser_tells_iphones_and_what_it_does_not_tell_is_unknown() {
        let read = |agent| Claim::read(agent, None);
        assert_eq!((read(IPHONE).product.as_str(), read(IPHONE).os_version.as_str()), ("iPhone", "17.6.1"));
        assert_eq!((read(IPAD).product.as_str(), read(IPAD).os_version.as_str()), ("iPad", "16.7"));
        for nothing in [MAC_OR_IPAD, "MDM/1.0", "", "curl/8 OS like Mac"] {
            assert_eq!(read(nothing), Claim::default(), "{nothing}");
        }
    }

    #[test]
    fn who_may_be_genuine_gets_the_chance_and_who_is_unknown_is_asked() {
        let acme = Identity::Acme { attest: true };
        let prefer = Policy::default().with(Platform::Ios, Mode::Prefer);
        assert_eq!(Claim::read(IPHONE, None).identity(&prefer), acme);
        assert_eq!(Claim::read(MAC_OR_IPAD, None).identity(&prefer), Identity::Scep);
        let require = Policy::default().with(Platform::Ios, Mode::Require);
        assert!(matches!(Claim::read(MAC_OR_IPAD, None).identity(&require), Identity::Refused(_)));
        assert_eq!(Claim::read(MAC_OR_IPAD, Some(Platform::Ios)).identity(&require), acme);
        assert_eq!(Claim::read(MAC_OR_IPAD, Some(Platform::Macos)).identity(&require), Identity::Scep, "nothing is required of Macs");
        let old = "Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X)";
        assert!(matches!(Claim::read(old, Some(Platform::Ios)).identity(&require), Identity::Refused(_)));
    }
}
