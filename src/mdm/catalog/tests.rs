//! The looks that a catalogue begins with.

use super::*;

#[test]
fn a_catalogue_begins_with_sensible_looks() {
    let looks = Catalog::default();
    assert_eq!((looks.title.as_str(), looks.audience), ("Apps", Audience::Nobody));
    assert_eq!(serde_json::from_str::<Catalog>("{}").unwrap(), looks);
}
