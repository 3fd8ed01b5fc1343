//! Packages through the API to the disk, and from there to devices.

use super::commands::UDID;
use super::*;
use crate::clock::Timestamp;
use crate::http::doors;
use crate::mdm::packages::{MAX_BYTES, UPLOADS_MAX};
use crate::mdm::{Actor, assignments, packages as room};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::package::tests::{COMPONENT, EXPIRED, FIELD, NEXT, SIGNED, UNSIGNED, app as app_file};
use crate::protocol::plist::{fields, parse_dictionary};
use crate::protocol::provision::tests::profile;
use crate::store::assignments::AssignedKind;
use crate::store::deployments::{self, Deployment, Mechanism, provisioning_key};
use crate::store::{Tx, enrollments, package_files::PackageFiles, profiles::tests as rows};

const UPLOADS: &str = "/api/v1/packages/uploads";
const BYTES: &str = "application/octet-stream";

impl House {
    pub(super) async fn raw(&self, method: Method, path: &str, body: &[u8]) -> Reply {
        self.typed(method, path, BYTES, body).await
    }

    async fn typed(&self, method: Method, path: &str, kind: &str, body: &[u8]) -> Reply {
        let token = self.kit.token(Role::Owner).await;
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        self.send(Listener::Main, request.header("content-type", kind).body(Body::from(body.to_vec())).unwrap()).await
    }

    pub(super) async fn json(&self, method: Method, path: &str, body: Value) -> Reply {
        self.ask(Role::Owner, method, path, Some(body)).await
    }

    pub(super) async fn look(&self, path: &str) -> Value {
        self.ask(Role::Owner, Method::GET, path, None).await.body
    }

    /// Uploads a file whole.
    pub(super) async fn put(&self, body: &[u8]) -> Reply {
        self.raw(Method::PUT, "/api/v1/packages/content?file_name=a.ipa", body).await
    }

    /// A package, its app, a provisioning profile and an upload under way, by their ids.
    pub(super) async fn packages(&self) -> (String, String, String, String) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let package = self.put(FIELD).await.body["package"].clone();
        let end = self.app.now().plus(Duration::from_secs(90 * 24 * 3600));
        let profile = profile("22222222-2222-4333-8444-555555555555", "school.example.field", end, &[]);
        let provisioning = self.raw(Method::POST, "/api/v1/provisioning-profiles", &profile).await;
        assert_eq!(provisioning.status, StatusCode::CREATED, "{}", provisioning.body);
        let sent = |tx: &Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            let row = Deployment {
                key: provisioning_key("22222222-2222-4333-8444-555555555555"),
                mechanism: Mechanism::Command,
                wanted: "d".into(),
                sent: "d".into(),
                seen: String::new(),
                payload_uuid: String::new(),
                name: "Field".into(),
                command_uuid: None,
                attempts: 0,
                due_at: None,
                problem: String::new(),
                origins: "[]".into(),
                changed_at: tx.now,
            };
            deployments::put(tx, &enrollment.id, &row)
        };
        self.app.store.write(self.app.now(), sent).await.unwrap();
        let upload = self.json(Method::POST, UPLOADS, json!({ "file_name": "b.ipa", "size_bytes": 5 })).await;
        (text(&package["id"]), text(&package["app_id"]), text(&provisioning.body["id"]), text(&upload.body["id"]))
    }

    /// The files in the folder of packages.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.data.path().join("packages")) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// An enrolled device to which this app is assigned, and the address of its manifest.
    async fn device_with(&self, app_id: &str) -> String {
        self.enrolled().await;
        let app_id = app_id.to_owned();
        let work = move |tx: &Tx| {
            let mut enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            enrollment.server_url = String::from("https://mdm.example.school/mdm/connect");
            enrollments::update(tx, &enrollment)?;
            rows::group(tx, "cart", "Cart A", &[enrollment.device_id.as_str()])?;
            assignments::assign(tx, &Actor::Console, (AssignedKind::App, &app_id, "Field"), "cart", None)?;
            room::manifest_url(tx, &enrollment, &app_id)
        };
        self.app.store.write(self.app.now(), work).await.unwrap().unwrap()
    }

    /// Fetches as a device does.
    async fn fetch(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let path = url.strip_prefix("https://mdm.example.school").unwrap_or(url);
        let router = doors(&self.app, &self.streams).whole.layer(Extension(peer(Listener::Main)));
        let (parts, body) = router.oneshot(request(method, path, headers, None)).await.unwrap().into_parts();
        (parts.status, parts.headers, axum::body::to_bytes(body, 64 << 20).await.unwrap().to_vec())
    }
}

/// The address of the package in a manifest.
fn package_url(manifest: &[u8]) -> String {
    let manifest = parse_dictionary(manifest).unwrap();
    let item = fields::dictionaries(&manifest, "items").next().unwrap();
    fields::filled(fields::dictionaries(item, "assets").next().unwrap(), "url").unwrap()
}

#[tokio::test]
async fn a_file_in_pieces_goes_on_after_a_break_and_is_one_with_the_same_file_whole() {
    let house = House::new();
    let digest = hex(&sha256(FIELD));
    let wish = json!({ "file_name": "C:\\apps\\Field.ipa", "size_bytes": FIELD.len(), "sha256": digest });
    let begun = house.json(Method::POST, UPLOADS, wish.clone()).await;
    assert_eq!((begun.status, &begun.body["file_name"]), (StatusCode::CREATED, &json!("Field.ipa")), "{}", begun.body);
    let address = format!("{UPLOADS}/{}", begun.body["id"].as_str().unwrap());
    let sent = house.raw(Method::PATCH, &format!("{address}?offset=0"), &FIELD[..3000]).await;
    assert_eq!((sent.status, &sent.body["received_bytes"]), (StatusCode::OK, &json!(3000)), "{}", sent.body);

    let early = house.json(Method::POST, &format!("{address}/complete"), json!({})).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.body);
    let elsewhere = house.raw(Method::PATCH, &format!("{address}?offset=2000"), &FIELD[2000..]).await;
    assert!(elsewhere.status == StatusCode::CONFLICT && elsewhere.body["detail"].as_str().unwrap().contains("3000"), "{}", elsewhere.body);
    let again = house.json(Method::POST, UPLOADS, wish.clone()).await;
    assert_eq!((&again.body["id"], &again.body["received_bytes"]), (&begun.body["id"], &json!(3000)), "the same file goes on");
    let sent = house.raw(Method::PATCH, &format!("{address}?offset=3000"), &FIELD[3000..]).await;
    assert_eq!(sent.body["received_bytes"], json!(FIELD.len()));
    let more = house.raw(Method::PATCH, &format!("{address}?offset={}", FIELD.len()), b"x").await;
    assert_eq!(more.status, StatusCode::PAYLOAD_TOO_LARGE);

    let done = house.json(Method::POST, &format!("{address}/complete"), json!({})).await;
    assert_eq!(
        (done.status, &done.body["is_new"], &done.body["package"]["sha256"]),
        (StatusCode::CREATED, &json!(true), &json!(digest)),
        "{}",
        done.body
    );
    assert_eq!(done.body["package"]["stage"], "everyone", "the first version is for everyone");
    assert_eq!(house.files(), [digest.as_str()], "no part is left");
    let whole = house.put(FIELD).await;
    assert_eq!((whole.status, &whole.body["package"]["id"]), (StatusCode::OK, &done.body["package"]["id"]));
    let known = house.json(Method::POST, UPLOADS, wish).await;
    assert_eq!((known.status, &known.body["is_new"]), (StatusCode::OK, &json!(false)));
    assert_eq!((house.files(), house.look(UPLOADS).await), (vec![digest], json!([])));
}

#[tokio::test]
async fn what_no_device_installs_is_refused_with_what_to_do_and_leaves_nothing() {
    let house = House::new();
    for (body, words) in [(COMPONENT, "productbuild"), (UNSIGNED, "productsign"), (b"hello".as_slice(), "neither an app"), (b"", "empty")] {
        let reply = house.put(body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
        assert!(reply.body["detail"].as_str().unwrap().contains(words), "{words}: {}", reply.body);
    }
    let begun =
        house.json(Method::POST, UPLOADS, json!({ "file_name": "a", "size_bytes": FIELD.len(), "sha256": hex(&sha256(b"other")) })).await;
    let address = format!("{UPLOADS}/{}", begun.body["id"].as_str().unwrap());
    house.raw(Method::PATCH, &format!("{address}?offset=0"), FIELD).await;
    let damaged = house.json(Method::POST, &format!("{address}/complete"), json!({})).await;
    assert_eq!((damaged.status, &damaged.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("sha256")), "{}", damaged.body);
    let said = damaged.body["errors"][0]["message"].as_str().unwrap();
    assert!(said.contains(&hex(&sha256(FIELD))), "it says what it came to: {said}");
    assert_eq!(house.look(&address).await["received_bytes"], json!(FIELD.len()), "it is kept");
    assert_eq!(house.look("/api/v1/packages").await["total"], json!(0));
    let right = house.json(Method::POST, &format!("{address}/complete"), json!({ "sha256": hex(&sha256(FIELD)) })).await;
    assert_eq!(right.status, StatusCode::CREATED, "{}", right.body);
}

#[tokio::test]
async fn an_app_whose_profile_has_ended_comes_in_only_with_a_word() {
    let house = House::new();
    let reply = house.put(EXPIRED).await;
    assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("accept_expired")), "{}", reply.body);
    let begun = house.json(Method::POST, UPLOADS, json!({ "file_name": "a", "size_bytes": EXPIRED.len() })).await;
    let address = format!("{UPLOADS}/{}", begun.body["id"].as_str().unwrap());
    house.raw(Method::PATCH, &format!("{address}?offset=0"), EXPIRED).await;
    assert_eq!(house.json(Method::POST, &format!("{address}/complete"), json!({})).await.status, StatusCode::BAD_REQUEST);
    let taken = house.json(Method::POST, &format!("{address}/complete"), json!({ "accept_expired": true })).await;
    assert_eq!(taken.status, StatusCode::CREATED, "the upload waits for the word: {}", taken.body);
    assert!(taken.body["package"]["warnings"].to_string().contains("ended on 1 Jun 2026"), "{}", taken.body);
}

#[tokio::test]
async fn uploads_have_their_limits() {
    let house = House::new();
    let begin = |size: u64, name: String| house.json(Method::POST, UPLOADS, json!({ "file_name": name, "size_bytes": size }));
    assert_eq!(begin(MAX_BYTES + 1, "a".into()).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(begin(0, "a".into()).await.body["errors"][0]["field"], "size_bytes");
    assert_eq!(begin(1, "a".repeat(256)).await.body["errors"][0]["field"], "file_name");
    assert_eq!(begin(1, "a".repeat(255)).await.status, StatusCode::CREATED);
    let room = PackageFiles::of(house.data.path()).room().unwrap();
    if room < MAX_BYTES {
        let full = begin(room + (64 << 20), "a".into()).await;
        assert!(full.status == StatusCode::SERVICE_UNAVAILABLE && full.body["detail"].as_str().unwrap().contains("room"), "{}", full.body);
    }
    for _ in 1..UPLOADS_MAX {
        assert_eq!(begin(1, "a".into()).await.status, StatusCode::CREATED);
    }
    let many = begin(1, "a".into()).await;
    assert_eq!((many.status, many.headers.contains_key("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, true));
    let first = house.look(UPLOADS).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &format!("{UPLOADS}/{first}"), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(begin(1, "a".into()).await.status, StatusCode::CREATED);
    let form = house.typed(Method::PUT, "/api/v1/packages/content?file_name=a", "text/plain", FIELD).await;
    assert_eq!(form.status, StatusCode::BAD_REQUEST, "a form of another site could say so");
    for role in [Role::Viewer, Role::Helper] {
        let reply = house.ask(role, Method::POST, UPLOADS, Some(json!({ "file_name": "a", "size_bytes": 1 }))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_device_fetches_its_manifest_and_any_part_of_its_package() {
    let house = House::new();
    let kept = house.put(FIELD).await.body["package"].clone();
    let url = house.device_with(kept["app_id"].as_str().unwrap()).await;
    let (status, headers, manifest) = house.fetch(Method::GET, &url, &[]).await;
    assert_eq!((status, headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let package = package_url(&manifest);
    assert!(package.ends_with("/school.example.field-142.ipa"), "{package}");
    let (status, headers, body) = house.fetch(Method::GET, &package, &[]).await;
    assert!(status == StatusCode::OK && body == FIELD && headers["accept-ranges"] == "bytes");
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let (status, headers, body) = house.fetch(Method::GET, &package, &[("range", "bytes=100-199"), ("if-range", &tag)]).await;
    assert_eq!(
        (status, headers["content-range"].to_str().unwrap()),
        (StatusCode::PARTIAL_CONTENT, format!("bytes 100-199/{}", FIELD.len()).as_str())
    );
    assert_eq!((body.as_slice(), headers["content-length"].to_str().unwrap()), (&FIELD[100..200], "100"));
    let (status, headers, body) = house.fetch(Method::HEAD, &package, &[]).await;
    assert_eq!((status, headers["content-length"].to_str().unwrap(), body.len()), (StatusCode::OK, FIELD.len().to_string().as_str(), 0));
    let (status, headers, _) = house.fetch(Method::HEAD, &package, &[("range", "bytes=100-199")]).await;
    assert_eq!((status, headers["content-length"].to_str().unwrap()), (StatusCode::OK, FIELD.len().to_string().as_str()));
    assert_eq!(house.fetch(Method::GET, &package, &[("if-none-match", &tag)]).await.0, StatusCode::NOT_MODIFIED);
    assert_eq!(house.fetch(Method::GET, &package, &[("if-match", "\"x\"")]).await.0, StatusCode::PRECONDITION_FAILED);
    let (status, headers, body) = house.fetch(Method::GET, &package, &[("range", "bytes=9999999-")]).await;
    assert_eq!(
        (status, headers["content-range"].to_str().unwrap()),
        (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{}", FIELD.len()).as_str())
    );
    assert!(body.is_empty());
    let icon = format!("{}/icon.png", package.rsplit_once('/').unwrap().0);
    let (status, headers, body) = house.fetch(Method::GET, &icon, &[]).await;
    assert!(status == StatusCode::OK && headers["content-type"] == "image/png" && body.starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn whoever_is_not_to_have_it_gets_an_empty_400() {
    let house = House::new();
    let kept = house.put(FIELD).await.body["package"].clone();
    let other = house.put(SIGNED).await.body["package"].clone();
    let app_id = kept["app_id"].as_str().unwrap().to_owned();
    let url = house.device_with(&app_id).await;
    let package = package_url(&house.fetch(Method::GET, &url, &[]).await.2);
    let refused = async |url: &str| {
        let (status, _, body) = house.fetch(Method::GET, url, &[]).await;
        assert_eq!((status, body.len()), (StatusCode::BAD_REQUEST, 0), "{url}");
    };
    let forged = |url: &str| {
        let at = url.find('.').unwrap() + url[url.find('.').unwrap()..].find(".school/").map_or(0, |at| at);
        let dot = url[at + 8..].find('.').unwrap() + at + 8;
        format!("{}{}{}", &url[..=dot], if &url[dot + 1..dot + 2] == "A" { "B" } else { "A" }, &url[dot + 2..])
    };
    for url in [&url, &package] {
        refused(&forged(url)).await;
    }
    refused(&url.replace(&app_id, other["app_id"].as_str().unwrap())).await;
    refused(&package.replace(kept["sha256"].as_str().unwrap(), other["sha256"].as_str().unwrap())).await;
    refused(&package.replace(".ipa", ".exe")).await;
    refused("/packages/x/y/manifest.plist").await;
    refused("/packages/own.x/y/z").await;
    refused("/packages/own.x").await;
    let (status, _, body) = house.fetch(Method::PUT, &package, &[]).await;
    assert_eq!((status, body.len()), (StatusCode::BAD_REQUEST, 0));

    let taken = app_id.clone();
    let unassign = move |tx: &Tx| assignments::unassign(tx, &Actor::Console, (AssignedKind::App, &taken, "Field"), "cart");
    house.app.store.write(house.app.now(), unassign).await.unwrap();
    refused(&url).await;
    refused(&package).await;
    let assign = move |tx: &Tx| assignments::assign(tx, &Actor::Console, (AssignedKind::App, &app_id, "Field"), "cart", None);
    house.app.store.write(house.app.now(), assign).await.unwrap();
    assert_eq!(house.fetch(Method::GET, &url, &[]).await.0, StatusCode::OK);
    let again = |tx: &Tx| {
        let mut enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
        enrollment.generation += 1;
        enrollments::update(tx, &enrollment)
    };
    house.app.store.write(house.app.now(), again).await.unwrap();
    refused(&url).await;
    refused(&package).await;
}

#[tokio::test]
async fn a_new_version_goes_to_the_pilot_group_first_and_back_again() {
    let house = House::new();
    let first = house.put(FIELD).await.body["package"].clone();
    let app_id = first["app_id"].as_str().unwrap().to_owned();
    let url = house.device_with(&app_id).await;
    let versions = format!("/api/v1/apps/{app_id}/packages");
    let shown = async || {
        let manifest = house.fetch(Method::GET, &url, &[]).await.2;
        String::from_utf8(manifest).unwrap().split("bundle-version</key>").nth(1).unwrap().trim()[8..11].to_owned()
    };
    assert_eq!(shown().await, "142");
    let none = house.raw(Method::PUT, "/api/v1/packages/content?file_name=a&stage=pilot", NEXT).await;
    assert_eq!((none.status, &none.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("stage")), "{}", none.body);
    let set = house.json(Method::PATCH, &versions, json!({ "pilot_group_id": "cart" })).await;
    assert_eq!((set.status, &set.body["pilot_group_id"]), (StatusCode::OK, &json!("cart")), "{}", set.body);
    assert_eq!(set.body["pilot_problem"], json!(""), "{}", set.body);
    let next = house.put(NEXT).await.body["package"].clone();
    assert_eq!((&next["stage"], shown().await.as_str()), (&json!("pilot"), "143"));
    house.json(Method::PATCH, &versions, json!({ "pilot_group_id": null })).await;
    assert_eq!(shown().await, "142", "without a pilot group everyone has the same");
    let path = |package: &Value| format!("/api/v1/packages/{}", package["id"].as_str().unwrap());
    assert_eq!(house.json(Method::PATCH, &path(&next), json!({ "stage": "everyone" })).await.status, StatusCode::OK);
    assert_eq!(shown().await, "143");
    assert_eq!(house.look(&path(&first)).await["stage"], "kept");
    house.json(Method::PATCH, &path(&first), json!({ "stage": "everyone" })).await;
    assert_eq!(shown().await, "142", "and back");
    for refused in [
        house.ask(Role::Owner, Method::DELETE, &path(&first), None).await,
        house.json(Method::PATCH, &path(&first), json!({ "stage": "kept" })).await,
    ] {
        assert!(
            refused.status == StatusCode::CONFLICT && refused.body["detail"].as_str().unwrap().contains("“Cart A”"),
            "{}",
            refused.body
        );
    }
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &path(&next), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.files(), [first["sha256"].as_str().unwrap()]);
    let odd = house.put(&app_file("school.example.field", "142", "<key>CFBundleName</key><string>Other</string>")).await.body;
    assert!(odd["package"]["warnings"].to_string().contains("same version"), "{odd}");
}

#[tokio::test]
async fn provisioning_profiles_are_kept_given_and_taken_back() {
    let house = House::new();
    let end = house.app.now().plus(Duration::from_secs(100 * 24 * 3600));
    let (path, file) = ("/api/v1/provisioning-profiles", profile("33333333-2222-4333-8444-555555555555", "school.example.*", end, &[]));
    let kept = house.raw(Method::POST, path, &file).await;
    assert_eq!((kept.status, &kept.body["facts"]["devices"]), (StatusCode::CREATED, &json!("all_devices")), "{}", kept.body);
    assert_eq!(house.raw(Method::POST, path, &file).await.status, StatusCode::OK);
    let over = house.raw(Method::POST, path, &profile("4", "a.b", Timestamp::from_seconds(1_700_000_000), &[])).await;
    assert!(
        over.status == StatusCode::BAD_REQUEST && over.body["detail"].as_str().unwrap().contains("ended on 14 Nov 2023"),
        "{}",
        over.body
    );
    assert_eq!(house.raw(Method::POST, path, b"").await.status, StatusCode::BAD_REQUEST);
    let large = vec![0; crate::protocol::provision::MAX_BYTES + 1];
    assert_eq!(house.raw(Method::POST, path, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    house.enrolled().await;
    let group = |tx: &Tx| {
        let device = enrollments::by_nano_id(tx, UDID)?.unwrap().device_id;
        rows::group(tx, "cart", "Cart A", &[device.as_str()])
    };
    house.app.store.write(house.app.now(), group).await.unwrap();
    let place = format!("{path}/{}/groups/cart", kept.body["id"].as_str().unwrap());
    let given = house.ask(Role::Owner, Method::PUT, &place, None).await;
    assert_eq!((given.status, &given.body["group_ids"]), (StatusCode::OK, &json!(["cart"])), "{}", given.body);
    assert_eq!(house.ask(Role::Owner, Method::DELETE, &place, None).await.status, StatusCode::NO_CONTENT);
    let gone = house.ask(Role::Owner, Method::DELETE, &format!("{path}/{}", kept.body["id"].as_str().unwrap()), None).await;
    assert_eq!((gone.status, house.look(path).await["total"].clone()), (StatusCode::NO_CONTENT, json!(0)));
}

#[tokio::test]
async fn an_upload_that_is_completed_again_because_its_answer_was_lost_gets_that_answer() {
    let house = House::new();
    let key = [("idempotency-key", "1d8a2d3c-40d5-43e8-bc93-6894a57f9324")];
    let wish = || Some(json!({ "file_name": "a.ipa", "size_bytes": FIELD.len() }));
    let begun = house.console(Method::POST, UPLOADS, &key, wish()).await;
    let again = house.console(Method::POST, UPLOADS, &key, wish()).await;
    assert_eq!((&begun.body["id"], again.headers.contains_key("idempotent-replayed")), (&again.body["id"], true), "{}", again.body);
    let address = format!("{UPLOADS}/{}", begun.body["id"].as_str().unwrap());
    house.raw(Method::PATCH, &format!("{address}?offset=0"), FIELD).await;
    let key = [("idempotency-key", "2d8a2d3c-40d5-43e8-bc93-6894a57f9324")];
    let done = house.console(Method::POST, &format!("{address}/complete"), &key, Some(json!({}))).await;
    let again = house.console(Method::POST, &format!("{address}/complete"), &key, Some(json!({}))).await;
    assert_eq!((done.status, &done.body, again.headers.contains_key("idempotent-replayed")), (StatusCode::CREATED, &again.body, true));
    assert_eq!(house.console(Method::POST, &format!("{address}/complete"), &[], Some(json!({}))).await.status, StatusCode::NOT_FOUND);
}
