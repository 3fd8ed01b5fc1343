//! `/api/v1/push-certificates`: Apple's permission to wake devices.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::push_requests;
use crate::mdm::Right;
use crate::mdm::push_certificates::{self, Standing};

/// Files in one upload: a certificate and its key.
const FILES_MAX: usize = 4;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, put))
}

/// A push certificate.
#[derive(Debug, Serialize, ToSchema)]
struct PushCertificateView {
    /// Its topic.
    topic: String,
    /// New enrollments get this one.
    current: bool,
    /// Its start.
    not_before_at: Timestamp,
    /// Its end.
    not_after_at: Timestamp,
    /// Devices that are enrolled on its topic.
    devices: i64,
    /// Which Apple Account made it.
    account: String,
    /// When it was uploaded.
    uploaded_at: Timestamp,
    /// When Apple last accepted a push made with it.
    last_push_at: Option<Timestamp>,
}

impl From<Standing> for PushCertificateView {
    fn from(standing: Standing) -> Self {
        let row = standing.certificate;
        Self {
            topic: row.topic,
            current: row.current,
            not_before_at: standing.not_before_at,
            not_after_at: row.not_after_at,
            devices: standing.devices,
            account: row.account_note,
            uploaded_at: row.uploaded_at,
            last_push_at: standing.last_push_at,
        }
    }
}

/// Push certificates, the current one first.
#[utoipa::path(get, path = "/api/v1/push-certificates", tag = "push certificates",
    responses((status = 200, description = "The current one first", body = Vec<PushCertificateView>)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Vec<PushCertificateView>>> {
    let standings = app.store.read_slow(app.now(), move |tx| push_certificates::list(tx, &actor)).await?;
    Ok(JsonBody(standings.into_iter().map(PushCertificateView::from).collect()))
}

/// A push certificate that is brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PushCertificateInput {
    /// One file or two, in base64: PEM in any order, DER, PKCS#12. Without a key, the key of a request that was made here is looked for.
    #[schema(min_items = 1, max_items = 4)]
    files: Vec<String>,
    /// Opens what is encrypted.
    #[schema(format = Password)]
    passphrase: Option<String>,
    /// Which Apple Account made it.
    #[serde(default)]
    account: String,
    /// Whether it may replace the topic that devices know; they are lost then.
    #[serde(default)]
    replace_topic: bool,
}

/// What became of an upload.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// Its topic.
    topic: String,
    /// Its end.
    not_after_at: Timestamp,
    /// What is odd about it, or that it is kept beside the one in use, and which devices use which.
    warning: Option<String>,
}

/// Bring a push certificate: it serves new enrollments, and pushes from the next one on.
#[utoipa::path(post, path = "/api/v1/push-certificates", tag = "push certificates", request_body = PushCertificateInput,
    responses((status = 201, description = "Taken", body = Taken), (status = 400, description = "What was sent is named for what it is"),
        (status = 409, description = "It has another topic than devices know")))]
async fn put(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<PushCertificateInput>) -> Result<Answer> {
    let Post { body, once } = post;
    actor.require(Right::Configure)?;
    if body.files.is_empty() || body.files.len() > FILES_MAX {
        return Err(Error::field("files", t!("from 1 to {FILES_MAX} files", FILES_MAX)));
    }
    let read = |(index, text): (usize, &String)| {
        STANDARD.decode(text.trim()).map_err(|_| Error::field(format!("files[{index}]"), t!("is not base64; send the file in base64")))
    };
    let files = body.files.iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
    let pair = push_requests::pair(&app, &actor, files.into_iter().map(Bytes::from).collect(), body.passphrase).await??;
    let (account, replace_topic) = (body.account, body.replace_topic);
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let put = push_certificates::put(tx, &actor, &pair, account.trim(), replace_topic)?;
                let warning = [put.beside, put.warning].into_iter().flatten().collect::<Vec<_>>().join(" ");
                let warning = Some(warning).filter(|words| !words.is_empty());
                let taken = Taken { topic: put.certificate.topic, not_after_at: put.certificate.not_after_at, warning };
                Answer::new(StatusCode::CREATED, &taken)
            })
        })
        .await
}
