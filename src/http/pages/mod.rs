//! The page: view structs of plain data in, HTML out; one file per noun, on top of the shared parts.

pub mod parts;
