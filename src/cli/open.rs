//! From an open database to an appliance's handles: the authority of the first start, and the ways out that the settings describe.

use std::sync::Arc;

use super::full::put_off;
use crate::app::{App, Parts, Roots};
use crate::apple::ade::Ade;
use crate::apple::apns::{Apns, ApnsConfig};
use crate::apple::apps_and_books::AppsAndBooks;
use crate::apple::certificate_authority::CertificateAuthorities;
use crate::apple::connect::{Connector, Endpoint, Proxy, ProxyLogin, Trust};
use crate::apple::object_store::ObjectStores;
use crate::apple::smtp::Mailer;
use crate::apple::software_lookup::{self, SoftwareLookup};
use crate::apple::webhook::Webhook;
use crate::clock::{Clock, Timestamp, Zone};
use crate::config::{Apple, Config, HttpsUrl, OutboundProxy};
use crate::error::{Error, Kind, Result};
use crate::http::trusted;
use crate::jobs;
use crate::mdm::ca::roots;
use crate::mdm::{attestation, settings};
use crate::pki::certificate::Certificate;
use crate::pki::issue;
use crate::protocol::ade;
use crate::protocol::apps_and_books::SERVICE;
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::apple::Services;
use crate::store::Store;
use crate::store::authorities::AuthorityState;

/// Puts an appliance together; the first time its certificate authority is made.
pub(super) async fn app(config: Config, url: &HttpsUrl, store: Store, clock: Clock, random: Random) -> Result<App> {
    app_beside(config, url, store, clock, random, None).await
}

/// Does what [`app`] does; where there are stand-ins, theirs is the list of releases.
pub(super) async fn app_beside(
    config: Config,
    url: &HttpsUrl,
    store: Store,
    clock: Clock,
    random: Random,
    services: Option<&Services>,
) -> Result<App> {
    let connector = connector(&config.apple, clock.clone())?;
    let webhook = Webhook::new(&connector)?;
    let object_stores = ObjectStores::new(&connector);
    let certificate_authorities = CertificateAuthorities::new(&connector);
    let mailer = Mailer::new(&connector);
    let licences = config.apple.apps_and_books_endpoint.as_ref().map_or_else(|| SERVICE.to_owned(), ToString::to_string);
    let apps_and_books = AppsAndBooks::new(&connector, &licences)?;
    let devices = config.apple.ade_endpoint.as_ref().map_or_else(|| ade::SERVICE.to_owned(), ToString::to_string);
    let ade = Ade::new(&connector, &devices, clock.clone())?;
    let software_lookup = match services {
        Some(services) => services_lookup(services, &clock)?,
        None => lookup(&config.apple, &connector),
    };
    let mut apns = ApnsConfig::new(connector.clone());
    if let Some(endpoint) = &config.apple.apns_endpoint {
        apns.endpoint = Endpoint::new(&endpoint.host, endpoint.port);
    }
    let now = clock.now();
    let roots = own_roots(&store, &url.host, now).await?;
    let imported = trusted::load(&store, now).await?;
    put_off(store.write(now, |tx| settings::learn_machine_zone(tx, &Zone::of_machine())).await, "The machine’s time zone")?;
    let vouchers = vouchers(&config.apple, services)?;
    put_off(store.write(now, move |tx| attestation::learn_roots(tx, &vouchers)).await, "Who vouches for devices")?;
    let (public_url, apns) = (url.to_string(), Arc::new(Apns::new(apns)));
    Ok(App::new(Parts {
        config,
        public_url,
        store,
        clock,
        random,
        connector,
        apns,
        apps_and_books,
        ade,
        software_lookup,
        webhook,
        object_stores,
        certificate_authorities,
        mailer,
        roots,
        imported,
    }))
}

/// Our own authorities; the first one is made here.
async fn own_roots(store: &Store, host: &str, now: Timestamp) -> Result<Roots> {
    if let Some(roots) = jobs::load_roots(store, now).await? {
        return Ok(roots);
    }
    let host = host.to_owned();
    let name = store.read(now, move |tx| roots::name(tx, &host)).await?;
    // An RSA key takes a tenth of a second, which the runtime's threads have better uses for.
    let root = tokio::task::spawn_blocking(move || issue::root(&name, now)).await;
    let root = root.map_err(|error| Error::internal("The key of the certificate authority could not be made.", error))??;
    store.write(now, move |tx| roots::adopt(tx, AuthorityState::Current, &root, None)).await?;
    let lost = || Error::new(Kind::Internal, "The certificate authority was stored and is not there.");
    jobs::load_roots(store, now).await?.ok_or_else(lost)
}

/// The roots that vouch for devices instead of Apple's: those of a file that the settings name, or of stand-ins.
fn vouchers(apple: &Apple, services: Option<&Services>) -> Result<Vec<Certificate>> {
    let Some(path) = &apple.attestation_roots else {
        return Ok(services.map(|services| services.attestation.root().clone()).into_iter().collect());
    };
    let unreadable = |why: String| Error::bad_input(format!("apple.attestation_roots: {} {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let roots = Certificate::all_from_pem(&text).map_err(|error| unreadable(format!("cannot be used: {error}")))?;
    if roots.is_empty() { Err(unreadable(String::from("holds no certificate"))) } else { Ok(roots) }
}

/// The client of the stand-in of Apple's lookup service.
fn services_lookup(services: &Services, clock: &Clock) -> Result<SoftwareLookup> {
    let connector = Connector::new(Trust::only(&services.trust_anchor_pem())?, clock.clone());
    let url = services.software_lookup.url();
    Ok(SoftwareLookup::new(&connector, &url).with_roots_from(&url).anchored())
}

/// The client of Apple's lookup service. Anchors that were chosen for Apple's services count there too.
fn lookup(apple: &Apple, connector: &Connector) -> SoftwareLookup {
    let base = |chosen: &Option<HttpsUrl>, usual: &str| chosen.as_ref().map_or_else(|| usual.to_owned(), ToString::to_string);
    let client = SoftwareLookup::new(connector, &base(&apple.software_lookup_endpoint, software_lookup::SERVICE))
        .with_roots_from(&base(&apple.roots_endpoint, software_lookup::ROOTS_SERVICE));
    if apple.trust_anchors.is_some() { client.anchored() } else { client }
}

/// The way out that the settings describe.
fn connector(apple: &Apple, clock: Clock) -> Result<Connector> {
    let trust = match &apple.trust_anchors {
        None => Trust::public(),
        Some(path) => {
            let pem = std::fs::read_to_string(path)
                .map_err(|error| Error::bad_input(format!("apple.trust_anchors: {} cannot be read: {error}.", path.display())))?;
            Trust::only(&pem)?
        }
    };
    let connector = Connector::new(trust, clock);
    Ok(match &apple.outbound_proxy {
        None => connector,
        Some(proxy) => connector.through(through(proxy)),
    })
}

fn through(proxy: &OutboundProxy) -> Proxy {
    let login = proxy.credentials.as_ref().map(|credentials| {
        let (user, password) = credentials.expose().split_once(':').unwrap_or((credentials.expose(), ""));
        ProxyLogin { user: user.to_owned(), password: Secret::new(password.to_owned()) }
    });
    Proxy { endpoint: Endpoint::new(&proxy.host, proxy.port), login, except: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layer;
    use crate::store::OpenOptions;

    #[tokio::test]
    async fn the_authority_is_made_once_and_found_again() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let start = async || {
            let config = Config::read(Layer::flags().with("data", ["/nonexistent"]), Vec::new()).unwrap();
            let url = "https://mdm.example.school:8443".parse().unwrap();
            app(config, &url, store.clone(), Clock::System, Random::seeded(7)).await.unwrap()
        };
        let (first, second) = (start().await, start().await);
        let root = first.authority().issuer.certificate().clone();
        assert_eq!(second.authority().issuer.certificate().fingerprint(), root.fingerprint());
        assert_eq!(root.common_name().unwrap(), "Rollcall CA of mdm.example.school");
        assert_eq!(first.public_url, "https://mdm.example.school:8443");
        assert_eq!(first.public_host(), "mdm.example.school");
    }

    #[test]
    fn a_missing_file_of_trust_anchors_is_named() {
        let apple = Apple { trust_anchors: Some("/nonexistent/anchors.pem".into()), ..Apple::default() };
        let error = connector(&apple, Clock::System).unwrap_err();
        assert!(error.to_string().starts_with("apple.trust_anchors: /nonexistent/anchors.pem cannot be read"), "{error}");
    }

    #[test]
    fn a_proxys_login_is_taken_apart_at_the_first_colon() {
        let proxy = through(&"http://kim:a:b@proxy.example.school:3128".parse().unwrap());
        let login = proxy.login.unwrap();
        assert_eq!((login.user.as_str(), login.password.expose().as_str()), ("kim", "a:b"));
        assert_eq!(proxy.endpoint.port(), 3128);
    }
}
