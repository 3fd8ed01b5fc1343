//! `/api/v1/push-certificates/request`: the way to a push certificate, from our request to the signed one that Apple takes.

use axum::Json as JsonBody;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::push_requests::{self, Checked};
use crate::mdm::push_requests::Asking;
use crate::pki::pem;
use crate::secret::Secret;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(request)).routes(routes!(sign)).routes(routes!(mail)).routes(routes!(check))
}

/// The request that waits for its certificate.
#[derive(Debug, Serialize, ToSchema)]
struct RequestView {
    /// PKCS#10, PEM.
    request: String,
    /// When it was made.
    created_at: Timestamp,
}

/// Give the request for a push certificate that waits, or make one. Its key never leaves the appliance.
#[utoipa::path(post, path = "/api/v1/push-certificates/request", tag = "push certificates",
    responses((status = 200, description = "To be signed by an MDM vendor", body = RequestView)))]
async fn request(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<RequestView>> {
    let waiting = push_requests::request(&app, &actor).await?;
    Ok(JsonBody(RequestView { request: pem::write("CERTIFICATE REQUEST", &waiting.request), created_at: waiting.created_at }))
}

/// A request that a vendor has signed.
#[derive(Debug, Serialize, ToSchema)]
struct SignedView {
    /// The file for <https://identity.apple.com/pushcert>.
    request: String,
    /// What Apple would refuse, in sentences; empty when it can be taken there.
    problems: Vec<String>,
}

impl From<Checked> for SignedView {
    fn from(checked: Checked) -> Self {
        Self { request: checked.file, problems: checked.problems }
    }
}

/// An MDM vendor's certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VendorInput {
    /// Certificate, key and the certificates above it, each file in base64: PEM, DER, PKCS#12. They are used once and not kept.
    files: Vec<String>,
    /// Opens what is encrypted.
    #[schema(format = Password)]
    passphrase: Option<String>,
}

/// Sign the request with a vendor certificate of one's own.
#[utoipa::path(post, path = "/api/v1/push-certificates/request/sign", tag = "push certificates", request_body = VendorInput,
    responses((status = 200, description = "Signed and checked", body = SignedView), (status = 400, description = "The files make no vendor")))]
async fn sign(State(app): State<App>, Authenticated(actor): Authenticated, Json(input): Json<VendorInput>) -> Result<JsonBody<SignedView>> {
    let files = input.files.iter().enumerate().map(|(index, text)| decode(text, &format!("files[{index}]"))).collect::<Result<_>>()?;
    Ok(JsonBody(push_requests::sign(&app, &actor, files, input.passphrase).await?.into()))
}

/// Who asks mdmcert.download.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MailInput {
    /// The address that is registered there; the signed request comes to it.
    email: String,
    /// The key that mdmcert.download gave; the one of the last time when it is left out.
    #[schema(format = Password)]
    key: Option<String>,
}

/// What happens next.
#[derive(Debug, Serialize, ToSchema)]
struct Mailed {
    /// Where the mail goes.
    email: String,
}

/// Ask mdmcert.download to sign the request; the answer comes by mail and is brought to `/request/check`.
#[utoipa::path(post, path = "/api/v1/push-certificates/request/mail", tag = "push certificates", request_body = MailInput,
    responses((status = 200, description = "A mail is on its way", body = Mailed), (status = 400, description = "It refused"),
        (status = 502, description = "It did not answer")))]
async fn mail(State(app): State<App>, Authenticated(actor): Authenticated, Json(input): Json<MailInput>) -> Result<JsonBody<Mailed>> {
    let email = input.email.trim().to_owned();
    push_requests::mail(&app, &actor, Asking { email: email.clone(), key: input.key.map(Secret::new) }).await?;
    Ok(JsonBody(Mailed { email }))
}

/// A signed request that is brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignedInput {
    /// The file in base64, as the vendor gave it or as mdmcert.download mailed it.
    file: String,
}

/// Check a signed request before anyone visits Apple; a mailed one is opened.
#[utoipa::path(post, path = "/api/v1/push-certificates/request/check", tag = "push certificates", request_body = SignedInput,
    responses((status = 200, description = "Read and checked", body = SignedView), (status = 400, description = "It is no signed request")))]
async fn check(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<SignedInput>,
) -> Result<JsonBody<SignedView>> {
    let file = decode(&input.file, "file")?;
    Ok(JsonBody(push_requests::bring(&app, &actor, file).await?.into()))
}

fn decode(text: &str, field: &str) -> Result<Bytes> {
    STANDARD.decode(text.trim()).map(Bytes::from).map_err(|_| Error::field(field, t!("is not base64; send the file in base64")))
}
