//! Keeps the shown certificate fresh while the server runs, from files or from our own authority.

use std::path::Path;
use std::sync::Arc;

use super::judged::{refused, warn_of_name};
use super::{Files, Identity, Tls, own};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::ca::public_tls;
use crate::mdm::ca::tls::{self, Shown};
use crate::pki::certificate::{Certificate, Fingerprint};

/// Where the certificate comes from.
#[derive(Debug)]
pub enum Source {
    /// Files that another program renews.
    Files(Files),
    /// Ours to get: of an authority that everybody trusts where one was chosen, else of our own.
    Own,
}

/// A certificate that is shown, and where its successor comes from.
#[derive(Debug)]
pub struct Keeper {
    source: Source,
    tls: Arc<Tls>,
    asked: Vec<Fingerprint>,
    /// Until when the shown certificate was good when that was last noted, and whether that was soon.
    noted: Option<(Timestamp, bool)>,
    /// Why devices refuse what is shown, as that was last noted, and whether it was.
    refused: (Option<(String, String)>, bool),
}

impl Keeper {
    /// Shows the certificate that the settings name, or one of our own: also where those files cannot be used, for whoever is answered can mend it.
    pub async fn open(app: &App) -> Result<Self> {
        let (source, identity) = match &app.config.tls {
            Some(paths) => {
                let (files, read) = Files::open(paths.clone());
                let identity = match read {
                    Ok(identity) => taken(app, &paths.certificate, identity).await?,
                    Err(why) => stand_in(app, why).await?,
                };
                (Source::Files(files), identity)
            }
            None => (Source::Own, ours(app).await?),
        };
        warn_of_name(app, &identity);
        let tls = Arc::new(Tls::new(identity, &asked_for(app), Arc::clone(&app.tls_proofs))?);
        let mut keeper = Self { source, tls, asked: fingerprints(&asked_for(app)), noted: None, refused: (None, false) };
        can_wait(keeper.watch_trust(app).await)?;
        can_wait(keeper.watch_end(app).await)?;
        Ok(keeper)
    }

    /// What the listeners show.
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// Whether somebody wrote to the files of the certificate, and has come to the end of it.
    pub fn files_touched(&mut self) -> bool {
        match &mut self.source {
            Source::Files(files) => files.touched(),
            Source::Own => false,
        }
    }

    /// Shows and asks for what is new; tells whether a new certificate is shown. A refused one is told once, and the shown one stays.
    pub async fn refresh(&mut self, app: &App) -> Result<bool> {
        self.ask(app)?;
        let shown = match self.successor(app).await? {
            Some(identity) if identity.certificate().fingerprint() != self.tls.shown().certificate().fingerprint() => {
                warn_of_name(app, &identity);
                let certificate = identity.certificate();
                tracing::info!(subject = certificate.subject(), not_after = %certificate.not_after(), "shows a new TLS certificate");
                self.tls.show(identity);
                true
            }
            _ => false,
        };
        self.watch_trust(app).await?;
        self.watch_end(app).await?;
        Ok(shown)
    }

    /// The certificate to show from now on, where there may be another.
    async fn successor(&mut self, app: &App) -> Result<Option<Identity>> {
        let files = match &mut self.source {
            Source::Own => return ours(app).await.map(Some),
            Source::Files(files) => files,
        };
        let Some(changed) = files.changed(app.now()) else { return Ok(None) };
        let refused = changed.as_ref().err().map(ToString::to_string);
        let shown = if app.tls_files_unusable() { Shown::Own } else { Shown::Former };
        app.store.write(app.now(), move |tx| tls::files_read(tx, refused.as_deref(), shown)).await?;
        let identity = changed?;
        app.set_tls_files_unusable(false);
        Ok(Some(identity))
    }

    /// Asks devices for identities of authorities that came since.
    fn ask(&mut self, app: &App) -> Result<()> {
        let authorities = asked_for(app);
        let asked = fingerprints(&authorities);
        if asked != self.asked {
            self.tls.ask_for(&authorities)?;
            self.asked = asked;
        }
        Ok(())
    }

    /// Tells somebody when devices refuse what is shown. What our own authority signs they trust since they enrolled, and what a proxy shows is not known.
    async fn watch_trust(&mut self, app: &App) -> Result<()> {
        let is_ours_to_tell = !app.shows_own_tls() && app.config.proxy_listen.is_none();
        let refused = if is_ours_to_tell { refused(app, &self.tls.shown())? } else { None };
        if self.refused != (refused.clone(), true) {
            if let Some((why, _)) = &refused {
                tracing::warn!("devices refuse the TLS certificate that is shown: {why}");
            }
            let noted = refused.clone();
            app.store.write(app.now(), move |tx| tls::watch_trust(tx, noted.as_ref())).await?;
            self.refused = (refused, true);
        }
        Ok(())
    }

    /// Tells somebody in time when others have to renew the certificate; ours is renewed long before.
    async fn watch_end(&mut self, app: &App) -> Result<()> {
        let (now, not_after) = (app.now(), self.tls.shown().certificate().not_after());
        let ends_soon = not_after <= now.plus(tls::TELL_BEFORE);
        if self.noted != Some((not_after, ends_soon)) {
            app.store.write(now, move |tx| tls::watch_end(tx, not_after)).await?;
            self.noted = Some((not_after, ends_soon));
        }
        Ok(())
    }
}

/// What the files of the settings hold, at a start.
async fn taken(app: &App, path: &Path, identity: Identity) -> Result<Identity> {
    if let Some(why) = identity.untimely(app.now()) {
        tracing::warn!(
            "{}: {why} Devices and browsers refuse it until then; it is shown all the same, and read again when the file changes",
            path.display()
        );
    }
    app.set_tls_files_unusable(false);
    can_wait(app.store.write(app.now(), |tx| tls::files_read(tx, None, Shown::Former)).await)?;
    Ok(identity)
}

/// One of our own authority in place of files that cannot be used at a start: a service that stays down could be mended by nobody but who has a shell.
async fn stand_in(app: &App, why: Error) -> Result<Identity> {
    tracing::error!(
        "{why}. A certificate of our own authority is shown instead, and the files that tls.certificate and tls.key name are read again when they change"
    );
    let why = why.to_string();
    can_wait(app.store.write(app.now(), move |tx| tls::files_read(tx, Some(&why), Shown::Own)).await)?;
    app.set_tls_files_unusable(true);
    own::identity(app).await
}

/// What is noted of a certificate waits for a disk that takes nothing; showing it does not.
fn can_wait(noted: Result<()>) -> Result<()> {
    match noted {
        Err(error) if error.kind == Kind::Busy => {
            tracing::warn!("what is known of the TLS certificate could not be noted: {error}");
            Ok(())
        }
        noted => noted,
    }
}

/// The certificate of an authority that everybody trusts, while there is one that is good for our name; else one of our own authority.
async fn ours(app: &App) -> Result<Identity> {
    let now = app.now();
    let kept = app.store.read(now, public_tls::identity).await?;
    let good = kept.and_then(|(chain, key)| Identity::new(chain, &key, now).ok());
    let is_good = good.is_some();
    let public = good.filter(|identity| identity.is_for(app.public_host()));
    if is_good && public.is_none() {
        app.store.write(now, public_tls::names_changed).await?;
    }
    app.set_shows_public_tls(public.is_some());
    match public {
        Some(public) => Ok(public),
        None => own::identity(app).await,
    }
}

fn fingerprints(certificates: &[Certificate]) -> Vec<Fingerprint> {
    certificates.iter().map(Certificate::fingerprint).collect()
}

/// The authorities whose identities devices may hold: ours, those that issued before, those of devices that moved in.
fn asked_for(app: &App) -> Vec<Certificate> {
    let (roots, imported) = (app.roots(), app.imported());
    let own = std::iter::once(&roots.current).chain(&roots.former).map(|authority| authority.issuer.certificate().clone());
    own.chain(imported.iter().map(|authority| authority.certificate.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::app::ImportedAuthority;
    use crate::clock::Timestamp;
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

    /// What is told of the certificate, but that devices do not know an authority of the tests.
    async fn alerts(app: &App) -> Vec<String> {
        let alerts = app.store.read(app.now(), crate::store::alerts::all).await.unwrap();
        alerts.into_iter().filter(|alert| alert.key != tls::UNTRUSTED).map(|alert| format!("{}: {}", alert.key, alert.message)).collect()
    }

    #[tokio::test]
    async fn files_are_taken_over_when_another_program_renewed_them_and_somebody_is_told_when_not() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let (app, authority, folder) = (App::for_tests(), Authority::new("School"), tempfile::tempdir().unwrap());
        let path = folder.path().join("both.pem");
        let renew = |now: Timestamp| {
            let (certificate, key) = authority.issue(&["mdm.example.school"], now, now.plus(90 * DAY));
            std::fs::write(&path, certificate.to_pem() + key.to_pem().expose()).unwrap();
            certificate.fingerprint()
        };
        let first = renew(app.now());
        let (files, identity) = Files::open(TlsFiles { certificate: path.clone(), key: path.clone() });
        let tls = Arc::new(Tls::new(identity.unwrap(), &[], Arc::default()).unwrap());
        let mut keeper = Keeper { source: Source::Files(files), tls, asked: Vec::new(), noted: None, refused: (None, false) };
        assert!(!keeper.refresh(&app).await.unwrap());

        assert_eq!([keeper.files_touched(), keeper.files_touched()], [false, false]);
        std::fs::write(&path, "half of a copy").unwrap();
        assert_eq!(
            [keeper.files_touched(), keeper.files_touched(), keeper.files_touched()],
            [false, true, false],
            "once nobody writes any more"
        );
        assert!(keeper.refresh(&app).await.is_err());
        assert_eq!(keeper.tls().shown().certificate().fingerprint(), first, "the old one stays");
        assert!(alerts(&app).await[0].starts_with("tls.refused: The changed TLS certificate is not used: "));

        app.clock.advance(77 * DAY);
        assert!(!keeper.refresh(&app).await.unwrap());
        assert!(alerts(&app).await[0].starts_with("tls.ends: "));

        let second = renew(app.now());
        assert!(keeper.refresh(&app).await.unwrap());
        assert_eq!(keeper.tls().shown().certificate().fingerprint(), second);
        assert!(alerts(&app).await.is_empty());
    }

    #[tokio::test]
    async fn certificate_files_out_of_their_time_are_shown_at_the_start_and_refused_afterwards() {
        const HOUR: Duration = Duration::from_secs(3600);
        let folder = tempfile::tempdir().unwrap();
        let (path, authority) = (folder.path().join("both.pem"), Authority::new("School"));
        let write = |from: Timestamp, until: Timestamp| {
            let (certificate, key) = authority.issue(&["mdm.example.school"], from, until);
            std::fs::write(&path, certificate.to_pem() + key.to_pem().expose()).unwrap();
            certificate.fingerprint()
        };
        let files = TlsFiles { certificate: path.clone(), key: path.clone() };
        let app = crate::http::tls::own::tests::app().await;
        let app = app.remade(|parts| parts.config.tls = Some(files));
        let now = app.now();
        for (from, until) in [(now.minus(2 * HOUR), now.minus(HOUR)), (now.plus(HOUR), now.plus(2 * HOUR))] {
            let out_of_time = write(from, until);
            let mut keeper = Keeper::open(&app).await.unwrap();
            assert_eq!(keeper.tls().shown().certificate().fingerprint(), out_of_time);
            assert!(!keeper.refresh(&app).await.unwrap(), "nothing changed");
            let ended = until <= now;
            let told = alerts(&app).await;
            assert!(!ended || told[0].starts_with("tls.ends: The TLS certificate of this appliance ended at "), "{told:?}");

            write(now.minus(2 * HOUR), now.minus(HOUR));
            assert!(keeper.refresh(&app).await.is_err(), "a changed one has to be good");
            assert_eq!(keeper.tls().shown().certificate().fingerprint(), out_of_time);
            let renewed = write(now.minus(HOUR), now.plus(HOUR * 24 * 90));
            assert!(keeper.refresh(&app).await.unwrap());
            assert_eq!(keeper.tls().shown().certificate().fingerprint(), renewed);
            assert!(alerts(&app).await.is_empty());
        }
    }

    #[tokio::test]
    async fn files_that_cannot_be_used_at_a_start_are_told_stood_in_for_and_taken_when_they_fit() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("School"));
        let path = folder.path().join("both.pem");
        let files = TlsFiles { certificate: path.clone(), key: path.clone() };
        let app = crate::http::tls::own::tests::app().await;
        let app = app.remade(|parts| parts.config.tls = Some(files));
        for content in [None, Some("nonsense")] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let keeper = Keeper::open(&app).await.unwrap();
            let shown = keeper.tls().shown();
            assert!(shown.certificate().is_issued_by(app.authority().issuer.certificate()) && app.shows_own_tls(), "{content:?}");
            let told = alerts(&app).await;
            assert!(told[0].starts_with("tls.refused: The TLS certificate of the settings cannot be used") && told[0].contains("both.pem"));
        }
        let mut keeper = Keeper::open(&app).await.unwrap();
        std::fs::write(&path, "other nonsense").unwrap();
        assert!(keeper.refresh(&app).await.is_err() && app.shows_own_tls());
        let (certificate, key) = authority.issue(&["mdm.example.school"], app.now(), app.now().plus(DAY * 90));
        std::fs::write(&path, certificate.to_pem() + key.to_pem().expose()).unwrap();
        assert!(keeper.refresh(&app).await.unwrap());
        assert_eq!(keeper.tls().shown().certificate().fingerprint(), certificate.fingerprint());
        assert!(!app.shows_own_tls() && alerts(&app).await.is_empty());
    }

    #[tokio::test]
    async fn a_certificate_that_no_device_takes_is_told_of_before_one_comes_and_no_longer_once_another_is_shown() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let folder = tempfile::tempdir().unwrap();
        let (path, authority) = (folder.path().join("both.pem"), Authority::new("Private"));
        let write = |authority: &Authority, days: u32, now: Timestamp| {
            let (certificate, key) = authority.issue(&["mdm.example.school"], now.minus(DAY), now.plus(DAY * days));
            std::fs::write(&path, certificate.to_pem() + &authority.certificate.to_pem() + key.to_pem().expose()).unwrap();
        };
        let app = crate::http::tls::own::tests::app().await;
        let files = TlsFiles { certificate: path.clone(), key: path.clone() };
        let app = app.remade(|parts| parts.config.tls = Some(files));
        write(&authority, 1_825, app.now());
        let told = async || app.store.read(app.now(), tls::untrusted).await.unwrap();
        let mut keeper = Keeper::open(&app).await.unwrap();
        let (why, remedy) = told().await.unwrap();
        assert!(why.contains("UnknownIssuer") && why.contains("more than 825 days"), "{why}");
        assert!(remedy.contains("public authority") && remedy.contains("shorter life"), "{remedy}");
        let first = app.store.read(app.now(), crate::mdm::needs::all).await.unwrap().remove(0);
        assert_eq!(first.key, tls::UNTRUSTED, "nothing is worse");
        write(&authority, 90, app.now());
        keeper.refresh(&app).await.unwrap();
        let (why, _) = told().await.unwrap();
        assert!(why.contains("UnknownIssuer") && !why.contains("825"), "{why}");

        let ours = app.remade(|parts| parts.config.tls = None);
        let _keeper = Keeper::open(&ours).await.unwrap();
        assert_eq!(told().await, None, "our own comes with every enrollment");
    }

    #[tokio::test]
    async fn devices_are_asked_for_identities_of_an_authority_that_moved_in() {
        let app = crate::http::tls::own::tests::app().await;
        let mut keeper = Keeper::open(&app).await.unwrap();
        let before = keeper.tls().device();
        keeper.refresh(&app).await.unwrap();
        assert!(Arc::ptr_eq(&before, &keeper.tls().device()));
        let certificate = Authority::new("Elsewhere").certificate;
        app.set_imported(vec![ImportedAuthority { id: "1".to_owned(), certificate, until: app.now(), issuer: None }]);
        keeper.refresh(&app).await.unwrap();
        let moved_in = keeper.tls().device();
        assert!(!Arc::ptr_eq(&before, &moved_in));

        let old = app.authority();
        let issuer = crate::pki::issue::root("Next", app.now()).unwrap();
        let current = Arc::new(crate::app::Authority { id: "next".to_owned(), issuer, bridge: None });
        let known = |asked: Vec<Certificate>| asked.iter().any(|asked| asked.fingerprint() == old.issuer.certificate().fingerprint());
        app.set_roots(crate::app::Roots { current: Arc::clone(&current), next: None, former: vec![Arc::clone(&old)] });
        assert!(known(asked_for(&app)), "identities of the root before are asked for until it ends");
        app.set_roots(crate::app::Roots { current, next: None, former: Vec::new() });
        assert!(!known(asked_for(&app)));
    }
}
