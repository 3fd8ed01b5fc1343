//! The declaration that has a device install a release by its deadline.

use serde_json::json;

use crate::mdm::updates::mechanism;
use crate::mdm::updates::plan::{Planned, Read};
use crate::mdm::wanted::{DeclarationPiece, Origin};
use crate::protocol::declaration::DeclarationKind;
use crate::store::assignments::AssignedKind;

/// What the identifiers of enforcement declarations begin with; the plan's id follows, or nothing for what was started by hand.
pub const IDENTIFIER: &str = "org.rollcall.update";

/// Identifier of the declaration of a plan.
pub fn identifier(plan_id: &str) -> String {
    if plan_id.is_empty() { format!("{IDENTIFIER}.now") } else { format!("{IDENTIFIER}.{plan_id}") }
}

/// The declaration that has a device install a release by its deadline.
pub(super) fn enforcement(item: &Planned, read: Option<&Read>) -> DeclarationPiece {
    let row = &item.row;
    // Digits and dots only: an improvement is chosen by its build.
    let version = row.version.split(' ').next().unwrap_or_default();
    let mut payload = json!({ "TargetOSVersion": version, "TargetLocalDateTime": row.deadline });
    if !row.build.is_empty() {
        payload["TargetBuildVersion"] = json!(row.build);
    }
    if let Some(url) = read.and_then(|read| read.rules.details_url.as_ref()) {
        payload["DetailsURL"] = json!(url);
    }
    let origin = read
        .map_or_else(|| Origin { kind: AssignedKind::Update, id: String::new(), name: String::from(t!("Started by hand")) }, Read::origin);
    DeclarationPiece {
        edition: String::new(),
        kind: DeclarationKind::Configuration,
        identifier: identifier(&row.plan_id),
        declaration_type: mechanism::ENFORCEMENT.to_owned(),
        payload,
        activate: true,
        origins: vec![origin],
    }
}
