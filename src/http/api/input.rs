//! What callers send: query and JSON, read strictly, with the field at fault named in the answer.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserializer;
use serde::de::{DeserializeOwned, Visitor};

use crate::error::{Error, Kind, Result};
use crate::http::limits::API_MAX_BYTES;

/// Letters of what is said about a wrong name, which may be as long as a body.
const MESSAGE_MAX_CHARS: usize = 1000;

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
    if bytes.trim_ascii().is_empty() {
        return Err(Error::bad_input(t!("The body is empty; send JSON.")));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Whole(&mut json)).map_err(|error| {
        let path = error.path().to_string();
        // Of a value that was not looked for the path has no name.
        let path = if matches!(path.as_str(), "." | "?") { "" } else { &path };
        unfit(path, &error.into_inner())
    })?;
    json.end().map_err(|error| unreadable(&error))?;
    Ok(value)
}

/// What is wrong with JSON at a path; the path of the whole is empty.
fn unfit(path: &str, error: &serde_json::Error) -> Error {
    if !error.is_data() {
        return unreadable(error);
    }
    let words = error.to_string();
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(name) = quoted_after(&words, "missing field ") {
        return Error::field(inner(name), t!("is missing"));
    }
    if let Some(name) = quoted_after(&words, "duplicate field ") {
        return Error::field(inner(name), t!("comes twice; keep one of the two"));
    }
    let message = in_plain_words(&words);
    if path.is_empty() {
        Error::bad_input(t!("The JSON body does not fit: {message}.", message))
    } else {
        Error::field(shortened(path), message)
    }
}

/// The name in backquotes that follows these words at the beginning.
fn quoted_after<'a>(words: &'a str, begin: &str) -> Option<&'a str> {
    words.strip_prefix(begin)?.strip_prefix('`')?.split('`').next()
}

/// That a body is not JSON, or not as deep as it may be, and where that is seen.
fn unreadable(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        return Error::bad_input(t!("The JSON body ends in the middle."));
    }
    if error.to_string().starts_with("recursion limit") {
        return Error::bad_input(t!("The JSON body nests too deep, near line {line}, column {column}.", line, column));
    }
    Error::bad_input(t!("The body is not JSON, or goes on after its end, near line {line}, column {column}.", line, column))
}

/// A whole JSON body. What has named fields is an object and not, as serde would take it, an array of their values in the order of our code.
struct Whole<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Whole<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
        ignored_any
    }
}

/// What was expected, in JSON's words and not in those of our code, and without the value that came instead: it may be a password in the wrong
/// place, and this goes into the log.
fn in_plain_words(message: &str) -> String {
    let Some((_, expected)) = message.split_once(", expected ").filter(|(found, _)| found.starts_with("invalid ")) else {
        return shortened(message);
    };
    let place = expected.find(" at line ").map_or("", |at| &expected[at..]);
    let expected = match expected.split(' ').next().unwrap_or_default() {
        "u8" | "u16" | "u32" | "u64" | "usize" => t!("a whole number, 0 or more, of a size that fits"),
        "i8" | "i16" | "i32" | "i64" | "isize" => t!("a whole number of a size that fits"),
        "f32" | "f64" => t!("a number"),
        "struct" | "internally" | "adjacently" => t!("an object"),
        "a" if expected.starts_with("a map") => t!("an object"),
        "a" if expected.starts_with("a sequence") => t!("an array"),
        _ => return t!("expected {expected}", expected),
    };
    t!("expected {expected}", expected = format!("{expected}{place}"))
}

/// Words in which somebody's own stand, as far as they help.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// Splits "field: what is wrong" into both.
fn named(text: &str) -> Error {
    match text.split_once(": ") {
        Some((field, message)) if !field.contains(' ') => {
            let is_number = ["invalid digit found in string", "cannot parse integer from empty string"].contains(&message);
            let is_number = is_number || message.starts_with("number too ");
            Error::field(field, if is_number { t!("this is not a whole number, or not one of a size that fits") } else { message })
        }
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

    #[derive(Debug, Deserialize)]
    enum Role {
        Owner,
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
        for number in ["-1", "", "4294967296", "1e3"] {
            let refusal = read(&format!("/x?limit={number}")).unwrap_err();
            assert!(fault(&refusal) == "limit" && refusal.message.contains("whole number"), "{number}: {refusal}");
        }
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
        let array = read(r#"["x", []]"#);
        assert!(array.fields.is_empty() && array.message.contains("expected an object"), "{array}");
        assert!(json::<Vec<String>>(br#"["x"]"#).is_ok() && json::<serde_json::Value>(b"[1]").is_ok());
        let null = read("null");
        assert!(null.fields.is_empty() && null.message.contains("expected an object"), "{null}");
        let number = read(r#"{"name": "x", "parts": [{"limit": -1}]}"#);
        assert!(number.message.contains("expected a whole number, 0 or more") && !number.message.contains("u32"), "{number}");
        assert_eq!(fault(&read(r#"{"parts": []}"#)), "name");
        assert_eq!(fault(&read(r#"{"name": "x", "parts": [{"limit": 1, "limit": 2}]}"#)), "parts[0].limit");
        let long = json::<Role>(format!(r#""{}""#, "y".repeat(100_000)).as_bytes()).unwrap_err();
        assert!(long.message.chars().count() < MESSAGE_MAX_CHARS + 100, "{}", long.message.len());
        for (text, words) in [
            (" ", "The body is empty"),
            ("{", "ends in the middle"),
            ("{'a': 1}", "not JSON, or goes on after its end, near line 1, column 2"),
            (r#"{"name": "x", "parts": []} x"#, "not JSON, or goes on after its end, near line 1, column 28"),
        ] {
            let refusal = read(text);
            assert!(refusal.fields.is_empty() && refusal.message.contains(words), "{text}: {refusal}");
        }
        let deep = json::<serde_json::Value>("[".repeat(1000).as_bytes()).unwrap_err();
        assert!(deep.fields.is_empty() && deep.message.contains("nests too deep"), "{deep}");
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
        assert!(refusal.message.contains("parts: expected an array") && !refusal.message.contains("31415926"), "{refusal}");
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
