-- Apps and everything around them.

-- What is wanted on groups may be an app.
CREATE TABLE assignments_new (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('profile', 'policy', 'declaration', 'app', 'provisioning')),
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

-- ---------------------------------------------------------------- packages

-- Files of the house's apps, one row a content; the bytes lie in the data folder, in packages/<sha256>.
CREATE TABLE packages (
    id            TEXT PRIMARY KEY,
    app_id        TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    sha256        TEXT NOT NULL UNIQUE,               -- hexadecimal, and the name of the file
    file_name     TEXT NOT NULL,                      -- as devices are told it
    size_bytes    INTEGER NOT NULL,
    version       TEXT NOT NULL,
    stage         TEXT NOT NULL CHECK (stage IN ('kept', 'pilot', 'everyone')),
    facts         TEXT NOT NULL CHECK (json_valid(facts)),      -- what the file says of itself
    hashes        TEXT NOT NULL CHECK (json_valid(hashes)),     -- digests of the whole and of each chunk
    icon          BLOB,                               -- PNG
    created_by    TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX packages_app ON packages (app_id, created_at, id);
CREATE UNIQUE INDEX packages_stage ON packages (app_id, stage) WHERE stage <> 'kept';

-- How new versions of an app come to devices, and whether devices can fetch it at all.
CREATE TABLE package_rollouts (
    app_id         TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    pilot_group_id TEXT REFERENCES groups (id) ON DELETE SET NULL,
    checked_url    TEXT NOT NULL DEFAULT '',          -- the address of the server that was tried
    checked_at     INTEGER,
    problem        TEXT NOT NULL DEFAULT '',          -- in words; empty: it can be fetched
    due_at         INTEGER                            -- when it is tried next
) STRICT, WITHOUT ROWID;
CREATE INDEX package_rollouts_due ON package_rollouts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX package_rollouts_group ON package_rollouts (pilot_group_id) WHERE pilot_group_id IS NOT NULL;

-- Uploads under way; how far one is, is the length of its file.
CREATE TABLE package_uploads (
    id         TEXT PRIMARY KEY,
    file_name  TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256     TEXT NOT NULL DEFAULT '',              -- what it is to be, where that was said
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- provisioning profiles

CREATE TABLE provisioning_profiles (
    id          TEXT PRIMARY KEY,
    uuid        TEXT NOT NULL UNIQUE,                 -- by which devices know it
    name        TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    facts       TEXT NOT NULL CHECK (json_valid(facts)),
    content     BLOB NOT NULL,                        -- as Apple signed it
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX provisioning_profiles_name ON provisioning_profiles (name COLLATE NOCASE, id);
CREATE INDEX provisioning_profiles_ends ON provisioning_profiles (expires_at);
