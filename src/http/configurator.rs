//! What page and API do alike for Apple Configurator: make its supervision identity, and hand it out under a passphrase.

use crate::app::App;
use crate::error::{Error, Result};
use crate::mdm::enroll::configurator::{self, IDENTITY_LIFETIME};
use crate::mdm::enroll::profile::ORGANISATION;
use crate::mdm::{Actor, Right};
use crate::pki::key::PrivateKey;
use crate::pki::{issue, pkcs12};
use crate::secret::{Secret, SecretBytes};
use crate::store::settings;

/// The type of the file.
pub const PKCS12: &str = "application/x-pkcs12";

/// The longest name in the certificate, in characters.
const NAME_MAX_CHARS: usize = 60;

/// Makes the identity by which Configurator supervises devices.
///
/// # Errors
/// Conflict where there is one.
pub async fn make_identity(app: &App, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    let now = app.now();
    let (name, asker) = (app.store.read(now, |tx| settings::value(tx, &ORGANISATION)).await?, actor.clone());
    let name: String = name.filter(|name| !name.is_empty()).unwrap_or_else(|| String::from(t!("Rollcall")));
    let name: String = name.chars().take(NAME_MAX_CHARS).collect();
    let made = tokio::task::spawn_blocking(move || -> Result<_> {
        let key = PrivateKey::generate_rsa_2048()?;
        Ok(issue::self_signed(&t!("{name}: supervision", name), &key, IDENTITY_LIFETIME, now)?)
    });
    let identity = made.await.map_err(|panic| Error::internal("a fault in the program", panic))??;
    app.store.write(now, move |tx| configurator::keep_identity(tx, &asker, &identity)).await
}

/// The identity as a PKCS#12 file under a passphrase, which is not kept.
pub async fn file(app: &App, actor: &Actor, passphrase: Secret<String>) -> Result<SecretBytes> {
    actor.require(Right::Configure)?;
    configurator::check_passphrase(passphrase.expose())?;
    let asker = actor.clone();
    let (certificate, key) = app.store.write(app.now(), move |tx| configurator::hand_out(tx, &asker)).await?;
    let written = tokio::task::spawn_blocking(move || {
        let name = certificate.common_name().unwrap_or_default();
        pkcs12::write(&name, &certificate, &key, passphrase.expose())
    });
    let written = written.await.map_err(|panic| Error::internal("a fault in the program", panic))?;
    written.map_err(|error| Error::internal("the file could not be written", error))
}
