//! A server certificate of our own authority: made at the first start, replaced in time and when the machine gets another name.

use super::{Identity, names};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::ca::tls;
use crate::pki::certificate::Certificate;
use crate::pki::issue::ServerName;
use crate::pki::key::PrivateKey;

/// The certificate to show now; makes one where it is missing or due.
pub(super) async fn identity(app: &App) -> Result<Identity> {
    let names = names::wanted(&app.config, app.public_host());
    let now = app.now();
    let present = app.store.read(now, tls::present).await?;
    let issues_now = app.authority().issuer.certificate().not_after() > now;
    if !issues_now && let Some(present) = &present {
        // By a clock that is ahead, or at its very end: what devices trusted is shown until there is a root that can make another.
        tracing::warn!("our own certificate authority is over by this machine's clock ({now}); the TLS certificate before is shown again");
        let certificate = Certificate::from_der(&present.certificate)?;
        return Identity::at_any_time(chain(app, certificate, now), &PrivateKey::from_pkcs8_der(present.key.expose())?);
    }
    if !tls::is_due(present.as_ref(), &names, &app.authority().id, now)
        && let Some(present) = present
    {
        let certificate = Certificate::from_der(&present.certificate)?;
        let identity = Identity::at_any_time(chain(app, certificate, now), &PrivateKey::from_pkcs8_der(present.key.expose())?)?;
        let Some(why) = identity.untimely(now) else { return Ok(identity) };
        // Made while the clock was ahead, or the clock is behind now: either way one of our own is worth no more than the time it takes to make another.
        tracing::warn!("{why} Another one is made that is valid now");
    }
    make(app, names).await
}

/// The certificate with what leads from it to the root before ours, while that one lasts: a device that was away all through the change comes in.
fn chain(app: &App, certificate: Certificate, now: Timestamp) -> Vec<Certificate> {
    let bridge = app.authority().bridge.clone().filter(|bridge| bridge.not_after() > now);
    std::iter::once(certificate).chain(bridge).collect()
}

async fn make(app: &App, names: Vec<String>) -> Result<Identity> {
    let now = app.now();
    // A host name that cannot stand in a certificate is left out rather than in the way of the others.
    let named: Vec<_> = names.into_iter().filter_map(|name| ServerName::parse(&name).ok().map(|parsed| (name, parsed))).collect();
    let (names, server_names): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let authority = app.authority();
    let authority_id = authority.id.clone();
    let signer = blocking(move || Ok(authority.issuer.tls_server(&server_names, now)?)).await?;
    let identity = Identity::new(chain(app, signer.certificate().clone(), now), signer.key(), now)?;
    app.store.write(now, move |tx| tls::adopt(tx, names, &authority_id, signer.certificate(), signer.key())).await?;
    Ok(identity)
}

/// Keys take a tenth of a second, which no connection should wait for.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("A key could not be made.", error))?
}

#[cfg(test)]
pub(in crate::http) mod tests {
    use super::*;
    use crate::app::Authority;
    use crate::mdm::ca::roots;
    use crate::store::authorities::AuthorityState;
    use std::time::Duration;

    /// An appliance whose authority is in its database.
    pub(in crate::http) async fn app() -> App {
        let app = App::for_tests();
        let authority = app.authority();
        let adopted = app.store.write(app.now(), move |tx| {
            roots::adopt(tx, AuthorityState::Current, &authority.issuer, None)?;
            roots::issuing(tx)
        });
        let id = adopted.await.unwrap().unwrap().id;
        app.set_roots(Authority { id, issuer: app.authority().issuer.clone(), bridge: None }.into());
        app
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[tokio::test]
    async fn the_first_start_makes_a_certificate_that_later_starts_show_again() {
        let app = app().await;
        let first = identity(&app).await.unwrap();
        for name in ["mdm.example.school", "localhost", "127.0.0.1"] {
            assert!(first.is_for(name), "{name}");
        }
        let again = identity(&app).await.unwrap();
        assert_eq!(again.certificate().fingerprint(), first.certificate().fingerprint());
        assert!(first.certificate().is_issued_by(app.authority().issuer.certificate()));
    }

    /// How many certificates are kept.
    async fn kept(app: &App) -> i64 {
        app.store.read(app.now(), crate::store::authorities::server_certificates_for_tests).await.unwrap()
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_for_one_start_costs_a_new_certificate_and_no_more() {
        let app = app().await;
        identity(&app).await.unwrap();
        app.clock.advance(DAY * 500);
        let ahead = identity(&app).await.unwrap();
        app.clock.set_back(DAY * 500);
        assert!(ahead.certificate().not_before() > app.now());
        let right = identity(&app).await.unwrap();
        assert!(right.certificate().is_valid_at(app.now()));
        let again = identity(&app).await.unwrap();
        assert_eq!(again.certificate().fingerprint(), right.certificate().fingerprint(), "the one of the wrong time is not found again");
        assert_eq!(kept(&app).await, 2, "the one of the wrong time is gone");
    }

    #[tokio::test]
    async fn a_clock_beyond_the_end_of_the_root_leaves_the_certificate_that_devices_trust() {
        let app = app().await;
        let first = identity(&app).await.unwrap();
        app.clock.advance(DAY * 365 * 21);
        assert_eq!(identity(&app).await.unwrap().certificate().fingerprint(), first.certificate().fingerprint());
        app.clock.set_back(DAY * 365 * 21);
        assert_eq!(identity(&app).await.unwrap().certificate().fingerprint(), first.certificate().fingerprint());
    }

    #[tokio::test]
    async fn a_clock_that_was_behind_at_the_first_start_or_is_now_ends_no_start() {
        let app = app().await;
        app.clock.set_back(DAY);
        let first = identity(&app).await.unwrap();
        assert!(first.certificate().is_valid_at(app.now()));
        app.clock.advance(DAY);
        assert_eq!(identity(&app).await.unwrap().certificate().fingerprint(), first.certificate().fingerprint());
        // Before our own authority begins, too, which devices will not trust until it does.
        app.clock.set_back(DAY * 30);
        assert!(app.authority().issuer.certificate().not_before() > app.now());
        assert!(identity(&app).await.unwrap().certificate().is_valid_at(app.now()));
    }

    #[tokio::test]
    async fn a_certificate_with_sixty_days_left_is_replaced_by_the_same_authority() {
        let app = app().await;
        let first = identity(&app).await.unwrap();
        app.clock.advance(DAY * 337);
        assert_eq!(identity(&app).await.unwrap().certificate().fingerprint(), first.certificate().fingerprint());
        app.clock.advance(DAY);
        let second = identity(&app).await.unwrap();
        assert_ne!(second.certificate().fingerprint(), first.certificate().fingerprint());
        assert_eq!(second.certificate().issuer(), first.certificate().issuer());
        assert_eq!(identity(&app).await.unwrap().certificate().fingerprint(), second.certificate().fingerprint());
    }
}
