-- The few that make a device stand out: told to be lost, lost as it says, and updates that are not done.
CREATE INDEX commands_lost ON commands (enrollment_id, generation) WHERE request_type IN ('EnableLostMode', 'DisableLostMode');
CREATE INDEX devices_lost ON devices (id) WHERE facts ->> 'IsMDMLostModeEnabled' = 1;
CREATE INDEX update_states_open ON update_states (deadline_at, stage) WHERE stage NOT IN ('done', 'cannot', 'excepted');

-- What the list of devices goes through for each device: its own columns that the list needs, its newest channel.
CREATE INDEX devices_roster ON devices (id, name, practice, person_id, group_label, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX devices_label ON devices (group_label, deleted_at) WHERE group_label <> '';
DROP INDEX enrollments_device;
CREATE INDEX enrollments_device ON enrollments (device_id, parent_id, authenticated_at);

-- What stands against an update has a kind; that of what was noted before is read off its words this once.
ALTER TABLE update_states ADD COLUMN inability TEXT NOT NULL DEFAULT 'other';
UPDATE update_states SET inability = CASE
    WHEN problem LIKE '%supervise%' THEN 'supervision'
    WHEN problem LIKE '%does not name this hardware%' THEN 'not_named'
    WHEN problem LIKE '%has not said%' OR problem LIKE '%has not been read%' THEN 'not_known'
    WHEN problem LIKE '%Apple offers%' OR problem LIKE '%Apple does not offer%' OR problem LIKE '%Apple signs%' THEN 'not_offered'
    WHEN problem LIKE 'quiet hours and holidays leave no time%' THEN 'no_time'
    ELSE 'other' END
WHERE stage = 'cannot';
