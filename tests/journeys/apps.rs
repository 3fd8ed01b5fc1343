//! Apps from the group to simulated devices of many generations and back, each by its own mechanism, over real sockets.

use std::time::Duration;

use rollcall::mdm::admins::tokens::{self, NewToken};
use rollcall::mdm::apps::{self, Edit, LicenceBy, Settings};
use rollcall::mdm::groups::{self as rooms, NewGroup};
use rollcall::mdm::{Actor, Role};
use rollcall::protocol::plist::Value;
use rollcall::store::app_states::{AppState, Stage};
use rollcall::store::assignments::AssignedMode;
use rollcall::store::deployments::Mechanism;
use rollcall::store::groups::{self, Group};
use rollcall::store::{Tx, enrollments};

use super::kit::{Guest, House};
use super::packages::packed;

const ATLAS: &str = "1500000002";
const BUNDLE: &str = "school.example.atlas";

/// Puts a device into a group and gives the group the app; gives the app's id.
async fn assigned(house: &House, device: &Guest<'_>, mode: AssignedMode) -> String {
    assigned_with(house, device, mode, Settings { licence: LicenceBy::None, ..Settings::default() }).await
}

async fn assigned_with(house: &House, device: &Guest<'_>, mode: AssignedMode, settings: Settings) -> String {
    let udid = device.udid();
    let id = house
        .write(move |tx| {
            let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
            let group = Group {
                id: "g".into(),
                name: "7b".into(),
                note: String::new(),
                rule: None,
                is_by_rule: false,
                device_count: 0,
                created_at: tx.now,
                changed_at: tx.now,
            };
            groups::insert(tx, &group)?;
            groups::add_device(tx, "g", &device)?;
            let app = apps::add(tx, &Actor::Console, ATLAS, "Atlas")?;
            apps::edit(tx, &Actor::Console, &app.id, Edit { settings: Some(settings), ..Edit::default() })?;
            apps::assign(tx, &Actor::Console, &app.id, "g", mode, None)?;
            Ok(app.id)
        })
        .await;
    device.settle().await;
    id
}

async fn state(house: &House, device: &Guest<'_>) -> Option<AppState> {
    let udid = device.udid();
    let found = house.read(move |tx: &Tx| {
        let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
        apps::of_device(tx, &Actor::Console, &device)
    });
    found.await.into_iter().next()
}

/// Lets time pass in steps, so that what is asked for on a schedule is answered.
async fn wait(house: &House, device: &Guest<'_>, minutes: &[u64]) {
    for minutes in minutes {
        house.pass(Duration::from_secs(minutes * 60)).await;
        device.settle().await;
    }
}

async fn is_installed(device: &Guest<'_>) -> bool {
    device.look(|device| device.apps().iter().any(|app| app.identifier == BUNDLE && app.installed && app.status.is_some())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_comes_to_old_and_new_devices_and_goes_again() {
    for kind in ["ipad@12", "ipad@16", "ipad@18", "mac@15", "tv@18"] {
        let house = House::open().await;
        let device = house.device(kind).await;
        let id = assigned(&house, &device, AssignedMode::Required).await;
        wait(&house, &device, &[1, 2, 5]).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!(row.stage, Stage::Installed, "{kind}: {row:?}");
        assert!(is_installed(&device).await, "{kind}");
        let flags = device.look(|device| device.apps().into_iter().find(|app| app.identifier == BUNDLE).map(|app| app.flags)).await;
        assert_eq!(flags, Some(if kind.starts_with("mac") { 1 } else { 5 }), "{kind}");
        house.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g")).await;
        device.settle().await;
        assert!(!is_installed(&device).await && state(&house, &device).await.is_none(), "{kind}: nothing is left");
        assert!(device.remarks().is_empty(), "{kind}: {:?}", device.remarks());
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_says_no_and_is_asked_again_only_when_somebody_wants_it() {
    // An app without a licence comes to both by a command.
    for kind in ["-ipad@16", "-ipad@18"] {
        let house = House::open().await;
        let device = house.device(kind).await;
        device.look(|device| device.person_agrees(false)).await;
        let id = assigned(&house, &device, AssignedMode::Required).await;
        wait(&house, &device, &[1, 2, 5, 15]).await;
        assert_eq!(state(&house, &device).await.unwrap().stage, Stage::Declined, "{kind}");
        wait(&house, &device, &[60, 1440, 1440]).await;
        assert_eq!(state(&house, &device).await.unwrap().stage, Stage::Declined, "{kind}: nobody is nagged");
        device.look(|device| device.person_agrees(true)).await;
        ask_again(&house, &device, id).await;
        wait(&house, &device, &[1, 2, 5, 15]).await;
        assert_eq!(state(&house, &device).await.unwrap().stage, Stage::Installed, "{kind}");
        assert!(is_installed(&device).await, "{kind}");
        house.close().await;
    }
}

async fn ask_again(house: &House, device: &Guest<'_>, id: String) {
    let udid = device.udid();
    house
        .write(move |tx| {
            let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
            apps::ask_again(tx, &Actor::Console, &device, &id)
        })
        .await;
    device.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_reaches_the_app_and_what_the_app_says_comes_back() {
    let house = House::open().await;
    let device = house.device("ipad@16").await;
    let id = assigned(&house, &device, AssignedMode::Required).await;
    let target = id.clone();
    house
        .write(move |tx| {
            let keys = apps::configuration::read(r#"{"serial":"$SERIAL","server":"a<b"}"#)?;
            apps::set_configuration(tx, &Actor::Console, &target, keys.as_ref())
        })
        .await;
    device.settle().await;
    wait(&house, &device, &[1, 2, 5]).await;
    let known =
        device.look(|device| device.apps().into_iter().find(|app| app.identifier == BUNDLE).and_then(|app| app.configuration)).await;
    let known = known.unwrap();
    assert_eq!(known.get("server").and_then(|value| value.as_string()), Some("a<b"));
    assert!(!known.get("serial").and_then(|value| value.as_string()).unwrap().contains('$'));
    filled_in(&house, &device, id).await;
    let udid = device.udid();
    house
        .write(move |tx| {
            let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
            apps::read_feedback_now(tx, &Actor::Console, &device)
        })
        .await;
    device.settle().await;
    let udid = device.udid();
    let said = house.read(move |tx| {
        let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
        apps::feedback(tx, &Actor::Console, &device)
    });
    let said = said.await.remove(0).content.unwrap();
    assert!(said.contains("ConfigurationRead") && said.contains("\"KeyCount\":3"), "{said}");
    house.close().await;
}

/// Brings the maker's file of the app and fills in its form: what the device has then is what was typed, as the maker's file has it.
async fn filled_in(house: &House, device: &Guest<'_>, id: String) {
    let file = format!(
        "<managedAppConfiguration><version>1</version><bundleId>{BUNDLE}</bundleId><dict>
            <string keyName='serial'/><integer keyName='pages'><constraint max='100'/></integer><boolean keyName='offline'/>
        </dict></managedAppConfiguration>"
    );
    let typed = [("serial", "sn-$SERIAL"), ("pages", "20"), ("offline", "")];
    let typed = typed.map(|(key, text)| (key.to_owned(), vec![text.to_owned()]));
    house
        .write(move |tx| {
            let brought = apps::schema::recognise(file.into_bytes())?;
            apps::schema::bring(tx, &Actor::Console, &id, &brought)?;
            apps::schema::fill_in(tx, &Actor::Console, &id, &typed)
        })
        .await;
    device.settle().await;
    wait(house, device, &[1, 2, 5]).await;
    let known = device
        .look(|device| device.apps().into_iter().find(|app| app.identifier == BUNDLE).and_then(|app| app.configuration))
        .await
        .unwrap();
    assert!(
        known.get("serial").and_then(|value| value.as_string()).unwrap().strip_prefix("sn-").is_some_and(|serial| !serial.contains('$'))
    );
    assert_eq!(known.get("pages").and_then(Value::as_signed_integer), Some(20), "a number stays one");
    assert_eq!((known.get("offline"), known.get("server").and_then(|value| value.as_string())), (None, Some("a<b")), "{known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_waited_out_and_end_well() {
    for (code, domain) in
        [(506, "ASDErrorDomain"), (663, "ASDErrorDomain"), (1407, "DeviceManagement.error"), (9610, "ASDServerErrorDomain")]
    {
        let house = House::open().await;
        let faults =
            format!("[[fault]]\nkind = \"refuse\"\non = [\"InstallApplication\"]\ntimes = 2\ncode = {code}\ndomain = \"{domain}\"\n");
        let device = house.device_with("ipad@16", &faults).await;
        assigned(&house, &device, AssignedMode::Required).await;
        assert!(!is_installed(&device).await);
        wait(&house, &device, &[1, 2, 5, 15, 60, 60, 60, 60, 240, 1440]).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!(row.stage, Stage::Installed, "{code}: {row:?}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_deleted_or_had_before_is_told_and_taken_care_of() {
    let house = House::open().await;
    let device = house.device("ipad@16").await;
    assert!(device.look(|device| device.person_installs(BUNDLE)).await);
    assigned(&house, &device, AssignedMode::Required).await;
    wait(&house, &device, &[1, 2, 5]).await;
    assert_eq!(state(&house, &device).await.unwrap().stage, Stage::Installed, "what was the person's is managed now");
    device.look(|device| device.delete_app(BUNDLE)).await;
    wait(&house, &device, &[1, 1500]).await;
    let row = state(&house, &device).await.unwrap();
    assert_eq!(row.stage, Stage::Deleted, "{row:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_app_comes_when_the_person_at_the_device_asks() {
    let house = House::open().await;
    let device = house.device("ipad@18").await;
    let id = assigned(&house, &device, AssignedMode::Optional).await;
    assert_eq!(state(&house, &device).await.unwrap().stage, Stage::Offered);
    let udid = device.udid();
    house
        .write(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            apps::request(tx, &enrollment, &id)
        })
        .await;
    device.settle().await;
    wait(&house, &device, &[1, 2, 5]).await;
    let row = state(&house, &device).await.unwrap();
    assert_eq!((row.stage, row.mechanism), (Stage::Installed, Mechanism::Command));
    house.close().await;
}

/// Uploads a file for everyone; gives the app's id.
async fn uploaded(house: &House, file: &std::path::Path) -> String {
    let made =
        house.write(|tx| tokens::create(tx, &Actor::Console, &NewToken { name: "t".into(), role: Role::Owner, days: Some(1) })).await.1;
    let authorization = format!("Authorization: Bearer {}", made.expose());
    let name = file.file_name().unwrap().to_str().unwrap();
    let address = house.url(&format!("/api/v1/packages/content?file_name={name}&stage=everyone"));
    let bytes = ["-T", file.to_str().unwrap(), "-H", "Content-Type: application/octet-stream", "-H", &authorization, &address];
    let (status, body) = house.curl(&bytes);
    assert_eq!(status, "201", "{body}");
    let kept: serde_json::Value = serde_json::from_str(&body).unwrap();
    kept["package"]["app_id"].as_str().unwrap().to_owned()
}

/// Makes a group of this device alone and gives it an app.
async fn given(house: &House, device: &Guest<'_>, app_id: &str) {
    let (udid, id) = (device.udid(), app_id.to_owned());
    house
        .write(move |tx| {
            let group = rooms::create(tx, &Actor::Console, NewGroup { name: udid.clone(), ..NewGroup::default() })?;
            rooms::add(tx, &Actor::Console, &group.id, &[udid])?;
            apps::assign(tx, &Actor::Console, &id, &group.id, AssignedMode::Required, None)
        })
        .await;
    device.settle().await;
    wait(house, device, &[1, 2, 5]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_of_the_house_comes_by_its_manifest_and_a_new_version_follows_by_itself() {
    for (kind, mechanism) in [("ipad@16", Mechanism::Command), ("ipad@18", Mechanism::Declaration)] {
        let house = House::open().await;
        let (Some(first), Some(second)) = (packed(house.folder(), "7"), packed(house.folder(), "8")) else {
            return eprintln!("SKIPPED: zip is absent");
        };
        let app_id = uploaded(&house, &first).await;
        let device = house.device(kind).await;
        given(&house, &device, &app_id).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!((row.stage, row.mechanism), (Stage::Installed, mechanism), "{row:?} {:?}", device.remarks());
        assert_eq!(row.version, "7");
        assert_eq!(uploaded(&house, &second).await, app_id);
        device.settle().await;
        wait(&house, &device, &[1, 2, 5]).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!((row.stage, row.version.as_str()), (Stage::Installed, "8"), "{row:?} {:?}", device.remarks());
        let downloads = device.look(|device| device.downloads().iter().map(|seen| seen.version.clone()).collect::<Vec<_>>()).await;
        assert_eq!(downloads, ["7", "8"], "each was downloaded once");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_comes_to_new_macs_by_declaration_and_to_old_ones_by_command() {
    let package = include_bytes!("../../src/protocol/package/fixtures/signed.pkg");
    for (kind, mechanism) in [("mac@26", Mechanism::Declaration), ("mac@15", Mechanism::Command)] {
        let house = House::open().await;
        let file = house.folder().join("Field.pkg");
        std::fs::write(&file, package).unwrap();
        let app_id = uploaded(&house, &file).await;
        let device = house.device(kind).await;
        given(&house, &device, &app_id).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!(row.mechanism, mechanism, "{row:?}");
        assert_eq!(row.bundle_id, "school.example.field", "the app inside is what it is known by");
        let downloads = device.look(|device| device.downloads().to_vec()).await;
        assert_eq!((downloads.len(), downloads[0].size_bytes), (1, package.len() as u64), "{kind}");
        if mechanism == Mechanism::Declaration {
            assert_eq!((row.stage, row.version.as_str()), (Stage::Installed, "2.1"), "{row:?}");
        }
        assert_eq!(device.remarks(), [""; 0], "{kind}");
        house.close().await;
    }
}
