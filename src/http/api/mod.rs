//! The JSON API under `/api/v1`: its conventions, and one file per noun.

mod access;
mod account_enrollment;
mod ade;
mod admins;
mod apple_roots;
mod apps;
pub mod attestation;
mod audit;
pub(in crate::http) mod authorities;
pub(in crate::http) mod backups;
mod betas;
mod catalog;
mod commands;
mod connections;
mod content_tokens;
mod declarations;
mod devices;
mod doctor;
mod enrollments;
mod events;
mod focus;
mod groups;
pub mod input;
mod invitations;
mod language;
mod licences;
pub mod list;
pub(in crate::http) mod moves;
mod notices;
pub mod once;
mod openapi;
mod packages;
mod people;
mod policies;
mod preview;
mod profiles;
mod provisioning;
mod push_certificates;
mod push_requests;
mod releases;
mod saved_filters;
mod scope;
mod second_factor;
pub(in crate::http) mod server_certificate;
mod session;
mod settings;
mod setup_assistant;
mod tokens;
mod updates;
mod webhooks;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

pub(in crate::http) use access::{copies_archive, copy_download};
pub(in crate::http) use audit::{Format, export};
pub(in crate::http) use declarations::file as declaration_file;
pub use events::{HEARTBEAT, STREAMS_MAX, STREAMS_OF_ONE_MAX, Streams};
pub(in crate::http) use profiles::{file as profile_file, recognise as recognise_profile};
pub(in crate::http) use provisioning::recognise as recognise_provisioning;

use crate::app::App;
use openapi::Addresses;

/// The API's addresses with their description. They want [`Gate`](crate::http::auth::Gate) and [`Streams`] as extensions, and their group round them.
pub fn routes() -> Router<App> {
    nouns().router().route(openapi::ADDRESS, get(description))
}

async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], openapi::TEXT)
}

/// The addresses that take more of a body than others. They want the same as [`routes`].
pub fn uploads() -> Router<App> {
    large().router()
}

fn large() -> Addresses {
    packages::uploads()
}

/// Every noun's addresses but those of [`uploads`].
fn nouns() -> Addresses {
    Addresses::new()
        .merge(session::routes())
        .merge(admins::routes())
        .merge(tokens::routes())
        .merge(events::routes())
        .merge(audit::routes())
        .merge(second_factor::routes())
        .merge(focus::routes())
        .merge(devices::routes())
        .merge(enrollments::routes())
        .merge(commands::routes())
        .merge(invitations::routes())
        .merge(apps::routes())
        .merge(profiles::routes())
        .merge(policies::routes())
        .merge(updates::routes())
        .merge(declarations::routes())
        .merge(packages::routes())
        .merge(provisioning::routes())
        .merge(push_certificates::routes())
        .merge(authorities::routes())
        .merge(moves::routes())
        .merge(push_requests::routes())
        .merge(server_certificate::routes())
        .merge(groups::routes())
        .merge(people::routes())
        .merge(settings::routes())
        .merge(language::routes())
        .merge(attestation::routes())
        .merge(setup_assistant::routes())
        .merge(account_enrollment::routes())
        .merge(preview::routes())
        .merge(webhooks::routes())
        .merge(notices::routes())
        .merge(access::routes())
        .merge(catalog::routes())
        .merge(saved_filters::routes())
        .merge(ade::routes())
        .merge(content_tokens::routes())
        .merge(licences::routes())
        .merge(releases::routes())
        .merge(backups::routes())
        .merge(betas::routes())
        .merge(doctor::routes())
        .merge(connections::routes())
        .merge(apple_roots::routes())
}

#[cfg(test)]
mod tests;
