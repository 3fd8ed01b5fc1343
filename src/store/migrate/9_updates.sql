-- ---------------------------------------------------------------- updates

-- What Apple's lookup service lists, and what it listed before.
CREATE TABLE releases (
    platform     TEXT NOT NULL,                     -- as listed: iOS (with tvOS and watchOS), macOS, visionOS
    version      TEXT NOT NULL,                     -- "26.1"
    extra        TEXT NOT NULL DEFAULT '',          -- letters of a background security improvement: "a"
    build        TEXT NOT NULL DEFAULT '',
    prerequisite TEXT NOT NULL DEFAULT '',          -- the build that a device must run to take it
    offers       TEXT NOT NULL CHECK (json_valid(offers)),     -- to which devices, in which list, posted and expiring when
    appeared_at  INTEGER NOT NULL,
    vanished_at  INTEGER,                           -- not listed any more
    PRIMARY KEY (platform, version, extra, build, prerequisite)
) STRICT, WITHOUT ROWID;

-- The listed releases by device, for those that ask by it; device '': Apple did not say for which.
CREATE TABLE release_devices (
    platform     TEXT NOT NULL,
    device       TEXT NOT NULL,                     -- product name, board identifier of a Mac
    version      TEXT NOT NULL,
    extra        TEXT NOT NULL,
    build        TEXT NOT NULL,
    prerequisite TEXT NOT NULL,
    posted       TEXT,                              -- the first day of all lists
    expires      TEXT,                              -- the last day of all lists; NULL: it does not end
    managed      INTEGER NOT NULL CHECK (managed IN (0, 1)),   -- in the list for managed devices
    PRIMARY KEY (platform, device, version, extra, build, prerequisite)
) STRICT, WITHOUT ROWID;
CREATE INDEX release_devices_release ON release_devices (platform, version, extra, build, prerequisite);

-- What is intended: which release, where, by when.
CREATE TABLE update_plans (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note            TEXT NOT NULL DEFAULT '',
    rules           TEXT NOT NULL CHECK (json_valid(rules)),   -- target, rings, deadline, quiet hours …
    stopped_at      INTEGER,                        -- nothing more is begun
    stopped_because TEXT NOT NULL DEFAULT '',
    revision        INTEGER NOT NULL DEFAULT 1,
    created_by      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL
) STRICT;

-- The groups of each ring; of several rings a device is in the first.
CREATE TABLE update_rings (
    plan_id  TEXT NOT NULL REFERENCES update_plans (id) ON DELETE CASCADE,
    ring     INTEGER NOT NULL,                      -- from 0
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (plan_id, ring, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_rings_group ON update_rings (group_id);

-- Devices that a plan leaves alone, for a reason and a while.
CREATE TABLE update_exceptions (
    plan_id    TEXT NOT NULL REFERENCES update_plans (id) ON DELETE CASCADE,
    device_id  TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    reason     TEXT NOT NULL,
    ends_at    INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (plan_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_exceptions_device ON update_exceptions (device_id);
CREATE INDEX update_exceptions_ends ON update_exceptions (ends_at) WHERE ends_at IS NOT NULL;

-- How each plan stands on each enrollment of its scope; plan '': what was started by hand.
CREATE TABLE update_states (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    plan_id       TEXT NOT NULL,
    ring          INTEGER NOT NULL DEFAULT 0,
    version       TEXT NOT NULL DEFAULT '',         -- of the release that is meant, with its letters; '': none
    build         TEXT NOT NULL DEFAULT '',
    mechanism     TEXT NOT NULL CHECK (mechanism IN ('command', 'declaration')),
    action        TEXT NOT NULL CHECK (action IN ('download', 'notify', 'later', 'install', 'force')),
    deadline      TEXT NOT NULL DEFAULT '',         -- on the device's own clock
    deadline_at   INTEGER,                          -- the same as a moment
    stage         TEXT NOT NULL,
    problem       TEXT NOT NULL DEFAULT '',         -- why it stands so, in words
    percent       INTEGER,                          -- of the download
    product_key   TEXT NOT NULL DEFAULT '',         -- by which commands name it
    scheduled     TEXT NOT NULL DEFAULT '',         -- the InstallAction that the device took last
    asked         TEXT NOT NULL DEFAULT '',         -- what the command that is under way does
    command_uuid  TEXT COLLATE NOCASE,
    attempts      INTEGER NOT NULL DEFAULT 0,       -- failures in a row
    unmoved       INTEGER NOT NULL DEFAULT 0,       -- questions in a row that showed no progress
    due_at        INTEGER,                          -- not tried or asked again before
    ordered_by    TEXT NOT NULL DEFAULT '',         -- who started it by hand
    begun_at      INTEGER,                          -- its turn came
    done_at       INTEGER,
    changed_at    INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, plan_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_states_plan ON update_states (plan_id, stage);
CREATE INDEX update_states_command ON update_states (command_uuid) WHERE command_uuid IS NOT NULL;

-- What AvailableOSUpdates said last.
CREATE TABLE update_offers (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    offers        TEXT NOT NULL CHECK (json_valid(offers)),
    at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One line for each device and release that a plan brought, or tried to: what a burn-down is drawn from.
CREATE TABLE update_runs (
    id         INTEGER PRIMARY KEY,
    plan_id    TEXT NOT NULL REFERENCES update_plans (id) ON DELETE CASCADE,
    device_id  TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    ring       INTEGER NOT NULL,
    version    TEXT NOT NULL,
    begun_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    outcome    TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'done', 'replaced', 'withdrawn')),
    failures   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX update_runs_plan ON update_runs (plan_id, begun_at);
CREATE INDEX update_runs_ended ON update_runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX update_runs_open ON update_runs (plan_id, device_id) WHERE ended_at IS NULL;

-- How many devices ran which version on a day.
CREATE TABLE os_census (
    day      TEXT NOT NULL,
    platform TEXT NOT NULL,
    version  TEXT NOT NULL,
    devices  INTEGER NOT NULL,
    PRIMARY KEY (day, platform, version)
) STRICT, WITHOUT ROWID;
