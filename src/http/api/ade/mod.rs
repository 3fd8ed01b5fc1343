//! `/api/v1/ade`: Apple's Automated Device Enrollment: server tokens, devices that are the organisation's, profiles, locks.

mod devices;
mod locks;
mod profiles;
mod servers;

use crate::http::api::openapi::Addresses;

pub(super) fn routes() -> Addresses {
    servers::routes().merge(devices::routes()).merge(profiles::routes()).merge(locks::routes())
}
