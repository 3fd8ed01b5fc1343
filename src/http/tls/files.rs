//! A server certificate in files that another program renews.

use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Identity, refused};
use crate::clock::Timestamp;
use crate::config::TlsFiles;
use crate::error::{Error, Result};
use crate::pki::certificate::{Certificate, CertificateError, Fingerprint};
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;

/// Bytes of a certificate or key file at most; real ones have below 10,000.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// The files of a server certificate and what they held when they were last read.
#[derive(Debug)]
pub struct Files {
    paths: TlsFiles,
    seen: Seen,
    /// How they looked from outside at the last look, and whether that was new then.
    marks: Box<([Mark; 2], bool)>,
}

/// What changes when somebody writes to a file or puts another one in its place: when that was, size and number.
type Mark = Option<(i64, i64, u64, u64)>;

/// What the files held: hashes of both, or the words that told why they could not be read.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Content(Fingerprint, Fingerprint),
    Unreadable(String),
}

impl Files {
    /// Reads the files for the first time; every failure says which file and why. They are looked at again all the same: a disk may come late.
    ///
    /// A certificate that is not valid now is taken all the same: there is no other one to show, and an appliance that answers can be mended from its
    /// page. The clock may be what is wrong.
    pub fn open(paths: TlsFiles) -> (Self, Result<Identity>) {
        let marks = Box::new((marks(&paths), false));
        let (seen, identity) = read(&paths);
        (Self { paths, seen, marks }, identity)
    }

    /// Tells whether somebody wrote to the files, at the first look at which they are as they were at the look before: the two are rarely written in
    /// the same moment. Nothing is read.
    pub fn touched(&mut self) -> bool {
        let now = marks(&self.paths);
        if now != self.marks.0 {
            *self.marks = (now, true);
            return false;
        }
        std::mem::take(&mut self.marks.1)
    }

    /// Reads the files again: nothing when they hold what they held, the new identity, or why it is refused. The same refusal is told once.
    ///
    /// Contents are compared, not times: a copy may keep its time, and the two files are rarely changed in the same moment.
    pub fn changed(&mut self, now: Timestamp) -> Option<Result<Identity>> {
        let (seen, identity) = read(&self.paths);
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(identity.and_then(|identity| identity.in_time(now).map_err(|error| about(&self.paths.certificate, &error))))
    }
}

fn marks(paths: &TlsFiles) -> [Mark; 2] {
    let mark = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.mtime(), file.mtime_nsec(), file.size(), file.ino()));
    [mark(&paths.certificate), mark(&paths.key)]
}

fn read(paths: &TlsFiles) -> (Seen, Result<Identity>) {
    let contents = content(&paths.certificate).and_then(|certificate| Ok((certificate, content(&paths.key)?)));
    let (certificate, key) = match contents {
        Ok(contents) => contents,
        Err(error) => return (Seen::Unreadable(error.to_string()), Err(error)),
    };
    let seen = Seen::Content(Fingerprint::of_der(certificate.expose()), Fingerprint::of_der(key.expose()));
    (seen, identity(paths, certificate.expose(), key.expose()))
}

fn identity(paths: &TlsFiles, certificate: &[u8], key: &[u8]) -> Result<Identity> {
    let chain = Certificate::all_from_pem(certificate).map_err(|error| about(&paths.certificate, &error))?;
    if chain.is_empty() {
        return Err(about(&paths.certificate, &CertificateError::NoPem));
    }
    let key = PrivateKey::from_pem(key, None).map_err(|error| about(&paths.key, &error))?;
    Identity::at_any_time(chain, &key).map_err(|error| about(&paths.certificate, &error))
}

fn content(path: &Path) -> Result<SecretBytes> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| about(path, &error))?;
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| about(path, &error))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(about(path, &t!("it is too large for a certificate or a key")));
    }
    Ok(SecretBytes::new(bytes))
}

fn about(path: &Path, wrong: &dyn std::fmt::Display) -> Error {
    refused(format!("{}: {wrong}", path.display()))
}
