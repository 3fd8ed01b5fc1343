//! Looks whether devices still come to an address that the appliance had before: at the start, after which it may have another one, and now and then.

use crate::app::App;
use crate::error::Result;
use crate::mdm::moves::left_behind::{self, Served};

/// [`look`] at the start; nothing waits for it.
pub async fn at_start(app: App) {
    if let Err(error) = look(&app).await {
        tracing::warn!("it could not be looked whether devices come to an old address: {error}");
    }
}

/// Looks, and says so where people look.
///
/// # Errors
/// Those of the store.
pub(super) async fn look(app: &App) -> Result<()> {
    let served = Served::new(&app.public_url, &app.config.extra_hosts, app.device_ports());
    // Every device is gone through: that is done beside the writer.
    let left = app.store.read_slow(app.now(), move |tx| left_behind::left_behind(tx, &served)).await?;
    let words = (!left.is_empty()).then(|| left_behind::words(&left));
    let is_news = app.store.write(app.now(), move |tx| left_behind::tell(tx, &left)).await?;
    if let Some(words) = words.filter(|_| is_news) {
        tracing::warn!("{words}");
    }
    Ok(())
}
