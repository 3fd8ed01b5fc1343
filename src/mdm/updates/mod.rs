//! OS updates: which releases devices can have, which one is meant for each, and how it comes there.

pub mod because;
pub mod candidates;
pub mod choose;
pub mod doubt;
pub mod held_back;
pub mod lookup;
pub mod matrix;
pub mod mechanism;
pub mod next;
pub mod orders;
pub mod own_list;
pub mod pauses;
pub mod plan;
pub mod plans;
pub mod preview;
pub mod progress;
pub mod rules;
pub mod timing;
pub mod words;
