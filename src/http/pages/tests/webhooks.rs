//! Webhooks as a person looks after them: made with a secret that is shown once, tried, switched off, deleted after a question.

use super::*;
use crate::http::pages::system::webhooks::ADDRESS;

#[tokio::test]
async fn a_webhook_is_made_tried_switched_off_and_deleted_on_its_pages() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    assert!(house.get(&admin, ADDRESS).await.body.contains("Nobody is told yet"));
    let wrong = house.post(&admin, ADDRESS, "url=hooks.example.school&topic=mdm.CheckOut").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("value=\"hooks.example.school\"") && wrong.body.contains("begins with https://"), "{}", wrong.body);

    let made = house.post(&admin, ADDRESS, "url=http%3A%2F%2F127.0.0.1%3A1%2Fhook&topic=mdm.CheckOut").await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
    let secret = made.location().to_owned();
    let shown = house.get(&admin, &secret).await.body;
    let key = shown
        .split("id=\"key\"")
        .nth(1)
        .and_then(|rest| rest.split("value=\"").nth(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    let key = key.filter(|key| key.len() >= 16).unwrap_or_else(|| panic!("{shown}"));
    assert!(house.get(&admin, &secret).await.body.contains("was shown once"));
    let list = house.get(&admin, ADDRESS).await.body;
    assert!(list.contains("http://127.0.0.1:1/hook") && list.contains("mdm.CheckOut") && !list.contains(&key), "{list}");
    let id =
        list.split("/system/webhooks/").skip(1).map(|rest| rest.split('"').next().unwrap()).find(|id| id.len() == 36).unwrap().to_owned();
    let page = format!("{ADDRESS}/{id}");

    let tried = house.post(&admin, &format!("{page}/test"), "").await;
    let told = house.get(&admin, tried.location()).await.body;
    assert!(told.contains("The event did not arrive: ") && told.contains("rollcall.Test") && told.contains("did not arrive"), "{told}");
    assert!(house.get(&admin, "/system").await.body.contains("1 receiver does not take events"));
    let saved = house.post(&admin, &page, "url=http%3A%2F%2F127.0.0.1%3A2%2Fhook").await;
    let told = house.get(&admin, saved.location()).await.body;
    assert!(told.contains("Saved.") && told.contains("127.0.0.1:2"), "{told}");
    assert_eq!(house.post(&admin, &format!("{page}/off"), "").await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&admin, &page).await.body.contains("Switch it on"));
    let other = house.post(&admin, &format!("{page}/key"), "").await;
    assert!(!house.get(&admin, other.location()).await.body.contains(&key));
    let refused = house.post(&admin, &page, "url=http%3A%2F%2F127.0.0.1%3A2%2Fhook&include_secrets=1").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "only an owner sends secrets elsewhere");

    assert!(house.get(&admin, &format!("{page}/delete")).await.body.contains("is told nothing any more"));
    assert_eq!(house.post(&admin, &format!("{page}/delete"), "confirmed=1").await.status, StatusCode::SEE_OTHER);
    assert_eq!(house.get(&admin, &page).await.status, StatusCode::NOT_FOUND);
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.get(&viewer, ADDRESS).await.status, StatusCode::FORBIDDEN);
}
