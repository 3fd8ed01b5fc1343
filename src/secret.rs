//! Values that never show: dots in `Debug`, no `Serialize`, wiped when dropped.

use std::fmt;
use std::mem::take;

use zeroize::Zeroize as _;

/// A value that is readable only where [`Secret::expose`] is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Wipe>(T);

/// Secret bytes, the usual form.
pub type SecretBytes = Secret<Vec<u8>>;

/// What can be overwritten before its memory is given back: at once, where `zeroize` does a vector byte by byte, which takes longer than to read a message.
pub trait Wipe {
    /// Overwrites all of it, and what of its memory is not in use; bytes become zeros, a text becomes empty.
    fn wipe(&mut self);
}

impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        self.spare_capacity_mut().zeroize();
        self.as_mut_slice().zeroize();
    }
}

impl Wipe for String {
    fn wipe(&mut self) {
        take(self).into_bytes().wipe();
    }
}

impl<T: Wipe> Secret<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value; every place that calls this is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Wipe> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••••")
    }
}

impl<T: Wipe> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_dots_only() {
        let secret = Secret::new(String::from("open sesame"));
        assert_eq!(format!("{secret:?}"), "••••••");
        assert_eq!(secret.expose(), "open sesame");
    }

    #[test]
    fn what_is_wiped_is_overwritten() {
        let (mut bytes, mut text) = (b"open sesame".to_vec(), String::from("open sesame"));
        bytes.wipe();
        text.wipe();
        assert_eq!((bytes, text), (vec![0; 11], String::new()));
    }
}
