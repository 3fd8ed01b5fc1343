//! Provisioning profiles on devices: sent, held against the device's own list, sent again when they are not there, and removed.

use super::{School, days};
use crate::error::Kind;
use crate::mdm::provisioning::{PROFILES_MAX, Recognised};
use crate::mdm::reconcile::step::BACK_OFF;
use crate::mdm::{Actor, assignments as assign, inventory, provisioning, reconcile};
use crate::protocol::provision;
use crate::protocol::provision::tests::profile;
use crate::store::assignments::{AssignedKind, of_device};
use crate::store::profiles::tests::group;
use crate::store::{deployments, enrollments};

const BOTH: [&str; 2] = ["InstallProvisioningProfile", "RemoveProvisioningProfile"];
const LIST: &str = "ProvisioningProfileList";

impl super::Device<'_> {
    /// Answers everything; the list of provisioning profiles by `there`. Gives what was asked about them.
    fn provisioned(&self, there: &[&str]) -> Vec<String> {
        self.school.write(|tx| reconcile::plan_page(tx, reconcile::Carried::default()).map(drop));
        let (mut asked, mut offer) = (Vec::new(), self.idle());
        while let Some(command) = offer {
            let said = if command.request_type == LIST {
                let items =
                    there.iter().fold(String::new(), |items, uuid| items + "<dict><key>UUID</key><string>" + uuid + "</string></dict>");
                format!("<key>ProvisioningProfileList</key><array>{items}</array>")
            } else {
                String::new()
            };
            if command.request_type.contains("Provisioning") {
                asked.push(command.request_type.clone());
            }
            let keys =
                format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{said}", command.uuid);
            offer = super::offered(self.connect(&keys).unwrap());
        }
        asked
    }
}

/// A device with a profile of its group that ends in so many days; gives the profile's id too.
fn with_profile(school: &School, lasts: u32) -> (super::Device<'_>, String) {
    let device = school.device("A-1");
    device.authenticate();
    device.token_update(false);
    device.says_what_it_is("12.5.7");
    let device_id = device.enrollment().device_id;
    school.write(move |tx| group(tx, "one", "One", &[device_id.as_str()]));
    let id = assigned(school, "P-1", lasts);
    (device, id)
}

/// A profile of this UUID for the app `a.b`, assigned to the group.
fn assigned(school: &School, uuid: &'static str, lasts: u32) -> String {
    let end = school.clock.now().plus(days(lasts.into()));
    school.write(move |tx| {
        let (kept, _) = provisioning::create(tx, &Actor::Console, &provisioning::recognise(profile(uuid, "a.b", end, &[]))?)?;
        provisioning::assign(tx, &Actor::Console, &kept.profile.id, "one")?;
        Ok(kept.profile.id)
    })
}

fn standing(school: &School) -> reconcile::Standings {
    let enrollment = school.write(|tx| Ok(enrollments::by_nano_id(tx, "A-1")?.unwrap()));
    school.write(move |tx| reconcile::standing(tx, &enrollment))
}

#[test]
fn a_provisioning_profile_comes_is_looked_for_and_goes_again() {
    let school = School::new();
    let (device, id) = with_profile(&school, 100);
    assert_eq!(device.provisioned(&[]), [BOTH[0], LIST], "it says that it is there, and its list does not: not again at once");
    school.clock.advance(BACK_OFF[0]);
    assert_eq!(device.provisioned(&["P-1"]), [BOTH[0], LIST]);
    assert!(device.provisioned(&["P-1"]).is_empty(), "it is there, and nothing more is asked");
    let there = standing(&school);
    assert!(there.things.iter().any(|thing| thing.name.contains("P-1") || thing.identifier.contains("P-1")), "{there:?}");
    let (profile, viewer) = (id.clone(), Actor::Console);
    let devices = school.write(move |tx| provisioning::standings(tx, &viewer, &profile));
    assert!(devices.len() == 1 && devices[0].state == crate::store::profiles::ProfileState::Installed, "{devices:?}");

    school.write(move |tx| provisioning::unassign(tx, &Actor::Console, &id, "one"));
    assert_eq!(device.provisioned(&[]), [BOTH[1], LIST]);
    assert!(device.provisioned(&[]).is_empty());
    assert!(standing(&school).things.is_empty(), "what has gone is not shown");
}

#[test]
fn a_device_that_says_done_and_lists_otherwise_is_asked_ever_later() {
    let school = School::new();
    let (device, _) = with_profile(&school, 100);
    for wait in BACK_OFF {
        assert_eq!(device.provisioned(&[]), [BOTH[0], LIST]);
        school.clock.advance(wait / 2);
        assert!(device.provisioned(&[]).is_empty(), "{wait:?}");
        school.clock.advance(wait / 2);
    }
    assert_eq!(device.provisioned(&["P-1"]), [BOTH[0], LIST]);
}

#[test]
fn one_that_somebody_removed_is_found_by_the_daily_list_and_comes_again() {
    let school = School::new();
    let (device, _) = with_profile(&school, 100);
    assert_eq!(device.provisioned(&["P-1"]), [BOTH[0], LIST]);
    school.clock.advance(days(2));
    school.write(|tx| inventory::refresh(tx).map(drop));
    assert_eq!(device.provisioned(&[]), [LIST]);
    school.clock.advance(BACK_OFF[0]);
    assert_eq!(device.provisioned(&["P-1"]), [BOTH[0], LIST]);
}

#[test]
fn one_that_a_computer_puts_back_after_its_removal_is_removed_again_and_one_that_was_never_from_here_is_left_alone() {
    let school = School::new();
    let (device, id) = with_profile(&school, 100);
    assert_eq!(device.provisioned(&["P-1", "P-9"]), [BOTH[0], LIST]);
    school.write(move |tx| provisioning::unassign(tx, &Actor::Console, &id, "one"));
    assert_eq!(device.provisioned(&["P-9"]), [BOTH[1], LIST]);
    let daily = |there: &[&str]| {
        school.clock.advance(days(2));
        school.write(|tx| inventory::refresh(tx).map(drop));
        device.provisioned(there)
    };
    assert_eq!(daily(&["P-9"]), [LIST]);
    assert_eq!(daily(&["P-1", "P-9"]), [LIST]);
    assert!(standing(&school).things[0].because.contains("a computer may have put it back"));
    school.clock.advance(BACK_OFF[0]);
    assert_eq!(device.provisioned(&["P-9"]), [BOTH[1], LIST]);
    assert!(standing(&school).things.is_empty());
    school.clock.advance(days(100));
    school.write(reconcile_everywhere);
    device.provisioned(&[]);
    let id = device.enrollment().id;
    assert!(school.write(move |tx| deployments::of_enrollment(tx, &id)).is_empty(), "one that has ended is remembered no longer");
}

fn reconcile_everywhere(tx: &crate::store::Tx) -> crate::error::Result<()> {
    deployments::look_again_everywhere(tx).map(drop)
}

#[test]
fn the_end_of_a_profile_is_looked_at_when_it_comes_and_said_unless_a_newer_one_is_there() {
    for is_renewed in [false, true] {
        let school = School::new();
        let (device, _) = with_profile(&school, 10);
        if is_renewed {
            assigned(&school, "P-2", 100);
        }
        let there: &[&str] = if is_renewed { &["P-1", "P-2"] } else { &["P-1"] };
        device.provisioned(there);
        assert!(standing(&school).unable.is_empty());
        school.clock.advance(days(10));
        assert!(school.write(deployments::next_due).is_some_and(|due| due <= school.clock.now()), "nobody has to come by");
        assert_eq!(device.provisioned(&there[1..]), [BOTH[1], LIST]);
        let unable = standing(&school).unable;
        assert_eq!(unable.len(), usize::from(!is_renewed), "{unable:?}");
        assert!(
            is_renewed || unable[0].because.starts_with("It ended on ") && unable[0].because.contains("upload the new one"),
            "{unable:?}"
        );
    }
}

#[test]
fn a_device_is_to_have_the_profiles_of_its_groups_that_have_not_ended() {
    let school = School::new();
    let device = school.enrolled("A-1").enrollment().device_id;
    let end = school.clock.now().plus(days(10));
    let pieces = |school: &School| {
        let device = school.write(|tx| Ok(enrollments::by_nano_id(tx, "A-1")?.unwrap().device_id));
        school.write(move |tx| provisioning::pieces(tx, &of_device(tx, &device)?))
    };
    school.write(move |tx| {
        group(tx, "one", "One", &[device.as_str()])?;
        group(tx, "two", "Two", &[device.as_str()])?;
        let (kept, _) = provisioning::create(tx, &Actor::Console, &provisioning::recognise(profile("P-1", "a.b", end, &[]))?)?;
        provisioning::assign(tx, &Actor::Console, &kept.profile.id, "one")?;
        provisioning::assign(tx, &Actor::Console, &kept.profile.id, "two").map(drop)
    });
    let wanted = pieces(&school);
    assert_eq!((wanted.len(), wanted[0].uuid.as_str(), wanted[0].expires_at), (1, "P-1", end));
    let id = wanted[0].id.clone();
    assert!(provision::read(&school.write(move |tx| provisioning::content(tx, &id))).is_ok());
    school.clock.advance(days(10));
    assert_eq!(pieces(&school), []);
    let id = wanted[0].id.clone();
    school.write(move |tx| {
        provisioning::delete(tx, &Actor::Console, &id)?;
        assert!(
            assign::unassign(tx, &Actor::Console, (AssignedKind::Provisioning, &id, ""), "one").is_err(),
            "it was taken back everywhere"
        );
        Ok(())
    });
}

#[test]
fn another_profile_with_the_same_uuid_is_refused_and_the_same_one_is_the_same() {
    let school = School::new();
    let end = school.clock.now().plus(days(40));
    school.write(move |tx| {
        let first = provisioning::recognise(profile("P-1", "school.example.field", end, &[]))?;
        let other = provisioning::recognise(profile("P-1", "school.example.field", end.plus(days(1)), &[]))?;
        assert!(provisioning::create(tx, &Actor::Console, &first)?.1);
        assert!(!provisioning::create(tx, &Actor::Console, &first)?.1);
        let refused = provisioning::create(tx, &Actor::Console, &other).unwrap_err();
        assert!(refused.kind == Kind::Conflict && refused.message.contains("same UUID"), "{refused}");
        Ok(())
    });
}

#[test]
fn there_are_so_many_provisioning_profiles() {
    let school = School::new();
    let end = school.clock.now().plus(days(10));
    let like = provision::read(&profile("P", "a.b", end, &[])).unwrap();
    school.write(move |tx| {
        let new = |number: u64| Recognised { facts: provision::Facts { uuid: number.to_string(), ..like.clone() }, content: vec![0] };
        for number in 0..PROFILES_MAX {
            provisioning::create(tx, &Actor::Console, &new(number))?;
        }
        let many = provisioning::create(tx, &Actor::Console, &new(PROFILES_MAX)).unwrap_err();
        assert_eq!(many.kind, Kind::Conflict);
        Ok(())
    });
}
