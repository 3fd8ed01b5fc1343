//! Statements that store a row whether it is known or not.
//!
//! `INSERT OR REPLACE` into a table with references, and an `UPDATE` that sets a reference, may fail half-way, so that SQLite keeps a journal for
//! each such statement; in a long transaction under a savepoint, closing that journal takes the longer the more the transaction has changed. An
//! upsert that leaves references alone needs none, and touches those indexes only whose columns change.

/// `INSERT … ON CONFLICT (key) DO UPDATE` of a table, with a parameter `:name` for every column; `columns` are all of them, `kept` those that an
/// insert alone sets: the key, and references that never change.
pub(in crate::store) fn upsert(table: &str, key: &str, kept: &[&str], columns: &str) -> String {
    let names: Vec<&str> = columns.split(',').map(str::trim).collect();
    let list = |each: fn(&str) -> String, of: &mut dyn Iterator<Item = &str>| of.map(each).collect::<Vec<_>>().join(", ");
    let is_key = |name: &str| key.split(',').any(|part| part.trim() == name);
    let changing = || names.iter().copied().filter(|name| !is_key(name) && !kept.contains(name));
    format!(
        "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({key}) DO UPDATE SET {}",
        names.join(", "),
        list(|name| format!(":{name}"), &mut names.iter().copied()),
        list(|name| format!("{name} = excluded.{name}"), &mut changing()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_references_are_set_once() {
        let expected = "INSERT INTO t (a, b, c, d) VALUES (:a, :b, :c, :d) ON CONFLICT (a, b) DO UPDATE SET d = excluded.d";
        assert_eq!(upsert("t", "a, b", &["c"], "a, b, c, d"), expected);
    }
}
