//! Values that never show: dots in `Debug`, no `Serialize`, wiped when dropped.

use std::fmt;
use zeroize::Zeroize;

/// A value that is readable only where [`Secret::expose`] is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

/// Secret bytes, the usual form.
pub type SecretBytes = Secret<Vec<u8>>;

impl<T: Zeroize> Secret<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value; every place that calls this is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••••")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
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
}
