//! The audit log: who did what to which device, and whose deeds are shown.

use serde_json::json;

use super::House;
use crate::mdm::Role;
use crate::store::events::{self, NewEvent};

async fn log() -> (House, String) {
    let house = House::new();
    house.device("1", "iPad <A>").await;
    house
        .write(|tx| {
            let event = |kind, actor_kind, actor| NewEvent { kind, actor_kind, actor, device_id: Some("1"), ..NewEvent::default() };
            events::append(tx, &event("escrow.revealed", "person", "kim (owner)"))?;
            events::append(
                tx,
                &NewEvent { data: json!({ "request_type": "RestartDevice" }), ..event("command.queued", "token", "nightly (admin)") },
            )?;
            events::append(tx, &event("enrollment.enrolled", "device", "UDID-1"))?;
            events::append(tx, &event("push.sent", "job", "push"))
        })
        .await;
    let owner = house.person(Role::Owner).await;
    (house, owner)
}

#[tokio::test]
async fn a_line_names_the_device_and_leads_to_it() {
    let (house, owner) = log().await;
    let page = house.get(&owner, "/system/audit").await.body;
    assert!(page.contains("<a href=\"/devices/1\">iPad &lt;A&gt;</a>"), "{page}");
}

#[tokio::test]
async fn deeds_of_people_and_scripts_stand_alone_unless_asked_otherwise() {
    let (house, owner) = log().await;
    let lines = async |path: &str| {
        let page = house.get(&owner, path).await.body;
        ["A secret was shown", "Was asked to restart", "Enrolled", "Woken"].map(|words| page.contains(&format!("</span>{words}")))
    };
    assert_eq!(lines("/system/audit").await, [true, true, false, false], "deeds");
    assert_eq!(lines("/system/audit?who=people").await, [true, false, false, false]);
    assert_eq!(lines("/system/audit?who=tokens").await, [false, true, false, false]);
    assert_eq!(lines("/system/audit?who=devices").await, [false, false, true, false]);
    assert_eq!(lines("/system/audit?who=jobs").await, [false, false, false, true]);
    assert_eq!(lines("/system/audit?who=all").await, [true; 4]);
    assert_eq!(lines("/system/audit?who=nonsense").await, [true, true, false, false]);
}

#[tokio::test]
async fn what_happened_to_a_device_goes_on_page_by_page_to_its_beginning() {
    const LINES: usize = 205;
    let house = House::new();
    house.device("1", "iPad").await;
    house
        .write(|tx| {
            for number in 0..LINES {
                let by = format!("person{number:03} (owner)");
                let event =
                    NewEvent { kind: "escrow.revealed", actor_kind: "person", actor: &by, device_id: Some("1"), ..NewEvent::default() };
                events::append(tx, &event)?;
            }
            Ok(())
        })
        .await;
    let owner = house.person(Role::Owner).await;
    let (mut path, mut pages) = (String::from("/devices/1"), Vec::new());
    loop {
        let page = house.get(&owner, &path).await.body;
        pages.push((0..LINES).filter(|number| page.contains(&format!("person{number:03}"))).collect::<Vec<_>>());
        let Some(next) = page.split("href=\"/devices/1?before=").nth(1) else { break };
        path = format!("/devices/1?before={}", next.chars().take_while(char::is_ascii_digit).collect::<String>());
        assert!(page.contains(">Older</a>") && pages.len() < 9, "{page}");
    }
    assert_eq!(pages, [(105..205).collect::<Vec<_>>(), (5..105).collect(), (0..5).collect()]);
    assert_eq!(house.get(&owner, "/devices/1?before=x").await.status, 400);
}
