//! Provisioning profiles (`.mobileprovision`): a property list inside a signed message that says which app may run where, and until when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plist::{Dictionary, Value, fields, parse_dictionary};
use crate::clock::Timestamp;
use crate::pki::certificate::Fingerprint;
use crate::pki::cms::{self, CmsError};
use crate::pki::dropped::{self, Place};
use crate::pki::{apple, ber};

/// The largest provisioning profile that is read, in bytes: one with a hundred devices has about 20,000.
pub const MAX_BYTES: usize = 1 << 20;

/// The most devices that a profile may name; Apple's own limit is 100 of each kind.
pub const MAX_DEVICES: usize = 10_000;

/// Certificates of a profile that are kept; a team has a few for distribution, and one for each of its developers.
pub const MAX_CERTIFICATES: usize = 500;

/// Entitlements of a profile whose names are kept.
pub const MAX_ENTITLEMENTS: usize = 64;

/// The longest text of a profile that is kept, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// The longest identifier of an app, in characters.
const MAX_APP_ID_CHARS: usize = 255;

/// Why a file is no provisioning profile that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvisionError {
    /// There are no bytes.
    #[error("The file is empty. Choose the .mobileprovision file again.")]
    Empty,
    /// Over [`MAX_BYTES`].
    #[error("The file is larger than {} KB, which no provisioning profile is. Choose the .mobileprovision file itself.", MAX_BYTES >> 10)]
    TooLarge,
    /// Not a signed message with a property list in it.
    #[error("{0}Here a provisioning profile is needed: download the .mobileprovision file from Apple's developer site.")]
    NotOne(String),
    /// The signature does not fit.
    #[error(
        "This provisioning profile was changed or damaged after it was signed, and devices refuse it. Download it from Apple's developer site again."
    )]
    Changed,
    /// A key that every provisioning profile has is missing.
    #[error("This provisioning profile is incomplete: it has no {0}. Download it from Apple's developer site again.")]
    Missing(&'static str),
    /// Its UUID holds what no UUID holds, and devices are told of the profile by it.
    #[error("The UUID of this provisioning profile is none. Download it from Apple's developer site again.")]
    NotAUuid,
}

/// Characters of a UUID, with room.
const UUID_MAX_CHARS: usize = 64;

/// A UUID of letters, digits and hyphens.
fn plain_uuid(uuid: String) -> Result<String, ProvisionError> {
    let is_plain = uuid.len() <= UUID_MAX_CHARS && uuid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain { Ok(uuid) } else { Err(ProvisionError::NotAUuid) }
}

impl From<ProvisionError> for crate::error::Error {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::TooLarge => Self::new(crate::error::Kind::TooLarge, error.to_string()),
            other => Self::field("file", other.to_string()),
        }
    }
}

/// For which devices a profile is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProvisionedDevices)]
pub enum Reach {
    /// Every device (`ProvisionsAllDevices`): in-house distribution.
    AllDevices,
    /// The devices that it lists: ad hoc distribution and development.
    ListedDevices,
    /// None: a profile for uploads to the App Store.
    AppStore,
}

/// What a provisioning profile says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProvisioningFacts)]
pub struct Facts {
    /// Its UUID, by which devices know it.
    pub uuid: String,
    /// What it is called.
    pub name: String,
    /// The team's id, for example `A1B2C3D4E5`.
    pub team_id: String,
    /// The team's name.
    pub team_name: String,
    /// The app that it is for, without the team: `school.example.field`, or `*` for any.
    pub app_id: String,
    /// Its platforms, as Apple spells them: `iOS`, `tvOS`, `xrOS`, `OSX`.
    pub platforms: Vec<String>,
    /// For which devices it is good.
    pub devices: Reach,
    /// How many devices it lists.
    pub device_count: u64,
    /// Whether it is for development: a debugger may look into the app.
    pub is_development: bool,
    /// What the app may do by it: the names of its entitlements.
    pub entitlements: Vec<String>,
    /// SHA-256 of each certificate by which an app may be signed that runs by it, in hexadecimal; empty where nobody looked.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it ends: no app starts by it any more.
    pub expires_at: Timestamp,
    /// Who signed it, where the signature is sound; Apple does.
    pub signer: Option<String>,
    /// Whether that is a certificate of Apple's; null where nobody looked.
    #[serde(default)]
    pub is_apples: Option<bool>,
}

impl Facts {
    /// What is doubtful about its signature, in a sentence.
    pub fn doubt(&self) -> Option<String> {
        match (&self.signer, self.is_apples) {
            (None, _) => Some(String::from(t!(
                "The signature of the provisioning profile cannot be proven here, and devices take only what Apple signed. Try it on one device first."
            ))),
            (Some(signer), Some(false)) => Some(t!(
                "The provisioning profile is signed by “{signer}”, which is no certificate of Apple's: devices refuse it. Download it from Apple's developer site.",
                signer
            )),
            (Some(_), _) => None,
        }
    }

    /// Whether an app of this bundle identifier may run by it.
    pub fn is_for(&self, bundle_id: &str) -> bool {
        match self.app_id.strip_suffix('*') {
            Some(beginning) => bundle_id.starts_with(beginning),
            None => self.app_id == bundle_id,
        }
    }
}

/// Reads a provisioning profile.
pub fn read(bytes: &[u8]) -> Result<Facts, ProvisionError> {
    if bytes.is_empty() {
        return Err(ProvisionError::Empty);
    }
    if bytes.len() > MAX_BYTES {
        return Err(ProvisionError::TooLarge);
    }
    let not_one = || ProvisionError::NotOne(dropped::sentences(bytes, Place::Provisioning));
    // A device judges the signature for itself, and algorithms that we do not know must not keep a good profile out: so those are told, not insisted on.
    let (content, signer) = match cms::verify(bytes, None) {
        Ok(verified) => {
            let name = verified.signer.common_name().unwrap_or_else(|| verified.signer.subject());
            let chain = [&[verified.signer][..], &verified.certificates].concat();
            (verified.content, Some((short(&name), apple::vouches(&chain))))
        }
        Err(CmsError::ContentChanged | CmsError::Signature) => return Err(ProvisionError::Changed),
        Err(_) => {
            let der = ber::to_der(bytes).map_err(|_| not_one())?;
            let message = cms::SignedMessage::parse(&der).map_err(|_| not_one())?;
            (message.content().ok_or_else(not_one)?.to_vec(), None)
        }
    };
    let plist = parse_dictionary(&content).map_err(|_| not_one())?;
    facts(&plist, signer)
}

fn facts(plist: &Dictionary, signer: Option<(String, bool)>) -> Result<Facts, ProvisionError> {
    let text = |key: &'static str| fields::filled(plist, key).map(|text| short(&text)).ok_or(ProvisionError::Missing(key));
    let entitlements = fields::dictionary(plist, "Entitlements").ok_or(ProvisionError::Missing("Entitlements"))?;
    let full = fields::filled(entitlements, "application-identifier")
        .or_else(|| fields::filled(entitlements, "com.apple.application-identifier"))
        .ok_or(ProvisionError::Missing("application-identifier"))?;
    let team =
        fields::texts(plist, "TeamIdentifier").into_iter().next().or_else(|| fields::texts(plist, "ApplicationIdentifierPrefix").pop());
    let app_id = full.split_once('.').map_or(full.as_str(), |(_, app)| app);
    let listed = fields::items(plist, "ProvisionedDevices").len().min(MAX_DEVICES);
    let is_universal = fields::flag(plist, "ProvisionsAllDevices").unwrap_or_default();
    let devices = match (is_universal, listed) {
        (true, _) => Reach::AllDevices,
        (false, 0) => Reach::AppStore,
        (false, _) => Reach::ListedDevices,
    };
    Ok(Facts {
        uuid: text("UUID").and_then(plain_uuid)?,
        name: text("Name")?,
        team_id: short(&team.unwrap_or_default()),
        team_name: fields::filled(plist, "TeamName").map(|name| short(&name)).unwrap_or_default(),
        app_id: cut(app_id, MAX_APP_ID_CHARS),
        platforms: fields::texts(plist, "Platform").iter().map(|name| short(name)).take(8).collect(),
        devices,
        device_count: listed as u64,
        is_development: fields::flag(entitlements, "get-task-allow").unwrap_or_default(),
        entitlements: entitlements.keys().take(MAX_ENTITLEMENTS).map(|name| short(name)).collect(),
        certificates: fields::items(plist, "DeveloperCertificates")
            .iter()
            .filter_map(Value::as_data)
            .take(MAX_CERTIFICATES)
            .map(|der| Fingerprint::of_der(der).to_string())
            .collect(),
        created_at: fields::moment(plist, "CreationDate"),
        expires_at: fields::moment(plist, "ExpirationDate").ok_or(ProvisionError::Missing("ExpirationDate"))?,
        is_apples: signer.as_ref().map(|(_, is_apples)| *is_apples),
        signer: signer.map(|(name, _)| name),
    })
}

/// A text on one line, cut to a bounded length.
fn short(text: &str) -> String {
    cut(text, MAX_TEXT_CHARS)
}

fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(most).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pki::issue;
    use crate::protocol::plist::{date, to_xml};

    /// A provisioning profile as Apple would sign it, for tests.
    pub(crate) fn profile(uuid: &str, app_id: &str, expires_at: Timestamp, devices: &[&str]) -> Vec<u8> {
        let mut entitlements = Dictionary::new();
        entitlements.insert("application-identifier".into(), format!("A1B2C3D4E5.{app_id}").into());
        entitlements.insert("get-task-allow".into(), false.into());
        let mut plist = Dictionary::new();
        plist.insert("AppIDName".into(), "Field".into());
        plist.insert("UUID".into(), uuid.into());
        plist.insert("Name".into(), "In-house Field".into());
        plist.insert("TeamName".into(), "Example School".into());
        plist.insert("TeamIdentifier".into(), Value::Array(vec!["A1B2C3D4E5".into()]));
        plist.insert("Platform".into(), Value::Array(vec!["iOS".into()]));
        plist.insert("CreationDate".into(), date(Timestamp::from_seconds(1_790_000_000)));
        plist.insert("ExpirationDate".into(), date(expires_at));
        if devices.is_empty() {
            plist.insert("ProvisionsAllDevices".into(), true.into());
        } else {
            plist.insert("ProvisionedDevices".into(), Value::Array(devices.iter().map(|udid| Value::from(*udid)).collect()));
        }
        plist.insert("Entitlements".into(), Value::Dictionary(entitlements));
        let issuer = issue::root("Provisioning of a test", Timestamp::from_seconds(1_790_000_000)).unwrap();
        cms::sign(issuer.signer(), &to_xml(&Value::Dictionary(plist)).unwrap(), &cms::SignOptions::default()).unwrap()
    }

    const END: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_profile_tells_its_app_its_team_its_devices_and_its_end() {
        let facts = read(&profile("11111111-2222-4333-8444-555555555555", "school.example.field", END, &[])).unwrap();
        assert_eq!((facts.app_id.as_str(), facts.team_id.as_str()), ("school.example.field", "A1B2C3D4E5"));
        assert_eq!((facts.devices, facts.device_count, facts.expires_at), (Reach::AllDevices, 0, END));
        assert_eq!(facts.signer.as_deref(), Some("Provisioning of a test"));
        assert!(facts.is_for("school.example.field") && !facts.is_for("school.example.field.beta"));
        let some = read(&profile("1", "school.example.*", END, &["UDID-1", "UDID-2"])).unwrap();
        assert_eq!((some.devices, some.device_count), (Reach::ListedDevices, 2));
        assert!(some.is_for("school.example.field") && !some.is_for("school.other"));
        for wrong in ["../../x", "a b", &"1".repeat(UUID_MAX_CHARS + 1)] {
            assert_eq!(read(&profile(wrong, "a.b", END, &[])), Err(ProvisionError::NotAUuid), "{wrong}");
        }
        let longest = "a".repeat(MAX_APP_ID_CHARS);
        assert!(read(&profile("1", &longest, END, &[])).unwrap().is_for(&longest));
    }

    #[test]
    fn openssl_signs_one_that_is_read() {
        // The content of another signer, in BER of indefinite length as `openssl cms -stream` writes it.
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let content = cms::verify(&profile("1", "school.example.field", END, &[]), None).unwrap().content;
        std::fs::write(path("in.plist"), content).unwrap();
        let run =
            |arguments: &[&str]| std::process::Command::new("openssl").args(arguments).output().is_ok_and(|done| done.status.success());
        let (key, certificate) = (path("k.pem"), path("c.pem"));
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &certificate, "-subj", "/CN=Apple of a test"];
        if !run(&made) {
            eprintln!("SKIPPED: openssl is absent");
            return;
        }
        let (input, output) = (path("in.plist"), path("out.mobileprovision"));
        let sign =
            ["cms", "-sign", "-nodetach", "-binary", "-stream", "-outform", "DER", "-signer", &certificate, "-inkey", &key, "-in", &input];
        assert!(run(&[&sign[..], &["-out", &output]].concat()));
        let facts = read(&std::fs::read(output).unwrap()).unwrap();
        assert_eq!((facts.signer.as_deref(), facts.uuid.as_str()), (Some("Apple of a test"), "1"));
    }

    #[test]
    fn what_is_none_is_refused_with_what_to_do() {
        assert_eq!(read(b""), Err(ProvisionError::Empty));
        assert_eq!(read(&vec![0x30; MAX_BYTES + 1]), Err(ProvisionError::TooLarge));
        assert!(matches!(read(b"<plist/>"), Err(ProvisionError::NotOne(words)) if words.contains("a property list")));
        let issuer = issue::root("x", END).unwrap();
        let signed = cms::sign(issuer.signer(), b"no property list", &cms::SignOptions::default()).unwrap();
        assert!(matches!(read(&signed), Err(ProvisionError::NotOne(_))));
    }

    #[test]
    fn one_that_was_changed_is_refused_and_one_that_apple_did_not_sign_is_doubted() {
        let whole = profile("1", "school.example.field", END, &[]);
        assert!(read(&whole).unwrap().doubt().unwrap().contains("“Provisioning of a test”, which is no certificate of Apple's"));
        let at = whole.windows(13).position(|window| window == b"school.exampl").unwrap();
        let mut changed = whole;
        changed[at] ^= 1;
        assert_eq!(read(&changed), Err(ProvisionError::Changed));
        assert!(ProvisionError::Changed.to_string().contains("changed or damaged"));
    }

    #[test]
    fn cut_short_or_with_a_bit_flipped_it_is_refused_or_read_and_nothing_else() {
        let whole = profile("1", "school.example.field", END, &["UDID-1"]);
        for end in (0..whole.len()).step_by(7) {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            let _ = read(&damaged);
        }
    }
}
