//! How devices stand, in SQL: the one place that says what is a problem, what waits, and what is lost.

/// Every device in view with the newest of its own channels; the parameter `?1` is the present moment.
///
/// Along the whole roster SQLite reads two indices and no rows, which are long: `devices_roster` and `enrollments_device` hold what is needed of each.
/// What of profiles, apps and updates comes by declarations is told by their own tables. The casts let SQLite find a channel among many by an index
/// of its own, and the cross joins keep it from walking through all channels where only a few are in trouble. Lost Mode: what a device was told last
/// and what it confirmed last, unless it has reported something else since, as [`crate::mdm::lost`] has it for one.
pub(super) const ROSTER: &str = "
    WITH refused AS (
        SELECT enrollment_id FROM deployments WHERE problem <> '' AND wanted <> '' AND seen <> wanted
        UNION ALL
        SELECT enrollment_id FROM declaration_states AS said JOIN declared USING (enrollment_id, identifier, server_token)
        WHERE said.valid = 'invalid' AND identifier NOT GLOB 'org.rollcall.profile.*' AND identifier NOT GLOB 'org.rollcall.app.*'
          AND identifier NOT GLOB 'org.rollcall.update*'
    ), troubles AS (
        SELECT enrollment_id, 'setting' AS what FROM refused
        UNION ALL
        SELECT enrollment_id, CASE WHEN stage IN ('failed', 'stuck') THEN 'app' ELSE 'lack' END FROM app_states
        WHERE stage IN ('failed', 'stuck', 'no_licence', 'lacking') AND wanted <> '' AND mode = 'required'
        UNION ALL
        SELECT enrollment_id, CASE WHEN deadline_at <= ?1 THEN 'late' ELSE 'update' END FROM update_states
        WHERE stage NOT IN ('done', 'cannot', 'excepted') AND (deadline_at <= ?1 OR stage = 'failed')
    ), troubled AS (
        SELECT CAST(coalesce(parent_id, id) AS TEXT) AS channel_id, sum(what NOT IN ('lack', 'late')) AS failed, sum(what = 'lack') AS lacking,
               max(what = 'late') AS overdue
        FROM troubles CROSS JOIN enrollments ON enrollments.id = enrollment_id WHERE state = 'enrolled' GROUP BY 1
    ), lost_mode AS (
        SELECT enrollment_id, generation,
               max(CASE WHEN request_type = 'EnableLostMode' AND finished_at IS NULL THEN seq END) AS asked,
               max(CASE WHEN request_type = 'DisableLostMode' AND finished_at IS NULL THEN seq END) AS recalled,
               max(CASE WHEN request_type = 'EnableLostMode' AND state = 'acknowledged' THEN printf('%020d %020d', finished_at, seq) END) AS begun,
               max(CASE WHEN request_type = 'DisableLostMode' AND state = 'acknowledged' THEN printf('%020d %020d', finished_at, seq) END) AS ended,
               max(CASE WHEN state = 'acknowledged' THEN finished_at END) AS confirmed_at
        FROM commands WHERE request_type IN ('EnableLostMode', 'DisableLostMode') GROUP BY enrollment_id, generation
    ), lost AS (
        SELECT id AS channel_id, CASE WHEN is_on THEN 'on' ELSE 'asked' END AS lost FROM (
            SELECT enrollments.id, coalesce(asked > coalesce(recalled, 0), 0) AS is_asked,
                   CASE WHEN facts_at >= coalesce(authenticated_at, 0) AND facts_at > coalesce(confirmed_at, -1) AND facts ->> 'IsMDMLostModeEnabled' IS NOT NULL
                        THEN facts ->> 'IsMDMLostModeEnabled' ELSE coalesce(begun, '') > coalesce(ended, '') END AS is_on
            FROM (SELECT enrollment_id FROM lost_mode UNION
                  SELECT enrollments.id FROM devices CROSS JOIN enrollments ON device_id = devices.id WHERE facts ->> 'IsMDMLostModeEnabled' = 1) AS known
            CROSS JOIN enrollments ON enrollments.id = known.enrollment_id CROSS JOIN devices ON devices.id = device_id
            LEFT JOIN lost_mode ON lost_mode.enrollment_id = enrollments.id AND lost_mode.generation = enrollments.generation
            WHERE parent_id IS NULL AND state = 'enrolled'
        ) WHERE is_asked OR is_on
    ), roster AS (
        SELECT devices.*, channels.id AS enrollment_id, channels.state AS enrollment_state, channels.push_error,
               CASE WHEN channels.id IN (SELECT enrollment_id FROM moves WHERE bound_at IS NULL) THEN channels.last_seen_at ELSE
               nullif(max(coalesce(channels.last_seen_at, 0), coalesce(channels.authenticated_at, 0)), 0) END AS last_seen_at,
               (SELECT count(*) FROM commands WHERE commands.enrollment_id = channels.id AND commands.finished_at IS NULL) AS waiting,
               CASE WHEN channels.id IN (SELECT channel_id FROM lost) THEN 'lost'
                    WHEN channels.state = 'retired' THEN CASE WHEN channels.left_at IS NULL THEN 'waiting' ELSE 'silent' END
                    WHEN channels.id IS NULL OR channels.state IN ('left', 'erased') OR channels.push_dead_at IS NOT NULL THEN 'problem'
                    WHEN channels.state = 'authenticated' OR channels.id IN (SELECT enrollment_id FROM moves WHERE bound_at IS NULL) THEN 'waiting'
                    WHEN coalesce(channels.last_seen_at, 0) < ?1 - 604800000 THEN 'silent'
                    WHEN channels.id IN (SELECT channel_id FROM troubled WHERE failed OR overdue) THEN 'problem'
                    WHEN channels.questions_due OR channels.id IN (SELECT channel_id FROM troubled)
                      OR EXISTS (SELECT 1 FROM commands WHERE commands.enrollment_id = channels.id AND commands.finished_at IS NULL)
                    THEN 'waiting'
                    ELSE 'ok' END AS standing
        FROM devices INDEXED BY devices_roster
        LEFT JOIN enrollments AS channels ON channels.device_id = devices.id AND channels.parent_id IS NULL
            AND NOT EXISTS (SELECT 1 FROM enrollments AS newer WHERE newer.device_id = channels.device_id AND newer.parent_id IS NULL
                            AND (coalesce(newer.authenticated_at, -1), newer.id) > (coalesce(channels.authenticated_at, -1), channels.id))
        WHERE deleted_at IS NULL
    )";
