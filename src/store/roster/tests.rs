//! The roster on a store in memory: pages, filters, and how devices stand.

use std::collections::HashMap;

use super::*;
use crate::store::{OpenOptions, Store};

const SORTS: [Sort; 6] = [Sort::Name, Sort::Serial, Sort::Model, Sort::Os, Sort::LastSeen, Sort::Standing];

pub(crate) fn device(id: &str, name: &str) -> Device {
    Device {
        id: id.into(),
        serial_number: Some(format!("TESTSN{id}")),
        udid: Some(format!("UDID-{id}")),
        name: name.into(),
        model: String::new(),
        model_name: "iPad".into(),
        product_name: "iPad13,18".into(),
        os_version: "18.1".into(),
        build_version: String::new(),
        platform: Platform::Ios,
        supervised: None,
        practice: false,
        group_label: "7b".into(),
        person_label: String::new(),
        facts_at: None,
        security_at: None,
        refresh_due_at: None,
        deleted_at: None,
        created_at: Timestamp::from_seconds(1),
    }
}

#[test]
fn a_device_without_a_name_stands_where_what_it_is_shown_by_belongs() {
    let store = Store::open(OpenOptions::memory()).unwrap();
    store
        .write_blocking(Timestamp::from_seconds(1_795_000_000), |tx| {
            for (id, name) in [("1", "Zoë"), ("2", ""), ("3", "Atlas")] {
                devices::insert(tx, &device(id, name))?;
            }
            devices::insert(tx, &Device { serial_number: None, ..device("4", "") })?;
            let listed = list(tx, &Filter::default(), Sort::Name, false, None, 10)?;
            assert_eq!(listed.iter().map(|row| row.device.id.as_str()).collect::<Vec<_>>(), ["3", "2", "4", "1"]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn pages_follow_each_other_whatever_the_order() {
    let store = Store::open(OpenOptions::memory()).unwrap();
    let now = Timestamp::from_seconds(1_795_000_000);
    store
        .write_blocking(now, |tx| {
            for (id, name) in [("1", "b"), ("2", "a"), ("3", "B"), ("4", "100%"), ("5", "c")] {
                devices::insert(tx, &device(id, name))?;
            }
            for sort in SORTS {
                for descending in [false, true] {
                    let whole: Vec<_> = list(tx, &Filter::default(), sort, descending, None, 10)?;
                    let mut paged: Vec<Listed> = Vec::new();
                    loop {
                        let after = paged.last().map(|last| (last.sort_key.clone(), last.device.id.clone()));
                        let after = after.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
                        let page = list(tx, &Filter::default(), sort, descending, after, 2)?;
                        if page.is_empty() {
                            break;
                        }
                        paged.extend(page);
                    }
                    let ids = |rows: &[Listed]| rows.iter().map(|row| row.device.id.clone()).collect::<Vec<_>>();
                    assert_eq!(ids(&whole), ids(&paged), "{sort:?} {descending}");
                }
            }
            let found = Filter { search: "100%".into(), ..Filter::default() };
            assert_eq!(list(tx, &found, Sort::Name, false, None, 10)?.len(), 1, "a percent sign is a letter like others");
            assert_eq!(counts(tx, &Filter::default())?, [0, 0, 0, 5, 0]);
            assert_eq!(groups(tx)?, ["7b"]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_device_is_looked_for_in_its_cart_then_its_class_then_where_its_invitation_put_it_then_by_rule() {
    let store = Store::open(OpenOptions::memory()).unwrap();
    let work = |tx: &Tx| {
        for (id, label) in [("1", "Label"), ("2", "Label"), ("3", "Label"), ("4", ""), ("5", "")] {
            devices::insert(tx, &Device { group_label: label.into(), ..device(id, id) })?;
        }
        for sql in [
            "INSERT INTO groups (id, name, rule, created_at, changed_at) VALUES ('r', 'A rule', '\"everything\"', 1, 1), ('b', 'Cart B', NULL, 1, 1),
                 ('a', 'Cart A', NULL, 1, 1)",
            "INSERT INTO group_devices (group_id, device_id) VALUES ('r', '1'), ('r', '2'), ('r', '3'), ('r', '4'), ('a', '1'), ('b', '1')",
            "INSERT INTO people (id, name, created_at, changed_at) VALUES ('p', 'Kim', 1, 1)",
            "INSERT INTO classes (id, name, created_at, changed_at) VALUES ('c', '7b', 1, 1)",
            "INSERT INTO class_people (class_id, person_id) VALUES ('c', 'p')",
            "UPDATE devices SET person_id = 'p' WHERE id IN ('1', '2')",
        ] {
            tx.execute(sql, [])?;
        }
        let of_circle = |(circle, spots): Spots| spots.into_iter().filter_map(move |spot| Some((spot.device_id, circle.clone()?)));
        let found: HashMap<String, String> = spots(tx)?.into_iter().flat_map(of_circle).collect();
        let where_is = |id: &str| found.get(id).map(String::as_str);
        assert_eq!(["1", "2", "3", "4", "5"].map(where_is), [Some("Cart A"), Some("7b"), Some("Label"), Some("A rule"), None]);
        // What the head of a group on the roll leads to shows at least its devices.
        for (id, name) in &found {
            let filter = Filter { group: name.clone(), ..Filter::default() };
            assert!(list(tx, &filter, Sort::Name, false, None, 10)?.iter().any(|listed| listed.device.id == *id), "{id} in {name}");
        }
        Ok(())
    };
    store.write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap();
}

#[test]
fn a_page_walks_along_the_devices_once_and_else_looks_only_at_what_stands_out() {
    /// Indices of the few rows that make a device stand out.
    const FEW: [&str; 7] = [
        "commands_lost",
        "devices_lost",
        "moves_waiting",
        "deployments_problem",
        "app_states_trouble",
        "declaration_states_invalid",
        "update_states_open",
    ];
    /// What a statement has gathered itself.
    const GATHERED: [&str; 7] = ["refused", "troubles", "troubled", "lost", "lost_mode", "known", "chosen"];
    let store = Store::open(OpenOptions::memory()).unwrap();
    let work = |tx: &Tx| {
        devices::insert(tx, &device("1", "a"))?;
        let mut found = Vec::new();
        for search in ["", "a"] {
            for sort in SORTS {
                let filter = Filter { search: search.into(), ..Filter::default() };
                found.push(crate::store::plans::of(tx, || page(tx, &filter, sort, false, None, 50))?);
            }
        }
        Ok(found)
    };
    for plans in store.write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap() {
        assert_eq!(plans.statements.len(), 2, "one for how all stand, one for those of the page");
        let steps: Vec<_> = plans.scans.iter().filter_map(|scan| scan.split(':').next()).collect();
        let is_few = |step: &str| FEW.iter().any(|index| step.ends_with(&format!(" {index}")));
        let is_gathered = |step: &str| GATHERED.contains(&step.split(' ').nth(1).unwrap_or_default()) || step.starts_with("SCAN json_each");
        let walks: Vec<_> = steps.iter().filter(|step| !is_few(step) && !is_gathered(step)).collect();
        assert_eq!(walks, [&"SCAN devices USING COVERING INDEX devices_roster"], "{steps:#?}");
        let channel = "SEARCH channels USING COVERING INDEX enrollments_device";
        assert!(plans.steps.iter().any(|step| step.starts_with(channel)), "no row is read of all devices' channels: {:#?}", plans.steps);
    }
}

#[test]
fn what_runs_where_is_counted_without_a_look_at_what_devices_said() {
    let work = |tx: &Tx| crate::store::plans::of(tx, || crate::store::update_progress::alike(tx));
    let plans = Store::open(OpenOptions::memory()).unwrap().write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap();
    assert!(plans.steps.iter().any(|step| step.starts_with("SCAN devices USING") && step.ends_with("devices_alike")), "{:#?}", plans.steps);
    assert!(plans.steps.iter().any(|step| step.starts_with("SEARCH enrollments USING COVERING INDEX enrollments_device")));
}

#[test]
fn a_device_stands_as_its_newest_own_channel_does() {
    let store = Store::open(OpenOptions::memory()).unwrap();
    let work = |tx: &Tx| {
        for id in ["1", "2", "3", "4"] {
            devices::insert(tx, &device(id, id))?;
        }
        let channels = [
            ("1-old", "1", None, "left", Some(1)),
            ("1-new", "1", None, "enrolled", Some(2)),
            ("2-old", "2", None, "left", Some(5)),
            ("2-never", "2", None, "authenticated", None),
            ("3-a", "3", None, "left", Some(7)),
            ("3-b", "3", None, "enrolled", Some(7)),
            ("1-user", "1", Some("1-new"), "enrolled", Some(9)),
        ];
        for (id, device, parent, state, at) in channels {
            tx.execute(
                "INSERT INTO enrollments (id, device_id, parent_id, kind, nano_id, state, authenticated_at, last_seen_at, created_at)
                 VALUES (?1, ?2, ?3, 'device', ?1, ?4, ?5, ?6, 1)",
                (id, device, parent, state, at, tx.now),
            )?;
        }
        let all = list(tx, &Filter::default(), Sort::Name, false, None, 10)?;
        let stand: Vec<_> = all.iter().map(|listed| (listed.enrollment_id.as_deref(), listed.standing)).collect();
        assert_eq!(
            stand,
            [(Some("1-new"), Standing::Ok), (Some("2-old"), Standing::Problem), (Some("3-b"), Standing::Ok), (None, Standing::Problem)]
        );
        assert_eq!(counts(tx, &Filter::default())?, [2, 0, 0, 2, 0]);
        assert_eq!((total(tx, false)?, total(tx, true)?), (4, 0));
        // What becomes of a channel shows at once, in the list, in the numbers and on the roll.
        tx.execute("UPDATE enrollments SET last_seen_at = 1 WHERE id = '1-new'", [])?;
        tx.execute("UPDATE enrollments SET state = 'left' WHERE id = '3-b'", [])?;
        assert_eq!(page(tx, &Filter::default(), Sort::Name, false, None, 10)?.1, [0, 0, 1, 3, 0]);
        let rolled: Vec<_> = spots(tx)?.into_iter().flat_map(|(_, spots)| spots).map(|spot| (spot.device_id, spot.standing)).collect();
        assert!(
            rolled.contains(&(String::from("1"), Standing::Silent)) && rolled.contains(&(String::from("3"), Standing::Problem)),
            "{rolled:?}"
        );
        Ok(())
    };
    store.write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap();
}
