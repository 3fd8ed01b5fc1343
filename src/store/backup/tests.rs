//! Backups written and read again, whole and damaged.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::pki::vault::{Key, Lock, PublicKey, RecoveryKey};
use crate::random::Random;
use crate::secret::Secret;
use crate::store::events::{NewEvent, append};
use crate::store::settings::{self, Setting};
use crate::store::{DataFolder, OpenOptions, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);
const NAME: Setting<String> = Setting::new("name");
const PHRASE: &str = "correct horse battery";

/// A data folder with a database in it.
struct Kept {
    folder: DataFolder,
    store: Store,
    _root: tempfile::TempDir,
}

fn kept() -> Kept {
    let root = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(root.path().join("data")).unwrap();
    let store = Store::open(OpenOptions::file(folder.database(), folder.sealer().unwrap()).random(Random::seeded(7))).unwrap();
    store.write_blocking(NOW, |tx| settings::set(tx, &NAME, &String::from("school"))).unwrap();
    Kept { folder, store, _root: root }
}

fn lock() -> Lock {
    Lock::passphrase(Secret::new(PHRASE.to_owned())).unwrap()
}

fn written(kept: &Kept, lock: &Lock, with_packages: bool) -> (Vec<u8>, Manifest) {
    let source = Source { store: &kept.store, data: kept.folder.path(), with_packages, lock, spare: None, now: NOW, id: "1" };
    write(&source, Vec::new(), &Watch::unending()).unwrap()
}

fn unpacked(file: &[u8], key: &str) -> Result<(tempfile::TempDir, Manifest)> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = unpack(file, &Key::parse(key)?, folder.path(), &Watch::unending())?;
    Ok((folder, manifest))
}

fn name_in(folder: &Path) -> Option<String> {
    let store = Store::open(OpenOptions::file(folder.join(DATABASE), sealer_in(folder).unwrap())).unwrap();
    store.read_blocking(NOW, |tx| settings::value(tx, &NAME)).unwrap()
}

#[test]
fn what_was_written_comes_back_with_its_key_settings_and_packages_and_leaves_nothing_behind() {
    let kept = kept();
    let data = kept.folder.path();
    let package = "ab".repeat(32);
    fs::create_dir(kept.folder.packages()).unwrap();
    fs::write(kept.folder.packages().join(&package), b"a package").unwrap();
    fs::write(kept.folder.packages().join("part-1"), b"half of one").unwrap();
    fs::write(data.join("rollcall.toml"), b"log.level = \"warn\"\n").unwrap();
    let (file, manifest) = written(&kept, &lock(), true);
    assert_eq!((manifest.devices, manifest.made_at, manifest.with_packages), (0, NOW, true));
    let (folder, read) = unpacked(&file, PHRASE).unwrap();
    assert_eq!(read, manifest);
    assert_eq!(name_in(folder.path()).as_deref(), Some("school"));
    for name in ["seal.key", "rollcall.toml"] {
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), fs::read(data.join(name)).unwrap());
    }
    assert_eq!(fs::read(folder.path().join("packages").join(&package)).unwrap(), b"a package");
    assert!(!folder.path().join("packages/part-1").exists());
    let left: Vec<_> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().starts_with(COPY_PREFIX)), "{left:?}");
    let (small, _) = written(&kept, &lock(), false);
    assert!(!unpacked(&small, PHRASE).unwrap().0.path().join("packages").exists());
}

#[test]
fn a_file_that_is_cut_short_or_changed_anywhere_is_refused_as_a_whole() {
    let kept = kept();
    let key = RecoveryKey::generate();
    let public = PublicKey::parse(&key.public().to_string()).unwrap();
    let (file, _) = written(&kept, &Lock::Keys(vec![public]), false);
    let text = key.text().expose().clone();
    unpacked(&file, &text).unwrap();
    let places = (0..file.len()).step_by(file.len() / 12).chain([file.len() - 1]);
    for at in places {
        let error = unpacked(&file[..at], &text).unwrap_err();
        assert_eq!(error.kind, Kind::BadInput, "cut at {at}: {error}");
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        let error = unpacked(&flipped, &text).unwrap_err();
        assert_eq!(error.kind, Kind::BadInput, "flipped at {at}: {error}");
    }
    let appended = [file.as_slice(), b"more"].concat();
    assert!(unpacked(&appended, &text).is_err());
    assert!(unpacked(&file, &RecoveryKey::generate().text().expose().clone()).unwrap_err().message.contains("does not open this backup"));
}

/// An archive of a program's own making.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(lock().over(Vec::new()).unwrap(), 1).unwrap());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        // As a hostile program would: the library refuses such names itself.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap().finish().unwrap()
}

#[test]
fn an_archive_that_is_no_backup_a_newer_one_and_one_that_reaches_out_of_its_folder_are_refused_by_name() {
    let manifest = |format: u32| {
        let manifest = Manifest {
            format,
            made_at: NOW,
            program: String::from("9.9.9"),
            schema: 1,
            devices: 0,
            enrolled: 0,
            database_bytes: 3,
            with_packages: false,
        };
        serde_json::to_vec(&manifest).unwrap()
    };
    let refused = |entries: &[(&str, &[u8])]| unpacked(&archive(entries), PHRASE).unwrap_err().message.into_owned();
    assert!(refused(&[("holiday.jpg", b"x")]).contains("no backup of Rollcall"));
    assert!(refused(&[(MANIFEST, b"{}")]).contains("no backup of Rollcall"));
    assert!(refused(&[(MANIFEST, &manifest(FORMAT + 1))]).contains("newer Rollcall (9.9.9)"));
    for name in ["../evil", "/etc/evil", "packages/../../evil", "control.sock", "packages/short"] {
        let words = refused(&[(MANIFEST, &manifest(FORMAT)), (name, b"x")]);
        assert!(words.contains("does not know"), "{name}: {words}");
    }
    assert!(refused(&[(MANIFEST, &manifest(FORMAT)), (SEAL_KEY, &[7; 32])]).contains("not whole"));
    assert!(refused(&[(MANIFEST, &manifest(FORMAT)), (DATABASE, b"four")]).contains("does not know"));
}

#[test]
fn commits_go_on_while_a_backup_is_made_and_it_holds_one_moment() {
    let kept = kept();
    let large = "x".repeat(100_000);
    let fill = |store: &Store, count: usize| {
        for _ in 0..count {
            let data = large.clone().into();
            store
                .write_blocking(NOW, move |tx| {
                    append(tx, &NewEvent { kind: "large", actor_kind: "job", actor: "test", data, ..NewEvent::default() })?;
                    let turns: u64 = settings::value(tx, &Setting::new("turns"))?.unwrap_or_default();
                    settings::set(tx, &Setting::new("turns"), &(turns + 1))
                })
                .unwrap();
        }
    };
    fill(&kept.store, 150);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (kept.store.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut turns = 0;
            while !stop.load(Ordering::Relaxed) {
                store.write_blocking(NOW, |tx| settings::set(tx, &NAME, &format!("{}", tx.random().below(1 << 40)))).unwrap();
                turns += 1;
            }
            turns
        })
    };
    let (file, _) = written(&kept, &lock(), false);
    stop.store(true, Ordering::Relaxed);
    assert!(writer.join().unwrap() > 10, "others wrote meanwhile");
    let (folder, _) = unpacked(&file, PHRASE).unwrap();
    let store = Store::open(OpenOptions::file(folder.path().join(DATABASE), sealer_in(folder.path()).unwrap())).unwrap();
    let turns: Option<u64> = store.read_blocking(NOW, |tx| settings::value(tx, &Setting::new("turns"))).unwrap();
    assert_eq!(turns, Some(150));
}

/// Takes so many bytes and no more, as a full disk does.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_place_that_is_full_ends_the_backup_and_leaves_no_copy() {
    let kept = kept();
    let lock = lock();
    let source = Source { store: &kept.store, data: kept.folder.path(), with_packages: false, lock: &lock, spare: None, now: NOW, id: "1" };
    let error = write(&source, Full(1000), &Watch::unending()).map(|_| ()).unwrap_err();
    assert!(error.message.contains("cannot be written"), "{error}");
    assert!(!kept.folder.path().join(format!("{COPY_PREFIX}1.db")).exists());
    let short = must_have_room(kept.folder.path(), u64::MAX / 2).unwrap_err();
    assert!(short.message.contains("MiB are left free"), "{short}");
}
