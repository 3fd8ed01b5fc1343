//! What other servers keep: a database that their own library wrote, dumps that the databases' own tools wrote, folders as they lie on the disk.

use std::io::Read as _;

use super::files::File;
use super::*;
use crate::protocol::checkin::{self, CheckIn, Message};
use crate::testing::mutations;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// Written by BoltDB itself: 60 enrolled devices but one, a user, an authority, a push certificate, and a device that never enrolled.
pub(crate) fn micromdm_db() -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&include_bytes!("fixtures/micromdm.db.gz")[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

fn said(handed: &Handed) -> CheckIn {
    checkin::parse(handed.message.expose()).unwrap()
}

fn kinds(haul: &Haul) -> Vec<(String, &'static str)> {
    haul.messages.iter().map(|handed| (said(handed).ids.nano_id().to_string(), said(handed).message.message_type())).collect()
}

#[test]
fn a_database_of_micromdm_gives_its_devices_its_users_and_what_they_need() {
    let haul = micromdm::read(&micromdm_db()).unwrap();
    assert_eq!(haul.messages.len(), 59 * 2 + 1);
    let udid = |number: u32| format!("00008030-{:016X}", 0x00AA_0000 + number);
    let of = |id: &str| haul.messages.iter().filter(|handed| said(handed).ids.nano_id().as_str() == id).collect::<Vec<_>>();
    let third = of(&udid(3));
    let Message::Authenticate(authenticate) = said(third[0]).message else { panic!() };
    assert_eq!(
        (authenticate.topic.as_str(), authenticate.serial_number.as_deref(), authenticate.device_name.as_deref()),
        (TOPIC, Some("TESTSN0003"), Some("iPad 3"))
    );
    assert_eq!((authenticate.os_version.as_deref(), authenticate.product_name.as_deref()), (Some("17.5"), Some("iPad13,18")));
    let Message::TokenUpdate(update) = said(third[1]).message else { panic!() };
    let mut token = [0; 32];
    token[31] = 4;
    assert_eq!((update.token.expose().as_slice(), update.push_magic.expose().as_str(), update.unlock_token), (&token[..], "magic-3", None));
    let hash = crate::pki::digest::sha256(format!("identity of {}", udid(3)).as_bytes());
    assert!(third.iter().all(|handed| handed.identity == Some(hash)));
    assert!(of(&udid(5)).iter().all(|handed| handed.identity.is_none()), "one that was never noted");
    let Message::TokenUpdate(first) = said(of(&udid(0))[1]).message else { panic!() };
    let unlock = first.unlock_token.unwrap();
    assert_eq!((unlock.expose().len(), unlock.expose()[2999]), (3000, 2999_u32 as u8), "a value longer than its page");
    assert!(of(&udid(59)).is_empty());
    let user = haul.messages.last().unwrap();
    let user_said = said(user);
    assert_eq!(user_said.ids.nano_id().as_str(), format!("{}:5A0F0001-0000-4000-8000-000000000001", udid(1)));
    assert_eq!((user_said.ids.user_short_name.as_deref(), user.identity), (Some("kim"), None));

    let (certificate, key) = haul.authority.unwrap();
    let files: [&[u8]; 2] = [&certificate, key.as_ref().unwrap().expose()];
    let found = crate::pki::authority_files::read(&files, None).unwrap();
    assert_eq!((found[0].certificate.common_name().unwrap().as_str(), found[0].key.is_some()), ("MicroMDM", true));
    let now = crate::clock::Timestamp::parse("2026-11-25T08:00:00Z").unwrap();
    let push: [&[u8]; 2] = [&haul.push[0].certificate, haul.push[0].key.expose()];
    assert_eq!(crate::pki::push_certificate::PushCertificate::from_files(&push, None, &[], now).unwrap().topic(), TOPIC);
    assert_eq!(haul.left, ["2 devices never enrolled there or left."]);
    assert_eq!(haul.profile, None);
}

#[test]
fn a_damaged_database_is_refused_or_read_and_never_goes_on_for_ever() {
    let whole = micromdm_db();
    for damaged in mutations(&whole).chain(mutations(&whole[..8192]).map(|mut head| {
        head.extend_from_slice(&whole[head.len().min(8192)..]);
        head
    })) {
        let _ = micromdm::read(&damaged);
    }
    assert!(matches!(micromdm::read(b"SQLite format 3"), Err(Unreadable::Another(_))));
    assert!(matches!(micromdm::read(&whole[..4000]), Err(Unreadable::Damaged(_) | Unreadable::Another(_))));
    // A page that is its own child.
    let bolt = bolt::Bolt::open(&whole).unwrap();
    assert!(bolt.bucket("mdm.Nothing").unwrap().is_empty() && bolt.bucket("mdm.Devices").unwrap().len() == 61);
}

#[test]
fn the_newer_of_the_two_states_counts_and_the_older_one_where_it_is_torn() {
    let whole = micromdm_db();
    let mut torn = [whole.clone(), whole.clone()];
    for (meta, copy) in torn.iter_mut().enumerate() {
        copy[meta * 4096 + 16 + 20] ^= 1;
    }
    // One of the two is newer and whole in each case, so that something can be read; it may lack what was written last.
    assert!(torn.iter().all(|copy| bolt::Bolt::open(copy).is_ok()));
    let mut both = whole;
    both[16 + 20] ^= 1;
    both[4096 + 16 + 20] ^= 1;
    assert!(matches!(bolt::Bolt::open(&both), Err(Unreadable::Damaged(_))));
}

fn message(message_type: &str, id: &str, keys: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\"?>\n<plist version=\"1.0\"><dict><key>MessageType</key><string>{message_type}</string><key>UDID</key><string>{id}</string>\
         <key>Topic</key><string>{TOPIC}</string>{keys}</dict></plist>\n"
    )
    .into_bytes()
}

const TOKENS: &str = "<key>Token</key><data>AQID</data><key>PushMagic</key><string>it's \\ magic</string>";

fn user(id: &str) -> Vec<u8> {
    message("TokenUpdate", id, &format!("{TOKENS}<key>UserID</key><string>U-1</string>"))
}

#[test]
fn a_folder_of_the_storage_file_is_read_with_what_is_kept_beside_the_messages() {
    let hash = "ab".repeat(32);
    let file = |path: &str, bytes: &[u8]| -> File { (path.to_owned(), bytes.to_vec()) };
    let files = [
        file("A-1/Authenticate.plist", &message("Authenticate", "A-1", "")),
        file("A-1/TokenUpdate.plist", &message("TokenUpdate", "A-1", TOKENS)),
        file("A-1/UnlockToken.dat", b"unlock"),
        file("A-1/BootstrapToken.dat", b"bootstrap"),
        file("A-1/CertAuth.sha256.txt", hash.as_bytes()),
        file("A-1:U-1/TokenUpdate.plist", &user("A-1")),
        file("A-2/Authenticate.plist", &message("Authenticate", "A-2", "")),
        file("A-2/TokenUpdate.plist", &message("TokenUpdate", "A-2", TOKENS)),
        file("A-3/Authenticate.plist", &message("Authenticate", "A-3", "")),
        file("A-4/Authenticate.plist", &message("Authenticate", "A-4", "")),
        file("A-4/TokenUpdate.plist", &message("TokenUpdate", "A-4", TOKENS)),
        file("A-4/Disabled", b""),
        file("CertAuth.txt", format!("A-1,{}\nA-2,{}\nA-2,{hash}\n", "00".repeat(32), "11".repeat(32)).as_bytes()),
        file(&format!("{TOPIC}.pem"), b"certificate"),
        file(&format!("{TOPIC}.key"), b"key"),
    ];
    let haul = files::read(&files).unwrap();
    let expected = [
        ("A-1", "Authenticate"),
        ("A-1", "TokenUpdate"),
        ("A-1", "SetBootstrapToken"),
        ("A-2", "Authenticate"),
        ("A-2", "TokenUpdate"),
        ("A-1:U-1", "TokenUpdate"),
    ];
    assert_eq!(kinds(&haul), expected.map(|(id, kind)| (id.to_owned(), kind)));
    let Message::TokenUpdate(update) = said(&haul.messages[1]).message else { panic!() };
    assert_eq!(update.unlock_token.unwrap().expose(), b"unlock");
    let Message::SetBootstrapToken { token, .. } = said(&haul.messages[2]).message else { panic!() };
    assert_eq!(token.unwrap().expose(), b"bootstrap");
    assert!(haul.messages[..5].iter().all(|handed| handed.identity == Some([0xab; 32])), "the newest association counts");
    assert_eq!(
        (haul.push.len(), haul.left.as_slice()),
        (1, &[String::from("2 enrollments have left there, or never finished to enroll.")][..])
    );
    assert!(!files::is_of_use("A-1/queue/1.plist") && files::is_of_use("A-1/TokenUpdate.plist"));
}

#[test]
fn a_folder_of_the_storage_filekv_is_read() {
    let file = |path: &str, bytes: &[u8]| -> File { (path.to_owned(), bytes.to_vec()) };
    let files = [
        file("devices/A-/1./A-1.auth", &message("Authenticate", "A-1", "")),
        file("devices/A-/1./A-1.tok_upd", &message("TokenUpdate", "A-1", TOKENS)),
        file("devices/A-/1./A-1.bstoken", b"bootstrap"),
        file("devices/A-/1./A-1.serial", b"TESTSN0001"),
        file("enrollments/A-/1./A-1.unl_tok", b"unlock"),
        file("enrollments/A-/1./A-1.type", b"Device"),
        file("enrollments/A-/1./A-1.user_ch.A-1:U-1", b"1"),
        file("users/A-/1:/A-1:U-1.tok_upd", &user("A-1")),
        file("cert_auth/A-/1./A-1.cert_hash", "cd".repeat(32).as_bytes()),
        file("cert_auth/cd/cd/cdcd.hash_cert", b"A-1"),
        file("devices/A-/2./A-2.auth", &message("Authenticate", "A-2", "")),
        file("devices/A-/2./A-2.tok_upd", &message("TokenUpdate", "A-2", TOKENS)),
        file("enrollments/A-/2./A-2.disabled", b"1"),
        file(&format!("push_cert/11/11/{TOPIC}.pem"), b"certificate"),
        file(&format!("push_cert/11/11/{TOPIC}.key"), b"key"),
    ];
    let haul = files::read(&files).unwrap();
    let expected = [("A-1", "Authenticate"), ("A-1", "TokenUpdate"), ("A-1", "SetBootstrapToken"), ("A-1:U-1", "TokenUpdate")];
    assert_eq!(kinds(&haul), expected.map(|(id, kind)| (id.to_owned(), kind)));
    assert_eq!((haul.messages[0].identity, haul.push.len()), (Some([0xcd; 32]), 1));
    let Message::TokenUpdate(update) = said(&haul.messages[1]).message else { panic!() };
    assert_eq!(update.unlock_token.unwrap().expose(), b"unlock");
    assert!(matches!(files::read(&[file("a.txt", b"nothing")]), Err(Unreadable::Another(_))));
}

#[test]
fn a_dump_is_read_as_its_own_tool_wrote_it() {
    for (name, dump) in [
        ("pg_dump", &include_bytes!("fixtures/pg_dump.sql")[..]),
        ("pg_dump --inserts", include_bytes!("fixtures/pg_dump_inserts.sql")),
        ("mysqldump", include_bytes!("fixtures/mysqldump.sql")),
        ("mysqldump --hex-blob --complete-insert", include_bytes!("fixtures/mysqldump_hex.sql")),
    ] {
        assert!(sql::is_dump(dump), "{name}");
        let haul = sql::read(dump).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = [("A-1", "Authenticate"), ("A-1", "TokenUpdate"), ("A-1", "SetBootstrapToken"), ("A-1:U-1", "TokenUpdate")];
        assert_eq!(kinds(&haul), expected.map(|(id, kind)| (id.to_owned(), kind)), "{name}");
        let Message::TokenUpdate(update) = said(&haul.messages[1]).message else { panic!() };
        assert_eq!(update.push_magic.expose(), "it's \\ magic", "{name}");
        assert_eq!(update.unlock_token.unwrap().expose(), &[0, 1, 0x27, 0x5c, 0xff, b'\n', b'\t'], "{name}");
        let Message::SetBootstrapToken { token, .. } = said(&haul.messages[2]).message else { panic!() };
        assert_eq!((token.unwrap().expose().as_slice(), haul.messages[0].identity), (&b"bootstrap"[..], Some([0xab; 32])), "{name}");
        assert_eq!((haul.push.len(), haul.left.len()), (1, 1), "{name}: {:?}", haul.left);
        assert_eq!(haul.push[0].certificate, b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n", "{name}");
        for damaged in mutations(dump) {
            let _ = sql::read(&damaged);
        }
    }
    assert!(!sql::is_dump(b"hello"));
    assert!(matches!(sql::read(b"-- MySQL dump\nINSERT INTO `other` VALUES (1);"), Err(Unreadable::Another(_))));
}

#[test]
fn a_file_of_check_ins_is_taken_apart_with_devices_before_their_users() {
    let all = [user("A-1"), message("Authenticate", "A-1", ""), message("TokenUpdate", "A-1", TOKENS)].concat();
    let haul = checkins::read(&all).unwrap();
    assert_eq!(
        kinds(&haul),
        [("A-1", "Authenticate"), ("A-1", "TokenUpdate"), ("A-1:U-1", "TokenUpdate")].map(|(id, kind)| (id.to_owned(), kind))
    );
    assert!(matches!(checkins::read(&all[..all.len() - 20]), Err(Unreadable::Damaged(_))));
    assert!(matches!(checkins::read(b"{}"), Err(Unreadable::Another(_))));
    for damaged in mutations(&all) {
        let _ = checkins::read(&damaged);
    }
}

#[test]
fn recorded_check_ins_of_the_fields_own_tool_are_written_again_with_the_same_meaning() {
    for (name, body) in crate::protocol::recorded_requests(&["nano2nano"]) {
        let recorded = checkin::parse(&body).unwrap();
        let ids = &recorded.ids;
        let nano_id = ids.nano_id();
        let sender = write::Sender { kind: ids.kind(), nano_id: nano_id.as_str(), user_short_name: "", user_long_name: "" };
        let written = match &recorded.message {
            Message::Authenticate(said) => {
                let facts = write::Facts {
                    serial_number: said.serial_number.as_deref(),
                    device_name: said.device_name.as_deref(),
                    model: said.model.as_deref(),
                    model_name: said.model_name.as_deref(),
                    product_name: said.product_name.as_deref(),
                    os_version: said.os_version.as_deref(),
                    build_version: said.build_version.as_deref(),
                };
                write::authenticate(&sender, &said.topic, &facts)
            }
            Message::TokenUpdate(said) => {
                let tokens = write::Tokens {
                    topic: &said.topic,
                    token: said.token.expose(),
                    push_magic: &said.push_magic,
                    unlock_token: said.unlock_token.as_ref(),
                    awaiting_configuration: said.awaiting_configuration,
                };
                write::token_update(&sender, &tokens)
            }
            Message::SetBootstrapToken { token: Some(token), .. } => write::set_bootstrap_token(&sender, token),
            other => panic!("{name}: {other:?}"),
        };
        let (theirs, ours) = (
            crate::protocol::plist::parse_dictionary(&body).unwrap(),
            crate::protocol::plist::parse_dictionary(&written.unwrap()).unwrap(),
        );
        for (key, value) in &theirs {
            let is_told =
                ours.get(key) == Some(value) || matches!(key.as_str(), "IMEI" | "MEID" | "AwaitingConfiguration" | "NotOnConsole");
            assert!(is_told, "{name}: {key} {value:?}, not {:?}", ours.get(key));
        }
    }
}

#[test]
fn every_kind_of_enrollment_is_written_as_it_is_read() {
    use crate::protocol::ids::EnrollmentKind as Kind;
    for (kind, id, short) in [
        (Kind::Device, "A-1", ""),
        (Kind::User, "A-1:U-1", "kim"),
        (Kind::SharedIpad, "A-1:kim@example.school", "kim@example.school"),
        (Kind::UserEnrollmentDevice, "E-1", ""),
        (Kind::UserEnrollment, "E-1:EU-1", ""),
    ] {
        let sender = write::Sender { kind, nano_id: id, user_short_name: short, user_long_name: "Kim\u{7}" };
        let magic = crate::secret::Secret::new(String::from("magic"));
        let tokens = write::Tokens { topic: TOPIC, token: &[1], push_magic: &magic, unlock_token: None, awaiting_configuration: true };
        let read = checkin::parse(&write::token_update(&sender, &tokens).unwrap()).unwrap();
        assert_eq!((read.ids.kind(), read.ids.nano_id().as_str()), (kind, id));
        assert_eq!(read.ids.user_short_name.as_deref().unwrap_or_default(), short, "{id}");
        assert_eq!(read.ids.user_long_name.as_deref(), kind.is_user_channel().then_some("Kim"), "{id}: what XML cannot carry is left out");
    }
}

#[test]
fn an_old_profile_says_what_a_renewal_may_not_change() {
    let profile = |payload: &str| {
        format!(
            "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>\
             <key>PayloadIdentifier</key><string>com.github.micromdm.nanomdm</string><key>PayloadUUID</key><string>F9760DD4-F2D1-4F29-8D2C-48D52DD0A9B3</string>\
             <key>PayloadContent</key><array><dict><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>com.github.micromdm.nanomdm.mdm</string>\
             <key>PayloadUUID</key><string>96B11019-B54C-49DC-9480-43525834DE7B</string>{payload}</dict></array></dict></plist>"
        )
    };
    let mdm = "<key>PayloadType</key><string>com.apple.mdm</string><key>ServerURL</key><string>https://old.example.school:9000/mdm?a=b</string>\
               <key>Topic</key><string>com.apple.mgmt.x</string><key>AccessRights</key><integer>8191</integer><key>SignMessage</key><true/>\
               <key>ServerCapabilities</key><array><string>com.apple.mdm.per-user-connections</string></array>";
    let read = super::profile::read(profile(mdm).as_bytes()).unwrap();
    assert_eq!(
        (read.identifier.as_str(), read.check_in_url.as_str()),
        ("com.github.micromdm.nanomdm", "https://old.example.school:9000/mdm?a=b")
    );
    assert_eq!((read.access_rights, read.signs, read.per_user), (Some(8191), true, true));
    assert_eq!(super::profile::host(&read.server_url), Some("old.example.school:9000"));
    let refusal = super::profile::read(profile("<key>PayloadType</key><string>com.apple.wifi.managed</string>").as_bytes()).unwrap_err();
    assert!(refusal.to_string().contains("enrolls no device"), "{refusal}");
}
