//! Why somebody could not be reached, told so that a person can mend it.

use std::io;
use std::time::Duration;

use rustls::AlertDescription;

use super::Endpoint;
use crate::error::{Error, Kind};

/// Why a service could not be asked. Clones are cheap enough to tell everyone who waited for the same connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The name is unknown, nobody answers there, or a firewall is between.
    #[error("{endpoint} cannot be reached ({detail}): check the network, the name server and that the firewall lets this port out")]
    Unreachable {
        /// Whom we tried.
        endpoint: String,
        /// What the operating system said.
        detail: String,
    },
    /// Nothing came back in time.
    #[error("{endpoint} did not answer within {after_ms} ms: check that the firewall lets this port out")]
    TimedOut {
        /// Whom we tried.
        endpoint: String,
        /// How long we waited.
        after_ms: u64,
    },
    /// The proxy did not open a tunnel.
    #[error("the proxy {proxy} opened no tunnel to {endpoint} ({detail}): check its address, user and password, and its rules")]
    ProxyRefused {
        /// The proxy.
        proxy: String,
        /// Whom we tried to reach through it.
        endpoint: String,
        /// What it answered.
        detail: String,
    },
    /// The server's certificate is not one that we trust for this name.
    #[error(
        "the certificate of {endpoint} is not trusted ({detail}): if something in between opens TLS, exempt this host or add its root \
         to the trust anchors"
    )]
    Untrusted {
        /// Whom we tried.
        endpoint: String,
        /// What is wrong with its certificate.
        detail: String,
    },
    /// The server did not accept the certificate that we proved.
    #[error("{endpoint} refused our certificate ({detail}): it is expired, revoked or not meant for this service; renew or replace it")]
    IdentityRefused {
        /// Whom we tried.
        endpoint: String,
        /// The TLS alert.
        detail: String,
    },
    /// Our own certificate and key are no pair, or cannot be read.
    #[error("our certificate cannot be used ({detail}): upload it again together with the key that its request was made from")]
    IdentityUnusable {
        /// What is wrong with it.
        detail: String,
    },
    /// The connection ended before the answer came.
    #[error("the connection to {endpoint} broke ({detail}): another attempt may succeed")]
    Broken {
        /// Whom we talked to.
        endpoint: String,
        /// What ended it.
        detail: String,
    },
}

impl Failure {
    /// Whether it is about the certificate that we prove, so that nothing will get better until it is replaced.
    pub fn is_about_our_certificate(&self) -> bool {
        matches!(self, Self::IdentityRefused { .. } | Self::IdentityUnusable { .. })
    }

    /// Nothing came back from `endpoint` within `timeout`.
    pub(crate) fn timed_out(endpoint: &Endpoint, timeout: Duration) -> Self {
        Self::TimedOut { endpoint: endpoint.to_string(), after_ms: timeout.as_millis() as u64 }
    }

    /// What `error`, given by a pooled HTTP client that asked `endpoint`, means: what went wrong stands among its causes.
    pub(crate) fn of_client(endpoint: &Endpoint, error: &hyper_util::client::legacy::Error) -> Self {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if let Some(failure) = error.downcast_ref::<Self>() {
                return failure.clone();
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Self::of_tls(endpoint, error);
            }
            cause = error.source();
        }
        Self::Broken { endpoint: endpoint.to_string(), detail: chain(error) }
    }

    /// What happened, and what helps: its sentence in two.
    pub fn in_two(&self) -> (String, String) {
        let sentence = self.to_string();
        let (what, helps) = sentence.rsplit_once(": ").unwrap_or((&sentence, ""));
        (what.to_owned(), helps.to_owned())
    }

    /// Whether somebody in this network can mend it, so that waiting alone does not help.
    pub fn is_for_people(&self) -> bool {
        matches!(self, Self::Untrusted { .. } | Self::ProxyRefused { .. })
    }

    /// What `error`, seen on a TLS connection to `endpoint`, means.
    pub(crate) fn of_tls(endpoint: &Endpoint, error: &io::Error) -> Self {
        let endpoint = endpoint.to_string();
        match of_rustls(error) {
            Some(rustls::Error::AlertReceived(alert)) if is_about_a_client_certificate(*alert) => {
                Self::IdentityRefused { endpoint, detail: t!("TLS alert {alert}", alert = format!("{alert:?}")) }
            }
            Some(rustls::Error::InvalidCertificate(wrong)) => Self::Untrusted { endpoint, detail: words(wrong) },
            _ => Self::Broken { endpoint, detail: chain(error) },
        }
    }
}

/// A failure to reach a service is the service's, except where our certificate cannot work anywhere.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = if failure.is_about_our_certificate() { Kind::BadInput } else { Kind::Upstream };
        Self::new(kind, failure.to_string())
    }
}

/// What is wrong with a certificate, in words. What the judge of chains has no words for comes as the name of its error.
fn words(wrong: &rustls::CertificateError) -> String {
    let said = wrong.to_string();
    if said.contains("CaUsedAsEndEntity") {
        return String::from(t!("it is an authority's certificate, used as a server's: devices refuse it"));
    }
    said
}

/// What TLS said, however often an I/O error was wrapped around it on the way here.
fn of_rustls(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<rustls::Error>().or_else(|| of_rustls(inner.downcast_ref::<io::Error>()?))
}

/// The alerts by which servers refuse a client's certificate (RFC 8446, section 6.2).
fn is_about_a_client_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

/// An error's sentence with those of its causes, without saying anything twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let sentence = error.to_string();
        if !text.contains(&sentence) {
            text = format!("{text}: {sentence}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_about_our_certificate_are_told_from_others() {
        let endpoint = Endpoint::new("api.push.apple.com", 443);
        let told = |error: rustls::Error| Failure::of_tls(&endpoint, &io::Error::other(error));
        let refused = told(rustls::Error::AlertReceived(AlertDescription::CertificateExpired));
        assert!(refused.is_about_our_certificate() && refused.to_string().contains("CertificateExpired"), "{refused}");
        let other = told(rustls::Error::AlertReceived(AlertDescription::InternalError));
        assert!(matches!(other, Failure::Broken { .. }), "{other}");
        let foreign = told(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        assert!(matches!(foreign, Failure::Untrusted { .. }), "{foreign}");
        let wrapped = io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::Expired));
        assert!(matches!(Failure::of_tls(&endpoint, &io::Error::other(wrapped)), Failure::Untrusted { .. }));
    }

    #[test]
    fn an_authoritys_certificate_that_is_used_as_a_servers_is_told_in_words() {
        use rustls::client::WebPkiServerVerifier;
        use rustls::client::danger::ServerCertVerifier as _;
        use rustls::pki_types::{CertificateDer, UnixTime};
        let now = crate::clock::Timestamp::parse("2026-11-25T08:00:00Z").unwrap();
        let root = crate::pki::issue::root("Test", now).unwrap();
        let der = CertificateDer::from(root.certificate().der());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der.clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(now.since(crate::clock::Timestamp::default()));
        let error = judge.verify_server_cert(&der, &[], &"localhost".try_into().unwrap(), &[], now).unwrap_err();
        let failure = Failure::of_tls(&Endpoint::new("localhost", 443), &io::Error::other(error));
        let (what, _) = failure.in_two();
        assert!(what.contains("it is an authority's certificate, used as a server's") && !what.contains("OtherError"), "{what}");
    }

    #[test]
    fn every_failure_has_words_for_people() {
        let [endpoint, detail, proxy] = ["localhost:1", "x", "localhost:2"].map(String::from);
        let all = [
            Failure::Unreachable { endpoint: endpoint.clone(), detail: detail.clone() },
            Failure::TimedOut { endpoint: endpoint.clone(), after_ms: 5 },
            Failure::ProxyRefused { proxy, endpoint: endpoint.clone(), detail: detail.clone() },
            Failure::Untrusted { endpoint: endpoint.clone(), detail: detail.clone() },
            Failure::IdentityRefused { endpoint: endpoint.clone(), detail: detail.clone() },
            Failure::IdentityUnusable { detail: detail.clone() },
            Failure::Broken { endpoint, detail },
        ];
        for failure in all {
            let told = crate::protocol::unreached::told("Apple", &failure.to_string());
            assert!(told.is_some_and(|told| !told.what.contains("localhost")), "{failure}");
        }
    }

    #[test]
    fn what_happened_and_what_helps_stand_apart() {
        let endpoint = String::from("localhost:1");
        let (what, helps) =
            Failure::Untrusted { endpoint: endpoint.clone(), detail: String::from("invalid peer certificate: UnknownIssuer") }.in_two();
        assert_eq!(what, "the certificate of localhost:1 is not trusted (invalid peer certificate: UnknownIssuer)");
        assert!(helps.starts_with("if something in between opens TLS"), "{helps}");
        let (what, helps) = Failure::TimedOut { endpoint, after_ms: 10 }.in_two();
        assert_eq!(
            (what.as_str(), helps.as_str()),
            ("localhost:1 did not answer within 10 ms", "check that the firewall lets this port out")
        );
    }

    #[test]
    fn a_broken_certificate_is_the_admins_to_mend_and_a_dead_network_is_not() {
        assert_eq!(Error::from(Failure::IdentityUnusable { detail: String::new() }).kind, Kind::BadInput);
        assert_eq!(Error::from(Failure::timed_out(&Endpoint::new("a", 1), Duration::from_secs(1))).kind, Kind::Upstream);
    }
}
