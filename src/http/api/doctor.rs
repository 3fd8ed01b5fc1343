//! `/api/v1/doctor`: what the last examination of the appliance found, and another one.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::doctor::{check, page_of};
use crate::mdm::doctor::{self, Area, Finding, Level, Report};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show)).routes(routes!(run))
}

/// Something that was found.
#[derive(Debug, Serialize, ToSchema)]
struct FindingView {
    /// Names it for scripts; what concerns one of several has its name behind a colon.
    #[schema(example = "names.address")]
    id: String,
    /// What it is about.
    area: Area,
    /// How bad it is.
    level: Level,
    /// What was found.
    what: String,
    /// What to do; empty where there is nothing to do.
    remedy: String,
    /// The page that mends it.
    link: Option<String>,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let link = page_of(&finding);
        let Finding { id, area, level, what, remedy } = finding;
        Self { id, area, level, what, remedy, link }
    }
}

/// What an examination found.
#[derive(Debug, Serialize, ToSchema)]
struct ReportView {
    /// When it was; null where there was none yet.
    checked_at: Option<Timestamp>,
    /// Findings that are errors.
    errors: usize,
    /// Findings that are warnings.
    warnings: usize,
    /// What was found, the worst first.
    findings: Vec<FindingView>,
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        Self {
            checked_at: Some(report.checked_at),
            errors: report.count(Level::Error),
            warnings: report.count(Level::Warning),
            findings: report.findings.into_iter().map(FindingView::from).collect(),
        }
    }
}

/// What the last examination found.
#[utoipa::path(get, path = "/api/v1/doctor", tag = "doctor",
    responses((status = 200, description = "The findings, the worst first", body = ReportView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<ReportView>> {
    let last = app.store.read(app.now(), |tx| doctor::last(tx, &actor)).await?;
    let none = || ReportView { checked_at: None, errors: 0, warnings: 0, findings: Vec::new() };
    Ok(JsonBody(last.map_or_else(none, ReportView::from)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DoctorNothing {}

/// Examine the appliance: its clock, address, ports and certificate, the way to Apple, tokens, disk, database and backups. It takes some seconds.
#[utoipa::path(post, path = "/api/v1/doctor/run", tag = "doctor", request_body = DoctorNothing,
    responses((status = 200, description = "The findings, the worst first", body = ReportView)))]
async fn run(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<DoctorNothing>) -> Result<Answer> {
    let (once, who) = (post.once.clone(), actor.clone());
    if once.has_key()
        && let Some(answer) = app.store.write(app.now(), move |tx| once.recall(tx, &who)).await?
    {
        return Ok(answer);
    }
    let report = ReportView::from(check(&app, &actor).await?);
    if !post.once.has_key() {
        return Answer::new(StatusCode::OK, &report);
    }
    app.store.write(app.now(), move |tx| post.once.run(tx, &actor, |_| Answer::new(StatusCode::OK, &report))).await
}
