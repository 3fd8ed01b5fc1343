//! The roster on a store in memory: pages, filters, and how devices stand.

use std::collections::HashMap;

use super::*;
use crate::store::{OpenOptions, Store};

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
fn pages_follow_each_other_whatever_the_order() {
    let store = Store::open(OpenOptions::memory()).unwrap();
    let now = Timestamp::from_seconds(1_795_000_000);
    store
        .write_blocking(now, |tx| {
            for (id, name) in [("1", "b"), ("2", "a"), ("3", "B"), ("4", "100%"), ("5", "c")] {
                devices::insert(tx, &device(id, name))?;
            }
            for sort in [Sort::Name, Sort::Serial, Sort::Model, Sort::Os, Sort::LastSeen, Sort::Standing] {
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
        let found: HashMap<String, String> = spots(tx)?.into_iter().filter_map(|spot| Some((spot.device_id, spot.circle?))).collect();
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
    const GATHERED: [&str; 6] = ["troubles", "troubled", "lost", "lost_mode", "known", "chosen"];
    let store = Store::open(OpenOptions::memory()).unwrap();
    let work = |tx: &Tx| {
        devices::insert(tx, &device("1", "a"))?;
        crate::store::plans::of(tx, || page(tx, &Filter::default(), Sort::Name, false, None, 50))
    };
    let plans = store.write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap();
    assert_eq!(plans.statements.len(), 2, "one for how all stand, one for those of the page");
    let steps: Vec<_> = plans.scans.iter().filter_map(|scan| scan.split(':').next()).collect();
    let is_few = |step: &str| FEW.iter().any(|index| step.ends_with(&format!(" {index}")));
    let is_gathered = |step: &str| GATHERED.contains(&step.split(' ').nth(1).unwrap_or_default()) || step.starts_with("SCAN json_each");
    let walks: Vec<_> = steps.iter().filter(|step| !is_few(step) && !is_gathered(step)).collect();
    assert_eq!(walks, [&"SCAN devices USING COVERING INDEX devices_roster"], "{steps:#?}");
}
