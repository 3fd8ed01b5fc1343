-- Beta programmes of the organisation, as Apple lists them for each server token.
CREATE TABLE beta_lists (
    server_id TEXT PRIMARY KEY REFERENCES ade_servers (id) ON DELETE CASCADE,
    taken_at  INTEGER,                              -- when Apple last gave the list; what it gave stays until it gives another
    problem   TEXT NOT NULL DEFAULT '',             -- why it did not the last time, in words
    due_at    INTEGER NOT NULL                      -- when it is asked next
) STRICT, WITHOUT ROWID;
CREATE TABLE beta_programs (
    server_id    TEXT NOT NULL REFERENCES ade_servers (id) ON DELETE CASCADE,
    id           TEXT NOT NULL,                     -- of system and title: the same at every server and in every list
    os           TEXT NOT NULL,                     -- in Apple's word
    title        TEXT NOT NULL,
    token_sealed BLOB,                              -- absent once Apple lists it no more
    listed_at    INTEGER NOT NULL,                  -- since when it is on the list
    gone_at      INTEGER,                           -- since when it is not any more
    PRIMARY KEY (server_id, id)
) STRICT, WITHOUT ROWID;
