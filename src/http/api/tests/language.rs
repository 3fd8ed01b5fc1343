//! The language of the appliance by the API.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use super::{House, Reply};
use crate::http::limits::LANGUAGE_MAX_BYTES;
use crate::http::server::Listener;
use crate::language::{Catalogue, spoken};
use crate::mdm::Role;

const PATH: &str = "/api/v1/settings/language";

const GERMAN: &str = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\nmsgid \"Devices\"\nmsgstr \"Geräte\"\n\n\
                      msgid \"{n} hours ago\"\nmsgstr \"vor {m} Stunden\"\n\n\
                      msgid \"a name of the IANA database, continent and city, for example Europe/Berlin; nothing for the machine's own\"\n\
                      msgstr \"ein Name der IANA-Datenbank, etwa Europe/Berlin; nichts für den der Maschine\"\n";

async fn bring(house: &House, role: Role, path: &str, header: Option<&str>, file: impl Into<Body>) -> Reply {
    let token = house.kit.token(role).await;
    let mut request = Request::put(path).header("authorization", format!("Bearer {token}"));
    if let Some(tag) = header {
        request = request.header("content-language", tag);
    }
    house.send(Listener::Main, request.body(file.into()).unwrap()).await
}

#[tokio::test]
async fn a_language_is_brought_shown_and_removed_and_answers_speak_it() {
    let house = House::new();
    let english = house.ask(Role::Viewer, Method::GET, PATH, None).await.body;
    assert_eq!((&english["tag"], &english["since"], &english["translated"]), (&json!("en"), &json!(null), &english["of"]));
    assert_eq!(bring(&house, Role::Helper, PATH, None, GERMAN).await.status, 403);
    let brought = bring(&house, Role::Admin, PATH, None, GERMAN).await;
    assert_eq!(brought.status, 200, "{}", brought.body);
    let shown = house.ask(Role::Viewer, Method::GET, PATH, None).await.body;
    assert_eq!(shown, brought.body);
    assert_eq!((&shown["tag"], &shown["translated"], &shown["problem"]), (&json!("de"), &json!(2), &json!(null)));
    assert_eq!((&shown["left_out"], &shown["left_out_total"]), (&json!(["{n} hours ago"]), &json!(1)));
    assert!(shown["by"].as_str().unwrap().contains("admin"), "{shown}");
    let refused = house.ask(Role::Admin, Method::PATCH, "/api/v1/settings", Some(json!({ "time_zone": "CEST" }))).await.body;
    assert!(refused["errors"][0]["message"].as_str().unwrap().starts_with("ein Name der IANA-Datenbank"), "{refused}");
    assert_eq!(house.ask(Role::Helper, Method::DELETE, PATH, None).await.status, 403);
    for _ in 0..2 {
        assert_eq!(house.ask(Role::Admin, Method::DELETE, PATH, None).await.status, 204);
    }
    assert!(spoken().is_none());
    assert_eq!(house.ask(Role::Viewer, Method::GET, PATH, None).await.body, english);
}

#[tokio::test]
async fn the_tag_is_that_of_the_query_else_of_the_header_else_of_the_file() {
    let house = House::new();
    let by_query = format!("{PATH}?tag=fr");
    for (path, header, tag) in [(by_query.as_str(), Some("pt-BR"), "fr"), (PATH, Some("pt-BR"), "pt-BR"), (PATH, None, "de")] {
        assert_eq!(bring(&house, Role::Owner, path, header, GERMAN).await.body["tag"], tag);
        assert_eq!(spoken().map(Catalogue::tag), Some(tag));
    }
    house.ask(Role::Owner, Method::DELETE, PATH, None).await;
}

#[tokio::test]
async fn what_is_no_language_is_refused_at_its_field_and_what_is_spoken_stays() {
    let house = House::new();
    assert_eq!(bring(&house, Role::Owner, PATH, None, GERMAN).await.status, 200);
    let nameless = GERMAN.replace("Language: de", "Language: ");
    for (header, file, field) in
        [(Some("German"), GERMAN, "tag"), (None, nameless.as_str(), "tag"), (Some("de"), "name,serial\n", "file"), (Some("de"), "", "file")]
    {
        let refused = bring(&house, Role::Owner, PATH, header, file.to_owned()).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert_eq!(refused.body["errors"][0]["field"], field, "{}", refused.body);
    }
    for (bytes, status) in [(LANGUAGE_MAX_BYTES, 400), (LANGUAGE_MAX_BYTES + 1, 413)] {
        assert_eq!(bring(&house, Role::Owner, PATH, Some("de"), vec![b'#'; bytes]).await.status, status);
    }
    assert_eq!(bring(&house, Role::Owner, &format!("{PATH}?language=de"), None, GERMAN).await.status, 400, "an unknown parameter");
    assert_eq!(spoken().map(Catalogue::tag), Some("de"));
    house.ask(Role::Owner, Method::DELETE, PATH, None).await;
}

#[tokio::test]
async fn the_english_texts_are_a_file_to_save() {
    let house = House::new();
    let file = house.ask(Role::Viewer, Method::GET, &format!("{PATH}/template"), None).await;
    assert_eq!(file.status, 200);
    assert!(file.headers["content-type"].to_str().unwrap().starts_with("text/x-gettext-translation"));
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"rollcall.pot\"");
    assert!(file.body.as_str().unwrap().contains("msgid \"Devices\""));
}
