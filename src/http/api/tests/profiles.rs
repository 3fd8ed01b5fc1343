//! Profiles by the API: brought in every form, changed, assigned, taken out again.

use super::commands::UDID;
use super::*;
use crate::mdm::profiles::MAX_BYTES;
use crate::protocol::mobileconfig::tests::{payload, profile, signed};
use crate::protocol::plist::{Value as Plist, parse_value, to_binary};
use crate::store::enrollments;
use crate::store::profiles::tests as rows;

const PROFILES: &str = "/api/v1/profiles";
const KIND: &str = "application/x-apple-aspen-config";

fn camera(identifier: &str, allowed: bool) -> Vec<u8> {
    let keys = [("allowCamera", Plist::Boolean(allowed)), ("Password", Plist::String("open sesame".into()))];
    profile(identifier, &[payload("com.apple.applicationaccess", &format!("{identifier}.r"), &keys)])
}

fn base64(content: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(content)
}

impl House {
    /// Sends bytes as the owner's script does.
    async fn bring(&self, path: &str, kind: &str, body: Vec<u8>) -> Reply {
        let token = self.kit.token(Role::Owner).await;
        let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", kind);
        self.send(Listener::Main, request.body(Body::from(body)).unwrap()).await
    }

    async fn profile(&self, content: Vec<u8>) -> String {
        let reply = self.bring(PROFILES, KIND, content).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    async fn owner(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.ask(Role::Owner, method, path, body).await
    }

    /// The bytes that an address gives.
    pub(super) async fn bytes(&self, role: Role, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let token = self.kit.token(role).await;
        let request = request(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], None);
        let (parts, body) = self.router(Listener::Main).oneshot(request).await.unwrap().into_parts();
        (parts.status, parts.headers, axum::body::to_bytes(body, 8 << 20).await.unwrap().to_vec())
    }

    async fn group(&self, id: &'static str) {
        self.app.store.write(self.app.now(), move |tx| rows::group(tx, id, id, &[])).await.unwrap();
    }

    /// A profile with two versions, a group, and a device that has it.
    pub(super) async fn deployed_profile(&self) -> String {
        let id = self.profile(camera("school.example.deployed", true)).await;
        let reply = self.bring(&format!("{PROFILES}/{id}/versions"), KIND, camera("school.example.deployed", false)).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        self.group("everyone").await;
        let path = format!("{PROFILES}/{id}/groups/everyone");
        assert_eq!(self.owner(Method::PUT, &path, None).await.status, StatusCode::OK);
        let work = |tx: &crate::store::Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            rows::deployed(tx, &enrollment.id, "school.example.deployed", ["a", "a", "a"], "")
        };
        self.app.store.write(self.app.now(), work).await.unwrap();
        id
    }
}

#[tokio::test]
async fn a_profile_comes_in_every_form_and_goes_out_byte_for_byte() {
    let house = House::new();
    let form = |content: &[u8]| {
        let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mobileconfig\"\r\n\r\n";
        let name = "\r\n--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nBy form\r\n--x--\r\n";
        [head.as_bytes(), content, name.as_bytes()].concat()
    };
    let xml = camera("school.example.xml", true);
    let binary = to_binary(&parse_value(&camera("school.example.binary", true)).unwrap()).unwrap();
    let cms = signed(&camera("school.example.signed", true));
    let json = json!({ "content": base64(&camera("school.example.json", true)), "name": "By JSON", "note": "n" });
    for (content, kind, body, name) in [
        (xml.clone(), KIND, xml, "school.example.xml"),
        (binary.clone(), "application/octet-stream", binary, "school.example.binary"),
        (cms.clone(), "multipart/form-data; boundary=x", form(&cms), "By form"),
        (camera("school.example.json", true), "application/json", json.to_string().into_bytes(), "By JSON"),
    ] {
        let reply = house.bring(PROFILES, kind, body.clone()).await;
        assert_eq!(
            (reply.status, &reply.body["name"], &reply.body["changed"]),
            (StatusCode::CREATED, &json!(name), &json!(true)),
            "{}",
            reply.body
        );
        let id = reply.body["id"].as_str().unwrap();
        let (status, headers, given) = house.bytes(Role::Admin, &format!("{PROFILES}/{id}/content")).await;
        assert!(status == StatusCode::OK && headers["content-type"] == KIND && given == content, "{kind}");
        let again = house.bring(PROFILES, kind, body).await;
        assert_eq!((again.status, &again.body["changed"], &again.body["id"]), (StatusCode::OK, &json!(false), &json!(id)));
    }
    let listed = house.owner(Method::GET, PROFILES, None).await.body;
    assert_eq!((listed["total"].as_u64(), name_of(&listed["items"][0])), (Some(4), "By JSON"));
    assert!(!listed.to_string().contains("sesame"), "no secret is shown");
    let log = house.owner(Method::GET, "/api/v1/events?limit=500", None).await.body.to_string();
    assert!(log.contains("profile.downloaded") && !log.contains("sesame"));
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_of_the_caller_and_never_ours() {
    let house = House::new();
    let good = camera("school.example.a", true);
    let binary = to_binary(&parse_value(&good).unwrap()).unwrap();
    let cms = signed(&good);
    let bodies = [
        (KIND, Vec::new()),
        (KIND, b"hello".to_vec()),
        (KIND, b"bplist00".to_vec()),
        (KIND, binary[..binary.len() - 9].to_vec()),
        (KIND, cms[..cms.len() / 2].to_vec()),
        (KIND, base64(&good).into_bytes()),
        ("application/json", br#"{"content": "%%%not base64"}"#.to_vec()),
        ("application/json", br#"{"content": "YWJj"}"#.to_vec()),
        ("application/json", br#"{"file": "YWJj"}"#.to_vec()),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken".to_vec()),
        ("multipart/form-data", b"--x".to_vec()),
        ("text/plain", good.clone()),
        (KIND, camera("org.rollcall.enrollment", true)),
        (KIND, profile("school.example.a", &[payload("com.apple.mdm", "m", &[])])),
    ];
    for (kind, body) in bodies {
        let text = String::from_utf8_lossy(&body).into_owned();
        let reply = house.bring(PROFILES, kind, body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{kind}: {text}: {}", reply.body);
        assert!(reply.body["detail"].as_str().is_some_and(|words| words.len() > 10), "{}", reply.body);
    }
    for damaged in crate::testing::mutations(&binary).step_by(20).chain(crate::testing::mutations(&cms).step_by(40)) {
        assert!(house.bring(PROFILES, KIND, damaged).await.status.as_u16() < 500);
    }
    assert_eq!(house.bring(PROFILES, KIND, vec![b'<'; MAX_BYTES + 1]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn an_upload_that_is_sent_again_after_its_answer_was_lost_is_kept_once() {
    let house = House::new();
    let token = house.kit.token(Role::Owner).await;
    let ask = |path: &str| {
        let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", KIND);
        let request = request.header("idempotency-key", "k1").body(Body::from(camera("school.example.a", true))).unwrap();
        house.send(Listener::Main, request)
    };
    let (first, again) = (ask(PROFILES).await, ask(PROFILES).await);
    assert_eq!((first.status, &first.body), (StatusCode::CREATED, &again.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(ask("/api/v1/profiles?name=Other").await.status, StatusCode::CONFLICT, "another address is another request");
}

#[tokio::test]
async fn a_profile_that_is_here_is_named_and_replaced_only_on_purpose() {
    let house = House::new();
    let id = house.profile(camera("school.example.a", true)).await;
    let conflict = house.bring(PROFILES, KIND, camera("school.example.a", false)).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    assert!(conflict.body["detail"].as_str().unwrap().contains("“school.example.a”"), "{}", conflict.body);
    let versions = format!("{PROFILES}/{id}/versions");
    let kept = house.bring(&format!("{versions}?use=false"), KIND, camera("school.example.a", false)).await;
    assert_eq!((&kept.body["version"], &kept.body["uploaded"]["version"]), (&json!(1), &json!(2)), "{}", kept.body);
    let used = house.owner(Method::PATCH, &format!("{PROFILES}/{id}"), Some(json!({ "version": 2, "name": "Camera" }))).await;
    assert_eq!((&used.body["version"], &used.body["name"]), (&json!(2), &json!("Camera")));
    let diff = house.owner(Method::GET, &format!("{PROFILES}/{id}/diff"), None).await.body;
    assert_eq!(diff["payloads"][0]["keys"], json!([{ "key": "allowCamera", "before": "true", "after": "false" }]), "{diff}");
    let same = house.owner(Method::GET, &format!("{PROFILES}/{id}/diff?from=2&to=2"), None).await.body;
    assert_eq!(same["payloads"], json!([]));
    assert_eq!(house.owner(Method::GET, &versions, None).await.body["items"][1]["in_use"], json!(false));
    let other = house.bring(&versions, KIND, camera("school.example.b", false)).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.owner(Method::DELETE, &format!("{PROFILES}/{id}"), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.owner(Method::GET, &format!("{PROFILES}/{id}"), None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_profile_gets_in_the_way_of_is_answered_before_and_when_it_is_assigned() {
    let house = House::new();
    house.group("cart").await;
    let (a, b) = (house.profile(camera("school.example.a", true)).await, house.profile(camera("school.example.b", false)).await);
    let put = |id: &str, body: Option<Value>| {
        let path = format!("{PROFILES}/{id}/groups/cart");
        let house = &house;
        async move { house.owner(Method::PUT, &path, body).await }
    };
    assert_eq!(put(&a, None).await.body["warnings"], json!([]));
    let checked = house.owner(Method::POST, &format!("{PROFILES}/{b}/check"), Some(json!({ "groups": ["cart"] }))).await.body;
    assert_eq!(checked["warnings"][0]["key"], json!("Password"), "{checked}");
    assert_eq!(checked["warnings"][1]["other_name"], json!("school.example.a"));
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let too_many = house.owner(Method::POST, &format!("{PROFILES}/{b}/check"), Some(json!({ "groups": many }))).await;
    assert_eq!((too_many.status, &too_many.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("groups")));
    let found = house.owner(Method::GET, &format!("{PROFILES}/{b}"), None).await.body;
    assert_eq!(found["assignments"], json!([]), "asking assigns nothing");
    let assigned = put(&b, Some(json!({ "ends_at": "2100-01-01T00:00:00Z" }))).await;
    assert_eq!((assigned.status, &assigned.body["warnings"]), (StatusCode::OK, &checked["warnings"]), "{}", assigned.body);
    assert_eq!(assigned.body["assignment"]["ends_at"], json!("2100-01-01T00:00:00Z"));
    for (body, field) in [(json!({ "ends_at": "2001-01-01T00:00:00Z" }), "ends_at"), (json!({ "end": 1 }), "end")] {
        let wrong = put(&b, Some(body)).await;
        assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", wrong.body);
    }
    assert_eq!(house.owner(Method::PUT, &format!("{PROFILES}/{a}/groups/nowhere"), None).await.status, StatusCode::NOT_FOUND);
    let path = format!("{PROFILES}/{b}/groups/cart");
    assert_eq!(house.owner(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.owner(Method::DELETE, &path, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_and_takes_no_content() {
    let house = House::new();
    let id = house.profile(camera("school.example.a", true)).await;
    let one = format!("{PROFILES}/{id}");
    for role in [Role::Viewer, Role::Helper] {
        assert_eq!(house.ask(role, Method::GET, &one, None).await.status, StatusCode::OK);
        assert_eq!(house.bytes(role, &format!("{one}/content")).await.0, StatusCode::FORBIDDEN);
        for (method, path, body) in [
            (Method::PATCH, one.clone(), json!({ "name": "x" })),
            (Method::DELETE, one.clone(), json!({})),
            (Method::PUT, format!("{one}/groups/x"), json!({})),
            (Method::POST, PROFILES.to_owned(), json!({ "content": base64(&camera("school.example.b", true)) })),
            (Method::POST, format!("{one}/versions"), json!({ "content": base64(&camera("school.example.a", false)) })),
        ] {
            assert_eq!(house.ask(role, method.clone(), &path, Some(body)).await.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
}
