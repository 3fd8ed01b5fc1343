//! What came of a policy on a device that has several things by it.

use super::*;

#[test]
fn of_what_a_policy_makes_the_worst_is_told() {
    let school = School::new();
    let (device, _) = with_policy(&school, "18.1");
    let policy_id = school.write(|tx| {
        let settings = json!({ "hold_updates": 14 }).as_object().unwrap().clone();
        let policy = policies::create(tx, &Actor::Console, &NewPolicy { name: "Updates".into(), settings, ..NewPolicy::default() })?;
        policies::assign(tx, &Actor::Console, &policy.id, "g1", None)?;
        Ok(policy.id)
    });
    let outcome = || {
        let id = policy_id.clone();
        let outcomes = school.write(move |tx| reconcile::outcomes(tx, &Actor::Console, AssignedKind::Policy, &id));
        assert_eq!(outcomes.counts, [(outcomes.rows[0].state, 1)]);
        (outcomes.rows[0].state, outcomes.rows[0].because.clone())
    };
    device.answer_everything();
    device.declarative("status", Some(&device.everything_applied()));
    assert_eq!(outcome(), (ProfileState::Installed, String::new()));
    let applied = device.everything_applied();
    let count = applied["StatusItems"]["management"]["declarations"]["configurations"].as_array().unwrap().len();
    assert!(count > 1, "{applied}");
    for at in 0..count {
        let mut report = applied.clone();
        let own = &mut report["StatusItems"]["management"]["declarations"]["configurations"][at];
        if own["identifier"] == "org.rollcall.status" {
            continue;
        }
        (own["valid"], own["active"]) = (json!("invalid"), json!(false));
        device.declarative("status", Some(&report));
        let (state, because) = outcome();
        assert!(state == ProfileState::Failed && because.contains("refused"), "{at}: {state:?} {because}");
        let mut report = applied.clone();
        report["StatusItems"]["management"]["declarations"]["configurations"][at]["active"] = json!(false);
        device.declarative("status", Some(&report));
        let (state, because) = outcome();
        assert!(state == ProfileState::Waiting && because.contains("not in effect"), "{at}: {state:?} {because}");
    }
}

#[test]
fn what_no_device_has_fetched_yet_waits_and_is_not_said_to_be_installing() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "15.8");
    let state = || {
        let id = policy_id.clone();
        let outcomes = school.write(move |tx| reconcile::outcomes(tx, &Actor::Console, AssignedKind::Policy, &id));
        assert_eq!(outcomes.counts, [(outcomes.rows[0].state, 1)]);
        outcomes.rows[0].state
    };
    school.write(|tx| reconcile::plan_page(tx, reconcile::Carried::default()));
    assert_eq!(state(), ProfileState::Waiting, "it is queued, and the device is off");
    device.is_asked("InstallProfile");
    assert_eq!(state(), ProfileState::Installing, "the device was handed it");
}
