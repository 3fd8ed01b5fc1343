//! A seat of a device that is erased to come back is given to nobody meanwhile, and to the next in line when it does not come.

use super::{MINUTE, Office};
use crate::mdm::licences::Licence;
use crate::mdm::return_to_service::watch::COMES_BACK_WITHIN;
use crate::mdm::tests::Device;

const APP: &str = "409203825";

/// The serial number of the device that enrolls.
const HOLDER: &str = "TESTSN0001";

#[test]
fn the_seat_of_a_device_that_is_to_come_back_waits_for_it_and_then_goes_to_the_next() {
    let mut office = Office::new(&[(APP, 1)]);
    office.pass(MINUTE);
    let identity = office.school.enrolled("UDID-1").identity.clone();
    office.want(APP, HOLDER);
    office.school.clock.advance(MINUTE);
    office.want(APP, "OTHER1");
    for _ in 0..3 {
        office.pass(MINUTE);
    }
    assert_eq!(office.licence(APP, HOLDER), Licence::Held);

    Device { school: &office.school, udid: String::from("UDID-1"), identity }.is_erased_to_return();
    for _ in 0..3 {
        office.pass(MINUTE);
    }
    assert_eq!(office.licence(APP, HOLDER), Licence::Held);
    assert!(matches!(office.licence(APP, "OTHER1"), Licence::Short { by: 1, .. }));

    office.pass(COMES_BACK_WITHIN);
    for _ in 0..4 {
        office.pass(MINUTE);
    }
    assert_eq!((office.licence(APP, HOLDER), office.licence(APP, "OTHER1")), (Licence::None, Licence::Held));
    assert_eq!(office.book.overdrawn, 0);
}
