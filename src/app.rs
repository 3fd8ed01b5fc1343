//! The hall: the handles that doors hold. It contains no behaviour.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, watch};

use crate::apple::ade::Ade;
use crate::apple::apns::Apns;
use crate::apple::apps_and_books::AppsAndBooks;
use crate::apple::certificate_authority::CertificateAuthorities;
use crate::apple::connect::Connector;
use crate::apple::object_store::ObjectStores;
use crate::apple::smtp::Mailer;
use crate::apple::software_lookup::SoftwareLookup;
use crate::apple::webhook::Webhook;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::pki::certificate::Certificate;
use crate::pki::issue::Issuer;
use crate::pki::known::KnownCertificates;
use crate::pki::public_tls::Proofs;
use crate::protocol::checkin::Message;
use crate::protocol::report::Status;
use crate::random::Random;
use crate::store::Store;
use crate::store::package_files::PackageFiles;

/// Everything that a request or a job may need; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Handles>);

/// The handles themselves.
pub struct Handles {
    /// What was known before the database opened.
    pub config: Config,
    /// `https://name[:port]`, the public address that new enrollments get; without a slash at the end.
    pub public_url: String,
    /// The database.
    pub store: Store,
    /// The files of packages.
    pub packages: PackageFiles,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Where tokens, codes and UUIDs come from.
    pub random: Random,
    /// The way out to Apple's services.
    pub connector: Connector,
    /// What is counted.
    pub metrics: Metrics,
    /// Apple's push service.
    pub apns: Arc<Apns>,
    /// Apple's service for licences.
    pub apps_and_books: AppsAndBooks,
    /// Apple's list of the organisation's devices.
    pub ade: Ade,
    /// Apple's list of OS releases.
    pub software_lookup: SoftwareLookup,
    /// Posts to webhooks.
    pub webhook: Webhook,
    /// The way to stores for backups.
    pub object_stores: ObjectStores,
    /// The way to authorities that everybody trusts.
    pub certificate_authorities: CertificateAuthorities,
    /// What proves to such an authority that a name leads here.
    pub tls_proofs: Arc<Proofs>,
    /// The way to mail servers.
    pub mailer: Mailer,
    /// Device certificates that were read before.
    pub known: KnownCertificates,
    /// Held while a backup is made or tried: one at a time.
    pub backing_up: Mutex<()>,
    /// Held while the appliance is examined: once at a time.
    pub examining: Mutex<()>,
    practice_apns: RwLock<Option<Arc<Apns>>>,
    practice_apps_and_books: RwLock<Option<AppsAndBooks>>,
    practice_ade: RwLock<Option<Ade>>,
    roots: RwLock<Arc<Roots>>,
    imported: RwLock<Arc<[ImportedAuthority]>>,
    listening: RwLock<Vec<(&'static str, SocketAddr)>>,
    certificates: watch::Sender<()>,
    restart: watch::Sender<bool>,
    shows_public_tls: AtomicBool,
    tls_files_unusable: AtomicBool,
}

/// Our own certificate authorities.
#[derive(Debug)]
pub struct Roots {
    /// The one that issues.
    pub current: Arc<Authority>,
    /// The certificate of the one that will issue next, if it was made already.
    pub next: Option<Certificate>,
    /// Those that issued before and have not ended, newest first.
    pub former: Vec<Arc<Authority>>,
}

impl From<Authority> for Roots {
    fn from(authority: Authority) -> Self {
        Self { current: Arc::new(authority), next: None, former: Vec::new() }
    }
}

/// Our own certificate authority, ready to issue and sign.
#[derive(Debug)]
pub struct Authority {
    /// Its row's id.
    pub id: String,
    /// Its certificate and key.
    pub issuer: Issuer,
    /// Its name and key, certified by the root before it: for those who know only that one.
    pub bridge: Option<Certificate>,
}

/// Another server's authority, whose devices moved in.
#[derive(Debug, Clone)]
pub struct ImportedAuthority {
    /// Its row's id.
    pub id: String,
    /// Its certificate.
    pub certificate: Certificate,
    /// Until when its devices are taken in.
    pub until: Timestamp,
    /// Ready to issue and sign, where its key came with it.
    pub issuer: Option<Arc<Authority>>,
}

/// What the hall is made of at the start.
pub struct Parts {
    /// What was known before the database opened.
    pub config: Config,
    /// The public address, `https://name[:port]`.
    pub public_url: String,
    /// The database.
    pub store: Store,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Where tokens, codes and UUIDs come from.
    pub random: Random,
    /// The way out to Apple's services.
    pub connector: Connector,
    /// Apple's push service.
    pub apns: Arc<Apns>,
    /// Apple's service for licences.
    pub apps_and_books: AppsAndBooks,
    /// Apple's list of the organisation's devices.
    pub ade: Ade,
    /// Apple's list of OS releases.
    pub software_lookup: SoftwareLookup,
    /// Posts to webhooks.
    pub webhook: Webhook,
    /// The way to stores for backups.
    pub object_stores: ObjectStores,
    /// The way to authorities that everybody trusts.
    pub certificate_authorities: CertificateAuthorities,
    /// The way to mail servers.
    pub mailer: Mailer,
    /// Our own certificate authorities.
    pub roots: Roots,
    /// Authorities of other servers.
    pub imported: Vec<ImportedAuthority>,
}

impl App {
    /// Puts the handles together.
    pub fn new(parts: Parts) -> Self {
        let metrics = Metrics::new(&parts.store.meter(), parts.connector.calls());
        metrics.expect(&Message::TYPES, &Status::ALL.map(Status::as_str));
        Self(Arc::new(Handles {
            packages: PackageFiles::of(&parts.config.data),
            config: parts.config,
            public_url: parts.public_url.trim_end_matches('/').to_owned(),
            store: parts.store,
            clock: parts.clock,
            random: parts.random,
            connector: parts.connector,
            metrics,
            apns: parts.apns,
            apps_and_books: parts.apps_and_books,
            ade: parts.ade,
            software_lookup: parts.software_lookup,
            webhook: parts.webhook,
            object_stores: parts.object_stores,
            certificate_authorities: parts.certificate_authorities,
            tls_proofs: Arc::default(),
            shows_public_tls: AtomicBool::new(false),
            tls_files_unusable: AtomicBool::new(false),
            mailer: parts.mailer,
            known: KnownCertificates::default(),
            backing_up: Mutex::new(()),
            examining: Mutex::new(()),
            practice_apns: RwLock::default(),
            practice_apps_and_books: RwLock::default(),
            practice_ade: RwLock::default(),
            roots: RwLock::new(Arc::new(parts.roots)),
            imported: RwLock::new(parts.imported.into()),
            listening: RwLock::default(),
            certificates: watch::Sender::new(()),
            restart: watch::Sender::new(false),
        }))
    }

    /// The present moment; read once per request and once per job turn.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The host of the public address: a name or an address without brackets.
    pub fn public_host(&self) -> &str {
        let authority = self.public_url.split_once("://").map_or(self.public_url.as_str(), |(_, authority)| authority);
        match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => authority.split(':').next().unwrap_or(authority),
        }
    }

    /// The authority that issues now.
    pub fn authority(&self) -> Arc<Authority> {
        Arc::clone(&self.roots().current)
    }

    /// Our own authorities.
    pub fn roots(&self) -> Arc<Roots> {
        Arc::clone(&self.roots.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other authorities into use, and asks for a look at the certificates of the listeners.
    pub fn set_roots(&self, roots: Roots) {
        *self.roots.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roots);
        self.look_at_certificates();
    }

    /// Where it listens, each with its flag; nothing while it does not serve.
    pub fn listening(&self) -> Vec<(&'static str, SocketAddr)> {
        self.listening.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ports at which devices find it.
    pub fn device_ports(&self) -> Vec<u16> {
        self.listening().into_iter().filter(|(flag, _)| matches!(*flag, "--listen" | "--device-listen")).map(|(_, at)| at.port()).collect()
    }

    /// Notes where it listens.
    pub fn set_listening(&self, addresses: Vec<(&'static str, SocketAddr)>) {
        *self.listening.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// Asks whoever keeps the certificates of the listeners to look at them now.
    pub fn look_at_certificates(&self) {
        self.certificates.send_replace(());
    }

    /// Hears when the certificates of the listeners are to be looked at.
    pub fn certificates_wanted(&self) -> watch::Receiver<()> {
        self.certificates.subscribe()
    }

    /// Asks whoever runs the appliance to end it in order and to start it again on the same folder.
    pub fn want_restart(&self) {
        self.restart.send_replace(true);
    }

    /// Completes when somebody asked for a restart.
    pub async fn restart_wanted(&self) {
        // The sender lives as long as the handles.
        let _ = self.restart.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// The authorities whose devices moved in, or whose certificates may be missing here; usually none.
    pub fn imported(&self) -> Arc<[ImportedAuthority]> {
        Arc::clone(&self.imported.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that an authority was imported.
    pub fn set_imported(&self, imported: Vec<ImportedAuthority>) {
        *self.imported.write().unwrap_or_else(PoisonError::into_inner) = imported.into();
    }

    /// The push service of practice devices, while their stand-in runs; else Apple's.
    pub fn push_service(&self, practice: bool) -> Arc<Apns> {
        let stand_in = self.practice_apns.read().unwrap_or_else(PoisonError::into_inner);
        stand_in.as_ref().filter(|_| practice).unwrap_or(&self.apns).clone()
    }

    /// The service that licences are asked of; for the practice classroom its stand-in, and nothing while that does not run.
    pub fn licence_service(&self, practice: bool) -> Option<AppsAndBooks> {
        if !practice {
            return Some(self.apps_and_books.clone());
        }
        self.practice_apps_and_books.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whom licences of practice devices are asked of.
    pub fn set_practice_licence_service(&self, service: Option<AppsAndBooks>) {
        *self.practice_apps_and_books.write().unwrap_or_else(PoisonError::into_inner) = service;
    }

    /// The service that the organisation's devices are asked of; for the practice classroom its stand-in, and nothing while that does not run.
    pub fn ade_service(&self, practice: bool) -> Option<Ade> {
        if !practice {
            return Some(self.ade.clone());
        }
        self.practice_ade.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whom practice devices are asked of.
    pub fn set_practice_ade_service(&self, service: Option<Ade>) {
        *self.practice_ade.write().unwrap_or_else(PoisonError::into_inner) = service;
    }

    /// Whether our own authority signs for the public address, so that a device that has never met us must be told to trust it.
    pub fn signs_for_itself(&self) -> bool {
        self.shows_own_tls() && self.config.proxy_listen.is_none()
    }

    /// Whether our listeners show a certificate of our own authority: not one from files, nor one of an authority that everybody trusts.
    pub fn shows_own_tls(&self) -> bool {
        match self.config.tls {
            Some(_) => self.tls_files_unusable(),
            None => !self.shows_public_tls.load(Ordering::Relaxed),
        }
    }

    /// Whether the certificate files that the settings name could not be used at the start, and one of our own authority is shown in their place.
    pub fn tls_files_unusable(&self) -> bool {
        self.tls_files_unusable.load(Ordering::Relaxed)
    }

    /// Notes whether they cannot be used.
    pub fn set_tls_files_unusable(&self, are: bool) {
        self.tls_files_unusable.store(are, Ordering::Relaxed);
    }

    /// Notes whether the listeners show a certificate of an authority that everybody trusts.
    pub fn set_shows_public_tls(&self, shows: bool) {
        self.shows_public_tls.store(shows, Ordering::Relaxed);
    }

    /// Whether something else than Apple takes the pushes of real devices, as the settings say: then another portal issues certificates for it.
    pub fn pushes_to_stand_in(&self) -> bool {
        const APNS: &str = ".push.apple.com";
        self.config.apple.apns_endpoint.as_ref().is_some_and(|endpoint| !endpoint.host.ends_with(APNS))
    }

    /// Says where pushes to practice devices go.
    pub fn set_practice_push_service(&self, apns: Option<Arc<Apns>>) {
        *self.practice_apns.write().unwrap_or_else(PoisonError::into_inner) = apns;
    }
}

impl Deref for App {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.0
    }
}

#[cfg(test)]
mod testing;
