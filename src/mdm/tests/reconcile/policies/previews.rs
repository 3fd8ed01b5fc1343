//! What a preview says of policies, profiles and apps, beside what is then done.

use super::*;

#[test]
fn the_preview_equals_the_deed_and_changes_nothing() {
    for os_version in ["12.5.7", "15.8", "17.0", "18.1", "27.1"] {
        let school = School::new();
        let (device, policy_id) = with_policy(&school, os_version);
        let device_id = device.enrollment().device_id;
        let thought = |add: bool| {
            let named = vec![Named { kind: AssignedKind::Policy, id: policy_id.clone(), mode: None, ends_at: None }];
            let (groups, from) = (vec!["g1".to_owned()], vec!["g1".to_owned()]);
            let thought = if add {
                Thought { add: named, groups, ..Thought::default() }
            } else {
                Thought { remove: named, removed_from: from, ..Thought::default() }
            };
            school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought))
        };
        let foreseen = thought(true);
        assert_eq!(foreseen, thought(true), "looking changes nothing");
        let things: Vec<_> = foreseen.items[0].things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect();
        let enrollment = device.enrollment();
        school.write({
            let id = enrollment.id.clone();
            move |tx| reconcile::plan(tx, &id)
        });
        let standings = school.write(move |tx| reconcile::standing(tx, &enrollment));
        let planned: Vec<_> = standings.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect();
        assert_eq!(things, planned, "{os_version}");
        assert_eq!(foreseen.items[0].unable, standings.unable, "{os_version}");
        assert_eq!(foreseen.items[0].device_id, device_id);
        let back = thought(false);
        assert!(back.items[0].things.iter().all(|thing| thing.foreseen != Foreseen::Sent), "{os_version}: {back:?}");
    }
}

#[test]
fn what_is_sent_anew_because_something_is_taken_out_of_it_counts_in_the_preview() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "15.8");
    let camera = school.write(|tx| {
        let settings = json!({ "no_camera": true }).as_object().unwrap().clone();
        let camera = policies::create(tx, &Actor::Console, &NewPolicy { name: "Camera".into(), settings, ..NewPolicy::default() })?.id;
        policies::assign(tx, &Actor::Console, &camera, "g1", None)?;
        Ok(camera)
    });
    let id = device.enrollment().id;
    school.write(move |tx| reconcile::plan(tx, &id));
    let without = |id: &str| {
        let remove = vec![Named { kind: AssignedKind::Policy, id: id.to_owned(), mode: None, ends_at: None }];
        let thought = Thought { remove, removed_from: vec!["g1".to_owned()], ..Thought::default() };
        let foreseen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought));
        (foreseen.by_command, foreseen.by_declaration, foreseen.removed)
    };
    assert_eq!(without(&camera), (0, 0, 0), "the other one wants the same");
    assert_eq!(without(&policy_id), (1, 0, 0), "what is left of the restrictions");
}

#[test]
fn the_preview_of_what_ends_by_itself_equals_the_deed_for_policies_profiles_and_apps() {
    for os_version in ["12.5.7", "15.8", "18.1", "27.1"] {
        let school = School::new();
        let (device, lasting) = with_policy(&school, os_version);
        let end = school.clock.now().plus(days(2));
        let items = school.write(move |tx| {
            let settings = json!({ "no_siri": true, "no_camera": true, "app_block_list": ["com.b.c"] }).as_object().unwrap().clone();
            let exam = policies::create(tx, &Actor::Console, &NewPolicy { name: "Exam room".into(), settings, ..NewPolicy::default() })?.id;
            let wifi = profiles::recognise(profile("school.example.wifi", &[payload("com.apple.webClip.managed", "a", &[])]))?;
            let wifi = profiles::create(tx, &Actor::Console, &wifi, "", "")?.profile.id;
            let app = crate::mdm::apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
            Ok([(AssignedKind::Policy, exam), (AssignedKind::Profile, wifi), (AssignedKind::App, app.id), (AssignedKind::Policy, lasting)])
        });
        let named = |(kind, id): &(AssignedKind, String)| Named { kind: *kind, id: id.clone(), mode: None, ends_at: Some(end) };
        let thought = Thought { add: items.iter().map(named).collect(), groups: vec!["g1".into()], ..Thought::default() };
        let foreseen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).items.remove(0);
        let enrollment = device.enrollment();
        school.write({
            let enrollment = enrollment.clone();
            move |tx| {
                let [(_, exam), (_, wifi), (_, app), (_, lasting)] = &items;
                policies::assign(tx, &Actor::Console, exam, "g1", Some(end))?;
                policies::assign(tx, &Actor::Console, lasting, "g1", Some(end))?;
                profiles::assign(tx, &Actor::Console, wifi, "g1", Some(end))?;
                crate::mdm::apps::assign(tx, &Actor::Console, app, "g1", AssignedMode::Required, Some(end))?;
                reconcile::plan(tx, &enrollment.id)
            }
        });
        let standings = school.write(move |tx| reconcile::standing(tx, &enrollment));
        let sorted = |mut names: Vec<(String, Mechanism)>| {
            names.sort_by(|one, other| one.0.cmp(&other.0));
            names
        };
        let things = sorted(foreseen.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect());
        let planned = sorted(standings.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect());
        assert_eq!(things, planned, "{os_version}");
        assert_eq!(foreseen.unable, standings.unable, "{os_version}");
        let until = format!("org.rollcall.policies.restrictions.until-{}", end.seconds());
        assert!(things.iter().any(|(identifier, _)| *identifier == until), "{os_version}: {things:?}");
        assert!(
            !things.iter().any(|(identifier, _)| identifier == "org.rollcall.policies.restrictions"),
            "{os_version}: its end is a new one"
        );
    }
}

#[test]
fn an_end_that_is_over_or_has_no_place_is_refused_by_the_preview() {
    let school = School::new();
    let (_, policy) = with_policy(&school, "18.1");
    let named = |kind, ends_at| vec![Named { kind, id: policy.clone(), mode: None, ends_at: Some(ends_at) }];
    let (now, later) = (school.clock.now(), school.clock.now().plus(days(1)));
    let group = || vec![String::from("g1")];
    for (thought, field) in [
        (Thought { add: named(AssignedKind::Policy, now), groups: group(), ..Thought::default() }, "add"),
        (Thought { add: named(AssignedKind::Declaration, later), groups: group(), ..Thought::default() }, "add"),
        (Thought { remove: named(AssignedKind::Policy, later), removed_from: group(), ..Thought::default() }, "remove"),
    ] {
        let refused = school.try_write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).unwrap_err();
        assert_eq!((refused.fields[0].field.as_ref(), refused.fields[0].message.contains("ends_at") || field == "add"), (field, true));
    }
}
