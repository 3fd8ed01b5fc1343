//! `/api/v1/ade`: Apple's Automated Device Enrollment: server tokens, devices that are the organisation's, profiles, locks.

mod devices;
mod locks;
mod profiles;
mod servers;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    servers::routes().merge(devices::routes()).merge(profiles::routes()).merge(locks::routes())
}
