//! OS updates: which releases devices can have, which one is meant for each, and how it comes there.

pub mod candidates;
pub mod choose;
pub mod mechanism;
pub mod next;
pub mod plan;
pub mod plans;
pub mod rules;
pub mod timing;
pub mod words;
