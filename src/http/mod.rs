//! Who asks us: every door for devices, people and scripts.

pub mod attempts;
