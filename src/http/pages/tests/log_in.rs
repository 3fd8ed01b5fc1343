//! Logging in with a second factor, one's own account, and what an owner does for others.

use super::House;
use crate::http::auth::tests::PASSWORD;
use crate::mdm::Role;
use crate::mdm::admins::second_factor::{self, Required};
use crate::pki::totp;
use crate::secret::SecretBytes;
use crate::store::{admins, second_factors};

impl House {
    /// The secret of somebody's telephone.
    async fn secret(&self, name: &'static str) -> SecretBytes {
        let found = self.write(move |tx| second_factors::secret(tx, &admins::find_by_name(tx, name)?.unwrap().id)).await;
        found.unwrap()
    }

    fn code(&self, secret: &SecretBytes) -> String {
        totp::code(secret, totp::step_at(self.app.now().seconds()))
    }
}

fn between(page: &str, before: &str, after: &str) -> String {
    page.split(before).nth(1).and_then(|rest| rest.split(after).next()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_second_factor_is_set_up_by_a_code_and_asked_for_at_the_next_log_in() {
    let house = House::new();
    let kim = house.person(Role::Helper).await;
    assert!(house.get(&kim, "/account").await.body.contains("Switch it on"));
    let refused = house.post(&kim, "/account/second-factor/begin", "password=somebody+elses").await;
    assert!(refused.status == 422 && refused.body.contains("This is not your password"), "{} {}", refused.status, refused.body);
    assert!(!refused.body.contains("id=\"secret\""), "a session alone makes no key");
    let begun = house.post(&kim, "/account/second-factor/begin", &format!("password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(begun.location(), "/account/second-factor", "{}", begun.body);
    let secret = house.secret("Helper").await;
    let page = house.get(&kim, "/account/second-factor").await.body;
    assert!(page.contains("<svg") && page.replace(' ', "").contains(&totp::base32(&secret)), "{page}");
    let wrong = house.post(&kim, "/account/second-factor/confirm", "code=000000").await;
    assert!(wrong.status == 400 && wrong.body.contains("not the code that the telephone shows"), "{} {}", wrong.status, wrong.body);
    let shown = house.post(&kim, "/account/second-factor/confirm", &format!("code={}", house.code(&secret))).await;
    let papers = house.get(&kim, shown.location()).await.body;
    assert_eq!(papers.matches("<li class=\"mono\">").count(), second_factor::RECOVERY_CODES, "{papers}");
    assert!(house.get(&kim, shown.location()).await.body.contains("were shown once"));
    assert!(!house.get(&kim, "/account/second-factor").await.body.contains("id=\"secret\""), "the key is shown no more");

    house.app.clock.advance(std::time::Duration::from_secs(30));
    let form = format!("name=Helper&password={}", PASSWORD.replace(' ', "+"));
    let asked = house.post("", "/login", &format!("{form}&next=%2Fdevices")).await;
    assert!(asked.status == 200 && asked.cookie().is_empty() && asked.body.contains("One more step"), "{}", asked.body);
    let token = between(&asked.body, "name=\"token\" value=\"", "\"");
    let refused = house.post("", "/login/code", &format!("token={token}&code=000000&next=%2Fdevices")).await;
    assert!(refused.status == 401 && refused.cookie().is_empty() && refused.body.contains("This code is not right"), "{}", refused.body);
    let entered = house.post("", "/login/code", &format!("token={token}&code={}&next=%2Fdevices", house.code(&secret))).await;
    assert_eq!((entered.location(), entered.cookie().is_empty()), ("/devices", false), "{}", entered.body);
    let again = house.post("", "/login/code", &format!("token={token}&code={}", house.code(&secret))).await;
    assert!(again.cookie().is_empty() && again.status == 401, "neither the step nor the code is good twice");
    let foreign = house.post("", "/login/code", &format!("token={token}&code=1&next=https%3A%2F%2Fevil.example")).await;
    assert!(foreign.cookie().is_empty());
}

#[tokio::test]
async fn guesses_of_codes_are_slowed_as_those_of_passwords_are() {
    let house = House::new();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(house.post("", "/login/code", "token=x&code=000000").await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429), "{statuses:?}");
}

#[tokio::test]
async fn whose_role_needs_a_second_factor_is_led_to_it_and_nowhere_else() {
    let house = House::new();
    let (kim, owner) = (house.person(Role::Helper).await, house.person(Role::Owner).await);
    house.write(|tx| second_factor::require(tx, &crate::mdm::Actor::Console, Required::Changing)).await;
    for path in ["/", "/devices", "/system"] {
        assert_eq!(house.get(&kim, path).await.location(), "/account/second-factor", "{path}");
    }
    assert_eq!(house.get(&kim, "/api/v1/devices").await.status, 403);
    let page = house.get(&kim, "/account/second-factor").await;
    assert!(page.status == 200 && page.body.contains("Your role needs a second factor"), "{}", page.body);
    assert_eq!(house.get(&owner, "/devices").await.location(), "/account/second-factor", "owners too");
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.get(&viewer, "/devices").await.status, 200, "whoever changes nothing needs none");
    let token = house.kit.token(Role::Helper).await;
    let request = axum::http::Request::get("/api/v1/devices").header("authorization", format!("Bearer {token}"));
    assert_eq!(house.send(request.body(axum::body::Body::empty()).unwrap()).await.status, 200, "tokens are not asked");
}

#[tokio::test]
async fn log_ins_are_listed_and_ended_one_by_one_or_all_others() {
    let house = House::new();
    let here = house.person(Role::Helper).await;
    let there = house.kit.cookie("Helper").await;
    let page = house.get(&here, "/account").await.body;
    assert_eq!((page.matches("192.0.2.7").count(), page.matches("this one").count()), (2, 1), "{page}");
    let other = between(&page, "action=\"/account/sessions/", "/end\"");
    house.post(&here, &format!("/account/sessions/{other}/end"), "").await;
    assert_eq!(
        (house.get(&there, "/account").await.status, house.get(&here, "/account").await.status.as_u16()),
        (axum::http::StatusCode::SEE_OTHER, 200)
    );
    let there = house.kit.cookie("Helper").await;
    house.post(&here, "/account/sessions/end-others", "").await;
    assert_eq!(house.get(&there, "/account").await.status, 303);
    let owner = house.person(Role::Owner).await;
    let id = house.write(|tx| Ok(admins::find_by_name(tx, "Helper")?.unwrap().id)).await;
    let page = house.get(&owner, &format!("/system/admins/{id}")).await.body;
    assert!(page.contains("Where they are logged in") && page.contains("192.0.2.7"), "{page}");
    house.post(&owner, &format!("/system/admins/{id}/sessions/end-all"), "").await;
    assert_eq!(house.get(&here, "/account").await.status, 303, "an owner ended it");
}

#[tokio::test]
async fn a_changed_role_holds_from_the_next_request_on() {
    let house = House::new();
    let (kim, owner) = (house.person(Role::Helper).await, house.person(Role::Owner).await);
    let id = house.write(|tx| Ok(admins::find_by_name(tx, "Helper")?.unwrap().id)).await;
    assert_eq!(house.get(&kim, "/devices").await.status, 200);
    house.post(&owner, &format!("/system/admins/{id}"), "role=teacher").await;
    assert_eq!(house.get(&kim, "/devices").await.status, 403);
    house.post(&owner, &format!("/system/admins/{id}/disable"), "confirmed=1").await;
    assert_eq!(house.get(&kim, "/devices").await.location(), "/login?next=%2Fdevices");
}

#[tokio::test]
async fn a_new_password_ends_all_other_log_ins_and_wrong_ones_are_told_at_their_field() {
    let house = House::new();
    let here = house.person(Role::Viewer).await;
    let there = house.kit.cookie("Viewer").await;
    let wrong = house.post(&here, "/account/password", "old=wrong+horse+battery&new=another+good+one").await;
    assert!(wrong.status == 401 && wrong.body.contains("This is not your password so far"), "{}", wrong.body);
    let short = house.post(&here, "/account/password", &format!("old={}&new=short", PASSWORD.replace(' ', "+"))).await;
    assert!(short.status == 400 && short.body.contains("at least 10 characters"), "{} {}", short.status, short.body);
    let done = house.post(&here, "/account/password", &format!("old={}&new=another+good+one", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!((house.get(&there, "/account").await.status.as_u16(), house.get(&here, "/account").await.status.as_u16()), (303, 200));
}
