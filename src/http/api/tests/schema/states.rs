//! What devices have shown and done, as far as answers tell of it.

use super::super::commands::UDID;
use super::super::*;
use crate::clock::Timestamp;
use crate::protocol::report::device::DeviceUser;
use crate::store::arrivals::{self, Arrival};
use crate::store::attestations::{self, Attestation, AttestationState, Vouched};
use crate::store::invitations::Entry;
use crate::store::returns::{self, Return};
use crate::store::{device_users, devices};

/// The device has shown that it is genuine.
pub(super) fn genuine(tx: &crate::store::Tx) -> crate::error::Result<()> {
    let device_id = crate::store::enrollments::by_nano_id(tx, UDID)?.unwrap().device_id;
    let text = |text: &str| Some(text.to_owned());
    let vouched = Vouched {
        serial_number: text("TESTSN0001"),
        udid: text(UDID),
        os_version: text("26.1"),
        sep_os_version: text("26.1"),
        llb_version: text("13822.41.4"),
        software_update_device_id: text("J413AP"),
        sip: Some(true),
        secure_boot: text("Full Security"),
        kernel_extensions: Some(false),
        made_at: tx.now,
    };
    let known = Attestation::unknown(&device_id);
    let shown =
        Attestation { asked_at: Some(tx.now), state: AttestationState::Genuine, vouched: Some(vouched), checked_at: Some(tx.now), ..known };
    attestations::put(tx, &shown)
}

/// The device was erased and is back.
pub(super) fn returned(tx: &crate::store::Tx) -> crate::error::Result<()> {
    let enrollment_id = crate::store::enrollments::by_nano_id(tx, UDID)?.unwrap().id;
    let (asked_at, at) = (tx.now, Some(tx.now));
    let (command_uuid, network, asked_by) = (String::new(), String::from("School"), String::from("kim"));
    let back = Return { enrollment_id, command_uuid, network, asked_by, asked_at, erased_at: at, expected_at: at, returned_at: at };
    returns::put(tx, &back)
}

/// The device is a Shared iPad that somebody has an account on.
pub(super) fn shared(tx: &crate::store::Tx) -> crate::error::Result<()> {
    let enrollment = crate::store::enrollments::by_nano_id(tx, UDID)?.unwrap();
    let mut facts: Value = serde_json::from_str(&devices::facts(tx, &enrollment.device_id)?).unwrap();
    for (key, value) in [
        ("IsMultiUser", json!(true)),
        ("ResidentUsers", json!(1)),
        ("QuotaSize", json!(4096)),
        ("UserSessionTimeout", json!(600)),
        ("TemporarySessionTimeout", json!(0)),
        ("TemporarySessionOnly", json!(false)),
        ("OnlineAuthenticationGracePeriod", json!(7)),
        ("ManagedAppleIDDefaultDomains", json!(["appleaccount.example.school"])),
    ] {
        facts[key] = value;
    }
    devices::set_facts(tx, &enrollment.device_id, &facts.to_string())?;
    let user = DeviceUser {
        user_name: "ada@appleaccount.example.school".into(),
        full_name: Some("Ada Example".into()),
        user_guid: None,
        is_logged_in: Some(true),
        has_data_to_sync: Some(false),
        data_used_bytes: Some(120_000_000),
        data_quota_bytes: Some(4_294_967_296),
        has_secure_token: None,
    };
    device_users::replace(tx, &enrollment.id, &[user])
}

/// A device that asked for its profile from Setup Assistant.
pub(super) fn asked(now: Timestamp) -> Arrival {
    Arrival {
        serial_number: String::from("TESTSN0001"),
        udid: UDID.to_owned(),
        product_name: String::from("iPad13,18"),
        os_version: String::from("17.6"),
        entry: Entry::Automated,
        practice: false,
        answer: arrivals::Answer::Refused,
        because: String::from("It is not listed."),
        challenge: None,
        asked_at: now,
    }
}
