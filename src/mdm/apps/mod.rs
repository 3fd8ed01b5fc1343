//! Apps: which there are, how they are managed, whom they are for, and how far each device is with them.

pub mod configuration;
mod feedback;
mod lacks;
mod library;
mod loss;
pub mod mechanism;
pub mod next;
pub mod orders;
mod plan;
pub mod schema;
mod seats;
pub mod settings;
mod states;
mod wish;
pub mod words;

pub use feedback::{FEEDBACK_APPS_MAX, FEEDBACK_MAX_BYTES, ask_feedback, feedback, feedback_read, read_feedback_now};
#[cfg(test)]
pub(in crate::mdm) use lacks::found;
pub use lacks::{ASKED_MAX, Lack, Proposal, hidden, lacks, missing};
pub use library::{
    Edit, NAME_MAX_CHARS, NOTE_MAX_CHARS, Overview, Picture, add, assign, configuration_of, delete, edit, find, learn_identifier, list,
    set_configuration, set_configuration_unchecked, unassign,
};
pub use loss::{Deletion, Loss, deletion, loss};
pub use orders::declaration_identifier;
pub use plan::{
    PAST_FOR, Plan, Planned, configuration_at, declarations_of, facts_of, holder_key, holder_of, identifier, kept, origin,
    past_configuration_at, plan,
};
pub use seats::{SeatsLeft, Shortage, declined_words, newly_short, shortages, shortages_of_group};
pub use settings::{Attributes, LicenceBy, Settings, Updates};
pub use states::{
    ask_again, asked_words, channel_of, give_back, left, left_to_return, of_app, of_device, release, request, unable, withdraw,
};
pub use wish::{fact, holder};
