//! Files of assets: uploaded, judged, declared, fetched by those only that are declared them, and gone with their declaration.

use serde_json::{Value, json};

use super::library::ipad;
use super::{Device, School};
use crate::error::Kind;
use crate::mdm::declarations::library::{self, DATA_MAX_BYTES, DATA_TOTAL_MAX_BYTES, FILE_NAME_MAX_CHARS, NAMERS_TOLD, Standing, Upload};
use crate::mdm::wanted::Piece;
use crate::mdm::{Actor, Role, reconcile};
use crate::store::asset_data::{self, AssetData};
use crate::store::assignments::of_group;
use crate::store::declarations::tests::{group, join};
use crate::store::{devices, enrollments};

/// `printf 'hello' | openssl dgst -sha256`
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn upload(content_type: &str, bytes: &[u8]) -> Upload {
    Upload { content_type: content_type.into(), file_name: "a.txt".into(), bytes: bytes.to_vec() }
}

impl School {
    fn added(&self, declarations: &Value) -> Vec<Standing> {
        let text = declarations.to_string();
        self.write(move |tx| library::add(tx, &Actor::Console, library::read(text.as_bytes())?, ""))
    }

    fn kept(&self, id: &'static str, upload: Upload) -> crate::error::Result<Standing> {
        self.try_write(move |tx| library::put_data(tx, &Actor::Console, id, &upload))
    }

    /// A device of a group that an asset and a configuration naming it are assigned to.
    fn with_asset(&self) -> Device<'_> {
        let device = self.enrolled("A-1");
        let (device_id, id) = (device.enrollment().device_id, device.enrollment().id);
        self.added(&json!([
            { "Type": "com.apple.asset.data", "Identifier": "data", "Payload": {} },
            { "Type": "com.apple.configuration.management.test", "Identifier": "echo",
              "Payload": { "Echo": "x", "EchoDataAssetReference": "data" } },
        ]));
        self.write(move |tx| {
            // As by an enrollment profile of this server, and it has said what it is.
            let mut enrollment = enrollments::by_id(tx, &id)?.unwrap();
            enrollment.server_url = String::from("https://mdm.example.school/mdm/connect");
            enrollments::update(tx, &enrollment)?;
            devices::set_facts(tx, &device_id, "{}")?;
            group(tx, "everybody", "Everybody")?;
            join(tx, "everybody", &device_id)?;
            ["data", "echo"].iter().try_for_each(|id| library::assign(tx, &Actor::Console, id, "everybody").map(drop))
        });
        device
    }
}

impl Device<'_> {
    /// The asset as it is declared to it.
    fn declared(&self) -> Value {
        let enrollment = self.enrollment();
        self.school.write(move |tx| reconcile::plan(tx, &enrollment.id));
        self.asks_for("declaration/asset/data")
    }

    /// What an address of a declaration gives.
    fn fetches(&self, url: &Value) -> Option<(String, Vec<u8>)> {
        let rest = url.as_str().unwrap().strip_prefix("https://mdm.example.school/ddm/").unwrap();
        let (capability, address) = rest.split_once("/asset/").unwrap();
        let (capability, address) = (capability.to_owned(), address.to_owned());
        self.school.write(move |tx| reconcile::asset_of(tx, &capability, &address))
    }
}

#[test]
fn a_file_is_declared_with_its_size_and_hash_and_fetched_only_while_it_is() {
    let school = School::new();
    let device = school.with_asset();
    let warnings = school.write(|tx| library::find(tx, &Actor::Console, "data")).warnings;
    assert!(warnings[0].contains("has not been uploaded"), "{warnings:?}");
    assert_eq!(device.declared(), Value::Null, "without its file nobody gets it");

    assert_eq!(school.kept("data", upload("text/plain", b"hello")).unwrap().warnings, [""; 0]);
    let first = device.declared();
    let reference = &first["Payload"]["Reference"];
    assert_eq!((&reference["ContentType"], &reference["Size"]), (&json!("text/plain"), &json!(5)));
    assert_eq!((&reference["Hash-SHA-256"], &first["Payload"]["Authentication"]), (&json!(HELLO), &json!({ "Type": "None" })));
    assert_eq!(device.fetches(&reference["DataURL"]), Some((String::from("text/plain"), b"hello".to_vec())));

    assert_eq!(school.kept("data", upload("text/plain", b"hello")).unwrap().declaration.revision, 2, "the same again is nothing new");
    assert_eq!(device.declared(), first);
    school.kept("data", upload("text/plain", b"other")).unwrap();
    assert_eq!(device.fetches(&reference["DataURL"]), None, "the bytes that this address stood for are gone");
    let second = device.declared();
    assert_ne!(second["ServerToken"], first["ServerToken"]);
    let url = &second["Payload"]["Reference"]["DataURL"];
    assert_eq!(device.fetches(url).unwrap().1, b"other");
    let type_alone = school.kept("data", upload("text/csv", b"other")).unwrap();
    assert_eq!(type_alone.declaration.revision, 4, "another media type is another asset");
    assert_ne!(device.declared()["ServerToken"], second["ServerToken"]);

    school.write(|tx| library::unassign(tx, &Actor::Console, "data", "everybody"));
    assert_eq!(device.fetches(url), None, "not assigned any more");
}

#[test]
fn an_address_is_good_for_its_own_device_and_enrollment_only() {
    let school = School::new();
    let device = school.with_asset();
    school.kept("data", upload("text/plain", b"hello")).unwrap();
    let url = device.declared()["Payload"]["Reference"]["DataURL"].clone();
    let url = url.as_str().unwrap();
    assert!(device.fetches(&json!(url)).is_some());
    let (front, address) = url.rsplit_once('/').unwrap();
    for wrong in ["", "x", ".", &format!("x{address}"), &address[..address.len() - 1], &address.to_uppercase()] {
        assert_eq!(device.fetches(&json!(format!("{front}/{wrong}"))), None, "{wrong}");
    }
    let other = school.enrolled("B-2").enrollment();
    let foreign = url.replacen(&device.enrollment().id, &other.id, 1);
    assert_ne!(foreign, url);
    assert_eq!(device.fetches(&json!(foreign)), None);
    device.authenticate();
    assert_eq!(device.fetches(&json!(url)), None, "a new enrollment has other addresses");
}

#[test]
fn an_own_address_and_a_file_kept_here_replace_each_other() {
    let school = School::new();
    let device = school.with_asset();
    let own = json!({ "Reference": { "DataURL": "https://files.example.school/a" } });
    let declaration = json!({ "Type": "com.apple.asset.data", "Identifier": "data", "Payload": own }).to_string();
    school.kept("data", upload("text/plain", b"hello")).unwrap();
    let standing = school.write(move |tx| library::replace(tx, &Actor::Console, "data", library::read(declaration.as_bytes())?.remove(0)));
    assert_eq!(standing.data, None);
    assert_eq!(device.declared()["Payload"], own, "what names its own address is served as it is");
    let standing = school.kept("data", upload("", b"hello")).unwrap();
    assert_eq!(standing.data.unwrap().content_type, "application/octet-stream");
    let content = school.write(|tx| library::content(tx, &Actor::Console, "data"));
    assert_eq!(content["Payload"], json!({}));
}

#[test]
fn a_media_type_that_was_declared_is_kept_and_held_against_the_keys_that_name_the_asset() {
    let school = School::new();
    let asset =
        json!({ "Type": "com.apple.asset.data", "Identifier": "files", "Payload": { "Reference": { "ContentType": "application/zip" } } });
    let sudo = json!({ "Type": "com.apple.configuration.services.configuration-files", "Identifier": "sudo",
        "Payload": { "ServiceType": "com.apple.sudo", "DataAssetReference": "files" } });
    school.added(&json!([asset, sudo]));
    let content = || school.write(|tx| library::content(tx, &Actor::Console, "files"))["Payload"].clone();
    let zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let kept = school.kept("files", upload("application/octet-stream", zip)).unwrap();
    assert_eq!((kept.data.unwrap().content_type.as_str(), kept.warnings), ("application/zip", vec![]));
    assert_eq!(content(), json!({ "Reference": { "ContentType": "application/zip" } }));
    let odd = school.kept("files", upload("text/plain", b"hello")).unwrap();
    assert!(odd.warnings[0].contains("“sudo” names it") && odd.warnings[0].contains("takes application/zip"), "{:?}", odd.warnings);
    assert_eq!(content(), json!({ "Reference": { "ContentType": "text/plain" } }), "what was said last");
    let warnings = school.write(|tx| library::find(tx, &Actor::Console, "sudo")).warnings;
    assert!(warnings[0].contains("Payload.DataAssetReference names “files”, whose data is text/plain"), "{warnings:?}");
    let wrong = json!({ "Type": "com.apple.configuration.account.caldav", "Identifier": "calendar",
        "Payload": { "HostName": "example.school", "AuthenticationCredentialsAssetReference": "files" } });
    let warnings = school.added(&json!([wrong])).remove(0).warnings;
    assert!(warnings[0].contains("the key takes com.apple.asset.credential.userpassword"), "{warnings:?}");
}

#[test]
fn what_no_device_could_use_is_refused_and_changes_nothing() {
    let school = School::new();
    school.added(&json!([
        { "Type": "com.apple.asset.data", "Identifier": "data", "Payload": {} },
        { "Type": "com.apple.asset.useridentity", "Identifier": "kim", "Payload": { "FullName": "Kim", "EmailAddress": "kim@example.school" } },
        { "Type": "com.apple.asset.credential.userpassword", "Identifier": "login", "Payload": {} },
    ]));
    let fault = |id, upload| {
        let error = school.kept(id, upload).unwrap_err();
        (error.kind, error.fields.first().map(|fault| fault.field.clone()).unwrap_or_default())
    };
    assert_eq!(fault("data", upload("text/plain", b"")), (Kind::BadInput, String::from("file")));
    assert_eq!(fault("data", upload("no type", b"x")), (Kind::BadInput, String::from("content_type")));
    assert_eq!(fault("kim", upload("text/plain", b"x")), (Kind::BadInput, String::from("file")), "what it says stands in its payload");
    assert_eq!(fault("login", upload("application/json", b"{}")), (Kind::BadInput, String::from("file")));
    assert_eq!(fault("nobody", upload("text/plain", b"x")).0, Kind::NotFound);
    assert_eq!(school.kept("data", upload("text/plain", &vec![0; DATA_MAX_BYTES + 1])).unwrap_err().kind, Kind::TooLarge);
    assert!(school.kept("data", upload("text/plain", &vec![0; DATA_MAX_BYTES])).is_ok());
    let long = Upload { file_name: "x".repeat(FILE_NAME_MAX_CHARS + 1) + "\n", ..upload("text/plain", b"y") };
    assert_eq!(school.kept("data", long).unwrap().data.unwrap().file_name.len(), FILE_NAME_MAX_CHARS);
    let login = school.kept("login", upload("", br#"{"UserName":"kim","Password":"open sesame"}"#)).unwrap();
    assert_eq!((login.declaration.revision, login.data.unwrap().content_type.as_str()), (2, "application/json"));
}

#[test]
fn all_files_together_have_an_end() {
    let school = School::new();
    school.added(&json!([
        { "Type": "com.apple.asset.data", "Identifier": "data", "Payload": {} },
        { "Type": "com.apple.asset.data", "Identifier": "huge", "Payload": {} },
    ]));
    school.write(|tx| {
        let declaration_id = library::find(tx, &Actor::Console, "huge")?.declaration.id;
        let (content_type, sha256) = (String::from("text/plain"), String::from("0"));
        let size_bytes = DATA_TOTAL_MAX_BYTES - 4;
        asset_data::put(
            tx,
            &AssetData { declaration_id, content_type, file_name: String::new(), size_bytes, sha256, changed_at: tx.now },
            b"",
        )
    });
    assert!(school.kept("data", upload("text/plain", b"1234")).is_ok());
    let error = school.kept("data", upload("text/plain", b"12345")).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict, "{error}");
}

#[test]
fn an_asset_that_is_named_stays_and_goes_with_its_file() {
    let school = School::new();
    school.added(&json!([{ "Type": "com.apple.asset.data", "Identifier": "data", "Payload": {} }]));
    school.kept("data", upload("text/plain", b"hello")).unwrap();
    let names: Vec<_> = (0..=NAMERS_TOLD).map(|number| format!("echo{number:02}")).collect();
    let namers = names.iter().map(|name| {
        json!({ "Type": "com.apple.configuration.management.test", "Identifier": name,
            "Payload": { "Echo": "x", "EchoDataAssetReference": "data" } })
    });
    school.added(&namers.collect());
    let error = school.try_write(|tx| library::delete(tx, &Actor::Console, "data")).unwrap_err();
    assert!(
        error.kind == Kind::Conflict && error.message.contains("“echo00”, “echo01”") && error.message.contains("and 1 more"),
        "{error}"
    );
    school.write(move |tx| names.iter().try_for_each(|name| library::delete(tx, &Actor::Console, name)));
    let id = school.write(|tx| library::find(tx, &Actor::Console, "data")).declaration.id;
    school.write(|tx| library::delete(tx, &Actor::Console, "data"));
    assert_eq!(school.write(move |tx| asset_data::content(tx, &id)).map(|_| ()), None);
}

#[test]
fn a_file_is_sealed_and_taken_only_by_those_who_may_configure() {
    let school = School::new();
    school.added(&json!([{ "Type": "com.apple.asset.data", "Identifier": "data", "Payload": {} }]));
    school.kept("data", upload("text/plain", b"open sesame")).unwrap();
    let found = school.write(|tx| library::data(tx, &Actor::Console, "data"));
    assert_eq!((found.0.size_bytes, found.1.expose().as_slice()), (11, b"open sesame".as_slice()));
    let viewer = Actor::Token { id: String::from("t"), name: String::from("report"), role: Role::Viewer };
    let asker = viewer.clone();
    assert_eq!(school.try_write(move |tx| library::data(tx, &asker, "data")).map(|_| ()).unwrap_err().kind, Kind::Forbidden);
    let put = school.try_write(move |tx| library::put_data(tx, &viewer, "data", &upload("text/plain", b"x")));
    assert_eq!(put.unwrap_err().kind, Kind::Forbidden);
}

#[test]
fn an_older_system_is_told_no_key_that_it_does_not_know_and_nobody_fetches_but_by_https() {
    let school = School::new();
    school.added(&json!([{ "Type": "com.apple.asset.credential.userpassword", "Identifier": "login", "Payload": {} }]));
    school.kept("login", upload("", br#"{"UserName":"kim"}"#)).unwrap();
    school.write(|tx| {
        group(tx, "everybody", "Everybody")?;
        library::assign(tx, &Actor::Console, "login", "everybody").map(drop)
    });
    let given = |version: &str, served_from: Option<&'static str>| {
        let target = ipad(version);
        let (pieces, unable) = school.write(move |tx| library::pieces(tx, &target, &of_group(tx, "everybody")?, served_from));
        let payload = pieces.into_iter().next().map(|piece| match piece {
            Piece::Declaration(piece) => piece.payload,
            piece => panic!("{piece:?}"),
        });
        (payload, unable.into_iter().map(|one| one.because).collect::<String>())
    };
    let served_from = Some("https://mdm.example.school/ddm/c");
    let older = given("16.0", served_from).0.unwrap();
    assert!(older.get("Authentication").is_none() && older["Reference"]["Size"] == 18, "{older}");
    assert!(older["Reference"]["DataURL"].as_str().unwrap().starts_with("https://mdm.example.school/ddm/c/asset/"));
    assert_eq!(given("17.0", served_from).0.unwrap()["Authentication"], json!({ "Type": "None" }));
    let (none, because) = given("17.0", None);
    assert!(none.is_none() && because.contains("no https address"), "{because}");
}
