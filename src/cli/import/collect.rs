//! Recognises the files and folders of another server by what is in them.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::push_certificate::{Recognised, recognise};
use crate::protocol::moves::{Haul, bolt, checkins, files, micromdm, profile, sql};

/// Bytes of one file that are read: a database of many thousand devices.
const FILE_MAX_BYTES: u64 = 1 << 30;
/// Bytes of a file inside a folder; check-ins have some thousand.
const INNER_MAX_BYTES: u64 = 1 << 20;
/// Files of a folder that are read.
const FILES_MAX: usize = 2_000_000;
/// Folders inside one another.
const DEPTH_MAX: usize = 16;

/// What there is to bring.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// What storages hold.
    pub(super) haul: Haul,
    /// Files with authorities and keys.
    pub(super) authorities: Vec<Vec<u8>>,
    /// Files with a push certificate and its key.
    pub(super) push: Vec<Vec<u8>>,
    /// Opens what is encrypted.
    pub(super) passphrase: Option<String>,
}

impl Load {
    /// Keeps authorities alone.
    ///
    /// # Errors
    /// Bad input where there is none.
    pub(super) fn only_authorities(&mut self) -> Result<()> {
        let authority = self.haul.authority.take();
        self.haul = Haul { authority, ..Haul::default() };
        if self.authorities.is_empty() && self.haul.authority.is_none() {
            return Err(Error::bad_input("No certificate of an authority is among the files."));
        }
        self.push.clear();
        Ok(())
    }
}

/// Reads everything.
///
/// # Errors
/// Bad input that names the file, and what it is instead.
pub(super) fn load(paths: &[impl AsRef<Path>], profile: Option<&Path>, passphrase: Option<&str>) -> Result<Load> {
    let mut load = Load { passphrase: passphrase.map(str::to_owned), ..Load::default() };
    let (mut keys, mut push_certificates) = (Vec::new(), Vec::new());
    for path in paths.iter().map(AsRef::as_ref) {
        let wrong = |error: Error| Error::bad_input(format!("{}: {}", path.display(), error.message));
        if path.is_dir() {
            let mut found = Vec::new();
            walk(path, "", &mut found, DEPTH_MAX)?;
            load.haul.add(files::read(&found).map_err(Error::from).map_err(wrong)?);
            continue;
        }
        let bytes = read(path, FILE_MAX_BYTES)?;
        if bolt::is_bolt(&bytes) {
            load.haul.add(micromdm::read(&bytes).map_err(Error::from).map_err(wrong)?);
        } else if profile::read(&bytes).is_ok() {
            load.haul.profile = Some(bytes);
        } else if checkins::is_check_ins(&bytes) {
            load.haul.add(checkins::read(&bytes).map_err(Error::from).map_err(wrong)?);
        } else if sql::is_dump(&bytes) {
            load.haul.add(sql::read(&bytes).map_err(Error::from).map_err(wrong)?);
        } else {
            match recognise(&bytes, passphrase) {
                Recognised::Pair { certificate, .. } | Recognised::Certificate(certificate) => {
                    push_certificates.push(certificate);
                    load.push.push(bytes);
                }
                Recognised::Key(key) => keys.push((key, bytes)),
                locked @ (Recognised::Locked { .. } | Recognised::Mismatch { .. }) => {
                    return Err(wrong(Error::bad_input(locked.message())));
                }
                // It may hold an authority; what else it is will be said.
                Recognised::Mistaken(_) => load.authorities.push(bytes),
            }
        }
    }
    for (key, bytes) in keys {
        let is_for_push = push_certificates.iter().any(|certificate: &Certificate| certificate.public_key_der() == key.public_key_der());
        if is_for_push { load.push.push(bytes) } else { load.authorities.push(bytes) }
    }
    if let Some(path) = profile {
        load.haul.profile = Some(read(path, INNER_MAX_BYTES)?);
    }
    Ok(load)
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| Error::not_found(format!("{} cannot be read: {error}.", path.display()));
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(Error::bad_input(format!("{} is larger than {} MB, which is more than is read.", path.display(), limit / 1_000_000)));
    }
    Ok(bytes)
}

/// Reads the files of a folder that may be of use; links are not followed.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<files::File>, depth: usize) -> Result<()> {
    let unreadable = |error: std::io::Error| Error::not_found(format!("{} cannot be read: {error}.", folder.display()));
    let mut entries = fs::read_dir(folder).map_err(unreadable)?.collect::<std::io::Result<Vec<_>>>().map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, name) = (entry.file_type().map_err(unreadable)?, entry.file_name().to_string_lossy().into_owned());
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if found.len() >= FILES_MAX || depth == 0 {
            return Err(Error::bad_input(format!("{} holds more than can be a storage of NanoMDM.", folder.display())));
        }
        if !files::is_of_use(&path) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), &path, found, depth - 1)?;
        } else if kind.is_file() && entry.metadata().map_err(unreadable)?.len() <= INNER_MAX_BYTES {
            found.push((path, read(&entry.path(), INNER_MAX_BYTES)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::issue;
    use crate::pki::key::PrivateKey;

    #[test]
    fn files_are_told_apart_by_what_is_in_them_whatever_they_are_called() {
        let now = Timestamp::from_seconds(1_795_000_000);
        let root = issue::root("Elsewhere CA", now).unwrap();
        let (key, topic) = (PrivateKey::generate_rsa_2048().unwrap(), "com.apple.mgmt.External.1");
        let push = root.practice_push(topic, &key, now).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let check_in = "<plist version=\"1.0\"><dict><key>MessageType</key><string>CheckOut</string></dict></plist>";
        let paths = [
            write("a", &root.certificate().to_pem()),
            write("b", root.signer().key().to_pem().expose()),
            write("c", &push.to_pem()),
            write("d", key.to_pem().expose()),
            write("e", check_in),
        ];
        let load = load(&paths, None, None).unwrap();
        assert_eq!((load.authorities.len(), load.push.len(), load.haul.messages.len()), (2, 2, 1));
        let storage = folder.path().join("storage/A-1/queue");
        fs::create_dir_all(&storage).unwrap();
        fs::write(storage.join("1.plist"), "not read").unwrap();
        fs::write(folder.path().join("storage/A-1/TokenUpdate.plist"), check_in).unwrap();
        let load = super::load(&[folder.path().join("storage")], None, None).unwrap();
        assert_eq!(load.haul.messages.len(), 1);
        let refusal = super::load(&[folder.path().join("nothing")], None, None).unwrap_err();
        assert!(refusal.message.contains("nothing cannot be read"), "{refusal}");
    }
}
