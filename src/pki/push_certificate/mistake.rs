//! Files that are not what was asked for, each by its name and with what to do about it.

use std::fmt;

use super::topic;
use crate::pki::asn1::oid;
use crate::pki::certificate::Certificate;

/// What a file is that was dropped in place of a push certificate or its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// The certificate with which an MDM vendor signs requests (`mdm.cer`).
    VendorCertificate {
        /// Its subject.
        subject: String,
    },
    /// The push certificate of an app.
    AppCertificate {
        /// The app's bundle identifier or the certificate's name.
        app: String,
    },
    /// A certificate authority's own certificate.
    Authority {
        /// Its subject.
        subject: String,
    },
    /// Any other certificate.
    OtherCertificate {
        /// Its subject.
        subject: String,
    },
    /// A certification request (`.csr`).
    CertificationRequest,
    /// A request that a vendor has signed: the file to take to Apple.
    PushRequest,
    /// The mailed answer of mdmcert.download, or another message encrypted to a certificate.
    EncryptedMessage,
    /// The server token of Automated Device Enrollment (`…_smime.p7m`).
    ServerToken,
    /// A configuration profile.
    Profile,
    /// A message with certificates only (`.p7b`).
    CertificateBundle,
    /// A public key.
    PublicKey,
    /// A web page, saved where a file was meant.
    WebPage,
    /// A token of Apple's for something else, or another property list or JSON.
    OtherText,
    /// A key or PKCS#12 file of a kind that is not read; the sentence says what to do.
    Unsupported(String),
    /// A file that looks right and is damaged.
    Damaged(&'static str),
    /// Nothing at all.
    Empty,
    /// More than any such file has.
    TooLarge,
    /// Nothing that is known.
    Unknown,
}

impl fmt::Display for Mistake {
    /// Says in a sentence or two what the file is and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WANTED: &str = "upload the file MDM_….pem that identity.apple.com/pushcert gave you";
        match self {
            Self::VendorCertificate { subject } => write!(
                f,
                "this is an MDM vendor certificate ({subject}): it signs requests for push certificates and cannot send pushes; {WANTED}"
            ),
            Self::AppCertificate { app } => {
                write!(f, "this is the push certificate of an app ({app}), not one for device management; {WANTED}")
            }
            Self::Authority { subject } => write!(f, "this is the certificate of an authority ({subject}), not a push certificate; {WANTED}"),
            Self::OtherCertificate { subject } => write!(
                f,
                "this certificate ({subject}) is not a push certificate: its subject has no UID that begins with com.apple.mgmt; {WANTED}"
            ),
            Self::CertificationRequest => f.write_str(
                "this is a certification request: it must be signed by an MDM vendor, then taken to identity.apple.com/pushcert; \
                 what comes back from there is what belongs here",
            ),
            Self::PushRequest => f.write_str(
                "this is a signed push certificate request: take it to identity.apple.com/pushcert; what comes back from there belongs here",
            ),
            Self::EncryptedMessage => f.write_str(
                "this is an encrypted message, perhaps the one that mdmcert.download sent by mail: bring it as the signed request, where it is \
                 opened; what it holds goes to identity.apple.com/pushcert, and what comes back from there belongs here",
            ),
            Self::ServerToken => {
                f.write_str("this is a server token for automated enrollment: it belongs under Apple tokens, not here")
            }
            Self::Profile => f.write_str("this is a configuration profile: it belongs under Profiles, not here"),
            Self::CertificateBundle => write!(f, "this is a bundle of certificates (PKCS#7) without a key; {WANTED}"),
            Self::PublicKey => f.write_str("this is a public key: the private key or the push certificate is needed"),
            Self::WebPage => {
                f.write_str("this is a web page, not a certificate: the download was probably interrupted by a log-in; download it again")
            }
            Self::OtherText => write!(f, "this text is neither a certificate nor a key; {WANTED}"),
            Self::Unsupported(why) => f.write_str(why),
            Self::Damaged(what) => write!(f, "this looks like {what}, but it is damaged or incomplete: download or export it again"),
            Self::Empty => f.write_str("this file is empty"),
            Self::TooLarge => f.write_str("this file is far too large for a push certificate"),
            Self::Unknown => write!(f, "this file is neither a certificate nor a key; {WANTED}"),
        }
    }
}

impl std::error::Error for Mistake {}

/// What a certificate is if it is no push certificate.
pub(super) fn of_certificate(certificate: &Certificate) -> Option<Mistake> {
    if topic(certificate).is_some() {
        return None;
    }
    let name = certificate.common_name().unwrap_or_default();
    let subject = certificate.subject();
    if name.starts_with("MDM Vendor") {
        return Some(Mistake::VendorCertificate { subject });
    }
    let of_app = ["Apple Push Services", "Apple Production IOS Push", "Apple Development IOS Push", "Apple Sandbox Push", "Pass Type ID"];
    if of_app.iter().any(|prefix| name.starts_with(prefix)) || certificate.user_id().is_some() {
        return Some(Mistake::AppCertificate { app: certificate.user_id().unwrap_or(name) });
    }
    // Self-made certificates are often authorities by accident: what names a purpose was meant for something else.
    let authority = certificate.is_authority() && certificate.extension(oid::EXTENDED_KEY_USAGE).is_none();
    Some(if authority { Mistake::Authority { subject } } else { Mistake::OtherCertificate { subject } })
}
