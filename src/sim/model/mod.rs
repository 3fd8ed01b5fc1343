//! What there is to simulate: hardware models, the releases they run, the apps they know, and invented individuals of them.

mod apps;
mod cart;
mod catalog;
mod individual;
mod mix;
mod own;
mod postings;
mod release;

pub use apps::{KNOWN_APPS, KnownApp, account_hash, costs, external_version_id, known_app_by_adam_id, known_app_by_identifier};
pub use cart::{CART_SIZE, cart};
pub use catalog::{MODELS, Model, model};
pub use individual::{Account, AccountKind, Individual, OwnApp, Person, invent};
pub use mix::{ByAccount, Mix, Wish};
pub use own::own_devices;
pub use postings::{Posting, Postings, lookup_document};
pub use release::{Family, Improvement, Platform, Release, Version, newest_release, releases};
