//! A teacher's pages: own classes alone, and a focus from the form to its end.

use super::{House, Reply};
use crate::mdm::people::{self, NewPerson, classes};
use crate::mdm::{Actor, Role, admins, apps};
use crate::store::apps::{self as library, App};
use crate::store::classes::ClassRole;
use crate::store::inventory::{self, InstalledApp};
use crate::store::people::PersonRole;
use crate::store::{Tx, devices, events};

/// Two classes with a supervised iPad each; somebody teaches in the first. Gives the ids of the classes and the teacher's cookie.
async fn school() -> (House, String, String, String) {
    let house = House::new();
    for (id, name) in [("d1", "iPad <1>"), ("d2", "iPad 2")] {
        house.device(id, name).await;
    }
    let (own, other) = house
        .write(|tx| {
            let mut made = Vec::new();
            for (class, device) in [("7b", "d1"), ("8c", "d2")] {
                let mut ipad = devices::by_id(tx, device)?.unwrap();
                (ipad.supervised, ipad.os_version, ipad.facts_at) = (Some(true), String::from("26.1"), Some(tx.now));
                devices::update(tx, &ipad)?;
                let class = classes::create(tx, &Actor::Console, class)?;
                let new = |name: String, role| NewPerson { email: String::new(), name, role, active: true };
                let pupil = people::create(tx, &Actor::Console, new(format!("Pupil of {}", class.name), PersonRole::Student))?;
                let teacher = people::create(tx, &Actor::Console, new(format!("Teacher of {}", class.name), PersonRole::Teacher))?;
                classes::put(tx, &Actor::Console, &class.id, &pupil.id, ClassRole::Student)?;
                classes::put(tx, &Actor::Console, &class.id, &teacher.id, ClassRole::Teacher)?;
                people::assign(tx, &Actor::Console, device, Some(&pupil.id))?;
                made.push(class.id);
            }
            Ok((made[0].clone(), made[1].clone()))
        })
        .await;
    let teacher = house.person(Role::Teacher).await;
    house.write(|tx| admins::link_person(tx, &Actor::Console, "Teacher", Some("Teacher of 7b"))).await;
    (house, own, other, teacher)
}

#[tokio::test]
async fn a_teacher_is_led_to_their_classes_and_finds_nothing_of_others() {
    let (house, own, other, teacher) = school().await;
    let today = house.get(&teacher, "/").await;
    assert_eq!((today.status.as_u16(), today.location()), (303, "/teaching"));
    let page = house.get(&teacher, "/teaching").await.body;
    assert!(page.contains(">7b<") && !page.contains(">8c<") && !page.contains("href=\"/devices\""), "{page}");
    let class = house.get(&teacher, &format!("/teaching/{own}")).await;
    assert!(class.status == 200 && class.body.contains("Pupil of 7b") && class.body.contains("Start a focus"), "{}", class.body);
    let device = house.get(&teacher, &format!("/teaching/{own}/devices/d1")).await.body;
    assert!(device.contains("iPad &lt;1&gt;") && !device.contains("SN-d1") && !device.contains("UDID"), "{device}");
    for path in [
        format!("/teaching/{other}"),
        format!("/teaching/{other}/focus"),
        format!("/teaching/{own}/devices/d2"),
        format!("/teaching/{other}/devices/d2"),
    ] {
        assert_eq!(house.get(&teacher, &path).await.status, 404, "{path}");
    }
    for path in ["/devices", "/devices/d1", "/people", "/system", &format!("/classes/{other}")] {
        let reply = house.get(&teacher, path).await;
        assert!(matches!(reply.status.as_u16(), 403 | 404), "{path}: {}", reply.status);
    }
}

async fn start(house: &House, who: &str, class: &str, form: &str) -> Reply {
    house.post(who, &format!("/teaching/{class}/focus"), form).await
}

#[tokio::test]
async fn a_focus_is_looked_at_first_started_shown_and_ended() {
    let (house, own, _, teacher) = school().await;
    let wrong = start(&house, &teacher, &own, "kind=sites&sites=not+an+address&minutes=3").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("From 5 to 480 minutes") && wrong.body.contains(">\nnot an address</textarea>"), "{}", wrong.body);
    let form = "kind=app&one=com.apple.mobilenotes&lesson=45&minutes=30";
    let seen = start(&house, &teacher, &own, form).await;
    assert!(
        seen.body.contains("1 device of 7b will show one app: Notes until") && seen.body.contains("name=\"minutes\" value=\"45\""),
        "{}",
        seen.body
    );
    let started = start(&house, &teacher, &own, &format!("{form}&confirmed=1")).await;
    assert!(started.location().starts_with(&format!("/teaching/{own}?said=")), "{}", started.body);
    let owner = house.person(Role::Owner).await;
    let today = house.get(&owner, "/").await.body;
    assert!(today.contains("Going on now") && today.contains("one app: Notes until") && today.contains("End now"), "{today}");
    let again = start(&house, &owner, &own, "kind=sites&sites=en.wikipedia.org&minutes=20&confirmed=1").await;
    assert_eq!(again.status, 409);
    assert!(
        again.body.contains("Teacher (teacher) (7b) has a focus there until") && again.body.contains("Have another now: 1"),
        "{}",
        again.body
    );
    let class = house.get(&teacher, &format!("/teaching/{own}")).await.body;
    let id = class.split("/teaching/focus/").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    let ended = house.post(&teacher, &format!("/teaching/focus/{id}/end"), "").await;
    assert_eq!(ended.status, 303, "{}", ended.body);
    assert!(!house.get(&teacher, &format!("/teaching/{own}")).await.body.contains("Going on now"));
    let log = house.write(|tx| events::list(tx, &events::Filter { kind: Some("focus."), ..Default::default() }, None, 10)).await;
    assert_eq!(
        log.iter().map(|event| (event.kind.as_str(), event.actor.as_str())).collect::<Vec<_>>(),
        [("focus.ended", "Teacher (teacher)"), ("focus.started", "Teacher (teacher)")]
    );
}

#[tokio::test]
async fn the_one_app_is_the_one_that_was_chosen_or_ticked_and_never_another() {
    let (house, own, _, teacher) = school().await;
    let form = house.get(&teacher, &format!("/teaching/{own}/focus")).await.body;
    assert!(form.contains("<option value=\"\" selected>Choose an app</option>"), "{form}");
    let ticked = start(&house, &teacher, &own, "kind=app&one=&app=com.apple.mobilenotes&minutes=30").await.body;
    assert!(ticked.contains("will show one app: Notes until"), "{ticked}");
    for wrong in ["kind=app&one=&minutes=30", "kind=app&one=&app=com.apple.mobilenotes&app=com.apple.Pages&minutes=30&confirmed=1"] {
        let refused = start(&house, &teacher, &own, wrong).await;
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.body);
        assert!(refused.body.contains("id=\"f-one-error\"") && refused.body.contains("Exactly one app"), "{wrong}: {}", refused.body);
    }
    assert!(!house.get(&teacher, &format!("/teaching/{own}")).await.body.contains("Going on now"), "nothing was started");
}

#[tokio::test]
async fn apps_are_called_as_the_library_calls_them_or_else_as_a_device_does() {
    let (house, own, _, teacher) = school().await;
    let listed = |tx: &Tx| {
        let app = apps::add(tx, &Actor::Console, "1500000002", "Field Notes")?;
        library::update(tx, &App { bundle_id: String::from("school.example.field"), ..app })?;
        for (identifier, name) in [("school.example.field", ""), ("school.example.tiles", "Tiles"), ("school.example.nameless", "")] {
            let app = InstalledApp {
                identifier: identifier.to_owned(),
                name: name.to_owned(),
                version: String::from("1"),
                short_version: String::from("1.0"),
                size_bytes: None,
                managed: true,
                state: String::new(),
                details: String::from("{}"),
            };
            inventory::upsert_app(tx, "ed1", &app)?;
        }
        Ok(())
    };
    house.write(listed).await;
    let form = house.get(&teacher, &format!("/teaching/{own}/focus")).await.body;
    for (id, name) in
        [("school.example.field", "Field Notes"), ("school.example.tiles", "Tiles"), ("school.example.nameless", "school.example.nameless")]
    {
        assert!(form.contains(&format!("<label for=\"app-{id}\">{name}</label>")), "{id}: {form}");
        assert!(form.contains(&format!("<option value=\"{id}\">{name}</option>")), "{id}: {form}");
    }
    for (id, name) in [("school.example.field", "Field Notes"), ("school.example.tiles", "Tiles")] {
        let seen = start(&house, &teacher, &own, &format!("kind=app&one={id}&minutes=30")).await.body;
        assert!(seen.contains(&format!("will show one app: {name} until")), "{seen}");
    }
    let started = start(&house, &teacher, &own, "kind=app&one=school.example.field&minutes=30&confirmed=1").await;
    let class = house.get(&teacher, started.location()).await.body;
    assert!(class.contains("Started: one app: Field Notes.") && class.contains("one app: Field Notes until"), "{class}");
}

#[tokio::test]
async fn who_only_looks_sees_what_goes_on_and_no_button() {
    let (house, own, _, teacher) = school().await;
    start(&house, &teacher, &own, "kind=app&one=com.apple.mobilenotes&minutes=30&confirmed=1").await;
    let viewer = house.person(Role::Viewer).await;
    for path in ["/".to_owned(), format!("/teaching/{own}")] {
        let page = house.get(&viewer, &path).await.body;
        assert!(page.contains("one app: Notes until") && !page.contains("End now") && !page.contains("Start a focus"), "{path}: {page}");
    }
    assert_eq!(start(&house, &viewer, &own, "kind=app&one=a.b&minutes=30&confirmed=1").await.status, 403);
}

#[tokio::test]
async fn the_log_is_narrowed_down_and_taken_as_a_file_by_those_who_may_read_it() {
    let (house, own, _, teacher) = school().await;
    start(&house, &teacher, &own, "kind=app&one=com.apple.mobilenotes&minutes=30&confirmed=1").await;
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/system/audit?by=Teacher&kind=focus.").await.body;
    assert!(page.contains("Started a focus of 7b: one app: Notes") && !page.contains("Logged in"), "{page}");
    let page = house.get(&owner, "/system/audit?by=Somebody").await.body;
    assert!(page.contains("Nothing in the log fits these filters.") && !page.contains("Nothing has happened yet"), "{page}");
    for path in ["/system/audit", "/system/audit/export"] {
        let wrong = house.get(&owner, &format!("{path}?device=nowhere&from=yesterday&to=soon")).await;
        assert_eq!(wrong.status, 422, "{path}");
        for field in ["from", "until", "device"] {
            assert!(wrong.body.contains(&format!("id=\"f-{field}-error\"")), "{path}, {field}: {}", wrong.body);
        }
        assert!(wrong.body.contains("there is no device with this") && !wrong.body.contains("Logged in"), "{path}: {}", wrong.body);
    }
    let csv = house.get(&owner, "/system/audit/export?format=csv&by=Teacher&who=all").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert!(csv.body.starts_with("Number,When,What") && csv.body.contains("focus.started"), "{}", csv.body);
    let head = "Device,Device name,Serial number,";
    let all = house.get(&owner, "/system/audit/export?format=csv&who=all").await.body;
    assert!(all.contains(head) && all.contains(",d1,iPad <1>,TESTSNd1,"), "{all}");
    let lines = house.get(&owner, "/system/audit/export?format=json_lines&kind=focus.").await.body;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((first["topic"].as_str(), first["actor"]["name"].as_str()), (Some("focus.started"), Some("Teacher (teacher)")));
    let helper = house.person(Role::Helper).await;
    assert_eq!(house.get(&helper, "/system/audit/export").await.status, 403);
}
