//! What is decided: synchronous rooms that take a transaction and return.

pub mod access;
pub mod actor;
pub mod ade;
pub mod admins;
pub mod apple_roots;
pub mod apps;
pub mod assignments;
pub mod attestation;
pub mod backups;
pub mod betas;
pub mod ca;
pub mod capability;
pub mod catalog;
pub mod checkin;
pub mod clashes;
pub mod commands;
pub mod connect;
pub mod declarations;
pub mod device_users;
pub mod devices;
pub mod doctor;
pub mod ends;
pub mod enroll;
mod escrow;
pub mod figures;
pub mod first_steps;
pub mod focus;
pub mod groups;
pub mod integrity;
pub mod inventory;
pub mod jobs;
pub mod journal;

pub mod licences;
pub mod lost;
pub mod moves;
pub mod names;
pub mod nano;
pub mod needs;
pub mod notices;
mod own_profile;
pub mod packages;
pub mod people;
pub mod policies;
pub mod practice;
pub mod profiles;
pub mod provisioning;
pub mod push;
pub mod push_certificates;
pub mod push_requests;
pub mod reconcile;
pub mod return_to_service;
pub mod runaway;
pub mod saved_filters;
pub mod scope;
pub mod settings;
pub mod setup_assistant;
pub mod updates;
pub mod wanted;
pub mod webhooks;
pub mod why;

pub use actor::{Actor, Right, Role};

#[cfg(test)]
mod tests;
