//! Provisioning profiles on devices: sent, held against the device's own list, sent again when they are not there, and removed.

use super::{School, days};
use crate::mdm::{Actor, provisioning, reconcile};
use crate::protocol::provision::tests::profile;
use crate::store::enrollments;
use crate::store::profiles::tests::group;

const BOTH: [&str; 2] = ["InstallProvisioningProfile", "RemoveProvisioningProfile"];
const LIST: &str = "ProvisioningProfileList";

impl super::Device<'_> {
    /// Answers everything; the list of provisioning profiles by `there`. Gives what was asked about them.
    fn provisioned(&self, there: &[&str]) -> Vec<String> {
        self.school.write(|tx| reconcile::plan_page(tx).map(drop));
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

#[test]
fn a_provisioning_profile_comes_is_looked_for_and_goes_again() {
    let school = School::new();
    let device = school.device("A-1");
    device.authenticate();
    device.token_update(false);
    device.says_what_it_is("12.5.7");
    let end = school.clock.now().plus(days(100));
    let device_id = device.enrollment().device_id;
    let id = school.write(move |tx| {
        group(tx, "one", "One", &[device_id.as_str()])?;
        let (kept, _) = provisioning::create(tx, &Actor::Console, &provisioning::recognise(profile("P-1", "a.b", end, &[]))?)?;
        provisioning::assign(tx, &Actor::Console, &kept.profile.id, "one")?;
        Ok(kept.profile.id)
    });
    assert_eq!(device.provisioned(&[]), [BOTH[0], LIST], "it says that it is there, and its list does not: not again at once");
    school.clock.advance(reconcile::step::BACK_OFF[0]);
    assert_eq!(device.provisioned(&["P-1"]), [BOTH[0], LIST]);
    assert!(device.provisioned(&["P-1"]).is_empty(), "it is there, and nothing more is asked");
    let enrollment = school.write(|tx| Ok(enrollments::by_nano_id(tx, "A-1")?.unwrap()));
    let standing = school.write(move |tx| reconcile::standing(tx, &enrollment));
    assert!(standing.things.iter().any(|thing| thing.name.contains("P-1") || thing.identifier.contains("P-1")), "{standing:?}");

    school.write(move |tx| provisioning::unassign(tx, &Actor::Console, &id, "one"));
    assert_eq!(device.provisioned(&[]), [BOTH[1], LIST]);
    assert!(device.provisioned(&[]).is_empty());
}
