//! What of the library one device is to have, and what it cannot have, in sentences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{data, payload_of};
use crate::error::Result;
use crate::mdm::wanted::{DeclarationPiece, Origin, Piece, Target, Unable};
use crate::protocol::declaration::{DeclarationKind, Fault, find_type};
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};
use crate::store::declarations::{self, Declaration};

/// A declaration that the device can have as far as it alone decides.
struct Candidate {
    declaration: Declaration,
    payload: Map<String, Value>,
}

/// The declarations that are assigned to a device's groups, as it can have them; what it cannot have is told, and the rest is served.
///
/// A configuration that no activation of the library names gets one of ours. Others wait for theirs: its condition is why it was written.
///
/// `served_from` is what the addresses of files that are kept here begin with, for this enrollment; none where it knows no https address.
pub fn pieces(tx: &Tx, target: &Target, assigned: &[Assignment], served_from: Option<&str>) -> Result<(Vec<Piece>, Vec<Unable>)> {
    let ids: BTreeSet<&str> = assigned.iter().filter(|one| one.kind == AssignedKind::Declaration).map(|one| one.item_id.as_str()).collect();
    let (mut candidates, mut unable) = (BTreeMap::new(), Vec::new());
    for id in ids {
        let Some(declaration) = declarations::by_id(tx, id)? else { continue };
        let mut payload = payload_of(tx, id)?;
        let cannot_have = match obstacle(target, &declaration, &payload) {
            Some(because) => Some(because),
            None => data::refer(tx, target, &declaration, &mut payload, served_from)?,
        };
        match cannot_have {
            Some(because) => unable.push(cannot(&declaration, because)),
            None => drop(candidates.insert(declaration.identifier.clone(), Candidate { declaration, payload })),
        }
    }
    drop_incomplete(tx, &mut candidates, &mut unable)?;
    let activators = drop_inert(tx, &mut candidates, &mut unable)?;
    unable.sort_by(|one: &Unable, other| one.what.cmp(&other.what));
    let pieces = candidates.into_iter().map(|(identifier, candidate)| {
        let Declaration { kind, declaration_type, .. } = &candidate.declaration;
        let activate = *kind == DeclarationKind::Configuration && !activators.contains(&identifier);
        Piece::Declaration(DeclarationPiece {
            edition: String::new(),
            kind: *kind,
            declaration_type: declaration_type.clone(),
            payload: Value::Object(candidate.payload),
            activate,
            origins: vec![origin(&candidate.declaration)],
            identifier,
        })
    });
    Ok((pieces.collect(), unable))
}

/// What forbids a declaration on this device, as the end of a sentence about it.
fn obstacle(target: &Target, declaration: &Declaration, payload: &Map<String, Value>) -> Option<String> {
    let name = &declaration.declaration_type;
    let device = &target.capabilities;
    if let Some(known) = find_type(name) {
        if let Some(obstacle) = known.obstacle(device) {
            return Some(format!("{name} {}.", obstacle.words(device)));
        }
        // A key that this version does not have makes the device refuse all of it; one that Apple does not describe may be newer than this list.
        let everywhere: BTreeSet<_> = known.findings(payload, None).into_iter().map(|finding| finding.path).collect();
        let here = known.findings(payload, Some((device.platform, device.os_version))).into_iter();
        if let Some(finding) = here.filter(|finding| finding.fault == Fault::Unknown).find(|finding| !everywhere.contains(&finding.path)) {
            return Some(t!(
                "its key {path} {finding}, and the device would refuse all of it.",
                path = finding.path,
                finding = finding.words
            ));
        }
    }
    let denied = target.supported.as_ref().is_some_and(|supported| !supported.iter().any(|kind| kind == name));
    denied.then(|| t!("the device says that it does not know {name}.", name))
}

/// Leaves out what names something that this device does not get, until all that is left is whole.
fn drop_incomplete(tx: &Tx, candidates: &mut BTreeMap<String, Candidate>, unable: &mut Vec<Unable>) -> Result<()> {
    loop {
        let gap = candidates.values().find_map(|candidate| {
            let declaration = &candidate.declaration;
            let wanted = named_kind(declaration);
            let is_there = |name: &String| candidates.get(name).is_some_and(|named| named.declaration.kind == wanted);
            let missing = declaration.refers_to.iter().find(|name| !is_there(name))?;
            Some((declaration.identifier.clone(), missing.clone()))
        });
        let Some((identifier, missing)) = gap else { return Ok(()) };
        if let Some(candidate) = candidates.remove(&identifier) {
            let because = why_missing(tx, &missing, named_kind(&candidate.declaration), unable)?;
            unable.push(cannot(&candidate.declaration, because));
        }
    }
}

/// Of which kind is what a declaration names.
fn named_kind(declaration: &Declaration) -> DeclarationKind {
    if declaration.kind == DeclarationKind::Activation { DeclarationKind::Configuration } else { DeclarationKind::Asset }
}

/// Why what a declaration names is not there for it on this device, as the end of a sentence about it.
fn why_missing(tx: &Tx, missing: &str, wanted: DeclarationKind, unable: &[Unable]) -> Result<String> {
    let Some(named) = declarations::by_identifier(tx, missing)? else {
        return Ok(t!("it names “{missing}”, which is not here. Upload it, and assign it to the same groups.", missing));
    };
    if named.kind != wanted {
        let (is, wants) = (with_article(named.kind), with_article(wanted));
        return Ok(t!("it names “{missing}”, which is {is}; it needs {wants} there.", missing, is, wants));
    }
    Ok(match unable.iter().find(|unable| unable.origin.id == named.id) {
        Some(unable) => t!("it names “{missing}”, which this device cannot have: {because}", missing, because = unable.because),
        None => t!("it names “{missing}”, which this device does not get. Assign both to the same groups.", missing),
    })
}

fn with_article(kind: DeclarationKind) -> &'static str {
    match kind {
        DeclarationKind::Activation => t!("an activation"),
        DeclarationKind::Asset => t!("an asset"),
        DeclarationKind::Configuration => t!("a configuration"),
        DeclarationKind::Management => t!("a management declaration"),
    }
}

/// Leaves out configurations whose activation this device does not get; gives the configurations that activations of the library activate.
fn drop_inert(tx: &Tx, candidates: &mut BTreeMap<String, Candidate>, unable: &mut Vec<Unable>) -> Result<BTreeSet<String>> {
    let activations = candidates.values().filter(|candidate| candidate.declaration.kind == DeclarationKind::Activation);
    let activated: BTreeSet<String> = activations.flat_map(|candidate| candidate.declaration.refers_to.iter().cloned()).collect();
    let waiting: Vec<String> = candidates
        .iter()
        .filter(|(identifier, candidate)| candidate.declaration.kind == DeclarationKind::Configuration && !activated.contains(*identifier))
        .map(|(identifier, _)| identifier.clone())
        .collect();
    for identifier in waiting {
        let namers = declarations::naming(tx, &identifier)?;
        let Some(activation) = namers.iter().find(|namer| namer.kind == DeclarationKind::Activation) else { continue };
        if let Some(candidate) = candidates.remove(&identifier) {
            let because =
                t!("it is activated by “{name}”, which this device does not get. Assign both to the same groups.", name = activation.name);
            unable.push(cannot(&candidate.declaration, because));
        }
    }
    Ok(activated)
}

fn origin(declaration: &Declaration) -> Origin {
    Origin { kind: AssignedKind::Declaration, id: declaration.id.clone(), name: declaration.name.clone() }
}

fn cannot(declaration: &Declaration, because: String) -> Unable {
    Unable { what: declaration.name.clone(), because, origin: origin(declaration) }
}
