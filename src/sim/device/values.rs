//! Small makers of property list values, and the complaints that devices send.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value};

/// A dictionary of these keys and values.
pub(crate) fn dictionary<const N: usize>(pairs: [(&str, Value); N]) -> Dictionary {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A dictionary as a value.
pub(crate) fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Dictionary(dictionary(pairs))
}

/// A moment as a value; moments before 1970 are 1970.
pub(crate) fn date(moment: Timestamp) -> Value {
    let since_epoch = Duration::from_secs(moment.seconds().max(0) as u64);
    Value::Date((SystemTime::UNIX_EPOCH + since_epoch).into())
}

/// Texts as an array.
pub(crate) fn texts<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Value {
    Value::Array(texts.into_iter().map(|text| Value::from(text.as_ref())).collect())
}

/// One link of an ErrorChain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// `ErrorCode`.
    pub(crate) code: i64,
    /// `ErrorDomain`.
    pub(crate) domain: Cow<'static, str>,
    /// `USEnglishDescription`, also sent as `LocalizedDescription`.
    pub(crate) text: String,
}

impl Complaint {
    /// A complaint of the MDM client itself.
    pub(crate) fn mdm(code: i64, text: impl Into<String>) -> Self {
        Self { code, domain: "MCMDMErrorDomain".into(), text: text.into() }
    }

    /// A complaint about a profile as such.
    pub(crate) fn profile(code: i64, text: impl Into<String>) -> Self {
        Self { code, domain: "MCProfileErrorDomain".into(), text: text.into() }
    }

    /// A complaint about one payload of a profile.
    pub(crate) fn payload(code: i64, text: impl Into<String>) -> Self {
        Self { code, domain: "MCPayloadErrorDomain".into(), text: text.into() }
    }

    /// A complaint about the installation of a profile.
    pub(crate) fn installation(code: i64, text: impl Into<String>) -> Self {
        Self { code, domain: "MCInstallationErrorDomain".into(), text: text.into() }
    }

    /// A complaint about a certificate request by SCEP.
    pub(crate) fn scep(code: i64, text: impl Into<String>) -> Self {
        Self { code, domain: "MCSCEPErrorDomain".into(), text: text.into() }
    }

    /// The complaint as a device sends it.
    pub(crate) fn to_value(&self) -> Value {
        dict([
            ("ErrorCode", Value::from(self.code)),
            ("ErrorDomain", Value::from(&*self.domain)),
            ("LocalizedDescription", Value::from(self.text.as_str())),
            ("USEnglishDescription", Value::from(self.text.as_str())),
        ])
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.text, self.domain, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist::{fields, to_xml};

    #[test]
    fn a_moment_is_written_as_apple_writes_it() {
        let xml = to_xml(&date(Timestamp::parse("2026-11-25T08:00:00.250Z").unwrap())).unwrap();
        assert!(String::from_utf8(xml).unwrap().contains("<date>2026-11-25T08:00:00Z</date>"));
    }

    #[test]
    fn a_complaint_has_the_keys_of_an_error_chain() {
        let value = Complaint::mdm(12021, "“Dance” is not a valid request type.").to_value();
        let fields = value.as_dictionary().unwrap();
        assert_eq!(fields::whole(fields, "ErrorCode"), Some(12021));
        assert_eq!(fields::text(fields, "ErrorDomain"), Some("MCMDMErrorDomain"));
        assert_eq!(fields::text(fields, "LocalizedDescription"), fields::text(fields, "USEnglishDescription"));
    }
}
