//! Devices that are not there: they know the protocol and nothing of the house.

pub mod access;
pub mod apple;
pub mod client;
pub mod device;
pub mod faults;
pub mod fleet;
pub mod histogram;
pub mod load;
pub mod model;
pub mod smtp;
