//! Makes the profile that enrolls a device: root certificates, identity by SCEP or ACME, and the MDM payload.

use uuid::Uuid;

use super::{ALL_RIGHTS, ProfileError};
use crate::protocol::plist::{self, Dictionary, Value};
use crate::secret::Secret;

/// The Content-Type under which a device takes a profile.
pub const CONTENT_TYPE: &str = "application/x-apple-aspen-config";

/// The size of RSA keys that devices make; Apple's default of 1024 is too short.
const KEY_SIZE_BITS: u32 = 2048;

/// What the key of an identity is for: signing (1) and encryption (4).
const KEY_USAGE: u32 = 5;

/// The size of keys of the Secure Enclave.
const HARDWARE_KEY_BITS: u32 = 256;

/// What such a key is for: signing alone.
const KEY_SIGNS: u32 = 1;

/// The purpose of the certificate: TLS clients.
const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";

/// Everything that an enrollment profile says.
///
/// A renewal says the same again with another challenge: identifier, topic and addresses may not change, and rights may not grow.
#[derive(Debug, Clone)]
pub struct EnrollmentProfile {
    /// PayloadIdentifier in reverse DNS, the same for ever; those of the payloads are made from it.
    pub identifier: String,
    /// The name that people see.
    pub display_name: String,
    /// Whose it is.
    pub organization: String,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// PayloadUUIDs, one for each root certificate among them.
    pub uuids: PayloadUuids,
    /// The certificates (DER) that the device must trust to reach the server.
    pub roots: Vec<Vec<u8>>,
    /// How the device gets its identity.
    pub identity: Identity,
    /// The push topic.
    pub topic: String,
    /// Where commands are fetched, https.
    pub server_url: String,
    /// Where check-ins go, https.
    pub check_in_url: String,
    /// What the server may do, as a sum of bits; [`ALL_RIGHTS`] as a rule. A user enrollment has none.
    pub access_rights: u32,
    /// Whether users of the device have channels of their own; no renewal may change that.
    pub per_user: bool,
    /// Whether the user may not remove it (supervised devices, and Macs).
    pub removal_disallowed: bool,
    /// The only kind of device that may install it.
    pub target: Option<TargetDevice>,
    /// The account of an enrollment that a user begins by signing in.
    pub account: Option<AccountDriven>,
}

/// PayloadUUIDs of a profile: random, and new for each profile.
#[derive(Debug, Clone)]
pub struct PayloadUuids {
    /// Of the profile.
    pub profile: Uuid,
    /// Of the payload of the identity.
    pub identity: Uuid,
    /// Of the MDM payload.
    pub mdm: Uuid,
    /// Of the root certificates, in their order.
    pub roots: Vec<Uuid>,
}

/// How a device gets its identity.
#[derive(Debug, Clone)]
pub enum Identity {
    /// By SCEP.
    Scep(Scep),
    /// By ACME (iOS 16, macOS 14, tvOS 16).
    Acme(Acme),
}

/// How a device gets its identity by ACME, for a key of its Secure Enclave.
#[derive(Debug, Clone)]
pub struct Acme {
    /// The directory of the ACME service, https.
    pub directory_url: String,
    /// What the device orders its certificate for; good once.
    pub client_identifier: Secret<String>,
    /// The subject that the device asks for.
    pub subject: Vec<(String, String)>,
    /// Whether the device shows Apple's attestation of itself and its key.
    pub attest: bool,
}

/// How a device gets its identity by SCEP.
#[derive(Debug, Clone)]
pub struct Scep {
    /// The SCEP service; http will do, since the messages protect themselves.
    pub url: String,
    /// What the device says when it asks for the CA's certificate.
    pub name: String,
    /// The subject that the device asks for, as pairs of a name (`CN`, `O`, …) or dotted OID and a value.
    pub subject: Vec<(String, String)>,
    /// What the device must say to get its certificate; good once.
    pub challenge: Secret<String>,
    /// SHA-1 or SHA-256 of the CA's certificate.
    pub ca_fingerprint: Option<Vec<u8>>,
}

/// The kinds of devices that a profile can be limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetDevice {
    /// iPhone, iPad and iPod touch.
    Ios,
    /// Apple Watch.
    Watch,
    /// Apple TV.
    AppleTv,
    /// Mac.
    Mac,
    /// Vision Pro.
    Vision,
}

impl TargetDevice {
    const fn number(self) -> u32 {
        match self {
            Self::Ios => 1,
            Self::Watch => 2,
            Self::AppleTv => 4,
            Self::Mac => 5,
            Self::Vision => 6,
        }
    }
}

/// An enrollment that a user begins by signing in (iOS 15, macOS 14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDriven {
    /// The Managed Apple Account.
    pub managed_account: String,
    /// Whether it is a person's own device (`BYOD`, a user enrollment without rights) or the organisation's (`ADDE`).
    pub is_own_device: bool,
}

/// Makes the profile's XML, to be signed or not.
///
/// Fails where devices would refuse it: an address without https, no rights, or a right without the one it needs.
pub fn build(profile: &EnrollmentProfile) -> Result<Vec<u8>, ProfileError> {
    check(profile)?;
    let mut content: Vec<Value> =
        profile.roots.iter().zip(&profile.uuids.roots).enumerate().map(|(index, root)| root_payload(profile, index, root)).collect();
    content.push(match &profile.identity {
        Identity::Scep(scep) => scep_payload(profile, scep),
        Identity::Acme(acme) => acme_payload(profile, acme),
    });
    content.push(mdm_payload(profile));
    let mut keys = payload("Configuration", &profile.identifier, profile.uuids.profile, &profile.display_name);
    put(&mut keys, "PayloadOrganization", text(&profile.organization));
    if let Some(description) = &profile.description {
        put(&mut keys, "PayloadDescription", text(description));
    }
    put(&mut keys, "PayloadScope", text("System"));
    if profile.removal_disallowed {
        put(&mut keys, "PayloadRemovalDisallowed", Value::Boolean(true));
    }
    if let Some(target) = profile.target {
        put(&mut keys, "TargetDeviceType", number(target.number()));
    }
    put(&mut keys, "PayloadContent", Value::Array(content));
    Ok(plist::to_xml(&Value::Dictionary(keys))?)
}

/// Writes a profile that brings the device's identity and nothing else, for the second phase of a profile service.
pub fn build_identity(profile: &EnrollmentProfile) -> Result<Vec<u8>, ProfileError> {
    let Identity::Scep(scep) = &profile.identity else {
        return Err(ProfileError::Refused(String::from(t!("a profile service brings its certificate by SCEP"))));
    };
    let identifier = format!("{}.identity", profile.identifier);
    let mut keys = payload("Configuration", &identifier, profile.uuids.profile, &profile.display_name);
    put(&mut keys, "PayloadOrganization", text(&profile.organization));
    put(&mut keys, "PayloadContent", Value::Array(vec![scep_payload(profile, scep)]));
    Ok(plist::to_xml(&Value::Dictionary(keys))?)
}

fn check(profile: &EnrollmentProfile) -> Result<(), ProfileError> {
    let refused = |what: &str| Err(ProfileError::Refused(what.to_owned()));
    if !profile.server_url.starts_with("https://") || !profile.check_in_url.starts_with("https://") {
        return refused(t!("the addresses of an enrollment profile must begin with https://"));
    }
    if matches!(&profile.identity, Identity::Acme(acme) if !acme.directory_url.starts_with("https://")) {
        return refused(t!("the directory of ACME must begin with https://"));
    }
    if profile.roots.len() != profile.uuids.roots.len() {
        return refused(t!("an enrollment profile needs one PayloadUUID for each root certificate"));
    }
    let rights = profile.access_rights;
    if profile.is_own_device() {
        return Ok(());
    }
    if rights == 0 || rights > ALL_RIGHTS {
        return refused(t!("AccessRights must be a sum of bits from 1 to 8191"));
    }
    if rights & 2 != 0 && rights & 1 == 0 || rights & 128 != 0 && rights & 64 == 0 {
        return refused(t!("the right to install profiles (2, 128) needs the one to list them (1, 64)"));
    }
    Ok(())
}

fn root_payload(profile: &EnrollmentProfile, index: usize, (certificate, uuid): (&Vec<u8>, &Uuid)) -> Value {
    let identifier = if index == 0 { format!("{}.root", profile.identifier) } else { format!("{}.root{}", profile.identifier, index + 1) };
    certificate_payload(&identifier, *uuid, &profile.organization, certificate)
}

/// The payload of a root certificate.
pub(super) fn certificate_payload(identifier: &str, uuid: Uuid, organization: &str, certificate: &[u8]) -> Value {
    let mut keys = payload("com.apple.security.root", identifier, uuid, &format!("{organization} certificate authority"));
    put(&mut keys, "PayloadCertificateFileName", text("root.cer"));
    put(&mut keys, "PayloadContent", Value::Data(certificate.to_vec()));
    Value::Dictionary(keys)
}

/// A subject as both payloads have it: a list of lists of pairs.
fn subject(pairs: &[(String, String)]) -> Value {
    let pair = |(name, value): &(String, String)| Value::Array(vec![Value::Array(vec![text(name), text(value)])]);
    Value::Array(pairs.iter().map(pair).collect())
}

/// Unlike SCEP's, its keys stand in the payload itself.
fn acme_payload(profile: &EnrollmentProfile, acme: &Acme) -> Value {
    let mut keys =
        payload("com.apple.security.acme", &format!("{}.acme", profile.identifier), profile.uuids.identity, t!("Device identity"));
    put(&mut keys, "DirectoryURL", text(&acme.directory_url));
    put(&mut keys, "ClientIdentifier", text(acme.client_identifier.expose()));
    // A key of the Secure Enclave is one of these: nothing else can be bound to the hardware and attested.
    put(&mut keys, "KeyType", text("ECSECPrimeRandom"));
    put(&mut keys, "KeySize", number(HARDWARE_KEY_BITS));
    put(&mut keys, "HardwareBound", Value::Boolean(true));
    put(&mut keys, "Attest", Value::Boolean(acme.attest));
    put(&mut keys, "Subject", subject(&acme.subject));
    put(&mut keys, "UsageFlags", number(KEY_SIGNS));
    put(&mut keys, "ExtendedKeyUsage", Value::Array(vec![text(CLIENT_AUTHENTICATION)]));
    Value::Dictionary(keys)
}

fn scep_payload(profile: &EnrollmentProfile, scep: &Scep) -> Value {
    let mut content = Dictionary::new();
    put(&mut content, "URL", text(&scep.url));
    put(&mut content, "Name", text(&scep.name));
    put(&mut content, "Subject", subject(&scep.subject));
    put(&mut content, "Challenge", text(scep.challenge.expose()));
    put(&mut content, "Keysize", number(KEY_SIZE_BITS));
    // These two names have a space, the one above has none.
    put(&mut content, "Key Type", text("RSA"));
    put(&mut content, "Key Usage", number(KEY_USAGE));
    put(&mut content, "KeyIsExtractable", Value::Boolean(false));
    if let Some(fingerprint) = &scep.ca_fingerprint {
        put(&mut content, "CAFingerprint", Value::Data(fingerprint.clone()));
    }
    let mut keys =
        payload("com.apple.security.scep", &format!("{}.scep", profile.identifier), profile.uuids.identity, t!("Device identity"));
    put(&mut keys, "PayloadContent", Value::Dictionary(content));
    Value::Dictionary(keys)
}

fn mdm_payload(profile: &EnrollmentProfile) -> Value {
    let mut keys = payload("com.apple.mdm", &format!("{}.mdm", profile.identifier), profile.uuids.mdm, t!("Device management"));
    put(&mut keys, "IdentityCertificateUUID", text(&uuid_text(profile.uuids.identity)));
    put(&mut keys, "Topic", text(&profile.topic));
    put(&mut keys, "ServerURL", text(&profile.server_url));
    put(&mut keys, "CheckInURL", text(&profile.check_in_url));
    if !profile.is_own_device() {
        // A user enrollment that has this key is cancelled by the device.
        put(&mut keys, "AccessRights", number(profile.access_rights));
    }
    put(&mut keys, "SignMessage", Value::Boolean(true));
    put(&mut keys, "CheckOutWhenRemoved", Value::Boolean(true));
    let users = profile.per_user.then_some("com.apple.mdm.per-user-connections");
    let capabilities = users.into_iter().chain(["com.apple.mdm.bootstraptoken", "com.apple.mdm.token"]);
    put(&mut keys, "ServerCapabilities", Value::Array(capabilities.map(text).collect()));
    if let Some(account) = &profile.account {
        put(&mut keys, "AssignedManagedAppleID", text(&account.managed_account));
        put(&mut keys, "EnrollmentMode", text(if account.is_own_device { "BYOD" } else { "ADDE" }));
    }
    Value::Dictionary(keys)
}

impl EnrollmentProfile {
    fn is_own_device(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.is_own_device)
    }
}

pub(super) fn payload(payload_type: &str, identifier: &str, uuid: Uuid, display_name: &str) -> Dictionary {
    let mut keys = Dictionary::new();
    put(&mut keys, "PayloadType", text(payload_type));
    put(&mut keys, "PayloadVersion", number(1));
    put(&mut keys, "PayloadIdentifier", text(identifier));
    put(&mut keys, "PayloadUUID", text(&uuid_text(uuid)));
    put(&mut keys, "PayloadDisplayName", text(display_name));
    keys
}

/// Upper case, as Apple writes them.
fn uuid_text(uuid: Uuid) -> String {
    uuid.hyphenated().to_string().to_uppercase()
}

pub(super) fn put(keys: &mut Dictionary, key: &str, value: Value) {
    keys.insert(key.to_owned(), value);
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number(number: u32) -> Value {
    Value::Integer(number.into())
}
