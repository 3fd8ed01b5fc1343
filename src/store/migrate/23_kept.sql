-- What an app or a policy comes to on ten thousand devices is counted along indices, and by what was found when they were last planned for.
DROP INDEX enrollments_device;
CREATE INDEX enrollments_device ON enrollments (device_id, parent_id, authenticated_at, id, state, left_at, push_dead_at, questions_due, last_seen_at, token_updated_at, kind, access_rights);
CREATE INDEX enrollments_whose ON enrollments (id, device_id, state);
CREATE INDEX devices_met ON devices (id, platform, os_version, supervised, facts ->> '$.IsMultiUser', security ->> '$.ManagementStatus.EnrolledViaDEP', deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX app_states_wanted ON app_states (stage, enrollment_id) WHERE wanted <> '';
CREATE INDEX plans_unable ON plans (enrollment_id) WHERE unable <> '[]';
