-- Apps and everything around them.

-- What is wanted on groups may be an app.
CREATE TABLE assignments_new (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('profile', 'policy', 'declaration', 'app')),
    item_id     TEXT NOT NULL,
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    ends_at     INTEGER,                            -- time-boxed: the device itself ends it
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
INSERT INTO assignments_new SELECT id, kind, item_id, group_id, ends_at, created_by, created_at FROM assignments;
DROP TABLE assignments;
ALTER TABLE assignments_new RENAME TO assignments;
CREATE UNIQUE INDEX assignments_item ON assignments (kind, item_id, group_id);
CREATE INDEX assignments_group ON assignments (group_id);
CREATE INDEX assignments_ends ON assignments (ends_at) WHERE ends_at IS NOT NULL;

-- ---------------------------------------------------------------- apps

-- Every app that this server knows: of the App Store, and of the house.
CREATE TABLE apps (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('store', 'in_house', 'package')),
    adam_id       TEXT UNIQUE,                        -- the App Store's number
    bundle_id     TEXT NOT NULL DEFAULT '',           -- of a package its identifier; empty until the store told it
    name          TEXT NOT NULL,
    note          TEXT NOT NULL DEFAULT '',
    platforms     TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(platforms)),     -- "ios", "macos" …
    facts         TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),         -- what the store says of it: versions, minimum system, icon
    facts_at      INTEGER,
    settings      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),      -- how it is managed: updates, backup, removal, attributes
    configuration_sealed BLOB,                        -- what the app itself is to know, a property list; may hold secrets
    revision      INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    CHECK ((kind = 'store') = (adam_id IS NOT NULL))
) STRICT;
CREATE INDEX apps_name ON apps (name COLLATE NOCASE, id);
CREATE UNIQUE INDEX apps_bundle ON apps (kind, bundle_id) WHERE kind <> 'store';

-- ---------------------------------------------------------------- declarations: the data of assets, and asking for news

-- The bytes of an own asset that names no address of its own: devices fetch them here, under an address that changes with them.
CREATE TABLE asset_data (
    declaration_id TEXT PRIMARY KEY REFERENCES declarations (id) ON DELETE CASCADE,
    content_type   TEXT NOT NULL,                   -- media type without parameters
    file_name      TEXT NOT NULL DEFAULT '',        -- as it was uploaded, for people
    size_bytes     INTEGER NOT NULL,
    sha256         TEXT NOT NULL,                   -- of the bytes, hex
    content_sealed BLOB NOT NULL,
    changed_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When an enrollment was last asked to say anew what became of its declarations.
CREATE TABLE news_asked (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- plans: a column that nothing was ever written into

ALTER TABLE plans DROP COLUMN seen_token;
