//! What came of an intent, on a store in memory.

use super::*;
use crate::clock::Timestamp;
use crate::store::meetings::tests::device;
use crate::store::profiles::tests::group;
use crate::store::{OpenOptions, Store};

/// Something that an enrollment refused, of this item.
pub(crate) fn refused(tx: &Tx, enrollment_id: &str, kind: AssignedKind, id: &str) -> Result<()> {
    let origins = format!(r#"[{{"kind":"{kind}",{},"name":"Exam"}}]"#, named(id));
    tx.execute(
        "INSERT INTO deployments (enrollment_id, key, mechanism, wanted, sent, problem, origins, changed_at)
         VALUES (?1, 'profile:of ' || ?2, 'command', 'a', 'a', 'It is malformed.', ?3, ?4)",
        (enrollment_id, id, origins, tx.now),
    )?;
    Ok(())
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// A profile of an item on an enrollment, as far as this.
fn profile(tx: &Tx, enrollment_id: &str, id: &str, state: ProfileState) -> Result<()> {
    let (sent, seen, problem) = match state {
        ProfileState::Installed => ("a", "a", ""),
        ProfileState::Installing => ("a", "", ""),
        ProfileState::Failed => ("a", "", "It is malformed."),
        _ => ("", "", ""),
    };
    tx.execute(
        "INSERT INTO deployments (enrollment_id, key, mechanism, wanted, sent, seen, problem, origins, changed_at)
         VALUES (?1, 'profile:of ' || ?2, 'command', 'a', ?3, ?4, ?5, ?6, ?7)",
        (enrollment_id, id, sent, seen, problem, format!("[{{{}}}]", named(id)), tx.now),
    )?;
    Ok(())
}

/// A declaration of an item on an enrollment, as far as this.
fn declaration(tx: &Tx, enrollment_id: &str, id: &str, state: ProfileState) -> Result<()> {
    let (valid, active) = match state {
        ProfileState::Installed => ("valid", true),
        ProfileState::Waiting => ("valid", false),
        ProfileState::Failed => ("invalid", false),
        _ => ("unknown", false),
    };
    tx.execute(
        "INSERT INTO declared (enrollment_id, identifier, kind, server_token, origins) VALUES (?1, 'of ' || ?2, 'configuration', 't', ?3)",
        (enrollment_id, id, format!("[{{{}}}]", named(id))),
    )?;
    tx.execute(
        "INSERT INTO declaration_states (enrollment_id, identifier, kind, server_token, active, valid) VALUES (?1, 'of ' || ?2, 'configuration', 't', ?3, ?4)",
        (enrollment_id, id, active, valid),
    )?;
    Ok(())
}

/// Thirty devices that are to have `p`, a few of which are to have `q` too, with what is known of each; the name sorts as the number.
fn school(tx: &Tx) -> Result<Vec<(String, &'static str, ProfileState)>> {
    group(tx, "many", "Many", &[])?;
    group(tx, "few", "Few", &[])?;
    group(tx, "none", "None", &[])?;
    for (item, of) in [("p", "many"), ("q", "few")] {
        tx.execute(
            "INSERT INTO assignments (id, kind, item_id, group_id, created_by, created_at) VALUES (?1, 'policy', ?1, ?2, '', 1)",
            (item, of),
        )?;
    }
    let mut known = Vec::new();
    for at in 0..40_usize {
        let (id, is_meant) = (format!("d{at:02}"), at < 30);
        let enrollment = format!("e-{id}");
        device(tx, &id, &format!("iPad {at:02}"), "18.1", if is_meant { "many" } else { "none" })?;
        tx.execute("INSERT INTO plans (enrollment_id, generation) VALUES (?1, 1)", [&enrollment])?;
        let (one, other) = (STATES[at % 4], STATES[at / 4 % 4]);
        profile(tx, &enrollment, "p", one)?;
        declaration(tx, &enrollment, "p", other)?;
        if at % 10 == 3 {
            profile(tx, &enrollment, "q", one)?;
            tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES ('few', ?1)", [&id])?;
            known.push((enrollment.clone(), "q", one));
        }
        // What is not for it any more, or not managed any more, does not count, whatever was sent.
        if is_meant && at != 7 {
            let worst = STATES.into_iter().find(|state| [one, other].contains(state)).unwrap();
            known.push((enrollment.clone(), "p", worst));
        }
    }
    tx.execute("UPDATE enrollments SET state = 'left' WHERE id = 'e-d07'", [])?;
    Ok(known)
}

#[test]
fn what_is_found_in_one_walk_is_what_one_by_one_comes_to() {
    let work = |tx: &Tx| {
        let known = school(tx)?;
        assert!(is_for_many(tx, AssignedKind::Policy, "p")? && !is_for_many(tx, AssignedKind::Policy, "q")?, "both ways are gone");
        for item in ["p", "q"] {
            let mut all: Vec<(ProfileState, String)> =
                known.iter().filter(|(_, of, _)| *of == item).map(|(enrollment, _, state)| (*state, enrollment.clone())).collect();
            let place = |state: ProfileState| STATES.iter().position(|known| *known == state);
            all.sort_by_key(|(state, enrollment)| (place(*state), enrollment.clone()));
            let counted = STATES.map(|state| (state, all.iter().filter(|(known, _)| *known == state).count() as u64));
            let counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
            assert_eq!(counts(tx, AssignedKind::Policy, item)?, counted, "{item}");
            let mut paged = Vec::new();
            for from in (0..40).step_by(7) {
                let part = part(tx, AssignedKind::Policy, item, None, (from, 7))?;
                assert_eq!(part.counts, counted, "{item}");
                paged.extend(part.rows.into_iter().map(|row| (row.state, row.enrollment_id)));
            }
            assert_eq!(paged, all, "{item}");
            let failed = part(tx, AssignedKind::Policy, item, Some(ProfileState::Failed), (0, 40))?.rows;
            assert_eq!(failed.len(), all.iter().filter(|(state, _)| *state == ProfileState::Failed).count());
            assert!(failed.iter().all(|row| !row.because.is_empty()), "{failed:?}");
        }
        Ok(())
    };
    Store::open(OpenOptions::memory()).unwrap().write_blocking(NOW, work).unwrap();
}
