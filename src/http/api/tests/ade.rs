//! Apple's list of devices through the API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::apple::ade::Ade;
use crate::apple::connect::{Connector, Trust};
use crate::jobs;
use crate::mdm::Actor;
use crate::mdm::ade::errands::{self, Errand, Outcome, What};
use crate::mdm::ade::{locks, profiles, servers};
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms;
use crate::sim::apple::Services;
use crate::sim::apple::ade::{Book, device};
use crate::store::ade_servers::Phase;

const SERVERS: &str = "/api/v1/ade/servers";

impl House {
    /// The same appliance beside the stand-ins.
    async fn beside_apples_list() -> (Self, Services) {
        let mut house = Self::new();
        let services = Services::start(&house.app.clock, &house.app.random).await.unwrap();
        let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), house.app.clock.clone());
        let client = Ade::new(&connector, &services.ade.url(), house.app.clock.clone()).unwrap();
        house.app = house.app.with_ade_service(client);
        (house, services)
    }

    /// A server token with a device, a profile and a lock; gives the ids of the first three.
    pub(super) async fn bought(&self) -> (String, String, String) {
        let now = self.app.now();
        let server = crate::http::ade::begin(&self.app, &Actor::Console, "School", false).await.unwrap();
        let mut book = Book::new("https://localhost:1", crate::random::Random::seeded(1));
        let token = book.open("School", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
        let account = book.server(&token).account.clone();
        let page = json!({ "devices": [device("TESTSN0009", "iPad", "iPad", "SILVER")], "cursor": "a", "more_to_follow": false });
        self.app
            .store
            .write(now, move |tx| {
                servers::take(tx, &Actor::Console, &server.id, &token)?;
                let errand = |what| Errand { server_id: server.id.clone(), what };
                errands::record(tx, &errand(What::Account), &Outcome::Answered(account))?;
                let first = What::Page { phase: Phase::Fetch, cursor: String::new(), limit: 10 };
                errands::record(tx, &errand(first), &Outcome::Answered(page))?;
                let programs =
                    json!({ "betaEnrollmentTokens": [{ "title": "iOS 27 AppleSeed Beta", "os": "iOS", "token": "beta-token" }] });
                errands::record(tx, &errand(What::BetaPrograms), &Outcome::Answered(programs))?;
                let wish = profiles::Wish { name: "Cart".into(), kind: "classroom_ipad".into(), keys: None };
                let profile = profiles::create(tx, &Actor::Console, wish)?.profile.id;
                profiles::set_default(tx, &Actor::Console, &server.id, "", Some(&profile))?;
                locks::ask(tx, &Actor::Console, "TESTSN0009", "", &String::from("code").into(), "key")?;
                Ok((server.id, String::from("TESTSN0009"), profile))
            })
            .await
            .unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
        jobs::run_due(&self.app).await.unwrap();
    }
}

#[tokio::test]
async fn from_a_key_pair_to_devices_with_their_profiles_and_a_lock() {
    let (house, services) = House::beside_apples_list().await;
    let ask = async |role: Role, method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        let reply = house.ask(role, method, path, body).await;
        (reply.status, reply.body)
    };
    let (refused, _) = ask(Role::Helper, Method::POST, SERVERS, json!({ "name": "School" })).await;
    assert_eq!(refused, StatusCode::FORBIDDEN);
    let (status, server) = ask(Role::Admin, Method::POST, SERVERS, json!({ "name": "School" })).await;
    assert_eq!((status, &server["state"]), (StatusCode::CREATED, &json!("waiting")), "{server}");
    let at = format!("{SERVERS}/{}", server["id"].as_str().unwrap());
    let (early, _) = ask(Role::Admin, Method::POST, &format!("{at}/sync"), json!({})).await;
    assert_eq!(early, StatusCode::CONFLICT, "there is no token yet");

    let (_, key) = ask(Role::Viewer, Method::GET, &format!("{at}/public-key"), Value::Null).await;
    let certificate = Certificate::from_pem(key["certificate"].as_str().unwrap().as_bytes()).unwrap();
    let now = house.app.now();
    let token = services.ade.book().open("Example School", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
    for (serial, family) in [("TESTSN0001", "iPad"), ("TESTSN0002", "Mac")] {
        services.ade.book().server(&token).add(&device(serial, family, family, "SILVER"), now);
    }
    let wrong = json!({ "file": STANDARD.encode(b"PK\x03\x04") });
    let (status, body) = ask(Role::Admin, Method::PUT, &format!("{at}/token"), wrong).await;
    assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("file")), "{body}");
    let file = cms::encrypt(&certificate, token.to_mail().expose(), Cipher::Aes256Cbc).unwrap();
    let (status, _) = ask(Role::Admin, Method::PUT, &format!("{at}/token"), json!({ "file": STANDARD.encode(file) })).await;
    assert_eq!(status, StatusCode::OK);

    let (status, profile) =
        ask(Role::Admin, Method::POST, "/api/v1/ade/profiles", json!({ "name": "Cart", "kind": "classroom_ipad" })).await;
    assert_eq!((status, &profile["keys"]["is_mdm_removable"]), (StatusCode::CREATED, &json!(false)), "{profile}");
    let choice = json!({ "device_family": "iPad", "profile_id": profile["id"] });
    assert_eq!(ask(Role::Admin, Method::PUT, &format!("{at}/defaults"), choice).await.0, StatusCode::OK);
    house.pass(1).await;
    house.pass(1).await;

    let (_, list) = ask(Role::Viewer, Method::GET, "/api/v1/ade/devices?show=not_enrolled&limit=1", Value::Null).await;
    let first = &list["items"][0];
    assert_eq!((&list["total"], &first["serial_number"], &first["profile"]), (&json!(2), &json!("TESTSN0001"), &json!("Cart")), "{list}");
    assert_eq!((&first["result"], &first["profile_status"]), (&json!("success"), &json!("assigned")));
    let next = format!("/api/v1/ade/devices?after={}", list["next"].as_str().unwrap());
    let (_, rest) = ask(Role::Viewer, Method::GET, &next, Value::Null).await;
    assert_eq!(rest["items"][0]["serial_number"], "TESTSN0002");
    let (_, server) = ask(Role::Viewer, Method::GET, &at, Value::Null).await;
    assert_eq!((&server["name"], &server["devices"], &server["no_profile"]), (&json!("Example School"), &json!(2), &json!(1)), "{server}");
    assert!(!server.to_string().contains(&token.access_token), "the token is not shown");

    let lock = "/api/v1/ade/devices/TESTSN0001/locks";
    let (status, made) = ask(Role::Admin, Method::POST, lock, json!({ "message": "Call the office" })).await;
    assert_eq!((status, &made["state"]), (StatusCode::CREATED, &json!("locked")), "{made}");
    let reveal = format!("{lock}/{}/reveal", made["id"].as_str().unwrap());
    assert_eq!(ask(Role::Admin, Method::POST, &reveal, json!({})).await.0, StatusCode::FORBIDDEN);
    let (_, code) = ask(Role::Owner, Method::POST, &reveal, json!({})).await;
    assert_eq!(code["bypass_code"].as_str().unwrap().len(), 31);
    let book = services.ade.book();
    assert_eq!(book.disowned, 0);
}

#[tokio::test]
async fn choices_and_panes_are_told_and_wishes_are_checked() {
    let house = House::new();
    let presets = house.ask(Role::Viewer, Method::GET, "/api/v1/ade/presets", None).await.body;
    assert!(presets["items"].as_array().unwrap().iter().any(|preset| preset["kind"] == "staff_mac"), "{presets}");
    let panes = house.ask(Role::Viewer, Method::GET, "/api/v1/ade/panes", None).await.body;
    assert!(panes["total"].as_u64().unwrap() > 40);
    let make = async |body: Value| house.ask(Role::Admin, Method::POST, "/api/v1/ade/profiles", Some(body)).await;
    for (body, field) in [
        (json!({ "name": "", "kind": "staff_mac" }), "name"),
        (json!({ "name": "x", "kind": "toaster" }), "kind"),
        (json!({ "name": "x", "kind": "staff_mac", "keys": { "is_multi_user": true } }), "is_multi_user"),
        (json!({ "name": "x", "kind": "staff_mac", "keys": { "skip_setup_items": ["Nonsense"] } }), "skip_setup_items"),
        (
            json!({ "name": "x", "kind": "staff_iphone", "keys": { "auto_advance_setup": true, "language": "en", "region": "GB" } }),
            "auto_advance_setup",
        ),
    ] {
        let reply = make(body.clone()).await;
        assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    let made = make(json!({ "name": "Cart", "kind": "classroom_ipad" })).await.body;
    assert_eq!(make(json!({ "name": "cart", "kind": "classroom_ipad" })).await.body["errors"][0]["field"], "name");
    let at = format!("/api/v1/ade/profiles/{}", made["id"].as_str().unwrap());
    let changed = json!({ "name": "Cart", "kind": "classroom_ipad", "keys": { "department": "Art" } });
    let changed = house.ask(Role::Admin, Method::PUT, &at, Some(changed)).await.body;
    assert_eq!((&changed["keys"]["department"], &changed["keys"]["skip_setup_items"]), (&json!("Art"), &json!([])), "{changed}");
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &at, None).await.status, StatusCode::NO_CONTENT);
    let nobody = json!({ "serial_numbers": ["TESTSN0001"], "person_id": null });
    let reply = house.ask(Role::Admin, Method::PATCH, "/api/v1/ade/devices", Some(nobody)).await;
    assert_eq!(reply.body["errors"][0]["field"], "serial_numbers");
}
