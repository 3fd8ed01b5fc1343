//! One request to Apple and what came of it.

use serde_json::{Value, json};

use super::Desk;
use crate::apple::apps_and_books::{Caller, Came};
use crate::error::Result;
use crate::mdm::licences::errands::{Outcome, UserDeed, What};
use crate::protocol::apps_and_books::{Answer, Limits, SERVICE_CONFIG, Service, read};

/// What came of a request.
pub(in crate::jobs) fn judged(came: Result<Came>) -> Result<Answer, Outcome> {
    match came {
        Ok(came) => read(came.status, came.retry_after.as_deref(), &came.body).map_err(Outcome::Refused),
        Err(error) => Err(Outcome::Lost(error.to_string())),
    }
}

impl Desk<'_> {
    /// Apple's addresses and limits.
    pub(super) async fn service(&self) -> Result<Service, Outcome> {
        let url = format!("{}{SERVICE_CONFIG}", self.client.base());
        let came = self.client.get(&url, &[], Caller::Anybody, Limits::default().max_request_per_second).await;
        Ok(Service::read(&judged(came)?.body, self.client.base()))
    }

    /// Asks what is no list.
    pub(super) async fn ask(&self, service: &Service, what: &What) -> Outcome {
        let urls = &service.urls;
        let asked = match what {
            What::Event { event_id } => self.get(service, &urls.event_status, &[("eventId", event_id.clone())]).await,
            What::Licences { assign: true, deed } => self.post(service, &urls.associate_assets, &json!(deed)).await,
            What::Licences { assign: false, deed } => self.post(service, &urls.disassociate_assets, &json!(deed)).await,
            What::Users { deed, users } => {
                let url = match deed {
                    UserDeed::Create => &urls.create_users,
                    UserDeed::Update => &urls.update_users,
                    UserDeed::Retire => &urls.retire_users,
                };
                self.post(service, url, &json!({ "users": users })).await
            }
            // These are read, page by page.
            What::Service | What::Sync { .. } => Err(Outcome::Lost(String::from(t!("This is not asked for in one request.")))),
        };
        asked.map_or_else(|outcome| outcome, |answer| Outcome::Answered(Box::new(answer)))
    }

    pub(super) async fn get(&self, service: &Service, url: &str, query: &[(&str, String)]) -> Result<Answer, Outcome> {
        judged(self.client.get(url, query, Caller::Token(&self.secret), service.limits.max_request_per_second).await)
    }

    async fn post(&self, service: &Service, url: &str, body: &Value) -> Result<Answer, Outcome> {
        let body = body.to_string().into_bytes();
        judged(self.client.post(url, body, Caller::Token(&self.secret), service.limits.max_request_per_second).await)
    }
}
