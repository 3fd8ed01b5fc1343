-- How a device came in, and for which device a challenge was made where the device said so under Apple's signature.
ALTER TABLE challenges ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
ALTER TABLE challenges ADD COLUMN serial_number TEXT;
ALTER TABLE challenges ADD COLUMN udid TEXT;
ALTER TABLE enrollments ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));

-- Who has an account on a device that several share: a Shared iPad or a Mac, as it last said.
CREATE TABLE device_users (
    enrollment_id    TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    user_name        TEXT NOT NULL,
    full_name        TEXT,
    user_guid        TEXT,
    is_logged_in     INTEGER CHECK (is_logged_in IN (0, 1)),
    has_data_to_sync INTEGER CHECK (has_data_to_sync IN (0, 1)),
    data_used_bytes  INTEGER,
    data_quota_bytes INTEGER,
    has_secure_token INTEGER CHECK (has_secure_token IN (0, 1)),
    PRIMARY KEY (enrollment_id, user_name)
) STRICT, WITHOUT ROWID;
