//! Where a bucket of a store that speaks S3 is, and how its objects are named.

use serde::{Deserialize, Serialize};

/// A bucket of a store that speaks S3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Place {
    /// The address of the store, `https://…`.
    pub endpoint: String,
    /// Its region; most stores of one's own take any word.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of objects begin with; empty, or ends with a slash.
    pub prefix: String,
    /// The id of the access key.
    pub key_id: String,
    /// Whether the bucket stands in the path of addresses rather than in the host's name.
    pub path_style: bool,
    /// Roots that are trusted besides the public ones, PEM; empty for none.
    pub trust_anchors: String,
}

impl S3Place {
    /// Where its backups are, as the list says.
    pub fn location(&self) -> String {
        format!("{}/{}/{}", self.endpoint.trim_end_matches('/'), self.bucket, self.prefix)
    }

    /// The name of the object of a file.
    pub fn object(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
