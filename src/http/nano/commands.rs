//! `/v1/push/{ids}` and `/v1/enqueue/{ids}`: a push, or a command and a push, for every enrollment named, and what came of each.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{self, Answer, OfOne};
use super::push;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::NanoTool;
use crate::mdm::commands;
use crate::mdm::nano::{self, IDS_MAX};
use crate::mdm::{Actor, Right};
use crate::protocol::command::Command as Order;
use crate::protocol::ids::MAX_ID_BYTES;

/// An address without an id.
pub(super) async fn for_nobody(NanoTool(_): NanoTool) -> Response {
    Answer { command_error: Some(t!("getting enrollment ids: empty path").into()), ..Answer::default() }.refuse()
}

/// Pushes to the enrollments named; whichever method asks.
pub(super) async fn push(State(app): State<App>, NanoTool(actor): NanoTool, Path(ids): Path<String>) -> Response {
    answered(push_only(&app, &actor, &ids).await)
}

/// Queues the command in the body for the enrollments named, and pushes unless `nopush` says not to.
pub(super) async fn enqueue(
    State(app): State<App>,
    NanoTool(actor): NanoTool,
    Path(ids): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let no_push = query.as_deref().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("nopush=") && pair != "nopush="));
    answered(match (body.is_empty(), no_push) {
        (true, true) => Ok(Answer { no_push, command_error: Some(t!("must enqueue or push").into()), ..Answer::default() }.refuse()),
        (true, false) => push_only(&app, &actor, &ids).await,
        (false, _) => queue_and_push(&app, &actor, &ids, &body, no_push).await,
    })
}

fn answered(outcome: Result<Response>) -> Response {
    outcome.unwrap_or_else(|error| answer::error(&error))
}

async fn push_only(app: &App, actor: &Actor, ids: &str) -> Result<Response> {
    actor.require(Right::Command)?;
    let ids = split(ids)?;
    let mut answer = Answer { status: ids.iter().map(|id| (id.clone(), OfOne::default())).collect(), ..Answer::default() };
    push_to(app, actor, &mut answer).await?;
    Ok(answer.finish(ids.len()))
}

async fn queue_and_push(app: &App, actor: &Actor, ids: &str, plist: &[u8], no_push: bool) -> Result<Response> {
    actor.require(Right::Command)?;
    let order = match read(plist) {
        Ok(order) => order,
        Err(error) => return Ok(Answer { command_error: Some(error.message.into_owned()), ..Answer::default() }.refuse()),
    };
    if let Err(error) = commands::check_said(&order) {
        // NanoMDM judges no keys, and has no status of its own for it.
        return Ok(Answer { command_error: Some(error.message.into_owned()), ..Answer::default() }.refuse_with(StatusCode::BAD_REQUEST));
    }
    let ids = split(ids)?;
    let mut answer = Answer {
        no_push,
        command_uuid: Some(order.uuid.clone()),
        request_type: Some(order.request_type.clone()),
        status: queue(app, actor, &ids, &order, no_push).await?,
        ..Answer::default()
    };
    if !no_push {
        push_to(app, actor, &mut answer).await?;
    }
    Ok(answer.finish(ids.len()))
}

/// The ids in an address, each once, in the order of their letters.
fn split(ids: &str) -> Result<Vec<String>> {
    let mut ids: Vec<_> = ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Err(Error::bad_input(t!("Name an enrollment by its id.")));
    }
    if ids.len() > IDS_MAX {
        return Err(Error::bad_input(t!("Name at most {IDS_MAX} enrollments at a time; {ids} are too many.", IDS_MAX, ids = ids.len())));
    }
    Ok(ids)
}

/// Reads a command. Unlike our own API this one asks for a CommandUUID, because its tools make one and go by it.
fn read(plist: &[u8]) -> Result<Order> {
    let order = Order::from_plist(plist).map_err(|error| Error::bad_input(t!("decoding command: {error}", error)).caused_by(error))?;
    if order.uuid.len() > MAX_ID_BYTES || order.uuid.contains(char::is_control) {
        return Err(Error::bad_input(t!(
            "decoding command: a CommandUUID has up to {MAX_ID_BYTES} bytes without control characters",
            MAX_ID_BYTES
        )));
    }
    Ok(order)
}

/// Queues for each enrollment in a transaction of its own, so that one that cannot have the command does not undo the others'.
async fn queue(app: &App, actor: &Actor, ids: &[String], order: &Order, no_push: bool) -> Result<BTreeMap<String, OfOne>> {
    let mut status = BTreeMap::new();
    for id in ids {
        let (actor, order, named) = (actor.clone(), order.clone(), id.clone());
        let outcome = app.store.write(app.now(), move |tx| nano::enqueue(tx, &actor, &named, &order, !no_push)).await;
        let unknown = outcome.as_ref().is_err_and(|error| error.kind == Kind::NotFound);
        let command_error = match outcome {
            Ok(()) => None,
            Err(error) if matches!(error.kind, Kind::Internal | Kind::Busy) => return Err(error),
            // A role that may not send this command may not for anybody.
            Err(error) if error.kind == Kind::Forbidden => return Err(error),
            // Scripts that speak NanoMDM's words know the protocol's.
            Err(error) => Some(commands::protocol_words(&error).unwrap_or(&error.message).to_owned()),
        };
        status.insert(id.clone(), OfOne { command_error, unknown, ..OfOne::default() });
    }
    Ok(status)
}

/// Pushes to everyone in the answer, and writes into it what came of that.
async fn push_to(app: &App, actor: &Actor, answer: &mut Answer) -> Result<()> {
    let ids: Vec<_> = answer.status.keys().cloned().collect();
    for (id, pushed) in push::push_all(app, actor, ids).await? {
        let one = answer.status.entry(id).or_default();
        answer.about_certificates += usize::from(pushed.about_certificate);
        one.push_result = pushed.apns_id;
        one.push_error = pushed.error;
    }
    Ok(())
}
