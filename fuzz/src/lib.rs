//! The decoders that the targets fuzz: the same list that the mutation test has.

#[path = "../../tests/fuzz/decoders.rs"]
#[allow(dead_code, reason = "the rest is for the test that shares the list")]
mod decoders;

/// Runs the decoder of this name; panics where there is none.
pub fn decode(name: &str, bytes: &[u8]) {
    let _ = decoders::decode(name, bytes);
}
