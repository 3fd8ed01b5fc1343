//! A school for benchmarks: an authority, groups, and devices that enrolled by the messages that devices send.

use std::time::Duration;

use rollcall::clock::Timestamp;
use rollcall::error::{Error, Result};
use rollcall::mdm::checkin;
use rollcall::mdm::enroll::identify::Presented;
use rollcall::pki::certificate::Fingerprint;
use rollcall::pki::digest;
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::protocol;
use rollcall::store::authorities::{self, Authority, AuthorityState};
use rollcall::store::certificates::{self, Identity, NewIdentity, Purpose};
use rollcall::store::devices::Device;
use rollcall::store::groups::{self, Group};
use rollcall::store::{OpenOptions, Store, Tx, deployments, devices, enrollments};

/// When everything happens.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

const AUTHORITY: &str = "our authority";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// An empty store in a file, with the folder that goes with it.
pub(crate) fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
    let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
    store.write_blocking(NOW, authority).expect("the write succeeds");
    (store, folder)
}

fn authority(tx: &Tx) -> Result<()> {
    let authority = Authority {
        id: AUTHORITY.into(),
        state: AuthorityState::Current,
        certificate: b"root".to_vec(),
        not_after_at: NOW.plus(20 * YEAR),
        created_at: NOW,
        bridge: None,
        used_from_at: Some(NOW),
        taken_until_at: None,
    };
    authorities::insert(tx, &authority, &Fingerprint::of_der(b"root"), None)
}

/// A group of that id.
pub(crate) fn group(tx: &Tx, id: &str) -> Result<()> {
    let (id, name) = (id.to_owned(), format!("Class {id}"));
    let group = Group { id, name, note: String::new(), rule: None, is_by_rule: false, device_count: 0, created_at: NOW, changed_at: NOW };
    groups::insert(tx, &group)
}

/// A device of that model with that system in those groups, which has said what it is.
pub(crate) fn device(tx: &Tx, number: usize, (product, system): (&str, &str), groups: &[&str]) -> Result<(String, Device)> {
    let (udid, der) = (format!("UDID-{number}"), format!("identity {number}").into_bytes());
    let presented =
        Presented { fingerprint: Fingerprint::of_der(&der), certificate: None, imported_authority: None, bearer: None, host: None };
    let identity = Identity {
        fingerprint: presented.fingerprint,
        authority_id: AUTHORITY.into(),
        serial: format!("{number:x}"),
        purpose: Purpose::Enroll,
        invitation_id: None,
        intended_for: None,
        enrollment_id: None,
        not_before_at: NOW,
        not_after_at: NOW.plus(2 * YEAR),
        issued_at: NOW,
        bound_at: None,
        revoked_at: None,
    };
    let public_key = digest::sha256(&der);
    certificates::insert(tx, &NewIdentity { identity: &identity, certificate: &der, public_key: &public_key, transaction_id: "" })?;
    for keys in [
        format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>com.apple.mgmt.External.x</string>\
             <key>ProductName</key><string>{product}</string><key>OSVersion</key><string>{system}</string>"
        ),
        String::from(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>com.apple.mgmt.External.x</string>\
             <key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>",
        ),
    ] {
        let body = format!("<plist version=\"1.0\"><dict><key>UDID</key><string>{udid}</string>{keys}</dict></plist>");
        checkin::checkin(tx, Some(&presented), &protocol::checkin::parse(body.as_bytes())?, None)?;
    }
    let enrollment = enrollments::by_nano_id(tx, &udid)?.ok_or_else(|| Error::not_found("it has not enrolled"))?;
    let mut device = devices::by_id(tx, &enrollment.device_id)?.ok_or_else(|| Error::not_found("it has not enrolled"))?;
    device.supervised = Some(true);
    devices::update(tx, &device)?;
    devices::set_facts(tx, &device.id, "{}")?;
    groups.iter().try_for_each(|group| groups::add_device(tx, group, &device.id).map(drop))?;
    deployments::look_again(tx, &device.id)?;
    Ok((enrollment.id, device))
}
