//! The form that an app's maker gives for its configuration, as people bring it and fill it in.

use super::House;
use crate::mdm::apps;
use crate::mdm::{Actor, Role};
use crate::protocol::app_config::MAX_BYTES;
use crate::protocol::app_config::tests::ATLAS;
use crate::protocol::plist::Dictionary;

impl House {
    async fn atlas(&self) -> String {
        self.write(|tx| {
            let app = apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
            apps::learn_identifier(tx, &app.id, "school.example.atlas")?;
            Ok(app.id)
        })
        .await
    }

    async fn set(&self, id: &str, json: &'static str) {
        let id = id.to_owned();
        let set = move |tx: &crate::store::Tx| {
            apps::set_configuration_unchecked(tx, &Actor::Console, &id, apps::configuration::read(json)?.as_ref())
        };
        self.write(set).await;
    }

    async fn configuration(&self, id: &str) -> Option<Dictionary> {
        let id = id.to_owned();
        self.write(move |tx| apps::configuration_of(tx, &Actor::Console, &id)).await
    }
}

#[tokio::test]
async fn a_makers_file_becomes_a_form_in_peoples_words_and_goes_again() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.atlas().await);
    let (manage, bring) = (format!("/apps/{id}/manage"), format!("/apps/{id}/schema"));
    assert!(house.get(&owner, &manage).await.body.contains("Specification file of the app"));
    for (file, status, words) in [
        (String::from("hello"), 422, "This is no XML"),
        (
            ATLAS.replace("example.atlas", "example.bell"),
            422,
            "This file is for the app school.example.bell, and Atlas is school.example.atlas.",
        ),
        ("x".repeat(MAX_BYTES + 1), 413, "larger than 1024 KB"),
    ] {
        let wrong = house.bring(&owner, &bring, file.as_bytes()).await;
        assert!(
            wrong.status == status && wrong.body.contains("id=\"f-file-error\"") && wrong.body.contains(words),
            "{words}: {}",
            wrong.body
        );
    }
    house.set(&id, r#"{"theme":"blue","of my own":[1],"layers":["towns"],"pages":7}"#).await;
    let brought = house.bring(&owner, &bring, ATLAS.as_bytes()).await;
    let page = house.get(&owner, brought.location()).await.body;
    for part in [
        "Nothing is set by it yet",
        "Server &amp; door",
        "Where the maps are kept.",
        "<legend>Aussehen</legend>",
        "<option value=\"dark\">dark</option>",
        "<option value=\"blue\" selected>blue (none of the choices)</option>",
        "name=\"configuration.pupil%20name\"",
        "At most 20 characters. The maker suggests: $PERSON_NAME",
        "name=\"configuration.pages\" type=\"text\" inputmode=\"numeric\" class=\"input\" value=\"7\"",
        "name=\"configuration.layers\" value=\"towns\" checked",
        "type=\"datetime-local\"",
        "The maker suggests: yes",
        "What the maker usually does not show",
        "Also set",
        "of my own",
        "cannot ask for, and can be set as a property list: odd.",
        "version 3",
        "As a property list, or key by key",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("value=\"20\""), "what is suggested is not set by itself");
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.bring(&viewer, &bring, ATLAS.as_bytes()).await.status, 403);
    assert_eq!(house.post(&viewer, &format!("{bring}/delete"), "").await.status, 403);
    let gone = house.post(&owner, &format!("{bring}/delete"), "").await;
    let page = house.get(&owner, gone.location()).await.body;
    assert!(page.contains("What is set stays.") && page.contains("Make the form") && page.contains("of my own"), "{page}");
}

#[tokio::test]
async fn a_form_is_saved_and_what_does_not_fit_stands_at_its_field_with_what_was_typed() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.atlas().await);
    house.bring(&owner, &format!("/apps/{id}/schema"), ATLAS.as_bytes()).await;
    house.set(&id, r#"{"of my own":[1]}"#).await;
    let path = format!("/apps/{id}/form");
    let typed = "configuration.server=http%3A%2F%2F%3Ca%3E&configuration.pupil%2520name=Ada&configuration.pages=many&configuration.ends=soon&configuration.layers=&configuration.layers=towns&configuration.offline=false";
    let wrong = house.post(&owner, &path, typed).await;
    assert_eq!(wrong.status, 422);
    for part in [
        "value=\"http://&lt;a&gt;\"",
        "id=\"f-configuration.server-error\"",
        "A text of the form that the app's maker asks for: https://.+.",
        "value=\"many\"",
        "A whole number, for example 42",
        "value=\"soon\"",
        "value=\"Ada\"",
        "value=\"towns\" checked",
        "<option value=\"false\" selected>No</option>",
    ] {
        assert!(wrong.body.replace("&#39;", "'").contains(part), "{part} in {}", wrong.body);
    }
    assert_eq!(house.configuration(&id).await.unwrap().len(), 1, "nothing was changed");

    let asked = house.post(&owner, &path, &format!("{typed}&configuration.theme=&suggest=1")).await;
    assert_eq!(asked.status, 200);
    for part in ["value=\"many\"", "<option value=\"light\" selected>Light</option>", "value=\"Ada\"", "<option value=\"false\" selected>"]
    {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    assert_eq!(house.configuration(&id).await.unwrap().len(), 1, "suggestions are only offered");

    let right = typed
        .replace("http%3A%2F%2F%3Ca%3E", "https%3A%2F%2F%24SERIAL.example.school")
        .replace("many", "30")
        .replace("soon", "2026-12-24T15%3A30");
    let saved = house.post(&owner, &path, &right).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let keys = house.configuration(&id).await.unwrap();
    assert_eq!(keys.len(), 7);
    assert_eq!(keys.get("pupil name").unwrap().as_string(), Some("Ada"));
    let page = house.get(&owner, &format!("/apps/{id}/manage")).await.body;
    assert!(page.contains("value=\"https://$SERIAL.example.school\"") && page.contains("value=\"2026-12-24T15:30\""), "{page}");
    assert_eq!(house.post(&owner, &format!("/apps/{id}/schema/delete"), "").await.status, 303);
    let late = house.post(&owner, &path, &right).await;
    assert!(late.status == 422 && late.body.contains("taken away meanwhile"), "{}", late.body);
}

#[tokio::test]
async fn a_property_list_is_held_against_the_makers_file_unless_somebody_says_otherwise() {
    let house = House::new();
    let (owner, id) = (house.person(Role::Owner).await, house.atlas().await);
    house.bring(&owner, &format!("/apps/{id}/schema"), ATLAS.as_bytes()).await;
    let path = format!("/apps/{id}/configuration");
    let typed = "configuration=%7B%22server%22%3A%22https%3A%2F%2Fa%22%2C%22pages%22%3A200%7D&key=&value=";
    let wrong = house.post(&owner, &path, typed).await;
    assert!(wrong.status == 422 && wrong.body.contains("id=\"f-configuration-error\""), "{}", wrong.body);
    assert!(wrong.body.contains("pages: Between 1 and 100.") && !wrong.body.contains("f-configuration.pages-error"), "{}", wrong.body);
    assert_eq!(house.configuration(&id).await, None);
    assert_eq!(house.post(&owner, &path, &format!("{typed}&unchecked=1")).await.status, 303);
    assert_eq!(house.configuration(&id).await.unwrap().get("pages").unwrap().as_signed_integer(), Some(200));
}
