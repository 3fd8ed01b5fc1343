//! What pages do: typed forms in, rooms asked, views shown; one file per noun, with its addresses at the top.

mod access;
mod account;
mod ade;
mod apps;
mod backups;
mod catalog;
mod connections;
mod declarations;
mod deeds;
mod device;
mod devices;
mod doctor;
mod form;
mod genuine;
mod groups;
mod invitations;
mod language;
mod licences;
mod log_in;
mod move_in;
mod notices;
mod own_account;
mod packages;
mod people;
mod policies;
mod practice;
mod preview;
mod profiles;
mod provisioning;
mod push;
mod put_into;
mod releases;
mod restore;
mod roster;
mod set_up;
mod settings;
mod setup_assistant;
mod shell;
mod system;
mod teaching;
mod tls;
mod today;
mod updates;
mod webhooks;
mod words;

use axum::Router;

pub use form::Form;
use form::errors;
pub use roster::roster_routes;
pub use shell::shell;
use shell::{SaidQuery, said, said_at, said_with_way, shell_with};

use crate::app::App;

/// Pages that take a profile or a file for devices, which may be larger than what other forms take. They want the same as [`routes`].
pub fn uploads() -> Router<App> {
    profiles::uploads().merge(declarations::uploads()).merge(provisioning::uploads()).merge(apps::uploads())
}

/// Pages that take a package, which goes to the disk as it comes. They want the same as [`routes`].
pub fn package_uploads() -> Router<App> {
    packages::uploads()
}

/// The page that takes a backup at the first run, which goes to the disk as it comes. It wants the same as [`routes`].
pub fn restore_uploads() -> Router<App> {
    restore::uploads()
}

/// The page that takes Apple's list of releases. It wants the same as [`routes`].
pub fn release_uploads() -> Router<App> {
    releases::uploads()
}

/// The page that takes the file of a language. It wants the same as [`routes`].
pub fn language_uploads() -> Router<App> {
    language::uploads()
}

/// The pages' addresses. They want [`Gate`](crate::http::auth::Gate) as an extension, and their group round them.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(log_in::routes())
        .merge(own_account::routes())
        .merge(teaching::routes())
        .merge(today::routes())
        .merge(setup_assistant::routes())
        .merge(account::routes())
        .merge(devices::routes())
        .merge(device::routes())
        .merge(deeds::routes())
        .merge(invitations::routes())
        .merge(groups::routes())
        .merge(put_into::routes())
        .merge(roster::routes())
        .merge(policies::routes())
        .merge(declarations::routes())
        .merge(ade::routes())
        .merge(licences::routes())
        .merge(system::routes())
        .merge(releases::routes())
        .merge(people::routes())
        .merge(practice::routes())
        .merge(preview::routes())
        .merge(apps::routes())
        .merge(profiles::routes())
        .merge(packages::routes())
        .merge(provisioning::routes())
        .merge(push::routes())
        .merge(set_up::routes())
        .merge(genuine::routes())
        .merge(settings::routes())
        .merge(language::routes())
        .merge(move_in::routes())
        .merge(backups::routes())
        .merge(tls::routes())
        .merge(notices::routes())
        .merge(webhooks::routes())
        .merge(doctor::routes())
        .merge(connections::routes())
        .merge(access::routes())
        .merge(catalog::routes())
        .merge(updates::routes())
}
