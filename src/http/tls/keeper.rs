//! Keeps the shown certificate fresh while the server runs, from files or from our own authority.

use std::sync::Arc;

use super::{Files, Identity, Tls, own};
use crate::app::App;
use crate::error::Result;
use crate::pki::certificate::Certificate;

/// Where the certificate comes from.
#[derive(Debug)]
pub enum Source {
    /// Files that another program renews.
    Files(Files),
    /// Our own authority.
    Own,
}

/// A certificate that is shown, and where its successor comes from.
#[derive(Debug)]
pub struct Keeper {
    source: Source,
    tls: Arc<Tls>,
}

impl Keeper {
    /// Shows the certificate that the settings name, or one of our own; failures name the file at fault.
    pub async fn open(app: &App) -> Result<Self> {
        let (source, identity) = match &app.config.tls {
            Some(paths) => {
                let (files, identity) = Files::open(paths.clone(), app.now())?;
                (Source::Files(files), identity)
            }
            None => (Source::Own, own::identity(app).await?),
        };
        warn_of_name(app, &identity);
        let tls = Arc::new(Tls::new(identity, &asked_for(app))?);
        Ok(Self { source, tls })
    }

    /// What the listeners show.
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// Shows what is new; tells whether something was. A refused certificate is told once, and the shown one stays.
    pub async fn refresh(&mut self, app: &App) -> Result<bool> {
        let identity = match &mut self.source {
            Source::Files(files) => match files.changed(app.now()) {
                None => return Ok(false),
                Some(changed) => changed?,
            },
            Source::Own => own::identity(app).await?,
        };
        if identity.certificate().fingerprint() == self.tls.shown().certificate().fingerprint() {
            return Ok(false);
        }
        warn_of_name(app, &identity);
        tracing::info!(subject = identity.certificate().subject(), not_after = %identity.certificate().not_after(), "shows a new TLS certificate");
        self.tls.show(identity);
        Ok(true)
    }
}

/// The authorities whose identities devices may hold.
fn asked_for(app: &App) -> Vec<Certificate> {
    let imported = app.imported();
    let imported = imported.iter().map(|authority| authority.certificate.clone());
    [app.authority().issuer.certificate().clone()].into_iter().chain(imported).collect()
}

/// A certificate for another name works for nobody; it may still be what the admin wants first, so it is said and shown.
fn warn_of_name(app: &App, identity: &Identity) {
    if !identity.is_for(app.public_host()) {
        tracing::warn!(
            "the TLS certificate ({}) is not for {}: devices and browsers will refuse it. Set --url to one of its names, or get one for this name",
            identity.certificate().subject(),
            app.public_host()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::config::TlsFiles;
    use crate::http::tls::tests::Authority;

    #[tokio::test]
    async fn our_own_certificate_is_replaced_while_the_server_runs() {
        let app = crate::http::tls::own::tests::app().await;
        let mut keeper = Keeper::open(&app).await.unwrap();
        let first = keeper.tls().shown().certificate().fingerprint();
        assert!(!keeper.refresh(&app).await.unwrap());
        app.clock.advance(Duration::from_secs(339 * 24 * 3600));
        assert!(keeper.refresh(&app).await.unwrap());
        assert_ne!(keeper.tls().shown().certificate().fingerprint(), first);
    }

    #[tokio::test]
    async fn files_are_taken_over_when_another_program_renewed_them() {
        let (app, authority, folder) = (App::for_tests(), Authority::new("School"), tempfile::tempdir().unwrap());
        let paths = TlsFiles { certificate: folder.path().join("both.pem"), key: folder.path().join("both.pem") };
        let renew = || {
            let (certificate, key) = authority.issue(&["mdm.example.school"], app.now(), app.now().plus(Duration::from_secs(3600)));
            std::fs::write(&paths.certificate, certificate.to_pem() + key.to_pem().expose()).unwrap();
            certificate.fingerprint()
        };
        let first = renew();
        let (files, identity) = Files::open(paths.clone(), app.now()).unwrap();
        let mut keeper = Keeper { source: Source::Files(files), tls: Arc::new(Tls::new(identity, &[]).unwrap()) };
        assert!(!keeper.refresh(&app).await.unwrap());
        std::fs::write(&paths.certificate, "half of a copy").unwrap();
        assert!(keeper.refresh(&app).await.is_err());
        assert_eq!(keeper.tls().shown().certificate().fingerprint(), first);
        let second = renew();
        assert!(keeper.refresh(&app).await.unwrap());
        assert_eq!(keeper.tls().shown().certificate().fingerprint(), second);
    }
}
