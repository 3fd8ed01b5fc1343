//! Secrets held for a device: seen while it uses them and however its enrollment ends, until an Owner purges them.

use uuid::Uuid;

use super::{Device, School, TOPIC};
use crate::error::Kind;
use crate::mdm::checkin::Reply;
use crate::mdm::commands::{self, Wish};
use crate::mdm::{Actor, Role, devices};
use crate::protocol::command::Command;
use crate::store::enrollments::{self, SealedColumn};
use crate::store::escrow::EscrowKind;

const UDID: &str = "00008030-00AA11BB22CC33DD";
const SET: &str = "<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>";
const GET: &str = "<key>MessageType</key><string>GetBootstrapToken</string>";

/// The secrets of a device as an Owner reveals them, in the order of their kinds.
fn held(school: &School) -> Vec<(String, Vec<u8>)> {
    let mut held = school.write(|tx| {
        let held = devices::held(tx, &Actor::Console, UDID)?;
        held.iter()
            .map(|held| {
                let (kind, value) = devices::reveal(tx, &Actor::Console, UDID, &held.id)?;
                assert_eq!(kind, held.kind);
                Ok((kind.to_string(), value.expose().clone()))
            })
            .collect::<crate::error::Result<Vec<_>>>()
    });
    held.sort();
    held
}

fn both() -> Vec<(String, Vec<u8>)> {
    vec![(EscrowKind::BootstrapToken.to_string(), vec![1, 2, 3]), (EscrowKind::UnlockToken.to_string(), vec![4, 5, 6])]
}

/// The tokens that stand in the enrollment itself.
fn in_use(device: &Device<'_>) -> usize {
    let id = device.enrollment().id;
    let columns = [SealedColumn::UnlockToken, SealedColumn::BootstrapToken];
    device.school.write(move |tx| {
        columns
            .into_iter()
            .map(|column| Ok(usize::from(enrollments::secret(tx, &id, column)?.is_some())))
            .sum::<crate::error::Result<usize>>()
    })
}

fn check_out(device: &Device<'_>) {
    device.check_in(&format!("<key>MessageType</key><string>CheckOut</string><key>Topic</key><string>{TOPIC}</string>")).unwrap();
}

fn erase(device: &Device<'_>) {
    let uuid = device.enqueue(Command::new(Uuid::from_u128(1), "EraseDevice")).uuid;
    device.idle();
    device.report(&uuid, "Acknowledged");
}

fn retire(device: &Device<'_>) {
    device.school.write(|tx| devices::retire(tx, &Actor::Console, UDID));
}

fn delete(device: &Device<'_>) {
    // Without being retired first, as practice devices are.
    device.school.write(|tx| devices::remove(tx, &Actor::Console, devices::find(tx, &Actor::Console, UDID)?));
}

/// How an enrollment ends.
type End = fn(&Device<'_>);

#[test]
fn tokens_outlive_every_end_of_their_enrollment_until_they_are_purged() {
    let ends: [(&str, End); 4] = [("check-out", check_out), ("erased", erase), ("retired", retire), ("deleted", delete)];
    for (name, end) in ends {
        let school = School::new();
        let device = school.enrolled(UDID);
        device.check_in(SET).unwrap();
        end(&device);
        assert_eq!(held(&school), both(), "{name}");
        assert_eq!(in_use(&device), 0, "{name}: they are in the escrow");
        assert_eq!(school.events().iter().filter(|kind| *kind == "escrow.revealed").count(), 2, "{name}: every look is recorded");
        school.write(|tx| devices::purge(tx, &Actor::Console, UDID).map(drop));
        assert_eq!(held(&school), [], "{name}");
    }
}

#[test]
fn tokens_in_use_are_shown_to_owners_and_purged_only_when_the_use_has_ended() {
    let school = School::new();
    let device = school.enrolled(UDID);
    device.check_in(SET).unwrap();
    assert_eq!(held(&school), both());
    let admin = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Admin };
    let id = school.write(|tx| devices::held(tx, &Actor::Console, UDID)).remove(0).id;
    assert_eq!(school.try_write(move |tx| devices::reveal(tx, &admin, UDID, &id)).unwrap_err().kind, Kind::Forbidden);
    school.write(|tx| devices::purge(tx, &Actor::Console, UDID).map(drop));
    assert_eq!(held(&school), both(), "a Mac that is managed would ask in vain for its token");
    assert!(matches!(device.check_in(GET).unwrap(), Reply::BootstrapToken(_)));
    delete(&device);
    // It was told nothing, and gives its token once more.
    device.check_in(SET).unwrap();
    assert_eq!(in_use(&device), 1);
    school.write(|tx| devices::purge(tx, &Actor::Console, UDID).map(drop));
    assert_eq!((held(&school), in_use(&device)), (vec![], 0), "of a device that is deleted nothing is left");
}

#[test]
fn a_rotated_recovery_key_is_held() {
    let school = School::new();
    let device = school.enrolled(UDID);
    // The device of these tests is an iPad, which is none of this command's concern.
    let (enrollment, order) = (device.enrollment(), Command::new(Uuid::from_u128(9), "RotateFileVaultKey"));
    school.write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish { check: false, ..Wish::new(order) }));
    let uuid = device.idle().unwrap().uuid;
    let keys = format!(
        "<key>CommandUUID</key><string>{uuid}</string><key>Status</key><string>Acknowledged</string>\
         <key>RotateResult</key><dict><key>EncryptedNewRecoveryKey</key><data>BwgJ</data></dict>"
    );
    device.connect(&keys).unwrap();
    assert!(held(&school).contains(&(EscrowKind::RecoveryKey.to_string(), vec![7, 8, 9])));
}
