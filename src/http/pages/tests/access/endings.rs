//! Rights that end by what somebody does here: said before, and told to the apps that hold something.

use super::people::{KIM, by_password, with_passwords};
use super::*;
use crate::mdm::apps as library;
use crate::store::offline_copies;

/// A house in which an installation on the first iPad was granted its app; gives the app's twin, its token and its grant.
async fn granted(house: &House) -> (Talk<'_>, String, String) {
    let good = token(house, "d1", "a1").await;
    let mut talk = Talk::new(house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let answer = grant(house, "application/json", body).await.body;
    assert_eq!(talk.take(&answer).await.1, Verdict::Open);
    talk.client.data = Some("what was written".into());
    (talk, good, answer)
}

async fn delete_app(house: &House) {
    house.write(|tx| library::delete(tx, &Actor::Console, "a1", None)).await;
}

#[tokio::test]
async fn an_app_that_was_deleted_is_told_to_erase_by_whatever_grant_it_shows() {
    let house = school(Policy::default()).await;
    let (mut talk, good, _) = granted(&house).await;
    delete_app(&house).await;
    let (said, verdict) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.allowed, said.erase, said.copies_until), (Code::NotAssigned, false, true, None));
    assert!(matches!(verdict, Verdict::Erased(_)) && talk.client.data.is_none(), "{verdict:?}");
    let mut stranger = Talk::new(&house, "installation-2");
    let body = stranger.body(&[("token", &good)]);
    assert_eq!(grant(&house, "application/json", body).await.status, 404, "who shows no grant is told nothing");
    let told = house.write(|tx| crate::store::former_holders::of_installation(tx, BUNDLE, "installation-1")).await;
    assert!(told[0].told_at.is_some());
}

#[tokio::test]
async fn an_app_whose_policy_does_not_erase_is_refused_without() {
    let house = school(Policy { erase_when_refused: false, ..Policy::default() }).await;
    let (mut talk, good, _) = granted(&house).await;
    delete_app(&house).await;
    let (said, _) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.erase), (Code::NotAssigned, false));
}

#[tokio::test]
async fn what_a_deleted_person_was_granted_is_erased_and_a_mistyped_password_erases_nothing() {
    let house = with_passwords(by_password()).await;
    let mut talk = Talk::new(&house, "installation-1");
    assert_eq!(talk.ask(&KIM).await.1, Verdict::Open);
    let body = talk.body(&[("email", "kim@example.school"), ("password", "correct horse batter")]);
    assert_eq!(grant(&house, "application/json", body).await.status, 401);
    house.write(|tx| crate::mdm::people::delete(tx, &Actor::Console, "p1")).await;
    let mut stranger = Talk::new(&house, "installation-2");
    let body = stranger.body(&KIM);
    assert_eq!(grant(&house, "application/json", body).await.status, 401, "who shows no grant is told nothing");
    let (said, verdict) = talk.ask(&KIM).await;
    assert_eq!((said.code, said.erase, said.copies_until.is_some()), (Code::PersonInactive, true, true));
    assert!(matches!(verdict, Verdict::Erased(_)));
    let (_, (total, ..)) = house.write(|tx| access::holders(tx, &Actor::Console, "a1", None, 10)).await;
    assert_eq!(total, 1, "it is the installation that is known");
}

#[tokio::test]
async fn a_device_that_proves_itself_does_not_get_in_with_the_password_of_somebody_who_was_deleted() {
    let house = with_passwords(Policy::default()).await;
    let good = token(&house, "d2", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let proofs = [("token", good.as_str()), KIM[0], KIM[1]];
    assert_eq!(talk.ask(&proofs).await.1, Verdict::Open);
    house.write(|tx| crate::mdm::people::delete(tx, &Actor::Console, "p1")).await;
    let (said, _) = talk.ask(&proofs).await;
    assert_eq!((said.code, said.erase), (Code::PersonInactive, true), "what that person wrote is nobody else's");
}

#[tokio::test]
async fn copies_of_offline_edits_are_taken_or_given_up_before_their_app_is_deleted() {
    let house = school(Policy::default()).await;
    let (_, _, answer) = granted(&house).await;
    for document in ["a.txt", "b.txt"] {
        let request = Request::post(format!("/access/v1/copies?document={document}")).header("authorization", format!("Bearer {answer}"));
        assert_eq!(house.send(request.body(Body::from("edit")).unwrap()).await.status, 201);
    }
    let admin = house.person(Role::Admin).await;
    let page = house.get(&admin, "/apps/a1/delete").await.body;
    for part in ["2 copies of offline edits go", "2 copies of 1 device or person", "name=\"give_up_copies\" value=\"2\"", "told to erase"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for sent in ["confirmed=1", "confirmed=1&give_up_copies=1"] {
        let refused = house.post(&admin, "/apps/a1/delete", sent).await;
        assert!(refused.status == 422 && refused.body.contains("Take the copies first"), "{}", refused.body);
    }
    let refused = house.write(|tx| Ok(library::delete(tx, &Actor::Console, "a1", None))).await.unwrap_err();
    assert_eq!(
        refused.message,
        "2 copies of offline edits of 1 device or person would be lost: take them in an archive first (copies.zip), \
         or say with give_up_copies=2 that they are given up."
    );
    assert!(house.get(&admin, "/apps/a1/access/copies").await.body.contains("a.txt"), "nothing was changed");
    house.write(|tx| access::copies::export(tx, &Actor::Console, "a1", None).map(drop)).await;
    assert!(house.get(&admin, "/apps/a1/delete").await.body.contains("All of them were taken in an archive."));
    assert_eq!(house.post(&admin, "/apps/a1/delete", "confirmed=1").await.status, 303);
    assert_eq!(house.write(|tx| offline_copies::count(tx, "a1")).await, (0, 0), "none is left where nobody finds it");
}

const FORM: &str = "who=device_person&proofs=token&offline_hours=24&launches=20&ask_every_minutes=60&clock_tolerance_minutes=10&keep_copies_days=365&erase_when_refused=1&takes_copies=1";

#[tokio::test]
async fn a_policy_that_makes_devices_erase_names_them_and_asks_for_their_number() {
    let house = school(Policy::default()).await;
    house.device("d3", "iPad 3").await;
    house.write(|tx| groups::put_in(tx, "g1", "d3")).await;
    let mut talks = Vec::new();
    for device in ["d1", "d2", "d3"] {
        let good = token(&house, device, "a1").await;
        let mut talk = Talk::new(&house, &format!("installation-{device}"));
        assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open);
        talks.push((talk, good));
    }
    let admin = house.person(Role::Admin).await;
    let asked = house.post(&admin, "/apps/a1/access", FORM).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.body);
    for part in ["2 installations are told to erase", "iPad 2: ", "iPad 3: ", "Type 2 to go on", "name=\"offline_hours\" value=\"24\""] {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    assert!(!asked.body.contains("iPad 1: "), "that one has a person");
    let wrong = house.post(&admin, "/apps/a1/access", &format!("{FORM}&confirmed=1&typed=3")).await;
    assert!(wrong.status == StatusCode::CONFLICT && wrong.body.contains("That is not the number."), "{}", wrong.body);
    let (talk, good) = &mut talks[1];
    assert_eq!(talk.ask(&[("token", good)]).await.1, Verdict::Open, "nothing was changed");
    let preview = json!({ "policy": { "who": "device_person" } }).to_string();
    let request = Request::post("/api/v1/apps/a1/access/preview")
        .header("authorization", format!("Bearer {}", house.kit.token(Role::Admin).await))
        .header(CONTENT_TYPE, "application/json");
    let seen: Value = serde_json::from_str(&house.send(request.body(Body::from(preview)).unwrap()).await.body).unwrap();
    assert_eq!((&seen["erases"], &seen["items"][0]["whose"]), (&json!(2), &json!("iPad 2")), "{seen}");
    assert_eq!(house.post(&admin, "/apps/a1/access", &format!("{FORM}&confirmed=1&typed=2")).await.status, StatusCode::SEE_OTHER);
    let (talk, good) = &mut talks[1];
    assert_eq!(talk.ask(&[("token", good)]).await.0.code, Code::NobodysDevice);
    let again = house.post(&admin, "/apps/a1/access", &FORM.replace("offline_hours=24", "offline_hours=8")).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "who erases already is not news");
}

#[tokio::test]
async fn letting_nobody_ask_any_more_says_for_whom_it_closes() {
    let house = school(Policy::default()).await;
    for device in ["d1", "d2"] {
        let good = token(&house, device, "a1").await;
        Talk::new(&house, &format!("installation-{device}")).ask(&[("token", &good)]).await;
    }
    let admin = house.person(Role::Admin).await;
    let page = house.get(&admin, "/apps/a1/access/remove").await.body;
    assert!(page.contains("2 installations that may use it now close") && page.contains("iPad 1, Person p1"), "{page}");
    assert_eq!(house.post(&admin, "/apps/a1/access/remove", "confirmed=1").await.status, 422);
    assert_eq!(house.post(&admin, "/apps/a1/access/remove", "confirmed=1&typed=2").await.status, 303);
}

#[tokio::test]
async fn the_same_identifier_with_a_new_app_does_not_keep_the_old_one_from_erasing() {
    let house = school(Policy::default()).await;
    let (mut talk, good, _) = granted(&house).await;
    delete_app(&house).await;
    house
        .write(|tx| {
            apps::insert(tx, &app("a3", BUNDLE, "{}"))?;
            access::set(tx, &Actor::Console, "a3", Policy::default(), None).map(drop)
        })
        .await;
    let (said, _) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.app_id.as_str(), said.erase), ("a1", true));
}

#[tokio::test]
async fn what_follows_when_a_person_leaves_is_said_before() {
    let house = school(Policy { who: Who::DevicePerson, ..Policy::default() }).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open);
    let admin = house.person(Role::Admin).await;
    let page = house.get(&admin, "/people/p1/delete").await.body;
    assert!(page.contains("1 installation of an app is") && page.contains("Field notes a1 on iPad 1, Person p1"), "{page}");
    let form = "name=Person+p1&email=kim%40example.school&role=teacher";
    let asked = house.post(&admin, "/people/p1/edit", form).await;
    assert!(asked.status == StatusCode::CONFLICT && asked.body.contains("Deactivate Person p1"), "{}", asked.body);
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open, "nothing was changed");
    assert_eq!(house.post(&admin, "/people/p1/edit", &format!("{form}&confirmed=1")).await.status, 303);
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::PersonInactive);
}
