//! `/api/v1/moves`: devices that move in from another server, and what another one has to be told of those that move out.

mod export;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Query;
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::checkin::MovedIn;
use crate::mdm::moves::left_behind::Served;
use crate::mdm::moves::profile::Learned;
use crate::mdm::moves::take::{self, Taken};
use crate::mdm::{Right, moves};
use crate::pki::certificate::Fingerprint;
use crate::protocol::moves::profile::{self as old, OldProfile};
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::moves::{Line, MovedFrom};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list))
        .routes(routes!(standing))
        .routes(routes!(messages))
        .routes(routes!(profile))
        .routes(routes!(export::export))
}

/// A device that moved in.
#[derive(Debug, Serialize, ToSchema)]
struct MoveView {
    /// The device's id.
    device_id: String,
    /// Its enrollment's id.
    enrollment_id: String,
    /// Its UDID, or the id of a person's own device.
    nano_id: String,
    /// Its name; may be empty.
    name: String,
    /// Its serial number.
    serial_number: Option<String>,
    /// From where it came.
    source: MovedFrom,
    /// When it was handed over.
    moved_at: Timestamp,
    /// When it came, and its certificate was bound; null while it has not been seen.
    bound_at: Option<Timestamp>,
    /// SHA-256 of the certificate by which the other server knew it, in hexadecimal; null where that is not known.
    identity: Option<String>,
    /// The host by which it came.
    address: Option<String>,
    /// ServerURL of its profile; null where that is not known.
    server_url: Option<String>,
    /// Its push topic.
    topic: String,
}

impl From<Line> for MoveView {
    fn from(line: Line) -> Self {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let moved = line.moved;
        Self {
            device_id: line.device_id,
            enrollment_id: moved.enrollment_id,
            nano_id: line.nano_id,
            name: line.name,
            serial_number: line.serial_number,
            source: moved.source,
            moved_at: moved.moved_at,
            bound_at: moved.bound_at,
            identity: moved.identity.map(|identity| identity.to_string()),
            address: filled(moved.address),
            server_url: filled(line.server_url),
            topic: line.topic,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<u32>,
    after: Option<String>,
    waiting: Option<bool>,
}

/// Devices that moved in and are here still, those that have not been seen yet first.
#[utoipa::path(get, path = "/api/v1/moves", tag = "moving in and out",
    params(("limit" = Option<u32>, Query, description = "Items on a page"), ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("waiting" = Option<bool>, Query, description = "Only those that have not been seen yet, or only the others")),
    responses((status = 200, description = "Those that have not been seen first", body = List<MoveView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<ListQuery>,
) -> Result<JsonBody<List<MoveView>>> {
    let page = Page::<(bool, Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let (waiting, asked) = (query.waiting, page.clone());
    let look =
        move |tx: &Tx| Ok((moves::list(tx, &actor, waiting, asked.after.as_ref(), asked.fetch())?, moves::standing(tx, &actor)?.counts));
    let (rows, counts) = app.store.read_slow(app.now(), look).await?;
    let total = match waiting {
        None => counts.moved,
        Some(true) => counts.waiting,
        Some(false) => counts.moved - counts.waiting,
    };
    let key = |line: &Line| (line.moved.bound_at.is_some(), line.moved.moved_at, line.moved.enrollment_id.clone());
    Ok(JsonBody(page.answer(rows, total.unsigned_abs(), key, MoveView::from)))
}

/// A host that devices come to.
#[derive(Debug, Serialize, ToSchema)]
struct HostView {
    /// Its name, with the port where it is not 443; null for devices of which that is not known yet.
    host: Option<String>,
    /// Devices that come to it.
    devices: i64,
    /// Whether it is the public address or one of `extra_hosts`.
    served: bool,
}

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
struct TopicView {
    /// The topic.
    topic: String,
    /// Devices on it.
    devices: i64,
}

/// How moving in stands.
#[derive(Debug, Serialize, ToSchema)]
struct MovesStandingView {
    /// Devices that moved in and are here still.
    moved: i64,
    /// Those that have not been seen yet.
    waiting: i64,
    /// Those that have not been seen yet and whose certificate the other server named.
    waiting_named: i64,
    /// Hosts that enrolled devices come to, practice ones left out, the busiest first.
    hosts: Vec<HostView>,
    /// Topics of devices that moved in without a push certificate here: they cannot be woken.
    topics_without_certificate: Vec<TopicView>,
    /// Topics for which the profile of the other server is known, so that identities can be renewed.
    profiles: Vec<String>,
}

/// How moving in stands: who has come, and which addresses devices still use.
#[utoipa::path(get, path = "/api/v1/moves/standing", tag = "moving in and out",
    responses((status = 200, description = "As it is", body = MovesStandingView)))]
async fn standing(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<MovesStandingView>> {
    let standing = app.store.read_slow(app.now(), move |tx| moves::standing(tx, &actor)).await?;
    let host = |(host, devices): (String, i64)| HostView {
        served: is_served(&app, &host),
        host: Some(host).filter(|host| !host.is_empty()),
        devices,
    };
    Ok(JsonBody(MovesStandingView {
        moved: standing.counts.moved,
        waiting: standing.counts.waiting,
        waiting_named: standing.counts.named,
        hosts: standing.hosts.into_iter().map(host).collect(),
        topics_without_certificate: standing
            .topics_without_certificate
            .into_iter()
            .map(|(topic, devices)| TopicView { topic, devices })
            .collect(),
        profiles: standing.profiles.into_iter().map(|profile| profile.topic).collect(),
    }))
}

/// Whether a host, with its port, is one at which this appliance answers.
pub(in crate::http) fn is_served(app: &App, host: &str) -> bool {
    served(app).has(host)
}

/// The addresses at which this appliance answers.
pub(in crate::http) fn served(app: &App) -> Served {
    Served::new(&app.public_url, &app.config.extra_hosts, app.device_ports())
}

/// The names that this appliance goes by.
pub(in crate::http) fn hosts(app: &App) -> Vec<String> {
    std::iter::once(app.public_host().to_owned()).chain(app.config.extra_hosts.iter().cloned()).collect()
}

/// A check-in that another server heard.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageInput {
    /// Authenticate, TokenUpdate or SetBootstrapToken, a property list as the device sent it, in base64.
    message: String,
    /// SHA-256 of the certificate by which the other server knows the device, in hexadecimal: no other is bound to it then.
    identity: Option<String>,
}

/// Check-ins that another server heard.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MessagesInput {
    /// Where they come from.
    #[serde(default = "nano")]
    source: MovedFrom,
    /// Each device's before those of its users.
    #[schema(max_items = 500)]
    messages: Vec<MessageInput>,
    /// Only says what would become of them.
    #[serde(default)]
    check: bool,
}

const fn nano() -> MovedFrom {
    MovedFrom::Nano
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeView {
    /// It brought an enrollment that was not known.
    New,
    /// It changed what is known of one that waits for its device.
    Changed,
    /// It says what is known already.
    Unchanged,
    /// The device has come itself and knows better, or an admin retired it.
    PassedOver,
    /// It was not taken.
    Refused,
}

/// A message and what became of it.
#[derive(Debug, Serialize, ToSchema)]
struct TakenView {
    /// The enrollment that it is of, where that can be read.
    id: String,
    /// Its kind, where that can be read.
    message_type: String,
    /// What became of it.
    outcome: OutcomeView,
    /// Why it was not taken.
    because: Option<String>,
}

impl From<Taken> for TakenView {
    fn from(taken: Taken) -> Self {
        let (outcome, because) = match taken.outcome {
            Ok(MovedIn::New) => (OutcomeView::New, None),
            Ok(MovedIn::Changed) => (OutcomeView::Changed, None),
            Ok(MovedIn::Unchanged) => (OutcomeView::Unchanged, None),
            Ok(MovedIn::PassedOver) => (OutcomeView::PassedOver, None),
            Err(because) => (OutcomeView::Refused, Some(because)),
        };
        Self { id: taken.id, message_type: taken.message_type, outcome, because }
    }
}

/// Take check-ins over that another server heard. Their devices are known from then on, and bound when they come themselves.
#[utoipa::path(post, path = "/api/v1/moves/messages", tag = "moving in and out", request_body = MessagesInput,
    responses((status = 200, description = "What became of each, in their order", body = List<TakenView>)))]
async fn messages(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<MessagesInput>) -> Result<Answer> {
    let Post { body, once } = post;
    actor.require(Right::Configure)?;
    let read = |(index, input): (usize, MessageInput)| {
        let wrong = |field: &str, words: &'static str| Error::field(format!("messages[{index}].{field}"), words);
        let body = STANDARD.decode(input.message.trim()).map_err(|_| wrong("message", t!("is not base64")))?;
        let identity =
            input.identity.map(|text| Fingerprint::from_hex(&text).ok_or_else(|| wrong("identity", t!("is no SHA-256 in hexadecimal"))));
        Ok(take::Message { body: SecretBytes::new(body), identity: identity.transpose()? })
    };
    let all = body.messages.into_iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
    let (source, check) = (body.source, body.check);
    let work = move |tx: &Tx| {
        let answer = |tx: &Tx| {
            let items: Vec<_> = take::take(tx, &actor, source, &all, check)?.into_iter().map(TakenView::from).collect();
            Answer::new(StatusCode::OK, &List { total: items.len() as u64, items, next: None })
        };
        if check { answer(tx) } else { once.run(tx, &actor, answer) }
    };
    app.store.write(app.now(), work).await
}

/// The profile by which another server enrolled its devices.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OldProfileInput {
    /// The profile as devices get it, signed or not, in base64.
    profile: String,
    /// Only says what it is.
    #[serde(default)]
    check: bool,
}

/// What was learned.
#[derive(Debug, Serialize, ToSchema)]
struct LearnedView {
    /// PayloadIdentifier.
    identifier: String,
    /// The push topic.
    topic: String,
    /// ServerURL.
    server_url: String,
    /// CheckInURL.
    check_in_url: String,
    /// AccessRights.
    access_rights: Option<i64>,
    /// Devices that moved in and have it.
    devices: usize,
    /// What will not work as it is.
    warnings: Vec<String>,
}

fn learned(profile: &OldProfile, learned: Learned) -> LearnedView {
    LearnedView {
        identifier: profile.identifier.clone(),
        topic: profile.topic.clone(),
        server_url: profile.server_url.clone(),
        check_in_url: profile.check_in_url.clone(),
        access_rights: profile.access_rights,
        devices: learned.devices,
        warnings: learned.warnings,
    }
}

/// Learn what devices have that enrolled at another server. A renewal may change nothing of it, so without it none is made.
#[utoipa::path(post, path = "/api/v1/moves/profile", tag = "moving in and out", request_body = OldProfileInput,
    responses((status = 200, description = "What was learned", body = LearnedView)))]
async fn profile(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<OldProfileInput>) -> Result<Answer> {
    let Post { body, once } = post;
    actor.require(Right::Configure)?;
    let bytes = STANDARD.decode(body.profile.trim()).map_err(|_| Error::field("profile", t!("is not base64; send the file in base64")))?;
    let profile = old::read(&bytes).map_err(|error| Error::field("profile", error.to_string()))?;
    let (hosts, check) = (hosts(&app), body.check);
    let work = move |tx: &Tx| {
        if check {
            return looked_at(tx, &actor, &profile, &hosts);
        }
        once.run(tx, &actor, |tx| Answer::new(StatusCode::OK, &learned(&profile, moves::profile::learn(tx, &actor, &profile, &hosts)?)))
    };
    app.store.write(app.now(), work).await
}

/// What would be learned; nothing is.
fn looked_at(tx: &Tx, actor: &crate::mdm::Actor, profile: &OldProfile, hosts: &[String]) -> Result<Answer> {
    let seen = std::cell::RefCell::new(None);
    let undone = tx.attempt(|tx| {
        seen.replace(Some(moves::profile::learn(tx, actor, profile, hosts)?));
        Err::<(), _>(Error::conflict(t!("only looked")))
    })?;
    match (seen.into_inner(), undone) {
        (Some(found), _) => Answer::new(StatusCode::OK, &learned(profile, found)),
        (None, outcome) => outcome.and_then(|()| Err(Error::conflict(t!("only looked")))),
    }
}
