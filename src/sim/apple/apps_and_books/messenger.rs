//! Carries what the stand-in tells by itself, over real sockets; who cannot be reached is tried again, a few times.

use std::time::Duration;

use http::Method;

use super::Desk;
use super::notices::Notice;
use crate::sim::client::Carrier;
use crate::sim::device::{Purpose, Reply, Request};

/// How often it is looked whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long somebody may take to hear it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells whoever wants to be told, until it is aborted.
pub(super) async fn carry_all(desk: Desk) {
    loop {
        let due = desk.book().notices_due(desk.clock.now());
        for notice in due {
            if !carry(&desk, &notice).await {
                desk.book().missed(notice, desk.clock.now());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells somebody something; says whether they heard it. Who has a certificate of an unknown authority never does, as with Apple.
pub(super) async fn carry(desk: &Desk, notice: &Notice) -> bool {
    let Some(trust) = desk.trust() else { return false };
    let request = Request {
        purpose: Purpose::Store,
        method: Method::POST,
        url: notice.url.clone(),
        headers: vec![
            (String::from("authorization"), format!("Bearer {}", notice.bearer)),
            (String::from("content-type"), String::from("application/json")),
        ],
        body: notice.body.to_string().into(),
        identity: None,
        mischief: None,
    };
    let mut carrier = Carrier::new(trust);
    let reply = tokio::time::timeout(PATIENCE, carrier.carry(request, Vec::new)).await;
    matches!(reply, Ok(Reply::Answered(response)) if response.is_success())
}
