//! An app of the house, from the file that another tool packed to the bytes on a device, over real sockets.

use std::path::{Path, PathBuf};
use std::process::Command;

use rollcall::jobs;
use rollcall::mdm::admins::tokens::{self, NewToken};
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::mdm::{Actor, Role, assignments, packages};
use rollcall::store::assignments::AssignedKind;
use rollcall::store::enrollments;
use serde_json::Value;

use crate::kit::{Guest, House};
use crate::serve::rollcall;

/// Bytes of the program inside: three chunks of a manifest, the last one short.
const PROGRAM_BYTES: usize = 21 << 20;

fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().ok()?;
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// An .ipa that the zip tool packs; nothing where there is no such tool.
pub(crate) fn packed(folder: &Path, build: &str) -> Option<PathBuf> {
    let app = folder.join("Payload/Field Notes é.app");
    std::fs::create_dir_all(&app).unwrap();
    let info = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>school.example.field</string>\
         <key>CFBundleName</key><string>Field</string><key>CFBundleVersion</key><string>{build}</string>\
         <key>MinimumOSVersion</key><string>15.0</string></dict></plist>"
    );
    std::fs::write(app.join("Info.plist"), info).unwrap();
    let program: Vec<u8> = (0..PROGRAM_BYTES as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    std::fs::write(app.join("Field"), program).unwrap();
    let name = format!("Field-{build}.ipa");
    run("zip", &["-q0r", &name, "Payload"], folder)?;
    Some(folder.join(name))
}

fn sha256(file: &Path) -> String {
    run("openssl", &["dgst", "-sha256", "-r", file.to_str().unwrap()], file.parent().unwrap()).unwrap()[..64].to_owned()
}

impl House {
    /// curl with the appliance's root alone; gives the status and the body.
    pub(crate) fn curl(&self, arguments: &[&str]) -> (String, String) {
        let root = self.folder().join("root.pem");
        std::fs::write(&root, self.app().authority().issuer.certificate().to_pem()).unwrap();
        let usual = ["-s", "-m", "60", "--cacert", root.to_str().unwrap(), "-w", "\n%{http_code}"];
        let said = run("curl", &[&usual, arguments].concat(), self.folder()).expect("curl is there");
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.to_owned(), body.to_owned())
    }
}

impl Guest<'_> {
    /// Assigns the app to this device; gives the manifest's address.
    async fn given(&self, house: &House, app_id: &str) -> String {
        let (udid, app_id) = (self.udid(), app_id.to_owned());
        house
            .write(move |tx| {
                let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
                let group = groups::create(tx, &Actor::Console, NewGroup { name: udid.clone(), ..NewGroup::default() })?;
                groups::add(tx, &Actor::Console, &group.id, &[udid])?;
                assignments::assign(tx, &Actor::Console, (AssignedKind::App, &app_id, "Field"), &group.id, None)?;
                let url = packages::manifest_url(tx, &enrollment, &app_id)?.unwrap();
                Ok(url)
            })
            .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_zip_packed_is_uploaded_by_the_api_and_downloaded_by_the_devices_that_may_have_it() {
    let house = House::open().await;
    let Some(file) = packed(house.folder(), "7") else { return eprintln!("SKIPPED: zip is absent") };
    let digest = sha256(&file);
    let token =
        house.write(|tx| tokens::create(tx, &Actor::Console, &NewToken { name: "t".into(), role: Role::Owner, days: Some(1) })).await.1;
    let authorization = format!("Authorization: Bearer {}", token.expose());
    let address = house.url(&format!("/api/v1/packages/content?file_name=Field.ipa&sha256={digest}"));
    let bytes = ["-T", file.to_str().unwrap(), "-H", "Content-Type: application/octet-stream"];
    let (status, body) = house.curl(&[&bytes[..], &["-H", &authorization, &address]].concat());
    assert_eq!(status, "201", "{body}");
    let kept: Value = serde_json::from_str(&body).unwrap();
    let app_id = kept["package"]["app_id"].as_str().unwrap().to_owned();

    jobs::run_due(house.app()).await.unwrap();
    let (viewer, tried) = (Actor::Console, app_id.clone());
    let rollout = house.read(move |tx| packages::versions(tx, &viewer, &tried)).await.rollout;
    assert_eq!((rollout.problem.as_str(), rollout.checked_at.is_some()), ("", true), "we can fetch it from ourselves");

    let (guest, other) = (house.device("ipad@26").await, house.device("ipad@17").await);
    let url = guest.given(&house, &app_id).await;
    guest.settle().await;
    let downloads = guest.look(|device| device.downloads().to_vec()).await;
    let size = std::fs::metadata(&file).unwrap().len();
    assert_eq!(downloads.len(), 1, "{:?}", guest.remarks());
    assert_eq!((downloads[0].sha256.as_str(), downloads[0].size_bytes, downloads[0].requests), (digest.as_str(), size, 3));
    assert_eq!(downloads[0].identifier, "school.example.field");
    assert_eq!(guest.remarks(), [""; 0]);

    // What one device may have, another may not, though it is enrolled; and nobody by a made-up address.
    let udid = other.udid();
    let app = app_id.clone();
    let foreign = house.write(move |tx| packages::manifest_url(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap(), &app)).await.unwrap();
    let forged = format!("{}x/manifest.plist", url.trim_end_matches("/manifest.plist"));
    for address in [&foreign, &forged] {
        assert_eq!(house.curl(&[address]), (String::from("400"), String::new()), "{address}");
    }
    let (status, manifest) = house.curl(&[&url]);
    assert_eq!(status, "200");
    let package = manifest.split("<string>").find(|text| text.contains(&digest)).unwrap().split('<').next().unwrap().to_owned();
    let last = format!("bytes={}-", size - 10);
    let part = house.folder().join("part");
    let (status, _) = house.curl(&["-H", &format!("Range: {last}"), "-o", part.to_str().unwrap(), &package]);
    let whole = std::fs::read(&file).unwrap();
    assert!(status == "206" && std::fs::read(&part).unwrap() == whole[whole.len() - 10..]);
    drop((guest, other));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_brings_an_app_once_however_often_it_is_told_to() {
    let house = House::open().await;
    let Some(file) = packed(house.folder(), "8") else { return eprintln!("SKIPPED: zip is absent") };
    let (data, file) = (house.folder().join("data"), file);
    let add = || rollcall(&["packages", "add", "--data", data.to_str().unwrap(), file.to_str().unwrap()]).output().unwrap();
    let first = tokio::task::block_in_place(add);
    let told = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(
        first.status.success() && told.starts_with("Field 8 (school.example.field) is in place for everyone"),
        "{told}{:?}",
        first.stderr
    );
    let again = tokio::task::block_in_place(add);
    assert!(String::from_utf8_lossy(&again.stdout).starts_with("Field 8 (school.example.field) is here already."));
    let wrong = house.folder().join("wrong.ipa");
    std::fs::write(&wrong, b"hello").unwrap();
    let refused = tokio::task::block_in_place(|| {
        rollcall(&["packages", "add", "--data", data.to_str().unwrap(), wrong.to_str().unwrap()]).output().unwrap()
    });
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && words.starts_with("rollcall: This is neither an app for iPad"), "{words}");
    let missing =
        tokio::task::block_in_place(|| rollcall(&["packages", "add", "--data", data.to_str().unwrap(), "no-such.ipa"]).output().unwrap());
    let words = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(missing.status.code() == Some(1) && words.contains("no-such.ipa cannot be read"), "{words}");
    let kept = house.read(|tx| packages::list(tx, &Actor::Console, None, 9)).await;
    assert_eq!((kept.1, kept.0[0].versions), (1, 1));
    house.close().await;
}
