//! Journeys: whole ways through the house, over real sockets.
#![allow(clippy::unwrap_used, reason = "a journey that cannot go on has failed")]

mod access;
mod apns;
mod apps;
mod backups;
mod betas;
mod by_account;
mod classroom;
mod codes;
mod console;
mod declarations;
mod devices;
mod doctor;
mod genuine;
mod hardship;
mod held_back;
mod kit;
mod lessons;
mod licences;
mod licensed;
mod moving;
mod new_devices;
mod packages;
mod releases;
mod returns;
mod serve;
mod setup_assistant;
mod shared;
mod simulate;
mod succession;
mod survive;
mod updates;
mod webhook;
