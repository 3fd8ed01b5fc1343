//! Devices that start in Setup Assistant: what they say, how they sign, and what they make of the answers.

use std::sync::Arc;

use super::*;
use crate::pki::device_identity::{Anchors, Unproven, Vouched, verify};
use crate::pki::digest::Digest;
use crate::protocol::machine_info::{EnrollmentError, MachineInfo, NeededRelease};
use crate::sim::device::{Maker, SetupAssistant};

const URL: &str = "https://mdm.example.school/ade";

fn begins(word: &str, faults: &str) -> (Device, Arc<SetupAssistant>) {
    let setup = Arc::new(SetupAssistant { url: URL.into(), maker: Maker::new(start()).unwrap() });
    let mut settings = Settings::new(ProfileSource::Url(String::from("https://mdm.example.school/enroll/PRACTICE/profile")));
    settings.setup = Some(Arc::clone(&setup));
    let faults = Faults::parse(faults).unwrap().for_device(1);
    (Device::new(individual(word), settings, faults, Random::seeded(1)), setup)
}

fn anchors(setup: &SetupAssistant) -> Anchors {
    Anchors { apple: None, practice: Some(setup.maker.certificate().clone()) }
}

#[test]
fn a_device_says_what_it_is_as_its_generation_signs() {
    for (word, digest, can_update, certificates) in [
        ("iPad4,1@12+automated", Digest::Sha1, false, 1),
        ("iPad13,18@27+automated", Digest::Sha256, true, 2),
        ("mac@15+automated", Digest::Sha256, true, 2),
    ] {
        let (mut device, setup) = begins(word, "");
        let request = device.poll(start()).unwrap();
        assert_eq!((request.purpose, request.url.as_str(), request.method.as_str()), (Purpose::MachineInfo, URL, "POST"));
        let proven = verify(&request.body, &anchors(&setup)).unwrap();
        assert_eq!((proven.by, proven.digest), (Vouched::Practice, digest), "{word}");
        assert_eq!(cms::verify(&request.body, None).unwrap().certificates.len(), certificates);
        let info = MachineInfo::parse(&proven.content).unwrap();
        assert_eq!((info.serial_number.as_str(), info.can_request_software_update), (device.facts().serial_number.as_str(), can_update));
        assert!(info.version().is_known() && device.is_in_setup_assistant());
    }
    let (mut invited, _) = begins("ipad@26", "");
    assert_eq!(invited.poll(start()).unwrap().purpose, Purpose::Profile, "others come by an invitation");
}

#[test]
fn faults_make_a_stranger_of_it_or_let_it_sign_otherwise() {
    let message = |kind: &str| {
        let (mut device, setup) = begins("ipad@26+automated", &format!("[[fault]]\nkind = \"{kind}\""));
        let request = device.poll(start()).unwrap();
        (verify(&request.body, &anchors(&setup)), cms::verify(&request.body, None).unwrap().certificates.len())
    };
    assert!(matches!(message("stranger").0, Err(Unproven::Stranger(_))));
    assert_eq!(message("old-digest").0.unwrap().digest, Digest::Sha1);
    assert_eq!(message("bare-identity").1, 1);
}

#[test]
fn a_device_that_is_told_to_updates_itself_and_asks_again() {
    let answer = |device: &mut Device, version: &str| {
        device.poll(start()).unwrap();
        let needed = NeededRelease { os_version: version.into(), build_version: None, beta: None };
        let body = EnrollmentError::SoftwareUpdateRequired(needed).to_json();
        device.handle(Reply::Answered(Response::new(403, "application/json", body)), start());
    };
    let (mut device, setup) = begins("iPad13,18@17+automated", "");
    answer(&mut device, "26.1");
    assert_eq!(device.facts().release.text, "26.1");
    let again = device.poll(start()).unwrap();
    let proven = verify(&again.body, &anchors(&setup)).unwrap();
    assert_eq!(MachineInfo::parse(&proven.content).unwrap().os_version, "26.1");
    let (mut stuck, _) = begins("iPad13,18@17+automated", "");
    answer(&mut stuck, "99.1");
    assert!(matches!(stuck.phase(), Phase::Failed(why) if why.contains("99.1")), "{:?}", stuck.phase());
    let (mut old, _) = begins("iPad4,1@12+automated", "");
    answer(&mut old, "26.1");
    assert!(matches!(old.phase(), Phase::Failed(_)) && old.journal().remarks.iter().any(|remark| remark.contains("does not understand")));
}

#[test]
fn a_device_that_is_switched_on_asks_apple_first_who_manages_it() {
    const SERVICE: &str = "https://localhost:50443/activation";
    let switched_on = || {
        let (device, setup) = begins("-ipad@26+automated", "");
        let settings = Settings { activation: Some(SERVICE.into()), ..device.settings.clone() };
        let mut device = Device::new(device.facts.clone(), settings, Faults::default().for_device(1), Random::seeded(1));
        let request = device.poll(start()).unwrap();
        let wanted = format!("{SERVICE}/{}", device.facts().serial_number);
        assert_eq!((request.purpose, request.url), (Purpose::Activation, wanted));
        (device, setup)
    };
    let (mut device, _) = switched_on();
    let profile = r#"{"url":"https://mdm.example.school/ade?of=list","is_supervised":true,"await_device_configured":true}"#;
    device.handle(Reply::Answered(Response::new(200, "application/json", profile.as_bytes().to_vec())), start());
    let asks = device.poll(start()).unwrap();
    assert_eq!((asks.purpose, asks.url.as_str()), (Purpose::MachineInfo, "https://mdm.example.school/ade?of=list"));
    assert!(device.facts().supervised && device.is_in_setup_assistant());
    assert!(!device.facts().shared && device.facts().accounts.is_empty());
    for (supervised, people) in [(true, 3), (false, 0)] {
        let (mut device, _) = switched_on();
        let profile = format!(r#"{{"url":"https://mdm.example.school/ade","is_supervised":{supervised},"is_multi_user":true}}"#);
        device.handle(Reply::Answered(Response::new(200, "application/json", profile.into_bytes())), start());
        let facts = device.facts();
        assert_eq!((facts.shared, facts.accounts.len()), (supervised, people), "only supervised iPads are shared");
        assert!(facts.accounts.iter().all(|account| account.short_name.ends_with("@example.school")));
    }
    let (mut own, _) = switched_on();
    own.handle(Reply::Answered(Response::new(404, "application/json", b"\"PROFILE_NOT_FOUND\"".to_vec())), start());
    assert!(matches!(own.phase(), Phase::Failed(why) if why.contains("no organisation")), "{:?}", own.phase());
}
