-- Lists go along an index that holds what they need of every row, and not through the rows: those of devices and enrollments are long.
DROP INDEX devices_roster;
CREATE INDEX devices_roster ON devices (id, name, practice, person_id, group_label, deleted_at, serial_number, udid, model, model_name, product_name, os_version, platform, person_label) WHERE deleted_at IS NULL;
DROP INDEX enrollments_device;
CREATE INDEX enrollments_device ON enrollments (device_id, parent_id, authenticated_at, id, state, left_at, push_dead_at, questions_due, last_seen_at, token_updated_at);

-- Which devices are alike, without reading all that each has said of itself.
CREATE INDEX devices_alike ON devices (platform, product_name, coalesce(facts ->> 'SoftwareUpdateDeviceID', ''), os_version, coalesce(facts ->> 'SupplementalOSVersionExtra', ''), build_version, model_name, id, deleted_at) WHERE deleted_at IS NULL;

CREATE INDEX people_name ON people (lower(name), id);
