//! What callers send: query and JSON, read strictly, with the field at fault named in the answer.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result};
use crate::http::limits::API_MAX_BYTES;

/// The query of a request. `T` refuses unknown fields (`#[serde(deny_unknown_fields)]`), so that a mistyped filter is an error and
/// not a list of everything.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        query(&parts.uri).map(Self)
    }
}

/// The JSON body of a request, and its digest for [`Once`](super::once::Once).
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        require_json(request.headers())?;
        let bytes = read(request, API_MAX_BYTES).await?;
        json(&bytes).map(Self)
    }
}

/// Reads the query of `uri` strictly.
fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    match axum::extract::Query::try_from_uri(uri) {
        Ok(axum::extract::Query(value)) => Ok(value),
        Err(rejection) => {
            let text = rejection.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Err(named(text))
        }
    }
}

/// Refuses bodies that do not say they are JSON: a form of another site cannot say so.
pub(super) fn require_json(headers: &HeaderMap) -> Result<()> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::bad_input(t!("Send JSON, with the header Content-Type: application/json.")))
}

/// Reads a whole body of up to `limit` bytes.
pub(super) async fn read(request: Request, limit: usize) -> Result<Bytes> {
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::new(Kind::TooLarge, t!("The body is larger than {limit} bytes, more than this address takes.", limit)))
        }
        Err(error) => Err(Error::bad_input(t!("The body did not arrive as a whole; send it again.")).caused_by(error)),
    }
}

/// Reads JSON, and names the field that does not fit.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let message = without_value(&error.into_inner().to_string());
        if path == "." { Error::bad_input(t!("The JSON body does not fit: {message}.", message)) } else { Error::field(path, message) }
    })?;
    json.end().map_err(|error| Error::bad_input(t!("The JSON body goes on after its end: {error}.", error)))?;
    Ok(value)
}

/// What was expected, without the value that came instead: it may be a password in the wrong place, and this goes into the log.
fn without_value(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => t!("expected {expected}", expected),
        _ => message.to_owned(),
    }
}

/// Splits "field: what is wrong" into both.
fn named(text: &str) -> Error {
    match text.split_once(": ") {
        Some((field, message)) if !field.contains(' ') => Error::field(field, message),
        _ => Error::bad_input(t!("The query cannot be read: {text}.", text)),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what matters is whether it can be read")]
    struct Filter {
        limit: Option<u32>,
        kind: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what matters is whether it can be read")]
    struct Item {
        name: String,
        parts: Vec<Filter>,
    }

    fn fault(error: &Error) -> &str {
        error.fields.first().map_or("", |fault| fault.field.as_str())
    }

    #[test]
    fn a_query_is_read_strictly() {
        let read = |text: &str| query::<Filter>(&text.parse().unwrap());
        assert!(read("/x").is_ok());
        assert!(read("/x?limit=3&kind=a%20b").is_ok());
        assert_eq!(fault(&read("/x?limit=three").unwrap_err()), "limit");
        let unknown = read("/x?limit=3&kinds=a").unwrap_err();
        assert_eq!(fault(&unknown), "kinds");
        assert!(unknown.message.contains("expected `limit` or `kind`"), "{unknown}");
    }

    #[test]
    fn json_that_does_not_fit_is_named_by_its_path() {
        let read = |text: &str| json::<Item>(text.as_bytes()).unwrap_err();
        assert_eq!(fault(&read(r#"{"name": 3, "parts": []}"#)), "name");
        assert_eq!(fault(&read(r#"{"name": "x", "parts": [{}, {"limit": -1}]}"#)), "parts[1].limit");
        assert_eq!(fault(&read(r#"{"name": "x", "parts": [], "nmae": 1}"#)), "nmae");
        for broken in ["", "{", "[]", r#"{"name": "x"}"#, r#"{"name": "x", "parts": []} x"#, &"[".repeat(100_000)] {
            assert_eq!(read(broken).kind, Kind::BadInput);
        }
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated() {
        for text in [r#"{"name": 31415926, "parts": []}"#, r#"{"name": ["31415926"], "parts": []}"#, r#""31415926""#] {
            let refusal = json::<Item>(text.as_bytes()).unwrap_err();
            assert!(refusal.message.contains("expected ") && !refusal.message.contains("31415926"), "{refusal}");
        }
        let refusal = json::<Item>(br#"{"name": "x", "parts": "31415926"}"#).unwrap_err();
        assert!(refusal.message.contains("parts: expected a sequence") && !refusal.message.contains("31415926"), "{refusal}");
    }

    #[tokio::test]
    async fn a_body_has_a_type_and_a_limit() {
        let ask = |kind: Option<&str>, body: Vec<u8>| {
            let mut request = Request::new(Body::from(body));
            if let Some(kind) = kind {
                request.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
            }
            Json::<serde_json::Value>::from_request(request, &())
        };
        assert!(ask(Some("Application/JSON; charset=utf-8"), b"{}".to_vec()).await.is_ok());
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx")] {
            assert_eq!(ask(kind, b"{}".to_vec()).await.unwrap_err().kind, Kind::BadInput);
        }
        let mut most = vec![b' '; API_MAX_BYTES];
        most[..2].copy_from_slice(b"{}");
        assert!(ask(Some("application/json"), most.clone()).await.is_ok());
        most.push(b' ');
        assert_eq!(ask(Some("application/json"), most).await.unwrap_err().kind, Kind::TooLarge);
    }
}
