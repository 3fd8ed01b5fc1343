//! Coming in, coming again, leaving, and speaking for somebody else.

use super::{Device, School, days};
use crate::error::Kind;
use crate::mdm::Actor;
use crate::mdm::checkin::{HowToLeave, Reply};
use crate::mdm::connect;
use crate::mdm::devices;
use crate::mdm::enroll::identify::{Presented, REFUSALS_IN, REFUSALS_MAX, Refusal};
use crate::pki::certificate::Fingerprint;
use crate::protocol::command;
use crate::store::certificates::{self, Purpose};
use crate::store::commands::CommandState;
use crate::store::enrollments::{self, EnrollmentState, SealedColumn};
use crate::store::escrow::{self, EscrowKind};
use uuid::Uuid;

const UDID: &str = "00008030-00AA11BB22CC33DD";

#[test]
fn the_first_token_update_enrolls_and_asks_the_first_questions() {
    let school = School::new();
    let device = school.device(UDID);
    assert!(matches!(device.authenticate(), Reply::Empty));
    assert_eq!(device.enrollment().state, EnrollmentState::Authenticated);
    assert!(device.idle().is_none(), "nothing is sent before the profile is known to be installed");
    assert!(matches!(device.token_update(false), Reply::Empty));
    let enrollment = device.enrollment();
    assert_eq!((enrollment.state, enrollment.token_update_tally), (EnrollmentState::Enrolled, 1));
    assert_eq!(enrollment.push_due_at, Some(school.clock.now()));
    let mut asked = Vec::new();
    let mut offer = device.idle();
    while let Some(command) = offer {
        asked.push(command.request_type.clone());
        offer = device.report(&command.uuid, "Acknowledged");
    }
    for request_type in
        ["DeviceInformation", "SecurityInfo", "InstalledApplicationList", "ProfileList", "CertificateList", "ActivationLockBypassCode"]
    {
        assert!(asked.iter().any(|asked| asked == request_type), "{request_type} in {asked:?}");
    }
}

#[test]
fn a_device_in_setup_assistant_is_let_go_last() {
    let school = School::new();
    let device = school.device(UDID);
    device.authenticate();
    device.token_update(true);
    let mut last = None;
    let mut offer = device.idle();
    while let Some(command) = offer {
        offer = device.report(&command.uuid, "Acknowledged");
        last = Some(command.request_type);
    }
    assert_eq!(last.as_deref(), Some("DeviceConfigured"));
    assert!(!device.enrollment().awaiting_configuration);
}

#[test]
fn another_devices_udid_under_a_certificate_is_refused_and_changes_nothing() {
    let school = School::new();
    let (victim, thief) = (school.enrolled(UDID), school.enrolled("00008030-00AA11BB22CC33EE"));
    let before = victim.enrollment();
    let forged = Device { school: &school, udid: UDID.to_owned(), identity: thief.identity.clone() };
    for reply in [forged.authenticate(), forged.token_update(false)] {
        assert!(matches!(reply, Reply::Refused(Refusal::AnothersIdentity)), "{reply:?}");
    }
    let polled = forged.connect("<key>Status</key><string>Idle</string>").unwrap();
    assert!(matches!(polled, connect::Reply::Refused(Refusal::AnothersIdentity)));
    let after = victim.enrollment();
    assert_eq!((before.generation, before.token_update_tally), (after.generation, after.token_update_tally));
    let refusals = || school.events().iter().filter(|kind| *kind == "enrollment.refused").count();
    assert_eq!(refusals(), 1, "the same attempt stands in the log once a minute");
    school.clock.advance(REFUSALS_IN);
    forged.authenticate();
    assert_eq!(refusals(), 2);
}

#[test]
fn strangers_fill_the_log_to_a_limit() {
    let school = School::new();
    let mut attempts = 0..;
    let mut refusals_after = |count: usize| {
        for number in attempts.by_ref().take(count) {
            let stranger = Fingerprint::of_der(format!("stranger {number}").as_bytes());
            let identity = Presented { fingerprint: stranger, certificate: None, imported_authority: None, bearer: None, host: None };
            let reply = Device { school: &school, udid: format!("STRANGER-{number}"), identity }.authenticate();
            assert!(matches!(reply, Reply::Refused(Refusal::ForeignCertificate)), "{reply:?}");
        }
        school.events().iter().filter(|kind| *kind == "enrollment.refused").count()
    };
    assert_eq!(refusals_after(REFUSALS_MAX + 1), REFUSALS_MAX);
    school.clock.advance(REFUSALS_IN);
    assert_eq!(refusals_after(1), REFUSALS_MAX + 1);
}

#[test]
fn a_fresh_certificate_speaks_for_nobody_before_it_authenticates() {
    let school = School::new();
    school.enrolled(UDID);
    let stranger = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("fresh", Purpose::Enroll, None) };
    assert!(matches!(stranger.token_update(false), Reply::Refused(_)));
    assert!(matches!(stranger.connect("<key>Status</key><string>Idle</string>").unwrap(), connect::Reply::Refused(_)));
}

#[test]
fn an_unknown_certificate_and_a_revoked_one_are_refused() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let fingerprint = device.identity.fingerprint;
    school.write(move |tx| certificates::revoke(tx, &fingerprint, "stolen"));
    assert!(matches!(device.token_update(false), Reply::Refused(Refusal::Revoked)));
    let mut foreign = school.device("00008030-00AA11BB22CC33FF");
    foreign.identity.fingerprint = crate::pki::certificate::Fingerprint::of_der(b"somebody else's");
    assert!(matches!(foreign.authenticate(), Reply::Refused(Refusal::ForeignCertificate)));
}

#[test]
fn no_old_command_reaches_a_new_enrollment() {
    // C13: three commands wait, the device is deleted, and enrolls again two days later.
    let school = School::new();
    let device = school.enrolled(UDID);
    for number in 1..=3 {
        device.enqueue(command::install_profile(Uuid::from_u128(number), format!("not a profile {number}").into_bytes()));
    }
    let enrollment = device.enrollment();
    school.write(move |tx| devices::remove(tx, &Actor::Console, devices::find(tx, &Actor::Console, &enrollment.device_id)?));
    assert!(device.idle().is_none(), "a deleted device gets nothing");
    school.clock.advance(days(2));
    let again = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("second", Purpose::Enroll, None) };
    again.authenticate();
    again.token_update(false);
    let mut offer = again.idle();
    while let Some(command) = offer {
        assert_ne!(command.request_type, "InstallProfile");
        offer = again.report(&command.uuid, "Acknowledged");
    }
    let dropped = school.events().iter().filter(|kind| *kind == "command.dropped").count();
    assert!(dropped >= 3, "the audit shows them");
    assert_eq!(again.command(&Uuid::from_u128(1).to_string()).state, CommandState::Dropped);
    assert_eq!(again.enrollment().generation, 2);
    let id = again.enrollment().device_id;
    assert!(school.write(move |tx| crate::store::devices::by_id(tx, &id)).unwrap().deleted_at.is_none(), "it is back in view");
}

#[test]
fn secrets_of_a_past_generation_are_kept_sealed() {
    let school = School::new();
    let device = school.enrolled(UDID);
    device.check_in("<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>").unwrap();
    let again = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("second", Purpose::Enroll, None) };
    again.authenticate();
    let enrollment = again.enrollment();
    let (held, present) = school.write(move |tx| {
        Ok((escrow::of_device(tx, &enrollment.device_id)?, enrollments::secret(tx, &enrollment.id, SealedColumn::BootstrapToken)?))
    });
    assert!(present.is_none());
    for kind in [EscrowKind::UnlockToken, EscrowKind::BootstrapToken] {
        assert!(held.iter().any(|held| held.kind == kind && held.generation == 1), "{kind}");
    }
}

#[test]
fn a_bootstrap_token_comes_back_and_an_absent_one_is_an_empty_answer() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let get = "<key>MessageType</key><string>GetBootstrapToken</string>";
    assert!(matches!(device.check_in(get).unwrap(), Reply::Empty));
    device.check_in("<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>").unwrap();
    let Reply::BootstrapToken(token) = device.check_in(get).unwrap() else { panic!("no token") };
    assert_eq!(token.expose(), &[1, 2, 3]);
    device.check_in("<key>MessageType</key><string>SetBootstrapToken</string>").unwrap();
    assert!(matches!(device.check_in(get).unwrap(), Reply::Empty));
}

#[test]
fn a_malformed_bootstrap_token_changes_nothing_and_a_deleted_one_is_kept_in_escrow() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let set = |token: &str| device.check_in(&format!("<key>MessageType</key><string>SetBootstrapToken</string>{token}"));
    set("<key>BootstrapToken</key><data>AQID</data>").unwrap();
    for malformed in ["<string>AQID</string>", "<array/>", "<false/>", "<data>!!!!</data>"] {
        assert_eq!(set(&format!("<key>BootstrapToken</key>{malformed}")).unwrap_err().kind, Kind::BadInput, "{malformed}");
    }
    let held = || {
        let enrollment = device.enrollment();
        school.write(move |tx| {
            let current = enrollments::secret(tx, &enrollment.id, SealedColumn::BootstrapToken)?.map(|token| token.expose().clone());
            let mut past = Vec::new();
            for held in escrow::of_device(tx, &enrollment.device_id)? {
                past.extend(escrow::value(tx, &enrollment.device_id, &held.id)?.map(|(kind, value)| (kind, value.expose().clone())));
            }
            Ok((current, past))
        })
    };
    assert_eq!(held(), (Some(vec![1, 2, 3]), vec![]));
    for _ in 0..2 {
        set("<key>BootstrapToken</key><data></data>").unwrap();
        assert_eq!(held(), (None, vec![(EscrowKind::BootstrapToken, vec![1, 2, 3])]));
    }
}

#[test]
fn a_token_update_without_unlock_token_keeps_the_one_that_is_held() {
    let school = School::new();
    let device = school.enrolled(UDID);
    device
        .check_in(&format!(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{}</string><key>Token</key><data>CQkJ</data>\
             <key>PushMagic</key><string>other</string>",
            super::TOPIC
        ))
        .unwrap();
    let enrollment = device.enrollment();
    assert_eq!(enrollment.token_update_tally, 2);
    assert!(enrollment.has_unlock_token);
}

#[test]
fn a_retired_device_alone_is_told_to_leave_in_the_way_its_os_understands() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let enrollment = device.enrollment();
    school.write(move |tx| devices::retire(tx, &Actor::Console, &enrollment.device_id));
    for _ in 0..2 {
        let reply = device.connect("<key>Status</key><string>Idle</string>").unwrap();
        assert!(matches!(reply, connect::Reply::Leave(HowToLeave::UnrecognizedDevice)), "iOS 18: {reply:?}");
    }
    assert!(matches!(device.token_update(false), Reply::Leave(_)));
    let enrollment = device.enrollment();
    school.write(move |tx| {
        let mut device = crate::store::devices::by_id(tx, &enrollment.device_id)?.unwrap();
        device.os_version = String::from("12.5.7");
        crate::store::devices::update(tx, &device)
    });
    assert!(matches!(device.connect("<key>Status</key><string>Idle</string>").unwrap(), connect::Reply::Leave(HowToLeave::Unauthorized)));
    assert_eq!(school.events().iter().filter(|kind| *kind == "enrollment.told_to_leave").count(), 1);
}

#[test]
fn a_retired_device_is_welcome_again_with_the_certificate_of_a_new_invitation() {
    for os_version in ["18.1", "12.1"] {
        let school = School::new();
        let before = school.enrolled(UDID);
        let enrollment = before.enrollment();
        school.write(move |tx| {
            let mut device = crate::store::devices::by_id(tx, &enrollment.device_id)?.unwrap();
            os_version.clone_into(&mut device.os_version);
            crate::store::devices::update(tx, &device)?;
            devices::retire(tx, &Actor::Console, &enrollment.device_id)
        });
        assert!(matches!(before.connect("<key>Status</key><string>Idle</string>").unwrap(), connect::Reply::Leave(_)));
        let again = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("again", Purpose::Enroll, None) };
        let idle = again.connect("<key>Status</key><string>Idle</string>").unwrap();
        assert!(matches!(idle, connect::Reply::Refused(_)), "not told to leave, and nobody yet: {idle:?}");
        assert!(matches!(again.authenticate(), Reply::Empty));
        assert!(matches!(again.token_update(false), Reply::Empty));
        let enrollment = again.enrollment();
        assert_eq!((enrollment.state, enrollment.generation), (EnrollmentState::Enrolled, 2));
        assert!(again.idle().is_some(), "it is asked its first questions");
        let old = before.connect("<key>Status</key><string>Idle</string>").unwrap();
        assert!(matches!(old, connect::Reply::Refused(Refusal::Revoked)), "the identity of before is over: {old:?}");
    }
}

#[test]
fn check_out_ends_the_enrollment_and_a_token_update_restores_it() {
    let school = School::new();
    let device = school.enrolled(UDID);
    device.enqueue(command::restart_device(Uuid::from_u128(1), None));
    device.check_in(&format!("<key>MessageType</key><string>CheckOut</string><key>Topic</key><string>{}</string>", super::TOPIC)).unwrap();
    assert_eq!(device.enrollment().state, EnrollmentState::Left);
    assert!(device.idle().is_none(), "nothing is sent to an enrollment that ended");
    device.token_update(false);
    assert_eq!(device.enrollment().state, EnrollmentState::Enrolled);
}

#[test]
fn a_user_of_a_mac_has_a_channel_of_its_own() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let user = "<key>UserID</key><string>A1B2C3</string><key>UserShortName</key><string>kim</string>";
    let refused = device.check_in(&format!("<key>MessageType</key><string>UserAuthenticate</string>{user}")).unwrap();
    assert!(matches!(refused, Reply::NotManaged), "network users are not managed");
    let token = format!(
        "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{}</string><key>Token</key><data>AQID</data>\
         <key>PushMagic</key><string>m</string>{user}",
        super::TOPIC
    );
    assert!(matches!(device.check_in(&token).unwrap(), Reply::Empty));
    let channel = school.write(|tx| enrollments::by_nano_id(tx, &format!("{UDID}:A1B2C3"))).unwrap();
    assert_eq!(channel.parent_id.as_deref(), Some(device.enrollment().id.as_str()));
    assert_eq!(channel.user_short_name, "kim");
    device.authenticate();
    let channel = school.write(|tx| enrollments::by_nano_id(tx, &format!("{UDID}:A1B2C3"))).unwrap();
    assert_eq!((channel.state, channel.generation), (EnrollmentState::Left, 2), "its users begin anew with the device");
}

#[test]
fn a_user_of_a_shared_ipad_is_let_in_last() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let token = |magic: &str| {
        format!(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{}</string><key>Token</key><data>AQID</data>\
             <key>PushMagic</key><string>{magic}</string><key>AwaitingConfiguration</key><true/>\
             <key>UserID</key><string>FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF</string><key>UserShortName</key><string>kim@example.school</string>",
            super::TOPIC
        )
    };
    let user = "<key>Status</key><string>Idle</string><key>UserID</key><string>FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF</string>\
        <key>UserShortName</key><string>kim@example.school</string>";
    // Twice: each log-in may wait.
    for (number, magic) in [(1, "first"), (2, "second")] {
        assert!(matches!(device.check_in(&token(magic)).unwrap(), Reply::Empty));
        let channel = school.write(|tx| enrollments::by_nano_id(tx, &format!("{UDID}:kim@example.school"))).unwrap();
        assert!(channel.awaiting_configuration && channel.parent_id.is_some());
        let profile = command::remove_profile(Uuid::from_u128(number), "org.example.wifi");
        school.write(move |tx| crate::mdm::commands::enqueue(tx, &Actor::Console, &channel, crate::mdm::commands::Wish::new(profile)));
        let mut asked = Vec::new();
        let mut offer = super::offered(device.connect(user).unwrap());
        while let Some(command) = offer {
            let report = format!("{}<key>CommandUUID</key><string>{}</string>", user.replace("Idle", "Acknowledged"), command.uuid);
            asked.push(command.request_type);
            offer = super::offered(device.connect(&report).unwrap());
        }
        assert_eq!(asked, ["RemoveProfile", "UserConfigured"]);
        let channel = school.write(|tx| enrollments::by_nano_id(tx, &format!("{UDID}:kim@example.school"))).unwrap();
        assert!(!channel.awaiting_configuration);
    }
}

#[test]
fn declarative_management_is_answered_though_nothing_is_declared() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let ask = |endpoint: &str| {
        device
            .check_in(&format!(
                "<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>{endpoint}</string>"
            ))
            .unwrap()
    };
    let Reply::Json(first) = ask("tokens") else { panic!("no tokens") };
    school.clock.advance(days(1));
    let Reply::Json(second) = ask("tokens") else { panic!("no tokens") };
    assert_eq!(first, second, "tokens change when and only when content does");
    assert!(matches!(ask("declaration-items"), Reply::Json(_)));
    assert!(matches!(ask("declaration/configuration/none"), Reply::NoSuchDeclaration));
}

#[test]
fn a_message_for_no_enrollment_is_no_reason_to_leave() {
    let school = School::new();
    let device = school.device(UDID);
    for keys in ["<key>MessageType</key><string>CheckOut</string>", "<key>MessageType</key><string>GetBootstrapToken</string>"] {
        assert!(matches!(device.check_in(keys).unwrap(), Reply::Refused(_)));
    }
    let unknown = device.check_in("<key>MessageType</key><string>Surprise</string>").unwrap_err();
    assert_eq!(unknown.kind, Kind::BadInput);
}
