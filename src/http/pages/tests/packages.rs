//! Apps of the house and provisioning profiles on their pages.

use super::*;
use crate::protocol::package::code::tests::{LINKED, SIGNED_APP};
use crate::protocol::package::tests::{COMPONENT, EXPIRED, FIELD, NEXT};
use crate::protocol::provision::tests::profile;
use crate::store::packages as rows;
use crate::store::profiles::tests::group;

/// A form with a file, as a browser without script sends it.
fn form(boxes: &[&str], file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for name in boxes {
        body.extend_from_slice(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n").as_bytes());
    }
    body.extend_from_slice(b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"Field.ipa\"\r\n\r\n");
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--x--\r\n");
    body
}

impl House {
    async fn bring_file(&self, cookie: &str, path: &str, boxes: &[&str], file: &[u8]) -> Reply {
        self.send(Self::posted(cookie, path, "multipart/form-data; boundary=x", form(boxes, file))).await
    }
}

#[tokio::test]
async fn an_app_is_uploaded_without_script_looked_at_staged_and_deleted() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    assert!(house.get(&owner, "/own-apps").await.body.contains("No apps of your own yet"));
    assert!(house.get(&owner, "/own-apps/new").await.body.contains("data-pieces"));
    let kept = house.bring_file(&owner, "/own-apps/new", &[], FIELD).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.body);
    let page = house.get(&owner, kept.location()).await.body;
    for part in ["Field Notes", "1.4.2 (142)", "iPhone, iPad, system 16.0 and later", "every device", "2035", "in place for everyone"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let version = kept.location().split('?').next().unwrap().to_owned();
    assert_eq!(house.get(&owner, &format!("{version}/icon")).await.status, StatusCode::OK);
    let next = house.bring_file(&owner, "/own-apps/new", &[], NEXT).await;
    let next = next.location().split('?').next().unwrap().to_owned();
    assert!(house.get(&owner, &next).await.body.contains("Put it in place for everyone"));
    let staged = house.post(&owner, &next, "stage=everyone").await;
    assert_eq!(staged.status, StatusCode::SEE_OTHER, "{}", staged.body);
    let list = house.get(&owner, "/own-apps").await.body;
    assert!(list.contains("143") && list.contains("2 versions"), "{list}");
    let asked = house.get(&owner, &format!("{version}/delete")).await.body;
    assert!(asked.contains("Delete this version"), "{asked}");
    let deleted = house.post(&owner, &format!("{version}/delete"), "confirmed=1").await;
    assert_eq!(deleted.status, StatusCode::SEE_OTHER);
    let app = deleted.location().split('?').next().unwrap().to_owned();
    let page = house.get(&owner, &app).await.body;
    assert!(page.contains("1.4.3 (143)") && !page.contains("1.4.2 (142)") && page.contains("assigned to nobody yet"), "{page}");

    let viewer = house.person(Role::Viewer).await;
    let seen = house.get(&viewer, &next).await.body;
    assert!(seen.contains("1.4.3 (143)") && !seen.contains("Put it in place") && !seen.contains("Delete"), "{seen}");
    assert_eq!(house.get(&viewer, "/own-apps/new").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_page_of_a_version_says_who_signed_it_and_what_keeps_devices_from_opening_it() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for (file, words) in [
        (
            SIGNED_APP,
            &[
                "iPhone Distribution: Example School (A1B2C3D4E5)",
                ", of Example School, team A1B2C3D4E5, for in-house distribution, until",
                "every page of the program, Info.plist, the list of its files, the provisioning profile. Frameworks",
                "which is no certificate of Apple&#39;s",
            ][..],
        ),
        (LINKED, &["nobody&#39;s certificate: its linker alone", "signed without a certificate"][..]),
        (FIELD, &["There is no program in the app"][..]),
    ] {
        let kept = house.bring_file(&owner, "/own-apps/new", &[], file).await;
        assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.body);
        let page = house.get(&owner, kept.location()).await.body.replace('\'', "&#39;");
        for part in words {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_stands_at_its_field() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let refused = house.bring_file(&owner, "/own-apps/new", &[], COMPONENT).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("productbuild --package"), "{}", refused.body);
    let ended = house.bring_file(&owner, "/own-apps/new", &[], EXPIRED).await;
    assert!(ended.status == StatusCode::UNPROCESSABLE_ENTITY && ended.body.contains("ended on 1 Jun 2026"), "{}", ended.body);
    let kept = house.bring_file(&owner, "/own-apps/new", &["accept_expired"], EXPIRED).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER);
    let version = kept.location().split('?').next().unwrap();
    // Where people look at the app, they are told as on the page of the version.
    let words = "The provisioning profile inside ended on";
    assert!(house.get(&owner, version).await.body.contains(words));
    let package = version.rsplit('/').next().unwrap().to_owned();
    let id = house.write(move |tx| Ok(rows::by_id(tx, &package)?.unwrap().app_id)).await;
    let page = house.get(&owner, &format!("/apps/{id}")).await.body;
    assert!(page.contains(words) && page.contains(&format!("href=\"{version}\"")), "{page}");
    let none = house.bring_file(&owner, "/own-apps/new", &[], b"").await;
    assert!(none.body.contains("is empty"), "{}", none.body);
}

#[tokio::test]
async fn a_group_is_chosen_that_tries_new_versions_and_a_version_in_use_stays() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad 1").await;
    house.write(|tx| group(tx, "cart", "Cart <A>", &["d1"])).await;
    let kept = house.bring_file(&owner, "/own-apps/new", &[], FIELD).await;
    let version = kept.location().split('?').next().unwrap().to_owned();
    let id = version.rsplit('/').next().unwrap().to_owned();
    let app = house.write(move |tx| Ok(rows::by_id(tx, &id)?.unwrap().app_id)).await;
    let chosen = house.post(&owner, &format!("/own-apps/{app}/pilot"), "pilot_group_id=cart").await;
    assert_eq!(chosen.status, StatusCode::SEE_OTHER, "{}", chosen.body);
    let page = house.get(&owner, chosen.location()).await.body;
    assert!(page.contains("The app is assigned to no device of the group “Cart &lt;A&gt;”"), "nobody would try it: {page}");
    let next = house.bring_file(&owner, "/own-apps/new", &[], NEXT).await;
    let page = house.get(&owner, next.location()).await.body;
    assert!(page.contains("on trial") && page.contains("The devices of Cart &lt;A&gt;") && page.contains("End the trial"), "{page}");
    let refused = house.post(&owner, &format!("{}/delete", next.location().split('?').next().unwrap()), "confirmed=1").await;
    assert!(refused.status == StatusCode::CONFLICT && refused.body.contains("“Cart &lt;A&gt;”"), "{}", refused.body);
    let page = house.get(&owner, &format!("/own-apps/{app}")).await.body;
    assert!(page.contains(&format!("href=\"/apps/{app}/access\"")), "who may use it is reached by clicking: {page}");
    let tried = house.post(&owner, &format!("/own-apps/{app}/try"), "").await;
    assert_eq!(tried.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_provisioning_profile_is_uploaded_and_given_to_a_group() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad 1").await;
    house.write(|tx| group(tx, "cart", "Cart <A>", &["d1"])).await;
    assert!(house.get(&owner, "/provisioning").await.body.contains("No provisioning profiles yet"));
    let end = house.app.now().plus(std::time::Duration::from_secs(20 * 24 * 3600));
    let kept = house.bring_file(&owner, "/provisioning/new", &[], &profile("P-1", "school.example.field", end, &[])).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.body);
    let address = kept.location().split('?').next().unwrap().to_owned();
    let saved = house.post(&owner, &format!("{address}/scope"), "groups=cart").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let list = house.get(&owner, "/provisioning").await.body;
    assert!(list.contains("In-house Field") && list.contains("Cart &lt;A&gt;") && list.contains("state-waiting"), "{list}");
    assert!(list.contains("not signed by Apple") && house.get(&owner, "/").await.body.contains("Provisioning profile “In-house Field”"));
    let page = house.get(&owner, &address).await.body;
    assert!(page.contains("until the device is restarted") && page.contains("Example School (A1B2C3D4E5)"), "{page}");
    assert!(house.get(&owner, "/groups/cart").await.body.contains("Provisioning profile In-house Field"));
    let refused = house.bring_file(&owner, "/provisioning/new", &[], b"hello").await;
    assert!(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY
            && refused.body.contains("This is a text. Here a provisioning profile is needed"),
        "{}",
        refused.body
    );
    assert_eq!(house.post(&owner, &format!("{address}/delete"), "confirmed=1").await.status, StatusCode::SEE_OTHER);
}
