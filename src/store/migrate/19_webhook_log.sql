-- What was posted to each webhook and what came of it: the newest, one row per event.
CREATE TABLE webhook_log (
    seq         INTEGER PRIMARY KEY,                -- that of its delivery
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    device_id   TEXT NOT NULL,                      -- empty: about none
    topic       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    status      INTEGER,                            -- of the last answer; absent where none came
    error       TEXT NOT NULL DEFAULT '',           -- why the last try failed; empty: it did not
    attempts    INTEGER NOT NULL,
    next_at     INTEGER,                            -- of the next try
    body_sealed BLOB,                               -- to deliver it again; absent while it waits, and where it is too large
    created_at  INTEGER NOT NULL,
    tried_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_log_of ON webhook_log (webhook_id, seq);
