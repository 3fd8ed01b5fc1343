//! What each role may have a device do, request type by request type.

use uuid::Uuid;

use super::{Device, School};
use crate::error::Kind;
use crate::mdm::commands::{self, Wish};
use crate::mdm::{Actor, Role, nano};
use crate::protocol::command::{self, Command, schema};
use crate::protocol::platform::Platform;

const UDID: &str = "00008030-00AA11BB22CC33DD";

/// Request types that a helper may send; owners and admins may send all, others none.
const HELPERS: &str = "ActivationLockBypassCode ActiveNSExtensions AvailableOSUpdates CancelEnhancedLogCollection CertificateList \
    ClearRestrictionsPassword ContentCachingInformation DeviceConfigured DeviceInformation DeviceLocation DeviceLock DisableLostMode EnableLostMode \
    InstalledApplicationList LOMDeviceRequest LOMSetupRequest LogOutUser ManagedApplicationAttributes ManagedApplicationConfiguration \
    ManagedApplicationFeedback ManagedApplicationList ManagedMediaList NSExtensionMappings OSUpdateStatus PlayLostModeSound ProfileList \
    ProvisioningProfileList RequestMirroring RestartDevice Restrictions ScheduleOSUpdate ScheduleOSUpdateScan SecurityInfo ShutDownDevice StopMirroring \
    UnlockUserAccount UserConfigured UserList ValidateApplications VerifyFirmwarePassword VerifyRecoveryLock";

fn person(role: Role) -> Actor {
    Actor::Person { id: "1".into(), name: "kim".into(), role }
}

/// Whether a role may have the device do it; whatever else stands against it is not asked.
fn may(device: &Device<'_>, role: Role, order: Command) -> bool {
    let enrollment = device.enrollment();
    let asked =
        device.school.try_write(move |tx| commands::enqueue(tx, &person(role), &enrollment, Wish { check: false, ..Wish::new(order) }));
    match asked {
        Ok(_) => true,
        Err(error) if error.kind == Kind::Forbidden => {
            assert!(error.message.contains("that takes the role owner or admin"), "{error}");
            false
        }
        Err(error) => panic!("{role:?}: {error}"),
    }
}

#[test]
fn every_request_type_takes_the_right_that_its_effect_has() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let helpers: Vec<_> = HELPERS.split_whitespace().collect();
    assert!(helpers.iter().all(|known| schema::knows(known)), "{helpers:?}");
    let mut number = 0;
    for request_type in schema::request_types().chain(["MakeCoffee", "erasedevice"]) {
        for role in [Role::Owner, Role::Admin, Role::Helper] {
            number += 1;
            let expected = role != Role::Helper || helpers.contains(&request_type);
            assert_eq!(may(&device, role, Command::new(Uuid::from_u128(number), request_type)), expected, "{role:?} {request_type}");
        }
        for role in [Role::Teacher, Role::Viewer] {
            let (enrollment, order) = (device.enrollment(), Command::new(Uuid::from_u128(9_999), request_type));
            let refusal = school.try_write(move |tx| commands::enqueue(tx, &person(role), &enrollment, Wish::new(order))).unwrap_err();
            assert_eq!(refusal.kind, Kind::Forbidden, "{role:?} {request_type}");
        }
    }
}

#[test]
fn nobody_makes_a_device_leave_who_may_not_retire_it() {
    let school = School::new();
    let device = school.enrolled(UDID);
    for (number, identifier) in ["org.rollcall.enrollment", "school.example.wifi"].into_iter().enumerate() {
        let order = move || command::remove_profile(Uuid::from_u128(number as u128 + 1), identifier);
        assert!(!may(&device, Role::Helper, order()), "{identifier}");
        let refusal = school.try_write(move |tx| nano::enqueue(tx, &person(Role::Helper), UDID, &order(), false)).unwrap_err();
        assert_eq!(refusal.kind, Kind::Forbidden, "{identifier}");
    }
    assert!(device.idle().is_none(), "nothing was queued");
}

#[test]
fn a_helper_locks_what_is_no_mac() {
    let school = School::new();
    let device = school.enrolled(UDID);
    let lock = |number| Command::new(Uuid::from_u128(number), "DeviceLock");
    assert!(may(&device, Role::Helper, lock(1)));
    assert!(!may(&device, Role::Helper, lock(2).with("PIN", "123456")));
    let id = device.enrollment().device_id;
    school.write(move |tx| {
        let mut mac = crate::store::devices::by_id(tx, &id)?.unwrap();
        mac.platform = Platform::Macos;
        crate::store::devices::update(tx, &mac)
    });
    assert!(!may(&device, Role::Helper, lock(3)), "one that is locked lets nobody in");
    assert!(may(&device, Role::Admin, lock(4).with("PIN", "123456")));
}
