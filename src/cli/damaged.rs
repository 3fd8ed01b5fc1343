//! A look at the database before anybody is served from it: what is damaged in it, and the backup that takes its place.

use std::path::Path;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::backups::offer;
use crate::store::backup::{DATABASE, Kept, noted};
use crate::store::begun::lost;
use crate::store::integrity::{self, AtRest, Depth, at_rest};
use crate::store::{Store, closed};

/// Bytes of a database that is looked through before it serves. That takes about two seconds for each gigabyte that the machine has in memory already, so
/// that a restart is served from again within a second; 10,000 devices (60 MB) take a seventh of it. Larger ones are looked through by their job, while
/// they serve.
pub(super) const LOOKED_THROUGH_MAX_BYTES: u64 = 256 << 20;

/// What is wrong with a database, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) what: String,
    pub(super) remedy: String,
}

/// Refuses a data folder whose database is damaged; nothing in it is changed, and nothing removed.
pub(super) async fn refuse(data: &Path) -> Result<()> {
    if lost(data).is_none() && closed::in_order(&data.join(DATABASE)) {
        // It was looked through at its end, and nobody has touched it since. What a disk does by itself is found by the job that looks through it while it serves.
        return Ok(());
    }
    let folder = data.to_path_buf();
    let looked = tokio::task::spawn_blocking(move || look(&folder)).await;
    match looked.map_err(|panic| Error::internal("a fault in the program", panic))? {
        Some(Damage { what, remedy }) => Err(Error::new(Kind::Internal, format!("{what} Rollcall does not start on it. {remedy}"))),
        None => Ok(()),
    }
}

/// Whether a database that was served is sound: it is looked through at its end, when nobody waits for it, and not at the next start.
pub(super) async fn is_sound(store: &Store, now: Timestamp) -> bool {
    // Larger ones no start looks through.
    let bytes = store.path().and_then(|path| std::fs::metadata(path).ok()).map(|file| file.len());
    bytes.is_some_and(|bytes| bytes <= LOOKED_THROUGH_MAX_BYTES)
        && store.read_slow(now, |tx| integrity::check(tx, Depth::Quick)).await.is_ok_and(|findings| findings.is_empty())
}

/// Looks through the database of a data folder that nobody serves from.
pub(super) fn look(data: &Path) -> Option<Damage> {
    if let Some(what) = lost(data) {
        let remedy = format!(
            "Nothing in the folder was changed. If the database was moved away, put it back, together with its log rollcall.db-wal. To begin anew, \
             move the whole folder aside. {}",
            offer::words(noted(data).filter(is_there).as_ref(), data)
        );
        return Some(Damage { what: format!("The database {what}: there was an appliance here."), remedy });
    }
    let path = data.join(DATABASE);
    let AtRest { findings, backups } = at_rest(&path, LOOKED_THROUGH_MAX_BYTES)?;
    let (first, count) = (findings.first()?, findings.len());
    let more = if count == 1 { String::new() } else { format!(" (the first of {count} findings)") };
    let what = format!("The database {} is damaged: {}{more}.", path.display(), first.message.trim_end_matches('.'));
    // The note beside the database is for one that cannot be read any more.
    let kept = backups.iter().map(Kept::from).chain(noted(data)).find(is_there);
    let remedy = format!(
        "Everything in the folder stays as it is, and is kept aside when a backup takes its place. Have this machine's disk and memory checked: a \
         database does not break by itself. {}{}",
        offer::rebuild_words(&findings, data),
        offer::words(kept.as_ref(), data)
    );
    Some(Damage { what, remedy })
}

/// Whether a backup can be brought back, as far as can be told: those in a folder can be looked for.
fn is_there(kept: &Kept) -> bool {
    kept.path().is_none_or(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;
    use crate::pki::seal::{KEY_BYTES, Sealer};
    use crate::store::backup::note;
    use crate::store::{DataFolder, OpenOptions};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_593_600);

    fn kept(folder: &Path) -> Kept {
        Kept { name: String::from("b.age"), location: folder.display().to_string(), in_folder: true, made_at: NOW }
    }

    #[test]
    fn damage_is_named_with_the_backup_that_is_there_and_nothing_is_changed() {
        let (data, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = data.path().join(DATABASE);
        assert_eq!(look(data.path()), None, "before the first start");
        let store = Store::open(OpenOptions::file(&path, Sealer::from_key(&[7; KEY_BYTES]).unwrap())).unwrap();
        store.close_blocking();
        drop(store);
        assert_eq!(look(data.path()), None, "sound");
        let whole = fs::read(&path).unwrap();

        let spoil = |at: usize, with: &[u8]| {
            fs::write(&path, &whole).unwrap();
            let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(with).unwrap();
            let before = fs::read(&path).unwrap();
            let damage = look(data.path()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), before, "what is damaged stays as it is");
            damage
        };
        let page = spoil(whole.len() / 2 / 4096 * 4096, &[0xa5; 4096]);
        assert!(page.what.starts_with(&format!("The database {} is damaged: ", path.display())), "{page:?}");
        assert!(page.remedy.contains("No backup is known here"), "{page:?}");

        note(data.path(), &kept(away.path())).unwrap();
        assert!(spoil(0, b"this is no database any more").remedy.contains("No backup is known"), "its file is gone");
        fs::write(away.path().join("b.age"), "x").unwrap();
        let file = spoil(0, b"this is no database any more");
        let restore = format!("rollcall restore --data {} --replace {}/b.age", data.path().display(), away.path().display());
        assert!(file.what.contains("not a database") && file.remedy.contains(&restore), "{file:?}");

        for empty in [true, false] {
            fs::write(&path, &whole[..0]).unwrap();
            if !empty {
                fs::remove_file(&path).unwrap();
            }
            let damage = look(data.path()).unwrap();
            assert!(
                damage.what.contains(if empty { "is empty" } else { "is missing" }),
                "a new one would be another appliance: {damage:?}"
            );
            assert!(damage.remedy.contains(&restore) && damage.remedy.contains("move the whole folder aside"), "{damage:?}");
        }
    }

    #[tokio::test]
    async fn what_was_damaged_after_it_was_closed_in_order_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let path = data.database();
        let store = Store::open(OpenOptions::file(&path, data.sealer().unwrap())).unwrap();
        assert!(is_sound(&store, NOW).await);
        drop(store);
        data.note_closed(true);
        assert!(refuse(folder.path()).await.is_ok());
        let middle = fs::metadata(&path).unwrap().len() / 2 / 4096 * 4096;
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(middle)).unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
        for _ in 0..2 {
            let refusal = refuse(folder.path()).await.unwrap_err();
            assert!(refusal.message.contains("is damaged"), "{refusal}");
        }
    }
}
