//! What NanoMDM answers, in its shape: per enrollment what failed, and one status for all.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::error::{Error, Kind};
use crate::http::error::{Audience, as_it_is, render, status};

/// The answer to a push or an enqueue.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<String, OfOne>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_push: bool,
    /// Why no push could be sent at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_error: Option<String>,
    /// Why the command could be queued for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_type: Option<String>,
    /// How many pushes failed for want of a certificate.
    #[serde(skip)]
    pub about_certificates: usize,
}

/// What came of one enrollment.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct OfOne {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_error: Option<String>,
    /// Apple's id of the push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_error: Option<String>,
    /// Whether nobody is known by this id. NanoMDM queues for anybody, so that this alone is no failure to its tools.
    #[serde(skip)]
    pub unknown: bool,
}

impl OfOne {
    fn failed(&self) -> bool {
        self.push_error.is_some() || (self.command_error.is_some() && !self.unknown)
    }

    fn is_silent(&self) -> bool {
        self.push_error.is_none() && self.push_result.is_none() && self.command_error.is_none()
    }
}

impl Answer {
    /// 200 when everything went well, 500 when it did for nobody, 207 in between.
    ///
    /// What failed for all of the `count` enrollments in the same words is said once.
    pub(super) fn finish(mut self, count: usize) -> Response {
        let failed = self.status.values().filter(|one| one.failed()).count();
        let status = match failed {
            0 => StatusCode::OK,
            _ if failed < count => StatusCode::MULTI_STATUS,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if failed == count {
            self.command_error = said_by_all(&mut self.status, |one| &mut one.command_error);
        }
        if self.about_certificates == count {
            self.push_error = said_by_all(&mut self.status, |one| &mut one.push_error);
        }
        // Those of whom there is nothing to say are left out.
        self.status.retain(|_, one| !one.is_silent());
        json(status, &self)
    }

    /// Nothing was done, and NanoMDM says 500 for it.
    pub(super) fn refuse(self) -> Response {
        self.refuse_with(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Nothing was done.
    pub(super) fn refuse_with(self, status: StatusCode) -> Response {
        json(status, &self)
    }
}

/// Takes out the words that `of` finds with every enrollment, if they are the same.
fn said_by_all(status: &mut BTreeMap<String, OfOne>, of: impl Fn(&mut OfOne) -> &mut Option<String>) -> Option<String> {
    let words = status.values_mut().next().and_then(|one| of(one).clone())?;
    if !status.values_mut().all(|one| of(one).as_ref() == Some(&words)) {
        return None;
    }
    for one in status.values_mut() {
        *of(one) = None;
    }
    Some(words)
}

/// JSON as NanoMDM writes it: indented by tabs, with a line's end.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::new();
    // Maps of strings and numbers into memory: neither can fail, and an empty body would still carry the status.
    let _ = body.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"\t")));
    bytes.push(b'\n');
    as_it_is((status, [(CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// A line of text.
pub(super) fn text(status: StatusCode, line: &str) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    as_it_is((status, headers, format!("{line}\n")).into_response())
}

/// A failure as `{"error": …}`; of what is our own fault, the log has the causes.
pub(super) fn error(error: &Error) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
    }
    if matches!(error.kind, Kind::Internal | Kind::Busy | Kind::Upstream | Kind::TooOften) {
        return render(error, Audience::Api, None);
    }
    json(status(error.kind, Audience::Api), &Body { error: &error.message })
}
