//! The decoders that the targets fuzz: the same list that the mutation test has.

#[path = "../../tests/fuzz/decoders.rs"]
mod decoders;

pub use decoders::decode;
