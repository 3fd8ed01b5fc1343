//! Copies of offline edits in one zip archive: made while it is taken, one copy in memory at a time.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use zip::ZipWriter;
use zip::write::{SimpleFileOptions, StreamWriter};

use super::names::{ending, plain};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::list::encode;
use crate::mdm::Actor;
use crate::mdm::access::copies::{self, Part};
use crate::pki::hex;
use crate::store::offline_copies::Copy;

/// Copies that wait, packed, until the other end takes them.
const WAITING_MAX: usize = 2;

/// The list of what is in an archive.
const INDEX: &str = "index.csv";

/// The folder of what came when the right had ended.
const AFTER: &str = msg!("After the right had ended");

/// The archive of an app's copies behind the one with this moment and id; `address` is where the archive of the older ones is.
pub(in crate::http) async fn archive_of(app: &App, actor: Actor, id: String, after: Option<(Timestamp, String)>) -> Result<Response> {
    let app_id = id.clone();
    let begin = move |tx: &crate::store::Tx| copies::export(tx, &actor, &id, after.as_ref().map(|(at, id)| (*at, id.as_str())));
    let Part { copies, next } = app.store.write(app.now(), begin).await?;
    let (sender, pieces) = mpsc::channel(WAITING_MAX);
    tokio::spawn(pack(app.clone(), copies, sender));
    let headers = [(CONTENT_TYPE, "application/zip"), (CONTENT_DISPOSITION, "attachment; filename=\"copies.zip\"")];
    let mut response = (headers, Body::from_stream(ReceiverStream::new(pieces))).into_response();
    if let Some(next) = next {
        let link = format!("</api/v1/apps/{app_id}/access/copies.zip?after={}>; rel=\"next\"", encode(&next));
        let link = HeaderValue::from_str(&link).map_err(|error| Error::internal("an address could not be written", error))?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// What was packed and is not sent yet; the packer holds the other end.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// What was packed since the last time.
    fn take(&self) -> Bytes {
        Bytes::from(mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Packer = ZipWriter<StreamWriter<Buffer>>;

/// A zip archive that grows.
struct Growing {
    packer: Packer,
    buffer: Buffer,
}

impl Growing {
    fn new() -> Self {
        let buffer = Buffer::default();
        Self { packer: ZipWriter::new_stream(buffer.clone()), buffer }
    }

    /// Adds a file; gives what can be sent on.
    fn add(&mut self, path: &str, content: &[u8]) -> io::Result<Bytes> {
        self.packer.start_file(path, SimpleFileOptions::default()).map_err(io::Error::other)?;
        self.packer.write_all(content)?;
        Ok(self.buffer.take())
    }

    /// Adds the list of what is in it, and ends it.
    fn end(mut self, index: &[u8]) -> io::Result<Bytes> {
        let mut rest = self.add(INDEX, index)?.to_vec();
        self.packer.finish().map_err(io::Error::other)?;
        rest.extend(self.buffer.take());
        Ok(Bytes::from(rest))
    }
}

/// Packs copies one by one and sends them on, until nobody takes them any more.
async fn pack(app: App, copies: Vec<Copy>, sender: mpsc::Sender<io::Result<Bytes>>) {
    if let Err(error) = pack_all(&app, copies, &sender).await {
        // Whoever went away is told nothing; an archive without its end is seen to be none.
        let _ = sender.send(Err(error)).await;
    }
}

async fn pack_all(app: &App, copies: Vec<Copy>, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let (mut zip, mut places, mut index) = (Growing::new(), Places::default(), csv::Writer::from_writer(Vec::new()));
    index.write_record(COLUMNS).map_err(io::Error::other)?;
    let away = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    for copy in copies {
        // The content of a copy whose time was over meanwhile is gone; then the list has no file for it.
        let mut path = String::new();
        if let Some(content) = app.store.read(app.now(), |tx| copies::content(tx, &copy)).await.map_err(io::Error::other)? {
            path = places.of(&copy);
            let name = path.clone();
            let work = move || zip.add(&name, content.expose()).map(|piece| (zip, piece));
            let (next, piece) = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
            zip = next;
            sender.send(Ok(piece)).await.map_err(away)?;
        }
        index.write_record(record(&copy, &path)).map_err(io::Error::other)?;
    }
    let index = index.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    sender.send(zip.end(&index)).await.map_err(away)
}

const COLUMNS: [&str; 12] = [
    "file",
    "document",
    "version",
    "from",
    "device_id",
    "person_id",
    "media_type",
    "size_bytes",
    "sha256",
    "came_at",
    "kept_until",
    "after_the_right_had_ended",
];

/// A line of the list. The file is empty for a copy whose time was over meanwhile.
fn record(copy: &Copy, path: &str) -> [String; 12] {
    [
        path.to_owned(),
        harmless(&copy.document),
        copy.version.to_string(),
        harmless(&copy.whose),
        copy.device_id.clone().unwrap_or_default(),
        copy.person_id.clone().unwrap_or_default(),
        harmless(&copy.media_type),
        copy.size_bytes.to_string(),
        hex(&copy.sha256),
        copy.created_at.to_string(),
        copy.keep_until.to_string(),
        String::from(if copy.after_refusal { "yes" } else { "no" }),
    ]
}

/// Text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() }
}

/// Where each copy stands in the archive: a folder for each device or person by name, and no two files of one name.
#[derive(Default)]
struct Places {
    /// The folder of each device or person, by what they were called.
    folders: HashMap<(String, String), String>,
    /// Names that are taken, in small letters: some file systems do not tell them apart.
    taken: HashSet<String>,
}

impl Places {
    fn of(&mut self, copy: &Copy) -> String {
        let keeper = copy.device_id.clone().unwrap_or_else(|| copy.holder.split('/').next().unwrap_or_default().to_owned());
        let key = (keeper, copy.whose.clone());
        if !self.folders.contains_key(&key) {
            let folder = self.free(&plain(&copy.whose, t!("Somebody")), "");
            self.folders.insert(key.clone(), folder);
        }
        let folder = self.folders.get(&key).cloned().unwrap_or_default();
        let folder = if copy.after_refusal { format!("{folder}/{AFTER}") } else { folder };
        let (stem, ending) = ending(&copy.document, &copy.media_type);
        self.free(&format!("{folder}/{stem} v{}", copy.version), &ending)
    }

    /// The first name that nothing else has.
    fn free(&mut self, name: &str, ending: &str) -> String {
        let mut number = 1;
        loop {
            let again = if number == 1 { String::new() } else { format!(" ({number})") };
            let candidate = format!("{name}{again}{ending}");
            if self.taken.insert(candidate.to_lowercase()) {
                return candidate;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(device: Option<&str>, whose: &str, document: &str, version: i64) -> Copy {
        Copy {
            id: "c".into(),
            app_id: "a".into(),
            holder: "p1/installation-1".into(),
            document: document.into(),
            version,
            media_type: "text/plain".into(),
            size_bytes: 4,
            sha256: vec![0; 32],
            device_id: device.map(str::to_owned),
            person_id: None,
            whose: whose.into(),
            after_refusal: false,
            created_at: Timestamp::default(),
            keep_until: Timestamp::default(),
        }
    }

    #[test]
    fn folders_are_names_and_no_file_hides_another() {
        let mut places = Places::default();
        for (copy, path) in [
            (copy(Some("d1"), "iPad 1", "notes.txt", 2), "iPad 1/notes v2.txt"),
            (copy(Some("d1"), "iPad 1", "Notes.txt", 2), "iPad 1/Notes v2 (2).txt"),
            (copy(Some("d2"), "iPad 1", "notes.txt", 2), "iPad 1 (2)/notes v2.txt"),
            (copy(None, "Änne Müller", "報告", 1), "Änne Müller/報告 v1.txt"),
            (copy(None, "../..", "../../etc/passwd", 1), "Somebody/.._.._etc_passwd v1.txt"),
            (copy(Some("d3"), "", "", 1), "Somebody (2)/Document v1.txt"),
            (Copy { after_refusal: true, ..copy(Some("d1"), "iPad 1", "notes.txt", 2) }, "iPad 1/After the right had ended/notes v2.txt"),
        ] {
            assert_eq!(places.of(&copy), path);
        }
    }

    #[test]
    fn what_looks_like_a_formula_is_text() {
        assert_eq!((harmless("=1+1"), harmless("notes")), ("'=1+1".to_owned(), "notes".to_owned()));
    }
}
