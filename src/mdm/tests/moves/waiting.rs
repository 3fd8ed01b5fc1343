//! What people are told of a device that was handed over and has not come.

use super::*;
use crate::mdm::why;

/// Why people are told that a device waits.
pub(super) fn told(school: &School, udid: &str) -> Vec<String> {
    let udid = udid.to_owned();
    school.write(move |tx| {
        let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
        let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
        Ok(why::device(tx, &device, Some(&enrollment))?.into_iter().map(|reason| reason.cause).collect())
    })
}

#[test]
fn a_device_whose_authority_is_not_here_yet_waits_for_that_and_not_for_more_time() {
    let school = School::new();
    let taken = take_in(&school, &[authenticate(A, ""), tokens(A, "")], None, false);
    assert!(taken.iter().all(|taken| taken.outcome.is_ok()), "{taken:?}");
    assert!(told(&school, A).iter().any(|cause| cause.contains("authority has not been imported")), "{:?}", told(&school, A));
    elsewhere(&school);
    assert!(told(&school, A).iter().any(|cause| cause.contains("has not been seen here yet")), "{:?}", told(&school, A));
}
