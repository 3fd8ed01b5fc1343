//! What a client says that wants a certificate revoked (RFC 8555 §7.6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{Fault, Problem};

/// Why a certificate is revoked (RFC 5280 §5.3.1), of the reasons that its holder may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reason {
    /// 0, or none given.
    #[default]
    Unspecified,
    /// 1: somebody else may have the key.
    KeyCompromise,
    /// 3: what the certificate says of its holder is not so any more.
    AffiliationChanged,
    /// 4: there is another certificate.
    Superseded,
    /// 5: it is not needed any more.
    CessationOfOperation,
    /// 9: what it allowed is not allowed any more.
    PrivilegeWithdrawn,
}

impl Reason {
    /// Every reason with its number.
    const ALL: [(u8, Self); 6] = [
        (0, Self::Unspecified),
        (1, Self::KeyCompromise),
        (3, Self::AffiliationChanged),
        (4, Self::Superseded),
        (5, Self::CessationOfOperation),
        (9, Self::PrivilegeWithdrawn),
    ];

    /// The reason in words, for the audit.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unspecified => t!("no reason was given"),
            Self::KeyCompromise => t!("somebody else may have its key"),
            Self::AffiliationChanged => t!("what it says of its holder is not so any more"),
            Self::Superseded => t!("there is another one in its place"),
            Self::CessationOfOperation => t!("it is not needed any more"),
            Self::PrivilegeWithdrawn => t!("what it allowed is not allowed any more"),
        }
    }
}

/// A request to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Why.
    pub reason: Reason,
}

impl Revocation {
    /// Reads `{"certificate":"<base64url of the DER>","reason":1}`; the reason may be left out.
    pub fn read(payload: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Posted {
            certificate: String,
            reason: Option<i64>,
        }
        let malformed = || Fault::Malformed.because(t!("The revocation holds no certificate in `certificate`, as base64url of its DER."));
        let posted: Posted = serde_json::from_slice(payload).map_err(|_| malformed())?;
        let certificate = URL_SAFE_NO_PAD.decode(posted.certificate.trim_end_matches('=')).map_err(|_| malformed())?;
        let number = posted.reason.unwrap_or_default();
        let known = Reason::ALL.into_iter().find(|(known, _)| i64::from(*known) == number);
        let numbers = || Reason::ALL.map(|(known, _)| known.to_string()).join(", ");
        let (_, reason) = known.ok_or_else(|| {
            Fault::BadRevocationReason.because(t!("The holder of a certificate gives one of the reasons {numbers}.", numbers = numbers()))
        })?;
        Ok(Self { certificate, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_read_and_its_reason_is_one_that_a_holder_gives() {
        let read = |text: &str| Revocation::read(text.as_bytes());
        assert_eq!(read(r#"{"certificate":"AQI"}"#), Ok(Revocation { certificate: vec![1, 2], reason: Reason::Unspecified }));
        assert_eq!(read(r#"{"certificate":"AQI=","reason":1}"#).unwrap().reason, Reason::KeyCompromise);
        for (number, reason) in Reason::ALL {
            assert_eq!(read(&format!(r#"{{"certificate":"","reason":{number}}}"#)).unwrap().reason, reason);
        }
        // Of an authority's certificate, a hold, an entry of no list, of an attribute authority, and none at all.
        for number in [2, 6, 7, 8, 10, 11, -1, 300] {
            let refused = read(&format!(r#"{{"certificate":"AQI","reason":{number}}}"#)).unwrap_err();
            assert!(refused.is(Fault::BadRevocationReason) && refused.detail.contains("0, 1, 3, 4, 5, 9"), "{number}");
        }
        for wrong in ["", "{}", r#"{"certificate":"a b"}"#, r#"{"certificate":1}"#, r#"{"certificate":"AQI","reason":"x"}"#] {
            assert!(read(wrong).unwrap_err().is(Fault::Malformed), "{wrong}");
        }
    }
}
