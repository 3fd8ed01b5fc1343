//! What requests say about the groups that a thing is assigned to: until when, and which groups are asked about.

use axum::extract::Request;
use serde::Deserialize;
use utoipa::ToSchema;

use super::input::{json, read, require_json};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::limits::API_MAX_BYTES;

/// The most groups that are looked at in one request.
pub(super) const GROUPS_MAX: usize = 1_000;

/// How a thing is assigned to a group.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AssignInput {
    /// When the assignment ends by itself; null for never.
    pub(super) ends_at: Option<Timestamp>,
}

impl AssignInput {
    /// Reads it from a request; without a body nothing is said of an end.
    pub(super) async fn read(request: Request) -> Result<Self> {
        let said = request.headers().clone();
        let body = read(request, API_MAX_BYTES).await?;
        if body.is_empty() {
            return Ok(Self::default());
        }
        require_json(&said)?;
        json(&body)
    }
}

/// Refuses more groups than are looked at in one request.
pub(super) fn few_enough(groups: &[String]) -> Result<()> {
    if groups.len() > GROUPS_MAX {
        return Err(Error::field("groups", t!("at most {GROUPS_MAX} groups at once", GROUPS_MAX)));
    }
    Ok(())
}
