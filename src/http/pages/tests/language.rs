//! Another language, as people bring it and read it.

use super::House;
use crate::http::limits::LANGUAGE_MAX_BYTES;
use crate::language::spoken;
use crate::mdm::Role;

const PAGE: &str = "/system/language";
const FILE: &str = "/system/language/file";

const GERMAN: &str = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\nmsgid \"Log out\"\nmsgstr \"Abmelden\"\n\n\
                      msgid \"{n} hours ago\"\nmsgstr \"vor {m} Stunden\"\n\n\
                      msgid \"Pages speak this language from now on.\"\nmsgstr \"Seiten sprechen ab jetzt Deutsch.\"\n";

#[tokio::test]
async fn a_language_is_brought_on_its_page_and_spoken_at_once_until_english_is_wanted() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    assert!(house.get(&owner, "/system").await.body.contains("href=\"/system/language\""));
    let looked = house.get(&viewer, PAGE).await.body;
    assert!(looked.contains("English") && !looked.contains("name=\"file\""), "{looked}");
    assert_eq!(house.bring_to(&viewer, FILE, &[("tag", ""), ("file", GERMAN)]).await.status, 403);

    let brought = house.bring_to(&owner, FILE, &[("tag", ""), ("file", GERMAN)]).await;
    assert_eq!(brought.status, 303, "{}", brought.body);
    let said = house.get(&owner, brought.location()).await.body;
    for part in ["<html lang=\"de\">", "Abmelden</button>", "Seiten sprechen ab jetzt Deutsch.", "2 of ", "{n} hours ago"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(house.get("", "/login").await.body.contains("<html lang=\"de\">"), "who is not logged in reads it too");
    assert!(house.get(&viewer, "/system").await.body.contains("de: 2 of "));
    let log = house.get(&owner, "/system/audit").await.body;
    assert!(log.contains("Chose the language of pages: de"), "{log}");

    assert_eq!(house.post(&viewer, "/system/language/english", "").await.status, 403);
    let back = house.post(&owner, "/system/language/english", "").await;
    let page = house.get(&owner, back.location()).await.body;
    assert!(page.contains("<html lang=\"en\">") && page.contains("Pages speak English again."), "{page}");
    assert!(house.get(&owner, "/system/audit").await.body.contains("Has pages speak English again"));
    assert_eq!(house.get(&owner, FILE).await.location(), PAGE, "a page that is loaded again");
}

#[tokio::test]
async fn a_file_that_is_none_is_told_at_its_field_and_what_was_typed_stays() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let refused = house.bring_to(&owner, FILE, &[("tag", "German"), ("file", GERMAN)]).await;
    for part in ["id=\"f-tag-error\"", "Write a language as its tag, like de or pt-BR.", "value=\"German\""] {
        assert!(refused.status == 422 && refused.body.contains(part), "{part} in {}", refused.body);
    }
    let large = "#".repeat(LANGUAGE_MAX_BYTES + 1);
    for (file, words) in [
        ("name,serial\n", "This is no file of translations (.po): line 1 cannot be read."),
        (large.as_str(), "The file is larger than 4 MiB."),
        ("", "None of the texts of this file is said here"),
    ] {
        let refused = house.bring_to(&owner, FILE, &[("tag", "de"), ("file", file)]).await;
        assert!(refused.status == 422 && refused.body.contains("id=\"f-file-error\""), "{words}: {}", refused.body);
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
    }
    assert!(spoken().is_none());
}

#[tokio::test]
async fn everybody_who_looks_may_save_the_texts_to_translate() {
    let house = House::new();
    let viewer = house.person(Role::Viewer).await;
    let file = house.get(&viewer, "/system/language/template").await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"rollcall.pot\"");
    assert!(file.body.contains("msgid \"Log out\""));
}
