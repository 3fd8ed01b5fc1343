//! The data folder: one process at a time, files that only we can read, and the key that seals secrets.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::{Error, Result};
use crate::pki::seal::{KEY_BYTES, Sealer};
use crate::secret::SecretBytes;
use crate::store::owner::{self, Owner};
use crate::store::{backup, begun, closed};

/// A data folder that this process holds alone until the value is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// To whom what we make here is given, where we are root and the folder is somebody else's.
    heir: Option<Owner>,
    /// Holding it open is what keeps others out; the system lets go of it even when the process is killed.
    _lock: File,
}

impl DataFolder {
    /// Takes the folder `path`, which is created (0700) when it is missing.
    ///
    /// [`Kind::Conflict`](crate::error::Kind::Conflict) with the other's pid when another process holds it;
    /// [`Kind::BadInput`](crate::error::Kind::BadInput) when it cannot be created or others could write into it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let is_new = !path.exists();
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(path) {
            return Err(unusable(path, "cannot be created", error));
        }
        let path = path.canonicalize().map_err(|error| unusable(path, "cannot be reached", error))?;
        if let Some(heir) = owner::heir_of_new(&path).filter(|_| is_new) {
            File::open(&path).and_then(|made| heir.take_from_root(made)).unwrap_or_else(|error| not_given(&path, &error));
        }
        let mode = fs::metadata(&path).map_err(|error| unusable(&path, "cannot be reached", error))?.permissions().mode();
        if mode & 0o022 != 0 {
            let path = path.display();
            return Err(Error::bad_input(format!(
                "other users can write into the data folder {path}: run `chmod go-w {path}`, or name another folder"
            )));
        }
        let heir = owner::heir(&path);
        let lock = take_lock(&path)?;
        // At once: whatever ends this process, the service has to be able to take the lock.
        if let Some(heir) = heir {
            heir.take_from_root(&lock).unwrap_or_else(|error| not_given(&path.join("rollcall.lock"), &error));
        }
        if let Some(kept) = backup::take_over(&path)? {
            tracing::info!("a restored backup is in place; what was here before lies in {}", path.join(kept).display());
        }
        Ok(Self { path, heir, _lock: lock })
    }

    /// Gives what root made here to whom the folder belongs; that is done at the end as well, where nobody would hear of a failure.
    pub fn hand_over(&self) -> Result<()> {
        let Some(heir) = self.heir else { return Ok(()) };
        owner::hand_over(&self.path, heir).map_err(|error| {
            let path = self.path.display();
            Error::conflict(format!("what lies in {path} cannot be given to its owner ({error}): run `chown -R {heir} {path}`"))
                .caused_by(error)
        })
    }

    /// The folder itself, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.path.join("rollcall.db")
    }

    /// Notes for the next start that the database was closed in order, and whether it was looked through and found sound before; call it when this
    /// process has it open no more.
    pub fn note_closed(&self, is_sound: bool) {
        let database = self.database();
        let noted = if is_sound { closed::note(&database) } else { closed::forget(&database) };
        if let Err(error) = noted {
            tracing::warn!("how the database lies could not be noted, so that the next start looks through it: {error}");
        }
    }

    /// Where packages lie, by their SHA-256.
    pub fn packages(&self) -> PathBuf {
        self.path.join("packages")
    }

    /// Where the running server listens for the command line.
    pub fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// What seals the secrets in the database: its key is made at the first start, before there is a database, and never again.
    ///
    /// [`Kind::BadInput`](crate::error::Kind::BadInput) when it is missing beside an existing database, when others can read it, or when it is damaged;
    /// also when it is there and the database is gone: an empty one in its place would be another appliance, and cost what a log beside it holds.
    pub fn sealer(&self) -> Result<Sealer> {
        Ok(Sealer::from_key(self.seal_key()?.expose())?)
    }

    fn seal_key(&self) -> Result<SecretBytes> {
        if let Some(what) = begun::lost(&self.path) {
            return Err(Error::bad_input(format!(
                "{what}: there was an appliance here, and it is not begun anew over what is left of it. Put the database back, or bring a backup back \
                 with `rollcall restore --replace`; to begin anew, move {} aside",
                self.path.display()
            )));
        }
        let path = self.path.join("seal.key");
        match read_key(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.database().exists() {
                    return Err(Error::bad_input(format!(
                        "{} is missing, and without it the secrets in rollcall.db cannot be read: put it back from a backup \
                         (to begin anew, move rollcall.db away)",
                        path.display()
                    )));
                }
                begun::begin(&self.path).map_err(|error| unusable(&self.path, "cannot be written", error))?;
                let key = Sealer::generate_key()?;
                self.keep_key(&path, &key).map_err(|error| unusable(&self.path, "cannot hold the new seal.key", error))?;
                Ok(key)
            }
            Err(error) => Err(Error::bad_input(format!("{}: {error}", path.display())).caused_by(error)),
            Ok(key) => Ok(key),
        }
    }

    fn keep_key(&self, path: &Path, key: &SecretBytes) -> io::Result<()> {
        // Under another name first: a crash must not leave half a key under the right one.
        let unfinished = path.with_extension("key.new");
        if let Err(error) = fs::remove_file(&unfinished)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(key.expose())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(&self.path)?.sync_all()
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Err(error) = self.hand_over() {
            tracing::warn!("{error}");
        }
    }
}

/// Not every disk knows owners, and inside a container root may not be root: that is no reason not to work.
fn not_given(path: &Path, error: &io::Error) {
    tracing::warn!("{} cannot be given to the owner of the data folder: {error}", path.display());
}

fn take_lock(folder: &Path) -> Result<File> {
    let path = folder.join("rollcall.lock");
    // Not by a link: where root holds the folder of another user, that one could have it write somewhere else.
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link).open(&path);
    let mut file = file.map_err(|error| unusable(folder, "cannot hold rollcall.lock", error))?;
    match file.try_lock() {
        Ok(()) => {
            // The lock is held all the same where a full disk takes no pid; it is only told to others.
            let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
            if let Err(error) = noted {
                tracing::warn!("{} does not name this process: {error}", path.display());
            }
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The first one may be between taking the lock and writing its pid; then we say what we know.
            let _ = file.read_to_string(&mut pid);
            let who = if pid.trim().is_empty() { String::new() } else { format!(" with pid {}", pid.trim()) };
            let folder = folder.display();
            Err(Error::conflict(format!("rollcall already runs on {folder}{who}: stop it first, or name another folder with --data")))
        }
        Err(TryLockError::Error(error)) => Err(unusable(folder, "cannot be locked; use a local disk", error)),
    }
}

/// Reads a file with a sealing key that nobody else can read.
pub(in crate::store) fn read_key(path: &Path) -> io::Result<SecretBytes> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message =
            format!("other users can read it (its mode is {mode:o}): run `chmod 600` on it, and consider what it protected as seen");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if metadata.len() != KEY_BYTES as u64 {
        let message = format!("it has {} bytes instead of {KEY_BYTES}: put it back from a backup", metadata.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut key = vec![0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(SecretBytes::new(key))
}

fn unusable(folder: &Path, what: &str, error: io::Error) -> Error {
    Error::bad_input(format!("the data folder {} {what}: {error}", folder.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn mode(path: impl AsRef<Path>) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_second_holder_is_refused_with_the_pid_of_the_first() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let first = DataFolder::open(&folder).unwrap();
        assert_eq!((mode(&folder), mode(folder.join("rollcall.lock"))), (0o700, 0o600));
        let refusal = DataFolder::open(&folder).unwrap_err();
        assert_eq!(refusal.kind, Kind::Conflict);
        assert!(refusal.message.contains(&format!("with pid {}", std::process::id())), "{refusal}");
        drop(first);
        DataFolder::open(&folder).unwrap();
    }

    #[test]
    fn what_root_makes_in_the_folder_of_another_is_that_ones() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let parent = tempfile::tempdir().unwrap();
        let of = |path: &Path| (fs::metadata(path).unwrap().uid(), fs::metadata(path).unwrap().gid());
        // Only root can give away; everybody else keeps what he makes.
        let service = if rustix::process::geteuid().is_root() { (12_345, 12_346) } else { of(parent.path()) };
        let folder = parent.path().join("data");
        DirBuilder::new().mode(0o700).create(&folder).unwrap();
        chown(&folder, Some(service.0), Some(service.1)).unwrap();
        let held = DataFolder::open(&folder).unwrap();
        assert_eq!(of(&folder.join("rollcall.lock")), service, "at once");
        held.sealer().unwrap();
        held.hand_over().unwrap();
        assert_eq!(of(&folder.join("seal.key")), service);
        fs::write(folder.join("rollcall.db"), "x").unwrap();
        drop(held);
        assert_eq!(of(&folder.join("rollcall.db")), service, "at the end");
        // One that is made is its parent's.
        let inner = folder.join("inner");
        drop(DataFolder::open(&inner).unwrap());
        assert_eq!([of(&inner), of(&inner.join("rollcall.lock"))], [service; 2]);
    }

    #[test]
    fn the_key_is_made_once_and_only_we_can_read_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path().join("data")).unwrap();
        // What a crash during the first start leaves behind.
        fs::write(folder.path().join("seal.key.new"), b"half").unwrap();
        let key = folder.seal_key().unwrap();
        assert_eq!(key.expose().len(), KEY_BYTES);
        assert_eq!(mode(folder.path().join("seal.key")), 0o600);
        assert_eq!(folder.seal_key().unwrap(), key);
        assert!(!folder.path().join("seal.key.new").exists());
    }

    #[test]
    fn a_lost_key_is_never_replaced_beside_a_database() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path().join("data")).unwrap();
        fs::write(folder.database(), b"").unwrap();
        let refusal = folder.seal_key().unwrap_err();
        assert!(refusal.message.contains("put it back from a backup"), "{refusal}");
        assert!(!folder.path().join("seal.key").exists());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_cut_short_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path().join("data")).unwrap();
        folder.seal_key().unwrap();
        let path = folder.path().join("seal.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refusal = folder.seal_key().unwrap_err();
        assert!(refusal.message.contains("mode is 640") && refusal.message.contains("chmod 600"), "{refusal}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(31).unwrap();
        assert!(folder.seal_key().unwrap_err().message.contains("31 bytes instead of 32"));
    }

    #[test]
    fn a_folder_that_others_can_write_into_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let refusal = DataFolder::open(parent.path()).unwrap_err();
        assert!(refusal.message.contains("chmod go-w"), "{refusal}");
    }
}
