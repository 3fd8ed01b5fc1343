//! Every app that this server knows: of the App Store, and of the house.

use std::collections::BTreeMap;

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// Where an app comes from.
    pub enum AppKind {
        /// The App Store, custom apps too: by licence.
        Store = "store",
        /// An .ipa of the house.
        InHouse = "in_house",
        /// A .pkg for Macs.
        Package = "package",
    }
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: String,
    /// Where it comes from.
    pub kind: AppKind,
    /// The App Store's number; nothing for those of the house.
    pub adam_id: Option<String>,
    /// Bundle identifier, of a package the package identifier; empty until the store told it.
    pub bundle_id: String,
    /// What people call it.
    pub name: String,
    /// What it is for, for people.
    pub note: String,
    /// Platforms it runs on, JSON: `["ios", "macos"]`; empty where that is not known.
    pub platforms: String,
    /// What the store or the package says of it, JSON.
    pub facts: String,
    /// When that was said.
    pub facts_at: Option<Timestamp>,
    /// How it is managed, JSON.
    pub settings: String,
    /// Grows with everything that devices are to learn of.
    pub revision: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When anything about it changed last.
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "id, kind, adam_id, bundle_id, name, note, platforms, facts, facts_at, settings, revision, created_at, changed_at";

fn app(row: &Row<'_>) -> rusqlite::Result<App> {
    Ok(App {
        id: row.get(0)?,
        kind: row.get(1)?,
        adam_id: row.get(2)?,
        bundle_id: row.get(3)?,
        name: row.get(4)?,
        note: row.get(5)?,
        platforms: row.get(6)?,
        facts: row.get(7)?,
        facts_at: row.get(8)?,
        settings: row.get(9)?,
        revision: row.get(10)?,
        created_at: row.get(11)?,
        changed_at: row.get(12)?,
    })
}

/// What an app of the App Store is called while nobody has said its name.
pub fn placeholder(adam_id: &str) -> String {
    format!("App {adam_id}")
}

/// Stores a new app.
pub fn insert(tx: &Tx, app: &App) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO apps ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"),
        (
            &app.id,
            app.kind,
            &app.adam_id,
            &app.bundle_id,
            &app.name,
            &app.note,
            &app.platforms,
            &app.facts,
            app.facts_at,
            &app.settings,
            app.revision,
            app.created_at,
            app.changed_at,
        ),
    )?;
    Ok(())
}

/// Stores what changed about an app; where it comes from never does.
pub fn update(tx: &Tx, app: &App) -> Result<()> {
    tx.execute(
        "UPDATE apps SET bundle_id = ?2, name = ?3, note = ?4, platforms = ?5, facts = ?6, facts_at = ?7, settings = ?8, revision = ?9, changed_at = ?10
         WHERE id = ?1",
        (
            &app.id,
            &app.bundle_id,
            &app.name,
            &app.note,
            &app.platforms,
            &app.facts,
            app.facts_at,
            &app.settings,
            app.revision,
            app.changed_at,
        ),
    )?;
    Ok(())
}

/// Removes an app.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM apps WHERE id = ?1", [id])?;
    Ok(())
}

/// The app of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<App>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM apps WHERE id = ?1"), [id], app)
}

/// The app with this number of the App Store.
pub fn by_adam_id(tx: &Tx, adam_id: &str) -> Result<Option<App>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM apps WHERE adam_id = ?1"), [adam_id], app)
}

/// The apps with this bundle identifier: one of each kind of the house, and any of the store.
pub fn by_bundle_id(tx: &Tx, bundle_id: &str) -> Result<Vec<App>> {
    tx.list(sql!("SELECT {COLUMNS} FROM apps WHERE bundle_id = ?1 ORDER BY kind, id"), [bundle_id], app)
}

/// Every app whose name or bundle identifier holds `search` (all where it is empty), by name, behind the one with the name and id `after`.
pub fn list(tx: &Tx, search: &str, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<App>> {
    let (name, id) = after.unwrap_or_default();
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM apps
             WHERE (name COLLATE NOCASE, id) > (?1, ?2) AND (?3 = '' OR instr(lower(name), lower(?3)) > 0 OR instr(lower(bundle_id), lower(?3)) > 0)
             ORDER BY name COLLATE NOCASE, id LIMIT ?4"
        ),
        (name, id, search, limit),
        app,
    )
}

/// Names that several apps have, in small letters.
pub fn repeated_names(tx: &Tx) -> Result<Vec<String>> {
    let mut counts = BTreeMap::<String, u32>::new();
    for name in tx.list("SELECT name FROM apps", [], |row| row.get::<_, String>(0))? {
        *counts.entry(name.to_lowercase()).or_default() += 1;
    }
    Ok(counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect())
}

/// How many apps [`list`] has in all.
pub fn count(tx: &Tx, search: &str) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM apps WHERE ?1 = '' OR instr(lower(name), lower(?1)) > 0 OR instr(lower(bundle_id), lower(?1)) > 0",
        [search],
        |row| row.get(0),
    )
}

fn place(id: &str) -> String {
    format!("apps.configuration_sealed/{id}")
}

/// Stores what the app itself is to know, a property list; none takes it away.
pub fn set_configuration(tx: &Tx, id: &str, configuration: Option<&[u8]>) -> Result<()> {
    let sealed = configuration.map(|plain| tx.seal(&place(id), plain)).transpose()?;
    tx.execute(
        "INSERT OR REPLACE INTO past_configurations (app_id, replaced_at, configuration_sealed)
         SELECT id, ?2, configuration_sealed FROM apps WHERE id = ?1 AND configuration_sealed IS NOT NULL",
        (id, tx.now),
    )?;
    tx.execute("UPDATE apps SET configuration_sealed = ?2 WHERE id = ?1", (id, sealed))?;
    Ok(())
}

/// What the app itself is to know, a property list.
pub fn configuration(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT configuration_sealed FROM apps WHERE id = ?1", [id], |row| row.get(0))?.flatten();
    sealed.map(|sealed| tx.open(&place(id), &sealed)).transpose()
}

/// What the app itself was to know before, newest first, of those that were replaced since a moment: property lists, at most `limit`.
pub fn past_configurations(tx: &Tx, id: &str, since: Timestamp, limit: u32) -> Result<Vec<SecretBytes>> {
    let sealed: Vec<Vec<u8>> = tx.list(
        "SELECT configuration_sealed FROM past_configurations WHERE app_id = ?1 AND replaced_at >= ?2 ORDER BY replaced_at DESC LIMIT ?3",
        (id, since, limit),
        |row| row.get(0),
    )?;
    sealed.iter().map(|sealed| tx.open(&place(id), sealed)).collect()
}

/// Forgets what was replaced before a moment, at most `limit`; gives how many.
pub fn prune_past_configurations(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM past_configurations WHERE rowid IN (SELECT rowid FROM past_configurations WHERE replaced_at < ?1 LIMIT ?2)",
        (before, limit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    fn app_of(id: &str, kind: AppKind, name: &str) -> App {
        App {
            id: id.into(),
            kind,
            adam_id: (kind == AppKind::Store).then(|| format!("40{id}")),
            bundle_id: format!("school.example.{id}"),
            name: name.into(),
            note: String::new(),
            platforms: r#"["ios"]"#.into(),
            facts: "{}".into(),
            facts_at: None,
            settings: "{}".into(),
            revision: 1,
            created_at: Timestamp::default(),
            changed_at: Timestamp::default(),
        }
    }

    #[test]
    fn apps_are_found_and_listed_by_name_page_by_page() {
        let store = memory();
        let seen = store.write_blocking(Timestamp::default(), |tx| {
            for (id, kind, name) in [("1", AppKind::Store, "atlas"), ("2", AppKind::InHouse, "Choir"), ("3", AppKind::Package, "Bell")] {
                insert(tx, &app_of(id, kind, name))?;
            }
            let first = list(tx, "", None, 2)?;
            let rest = list(tx, "", Some((&first[1].name, &first[1].id)), 2)?;
            let found =
                (by_adam_id(tx, "401")?, by_bundle_id(tx, "school.example.2")?, list(tx, "BELL", None, 9)?, count(tx, "example.3")?);
            Ok((first, rest, found))
        });
        let (first, rest, found) = seen.unwrap();
        let names = |apps: &[App]| apps.iter().map(|app| app.name.clone()).collect::<Vec<_>>();
        assert_eq!((names(&first), names(&rest)), (vec!["atlas".into(), "Bell".into()], vec![String::from("Choir")]));
        assert_eq!(found.0, Some(app_of("1", AppKind::Store, "atlas")));
        assert_eq!((names(&found.1), names(&found.2), found.3), (vec!["Choir".into()], vec!["Bell".into()], 1));
    }

    #[test]
    fn one_bundle_identifier_is_one_app_of_the_house_and_a_configuration_is_sealed() {
        let store = memory();
        let (twice, opened, gone) = store
            .write_blocking(Timestamp::default(), |tx| {
                let first = app_of("1", AppKind::InHouse, "Field");
                insert(tx, &first)?;
                set_configuration(tx, "1", Some(b"<dict/>"))?;
                let twice = tx.attempt(|tx| insert(tx, &App { id: "2".into(), ..first }))?.is_err();
                let opened = configuration(tx, "1")?.map(|plain| plain.expose().clone());
                set_configuration(tx, "1", None)?;
                Ok((twice, opened, configuration(tx, "1")?.is_none()))
            })
            .unwrap();
        assert!(twice && gone);
        assert_eq!(opened.as_deref(), Some(&b"<dict/>"[..]));
    }
}
