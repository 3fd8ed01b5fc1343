//! Enrollment by account at the door.
