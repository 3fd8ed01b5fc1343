//! What is told of a version of an app of the house before and while devices get it: its signature's end, and groups that can try nothing.

use super::packages::{brought, build, keep};
use super::{School, days};
use crate::mdm::{Actor, assignments as assign, packages};
use crate::protocol::package::code::tests::SIGNED_APP;
use crate::protocol::platform::Platform;
use crate::store::assignments::AssignedKind;
use crate::store::devices::{self, Device};
use crate::store::packages::Stage;
use crate::store::profiles::tests::group;

#[test]
fn the_end_of_the_certificate_that_signed_an_app_is_told_before_and_after() {
    let school = School::new();
    let end = brought(SIGNED_APP).read.facts.signature.unwrap().certificate.unwrap().ends_at;
    for (now, words) in
        [(end.minus(days(20)), "The certificate that signed the app ends on 31 Dec 2028"), (end.plus(days(1)), "ended on 31 Dec 2028")]
    {
        school.clock.advance(std::time::Duration::from_millis((now.millis() - school.clock.now().millis()).unsigned_abs()));
        let notes = school.write(|tx| packages::notes(tx, &keep(tx, &brought(SIGNED_APP))?.package));
        assert!(notes.iter().any(|note| note.contains(words)), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("no certificate of Apple's")), "{notes:?}");
        let ends = school.write(|tx| crate::mdm::ends::all(tx, true));
        let signer = ends.iter().find(|end| end.key.starts_with("package.signer:")).unwrap();
        assert_eq!((signer.at, signer.name.as_str()), (end, "Certificate that signed “Field” 150"));
    }
}

#[test]
fn a_group_that_can_try_nothing_is_told_when_it_is_chosen_and_as_long_as_that_is_so() {
    let school = School::new();
    let id = school.enrolled("A-1").enrollment().device_id;
    school.write(move |tx| {
        let one = devices::by_id(tx, &id)?.unwrap();
        let is = |platform: Platform, os_version: &str| {
            devices::update(tx, &Device { platform, os_version: os_version.to_owned(), ..one.clone() })
        };
        let mut new = build(1);
        new.read.facts.platforms = vec![Platform::Ios];
        new.read.facts.minimum_os = String::from("17.4");
        let app_id = keep(tx, &new)?.app.id;
        let doubt = || Ok::<_, crate::error::Error>(packages::nobody_tries(tx, &app_id)?.unwrap_or_default());
        assert_eq!(doubt()?, "", "no group is chosen");
        group(tx, "pilot", "Pilot", &[])?;
        packages::set_pilot(tx, &Actor::Console, &app_id, Some("pilot"))?;
        assert!(doubt()?.contains("“Pilot”, which gets new versions first, has no device"), "{}", doubt()?);
        crate::store::groups::add_device(tx, "pilot", &one.id)?;
        is(Platform::Tvos, "18.1")?;
        assert!(doubt()?.contains("it does not run on any of them"), "{}", doubt()?);
        is(Platform::Ios, "16.7")?;
        assert!(doubt()?.contains("it needs version 17.4 of the system, and all of them have older ones"), "{}", doubt()?);
        is(Platform::Ios, "17.4")?;
        assert!(doubt()?.contains("assigned to no device of the group “Pilot”"), "{}", doubt()?);
        assign::assign(tx, &Actor::Console, (AssignedKind::App, &app_id, "Many"), "pilot", None)?;
        assert_eq!(doubt()?, "");
        is(Platform::Unknown, "")?;
        assert_eq!(doubt()?, "", "of what has not said what it is nothing is known");
        // What counts is the version on trial.
        is(Platform::Ios, "17.4")?;
        let mut next = build(2);
        next.read.facts.minimum_os = String::from("26.0");
        let on_trial = keep(tx, &next)?.package;
        assert!(on_trial.stage == Stage::Pilot && doubt()?.contains("needs version 26.0"), "{}", doubt()?);
        assert!(packages::notes(tx, &on_trial)?.contains(&doubt()?));
        Ok(())
    });
}
