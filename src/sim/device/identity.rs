//! How a device proves who it is: a signature in a header as its generation writes it, a TLS client certificate, or a proxy's header.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;

use super::Device;
use super::wire::{Purpose, Request};
use crate::clock::Timestamp;
use crate::pki::certificate::Certificate;
use crate::pki::cms::{CmsError, SignOptions, Signer, sign};
use crate::pki::digest::Digest;
use crate::pki::key::PrivateKey;
use crate::protocol::plist::{Dictionary, Value, to_binary, to_xml};
use crate::sim::model::{Platform, Release};

/// What devices call themselves.
pub(crate) const USER_AGENT: &str = "MDM/1.0";

/// A certificate and the key that belongs to it.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: Certificate,
    signer: Signer,
}

/// How a device proves who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proof {
    /// By `Mdm-Signature` where the profile says SignMessage, and by its certificate where TLS asks for one.
    #[default]
    AsProfileSays,
    /// By `Mdm-Signature` whatever the profile says.
    Signature,
    /// By TLS alone.
    Tls,
    /// As if a proxy had checked the certificate: in a header of this name.
    Header {
        /// Name of the header, for example `Client-Cert`.
        name: String,
        /// How the certificate is written there.
        form: HeaderForm,
    },
}

/// How a proxy writes a certificate into a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderForm {
    /// DER in base64 between colons (RFC 9440).
    Rfc9440,
    /// PEM, percent-encoded.
    UrlPem,
}

/// How a generation of devices signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// The digest.
    pub(crate) digest: Digest,
    /// With signed attributes, or directly over the content.
    pub(crate) signed_attributes: bool,
    /// In BER of indefinite length.
    pub(crate) indefinite_length: bool,
}

impl Dialect {
    /// How devices that run `release` sign.
    pub(crate) fn of(release: &Release) -> Self {
        if is_old(release) {
            return Self { digest: Digest::Sha1, signed_attributes: false, indefinite_length: true };
        }
        Self { digest: Digest::Sha256, signed_attributes: true, indefinite_length: true }
    }
}

/// Whether a release belongs to the generations that know SHA-1 and triple DES only, as captured from them.
pub(crate) fn is_old(release: &Release) -> bool {
    match release.platform {
        Platform::Macos => release.version.0 <= 10,
        Platform::Visionos => false,
        _ => release.version.0 <= 13,
    }
}

impl Identity {
    /// Puts a certificate and its key together; fails when they do not belong together.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, CmsError> {
        let signer = Signer::new(certificate.clone(), key)?;
        Ok(Self { certificate, signer })
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        self.signer.key()
    }

    /// The `Mdm-Signature` of a body: base64 of a detached signature.
    pub(crate) fn mdm_signature(&self, body: &[u8], dialect: Dialect, now: Timestamp) -> Result<String, CmsError> {
        let options = SignOptions {
            digest: Some(dialect.digest),
            signed_attributes: dialect.signed_attributes,
            indefinite_length: dialect.indefinite_length,
            signing_time: dialect.signed_attributes.then_some(now),
            ..SignOptions::detached()
        };
        sign(&self.signer, body, &options).map(|der| STANDARD.encode(der))
    }

    /// The certificate as a proxy writes it into a header.
    pub(crate) fn header(&self, form: HeaderForm) -> String {
        match form {
            HeaderForm::Rfc9440 => format!(":{}:", STANDARD.encode(self.certificate.der())),
            HeaderForm::UrlPem => percent_encode(self.certificate.to_pem().as_bytes()),
        }
    }
}

/// Everything but letters, digits and `-._~` as `%XX`.
pub(crate) fn percent_encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.extend(['%', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]);
        }
    }
    text
}

impl Device {
    /// A PUT of a message, with proof of who sends it.
    pub(crate) fn signed_put(
        &mut self,
        purpose: Purpose,
        url: String,
        content_type: &str,
        mut message: Dictionary,
        now: Timestamp,
    ) -> Option<Request> {
        message.sort_keys();
        let message = Value::Dictionary(message);
        // What was invented here or read from a property list can be written as one.
        let body = if self.settings.binary { to_binary(&message) } else { to_xml(&message) };
        self.signed_put_bytes(purpose, url, content_type, body.ok()?, now)
    }

    /// A PUT of bytes, with proof of who sends them.
    pub(crate) fn signed_put_bytes(
        &mut self,
        purpose: Purpose,
        url: String,
        content_type: &str,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Option<Request> {
        let enrollment = self.enrollment.as_ref()?;
        let identity = Arc::clone(&enrollment.identity);
        let mut headers =
            vec![(String::from("content-type"), content_type.to_owned()), (String::from("user-agent"), USER_AGENT.to_owned())];
        if let Some(token) = &self.course.bearer {
            headers.push((String::from("authorization"), format!("Bearer {token}")));
        }
        let signs = match &self.settings.proof {
            Proof::AsProfileSays => enrollment.mdm.sign_message,
            Proof::Signature => true,
            Proof::Tls => false,
            Proof::Header { name, form } => {
                headers.push((name.to_ascii_lowercase(), identity.header(*form)));
                false
            }
        };
        if signs {
            let signature = identity.mdm_signature(&body, Dialect::of(self.facts.release), self.own_clock(now));
            match signature {
                Ok(signature) => headers.push((String::from("mdm-signature"), signature)),
                Err(error) => self.journal.error(format!("cannot sign: {error}")),
            }
        }
        let shows = !matches!(self.settings.proof, Proof::Header { .. } | Proof::Signature);
        let identity = shows.then_some(identity);
        Some(Request { purpose, method: Method::PUT, url, headers, body: body.into(), identity, mischief: None })
    }

    /// A GET without proof of who asks.
    pub(crate) fn plain_get(purpose: Purpose, url: String) -> Request {
        let headers = vec![(String::from("user-agent"), USER_AGENT.to_owned())];
        Request { purpose, method: Method::GET, url, headers, body: bytes::Bytes::new(), identity: None, mischief: None }
    }
}
