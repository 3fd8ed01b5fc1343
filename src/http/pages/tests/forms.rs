//! Forms that are refused say why at the field or in a page, and a page that is loaded again does nothing twice.

use axum::http::header::CONTENT_TYPE;

use super::House;
use crate::mdm::{Actor, Role};
use crate::store::{api_tokens, deployments};

#[tokio::test]
async fn a_file_over_the_limit_is_named_in_a_page() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let head = "--x\r\nContent-Disposition: form-data; name=\"certificate\"; filename=\"movie.mov\"\r\n\r\n";
    let body = [head.as_bytes(), &vec![b'x'; 3 << 20], b"\r\n--x--\r\n"].concat();
    for announced in [false, true] {
        let mut request = House::posted(&owner, "/system/push", "multipart/form-data; boundary=x", body.clone());
        if announced {
            request.headers_mut().insert("content-length", body.len().into());
        }
        let reply = house.send(request).await;
        assert_eq!(reply.status, 413, "{}", reply.body);
        assert_eq!(reply.headers[CONTENT_TYPE], "text/html; charset=utf-8", "{announced}");
        assert!(reply.body.contains("<main") && reply.body.contains("far larger than"), "{}", reply.body);
    }
}

#[tokio::test]
async fn every_label_of_an_invitation_that_is_too_long_is_told_at_its_field() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for field in ["name", "group", "person"] {
        let reply = house.post(&owner, "/invitations", &format!("{field}={}&days=14", "x".repeat(201))).await;
        assert_eq!(reply.status, 422, "{field}");
        assert!(reply.body.contains(&format!("id=\"f-{field}-error\"")), "{field}: {}", reply.body);
    }
    let reply = house.post(&owner, "/invitations", "name=x&days=14&uses=0").await;
    assert!(reply.body.contains("id=\"f-uses-error\""), "{}", reply.body);
}

#[tokio::test]
async fn an_invitation_of_fourteen_days_ends_in_fourteen_days() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let made = house.post(&owner, "/invitations", "name=x&days=14").await;
    house.app.clock.advance(std::time::Duration::from_secs(1));
    let page = house.get(&owner, made.location()).await.body;
    assert!(page.contains("in 14 days"), "{page}");
}

#[tokio::test]
async fn a_token_is_shown_once_and_made_once_however_often_the_page_is_loaded() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let made = house.post(&owner, "/system/tokens", "name=export&role=viewer&days=").await;
    assert_eq!(made.status, 303, "{}", made.body);
    let shown = house.get(&owner, made.location()).await;
    assert!(shown.body.contains("value=\"rc_"), "{}", shown.body);
    let again = house.get(&owner, made.location()).await;
    assert!(!again.body.contains("value=\"rc_") && again.body.contains("shown once"), "{}", again.body);
    assert_eq!(house.write(api_tokens::count).await, 1);
}

#[tokio::test]
async fn a_token_waits_for_its_maker_alone() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let made = house.post(&owner, "/system/tokens", "name=export&role=viewer&days=").await;
    house.kit.add("another", Role::Owner).await;
    let another = house.kit.cookie("another").await;
    assert!(!house.get(&another, made.location()).await.body.contains("value=\"rc_"));
    assert!(house.get(&owner, made.location()).await.body.contains("value=\"rc_"));
}

#[tokio::test]
async fn the_curly_apostrophe_of_phones_is_fine_in_a_name() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let form = "name=Ms%20O%E2%80%99Hara&role=viewer&password=correct%20horse%20battery";
    let reply = house.post(&owner, "/system/admins", form).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    let found = house.write(|tx| crate::mdm::admins::find(tx, &Actor::Console, "Ms O'Hara")).await;
    assert_eq!(found.name, "Ms O'Hara", "it is the same name however it is typed");
    assert!(house.kit.cookie("Ms O\u{2019}Hara").await.starts_with("__Host-rollcall="));
}

#[tokio::test]
async fn the_time_zone_is_chosen_on_a_page_and_pages_tell_times_in_it() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    let at = "/system/settings";
    assert!(house.get(&owner, "/system").await.body.contains("/system/settings"));
    assert!(house.get(&owner, at).await.body.contains("<option value=\"Pacific/Auckland\">Pacific/Auckland</option>"));
    let looked = house.get(&viewer, at).await.body;
    assert!(looked.contains("UTC") && !looked.contains("name=\"time_zone\""), "{looked}");
    assert_eq!(house.post(&viewer, at, "organisation=&time_zone=Asia%2FTokyo").await.status, 403);
    let refused = house.post(&owner, at, "organisation=Example&time_zone=Mars%2FOlympus").await;
    assert!(
        refused.status == 422 && refused.body.contains("id=\"f-time_zone-error\"") && refused.body.contains("for example Europe/Berlin")
    );
    assert!(refused.body.contains("value=\"Example\""), "nothing typed is lost");
    assert_eq!(house.post(&owner, at, "organisation=Example+School&time_zone=Pacific%2FAuckland").await.status, 303);
    let page = house.get(&owner, at).await.body;
    assert!(page.contains("<option value=\"Pacific/Auckland\" selected>") && page.contains("25 Nov 2026, 21:00 NZDT"), "{page}");
    // An invitation without an end, made at 08:00 UTC.
    house.post(&owner, "/invitations", "name=Cart&days=14").await;
    let list = house.get(&owner, "/devices").await.body + &house.get(&owner, "/invitations").await.body;
    assert!(list.contains("NZDT") && !list.contains(" UTC\""), "{list}");
}

#[tokio::test]
async fn another_time_zone_has_devices_looked_at_again_where_quiet_hours_may_have_moved() {
    use crate::mdm::settings::{Change, change};
    let house = House::new();
    house.device("d1", "iPad").await;
    house.write(|tx| deployments::look_again_everywhere(tx).map(drop)).await;
    house.write(crate::store::known::tests::take_planned).await;
    let choose = async |name: &str| {
        let wanted = Change { time_zone: Some(name.to_owned()), ..Change::default() };
        house.write(move |tx| change(tx, &Actor::Console, &wanted)).await;
        house.write(crate::store::known::tests::take_planned).await
    };
    assert_eq!(choose("Asia/Tokyo").await, ["ed1"]);
    assert!(choose("Asia/Tokyo").await.is_empty(), "nothing is different");
    assert_eq!(choose("").await, ["ed1"]);
}
