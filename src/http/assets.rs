//! The page's own files (style, script, icons), held in the binary, compressed once, cached for ever under an address that names their content.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, include_dir};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/static");

/// Bytes of SHA-256 that go into a tag and into the address: 80 bits, far beyond accident.
const TAG_BYTES: usize = 10;

/// Cached for a year: the address changes with the content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Asked again every time: the address may outlive the content.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

struct Asset {
    name: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    /// Absent where compression gains nothing.
    gzip: Option<Bytes>,
    etag: HeaderValue,
}

struct Assets {
    /// Names the content of all files together; part of every address.
    version: String,
    files: Vec<Asset>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut all = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut files: Vec<Asset> = FILES.files().filter_map(asset).collect();
    files.sort_by_key(|file| file.name);
    for file in &files {
        all.update(file.name.as_bytes());
        all.update(file.plain);
    }
    Assets { version: tag(all.finish().as_ref()), files }
});

/// The address of a file of `static/`, for example `/static/3f2a…/app.css`.
pub fn url(name: &str) -> String {
    debug_assert!(ASSETS.find(name).is_some(), "static/{name} does not exist");
    format!("/static/{}/{name}", ASSETS.version)
}

/// Answers `GET /static/{version}/{name}`.
///
/// A version of the past (a page that was open while the appliance was updated) gets today's file, not to be cached.
pub async fn get(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response<Body> {
    let Some(asset) = ASSETS.find(&name) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let cache = if version == ASSETS.version { FOR_EVER } else { ASK_AGAIN };
    answer(asset, cache, &headers)
}

/// Answers `GET /favicon.ico`, which browsers ask for by themselves, with the drawing.
pub async fn favicon(headers: HeaderMap) -> Response<Body> {
    match ASSETS.find("favicon.svg") {
        Some(asset) => answer(asset, ASK_AGAIN, &headers),
        None => empty(StatusCode::NOT_FOUND),
    }
}

impl Assets {
    fn find(&self, name: &str) -> Option<&Asset> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn asset(file: &'static include_dir::File<'static>) -> Option<Asset> {
    let name = file.path().to_str()?;
    let plain = file.contents();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, plain);
    let etag = HeaderValue::from_str(&format!("\"{}\"", tag(digest.as_ref()))).ok()?;
    Some(Asset { name, content_type: content_type(name), plain, gzip: compressed(plain), etag })
}

fn answer(asset: &Asset, cache: HeaderValue, request: &HeaderMap) -> Response<Body> {
    let mut response = if has_it(request, &asset.etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else if let Some(gzip) = asset.gzip.as_ref().filter(|_| reads_gzip(request)) {
        let mut response = Response::new(Body::from(gzip.clone()));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        Response::new(Body::from(asset.plain))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, asset.etag.clone());
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Whether the browser holds this very content (`If-None-Match`, RFC 9110 section 13.1.2; tags compare weakly).
fn has_it(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let held = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    held.map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == etag.as_bytes())
}

/// Whether `Accept-Encoding` names gzip without refusing it by `q=0`.
fn reads_gzip(request: &HeaderMap) -> bool {
    let offers = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offers.map(str::trim).any(|offer| {
        let (coding, weight) = offer.split_once(';').unwrap_or((offer, "q=1"));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()) == Some(0.0);
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn compressed(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    let gzip = encoder.finish().ok()?;
    (gzip.len() < plain.len()).then(|| Bytes::from(gzip))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

fn tag(digest: &[u8]) -> String {
    digest.iter().take(TAG_BYTES).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn asking(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    async fn fetch(version: &str, name: &str, headers: HeaderMap) -> (StatusCode, HeaderMap, Bytes) {
        let (parts, body) = get(Path((version.into(), name.into())), headers).await.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn a_file_under_its_own_version_is_cached_for_ever_and_typed() {
        for (name, kind) in
            [("app.css", "text/css; charset=utf-8"), ("app.js", "text/javascript; charset=utf-8"), ("icons.svg", "image/svg+xml")]
        {
            let (status, headers, body) = fetch(&ASSETS.version, name, HeaderMap::new()).await;
            assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &HeaderValue::from_static(kind)));
            assert_eq!(headers[header::CACHE_CONTROL], FOR_EVER);
            assert_eq!(body, FILES.get_file(name).unwrap().contents());
        }
        assert!(url("app.css").ends_with("/app.css") && url("app.css").contains(&ASSETS.version));
    }

    #[tokio::test]
    async fn an_old_version_gets_the_present_file_uncached_and_an_unknown_name_nothing() {
        let (status, headers, _) = fetch("0000", "app.css", HeaderMap::new()).await;
        assert_eq!((status, headers[header::CACHE_CONTROL].clone()), (StatusCode::OK, ASK_AGAIN));
        for name in ["none.css", "../Cargo.toml", ""] {
            assert_eq!(fetch(&ASSETS.version, name, HeaderMap::new()).await.0, StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[tokio::test]
    async fn what_the_browser_holds_is_not_sent_again() {
        let (_, headers, _) = fetch(&ASSETS.version, "app.js", HeaderMap::new()).await;
        let etag = headers[header::ETAG].to_str().unwrap().to_owned();
        for held in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".into()] {
            let (status, headers, body) = fetch(&ASSETS.version, "app.js", asking(&[(header::IF_NONE_MATCH, &held)])).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{held}");
            assert_eq!(headers[header::ETAG], etag);
        }
        let (status, ..) = fetch(&ASSETS.version, "app.js", asking(&[(header::IF_NONE_MATCH, "\"other\"")])).await;
        assert_eq!(status, StatusCode::OK);
    }

    #[tokio::test]
    async fn gzip_goes_to_who_reads_it_and_unpacks_to_the_same() {
        for (accepts, packed) in [("gzip, br", true), ("br;q=1.0, GZIP;q=0.8", true), ("gzip;q=0", false), ("br", false)] {
            let (_, headers, body) = fetch(&ASSETS.version, "app.css", asking(&[(header::ACCEPT_ENCODING, accepts)])).await;
            assert_eq!(headers.contains_key(header::CONTENT_ENCODING), packed, "{accepts}");
            if packed {
                let mut plain = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain).unwrap();
                assert_eq!(plain, FILES.get_file("app.css").unwrap().contents());
            }
        }
    }
}
