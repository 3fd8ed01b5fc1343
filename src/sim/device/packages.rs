//! In-house apps: the manifest that an order names, and the package it names in turn, downloaded in ranges and checked by its hashes.

use aws_lc_rs::digest::{Context, SHA256};

use super::agenda::Errand;
use super::apps::App;
use super::commands::{After, ManifestOrder, app_of_manifest};
use super::wire::{Purpose, Request, Response};
use super::{Device, DownloadSeen};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, fields, parse_dictionary};

/// Bytes asked for at once where the manifest has no size of its own for chunks.
const RANGE_BYTES: u64 = 10 << 20;

/// The largest chunk that a device takes at once.
const MAX_RANGE_BYTES: u64 = 64 << 20;

/// A package on its way.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) app: App,
    url: String,
    hashes: Hashes,
    /// Bytes asked for at once.
    range: u64,
    /// Bytes that have come.
    offset: u64,
    /// Requests that brought them.
    requests: u64,
    /// How long it is, by what the manifest says.
    announced: Option<u64>,
    whole: Whole,
}

/// The digest over all that has come.
#[derive(Clone)]
struct Whole(Context);

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whole")
    }
}

/// How a manifest proves its package.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hashes {
    /// One SHA-256 of the file, in lower-case hexadecimal.
    File(String),
    /// One SHA-256 of each chunk.
    Chunks(Vec<String>),
    /// By MD5, which is not checked here, or not at all.
    Unchecked,
}

impl Package {
    /// The app of a manifest with its package; none where the manifest lacks either.
    pub(crate) fn read(manifest: &Dictionary) -> Option<Self> {
        Self::of_manifest(manifest, app_of_manifest(manifest)?)
    }

    /// The package of a manifest; none where the manifest names none.
    fn of_manifest(manifest: &Dictionary, app: App) -> Option<Self> {
        let item = fields::dictionaries(manifest, "items").next()?;
        let asset = fields::dictionaries(item, "assets").find(|asset| fields::text(asset, "kind") == Some("software-package"))?;
        let url = fields::filled(asset, "url").filter(|url| url.starts_with("https://"))?;
        let chunk = fields::whole(asset, "sha256-size").and_then(|size| u64::try_from(size).ok());
        let chunks = fields::texts(asset, "sha256s");
        let (hashes, range) = match (chunk, fields::text(asset, "sha256")) {
            (Some(size), _) if (1..=MAX_RANGE_BYTES).contains(&size) && !chunks.is_empty() => (Hashes::Chunks(chunks), size),
            (_, Some(hash)) => (Hashes::File(hash.to_lowercase()), RANGE_BYTES),
            _ => (Hashes::Unchecked, RANGE_BYTES),
        };
        let metadata = fields::dictionary(item, "metadata");
        let announced = metadata.and_then(|metadata| fields::whole(metadata, "sizeInBytes")).and_then(|size| u64::try_from(size).ok());
        Some(Self { app, url, hashes, range, offset: 0, requests: 0, announced, whole: Whole(Context::new(&SHA256)) })
    }

    /// The request of the next range.
    pub(crate) fn request(&self) -> Request {
        let mut request = Device::plain_get(Purpose::Content, self.url.clone());
        let range = format!("bytes={}-{}", self.offset, self.offset + self.range - 1);
        request.headers.push((String::from("range"), range));
        request
    }

    /// Takes what came; says whether that was all, or what is wrong with it.
    fn take(&mut self, response: &Response) -> Result<bool, String> {
        let body = &response.body;
        self.requests += 1;
        if response.status == 206 && body.len() as u64 > self.range {
            return Err(format!("{} bytes came where {} were asked for", body.len(), self.range));
        }
        if let Hashes::Chunks(hashes) = &self.hashes {
            let first = (self.offset / self.range) as usize;
            for (index, chunk) in body.chunks(self.range as usize).enumerate() {
                let wanted = hashes.get(first + index).ok_or("the package has more chunks than its manifest")?;
                if !wanted.eq_ignore_ascii_case(&hex_of(Context::new(&SHA256), chunk)) {
                    return Err(format!("chunk {} of the package does not fit its hash", first + index));
                }
            }
        }
        self.whole.0.update(body);
        self.offset += body.len() as u64;
        let complete = response.status == 200 || (body.len() as u64) < self.range || response.total_bytes == Some(self.offset);
        if !complete {
            return Ok(false);
        }
        if self.announced.is_some_and(|size| size != self.offset) {
            return Err(format!("the package has {} bytes, and another number in its manifest", self.offset));
        }
        match &self.hashes {
            Hashes::File(wanted) if *wanted != hex_of(self.whole.0.clone(), b"") => Err(String::from("the package does not fit its hash")),
            Hashes::Chunks(hashes) if (hashes.len() as u64) != self.offset.div_ceil(self.range) => {
                Err(String::from("the package has fewer chunks than its manifest"))
            }
            _ => Ok(true),
        }
    }
}

fn hex_of(mut context: Context, more: &[u8]) -> String {
    context.update(more);
    context.finish().as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

impl Device {
    /// The manifest is to be downloaded.
    pub(crate) fn fetch_manifest(&mut self, order: ManifestOrder) {
        self.agenda.push_front(Errand::Manifest(Box::new(order)));
    }

    /// The manifest came: the order is judged by it, and its package is downloaded.
    pub(crate) fn manifest_came(&mut self, order: ManifestOrder, response: &Response, now: Timestamp) {
        let package = parse_dictionary(&response.body).ok().as_ref().and_then(Package::read);
        let Some(package) = package else { return self.manifest_failed(order) };
        let answer = self.order_app(package.app.clone(), &order.command.body, now);
        if matches!(answer, super::commands::Answer::Acknowledged(_)) {
            self.agenda.push_back(Errand::Package(Box::new(package)));
        }
        if !order.reported {
            self.report(&order.command, answer, After::Nothing);
        }
    }

    /// The manifest never came, or cannot be used.
    pub(crate) fn manifest_failed(&mut self, order: ManifestOrder) {
        self.journal.error(format!("the manifest at {} cannot be had or used", order.url));
        if !order.reported {
            let refusal = self.rejected("CouldNotVerifyAppID", 12024, "The manifest could not be validated.");
            self.report(&order.command, refusal, After::Nothing);
        }
    }

    /// A part of the package came.
    pub(crate) fn package_came(&mut self, mut package: Package, response: &Response, now: Timestamp) {
        if response.status == 200 && response.body.len() as u64 > package.range {
            self.journal.remark("a package came whole though a range was asked for");
        }
        match package.take(response) {
            Ok(false) => self.agenda.push_front(Errand::Package(Box::new(package))),
            Ok(true) => {
                self.downloads.push(DownloadSeen {
                    identifier: package.app.identifier.clone(),
                    version: package.app.version.clone(),
                    sha256: hex_of(package.whole.0.clone(), b""),
                    size_bytes: package.offset,
                    requests: package.requests,
                });
                self.apps.arrived(&package.app.identifier, now);
                self.status_changed(now);
            }
            Err(what) => {
                self.journal.error(format!("{}: {what}", package.app.identifier));
                self.package_failed(&package.app.identifier, "Error.InstallFailed", now);
            }
        }
    }

    /// The package never came, or is another than its manifest says; `why` as status reports say it.
    pub(crate) fn package_failed(&mut self, identifier: &str, why: &'static str, now: Timestamp) {
        self.apps.fail(identifier, why);
        self.status_changed(now);
    }
}

/// The manifest of a package, as tests serve it.
#[cfg(test)]
pub(crate) fn manifest(identifier: &str, url: &str, file: &[u8], chunk: usize) -> Dictionary {
    use super::values::{dict, dictionary, texts};
    use crate::protocol::plist::Value;
    let hashes: Vec<String> = file.chunks(chunk).map(|chunk| hex_of(Context::new(&SHA256), chunk)).collect();
    let asset = dict([
        ("kind", Value::from("software-package")),
        ("url", Value::from(url)),
        ("sha256-size", Value::from(chunk as u64)),
        ("sha256s", texts(hashes)),
    ]);
    let metadata = dict([
        ("bundle-identifier", Value::from(identifier)),
        ("bundle-version", Value::from("1.4")),
        ("kind", Value::from("software")),
        ("title", Value::from("Field")),
    ]);
    dictionary([("items", Value::Array(vec![dict([("assets", Value::Array(vec![asset])), ("metadata", metadata)])]))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(file: &[u8], from: usize, to: usize) -> Response {
        let body = file[from..to.min(file.len())].to_vec();
        Response { total_bytes: Some(file.len() as u64), ..Response::new(206, "application/octet-stream", body) }
    }

    #[test]
    fn a_package_is_taken_in_ranges_and_checked_by_chunk() {
        let file: Vec<u8> = (0..2500_u32).map(|byte| byte as u8).collect();
        let manifest = manifest("school.example.field", "https://mdm.example.school/field.ipa", &file, 1000);
        let app = app_of_manifest(&manifest).unwrap();
        assert_eq!((app.identifier.as_str(), app.version.as_str()), ("school.example.field", "1.4"));
        let mut package = Package::of_manifest(&manifest, app.clone()).unwrap();
        assert!(package.request().headers.contains(&("range".into(), "bytes=0-999".into())));
        assert_eq!(package.take(&part(&file, 0, 1000)), Ok(false));
        assert_eq!(package.take(&part(&file, 1000, 2000)), Ok(false));
        assert_eq!(package.take(&part(&file, 2000, 3000)), Ok(true));

        let mut damaged = file.clone();
        damaged[1500] ^= 1;
        let mut package = Package::of_manifest(&manifest, app.clone()).unwrap();
        assert_eq!(package.take(&part(&damaged, 0, 1000)), Ok(false));
        assert!(package.take(&part(&damaged, 1000, 2000)).unwrap_err().contains("chunk 1"));
        let mut package = Package::of_manifest(&manifest, app).unwrap();
        assert!(package.take(&Response::new(200, "", file[..1000].to_vec())).unwrap_err().contains("fewer"));
    }

    #[test]
    fn a_package_of_another_length_than_announced_is_no_package() {
        let file = vec![7; 1500];
        let mut manifest = manifest("school.example.field", "https://mdm.example.school/field.ipa", &file, 1000);
        let items = manifest.get_mut("items").unwrap().as_array_mut().unwrap();
        let metadata = items[0].as_dictionary_mut().unwrap().get_mut("metadata").unwrap().as_dictionary_mut().unwrap();
        metadata.insert("sizeInBytes".into(), 1501_u64.into());
        let mut package = Package::of_manifest(&manifest, app_of_manifest(&manifest).unwrap()).unwrap();
        assert_eq!(package.take(&part(&file, 0, 1000)), Ok(false));
        assert!(package.take(&part(&file, 1000, 2000)).unwrap_err().contains("1500 bytes"));
        let mut greedy = Package::of_manifest(&manifest, app_of_manifest(&manifest).unwrap()).unwrap();
        assert!(greedy.take(&part(&file, 0, 1500)).unwrap_err().contains("were asked for"));
    }

    #[test]
    fn a_manifest_without_https_names_no_package() {
        let manifest = manifest("school.example.field", "http://mdm.example.school/field.ipa", b"x", 10);
        assert!(Package::of_manifest(&manifest, app_of_manifest(&manifest).unwrap()).is_none());
    }
}
