//! Damaged input for tests of decoders: every fixture is also met cut short and with bits flipped.

/// How many places of a long input are damaged in each way; shorter ones are damaged everywhere.
const MAX_PLACES: usize = 300;

/// The input cut short at many places, then with one bit flipped at many places; the same each time.
pub(crate) fn mutations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let stride = bytes.len().div_ceil(MAX_PLACES).max(1);
    let cut = (0..bytes.len()).step_by(stride).map(|end| bytes[..end].to_vec());
    let flipped = (0..bytes.len()).step_by(stride).enumerate().map(|(turn, at)| {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1 << (turn % 8);
        damaged
    });
    cut.chain(flipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_short_input_is_cut_and_flipped() {
        let damaged: Vec<_> = mutations(b"abc").collect();
        assert_eq!(damaged, [&b""[..], b"a", b"ab", b"`bc", b"a`c", b"abg"]);
    }

    #[test]
    fn a_long_input_is_damaged_at_a_bounded_number_of_places() {
        assert!(mutations(&vec![0; 1 << 20]).count() <= 2 * MAX_PLACES);
    }
}
