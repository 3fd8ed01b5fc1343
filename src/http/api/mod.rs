//! The JSON API under `/api/v1`: its conventions, and one file per noun.

pub mod input;
pub mod list;
pub mod once;
