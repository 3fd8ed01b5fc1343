//! Notices by the API: who may, what is refused with its field, no secret in any answer, a real letter for trial, and the calendar.

use super::*;
use crate::error::Result;
use crate::mdm::Actor;
use crate::mdm::notices::{Out, note_test, test_letter};
use crate::sim::smtp::{SmtpStandIn, Speech};
use crate::store::Tx;
use crate::store::notices::{self as rows, Notice, NoticeKind};

/// A recipient, a letter and a notice, as the lists show them.
pub(super) fn listed(tx: &Tx) -> Result<()> {
    crate::mdm::notices::recipients::add(tx, &Actor::Console, "list@example.school", vec![NoticeKind::Ends])?;
    let letter = test_letter(tx, "it@example.school", &Out { public_url: String::from("https://mdm.example.school") })?;
    note_test(tx, &Actor::Console, &letter, Ok("250 OK"))?;
    let notice = Notice {
        id: tx.new_id(),
        key: String::from("backup.failed"),
        kind: NoticeKind::Backups,
        harm: 80,
        what: String::from("The backup could not be made."),
        why: String::from("Mend it."),
        path: String::from("/"),
        told_at: tx.now,
        mailed_at: None,
    };
    rows::insert(tx, &notice)
}

impl House {
    /// What anybody gets at an address outside of the API: status, Content-Type and body.
    async fn anybody(&self, path: &str) -> (StatusCode, String, String) {
        let router = crate::http::doors(&self.app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        let answer = router.oneshot(request(Method::GET, path, &[], None)).await.unwrap();
        let (status, kind) = (answer.status(), answer.headers()["content-type"].to_str().unwrap().to_owned());
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, kind, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

fn server(port: u16, more: Value) -> Value {
    let mut server = json!({ "host": "127.0.0.1", "port": port, "security": "none", "from": "rollcall@example.school" });
    server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server
}

#[tokio::test]
async fn a_mail_server_is_kept_without_its_password_in_any_answer() {
    let house = House::new();
    let path = "/api/v1/notices/mail-server";
    let new = json!({
        "host": "mail.example.school", "security": "starttls", "user": "rollcall", "password": "open sesame", "from": "rollcall@example.school",
    });
    let put = house.ask(Role::Admin, Method::PUT, path, Some(new.clone())).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.body);
    assert_eq!((&put.body["mail_server"]["port"], &put.body["mail_server"]["has_password"]), (&json!(587), &json!(true)));
    assert!(put.body["next_digest_at"].is_string() && !put.body.to_string().contains("sesame"));
    // The password stays for the same server and user, and goes to no other.
    let mut again = new.clone();
    again.as_object_mut().unwrap().remove("password");
    let kept = house.ask(Role::Admin, Method::PUT, path, Some(again.clone())).await;
    assert_eq!(kept.body["mail_server"]["has_password"], json!(true));
    for (key, value) in [("host", "mail.example.org"), ("user", "somebody")] {
        let mut other = again.clone();
        other[key] = json!(value);
        let refused = house.ask(Role::Admin, Method::PUT, path, Some(other)).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (StatusCode::BAD_REQUEST, &json!("password")),
            "{}",
            refused.body
        );
    }
    let log = house.ask(Role::Owner, Method::GET, "/api/v1/events?limit=500", None).await;
    assert!(log.body.to_string().contains("notice.mail_server_changed") && !log.body.to_string().contains("sesame"));
    for role in [Role::Helper, Role::Viewer] {
        for (method, path) in [
            (Method::GET, "/api/v1/notices"),
            (Method::GET, "/api/v1/notices/settings"),
            (Method::GET, "/api/v1/notices/recipients"),
            (Method::GET, "/api/v1/notices/letters"),
            (Method::GET, "/api/v1/notices/calendar"),
            (Method::DELETE, "/api/v1/notices/mail-server"),
        ] {
            assert_eq!(house.ask(role, method, path, None).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(house.ask(Role::Admin, Method::DELETE, path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, path, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.ask(Role::Admin, Method::GET, "/api/v1/notices/settings", None).await.body["mail_server"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_with_a_mail_server_is_said_field_by_field_and_changes_nothing() {
    let house = House::new();
    let path = "/api/v1/notices/mail-server";
    for (change, field) in [
        (json!({ "host": "" }), "host"),
        (json!({ "host": "mail.example.school/x" }), "host"),
        (json!({ "port": 0 }), "port"),
        (json!({ "from": "rollcall" }), "from"),
        (json!({ "from": "Kim <kim@example.school>" }), "from"),
        (json!({ "reply_to": "a@b\r\nc" }), "reply_to"),
        (json!({ "user": "rollcall" }), "password"),
        (json!({ "trust_anchors": "hello" }), "trust_anchors"),
        (json!({ "host": "mail.example.school" }), "security"),
        (json!({ "from_name": "two\nlines" }), "from_name"),
    ] {
        let refused = house.ask(Role::Admin, Method::PUT, path, Some(server(25, change.clone()))).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (StatusCode::BAD_REQUEST, &json!(field)),
            "{change}: {}",
            refused.body
        );
    }
    assert_eq!(house.ask(Role::Admin, Method::GET, "/api/v1/notices/settings", None).await.body["mail_server"], Value::Null);
    let meant = server(25, json!({ "host": "mail.example.school", "open_allowed": true }));
    assert_eq!(house.ask(Role::Admin, Method::PUT, path, Some(meant)).await.status, StatusCode::OK);
    for (rules, field) in [
        (json!({ "tell_mended": true, "digest": true, "digest_weekday": 7, "digest_at": "07:00" }), "weekday"),
        (json!({ "tell_mended": true, "digest": true, "digest_weekday": 0, "digest_at": "7 o'clock" }), "at"),
    ] {
        let refused = house.ask(Role::Admin, Method::PUT, "/api/v1/notices/settings", Some(rules)).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_letter_for_trial_is_real_and_a_refusal_is_told_in_the_servers_words() {
    let house = House::new();
    let mail = SmtpStandIn::start(Speech::Open, None, &house.app.clock, &house.app.random).await.unwrap();
    let path = "/api/v1/notices/test";
    let none = house.ask(Role::Admin, Method::POST, path, Some(json!({ "address": "kim@example.school" }))).await;
    assert_eq!(none.status, StatusCode::CONFLICT, "{}", none.body);
    let by = json!({ "address": "kim@example.school", "mail_server": server(mail.port(), json!({})) });
    let sent = house.ask(Role::Admin, Method::POST, path, Some(by.clone())).await;
    assert_eq!((sent.status, &sent.body["said"]), (StatusCode::OK, &json!("250 2.0.0 Taken as letter 1")), "{}", sent.body);
    assert_eq!(mail.taken()[0].to, ["kim@example.school"]);
    mail.refuse(Some("550 5.1.1 No such mailbox"));
    let refused = house.ask(Role::Admin, Method::POST, path, Some(by)).await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
    assert!(refused.body["detail"].as_str().unwrap().contains("It said: 550 5.1.1 No such mailbox"), "{}", refused.body);
    let wrong = house.ask(Role::Admin, Method::POST, path, Some(json!({ "address": "kim" }))).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("address")));
    let letters = house.ask(Role::Admin, Method::GET, "/api/v1/notices/letters", None).await;
    let states: Vec<_> = letters.body["items"].as_array().unwrap().iter().map(|letter| letter["state"].clone()).collect();
    assert_eq!(states, ["given_up", "sent"], "{}", letters.body);
    assert_eq!(
        house.ask(Role::Admin, Method::GET, "/api/v1/notices/settings", None).await.body["mail_server"],
        Value::Null,
        "nothing is kept"
    );
}

#[tokio::test]
async fn addresses_come_and_go_each_once_and_no_more_than_so_many() {
    let house = House::new();
    let path = "/api/v1/notices/recipients";
    let made = house
        .ask(Role::Admin, Method::POST, path, Some(json!({ "address": "it@example.school", "kinds": ["ends", "backups", "ends"] })))
        .await;
    assert_eq!((made.status, &made.body["kinds"]), (StatusCode::CREATED, &json!(["ends", "backups"])), "{}", made.body);
    let twice = house.ask(Role::Admin, Method::POST, path, Some(json!({ "address": "IT@example.school", "kinds": [] }))).await;
    assert_eq!(twice.body["errors"][0]["field"], json!("address"));
    let one = format!("{path}/{}", made.body["id"].as_str().unwrap());
    let changed = house.ask(Role::Admin, Method::PATCH, &one, Some(json!({ "kinds": ["digest"] }))).await;
    assert_eq!((&changed.body["kinds"], &changed.body["address"]), (&json!(["digest"]), &json!("it@example.school")));
    assert_eq!(house.ask(Role::Admin, Method::PATCH, &one, Some(json!({ "kinds": ["everything"] }))).await.status, StatusCode::BAD_REQUEST);
    for number in 1..crate::mdm::notices::recipients::RECIPIENTS_MAX {
        let more = json!({ "address": format!("a{number}@example.school"), "kinds": [] });
        assert_eq!(house.ask(Role::Admin, Method::POST, path, Some(more)).await.status, StatusCode::CREATED);
    }
    let full = house.ask(Role::Admin, Method::POST, path, Some(json!({ "address": "last@example.school", "kinds": [] }))).await;
    assert_eq!(full.status, StatusCode::CONFLICT, "{}", full.body);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &one, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &one, None).await.status, StatusCode::NOT_FOUND);
    // A token is nobody.
    let own = json!({ "address": "kim@example.school", "kinds": [] });
    assert_eq!(house.ask(Role::Owner, Method::PUT, "/api/v1/notices/own", Some(own)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_calendar_opens_to_whoever_knows_its_address_until_it_is_taken_back() {
    let house = House::new();
    let path = "/api/v1/notices/calendar";
    assert_eq!(house.ask(Role::Admin, Method::GET, path, None).await.body["url"], Value::Null);
    let url = |reply: &Reply| reply.body["url"].as_str().unwrap().strip_prefix("https://mdm.example.school").unwrap().to_owned();
    let first = house.ask(Role::Admin, Method::POST, path, Some(json!({}))).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let first = url(&first);
    let end = house.app.now().plus(std::time::Duration::from_secs(100 * 86_400));
    let put = move |tx: &Tx| {
        let row = crate::store::push_certificates::PushCertificate {
            topic: String::from("com.apple.mgmt.External.secret-topic"),
            certificate: Vec::new(),
            not_after_at: end,
            current: true,
            practice: false,
            account_note: String::new(),
            uploads: 1,
            paused_until_at: None,
            uploaded_at: tx.now,
        };
        crate::store::push_certificates::put(tx, &row, b"key")
    };
    house.app.store.write(house.app.now(), put).await.unwrap();
    let read = async |path: &str| house.anybody(path).await;
    let (status, kind, text) = read(&first).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/calendar; charset=utf-8"));
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.contains("SUMMARY:Push certificate ends\r\n"), "{text}");
    assert!(text.contains("DTSTART;VALUE=DATE:20270305\r\n") && text.contains("TRIGGER:-P60D"), "{text}");
    assert!(!text.contains("secret-topic"), "{text}");
    let uid = |text: &str| text.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
    let again = read(&first).await.2;
    assert_eq!(uid(&text), uid(&again));
    let second = url(&house.ask(Role::Admin, Method::POST, path, Some(json!({}))).await);
    assert_ne!(first, second);
    assert_eq!((read(&first).await.0, read(&second).await.0), (StatusCode::NOT_FOUND, StatusCode::OK));
    assert_eq!(house.ask(Role::Admin, Method::DELETE, path, None).await.status, StatusCode::NO_CONTENT);
    for gone in [first.as_str(), second.as_str(), "/calendar/x"] {
        assert_eq!(read(gone).await.0, StatusCode::NOT_FOUND);
    }
}
