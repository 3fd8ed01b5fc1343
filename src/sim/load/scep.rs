//! Prepares load by SCEP: each certificate request has the challenge of a profile of its own, as one-time challenges want.

use std::sync::Arc;

use super::prepare::prepare_messages;
use super::run::Load;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::sim::client::{Carrier, Trust};
use crate::sim::device::{Applicant, ProfileSource, Reply, Request, Response, ScepService};
use crate::sim::model::{Mix, invent};

/// What a load by SCEP is made of.
#[derive(Debug)]
pub struct ScepPreparation<'a> {
    /// Where each request's challenge comes from: downloaded anew for each, or one for all where the server allows that.
    pub profile: &'a ProfileSource,
    /// How many requests are prepared.
    pub operations: usize,
    /// The keys that certificates are asked for, in turn.
    pub keys: &'a [PrivateKey],
    /// What the applicants are invented from.
    pub seed: u64,
    /// What the connections trust.
    pub trust: &'a Arc<Trust>,
    /// When the requests say they were made.
    pub now: Timestamp,
}

/// Prepares a load by SCEP; takes a download and about a millisecond of processor time for each request.
pub async fn prepare_scep(preparation: &ScepPreparation<'_>) -> Result<Load> {
    let mut carrier = Carrier::new(Arc::clone(preparation.trust));
    let first = profile(&mut carrier, preparation.profile).await?;
    let service = ScepService::of_profile(&first)?;
    let anchors = service.anchors.clone();
    let certificate = fetch(&mut carrier, service.get_ca_cert(), &anchors).await?;
    let capabilities = fetch(&mut carrier, service.get_ca_caps(), &anchors).await?;
    let service = Arc::new(service.knows(&certificate, &capabilities)?);
    let keys: Arc<[PrivateKey]> = preparation.keys.into();
    if keys.is_empty() {
        return Err(Error::bad_input("load by SCEP wants at least one key"));
    }
    let mut messages = Vec::with_capacity(preparation.operations);
    let mut profile_bytes = first;
    for number in 1..=preparation.operations {
        if number > 1 && matches!(preparation.profile, ProfileSource::Url(_)) {
            profile_bytes = profile(&mut carrier, preparation.profile).await?;
        }
        let facts = invent(preparation.seed, number as u32, Mix::parse(&["ipad"])?.wish(0));
        let applicant = Applicant { facts, key: keys[number % keys.len()].clone(), profile: profile_bytes.clone(), now: preparation.now };
        let service = Arc::clone(&service);
        let written = tokio::task::spawn_blocking(move || service.request(&applicant)).await;
        messages.push(written.map_err(|error| Error::internal("a request of the load cannot be made", error))??);
    }
    prepare_messages(service.url(), messages, preparation.trust, &anchors)
}

async fn profile(carrier: &mut Carrier, source: &ProfileSource) -> Result<Vec<u8>> {
    match source {
        ProfileSource::Bytes(bytes) => Ok(bytes.clone()),
        ProfileSource::Url(url) => fetch(carrier, Request::profile(url), &[]).await.map(|response| response.body.to_vec()),
    }
}

async fn fetch(carrier: &mut Carrier, request: Request, anchors: &[Certificate]) -> Result<Response> {
    let what = request.purpose.name();
    match carrier.carry(request, || anchors.to_vec()).await {
        Reply::Answered(response) if response.is_success() => Ok(response),
        Reply::Answered(response) => Err(Error::bad_input(format!("{what} was answered {}", response.status))),
        Reply::Lost(why) => Err(Error::bad_input(format!("{what} failed: {why}"))),
    }
}
