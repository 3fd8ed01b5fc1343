-- An appliance to trust: what is kept safe elsewhere, and who may do what for how long.

-- Backups that this appliance put somewhere; it deletes only those that are listed here.
CREATE TABLE backups (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,                    -- of the file
    place         TEXT NOT NULL CHECK (place IN ('folder', 's3')),
    location      TEXT NOT NULL,                    -- the folder, or the bucket's address with the prefix
    size_bytes    INTEGER NOT NULL,
    devices       INTEGER NOT NULL,
    with_packages INTEGER NOT NULL CHECK (with_packages IN (0, 1)),
    made_at       INTEGER NOT NULL,
    tested_at     INTEGER,                          -- when it was last restored into a temporary folder
    test_problem  TEXT NOT NULL DEFAULT ''          -- what was wrong then; empty: nothing
) STRICT;
CREATE INDEX backups_made ON backups (made_at);
