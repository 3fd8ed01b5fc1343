//! Files that were dropped on the wrong page: every upload says what a file is, and leads to the page that takes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::http::pages::parts::way;
use crate::pki::dropped::Place;
use crate::pki::issue;
use crate::pki::key::PrivateKey;

const PROFILE: &str = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadContent</key><array/></dict></plist>";
const PROVISIONING: &str = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>ProvisionedDevices</key><array/></dict></plist>";

fn form(field: &str, name: &str, file: &[u8]) -> Vec<u8> {
    let mut body = format!("--x\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n").into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--x--\r\n");
    body
}

/// A file of each sort that some page takes, with a part of what it is called and the page.
fn files(house: &House) -> Vec<(&'static str, Vec<u8>, &'static str, Place)> {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let now = house.app.now();
    let push = issue::root("Portal of a test", now).unwrap().practice_push("com.apple.mgmt.External.test", &key, now).unwrap();
    let token = STANDARD.encode(r#"{"token":"AAAA","expDate":"2031-01-01T00:00:00+0000","orgName":"Example School"}"#);
    let archive = |name: &str| [b"PK\x03\x04\x14\x00\x00\x00\x00\x00".as_slice(), name.as_bytes()].concat();
    vec![
        ("MDM_Example.pem", push.to_pem().into_bytes(), "a push certificate", Place::Push),
        ("school.vpptoken", token.into_bytes(), "a content token of Apps and Books", Place::AppsAndBooks),
        (
            "school_smime.p7m",
            b"Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\n\r\nMIAGCSqG".to_vec(),
            "a server token of Automated Device Enrollment",
            Place::DeviceLists,
        ),
        ("wifi.mobileconfig", PROFILE.into(), "a configuration profile", Place::Profiles),
        ("field.mobileprovision", PROVISIONING.into(), "a provisioning profile", Place::Provisioning),
        ("field.pkg", b"xar!\x00\x1c".to_vec(), "an installer package for Macs", Place::OwnApps),
        ("field.ipa", archive("Payload/Field.app/Info.plist"), "an app (.ipa)", Place::OwnApps),
        ("people.csv", b"name,class\nKim,7a\nPat,7b\n".to_vec(), "a table (CSV)", Place::People),
        ("roster.zip", archive("users.csv"), "a ZIP archive with tables of people and classes", Place::People),
    ]
}

#[tokio::test]
async fn every_upload_says_what_a_foreign_file_is_and_leads_to_its_page() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let made = house.post(&owner, "/system/device-list", "name=School").await;
    let server = format!("{}/token", made.location().split('?').next().unwrap());
    let files = files(&house);
    for (path, field, here) in [
        ("/system/push", "certificate", Place::Push),
        ("/system/apps-and-books", "file", Place::AppsAndBooks),
        (server.as_str(), "file", Place::DeviceLists),
        ("/profiles/new", "file", Place::Profiles),
        ("/provisioning/new", "file", Place::Provisioning),
        ("/own-apps/new", "file", Place::OwnApps),
        ("/people/import", "files", Place::People),
    ] {
        for (name, file, what, place) in files.iter().filter(|(_, _, _, place)| *place != here) {
            let request = House::posted(&owner, path, "multipart/form-data; boundary=x", form(field, name, file));
            let told = house.send(request).await;
            let (href, words) = way(*place);
            assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}, {name}: {}", told.body);
            assert!(told.body.contains(*what), "{path}, {name}: {}", told.body);
            assert!(told.body.contains(&format!("<a href=\"{href}\">{words}</a>")), "{path}, {name}: {}", told.body);
        }
    }
}

#[tokio::test]
async fn the_way_is_there_for_the_script_that_sends_apps_in_pieces() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let page = house.get(&owner, "/own-apps/new").await.body;
    for place in Place::ALL {
        let (href, words) = way(place);
        assert!(page.contains(&format!("{}\t{href}\t{words}", place.name())), "{page}");
    }
}
