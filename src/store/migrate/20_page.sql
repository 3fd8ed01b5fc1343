-- The few that make a device stand out: told to be lost, lost as it says, and updates that are not done.
CREATE INDEX commands_lost ON commands (enrollment_id, generation) WHERE request_type IN ('EnableLostMode', 'DisableLostMode');
CREATE INDEX devices_lost ON devices (id) WHERE facts ->> 'IsMDMLostModeEnabled' = 1;
CREATE INDEX update_states_open ON update_states (deadline_at, stage) WHERE stage NOT IN ('done', 'cannot', 'excepted');
