//! The way of the command line to the API: the running appliance's control socket, or else the database itself.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request, StatusCode};
use axum::{Extension, Router};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::{open, serve};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Layer};
use crate::error::{Error, FieldError, Kind, Result};
use crate::http::api::Streams;
use crate::http::server::Peer;
use crate::random::Random;
use crate::store::{DataFolder, OpenOptions, Store, begun};

/// Bytes of an answer that are read; a page of a list has far fewer.
const ANSWER_MAX_BYTES: usize = 16 << 20;

/// How long an appliance that runs may take to say so.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// What every command has that works beside the appliance: where it is, and for whom it prints.
#[derive(Debug, Args)]
pub(super) struct Beside {
    /// The data folder [default: ./rollcall-data; where that is missing, the packages' folder /var/lib/rollcall]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<String>,
    /// Prints JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The API as an Owner at this machine has it.
pub(super) enum Api {
    /// An appliance runs: we ask it.
    Running(SendRequest<Body>),
    /// None runs: we are one for as long as this takes, and hold the data folder.
    Own { router: Box<Router>, app: App, _folder: DataFolder },
}

/// Runs `work` with the API of the data folder that `data` names, and ends in order.
pub(super) fn with<T>(data: Option<String>, work: impl AsyncFnOnce(&mut Api) -> Result<T>) -> Result<T> {
    let config = Config::read_present(Layer::flags().with("data", data), serve::environment())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("The runtime cannot be started.", error))?;
    runtime.block_on(async {
        let mut api = Api::open(config).await?;
        let outcome = work(&mut api).await;
        api.close().await;
        outcome
    })
}

/// Runs `work` with the API of an appliance that runs on the data folder that `data` names; nothing is opened or started where none does.
pub(super) fn with_running<T>(data: Option<String>, work: impl AsyncFnOnce(&mut Api) -> Result<T>) -> Result<T> {
    let config = Config::read_present(Layer::flags().with("data", data), serve::environment())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("The runtime cannot be started.", error))?;
    runtime.block_on(async {
        let socket = config.data.join("control.sock");
        let stream = UnixStream::connect(&socket).await.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => another_user(&socket),
            _ => Error::conflict(format!("Rollcall does not run on {}.", config.data.display())).caused_by(error),
        })?;
        work(&mut Api::running(stream).await?).await
    })
}

impl Api {
    /// Finds the way.
    ///
    /// # Errors
    /// Bad input when there is no appliance in the data folder; forbidden when its socket belongs to another user; [`is_silent`] when one runs and hangs.
    async fn open(config: Config) -> Result<Self> {
        let socket = config.data.join("control.sock");
        match UnixStream::connect(&socket).await {
            // One that hangs takes what is asked all the same, and would be waited for without an end.
            Ok(stream) => timeout(PATIENCE, Self::awake(stream)).await.map_err(silent)?,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(another_user(&socket)),
            // Nobody listens. Should somebody hold the folder all the same, its lock says so.
            Err(_) => Self::own(config).await,
        }
    }

    async fn running(stream: UnixStream) -> Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        tokio::spawn(connection);
        Ok(Self::Running(sender))
    }

    async fn awake(stream: UnixStream) -> Result<Self> {
        let mut api = Self::running(stream).await?;
        api.look("/health/live").await?;
        Ok(api)
    }

    async fn own(config: Config) -> Result<Self> {
        // Where there was one and it is gone, opening it says so.
        if !config.data.join("rollcall.db").exists() && begun::lost(&config.data).is_none() {
            return Err(nobody_there(&config.data));
        }
        let folder = DataFolder::open(&config.data)?;
        let (clock, random) = (Clock::System, Random::System);
        let store = Store::open(OpenOptions::file(folder.database(), folder.sealer()?).random(random.clone()))?;
        let url = serve::public_url(&config, &[]);
        let app = open::app(config, &url, store, clock, random).await?;
        let router = crate::http::doors(&app, &Streams::default()).control.layer(Extension(Peer::control()));
        Ok(Self::Own { router: Box::new(router), app, _folder: folder })
    }

    async fn close(self) {
        if let Self::Own { app, .. } = self {
            app.store.close().await;
        }
    }

    /// Asks `path`, with `body` as JSON; gives the answer's JSON, null where there is none.
    ///
    /// # Errors
    /// The API's own refusal, in its words.
    pub(super) async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        let request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let request = request.map_err(|error| Error::bad_input(format!("“{path}” is no address: {error}.")))?;
        self.send(request).await
    }

    /// Asks `path` with a file's bytes as they are; gives the answer's JSON.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub(super) async fn send_bytes(&mut self, method: Method, path: &str, bytes: Bytes) -> Result<Value> {
        let request =
            Request::builder().method(method).uri(path).header(HOST, "localhost").header(CONTENT_TYPE, "application/octet-stream");
        let request = request.body(Body::from(bytes));
        self.send(request.map_err(|error| Error::bad_input(format!("“{path}” is no address: {error}.")))?).await
    }

    /// Asks `path` with `body` as JSON, and writes what is answered to `out` as it comes.
    ///
    /// # Errors
    /// As [`Api::ask`]; and when the answer breaks off: what was written is then worth nothing.
    pub(super) async fn download(&mut self, path: &str, body: Value, out: &mut impl Write) -> Result<()> {
        let request = Request::builder().method(Method::POST).uri(path).header(HOST, "localhost").header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string()));
        let request = request.map_err(|error| Error::bad_input(format!("“{path}” is no address: {error}.")))?;
        match self {
            Self::Running(sender) => {
                sender.ready().await.map_err(lost)?;
                let (head, body) = sender.send_request(request).await.map_err(lost)?.into_parts();
                write_out(head.status, body, out).await
            }
            Self::Own { router, .. } => {
                let (head, body) = router.as_ref().clone().oneshot(request).await.unwrap_or_else(|never| match never {}).into_parts();
                write_out(head.status, body, out).await
            }
        }
    }

    /// Asks `path`, whose answer is for monitors: only the status counts.
    ///
    /// # Errors
    /// What a refusal says of itself.
    pub(super) async fn look(&mut self, path: &str) -> Result<()> {
        let request = Request::builder().uri(path).header(HOST, "localhost").body(Body::empty());
        let request = request.map_err(|error| Error::bad_input(format!("“{path}” is no address: {error}.")))?;
        let (status, bytes) = self.exchange(request).await?;
        if status.is_success() { Ok(()) } else { read(status, &bytes).map(drop) }
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Value> {
        let (status, bytes) = self.exchange(request).await?;
        read(status, &bytes)
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<(StatusCode, Bytes)> {
        Ok(match self {
            Self::Running(sender) => {
                sender.ready().await.map_err(lost)?;
                let response = sender.send_request(request).await.map_err(lost)?;
                (response.status(), collect(response.into_body()).await?)
            }
            Self::Own { router, .. } => {
                // A router answers everything, failures included.
                let response = router.as_ref().clone().oneshot(request).await.unwrap_or_else(|never| match never {});
                (response.status(), collect(response.into_body()).await?)
            }
        })
    }

    /// All items of a list, page by page; `path` may have a query.
    pub(super) async fn list(&mut self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let first = format!("{path}{}limit=500", if path.contains('?') { '&' } else { '?' });
        let mut address = first.clone();
        loop {
            let mut page = self.ask(Method::GET, &address, None).await?;
            if let Some(more) = page["items"].as_array_mut() {
                items.append(more);
            }
            let Some(next) = page["next"].as_str() else { return Ok(items) };
            address = format!("{first}&after={next}");
        }
    }
}

async fn write_out<B>(status: StatusCode, mut body: B, out: &mut impl Write) -> Result<()>
where
    B: axum::body::HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !status.is_success() {
        return read(status, &collect(body).await?).map(drop);
    }
    let broken = |error: B::Error| {
        let error = error.into();
        Error::new(Kind::Upstream, format!("The answer broke off, and what came is not whole: {error}.")).caused_by(error)
    };
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            out.write_all(&bytes).map_err(|error| Error::conflict(format!("What comes cannot be written: {error}.")))?;
        }
    }
    Ok(())
}

async fn collect<B>(body: B) -> Result<Bytes>
where
    B: axum::body::HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
    Ok(body.map_err(|error| Error::new(Kind::Upstream, "The answer did not arrive as a whole.").caused_by(error))?.to_bytes())
}

/// Reads an answer: what was asked for, or a problem document.
fn read(status: StatusCode, bytes: &[u8]) -> Result<Value> {
    let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(bytes) };
    let body = body
        .map_err(|error| Error::new(Kind::Upstream, "The answer is no JSON; is another program behind control.sock?").caused_by(error))?;
    if status.is_success() {
        return Ok(body);
    }
    let kind = match status {
        StatusCode::BAD_REQUEST => Kind::BadInput,
        StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::CONFLICT => Kind::Conflict,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Kind::Busy,
        _ => Kind::Upstream,
    };
    let detail = body["detail"].as_str().or(body["error"].as_str()).unwrap_or("It was refused without a reason.");
    // Our own faults stand in the log, under this reference.
    let reference = body["request_id"].as_str().filter(|_| status == StatusCode::INTERNAL_SERVER_ERROR);
    let mut error = Error::new(kind, reference.map_or_else(|| detail.to_owned(), |id| format!("{detail} (Request {id} in the log.)")));
    error.fields = body["errors"].as_array().into_iter().flatten().filter_map(field).collect();
    Err(error)
}

fn field(fault: &Value) -> Option<FieldError> {
    Some(FieldError { field: fault["field"].as_str()?.to_owned(), message: fault["message"].as_str()?.to_owned() })
}

fn lost(error: hyper::Error) -> Error {
    Error::new(Kind::Upstream, "Rollcall went away while it was asked. Is it stopping? Try again.").caused_by(error)
}

/// Somebody listens, and says nothing.
pub(super) fn silent(late: Elapsed) -> Error {
    let seconds = PATIENCE.as_secs();
    let words = format!(
        "Rollcall runs, but did not answer within {seconds} seconds. Look at its log and at this machine’s load; if it stays so, restart it \
         (with a package: systemctl restart rollcall)."
    );
    Error::new(Kind::Busy, words).caused_by(late)
}

/// Whether a failure is that of an appliance that runs and says nothing.
pub(super) fn is_silent(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Elapsed>)
}

fn another_user(socket: &Path) -> Error {
    Error::forbidden(format!("{} belongs to another user: run this command as the user that runs Rollcall.", socket.display()))
}

fn nobody_there(data: &Path) -> Error {
    Error::bad_input(format!(
        "There is no appliance in {}. Name its data folder with --data, or start it there once with `rollcall serve`.",
        data.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_words_its_fields_and_its_kind() {
        let body = br#"{"status":400,"detail":"days: take fewer","errors":[{"field":"days","message":"take fewer"}]}"#;
        let refusal = read(StatusCode::BAD_REQUEST, body).unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.message.as_ref(), refusal.fields[0].field.as_str()),
            (Kind::BadInput, "days: take fewer", "days")
        );
        assert_eq!(read(StatusCode::CONFLICT, b"{}").unwrap_err().kind, Kind::Conflict);
        assert_eq!(read(StatusCode::OK, b"<html>").unwrap_err().kind, Kind::Upstream);
        assert_eq!(read(StatusCode::NO_CONTENT, b"").unwrap(), Value::Null);
    }

    #[test]
    fn one_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        // It takes what is asked, and is silent.
        let _silent = std::os::unix::net::UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let silence = with(Some(folder.path().display().to_string()), async |_| Ok(())).unwrap_err();
        assert!(is_silent(&silence) && silence.kind == Kind::Busy && silence.message.contains("did not answer"), "{silence}");
    }

    #[test]
    fn a_folder_without_an_appliance_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("nothing");
        let refusal = with(Some(data.display().to_string()), async |_| Ok(())).unwrap_err();
        assert_eq!(refusal.kind, Kind::BadInput);
        assert!(refusal.message.contains("rollcall serve") && !data.exists(), "{refusal}");
    }
}
