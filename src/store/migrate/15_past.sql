-- What apps were to know until a moment ago.
-- What apps were to know before: for devices that fetch it a moment after it was replaced.
CREATE TABLE past_configurations (
    app_id               TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    replaced_at          INTEGER NOT NULL,
    configuration_sealed BLOB NOT NULL,
    UNIQUE (app_id, replaced_at)
) STRICT;
