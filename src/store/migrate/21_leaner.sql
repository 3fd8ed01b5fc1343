-- What is due for a root is found by both; by the moment alone it was not, and all that know the root were gone through.
DROP INDEX known_roots_due;
CREATE INDEX known_roots_due ON known_roots (authority_id, due_at) WHERE due_at IS NOT NULL;

-- Nothing looks for these: whoever needs an end comes by what it belongs to.
DROP INDEX assignments_ends;
DROP INDEX update_exceptions_ends;

-- What a device did is found by way of the device: half of all events are that, and each was written a second time by the device's name.
DROP INDEX events_actor;
CREATE INDEX events_actor ON events (actor, seq) WHERE actor_kind <> 'device' OR device_id IS NULL;
