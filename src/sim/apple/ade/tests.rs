//! The stand-in over real sockets, asked by the appliance's own client: sessions that end, signatures, introductions.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::apple::ade::{Ade, Came, Question};
use crate::apple::connect::{Connector, Trust};
use crate::clock::Timestamp;
use crate::protocol::ade::{Cause, ServerToken, paths, read};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

struct Kit {
    stand_in: AdeStandIn,
    client: Ade,
    token: ServerToken,
    clock: Clock,
}

impl Kit {
    async fn new() -> Self {
        let clock = Clock::manual(NOW);
        let authority = Authority::new("Practice", NOW, Random::seeded(1)).unwrap();
        let stand_in = AdeStandIn::start_under(&authority, clock.clone(), Random::seeded(2)).await.unwrap();
        let connector = Connector::new(Trust::only(&authority.pem()).unwrap(), clock.clone());
        let client = Ade::new(&connector, &stand_in.url(), clock.clone()).unwrap();
        let token = stand_in.book().open("Example School", "head@example.school", NOW.plus(Duration::from_secs(86_400)));
        Self { stand_in, client, token, clock }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Came {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.client.ask(&self.token, &Question { method, path, body }).await.unwrap()
    }

    async fn account(&self) -> Result<Value, Cause> {
        let came = self.ask(Method::GET, paths::ACCOUNT, &Value::Null).await;
        read(came.status, None, &came.body).map_err(|refusal| refusal.cause)
    }

    fn sessions(&self) -> usize {
        self.stand_in.book().asked.iter().filter(|path| *path == paths::SESSION).count()
    }
}

#[tokio::test]
async fn a_session_is_opened_once_and_renewed_in_silence() {
    let kit = Kit::new().await;
    for _ in 0..3 {
        assert_eq!(kit.account().await.unwrap()["server_name"], "Example School");
    }
    assert_eq!(kit.sessions(), 1);
    kit.clock.advance(Duration::from_secs(200));
    assert!(kit.account().await.is_ok(), "it had ended");
    kit.stand_in.book().end_sessions();
    let came = kit.ask(Method::POST, paths::FETCH, &json!({ "limit": 10 })).await;
    assert_eq!((came.status, kit.sessions()), (200, 3), "a 403 with Apple's word renews it, too");
    kit.stand_in.book().fresh_sessions = true;
    for _ in 0..3 {
        assert!(kit.account().await.is_ok());
    }
    assert_eq!(kit.sessions(), 3, "fresh ones are taken over");
}

#[tokio::test]
async fn whoever_signs_wrongly_or_does_not_introduce_themselves_gets_no_session() {
    let kit = Kit::new().await;
    let strange = ServerToken { consumer_secret: String::from("wrong").into(), ..kit.token.clone() };
    let question = Question { method: Method::GET, path: paths::ACCOUNT, body: Vec::new() };
    let came = kit.client.ask(&strange, &question).await.unwrap();
    assert_eq!((came.status, &came.body[..]), (401, &b"\"oauth_problem=signature_invalid\""[..]));
    kit.stand_in.book().server(&kit.token).terms_signed = false;
    assert_eq!(kit.account().await.unwrap_err(), Cause::Terms);
    let asked =
        |user_agent: Option<&str>| Asked { path: paths::SESSION.into(), user_agent: user_agent.map(str::to_owned), ..Asked::default() };
    for agent in [None, Some(""), Some("Rollcall"), Some("Go-http-client/1.1")] {
        let said = kit.stand_in.book().answer(&asked(agent), NOW).unwrap();
        assert_eq!((said.status, &said.body[..]), (403, &b"\"USER_AGENT_REQUIRED\""[..]), "{agent:?}");
    }
    kit.clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(kit.account().await.unwrap_err(), Cause::Expired);
}

#[tokio::test]
async fn places_in_the_list_end_grow_old_and_are_known_again() {
    let kit = Kit::new().await;
    {
        let mut book = kit.stand_in.book();
        book.page_lines = 2;
        for number in 0..3 {
            book.server(&kit.token).add(&device(&format!("TESTSN000{number}"), "iPad", "iPad", "SILVER"), NOW);
        }
    }
    let page = async |path: &'static str, body: Value| {
        let came = kit.ask(Method::POST, path, &body).await;
        read(came.status, None, &came.body).map_err(|refusal| refusal.cause)
    };
    let first = page(paths::FETCH, json!({})).await.unwrap();
    assert_eq!((first["devices"].as_array().unwrap().len(), &first["more_to_follow"]), (2, &json!(true)));
    let second = page(paths::FETCH, json!({ "cursor": first["cursor"] })).await.unwrap();
    assert_eq!((second["devices"].as_array().unwrap().len(), &second["more_to_follow"]), (1, &json!(false)));
    assert_eq!(page(paths::FETCH, json!({ "cursor": second["cursor"] })).await.unwrap_err(), Cause::ExhaustedCursor);
    kit.stand_in.book().server(&kit.token).remove("TESTSN0001", NOW);
    let changes = page(paths::SYNC, json!({ "cursor": second["cursor"] })).await.unwrap();
    assert_eq!(changes["devices"][0]["op_type"], "deleted");
    assert_eq!(page(paths::SYNC, json!({ "cursor": "nonsense" })).await.unwrap_err(), Cause::InvalidCursor);
    kit.stand_in.book().cursor_lives = Duration::from_secs(60);
    kit.clock.advance(Duration::from_secs(61));
    assert_eq!(page(paths::SYNC, json!({ "cursor": second["cursor"] })).await.unwrap_err(), Cause::ExpiredCursor);
}

#[tokio::test]
async fn who_would_give_devices_away_for_good_is_noticed() {
    let kit = Kit::new().await;
    let came = kit.ask(Method::POST, "/devices/disown", &json!({ "devices": ["TESTSN0001"] })).await;
    assert_eq!((came.status, kit.stand_in.book().disowned), (500, 1));
}

#[tokio::test]
async fn a_device_that_is_switched_on_is_told_the_profile_that_it_has() {
    let kit = Kit::new().await;
    let ask = |serial: &str| {
        let asked = Asked { method: "GET".into(), path: format!("/activation/{serial}"), ..Asked::default() };
        kit.stand_in.book().answer(&asked, NOW).unwrap()
    };
    for serial in ["TESTSN0001", "TESTSN0002"] {
        kit.stand_in.book().server(&kit.token).add(&device(serial, "iPad", "iPad", "SILVER"), NOW);
    }
    let profile = json!({ "profile_name": "Cart", "url": "https://mdm.example.school/ade", "devices": ["TESTSN0001"] });
    let came = kit.ask(Method::POST, paths::PROFILE, &profile).await;
    assert_eq!(came.status, 200);
    let told: Value = serde_json::from_slice(&ask("TESTSN0001").body).unwrap();
    assert_eq!(told["url"], "https://mdm.example.school/ade");
    assert_eq!((ask("TESTSN0002").status, ask("TESTSN0009").status), (404, 404));
    let mut book = kit.stand_in.book();
    assert_eq!(book.server(&kit.token).devices["TESTSN0001"]["profile_status"], "pushed");
    assert!(book.is_managed("TESTSN0001") && !book.is_managed("TESTSN0002"));
}
