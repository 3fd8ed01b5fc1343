//! By what an app comes to a device: a declaration where the system has it, else a command.

use crate::mdm::apps::settings::{LicenceBy, Settings};
use crate::mdm::reconcile::render::has_declarations;
use crate::mdm::wanted::Target;
use crate::protocol::availability::{Capabilities, Request, check};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::apps::{App, AppKind};
use crate::store::deployments::Mechanism;

/// The declaration of an app.
pub const APP: &str = "com.apple.configuration.app.managed";
/// The declaration of a package.
pub const PACKAGE: &str = "com.apple.configuration.package";

/// First versions that have [`APP`].
pub const APP_FROM: [(Platform, &str); 3] = [(Platform::Ios, "17.2"), (Platform::Macos, "26.0"), (Platform::Visionos, "2.4")];
/// First versions that take what the app itself is to know along with [`APP`].
pub const CONFIGURED_FROM: [(Platform, &str); 3] = [(Platform::Ios, "18.4"), (Platform::Macos, "27.0"), (Platform::Visionos, "2.4")];
/// The first macOS that has [`PACKAGE`], on supervised Macs.
pub const PACKAGE_FROM: &str = "26.0";
/// The first macOS that manages apps.
pub const MANAGED_ON_MACS_FROM: &str = "11.0";

/// The way of an app to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// [`APP`].
    DeclaredApp,
    /// [`PACKAGE`].
    DeclaredPackage,
    /// InstallApplication.
    Command,
    /// InstallEnterpriseApplication.
    Enterprise,
}

impl Way {
    /// The mechanism it belongs to.
    pub const fn mechanism(self) -> Mechanism {
        match self {
            Self::DeclaredApp | Self::DeclaredPackage => Mechanism::Declaration,
            Self::Command | Self::Enterprise => Mechanism::Command,
        }
    }
}

/// What of an app decides its way, besides the device.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The app.
    pub app: &'a App,
    /// How it is managed.
    pub settings: &'a Settings,
    /// Whose licence pays for it on this device.
    pub licence: LicenceBy,
    /// Whether it has a configuration.
    pub is_configured: bool,
    /// Whether the device knows an address from which it can fetch that.
    pub is_reachable: bool,
    /// Whether a declaration has brought it already: taking that back would remove the app and its data.
    pub is_declared: bool,
}

/// Chooses the way of an app to a device; an error is why there is none, in words.
pub fn way(subject: Subject<'_>, target: &Target) -> Result<Way, String> {
    let device = &target.capabilities;
    let is_mac = device.platform == Platform::Macos;
    runs_on(subject.app, subject.settings, device.platform)?;
    let way = match subject.app.kind {
        AppKind::Package if declares(PACKAGE, target) && device.supervised == Some(true) && !target.is_user_channel() => {
            Way::DeclaredPackage
        }
        AppKind::Package => Way::Enterprise,
        // A declared app of the house needs a manifest, which Macs do not take; without a licence there is nothing to declare.
        AppKind::InHouse if !is_mac && may_declare(subject, target) => Way::DeclaredApp,
        AppKind::Store if subject.licence != LicenceBy::None && may_declare(subject, target) => Way::DeclaredApp,
        AppKind::InHouse | AppKind::Store => Way::Command,
    };
    let request = match way {
        Way::Command => "InstallApplication",
        Way::Enterprise => "InstallEnterpriseApplication",
        Way::DeclaredApp | Way::DeclaredPackage => return Ok(way),
    };
    check(Request::Command(request), device).map_err(|refusal| refusal.words)?;
    Ok(way)
}

fn may_declare(subject: Subject<'_>, target: &Target) -> bool {
    // What the app itself is to know goes along by command on older systems; a declared app keeps its data, so it stays declared.
    let takes_it = subject.is_reachable && is_since(&CONFIGURED_FROM, target);
    declares(APP, target) && (!subject.is_configured || takes_it || subject.is_declared)
}

/// Whether a declared app takes its configuration along there.
pub fn takes_configuration(target: &Target) -> bool {
    is_since(&CONFIGURED_FROM, target)
}

fn is_since(firsts: &[(Platform, &str)], target: &Target) -> bool {
    let device = &target.capabilities;
    let since = firsts.iter().find(|(platform, _)| *platform == device.platform);
    since.is_some_and(|(_, since)| device.os_version.is_at_least(OsVersion::parse(since)))
}

/// Whether the device has a type of declaration: by its version, unless it says itself.
fn declares(kind: &str, target: &Target) -> bool {
    let is_new = if kind == PACKAGE { is_since(&[(Platform::Macos, PACKAGE_FROM)], target) } else { is_since(&APP_FROM, target) };
    is_new && has_declarations(target) && target.supported.as_ref().is_none_or(|said| said.iter().any(|known| known == kind))
}

/// Whether an app runs on devices of a platform at all; an error is why not, in words.
pub fn runs_on(app: &App, settings: &Settings, platform: Platform) -> Result<(), String> {
    let is_mac = platform == Platform::Macos;
    match app.kind {
        AppKind::Package if !is_mac => return Err(String::from(t!("it is a package for Macs"))),
        AppKind::InHouse if is_mac => return Err(String::from(t!("it is an app for iPhone and iPad"))),
        AppKind::Package | AppKind::InHouse | AppKind::Store => {}
    }
    let platforms: Vec<Platform> = serde_json::from_str(&app.platforms).unwrap_or_default();
    let borrows = match platform {
        Platform::Macos => settings.ios_app,
        Platform::Visionos => true,
        _ => false,
    };
    let has = |wanted: Platform| platforms.contains(&wanted);
    if platforms.is_empty() || has(platform) || borrows && has(Platform::Ios) {
        return Ok(());
    }
    Err(match platform {
        Platform::Macos if has(Platform::Ios) => {
            String::from(t!("there is no version of it for Macs; Macs with Apple silicon can have the one for iPad if that is chosen"))
        }
        Platform::Macos => String::from(t!("there is no version of it for Macs")),
        Platform::Ios => String::from(t!("there is no version of it for iPhone and iPad")),
        Platform::Tvos => String::from(t!("there is no version of it for Apple TV")),
        _ => String::from(t!("there is no version of it for this system")),
    })
}

/// Whether a Mac manages apps that come by command; older ones only take them.
pub fn is_managed_there(target: &Target) -> bool {
    manages(&target.capabilities)
}

/// Whether a system manages apps that come by command.
pub fn manages(device: &Capabilities) -> bool {
    device.platform != Platform::Macos || device.os_version.is_at_least(OsVersion::parse(MANAGED_ON_MACS_FROM))
}
