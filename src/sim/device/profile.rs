//! Configuration profiles as a device reads them: signed or plain, checked key by key, with the complaints a device makes.

use super::values::Complaint;
use crate::pki::certificate::Certificate;
use crate::pki::cms;
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary};

/// How many payloads a profile may have.
const MAX_PAYLOADS: usize = 500;

/// One profile that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    pub(crate) identifier: String,
    pub(crate) uuid: String,
    /// The top-level keys without the payloads.
    pub(crate) head: Dictionary,
    pub(crate) payloads: Vec<Payload>,
    /// Certificates of the signature, DER, the signer's first; empty where it is unsigned.
    pub(crate) signers: Vec<Vec<u8>>,
}

/// One payload of a profile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payload {
    pub(crate) kind: String,
    pub(crate) identifier: String,
    pub(crate) uuid: String,
    /// All keys, the common ones too.
    pub(crate) keys: Dictionary,
}

impl Profile {
    /// Reads a profile, signed or not.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Complaint> {
        let is_plain = bytes.starts_with(b"bplist") || bytes.trim_ascii_start().starts_with(b"<") || bytes.starts_with(b"\xEF\xBB\xBF<");
        if is_plain {
            return Self::read_plain(bytes, Vec::new());
        }
        let verified = cms::verify(bytes, None)
            .map_err(|error| Complaint::profile(1004, format!("The profile is neither a property list nor well signed: {error}")))?;
        let signer = verified.signer.der();
        let others = verified.certificates.iter().map(Certificate::der).filter(|der| *der != signer);
        let signers = std::iter::once(signer).chain(others).map(<[u8]>::to_vec).collect();
        Self::read_plain(&verified.content, signers)
    }

    /// Reads the plain form.
    pub(crate) fn read_plain(bytes: &[u8], signers: Vec<Vec<u8>>) -> Result<Self, Complaint> {
        let mut head = parse_dictionary(bytes).map_err(|error| Complaint::profile(1000, format!("The profile is malformed: {error}")))?;
        if fields::text(&head, "PayloadType") != Some("Configuration") {
            return Err(Complaint::profile(1000, "The profile's PayloadType is not Configuration."));
        }
        check_version(&head)?;
        let (identifier, uuid) = (required(&head, "PayloadIdentifier")?, required(&head, "PayloadUUID")?);
        if head.contains_key("EncryptedPayloadContent") {
            return Err(Complaint::profile(1006, "The profile is encrypted for another device."));
        }
        let content = match head.remove("PayloadContent") {
            Some(Value::Array(content)) => content,
            Some(_) => return Err(Complaint::profile(1003, "The field “PayloadContent” is not an array.")),
            None => return Err(Complaint::profile(1002, "The field “PayloadContent” is missing.")),
        };
        if content.is_empty() || content.len() > MAX_PAYLOADS {
            return Err(Complaint::profile(1005, "The profile has no payload, or too many."));
        }
        let payloads = content.into_iter().map(Payload::read).collect::<Result<Vec<_>, _>>()?;
        let profile = Self { identifier, uuid, head, payloads, signers };
        profile.check_duplicates()?;
        Ok(profile)
    }

    fn check_duplicates(&self) -> Result<(), Complaint> {
        let twice = |mut names: Vec<&str>| {
            names.sort_unstable();
            names.windows(2).any(|pair| pair[0] == pair[1])
        };
        if twice(self.payloads.iter().map(|payload| payload.uuid.as_str()).chain([self.uuid.as_str()]).collect()) {
            return Err(Complaint::profile(1007, "The profile contains duplicate UUIDs."));
        }
        if twice(self.payloads.iter().map(|payload| payload.identifier.as_str()).collect()) {
            return Err(Complaint::profile(1008, "The profile contains duplicate payload identifiers."));
        }
        Ok(())
    }

    /// The first payload of a kind.
    pub(crate) fn payload(&self, kind: &str) -> Option<&Payload> {
        self.of_kind(kind).next()
    }

    /// What a declaration that takes the profile over must find unchanged: its identifier and UUID, and those of its payloads in their order.
    pub(crate) fn structure(&self) -> Vec<[&str; 3]> {
        let payloads = self.payloads.iter().map(|payload| [payload.kind.as_str(), &payload.identifier, &payload.uuid]);
        std::iter::once(["Configuration", self.identifier.as_str(), &self.uuid]).chain(payloads).collect()
    }

    /// All payloads of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Payload> {
        self.payloads.iter().filter(move |payload| payload.kind == kind)
    }

    /// DER of the certificates that the profile brings.
    pub(crate) fn certificates(&self) -> Vec<Vec<u8>> {
        let is_certificate = |payload: &&Payload| matches!(payload.kind.as_str(), "com.apple.security.root" | "com.apple.security.pkcs1");
        self.payloads
            .iter()
            .filter(is_certificate)
            .filter_map(|payload| fields::data(&payload.keys, "PayloadContent"))
            .map(<[u8]>::to_vec)
            .collect()
    }

    /// The item of a ProfileList.
    pub(crate) fn list_item(&self, source: Option<&str>, managed: Option<bool>) -> Dictionary {
        let mut item = Dictionary::new();
        item.insert("HasRemovalPasscode".into(), Value::Boolean(fields::flag(&self.head, "HasRemovalPasscode").unwrap_or(false)));
        item.insert("IsEncrypted".into(), Value::Boolean(false));
        let removal_disallowed = fields::flag(&self.head, "PayloadRemovalDisallowed").unwrap_or(false);
        item.insert("PayloadRemovalDisallowed".into(), Value::Boolean(removal_disallowed));
        copy_common(&self.head, &mut item);
        let content = self.payloads.iter().map(|payload| {
            let mut summary = Dictionary::new();
            copy_common(&payload.keys, &mut summary);
            summary.insert("PayloadType".into(), Value::from(payload.kind.as_str()));
            Value::Dictionary(summary)
        });
        item.insert("PayloadContent".into(), Value::Array(content.collect()));
        if !self.signers.is_empty() {
            item.insert("SignerCertificates".into(), Value::Array(self.signers.iter().cloned().map(Value::Data).collect()));
        }
        if let Some(managed) = managed {
            item.insert("IsManaged".into(), Value::Boolean(managed));
        }
        if let Some(source) = source {
            item.insert("Source".into(), Value::from(source));
        }
        item
    }
}

/// Copies the keys that a list shows; secrets are in none of them.
fn copy_common(from: &Dictionary, to: &mut Dictionary) {
    for key in ["PayloadDescription", "PayloadDisplayName", "PayloadIdentifier", "PayloadOrganization", "PayloadUUID", "PayloadVersion"] {
        if let Some(value) = from.get(key) {
            to.insert(key.to_owned(), value.clone());
        }
    }
}

impl Payload {
    fn read(value: Value) -> Result<Self, Complaint> {
        let Value::Dictionary(keys) = value else {
            return Err(Complaint::payload(2000, "A payload is not a dictionary."));
        };
        // The codes of payloads are those of profiles, a thousand higher.
        let of_payload = |complaint: Complaint| Complaint::payload(complaint.code + 1000, complaint.text);
        let kind = required(&keys, "PayloadType").map_err(of_payload)?;
        check_version(&keys).map_err(of_payload)?;
        let (identifier, uuid) =
            (required(&keys, "PayloadIdentifier").map_err(of_payload)?, required(&keys, "PayloadUUID").map_err(of_payload)?);
        Ok(Self { kind, identifier, uuid, keys })
    }
}

fn required(keys: &Dictionary, key: &str) -> Result<String, Complaint> {
    match keys.get(key) {
        None => Err(Complaint::profile(1002, format!("The field “{key}” is missing."))),
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(Complaint::profile(1003, format!("The field “{key}” is invalid."))),
    }
}

fn check_version(keys: &Dictionary) -> Result<(), Complaint> {
    match keys.get("PayloadVersion") {
        None => Err(Complaint::profile(1002, "The field “PayloadVersion” is missing.")),
        Some(version) => match version.as_signed_integer() {
            Some(1) => Ok(()),
            Some(other) => Err(Complaint::profile(1001, format!("The version {other} is not supported."))),
            None => Err(Complaint::profile(1003, "The field “PayloadVersion” is invalid.")),
        },
    }
}

/// Why the server cannot be talked to as this payload says, or how it can.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MdmPayload {
    pub(crate) server_url: String,
    pub(crate) check_in_url: String,
    pub(crate) topic: String,
    pub(crate) identity_uuid: String,
    pub(crate) access_rights: i64,
    pub(crate) sign_message: bool,
    pub(crate) check_out_when_removed: bool,
    pub(crate) capabilities: Vec<String>,
    /// User enrollment: the device is known by an EnrollmentID, never by its UDID.
    pub(crate) by_user: bool,
    /// EnrollmentMode and AssignedManagedAppleID of an enrollment by account.
    pub(crate) account: Option<(String, String)>,
}

impl MdmPayload {
    /// Reads the `com.apple.mdm` payload of a profile.
    pub(crate) fn of(profile: &Profile) -> Result<Self, Complaint> {
        let keys = &profile.payload("com.apple.mdm").ok_or_else(|| Complaint::mdm(12079, "The profile has no MDM payload."))?.keys;
        let missing = |key: &str| Complaint::profile(1002, format!("The field “{key}” is missing in the MDM payload."));
        let server_url = fields::filled(keys, "ServerURL").ok_or_else(|| missing("ServerURL"))?;
        let check_in_url = fields::filled(keys, "CheckInURL").unwrap_or_else(|| server_url.clone());
        let topic = fields::filled(keys, "Topic").ok_or_else(|| missing("Topic"))?;
        let identity_uuid = fields::filled(keys, "IdentityCertificateUUID").ok_or_else(|| missing("IdentityCertificateUUID"))?;
        let by_user = fields::text(keys, "EnrollmentMode") == Some("BYOD") || keys.contains_key("ManagedAppleID");
        let access_rights = match (keys.get("AccessRights").and_then(Value::as_signed_integer), by_user) {
            (Some(rights), false) if rights != 0 => rights,
            (None, true) => ALL_RIGHTS,
            _ => return Err(Complaint::mdm(12000, "The access rights of the MDM payload are not valid.")),
        };
        if !topic.starts_with("com.apple.mgmt.") {
            return Err(Complaint::mdm(12022, "The topic of the MDM payload is not valid."));
        }
        let capabilities = fields::texts(keys, "ServerCapabilities");
        let flag = |key| fields::flag(keys, key).unwrap_or(false);
        let (sign_message, check_out_when_removed) = (flag("SignMessage"), flag("CheckOutWhenRemoved"));
        Ok(Self {
            server_url,
            check_in_url,
            topic,
            identity_uuid,
            access_rights,
            sign_message,
            check_out_when_removed,
            capabilities,
            by_user,
            account: fields::filled(keys, "EnrollmentMode").zip(fields::filled(keys, "AssignedManagedAppleID")),
        })
    }

    /// Whether the server said it can do `capability`.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// What forbids this payload to take the place of `old`.
    pub(crate) fn check_replaces(&self, old: &Self) -> Result<(), Complaint> {
        let fixed = [
            ("Topic", &self.topic, &old.topic),
            ("ServerURL", &self.server_url, &old.server_url),
            ("CheckInURL", &self.check_in_url, &old.check_in_url),
        ];
        if let Some((key, _, _)) = fixed.into_iter().find(|(_, new, old)| new != old) {
            return Err(Complaint::mdm(12012, format!("The new MDM payload does not match the old one: {key} changed.")));
        }
        if self.access_rights & !old.access_rights != 0 {
            return Err(Complaint::mdm(12009, "The new MDM payload asks for rights that the old one did not have."));
        }
        if self.account != old.account {
            return Err(Complaint::mdm(12012, "The new MDM payload does not match the old one: the account changed."));
        }
        if self.can(PER_USER_CONNECTIONS) != old.can(PER_USER_CONNECTIONS) || self.by_user != old.by_user {
            return Err(Complaint::mdm(12012, "The new MDM payload does not match the old one: ServerCapabilities changed."));
        }
        Ok(())
    }
}

/// All access rights there are.
const ALL_RIGHTS: i64 = 8191;

/// The capability of a server that knows users of a device.
pub(crate) const PER_USER_CONNECTIONS: &str = "com.apple.mdm.per-user-connections";

/// The capability of a server that keeps bootstrap tokens.
pub(crate) const BOOTSTRAP_TOKEN: &str = "com.apple.mdm.bootstraptoken";

/// What a `com.apple.security.scep` payload asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScepPayload {
    pub(crate) url: String,
    pub(crate) name: Option<String>,
    /// Relative distinguished names from the outermost, each with (short name or OID, value), variables not yet filled in.
    pub(crate) subject: Vec<(String, String)>,
    pub(crate) challenge: Option<String>,
    pub(crate) key_bits: usize,
    pub(crate) fingerprint: Option<Vec<u8>>,
    pub(crate) retries: u32,
    pub(crate) retry_delay_s: u32,
}

impl ScepPayload {
    /// Reads the payload.
    pub(crate) fn of(payload: &Payload) -> Result<Self, Complaint> {
        let keys = fields::dictionary(&payload.keys, "PayloadContent")
            .ok_or_else(|| Complaint::profile(1002, "The field “PayloadContent” is missing in the SCEP payload."))?;
        let url = fields::filled(keys, "URL").ok_or_else(|| Complaint::profile(1002, "The field “URL” is missing in the SCEP payload."))?;
        if fields::text(keys, "Key Type").is_some_and(|kind| kind != "RSA") {
            return Err(Complaint::scep(22001, "The SCEP payload asks for a kind of key that is not RSA."));
        }
        // A Keysize of another type is ignored, as devices do.
        let key_bits = keys.get("Keysize").and_then(Value::as_unsigned_integer).unwrap_or(1024) as usize;
        let number = |key, usual| fields::whole(keys, key).and_then(|number| u32::try_from(number).ok()).unwrap_or(usual);
        Ok(Self {
            url,
            name: fields::filled(keys, "Name"),
            subject: subject_of(keys),
            challenge: fields::filled(keys, "Challenge"),
            key_bits,
            fingerprint: fields::data(keys, "CAFingerprint").map(<[u8]>::to_vec),
            retries: number("Retries", 3),
            retry_delay_s: number("RetryDelay", 10),
        })
    }
}

/// The subject as pairs: each relative name is an array of pairs, each pair an array of two texts.
pub(crate) fn subject_of(keys: &Dictionary) -> Vec<(String, String)> {
    let pair = |value: &Value| {
        let pair = value.as_array()?;
        Some((pair.first()?.as_string()?.to_owned(), pair.get(1)?.as_string()?.to_owned()))
    };
    fields::items(keys, "Subject").iter().filter_map(Value::as_array).flatten().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist::to_xml;

    fn captured(name: &str) -> Option<Vec<u8>> {
        let folder = crate::shared_for_tests()?;
        Some(std::fs::read(folder.join("captures").join(name)).unwrap())
    }

    #[test]
    fn an_enrollment_profile_for_another_simulator_is_understood() {
        let Some(bytes) = captured("conversations/enrol.mobileconfig") else { return };
        let profile = Profile::read_plain(&bytes, Vec::new()).unwrap();
        let mdm = MdmPayload::of(&profile).unwrap();
        assert_eq!(mdm.check_in_url, "http://127.0.0.1:9000/mdm");
        assert!(mdm.sign_message && mdm.check_out_when_removed && mdm.can(PER_USER_CONNECTIONS));
        let scep = ScepPayload::of(profile.payload("com.apple.security.scep").unwrap()).unwrap();
        assert_eq!(scep.subject[1], ("CN".into(), "practice-%SerialNumber%".into()));
        assert_eq!((scep.key_bits, scep.retries, scep.name.as_deref()), (2048, 3, Some("practice-ca")));
    }

    fn changed(change: impl FnOnce(&mut Dictionary)) -> Result<Profile, Complaint> {
        let payload = super::super::values::dictionary([
            ("PayloadType", Value::from("com.apple.webClip.managed")),
            ("PayloadVersion", Value::from(1)),
            ("PayloadIdentifier", Value::from("school.example.clip.1")),
            ("PayloadUUID", Value::from("B0000000-0000-4000-8000-000000000001")),
        ]);
        let mut profile = super::super::values::dictionary([
            ("PayloadType", Value::from("Configuration")),
            ("PayloadVersion", Value::from(1)),
            ("PayloadIdentifier", Value::from("school.example.clip")),
            ("PayloadUUID", Value::from("B0000000-0000-4000-8000-000000000000")),
            ("PayloadContent", Value::Array(vec![Value::Dictionary(payload)])),
        ]);
        change(&mut profile);
        Profile::read_plain(&to_xml(&Value::Dictionary(profile)).unwrap(), Vec::new())
    }

    #[test]
    fn a_profile_is_refused_with_the_code_that_fits() {
        assert!(changed(|_| {}).is_ok());
        let code = |change: fn(&mut Dictionary)| changed(change).unwrap_err().code;
        assert_eq!(code(|profile| drop(profile.remove("PayloadIdentifier"))), 1002);
        assert_eq!(code(|profile| drop(profile.insert("PayloadUUID".into(), Value::from(3)))), 1003);
        assert_eq!(code(|profile| drop(profile.insert("PayloadVersion".into(), Value::from(2)))), 1001);
        assert_eq!(code(|profile| drop(profile.insert("PayloadContent".into(), Value::Array(Vec::new())))), 1005);
        assert_eq!(code(|profile| drop(profile.insert("PayloadType".into(), Value::from("Profile Service")))), 1000);
        assert_eq!(code(|profile| drop(profile.insert("EncryptedPayloadContent".into(), Value::Data(vec![1])))), 1006);
        let doubled = |profile: &mut Dictionary| {
            let content = profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap();
            content.push(content[0].clone());
        };
        assert_eq!(changed(doubled).unwrap_err().code, 1007);
        assert_eq!(Profile::read_plain(b"<plist", Vec::new()).unwrap_err().code, 1000);
    }
}
