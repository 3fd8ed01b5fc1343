//! A school reads its pages in its own language: after a restart, after a restore, and until somebody wants English again.

use rollcall::language::{speak, spoken};
use rollcall::mdm::backups::restore;
use rollcall::pki::vault::Key;
use rollcall::secret::Secret;
use rollcall::store::backup::{Watch, take_over};
use rollcall::store::settings::{self, Setting};
use serde_json::{Value, json};

use crate::access::send;
use crate::kit::House;

const PATH: &str = "/api/v1/settings/language";

const GERMAN: &str = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n\n\
                      msgid \"There is nothing at this address.\"\nmsgstr \"An dieser Adresse ist nichts.\"\n";

/// What a page says that is about nothing else.
async fn page(house: &House) -> String {
    let (status, page) = send(house, "GET", "/nothing/here", "", b"").await;
    assert_eq!(status, 404);
    String::from_utf8(page).unwrap()
}

fn is_german(page: &str) -> bool {
    page.contains("<html lang=\"de\">") && page.contains("An dieser Adresse ist nichts.")
}

fn is_english(page: &str) -> bool {
    page.contains("<html lang=\"en\">") && page.contains("There is nothing at this address.")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_outlives_a_restart_and_the_machine_and_goes_when_it_is_removed() {
    let mut house = House::open().await;
    assert!(is_english(&page(&house).await));
    let (status, brought) = house.send_file("PUT", PATH, GERMAN).await;
    assert_eq!((status, &brought["tag"], &brought["translated"]), (200, &json!("de"), &json!(1)), "{brought}");
    assert!(is_german(&page(&house).await));
    let backup = house.bytes("POST", "/api/v1/backups/file", json!({ "passphrase": "correct horse battery" })).await;

    speak(None);
    house.start_changed(|layer| layer).await;
    assert!(is_german(&page(&house).await), "after a restart");
    let (status, _) = house.api("DELETE", PATH, json!(null)).await;
    assert_eq!(status, 204);
    assert!(is_english(&page(&house).await));

    house.lose_data().await;
    let (data, now) = (house.data(), house.clock.now());
    tokio::task::spawn_blocking(move || {
        std::fs::create_dir(&data).unwrap();
        let key = Key::Passphrase(Secret::new(String::from("correct horse battery")));
        restore::prepare(&data, backup.as_slice(), &key, now, &Watch::unending()).unwrap();
        assert_eq!(take_over(&data).unwrap(), None);
    })
    .await
    .unwrap();
    house.start_again().await;
    assert!(is_german(&page(&house).await), "the backup holds it");
    house.close().await;
    speak(None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_cannot_be_read_any_more_keeps_nobody_from_starting() {
    let mut house = House::open().await;
    assert_eq!(house.send_file("PUT", PATH, GERMAN).await.0, 200);
    let of_another_time = json!({ "tag": "de", "file": "msgid", "since": "2020-01-01T00:00:00Z", "by": "Ada" });
    house.write(move |tx| settings::set(tx, &Setting::<Value>::new("language"), &of_another_time)).await;
    house.start_changed(|layer| layer).await;
    assert!(spoken().is_none() && is_english(&page(&house).await));
    let (_, shown) = house.api("GET", PATH, json!(null)).await;
    assert!(shown["tag"] == "de" && shown["problem"].as_str().unwrap().contains("line 1 cannot be read"), "{shown}");
    house.close().await;
}
