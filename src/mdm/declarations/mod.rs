//! Declarative management: what a device is answered when it asks for its declarations.

use serde_json::json;

use crate::error::Result;
use crate::mdm::checkin::{Reply, actor};
use crate::mdm::journal;
use crate::protocol::declaration::{self, Endpoint};
use crate::store::Tx;
use crate::store::enrollments::Enrollment;

/// Answers one request of declarative management. Nothing is declared yet, which is a proper answer with tokens of its own.
pub fn answer(tx: &Tx, enrollment: &Enrollment, endpoint: &str, data: Option<&[u8]>) -> Result<Reply> {
    let Ok(endpoint) = Endpoint::parse(endpoint) else { return Ok(Reply::NoSuchDeclaration) };
    let since = enrollment.enrolled_at.unwrap_or(enrollment.created_at);
    Ok(match endpoint {
        Endpoint::Tokens => Reply::Json(declaration::nothing_declared::tokens(since)),
        Endpoint::DeclarationItems => Reply::Json(declaration::nothing_declared::declaration_items()),
        Endpoint::Declaration { .. } => Reply::NoSuchDeclaration,
        Endpoint::Status => {
            let size_bytes = data.map_or(0, <[u8]>::len);
            journal::note(tx, &actor(enrollment), "declarations.status", enrollment, json!({ "size_bytes": size_bytes }))?;
            Reply::Empty
        }
    })
}
