//! Declarative management: what a device is answered when it asks for its declarations, and what it reports.

pub mod library;
mod news;
mod status;

pub use news::ask_for_news;
pub use status::{ITEMS_MAX, STATES_MAX, VALUE_MAX_BYTES};

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::checkin::Reply;
use crate::protocol::declaration::{self, DeclarationKind, Endpoint};
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, declared, deployments};

/// What became of a request, and whether it said anything of declarations.
#[derive(Debug)]
pub struct Answered {
    /// What the device is answered.
    pub reply: Reply,
    /// Whether the state of its declarations may have changed.
    pub is_news: bool,
}

/// Answers one request of declarative management.
pub fn answer(tx: &Tx, enrollment: &Enrollment, endpoint: &str, data: Option<&[u8]>) -> Result<Answered> {
    let reply = match Endpoint::parse(endpoint) {
        Err(_) => Reply::NoSuchDeclaration,
        Ok(Endpoint::Tokens) => Reply::Json(current_tokens(tx, enrollment)?),
        Ok(Endpoint::DeclarationItems) => Reply::Json(items(tx, enrollment)?),
        Ok(Endpoint::Declaration { kind, identifier }) => match declared::document(tx, &enrollment.id, kind, &identifier)? {
            Some(document) => Reply::Json(document.expose().clone()),
            None => Reply::NoSuchDeclaration,
        },
        Ok(Endpoint::Status) => {
            let is_news = status::take(tx, enrollment, data.unwrap_or_default())?;
            deployments::set_status_at(tx, &enrollment.id)?;
            return Ok(Answered { reply: Reply::Empty, is_news });
        }
    };
    Ok(Answered { reply, is_news: false })
}

/// The document that tells whether anything changed.
pub fn tokens(token: &str, changed_at: Timestamp) -> Vec<u8> {
    // Apple's example has whole seconds.
    let changed_at = Timestamp::from_seconds(changed_at.seconds());
    json!({ "SyncTokens": { "DeclarationsToken": token, "Timestamp": changed_at } }).to_string().into_bytes()
}

fn current_tokens(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<u8>> {
    let since = enrollment.enrolled_at.unwrap_or(enrollment.created_at);
    Ok(match current_plan(tx, enrollment)? {
        Some(plan) => tokens(&plan.declarations_token, plan.token_changed_at.unwrap_or(since)),
        None => declaration::nothing_declared::tokens(since),
    })
}

fn items(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<u8>> {
    let Some(plan) = current_plan(tx, enrollment)? else { return Ok(declaration::nothing_declared::declaration_items()) };
    let mut lists: Map<String, Value> =
        DeclarationKind::ALL.into_iter().map(|kind| (kind.plural().to_owned(), Value::Array(Vec::new()))).collect();
    for served in declared::of_enrollment(tx, &enrollment.id)? {
        if let Some(Value::Array(list)) = lists.get_mut(served.kind.plural()) {
            list.push(json!({ "Identifier": served.identifier, "ServerToken": served.server_token }));
        }
    }
    Ok(json!({ "Declarations": lists, "DeclarationsToken": plan.declarations_token }).to_string().into_bytes())
}

/// The plan of the present generation, once there is a set to serve.
fn current_plan(tx: &Tx, enrollment: &Enrollment) -> Result<Option<deployments::Plan>> {
    let plan = deployments::plan(tx, &enrollment.id)?;
    Ok(plan.filter(|plan| plan.generation == enrollment.generation && !plan.declarations_token.is_empty()))
}
