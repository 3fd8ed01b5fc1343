//! People, classes and imports through the API.

use super::*;

const TABLE: &str = "name,email,class\nKim Example,kim@example.school,7b\nAda Example,ada@example.school,7b\n";

/// The parts of a form with files.
fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        body.extend(format!("--cut\r\ncontent-disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n").into_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--cut--\r\n");
    body
}

impl House {
    async fn upload(&self, role: Role, files: &[(&str, &[u8])]) -> Reply {
        let token = self.kit.token(role).await;
        let request = Request::post("/api/v1/people/import/preview")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "multipart/form-data; boundary=cut")
            .body(Body::from(form(files)))
            .unwrap();
        self.send(Listener::Main, request).await
    }

    /// Does an import, asked for by the same actor that had it shown.
    async fn import(&self, files: &[(&str, &[u8])]) -> Reply {
        let token = self.kit.token(Role::Admin).await;
        let bearer = format!("Bearer {token}");
        let shown = Request::post("/api/v1/people/import/preview")
            .header("authorization", &bearer)
            .header("content-type", "multipart/form-data; boundary=cut")
            .body(Body::from(form(files)))
            .unwrap();
        let shown = self.send(Listener::Main, shown).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
        let body = json!({ "preview": shown.body["id"] });
        let done =
            self.send(Listener::Main, request(Method::POST, "/api/v1/people/import", &[("authorization", &bearer)], Some(body))).await;
        assert_eq!(done.body, shown.body["summary"], "what is done is what was shown");
        done
    }
}

#[tokio::test]
async fn a_person_is_made_changed_given_a_device_and_deleted() {
    let house = House::new();
    house.enrolled().await;
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/people", Some(json!({ "name": "Kim Example", "role": "student" }))).await;
    assert_eq!(
        (made.status, &made.body["source"], &made.body["active"]),
        (StatusCode::CREATED, &json!("hand"), &json!(true)),
        "{}",
        made.body
    );
    let id = made.body["id"].as_str().unwrap();
    let path = format!("/api/v1/people/{id}");
    let changed = house.ask(Role::Admin, Method::PATCH, &path, Some(json!({ "email": "kim@example.school" }))).await;
    assert_eq!((&changed.body["name"], &changed.body["email"]), (&json!("Kim Example"), &json!("kim@example.school")));
    let device = format!("/api/v1/devices/{}/person", super::commands::UDID);
    assert_eq!(house.ask(Role::Helper, Method::PUT, &device, Some(json!({ "person": id }))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::PUT, &device, Some(json!({ "person": id }))).await.body["person"]["name"], "Kim Example");
    let whole = house.ask(Role::Viewer, Method::GET, &path, None).await.body;
    assert_eq!(whole["devices"].as_array().unwrap().len(), 1);
    let unknown = house.ask(Role::Admin, Method::PUT, &device, Some(json!({ "person": "nobody" }))).await;
    assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("person")));
    let empty = house.ask(Role::Admin, Method::PUT, &device, Some(json!({}))).await;
    assert_eq!((empty.status, &empty.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("person")), "{}", empty.body);
    let listed = house.ask(Role::Viewer, Method::GET, "/api/v1/people?search=KIM&role=student&active=true", None).await.body;
    assert_eq!((&listed["total"], &listed["items"][0]["device_count"]), (&json!(1), &json!(1)));
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    let shown = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/devices/{}", super::commands::UDID), None).await.body;
    assert_eq!(shown["used_by"], json!(null));
}

#[tokio::test]
async fn a_class_that_a_rule_asks_for_is_not_deleted() {
    let house = House::new();
    let class = house.ask(Role::Admin, Method::POST, "/api/v1/classes", Some(json!({ "name": "7b" }))).await.body;
    let id = class["id"].as_str().unwrap();
    let group = json!({ "name": "Devices of 7b", "rule": { "class": id } });
    assert_eq!(house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(group)).await.body["rule_words"], "its person is in 7b");
    let refused = house.ask(Role::Admin, Method::DELETE, &format!("/api/v1/classes/{id}"), None).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body["detail"].as_str().unwrap().contains("Devices of 7b"), "{}", refused.body);
}

#[tokio::test]
async fn a_roster_is_shown_and_then_done_once() {
    let house = House::new();
    let done = house.import(&[("people.csv", TABLE.as_bytes())]).await;
    assert_eq!((&done.body["people_added"]["count"], &done.body["source"]), (&json!(2), &json!("csv")));
    let listed = house.ask(Role::Viewer, Method::GET, "/api/v1/people", None).await.body;
    assert_eq!(listed["items"].as_array().unwrap().iter().map(name_of).collect::<Vec<_>>(), ["Ada Example", "Kim Example"]);
    let again = house.upload(Role::Admin, &[("people.csv", TABLE.as_bytes())]).await;
    assert_eq!(again.body["summary"]["changes_anything"], false);
    let gone = house.ask(Role::Admin, Method::POST, "/api/v1/people/import", Some(json!({ "preview": again.body["id"] }))).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "what another token had shown");
    assert_eq!(house.upload(Role::Viewer, &[("people.csv", TABLE.as_bytes())]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn files_that_are_no_roster_are_refused_in_words() {
    let house = House::new();
    for (files, words) in [
        (vec![], "choose a CSV file"),
        (vec![("", &b""[..])], "choose a CSV file"),
        (vec![("x.csv", &b"colour\nred\n"[..])], "no column called Name or Email"),
        (vec![("x.zip", &b"PK\x03\x04"[..])], "damaged ZIP"),
        (vec![("x.csv", &b"name\nKim\n"[..]); 2], "none of them is OneRoster's"),
    ] {
        let reply = house.upload(Role::Admin, &files).await;
        assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("files")), "{}", reply.body);
        assert!(reply.body["detail"].as_str().unwrap().contains(words), "{words}: {}", reply.body);
    }
    let many = vec![("x.csv", &b"name\n"[..]); crate::protocol::roster::FILES_MAX + 1];
    assert_eq!(house.upload(Role::Admin, &many).await.status, StatusCode::BAD_REQUEST);
    let large = vec![b'x'; crate::http::limits::ROSTER_MAX_BYTES + 1];
    assert_eq!(house.upload(Role::Admin, &[("x.csv", &large)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}
