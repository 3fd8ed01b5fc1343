//! Whose the files of a data folder are: what root makes in the folder of another user is that user's, or the service could not open it.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// Folders in folders that are looked into; ours have packages in what was kept aside, which are two.
const DEPTH_MAX: usize = 4;
/// Files by which an owner is known where the folder itself is root's.
const TELLING: [&str; 2] = ["rollcall.db", "seal.key"];
/// What belongs to the disk, not to us.
const NOT_OURS: &CStr = c"lost+found";
/// Where others may read it, somebody meant it to be root's.
const SETTINGS: &CStr = c"rollcall.toml";

/// A user and a group, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        Some(Self { user: found.uid(), group: found.gid() })
    }

    /// Gives an open file or folder of root's to this owner; a file that has a second name somewhere stays root's.
    pub(in crate::store) fn take_from_root(self, file: impl AsFd) -> io::Result<()> {
        self.take(&file, &fstat(&file)?, 0)
    }

    /// Does so with what belongs to `from`, as `opened` says of the open file.
    fn take(self, file: impl AsFd, opened: &Stat, from: u32) -> io::Result<()> {
        let is_folder = FileType::from_raw_mode(opened.st_mode) == FileType::Directory;
        if opened.st_uid != from || !(is_folder || opened.st_nlink == 1) {
            return Ok(());
        }
        fchown(file, Some(self.user), Some(self.group))
    }
}

impl std::fmt::Display for Owner {
    /// As `chown` takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.user, self.group)
    }
}

/// To whom what this process makes in `folder` has to be given; none where it is not root, and where all is root's.
pub(in crate::store) fn heir(folder: &Path) -> Option<Owner> {
    let candidates = std::iter::once(Owner::of(folder)).chain(TELLING.iter().map(|name| Owner::of(&folder.join(name))));
    if is_root() { first_but_root(candidates.flatten()) } else { None }
}

/// To whom the new folder `folder` has to be given: the owner of the one that it was made in.
pub(in crate::store) fn heir_of_new(folder: &Path) -> Option<Owner> {
    let above = folder.parent().and_then(Owner::of);
    if is_root() { first_but_root(above.into_iter()) } else { None }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn first_but_root(mut candidates: impl Iterator<Item = Owner>) -> Option<Owner> {
    candidates.find(|owner| owner.user != 0)
}

/// Gives what is root's in `folder` to `heir`.
pub(in crate::store) fn hand_over(folder: &Path, heir: Owner) -> io::Result<()> {
    give(&File::open(folder)?, 0, heir, DEPTH_MAX)
}

/// Gives everything in `folder` that is `from`'s to `to`.
///
/// The folder's owner may put anything into it while this goes on: names are looked up in folders that are open, links are not followed, and a file that
/// has a second name somewhere stays whose it is.
fn give(folder: impl AsFd, from: u32, to: Owner, depth: usize) -> io::Result<()> {
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c"..", NOT_OURS].contains(&name) {
            continue;
        }
        let looked = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => continue,
            looked => looked?,
        };
        let kind = FileType::from_raw_mode(looked.st_mode);
        let is_folder = kind == FileType::Directory;
        let is_meant = name == SETTINGS && looked.st_mode & 0o044 != 0;
        if !is_folder && (kind != FileType::RegularFile || looked.st_uid != from || is_meant) {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&folder, name, if is_folder { flags | OFlags::DIRECTORY } else { flags }, Mode::empty())?;
        if is_folder && depth > 0 {
            give(&file, from, to, depth - 1)?;
        }
        to.take(&file, &fstat(&file)?, from)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn whose(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().uid()
    }

    #[test]
    fn the_owner_is_the_folders_or_that_of_what_lies_in_it_but_never_root() {
        let owner = |user| Owner { user, group: 7 };
        assert_eq!(first_but_root([owner(990), owner(0)].into_iter()), Some(owner(990)));
        assert_eq!(first_but_root([owner(0), owner(991)].into_iter()), Some(owner(991)));
        assert_eq!(first_but_root([owner(0), owner(0)].into_iter()), None);
        assert_eq!(owner(990).to_string(), "990:7");
    }

    #[test]
    fn everything_that_was_made_is_given_and_what_leads_elsewhere_is_not() {
        let root = tempfile::tempdir().unwrap();
        let (data, outside) = (root.path().join("data"), root.path().join("outside"));
        fs::create_dir_all(data.join("before-restore-1/packages")).unwrap();
        fs::create_dir_all(data.join("lost+found")).unwrap();
        fs::create_dir(&outside).unwrap();
        for name in ["rollcall.db", "seal.key", "rollcall.lock", "rollcall.toml", "before-restore-1/packages/aa"] {
            fs::write(data.join(name), "x").unwrap();
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(outside.join("shadow"), "x").unwrap();
        fs::hard_link(outside.join("shadow"), data.join("packages-link")).unwrap();
        symlink(&outside, data.join("link")).unwrap();

        let me = whose(&data);
        // Only root can give away; everybody else gives to himself.
        let to = if is_root() { Owner { user: 12_345, group: 12_346 } } else { Owner::of(&data).unwrap() };
        give(File::open(&data).unwrap(), me, to, DEPTH_MAX).unwrap();
        for name in ["rollcall.db", "seal.key", "rollcall.lock", "rollcall.toml", "before-restore-1", "before-restore-1/packages/aa"] {
            assert_eq!(Owner::of(&data.join(name)), Some(to), "{name}");
        }
        for name in ["lost+found", "packages-link", "link", "../outside", "../outside/shadow"] {
            assert_eq!(whose(&data.join(name)), me, "{name}");
        }
        fs::write(data.join("new"), "x").unwrap();
        fs::remove_file(data.join("rollcall.toml")).unwrap();
        fs::write(data.join("rollcall.toml"), "x").unwrap();
        fs::set_permissions(data.join("rollcall.toml"), fs::Permissions::from_mode(0o640)).unwrap();
        give(File::open(&data).unwrap(), me, to, DEPTH_MAX).unwrap();
        assert_eq!((whose(&data.join("new")), whose(&data.join("rollcall.toml"))), (to.user, me));
    }
}
