//! Files that are not what was asked for, each by its name and with what to do about it.

use std::fmt;

use super::topic;
use crate::language::say;
use crate::pki::apple;
use crate::pki::asn1::oid;
use crate::pki::certificate::Certificate;
use crate::pki::dropped::{Kind, Place};

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
    /// It has the name of a push certificate, and somebody signed it with its own key.
    SelfSigned {
        /// Its subject.
        subject: String,
    },
    /// It has the name of a push certificate, and an authority issued it that is not Apple's.
    ForeignIssuer {
        /// Who issued it.
        issuer: String,
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
    /// A message with certificates only (`.p7b`).
    CertificateBundle,
    /// A public key.
    PublicKey,
    /// Neither a certificate nor a key.
    Elsewhere(Kind),
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

impl Mistake {
    /// What it is, with its article; nothing for what nobody knows.
    pub fn what(&self) -> Option<String> {
        Some(match self {
            Self::VendorCertificate { subject } => t!("an MDM vendor certificate ({subject})", subject),
            Self::AppCertificate { app } => t!("the push certificate of an app ({app}), not one for device management", app),
            Self::Authority { subject } => t!("the certificate of an authority ({subject}), not a push certificate", subject),
            Self::SelfSigned { subject } => t!("a certificate that somebody signed with its own key ({subject})", subject),
            Self::ForeignIssuer { issuer } => t!("a certificate that another authority than Apple issued ({issuer})", issuer),
            Self::OtherCertificate { subject } => {
                t!(
                    "a certificate ({subject}) that is not a push certificate: its subject has no UID that begins with com.apple.mgmt",
                    subject
                )
            }
            Self::CertificationRequest => String::from(t!("a certification request (.csr), not a certificate")),
            Self::PushRequest => String::from(t!("a signed push certificate request")),
            Self::EncryptedMessage => String::from(t!("an encrypted message")),
            Self::CertificateBundle => String::from(t!("a bundle of certificates (PKCS#7) without a key")),
            Self::PublicKey => String::from(t!("a public key")),
            Self::Elsewhere(kind) => kind.what().to_owned(),
            Self::Damaged(what) => t!("damaged or incomplete, and looks like {what}", what),
            Self::Empty => String::from("empty"),
            Self::TooLarge => String::from(t!("far too large for a push certificate")),
            Self::Unsupported(_) | Self::Unknown => return None,
        })
    }

    /// What to do about it where a push certificate is wanted, in sentences.
    pub fn remedy(&self) -> String {
        const WANTED: &str = msg!("Upload the file MDM_….pem that identity.apple.com/pushcert gave you.");
        match self {
            Self::VendorCertificate { .. } => {
                t!("It signs requests for push certificates and cannot send pushes. {wanted}", wanted = say(WANTED))
            }
            Self::SelfSigned { .. } | Self::ForeignIssuer { .. } => {
                t!(
                    "Push certificates are issued by Apple alone (Apple Application Integration Certification Authority). {wanted}",
                    wanted = say(WANTED)
                )
            }
            Self::CertificationRequest | Self::PushRequest => self.elsewhere().to_owned(),
            Self::EncryptedMessage => String::from(t!(
                "From mdmcert.download it is brought as the signed request, where it is opened, and what it holds goes to identity.apple.com/pushcert. \
                 From Apple School Manager or Apple Business it is a server token, and belongs under System, Apple's device list."
            )),
            Self::PublicKey => String::from(t!("The private key or the push certificate is needed.")),
            Self::Elsewhere(kind) => {
                kind.remedy().map_or_else(|| t!("Here a push certificate is needed. {wanted}", wanted = say(WANTED)), str::to_owned)
            }
            Self::Unsupported(why) => why.clone(),
            Self::Damaged(_) => String::from(t!("Download or export it again.")),
            Self::Empty => String::from(t!("Choose the file again.")),
            Self::AppCertificate { .. }
            | Self::Authority { .. }
            | Self::OtherCertificate { .. }
            | Self::CertificateBundle
            | Self::TooLarge
            | Self::Unknown => String::from(say(WANTED)),
        }
    }

    /// What to do with it where something else than a push certificate was wanted, in sentences; empty where nothing is known.
    pub fn elsewhere(&self) -> &'static str {
        match self {
            Self::CertificationRequest => {
                t!(
                    "It must be signed by an MDM vendor, then taken to identity.apple.com/pushcert. What comes back from there belongs under System, \
                 Push certificate."
                )
            }
            Self::PushRequest => {
                t!("Take it to identity.apple.com/pushcert. What comes back from there belongs under System, Push certificate.")
            }
            Self::VendorCertificate { .. } => t!("It signs requests for push certificates, and belongs under System, Push certificate."),
            Self::Elsewhere(kind) => kind.remedy().unwrap_or_default(),
            Self::Damaged(_) => t!("Download or export it again."),
            _ => "",
        }
    }

    /// Our page that takes it.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Elsewhere(kind) => kind.place(),
            Self::VendorCertificate { .. } | Self::CertificationRequest | Self::PushRequest => Some(Place::Push),
            _ => None,
        }
    }
}

impl fmt::Display for Mistake {
    /// Says in sentences what the file is and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = self.remedy();
        match (self, self.what()) {
            (Self::Unsupported(why), _) => f.write_str(why),
            (Self::Damaged(_) | Self::Empty | Self::TooLarge, Some(what)) => write!(f, "this file is {what}. {remedy}"),
            (_, Some(what)) => write!(f, "this is {what}. {remedy}"),
            (_, None) => write!(f, "this file is neither a certificate nor a key. {remedy}"),
        }
    }
}

impl std::error::Error for Mistake {}

/// Why a certificate with the name of a push certificate cannot come from Apple's portal.
///
/// The signature cannot be followed further: Apple's intermediate does not come along with the file, and APNs judges for itself.
pub(super) fn of_issuer(certificate: &Certificate) -> Option<Mistake> {
    if certificate.issuer_der() == certificate.subject_der() {
        return Some(Mistake::SelfSigned { subject: certificate.subject() });
    }
    (!apple::is_apples_name(&certificate.issuer())).then(|| Mistake::ForeignIssuer { issuer: certificate.issuer() })
}

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
