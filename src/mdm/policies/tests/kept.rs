//! Policies made, changed, assigned and deleted.

use super::*;

#[test]
fn a_policy_is_made_changed_and_deleted_by_those_who_configure() {
    let school = School::new();
    let new = |name: &str| NewPolicy {
        name: name.into(),
        settings: json!({ "no_camera": true }).as_object().unwrap().clone(),
        ..NewPolicy::default()
    };
    let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
    let wish = new("Exam");
    assert_eq!(school.try_write(move |tx| create(tx, &viewer, &wish)).unwrap_err().kind, Kind::Forbidden);
    let policy = make(&school, " Exam ", json!({ "no_camera": true }));
    assert_eq!((policy.name.as_str(), policy.revision), ("Exam", 1));
    let wish = new("EXAM");
    let taken = school.try_write(move |tx| create(tx, &Actor::Console, &wish)).unwrap_err();
    assert_eq!((taken.kind, taken.fields[0].field.as_str()), (Kind::Conflict, "name"));
    let bad = NewPolicy {
        name: String::new(),
        note: "x".repeat(NOTE_MAX_CHARS + 1),
        settings: json!({ "nonsense": 1 }).as_object().unwrap().clone(),
    };
    let refused = school.try_write(move |tx| create(tx, &Actor::Console, &bad)).unwrap_err();
    assert_eq!(refused.fields.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["name", "note", "settings.nonsense"]);
    let change = |id: &str, change: PolicyChange| {
        let id = id.to_owned();
        school.try_write(move |tx| update(tx, &Actor::Console, &id, &change))
    };
    let same = change(&policy.id, PolicyChange { name: Some("Exam".into()), ..PolicyChange::default() }).unwrap();
    assert_eq!(same.revision, 1, "what changes nothing is no revision");
    let renamed = change(&policy.id, PolicyChange { name: Some("exam".into()), revision: Some(1), ..PolicyChange::default() }).unwrap();
    assert_eq!((renamed.name.as_str(), renamed.revision), ("exam", 2));
    let stale = change(&policy.id, PolicyChange { note: Some("x".into()), revision: Some(1), ..PolicyChange::default() }).unwrap_err();
    assert_eq!(stale.kind, Kind::Conflict);
    let nothing = change(&policy.id, PolicyChange { settings: Some(Map::new()), ..PolicyChange::default() }).unwrap_err();
    assert_eq!(nothing.fields[0].field, "settings");
    let id = policy.id.clone();
    school.write(move |tx| delete(tx, &Actor::Console, &id));
    let id = policy.id;
    assert_eq!(school.try_write(move |tx| delete(tx, &Actor::Console, &id)).unwrap_err().kind, Kind::NotFound);
    assert_eq!(school.write(|tx| list(tx, &Actor::Console, None, 10)), (vec![], 0));
}

#[test]
fn a_policy_is_assigned_to_groups_that_exist_and_leaves_them_when_it_is_deleted() {
    let school = School::new();
    let policy = make(&school, "Exam", json!({ "no_camera": true }));
    let id = policy.id.clone();
    let unknown = school.try_write(move |tx| assign(tx, &Actor::Console, &id, "nowhere", None)).unwrap_err();
    assert_eq!(unknown.kind, Kind::NotFound);
    school.write(|tx| policies::tests::group(tx, "g1", "Cart A"));
    assert_eq!(school.write(groups::all).len(), 1);
    let id = policy.id.clone();
    school.write(move |tx| assign(tx, &Actor::Console, &id, "g1", None));
    let id = policy.id.clone();
    let shown = school.write(move |tx| super::groups(tx, &Actor::Console, &id));
    assert_eq!((shown.len(), shown[0].name.as_str(), shown[0].devices), (1, "Cart A", 0));
    let id = policy.id.clone();
    school.write(move |tx| delete(tx, &Actor::Console, &id));
    let left = school.write(|tx| crate::store::assignments::of_group(tx, "g1"));
    assert_eq!(left, []);
}

#[test]
fn there_are_no_more_policies_than_the_limit() {
    let school = School::new();
    school.write(|tx| {
        for at in 0..POLICIES_MAX {
            let settings = json!({ "no_camera": true }).as_object().unwrap().clone();
            let new = Policy {
                id: tx.new_id(),
                name: format!("p{at}"),
                note: String::new(),
                settings,
                revision: 1,
                created_at: tx.now,
                changed_at: tx.now,
            };
            policies::insert(tx, &new)?;
        }
        Ok(())
    });
    let new =
        NewPolicy { name: "one more".into(), settings: json!({ "no_camera": true }).as_object().unwrap().clone(), ..NewPolicy::default() };
    assert_eq!(school.try_write(move |tx| create(tx, &Actor::Console, &new)).unwrap_err().kind, Kind::Conflict);
    let named = |after: Option<&'static str>| {
        school.write(move |tx| policies::list(tx, after, 2)).into_iter().map(|policy| policy.name).collect::<Vec<_>>()
    };
    assert_eq!((named(None), named(Some("P1"))), (vec!["p0".into(), "p1".into()], vec!["p10".into(), "p100".into()]));
}

#[test]
fn whoever_has_a_policy_is_planned_for_anew_when_it_changes() {
    let school = School::new();
    school.enrolled("A-1");
    school.write(|tx| {
        let device_id = crate::store::enrollments::by_nano_id(tx, "A-1")?.unwrap().device_id;
        policies::tests::group(tx, "g1", "Cart A")?;
        policies::tests::put_in(tx, "g1", &device_id)
    });
    let policy = make(&school, "Exam", json!({ "no_camera": true }));
    let due = || school.write(policies::tests::due);
    let plan = || {
        school.write(|tx| {
            let id = crate::store::enrollments::by_nano_id(tx, "A-1")?.unwrap().id;
            crate::mdm::reconcile::plan(tx, &id)
        });
    };
    plan();
    assert_eq!(due(), 0);
    let id = policy.id.clone();
    school.write(move |tx| assign(tx, &Actor::Console, &id, "g1", None));
    assert_ne!(due(), 0);
    for at in 0..2 {
        plan();
        assert_eq!(due(), 0);
        let id = policy.id.clone();
        let change = PolicyChange { note: Some(format!("note {at}")), ..PolicyChange::default() };
        school.write(move |tx| update(tx, &Actor::Console, &id, &change));
        assert_ne!(due(), 0);
    }
}
