//! Authorities of other servers as the doors know them: read at the start, and again whenever one was imported.

use std::sync::Arc;

use crate::app::{App, Authority, ImportedAuthority};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::ca::imported::{self, Trusted};
use crate::pki::issue::Issuer;
use crate::pki::key::PrivateKey;
use crate::store::Store;

/// Reads the authorities whose devices are known here. Reading their keys takes a moment.
pub async fn load(store: &Store, now: Timestamp) -> Result<Vec<ImportedAuthority>> {
    let trusted = store.read(now, imported::trusted).await?;
    let read = tokio::task::spawn_blocking(move || trusted.into_iter().map(ready).collect());
    read.await.map_err(|error| Error::internal("the authorities of other servers could not be read", error))?
}

fn ready(trusted: Trusted) -> Result<ImportedAuthority> {
    let Trusted { id, certificate, until, key } = trusted;
    let issuer = key.map(|key| {
        let issuer = Issuer::new(certificate.clone(), PrivateKey::from_pkcs8_der(key.expose())?)?;
        Ok::<_, Error>(Arc::new(Authority { id: id.clone(), issuer, bridge: None }))
    });
    Ok(ImportedAuthority { id, certificate, until, issuer: issuer.transpose()? })
}

/// Has the doors know what was imported or changed.
pub(in crate::http) async fn renew(app: &App) -> Result<()> {
    app.set_imported(load(&app.store, app.now()).await?);
    Ok(())
}
