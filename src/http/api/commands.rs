//! `/api/v1/commands`: what is asked of devices, and what became of it.

use std::collections::HashSet;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::commands::{self, Wish};
use crate::mdm::{Actor, Right, devices};
use crate::protocol::command::Command as Order;
use crate::protocol::command::schema::knows;
use crate::protocol::plist;
use crate::store::Tx;
use crate::store::commands::{self as queue, Command, CommandState, Filter};

/// The most devices that one request may name.
const TARGETS_MAX: usize = 1000;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, send)).routes(routes!(show, cancel)).routes(routes!(available))
}

/// A command.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CommandView {
    /// CommandUUID.
    uuid: String,
    /// The enrollment it is for.
    enrollment_id: String,
    /// RequestType.
    request_type: String,
    /// Where it stands.
    state: CommandState,
    /// Why it ended without success, in words.
    because: String,
    /// The device's ErrorChain.
    #[schema(value_type = Option<Vec<Object>>)]
    error_chain: Option<Value>,
    /// Who asked for it.
    asked_by: String,
    /// How often the device put it off.
    not_nows: i64,
    /// When it was queued.
    created_at: Timestamp,
    /// When it was last sent.
    sent_at: Option<Timestamp>,
    /// When it ends unsent.
    expires_at: Option<Timestamp>,
    /// When it left the queue.
    finished_at: Option<Timestamp>,
}

impl From<Command> for CommandView {
    fn from(command: Command) -> Self {
        Self {
            uuid: command.uuid,
            enrollment_id: command.enrollment_id,
            request_type: command.request_type,
            state: command.state,
            because: command.cause,
            error_chain: command.error_chain.and_then(|chain| serde_json::from_str(&chain).ok()),
            asked_by: command.actor,
            not_nows: command.not_nows,
            created_at: command.created_at,
            sent_at: command.sent_at,
            expires_at: command.expires_at,
            finished_at: command.finished_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CommandsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those of this device: its id or Nano id.
    device: Option<String>,
    /// Only those that stand here.
    state: Option<CommandState>,
    /// Only those in the queue.
    open: Option<bool>,
}

/// Commands, newest first.
#[utoipa::path(get, path = "/api/v1/commands", tag = "commands", params(CommandsQuery),
    responses((status = 200, description = "Newest first", body = List<CommandView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<CommandsQuery>,
) -> Result<JsonBody<List<CommandView>>> {
    let page = Page::<i64>::parse(query.limit, query.after.as_deref())?;
    let (before, fetch) = (page.after, page.fetch());
    let (rows, total) = app
        .store
        .read_slow(app.now(), move |tx| {
            actor.require(Right::View)?;
            let device = query.device.map(|id| devices::find(tx, &actor, &id)).transpose()?;
            let filter = Filter {
                device_id: device.as_ref().map(|device| device.id.as_str()),
                state: query.state,
                open_only: query.open.unwrap_or_default(),
                ..Filter::default()
            };
            Ok((queue::list(tx, &filter, before, fetch)?, queue::count(tx, &filter)?))
        })
        .await?;
    Ok(JsonBody(page.answer(rows, total.unsigned_abs(), |command| command.seq, CommandView::from)))
}

/// What is asked, of whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommandInput {
    /// Devices or enrollments, by id or Nano id; up to 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    targets: Vec<String>,
    /// RequestType, for a command of typed keys.
    request_type: Option<String>,
    /// The command's keys beside RequestType; data as {"$data": "base64"}.
    #[serde(default)]
    #[schema(value_type = Object)]
    keys: serde_json::Map<String, Value>,
    /// Instead of those: a whole command as a property list, in base64.
    plist: Option<String>,
    /// When it ends unsent.
    expires_at: Option<Timestamp>,
    /// Whether devices are woken for it; they are by default.
    push: Option<bool>,
    /// Whether a RequestType that is not known here may be sent all the same.
    #[serde(default)]
    allow_unknown: bool,
}

/// What became of asking.
#[derive(Debug, Serialize, ToSchema)]
struct Sent {
    /// The commands that were queued.
    commands: Vec<CommandView>,
    /// The targets that cannot have it, with the reason.
    refused: Vec<Refused>,
}

/// A target that cannot have a command.
#[derive(Debug, Serialize, ToSchema)]
struct Refused {
    /// As it was named.
    target: String,
    /// Why, and what to do.
    because: String,
}

/// Ask something of devices. Each gets the command it can have; those that cannot are named with the reason.
#[utoipa::path(post, path = "/api/v1/commands", tag = "commands", request_body = CommandInput,
    responses((status = 201, description = "Queued for every target", body = Sent), (status = 207, description = "Queued for some", body = Sent),
        (status = 409, description = "No target can have it")))]
async fn send(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<CommandInput>) -> Result<Answer> {
    let Post { body, once } = post;
    if body.targets.is_empty() || body.targets.len() > TARGETS_MAX {
        return Err(Error::field("targets", t!("name from 1 to {TARGETS_MAX} devices", TARGETS_MAX)));
    }
    let now = app.now();
    if body.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::field("expires_at", t!("is over already; name a moment to come, or leave it out for the command's usual time")));
    }
    app.store.write(now, move |tx| once.run(tx, &actor, |tx| send_all(tx, &actor, &body))).await
}

fn send_all(tx: &Tx, actor: &Actor, input: &CommandInput) -> Result<Answer> {
    may_send(actor, input)?;
    let order = order(tx, input)?;
    let mut reached = HashSet::new();
    let mut send = |target: &str| {
        let channel = devices::channel(tx, actor, target)?;
        // A device that is named twice, however it is spelled, gets the command once.
        if !reached.insert(channel.id.clone()) {
            return Ok(None);
        }
        let wish = Wish { expires_at: input.expires_at, push: input.push.unwrap_or(true), ..Wish::new(order.clone()) };
        commands::enqueue(tx, actor, &channel, wish).map(Some)
    };
    if let [only] = input.targets.as_slice() {
        let sent = Sent { commands: send(only)?.into_iter().map(CommandView::from).collect(), refused: Vec::new() };
        return Answer::new(StatusCode::CREATED, &sent);
    }
    let outcome = devices::each(&input.targets, send)?;
    let refused = outcome.refused.into_iter().map(|(target, error)| Refused { target, because: error.message.into_owned() });
    let sent = Sent { commands: outcome.done.into_iter().flatten().map(CommandView::from).collect(), refused: refused.collect() };
    if sent.commands.is_empty() {
        return Err(Error::conflict(
            sent.refused.iter().map(|refused| format!("{}: {}", refused.target, refused.because)).collect::<Vec<_>>().join(" "),
        ));
    }
    Answer::new(if sent.refused.is_empty() { StatusCode::CREATED } else { StatusCode::MULTI_STATUS }, &sent)
}

/// Refuses who may not send a command at all before it is judged: what is wrong with it is not their affair. Of one that is not known the room decides.
fn may_send(actor: &Actor, input: &CommandInput) -> Result<()> {
    actor.require(Right::Command)?;
    match input.request_type.as_deref() {
        Some(known) if knows(known) => actor.require(commands::right_for(known, input.keys.contains_key("PIN"))),
        _ => Ok(()),
    }
}

/// The command that an input asks for, checked key by key.
fn order(tx: &Tx, input: &CommandInput) -> Result<Order> {
    match (&input.plist, &input.request_type) {
        (Some(text), None) => {
            let bytes = STANDARD
                .decode(text.trim())
                .map_err(|_| Error::field("plist", t!("is not base64; send the command's property list in base64")))?;
            commands::read_raw(tx, &bytes, input.allow_unknown)
        }
        (None, Some(request_type)) => {
            let mut order = Order::new(commands::new_uuid(tx), request_type.as_str());
            if input.keys.contains_key("RequestType") {
                return Err(Error::field("keys.RequestType", t!("stands beside keys, as request_type")));
            }
            for (key, value) in &input.keys {
                order = order.with(key, plist::from_json(value).map_err(|error| Error::field(format!("keys.{key}"), error.to_string()))?);
            }
            commands::read_raw(tx, &order.to_plist()?, input.allow_unknown)
        }
        _ => Err(Error::field("request_type", t!("give either request_type with keys, or plist"))),
    }
}

/// One command, for each enrollment that has it.
#[utoipa::path(get, path = "/api/v1/commands/{uuid}", tag = "commands", params(("uuid" = String, Path, description = "CommandUUID")),
    responses((status = 200, description = "A row per enrollment", body = Vec<CommandView>)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(uuid): Path<String>) -> Result<JsonBody<Vec<CommandView>>> {
    let rows = app
        .store
        .read(app.now(), |tx| {
            actor.require(Right::View)?;
            queue::all_by_uuid(tx, &uuid)
        })
        .await?;
    if rows.is_empty() {
        return Err(Error::not_found(t!("There is no such command.")));
    }
    Ok(JsonBody(rows.into_iter().map(CommandView::from).collect()))
}

/// Take a command back wherever it still waits.
#[utoipa::path(delete, path = "/api/v1/commands/{uuid}", tag = "commands", params(("uuid" = String, Path, description = "CommandUUID")),
    responses((status = 200, description = "As they are now", body = Vec<CommandView>), (status = 409, description = "It waits nowhere any more")))]
async fn cancel(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(uuid): Path<String>,
) -> Result<JsonBody<Vec<CommandView>>> {
    let rows = app.store.write(app.now(), move |tx| cancel_all(tx, &actor, &uuid)).await?;
    Ok(JsonBody(rows.into_iter().map(CommandView::from).collect()))
}

fn cancel_all(tx: &Tx, actor: &Actor, uuid: &str) -> Result<Vec<Command>> {
    actor.require(Right::Command)?;
    let rows = queue::all_by_uuid(tx, uuid)?;
    if rows.is_empty() {
        return Err(Error::not_found(t!("There is no such command.")));
    }
    let mut taken_back = Vec::new();
    for row in rows.iter().filter(|row| row.state.is_open()) {
        let channel = devices::find_enrollment(tx, actor, &row.enrollment_id)?;
        taken_back.push(commands::cancel(tx, actor, &channel, uuid)?);
    }
    if taken_back.is_empty() {
        return Err(Error::conflict(t!("This command has left every queue already.")));
    }
    Ok(taken_back)
}

/// The commands that a device's OS has.
#[utoipa::path(get, path = "/api/v1/devices/{id}/commands", tag = "commands", params(("id" = String, Path, description = "The device's id or Nano id")),
    responses((status = 200, description = "RequestTypes", body = Vec<String>)))]
async fn available(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<Vec<&'static str>>> {
    let names = app
        .store
        .read(app.now(), |tx| {
            let channel = devices::channel(tx, &actor, &id)?;
            Ok(crate::protocol::availability::commands(&commands::capabilities(tx, &channel)?).collect())
        })
        .await?;
    Ok(JsonBody(names))
}
