-- Filters of the list of devices that people keep for themselves.
CREATE TABLE saved_filters (
    id         TEXT PRIMARY KEY,
    admin_id   TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    name       TEXT NOT NULL COLLATE NOCASE,
    query      TEXT NOT NULL,                       -- as in the list's address: search=9b&state=problem
    created_at INTEGER NOT NULL,
    UNIQUE (admin_id, name)
) STRICT, WITHOUT ROWID;
