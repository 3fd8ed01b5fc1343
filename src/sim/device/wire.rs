//! What a device sends and what it gets back, as values: whoever holds the device carries them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use super::identity::Identity;

/// What a request is for; faults, figures and expectations go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The enrollment profile.
    Profile,
    /// Apple's service: who manages the device, asked by one that starts in Setup Assistant.
    Activation,
    /// What it says of itself in Setup Assistant, for its enrollment profile.
    MachineInfo,
    /// Where its server is, at the domain of an account.
    ServiceDiscovery,
    /// The web page at which its person signs in.
    WebSignIn,
    /// What it says of itself to a profile service.
    ProfileService,
    /// SCEP: the certificate of the authority.
    GetCaCert,
    /// SCEP: what the authority can do.
    GetCaCaps,
    /// SCEP: the certificate request.
    PkiOperation,
    /// ACME: a step on the way to the certificate.
    Acme,
    /// Check-in: the enrollment begins.
    Authenticate,
    /// Check-in: token and magic for pushes.
    TokenUpdate,
    /// Check-in: a user of a directory logs in on a Mac.
    UserAuthenticate,
    /// Check-in: the bootstrap token of a Mac is left with the server.
    SetBootstrapToken,
    /// Check-in: the bootstrap token is asked back.
    GetBootstrapToken,
    /// Check-in: how to return to service is asked.
    ReturnToService,
    /// Check-in: declarations or status.
    DeclarativeManagement,
    /// Check-in: the enrollment ends.
    CheckOut,
    /// Connect with nothing to report.
    Idle,
    /// Connect with the answer to a command.
    Report,
    /// Something a command or declaration points to: a manifest, a package, a profile, an asset.
    Content,
    /// The practice store: whether there is a licence, an invitation that is accepted.
    Store,
}

impl Purpose {
    /// All purposes with the names that fault files and figures use.
    pub const NAMES: [(&'static str, Self); 22] = [
        ("Profile", Self::Profile),
        ("Activation", Self::Activation),
        ("MachineInfo", Self::MachineInfo),
        ("ServiceDiscovery", Self::ServiceDiscovery),
        ("WebSignIn", Self::WebSignIn),
        ("ProfileService", Self::ProfileService),
        ("GetCACert", Self::GetCaCert),
        ("GetCACaps", Self::GetCaCaps),
        ("PKIOperation", Self::PkiOperation),
        ("ACME", Self::Acme),
        ("Authenticate", Self::Authenticate),
        ("TokenUpdate", Self::TokenUpdate),
        ("UserAuthenticate", Self::UserAuthenticate),
        ("SetBootstrapToken", Self::SetBootstrapToken),
        ("GetBootstrapToken", Self::GetBootstrapToken),
        ("ReturnToService", Self::ReturnToService),
        ("DeclarativeManagement", Self::DeclarativeManagement),
        ("CheckOut", Self::CheckOut),
        ("Idle", Self::Idle),
        ("Report", Self::Report),
        ("Content", Self::Content),
        ("Store", Self::Store),
    ];

    /// The name that fault files and figures use, for example `TokenUpdate`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, purpose)| *purpose == self).map_or("", |(name, _)| name)
    }
}

/// One HTTP request of a device.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is for.
    pub purpose: Purpose,
    /// GET, POST or PUT.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Header fields, names in lower case; Host and Content-Length are the carrier's.
    pub headers: Vec<(String, String)>,
    /// The body; empty for GET.
    pub body: Bytes,
    /// The identity to present where the server asks for a client certificate.
    pub identity: Option<Arc<Identity>>,
    /// What the carrier shall do to this request on purpose.
    pub mischief: Option<Mischief>,
}

impl Request {
    /// The download of a profile.
    pub(crate) fn profile(url: &str) -> Self {
        super::Device::plain_get(Purpose::Profile, url.to_owned())
    }
}

/// What goes wrong between device and server on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// The request never arrives.
    LoseRequest,
    /// The request arrives; its answer does not.
    LoseAnswer,
    /// The request arrives twice; the second answer counts.
    Duplicate,
    /// The request waits before it is sent.
    Slow(Duration),
    /// The connection breaks when this many bytes of the body are sent.
    Break(usize),
}

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The server answered.
    Answered(Response),
    /// No answer: why, in words.
    Lost(String),
}

/// One HTTP answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The Content-Type field, empty where there was none.
    pub content_type: String,
    /// Seconds of a Retry-After field.
    pub retry_after_s: Option<u32>,
    /// The Replay-Nonce field.
    pub replay_nonce: Option<String>,
    /// The Location field, where it is no redirection that a device follows.
    pub location: Option<String>,
    /// The WWW-Authenticate field.
    pub www_authenticate: Option<String>,
    /// The size of the whole file that a Content-Range field names.
    pub total_bytes: Option<u64>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// An answer with `status` and `body`, as tests and stand-ins make it.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: content_type.to_owned(), body: body.into(), ..Self::default() }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the media type, without its parameters, is one of `types`.
    pub fn is_of(&self, types: &[&str]) -> bool {
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim();
        types.iter().any(|wanted| wanted.eq_ignore_ascii_case(media_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_without_parameters_and_case() {
        let response = Response::new(200, "Application/XML; charset=UTF-8", "");
        assert!(response.is_of(&["text/xml", "application/xml"]));
        assert!(!response.is_of(&["application/json"]));
    }

    #[test]
    fn every_purpose_has_a_name() {
        for (name, purpose) in Purpose::NAMES {
            assert_eq!(purpose.name(), name);
        }
    }
}
