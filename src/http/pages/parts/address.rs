//! Addresses with a query, built without forgetting to encode: filters, sort links, next pages.

use std::fmt::{self, Write as _};

/// A path and its query pairs, for example `/devices?state=waiting&search=art%20room`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// The address of `path` without a query. The path is taken as it is: encode parts that people named with [`encode`].
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), pairs: Vec::new() }
    }

    /// The same address with `key` set to `value`; an empty value takes the key away.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.pairs.retain(|(held, _)| held != key);
        if !value.is_empty() {
            self.pairs.push((key.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same address without `key`.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        self.with(key, "")
    }

    /// The query pairs, for hidden fields of a form that keeps them.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The path alone, for a form's action.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (at, (key, value)) in self.pairs.iter().enumerate() {
            write!(f, "{}{}={}", if at == 0 { '?' } else { '&' }, encode(key), encode(value))?;
        }
        Ok(())
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986 section 2.3; safe in a path segment and in a query.
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_a_key_stands_once() {
        let address = Address::new("/devices").with("search", "Zoë & Co/3").with("sort", "name").with("sort", "-last_seen");
        assert_eq!(address.to_string(), "/devices?search=Zo%C3%AB%20%26%20Co%2F3&sort=-last_seen");
        assert_eq!(address.without("search").to_string(), "/devices?sort=-last_seen");
        assert_eq!(Address::new("/devices").with("state", "").to_string(), "/devices");
    }
}
