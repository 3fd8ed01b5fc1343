//! Updates of operating systems: what Apple lists, and what becomes of it.

pub mod lookup;
