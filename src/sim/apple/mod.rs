//! Apple's services that are not there: real servers over real sockets, speaking as Apple's do.

pub mod apns;
pub mod authority;
