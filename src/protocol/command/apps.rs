//! Commands that install, configure and remove apps.

use uuid::Uuid;

use super::{Command, dictionary, texts};
use crate::protocol::plist::{Dictionary, Value};

/// Where an app comes from: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The App Store, by number.
    AppStore(u64),
    /// The App Store, by bundle identifier; the number is the safer choice.
    Identifier(String),
    /// A manifest at an https address, for an app of one's own.
    Manifest(String),
}

/// Everything that InstallApplication can say; an update must say it all again, since what is left out is taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct InstallApplication {
    /// Where the app comes from.
    pub source: Source,
    /// Whether it is paid by a volume licence that was assigned beforehand (PurchaseMethod 1).
    pub volume_licence: bool,
    /// Whether it goes when the enrollment goes.
    pub remove_with_enrollment: bool,
    /// Whether its data stay out of backups (not on Macs).
    pub exclude_from_backup: bool,
    /// The app's configuration.
    pub configuration: Option<Dictionary>,
    /// VPN, removal, domains and the like.
    pub attributes: Option<Dictionary>,
    /// Whether an app that the user installed is taken over.
    pub take_over: bool,
    /// Whether a Mac manages it (macOS 11); leaving it out of an update ends the management.
    pub install_as_managed: Option<bool>,
    /// Whether a Mac installs the app for iPhone and iPad.
    pub ios_app: Option<bool>,
}

impl InstallApplication {
    /// An app by volume licence that goes with the enrollment, without anything else.
    pub const fn new(source: Source) -> Self {
        Self {
            source,
            volume_licence: true,
            remove_with_enrollment: true,
            exclude_from_backup: false,
            configuration: None,
            attributes: None,
            take_over: false,
            install_as_managed: None,
            ios_app: None,
        }
    }
}

/// Installs an app, or updates a managed one to its latest version.
pub fn install_application(uuid: Uuid, app: InstallApplication) -> Command {
    let command = Command::new(uuid, "InstallApplication");
    let is_manifest = matches!(app.source, Source::Manifest(_));
    let command = match app.source {
        Source::AppStore(number) => command.with("iTunesStoreID", number),
        Source::Identifier(identifier) => command.with("Identifier", identifier),
        Source::Manifest(address) => command.with("ManifestURL", address),
    };
    let method = (!is_manifest).then(|| dictionary([("PurchaseMethod", Some(Value::Integer(u64::from(app.volume_licence).into())))]));
    let flags = u64::from(app.remove_with_enrollment) + 4 * u64::from(app.exclude_from_backup);
    command
        .with_some("Options", method)
        .with("ManagementFlags", flags)
        .with_some("Configuration", app.configuration.map(Value::Dictionary))
        .with_some("Attributes", app.attributes.map(Value::Dictionary))
        .with_some("ChangeManagementState", app.take_over.then_some("Managed"))
        .with_some("InstallAsManaged", app.install_as_managed)
        .with_some("iOSApp", app.ios_app)
}

/// Where a Mac's package comes from: exactly one of these.
#[derive(Debug, Clone, PartialEq)]
pub enum EnterpriseSource {
    /// The manifest itself.
    Manifest(Dictionary),
    /// A manifest at an https address, whose certificates may be pinned (DER).
    Address {
        /// https.
        url: String,
        /// DER; none pins nothing.
        pinned_certificates: Vec<Vec<u8>>,
    },
}

/// Everything that InstallEnterpriseApplication can say.
#[derive(Debug, Clone, PartialEq)]
pub struct InstallEnterpriseApplication {
    /// Where the package comes from.
    pub source: EnterpriseSource,
    /// Whether the app in it is managed (macOS 11).
    pub install_as_managed: bool,
    /// Whether it goes when the enrollment goes; only where it is managed.
    pub remove_with_enrollment: bool,
    /// The app's configuration; only where it is managed.
    pub configuration: Option<Dictionary>,
    /// Whether an app that the user installed is taken over; only where it is managed.
    pub take_over: bool,
}

/// Installs a signed package on a Mac. The answer comes before the download: look at the list of apps afterwards.
pub fn install_enterprise_application(uuid: Uuid, app: InstallEnterpriseApplication) -> Command {
    let command = Command::new(uuid, "InstallEnterpriseApplication");
    let command = match app.source {
        EnterpriseSource::Manifest(manifest) => command.with("Manifest", Value::Dictionary(manifest)),
        EnterpriseSource::Address { url, pinned_certificates } => {
            let pins = (!pinned_certificates.is_empty()).then(|| Value::Array(pinned_certificates.into_iter().map(Value::Data).collect()));
            command.with("ManifestURL", url).with_some("ManifestURLPinningCerts", pins)
        }
    };
    if !app.install_as_managed {
        return command;
    }
    command
        .with("InstallAsManaged", true)
        .with("ManagementFlags", u64::from(app.remove_with_enrollment))
        .with_some("Configuration", app.configuration.map(Value::Dictionary))
        .with_some("ChangeManagementState", app.take_over.then_some("Managed"))
}

/// Removes a managed app and its data.
pub fn remove_application(uuid: Uuid, identifier: &str) -> Command {
    Command::new(uuid, "RemoveApplication").with("Identifier", identifier)
}

/// Gives a device the redemption code that it asks for.
pub fn apply_redemption_code(uuid: Uuid, identifier: &str, code: &str) -> Command {
    Command::new(uuid, "ApplyRedemptionCode").with("Identifier", identifier).with("RedemptionCode", code)
}

/// Asks for the configurations of these managed apps.
pub fn managed_application_configuration(uuid: Uuid, identifiers: &[&str]) -> Command {
    Command::new(uuid, "ManagedApplicationConfiguration").with("Identifiers", texts(identifiers))
}

/// Asks for what these managed apps have to say, and deletes it there where `delete`.
pub fn managed_application_feedback(uuid: Uuid, identifiers: &[&str], delete: bool) -> Command {
    Command::new(uuid, "ManagedApplicationFeedback").with("Identifiers", texts(identifiers)).with("DeleteFeedback", delete)
}

/// Makes the device look anew whether apps of one's own are trusted; none named means all.
pub fn validate_applications(uuid: Uuid, identifiers: &[&str]) -> Command {
    Command::new(uuid, "ValidateApplications").with_some("Identifiers", (!identifiers.is_empty()).then(|| texts(identifiers)))
}

/// Invites the user to accept licences of Apps and Books.
pub fn invite_to_program(uuid: Uuid, invitation_url: &str) -> Command {
    Command::new(uuid, "InviteToProgram").with("ProgramID", "com.apple.cloudvpp").with("InvitationURL", invitation_url)
}
