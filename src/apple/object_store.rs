//! Stores that speak S3: files go there in parts of bounded size, and come back piece by piece.
//!
//! Only signatures are made by a library (addresses that are good for an hour); the way out is the same as for everything else: proxy, trust anchors,
//! bounded time.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::apple::connect::{Connector, Dialer, Endpoint, Failure, Trust};
use crate::error::{Error, Kind, Result};
use crate::protocol::s3::S3Place;
use crate::secret::Secret;

/// Bytes of a part, of which one is in memory at a time; ten thousand of them, the most there may be, make 160 GiB.
pub const PART_BYTES: usize = 16 << 20;

/// The most parts of a file.
const PARTS_MAX: u64 = 10_000;

/// How often a part is sent before the store counts as failing.
const TRIES: usize = 3;

/// How long a part may take: 16 MiB at 1 Mbit/s take two minutes and a quarter.
const PART_TIMEOUT: Duration = Duration::from_secs(300);

/// How long any other answer may take, and the next piece of a file that comes back.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long an address is good for.
const SIGNED_FOR: Duration = Duration::from_secs(3600);

/// Bytes of an answer that says how something went.
const ANSWER_LIMIT: usize = 64 << 10;

const AGENT: &str = concat!("Rollcall/", env!("CARGO_PKG_VERSION"));

/// The way to stores. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ObjectStores(Connector);

impl ObjectStores {
    /// Stores are reached by `connector`, whoever it trusts.
    pub fn new(connector: &Connector) -> Self {
        Self(connector.clone().guarded())
    }

    /// A bucket; nothing is asked yet.
    ///
    /// Fails with bad input when the address or the trust anchors cannot be used.
    pub fn bucket(&self, place: &S3Place, secret: &Secret<String>) -> Result<ObjectStore> {
        let wrong = || Error::field("s3.endpoint", t!("write the address of the store, like https://s3.eu-central-1.amazonaws.com"));
        let url: url::Url = place.endpoint.parse().map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let endpoint = Endpoint::new(host, url.port_or_known_default().unwrap_or(443));
        let style = if place.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(url, style, place.bucket.clone(), place.region.clone()).map_err(|error| {
            Error::field("s3.bucket", t!("this bucket cannot stand in the host's name: choose addresses with the bucket in the path"))
                .caused_by(error.to_string())
        })?;
        let mut trust = Trust::public();
        if !place.trust_anchors.is_empty() {
            trust = trust.and(&place.trust_anchors).map_err(|error| Error::field("s3.trust_anchors", error.message.into_owned()))?;
        }
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(self.0.clone().trusting(trust).http()?);
        let credentials = Credentials::new(place.key_id.clone(), secret.expose().clone());
        Ok(ObjectStore { bucket, credentials, client, endpoint })
    }
}

/// A bucket of a store.
pub struct ObjectStore {
    bucket: Bucket,
    credentials: Credentials,
    client: Client<HttpsConnector<Dialer>, Full<Bytes>>,
    endpoint: Endpoint,
}

/// What came back.
struct Came {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Came {
    /// How long what was asked for is, as the head says.
    fn length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

impl ObjectStore {
    /// Puts `size` bytes of a file under a name. When it returns, the store has said that it has all of it.
    pub async fn put(&self, object: &str, file: &mut tokio::fs::File, size: u64) -> Result<()> {
        if size <= PART_BYTES as u64 {
            let url = self.bucket.put_object(Some(&self.credentials), object).sign(SIGNED_FOR);
            let part = read(file, size as usize).await?;
            self.send_part(&url, part).await?;
        } else {
            self.put_in_parts(object, file, size).await?;
        }
        let url = self.bucket.head_object(Some(&self.credentials), object).sign(SIGNED_FOR);
        let came = self.must(Method::HEAD, &url, Bytes::new(), TIMEOUT).await?;
        if came.length() == Some(size) {
            return Ok(());
        }
        Err(Error::new(Kind::Upstream, t!("The store at {endpoint} has another size of the file than was sent.", endpoint = self.endpoint)))
    }

    async fn put_in_parts(&self, object: &str, file: &mut tokio::fs::File, size: u64) -> Result<()> {
        if size.div_ceil(PART_BYTES as u64) > PARTS_MAX {
            return Err(Error::new(Kind::TooLarge, t!("The file is larger than a store takes in parts of 16 MiB (160 GiB).")));
        }
        let url = self.bucket.create_multipart_upload(Some(&self.credentials), object).sign(SIGNED_FOR);
        let begun = self.must(Method::POST, &url, Bytes::new(), TIMEOUT).await?;
        let begun = CreateMultipartUpload::parse_response(&String::from_utf8_lossy(&begun.body)).map_err(|_| self.odd())?;
        let outcome = self.send_parts(object, begun.upload_id(), file, size).await;
        if outcome.is_err() {
            // Parts of a file that is never whole would be paid for without end. What the store says to this changes nothing.
            let url = self.bucket.abort_multipart_upload(Some(&self.credentials), object, begun.upload_id()).sign(SIGNED_FOR);
            let _ = self.ask(Method::DELETE, &url, Bytes::new(), TIMEOUT).await;
        }
        outcome
    }

    async fn send_parts(&self, object: &str, upload: &str, file: &mut tokio::fs::File, size: u64) -> Result<()> {
        let (mut left, mut tags) = (size, Vec::new());
        while left > 0 {
            let length = left.min(PART_BYTES as u64) as usize;
            let number = tags.len() as u16 + 1;
            let part = read(file, length).await?;
            let url = self.bucket.upload_part(Some(&self.credentials), object, number, upload).sign(SIGNED_FOR);
            let came = self.send_part(&url, part).await?;
            let tag = came.headers.get(http::header::ETAG).and_then(|tag| tag.to_str().ok()).ok_or_else(|| self.odd())?;
            tags.push(tag.to_owned());
            left -= length as u64;
        }
        let whole = self.bucket.complete_multipart_upload(Some(&self.credentials), object, upload, tags.iter().map(String::as_str));
        let url = whole.sign(SIGNED_FOR);
        let came = self.must(Method::POST, &url, whole.body().into(), PART_TIMEOUT).await?;
        // It may say 200 and fail all the same.
        CompleteMultipartUploadResponse::parse(&String::from_utf8_lossy(&came.body)).map_err(|_| self.refused(&came))?;
        Ok(())
    }

    /// Sends a part, and again where the store or the way to it failed.
    async fn send_part(&self, url: &url::Url, part: Bytes) -> Result<Came> {
        let mut tried = 1;
        loop {
            let outcome = self.ask(Method::PUT, url, part.clone(), PART_TIMEOUT).await;
            let is_passing = outcome.as_ref().map_or(true, |came| came.status >= 500);
            if tried == TRIES || !is_passing {
                return outcome.and_then(|came| self.judged(came));
            }
            tried += 1;
        }
    }

    /// Writes what is under a name into a file; gives how many bytes came.
    pub async fn get(&self, object: &str, into: &mut tokio::fs::File) -> Result<u64> {
        let url = self.bucket.get_object(Some(&self.credentials), object).sign(SIGNED_FOR);
        let (head, mut body) = self.begin(Method::GET, &url, Bytes::new(), TIMEOUT).await?.into_parts();
        if !head.status.is_success() {
            let body = Limited::new(body, ANSWER_LIMIT).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            return Err(self.refused(&Came { status: head.status.as_u16(), headers: head.headers, body }));
        }
        let broken = |detail: String| Failure::Broken { endpoint: self.endpoint.to_string(), detail };
        let mut came = 0;
        loop {
            let frame = tokio::time::timeout(TIMEOUT, body.frame()).await.map_err(|_| Failure::timed_out(&self.endpoint, TIMEOUT))?;
            let Some(frame) = frame else { break };
            if let Ok(bytes) = frame.map_err(|error| broken(error.to_string()))?.into_data() {
                came += bytes.len() as u64;
                into.write_all(&bytes)
                    .await
                    .map_err(|error| Error::conflict(t!("What came from the store cannot be written: {error}.", error)))?;
            }
        }
        into.flush().await.map_err(|error| Error::conflict(t!("What came from the store cannot be written: {error}.", error)))?;
        Ok(came)
    }

    /// Whether a file of this size is under a name; none where the key may not know.
    pub async fn is_there(&self, object: &str, size: u64) -> Result<Option<bool>> {
        let url = self.bucket.head_object(Some(&self.credentials), object).sign(SIGNED_FOR);
        let came = self.ask(Method::HEAD, &url, Bytes::new(), TIMEOUT).await?;
        match came.status {
            // To a key that may not list the bucket, stores say this of what is not there as well.
            401 | 403 => Ok(None),
            404 => Ok(Some(false)),
            _ => Ok(Some(self.judged(came)?.length() == Some(size))),
        }
    }

    /// Removes what is under a name; that there is nothing is fine.
    pub async fn delete(&self, object: &str) -> Result<()> {
        let url = self.bucket.delete_object(Some(&self.credentials), object).sign(SIGNED_FOR);
        let came = self.ask(Method::DELETE, &url, Bytes::new(), TIMEOUT).await?;
        if came.status == 404 && !String::from_utf8_lossy(&came.body).contains("NoSuchBucket") {
            return Ok(());
        }
        self.judged(came).map(drop)
    }

    /// Looks whether files can be put here, fetched and removed again.
    pub async fn try_out(&self, object: &str) -> Result<()> {
        const TRIAL: &[u8] = b"a trial of rollcall";
        let url = self.bucket.put_object(Some(&self.credentials), object).sign(SIGNED_FOR);
        self.must(Method::PUT, &url, Bytes::from_static(TRIAL), TIMEOUT).await?;
        let url = self.bucket.get_object(Some(&self.credentials), object).sign(SIGNED_FOR);
        let came = self.must(Method::GET, &url, Bytes::new(), TIMEOUT).await?;
        self.delete(object).await?;
        if came.body == TRIAL { Ok(()) } else { Err(self.odd()) }
    }

    async fn must(&self, method: Method, url: &url::Url, body: Bytes, timeout: Duration) -> Result<Came> {
        let came = self.ask(method, url, body, timeout).await?;
        self.judged(came)
    }

    async fn ask(&self, method: Method, url: &url::Url, body: Bytes, timeout: Duration) -> Result<Came> {
        let (head, body) = self.begin(method, url, body, timeout).await?.into_parts();
        let body = tokio::time::timeout(TIMEOUT, Limited::new(body, ANSWER_LIMIT).collect()).await;
        let body = body.map_err(|_| Failure::timed_out(&self.endpoint, TIMEOUT))?;
        let body = body.map_err(|error| Failure::Broken { endpoint: self.endpoint.to_string(), detail: error.to_string() })?.to_bytes();
        Ok(Came { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn begin(&self, method: Method, url: &url::Url, body: Bytes, timeout: Duration) -> Result<http::Response<Incoming>> {
        let address: Uri = url.as_str().parse().map_err(|_| self.odd())?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = address;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let answer = tokio::time::timeout(timeout, self.client.request(request)).await;
        let answer = answer.map_err(|_| Failure::timed_out(&self.endpoint, timeout))?;
        Ok(answer.map_err(|error| Failure::of_client(&self.endpoint, &error))?)
    }

    fn judged(&self, came: Came) -> Result<Came> {
        if (200..300).contains(&came.status) { Ok(came) } else { Err(self.refused(&came)) }
    }

    fn odd(&self) -> Error {
        Error::new(Kind::Upstream, t!("What answers at {endpoint} does not speak S3. Is the address right?", endpoint = self.endpoint))
    }

    /// What a refusal means, and what to do.
    fn refused(&self, came: &Came) -> Error {
        let (text, store) = (String::from_utf8_lossy(&came.body), &self.endpoint);
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
        let words = match (code, came.status) {
            ("NoSuchBucket", _) => t!("There is no bucket “{name}” at {store}: make it there first.", name = self.bucket.name(), store),
            ("InvalidAccessKeyId", _) => t!("{store} does not know this access key.", store),
            ("SignatureDoesNotMatch", _) => {
                t!("The secret key does not belong to the access key, says {store}. Is the region right?", store)
            }
            ("RequestTimeTooSkewed", _) => t!("The clock of this machine is wrong, says {store}: set it.", store),
            ("NoSuchKey", _) | (_, 404) => t!("{store} does not have this file any more.", store),
            ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 300..=399) => {
                t!("The bucket is in another region than “{region}”, says {store}.", region = self.bucket.region(), store)
            }
            (_, 401 | 403) => t!(
                "{store} does not let this key in ({code}): it must be allowed to put, get and delete objects in the bucket.",
                store,
                code = or(code, "403")
            ),
            (_, status) => t!(
                "{store} answered {status}{detail}.",
                store,
                status,
                detail = if code.is_empty() { String::new() } else { format!(" ({code})") }
            ),
        };
        Error::new(Kind::Upstream, words)
    }
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

async fn read(file: &mut tokio::fs::File, length: usize) -> Result<Bytes> {
    let mut part = vec![0; length];
    file.read_exact(&mut part).await.map_err(|error| Error::conflict(t!("The backup cannot be read: {error}.", error)))?;
    Ok(part.into())
}
