//! The manifest by which devices install apps of the house: where the package is, how its bytes are proven, and what the app is called.
//!
//! Apple: other/manifesturl.yaml. Where both are there, devices check SHA-256 alone; MD5 is for those too old to know it.

use serde::{Deserialize, Serialize};

use super::plist::{Dictionary, PlistError, Value, to_xml};
use crate::pki::digest::{Digest, Hasher};
use crate::pki::hex;
use crate::pki::md5::md5;

/// Bytes of one chunk; the last one of a package is shorter.
pub const CHUNK_BYTES: u64 = 10 << 20;

/// What a manifest is served as.
pub const CONTENT_TYPE: &str = "application/xml";

/// The digests of a package: of the whole, and of each chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Bytes of one chunk.
    pub chunk_bytes: u64,
    /// SHA-256 of each chunk, in order, in lower-case hexadecimal.
    pub sha256s: Vec<String>,
    /// MD5 of each chunk, in order, in lower-case hexadecimal.
    pub md5s: Vec<String>,
}

/// The digests of a package in the making; it holds one chunk.
pub struct Hashing {
    chunk_bytes: usize,
    whole: Hasher,
    chunk: Vec<u8>,
    hashes: Hashes,
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashing").field("size_bytes", &self.hashes.size_bytes).finish_non_exhaustive()
    }
}

impl Default for Hashing {
    fn default() -> Self {
        Self::by(CHUNK_BYTES)
    }
}

impl Hashing {
    /// Begins, with chunks of so many bytes.
    fn by(chunk_bytes: u64) -> Self {
        let hashes = Hashes { sha256: String::new(), size_bytes: 0, chunk_bytes, sha256s: Vec::new(), md5s: Vec::new() };
        Self { chunk_bytes: chunk_bytes as usize, whole: Hasher::new(Digest::Sha256), chunk: Vec::new(), hashes }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.hashes.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let taken = bytes.len().min(self.chunk_bytes - self.chunk.len());
            self.chunk.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.chunk.len() == self.chunk_bytes {
                self.end_chunk();
            }
        }
    }

    fn end_chunk(&mut self) {
        self.hashes.sha256s.push(hex(Digest::Sha256.of(&self.chunk).as_ref()));
        self.hashes.md5s.push(hex(&md5(&self.chunk)));
        self.chunk.clear();
    }

    /// The digests of everything taken.
    pub fn finish(mut self) -> Hashes {
        if !self.chunk.is_empty() {
            self.end_chunk();
        }
        self.hashes.sha256 = hex(self.whole.finish().as_ref());
        self.hashes
    }
}

/// What a manifest says.
#[derive(Debug, Clone)]
pub struct Manifest<'a> {
    /// Where the package is; https.
    pub package_url: String,
    /// How its bytes are proven.
    pub hashes: &'a Hashes,
    /// Where its picture is, if it has one; https.
    pub image_url: Option<String>,
    /// The app's bundle identifier, or the package's own.
    pub bundle_identifier: &'a str,
    /// CFBundleVersion, or the package's version; another one is an update.
    pub bundle_version: &'a str,
    /// What the prompt says.
    pub title: &'a str,
    /// Whose it is; empty for nothing.
    pub subtitle: &'a str,
}

/// Writes a manifest as XML.
///
/// # Errors
/// When a text holds what XML cannot carry.
pub fn write(manifest: &Manifest<'_>) -> Result<Vec<u8>, PlistError> {
    to_xml(&Value::Dictionary(dictionary(manifest)))
}

/// The manifest as a property list, also for commands that carry it whole.
pub fn dictionary(manifest: &Manifest<'_>) -> Dictionary {
    let hashes = manifest.hashes;
    let texts = |list: &[String]| Value::Array(list.iter().map(|text| Value::String(text.clone())).collect());
    let mut assets = vec![dict(vec![
        ("kind", "software-package".into()),
        ("md5-size", hashes.chunk_bytes.into()),
        ("md5s", texts(&hashes.md5s)),
        ("sha256-size", hashes.chunk_bytes.into()),
        ("sha256s", texts(&hashes.sha256s)),
        ("url", manifest.package_url.clone().into()),
    ])];
    if let Some(url) = &manifest.image_url {
        for kind in ["display-image", "full-size-image"] {
            assets.push(dict(vec![("kind", kind.into()), ("url", url.clone().into())]));
        }
    }
    let mut metadata = vec![
        ("bundle-identifier", manifest.bundle_identifier.into()),
        ("bundle-version", manifest.bundle_version.into()),
        ("kind", "software".into()),
        ("sizeInBytes", hashes.size_bytes.into()),
        ("title", manifest.title.into()),
    ];
    if !manifest.subtitle.is_empty() {
        metadata.push(("subtitle", manifest.subtitle.into()));
    }
    let item = dict(vec![("assets", Value::Array(assets)), ("metadata", dict(metadata))]);
    Dictionary::from_iter([("items", Value::Array(vec![item]))])
}

fn dict(pairs: Vec<(&str, Value)>) -> Value {
    Value::Dictionary(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn hashes(bytes: &[u8], chunk: u64, pieces: usize) -> Hashes {
        let mut hashing = Hashing::by(chunk);
        bytes.chunks(pieces.max(1)).for_each(|piece| hashing.update(piece));
        hashing.finish()
    }

    fn manifest(hashes: &Hashes) -> Vec<u8> {
        let manifest = Manifest {
            package_url: "https://mdm.example.school/packages/x/y/field.ipa".into(),
            hashes,
            image_url: Some("https://mdm.example.school/packages/x/y/icon.png".into()),
            bundle_identifier: "school.example.field",
            bundle_version: "1.4 & more",
            title: "Field <notes>",
            subtitle: "Example School",
        };
        write(&manifest).unwrap()
    }

    /// Python reads the manifest and hashes the package itself.
    const JUDGE: &str = "
import sys, json, plistlib, hashlib
data = sys.stdin.buffer.read()
size = int(sys.argv[1])
body, manifest = data[:size], plistlib.loads(data[size:])
item = manifest['items'][0]
asset = next(a for a in item['assets'] if a['kind'] == 'software-package')
def chunks(n): return [body[i:i+n] for i in range(0, len(body), n)]
assert asset['sha256s'] == [hashlib.sha256(c).hexdigest() for c in chunks(asset['sha256-size'])], 'sha256s'
assert asset['md5s'] == [hashlib.md5(c).hexdigest() for c in chunks(asset['md5-size'])], 'md5s'
assert item['metadata']['sizeInBytes'] == len(body)
assert all(a['url'].startswith('https://') for a in item['assets'])
print(json.dumps([len(asset['sha256s']), item['metadata']['bundle-version'], item['metadata']['title'], hashlib.sha256(body).hexdigest()]))
";

    #[test]
    fn another_reader_finds_every_chunk_the_last_short_one_too() {
        for (length, chunks) in [(1, 1), (999, 1), (1000, 1), (1001, 2), (2000, 2), (2500, 3)] {
            let body: Vec<u8> = (0..length).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            for pieces in [1, 7, 1000, 4096] {
                let hashes = hashes(&body, 1000, pieces);
                let judge =
                    Command::new("python3").args(["-c", JUDGE, &length.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
                let Ok(mut judge) = judge else { return eprintln!("SKIPPED: python3 is absent") };
                judge.stdin.take().unwrap().write_all(&[body.clone(), manifest(&hashes)].concat()).unwrap();
                let said = judge.wait_with_output().unwrap();
                assert!(said.status.success(), "{length} by {pieces}");
                let said: (usize, String, String, String) = serde_json::from_slice(&said.stdout).unwrap();
                assert_eq!(said, (chunks, "1.4 & more".into(), "Field <notes>".into(), hashes.sha256));
            }
        }
    }

    #[test]
    fn chunks_are_of_the_size_that_devices_expect() {
        assert_eq!(Hashing::default().finish().chunk_bytes, 10_485_760);
    }
}
