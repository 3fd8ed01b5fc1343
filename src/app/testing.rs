//! Appliances for tests.

use super::*;

impl App {
    /// An appliance on an empty database in memory, with a clock that stands at 2026-11-25T08:00:00Z and a sequence for randomness.
    pub(crate) fn for_tests() -> Self {
        Self::for_tests_with(crate::store::OpenOptions::memory())
    }

    /// The same appliance with another service for licences.
    pub(crate) fn with_licence_service(&self, apps_and_books: AppsAndBooks) -> Self {
        self.remade(|parts| parts.apps_and_books = apps_and_books)
    }

    /// The same appliance with another service for the organisation's devices.
    pub(crate) fn with_ade_service(&self, ade: Ade) -> Self {
        self.remade(|parts| parts.ade = ade)
    }

    /// The same appliance, some of which is made of something else.
    pub(crate) fn remade(&self, change: impl FnOnce(&mut Parts)) -> Self {
        let roots = self.roots();
        let mut parts = Parts {
            config: self.config.clone(),
            public_url: self.public_url.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            connector: self.connector.clone(),
            apns: self.apns.clone(),
            apps_and_books: self.apps_and_books.clone(),
            ade: self.ade.clone(),
            software_lookup: self.software_lookup.clone(),
            webhook: self.webhook.clone(),
            object_stores: self.object_stores.clone(),
            certificate_authorities: self.certificate_authorities.clone(),
            mailer: self.mailer.clone(),
            roots: Roots { current: Arc::clone(&roots.current), next: roots.next.clone(), former: roots.former.clone() },
            imported: Vec::new(),
        };
        change(&mut parts);
        Self::new(parts)
    }

    /// The same appliance with another service for the list of releases.
    pub(crate) fn with_software_lookup(mut self, software_lookup: SoftwareLookup) -> Self {
        Arc::get_mut(&mut self.0).unwrap().software_lookup = software_lookup;
        self
    }

    /// The same appliance, which leaves so much more of the disk free.
    pub(crate) fn with_room_kept(mut self, bytes: u64) -> Self {
        let handles = Arc::get_mut(&mut self.0).unwrap();
        handles.packages = PackageFiles::of(&handles.config.data).with_kept(bytes);
        self
    }

    /// As [`App::for_tests`], on a database that is opened so.
    pub(crate) fn for_tests_with(options: crate::store::OpenOptions) -> Self {
        Self::for_tests_in(options, std::path::Path::new("/nonexistent"))
    }

    /// As [`App::for_tests_with`], with its files in `data`.
    pub(crate) fn for_tests_in(options: crate::store::OpenOptions, data: &std::path::Path) -> Self {
        use crate::apple::apns::ApnsConfig;
        use crate::apple::connect::{Endpoint, Trust};
        use crate::config::Layer;
        let clock = Clock::manual(Timestamp::parse("2026-11-25T08:00:00Z").unwrap());
        let random = Random::seeded(7);
        let connector = Connector::new(Trust::public(), clock.clone());
        Self::new(Parts {
            config: Config::read(
                Layer::flags()
                    .with("data", [data.display().to_string()])
                    .with("listen", ["127.0.0.1:0"])
                    .with("apple.apns_endpoint", ["https://localhost:1"]),
                Vec::new(),
            )
            .unwrap(),
            public_url: "https://mdm.example.school".into(),
            store: Store::open(options.random(random.clone())).unwrap(),
            apps_and_books: AppsAndBooks::new(&connector, "https://localhost:1").unwrap(),
            ade: Ade::new(&connector, "https://localhost:1", clock.clone()).unwrap(),
            software_lookup: SoftwareLookup::new(&connector, "https://localhost:1").with_roots_from("https://localhost:1"),
            webhook: Webhook::new(&connector).unwrap(),
            object_stores: ObjectStores::new(&connector),
            certificate_authorities: CertificateAuthorities::new(&connector),
            mailer: Mailer::new(&connector),
            apns: Arc::new(Apns::new(ApnsConfig { endpoint: Endpoint::new("localhost", 1), ..ApnsConfig::new(connector.clone()) })),
            connector,
            roots: Authority { id: "test".into(), issuer: crate::pki::issue::root("Test", clock.now()).unwrap(), bridge: None }.into(),
            imported: Vec::new(),
            clock,
            random,
        })
    }
}
