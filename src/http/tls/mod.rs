//! TLS of our listeners: the certificate that is shown, changed without a restart, and the question for device certificates.

mod files;
mod holder;
mod identity;
mod judged;
mod keeper;
pub mod names;
mod own;

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::{Error, Kind, Result};
use crate::pki::certificate::Certificate;
use crate::pki::public_tls::{PROOF_PROTOCOL, Proofs};

pub use files::Files;
pub use identity::Identity;
pub use keeper::{Keeper, Source};

use holder::Holder;

/// The TLS of every listener: one certificate, with and without the question for the other end's.
#[derive(Debug)]
pub struct Tls {
    shown: Arc<Shown>,
    main: Arc<ServerConfig>,
    device: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Shows `identity`, and asks devices for certificates of any of `authorities`. Whoever looks for a proof of a name is shown one of `proofs` instead.
    pub fn new(identity: Identity, authorities: &[Certificate], proofs: Arc<Proofs>) -> Result<Self> {
        let shown = Arc::new(Shown { identity: RwLock::new(Arc::new(identity)), proofs });
        let main = config(&shown, None)?;
        let device = RwLock::new(config(&shown, Some(authorities))?);
        Ok(Self { shown, main, device })
    }

    /// Shows `identity` from the next connection on.
    pub fn show(&self, identity: Identity) {
        *self.shown.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    /// What is shown now.
    pub fn shown(&self) -> Arc<Identity> {
        self.shown.now()
    }

    /// Asks devices for certificates of `authorities` from the next connection on.
    pub fn ask_for(&self, authorities: &[Certificate]) -> Result<()> {
        let config = config(&self.shown, Some(authorities))?;
        *self.device.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// For listeners that people share: no certificate is asked for, so no browser prompts.
    pub fn main(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.main)
    }

    /// For `--device-listen`.
    pub fn device(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.device.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The crypto library that every TLS connection uses, named so that a dependency that brings another one changes nothing.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Settings of one kind of listener; with `authorities` it asks for certificates.
fn config(shown: &Arc<Shown>, authorities: Option<&[Certificate]>) -> Result<Arc<ServerConfig>> {
    let wrong = |error: rustls::Error| Error::internal("TLS cannot be set up.", error);
    let provider = provider();
    let versions = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().map_err(wrong)?;
    let builder = match authorities {
        None => versions.with_no_client_auth(),
        Some(authorities) => versions.with_client_cert_verifier(Arc::new(Holder::new(&provider, authorities))),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(shown) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec(), PROOF_PROTOCOL.to_vec()];
    // A device that comes back resumes with a ticket that it keeps itself: no memory of ours, and no signature.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(wrong)?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// The certificate that is shown, behind a lock that is held for a moment, and what proves to an authority that a name leads here.
struct Shown {
    identity: RwLock<Arc<Identity>>,
    proofs: Arc<Proofs>,
}

impl Shown {
    fn now(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(t!("Shown")).field(&self.now().certificate().subject()).finish()
    }
}

impl ResolvesServerCert for Shown {
    /// The same for every name: devices that moved in know us by others, and a browser's complaint says more than an aborted connection.
    ///
    /// Only an authority that looks for a proof speaks nothing but that; it is shown the proof or nothing.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let looks_for_proof = hello.alpn().is_some_and(|mut spoken| spoken.next() == Some(PROOF_PROTOCOL) && spoken.next().is_none());
        if looks_for_proof {
            let proof = self.proofs.of(hello.server_name()?)?;
            return identity::certified(std::slice::from_ref(&proof.certificate), &proof.key).ok();
        }
        Some(self.now().certified())
    }
}

/// A failure that concerns the certificate files or their content.
fn refused(message: String) -> Error {
    Error::new(Kind::BadInput, message)
}

#[cfg(test)]
pub(crate) mod tests;
