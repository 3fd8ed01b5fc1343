//! The bytes of assets that admins wrote, sealed.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;

/// What there is to know of an asset's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetData {
    /// The declaration that they belong to.
    pub declaration_id: String,
    /// Media type without parameters: `application/json`.
    pub content_type: String,
    /// As the file was called where it came from; may be empty.
    pub file_name: String,
    /// How many they are.
    pub size_bytes: i64,
    /// Their SHA-256, hex in small letters.
    pub sha256: String,
    /// When they came.
    pub changed_at: Timestamp,
}

fn context(id: &str) -> String {
    format!("asset_data.content/{id}")
}

/// Stores the bytes of a declaration, in the place of those before.
pub fn put(tx: &Tx, data: &AssetData, bytes: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO asset_data (declaration_id, content_type, file_name, size_bytes, sha256, content_sealed, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            &data.declaration_id,
            &data.content_type,
            &data.file_name,
            data.size_bytes,
            &data.sha256,
            tx.seal(&context(&data.declaration_id), bytes)?,
            data.changed_at,
        ),
    )?;
    Ok(())
}

/// What there is to know of a declaration's bytes, if it has any.
pub fn of_declaration(tx: &Tx, declaration_id: &str) -> Result<Option<AssetData>> {
    tx.optional(
        "SELECT content_type, file_name, size_bytes, sha256, changed_at FROM asset_data WHERE declaration_id = ?1",
        [declaration_id],
        |row| {
            Ok(AssetData {
                declaration_id: declaration_id.to_owned(),
                content_type: row.get(0)?,
                file_name: row.get(1)?,
                size_bytes: row.get(2)?,
                sha256: row.get(3)?,
                changed_at: row.get(4)?,
            })
        },
    )
}

/// The bytes of a declaration, if it has any.
pub fn content(tx: &Tx, declaration_id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> =
        tx.optional("SELECT content_sealed FROM asset_data WHERE declaration_id = ?1", [declaration_id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&context(declaration_id), &sealed)).transpose()
}

/// Takes the bytes of a declaration away; tells whether there were any.
pub fn remove(tx: &Tx, declaration_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM asset_data WHERE declaration_id = ?1", [declaration_id])? == 1)
}

/// How many bytes all declarations but this one have together.
pub fn bytes_beside(tx: &Tx, declaration_id: &str) -> Result<i64> {
    tx.one("SELECT coalesce(sum(size_bytes), 0) FROM asset_data WHERE declaration_id <> ?1", [declaration_id], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_sealed_and_open_for_their_own_row_alone() {
        let store = crate::store::tests::memory();
        let sealed = store
            .write_blocking(Timestamp::from_seconds(5), |tx| {
                for id in ["1", "2"] {
                    tx.execute(
                        "INSERT INTO declarations (id, identifier, kind, type, name, payload_sealed, created_by, created_at, changed_at)
                         VALUES (?1, ?1, 'asset', 'com.apple.asset.data', ?1, x'', 'kim', 5, 5)",
                        [id],
                    )?;
                }
                let data = AssetData {
                    declaration_id: String::from("1"),
                    content_type: String::from("text/plain"),
                    file_name: String::from("a.txt"),
                    size_bytes: 11,
                    sha256: String::from("00"),
                    changed_at: tx.now,
                };
                put(tx, &data, b"open sesame")?;
                assert_eq!((of_declaration(tx, "1")?, of_declaration(tx, "2")?), (Some(data), None));
                assert_eq!((bytes_beside(tx, "1")?, bytes_beside(tx, "2")?), (0, 11));
                assert_eq!(content(tx, "1")?.unwrap().expose(), b"open sesame");
                let sealed: Vec<u8> = tx.one("SELECT content_sealed FROM asset_data", [], |row| row.get(0))?;
                tx.execute("UPDATE asset_data SET declaration_id = '2'", [])?;
                assert!(content(tx, "2").is_err(), "it does not open in another's place");
                assert!(remove(tx, "2")? && !remove(tx, "2")?);
                Ok(sealed)
            })
            .unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"sesame"));
    }
}
