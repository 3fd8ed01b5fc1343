//! Several policies on devices of every kind, on SQLite in memory.

mod beta_programs;
mod kept;
mod merged;
mod reached;
mod updates;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::mdm::tests::School;
use crate::mdm::wanted::{DeclarationPiece, PayloadPiece, Piece, ProfileContent, Target, Unable};
use crate::mdm::{Role, wanted};
use crate::protocol::availability::Capabilities;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::mobileconfig;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::plist;
use crate::store::groups;

fn target(platform: Platform, version: &str) -> Target {
    Target {
        enrollment_id: String::from("e"),
        device_id: String::from("d"),
        capabilities: Capabilities {
            platform,
            os_version: OsVersion::parse(version),
            kind: EnrollmentKind::Device,
            supervised: Some(true),
            ade: Some(true),
            shared_ipad: Some(false),
            access_rights: Some(8191),
        },
        supported: None,
        variables: BTreeMap::new(),
    }
}

fn with(target: Target, change: impl FnOnce(&mut Capabilities)) -> Target {
    let mut target = target;
    change(&mut target.capabilities);
    target
}

fn make(school: &School, name: &'static str, settings: Value) -> Policy {
    let new = NewPolicy { name: name.into(), note: String::new(), settings: settings.as_object().unwrap().clone() };
    school.write(move |tx| create(tx, &Actor::Console, &new))
}

/// What these policies come to on a device.
fn planned(school: &School, policies: &[&Policy], target: &Target) -> (Vec<Piece>, Vec<Unable>) {
    let (assignments, target) = (assigned(policies), target.clone());
    school.write(move |tx| pieces(tx, &target, &assignments))
}

fn assigned(policies: &[&Policy]) -> Vec<Assignment> {
    let assignment = |policy: &&Policy| Assignment {
        id: format!("a{}", policy.id),
        kind: AssignedKind::Policy,
        item_id: policy.id.clone(),
        group_id: String::from("g"),
        ends_at: None,
        mode: crate::store::assignments::AssignedMode::Required,
        created_by: String::from("console"),
        created_at: policy.created_at,
    };
    policies.iter().map(assignment).collect()
}

fn payloads(pieces: &[Piece]) -> Vec<PayloadPiece> {
    pieces.iter().filter_map(|piece| if let Piece::Payload(payload) = piece { Some(payload.clone()) } else { None }).collect()
}

fn declarations(pieces: &[Piece]) -> Vec<DeclarationPiece> {
    pieces.iter().filter_map(|piece| if let Piece::Declaration(declaration) = piece { Some(declaration.clone()) } else { None }).collect()
}

/// The keys of the merged profiles, by name.
fn merged(pieces: &[Piece]) -> Value {
    let profiles = merged_profiles(&payloads(pieces)).unwrap();
    profiles.iter().flat_map(|profile| &profile.keys).map(|key| (key.key.clone(), key.value.clone())).collect::<Map<_, _>>().into()
}

fn why(unable: &[Unable], what: &str) -> String {
    unable.iter().find(|unable| unable.what == what).map_or_else(String::new, |unable| unable.because.clone())
}
