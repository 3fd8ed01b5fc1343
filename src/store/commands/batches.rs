//! Commands that somebody queued for several devices at one moment, and how far they are.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::words::words;

/// A command that several devices got at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its id: the place in the log of the first that was queued.
    pub id: i64,
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
        "SELECT min(events.seq), commands.request_type, events.actor, events.at, count(*), sum(commands.state = 'acknowledged'),
                sum(commands.finished_at IS NULL)
         FROM events CROSS JOIN commands ON commands.uuid = events.command_uuid AND commands.enrollment_id = events.enrollment_id
         WHERE events.kind = 'command.queued' AND events.seq > (SELECT coalesce(max(seq), 0) FROM events) - ?2 AND events.at >= ?1
           AND events.actor_kind IN ('person', 'token', 'console')
         GROUP BY events.at, events.actor, commands.request_type HAVING count(DISTINCT events.device_id) > 1
         ORDER BY events.at DESC, commands.request_type LIMIT ?3",
        (since, LOOKED_THROUGH, limit),
        |row| {
            let number = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(Batch {
                id: row.get(0)?,
                request_type: row.get(1)?,
                actor: row.get(2)?,
                at: row.get(3)?,
                all: number(4)?,
                confirmed: number(5)?,
                waiting: number(6)?,
            })
        },
    )
}

words! {
    /// What a device did with what was asked of several.
    pub enum Answer {
        /// It has confirmed it.
        Confirmed = "confirmed",
        /// It has it in its queue.
        Waiting = "waiting",
        /// It did not do it, and will not.
        Not = "not",
    }
}

/// The devices of a batch, all or those that answered so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The batch's id.
    pub batch: i64,
    /// What they did with it; any, if none is said.
    pub answer: Option<Answer>,
}

impl Asked {
    /// Their ids, as a query with one parameter: the batch's id.
    pub(in crate::store) fn devices(self) -> String {
        let answered = match self.answer {
            None => "",
            Some(Answer::Confirmed) => " AND commands.state = 'acknowledged'",
            Some(Answer::Waiting) => " AND commands.finished_at IS NULL",
            Some(Answer::Not) => " AND commands.finished_at IS NOT NULL AND commands.state <> 'acknowledged'",
        };
        format!(
            "SELECT events.device_id FROM events AS first
             CROSS JOIN commands AS led ON led.uuid = first.command_uuid AND led.enrollment_id = first.enrollment_id
             CROSS JOIN events INDEXED BY events_at ON events.at = first.at AND events.actor = first.actor AND events.kind = first.kind
             CROSS JOIN commands ON commands.uuid = events.command_uuid AND commands.enrollment_id = events.enrollment_id
                   AND commands.request_type = led.request_type
             WHERE first.seq = ? AND first.kind = 'command.queued'{answered}"
        )
    }
}

/// What a batch asked and who asked it: RequestType, and the actor for people; none once it is forgotten.
pub fn batch(tx: &Tx, id: i64) -> Result<Option<(String, String)>> {
    tx.optional(
        "SELECT commands.request_type, events.actor FROM events
         CROSS JOIN commands ON commands.uuid = events.command_uuid AND commands.enrollment_id = events.enrollment_id
         WHERE events.seq = ?1 AND events.kind = 'command.queued'",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
