//! What becomes of a certificate that is to be shown: whether those who come to this address take it.

use super::Identity;
use crate::app::App;
use crate::error::Result;
use crate::http::doctor::device_trust;
use crate::mdm::doctor::{self, Door};

/// Why devices that come to the public address refuse what is shown, and what to do: judged as the doctor does, before any of them comes.
pub(super) fn refused(app: &App, identity: &Identity) -> Result<Option<(String, String)>> {
    let (now, host, chain) = (app.now(), app.public_host(), identity.chain());
    let failure = device_trust(app)?.judge(&chain, host, now).err().map(|failure| failure.in_two().0);
    // How a connection is made is not known yet.
    let door = Door { chain, names_host: identity.is_for(host), failure, version: String::new(), suite: String::new(), status: None };
    Ok(doctor::refused(now, &door, host))
}

/// A certificate for another name works for nobody; it may still be what the admin wants first, so it is said and shown.
pub(super) fn warn_of_name(app: &App, identity: &Identity) {
    if !identity.is_for(app.public_host()) {
        tracing::warn!(
            "the TLS certificate ({}) is not for {}: devices and browsers will refuse it. Set --url to one of its names, or get one for this name",
            identity.certificate().subject(),
            app.public_host()
        );
    }
    for host in app.config.extra_hosts.iter().filter(|host| !identity.is_for(host)) {
        tracing::warn!(
            "the TLS certificate ({}) is not for {host}: devices that moved in and come to it will refuse it",
            identity.certificate().subject()
        );
    }
}
