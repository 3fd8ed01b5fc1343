//! The pages and the API of app access: read by those who view, changed by those who configure.

use super::*;
use crate::mdm::access::copies::REMOVE_DAYS_MIN;
use crate::secret::Secret;

async fn api(house: &House, role: Role, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let token = house.kit.token(role).await;
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    let request = match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let reply = house.send(request.unwrap()).await;
    (reply.status, serde_json::from_str(&reply.body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_policy_is_shown_set_and_removed_by_the_api() {
    let house = school(Policy::default()).await;
    house.write(|tx| access::remove(tx, &Actor::Console, "a1")).await;
    let path = "/api/v1/apps/a1/access";
    let (status, none) = api(&house, Role::Viewer, Method::GET, path, None).await;
    assert_eq!((status, &none["policy"], &none["sensible"]["offline_hours"]), (StatusCode::OK, &Value::Null, &json!(24)));
    let wish = json!({ "policy": { "who": "people", "proofs": ["password"], "offline_hours": 8, "launches": null }, "revision": 0 });
    assert_eq!(api(&house, Role::Helper, Method::PUT, path, Some(wish.clone())).await.0, StatusCode::FORBIDDEN);
    let (status, set) = api(&house, Role::Admin, Method::PUT, path, Some(wish.clone())).await;
    assert_eq!((status, &set["revision"], &set["policy"]["launches"]), (StatusCode::OK, &json!(1), &Value::Null), "{set}");
    assert_eq!(api(&house, Role::Admin, Method::PUT, path, Some(wish)).await.0, StatusCode::CONFLICT, "made from an older one");
    for (policy, field) in [
        (json!({ "offline_hours": 9999 }), "offline_hours"),
        (json!({ "who": "people", "classes": ["nowhere"] }), "classes"),
        (json!({ "proofs": [] }), "proofs"),
    ] {
        let (status, wrong) = api(&house, Role::Admin, Method::PUT, path, Some(json!({ "policy": policy }))).await;
        assert_eq!((status, &wrong["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{wrong}");
    }
    assert_eq!(api(&house, Role::Admin, Method::DELETE, path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api(&house, Role::Admin, Method::DELETE, path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api(&house, Role::Admin, Method::GET, "/api/v1/apps/x/access", None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn holders_copies_and_keys_are_told_to_those_who_may() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let answer = grant(&house, "application/json", body).await.body;
    for (document, content) in [("B%C3%A4ume.txt", "one"), ("B%C3%A4ume.txt", "two")] {
        let request = Request::post(format!("/access/v1/copies?document={document}")).header("authorization", format!("Bearer {answer}"));
        assert_eq!(house.send(request.body(Body::from(content)).unwrap()).await.status, 201);
    }
    let (_, holders) = api(&house, Role::Viewer, Method::GET, "/api/v1/apps/a1/access/holders", None).await;
    assert_eq!(
        (&holders["total"], &holders["items"][0]["device"], &holders["items"][0]["code"]),
        (&json!(1), &json!("iPad 1"), &json!("granted"))
    );
    let base = "/api/v1/apps/a1/access/copies";
    let (_, first) = api(&house, Role::Viewer, Method::GET, &format!("{base}?limit=1"), None).await;
    assert_eq!(
        (&first["total"], &first["items"][0]["version"], &first["items"][0]["whose"]),
        (&json!(2), &json!(2), &json!("iPad 1, Person p1")),
        "{first}"
    );
    let next = format!("{base}?limit=1&after={}", first["next"].as_str().unwrap());
    assert_eq!(api(&house, Role::Viewer, Method::GET, &next, None).await.1["items"][0]["version"], 1);
    let one = format!("{base}/{}", first["items"][0]["id"].as_str().unwrap());
    assert_eq!(api(&house, Role::Viewer, Method::GET, &one, None).await.0, StatusCode::FORBIDDEN, "what people wrote is not for everybody");
    let bearer = format!("Bearer {}", house.kit.token(Role::Admin).await);
    let read = async |path: &str| {
        let request = Request::get(path).header("authorization", &bearer).body(Body::empty()).unwrap();
        let (parts, body) = house.router.clone().oneshot(request).await.unwrap().into_parts();
        (parts, axum::body::to_bytes(body, 1 << 20).await.unwrap())
    };
    let (parts, content) = read(&one).await;
    assert_eq!((&content[..], parts.headers["x-content-type-options"].to_str().unwrap()), (&b"two"[..], "nosniff"));
    assert!(parts.headers["content-disposition"].to_str().unwrap().starts_with("attachment;"));
    // bsdtar or unzip judges the archive.
    let (_, packed) = read(&format!("{base}.zip")).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("copies.zip"), &packed).unwrap();
    let listed = std::process::Command::new("python3")
        .args([
            "-c",
            "import csv,io,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip()); print([(n, z.read(n)) for n in z.namelist()[:2]]); \
             print([row[:3] for row in csv.reader(io.StringIO(z.read('index.csv').decode()))][1:])",
        ])
        .arg(folder.path().join("copies.zip"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&listed.stdout),
        "None\n[('iPad 1, Person p1/Bäume v2.txt', b'two'), ('iPad 1, Person p1/Bäume v1.txt', b'one')]\n\
         [['iPad 1, Person p1/Bäume v2.txt', 'Bäume.txt', '2'], ['iPad 1, Person p1/Bäume v1.txt', 'Bäume.txt', '1']]\n"
    );
    let (_, older) = read(&format!("{base}.zip?after={}", first["next"].as_str().unwrap())).await;
    let older = String::from_utf8_lossy(&older);
    assert!(older.contains("Bäume v1.txt") && !older.contains("Bäume v2.txt"), "an archive goes on where the one before ended");
    let remove = async |role, days: u32| api(&house, role, Method::DELETE, &format!("{base}?older_than_days={days}"), None).await;
    assert_eq!(remove(Role::Helper, 30).await.0, StatusCode::FORBIDDEN);
    house.app.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let (status, refused) = remove(Role::Admin, REMOVE_DAYS_MIN - 1).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("older_than_days")), "{refused}");
    assert_eq!(remove(Role::Admin, REMOVE_DAYS_MIN).await.1, json!({ "removed": 0 }));
    house.app.clock.advance(Duration::from_secs(1));
    assert_eq!(remove(Role::Admin, REMOVE_DAYS_MIN).await.1, json!({ "removed": 2 }));
    let (status, rotated) = api(&house, Role::Admin, Method::POST, "/api/v1/access/keys", Some(json!({}))).await;
    assert_eq!((status, rotated.as_array().unwrap().len(), &rotated[0]["retired_at"]), (StatusCode::CREATED, 2, &Value::Null));
    assert_eq!(api(&house, Role::Helper, Method::POST, "/api/v1/access/keys", Some(json!({}))).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_persons_password_is_set_offered_and_taken_by_the_api_and_never_told() {
    let house = school(Policy::default()).await;
    let path = "/api/v1/people/p1/password";
    assert_eq!(api(&house, Role::Viewer, Method::GET, path, None).await.1, json!({ "is_set": false, "link_ends_at": null }));
    let wish = Some(json!({ "password": "correct horse battery" }));
    assert_eq!(api(&house, Role::Helper, Method::PUT, path, wish.clone()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(api(&house, Role::Admin, Method::PUT, path, wish).await.1["is_set"], true);
    let (status, link) = api(&house, Role::Admin, Method::POST, "/api/v1/people/p1/password-link", Some(json!({}))).await;
    assert_eq!(status, StatusCode::CREATED);
    let url = link["url"].as_str().unwrap();
    assert!(url.starts_with("https://mdm.example.school/password/"), "{url}");
    assert!(house.get("", url.strip_prefix(SERVER).unwrap()).await.body.contains("Choose a password"));
    assert_eq!(api(&house, Role::Admin, Method::DELETE, path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api(&house, Role::Admin, Method::DELETE, path, None).await.0, StatusCode::NOT_FOUND);
    let events = house.write(|tx| crate::store::events::list(tx, &crate::store::events::Filter::default(), None, 500)).await;
    let secret = Secret::new(url.rsplit('/').next().unwrap().to_owned());
    assert!(
        events.iter().all(|event| !event.data.to_string().contains(secret.expose()) && !event.data.to_string().contains("correct horse"))
    );
}

#[tokio::test]
async fn the_page_keeps_what_was_typed_and_says_what_is_wrong() {
    let house = school(Policy::default()).await;
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    let page = house.get(&admin, "/apps/a1/access").await.body;
    assert!(page.contains("Who may use Field notes a1") && page.contains("name=\"proofs\" value=\"token\" checked"), "{page}");
    assert!(!house.get(&viewer, "/apps/a1/access").await.body.contains("<input type=\"checkbox\""));
    let form =
        "who=device_person&proofs=token&offline_hours=99999&launches=&ask_every_minutes=60&clock_tolerance_minutes=10&keep_copies_days=365";
    let wrong = house.post(&admin, "/apps/a1/access", form).await;
    assert!(
        wrong.status == 422 && wrong.body.contains("value=\"99999\"") && wrong.body.contains("Take a number from 0 to 2160."),
        "{}",
        wrong.body
    );
    let wrong = house.post(&admin, "/apps/a1/access", &form.replace("99999", "some")).await;
    assert!(wrong.status == 422 && wrong.body.contains("Write a whole number."), "{}", wrong.body);
    assert_eq!(house.post(&viewer, "/apps/a1/access", form).await.status, 403);
    let saved = house.post(&admin, "/apps/a1/access", &form.replace("99999", "48")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let policy = house.write(|tx| access::show(tx, &Actor::Console, "a1")).await.policy.unwrap();
    assert_eq!((policy.who, policy.offline_hours, policy.launches, policy.erase_when_refused), (Who::DevicePerson, 48, None, false));
    let good = token(&house, "d1", "a1").await;
    Talk::new(&house, "installation-1").ask(&[("token", &good)]).await;
    let page = house.get(&admin, saved.location()).await.body;
    assert!(page.contains("iPad 1") && page.contains("allowed") && page.contains("It holds from the next ask on."), "{page}");
    assert!(house.get(&admin, "/apps/a1/access/copies").await.body.contains("No copies yet"));
    assert!(house.get(&admin, "/apps/a1/access/remove").await.body.contains("closes at the next ask"));
    assert_eq!(house.post(&admin, "/apps/a1/access/remove", "confirmed=1").await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&admin, "/apps/a1/access").await.body.contains("does not ask yet"));
}

#[tokio::test]
async fn the_page_of_a_person_leads_to_their_password() {
    let house = school(Policy::default()).await;
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    assert!(house.get(&viewer, "/people/p1").await.body.contains("/people/p1/password"));
    let offered = house.post(&admin, "/people/p1/password/link", "").await;
    let page = house.get(&admin, offered.location()).await.body;
    assert!(page.contains("https://mdm.example.school/password/"), "{page}");
    assert!(!house.get(&admin, offered.location()).await.body.contains("https://mdm.example.school/password/"), "said once");
    let short = house.post(&admin, "/people/p1/password", "password=short").await;
    assert!(short.status == 422 && short.body.contains("at least 10 characters"), "{}", short.body);
    assert_eq!(house.post(&admin, "/people/p1/password", "password=correct+horse+battery").await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&viewer, "/people/p1/password").await.body.contains("is set"));
    assert_eq!(house.post(&viewer, "/people/p1/password", "password=correct+horse+battery").await.status, 403);
    assert_eq!(house.post(&admin, "/people/p1/password/remove", "").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn how_an_app_asks_is_written_down_for_everybody() {
    let page = House::new().get("", "/docs/access").await;
    assert_eq!(page.status, 200);
    for word in ["last_grant", "rollcall-grant+jws", "rolled_back", "ThisDeviceOnly", "alg none"] {
        assert!(page.body.contains(word), "{word}");
    }
}

#[tokio::test]
async fn an_app_and_its_copies_are_reached_by_clicking_and_devices_and_people_are_told_apart() {
    let house = super::people::with_passwords(super::people::by_password()).await;
    let admin = house.person(Role::Admin).await;
    assert!(house.get(&admin, "/apps/a1").await.body.contains("href=\"/apps/a1/access\""));
    let mut talk = Talk::new(&house, "installation-1");
    talk.ask(&super::people::KIM).await;
    let page = house.get(&admin, "/apps/a1/access").await.body;
    assert!(page.contains("1 person by password.") && page.contains("any device, by password") && !page.contains("1 device"), "{page}");
    assert!(page.contains("href=\"/apps/a1/access/copies\""), "{page}");
}

#[tokio::test]
async fn whoever_may_destroy_makes_room_by_saying_how_many_copies_go() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let answer = grant(&house, "application/json", body).await.body;
    for document in ["one", "two"] {
        let request = Request::post(format!("/access/v1/copies?document={document}")).header("authorization", format!("Bearer {answer}"));
        assert_eq!(house.send(request.body(Body::from("x")).unwrap()).await.status, 201);
    }
    let base = "/api/v1/apps/a1/access/copies";
    let (_, keepers) = api(&house, Role::Viewer, Method::GET, &format!("{base}/keepers"), None).await;
    assert_eq!(
        (&keepers[0]["device_id"], &keepers[0]["count"], &keepers[0]["size_bytes"]),
        (&json!("d1"), &json!(2), &json!(2)),
        "{keepers}"
    );
    let free = async |role, confirm| {
        api(&house, role, Method::POST, &format!("{base}/free"), Some(json!({ "device_id": "d1", "confirm": confirm }))).await
    };
    assert_eq!(free(Role::Helper, 2).await.0, StatusCode::FORBIDDEN);
    assert_eq!(free(Role::Admin, 1).await.1["errors"][0]["field"], "confirm");
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    let page = house.get(&admin, "/apps/a1/access/copies").await.body;
    let link = "/apps/a1/access/copies/free?device=d1";
    assert!(page.contains(link), "{page}");
    assert!(!house.get(&viewer, "/apps/a1/access/copies").await.body.contains(link));
    assert_eq!(house.get(&viewer, link).await.status, 403);
    assert!(house.get(&admin, link).await.body.contains("lost for good"));
    let path = "/apps/a1/access/copies/free";
    assert_eq!(house.post(&viewer, path, "device=d1&typed=2").await.status, 403);
    let wrong = house.post(&admin, path, "device=d1&typed=3").await;
    assert!(wrong.status == 422 && wrong.body.contains("how many copies are removed: 2"), "{}", wrong.body);
    let done = house.post(&admin, path, "device=d1&typed=2").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert!(house.get(&admin, done.location()).await.body.contains("2 copies removed."));
    let events = house.write(|tx| crate::store::events::list(tx, &crate::store::events::Filter::default(), None, 500)).await;
    let freed = events.iter().find(|event| event.kind == "access.copies_freed").unwrap();
    assert_eq!((&freed.data["count"], freed.device_id.as_deref()), (&json!(2), Some("d1")));
    assert_eq!(free(Role::Admin, 0).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_policy_is_said_at_once_at_the_top_and_at_its_fields() {
    let house = school(Policy::default()).await;
    let owner = house.person(Role::Owner).await;
    let form = "who=devices&offline_hours=many&launches=0&ask_every_minutes=0&clock_tolerance_minutes=&keep_copies_days=7";
    let wrong = house.post(&owner, "/apps/a1/access", form).await;
    assert!(wrong.status == 422 && wrong.body.contains("5 things are to be put right."), "{}", wrong.body);
    for field in ["proofs", "offline_hours", "launches", "ask_every_minutes", "clock_tolerance_minutes"] {
        assert!(wrong.body.contains(&format!("href=\"#f-{field}\"")) && wrong.body.contains(&format!("id=\"f-{field}-error\"")), "{field}");
    }
    assert!(wrong.body.contains("value=\"many\""), "nothing typed is lost");
}
