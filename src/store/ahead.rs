//! Due times that a clock has left too far ahead: brought back after it was corrected.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::settings::{self, Setting};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A column with moments at which something is done again: no further ahead than its longest wait, some room added.
struct Due {
    table: &'static str,
    column: &'static str,
    longest: Duration,
}

const fn due(table: &'static str, column: &'static str, longest: Duration) -> Due {
    Due { table, column, longest }
}

/// What is done again at once where it is further ahead. Waits end by looking again, so that looking too early does no harm: what is not to be done yet
/// gets its due time anew. Deliberately without what people or certificates have set: deadlines, invitations, tokens, the first renewal of an identity.
const DUE: [Due; 29] = [
    due("jobs", "due_at", MINUTE),
    due("push_certificates", "paused_until_at", HOUR),
    due("second_factors", "blocked_until", HOUR),
    due("devices", "refresh_due_at", DAY.saturating_mul(2)),
    due("enrollments", "push_due_at", DAY.saturating_mul(2)),
    due("enrollments", "setup_due_at", DAY.saturating_mul(2)),
    due("known_roots", "due_at", DAY.saturating_mul(8)),
    due("app_states", "due_at", DAY.saturating_mul(2)),
    due("app_states", "poll_at", DAY.saturating_mul(2)),
    due("package_rollouts", "due_at", DAY.saturating_mul(2)),
    due("content_tokens", "sync_due_at", DAY.saturating_mul(2)),
    due("content_tokens", "due_at", DAY.saturating_mul(2)),
    due("content_tokens", "busy_until_at", HOUR),
    due("licences", "due_at", DAY.saturating_mul(2)),
    due("licence_events", "due_at", DAY.saturating_mul(2)),
    due("licence_users", "due_at", DAY.saturating_mul(2)),
    due("store_items", "due_at", DAY.saturating_mul(2)),
    due("deployments", "due_at", DAY.saturating_mul(2)),
    due("plans", "due_at", DAY.saturating_mul(2)),
    due("update_states", "due_at", DAY.saturating_mul(2)),
    due("ade_servers", "sync_due_at", DAY.saturating_mul(8)),
    due("ade_servers", "due_at", DAY.saturating_mul(8)),
    due("ade_servers", "busy_until_at", HOUR),
    due("ade_servers", "discovery_due_at", DAY.saturating_mul(8)),
    due("ade_defined", "due_at", DAY.saturating_mul(2)),
    due("beta_lists", "due_at", DAY.saturating_mul(2)),
    due("ade_devices", "retry_at", DAY.saturating_mul(2)),
    due("webhook_deliveries", "due_at", DAY),
    due("letters", "due_at", DAY),
];

/// What somebody holds for a while: it lasts from now for as long as it would have lasted, and not a year more.
const HELD: [Due; 4] = [
    due("sessions", "expires_at", DAY.saturating_mul(7)),
    due("second_steps", "expires_at", MINUTE.saturating_mul(5)),
    due("challenges", "expires_at", HOUR),
    due("acme_orders", "expires_at", HOUR),
];

/// When something was last done, which is done again so long after it: a moment that has not come yet is forgotten, so that it is done now.
const LAST: [Setting<Timestamp>; 7] = [
    Setting::new("housekeeping.last_at"),
    Setting::new("integrity.last_at"),
    Setting::new("authority.looked_at"),
    Setting::new("attestation.root_asked_at"),
    Setting::new("ade.reminded_at"),
    Setting::new("licences.reminded_at"),
    Setting::new("notices.looked_at"),
];

/// Wishes and plans of single moments, with the longest that each may be ahead.
const PLANNED: [(Setting<Timestamp>, Duration); 3] = [
    (Setting::new("backups.wished_at"), Duration::ZERO),
    (Setting::new("backups.test_due_at"), DAY.saturating_mul(31)),
    // What came before was told in the last letter; the next one begins here.
    (Setting::new("notices.digest_at"), Duration::ZERO),
];

/// Whether something was written down at a moment that has not come yet, by more than `step`: then the clock was ahead.
pub fn is_behind(tx: &Tx, step: Duration) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM events WHERE at > ?1)", [tx.now.plus(step)], |row| row.get(0))
}

/// Brings back what is further ahead than it can be by this moment; gives how many due times those were.
///
/// A due time is too far ahead when it is further than its own longest wait: then it was set by a clock that was ahead, and nobody would come to it until
/// that day.
pub fn bring_back(tx: &Tx) -> Result<usize> {
    let mut brought = 0;
    for Due { table, column, longest } in &DUE {
        brought += tx.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {column} > ?2"), (tx.now, tx.now.plus(*longest)))?;
    }
    for Due { table, column, longest } in &HELD {
        brought += tx.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {column} > ?1"), (tx.now.plus(*longest),))?;
    }
    // The renewal of an identity is tried again within days; only the first try lies years ahead.
    let retry = tx.now.plus(DAY.saturating_mul(8));
    let late = "UPDATE enrollments SET renewal_due_at = ?1 WHERE renewal_due_at > ?2 AND renewal_attempts > 0";
    brought += tx.execute(late, (tx.now, retry))?;
    brought += tx.execute("UPDATE jobs SET finished_at = ?1 WHERE finished_at > ?1", (tx.now,))?;
    for last in &LAST {
        if settings::value(tx, last)?.is_some_and(|at| at > tx.now) {
            brought += usize::from(settings::forget(tx, last)?);
        }
    }
    for (planned, longest) in &PLANNED {
        if settings::value(tx, planned)?.is_some_and(|at| at > tx.now.plus(*longest)) {
            brought += usize::from(settings::set(tx, planned, &tx.now)?);
        }
    }
    Ok(brought)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_593_600);

    #[test]
    fn what_is_due_within_its_longest_wait_stays_and_what_is_further_comes_back() {
        let store = memory();
        let at = |name: &str, at: Timestamp| {
            let name = name.to_owned();
            store.write_blocking(NOW, move |tx| tx.execute("INSERT INTO jobs (name, due_at) VALUES (?1, ?2)", (name, at))).unwrap();
        };
        at("soon", NOW.plus(MINUTE));
        at("in a year", NOW.plus(DAY * 365));
        let due = |name: &str| {
            let name = name.to_owned();
            store
                .read_blocking(NOW, |tx| tx.one("SELECT due_at FROM jobs WHERE name = ?1", [name], |row| row.get::<_, Timestamp>(0)))
                .unwrap()
        };
        assert_eq!(store.write_blocking(NOW, bring_back).unwrap(), 1);
        assert_eq!((due("soon"), due("in a year")), (NOW.plus(MINUTE), NOW));
        assert_eq!(store.write_blocking(NOW, bring_back).unwrap(), 0);
    }

    #[test]
    fn a_log_in_lasts_a_week_from_now_and_not_a_year() {
        let store = memory();
        let ends = store.write_blocking(NOW, |tx| {
            tx.execute("INSERT INTO admins (id, name, role, password_hash, created_at) VALUES ('a', 'Kim', 'owner', '', 0)", [])?;
            let session = "INSERT INTO sessions VALUES (x'00', 'a', '', '', '', ?1, ?1, ?2)";
            tx.execute(session, (tx.now.plus(DAY * 365), tx.now.plus(DAY * 372)))?;
            bring_back(tx)?;
            tx.one("SELECT expires_at FROM sessions", [], |row| row.get::<_, Timestamp>(0))
        });
        assert_eq!(ends.unwrap(), NOW.plus(DAY * 7));
    }

    #[test]
    fn every_due_time_of_the_schema_is_looked_after_or_left_on_purpose() {
        // Set by people, by Apple, by a certificate, or by what was granted.
        const LEFT: [&str; 9] = [
            "authorities.taken_until_at",
            "api_tokens.expires_at",
            "invitations.expires_at",
            "account_tokens.expires_at",
            "commands.expires_at",
            "provisioning_profiles.expires_at",
            "access_standings.offline_until",
            "offline_copies.keep_until",
            "enrollments.renewal_due_at",
        ];
        let sql = "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND (c.name LIKE '%due_at'
                   OR c.name LIKE '%until%' OR c.name = 'retry_at' OR c.name = 'poll_at' OR c.name = 'expires_at')";
        let found = memory().read_blocking(NOW, |tx| tx.list(sql, [], |row| row.get::<_, String>(0))).unwrap();
        let known: Vec<_> = DUE.iter().chain(&HELD).map(|due| format!("{}.{}", due.table, due.column)).collect();
        let ends_of_tokens = ["content_tokens.expires_at", "ade_servers.expires_at"];
        let forgotten: Vec<_> = found
            .iter()
            .filter(|column| !known.contains(column) && !LEFT.contains(&column.as_str()) && !ends_of_tokens.contains(&column.as_str()))
            .collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
        assert!(known.iter().all(|column| found.contains(column)), "{known:?}");
    }
}
