//! What is done with devices: what is offered, what is refused in words, and what can be taken back.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::House;
use crate::mdm::{Role, absent};
use crate::store::commands::{self, CommandState};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, alerts, devices as rows};

#[tokio::test]
async fn deleting_is_offered_only_for_what_is_not_enrolled() {
    let house = House::new();
    house.device("1", "iPad A").await;
    house.device("2", "iPad B").await;
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/devices/1").await.body;
    assert!(page.contains("/devices/1/actions/retire") && !page.contains("/devices/1/actions/delete"), "{page}");
    let refused = house.post(&owner, "/devices/1/actions/delete", "confirmed=1").await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("Retire it first: "), "{}", refused.body);
    let several = house.post(&owner, "/devices/actions/delete", "device=1&device=2&confirmed=1&typed=2").await.body;
    assert!(several.contains("Delete: 0 of 2 devices") && several.contains("Retire it first: "), "{several}");
    assert_eq!(house.get(&owner, "/devices/1").await.status, StatusCode::OK, "it is still in view");
}

#[tokio::test]
async fn what_was_retired_is_taken_back_or_deleted_with_a_word_of_warning() {
    let house = House::new();
    house.device("1", "iPad A").await;
    let owner = house.person(Role::Owner).await;
    house.post(&owner, "/devices/1/actions/retire", "confirmed=1").await;
    let page = house.get(&owner, "/devices/1").await.body;
    assert!(page.contains("/devices/1/actions/take-back") && page.contains("/devices/1/actions/delete"), "{page}");
    let warned = house.get(&owner, "/devices/1/actions/delete").await.body;
    assert!(warned.contains("has not been told to leave yet") && warned.contains("until it is erased"), "{warned}");
    let taken = house.post(&owner, "/devices/1/actions/take-back", "confirmed=1").await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.body);
    let page = house.get(&owner, "/devices/1").await.body;
    assert!(page.contains("Its retiring was taken back") && !page.contains("/devices/1/actions/take-back"), "{page}");
    let helper = house.person(Role::Helper).await;
    assert_eq!(house.post(&helper, "/devices/1/actions/take-back", "confirmed=1").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn many_are_lost_at_once_but_for_those_that_are_lost_already() {
    let house = House::new();
    for (id, name) in [("1", "iPad A"), ("2", "iPad B")] {
        house.device(id, name).await;
        let supervise = move |tx: &Tx| {
            let device = rows::by_id(tx, id)?.unwrap();
            rows::update(tx, &rows::Device { supervised: Some(true), ..device })
        };
        house.write(supervise).await;
    }
    let owner = house.person(Role::Owner).await;
    let one = house.post(&owner, "/devices/1/actions/lost-mode", "confirmed=1&message=Please+call&phone=%2B49301").await;
    assert_eq!(one.status, StatusCode::SEE_OTHER, "{}", one.body);
    let asked = house.post(&owner, "/devices/actions/lost-mode", "device=1&device=2").await.body;
    assert!(asked.contains("1 device is lost already"), "{asked}");
    let both = house.post(&owner, "/devices/actions/lost-mode", "device=1&device=2&confirmed=1&message=x").await.body;
    assert!(both.contains("Lost Mode: 1 of 2 devices") && both.contains("It is lost already and stays as it is."), "{both}");
    let page = house.get(&owner, "/devices/1").await.body;
    assert!(page.contains("Change lost message"), "{page}");
    let form = house.get(&owner, "/devices/1/actions/lost-mode").await.body;
    assert!(form.contains("What you leave empty stays as it is"), "{form}");
}

#[tokio::test]
async fn today_names_a_device_that_left_and_leads_to_an_invitation() {
    let house = House::new();
    house.device("1", "iPad A").await;
    let leave = |tx: &Tx| {
        let channel = enrollments::by_id(tx, "e1")?.unwrap();
        enrollments::update(tx, &Enrollment { state: EnrollmentState::Left, left_at: Some(tx.now), ..channel })?;
        alerts::raise(tx, &format!("{}1", absent::LEFT), 52, "iPad A is no longer managed.", "Invite it again.").map(drop)
    };
    house.write(leave).await;
    for (role, way) in [(Role::Helper, "href=\"/invitations/new\""), (Role::Viewer, "href=\"/devices/1\"")] {
        let who = house.person(role).await;
        let today = house.get(&who, "/").await.body;
        let need = today.split("iPad A is no longer managed.").nth(1).unwrap().split("</li>").next().unwrap();
        assert!(need.contains(way), "{role:?}: {need}");
    }
}

#[tokio::test]
async fn what_many_were_asked_is_followed_on_today_by_what_they_confirmed() {
    let house = House::new();
    for (id, name) in [("1", "iPad A"), ("2", "iPad B"), ("3", "iPad C")] {
        house.device(id, name).await;
    }
    let supervise = |tx: &Tx| {
        for id in ["1", "2"] {
            let device = rows::by_id(tx, id)?.unwrap();
            rows::update(tx, &rows::Device { supervised: Some(true), ..device })?;
        }
        let other = rows::by_id(tx, "3")?.unwrap();
        rows::update(tx, &rows::Device { supervised: Some(false), ..other })
    };
    house.write(supervise).await;
    let owner = house.person(Role::Owner).await;
    let done = house.post(&owner, "/devices/actions/restart", "device=1&device=2&confirmed=1").await;
    let told = house.get(&owner, done.location()).await.body;
    assert!(told.contains("asked of 2 devices") && told.contains("href=\"/#focuses\""), "{told}");
    let today = house.get(&owner, "/").await.body;
    assert!(
        today.contains("Each of 2 devices was asked to restart") && today.contains("0 of 2") && today.contains("2 have it in the queue"),
        "{today}"
    );
    let confirm = |tx: &Tx| {
        let waiting = commands::latest(tx, "e1", 1, "RestartDevice")?.unwrap();
        commands::answered(tx, waiting.seq, CommandState::Acknowledged, "", None).map(drop)
    };
    house.write(confirm).await;
    let today = house.get(&owner, "/").await.body;
    assert!(today.contains("1 of 2") && today.contains("1 has it in the queue"), "{today}");
    // Each number opens the list of its devices, and what is done to all of those reaches no others.
    let batch: String = today.split("/devices?asked=").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    for (answer, is_there, words) in [
        ("", [true, true, false], "asked to restart. "),
        ("confirmed", [true, false, false], "asked to restart and which have confirmed it. "),
        ("waiting", [false, true, false], "asked to restart and which have it in the queue. "),
        ("not", [false, false, false], "asked to restart and which did not do it and will not. "),
    ] {
        let list = house.get(&owner, &format!("/devices?asked={batch}&answer={answer}")).await.body;
        let found = ["1", "2", "3"].map(|id| list.contains(&format!("href=\"/devices/{id}\"")));
        assert!(found == is_there && list.contains(words), "{answer}: {list}");
    }
    let question = house.post(&owner, "/devices/actions/restart", &format!("all=1&asked={batch}&answer=waiting")).await.body;
    assert!(question.contains("iPad B") && !question.contains("iPad A") && question.contains("name=\"asked\""), "{question}");
    let nothing = house.get(&owner, "/devices?asked=none").await.body;
    assert!(nothing.contains("No device matches"), "{nothing}");
    let some = house.post(&owner, "/devices/actions/restart", "device=1&device=2&device=3&confirmed=1").await.body;
    assert!(some.contains("Restart: 2 of 3 devices") && some.contains("href=\"/#focuses\""), "{some}");
    let one = house.post(&owner, "/devices/actions/lock", "device=1&confirmed=1").await;
    let told = house.get(&owner, one.location()).await.body;
    assert!(!told.contains("href=\"/#focuses\""), "one device has a page of its own: {told}");
}

#[tokio::test]
async fn today_gives_the_part_that_the_script_asks_for_and_nothing_else() {
    let house = House::new();
    house.device("1", "iPad A").await;
    let owner = house.person(Role::Owner).await;
    let part = async |id: &str| {
        let request = Request::get("/").header("cookie", &owner).header("x-fragment", id).body(Body::empty()).unwrap();
        house.send(request).await.body
    };
    let parts = ["needs", "focuses", "roll", "check-ins"];
    let page = house.get(&owner, "/").await.body;
    for asked in parts {
        let found = part(asked).await;
        assert!(parts.iter().all(|id| found.contains(&format!("id=\"{id}\"")) == (*id == asked)), "{asked}: {found}");
        assert!(!found.contains("<nav") && page.contains(&found), "{asked}: {found}");
    }
    assert!(part("roll").await.contains("iPad A"));
    assert!(part("something").await.contains("<nav"), "what is no part of it is answered by the page");
    // What becomes of a device is in the next answer.
    let leave = |tx: &Tx| {
        let channel = enrollments::by_id(tx, "e1")?.unwrap();
        enrollments::update(tx, &Enrollment { state: EnrollmentState::Left, left_at: Some(tx.now), ..channel })
    };
    assert!(!part("roll").await.contains("1 problem"));
    house.write(leave).await;
    assert!(part("roll").await.contains("1 problem"));
}
