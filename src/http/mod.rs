//! Who asks us: every door for devices, people and scripts.
