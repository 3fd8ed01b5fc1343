//! Who asks us: every door for devices, people and scripts.

pub mod assets;
pub mod attempts;
pub mod pages;
