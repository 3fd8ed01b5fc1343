//! Profiles: kept, assigned, planned for and made for one device.

mod clashes;
mod conflicts;
mod declared;
mod library;
mod pieces;
mod plistlib;

use std::collections::BTreeMap;

use super::{Device, School};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::Actor;
use crate::mdm::profiles::{self, Recognised, Uploaded, Warning};
use crate::mdm::wanted::{Piece, ProfilePiece, Target, Unable};
use crate::protocol::availability::Capabilities;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::mobileconfig::tests::{payload, profile};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::plist::Value;
use crate::store::assignments::{self, AssignedKind};
use crate::store::profiles::tests as rows;

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn wifi(identifier: &str, password: &str) -> Vec<u8> {
    profile(identifier, &[payload("com.apple.wifi.managed", "wifi", &[("SSID_STR", text("School")), ("Password", text(password))])])
}

fn restrictions(identifier: &str, keys: &[(&str, Value)]) -> Vec<u8> {
    profile(identifier, &[payload("com.apple.applicationaccess", &format!("{identifier}.r"), keys)])
}

fn one(payload_type: &str) -> Vec<u8> {
    profile("school.example.one", &[payload(payload_type, "one", &[])])
}

fn recognised(content: &[u8]) -> Recognised {
    profiles::recognise(content.to_vec()).unwrap()
}

fn ipad() -> Target {
    target(Platform::Ios, EnrollmentKind::Device)
}

fn target(platform: Platform, kind: EnrollmentKind) -> Target {
    Target {
        enrollment_id: String::from("e"),
        device_id: String::from("d"),
        capabilities: Capabilities {
            platform,
            os_version: OsVersion::new(18, 0, 0),
            kind,
            supervised: Some(false),
            ade: Some(false),
            shared_ipad: Some(false),
            access_rights: Some(8191),
        },
        supported: None,
        variables: BTreeMap::from([("SERIAL", String::from("TESTSN0001"))]),
    }
}

impl School {
    fn upload(&self, content: &[u8]) -> Uploaded {
        self.try_upload(content).unwrap()
    }

    fn try_upload(&self, content: &[u8]) -> Result<Uploaded> {
        let brought = profiles::recognise(content.to_vec())?;
        self.try_write(move |tx| profiles::create(tx, &Actor::Console, &brought, "", ""))
    }

    fn add_version(&self, id: &str, content: &[u8], is_used: bool) -> Result<Uploaded> {
        let (id, brought) = (id.to_owned(), profiles::recognise(content.to_vec())?);
        self.try_write(move |tx| profiles::add_version(tx, &Actor::Console, &id, &brought, is_used))
    }

    fn group(&self, id: &'static str, devices: &[&Device<'_>]) {
        let devices: Vec<String> = devices.iter().map(|device| device.enrollment().device_id).collect();
        self.write(move |tx| rows::group(tx, id, id, &devices.iter().map(String::as_str).collect::<Vec<_>>()));
    }

    fn assign(&self, id: &str, group: &'static str, ends_at: Option<Timestamp>) -> Result<Vec<Warning>> {
        let id = id.to_owned();
        self.try_write(move |tx| profiles::assign(tx, &Actor::Console, &id, group, ends_at)).map(|(_, warnings)| warnings)
    }

    /// What a device is to have of everything that is assigned to the group `all`, and of one profile what it would get.
    fn pieces(&self, target: &Target) -> (Vec<ProfilePiece>, Vec<Unable>) {
        let target = target.clone();
        let (pieces, unable) = self.write(move |tx| {
            let assigned = [assignments::of_group(tx, "all")?, assignments::of_group(tx, "more")?].concat();
            profiles::pieces(tx, &target, &assigned)
        });
        let profiles = pieces.into_iter().map(|piece| match piece {
            Piece::Profile(piece) => piece,
            other => panic!("{other:?}"),
        });
        (profiles.collect(), unable)
    }

    fn content(&self, piece: &ProfilePiece, target: &Target) -> Vec<u8> {
        let crate::mdm::wanted::ProfileContent::Uploaded { profile_id, version, ends_at } = piece.content.clone() else {
            panic!("{piece:?}")
        };
        let target = target.clone();
        self.write(move |tx| profiles::content(tx, &profile_id, version, &target, ends_at))
    }

    /// The only piece that a target is to have, with its bytes.
    fn only(&self, target: &Target) -> (ProfilePiece, Vec<u8>) {
        let (pieces, unable) = self.pieces(target);
        assert_eq!((pieces.len(), unable.len()), (1, 0), "{pieces:?} {unable:?}");
        let content = self.content(&pieces[0], target);
        (pieces[0].clone(), content)
    }

    /// Why a target cannot have the only profile there is.
    fn because(&self, target: &Target) -> String {
        let (pieces, unable) = self.pieces(target);
        assert!(pieces.is_empty() && unable.len() == 1, "{pieces:?} {unable:?}");
        unable[0].because.clone()
    }
}

fn refusal<T>(outcome: Result<T>) -> Error {
    match outcome {
        Ok(_) => panic!("it was taken"),
        Err(error) => error,
    }
}

/// A school with a group `all` and one profile assigned to it.
fn with(content: &[u8]) -> School {
    let school = School::new();
    school.group("all", &[]);
    let id = school.upload(content).profile.id;
    school.assign(&id, "all", None).unwrap();
    school
}

fn assignment_count(school: &School, id: &str) -> usize {
    let id = id.to_owned();
    school.write(move |tx| assignments::of_item(tx, AssignedKind::Profile, &id)).len()
}
