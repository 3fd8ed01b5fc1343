//! Commands that somebody queued for several devices at one moment, and how far they are.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// A command that several devices got at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// RequestType.
    pub request_type: String,
    /// Who asked, for people.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// How many got it.
    pub all: u64,
    /// How many have confirmed it.
    pub confirmed: u64,
    /// In how many queues it is still.
    pub waiting: u64,
}

/// Events that are looked through for them, the newest.
const LOOKED_THROUGH: i64 = 20_000;

/// What people and scripts asked of several devices at once since a moment, the newest first. What they share is who asked, when, and for what.
pub fn batches(tx: &Tx, since: Timestamp, limit: u32) -> Result<Vec<Batch>> {
    tx.list(
        "SELECT commands.request_type, events.actor, events.at, count(*), sum(commands.state = 'acknowledged'), sum(commands.finished_at IS NULL)
         FROM events CROSS JOIN commands ON commands.uuid = events.command_uuid AND commands.enrollment_id = events.enrollment_id
         WHERE events.kind = 'command.queued' AND events.seq > (SELECT coalesce(max(seq), 0) FROM events) - ?2 AND events.at >= ?1
           AND events.actor_kind IN ('person', 'token', 'console')
         GROUP BY events.at, events.actor, commands.request_type HAVING count(DISTINCT events.device_id) > 1
         ORDER BY events.at DESC, commands.request_type LIMIT ?3",
        (since, LOOKED_THROUGH, limit),
        |row| {
            let number = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(Batch {
                request_type: row.get(0)?,
                actor: row.get(1)?,
                at: row.get(2)?,
                all: number(3)?,
                confirmed: number(4)?,
                waiting: number(5)?,
            })
        },
    )
}
