//! The page of notices and one's own on the account: nothing typed is lost, no password is shown, refusals stand there in the server's words.

use super::*;
use crate::http::pages::system::notices::ADDRESS;
use crate::sim::smtp::{SmtpStandIn, Speech};

#[tokio::test]
async fn what_was_typed_stays_where_it_is_wrong_and_the_password_is_shown_nowhere() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let path = format!("{ADDRESS}/mail-server");
    let typed = "host=mail.example.school&security=none&port=&user=rollcall&password=open-sesame&from=rollcall%40example.school";
    let wrong = house.post(&admin, &path, typed).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in ["everybody on the way can read along", "value=\"mail.example.school\"", "value=\"rollcall@example.school\""] {
        assert!(wrong.body.contains(text), "{text}: {}", wrong.body);
    }
    assert!(!wrong.body.contains("open-sesame"));
    let saved = house.post(&admin, &path, &typed.replace("security=none", "security=tls")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let shown = house.get(&admin, saved.location()).await.body;
    for text in ["Saved.", "One is kept, and not shown", "value=\"465\"", "mail.example.school, port 465"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("open-sesame"));
    assert!(house.get(&admin, "/system").await.body.contains("nobody has ticked anything"));
    for role in [Role::Helper, Role::Viewer] {
        let other = house.person(role).await;
        assert_eq!(house.get(&other, ADDRESS).await.status, StatusCode::FORBIDDEN);
        assert_eq!(house.post(&other, &path, typed).await.status, StatusCode::FORBIDDEN);
        assert!(!house.get(&other, "/system").await.body.contains(ADDRESS));
        assert!(!house.get(&other, "/account").await.body.contains("Notices by e-mail"));
        assert_eq!(house.post(&other, "/account/notices", "address=x%40example.school&own.ends=1").await.status, StatusCode::FORBIDDEN);
    }
    let bad = house.post(&admin, &format!("{ADDRESS}/rules"), "digest=1&weekday=9&at=7").await;
    assert!(bad.status == StatusCode::UNPROCESSABLE_ENTITY && bad.body.contains("Write a time of the day like 07:00"), "{}", bad.body);
    assert_eq!(house.post(&admin, &format!("{ADDRESS}/rules"), "weekday=4&at=16:30").await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&admin, ADDRESS).await.body.contains("not wanted"));
    assert_eq!(house.post(&admin, &format!("{ADDRESS}/mail-server/remove"), "").await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&admin, ADDRESS).await.body.contains("Nothing is sent by e-mail."));
}

#[tokio::test]
async fn a_letter_for_trial_says_what_the_mail_server_says() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let mail = SmtpStandIn::start(Speech::Open, None, &house.app.clock, &house.app.random).await.unwrap();
    let path = format!("{ADDRESS}/test");
    let form = format!("host=localhost&security=none&port={}&from=rollcall%40example.school&test_address=", mail.port());
    let nobody = house.post(&admin, &path, &form).await;
    assert!(nobody.body.contains("Write one e-mail address") && nobody.body.contains("value=\"localhost\""), "{}", nobody.body);
    let form = format!("{form}kim%40example.school");
    let sent = house.post(&admin, &path, &form).await;
    assert!(sent.status == StatusCode::OK && sent.body.contains("It said: 250 2.0.0 Taken as letter 1"), "{}", sent.body);
    assert!(sent.body.contains("value=\"kim@example.school\""));
    mail.refuse(Some("554 5.7.1 <b>Relay</b> access denied"));
    let refused = house.post(&admin, &path, &form).await;
    assert!(refused.body.contains("It said: 554 5.7.1 &lt;b&gt;Relay&lt;/b&gt; access denied"), "{}", refused.body);
    let shown = house.get(&admin, ADDRESS).await.body;
    assert!(shown.contains("not sent") && shown.contains("Mail from Rollcall arrives") && shown.contains("&lt;b&gt;Relay"), "{shown}");
}

#[tokio::test]
async fn people_tick_what_they_want_and_further_addresses_stand_beside_them() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let before = house.get(&admin, "/account").await.body;
    assert!(before.contains("Notices by e-mail") && before.contains("Nothing is sent before a mail server is named"), "{before}");
    let wrong = house.post(&admin, "/account/notices", "address=kim&own.backups=1").await;
    assert!(wrong.body.contains("Write one e-mail address") && wrong.body.contains("value=\"kim\""), "{}", wrong.body);
    let saved = house.post(&admin, "/account/notices", "address=kim%40example.school&own.backups=1&own.digest=1").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let account = house.get(&admin, "/account").await.body;
    let box_of = |kind: &str| {
        let at = account.find(&format!("name=\"own.{kind}\"")).unwrap();
        account[at..].split('>').next().unwrap().contains("checked")
    };
    assert_eq!((box_of("backups"), box_of("digest"), box_of("ends")), (true, true, false));
    let added = house.post(&admin, &format!("{ADDRESS}/recipients"), "new_address=it%40example.school&new.seats=1").await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.body);
    let twice = house.post(&admin, &format!("{ADDRESS}/recipients"), "new_address=KIM%40example.school&new.seats=1").await;
    assert!(twice.body.contains("This address is on the list already"), "{}", twice.body);
    let shown = house.get(&admin, ADDRESS).await.body;
    for text in ["Admin, kim@example.school", ": Backups, Weekly digest", "it@example.school", ": Licences"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let action = shown.split("action=\"/system/notices/recipients/").find_map(|rest| {
        let (id, rest) = rest.split_once('"')?;
        rest.contains(".seats").then(|| id.to_owned())
    });
    let id = house.write(crate::store::notices::recipients).await.into_iter().find(|one| one.admin.is_none()).unwrap().id;
    assert!(action.is_some());
    let changed = house.post(&admin, &format!("{ADDRESS}/recipients/{id}"), &format!("{id}.ends=1")).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER);
    assert!(house.get(&admin, ADDRESS).await.body.contains(": Certificates and tokens<"));
    assert_eq!(house.post(&admin, &format!("{ADDRESS}/recipients/{id}/remove"), "").await.status, StatusCode::SEE_OTHER);
    assert!(!house.get(&admin, ADDRESS).await.body.contains("<bdi>it@example.school"));
    assert_eq!(house.post(&admin, "/account/notices", "address=").await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&admin, ADDRESS).await.body.contains("Nobody yet."));
    let log = house.get(&admin, "/system/audit").await.body;
    for text in [
        "Has notices sent to kim@example.school",
        "Changed which notices go to it@example.school",
        "Has no notices sent to kim@example.school any more",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }
}

#[tokio::test]
async fn the_digest_can_be_read_before_its_day() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    assert!(!house.get(&admin, ADDRESS).await.body.contains("The week:"));
    let shown = house.get(&admin, &format!("{ADDRESS}?digest=1")).await.body;
    for text in ["What the digest would say now", "The week: ", "Ends within 60 days", "There is no update plan.", "The last seven days"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert_eq!(house.write(crate::store::letters::count).await, 0, "and no letter was written");
}

#[tokio::test]
async fn the_calendars_address_is_made_copied_renewed_and_taken_back() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let path = format!("{ADDRESS}/calendar");
    let address = |body: &str| {
        let (_, rest) = body.split_once("value=\"https://mdm.example.school/calendar/")?;
        Some(format!("/calendar/{}", rest.split('"').next()?))
    };
    assert_eq!(address(&house.get(&admin, ADDRESS).await.body), None);
    house.post(&admin, &path, "").await;
    let first = address(&house.get(&admin, ADDRESS).await.body).unwrap();
    let read = house.get("", &first).await;
    assert!(read.status == StatusCode::OK && read.body.starts_with("BEGIN:VCALENDAR"), "{}", read.body);
    house.post(&admin, &path, "").await;
    let second = address(&house.get(&admin, ADDRESS).await.body).unwrap();
    assert!(first != second && house.get("", &first).await.status == StatusCode::NOT_FOUND);
    house.post(&admin, &format!("{path}/revoke"), "").await;
    assert_eq!(house.get("", &second).await.status, StatusCode::NOT_FOUND);
    let log = house.get(&admin, "/system/audit").await.body;
    assert!(log.contains("Made another address for the calendar") && !log.contains(&second["/calendar/".len()..]), "{log}");
}
