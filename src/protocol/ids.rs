//! Who speaks: the five kinds of enrollment, and one canonical id for each.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::malformed::Malformed;
use super::plist::{Dictionary, Value, fields};

/// The longest identifier, in bytes; real ones have 25 to 80.
pub const MAX_ID_BYTES: usize = 256;

/// What every Shared iPad user gives as `UserID`; the short name tells them apart.
pub const SHARED_IPAD_USER_ID: &str = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";

/// What kind of relation an enrollment is; the words are those of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnrollmentKind {
    /// A device, known by its UDID.
    Device,
    /// A user of a Mac.
    User,
    /// A user of a Shared iPad, known by the Managed Apple Account.
    SharedIpad,
    /// A person's own device, known by an id of this enrollment only.
    UserEnrollmentDevice,
    /// A user of a person's own Mac.
    UserEnrollment,
}

impl EnrollmentKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Device, Self::User, Self::SharedIpad, Self::UserEnrollmentDevice, Self::UserEnrollment];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::User => "user",
            Self::SharedIpad => "shared_ipad",
            Self::UserEnrollmentDevice => "user_enrollment_device",
            Self::UserEnrollment => "user_enrollment",
        }
    }

    /// The word in NanoMDM's events.
    pub fn nano_name(self) -> &'static str {
        match self {
            Self::Device => t!("Device"),
            Self::User => t!("User"),
            Self::SharedIpad => t!("Shared iPad"),
            Self::UserEnrollmentDevice => "User Enrollment (Device)",
            Self::UserEnrollment => "User Enrollment",
        }
    }

    /// Whether it is a user's channel, not the device's own.
    pub const fn is_user_channel(self) -> bool {
        matches!(self, Self::User | Self::SharedIpad | Self::UserEnrollment)
    }

    /// Whether it is a user enrollment (BYOD), which may see and do less.
    pub const fn is_user_enrollment(self) -> bool {
        matches!(self, Self::UserEnrollmentDevice | Self::UserEnrollment)
    }
}

impl fmt::Display for EnrollmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EnrollmentKind {
    type Err = Malformed;

    fn from_str(word: &str) -> Result<Self, Malformed> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        kind.ok_or(Malformed::IllegalId { key: "kind", what: t!("is not a kind of enrollment") })
    }
}

/// The canonical id of an enrollment, as NanoMDM spells it: `UDID`, `UDID:UserID`, `UDID:UserShortName` (Shared iPad), `EnrollmentID` or
/// `EnrollmentID:EnrollmentUserID`.
///
/// It keeps the letters as the device sent them; equality and [`NanoId::match_key`] do not tell upper from lower case.
#[derive(Debug, Clone, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct NanoId(String);

impl NanoId {
    /// Takes an id that a person or a tool gives.
    pub fn parse(id: &str) -> Result<Self, Malformed> {
        let (device, user) = id.split_once(':').map_or((id, None), |(device, user)| (device, Some(user)));
        check("id", device)?;
        user.map_or(Ok(()), |user| check("id", user))?;
        Ok(Self(id.to_owned()))
    }

    /// The id as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the device's own channel.
    #[must_use]
    pub fn device(&self) -> Self {
        Self(self.0.split_once(':').map_or(self.0.as_str(), |(device, _)| device).to_owned())
    }

    /// The form to compare and index by: ASCII letters small, as the database's `NOCASE` does.
    pub fn match_key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for NanoId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Hash for NanoId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.match_key().hash(state);
    }
}

impl fmt::Display for NanoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a message is from: the kind, and the identifiers as the device spelled them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentIds {
    kind: EnrollmentKind,
    device: String,
    user: Option<String>,
    /// The user's account name, where a user's channel gives it.
    pub user_short_name: Option<String>,
    /// The user's full name, where a user's channel gives it.
    pub user_long_name: Option<String>,
}

impl EnrollmentIds {
    /// The ids of `kind`; `user` is the UserID, the UserShortName of a Shared iPad user, or the EnrollmentUserID.
    pub fn new(kind: EnrollmentKind, device: &str, user: Option<&str>) -> Result<Self, Malformed> {
        let (device_key, user_key) = kind.keys();
        check(device_key, device)?;
        if device.contains(':') {
            // A colon parts device and user in the canonical id: one device could otherwise pass for another one's user.
            return Err(Malformed::IllegalId { key: device_key, what: t!("holds a colon") });
        }
        if user.is_some() != kind.is_user_channel() {
            return Err(Malformed::MissingKey(user_key));
        }
        user.map_or(Ok(()), |user| check(user_key, user))?;
        if kind == EnrollmentKind::User && user.is_some_and(|user| user.eq_ignore_ascii_case(SHARED_IPAD_USER_ID)) {
            return Err(Malformed::MissingKey("UserShortName"));
        }
        let user = user.map(str::to_owned);
        let user_short_name = user.clone().filter(|_| kind == EnrollmentKind::SharedIpad);
        Ok(Self { kind, device: device.to_owned(), user, user_short_name, user_long_name: None })
    }

    /// Reads the ids of a check-in or report (checkin.md §2: `UDID` or `EnrollmentID`, then the user's).
    pub fn read(message: &Dictionary) -> Result<Self, Malformed> {
        let id = |key: &'static str| match message.get(key) {
            None => Ok(None),
            Some(value) => value.as_string().map(Some).ok_or(Malformed::IllegalId { key, what: t!("is not text") }),
        };
        let short_name = id("UserShortName")?;
        let mut ids = match (id("UDID")?, id("EnrollmentID")?) {
            (Some(udid), _) => match id("UserID")? {
                None => Self::new(EnrollmentKind::Device, udid, None)?,
                Some(user) if user.eq_ignore_ascii_case(SHARED_IPAD_USER_ID) => Self::new(EnrollmentKind::SharedIpad, udid, short_name)?,
                user => Self::new(EnrollmentKind::User, udid, user)?,
            },
            (None, Some(enrollment)) => match id("EnrollmentUserID")? {
                None => Self::new(EnrollmentKind::UserEnrollmentDevice, enrollment, None)?,
                user => Self::new(EnrollmentKind::UserEnrollment, enrollment, user)?,
            },
            (None, None) => return Err(Malformed::MissingKey("UDID")),
        };
        if ids.kind.is_user_channel() {
            ids.user_short_name = fields::filled(message, "UserShortName");
            ids.user_long_name = fields::filled(message, "UserLongName");
        }
        Ok(ids)
    }

    /// Writes the ids into a message, as a device does.
    pub fn write(&self, message: &mut Dictionary) {
        let mut put = |key: &str, value: &str| drop(message.insert(key.to_owned(), Value::String(value.to_owned())));
        let (device_key, user_key) = self.kind.keys();
        put(device_key, &self.device);
        if self.kind == EnrollmentKind::SharedIpad {
            put("UserID", SHARED_IPAD_USER_ID);
        }
        if let Some(name) = &self.user_short_name {
            put("UserShortName", name);
        }
        if let Some(name) = &self.user_long_name {
            put("UserLongName", name);
        }
        if let Some(user) = &self.user {
            put(user_key, user);
        }
    }

    /// The kind of enrollment.
    pub const fn kind(&self) -> EnrollmentKind {
        self.kind
    }

    /// The UDID or, in user enrollment, the EnrollmentID.
    pub fn device_id(&self) -> &str {
        &self.device
    }

    /// The UDID; a user enrollment does not tell it.
    pub fn udid(&self) -> Option<&str> {
        (!self.kind.is_user_enrollment()).then_some(self.device.as_str())
    }

    /// The EnrollmentID of a user enrollment.
    pub fn enrollment_id(&self) -> Option<&str> {
        self.kind.is_user_enrollment().then_some(self.device.as_str())
    }

    /// The user's part of the id, on a user's channel.
    pub fn user_id(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The canonical id of this enrollment.
    pub fn nano_id(&self) -> NanoId {
        NanoId(self.user.as_ref().map_or_else(|| self.device.clone(), |user| format!("{}:{user}", self.device)))
    }

    /// The canonical id of the device's own channel, on a user's channel.
    pub fn parent_id(&self) -> Option<NanoId> {
        self.user.as_ref().map(|_| NanoId(self.device.clone()))
    }
}

impl EnrollmentKind {
    /// The keys that hold the device's and the user's part.
    const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Device | Self::User => ("UDID", "UserID"),
            Self::SharedIpad => ("UDID", "UserShortName"),
            Self::UserEnrollmentDevice | Self::UserEnrollment => ("EnrollmentID", "EnrollmentUserID"),
        }
    }
}

/// Refuses what cannot be an identifier, so that none is ever mistaken for a path, a line of a log or another id.
fn check(key: &'static str, id: &str) -> Result<(), Malformed> {
    let what = match id {
        "" => t!("is empty"),
        "." | ".." => t!("looks like a path"),
        _ if id.len() > MAX_ID_BYTES => t!("is longer than 256 bytes"),
        _ if id.contains(['/', '\\']) => t!("looks like a path"),
        _ if id.contains(char::is_control) => t!("holds control characters"),
        _ if id.trim() != id => t!("begins or ends with a space"),
        _ => return Ok(()),
    };
    Err(Malformed::IllegalId { key, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries<'a> = &'a [(&'a str, &'a str)];

    fn message(entries: Entries<'_>) -> Dictionary {
        entries.iter().map(|(key, value)| ((*key).to_owned(), Value::String((*value).to_owned()))).collect()
    }

    fn read(entries: Entries<'_>) -> Result<EnrollmentIds, Malformed> {
        EnrollmentIds::read(&message(entries))
    }

    const UDID: &str = "00008030-00AA11BB22CC33DD";

    #[test]
    fn five_kinds_are_told_apart_and_have_one_id_each() {
        let cases: [(Entries<'_>, EnrollmentKind, &str); 7] = [
            (&[("UDID", UDID)], EnrollmentKind::Device, UDID),
            (&[("UDID", "d0c0ffeed0c0ffeed0c0ffeed0c0ffeed0c0ffee")], EnrollmentKind::Device, "d0c0ffeed0c0ffeed0c0ffeed0c0ffeed0c0ffee"),
            (
                &[("UDID", "3F2504E0-4F89-41D3-9A0C-0305E82C3301"), ("UserID", "A1B2"), ("UserShortName", "kim")],
                EnrollmentKind::User,
                "3F2504E0-4F89-41D3-9A0C-0305E82C3301:A1B2",
            ),
            (
                &[("UDID", UDID), ("UserID", SHARED_IPAD_USER_ID), ("UserShortName", "kim@example.school")],
                EnrollmentKind::SharedIpad,
                "00008030-00AA11BB22CC33DD:kim@example.school",
            ),
            (&[("EnrollmentID", "E-1")], EnrollmentKind::UserEnrollmentDevice, "E-1"),
            (&[("EnrollmentID", "E-1"), ("EnrollmentUserID", "U-1"), ("UserShortName", "kim")], EnrollmentKind::UserEnrollment, "E-1:U-1"),
            (&[("UDID", UDID), ("EnrollmentID", "E-1")], EnrollmentKind::Device, UDID),
        ];
        for (entries, kind, id) in cases {
            let ids = read(entries).unwrap();
            assert_eq!((ids.kind(), ids.nano_id().as_str()), (kind, id));
            assert_eq!(ids.parent_id().is_some(), kind.is_user_channel());
            assert_eq!(NanoId::parse(id).unwrap().device().as_str(), ids.device_id());
            assert_eq!(kind.as_str().parse(), Ok(kind));
            let mut written = Dictionary::new();
            ids.write(&mut written);
            assert_eq!(EnrollmentIds::read(&written), Ok(ids));
        }
    }

    #[test]
    fn letters_are_kept_but_case_does_not_matter() {
        let (upper, lower) = (NanoId::parse("ABCD-12:Kim@Example.school").unwrap(), NanoId::parse("abcd-12:kim@example.SCHOOL").unwrap());
        assert_eq!(upper, lower);
        assert_eq!(upper.match_key(), "abcd-12:kim@example.school");
        assert_eq!(upper.as_str(), "ABCD-12:Kim@Example.school");
        assert_eq!(std::collections::HashSet::from([upper, lower]).len(), 1);
    }

    #[test]
    fn empty_path_like_and_overlong_ids_are_refused() {
        let overlong = "A".repeat(MAX_ID_BYTES + 1);
        for id in ["", ".", "..", "../../etc", "a\\b", "a\nb", "a\0b", " a", "a ", "A:B", overlong.as_str()] {
            assert!(matches!(read(&[("UDID", id)]), Err(Malformed::IllegalId { key: "UDID", .. })), "{id:?}");
            assert!(matches!(read(&[("EnrollmentID", id)]), Err(Malformed::IllegalId { .. })), "{id:?}");
        }
        for id in ["", "..", "a/b", "\u{85}"] {
            assert!(read(&[("UDID", UDID), ("UserID", id)]).is_err(), "{id:?}");
            assert!(read(&[("UDID", UDID), ("UserID", SHARED_IPAD_USER_ID), ("UserShortName", id)]).is_err(), "{id:?}");
            assert!(NanoId::parse(&format!("{UDID}:{id}")).is_err(), "{id:?}");
        }
        assert!(read(&[("UDID", &"A".repeat(MAX_ID_BYTES))]).is_ok());
        assert!(read(&[("UDID", ""), ("EnrollmentID", "E-1")]).is_err(), "an empty UDID does not fall back to another kind");
    }

    #[test]
    fn an_id_that_is_missing_or_no_text_is_named() {
        assert_eq!(read(&[]), Err(Malformed::MissingKey("UDID")));
        assert_eq!(read(&[("UDID", UDID), ("UserID", SHARED_IPAD_USER_ID)]), Err(Malformed::MissingKey("UserShortName")));
        let number: Dictionary = [("UDID".to_owned(), Value::Integer(7.into()))].into_iter().collect();
        assert!(matches!(EnrollmentIds::read(&number), Err(Malformed::IllegalId { key: "UDID", .. })));
    }
}
