//! `/api/v1/events`: what happened, as a list or as a live stream.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::{FromRequestParts, State};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event as Message, Sse};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use super::list::{List, Page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::{Identified, Proof};
use crate::mdm::admins::audit::{self, Asked, Stretch};
use crate::store::events::{self, Event, Filter};
use crate::store::{Bell, Listener};

/// Live streams that are open at a time.
pub const STREAMS_MAX: usize = 256;
/// Those of one log-in or token: a single one cannot take the places of all others.
pub const STREAMS_OF_ONE_MAX: usize = 32;
/// After so long without an event something is sent all the same, so that both ends notice when the other is gone.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// What a browser waits before it comes back after a break.
const RETRY: Duration = Duration::from_secs(2);
/// When a reader that found no place may come again.
const RETRY_AFTER_S: u32 = 30;
/// Messages that wait for a slow reader; meanwhile nothing further is read for it.
const WAITING_MAX: usize = 64;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list))
}

/// The open streams of one server: how many there may be, whose they are, and when they end.
#[derive(Debug, Clone)]
pub struct Streams {
    places: Arc<Semaphore>,
    open: Arc<Mutex<HashMap<Vec<u8>, usize>>>,
    end: watch::Sender<bool>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(STREAMS_MAX)), open: Arc::default(), end: watch::Sender::new(false) }
    }
}

impl Streams {
    /// Ends all streams, and those that are still asked for: a server that stops waits for no reader.
    pub fn end(&self) {
        self.end.send_replace(true);
    }

    fn enter(&self, proof: &Proof) -> Result<Place> {
        let full = |_| {
            Error::new(Kind::Busy, t!("{STREAMS_MAX} live streams are open already. Close some, or try again later.", STREAMS_MAX))
                .retry_after(RETRY_AFTER_S)
        };
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.entry(proof.key().to_owned()).or_default();
        if *own == STREAMS_OF_ONE_MAX {
            let message =
                t!("This log-in or token has {STREAMS_OF_ONE_MAX} live streams open already. Close some first.", STREAMS_OF_ONE_MAX);
            return Err(Error::new(Kind::TooOften, message).retry_after(RETRY_AFTER_S));
        }
        *own += 1;
        Ok(Place { open: Arc::clone(&self.open), whose: proof.key().to_owned(), _permit: permit })
    }
}

/// A stream's place, given back when it ends.
struct Place {
    open: Arc<Mutex<HashMap<Vec<u8>, usize>>>,
    /// The key of its reader's proof.
    whose: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.whose);
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Streams {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get().cloned().ok_or_else(|| Error::new(Kind::Internal, t!("The request came past the API's router.")))
    }
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
struct EventView {
    /// Its place in the order of everything that happened.
    id: i64,
    /// When it happened.
    at: Timestamp,
    /// What happened: noun, dot, participle, for example `command.queued`.
    topic: String,
    /// Who did it.
    actor: EventActor,
    /// The device that it is about.
    device_id: Option<String>,
    /// The enrollment that it is about.
    enrollment_id: Option<String>,
    /// The command that it is about.
    command_uuid: Option<String>,
    /// More about it.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
struct EventActor {
    /// `person`, `token`, `device`, `job` or `console`.
    kind: String,
    /// In words for people; empty where the reader may not know.
    name: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.seq,
            at: event.at,
            topic: event.kind,
            actor: EventActor { kind: event.actor_kind, name: event.actor },
            device_id: event.device_id,
            enrollment_id: event.enrollment_id,
            command_uuid: event.command_uuid,
            data: event.data,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those with this topic, or of a noun when it ends in a dot: `command.`
    topic: Option<String>,
    /// Only those about this device.
    device_id: Option<String>,
    /// Only those about this enrollment.
    enrollment_id: Option<String>,
    /// Only those by a person or token of this name.
    by: Option<String>,
    /// Only those from this moment on.
    from: Option<Timestamp>,
    /// Only those before this moment.
    until: Option<Timestamp>,
}

/// What happened, newest first; with `Accept: text/event-stream` what happens from now on, or from after `Last-Event-ID`.
///
/// Whoever may not read the audit log gets what is about devices.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(EventsQuery, ("Last-Event-ID" = Option<i64>, Header, description = "The id of the last event that arrived, for a stream that goes on")),
    responses((status = 200, description = "A page, or a stream whose every `data` is one event", content(
        (List<EventView> = "application/json"), (EventView = "text/event-stream")))))]
async fn list(
    State(app): State<App>,
    streams: Streams,
    Identified { actor, proof }: Identified,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response> {
    if wants_stream(&headers) {
        return stream(app, &streams, proof, &headers).await;
    }
    let page = Page::<i64>::parse(query.limit, query.after.as_deref())?;
    let (before, fetch) = (page.after, page.fetch());
    let (rows, total) = app
        .store
        .read_slow(app.now(), move |tx| {
            let asked = Asked { by: query.by.unwrap_or_default(), ..Asked::default() };
            let actors = asked.actors();
            let filter = Filter {
                device_id: query.device_id.as_deref(),
                enrollment_id: query.enrollment_id.as_deref(),
                kind: query.topic.as_deref(),
                from: query.from,
                until: query.until,
                ..asked.filter(&actors)
            };
            audit::list(tx, &actor, filter, before, fetch)
        })
        .await?;
    Ok(JsonBody(page.answer(rows, total, |event| event.seq, EventView::from)).into_response())
}

/// Begins a live stream.
async fn stream(app: App, streams: &Streams, proof: Proof, headers: &HeaderMap) -> Result<Response> {
    let place = streams.enter(&proof)?;
    // The bell is heard from before the place is read, so that nothing falls between.
    let bell = app.store.listen(Bell::Events);
    let newest = app.store.read(app.now(), events::newest).await?;
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let reader = Reader { app, proof, bell, upto: last.filter(|seq| *seq < newest).unwrap_or(newest) };
    // Whoever may not see anything is told so before the stream begins.
    reader.read().await?;
    let (sender, messages) = mpsc::channel(WAITING_MAX);
    tokio::spawn(reader.run(sender, streams.end.subscribe(), place));
    Ok(Sse::new(ReceiverStream::new(messages)).into_response())
}

/// One stream's way through the events.
struct Reader {
    app: App,
    proof: Proof,
    bell: Listener,
    upto: i64,
}

impl Reader {
    /// Sends what happens until the reader is gone, its log-in or token is over, or the server stops.
    async fn run(mut self, sender: mpsc::Sender<Result<Message, Infallible>>, mut end: watch::Receiver<bool>, _place: Place) {
        let serve = async {
            let hello = Message::default().retry(RETRY).comment("");
            if sender.send(Ok(hello)).await.is_ok() {
                // A reader that cannot be served further comes back and is told why then.
                let _ = self.serve(&sender).await;
            }
        };
        tokio::select! {
            () = serve => {}
            () = sender.closed() => {}
            // An error means that the server is gone.
            _ = end.wait_for(|end| *end) => {}
        }
    }

    async fn serve(&mut self, sender: &mpsc::Sender<Result<Message, Infallible>>) -> Result<()> {
        loop {
            let Stretch { events, upto, more } = self.read().await?;
            self.upto = upto;
            for event in events {
                let seq = event.seq;
                let message = Message::default().id(seq.to_string()).json_data(EventView::from(event));
                let message = message.map_err(|error| Error::internal("an event could not be written as JSON", error))?;
                if sender.send(Ok(message)).await.is_err() {
                    return Ok(());
                }
            }
            if more {
                continue;
            }
            let alive = match tokio::time::timeout(HEARTBEAT, self.bell.heard()).await {
                Ok(heard) => heard,
                Err(_) => sender.send(Ok(Message::default().comment(""))).await.is_ok(),
            };
            if !alive {
                return Ok(());
            }
        }
    }

    /// What happened since, as far as the reader may see it by now.
    async fn read(&self) -> Result<Stretch> {
        self.app
            .store
            .read(self.app.now(), |tx| {
                let actor = self.proof.recall(tx)?;
                let actor = actor.ok_or_else(|| Error::new(Kind::Unauthenticated, t!("The log-in or token of this stream is over.")))?;
                audit::after(tx, &actor, self.upto)
            })
            .await
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.map(|kind| kind.split(';').next().unwrap_or_default().trim()).any(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
}
