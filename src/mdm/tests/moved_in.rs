//! Identities that another server issued: bound once, and renewed by ours where enough is known of the profile that they came with.

use super::{Device, School, TOPIC, days};
use crate::mdm::checkin::Reply;
use crate::mdm::connect;
use crate::mdm::enroll::identify::{self, ImportedAuthority, Presented, Refusal};
use crate::mdm::enroll::renewal::{self, RENEW_BEFORE};
use crate::mdm::{Actor, checkin, why};
use crate::pki::csr::{self, CertificationRequest, RequestOptions};
use crate::pki::key::PrivateKey;
use crate::pki::{asn1, issue};
use crate::protocol;
use crate::store::authorities::{self, Authority, AuthorityState};
use crate::store::certificates::Purpose;
use crate::store::inventory::{self, InstalledProfile};
use crate::store::{devices, enrollments};

const UDID: &str = "00008030-00AA11BB22CC33DD";

/// A device of another server, whose messages that server handed over, and which now comes itself.
fn moved_in(school: &School) -> Device<'_> {
    let now = school.clock.now();
    let elsewhere = issue::root("Elsewhere CA", now).unwrap();
    let key = PrivateKey::generate_p256().unwrap();
    let request = csr::write(&asn1::name::write(&[]).unwrap(), &key, RequestOptions::default()).unwrap();
    let certificate = elsewhere.identity(&CertificationRequest::from_der(&request).unwrap(), UDID, now).unwrap();
    let root = elsewhere.certificate().clone();
    let messages = [
        format!("<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string>"),
        format!(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{TOPIC}</string><key>Token</key><data>AQID</data>\
             <key>PushMagic</key><string>magic</string>"
        ),
    ];
    school.write(move |tx| {
        let authority = Authority {
            id: String::from("elsewhere"),
            state: AuthorityState::Imported,
            certificate: root.der().to_vec(),
            not_after_at: root.not_after(),
            created_at: tx.now,
            bridge: None,
            used_from_at: None,
            taken_until_at: None,
        };
        authorities::insert(tx, &authority, &root.fingerprint(), None)?;
        for message in messages {
            let body = super::plist(&format!("<key>UDID</key><string>{UDID}</string>{message}"));
            checkin::move_in(tx, &Actor::Console, &protocol::checkin::parse(body.as_bytes())?)?;
        }
        Ok(())
    });
    let imported_authority = Some(ImportedAuthority { id: String::from("elsewhere"), until: now.plus(identify::MOVE_IN_WINDOW) });
    let identity =
        Presented { fingerprint: certificate.fingerprint(), certificate: Some(certificate), imported_authority, bearer: None, host: None };
    Device { school, udid: UDID.to_owned(), identity }
}

impl Device<'_> {
    fn reasons(&self) -> Vec<String> {
        let enrollment = self.enrollment();
        self.school.write(move |tx| {
            let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
            Ok(why::device(tx, &device, Some(&enrollment))?.into_iter().map(|reason| reason.cause).collect())
        })
    }

    fn missing(&self) -> Vec<&'static str> {
        let enrollment = self.enrollment();
        self.school.write(move |tx| renewal::missing(tx, &enrollment))
    }
}

#[test]
fn the_first_certificate_of_a_moved_in_device_plans_its_renewal_and_what_is_not_known_is_said() {
    let school = School::new();
    let device = moved_in(&school);
    assert_eq!(device.enrollment().renewal_due_at, None, "nothing has shown a certificate yet");
    device.answer_everything();
    let due = device.enrollment().renewal_due_at.unwrap();
    assert_eq!(due, school.clock.now().plus(days(730)).minus(RENEW_BEFORE));
    device.token_update_with(false, "BAUG");
    assert_eq!(device.enrollment().renewal_due_at, Some(due), "later messages keep it");
    assert!(device.reasons().iter().all(|reason| !reason.contains("another server")));

    school.clock.advance(due.since(school.clock.now()));
    assert!(school.write(|tx| Ok(renewal::due(tx, "https://mdm.example.school")?.is_empty())), "nothing is guessed");
    assert_eq!(school.write(renewal::note_impossible), 1);
    assert_eq!(school.write(renewal::note_impossible), 0);
    school.clock.advance(renewal::ATTEMPT);
    assert_eq!(school.write(renewal::note_impossible), 0, "said once");
    assert_eq!(school.events().iter().filter(|kind| *kind == "renewal.impossible").count(), 1);
    let reasons = device.reasons();
    let reason = reasons.iter().find(|reason| reason.contains("another server")).unwrap();
    assert!(reason.contains("because ServerURL, CheckInURL, AccessRights, PayloadIdentifier of the profile"), "{reason}");
    let enrollment = device.enrollment();
    let refusal = school.try_write(move |tx| renewal::hasten(tx, &enrollment)).unwrap_err();
    assert!(refusal.message.contains("ServerURL"), "{refusal}");
}

#[test]
fn where_its_profile_is_known_a_moved_in_device_is_renewed_as_what_it_is() {
    let school = School::new();
    let device = moved_in(&school);
    device.answer_everything();
    let mut enrollment = device.enrollment();
    school.write(move |tx| {
        enrollment.server_url = String::from("https://old.example.school/mdm");
        enrollment.check_in_url = String::from("https://old.example.school/checkin");
        enrollment.access_rights = Some(8191);
        enrollments::update(tx, &enrollment)?;
        let profile = |identifier: &str, kind: &str| InstalledProfile {
            identifier: identifier.to_owned(),
            uuid: String::new(),
            name: String::new(),
            managed: None,
            details: format!(r#"{{"PayloadContent":[{{"PayloadType":"{kind}"}}]}}"#),
        };
        let profiles = [profile("school.example.wifi", "com.apple.wifi.managed"), profile("school.example.mdm", "com.apple.mdm")];
        inventory::replace_profiles(tx, &enrollment.id, &profiles)
    });
    assert_eq!(device.missing(), [""; 0]);
    school.clock.advance(days(730).saturating_sub(RENEW_BEFORE));
    let steps = school.write(|tx| renewal::due(tx, "https://mdm.example.school"));
    let grant = &steps[0].grant;
    assert_eq!((grant.identifier.as_str(), grant.topic.as_str()), ("school.example.mdm", TOPIC));
    assert_eq!(grant.addresses.server_url, "https://old.example.school/mdm");
    assert_eq!(grant.addresses.check_in_url, "https://old.example.school/checkin");
    assert_eq!(grant.addresses.scep_url, "https://mdm.example.school/scep", "the identity comes from here");
    assert_eq!(school.write(renewal::note_impossible), 0);
}

#[test]
fn a_device_that_enrolled_here_lacks_nothing() {
    let school = School::new();
    assert_eq!(school.enrolled(UDID).missing(), [""; 0]);
    assert_eq!(identify::MOVE_IN_WINDOW, days(30));
}

#[test]
fn a_certificate_of_ours_for_somebody_new_does_not_speak_for_what_moved_in() {
    let school = School::new();
    let device = moved_in(&school);
    let stranger = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("fresh", Purpose::Enroll, None) };
    let said = [
        stranger.check_in("<key>MessageType</key><string>GetBootstrapToken</string>").unwrap(),
        stranger.check_in("<key>MessageType</key><string>CheckOut</string>").unwrap(),
        stranger.token_update(false),
    ];
    assert!(said.iter().all(|reply| matches!(reply, Reply::Refused(Refusal::AnothersIdentity))), "{said:?}");
    let idle = stranger.connect("<key>Status</key><string>Idle</string>").unwrap();
    assert!(matches!(idle, connect::Reply::Refused(Refusal::AnothersIdentity)), "{idle:?}");
    assert!(matches!(
        device.connect("<key>Status</key><string>Idle</string>").unwrap(),
        connect::Reply::Empty | connect::Reply::Command(_)
    ));
}
